# The aggregate behind liquidation_map() against evaluate() in shock(): for random
# accounts of every kind and random moves of assets and contracts the sums are the same to
# the last digit, and the same again when workers share the accounts.
# MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { MARKETS => 25, ACCOUNTS => 12, SHOWN => 3 };

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('liquidation_map');
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

sub none_wrong
{
	my ($query, $name) = @_;
	my $wrong = sql("SELECT count(*) FROM ($query) AS wrong");
	is($wrong, 0, $name)
	  or diag "MARGIN_SEED=$seed\n", sql("SELECT jsonb_pretty(to_jsonb(wrong)) FROM ($query) AS wrong LIMIT " . SHOWN);
}

sql('CREATE EXTENSION margin');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS));
sql(q{
SET search_path = margin, public;
SELECT setseed(} . ($seed % 1000) / 1000 . q{);
CREATE SCHEMA map;

-- Moves of some assets and contracts, each by itself.
CREATE TABLE map.move AS
	SELECT market_id, market, row_number() OVER (PARTITION BY market_id ORDER BY random()) AS n,
		   ROW(NULL, asset, contract, relative, NULL)::price_move AS move
	FROM random.market
	CROSS JOIN LATERAL (
		SELECT asset, NULL AS contract FROM assets(market) WHERE price IS NOT NULL
		UNION ALL
		SELECT NULL, contract FROM contracts(market) WHERE mark IS NOT NULL) AS target
	CROSS JOIN LATERAL (SELECT unnest(ARRAY[0, 1e-9, 3, round((random() - 1)::numeric, 4), round(random()::numeric, 7)]) AS relative,
						coalesce(asset, contract) AS again) AS r
	WHERE random() < 0.4 AND relative > -1;

-- A linked mark that would round to 0 is an error, in both: those are left out.
CREATE FUNCTION map.shocked(m market, move price_move) RETURNS market
LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	RETURN margin.shock(m, ARRAY[move]);
EXCEPTION WHEN invalid_parameter_value THEN RETURN NULL;
END $$;
ALTER TABLE map.move ADD shocked market;
UPDATE map.move SET shocked = map.shocked(market, move);
DELETE FROM map.move WHERE shocked IS NULL;

CREATE TABLE map.expected AS
	SELECT market_id, n, (move).relative AS move, count(*) AS accounts,
		   count(*) FILTER (WHERE level IN ('liquidation', 'bankrupt')) AS undercollateralized,
		   count(*) FILTER (WHERE level = 'bankrupt') AS bankrupt, count(*) FILTER (WHERE level = 'unpriced') AS unpriced,
		   coalesce(sum(shortfall), 0) AS shortfall, coalesce(sum(- equity) FILTER (WHERE level = 'bankrupt'), 0) AS loss
	FROM map.move JOIN random.account USING (market_id), LATERAL evaluate(portfolio, shocked)
	GROUP BY market_id, n, (move).relative;
CREATE TABLE map.notional AS
	SELECT market_id, n, contract, sum(long_notional * price) AS long, sum(short_notional * price) AS short
	FROM map.move JOIN random.account USING (market_id), LATERAL positions(portfolio, shocked)
	JOIN LATERAL assets(shocked) ON asset = settle
	WHERE level(portfolio, shocked) IN ('liquidation', 'bankrupt')
	GROUP BY market_id, n, contract;
});
cmp_ok(sql('SELECT count(*) FROM map.expected WHERE undercollateralized > bankrupt AND bankrupt > 0'), '>=', 100, 'moves that make accounts undercollateralized');
cmp_ok(sql('SELECT count(*) FROM map.notional WHERE long > 0 AND short > 0'), '>=', 100, 'of them with positions on both sides');

sub make_map
{
	my ($table, $settings) = @_;
	sql(qq{$settings
		CREATE TABLE $table AS
		SELECT market_id, point.*
		FROM (SELECT market_id, market, array_agg(move ORDER BY n) AS moves, array_agg(n ORDER BY n) AS numbers FROM map.move GROUP BY market_id, market) AS m,
			LATERAL (SELECT margin_internal.liquidation_map(portfolio, m.market, m.moves) AS points FROM random.account AS a WHERE a.market_id = m.market_id) AS map,
			LATERAL unnest(numbers, points) AS point (n, move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss)});
}
make_map('map.got', '');
none_wrong(
	q{(SELECT market_id, n, move, accounts, undercollateralized, bankrupt, unpriced, shortfall, loss FROM map.got
	   EXCEPT SELECT * FROM map.expected)
	  UNION ALL
	  (SELECT * FROM map.expected
	   EXCEPT SELECT market_id, n, move, accounts, undercollateralized, bankrupt, unpriced, shortfall, loss FROM map.got)},
	'counts and sums are those of evaluate() in each shock');
none_wrong(
	q{(SELECT market_id, n, key, value::numeric FROM map.got, LATERAL jsonb_each_text(notional)
	   EXCEPT SELECT market_id, n, contract, long + short FROM map.notional WHERE long + short > 0)
	  UNION ALL
	  (SELECT market_id, n, contract, long + short FROM map.notional WHERE long + short > 0
	   EXCEPT SELECT market_id, n, key, value::numeric FROM map.got, LATERAL jsonb_each_text(notional))},
	'notionals by contract are those of positions()');
none_wrong(
	q{SELECT * FROM map.got LEFT JOIN (SELECT market_id, n, sum(long) AS long, sum(short) AS short FROM map.notional GROUP BY 1, 2) AS s USING (market_id, n)
	  WHERE long_usd <> coalesce(long, 0) OR notional_usd <> coalesce(long + short, 0)},
	'and their sums');
none_wrong(
	q{SELECT * FROM map.got JOIN map.move AS m USING (market_id, n)
	  WHERE price IS DISTINCT FROM coalesce((SELECT a.price FROM margin.assets(shocked) AS a WHERE a.asset = (m.move).asset),
											(SELECT c.mark FROM margin.contracts(shocked) AS c WHERE c.contract = (m.move).contract))},
	'prices are the moved ones');

# One market for all accounts, so that the aggregate itself goes parallel.
my $parallel = "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 3; SET parallel_leader_participation = off;";
my $query = q{SELECT margin_internal.liquidation_map(portfolio, (SELECT market FROM random.market WHERE market_id = 1),
	ARRAY(SELECT move FROM map.move WHERE market_id = 1 ORDER BY n)) AS points FROM random.account};
like(sql("$parallel EXPLAIN (COSTS OFF) $query"), qr/Finalize Aggregate.*Partial Aggregate/s, 'a plan in which workers share the accounts');
is(sql("$parallel $query"), sql("SET max_parallel_workers_per_gather = 0; $query"), 'gives the same');

done_testing();
