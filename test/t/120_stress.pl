# Shocks and stress against plain SQL, on random accounts in random markets.
#
# The expected market is computed over the rows of assets(market) and
# contracts(market), with quotients rounded by whole-number division.  stress()
# must then say what evaluate() says of each portfolio in each such market.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MARKETS => 120,
	ACCOUNTS => 6,
	SCENARIOS => 6,
	SHOWN => 3,    # mismatches printed in full
};

my $seed = random_seed();

my $node = PostgreSQL::Test::Cluster->new('stress');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION margin');

# safe_psql() would hide the message in a log, behind the whole statement.
sub sql
{
	my ($status, $output, $error) = $node->psql('postgres', $_[0], timeout => 900);
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

# ---------------------------------------------------------------------------
# The book, and scenarios for each of its markets
# ---------------------------------------------------------------------------

sql(random_book(markets => MARKETS, accounts => ACCOUNTS));

my @profiles = qw(plain plain token tiny huge boundary);

# What becomes of one price: a relative change, or a price.
sub move
{
	return (undef, decimal(pick(@profiles))) if chance(0.3);
	my $relative = pick(0, '-0.1', '-0.999', '0.5', '-0.3333333333', '0.000000000000000001',
		'-0.' . '9' x between(1, 20), '-0.' . between(1, 999999), decimal(pick(qw(plain token))));
	return ($relative, undef);
}

# Scenarios of a market in whose rows nothing is wrong.
my (%assets, %contracts);
push @{ $assets{ $_->[0] } }, { name => $_->[1], price => $_->[2] } for rows('asset');
push @{ $contracts{ $_->[0] } }, { name => $_->[1], price => $_->[5] } for rows('contract');

# Those without price are rare, and moved more often.
sub is_moved { my ($symbol, $chance) = @_; return chance(defined $symbol->{price} ? $chance : 0.5) }

my @moves;
for my $market (1 .. MARKETS)
{
	for my $scenario (map { pick('', 'a ', "\xc3\xa9 ") . $_ } 1 .. SCENARIOS)
	{
		my $only_all = chance(0.15);
		my @rows;
		push @rows, [ undef, undef, (move())[0] // '-0.25', undef ] if $only_all || chance(0.4);
		for my $asset (@{ $assets{$market} })
		{
			push @rows, [ $asset->{name}, undef, move() ] if !$only_all && is_moved($asset, 0.3);
		}
		for my $contract (@{ $contracts{$market} })
		{
			push @rows, [ undef, $contract->{name}, move() ] if !$only_all && is_moved($contract, 0.12);
		}
		push @rows, [ 'CASH', undef, move() ] unless @rows;
		push @moves, [ $market, $scenario, @$_ ] for @rows;
	}
}

sql('CREATE TABLE random.move (market_id integer, scenario text, asset text, contract text, relative numeric, price numeric);
COPY random.move FROM STDIN;
' . join("\n", (map { join "\t", map { defined $_ ? s/\\/\\\\/gr : '\N' } @$_ } @moves), '\.', ''));

# ---------------------------------------------------------------------------
# The expected markets, row by row
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE random.scenario AS
	SELECT market_id, scenario, linked,
		   array_agg(ROW(scenario, asset, contract, relative, price)::margin.price_move ORDER BY random()) AS moves,
		   max(relative) FILTER (WHERE asset IS NULL AND contract IS NULL) AS of_all
	FROM random.move CROSS JOIN unnest('{f,t}'::boolean[]) AS linked
	GROUP BY market_id, scenario, linked;

-- "before" and "after" are the change as a proportion; a first price changes nothing
CREATE TABLE random.expected_asset AS
	SELECT market_id, scenario, linked, a.asset, a.price,
		   coalesce(own.price, a.price * (1 + coalesce(own.relative, of_all, 0))) AS new_price,
		   CASE WHEN own.price IS NULL OR a.price IS NULL THEN 1 ELSE a.price END AS before,
		   CASE WHEN own.price IS NULL THEN 1 + coalesce(own.relative, of_all, 0)
				WHEN a.price IS NULL THEN 1
				ELSE own.price END AS after
	FROM random.scenario
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL margin.assets(market) AS a
	LEFT JOIN random.move AS own USING (market_id, scenario, asset);

CREATE TABLE random.expected_contract AS
	SELECT *, CASE WHEN price IS NOT NULL THEN price
				   WHEN relative IS NOT NULL THEN mark * (1 + relative)
				   WHEN NOT follows THEN mark
				   -- half away from zero at the 18th decimal
				   ELSE (div(n, d) + (2 * (n - d * div(n, d)) >= d)::integer) * 1e-18 END AS new_price
	FROM (SELECT s.market_id, s.scenario, s.linked, c.contract, c.mark, own.relative, own.price,
				 s.linked AND mark IS NOT NULL AND own.scenario IS NULL
				 AND (base.after <> base.before OR settle.after <> settle.before) AS follows,
				 1e18 * c.mark * base.after * settle.before AS n,
				 base.before * settle.after AS d
		  FROM random.scenario AS s
		  JOIN random.market USING (market_id)
		  CROSS JOIN LATERAL margin.contracts(market) AS c
		  LEFT JOIN random.move AS own
			ON (own.market_id, own.scenario, own.contract) = (s.market_id, s.scenario, c.contract)
		  -- an asset that the market does not list moves as all do
		  CROSS JOIN LATERAL (
			SELECT coalesce(max(a.before), 1) AS before, coalesce(max(a.after), 1 + s.of_all, 1) AS after
			FROM random.expected_asset AS a
			WHERE (a.market_id, a.scenario, a.linked, a.asset) = (s.market_id, s.scenario, s.linked, c.base)) AS base
		  CROSS JOIN LATERAL (
			SELECT coalesce(max(a.before), 1) AS before, coalesce(max(a.after), 1 + s.of_all, 1) AS after
			FROM random.expected_asset AS a
			WHERE (a.market_id, a.scenario, a.linked, a.asset) = (s.market_id, s.scenario, s.linked, c.settle)) AS settle
		 ) AS linked;

-- a linked mark that would round to 0 is an error
ALTER TABLE random.scenario ADD vanishes text;
UPDATE random.scenario SET vanishes = contract
	FROM (SELECT DISTINCT ON (market_id, scenario, linked) *
		  FROM random.expected_contract WHERE new_price = 0 ORDER BY market_id, scenario, linked, contract COLLATE "C") AS zero
	WHERE (zero.market_id, zero.scenario, zero.linked) = (scenario.market_id, scenario.scenario, scenario.linked);

CREATE FUNCTION random.refusal(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE command;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
ANALYZE;
CREATE TABLE random.shocked AS
	SELECT market_id, scenario, linked, moves, margin.shock(market, moves, linked) AS shocked
	FROM random.scenario JOIN random.market USING (market_id)
	WHERE vanishes IS NULL;
ANALYZE;
});

my %enough = map { split /\|/ } split /\n/, sql(q{
SELECT 'scenarios', count(*) FROM random.scenario WHERE vanishes IS NULL
UNION ALL SELECT 'marks that vanish', count(*) FROM random.scenario WHERE vanishes IS NOT NULL
UNION ALL SELECT 'assets moved', count(*) FROM random.expected_asset WHERE new_price <> price
UNION ALL SELECT 'first prices', count(*) FROM random.expected_asset WHERE price IS NULL AND new_price IS NOT NULL
UNION ALL SELECT 'no price to move', count(*) FROM random.expected_asset WHERE new_price IS NULL AND after <> before
UNION ALL SELECT 'first marks', count(*) FROM random.expected_contract WHERE mark IS NULL AND new_price IS NOT NULL
UNION ALL SELECT 'marks of their own', count(*) FROM random.expected_contract WHERE NOT follows AND new_price <> mark
UNION ALL SELECT 'linked marks', count(*) FROM random.expected_contract WHERE follows AND new_price <> mark
UNION ALL SELECT 'linked marks rounded up', count(*) FROM random.expected_contract WHERE follows AND new_price * d * 1e18 > n
UNION ALL SELECT 'linked marks rounded down', count(*) FROM random.expected_contract WHERE follows AND new_price * d * 1e18 < n
UNION ALL SELECT 'linked marks with a divisor', count(*) FROM random.expected_contract WHERE follows AND d <> 1});
my %required = (
	'scenarios' => 500, 'marks that vanish' => 10, 'assets moved' => 1000, 'first prices' => 20, 'no price to move' => 20,
	'first marks' => 10, 'marks of their own' => 100, 'linked marks' => 500, 'linked marks rounded up' => 50,
	'linked marks rounded down' => 50, 'linked marks with a divisor' => 250);
cmp_ok($enough{$_}, '>=', $required{$_}, "enough cases: $_") for sort keys %required;

none_wrong(q{
	SELECT market_id, scenario, linked, a.asset, a.price, new_price
	FROM random.shocked CROSS JOIN LATERAL margin.assets(shocked) AS a
	LEFT JOIN random.expected_asset AS e USING (market_id, scenario, linked, asset)
	WHERE a.price IS DISTINCT FROM new_price}, 'index prices are the expected');
none_wrong(q{
	SELECT market_id, scenario, linked, c.contract, c.mark, new_price, follows
	FROM random.shocked CROSS JOIN LATERAL margin.contracts(shocked) AS c
	LEFT JOIN random.expected_contract AS e USING (market_id, scenario, linked, contract)
	WHERE c.mark IS DISTINCT FROM new_price}, 'mark prices are the expected');

# everything but prices is as it was: taken out of both, nothing differs
none_wrong(q{
	SELECT market_id, scenario, linked
	FROM random.shocked JOIN random.market USING (market_id)
	WHERE (SELECT array_agg(a.asset || (to_jsonb(a) - 'price')::text) FROM margin.assets(market) AS a)
		  IS DISTINCT FROM (SELECT array_agg(a.asset || (to_jsonb(a) - 'price')::text) FROM margin.assets(shocked) AS a)
	   OR (SELECT array_agg(c.contract || (to_jsonb(c) - 'mark')::text) FROM margin.contracts(market) AS c)
		  IS DISTINCT FROM (SELECT array_agg(c.contract || (to_jsonb(c) - 'mark')::text) FROM margin.contracts(shocked) AS c)
	   OR market::text::jsonb -> 'levels' IS DISTINCT FROM shocked::text::jsonb -> 'levels'
	   OR shocked::text::margin.market::text <> shocked::text}, 'nothing else changes');

none_wrong(q{
	SELECT * FROM (
		SELECT market_id, scenario, linked, vanishes, random.refusal(format('SELECT margin.shock(%L, %L::margin.price_move[], %L)', market, moves, linked))
		FROM random.scenario JOIN random.market USING (market_id)
		WHERE vanishes IS NOT NULL) AS r
	WHERE refusal IS DISTINCT FROM format('22023 linked mark price of contract "%s" would be 0', vanishes)},
	'a mark that would vanish is refused');

# ---------------------------------------------------------------------------
# stress() against evaluate()
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE random.all_scenarios AS
	SELECT market_id, linked, array_agg(row ORDER BY random()) AS scenarios
	FROM random.shocked CROSS JOIN unnest(moves) AS row
	GROUP BY market_id, linked;
CREATE TABLE random.stressed AS
	-- in an order in which the market changes from row to row, and one in which it seldom does
	SELECT 'mixed' AS way, account_id, market_id, linked, s.*
	FROM (SELECT * FROM random.account JOIN random.all_scenarios USING (market_id) JOIN random.market USING (market_id)
		  ORDER BY hashint4(account_id), linked) AS a
	CROSS JOIN LATERAL margin.stress(portfolio, market, scenarios, linked) AS s
	UNION ALL
	SELECT 'ordered', account_id, market_id, linked, s.*
	FROM (SELECT * FROM random.account JOIN random.all_scenarios USING (market_id) JOIN random.market USING (market_id)
		  ORDER BY market_id, linked, account_id) AS a
	CROSS JOIN LATERAL margin.stress(portfolio, market, scenarios, linked) AS s;
CREATE TABLE random.valued AS
	SELECT account_id, market_id, linked, scenario, v.*
	FROM random.account JOIN random.shocked USING (market_id)
	CROSS JOIN LATERAL margin.evaluate(portfolio, shocked) AS v;
ANALYZE random.stressed, random.valued;
});

my %levels = map { split /\|/ } split /\n/, sql('SELECT level, count(*) FROM random.valued GROUP BY 1');
cmp_ok($levels{$_} // 0, '>=', 30, "enough cases: $_") for qw(healthy warning margin_call liquidation bankrupt unpriced);
cmp_ok(sql('SELECT count(*) FROM random.valued'), '>=', 4000, 'enough valuations');

none_wrong(qq{
	SELECT * FROM (VALUES ('mixed'), ('ordered')) AS w (way) CROSS JOIN random.valued AS v
	FULL JOIN random.stressed AS s USING (way, account_id, market_id, linked, scenario)
	WHERE (s.equity, s.maintenance_margin, s.level, s.loss, s.missing)
		  IS DISTINCT FROM (v.equity, v.maintenance_margin, v.level, CASE WHEN v.equity < 0 THEN -v.equity
																	  WHEN v.equity >= 0 THEN 0 END, v.missing)},
	'stress() is evaluate() in each shocked market');

# one scenario that cannot be fails the query, and says which
none_wrong(q{
	SELECT * FROM (
		SELECT market_id, scenario, linked, vanishes,
			   random.refusal(format('SELECT * FROM margin.stress(%L, %L, %L, %L)', '{}', market, moves, linked))
		FROM random.scenario JOIN random.market USING (market_id)
		WHERE vanishes IS NOT NULL) AS r
	WHERE refusal IS DISTINCT FROM format('22023 linked mark price of contract "%s" would be 0', vanishes)},
	'a scenario that cannot be is refused by stress() too');

# ---------------------------------------------------------------------------
# impact() against two valuations
# ---------------------------------------------------------------------------

none_wrong(q{
	SELECT *
	FROM random.account JOIN random.market USING (market_id) JOIN random.shocked USING (market_id)
	CROSS JOIN LATERAL margin.impact(portfolio, market, shocked) AS i
	CROSS JOIN LATERAL margin.evaluate(portfolio, market) AS b
	CROSS JOIN LATERAL margin.evaluate(portfolio, shocked) AS a
	WHERE linked AND (
		(equity_before, equity_after, equity_change) IS DISTINCT FROM (b.equity, a.equity, a.equity - b.equity)
		OR (collateral_value_before, collateral_value_after, collateral_value_change)
			IS DISTINCT FROM (b.collateral_value, a.collateral_value, a.collateral_value - b.collateral_value)
		OR (liabilities_before, liabilities_after, liabilities_change)
			IS DISTINCT FROM (b.liabilities, a.liabilities, a.liabilities - b.liabilities)
		OR (net_asset_value_before, net_asset_value_after, net_asset_value_change)
			IS DISTINCT FROM (b.net_asset_value, a.net_asset_value, a.net_asset_value - b.net_asset_value)
		OR (initial_margin_before, initial_margin_after, initial_margin_change)
			IS DISTINCT FROM (b.initial_margin, a.initial_margin, a.initial_margin - b.initial_margin)
		OR (maintenance_margin_before, maintenance_margin_after, maintenance_margin_change)
			IS DISTINCT FROM (b.maintenance_margin, a.maintenance_margin, a.maintenance_margin - b.maintenance_margin)
		OR (available_margin_before, available_margin_after, available_margin_change)
			IS DISTINCT FROM (b.available_margin, a.available_margin, a.available_margin - b.available_margin)
		OR (shortfall_before, shortfall_after, shortfall_change) IS DISTINCT FROM (b.shortfall, a.shortfall, a.shortfall - b.shortfall)
		OR (margin_ratio_before, margin_ratio_after, margin_ratio_change)
			IS DISTINCT FROM (b.margin_ratio, a.margin_ratio, a.margin_ratio - b.margin_ratio)
		OR (level_before, level_after, missing_before, missing_after) IS DISTINCT FROM (b.level, a.level, b.missing, a.missing))},
	'impact() is both valuations and what lies between');

$node->stop;
done_testing();
