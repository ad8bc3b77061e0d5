# What crash, races and soak share: a server, a book with everything switched on,
# clients that are processes of their own, and what must hold whenever it is quiet.

package Endurance;

use strict;
use warnings;

use Exporter 'import';
use File::Basename qw(dirname);
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Session;
use Time::HiRes qw(sleep time);

use lib dirname(__FILE__) . '/../lib';
use MarginRandom;

our @EXPORT = qw(make_node make_book start_clients end_clients pick between chance differences);

# A server that keeps what it has committed, whenever it is stopped.
sub make_node
{
	my ($name, @settings) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', join "\n", 'log_statement = none', 'log_min_error_statement = panic', 'timezone = UTC', 'max_connections = 40',
		'shared_buffers = 32MB', 'synchronous_commit = on', 'restart_after_crash = on', 'deadlock_timeout = 50ms', 'track_commit_timestamp = on', @settings);
	$node->start;
	return $node;
}

# A venue with tiers on both sides of an asset, a book whose accounts hold some of
# everything, guard, levels and publishing on.  All quantities are whole numbers, so
# that whoever counts them again needs no decimals.
#
# The table done has a row of each transaction of a client, written with the rest of it,
# so it tells what has become of one whose end its client has not seen.
sub make_book
{
	my ($node, $accounts) = @_;
	my $server = Session->new($node);
	$server->do($_) for split /\n\n/, sprintf <<'SQL', ($accounts) x 2;
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');

INSERT INTO desk.asset (asset, liability_weight) VALUES ('USD', 1), ('COIN', 1.1), ('GOLD', 1.05);
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('COIN', 0, 0.9), ('COIN', 500, 0.5), ('GOLD', 0, 0.95);
INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('COIN', 0, 0.03);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('COIN', 100), ('GOLD', 500);
INSERT INTO desk.contract (contract, settle, base, contract_size, netting, closing_fee, opening_fee) VALUES
    ('C1', 'USD', 'COIN', 1, 'leg', 0.0005, 0.001), ('C2', 'USD', 'GOLD', 2, 'larger', 0, 0);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES
    ('C1', 0, 0.04, 0.08), ('C1', 50000, 0.06, 0.12), ('C2', 0, 0.05, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('C1', 1000), ('C2', 50);
INSERT INTO desk.interest_rate (asset, hourly_rate, free_amount) VALUES ('USD', 0.00003, 100), ('COIN', 0.00002, 0);
INSERT INTO desk.repayment_rule (asset, conversion_discount) VALUES ('COIN', 0.95), ('GOLD', 0.97);
INSERT INTO desk.accrual_house (kind, account_id) VALUES ('interest', 901), ('funding', 902);
INSERT INTO desk.scenario (scenario, asset, relative) VALUES ('fall', 'COIN', -0.3), ('fall', 'USD', 0);

INSERT INTO desk.balance SELECT account, asset, CASE asset WHEN 'USD' THEN 10000 WHEN 'COIN' THEN 200 ELSE 10 END
  FROM generate_series(1, %d) AS account, desk.asset;
INSERT INTO desk.position (account_id, contract, quantity, entry_price)
SELECT account, contract, side * CASE contract WHEN 'C1' THEN 40 ELSE 300 END, CASE contract WHEN 'C1' THEN 1000 ELSE 50 END
  FROM generate_series(1, %d) AS account, desk.contract, unnest('{1,-1}'::int[]) AS side;

CREATE TABLE done (client integer, seq integer, xid xid8 NOT NULL DEFAULT pg_current_xact_id(), PRIMARY KEY (client, seq));
SELECT margin.enable_guard('desk'), margin.enable_levels('desk'), margin.enable_publishing('desk', true, true), margin.prepare_snapshots('desk', 1);

SELECT margin.refresh_levels('desk')
SQL
	return $server;
}

# ---------------------------------------------------------------------------
# Clients
# ---------------------------------------------------------------------------

my $failures;

# Each is a process that runs its share, with random numbers of its own.
sub start_clients
{
	my ($seed, @work) = @_;
	my @pids;
	$failures //= PostgreSQL::Test::Utils::tempdir();
	for my $number (1 .. @work)
	{
		my $pid = fork // die "fork: $!";
		if ($pid == 0)
		{
			srand(($seed + $number * 7919) % 2**32);
			my $fine = eval { $work[ $number - 1 ]->($number); 1 };
			append_to_file("$failures/$$", "client $number: $@") if !$fine;
			# without the END blocks of the parent, which stop servers
			POSIX::_exit($fine ? 0 : 1);
		}
		push @pids, $pid;
	}
	return @pids;
}

# Waits for them; what those say that failed or had to be killed.
sub end_clients
{
	my ($patience, @pids) = @_;
	my $until = time + $patience;
	my @failed;
	for my $pid (@pids)
	{
		my $ended = 0;
		while (!($ended = waitpid $pid, POSIX::WNOHANG()) && time < $until) { sleep 0.02 }
		if (!$ended)
		{
			kill KILL => $pid;
			waitpid $pid, 0;
		}
		push @failed, -f "$failures/$pid" ? slurp_file("$failures/$pid") : "a client ended with status $?" if $? != 0;
	}
	return @failed;
}

# ---------------------------------------------------------------------------
# What holds whenever it is quiet
# ---------------------------------------------------------------------------

# Each question lists what is wrong, and finds nothing.
my %quiet = (
	# what a refresh keeps is what judging everybody finds; the rows of account_margin
	# are read and valued for it, not what is kept
	'levels kept are not those judged' => q{SELECT * FROM margin.check_levels('desk')},
	'a level kept is none that its rules allow' => q{
		SELECT account_id, k.level, a.level, a.maintenance_margin, a.equity FROM desk.account_margin AS a LEFT JOIN desk.account_level AS k USING (account_id)
		  LEFT JOIN desk.level_threshold AS t ON t.level::text = k.level::text
		 WHERE k.level IS NULL AND a.level <> 'healthy'
		    OR k.level < a.level
		    OR k.level > a.level AND (t.release_ratio IS NULL OR a.equity < 0 OR a.maintenance_margin < t.release_ratio * a.equity)},
	'the journal of levels has a gap' => q{
		SELECT * FROM (SELECT id, account_id, from_level, lag(to_level, 1, 'healthy') OVER (PARTITION BY account_id ORDER BY id) AS before FROM desk.level_event) AS e
		 WHERE from_level <> before},
	'the journal of levels does not lead to what is kept' => q{
		SELECT account_id, k.level, e.to_level FROM desk.account_level AS k
		  FULL JOIN (SELECT DISTINCT ON (account_id) account_id, to_level FROM desk.level_event ORDER BY account_id, id DESC) AS e USING (account_id)
		 WHERE coalesce(k.level, 'healthy') <> coalesce(e.to_level, 'healthy')},
	'what is published is not the market' => q{SELECT 'no' WHERE desk.market_id() IS NULL UNION ALL SELECT transaction::text FROM desk.pending_publication},
	'an instant of accruals does not sum to 0' => q{
		SELECT kind, symbol, accrued_at, sum(amount) FROM desk.accrual_event GROUP BY 1, 2, 3 HAVING sum(amount) <> 0 OR count(*) FILTER (WHERE house) <> 1},
	'an hour of interest is left out' => q{
		SELECT accrued_at FROM (SELECT accrued_at, accrued_at - lag(accrued_at) OVER (ORDER BY accrued_at) AS step FROM desk.interest_hour) AS s WHERE step <> interval '1 hour'},
	'a snapshot is half there' => q{
		SELECT taken_at, s.form, s.accounts, a.rows FROM desk.snapshot AS s
		  FULL JOIN (SELECT taken_at, count(*) AS rows FROM desk.account_snapshot GROUP BY 1) AS a USING (taken_at)
		 WHERE s.taken_at IS NULL OR s.form <> 'changes' AND s.accounts IS DISTINCT FROM a.rows OR (SELECT sum(l.accounts) FROM unnest(s.levels) AS l) IS DISTINCT FROM s.accounts},
	'a snapshot from changes is half there' => q{
		SELECT s.taken_at, s.accounts FROM (SELECT * FROM desk.snapshot ORDER BY taken_at DESC LIMIT 3) AS s
		 WHERE s.accounts <> (SELECT count(*) FROM desk.portfolios(s.taken_at))});

# What differs from what it should be, as a list of texts.  More questions may be
# given, or undef for one that is not to be asked.
sub differences
{
	my ($server, %more) = @_;
	my %questions = (%quiet, %more);
	my @wrong;
	$server->do(q{SELECT margin.refresh_levels('desk')});
	for my $what (grep { defined $questions{$_} } sort keys %questions)
	{
		my $found = $server->text($questions{$what});
		push @wrong, "$what:\n$found" if $found ne '';
	}
	return @wrong;
}

1;
