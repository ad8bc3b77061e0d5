# Inverse questions against search on evaluate(), for thousands of random
# accounts with every kind of tier and netting: those about prices also with open
# orders, doubtful prices and every rule of a market.
#
# Nothing here knows how an answer is found.  Marks, prices and holdings are
# changed as anybody would change them, in the text of a market and by adding
# holdings, and evaluate() says what comes of it.  With coarse ticks and steps
# every multiple on the way to an answer is looked at; with fine ones the
# answer, its neighbour and places at random.  MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Fewer where arithmetic is slow, rather in as many markets, as accounts of one are much alike; those with rules
# are of eight kinds.
use constant { $ENV{FORCE_NUMERIC} ? (MARKETS => 50, RULED => 8, ACCOUNTS => 4) : (MARKETS => 100, RULED => 24, ACCOUNTS => 8), SHOWN => 3 };

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('solve');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;

# An error would otherwise be hidden in a log, behind the whole statement.
sub sql
{
	my ($status, $output, $error) = $node->psql('postgres', $_[0], timeout => 600);
	return $output if $status == 0;
	diag "MARGIN_SEED=$seed\n", substr($error, 0, 4000);
	die 'a statement failed';
}

# How many rows a query finds wrong; shows some of them.
sub none_wrong
{
	my ($query, $name) = @_;
	my $wrong = sql("SELECT count(*) FROM ($query) AS wrong");
	is($wrong, 0, $name)
	  or diag "MARGIN_SEED=$seed\n", sql("SELECT jsonb_pretty(to_jsonb(wrong)) FROM ($query) AS wrong LIMIT " . SHOWN);
}

# Enough of something to mean anything?  As many in a hundred markets of eight accounts.
sub enough
{
	my ($query, $least, $name) = @_;
	my $count = sql("SELECT count(*) FROM $query");
	cmp_ok($count, '>=', $least * MARKETS * ACCOUNTS / 800, "$name: $count");
}

sql('CREATE EXTENSION margin');
# Others have rules, and accounts with open orders.
sql(random_book(markets => RULED, accounts => ACCOUNTS, rules => 1, orders => 0.8));
sql('ALTER SCHEMA random RENAME TO ruled');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS));

sql(q{
CREATE SCHEMA solve;
SET search_path = solve, margin, public;

-- Markets in which one mark is another, or the price of an asset, with its bounds, so many times what it is in an
-- original; the asset may be null.
CREATE FUNCTION at_mark(m market, contract text, mark numeric) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_set(m::text::jsonb, ARRAY['contracts', contract, 'mark'], to_jsonb(mark))::text::margin.market $$;
CREATE FUNCTION quoted(asset jsonb, factor numeric) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(jsonb_object_agg(key, value::numeric * factor), '{}') FROM jsonb_each_text(asset) WHERE key IN ('price', 'low', 'high') $$;
CREATE FUNCTION at_price(m market, original market, asset text, factor numeric) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN asset IS NULL THEN m ELSE
		jsonb_set(j, ARRAY['assets', asset], (j #> ARRAY['assets', asset]) || solve.quoted(original::text::jsonb #> ARRAY['assets', asset], factor))::text::margin.market END
	FROM (SELECT m::text::jsonb AS j) AS texts $$;

-- A schedule with its bounds so many times as high, its rates likewise.
CREATE FUNCTION scaled(s text, u numeric, r numeric DEFAULT 1) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
	SELECT margin.schedule(t[1]::numeric * u, t[2]::numeric * r, CASE WHEN s LIKE 'whole%' THEN 'whole'::margin.tier_method ELSE 'marginal' END)::text
	FROM regexp_matches(s, '([0-9.]+): ([0-9.]+)', 'g') AS t $$;

-- A market with USD in a unit that is so many times as small.
CREATE FUNCTION rescaled(m market, unit numeric) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_set(j, '{assets}', (
		SELECT jsonb_object_agg(a.key, a.value || solve.quoted(a.value, unit) || CASE WHEN a.value ->> 'tier_unit' = 'value' THEN (
					SELECT coalesce(jsonb_object_agg(t.key, solve.scaled(t.value, unit)), '{}')
					FROM jsonb_each_text(a.value) AS t WHERE t.key IN ('tiers', 'initial_tiers')) ELSE '{}' END)
		FROM jsonb_each(j -> 'assets') AS a))::text::margin.market
	FROM (SELECT m::text::jsonb AS j) AS texts $$;

CREATE FUNCTION is_state(question text, p portfolio, m market) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE question WHEN 'liquidation' THEN margin.level(p, m) IN ('liquidation', 'bankrupt')
						 ELSE margin.equity(p, m) <= 0 END $$;

-- Random rates are high: moving away from what is owned relieves more than it
-- costs.  Half of the markets get rates as venues have them, and their accounts
-- siblings that are near to where something is decided.
CREATE FUNCTION with_low_rates(m market) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_set(j, '{contracts}', (
		SELECT jsonb_object_agg(c.key, c.value
			|| CASE WHEN c.value ? 'maintenance' THEN jsonb_build_object('maintenance', solve.scaled(c.value ->> 'maintenance', 1, 0.01)) ELSE '{}' END
			|| jsonb_build_object('closing_fee', coalesce((c.value ->> 'closing_fee')::numeric, 0) * 0.01))
		FROM jsonb_each(j -> 'contracts') AS c))::text::margin.market
	FROM (SELECT m::text::jsonb AS j) AS texts WHERE j ? 'contracts' UNION ALL SELECT m LIMIT 1 $$;
CREATE FUNCTION near(p portfolio, m market, times numeric) RETURNS portfolio
LANGUAGE sql IMMUTABLE AS $$
	SELECT p OPERATOR(margin.+) margin.portfolio_of('CASH', margin.maintenance_margin(p, m) * times - margin.judged_equity(p, m)) $$;
UPDATE random.market SET market = with_low_rates(market) WHERE market_id % 2 = 0;
UPDATE ruled.market SET market = with_low_rates(market) WHERE market_id % 2 = 0;
INSERT INTO random.account (account_id, market_id, portfolio, story)
	SELECT 2000000 + account_id, market_id, near(portfolio, market, ('{1.001,1.1,2,5,20,50}'::numeric[])[1 + account_id % 6]), 'near'
	FROM random.account JOIN random.market USING (market_id)
	WHERE market_id % 2 = 0 AND story = 'random' AND maintenance_margin(portfolio, market) > 0;
INSERT INTO ruled.account (account_id, market_id, portfolio, story)
	SELECT 2000000 + account_id, market_id, near(portfolio, market, ('{1.001,1.1,2,5,20,50}'::numeric[])[1 + account_id % 6]), 'near'
	FROM ruled.account JOIN ruled.market USING (market_id)
	WHERE story = 'random' AND maintenance_margin(portfolio, market) > 0;

-- Whatever is drawn, there are accounts in every market with rules whose answers these change: two long, which
-- a rise reaches as well as a fall, and two short, with an order that adds to what they hold, at a loss, and a doubtful price.
UPDATE ruled.market SET market = jsonb_set(jsonb_set(m,
	'{contracts,SURE}', jsonb_build_object('settle', 'CASH', 'contract_size', 1, 'mark', 100 * (1 + market_id % 5), 'order_maintenance', true,
										   'maintenance', format('{0: 0.1, %s: 4}', 2500 * (1 + market_id % 5)), 'initial', '{0: 0.2}', 'closing_fee', 0.001)),
	'{assets,DOUBT}', '{"price": 10, "low": 9, "high": 12, "tiers": "{0: 0.9}"}')::text::market
  FROM (SELECT market_id AS id, market::text::jsonb AS m FROM ruled.market) AS t
 WHERE id = market_id;
INSERT INTO ruled.account (account_id, market_id, portfolio, story)
	SELECT 1500000 + 10 * market_id + i, market_id,
		   near(portfolio_of('DOUBT', 1) + portfolio_of('SURE', 10 * sign, mark) + portfolio_of('SURE', 7 * sign, mark * (1 + 0.1 * sign), 5, 'order'), market, 1 + i),
		   'sure'
	FROM ruled.market
	CROSS JOIN LATERAL contracts(market)
	CROSS JOIN (VALUES (1, 1), (2, 1), (3, -1), (4, -1)) AS sides (i, sign)
	WHERE contract = 'SURE';
-- And hedged ones, which may not close all of a side.
UPDATE random.market
   SET market = jsonb_set(market::text::jsonb, '{contracts,HEDGE}',
		'{"settle": "CASH", "contract_size": 1, "mark": 100, "netting": "net", "maintenance": "{0: 0.1}", "initial": "{0: 0.2}"}')::text::market
 WHERE market_id % 5 = 0;
INSERT INTO random.account (account_id, market_id, portfolio, story)
	SELECT 1500000 + 10 * market_id + 5 * i, market_id, portfolio_of('HEDGE', 10, 100) + portfolio_of('HEDGE', -10, 100) + portfolio_of('CASH', 100 + 20 * i), 'hedged'
	FROM random.market, generate_series(0, 1) AS i
	WHERE market_id % 5 = 0;

-- Accounts that can be valued, with a market of what they need only.
CREATE FUNCTION needed(p portfolio, m market) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object(
		'assets', (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(m -> 'assets')
				   WHERE p -> 'balances' ? key
					  OR key IN (SELECT value ->> 'settle' FROM jsonb_each(m -> 'contracts') WHERE p -> 'positions' ? key OR p -> 'orders' ? key)),
		'contracts', (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(m -> 'contracts')
					  WHERE p -> 'positions' ? key OR p -> 'orders' ? key),
		'levels', coalesce(m -> 'levels', '{}'),
		'rules', coalesce(m -> 'rules', '{}'))::text::margin.market
	FROM (SELECT m::text::jsonb AS m, '{"balances": {}, "positions": {}, "orders": {}}'::jsonb || p::text::jsonb AS p) AS texts $$;
CREATE TABLE account AS
	SELECT account_id, portfolio, market AS whole_market, needed(portfolio, market) AS market
	FROM random.account JOIN random.market USING (market_id)
	WHERE level(portfolio, market) <> 'unpriced';
CREATE TABLE ruled_account AS
	SELECT 5000000 + account_id AS account_id, portfolio, market AS whole_market, needed(portfolio, market) AS market
	FROM ruled.account JOIN ruled.market USING (market_id)
	WHERE level(portfolio, market) <> 'unpriced';
CREATE VIEW any_account AS TABLE account UNION ALL TABLE ruled_account;

-- Every position of them; linked only where an index can move along.
CREATE TABLE place AS
	SELECT account_id, portfolio, whole_market, market, contract, mark, linked,
		   CASE WHEN linked THEN base END AS base
	FROM any_account
	CROSS JOIN LATERAL contracts(market)
	LEFT JOIN LATERAL assets(market) ON asset = base AND asset <> settle
	CROSS JOIN (VALUES (false), (true)) AS how (linked)
	WHERE NOT linked OR price IS NOT NULL;
CREATE TABLE question AS
	SELECT *, row_number() OVER (ORDER BY account_id, contract, linked, question) AS id
	FROM place CROSS JOIN unnest('{liquidation,bankruptcy}'::text[]) AS question;

-- The answers, with ticks that are a part of the mark, so that the prices
-- of linked assets at their multiples are decimals, and with fine ones.
CREATE TABLE answer AS
	SELECT question.*, how, part, tick, lower, upper
	FROM question
	CROSS JOIN (SELECT '{0.05,0.125,0.03,0.2,0.07,0.15,1,0.5,0.64,1.6}'::numeric[] AS parts) AS p
	CROSS JOIN LATERAL (
		VALUES ('coarse', parts[1 + id % 10], mark * parts[1 + id % 10]),
			   ('fine', NULL, CASE WHEN id % 5 = 0 THEN mark * 3.0e-11 ELSE 1e-18 END)) AS t (how, part, tick)
	CROSS JOIN LATERAL (
		SELECT * FROM liquidation_range(portfolio, whole_market, contract, tick, linked) WHERE question = 'liquidation'
		UNION ALL
		SELECT * FROM bankruptcy_range(portfolio, whole_market, contract, tick, linked) WHERE question = 'bankruptcy') AS r;
ANALYZE answer;
});

enough("solve.answer WHERE how = 'coarse' AND question = 'liquidation' AND NOT linked", 500, 'positions asked about');
enough("solve.answer WHERE linked", 200, 'with a linked index');
enough("solve.answer WHERE how = 'fine' AND $_ <> mark", 60, "answers $_ than the mark") for qw(lower upper);
enough("solve.answer WHERE how = 'fine' AND lower <> mark AND upper <> mark", 15, 'answers on both sides');
enough("solve.answer WHERE how = 'fine' AND lower = mark", 200, 'accounts that are there already');
sql(q{
SET search_path = solve, margin, public;
-- What orders and rules change of the answers, where orders matter.
CREATE TABLE told AS
	SELECT account_id, contract, linked, reduction, liability_rule, answer.lower, answer.upper, mark, other.lower AS other_lower, other.upper AS other_upper
	FROM answer
	CROSS JOIN LATERAL (
		SELECT market::text::jsonb -> 'rules' ->> 'orders_reduce_equity' AS reduction, market::text::jsonb -> 'rules' ->> 'liability_rule' AS liability_rule) AS r
	CROSS JOIN LATERAL liquidation_range(without_orders(portfolio), whole_market, contract, tick, linked) AS other
	WHERE question = 'liquidation' AND how = 'fine' AND account_id > 5000000 AND portfolio::text LIKE '%orders%' AND answer.lower IS DISTINCT FROM mark;
});
enough("solve.told", 100, 'answers of accounts with orders');
enough("solve.told WHERE (lower, upper) IS DISTINCT FROM (other_lower, other_upper)", 20, 'answers that orders change');
enough("solve.told WHERE reduction IN ('$_', 'both') AND (lower, upper) IS DISTINCT FROM (other_lower, other_upper)", 20, "answers that their $_ changes")
  for qw(loss margin);
enough("solve.told WHERE reduction IS NULL AND (lower, upper) IS DISTINCT FROM (other_lower, other_upper)", 8, 'answers that their maintenance changes');

# All multiples of the tick below the mark, and some forty above it.
none_wrong(
	q{
	WITH scanned AS (
		SELECT answer.*, there, first_below, first_above, ceil(mark / tick) + 40 AS horizon
		FROM solve.answer
		CROSS JOIN LATERAL (SELECT solve.is_state(question, portfolio, market) AS there) AS present
		CROSS JOIN LATERAL (
			SELECT max(k * tick) FILTER (WHERE k * tick < mark) AS first_below,
				   min(k * tick) FILTER (WHERE k * tick > mark) AS first_above
			FROM generate_series(1::numeric, ceil(mark / tick) + 40) AS k
			WHERE NOT there
			  AND solve.is_state(question, portfolio, solve.at_price(solve.at_mark(market, contract, k * tick), market, base, k * part))) AS s
		WHERE how = 'coarse')
	SELECT account_id, portfolio::text, market::text, contract, question, linked, mark, tick, lower, upper, there, first_below, first_above
	FROM scanned
	WHERE CASE WHEN there THEN (lower, upper) IS DISTINCT FROM (mark, mark)
			   ELSE lower IS DISTINCT FROM first_below
				 OR (first_above IS NOT NULL AND upper IS DISTINCT FROM first_above)
				 OR (first_above IS NULL AND upper <= horizon * tick) END
	}, 'coarse ticks: the answer is the first multiple that search finds');

none_wrong(
	q{
	SELECT account_id, contract, question, linked, mark, tick, lower, upper, price
	FROM solve.answer
	CROSS JOIN LATERAL (
		SELECT margin.liquidation_price(portfolio, whole_market, contract, tick, linked) AS price WHERE question = 'liquidation'
		UNION ALL
		SELECT margin.bankruptcy_price(portfolio, whole_market, contract, tick, linked) WHERE question = 'bankruptcy') AS p
	WHERE price IS DISTINCT FROM CASE WHEN mark - lower <= upper - mark OR upper IS NULL THEN lower ELSE upper END
	}, 'the price is the nearer end of the range');

# Fine ticks: the answer, the tick before it, and thirty ticks at random
# between the mark and the answer, or on the whole side where there is none.
sql(q{
SELECT setseed(} . ($seed % 1000) / 1000 . q{);
SET search_path = solve, margin, public;
CREATE TABLE looked AS
	SELECT answer.*, side, k, must
	FROM answer
	CROSS JOIN LATERAL (
		SELECT 'lower' AS side, lower / tick AS k, true AS must WHERE lower IS NOT NULL
		UNION ALL
		SELECT 'upper', upper / tick, true WHERE upper IS NOT NULL
		UNION ALL
		SELECT 'lower', lower / tick + 1, false
		UNION ALL
		SELECT 'upper', upper / tick - 1, false
		UNION ALL
		SELECT 'lower', ceil(coalesce(lower, 0) / tick + ((mark - coalesce(lower, 0)) / tick)
			   * CASE WHEN i % 3 = 0 THEN random() ^ 12 ELSE random() END::numeric), false
		FROM generate_series(1, 15) AS i
		UNION ALL
		SELECT 'upper', floor(CASE WHEN upper IS NULL THEN mark / tick * (1 + 10 ^ (20 * random() - 8)::numeric)
								   ELSE mark / tick + (upper - mark) / tick * (1 - random() ^ (1 + 11 * (i % 3)))::numeric END), false
		FROM generate_series(1, 15) AS i
		-- beside limit prices
		UNION ALL
		SELECT CASE WHEN n * tick < mark THEN 'lower' ELSE 'upper' END, n, false
		FROM orders(portfolio, market) AS o, LATERAL (VALUES (floor(o.price / tick)), (ceil(o.price / tick)), (floor(o.price / tick) + 1)) AS beside (n)
		WHERE o.contract = answer.contract) AS looked
	WHERE how = 'fine'
	  AND (must OR (mark IS DISTINCT FROM lower
					AND CASE side WHEN 'lower' THEN k * tick < mark AND k > coalesce(lower / tick, 0)
								  ELSE k * tick > mark AND (upper IS NULL OR k * tick < upper) END));
DELETE FROM looked WHERE random() > 0.5 AND NOT must AND k NOT IN (lower / tick + 1, upper / tick - 1);
});
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, contract, question, linked, mark, tick, lower, upper, side, k, must
	FROM solve.looked
	CROSS JOIN LATERAL (SELECT CASE WHEN linked
		THEN solve.at_price(solve.at_mark(solve.rescaled(market, mark), contract, k * tick), market, base, k * tick)
		ELSE solve.at_mark(market, contract, k * tick) END AS there) AS moved
	WHERE CASE WHEN (lower = mark AND must) THEN false
		  ELSE solve.is_state(question, portfolio, there) <> must END
	}, 'fine ticks: undercollateralized at the answer and nowhere before it');

# ---------------------------------------------------------------------------
# Room: what may be withdrawn, what has to be deposited, what may be ordered.
# ---------------------------------------------------------------------------

sql(q{
SET search_path = solve, margin, public;

-- Each account and each asset of its market, with every other row without unrealized gains.
CREATE TABLE withdrawal AS
	WITH asked AS (
		SELECT account.*, asset, with_unrealized,
			   coalesce(asset_equity, 0) AS equity, coalesce(balance, 0) AS balance,
			   CASE WHEN with_unrealized THEN portfolio
					ELSE portfolio + coalesce((SELECT rollup(portfolio_of(g.asset, -g.pnl))
											   FROM collateral(portfolio, market) AS g WHERE g.pnl > 0), '{}') END AS judged
		FROM account
		CROSS JOIN LATERAL (SELECT asset FROM assets(whole_market)
							ORDER BY portfolio::text::jsonb -> 'balances' ? asset DESC, asset COLLATE "C" LIMIT 3) AS a
		CROSS JOIN unnest('{t,f}'::boolean[]) AS with_unrealized
		LEFT JOIN LATERAL (SELECT asset AS name, asset_equity, balance FROM collateral(portfolio, market)) AS c ON name = asset
	),
	bounded AS (
		SELECT *, greatest(0, CASE WHEN with_unrealized THEN equity ELSE least(balance, equity) END) AS most FROM asked
	)
	SELECT bounded.*, how, step, max_withdrawal(portfolio, whole_market, asset, with_unrealized, step) AS amount
	FROM bounded
	CROSS JOIN LATERAL (VALUES ('coarse', CASE WHEN most = 0 THEN 1 ELSE round(most / 17, 40) + 1e-40 END),
							   ('fine', (ARRAY[1e-8, 1e-18, 0.3])[1 + account_id % 3])) AS s (how, step);
});
enough('solve.withdrawal WHERE 0 < amount AND amount < div(most, step) * step', 100, 'withdrawals that a requirement limits');
enough('solve.withdrawal WHERE 0 < amount AND NOT with_unrealized', 100, 'withdrawals without unrealized gains');
none_wrong(
	q{
	SELECT account_id, portfolio::text, whole_market::text, asset, with_unrealized, step, amount, most
	FROM solve.withdrawal
	WHERE amount IS NULL OR mod(amount, step) <> 0 OR amount NOT BETWEEN 0 AND most
	   OR (amount > 0 AND NOT margin.passes(judged OPERATOR(margin.+) margin.portfolio_of(asset, -amount), whole_market))
	   OR (amount + step <= most AND margin.passes(judged OPERATOR(margin.+) margin.portfolio_of(asset, -amount - step), whole_market))
	}, 'withdrawals: the account passes, one step more fails or exceeds a bound');
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, asset, with_unrealized, step, amount, most, found
	FROM solve.withdrawal
	CROSS JOIN LATERAL (
		SELECT coalesce(min(k) FILTER (WHERE NOT margin.passes(judged OPERATOR(margin.+) margin.portfolio_of(asset, -k * step), whole_market)) - 1,
						max(k)) * step AS found
		FROM generate_series(0, div(most, step)::integer) AS k) AS s
	WHERE how = 'coarse' AND amount <> greatest(found, 0)
	}, 'withdrawals: nothing less fails');

sql(q{
SET search_path = solve, margin, public;
CREATE TABLE deposited AS
	SELECT account.*, asset, step, min_deposit(portfolio, whole_market, asset, step) AS amount
	FROM account
	CROSS JOIN LATERAL (SELECT asset FROM assets(whole_market)
						ORDER BY portfolio::text::jsonb -> 'balances' ? asset DESC, asset COLLATE "C" LIMIT 4) AS a
	CROSS JOIN LATERAL (SELECT (ARRAY[1e-8, 1e-18, 0.3])[1 + account_id % 3] AS step) AS s;
});
enough('solve.deposited WHERE amount > 0', 300, 'deposits that suffice');
enough('solve.deposited WHERE amount IS NULL', 300, 'accounts that no deposit helps');
none_wrong(
	q{
	SELECT account_id, portfolio::text, whole_market::text, asset, step, amount
	FROM solve.deposited
	CROSS JOIN LATERAL (SELECT coalesce(amount, 0) AS deposit OFFSET 0) AS d
	WHERE (amount = 0) IS DISTINCT FROM (CASE WHEN margin.passes(portfolio, whole_market) THEN true WHEN amount IS NOT NULL THEN false END)
	   OR mod(amount, step) <> 0 OR amount < 0
	   OR (amount > 0 AND NOT margin.passes(portfolio OPERATOR(margin.+) margin.portfolio_of(asset, deposit), whole_market))
	   OR (amount > 0 AND margin.passes(portfolio OPERATOR(margin.+) margin.portfolio_of(asset, deposit - step), whole_market))
	   OR (amount IS NULL AND EXISTS (
			SELECT FROM generate_series(-30, 90, 5) AS e
			WHERE margin.passes(portfolio OPERATOR(margin.+) margin.portfolio_of(asset, ('1e' || e)::numeric), whole_market)))
	}, 'deposits: the account passes, one step less fails, and no deposit helps where none is named');
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, asset, amount, coarse, answer
	FROM solve.deposited
	CROSS JOIN LATERAL (SELECT round(amount / 13, 40) + 1e-40 AS coarse WHERE amount > 0 OFFSET 0) AS c
	CROSS JOIN LATERAL (SELECT margin.min_deposit(portfolio, whole_market, asset, coarse) AS answer) AS a
	WHERE answer IS DISTINCT FROM (
			SELECT min(k) * coarse FROM generate_series(0, 14) AS k
			WHERE margin.passes(portfolio OPERATOR(margin.+) margin.portfolio_of(asset, k * coarse), whole_market))
	}, 'deposits: nothing less suffices');

sql(q{
SET search_path = solve, margin, public;
CREATE TABLE ordered AS
	WITH asked AS (
		SELECT account.*, c.contract, side, mark * factor AS price,
			   CASE WHEN side = 'long' THEN greatest(mark, mark * factor) ELSE least(mark, mark * factor) END AS worse,
			   leverage, CASE side WHEN 'long' THEN 1 ELSE -1 END AS sign,
			   coalesce(CASE side WHEN 'long' THEN p.short ELSE p.long END, 0) AS opposite,
			   row_number() OVER () AS id
		FROM account
		CROSS JOIN LATERAL contracts(whole_market) AS c
		JOIN LATERAL assets(whole_market) AS a ON asset = settle AND a.price IS NOT NULL
		CROSS JOIN unnest('{long,short}'::side[]) AS side
		CROSS JOIN LATERAL (SELECT (ARRAY[1, 1, 1.05, 0.9, 1.3])[1 + account_id % 5] AS factor,
								   (ARRAY[NULL, 1, 3, 7, 20, 0.3, 125])[1 + (account_id / 5) % 7] AS leverage) AS terms
		LEFT JOIN LATERAL (SELECT contract AS name, long, short FROM positions(portfolio, market)) AS p ON p.name = c.contract
		WHERE mark IS NOT NULL AND maintenance IS NOT NULL
	)
	SELECT asked.*, how, step,
		   trade(portfolio, whole_market, contract, sign * opposite, price, NULL) AS closed,
		   max_order(portfolio, whole_market, contract, side, price, leverage, step) AS size
	FROM asked
	CROSS JOIN LATERAL (SELECT (ARRAY[1e-8, 1e-18, 1])[1 + id % 3] AS fine) AS f
	CROSS JOIN LATERAL (
		VALUES ('fine', fine),
			   ('coarse', round(abs(nullif(max_order(portfolio, whole_market, contract, side, price, leverage, fine) - opposite, 0)) / 9, 40) + 1e-40)) AS s (how, step)
	WHERE id % 3 = 0 AND step IS NOT NULL;
CREATE FUNCTION with_order(o ordered, further numeric) RETURNS portfolio
LANGUAGE sql IMMUTABLE AS $$
	SELECT (o).closed OPERATOR(margin.+) margin.portfolio_of((o).contract, (o).sign * further, (o).worse, (o).leverage) $$;
});
enough('solve.ordered WHERE opposite > 0 AND size > opposite', 60, 'orders that turn a position');
enough('solve.ordered WHERE size > opposite', 500, 'orders that open');
enough('solve.ordered WHERE size < opposite', 20, 'orders that close a part');
none_wrong(
	q{
	SELECT account_id, portfolio::text, whole_market::text, contract, side, price, leverage, step, size, opposite
	FROM solve.ordered AS o
	CROSS JOIN LATERAL (SELECT coalesce(size - opposite, 0) AS further OFFSET 0) AS f
	WHERE CASE WHEN further < 0
		  -- part of a closing, at a loss or of what offset another side
		  THEN mod(size, step) <> 0 OR NOT margin.passes(portfolio, whole_market)
			   OR NOT margin.passes(margin.trade(portfolio, whole_market, contract, sign * size, price), whole_market)
			   OR margin.passes(margin.trade(portfolio, whole_market, contract, sign * least(size + step, opposite), price), whole_market)
		  ELSE mod(further, step) <> 0
	   OR (further > 0 AND NOT margin.passes(solve.with_order(o, further), whole_market))
	   OR (further = 0 AND size > 0 AND margin.passes(portfolio, whole_market) AND NOT margin.passes(closed, whole_market))
	   OR (size IS NOT NULL AND margin.passes(closed, whole_market)
		   AND margin.passes(solve.with_order(o, further + step), whole_market))
	   OR (size IS NULL AND EXISTS (
			SELECT FROM unnest('{0,1e-18,1,1e18,1e60}'::numeric[]) AS n WHERE NOT margin.passes(solve.with_order(o, n), whole_market))) END
	}, 'orders: the account passes, one step more fails, and none fails where none is named');
none_wrong(
	q{
	SELECT account_id, portfolio::text, whole_market::text, contract, side, price, leverage, step, size, opposite, found
	FROM solve.ordered AS o
	CROSS JOIN LATERAL (
		SELECT min(k) - 1 AS found FROM generate_series(0, 20) AS k
		WHERE NOT margin.passes(solve.with_order(o, k * step), whole_market)) AS s
	WHERE how = 'coarse' AND size > opposite AND size IS DISTINCT FROM opposite + found * step
	}, 'orders: nothing less fails');

# ---------------------------------------------------------------------------
# The buffer: no prices inside the box may reach the account.  Where nothing is
# long on balance it is sharp, and a corner of the next box does.
# ---------------------------------------------------------------------------

sql(q{
SET search_path = solve, margin, public;
-- Factors of prices, marks, and of the low and high bounds of doubtful prices; a low one that would be above the high one takes that along.
CREATE FUNCTION moved(m market, factors numeric[]) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT (t || jsonb_build_object(
		'assets', (SELECT coalesce(jsonb_object_agg(key, CASE
						WHEN value ? 'low' OR value ? 'high' THEN value || jsonb_build_object('low', low, 'price', low, 'high', greatest(low, high))
						WHEN value ? 'price' THEN value || jsonb_build_object('price', (value ->> 'price')::numeric * factors[n])
						ELSE value END), '{}')
				   FROM jsonb_each(t -> 'assets') WITH ORDINALITY AS e (key, value, n),
				   LATERAL (SELECT coalesce(value ->> 'low', value ->> 'price')::numeric * factors[40 + n] AS low,
								   coalesce(value ->> 'high', value ->> 'price')::numeric * factors[60 + n] AS high) AS q),
		'contracts', (SELECT coalesce(jsonb_object_agg(key, value || jsonb_build_object('mark', (value ->> 'mark')::numeric * factors[20 + n])), '{}')
					  FROM jsonb_each(t -> 'contracts') WITH ORDINALITY AS e (key, value, n))))::text::margin.market
	FROM (SELECT '{"assets": {}, "contracts": {}}'::jsonb || m::text::jsonb AS t) AS texts $$;
CREATE TABLE buffered AS
	SELECT *, buffer(portfolio, whole_market) AS buffer,
		   (SELECT count(*) FROM assets(market)) AS nassets,
		   NOT EXISTS (SELECT FROM positions(portfolio, market) AS p WHERE p.long > p.short) AND
		   (portfolio::text NOT LIKE '%"orders"%' OR market::text NOT LIKE '%orders_reduce_equity%') AS sharp
	FROM any_account;
-- random places in the box, half of them in its corners
CREATE TABLE boxed AS
	SELECT account_id, portfolio, market, buffer,
		   ARRAY(SELECT 1 + least(buffer, 0.99999999) * CASE WHEN (i + account_id) % 2 = 0
							  THEN sign(random() - 0.5)::numeric ELSE (2 * random() - 1)::numeric END
				 FROM generate_series(1, 80)) AS factors
	FROM buffered, generate_series(1, 12) AS i
	WHERE buffer IS NOT NULL;
});
enough('solve.buffered WHERE buffer > 0 AND buffer < 1', 150, 'buffers');
enough('solve.buffered WHERE buffer > 0 AND buffer < 1 AND sharp AND nassets < 6', 25, 'buffers that are sharp');
enough("solve.buffered WHERE buffer > 0 AND buffer < 1 AND portfolio::text LIKE '%orders%' AND market::text LIKE '%orders_reduce_equity%'", 20, 'buffers of accounts whose orders count');
enough("solve.buffered WHERE buffer > 0 AND buffer < 1 AND market::text LIKE '%liability_rule%'", 20, 'buffers where the larger of two requirements counts');
enough("solve.buffered WHERE buffer > 0 AND buffer < 1 AND market::text ~ '\"(low|high)\"'", 10, 'buffers with doubtful prices');
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, buffer FROM solve.buffered
	WHERE (buffer IS NULL) <> solve.is_state('liquidation', portfolio, market)
	   OR buffer NOT BETWEEN 0 AND 1 OR buffer <> round(buffer, 8)
	}, 'buffers are null for accounts that are undercollateralized, and only for them');
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, buffer, factors FROM solve.boxed
	WHERE solve.is_state('liquidation', portfolio, solve.moved(market, factors))
	}, 'buffers: nothing inside the box');
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, buffer
	FROM solve.buffered
	WHERE sharp AND nassets < 6 AND buffer < 0.99
	  AND NOT EXISTS (
		SELECT FROM generate_series(0, (1 << nassets::integer) - 1) AS corner
		WHERE solve.is_state('liquidation', portfolio, solve.moved(market, (
			SELECT array_agg(1 + step * (buffer + 1e-8) ORDER BY i)
			FROM generate_series(1, 80) AS i,
			LATERAL (SELECT CASE WHEN i BETWEEN 41 AND 60 THEN -1 WHEN i > 20 OR corner >> (i - 1) & 1 = 1 THEN 1 ELSE -1 END AS step) AS s))))
	}, 'buffers: a corner of the next box where nothing is long on balance');
done_testing();
