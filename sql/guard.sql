-- Writes that would break an account are refused when they commit.
\set VERBOSITY terse

CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USD'), ('COIN');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('COIN', 0, 0.8);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('COIN', 100);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('FUT', 'USD', 1), ('DARK', 'USD', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.05, 0.1), ('DARK', 0, 0.05, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 100);

-- 1 healthy: equity 1000, one contract needs 10.  2 under water: 20 short at
-- 100 needs 200 to open, 100 to keep, has 50.  3 owes.  4 cannot be valued.
INSERT INTO desk.balance (account_id, asset, quantity)
VALUES (1, 'USD', 200), (1, 'COIN', 10), (2, 'USD', 50), (3, 'COIN', 1), (3, 'USD', -70), (4, 'USD', 10), (4, 'NOWHERE', 5), (5, 'USD', 100);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'FUT', 1, 100), (2, 'FUT', -20, 100), (4, 'DARK', 3, 100);
SELECT account_id, equity, initial_margin, maintenance_margin, available_margin, level FROM desk.account_margin ORDER BY 1;

-- off, as made: whatever is written passes
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
BEGIN;
UPDATE desk.balance SET quantity = -1000 WHERE account_id = 1;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;

SELECT margin.enable_guard('desk');
SELECT margin.enable_guard('desk');
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;

---------------------------------------------------------------------------
-- one account
---------------------------------------------------------------------------

-- equity 990 passes; what takes it below 10 does not
UPDATE desk.balance SET quantity = quantity - 10 WHERE (account_id, asset) = (1, 'USD');
\set VERBOSITY default
UPDATE desk.balance SET quantity = quantity - 981 WHERE (account_id, asset) = (1, 'USD');
\set VERBOSITY terse
UPDATE desk.balance SET quantity = quantity - 980 WHERE (account_id, asset) = (1, 'USD');
UPDATE desk.balance SET quantity = quantity + 990 WHERE (account_id, asset) = (1, 'USD');

-- fields for programs
DO $$
DECLARE
    schema text;
    rule text;
    written text;
    account text;
BEGIN
    UPDATE desk.balance SET quantity = -1000 WHERE account_id = 1;
    SET CONSTRAINTS ALL IMMEDIATE;
EXCEPTION WHEN SQLSTATE 'MG001' THEN
    GET STACKED DIAGNOSTICS schema = SCHEMA_NAME, rule = CONSTRAINT_NAME, written = TABLE_NAME, account = COLUMN_NAME;
    RAISE NOTICE 'schema %, constraint %, table %, account %', schema, rule, written, account;
END $$;

-- opening: 100 contracts need 1000 and are just carried, 101 are not
UPDATE desk.position SET quantity = 101 WHERE account_id = 1;
UPDATE desk.position SET quantity = 100 WHERE account_id = 1;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'FUT', -1, 100);
-- leverage 5 needs a fifth of 10000
UPDATE desk.position SET leverage = 5 WHERE account_id = 1;
UPDATE desk.position SET quantity = 1 WHERE account_id = 1;

-- under water: what does not lower the available margin passes
UPDATE desk.balance SET quantity = quantity - 0.01 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity + 0.01 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity WHERE account_id = 2;
UPDATE desk.position SET quantity = -21 WHERE account_id = 2;
UPDATE desk.position SET quantity = -19 WHERE account_id = 2;
DELETE FROM desk.balance WHERE account_id = 2;
-- 0.01 and 10 to the good of what it was, 9 may go
BEGIN;
UPDATE desk.position SET quantity = -18 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity - 10 WHERE account_id = 2;
COMMIT;
BEGIN;
UPDATE desk.position SET quantity = -17 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity - 10.01 WHERE account_id = 2;
COMMIT;
SELECT equity, available_margin FROM desk.account_margin WHERE account_id = 2;

---------------------------------------------------------------------------
-- every way of writing
---------------------------------------------------------------------------

-- a row that moves concerns both accounts
UPDATE desk.balance SET account_id = 6 WHERE (account_id, asset) = (3, 'COIN');
UPDATE desk.balance SET account_id = 6 WHERE (account_id, asset) = (3, 'USD');
UPDATE desk.position SET account_id = 5 WHERE account_id = 2;
INSERT INTO desk.balance VALUES (5, 'USD', -60) ON CONFLICT (account_id, asset) DO UPDATE SET quantity = balance.quantity + excluded.quantity;
INSERT INTO desk.balance VALUES (5, 'USD', -60) ON CONFLICT (account_id, asset) DO UPDATE SET quantity = balance.quantity + excluded.quantity;
INSERT INTO desk.balance VALUES (5, 'USD', -60) ON CONFLICT DO NOTHING;
MERGE INTO desk.balance AS b USING (VALUES (5::bigint, 'USD', -50), (7, 'USD', 1)) AS v (id, asset, q) ON (b.account_id, b.asset) = (v.id, v.asset)
 WHEN MATCHED THEN UPDATE SET quantity = b.quantity + v.q WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.asset, v.q);
MERGE INTO desk.balance AS b USING (VALUES (5::bigint, 'USD', 0), (7, 'USD', -1)) AS v (id, asset, q) ON (b.account_id, b.asset) = (v.id, v.asset)
 WHEN MATCHED THEN UPDATE SET quantity = b.quantity + v.q WHEN NOT MATCHED THEN INSERT VALUES (v.id, v.asset, v.q);
COPY desk.balance FROM stdin;
7	USD	10
8	USD	-10
\.
COPY desk.balance FROM stdin;
7	USD	10
8	USD	10
\.
DELETE FROM desk.balance WHERE account_id IN (6, 7, 8);
TRUNCATE desk.balance;
TRUNCATE desk.position, desk.mark_price;
WITH moved AS (UPDATE desk.balance SET quantity = quantity - 30 WHERE account_id = 5 RETURNING asset)
INSERT INTO desk.balance SELECT 9, asset, 30 FROM moved;
SELECT * FROM desk.balance WHERE account_id IN (5, 9) ORDER BY 1;

---------------------------------------------------------------------------
-- transactions: net effects, once per account
---------------------------------------------------------------------------

BEGIN;
UPDATE desk.balance SET quantity = quantity - 500 WHERE account_id = 5;
UPDATE desk.balance SET quantity = quantity + 1000 WHERE account_id = 9;
UPDATE desk.balance SET quantity = quantity + 500 WHERE account_id = 5;
UPDATE desk.balance SET quantity = quantity - 1000 WHERE account_id = 9;
COMMIT;
-- a swap of collateral: 8 USD lent against 0.1 COIN, worth 8
BEGIN;
UPDATE desk.balance SET quantity = quantity - 18 WHERE account_id = 5;
INSERT INTO desk.balance VALUES (5, 'COIN', 0.1);
COMMIT;
BEGIN;
UPDATE desk.balance SET quantity = 0 WHERE account_id = 5;
INSERT INTO desk.balance VALUES (5, 'BTC-OPTION', 1);
SET CONSTRAINTS ALL IMMEDIATE;
COMMIT;

-- rolled back to a savepoint: as if not written
BEGIN;
UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 9;
SAVEPOINT s;
UPDATE desk.balance SET quantity = -5 WHERE account_id = 5;
ROLLBACK TO s;
COMMIT;
-- released: counts
BEGIN;
SAVEPOINT s;
UPDATE desk.balance SET quantity = -50 WHERE (account_id, asset) = (5, 'USD');
RELEASE s;
COMMIT;
-- judged inside a savepoint, rolled back, judged again at commit
BEGIN;
UPDATE desk.balance SET quantity = -50 WHERE (account_id, asset) = (5, 'USD');
SAVEPOINT s;
UPDATE desk.balance SET quantity = 50 WHERE (account_id, asset) = (5, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
COMMIT;
-- the same where the check inside is released first
BEGIN;
UPDATE desk.balance SET quantity = -50 WHERE (account_id, asset) = (5, 'USD');
SAVEPOINT outside;
SAVEPOINT inside;
UPDATE desk.balance SET quantity = 50 WHERE (account_id, asset) = (5, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
RELEASE inside;
ROLLBACK TO outside;
COMMIT;
-- refused at once, and the transaction goes on
BEGIN;
SAVEPOINT s;
UPDATE desk.balance SET quantity = -50 WHERE (account_id, asset) = (5, 'USD');
SET CONSTRAINTS desk.margin_verdict IMMEDIATE;
ROLLBACK TO s;
UPDATE desk.balance SET quantity = quantity + 2 WHERE (account_id, asset) = (5, 'USD');
COMMIT;
-- judged at once; written again, judged again
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 9;
UPDATE desk.balance SET quantity = -1 WHERE account_id = 9;
ROLLBACK;
BEGIN;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 9;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
UPDATE desk.balance SET quantity = -1 WHERE account_id = 9;
COMMIT;
-- before is what the transaction found, not what was judged in between
BEGIN;
UPDATE desk.balance SET quantity = quantity + 5 WHERE account_id = 2;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE desk.balance SET quantity = quantity - 5 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
ROLLBACK;
-- many subtransactions, some of which fail
DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        BEGIN
            INSERT INTO desk.balance VALUES (1000 + i, 'USD', CASE WHEN i % 3 = 0 THEN -1 ELSE i END);
            IF i % 3 = 0 THEN
                RAISE EXCEPTION 'no';
            END IF;
        EXCEPTION WHEN raise_exception THEN NULL;
        END;
    END LOOP;
END $$;
SELECT count(*), min(quantity) FROM desk.balance WHERE account_id > 1000;
DO $$
BEGIN
    FOR i IN 1 .. 100 LOOP
        BEGIN
            UPDATE desk.balance SET quantity = -i WHERE account_id = 1000 + i;
            SET CONSTRAINTS ALL IMMEDIATE;
        EXCEPTION WHEN SQLSTATE 'MG001' THEN NULL;
        END;
        SET CONSTRAINTS ALL DEFERRED;
    END LOOP;
END $$;
SELECT count(*), min(quantity) FROM desk.balance WHERE account_id > 1000;
-- a procedure that commits on its way
CREATE PROCEDURE pg_temp.two() LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.balance SET quantity = quantity + 3 WHERE account_id = 9;
    COMMIT;
    UPDATE desk.balance SET quantity = -3 WHERE account_id = 9;
    COMMIT;
END $$;
CALL pg_temp.two();
SELECT quantity FROM desk.balance WHERE account_id = 9;
-- as many accounts as the lock table has room for; more lock the book rather than each
CREATE TEMP VIEW locked AS
SELECT locktype, objsubid, mode, count(*) FILTER (WHERE locktype = 'advisory') = least(256, current_setting('max_locks_per_transaction')::int) AS as_many
  FROM pg_locks
 WHERE pid = pg_backend_pid() AND (locktype = 'advisory' OR relation = 'desk.holding'::regclass AND mode <> 'AccessShareLock') GROUP BY 1, 2, 3;
BEGIN;
INSERT INTO desk.balance SELECT 2000 + i, 'USD', 1 FROM generate_series(1, least(256, current_setting('max_locks_per_transaction')::int)) AS i;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT * FROM locked ORDER BY locktype;
-- the same again, and one more
UPDATE desk.balance SET quantity = 2 WHERE account_id > 2000;
SELECT * FROM locked ORDER BY locktype;
SELECT margin.lock_accounts('desk', '{9999}');
SELECT * FROM locked ORDER BY locktype, mode;
ROLLBACK;
BEGIN;
INSERT INTO desk.balance SELECT 2000 + i, 'USD', 1 FROM generate_series(0, least(256, current_setting('max_locks_per_transaction')::int)) AS i;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT * FROM locked;
ROLLBACK;
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE desk.balance SET quantity = quantity WHERE account_id IN (1, 2);
SELECT locktype, objsubid, mode, count(*) FROM pg_locks
 WHERE pid = pg_backend_pid() AND (locktype = 'advisory' OR relation = 'desk.holding'::regclass AND mode <> 'AccessShareLock') GROUP BY 1, 2, 3 ORDER BY 1;
ROLLBACK;
DROP VIEW locked;
DELETE FROM desk.balance WHERE account_id > 1000;

---------------------------------------------------------------------------
-- accounts that cannot be valued
---------------------------------------------------------------------------

\set VERBOSITY default
UPDATE desk.balance SET quantity = quantity - 1 WHERE (account_id, asset) = (4, 'USD');
\set VERBOSITY terse
UPDATE desk.balance SET quantity = quantity - 1 WHERE (account_id, asset) = (4, 'NOWHERE');
UPDATE desk.balance SET quantity = quantity + 1 WHERE account_id = 4;
UPDATE desk.position SET quantity = 4 WHERE account_id = 4;
UPDATE desk.position SET quantity = -1 WHERE account_id = 4;
UPDATE desk.position SET quantity = 2 WHERE account_id = 4;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (4, 'FUT', 1, 100);
INSERT INTO desk.balance VALUES (4, 'COIN', -1);
INSERT INTO desk.balance VALUES (4, 'COIN', 1);
-- becoming so: by a deposit, not by a withdrawal or an opening
BEGIN; INSERT INTO desk.balance VALUES (1, 'NOWHERE', 1); SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
BEGIN; INSERT INTO desk.balance VALUES (1, 'NOWHERE', -1); COMMIT;
BEGIN; INSERT INTO desk.balance VALUES (1, 'NOWHERE', 1); UPDATE desk.balance SET quantity = quantity - 1 WHERE (account_id, asset) = (1, 'USD'); COMMIT;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'DARK', -1, 100);
-- no longer so: fine if the account then passes, whatever fell
BEGIN; DELETE FROM desk.balance WHERE (account_id, asset) = (4, 'NOWHERE'); DELETE FROM desk.position WHERE account_id = 4; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
-- if it does not pass then: only what reduces
BEGIN; DELETE FROM desk.balance WHERE account_id = 4; INSERT INTO desk.balance VALUES (4, 'USD', -5); DELETE FROM desk.position WHERE account_id = 4; COMMIT;
INSERT INTO desk.balance VALUES (10, 'USD', -5), (10, 'NOWHERE', -5) ON CONFLICT DO NOTHING;
-- a leg that remains is not made worse by its entry price or leverage: 2 long at 100
UPDATE desk.position SET entry_price = 101 WHERE account_id = 4;
UPDATE desk.position SET quantity = 1, entry_price = 201 WHERE account_id = 4;
UPDATE desk.position SET leverage = 2 WHERE account_id = 4;
UPDATE desk.position SET leverage = 4 WHERE account_id = 4;
UPDATE desk.position SET leverage = NULL WHERE account_id = 4;
UPDATE desk.position SET entry_price = 99, leverage = 1 WHERE account_id = 4;
UPDATE desk.position SET quantity = 1, leverage = 4 WHERE account_id = 4;
SELECT margin.disable_guard('desk');
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (15, 'DARK', -2, 100);
SELECT margin.enable_guard('desk');
UPDATE desk.position SET entry_price = 99 WHERE account_id = 15;
UPDATE desk.position SET entry_price = 101 WHERE account_id = 15;
UPDATE desk.position SET quantity = -1 WHERE account_id = 15;
DELETE FROM desk.position WHERE account_id = 15;
SELECT margin.disable_guard('desk');
INSERT INTO desk.balance VALUES (10, 'USD', -5), (10, 'NOWHERE', -5);
SELECT margin.enable_guard('desk');
UPDATE desk.balance SET quantity = 0 WHERE (account_id, asset) = (10, 'NOWHERE');
SELECT level, equity FROM desk.account_margin WHERE account_id = 10;

---------------------------------------------------------------------------
-- prices: those of the commit, also the transaction's own
---------------------------------------------------------------------------

-- at 120 a COIN counts 96: 0.1 COIN carry a debt of 9
INSERT INTO desk.balance VALUES (11, 'COIN', 0.1), (11, 'USD', -9);
BEGIN;
INSERT INTO desk.balance VALUES (11, 'COIN', 0.1), (11, 'USD', -9);
UPDATE desk.index_price SET price = 120 WHERE asset = 'COIN';
COMMIT;
UPDATE desk.balance SET quantity = -9.6 WHERE (account_id, asset) = (11, 'USD');
UPDATE desk.balance SET quantity = -9.61 WHERE (account_id, asset) = (11, 'USD');
-- a price that is rolled back was never there
BEGIN;
SAVEPOINT s;
UPDATE desk.index_price SET price = 200 WHERE asset = 'COIN';
UPDATE desk.balance SET quantity = -15 WHERE (account_id, asset) = (11, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
UPDATE desk.balance SET quantity = -9.62 WHERE (account_id, asset) = (11, 'USD');
COMMIT;
BEGIN;
UPDATE desk.index_price SET price = 200 WHERE asset = 'COIN';
UPDATE desk.balance SET quantity = -15 WHERE (account_id, asset) = (11, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
UPDATE desk.balance SET quantity = -9.63 WHERE (account_id, asset) = (11, 'USD');
-- before and after alike: a price that fell hurts nobody who changes nothing
BEGIN;
UPDATE desk.index_price SET price = 50 WHERE asset = 'COIN';
UPDATE desk.balance SET quantity = quantity + 0.01 WHERE (account_id, asset) = (11, 'USD');
COMMIT;
UPDATE desk.index_price SET price = 100 WHERE asset = 'COIN';
-- judged before: judged again at commit if the market has changed since, not if it has not
BEGIN;
INSERT INTO desk.balance VALUES (16, 'COIN', 1), (16, 'USD', -500);
UPDATE desk.index_price SET price = 1000 WHERE asset = 'COIN';
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE desk.index_price SET price = 100 WHERE asset = 'COIN';
COMMIT;
BEGIN;
INSERT INTO desk.balance VALUES (16, 'COIN', 1), (16, 'USD', -80);
SET CONSTRAINTS ALL IMMEDIATE;
SAVEPOINT s;
UPDATE desk.index_price SET price = 99 WHERE asset = 'COIN';
INSERT INTO desk.balance VALUES (17, 'COIN', 1);
ROLLBACK TO s;
COMMIT;
BEGIN;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = -81 WHERE (account_id, asset) = (16, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE desk.balance SET quantity = quantity WHERE account_id = 5;
COMMIT;
SELECT account_id, available_margin FROM desk.guard_exception;
BEGIN;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = -82 WHERE (account_id, asset) = (16, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
UPDATE desk.index_price SET price = 90 WHERE asset = 'COIN';
COMMIT;
SELECT account_id, available_margin FROM desk.guard_exception ORDER BY judged_at;
UPDATE desk.index_price SET price = 100 WHERE asset = 'COIN';
DELETE FROM desk.balance WHERE account_id = 16 AND asset = 'USD';
DELETE FROM desk.balance WHERE account_id = 16;
ALTER TABLE desk.guard_exception DISABLE TRIGGER guard_exception_append_only;
TRUNCATE desk.guard_exception;
ALTER TABLE desk.guard_exception ENABLE TRIGGER guard_exception_append_only;
-- each reference table counts
CREATE FUNCTION pg_temp.after(change text, account bigint, quietly text DEFAULT NULL) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    IF quietly IS NOT NULL THEN
        EXECUTE quietly;
    END IF;
    -- the market has been read before, and is read again
    UPDATE desk.balance SET quantity = quantity WHERE account_id = 5;
    SET CONSTRAINTS ALL IMMEDIATE;
    SET CONSTRAINTS ALL DEFERRED;
    PERFORM set_config('session_replication_role', CASE WHEN quietly IS NULL THEN 'origin' ELSE 'replica' END, true);
    EXECUTE change;
    SET LOCAL session_replication_role = origin;
    INSERT INTO desk.balance VALUES (account, 'COIN', 1), (account, 'USD', -79);
    INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (account, 'FUT', 0.1, 100);
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE SQLSTATE 'OK000';
EXCEPTION WHEN SQLSTATE 'OK000' THEN RETURN 'passes';
    WHEN SQLSTATE 'MG001' OR SQLSTATE 'MG002' THEN RETURN SQLERRM;
END $$;
SELECT change, pg_temp.after(change, 12) FROM unnest(ARRAY[
    'SELECT',
    $$UPDATE desk.asset SET liability_weight = 2 WHERE asset = 'USD'$$,
    $$UPDATE desk.collateral_tier SET ratio = 0.7 WHERE asset = 'COIN'$$,
    $$DELETE FROM desk.collateral_tier WHERE asset = 'COIN'$$,
    $$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USD', 0, 0.1)$$,
    $$UPDATE desk.index_price SET price = 98 WHERE asset = 'COIN'$$,
    $$DELETE FROM desk.index_price WHERE asset = 'COIN'$$,
    $$TRUNCATE desk.index_price$$,
    $$UPDATE desk.contract SET closing_fee = 0.1 WHERE contract = 'FUT'$$,
    $$UPDATE desk.risk_tier SET initial_rate = 0.5 WHERE contract = 'FUT'$$,
    $$DELETE FROM desk.contract WHERE contract = 'FUT'$$,
    $$UPDATE desk.mark_price SET price = 80 WHERE contract = 'FUT'$$,
    -- what no trigger sees
    $$ALTER TABLE desk.index_price ALTER price TYPE numeric USING CASE asset WHEN 'COIN' THEN 98 ELSE price END$$,
    $$ALTER TABLE desk.mark_price ALTER price TYPE numeric USING price * 0.8$$,
    $$ALTER TABLE desk.collateral_tier ALTER ratio TYPE numeric USING ratio * 0.9$$,
    $$ALTER TABLE desk.risk_tier ALTER initial_rate TYPE numeric USING initial_rate * 5$$,
    $$ALTER TABLE desk.asset ALTER liability_weight TYPE numeric USING liability_weight * 2$$,
    $$ALTER TABLE desk.contract ALTER closing_fee TYPE numeric USING 0.1$$]) AS change;
-- nor is a market kept while one of the tables would not tell
SELECT change, pg_temp.after(change, 12, format('ALTER TABLE %s %s', quiet, how)) FROM (VALUES
    ('SELECT', 'desk.asset', 'DISABLE TRIGGER ALL'),
    ($$UPDATE desk.asset SET liability_weight = 2 WHERE asset = 'USD'$$, 'desk.asset', 'ENABLE TRIGGER ALL'),
    ($$INSERT INTO desk.asset_change (asset, valid_from, liability_weight) VALUES ('USD', '2000-01-01', 2)$$, 'desk.asset_change', 'ENABLE TRIGGER ALL'),
    ($$UPDATE desk.collateral_tier SET ratio = 0.7 WHERE asset = 'COIN'$$, 'desk.collateral_tier', 'ENABLE REPLICA TRIGGER market_truncated'),
    ($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USD', 0, 0.1)$$, 'desk.liability_tier', 'ENABLE TRIGGER ALL'),
    ($$UPDATE desk.index_price SET price = 98 WHERE asset = 'COIN'$$, 'desk.index_price', 'ENABLE TRIGGER market_changed'),
    ($$UPDATE desk.contract SET closing_fee = 0.1 WHERE contract = 'FUT'$$, 'desk.contract', 'ENABLE TRIGGER ALL'),
    ($$INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, closing_fee) VALUES ('FUT', '2000-01-01', 'USD', 1, 0.1)$$, 'desk.contract_change', 'ENABLE TRIGGER ALL'),
    ($$UPDATE desk.risk_tier SET initial_rate = 0.5 WHERE contract = 'FUT'$$, 'desk.risk_tier', 'DISABLE TRIGGER market_truncated'),
    ($$UPDATE desk.mark_price SET price = 80 WHERE contract = 'FUT'$$, 'desk.mark_price', 'DISABLE TRIGGER USER')
    ) AS v (change, quiet, how);
-- 0.4 contracts need 4 to be opened, 2 to be kept; where liquidation begins at a
-- margin ratio of 0.2 they take 10
INSERT INTO desk.balance VALUES (14, 'USD', 5);
BEGIN;
INSERT INTO desk.level_threshold VALUES ('warning', 0.1), ('margin_call', 0.1), ('liquidation', 0.2);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (14, 'FUT', 0.4, 100);
COMMIT;
BEGIN;
INSERT INTO desk.level_threshold VALUES ('warning', 0.1), ('margin_call', 0.1), ('liquidation', 0.5);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (14, 'FUT', 0.4, 100);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
-- every table that the market is read from tells of its changes, and when its next rows become valid
CREATE TEMP VIEW reference AS
SELECT DISTINCT c.oid::regclass AS relation
  FROM pg_proc AS p, regexp_matches(p.prosrc, '(?:FROM|JOIN)\s+(\w+)', 'g') AS m JOIN pg_class AS c ON c.relname = m[1]
 WHERE p.oid = 'margin_internal.stored_market'::regproc AND c.relnamespace = 'desk'::regnamespace;
SELECT count(*) AS tables FROM reference;
SELECT relation AS silent FROM reference
 WHERE (SELECT count(*) FROM pg_trigger WHERE tgrelid = relation AND tgfoid = 'margin_internal.market_changed'::regproc AND tgenabled = 'A') <> 2;
SELECT relation AS unforeseen FROM reference JOIN pg_class ON pg_class.oid = relation JOIN pg_attribute ON attrelid = relation AND attname = 'valid_from'
 WHERE strpos(pg_get_functiondef('margin_internal.market_lasts'::regproc), ' ' || relname || ' ') = 0;
-- what becomes valid, and what expires, while the market is kept and the transaction goes on
BEGIN;
UPDATE desk.asset SET max_age = interval '3 seconds' WHERE asset = 'COIN';
UPDATE desk.index_price SET updated_at = clock_timestamp() WHERE asset = 'COIN';
INSERT INTO desk.balance VALUES (13, 'COIN', 1), (13, 'USD', -10);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT pg_sleep(3.1);
UPDATE desk.balance SET quantity = -11 WHERE (account_id, asset) = (13, 'USD');
ROLLBACK;
BEGIN;
INSERT INTO desk.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('COIN', clock_timestamp() + interval '3 seconds', 0, 0.1);
INSERT INTO desk.balance VALUES (13, 'COIN', 1), (13, 'USD', -10);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT pg_sleep(3.1);
UPDATE desk.balance SET quantity = -11 WHERE (account_id, asset) = (13, 'USD');
ROLLBACK;
-- ages are compared as intervals are, a month being 30 days
BEGIN;
UPDATE desk.asset SET max_age = '1 year' WHERE asset = 'COIN';
UPDATE desk.index_price SET updated_at = timestamptz '2030-01-01 07:00+00' - 24 * 360 * interval '1 hour' WHERE asset = 'COIN';
SELECT clock, (margin.evaluate('{"balances": {"COIN": 1}}', desk.present_market(clock))).level
  FROM (VALUES (timestamptz '2030-01-01 07:00+00'), ('2030-01-01 07:00:00.000001+00')) AS c (clock);
UPDATE desk.asset SET max_age = '100000 years' WHERE asset = 'COIN';
UPDATE desk.index_price SET updated_at = '290000-01-01 00:00+00' WHERE asset = 'COIN';
SELECT clock, (margin.evaluate('{"balances": {"COIN": 1}}', desk.present_market(clock))).level
  FROM (VALUES (timestamptz '2030-01-01 00:00+00'), ('290001-01-01 00:00+00')) AS c (clock);
ROLLBACK;

---------------------------------------------------------------------------
-- booked facts
---------------------------------------------------------------------------

BEGIN;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity - 1 WHERE (account_id, asset) = (1, 'USD');
UPDATE desk.balance SET quantity = quantity - 1 WHERE (account_id, asset) = (4, 'USD');
COMMIT;
SELECT account_id, recorded_by = current_user AS me, judged_at BETWEEN now() - interval '1 minute' AND clock_timestamp() AS lately,
       level, equity, initial_margin, maintenance_margin, available_margin, available_margin_before, missing
  FROM desk.guard_exception ORDER BY account_id;
-- at the time of the write, not at commit
BEGIN;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
SET LOCAL margin.guard = enforce;
COMMIT;
BEGIN;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
SET LOCAL margin.guard = record;
COMMIT;
-- one write under guard puts the account under guard
BEGIN;
UPDATE desk.balance SET quantity = quantity WHERE account_id = 2;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
COMMIT;
BEGIN;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
SET LOCAL margin.guard = enforce;
UPDATE desk.balance SET quantity = quantity WHERE account_id = 2;
COMMIT;
BEGIN;
UPDATE desk.balance SET quantity = quantity WHERE account_id = 2;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
COMMIT;
-- unless it is rolled back
BEGIN;
SAVEPOINT s;
UPDATE desk.balance SET quantity = quantity - 2 WHERE account_id = 2;
ROLLBACK TO s;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
COMMIT;
SELECT account_id, count(*) FROM desk.guard_exception GROUP BY 1 ORDER BY 1;
SET margin.guard = off;
SHOW margin.guard;

-- Behind a pooler: what was set for the session may be somebody else's.  Equity
-- and requirement stay what they are, so each attempt tells whether it counted.
CREATE FUNCTION pg_temp.books() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE SQLSTATE 'MG900';
EXCEPTION WHEN SQLSTATE 'MG900' THEN RETURN 'recorded'; WHEN SQLSTATE 'MG001' THEN RETURN 'refused';
END
$$;
CREATE FUNCTION pg_temp.books_facts() RETURNS text LANGUAGE sql SET margin.guard = record AS 'SELECT pg_temp.books()';
SET margin.guard = record;
SELECT pg_temp.books();
\set VERBOSITY default
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 2;
UPDATE desk.balance SET quantity = quantity - 1 WHERE (account_id, asset) = (4, 'USD');
\set VERBOSITY terse
SELECT set_config('margin.guard', 'record', false), pg_temp.books();
SELECT pg_temp.books_facts(), pg_temp.books();
SELECT set_config('margin.guard', 'record', true), pg_temp.books();
SELECT pg_temp.books();
-- for the transaction, on top of the session's
BEGIN;
SELECT pg_temp.books();
SET LOCAL margin.guard = record;
SELECT pg_temp.books();
SAVEPOINT s;
SET LOCAL margin.guard = enforce;
SELECT pg_temp.books();
ROLLBACK TO s;
SELECT pg_temp.books();
SAVEPOINT t;
SELECT pg_temp.books();
SET margin.guard = record;
SELECT pg_temp.books();
SET LOCAL margin.guard = record;
SELECT pg_temp.books();
RELEASE t;
SELECT pg_temp.books();
COMMIT;
SELECT pg_temp.books();
-- in the transaction that sets it for the session, too
RESET margin.guard;
BEGIN;
SET margin.guard = record;
SELECT pg_temp.books();
COMMIT;
SELECT pg_temp.books();
RESET margin.guard;
-- where a superuser allows it
SET margin.guard_sessions = on;
SELECT pg_temp.books();
SET margin.guard = record;
SELECT pg_temp.books();
RESET margin.guard_sessions;
SELECT pg_temp.books();
RESET margin.guard;
\set VERBOSITY sqlstate
SET margin.guard_wait = '-1';
\set VERBOSITY terse
SET margin.guard_wait = '2s';
SHOW margin.guard_wait;
RESET margin.guard_wait;

---------------------------------------------------------------------------
-- tables of one's own
---------------------------------------------------------------------------

CREATE SCHEMA "Own ""Book";
SET search_path = "Own ""Book";
CREATE TABLE wallet (id serial, owner text, coin text, amount numeric);
CREATE TABLE trade (owner varchar(20), what text, lots numeric, price numeric) PARTITION BY LIST (what);
CREATE TABLE trade_fut PARTITION OF trade FOR VALUES IN ('FUT');
CREATE TABLE trade_rest PARTITION OF trade DEFAULT;
SELECT margin.guard_table('Own "Book', 'wallet', 'owner');
SELECT margin.create_book('Own "Book', 'desk', 'wallet', 'trade', balance_account => 'owner', balance_asset => 'coin', balance_quantity => 'amount',
                          position_account => 'owner::text', position_contract => 'what', position_quantity => 'lots',
                          position_entry_price => 'price', position_leverage => NULL);
SELECT margin.enable_guard('Own "Book');
SELECT margin.guard_table('Own "Book', 'wallet', 'nobody');
SELECT margin.guard_table('Own "Book', 'wallet', 'id');
SELECT margin.guard_table('Own "Book', 'wallet', 'amount');
SELECT margin.guard_table('Own "Book', 'holding', 'account_id');
SELECT margin.guard_table('Own "Book', 'wallet', 'owner');
SELECT margin.guard_table('Own "Book', 'trade', 'owner');
SELECT relation, account_column, guard, levels FROM margin.guarded_tables() WHERE book = 'Own "Book' ORDER BY relation::text;
SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'wallet'::regclass AND NOT tgisinternal ORDER BY tgname;
INSERT INTO wallet (owner, coin, amount) VALUES ('ann', 'USD', 100), ('bob', 'USD', 100), (NULL, 'USD', -1);
INSERT INTO trade VALUES ('ann', 'FUT', 11, 100);
INSERT INTO trade VALUES ('ann', 'FUT', 5, 100), ('ann', 'FUT', 5, 100);
UPDATE wallet SET amount = 99 WHERE owner = 'ann';
UPDATE trade SET owner = 'nobody' WHERE owner = 'ann';
UPDATE trade SET what = 'DARK' WHERE owner = 'ann';
TRUNCATE trade;
TRUNCATE trade_fut;
TRUNCATE wallet;
SELECT margin.disable_guard('Own "Book');
SELECT relation, guard FROM margin.guarded_tables() WHERE book = 'Own "Book' ORDER BY relation::text;
BEGIN; TRUNCATE wallet; ROLLBACK;
BEGIN; UPDATE wallet SET amount = 9 WHERE owner = 'ann'; SET CONSTRAINTS ALL IMMEDIATE; ROLLBACK;
SELECT margin.enable_guard('Own "Book');
-- a partition that came later lets no row pass either
CREATE TABLE trade_dark PARTITION OF trade FOR VALUES IN ('DARK2');
INSERT INTO trade VALUES ('bob', 'DARK2', 1, 100);
INSERT INTO trade_dark VALUES ('bob', 'DARK2', 1, 100);
BEGIN; TRUNCATE trade_dark; ROLLBACK;
SELECT margin.guard_table('Own "Book', 'trade', 'owner');
TRUNCATE trade_dark;
-- a column renamed: refused until set up again
ALTER TABLE wallet RENAME owner TO who;
UPDATE wallet SET amount = amount + 1;
SELECT margin.guard_table('Own "Book', 'wallet', 'who');
UPDATE wallet SET amount = amount + 1 WHERE who = 'ann';
-- the triggers hold on to the view
DROP VIEW holding;
BEGIN;
UPDATE wallet SET amount = amount - 1 WHERE who = 'ann';
SET LOCAL client_min_messages = warning;
DROP VIEW holding CASCADE;
COMMIT;
-- replaced or renamed by a transaction that has written: asked as it is at commit
BEGIN;
UPDATE wallet SET amount = amount + 1 WHERE who = 'ann';
CREATE OR REPLACE VIEW holding AS
SELECT who AS account_id, coin AS symbol, -amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind
  FROM wallet;
COMMIT;
BEGIN;
UPDATE wallet SET amount = amount - 1000 WHERE who = 'ann';
ALTER SCHEMA "Own ""Book" RENAME TO regress_margin_renamed;
COMMIT;
-- which table, for programs: the book's by its name, others with their schema, partitions by their root; the first that the transaction wrote
CREATE TABLE public.elsewhere (who text, coin text, amount numeric);
CREATE FUNCTION pg_temp.refused(VARIADIC statements text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    schema text;
    written text;
    account text;
BEGIN
    FOR i IN 1 .. cardinality(statements) LOOP EXECUTE statements[i]; END LOOP;
    SET CONSTRAINTS ALL IMMEDIATE;
    RETURN 'accepted';
EXCEPTION WHEN SQLSTATE 'MG001' THEN
    GET STACKED DIAGNOSTICS schema = SCHEMA_NAME, written = TABLE_NAME, account = COLUMN_NAME;
    RETURN format('%s: %s, %s', schema, written, account);
END
$$;
SELECT pg_temp.refused($$INSERT INTO wallet (who, coin, amount) VALUES ('o''nn', 'USD', -1)$$);
SELECT pg_temp.refused($$INSERT INTO trade VALUES ('O "x".y', 'FUT', 1, 100)$$);
SELECT pg_temp.refused($$INSERT INTO trade VALUES ('zoe', 'FUT', 1, 100)$$, $$INSERT INTO wallet (who, coin, amount) VALUES ('zoe', 'USD', -1)$$);
BEGIN;
SAVEPOINT s;
INSERT INTO trade VALUES ('zoe', 'FUT', 1, 100);
ROLLBACK TO s;
SELECT pg_temp.refused($$INSERT INTO wallet (who, coin, amount) VALUES ('zoe', 'USD', -1)$$);
CREATE OR REPLACE VIEW holding AS SELECT who AS account_id, coin AS symbol, amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage,
       'balance'::margin.holding_kind AS kind FROM public.elsewhere;
SELECT margin.guard_table('Own "Book', 'public.elsewhere', 'who');
SELECT pg_temp.refused($$INSERT INTO public.elsewhere VALUES ('zoe', 'USD', -1)$$);
ROLLBACK;
DROP TABLE public.elsewhere;
-- renamed: guarded as before
ALTER SCHEMA "Own ""Book" RENAME TO regress_margin_renamed;
UPDATE regress_margin_renamed.wallet SET amount = amount - 1000 WHERE who = 'ann';
SELECT relation, account_column, book, guard FROM margin.guarded_tables() WHERE book = 'regress_margin_renamed' ORDER BY relation::text;
ALTER SCHEMA regress_margin_renamed RENAME TO "Own ""Book";
-- volatile functions may read what is newer than the question
CREATE FUNCTION same(numeric) RETURNS numeric LANGUAGE plpgsql AS 'BEGIN RETURN $1; END';
BEGIN;
CREATE OR REPLACE VIEW holding AS
SELECT who AS account_id, coin AS symbol, "Own ""Book".same(amount) AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage,
       'balance'::margin.holding_kind AS kind FROM wallet
UNION ALL SELECT owner, what, lots, price, NULL, 'position' FROM trade;
SELECT margin.guard_table('Own "Book', 'wallet', 'who');
ROLLBACK;
BEGIN;
ALTER FUNCTION same STABLE;
CREATE OR REPLACE VIEW holding AS
SELECT who AS account_id, coin AS symbol, "Own ""Book".same(amount) AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage,
       'balance'::margin.holding_kind AS kind FROM wallet
UNION ALL SELECT owner, what, lots, price, NULL, 'position' FROM trade;
SELECT margin.guard_table('Own "Book', 'wallet', 'who');
UPDATE wallet SET amount = amount + 1 WHERE who = 'ann';
SET CONSTRAINTS ALL IMMEDIATE;
ALTER FUNCTION same VOLATILE;
UPDATE wallet SET amount = amount + 1 WHERE who = 'ann';
ROLLBACK;
-- the view has to pass the account on as it is: from a table that it reads
CREATE TABLE person (name text, master text);
CREATE FUNCTION pg_temp.guarded(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message text;
    detail text;
BEGIN
    EXECUTE format($q$CREATE OR REPLACE VIEW "Own ""Book".holding AS SELECT h.account_id COLLATE "default" AS account_id, h.symbol, h.quantity::numeric, NULL::numeric AS entry_price,
        NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind FROM (%s) AS h (account_id, symbol, quantity)$q$, query);
    PERFORM margin.guard_table('Own "Book', 'wallet', 'who');
    RAISE SQLSTATE 'OK000';
EXCEPTION WHEN SQLSTATE 'OK000' THEN RETURN 'yes';
    WHEN feature_not_supported THEN
        GET STACKED DIAGNOSTICS message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
        RETURN message || ': ' || detail;
END $$;
SELECT pg_temp.guarded(q) FROM unnest(ARRAY[
    'SELECT who::varchar::text COLLATE "C", coin, amount FROM wallet',
    'SELECT who, coin, sum(amount) FROM wallet GROUP BY who, coin HAVING who <> $$x$$',
    'SELECT w.who, coin, amount FROM (person AS p JOIN wallet AS w ON p.name = w.who) LEFT JOIN person AS q ON true',
    'SELECT name, coin, amount FROM wallet AS w (id, name) JOIN person AS p USING (name)',
    'SELECT who, coin, amount FROM (SELECT * FROM (SELECT DISTINCT amount, who, coin FROM wallet) AS a UNION SELECT 1, master, $$USD$$ FROM person) AS b']) AS q;
SELECT q, pg_temp.guarded(q) FROM unnest(ARRAY[
    'SELECT lower(who), coin, amount FROM wallet',
    'SELECT coin, coin, amount FROM wallet',
    'SELECT master, coin, amount FROM wallet JOIN person ON name = who',
    'SELECT who::varchar(2)::text, coin, amount FROM wallet',
    'SELECT who, coin, amount FROM wallet UNION ALL SELECT upper(who), coin, amount FROM wallet',
    'SELECT w.who, w.coin, w.amount + v.amount FROM wallet AS w JOIN wallet AS v ON v.id = w.id + 1',
    'SELECT who, coin, amount FROM wallet WHERE amount > (SELECT min(amount) FROM wallet)',
    'SELECT name, $$USD$$, count(w) FROM person, LATERAL (SELECT FROM wallet WHERE who = name) AS w GROUP BY name',
    'WITH w AS (SELECT * FROM wallet) SELECT who, coin, amount FROM w',
    'SELECT name, coin, amount FROM person FULL JOIN wallet AS w (id, name) USING (name)',
    'SELECT name, master, 1 FROM person']) AS q;
-- through views, and into partitions, whose columns stand in another order
BEGIN;
CREATE VIEW purses AS SELECT amount, coin, who FROM wallet;
CREATE OR REPLACE VIEW holding AS
SELECT who AS account_id, coin AS symbol, amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind
  FROM purses UNION ALL SELECT owner, what, lots, price, NULL, 'position' FROM trade;
CREATE TABLE trade_first (price numeric, lots numeric, what text, owner varchar(20));
ALTER TABLE trade ATTACH PARTITION trade_first FOR VALUES IN ('first');
SELECT margin.guard_table('Own "Book', 'wallet', 'who'), margin.guard_table('Own "Book', 'trade', 'owner');
INSERT INTO trade VALUES ('bob', 'first', 0, 100);
UPDATE wallet SET amount = amount WHERE who = 'ann';
SAVEPOINT s;
SELECT margin.guard_table('Own "Book', 'purses', 'who');
-- replaced afterwards, somewhere beneath: asked again
ROLLBACK TO s;
CREATE OR REPLACE VIEW purses AS SELECT amount, coin, lower(who) AS who FROM wallet;
INSERT INTO trade VALUES ('bob', 'first', 0, 100);
UPDATE wallet SET amount = amount WHERE who = 'ann';
ROLLBACK;
-- a table that others inherit from: refused, also if they come later
CREATE TABLE wallet_child () INHERITS (wallet);
INSERT INTO wallet (who, coin, amount) VALUES ('ann', 'USD', 1);
UPDATE wallet SET amount = -1000 WHERE who = 'cecil';
DELETE FROM wallet WHERE who = 'cecil';
SELECT margin.guard_table('Own "Book', 'wallet', 'who');
SELECT margin.disable_guard('Own "Book');
BEGIN; UPDATE wallet SET amount = amount; ROLLBACK;
SELECT margin.enable_guard('Own "Book');
ALTER TABLE wallet_child NO INHERIT wallet;
UPDATE wallet SET amount = amount WHERE who = 'ann';
DROP TABLE wallet_child, person;
-- a table that feeds two books, by keys of different types: uuids, and whole
-- numbers, which are one account whatever their width
CREATE DOMAIN customer AS int;
CREATE TABLE purse (id uuid, n customer, coin text, amount numeric);
CREATE SCHEMA regress_margin_uuid;
SELECT margin.create_book('regress_margin_uuid', 'desk', 'purse', balance_account => 'id', balance_asset => 'coin', balance_quantity => 'amount');
CREATE SCHEMA regress_margin_whole;
SELECT margin.create_book('regress_margin_whole', 'desk', 'purse', balance_account => 'n::bigint', balance_asset => 'coin', balance_quantity => 'amount + 5');
SELECT margin.guard_table('regress_margin_uuid', 'purse', 'id');
INSERT INTO purse VALUES ('6F9619FF-8B86-D011-B42D-00C04FC964FF', 1, 'USD', 1);
UPDATE purse SET amount = -1;
SELECT margin.lock_accounts('regress_margin_uuid', ARRAY['6f9619ff8b86d011b42d00c04fc964ff']);
SELECT margin.lock_accounts('regress_margin_uuid', ARRAY['1']);
SELECT margin.guard_table('regress_margin_whole', 'purse', 'n');
SELECT relation, account_column, book, guard, levels FROM margin.guarded_tables() WHERE relation = 'purse'::regclass ORDER BY book;
SELECT tgname, tgenabled FROM pg_trigger WHERE tgrelid = 'purse'::regclass AND NOT tgisinternal ORDER BY tgname;
UPDATE purse SET amount = -1;
SELECT margin.disable_guard('regress_margin_uuid');
UPDATE purse SET amount = -6;
UPDATE purse SET amount = -5;
SELECT margin.unguard_table('regress_margin_uuid', 'purse');
UPDATE purse SET amount = -6;
SELECT margin.guard_table('regress_margin_uuid', 'purse', 'id');
SELECT margin.unguard_table('regress_margin_whole', 'purse');
UPDATE purse SET amount = -6;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'purse'::regclass AND NOT tgisinternal ORDER BY tgname;
-- a book that is dropped leaves no trigger behind
SET client_min_messages = warning;
DROP SCHEMA regress_margin_uuid CASCADE;
RESET client_min_messages;
SELECT tgname FROM pg_trigger WHERE tgrelid = 'purse'::regclass AND NOT tgisinternal;
UPDATE purse SET amount = -6;
-- only as what they are
CREATE TRIGGER wrong BEFORE INSERT ON purse FOR EACH ROW WHEN ('regress_margin_whole.holding'::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account('n', 'guard');
INSERT INTO purse VALUES (NULL, 2, 'USD', 1);
DROP TRIGGER wrong ON purse;
CREATE TRIGGER wrong AFTER INSERT ON purse FOR EACH ROW WHEN ('regress_margin_whole.holding'::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account('n', 'other');
INSERT INTO purse VALUES (NULL, 2, 'USD', 1);
DROP TRIGGER wrong ON purse;
CREATE TRIGGER wrong AFTER INSERT ON purse FOR EACH ROW EXECUTE FUNCTION margin_internal.collect_account('n', 'guard');
INSERT INTO purse VALUES (NULL, 2, 'USD', 1);
DROP TRIGGER wrong ON purse;
CREATE TRIGGER wrong AFTER INSERT ON purse FOR EACH ROW WHEN ('purse'::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account('n', 'guard');
INSERT INTO purse VALUES (NULL, 2, 'USD', 1);
DROP TRIGGER wrong ON purse;
CREATE TRIGGER wrong AFTER INSERT ON purse EXECUTE FUNCTION margin_internal.check_accounts();
INSERT INTO purse VALUES (NULL, 2, 'USD', 1);
SELECT margin_internal.collect_account();
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA "Own ""Book", regress_margin_whole CASCADE;
RESET client_min_messages;

---------------------------------------------------------------------------
-- levels follow writes
---------------------------------------------------------------------------

SELECT margin.disable_guard('desk'), margin.enable_levels('desk');
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
-- 10 contracts at 100 keep 50: healthy with 100, a warning from 71.4, a margin
-- call from 58.8, liquidation from 50
INSERT INTO desk.balance VALUES (20, 'USD', 100);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (20, 'FUT', 10, 100);
SELECT account_id, level FROM desk.account_level;
-- what the account holds is kept with its level, unless it is the same
UPDATE desk.balance SET quantity = 99 WHERE account_id = 20;
SELECT level, epoch, portfolio FROM desk.account_level;
CREATE TEMP TABLE kept AS SELECT xmin AS writer, ctid AS place FROM desk.account_level;
UPDATE desk.balance SET quantity = 99 WHERE account_id = 20;
SELECT l.xmin = k.writer AND l.ctid = k.place AS untouched FROM desk.account_level AS l, kept AS k;
UPDATE desk.balance SET quantity = 71 WHERE account_id = 20;
UPDATE desk.balance SET quantity = 70 WHERE account_id = 20;
BEGIN;
UPDATE desk.balance SET quantity = 55 WHERE account_id = 20;
UPDATE desk.balance SET quantity = 50 WHERE account_id = 20;
UPDATE desk.balance SET quantity = -1 WHERE account_id = 20;
UPDATE desk.position SET account_id = 21 WHERE account_id = 20;
INSERT INTO desk.balance VALUES (22, 'SOMETHING', 1);
COMMIT;
SELECT account_id, level FROM desk.account_level ORDER BY 1;
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices, cause, changed_by = session_user AS by_me
  FROM desk.level_event ORDER BY id;
-- the market is that of the commit, also where prices are the transaction's own
BEGIN;
UPDATE desk.mark_price SET price = 110 WHERE contract = 'FUT';
UPDATE desk.position SET quantity = 9 WHERE account_id = 21;
COMMIT;
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM desk.level_event WHERE account_id = 21 ORDER BY id;
UPDATE desk.mark_price SET price = 100 WHERE contract = 'FUT';
-- a level held by its release ratio is held on write, too
INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 0.5), ('margin_call', 0.85, NULL), ('liquidation', 1, NULL);
INSERT INTO desk.balance VALUES (23, 'USD', 70);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (23, 'FUT', 10, 100);
UPDATE desk.balance SET quantity = 90 WHERE account_id = 23;
SELECT level FROM desk.account_level WHERE account_id = 23;
UPDATE desk.balance SET quantity = 101 WHERE account_id = 23;
SELECT from_level, to_level FROM desk.level_event WHERE account_id = 23 ORDER BY id;
-- what was written alone agrees with what a refresh of everybody finds
SELECT margin.refresh_levels('desk') > 0 AS those_not_written;
SELECT margin.refresh_levels('desk');
UPDATE desk.balance SET quantity = quantity + (ARRAY[-30, 5, 40])[1 + account_id % 3] WHERE asset = 'USD';
SELECT margin.refresh_levels('desk');
SELECT level, count(*) FROM desk.account_level GROUP BY 1 ORDER BY 1;
-- both: what the guard refuses changes no level
SELECT margin.enable_guard('desk');
UPDATE desk.balance SET quantity = 80 WHERE account_id = 23;
UPDATE desk.balance SET quantity = 110 WHERE account_id = 23;
UPDATE desk.balance SET quantity = 100 WHERE account_id = 23;
SELECT count(*) FROM desk.level_event WHERE account_id = 23;
SELECT margin.disable_guard('desk');
TRUNCATE desk.position;
SELECT margin.disable_levels('desk');
UPDATE desk.balance SET quantity = -100 WHERE account_id = 23;
SELECT level FROM desk.account_level WHERE account_id = 23;
-- a book over other tables
CREATE SCHEMA regress_margin_own;
CREATE TABLE regress_margin_own.wallet (client text PRIMARY KEY, coin text, amount numeric);
SELECT margin.create_book('regress_margin_own', 'desk', 'regress_margin_own.wallet', balance_account => 'client', balance_asset => 'coin', balance_quantity => 'amount');
SELECT margin.guard_table('regress_margin_own', 'regress_margin_own.wallet', 'client');
SELECT margin.enable_levels('regress_margin_own');
SELECT relation, guard, levels FROM margin.guarded_tables() WHERE book = 'regress_margin_own';
INSERT INTO regress_margin_own.wallet VALUES ('ann', 'USD', 1), ('bob', 'USD', -1);
INSERT INTO regress_margin_own.wallet VALUES ('ann', 'USD', 1), ('bob', 'BLAH', 1);
BEGIN;
SET LOCAL margin.guard = record;
UPDATE regress_margin_own.wallet SET amount = -1 WHERE client = 'ann';
COMMIT;
SELECT account_id, from_level, to_level, cause FROM regress_margin_own.level_event ORDER BY id;
SELECT account_id, level, equity, available_margin, available_margin_before FROM regress_margin_own.guard_exception;
-- what foreign keys cascade is judged as if written
CREATE TABLE regress_margin_own.coin (coin text PRIMARY KEY);
INSERT INTO regress_margin_own.coin VALUES ('USD'), ('EURO');
CREATE TABLE regress_margin_own.loan (client text, coin text REFERENCES regress_margin_own.coin ON DELETE CASCADE ON UPDATE CASCADE, amount numeric);
CREATE OR REPLACE VIEW regress_margin_own.holding AS
SELECT client AS account_id, coin AS symbol, amount AS quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage, 'balance'::margin.holding_kind AS kind
  FROM regress_margin_own.wallet
UNION ALL SELECT client, coin, amount, NULL, NULL, 'balance' FROM regress_margin_own.loan;
SELECT margin.guard_table('regress_margin_own', 'regress_margin_own.loan', 'client');
SELECT relation, guard, levels FROM margin.guarded_tables() WHERE book = 'regress_margin_own' ORDER BY relation::text;
INSERT INTO regress_margin_own.loan VALUES ('cid', 'USD', 5);
INSERT INTO regress_margin_own.wallet VALUES ('cid', 'USD', -5);
DELETE FROM regress_margin_own.coin WHERE coin = 'USD';
UPDATE regress_margin_own.coin SET coin = 'COIN' WHERE coin = 'USD';
UPDATE regress_margin_own.coin SET coin = 'nothing' WHERE coin = 'COIN';
SELECT * FROM regress_margin_own.loan;
-- a trigger that writes when the transaction commits is judged, too
CREATE FUNCTION regress_margin_own.fee() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE regress_margin_own.wallet SET amount = amount - 300 WHERE client = NEW.client AND pg_trigger_depth() = 1;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER z_fee AFTER UPDATE ON regress_margin_own.loan DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION regress_margin_own.fee();
UPDATE regress_margin_own.loan SET amount = 4;
UPDATE regress_margin_own.loan SET amount = 3.9;
SELECT * FROM regress_margin_own.loan;
SET client_min_messages = warning;
DROP SCHEMA regress_margin_own CASCADE;
RESET client_min_messages;

---------------------------------------------------------------------------
-- by hand, by another owner, off again
---------------------------------------------------------------------------

SELECT margin.enable_guard('desk');
ALTER TABLE desk.balance DISABLE TRIGGER ALL;
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
UPDATE desk.balance SET quantity = quantity - 1 WHERE account_id = 20;
ALTER TABLE desk.balance ENABLE TRIGGER ALL;
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
INSERT INTO desk.balance VALUES (30, 'USD', -1);
INSERT INTO desk.balance VALUES (30, 'USD', 1);
SELECT level FROM desk.account_level WHERE account_id = 30;
SELECT margin.disable_levels('desk');
INSERT INTO desk.balance VALUES (31, 'USD', -1);
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
-- a table of the book taken out, and back
SELECT margin.unguard_table('desk', 'desk.balance');
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
SELECT margin.guard_table('desk', 'desk.balance', 'account_id');
INSERT INTO desk.balance VALUES (31, 'USD', -1);
-- whoever owns the book next owns all that it needs
CREATE ROLE regress_margin_next;
GRANT regress_margin_next TO CURRENT_USER;
CREATE ROLE regress_margin_first;
GRANT regress_margin_first TO CURRENT_USER;
DO $$
BEGIN
    EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_margin_first, regress_margin_next', current_database());
END $$;
SET ROLE regress_margin_first;
CREATE SCHEMA regress_margin_passed;
SELECT margin.create_book('regress_margin_passed');
INSERT INTO regress_margin_passed.asset (asset) VALUES ('USD');
INSERT INTO regress_margin_passed.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1);
INSERT INTO regress_margin_passed.index_price (asset, price) VALUES ('USD', 1);
SELECT margin.enable_guard('regress_margin_passed'), margin.enable_levels('regress_margin_passed');
INSERT INTO regress_margin_passed.balance VALUES (1, 'USD', 1);
RESET ROLE;
REASSIGN OWNED BY regress_margin_first TO regress_margin_next;
SET ROLE regress_margin_next;
UPDATE regress_margin_passed.balance SET quantity = -1;
UPDATE regress_margin_passed.balance SET quantity = 2;
BEGIN;
SELECT margin.disable_guard('regress_margin_passed');
UPDATE regress_margin_passed.balance SET quantity = -1;
SELECT margin.refresh_account_levels('regress_margin_passed', '{1}');
SELECT account_id, level FROM regress_margin_passed.account_level;
UPDATE regress_margin_passed.index_price SET price = 2;
UPDATE regress_margin_passed.level_threshold SET margin_ratio = 0.5;
SELECT margin.refresh_levels('regress_margin_passed');
ROLLBACK;
SET ROLE regress_margin_first;
SELECT margin.lock_accounts('regress_margin_passed', '{1}');
SELECT margin.lock_accounts('desk', '{1}');
RESET ROLE;
SET client_min_messages = warning;
DROP SCHEMA regress_margin_passed CASCADE;
DROP OWNED BY regress_margin_first, regress_margin_next;
RESET client_min_messages;
DROP ROLE regress_margin_first, regress_margin_next;

SELECT margin.disable_guard('desk');
SELECT * FROM margin.guarded_tables() ORDER BY relation::text;
SELECT margin.enable_guard('nowhere');
SELECT margin.enable_guard(NULL);
DELETE FROM desk.guard_exception;
SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
