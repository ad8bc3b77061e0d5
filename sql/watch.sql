-- Levels that a refresh does not have to judge again: whom it judges, when it makes a full pass, and what is kept
\set SHOW_CONTEXT never
SET client_min_messages = warning;

CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USD'), ('BTC'), ('ETH');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('BTC', 0, 0.9), ('ETH', 0, 0.8);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('BTC', 100), ('ETH', 10);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('BTC_USD', 'USD', 1), ('ETH_USD', 'USD', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USD', 0, 0.1), ('ETH_USD', 0, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_USD', 100), ('ETH_USD', 10);
INSERT INTO desk.balance VALUES (1, 'USD', 100), (2, 'BTC', 1), (3, 'USD', 10), (4, 'MOON', 1), (5, 'USD', -1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USD', 5, 100), (3, 'ETH_USD', 1, 10);

-- ---------------------------------------------------------------------------
-- Not enabled: a full pass over the rows, nothing kept
-- ---------------------------------------------------------------------------

SELECT margin.refresh_levels('desk');
SELECT count(*) FILTER (WHERE epoch >= 0) AS anchored, (SELECT count(*) FROM desk.level_epoch) AS epochs FROM desk.account_level;
SELECT account_id FROM desk.kept_margin;
SELECT account_id, level FROM desk.reported_margin ORDER BY 1;
SELECT * FROM margin.check_levels('desk');

-- ---------------------------------------------------------------------------
-- Enabled: the first refresh anchors everybody, others judge whom a price may have moved
-- ---------------------------------------------------------------------------

SELECT margin.enable_levels('desk');
SELECT account_id FROM desk.kept_margin;
SELECT margin.refresh_levels('desk');
SELECT account_id, level, epoch, room, mask, portfolio FROM desk.account_level ORDER BY 1;
SELECT epoch, prices, accounts FROM desk.level_epoch;
SELECT account_id, level, equity FROM desk.kept_margin ORDER BY 1;
-- what a refresh has written, of accounts that stay too
CREATE FUNCTION pg_temp.tick(cause text) RETURNS TABLE (changed integer, judged text) LANGUAGE plpgsql AS $$
BEGIN
    CREATE TEMP TABLE before ON COMMIT DROP AS SELECT account_id, ctid AS place FROM desk.account_level;
    changed := margin.refresh_levels('desk', cause => tick.cause);
    judged := (SELECT string_agg(l.account_id::text, ' ' ORDER BY account_id) FROM desk.account_level AS l JOIN before AS b USING (account_id) WHERE l.ctid <> b.place);
    DROP TABLE before;
    RETURN NEXT;
END
$$;
UPDATE desk.mark_price SET price = 101 WHERE contract = 'BTC_USD';
SELECT * FROM pg_temp.tick('room left');
UPDATE desk.mark_price SET price = 94 WHERE contract = 'BTC_USD';
SELECT * FROM pg_temp.tick('no room for account 1');
UPDATE desk.index_price SET price = 1000 WHERE asset = 'ETH';
SELECT * FROM pg_temp.tick('nobody holds it');
UPDATE desk.mark_price SET price = 90 WHERE contract = 'BTC_USD';
SELECT * FROM pg_temp.tick('account 1 falls');
-- a write, judged when it commits and looked at by the next refresh
UPDATE desk.balance SET quantity = 200 WHERE account_id = 1;
SELECT account_id, level, epoch, portfolio FROM desk.account_level WHERE account_id = 1;
SELECT * FROM pg_temp.tick('what was written');
SELECT * FROM pg_temp.tick('nothing more');
-- terms, prices that go and come, thresholds, release ratios
UPDATE desk.collateral_tier SET ratio = 0.7 WHERE asset = 'BTC';
SELECT * FROM pg_temp.tick('terms of BTC');
DELETE FROM desk.index_price WHERE asset = 'BTC';
SELECT * FROM pg_temp.tick('BTC without price');
INSERT INTO desk.index_price VALUES ('BTC', 100);
SELECT * FROM pg_temp.tick('and with one');
UPDATE desk.index_price SET updated_at = now() - interval '1 day' WHERE asset = 'BTC';
UPDATE desk.asset SET max_age = '1 hour' WHERE asset = 'BTC';
SELECT * FROM pg_temp.tick('an old price');
UPDATE desk.index_price SET updated_at = now() WHERE asset = 'BTC';
SELECT * FROM pg_temp.tick('a fresh one');
INSERT INTO desk.asset (asset) VALUES ('MOON');
INSERT INTO desk.index_price (asset, price) VALUES ('MOON', 1);
SELECT * FROM pg_temp.tick('a new asset');
INSERT INTO desk.level_threshold VALUES ('warning', 0.5, 0.01), ('margin_call', 0.85, NULL), ('liquidation', 1, NULL);
SELECT * FROM pg_temp.tick('thresholds');
UPDATE desk.level_threshold SET margin_ratio = 0.02, release_ratio = NULL WHERE level = 'warning';
SELECT * FROM pg_temp.tick('thresholds that many reach');
UPDATE desk.level_threshold SET margin_ratio = 0.7, release_ratio = 0.01 WHERE level = 'warning';
SELECT * FROM pg_temp.tick('held');
SELECT account_id, from_level, to_level, equity, maintenance_margin, cause FROM desk.level_event ORDER BY id;
SELECT * FROM margin.check_levels('desk');

-- ---------------------------------------------------------------------------
-- Where writes may have been missed, a full pass
-- ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.watched() RETURNS boolean LANGUAGE sql AS $$ SELECT margin_internal.levels_are_kept('desk.account_level') $$;
SELECT pg_temp.watched();
SET session_replication_role = replica;
UPDATE desk.balance SET quantity = -1 WHERE account_id = 3;
RESET session_replication_role;
-- nothing told of that
SELECT pg_temp.watched(), margin.refresh_levels('desk');
SELECT * FROM margin.check_levels('desk');
SELECT margin.refresh_levels('desk', everyone => true);
SELECT * FROM margin.check_levels('desk');
ALTER TABLE desk.balance DISABLE TRIGGER margin_levels;
UPDATE desk.balance SET quantity = 1000 WHERE account_id = 3;
ALTER TABLE desk.balance ENABLE TRIGGER margin_levels;
SELECT pg_temp.watched();
SELECT * FROM margin.check_levels('desk');
SELECT account_id FROM desk.kept_margin WHERE account_id = 3;
SELECT margin.refresh_levels('desk');
SELECT pg_temp.watched();
TRUNCATE desk.position;
SELECT pg_temp.watched(), margin.refresh_levels('desk');
SELECT pg_temp.watched();
-- rewritten
ALTER TABLE desk.balance ADD booked_at timestamptz DEFAULT clock_timestamp();
SELECT pg_temp.watched(), margin.refresh_levels('desk');
SELECT pg_temp.watched();
SELECT count(*) FROM margin.check_levels('desk');
BEGIN;
CREATE OR REPLACE VIEW desk.flawed_holding AS SELECT account_id, kind, symbol, quantity, entry_price, leverage, 'none' AS flaw FROM desk.holding WHERE false;
SELECT pg_temp.watched() AS it_does_not_read_that;
ROLLBACK;
BEGIN;
CREATE TABLE desk.more () INHERITS (desk.balance);
SELECT pg_temp.watched() AS a_child_is_not_seen;
ROLLBACK;
BEGIN;
CREATE TABLE desk.rate (asset text PRIMARY KEY, rate numeric);
CREATE FUNCTION desk.converted(asset text, quantity numeric) RETURNS numeric LANGUAGE sql STABLE
    AS $$ SELECT quantity * coalesce((SELECT rate FROM desk.rate AS r WHERE r.asset = converted.asset), 1) $$;
CREATE SCHEMA other;
SELECT margin.create_book('other', 'desk', 'desk.balance', 'desk.position', balance_quantity => 'desk.converted(asset, quantity)');
SELECT margin.guard_table('other', 'desk.balance', 'account_id'), margin.guard_table('other', 'desk.position', 'account_id'), margin.enable_levels('other');
SELECT margin_internal.level_sources('other.holding') IS NULL AS what_a_function_reads_is_not_seen;
ROLLBACK;
-- what tells the time, is lost in a crash, or may belong to nobody
CREATE SCHEMA odd;
CREATE TABLE odd.till (a int NOT NULL, c text, q numeric, ends timestamptz);
CREATE VIEW odd.open_till AS SELECT a, c, q FROM odd.till WHERE ends > now();
SELECT margin.create_book('odd', 'desk', 'odd.open_till', balance_account => 'a', balance_asset => 'c', balance_quantity => 'q', account_type => 'integer');
SELECT margin.guard_table('odd', 'odd.till', 'a'), margin.enable_levels('odd');
SELECT margin_internal.level_sources('odd.holding') IS NULL AS the_clock_is_not_seen;
CREATE OR REPLACE VIEW odd.open_till AS SELECT a, c, q FROM odd.till;
SELECT margin_internal.level_sources('odd.holding') IS NULL AS now_all_is;
ALTER TABLE odd.till SET UNLOGGED;
SELECT margin_internal.level_sources('odd.holding') IS NULL AS a_crash_is_not_seen;
ALTER TABLE odd.till SET LOGGED;
ALTER TABLE odd.till ALTER a DROP NOT NULL;
SELECT margin_internal.level_sources('odd.holding') IS NULL AS nobody_has_no_level;
DROP SCHEMA odd CASCADE;
-- changed again in the transaction that has refreshed
BEGIN;
SELECT margin.disable_levels('desk'), margin.enable_levels('desk');
SELECT margin.refresh_levels('desk');
SELECT pg_temp.watched() AS may_change_once_more;
SELECT margin.disable_levels('desk');
INSERT INTO desk.balance (account_id, asset, quantity) VALUES (78, 'USD', -50);
SELECT margin.enable_levels('desk');
COMMIT;
SELECT margin.refresh_levels('desk');
SELECT pg_temp.watched();
-- levels removed by hand, and columns of one's own that are called as variables are
DELETE FROM desk.account_level WHERE account_id = 78;
SELECT pg_temp.watched();
ALTER TABLE desk.account_level ADD kept text DEFAULT 'x', ADD given text DEFAULT 'x', ADD ratios text, ADD present bigint DEFAULT 7, ADD writes boolean DEFAULT false,
    ADD accounts bigint, ADD cause text, ADD market text, ADD largest int;
SELECT margin.refresh_levels('desk');
UPDATE desk.balance SET quantity = 50 WHERE account_id = 78;
UPDATE desk.mark_price SET price = price + 1;
SELECT margin.refresh_levels('desk');
SELECT pg_temp.watched();
SELECT * FROM margin.check_levels('desk');
SELECT from_level, to_level, cause FROM desk.level_event WHERE account_id = 78 ORDER BY id;
DELETE FROM desk.balance WHERE account_id = 78;
-- another book over the same tables, and a partitioned one
CREATE SCHEMA twin;
SELECT margin.create_book('twin', 'desk', 'desk.balance', 'desk.position');
SELECT margin.guard_table('twin', 'desk.balance', 'account_id'), margin.guard_table('twin', 'desk.position', 'account_id');
SELECT margin.disable_guard('twin'), margin.enable_levels('twin');
SELECT margin.refresh_levels('twin');
UPDATE desk.balance SET quantity = 7 WHERE account_id = 3;
SELECT b.book, (SELECT string_agg(c.account || ' ' || c.difference, ', ') FROM margin.check_levels(b.book) AS c) AS differs FROM margin.books AS b ORDER BY 1;
SELECT account_id, portfolio FROM twin.kept_portfolio WHERE account_id = 3;
CREATE SCHEMA parts;
CREATE TABLE parts.held (who text, what text, much numeric, PRIMARY KEY (who, what)) PARTITION BY HASH (who);
CREATE TABLE parts.held_0 PARTITION OF parts.held FOR VALUES WITH (MODULUS 2, REMAINDER 0);
SELECT margin.create_book('parts', 'desk', 'parts.held', balance_account => 'who', balance_asset => 'what', balance_quantity => 'much');
SELECT margin.guard_table('parts', 'parts.held', 'who'), margin.disable_guard('parts'), margin.enable_levels('parts');
SELECT margin.refresh_levels('parts');
SELECT margin_internal.levels_are_kept('parts.account_level');
CREATE TABLE parts.held_1 PARTITION OF parts.held FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SELECT margin_internal.levels_are_kept('parts.account_level') AS another_partition, margin.refresh_levels('parts');
SELECT margin_internal.levels_are_kept('parts.account_level');
INSERT INTO parts.held SELECT 'client ' || i, 'USD', i FROM generate_series(1, 10) AS i;
SELECT count(*), sum(equity) FROM parts.kept_margin;
ALTER TABLE parts.held_1 DISABLE TRIGGER margin_levels;
SELECT margin_internal.levels_are_kept('parts.account_level') AS one_partition_unseen;
ALTER TABLE parts.held_1 ENABLE TRIGGER margin_levels;
SELECT margin.refresh_levels('parts');
SELECT margin_internal.levels_are_kept('parts.account_level');

-- ---------------------------------------------------------------------------
-- Epochs are few, however many ticks, and nobody is left in one that is gone
-- ---------------------------------------------------------------------------

INSERT INTO desk.balance SELECT i, 'BTC', 1 FROM generate_series(100, 200) AS i;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) SELECT i, 'BTC_USD', 1 + i % 9, 90 FROM generate_series(100, 200) AS i;
DO $$
BEGIN
    FOR i IN 1 .. 300 LOOP
        UPDATE desk.mark_price SET price = 100 + 10 * sin(i) + i / 100.0 WHERE contract = 'BTC_USD';
        UPDATE desk.balance SET quantity = 1 + i / 1000.0 WHERE account_id = 100 + i % 101 AND asset = 'BTC';
        SET CONSTRAINTS ALL IMMEDIATE;
        SET CONSTRAINTS ALL DEFERRED;
        PERFORM margin.refresh_levels('desk');
        IF EXISTS (SELECT FROM desk.account_level AS l WHERE l.epoch >= 0 AND NOT EXISTS (SELECT FROM desk.level_epoch AS e WHERE e.epoch = l.epoch)) THEN
            RAISE EXCEPTION 'tick %: an epoch is gone', i;
        END IF;
    END LOOP;
END
$$;
SELECT count(*) BETWEEN 10 AND 129 AS few FROM desk.level_epoch;
SELECT count(*) FROM margin.check_levels('desk');
SELECT count(*) AS one FROM desk.level_basis;

-- at REPEATABLE READ levels are judged by what the transaction sees, and nobody is anchored
BEGIN ISOLATION LEVEL REPEATABLE READ;
UPDATE desk.mark_price SET price = 50 WHERE contract = 'BTC_USD';
SELECT margin.refresh_levels('desk') > 50 AS fell;
SELECT count(*) > 50 AS to_be_judged FROM desk.account_level WHERE epoch = -2;
ROLLBACK;

-- what is shown of them, by key and in order
SELECT account_id, level, equity FROM desk.kept_margin WHERE account_id = 1;
SELECT k.account_id, k.equity FROM (VALUES (3::bigint), (1), (9)) AS list (id) JOIN desk.kept_margin AS k ON k.account_id = list.id ORDER BY 1;

-- row security of the rows does not reach what is kept of them: nobody sees more by it
CREATE ROLE regress_margin_tenant;
GRANT USAGE ON SCHEMA desk TO regress_margin_tenant;
GRANT SELECT ON ALL TABLES IN SCHEMA desk TO regress_margin_tenant;
GRANT EXECUTE ON FUNCTION desk.market() TO regress_margin_tenant;
ALTER TABLE desk.balance ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.position ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON desk.balance TO regress_margin_tenant USING (account_id = 3);
CREATE POLICY own ON desk.position TO regress_margin_tenant USING (account_id = 3);
SET ROLE regress_margin_tenant;
SELECT account_id FROM desk.kept_margin;
SELECT account_id FROM desk.kept_portfolio;
SELECT account_id, equity FROM desk.reported_margin;
SELECT account_id FROM desk.portfolios();
RESET ROLE;
SELECT count(*) > 100 AS all_of_them FROM desk.kept_margin;

-- ---------------------------------------------------------------------------
-- Who is out of his room and keeps his level waits for his turn, which comes, also where all hold the same
-- ---------------------------------------------------------------------------

CREATE SCHEMA same;
SELECT margin.create_book('same');
INSERT INTO same.asset (asset) VALUES ('USD');
INSERT INTO same.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1);
INSERT INTO same.index_price (asset, price) VALUES ('USD', 1);
INSERT INTO same.contract (contract, settle, contract_size) VALUES ('BTC_USD', 'USD', 1);
INSERT INTO same.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USD', 0, 0.1);
INSERT INTO same.mark_price (contract, price) VALUES ('BTC_USD', 100);
-- 50 is their maintenance margin, a warning from 0.7 on: a fall by 0.2 to 1 % brings it, a rise nothing
INSERT INTO same.balance SELECT i, 'USD', 72 + i * 0.09 FROM generate_series(1, 40) AS i;
INSERT INTO same.position (account_id, contract, quantity, entry_price) SELECT i, 'BTC_USD', 5, 100 FROM generate_series(1, 40) AS i;
SELECT margin.enable_levels('same');
SELECT margin.refresh_levels('same');
SELECT level, epoch, round(min(room)::numeric, 5) AS least, round(max(room)::numeric, 5) AS most FROM same.account_level GROUP BY level, epoch;
UPDATE same.mark_price SET price = 104;
SELECT margin.refresh_levels('same');
SELECT count(*) > 0 AS some_wait FROM same.account_level WHERE epoch = 0;
-- one time in sixteen: by luck alone nobody waits so long
DO $$
BEGIN
    FOR i IN 1 .. 400 LOOP
        UPDATE same.mark_price SET price = 104 + i % 7 * 0.001;
        PERFORM margin.refresh_levels('same');
    END LOOP;
END
$$;
SELECT count(*) AS still_waiting FROM same.account_level WHERE epoch = 0;
SELECT * FROM margin.check_levels('same');

DROP SCHEMA same, parts, twin, desk CASCADE;
DROP ROLE regress_margin_tenant;
SELECT margin.check_levels('desk');
SELECT margin.refresh_levels('desk', everyone => true);
