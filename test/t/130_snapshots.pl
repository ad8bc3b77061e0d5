# Snapshots survive dump and restore with equal values, are one consistent read
# while transfers and prices go on, tell other sessions how far they are, and
# are not changed by anyone but their owner.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	ACCOUNTS => 5000,
	TRANSFERS => 3000,         # of each of two writers
	FEWEST_SNAPSHOTS => 5,     # that must meet them to mean anything
};

my $node = PostgreSQL::Test::Cluster->new('snapshots');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\nautovacuum = off");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE reader LOGIN; GRANT pg_checkpoint TO keeper');

sub as
{
	my ($role, $database, $sql) = @_;
	return $node->safe_psql($database, $sql, extra_params => [ '-U', $role ]);
}

# The SQLSTATE at which SQL ends, "accepted" if at none.
sub refusal
{
	my ($role, $database, $sql) = @_;
	my ($status, $out, $err) = $node->psql($database, $sql, extra_params => [ '-U', $role, '-v', 'VERBOSITY=sqlstate' ]);
	return 'accepted' if $status == 0;
	return $err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err;
}

# Starts SQL in a session of its own.
sub background
{
	my ($role, $database, $sql) = @_;
	my %session = (out => '', err => '');
	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) . " user=$role", '-c', $sql ],
		'>', \$session{out}, '2>', \$session{err}, IPC::Run::timeout(180));
	return \%session;
}

# ---------------------------------------------------------------------------
# Dump and restore
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', "CREATE DATABASE $_ OWNER keeper") for qw(book restored archived);
as('keeper', 'book', 'CREATE EXTENSION margin');
$node->command_ok([ 'psql', '-Xq', '-v', 'accounts=' . ACCOUNTS, '-v', 'copies=0', '-d', $node->connstr('book') . ' user=keeper', '-f', 'test/bench/data.sql' ], 'a book');
$node->safe_psql('book', 'DROP SCHEMA bench, scattered, partitioned CASCADE');
as('keeper', 'book', q{
	SELECT margin.prepare_snapshots('desk', 2);
	SELECT margin.take_snapshot('desk');
	UPDATE desk.index_price SET price = price * 0.9 WHERE asset <> 'USDT';
	DELETE FROM desk.balance WHERE account_id % 50 = 1;
	DELETE FROM desk.position WHERE account_id % 50 = 1;
	SELECT margin.take_snapshot('desk', 'portfolios');
	UPDATE desk.balance SET quantity = quantity * 1.1 WHERE account_id % 20 = 2;
	INSERT INTO desk.balance VALUES (1000000, 'BTC', 1), (1000000, 'nowhere', 1);
	SELECT margin.take_snapshot('desk', 'changes');
	DELETE FROM desk.index_price WHERE asset = 'ADA';
	UPDATE desk.asset SET liability_weight = 1.2;
	SELECT margin.take_snapshot('desk', 'changes');
	SELECT margin.take_snapshot('desk');
});

# Every snapshot as it answers: all digits of all accounts.
my $answers = q{
	SELECT s.taken_at, s.form, s.accounts, md5(s.market::text), md5(s.levels::text), count(*), count(DISTINCT a.level), md5(string_agg(a::text, E'\n' ORDER BY a.account_id))
	  FROM desk.snapshot AS s, LATERAL desk.account_margin_at(s.taken_at) AS a GROUP BY s.taken_at, 2, 3, 4, 5 ORDER BY 1};
my $reproduced = q{
	SELECT count(*), count(DISTINCT taken_at), count(*) FILTER (WHERE margin.evaluate(portfolio, market)::text IS DISTINCT FROM
	           ROW(equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin,
	               available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss)::margin.valuation::text)
	  FROM desk.account_snapshot JOIN desk.snapshot USING (taken_at) WHERE form = 'full'};
my $before = as('keeper', 'book', $answers);
my @lines = split /\n/, $before;
is(@lines, 5, 'five snapshots');
my $left = ACCOUNTS - ACCOUNTS / 50;
is(join(' ', map { (split /\|/)[2] } @lines), join(' ', ACCOUNTS, $left, ($left + 1) x 3), 'of so many accounts each');
is(as('keeper', 'book', $reproduced), (ACCOUNTS + $left + 1) . '|2|0', 'valuing a snapshot again gives what it stores, to the digit');
cmp_ok(as('keeper', 'book', q{SELECT count(DISTINCT level) FROM desk.account_snapshot}), '==', 6, 'at every level');
my $stored = as('keeper', 'book', q{SELECT count(*) FROM desk.account_snapshot JOIN desk.snapshot USING (taken_at) WHERE form = 'changes'});
cmp_ok($stored, '<', ACCOUNTS / 5, "changes stored $stored rows");

my $dump = PostgreSQL::Test::Utils::tempdir() . '/book';
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dump.sql", '-d', $node->connstr('book') . ' user=keeper' ], 'its owner dumps it');
$node->command_ok([ 'pg_dump', '-Fc', '-f', "$dump.dump", '-d', $node->connstr('book') . ' user=keeper' ], 'and in the archive format');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", '-d', $node->connstr('restored') . ' user=keeper' ], 'restore');
$node->command_ok([ 'pg_restore', '--exit-on-error', '-d', $node->connstr('archived') . ' user=keeper', "$dump.dump" ], 'restore from the archive');
for my $copy (qw(restored archived))
{
	is(as('keeper', $copy, $answers), $before, "$copy: every snapshot answers the same");
	is(as('keeper', $copy, $reproduced), as('keeper', 'book', $reproduced), "$copy: valuing again gives what is stored");
	is(as('keeper', $copy, q{SELECT day, snapshot, account_snapshot FROM desk.snapshot_days()}),
		as('keeper', 'book', q{SELECT day, snapshot, account_snapshot FROM desk.snapshot_days()}), "$copy: the same days are prepared");
	is(as('keeper', $copy, q{
		SELECT count(*), count(*) FILTER (WHERE indisprimary) FROM pg_index, desk.snapshot_days() WHERE indrelid IN (snapshot, account_snapshot)}),
		'6|6', "$copy: a primary key on each partition and nothing twice");
	is(as('keeper', $copy, q{SELECT margin.prepare_snapshots('desk', 3)}), 1, "$copy: more days can be prepared");
	is(as('keeper', $copy, q{SELECT margin.take_snapshot('desk', 'changes') > now()}), 't', "$copy: and a snapshot be taken");
	is(as('keeper', $copy, q{SELECT form, accounts FROM desk.snapshot ORDER BY taken_at DESC LIMIT 1}), 'changes|' . ($left + 1), "$copy: on top of the restored");
	is(refusal('reader', $copy, 'SELECT count(*) FROM desk.snapshot'), '42501', "$copy: not for everyone");
	as('keeper', $copy, 'GRANT USAGE ON SCHEMA desk TO reader; GRANT ALL ON ALL TABLES IN SCHEMA desk TO reader');
	is(as('reader', $copy, 'SELECT count(*) FROM desk.snapshot'), 6, "$copy: a reader by grant reads");
	for my $table ('desk.snapshot', 'desk.account_snapshot', split / /, as('keeper', $copy, q{SELECT concat_ws(' ', snapshot, account_snapshot) FROM desk.snapshot_days() LIMIT 1}))
	{
		is(refusal('reader', $copy, $_), '42501', "$copy: all granted, and yet refused: $_")
		  for "UPDATE $table SET taken_at = taken_at", "DELETE FROM $table", "TRUNCATE $table", "INSERT INTO $table SELECT * FROM $table LIMIT 0";
	}
	is(refusal('reader', $copy, q{SELECT margin.take_snapshot('desk')}), '42501', "$copy: nor does he take one");
}
# A second generation is the same text but for names that version 18 gives to
# NOT NULL: nothing was lost or added on the way.
$node->safe_psql('postgres', 'CREATE DATABASE again OWNER keeper');
$node->command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-f', "$dump.sql", '-d', $node->connstr('again') . ' user=keeper' ], 'restore once more');
$node->command_ok([ 'pg_dump', '-Fp', '-f', "$dump.again.sql", '-d', $node->connstr('again') . ' user=keeper' ], 'and dump that');
my ($first, $second) = map {
	join '', sort map { s/ CONSTRAINT \w+_not_null\d* NOT NULL/ NOT NULL/r } grep { !/^(?:--|\\(?:un)?restrict)/ } split /^/, slurp_file($_)
} "$dump.sql", "$dump.again.sql";
ok($first eq $second, 'the dump of the restored is the dump');

# Partitions belong to the owner of the tables, whoever makes them.
is($node->safe_psql('restored', q{SELECT margin.prepare_snapshots('desk', 4)}), 1, 'a superuser prepares a day');
is(as('keeper', 'restored', q{
	SELECT DISTINCT relowner::regrole FROM pg_class WHERE relname ~ '^(account_)?snapshot_\d{8}'}), 'keeper', 'for the owner');
is(as('keeper', 'restored', q{SELECT margin.drop_snapshots('desk', 'infinity')}), 5, 'whole days are dropped');
is(as('keeper', 'restored', q{SELECT count(*) FROM pg_class WHERE relname ~ '^(account_)?snapshot_\d{8}'}), 0, 'and nothing of them is left');
is(refusal('keeper', 'archived', 'DROP EXTENSION margin'), '2BP01', 'the extension stays while there are snapshots');
is(refusal('keeper', 'archived', 'DROP SCHEMA desk CASCADE'), 'accepted', 'snapshots go with their book');
is(as('keeper', 'archived', q{SELECT count(*) FROM pg_class WHERE relname ~ '^(account_)?snapshot'}), 0, 'and leave nothing');

# ---------------------------------------------------------------------------
# Random forms over a random book: each answers for ever as the view did
# ---------------------------------------------------------------------------

my $seed = $ENV{SEED} // int rand 2**31;
note "seed $seed";
$node->safe_psql('postgres', 'CREATE DATABASE random OWNER keeper');
as('keeper', 'random', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk');
	INSERT INTO desk.asset (asset) SELECT 'A' || i FROM generate_series(1, 5) AS i;
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, bound, 0.9 - bound / 20 FROM desk.asset, generate_series(0, 4) AS bound;
	INSERT INTO desk.index_price SELECT asset, 1 FROM desk.asset;
	INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('C1', 'A1', 1), ('C2', 'A2', 0.1);
	INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('C1', 0, 0.1, 0.15), ('C2', 0, 0.2, 0.3);
	INSERT INTO desk.mark_price VALUES ('C1', 10), ('C2', 20);
	SELECT margin.prepare_snapshots('desk', 1);
	CREATE TABLE seen (taken_at timestamptz, form margin.snapshot_form, accounts text)});
my $wrong = as('keeper', 'random', "SET seed = @{[ $seed / 2**31 ]};" . q{
	DO $$
	DECLARE
	    form margin.snapshot_form;
	BEGIN
	    FOR step IN 1..60 LOOP
	        FOR i IN 1..random() * 4 LOOP
	            INSERT INTO desk.balance VALUES (random() * 12, 'A' || round(random() * 5 + 0.6), round((random() * 10 - 2)::numeric, 2))
	                ON CONFLICT (account_id, asset) DO UPDATE SET quantity = excluded.quantity;
	            INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (random() * 12, 'C' || round(random() + 1), round((random() * 4 - 2)::numeric, 1), 10)
	                ON CONFLICT (account_id, contract, side) DO UPDATE SET quantity = excluded.quantity;
	            INSERT INTO desk.open_order VALUES (random() * 12, round(random() * 2), 'C' || round(random() + 1), round((random() * 4 - 2)::numeric, 1), round((5 + random() * 10)::numeric, 1))
	                ON CONFLICT (account_id, order_id) DO UPDATE SET quantity = excluded.quantity, price = excluded.price;
	            DELETE FROM desk.open_order WHERE account_id = round(random() * 12);
	            DELETE FROM desk.balance WHERE account_id = round(random() * 12);
	            DELETE FROM desk.position WHERE account_id = round(random() * 12);
	        END LOOP;
	        UPDATE desk.index_price SET price = round((0.5 + random())::numeric, 3) WHERE asset = 'A' || round(random() * 4 + 1);
	        UPDATE desk.mark_price SET price = round((5 + 10 * random())::numeric, 2) WHERE contract = 'C' || round(random() + 1);
	        form := (ARRAY['full', 'portfolios', 'changes', 'changes', 'changes', 'changes'])[1 + floor(6 * random())];
	        INSERT INTO seen SELECT margin.take_snapshot('desk', form), form, (SELECT string_agg(a::text, E'\n' ORDER BY account_id) FROM desk.account_margin AS a);
	    END LOOP;
	END
	$$;
	SELECT string_agg(form::text, ' ' ORDER BY taken_at)
	  FROM seen
	 WHERE accounts IS DISTINCT FROM (SELECT string_agg(a::text, E'\n' ORDER BY account_id) FROM (
	           SELECT account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin,
	                  maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss
	             FROM desk.account_margin_at(seen.taken_at)) AS a)
	    OR NOT EXISTS (SELECT FROM desk.snapshot AS s WHERE s.taken_at = seen.taken_at AND s.form = seen.form)});
is($wrong, '', "every snapshot answers as the view did when it was taken (seed $seed)");
my ($forms, $levels, $accounts) = split /\|/, as('keeper', 'random', q{
	SELECT count(DISTINCT form), count(DISTINCT (t).level) FILTER (WHERE (t).accounts > 0), count(DISTINCT s.accounts) FROM desk.snapshot AS s, unnest(levels) AS t});
cmp_ok($levels, '>=', 3, "$forms forms, accounts at $levels levels, in books of $accounts sizes");

# ---------------------------------------------------------------------------
# Progress, and who waits for whom
# ---------------------------------------------------------------------------

# Partitions, of whatever day it is then, that stop at a row until the test lets them go on.
as('keeper', 'book', q{
	CREATE FUNCTION public.halt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_advisory_xact_lock_shared(42); RETURN NEW; END $$;
	SELECT format('CREATE TRIGGER halt BEFORE INSERT ON %s FOR EACH ROW WHEN (NEW.account_id = 4000) EXECUTE FUNCTION public.halt()', account_snapshot)
	  FROM desk.snapshot_days() \gexec
});
my $known = as('keeper', 'book', 'SELECT count(*) FROM desk.snapshot');
my $total = $left + 1;
my $gate = background('keeper', 'book', 'SELECT pg_advisory_lock(42), pg_sleep(170)');
ok($node->poll_query_until('book', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND granted}), 'the gate is shut');
is(as('keeper', 'book', 'SELECT count(*) FROM margin.progress'), 0, 'nothing is under way');
my $taking = background('keeper', 'book', q{SET application_name = 'nightly'; SELECT margin.take_snapshot('desk') IS NOT NULL; SHOW application_name});
ok($node->poll_query_until('book', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted}), 'a snapshot is half done');
# accounts 1, 51, ... are gone: before 4000 there are 3999 - 80
is(as('keeper', 'book', q{
	SELECT what, done, total, started < now(), p.pid = l.pid FROM margin.progress AS p, pg_locks AS l WHERE locktype = 'advisory' AND objid = 42 AND NOT granted}),
	"snapshot|3000|$total|t|t", 'another session reads how far it is');
is(as('keeper', 'book', 'SELECT count(*) FROM desk.snapshot'), $known, 'and not yet its rows');
is(as('reader', 'postgres', 'SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE ' . "'margin: snapshot 3000/%'"), 1, 'nor need it be the same user');
is(refusal('keeper', 'book', "SET lock_timeout = '100ms'; SELECT $_"), '55P03', "waits: $_") for q{margin.take_snapshot('desk')}, q{margin.drop_snapshots('desk', 'infinity')};
is(refusal('keeper', 'book', "SET lock_timeout = '5s'; SELECT $_"), 'accepted', "need not wait: $_")
  for q{margin.prepare_snapshots('desk', 20)}, q{count(*) FROM desk.account_margin_at('infinity')}, q{margin.drop_snapshots('desk', '2000-01-01')};
as('keeper', 'book', q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND granted});
ok($taking->{run}->finish, 'it goes on') or diag $taking->{err};
is($taking->{out}, "t\nnightly\n", 'ends, and the session has its name back');
$gate->{run}->finish;
is(as('keeper', 'book', 'SELECT count(*) FROM margin.progress'), 0, 'nothing is under way');
is(as('keeper', 'book', q{SELECT accounts FROM desk.snapshot ORDER BY taken_at DESC LIMIT 1}), $total, 'and all of it is there');

# The same of a refresh of levels, which stops where it journals the changes.
as('keeper', 'book', q{
	CREATE TRIGGER halt BEFORE INSERT ON desk.level_event FOR EACH STATEMENT EXECUTE FUNCTION public.halt()});
$gate = background('keeper', 'book', 'SELECT pg_advisory_lock(42), pg_sleep(170)');
ok($node->poll_query_until('book', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND granted}), 'the gate is shut');
my $refresh = background('keeper', 'book', q{SELECT margin.refresh_levels('desk') > 0});
ok($node->poll_query_until('book', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND NOT granted}), 'a refresh has judged, and writes');
is(as('keeper', 'book', 'SELECT what, done, total FROM margin.progress'), 'refresh desk|4000|', 'another session reads how far it is');
as('keeper', 'book', q{SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = 42 AND granted});
ok($refresh->{run}->finish, 'it goes on') or diag $refresh->{err};
$gate->{run}->finish;

# ---------------------------------------------------------------------------
# One consistent read while the book goes on
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', 'CREATE DATABASE busy OWNER keeper');
# Money moves between accounts; the balance in SPLIT doubles when its price
# halves.  So the book is worth 1000 * 100 + 500 * 200 at all times.
as('keeper', 'busy', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk');
	INSERT INTO desk.asset (asset) VALUES ('CASH'), ('SPLIT');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('CASH', 0, 1), ('SPLIT', 0, 1);
	INSERT INTO desk.index_price VALUES ('CASH', 1), ('SPLIT', 200);
	INSERT INTO desk.balance SELECT i, 'CASH', 100 FROM generate_series(1, 1000) AS i;
	INSERT INTO desk.balance SELECT i, 'SPLIT', 1 FROM generate_series(1, 500) AS i;
	SELECT margin.prepare_snapshots('desk', 1);
	CREATE TABLE stop (now boolean);
	CREATE PROCEDURE record() LANGUAGE plpgsql AS $$
	BEGIN
	    WHILE NOT EXISTS (SELECT FROM stop) LOOP
	        PERFORM margin.take_snapshot('desk', form) FROM unnest('{full,changes,portfolios,changes}'::margin.snapshot_form[]) AS form;
	        COMMIT;
	    END LOOP;
	END
	$$});
my $recorder = background('keeper', 'busy', 'CALL record()');
$node->pgbench('--no-vacuum --client=2 --transactions=' . TRANSFERS, 0, [qr/processed: @{[ 2 * TRANSFERS ]}/], [qr/^(?!.*(?:ERROR|aborted))/s], 'transfers find no error', {
	'130_transfer@9' => q{
		\set amount random(1, 50)
		\set one random(1, 999)
		\set two random(:one + 1, 1000)
		UPDATE desk.balance SET quantity = quantity + CASE account_id WHEN :one THEN -:amount ELSE :amount END
		 WHERE asset = 'CASH' AND account_id IN (SELECT account_id FROM desk.balance WHERE account_id IN (:one, :two) AND asset = 'CASH' ORDER BY account_id FOR UPDATE);},
	'130_split@1' => q{
		BEGIN;
		SELECT price AS price FROM desk.index_price WHERE asset = 'SPLIT' FOR UPDATE \gset
		UPDATE desk.index_price SET price = 300 - :price WHERE asset = 'SPLIT';
		UPDATE desk.balance SET quantity = 200 / (300 - :price::numeric) WHERE asset = 'SPLIT';
		COMMIT;} }, 'busy');
as('keeper', 'busy', 'INSERT INTO stop VALUES (true)');
ok($recorder->{run}->finish, 'nor do snapshots') or diag $recorder->{err};

my ($snapshots, $prices, $books) = split /\|/, as('keeper', 'busy', q{
	SELECT count(*), count(DISTINCT market), count(DISTINCT book)
	  FROM desk.snapshot, LATERAL (SELECT margin.rollup(portfolio) FILTER (WHERE account_id <= 500) AS book FROM desk.portfolios(taken_at)) AS b});
cmp_ok($books, '>=', FEWEST_SNAPSHOTS, "$snapshots snapshots of $books different books");
is($prices, 2, 'at both prices');
for my $form (qw(full portfolios changes))
{
	is(as('keeper', 'busy', qq{
		SELECT DISTINCT accounts, total, stored
		  FROM desk.snapshot, LATERAL (SELECT sum(trim_scale(net_asset_value)) AS total FROM desk.account_margin_at(taken_at)) AS a,
		       LATERAL (SELECT sum(trim_scale((unnest).net_asset_value)) AS stored FROM unnest(levels)) AS l
		 WHERE form = '$form'}), '1000|200000|200000', "$form: each is worth what was there at any time");
}
is(as('keeper', 'busy', q{
	SELECT count(*) FROM desk.snapshot AS s
	 WHERE form = 'full' AND EXISTS (
	       SELECT FROM desk.snapshot AS c WHERE c.base = s.taken_at AND c.form = 'changes'
	          AND (SELECT count(*) FROM desk.account_snapshot AS a WHERE a.taken_at = c.taken_at) BETWEEN 1 AND 999)}) > 0, 1, 'changes are some, not all');

$node->stop;
done_testing();
