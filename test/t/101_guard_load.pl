# Many clients on few accounts, at every isolation level: whatever they tried,
# no account is left that the guard should have stopped, none deadlocked, and
# the journal of levels agrees with a refresh of everybody.
#
# GUARD_SEED repeats a run's statements (not their interleaving).

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	ACCOUNTS => 6,
	CLIENTS => 8,
	TRANSACTIONS => 250,    # of each client
	SECONDS => 3,           # of each measurement of throughput
};

my $seed = $ENV{GUARD_SEED} || int rand 2**31;
srand $seed;
note "seed: GUARD_SEED=$seed";

my $node = PostgreSQL::Test::Cluster->new('guard_load');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\ndeadlock_timeout = 50ms\nmax_connections = 60\nlog_min_error_statement = panic");
$node->start;

# Every account is worth 1000 and needs 400: 5 assets of 200, 2 contracts at 10 %.
$node->safe_psql('postgres', sprintf <<'SQL', (ACCOUNTS) x 2);
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) SELECT 'A' || i FROM generate_series(1, 5) AS i;
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM desk.asset;
INSERT INTO desk.index_price (asset, price) SELECT asset, 1 FROM desk.asset;
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('C1', 'A1', 1), ('C2', 'A2', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) SELECT contract, 0, 0.08, 0.1 FROM desk.contract;
INSERT INTO desk.mark_price (contract, price) SELECT contract, 100 FROM desk.contract;
INSERT INTO desk.balance SELECT account, asset, 200 FROM generate_series(1, %d) AS account, desk.asset;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) SELECT account, contract, 20, 100 FROM generate_series(1, %d) AS account, desk.contract;
SELECT margin.enable_guard('desk'), margin.enable_levels('desk');
SELECT margin.refresh_levels('desk');
SQL
my $broken = q{SELECT count(*) FROM desk.account_margin WHERE available_margin < 0 OR level IN ('liquidation', 'bankrupt', 'unpriced')};
is($node->safe_psql('postgres', $broken), 0, 'every account passes at first');

# ---------------------------------------------------------------------------
# Real commits
# ---------------------------------------------------------------------------

# One to three writes; rows in the order of their keys, so that the writes
# alone could not deadlock.  On the whole they take out more than they bring in.
sub transaction
{
	my %change;
	for (0 .. int rand 3)
	{
		my $account = 1 + int rand ACCOUNTS;
		if (rand() < 0.6)
		{
			my $amount = int(rand 300) - 170;
			$change{"1$account" . int rand 5} = sprintf q{UPDATE desk.balance SET quantity = quantity + %d WHERE account_id = %d AND asset = 'A%d'},
			  $amount, $account, 1 + int rand 5;
		}
		else
		{
			my $lots = int(rand 16) - 6;
			$change{"2$account" . int rand 2} = sprintf q{UPDATE desk.position SET quantity = greatest(1, quantity + %d) WHERE account_id = %d AND contract = 'C%d'},
			  $lots, $account, 1 + int rand 2;
		}
	}
	# sorted by what they write
	my @writes = sort { join('', ($a =~ /(balance|position).*account_id = (\d+) AND \w+ = '(\w+)'/)) cmp
		  join('', ($b =~ /(balance|position).*account_id = (\d+) AND \w+ = '(\w+)'/)) } values %change;
	my $level = ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')[ rand 3 ];
	my $undone = rand() < 0.1 ? "SAVEPOINT s; UPDATE desk.balance SET quantity = -5000 WHERE account_id = 1 AND asset = 'A1'; ROLLBACK TO s;\n" : '';
	return "BEGIN ISOLATION LEVEL $level;\n" . ($undone && @writes && $writes[0] =~ /balance.*account_id = 1 .*A1/ ? $undone : '')
	  . join('', map { "$_;\n" } @writes) . "COMMIT;\n";
}

my (@clients, @errors);
for my $client (1 .. CLIENTS)
{
	my $file = $node->basedir . "/client$client.sql";
	PostgreSQL::Test::Utils::append_to_file($file, "\\set VERBOSITY sqlstate\n" . join('', map { transaction() } 1 .. TRANSACTIONS));
	push @clients, IPC::Run::start([ 'psql', '-Xq', '-f', $file, $node->connstr('postgres') ],
		'>', \my $out, '2>', \$errors[ $client ], IPC::Run::timeout(300));
}
$_->finish for @clients;

my %errors;
for my $said (grep { defined } @errors)
{
	$errors{$1}++ while $said =~ /ERROR:\s+(\w{5})/g;
}
note join ', ', map { "$_: $errors{$_}" } sort keys %errors;
my $failed = 0;
$failed += delete $errors{$_} // 0 for 'MG001', '40001', '25P02';
is_deeply(\%errors, {}, 'no other error than of the guard and of serialization: no deadlock');
cmp_ok($failed, '>', 100, 'many transactions were refused');
cmp_ok($node->safe_psql('postgres', 'SELECT pg_stat_get_db_xact_commit(oid) FROM pg_database WHERE datname = current_database()'), '>', 500, 'and many were not');
is($node->safe_psql('postgres', $broken), 0, 'every account passes at last');
is($node->safe_psql('postgres', 'SELECT count(*) FROM desk.guard_exception'), 0, 'nothing was let through');

# Between each write and its refresh others may have written at an old snapshot; the journal is whole.
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (SELECT from_level, lag(to_level, 1, 'healthy') OVER (PARTITION BY account_id ORDER BY id) AS before FROM desk.level_event) AS e
	 WHERE from_level <> before}), 0, 'each change of level begins where the last one ended');

# ---------------------------------------------------------------------------
# Throughput
# ---------------------------------------------------------------------------

# A withdrawal or a deposit, judged and committed; a refusal is an answer.
$node->safe_psql('postgres', q{
	CREATE FUNCTION move(account bigint, what text, amount numeric) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
	    UPDATE desk.balance SET quantity = quantity + amount WHERE account_id = account AND asset = what;
	    SET CONSTRAINTS ALL IMMEDIATE;
	    RETURN true;
	EXCEPTION WHEN SQLSTATE 'MG001' THEN
	    RETURN false;
	END $$;
	SELECT margin.disable_levels('desk')});
my $script = $node->basedir . '/move.sql';
PostgreSQL::Test::Utils::append_to_file($script, '\set account random(1, ' . ACCOUNTS . ")\n\\set asset random(1, 5)\n\\set amount random(-60, 50)\n"
	  . "SELECT move(:account, 'A' || :asset, :amount);\n");

sub throughput
{
	my ($switch) = @_;
	$node->safe_psql('postgres', "SELECT margin.${switch}_guard('desk')");
	my ($out, $err);
	IPC::Run::run([ 'pgbench', '-n', '-c', CLIENTS, '-j', 2, '-T', SECONDS, '-f', $script, $node->connstr('postgres') ], '>', \$out, '2>', \$err)
	  or die "pgbench: $err";
	unlike($err, qr/ERROR|abort/, "$switch: no client failed");
	return $out =~ /tps = ([\d.]+)/ ? $1 : die $out;
}

my $guarded = throughput('enable');
is($node->safe_psql('postgres', $broken), 0, 'every account passes after pgbench');
my $unguarded = throughput('disable');
note sprintf 'throughput of %d clients on %d accounts: guarded %.0f, unguarded %.0f transactions/s, ratio %.2f',
  CLIENTS, ACCOUNTS, $guarded, $unguarded, $unguarded / $guarded;
cmp_ok($node->safe_psql('postgres', $broken), '>', 0, 'without the guard accounts broke');

$node->stop;
done_testing();
