-- binance: public answers of Binance's futures
--
-- After the USD-margined futures documentation, "Market Data" and "Account"
-- (leverageBracket).  Sizes are in units of the underlying, so a contract is one.

CREATE FUNCTION margin_internal."binance.exchangeInfo"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'marginAsset'), 'base', margin.answer_text(s, 'baseAsset'),
               'contract_size', coalesce(margin.answer_number(s, 'contractSize', false), 1),
               'payoff', CASE WHEN margin.answer_text(s, 'marginAsset') = margin.answer_text(s, 'baseAsset') THEN 'inverse' ELSE 'linear' END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), 'symbols[*]') AS s
    UNION ALL
    SELECT 'asset', margin.answer_text(a, 'asset'), a.path, '{}'
      FROM margin.answer_nodes(document, 'assets[*]', false) AS a;
END;
COMMENT ON FUNCTION margin_internal."binance.exchangeInfo"(jsonb) IS
'Binance, GET /fapi/v1/exchangeInfo: assets that serve as margin, and contracts; those margined in their own coin are ignored';

CREATE FUNCTION margin_internal."binance.leverageBracket"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), b.path, jsonb_build_object(
               'lower_bound', margin.answer_number(b, 'notionalFloor'), 'upper_bound', margin.answer_number(b, 'notionalCap'),
               'maintenance_rate', margin.answer_number(b, 'maintMarginRatio'), 'max_leverage', margin.answer_number(b, 'initialLeverage'),
               'deduction', margin.answer_number(b, 'cum'), 'method', 'marginal', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS s,
           margin.answer_nodes(s, 'brackets[*]') AS b;
END;
COMMENT ON FUNCTION margin_internal."binance.leverageBracket"(jsonb) IS
'Binance, GET /fapi/v1/leverageBracket: maintenance rates by notional, marginal, checked against cum; initial rates from the leverage allowed';

CREATE FUNCTION margin_internal."binance.premiumIndex"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'markPrice'), 'at', margin.answer_time(s, 'time'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."binance.premiumIndex"(jsonb) IS
'Binance, GET /fapi/v1/premiumIndex: mark prices. Its index prices are in the quote currency, not in USD; see binance.assetIndex';

-- A symbol here is an asset against USD: BTCUSD, USDTUSD.
CREATE FUNCTION margin_internal."binance.assetIndex"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'index_price', regexp_replace(margin.answer_text(s, 'symbol'), 'USD$', ''), s.path,
           jsonb_build_object('price', margin.answer_number(s, 'index'), 'at', margin.answer_time(s, 'time'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."binance.assetIndex"(jsonb) IS
'Binance, GET /fapi/v1/assetIndex: index prices in USD of the assets of Multi-Assets mode';
