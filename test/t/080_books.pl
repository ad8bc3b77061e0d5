# Books over tables that were there before, keyed by text and by uuid: their
# answers are those of a book with tables of its own, row security shows a reader exactly its own
# accounts through every view and function, and dump and restore keep all of it.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ACCOUNTS => 40;

# What leaves no remainder: margin quantities are rounded lot by lot.
my @leverages = qw(NULL 1 2 5 10 25 50);

my $seed = $ENV{MARGIN_SEED} // time;
note "seed $seed, repeat with MARGIN_SEED=$seed";
srand $seed;

my $node = PostgreSQL::Test::Cluster->new('books');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE keeper LOGIN;
CREATE ROLE customer;
CREATE ROLE analyst LOGIN;
CREATE ROLE stranger LOGIN;
CREATE DATABASE shop OWNER keeper;
SQL
$node->safe_psql('postgres', qq{CREATE ROLE "c$_" LOGIN IN ROLE customer}) for 1, 2, 3, 999;

my $directory = PostgreSQL::Test::Utils::tempdir;

# Runs SQL as a role.
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
	return $status == 0 ? 'accepted' : $err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err;
}

# ---------------------------------------------------------------------------
# One set of accounts, three times: in tables of the book, by text, by uuid
# ---------------------------------------------------------------------------

as('keeper', 'shop', <<'SQL');
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
SELECT margin.load_published('desk');
SELECT margin.load_scenarios('desk');
INSERT INTO desk.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1);
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.005, 0.01), ('BTC_USDT', 100000, 0.01, 0.02);
INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_USDT', 60100);

-- names that need quotes; sides in words; more columns than a book knows of
CREATE SCHEMA "Bank";
CREATE TABLE "Bank"."Wallet" ("Customer" text, coin varchar(16), amount numeric(30, 8), note text DEFAULT 'x', PRIMARY KEY ("Customer", coin));
CREATE TABLE "Bank".trade (id integer GENERATED ALWAYS AS IDENTITY, "Customer" text, symbol text, side text, size numeric, price numeric, "lev." numeric);
CREATE INDEX ON "Bank".trade ("Customer");
-- columns as a book's own; partitioned
CREATE SCHEMA fund;
CREATE TABLE fund.balance (account_id uuid, asset text, quantity numeric) PARTITION BY HASH (account_id);
CREATE TABLE fund.balance_0 PARTITION OF fund.balance FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE fund.balance_1 PARTITION OF fund.balance FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE INDEX ON fund.balance (account_id);
CREATE TABLE fund.position (account_id uuid, contract text, quantity numeric, entry_price numeric, leverage numeric);
CREATE INDEX ON fund.position (account_id);

SELECT margin.create_book('Bank', 'desk', '"Bank"."Wallet"', '"Bank".trade',
	balance_account => 'Customer', balance_asset => 'coin', balance_quantity => 'amount',
	position_account => 'Customer', position_contract => 'symbol',
	position_quantity => $$CASE side WHEN 'sell' THEN -size WHEN 'buy' THEN size END$$,
	position_entry_price => 'price', position_leverage => 'lev.');
SELECT margin.create_book('fund', 'desk', 'fund.balance', 'fund.position');
SQL

for my $account (1 .. ACCOUNTS)
{
	my @rows;
	for my $asset (grep { rand() < 0.7 } 'BTC', 'USDT', $account > 3 && rand() < 0.1 ? 'XYZ' : ())
	{
		push @rows, sprintf "('%s', %.8f, NULL, NULL)", $asset, $asset eq 'USDT' ? rand(40000) - 10000 : rand(3);
	}
	push @rows, sprintf "('BTC_USDT', %d, %.2f, %s)", rand() < 0.5 ? -1 - rand(900) : 1 + rand(900), 50000 + rand 20000, $leverages[ rand @leverages ]
	  if rand() < 0.8;
	next unless @rows;
	as('keeper', 'shop', sprintf <<'SQL', join(', ', @rows), $account);
CREATE TEMP TABLE h AS
SELECT a, symbol, quantity, entry_price::numeric, leverage::numeric
  FROM (VALUES %s) v (symbol, quantity, entry_price, leverage), (VALUES (%d)) i (a);
INSERT INTO desk.balance SELECT a, symbol, quantity FROM h WHERE entry_price IS NULL;
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage) SELECT * FROM h WHERE entry_price IS NOT NULL;
INSERT INTO "Bank"."Wallet" SELECT 'c' || a, symbol, quantity FROM h WHERE entry_price IS NULL;
-- as two lots, which are netted again
INSERT INTO "Bank".trade ("Customer", symbol, side, size, price, "lev.")
SELECT 'c' || a, symbol, CASE WHEN quantity < 0 THEN 'sell' ELSE 'buy' END, abs(quantity) * part, entry_price, leverage
  FROM h, (VALUES (0.25), (0.75)) p (part) WHERE entry_price IS NOT NULL;
INSERT INTO fund.balance SELECT md5('c' || a)::uuid, symbol, quantity FROM h WHERE entry_price IS NULL;
INSERT INTO fund.position SELECT md5('c' || a)::uuid, symbol, quantity, entry_price, leverage FROM h WHERE entry_price IS NOT NULL;
SQL
}
# those that log in hold something
as('keeper', 'shop', <<'SQL');
INSERT INTO desk.balance SELECT a, 'USDC', 10 FROM generate_series(1, 3) a;
INSERT INTO "Bank"."Wallet" SELECT 'c' || a, 'USDC', 10 FROM generate_series(1, 3) a;
INSERT INTO fund.balance SELECT md5('c' || a)::uuid, 'USDC', 10 FROM generate_series(1, 3) a;
INSERT INTO desk.index_price (asset, price) VALUES ('USDC', 1);
-- for certain: one below water, one unpriced
INSERT INTO desk.balance VALUES (1, 'XRP', 1), (2, 'USDT', -1e9) ON CONFLICT (account_id, asset) DO UPDATE SET quantity = EXCLUDED.quantity;
INSERT INTO "Bank"."Wallet" VALUES ('c1', 'XRP', 1), ('c2', 'USDT', -1e9) ON CONFLICT ("Customer", coin) DO UPDATE SET amount = EXCLUDED.amount;
DELETE FROM fund.balance WHERE account_id = md5('c2')::uuid AND asset = 'USDT';
INSERT INTO fund.balance VALUES (md5('c1')::uuid, 'XRP', 1), (md5('c2')::uuid, 'USDT', -1e9);
SQL

my @views = qw(account_portfolio account_margin undercollateralized unpriced account_collateral account_position account_stress);
for my $view (@views)
{
	my $rows = as('keeper', 'shop', qq{SELECT to_jsonb(v) - 'account_id', 'c' || account_id, md5('c' || account_id)::uuid FROM desk.$view v ORDER BY 2, 1});
	isnt($rows, '', "desk.$view has rows");
	is(as('keeper', 'shop', qq{SELECT to_jsonb(v) - 'account_id', account_id, md5(account_id)::uuid FROM "Bank".$view v ORDER BY 2, 1}),
		$rows, "the same by text in $view");
	is(as('keeper', 'shop', qq{SELECT to_jsonb(v) - 'account_id', w."Customer", account_id
		FROM fund.$view v JOIN (SELECT "Customer" FROM "Bank"."Wallet" UNION SELECT "Customer" FROM "Bank".trade) w ON md5(w."Customer")::uuid = account_id
		ORDER BY 2, 1}),
		$rows, "the same by uuid in $view");
}

# ---------------------------------------------------------------------------
# Row security
# ---------------------------------------------------------------------------

as('keeper', 'shop', <<'SQL');
ALTER TABLE "Bank"."Wallet" ENABLE ROW LEVEL SECURITY;
ALTER TABLE "Bank".trade ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON "Bank"."Wallet" FOR SELECT TO customer USING ("Customer" = current_user);
CREATE POLICY own ON "Bank".trade FOR SELECT TO customer USING ("Customer" = current_user);
CREATE POLICY everything ON "Bank"."Wallet" FOR SELECT TO analyst USING (true);
CREATE POLICY everything ON "Bank".trade FOR SELECT TO analyst USING (true);
GRANT USAGE ON SCHEMA desk, "Bank" TO customer, analyst;
GRANT SELECT ON "Bank"."Wallet", "Bank".trade, "Bank".holding, "Bank".flawed_holding, "Bank".account, "Bank".account_portfolio, "Bank".account_margin, "Bank".undercollateralized,
	"Bank".unpriced, "Bank".account_collateral, "Bank".account_position, "Bank".account_order, "Bank".account_stress TO customer, analyst;
-- no right on a table of the venue
GRANT EXECUTE ON FUNCTION desk.market(), desk.scenarios() TO customer, analyst;
SQL

my @all = as('keeper', 'shop', q{SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
	WHERE relnamespace = '"Bank"'::regnamespace AND relkind = 'v' AND attname = 'account_id' AND relname !~ '^(report|kept)' ORDER BY 1}) =~ /(\S+)/g;
is("@all", join(' ', sort 'holding', 'flawed_holding', 'account', 'account_order', @views), 'views with accounts');
for my $view (@all)
{
	my $select = qq{SELECT v::text FROM "Bank".$view v};
	my $order = q{ORDER BY v::text COLLATE "C"};
	for my $customer ('c1', 'c2', 'c3', 'c999')
	{
		my $own = as('keeper', 'shop', "$select WHERE account_id = '$customer' $order");
		is(as($customer, 'shop', "$select $order"), $own, "$customer sees its own rows of $view");
		is(as($customer, 'shop', "$select WHERE account_id <> '$customer'"), '', '... and asks in vain for others');
	}
	is(as('analyst', 'shop', "$select $order"), as('keeper', 'shop', "$select $order"), "an analyst sees all of $view");
	is(refusal('stranger', 'shop', $select), '42501', "a stranger sees nothing of $view");
}
isnt(as('c1', 'shop', 'SELECT missing FROM "Bank".unpriced'), '', 'c1 is unpriced');
is(as('c2', 'shop', 'SELECT level FROM "Bank".undercollateralized'), 'bankrupt', 'c2 is bankrupt');
for my $arguments ('%s', '%s, (SELECT desk.market())')
{
	my $call = sprintf q{SELECT m.account_id FROM (VALUES ('c1'), ('c2'), ('c3')) l (id), LATERAL "Bank".account_margin(%s) m ORDER BY 1}, sprintf $arguments, 'l.id';
	is(as('keeper', 'shop', $call), "c1\nc2\nc3", "account_margin($arguments) of a list");
	is(as('c2', 'shop', $call), 'c2', '... of the one that is seen');
}
# A function that leaks what it is shown comes after the policy.
as('keeper', 'shop', <<'SQL');
CREATE FUNCTION public.leak(text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS $$ BEGIN RAISE WARNING 'seen %', $1; RETURN true; END $$;
SQL
my $seen = 0;
for my $view (@all)
{
	my (undef, undef, $err) = $node->psql('shop', qq{SELECT FROM "Bank".$view WHERE public.leak(account_id)}, extra_params => [ '-U', 'c2' ]);
	is(join(' ', grep { $_ ne 'c2' } $err =~ /seen (\S+)/g), '', "nothing leaks through $view");
	$seen += () = $err =~ /seen c2/g;
}
cmp_ok($seen, '>', 0, 'own rows came by');
for my $write (
	q{INSERT INTO "Bank"."Wallet" VALUES ('c1', 'BTC', 1)}, q{UPDATE "Bank"."Wallet" SET amount = 1}, q{DELETE FROM "Bank".trade},
	q{UPDATE desk.index_price SET price = 1}, q{SELECT margin.drop_book('Bank')},
	q{SELECT margin.create_book('Bank', 'desk', '"Bank"."Wallet"', balance_account => 'Customer', balance_asset => 'coin', balance_quantity => 'amount * 2')})
{
	is(refusal('c1', 'shop', $write), '42501', "a customer may not: $write");
}

# ---------------------------------------------------------------------------
# Guard and levels
# ---------------------------------------------------------------------------

# What a book is called, an account of it, and SQL that books a quantity of an asset.
my @books = (
	{
		name => 'Bank',
		key => sub { "'c$_[0]'" },
		book => sub { qq{INSERT INTO "Bank"."Wallet" VALUES ('c$_[0]', '$_[1]', $_[2]) ON CONFLICT ("Customer", coin) DO UPDATE SET amount = "Wallet".amount + EXCLUDED.amount} },
		trade => sub { sprintf q{INSERT INTO "Bank".trade ("Customer", symbol, side, size, price) VALUES ('c%d', 'BTC_USDT', '%s', %d, 60100)}, $_[0], $_[1] < 0 ? 'sell' : 'buy', abs $_[1] },
		tables => [ [ '"Bank"."Wallet"', 'Customer' ], [ '"Bank".trade', 'Customer' ] ],
	},
	{
		name => 'fund',
		key => sub { "md5('c$_[0]')::uuid" },
		book => sub { "INSERT INTO fund.balance VALUES (md5('c$_[0]')::uuid, '$_[1]', $_[2])" },
		trade => sub { "INSERT INTO fund.position VALUES (md5('c$_[0]')::uuid, 'BTC_USDT', $_[1], 60100, NULL)" },
		tables => [ [ 'fund.balance', 'account_id' ], [ 'fund.position', 'account_id' ] ],
	});

for my $book (@books)
{
	my ($name, $key) = @$book{qw(name key)};
	my $quoted = $name eq 'Bank' ? '"Bank"' : $name;
	my $level = sub { as('keeper', 'shop', sprintf 'SELECT level FROM %s.account_level WHERE account_id = %s', $quoted, $key->($_[0])) };

	as('keeper', 'shop', "SELECT margin.guard_table('$name', '$_->[0]', '$_->[1]')") for @{ $book->{tables} };
	as('keeper', 'shop', "SELECT margin.enable_guard('$name'); SELECT margin.enable_levels('$name')");

	# account 500: 1000 USDT, one contract of 60.1 USDT, initial margin 0.601
	is(refusal('keeper', 'shop', $book->{book}->(500, 'USDT', 1000)), 'accepted', "$name: a deposit");
	is(refusal('keeper', 'shop', $book->{trade}->(500, 1)), 'accepted', '... a trade within the margin');
	is(refusal('keeper', 'shop', $book->{book}->(500, 'USDT', -999.4)), 'MG001', '... a withdrawal beyond it');
	is(refusal('keeper', 'shop', $book->{book}->(500, 'USDT', -999)), 'accepted', '... one within it');
	is(refusal('keeper', 'shop', $book->{trade}->(500, 100)), 'MG001', '... a trade beyond it');
	is(refusal('keeper', 'shop', $book->{book}->(2, 'USDT', 1)), 'accepted', '... a deposit to an account under water');
	is(refusal('keeper', 'shop', $book->{book}->(2, 'USDT', -1)), 'MG001', '... but nothing out of it');
	is(refusal('keeper', 'shop', $book->{book}->(1, 'USDC', -1)), 'MG002', '... nor out of an unpriced one');
	is(refusal('keeper', 'shop', 'BEGIN; ' . join('; ', $book->{book}->(500, 'USDT', -900), $book->{book}->(500, 'USDT', 900), 'COMMIT')), 'accepted', '... net effects count');
	is(refusal('keeper', 'shop', "TRUNCATE $book->{tables}[0][0]"), '55000', '... no TRUNCATE');

	is($level->(500), 'healthy', "$name: writes refresh levels");
	is($level->(2), 'bankrupt', '... of the accounts that they touch');
	is($level->(3), '', '... only');
	my $moved = as('keeper', 'shop', "SELECT margin.refresh_levels('$name', cause => 'test')");
	cmp_ok($moved, '>', 0, '... a refresh moves others');
	is(as('keeper', 'shop', "SELECT margin.refresh_levels('$name')"), 0, '... once');
	is(as('keeper', 'shop', "SELECT account_id, m.level, l.level FROM $quoted.account_margin m FULL JOIN $quoted.account_level l USING (account_id) WHERE m.level IS DISTINCT FROM l.level"),
		'', '... to where the view has them');
	as('keeper', 'shop', "SELECT margin.set_prices('desk', '{}', '{}', '{BTC_USDT}', '{59200}', refresh => true)");
	is($level->(500), 'liquidation', '... and after the price has moved');
	is(as('keeper', 'shop', sprintf "SELECT from_level, to_level, prices->'contracts'->>'BTC_USDT', pg_typeof(account_id) FROM %s.level_event WHERE account_id = %s", $quoted, $key->(500)),
		'healthy|liquidation|59200|' . ($name eq 'Bank' ? 'text' : 'uuid'), '... which is in the journal');
	as('keeper', 'shop', "SELECT margin.set_prices('desk', '{}', '{}', '{BTC_USDT}', '{60100}', refresh => true)");
	is($level->(500), 'healthy', '... and back');
}

# The guard sees what row security hides from the writer.
as('keeper', 'shop', <<'SQL');
CREATE POLICY credit ON "Bank"."Wallet" TO stranger USING (amount >= 0) WITH CHECK (true);
GRANT USAGE ON SCHEMA "Bank" TO stranger;
GRANT SELECT, INSERT, UPDATE ON "Bank"."Wallet" TO stranger;
INSERT INTO "Bank"."Wallet" VALUES ('c600', 'USDC', 1000);
INSERT INTO "Bank"."Wallet" VALUES ('c600', 'USDT', -900);
SQL
is(as('stranger', 'shop', q{SELECT coin FROM "Bank"."Wallet" WHERE "Customer" = 'c600'}), 'USDC', 'a writer to whom debts are hidden');
is(refusal('stranger', 'shop', q{UPDATE "Bank"."Wallet" SET amount = 899 WHERE "Customer" = 'c600'}), 'MG001', '... cannot take what they need');
is(refusal('stranger', 'shop', q{UPDATE "Bank"."Wallet" SET amount = 901 WHERE "Customer" = 'c600'}), 'accepted', '... but the rest');

# Many at once: what each may take alone, all together may not.
for my $book (@books)
{
	as('keeper', 'shop', $book->{book}->($_, 'USDT', 100)) for 701 .. 703;
	# the verdict at once, so that a refusal does not end the client
	my $script = "$directory/$book->{name}.sql";
	append_to_file($script, sprintf <<'SQL', $book->{book}->(':a', 'USDT', '-7'));
\set a random(701, 703)
DO $$ BEGIN EXECUTE $x$ %s $x$; SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN SQLSTATE 'MG001' THEN NULL; END $$;
SQL
	command_ok([ 'pgbench', '-n', '-U', 'keeper', '-d', $node->connstr('shop'), '-c', '8', '-j', '2', '-t', '15', '-f', $script ],
		"$book->{name}: many withdrawals at once");
	my $schema = $book->{name} eq 'Bank' ? '"Bank"' : 'fund';
	is(as('keeper', 'shop', sprintf 'SELECT count(*), min(equity), max(equity) FROM %s.account_margin WHERE account_id IN (%s)', $schema, join ', ', map { $book->{key}->($_) } 701 .. 703),
		'3|2|2', '... take 14 times 7 of 100 and no more');
}

# ---------------------------------------------------------------------------
# Roles: an application that books, a risk engine that prices
# ---------------------------------------------------------------------------

$node->safe_psql('shop', <<'SQL');
CREATE ROLE application LOGIN IN ROLE analyst;
CREATE ROLE risk_engine LOGIN BYPASSRLS IN ROLE analyst;
GRANT SELECT ON "Bank".account_level, "Bank".level_epoch, "Bank".level_basis, "Bank".level_event TO analyst;
GRANT INSERT, UPDATE, DELETE ON "Bank"."Wallet" TO application;
CREATE POLICY everything_written ON "Bank"."Wallet" TO application USING (true);
GRANT SELECT ON desk.asset, desk.contract, desk.index_price, desk.mark_price, desk.admitted_owner TO risk_engine;
GRANT EXECUTE ON FUNCTION desk.release_ratios(), desk.pausing_prices(), desk.planned_change() TO risk_engine;
GRANT INSERT, UPDATE ON desk.index_price, desk.mark_price, "Bank".account_level TO risk_engine;
GRANT INSERT, UPDATE, DELETE ON "Bank".level_epoch, "Bank".level_basis TO risk_engine;
GRANT INSERT ON "Bank".level_event TO risk_engine;
GRANT SET ON PARAMETER margin.guard TO risk_engine;
SQL
my $prices = q{SELECT margin.set_prices('desk', '{USDC}', '{1}', '{}', '{}', refresh => true)};
my $refresh = q{SELECT margin.refresh_levels('Bank')};
my $journal = q{INSERT INTO "Bank".level_event (account_id, from_level, to_level, prices, cause) VALUES ('c1', 'healthy', 'warning', '{}', 'none')};
for (
	[ 'application', 'accepted', $books[0]{book}->(800, 'USDT', 10) ],
	[ 'application', 'MG001', $books[0]{book}->(800, 'USDT', -11) ],
	[ 'application', '42501', $prices ],
	[ 'application', '42501', $refresh ],
	[ 'application', '42501', $journal ],
	[ 'application', '42501', 'SELECT margin.market(NULL, NULL); SET margin.guard = record' ],
	[ 'application', 'MG001', 'SET margin.guard = record; ' . $books[0]{book}->(800, 'USDT', -11) ],
	[ 'application', '42501', q{SELECT margin.disable_guard('Bank')} ],
	[ 'risk_engine', 'accepted', $prices ],
	[ 'risk_engine', 'accepted', $refresh ],
	[ 'risk_engine', 'accepted', 'SELECT margin.market(NULL, NULL); SET margin.guard = record' ],
	[ 'risk_engine', '42501', $books[0]{book}->(800, 'USDT', 10) ],
	[ 'risk_engine', '42501', q{UPDATE "Bank".level_event SET equity = 0} ],
	[ 'risk_engine', '42501', q{SELECT margin.disable_guard('Bank')} ],
	[ 'analyst', '42501', $prices ],
	[ 'analyst', '42501', $refresh ],
	[ 'c1', '42501', $refresh ],
	[ 'c1', '42501', 'SELECT FROM "Bank".account_level' ])
{
	my ($role, $expected, $command) = @$_;
	is(refusal($role, 'shop', $command), $expected, "$role: $command");
}
is(as('risk_engine', 'shop', $prices =~ s/SELECT (.*)/SELECT level_changes, array_to_string(not_refreshed, '; ') FROM $1/r),
	'0|desk: permission denied for table account_level; fund: permission denied for schema fund', '... who is told which books it could not refresh');

# ---------------------------------------------------------------------------
# Dump and restore
# ---------------------------------------------------------------------------

my $described = q{
	SELECT c.oid::regclass, c.relowner::regrole, c.reloptions, c.relacl, pg_get_viewdef(c.oid), obj_description(c.oid, 'pg_class'),
	       (SELECT string_agg(format('%s %s %s', attname, atttypid::regtype, col_description(c.oid, attnum)), E'\n' ORDER BY attnum)
	          FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)
	  FROM pg_class c WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text IN ('"Bank"', 'fund') ORDER BY c.oid::regclass::text;
	SELECT p.oid::regprocedure, p.proowner::regrole, pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc')
	  FROM pg_proc p WHERE p.pronamespace::regnamespace::text IN ('"Bank"', 'fund') ORDER BY p.oid::regprocedure::text;
	SELECT relation, account_column, book, guard, levels FROM margin.guarded_tables() ORDER BY relation::text;
	SELECT polname, polrelid::regclass, pg_get_expr(polqual, polrelid) FROM pg_policy ORDER BY 1, 2;
};
my $before = as('keeper', 'shop', $described);
my $answers = join '; ', map { ("TABLE $_.account_margin ORDER BY 1", "TABLE $_.account_level ORDER BY 1", "TABLE $_.level_event ORDER BY 1") } '"Bank"', 'fund';
my $rows = as('keeper', 'shop', $answers);
like($before, qr/^"Bank"\.account_position\|keeper\|\{security_invoker=true\}\|.*^fund\.unpriced\|keeper\|/ms, 'views belong to their maker');
command_ok([ 'pg_dump', '-U', 'keeper', '-d', $node->connstr('shop'), '-f', "$directory/shop.sql" ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE restored OWNER keeper');
command_ok([ 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-U', 'keeper', '-d', $node->connstr('restored'), '-o', "$directory/out", '-f', "$directory/shop.sql" ], 'restore');
is(as('keeper', 'restored', $described), $before, 'views, functions, comments, owners, privileges and policies are back');
is(as('keeper', 'restored', $answers), $rows, 'and answer the same');
is(as('c2', 'restored', 'SELECT account_id FROM "Bank".account_margin'), 'c2', 'to whom they did before');
for my $book (@books)
{
	is(refusal('keeper', 'restored', $book->{book}->(701, 'USDT', -7)), 'MG001', "$book->{name}: the guard is on");
	is(refusal('keeper', 'restored', $book->{book}->(701, 'USDT', -1)), 'accepted', '... and fair');
	my $schema = $book->{name} eq 'Bank' ? '"Bank"' : 'fund';
	is(as('keeper', 'restored', "SELECT margin.refresh_levels('$book->{name}'), count(*) > 10 FROM $schema.account_level"), '0|t', '... levels are where they were');
}
as('keeper', 'restored', q{SELECT margin.drop_book('fund')});
is(as('keeper', 'restored', 'SELECT book FROM margin.books ORDER BY 1'), "Bank\ndesk", 'a restored book can be dropped');
is(as('keeper', 'restored', q{SELECT relname FROM pg_class WHERE relnamespace = 'fund'::regnamespace AND relkind IN ('r', 'p', 'v') ORDER BY 1}),
	"balance\nbalance_0\nbalance_1\nposition", '... and leaves the tables that it was made over, though they are called as its own would be');
is(as('keeper', 'restored', q{SELECT count(*) > 40 FROM fund.balance}), 't', '... with their rows');
is(as('keeper', 'restored', q{SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('fund.balance'::regclass, 'fund.position'::regclass) AND NOT tgisinternal}), 0, '... and without triggers');
is(refusal('keeper', 'restored', 'DROP EXTENSION margin'), '2BP01', 'margin cannot be dropped from under a book');

$node->stop;
done_testing();
