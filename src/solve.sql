-- solve: inverse questions, pure functions of portfolio and market

CREATE FUNCTION margin.liquidation_range(
    portfolio margin.portfolio, market margin.market, contract text,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false,
    OUT lower numeric, OUT upper numeric
)
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_range';
COMMENT ON FUNCTION margin.liquidation_range(margin.portfolio, margin.market, text, numeric, boolean) IS
'the marks of a contract, in its settlement asset, at which the account is undercollateralized (level liquidation or bankrupt), everything else unchanged: the nearest multiples of tick > 0 below and above the present mark, null on a side where no positive one does it; both the present mark where the account is there already. Exact: one tick nearer to the present mark it is not. linked: the index price of the base asset moves along, to price * mark'' / mark, unrounded, unless the contract has no base, or one without price, or it is the settlement asset; other contracts keep their marks. Nulls for an account that has no position in the contract, as the empty one, or is unpriced; an error for a contract that the market does not know (42704) and for tick <= 0 (22023); null for null (specification, section 3.10)';

CREATE FUNCTION margin.liquidation_price(
    portfolio margin.portfolio, market margin.market, contract text,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_price';
COMMENT ON FUNCTION margin.liquidation_price(margin.portfolio, margin.market, text, numeric, boolean) IS
'the end of liquidation_range() that is nearer to the present mark, the lower one of two as near, in the settlement asset; null where there is none';

CREATE FUNCTION margin.bankruptcy_range(
    portfolio margin.portfolio, market margin.market, contract text,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false,
    OUT lower numeric, OUT upper numeric
)
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_bankruptcy_range';
COMMENT ON FUNCTION margin.bankruptcy_range(margin.portfolio, margin.market, text, numeric, boolean) IS
'as liquidation_range(), the marks at which nothing is left: equity <= 0';

CREATE FUNCTION margin.bankruptcy_price(
    portfolio margin.portfolio, market margin.market, contract text,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_bankruptcy_price';
COMMENT ON FUNCTION margin.bankruptcy_price(margin.portfolio, margin.market, text, numeric, boolean) IS
'the end of bankruptcy_range() that is nearer to the present mark, the lower one of two as near, in the settlement asset; null where there is none';

CREATE FUNCTION margin.max_withdrawal(
    portfolio margin.portfolio, market margin.market, asset text,
    with_unrealized boolean DEFAULT true, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_withdrawal';
COMMENT ON FUNCTION margin.max_withdrawal(margin.portfolio, margin.market, text, boolean, numeric) IS
'the largest multiple of step > 0, in units of the asset, after whose withdrawal the account passes, at most max(0, asset equity). Without unrealized gains the positive net profit in each settlement asset is first taken out of the account, so it is at most max(0, min(balance, asset equity)). 0 for an account that does not pass now, or has none of the asset, as the empty one; null for an unpriced account; an error for an asset that the market does not know (42704) and for step <= 0 (22023); null for null';

CREATE FUNCTION margin.cure(
    portfolio margin.portfolio, market margin.market, asset text, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_cure';
COMMENT ON FUNCTION margin.cure(margin.portfolio, margin.market, text, numeric) IS
'the smallest multiple of step > 0, in units of the asset, whose deposit makes the account pass: 0 if it passes, as the empty one does; null if no deposit of the asset can, because its tiers end at 0, it has none or no price, and for an unpriced account; an error for an asset that the market does not know (42704) and for step <= 0 (22023); null for null';

CREATE FUNCTION margin.max_order(
    portfolio margin.portfolio, market margin.market, contract text, side margin.side,
    price numeric, leverage numeric DEFAULT NULL, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_order';
COMMENT ON FUNCTION margin.max_order(margin.portfolio, margin.market, text, margin.side, numeric, numeric, numeric) IS
'the largest order, in contracts: all of the opposite side, closed at price (its profit paid into the settlement asset), plus the largest multiple of step > 0 with which, and with any less, the account passes, opened at leverage (null: none) and at the worse of price and mark, so that an unrealized gain does not carry it. Only the opposite side where the account does not pass after closing it. Null where any further size passes, for an account that is unpriced or would be with the contract, and for null other than leverage; an error for a contract that the market does not know (42704), price < 0, leverage <= 0 and step <= 0 (22023)';

CREATE FUNCTION margin.buffer(portfolio margin.portfolio, market margin.market) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_buffer';
COMMENT ON FUNCTION margin.buffer(margin.portfolio, margin.market) IS
'how far all index and mark prices may move at once, each by itself and in its own worst direction, with the account proven not to be undercollateralized: a part of the price, 0 to 1, rounded down at 8 decimals. A lower bound of what it can bear, sharp but for long positions, whose loss and whose requirement are taken at different ends. 1 for the empty account; null for an account that is undercollateralized or unpriced: nothing can be proven';
