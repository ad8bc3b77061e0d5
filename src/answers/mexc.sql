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

-- ---------------------------------------------------------------------------
-- Accounts: "Account and trading endpoints"
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal."mexc.assets"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'currency'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'equity') - coalesce(margin.answer_number(b, 'unrealized', false), 0::numeric))
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'data[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'currency'), '{"asset_equity": "equity"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."mexc.assets"(jsonb) IS
'MEXC, GET /api/v1/private/account/assets: balances of a futures account, without profit that is not realized';

-- openType 1 is isolated, 2 cross; positionType 1 long, 2 short.
CREATE FUNCTION margin_internal."mexc.open_positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'openType') = '1') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (margin.answer_text(p, 'openType') = '1') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'positionType', '{1}', '{2}') * margin.answer_number(p, 'holdVol'), 'entry_price', margin.answer_number(p, 'holdAvgPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"liquidation_price": "liquidatePrice"}') AS f
     WHERE NOT (margin.answer_text(p, 'openType') = '1') AND margin.answer_number(p, 'holdVol') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."mexc.open_positions"(jsonb) IS
'MEXC, GET /api/v1/private/position/open_positions: positions in cross margin, and their liquidation prices';

-- side 1 opens long, 2 closes short, 3 opens short, 4 closes long.
CREATE FUNCTION margin_internal."mexc.open_orders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{1}', '{3}') * (margin.answer_number(p, 'vol') - coalesce(margin.answer_number(p, 'dealVol', false), 0)), 'price', margin.answer_number(p, 'price'), 'leverage', margin.answer_number(p, 'leverage', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'side') IN ('2', '4') THEN 'only reduces' WHEN margin.answer_text(p, 'openType', false) = '1' THEN 'isolated: an account of its own' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document -> 'data', 20) AS r;
END;
COMMENT ON FUNCTION margin_internal."mexc.open_orders"(jsonb) IS
'MEXC, GET /api/v1/private/order/list/open_orders: open limit orders in cross margin; what closes is ignored';
