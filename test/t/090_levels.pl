# What clients are told of level changes: one notification per transaction and
# book, at commit, of what the transaction really changed.  The listeners are
# psql and, where npm can install it, node-postgres.

use strict;
use warnings;

use File::Basename;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('levels');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 5');
$node->start;

# Two books: one with tables of its own, and one with text keys whose writers
# refresh what they touch when they commit.  A balance of USD is the equity.
$node->safe_psql('postgres', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk');
	INSERT INTO desk.asset (asset) VALUES ('USD');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1);
	INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1);
	INSERT INTO desk.balance SELECT i, 'USD', 1 FROM generate_series(1, 3000) AS i;
	SELECT margin.refresh_levels('desk');

	CREATE SCHEMA "Desk 1";
	CREATE TABLE "Desk 1".held (account text PRIMARY KEY, quantity numeric);
	SELECT margin.create_book('Desk 1', 'desk', '"Desk 1".held', balance_account => 'account', balance_asset => $$'USD'::text$$);
	CREATE FUNCTION "Desk 1".refresh() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN
	    PERFORM margin.refresh_account_levels('Desk 1', ARRAY[NEW.account], 'write');
	    RETURN NULL;
	END
	$$;
	CREATE CONSTRAINT TRIGGER refresh AFTER INSERT OR UPDATE ON "Desk 1".held DEFERRABLE INITIALLY DEFERRED
	    FOR EACH ROW EXECUTE FUNCTION "Desk 1".refresh();

	CREATE ROLE app LOGIN;
	GRANT USAGE ON SCHEMA "Desk 1" TO app;
	GRANT SELECT, INSERT, UPDATE ON "Desk 1".held TO app});

# ---------------------------------------------------------------------------
# Listeners
# ---------------------------------------------------------------------------

my $patience = IPC::Run::timeout(120);
my %heard;
my %listeners;

sub wait_for
{
	my ($name, $pattern) = @_;
	my $listener = $listeners{$name};
	$listener->{run}->pump until ${ $listener->{out} } =~ $pattern;
	return;
}

my ($psql_in, $psql_out) = ("LISTEN margin_level;\n\\echo listening\n", '');
$listeners{psql} = {
	out => \$psql_out,
	run => IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$psql_in, '>', \$psql_out, '2>&1', $patience)
};
wait_for('psql', qr/listening/);

my $modules = PostgreSQL::Test::Utils::tempdir;
my $why_not;
{
	# npm writes into HOME and its cache.
	local $ENV{HOME} = $modules;
	my ($out, $err) = ('', '');
	$why_not = 'npm is not installed' if !eval { IPC::Run::run([ 'npm', '--version' ], '>', \$out, '2>', \$err) };
	$why_not = 'npm cannot install pg'
	  if !$why_not && !IPC::Run::run([ 'npm', 'install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', $modules, 'pg' ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(90));
}
SKIP:
{
	skip "node-postgres does not listen: $why_not", 1 if $why_not;
	my ($in, $out, $err) = ('', '', '');
	local $ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
	$listeners{'node-postgres'} = {
		out => \$out,
		run => IPC::Run::start([ 'node', dirname(__FILE__) . '/../listen.mjs', $modules, $node->host, $node->port, 'postgres', 'margin_level' ],
			'<', \$in, '>', \$out, '2>', \$err, $patience)
	};
	wait_for('node-postgres', qr/listening/);
	pass('node-postgres listens');
}

# ---------------------------------------------------------------------------
# Transactions, and what is to be heard of them
# ---------------------------------------------------------------------------

my @expected;

# Runs a script; the rest are the notices expected, in order.
sub transaction
{
	my ($name, $script, @notices) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $script, on_error_stop => 0);
	is($err, '', "$name: no error");
	push @expected, [ $name, $_ ] for @notices;
	return;
}

sub notice
{
	my ($book, $levels, $accounts) = @_;
	return { book => $book, levels => $levels, accounts => $accounts, truncated => JSON::PP::false };
}

transaction('several refreshes', q{
	BEGIN;
	UPDATE desk.balance SET quantity = -1 WHERE account_id IN (1, 2, 3);
	SELECT margin.refresh_levels('desk');
	SELECT margin.refresh_levels('desk');
	UPDATE desk.balance SET quantity = 1 WHERE account_id = 2;
	SELECT margin.refresh_account_levels('desk', '{2}');
	INSERT INTO desk.balance VALUES (3, 'MOON', 1);
	SELECT * FROM margin.set_prices('desk', '{"assets": {"USD": 1.01}}', refresh => true);
	COMMIT},
	notice('desk', { bankrupt => 1, unpriced => 1 }, { 1 => 'bankrupt', 3 => 'unpriced' }));
transaction('no change', q{SELECT margin.refresh_levels('desk')});
transaction('rolled back', q{BEGIN; UPDATE desk.balance SET quantity = -1 WHERE account_id = 5; SELECT margin.refresh_levels('desk'); ROLLBACK});
transaction('savepoints', q{
	BEGIN;
	SAVEPOINT a;
	UPDATE desk.balance SET quantity = -1 WHERE account_id = 6;
	SELECT margin.refresh_levels('desk');
	ROLLBACK TO a;
	SAVEPOINT b;
	SAVEPOINT c;
	UPDATE desk.balance SET quantity = -1 WHERE account_id = 7;
	SELECT margin.refresh_levels('desk');
	RELEASE b;
	SAVEPOINT d;
	UPDATE desk.balance SET quantity = -1 WHERE account_id = 8;
	SELECT margin.refresh_levels('desk');
	ROLLBACK TO d;
	COMMIT},
	notice('desk', { bankrupt => 1 }, { 7 => 'bankrupt' }));
transaction('all of it rolled back to a savepoint',
	q{BEGIN; SAVEPOINT a; UPDATE desk.balance SET quantity = -1 WHERE account_id = 9; SELECT margin.refresh_levels('desk'); ROLLBACK TO a; COMMIT});
transaction('there and back', q{
	BEGIN;
	UPDATE desk.balance SET quantity = -1 WHERE account_id = 9;
	SELECT margin.refresh_levels('desk');
	UPDATE desk.balance SET quantity = 1 WHERE account_id = 9;
	SELECT margin.refresh_levels('desk');
	COMMIT});
is($node->safe_psql('postgres', 'SELECT count(*) FROM desk.level_event WHERE account_id = 9'), 2, 'there and back: both are in the journal');

transaction('at commit, by deferred triggers', q{
	BEGIN;
	INSERT INTO "Desk 1".held VALUES ('a"b\c', -1), ('é', -1), ('fine', 1);
	COMMIT},
	notice('Desk 1', { bankrupt => 2 }, { 'a"b\c' => 'bankrupt', "\x{e9}" => 'bankrupt' }));
transaction('constraints immediate', q{
	BEGIN;
	SET CONSTRAINTS ALL IMMEDIATE;
	UPDATE "Desk 1".held SET quantity = 1 WHERE account = 'é';
	UPDATE "Desk 1".held SET quantity = -1 WHERE account = 'fine';
	SET CONSTRAINTS ALL DEFERRED;
	UPDATE "Desk 1".held SET quantity = 1 WHERE account = 'a"b\c';
	COMMIT},
	notice('Desk 1', { healthy => 2, bankrupt => 1 }, { 'a"b\c' => 'healthy', "\x{e9}" => 'healthy', fine => 'bankrupt' }));
transaction('two books', q{
	BEGIN;
	UPDATE desk.balance SET quantity = 1 WHERE account_id = 1;
	UPDATE "Desk 1".held SET quantity = 1 WHERE account = 'fine';
	SELECT margin.refresh_levels('desk');
	COMMIT},
	notice('desk', { healthy => 1 }, { 1 => 'healthy' }),
	notice('Desk 1', { healthy => 1 }, { fine => 'healthy' }));
transaction('a writer who may not read the journal', q{
	SET ROLE app;
	UPDATE "Desk 1".held SET quantity = -1 WHERE account = 'fine'},
	notice('Desk 1', { bankrupt => 1 }, { fine => 'bankrupt' }));
is($node->safe_psql('postgres', q{SELECT changed_by FROM "Desk 1".level_event ORDER BY id DESC LIMIT 1}), 'app', 'he is named in it');
transaction('a book that was not to be', q{
	BEGIN;
	SAVEPOINT a;
	CREATE SCHEMA gone;
	SELECT margin.create_book('gone', 'desk');
	INSERT INTO gone.balance VALUES (1, 'USD', -1);
	SELECT margin.refresh_levels('gone');
	ROLLBACK TO a;
	COMMIT});
transaction('a book dropped at once', q{
	BEGIN;
	SET LOCAL client_min_messages = warning;
	CREATE SCHEMA gone;
	SELECT margin.create_book('gone', 'desk');
	INSERT INTO gone.balance VALUES (1, 'USD', -1);
	SELECT margin.refresh_levels('gone');
	DROP SCHEMA gone CASCADE;
	COMMIT});
transaction('a single statement that writes the journal', q{
	INSERT INTO desk.level_event (account_id, from_level, to_level, prices, cause) VALUES (3000000, 'healthy', 'warning', '{}', 'by hand')},
	notice('desk', { warning => 1 }, { 3000000 => 'warning' }));
transaction('more than fits', q{
	UPDATE desk.balance SET quantity = -1 WHERE account_id > 10 AND asset = 'USD';
	UPDATE desk.balance SET asset = 'MOON' WHERE account_id = 2000;
	SELECT margin.refresh_levels('desk')},
	{ book => 'desk', levels => { bankrupt => 2989, unpriced => 1 }, truncated => JSON::PP::true });

# A transaction that told something cannot be prepared, as with any NOTIFY.
my ($status, $out, $err) = $node->psql('postgres', q{
	BEGIN;
	UPDATE desk.balance SET quantity = 1 WHERE account_id = 7;
	SELECT margin.refresh_levels('desk');
	PREPARE TRANSACTION 'p'}, extra_params => [ '-v', 'VERBOSITY=sqlstate' ]);
like($err, qr/ERROR:\s+0A000/, 'PREPARE TRANSACTION is refused');
is($node->safe_psql('postgres', 'SELECT level FROM desk.account_level WHERE account_id = 7'), 'bankrupt', 'and nothing of it stays');
transaction('one that changed nothing', q{BEGIN; SELECT margin.refresh_account_levels('desk', '{8}'); PREPARE TRANSACTION 'p'});
transaction('is prepared', q{COMMIT PREPARED 'p'});

# ---------------------------------------------------------------------------
# What was heard
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', q{NOTIFY margin_level, 'end'});
if ($listeners{'node-postgres'})
{
	wait_for('node-postgres', qr/^end$/m);
	$heard{'node-postgres'} = [ grep { !/^(?:listening|end)$/ } split /\n/, ${ $listeners{'node-postgres'}{out} } ];
	ok($listeners{'node-postgres'}{run}->finish, 'node-postgres ends well');
}
$psql_in .= "SELECT 'asked';\n\\q\n";
ok($listeners{psql}{run}->finish, 'psql ends well');
$heard{psql} = [ grep { $_ ne 'end' } $psql_out =~ /^Asynchronous notification "margin_level" with payload "(.*)" received from/mg ];

for my $listener (sort keys %heard)
{
	my @notices = @{ $heard{$listener} };
	is(@notices, @expected, "$listener: as many notifications as there were changes to tell");
	for my $i (0 .. $#expected)
	{
		my ($name, $expected) = @{ $expected[$i] };
		my $notice = eval { decode_json($notices[$i] // '') } // {};
		cmp_ok(length $notices[$i], '<', 8000, "$listener: $name: fits");
		if ($expected->{truncated})
		{
			my $accounts = delete $notice->{accounts};
			is($accounts->{2000}, 'unpriced', "$listener: $name: the highest level comes first");
			cmp_ok(scalar(keys %$accounts), '>', 300, "$listener: $name: accounts as far as they fit");
		}
		is_deeply($notice, $expected, "$listener: $name");
	}
}

# ---------------------------------------------------------------------------
# Many at once: writers whose levels follow, of accounts in any order, and
# whole refreshes between them
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', q{DELETE FROM desk.balance; SELECT margin.refresh_levels('desk'); SELECT margin.enable_levels('desk')});
$node->pgbench('--no-vacuum --client=8 --transactions=100', 0, [qr/processed: 800/], [qr/^(?!.*(?:ERROR|aborted))/s], 'many clients find no error',
	{
		'090_write@8' => q{
			\set a random(1, 12)
			\set b random(13, 24)
			BEGIN;
			INSERT INTO desk.balance VALUES (:a, 'USD', random() - 0.5) ON CONFLICT (account_id, asset) DO UPDATE SET quantity = excluded.quantity;
			INSERT INTO desk.balance VALUES (:b, 'USD', random() - 0.5) ON CONFLICT (account_id, asset) DO UPDATE SET quantity = excluded.quantity;
			COMMIT;
		},
		'090_empty@1' => q{
			\set a random(1, 24)
			DELETE FROM desk.balance WHERE account_id = :a;
		},
		# more than 256 accounts, so that it locks the book
		'090_many@1' => q{
			INSERT INTO desk.balance SELECT i, 'USD', random() - 0.5 FROM generate_series(1, 300) AS i
			ON CONFLICT (account_id, asset) DO UPDATE SET quantity = excluded.quantity;
		},
		'090_refresh@2' => q{SELECT margin.refresh_levels('desk');},
	});
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM desk.account_margin AS a FULL JOIN desk.account_level AS l USING (account_id)
	 WHERE l.level IS DISTINCT FROM coalesce(a.level, 'healthy')}),
	0, 'every account is kept where it is');
is($node->safe_psql('postgres', q{
	SELECT count(*) > 100, count(*) FILTER (WHERE from_level <> coalesce(before, 'healthy'))
	  FROM (SELECT from_level, lag(to_level) OVER (PARTITION BY account_id ORDER BY id) AS before FROM desk.level_event) AS e}),
	't|0', 'the journal of each has no gap');

# ---------------------------------------------------------------------------
# A crash, again and again, with writers between whose accounts fall too, and
# an idle tenant who holds an account
# ---------------------------------------------------------------------------

# A session that stays open; ask() waits for the answer.
sub session
{
	my %session = (in => '', out => '', err => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$session{in}, '>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(180));
	return \%session;
}

sub submit
{
	my ($session, $sql) = @_;
	$session->{in} .= "$sql;\n\\echo done\n";
	$session->{run}->pump while length $session->{in};
	return;
}

sub ask
{
	my ($session, $sql) = @_;
	if (defined $sql)
	{
		$session->{out} = '';
		submit($session, $sql);
	}
	$session->{run}->pump until $session->{out} =~ /^done$/m;
	return $session->{out} =~ s/\n?done\n\z//r;
}

$node->safe_psql('postgres', q{
	INSERT INTO desk.asset (asset) VALUES ('COIN');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('COIN', 0, 1);
	INSERT INTO desk.index_price (asset, price) VALUES ('COIN', 1);
	DELETE FROM desk.balance;
	INSERT INTO desk.balance SELECT i, 'USD', -10 FROM generate_series(1, 3000) AS i;
	INSERT INTO desk.balance SELECT i, 'COIN', 15 FROM generate_series(1, 3000) AS i;
	SELECT margin.refresh_levels('desk')});
my $idle = session();
my $pid = ask($idle, q{BEGIN; SELECT margin.lock_accounts('desk', '{1, 2, 3}') \g /dev/null
	SELECT pg_backend_pid()});
$node->pgbench('--no-vacuum --client=8 --time=15', 0, [qr/processed: [1-9]/], [qr/^(?!.*(?:ERROR|aborted|WARNING))/s], 'a crash finds no error',
	{
		'090_crash@1' => q{
			SELECT margin.set_prices('desk', ARRAY['COIN'], ARRAY[CASE WHEN price < 0.5 THEN 1.1 ELSE 0.1 END], refresh => true)
			  FROM desk.index_price WHERE asset = 'COIN';
		},
		'090_transfer@20' => q{
			\set a random(4, 3000)
			\set b random(4, 3000)
			BEGIN;
			UPDATE desk.balance SET quantity = quantity + CASE account_id WHEN :a THEN 1 ELSE -1 END
			 WHERE asset = 'USD' AND account_id IN (SELECT account_id FROM desk.balance WHERE account_id IN (:a, :b) AND asset = 'USD' ORDER BY account_id FOR UPDATE);
			COMMIT;
		},
	});
$node->safe_psql('postgres', q{SELECT margin.refresh_levels('desk')});
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM desk.account_margin AS a FULL JOIN desk.account_level AS l USING (account_id)
	 WHERE l.level IS DISTINCT FROM coalesce(a.level, 'healthy')}),
	0, 'after a refresh every account is kept where it is');
is($node->safe_psql('postgres', q{
	SELECT count(*) > 3000, count(*) FILTER (WHERE from_level <> coalesce(before, 'healthy'))
	  FROM (SELECT from_level, lag(to_level) OVER (PARTITION BY account_id ORDER BY id) AS before FROM desk.level_event) AS e}),
	't|0', 'the journal of each has no gap');
ask($idle, 'COMMIT');

# ---------------------------------------------------------------------------
# Who is waited for
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', q{
	DELETE FROM desk.balance;
	UPDATE desk.index_price SET price = 1 WHERE asset = 'COIN';
	INSERT INTO desk.balance SELECT i, 'USD', -10 FROM generate_series(1, 1000) AS i;
	INSERT INTO desk.balance SELECT i, 'COIN', 15 FROM generate_series(1, 1000) AS i;
	INSERT INTO desk.balance VALUES (2000, 'USD', 1);
	SELECT margin.refresh_levels('desk')});
ask($idle, q{BEGIN; UPDATE desk.balance SET quantity = 2 WHERE account_id = 2000; UPDATE desk.balance SET quantity = -9 WHERE account_id = 7 AND asset = 'USD'; SET CONSTRAINTS ALL IMMEDIATE});
my $refresh = session();
is(ask($refresh, q{SET lock_timeout = 300; SELECT level_changes FROM margin.set_prices('desk', ARRAY['COIN'], ARRAY[0.1], refresh => true)}),
	999, 'all change but the account whose level is held');
$refresh->{run}->pump until $refresh->{err} =~ /WARNING.*HINT.*\n/s;
like($refresh->{err}, qr/NOTICE:  refresh of book "desk" waits for another transaction\nDETAIL:  The level of account "7" is held by process $pid\./,
	'it says whom it waits for');
like($refresh->{err}, qr/WARNING:  accounts of book "desk" were not refreshed .*: 1\nDETAIL:  The level of account "7" is held by process $pid;/,
	'and whose account is left');
$refresh->{err} = '';
$refresh->{out} = '';
submit($refresh, q{SET lock_timeout = 0; SHOW application_name; SELECT margin.refresh_levels('desk'); SHOW application_name});
ok($node->poll_query_until('postgres', qq{SELECT what = 'refresh desk: waiting for pid $pid' AND done = 0 AND total = 1 FROM margin.progress}),
	'others read who is waited for');
ask($idle, 'ROLLBACK');
like(ask($refresh), qr/^(.*)\n1\n\1$/, 'the last one is judged once it is free');
is($node->safe_psql('postgres', q{SELECT level FROM desk.account_level WHERE account_id = 7}), 'bankrupt', 'and kept where it is');
$_->{in} .= "\\q\n" for $idle, $refresh;
ok($_->{run}->finish, 'a session ends well') for $idle, $refresh;

$node->stop;
done_testing();
