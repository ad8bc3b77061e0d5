-- market: the way from the tables of a venue into a value
--
-- The first argument of each function is the row type of the venue's view
-- planned_change: it says which venue, whatever its schema is called now, and since
-- PL/pgSQL compiles a function for each type it is called with, every venue
-- has plans of its own.  In kept_market() it says too whose rights are taken.

-- One query, hence one snapshot.  For each symbol it goes straight to the
-- latest terms and schedules, by the primary keys and backwards; so it costs
-- the same whatever past and announced ones are kept.  The settings hold the
-- planner to that for tables of any size and age of statistics, and to one
-- plan for the session.
CREATE FUNCTION margin_internal.stored_market(venue anyelement, as_of timestamptz, clock timestamptz) RETURNS margin.market
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
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    RETURN (
        SELECT margin_internal.market(
                   t.asset, t.contract,
                   (SELECT margin_ratio FROM level_threshold WHERE level = 'warning'),
                   (SELECT margin_ratio FROM level_threshold WHERE level = 'margin_call'),
                   (SELECT margin_ratio FROM level_threshold WHERE level = 'liquidation'),
                   (SELECT nullif(value, 'nothing')::margin.order_reduction FROM venue_rule WHERE rule = 'orders_reduce_equity'),
                   (SELECT nullif(value, 'sum')::margin.liability_rule FROM venue_rule WHERE rule = 'liability_rule'))
          FROM (
            SELECT ROW(a.asset, p.price,
                       (SELECT margin.schedule(t.lower_bound, t.ratio)
                          FROM collateral_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       -- null is the default, which needs no look at the labels of an enum
                       nullif(coalesce(ch.tier_unit, a.tier_unit), 'quantity')::margin.tier_unit, coalesce(ch.liability_weight, a.liability_weight),
                       coalesce(ch.requirement_weight, a.requirement_weight),
                       (SELECT margin.schedule(t.lower_bound, t.maintenance_rate)
                          FROM liability_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       p.low, p.high,
                       -- without collateral tiers they would be an error, and count for nothing
                       (SELECT margin.schedule(t.lower_bound, t.ratio)
                          FROM initial_collateral_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                           AND EXISTS (SELECT FROM collateral_tier AS r WHERE r.asset = t.asset AND r.valid_from <= as_of)
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       CASE WHEN ch.asset IS NULL THEN a.initial_liability_weight ELSE ch.initial_liability_weight END)::margin.asset_terms,
                   NULL::margin.contract_terms
              FROM asset AS a
              LEFT JOIN LATERAL (
                        SELECT * FROM asset_change AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         ORDER BY t.valid_from DESC LIMIT 1) AS ch ON true
              LEFT JOIN index_price AS p
                     ON p.asset = a.asset AND (clock - p.updated_at > CASE WHEN ch.asset IS NULL THEN a.max_age ELSE ch.max_age END) IS NOT TRUE
             UNION ALL
            SELECT NULL, ROW(c.contract, c.settle, c.base, c.contract_size,
                       CASE WHEN (clock - p.updated_at > c.max_age) IS NOT TRUE THEN p.price END,
                       r.maintenance, r.initial, nullif(c.netting, 'leg')::margin.netting, c.closing_fee,
                       c.opening_fee, nullif(c.tier_unit, 'notional')::margin.contract_tier_unit, c.order_maintenance)::margin.contract_terms
              FROM contract AS stated
              LEFT JOIN LATERAL (
                        SELECT * FROM contract_change AS t
                         WHERE t.contract = stated.contract AND t.valid_from <= as_of
                         ORDER BY t.valid_from DESC LIMIT 1) AS ch ON true
             CROSS JOIN LATERAL (
                        SELECT stated.contract, coalesce(ch.settle, stated.settle) AS settle,
                               CASE WHEN ch.contract IS NULL THEN stated.base ELSE ch.base END AS base,
                               coalesce(ch.contract_size, stated.contract_size) AS contract_size,
                               CASE WHEN ch.contract IS NULL THEN stated.max_age ELSE ch.max_age END AS max_age,
                               coalesce(ch.netting, stated.netting) AS netting,
                               coalesce(ch.closing_fee, stated.closing_fee) AS closing_fee,
                               coalesce(ch.opening_fee, stated.opening_fee) AS opening_fee,
                               coalesce(ch.tier_unit, stated.tier_unit) AS tier_unit,
                               coalesce(ch.order_maintenance, stated.order_maintenance) AS order_maintenance,
                               CASE coalesce(ch.maintenance_method, stated.maintenance_method) WHEN 'whole' THEN 'whole'::margin.tier_method ELSE 'marginal' END AS maintenance_method,
                               CASE coalesce(ch.initial_method, stated.initial_method) WHEN 'whole' THEN 'whole'::margin.tier_method ELSE 'marginal' END AS initial_method) AS c
              LEFT JOIN mark_price AS p ON p.contract = c.contract
              LEFT JOIN LATERAL (
                        SELECT margin.schedule(t.lower_bound, t.maintenance_rate, c.maintenance_method) AS maintenance,
                               margin.schedule(t.lower_bound, t.initial_rate, c.initial_method)
                                   FILTER (WHERE t.initial_rate IS NOT NULL) AS initial
                          FROM risk_tier AS t
                         WHERE t.contract = c.contract AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1) AS r ON true
             UNION ALL
            -- the row of the ratios and rules
            SELECT NULL, NULL) AS t (asset, contract));
END
$$;
COMMENT ON FUNCTION margin_internal.stored_market(anyelement, timestamptz, timestamptz) IS
'the market of a venue: the parameters valid at as_of with the stored prices, those left out that at clock are older than their max_age; null for null';

CREATE FUNCTION margin_internal.market_lasts(
    venue anyelement, clock timestamptz,
    OUT since timestamptz, OUT until timestamptz, OUT assets text[], OUT asset_ages interval[], OUT contracts text[], OUT contract_ages interval[]
) RETURNS record
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    SELECT coalesce(max(c.valid_from) FILTER (WHERE c.valid_from <= clock), '-infinity'), coalesce(min(c.valid_from) FILTER (WHERE c.valid_from > clock), 'infinity')
      INTO since, until
      FROM (SELECT t.valid_from FROM asset_change AS t UNION ALL
            SELECT t.valid_from FROM contract_change AS t UNION ALL
            SELECT t.valid_from FROM collateral_tier AS t UNION ALL
            SELECT t.valid_from FROM initial_collateral_tier AS t UNION ALL
            SELECT t.valid_from FROM liability_tier AS t UNION ALL
            SELECT t.valid_from FROM risk_tier AS t) AS c;
    SELECT coalesce(array_agg(a.asset), '{}'), coalesce(array_agg(a.max_age), '{}')
      INTO assets, asset_ages
      FROM (SELECT t.asset, CASE WHEN ch.asset IS NULL THEN t.max_age ELSE ch.max_age END AS max_age
              FROM asset AS t
              LEFT JOIN LATERAL (SELECT c.asset, c.max_age FROM asset_change AS c
                                  WHERE c.asset = t.asset AND c.valid_from <= clock
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true) AS a
     WHERE a.max_age IS NOT NULL;
    SELECT coalesce(array_agg(a.contract), '{}'), coalesce(array_agg(a.max_age), '{}')
      INTO contracts, contract_ages
      FROM (SELECT t.contract, CASE WHEN ch.contract IS NULL THEN t.max_age ELSE ch.max_age END AS max_age
              FROM contract AS t
              LEFT JOIN LATERAL (SELECT c.contract, c.max_age FROM contract_change AS c
                                  WHERE c.contract = t.contract AND c.valid_from <= clock
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true) AS a
     WHERE a.max_age IS NOT NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.market_lasts(anyelement, timestamptz) IS
'since when the parameters of a venue have been as they are at clock, and until when they will be, and how long prices last, of those that expire';

CREATE FUNCTION margin_internal.kept_market(venue anyelement, clock timestamptz) RETURNS margin.market
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_kept_market';
COMMENT ON FUNCTION margin_internal.kept_market(anyelement, timestamptz) IS
'stored_market(venue, clock, clock) as the owner of the venue reads it, for whoever may execute its function market(); kept by the session until another would be read. The first argument is of the row type of the venue''s view planned_change; null for null';

CREATE FUNCTION margin_internal.past_market(venue anyelement, as_of timestamptz) RETURNS margin.market
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- a price that has not been recorded yet cannot have expired
    clock CONSTANT timestamptz := least(as_of, clock_timestamp());
    -- without its prices, so of any clock; as_of may be infinite
    terms CONSTANT margin.market := margin_internal.stored_market(venue, as_of, now());
BEGIN
    IF as_of IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    RETURN (
        SELECT margin_internal.market(
                   t.asset, t.contract, l.ratios[1], l.ratios[2], l.ratios[3],
                   (SELECT r.value::margin.order_reduction FROM margin.rules(terms) AS r WHERE r.rule = 'orders_reduce_equity'),
                   (SELECT r.value::margin.liability_rule FROM margin.rules(terms) AS r WHERE r.rule = 'liability_rule'))
          FROM (
            SELECT ROW(a.asset, h.price, a.tiers, a.tier_unit, a.liability_weight, a.requirement_weight, a.liability_maintenance,
                       h.low, h.high, a.initial_tiers, a.initial_liability_weight)::margin.asset_terms,
                   NULL::margin.contract_terms
              FROM margin.assets(terms) AS a
              JOIN asset AS t ON t.asset = a.asset
              LEFT JOIN LATERAL (SELECT c.asset, c.max_age FROM asset_change AS c
                                  WHERE c.asset = a.asset AND c.valid_from <= as_of
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true
              LEFT JOIN LATERAL (SELECT p.price, p.low, p.high, p.updated_at FROM index_price_history AS p
                                  WHERE p.asset = a.asset AND p.recorded_at <= as_of
                                  ORDER BY p.recorded_at DESC, p.id DESC LIMIT 1) AS h
                     ON (clock - h.updated_at > CASE WHEN ch.asset IS NULL THEN t.max_age ELSE ch.max_age END) IS NOT TRUE
             UNION ALL
            SELECT NULL, ROW(a.contract, a.settle, a.base, a.contract_size,
                       CASE WHEN (clock - h.updated_at > CASE WHEN ch.contract IS NULL THEN t.max_age ELSE ch.max_age END) IS NOT TRUE THEN h.price END,
                       a.maintenance, a.initial, a.netting, a.closing_fee,
                       a.opening_fee, a.tier_unit, a.order_maintenance)::margin.contract_terms
              FROM margin.contracts(terms) AS a
              JOIN contract AS t ON t.contract = a.contract
              LEFT JOIN LATERAL (SELECT c.contract, c.max_age FROM contract_change AS c
                                  WHERE c.contract = a.contract AND c.valid_from <= as_of
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true
              LEFT JOIN LATERAL (SELECT p.price, p.updated_at FROM mark_price_history AS p
                                  WHERE p.contract = a.contract AND p.recorded_at <= as_of
                                  ORDER BY p.recorded_at DESC, p.id DESC LIMIT 1) AS h ON true
             UNION ALL
            -- the row of the ratios and rules
            SELECT NULL, NULL) AS t (asset, contract)
         CROSS JOIN (SELECT array_agg(t.margin_ratio ORDER BY t.level) AS ratios FROM margin.thresholds(terms) AS t) AS l);
END
$$;
COMMENT ON FUNCTION margin_internal.past_market(anyelement, timestamptz) IS
'the market of a past instant: the parameters valid then with the prices that stood then, from the price histories; null for null';
