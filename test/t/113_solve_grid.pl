# Liquidation prices of accounts with few and small numbers, at which much
# happens: bounds of tiers, limit prices, the legs and amounts that count change
# within a few ticks of each other, and the prices at which an account is safe are often no
# interval.
#
# Each account is evaluated at every tick of a grid; from a tick at which it is safe, the
# answers have to be the nearest ones on both sides at which it is not.
# MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Fewer where arithmetic is slow.
use constant { ACCOUNTS => $ENV{FORCE_NUMERIC} ? 80 : 300, GRID => 200, SHOWN => 3 };

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('solve_grid');
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

sub none_wrong
{
	my ($query, $name) = @_;
	my $wrong = sql("SELECT count(*) FROM ($query) AS wrong");
	is($wrong, 0, $name)
	  or diag "MARGIN_SEED=$seed\n", sql("SELECT jsonb_pretty(to_jsonb(wrong)) FROM ($query) AS wrong LIMIT " . SHOWN);
}

# Enough of something to mean anything?  As many in 300 accounts and their siblings.
sub enough
{
	my ($query, $least, $name) = @_;
	my $count = sql("SELECT count(*) FROM $query");
	cmp_ok($count, '>=', $least * ACCOUNTS / 300, "$name: $count");
}

sub json { return '"' . $_[0] . '"' }

# Rising or falling rates at a few bounds.
sub schedule_text
{
	my ($rates, $bounds) = @_;
	my @tiers = map { "$bounds->[$_]: $rates->[$_]" } 0 .. $#$rates;
	return '{' . join(', ', @tiers) . '}';
}

sub rising
{
	my ($unit, @rates) = @_;
	my $count = pick(1, 2, 2, 3);
	my @picked = sort { $a <=> $b } map { pick(@rates) } 1 .. $count;
	my %bounds = map { $unit * between(1, 8) => 1 } 2 .. $count;
	my @bounds = (0, sort { $a <=> $b } keys %bounds);
	return (chance(0.25) ? 'whole ' : '') . schedule_text([ @picked[ 0 .. $#bounds ] ], \@bounds);
}

sub falling
{
	my ($unit) = @_;
	return schedule_text(@{ pick([ [1], [0] ], [ [0.2], [0] ], [ [ 1, 0.3 ], [ 0, $unit ] ], [ [ 0.9, 0.5, 0 ], [ 0, $unit, 3 * $unit ] ]) });
}

sub doubt { return chance(0.3) ? sprintf(', "low": %s, "high": %s', @{ pick([ 0.9, 1 ], [ 1, 1.25 ], [ 0.8, 1.1 ]) }[ 0, 1 ]) : '' }

# Half of them such that orders may take more and then less: little of what is won counts, little is
# required to hold, and much to open from some size on.
sub market_of_few
{
	my $by = pick(qw(notional notional contracts));
	my $unit = $by eq 'contracts' ? 1 : 50;
	my $folds = chance(0.5);
	my $btc = doubt() =~ s/([0-9.]+)(, "high": )([0-9.]+)/$1 * 100 . $2 . $3 * 100/er;
	my $initial = $folds ? "{0: 0, " . $unit * between(1, 4) . ": 0.5}" : chance(0.7) ? rising($unit, 0, 0.02, 0.1, 0.2, 0.5) : undef;
	return sprintf(
		'{"assets": {"U": {"price": 1, "tiers": "%s"%s}, "BTC": {"price": 100, "tier_unit": "%s", "tiers": "%s"%s%s}},
		  "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "%s"%s, "netting": "%s", "tier_unit": "%s",
							  "closing_fee": %s, "opening_fee": %s, "order_maintenance": %s}},
		  "rules": {"orders_reduce_equity": "%s", "liability_rule": "%s"}}',
		$folds ? '{0: 0.2}' : falling(100), doubt(), pick(qw(quantity value)), falling(pick(1, 100)), $btc,
		chance(0.5) ? ', "liability_maintenance": "' . rising(1, 0, 0.05, 0.3, 0.9) . '"' : '',
		$folds ? '{0: 0.01}' : rising($unit, 0, 0.01, 0.02, 0.1, 0.3),
		defined $initial ? ", \"initial\": \"$initial\"" : '',
		pick(qw(leg larger net)), $by, pick(0, 0, 0.01), pick(0, 0, 0.02), pick(qw(true false)),
		$folds ? pick(qw(margin both)) : pick(qw(nothing loss margin both)), pick(qw(sum larger)));
}

sub side_of_few
{
	my ($name) = @_;
	my $quantity = pick(0, 1, 1, 2, 3);
	return "\"$name\": $quantity, \"${name}_cost\": " . $quantity * pick(50, 80, 100, 120) . ", \"${name}_margin\": " . $quantity * pick(0, 0, 0.1, 0.5);
}

sub orders_of_few
{
	my ($name) = @_;
	my %orders = map { 10 * between(1, 20) => 1 } 1 .. pick(0, 1, 1, 2, 3);
	return "\"$name\": {" . join(', ', map { my $q = between(1, 4); "\"$_\": [$q, " . $q * pick(0, 0.05, 0.2, 0.5) . ']' } sort keys %orders) . '}';
}

sub portfolio_of_few
{
	return sprintf('{"balances": {"U": %d, "BTC": %d}, "positions": {"C": {%s, %s}}, "orders": {"C": {%s, %s}}}',
		10 * between(-10, 40), pick(-5, -2, -1, 0, 0, 1, 2), side_of_few('long'), side_of_few('short'), orders_of_few('buy'), orders_of_few('sell'));
}

# What is won does not count, and a debt requires more than the position to begin with: where only the larger
# counts, nothing moves for a while.
sub capped
{
	my ($debt, $long) = (between(1, 5), between(1, 10));
	return (
		sprintf('{"balances": {"U": 2500, "BTC": -%s}, "positions": {"C": {"long": %s, "long_cost": %s}}}', $debt, $long, 100 * $long),
		sprintf(
			'{"assets": {"U": {"price": 1, "tiers": "{0: 1, 1000: 0}"}, "BTC": {"price": 100, "liability_maintenance": "{0: 0.%d}"}},
			  "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}, "rules": {"liability_rule": "larger"}}',
			between(1, 9)));
}

# An order that requires nothing before its notional reaches some size, then takes more than the position
# has won, and in the end less: the marks that are safe are two intervals.
sub parted
{
	my ($long, $bid) = (between(50, 55), between(57, 63));
	return (
		sprintf('{"balances": {"U": %d}, "positions": {"C": {"long": 1, "long_cost": %d}}, "orders": {"C": {"buy": {"%d": [1, 0]}}}}', $long + 10, $long, $bid),
		sprintf(
			'{"assets": {"U": {"price": 1, "tiers": "{0: 0.2}"}, "BTC": {"price": 100}},
			  "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "initial": "{0: 0, 100: 0.5}", "maintenance": "{0: 0.01}"}},
			  "rules": {"orders_reduce_equity": "%s"}}',
			pick(qw(margin both))));
}

# A position whose requirement jumps above what it has won, or an order whose margin does, or one that takes less all at
# once, where the position alone comes into the tier in which it is with the order: not safe for some ticks.
sub jumping
{
	my ($bound, $cost, $high, $limit, $ticks) = (10 * between(5, 14), between(50, 150), pick(0.3, 0.4, 0.6, 0.8), between(5, 30), between(1, 9));
	my $tiers = sprintf 'whole {0: %s, %d: %s}', pick(0, 0.01), $bound, $high;
	my %kind = (
		position => [ $bound * $high * $ticks / 10 - $bound, 1, $tiers ],
		rises => [ $high * $bound - ($bound - $limit) - (1 - $high) * $ticks, 1, '{0: 0.01}' ],
		falls => [ ($high * ($bound + $limit) - ($high - 0.2) * $ticks) / 0.2 - $bound, 0.2, '{0: 0.01}' ]);
	my $name = pick(sort keys %kind);
	my ($balance, $ratio, $maintenance) = @{ $kind{$name} };
	return (
		sprintf('{"balances": {"U": %d}, "positions": {"C": {"long": 1, "long_cost": %d}}%s}', $cost + int($balance), $cost,
			$name eq 'position' ? '' : ", \"orders\": {\"C\": {\"buy\": {\"$limit\": [1, 0]}}}"),
		sprintf(
			'{"assets": {"U": {"price": 1, "tiers": "{0: %s}"}, "BTC": {"price": 100}},
			  "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "%s", "initial": "%s"}},
			  "rules": {"orders_reduce_equity": "margin"}}',
			$ratio, $maintenance, $tiers));
}

# A debt that grows with what is owned, more slowly, and whose requirement jumps: not safe for some ticks.
sub owing
{
	my ($owed, $cost) = (between(30, 80), between(50, 150));
	my $from = int($owed * between(7, 15) / 10);
	return (
		sprintf('{"balances": {"U": %d, "BTC": 3}, "positions": {"C": {"short": 1, "short_cost": %d}}}', -$owed - $cost, $cost),
		sprintf(
			'{"assets": {"U": {"price": 1, "tiers": "{0: 1}", "liability_maintenance": "whole {0: 0.01, %d: 0.9}"}, "BTC": {"price": 100, "tiers": "{0: 1}"}},
			  "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.001}"}}}',
			$from + $owed));
}

# An order that takes more than the position wins from a price on behind which the position itself meets no bound any more.
sub late
{
	my ($bound, $cost) = (10 * between(4, 15), 2 * between(50, 100));
	return (
		sprintf('{"balances": {"U": %d}, "positions": {"C": {"long": 2, "long_cost": %d}}, "orders": {"C": {"sell": {"%d": [1, 0]}}}}', $cost - between(0, 100), $cost, between(5, 20)),
		sprintf(
			'{"assets": {"U": {"price": 1, "tiers": "{0: 0.2}"}, "BTC": {"price": 100}},
			  "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "initial": "{0: 0, %d: 0.6}", "maintenance": "{0: 0.01}"}},
			  "rules": {"orders_reduce_equity": "margin"}}',
			$bound));
}

sub account_of_few
{
	my $kind = rand;
	return $kind < 0.1 ? capped() : $kind < 0.2 ? parted() : $kind < 0.32 ? jumping() : $kind < 0.37 ? late() : $kind < 0.42 ? owing() : (portfolio_of_few(), market_of_few());
}

sql('CREATE EXTENSION margin');
sql("CREATE SCHEMA grid; CREATE TABLE grid.account (id integer, portfolio margin.portfolio, market margin.market);\nCOPY grid.account FROM STDIN;\n"
	  . join('', map { join("\t", $_, map { s/\s+/ /gr } account_of_few()) . "\n" } 1 .. ACCOUNTS)
	  . "\\.\n");

sql(q{
SET search_path = grid, margin, public;
-- Siblings with about enough at some mark, or little less; only those that the mark reaches.
SELECT setseed(} . ($seed % 1000) / 1000 . q{);
INSERT INTO account
	SELECT id + 1000 * i, portfolio + portfolio_of('U', round((v.maintenance_margin - judged_equity(portfolio, there)) * factor + (120 * random() - 90)::numeric)), market
	FROM account, generate_series(1, 3) AS i,
	LATERAL (SELECT shock(market, contract => 'C', price => 10 + floor(random() * 150)::numeric) AS there,
					CASE market::text::jsonb #>> '{assets,U,tiers}' WHEN '{0: 0.2}' THEN 5 ELSE 1 END AS factor OFFSET 0) AS t,
	LATERAL evaluate(portfolio, there) AS v;
DELETE FROM account WHERE portfolio::text !~ '"C"';
-- With the mark of C at so much, and if linked the index of BTC, with its bounds.
CREATE FUNCTION at(m market, mark numeric, linked boolean) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN linked THEN margin.shock(m, 'BTC', relative => mark / 100 - 1) ELSE margin.shock(m, contract => 'C', price => mark) END $$;
CREATE TABLE scan AS
	SELECT id, linked, mark, level(portfolio, at(market, mark, linked)) IN ('liquidation', 'bankrupt') AS hit
	FROM account, unnest('{t,f}'::boolean[]) AS linked, generate_series(1, } . GRID . q{) AS mark;
CREATE TABLE near AS
	SELECT *, max(mark) FILTER (WHERE hit) OVER (PARTITION BY id, linked ORDER BY mark ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS below,
		   min(mark) FILTER (WHERE hit) OVER (PARTITION BY id, linked ORDER BY mark ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS above
	FROM scan;
-- One safe tick of every interval between two that are not, and one at random.
CREATE TABLE present AS
	SELECT DISTINCT ON (id, linked, below, above) * FROM near WHERE NOT hit ORDER BY id, linked, below, above, random();
CREATE TABLE answer AS
	SELECT p.*, r.lower, r.upper, c.lower AS coin_lower, c.upper AS coin_upper, fine.lower AS fine_lower, fine.upper AS fine_upper
	FROM present AS p JOIN account USING (id),
	LATERAL (SELECT at(market, mark, linked) AS there) AS t,
	LATERAL liquidation_range(portfolio, there, 'C', 1, linked) AS r,
	LATERAL liquidation_range(portfolio, there, 'C', 1e-6, linked) AS fine,
	LATERAL liquidation_range(portfolio, there, asset => 'BTC', tick => 1) AS c;
});
enough('grid.answer', 800, 'safe ticks asked from');
enough('(SELECT FROM grid.answer GROUP BY id, linked HAVING count(*) > 1) AS more', 10, 'accounts that are safe in more than one interval');
enough('grid.answer WHERE below IS NOT NULL AND above IS NOT NULL', 60, 'answers on both sides');
none_wrong(
	q{
	SELECT id, portfolio::text, market::text, linked, mark, lower, below, upper, above
	FROM grid.answer JOIN grid.account USING (id)
	WHERE lower IS DISTINCT FROM below OR (above IS NOT NULL AND upper IS DISTINCT FROM above) OR (above IS NULL AND upper <= } . GRID . q{)
	}, 'the answer is the nearest tick at which the account is not safe');
none_wrong(
	q{
	SELECT id, portfolio::text, market::text, mark, lower, coin_lower, upper, coin_upper
	FROM grid.answer JOIN grid.account USING (id)
	WHERE linked AND (lower, upper) IS DISTINCT FROM (coin_lower, coin_upper)
	}, 'of the coin, whose price is the mark, the same');

# Fine ticks between those of the grid: never further than the coarse answer, not safe there, and safe one tick nearer.
none_wrong(
	q{
	SELECT id, portfolio::text, market::text, linked, mark, lower, fine_lower, upper, fine_upper
	FROM grid.answer JOIN grid.account USING (id),
	LATERAL (VALUES (fine_lower, 1e-6), (fine_upper, -1e-6)) AS side (found, nearer)
	WHERE (found IS NOT NULL
		   AND (margin.level(portfolio, grid.at(market, found, linked)) NOT IN ('liquidation', 'bankrupt')
				OR (found + nearer <> mark AND margin.level(portfolio, grid.at(market, found + nearer, linked)) IN ('liquidation', 'bankrupt'))))
	   OR fine_lower < lower OR fine_upper > upper OR (fine_lower IS NULL AND lower IS NOT NULL) OR (fine_upper IS NULL AND upper IS NOT NULL)
	}, 'fine ticks');

# Far beyond the grid nothing that was not named.
none_wrong(
	q{
	SELECT id, portfolio::text, market::text, linked, mark, upper, far
	FROM grid.answer JOIN grid.account USING (id), unnest('{300,500,1000,3000,10000,1e6,1e9}'::numeric[]) AS far
	WHERE (upper IS NULL OR far < upper) AND margin.level(portfolio, grid.at(market, far, linked)) IN ('liquidation', 'bankrupt')
	}, 'nothing before the answer beyond the grid');
done_testing();
