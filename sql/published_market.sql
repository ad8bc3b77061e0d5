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

-- where that is not known nothing is published
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

-- switched off, it is no longer valid; and nobody is notified
SELECT margin.disable_publishing('desk');
SELECT id = (SELECT max(id) FROM desk.published_market_history) AS same_id, valid_until <= clock_timestamp() AS over FROM desk.published_market;
UPDATE desk.mark_price SET price = 60300;
SELECT present FROM published;
SELECT margin.publish_market('nowhere'), margin.enable_publishing('nowhere');
SELECT margin.publish_market(NULL);

-- ---------------------------------------------------------------------------
-- A book that reads it
-- ---------------------------------------------------------------------------

CREATE SCHEMA shard;
-- what cannot be
\set VERBOSITY terse
CREATE TABLE other (id integer, at timestamptz, valid_until timestamptz, market margin.market);
SELECT margin.create_book('shard', 'desk', market => 'desk.published_market');
SELECT margin.create_book('desk', market => 'desk.published_market');
SELECT margin.create_book('shard', market => 'desk.asset');
SELECT margin.create_book('shard', market => 'other');
ALTER TABLE other ALTER id TYPE bigint, ADD release_ratios text;
SELECT margin.create_book('shard', market => 'other');
ALTER TABLE other DROP release_ratios;
SELECT margin.create_book('shard', market => 'desk.published_market_history_pkey');
CREATE ROLE regress_margin_shard;
CREATE SCHEMA theirs AUTHORIZATION regress_margin_shard;
GRANT USAGE ON SCHEMA desk TO regress_margin_shard;
SET ROLE regress_margin_shard;
SELECT margin.create_book('theirs', market => 'desk.published_market');
RESET ROLE;
GRANT SELECT ON desk.published_market TO regress_margin_shard;
GRANT ALL ON other TO regress_margin_shard;
ALTER TABLE other OWNER TO regress_margin_feed;
SET ROLE regress_margin_shard;
SELECT margin.create_book('theirs', market => 'other');
RESET ROLE;
\set VERBOSITY default
SELECT margin.create_book('shard', market => 'desk.published_market');
SELECT shard.about();
SELECT book, venue, market FROM margin.books ORDER BY book;

-- every answer is that of a book over the venue
SELECT margin.enable_publishing('desk', edits => true);
UPDATE desk.mark_price SET price = 60100;
INSERT INTO desk.scenario (scenario, asset, relative) VALUES ('crash', 'BTC', -0.5);
INSERT INTO desk.balance (account_id, asset, quantity)
VALUES (1, 'USDT', 10000), (1, 'BTC', 2), (2, 'USDT', 1200), (3, 'BTC', 0.5), (3, 'USDT', -20000), (4, 'PEPE', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage)
VALUES (1, 'BTC_USDT', 1500, 60500, 20), (2, 'BTC_USDT', -1900, 59800, NULL), (3, 'BTC_USDT', -100, 60100, NULL);
INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price, leverage) VALUES (1, 'o-17', 'BTC_USDT', 500, 59000, 20);
INSERT INTO shard.balance TABLE desk.balance;
INSERT INTO shard.position SELECT * FROM desk.position;
INSERT INTO shard.open_order TABLE desk.open_order;
SELECT account_id, level, equity, maintenance_margin, missing FROM shard.account_margin;
CREATE PROCEDURE compare(what text) LANGUAGE plpgsql AS $$
DECLARE
    there text;
    here text;
BEGIN
    EXECUTE format('SELECT string_agg(r::text, E''\n'' ORDER BY r::text) FROM (SELECT * FROM desk.%s) AS r', what) INTO there;
    EXECUTE format('SELECT string_agg(r::text, E''\n'' ORDER BY r::text) FROM (SELECT * FROM shard.%s) AS r', what) INTO here;
    IF there IS DISTINCT FROM here OR there IS NULL THEN
        RAISE WARNING '% is % there and % here', what, there, here;
    END IF;
END
$$;
SET client_min_messages = notice;
DO $$
DECLARE
    what text;
BEGIN
    FOREACH what IN ARRAY ARRAY['account_margin', 'undercollateralized', 'unpriced', 'account_collateral', 'account_position', 'account_order', 'account_stress',
                                'account_margin(2)', 'explain(1)', 'explain_text(3)', 'reported_margin', 'report_levels', 'report_exposure', 'report_stress()',
                                'market()', 'present_market(clock_timestamp())', 'release_ratios()', 'scenarios()', 'repayment_rules()'] LOOP
        CALL compare(what);
    END LOOP;
END
$$;
SET client_min_messages = warning;

-- another one is seen by the next statement, and not if it is rolled back
BEGIN;
SELECT applied FROM margin.set_prices('desk', '{BTC}', '{50000}', refresh => true);
SELECT account_id, equity FROM shard.account_margin WHERE account_id = 1;
ROLLBACK;
SELECT account_id, equity FROM shard.account_margin WHERE account_id = 1;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT account_id, equity FROM shard.account_margin WHERE account_id = 1;
DECLARE before CURSOR FOR SELECT equity FROM shard.account_margin WHERE account_id = 1;
UPDATE desk.index_price SET price = 61000 WHERE asset = 'BTC';
SET CONSTRAINTS ALL IMMEDIATE;
SELECT account_id, equity FROM shard.account_margin WHERE account_id = 1;
FETCH before;
ROLLBACK;

-- which market it was is named by whatever judges by it, here and where the venue is
SELECT shard.market_id() = id AS here, desk.market_id() = id AS there FROM desk.published_market;
SELECT margin.enable_publishing('desk') > 0 AS prices_only;
BEGIN;
UPDATE desk.contract SET closing_fee = 0.0007;
SELECT shard.market_id() = id AS here, desk.market_id() AS there FROM desk.published_market;
ROLLBACK;
SELECT margin.enable_publishing('desk', edits => true) > 0 AS all;

-- levels and the guard
SELECT margin.enable_levels('shard'), margin.refresh_levels('shard');
SELECT margin.enable_guard('shard');
SELECT account_id, level FROM shard.account_level ORDER BY account_id;
SELECT applied FROM margin.set_prices('desk', '{}', '{}', '{BTC_USDT}', '{60210}');
SELECT margin.refresh_levels('shard');
SELECT applied, level_changes FROM margin.set_prices('desk', '{BTC}', '{39000}', refresh => true);
SELECT margin.refresh_levels('desk'), margin.refresh_levels('shard');
SELECT 'desk' AS book, e.account_id, e.from_level, e.to_level, e.market_id - p.id AS market FROM desk.level_event AS e, desk.published_market AS p
 UNION ALL SELECT 'shard', e.account_id, e.from_level, e.to_level, e.market_id - p.id FROM shard.level_event AS e, desk.published_market AS p ORDER BY 1, 5, 2;
SELECT applied, level_changes FROM margin.set_prices('desk', '{BTC}', '{60000}', refresh => true);
SELECT margin.refresh_levels('shard');
SELECT e.account_id, e.from_level, e.to_level, e.market_id - p.id AS market FROM desk.level_event AS e, desk.published_market AS p ORDER BY e.id DESC LIMIT 1;
SELECT e.account_id, e.from_level, e.to_level, e.market_id - p.id AS market FROM shard.level_event AS e, desk.published_market AS p ORDER BY e.id DESC LIMIT 1;
SELECT * FROM margin.check_levels('shard');
UPDATE shard.balance SET quantity = quantity - 500 WHERE account_id = 2;
UPDATE shard.balance SET quantity = quantity + 500 WHERE account_id = 2;
SELECT account_id, from_level, to_level, cause, market_id = (SELECT id FROM desk.published_market) AS this_market FROM shard.level_event ORDER BY id DESC LIMIT 1;
BEGIN;
SET LOCAL margin.guard = record;
UPDATE shard.balance SET quantity = quantity - 600 WHERE account_id = 2;
COMMIT;
UPDATE shard.balance SET quantity = quantity + 600 WHERE account_id = 2;
SELECT account_id, level, market_id = (SELECT id FROM desk.published_market) AS this_market FROM shard.guard_exception;
SELECT margin.prepare_snapshots('shard') > 0 AS prepared, margin.take_snapshot('shard') IS NOT NULL AS taken;
SELECT count(*) FROM shard.account_snapshot;
SELECT s.market_id = p.id AS this_market, s.market OPERATOR(margin.=) p.market AS indeed FROM shard.snapshot AS s, desk.published_market AS p;
SELECT margin.take_snapshot('shard', 'changes') IS NOT NULL AS taken;
SELECT count(*) FILTER (WHERE s.market_id = p.id) AS of_this_market, count(*) FROM shard.snapshot AS s, desk.published_market AS p;

-- what does not travel is refused
\set VERBOSITY terse
SELECT shard.market('2026-01-01');
SELECT shard.past_market('2026-01-01');
SELECT shard.planned_change();
SELECT shard.interest_rates('2026-01-01', '2026-01-02');
SELECT * FROM shard.report_impact;
SELECT * FROM margin.set_prices('shard', '{BTC}', '{1}');

-- and so is what has expired, or is not there
SELECT margin.disable_publishing('desk');
SELECT account_id, equity FROM shard.account_margin;
SELECT * FROM shard.account_margin(1);
SELECT shard.market();
SELECT margin.refresh_levels('shard');
SELECT * FROM shard.report_levels;
UPDATE shard.balance SET quantity = quantity + 1 WHERE account_id = 2;
-- at another instant it was
SELECT shard.present_market((SELECT at FROM desk.published_market)) IS NOT NULL AS present;
DELETE FROM desk.published_market;
SELECT account_id, equity FROM shard.account_margin;
UPDATE shard.balance SET quantity = quantity + 1 WHERE account_id = 2;
SELECT margin.publish_market('desk') > 0 AS published;
UPDATE shard.balance SET quantity = quantity + 1 WHERE account_id = 2;

-- in a table of one's own it may be anything; what else a venue tells may be left out
SET ROLE regress_margin_shard;
SELECT margin.create_book('theirs', market => 'other', trust => true);
INSERT INTO theirs.balance VALUES (1, 'BTC', 1);
SELECT * FROM theirs.account_margin;
INSERT INTO other VALUES (1, now(), 'infinity', NULL);
SELECT * FROM theirs.account_margin;
UPDATE other SET market = '{"assets": {"BTC": {"price": 7, "tiers": "{0: 1}"}}}', valid_until = NULL;
SELECT * FROM theirs.account_margin;
UPDATE other SET valid_until = 'infinity';
SELECT account_id, equity FROM theirs.account_margin;
SELECT margin.refresh_levels('theirs');
SELECT * FROM theirs.account_stress;
UPDATE other SET id = 2, market = '{"assets": {"BTC": {"price": 8, "tiers": "{0: 1}"}}}';
SELECT account_id, equity FROM theirs.account_margin;
INSERT INTO other TABLE other;
SELECT account_id, equity FROM theirs.account_margin;
RESET ROLE;
DELETE FROM other;
INSERT INTO other VALUES (3, now(), 'infinity', '{"assets": {"BTC": {"price": 9, "tiers": "{0: 1}"}}}');
-- whoever reads the book needs no right on where its market stands, but on market()
CREATE ROLE regress_margin_reader;
GRANT USAGE ON SCHEMA theirs TO regress_margin_reader;
GRANT SELECT ON theirs.account_margin, theirs.account_portfolio, theirs.holding, theirs.balance, theirs.position, theirs.open_order TO regress_margin_reader;
SET ROLE regress_margin_reader;
SELECT account_id, equity FROM theirs.account_margin;
RESET ROLE;
GRANT EXECUTE ON FUNCTION theirs.market() TO regress_margin_reader;
SET ROLE regress_margin_reader;
SELECT account_id, equity FROM theirs.account_margin;
SELECT * FROM other;
SELECT * FROM theirs.market_source;
RESET ROLE;
-- but its owner does
REVOKE ALL ON other FROM regress_margin_shard;
SELECT account_id, equity FROM theirs.account_margin;
\set VERBOSITY default

-- views that others call so are held to the types
\set VERBOSITY terse
CREATE FUNCTION pg_temp.market() RETURNS int LANGUAGE sql RETURN 1;
CREATE TEMP VIEW market_source AS SELECT 1::bigint AS id, now() AS at, timestamptz 'infinity' AS valid_until, 12345::bigint AS market;
SELECT margin_internal.kept_market(NULL::pg_temp.market_source, now());
DROP VIEW market_source;
CREATE TEMP VIEW market_source AS SELECT 1::bigint AS id, now() AS at, timestamptz 'infinity' AS valid_until, 'not a market'::bytea AS market;
SELECT margin_internal.kept_market(NULL::pg_temp.market_source, now());
DROP VIEW market_source;
CREATE TEMP VIEW market_source AS SELECT 'one'::text AS id, now() AS at, timestamptz 'infinity' AS valid_until, NULL::margin.market AS market;
SELECT margin_internal.kept_market(NULL::pg_temp.market_source, now());
\set VERBOSITY default

-- renamed, brought up to date, dropped
ALTER SCHEMA shard RENAME TO piece;
ALTER SCHEMA desk RENAME TO house;
SELECT margin.publish_market('house') > 0 AS published;
SELECT account_id, level, equity FROM piece.account_margin;
SELECT * FROM margin.upgrade_book('piece');
SELECT piece.about();
\set VERBOSITY terse
DROP TABLE house.published_market;
SELECT margin.drop_venue('house');
\set VERBOSITY default
SELECT margin.drop_book('piece');
SELECT relname FROM pg_class WHERE relnamespace = 'piece'::regnamespace UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'piece'::regnamespace;
DROP SCHEMA house, piece, theirs CASCADE;
DROP TABLE other;
DROP PROCEDURE compare;
DROP ROLE regress_margin_feed, regress_margin_shard, regress_margin_reader;
