# Scheduled reports: run_reports() by hand, then by the real pg_cron, whose
# ticks are minutes apart.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'sleep';

my $node = PostgreSQL::Test::Cluster->new('schedule');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
chomp(my $libraries = `\$PG_CONFIG --pkglibdir`);
my $cron = -f "$libraries/pg_cron.so";
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_cron'\ncron.host = '" . $node->host . "'") if $cron;
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

# Lines, once the query gives what is wanted or time is up.
sub await
{
	my ($query, $wanted, $seconds) = @_;
	my $got;
	for (my $waited = 0; $waited < $seconds; $waited += 0.5)
	{
		$got = sql($query);
		last if $got =~ $wanted;
		sleep 0.5;
	}
	return $got;
}

sql(q{
	CREATE EXTENSION margin;
	INSERT INTO margin.asset (asset) VALUES ('USDT');
	INSERT INTO margin.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1);
	INSERT INTO margin.index_price (asset, price) VALUES ('USDT', 1);
	INSERT INTO margin.balance VALUES (1, 'USDT', 100), (2, 'USDT', -1)});

# ---------------------------------------------------------------------------
# By hand
# ---------------------------------------------------------------------------

my $runs = q{SELECT status, step, level_changes, taken_at IS NOT NULL, days_dropped, prices_pruned, sqlstate, error, finished_at >= started_at, run_by
               FROM margin.report_run ORDER BY id};
sql('CALL margin.run_reports()');
my ($first) = split /\n/, sql($runs);
like($first, qr/^done\|\|1\|t\|0\|0\|\|\|t\|/, 'a first run needs nothing prepared');
is(sql('SELECT count(*) FROM margin.snapshot'), 1, 'and takes a snapshot');
is(sql('SELECT account_id, to_level, cause FROM margin.level_event'), '2|bankrupt|report', 'and refreshes levels');
cmp_ok(sql('SELECT count(*) FROM margin.snapshot_days()'), '>=', 7, 'and makes partitions ahead');

# what is kept no longer goes
sql(q{CREATE TABLE margin.snapshot_20010101 (LIKE margin.snapshot); CREATE TABLE margin.account_snapshot_20010101 (LIKE margin.account_snapshot);
      ALTER TABLE margin.snapshot ATTACH PARTITION margin.snapshot_20010101 FOR VALUES FROM ('2001-01-01 00:00+00') TO ('2001-01-02 00:00+00');
      ALTER TABLE margin.account_snapshot ATTACH PARTITION margin.account_snapshot_20010101 FOR VALUES FROM ('2001-01-01 00:00+00') TO ('2001-01-02 00:00+00');
      INSERT INTO margin.snapshot_retention VALUES ('30 days'); INSERT INTO margin.price_retention VALUES ('30 days');
      INSERT INTO margin.index_price_history (asset, price, updated_at, forced, recorded_at) VALUES ('USDT', 2, '2001-01-01 UTC', false, '2001-01-01 UTC'),
          ('USDT', 3, '2001-01-02 UTC', false, '2001-01-02 UTC');
      CALL margin.run_reports()});
is((split /\n/, sql($runs))[1] =~ s/\|[^|]*$//r, 'done||0|t|1|1|||t', 'snapshots and prices are kept as long as the settings say');
sql('DELETE FROM margin.report_run WHERE id = 2; ALTER TABLE margin.report_run ALTER id RESTART WITH 2');

# what fails is noted, and what was done before stays
sql(q{DELETE FROM margin.balance WHERE account_id = 2;
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'the disk is on fire' USING ERRCODE = '58030'; END$$;
      CREATE TRIGGER refuse BEFORE INSERT ON margin.snapshot FOR EACH STATEMENT EXECUTE FUNCTION refuse()});
my ($code, $stdout, $stderr) = $node->psql('postgres', '\set VERBOSITY verbose
CALL margin.run_reports()', on_error_stop => 1);
is($code, 3, 'a failed run fails for who called it');
like($stderr, qr/ERROR:  58030: reports failed at snapshot: the disk is on fire\nHINT:  See run 2 /, 'with its error');
is((split /\n/, sql($runs))[1] =~ s/\|[^|]*$//r, 'failed|snapshot|1|f|||58030|the disk is on fire|t', 'which is noted');
is(sql('SELECT level FROM margin.account_level WHERE account_id = 2'), 'healthy', 'what was done before it stays');
sql('DROP FUNCTION refuse() CASCADE');

# a session that times out, in the same session as the next call
($code, $stdout, $stderr) = $node->psql('postgres', q{
	SET statement_timeout = '1s';
	BEGIN; CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(60); RETURN NULL; END$$;
	CREATE TRIGGER slow BEFORE INSERT ON margin.snapshot FOR EACH STATEMENT EXECUTE FUNCTION slow(); COMMIT;
	CALL margin.run_reports();
	DROP FUNCTION slow() CASCADE;
	CALL margin.run_reports();}, on_error_stop => 0);
is(join(' ', map { join ',', (split /\|/)[0, 1, 6] } (split /\n/, sql($runs))[2, 3]), 'failed,snapshot,57014 done,,', 'a run that is cancelled is noted, and the lock is free again');

# a session that is killed
sub in_background
{
	my ($statement) = @_;
	my ($in, $out, $err) = ($statement, '', '');
	my $run = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', $statement ], '<', \undef, '>', \$out, '2>', \$err);
	return ($run, \$err);
}
my $blocker = $node->background_psql('postgres');
my $clumsy = $node->background_psql('postgres', on_error_stop => 0);
$blocker->query_safe('BEGIN; LOCK TABLE margin.balance IN ACCESS EXCLUSIVE MODE');
my ($killed) = in_background('CALL margin.run_reports()');
my $running = q{SELECT status, step FROM margin.report_run ORDER BY id DESC LIMIT 1};
is(await($running, qr/levels/, 30), 'running|levels', 'others see a run and its step while it runs');
sql(q{SELECT pg_terminate_backend(pid) FROM margin.report_run WHERE status = 'running'});
$killed->finish;
is(sql($running), 'running|levels', 'a run that is killed cannot note it');
$blocker->query_safe('COMMIT');
sql('CALL margin.run_reports()');
is(sql(q{SELECT status, step, error FROM margin.report_run ORDER BY id DESC LIMIT 2}),
	"done||\nfailed|levels|its session ended before it did", 'the next one does');

# one at a time
$blocker->query_safe('BEGIN; LOCK TABLE margin.balance IN ACCESS EXCLUSIVE MODE');
my ($slow) = in_background('CALL margin.run_reports()');
await($running, qr/running\|levels/, 30);
($code, $stdout, $stderr) = $node->psql('postgres', 'CALL margin.run_reports()');
is($code, 0, 'a run beside another is no error');
like($stderr, qr/WARNING:  reports are still being run: skipped/, 'but skipped');
$blocker->query_safe('COMMIT');
$slow->finish;
is(sql(q{SELECT status FROM margin.report_run ORDER BY id DESC LIMIT 2}), "skipped\ndone", 'both are noted');

($code, $stdout, $stderr) = $node->psql('postgres', 'BEGIN; CALL margin.run_reports();');
like($stderr, qr/invalid transaction termination/, 'not inside of a transaction block');

# nor is the lock left behind by one that failed there
$clumsy->query('BEGIN; CALL margin.run_reports()');
$clumsy->query('ROLLBACK');
sql('CALL margin.run_reports()');
is(sql(q{SELECT status FROM margin.report_run ORDER BY id DESC LIMIT 1}), 'done', 'and the next run is not skipped');

# what would fail at commit is noted, too
sql(q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not at the end either'; END$$;
      CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON margin.snapshot DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()});
($code, $stdout, $stderr) = $node->psql('postgres', "CALL margin.run_reports();\nDROP FUNCTION refuse() CASCADE;\nCALL margin.run_reports()", on_error_stop => 0);
is(sql(q{SELECT status, step, error FROM margin.report_run ORDER BY id DESC LIMIT 2}), "done||\nfailed|snapshot|not at the end either", 'a failure at commit');

sql(q{CREATE ROLE somebody LOGIN; GRANT USAGE ON SCHEMA margin TO somebody});
($code, $stdout, $stderr) = $node->psql('postgres', 'CALL margin.run_reports()', extra_params => [ '-U', 'somebody' ]);
like($stderr, qr/permission denied/, 'not for everybody');
$clumsy->query(q{SET ROLE somebody; CALL margin.run_reports()});
$clumsy->query('RESET ROLE');
sql('CALL margin.run_reports()');
is(sql(q{SELECT status FROM margin.report_run ORDER BY id DESC LIMIT 1}), 'done', 'who may not call it cannot hold it up');

# ---------------------------------------------------------------------------
# By pg_cron
# ---------------------------------------------------------------------------

($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.schedule_reports('* * * * *')});
like($stderr, qr/database "postgres" has no pg_cron.*CALL margin\.run_reports\(\)/s, 'without pg_cron, a hint at what else there is');
is(sql('SELECT margin.unschedule_reports()'), 'f', 'nothing to unschedule');

SKIP:
{
	skip 'pg_cron is not installed', 9 unless $cron;

	sql('CREATE EXTENSION pg_cron');
	($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.schedule_reports('every now and then')});
	like($stderr, qr/invalid schedule/, 'a schedule that pg_cron does not understand');
	sql('DELETE FROM margin.report_run');

	# The first tick finds a run that takes longer than a minute.
	$blocker->query_safe('BEGIN; LOCK TABLE margin.balance IN ACCESS EXCLUSIVE MODE');
	my ($long) = in_background('CALL margin.run_reports()');
	await($running, qr/running\|levels/, 30);
	like(sql(q{SELECT margin.schedule_reports('* * * * *', 'portfolios')}), qr/^\d+$/, 'scheduled');
	like(sql(q{SELECT margin.schedule_reports('* * * * *', 'full')}), qr/^\d+$/, 'in place of what was scheduled before');
	is(sql('SELECT jobname, schedule, command, username = current_user FROM cron.job'),
		"margin reports|* * * * *|CALL margin.run_reports('full')|t", 'one job');
	is(await(q{SELECT count(*) FROM margin.report_run WHERE status = 'skipped'}, qr/^[1-9]/, 100), 1, 'a tick during a run is skipped');
	$blocker->query_safe('COMMIT');
	$long->finish;
	is(sql(q{SELECT status FROM margin.report_run ORDER BY id}), "done\nskipped", 'the run ends by itself');

	my $before = sql('SELECT count(*) FROM margin.snapshot');
	is(await(q{SELECT count(*) FROM margin.report_run WHERE status = 'done'}, qr/^3/, 200), 3, 'two more ticks, two more runs');
	is(sql('SELECT count(*) FROM margin.snapshot') - $before, 2, 'and two more snapshots');
	is(sql('SELECT margin.unschedule_reports()'), 't', 'unscheduled');
	is(sql('SELECT count(*) FROM cron.job'), 0, 'no job is left');
}

$blocker->quit;
$clumsy->quit;
done_testing();
