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

-- ---------------------------------------------------------------------------
-- Accounts: "Futures"
-- ---------------------------------------------------------------------------

-- An answer is that of one settlement currency, so that no other balance is removed.
-- total is without profit that is not realized. The members of cross margin are there
-- for accounts in that mode only.
CREATE FUNCTION margin_internal."gate.accounts"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'currency'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'total'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS b
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, '[*]') AS b,
           margin.answer_figures(b, NULL, '{"unrealized_pnl": "unrealised_pnl", "maintenance_margin": "cross_maintenance_margin", "initial_margin": "cross_initial_margin", "available_margin": "cross_available"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."gate.accounts"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/accounts: the balance of a futures account in one settlement currency, and what is required where the answer tells it';

-- A leverage of 0 means cross margin, at cross_leverage_limit.
CREATE FUNCTION margin_internal."gate.positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_number(p, 'leverage') <> 0::numeric) THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'contract'), p.path,
           CASE WHEN (margin.answer_number(p, 'leverage') <> 0::numeric) THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'size'), 'entry_price', margin.answer_number(p, 'entry_price'), 'leverage', nullif(margin.answer_number(p, 'cross_leverage_limit', false), 0::numeric)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, '[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'contract'), '{"mark_price": "mark_price", "unrealized_pnl": "unrealised_pnl", "liquidation_price": "liq_price", "maintenance_margin": "maintenance_margin", "position_initial_margin": "initial_margin"}') AS f
     WHERE NOT (margin.answer_number(p, 'leverage') <> 0::numeric) AND margin.answer_number(p, 'size') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."gate.positions"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/positions: positions in cross margin, their marks, profits and liquidation prices';

CREATE FUNCTION margin_internal."gate.orders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'contract'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'id'), 'quantity', margin.answer_number(p, 'left'), 'price', margin.answer_number(p, 'price'), 'leverage', NULL::numeric)
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'id'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'is_reduce_only', false) = 'true' OR margin.answer_text(p, 'is_close', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'status', false) <> 'open' THEN 'no longer open' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document, 100) AS r;
END;
COMMENT ON FUNCTION margin_internal."gate.orders"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/orders, status open: open limit orders; what only reduces is ignored';
