-- reports: those of a cluster, as sums of the shards' reports
--
-- A function central_... is the one that other books have under the name after
-- that: it reads all accounts, here for snapshots.  What is summed over the
-- shards is of one market, or an error: their transactions see one each, and
-- same_market() compares it.

CREATE FUNCTION same_market() RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT margin_internal.same_market('shard_market'::regclass);
END;
COMMENT ON FUNCTION same_market() IS 'true, or an error (55000) that names the shards that have another market than the coordinator';

CREATE VIEW house WITH (security_invoker = true) AS
SELECT margin.rollup(portfolio) AS portfolio FROM shard_house;
COMMENT ON VIEW house IS 'everything that all accounts hold, as one portfolio: the roll-up of those of the shards';
COMMENT ON COLUMN house.portfolio IS 'the roll-up of all accounts; null: there are none';

CREATE FUNCTION level_totals(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.* FROM margin_internal.add_level_totals(ARRAY(SELECT ROW(s.*)::margin.level_total FROM shard_levels AS s
                                                           WHERE as_of IS NULL AND (SELECT same_market()))) AS t
     WHERE as_of IS NULL
    UNION ALL
    SELECT c.* FROM central_level_totals(as_of) AS c WHERE as_of IS NOT NULL
     ORDER BY level;
END;
COMMENT ON FUNCTION level_totals(timestamptz) IS 'accounts by level and their totals; a row for each level: now the sums of the shards'' rows';

CREATE FUNCTION report_concentration(
    as_of timestamptz DEFAULT NULL,
    OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric,
    OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT held.asset, held.accounts, held.unvalued, held.asset_equity, terms.price, held.net_asset_value, held.collateral_value,
               round(held.collateral_value / nullif(sum(held.collateral_value) OVER (), 0), 8) AS share,
               held.largest, held.net_asset_value - held.collateral_value AS haircut,
               held.net_asset_value * coalesce(margin_internal.first_rate(terms.tiers), 0) - held.collateral_value AS lost_to_tiers
          FROM (SELECT s.asset, sum(s.accounts)::bigint AS accounts, sum(s.unvalued)::bigint AS unvalued, sum(s.asset_equity) AS asset_equity,
                       sum(s.net_asset_value) AS net_asset_value, sum(s.collateral_value) AS collateral_value, max(s.largest) AS largest
                  FROM shard_concentration AS s WHERE as_of IS NULL AND (SELECT same_market()) GROUP BY s.asset) AS held
          LEFT JOIN margin.assets((SELECT venue_market())) AS terms ON terms.asset = held.asset
        UNION ALL
        SELECT c.* FROM central_report_concentration(as_of) AS c WHERE as_of IS NOT NULL
    ) AS r
     ORDER BY collateral_value DESC NULLS LAST, asset COLLATE "C";
END;
COMMENT ON FUNCTION report_concentration(timestamptz) IS 'the collateral asset by asset, the largest first, as every book has it: now the sums of the shards'' rows';

CREATE FUNCTION report_exposure(
    as_of timestamptz DEFAULT NULL,
    OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric,
    OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric,
    OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric,
    OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 50
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT s.contract, s.settle, sum(s.accounts)::bigint AS accounts, s.mark, sum(s.long) AS long, sum(s.short) AS short, sum(s.long) - sum(s.short) AS net,
               greatest(sum(s.long), sum(s.short)) AS open_interest, sum(s.long_notional) AS long_notional, sum(s.short_notional) AS short_notional,
               sum(s.pnl_usd) AS pnl_usd, sum(s.maintenance_margin) AS maintenance_margin, sum(s.initial_margin) AS initial_margin,
               sum(s.order_margin) AS order_margin
          FROM shard_exposure AS s
         WHERE as_of IS NULL AND (SELECT same_market())
         GROUP BY s.contract, s.settle, s.mark
        UNION ALL
        SELECT c.* FROM central_report_exposure(as_of) AS c WHERE as_of IS NOT NULL
    ) AS r
     ORDER BY maintenance_margin DESC NULLS LAST, contract COLLATE "C";
END;
COMMENT ON FUNCTION report_exposure(timestamptz) IS 'the positions of all accounts contract by contract, the one that requires most first, as every book has it: now the sums of the shards'' rows';

CREATE FUNCTION report_known_stress(
    as_of timestamptz DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT s.scenario, sum(s.accounts)::bigint AS accounts, sum(s.warning)::bigint AS warning, sum(s.margin_call)::bigint AS margin_call, sum(s.liquidation)::bigint AS liquidation, sum(s.bankrupt)::bigint AS bankrupt, sum(s.unpriced)::bigint AS unpriced,
               sum(s.equity) AS equity, sum(s.maintenance_margin) AS maintenance_margin, sum(s.loss) AS loss
          FROM shard_stress AS s
         WHERE as_of IS NULL AND (SELECT same_market())
         GROUP BY s.scenario
        UNION ALL
        SELECT c.* FROM central_report_known_stress(as_of) AS c WHERE NOT (as_of IS NULL)
    ) AS r
     ORDER BY loss DESC NULLS LAST, equity, scenario COLLATE "C";
END;
COMMENT ON FUNCTION report_known_stress(timestamptz) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others: now the sums of the shards rows';

-- A scenario that names what the market lacks is an error, which the other one raises.
CREATE FUNCTION report_stress(
    as_of timestamptz DEFAULT NULL, scenarios margin.price_move[] DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH part AS MATERIALIZED (
        SELECT s.* FROM shard_stress AS s WHERE as_of IS NULL AND report_stress.scenarios IS NULL AND (SELECT same_market())
    ), summed AS (
        SELECT as_of IS NULL AND report_stress.scenarios IS NULL AND NOT EXISTS (SELECT FROM part AS s WHERE s.accounts IS NULL) AS told
    )
    SELECT r.* FROM (
        SELECT s.scenario, sum(s.accounts)::bigint AS accounts, sum(s.warning)::bigint AS warning, sum(s.margin_call)::bigint AS margin_call, sum(s.liquidation)::bigint AS liquidation, sum(s.bankrupt)::bigint AS bankrupt, sum(s.unpriced)::bigint AS unpriced,
               sum(s.equity) AS equity, sum(s.maintenance_margin) AS maintenance_margin, sum(s.loss) AS loss
          FROM part AS s
         WHERE (SELECT told FROM summed)
         GROUP BY s.scenario
        UNION ALL
        SELECT c.* FROM central_report_stress(as_of, scenarios) AS c WHERE NOT (SELECT told FROM summed)
    ) AS r
     ORDER BY loss DESC NULLS LAST, equity, scenario COLLATE "C";
END;
COMMENT ON FUNCTION report_stress(timestamptz, margin.price_move[]) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first, as every book has it: those of the venue now as sums of the shards'' rows';

CREATE TABLE snapshot_part (
    taken_at   timestamptz,
    shard      integer,
    seen_at    timestamptz NOT NULL,
    market_id  bigint NOT NULL,
    accounts   bigint NOT NULL,
    CONSTRAINT snapshot_part_pkey PRIMARY KEY (taken_at, shard)
);
COMMENT ON TABLE snapshot_part IS 'of each snapshot of the cluster, what each shard has of it; where seen_at differs, so do the instants that its accounts are as of';
COMMENT ON COLUMN snapshot_part.taken_at IS 'the snapshot, by the name that all shards know it by';
COMMENT ON COLUMN snapshot_part.shard IS 'the shard';
COMMENT ON COLUMN snapshot_part.seen_at IS 'when it looked, by its own clock';
COMMENT ON COLUMN snapshot_part.market_id IS 'the market that it valued by, the same on all';
COMMENT ON COLUMN snapshot_part.accounts IS 'how many accounts it stored';
COMMENT ON CONSTRAINT snapshot_part_pkey ON snapshot_part IS 'a shard has one part of a snapshot';
