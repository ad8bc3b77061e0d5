-- The present market of a venue written down as one row, and books that read
-- such a row.
SET client_min_messages = warning;
CREATE SCHEMA desk;
SELECT margin.create_book('desk'), margin.load_published('desk');
INSERT INTO desk.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1), ('USDC', 1);
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
VALUES ('BTC_USDT', 0, 0.005, 0.01), ('BTC_USDT', 1000000, 0.01, 0.02);
INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_USDT', 60100);
CREATE VIEW published AS
SELECT id, at <= clock_timestamp() AS at, CASE WHEN isfinite(valid_until) THEN valid_until - at END AS valid_for, market OPERATOR(margin.=) desk.market() AS present FROM desk.published_market;

-- once, and nothing publishes by itself
SELECT margin.publish_market('desk');
SELECT * FROM published;
SELECT release_ratios, pausing_prices, scenarios, repayment_rules FROM desk.published_market;
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{60001}');
SELECT * FROM published;
SELECT margin.publish_market('desk');

-- prices: by set_prices() and by hand, once per transaction, at its end
SELECT margin.enable_publishing('desk');
BEGIN;
SELECT applied FROM margin.set_prices('desk', '{"assets": {"BTC": 60002}, "contracts": {"BTC_USDT": 60102}}');
UPDATE desk.index_price SET price = 60003 WHERE asset = 'BTC';
SELECT * FROM published;
COMMIT;
SELECT * FROM published;
-- before books are refreshed; then again for what is written later
BEGIN;
SELECT applied, level_changes FROM margin.set_prices('desk', '{BTC}', '{60004}', refresh => true);
SELECT * FROM published;
UPDATE desk.mark_price SET price = 60104;
COMMIT;
SELECT * FROM published;
-- at once where that is wanted, and not again if nothing is written after it
BEGIN;
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{60005}');
SELECT margin.publish_market('desk');
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{60006}');
SET CONSTRAINTS ALL IMMEDIATE;
SELECT * FROM published;
COMMIT;
SELECT * FROM published;
-- what is rolled back was never published, what is left of the transaction is
BEGIN;
UPDATE desk.mark_price SET price = 60200;
SAVEPOINT before;
UPDATE desk.index_price SET price = 2 WHERE asset = 'USDT';
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO before;
COMMIT;
SELECT * FROM published;
SELECT count(*) AS pending FROM desk.pending_publication;

-- parameters: only when asked for
UPDATE desk.contract SET closing_fee = 0.0005;
SELECT * FROM published;
SELECT margin.enable_publishing('desk', edits => true, history => true);
BEGIN;
UPDATE desk.contract SET closing_fee = 0.0006;
INSERT INTO desk.level_threshold (level, margin_ratio, release_ratio) VALUES ('warning', 0.7, 0.6);
INSERT INTO desk.scenario (scenario, asset, relative) VALUES ('crash', 'BTC', -0.5);
INSERT INTO desk.repayment_rule (asset, rank) VALUES ('USDT', 1);
COMMIT;
SELECT * FROM published;
SELECT release_ratios, scenarios, repayment_rules FROM desk.published_market;
TRUNCATE desk.scenario;
SELECT id, scenarios FROM desk.published_market;
SELECT id, market OPERATOR(margin.=) desk.market() AS present FROM desk.published_market_history ORDER BY id;
-- edited by hand it would not be a history
UPDATE desk.published_market_history SET at = now();

-- how long it is valid: prices expire, announced changes come, and the venue may set a limit
UPDATE desk.asset SET max_age = '1 hour' WHERE asset = 'BTC';
SELECT p.valid_until - (i.updated_at + interval '1 hour') AS beyond FROM desk.published_market AS p, desk.index_price AS i WHERE i.asset = 'BTC';
UPDATE desk.contract SET max_age = '30 minutes';
SELECT p.valid_until - (m.updated_at + interval '30 minutes') AS beyond FROM desk.published_market AS p, desk.mark_price AS m;
INSERT INTO desk.asset_change (asset, valid_from, liability_weight) VALUES ('USDT', now() + interval '10 minutes', 1.5);
SELECT p.valid_until - c.valid_from AS beyond FROM desk.published_market AS p, desk.asset_change AS c;
INSERT INTO desk.venue_rule (rule, value) VALUES ('publish_for', '5 minutes');
SELECT id, valid_until - at AS valid_for FROM desk.published_market;
UPDATE desk.venue_rule SET value = '1 month' WHERE rule = 'publish_for';
SELECT p.valid_until - c.valid_from AS beyond FROM desk.published_market AS p, desk.asset_change AS c;
UPDATE desk.venue_rule SET value = '0 seconds' WHERE rule = 'publish_for';
UPDATE desk.venue_rule SET value = 'soon' WHERE rule = 'publish_for';
-- a price that is too old already limits nothing
DELETE FROM desk.asset_change;
UPDATE desk.contract SET max_age = NULL;
UPDATE desk.index_price SET updated_at = now() - interval '2 hours' WHERE asset = 'BTC';
DELETE FROM desk.venue_rule;
SELECT * FROM published;
UPDATE desk.asset SET max_age = NULL;
SELECT * FROM published;

-- where it cannot be told nothing is published
\set VERBOSITY terse
CREATE TABLE more_prices () INHERITS (desk.mark_price);
SELECT margin.publish_market('desk');
\set VERBOSITY default
DROP TABLE more_prices;
ANALYZE desk.mark_price;
SELECT margin.publish_market('desk') > 0 AS again;

-- the history is pruned like those of prices
SELECT margin.prune_price_history('desk', '0 s') > 5 AS pruned;
SELECT h.id = p.id AS the_last FROM desk.published_market_history AS h, desk.published_market AS p;
-- ids go on after those that are kept
DELETE FROM desk.published_market;
SELECT margin.publish_market('desk') > 1 AS later;
SELECT count(DISTINCT id) FROM desk.published_market_history;

-- whoever sets prices needs no right to publish
CREATE ROLE regress_margin_feed;
GRANT USAGE ON SCHEMA desk TO regress_margin_feed;
GRANT SELECT ON desk.asset, desk.contract TO regress_margin_feed;
GRANT SELECT, INSERT, UPDATE ON desk.index_price, desk.mark_price TO regress_margin_feed;
SET ROLE regress_margin_feed;
SELECT margin.publish_market('desk');
SELECT margin.enable_publishing('desk');
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{60010}');
RESET ROLE;
SELECT * FROM published;
GRANT EXECUTE ON FUNCTION desk.publish_market() TO regress_margin_feed;
SET ROLE regress_margin_feed;
SELECT margin.publish_market('desk') > 0 AS published;
RESET ROLE;

-- switched off, it is valid no longer; and nobody is told that it is
SELECT margin.disable_publishing('desk');
SELECT id = (SELECT max(id) FROM desk.published_market_history) AS same_id, valid_until <= clock_timestamp() AS over FROM desk.published_market;
UPDATE desk.mark_price SET price = 60300;
SELECT present FROM published;
SELECT margin.publish_market('nowhere'), margin.enable_publishing('nowhere');
SELECT margin.publish_market(NULL);
DROP SCHEMA desk CASCADE;
DROP ROLE regress_margin_feed;
