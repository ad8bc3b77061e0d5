# Interest and funding: amounts computed apart, in whole numbers of 1e-18; hours
# caught up at once equal to hours charged one by one; many callers at once, and
# one that is killed in the middle, charge everybody exactly once, and nothing is
# ever made or lost.
#
# MARGIN_SEED repeats a run.

use strict;
use warnings;

use IPC::Run;
use Math::BigInt;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use File::Basename qw(dirname);
use lib dirname(__FILE__) . '/../lib';
use MarginRandom;

use constant {
	ACCOUNTS => 40,
	HOURS => 100,
	CLIENTS => 6,
	TRANSACTIONS => 120,    # of each client and isolation level
};

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('accruals');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\ntimezone = UTC");
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{
CREATE EXTENSION margin;
CREATE SCHEMA desk;
CREATE SCHEMA other;
SELECT margin.create_book('desk'), margin.create_book('other', 'desk', account_type => 'text');
INSERT INTO desk.asset (asset) VALUES ('A'), ('B'), ('C'), ('D');
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('P', 'A', 0.001), ('Q', 'B', 3);
INSERT INTO desk.accrual_house VALUES ('interest', 900), ('funding', 901);
INSERT INTO other.accrual_house VALUES ('interest', 'house'), ('funding', 'house');
});

# ---------------------------------------------------------------------------
# Interest, computed apart
# ---------------------------------------------------------------------------

# Amounts count 1e-18, rates 1e-12.
my %unit = (amount => Math::BigInt->new(10)->bpow(18), rate => Math::BigInt->new(10)->bpow(12));

sub digits_of
{
	my ($value, $scale) = @_;
	my $digits = $value->copy->babs->bstr;
	$digits = '0' x ($scale + 1 - length $digits) . $digits if length $digits <= $scale;
	return ($value->is_neg ? '-' : '') . substr($digits, 0, -$scale) . '.' . substr($digits, -$scale);
}

sub random_digits { my $n = shift; return Math::BigInt->new(join '', 1 + int rand 9, map { int rand 10 } 2 .. $n) }

my @assets = qw(A B C);
my $first = '2025-03-01 00:00+00';
my (%debt, @rates, @balances);
for my $account (1 .. ACCOUNTS)
{
	for my $asset (@assets)
	{
		my $balance = random_digits(1 + int rand 28)->bmul(rand() < 0.7 ? -1 : 1);
		push @balances, "($account, '$asset', " . digits_of($balance, 18) . ')';
		$debt{"$account $asset"} = $balance->copy->bneg if $balance->is_neg;
	}
}
for my $asset (@assets)
{
	for my $hour (-1, sort { $a <=> $b } map { int rand HOURS } 1 .. 4)
	{
		push @rates, { asset => $asset, hour => $hour, method => rand() < 0.5 ? 'whole' : 'excess',
			rate => rand() < 0.1 ? Math::BigInt->new(0) : random_digits(1 + int rand 10), free => rand() < 0.3 ? Math::BigInt->new(0) : random_digits(1 + int rand 24) }
		  unless $hour >= 0 && grep { $_->{asset} eq $asset && $_->{hour} == $hour } @rates;
	}
}
sql('INSERT INTO desk.balance VALUES ' . join ', ', @balances);
sql('INSERT INTO other.balance SELECT account_id::text, asset, quantity FROM desk.balance');
sql('INSERT INTO desk.interest_rate VALUES ' . join ', ',
	map { sprintf "('%s', %s, %s, %s, '%s')", $_->{asset}, $_->{hour} < 0 ? "'-infinity'" : "timestamptz '$first' + interval '$_->{hour} hours'",
		digits_of($_->{rate}, 12), digits_of($_->{free}, 18), $_->{method} } @rates);

my (%charged, $count);
for my $hour (0 .. HOURS - 1)
{
	for my $who (sort keys %debt)
	{
		my (undef, $asset) = split / /, $who;
		my ($rate) = sort { $b->{hour} <=> $a->{hour} } grep { $_->{asset} eq $asset && $_->{hour} <= $hour } @rates;
		next if $debt{$who} <= $rate->{free};
		my $base = $rate->{method} eq 'whole' ? $debt{$who}->copy : $debt{$who} - $rate->{free};
		my ($interest, $rest) = ($base * $rate->{rate})->bdiv($unit{rate});
		$interest->binc if !$rest->is_zero;
		next if $interest->is_zero;
		$debt{$who} = $debt{$who} + $interest;
		$charged{$asset} = ($charged{$asset} // Math::BigInt->new(0)) + $interest;
		$count++;
	}
}

is(sql("SELECT sum(margin.accrue_interest('desk', timestamptz '$first' + n * interval '1 hour' + random() * interval '3599 s')) FROM generate_series(0, @{[ HOURS - 1 ]}) AS n"),
	$count, 'hour by hour: as many charges as expected');
is(sql("SELECT margin.accrue_interest('other', '$first') > 0"), 't', 'the other book begins with the first hour');
is(sql("SELECT margin.accrue_interest('other', timestamptz '$first' + interval '@{[ HOURS - 1 ]} hours') > 0"), 't', 'and catches up after an outage');
is(sql(q{SELECT account_id || ' ' || asset, trim_scale(-quantity) FROM desk.balance WHERE quantity < 0 ORDER BY (account_id || ' ' || asset) COLLATE "C"}),
	join("\n", map { "$_|" . (digits_of($debt{$_}, 18) =~ s/\.?0+$//r) } sort keys %debt), 'debts are as computed apart, to the last digit');
is(sql('SELECT asset, trim_scale(quantity) FROM desk.balance WHERE account_id = 900 ORDER BY asset'),
	join("\n", map { "$_|" . (digits_of($charged{$_}, 18) =~ s/\.?0+$//r) } grep { $charged{$_} } @assets), 'and so is what the house got');
is(sql(q{
	SELECT count(*) FROM (
		(SELECT account_id::text, asset, quantity FROM desk.balance WHERE account_id < 900 EXCEPT ALL SELECT * FROM other.balance)
		UNION ALL
		(SELECT * FROM other.balance WHERE account_id <> 'house' EXCEPT ALL SELECT account_id::text, asset, quantity FROM desk.balance)) AS d}),
	0, 'at once is the same as hour by hour');
my $journal = "kind, symbol, accrued_at, asset, amount, house, balance, rate, free_amount, method";
is(sql("SELECT count(*) FROM (SELECT CASE WHEN NOT house THEN account_id::text END, $journal FROM desk.accrual_event
	EXCEPT SELECT CASE WHEN NOT house THEN account_id END, $journal FROM other.accrual_event) AS d"), 0, 'and so is the journal');

# ---------------------------------------------------------------------------
# At once
# ---------------------------------------------------------------------------

# Every write but those of accruals is noted in moved.
sql(q{
CREATE TABLE moved (account_id bigint, asset text, quantity numeric);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) SELECT n, c, (n % 7 - 3) * 1.37, 1 FROM generate_series(1, 40) AS n, unnest(ARRAY['P', 'Q']) AS c WHERE n % 7 <> 3;
INSERT INTO desk.mark_price_history (contract, price, updated_at, forced, recorded_at) SELECT c, 123.456, '2025-01-01', false, '2025-01-01' FROM unnest(ARRAY['P', 'Q']) AS c;
CREATE TABLE hour AS SELECT date_trunc('hour', max(accrued_at), 'UTC') AS start FROM desk.interest_hour;
CREATE SEQUENCE step;
-- others get their chance between the events and the balances
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.003); RETURN NULL; END $$;
CREATE TRIGGER linger BEFORE INSERT ON desk.balance FOR EACH STATEMENT EXECUTE FUNCTION linger();
CREATE VIEW odd AS
SELECT b.account_id, b.asset, b.quantity - coalesce(m.quantity, 0) - coalesce(e.quantity, 0) - coalesce(f.quantity, 0) AS difference
  FROM desk.balance AS b
  LEFT JOIN (SELECT account_id, asset, sum(quantity) AS quantity FROM moved GROUP BY 1, 2) AS m USING (account_id, asset)
  LEFT JOIN (SELECT account_id, asset, sum(amount) AS quantity FROM desk.accrual_event GROUP BY 1, 2) AS e USING (account_id, asset)
  LEFT JOIN found AS f USING (account_id, asset);
} =~ s/CREATE VIEW odd/CREATE TABLE found AS SELECT b.account_id, b.asset, b.quantity - coalesce(sum(e.amount), 0) AS quantity FROM desk.balance AS b LEFT JOIN desk.accrual_event AS e USING (account_id, asset) GROUP BY b.account_id, b.asset, b.quantity;\nCREATE VIEW odd/r);

my %scripts = (
	'082_interest@4' => q{SELECT margin.accrue_interest('desk', (SELECT start FROM hour) + nextval('step') / 10 * interval '1 hour');},
	# many calls for few instants
	'082_funding@4' => q{\set contract random(0, 1)
SELECT margin.settle_funding('desk', (ARRAY['P', 'Q'])[1 + :contract], 0.0001234567, timestamptz '2025-02-01' + nextval('step') / 25 * interval '1 hour');},
	'082_move@4' => q{\set account random(1, 40)
\set amount random(-100, 100)
WITH w AS (INSERT INTO desk.balance AS b VALUES (:account, (ARRAY['A', 'B'])[1 + :account % 2], :amount)
	ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity RETURNING account_id, asset)
INSERT INTO moved SELECT account_id, asset, :amount FROM w;});

sub check_books
{
	my $what = shift;
	is(sql('SELECT * FROM odd WHERE difference <> 0'), '', "$what: each balance is what was found, moved and accrued");
	is(sql('SELECT kind, symbol, accrued_at FROM desk.accrual_event GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 OR count(*) FILTER (WHERE house) <> 1'), '',
		"$what: both sides sum to 0 at every instant");
	is(sql(q{SELECT count(*) FROM (SELECT accrued_at - lag(accrued_at) OVER (ORDER BY accrued_at) AS step FROM desk.interest_hour) AS s WHERE step <> interval '1 hour'}), 0,
		"$what: no hour is left out");
	return;
}

for my $level ('read committed', 'repeatable read', 'serializable')
{
	my $before = sql('SELECT (SELECT count(*) FROM desk.interest_hour), (SELECT count(*) FROM desk.funding_settlement)');
	sql("ALTER DATABASE postgres SET default_transaction_isolation = '$level'");
	# what fails to serialize is tried again
	$node->pgbench('--no-vacuum --max-tries=100000 --client=' . CLIENTS . ' --transactions=' . TRANSACTIONS,
		0, [qr/processed: @{[ CLIENTS * TRANSACTIONS ]}/], [qr/^(?!.*(?:ERROR|aborted))/s], "$level: no error that a retry does not mend",
		{ map { s/^082/082 $level/r =~ tr/ /_/r => $scripts{$_} } keys %scripts });
	sql("ALTER DATABASE postgres RESET default_transaction_isolation");
	isnt(sql('SELECT (SELECT count(*) FROM desk.interest_hour), (SELECT count(*) FROM desk.funding_settlement)'), $before, "$level: something was charged");
	check_books($level);
}
sql('DROP TRIGGER linger ON desk.balance');

# ---------------------------------------------------------------------------
# Killed in the middle
# ---------------------------------------------------------------------------

sql(q{CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(600); RETURN NULL; END $$;
      CREATE TRIGGER wait AFTER INSERT ON desk.balance FOR EACH STATEMENT EXECUTE FUNCTION wait()});
my $state = q{SELECT (SELECT count(*) FROM desk.accrual_event), (SELECT count(*) FROM desk.interest_hour), (SELECT count(*) FROM desk.funding_settlement), (SELECT sum(quantity) FROM desk.balance WHERE account_id < 900)};
my $before = sql($state);
my @calls = (q{SELECT margin.accrue_interest('desk', (SELECT max(accrued_at) + interval '3 hours' FROM desk.interest_hour))},
	q{SELECT margin.settle_funding('desk', 'P', 0.001, '2025-02-15')});
for my $case (map { my $call = $_; map { [ $call, $_ ] } 'terminated', 'crashed' } @calls)
{
	my ($call, $end) = @$case;
	my $out;
	my $session = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $call ], '>', \$out, '2>&1', IPC::Run::timeout(180));
	$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep'}) or die 'nobody waits';
	if ($end eq 'terminated')
	{
		sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
		$node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM pg_stat_activity WHERE wait_event = 'PgSleep'});
	}
	else
	{
		$node->stop('immediate');
		$node->start;
	}
	$session->finish;
	is(sql($state), $before, "$end: nothing has happened");
}
sql('DROP TRIGGER wait ON desk.balance');
is(sql($calls[0]) > 0, 1, 'called again interest is charged');
is(sql($calls[1]) > 0, 1, 'and funding settled');
isnt(sql($state), $before, 'now it has');
check_books('afterwards');

$node->stop;
done_testing();
