-- terms of assets and contracts in time, and the journal of edits
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
\set SHOW_CONTEXT never

INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDT'), ('USDC');
INSERT INTO desk.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1), ('USDC', 1);
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_PERP', 'USDT', 'BTC', 0.001);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES
    ('BTC_PERP', 0, 0.01, 0.02), ('BTC_PERP', 1000, 0.02, 0.04);
INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_PERP', 60000);

-- a change holds from its instant on, all of it, until the next
INSERT INTO desk.asset_change (asset, valid_from, tier_unit, liability_weight, requirement_weight) VALUES
    ('BTC', '2020-01-01 00:00+00', 'value', 1.5, 2),
    ('BTC', '2021-01-01 00:00+00', DEFAULT, DEFAULT, DEFAULT);
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, netting, closing_fee, maintenance_method, initial_method) VALUES
    ('BTC_PERP', '2020-06-01 00:00+00', 'USDC', 0.01, 'net', 0.0005, 'whole', 'marginal');
SELECT as_of, b.tier_unit, b.liability_weight, b.requirement_weight, c.settle, c.base, c.contract_size, c.netting, c.closing_fee, c.maintenance, c.initial
  FROM unnest('{-infinity, 2019-12-31 23:59:59.999999+00, 2020-01-01 00:00+00, 2020-06-01 00:00+00, 2021-01-01 00:00+00, infinity}'::timestamptz[]) AS as_of,
       LATERAL (SELECT desk.market(as_of) AS m OFFSET 0) AS at,
       LATERAL (SELECT * FROM margin.assets(m) WHERE asset = 'BTC') AS b,
       LATERAL (SELECT * FROM margin.contracts(m)) AS c
 ORDER BY as_of;

-- max_age changes with the rest, both ways
BEGIN;
UPDATE desk.index_price SET updated_at = now() - interval '1 hour';
UPDATE desk.mark_price SET updated_at = now() - interval '1 hour';
UPDATE desk.asset SET max_age = '1 minute' WHERE asset = 'BTC';
UPDATE desk.contract_change SET max_age = '1 minute';
SELECT as_of, b.price, c.mark
  FROM unnest('{2019-12-31 00:00+00, 2020-02-01 00:00+00, 2020-07-01 00:00+00}'::timestamptz[]) AS as_of,
       LATERAL (SELECT desk.market(as_of) AS m OFFSET 0) AS at,
       LATERAL (SELECT * FROM margin.assets(m) WHERE asset = 'BTC') AS b,
       LATERAL (SELECT * FROM margin.contracts(m)) AS c
 ORDER BY as_of;
ROLLBACK;

-- an edit of terms that a change has replaced says so, and which
BEGIN;
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
UPDATE desk.asset SET liability_weight = 1.1, source = 'x';
UPDATE desk.contract SET contract_size = contract_size * 2;
UPDATE desk.asset_change SET requirement_weight = 3 WHERE valid_from < '2021-01-01 00:00+00';
UPDATE desk.risk_tier SET maintenance_rate = 0.011 WHERE lower_bound = 0;
INSERT INTO desk.risk_tier (contract, valid_from, lower_bound, maintenance_rate) VALUES ('BTC_PERP', '2020-07-01 00:00+00', 0, 0.01), ('BTC_PERP', '2100-01-01 00:00+00', 0, 0.03);
UPDATE desk.risk_tier SET maintenance_rate = 0.012 WHERE valid_from = '-infinity' AND lower_bound = 0;
-- nothing of these holds otherwise than it says
UPDATE desk.risk_tier SET maintenance_rate = maintenance_rate + 0.001;
UPDATE desk.risk_tier SET maintenance_rate = 0.04 WHERE valid_from > now();
UPDATE desk.asset SET liability_weight = 1.2 WHERE asset <> 'BTC';
UPDATE desk.asset SET source = 'y', liability_weight = liability_weight;
UPDATE desk.asset_change SET requirement_weight = 4;
UPDATE desk.asset SET asset = asset || '2';
UPDATE desk.contract SET contract = contract || '2';
INSERT INTO desk.asset_change (asset, valid_from, liability_weight) VALUES ('USDT2', now() + interval '1 day', 2);
UPDATE desk.asset SET liability_weight = 1.3 WHERE asset = 'USDT2';
ROLLBACK;

-- the same domains as the terms they replace
INSERT INTO desk.asset_change (asset, valid_from, liability_weight) VALUES ('BTC', '2022-01-01 00:00+00', 0.9);
INSERT INTO desk.asset_change (asset, valid_from) VALUES ('BTC', '-infinity');
INSERT INTO desk.asset_change (asset, valid_from) VALUES ('NONE', '2022-01-01 00:00+00');
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size) VALUES ('BTC_PERP', '2022-01-01 00:00+00', 'USDT', 0);
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size) VALUES ('BTC_PERP', '2022-01-01 00:00+00', 'NONE', 1);
-- every constraint of the terms is there
SELECT c.conname AS not_copied FROM pg_catalog.pg_constraint AS c
 WHERE c.contype = 'c' AND c.conrelid IN ('desk.asset'::regclass, 'desk.contract'::regclass)
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint AS d
                    WHERE d.conname = c.conname AND d.contype = 'c'
                      AND d.conrelid = (CASE c.conrelid WHEN 'desk.asset'::regclass THEN 'desk.asset_change' ELSE 'desk.contract_change' END)::regclass);

INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size) VALUES ('NONE', '2022-01-01 00:00+00', 'USDT', 1);

-- changes follow their asset or contract
BEGIN;
UPDATE desk.asset SET asset = asset || '2' WHERE asset <> 'USDT';
UPDATE desk.contract SET contract = 'XBT_PERP';
SELECT DISTINCT asset FROM desk.asset_change;
SELECT contract, settle FROM desk.contract_change;
DELETE FROM desk.asset WHERE asset = 'USDC2';
ROLLBACK;
BEGIN;
DELETE FROM desk.contract;
DELETE FROM desk.asset;
SELECT (SELECT count(*) FROM desk.asset_change) AS assets, (SELECT count(*) FROM desk.contract_change) AS contracts;
ROLLBACK;
BEGIN;
TRUNCATE desk.asset, desk.contract CASCADE;
SELECT (SELECT count(*) FROM desk.asset_change) AS assets, (SELECT count(*) FROM desk.contract_change) AS contracts;
SELECT parameter, count(*), count(after) AS left_over FROM desk.parameter_event WHERE txid = pg_current_xact_id() GROUP BY 1 ORDER BY 1;
ROLLBACK;
-- nor do they stay behind by mistake
TRUNCATE desk.asset, desk.contract, desk.collateral_tier, desk.liability_tier, desk.risk_tier, desk.index_price, desk.mark_price;

-- what is entered ahead
SELECT parameter, symbol FROM desk.planned_change;
BEGIN;
INSERT INTO desk.asset_change (asset, valid_from) VALUES ('BTC', now() + interval '1 day');
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size) VALUES ('BTC_PERP', now() + interval '1 day', 'USDT', 1);
INSERT INTO desk.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', now() + interval '2 days', 0, 0.9), ('BTC', now() + interval '2 days', 1, 0.8);
INSERT INTO desk.liability_tier (asset, valid_from, lower_bound, maintenance_rate) VALUES ('BTC', now() + interval '3 days', 0, 0.9);
INSERT INTO desk.risk_tier (contract, valid_from, lower_bound, maintenance_rate) VALUES ('BTC_PERP', now() + interval '4 days', 0, 0.9);
SELECT valid_from - now() AS ahead, parameter, symbol FROM desk.planned_change ORDER BY 1, 2;
ROLLBACK;

-- and what it will do: 2 BTC count 2 * 0.9 * 60000 = 108000 now, half of that in
-- a day, (1 * 0.5 + 1 * 0.25) * 60000 = 45000 in two, and nothing for USDC
SELECT * FROM desk.report_impact;
BEGIN;
DELETE FROM desk.contract_change;
INSERT INTO desk.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES
    ('BTC', '-infinity', 0, 0.9), ('USDT', '-infinity', 0, 1),
    ('BTC', now() + interval '1 day', 0, 0.45), ('BTC', now() + interval '2 days', 0, 0.5), ('BTC', now() + interval '2 days', 1, 0.25);
INSERT INTO desk.balance VALUES (1, 'BTC', 2), (2, 'USDC', 1), (3, 'BTC', 1), (3, 'USDT', -28000), (4, 'NONE', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_PERP', 10, 60000);
SELECT account_id, level_before, level_after, equity_before, equity_after, equity_change, maintenance_margin_change, available_margin_change FROM desk.report_impact;
SELECT account_id, level_before, level_after, equity_before, equity_after FROM desk.report_impact(now() + interval '2 days');
ROLLBACK;

-- the journal so far, from the first edit on; what changed nothing is not there
UPDATE desk.asset SET source = source;
SELECT id - min(id) OVER () AS n, parameter, symbol, before, after->'contract_size' AS contract_size, after->'tier_unit' AS tier_unit
  FROM desk.parameter_event ORDER BY id;
-- before and after, who and when
CREATE ROLE regress_margin_editor;
GRANT USAGE ON SCHEMA desk TO regress_margin_editor;
GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON desk.asset, desk.contract, desk.risk_tier, desk.level_threshold TO regress_margin_editor;
SET ROLE regress_margin_editor;
BEGIN;
UPDATE desk.asset SET liability_weight = 1.0000000000000000000000000000000000000001 WHERE asset = 'BTC';
INSERT INTO desk.level_threshold VALUES ('warning', 0.6);
DELETE FROM desk.level_threshold;
TRUNCATE desk.risk_tier;
RESET ROLE;
SELECT parameter, symbol, before->>'liability_weight' AS before, after->>'liability_weight' AS after, before->'maintenance_rate' AS rate,
       changed_by, changed_at = now() AS now, txid = pg_current_xact_id() AS this_transaction
  FROM desk.parameter_event WHERE changed_by = 'regress_margin_editor' ORDER BY id;
ROLLBACK;
-- no table of parameters without a journal
SELECT c.relname AS not_journaled FROM pg_catalog.pg_class AS c
 WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind = 'r'
   AND c.relname NOT IN ('balance', 'position', 'open_order', 'book_rule', 'account_level', 'level_epoch', 'level_basis', 'account_snapshot', 'snapshot',  -- facts
                         'index_price', 'mark_price', 'report_run', 'price_retention', 'snapshot_retention', 'admitted_owner', 'reference_price', 'held_price', 'accrual_house', 'interest_hour', 'funding_settlement', 'published_market', 'pending_publication')
   AND c.relname !~ '_(event|entry|exception|history)$'
   AND (SELECT count(*) FROM pg_catalog.pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgfoid = 'desk.record_parameter_event'::regproc) <> 2;
-- which the editor can neither see nor touch, nor switch off
SET ROLE regress_margin_editor;
TABLE desk.parameter_event;
INSERT INTO desk.parameter_event (parameter, symbol, changed_by, changed_at, txid) VALUES ('asset', 'BTC', 'x', now(), '1');
SET check_function_bodies = off;
UPDATE desk.asset SET source = 'quietly' WHERE asset = 'BTC';
RESET check_function_bodies;
RESET ROLE;
SELECT parameter, symbol, after->>'source' AS source FROM desk.parameter_event ORDER BY id DESC LIMIT 1;
-- nor journal what he does to a table of his own
SET ROLE regress_margin_editor;
CREATE TEMP TABLE mine (asset text);
CREATE TRIGGER journal AFTER INSERT ON mine FOR EACH ROW EXECUTE FUNCTION desk.record_parameter_event('asset');
DROP TABLE mine;
RESET ROLE;

DROP OWNED BY regress_margin_editor;
DROP ROLE regress_margin_editor;
-- it reads the same, whatever the session of the editor is set to
BEGIN;
ALTER TABLE desk.asset ADD COLUMN share double precision DEFAULT 0.1, ADD COLUMN code bytea DEFAULT '\x00ff', ADD COLUMN since timestamptz DEFAULT '2026-01-01 00:00+00';
SELECT set_config(name, value, true)
  FROM (VALUES ('intervalstyle', 'sql_standard'), ('datestyle', 'German'), ('timezone', 'Asia/Tokyo'), ('extra_float_digits', '-3'), ('bytea_output', 'escape')) AS s (name, value);
UPDATE desk.asset SET max_age = '1 day 02:03:04', share = 0.1::real WHERE asset = 'USDC';
INSERT INTO desk.asset_change (asset, valid_from, max_age) VALUES ('USDC', '2027-01-01 00:00+00', '1 mon -00:00:01');
TRUNCATE desk.asset_change;
SELECT parameter, before, after FROM desk.parameter_event WHERE symbol = 'USDC' ORDER BY id DESC LIMIT 3;
ROLLBACK;
-- what happened is not rewritten
DELETE FROM desk.parameter_event;

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
