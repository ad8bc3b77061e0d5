-- gate: public answers of Gate's version 4
--
-- After the API documentation, "Futures" and "Unified".  Errors are
-- {"label": ..., "message": ...}.  Sizes are in contracts of quanto_multiplier of
-- the underlying each.

-- The name of a contract is its underlying, its settlement asset and, if it expires,
-- the date.
CREATE FUNCTION margin_internal."gate.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'name'), s.path, jsonb_build_object(
               'settle', split_part(margin.answer_text(s, 'name'), '_', 2), 'base', split_part(margin.answer_text(s, 'name'), '_', 1),
               'contract_size', margin.answer_number(s, 'quanto_multiplier'),
               'payoff', CASE margin.answer_text(s, 'type') WHEN 'direct' THEN 'linear' ELSE margin.answer_text(s, 'type') END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."gate.contracts"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/contracts: contracts of type direct; inverse ones are ignored';

-- The documentation of the client libraries (FuturesLimitRiskTiers) has no deduction;
-- the interface answers it of late.
CREATE FUNCTION margin_internal."gate.risk_limit_tiers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'contract'), s.path, jsonb_build_object(
               'upper_bound', margin.answer_number(s, 'risk_limit'), 'maintenance_rate', margin.answer_number(s, 'maintenance_rate'),
               'initial_rate', margin.answer_number(s, 'initial_rate'), 'deduction', margin.answer_number(s, 'deduction', false),
               'method', CASE WHEN s.value ? 'deduction' THEN 'marginal' ELSE 'whole' END, 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."gate.risk_limit_tiers"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/risk_limit_tiers: maintenance and initial rates by notional; marginal and checked where the answer has deduction, else the rate reached for all of a position';

-- An upper_limit of + has no end.
CREATE FUNCTION margin_internal."gate.currency_discount_tiers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'collateral_tier', margin.answer_text(s, 'currency'), t.path, jsonb_build_object(
               'lower_bound', margin.answer_number(t, 'lower_limit'),
               'upper_bound', CASE WHEN margin.answer_text(t, 'upper_limit') <> '+' THEN margin.answer_number(t, 'upper_limit') END,
               'ratio', margin.answer_number(t, 'discount'), 'tier_unit', 'quantity')
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s,
           margin.answer_nodes(s, 'discount_tiers[*]') AS t;
END;
COMMENT ON FUNCTION margin_internal."gate.currency_discount_tiers"(jsonb) IS
'Gate, GET /api/v4/unified/currency_discount_tiers: collateral ratios by quantity';

CREATE FUNCTION margin_internal."gate.tickers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'contract'), s.path, jsonb_build_object('price', margin.answer_number(s, 'mark_price'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."gate.tickers"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/tickers: mark prices. The answer has no time: they count as of now';
