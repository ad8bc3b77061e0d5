-- bitget: public answers of Bitget's futures, version 2
--
-- After the API documentation, "Futures", "Market".  Sizes are in units of the
-- underlying, so a contract is one.

CREATE FUNCTION margin_internal."bitget.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'quoteCoin'), 'base', margin.answer_text(s, 'baseCoin'), 'contract_size', 1,
               'payoff', CASE margin.answer_text(s, 'quoteCoin') WHEN 'USD' THEN 'inverse' ELSE 'linear' END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bitget.contracts"(jsonb) IS
'Bitget, GET /api/v2/mix/market/contracts: contracts; those quoted in USD are margined in coins, and ignored';

-- The answer sums nothing that would tell whether rates are marginal; "Position Tier"
-- of the venue applies the rate of the tier to the whole position, and so does this.
CREATE FUNCTION margin_internal."bitget.query-position-lever"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'lower_bound', margin.answer_number(s, 'startUnit'), 'upper_bound', margin.answer_number(s, 'endUnit'),
               'maintenance_rate', margin.answer_number(s, 'keepMarginRate'), 'max_leverage', margin.answer_number(s, 'leverage'), 'method', 'whole', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bitget.query-position-lever"(jsonb) IS
'Bitget, GET /api/v2/mix/market/query-position-lever: maintenance rates by notional, the rate reached for all of a position; initial rates from the leverage allowed';

CREATE FUNCTION margin_internal."bitget.symbol-price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'markPrice'), 'at', margin.answer_time(s, 'ts'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bitget.symbol-price"(jsonb) IS
'Bitget, GET /api/v2/mix/market/symbol-price: mark prices';
