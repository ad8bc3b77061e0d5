-- mexc: public answers of MEXC's futures
--
-- After the contract API documentation, "Market endpoints".  Sizes (vol) are in
-- contracts of contractSize of the underlying each.

-- Tiers are levels that grow by steps (riskLimitMode INCREASE), or a list of their own
-- (CUSTOM: riskLimitCustom). riskLimitType says what their bounds are; BY_VALUE is not
-- described further, and taken for the notional. A level holds up to maxVol; the next
-- begins a volUnit above.
CREATE FUNCTION margin_internal."mexc.detail"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH detail AS (
        SELECT s AS node, margin.answer_text(s, 'symbol') AS symbol, margin.answer_text(s, 'settleCoin') = margin.answer_text(s, 'baseCoin') AS inverse,
               margin.answer_text(s, 'riskLimitMode', false) = 'CUSTOM' AS custom,
               CASE margin.answer_text(s, 'riskLimitType', false) WHEN 'BY_VALUE' THEN 'notional' ELSE 'contracts' END AS unit,
               CASE margin.answer_text(s, 'riskLimitType', false) WHEN 'BY_VALUE' THEN 0 ELSE coalesce(margin.answer_number(s, 'volUnit', false), 1) END AS step
          FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS s
    )
    SELECT 'contract', d.symbol, (d.node).path, jsonb_build_object(
               'settle', margin.answer_text(d.node, 'settleCoin'), 'base', margin.answer_text(d.node, 'baseCoin'), 'contract_size', margin.answer_number(d.node, 'contractSize'),
               'payoff', CASE WHEN d.inverse THEN 'inverse' ELSE 'linear' END, 'tier_unit', d.unit, 'maintenance_method', 'whole')
      FROM detail AS d
    UNION ALL
    SELECT 'risk_tier', d.symbol, t.path, jsonb_build_object(
               'upper_bound', margin.answer_number(t, 'maxVol'), 'step', d.step, 'maintenance_rate', margin.answer_number(t, 'mmr'),
               'initial_rate', margin.answer_number(t, 'imr'), 'method', 'whole', 'tier_unit', d.unit)
      FROM detail AS d, margin.answer_nodes(d.node, 'riskLimitCustom[*]') AS t
     WHERE d.custom AND NOT d.inverse
    UNION ALL
    SELECT 'risk_tier', d.symbol, format('%s level %s', (d.node).path, k), jsonb_build_object(
               'upper_bound', margin.answer_number(d.node, 'riskBaseVol') + (k - 1) * margin.answer_number(d.node, 'riskIncrVol'), 'step', d.step,
               'maintenance_rate', margin.answer_number(d.node, 'maintenanceMarginRate') + (k - 1) * margin.answer_number(d.node, 'riskIncrMmr'),
               'initial_rate', margin.answer_number(d.node, 'initialMarginRate') + (k - 1) * margin.answer_number(d.node, 'riskIncrImr'), 'method', 'whole', 'tier_unit', d.unit)
      FROM detail AS d, generate_series(1, margin.answer_number(d.node, 'riskLevelLimit')) AS k
     WHERE d.custom IS NOT TRUE AND NOT d.inverse;
END;
COMMENT ON FUNCTION margin_internal."mexc.detail"(jsonb) IS
'MEXC, GET /api/v1/contract/detail: contracts, with their maintenance and initial rates, the rate reached for all of a position; those settled in their own coin are ignored';

CREATE FUNCTION margin_internal."mexc.fair_price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'fairPrice'), 'at', margin.answer_time(s, 'timestamp'))
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."mexc.fair_price"(jsonb) IS
'MEXC, GET /api/v1/contract/fair_price/{symbol}: a mark price';
