-- solve: at which price, and after which withdrawal, deposit or order, an account changes its level

CREATE FUNCTION margin.liquidation_range(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL,
    OUT lower numeric, OUT upper numeric
)
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_range';
COMMENT ON FUNCTION margin.liquidation_range(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'the nearest prices below and above the present one, multiples of tick > 0, at which the account is undercollateralized, all else unchanged: open orders stand, and beyond a price it may be safe again. Of a contract: marks in the settlement asset; linked: the index price of the base moves along. Of an asset => ...: index prices in USD, with which the marks of all contracts move as those of shock() that are linked, unrounded. Bounds of a doubtful price move with it. Null on a side where there is none; both null where the account has nothing that the price moves, where the asset has no price, or if unpriced; an error for an unknown symbol, or two; null for null';

CREATE FUNCTION margin.liquidation_price(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_price';
COMMENT ON FUNCTION margin.liquidation_price(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'the end of liquidation_range() nearer to the present price, of two equally near the lower one: the mark of a contract, in the settlement asset, or the index price of an asset => ..., in USD; null where there is none';

CREATE FUNCTION margin.bankruptcy_range(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL,
    OUT lower numeric, OUT upper numeric
)
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_bankruptcy_range';
COMMENT ON FUNCTION margin.bankruptcy_range(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'as liquidation_range(), for the prices at which equity <= 0';

CREATE FUNCTION margin.bankruptcy_price(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_bankruptcy_price';
COMMENT ON FUNCTION margin.bankruptcy_price(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'the end of bankruptcy_range() nearer to the present price, of two equally near the lower one: the mark of a contract, in the settlement asset, or the index price of an asset => ..., in USD; null where there is none';

CREATE FUNCTION margin.max_withdrawal(
    portfolio margin.portfolio, market margin.market, asset text,
    with_unrealized boolean DEFAULT true, step numeric DEFAULT 1e-8, debt boolean DEFAULT false
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_withdrawal';
COMMENT ON FUNCTION margin.max_withdrawal(margin.portfolio, margin.market, text, boolean, numeric, boolean) IS
'the largest multiple of step > 0, in units of the asset, that can be withdrawn so that the account still passes, open orders standing, at most max(0, asset equity); with debt more than that, what an asset with a price may be owed beyond it. Without unrealized: as if no unrealized gain counted. 0 if it does not pass now; null if unpriced; an error for an unknown asset; null for null';

CREATE FUNCTION margin.max_borrow(
    portfolio margin.portfolio, market margin.market, asset text, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_borrow';
COMMENT ON FUNCTION margin.max_borrow(margin.portfolio, margin.market, text, numeric) IS
'the largest multiple of step > 0, in units of the asset, by which the debt in it may grow so that the account still passes: what may be withdrawn beyond all that the account has of it, be it held or not. 0 if it does not pass without its own; null if unpriced or the asset has no price; an error for an unknown asset; null for null';

CREATE FUNCTION margin.min_deposit(
    portfolio margin.portfolio, market margin.market, asset text, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_min_deposit';
COMMENT ON FUNCTION margin.min_deposit(margin.portfolio, margin.market, text, numeric) IS
'the smallest multiple of step > 0, in units of the asset, whose deposit makes the account pass; 0 if it passes already. Null if no deposit of the asset suffices, and for an unpriced account; an error for an unknown asset; null for null';

CREATE FUNCTION margin.max_order(
    portfolio margin.portfolio, market margin.market, contract text, side margin.side,
    price numeric, leverage numeric DEFAULT NULL, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_order';
COMMENT ON FUNCTION margin.max_order(margin.portfolio, margin.market, text, margin.side, numeric, numeric, numeric) IS
'the largest order, in contracts, executed at once, after which the account passes, open orders standing: the opposite side is closed at price, then a multiple of step > 0 is opened at the worse of price and mark, at leverage (null: none). Less than the opposite side, a multiple of step, where a larger part of the closing would leave an account that passes failing. Null if there is no limit, if unpriced, and for null except leverage; an error for an unknown contract, price < 0';

CREATE FUNCTION margin.max_open_order(
    portfolio margin.portfolio, market margin.market, contract text, side margin.order_side,
    price numeric, leverage numeric DEFAULT NULL, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_open_order';
COMMENT ON FUNCTION margin.max_open_order(margin.portfolio, margin.market, text, margin.order_side, numeric, numeric, numeric) IS
'the largest open order, in contracts, a multiple of step > 0, that can be placed beside those that stand, at a limit price and leverage (null: none), so that the account passes with it, as with every smaller one. 0 if it does not pass now; null if there is no limit, if unpriced, and for null except leverage; an error for an unknown contract, price <= 0';

CREATE FUNCTION margin.buffer(portfolio margin.portfolio, market margin.market) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_buffer';
COMMENT ON FUNCTION margin.buffer(margin.portfolio, margin.market) IS
'how far all index and mark prices may move at once, each in its own worst direction, of a doubtful price both bounds by themselves, before the account, with its open orders, could be undercollateralized: a proven lower bound, a part of the price from 0 to 1, rounded down at 8 decimals. Null if undercollateralized or unpriced, and for null';
