-- cluster snapshots: a book whose accounts live on shards, snapshots and totals of all of them

CREATE FUNCTION margin_internal.add_level_totals(totals margin.level_total[]) RETURNS SETOF margin.level_total
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT l.level, coalesce(t.accounts, 0)::bigint,
           CASE WHEN t.accounts > 0 THEN t.equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.collateral_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.liabilities ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.net_asset_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.haircut ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.unrealized_pnl ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.maintenance_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.shortfall ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.loss ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_loss ELSE 0 END
      FROM unnest(enum_range(NULL::margin.level)) AS l (level)
      LEFT JOIN (SELECT a.level, sum(a.accounts) AS accounts, sum(a.equity) AS equity, sum(a.collateral_value) AS collateral_value,
                        sum(a.liabilities) AS liabilities, sum(a.net_asset_value) AS net_asset_value, sum(a.haircut) AS haircut,
                        sum(a.unrealized_pnl) AS unrealized_pnl, sum(a.initial_margin) AS initial_margin,
                        sum(a.maintenance_margin) AS maintenance_margin, sum(a.shortfall) AS shortfall, sum(a.loss) AS loss,
                        sum(a.initial_equity) AS initial_equity, sum(a.order_margin) AS order_margin, sum(a.order_loss) AS order_loss
                   FROM unnest(totals) AS a
                  -- a level without accounts says 0, also where amounts are not known
                  WHERE a.accounts > 0 GROUP BY a.level) AS t ON t.level = l.level
     ORDER BY l.level;
END;
COMMENT ON FUNCTION margin_internal.add_level_totals(margin.level_total[]) IS 'totals by level of several parts of a book, a row for each level, added up';

CREATE FUNCTION margin_internal.take_part(book name, form margin.snapshot_form, taken timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.take_snapshot(book, form, taken);
    RETURN (SELECT jsonb_build_object('seen_at', transaction_timestamp(), 'market_id', m.id, 'accounts', s.accounts)
              FROM snapshot AS s, published_market AS m WHERE s.taken_at = taken);
END
$$;
COMMENT ON FUNCTION margin_internal.take_part(name, margin.snapshot_form, timestamptz) IS 'takes the part of a snapshot that is a shard''s, by the name that the coordinator gave it; returns when the shard looked, its market and how many accounts';

CREATE FUNCTION margin_internal.take_cluster_snapshot(book name, form margin.snapshot_form) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken timestamptz;
    stood record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF form = 'changes' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'a snapshot of a cluster cannot be one of changes',
            HINT = 'Take one of form portfolios or full, or snapshots of changes on each shard.';
    END IF;
    LOCK TABLE snapshot_retention IN SHARE UPDATE EXCLUSIVE MODE;
    -- this is when all shards look, one right after the other; in one statement, which sees one market
    SELECT same_market(), venue_market() AS market, market_id() AS id INTO stood;
    taken := clock_timestamp();
    IF NOT EXISTS (SELECT FROM snapshot_days() AS d WHERE d.day = (taken AT TIME ZONE 'UTC')::date) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('no partition for snapshots of %s (UTC)', to_char(taken AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
            HINT = 'margin.prepare_snapshots() makes partitions ahead; call it once a day.';
    END IF;
    INSERT INTO snapshot_part (taken_at, shard, seen_at, market_id, accounts)
    SELECT taken, a.shard, (a.result ->> 'seen_at')::timestamptz, (a.result ->> 'market_id')::bigint, (a.result ->> 'accounts')::bigint
      FROM margin_internal.ask_shards(book, 'take_snapshot', jsonb_build_object('form', form, 'taken', taken)) AS a;
    IF EXISTS (SELECT FROM snapshot_part AS p WHERE p.taken_at = taken AND p.market_id IS DISTINCT FROM stood.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = format('shards did not all look in market %s', stood.id), HINT = 'Take the snapshot again.';
    END IF;
    INSERT INTO snapshot (taken_at, form, base, market, market_id, accounts, levels)
    SELECT taken, take_cluster_snapshot.form, taken, stood.market, stood.id,
           (SELECT sum(p.accounts) FROM snapshot_part AS p WHERE p.taken_at = taken),
           ARRAY(SELECT t FROM margin_internal.add_level_totals(ARRAY(SELECT l FROM shard_snapshot AS s, unnest(s.levels) AS l WHERE s.taken_at = taken)) AS t);
    RETURN taken;
END
$$;
COMMENT ON FUNCTION margin_internal.take_cluster_snapshot(name, margin.snapshot_form) IS
'takes a snapshot on every shard of a cluster, all under one name and in one market, and notes in snapshot_part when each of them looked';
