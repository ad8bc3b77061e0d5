-- snapshots of a book: the book and its market, kept, and put into other markets
--
-- A snapshot is a market and the portfolio and valuation of every account, as
-- one statement saw them.  It is identified by its time; whatever takes an as_of
-- answers from the latest snapshot at or before it, and from the present
-- rows where as_of is null.
--
-- Both tables are partitioned by UTC day.  margin.prepare_snapshots() makes
-- the partitions, margin.drop_snapshots() drops them.

CREATE TABLE snapshot (
    taken_at  timestamptz NOT NULL,
    form      margin.snapshot_form NOT NULL,
    base      timestamptz NOT NULL,
    market    margin.market NOT NULL,
    accounts  bigint NOT NULL,
    levels    margin.level_total[] NOT NULL,
    market_id bigint,
    CONSTRAINT snapshot_pkey PRIMARY KEY (taken_at)
) PARTITION BY RANGE (taken_at);
COMMENT ON TABLE snapshot IS 'snapshots of the book: one row each, partitioned by UTC day; margin.prepare_snapshots() makes the partitions';
COMMENT ON COLUMN snapshot.taken_at IS 'when it was taken, and its name';
COMMENT ON COLUMN snapshot.form IS 'what was stored of the accounts';
COMMENT ON COLUMN snapshot.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';
COMMENT ON COLUMN snapshot.market IS 'the market the accounts were valued in';
COMMENT ON COLUMN snapshot.accounts IS 'how many accounts there were';
COMMENT ON COLUMN snapshot.levels IS 'the accounts by level and their totals, one element for each level in order';
COMMENT ON COLUMN snapshot.market_id IS 'the id under which that market is published; null: it is not';
COMMENT ON CONSTRAINT snapshot_pkey ON snapshot IS 'a snapshot is identified by its time';

CREATE TABLE account_snapshot (
    taken_at            timestamptz NOT NULL,
    LIKE account,
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
    missing             text[],
    initial_equity      numeric,
    order_margin        numeric,
    order_loss          numeric,
    CONSTRAINT account_snapshot_pkey PRIMARY KEY (taken_at, account_id)
) PARTITION BY RANGE (taken_at);
COMMENT ON TABLE account_snapshot IS 'the accounts of snapshots as they are stored, partitioned by UTC day; account_margin_at() and portfolios() read every form of snapshot';
COMMENT ON COLUMN account_snapshot.taken_at IS 'the snapshot';
COMMENT ON COLUMN account_snapshot.account_id IS 'the account';
COMMENT ON COLUMN account_snapshot.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';
COMMENT ON COLUMN account_snapshot.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';
COMMENT ON COLUMN account_snapshot.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';
COMMENT ON COLUMN account_snapshot.net_asset_value IS 'asset equities at index price, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.haircut IS 'net_asset_value - equity, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';
COMMENT ON COLUMN account_snapshot.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';
COMMENT ON COLUMN account_snapshot.level IS 'the level; null where the form stores no valuations';
COMMENT ON COLUMN account_snapshot.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';
COMMENT ON COLUMN account_snapshot.initial_equity IS 'equity by the initial measure, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';
COMMENT ON CONSTRAINT account_snapshot_pkey ON account_snapshot IS 'a snapshot has an account once';

CREATE TRIGGER snapshot_immutable
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();
COMMENT ON TRIGGER snapshot_immutable ON snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON account_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();
COMMENT ON TRIGGER snapshot_immutable ON account_snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TABLE snapshot_retention (
    keep      interval NOT NULL,
    only_row  boolean NOT NULL DEFAULT true,
    CONSTRAINT snapshot_retention_pkey PRIMARY KEY (only_row),
    CONSTRAINT snapshot_retention_one_row CHECK (only_row),
    CONSTRAINT snapshot_retention_keep_range CHECK (keep >= interval '0')
);
COMMENT ON TABLE snapshot_retention IS 'how long snapshots are kept, in at most one row; none: for ever';
COMMENT ON COLUMN snapshot_retention.keep IS 'days that ended longer ago are dropped by margin.prune_snapshots()';
COMMENT ON COLUMN snapshot_retention.only_row IS 'true';
COMMENT ON CONSTRAINT snapshot_retention_pkey ON snapshot_retention IS 'one setting for all';
COMMENT ON CONSTRAINT snapshot_retention_one_row ON snapshot_retention IS 'one setting for all';
COMMENT ON CONSTRAINT snapshot_retention_keep_range ON snapshot_retention IS 'what is yet to come is not pruned';

-- The bounds of partitions are written in this time zone and style, and read
-- back.
CREATE FUNCTION snapshot_days(
    OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT p.bound[1]::date,
           max(i.inhrelid) FILTER (WHERE i.inhparent = 'snapshot'::regclass)::regclass,
           max(i.inhrelid) FILTER (WHERE i.inhparent = 'account_snapshot'::regclass)::regclass,
           sum(pg_total_relation_size(i.inhrelid))::bigint
      FROM pg_catalog.pg_inherits AS i
      JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid,
           LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM [(]''(.+)''[)] TO [(]''(.+)''[)]$') AS p (bound)
     WHERE i.inhparent IN ('snapshot'::regclass, 'account_snapshot'::regclass)
       AND p.bound[2]::timestamptz - p.bound[1]::timestamptz = interval '1 day'
     GROUP BY p.bound[1]::date
     ORDER BY p.bound[1]::date;
END;
COMMENT ON FUNCTION snapshot_days() IS 'the UTC days that there are partitions for: the partition of each table and the bytes of both with their indexes';

-- As of.  A sub-select keeps what it holds to one evaluation a query.  Nothing
-- here is inlined: a planner that distributes tables has to see the query of
-- each function as it stands.
CREATE FUNCTION snapshot_at(as_of timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.taken_at FROM snapshot AS s WHERE s.taken_at <= as_of ORDER BY s.taken_at DESC LIMIT 1),
                    margin_internal.no_snapshot(as_of, (SELECT min(s.taken_at) FROM snapshot AS s)));
END;
COMMENT ON FUNCTION snapshot_at(timestamptz) IS 'the latest snapshot at or before an instant; an error if there is none; null for null';

-- What an array holds is not compressed: as stored, the market would be
-- unpacked again for every account.
CREATE FUNCTION snapshot_market(as_of timestamptz DEFAULT NULL) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN as_of IS NULL THEN venue_market()
                ELSE (SELECT (ARRAY[s.market])[1] FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of))) END;
END;
COMMENT ON FUNCTION snapshot_market(timestamptz) IS
'the market of the latest snapshot at or before as_of, prices and parameters as they were then; an error if there is none; null: the present one. Unlike market(as_of) of a venue, which puts the parameters of another time beside present prices';

CREATE FUNCTION portfolios(
    as_of timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE, OUT portfolio margin.portfolio
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.account_id, p.portfolio
      FROM reported_portfolio AS p
     WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.portfolio
      FROM account_snapshot AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form <> 'changes' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)))
       AND a.taken_at = (SELECT snapshot_at(as_of))
    UNION ALL
    -- of each account the latest row, from the base on
    SELECT latest.account_id, latest.portfolio
      FROM (SELECT DISTINCT ON (a.account_id) a.account_id, a.portfolio
              FROM snapshot AS s
              JOIN account_snapshot AS a ON a.taken_at = s.taken_at
             WHERE s.base = (SELECT t.base FROM snapshot AS t WHERE t.taken_at = (SELECT snapshot_at(as_of)))
               AND s.taken_at >= (SELECT t.base FROM snapshot AS t WHERE t.taken_at = (SELECT snapshot_at(as_of)))
               AND s.taken_at <= (SELECT snapshot_at(as_of))
               AND a.taken_at >= (SELECT t.base FROM snapshot AS t WHERE t.taken_at = (SELECT snapshot_at(as_of)))
               AND a.taken_at <= (SELECT snapshot_at(as_of))
             ORDER BY a.account_id, a.taken_at DESC) AS latest
     WHERE as_of IS NOT NULL
       AND (SELECT s.form = 'changes' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)))
       AND latest.portfolio IS NOT NULL;
END;
COMMENT ON FUNCTION portfolios(timestamptz) IS 'what every account held, in the latest snapshot at or before as_of; an error if there is none; null: what it holds now';

CREATE FUNCTION revalue(as_of timestamptz, market margin.market) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id,
           (a.v).equity, (a.v).collateral_value, (a.v).liabilities, (a.v).net_asset_value, (a.v).haircut,
           (a.v).unrealized_pnl, (a.v).initial_margin, (a.v).maintenance_margin, (a.v).available_margin,
           (a.v).shortfall, (a.v).margin_ratio, (a.v).level, (a.v).missing, (a.v).initial_equity, (a.v).order_margin, (a.v).order_loss
      FROM (SELECT p.account_id, margin.evaluate(p.portfolio, (SELECT revalue.market)) AS v
              FROM portfolios(revalue.as_of) AS p OFFSET 0) AS a;
END;
COMMENT ON FUNCTION revalue(timestamptz, margin.market) IS
'the accounts of the latest snapshot at or before as_of, null: as they are now, valued in a market of choice: that of a venue, or snapshot_market(...) for a past one; an error if there is no snapshot; amounts, level and missing are null where the market is';

CREATE FUNCTION account_margin_at(
    as_of timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE,
    OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric,
    OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric,
    OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[],
    OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing,
           a.initial_equity, a.order_margin, a.order_loss, now()
      FROM reported_margin AS a
     WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing,
           a.initial_equity, a.order_margin, a.order_loss, a.taken_at
      FROM account_snapshot AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form = 'full' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)))
       AND a.taken_at = (SELECT snapshot_at(as_of))
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing,
           a.initial_equity, a.order_margin, a.order_loss, (SELECT snapshot_at(as_of))
      FROM revalue(as_of, (SELECT snapshot_market(as_of))) AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form <> 'full' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)));
END;
COMMENT ON FUNCTION account_margin_at(timestamptz) IS
'account_margin as of an instant: the valuations of the latest snapshot at or before it, and when it was taken; an error if there is none; null: now. Exactly what was computed then: stored, or computed again from the stored portfolio and market where the snapshot stores no valuations';

CREATE FUNCTION level_totals(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
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
                WHEN l.level = 'unpriced' AND t.accounts > 0 THEN NULL ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_loss ELSE 0 END
      FROM unnest(enum_range(NULL::margin.level)) AS l (level)
      LEFT JOIN (SELECT a.level, count(*) AS accounts, sum(a.equity) AS equity, sum(a.collateral_value) AS collateral_value,
                        sum(a.liabilities) AS liabilities, sum(a.net_asset_value) AS net_asset_value, sum(a.haircut) AS haircut,
                        sum(a.unrealized_pnl) AS unrealized_pnl, sum(a.initial_margin) AS initial_margin,
                        sum(a.maintenance_margin) AS maintenance_margin, sum(a.shortfall) AS shortfall,
                        sum(a.initial_equity) AS initial_equity, sum(a.order_margin) AS order_margin, sum(a.order_loss) AS order_loss
                   FROM account_margin_at(as_of) AS a GROUP BY a.level) AS t ON t.level = l.level
     ORDER BY l.level;
END;
COMMENT ON FUNCTION level_totals(timestamptz) IS 'accounts by level and their totals, summed over account_margin_at(as_of); a row for each level';
