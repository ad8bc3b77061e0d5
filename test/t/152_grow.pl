# One more shard: interrupted at every step, a shard gone in the middle, half of the
# commits done, others writing meanwhile; nothing is lost, nothing is doubled.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('grow');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 4\n");
$node->start;

sub on
{
	my ($database, $sql) = @_;
	return $node->safe_psql($database, $sql);
}

sub here
{
	return on('postgres', $_[0]);
}

sub failure
{
	my ($sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql, on_error_stop => 1);
	isnt($status, 0, "refused: $sql");
	return $err;
}

# Something that runs while the test goes on.
sub begin
{
	my ($sql) = @_;
	my ($out, $err) = ('', '');
	my $running = IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-c', $sql ], '<', \'', '>', \$out, '2>', \$err);
	return sub { $running->finish; return $err };
}

for my $shard (1 .. 3)
{
	on('postgres', "CREATE DATABASE shard_$shard");
	on("shard_$shard", 'CREATE EXTENSION margin');
}
on("shard_$_", q{CREATE SCHEMA desk; SELECT margin.create_shard('desk', 'text')}) for 1, 2;
here('CREATE EXTENSION margin; CREATE EXTENSION postgres_fdw');
here(sprintf q{CREATE SERVER shard_%1$s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%2$s', port '%3$s', dbname 'shard_%1$s', extensions 'margin'); CREATE USER MAPPING FOR CURRENT_USER SERVER shard_%1$s},
	$_, $node->host, $node->port) for 1 .. 3;
here(q{
	CREATE SCHEMA mkt;
	SELECT margin.create_venue('mkt'), margin.load_published('mkt');
	INSERT INTO mkt.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1);
	INSERT INTO mkt.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);
	INSERT INTO mkt.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.005, 0.01);
	INSERT INTO mkt.mark_price (contract, price) VALUES ('BTC_USDT', 60100);
	CREATE SCHEMA desk;
	SELECT margin.create_cluster('desk', 'mkt', '{shard_1,shard_2}', 'text');
	INSERT INTO desk.balance SELECT 'c' || i, a, i - 20 FROM generate_series(1, 120) AS i, unnest('{BTC,USDT}'::text[]) AS a;
	INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage) SELECT 'c' || i, 'BTC_USDT', 50 - i, 60000 + i, nullif(i % 3, 0) FROM generate_series(1, 120) AS i WHERE i <> 50;
	INSERT INTO desk.open_order SELECT 'c' || i, o, 'BTC_USDT', i, 61000 FROM generate_series(1, 40) AS i, unnest('{x,y}'::text[]) AS o});

# Two servers that lead to one database would have its accounts counted twice.
here(sprintf q{CREATE SERVER twin FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'shard_1', extensions 'margin'); CREATE USER MAPPING FOR CURRENT_USER SERVER twin; CREATE SCHEMA twice},
	$node->host, $node->port);
like(failure(q{SET statement_timeout = '60s'; SELECT margin.create_cluster('twice', 'mkt', '{shard_1,twin}', 'text', 'desk')}), qr/book "desk" of database "shard_1" is being taken as a shard already/, 'one database twice');
here('DROP SCHEMA twice; DROP SERVER twin CASCADE');

# A schema of somebody else's with the name of the next book.
on('shard_1', q{CREATE ROLE squatter; CREATE SCHEMA desk_next AUTHORIZATION squatter; SET ROLE squatter;
	CREATE TABLE desk_next.shard_request (command text, argument jsonb, result jsonb); CREATE VIEW desk_next.holding AS SELECT 1 / 0 AS one});
like(failure(q{SELECT margin.add_shard('desk', 'shard_3', 'desk_next')}), qr/schema "desk_next" belongs to|not owner|belongs to "squatter"/, "a stranger's schema is not entered");
on('shard_1', 'DROP SCHEMA desk_next CASCADE; DROP ROLE squatter');

# All that accounts hold, in one line.
sub holds
{
	my ($book) = @_;
	return here(qq{SELECT count(*), md5(string_agg(r, ',' ORDER BY r COLLATE "C")) FROM (
		SELECT 'b' || b AS r FROM $book.balance AS b UNION ALL SELECT 'p' || p FROM $book.position AS p UNION ALL SELECT 'o' || o FROM $book.open_order AS o) AS s});
}

# A shard that cannot be reached while something is done.
sub without
{
	my ($shard, $sql) = @_;
	here("ALTER DATABASE $shard ALLOW_CONNECTIONS false; SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '$shard'");
	like(failure($sql), qr/could not connect to server "$shard"/, "without $shard");
	here("ALTER DATABASE $shard ALLOW_CONNECTIONS true");
	return;
}

sub crash
{
	$node->stop('immediate');
	$node->start;
	return;
}

# ---------------------------------------------------------------------------
# The shard is added
# ---------------------------------------------------------------------------

my $add = q{SELECT margin.add_shard('desk', 'shard_3', 'desk_next')};
my $next_books = sub { join ' ', map { on("shard_$_", q{SELECT count(*) FROM pg_class WHERE relname = 'shard_request' AND relnamespace::regnamespace::text = 'desk_next'}) } 1 .. 3 };
like(failure($add), qr/server "shard_3" leads to no shard "desk_next".*HINT:  There: .*margin\.create_shard\('desk_next', 'text'\)/s, 'the new server needs a shard');
is($next_books->(), '0 0 0', 'nothing is left of it');
on('shard_3', q{CREATE SCHEMA desk_next; SELECT margin.create_shard('desk_next', 'text')});
without('shard_2', $add);
is($next_books->(), '0 0 1', 'nothing is left of it');
like(failure(q{SELECT margin.add_shard('desk', 'shard_2', 'desk_next')}), qr/holds a shard of book "desk" already/, 'a shard that is one');
like(failure(q{SELECT margin.add_shard('desk', 'shard_3', 'desk')}), qr/needs another name than "desk"/, 'the next one beside the first');
# the commit of one shard, and then a crash
here(q{INSERT INTO desk.shard_request_shard1 (command, argument) VALUES ('create_next', '{"next": "desk_next"}')});
crash();
is($next_books->(), '1 0 1', 'half of the commits');
here($add);
is($next_books->(), '1 1 1', 'called again it finishes');
here($add);
is(here('SELECT count(*), max(modulus) FROM desk_next.shard'), '3|3', 'and once more it does nothing');
like(failure(q{SELECT margin.add_shard('desk_next', 'shard_3', 'desk_third')}), qr/holds a shard/, 'all servers are taken');
is(here(q{SELECT count(DISTINCT market_id) FROM margin.cluster_status('desk_next')}), 1, 'it has the market');

# ---------------------------------------------------------------------------
# The accounts are copied
# ---------------------------------------------------------------------------

my $move = q{SELECT margin.move_accounts('desk', 'desk_next')};
without('shard_3', $move);
is(holds('desk_next'), '0|', 'a copy that failed is none');
is(here(q{SELECT margin.move_accounts('desk', 'desk_next', 1) > 0}), 't', 'one shard');
is(here('SELECT count(*) FROM desk_next.account'), on('shard_1', 'SELECT count(*) FROM desk.account'), 'and no other');
crash();
is(here($move), here(q{SELECT sum(n) FROM (SELECT count(*) AS n FROM desk.balance_shard2 UNION ALL SELECT count(*) FROM desk.position_shard2 UNION ALL SELECT count(*) FROM desk.open_order_shard2) AS s}), 'then the other');
is(here($move), 0, 'and then nothing');
is(holds('desk_next'), holds('desk'), 'all the same');
here(q{
	UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 'c7';
	UPDATE desk.position SET quantity = -quantity WHERE account_id = 'c8';
	DELETE FROM desk.open_order WHERE account_id = 'c9';
	UPDATE desk.position SET leverage = NULL WHERE account_id = 'c10';
	INSERT INTO desk.balance VALUES ('new', 'BTC', 1)});
is(here($move), 2 * 2 + 2 + 2 + 2 + 1, 'what changed, went and came');
is(here($move), 0, 'once');
is(holds('desk_next'), holds('desk'), 'all the same again');

# ---------------------------------------------------------------------------
# It becomes the book
# ---------------------------------------------------------------------------

my $switch = q{CALL margin.switch_book('desk', 'desk_next', 'desk_before')};
like(failure("BEGIN; $switch"), qr/invalid transaction termination/, 'in a transaction of its own');
on('shard_1', q{INSERT INTO desk.book_rule VALUES ('unrealized_gains_carry', 'false')});
like(failure($switch), qr/the shards of book "desk" differ in 1 rows of "book_rule"/, 'shards of different rules');
on('shard_2', q{INSERT INTO desk.book_rule VALUES ('unrealized_gains_carry', 'false')});
on("shard_$_", q{INSERT INTO desk.interest_hour (accrued_at) VALUES ('2026-01-01 00:00Z')}) for 1, 2;
like(failure($switch), qr/books "desk" and "desk_next" differ: 6 rows/, 'rules and hours have not come yet');
is(here($move), 6, 'they come to every shard');
is(on('shard_3', 'SELECT (SELECT value FROM desk_next.book_rule), (SELECT count(*) FROM desk_next.interest_hour)'), 'false|1', 'the new one, too');
on('shard_2', q{BEGIN; UPDATE desk.balance SET quantity = quantity + 5 WHERE asset = 'BTC'; PREPARE TRANSACTION 'writes'});
like(failure($switch), qr/could not obtain lock on relation "balance"/, 'while somebody writes on a shard');
on('shard_2', q{COMMIT PREPARED 'writes'});
like(failure($switch), qr/differ: \d+ rows/, 'what he wrote is missing');
is(here('SELECT count(*) FROM desk.shard'), 2, 'nothing has changed');
here(q{UPDATE desk.balance SET quantity = quantity WHERE account_id = 'c1'});
without('shard_2', $switch);
# half of the commits again
here(q{INSERT INTO desk.shard_request_shard1 (command, argument) VALUES ('close', '{"next": "desk_next"}')});
crash();
my $closed = on('shard_1', 'SELECT min(account_id) FROM desk.balance');
like(failure(qq{UPDATE desk.balance SET quantity = 0 WHERE account_id = '$closed'}), qr/the accounts of book "desk" have moved to book "desk_next"/, 'a shard that is closed');

# Whoever writes through the coordinator is waited for, and waits.
my $open = on('shard_2', 'SELECT min(account_id) FROM desk.balance');
my $add_one = qq{UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = '$open' AND asset = 'BTC'};
my $quantity = here(qq{SELECT quantity FROM desk.balance WHERE account_id = '$open' AND asset = 'BTC'});
my $waiting = q{SELECT count(*) FROM pg_locks WHERE relation = 'desk.balance'::regclass AND NOT granted};
my $writer = begin("SET statement_timeout = '150s'; BEGIN; $add_one; SELECT pg_advisory_xact_lock(1);
	DO \$\$ BEGIN WHILE ($waiting) < 2 LOOP PERFORM pg_sleep(0.1); END LOOP; END \$\$; COMMIT;");
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory'}), 'somebody writes');
my $switching = begin(q{CALL margin.switch_book('desk', 'desk_next', 'desk_before', move => true);});
ok($node->poll_query_until('postgres', "SELECT ($waiting) = 1"), 'the switch waits for him');
my $late = begin("$add_one;");
is($_->(), '', 'no error') for $writer, $switching, $late;
is(here(qq{SELECT quantity FROM desk.balance WHERE account_id = '$open' AND asset = 'BTC'}), $quantity + 2, 'both writes are in the book');
is(here('SELECT (SELECT count(*) FROM desk.shard), (SELECT count(*) FROM desk_before.shard)'), '3|2', 'which is the new one');
here(qq{UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = '$open' AND asset = 'BTC'});
is(holds('desk'), holds('desk_before'), 'but for the late one both hold the same');
like(failure(q{DELETE FROM desk_before.open_order WHERE account_id = 'c1'}), qr/have moved/, 'the one before takes no writes');
here(q{SELECT margin.set_prices('mkt', '{"assets": {"BTC": 59000}}')});
is(here(q{SELECT count(*), sum(behind) FROM margin.cluster_status('desk')}), '3|0', 'prices arrive');
is(here('SELECT count(*), count(DISTINCT account_id) FROM desk.account_margin'), '121|121', 'and every account is valued once');

# ---------------------------------------------------------------------------
# What was before is dropped, and the names can be used again
# ---------------------------------------------------------------------------

here('SET client_min_messages = warning; DROP SCHEMA desk_before CASCADE');
on("shard_$_", q{SELECT margin.drop_shard('desk')}) for 1, 2;
is(on('shard_1', q{SELECT count(*) FROM pg_class WHERE relnamespace = 'desk'::regnamespace}), 0, 'nothing is left of a shard');
here('CREATE DATABASE shard_4');
on('shard_4', q{CREATE EXTENSION margin; CREATE SCHEMA desk_third; SELECT margin.create_shard('desk_third', 'text')});
here(sprintf q{CREATE SERVER shard_4 FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'shard_4', extensions 'margin'); CREATE USER MAPPING FOR CURRENT_USER SERVER shard_4},
	$node->host, $node->port);
like(failure(q{SELECT margin.add_shard('desk', 'shard_4', 'desk_next')}), qr/the book of the shard is called "desk_next" itself/, 'a name that the shards use');
my $before = holds('desk');
here(q{SELECT margin.add_shard('desk', 'shard_4', 'desk_third')});
here(q{CALL margin.switch_book('desk', 'desk_third', 'desk_before', move => true)});
is(holds('desk'), $before, 'a fourth one');
is(here('SELECT count(*) FROM desk.shard'), 4, 'is there');

done_testing();
