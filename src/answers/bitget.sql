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

-- ---------------------------------------------------------------------------
-- Accounts: "Futures", "Account", "Position", "Trade"
-- ---------------------------------------------------------------------------

-- Collateral of isolated positions is in accountEquity. crossedRiskRate is that of one
-- margin coin.
CREATE FUNCTION margin_internal."bitget.accounts"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'marginCoin'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'accountEquity') - coalesce(margin.answer_number(b, 'unrealizedPL', false), 0::numeric) - coalesce(margin.answer_number(b, 'isolatedMargin', false), 0::numeric))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'data[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'marginCoin'), '{"asset_equity": "accountEquity"}') AS f
     WHERE coalesce(margin.answer_number(b, 'isolatedMargin', false), 0::numeric) = 0::numeric
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, NULL, '{"margin_ratio": "crossedRiskRate"}') AS f
     WHERE jsonb_array_length(document -> 'data') = 1;
END;
COMMENT ON FUNCTION margin_internal."bitget.accounts"(jsonb) IS
'Bitget, GET /api/v2/mix/account/accounts: balances of futures accounts, without profit that is not realized and collateral of isolated positions';

CREATE FUNCTION margin_internal."bitget.all-position"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'marginMode') = 'isolated') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (margin.answer_text(p, 'marginMode') = 'isolated') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'holdSide', '{long}', '{short}', margin.answer_number(p, 'total')) * margin.answer_number(p, 'total'), 'entry_price', margin.answer_number(p, 'openPriceAvg'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unrealizedPL", "liquidation_price": "liquidationPrice"}') AS f
     WHERE NOT (margin.answer_text(p, 'marginMode') = 'isolated') AND margin.answer_number(p, 'total') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."bitget.all-position"(jsonb) IS
'Bitget, GET /api/v2/mix/position/all-position: positions in cross margin, their marks, profits and liquidation prices';

-- entrustedList is null where there are none. One page holds 100; endId does not say
-- whether there are more.
CREATE FUNCTION margin_internal."bitget.orders-pending"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{buy}', '{sell}') * (margin.answer_number(p, 'size') - coalesce(margin.answer_number(p, 'baseVolume', false), 0)), 'price', margin.answer_number(p, 'price'), 'leverage', margin.answer_number(p, 'leverage', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin_internal.answer_having(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data.entrustedList'), 'data.entrustedList[*]', jsonb_typeof(document #> '{data,entrustedList}') <> 'null') AS p,
           LATERAL (SELECT CASE WHEN lower(margin.answer_text(p, 'reduceOnly', false)) = 'yes' OR margin.answer_text(p, 'tradeSide', false) = 'close' THEN 'only reduces' WHEN margin.answer_text(p, 'marginMode', false) = 'isolated' THEN 'isolated: an account of its own' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document #> '{data,entrustedList}', 100) AS r;
END;
COMMENT ON FUNCTION margin_internal."bitget.orders-pending"(jsonb) IS
'Bitget, GET /api/v2/mix/order/orders-pending: open limit orders in cross margin; what only reduces is ignored';
