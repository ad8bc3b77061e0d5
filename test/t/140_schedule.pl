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
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk');
	INSERT INTO desk.asset (asset) VALUES ('USDT');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1);
	INSERT INTO desk.index_price (asset, price) VALUES ('USDT', 1);
	INSERT INTO desk.balance VALUES (1, 'USDT', 100), (2, 'USDT', -1)});

# ---------------------------------------------------------------------------
# By hand
# ---------------------------------------------------------------------------

my $runs = q{SELECT status, step, level_changes, taken_at IS NOT NULL, days_dropped, prices_pruned, sqlstate, error, finished_at >= started_at, run_by
               FROM desk.report_run ORDER BY id};
sql(q{CALL margin.run_reports('desk')});
my ($first) = split /\n/, sql($runs);
like($first, qr/^done\|\|1\|t\|0\|0\|\|\|t\|/, 'a first run needs nothing prepared');
is(sql('SELECT count(*) FROM desk.snapshot'), 1, 'and takes a snapshot');
is(sql('SELECT account_id, to_level, cause FROM desk.level_event'), '2|bankrupt|report', 'and refreshes levels');
cmp_ok(sql('SELECT count(*) FROM desk.snapshot_days()'), '>=', 7, 'and makes partitions ahead');

# what is kept no longer goes
sql(q{CREATE TABLE desk.snapshot_20010101 (LIKE desk.snapshot); CREATE TABLE desk.account_snapshot_20010101 (LIKE desk.account_snapshot);
      ALTER TABLE desk.snapshot ATTACH PARTITION desk.snapshot_20010101 FOR VALUES FROM ('2001-01-01 00:00+00') TO ('2001-01-02 00:00+00');
      ALTER TABLE desk.account_snapshot ATTACH PARTITION desk.account_snapshot_20010101 FOR VALUES FROM ('2001-01-01 00:00+00') TO ('2001-01-02 00:00+00');
      INSERT INTO desk.snapshot_retention VALUES ('30 days'); INSERT INTO desk.price_retention VALUES ('30 days');
      INSERT INTO desk.index_price_history (asset, price, updated_at, forced, recorded_at) VALUES ('USDT', 2, '2001-01-01 UTC', false, '2001-01-01 UTC'),
          ('USDT', 3, '2001-01-02 UTC', false, '2001-01-02 UTC');
      CALL margin.run_reports('desk')});
is((split /\n/, sql($runs))[1] =~ s/\|[^|]*$//r, 'done||0|t|1|1|||t', 'snapshots and prices are kept as long as the settings say');
sql('DELETE FROM desk.report_run WHERE id = 2; ALTER TABLE desk.report_run ALTER id RESTART WITH 2');

# what fails is noted, and what was done before stays
sql(q{DELETE FROM desk.balance WHERE account_id = 2;
      CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'the disk is on fire' USING ERRCODE = '58030'; END$$;
      CREATE TRIGGER refuse BEFORE INSERT ON desk.snapshot FOR EACH STATEMENT EXECUTE FUNCTION refuse()});
my ($code, $stdout, $stderr) = $node->psql('postgres', "\\set VERBOSITY verbose\nCALL margin.run_reports('desk')", on_error_stop => 1);
is($code, 3, 'a failed run fails for who called it');
like($stderr, qr/ERROR:  58030: reports failed at snapshot: the disk is on fire\nHINT:  See run 2 /, 'with its error');
is((split /\n/, sql($runs))[1] =~ s/\|[^|]*$//r, 'failed|snapshot|1|f|||58030|the disk is on fire|t', 'which is noted');
is(sql('SELECT level FROM desk.account_level WHERE account_id = 2'), 'healthy', 'what was done before it stays');
sql('DROP FUNCTION refuse() CASCADE');

# a call that is cancelled, in the same session as the next one
($code, $stdout, $stderr) = $node->psql('postgres', q{
	BEGIN; CREATE FUNCTION cancel() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_cancel_backend(pg_backend_pid()), pg_sleep(60); RETURN NULL; END$$;
	CREATE TRIGGER cancel BEFORE INSERT ON desk.snapshot FOR EACH STATEMENT EXECUTE FUNCTION cancel(); COMMIT;
	CALL margin.run_reports('desk');
	DROP FUNCTION cancel() CASCADE;
	CALL margin.run_reports('desk');}, on_error_stop => 0);
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
$blocker->query_safe('BEGIN; LOCK TABLE desk.balance IN ACCESS EXCLUSIVE MODE');
my ($killed) = in_background(q{CALL margin.run_reports('desk')});
my $running = q{SELECT status, step FROM desk.report_run ORDER BY id DESC LIMIT 1};
is(await($running, qr/levels/, 180), 'running|levels', 'others see a run and its step while it runs');
sql(q{SELECT pg_terminate_backend(pid) FROM desk.report_run WHERE status = 'running'});
$killed->finish;
is(sql($running), 'running|levels', 'a run that is killed cannot note it');
$blocker->query_safe('COMMIT');
sql(q{CALL margin.run_reports('desk')});
is(sql(q{SELECT status, step, error FROM desk.report_run ORDER BY id DESC LIMIT 2}),
	"done||\nfailed|levels|its session ended before it did", 'the next one does');
sql(q{INSERT INTO desk.report_run (pid) SELECT pid FROM pg_stat_activity WHERE state = 'idle' AND datname = current_database() LIMIT 1});
sql(q{CALL margin.run_reports('desk')});
is(sql(q{SELECT status, error FROM desk.report_run ORDER BY id DESC LIMIT 2}),
	"done|\nfailed|its session ended before it did", 'and of a run whose session is there, but about something else');

# one at a time
$blocker->query_safe('BEGIN; LOCK TABLE desk.balance IN ACCESS EXCLUSIVE MODE');
my ($slow) = in_background(q{CALL margin.run_reports('desk')});
await($running, qr/running\|levels/, 180);
($code, $stdout, $stderr) = $node->psql('postgres', q{CALL margin.run_reports('desk')});
is($code, 0, 'a run beside another is no error');
like($stderr, qr/WARNING:  reports are still being run: skipped/, 'but skipped');
$blocker->query_safe('COMMIT');
$slow->finish;
is(sql(q{SELECT status FROM desk.report_run ORDER BY id DESC LIMIT 2}), "skipped\ndone", 'both are noted');

($code, $stdout, $stderr) = $node->psql('postgres', q{BEGIN; CALL margin.run_reports('desk');});
like($stderr, qr/invalid transaction termination/, 'not inside of a transaction block');

# nor is the lock left behind by one that failed there
$clumsy->query(q{BEGIN; CALL margin.run_reports('desk')});
$clumsy->query('ROLLBACK');
sql(q{CALL margin.run_reports('desk')});
is(sql(q{SELECT status FROM desk.report_run ORDER BY id DESC LIMIT 1}), 'done', 'and the next run is not skipped');

# what would fail at commit is noted, too
sql(q{CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'not at the end either'; END$$;
      CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON desk.snapshot DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()});
($code, $stdout, $stderr) = $node->psql('postgres', "CALL margin.run_reports('desk');\nDROP FUNCTION refuse() CASCADE;\nCALL margin.run_reports('desk')", on_error_stop => 0);
is(sql(q{SELECT status, step, error FROM desk.report_run ORDER BY id DESC LIMIT 2}), "done||\nfailed|snapshot|not at the end either", 'a failure at commit');

sql(q{CREATE ROLE somebody LOGIN; GRANT USAGE ON SCHEMA desk TO somebody});
($code, $stdout, $stderr) = $node->psql('postgres', q{CALL margin.run_reports('desk')}, extra_params => [ '-U', 'somebody' ]);
like($stderr, qr/permission denied/, 'not for everybody');
$clumsy->query(q{SET ROLE somebody; CALL margin.run_reports('desk')});
$clumsy->query('RESET ROLE');
sql(q{CALL margin.run_reports('desk')});
is(sql(q{SELECT status FROM desk.report_run ORDER BY id DESC LIMIT 1}), 'done', 'who may not call it cannot hold it up');

# ---------------------------------------------------------------------------
# By pg_cron
# ---------------------------------------------------------------------------

($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.schedule_reports('desk', '* * * * *')});
like($stderr, qr/database "postgres" has no pg_cron.*CALL margin\.run_reports\('desk'\)/s, 'without pg_cron, a hint at what else there is');
is(sql(q{SELECT margin.unschedule_reports('desk')}), 'f', 'nothing to unschedule');

# A session left idle for longer than it has to answer could not be ended.
$clumsy->quit;

SKIP:
{
	skip 'pg_cron is not installed', 9 unless $cron;

	sql('CREATE EXTENSION pg_cron');
	($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.schedule_reports('desk', 'every now and then')});
	like($stderr, qr/invalid schedule/, 'a schedule that pg_cron does not understand');
	sql('DELETE FROM desk.report_run');

	# The first tick finds a run that takes longer than a minute.
	$blocker->query_safe('BEGIN; LOCK TABLE desk.balance IN ACCESS EXCLUSIVE MODE');
	my ($long) = in_background(q{CALL margin.run_reports('desk')});
	await($running, qr/running\|levels/, 180);
	like(sql(q{SELECT margin.schedule_reports('desk', '* * * * *', 'portfolios')}), qr/^\d+$/, 'scheduled');
	like(sql(q{SELECT margin.schedule_reports('desk', '* * * * *', 'full')}), qr/^\d+$/, 'in place of what was scheduled before');
	is(sql('SELECT jobname, schedule, command, username = current_user FROM cron.job'),
		"margin reports of desk|* * * * *|CALL margin.run_reports('desk', 'full')|t", 'one job');
	is(await(q{SELECT count(*) FROM desk.report_run WHERE status = 'skipped'}, qr/^[1-9]/, 100), 1, 'a tick during a run is skipped');
	$blocker->query_safe('COMMIT');
	$blocker->quit;
	$long->finish;
	is(sql(q{SELECT status FROM desk.report_run ORDER BY id}), "done\nskipped", 'the run ends by itself');

	my $before = sql('SELECT count(*) FROM desk.snapshot');
	is(await(q{SELECT count(*) FROM desk.report_run WHERE status = 'done'}, qr/^3/, 200), 3, 'two more ticks, two more runs');
	is(sql('SELECT count(*) FROM desk.snapshot') - $before, 2, 'and two more snapshots');
	is(sql(q{SELECT margin.unschedule_reports('desk')}), 't', 'unscheduled');
	is(sql('SELECT count(*) FROM cron.job'), 0, 'no job is left');
}

$blocker->quit unless $cron;
done_testing();
