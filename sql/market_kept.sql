-- market(): kept by the session, and never another one than a query would read
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USD'), ('BTC');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('BTC', 0, 0.9);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('BTC', 100);
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('FUT', 'USD', 'BTC', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.05, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 101);
INSERT INTO desk.balance VALUES (1, 'BTC', 1), (2, 'BTC', 2);

-- what it is worth that an account holds one BTC, and whether that is what the tables say
CREATE FUNCTION pg_temp.btc(market margin.market) RETURNS numeric
LANGUAGE sql IMMUTABLE RETURN margin.equity('{"balances": {"BTC": 1}}', market);
CREATE FUNCTION pg_temp.stored() RETURNS margin.market
LANGUAGE sql STABLE RETURN margin_internal.stored_market(NULL::desk.planned_change, now(), now());
CREATE VIEW pg_temp.present AS
SELECT pg_temp.btc(desk.market()) AS btc, pg_temp.btc(desk.venue_market()) AS by_bridge,
       desk.market()::text = pg_temp.stored()::text AS as_stored, desk.market() OPERATOR(margin.=) pg_temp.stored() AS equal;
SELECT * FROM pg_temp.present;

-- ---------------------------------------------------------------------------
-- Inlined, so that a query has it once
-- ---------------------------------------------------------------------------

EXPLAIN (COSTS off, VERBOSE) SELECT desk.venue_market();
SET track_functions = 'pl';
BEGIN;
UPDATE desk.asset SET liability_weight = 1.1 WHERE asset = 'BTC';
SELECT count(desk.market()) FROM generate_series(1, 100);
SELECT account_id, (margin.evaluate(portfolio, desk.market())).* FROM desk.account_portfolio ORDER BY 1;
SELECT pg_stat_get_xact_function_calls('margin_internal.stored_market(anyelement,timestamptz,timestamptz)'::regprocedure) AS read;
COMMIT;
RESET track_functions;

-- ---------------------------------------------------------------------------
-- Own changes: commands, savepoints, what is rolled back
-- ---------------------------------------------------------------------------

BEGIN;
UPDATE desk.index_price SET price = 110 WHERE asset = 'BTC';
SELECT * FROM pg_temp.present;
SAVEPOINT s;
UPDATE desk.index_price SET price = 120 WHERE asset = 'BTC';
SELECT * FROM pg_temp.present;
ROLLBACK TO s;
SELECT * FROM pg_temp.present;
DELETE FROM desk.index_price WHERE asset = 'BTC';
SELECT * FROM pg_temp.present;
ROLLBACK;
SELECT * FROM pg_temp.present;
-- an error leaves nothing of what a query before it saw
BEGIN;
SAVEPOINT s;
DO $$ BEGIN UPDATE desk.index_price SET price = 130 WHERE asset = 'BTC'; PERFORM desk.market(); RAISE EXCEPTION 'stop'; END $$;
ROLLBACK TO s;
SELECT * FROM pg_temp.present;
COMMIT;
-- a statement that writes sees what was there before
WITH written AS (UPDATE desk.index_price SET price = 140 WHERE asset = 'BTC' RETURNING pg_temp.btc(desk.market()) AS before)
SELECT before, pg_temp.btc(desk.market()) AS likewise FROM written;
SELECT * FROM pg_temp.present;

-- triggers that fire while rows are being written, before those that tell of it
CREATE TABLE pg_temp.seen (price numeric, btc numeric, as_stored boolean);
CREATE FUNCTION pg_temp.see() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    m margin.market;
BEGIN
    m := desk.market();
    INSERT INTO pg_temp.seen SELECT NEW.price, pg_temp.btc(desk.market()), m::text = pg_temp.stored()::text AND desk.market()::text = pg_temp.stored()::text;
    RETURN NEW;
END $$;
CREATE TRIGGER a BEFORE UPDATE ON desk.index_price FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
CREATE TRIGGER a_after AFTER UPDATE ON desk.index_price FOR EACH ROW EXECUTE FUNCTION pg_temp.see();
UPDATE desk.index_price SET price = price + 1;
TABLE pg_temp.seen;
ALTER TABLE desk.index_price SET UNLOGGED;
TRUNCATE pg_temp.seen;
UPDATE desk.index_price SET price = price + 1;
TABLE pg_temp.seen;
ALTER TABLE desk.index_price SET LOGGED;
DROP TRIGGER a ON desk.index_price;
DROP TRIGGER a_after ON desk.index_price;
SELECT * FROM pg_temp.present;

-- ---------------------------------------------------------------------------
-- Whatever is edited: the market is another, and what the tables say, also as of
-- now and as of the past that is now
-- ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.edit(statement text, OUT changed boolean, OUT as_stored boolean, OUT as_of_now boolean, OUT as_past boolean) LANGUAGE plpgsql AS $$
DECLARE
    before text := desk.market()::text;
    after text;
BEGIN
    EXECUTE statement;
    after := desk.market()::text;
    changed := after <> before;
    as_stored := after = pg_temp.stored()::text;
    as_of_now := after = desk.market(now())::text;
    as_past := after = desk.past_market(clock_timestamp())::text;
END $$;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT e.n, edit.* FROM unnest(ARRAY[
    'UPDATE desk.asset SET tier_unit = ''value'' WHERE asset = ''BTC''',
    'UPDATE desk.asset SET liability_weight = 1.1, requirement_weight = 1.2 WHERE asset = ''BTC''',
    'UPDATE desk.asset SET initial_liability_weight = 1.3 WHERE asset = ''BTC''',
    'INSERT INTO desk.asset_change (asset, valid_from, initial_liability_weight) VALUES (''BTC'', now() - interval ''1 h'', 1.4)',
    'DELETE FROM desk.asset_change',
    'INSERT INTO desk.initial_collateral_tier (asset, lower_bound, ratio) VALUES (''BTC'', 0, 0.8), (''BTC'', 10, 0.5)',
    'UPDATE desk.initial_collateral_tier SET ratio = 0.4 WHERE lower_bound = 10',
    'INSERT INTO desk.initial_collateral_tier (asset, valid_from, lower_bound, ratio) VALUES (''BTC'', now() - interval ''1 h'', 0, 0.7)',
    'UPDATE desk.index_price SET low = 130, high = 150 WHERE asset = ''BTC''',
    'UPDATE desk.index_price SET low = 131 WHERE asset = ''BTC''',
    'UPDATE desk.index_price SET high = NULL WHERE asset = ''BTC''',
    'UPDATE desk.index_price SET price = 141 WHERE asset = ''BTC''',
    'UPDATE desk.index_price SET price = 140, high = 160.50 WHERE asset = ''BTC''',
    'SELECT margin.set_prices(''desk'', ''{"assets": {"BTC": {"price": 140, "low": 1e-3, "high": "150.0"}}}'')',
    'SELECT margin.set_prices(''desk'', ''{"assets": {"BTC": 140}}'')',
    'UPDATE desk.contract SET opening_fee = 0.001',
    'UPDATE desk.contract SET tier_unit = ''contracts''',
    'UPDATE desk.contract SET order_maintenance = true',
    'INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, opening_fee, tier_unit, order_maintenance) VALUES (''FUT'', now() - interval ''1 h'', ''USD'', 1, 0.002, ''notional'', false)',
    'UPDATE desk.contract_change SET order_maintenance = true',
    'INSERT INTO desk.venue_rule VALUES (''orders_reduce_equity'', ''both'')',
    'UPDATE desk.venue_rule SET value = ''margin''',
    'INSERT INTO desk.venue_rule VALUES (''liability_rule'', ''larger'')',
    'DELETE FROM desk.venue_rule WHERE rule = ''orders_reduce_equity''',
    'TRUNCATE desk.venue_rule',
    'TRUNCATE desk.initial_collateral_tier',
    'INSERT INTO desk.level_threshold (level, margin_ratio) VALUES (''warning'', 0.6)']) WITH ORDINALITY AS e (statement, n),
    LATERAL pg_temp.edit(e.statement) AS edit;
-- initial tiers are worth nothing without tiers; what is of no market changes none
SELECT e.n, edit.* FROM unnest(ARRAY[
    'INSERT INTO desk.initial_collateral_tier (asset, lower_bound, ratio) VALUES (''BTC'', 0, 0.8)',
    'DELETE FROM desk.collateral_tier WHERE asset = ''BTC''',
    'DELETE FROM desk.initial_collateral_tier',
    'INSERT INTO desk.venue_rule VALUES (''held_prices_pause_levels'', ''true'')']) WITH ORDINALITY AS e (statement, n),
    LATERAL pg_temp.edit(e.statement) AS edit;
ROLLBACK;
SELECT * FROM pg_temp.present;

-- ---------------------------------------------------------------------------
-- Functions that change prices between two calls; cursors; REPEATABLE READ
-- ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.set_btc(new numeric) RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.index_price SET price = new WHERE asset = 'BTC';
    RETURN pg_temp.btc(desk.market());
END $$;
SELECT pg_temp.btc(desk.market()) AS before, pg_temp.set_btc(150) AS inside, pg_temp.btc(desk.market()) AS still;
SELECT * FROM pg_temp.present;
SELECT i, pg_temp.btc(desk.market()) AS outside, pg_temp.set_btc(150 + i) AS inside FROM generate_series(1, 3) AS i;
DO $$
BEGIN
    FOR i IN 1 .. 3 LOOP
        UPDATE desk.index_price SET price = 200 + i WHERE asset = 'BTC';
        RAISE NOTICE '% %', pg_temp.btc(desk.market()), desk.market()::text = pg_temp.stored()::text;
    END LOOP;
END $$;
BEGIN;
DECLARE c CURSOR FOR SELECT i, pg_temp.btc(desk.market()) FROM generate_series(1, 4) AS i;
FETCH c;
UPDATE desk.index_price SET price = 300 WHERE asset = 'BTC';
FETCH c;
SELECT * FROM pg_temp.present;
FETCH c;
COMMIT;
-- what a function returned before stays what it is
CREATE FUNCTION pg_temp.twice() RETURNS SETOF margin.market LANGUAGE plpgsql AS $$
BEGIN
    RETURN NEXT desk.market();
    UPDATE desk.index_price SET price = 310 WHERE asset = 'BTC';
    RETURN NEXT desk.market();
END $$;
SELECT pg_temp.btc(t) FROM pg_temp.twice() AS t;
PREPARE present AS SELECT * FROM pg_temp.present;
EXECUTE present;
UPDATE desk.mark_price SET price = 102;
UPDATE desk.index_price SET price = 320 WHERE asset = 'BTC';
EXECUTE present;
UPDATE desk.index_price SET price = 12345678901234567890123456789012345678901234567890.5 WHERE asset = 'BTC';
EXECUTE present;
UPDATE desk.index_price SET price = 330 WHERE asset = 'BTC';
EXECUTE present;
BEGIN ISOLATION LEVEL SERIALIZABLE;
EXECUTE present;
COMMIT;

-- ---------------------------------------------------------------------------
-- Clocks: prices expire, parameters become valid, also in the past
-- ---------------------------------------------------------------------------

UPDATE desk.asset SET max_age = '1 hour' WHERE asset = 'BTC';
UPDATE desk.contract SET max_age = '2 hours';
INSERT INTO desk.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', '2030-01-01 12:00+00', 0, 0.5);
INSERT INTO desk.initial_collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', '2030-01-01 12:15+00', 0, 0.4);
UPDATE desk.index_price SET low = price - 1, high = price + 1 WHERE asset = 'BTC';
UPDATE desk.index_price SET updated_at = '2030-01-01 11:30+00' WHERE asset = 'BTC';
UPDATE desk.mark_price SET updated_at = '2030-01-01 11:00+00';
SET timezone = 'UTC';
SELECT clock, desk.present_market(clock)::text = margin_internal.stored_market(NULL::desk.planned_change, clock, clock)::text AS as_stored,
       (margin.evaluate('{"balances": {"BTC": 1}}', desk.present_market(clock))).collateral_value,
       margin.initial_equity('{"balances": {"BTC": 1}}', desk.present_market(clock)),
       (margin.evaluate('{"positions": {"FUT": {"long": 1, "long_cost": 100}}}', desk.present_market(clock))).unrealized_pnl
  FROM unnest('{2030-01-01 11:30+00, 2030-01-01 12:00+00, 2030-01-01 12:15+00, 2030-01-01 11:59:59.999999+00, 2030-01-01 12:30+00, 2030-01-01 12:30:00.000001+00,
                2030-01-01 13:00+00, 2030-01-01 13:00:00.000001+00, 2030-01-01 12:29+00, 2020-01-01 00:00+00}'::timestamptz[]) AS clock;
SELECT desk.present_market(NULL) IS NULL AS "null";
-- the view of those that have expired
UPDATE desk.index_price SET updated_at = now() - interval '61 minutes', low = NULL, high = NULL WHERE asset = 'BTC';
UPDATE desk.mark_price SET updated_at = now() - interval '119 minutes';
SELECT kind, symbol, now() - updated_at > max_age AS older, max_age FROM desk.stale_price;
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, max_age) VALUES ('FUT', '2026-01-01', 'USD', 1, '1 hour');
SELECT kind, symbol, now() - updated_at > max_age AS older, max_age FROM desk.stale_price ORDER BY 1;
SELECT * FROM pg_temp.present;
UPDATE desk.index_price SET updated_at = now() WHERE asset = 'BTC';
BEGIN;
UPDATE desk.asset SET max_age = '0.3 seconds' WHERE asset = 'BTC';
UPDATE desk.index_price SET updated_at = now() WHERE asset = 'BTC';
COMMIT;
EXECUTE present;
SELECT pg_sleep(0.4);
EXECUTE present;
UPDATE desk.asset SET max_age = NULL WHERE asset = 'BTC';
EXECUTE present;

-- ---------------------------------------------------------------------------
-- Rights: those of whoever asks, in one session and one prepared statement
-- ---------------------------------------------------------------------------

CREATE ROLE regress_margin_reader;
CREATE ROLE regress_margin_other;
GRANT USAGE ON SCHEMA desk TO regress_margin_reader, regress_margin_other;
GRANT EXECUTE ON FUNCTION desk.market() TO regress_margin_reader;
PREPARE plain AS SELECT margin.equity('{"balances": {"BTC": 1}}', desk.market());
PREPARE clock AS SELECT margin.equity('{"balances": {"BTC": 1}}', desk.present_market(now()));
PREPARE direct AS SELECT margin.equity('{"balances": {"BTC": 1}}', margin_internal.kept_market(NULL::desk.planned_change, now()));
SET plan_cache_mode = force_generic_plan;
EXECUTE plain;
SET ROLE regress_margin_reader;
SELECT count(*) FROM desk.index_price;
EXECUTE plain;
EXECUTE clock;
EXECUTE direct;
SET ROLE regress_margin_other;
EXECUTE plain;
EXECUTE clock;
EXECUTE direct;
SELECT desk.market();
SELECT desk.venue_market();
RESET ROLE;
REVOKE EXECUTE ON FUNCTION desk.market() FROM regress_margin_reader;
SET ROLE regress_margin_reader;
EXECUTE plain;
RESET ROLE;
EXECUTE plain;
-- row security of the tables is not for their owner
GRANT EXECUTE ON FUNCTION desk.market() TO regress_margin_reader;
ALTER TABLE desk.index_price ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
SET ROLE regress_margin_reader;
EXECUTE plain;
RESET ROLE;
ALTER TABLE desk.index_price DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY;
-- nobody gets at a venue by another row type, nor at another's by a view of that name
SELECT margin_internal.kept_market(NULL::desk.asset, now());
SELECT margin_internal.kept_market(1, now());
CREATE SCHEMA regress_margin_planted AUTHORIZATION regress_margin_other;
SET ROLE regress_margin_other;
CREATE VIEW regress_margin_planted.planned_change AS SELECT 1 AS one;
SELECT margin_internal.kept_market(NULL::regress_margin_planted.planned_change, now());
CREATE FUNCTION regress_margin_planted.market() RETURNS int LANGUAGE sql RETURN 1;
\set VERBOSITY terse
-- its message, without the place in our query
DO $$
BEGIN
    PERFORM margin_internal.kept_market(NULL::regress_margin_planted.planned_change, now());
EXCEPTION WHEN undefined_table THEN
    RAISE NOTICE '%', SQLERRM;
END $$;
RESET ROLE;
CREATE OR REPLACE VIEW regress_margin_planted.planned_change AS SELECT 1 AS one;
ALTER VIEW regress_margin_planted.planned_change OWNER TO CURRENT_USER;
SELECT margin_internal.kept_market(NULL::regress_margin_planted.planned_change, now());

\set VERBOSITY default

-- ---------------------------------------------------------------------------
-- What no message tells of
-- ---------------------------------------------------------------------------

ALTER TABLE desk.index_price ALTER price TYPE numeric USING price * 2;
EXECUTE present;
ALTER TABLE desk.index_price DISABLE TRIGGER market_changed;
UPDATE desk.index_price SET price = 7 WHERE asset = 'BTC';
EXECUTE present;
ALTER TABLE desk.index_price ENABLE ALWAYS TRIGGER market_changed;
EXECUTE present;
CREATE TABLE pg_temp.child () INHERITS (desk.mark_price);
EXECUTE present;
INSERT INTO pg_temp.child SELECT * FROM desk.mark_price;
DELETE FROM ONLY desk.mark_price;
UPDATE pg_temp.child SET price = 103, updated_at = now();
SELECT mark, desk.market()::text = pg_temp.stored()::text AS as_stored FROM margin.contracts(desk.market());
DROP TABLE pg_temp.child;
SELECT mark, desk.market()::text = pg_temp.stored()::text AS as_stored FROM margin.contracts(desk.market());
ALTER SCHEMA desk RENAME TO regress_margin_renamed;
SELECT margin.equity('{"balances": {"BTC": 1}}', regress_margin_renamed.market());
UPDATE regress_margin_renamed.index_price SET price = 8 WHERE asset = 'BTC';
SELECT margin.equity('{"balances": {"BTC": 1}}', regress_margin_renamed.venue_market());
ALTER SCHEMA regress_margin_renamed RENAME TO desk;
DROP VIEW desk.stale_price;
UPDATE desk.index_price SET price = 9 WHERE asset = 'BTC';
EXECUTE present;
UPDATE desk.index_price SET price = 10 WHERE asset = 'BTC';
EXECUTE present;
SELECT * FROM margin.upgrade_venue('desk');
UPDATE desk.index_price SET price = 11 WHERE asset = 'BTC';
EXECUTE present;
UPDATE desk.index_price SET price = 12 WHERE asset = 'BTC';
EXECUTE present;

DEALLOCATE ALL;
SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
DROP SCHEMA regress_margin_planted CASCADE;
DROP ROLE regress_margin_reader, regress_margin_other;
