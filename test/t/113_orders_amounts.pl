# Amounts with open orders, two measures and all that belongs to them, against
# evaluate(): the account passes at every answer and below it, and fails one
# step further on.  What an answer is, is built here by adding holdings and by trade().
#
# MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginOrders;
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { MARKETS => $ENV{FORCE_NUMERIC} ? 15 : 40, ACCOUNTS => 8, SHOWN => 3 };

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('orders_amounts');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;

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

# Enough of something to mean anything?  As many in a hundred markets.
sub enough
{
	my ($query, $least, $name) = @_;
	my $count = sql("SELECT count(*) FROM $query");
	cmp_ok($count, '>=', $least * MARKETS / 100, "$name: $count");
}

sql('CREATE EXTENSION margin; ALTER DATABASE postgres SET search_path = public, margin');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS, clean => 0.95));
sql(ordered_book($seed));

# Most accounts fail by far, or pass by far: siblings that have a little more than they need.
sql(q{
CREATE TABLE account AS
	SELECT account_id, portfolio AS p, market AS m FROM random.account JOIN random.market USING (market_id)
	WHERE level(portfolio, market) <> 'unpriced';
INSERT INTO account
	SELECT 3000000 + account_id, p + portfolio_of('CASH', (v).initial_margin * (ARRAY[0.001, 0.1, 1, 10])[1 + account_id % 4] - least((v).available_margin,
					  judged_equity(p, m) - (v).maintenance_margin / coalesce((m::text::jsonb -> 'levels' ->> 'liquidation')::numeric, 1))), m
	FROM account, LATERAL (SELECT evaluate(p, m) AS v OFFSET 0) AS valued
	WHERE (v).initial_margin > 0;
ANALYZE account;
});
enough('account WHERE passes(p, m)', 400, 'accounts that pass');
enough('account WHERE passes(p, m) AND order_margin(p, m) > 0', 200, 'of these with orders that require something');

# ---------------------------------------------------------------------------
# What may be ordered.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE asked AS
	SELECT account_id, p, m, passes(p, m) AS passes, c.contract, mark, netting, side, (CASE side WHEN 'long' THEN 'buy' ELSE 'sell' END)::order_side AS way,
		   CASE side WHEN 'long' THEN 1 ELSE -1 END AS sign, mark * factor AS price, leverage, fine,
		   CASE side WHEN 'long' THEN greatest(mark, mark * factor) ELSE least(mark, mark * factor) END AS worse,
		   coalesce(CASE side WHEN 'long' THEN held.short ELSE held.long END, 0) AS opposite
	FROM account
	CROSS JOIN LATERAL contracts(m) AS c
	JOIN LATERAL assets(m) AS a ON asset = settle AND a.price IS NOT NULL
	LEFT JOIN LATERAL (SELECT contract AS name, long, short FROM positions(p, m)) AS held ON held.name = c.contract
	CROSS JOIN unnest('{long,short}'::side[]) AS side
	CROSS JOIN LATERAL (SELECT contract || side || account_id) AS t (about)
	CROSS JOIN LATERAL (SELECT (ARRAY[1, 1, 1.02, 0.9, 1.4, 0.5])[1 + random.die('at' || about, 6)] AS factor,
							   (ARRAY[NULL, 1, 7, 20, 0.3])[1 + random.die('by' || about, 5)] AS leverage,
							   (ARRAY[1e-8, 1e-18, 1])[1 + random.die('step' || about, 3)] AS fine) AS terms
	WHERE mark IS NOT NULL AND maintenance IS NOT NULL
	  AND (held.name IS NOT NULL OR random.die('any' || about, 4) = 0);

-- An open order.
CREATE FUNCTION with_order(a asked, size numeric) RETURNS portfolio IMMUTABLE LANGUAGE sql AS $$
	SELECT (a).p OPERATOR(margin.+) margin.portfolio_of((a).contract, (a).sign * coalesce(size, 0), (a).price, (a).leverage, 'order') $$;
CREATE TABLE rested AS
	SELECT asked, step, how, max_open_order(p, m, contract, way, price, leverage, step) AS size
	FROM (SELECT asked, asked.*, max_open_order(p, m, contract, way, price, leverage, fine) AS finest FROM asked) AS a
	CROSS JOIN LATERAL (VALUES ('fine', fine), ('coarse', round(nullif(finest, 0) / 7, 40) + 1e-40)) AS s (how, step)
	WHERE step IS NOT NULL;
});
enough('rested WHERE size > 0', 500, 'open orders that may be placed');
enough('rested WHERE size = 0 AND (asked).passes', 5, 'of which none may be, at that step');
enough(q{rested WHERE size > (asked).opposite AND (asked).opposite > 0 AND (asked).netting = 'net'}, 10, 'that turn what is held');
none_wrong(q{
	SELECT (asked).*, step, size FROM rested
	WHERE size < 0 OR mod(size, step) <> 0
	   OR (size > 0 AND NOT passes(with_order(asked, size), (asked).m))
	   OR (size > 0 AND NOT (asked).passes)
	   OR (size IS NOT NULL AND (asked).passes AND passes(with_order(asked, size + step), (asked).m))
	   OR (size IS NULL AND EXISTS (SELECT FROM unnest('{1e-18,1,1e18,1e60}'::numeric[]) AS n WHERE NOT passes(with_order(asked, n), (asked).m)))},
	'open orders: the account passes with it, not with one step more; and with any where there is no limit');
none_wrong(q{
	SELECT (asked).*, step, size, smaller FROM rested
	CROSS JOIN unnest('{0.001,0.02,0.1,0.25,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.95,0.99,0.9999}'::numeric[]) AS part
	CROSS JOIN LATERAL (SELECT div(size * part, step) * step AS smaller OFFSET 0) AS s
	WHERE how = 'fine' AND smaller > 0 AND NOT passes(with_order(asked, smaller), (asked).m)},
	'open orders: it passes with smaller ones');
none_wrong(q{
	SELECT (asked).*, step, size, found FROM rested
	CROSS JOIN LATERAL (SELECT min(k) - 1 AS found FROM generate_series(1, 12) AS k WHERE NOT passes(with_order(asked, k * step), (asked).m)) AS s
	WHERE how = 'coarse' AND (asked).passes AND size <> found * step},
	'open orders: nothing less fails');

# Executed: the opposite side is closed at its price, the rest opens at the worse of price and mark.
sql(q{
CREATE FUNCTION traded(a asked, size numeric) RETURNS portfolio IMMUTABLE LANGUAGE sql AS $$
	SELECT margin.trade((a).p, (a).m, (a).contract, (a).sign * least(coalesce(size, 0), (a).opposite), (a).price)
		   OPERATOR(margin.+) margin.portfolio_of((a).contract, (a).sign * greatest(coalesce(size, 0) - (a).opposite, 0), (a).worse, (a).leverage) $$;
CREATE TABLE executed AS
	SELECT asked, step, how, max_order(p, m, contract, side, price, leverage, step) AS size
	FROM (SELECT asked, asked.*, max_order(p, m, contract, side, price, leverage, fine) AS finest FROM asked) AS a
	CROSS JOIN LATERAL (VALUES ('fine', fine), ('coarse', round(nullif(finest, 0) / 7, 40) + 1e-40)) AS s (how, step)
	WHERE step IS NOT NULL;
});
enough('executed WHERE size > (asked).opposite', 400, 'executions that open');
enough('executed WHERE size > (asked).opposite AND (asked).opposite > 0', 50, 'that turn what is held');
enough('executed WHERE size < (asked).opposite', 10, 'closings that hurt');
none_wrong(q{
	SELECT (asked).*, step, size FROM executed
	WHERE size < 0 OR (mod(size - (asked).opposite, step) <> 0 AND mod(size, step) <> 0)
	   OR (size <> (asked).opposite AND size > 0 AND NOT passes(traded(asked, size), (asked).m))
	   OR (size < (asked).opposite AND NOT (asked).passes)
	   OR (passes(traded(asked, size), (asked).m)
		   AND passes(traded(asked, size + step), (asked).m) AND (size >= (asked).opposite OR size + step <= (asked).opposite))
	   OR (size = (asked).opposite AND (asked).passes AND size > 0 AND NOT passes(traded(asked, size), (asked).m))
	   OR (size IS NULL AND EXISTS (
			SELECT FROM unnest('{1e-18,1,1e18,1e60}'::numeric[]) AS n WHERE NOT passes(traded(asked, (asked).opposite + n), (asked).m)))},
	'executions: the account passes after it, not after one step more; and after any where there is no limit');
none_wrong(q{
	SELECT (asked).*, step, size, smaller FROM executed
	CROSS JOIN unnest('{0.001,0.02,0.1,0.25,0.3,0.4,0.5,0.6,0.7,0.8,0.9,0.95,0.99,0.9999}'::numeric[]) AS part
	CROSS JOIN LATERAL (VALUES (div(size * part, step) * step),
							   ((asked).opposite + div((size - (asked).opposite) * part, step) * step)) AS s (smaller)
	WHERE how = 'fine' AND (asked).passes AND smaller > 0 AND smaller < size AND (smaller <= (asked).opposite OR mod(smaller - (asked).opposite, step) = 0)
	  AND NOT passes(traded(asked, smaller), (asked).m)},
	'executions: it passes after smaller ones');
none_wrong(q{
	SELECT (asked).*, step, size, found FROM executed
	CROSS JOIN LATERAL (
		SELECT min(k) - 1 AS found FROM generate_series(1, 12) AS k
		WHERE NOT passes(traded(asked, (asked).opposite + k * step), (asked).m)) AS s
	WHERE how = 'coarse' AND size > (asked).opposite AND size <> (asked).opposite + found * step},
	'executions: nothing less fails');

# ---------------------------------------------------------------------------
# Small whole numbers, where what fails often passes again behind: every size up to 60.
# ---------------------------------------------------------------------------

sql(q{
CREATE FUNCTION roll(about text, VARIADIC faces text[]) RETURNS text IMMUTABLE LANGUAGE sql AS
	$$ SELECT faces[1 + random.die(about, cardinality(faces))] $$;
CREATE TABLE small AS
	SELECT i, p, m, side, sign, price, leverage, passes(p, m) AS passes,
		   max_order(p, m, 'C', side::side, price, leverage, 1) AS executed,
		   max_open_order(p, m, 'C', CASE side WHEN 'long' THEN 'buy' ELSE 'sell' END::order_side, price, leverage, 1) AS rested,
		   coalesce((p::text::jsonb #>> ARRAY['positions', 'C', CASE side WHEN 'long' THEN 'short' ELSE 'long' END])::numeric, 0) AS opposite
	FROM (
		SELECT i, side, CASE side WHEN 'long' THEN 1 ELSE -1 END AS sign, 8 + random.die('at' || i, 6) AS price, CASE WHEN NOT prone THEN roll('by' || i, NULL, NULL, '2', '5')::numeric END AS leverage,
			   portfolio_of('U', random.die('cash' || i, 130) - 5)
			   + coalesce((SELECT portfolio('C', roll('sign' || k || i, '1', '-1')::numeric * (1 + random.die('held' || k || i, 6)), 10, roll('lever' || k || i, NULL, '2', '5')::numeric, 'position')
						   FROM generate_series(1, random.die('lots' || i, 3)) AS k), '{}')
			   + coalesce((SELECT portfolio('C', roll('way' || k || i, '1', '-1')::numeric * (1 + random.die('order' || k || i, 8)), 7 + random.die('limit' || k || i, 7),
											roll('chosen' || k || i, NULL, '2', '5')::numeric, 'order')
						   FROM generate_series(1, random.die('orders' || i, 4)) AS k), '{}') AS p,
			   format('{"rules": {"orders_reduce_equity": "%s", "liability_rule": "%s"}, "levels": {"warning": 0.01, "margin_call": 0.02, "liquidation": %s},
						"assets": {"U": {"price": 1, "tiers": "{0: 1, 40: %s}", "initial_tiers": "{0: %s}", "liability_weight": 1.5, "liability_maintenance": "%s{0: 0.1, 15: 0.5}"}},
						"contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 10, "netting": "%s", "tier_unit": "%s", "order_maintenance": %s, "opening_fee": %s,
											"maintenance": "%s{0: %s, %s: %s}", "initial": "%s{0: %s, %s: 0.4}"}}}',
					  CASE WHEN prone THEN 'margin' ELSE roll('takes' || i, 'nothing', 'loss', 'margin', 'margin', 'margin', 'both') END, roll('rule' || i, 'sum', 'larger'), CASE WHEN prone THEN '0.02' ELSE roll('level' || i, '1', '0.3', '0.05', '0.05', '0.02', '1.5') END,
					  roll('ratio' || i, '1', '0.5'), CASE WHEN prone THEN '1' ELSE roll('first' || i, '1', '0.8') END, roll('owed' || i, '', 'whole '), roll('nets' || i, 'leg', 'larger', 'net', 'net'), unit,
					  roll('keeps' || i, 'true', 'false'), roll('fee' || i, '0', '0.02'),
					  roll('whole' || i, '', 'whole '), CASE WHEN prone THEN '0.002' ELSE roll('rate' || i, '0', '0.002', '0.01', '0.1') END, roll('bound' || i, '3', '5', '8')::numeric * CASE unit WHEN 'notional' THEN 10 ELSE 1 END, CASE WHEN prone THEN '0.004' ELSE roll('then' || i, '0.1', '0.2') END,
					  CASE WHEN prone THEN 'whole ' ELSE roll('jumps' || i, '', 'whole ', 'whole ') END, CASE WHEN prone THEN '0.05' ELSE roll('opens' || i, '0', '0.05', '0.3') END, roll('from' || i, '4', '7', '11')::numeric * CASE unit WHEN 'notional' THEN 10 ELSE 1 END)::market AS m
		FROM (SELECT i, i % 3 = 0 AS prone, roll('side' || i, 'long', 'short') AS side, roll('unit' || i, 'notional', 'contracts') AS unit FROM generate_series(1, 3000) AS i) AS s) AS s;
CREATE TABLE scanned AS
	SELECT small.*, k, passes(trade(p, m, 'C', sign * least(k, opposite), price)
							  + portfolio_of('C', sign * greatest(k - opposite, 0), CASE side WHEN 'long' THEN greatest(price, 10) ELSE least(price, 10) END, leverage), m) AS passes_executed,
		   passes(p + portfolio_of('C', sign * k, price, leverage, 'order'), m) AS passes_rested
	FROM small CROSS JOIN generate_series(1, 60) AS k
	WHERE passes;
});
enough('(SELECT i FROM scanned GROUP BY i HAVING bool_or(passes_executed AND k > executed)) AS again', 10, 'small accounts that fail and pass again');
none_wrong(q{
	SELECT i, p, m, side, price, leverage, opposite, executed, min(k) FILTER (WHERE NOT passes_executed) - 1 AS found
	FROM scanned GROUP BY i, p, m, side, price, leverage, opposite, executed
	HAVING least(coalesce(executed, 60), 60) <> coalesce(min(k) FILTER (WHERE NOT passes_executed) - 1, 60)},
	'small accounts: executions up to the first that fails');
none_wrong(q{
	SELECT i, p, m, side, price, leverage, rested, min(k) FILTER (WHERE NOT passes_rested) - 1 AS found
	FROM scanned GROUP BY i, p, m, side, price, leverage, rested
	HAVING least(coalesce(rested, 60), 60) <> coalesce(min(k) FILTER (WHERE NOT passes_rested) - 1, 60)},
	'small accounts: open orders up to the first that fails');
none_wrong(q{SELECT i, k FROM scanned WHERE passes_rested AND k > rested}, 'small accounts: and no larger one passes');

# ---------------------------------------------------------------------------
# What may leave, and what has to come.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE moved AS
	SELECT account_id, p, m, passes(p, m) AS passes, a.asset, a.price, step, coalesce(asset_equity, 0) AS equity,
		   max_withdrawal(p, m, a.asset, true, step) AS withdrawal,
		   max_withdrawal(p, m, a.asset, true, step, debt => true) AS with_debt,
		   max_borrow(p, m, a.asset, step) AS borrowed, min_deposit(p, m, a.asset, step) AS deposit
	FROM account
	CROSS JOIN LATERAL (SELECT * FROM assets(m) ORDER BY p::text::jsonb -> 'balances' ? asset DESC, asset COLLATE "C" LIMIT 4) AS a
	LEFT JOIN LATERAL (SELECT asset AS name, asset_equity FROM collateral(p, m)) AS c ON name = a.asset
	CROSS JOIN LATERAL (SELECT (ARRAY[1e-8, 1e-18, 0.3])[1 + account_id % 3] AS step) AS s;
CREATE FUNCTION less(p portfolio, asset text, quantity numeric) RETURNS portfolio IMMUTABLE LANGUAGE sql AS
	$$ SELECT p OPERATOR(margin.+) margin.portfolio_of(asset, -coalesce(quantity, 0)) $$;
});
enough('moved WHERE 0 < withdrawal AND withdrawal < div(equity, step) * step', 100, 'withdrawals that a requirement limits');
enough('moved WHERE with_debt > withdrawal AND withdrawal > 0', 100, 'withdrawals into debt');
enough('moved WHERE borrowed > 0 AND equity = 0', 100, 'loans of what is not held');
enough('moved WHERE deposit > 0', 300, 'deposits that suffice');
enough('moved WHERE deposit IS NULL', 200, 'accounts that no deposit helps');
none_wrong(q{
	SELECT * FROM moved
	WHERE withdrawal IS NULL OR mod(withdrawal, step) <> 0 OR withdrawal NOT BETWEEN 0 AND greatest(equity, 0)
	   OR (withdrawal > 0 AND NOT passes(less(p, asset, withdrawal), m))
	   OR (withdrawal + step <= equity AND passes(less(p, asset, withdrawal + step), m))},
	'withdrawals: the account passes, one step more fails or is not there');
none_wrong(q{
	SELECT * FROM moved
	WHERE with_debt IS NULL OR mod(with_debt, step) <> 0 OR with_debt < withdrawal
	   OR (price IS NULL AND with_debt <> withdrawal)
	   OR (with_debt > 0 AND NOT passes(less(p, asset, with_debt), m))
	   OR (price IS NOT NULL AND passes AND passes(less(p, asset, with_debt + step), m))
	   OR (with_debt > step AND NOT passes(less(p, asset, div(with_debt / 2, step) * step), m))},
	'withdrawals into debt: the account passes, one step more fails');
none_wrong(q{
	SELECT * FROM moved
	WHERE (borrowed IS NULL) <> (price IS NULL) OR mod(borrowed, step) <> 0 OR borrowed < 0
	   OR (borrowed > 0 AND NOT passes(less(p, asset, greatest(equity, 0) + borrowed), m))
	   OR (price IS NOT NULL AND passes(less(p, asset, greatest(equity, 0)), m) AND passes(less(p, asset, greatest(equity, 0) + borrowed + step), m))
	   OR (borrowed > 0 AND NOT passes(less(p, asset, greatest(equity, 0)), m))},
	'loans: the account passes without its own and what is borrowed, one step more fails');
none_wrong(q{
	SELECT * FROM moved
	CROSS JOIN LATERAL (SELECT coalesce(deposit, 0) AS given OFFSET 0) AS d
	WHERE (deposit = 0) IS DISTINCT FROM (CASE WHEN passes THEN true WHEN deposit IS NOT NULL THEN false END)
	   OR mod(deposit, step) <> 0 OR deposit < 0
	   OR (deposit > 0 AND NOT passes(less(p, asset, -given), m))
	   OR (deposit > 0 AND passes(less(p, asset, step - given), m))
	   OR (deposit IS NULL AND EXISTS (SELECT FROM generate_series(-30, 90, 5) AS e WHERE passes(less(p, asset, -('1e' || e)::numeric), m)))},
	'deposits: the account passes, one step less fails, and no deposit helps where none is named');

$node->stop;
done_testing();
