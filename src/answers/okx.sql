-- okx: public answers of OKX's version 5
--
-- After the V5 API documentation, "Public Data".  Positions are counted in
-- contracts, of ctVal * ctMult of the underlying each, and so are tiers.

CREATE FUNCTION margin_internal."okx.instruments"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN margin.answer_text(s, 'instType') IN ('SWAP', 'FUTURES') THEN 'contract' ELSE 'ignored' END, margin.answer_text(s, 'instId'), s.path,
           CASE WHEN margin.answer_text(s, 'instType') IN ('SWAP', 'FUTURES') THEN jsonb_build_object(
                    'settle', margin.answer_text(s, 'settleCcy'), 'base', CASE margin.answer_text(s, 'ctType') WHEN 'linear' THEN margin.answer_text(s, 'ctValCcy') END,
                    'contract_size', margin.answer_number(s, 'ctVal') * coalesce(margin.answer_number(s, 'ctMult', false), 1), 'payoff', margin.answer_text(s, 'ctType'),
                    'tier_unit', 'contracts', 'maintenance_method', 'whole')
                ELSE jsonb_build_object('why', format('instType %s is no contract', margin.answer_text(s, 'instType'))) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."okx.instruments"(jsonb) IS
'OKX, GET /api/v5/public/instruments: contracts of type SWAP and FUTURES; inverse ones and others are ignored';

-- A tier of swaps names the family, BTC-USDT, for which the contract is BTC-USDT-SWAP.
-- minSz may be the next size after maxSz of the tier before.
CREATE FUNCTION margin_internal."okx.position-tiers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', coalesce(nullif(margin.answer_text(s, 'instId', false), margin.answer_text(s, 'instFamily')), margin.answer_text(s, 'instFamily') || '-SWAP'), s.path,
           jsonb_build_object('lower_bound', margin.answer_number(s, 'minSz'), 'upper_bound', margin.answer_number(s, 'maxSz'), 'step', 1,
               'maintenance_rate', margin.answer_number(s, 'mmr'), 'initial_rate', margin.answer_number(s, 'imr'), 'method', 'whole', 'tier_unit', 'contracts')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."okx.position-tiers"(jsonb) IS
'OKX, GET /api/v5/public/position-tiers, instType SWAP, tdMode cross: maintenance and initial rates by contracts, the rate reached for all of a position';

-- details with an upper bound of "" have no end. disCcyEq is what the collateral up to
-- maxAmt counts as, in the currency; the figures of the documentations own example
-- (1000 for 20 at 0.98) do not add up.
CREATE FUNCTION margin_internal."okx.discount-rate-interest-free-quota"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'collateral_tier', margin.answer_text(s, 'ccy'), t.path, jsonb_build_object(
               'lower_bound', margin.answer_number(t, 'minAmt'), 'upper_bound', margin.answer_number(t, 'maxAmt', false), 'ratio', margin.answer_number(t, 'discountRate'),
               'summed', CASE WHEN margin.answer_number(t, 'maxAmt', false) IS NOT NULL THEN margin.answer_number(t, 'disCcyEq', false) END,
               'beyond', margin.answer_number(s, 'minDiscountRate', false), 'tier_unit', 'quantity')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s,
           margin.answer_nodes(s, 'details[*]') AS t;
END;
COMMENT ON FUNCTION margin_internal."okx.discount-rate-interest-free-quota"(jsonb) IS
'OKX, GET /api/v5/public/discount-rate-interest-free-quota: collateral ratios by quantity, checked against disCcyEq where it is told; beyond the last bound minDiscountRate';

CREATE FUNCTION margin_internal."okx.mark-price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'instId'), s.path, jsonb_build_object('price', margin.answer_number(s, 'markPx'), 'at', margin.answer_time(s, 'ts'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s
     WHERE margin.answer_text(s, 'instType') IN ('SWAP', 'FUTURES');
END;
COMMENT ON FUNCTION margin_internal."okx.mark-price"(jsonb) IS
'OKX, GET /api/v5/public/mark-price: mark prices of swaps and futures';

CREATE FUNCTION margin_internal."okx.index-tickers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'index_price', regexp_replace(margin.answer_text(s, 'instId'), '-USD$', ''), s.path, jsonb_build_object('price', margin.answer_number(s, 'idxPx'), 'at', margin.answer_time(s, 'ts'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s
     WHERE margin.answer_text(s, 'instId') ~ '-USD$';
END;
COMMENT ON FUNCTION margin_internal."okx.index-tickers"(jsonb) IS
'OKX, GET /api/v5/market/index-tickers, quoteCcy USD: index prices in USD';
