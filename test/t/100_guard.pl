# The guard among roles that do not trust each other, in prepared transactions,
# and through dump and restore.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('guard');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_prepared_transactions = 5\nlog_statement = none\nlock_timeout = '3s'");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE writer LOGIN; CREATE ROLE booker LOGIN; CREATE ROLE batch LOGIN; CREATE ROLE stranger LOGIN; CREATE ROLE team; CREATE ROLE team_a LOGIN IN ROLE team; CREATE ROLE team_b LOGIN IN ROLE team;
	CREATE DATABASE book OWNER keeper; CREATE DATABASE restored OWNER keeper; CREATE DATABASE replayed OWNER keeper');
$node->safe_psql('book', 'GRANT CREATE ON DATABASE book TO stranger, writer, team, team_a');

# Runs SQL as a role, which must succeed.
sub as
{
	my ($role, $sql, $database) = @_;
	return $node->safe_psql($database // 'book', $sql, extra_params => [ '-U', $role ]);
}

# What SQL ends with: the SQLSTATE of its error, or "accepted"; and all that was said.
sub outcome
{
	my ($role, $sql, %options) = @_;
	my ($status, $out, $err) = $node->psql($options{database} // 'book', $sql, extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose' ]);
	my $state = $status == 0 ? 'accepted' : $err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err;
	return wantarray ? ($state, $err) : $state;
}

my $withdraw = q{UPDATE desk.balance SET quantity = quantity - 60 WHERE account_id = 1};

as('keeper', <<'SQL');
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USD'), ('EUR');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('EUR', 0, 1);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('EUR', 1);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('FUT', 'USD', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.05, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 100);
-- 1 has 50 to spare; 2 is bankrupt, 3 cannot be valued
INSERT INTO desk.balance VALUES (1, 'USD', 150), (2, 'USD', -100), (2, 'EUR', 40), (3, 'MOON', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'FUT', 10, 100), (2, 'FUT', 1, 100);
SELECT margin.enable_guard('desk');
GRANT USAGE ON SCHEMA desk TO writer, booker, stranger, team, team_a, team_b;
GRANT SELECT, INSERT, UPDATE, DELETE ON desk.balance, desk.position TO writer, booker;
SQL

# ---------------------------------------------------------------------------
# Writers need no right on anything but what they write
# ---------------------------------------------------------------------------

is(outcome('writer', $withdraw), 'MG001', 'a writer is stopped');
like((outcome('keeper', $withdraw))[1],
	qr/ERROR:  MG001: insufficient margin in account "1" of book "desk": equity 90, requirement 100, lack 10\nDETAIL:  .*\nHINT:  .*\nSCHEMA NAME:  desk\nTABLE NAME:  balance\nCOLUMN NAME:  1\nCONSTRAINT NAME:  margin_guard\n/,
	'account, equity, requirement, lack, hint, and fields for programs');
# what an account holds is told to those who may know it
my $silent = qr/ERROR:  MG001: insufficient margin in account "1" of book "desk"\nDETAIL:  Amounts are shown only to roles that may read all of "desk.account_margin".\nHINT:  [^0-9]*\nSCHEMA NAME:  desk\nTABLE NAME:  balance\nCOLUMN NAME:  1\nCONSTRAINT NAME:  margin_guard\n/;
like((outcome('writer', $withdraw))[1], $silent, 'a role that may not read accounts is told no amounts');
my ($unpriced, $unpriced_said) = outcome('writer', 'UPDATE desk.balance SET quantity = -1 WHERE account_id = 3');
like($unpriced_said, qr/ERROR:  MG002: account "3" of book "desk" cannot be valued\nDETAIL/, 'nor symbols');
unlike($unpriced_said, qr/MOON/, 'nowhere');
like($unpriced_said, qr/SCHEMA NAME:  desk\nTABLE NAME:  balance\nCOLUMN NAME:  3\nCONSTRAINT NAME:  margin_guard\n/, 'but the account, in the field for it');
like((outcome('keeper', 'UPDATE desk.balance SET quantity = -1 WHERE account_id = 3'))[1], qr/cannot be valued: no price or parameters for "MOON"/, 'as others are');
as('keeper', 'GRANT SELECT ON desk.account_margin, desk.account_portfolio, desk.holding, desk.open_order TO booker');
like((outcome('booker', $withdraw))[1], qr/equity 90, requirement 100, lack 10/, 'the right to read account_margin and what is beneath is enough');
# a function of a writer, called by somebody who may read
as('writer', q{CREATE SCHEMA ear; GRANT USAGE ON SCHEMA ear TO PUBLIC;
	CREATE FUNCTION ear.hear() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS $$
	BEGIN UPDATE desk.balance SET quantity = quantity - 60 WHERE account_id = 1; SET CONSTRAINTS ALL IMMEDIATE; RETURN 'nothing';
	EXCEPTION WHEN SQLSTATE 'MG001' THEN RETURN SQLERRM; END$$});
is(as('keeper', 'SELECT ear.hear()'), 'insufficient margin in account "1" of book "desk"', 'nor does it learn them from what others may read');
as('keeper', q{CREATE FUNCTION public.withdraw() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$UPDATE desk.balance SET quantity = quantity - 60 WHERE account_id = 1;
	SET CONSTRAINTS ALL IMMEDIATE$$});
like((outcome('stranger', 'SELECT public.withdraw()'))[1], qr/"desk"\nDETAIL:  Amounts are shown only/, 'nor somebody who calls a function of one who may');
as('writer', 'DROP SCHEMA ear CASCADE');
as('keeper', 'DROP FUNCTION public.withdraw');
is(outcome('writer', 'UPDATE desk.balance SET quantity = quantity - 50 WHERE account_id = 1'), 'accepted', 'what is to spare may go');
is(outcome('writer', 'UPDATE desk.balance SET quantity = quantity + 50 WHERE account_id = 1'), 'accepted', 'and come back');
is(outcome('writer', 'UPDATE desk.balance SET quantity = -1 WHERE account_id = 3'), 'MG002', 'an account that cannot be valued');
is(outcome('writer', q{SELECT margin.disable_guard('desk')}), '42501', 'a writer cannot switch the guard off');
is(outcome('writer', q{SELECT margin_internal.set_feature('desk', 'guard', false)}), '42501', 'nor its triggers');
is(outcome('writer', q{SELECT margin.unguard_table('desk', 'desk.balance')}), '42501', 'nor take it off');
is(outcome('writer', q{ALTER TABLE desk.balance DISABLE TRIGGER margin_verdict}), '42501', 'nor by hand');
is(outcome('writer', q{SET session_replication_role = replica}), '42501', 'nor by replication');
is(outcome('writer', q{SELECT margin.lock_accounts('desk', '{1}')}), '42501', 'a writer cannot lock accounts');
as('keeper', q{
	CREATE FUNCTION public.hold(accounts text[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
	AS $$SELECT margin.lock_accounts('desk', accounts)$$;
	REVOKE ALL ON FUNCTION public.hold FROM PUBLIC; GRANT EXECUTE ON FUNCTION public.hold TO booker});
is(outcome('booker', q{SELECT public.hold('{1}')}), 'accepted', 'unless its owner lets him');
is(outcome('writer', q{SELECT margin_internal.write_account_levels('desk', '{1}', 'mine', NULL)}), '42501', 'nor write levels');

# ---------------------------------------------------------------------------
# The setting
# ---------------------------------------------------------------------------

my ($state, $said) = outcome('writer', "SET margin.guard = record; $withdraw");
is($state, 'MG001', 'set before the library is loaded, the setting takes no effect');
like($said, qr/WARNING:  42501: permission denied to set parameter "margin.guard"/, 'and a warning says so');
is(outcome('writer', "UPDATE desk.balance SET quantity = quantity WHERE account_id = 1; SET margin.guard = record"), '42501', 'set after: denied');
is(outcome('writer', "BEGIN; SET LOCAL margin.guard = record; $withdraw; COMMIT"), 'MG001', 'set for a transaction: no effect');
is(outcome('writer', "ALTER ROLE writer SET margin.guard = record"), '42501', 'nor for a role');
{
	local $ENV{PGOPTIONS} = '-c margin.guard=record';
	is(outcome('writer', $withdraw), 'MG001', 'nor with the connection');
	is(outcome('writer', "SELECT set_config('margin.guard', 'record', false); RESET margin.guard; $withdraw"), 'MG001', 'nor as what a reset restores');
}

$node->safe_psql('book', 'GRANT SET ON PARAMETER margin.guard TO booker');
is(outcome('booker', $withdraw), 'MG001', 'a role that may set it is guarded until it does');
is(outcome('booker', "BEGIN; SET LOCAL margin.guard = record; $withdraw; COMMIT"), 'accepted', 'GRANT SET ON PARAMETER: booked facts pass');
is(as('keeper', 'SELECT account_id, recorded_by, level, equity, initial_margin, available_margin, available_margin_before FROM desk.guard_exception'),
	'1|booker|healthy|90|100|-10|50', 'and are journaled');
as('writer', 'UPDATE desk.balance SET quantity = quantity + 60 WHERE account_id = 1');
$node->safe_psql('book', q{
	CREATE FUNCTION public.fill(amount numeric) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET margin.guard = record
	AS 'UPDATE desk.balance SET quantity = quantity - amount WHERE account_id = 1';
	ALTER FUNCTION public.fill OWNER TO booker});
is(outcome('writer', 'SELECT public.fill(70)'), 'accepted', 'a function that books facts for others');
is(outcome('writer', "BEGIN; SELECT public.fill(1); UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 1; COMMIT"), 'MG001', 'covers no other write');
is(as('keeper', 'SELECT recorded_by, available_margin FROM desk.guard_exception ORDER BY judged_at DESC LIMIT 1'), 'writer|-20', 'the journal names who acted');
is(outcome('keeper', 'DELETE FROM desk.guard_exception'), '55000', 'the journal is not rewritten');
as('writer', 'UPDATE desk.balance SET quantity = 150 WHERE account_id = 1');

# A session may be another client's tomorrow: what it is set to counts only where
# a superuser says so, wherever it was set.
my $not_heeded = qr/HINT:  margin.guard = record counts only where it ends with the transaction/;
($state, $said) = outcome('booker', "SET margin.guard = record; $withdraw");
is($state, 'MG001', 'set for the session, the setting does not count');
like($said, $not_heeded, 'and the refusal says why');
unlike((outcome('booker', "$withdraw"))[1], $not_heeded, 'but not where nobody set it');
$node->safe_psql('book', 'GRANT SET ON PARAMETER margin.guard TO batch; GRANT USAGE ON SCHEMA desk TO batch; GRANT SELECT, UPDATE ON desk.balance TO batch');
as('batch', 'ALTER ROLE batch SET margin.guard = record');
is(outcome('batch', $withdraw), 'MG001', 'set for a role, neither');
is(outcome('batch', "BEGIN; SET LOCAL margin.guard = record; $withdraw; ROLLBACK"), 'accepted', 'for a transaction it does');
is(outcome('batch', "SELECT margin.market(NULL, NULL); SET margin.guard_sessions = on"), '42501', 'who may record may not allow it for sessions');
is(outcome('batch', "ALTER ROLE batch SET margin.guard_sessions = on"), '42501', 'nor for himself');
is((outcome('batch', "SET margin.guard_sessions = on; $withdraw"))[0], 'MG001', 'nor before the library is loaded');
{
	local $ENV{PGOPTIONS} = '-c margin.guard_sessions=on';
	is(outcome('batch', $withdraw), 'MG001', 'nor with the connection');
}
$node->safe_psql('book', "ALTER DATABASE book SET margin.guard = record");
is(outcome('booker', $withdraw), 'MG001', 'set for a database, neither');
$node->safe_psql('book', "ALTER DATABASE book RESET margin.guard; ALTER ROLE batch SET margin.guard_sessions = on");
is(outcome('batch', $withdraw), 'accepted', 'a superuser allows it to a role');
is(outcome('booker', "SET margin.guard = record; UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 1"), 'MG001', 'and not to others');
as('writer', 'UPDATE desk.balance SET quantity = 150 WHERE account_id = 1');
$node->safe_psql('book', 'ALTER ROLE batch RESET ALL');

# ---------------------------------------------------------------------------
# Row security hides rows from writers, not from the check
# ---------------------------------------------------------------------------

as('keeper', <<'SQL');
CREATE SCHEMA shop;
GRANT USAGE ON SCHEMA shop TO writer;
CREATE TABLE shop.wallet (client text, asset text, amount numeric, visible_to name, PRIMARY KEY (client, asset));
SELECT margin.create_book('shop', 'desk', 'shop.wallet', balance_account => 'client', balance_quantity => 'amount');
INSERT INTO shop.wallet VALUES ('ann', 'USD', 100, 'writer'), ('ann', 'EUR', -80, 'keeper');
GRANT SELECT, UPDATE ON shop.wallet TO writer;
ALTER TABLE shop.wallet ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON shop.wallet USING (visible_to = current_user);
SELECT margin.guard_table('shop', 'shop.wallet', 'client');
SQL
is(as('writer', 'SELECT count(*) FROM shop.wallet'), 1, 'the writer sees half of the account');
is(outcome('writer', 'UPDATE shop.wallet SET amount = amount - 21'), 'MG001', 'the check sees all of it');
is(outcome('writer', 'UPDATE shop.wallet SET amount = amount - 20'), 'accepted', 'and allows what is right');
as('keeper', 'GRANT SELECT ON ALL TABLES IN SCHEMA shop TO writer');
like((outcome('writer', 'UPDATE shop.wallet SET amount = amount - 1'))[1], qr/in account "ann" of book "shop"\nDETAIL:  Amounts are shown only/, 'and tells no sum of what the writer does not see');
as('keeper', 'ALTER TABLE shop.wallet FORCE ROW LEVEL SECURITY');
is(outcome('writer', 'UPDATE shop.wallet SET amount = amount - 1'), 'MG001', 'also where the owner is held to the policy');
is(outcome('keeper', q{SELECT set_config('row_security', 'on', false); UPDATE shop.wallet SET amount = amount - 1 WHERE asset = 'EUR'}), 'MG001', 'who is guarded, too');
# rows of another owner behind a policy: nothing is judged that may be half
$node->safe_psql('book', q{
	CREATE TABLE public.elsewhere (client text, asset text, amount numeric);
	ALTER TABLE public.elsewhere ENABLE ROW LEVEL SECURITY;
	CREATE POLICY positive ON public.elsewhere USING (amount > 0);
	GRANT SELECT ON public.elsewhere TO keeper});
as('keeper', q{CREATE OR REPLACE VIEW shop.holding WITH (security_invoker = true) AS
	SELECT client AS account_id, asset AS symbol, amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind FROM shop.wallet
	UNION ALL SELECT client, asset, amount, NULL, NULL, 'balance' FROM public.elsewhere});
($state, $said) = outcome('writer', 'UPDATE shop.wallet SET amount = amount + 1');
is($state, '42501', 'rows that a policy may hide from the book: refused');
like($said, qr/query would be affected by row-level security policy for table "elsewhere"/, 'and why');
$node->safe_psql('book', 'ALTER TABLE public.elsewhere DISABLE ROW LEVEL SECURITY');
is(outcome('writer', 'UPDATE shop.wallet SET amount = amount + 1'), 'accepted', 'without the policy it is judged');

# ---------------------------------------------------------------------------
# Nobody's code runs with another's rights
# ---------------------------------------------------------------------------

# a writer's functions and operators in the way of names that a book leaves open
as('keeper', q{
	CREATE FUNCTION shop.scaled(amount numeric) RETURNS numeric LANGUAGE plpgsql STABLE AS 'BEGIN RETURN factor() * amount; END';
	CREATE FUNCTION shop.factor() RETURNS numeric LANGUAGE sql AS 'SELECT 1.0';
	CREATE OR REPLACE VIEW shop.holding WITH (security_invoker = true) AS
	SELECT client AS account_id, asset AS symbol, shop.scaled(amount) AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind FROM shop.wallet});
as('writer', q{
	CREATE SCHEMA trap;
	CREATE TABLE trap.caught (who name);
	GRANT ALL ON SCHEMA trap TO PUBLIC; GRANT ALL ON trap.caught TO PUBLIC;
	CREATE FUNCTION trap.factor() RETURNS numeric LANGUAGE plpgsql AS 'BEGIN INSERT INTO trap.caught VALUES (current_user); RETURN 1000; END';
	CREATE FUNCTION trap.equal(text, text) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN INSERT INTO trap.caught VALUES (current_user); RETURN true; END';
	CREATE OPERATOR trap.= (LEFTARG = text, RIGHTARG = text, FUNCTION = trap.equal);
	CREATE FUNCTION trap.portfolio(text, numeric, numeric, numeric) RETURNS text LANGUAGE plpgsql AS 'BEGIN INSERT INTO trap.caught VALUES (current_user); RETURN 1; END';
	CREATE FUNCTION trap.portfolio(text, numeric, numeric, numeric, margin.holding_kind) RETURNS text LANGUAGE plpgsql AS 'BEGIN INSERT INTO trap.caught VALUES (current_user); RETURN 1; END'});
is(outcome('writer', 'SET search_path = trap, shop, pg_catalog; UPDATE shop.wallet SET amount = amount - 1 WHERE amount > 0'),
	'42883', q{a function that the book's view leaves to the search path is not found in the writer's});
is(as('writer', 'SELECT count(*) FROM trap.caught'), 0, 'nothing of the writer was called');
as('keeper', q{CREATE OR REPLACE FUNCTION shop.scaled(amount numeric) RETURNS numeric LANGUAGE plpgsql STABLE AS 'BEGIN RETURN shop.factor() * amount; END'});
is(outcome('writer', 'SET search_path = trap, shop, pg_catalog; UPDATE shop.wallet SET amount = amount - 100 WHERE amount OPERATOR(pg_catalog.>) 0'), 'MG001', 'operators of the writer change nothing');
is(as('writer', 'SELECT count(*) FROM trap.caught'), 0, 'and are not called');

# a venue of one's own where USD is worth 1
sub usd
{
	my ($venue) = @_;
	return qq{INSERT INTO $venue.asset (asset) VALUES ('USD'); INSERT INTO $venue.index_price (asset, price) VALUES ('USD', 1);
		INSERT INTO $venue.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1);};
}

# a book of a stranger on somebody else's table
as('stranger', q{
	CREATE SCHEMA lure;
	CREATE TABLE lure.caught (who name, session name);
	CREATE TABLE lure.mine (account bigint);
	CREATE FUNCTION lure.note() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO lure.caught VALUES (current_user, session_user); END';
	CREATE FUNCTION lure.spy() RETURNS bigint LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM lure.note(); RETURN 1; END';
	SELECT margin.create_book('lure', balances => 'lure.mine', balance_account => 'account', balance_asset => $$'USD'::text$$, balance_quantity => '1::numeric');
	CREATE OR REPLACE VIEW lure.holding AS
	SELECT account AS account_id, 'USD'::text AS symbol, lure.spy()::numeric AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage,
		'balance'::margin.holding_kind AS kind FROM lure.mine;
	GRANT ALL ON SCHEMA lure TO PUBLIC;} . usd('lure'));
as('keeper', 'CREATE TABLE shop.note (client bigint); GRANT TRIGGER, INSERT ON shop.note TO stranger; GRANT USAGE ON SCHEMA shop TO stranger');
as('stranger', q{
	CREATE TRIGGER margin_guard AFTER INSERT ON shop.note FOR EACH ROW WHEN ('lure.holding'::regclass IS NOT NULL)
		EXECUTE FUNCTION margin_internal.collect_account('client', 'guard');
	CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT ON shop.note DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_accounts()});
is(outcome('keeper', 'INSERT INTO shop.note VALUES (1)'), '42501', q{a stranger's book cannot be hung on another's table});
is(outcome('stranger', q{SELECT margin.guard_table('desk', 'lure.mine', 'account')}), '42501', q{nor a stranger's table on another's book});
as('stranger', q{
	CREATE TRIGGER margin_guard AFTER INSERT ON lure.mine FOR EACH ROW WHEN ('desk.holding'::regclass IS NOT NULL)
		EXECUTE FUNCTION margin_internal.collect_account('account', 'guard')});
is(outcome('stranger', 'INSERT INTO lure.mine VALUES (1)'), '42501', 'nor by hand');
as('stranger', q{DROP TRIGGER margin_guard ON lure.mine; SELECT margin.guard_table('lure', 'lure.mine', 'account'); GRANT INSERT ON lure.mine TO PUBLIC});
my $superuser = $node->safe_psql('book', 'INSERT INTO lure.mine VALUES (1); SELECT current_user');
is(as('stranger', 'SELECT DISTINCT who, session FROM lure.caught'), "stranger|$superuser", q{the code of a book runs as its owner, whoever writes});
as('stranger', q{
	CREATE FUNCTION lure.later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO lure.caught VALUES (current_user, ''later''); RETURN NULL; END';
	CREATE CONSTRAINT TRIGGER later AFTER INSERT ON lure.caught DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lure.later()});
is(outcome($superuser, 'INSERT INTO lure.mine VALUES (1)'), '42501', 'and leaves no trigger behind that would run as the writer');

# a judgement inside of a judgement: the code of a view that writes accounts
as('stranger', q{
	CREATE SCHEMA lair;
	CREATE TABLE lair.wallet (c text, coin text, amount numeric);
	CREATE TABLE lair.trip (c text);
	CREATE FUNCTION lair.write() RETURNS void LANGUAGE plpgsql AS $$BEGIN INSERT INTO lair.trip VALUES ('b'); END$$;
	CREATE FUNCTION lair.step(c text) RETURNS boolean LANGUAGE plpgsql STABLE AS $$BEGIN IF c = 'a' THEN PERFORM lair.write(); END IF; RETURN true; END$$;
	SELECT margin.create_book('lair', balances => 'lair.wallet', balance_account => 'c', balance_asset => 'coin', balance_quantity => 'amount');
	CREATE OR REPLACE VIEW lair.holding AS
	SELECT c AS account_id, coin AS symbol, amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage,
		'balance'::margin.holding_kind AS kind FROM lair.wallet WHERE lair.step(c);
	SELECT margin.guard_table('lair', 'lair.wallet', 'c');
	CREATE TRIGGER a AFTER INSERT ON lair.trip FOR EACH ROW WHEN ('lair.holding'::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account('c', 'guard');
	CREATE TRIGGER b AFTER INSERT ON lair.trip FOR EACH ROW EXECUTE FUNCTION margin_internal.check_accounts();} . usd('lair'));
($state, $said) = outcome('stranger', q{INSERT INTO lair.wallet VALUES ('a', 'USD', 1), ('b', 'USD', 1)});
is($state, '27000', 'no account is written while others are judged');
like($said, qr/cannot write table "trip" while accounts are judged/, 'and the message says which table');
is(outcome('stranger', q{BEGIN; INSERT INTO lair.wallet VALUES ('a', 'USD', 1); SAVEPOINT s; DO $$BEGIN SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN triggered_data_change_violation THEN NULL; END$$;
	INSERT INTO lair.wallet VALUES ('b', 'USD', 1); COMMIT}), '27000', 'nor at the end, after an error that was caught');
is(outcome('stranger', q{BEGIN; INSERT INTO lair.wallet VALUES ('a', 'USD', 1); DO $$BEGIN SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN triggered_data_change_violation THEN NULL; END$$;
	DELETE FROM lair.wallet; INSERT INTO lair.wallet VALUES ('b', 'USD', 1); COMMIT}), 'accepted', 'after which the transaction may write');
is(outcome('stranger', q{INSERT INTO lair.wallet VALUES ('b', 'USD', -2)}), 'MG001', 'and is judged as ever');
as('writer', 'CREATE TRIGGER m AFTER INSERT ON trap.caught FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed()');
is(outcome('writer', 'INSERT INTO trap.caught VALUES (NULL)'), '42P01', 'nobody else makes sessions drop the market of a venue');

# code of a journal of levels that writes when all is judged
as('writer', q{
	CREATE SCHEMA late;
	CREATE TYPE late.key AS (n int);
	CREATE FUNCTION late.text(late.key) RETURNS text LANGUAGE plpgsql AS
		$$BEGIN UPDATE desk.balance SET quantity = -1000000 WHERE account_id = 1; RETURN 'x'; END$$;
	CREATE CAST (late.key AS text) WITH FUNCTION late.text(late.key);
	CREATE TABLE late.level_event (id int, account_id late.key, from_level int, to_level int,
		changed_at timestamptz DEFAULT now(), txid xid8 DEFAULT pg_current_xact_id());
	CREATE TRIGGER notify AFTER INSERT ON late.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels()});
my $late = 'INSERT INTO late.level_event (id, account_id, from_level, to_level) VALUES (1, ROW(1), 1, 2)';
is(outcome('writer', $late), '42501', 'a journal of levels writes nothing that would have to be judged later');
is(outcome('writer', "BEGIN; $late; COMMIT"), '42501', 'nor in a transaction block');
is(outcome('writer', "BEGIN; UPDATE desk.balance SET quantity = quantity WHERE account_id = 1; SET CONSTRAINTS ALL IMMEDIATE; $late; COMMIT"), '27000', 'nor at once');
is(as('keeper', 'SELECT quantity FROM desk.balance WHERE account_id = 1'), 150, 'the account is as it was');

# somebody of the same team: triggers on the levels of a book do not fire as whoever writes
as('keeper', 'GRANT EXECUTE ON FUNCTION desk.market(), desk.release_ratios(), desk.pausing_prices() TO team');
as('team_a', q{
	CREATE SCHEMA ours; GRANT USAGE ON SCHEMA ours TO team;
	CREATE TABLE ours.wallet (c text, coin text, amount numeric); GRANT SELECT ON ours.wallet TO team;
	GRANT USAGE ON SCHEMA ours TO PUBLIC; GRANT INSERT ON ours.wallet TO writer;
	SET ROLE team;
	CREATE SCHEMA team;
	SELECT margin.create_book('team', 'desk', 'ours.wallet', balance_account => 'c', balance_asset => 'coin', balance_quantity => 'amount', trust => true);
	RESET ROLE;
	SELECT margin.guard_table('team', 'ours.wallet', 'c'), margin.enable_levels('team')});
is(outcome('writer', q{INSERT INTO ours.wallet VALUES ('x', 'USD', 1), ('y', 'NOPE', 1)}), 'accepted',
	'levels of a book whose owner may not read the thresholds');
is(as('team_a', 'SET ROLE team; SELECT account_id, level FROM team.account_level ORDER BY 1'), "x|healthy\ny|unpriced", 'are kept');
as('team_b', q{
	SET ROLE team;
	CREATE TABLE team.bomb (c text);
	CREATE FUNCTION team.boom() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN EXECUTE 'ALTER ROLE team_b SUPERUSER'; RETURN NULL; END$$;
	CREATE CONSTRAINT TRIGGER boom AFTER INSERT ON team.bomb DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION team.boom();
	CREATE FUNCTION team.lay() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN INSERT INTO team.bomb VALUES ('x'); RETURN NULL; END$$;
	CREATE TRIGGER lay AFTER INSERT ON team.account_level FOR EACH ROW EXECUTE FUNCTION team.lay()});
is(outcome($superuser, q{INSERT INTO ours.wallet VALUES ('z', 'NOPE', 1)}), '42501', 'a deferred trigger cannot be left behind there');
is(as('keeper', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'team_b'}), 'f', 'and nobody became what he was not');

# a table of somebody without rights names a book in its trigger
as('team_a', q{
	CREATE SCHEMA mine;
	CREATE TABLE mine.wallet (c text, coin text, amount numeric);
	SELECT margin.create_book('mine', balances => 'mine.wallet', balance_account => 'c', balance_asset => 'coin', balance_quantity => 'amount');
	GRANT USAGE ON SCHEMA mine TO stranger;} . usd('mine'));
as('stranger', q{
	CREATE TRIGGER phantom AFTER INSERT ON lair.trip FOR EACH ROW WHEN ('mine.holding'::regclass IS NOT NULL)
		EXECUTE FUNCTION margin_internal.collect_account('c', 'guard');
	ALTER TABLE lair.trip DISABLE TRIGGER phantom});
as('team_a', q{SELECT margin.guard_table('mine', 'mine.wallet', 'c')});
is(as('team_a', q{SELECT relation, guard FROM margin.guarded_tables() WHERE book = 'mine'}), 'mine.wallet|t', q{a stranger's table does not count among those of a book});
is(outcome('team_a', q{INSERT INTO mine.wallet VALUES ('x', 'USD', -1)}), 'MG001', 'and does not keep its guard off');
is(outcome('team_a', q{SELECT margin.disable_guard('mine'), margin.enable_guard('mine')}), 'accepted', 'nor in the way of switching it');

# a schema renamed while a session has plans for it, and its name taken by a stranger
my $renamed = q{
	INSERT INTO mine.wallet VALUES ('ann', 'USD', 1);
	ALTER SCHEMA mine RENAME TO moved;
	INSERT INTO moved.wallet VALUES ('ann', 'USD', 1);
	SET ROLE stranger;
	CREATE SCHEMA mine; GRANT USAGE ON SCHEMA mine TO PUBLIC;
	CREATE TABLE mine.caught (who name);
	CREATE FUNCTION mine.note() RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO mine.caught VALUES (current_user); END';
	CREATE FUNCTION mine.spy() RETURNS numeric LANGUAGE plpgsql STABLE AS 'BEGIN PERFORM mine.note(); RETURN 1e9; END';
	GRANT INSERT ON mine.caught TO PUBLIC;
	CREATE VIEW mine.holding AS SELECT 'ann' AS account_id, 'USD' AS symbol, mine.spy() AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage;
	GRANT SELECT ON mine.holding TO PUBLIC;
	RESET ROLE;
	INSERT INTO moved.wallet VALUES ('ann', 'USD', 1);
	SELECT count(*) FROM mine.caught};
is($node->safe_psql('book', $renamed) =~ s/^\n//r, 0, 'a book is asked under the name that its schema has now');
is(outcome('team_a', q{INSERT INTO moved.wallet VALUES ('ann', 'USD', -5000)}), 'MG001', 'and guarded');

# ---------------------------------------------------------------------------
# Prepared transactions
# ---------------------------------------------------------------------------

is(outcome('keeper', "BEGIN; $withdraw; PREPARE TRANSACTION 'one'"), 'MG001', 'judged when prepared');
is(outcome('keeper', q{BEGIN; UPDATE desk.balance SET quantity = quantity - 40 WHERE account_id = 1; SET CONSTRAINTS ALL IMMEDIATE;
	UPDATE desk.mark_price SET price = 96 WHERE contract = 'FUT'; PREPARE TRANSACTION 'one'}), 'MG001', 'also if it was judged before, in another market');
is(as('keeper', 'SELECT count(*) FROM pg_prepared_xacts'), 0, 'and not prepared then');
as('keeper', q{BEGIN; UPDATE desk.balance SET quantity = quantity - 40 WHERE account_id = 1; PREPARE TRANSACTION 'one'});
is(outcome('keeper', 'UPDATE desk.position SET quantity = 11 WHERE account_id = 1'), '55P03', 'prepared: other writers of the account wait');
is(outcome('keeper', 'UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 3'), 'accepted', 'those of other accounts do not');
as('keeper', q{COMMIT PREPARED 'one'});
is(outcome('keeper', 'UPDATE desk.position SET quantity = 12 WHERE account_id = 1'), 'MG001', 'committed: it counts');
is(outcome('keeper', 'UPDATE desk.position SET quantity = 11 WHERE account_id = 1'), 'accepted', 'exactly');
as('keeper', q{UPDATE desk.balance SET quantity = 150 WHERE account_id = 1; UPDATE desk.position SET quantity = 10 WHERE account_id = 1});
# a price in a prepared transaction is nobody's yet, and everybody's once committed
as('keeper', q{BEGIN; UPDATE desk.index_price SET price = 0.8 WHERE asset = 'USD'; PREPARE TRANSACTION 'price'});
is(outcome('keeper', 'UPDATE desk.balance SET quantity = quantity - 45 WHERE account_id = 1'), 'accepted', 'a prepared price does not count');
is(outcome('keeper', q{UPDATE desk.balance SET quantity = quantity WHERE account_id = 1; COMMIT PREPARED 'price'; UPDATE desk.balance SET quantity = 121 WHERE account_id = 1; UPDATE desk.balance SET quantity = 99 WHERE account_id = 1}),
	'MG001', 'a committed one does, also for a session that has read the market before');
as('keeper', q{UPDATE desk.index_price SET price = 1 WHERE asset = 'USD'; UPDATE desk.balance SET quantity = 150 WHERE account_id = 1});

# waiting for them, with a bound
as('keeper', q{BEGIN; UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 1; PREPARE TRANSACTION 'one'});
my $add = 'UPDATE desk.position SET quantity = quantity + 0.01 WHERE account_id = 1';
my $start = time;
($state, $said) = outcome('writer', qq{SET lock_timeout = 0; SET margin.guard_wait = '50ms'; $add});
is($state, '55P03', 'margin.guard_wait bounds the wait for accounts');
like($said, qr/CONTEXT:  waiting for accounts that another transaction has locked/, 'and the error says what for');
is(outcome('writer', qq{SET lock_timeout = '50ms'; SET margin.guard_wait = '1h'; $add}), '55P03', 'so does lock_timeout, where it is shorter');
cmp_ok(time - $start, '<', 60, 'both in time');
is(as('writer', q{SET lock_timeout = '7s'; SET margin.guard_wait = '1h'; UPDATE desk.balance SET quantity = quantity WHERE account_id = 2; SHOW lock_timeout}), '7s', 'the other setting stays as it was');
is(outcome('writer', q{SET margin.guard_wait = '50ms'; BEGIN; UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 2;
	SET CONSTRAINTS ALL IMMEDIATE; SELECT pg_sleep(0.1); UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 2; COMMIT}), 'accepted', 'it does not bound the transaction');
# more accounts than the lock table has room for: the book
is(outcome('writer', qq{SET margin.guard_wait = '50ms'; INSERT INTO desk.balance SELECT 5000 + i, 'USD', 1 FROM generate_series(1, 300) AS i}), '55P03', 'very many accounts wait for all that are locked');
as('keeper', q{ROLLBACK PREPARED 'one'});
as('keeper', q{BEGIN; INSERT INTO desk.balance SELECT 5000 + i, 'USD', 1 FROM generate_series(1, 300) AS i; PREPARE TRANSACTION 'many'});
is(outcome('writer', qq{SET margin.guard_wait = '50ms'; $add}), '55P03', 'and are waited for');
is($node->safe_psql('book', q{SELECT count(*) < 100 FROM pg_locks WHERE locktype = 'advisory'}), 't', 'without a lock for each');
as('keeper', q{ROLLBACK PREPARED 'many'});

# ---------------------------------------------------------------------------
# No session judges by a market that the tables no longer say
# ---------------------------------------------------------------------------

# What happens in account 1, where 100 of 150 are needed, when a session that has
# read the market takes 40 after another one has done something.
sub after_change
{
	my (@changes) = @_;
	my $other = join "\n", map { my $sql = $_; $sql =~ s/'/'"'"'/g; '\\! psql -Xq -v ON_ERROR_STOP=1 -c \'' . $sql . '\' "' . $node->connstr('book') . '"' } @changes;
	my $outcome = outcome('keeper', "UPDATE desk.balance SET quantity = 150 WHERE account_id = 1;\n$other\nUPDATE desk.balance SET quantity = 110 WHERE account_id = 1;");
	$node->safe_psql('book', q{ALTER TABLE desk.mark_price ENABLE ALWAYS TRIGGER market_changed; ALTER TABLE desk.mark_price ENABLE ALWAYS TRIGGER market_truncated;
		UPDATE desk.mark_price SET price = 100});
	return $outcome;
}

my $fall = q{UPDATE desk.mark_price SET price = 90 WHERE contract = 'FUT'};
is(after_change('SELECT 1'), 'accepted', 'nothing has changed');
is(after_change($fall), 'MG001', 'a price has');
is(after_change(q{ALTER TABLE desk.mark_price ALTER price TYPE numeric USING price * 0.9}), 'MG001', 'computed by ALTER TABLE');
is(after_change('ALTER TABLE desk.mark_price ENABLE TRIGGER ALL', "SET session_replication_role = replica; $fall"), 'MG001', 'written where its triggers do not fire');
is(after_change('ALTER TABLE desk.mark_price DISABLE TRIGGER ALL', $fall), 'MG001', 'or are switched off');
is(after_change("BEGIN; ALTER TABLE desk.mark_price DISABLE TRIGGER market_changed; $fall; ALTER TABLE desk.mark_price ENABLE ALWAYS TRIGGER market_changed; COMMIT"), 'MG001', 'or were');
as('keeper', q{CREATE TABLE desk.price_child () INHERITS (desk.mark_price);
	WITH moved AS (DELETE FROM desk.mark_price RETURNING *) INSERT INTO desk.price_child SELECT * FROM moved});
is(after_change('SELECT 1'), 'accepted', 'in a table that inherits, nothing has changed');
is(after_change('UPDATE desk.price_child SET price = 90'), 'MG001', 'and then a price');
as('keeper', q{DROP TABLE desk.price_child; INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 100); UPDATE desk.balance SET quantity = 150 WHERE account_id = 1});

# ---------------------------------------------------------------------------
# Replication and TRUNCATE
# ---------------------------------------------------------------------------

is(outcome($superuser, "BEGIN; SET LOCAL session_replication_role = replica; $withdraw; SET LOCAL session_replication_role = origin; COMMIT"),
	'accepted', 'what a replica applies was judged where it was written');
as('keeper', 'UPDATE desk.balance SET quantity = 150 WHERE account_id = 1');
is(outcome('keeper', 'TRUNCATE desk.position'), '55000', 'TRUNCATE is refused');

# ---------------------------------------------------------------------------
# Dump and restore
# ---------------------------------------------------------------------------

as('keeper', q{
	DROP TABLE shop.note;
	ALTER TABLE shop.wallet NO FORCE ROW LEVEL SECURITY;
	CREATE OR REPLACE VIEW shop.holding WITH (security_invoker = true) AS
	SELECT client AS account_id, asset AS symbol, amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind FROM shop.wallet;
	CREATE SCHEMA quiet;
	CREATE TABLE quiet.wallet (id uuid, coin text, amount numeric) PARTITION BY HASH (id);
	CREATE TABLE quiet.wallet_0 PARTITION OF quiet.wallet FOR VALUES WITH (MODULUS 2, REMAINDER 0);
	CREATE TABLE quiet.wallet_1 PARTITION OF quiet.wallet FOR VALUES WITH (MODULUS 2, REMAINDER 1);
	SELECT margin.create_book('quiet', 'desk', 'quiet.wallet', balance_account => 'id', balance_asset => 'coin', balance_quantity => 'amount');
	SELECT margin.guard_table('quiet', 'quiet.wallet', 'id');
	SELECT margin.disable_guard('quiet');
	INSERT INTO quiet.wallet VALUES ('00000000-0000-0000-0000-000000000001', 'USD', -1);
	SELECT margin.enable_levels('desk')});
$node->safe_psql('book', 'DROP SCHEMA lure, lair, trap, late, ours, team, mine, moved CASCADE; DROP TABLE public.elsewhere; DROP FUNCTION public.fill');
my $what = q{
	SELECT relation, account_column, book, guard, levels FROM margin.guarded_tables() ORDER BY relation::text;
	SELECT tgrelid::regclass, tgname, tgenabled FROM pg_trigger WHERE tgname LIKE 'margin%' OR tgname LIKE 'market%' ORDER BY tgrelid::regclass::text, tgname;
	SELECT account_id, level, equity FROM desk.account_margin ORDER BY 1;
	SELECT * FROM desk.guard_exception ORDER BY judged_at; SELECT * FROM quiet.wallet};
my $before = as('keeper', $what);
like($before, qr/^2\|bankrupt\|/m, 'an account is bankrupt');
like($before, qr/^desk\.balance\|account_id\|desk\|t\|t$/m, 'its book is guarded');
like($before, qr/^quiet\.wallet\|id\|quiet\|f\|f$/m, 'another is not');

my $dump = $node->basedir . '/guard.dump';
$node->command_ok([ 'pg_dump', '-U', 'keeper', '-Fc', '-f', $dump, $node->connstr('book') ], 'dumped');
$node->command_ok([ 'pg_restore', '-U', 'keeper', '--exit-on-error', '-d', $node->connstr('restored'), $dump ], 'restored, the broken accounts with it');
is(as('keeper', $what, 'restored'), $before, 'the same accounts, triggers and switches');
is(outcome('keeper', $withdraw, database => 'restored'), 'MG001', 'the guard is on');
is(outcome('keeper', q{UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2 AND asset = 'USD'}, database => 'restored'), 'MG001', 'for the broken account, too');
is(outcome('keeper', q{UPDATE quiet.wallet SET amount = -2}, database => 'restored'), 'accepted', 'off where it was off');
is(outcome('keeper', q{SELECT margin.enable_guard('quiet'); UPDATE quiet.wallet SET amount = -3}, database => 'restored'), 'MG001', 'until switched on');
is(outcome('writer', 'UPDATE shop.wallet SET amount = amount - 100', database => 'restored'), 'MG001', q{one's own table is guarded});

my $script = $node->basedir . '/guard.sql';
$node->command_ok([ 'pg_dump', '-U', 'keeper', '-f', $script, $node->connstr('book') ], 'dumped as a script');
$node->command_ok([ 'psql', '-XqU', 'keeper', '-v', 'ON_ERROR_STOP=1', '-1', '-o', '/dev/null', '-f', $script, $node->connstr('replayed') ], 'replayed in one transaction');
is(as('keeper', $what, 'replayed'), $before, 'the same again');

# ---------------------------------------------------------------------------
# An account column that reads as null
# ---------------------------------------------------------------------------

SKIP:
{
	skip 'virtual generated columns need PostgreSQL 18', 2 if $node->safe_psql('book', 'SHOW server_version_num') < 180000;
	my $generated = q{
		CREATE SCHEMA %1$s;
		CREATE TABLE %1$s.wallet (k bigint, account bigint GENERATED ALWAYS AS (k) %2$s, asset text, quantity numeric);
		SELECT margin.create_book('%1$s', 'desk', '%1$s.wallet', balance_account => 'account');
		SELECT margin.guard_table('%1$s', '%1$s.wallet', 'account');
		INSERT INTO %1$s.wallet (k, asset, quantity) VALUES (1, 'USD', -1)};
	is(outcome('keeper', sprintf($generated, 'virtually', 'VIRTUAL')), '0A000', 'a virtual generated column names no account');
	is(outcome('keeper', sprintf($generated, 'stored', 'STORED')), 'MG001', 'a stored one does');
}

# ---------------------------------------------------------------------------
# A partition half detached, and a role that may read the view and nothing beneath
# ---------------------------------------------------------------------------

as('keeper', q{
	CREATE SCHEMA parted;
	CREATE TABLE parted.wallet (account bigint, asset text, quantity numeric) PARTITION BY RANGE (account);
	CREATE TABLE parted.wallet_1 PARTITION OF parted.wallet FOR VALUES FROM (0) TO (100);
	CREATE TABLE parted.trade (account bigint, contract text, quantity numeric, entry_price numeric, leverage numeric);
	SELECT margin.create_book('parted', 'desk', 'parted.wallet', 'parted.trade', balance_account => 'account', position_account => 'account');
	SELECT margin.guard_table('parted', 'parted.wallet', 'account'), margin.guard_table('parted', 'parted.trade', 'account'), margin.enable_guard('parted');
	INSERT INTO parted.wallet VALUES (1, 'USD', 100)});
my $reader = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('book'), '-U', 'keeper', '-c', 'BEGIN; SELECT * FROM parted.wallet LIMIT 0; SELECT pg_sleep(180); COMMIT' ], '<', \'', '>', \my $read, '2>', \my $read_err);
$node->poll_query_until('book', q{SELECT count(*) > 0 FROM pg_locks WHERE relation = 'parted.wallet'::regclass AND mode = 'AccessShareLock'}) or die;
# it is when it waits for the reader, which no statement_timeout can tell
is(outcome('keeper', q{SET lock_timeout = '100ms'; ALTER TABLE parted.wallet DETACH PARTITION parted.wallet_1 CONCURRENTLY}), '55P03', 'a partition is half detached');
is(outcome('keeper', q{BEGIN; UPDATE parted.wallet_1 SET quantity = 99; INSERT INTO parted.trade VALUES (1, 'FUT', 1000, 100, NULL); COMMIT}), 'MG001', 'a write to it is refused');
$node->safe_psql('book', q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(180); COMMIT'});
$reader->finish;

as('keeper', q{GRANT USAGE ON SCHEMA parted TO writer; GRANT INSERT ON parted.trade TO writer; GRANT SELECT ON parted.account_margin TO writer});
is(outcome('writer', 'SELECT * FROM parted.account_margin'), '42501', 'the view alone shows nothing');
my ($told, $what) = outcome('writer', q{INSERT INTO parted.trade VALUES (2, 'FUT', 1000, 100, NULL)});
is($told, 'MG001', 'a writer who may read that view is refused');
unlike($what, qr/equity|lack/, 'and told no amounts');

# ---------------------------------------------------------------------------
# Dropped by a transaction that has written
# ---------------------------------------------------------------------------

for my $drop ('DROP EXTENSION margin CASCADE', 'DROP SCHEMA desk CASCADE', 'DROP VIEW desk.holding CASCADE')
{
	my $write = 'UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 1';
	is(outcome($superuser, "BEGIN; $write; SET CONSTRAINTS ALL IMMEDIATE; $drop; COMMIT", database => 'replayed'), '42704', "$drop after a write fails with an error that says so");
	is(outcome($superuser, "BEGIN; $drop; ROLLBACK", database => 'replayed'), 'accepted', 'alone it does not');
}
is(outcome($superuser, 'BEGIN; UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 1; DROP EXTENSION margin CASCADE; COMMIT', database => 'replayed'), '42704', 'also if nothing was judged before');

$node->stop;
done_testing();
