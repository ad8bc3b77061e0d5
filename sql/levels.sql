-- Levels kept, held by release ratios, journaled; in a book with tables of its own and in books over others
\set SHOW_CONTEXT never
SET client_min_messages = warning;

-- ---------------------------------------------------------------------------
-- held_level(), against its definition: the highest level whose bound the
-- account reaches, the bound being the release ratio of levels it was at
-- ---------------------------------------------------------------------------

WITH bound (level, threshold, release) AS (
    VALUES ('warning'::margin.level, 0.7, 0.65), ('margin_call', 0.85, 0.75), ('liquidation', 1, 0.95)
), cases AS (
    SELECT previous, equity, maintenance,
           CASE WHEN equity < 0 THEN 'bankrupt'
                ELSE coalesce((SELECT max(level) FROM bound WHERE maintenance > 0 AND maintenance >= threshold * equity), 'healthy')
           END AS judged,
           CASE WHEN equity < 0 THEN 'bankrupt'
                ELSE coalesce((SELECT max(level) FROM bound
                                WHERE maintenance > 0
                                  AND maintenance >= CASE WHEN previous >= level AND previous <> 'unpriced' THEN release ELSE threshold END * equity),
                              'healthy')
           END AS expected
      FROM unnest(enum_range(NULL::margin.level)) AS previous,
           unnest('{-1, 0, 100, 0.01}'::numeric[]) AS equity,
           generate_series(0, 1.2, 0.0005) AS ratio,
           LATERAL (SELECT ratio * greatest(equity, 0.01) AS maintenance) AS m
)
SELECT count(*) > 50000 AS enough, count(*) FILTER (WHERE expected <> judged) > 1000 AS held,
       count(*) FILTER (WHERE margin.held_level(previous, judged, equity, maintenance, '{0.65, 0.75, 0.95}') <> expected) AS wrong
  FROM cases;

-- without release ratios, without a level before, unpriced, null
SELECT margin.held_level('liquidation', 'healthy', 100, 69.9, '{NULL, NULL, NULL}') AS healthy,
       margin.held_level('liquidation', 'healthy', 100, 69.9, '{0.6, NULL, 0.7}') AS warning,
       margin.held_level('bankrupt', 'healthy', 100, 69.9, '{0.6, 0.65, 0.69}') AS liquidation,
       margin.held_level(NULL, 'warning', 100, 80, '{0.6, 0.65, 0.69}') AS warning,
       margin.held_level('liquidation', 'unpriced', NULL, NULL, '{0.6, 0.65, 0.69}') AS unpriced,
       margin.held_level('warning', NULL, 100, 80, '{0.6, 0.65, 0.69}') AS "null";

CREATE SCHEMA desk;
SELECT margin.create_book('desk');

-- ---------------------------------------------------------------------------
-- An account along a price: 100 USD, 5 contracts bought at 100, a tenth of the
-- notional to be kept, so equity 5 * mark - 400 and maintenance mark / 2
-- ---------------------------------------------------------------------------

INSERT INTO desk.asset (asset) VALUES ('USD'), ('ETH');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('ETH', 0, 0.5);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('ETH', 2000);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('C', 'USD', 1), ('E', 'ETH', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('C', 0, 0.1), ('E', 0, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('C', 100), ('E', 1);
INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'USD', 100), (2, 'USD', 7), (3, 'USD', 0), (4, 'MOON', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'C', 5, 100);
SELECT desk.release_ratios();

SELECT margin.refresh_levels('desk');
SELECT account_id, level FROM desk.account_level ORDER BY 1;
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices, cause, changed_by = session_user AS by_me FROM desk.level_event ORDER BY id;

INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 0.65), ('margin_call', 0.85, 0.75), ('liquidation', 1, 0.95);
SELECT desk.release_ratios();
CREATE TEMP TABLE path (n integer GENERATED ALWAYS AS IDENTITY, mark numeric, ratio numeric, judged margin.level, kept margin.level);
CREATE FUNCTION pg_temp.move(mark numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.mark_price SET price = mark WHERE contract = 'C';
    PERFORM margin.refresh_levels('desk', cause => 'mark at ' || mark);
    INSERT INTO path (mark, ratio, judged, kept)
    SELECT mark, a.margin_ratio, a.level, l.level
      FROM desk.account_margin AS a JOIN desk.account_level AS l USING (account_id) WHERE account_id = 1;
END
$$;
SELECT pg_temp.move(mark) FROM unnest('{96, 92, 94, 95, 94, 88, 89, 90, 92, 93, 88, 94, 80, 79, 89, 100}'::numeric[]) WITH ORDINALITY AS m (mark, n) ORDER BY n;
SELECT mark, ratio, judged, kept FROM path ORDER BY n;
SELECT from_level, to_level, equity, maintenance_margin, prices, cause FROM desk.level_event WHERE account_id = 1 ORDER BY id;

-- ---------------------------------------------------------------------------
-- Some accounts, by their keys
-- ---------------------------------------------------------------------------

INSERT INTO desk.balance (account_id, asset, quantity) VALUES (5, 'ETH', 1), (6, 'USD', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (6, 'E', 1, 1), (7, 'E', 1, 1), (7, 'C', 1, 1);

-- accounts one by one; whoever holds nothing is healthy; a market may be given
SELECT margin.refresh_levels('desk');
BEGIN;
SELECT margin.refresh_account_levels('desk', '{4, 4, 1, 99}', 'asked', '{"assets": {"MOON": {"price": 1}, "USD": {"price": 1}}}');
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM desk.level_event WHERE cause = 'asked' ORDER BY id;
SELECT level FROM desk.account_level WHERE account_id = 99;
ROLLBACK;
BEGIN;
DELETE FROM desk.balance WHERE account_id = 4;
SELECT margin.refresh_levels('desk', cause => 'emptied');
SELECT account_id, from_level, to_level, equity, maintenance_margin, prices, cause FROM desk.level_event WHERE cause = 'emptied';
ROLLBACK;
SELECT margin.refresh_account_levels('desk', NULL);
SELECT margin.refresh_account_levels('desk', '{}');
SELECT margin.refresh_account_levels('desk', '{one}');
-- who holds a contract is concerned by the asset it settles in now, not by the
-- one it settled in before its terms changed: 10 short from 100 at a mark of 102
-- have lost 20 ETH, 20 USD of 10000 first, then 20000
BEGIN;
DELETE FROM desk.balance;
DELETE FROM desk.position;
INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size) VALUES ('C', '2020-01-01 00:00+00', 'ETH', 1);
INSERT INTO desk.balance VALUES (3, 'USD', 10000);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (3, 'C', -10, 100);
UPDATE desk.mark_price SET price = 102 WHERE contract = 'C';
UPDATE desk.index_price SET price = 1 WHERE asset = 'ETH';
SELECT margin.refresh_levels('desk');
SELECT level, equity FROM desk.account_margin;
SELECT level_changes FROM margin.set_prices('desk', ARRAY['ETH'], ARRAY[1000], refresh => true);
SELECT a.level, a.equity, l.level AS kept FROM desk.account_margin AS a JOIN desk.account_level AS l USING (account_id);
ROLLBACK;
SELECT margin.refresh_levels('nowhere');
SELECT margin.refresh_levels(NULL);

-- ---------------------------------------------------------------------------
-- No change, no write: not even a transaction id
-- ---------------------------------------------------------------------------

SELECT margin.refresh_levels('desk');
BEGIN;
SELECT margin.refresh_levels('desk'), margin.refresh_levels('desk', everyone => true), pg_current_xact_id_if_assigned();
COMMIT;
-- nor where a release ratio holds a level
SELECT pg_temp.move(92), pg_temp.move(94);
BEGIN;
SELECT margin.refresh_levels('desk'), pg_current_xact_id_if_assigned();
COMMIT;
SELECT level FROM desk.account_level WHERE account_id = 1;

-- the journal leads from healthy to where each account is, without a gap
SELECT count(*) > 10 AS enough,
       bool_and(from_level = coalesce(before, 'healthy') AND from_level <> to_level) AS connected,
       bool_and(after IS NOT NULL OR to_level = (SELECT level FROM desk.account_level AS l WHERE l.account_id = e.account_id)) AS arrived
  FROM (SELECT *, lag(to_level) OVER w AS before, lead(to_level) OVER w AS after
          FROM desk.level_event WINDOW w AS (PARTITION BY account_id ORDER BY id)) AS e;

-- append-only, for its owner too
UPDATE desk.level_event SET cause = 'other';
DELETE FROM desk.level_event;
TRUNCATE desk.level_event;

-- ---------------------------------------------------------------------------
-- What is told at commit
-- ---------------------------------------------------------------------------

BEGIN;
SELECT margin_internal.level_notice('desk.level_event') AS nothing;
SELECT pg_temp.move(88);
SAVEPOINT a;
SELECT pg_temp.move(79);
SELECT margin_internal.level_notice('desk.level_event');
ROLLBACK TO a;
SELECT margin_internal.level_notice('desk.level_event');
SELECT pg_temp.move(94);
SELECT margin_internal.level_notice('desk.level_event') AS back_where_it_was;
ROLLBACK;
-- as many as fit, the highest levels first
BEGIN;
INSERT INTO desk.balance (account_id, asset, quantity) SELECT i, 'USD', -1 FROM generate_series(1001, 1200) AS i;
INSERT INTO desk.balance (account_id, asset, quantity) SELECT i, 'MOON', 1 FROM generate_series(2001, 2200) AS i;
SELECT margin.refresh_levels('desk');
SELECT notice -> 'levels' AS levels, notice ->> 'truncated' AS truncated, length(text) BETWEEN 7900 AND 7999 AS as_many_as_fit,
       (SELECT count(*) FROM json_each_text(notice -> 'accounts') WHERE value = 'unpriced') AS unpriced,
       (SELECT count(*) > 100 AND bool_and(value = 'bankrupt') FROM json_each_text(notice -> 'accounts') WHERE value <> 'unpriced') AS bankrupt
  FROM (SELECT text, text::json AS notice FROM margin_internal.level_notice('desk.level_event') AS n (text)) AS n;
ROLLBACK;

-- ---------------------------------------------------------------------------
-- A book of one's own, whatever its name and keys
-- ---------------------------------------------------------------------------

CREATE ROLE regress_margin_keeper;
CREATE SCHEMA "b'o""o%Ik" AUTHORIZATION regress_margin_keeper;
GRANT USAGE ON SCHEMA desk TO regress_margin_keeper;
SET ROLE regress_margin_keeper;
CREATE TABLE "b'o""o%Ik".held (who text, what text, much numeric);
SELECT margin.create_book('b''o"o%Ik', 'desk', '"b''o""o%Ik".held', balance_account => 'who', balance_asset => 'what', balance_quantity => 'much');
SELECT relname, relowner::regrole FROM pg_class
 WHERE relnamespace = '"b''o""o%Ik"'::regnamespace AND relname IN ('account_level', 'level_event', 'level_event_id_seq') ORDER BY 1;
SELECT attname, atttypid::regtype, attnotnull FROM pg_attribute WHERE attrelid = '"b''o""o%Ik".level_event'::regclass AND attnum IN (1, 2) ORDER BY attnum;
INSERT INTO "b'o""o%Ik".held VALUES ('alice', 'USD', 1), ('bob "x"', 'USD', -1), ('', 'MOON', 1), ('{}', 'USD', -2), (NULL, 'USD', -3);
-- what the venue's owner has not granted
SELECT margin.refresh_levels('b''o"o%Ik');
RESET ROLE;
GRANT EXECUTE ON FUNCTION desk.market() TO regress_margin_keeper;
SET ROLE regress_margin_keeper;
SELECT margin.refresh_levels('b''o"o%Ik');
RESET ROLE;
GRANT EXECUTE ON FUNCTION desk.release_ratios(), desk.pausing_prices() TO regress_margin_keeper;
SET ROLE regress_margin_keeper;
BEGIN;
SELECT margin.refresh_levels('b''o"o%Ik');
SELECT margin_internal.level_notice('"b''o""o%Ik".level_event');
COMMIT;
SELECT account_id, to_level, changed_by FROM "b'o""o%Ik".level_event ORDER BY id;
UPDATE "b'o""o%Ik".held SET much = 1;
SELECT margin.refresh_account_levels('b''o"o%Ik', ARRAY['{}', 'bob "x"']);
SELECT account_id, level FROM "b'o""o%Ik".account_level ORDER BY account_id COLLATE "C";
DELETE FROM "b'o""o%Ik".level_event;
-- another's book is not theirs
SELECT margin.refresh_levels('desk');
SELECT margin.refresh_account_levels('desk', '{1}');
SELECT margin.lock_accounts('desk', '{1}');
RESET ROLE;

-- an account half hidden is not judged
ALTER TABLE "b'o""o%Ik".held ENABLE ROW LEVEL SECURITY;
ALTER TABLE "b'o""o%Ik".held FORCE ROW LEVEL SECURITY;
CREATE POLICY p ON "b'o""o%Ik".held USING (what <> 'USD');
SET ROLE regress_margin_keeper;
SELECT margin.refresh_levels('b''o"o%Ik');
RESET ROLE;
DROP SCHEMA "b'o""o%Ik" CASCADE;

-- uuid keys; indexes are used for a few among many
CREATE SCHEMA regress_margin_uuid;
SELECT margin.create_book('regress_margin_uuid', 'desk', account_type => 'uuid');
INSERT INTO regress_margin_uuid.balance SELECT md5(i::text)::uuid, 'USD', i FROM generate_series(1, 2000) AS i;
SELECT margin.refresh_levels('regress_margin_uuid');
VACUUM ANALYZE regress_margin_uuid.balance, regress_margin_uuid.account_level;
UPDATE regress_margin_uuid.balance SET quantity = -1 WHERE account_id = md5('1')::uuid;
SELECT margin.refresh_account_levels('regress_margin_uuid', ARRAY[upper(md5('1')), md5('2')]);
SELECT account_id = md5('1')::uuid, to_level FROM regress_margin_uuid.level_event;
DO $$
DECLARE
    before bigint := pg_stat_get_xact_tuples_returned('regress_margin_uuid.balance'::regclass);
BEGIN
    PERFORM margin.refresh_account_levels('regress_margin_uuid', ARRAY[md5('1'), md5('2')]);
    IF pg_stat_get_xact_tuples_returned('regress_margin_uuid.balance'::regclass) - before > 10 THEN
        RAISE EXCEPTION 'sequential scan';
    END IF;
END
$$;
-- one session, books of several key types, a schema renamed and its name taken
SELECT margin.refresh_levels('desk'), margin.refresh_levels('regress_margin_uuid');
ALTER SCHEMA regress_margin_uuid RENAME TO regress_margin_moved;
CREATE SCHEMA regress_margin_uuid;
SELECT margin.create_book('regress_margin_uuid', 'desk', account_type => 'integer');
INSERT INTO regress_margin_uuid.balance VALUES (1, 'USD', -1), (2, 'USD', 1);
UPDATE regress_margin_moved.balance SET quantity = -1 WHERE account_id = md5('3')::uuid;
SELECT margin.refresh_levels('regress_margin_uuid'), margin.refresh_levels('regress_margin_moved');
SELECT account_id = md5('3')::uuid, to_level FROM regress_margin_moved.level_event ORDER BY id DESC LIMIT 1;
SELECT account_id, to_level FROM regress_margin_uuid.level_event;
DROP SCHEMA regress_margin_uuid, regress_margin_moved CASCADE;

-- the trigger of a journal on a table that is none
BEGIN;
CREATE TABLE desk.other (id int);
CREATE TRIGGER notify AFTER INSERT ON desk.other FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels();
INSERT INTO desk.other VALUES (1);
SELECT margin_internal.level_notice('desk.other') AS nothing;
COMMIT;

DROP OWNED BY regress_margin_keeper;
DROP ROLE regress_margin_keeper;
DROP SCHEMA desk CASCADE;
