-- Doubtful prices: bounds, checks, what is held and what becomes of it
\set SHOW_CONTEXT never
SET timezone = 'UTC';
SET datestyle = 'ISO';
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDE'), ('USDT');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM desk.asset;
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('BTC_USDT', 'USDT', 0.001), ('ETH_USDT', 'USDT', 0.01);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.01), ('ETH_USDT', 0, 0.01);

-- prices of the minute given, of one hour in the past
CREATE FUNCTION pg_temp.offer(minute numeric, prices text, force boolean DEFAULT false, OUT applied integer, OUT ignored integer, OUT rejected text[], OUT held text[])
LANGUAGE sql VOLATILE AS $$
SELECT s.applied, s.ignored, s.rejected, s.held
  FROM margin.set_prices('desk', (prices::jsonb || jsonb_build_object('at', timestamptz '2026-01-01 00:00+00' + minute * interval '1 minute'))::json, force) AS s
$$;
CREATE VIEW pg_temp.present AS
SELECT asset AS symbol, price, low, high, updated_at::time AS at FROM desk.index_price UNION ALL SELECT contract, price, NULL, NULL, updated_at::time FROM desk.mark_price ORDER BY symbol;
CREATE VIEW pg_temp.held AS
SELECT kind, symbol, price, low, high, why, observed_at::time AS at, forced, offers, offered_by = session_user AS by_me, offered_at >= held_since AS since FROM desk.held_price ORDER BY kind, symbol;
CREATE VIEW pg_temp.event AS
SELECT event, kind, symbol, price, observed_at::time AS at, offers, acted_by = session_user AS by_me FROM desk.held_price_event ORDER BY id;

-- ---------------------------------------------------------------------------
-- Bounds
-- ---------------------------------------------------------------------------

SELECT * FROM pg_temp.offer(0, '{"assets": {"BTC": 68000, "USDE": {"price": 1, "low": "0.98", "high": 1.010}, "USDT": {"price": 1}}, "contracts": {"BTC_USDT": 68000, "ETH_USDT": 3000}}');
SELECT * FROM pg_temp.present;
SELECT asset, price, low, high FROM margin.assets(desk.market()) ORDER BY asset;
-- what is owned counts at the low, what is owed at the high
SELECT margin.equity('{"balances": {"USDE": 100}}', desk.market()) AS owned, margin.equity('{"balances": {"USDE": -100}}', desk.market()) AS owed;
-- the same again is stored already; other bounds are another price
SELECT * FROM pg_temp.offer(0, '{"assets": {"USDE": {"price": 1, "low": "0.98", "high": 1.010}}}');
SELECT * FROM pg_temp.offer(0, '{"assets": {"USDE": {"price": 1, "low": "0.97"}}}');
SELECT * FROM pg_temp.present WHERE symbol = 'USDE';
-- a price without removes them
SELECT * FROM pg_temp.offer(1, '{"assets": {"USDE": 1}}');
SELECT * FROM pg_temp.present WHERE symbol = 'USDE';
-- what cannot be set
SELECT unnest(rejected) FROM pg_temp.offer(2, '{"assets": {"USDE": {"price": 1, "low": 1.01}, "BTC": {"price": 1, "high": 0.99}, "USDT": {"price": 0, "low": 0}}}');
SELECT unnest(rejected) FROM pg_temp.offer(2, '{"assets": {"USDE": {"price": 1, "low": 0}, "BTC": {"price": 1, "high": "NaN"}, "USDT": {"price": 1, "low": "x"}}}');
SELECT unnest(rejected) FROM pg_temp.offer(2, '{"assets": {"USDE": {"low": 1}, "BTC": {"price": 1, "mid": 1}, "USDT": {"price": {}}, "NONE": {"price": 1, "low": 1}}, "contracts": {"BTC_USDT": {"price": 1}}}');
SELECT unnest(rejected) FROM margin.set_prices('desk', '{"assets": {"USDE": {"price": 1, "price": 1}, "BTC": {"price": 2, "low": null}, "BTC": 1}}');
SELECT * FROM margin.set_prices('desk', '{"assets": {"USDT": 1, "USDE": {"price": 1, "low": 1.01}}}', strict => true);
-- by hand: what an UPDATE of the price does not name goes
UPDATE desk.index_price SET low = 0.9, high = 1.1 WHERE asset = 'USDE';
UPDATE desk.index_price SET updated_at = updated_at WHERE asset = 'USDE';
SELECT * FROM pg_temp.present WHERE symbol = 'USDE';
UPDATE desk.index_price SET price = 1.2, low = 1.15 WHERE asset = 'USDE';
SELECT * FROM pg_temp.present WHERE symbol = 'USDE';
UPDATE desk.index_price SET price = price, low = low, high = 2 WHERE asset = 'USDE';
SELECT * FROM pg_temp.present WHERE symbol = 'USDE';
INSERT INTO desk.index_price AS p (asset, price) VALUES ('USDE', 1) ON CONFLICT (asset) DO UPDATE SET price = excluded.price;
SELECT * FROM pg_temp.present WHERE symbol = 'USDE';
SELECT price, low, high, forced FROM desk.index_price_history WHERE asset = 'USDE' ORDER BY id;
UPDATE desk.index_price SET low = 1.01 WHERE asset = 'USDE';
UPDATE desk.index_price SET low = 0 WHERE asset = 'USDE';
UPDATE desk.index_price SET high = 0.99 WHERE asset = 'USDE';
UPDATE desk.index_price SET high = 'Infinity' WHERE asset = 'USDE';
CREATE TRIGGER misplaced AFTER UPDATE ON desk.mark_price FOR EACH ROW EXECUTE FUNCTION margin_internal.unset_bounds();
UPDATE desk.mark_price SET price = price;
DROP TRIGGER misplaced ON desk.mark_price;

-- ---------------------------------------------------------------------------
-- Checks
-- ---------------------------------------------------------------------------

INSERT INTO desk.price_check (kind, symbol, floor) VALUES ('asset', 'BTC_USDT', 1);
INSERT INTO desk.price_check (kind, symbol, floor) VALUES ('contract', 'BTC', 1);
INSERT INTO desk.price_check (kind, symbol, floor) VALUES ('mark', 'BTC', 1);
INSERT INTO desk.price_check (kind, symbol, floor) VALUES ('asset', 'BTC', 0);
INSERT INTO desk.price_check (kind, symbol, floor, ceiling) VALUES ('asset', 'BTC', 2, 1);
INSERT INTO desk.price_check (kind, symbol, max_jump) VALUES ('asset', 'BTC', 0);
INSERT INTO desk.price_check (kind, symbol, jump_window) VALUES ('asset', 'BTC', '1 minute');
INSERT INTO desk.price_check (kind, symbol, reference_age) VALUES ('asset', 'BTC', '1 minute');
INSERT INTO desk.reference_price (kind, symbol, source, price) VALUES ('asset', 'NONE', 'binance', 1);
INSERT INTO desk.price_check (kind, symbol, floor, ceiling, max_jump) VALUES ('asset', 'BTC', 1000, 1000000, 0.1), ('asset', 'USDE', 0.9, 1.1, NULL), ('contract', 'BTC_USDT', NULL, NULL, 0.1);

-- at their limits prices pass; what is held is in no other number, and the rest is set
SELECT * FROM pg_temp.offer(3, '{"assets": {"BTC": 61200, "USDE": 0.9, "USDT": 1.5}, "contracts": {"BTC_USDT": 74800}}');
SELECT * FROM pg_temp.offer(4, '{"assets": {"BTC": 55079.99, "USDE": 0.89, "USDT": 1.6, "NONE": 1}, "contracts": {"BTC_USDT": 82280.01, "ETH_USDT": 1}}');
SELECT * FROM pg_temp.present;
SELECT * FROM pg_temp.held;
-- a newer offer replaces it, an older one does not; one that is older than the price is ignored as ever
SELECT * FROM pg_temp.offer(6, '{"assets": {"BTC": 500}}');
SELECT * FROM pg_temp.offer(5, '{"assets": {"BTC": 400}}');
SELECT * FROM pg_temp.offer(2, '{"assets": {"BTC": 300}}');
SELECT * FROM pg_temp.held;
-- bounds are judged, too
SELECT * FROM pg_temp.offer(6, '{"assets": {"USDE": {"price": 1, "low": 0.8, "high": 1.2}, "USDT": {"price": 1, "low": 0.1}}}');
SELECT * FROM pg_temp.held WHERE symbol = 'USDE';
-- strict is about what cannot be set
SELECT applied, held FROM margin.set_prices('desk', '{"assets": {"USDE": 5}, "at": "2026-01-01 00:06+00"}', strict => true);
-- one that passes ends it
SELECT * FROM pg_temp.offer(7, '{"assets": {"BTC": 62000}}');
SELECT * FROM pg_temp.held;
SELECT * FROM pg_temp.event;

-- ---------------------------------------------------------------------------
-- Confirmed, dropped
-- ---------------------------------------------------------------------------

SELECT * FROM margin.confirm_price('desk', 'asset', 'BTC');
SELECT * FROM margin.confirm_price('desk', 'index', 'BTC');
SELECT * FROM margin.confirm_price('desk', NULL, 'BTC');
SELECT margin.drop_price('desk', 'asset', NULL);
SELECT margin.drop_price('desk', 'contract', 'NONE');
SELECT * FROM margin.confirm_price('nowhere', 'asset', 'BTC');
SELECT * FROM pg_temp.offer(8, '{"assets": {"BTC": {"price": 40000, "low": 39000}}}');
\set VERBOSITY terse
SELECT * FROM margin.confirm_price('desk', 'asset', 'BTC', 40001);
\set VERBOSITY default
SELECT * FROM margin.confirm_price('desk', 'asset', 'BTC', 40000.0);
SELECT * FROM pg_temp.present WHERE symbol = 'BTC';
-- from there on it is the price before
SELECT * FROM pg_temp.offer(9, '{"assets": {"BTC": 41000}}');
SELECT margin.drop_price('desk', 'contract', 'BTC_USDT', 82280.01);
SELECT * FROM pg_temp.present WHERE symbol = 'BTC_USDT';
SELECT * FROM pg_temp.offer(10, '{"contracts": {"BTC_USDT": 1}}');
DELETE FROM desk.held_price;
SELECT * FROM pg_temp.offer(10, '{"contracts": {"BTC_USDT": 1}}');
TRUNCATE desk.held_price;
SELECT * FROM pg_temp.offer(11, '{"contracts": {"BTC_USDT": 1}}');
-- by hand whatever is written passes; a price held that is not older stays, or is what was written
UPDATE desk.mark_price SET price = 2, updated_at = '2026-01-01 00:10+00' WHERE contract = 'BTC_USDT';
SELECT * FROM pg_temp.held;
UPDATE desk.mark_price SET price = 2, updated_at = '2026-01-01 00:11+00' WHERE contract = 'BTC_USDT';
SELECT * FROM pg_temp.held;
SELECT * FROM pg_temp.event WHERE symbol <> 'USDE' OFFSET 3;
-- the journal is not rewritten
UPDATE desk.held_price_event SET event = 'held';
DELETE FROM desk.held_price_event;

-- a correction that is in doubt can be confirmed as one
SELECT * FROM pg_temp.offer(8.5, '{"assets": {"BTC": 7}}');
SELECT * FROM pg_temp.offer(8.5, '{"assets": {"BTC": 7}}', force => true);
SELECT * FROM pg_temp.held;
SELECT * FROM margin.confirm_price('desk', 'asset', 'BTC');
SELECT price, updated_at::time, forced FROM desk.index_price_history WHERE asset = 'BTC' ORDER BY id DESC LIMIT 1;
-- a first price has none before it
DELETE FROM desk.index_price WHERE asset = 'BTC';
SELECT * FROM pg_temp.offer(12, '{"assets": {"BTC": 999}}');
SELECT * FROM pg_temp.offer(12, '{"assets": {"BTC": 1001}}');
SELECT count(*) FROM pg_temp.held WHERE symbol = 'BTC';

-- ---------------------------------------------------------------------------
-- Jumps within a time
-- ---------------------------------------------------------------------------

UPDATE desk.price_check SET jump_window = '5 minutes', floor = NULL, ceiling = NULL WHERE symbol = 'BTC';
UPDATE desk.index_price SET price = 1000, updated_at = '2026-01-01 00:20+00' WHERE asset = 'BTC';
-- step by step it would go anywhere
SELECT * FROM pg_temp.offer(21, '{"assets": {"BTC": 1060}}');
SELECT * FROM pg_temp.offer(22, '{"assets": {"BTC": 1100}}');
SELECT * FROM pg_temp.offer(23, '{"assets": {"BTC": 1101}}');
SELECT * FROM pg_temp.offer(23, '{"assets": {"BTC": 989}}');
SELECT * FROM pg_temp.offer(23, '{"assets": {"BTC": 990}}');
-- the time over, the first of them are forgotten
SELECT * FROM pg_temp.offer(25.1, '{"assets": {"BTC": 1089.1}}');
SELECT * FROM pg_temp.offer(28.1, '{"assets": {"BTC": 1197}}');
-- older than that is no price to compare with
SELECT * FROM pg_temp.offer(33.2, '{"assets": {"BTC": 10}}');
-- nor is what stood before one that was confirmed
SELECT * FROM pg_temp.offer(34, '{"assets": {"BTC": 20}}');
SELECT * FROM margin.confirm_price('desk', 'asset', 'BTC');
SELECT * FROM pg_temp.offer(34.1, '{"assets": {"BTC": 18}}');
SELECT * FROM pg_temp.offer(34.2, '{"assets": {"BTC": 17.9}}');
-- marks likewise
UPDATE desk.price_check SET jump_window = '5 minutes' WHERE symbol = 'BTC_USDT';
UPDATE desk.mark_price SET price = 1000, updated_at = '2026-01-01 00:40+00' WHERE contract = 'BTC_USDT';
SELECT * FROM pg_temp.offer(41, '{"contracts": {"BTC_USDT": 1080}}');
SELECT * FROM pg_temp.offer(42, '{"contracts": {"BTC_USDT": 1101}}');

-- ---------------------------------------------------------------------------
-- A second opinion
-- ---------------------------------------------------------------------------

TRUNCATE desk.held_price;
UPDATE desk.price_check SET max_jump = NULL, jump_window = NULL, max_deviation = 0.01, reference_age = '1 minute' WHERE symbol = 'BTC';
SELECT * FROM pg_temp.offer(50, '{"assets": {"BTC": 100}}');
INSERT INTO desk.reference_price VALUES ('asset', 'BTC', 'okx', 200, '2026-01-01 00:50+00'), ('contract', 'BTC_USDT', 'okx', 100, '2026-01-01 00:50+00');
SELECT * FROM pg_temp.offer(50, '{"assets": {"BTC": 100}}');
INSERT INTO desk.reference_price VALUES ('asset', 'BTC', 'binance', 101.02, '2026-01-01 00:50+00');
SELECT * FROM pg_temp.offer(50, '{"assets": {"BTC": 100}}');
SELECT * FROM pg_temp.offer(51, '{"assets": {"BTC": 100.01}}');
-- opinions that are too old are none
SELECT * FROM pg_temp.offer(51.1, '{"assets": {"BTC": 100.02}}');
-- nor is one that is dated ahead
UPDATE desk.reference_price SET updated_at = '2100-01-01' WHERE symbol = 'BTC' AND source = 'binance';
SELECT * FROM pg_temp.offer(51.1, '{"assets": {"BTC": 100.02}}');
UPDATE desk.reference_price SET updated_at = '2026-01-01 00:50+00' WHERE symbol = 'BTC' AND source = 'binance';
UPDATE desk.price_check SET reference_age = NULL WHERE symbol = 'BTC';
SELECT * FROM pg_temp.offer(51.1, '{"assets": {"BTC": 100.02}}');
SELECT * FROM pg_temp.held;

-- ---------------------------------------------------------------------------
-- Symbols renamed and deleted; the journal of checks
-- ---------------------------------------------------------------------------

SELECT * FROM pg_temp.offer(52, '{"assets": {"BTC": 1}, "contracts": {"BTC_USDT": 1}}');
UPDATE desk.asset SET asset = 'XBT' WHERE asset = 'BTC';
UPDATE desk.contract SET contract = 'XBT_USDT' WHERE contract = 'BTC_USDT';
SELECT kind, symbol FROM desk.price_check UNION ALL SELECT kind, symbol FROM desk.reference_price UNION ALL SELECT kind, symbol FROM desk.held_price ORDER BY 1, 2;
DELETE FROM desk.contract WHERE contract = 'XBT_USDT';
DELETE FROM desk.asset WHERE asset IN ('XBT', 'ETH');
SELECT kind, symbol FROM desk.price_check UNION ALL SELECT kind, symbol FROM desk.reference_price UNION ALL SELECT kind, symbol FROM desk.held_price ORDER BY 1, 2;
SELECT event, symbol FROM desk.held_price_event ORDER BY id DESC LIMIT 2;
SELECT symbol, before ->> 'floor' AS before, after ->> 'floor' AS after FROM desk.parameter_event WHERE parameter = 'price_check' AND symbol = 'BTC' ORDER BY id LIMIT 2;

-- ---------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------

CREATE ROLE regress_margin_feed;
CREATE ROLE regress_margin_officer;
GRANT USAGE ON SCHEMA desk TO regress_margin_feed, regress_margin_officer;
GRANT SELECT ON desk.asset, desk.contract TO regress_margin_feed, regress_margin_officer;
GRANT SELECT, INSERT, UPDATE ON desk.index_price, desk.mark_price TO regress_margin_feed, regress_margin_officer;
SET ROLE regress_margin_feed;
-- fails closed: with checks whoever sets prices has to be able to hold them
SELECT * FROM pg_temp.offer(60, '{"assets": {"USDT": 1}}');
SELECT * FROM margin.set_prices('desk', '{"assets": {"USDE": 2}}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION desk.hold_prices TO regress_margin_feed;
SET ROLE regress_margin_feed;
SELECT applied, held FROM margin.set_prices('desk', '{"assets": {"USDE": 2, "USDT": 1}}');
-- called by himself it takes no less care
\set VERBOSITY sqlstate
SELECT * FROM desk.hold_prices('{USDE}', '{2}', NULL, NULL, NULL, NULL, 'infinity', false);
SELECT * FROM desk.hold_prices('{USDE}', '{2}', NULL, NULL, NULL, NULL, NULL, false);
SELECT * FROM desk.hold_prices('{USDE}', '{2}', NULL, NULL, NULL, NULL, '2100-01-01', false);
SELECT * FROM desk.hold_prices('{USDE}', '{NaN}', NULL, NULL, NULL, NULL, now(), false);
SELECT * FROM desk.hold_prices('{USDE}', '{0}', NULL, NULL, NULL, NULL, now(), false);
SELECT * FROM desk.hold_prices('{USDE}', '{NULL}', NULL, NULL, NULL, NULL, now(), false);
SELECT * FROM desk.hold_prices('{USDE}', '{2}', '{-1}', NULL, NULL, NULL, now(), false);
SELECT * FROM desk.hold_prices(NULL, NULL, NULL, NULL, '{ETH_USDT}', '{Infinity}', now(), false);
\set VERBOSITY default
SELECT symbol FROM desk.hold_prices('{USDE}', '{2}', NULL, NULL, NULL, NULL, now(), NULL);
SELECT * FROM desk.held_price;
SELECT * FROM margin.confirm_price('desk', 'asset', 'USDE');
RESET ROLE;
GRANT SELECT, DELETE ON desk.held_price TO regress_margin_officer;
SET ROLE regress_margin_officer;
SELECT symbol, price, offered_by FROM desk.held_price;
SELECT margin.drop_price('desk', 'asset', 'USDE');
RESET ROLE;
SELECT event, symbol, offered_by, acted_by FROM desk.held_price_event ORDER BY id DESC LIMIT 2;
-- without checks nobody asks
DELETE FROM desk.price_check;
VACUUM desk.price_check;
REVOKE EXECUTE ON FUNCTION desk.hold_prices FROM regress_margin_feed;
SET ROLE regress_margin_feed;
SELECT applied, held FROM margin.set_prices('desk', '{"assets": {"USDE": 2, "USDT": 1}}');
RESET ROLE;
DROP OWNED BY regress_margin_feed, regress_margin_officer;
DROP ROLE regress_margin_feed, regress_margin_officer;

-- ---------------------------------------------------------------------------
-- A pause: while a price is held, levels that depend on it do not get worse
-- ---------------------------------------------------------------------------

CREATE SCHEMA pause;
SELECT margin.create_book('pause');
INSERT INTO pause.asset (asset) VALUES ('BTC'), ('ETH'), ('USD');
INSERT INTO pause.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM pause.asset;
INSERT INTO pause.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USD', 0, 0.1);
INSERT INTO pause.contract (contract, settle, contract_size) VALUES ('BTC_USD', 'USD', 1);
INSERT INTO pause.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USD', 0, 0.1);
INSERT INTO pause.price_check (kind, symbol, max_jump) VALUES ('asset', 'BTC', 0.3), ('contract', 'BTC_USD', 0.3);
SELECT applied FROM margin.set_prices('pause', '{"assets": {"BTC": 100, "ETH": 10, "USD": 1}, "contracts": {"BTC_USD": 100}}');
-- 1 by BTC, 2 by ETH, 3 by both, 4 by a contract, 5 by nothing that moves
INSERT INTO pause.balance VALUES (1, 'BTC', 1), (1, 'USD', -60), (2, 'ETH', 10), (2, 'USD', -60), (3, 'BTC', 0.5), (3, 'ETH', 5), (3, 'USD', -60), (4, 'USD', 60), (5, 'USD', 1);
INSERT INTO pause.position (account_id, contract, quantity, entry_price) VALUES (4, 'BTC_USD', 1, 100);
SELECT margin.enable_levels('pause'), margin.refresh_levels('pause');
CREATE VIEW pg_temp.level AS SELECT account_id, level, paused, paused IS NOT NULL AND epoch >= 0 AS anchored FROM pause.account_level ORDER BY account_id;
SELECT * FROM pg_temp.level;
-- the rule is off: what is held pauses nothing
SELECT applied, level_changes, held FROM margin.set_prices('pause', '{"assets": {"BTC": 65, "ETH": 6.2}, "contracts": {"BTC_USD": 60}}', refresh => true);
SELECT pause.pausing_prices();
SELECT * FROM pg_temp.level;
SELECT applied, level_changes FROM margin.set_prices('pause', '{"assets": {"BTC": 100, "ETH": 10}, "contracts": {"BTC_USD": 100}}', refresh => true);
-- on: BTC falls as far as it is believed, then further
INSERT INTO pause.venue_rule VALUES ('held_prices_pause_levels', 'true');
SELECT applied, level_changes, held FROM margin.set_prices('pause', '{"assets": {"BTC": 72}}', refresh => true);
SELECT * FROM pg_temp.level;
SELECT applied, level_changes, held FROM margin.set_prices('pause', '{"assets": {"BTC": 40, "ETH": 6.2}}', refresh => true);
SELECT pause.pausing_prices();
SELECT * FROM pg_temp.level;
SELECT account_id, from_level, to_level, equity, paused, held FROM pause.level_event ORDER BY id DESC LIMIT 2;
SELECT * FROM margin.check_levels('pause');
-- each is told once; everyone, by the rows, is the same
SELECT margin.refresh_levels('pause'), margin.refresh_levels('pause', everyone => true);
SELECT margin.refresh_account_levels('pause', '{1,2,3,4,5}');
SELECT count(*), count(paused) AS paused FROM pause.level_event;
-- what the account does itself: better is better
UPDATE pause.balance SET quantity = quantity - 3 WHERE account_id = 3 AND asset = 'USD';
SELECT * FROM pg_temp.level WHERE account_id = 3;
UPDATE pause.balance SET quantity = quantity + 50 WHERE account_id = 3 AND asset = 'USD';
SELECT margin.refresh_levels('pause');
SELECT * FROM pg_temp.level WHERE account_id = 3;
UPDATE pause.balance SET quantity = quantity - 47 WHERE account_id = 3 AND asset = 'USD';
SELECT * FROM pg_temp.level WHERE account_id = 3;
-- that it cannot be valued is told
DELETE FROM pause.index_price WHERE asset = 'ETH';
SELECT margin.refresh_levels('pause');
SELECT * FROM pg_temp.level;
SELECT applied, level_changes FROM margin.set_prices('pause', '{"assets": {"ETH": 6.2}}', refresh => true);
-- confirmed or dropped, the pause is over
BEGIN;
SELECT * FROM margin.confirm_price('pause', 'asset', 'BTC', refresh => true);
SELECT * FROM pg_temp.level;
SELECT account_id, from_level, to_level, equity, paused, held FROM pause.level_event ORDER BY id DESC LIMIT 2;
ROLLBACK;
SELECT margin.drop_price('pause', 'asset', 'BTC'), margin.refresh_levels('pause');
SELECT * FROM pg_temp.level;
-- a mark that is held
SELECT level_changes, held FROM margin.set_prices('pause', '{"contracts": {"BTC_USD": 71}}', refresh => true);
SELECT level_changes, held FROM margin.set_prices('pause', '{"assets": {"BTC": 100}, "contracts": {"BTC_USD": 49}}', refresh => true);
UPDATE pause.balance SET quantity = 35 WHERE account_id = 4;
SELECT * FROM pg_temp.level;
UPDATE pause.venue_rule SET value = 'false';
SELECT margin.refresh_levels('pause');
SELECT * FROM pg_temp.level;
SELECT * FROM margin.check_levels('pause');

-- What is held has to matter.  DUST is a trifle of account 1 and his order counts
-- for nothing, nor does a hedge in the contract; of account 2 it is more than a tenth; of
-- account 3 it is less, but by the price offered the level is another.
CREATE SCHEMA trifle;
SELECT margin.create_book('trifle');
INSERT INTO trifle.asset (asset) VALUES ('BTC'), ('DUST'), ('USD');
INSERT INTO trifle.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM trifle.asset;
INSERT INTO trifle.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USD', 0, 0.1);
INSERT INTO trifle.contract (contract, settle, contract_size) VALUES ('DUST_USD', 'USD', 1);
INSERT INTO trifle.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('DUST_USD', 0, 0.01);
INSERT INTO trifle.price_check (kind, symbol, max_jump) VALUES ('asset', 'DUST', 0.3), ('contract', 'DUST_USD', 0.3);
INSERT INTO trifle.venue_rule VALUES ('held_prices_pause_levels', 'true');
SELECT applied FROM margin.set_prices('trifle', '{"assets": {"BTC": 100, "DUST": 1, "USD": 1}, "contracts": {"DUST_USD": 1}}');
INSERT INTO trifle.balance VALUES (1, 'BTC', 1), (1, 'DUST', 1), (1, 'USD', -62), (2, 'BTC', 1), (2, 'DUST', 20), (2, 'USD', -80), (3, 'BTC', 1), (3, 'DUST', 5), (3, 'USD', -69), (4, 'BTC', 1), (4, 'USD', -60), (5, 'BTC', 1), (5, 'USD', -60);
INSERT INTO trifle.position (account_id, contract, quantity, entry_price) VALUES (4, 'DUST_USD', 100, 1), (4, 'DUST_USD', -100, 1), (5, 'DUST_USD', 100, 1);
INSERT INTO trifle.open_order (account_id, order_id, contract, quantity, price) VALUES (1, 'a', 'DUST_USD', 100, 1);
SELECT margin.enable_levels('trifle'), margin.refresh_levels('trifle');
CREATE VIEW pg_temp.trifle AS SELECT account_id, level, paused FROM trifle.account_level ORDER BY account_id;
SELECT level_changes, held FROM margin.set_prices('trifle', '{"assets": {"DUST": 2}, "contracts": {"DUST_USD": 2}}', refresh => true);
SELECT * FROM pg_temp.trifle;
SELECT level_changes FROM margin.set_prices('trifle', '{"assets": {"BTC": 66}}', refresh => true);
SELECT * FROM pg_temp.trifle;
SELECT account_id, to_level, equity, maintenance_margin, paused, held FROM trifle.level_event ORDER BY id;
SELECT * FROM margin.check_levels('trifle');
-- who was never judged is not at a level that could be kept
INSERT INTO trifle.balance VALUES (6, 'DUST', 66), (6, 'USD', -65);
SELECT * FROM pg_temp.trifle WHERE account_id = 6;
TRUNCATE trifle.account_level;
SELECT margin.refresh_levels('trifle', everyone => true);
SELECT * FROM pg_temp.trifle;
TRUNCATE trifle.account_level;
SELECT margin.refresh_account_levels('trifle', '{2,3}');
SELECT account_id, level, paused FROM trifle.account_level ORDER BY account_id;
SELECT margin.refresh_levels('trifle');
SELECT * FROM pg_temp.trifle;
-- prices that are nothing but wrong raise no error
SELECT n, margin.level(p, margin_internal.at_held_prices(trifle.market(), jsonb_build_object('assets', jsonb_build_object('DUST', n), 'contracts', jsonb_build_object('DUST_USD', n)))),
       margin_internal.weigh_much('{"assets": {"DUST": 1}, "contracts": {}}', p, trifle.market())
  FROM (VALUES (margin.portfolio '{"balances": {"DUST": 1e99, "USD": -5}, "positions": {"DUST_USD": {"short": 1e99, "short_cost": 1}}}')) AS v (p), unnest('{1e-99,1e99}'::numeric[]) AS n;

-- ---------------------------------------------------------------------------
-- Rules; contracts that are not valued
-- ---------------------------------------------------------------------------

INSERT INTO desk.venue_rule VALUES ('orders_reduce_equity', 'all');
INSERT INTO desk.venue_rule VALUES ('liability_rule', 'both');
INSERT INTO desk.venue_rule VALUES ('held_prices_pause_levels', 'yes');
INSERT INTO desk.venue_rule VALUES ('order_reduces_equity', 'loss');
INSERT INTO desk.venue_rule VALUES ('orders_reduce_equity', 'loss'), ('liability_rule', 'larger');
SELECT * FROM margin.rules(desk.market());
UPDATE desk.venue_rule SET value = 'sum' WHERE rule = 'liability_rule';
SELECT parameter, symbol, before ->> 'value' AS before, after ->> 'value' AS after FROM desk.parameter_event ORDER BY id DESC LIMIT 1;
INSERT INTO desk.contract (contract, settle, contract_size, payoff) VALUES ('BTC_USD', 'USDT', 1, 'inverse');
INSERT INTO desk.contract (contract, settle, contract_size, payoff) VALUES ('BTC_USD', 'USDT', 1, NULL);
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size, payoff) VALUES ('ETH_USDT', '2027-01-01', 'USDT', 1, 'quanto');
UPDATE desk.contract SET payoff = 'inverse';
UPDATE desk.contract SET payoff = 'linear';
-- tiers of the initial measure
INSERT INTO desk.initial_collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 1, 0.5);
INSERT INTO desk.initial_collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 0.5), ('USDT', 1, 0.6);
INSERT INTO desk.asset (asset) VALUES ('NEW');
INSERT INTO desk.initial_collateral_tier (asset, lower_bound, ratio) VALUES ('NEW', 0, 0.5);

-- what became of a correction: it is older than the price that stands, and so no sign of its being replaced
INSERT INTO desk.index_price (asset, price, updated_at) VALUES ('NEW', 10, '2026-01-01 01:00+00');
INSERT INTO desk.price_check (kind, symbol, ceiling) VALUES ('asset', 'NEW', 100);
SELECT held FROM pg_temp.offer(59, '{"assets": {"NEW": 1000}}', force => true);
SELECT margin.drop_price('desk', 'asset', 'NEW');
SELECT held FROM pg_temp.offer(59, '{"assets": {"NEW": 1001}}', force => true);
SELECT applied, held FROM margin.set_prices('desk', '{"assets": {"NEW": 11}}'::json);
SELECT event, price FROM pg_temp.event WHERE symbol = 'NEW';
-- whatever form the table has, checks are made
CREATE TABLE desk.parted (kind text) PARTITION BY LIST (kind);
SELECT margin_internal.may_have_rows('desk.parted') AS parted, margin_internal.may_have_rows('desk.price_check') AS filled, margin_internal.may_have_rows('pause.price_retention') AS empty;

SET client_min_messages = warning;
DROP SCHEMA desk, pause, trifle CASCADE;
