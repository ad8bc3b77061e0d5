-- snapshots: the book and its market, kept, and put into other markets
--
-- A snapshot is a market and the portfolio and valuation of every account, as
-- one statement saw them.  It is called by its time; whatever takes an as_of
-- answers from the latest snapshot at or before it, and from the present
-- tables where as_of is null.
--
-- Both tables are partitioned by UTC day.  A partition is a table of its own,
-- not the extension's, so that pg_dump writes it out with its rows; for the
-- same reason keys and triggers stand on each partition and the parents have
-- no index: a restored partition would get it twice, and be refused.

CREATE TYPE margin.snapshot_form AS ENUM ('full', 'portfolios', 'changes');
COMMENT ON TYPE margin.snapshot_form IS
'what a snapshot stores: full (portfolio and valuation of every account), portfolios (without valuations), changes (of the portfolios only those that changed since the snapshot before it, but all of them to begin with, see take_snapshot()); valuations that are not stored are computed when asked for';

CREATE TYPE margin.level_total AS (
    level margin.level,
    accounts bigint,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    shortfall numeric,
    loss numeric
);
COMMENT ON TYPE margin.level_total IS 'the accounts of one level together; amounts in USD, exact, null where there are accounts whose amounts are not known';
COMMENT ON COLUMN margin.level_total.level IS 'the level';
COMMENT ON COLUMN margin.level_total.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN margin.level_total.equity IS 'sum of equity, USD';
COMMENT ON COLUMN margin.level_total.collateral_value IS 'sum of collateral_value, USD';
COMMENT ON COLUMN margin.level_total.liabilities IS 'sum of liabilities, USD, >= 0';
COMMENT ON COLUMN margin.level_total.net_asset_value IS 'sum of net_asset_value, USD';
COMMENT ON COLUMN margin.level_total.haircut IS 'sum of haircut, USD';
COMMENT ON COLUMN margin.level_total.unrealized_pnl IS 'sum of unrealized_pnl, USD';
COMMENT ON COLUMN margin.level_total.initial_margin IS 'sum of initial_margin, USD';
COMMENT ON COLUMN margin.level_total.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN margin.level_total.shortfall IS 'sum of shortfall, USD, >= 0';
COMMENT ON COLUMN margin.level_total.loss IS 'what liabilities exceed collateral by: sum of -equity of the bankrupt, USD, >= 0';

-- ---------------------------------------------------------------------------
-- The tables
-- ---------------------------------------------------------------------------

CREATE TABLE margin.snapshot (
    taken_at  timestamptz NOT NULL,
    form      margin.snapshot_form NOT NULL,
    base      timestamptz NOT NULL,
    market    margin.market NOT NULL,
    accounts  bigint NOT NULL,
    levels    margin.level_total[] NOT NULL
) PARTITION BY RANGE (taken_at);
COMMENT ON TABLE margin.snapshot IS 'snapshots of the book: one row each, partitioned by UTC day; partitions are made by prepare_snapshots()';
COMMENT ON COLUMN margin.snapshot.taken_at IS 'when it was taken, and its name';
COMMENT ON COLUMN margin.snapshot.form IS 'what was stored of the accounts';
COMMENT ON COLUMN margin.snapshot.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';
COMMENT ON COLUMN margin.snapshot.market IS 'the market the accounts were valued in';
COMMENT ON COLUMN margin.snapshot.accounts IS 'how many accounts there were';
COMMENT ON COLUMN margin.snapshot.levels IS 'the accounts by level and their totals, one element for each level in order';

CREATE TABLE margin.account_snapshot (
    taken_at            timestamptz NOT NULL,
    account_id          bigint NOT NULL,
    portfolio           margin.portfolio,
    equity              numeric,
    collateral_value    numeric,
    liabilities         numeric,
    net_asset_value     numeric,
    haircut             numeric,
    unrealized_pnl      numeric,
    initial_margin      numeric,
    maintenance_margin  numeric,
    available_margin    numeric,
    shortfall           numeric,
    margin_ratio        numeric,
    level               margin.level,
    missing             text[]
) PARTITION BY RANGE (taken_at);
COMMENT ON TABLE margin.account_snapshot IS 'the accounts of snapshots as they are stored, partitioned by UTC day; account_margin_at() and portfolios() read every form of snapshot';
COMMENT ON COLUMN margin.account_snapshot.taken_at IS 'the snapshot';
COMMENT ON COLUMN margin.account_snapshot.account_id IS 'the account';
COMMENT ON COLUMN margin.account_snapshot.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

DO $do$
DECLARE
    field record;
BEGIN
    FOR field IN
        SELECT attname AS name, pg_catalog.col_description(attrelid, attnum) AS meaning
          FROM pg_catalog.pg_attribute
         WHERE attrelid = 'margin.valuation'::pg_catalog.regclass AND attnum > 0
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON COLUMN margin.account_snapshot.%I IS %L', field.name,
                                  field.meaning || '; null too where the form of the snapshot stores no valuations');
    END LOOP;
END
$do$;

-- Privileges keep others from writing, unless "GRANT ALL ON ALL TABLES" gave
-- them away; this keeps them from it all the same.  Of a statement, not of
-- rows: it costs nothing.
CREATE FUNCTION margin.snapshot_immutable() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            MESSAGE = format('snapshots are immutable: %s on "%s" is for its owner alone', TG_OP, TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin.snapshot_immutable() IS 'trigger: only the owner of the tables takes, changes and drops snapshots, whatever is granted to others';

CREATE TRIGGER snapshot_immutable
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON margin.snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION margin.snapshot_immutable();
COMMENT ON TRIGGER snapshot_immutable ON margin.snapshot IS 'for the owner alone, whatever is granted to others';
CREATE TRIGGER snapshot_immutable
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON margin.account_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION margin.snapshot_immutable();
COMMENT ON TRIGGER snapshot_immutable ON margin.account_snapshot IS 'for the owner alone, whatever is granted to others';

ALTER TABLE margin.snapshot OWNER TO @extowner@;
ALTER TABLE margin.account_snapshot OWNER TO @extowner@;

-- ---------------------------------------------------------------------------
-- Days: partitions made ahead, and dropped
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.snapshot_days(
    OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
-- bounds are written in these and read back
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT p.bound[1]::date,
           max(i.inhrelid) FILTER (WHERE i.inhparent = 'margin.snapshot'::regclass)::regclass,
           max(i.inhrelid) FILTER (WHERE i.inhparent = 'margin.account_snapshot'::regclass)::regclass,
           sum(pg_total_relation_size(i.inhrelid))::bigint
      FROM pg_catalog.pg_inherits AS i
      JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid,
           LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM \(''(.+)''\) TO \(''(.+)''\)$') AS p (bound)
     WHERE i.inhparent IN ('margin.snapshot'::regclass, 'margin.account_snapshot'::regclass)
       AND p.bound[2]::timestamptz - p.bound[1]::timestamptz = interval '1 day'
     GROUP BY p.bound[1]::date
     ORDER BY p.bound[1]::date;
END;
COMMENT ON FUNCTION margin.snapshot_days() IS 'the UTC days that there are partitions for: the partition of each table and the bytes of both with their indexes';

CREATE FUNCTION margin.prepare_snapshots(days integer DEFAULT 7) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    made integer := 0;
    owner name;
    parent text;
    child text;
    wanted date;
BEGIN
    IF days NOT BETWEEN 0 AND 366 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('days ahead must be between 0 and 366, not %s', days);
    END IF;
    PERFORM pg_advisory_xact_lock('margin.snapshot'::regclass::oid::integer, 1);
    FOR wanted IN
        SELECT d::date FROM generate_series(current_date::timestamp, current_date + days, interval '1 day') AS d
        EXCEPT SELECT s.day FROM margin.snapshot_days() AS s
        ORDER BY 1
    LOOP
        FOREACH parent IN ARRAY '{snapshot,account_snapshot}'::text[] LOOP
            child := parent || to_char(wanted, '_YYYYMMDD');
            -- Made by itself, then attached: neither readers nor a running
            -- snapshot wait for that.
            EXECUTE format('CREATE TABLE margin.%I (LIKE margin.%I, PRIMARY KEY (%s))', child, parent,
                           CASE parent WHEN 'snapshot' THEN 'taken_at' ELSE 'taken_at, account_id' END);
            EXECUTE format('COMMENT ON TABLE margin.%I IS %L', child, 'partition of margin.' || parent || ' for ' || wanted || ' UTC');
            SELECT relowner::regrole::name INTO STRICT owner FROM pg_class WHERE oid = ('margin.' || parent)::regclass;
            EXECUTE format('CREATE TRIGGER snapshot_immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON margin.%I '
                           'FOR EACH STATEMENT EXECUTE FUNCTION margin.snapshot_immutable()', child);
            EXECUTE format('COMMENT ON TRIGGER snapshot_immutable ON margin.%I IS %L', child, 'for the owner alone, whatever is granted to others');
            EXECUTE format('ALTER TABLE margin.%I OWNER TO %I', child, owner);
            EXECUTE format('ALTER TABLE margin.%I ATTACH PARTITION margin.%I FOR VALUES FROM (%L) TO (%L)', parent, child,
                           wanted::timestamptz, (wanted + 1)::timestamptz);
        END LOOP;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION margin.prepare_snapshots(integer) IS 'makes the partitions that snapshots of today (UTC) and of so many days after it need, where they are missing, and returns for how many days; to be called daily. For the owner of the tables. An error unless 0 to 366 days';

CREATE FUNCTION margin.drop_snapshots(before timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped integer := 0;
    old record;
    began CONSTANT timestamptz := clock_timestamp();
    patience CONSTANT interval := nullif(current_setting('lock_timeout')::interval, interval '0');
BEGIN
    IF NOT EXISTS (SELECT FROM margin.snapshot_days() AS d WHERE (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= before) THEN
        RETURN 0;
    END IF;
    -- Both or none: whoever waits for the one while holding the other can
    -- deadlock with readers, and readers queue behind whoever waits.
    LOOP
        BEGIN
            LOCK TABLE margin.snapshot, margin.account_snapshot IN ACCESS EXCLUSIVE MODE NOWAIT;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() - began > patience THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    FOR old IN
        SELECT d.snapshot, d.account_snapshot FROM margin.snapshot_days() AS d
         WHERE (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= before
         ORDER BY d.day
    LOOP
        EXECUTE format('DROP TABLE %s', concat_ws(', ', old.snapshot, old.account_snapshot));
        dropped := dropped + 1;
    END LOOP;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION margin.drop_snapshots(timestamptz) IS 'drops the snapshots of all UTC days that ended at or before an instant, whole partitions, and returns how many days; null for null. For the owner of the tables; waits for those who read or take snapshots, set lock_timeout to give up';

CREATE TABLE margin.snapshot_retention (
    keep      interval NOT NULL,
    only_row  boolean NOT NULL DEFAULT true,
    CONSTRAINT snapshot_retention_pkey PRIMARY KEY (only_row),
    CONSTRAINT snapshot_retention_one_row CHECK (only_row),
    CONSTRAINT snapshot_retention_keep_range CHECK (keep >= interval '0')
);
COMMENT ON TABLE margin.snapshot_retention IS 'how long snapshots are kept, in at most one row; none: for ever';
COMMENT ON COLUMN margin.snapshot_retention.keep IS 'days that ended longer ago are dropped by prune_snapshots()';
COMMENT ON COLUMN margin.snapshot_retention.only_row IS 'true';
COMMENT ON CONSTRAINT snapshot_retention_one_row ON margin.snapshot_retention IS 'one setting for all';
COMMENT ON CONSTRAINT snapshot_retention_keep_range ON margin.snapshot_retention IS 'what is yet to come is not pruned';
ALTER TABLE margin.snapshot_retention OWNER TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('margin.snapshot_retention', '');

CREATE FUNCTION margin.prune_snapshots(keep interval DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('snapshots cannot be kept for %s', keep), HINT = 'margin.drop_snapshots() drops days that have not ended, too.';
    END IF;
    RETURN coalesce(margin.drop_snapshots(now() - coalesce(keep, (SELECT r.keep FROM margin.snapshot_retention AS r))), 0);
END
$$;
COMMENT ON FUNCTION margin.prune_snapshots(interval) IS 'drops the snapshots of all UTC days that ended longer ago than keep, or for null than snapshot_retention says (none where that is empty), and returns how many days; an error if keep is below 0. For the owner of the tables';

-- ---------------------------------------------------------------------------
-- As of
--
-- A sub-select keeps what it holds to one evaluation a query: functions of
-- SQL are inlined, and a parameter stands for whatever was given for it.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.snapshot_at(as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found_at timestamptz;
BEGIN
    SELECT s.taken_at INTO found_at FROM margin.snapshot AS s WHERE s.taken_at <= as_of ORDER BY s.taken_at DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'no_data_found',
            MESSAGE = format('no snapshot at or before %s', as_of),
            DETAIL = coalesce((SELECT format('The first snapshot is of %s.', min(s.taken_at)) FROM margin.snapshot AS s HAVING count(*) > 0),
                              'There are no snapshots.'),
            HINT = 'Snapshots are taken by margin.take_snapshot() and kept until their day is dropped.';
    END IF;
    RETURN found_at;
END
$$;
COMMENT ON FUNCTION margin.snapshot_at(timestamptz) IS 'the latest snapshot at or before an instant; an error if there is none; null for null';

CREATE FUNCTION margin.market_at(as_of timestamptz DEFAULT NULL) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    -- What an array holds is not compressed: as stored it would be unpacked
    -- again for every account.
    SELECT CASE WHEN as_of IS NULL THEN margin.market()
                ELSE (SELECT (ARRAY[s.market])[1] FROM margin.snapshot AS s WHERE s.taken_at = (SELECT margin.snapshot_at(as_of))) END;
END;
COMMENT ON FUNCTION margin.market_at(timestamptz) IS 'the market of the latest snapshot at or before as_of, prices and parameters as they were then; an error if there is none; null: market(), the present one. Unlike market(as_of), which puts the parameters of another time beside present prices';

CREATE FUNCTION margin.portfolios(as_of timestamptz DEFAULT NULL, OUT account_id bigint, OUT portfolio margin.portfolio) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT h.account_id, margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage)
      FROM (SELECT * FROM margin.holding ORDER BY account_id) AS h
     WHERE as_of IS NULL
     GROUP BY h.account_id
    UNION ALL
    SELECT a.account_id, a.portfolio
      FROM margin.account_snapshot AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form <> 'changes' FROM margin.snapshot AS s WHERE s.taken_at = (SELECT margin.snapshot_at(as_of)))
       AND a.taken_at = (SELECT margin.snapshot_at(as_of))
    UNION ALL
    -- of each account the latest row, from the base on
    SELECT latest.account_id, latest.portfolio
      FROM (SELECT DISTINCT ON (a.account_id) a.account_id, a.portfolio
              FROM margin.snapshot AS s
              JOIN margin.account_snapshot AS a ON a.taken_at = s.taken_at
             WHERE s.base = (SELECT t.base FROM margin.snapshot AS t WHERE t.taken_at = (SELECT margin.snapshot_at(as_of)))
               AND s.taken_at >= (SELECT t.base FROM margin.snapshot AS t WHERE t.taken_at = (SELECT margin.snapshot_at(as_of)))
               AND s.taken_at <= (SELECT margin.snapshot_at(as_of))
               AND a.taken_at >= (SELECT t.base FROM margin.snapshot AS t WHERE t.taken_at = (SELECT margin.snapshot_at(as_of)))
               AND a.taken_at <= (SELECT margin.snapshot_at(as_of))
             ORDER BY a.account_id, a.taken_at DESC) AS latest
     WHERE as_of IS NOT NULL
       AND (SELECT s.form = 'changes' FROM margin.snapshot AS s WHERE s.taken_at = (SELECT margin.snapshot_at(as_of)))
       AND latest.portfolio IS NOT NULL;
END;
COMMENT ON FUNCTION margin.portfolios(timestamptz) IS 'what every account held, in the latest snapshot at or before as_of; an error if there is none; null: what it holds now';

CREATE FUNCTION margin.revalue(as_of timestamptz, market margin.market) RETURNS SETOF margin.account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.account_id,
           (a.v).equity, (a.v).collateral_value, (a.v).liabilities, (a.v).net_asset_value, (a.v).haircut,
           (a.v).unrealized_pnl, (a.v).initial_margin, (a.v).maintenance_margin, (a.v).available_margin,
           (a.v).shortfall, (a.v).margin_ratio, (a.v).level, (a.v).missing
      FROM (SELECT p.account_id, margin.evaluate(p.portfolio, (SELECT revalue.market)) AS v
              FROM margin.portfolios(revalue.as_of) AS p OFFSET 0) AS a;
END;
COMMENT ON FUNCTION margin.revalue(timestamptz, margin.market) IS 'the book of the latest snapshot at or before as_of, null: the present book, valued in a market of choice: margin.market() for the present one, margin.market_at(...) for a past one; an error if there is no snapshot; amounts, level and missing are null where the market is';

CREATE FUNCTION margin.account_margin_at(
    as_of timestamptz DEFAULT NULL,
    OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric,
    OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric,
    OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[],
    OUT taken_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.*, now() FROM margin.account_margin AS a WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing, a.taken_at
      FROM margin.account_snapshot AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form = 'full' FROM margin.snapshot AS s WHERE s.taken_at = (SELECT margin.snapshot_at(as_of)))
       AND a.taken_at = (SELECT margin.snapshot_at(as_of))
    UNION ALL
    SELECT a.*, (SELECT margin.snapshot_at(as_of))
      FROM margin.revalue(as_of, margin.market_at(as_of)) AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form <> 'full' FROM margin.snapshot AS s WHERE s.taken_at = (SELECT margin.snapshot_at(as_of)));
END;
COMMENT ON FUNCTION margin.account_margin_at(timestamptz) IS 'account_margin as of an instant: the valuations of the latest snapshot at or before it, and when it was taken; an error if there is none; null: now. Exactly what was computed then: stored, or computed again from the stored portfolio and market where the snapshot stores no valuations';

-- ---------------------------------------------------------------------------
-- Taking one
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.level_totals(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
BEGIN ATOMIC
    SELECT l.level, coalesce(t.accounts, 0),
           CASE WHEN t.accounts > 0 THEN t.equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.collateral_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.liabilities ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.net_asset_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.haircut ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.unrealized_pnl ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.maintenance_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.shortfall ELSE 0 END,
           -- an equity below 0 makes the level
           CASE WHEN l.level = 'bankrupt' AND t.accounts > 0 THEN - t.equity
                WHEN l.level = 'unpriced' AND t.accounts > 0 THEN NULL ELSE 0 END
      FROM unnest(enum_range(NULL::margin.level)) AS l (level)
      LEFT JOIN (SELECT a.level, count(*) AS accounts, sum(a.equity) AS equity, sum(a.collateral_value) AS collateral_value,
                        sum(a.liabilities) AS liabilities, sum(a.net_asset_value) AS net_asset_value, sum(a.haircut) AS haircut,
                        sum(a.unrealized_pnl) AS unrealized_pnl, sum(a.initial_margin) AS initial_margin,
                        sum(a.maintenance_margin) AS maintenance_margin, sum(a.shortfall) AS shortfall
                   FROM margin.account_margin_at(as_of) AS a GROUP BY a.level) AS t ON t.level = l.level
     ORDER BY l.level;
END;
COMMENT ON FUNCTION margin.level_totals(timestamptz) IS 'accounts by level and their totals, summed over account_margin_at(as_of); a row for each level';

CREATE FUNCTION margin.take_snapshot(form margin.snapshot_form DEFAULT 'full') RETURNS timestamptz
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: snapshot'
AS $$
DECLARE
    -- whether every statement sees what the first one of the transaction saw
    frozen boolean := current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
    taken timestamptz;
    today date;
    latest record;
    expected bigint;
BEGIN
    IF form = 'changes' AND frozen THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('a snapshot of changes cannot be taken at isolation level %s', current_setting('transaction_isolation')),
            HINT = 'Such a transaction may not see the snapshot before it. Take it at READ COMMITTED, or a snapshot of another form.';
    END IF;

    -- One at a time: changes are told from the snapshot before.
    PERFORM pg_advisory_xact_lock('margin.snapshot'::regclass::oid::integer, 0);

    taken := CASE WHEN frozen THEN now() ELSE clock_timestamp() END;
    today := (taken AT TIME ZONE 'UTC')::date;
    IF NOT EXISTS (SELECT FROM margin.snapshot_days() AS d WHERE d.day = today) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('no partition for snapshots of %s (UTC)', to_char(today, 'YYYY-MM-DD')),
            HINT = 'margin.prepare_snapshots() makes partitions ahead; call it once a day.';
    END IF;

    SELECT s.taken_at, s.base, s.form, s.accounts INTO latest
      FROM margin.snapshot AS s ORDER BY s.taken_at DESC LIMIT 1;
    expected := coalesce(latest.accounts, (SELECT count(*) FROM (SELECT FROM (SELECT h.account_id FROM margin.holding AS h ORDER BY h.account_id) AS h
                                                                  GROUP BY h.account_id) AS account));

    -- A day is dropped whole, so changes do not reach beyond it; nor are there
    -- ever more of them to be read than accounts; nor do they come between
    -- others when the clock is set back.
    IF form = 'changes' AND latest.taken_at < taken AND (latest.taken_at AT TIME ZONE 'UTC')::date = today
       AND (SELECT count(*) FROM margin.account_snapshot AS a WHERE a.taken_at > latest.base AND a.taken_at <= latest.taken_at) < latest.accounts
    THEN
        WITH taking AS (
            INSERT INTO margin.snapshot (taken_at, form, base, market, accounts, levels)
            VALUES (taken, form, latest.base, margin.stored_market(taken, taken), 0, '{}'))
        INSERT INTO margin.account_snapshot (taken_at, account_id, portfolio)
        SELECT taken, account_id, portfolio
          FROM (SELECT account_id, new.portfolio, old.portfolio AS before, row_number() OVER () AS n
                  FROM margin.portfolios() AS new
                  FULL JOIN margin.portfolios(latest.taken_at) AS old USING (account_id)) AS account
         WHERE (n % 1000 <> 0 OR margin.report_progress('snapshot', n, expected))
           AND (portfolio OPERATOR(margin.=) before) IS NOT TRUE;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT margin.stored_market(taken, taken) AS market),
        taking AS (
            INSERT INTO margin.snapshot (taken_at, form, base, market, accounts, levels)
            SELECT taken, take_snapshot.form, taken, present.market, 0, '{}' FROM present)
        INSERT INTO margin.account_snapshot (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut,
                                             unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall,
                                             margin_ratio, level, missing)
        SELECT taken, account_id, portfolio, (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut,
               (v).unrealized_pnl, (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall,
               (v).margin_ratio, (v).level, (v).missing
          FROM (SELECT account_id, portfolio, row_number() OVER () AS n,
                       CASE WHEN take_snapshot.form = 'full' THEN margin.evaluate(portfolio, (SELECT present.market FROM present)) END AS v
                  FROM (SELECT p.account_id, p.portfolio FROM margin.portfolios() AS p OFFSET 0) AS book
                OFFSET 0) AS account
         WHERE n % 1000 <> 0 OR margin.report_progress('snapshot', n, expected);
    END IF;

    UPDATE margin.snapshot AS s
       SET levels = t.levels, accounts = t.accounts
      FROM (SELECT array_agg(l ORDER BY l.level) AS levels, sum(l.accounts) AS accounts FROM margin.level_totals(taken) AS l) AS t
     WHERE s.taken_at = taken;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION margin.take_snapshot(margin.snapshot_form) IS 'stores the present market and the portfolio and valuation of every account, as one statement sees them, and returns the time that names the snapshot. form changes stores all portfolios at first, each UTC day, and when as many have changed as there are accounts; it needs READ COMMITTED. For the owner of the tables, one at a time; an error where prepare_snapshots() has made no partition for the day, or where row security hides rows; null for null. margin.progress says how far it is';
