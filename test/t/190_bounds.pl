# What a question of one large account takes: time that grows with the account and
# not with its square, little memory, and an end as soon as it is cancelled.
#
# The account holds, owes and has ordered everything in a market of n assets and n
# contracts with 200 tiers each, for two n of which one is 4 times the other.
# What is linear takes 4 times as long, what is quadratic 16 times: 8 times is the
# bound, and since other processes take time, too, it has to be kept once in a few tries.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use constant {
	SMALL => 500,
	LARGE => 2000,
	TIERS => 200,
	RATIO => 8,
	LEAST => 0.02,         # seconds: below, a clock says little
	TRIES => 5,
	MEGABYTES => 200,
	TIMEOUT => 0.1,        # seconds
	LATENCY => 3,          # seconds, with a psql that has to connect; promised is a tenth
};

my $node = PostgreSQL::Test::Cluster->new('bounds');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nmax_parallel_workers_per_gather = 0\n");
$node->start;

# Positions of contract i are settled in one asset of ten; in one_market all in asset 0.
$node->safe_psql('postgres', sprintf <<'SQL', TIERS, TIERS, TIERS, TIERS);
CREATE EXTENSION margin;
ALTER DATABASE postgres SET search_path = margin, public;
CREATE TABLE account (n int, market margin.market, safe margin.portfolio, under margin.portfolio, one_market margin.market, one_safe margin.portfolio);
ALTER TABLE account ALTER market SET STORAGE external, ALTER one_market SET STORAGE external;
CREATE FUNCTION market_text(n int, settle int) RETURNS text LANGUAGE sql AS $$
WITH s AS MATERIALIZED (
    SELECT v,
           (SELECT margin.schedule(i * 7.5, 0.98 - 0.0001 * v - i * 0.5 / %d) FROM generate_series(0, %d - 1) AS i)::text AS ratios,
           (SELECT margin.schedule(i * 1000.0, 0.004 + 0.00001 * v + i * 0.2 / %d) FROM generate_series(0, %d - 1) AS i)::text AS rates
      FROM generate_series(0, 9) AS v)
SELECT format('{"assets": {"USD": {"price": 1, "tiers": "{0: 1}"}, %%s}, "contracts": {%%s}, "rules": {"orders_reduce_equity": "both"}}',
    (SELECT string_agg(format('"A%%s": {"price": %%s, "tiers": "%%s", "liability_weight": 1.1}', i, 1 + i %% 97 * 0.37, ratios), ', ')
       FROM generate_series(0, n - 1) AS i JOIN s ON v = i %% 10),
    (SELECT string_agg(format('"C%%s": {"settle": "A%%s", "base": "A%%s", "contract_size": 0.01, "mark": %%s, "maintenance": "%%s", "opening_fee": 0.0004, "netting": "%%s"}',
                              i, i %% settle, i, 10 + i %% 87 * 0.31, rates, (ARRAY['leg', 'larger', 'net'])[i %% 3 + 1]), ', ')
       FROM generate_series(0, n - 1) AS i JOIN s ON v = i %% 10)) $$;
CREATE FUNCTION holdings(n int) RETURNS margin.portfolio LANGUAGE sql AS $$
SELECT margin.portfolio(symbol, quantity, price, leverage, kind::margin.holding_kind)
  FROM (SELECT i, 'A' || i, CASE WHEN i %% 4 = 3 THEN -1.5 ELSE 3 END * (1 + i %% 11), NULL::numeric, NULL::numeric, 'balance' FROM generate_series(0, n - 1) AS i
        UNION ALL
        SELECT i, 'C' || i, 500 * (1 + i %% 17) * (1 - 2 * (i %% 2)), 10 + i %% 87 * 0.31, 3 + i %% 20, 'position' FROM generate_series(0, n - 1) AS i
        UNION ALL
        SELECT i, 'C' || i, 15 * (1 + i %% 7) * (1 - 2 * ((i + k) %% 2)), (10 + i %% 87 * 0.31) * (0.99 + k * 0.01), 5, 'order'
          FROM generate_series(0, n - 1, 2) AS i, generate_series(0, 2) AS k) AS h (i, symbol, quantity, price, leverage, kind) $$;
CREATE FUNCTION with_usd(held margin.portfolio, usd numeric) RETURNS margin.portfolio LANGUAGE sql AS $$
SELECT held OPERATOR(margin.+) margin.portfolio_of('USD', round(usd) + 1) $$;
SQL

for my $n (SMALL, LARGE)
{
	$node->safe_psql('postgres', <<"SQL");
WITH a AS MATERIALIZED (SELECT holdings($n) AS portfolio, market_text($n, $n / 10)::margin.market AS market, market_text($n, 1)::margin.market AS one_market)
INSERT INTO account
SELECT $n, market, with_usd(portfolio, greatest(e.maintenance_margin - j, -e.available_margin) * 1.001), with_usd(portfolio, e.maintenance_margin / 1.08 - j),
       one_market, with_usd(portfolio, greatest(o.maintenance_margin - k, -o.available_margin) * 1.001)
  FROM a, LATERAL margin.evaluate(portfolio, market) AS e, LATERAL margin.judged_equity(portfolio, market) AS j,
       LATERAL margin.evaluate(portfolio, one_market) AS o, LATERAL margin.judged_equity(portfolio, one_market) AS k
SQL
}
is($node->safe_psql('postgres', q{SELECT string_agg(concat_ws(' ', level(safe, market), level(under, market), level(one_safe, one_market)), ', ') FROM account}),
	'healthy liquidation healthy, healthy liquidation healthy', 'one that passes, one that is undercollateralized, and one whose positions are settled in one asset');
cmp_ok($node->safe_psql('postgres', 'SELECT max(pg_column_size(market)) FROM account'), '<', 10e6,
	'schedules that are equal are in a market once');

# ---------------------------------------------------------------------------
# Time, and memory
# ---------------------------------------------------------------------------

my %questions = (
	evaluate => 'evaluate(safe, market)',
	collateral => 'collateral(safe, market)',
	positions => 'positions(safe, market)',
	orders => 'orders(safe, market)',
	explain => 'margin.explain(safe, market)',
	explain_text => 'explain_text(safe, market)',
	prices => 'prices(safe, market)',
	buffer => 'buffer(safe, market)',
	safe_move => q{safe_move(safe, market, 'healthy', NULL)},
	'safe_move, liquidation' => q{safe_move(under, market, 'liquidation', '{0.6, 0.8, 0.95}')},
	'liquidation_range of a contract' => q{liquidation_range(safe, market, 'C7')},
	'liquidation_range, linked' => q{liquidation_range(safe, market, 'C7', linked => true)},
	'liquidation_range of an asset' => q{liquidation_range(safe, market, asset => 'A5')},
	'liquidation_range of an asset in which all settles' => q{liquidation_range(one_safe, one_market, asset => 'A0')},
	'bankruptcy_range of an asset in which all settles' => q{bankruptcy_range(one_safe, one_market, asset => 'A0')},
	bankruptcy_range => q{bankruptcy_range(safe, market, asset => 'A5')},
	max_withdrawal => q{max_withdrawal(safe, market, 'A2')},
	max_borrow => q{max_borrow(safe, market, 'A3')},
	min_deposit => q{min_deposit(under, market, 'A2')},
	max_order => q{max_order(safe, market, 'C4', 'long', 11, 5)},
	max_open_order => q{max_open_order(safe, market, 'C4', 'buy', 11, 5)},
	repayment_plan => q{repayment_plan(safe, market)},
	reduction_plan => q{reduction_plan(under, market)},
	'reduction_plan, of all there is' => q{reduction_plan(under + portfolio_of('USD', -1e9), market)},
	stress => q{stress(safe, market, (SELECT array_agg(ROW('s' || i, NULL, NULL, (i - 10) * 0.02 + 0.001, NULL)::price_move) FROM generate_series(1, 20) AS i))},
	shock => q{equity(safe, shock(market, relative => -0.1))},
	liquidation_map => q{margin_internal.liquidation_map(safe, market, (SELECT array_agg(ROW('s', 'A5', NULL, (i - 10) * 0.02 + 0.001, NULL)::price_move) FROM generate_series(1, 20) AS i))},
	'portfolio as text' => 'safe::text::margin.portfolio',
	'portfolio as json' => 'safe::jsonb::margin.portfolio',
);

# Seconds, on the server's clock.  What is counted is computed: the planner leaves out what nobody looks at.
sub seconds
{
	my ($question, $n) = @_;
	return $node->safe_psql('postgres', <<"SQL");
CREATE TEMP TABLE t (at timestamptz);
SET client_min_messages = error;
DO \$\$ BEGIN PERFORM $question FROM account WHERE n = @{[SMALL]}; END \$\$;
INSERT INTO t SELECT clock_timestamp();
DO \$\$ BEGIN PERFORM count(s.q) FROM (SELECT $question AS q FROM account WHERE n = $n OFFSET 0) AS s; END \$\$;
SELECT round(extract(epoch FROM clock_timestamp() - at)::numeric, 4) FROM t
SQL
}

for my $question (sort keys %questions)
{
	my ($small, $large);
	for (1 .. TRIES)
	{
		($small, $large) = map { seconds($questions{$question}, $_) } SMALL, LARGE;
		last if $large <= RATIO * ($small > LEAST ? $small : LEAST);
	}
	cmp_ok($large, '<=', RATIO * ($small > LEAST ? $small : LEAST), "$question: $small s, and $large s of 4 times as much");
}

SKIP:
{
	skip 'no /proc here', 1 unless -r '/proc/self/status';
	my $all = join ";\n", map { "SELECT count(s.q) FROM (SELECT $questions{$_} AS q FROM account WHERE n = @{[LARGE]} OFFSET 0) AS s" } sort keys %questions;
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int / 1024};
	my ($before, @after) = grep { /^m/ } split /\n/, $node->safe_psql('postgres', "SELECT 'm' || ($peak);\n$all;\nSELECT 'm' || ($peak)");
	my $grown = substr($after[0], 1) - substr($before, 1);
	cmp_ok($grown, '<', MEGABYTES, "all of them in one session: $grown MB");
}

# A venue's market is read with each of its schedules once, whatever its contracts have in common: an array of all
# rows would have two of them for each contract.
SKIP:
{
	skip 'no /proc here', 1 unless -r '/proc/self/status';
	$node->safe_psql('postgres', sprintf <<'SQL', LARGE, LARGE, TIERS);
CREATE SCHEMA venue;
SELECT create_venue('venue');
INSERT INTO venue.asset (asset) VALUES ('USDT');
INSERT INTO venue.contract (contract, settle, contract_size) SELECT 'C' || i, 'USDT', 1 FROM generate_series(1, %d) AS i;
ALTER TABLE venue.risk_tier DISABLE TRIGGER USER;
INSERT INTO venue.risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
SELECT 'C' || i, k * 1000, 0.001 + k * 0.0001, 0.01 + k * 0.0002 FROM generate_series(1, %d) AS i, generate_series(0, %d - 1) AS k;
ALTER TABLE venue.risk_tier ENABLE TRIGGER USER;
ANALYZE venue.risk_tier;
SQL
	# what is shared is in the process from the first sum on
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1]::int / 1024};
	my ($sum, $before, $same, $after) = split /\n/, $node->safe_psql('postgres', <<"SQL");
SET enable_seqscan = off;
SET enable_bitmapscan = off;
SELECT count(*) FROM (SELECT sum(lower_bound) FROM venue.risk_tier GROUP BY contract, valid_from) AS s;
$peak;
SELECT count(*) FROM contracts(venue.market());
$peak;
SQL
	is($same, LARGE, 'all contracts are in the market');
	cmp_ok($after - $before, '<', LARGE * TIERS * 72 / 1024 / 1024, 'and it was read in ' . ($after - $before) . ' MB');
}

# ---------------------------------------------------------------------------
# Cancelling: each of these would take far longer
# ---------------------------------------------------------------------------

my %long = (
	'a market from text' => 'SELECT (SELECT market::text FROM account WHERE n = ' . LARGE . ')::margin.market IS NULL FROM generate_series(1, 100)',
	'a portfolio of many orders' => q{SELECT portfolio('C' || i % 10, 1, i, NULL, 'order') IS NULL FROM generate_series(1, 10000000) AS i},
	map { $_ . ', again and again' =>
			"SELECT count(s.q) FROM (SELECT $questions{$_} AS q FROM account, generate_series(1, 100) WHERE n = @{[LARGE]} OFFSET 0) AS s" }
		'safe_move', 'buffer', 'stress', 'liquidation_range of an asset in which all settles');

for my $what (sort keys %long)
{
	my $least;
	for (1 .. TRIES)
	{
		my $begun = time;
		my ($code, $out, $err) = $node->psql('postgres', 'SET statement_timeout = ' . int(1000 * TIMEOUT) . ";\n$long{$what}");
		my $late = time - $begun - TIMEOUT;

		like($err, qr/canceling statement due to statement timeout/, "$what can be cancelled") unless defined $least;
		$least = $late if !defined $least || $late < $least;
		last if $least < LATENCY;
	}
	cmp_ok($least, '<', LATENCY, sprintf '%s: %.3f s after that', $what, $least);
}

$node->stop;
done_testing;
