# What the specification promises of open orders whatever the numbers, held
# against the extension for thousands of random accounts: cancelling never
# hurts, no fill needs more than its order did, maintenance follows the mark
# upwards, what only reduces costs nothing, and portfolios with orders add up.
#
# Nothing here computes a requirement: two answers of the extension are
# compared.  The amounts themselves are those of 010_property.pl.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MARKETS => 200,
	ACCOUNTS => 10,
	SHOWN => 3,                # mismatches printed in full
};

my $seed = random_seed();

my $node = PostgreSQL::Test::Cluster->new('orders');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\nsearch_path = 'public, margin'\n");
$node->start;

# safe_psql() would hide the message in a log, behind the whole statement.
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

# A query of situations and how often each occurred, and how often it must.
sub enough
{
	my ($query, %required) = @_;
	my %seen = map { /(.*)\|(\d+)/ ? ($1 => $2) : () } split /\n/, sql($query);
	cmp_ok($seen{$_} // 0, '>=', $required{$_}, "enough cases: $_") for sort keys %required;
}

sql('CREATE EXTENSION margin');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS, rules => 1, orders => 0.8));

sql(q{
CREATE SCHEMA orders;

CREATE TABLE orders.subject AS
	SELECT account_id, portfolio, market, margin.without_orders(portfolio) AS without,
		   margin.evaluate(portfolio, market) AS v
	FROM random.account JOIN random.market USING (market_id);
ALTER TABLE orders.subject ADD PRIMARY KEY (account_id);

-- One order: the portfolio that it is, and the lot that its fill would be.
CREATE FUNCTION orders.of_order(contract text, side text, price numeric, quantity numeric, margin_quantity numeric)
RETURNS margin.portfolio IMMUTABLE LANGUAGE sql AS $$
	SELECT format('{"orders": {%s: {"%s": {"%s": [%s, %s]}}}}',
				  to_json(contract), side, price, quantity, margin_quantity)::margin.portfolio
$$;
CREATE FUNCTION orders.of_fill(contract text, side text, price numeric, quantity numeric, margin_quantity numeric)
RETURNS margin.portfolio IMMUTABLE LANGUAGE sql AS $$
	SELECT format('{"positions": {%1$s: {"%2$s": %3$s, "%2$s_cost": %4$s, "%2$s_margin": %5$s}}}',
				  to_json(contract), CASE side WHEN 'buy' THEN 'long' ELSE 'short' END,
				  quantity, quantity * price, margin_quantity)::margin.portfolio
$$;

CREATE TABLE orders.open_order AS
	SELECT account_id, (v).level <> 'unpriced' AS priced, o.contract, o.side::text AS side, o.price, o.quantity,
		   o.margin_quantity, o.value, o.order_loss,
		   orders.of_order(o.contract, o.side::text, o.price, o.quantity, o.margin_quantity) AS this,
		   terms.netting, terms.mark, coalesce(terms.order_maintenance, false) AS order_maintenance
	FROM orders.subject
	CROSS JOIN margin.orders(portfolio, market) AS o
	LEFT JOIN LATERAL (SELECT * FROM margin.contracts(market) AS terms
					   WHERE terms.contract = o.contract) AS terms ON true;

CREATE INDEX ON orders.open_order (account_id, contract);

CREATE TABLE orders.position AS
	SELECT account_id, positions.* FROM orders.subject, margin.positions(portfolio, market);
ALTER TABLE orders.position ADD PRIMARY KEY (account_id, contract);
ANALYZE;
});

cmp_ok(sql(q{SELECT count(DISTINCT account_id) FROM orders.open_order WHERE priced}),
	'>=', 1200, 'many priced accounts have orders');

# ---------------------------------------------------------------------------
# Rows and amounts
# ---------------------------------------------------------------------------

none_wrong(q{
	SELECT account_id, portfolio, market, v
	FROM orders.subject
	WHERE (v).level <> 'unpriced'
	  AND ((v).order_margin >= 0 AND (v).order_loss >= 0) IS NOT TRUE
	}, 'margin and loss of orders are never negative');

none_wrong(q{
	SELECT position.*
	FROM orders.position JOIN orders.subject USING (account_id)
	WHERE (v).level <> 'unpriced' AND (order_margin >= 0) IS NOT TRUE
	}, 'nor are the margins of the orders of one contract');

none_wrong(q{
	SELECT account_id, portfolio, market, v
	FROM orders.subject
	WHERE (v).level <> 'unpriced'
	  AND ((v).order_margin, (v).order_loss) IS DISTINCT FROM (
		(SELECT coalesce(sum(order_margin), 0) FROM orders.position WHERE position.account_id = subject.account_id),
		(SELECT coalesce(sum(order_loss), 0) FROM orders.open_order WHERE open_order.account_id = subject.account_id))
	}, 'rows of positions() and orders() sum to the valuation');

none_wrong(q{
	SELECT account_id, listed, kept
	FROM (SELECT account_id, contract, side, price, quantity, margin_quantity FROM orders.open_order) AS listed
	FULL JOIN (SELECT account_id, symbol AS contract, CASE WHEN quantity > 0 THEN 'buy' ELSE 'sell' END AS side,
					  entry_price AS price, sum(abs(quantity)) AS held
			   FROM random.holding
			   WHERE kind = 'order' AND quantity <> 0
			   GROUP BY 1, 2, 3, 4) AS kept USING (account_id, contract, side, price)
	WHERE quantity IS DISTINCT FROM held
	}, 'orders() lists every order by contract, side and price, of unpriced accounts too');

none_wrong(q{
	SELECT account_id, portfolio, without
	FROM orders.subject
	WHERE without <> portfolio - coalesce((SELECT margin.rollup(this) FROM orders.open_order
										   WHERE open_order.account_id = subject.account_id), '{}')
	   OR without <> margin.without_orders(without)
	   OR EXISTS (SELECT FROM margin.orders(without, market))
	}, 'without_orders() is the portfolio less the rows of orders()');

# ---------------------------------------------------------------------------
# Cancelling never hurts, all orders or one.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE orders.cancelled AS
	SELECT account_id, portfolio, market, v, without AS left_over, 'all' AS what
	FROM orders.subject
	WHERE account_id IN (SELECT account_id FROM orders.open_order)
	UNION ALL
	SELECT account_id, portfolio, market, v, portfolio - this, contract || ' ' || side || ' ' || price
	FROM orders.open_order JOIN orders.subject USING (account_id);
ALTER TABLE orders.cancelled ADD after margin.valuation, ADD judged numeric, ADD judged_after numeric;
UPDATE orders.cancelled
	SET after = margin.evaluate(left_over, market),
		judged = margin.judged_equity(portfolio, market), judged_after = margin.judged_equity(left_over, market);
});

none_wrong(q{
	SELECT *
	FROM orders.cancelled
	WHERE (v).level <> 'unpriced'
	  AND ((after).available_margin >= (v).available_margin
		   AND (after).maintenance_margin <= (v).maintenance_margin
		   AND (after).initial_margin <= (v).initial_margin
		   AND (after).order_margin <= (v).order_margin
		   AND (after).order_loss <= (v).order_loss
		   AND judged_after >= judged
		   AND (after).level <= (v).level) IS NOT TRUE
	}, 'a cancel takes no margin, raises no requirement and worsens no level');

none_wrong(q{
	SELECT *
	FROM orders.cancelled
	WHERE (v).level <> 'unpriced'
	  AND ((after).equity, (after).initial_equity, (after).unrealized_pnl, (after).net_asset_value)
		  IS DISTINCT FROM
		  ((v).equity, (v).initial_equity, (v).unrealized_pnl, (v).net_asset_value)
	}, 'orders are worth nothing and owe nothing');

none_wrong(q{
	SELECT *
	FROM orders.cancelled
	WHERE what = 'all' AND (v).level <> 'unpriced'
	  AND ((after).order_margin, (after).order_loss) IS DISTINCT FROM (0::numeric, 0::numeric)
	}, 'no orders, no margin and loss of orders');

enough(q{
	SELECT 'a cancel frees margin', count(*) FROM orders.cancelled
	WHERE (after).available_margin > (v).available_margin
	UNION ALL
	SELECT 'a cancel lowers maintenance', count(*) FROM orders.cancelled
	WHERE (after).maintenance_margin < (v).maintenance_margin
	UNION ALL
	SELECT 'a cancel changes the level', count(*) FROM orders.cancelled
	WHERE (v).level <> 'unpriced' AND (after).level < (v).level
	}, 'a cancel frees margin' => 1000, 'a cancel lowers maintenance' => 500, 'a cancel changes the level' => 100);

# ---------------------------------------------------------------------------
# A fill needs no more than its order: at the price of the order, which is the
# mark then.  Under "net" a position of both sides pools the leverage of their
# lots, and an order that is filled before one that closes ahead of it takes
# that one's place: there the account has one side, and the order its turn, as
# no better price stands.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE orders.filled AS
	SELECT o.account_id, o.contract, o.side, o.price, o.quantity, o.netting, o.order_maintenance,
		   portfolio, portfolio - this + orders.of_fill(o.contract, o.side, o.price, o.quantity, o.margin_quantity) AS after,
		   margin.shock(market, contract => o.contract, price => o.price, linked => false) AS market,
		   CASE WHEN position.long = position.short THEN 'opens'
				WHEN (position.long > position.short) = (o.side = 'buy') THEN 'adds'
				WHEN o.quantity > abs(position.long - position.short) THEN 'flips'
				ELSE 'reduces' END AS what
	FROM orders.open_order AS o
	JOIN orders.position USING (account_id, contract)
	JOIN orders.subject USING (account_id)
	WHERE priced
	  AND (netting <> 'net'
		   OR least(position.long, position.short) = 0
		   AND NOT EXISTS (SELECT FROM orders.open_order AS better
						   WHERE better.account_id = o.account_id AND better.contract = o.contract AND better.side = o.side
							 AND CASE o.side WHEN 'buy' THEN better.price > o.price ELSE better.price < o.price END));
ALTER TABLE orders.filled ADD v_before margin.valuation, ADD v_after margin.valuation;
UPDATE orders.filled SET v_before = margin.evaluate(portfolio, market), v_after = margin.evaluate(after, market);
});

none_wrong(q{
	SELECT *
	FROM orders.filled
	WHERE ((v_before).initial_margin >= (v_after).initial_margin) IS NOT TRUE
	   OR netting IN ('leg', 'larger') AND (v_before).initial_margin <> (v_after).initial_margin
	}, 'the requirement with an order standing is at least the one after its fill, with sides by themselves just that');

none_wrong(q{
	SELECT *
	FROM orders.filled
	WHERE order_maintenance AND ((v_before).maintenance_margin >= (v_after).maintenance_margin) IS NOT TRUE
	}, 'so is the maintenance, where orders require it');

none_wrong(q{
	SELECT *
	FROM orders.filled
	WHERE ((v_before).equity, (v_before).initial_equity) IS DISTINCT FROM ((v_after).equity, (v_after).initial_equity)
	   OR ((v_after).available_margin >= (v_before).available_margin) IS NOT TRUE
	}, 'a fill at the mark changes no equity and takes no available margin');

enough(q{
	SELECT netting || ' ' || what, count(*) FROM orders.filled GROUP BY 1
	}, map { my $netting = $_; map { ("$netting $_" => 20) } qw(opens adds reduces flips) } qw(leg larger net));

# ---------------------------------------------------------------------------
# Requirements of a contract with orders never fall as its mark rises.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE orders.marked AS
	SELECT account_id, o.contract, netting, order_maintenance, marks.mark, required.maintenance_margin,
		   required.initial_margin, required.order_margin
	FROM (SELECT DISTINCT account_id, contract, mark, netting, order_maintenance FROM orders.open_order
		  WHERE priced AND (order_maintenance OR account_id % 4 = 0)) AS o
	JOIN orders.subject USING (account_id)
	CROSS JOIN LATERAL (
		SELECT o.mark * by FROM unnest('{0.1,0.9999,1,2}'::numeric[]) AS by
		UNION
		SELECT price FROM orders.open_order AS other
		WHERE other.account_id = o.account_id AND other.contract = o.contract
		UNION
		SELECT price * 1.0001 FROM orders.open_order AS other
		WHERE other.account_id = o.account_id AND other.contract = o.contract) AS marks (mark)
	CROSS JOIN LATERAL margin.positions(portfolio, margin.shock(market, contract => o.contract, price => marks.mark, linked => false)) AS required
	WHERE required.contract = o.contract;
});

none_wrong(q{
	SELECT marked.*, subject.portfolio, subject.market
	FROM (SELECT *, lag(mark) OVER up AS mark_below,
				 lag(maintenance_margin) OVER up AS maintenance_below, lag(initial_margin + order_margin) OVER up AS initial_below
		  FROM orders.marked WINDOW up AS (PARTITION BY account_id, contract ORDER BY mark)) AS marked
	JOIN orders.subject USING (account_id)
	WHERE maintenance_margin < maintenance_below
	   OR initial_margin + order_margin < initial_below
	   OR maintenance_margin IS NULL
	}, 'neither maintenance nor the initial requirement with orders falls as the mark rises');

enough(q{
	SELECT netting, count(*) FROM orders.marked WHERE order_maintenance GROUP BY netting
	}, leg => 300, larger => 300, net => 300);

# ---------------------------------------------------------------------------
# Under "net", orders that only reduce cost nothing: to every position less the
# orders on its other side are added some of together no more contracts than
# it has.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE orders.reducing AS
	SELECT account_id, contract, market, base,
		   base + orders.of_order(contract, side, mark * 0.9, abs(net) * part, abs(net) * 1)
				+ orders.of_order(contract, side, mark * 1.1, abs(net) * (1 - part), 0) AS reduced
	FROM (SELECT account_id, position.contract, market, terms.mark, long - short AS net,
				 CASE WHEN long > short THEN 'sell' ELSE 'buy' END AS side,
				 ('{0.1,0.25,0.5,0.99999}'::numeric[])[1 + account_id % 4] AS part,
				 portfolio - coalesce((SELECT margin.rollup(this) FROM orders.open_order AS other
									   WHERE other.account_id = subject.account_id AND other.contract = position.contract
										 AND other.side = CASE WHEN long > short THEN 'sell' ELSE 'buy' END), '{}') AS base
		  FROM orders.position
		  JOIN orders.subject USING (account_id)
		  CROSS JOIN LATERAL margin.contracts(market) AS terms
		  WHERE terms.contract = position.contract AND terms.netting = 'net'
			AND long <> short AND (v).level <> 'unpriced') AS held
	-- a margin quantity has no more decimals
	WHERE scale(net) <= 18;
});

none_wrong(q{
	SELECT reducing.*, before.*, after.*
	FROM orders.reducing
	CROSS JOIN LATERAL margin.evaluate(base, market) AS before
	CROSS JOIN LATERAL margin.evaluate(reduced, market) AS after
	WHERE ((before).order_margin, (before).initial_margin, (before).maintenance_margin)
		  IS DISTINCT FROM
		  ((after).order_margin, (after).initial_margin, (after).maintenance_margin)
	   OR NOT (after).order_loss > (before).order_loss
	}, 'what only reduces requires nothing; the loss at its price is one all the same');

cmp_ok(sql('SELECT count(*) FROM orders.reducing'), '>=', 200, 'enough positions are reduced');

# ---------------------------------------------------------------------------
# Portfolios with orders add up, and come back from text and bytes.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE orders.split AS
	SELECT account_id, in_parts, coalesce(a, '{}') AS a, coalesce(b, '{}') AS b
	FROM (SELECT account_id, margin.rollup(part) AS in_parts,
				 margin.rollup(part) FILTER (WHERE n < 2) AS a, margin.rollup(part) FILTER (WHERE n >= 2) AS b
		  FROM (SELECT account_id, hashtext(ctid::text) & 3 AS n,
					   margin.portfolio(symbol, quantity, entry_price, leverage, kind ORDER BY entry_price, quantity) AS part
				FROM random.holding
				GROUP BY account_id, n) AS part
		  GROUP BY account_id) AS parts;
});

my %law = (
	'the parts roll up to the whole' => 'in_parts = portfolio AND in_parts::text = portfolio::text',
	'a + b is the whole' => 'a + b = portfolio AND (a + b)::text = portfolio::text',
	'a + b = b + a' => 'a + b = b + a',
	'(a + b) - b = a' => '(a + b) - b = a AND ((a + b) - b)::text = a::text',
	'whole - a = b' => 'portfolio - a = b',
	'whole - whole is empty' => "portfolio - portfolio = '{}'",
	'doubled and halved' => 'portfolio + portfolio - portfolio = portfolio',
	'cancelling all is cancelling in every part' => 'margin.without_orders(portfolio) = margin.without_orders(a) + margin.without_orders(b)',
	'a portfolio reads back from its text' => 'portfolio::text::margin.portfolio = portfolio AND portfolio::text::margin.portfolio::text = portfolio::text');

for my $law (sort keys %law)
{
	none_wrong(qq{
		SELECT account_id, portfolio, a, b
		FROM orders.subject JOIN orders.split USING (account_id)
		WHERE ($law{$law}) IS NOT TRUE
		}, $law);
}

enough(q{
	SELECT 'orders at one price in both parts', count(*)
	FROM orders.split
	JOIN orders.subject USING (account_id)
	CROSS JOIN LATERAL (SELECT count(*) FROM margin.orders(a, market)) AS of_a (count)
	CROSS JOIN LATERAL (SELECT count(*) FROM margin.orders(b, market)) AS of_b (count)
	CROSS JOIN LATERAL (SELECT count(*) FROM margin.orders(portfolio, market)) AS of_all (count)
	WHERE of_a.count + of_b.count > of_all.count
	}, 'orders at one price in both parts' => 100);

# Canonical text: sides buy and sell, prices ascending by value, without
# trailing zeros.
none_wrong(q{
	SELECT account_id, contract, side, texts, portfolio
	FROM orders.subject
	CROSS JOIN LATERAL json_each(portfolio::text::json -> 'orders') AS of_contract (contract, sides)
	CROSS JOIN LATERAL json_each(sides) AS of_side (side, prices)
	CROSS JOIN LATERAL (SELECT array_agg(key ORDER BY nth), array_agg(key ORDER BY key::numeric),
							   bool_or(key <> trim_scale(key::numeric)::text), bool_or(json_array_length(value) <> 2)
						FROM json_each(prices) WITH ORDINALITY AS price (key, value, nth)) AS given (texts, ascending, unlike, other)
	WHERE texts <> ascending OR unlike OR other OR side NOT IN ('buy', 'sell')
	}, 'prices are written once, ascending and without trailing zeros');

my $file = $node->basedir . '/portfolio.copy';
sql(qq{
CREATE TABLE orders.copied (account_id integer, portfolio margin.portfolio, market margin.market);
COPY (SELECT account_id, portfolio, market FROM orders.subject) TO '$file' (FORMAT binary);
COPY orders.copied FROM '$file' (FORMAT binary);
});
none_wrong(q{
	SELECT account_id, subject.portfolio, copied.portfolio
	FROM orders.subject FULL JOIN orders.copied USING (account_id)
	WHERE (copied.portfolio = subject.portfolio AND copied.market = subject.market
		   AND copied.portfolio::text = subject.portfolio::text
		   AND copied.market::text = subject.market::text
		   AND margin.evaluate(copied.portfolio, copied.market) IS NOT DISTINCT FROM v) IS NOT TRUE
	}, 'portfolios and markets come back from bytes');

# More than is there cannot be taken away.
sql(q{
CREATE FUNCTION orders.refuses(a margin.portfolio, b margin.portfolio) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM a - b;
	RETURN false;
EXCEPTION WHEN data_exception THEN
	RETURN true;
END
$$;
});
none_wrong(q{
	SELECT account_id, portfolio, contract, side, price, quantity, margin_quantity, how
	FROM (SELECT * FROM orders.open_order WHERE account_id < 1000) AS o
	JOIN orders.subject USING (account_id)
	CROSS JOIN LATERAL (VALUES
		('quantity', orders.of_order(contract, side, price, quantity * 1.0000000001, 0)),
		('margin quantity', orders.of_order(contract, side, price, quantity * 0.5, margin_quantity + 1e-18)),
		('price', orders.of_order(contract, side, price * 1.00001, quantity, 0)),
		('side', orders.of_order(contract, CASE side WHEN 'buy' THEN 'sell' ELSE 'buy' END, price, quantity, 0)))
		AS more (how, taken)
	WHERE NOT orders.refuses(portfolio, taken)
	  -- both sides at one price
	  AND (how <> 'side' OR NOT EXISTS (SELECT FROM orders.open_order AS other
										WHERE other.account_id = o.account_id AND other.contract = o.contract
										  AND other.price = o.price AND other.side <> o.side))
	}, 'taking away more of an order than stands is an error');

done_testing();
