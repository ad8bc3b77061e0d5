# A database owner who is no superuser installs margin, fills it and builds on
# it: what he owns survives dump and restore whole, DROP EXTENSION minds what
# depends on it, nobody else may write, and nothing of it makes him superuser.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

my $superuser = $node->safe_psql('postgres', 'SELECT current_user');
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE writer LOGIN; CREATE ROLE stranger LOGIN');

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
	my ($status, $out, $err) = $node->psql($database, $sql,
		extra_params => [ '-U', $role, '-v', 'VERBOSITY=sqlstate' ]);
	return 'accepted' if $status == 0;
	return $err =~ /(?:ERROR|FATAL):\s+(\w{5})/ ? $1 : $err;
}

# Runs a program that must succeed in silence.
sub quietly
{
	my ($name, $role, $database, @command) = @_;
	my $err;
	my $done = run_log([ @command, '-d', $node->connstr($database) . " user=$role" ], '>', \my $out, '2>', \$err);
	ok($done, "$name succeeds") or diag $err;
	is($err, '', "$name complains about nothing");
	return $out;
}

sub create_database
{
	my ($name) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER keeper");
	return;
}

sub sorted_lines { return join "\n", sort split /\n/, $_[0] }

# ---------------------------------------------------------------------------
# Installing
# ---------------------------------------------------------------------------

create_database('book');

is($node->safe_psql('postgres', q{
	SELECT string_agg(setting, '') FROM pg_settings WHERE name LIKE '%preload_libraries'}),
	'', 'no library is preloaded');
is(refusal('stranger', 'book', 'CREATE EXTENSION margin'), '42501', 'who may not create cannot install');
is(refusal('keeper', 'book', 'CREATE EXTENSION margin'), 'accepted', 'the owner of a database installs');
is(as('keeper', 'book', q{
	SELECT rolname, rolsuper FROM pg_extension JOIN pg_roles AS r ON r.oid = extowner WHERE extname = 'margin'}),
	'keeper|f', 'and is no superuser');

my @tables = split /\n/, as('keeper', 'book', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'margin'::regnamespace AND relkind = 'r' ORDER BY 1});
# Their rows are in partitions, which are tables of the user: 130_snapshots.
is(as('keeper', 'book', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'margin'::regnamespace AND relkind = 'p' ORDER BY 1}),
	"account_snapshot\nsnapshot", 'partitioned tables');
cmp_ok(@tables, '>', 10, 'tables');
is(as('keeper', 'book', q{
	SELECT relname FROM pg_extension, unnest(extconfig) AS c (oid) JOIN pg_class USING (oid)
	 WHERE extname = 'margin' AND relkind <> 'S' AND extcondition = array_fill(''::text, ARRAY[cardinality(extconfig)]) ORDER BY 1}),
	join("\n", @tables), 'each is dumped whole');
is(as('keeper', 'book', "SELECT count(*) FROM margin.$_"), 0, "no row in $_ after CREATE EXTENSION") for @tables;

is(as('keeper', 'book', q{
	SELECT relname FROM pg_class
	 WHERE relnamespace = 'margin'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S') AND relowner <> 'keeper'::regrole}),
	'', 'tables and views belong to the installer');
is(as('keeper', 'book', q{
	SELECT proname FROM pg_proc
	 WHERE pronamespace = 'margin'::regnamespace AND prosecdef AND proowner <> 'keeper'::regrole}),
	'', 'no function runs with the rights of someone else');
is(as('keeper', 'book', q{
	SELECT proname FROM pg_proc
	 WHERE pronamespace = 'margin'::regnamespace AND proowner = 'keeper'::regrole AND NOT prosecdef}),
	'', 'and none but those that run as the installer belong to him');

# ---------------------------------------------------------------------------
# A book
# ---------------------------------------------------------------------------

as('keeper', 'book', <<'SQL');
SELECT margin.load_published();

-- published rows edited and deleted
UPDATE margin.collateral_tier SET ratio = 0.95 WHERE asset = 'BTC' AND lower_bound = 10;
DELETE FROM margin.collateral_tier WHERE asset = 'BTC' AND lower_bound = 100;
UPDATE margin.asset SET source = E'ours:\ttabs, "quotes", back\\slashes and\nlines', liability_weight = 1.250 WHERE asset = 'USDT';
DELETE FROM margin.asset WHERE asset = 'USDC';

INSERT INTO margin.asset_change (asset, valid_from, liability_weight, max_age)
VALUES ('BTC', '2990-01-01 00:00+00', 1.250, interval '5 minutes'), ('USDT', '2001-02-03 04:05:06.789012+00', 1.20, NULL);

-- physical order is not key order
INSERT INTO margin.asset (asset, basis, liability_weight, requirement_weight, max_age, source)
VALUES ('ZZZ', 'value', 2, 0.5, NULL, NULL),
       ('ETH', 'value', 1.10, 1.5, interval '1 year 2 months 3 days 04:05:06.789', ''),
       (E'o''dd\\N\té数', 'quantity', 1, 1, NULL, '\N'),
       ('OLD', 'quantity', 1, 1, interval '1 minute', 'a price that expires');
INSERT INTO margin.collateral_tier (asset, valid_from, lower_bound, ratio)
VALUES ('ETH', '-infinity', 0, 0.90), ('ETH', '-infinity', 1000000, 0.800),
       ('ETH', '2001-02-03 04:05:06.789012+00', 250000.5, 0.5), ('ETH', '2001-02-03 04:05:06.789012+00', 0, 0.850),
       ('ETH', '2990-01-01 00:00+00', 0, 0.1), ('ETH', 'infinity', 0, 0),
       ('ZZZ', '-infinity', 0, 1), ('OLD', '-infinity', 0, 1), (E'o''dd\\N\té数', '-infinity', 0, 0.3333333333333333333333333333333333);
INSERT INTO margin.liability_tier (asset, valid_from, lower_bound, maintenance_rate)
VALUES ('USDT', '-infinity', 1000, 0.04), ('USDT', '-infinity', 0, 0.02), ('USDT', '2990-01-01 00:00+00', 0, 0.5), ('BTC', '-infinity', 0, 0.1);
INSERT INTO margin.index_price (asset, price, updated_at)
VALUES ('USDT', 1.000, '2020-01-01 00:00+00'), ('BTC', 60000, '2020-01-01 00:00+00'), ('OLD', 5, '2020-01-01 00:00+00'),
       ('ETH', 3000.123456789012345678, now()), ('ZZZ', ('0.' || repeat('0', 999) || '1')::numeric, now()), (E'o''dd\\N\té数', 1e999, now());
INSERT INTO margin.contract (contract, settle_asset, base_asset, size, netting, closing_fee, maintenance_method, initial_method, max_age, source)
VALUES ('ETH_USDT', 'USDT', 'ETH', 0.0100, 'net', 0.0005, 'whole', 'marginal', NULL, NULL),
       ('BTC_USDT', 'USDT', 'BTC', 0.001, 'leg', 0, 'marginal', 'whole', interval '1000 years', ''),
       ('BTC_USDT ', 'USDT', NULL, 1, 'larger', 0, 'marginal', 'whole', interval '1 hour', 'a trailing blank');
INSERT INTO margin.contract_change (contract, valid_from, settle_asset, base_asset, size)
VALUES ('ETH_USDT', '2990-01-01 00:00+00', 'ETH', NULL, 1);
INSERT INTO margin.risk_tier (contract, valid_from, lower_bound, maintenance_rate, initial_rate)
VALUES ('ETH_USDT', '-infinity', 0, 0.005, NULL), ('ETH_USDT', '-infinity', 5000, 0.0100, NULL),
       ('BTC_USDT', '-infinity', 1000000, 0.01, 0.02), ('BTC_USDT', '-infinity', 0, 0.005, 0.01),
       ('BTC_USDT', '2990-01-01 00:00+00', 0, 0.5, 0.5), ('BTC_USDT ', '-infinity', 0, 0.01, 0.01);
INSERT INTO margin.mark_price (contract, price, updated_at)
VALUES ('ETH_USDT', 3001.5, now()), ('BTC_USDT', 60100.0, '2020-01-01 00:00+00'), ('BTC_USDT ', 7, '2020-01-01 00:00+00');
INSERT INTO margin.level_threshold (level, margin_ratio) VALUES ('liquidation', 1.10), ('warning', 0.5);
INSERT INTO margin.scenario (scenario, asset, contract, relative, price)
VALUES (E'o''dd\\N\té数', 'BTC', NULL, -0.250, NULL), (E'o''dd\\N\té数', 'USDT', NULL, NULL, 0.90), (E'o''dd\\N\té数', NULL, 'ETH_USDT', 0, NULL),
       ('still', NULL, NULL, 0.000, NULL), ('still', NULL, 'BTC_USDT ', NULL, 8);
INSERT INTO margin.balance (account_id, asset, quantity)
VALUES (1, 'USDT', 10000.00), (1, 'BTC', 0.1), (2, 'BTC', 2), (2, 'USDT', -20000), (3, 'OLD', 1), (4, 'nowhere', 1), (5, E'o''dd\\N\té数', 1e-999),
       (-9223372036854775808, 'USDT', -1), (9223372036854775807, 'ZZZ', ('1' || repeat('0', 999))::numeric), (6, 'USDT', 100), (7, 'USDT', 0);
INSERT INTO margin.position (account_id, contract, quantity, entry_price, leverage)
VALUES (1, 'BTC_USDT', -100, 59000, 20), (1, 'BTC_USDT', 300, 60500.5, NULL), (2, 'ETH_USDT', 50, 0, 3), (6, 'BTC_USDT', 1000, 60000, NULL),
       (8, 'BTC_USDT ', 1, 7, NULL), (9, 'BTC_USDT', 0, 1, NULL);
INSERT INTO margin.cover_rule (asset, rank, conversion_discount, threshold, repayment_ratio)
VALUES ('ETH', -1, 0.90, NULL, 1), ('USDT', NULL, 1, ('0.' || repeat('0', 999) || '1')::numeric, 0.10);
INSERT INTO margin.cover_entry (account_id, booked_at, house_account_id, forced, step, outcome, debt_asset, payer, paid, repaid,
                                debt_price, payer_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level)
SELECT 2, '2020-01-01 00:00:00.000001+00', -900, true, c.*
  FROM margin.cover_plan('{"balances": {"USDT": -1, "ETH": 1}}', margin.market(), ARRAY(SELECT r FROM margin.cover_rule AS r)) AS c;
UPDATE margin.balance SET quantity = quantity + 0.10 WHERE account_id = 1;

-- levels held, journals, a corrected price
UPDATE margin.level_threshold SET release_ratio = 0.450 WHERE level = 'warning';
SELECT margin.refresh_levels();
SELECT margin.set_prices('{"contracts": {"BTC_USDT": 59999.50}}', refresh => true);
SELECT margin.set_prices('{"contracts": {"BTC_USDT": 60100.0}, "at": "2020-01-01 00:00+00"}', force => true, refresh => true);
INSERT INTO margin.price_retention VALUES ('1 year 2 months 3 days');
UPDATE margin.position SET quantity = 100.5 WHERE (account_id, contract, side) = (2, 'ETH_USDT', 'long');

-- what the owner builds on it
CREATE SCHEMA desk;
CREATE DOMAIN desk.ratios AS margin.schedule CHECK (margin.apply(VALUE, 1) <= 1);
CREATE TABLE desk.stored (
    id integer PRIMARY KEY,
    p margin.portfolio UNIQUE,
    m margin.market,
    s margin.schedule,
    r desk.ratios,
    v margin.valuation,
    a margin.asset_terms[],
    c margin.contract_terms[],
    level margin.level, method margin.tier_method, basis margin.basis, netting margin.netting, side margin.side,
    equity numeric GENERATED ALWAYS AS (margin.equity(p, m)) STORED,
    CHECK (margin.level(p, m) <= 'unpriced')
);
CREATE INDEX ON desk.stored USING hash (m);
CREATE INDEX ON desk.stored ((margin.level(p, m)));
INSERT INTO desk.stored (id, p, m, s, r, v, a, c, level, method, basis, netting, side)
SELECT row_number() OVER (ORDER BY account_id), p, m, 'whole {0: 0.004, 50000: 0.0050}', '{0: 0.90, 1: 0.80}',
       margin.evaluate(p, m), ARRAY(SELECT margin.assets(m)), ARRAY(SELECT margin.contracts(m)),
       'margin_call', 'whole', 'value', 'larger', 'short'
  FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p FROM margin.holding GROUP BY account_id) AS h,
       (SELECT margin.market() AS m OFFSET 0) AS now
 WHERE p OPERATOR(margin.<>) '{}';
INSERT INTO desk.stored (id, p, m, s)
VALUES (100, '{}', '{}', '{0: 0}'), (101, NULL, NULL, NULL),
       (102, format('{"balances": {"a\"b\\c\n\té": 1e-999, "%s": -%s.%s}}', repeat('x', 255), repeat('9', 999), repeat('7', 999))::margin.portfolio,
        '{"levels": {"warning": 0.123456789012345678901234567890, "liquidation": 7}}',
        (SELECT margin.schedule(i, i) FROM generate_series(0, 999) AS i));
CREATE TABLE desk.own (id integer, note text);
INSERT INTO desk.own VALUES (1, 'kept');
CREATE VIEW desk.watch AS SELECT account_id, level, shortfall FROM margin.account_margin WHERE level <> 'healthy';
CREATE VIEW desk.explained WITH (security_invoker = true) AS
SELECT a.*, c.asset, c.haircut AS haircut_of_asset FROM margin.account_margin AS a JOIN margin.account_collateral AS c USING (account_id);
CREATE VIEW desk.house AS
SELECT margin.rollup(p OPERATOR(margin.+) p)::text AS twice FROM desk.stored WHERE p OPERATOR(margin.<>) '{}';
CREATE FUNCTION desk.revalued() RETURNS TABLE (id integer, v margin.valuation) STABLE
BEGIN ATOMIC
    SELECT id, margin.evaluate(p, m) FROM desk.stored;
END;
GRANT USAGE ON SCHEMA margin TO writer;
GRANT INSERT ON margin.collateral_tier TO writer;
SQL

# Everything a reader could see, in an order of its own.
my @relations = (
	(map { "margin.$_" } @tables),
	(map { "margin.$_" } qw(holding account_margin undercollateralized unpriced account_collateral account_position account_stress)),
	qw(desk.stored desk.own desk.watch desk.explained desk.house desk.revalued()));

sub state_of
{
	my ($role, $database) = @_;
	my $state = '';
	for my $relation (@relations)
	{
		$state .= "-- $relation\n" . sorted_lines(as($role, $database, "SELECT r FROM $relation AS r")) . "\n";
	}
	return $state . as($role, $database, q{
		SELECT margin.market(), margin.market(timestamptz '1999-01-01 UTC'), margin.market(timestamptz '2999-01-01 UTC')});
}

my $state = state_of('keeper', 'book');
is(as('keeper', 'book', 'SELECT level, count(*) FROM margin.account_margin GROUP BY level ORDER BY level'),
	"healthy|6\nliquidation|1\nbankrupt|1\nunpriced|3", 'the book has accounts at several levels');
unlike(as('keeper', 'book', 'SELECT margin.market()'), qr/"price": 5[,}]/, 'an expired price is no part of the market');
is(as('keeper', 'book', q{
	SELECT count(*) FROM (SELECT margin.market() UNION SELECT margin.market(timestamptz '1999-01-01 UTC')
	                      UNION SELECT margin.market(timestamptz '2999-01-01 UTC')) AS m}),
	3, 'past, present and future markets differ');

# Every stored value again, as bytes.
my $bytes = q{
	SELECT id, encode(margin.portfolio_send(p), 'hex'), encode(margin.market_send(m), 'hex'), encode(margin.schedule_send(s), 'hex'),
	       margin.portfolio_hash(p), margin.market_hash(m), margin.schedule_hash(s)
	  FROM desk.stored ORDER BY id};
my $sent = as('keeper', 'book', $bytes);

# ---------------------------------------------------------------------------
# Dump and restore
# ---------------------------------------------------------------------------

# A dump without the lines that differ each time.
sub dump_of
{
	my ($name, $database, @options) = @_;
	return quietly($name, 'keeper', $database, 'pg_dump', @options) =~ s/^\\(?:un)?restrict .*\n//gmr;
}

my $directory = PostgreSQL::Test::Utils::tempdir;
my $schema = dump_of('dump of the schema', 'book', '--schema-only');
my $data = sorted_lines(dump_of('dump of the data', 'book', '--data-only'));

sub write_dumps
{
	quietly('plain dump', 'keeper', 'book', 'pg_dump', '-f', "$directory/book.sql");
	quietly('custom dump', 'keeper', 'book', 'pg_dump', '-Fc', '-f', "$directory/book.dump");
	return;
}

# What was restored is what was dumped, and lives.
sub check_restored
{
	my ($database, $owner) = @_;

	is(as($owner, $database, q{
		SELECT extowner::regrole, relowner::regrole FROM pg_extension, pg_class WHERE extname = 'margin' AND pg_class.oid = 'margin.asset'::regclass}),
		"$owner|$owner", "$database: margin belongs to $owner");
	if ($owner ne 'keeper')
	{
		# As always with what an extension owns: a superuser's restore
		# makes it the superuser's, and the former owner a reader by grant.
		as($owner, $database, 'GRANT USAGE ON SCHEMA margin TO keeper; GRANT SELECT ON ALL TABLES IN SCHEMA margin TO keeper');
	}
	is(state_of($owner, $database), $state, "$database: every row and valuation is there once");
	is(as($owner, $database, $bytes), $sent, "$database: stored values are equal to the byte");
	is(as($owner, $database, q{
		SELECT id FROM desk.stored WHERE margin.evaluate(p, m)::text <> v::text OR margin.equity(p, m) IS DISTINCT FROM equity}),
		'', "$database: evaluated again they are worth the same");
	is(as($owner, $database, 'SELECT twice = (SELECT rollup_text FROM (SELECT margin.rollup(p OPERATOR(margin.+) p)::text AS rollup_text FROM desk.stored) AS x) FROM desk.house'),
		't', "$database: the owner's view adds up");
	is(as('keeper', $database, 'SELECT count(*) FROM desk.watch'), 5, "$database: the owner's view on an account view is readable by him");
	return;
}

sub check_dumped_again
{
	my ($database) = @_;
	is(dump_of("$database: second dump of the schema", $database, '--schema-only'), $schema, "$database: the second dump has the same schema");
	is(sorted_lines(dump_of("$database: second dump of the data", $database, '--data-only')), $data, "$database: the second dump has the same data");
	return;
}

# Statement, SQLSTATE; a COMMIT is where schedules are judged.
sub check_guarded
{
	my ($database, $owner) = @_;

	is(as($owner, $database, q{
		SELECT tgname, tgenabled, tgdeferrable, tginitdeferred, proowner::regrole = current_user::regrole
		  FROM pg_trigger JOIN pg_proc AS p ON p.oid = tgfoid
		 WHERE pronamespace = 'margin'::regnamespace AND proname ~ '_(shape|lock)$' ORDER BY 1}),
		join("\n", map { "$_|t" } qw(collateral_tier_shape|O|t|t level_threshold_lock|O|f|f level_threshold_shape|O|t|t liability_tier_shape|O|t|t risk_tier_shape|O|t|t)),
		"$database: triggers");

	for my $case (
		[ "INSERT INTO margin.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 7, 0.99)", '23514' ],
		[ "INSERT INTO margin.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', '2991-01-01', 7, 0.99)", '23514' ],
		[ "DELETE FROM margin.collateral_tier WHERE asset = 'BTC' AND lower_bound = 0", '23514' ],
		[ "UPDATE margin.liability_tier SET maintenance_rate = 0.01 WHERE asset = 'USDT' AND lower_bound = 1000", '23514' ],
		[ "UPDATE margin.risk_tier SET initial_rate = NULL WHERE contract = 'BTC_USDT' AND lower_bound = 1000000", '23514' ],
		[ "INSERT INTO margin.level_threshold VALUES ('margin_call', 0.4)", '23514' ],
		[ "INSERT INTO margin.collateral_tier (asset, lower_bound, ratio) VALUES ('nowhere', 0, 1)", '23503' ],
		[ "DELETE FROM margin.asset WHERE asset = 'USDT'", '23503' ],
		[ "INSERT INTO margin.index_price (asset, price) VALUES ('BTC', 1)", '23505' ],
		[ "INSERT INTO margin.scenario (scenario, relative) VALUES ('still', 0.1)", '23505' ],
		[ "UPDATE margin.scenario SET relative = -1 WHERE asset = 'BTC'", '23514' ],
		[ "UPDATE margin.mark_price SET price = 0", '23514' ],
		[ "UPDATE margin.balance SET quantity = 'NaN'", '23514' ],
		[ "UPDATE margin.position SET side = 'short'", '428C9' ],
		[ "INSERT INTO margin.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', -1, 1)", '23505' ],
		[ "UPDATE desk.stored SET r = '{0: 2}'", '23514' ],
		[ 'DELETE FROM margin.level_event', '55000' ],
		[ 'TRUNCATE margin.level_event', '55000' ],
		[ 'UPDATE margin.index_price_history SET price = 1', '55000' ],
		[ 'UPDATE margin.mark_price_history SET price = 1', '55000' ],
		[ "INSERT INTO margin.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 7, 0.965)", 'accepted' ],
		[ "UPDATE margin.position SET quantity = -quantity WHERE account_id = 2 AND side = 'long'", 'accepted' ])
	{
		my ($sql, $expected) = @$case;
		is(refusal($owner, $database, $sql), $expected, "$database: $expected for $sql");
	}
	is(as($owner, $database, q{SELECT side FROM margin.position WHERE account_id = 2}), 'short', "$database: the side follows the quantity");
	is(as($owner, $database, q{
		BEGIN;
		INSERT INTO margin.balance VALUES (100, 'BTC', -1);
		SELECT margin.refresh_levels('margin', '{BTC}', NULL, 'restored') > 0;
		UPDATE margin.index_price SET price = 60001.5 WHERE asset = 'BTC';
		SELECT count(*) FROM margin.level_event WHERE cause = 'restored' AND account_id = 100
		   AND id > ALL (SELECT id FROM margin.level_event WHERE cause <> 'restored');
		SELECT count(*) FROM margin.index_price_history WHERE price = 60001.5;
		ROLLBACK}),
		"t\n1\n1", "$database: the journals go on");
	return;
}

write_dumps();
for my $format ('plain', 'custom')
{
	my $database = "${format}_superuser";
	create_database($database);
	quietly("$database: restore", $superuser, $database,
		$format eq 'plain' ? ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$directory/out", '-f', "$directory/book.sql") : ('pg_restore', '-e', "$directory/book.dump"));
	check_restored($database, $superuser);
	check_guarded($database, $superuser);
}

# Filled by its query at the end of a restore, with its owner's rights.
as('keeper', 'book', 'CREATE MATERIALIZED VIEW desk.snapshot AS SELECT account_id, level, equity FROM margin.account_margin');
push @relations, 'desk.snapshot';
$state = state_of('keeper', 'book');
$schema = dump_of('dump of the schema', 'book', '--schema-only');

write_dumps();
# In parallel only what follows the rows: pg_restore --jobs does not know that
# rows of an extension's tables have to be there before those that refer to them.
my @psql = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$directory/out", '-f', "$directory/book.sql");
my @pg_restore = ('pg_restore', '-e', "$directory/book.dump");
for my $case (
	[ 'plain', 'keeper', \@psql ],
	[ 'custom', 'keeper', \@pg_restore ],
	[ 'role', $superuser, [ @pg_restore, '--role=keeper' ] ],
	[ 'sections', 'keeper', [ @pg_restore, '--section=pre-data', '--section=data' ], [ @pg_restore, '--section=post-data', '--jobs=2' ] ])
{
	my ($name, $role, @commands) = @$case;
	my $database = "${name}_keeper";
	create_database($database);
	quietly("$database: restore", $role, $database, @$_) for @commands;
	check_restored($database, 'keeper');
	check_dumped_again($database);
	check_guarded($database, 'keeper');
}

# The comparison does compare.
as('keeper', 'role_keeper', 'UPDATE margin.risk_tier SET maintenance_rate = maintenance_rate / 2 WHERE valid_from > now()');
isnt(state_of('keeper', 'role_keeper'), $state, 'an edited tier would be noticed');

# ---------------------------------------------------------------------------
# DROP EXTENSION
# ---------------------------------------------------------------------------

is(refusal('stranger', 'plain_keeper', 'DROP EXTENSION margin CASCADE'), '42501', 'others cannot drop');
is(refusal('keeper', 'plain_keeper', 'DROP EXTENSION margin'), '2BP01', 'the owner cannot while objects depend');
is(refusal('keeper', 'plain_keeper', 'DROP TABLE margin.level_threshold CASCADE'), '2BP01', 'nor drop a part');
is(as('keeper', 'plain_keeper', 'SELECT count(*) FROM margin.balance'), 11, 'nothing is lost by that');
is(refusal('keeper', 'plain_keeper', 'DROP EXTENSION margin CASCADE'), 'accepted', 'with CASCADE he can');
is(as('keeper', 'plain_keeper', q{
	SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind IN ('r', 'v', 'm')}),
	'own stored', 'what depended is gone, tables stay');
is(as('keeper', 'plain_keeper', 'SELECT * FROM desk.own'), '1|kept', 'rows stay too');
is(as('keeper', 'plain_keeper', 'SELECT count(*) FROM desk.stored'), 12, 'without the columns of dropped types');
is(as('keeper', 'plain_keeper', q{
	SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid), (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid),
	       (SELECT count(*) FROM pg_type WHERE typnamespace = n.oid), (SELECT count(*) FROM pg_operator WHERE oprnamespace = n.oid),
	       (SELECT count(*) FROM pg_opclass WHERE opcnamespace = n.oid), (SELECT count(*) FROM pg_opfamily WHERE opfnamespace = n.oid)
	  FROM pg_namespace AS n WHERE nspname = 'margin'}),
	'0|0|0|0|0|0', 'nothing of margin is left');
is(refusal('keeper', 'plain_keeper', 'CREATE EXTENSION margin'), 'accepted', 'it can be installed again');
is(as('keeper', 'plain_keeper', 'SELECT margin.load_published()'), 3, 'and begins empty');

# ---------------------------------------------------------------------------
# Others
# ---------------------------------------------------------------------------

is(as('stranger', 'book', q{SELECT has_schema_privilege('stranger', oid, 'USAGE') FROM pg_namespace WHERE nspname = 'margin'}),
	'f', 'PUBLIC may not even look into the schema');
is(as('keeper', 'book', q{
	SELECT relname, privilege_type FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'margin'::regnamespace AND grantee = 0 ORDER BY 1}),
	"asset_change|SELECT\ncontract_change|SELECT", 'and has no right but to read announced terms, which market() needs');

# Readers, and the lot of them.
as('keeper', 'book', 'GRANT USAGE ON SCHEMA margin TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA margin TO PUBLIC');
is(as('stranger', 'book', 'SELECT count(*) FROM margin.account_margin'), 11, 'a reader by grant reads');
for my $table (@tables)
{
	my ($column) = as('keeper', 'book', qq{SELECT attname FROM pg_attribute WHERE attrelid = 'margin.$table'::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1});
	is(refusal('stranger', 'book', $_), '42501', "not for a reader: $_")
	  for "INSERT INTO margin.$table ($column) VALUES (NULL)", "UPDATE margin.$table SET $column = $column", "DELETE FROM margin.$table",
	  "TRUNCATE margin.$table CASCADE", "ALTER TABLE margin.$table DISABLE TRIGGER USER";
}
is(refusal('stranger', 'book', $_), '42501', "not for a reader: $_")
  for 'SELECT margin.load_published()',
  'CREATE TABLE margin.mine ()',
  "CREATE OR REPLACE VIEW margin.unpriced AS SELECT * FROM margin.account_margin",
  "SELECT margin.level_threshold_lock()",
  "ALTER FUNCTION margin.level_threshold_lock() OWNER TO stranger",
  "DROP VIEW margin.undercollateralized";
as($superuser, 'book', 'GRANT CREATE ON SCHEMA public TO stranger');
as('stranger', 'book', 'CREATE TABLE public.bait (asset text, contract text, valid_from timestamptz)');
is(refusal('stranger', 'book', "CREATE TRIGGER t AFTER INSERT ON public.bait FOR EACH ROW EXECUTE FUNCTION margin.$_()"),
	'42501', "nobody else puts $_ on a table of his own")
  for qw(tier_shape level_threshold_lock level_threshold_shape price_record);

# ---------------------------------------------------------------------------
# The installer is no superuser, and does not become one
# ---------------------------------------------------------------------------

is(refusal('keeper', 'book', $_), '42501', "not for the installer: $_")
  for 'ALTER FUNCTION margin.market(timestamptz) SECURITY DEFINER',
  'ALTER FUNCTION margin.market() RENAME TO bazaar',
  q{CREATE OR REPLACE FUNCTION margin.load_published() RETURNS integer LANGUAGE sql AS 'SELECT 1'},
  q{CREATE FUNCTION public.raw(internal) RETURNS margin.portfolio LANGUAGE c AS '$libdir/margin', 'margin_portfolio_recv'};

# Functions of margin that run as their owner, writing through a trap: the
# tables they name have become views that call a function of the installer.
as('keeper', 'book', <<'SQL');
CREATE TABLE desk.spied (who name, what text);
CREATE FUNCTION desk.spy(what text) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    INSERT INTO desk.spied VALUES (current_user, what);
    RETURN true;
END
$$;
GRANT USAGE ON SCHEMA desk TO PUBLIC;
GRANT INSERT ON desk.spied TO PUBLIC;
ALTER TABLE margin.asset RENAME TO asset_moved;
ALTER TABLE margin.contract RENAME TO contract_moved;
ALTER TABLE margin.level_threshold RENAME TO level_threshold_moved;
CREATE VIEW margin.asset AS SELECT *, '0'::xid AS xmin FROM margin.asset_moved WHERE desk.spy('asset');
CREATE VIEW margin.contract AS SELECT *, '0'::xid AS xmin FROM margin.contract_moved WHERE desk.spy('contract');
CREATE VIEW margin.level_threshold AS SELECT * FROM margin.level_threshold_moved WHERE desk.spy('level_threshold');
GRANT INSERT ON margin.liability_tier, margin.risk_tier, margin.level_threshold_moved TO writer;
SQL
my $year = 3000;
for my $role ('keeper', 'writer', $superuser)
{
	$year++;
	is(refusal($role, 'book', $_), 'accepted', "$role: $_")
	  for "INSERT INTO margin.collateral_tier VALUES ('BTC', '$year-01-01', 0, 0.5)",
	  "INSERT INTO margin.liability_tier VALUES ('BTC', '$year-01-01', 0, 0.5)",
	  "INSERT INTO margin.risk_tier VALUES ('BTC_USDT', '$year-01-01', 0, 0.5, 0.5)",
	  "INSERT INTO margin.level_threshold_moved VALUES ('margin_call', 0.9)";
	as('keeper', 'book', "DELETE FROM margin.level_threshold_moved WHERE level = 'margin_call'");
}
is(as('keeper', 'book', 'SELECT what, who, count(*) > 0 FROM desk.spied GROUP BY 1, 2 ORDER BY 1, 2'),
	"asset|keeper|t\ncontract|keeper|t\nlevel_threshold|keeper|t", 'triggers ran the code of the installer as the installer');

# CREATE EXTENSION itself runs as superuser.  Whoever owns the schema it goes
# into has put decoys there, which fit better than the built-in functions and
# operators that a script means.
create_database('trap');
as('keeper', 'trap', <<'SQL');
CREATE SCHEMA margin;
DO $do$
DECLARE
    types CONSTANT text[] := '{text, name, oid, regclass, regtype, regnamespace, smallint, integer, bigint, numeric, "char", boolean}';
    body CONSTANT text := ' LANGUAGE plpgsql AS $$ BEGIN RAISE LOG ''decoy runs as %%'', current_user; RETURN %s; END $$';
    a text; b text; c text; op text;
BEGIN
    FOREACH a IN ARRAY types LOOP
        FOREACH b IN ARRAY types LOOP
            EXECUTE format('CREATE FUNCTION margin.decoy_bool(%s, %s) RETURNS boolean' || body, a, b, 'true');
            EXECUTE format('CREATE FUNCTION margin.decoy_text(%s, %s) RETURNS text' || body, a, b, '$1::text || $2::text');
            FOREACH op IN ARRAY '{=,<>,<,>,<=,>=,||}'::text[] LOOP
                CONTINUE WHEN EXISTS (SELECT FROM pg_operator WHERE oprname = op AND oprleft = a::regtype AND oprright = b::regtype);
                EXECUTE format('CREATE OPERATOR margin.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = margin.decoy_%s)', op, a, b,
                               CASE op WHEN '||' THEN 'text' ELSE 'bool' END);
            END LOOP;
            FOREACH c IN ARRAY '{text, name}'::text[] LOOP
                CONTINUE WHEN NOT ARRAY[a, b] <@ '{text, name}'::text[];
                EXECUTE format('CREATE FUNCTION margin.format(text, %s, %s, %s) RETURNS text' || body, a, b, c,
                               'pg_catalog.format($1, VARIADIC ARRAY[$2, $3, $4]::text[])');
            END LOOP;
            CONTINUE WHEN NOT ARRAY[a, b] <@ '{text, name}'::text[];
            EXECUTE format('CREATE FUNCTION margin.format(text, %s, %s) RETURNS text' || body, a, b,
                           'pg_catalog.format($1, VARIADIC ARRAY[$2, $3]::text[])');
        END LOOP;
        CONTINUE WHEN NOT a = ANY ('{text, name}');
        EXECUTE format('CREATE FUNCTION margin.format(text, %s) RETURNS text' || body, a, 'pg_catalog.format($1, VARIADIC ARRAY[$2]::text[])');
    END LOOP;
    FOR n IN 5..9 LOOP
        EXECUTE format('CREATE FUNCTION margin.format(%s) RETURNS text' || body, rpad('text', 6 * n - 2, ', text'),
                       'pg_catalog.format($1, VARIADIC ARRAY[' || (SELECT string_agg('$' || i, ', ') FROM generate_series(2, n) AS i) || '])');
    END LOOP;
    EXECUTE format('CREATE FUNCTION margin.col_description(regclass, smallint) RETURNS text' || body, 'pg_catalog.col_description($1, $2)');
    EXECUTE format('CREATE FUNCTION margin.pg_extension_config_dump(unknown_table text, condition text) RETURNS void' || body, '');
END
$do$;
SQL
is(as('keeper', 'trap', q{
	SET search_path = margin;
	SELECT format('%s %s', name 'a', name 'b') || ' ' || (oid '1' = 'pg_class'::regclass)}),
	'a b true', 'decoys fit better');
ok($node->log_contains('decoy runs as keeper'), 'and say so');
is(refusal('keeper', 'trap', 'CREATE EXTENSION margin'), '55000', 'no CREATE EXTENSION among decoys');
ok(!$node->log_contains("decoy runs as $superuser"), 'none of them has run as superuser');
# one that fits a call of ours better than ours does
as('keeper', 'trap', q{DROP SCHEMA margin CASCADE; CREATE SCHEMA margin});
for my $decoy ('PROCEDURE margin.keep_journal(text, text)', 'FUNCTION margin.create_levels(text) RETURNS void', 'FUNCTION margin.create_views(text, text, text) RETURNS void',
	'FUNCTION margin.add_triggers(text, text, text) RETURNS void', 'OPERATOR margin.=', 'TYPE margin.level')
{
	as('keeper', 'trap', $decoy =~ /OPERATOR/ ? 'CREATE OPERATOR margin.= (LEFTARG = name, RIGHTARG = text, FUNCTION = nameeqtext)'
		: $decoy =~ /TYPE/ ? "CREATE $decoy AS ENUM ()" : "CREATE $decoy LANGUAGE plpgsql AS 'BEGIN ALTER ROLE keeper SUPERUSER; END'");
	is(refusal('keeper', 'trap', 'CREATE EXTENSION margin'), '55000', "nor beside a $decoy");
	as('keeper', 'trap', q{DROP SCHEMA margin CASCADE; CREATE SCHEMA margin});
}
is(as('keeper', 'trap', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'keeper'}), 'f', 'nobody has become superuser');
is(refusal('keeper', 'trap', 'CREATE EXTENSION margin'), 'accepted', 'an empty schema will do');
is(refusal('keeper', 'trap', 'SELECT margin.load_published()'), 'accepted', 'and works');

$node->stop;
done_testing();
