-- kucoin: public answers of KuCoin's futures
--
-- After the API documentation, "Futures Trading", "Market Data".  Sizes are in
-- contracts (lots) of multiplier of the underlying each.

-- multiplier of an inverse contract is negative.
CREATE FUNCTION margin_internal."kucoin.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'settleCurrency'), 'base', margin.answer_text(s, 'baseCurrency'), 'contract_size', abs(margin.answer_number(s, 'multiplier')),
               'payoff', CASE margin.answer_text(s, 'isInverse') WHEN 'true' THEN 'inverse' ELSE 'linear' END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."kucoin.contracts"(jsonb) IS
'KuCoin, GET /api/v1/contracts/active: contracts; inverse ones are ignored';

-- Levels of isolated margin, "Get Futures Risk Limit Level". In cross margin the venues
-- rate is a formula of the size, of which the answer tells nothing.
CREATE FUNCTION margin_internal."kucoin.risk-limit"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'lower_bound', margin.answer_number(s, 'minRiskLimit'), 'upper_bound', margin.answer_number(s, 'maxRiskLimit'),
               'maintenance_rate', margin.answer_number(s, 'maintainMargin'), 'initial_rate', margin.answer_number(s, 'initialMargin'), 'method', 'whole', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."kucoin.risk-limit"(jsonb) IS
'KuCoin, GET /api/v1/contracts/risk-limit/{symbol}: maintenance and initial rates by notional, the rate reached for all of a position';

CREATE FUNCTION margin_internal."kucoin.mark-price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'value'), 'at', margin.answer_time(s, 'timePoint'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."kucoin.mark-price"(jsonb) IS
'KuCoin, GET /api/v1/mark-price/{symbol}/current: a mark price';
