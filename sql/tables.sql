-- Tables of a venue and a book: what they refuse, and how they say it
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
\set SHOW_CONTEXT never

-- Runs a command and all deferred checks, undoes it, and tells what came of it.
CREATE FUNCTION pg_temp.try(command text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; hint text; constraint_name text; table_name text;
BEGIN
    BEGIN
        EXECUTE command;
        SET CONSTRAINTS ALL IMMEDIATE;
        RAISE EXCEPTION SQLSTATE 'UNDO0';
    EXCEPTION
        WHEN SQLSTATE 'UNDO0' THEN
            RETURN 'accepted';
        WHEN others THEN
            GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
                constraint_name = CONSTRAINT_NAME, table_name = TABLE_NAME, hint = PG_EXCEPTION_HINT;
            RETURN concat_ws(E'\n', state || ' ' || concat_ws('.', nullif(table_name, ''), nullif(constraint_name, '')),
                             message, nullif(hint, ''));
    END;
END
$$;
\pset format unaligned
\pset tuples_only on

INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDT');
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);

-- defaults
TABLE desk.asset ORDER BY asset;
TABLE desk.contract;

-- collateral tiers
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 10, 0.9), ('BTC', 20, 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 20, 0), ('BTC', 10, 0.9), ('BTC', 0, 1)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0.5, 0.9)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 10, 0.95), ('BTC', 20, 0.8)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 1.0001)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, -0.1)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', -1, 0.5)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 'NaN', 0.5)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 'Infinity', 0.5)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 0.0, 0.8)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('XRP', 0, 0.9)$$);
-- a schedule is what shares valid_from; each has to be whole
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier VALUES ('BTC', '-infinity', 0, 0.8), ('BTC', '2026-01-01 00:00+00', 0, 0.9), ('BTC', '2026-01-01 00:00+00', 5, 0.85)$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier VALUES ('BTC', '-infinity', 0, 0.9), ('BTC', '2026-01-01 00:00+00', 5, 0.8)$$);
-- no more tiers than a schedule holds
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT 'BTC', n, 0.5 FROM generate_series(0, 999) AS n$$);
SELECT pg_temp.try($$INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT 'BTC', n, 0.5 FROM generate_series(0, 1000) AS n$$);

-- edits of a schedule in place
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 10, 0.8), ('BTC', 20, 0.7);
SELECT pg_temp.try($$DELETE FROM desk.collateral_tier WHERE lower_bound = 0$$);
SELECT pg_temp.try($$DELETE FROM desk.collateral_tier WHERE lower_bound = 10$$);
SELECT pg_temp.try($$DELETE FROM desk.collateral_tier$$);
SELECT pg_temp.try($$UPDATE desk.collateral_tier SET ratio = 0.81 WHERE lower_bound = 20$$);
SELECT pg_temp.try($$UPDATE desk.collateral_tier SET lower_bound = 15 WHERE lower_bound = 0$$);
SELECT pg_temp.try($$UPDATE desk.collateral_tier SET asset = 'USDT' WHERE lower_bound = 0$$);
SELECT pg_temp.try($$UPDATE desk.collateral_tier SET valid_from = '2026-01-01 00:00+00' WHERE lower_bound = 20$$);
SELECT pg_temp.try($$UPDATE desk.collateral_tier SET asset = 'USDT'$$);
-- out of order in between, in order at the end
BEGIN;
UPDATE desk.collateral_tier SET ratio = 0.6 WHERE lower_bound = 0;
UPDATE desk.collateral_tier SET ratio = 0.5 WHERE lower_bound = 10;
UPDATE desk.collateral_tier SET ratio = 0.4 WHERE lower_bound = 20;
COMMIT;
-- judged at commit, with everything a client can see
\pset tuples_only off
BEGIN;
UPDATE desk.collateral_tier SET ratio = 0.55 WHERE lower_bound = 20;
COMMIT;
\pset tuples_only on
SELECT lower_bound, ratio FROM desk.collateral_tier ORDER BY 1;

-- liability tiers
SELECT pg_temp.try($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 0, 0), ('BTC', 10, 0.02), ('BTC', 20, 1.5)$$);
SELECT pg_temp.try($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 1, 0.02)$$);
SELECT pg_temp.try($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 0, 0.05), ('BTC', 10, 0.04)$$);
SELECT pg_temp.try($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 0, -0.05)$$);
SELECT pg_temp.try($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 0, 'Infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) SELECT 'BTC', n, 0.5 FROM generate_series(0, 1000) AS n$$);

-- risk tiers
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.004), ('BTC_USDT', 50000, 0.005)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.004, 0.01), ('BTC_USDT', 50000, 0.004, 0.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 10, 0.004)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.005), ('BTC_USDT', 50000, 0.004)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.004, 0.02), ('BTC_USDT', 50000, 0.005, 0.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.004, 0.01), ('BTC_USDT', 50000, 0.005, NULL)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.004, NULL), ('BTC_USDT', 50000, 0.005, 0.02)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, -0.004)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.004, -0.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('BTC_USDT', 0, 0.004, 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('ETH_USDT', 0, 0.004)$$);
SELECT pg_temp.try($$INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) SELECT 'BTC_USDT', n, 0.5 FROM generate_series(0, 1000) AS n$$);

-- assets and contracts
SELECT pg_temp.try($$INSERT INTO desk.asset (asset) VALUES ('')$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset) VALUES (repeat('x', 255))$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset) VALUES (repeat('x', 256))$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset, liability_weight) VALUES ('ETH', 0.99)$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset, liability_weight) VALUES ('ETH', 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset, requirement_weight) VALUES ('ETH', 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset, requirement_weight) VALUES ('ETH', 'Infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset, max_age) VALUES ('ETH', '0')$$);
SELECT pg_temp.try($$INSERT INTO desk.asset (asset, tier_unit) VALUES ('ETH', 'weight')$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('ETH_USDC', 'USDC', 0.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('ETH_USDT', 'USDT', 'ETH', 0.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('ETH_USDT', 'USDT', 0.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('ETH_USDT', 'USDT', 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('ETH_USDT', 'USDT', 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, contract_size, closing_fee) VALUES ('ETH_USDT', 'USDT', 1, -0.0001)$$);
SELECT pg_temp.try($$INSERT INTO desk.contract (contract, settle, contract_size, max_age) VALUES ('ETH_USDT', 'USDT', 1, '-1 s')$$);
SELECT pg_temp.try($$DELETE FROM desk.asset WHERE asset = 'USDT'$$);
-- as a client sees it: a settlement asset that is not there, a mark of 0
\pset tuples_only off
INSERT INTO desk.mark_price VALUES ('BTC_USDT', 0, '2026-01-01 00:00+00');
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('ETH_USDC', 'USDC', 0.01);
\pset tuples_only on

-- prices
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('BTC_USDT', 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('BTC_USDT', -1)$$);
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('BTC_USDT', 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('BTC_USDT', 'Infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('BTC_USDT', NULL)$$);
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('BTC_USDT', 1, 'infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.mark_price VALUES ('ETH_USDT', 1)$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 'Infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 1, '-infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('ETH', 1)$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 1e-1000)$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 1e-1001)$$);
SELECT pg_temp.try($$INSERT INTO desk.index_price VALUES ('BTC', 1e1000)$$);

-- levels
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('liquidation', 2), ('warning', 0.01), ('margin_call', 2)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0.86)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0.85)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('margin_call', 1.01)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('liquidation', 0.8)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('liquidation', 0.8), ('margin_call', 0.7)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('bankrupt', 2)$$);
-- a row that goes leaves the default behind
INSERT INTO desk.level_threshold VALUES ('warning', 0.9), ('margin_call', 0.95);
SELECT pg_temp.try($$DELETE FROM desk.level_threshold WHERE level = 'margin_call'$$);
SELECT pg_temp.try($$DELETE FROM desk.level_threshold WHERE level = 'warning'$$);
SELECT pg_temp.try($$DELETE FROM desk.level_threshold$$);
-- a level is left where it begins or below, and the lower one no later
DELETE FROM desk.level_threshold;
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 0.7), ('margin_call', 0.85, 0.75), ('liquidation', 1, 0.75)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 0.71)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('margin_call', 0.85, 0.69)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('margin_call', 0.85, 0.69), ('warning', 0.7, 0.69)$$);
SELECT pg_temp.try($$INSERT INTO desk.level_threshold VALUES ('margin_call', 0.85, 0.8), ('liquidation', 1, 0.79)$$);

-- balances: debts and unknown assets are facts
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, 'BTC', -1.5), (1, 'NOSUCH', 1), (1, 'USDT', 0)$$);
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, 'BTC', 1), (1, 'BTC', 2)$$);
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, 'BTC', 'NaN')$$);
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, 'BTC', '-Infinity')$$);
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, 'BTC', NULL)$$);
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, '', 1)$$);
SELECT pg_temp.try($$INSERT INTO desk.balance VALUES (1, 'BTC', 1e1000)$$);

-- positions: one long, one short; the side follows the quantity
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', 2, 60000), (1, 'BTC_USDT', -3, 61000), (1, 'NOSUCH', 1, 0);
SELECT contract, side, quantity FROM desk.position ORDER BY 1, 2;
SELECT pg_temp.try($$INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', 5, 60000)$$);
BEGIN;
INSERT INTO desk.position (account_id, contract, side, quantity, entry_price) VALUES (2, 'BTC_USDT', 'short', 5, 60000), (2, 'NOSUCH', 'neither', -5, 1) RETURNING contract, side, quantity;
UPDATE desk.position SET side = 'short', entry_price = 1 WHERE account_id = 2 RETURNING contract, side, quantity;
ROLLBACK;
SELECT pg_temp.try($$UPDATE desk.position SET quantity = -quantity WHERE side = 'long' AND contract = 'BTC_USDT'$$);
UPDATE desk.position SET quantity = -quantity WHERE contract = 'NOSUCH';
SELECT contract, side, quantity FROM desk.position ORDER BY 1, 2;
SELECT pg_temp.try($$UPDATE desk.position SET quantity = 0 WHERE side = 'long'$$);
SELECT pg_temp.try($$UPDATE desk.position SET quantity = 'NaN' WHERE side = 'long'$$);
SELECT pg_temp.try($$UPDATE desk.position SET entry_price = -1$$);
SELECT pg_temp.try($$UPDATE desk.position SET entry_price = NULL$$);
SELECT pg_temp.try($$UPDATE desk.position SET leverage = 0$$);
SELECT pg_temp.try($$UPDATE desk.position SET leverage = 'Infinity'$$);
SELECT pg_temp.try($$UPDATE desk.position SET leverage = 12.5$$);

-- open orders: a price and a leverage above 0
SELECT pg_temp.try($$INSERT INTO desk.open_order VALUES (1, 'a', 'BTC_USDT', 1, 60000)$$);
SELECT pg_temp.try($$INSERT INTO desk.open_order VALUES (1, 'b', 'NOSUCH', -0.5, 60000, 10)$$);
INSERT INTO desk.open_order VALUES (1, 'a', 'BTC_USDT', 1, 60000, NULL);
SELECT pg_temp.try($$INSERT INTO desk.open_order VALUES (1, 'a', 'BTC_USDT', 2, 60000)$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET price = 0$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET price = 'NaN'$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET price = NULL$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET leverage = 0$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET leverage = 'Infinity'$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET leverage = 0.5$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET quantity = '-Infinity'$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET quantity = 0$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET contract = ''$$);
SELECT pg_temp.try($$UPDATE desk.open_order SET order_id = NULL$$);
DELETE FROM desk.open_order;

-- what belongs to an asset or a contract follows it
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.004);
INSERT INTO desk.mark_price VALUES ('BTC_USDT', 60000, '2026-01-01 00:00+00');
INSERT INTO desk.index_price VALUES ('BTC', 60000, '2026-01-01 00:00+00');
UPDATE desk.asset SET asset = 'XBT' WHERE asset = 'BTC';
UPDATE desk.contract SET contract = 'XBT_USDT';
SELECT DISTINCT asset FROM desk.collateral_tier;
SELECT asset FROM desk.index_price;
SELECT contract, base FROM desk.contract;
SELECT contract FROM desk.risk_tier;
SELECT contract FROM desk.mark_price;
DELETE FROM desk.contract;
DELETE FROM desk.asset;
SELECT count(*) FROM desk.collateral_tier, desk.index_price, desk.risk_tier, desk.mark_price;

-- the checks need no right on the parent, look past row security, and serve nobody else
CREATE ROLE regress_margin_editor;
CREATE SCHEMA regress_margin_own AUTHORIZATION regress_margin_editor;
GRANT USAGE ON SCHEMA desk TO regress_margin_editor;
GRANT SELECT, INSERT, UPDATE ON desk.collateral_tier TO regress_margin_editor;
INSERT INTO desk.asset (asset) VALUES ('BTC');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.5);
ALTER TABLE desk.collateral_tier ENABLE ROW LEVEL SECURITY;
CREATE POLICY upper ON desk.collateral_tier TO regress_margin_editor USING (lower_bound > 0);
SET ROLE regress_margin_editor;
SELECT count(*) FROM desk.collateral_tier;
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 10, 0.6);
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 10, 0.4);
CREATE TEMP TABLE mine (asset text, valid_from timestamptz);
CREATE TRIGGER steal AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION desk.check_tiers();
CREATE TABLE regress_margin_own.mine ();
CREATE TRIGGER steal AFTER INSERT ON regress_margin_own.mine FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
INSERT INTO regress_margin_own.mine DEFAULT VALUES;
DROP TABLE regress_margin_own.mine;
CREATE TABLE desk.mine ();
DROP TABLE mine;
RESET ROLE;
DROP POLICY upper ON desk.collateral_tier;
ALTER TABLE desk.collateral_tier DISABLE ROW LEVEL SECURITY;

-- bound to their own table by its owner: nobody else's fires them
CREATE TABLE public.theirs (asset text, valid_from timestamptz);
CREATE TRIGGER steal AFTER INSERT ON public.theirs FOR EACH ROW EXECUTE FUNCTION desk.check_tiers();
ALTER TABLE public.theirs OWNER TO regress_margin_editor;
INSERT INTO public.theirs VALUES ('BTC', '-infinity');
DROP TABLE public.theirs;
DROP OWNED BY regress_margin_editor;
DROP ROLE regress_margin_editor;

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
