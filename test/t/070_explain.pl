# explain() and trade() over random accounts, half of them with open orders: the rows of the first add up to
# evaluate() and say of each amount how it comes about; the second books what
# plain SQL over numeric computes, and moves no equity at mark.
#
# MARGIN_SEED=n repeats the cases.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginOrders;
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MARKETS => 150,
	ACCOUNTS_PER_MARKET => 12,
	TRADES_PER_ACCOUNT => 3,
	SHOWN => 3,
};

my $seed = random_seed();
my $book = random_book(markets => MARKETS, accounts => ACCOUNTS_PER_MARKET);

my $node = PostgreSQL::Test::Cluster->new('explain');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;

sub sql
{
	my ($status, $output, $error) = $node->psql('postgres', $_[0], timeout => 900);
	return $output if $status == 0;
	diag "MARGIN_SEED=$seed\n", substr($error, 0, 4000);
	die 'a statement failed';
}

sub none_wrong
{
	my ($query, $name) = @_;
	my $wrong = sql("SELECT count(*) FROM ($query) AS wrong");
	is($wrong, 0, $name)
	  or diag "MARGIN_SEED=$seed\n", sql("SELECT jsonb_pretty(to_jsonb(wrong)) FROM ($query) AS wrong LIMIT " . SHOWN);
}

sub enough
{
	my ($least, $query, $name) = @_;
	cmp_ok(sql("SELECT count(*) FROM $query"), '>=', $least, "enough cases: $name");
}

sql('CREATE EXTENSION margin');
sql('ALTER DATABASE postgres SET search_path = public, margin');
sql($book);
sql(ordered_book($seed));

# ---------------------------------------------------------------------------
# explain
# ---------------------------------------------------------------------------

sql(q{
CREATE SCHEMA property;
CREATE TABLE property.account AS
	SELECT account_id, market_id, portfolio AS p,
		   to_jsonb(margin.evaluate(portfolio, market)) || jsonb_build_object('judged_equity', margin.judged_equity(portfolio, market)) AS v,
		   (SELECT value FROM margin.rules(market) WHERE rule = 'liability_rule') AS liability_rule
	FROM random.account JOIN random.market USING (market_id);
ALTER TABLE property.account ADD PRIMARY KEY (account_id);
CREATE TABLE property.row AS
	SELECT account_id, e.*
	FROM random.account JOIN random.market USING (market_id),
		 LATERAL margin.explain(portfolio, market) WITH ORDINALITY AS e
			 (field, kind, symbol, side, item, lower_bound, upper_bound, amount, unit, rate, weight, price, value, n);
CREATE INDEX ON property.row (account_id);
CREATE TABLE property.asset AS
	SELECT account_id, c.* FROM random.account JOIN random.market USING (market_id), LATERAL margin.collateral(portfolio, market) AS c;
CREATE TABLE property.position AS
	SELECT account_id, c.* FROM random.account JOIN random.market USING (market_id), LATERAL margin.positions(portfolio, market) AS c;
CREATE TABLE property.terms AS
	SELECT market_id, c.* FROM random.market, LATERAL margin.contracts(market) AS c;
CREATE TABLE property.quote AS
	SELECT market_id, a.* FROM random.market, LATERAL margin.assets(market) AS a;
ANALYZE property.account, property.row, property.asset, property.position, property.terms, property.quote;
});

my $unpriced = "v ->> 'level' = 'unpriced'";
enough(1000, "property.account WHERE NOT $unpriced", 'priced');
enough(100, "property.account WHERE $unpriced", 'unpriced');
enough(50, "property.row WHERE item = '$_'", $_)
  for 'balance', 'profit and loss', 'collateral ratio', 'not collateral', 'debt', 'maintenance rate', 'closing fee',
  'initial rate', 'leverage', 'netted out', 'initial ratio', 'as collateral', 'as liability',
  'outweighed', 'opening fee', 'with orders', 'without orders', 'order margin', 'order loss';
enough(10, "property.row WHERE item = '$_'", $_) for 'unknown asset', 'no index price', 'unknown contract', 'no mark price', 'no maintenance rates';
enough(20, "property.row WHERE field = 'initial_margin' AND item = 'maintenance rate'", 'maintenance decides');
enough(100, "property.row WHERE unit = 'USD' AND lower_bound > 0", 'tiers by value');
enough(50, "property.row WHERE unit = 'contracts' AND lower_bound > 0", 'tiers by contracts');
enough(50, "property.row WHERE field = 'order_margin' AND item = 'netted out'", 'orders that another side outdoes');

none_wrong(q{
	SELECT account_id, name, sum(value) AS explained, v -> name AS evaluated
	FROM property.account
	CROSS JOIN unnest('{net_asset_value,collateral_value,liabilities,initial_equity,unrealized_pnl,maintenance_margin,initial_margin,order_margin,order_loss}'::text[]) AS name
	LEFT JOIN property.row USING (account_id)
	WHERE v ->> 'level' <> 'unpriced'
	GROUP BY account_id, name, v
	HAVING coalesce(sum(value) FILTER (WHERE field = name), 0) <> (v ->> name)::numeric}, 'the rows of a field sum to the valuation');
none_wrong(q{
	SELECT account_id, v
	FROM property.account
	LEFT JOIN property.row USING (account_id)
	WHERE v ->> 'level' <> 'unpriced'
	GROUP BY account_id, v
	HAVING coalesce(sum(value) FILTER (WHERE field = 'judged_equity'), (v ->> 'equity')::numeric) <> (v ->> 'judged_equity')::numeric},
	'and those of the equity that is judged, where it has rows');
none_wrong(q{
	SELECT * FROM property.row
	WHERE field <> 'missing'
	  AND value IS DISTINCT FROM amount * coalesce(rate, 1) * coalesce(weight, 1) * coalesce(price, 1)},
	'a value is the product of its row');
none_wrong(qq{
	SELECT account_id, field FROM property.row JOIN property.account USING (account_id)
	WHERE (field = 'missing') <> ($unpriced) OR (field = 'missing' AND value IS NOT NULL)},
	'an unpriced account has rows of what is missing only');
none_wrong(q{
	SELECT account_id, v, array_agg(DISTINCT symbol COLLATE "C" ORDER BY symbol COLLATE "C") AS symbols
	FROM property.account LEFT JOIN property.row USING (account_id)
	WHERE v ->> 'level' = 'unpriced'
	GROUP BY account_id, v
	HAVING to_jsonb(array_agg(DISTINCT symbol COLLATE "C" ORDER BY symbol COLLATE "C")) <> v -> 'missing'},
	'and it names the same symbols as the valuation');
none_wrong(q{
	SELECT account_id FROM property.account LEFT JOIN property.row USING (account_id)
	GROUP BY account_id, p HAVING (count(n) = 0) <> (p = '{}')}, 'whoever holds something has rows');

# Slices follow each other from 0 and fill their tiers, or there is one with all of it.
none_wrong(q{
	SELECT *
	FROM (SELECT *, count(*) OVER same AS slices,
				 lag(upper_bound) OVER (same ORDER BY n) AS before,
				 row_number() OVER (same ORDER BY n DESC) = 1 AS last
		  FROM property.row
		  WHERE lower_bound IS NOT NULL
		  WINDOW same AS (PARTITION BY account_id, field, kind, symbol, side, item)) AS slice
	WHERE slices > 1 AND (lower_bound <> coalesce(before, 0)
						  OR amount <= 0
						  OR NOT last AND amount <> upper_bound - lower_bound
						  OR amount > upper_bound - lower_bound)
	   OR slices = 1 AND (amount < lower_bound OR amount > upper_bound)},
	'slices fill their tiers');
none_wrong(q{
	SELECT account_id, asset, asset_equity, low, sum(amount)
	FROM property.asset JOIN property.row USING (account_id)
	JOIN property.account USING (account_id)
	JOIN (SELECT market_id, asset, coalesce(low, price) AS low FROM property.quote) AS quote USING (market_id, asset)
	WHERE (field = 'collateral_value' OR item = 'initial ratio') AND symbol = asset
	GROUP BY account_id, field, asset, asset_equity, low, unit
	HAVING sum(amount) <> CASE unit WHEN 'USD' THEN low * asset_equity ELSE asset_equity END}, 'slices sum to what is held');
none_wrong(q{
	SELECT * FROM property.position
	LEFT JOIN LATERAL (
		SELECT coalesce(sum(amount) FILTER (WHERE field = 'unrealized_pnl'), 0) AS pnl,
			   coalesce(sum(value) FILTER (WHERE field = 'unrealized_pnl'), 0) AS pnl_usd,
			   coalesce(sum(value) FILTER (WHERE field = 'maintenance_margin'), 0) AS maintenance,
			   coalesce(sum(value) FILTER (WHERE field = 'initial_margin'), 0) AS initial,
			   coalesce(sum(value) FILTER (WHERE field = 'order_margin'), 0) AS ordered
		FROM property.row
		WHERE row.account_id = position.account_id AND kind = 'contract' AND symbol = contract) AS e ON true
	JOIN property.account USING (account_id)
	WHERE v ->> 'level' <> 'unpriced'
	  AND ((e.pnl, e.pnl_usd, ordered) IS DISTINCT FROM (position.pnl, position.pnl_usd, order_margin)
		   OR (liability_rule = 'sum' AND (maintenance, initial) IS DISTINCT FROM (maintenance_margin, initial_margin + order_margin)))},
	'the legs of a contract sum to the contract');

# One leg that counts: its three candidates, computed here, and which one is named.
sql(q{
CREATE TABLE property.decided AS
	SELECT position.account_id, contract, side, notional, decided.*, c.*
	FROM property.position
	JOIN property.account USING (account_id)
	JOIN property.terms USING (market_id, contract)
	CROSS JOIN LATERAL (VALUES ('long'::margin.side, long, long_notional), ('short', short, short_notional)) AS leg (side, quantity, notional)
	CROSS JOIN LATERAL (
		SELECT CASE terms.tier_unit WHEN 'contracts' THEN contract_size * terms.mark * margin.apply(maintenance, quantity)
								ELSE margin.apply(maintenance, notional) END + closing_fee * notional AS by_maintenance,
			   coalesce(CASE terms.tier_unit WHEN 'contracts' THEN contract_size * terms.mark * margin.apply(initial, quantity)
										 ELSE margin.apply(initial, notional) END, 0) + opening_fee * notional AS by_rate,
			   contract_size * terms.mark * coalesce((p::text::jsonb -> 'positions' -> contract ->> (side || '_margin'))::numeric, 0)
			   + opening_fee * notional AS by_leverage) AS c
	CROSS JOIN LATERAL (
		SELECT coalesce(max(item) FILTER (WHERE item NOT LIKE '% fee'), 'initial rate') AS item,
			   sum(amount * coalesce(rate, 1) * CASE unit WHEN 'contracts' THEN contract_size * terms.mark ELSE 1 END) AS settled
		FROM property.row
		WHERE row.account_id = position.account_id AND kind = 'contract' AND symbol = contract AND row.side = leg.side
		  AND field = 'initial_margin') AS decided
	WHERE v ->> 'level' <> 'unpriced' AND netting = 'leg' AND quantity > 0 AND liability_rule = 'sum'
	  AND NOT coalesce(p::text::jsonb -> 'orders' ? contract, false);
});
enough(100, 'property.decided', 'legs with three candidates');
none_wrong(q{
	SELECT * FROM property.decided
	WHERE settled <> greatest(by_maintenance, by_rate, by_leverage)
	   OR item <> CASE greatest(by_maintenance, by_rate, by_leverage)
					  WHEN by_maintenance THEN 'maintenance rate' WHEN by_rate THEN 'initial rate' ELSE 'leverage' END},
	'what decides an initial margin is named');

# Sentences, for every account; with the exact numbers in them.
sql(q{
CREATE TABLE property.text AS
	SELECT account_id, array_agg(line ORDER BY n) AS lines
	FROM random.account JOIN random.market USING (market_id),
		 LATERAL margin.explain_text(portfolio, market) WITH ORDINALITY AS t (line, n)
	GROUP BY account_id;
});
none_wrong(q{
	SELECT account_id, lines, v FROM property.account LEFT JOIN property.text USING (account_id)
	WHERE lines IS NULL OR array_position(lines, NULL) > 0
	   OR NOT starts_with(lines[1], 'Level ' || (v ->> 'level') || ':')
	   OR CASE v ->> 'level' WHEN 'unpriced' THEN cardinality(lines) < 2
		  ELSE cardinality(lines) < 3
			   OR NOT lines[1] LIKE '%' || (v ->> CASE v ->> 'level' WHEN 'bankrupt' THEN 'equity' ELSE 'judged_equity' END) || ' USD%'
				  AND NOT ((v ->> 'maintenance_margin')::numeric = 0 AND lines[1] LIKE '%' || (v ->> 'equity') || ' USD%')
			   OR (v ->> 'maintenance_margin')::numeric > 0 AND NOT lines[1] LIKE '%' || (v ->> 'maintenance_margin') || ' USD%'
				  AND v ->> 'level' <> 'bankrupt' END},
	'sentences begin with the level and its reason');
none_wrong(q{
	SELECT account_id, contract, lines FROM property.position JOIN property.text USING (account_id)
	JOIN property.account USING (account_id)
	WHERE v ->> 'level' <> 'unpriced'
	  AND (SELECT count(*) FROM unnest(lines) AS line WHERE starts_with(line, contract || ' long ') OR starts_with(line, contract || ' short '))
		  <> (long > 0)::integer + (short > 0)::integer},
	'every leg has its sentence');
none_wrong(q{
	SELECT account_id, p, lines FROM property.text JOIN property.account USING (account_id)
	WHERE v ->> 'level' <> 'unpriced'
	  AND (SELECT count(*) FROM unnest(lines) AS line WHERE starts_with(line, 'Orders in '))
		  <> (SELECT count(*) FROM jsonb_object_keys(coalesce(p::text::jsonb -> 'orders', '{}')))},
	'and so have the orders of every contract');

# ---------------------------------------------------------------------------
# trade
# ---------------------------------------------------------------------------

# A contract that the account holds, or any of its market; to close a whole
# side, a part, more than there is, or an amount of its own; at mark or not.
my @trades;
for my $account (split /\n/, sql('SELECT account_id FROM random.account ORDER BY account_id'))
{
	for (1 .. TRADES_PER_ACCOUNT)
	{
		push @trades, join "\t", scalar(@trades), $account, between(0, 999), (chance(0.75) ? 't' : 'f'), pick(qw(long short)),
		  pick(qw(whole part part more own none)), decimal(pick(qw(plain token tiny huge))), '0.' . between(1, 9) . between(1, 9999999),
		  (chance(0.5) ? '\N' : decimal(pick(qw(plain plain token tiny huge)))),
		  (chance(0.4) ? '\N' : pick(1, 3, 7, 20, '0.3', decimal('plain')));
	}
}

sql("CREATE TABLE property.wanted (trade integer, account_id integer, pick integer, held boolean, closes margin.side, kind text,
	own numeric, part numeric, price numeric, leverage numeric);
COPY property.wanted FROM STDIN;\n" . join("\n", @trades, '\\.', ''));

sql(q{
-- a / b rounded up at the 18th decimal, a >= 0, b > 0
CREATE FUNCTION property.quotient_up(a numeric, b numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS
	$$ SELECT (div(a * 1e18, b) + CASE WHEN mod(a * 1e18, b) > 0 THEN 1 ELSE 0 END) * 1e-18 $$;
-- and down
CREATE FUNCTION property.quotient_down(a numeric, b numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS
	$$ SELECT div(a * 1e18, b) * 1e-18 $$;

CREATE TABLE property.trade AS
	SELECT trade, account_id, market, p, contract, settle, contract_size, wanted.leverage,
		   coalesce(price, mark, 1) AS price,
		   coalesce(price = mark, mark IS NOT NULL) AS at_mark,
		   CASE closes WHEN 'long' THEN -1 ELSE 1 END
		   * CASE WHEN kind = 'none' THEN 0
				  WHEN kind = 'own' OR x = 0 THEN own
				  WHEN kind = 'whole' THEN x
				  WHEN kind = 'part' THEN x * part
				  ELSE x * (1 + part) END AS quantity,
		   side.*
	FROM property.wanted
	JOIN property.account USING (account_id)
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL (
		SELECT terms.* FROM property.terms
		LEFT JOIN property.position AS position ON position.account_id = wanted.account_id AND position.contract = terms.contract
		WHERE terms.market_id = account.market_id
		ORDER BY (position.account_id IS NOT NULL AND wanted.held) DESC,
				 CASE WHEN position.account_id IS NOT NULL AND wanted.held THEN 0 ELSE hashtext(terms.contract) # pick END, terms.contract
		LIMIT 1) AS terms
	CROSS JOIN LATERAL (SELECT coalesce(p::text::jsonb -> 'positions' -> contract, '{}') AS position) AS held
	CROSS JOIN LATERAL (
		SELECT coalesce((position ->> closes::text)::numeric, 0) AS x,
			   coalesce((position ->> 'long')::numeric, 0) AS l, coalesce((position ->> 'long_cost')::numeric, 0) AS kl,
			   coalesce((position ->> 'long_margin')::numeric, 0) AS ml,
			   coalesce((position ->> 'short')::numeric, 0) AS s, coalesce((position ->> 'short_cost')::numeric, 0) AS ks,
			   coalesce((position ->> 'short_margin')::numeric, 0) AS ms) AS side;
CREATE TABLE property.traded AS
	SELECT *, margin.trade(p, market, contract, quantity, price, leverage) AS after FROM property.trade;

-- The same by hand.  "x" is the side that is closed, c contracts of it.
CREATE TABLE property.expected AS
	SELECT trade,
		   trim_scale(coalesce((p::text::jsonb -> 'balances' ->> settle)::numeric, 0)
					  + CASE WHEN quantity < 0 THEN contract_size * (price * c - cost) ELSE contract_size * (cost - price * c) END) AS balance,
		   CASE WHEN quantity < 0
				THEN jsonb_build_object('long', l - c, 'long_cost', kl - cost, 'long_margin', margin,
										'short', s + opened, 'short_cost', ks + opened * price, 'short_margin', ms + added)
				ELSE jsonb_build_object('short', s - c, 'short_cost', ks - cost, 'short_margin', margin,
										'long', l + opened, 'long_cost', kl + opened * price, 'long_margin', ml + added) END AS position
	FROM (SELECT trade, CASE WHEN quantity < 0 THEN l ELSE s END AS x, CASE WHEN quantity < 0 THEN kl ELSE ks END AS k,
				 CASE WHEN quantity < 0 THEN ml ELSE ms END AS m
		  FROM property.trade) AS closed (trade, closing, k, m)
	JOIN property.trade USING (trade)
	CROSS JOIN LATERAL (SELECT least(closing, abs(quantity)) AS c) AS c
	CROSS JOIN LATERAL (SELECT abs(quantity) - c AS opened) AS o
	CROSS JOIN LATERAL (
		SELECT CASE WHEN c = closing THEN k
					WHEN quantity < 0 THEN least(k, property.quotient_up(k * c, closing))
					ELSE property.quotient_down(k * c, closing) END AS cost,
			   CASE WHEN c = closing THEN 0 ELSE property.quotient_up(m * (closing - c), closing) END AS margin,
			   CASE WHEN leverage IS NULL THEN 0 ELSE property.quotient_up(opened, leverage) END AS added) AS part;
ANALYZE property.trade, property.traded, property.expected;
});

enough(200, 'property.trade WHERE quantity < 0 AND -quantity < l', 'part of a long side closed');
enough(200, 'property.trade WHERE quantity > 0 AND quantity < s', 'part of a short side closed');
enough(100, 'property.trade WHERE quantity = -l AND l > 0', 'long side closed');
enough(100, 'property.trade WHERE quantity = s AND s > 0', 'short side closed');
enough(100, 'property.trade WHERE -quantity > l AND l > 0', 'long side turned');
enough(100, 'property.trade WHERE quantity > s AND s > 0', 'short side turned');
enough(300, 'property.trade WHERE quantity < 0 AND l = 0 OR quantity > 0 AND s = 0', 'opened');
enough(20, 'property.trade WHERE l > 0 AND s > 0 AND quantity <> 0', 'hedged');
enough(50, q{property.trade WHERE quantity < 0 AND -quantity < l
			 AND property.quotient_up(kl * -quantity, l) * l <> kl * -quantity}, 'cost rounded');
enough(200, q{property.trade WHERE p::text::jsonb -> 'orders' ? contract}, 'with orders standing');
enough(500, 'property.trade WHERE at_mark AND quantity <> 0', 'at mark');

none_wrong(q{
	SELECT trade, account_id, contract, quantity, price, leverage, p, after, expected
	FROM property.traded
	JOIN property.expected USING (trade)
	CROSS JOIN LATERAL (
		SELECT jsonb_build_object(
				   'balances', coalesce(p::text::jsonb -> 'balances', '{}') || jsonb_build_object(settle, balance),
				   'orders', coalesce(p::text::jsonb -> 'orders', '{}'),
				   'positions', coalesce(p::text::jsonb -> 'positions', '{}') || jsonb_build_object(contract, position))::text::margin.portfolio) AS e (expected)
	WHERE after IS DISTINCT FROM expected},
	'trades are booked as computed');
none_wrong('SELECT trade, p, after FROM property.traded WHERE (quantity = 0) AND after <> p', 'quantity 0 changes nothing');

# At mark, whatever is rounded: no equity of an asset moves.
none_wrong(q{
	SELECT trade, p, after, a.asset, a.asset_equity AS before, b.asset_equity AS then
	FROM property.traded
	CROSS JOIN LATERAL margin.collateral(p, market) AS a
	LEFT JOIN LATERAL margin.collateral(after, market) AS b ON b.asset = a.asset
	WHERE at_mark AND coalesce(b.asset_equity, 0) <> a.asset_equity},
	'traded at mark no equity of an asset changes');
none_wrong(q{
	SELECT trade, p, after, a, b
	FROM property.traded
	CROSS JOIN LATERAL margin.evaluate(p, market) AS a
	CROSS JOIN LATERAL margin.evaluate(after, market) AS b
	WHERE at_mark AND a.level <> 'unpriced' AND b.level <> 'unpriced'
	  AND (a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut)
		  IS DISTINCT FROM (b.equity, b.collateral_value, b.liabilities, b.net_asset_value, b.haircut)},
	'nor does the valuation of what is held');

# There and back, and in two steps: nothing is lost to rounding.
none_wrong(q{
	SELECT trade, p, after
	FROM property.traded
	WHERE CASE WHEN quantity > 0 THEN s = 0 AND l = 0 ELSE l = 0 AND s = 0 END
	  AND margin.trade(after, market, contract, -quantity, price) <> p},
	'bought and sold again at one price leaves the portfolio as it was');
none_wrong(q{
	SELECT trade, p, after
	FROM property.traded
	CROSS JOIN LATERAL (SELECT CASE WHEN quantity < 0 THEN -l ELSE s END AS whole) AS side
	WHERE abs(quantity) < abs(whole)
	  AND margin.trade(after, market, contract, whole - quantity, price) <> margin.trade(p, market, contract, whole, price)},
	'a side closed in two steps realizes what it realizes in one');

$node->stop;
done_testing();
