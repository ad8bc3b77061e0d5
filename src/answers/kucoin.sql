-- kucoin: public answers of KuCoin's futures
--
-- After the API documentation, "Futures Trading", "Market Data".  Sizes are in
-- contracts (lots) of multiplier of the underlying each.

-- multiplier of an inverse contract is negative. Its coin XBT is everybody else's BTC.
CREATE FUNCTION margin_internal."kucoin.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'settleCurrency'), 'base', CASE margin.answer_text(s, 'baseCurrency') WHEN 'XBT' THEN 'BTC' ELSE margin.answer_text(s, 'baseCurrency') END, 'contract_size', abs(margin.answer_number(s, 'multiplier')),
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

-- ---------------------------------------------------------------------------
-- Accounts: "Account Info", "Positions", "Orders"
-- ---------------------------------------------------------------------------

-- One currency is not all balances: none is removed.
CREATE FUNCTION margin_internal."kucoin.account-overview"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'currency'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'accountEquity') - margin.answer_number(b, 'unrealisedPNL'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS b
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'currency'), '{"asset_equity": "accountEquity"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."kucoin.account-overview"(jsonb) IS
'KuCoin, GET /api/v1/account-overview: the balance of a futures account in one currency';

CREATE FUNCTION margin_internal."kucoin.positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'marginMode') = 'ISOLATED') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (margin.answer_text(p, 'marginMode') = 'ISOLATED') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'currentQty'), 'entry_price', margin.answer_number(p, 'avgEntryPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unrealisedPnl", "liquidation_price": "liquidationPrice"}') AS f
     WHERE NOT (margin.answer_text(p, 'marginMode') = 'ISOLATED') AND margin.answer_number(p, 'currentQty') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."kucoin.positions"(jsonb) IS
'KuCoin, GET /api/v1/positions: positions in cross margin, their marks, profits and liquidation prices';

CREATE FUNCTION margin_internal.kucoin_all_pages(document jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    data CONSTANT margin.answer_node := ('data', document -> 'data');
BEGIN
    IF margin.answer_number(data, 'totalPage', false) > margin.answer_number(data, 'currentPage') THEN
        PERFORM margin_internal.refuse_answer('data.totalPage', format('is %s and currentPage %s: there are more pages', data.value ->> 'totalPage', data.value ->> 'currentPage'),
                                              'Put the items of all pages into one document, that of the last page.');
    END IF;
    IF jsonb_typeof(data.value -> 'items') = 'array' AND margin.answer_number(data, 'totalNum', false) > jsonb_array_length(data.value -> 'items') THEN
        PERFORM margin_internal.refuse_answer('data.items', format('holds %s of %s orders', jsonb_array_length(data.value -> 'items'), data.value ->> 'totalNum'),
                                              'Put the items of all pages into one document, that of the last page.');
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin_internal.kucoin_all_pages(jsonb) IS 'the document, or an error (22023) where it is a page before the last, or holds fewer items than it says that there are';

-- Pages are numbered; a list of several has to be put into one.
CREATE FUNCTION margin_internal."kucoin.orders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'id'), 'quantity', margin_internal.answer_sign(p, 'side', '{buy}', '{sell}') * (margin.answer_number(p, 'size') - coalesce(margin.answer_number(p, 'filledSize', false), margin.answer_number(p, 'dealSize', false), 0)), 'price', margin.answer_number(p, 'price'), 'leverage', margin.answer_number(p, 'leverage', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'id'), o.why)) END
      FROM margin.answer_nodes(margin_internal.kucoin_all_pages(margin.answer_checked(document, 'code', '{200000}', 'msg')), 'data.items[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' OR margin.answer_text(p, 'closeOrder', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'isActive', false) = 'false' THEN 'no longer open' WHEN margin.answer_text(p, 'marginMode', false) = 'ISOLATED' THEN 'isolated: an account of its own' END AS why) AS o
    UNION ALL
    SELECT 'complete', 'order', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."kucoin.orders"(jsonb) IS
'KuCoin, GET /api/v1/orders, status active: open limit orders in cross margin; what only reduces is ignored';
