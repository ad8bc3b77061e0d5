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
$node->append_conf('postgresql.conf', 'wal_level = logical');
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

is(as('keeper', 'book', q{
	SELECT relname FROM pg_class WHERE relnamespace IN ('margin'::regnamespace, 'margin_internal'::regnamespace) AND relkind IN ('r', 'p', 'm', 'S', 'f')}),
	'', 'the extension owns no table');
is(as('keeper', 'book', q{SELECT extconfig IS NULL FROM pg_extension WHERE extname = 'margin'}), 't', 'and has nothing of its own to dump');
is(as('keeper', 'book', q{
	SELECT proname FROM pg_proc WHERE pronamespace IN ('margin'::regnamespace, 'margin_internal'::regnamespace) AND prosecdef}),
	'', 'no function of it runs with the rights of someone else');

as('keeper', 'book', q{CREATE SCHEMA house; SELECT margin.create_book('house')});
my @tables = split /\n/, as('keeper', 'book', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'house'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition ORDER BY 1});
cmp_ok(@tables, '>', 20, 'tables of a book and its venue');
is(as('keeper', 'book', "SELECT count(*) FROM house.$_"), 0, "no row in $_ to begin with") for @tables;
is(as('keeper', 'book', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'house'::regnamespace AND relowner <> 'keeper'::regrole
	UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'house'::regnamespace AND proowner <> 'keeper'::regrole}),
	'', 'everything in it belongs to who made it');

# ---------------------------------------------------------------------------
# A book
# ---------------------------------------------------------------------------

as('keeper', 'book', <<'SQL');
SELECT margin.load_published('house');

-- published rows edited and deleted
UPDATE house.collateral_tier SET ratio = 0.95 WHERE asset = 'BTC' AND lower_bound = 10;
DELETE FROM house.collateral_tier WHERE asset = 'BTC' AND lower_bound = 100;
UPDATE house.asset SET source = E'ours:\ttabs, "quotes", back\\slashes and\nlines', liability_weight = 1.250 WHERE asset = 'USDT';
DELETE FROM house.asset WHERE asset = 'USDC';

INSERT INTO house.asset_change (asset, valid_from, liability_weight, max_age)
VALUES ('BTC', '2990-01-01 00:00+00', 1.250, interval '5 minutes'), ('USDT', '2001-02-03 04:05:06.789012+00', 1.20, NULL);

-- physical order is not key order
INSERT INTO house.asset (asset, tier_unit, liability_weight, requirement_weight, max_age, source)
VALUES ('ZZZ', 'value', 2, 0.5, NULL, NULL),
       ('ETH', 'value', 1.10, 1.5, interval '1 year 2 months 3 days 04:05:06.789', ''),
       (E'o''dd\\N\té数', 'quantity', 1, 1, NULL, '\N'),
       ('OLD', 'quantity', 1, 1, interval '1 minute', 'a price that expires');
INSERT INTO house.collateral_tier (asset, valid_from, lower_bound, ratio)
VALUES ('ETH', '-infinity', 0, 0.90), ('ETH', '-infinity', 1000000, 0.800),
       ('ETH', '2001-02-03 04:05:06.789012+00', 250000.5, 0.5), ('ETH', '2001-02-03 04:05:06.789012+00', 0, 0.850),
       ('ETH', '2990-01-01 00:00+00', 0, 0.1), ('ETH', 'infinity', 0, 0),
       ('ZZZ', '-infinity', 0, 1), ('OLD', '-infinity', 0, 1), (E'o''dd\\N\té数', '-infinity', 0, 0.3333333333333333333333333333333333);
INSERT INTO house.liability_tier (asset, valid_from, lower_bound, maintenance_rate)
VALUES ('USDT', '-infinity', 1000, 0.04), ('USDT', '-infinity', 0, 0.02), ('USDT', '2990-01-01 00:00+00', 0, 0.5), ('BTC', '-infinity', 0, 0.1);
INSERT INTO house.index_price (asset, price, updated_at)
VALUES ('USDT', 1.000, '2020-01-01 00:00+00'), ('BTC', 60000, '2020-01-01 00:00+00'), ('OLD', 5, '2020-01-01 00:00+00'),
       ('ETH', 3000.123456789012345678, now()), ('ZZZ', ('0.' || repeat('0', 999) || '1')::numeric, now()), (E'o''dd\\N\té数', 1e999, now());
INSERT INTO house.contract (contract, settle, base, contract_size, netting, closing_fee, maintenance_method, initial_method, max_age, source)
VALUES ('ETH_USDT', 'USDT', 'ETH', 0.0100, 'net', 0.0005, 'whole', 'marginal', NULL, NULL),
       ('BTC_USDT', 'USDT', 'BTC', 0.001, 'leg', 0, 'marginal', 'whole', interval '1000 years', ''),
       ('BTC_USDT ', 'USDT', NULL, 1, 'larger', 0, 'marginal', 'whole', interval '1 hour', 'a trailing blank');
INSERT INTO house.contract_change (contract, valid_from, settle, base, contract_size)
VALUES ('ETH_USDT', '2990-01-01 00:00+00', 'ETH', NULL, 1);
INSERT INTO house.risk_tier (contract, valid_from, lower_bound, maintenance_rate, initial_rate)
VALUES ('ETH_USDT', '-infinity', 0, 0.005, NULL), ('ETH_USDT', '-infinity', 5000, 0.0100, NULL),
       ('BTC_USDT', '-infinity', 1000000, 0.01, 0.02), ('BTC_USDT', '-infinity', 0, 0.005, 0.01),
       ('BTC_USDT', '2990-01-01 00:00+00', 0, 0.5, 0.5), ('BTC_USDT ', '-infinity', 0, 0.01, 0.01);
INSERT INTO house.mark_price (contract, price, updated_at)
VALUES ('ETH_USDT', 3001.5, now()), ('BTC_USDT', 60100.0, '2020-01-01 00:00+00'), ('BTC_USDT ', 7, '2020-01-01 00:00+00');
INSERT INTO house.level_threshold (level, margin_ratio) VALUES ('liquidation', 1.10), ('warning', 0.5);
INSERT INTO house.initial_collateral_tier (asset, valid_from, lower_bound, ratio)
VALUES ('ETH', '-infinity', 0, 0.80), ('ETH', '-infinity', 1000000, 0.700), ('ETH', '2990-01-01 00:00+00', 0, 0.05);
UPDATE house.asset SET initial_liability_weight = 1.30 WHERE asset = 'USDT';
UPDATE house.contract SET opening_fee = 0.0010, tier_unit = 'contracts', order_maintenance = true WHERE contract = 'ETH_USDT';
UPDATE house.index_price SET low = 2999.5, high = 3000.50 WHERE asset = 'ETH';
INSERT INTO house.venue_rule VALUES ('orders_reduce_equity', 'margin'), ('held_prices_pause_levels', 'false');
INSERT INTO house.price_check (kind, symbol, floor, max_jump, jump_window) VALUES ('asset', 'BTC', 1000.0, 0.10, interval '1 minute'), ('contract', 'ETH_USDT', 0.5, NULL, NULL);
INSERT INTO house.reference_price VALUES ('asset', 'BTC', 'another', 60001.0, '2020-01-01 00:00+00');
SELECT FROM margin.set_prices('house', '{"assets": {"BTC": {"price": 900.0, "low": 850}}}');
INSERT INTO house.scenario (scenario, asset, contract, relative, price)
VALUES (E'o''dd\\N\té数', 'BTC', NULL, -0.250, NULL), (E'o''dd\\N\té数', 'USDT', NULL, NULL, 0.90), (E'o''dd\\N\té数', NULL, 'ETH_USDT', 0, NULL),
       ('still', NULL, NULL, 0.000, NULL), ('still', NULL, 'BTC_USDT ', NULL, 8);
INSERT INTO house.balance (account_id, asset, quantity)
VALUES (1, 'USDT', 10000.00), (1, 'BTC', 0.1), (2, 'BTC', 2), (2, 'USDT', -20000), (3, 'OLD', 1), (4, 'nowhere', 1), (5, E'o''dd\\N\té数', 1e-999),
       (-9223372036854775808, 'USDT', -1), (9223372036854775807, 'ZZZ', ('1' || repeat('0', 999))::numeric), (6, 'USDT', 100), (7, 'USDT', 0);
INSERT INTO house.position (account_id, contract, quantity, entry_price, leverage)
VALUES (1, 'BTC_USDT', -100, 59000, 20), (1, 'BTC_USDT', 300, 60500.5, NULL), (2, 'ETH_USDT', 50, 0, 3), (6, 'BTC_USDT', 1000, 60000, NULL),
       (8, 'BTC_USDT ', 1, 7, NULL), (9, 'BTC_USDT', 0, 1, NULL);
INSERT INTO house.open_order (account_id, order_id, contract, quantity, price, leverage)
VALUES (1, 'a', 'BTC_USDT', 10, 59000.50, 20), (1, E'o''dd\\N\té数', 'BTC_USDT', -5.5, 61000, NULL), (1, '', 'ETH_USDT', -1e-999, 3000.2500, 0.001),
       (8, 'a', 'BTC_USDT ', 0, 7, NULL), (9, 'a', 'nowhere', 0, 1, NULL);
INSERT INTO house.book_rule VALUES ('unrealized_gains_carry', 'false');
INSERT INTO house.repayment_rule (asset, rank, conversion_discount, threshold, repayment_ratio)
VALUES ('ETH', -1, 0.90, NULL, 1), ('USDT', NULL, 1, ('0.' || repeat('0', 999) || '1')::numeric, 0.10);
INSERT INTO house.repayment_entry (account_id, booked_at, house_account_id, forced, step, outcome, debt_asset, funding_asset, paid, repaid,
                                debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level)
SELECT 2, '2020-01-01 00:00:00.000001+00', -900, true, c.*
  FROM margin.repayment_plan('{"balances": {"USDT": -1, "ETH": 1}}', house.market(), house.repayment_rules()) AS c;
INSERT INTO house.interest_rate (asset, valid_from, hourly_rate, free_amount, method)
VALUES ('USDT', '-infinity', 0.0000100, 0, 'whole'), ('USDT', '2001-02-03 04:05:06.789012+00', ('0.' || repeat('0', 999) || '1')::numeric, 10.0, 'excess');
INSERT INTO house.accrual_house VALUES ('interest', -900), ('funding', 9223372036854775807);
INSERT INTO house.interest_hour VALUES ('2020-01-01 00:00+00', '2020-01-01 00:00:00.000001+00', 'keeper');
INSERT INTO house.funding_settlement VALUES ('BTC_USDT ', '2020-01-01 00:00+00', -0.00010, 7.0, 1, 'USDT', '2020-01-01 00:00:00.000001+00', 'keeper');
INSERT INTO house.accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, balance, rate, free_amount, method, booked_at)
VALUES (2, 'interest', 'USDT', '2020-01-01 00:00+00', 'USDT', -0.20, false, -20000.00, 0.0000100, 0, 'whole', '2020-01-01 00:00:00.000001+00'),
       (-900, 'interest', 'USDT', '2020-01-01 00:00+00', 'USDT', 0.2, true, NULL, 0.0000100, 0, 'whole', '2020-01-01 00:00:00.000001+00');
UPDATE house.balance SET quantity = quantity + 0.10 WHERE account_id = 1;

-- levels held, journals, a corrected price
UPDATE house.level_threshold SET release_ratio = 0.450 WHERE level = 'warning';
SELECT margin.refresh_levels('house');
SELECT margin.set_prices('house', '{"contracts": {"BTC_USDT": 59999.50}}', refresh => true);
SELECT margin.set_prices('house', '{"contracts": {"BTC_USDT": 60100.0}, "at": "2020-01-01 00:00+00"}', force => true, refresh => true);
INSERT INTO house.price_retention VALUES ('1 year 2 months 3 days');
UPDATE house.position SET quantity = 100.5 WHERE (account_id, contract, side) = (2, 'ETH_USDT', 'long');

-- tables as any other: columns, indexes, policies, keys, triggers of the owner's
ALTER TABLE house.balance ADD COLUMN note text DEFAULT 'none', ADD COLUMN opened timestamptz;
UPDATE house.balance SET note = 'first' WHERE account_id = 1;
ALTER TABLE house.asset ADD COLUMN listed boolean NOT NULL DEFAULT true;
CREATE INDEX balance_by_asset ON house.balance (asset) WHERE quantity < 0;
ALTER TABLE house.balance ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON house.balance TO writer USING (account_id = 1);
CREATE TABLE house.client (account_id bigint PRIMARY KEY, name text);
INSERT INTO house.client SELECT account_id, 'client ' || account_id FROM house.account;
ALTER TABLE house.position ADD CONSTRAINT position_client_fkey FOREIGN KEY (account_id) REFERENCES house.client;
CREATE TABLE house.seen (what text, n bigint);
CREATE FUNCTION house.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO house.seen VALUES (TG_TABLE_NAME, 1); RETURN NULL; END $$;
CREATE TRIGGER zz_see AFTER INSERT OR UPDATE ON house.balance FOR EACH ROW EXECUTE FUNCTION house.see();
CREATE PUBLICATION feed FOR TABLE house.balance;
CREATE SCHEMA uuids;
CREATE TABLE uuids.wallet (owner uuid, coin text, amount numeric) PARTITION BY HASH (owner);
CREATE TABLE uuids.wallet_0 PARTITION OF uuids.wallet FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE uuids.wallet_1 PARTITION OF uuids.wallet FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO uuids.wallet SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'USDT', n - 3 FROM generate_series(1, 9) AS n;
SELECT margin.create_book('uuids', 'house', balances => 'uuids.wallet', balance_account => 'owner', balance_asset => 'upper(coin)', balance_quantity => 'amount');
SELECT margin.guard_table('uuids', 'uuids.wallet', 'owner'), margin.enable_levels('uuids');
SELECT margin.enable_publishing('house', history => true);
CREATE SCHEMA pieces;
SELECT margin.create_book('pieces', market => 'house.published_market');
INSERT INTO pieces.balance VALUES (1, 'ETH', 2.50), (1, 'USDT', -100), (2, 'OLD', 1);
SELECT margin.enable_guard('house'), margin.enable_levels('house');
SELECT margin.prepare_snapshots('house', 1), margin.take_snapshot('house'), margin.take_snapshot('house', 'changes');
ALTER TABLE house.collateral_tier DISABLE TRIGGER journal;

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
    level margin.level, method margin.tier_method, tier_unit margin.tier_unit, netting margin.netting, side margin.side,
    equity numeric GENERATED ALWAYS AS (margin.equity(p, m)) STORED,
    CHECK (margin.level(p, m) <= 'unpriced')
);
CREATE INDEX ON desk.stored USING hash (m);
CREATE INDEX ON desk.stored ((margin.level(p, m)));
INSERT INTO desk.stored (id, p, m, s, r, v, a, c, level, method, tier_unit, netting, side)
SELECT row_number() OVER (ORDER BY account_id), p, m, 'whole {0: 0.004, 50000: 0.0050}', '{0: 0.90, 1: 0.80}',
       margin.evaluate(p, m), ARRAY(SELECT margin.assets(m)), ARRAY(SELECT margin.contracts(m)),
       'margin_call', 'whole', 'value', 'larger', 'short'
  FROM (SELECT account_id, portfolio AS p FROM house.account_portfolio) AS h,
       (SELECT house.market() AS m OFFSET 0) AS now
 WHERE p OPERATOR(margin.<>) '{}';
INSERT INTO desk.stored (id, p, m, s)
VALUES (100, '{}', '{}', '{0: 0}'), (101, NULL, NULL, NULL),
       (102, format('{"balances": {"a\"b\\c\n\té": 1e-999, "%s": -%s.%s}}', repeat('x', 255), repeat('9', 999), repeat('7', 999))::margin.portfolio,
        '{"levels": {"warning": 0.123456789012345678901234567890, "liquidation": 7}}',
        (SELECT margin.schedule(i, i) FROM generate_series(0, 999) AS i));
CREATE TABLE desk.own (id integer, note text);
INSERT INTO desk.own VALUES (1, 'kept');
CREATE VIEW desk.watch AS SELECT account_id, level, shortfall FROM house.account_margin WHERE level <> 'healthy';
CREATE VIEW desk.explained WITH (security_invoker = true) AS
SELECT a.*, c.asset, c.haircut AS haircut_of_asset FROM house.account_margin AS a JOIN house.account_collateral AS c USING (account_id);
CREATE VIEW desk.house AS
SELECT margin.rollup(p OPERATOR(margin.+) p)::text AS twice FROM desk.stored WHERE p OPERATOR(margin.<>) '{}';
CREATE FUNCTION desk.revalued() RETURNS TABLE (id integer, v margin.valuation) STABLE
BEGIN ATOMIC
    SELECT id, margin.evaluate(p, m) FROM desk.stored;
END;
GRANT USAGE ON SCHEMA house TO writer;
GRANT INSERT ON house.collateral_tier TO writer;
SQL

# Everything a reader could see, in an order of its own.
my @relations = (
	(map { "house.$_" } @tables), 'house.seen', 'house.client', 'uuids.wallet', 'uuids.account_level', 'uuids.account_margin', 'pieces.account_margin', 'pieces.account_stress',
	(map { "house.$_" } qw(holding account_margin undercollateralized unpriced account_collateral account_position account_order account_stress)),
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
		SELECT house.market(), house.market(timestamptz '1999-01-01 UTC'), house.market(timestamptz '2999-01-01 UTC')});
}

my $state = state_of('keeper', 'book');
is(as('keeper', 'book', 'SELECT level, count(*) FROM house.account_margin GROUP BY level ORDER BY level'),
	"healthy|6\nliquidation|1\nbankrupt|1\nunpriced|3", 'the book has accounts at several levels');
unlike(as('keeper', 'book', 'SELECT house.market()'), qr/"price": 5[,}]/, 'an expired price is no part of the market');
is(as('keeper', 'book', q{
	SELECT count(*) FROM (SELECT house.market() UNION SELECT house.market(timestamptz '1999-01-01 UTC')
	                      UNION SELECT house.market(timestamptz '2999-01-01 UTC')) AS m}),
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

# A dump without what differs each time: a key of psql's, and names that version
# 18 gives to NOT NULL and does not keep apart where a table is LIKE another.
sub dump_of
{
	my ($name, $database, @options) = @_;
	return quietly($name, 'keeper', $database, 'pg_dump', @options) =~
	  s/^\\(?:un)?restrict .*\n//gmr =~ s/ CONSTRAINT \w+_not_null\d* NOT NULL/ NOT NULL/gr;
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
		SELECT extowner::regrole, relowner::regrole FROM pg_extension, pg_class WHERE extname = 'margin' AND pg_class.oid = 'house.asset'::regclass}),
		"$owner|keeper", "$database: margin belongs to $owner, the book to its owner");
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
		SELECT tgname, tgenabled, tgdeferrable, tginitdeferred
		  FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
		 WHERE relnamespace = 'house'::regnamespace AND tgname ~ '(_shape|_lock|^zz_see)$' ORDER BY 1}),
		"collateral_tier_shape|O|t|t\ninitial_collateral_tier_shape|O|t|t\nlevel_threshold_lock|O|f|f\nlevel_threshold_shape|O|t|t\nliability_tier_shape|O|t|t\nrisk_tier_shape|O|t|t\nzz_see|O|f|f",
		"$database: triggers");
	is(as($owner, $database, q{SELECT relation, book, guard, levels FROM margin.guarded_tables() WHERE book <> 'pieces' ORDER BY relation::text}),
		"house.\"position\"|house|t|t\nhouse.balance|house|t|t\nhouse.open_order|house|t|t\nuuids.wallet|uuids|t|t", "$database: guard and levels are on");
	is(as($owner, $database, q{SELECT tgenabled FROM pg_trigger WHERE tgrelid = 'house.collateral_tier'::regclass AND tgname = 'journal'}), 'D',
		"$database: what was switched off stays off");
	is(as($owner, $database, q{SELECT tgname, tgenabled, count(*) FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = tgrelid
		 WHERE relnamespace = 'house'::regnamespace AND (tgname = 'publish' OR relname = 'published_market') GROUP BY 1, 2 ORDER BY 1, 2}), "publish|D|12\npublish|O|3\nrecord|O|1",
		"$database: prices are published, edits are not");
	is(as($owner, $database, q{SELECT tgenabled, count(*) FROM pg_trigger WHERE tgname IN ('market_changed', 'market_truncated') GROUP BY 1}), 'A|24',
		"$database: what fires always fires always");
	is(as($owner, $database, q{
		SELECT (SELECT count(*) FROM pg_indexes WHERE indexname = 'balance_by_asset'), (SELECT count(*) FROM pg_policies WHERE policyname = 'own_rows'),
		       (SELECT count(*) FROM pg_publication_tables), (SELECT relrowsecurity FROM pg_class WHERE oid = 'house.balance'::regclass),
		       (SELECT count(*) FROM pg_constraint WHERE conname = 'position_client_fkey')}),
		'1|1|1|t|1', "$database: index, policy, publication and key of the owner's");
	is(as($owner, $database, q{SELECT string_agg(object || ' ' || action, ', ') FROM (SELECT * FROM margin.upgrade_venue('house') UNION ALL SELECT * FROM margin.upgrade_book('house') UNION ALL SELECT * FROM margin.upgrade_book('uuids')) AS u}), '',
		"$database: venue and books are as this release makes them") if $owner eq 'keeper';

	for my $case (
		[ "INSERT INTO house.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 7, 0.99)", '23514' ],
		[ "INSERT INTO house.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', '2991-01-01', 7, 0.99)", '23514' ],
		[ "DELETE FROM house.collateral_tier WHERE asset = 'BTC' AND lower_bound = 0", '23514' ],
		[ "UPDATE house.liability_tier SET maintenance_rate = 0.01 WHERE asset = 'USDT' AND lower_bound = 1000", '23514' ],
		[ "UPDATE house.risk_tier SET initial_rate = NULL WHERE contract = 'BTC_USDT' AND lower_bound = 1000000", '23514' ],
		[ "INSERT INTO house.level_threshold VALUES ('margin_call', 0.4)", '23514' ],
		[ "INSERT INTO house.collateral_tier (asset, lower_bound, ratio) VALUES ('nowhere', 0, 1)", '23503' ],
		[ "DELETE FROM house.asset WHERE asset = 'USDT'", '23503' ],
		[ "INSERT INTO house.index_price (asset, price) VALUES ('BTC', 1)", '23505' ],
		[ "INSERT INTO house.scenario (scenario, relative) VALUES ('still', 0.1)", '23505' ],
		[ "UPDATE house.scenario SET relative = -1 WHERE asset = 'BTC'", '23514' ],
		[ "UPDATE house.mark_price SET price = 0", '23514' ],
		[ "UPDATE house.balance SET quantity = 'NaN'", '23514' ],
		[ "UPDATE house.position SET side = 'short'", 'accepted' ],
		[ "UPDATE house.balance SET quantity = quantity - 1 WHERE account_id = 6", 'MG001' ],
		[ "UPDATE uuids.wallet SET amount = amount - 1 WHERE amount = -2", 'MG001' ],
		[ "DELETE FROM house.client WHERE account_id = 6", '23503' ],
		[ "INSERT INTO house.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', -1, 1)", '23505' ],
		[ "UPDATE desk.stored SET r = '{0: 2}'", '23514' ],
		[ 'DELETE FROM house.level_event', '55000' ],
		[ 'TRUNCATE house.level_event', '55000' ],
		[ 'UPDATE house.index_price_history SET price = 1', '55000' ],
		[ 'DELETE FROM house.accrual_event', '55000' ],
		[ "SELECT margin.accrue_interest('house', '2020-01-01 00:30+00')", 'accepted' ],
		[ 'UPDATE house.mark_price_history SET price = 1', '55000' ],
		[ "INSERT INTO house.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 7, 0.965)", 'accepted' ],
		[ "UPDATE house.position SET quantity = -quantity WHERE account_id = 2 AND side = 'long'", 'accepted' ])
	{
		my ($sql, $expected) = @$case;
		is(refusal($owner, $database, $sql), $expected, "$database: $expected for $sql");
	}
	is(as($owner, $database, q{SELECT side FROM house.position WHERE account_id = 2}), 'short', "$database: the side follows the quantity");
	is(as($owner, $database, q{
		BEGIN;
		INSERT INTO house.balance VALUES (100, 'BTC', -1);
		SELECT note FROM house.balance WHERE account_id = 100;
		SELECT margin.refresh_levels('house', cause => 'restored') > 0;
		UPDATE house.index_price SET price = 60001.5 WHERE asset = 'BTC';
		SELECT count(*) FROM house.level_event WHERE cause = 'restored' AND account_id = 100
		   AND id > ALL (SELECT id FROM house.level_event WHERE cause <> 'restored');
		SELECT count(*) FROM house.index_price_history WHERE price = 60001.5;
		ROLLBACK}),
		"none\nt\n1\n1", "$database: the journals go on");
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
as('keeper', 'book', 'CREATE MATERIALIZED VIEW desk.snapshot AS SELECT account_id, level, equity FROM house.account_margin');
push @relations, 'desk.snapshot';
$state = state_of('keeper', 'book');
$schema = dump_of('dump of the schema', 'book', '--schema-only');

write_dumps();
my @psql = ('psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$directory/out", '-f', "$directory/book.sql");
my @pg_restore = ('pg_restore', '-e', "$directory/book.dump");
for my $case (
	[ 'plain', 'keeper', \@psql ],
	[ 'custom', 'keeper', \@pg_restore ],
	[ 'role', $superuser, [ @pg_restore, '--role=keeper' ] ],
	[ 'jobs', 'keeper', [ @pg_restore, '--jobs=4' ] ],
	[ 'sections', 'keeper', map { [ @pg_restore, "--section=$_" ] } qw(pre-data data post-data) ])
{
	my ($name, $role, @commands) = @$case;
	my $database = "${name}_keeper";
	create_database($database);
	quietly("$database: restore", $role, $database, @$_) for @commands;
	check_restored($database, 'keeper');
	check_dumped_again($database);
	check_guarded($database, 'keeper');
}

# The rows into tables that are there already.  PostgreSQL fires triggers then,
# unless it is told that the rows are replicated ones.
{
	my $database = 'rows_keeper';
	create_database($database);
	quietly("$database: schema", 'keeper', $database, @pg_restore, '--schema-only');
	$node->safe_psql('postgres', "ALTER DATABASE $database SET lc_messages = 'C'; GRANT SET ON PARAMETER session_replication_role TO keeper");
	local $ENV{PGOPTIONS} = '-c session_replication_role=replica';
	quietly("$database: rows", 'keeper', $database, @pg_restore, '--data-only');
	delete $ENV{PGOPTIONS};
	as('keeper', $database, 'REFRESH MATERIALIZED VIEW desk.snapshot');
	check_restored($database, 'keeper');
	check_guarded($database, 'keeper');
}

# One schema alone, into a database that has the extension and what it refers to.
{
	my $database = 'alone_keeper';
	create_database($database);
	as('keeper', $database, 'CREATE EXTENSION margin');
	quietly('dump of one schema', 'keeper', 'book', 'pg_dump', '-n', 'house', '-f', "$directory/house.sql");
	quietly("$database: restore", 'keeper', $database, 'psql', '-Xq', '-v', 'ON_ERROR_STOP=1', '-o', "$directory/out", '-f', "$directory/house.sql");
	is(as('keeper', $database, 'SELECT account_id, equity, level FROM house.account_margin ORDER BY 1'),
		as('keeper', 'book', 'SELECT account_id, equity, level FROM house.account_margin ORDER BY 1'), "$database: one schema alone");
	is(as('keeper', $database, 'SELECT book FROM margin.books'), 'house', "$database: is a book");
}

# The comparison does compare.
as('keeper', 'role_keeper', 'UPDATE house.risk_tier SET maintenance_rate = maintenance_rate / 2 WHERE valid_from > now()');
isnt(state_of('keeper', 'role_keeper'), $state, 'an edited tier would be noticed');

# ---------------------------------------------------------------------------
# DROP EXTENSION
# ---------------------------------------------------------------------------

is(refusal('stranger', 'plain_keeper', 'DROP EXTENSION margin CASCADE'), '42501', 'others cannot drop');
is(refusal('keeper', 'plain_keeper', 'DROP EXTENSION margin'), '2BP01', 'the owner cannot while objects depend');
is(refusal('keeper', 'plain_keeper', 'DROP EXTENSION margin CASCADE'), 'accepted', 'with CASCADE he can');
is(as('keeper', 'plain_keeper', q{
	SELECT string_agg(relname, ' ' ORDER BY relname) FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind IN ('r', 'v', 'm')}),
	'own stored', 'what depended is gone, tables stay');
is(as('keeper', 'plain_keeper', 'SELECT * FROM desk.own'), '1|kept', 'rows stay too');
is(as('keeper', 'plain_keeper', 'SELECT count(*) FROM desk.stored'), 12, 'without the columns of dropped types');
is(as('keeper', 'plain_keeper', "SELECT count(*) FROM house.$_"), as('keeper', 'book', "SELECT count(*) FROM house.$_"), "no row of $_ is lost")
  for qw(balance position open_order book_rule asset contract risk_tier index_price mark_price index_price_history parameter_event);
is(as('keeper', 'plain_keeper', q{
	SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = n.oid), (SELECT count(*) FROM pg_proc WHERE pronamespace = n.oid),
	       (SELECT count(*) FROM pg_type WHERE typnamespace = n.oid), (SELECT count(*) FROM pg_operator WHERE oprnamespace = n.oid),
	       (SELECT count(*) FROM pg_opclass WHERE opcnamespace = n.oid), (SELECT count(*) FROM pg_opfamily WHERE opfnamespace = n.oid)
	  FROM pg_namespace AS n WHERE nspname ~ '^margin'}),
	'', 'nothing of margin is left');
is(refusal('keeper', 'plain_keeper', 'CREATE EXTENSION margin'), 'accepted', 'it can be installed again');
is(as('keeper', 'plain_keeper', q{CREATE SCHEMA fresh; SELECT margin.create_venue('fresh'); SELECT margin.load_published('fresh')}), "\n3", 'and works');

# ---------------------------------------------------------------------------
# Others
# ---------------------------------------------------------------------------

is(refusal('stranger', 'book', 'SELECT * FROM house.asset'), '42501', 'PUBLIC may not look into a book');
is(as('stranger', 'book', q{SELECT margin.apply('{0: 0.9}', 10)}), 9, 'but use the functions');
is(as('keeper', 'book', q{
	SELECT relname, privilege_type FROM pg_class, aclexplode(relacl) WHERE relnamespace = 'house'::regnamespace AND grantee = 0 ORDER BY 1}),
	'', 'and has no right on a table');

# Readers, and the lot of them.
as('keeper', 'book', 'ALTER TABLE house.balance DISABLE ROW LEVEL SECURITY; GRANT USAGE ON SCHEMA house TO PUBLIC; GRANT SELECT ON ALL TABLES IN SCHEMA house TO PUBLIC; GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA house TO PUBLIC');
is(as('stranger', 'book', 'SELECT count(*) FROM house.account_margin'), 11, 'a reader by grant reads');
for my $table (@tables)
{
	my ($column) = as('keeper', 'book', qq{SELECT attname FROM pg_attribute WHERE attrelid = 'house.$table'::regclass AND attnum > 0 AND attidentity = '' ORDER BY attnum LIMIT 1});
	is(refusal('stranger', 'book', $_), '42501', "not for a reader: $_")
	  for "INSERT INTO house.$table ($column) VALUES (NULL)", "UPDATE house.$table SET $column = $column", "DELETE FROM house.$table",
	  "TRUNCATE house.$table CASCADE", "ALTER TABLE house.$table DISABLE TRIGGER USER";
}
is(refusal('stranger', 'book', $_), '42501', "not for a reader: $_")
  for q{SELECT margin.load_published('house')},
  'CREATE TABLE house.mine ()',
  "CREATE OR REPLACE VIEW house.unpriced AS SELECT * FROM house.account_margin",
  "ALTER FUNCTION house.lock_thresholds() OWNER TO stranger",
  "DROP VIEW house.undercollateralized";
as($superuser, 'book', 'GRANT CREATE ON SCHEMA public TO stranger');
as('stranger', 'book', 'CREATE TABLE public.bait (asset text, contract text, valid_from timestamptz)');
# With a grant too many he may hang them on a table of his own, where they do nothing.
for my $function (qw(check_tiers lock_thresholds check_thresholds record_prices record_parameter_event))
{
	is(refusal('stranger', 'book', "CREATE TRIGGER t AFTER INSERT ON public.bait FOR EACH ROW EXECUTE FUNCTION house.$function('asset'); INSERT INTO public.bait VALUES ('BTC')"),
		'42501', "$function works on tables of its owner alone");
	as('stranger', 'book', 'DROP TRIGGER IF EXISTS t ON public.bait');
	as('keeper', 'book', "REVOKE EXECUTE ON FUNCTION house.$function() FROM PUBLIC");
	is(refusal('stranger', 'book', "CREATE TRIGGER t AFTER INSERT ON public.bait FOR EACH ROW EXECUTE FUNCTION house.$function('asset')"),
		'42501', "nobody else puts $function on a table of his own");
}

# ---------------------------------------------------------------------------
# The installer is no superuser, and does not become one
# ---------------------------------------------------------------------------

is(refusal('keeper', 'book', $_), '42501', "not for the installer: $_")
  for 'ALTER FUNCTION margin.evaluate(margin.portfolio, margin.market) SECURITY DEFINER',
  'ALTER FUNCTION margin_internal.enter(regclass) RENAME TO bazaar',
  q{CREATE OR REPLACE FUNCTION margin.load_published(venue name) RETURNS integer LANGUAGE sql AS 'SELECT 1'},
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
ALTER TABLE house.asset RENAME TO asset_moved;
ALTER TABLE house.contract RENAME TO contract_moved;
ALTER TABLE house.level_threshold RENAME TO level_threshold_moved;
CREATE VIEW house.asset AS SELECT *, '0'::xid AS xmin FROM house.asset_moved WHERE desk.spy('asset');
CREATE VIEW house.contract AS SELECT *, '0'::xid AS xmin FROM house.contract_moved WHERE desk.spy('contract');
CREATE VIEW house.level_threshold AS SELECT * FROM house.level_threshold_moved WHERE desk.spy('level_threshold');
GRANT INSERT ON house.liability_tier, house.risk_tier, house.level_threshold_moved TO writer;
SQL
my $year = 3000;
for my $role ('keeper', 'writer', $superuser)
{
	$year++;
	is(refusal($role, 'book', $_), 'accepted', "$role: $_")
	  for "INSERT INTO house.collateral_tier VALUES ('BTC', '$year-01-01', 0, 0.5)",
	  "INSERT INTO house.liability_tier VALUES ('BTC', '$year-01-01', 0, 0.5)",
	  "INSERT INTO house.risk_tier VALUES ('BTC_USDT', '$year-01-01', 0, 0.5, 0.5)",
	  "INSERT INTO house.level_threshold_moved VALUES ('margin_call', 0.9)";
	as('keeper', 'book', "DELETE FROM house.level_threshold_moved WHERE level = 'margin_call'");
}
is(as('keeper', 'book', 'SELECT what, who, count(*) > 0 FROM desk.spied GROUP BY 1, 2 ORDER BY 1, 2'),
	"asset|keeper|t\ncontract|keeper|t\nlevel_threshold|keeper|t", 'triggers ran the code of the installer as the installer');

# CREATE EXTENSION itself runs as superuser.  It makes its schemas, so nobody
# has put decoys there; and what is in the schema that is current counts for
# nothing.
create_database('trap');
for my $schema ('margin', 'margin_internal')
{
	as('keeper', 'trap', "CREATE SCHEMA $schema");
	is(refusal('keeper', 'trap', 'CREATE EXTENSION margin'), '42P06', "no CREATE EXTENSION where there is a schema $schema");
	as('keeper', 'trap', "DROP SCHEMA $schema");
}
as('keeper', 'trap', q{
	CREATE SCHEMA decoys;
	CREATE FUNCTION decoys.taken(regclass, smallint) RETURNS boolean LANGUAGE plpgsql AS 'BEGIN ALTER ROLE keeper SUPERUSER; RETURN true; END';
	CREATE FUNCTION decoys.col_description(regclass, smallint) RETURNS text LANGUAGE plpgsql AS 'BEGIN ALTER ROLE keeper SUPERUSER; RETURN NULL; END';
	CREATE FUNCTION decoys.format(text, name, text) RETURNS text LANGUAGE plpgsql AS 'BEGIN ALTER ROLE keeper SUPERUSER; RETURN NULL; END';
	CREATE TYPE decoys.level AS ENUM ()});
is(refusal('keeper', 'trap', 'SET search_path = decoys; CREATE EXTENSION margin'), 'accepted', 'decoys on the search path');
is(as('keeper', 'trap', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'keeper'}), 'f', 'nobody has become superuser');
is(refusal('keeper', 'trap', q{CREATE SCHEMA house; SELECT margin.create_book('house'); SELECT margin.load_published('house')}), 'accepted', 'it works');

$node->stop;
done_testing();
