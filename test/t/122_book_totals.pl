# The aggregates that the page is made of, against the functions of one account: for random
# accounts of every kind, scenario_totals() against evaluate() in shock() and safe_move(),
# book_totals() against evaluate(), collateral() and positions(), to the last digit.
# MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { MARKETS => 25, ACCOUNTS => 14, SHOWN => 3 };

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('book_totals');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\n");
$node->start;

sub sql
{
	my ($status, $output, $error) = $node->psql('postgres', $_[0], timeout => 600);
	return $output if $status == 0;
	diag "MARGIN_SEED=$seed\n", substr($error, 0, 4000);
	die 'a statement failed';
}

# Two queries that give the same rows.
sub same
{
	my ($got, $expected, $name) = @_;
	my $query = "(SELECT 'got' AS side, g FROM ($got EXCEPT ALL $expected) AS g) UNION ALL (SELECT 'expected', e FROM ($expected EXCEPT ALL $got) AS e)";
	my $wrong = sql("SELECT count(*) FROM ($query) AS wrong");
	is($wrong, 0, $name) or diag "MARGIN_SEED=$seed\n", sql("SELECT jsonb_pretty(to_jsonb(wrong)) FROM ($query) AS wrong LIMIT " . SHOWN);
}

sql('CREATE EXTENSION margin');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS));
sql(q{
SET search_path = margin, public;
SELECT setseed(} . ($seed % 1000) / 1000 . q{);
CREATE SCHEMA total;

-- Scenarios of one to many moves, by a part and to a price, far and near; of all assets; and one without any.
CREATE TABLE total.move AS
	SELECT market_id, ROW('s' || n, asset, contract, relative, price)::price_move AS move
	FROM random.market, generate_series(1, 12) AS n
	CROSS JOIN LATERAL (
		SELECT asset, NULL AS contract FROM assets(market)
		UNION ALL SELECT NULL, contract FROM contracts(market)
		UNION ALL SELECT NULL, NULL) AS target
	CROSS JOIN LATERAL (
		SELECT CASE WHEN random() < 0.3 AND (asset IS NOT NULL OR contract IS NOT NULL) THEN NULL
					ELSE round((CASE n % 3 WHEN 0 THEN 0.02 WHEN 1 THEN 0.3 ELSE 1 END * (2 * random() - 1))::numeric, 3) END AS relative,
			   round((1 + 100 * random())::numeric, 2) AS given, coalesce(asset, contract, '') || n AS again) AS r
	CROSS JOIN LATERAL (SELECT CASE WHEN relative IS NULL THEN given END AS price) AS p
	WHERE random() < CASE WHEN n % 2 = 0 THEN 0.15 ELSE 0.6 END AND relative IS DISTINCT FROM -1
	UNION ALL
	SELECT market_id, ROW('present', NULL, NULL, 0, NULL)::price_move FROM random.market;

-- A linked mark that would round to 0 is an error: those are left out.
CREATE FUNCTION total.shocked(m market, moves price_move[]) RETURNS market
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN margin.shock(m, moves);
EXCEPTION WHEN invalid_parameter_value THEN RETURN NULL;
END $$;
CREATE TABLE total.scenario AS
	SELECT market_id, (move).scenario, moves, total.shocked(market, moves) AS shocked
	FROM (SELECT market_id, array_agg(move) AS moves, min((move).scenario) AS name FROM total.move GROUP BY market_id, (move).scenario) AS s
	JOIN random.market USING (market_id), LATERAL (SELECT moves[1] AS move) AS m;
DELETE FROM total.scenario WHERE shocked IS NULL;

CREATE TABLE total.expected AS
	SELECT market_id, scenario, account_id, v.*, portfolio, shocked
	FROM total.scenario JOIN random.account USING (market_id), LATERAL evaluate(portfolio, shocked) AS v;
CREATE TABLE total.got AS
	SELECT market_id, t.*
	FROM random.market AS m,
		 LATERAL (SELECT margin_internal.scenario_totals(portfolio, m.market, s.moves) AS totals
				  FROM random.account AS a, (SELECT array_agg(u) AS moves FROM total.scenario AS s, unnest(s.moves) AS u WHERE s.market_id = m.market_id) AS s
				  WHERE a.market_id = m.market_id) AS t;
});
cmp_ok(sql('SELECT count(*) FROM total.expected WHERE level = \'healthy\''), '>=', 500, 'scenarios that leave accounts healthy');
cmp_ok(sql('SELECT count(*) FROM total.expected WHERE level IN (\'liquidation\', \'bankrupt\')'), '>=', 300, 'and such that do not');
same(q{SELECT market_id, s.scenario, s.accounts, s.levels, s.shortfall, s.loss FROM total.got, LATERAL unnest((totals).scenarios) AS s},
	q{SELECT market_id, scenario, count(*), ARRAY(SELECT count(*) FILTER (WHERE e.level = l) FROM unnest(enum_range(NULL::margin.level)) AS l
		LEFT JOIN total.expected AS e ON e.market_id = x.market_id AND e.scenario = x.scenario GROUP BY l ORDER BY l),
		coalesce(sum(shortfall), 0), coalesce(sum(- equity) FILTER (WHERE level = 'bankrupt'), 0)
	  FROM total.expected AS x GROUP BY market_id, scenario},
	'counts and sums are those of evaluate() in each scenario');
same(q{SELECT market_id, s.scenario, s.notional_usd, s.long_usd FROM total.got, LATERAL unnest((totals).scenarios) AS s},
	q{SELECT market_id, s.scenario, coalesce(sum((p.long_notional + p.short_notional) * a.price), 0), coalesce(sum(p.long_notional * a.price), 0)
	  FROM total.scenario AS s
	  LEFT JOIN total.expected AS e USING (market_id, scenario)
	  LEFT JOIN LATERAL margin.positions(e.portfolio, e.shocked) AS p ON e.level IN ('liquidation', 'bankrupt')
	  LEFT JOIN LATERAL margin.assets(e.shocked) AS a ON a.asset = p.settle
	  GROUP BY market_id, s.scenario},
	'and so is what the undercollateralized hold');
same(q{SELECT market_id, n, accounts FROM total.got, LATERAL unnest((totals).rooms) WITH ORDINALITY AS r (accounts, n) WHERE accounts > 0},
	q{SELECT market_id, 1 + floor(20 * margin.safe_move(portfolio, market, 'healthy', NULL))::bigint, count(*)
	  FROM random.account JOIN random.market USING (market_id) WHERE margin.level(portfolio, market) = 'healthy' GROUP BY 1, 2},
	'rooms are those of safe_move()');

# ---------------------------------------------------------------------------
# book_totals()
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE total.book AS
	SELECT market_id, (t.totals).*
	FROM random.market AS m,
		 LATERAL (SELECT margin_internal.book_totals(a.account_id::text, portfolio, m.market, 3) AS totals FROM random.account AS a WHERE a.market_id = m.market_id) AS t;
CREATE TABLE total.valued AS
	SELECT market_id, account_id, v.* FROM random.account JOIN random.market USING (market_id), LATERAL margin.evaluate(portfolio, market) AS v;
CREATE TABLE total.held AS
	SELECT market_id, account_id, c.*, row_number() OVER (PARTITION BY market_id, asset ORDER BY c.asset_equity DESC NULLS LAST, account_id::text COLLATE "C") AS place
	FROM random.account JOIN random.market USING (market_id), LATERAL margin.collateral(portfolio, market) AS c WHERE (c.asset_equity > 0) IS NOT FALSE;
});
same(q{SELECT market_id, l.* FROM total.book, LATERAL unnest(levels) AS l WHERE l.accounts > 0},
	q{SELECT market_id, level, count(*), sum(equity), sum(maintenance_margin), sum(shortfall),
		CASE WHEN level = 'bankrupt' THEN - sum(equity) WHEN level <> 'unpriced' THEN 0 END FROM total.valued GROUP BY market_id, level},
	'levels and their sums are those of evaluate()');
same(q{SELECT market_id, n, accounts FROM total.book, LATERAL unnest(ratios) WITH ORDINALITY AS r (accounts, n) WHERE accounts > 0},
	q{SELECT market_id, CASE WHEN maintenance_margin = 0 THEN 1 WHEN margin_ratio IS NULL THEN 13 ELSE 2 + least(floor(10 * margin_ratio), 10) END::bigint, count(*)
	  FROM total.valued WHERE level <> 'unpriced' GROUP BY 1, 2},
	'ratios are those of evaluate()');
same(q{SELECT market_id, asset, accounts, unvalued, asset_equity, net_asset_value, collateral_value FROM total.book, LATERAL unnest(assets) AS a WHERE accounts > 0},
	q{SELECT market_id, asset, count(*), count(*) FILTER (WHERE collateral_value IS NULL), sum(asset_equity),
		sum(net_asset_value) FILTER (WHERE collateral_value IS NOT NULL), sum(collateral_value) FROM total.held GROUP BY market_id, asset},
	'assets and their sums are those of collateral()');
same(q{SELECT market_id, asset, owed FROM total.book, LATERAL unnest(assets) AS a WHERE owed > 0},
	q{SELECT market_id, asset, - sum(asset_equity) FROM random.account JOIN random.market USING (market_id), LATERAL margin.collateral(portfolio, market)
	  WHERE asset_equity < 0 GROUP BY market_id, asset},
	'and what is owed');
same(q{SELECT market_id, asset, h.* FROM total.book, LATERAL unnest(assets) AS a, LATERAL unnest(holders, holdings, holder_values) AS h},
	q{SELECT market_id, asset, account_id::text, asset_equity, collateral_value FROM total.held WHERE place <= 3 AND asset_equity IS NOT NULL},
	'so are the largest holders');
cmp_ok(sql('SELECT count(*) FROM total.held WHERE place > 3'), '>=', 100, 'of more than are shown');
same(q{SELECT market_id, c.* FROM total.book, LATERAL unnest(contracts) AS c},
	q{SELECT market_id, contract, settle, mark, count(*) FILTER (WHERE long > 0 OR short > 0), sum(long), sum(short), sum(pnl_usd), sum(maintenance_margin), sum(order_margin)
	  FROM random.account JOIN random.market USING (market_id), LATERAL margin.positions(portfolio, market) AS c GROUP BY market_id, contract, settle, mark},
	'contracts and their sums are those of positions()');

# ---------------------------------------------------------------------------
# Nothing, and errors
# ---------------------------------------------------------------------------

is(sql(q{SELECT margin_internal.scenario_totals(NULL, '{}', '{}') IS NULL, margin_internal.book_totals('1', NULL, '{}', 1) IS NULL FROM generate_series(1, 0)}), 't|t', 'no rows, null');
is(sql(q{SELECT margin_internal.scenario_totals(NULL, '{}', ARRAY[ROW('a', NULL, NULL, 0, NULL)::margin.price_move])}),
	q{("{""(a,0,\\\\""{0,0,0,0,0,0}\\\\"",0,0,0,0)""}","{0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0}")}, 'a null portfolio is no account');
for my $case (
	[ q{margin_internal.scenario_totals('{}', NULL, '{}')}, qr/market and scenarios must not be null/ ],
	[ q{margin_internal.scenario_totals('{}', '{}', NULL)}, qr/market and scenarios must not be null/ ],
	[ q{margin_internal.scenario_totals('{}', '{}', ARRAY[ROW('a', 'BTC', NULL, 0.1, NULL)::margin.price_move])}, qr/asset "BTC"/ ],
	[ q{margin_internal.book_totals('1', '{}', NULL, 1)}, qr/market and number of holders must not be null/ ],
	[ q{margin_internal.book_totals('1', '{}', '{}', 101)}, qr/holders of an asset must be 0 to 100, not 101/ ])
{
	my ($query, $error) = @$case;
	my (undef, undef, $stderr) = $node->psql('postgres', "SELECT $query");
	like($stderr, $error, $query);
}

done_testing();
