-- Prices in batches, their history and its retention
\set SHOW_CONTEXT never
-- what other tests have left
TRUNCATE margin.index_price_history, margin.mark_price_history;

INSERT INTO margin.asset (asset) VALUES ('BTC'), ('USDT'), ('ETH');
INSERT INTO margin.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM margin.asset;
INSERT INTO margin.contract (contract, settle_asset, size) VALUES ('BTC_USDT', 'USDT', 0.001), ('ETH_USDT', 'USDT', 0.01);
INSERT INTO margin.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.01), ('ETH_USDT', 0, 0.01);

CREATE VIEW pg_temp.present AS
SELECT asset AS symbol, price, updated_at FROM margin.index_price UNION ALL SELECT * FROM margin.mark_price ORDER BY symbol;
CREATE VIEW pg_temp.history AS
SELECT asset AS symbol, price, updated_at, forced, recorded_by = session_user AS by_me, recorded_at FROM margin.index_price_history
UNION ALL
SELECT contract, price, updated_at, forced, recorded_by = session_user, recorded_at FROM margin.mark_price_history;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- ---------------------------------------------------------------------------
-- A batch, all digits of it; older ones are ignored, the same again too
-- ---------------------------------------------------------------------------

SELECT * FROM margin.set_prices('{"assets": {"BTC": 68000.10, "USDT": 1e0}, "contracts": {"BTC_USDT": 0.1234567890123456789012345678901234567890123456789},
    "at": "2026-01-01 00:00:00+00"}');
SELECT * FROM pg_temp.present;
SELECT * FROM margin.set_prices('{"assets": {"BTC": 68000.1, "ETH": 3000}, "at": "2026-01-01T01:00:00+01:00"}');
SELECT * FROM margin.set_prices('{"assets": {"BTC": 1, "ETH": 3001}, "contracts": {"BTC_USDT": 2}, "at": "2025-12-31 23:59:59.999999+00"}');
SELECT * FROM pg_temp.present;
-- as late as the stored one it counts, and later
SELECT * FROM margin.set_prices(ARRAY['BTC'], ARRAY[68001], at => '2026-01-01 00:00+00');
SELECT * FROM margin.set_prices(ARRAY['BTC', 'USDT'], ARRAY[68002, 1], ARRAY['ETH_USDT', 'BTC_USDT'], ARRAY[3005.50, 68003], '2026-01-01 00:00:01+00');
SELECT * FROM pg_temp.present;
-- a correction
SELECT * FROM margin.set_prices('{"assets": {"BTC": 67000, "USDT": 1}, "at": "2026-01-01 00:00:00.5+00"}');
SELECT * FROM margin.set_prices('{"assets": {"BTC": 67000, "USDT": 1}, "at": "2026-01-01 00:00:00.5+00"}', force => true);
SELECT * FROM margin.set_prices('{"assets": {"BTC": 67000, "USDT": 1}, "at": "2026-01-01 00:00:00.5+00"}', force => true);
SELECT symbol, price, updated_at, forced, by_me FROM pg_temp.history ORDER BY symbol COLLATE "C", recorded_at;
-- nothing to do
SELECT * FROM margin.set_prices('{}');
SELECT * FROM margin.set_prices('{"assets": {}, "contracts": {}, "at": "2026-01-01 00:00+00"}');
SELECT * FROM margin.set_prices('{}'::text[], NULL, NULL, '{}');
-- without a time, the time of the call
BEGIN;
SELECT pg_sleep(0.01);
SELECT * FROM margin.set_prices('{"assets": {"BTC": 67000.5}}');
SELECT updated_at BETWEEN now() + interval '10 ms' AND clock_timestamp() FROM margin.index_price WHERE asset = 'BTC';
ROLLBACK;
-- up to 5 s ahead
BEGIN;
SELECT applied FROM margin.set_prices('{BTC}', '{1}', at => clock_timestamp() + interval '4 s');
ROLLBACK;

-- ---------------------------------------------------------------------------
-- Nonsense sets nothing
-- ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before text := (SELECT string_agg(p::text, ' ') FROM pg_temp.present AS p);
    result record;
    complaint text;
BEGIN
    BEGIN
        EXECUTE 'SELECT * FROM margin.set_prices(' || command || ')' INTO result;
        RETURN 'accepted ' || result;
    EXCEPTION WHEN OTHERS THEN
        complaint := SQLSTATE || ' ' || regexp_replace(SQLERRM, '20\d\d-\S+ \S+', 'T');
    END;
    RETURN complaint || CASE WHEN before <> (SELECT string_agg(p::text, ' ') FROM pg_temp.present AS p) THEN ' CHANGED' ELSE '' END;
END
$$;
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 0}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": -0.0}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "contracts": {"BTC_USDT": -1}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e1000}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e-1001}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e1000000}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": null}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": "1"}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": NaN}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": {"price": 1}}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1, "USDT": 2}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "contracts": {}, "assets": {}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "marks": {}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2, "DOGE": 1, "BTC_USDT": 1, "": 1}}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "contracts": {"BTC": 1, "BTC_USDT": 1}}'$$);
SELECT pg_temp.try($$'{"assets": ["BTC", 1]}'$$);
SELECT pg_temp.try($$'[]'$$);
SELECT pg_temp.try($$'null'$$);
SELECT pg_temp.try($$NULL::json$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "at": "infinity"}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "at": "-infinity"}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "at": "then"}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "at": 1767225600}'$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 2}, "at": null}'$$);
SELECT pg_temp.try($$'{USDT}', '{2}', at => clock_timestamp() + interval '6 s'$$);
SELECT pg_temp.try($$'{USDT}', '{2}', at => clock_timestamp() + interval '6 s', force => true$$);
SELECT pg_temp.try($$'{USDT,BTC}', '{2,NaN}'::numeric[]$$);
SELECT pg_temp.try($$'{USDT,BTC}', '{2,Infinity}'::numeric[]$$);
SELECT pg_temp.try($$'{USDT,BTC}', '{2,NULL}'::numeric[]$$);
SELECT pg_temp.try($$'{USDT,NULL}', '{2,1}'::numeric[]$$);
SELECT pg_temp.try($$'{USDT,BTC}', '{2}'::numeric[]$$);
SELECT pg_temp.try($$'{USDT}', '{2}'::numeric[], '{BTC_USDT}'$$);
SELECT pg_temp.try($$'{USDT}', NULL::numeric[]$$);
SELECT pg_temp.try($$'{USDT,BTC,USDT}', '{2,1,2}'::numeric[]$$);
SELECT pg_temp.try($$'{"assets": {"USDT": 1.5}}', refresh => true, book => 'nowhere'$$);

-- ---------------------------------------------------------------------------
-- By hand
-- ---------------------------------------------------------------------------

TRUNCATE margin.index_price_history, margin.mark_price_history;
DELETE FROM margin.index_price;
INSERT INTO margin.index_price VALUES ('BTC', 1, '2026-01-02 00:00+00'), ('USDT', 1, '2026-01-02 00:00+00');
UPDATE margin.index_price SET price = price + 1, updated_at = '2026-01-03 00:00+00' WHERE asset = 'BTC';
UPDATE margin.index_price SET updated_at = '2026-01-01 00:00+00' WHERE asset = 'BTC';
UPDATE margin.index_price SET price = price;
INSERT INTO margin.mark_price AS m VALUES ('ETH_USDT', 7, '2026-01-02 00:00+00'), ('BTC_USDT', 8, '2026-01-02 00:00+00')
    ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at;
SELECT symbol, price, updated_at, forced FROM pg_temp.history ORDER BY symbol COLLATE "C", recorded_at;
-- what was applied is not rewritten
UPDATE margin.index_price_history SET price = 1;
UPDATE margin.mark_price_history SET price = 1;

-- who may set prices needs no right on the history, and is named in it
CREATE ROLE regress_margin_feed;
GRANT USAGE ON SCHEMA margin TO regress_margin_feed;
GRANT SELECT ON margin.asset, margin.contract TO regress_margin_feed;
GRANT SELECT, INSERT, UPDATE ON margin.index_price, margin.mark_price TO regress_margin_feed;
SET ROLE regress_margin_feed;
SELECT * FROM margin.set_prices('{"assets": {"ETH": 3000}, "contracts": {"ETH_USDT": 3001}, "at": "2026-02-01 00:00+00"}');
SELECT * FROM margin.index_price_history;
SELECT * FROM margin.set_prices('{"assets": {"ETH": 3000}, "at": "2026-02-02 00:00+00"}', refresh => true);
CREATE TEMP TABLE bait (asset text, price numeric, updated_at timestamptz);
CREATE TRIGGER t AFTER INSERT ON bait REFERENCING NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION margin.price_record('asset');
RESET ROLE;
SELECT asset, price, recorded_by FROM margin.index_price_history WHERE asset = 'ETH';
DROP OWNED BY regress_margin_feed;
DROP ROLE regress_margin_feed;

-- ---------------------------------------------------------------------------
-- Retention
-- ---------------------------------------------------------------------------

TRUNCATE margin.index_price_history, margin.mark_price_history;
INSERT INTO margin.index_price_history (asset, price, updated_at, forced, recorded_at)
SELECT 'BTC', n, now() - n * interval '1 day', false, now() - n * interval '1 day' FROM generate_series(1, 10) AS n;
INSERT INTO margin.mark_price_history (contract, price, updated_at, forced, recorded_at)
SELECT 'BTC_USDT', n, now() - n * interval '1 day', false, now() - n * interval '1 day' FROM generate_series(1, 10) AS n;
UPDATE margin.index_price AS p SET price = h.price, updated_at = h.updated_at FROM margin.index_price_history AS h
 WHERE p.asset = 'BTC' AND h.asset = 'BTC' AND h.price = 9;
-- the present price, 9, is kept, however old; it was recorded twice
SELECT margin.prune_price_history();
SELECT margin.prune_price_history(interval '7 days 12 hours');
SELECT asset, array_agg(price ORDER BY price) FROM margin.index_price_history GROUP BY 1;
INSERT INTO margin.price_retention VALUES ('5 days 12 hours');
INSERT INTO margin.price_retention VALUES ('1 day');
INSERT INTO margin.price_retention VALUES ('1 day', false);
UPDATE margin.price_retention SET keep = '-1 s';
SELECT margin.prune_price_history();
SELECT contract, array_agg(price ORDER BY price) FROM margin.mark_price_history GROUP BY 1;

-- ---------------------------------------------------------------------------
-- A restore brings each row once, whichever table comes first
-- ---------------------------------------------------------------------------

TRUNCATE margin.index_price_history;
UPDATE margin.index_price SET updated_at = '2026-03-01 00:00+00', price = price + 1;
UPDATE margin.index_price SET updated_at = '2026-02-01 00:00+00';
CREATE TEMP TABLE kept AS TABLE margin.index_price;
CREATE TEMP TABLE kept_history AS TABLE margin.index_price_history;
SELECT count(*) FROM kept_history;
SET check_function_bodies = off;
DELETE FROM margin.index_price;
TRUNCATE margin.index_price_history;
INSERT INTO margin.index_price TABLE kept;
INSERT INTO margin.index_price_history TABLE kept_history;
SELECT count(*) FROM (TABLE margin.index_price_history EXCEPT ALL TABLE kept_history) AS d;
SELECT count(*) FROM margin.index_price_history;
DELETE FROM margin.index_price;
TRUNCATE margin.index_price_history;
INSERT INTO margin.index_price_history TABLE kept_history;
INSERT INTO margin.index_price TABLE kept;
SELECT count(*) FROM (TABLE margin.index_price_history EXCEPT ALL TABLE kept_history) AS d;
SELECT count(*) FROM margin.index_price_history;

RESET check_function_bodies;

-- ---------------------------------------------------------------------------
-- The market of a past instant: the prices that stood then, not the ones that
-- were observed then
-- ---------------------------------------------------------------------------

TRUNCATE margin.index_price_history, margin.mark_price_history;
INSERT INTO margin.index_price_history (asset, price, updated_at, forced, recorded_at) VALUES
    ('BTC', 100, '2026-01-01 10:00+00', false, '2026-01-01 10:00:01+00'), ('BTC', 110, '2026-01-01 11:00+00', false, '2026-01-01 11:00:01+00'),
    ('BTC', 105, '2026-01-01 10:30+00', true, '2026-01-01 12:00+00'), ('USDT', 1, '2026-01-01 10:00+00', false, '2026-01-01 10:00+00');
INSERT INTO margin.mark_price_history (contract, price, updated_at, forced, recorded_at) VALUES
    ('BTC_USDT', 101, '2026-01-01 10:00+00', false, '2026-01-01 10:00:01+00');
CREATE VIEW pg_temp.past AS
SELECT n, (SELECT price FROM margin.assets(m) WHERE asset = 'BTC') AS btc, (SELECT price FROM margin.assets(m) WHERE asset = 'USDT') AS usdt,
       (SELECT price FROM margin.assets(m) WHERE asset = 'ETH') AS eth, (SELECT mark_price FROM margin.contracts(m) WHERE contract = 'BTC_USDT') AS mark
  FROM unnest('{2026-01-01 09:59:59.999999+00, 2026-01-01 10:00+00, 2026-01-01 10:00:01+00, 2026-01-01 11:00+00, 2026-01-01 11:30+00,
                2026-01-01 11:30:00.000001+00, 2026-01-01 12:00+00}'::timestamptz[]) WITH ORDINALITY AS t (at, n),
       LATERAL (SELECT margin.past_market(at) AS m OFFSET 0) AS past;
SELECT * FROM pg_temp.past ORDER BY n;
-- a price expires by the terms of then
BEGIN;
UPDATE margin.asset SET max_age = '30 minutes' WHERE asset = 'BTC';
UPDATE margin.contract SET max_age = '1 hour' WHERE contract = 'BTC_USDT';
SELECT * FROM pg_temp.past ORDER BY n;
INSERT INTO margin.asset_change (asset, valid_from) VALUES ('BTC', '2026-01-01 11:30:00.000001+00');
INSERT INTO margin.contract_change (contract, valid_from, settle_asset, size, max_age) VALUES ('BTC_USDT', '2026-01-01 11:30+00', 'USDT', 0.001, '90 minutes');
SELECT * FROM pg_temp.past ORDER BY n;
ROLLBACK;
-- parameters of then too, and all of the market of now
INSERT INTO margin.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', '2026-01-01 11:00+00', 0, 0.5);
SELECT (SELECT tiers FROM margin.assets(margin.past_market('2026-01-01 10:59:59+00')) WHERE asset = 'BTC') AS before,
       (SELECT tiers FROM margin.assets(margin.past_market('2026-01-01 11:00+00')) WHERE asset = 'BTC') AS after,
       margin.past_market(NULL) IS NULL AS null_for_null;
DELETE FROM margin.index_price;
DELETE FROM margin.mark_price;
SELECT applied FROM margin.set_prices('{"assets": {"BTC": 1000.10, "USDT": 1, "ETH": 30}, "contracts": {"BTC_USDT": 1000, "ETH_USDT": 31}}');
INSERT INTO margin.level_threshold VALUES ('warning', 0.6);
SELECT margin.past_market(clock_timestamp()) OPERATOR(margin.=) margin.market() AS as_now;
DELETE FROM margin.level_threshold;
DELETE FROM margin.collateral_tier WHERE valid_from > '-infinity';

-- ---------------------------------------------------------------------------
-- With the levels of holders: 0.1 USDT and a contract of 0.001 bought at 1000, so
-- equity 0.001 * mark - 0.9 and maintenance 0.00001 * mark
-- ---------------------------------------------------------------------------

SELECT applied FROM margin.set_prices('{"assets": {"BTC": 1000, "USDT": 1}, "contracts": {"BTC_USDT": 1000}}');
INSERT INTO margin.balance VALUES (1, 'USDT', 0.1), (2, 'BTC', 1), (3, 'USDT', -1);
INSERT INTO margin.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', 1, 1000);
SELECT * FROM margin.set_prices('{"contracts": {"BTC_USDT": 1000.5}}', refresh => true);
SELECT * FROM margin.set_prices('{"contracts": {"BTC_USDT": 905}}', refresh => true);
SELECT * FROM margin.set_prices('{"contracts": {"BTC_USDT": 1}, "at": "2020-01-01 00:00+00"}', refresh => true);
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices -> 'contracts' AS marks, cause FROM margin.level_event ORDER BY id;
SELECT * FROM margin.set_prices('{"assets": {"USDT": 2}}', refresh => true);
SELECT account_id, level FROM margin.account_level ORDER BY 1;

ALTER TABLE margin.level_event DISABLE TRIGGER level_event_append_only;
TRUNCATE margin.level_event, margin.account_level, margin.balance, margin.position, margin.level_threshold,
    margin.index_price_history, margin.mark_price_history, margin.price_retention;
ALTER TABLE margin.level_event ENABLE TRIGGER level_event_append_only;
DELETE FROM margin.contract;
DELETE FROM margin.asset;
