-- Prices in batches, their history and its retention
\set SHOW_CONTEXT never
CREATE SCHEMA desk;
SELECT margin.create_book('desk');

INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDT'), ('ETH');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM desk.asset;
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('BTC_USDT', 'USDT', 0.001), ('ETH_USDT', 'USDT', 0.01);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.01), ('ETH_USDT', 0, 0.01);

CREATE VIEW pg_temp.present AS
SELECT asset AS symbol, price, updated_at FROM desk.index_price UNION ALL SELECT * FROM desk.mark_price ORDER BY symbol;
CREATE VIEW pg_temp.history AS
SELECT asset AS symbol, price, updated_at, forced, recorded_by = session_user AS by_me, recorded_at FROM desk.index_price_history
UNION ALL
SELECT contract, price, updated_at, forced, recorded_by = session_user, recorded_at FROM desk.mark_price_history;
SET timezone = 'UTC';
SET datestyle = 'ISO';

-- ---------------------------------------------------------------------------
-- A batch, all digits of it; older ones are ignored, the same again too
-- ---------------------------------------------------------------------------

SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 68000.10, "USDT": 1e0}, "contracts": {"BTC_USDT": 0.1234567890123456789012345678901234567890123456789},
    "at": "2026-01-01 00:00:00+00"}');
SELECT * FROM pg_temp.present;
SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 68000.1, "ETH": 3000}, "at": "2026-01-01T01:00:00+01:00"}');
SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 1, "ETH": 3001}, "contracts": {"BTC_USDT": 2}, "at": "2025-12-31 23:59:59.999999+00"}');
SELECT * FROM pg_temp.present;
-- as late as the stored one it counts, and later
SELECT * FROM margin.set_prices('desk', ARRAY['BTC'], ARRAY[68001], at => '2026-01-01 00:00+00');
SELECT * FROM margin.set_prices('desk', ARRAY['BTC', 'USDT'], ARRAY[68002, 1], ARRAY['ETH_USDT', 'BTC_USDT'], ARRAY[3005.50, 68003], '2026-01-01 00:00:01+00');
SELECT * FROM pg_temp.present;
-- a correction
SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 67000, "USDT": 1}, "at": "2026-01-01 00:00:00.5+00"}');
SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 67000, "USDT": 1}, "at": "2026-01-01 00:00:00.5+00"}', force => true);
SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 67000, "USDT": 1}, "at": "2026-01-01 00:00:00.5+00"}', force => true);
SELECT symbol, price, updated_at, forced, by_me FROM pg_temp.history ORDER BY symbol COLLATE "C", recorded_at;
-- nothing to do
SELECT * FROM margin.set_prices('desk', '{}');
SELECT * FROM margin.set_prices('desk', '{"assets": {}, "contracts": {}, "at": "2026-01-01 00:00+00"}');
SELECT * FROM margin.set_prices('desk', '{}'::text[], NULL, NULL, '{}');
-- without a time, the time of the call
BEGIN;
SELECT pg_sleep(0.01);
SELECT * FROM margin.set_prices('desk', '{"assets": {"BTC": 67000.5}}');
SELECT updated_at BETWEEN now() + interval '10 ms' AND clock_timestamp() FROM desk.index_price WHERE asset = 'BTC';
ROLLBACK;
-- up to 5 s ahead
BEGIN;
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{1}', at => clock_timestamp() + interval '4 s');
ROLLBACK;

-- ---------------------------------------------------------------------------
-- What cannot be set is said, symbol by symbol, and the rest is set; with
-- strict nothing is.  Structure is an error either way.
-- ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.try(command text, OUT lenient text, OUT strictly text) LANGUAGE plpgsql AS $$
DECLARE
    before text := (SELECT string_agg(p::text, ' ') FROM pg_temp.present AS p);
BEGIN
    BEGIN
        EXECUTE 'SELECT format(''%s %s %s'', applied, ignored, rejected) FROM margin.set_prices(''desk'', ' || command || ')' INTO lenient;
        RAISE EXCEPTION 'undone';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    WHEN OTHERS THEN
        lenient := SQLSTATE || ' ' || regexp_replace(SQLERRM, '20\d\d-\S+ \S+', 'T');
    END;
    BEGIN
        EXECUTE 'SELECT format(''%s %s %s'', applied, ignored, rejected) FROM margin.set_prices(''desk'', ' || command || ', strict => true)' INTO strictly;
        RAISE EXCEPTION 'undone';
    EXCEPTION WHEN raise_exception THEN
        NULL;
    WHEN OTHERS THEN
        strictly := CASE WHEN SQLSTATE || ' ' || regexp_replace(SQLERRM, '20\d\d-\S+ \S+', 'T') = lenient THEN 'as well' ELSE SQLSTATE || ' ' || SQLERRM END;
    END;
    IF before <> (SELECT string_agg(p::text, ' ') FROM pg_temp.present AS p) THEN
        RAISE EXCEPTION 'changed';
    END IF;
END
$$;
\x on
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 0}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": -0.0}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "contracts": {"BTC_USDT": -1}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e1000}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e-1001}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e1000000, "ETH": 1e-1000000}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1e99999999999999999999}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": null}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": true, "ETH": {"price": 1}}, "contracts": {"BTC_USDT": []}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "DOGE": 1, "BTC_USDT": 1, "": 1}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "contracts": {"BTC": 1, "BTC_USDT": 1}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": 1, "USDT": 2}}'$$);
SELECT * FROM pg_temp.try($$'{USDT,BTC,USDT}', '{2,1,2}'::numeric[]$$);
SELECT * FROM pg_temp.try($$'{USDT,BTC,ETH}', '{2,NaN,Infinity}'::numeric[]$$);
SELECT * FROM pg_temp.try($$'{USDT,BTC}', '{2,NULL}'::numeric[]$$);
SELECT * FROM pg_temp.try($$'{USDT,NULL}', '{2,1}'::numeric[]$$);
-- one that is older is no flaw of the batch
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "ETH": 2}, "contracts": {"BTC_USDT": 2, "ETH_USDT": 2}, "at": "2025-06-01 00:00+00"}'$$);
-- numbers as texts
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": "2", "BTC": " 68000.10 "}, "contracts": {"BTC_USDT": "+6.8e4", "ETH_USDT": ".5"}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": "NaN", "BTC": "Infinity", "ETH": "-inf"}, "contracts": {"BTC_USDT": "", "ETH_USDT": "1,5"}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": "0x10", "BTC": "1_000", "ETH": "-1"}, "contracts": {"BTC_USDT": "1e", "ETH_USDT": "12 34"}}'$$);
SELECT * FROM pg_temp.try(format($$'{"assets": {"USDT": "%s", "BTC": "x%s"}}'$$, repeat('9', 200000), repeat('y', 100)));
-- structure
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2, "BTC": NaN}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "contracts": {}, "assets": {}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "marks": {}}'$$);
SELECT * FROM pg_temp.try($$'{"assets": ["BTC", 1]}'$$);
SELECT * FROM pg_temp.try($$'[]'$$);
SELECT * FROM pg_temp.try($$'null'$$);
SELECT * FROM pg_temp.try($$NULL::json$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "at": "infinity"}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "at": "-infinity"}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "at": "then"}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "at": null}'$$);
SELECT * FROM pg_temp.try($$'{"assets": {"USDT": 2}, "at": 100000000000000}'$$);
SELECT * FROM pg_temp.try($$'{USDT}', '{2}', at => clock_timestamp() + interval '6 min'$$);
SELECT * FROM pg_temp.try($$'{USDT}', '{2}', at => clock_timestamp() + interval '6 min', force => true$$);
SELECT * FROM pg_temp.try($$'{USDT,BTC}', '{2}'::numeric[]$$);
SELECT * FROM pg_temp.try($$'{USDT}', '{2}'::numeric[], '{BTC_USDT}'$$);
SELECT * FROM pg_temp.try($$'{USDT}', NULL::numeric[]$$);
\x off

-- literals without a type: JSON or arrays, by how many there are
BEGIN;
SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 1}}');
SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 2}}', refresh => true, strict => true);
SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 3}}', false);
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{4}');
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{5}', refresh => true);
SELECT applied FROM margin.set_prices('desk', '{}', '{}', '{BTC_USDT}', '{6}');
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{7}', '{BTC_USDT}', '{7}', clock_timestamp(), true, true, true);
SELECT applied FROM margin.set_prices('desk', '{BTC}', ARRAY[8]);
SELECT applied FROM margin.set_prices('desk', ARRAY['BTC'], '{9}');
SELECT applied FROM margin.set_prices('desk', '{BTC}', ARRAY[10.5], '{BTC_USDT}', ARRAY[11]);
PREPARE as_drivers AS SELECT applied FROM margin.set_prices($1, $2, $3);
EXECUTE as_drivers('desk', '{BTC}', '{12}');
SELECT applied, rejected FROM margin.set_prices('desk', '{BTC, ETH}', '{13, about 14}');
SELECT price FROM desk.index_price_history WHERE asset = 'BTC' ORDER BY id DESC LIMIT 9;
DEALLOCATE as_drivers;
ROLLBACK;

-- milliseconds and seconds since 1970
BEGIN;
DELETE FROM desk.index_price;
SELECT at, applied
  FROM (VALUES (1, '1735689600000'), (2, '1735689600123.456'), (3, '1735689601'), (4, '1735689602.5'), (5, '1.735689603e12'), (6, '"1735689604000"'),
               (7, '"1735689605"'), (8, '"1735689606.000001"'), (9, '"20250101 000007+00"'), (10, '"2025-01-01T00:00:08Z"')) AS t (n, at),
       LATERAL (SELECT applied FROM margin.set_prices('desk', format('{"assets": {"BTC": %s}, "at": %s}', n, at)::json) OFFSET 0) AS s;
SELECT price, updated_at FROM desk.index_price_history WHERE asset = 'BTC' AND id > (SELECT max(id) FROM desk.index_price_history WHERE price IS NULL) ORDER BY id;
SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 1}, "at": -1.5}', force => true);
SELECT updated_at FROM desk.index_price;
ROLLBACK;

-- what was dated ahead by hand counts for less than what is not
BEGIN;
INSERT INTO desk.mark_price VALUES ('ETH_USDT', 1, '2099-01-01 00:00+00') ON CONFLICT (contract) DO UPDATE SET updated_at = excluded.updated_at;
UPDATE desk.index_price SET updated_at = '2099-01-01 00:00+00' WHERE asset IN ('BTC', 'ETH');
SELECT applied, rejected FROM margin.set_prices('desk', '{"assets": {"BTC": 11, "USDT": 1.5}, "contracts": {"ETH_USDT": 2}, "at": "2026-02-01 00:00+00"}');
SELECT applied, rejected FROM margin.set_prices('desk', '{"assets": {"BTC": 12}, "at": "2026-01-31 00:00+00"}');
SELECT * FROM pg_temp.present;
SELECT asset, price, updated_at, forced FROM desk.index_price_history WHERE asset = 'BTC' ORDER BY id DESC LIMIT 2;
-- no more than 5 s ahead is the clock of another
UPDATE desk.index_price SET updated_at = clock_timestamp() + interval '4 s' WHERE asset = 'ETH';
SELECT applied FROM margin.set_prices('desk', '{ETH}', '{5}');
ROLLBACK;

SELECT * FROM margin.set_prices('nowhere', '{"assets": {"USDT": 1.5}}');
SELECT * FROM margin.set_prices(NULL, '{"assets": {"USDT": 1.5}}');

-- ---------------------------------------------------------------------------
-- By hand
-- ---------------------------------------------------------------------------

TRUNCATE desk.index_price_history, desk.mark_price_history;
DELETE FROM desk.index_price;
INSERT INTO desk.index_price VALUES ('BTC', 1, '2026-01-02 00:00+00'), ('USDT', 1, '2026-01-02 00:00+00');
UPDATE desk.index_price SET price = price + 1, updated_at = '2026-01-03 00:00+00' WHERE asset = 'BTC';
UPDATE desk.index_price SET updated_at = '2026-01-01 00:00+00' WHERE asset = 'BTC';
UPDATE desk.index_price SET price = price;
INSERT INTO desk.mark_price AS m VALUES ('ETH_USDT', 7, '2026-01-02 00:00+00'), ('BTC_USDT', 8, '2026-01-02 00:00+00')
    ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at;
SELECT symbol, price, updated_at, forced FROM pg_temp.history ORDER BY symbol COLLATE "C", recorded_at;
-- what was applied is not rewritten
UPDATE desk.index_price_history SET price = 1;
UPDATE desk.mark_price_history SET price = 1;

-- who may set prices needs no right on the history, and is named in it
CREATE ROLE regress_margin_feed;
GRANT USAGE ON SCHEMA desk TO regress_margin_feed;
GRANT SELECT ON desk.asset, desk.contract TO regress_margin_feed;
GRANT SELECT, INSERT, UPDATE ON desk.index_price, desk.mark_price TO regress_margin_feed;
SET ROLE regress_margin_feed;
SELECT * FROM margin.set_prices('desk', '{"assets": {"ETH": 3000}, "contracts": {"ETH_USDT": 3001}, "at": "2026-02-01 00:00+00"}');
SELECT * FROM desk.index_price_history;
SELECT * FROM margin.set_prices('desk', '{"assets": {"ETH": 3000}, "at": "2026-02-02 00:00+00"}', refresh => true);
CREATE TEMP TABLE bait (asset text, price numeric, updated_at timestamptz);
CREATE TRIGGER t AFTER INSERT ON bait REFERENCING NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION desk.record_prices('asset');
RESET ROLE;
SELECT asset, price, recorded_by FROM desk.index_price_history WHERE asset = 'ETH';
DROP OWNED BY regress_margin_feed;
DROP ROLE regress_margin_feed;

-- ---------------------------------------------------------------------------
-- Retention
-- ---------------------------------------------------------------------------

TRUNCATE desk.index_price_history, desk.mark_price_history;
INSERT INTO desk.index_price_history (asset, price, updated_at, forced, recorded_at)
SELECT 'BTC', n, now() - n * interval '1 day', false, now() - n * interval '1 day' FROM generate_series(1, 10) AS n;
INSERT INTO desk.mark_price_history (contract, price, updated_at, forced, recorded_at)
SELECT 'BTC_USDT', n, now() - n * interval '1 day', false, now() - n * interval '1 day' FROM generate_series(1, 10) AS n;
UPDATE desk.index_price AS p SET price = h.price, updated_at = h.updated_at FROM desk.index_price_history AS h
 WHERE p.asset = 'BTC' AND h.asset = 'BTC' AND h.price = 9;
-- what stood at the horizon is kept, however old
SELECT margin.prune_price_history('desk');
SELECT margin.prune_price_history('desk', interval '-1 second');
SELECT margin.prune_price_history('desk', interval '7 days 12 hours');
SELECT asset, array_agg(price ORDER BY price) FROM desk.index_price_history GROUP BY 1;
INSERT INTO desk.price_retention VALUES ('5 days 12 hours');
INSERT INTO desk.price_retention VALUES ('1 day');
INSERT INTO desk.price_retention VALUES ('1 day', false);
UPDATE desk.price_retention SET keep = '-1 s';
SELECT margin.prune_price_history('desk');
SELECT contract, array_agg(price ORDER BY price) FROM desk.mark_price_history GROUP BY 1;

-- ---------------------------------------------------------------------------
-- The market of a past instant: the prices that stood then, not the ones that
-- were observed then
-- ---------------------------------------------------------------------------

TRUNCATE desk.index_price_history, desk.mark_price_history;
INSERT INTO desk.index_price_history (asset, price, updated_at, forced, recorded_at) VALUES
    ('BTC', 100, '2026-01-01 10:00+00', false, '2026-01-01 10:00:01+00'), ('BTC', 110, '2026-01-01 11:00+00', false, '2026-01-01 11:00:01+00'),
    ('BTC', 105, '2026-01-01 10:30+00', true, '2026-01-01 12:00+00'), ('USDT', 1, '2026-01-01 10:00+00', false, '2026-01-01 10:00+00');
INSERT INTO desk.mark_price_history (contract, price, updated_at, forced, recorded_at) VALUES
    ('BTC_USDT', 101, '2026-01-01 10:00+00', false, '2026-01-01 10:00:01+00');
CREATE VIEW pg_temp.past AS
SELECT n, (SELECT price FROM margin.assets(m) WHERE asset = 'BTC') AS btc, (SELECT price FROM margin.assets(m) WHERE asset = 'USDT') AS usdt,
       (SELECT price FROM margin.assets(m) WHERE asset = 'ETH') AS eth, (SELECT mark FROM margin.contracts(m) WHERE contract = 'BTC_USDT') AS mark
  FROM unnest('{2026-01-01 09:59:59.999999+00, 2026-01-01 10:00+00, 2026-01-01 10:00:01+00, 2026-01-01 11:00+00, 2026-01-01 11:30+00,
                2026-01-01 11:30:00.000001+00, 2026-01-01 12:00+00}'::timestamptz[]) WITH ORDINALITY AS t (at, n),
       LATERAL (SELECT desk.past_market(at) AS m OFFSET 0) AS past;
SELECT * FROM pg_temp.past ORDER BY n;
-- a price expires by the terms of then
BEGIN;
UPDATE desk.asset SET max_age = '30 minutes' WHERE asset = 'BTC';
UPDATE desk.contract SET max_age = '1 hour' WHERE contract = 'BTC_USDT';
SELECT * FROM pg_temp.past ORDER BY n;
INSERT INTO desk.asset_change (asset, valid_from) VALUES ('BTC', '2026-01-01 11:30:00.000001+00');
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, max_age) VALUES ('BTC_USDT', '2026-01-01 11:30+00', 'USDT', 0.001, '90 minutes');
SELECT * FROM pg_temp.past ORDER BY n;
ROLLBACK;
-- parameters of then too, and all of the market of now
INSERT INTO desk.collateral_tier (asset, valid_from, lower_bound, ratio) VALUES ('BTC', '2026-01-01 11:00+00', 0, 0.5);
SELECT (SELECT tiers FROM margin.assets(desk.past_market('2026-01-01 10:59:59+00')) WHERE asset = 'BTC') AS before,
       (SELECT tiers FROM margin.assets(desk.past_market('2026-01-01 11:00+00')) WHERE asset = 'BTC') AS after,
       desk.past_market(NULL) IS NULL AS null_for_null;
DELETE FROM desk.index_price;
DELETE FROM desk.mark_price;
SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 1000.10, "USDT": 1, "ETH": 30}, "contracts": {"BTC_USDT": 1000, "ETH_USDT": 31}}');
INSERT INTO desk.level_threshold VALUES ('warning', 0.6);
SELECT desk.past_market(clock_timestamp()) OPERATOR(margin.=) desk.market() AS as_now;
DELETE FROM desk.level_threshold;
DELETE FROM desk.collateral_tier WHERE valid_from > '-infinity';
-- a price that is renamed, deleted, truncated; the end of time
UPDATE desk.asset SET asset = 'XBT' WHERE asset = 'BTC';
DELETE FROM desk.index_price WHERE asset = 'ETH';
SELECT asset, price FROM margin.assets(desk.past_market(clock_timestamp())) ORDER BY 1;
SELECT desk.past_market(clock_timestamp()) OPERATOR(margin.=) desk.market() AS as_now,
       desk.past_market('infinity') OPERATOR(margin.=) desk.market() AS ever;
TRUNCATE desk.mark_price;
SELECT contract, mark FROM margin.contracts(desk.past_market(clock_timestamp())) ORDER BY 1;
-- pruning leaves what any instant since needs
CREATE TEMP TABLE stood AS
SELECT at, desk.past_market(at) AS m FROM unnest(ARRAY[clock_timestamp(), '2026-01-01 11:30+00', '2026-01-01 12:00+00']) AS at;
SELECT margin.prune_price_history('desk', now() - '2026-01-01 11:30+00') > 0 AS pruned;
SELECT count(*) FROM stood WHERE desk.past_market(at) OPERATOR(margin.<>) m;
UPDATE desk.asset SET asset = 'BTC' WHERE asset = 'XBT';

-- ---------------------------------------------------------------------------
-- With the levels of holders: 0.1 USDT and a contract of 0.001 bought at 1000, so
-- equity 0.001 * mark - 0.9 and maintenance 0.00001 * mark
-- ---------------------------------------------------------------------------

SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 1000, "USDT": 1}, "contracts": {"BTC_USDT": 1000}}');
INSERT INTO desk.balance VALUES (1, 'USDT', 0.1), (2, 'BTC', 1), (3, 'USDT', -1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', 1, 1000);
-- a book that keeps no levels is not begun with
SELECT * FROM margin.set_prices('desk', '{"contracts": {"BTC_USDT": 905}}', refresh => true);
SELECT count(*) FROM desk.account_level;
SELECT margin.enable_levels('desk');
SELECT * FROM margin.set_prices('desk', '{"contracts": {"BTC_USDT": 1000.5}}', refresh => true);
SELECT * FROM margin.set_prices('desk', '{"contracts": {"BTC_USDT": 905}}', refresh => true);
SELECT applied, ignored, level_changes, cardinality(rejected) AS rejected
  FROM margin.set_prices('desk', '{"contracts": {"BTC_USDT": 1}, "at": "2020-01-01 00:00+00"}', refresh => true);
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices -> 'contracts' AS marks, cause FROM desk.level_event ORDER BY id;
SELECT * FROM margin.set_prices('desk', '{"assets": {"USDT": 2}}', refresh => true);
SELECT account_id, level FROM desk.account_level ORDER BY 1;

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
