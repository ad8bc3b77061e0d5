# A session may be set as it likes, and schemas and roles be called what they
# like: the extension is installed, a venue and books are made, used, upgraded and
# dropped under each of a number of settings, by a role and in schemas whose
# names need quotes.  What comes out is the same each time, and nothing warns.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('settings');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

# Settings of the database, so that every session has them, those of helpers too.
my @variants = (
	[ 'as they are' ],
	[ 'strings of old', standard_conforming_strings => 'off' ],
	[ 'all identifiers quoted', quote_all_identifiers => 'on' ],
	[ 'dates of Germany, intervals of SQL', DateStyle => 'German, DMY', TimeZone => 'Asia/Kolkata', IntervalStyle => 'sql_standard' ],
	[ 'a path to elsewhere', search_path => 'decoy, pg_catalog', IntervalStyle => 'iso_8601', DateStyle => 'SQL, DMY', TimeZone => 'America/St_Johns',
		max_parallel_workers_per_gather => 2, parallel_setup_cost => 0, parallel_tuple_cost => 0, min_parallel_table_scan_size => 0 ],
	[ 'no search path, a client of Latin 1', search_path => '', transform_null_equals => 'on', extra_float_digits => '-15', bytea_output => 'escape', PGCLIENTENCODING => 'LATIN1' ],
	[ 'all of it', standard_conforming_strings => 'off', quote_all_identifiers => 'on', IntervalStyle => 'sql_standard', DateStyle => 'German, DMY',
		search_path => '', transform_null_equals => 'on', extra_float_digits => '-15', PGCLIENTENCODING => 'LATIN1' ]);

$node->safe_psql('postgres', q{
	CREATE ROLE "risk-owner" LOGIN;
	CREATE EXTENSION margin;
	LOAD 'margin';
	GRANT SET ON PARAMETER margin.guard TO "risk-owner"});

# The tour is in Latin 1 where the client is.
my $tour = slurp_file(__FILE__) =~ s/.*^__END__\n//msr;

sub run_tour
{
	my ($name, $database, %settings) = @_;
	my $encoding = delete $settings{PGCLIENTENCODING};
	$node->safe_psql('postgres', qq{CREATE DATABASE "$database" OWNER "risk-owner"});
	$node->safe_psql('postgres', qq{ALTER DATABASE "$database" SET $_ = } . ($_ eq 'search_path' || $_ eq 'DateStyle' ? ($settings{$_} || q{''}) : "'$settings{$_}'")) for sort keys %settings;
	local $ENV{PGCLIENTENCODING} = $encoding // 'UTF8';

	# Without a schema for it PostgreSQL asks for one on the path, though nothing is put there.
	my ($status, $out, $err) = $node->psql($database, q{
		CREATE EXTENSION margin SCHEMA public;
		CREATE SCHEMA decoy; GRANT USAGE ON SCHEMA decoy TO PUBLIC;
		CREATE TABLE decoy.asset (asset text); CREATE TABLE decoy.balance (x int); CREATE TABLE decoy.index_price (x int)});
	is($status, 0, "$name: installed");
	is($err, '', "$name: without complaint");

	($status, $out, $err) = $node->psql($database, $encoding ? $tour =~ s/\xc3\x9c/\xdc/gr : $tour,
		extra_params => [ '-U', 'risk-owner', '-v', 'ON_ERROR_STOP=1' ], on_error_stop => 1, timeout => 180);
	is($status, 0, "$name: everything runs");
	is($err, '', "$name: nothing warns");
	return $encoding ? $out =~ s/\xdc/\xc3\x9c/gr : $out;
}

my $expected;
for my $i (0 .. $#variants)
{
	my ($name, @settings) = @{ $variants[$i] };
	my $got = run_tour($name, "set $i", @settings);
	$expected //= $got;
	is($got, $expected, "$name: the same comes out") if $i > 0;
}
like($expected, qr/^dropped: 0$/m, 'the tour has come to its end');

# ---------------------------------------------------------------------------
# What the tour may have left out: functions that are read in the session of
# the caller say nothing else to one in which a backslash is an escape.
# ---------------------------------------------------------------------------

is($node->safe_psql('set 0', q{
	SELECT string_agg(oid::regprocedure::text, ' ') FROM pg_proc
	 WHERE pronamespace IN ('margin'::regnamespace, 'margin_internal'::regnamespace) AND prosqlbody IS NULL
	   AND prolang IN (SELECT oid FROM pg_language WHERE lanname IN ('sql', 'plpgsql'))
	   AND regexp_replace(prosrc, E'\\\\mE''([^''\\\\\\\\]|\\\\\\\\.|'''')*''', '', 'g') LIKE '%\\\\%'
	 GROUP BY ()}), '', 'no literal with a backslash is without its E');

$node->stop;
done_testing();

__END__
CREATE SCHEMA "my desk";
CREATE SCHEMA "my ""shop""";
SELECT margin.create_venue('my desk');
SELECT margin.create_book('my desk'), margin.load_published('my desk'), margin.load_scenarios('my desk');
INSERT INTO "my desk".asset (asset, max_age) VALUES ('Ü', interval '1 year 2 months 3 days 04:05:06.789');
INSERT INTO "my desk".collateral_tier (asset, lower_bound, ratio) VALUES ('Ü', 0, 0.5);
INSERT INTO "my desk".contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);
INSERT INTO "my desk".risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
VALUES ('BTC_USDT', 0, 0.005, 0.01), ('BTC_USDT', 1000000, 0.01, 0.02);
SELECT applied, ignored, rejected FROM margin.set_prices('my desk', '{"assets": {"BTC": "60000", "USDT": 1, "Ü": " 2.50 ", "XYZ": 1, "USDC": "none"}, "at": 1767225600000}');
SELECT applied, ignored, rejected FROM margin.set_prices('my desk', '{USDC}', '{1}', '{BTC_USDT}', '{60100}');
SELECT applied, ignored, rejected FROM margin.set_prices('my desk', ARRAY['USDC'], ARRAY[0], at => '2026-01-01 00:00+00');
SELECT updated_at = timestamptz '2026-01-01 00:00+00' FROM "my desk".index_price WHERE asset = 'Ü';

-- a book of its own tables
INSERT INTO "my desk".balance (account_id, asset, quantity)
VALUES (1, 'USDT', 10000), (1, 'BTC', 2), (1, 'Ü', 3), (2, 'USDT', 1000), (3, 'BTC', 0.5), (3, 'USDT', -20000), (4, 'PEPE', 1);
INSERT INTO "my desk".position (account_id, contract, quantity, entry_price, leverage)
VALUES (1, 'BTC_USDT', 1500, 60500, 20), (2, 'BTC_USDT', -1900, 59800, NULL), (3, 'BTC_USDT', -100, 60100, NULL);
SELECT * FROM "my desk".account_margin ORDER BY account_id;
SELECT account_id, account_margin.level FROM "my desk".undercollateralized AS account_margin ORDER BY 1;
SELECT * FROM "my desk".explain_text(2);
SELECT * FROM "my desk".explain(3);
SELECT * FROM "my desk".account_collateral ORDER BY account_id, asset;
SELECT * FROM "my desk".account_position ORDER BY account_id, contract;
SELECT count(*) FROM "my desk".account_stress;
SELECT "my desk".market();
SELECT "my desk".market()::text::margin.market OPERATOR(margin.=) "my desk".market();
SELECT portfolio, portfolio::text::margin.portfolio OPERATOR(margin.=) portfolio FROM "my desk".account_portfolio ORDER BY account_id;

-- a book over tables of somebody's
CREATE TABLE "my ""shop"""."the wallet" ("Customer No" text, coin text, amount numeric, PRIMARY KEY ("Customer No", coin));
INSERT INTO "my ""shop"""."the wallet" VALUES ('an''na', 'BTC', 0.5), ('an''na', 'USDT', -9000), (E'b\\ob', 'USDT', 1000);
SELECT margin.create_book('my "shop"', 'my desk', balances => '"my ""shop"""."the wallet"',
    balance_account => 'Customer No', balance_asset => 'coin', balance_quantity => 'CASE WHEN amount > 0 THEN amount ELSE 1 * amount END');
SELECT margin.guard_table('my "shop"', '"my ""shop"""."the wallet"', 'Customer No');
SELECT * FROM "my ""shop""".account_margin ORDER BY account_id;
SELECT book, venue, release FROM margin.books ORDER BY book;
SELECT c.relname, account_column, book, guard, levels FROM margin.guarded_tables() AS g JOIN pg_catalog.pg_class AS c ON c.oid = g.relation ORDER BY 1, 3;

-- levels and guard
SELECT margin.refresh_levels('my desk'), margin.refresh_levels('my "shop"');
SELECT margin.enable_levels('my desk'), margin.enable_levels('my "shop"');
SELECT margin.enable_guard('my desk'), margin.enable_guard('my "shop"');
DO $$
DECLARE
    said text;
    detail text;
BEGIN
    BEGIN
        UPDATE "my desk".balance SET quantity = -50000 WHERE account_id = 3 AND asset = 'USDT';
        SET CONSTRAINTS ALL IMMEDIATE;
        RAISE EXCEPTION 'not guarded';
    EXCEPTION WHEN SQLSTATE 'MG001' THEN
        GET STACKED DIAGNOSTICS said = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        PERFORM set_config('tour.said', said || ' ' || detail, false);
    END;
END
$$;
SELECT current_setting('tour.said');
UPDATE "my ""shop"""."the wallet" SET amount = amount - 1 WHERE "Customer No" = 'an''na' AND coin = 'USDT';
SELECT applied, level_changes, not_refreshed, rejected FROM margin.set_prices('my desk', '{"assets": {"BTC": 20000}, "contracts": {"BTC_USDT": 20000}}', refresh => true);
SELECT account_id, from_level, to_level, equity, prices, cause, changed_by FROM "my desk".level_event ORDER BY id;
SELECT account_id, from_level, to_level, equity, prices, cause, changed_by FROM "my ""shop""".level_event ORDER BY id;
BEGIN;
SET LOCAL margin.guard = record;
SELECT outcome, funding_asset, paid, repaid, level FROM "my desk".repay(3, 900);
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;
SELECT account_id, asset, quantity FROM "my desk".balance WHERE account_id IN (3, 900) ORDER BY 1, 2;
SELECT count(*) FROM "my desk".repayment_entry;
SELECT account_id FROM "my desk".guard_exception ORDER BY 1;
SELECT margin.refresh_account_levels('my "shop"', E'{an''na,b\\\\ob}');

-- parameters in time; their journal tells the same in whatever session
INSERT INTO "my desk".asset_change (asset, valid_from, max_age) VALUES ('USDC', '2100-01-01 00:00+00', interval '-1 mon +40 days 01:00');
SELECT parameter, symbol FROM "my desk".planned_change;
SELECT * FROM "my desk".report_impact;
SELECT parameter, symbol, before, after, changed_by FROM "my desk".parameter_event WHERE symbol IN ('USDC', 'Ü') ORDER BY id;
DELETE FROM "my desk".asset_change;
SELECT "my desk".past_market(pg_catalog.clock_timestamp()) OPERATOR(margin.=) "my desk".market();
INSERT INTO "my desk".price_retention VALUES ('1 day');
SELECT margin.prune_price_history('my desk');

-- snapshots, reports, runs
SELECT margin.prepare_snapshots('my desk', 3);
SELECT margin.take_snapshot('my desk') < pg_catalog.clock_timestamp();
SELECT margin.take_snapshot('my desk', 'portfolios') < pg_catalog.clock_timestamp();
SELECT margin.take_snapshot('my desk', 'changes') < pg_catalog.clock_timestamp();
CALL margin.run_reports('my desk');
CALL margin.run_reports('my "shop"', 'changes');
SELECT status, step, level_changes, days_dropped, prices_pruned, sqlstate, error, run_by FROM "my desk".report_run UNION ALL
SELECT status, step, level_changes, days_dropped, prices_pruned, sqlstate, error, run_by FROM "my ""shop""".report_run;
SELECT count(*), min(day) = (pg_catalog.now() AT TIME ZONE 'UTC')::date FROM "my desk".snapshot_days();
SELECT form, accounts, levels FROM "my desk".snapshot ORDER BY taken_at;
SELECT account_id, level, equity FROM "my desk".account_margin_at(now()) ORDER BY 1;
SELECT account_id, level_before, level_after FROM "my desk".report_movers ORDER BY 1;
SELECT section, count(*) FROM unnest(margin.report_sections()) AS section, margin.report_csv('my desk', section) GROUP BY 1 ORDER BY 1;
SELECT margin.report_csv('my desk', 'shortfalls');
SELECT margin.report_rows('my desk', 'exposure');
SELECT (margin.report_json('my desk') #> '{levels}')::text;
SELECT length(margin.report_html('my desk')) > 5000, margin.report_html('my desk') LIKE '%76,620%';
SELECT margin.report_html('my "shop"', now()) LIKE '%shop%';
INSERT INTO "my desk".snapshot_retention VALUES ('1 day 12:00');
SELECT margin.prune_snapshots('my desk'), margin.drop_snapshots('my desk', '2026-01-01 00:00+00');
SELECT what, done, total FROM margin.progress;
DO $$ BEGIN PERFORM margin.schedule_reports('my desk', '* * * * *'); EXCEPTION WHEN object_not_in_prerequisite_state THEN PERFORM set_config('tour.said', SQLERRM, false); END $$;
SELECT margin.unschedule_reports('my desk');

-- questions
SELECT margin.liquidation_price(portfolio, "my desk".market(), 'BTC_USDT'), margin.max_withdrawal(portfolio, "my desk".market(), 'USDT'), margin.min_deposit(portfolio, "my desk".market(), 'USDT')
  FROM "my desk".account_portfolio WHERE account_id = 1;
SELECT margin.reduction_plan(portfolio, "my desk".market()), margin.repayment_plan(portfolio, "my desk".market()) FROM "my desk".account_portfolio WHERE account_id = 3;
SELECT margin.evaluate('{"balances": {"Ü": 1.5}}', "my desk".market());

-- another session's settings see no difference; then a rename, an upgrade, and the end
SELECT * FROM margin.upgrade_venue('my desk') UNION ALL SELECT * FROM margin.upgrade_book('my desk') UNION ALL SELECT * FROM margin.upgrade_book('my "shop"');
SET standard_conforming_strings = on;
SET quote_all_identifiers = off;
SELECT * FROM margin.upgrade_venue('my desk') UNION ALL SELECT * FROM margin.upgrade_book('my desk') UNION ALL SELECT * FROM margin.upgrade_book('my "shop"');
RESET standard_conforming_strings;
RESET quote_all_identifiers;
ALTER SCHEMA "my desk" RENAME TO "Front desk's";
CREATE OR REPLACE VIEW "Front desk's".unpriced WITH (security_invoker = true) AS SELECT * FROM "Front desk's".account_margin WHERE level = 'unpriced' AND account_id < 1000;
SELECT * FROM margin.upgrade_book('Front desk''s');
SELECT * FROM margin.upgrade_book('Front desk''s', overwrite => true);
UPDATE "Front desk's".balance SET quantity = quantity + 1 WHERE account_id = 1 AND asset = 'USDT';
SELECT account_id, level FROM "my ""shop""".account_margin ORDER BY 1;
SELECT margin.disable_guard('Front desk''s'), margin.disable_levels('Front desk''s'), margin.unguard_table('my "shop"', '"my ""shop"""."the wallet"');
SELECT margin.drop_book('my "shop"'), margin.drop_book('Front desk''s'), margin.drop_venue('Front desk''s');
SELECT 'dropped: ' || count(*) FROM pg_catalog.pg_class AS c WHERE c.relnamespace = (SELECT oid FROM pg_catalog.pg_namespace WHERE nspname = 'Front desk''s');
