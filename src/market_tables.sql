-- market_tables: market(), the way from the reference tables into a valuation.
-- (past_market() in prices.sql adds to it the prices of another time.)
--
-- One query, hence one snapshot.  For each symbol it goes straight to the
-- latest terms and schedules, by the primary keys and backwards; so it costs
-- the same whatever past and announced ones are kept.  The settings hold the
-- planner to that for tables of any size and age of statistics, and to one
-- plan for the session.

CREATE FUNCTION margin.stored_market(as_of timestamptz, clock timestamptz) RETURNS margin.market
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF as_of IS NULL OR clock IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT margin.market(
        ARRAY(
            SELECT ROW(a.asset,
                       CASE WHEN (clock - p.updated_at > CASE WHEN ch.asset IS NULL THEN a.max_age ELSE ch.max_age END) IS NOT TRUE THEN p.price END,
                       (SELECT margin.schedule(t.lower_bound, t.ratio)
                          FROM margin.collateral_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       coalesce(ch.basis, a.basis), coalesce(ch.liability_weight, a.liability_weight),
                       coalesce(ch.requirement_weight, a.requirement_weight),
                       (SELECT margin.schedule(t.lower_bound, t.maintenance_rate)
                          FROM margin.liability_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1))::margin.asset_terms
              FROM margin.asset AS a
              LEFT JOIN margin.index_price AS p ON p.asset = a.asset
              LEFT JOIN LATERAL (
                        SELECT * FROM margin.asset_change AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         ORDER BY t.valid_from DESC LIMIT 1) AS ch ON true),
        ARRAY(
            SELECT ROW(c.contract, c.settle_asset, c.base_asset, c.size,
                       CASE WHEN (clock - p.updated_at > c.max_age) IS NOT TRUE THEN p.price END,
                       r.maintenance, r.initial, c.netting, c.closing_fee)::margin.contract_terms
              FROM margin.contract AS stated
              LEFT JOIN LATERAL (
                        SELECT * FROM margin.contract_change AS t
                         WHERE t.contract = stated.contract AND t.valid_from <= as_of
                         ORDER BY t.valid_from DESC LIMIT 1) AS ch ON true
             CROSS JOIN LATERAL (
                        SELECT stated.contract, coalesce(ch.settle_asset, stated.settle_asset) AS settle_asset,
                               CASE WHEN ch.contract IS NULL THEN stated.base_asset ELSE ch.base_asset END AS base_asset,
                               coalesce(ch.size, stated.size) AS size,
                               CASE WHEN ch.contract IS NULL THEN stated.max_age ELSE ch.max_age END AS max_age,
                               coalesce(ch.netting, stated.netting) AS netting,
                               coalesce(ch.closing_fee, stated.closing_fee) AS closing_fee,
                               coalesce(ch.maintenance_method, stated.maintenance_method) AS maintenance_method,
                               coalesce(ch.initial_method, stated.initial_method) AS initial_method) AS c
              LEFT JOIN margin.mark_price AS p ON p.contract = c.contract
              LEFT JOIN LATERAL (
                        SELECT margin.schedule(t.lower_bound, t.maintenance_rate, c.maintenance_method) AS maintenance,
                               margin.schedule(t.lower_bound, t.initial_rate, c.initial_method)
                                   FILTER (WHERE t.initial_rate IS NOT NULL) AS initial
                          FROM margin.risk_tier AS t
                         WHERE t.contract = c.contract AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1) AS r ON true),
        (SELECT margin_ratio FROM margin.level_threshold WHERE level = 'warning'),
        (SELECT margin_ratio FROM margin.level_threshold WHERE level = 'margin_call'),
        (SELECT margin_ratio FROM margin.level_threshold WHERE level = 'liquidation')));
END
$$;
COMMENT ON FUNCTION margin.stored_market(timestamptz, timestamptz) IS 'the market of the reference tables: the parameters valid at as_of with the stored prices, those left out that at clock are older than their max_age; null for null';

CREATE FUNCTION margin.market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin.stored_market(as_of, now());
COMMENT ON FUNCTION margin.market(timestamptz) IS 'the market of the reference tables: the parameters valid at as_of with the stored prices, those older than their max_age (judged at now()) left out; null for null. A literal needs its type, market(timestamptz ''2026-01-01''): market(''...'') reads the text form';

CREATE FUNCTION margin.market() RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin.stored_market(now(), now());
COMMENT ON FUNCTION margin.market() IS 'the present market of the reference tables, as they stand at now()';
