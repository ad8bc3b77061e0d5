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

-- ---------------------------------------------------------------------------
-- Accounts: "Account/Trade Endpoints"
-- ---------------------------------------------------------------------------

-- Version 3 lists only positions that are held, without entry prices: those are in
-- positionRisk.
CREATE FUNCTION margin_internal."binance.account"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH account AS (SELECT n AS node FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '') AS n)
    SELECT 'balance', margin.answer_text(b, 'asset'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'crossWalletBalance'))
      FROM account AS a, margin.answer_nodes(a.node, 'assets[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}'
    UNION ALL
    SELECT CASE WHEN margin.answer_text(p, 'isolated', false) = 'true' THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN margin.answer_text(p, 'isolated', false) = 'true' THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'positionAmt'), 'entry_price', margin.answer_number(p, 'entryPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM account AS a, margin.answer_nodes(a.node, 'positions[*]', false) AS p
     WHERE p.value ? 'entryPrice' AND margin.answer_number(p, 'positionAmt') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}' WHERE document #> '{positions,0}' ? 'entryPrice'
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM account AS a, margin.answer_figures(a.node, NULL, '{"equity": "totalMarginBalance", "unrealized_pnl": "totalUnrealizedProfit", "initial_margin": "totalInitialMargin", "maintenance_margin": "totalMaintMargin", "available_margin": "availableBalance"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."binance.account"(jsonb) IS
'Binance, GET /fapi/v2/account or v3: balances of the cross wallet, what is required and available; positions where the answer has their entry price (v2)';

CREATE FUNCTION margin_internal."binance.positionRisk"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (coalesce(margin.answer_text(p, 'marginType', false) = 'isolated', coalesce(margin.answer_number(p, 'isolatedMargin', false), 0::numeric) <> 0::numeric)) THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (coalesce(margin.answer_text(p, 'marginType', false) = 'isolated', coalesce(margin.answer_number(p, 'isolatedMargin', false), 0::numeric) <> 0::numeric)) THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'positionAmt'), 'entry_price', margin.answer_number(p, 'entryPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, '[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unRealizedProfit", "liquidation_price": "liquidationPrice", "maintenance_margin": "maintMargin", "position_initial_margin": "positionInitialMargin"}') AS f
     WHERE NOT (coalesce(margin.answer_text(p, 'marginType', false) = 'isolated', coalesce(margin.answer_number(p, 'isolatedMargin', false), 0::numeric) <> 0::numeric)) AND margin.answer_number(p, 'positionAmt') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."binance.positionRisk"(jsonb) IS
'Binance, GET /fapi/v2/positionRisk or v3: positions in cross margin, their marks, profits and liquidation prices';

CREATE FUNCTION margin_internal."binance.openOrders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{BUY}', '{SELL}') * (margin.answer_number(p, 'origQty') - margin.answer_number(p, 'executedQty')), 'price', margin.answer_number(p, 'price'), 'leverage', NULL::numeric)
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' OR margin.answer_text(p, 'closePosition', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'type') ~ 'STOP|TAKE_PROFIT|TRAILING' THEN 'waits for a trigger' END AS why) AS o
    UNION ALL
    SELECT 'complete', 'order', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."binance.openOrders"(jsonb) IS
'Binance, GET /fapi/v1/openOrders: open limit orders; what only reduces and what waits for a trigger is ignored';
