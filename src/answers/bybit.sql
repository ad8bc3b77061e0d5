-- bybit: public answers of Bybit's version 5
--
-- After the V5 API documentation, "Market" and "Spot Margin Trade (UTA)".

CREATE FUNCTION margin_internal.bybit_checked(document jsonb, categories text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    checked CONSTANT jsonb := margin.answer_whole(margin.answer_checked(document, 'retCode', '{0}', 'retMsg'), 'result.nextPageCursor');
    category CONSTANT text := nullif(checked #>> '{result,category}', '');
BEGIN
    IF category <> ALL (categories) THEN
        PERFORM margin_internal.refuse_answer('result.category', format('is "%s", not %s', category, array_to_string(categories, ' or ')), 'Another category has other contracts, by names that may be the same.');
    END IF;
    RETURN checked;
END
$$;
COMMENT ON FUNCTION margin_internal.bybit_checked(jsonb, text[]) IS 'the document, or an error (22023): of the venue, for a page that has a next, or for a category that the answer names and that is not one of those given (null: any)';

-- Sizes are in units of the underlying, so a contract is one.
CREATE FUNCTION margin_internal."bybit.instruments-info"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN margin.answer_text(s, 'contractType', false) IS NULL THEN 'ignored' ELSE 'contract' END, margin.answer_text(s, 'symbol'), s.path,
           CASE WHEN margin.answer_text(s, 'contractType', false) IS NULL THEN jsonb_build_object('why', 'no contract: it has no contractType')
                ELSE jsonb_build_object('settle', margin.answer_text(s, 'settleCoin'), 'base', margin.answer_text(s, 'baseCoin'), 'contract_size', 1,
                                        'payoff', CASE WHEN margin.answer_text(s, 'contractType') ~ '^Linear' THEN 'linear' ELSE 'inverse' END) END
      FROM margin.answer_nodes(margin_internal.bybit_checked(document), 'result.list[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bybit.instruments-info"(jsonb) IS
'Bybit, GET /v5/market/instruments-info: contracts of category linear; others are ignored';

-- initialMargin is rounded; maxLeverage says the same exactly. The documentation shows
-- the rates of an inverse contract in per cent (0.5); those of linear ones are
-- fractions (0.005). A page may end within the tiers of a symbol.
CREATE FUNCTION margin_internal."bybit.risk-limit"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'upper_bound', margin.answer_number(s, 'riskLimitValue'), 'maintenance_rate', margin.answer_number(s, 'maintenanceMargin'),
               'max_leverage', margin.answer_number(s, 'maxLeverage'), 'deduction', margin.answer_number(s, 'mmDeduction', false),
               'method', 'marginal', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin_internal.bybit_checked(document), 'result.list[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bybit.risk-limit"(jsonb) IS
'Bybit, GET /v5/market/risk-limit, category linear: maintenance rates by notional, marginal, checked against mmDeduction where the answer has it; initial rates from the leverage allowed';

-- maxQty of the last tier is empty: it has no end.
CREATE FUNCTION margin_internal."bybit.tier-collateral-ratio"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'collateral_tier', margin.answer_text(s, 'currency'), t.path, jsonb_build_object(
               'lower_bound', margin.answer_number(t, 'minQty'), 'upper_bound', margin.answer_number(t, 'maxQty', false),
               'ratio', margin.answer_number(t, 'collateralRatio'), 'tier_unit', 'quantity')
      FROM margin.answer_nodes(margin.answer_checked(document, 'retCode', '{0}', 'retMsg'), 'result.list[*]') AS s,
           margin.answer_nodes(s, 'collateralRatioList[*]') AS t;
END;
COMMENT ON FUNCTION margin_internal."bybit.tier-collateral-ratio"(jsonb) IS
'Bybit, GET /v5/spot-margin-trade/collateral: collateral ratios by quantity';

-- usdIndexPrice is there for coins that count as collateral. One time is for all.
CREATE FUNCTION margin_internal."bybit.tickers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE margin.answer_text(r, 'category') WHEN 'linear' THEN 'mark_price' ELSE 'index_price' END,
           CASE margin.answer_text(r, 'category') WHEN 'linear' THEN margin.answer_text(s, 'symbol') ELSE regexp_replace(margin.answer_text(s, 'symbol'), 'USDT$', '') END,
           s.path, jsonb_build_object('price', margin.answer_number(s, CASE margin.answer_text(r, 'category') WHEN 'linear' THEN 'markPrice' ELSE 'usdIndexPrice' END),
                                      'at', margin.answer_time(('', document)::margin.answer_node, 'time'))
      FROM margin.answer_nodes(margin_internal.bybit_checked(document, '{linear,spot}'), 'result') AS r,
           margin.answer_nodes(r, 'list[*]') AS s
     WHERE CASE margin.answer_text(r, 'category') WHEN 'linear' THEN true
                WHEN 'spot' THEN margin.answer_text(s, 'symbol') ~ '.USDT$' AND margin.answer_text(s, 'usdIndexPrice', false) IS NOT NULL END;
END;
COMMENT ON FUNCTION margin_internal."bybit.tickers"(jsonb) IS
'Bybit, GET /v5/market/tickers: mark prices of category linear; of category spot the index prices in USD of the coins paired with USDT';

-- ---------------------------------------------------------------------------
-- Accounts: "Account", "Position", "Trade"
-- ---------------------------------------------------------------------------

-- walletBalance is negative where derivatives have made it so; what is borrowed for
-- spot is still in it. totalEquity is without collateral ratios, totalMarginBalance with.
CREATE FUNCTION margin_internal."bybit.wallet-balance"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'coin'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'walletBalance') - coalesce(margin.answer_number(b, 'spotBorrow', false), 0::numeric))
      FROM margin.answer_nodes(margin_internal.bybit_checked(document), 'result.list[*]') AS a, margin.answer_nodes(a, 'coin[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'result.list[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'result.list[*]') AS a,
           margin.answer_figures(a, NULL, '{"net_asset_value": "totalEquity", "equity": "totalMarginBalance", "unrealized_pnl": "totalPerpUPL", "initial_margin": "totalInitialMargin", "maintenance_margin": "totalMaintenanceMargin", "available_margin": "totalAvailableBalance", "margin_ratio": "accountMMRate"}') AS f
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'result.list[*]') AS a, margin.answer_nodes(a, 'coin[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'coin'), '{"asset_equity": "equity"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."bybit.wallet-balance"(jsonb) IS
'Bybit, GET /v5/account/wallet-balance, accountType UNIFIED: balances less what is borrowed for spot, and equity, requirements and rates of the account';

-- The answer is that of one settleCoin; those of several belong into one document. A
-- slot without a position has size 0 and no side.
CREATE FUNCTION margin_internal."bybit.position-list"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (coalesce(margin.answer_text(p, 'tradeMode', false), '0') = '1') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (coalesce(margin.answer_text(p, 'tradeMode', false), '0') = '1') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'side', '{Buy}', '{Sell}', margin.answer_number(p, 'size')) * margin.answer_number(p, 'size'), 'entry_price', margin.answer_number(p, 'avgPrice', false), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin_internal.bybit_checked(document, '{linear}'), 'result.list[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'result.list[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unrealisedPnl", "liquidation_price": "liqPrice", "maintenance_margin": "positionMM", "position_initial_margin": "positionIM"}') AS f
     WHERE NOT (coalesce(margin.answer_text(p, 'tradeMode', false), '0') = '1') AND margin.answer_number(p, 'size') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."bybit.position-list"(jsonb) IS
'Bybit, GET /v5/position/list, category linear, with all settleCoins: positions in cross margin, their marks, profits, requirements and liquidation prices';

CREATE FUNCTION margin_internal."bybit.order-realtime"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{Buy}', '{Sell}') * margin.answer_number(p, 'leavesQty'), 'price', margin.answer_number(p, 'price'), 'leverage', NULL::numeric)
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin_internal.bybit_checked(document, '{linear}'), 'result.list[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' OR margin.answer_text(p, 'closeOnTrigger', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'orderStatus') = 'Untriggered' THEN 'waits for a trigger' END AS why) AS o
    UNION ALL
    SELECT 'complete', 'order', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."bybit.order-realtime"(jsonb) IS
'Bybit, GET /v5/order/realtime, category linear: open limit orders; what only reduces and what waits for a trigger is ignored';
