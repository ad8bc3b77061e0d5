-- snapshots: taking and dropping the snapshots of a book, whose tables and
-- functions are in book/snapshots.sql

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
    loss numeric,
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
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
COMMENT ON COLUMN margin.level_total.initial_equity IS 'sum of initial_equity, USD';
COMMENT ON COLUMN margin.level_total.order_margin IS 'sum of order_margin, USD, >= 0';
COMMENT ON COLUMN margin.level_total.order_loss IS 'sum of order_loss, USD, >= 0';

-- ---------------------------------------------------------------------------
-- What the scripts of a book call
-- ---------------------------------------------------------------------------

-- Privileges keep others from writing, unless "GRANT ALL ON ALL TABLES" gave
-- them away; this keeps them from it all the same.  Of a statement, not of
-- rows: it costs nothing.
CREATE FUNCTION margin_internal.snapshot_immutable() RETURNS trigger
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
COMMENT ON FUNCTION margin_internal.snapshot_immutable() IS 'trigger: only the owner of the tables takes, changes and drops snapshots, whatever is granted to others';

CREATE FUNCTION margin_internal.no_snapshot(as_of timestamptz, first timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'no_data_found',
        MESSAGE = format('no snapshot at or before %s', as_of),
        DETAIL = coalesce('The first snapshot is of ' || first || '.', 'There are no snapshots.'),
        HINT = 'Snapshots are taken by margin.take_snapshot() and kept until their day is dropped.';
END
$$;
COMMENT ON FUNCTION margin_internal.no_snapshot(timestamptz, timestamptz) IS 'an error that says that there is no snapshot at or before an instant, and which is the first; null: none';

CREATE FUNCTION margin_internal.first_rate(schedule margin.schedule) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.rate FROM margin.tiers(schedule) AS t LIMIT 1;
END;
COMMENT ON FUNCTION margin_internal.first_rate(margin.schedule) IS 'the rate of the first tier of a schedule, the one at 0; null for null';

CREATE FUNCTION margin.with_prices(market margin.market, prices margin.market) RETURNS margin.market
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin.market(
        ARRAY(SELECT ROW(a.asset, p.price, a.tiers, a.tier_unit, a.liability_weight, a.requirement_weight,
                         a.liability_maintenance, p.low, p.high, a.initial_tiers, a.initial_liability_weight)::margin.asset_terms
                FROM margin.assets(market) AS a LEFT JOIN margin.assets(prices) AS p ON p.asset = a.asset),
        ARRAY(SELECT ROW(c.contract, c.settle, c.base, c.contract_size, p.mark, c.maintenance, c.initial, c.netting,
                         c.closing_fee, c.opening_fee, c.tier_unit, c.order_maintenance)::margin.contract_terms
                FROM margin.contracts(market) AS c LEFT JOIN margin.contracts(prices) AS p ON p.contract = c.contract),
        (SELECT l.margin_ratio FROM margin.thresholds(market) AS l WHERE l.level = 'warning'),
        (SELECT l.margin_ratio FROM margin.thresholds(market) AS l WHERE l.level = 'margin_call'),
        (SELECT l.margin_ratio FROM margin.thresholds(market) AS l WHERE l.level = 'liquidation'),
        (SELECT r.value FROM margin.rules(market) AS r WHERE r.rule = 'orders_reduce_equity')::margin.order_reduction,
        (SELECT r.value FROM margin.rules(market) AS r WHERE r.rule = 'liability_rule')::margin.liability_rule);
END;
COMMENT ON FUNCTION margin.with_prices(margin.market, margin.market) IS
'the parameters of one market at the index and mark prices of another: assets, contracts and thresholds are those of the first; what the second has no price for has none; null for null';

-- ---------------------------------------------------------------------------
-- Days: partitions made ahead, and dropped
-- ---------------------------------------------------------------------------

-- A partition is made by itself, then attached: neither readers nor a running
-- snapshot wait for that.  It belongs to the owner of the table, whoever makes
-- it, and has a trigger of its own, as those of the table do not see what is
-- written into the partition by its name.
CREATE FUNCTION margin_internal.make_partition(book name, parent name, day date) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    child CONSTANT text := parent || to_char(day, '_YYYYMMDD');
BEGIN
    PERFORM margin_internal.enter_book(book);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    EXECUTE format('COMMENT ON TABLE %I IS %L', child, format('partition of %I for %s UTC', parent, day));
    EXECUTE format('CREATE TRIGGER snapshot_immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable()', child);
    EXECUTE format('COMMENT ON TRIGGER snapshot_immutable ON %I IS %L', child, 'for the owner alone, whatever is granted to others');
    EXECUTE format('ALTER TABLE %I OWNER TO %I', child,
                   (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = quote_ident(parent)::regclass));
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, day::timestamptz, (day + 1)::timestamptz);
END
$$;
COMMENT ON FUNCTION margin_internal.make_partition(name, name, date) IS 'makes the partition of a table of snapshots for one UTC day, <table>_<YYYYMMDD>; an error if there is such a table already';

CREATE FUNCTION margin.prepare_snapshots(book name, days integer DEFAULT 7) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    made integer := 0;
    wanted date;
    clustered CONSTANT boolean := margin_internal.is_cluster(book);
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF days NOT BETWEEN 0 AND 366 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('days ahead must be between 0 and 366, not %s', days);
    END IF;
    -- One at a time; nobody who may not write here can keep others from it.
    LOCK TABLE account_snapshot IN SHARE UPDATE EXCLUSIVE MODE;
    IF clustered THEN
        PERFORM margin_internal.ask_shards(book, 'prepare_snapshots', jsonb_build_object('days', days));
    END IF;
    FOR wanted IN
        SELECT d::date FROM generate_series(current_date::timestamp, current_date + days, interval '1 day') AS d
        EXCEPT SELECT s.day FROM snapshot_days() AS s
        ORDER BY 1
    LOOP
        PERFORM margin_internal.make_partition(book, 'snapshot', wanted);
        IF NOT clustered THEN
            PERFORM margin_internal.make_partition(book, 'account_snapshot', wanted);
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION margin.prepare_snapshots(name, integer) IS
'makes the partitions that snapshots of a book need today (UTC) and on so many days after it, where they are missing, and returns for how many days; to be called daily. For the owner of the book. An error unless 0 to 366 days; null for null';

CREATE FUNCTION margin.drop_snapshots(book name, before timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped integer := 0;
    old record;
    began CONSTANT timestamptz := clock_timestamp();
    patience CONSTANT interval := nullif(current_setting('lock_timeout')::interval, interval '0');
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF margin_internal.is_cluster(book) THEN
        PERFORM margin_internal.ask_shards(book, 'drop_snapshots', jsonb_build_object('before', before));
    END IF;
    IF NOT EXISTS (SELECT FROM snapshot_days() AS d WHERE (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= before) THEN
        RETURN 0;
    END IF;
    -- Both or none: whoever waits for the one while holding the other can
    -- deadlock with readers, and readers queue behind whoever waits.
    LOOP
        BEGIN
            LOCK TABLE snapshot, account_snapshot IN ACCESS EXCLUSIVE MODE NOWAIT;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() - began > patience THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    FOR old IN
        SELECT d.snapshot, d.account_snapshot FROM snapshot_days() AS d
         WHERE (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= before
         ORDER BY d.day
    LOOP
        EXECUTE format('DROP TABLE %s', concat_ws(', ', old.snapshot, old.account_snapshot));
        dropped := dropped + 1;
    END LOOP;
    IF margin_internal.is_cluster(book) THEN
        DELETE FROM snapshot_part AS p WHERE NOT EXISTS (SELECT FROM snapshot AS s WHERE s.taken_at = p.taken_at);
    END IF;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION margin.drop_snapshots(name, timestamptz) IS
'drops the snapshots of all UTC days that ended at or before an instant, whole partitions, and returns how many days; null for null. For the owner of the book; waits for those who read or take snapshots, set lock_timeout to give up';

CREATE FUNCTION margin.prune_snapshots(book name, keep interval DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('snapshots cannot be kept for %s', keep), HINT = 'margin.drop_snapshots() drops days that have not ended, too.';
    END IF;
    RETURN coalesce(margin.drop_snapshots(book, now() - coalesce(keep, (SELECT r.keep FROM snapshot_retention AS r))), 0);
END
$$;
COMMENT ON FUNCTION margin.prune_snapshots(name, interval) IS
'drops the snapshots of all UTC days that ended longer ago than keep, or for null than the book''s snapshot_retention says (none where that is empty), and returns how many days; an error if keep is below 0. For the owner of the book';

-- ---------------------------------------------------------------------------
-- Taking one
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.take_snapshot(book name, form margin.snapshot_form, named timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: snapshot'
AS $$
DECLARE
    -- whether every statement sees what the first one of the transaction saw
    frozen CONSTANT boolean := current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
    taken timestamptz;
    today date;
    latest record;
    expected bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF form = 'changes' AND frozen THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('a snapshot of changes cannot be taken at isolation level %s', current_setting('transaction_isolation')),
            HINT = 'Such a transaction may not see the snapshot before it. Take it at READ COMMITTED, or a snapshot of another form.';
    END IF;

    -- One at a time: changes are told from the snapshot before.  A lock that
    -- nobody takes who may not write here.
    LOCK TABLE snapshot_retention IN SHARE UPDATE EXCLUSIVE MODE;

    taken := coalesce(named, CASE WHEN frozen THEN now() ELSE clock_timestamp() END);
    today := (taken AT TIME ZONE 'UTC')::date;
    IF NOT EXISTS (SELECT FROM snapshot_days() AS d WHERE d.day = today) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('no partition for snapshots of %s (UTC)', to_char(today, 'YYYY-MM-DD')),
            HINT = 'margin.prepare_snapshots() makes partitions ahead; call it once a day.';
    END IF;

    SELECT s.taken_at, s.base, s.form, s.accounts INTO latest
      FROM snapshot AS s ORDER BY s.taken_at DESC LIMIT 1;
    expected := coalesce(latest.accounts, (SELECT count(*) FROM (SELECT FROM (SELECT h.account_id FROM holding AS h ORDER BY h.account_id) AS h
                                                                  GROUP BY h.account_id) AS account));

    -- A day is dropped whole, so changes do not reach beyond it; nor are there
    -- ever more of them to be read than accounts; nor do they come between
    -- others when the clock is set back.
    IF form = 'changes' AND latest.taken_at < taken AND (latest.taken_at AT TIME ZONE 'UTC')::date = today
       AND (SELECT count(*) FROM account_snapshot AS a WHERE a.taken_at > latest.base AND a.taken_at <= latest.taken_at) < latest.accounts
    THEN
        WITH taking AS (
            INSERT INTO snapshot (taken_at, form, base, market, accounts, levels, market_id)
            SELECT taken, take_snapshot.form, latest.base, p.market, 0, '{}', margin_internal.market_id(p.market)
              FROM (SELECT venue_present_market(taken) AS market OFFSET 0) AS p)
        INSERT INTO account_snapshot (taken_at, account_id, portfolio)
        SELECT taken, account_id, portfolio
          FROM (SELECT account_id, new.portfolio, old.portfolio AS before, row_number() OVER () AS n
                  FROM reported_portfolio AS new
                  FULL JOIN portfolios(latest.taken_at) AS old USING (account_id)) AS account
         WHERE (n % 1000 <> 0 OR margin_internal.report_progress('snapshot', n, expected))
           AND (portfolio OPERATOR(margin.=) before) IS NOT TRUE;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT venue_present_market(taken) AS market),
        taking AS (
            INSERT INTO snapshot (taken_at, form, base, market, accounts, levels, market_id)
            SELECT taken, take_snapshot.form, taken, present.market, 0, '{}', margin_internal.market_id(present.market) FROM present)
        INSERT INTO account_snapshot (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut,
                                      unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall,
                                      margin_ratio, level, missing, initial_equity, order_margin, order_loss)
        SELECT taken, account_id, portfolio, (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut,
               (v).unrealized_pnl, (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall,
               (v).margin_ratio, (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
          FROM (SELECT account_id, portfolio, row_number() OVER () AS n,
                       CASE WHEN take_snapshot.form = 'full' THEN margin.evaluate(portfolio, (SELECT present.market FROM present)) END AS v
                  FROM (SELECT p.account_id, p.portfolio FROM reported_portfolio AS p OFFSET 0) AS held
                OFFSET 0) AS account
         WHERE n % 1000 <> 0 OR margin_internal.report_progress('snapshot', n, expected);
    END IF;

    UPDATE snapshot AS s
       SET levels = t.levels, accounts = t.accounts
      FROM (SELECT array_agg(l ORDER BY l.level) AS levels, sum(l.accounts) AS accounts FROM level_totals(taken) AS l) AS t
     WHERE s.taken_at = taken;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION margin_internal.take_snapshot(name, margin.snapshot_form, timestamptz) IS
'take_snapshot() of a book that is no cluster; the time that names the snapshot may be given, as it is to the shards of a cluster';

CREATE FUNCTION margin.take_snapshot(book name, form margin.snapshot_form DEFAULT 'full') RETURNS timestamptz
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.is_cluster(book) THEN
        RETURN margin_internal.take_cluster_snapshot(book, form);
    END IF;
    RETURN margin_internal.take_snapshot(book, form, NULL);
END
$$;
COMMENT ON FUNCTION margin.take_snapshot(name, margin.snapshot_form) IS
'stores the market of a book and the portfolio and valuation of every account, as one statement sees them (portfolios as of the last commit where they are kept with the levels), and returns the time that names the snapshot; null for null. Form changes stores all portfolios at first, each UTC day, and when as many have changed as there are accounts; it needs READ COMMITTED. For the owner of the book, one at a time; an error where prepare_snapshots() has made no partition for the day, or where row security hides rows. margin.progress says how far it is';
