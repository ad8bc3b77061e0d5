# Nobody learns an amount that he may not read: not from an error, its fields or
# its context, nor from a notification, a statistic, a plan or another session's
# query.
#
# Every amount in the book has the fraction .070713, prices and ratios are 1, and
# whatever is written here is whole: so sums and differences of up to nine amounts
# bear a mark, and no mark is to be found in what is said to those who may not read.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";
use MarginCalls qw(calls reads writes in_transactions);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $marks = join '|', map { my $part = 70713 * $_ % 1000000; sprintf '%06d|%06d', $part, 1000000 - $part } 1 .. 9;
my $marked = qr/[.](?:$marks)/;

my $node = PostgreSQL::Test::Cluster->new('amounts');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'pg_stat_statements'\nlog_statement = none");
$node->start;
# nosy has no rights but to enter the schemas; teller writes and reads only keys; viewer may read
# one view; client reads his own rows, which bear no mark, and writes all; booker may record
$node->safe_psql('postgres', join ';', 'CREATE ROLE keeper LOGIN', 'CREATE DATABASE book OWNER keeper', map { "CREATE ROLE $_ LOGIN" } qw(nosy teller viewer client booker));

# Runs SQL as a role, which must succeed.
sub as
{
	my ($role, $sql) = @_;
	return $node->safe_psql('book', $sql, extra_params => [ '-U', $role ]);
}

# All that a role is told while it runs SQL.
sub told
{
	my ($role, $sql) = @_;
	my ($status, $out, $err) = $node->psql('book', $sql, on_error_stop => 0, extra_params => [ '-U', $role, '-v', 'VERBOSITY=verbose', '-v', 'SHOW_CONTEXT=always' ]);
	return "$out\n$err";
}

# What a role is told has no mark in it, and is what is meant.
sub keeps_silent
{
	my ($role, $sql, $name, $expected) = @_;
	my $said = told($role, $sql);
	my @leaks = grep { /$marked/ } split /\n/, $said;
	is(join("\n", @leaks[ 0 .. ($#leaks > 4 ? 4 : $#leaks) ]), '', "$role: $name");
	like($said, $expected, "$role: $name: as meant") if defined $expected;
	return $said;
}

$node->safe_psql('book', 'CREATE EXTENSION pg_stat_statements');
as('keeper', <<'SQL');
CREATE EXTENSION margin;
CREATE SCHEMA mkt;
SELECT margin.create_venue('mkt');
INSERT INTO mkt.asset (asset) VALUES ('USD'), ('EUR');
INSERT INTO mkt.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('EUR', 0, 1);
INSERT INTO mkt.index_price (asset, price) VALUES ('USD', 1), ('EUR', 1);
INSERT INTO mkt.contract (contract, settle, base, contract_size) VALUES ('FUT', 'USD', 'EUR', 1);
INSERT INTO mkt.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.5, 1);
INSERT INTO mkt.mark_price (contract, price) VALUES ('FUT', 1);
-- accounts that are sound, that lack something, that cannot be valued; client's own
CREATE FUNCTION public.fill(book text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('INSERT INTO %I.balance VALUES (''ann'', ''USD'', 51113.070713), (''bob'', ''USD'', -7713.070713), (''cid'', ''USD'', 41113.070713), (''cid'', ''EUR'', -7713.070713),
        (''dan'', ''MOON'', 31113.070713), (''client'', ''USD'', 100)', book);
    EXECUTE format('INSERT INTO %I.position (account_id, contract, quantity, entry_price, leverage) VALUES (''ann'', ''FUT'', 17713.070713, 1, 5), (''cid'', ''FUT'', -213.070713, 1, NULL)', book);
    EXECUTE format('INSERT INTO %I.open_order VALUES (''cid'', ''o1'', ''FUT'', 113.070713, 1, 5)', book);
END $$;
CREATE SCHEMA desk;
SELECT margin.create_book('desk', 'mkt', account_type => 'text');
SELECT public.fill('desk');
SELECT margin.prepare_snapshots('desk');
SELECT margin.refresh_levels('desk'), margin.take_snapshot('desk');
SELECT margin.enable_guard('desk'), margin.enable_levels('desk');
-- what statistics are made of
CREATE INDEX ON desk.balance ((quantity + 1));
CREATE INDEX ON desk.account_level ((portfolio));
CREATE STATISTICS desk.pairs (mcv) ON account_id, quantity FROM desk.balance;
ANALYZE desk.balance, desk.position, desk.account_level, desk.level_event, desk.account_snapshot;

-- books whose owner has put something in the way of what is written for him
CREATE SCHEMA strict;
SELECT margin.create_book('strict', 'mkt', account_type => 'text');
SELECT public.fill('strict'), margin.refresh_levels('strict'), margin.enable_levels('strict');
ALTER TABLE strict.level_event ADD CONSTRAINT rich CHECK (to_level < 'bankrupt') NOT VALID;
ALTER TABLE strict.account_level ADD CONSTRAINT anchored CHECK (account_id <> 'ann' OR epoch >= -1) NOT VALID;
CREATE UNIQUE INDEX once ON strict.level_event (account_id, equity) WHERE account_id = 'cid';
CREATE SCHEMA exact;
SELECT margin.create_book('exact', 'mkt', account_type => 'text');
SELECT public.fill('exact'), margin.enable_guard('exact');
ALTER TABLE exact.guard_exception ADD CONSTRAINT none CHECK (available_margin > 0);

-- and one over rows that cannot be taken for what they should be
CREATE SCHEMA rough;
CREATE TABLE rough.wallet (id int, client text, coin text, amount text, entry numeric, CONSTRAINT wallet_pkey PRIMARY KEY (id));
CREATE VIEW rough.deal AS SELECT client, coin AS contract, length(coin)::numeric AS quantity, entry AS entry_price FROM rough.wallet WHERE coin LIKE 'FUT%';
CREATE VIEW rough.money AS SELECT client AS account_id, coin AS asset, amount::numeric AS quantity FROM rough.wallet WHERE coin NOT LIKE 'FUT%';
SELECT margin.create_book('rough', 'mkt', 'rough.money', 'rough.deal', balance_account => 'account_id', position_account => 'client', position_leverage => NULL);
INSERT INTO rough.wallet VALUES (1, 'ann', 'USD', '51113.070713 ', NULL), (2, 'bob', 'USD', '51113.070713 or so', NULL), (3, 'cid', 'FUT', NULL, -17713.070713);
SELECT margin.guard_table('rough', 'rough.wallet', 'client');

GRANT USAGE ON SCHEMA mkt, desk, strict, exact, rough TO nosy, teller, viewer, client, booker;
GRANT SELECT ON desk.account_margin TO viewer;
CREATE VIEW desk.verdict WITH (security_barrier = true) AS SELECT account_id, level FROM desk.account_margin;
GRANT SELECT ON desk.verdict TO viewer;
GRANT INSERT, UPDATE, DELETE ON desk.balance, desk.position, desk.open_order, strict.balance, exact.balance, rough.wallet TO teller, booker, client;
GRANT SELECT (account_id, asset) ON desk.balance, strict.balance, exact.balance TO teller, booker;
GRANT SELECT (id, client) ON rough.wallet TO teller;
GRANT SELECT ON desk.balance, desk.position, desk.open_order, desk.holding, desk.account_portfolio, desk.account_margin TO client;
GRANT EXECUTE ON FUNCTION mkt.market() TO viewer, teller, client;
ALTER TABLE desk.balance ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.position ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.open_order ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON desk.balance FOR SELECT TO client USING (account_id = current_user);
CREATE POLICY own ON desk.position FOR SELECT TO client USING (account_id = current_user);
CREATE POLICY own ON desk.open_order FOR SELECT TO client USING (account_id = current_user);
CREATE POLICY writing ON desk.balance TO client, teller, booker USING (account_id = current_user OR current_user <> 'client') WITH CHECK (true);
CREATE POLICY writing ON desk.position FOR INSERT TO client, teller, booker WITH CHECK (true);
CREATE POLICY writing ON desk.open_order FOR INSERT TO client, teller, booker WITH CHECK (true);
SQL
$node->safe_psql('book', 'GRANT SET ON PARAMETER margin.guard TO booker');

# The marks are where they should be, or nothing below means anything.
like(as('keeper', $_), $marked, "marked: $_") for 'TABLE desk.account_margin', 'TABLE desk.level_event', 'SELECT portfolio FROM desk.account_level', 'TABLE desk.account_snapshot',
  q{SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'balance_expr_idx'};

# ---------------------------------------------------------------------------
# Errors
# ---------------------------------------------------------------------------

my %refusals = (
	'a withdrawal' => [ q{INSERT INTO desk.balance VALUES ('ann', 'EUR', -60000)}, 'MG001' ],
	'one in debt' => [ q{INSERT INTO desk.balance VALUES ('bob', 'EUR', -1)}, 'MG001' ],
	'a position' => [ q{INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES ('cid', 'FUT', 90000, 1)}, 'MG001' ],
	'an order' => [ q{INSERT INTO desk.open_order VALUES ('cid', 'o2', 'FUT', 90000, 1, 1)}, 'MG001' ],
	'an unpriced account' => [ q{INSERT INTO desk.balance VALUES ('dan', 'EUR', -1)}, 'MG002' ],
	'judged early' => [ q{BEGIN; INSERT INTO desk.balance VALUES ('ann', 'EUR', -60000); SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK}, 'MG001' ],
	'a key twice' => [ q{INSERT INTO desk.balance VALUES ('ann', 'USD', 1)}, '23505' ],
	'no account' => [ q{INSERT INTO desk.balance (asset, quantity) VALUES ('USD', 1)}, '23502|42501' ],
	'a side that is wrong' => [ q{INSERT INTO desk.position (account_id, contract, quantity, side, entry_price) VALUES ('eve', 'FUT', 0, 'long', -1)}, '23514|MG00\d|42501' ],
	'a check on levels' => [ q{INSERT INTO strict.balance VALUES ('ann', 'EUR', -900000)}, '23514' ],
	'a check on what is kept' => [ q{INSERT INTO strict.balance VALUES ('ann', 'EUR', 1)}, '23514' ]);
for my $role ('teller', 'client', 'booker')
{
	for my $name (sort keys %refusals)
	{
		my ($sql, $state) = @{ $refusals{$name} };
		keeps_silent($role, $sql, $name, qr/ERROR:  (?:$state):/);
	}
	keeps_silent($role, 'UPDATE desk.balance SET quantity = -1', 'all at once', qr/ERROR:  MG00\d:|UPDATE 1/);
	keeps_silent($role, qq{DO \$\$ DECLARE f text[] := '{}'; m text; d text; h text; c text; BEGIN $refusals{'a check on levels'}[0]; SET CONSTRAINTS ALL IMMEDIATE;
		EXCEPTION WHEN OTHERS THEN GET STACKED DIAGNOSTICS m = MESSAGE_TEXT, d = PG_EXCEPTION_DETAIL, h = PG_EXCEPTION_HINT, c = PG_EXCEPTION_CONTEXT;
		RAISE NOTICE 'caught: % % % %', m, d, h, c; END \$\$}, 'caught', qr/caught: an account of book "strict" cannot be judged/);
}
keeps_silent('booker', q{BEGIN; SET LOCAL margin.guard = record; INSERT INTO exact.balance VALUES ('ann', 'EUR', -60000); COMMIT}, 'a check on what is recorded', qr/ERROR:  23514: an account of book "exact"/);
keeps_silent('teller', q{UPDATE rough.wallet SET coin = 'USD' WHERE id = 1}, 'what casts');
keeps_silent('teller', q{UPDATE rough.wallet SET coin = 'EUR' WHERE id = 2}, 'what does not cast', qr/ERROR:  22P02: an account of book "rough" cannot be judged\nDETAIL:  Why is shown only to roles/);
keeps_silent('teller', q{UPDATE rough.wallet SET coin = 'FUTURE' WHERE id = 3}, 'no entry price', qr/ERROR:  22\w+: an account of book "rough" cannot be judged/);
as('keeper', q{CREATE FUNCTION rough.worth(amount numeric) RETURNS numeric STABLE LANGUAGE plpgsql AS $$DECLARE r numeric; BEGIN SELECT amount INTO STRICT r WHERE amount < 100; RETURN r; END$$;
	CREATE OR REPLACE VIEW rough.money AS SELECT client AS account_id, coin AS asset, rough.worth(amount::numeric) AS quantity FROM rough.wallet WHERE coin NOT LIKE 'FUT%'});
keeps_silent('teller', q{SET plpgsql.print_strict_params = on; UPDATE rough.wallet SET coin = 'EUR' WHERE id = 1}, 'what is not found', qr/ERROR:  P0002: an account of book "rough" cannot be judged/);
# whoever may read is told as the server tells it
like(told('keeper', $refusals{'a check on levels'}[0]), qr/violates check constraint "rich"\nDETAIL:  Failing row contains/, 'the owner is told');
like(told('keeper', q{UPDATE rough.wallet SET coin = 'EUR' WHERE id = 2}), qr/22P02: invalid input syntax for type numeric: "51113.070713 or so"/, 'the owner is told of a cast');
like(slurp_file($node->logfile), qr/ERROR:  an account of book "rough" cannot be judged\n.*DETAIL:  invalid input syntax for type numeric: "51113.070713 or so"/, 'and the log');

# ---------------------------------------------------------------------------
# Whatever can be called and read
# ---------------------------------------------------------------------------

my $everything = in_transactions((map { calls($node, 'book', 'margin,margin_internal', @$_) } [ 'desk', 'mkt' ]), calls($node, 'book', 'desk,mkt', 'desk', 'mkt'),
	reads($node, 'book', 'desk,mkt,margin'), writes($node, 'book', 'desk'));
for my $role ('nosy', 'teller', 'viewer', 'client')
{
	keeps_silent($role, $everything, 'everything', qr/permission denied/);
}
keeps_silent('viewer', q{CREATE FUNCTION pg_temp.tell(text, margin.level) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS $$BEGIN RAISE NOTICE '% %', $1, $2; RETURN true; END$$;
	SELECT * FROM desk.verdict WHERE pg_temp.tell(account_id, level)}, 'a function that tells', qr/permission denied/);

# ---------------------------------------------------------------------------
# Notifications, statistics, other sessions, plans
# ---------------------------------------------------------------------------

{
	my $ear = $node->background_psql('book', on_error_stop => 0, extra_params => [ '-U', 'nosy' ]);
	$ear->query_safe('LISTEN margin_level; LISTEN margin_price');
	as('keeper', q{INSERT INTO desk.balance VALUES ('bob', 'EUR', 90000); SELECT margin.refresh_levels('desk');
		INSERT INTO mkt.price_check (kind, symbol, max_jump) VALUES ('asset', 'EUR', 0.1);
		SELECT margin.set_prices('mkt', '{"assets": {"EUR": 2.070713}}')});
	my $heard = $ear->query('SELECT 1');
	like($heard, qr/"margin_level"(?s:.*)"margin_price"|"margin_price"(?s:.*)"margin_level"/, 'anybody hears of levels, and of prices that are held');
	unlike($heard, $marked, 'not of amounts');
	$ear->quit;
}
for my $role ('nosy', 'teller', 'viewer', 'client')
{
	keeps_silent($role, 'TABLE pg_stats; TABLE pg_stats_ext; TABLE pg_stats_ext_exprs; TABLE pg_statistic; TABLE pg_statistic_ext_data', 'statistics', qr/permission denied/);
	keeps_silent($role, 'TABLE pg_stat_activity; TABLE pg_stat_statements; TABLE pg_prepared_statements; TABLE pg_cursors; TABLE pg_locks; TABLE margin.progress', 'activity', qr/<insufficient privilege>/);
	keeps_silent($role, join(';', map { "EXPLAIN (VERBOSE) SELECT * FROM desk.$_ WHERE account_id = 'ann'" } 'balance', 'account_margin', 'account_level', 'verdict'), 'plans', qr/./);
}
is(as('keeper', q{SELECT p.oid::regprocedure FROM pg_proc AS p WHERE p.proleakproof AND p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk', 'mkt')}), '',
	'the planner asks no function of ours about rows that are not to be seen');
# what is done for the owner is not shown to whoever lets the server show him what it does
$node->safe_psql('book', q{ALTER DATABASE book SET session_preload_libraries = 'auto_explain'; ALTER DATABASE book SET auto_explain.log_min_duration = 0;
	ALTER DATABASE book SET auto_explain.log_nested_statements = on; ALTER DATABASE book SET auto_explain.log_verbose = on; ALTER DATABASE book SET auto_explain.log_analyze = on});
for my $role ('teller', 'client')
{
	my $said = keeps_silent($role, join(';', q{SET client_min_messages = log; SET debug_print_plan = on; SET debug_print_parse = on; SET debug_print_rewritten = on; SET plpgsql.print_strict_params = on; SET log_executor_stats = off},
		(map { $refusals{$_}[0] } sort keys %refusals), q{INSERT INTO desk.balance VALUES ('ann', 'GBP', 1)}), 'with plans and debugging shown', qr/LOG:/);
	is(join("\n", grep { /account_portfolio|account_level|level_event/ && !/^TABLE NAME:/ } split /\n/, $said), '', "$role: nothing is seen of what is done for the owner");
}
$node->safe_psql('book', "ALTER DATABASE book RESET ALL");

# ---------------------------------------------------------------------------
# Checks of whole schedules
# ---------------------------------------------------------------------------

# who enters a row of a schedule learns nothing of the other rows
as('keeper', q{INSERT INTO mkt.asset (asset) VALUES ('GBP'); INSERT INTO mkt.collateral_tier (asset, lower_bound, ratio) VALUES ('GBP', 0, 0.070713);
	INSERT INTO mkt.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('GBP', '2100-01-01', 0, 0.5), ('GBP', '2100-01-01', 1, 0), ('GBP', '2100-02-01', 0, 0.070713), ('GBP', '2100-02-01', 5, 0);
	INSERT INTO mkt.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('GBP', 0, 0.070713); INSERT INTO mkt.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 1000000000, 1.070713, 2.070713);
	INSERT INTO mkt.level_threshold (level, margin_ratio, release_ratio) VALUES ('liquidation', 1.070713, 0.929287);
	GRANT INSERT, UPDATE, DELETE ON mkt.collateral_tier, mkt.liability_tier, mkt.risk_tier, mkt.level_threshold TO teller; GRANT SELECT (asset, lower_bound, valid_from) ON mkt.collateral_tier TO teller});
my %shapes = (
	'a ratio that rises' => q{INSERT INTO mkt.collateral_tier (asset, lower_bound, ratio) VALUES ('GBP', 9, 1)},
	'a rate that falls' => q{INSERT INTO mkt.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('GBP', 9, 0)},
	'rates that fall' => q{INSERT INTO mkt.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 2000000000, 1, 3)},
	'a threshold above the next' => q{INSERT INTO mkt.level_threshold (level, margin_ratio) VALUES ('margin_call', 2)},
	'a release ratio above the next' => q{INSERT INTO mkt.level_threshold (level, margin_ratio, release_ratio) VALUES ('margin_call', 1, 1)});
for my $name (sort keys %shapes)
{
	keeps_silent('teller', $shapes{$name}, $name, qr/ERROR:  23514: .*(?:not as the rows of a schedule have to be|not in order)/);
	like(told('keeper', $shapes{$name}), $marked, "the owner is told of $name");
}
keeps_silent('teller', q{DELETE FROM mkt.collateral_tier WHERE asset = 'GBP' AND valid_from = '2100-02-01' AND lower_bound = 5}, 'a cap that is gone', qr/NOTICE:.*the cap is gone\nDETAIL:  The last tier counts, without/);

# Nothing of ours that is no error goes into the log.
is(join("\n", grep { /(?:LOG|WARNING|NOTICE|INFO):/ && !/duration:/ && /$marked/ } split /\n/, slurp_file($node->logfile)), '', 'no message in the log tells an amount');

$node->stop;
done_testing();
