# Nothing that others have planted is run: functions, operators, types, tables
# and views with the names that the extension, its venues and books use, some of
# them a better match than the server's own, in every schema that a tenant can
# write.  Everything that the extension, a venue and a book offer is then run by
# the owner, by the tenant and by a superuser, with the tenant's schemas first on
# the path.  Each planted object writes into the server's log that it ran; a line
# there stays whatever is rolled back.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use MarginCalls qw(calls reads writes in_transactions);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('planted');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_error_statement = panic\nmax_prepared_transactions = 5");
$node->start;
my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE tenant LOGIN; CREATE DATABASE book OWNER keeper; CREATE DATABASE shard1 OWNER keeper; CREATE DATABASE shard2 OWNER keeper');

sub as
{
	my ($role, $sql, $database) = @_;
	return $node->safe_psql($database // 'book', $sql, extra_params => [ '-U', $role ]);
}

# The SQLSTATE of a refusal.
sub refusal
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('book', $sql, extra_params => [ '-U', $role, '-v', 'VERBOSITY=sqlstate' ]);
	return $status == 0 ? 'accepted' : $err =~ /ERROR:\s+(\w{5})/ ? $1 : $err;
}

# ---------------------------------------------------------------------------
# A venue and a book of a keeper, both written by a tenant, who has his own
# ---------------------------------------------------------------------------

as('keeper', <<'SQL');
CREATE EXTENSION margin;
CREATE SCHEMA floor;
SELECT margin.create_venue('floor'), margin.load_published('floor'), margin.load_scenarios('floor');
INSERT INTO floor.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1), ('USDC', 1);
INSERT INTO floor.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);
INSERT INTO floor.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.005, 0.01), ('BTC_USDT', 1000000, 0.01, 0.02);
INSERT INTO floor.mark_price (contract, price) VALUES ('BTC_USDT', 60100);
INSERT INTO floor.price_check (kind, symbol, max_jump) VALUES ('asset', 'USDC', 0.1);
INSERT INTO floor.interest_rate (asset, hourly_rate) VALUES ('USDT', 0.0001);
CREATE SCHEMA desk;
SELECT margin.create_book('desk', 'floor');
INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'USDT', 10000), (1, 'BTC', 2), (2, 'USDT', 1000), (3, 'BTC', 0.5), (3, 'USDT', -20000), (4, 'PEPE', 1), (5, 'USDT', 1000000);
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage) VALUES (1, 'BTC_USDT', 1500, 60500, 20), (2, 'BTC_USDT', -1900, 59800, NULL);
INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price, leverage) VALUES (1, 'o1', 'BTC_USDT', 10, 60000, 20);
INSERT INTO desk.accrual_house VALUES ('interest', 5), ('funding', 5);
SELECT margin.prepare_snapshots('desk'), margin.refresh_levels('desk'), margin.take_snapshot('desk'), margin.enable_guard('desk'), margin.enable_levels('desk');
GRANT USAGE ON SCHEMA floor, desk TO tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA floor, desk TO tenant;
GRANT EXECUTE ON FUNCTION floor.market(), floor.release_ratios(), floor.pausing_prices() TO tenant;
CREATE SCHEMA ledger;
CREATE TABLE ledger.wallet (client text, coin text, amount numeric, PRIMARY KEY (client, coin));
CREATE TABLE ledger.deal (client text, contract text, quantity numeric, entry_price numeric);
-- a book without tables of its own, and one without a venue
CREATE SCHEMA till;
SELECT margin.create_book('till', 'floor', 'ledger.wallet', 'ledger.deal', balance_account => 'client', balance_asset => 'coin', balance_quantity => 'amount', position_account => 'client', position_leverage => NULL);
SELECT margin.guard_table('till', t, 'client') FROM unnest('{ledger.wallet,ledger.deal}'::regclass[]) AS t;
INSERT INTO ledger.wallet VALUES ('ann', 'USDT', 1000);
SELECT margin.enable_publishing('floor');
CREATE SCHEMA away;
SELECT margin.create_book('away', market => 'floor.published_market');
INSERT INTO away.balance VALUES (1, 'USDT', 1000);
SELECT margin.enable_levels('till'), margin.enable_guard('away'), margin.enable_levels('away');
GRANT USAGE ON SCHEMA ledger, till, away TO tenant;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ledger, away TO tenant;
SQL
$node->safe_psql('book', 'GRANT CREATE ON SCHEMA public TO tenant; GRANT CREATE ON DATABASE book TO tenant');
as('tenant', <<'SQL');
CREATE SCHEMA trap;
GRANT USAGE ON SCHEMA trap TO PUBLIC;
CREATE SCHEMA stall;
SELECT margin.create_book('stall', 'floor', trust => true);
INSERT INTO stall.balance (account_id, asset, quantity) VALUES (1, 'USDT', 1);
GRANT USAGE ON SCHEMA stall TO PUBLIC;
CREATE SCHEMA pitch;
SELECT margin.create_venue('pitch');
GRANT USAGE ON SCHEMA pitch TO PUBLIC;
SQL

# What clusters are over: shards that lead to where nobody has planted anything but on the way.
for my $shard (1, 2)
{
	as('keeper', "CREATE EXTENSION margin; CREATE SCHEMA @{[ $shard == 1 ? 'pool' : 'wide' ]}; SELECT margin.create_shard('@{[ $shard == 1 ? 'pool' : 'wide' ]}', 'bigint')", "shard$shard");
	$node->safe_psql('book', sprintf q{CREATE EXTENSION IF NOT EXISTS postgres_fdw; CREATE SERVER shard%1$s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%2$s', port '%3$s', dbname 'shard%1$s', extensions 'margin');
		GRANT USAGE ON FOREIGN SERVER shard%1$s TO keeper; CREATE USER MAPPING FOR keeper SERVER shard%1$s OPTIONS (user 'keeper', password_required 'false')}, $shard, $node->host, $node->port);
}

# ---------------------------------------------------------------------------
# Planting
# ---------------------------------------------------------------------------

# What the scripts name, as words: functions and relations of the server among them.
$node->safe_psql('book', q{
	CREATE TABLE public.word AS SELECT DISTINCT w[1] AS word
	  FROM regexp_matches(pg_read_file((SELECT setting FROM pg_config() WHERE name = 'SHAREDIR') || '/extension/margin--' || (SELECT extversion FROM pg_extension WHERE extname = 'margin') || '.sql'),
	                      '\m[a-z_][a-z0-9_]+\M', 'g') AS w;
	GRANT SELECT ON public.word TO PUBLIC});

my $planting = <<'SQL';
-- what a planted function does, but for its result
CREATE FUNCTION trap.body(what text) RETURNS text LANGUAGE sql AS
$$SELECT format('LANGUAGE plpgsql AS %L', format('BEGIN RAISE LOG ''PLANTED %% as %% of %%'', %L, current_user, session_user; END', what))$$;
CREATE FUNCTION trap.name_of(type oid) RETURNS text LANGUAGE sql AS
$$SELECT format('%I.%I', t.typnamespace::regnamespace::name, t.typname) FROM pg_type AS t WHERE t.oid = type$$;
-- for checks of domains and conditions of views
CREATE FUNCTION trap.seen(what text) RETURNS boolean LANGUAGE plpgsql AS
$$BEGIN RAISE LOG 'PLANTED % as % of %', what, current_user, session_user; RETURN true; END$$;
CREATE FUNCTION trap.written() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE LOG 'PLANTED trigger of % as % of %', TG_TABLE_NAME, current_user, session_user; RETURN NULL; END$$;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA trap TO PUBLIC;

-- Functions and operators with the very arguments that others have: found first
-- where the schema comes before pg_catalog.
CREATE PROCEDURE trap.plant_copies(schema text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT p.proname, p.proretset, p.prorettype,
               (SELECT string_agg(CASE WHEN p.provariadic <> 0 AND a.n = p.pronargs THEN 'VARIADIC ' ELSE '' END || trap.name_of(a.type), ', ' ORDER BY a.n)
                  FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, n)) AS arguments
          FROM pg_proc AS p
         WHERE p.pronamespace::regnamespace::text IN ('pg_catalog', 'margin', 'margin_internal') AND p.prokind = 'f' AND p.proname IN (SELECT word FROM public.word)
           AND NOT EXISTS (SELECT FROM unnest(p.proargtypes::oid[] || p.prorettype) AS t (type) JOIN pg_type AS y ON y.oid = t.type
                            WHERE y.typtype = 'p' AND y.typname !~ '^(any(element|array|nonarray|enum|range|compatible.*)|record|void)$')
    LOOP
        EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS %s %s', schema, found.proname, found.arguments, CASE WHEN found.proretset THEN 'SETOF ' ELSE '' END || trap.name_of(found.prorettype),
                       trap.body('function ' || found.proname));
    END LOOP;
    FOR found IN SELECT * FROM pg_operator AS o WHERE o.oprkind = 'b' AND o.oprnamespace::regnamespace::text IN ('pg_catalog', 'margin') LOOP
        EXECUTE format('CREATE FUNCTION %1$I."op %2$s"(%3$s, %4$s) RETURNS %5$s %6$s; CREATE OPERATOR %1$I.%7$s (LEFTARG = %3$s, RIGHTARG = %4$s, FUNCTION = %1$I."op %2$s")',
                       schema, found.oid, trap.name_of(found.oprleft), trap.name_of(found.oprright), trap.name_of(found.oprresult),
                       trap.body(format('operator %s (%s, %s)', found.oprname, trap.name_of(found.oprleft), trap.name_of(found.oprright))), found.oprname);
    END LOOP;
END $$;

-- Those that nobody has with these arguments, and that fit them better than what
-- the server has: found wherever the schema is on the path.
CREATE PROCEDURE trap.plant_better(schema text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    types CONSTANT oid[] := '{bool,int4,int8,numeric,text,name,varchar,timestamptz,interval,jsonb,json,text[],numeric[],regclass,oid,record,margin.level,margin.portfolio,margin.market,margin.schedule,margin.holding_kind,margin.side}'::regtype[];
    found record;
BEGIN
    FOR found IN SELECT o.op, a.type AS a, b.type AS b, row_number() OVER () AS n
                   FROM unnest('{=,<>,<,>=,||,->}'::text[]) AS o (op), unnest(types) AS a (type), unnest(types) AS b (type)
                  WHERE NOT EXISTS (SELECT FROM pg_operator AS p WHERE p.oprnamespace::regnamespace::text IN ('pg_catalog', 'margin') AND p.oprname = o.op AND p.oprleft = a.type AND p.oprright = b.type)
                    -- half of them, any record, margin's own and texts in whatever form
                    AND (a.type = b.type OR a.type::regtype::text ~ '^(margin|name|text|character|record|bigint|numeric)' AND b.type::regtype::text ~ '^(margin|name|text|character|integer|numeric|regclass)')
    LOOP
        EXECUTE format('CREATE FUNCTION %1$I."better %2$s"(%3$s, %4$s) RETURNS boolean %5$s; CREATE OPERATOR %1$I.%6$s (LEFTARG = %3$s, RIGHTARG = %4$s, FUNCTION = %1$I."better %2$s")',
                       schema, found.n, trap.name_of(found.a), trap.name_of(found.b), trap.body(format('operator %s (%s, %s)', found.op, trap.name_of(found.a), trap.name_of(found.b))), found.op);
    END LOOP;
    -- one argument that the server takes as something more general, by a cast or as any type
    FOR found IN SELECT DISTINCT p.proname, t.type
                   FROM pg_proc AS p, unnest(types) AS t (type)
                  WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.pronargs = 1 AND p.prokind IN ('f', 'a') AND p.proname IN (SELECT word FROM public.word)
                    AND NOT EXISTS (SELECT FROM pg_proc AS q WHERE q.proname = p.proname AND q.pronamespace = p.pronamespace AND q.pronargs = 1 AND q.proargtypes[0] = t.type)
                    AND p.proname NOT IN ('numeric', 'text', 'name', 'interval', 'oid', 'regclass', 'jsonb', 'json', 'varchar', 'timestamptz', 'bool', 'int4', 'int8', 'date', 'time', 'timestamp', 'float8')
    LOOP
        EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS text %s', schema, found.proname, trap.name_of(found.type), trap.body(format('function %s(%s)', found.proname, trap.name_of(found.type))));
    END LOOP;
    -- of those that take anything, some common calls
    FOR found IN SELECT f.name, a.arguments FROM unnest('{format,concat,coalesce,concat_ws,greatest,jsonb_build_object,array_to_string,string_agg,to_json,to_jsonb,array_append,array_position,unnest,num_nulls}'::text[]) AS f (name),
                        unnest('{text\, text,text\, name,text\, text\, text,text\, name\, name,text\, name\, text,text\, VARIADIC text[],text[]\, text,name[]\, name,text\, bigint,text\, timestamptz}'::text[]) AS a (arguments)
                  WHERE to_regprocedure(format('pg_catalog.%I(%s)', f.name, replace(a.arguments, 'VARIADIC ', ''))) IS NULL
    LOOP
        EXECUTE format('CREATE FUNCTION %I.%I(%s) RETURNS text %s', schema, found.name, found.arguments, trap.body(format('function %s(%s)', found.name, found.arguments)));
    END LOOP;
END $$;

-- Types and relations: found first in pg_temp, unless it is named elsewhere on the path.
CREATE PROCEDURE trap.plant_types(schema text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT DISTINCT ON (t.typname) t.oid, t.typname FROM pg_type AS t
                  WHERE t.typnamespace::regnamespace::text IN ('pg_catalog', 'margin', 'margin_internal') AND t.typtype IN ('b', 'e', 'c', 'r') AND t.typelem = 0 AND t.typname !~ '^pg_' AND t.typname IN (SELECT word FROM public.word)
                    AND to_regtype(format('%I.%I', schema, t.typname)) IS NULL
    LOOP
        EXECUTE format('CREATE DOMAIN %I.%I AS %s CHECK (trap.seen(%L))', schema, found.typname, trap.name_of(found.oid), 'type ' || found.typname);
    END LOOP;
END $$;
CREATE PROCEDURE trap.plant_relations(schema text) LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN SELECT DISTINCT ON (c.relname) c.oid, c.relname FROM pg_class AS c
                  WHERE c.relnamespace::regnamespace::text IN ('pg_catalog', 'margin', 'margin_internal', 'desk', 'floor', 'stall') AND c.relkind IN ('r', 'p', 'v', 'f') AND c.relname IN (SELECT word FROM public.word)
                    AND to_regtype(format('%I.%I', schema, c.relname)) IS NULL
    LOOP
        EXECUTE format('CREATE VIEW %1$s.%2$I AS SELECT %3$s WHERE trap.seen(%4$L)', schema, found.relname,
                       (SELECT string_agg(format('NULL::%s AS %I', trap.name_of(CASE t.typtype WHEN 'p' THEN 'text'::regtype ELSE t.oid END), a.attname), ', ' ORDER BY a.attnum)
                          FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid WHERE a.attrelid = found.oid AND a.attnum > 0 AND NOT a.attisdropped), 'relation ' || found.relname);
        EXECUTE format('CREATE TRIGGER written INSTEAD OF INSERT OR UPDATE OR DELETE ON %s.%I FOR EACH ROW EXECUTE FUNCTION trap.written()', schema, found.relname);
        EXECUTE format('GRANT ALL ON %s.%I TO PUBLIC', schema, found.relname);
    END LOOP;
END $$;
GRANT EXECUTE ON ALL PROCEDURES IN SCHEMA trap TO PUBLIC;
CALL trap.plant_copies('trap');
CALL trap.plant_types('trap');
CALL trap.plant_relations('trap');
SQL
as('tenant', $planting);
as('tenant', q{CALL trap.plant_better('public'); CALL trap.plant_better('stall')});
# his own book says what he likes
as('tenant', q{
	CREATE OR REPLACE VIEW stall.holding AS SELECT account_id, asset AS symbol, quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind FROM stall.balance WHERE trap.seen('view holding of the tenant')});
# What a session plants for itself.
my $temporary = q{CALL trap.plant_types('pg_temp'); CALL trap.plant_relations('pg_temp');};

# What only others may plant: casts between types that are not his, operators among
# the extension's, triggers on events.
is(refusal('tenant', $_), '42501', "not for a tenant: $_") for
  'CREATE CAST (text AS margin.level) WITH INOUT AS IMPLICIT', 'CREATE CAST (margin.portfolio AS text) WITH INOUT AS IMPLICIT', 'CREATE CAST (numeric AS margin.schedule) WITH INOUT AS IMPLICIT',
  'CREATE FUNCTION margin.lower(margin.level) RETURNS text LANGUAGE sql RETURN 1', 'CREATE OPERATOR margin.= (LEFTARG = margin.level, RIGHTARG = text, FUNCTION = trap.seen)',
  'CREATE FUNCTION desk.lower(name) RETURNS text LANGUAGE sql RETURN 1', 'CREATE TABLE floor.pg_class ()',
  q{CREATE FUNCTION public.f() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER t ON ddl_command_start EXECUTE FUNCTION public.f()},
  'CREATE OPERATOR CLASS public.c DEFAULT FOR TYPE margin.level USING btree AS OPERATOR 1 <';

# ---------------------------------------------------------------------------
# What has run
# ---------------------------------------------------------------------------

# What planted objects have said since this was asked last.
my $read = 0;
sub ran
{
	my $log = slurp_file($node->logfile);
	my @said = substr($log, $read) =~ /LOG:  (PLANTED .*)/g;
	$read = length $log;
	my %seen;
	return grep { !$seen{$_}++ } @said;
}

# Runs a script with a path, its session's own plants there too.
sub run_all
{
	my ($role, $path, $script) = @_;
	my ($status, $out, $err) = $node->psql('book', "$temporary SET search_path = $path;\n$script", on_error_stop => 0, timeout => 300, extra_params => [ '-U', $role ]);
	return "$out\n$err";
}

my %path = (
	'the schema before the server' => 'trap, public, pg_catalog, pg_temp',
	'temporary objects before all' => 'pg_temp, trap, public, pg_catalog, margin',
	'the default' => '"$user", public');

# They do run, if one lets them.
ran();
for my $path (sort keys %path)
{
	run_all('keeper', $path{$path}, q{
		SELECT lower('x'::pg_catalog.varchar); SELECT pg_catalog.now() = 1::pg_catalog.numeric; SELECT lower('x'); SELECT 'a'::text; SELECT 1 OPERATOR(pg_catalog.=) 1 FROM balance; INSERT INTO asset DEFAULT VALUES;
		SELECT format('%s', 'x'::pg_catalog.name); SELECT 'x'::pg_catalog.text = 'x'::pg_catalog.name; SELECT NULL::margin.level || NULL::margin.level});
	my $ran = join "\n", ran();
	like($ran, qr/PLANTED operator \|\| \(margin.level, margin.level\) as keeper of keeper/, "$path: a better operator runs");
	next if $path eq 'the default' && ok($ran =~ /PLANTED type text/, "$path: so does a temporary type");
	like($ran, qr/PLANTED $_/, "$path: runs: $_") for 'function lower', 'type text', 'relation balance', 'function format';
}

# ---------------------------------------------------------------------------
# Everything
# ---------------------------------------------------------------------------

my @calls = (calls($node, 'book', 'margin,desk,floor', 'desk', 'floor'));
my @reads = reads($node, 'book', 'margin,desk,floor');
my @writes = writes($node, 'book', 'desk,floor');
cmp_ok(scalar(@calls), '>', 400, 'there are functions: ' . @calls);
cmp_ok(scalar(@reads), '>', 60, 'there are views and tables: ' . @reads);

# What does something is done and kept, too: the market published, levels notified,
# reports run.
my $tenant_writes = q{
	INSERT INTO desk.balance (account_id, asset, quantity) VALUES (7, 'USDT', 100), (1, 'USDC', -1000000);
	INSERT INTO desk.balance (account_id, asset, quantity) VALUES (8, 'USDT', 100), (4, 'BTC', 1);
	UPDATE desk.balance SET quantity = -1;
	UPDATE desk.position SET quantity = -1, side = NULL;
	INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (8, 'BTC_USDT', -1, 1);
	DELETE FROM desk.open_order;
	UPDATE floor.index_price SET price = 1.5, updated_at = pg_catalog.clock_timestamp();
	INSERT INTO floor.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 7, 2);
	INSERT INTO floor.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 7, 0.0001, 0.0001);
	INSERT INTO floor.level_threshold (level, margin_ratio) VALUES ('warning', 2);
	INSERT INTO floor.asset (asset) VALUES ('SOL');
	UPDATE floor.asset SET asset = 'SOLANA' WHERE FALSE;
	SELECT margin.set_prices('floor', '{"assets": {"BTC": 61000, "USDC": 9}, "contracts": {"BTC_USDT": 100}}', refresh => true);
	SELECT margin.set_prices('floor', '{BTC}'::pg_catalog._text, '{62000}'::pg_catalog._numeric);
	SELECT margin.set_collateral_tiers('floor', 'BTC', '{0: 0.9, 10: 0}');
	INSERT INTO ledger.wallet VALUES ('bob', 'USDT', 1); UPDATE ledger.wallet SET amount = -1; INSERT INTO ledger.deal VALUES ('bob', 'BTC_USDT', 1, 1);
	INSERT INTO away.balance VALUES (2, 'USDT', 1); UPDATE away.balance SET quantity = -1;
};
my $keeper_works = qq{$tenant_writes
	SELECT margin.enable_publishing('floor'); SELECT margin.publish_market('floor');
	SELECT margin.refresh_levels('desk'); SELECT margin.refresh_account_levels('desk', '{1,2}'); SELECT margin.lock_accounts('desk', '{1}');
	SELECT margin.take_snapshot('desk'); SELECT margin.take_snapshot('desk', 'changes'); SELECT margin.take_snapshot('desk', 'portfolios'); CALL margin.run_reports('desk'); CALL margin.run_reports('desk', 'changes');
	SELECT margin.schedule_reports('desk', '* * * * *'); SELECT margin.unschedule_reports('desk');
	SELECT margin.report_html('desk'); SELECT margin.report_json('desk');
	SELECT margin.accrue_interest('desk'); SELECT margin.settle_funding('desk', 'BTC_USDT', 0.0001, pg_catalog.date_trunc('hour', pg_catalog.now()));
	SELECT * FROM desk.repay(3, 5); SELECT margin.prune_price_history('floor', '0'); SELECT margin.prune_snapshots('desk');
	CREATE SCHEMA fresh; SELECT margin.create_book('fresh'); SELECT margin.load_published('fresh'); SELECT margin.enable_guard('fresh'); SELECT margin.upgrade_book('fresh', overwrite => true); SELECT margin.drop_book('fresh'); DROP SCHEMA fresh CASCADE;
	CREATE SCHEMA fresh; SELECT margin.create_venue('fresh'); SELECT margin.upgrade_venue('fresh', overwrite => true); SELECT margin.drop_venue('fresh'); DROP SCHEMA fresh CASCADE;
	CREATE SCHEMA shop; SELECT margin.create_book('shop', 'floor', 'ledger.wallet', 'ledger.deal', balance_account => 'client', balance_asset => 'coin', balance_quantity => 'amount', position_account => 'client', position_leverage => NULL);
	SELECT margin.guard_table('shop', 'ledger.wallet', 'client'); SELECT margin.enable_levels('shop'); INSERT INTO ledger.wallet VALUES ('ann', 'USDT', 5), ('bob', 'USDT', -5); UPDATE ledger.wallet SET amount = -7;
	SELECT margin.refresh_levels('shop'); SELECT * FROM shop.account_margin; SELECT margin.upgrade_book('shop'); SELECT margin.drop_book('shop'); DROP SCHEMA shop CASCADE;
	SELECT margin.upgrade_venue('floor'); SELECT margin.upgrade_book('desk'); SELECT margin.upgrade_book('desk', overwrite => true);
	SELECT margin.disable_guard('desk'); SELECT margin.enable_guard('desk');
};
my $keeper_grows = q{
	CREATE SCHEMA pool; SELECT margin.create_cluster('pool', 'floor', '{shard1}', 'bigint');
	INSERT INTO pool.balance (account_id, asset, quantity) VALUES (1, 'USDT', 10000), (2, 'BTC', 2), (3, 'USDT', -1);
	SELECT * FROM pool.account_margin; SELECT margin.refresh_levels('pool'); SELECT margin.prepare_snapshots('pool'); SELECT margin.take_snapshot('pool'); SELECT * FROM pool.report_levels;
	SELECT margin.add_shard('pool', 'shard2', 'wide'); SELECT margin.move_accounts('pool', 'wide'); CALL margin.switch_book('pool', 'wide', 'was');
	SELECT * FROM pool.account_margin; SELECT margin.upgrade_book('pool');
};
my $everything = in_transactions(@calls, @reads, @writes);
for my $run (
	[ 'tenant', 'temporary objects before all', $everything . $tenant_writes ],
	[ 'tenant', 'the schema before the server', $tenant_writes ],
	[ 'tenant', 'the default', $tenant_writes ],
	[ 'keeper', 'temporary objects before all', $everything . $keeper_works ],
	[ 'keeper', 'the schema before the server', $keeper_grows ],
	[ 'keeper', 'the default', $keeper_works ],
	[ $superuser, 'the schema before the server', in_transactions(@calls) . $keeper_works ])
{
	my ($role, $path, $what) = @$run;
	my $said = run_all($role, $path{$path}, $what);
	my @ran = ran();
	is(join("\n", @ran[ 0 .. ($#ran > 20 ? 20 : $#ran) ]), '', ($role eq $superuser ? 'a superuser' : $role) . ", $path: nothing planted has run");
	note(scalar(() = $said =~ /ERROR:/g), ' errors, ', length $said, ' bytes');
	$ENV{MARGIN_SAID} and append_to_file("$ENV{MARGIN_SAID}", "==== $role $path\n$said");
}

like(as('keeper', 'SET search_path = pg_catalog; SELECT count(*) FROM pool.balance'), qr/^3$/, 'the cluster was made, and has grown');
like(as('keeper', 'SET search_path = pg_catalog; SELECT count(*) FROM pool.shard'), qr/^2$/, 'over its shards');

# ---------------------------------------------------------------------------
# What runs with its owner's rights is listed, and why that is safe
# ---------------------------------------------------------------------------

my $script = $node->safe_psql('postgres', q{SELECT pg_read_file((SELECT setting FROM pg_config() WHERE name = 'SHAREDIR') || '/extension/' || name || '--' || default_version || '.sql') FROM pg_available_extensions WHERE name = 'margin'});
my %definer = map { $_ => 1 } $script =~ /CREATE FUNCTION (\w+)\([^;]*?\) RETURNS [^;]*?SECURITY DEFINER/g;
my ($list) = slurp_file("$FindBin::RealBin/../../src/operations/README.md") =~ /^### With their owner's rights\n(.*?)^In C/ms;
my %listed = map { $_ => 1 } map { /`(\w+)/g } $list =~ /^\| (`.*?) \|/mg;
is(join(' ', sort keys %listed), join(' ', sort keys %definer), 'the list of functions with the rights of their owner is whole');

$node->stop;
done_testing();
