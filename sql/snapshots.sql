-- Snapshots: what they keep of a book computed by hand, and as of when
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS margin;
RESET client_min_messages;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
\set VERBOSITY terse

BEGIN;
-- BTC 100 USD, 90 % of the first counts, 80 % of what is above.  One contract is 1 BTC, 10 % maintenance.
INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDT');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 1, 0.8), ('USDT', 0, 1);
INSERT INTO desk.index_price VALUES ('BTC', 100), ('USDT', 1);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('BTC_USDT', 'USDT', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.1);
INSERT INTO desk.mark_price VALUES ('BTC_USDT', 100);
INSERT INTO desk.balance VALUES
    (1, 'BTC', 3),          -- 90 + 160
    (2, 'USDT', 15),        -- long 2 at 100: 200 of notional need 20, the shortfall is 5
    (3, 'USDT', -7),        -- bankrupt
    (4, 'NOSUCH', 1),       -- unpriced
    (5, 'USDT', 40);        -- to leave
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (2, 'BTC_USDT', 2, 100);

---------------------------------------------------------------- days
SAVEPOINT clean;
DO $$
DECLARE
    hint text;
BEGIN
    PERFORM margin.take_snapshot('desk');
EXCEPTION WHEN object_not_in_prerequisite_state THEN
    GET STACKED DIAGNOSTICS hint = PG_EXCEPTION_HINT;
    RAISE NOTICE '% / %', replace(sqlerrm, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), 'TODAY'), hint;
END
$$;
SELECT margin.prepare_snapshots('desk', -1);
ROLLBACK TO clean;
SELECT margin.prepare_snapshots('desk', 367);
ROLLBACK TO clean;
SELECT margin.prepare_snapshots('desk', NULL);
SET LOCAL timezone = 'Pacific/Kiritimati';
SET LOCAL datestyle = 'SQL, DMY';
SELECT margin.prepare_snapshots('desk', 2), margin.prepare_snapshots('desk', 2) AS again;
SET LOCAL timezone = 'America/Adak';
SET LOCAL datestyle = 'German';
SELECT margin.prepare_snapshots('desk', 3) AS one_more;
SELECT day - (now() AT TIME ZONE 'UTC')::date AS ahead, snapshot::text ~ '^desk\.snapshot_\d{8}$' AS named, account_snapshot IS NOT NULL AS both, bytes > 0 AS bytes
  FROM desk.snapshot_days();
-- UTC days whatever the session's time zone
SET LOCAL timezone = 'UTC';
SET LOCAL datestyle = 'ISO';
SELECT count(*) AS whole_days FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
 WHERE inhparent IN ('desk.snapshot'::regclass, 'desk.account_snapshot'::regclass)
   AND pg_get_expr(relpartbound, inhrelid) ~ '^FOR VALUES FROM \(''[0-9-]+ 00:00:00\+00''\) TO \(''[0-9-]+ 00:00:00\+00''\)$';
-- the parents have a key each, and so has every partition
SELECT count(*) AS of_parents FROM pg_index WHERE indrelid IN ('desk.snapshot'::regclass, 'desk.account_snapshot'::regclass);

---------------------------------------------------------------- nothing to answer from
SAVEPOINT clean;
SELECT * FROM desk.account_margin_at('infinity');
ROLLBACK TO clean;
SELECT count(*) FROM desk.portfolios('infinity');
ROLLBACK TO clean;
SELECT desk.snapshot_market('2000-01-01 00:00+00');
ROLLBACK TO clean;
SELECT * FROM desk.revalue('-infinity', desk.market());
ROLLBACK TO clean;

---------------------------------------------------------------- one of each form
CREATE TEMP TABLE seen (step integer, taken_at timestamptz, account desk.account_margin);
CREATE FUNCTION pg_temp.see(step integer, form margin.snapshot_form) RETURNS void LANGUAGE sql AS $$
    INSERT INTO seen SELECT step, taken, a
      FROM (SELECT margin.take_snapshot('desk', form) AS taken OFFSET 0) AS t LEFT JOIN desk.account_margin AS a ON true
$$;
SET LOCAL application_name = 'mine';
SELECT pg_temp.see(1, 'full');
SHOW application_name;
SELECT account_id, equity, maintenance_margin, shortfall, level, missing FROM desk.account_margin_at(now() + interval '1 hour') ORDER BY account_id;
SELECT form, base = taken_at AS on_its_own, market OPERATOR(margin.=) desk.market() AS present_market, accounts FROM desk.snapshot;
SELECT l.level, l.accounts, l.equity, l.liabilities, l.maintenance_margin, l.shortfall, l.loss FROM desk.snapshot, unnest(levels) AS l ORDER BY 1;

-- prices fall, 1 deposits, 5 leaves, 6 comes
UPDATE desk.index_price SET price = 80 WHERE asset = 'BTC';
UPDATE desk.mark_price SET price = 80;
INSERT INTO desk.balance VALUES (1, 'USDT', 10), (6, 'BTC', 1);
DELETE FROM desk.balance WHERE account_id = 5;
SELECT pg_temp.see(2, 'portfolios');
-- nothing but 3 changes; back again; then 6 leaves and 5 returns as it was
UPDATE desk.balance SET quantity = 7 WHERE account_id = 3;
SELECT pg_temp.see(3, 'changes');
UPDATE desk.balance SET quantity = -7 WHERE account_id = 3;
SELECT pg_temp.see(4, 'changes');
DELETE FROM desk.balance WHERE account_id = 6;
INSERT INTO desk.balance VALUES (5, 'USDT', 40);
UPDATE desk.collateral_tier SET ratio = 0.5 WHERE asset = 'BTC' AND lower_bound = 1;
SELECT pg_temp.see(5, 'changes');
-- nothing changes
SELECT pg_temp.see(6, 'changes');
SELECT pg_temp.see(7, 'full');
-- changes on a full one
UPDATE desk.balance SET quantity = 4 WHERE account_id = 1 AND asset = 'BTC';
SELECT pg_temp.see(8, 'changes');
-- nobody holds anything
DELETE FROM desk.balance;
DELETE FROM desk.position;
SELECT pg_temp.see(9, 'changes');
-- by now 6 changes for no account: all portfolios, which are none
SELECT pg_temp.see(10, 'changes');
SELECT pg_temp.see(11, 'full');

SELECT DISTINCT step, form, (SELECT min(b.step) FROM seen AS b WHERE b.taken_at = s.base) AS base, accounts,
       (SELECT string_agg(account_id || CASE WHEN portfolio IS NULL THEN ' left' ELSE '' END || coalesce(' ' || level, ''), ', ' ORDER BY account_id)
          FROM desk.account_snapshot AS a WHERE a.taken_at = s.taken_at) AS stored
  FROM seen JOIN desk.snapshot AS s USING (taken_at) ORDER BY step;

-- each step as it was seen, exactly at its time, a moment before the next, and no sooner
CREATE FUNCTION pg_temp.differs(step integer, as_of timestamptz) RETURNS boolean LANGUAGE sql AS $$
    SELECT EXISTS ((SELECT to_jsonb(account) FROM seen AS s WHERE s.step = $1 AND (s.account).account_id IS NOT NULL
                    EXCEPT ALL SELECT to_jsonb(a) - 'taken_at' FROM desk.account_margin_at(as_of) AS a)
                   UNION ALL
                   (SELECT to_jsonb(a) - 'taken_at' FROM desk.account_margin_at(as_of) AS a
                    EXCEPT ALL SELECT to_jsonb(account) FROM seen AS s WHERE s.step = $1 AND (s.account).account_id IS NOT NULL))
$$;
SELECT step, count((account).account_id) AS accounts, pg_temp.differs(step, taken_at) AS at_its_time,
       pg_temp.differs(step, lead(taken_at, 1, 'infinity') OVER (ORDER BY taken_at) - interval '1 microsecond') AS until_the_next,
       CASE WHEN step NOT IN (1, 6, 7, 10, 11) THEN pg_temp.differs(step, taken_at - interval '1 microsecond') END AS before
  FROM seen GROUP BY step, taken_at ORDER BY step;
-- what is stored of a full one comes out of its portfolios and its market again, to the digit
SELECT count(*) AS stored, count(*) FILTER (WHERE v::text = margin.evaluate(portfolio, market)::text) AS reproduced
  FROM desk.account_snapshot AS a JOIN desk.snapshot USING (taken_at),
       LATERAL (SELECT ROW(equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin,
                           available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss)::margin.valuation) AS stored (v)
 WHERE form = 'full';
-- totals are sums over the accounts seen, 0 at a level without accounts, unknown of the unpriced
SELECT step, stored.*
  FROM (SELECT DISTINCT step, taken_at FROM seen) AS s JOIN desk.snapshot USING (taken_at), unnest(levels) AS stored
EXCEPT
SELECT step, (account).level, count(*), sum((account).equity), sum((account).collateral_value), sum((account).liabilities),
       sum((account).net_asset_value), sum((account).haircut), sum((account).unrealized_pnl), sum((account).initial_margin),
       sum((account).maintenance_margin), sum((account).shortfall), CASE (account).level WHEN 'unpriced' THEN NULL ELSE sum(greatest(0, - (account).equity)) END,
       sum((account).initial_equity), sum((account).order_margin), sum((account).order_loss)
  FROM seen WHERE (account).account_id IS NOT NULL GROUP BY 1, 2
EXCEPT
SELECT step, level, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0
  FROM (SELECT DISTINCT step FROM seen) AS s, unnest(enum_range(NULL::margin.level)) AS level
 WHERE NOT EXISTS (SELECT FROM seen WHERE seen.step = s.step AND (account).level = level);
SELECT DISTINCT (SELECT sum(l.accounts) FROM unnest(levels) AS l) = accounts AS all_counted FROM desk.snapshot;

---------------------------------------------------------------- other markets
-- the book of step 1 at the prices and parameters of step 5: 3 BTC are 80 * (0.9 + 2 * 0.5), 2 contracts lose 40
SELECT account_id, equity, maintenance_margin, level
  FROM desk.revalue((SELECT min(taken_at) FROM seen), desk.snapshot_market((SELECT min(taken_at) FROM seen WHERE step = 5))) ORDER BY 1;
-- step 8 in the market of step 1, and a market of one's own
SELECT account_id, equity, level
  FROM desk.revalue((SELECT min(taken_at) FROM seen WHERE step = 8), desk.snapshot_market((SELECT min(taken_at) FROM seen))) ORDER BY 1;
SELECT account_id, equity, level, missing
  FROM desk.revalue((SELECT min(taken_at) FROM seen), '{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}}') ORDER BY 1;
-- in no market there is no valuation; the present book is empty
SELECT count(*), count(level) FROM desk.revalue((SELECT min(taken_at) FROM seen), NULL);
SELECT count(*) FROM desk.revalue(NULL, desk.snapshot_market((SELECT min(taken_at) FROM seen)));
INSERT INTO desk.balance VALUES (9, 'BTC', 3);
SELECT account_id, equity FROM desk.revalue(NULL, desk.snapshot_market((SELECT min(taken_at) FROM seen)));
SELECT account_id, equity, taken_at = now() AS at_now FROM desk.account_margin_at();
SELECT account_id, portfolio FROM desk.portfolios();
SELECT account_id, portfolio FROM desk.portfolios((SELECT min(taken_at) FROM seen)) ORDER BY 1;
SELECT desk.snapshot_market() OPERATOR(margin.=) desk.market() AS present, desk.snapshot_at(NULL) IS NULL AS none;
SELECT margin.take_snapshot('desk', NULL);

---------------------------------------------------------------- immutable
CREATE ROLE regress_margin_reader;
GRANT USAGE ON SCHEMA desk TO regress_margin_reader;
GRANT ALL ON ALL TABLES IN SCHEMA desk TO regress_margin_reader;
GRANT EXECUTE ON FUNCTION desk.market() TO regress_margin_reader;
SELECT snapshot AS partition, account_snapshot AS accounts FROM desk.snapshot_days() ORDER BY day LIMIT 1 \gset
SET ROLE regress_margin_reader;
SELECT count(*) FROM desk.account_margin_at('infinity');
CREATE FUNCTION pg_temp.refusal(query text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE query;
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate;
END
$$;
SELECT regexp_replace(query, '_\d{8}', '_DAY', 'g') AS query, pg_temp.refusal(query)
  FROM unnest(ARRAY[:'partition', :'accounts', 'desk.snapshot', 'desk.account_snapshot']) AS t,
       unnest(ARRAY['UPDATE %s SET taken_at = taken_at', 'DELETE FROM %s', 'TRUNCATE %s', 'INSERT INTO %1$s SELECT * FROM %1$s',
                    'DROP TABLE %s', 'ALTER TABLE %s DISABLE TRIGGER ALL']) AS q,
       LATERAL format(q, t) AS query;
SELECT pg_temp.refusal($$SELECT margin.take_snapshot('desk')$$), pg_temp.refusal($$SELECT margin.prepare_snapshots('desk', 9)$$), pg_temp.refusal($$SELECT margin.drop_snapshots('desk', 'infinity')$$);
RESET ROLE;
-- its owner may
SELECT pg_temp.refusal('UPDATE desk.account_snapshot SET equity = 0'), pg_temp.refusal('DELETE FROM ' || :'accounts');

---------------------------------------------------------------- whole days are dropped
SELECT margin.drop_snapshots('desk', NULL) AS unknown, margin.drop_snapshots('desk', '-infinity') AS before_all, margin.drop_snapshots('desk', now()) AS ended;
SELECT margin.drop_snapshots('desk', (((now() AT TIME ZONE 'UTC')::date + 2)::timestamp AT TIME ZONE 'UTC') - interval '1 microsecond') AS today;
SELECT day - (now() AT TIME ZONE 'UTC')::date AS ahead FROM desk.snapshot_days();
SELECT count(*) FROM desk.snapshot;
-- by the setting: nothing without one; 3 days ahead are none that ended
SELECT margin.prune_snapshots('desk') AS without_setting;
INSERT INTO desk.snapshot_retention VALUES ('0');
SELECT margin.prune_snapshots('desk') AS none_has_ended;
-- as if days had gone by
\set ECHO none
SELECT format('ALTER TABLE desk.%1$s DETACH PARTITION %2$s', t, p),
       format('ALTER TABLE desk.%1$s ATTACH PARTITION %2$s FOR VALUES FROM (%3$L) TO (%4$L)', t, p, d - 8, d - 7)
  FROM (SELECT day AS d, day - (now() AT TIME ZONE 'UTC')::date AS ahead, snapshot, account_snapshot FROM desk.snapshot_days()) AS s,
       LATERAL (VALUES ('snapshot', snapshot), ('account_snapshot', account_snapshot)) AS v (t, p) WHERE ahead = 1 \gexec
\set ECHO all
SELECT day - (now() AT TIME ZONE 'UTC')::date AS ahead FROM desk.snapshot_days();
UPDATE desk.snapshot_retention SET keep = '7 days';
SELECT margin.prune_snapshots('desk') AS kept, margin.prune_snapshots('desk', '6 days 23:59:59') AS kept_too;
SELECT margin.prune_snapshots('desk', '5 days') AS dropped;
SELECT day - (now() AT TIME ZONE 'UTC')::date AS ahead FROM desk.snapshot_days();
SAVEPOINT clean;
SELECT margin.prune_snapshots('desk', interval '-3 days');
ROLLBACK TO clean;
UPDATE desk.snapshot_retention SET keep = '-1 day';
ROLLBACK TO clean;
INSERT INTO desk.snapshot_retention VALUES ('1 day');
ROLLBACK;

---------------------------------------------------------------- isolation
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT margin.prepare_snapshots('desk', 1);
SELECT margin.take_snapshot('desk') = now() AS stamped_as_its_transaction;
\set VERBOSITY sqlstate
SELECT margin.take_snapshot('desk');
\set VERBOSITY terse
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
INSERT INTO desk.balance VALUES (1, 'USDT', 1);
SELECT margin.prepare_snapshots('desk', 1);
SELECT margin.take_snapshot('desk', 'portfolios') = now() AS stamped;
SELECT margin.take_snapshot('desk', 'changes');
ROLLBACK;

---------------------------------------------------------------- a new day
BEGIN;
INSERT INTO desk.balance VALUES (1, 'USDT', 1), (2, 'USDT', 2);
SELECT margin.prepare_snapshots('desk', 0);
SELECT format('CREATE TABLE desk.yesterday_%1$s PARTITION OF desk.%1$s FOR VALUES FROM (%2$L) TO (%3$L)', t, today - interval '1 day', today)
  FROM unnest('{snapshot,account_snapshot}'::text[]) AS t, LATERAL (SELECT date_trunc('day', now(), 'UTC') AS today) AS d
\set ECHO none
\gexec
\set ECHO all
SELECT margin.take_snapshot('desk', 'portfolios') IS NOT NULL AS taken;
UPDATE desk.snapshot SET taken_at = taken_at - interval '1 day', base = base - interval '1 day';
UPDATE desk.account_snapshot SET taken_at = taken_at - interval '1 day';
-- changes begin anew, and so outlive the day before
UPDATE desk.balance SET quantity = 3 WHERE account_id = 2;
SELECT margin.take_snapshot('desk', 'changes') IS NOT NULL AS taken;
SELECT form, base = taken_at AS anew, accounts, (SELECT count(*) FROM desk.account_snapshot AS a WHERE a.taken_at = s.taken_at) AS stored
  FROM desk.snapshot AS s ORDER BY taken_at;
SELECT margin.drop_snapshots('desk', date_trunc('day', now(), 'UTC')) AS days;
SELECT account_id, portfolio FROM desk.portfolios('infinity') ORDER BY 1;
ROLLBACK;

---------------------------------------------------------------- a clock set back
BEGIN;
INSERT INTO desk.balance VALUES (1, 'USDT', 1), (2, 'USDT', 2), (3, 'USDT', 3);
SELECT margin.prepare_snapshots('desk', 1);
SELECT margin.take_snapshot('desk', 'portfolios') IS NOT NULL AS taken;
SELECT margin.take_snapshot('desk', 'changes') IS NOT NULL AS taken;
-- as if the latest had been taken at the end of the day
UPDATE desk.snapshot SET taken_at = date_trunc('day', now(), 'UTC') + interval '1 day - 1 microsecond' WHERE form = 'changes';
UPDATE desk.balance SET quantity = 20 WHERE account_id = 2;
SELECT margin.take_snapshot('desk', 'changes') IS NOT NULL AS taken;
SELECT form, base = taken_at AS anew, (SELECT string_agg(p.portfolio::text, ' ' ORDER BY p.account_id) FROM desk.portfolios(taken_at) AS p) AS portfolios
  FROM desk.snapshot ORDER BY taken_at;
ROLLBACK;

---------------------------------------------------------------- other names, keys and owners
BEGIN;
CREATE ROLE "regress-margin owner";
CREATE SCHEMA "Risk ""Desk""" AUTHORIZATION "regress-margin owner";
SET ROLE "regress-margin owner";
SELECT margin.create_book('Risk "Desk"', account_type => 'text');
INSERT INTO "Risk ""Desk""".asset (asset) VALUES ('USDT');
INSERT INTO "Risk ""Desk""".collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1);
INSERT INTO "Risk ""Desk""".index_price VALUES ('USDT', 1);
INSERT INTO "Risk ""Desk""".balance VALUES ('b', 'USDT', 2), ('<a>', 'USDT', -1);
SELECT margin.prepare_snapshots('Risk "Desk"', 0);
-- whoever makes partitions, they belong to the owner of the table
RESET ROLE;
SELECT margin.prepare_snapshots('Risk "Desk"', 1);
SELECT DISTINCT c.relowner::regrole AS owner, c.relnamespace::regnamespace AS schema
  FROM "Risk ""Desk""".snapshot_days() AS d JOIN pg_class AS c ON c.oid IN (d.snapshot, d.account_snapshot);
SET ROLE "regress-margin owner";
SELECT count(margin.take_snapshot('Risk "Desk"', form)) FROM unnest('{portfolios,changes,full}'::margin.snapshot_form[]) AS form;
-- under another name it is what it was, and a schema of the old name is nothing to it
RESET ROLE;
ALTER SCHEMA "Risk ""Desk""" RENAME TO desk2;
CREATE SCHEMA "Risk ""Desk""" AUTHORIZATION "regress-margin owner";
SET ROLE "regress-margin owner";
SELECT margin.create_book('Risk "Desk"');
SELECT margin.take_snapshot('desk2', 'changes') IS NOT NULL AS taken;
SELECT s.form, a.account_id, a.equity, a.level FROM desk2.snapshot AS s, desk2.account_margin_at(s.taken_at) AS a ORDER BY s.taken_at, a.account_id;
SELECT margin.report_csv('desk2', 'losses');
SELECT margin.report_html('desk2') ~ '<h1>Margin report, book desk2</h1>.*<details id="worst-1" open><summary><span [^>]*></span>Account &lt;a&gt;, bankrupt' AS page;
SELECT margin.report_html('Risk "Desk"') ~ '<h1>Margin report, book Risk &quot;Desk&quot;</h1>.*No account holds anything' AS page;
SELECT margin.drop_snapshots('desk2', 'infinity') AS dropped;
SAVEPOINT clean;
SELECT margin.take_snapshot('nowhere');
ROLLBACK TO clean;
SELECT margin.report_html('pg_catalog');
ROLLBACK;

---------------------------------------------------------------- progress
SELECT count(*) FROM margin.progress WHERE pid = pg_backend_pid();
BEGIN;
SELECT margin_internal.report_progress('refresh', 7, 12);
SELECT what, done, total, started = now() AS this_statement FROM margin.progress WHERE pid = pg_backend_pid();
SELECT margin_internal.report_progress('two words', 9000000000, NULL);
SELECT pg_stat_clear_snapshot();
SELECT what, done, total FROM margin.progress WHERE pid = pg_backend_pid();
ROLLBACK;
SELECT count(*) FROM margin.progress WHERE pid = pg_backend_pid();

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
