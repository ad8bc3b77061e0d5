# Sessions that change a venue's tables in every way, by the side of each other,
# and after each change ask for the market: what the session has kept is what a
# query reads under the same snapshot, always, text for text.
#
# MARKET_SEED repeats the choices of a run (not how sessions meet), SECONDS sets its length.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{MARKET_SEED} || int rand 2**31;
my $seconds = $ENV{SECONDS} || 4;
note "seed: MARKET_SEED=$seed SECONDS=$seconds";

my $node = PostgreSQL::Test::Cluster->new('market_kept');
$node->init(allows_streaming => 1, extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 10');
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) SELECT 'A' || i FROM generate_series(1, 20) AS i;
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 0.9 FROM desk.asset;
INSERT INTO desk.index_price (asset, price) SELECT asset, 1 FROM desk.asset;
INSERT INTO desk.contract (contract, settle, contract_size) SELECT 'C' || i, 'A1', 1 FROM generate_series(1, 20) AS i;
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) SELECT contract, 0, 0.1, 0.2 FROM desk.contract;
INSERT INTO desk.mark_price (contract, price) SELECT contract, 1 FROM desk.contract;
-- by market() and by the clock of a guard
CREATE FUNCTION check_market(whence text) RETURNS void LANGUAGE plpgsql STABLE AS $$
DECLARE
    clock timestamptz := clock_timestamp();
BEGIN
    IF desk.market()::text <> margin_internal.stored_market(NULL::desk.planned_change, now(), now())::text THEN
        RAISE EXCEPTION 'market() is not what is stored: %', whence;
    END IF;
    IF desk.venue_present_market(clock)::text <> margin_internal.stored_market(NULL::desk.planned_change, clock, clock)::text THEN
        RAISE EXCEPTION 'the market of a guard is not what is stored: %', whence;
    END IF;
END $$;
CREATE FUNCTION check_often(whence text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1 .. 30 LOOP PERFORM check_market(whence); END LOOP;
END $$;
CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.price = 7 THEN PERFORM check_market('trigger ' || TG_NAME); END IF; RETURN NEW; END $$;
CREATE FUNCTION price_then_check(new numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.index_price SET price = new WHERE asset = 'A3';
    PERFORM check_market('function that writes');
END $$;
CREATE TRIGGER a BEFORE UPDATE ON desk.mark_price FOR EACH ROW EXECUTE FUNCTION see();
CREATE TRIGGER a_after AFTER UPDATE ON desk.mark_price FOR EACH ROW EXECUTE FUNCTION see();
SQL

# A script for pgbench: statements in which A and C stand for random symbols and R for a random number.
sub script
{
	my ($name, @statements) = @_;
	my $file = "$PostgreSQL::Test::Utils::tmp_check/$name.sql";
	my $text = "\\set a random(1, 20)\n\\set b random(1, 20)\n\\set r random(1, 1000000)\n" . join '', map { "$_;\n" } @statements;
	$text =~ s/\bA\b/'A' || :a/g;
	$text =~ s/\bC\b/'C' || :b/g;
	$text =~ s/\bR\b/:r \/ 1000.0/g;
	open my $out, '>', $file or die $!;
	print $out $text;
	close $out;
	return $file;
}
my $check = sub { "SELECT check_market('$_[0]')" };

my %changes = (
	price => ['UPDATE desk.index_price SET price = R, updated_at = now() WHERE asset = A'],
	mark => ['UPDATE desk.mark_price SET price = R, updated_at = now() WHERE contract = C'],
	all_prices => ['UPDATE desk.index_price SET price = R'],
	longer => ['UPDATE desk.index_price SET price = 1234567890123456789012345678901234567890.5 WHERE asset = A'],
	stale => [q{UPDATE desk.mark_price SET updated_at = now() - interval '1 minute' WHERE contract = C}],
	no_price => ['DELETE FROM desk.index_price WHERE asset = A'],
	new_price => ['INSERT INTO desk.index_price (asset, price) VALUES (A, R) ON CONFLICT (asset) DO UPDATE SET price = excluded.price'],
	copied => ["MERGE INTO desk.mark_price AS p USING (SELECT C AS contract) AS n ON p.contract = n.contract
		WHEN MATCHED THEN UPDATE SET price = R WHEN NOT MATCHED THEN INSERT (contract, price) VALUES (C, R)"],
	truncated => ['BEGIN', 'TRUNCATE desk.mark_price', $check->('truncated'), 'INSERT INTO desk.mark_price (contract, price) SELECT contract, 2 FROM desk.contract', $check->('filled'), 'COMMIT'],
	ages => [q{UPDATE desk.asset SET max_age = make_interval(secs => 0.001 + R / 100000) WHERE asset = A}],
	for_ever => [q{UPDATE desk.asset SET max_age = NULL WHERE asset = A}],
	weight => ['UPDATE desk.asset SET liability_weight = 1 + R WHERE asset = A'],
	contract_age => [q{UPDATE desk.contract SET max_age = make_interval(secs => 0.001 + R / 100) WHERE contract = C}],
	tier => [q{INSERT INTO desk.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES (A, clock_timestamp() + make_interval(secs => R / 5000), 0, 0.5) ON CONFLICT DO NOTHING}],
	change => [q{INSERT INTO desk.asset_change (asset, valid_from, liability_weight) VALUES (A, clock_timestamp() + make_interval(secs => R / 5000), 1 + R) ON CONFLICT DO NOTHING}],
	contract_change => [q{INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, max_age) VALUES (C, clock_timestamp() + make_interval(secs => R / 5000), A, R, '1 s') ON CONFLICT DO NOTHING}],
	no_changes => ['DELETE FROM desk.asset_change WHERE asset = A'],
	risk => ['UPDATE desk.risk_tier SET maintenance_rate = 0.1 + R / 10000, initial_rate = 0.3 WHERE contract = C'],
	threshold => [q{INSERT INTO desk.level_threshold VALUES ('warning', 0.1 + R / 100000) ON CONFLICT (level) DO UPDATE SET margin_ratio = excluded.margin_ratio}],
	altered => [q{ALTER TABLE desk.mark_price ALTER price TYPE numeric USING price * 1.001}],
	quiet => ['BEGIN', 'ALTER TABLE desk.mark_price DISABLE TRIGGER market_changed', 'UPDATE desk.mark_price SET price = R WHERE contract = C',
		'ALTER TABLE desk.mark_price ENABLE ALWAYS TRIGGER market_changed', 'COMMIT'],
	rolled_back => ['BEGIN', 'UPDATE desk.index_price SET price = R WHERE asset = A', $check->('before ROLLBACK'), 'ROLLBACK'],
	savepoints => ['BEGIN', 'SAVEPOINT s', 'UPDATE desk.mark_price SET price = R WHERE contract = C', $check->('savepoint'), 'ROLLBACK TO s', $check->('rolled back to'),
		'SAVEPOINT t', 'UPDATE desk.mark_price SET price = 2 * R WHERE contract = C', $check->('second savepoint'), 'RELEASE t', $check->('released'), 'COMMIT'],
	triggers => ['UPDATE desk.mark_price SET price = 7 WHERE contract IN (C, A)', 'UPDATE desk.mark_price SET price = R WHERE contract = C'],
	function => ['SELECT desk.market() IS NULL, price_then_check(R), check_market(\'beside\') FROM generate_series(1, 3)'],
	repeatable => ['BEGIN ISOLATION LEVEL REPEATABLE READ', $check->('REPEATABLE READ'), 'SELECT pg_sleep(0.002)', $check->('again'), $check->('and again'), 'COMMIT'],
	serializable => ['BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY', $check->('SERIALIZABLE'), $check->('again'), 'COMMIT'],
	cursor => ['BEGIN', "DECLARE c CURSOR FOR SELECT check_market('cursor') FROM generate_series(1, 4)", 'FETCH c', 'UPDATE desk.index_price SET price = R WHERE asset = A',
		'FETCH c', $check->('beside a cursor'), 'FETCH c', 'COMMIT'],
	often => [q{SELECT check_often('in a loop')}],
);
# what an old snapshot sees of a table that was rewritten or emptied depends on when it looks
my %alone = map { $_ => 1 } qw(truncated altered);

sub run
{
	my ($what, $clients, $mode, @names) = @_;
	my @files = map { ('-f', script($_, @{ $changes{$_} }, $check->("after $_"))) } @names;
	my $done = IPC::Run::run([ 'pgbench', '-n', '-M', $mode, '-c', $clients, '-j', $clients, '-T', $seconds, '--max-tries=100', '--random-seed', $seed++,
			'-h', $node->host, '-p', $node->port, @files, 'postgres' ], '>', \my $out, '2>', \my $err);
	ok($done, "$what, $mode") or diag join "\n", grep { /error|aborted/i } split /\n/, $err;
}

my @all = sort keys %changes;
run('one session', 1, $_, @all) for qw(simple prepared);
run('four sessions', 4, $_, grep { !$alone{$_} } @all) for qw(simple prepared);
run('prices and nothing else', 4, 'simple', qw(price mark quiet savepoints rolled_back often repeatable));

# a transaction that is prepared: its writer is gone, its lock is not
$node->safe_psql('postgres', q{SELECT desk.market() IS NULL; BEGIN; UPDATE desk.index_price SET price = 41 WHERE asset = 'A2'; PREPARE TRANSACTION 'p'; SELECT check_market('prepared');
	SELECT check_often('prepared'); COMMIT PREPARED 'p'; SELECT check_market('committed'); SELECT check_often('committed')});
pass('a prepared transaction');

# a standby; from here on nothing expires
$node->safe_psql('postgres', 'UPDATE desk.asset SET max_age = NULL; UPDATE desk.contract SET max_age = NULL; DELETE FROM desk.contract_change');
$node->backup('b');
my $standby = PostgreSQL::Test::Cluster->new('market_standby');
$standby->init_from_backup($node, 'b', has_streaming => 1);
$standby->start;
my $writer = script('writer', 'UPDATE desk.index_price SET price = R WHERE asset = A', 'UPDATE desk.risk_tier SET initial_rate = 0.3 + R / 10000 WHERE contract = C');
my $reader = script('reader', $check->('standby'), $check->('again'), q{SELECT check_often('standby, in a loop')});
my $writing = IPC::Run::start([ 'pgbench', '-n', '-c', '1', '-T', $seconds + 1, '-R', '200', '-h', $node->host, '-p', $node->port, '-f', $writer, 'postgres' ], '>', \my $out, '2>', \my $err);
$standby->command_ok([ 'pgbench', '-n', '-c', '2', '-T', $seconds, '-h', $standby->host, '-p', $standby->port, '-f', $reader, 'postgres' ], 'a standby');
$writing->finish;
$node->wait_for_catchup($standby);
ok($standby->safe_psql('postgres', 'SELECT desk.market()') eq $node->safe_psql('postgres', 'SELECT desk.market()'), 'which has the same in the end');

done_testing;
