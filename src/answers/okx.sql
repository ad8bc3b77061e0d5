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
'OKX, GET /api/v5/public/discount-rate-interest-free-quota: collateral ratios by quantity, checked against disCcyEq where the answer has it; beyond the last bound minDiscountRate';

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

-- ---------------------------------------------------------------------------
-- Accounts: "Trading Account", "Trade"
-- ---------------------------------------------------------------------------

-- cashBal is taken for what the account has or, below 0, owes; the documentation of
-- liab does not say whether it is in there. mgnRatio is adjEq by what is required,
-- upside down from ours.
CREATE FUNCTION margin_internal."okx.balance"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'ccy'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'cashBal'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS a, margin.answer_nodes(a, 'details[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'data[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS a,
           margin.answer_figures(a, NULL, '{"net_asset_value": "totalEq", "equity": "adjEq", "unrealized_pnl": "upl", "initial_margin": "imr", "maintenance_margin": "mmr", "available_margin": "availEq", "equity_by_maintenance": "mgnRatio"}') AS f
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS a, margin.answer_nodes(a, 'details[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'ccy'), '{"asset_equity": "eq"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."okx.balance"(jsonb) IS
'OKX, GET /api/v5/account/balance: balances, and equity, requirements and ratio of an account in multi-currency margin';

-- pos is signed for posSide net, and positive for short.
CREATE FUNCTION margin_internal."okx.positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'mgnMode') = 'isolated') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'instId'), p.path,
           CASE WHEN (margin.answer_text(p, 'mgnMode') = 'isolated') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'posSide', '{long,net}', '{short}', margin.answer_number(p, 'pos')) * margin.answer_number(p, 'pos'), 'entry_price', margin.answer_number(p, 'avgPx', false), 'leverage', margin.answer_number(p, 'lever', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'instId'), '{"mark_price": "markPx", "unrealized_pnl": "upl", "liquidation_price": "liqPx", "maintenance_margin": "mmr", "position_initial_margin": "imr"}') AS f
     WHERE NOT (margin.answer_text(p, 'mgnMode') = 'isolated') AND margin.answer_number(p, 'pos') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."okx.positions"(jsonb) IS
'OKX, GET /api/v5/account/positions, instType SWAP and FUTURES: positions in cross margin, their marks, profits, requirements and liquidation prices';

CREATE FUNCTION margin_internal."okx.orders-pending"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'instId'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'ordId'), 'quantity', margin_internal.answer_sign(p, 'side', '{buy}', '{sell}') * (margin.answer_number(p, 'sz') - coalesce(margin.answer_number(p, 'accFillSz', false), 0)), 'price', margin.answer_number(p, 'px'), 'leverage', margin.answer_number(p, 'lever', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'ordId'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'tdMode', false) = 'isolated' THEN 'isolated: an account of its own' WHEN margin.answer_text(p, 'instType') NOT IN ('SWAP', 'FUTURES') THEN 'in no contract' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document -> 'data', 100) AS r;
END;
COMMENT ON FUNCTION margin_internal."okx.orders-pending"(jsonb) IS
'OKX, GET /api/v5/trade/orders-pending, instType SWAP and FUTURES: open orders in cross margin; what only reduces is ignored';
