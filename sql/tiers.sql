-- Schedules: judged once for all their rows, replaced in one call, and caps that go.
CREATE SCHEMA desk;
SELECT margin.create_venue('desk');
SET search_path = desk, public;
\set SHOW_CONTEXT never
SET timezone = 'UTC';
INSERT INTO asset (asset) VALUES ('BTC'), ('USDT');
INSERT INTO contract (contract, settle, contract_size) VALUES ('P', 'USDT', 1);

-- How often schedules are judged: the judge says so.
CREATE FUNCTION judged() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE NOTICE 'judged: %', NEW.asset;
    RETURN NULL;
END $$;
-- the parent row that a judgement writes
UPDATE asset SET source = 'none';
CREATE TRIGGER judged AFTER UPDATE ON asset FOR EACH ROW WHEN (OLD.source = NEW.source) EXECUTE FUNCTION judged();
BEGIN;
INSERT INTO collateral_tier (asset, lower_bound, ratio) SELECT 'BTC', n, 0.9 FROM generate_series(0, 4) AS n;
INSERT INTO collateral_tier (asset, lower_bound, ratio) SELECT 'BTC', n, 0.9 FROM generate_series(5, 9) AS n;
COMMIT;
BEGIN;
UPDATE collateral_tier SET ratio = 0.8;
DELETE FROM collateral_tier WHERE lower_bound > 7;
COMMIT;

-- Written after it was judged: judged again, in whatever way it was written.
BEGIN;
UPDATE collateral_tier SET ratio = 0.7;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
UPDATE collateral_tier SET ratio = 0.75 WHERE lower_bound = 3;
COMMIT;
BEGIN;
UPDATE collateral_tier SET ratio = 0.7;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
DELETE FROM collateral_tier WHERE lower_bound = 0;
COMMIT;
BEGIN;
UPDATE collateral_tier SET ratio = 0.7;
SET CONSTRAINTS ALL IMMEDIATE;
INSERT INTO collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 3.5, 0.71);
COMMIT;
-- a row that moves to another schedule leaves one and breaks one
BEGIN;
UPDATE collateral_tier SET ratio = 0.7;
SET CONSTRAINTS ALL IMMEDIATE;
SET CONSTRAINTS ALL DEFERRED;
UPDATE collateral_tier SET asset = 'USDT' WHERE lower_bound = 3;
COMMIT;
BEGIN;
UPDATE collateral_tier SET asset = 'USDT' WHERE lower_bound = 0;
COMMIT;
-- written by a command of its own in the same statement's triggers, and by one function
BEGIN;
SET CONSTRAINTS ALL IMMEDIATE;
DO $$
BEGIN
    UPDATE collateral_tier SET ratio = 0.7;
    UPDATE collateral_tier SET ratio = 0.71 WHERE lower_bound = 3;
END $$;
ROLLBACK;

-- Rolled back to a savepoint: what was judged after it, is not any more.
BEGIN;
UPDATE collateral_tier SET ratio = 0.9 WHERE lower_bound = 3;
SAVEPOINT s;
UPDATE collateral_tier SET ratio = 0.8 WHERE lower_bound = 3;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
COMMIT;
BEGIN;
UPDATE collateral_tier SET ratio = 0.7 WHERE lower_bound > 3;
SAVEPOINT s;
UPDATE collateral_tier SET ratio = 0.9 WHERE lower_bound = 3;
ROLLBACK TO s;
SAVEPOINT s2;
SET CONSTRAINTS ALL IMMEDIATE;
RELEASE s2;
SET CONSTRAINTS ALL DEFERRED;
UPDATE collateral_tier SET ratio = 0.65 WHERE lower_bound = 3;
COMMIT;
-- an error in between, caught
DO $$
BEGIN
    UPDATE collateral_tier SET ratio = 0.9 WHERE lower_bound = 3;
    BEGIN
        SET CONSTRAINTS ALL IMMEDIATE;
    EXCEPTION WHEN check_violation THEN
        RAISE NOTICE 'refused';
    END;
END $$;
SELECT DISTINCT ratio FROM collateral_tier;
DROP TRIGGER judged ON asset;
DROP FUNCTION judged();

-- COPY, and rows that were there when they were frozen
BEGIN;
DELETE FROM collateral_tier;
COPY collateral_tier FROM stdin;
BTC	-infinity	0	0.9
BTC	-infinity	5	0.8
\.
COMMIT;
BEGIN;
TRUNCATE collateral_tier;
COPY collateral_tier FROM stdin WITH (FREEZE);
BTC	-infinity	0	0.9
BTC	-infinity	5	0.95
\.
COMMIT;

-- Whole schedules.
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.975, 1: 0.97, 100: 0}');
TABLE collateral_tier ORDER BY valid_from, lower_bound;
SELECT count(*) AS events FROM parameter_event WHERE parameter = 'collateral_tier' \gset
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.9750, 1: 0.96, 50: 0}');
TABLE collateral_tier ORDER BY valid_from, lower_bound;
-- what stays as it is leaves no trace
SELECT before ->> 'lower_bound' AS bound, before ->> 'ratio' AS before, after ->> 'ratio' AS after FROM parameter_event WHERE parameter = 'collateral_tier' ORDER BY id OFFSET :events;
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.975, 1: 0.96, 50: 0}'), count(*) AS events FROM parameter_event WHERE parameter = 'collateral_tier' \gset
SELECT count(*) - :events AS more FROM parameter_event WHERE parameter = 'collateral_tier';
-- judged with everything else that the transaction writes
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.9, 1: 0.95}');
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 1.1}');

-- The cap is gone: replaced in place, entered ahead, by hand; or it was none.
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.975, 1: 0.96}', '2100-01-01 00:00+00');
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.975, 1: 0.96, 50: 0}', '2100-02-01 00:00+00');
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.975, 1: 0.95}', '2100-01-01 00:00+00');
INSERT INTO collateral_tier VALUES ('BTC', '2100-03-01 00:00+00', 0, 0.9), ('BTC', '2100-03-01 00:00+00', 1, 0.80), ('USDT', '2100-03-01 00:00+00', 0, 1);
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.97, 1: 0.96}');
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.97, 1: 0.96, 2: 0}');
DELETE FROM collateral_tier WHERE valid_from = '-infinity' AND lower_bound = 2;
UPDATE collateral_tier SET ratio = 0.3 WHERE ratio = 0;
DELETE FROM collateral_tier WHERE asset = 'BTC';

-- The initial measure, where there is one to hold it against.
SELECT margin.set_initial_collateral_tiers('desk', 'BTC', '{0: 0.9, 1: 0}');
BEGIN;
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 1}'), margin.set_initial_collateral_tiers('desk', 'BTC', '{0: 0.9, 1: 0}');
SELECT margin.set_initial_collateral_tiers('desk', 'BTC', '{0: 0.8}', '2100-01-01 00:00+00');
TABLE initial_collateral_tier ORDER BY valid_from, lower_bound;
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;

-- Debts and contracts.
SELECT margin.set_liability_tiers('desk', 'BTC', '{0: 0.01, 10: 0.02}'), margin.set_liability_tiers('desk', 'BTC', '{0: 0.01}', '2100-01-01 00:00+00');
TABLE liability_tier ORDER BY valid_from, lower_bound;
SELECT margin.set_liability_tiers('desk', 'BTC', '{0: 0.03, 10: 0.02}');
SELECT margin.set_risk_tiers('desk', 'P', '{0: 0.004, 1000: 0.005, 5000: 0.01}', 'whole {0: 0.01, 3000: 0.02}');
TABLE risk_tier ORDER BY valid_from, lower_bound;
SELECT c.maintenance, c.initial, margin.apply(c.maintenance, 4000) AS maintenance_of_4000, margin.apply(c.initial, 4000) AS initial_of_4000 FROM margin.contracts(market()) AS c;
SELECT margin.set_risk_tiers('desk', 'P', '{0: 0.004}');
TABLE risk_tier ORDER BY valid_from, lower_bound;
-- marginal or whole, as the contract says; one tier is both
SELECT margin.set_risk_tiers('desk', 'P', 'whole {0: 0.004}', '{0: 0.01}');
SELECT margin.set_risk_tiers('desk', 'P', 'whole {0: 0.004, 1000: 0.005}', NULL);
SELECT margin.set_risk_tiers('desk', 'P', '{0: 0.004}', '{0: 0.01, 3000: 0.02}');
INSERT INTO contract_change (contract, valid_from, settle, contract_size, maintenance_method) VALUES ('P', '2100-01-01 00:00+00', 'USDT', 1, 'whole');
SELECT margin.set_risk_tiers('desk', 'P', 'whole {0: 0.004, 1000: 0.005}', NULL, '2100-01-01 00:00+00');
SELECT margin.set_risk_tiers('desk', 'P', '{0: 0.004, 1000: 0.005}', NULL, '2100-01-01 00:00+00');
SELECT margin.set_collateral_tiers('desk', 'BTC', 'whole {0: 0.9, 1: 0.8}');
SELECT margin.set_collateral_tiers('desk', 'BTC', 'whole {0: 0.9}');
TABLE collateral_tier ORDER BY asset, valid_from, lower_bound;
-- nulls and what is not there
SELECT margin.set_collateral_tiers('desk', 'BTC', NULL);
SELECT margin.set_collateral_tiers('desk', NULL, '{0: 1}');
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 1}', NULL);
SELECT margin.set_risk_tiers('desk', 'P', NULL, 'whole {0: 0.01}');
SELECT margin.set_collateral_tiers('desk', 'NONE', '{0: 1}');
SELECT margin.set_risk_tiers('desk', 'NONE', '{0: 1}');
SELECT margin.set_liability_tiers('no desk', 'BTC', '{0: 1}');
BEGIN;
CREATE ROLE regress_tiers;
GRANT USAGE ON SCHEMA desk TO regress_tiers;
GRANT SELECT ON asset TO regress_tiers;
SAVEPOINT s;
SET LOCAL ROLE regress_tiers;
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 1}');
ROLLBACK TO s;
GRANT SELECT, INSERT, UPDATE, DELETE ON collateral_tier TO regress_tiers;
SET LOCAL ROLE regress_tiers;
SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 1}');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
-- many tiers
SELECT margin.set_collateral_tiers('desk', 'BTC', (SELECT margin.schedule(n, 1 - n / 1000.0) FROM generate_series(0, 999) AS n));
SELECT count(*) FROM collateral_tier WHERE asset = 'BTC';
SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
