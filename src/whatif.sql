-- whatif: what an account would hold after a deposit, a withdrawal, a trade

CREATE FUNCTION margin.holding(symbol text, quantity numeric, entry_price numeric DEFAULT NULL, leverage numeric DEFAULT NULL)
RETURNS margin.portfolio
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin.portfolio(symbol, quantity, entry_price, leverage);
END;
COMMENT ON FUNCTION margin.holding(text, numeric, numeric, numeric) IS
'a portfolio of one holding, to be added: a balance in units of the asset (negative: a withdrawal or debt), or with an entry price in the settlement asset a lot in contracts (negative: short); nothing else than the aggregate portfolio(symbol, quantity, entry_price, leverage) over one row, with its errors: null symbol or quantity, NaN, infinity, a negative entry price, leverage <= 0 or without entry price; quantity 0 gives an empty portfolio (specification, section 1)';

CREATE FUNCTION margin.trade(
    portfolio margin.portfolio, market margin.market, contract text, quantity numeric, price numeric,
    leverage numeric DEFAULT NULL
) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_trade';
COMMENT ON FUNCTION margin.trade(margin.portfolio, margin.market, text, numeric, numeric, numeric) IS
'the portfolio after an execution: quantity in contracts, > 0 bought, < 0 sold, 0 changes nothing; price >= 0 in the settlement asset. It closes the opposite side first, at its average entry, and pays the profit of that, size * (price * closed - its entry cost) for a long side and the opposite for a short one, into the balance of the settlement asset; the rest opens a lot at price and leverage (null: none). Closing a whole side removes its cost and margin quantity exactly; closing a part removes cost * part / whole rounded at the 18th decimal against the realized profit (up for a long side, down for a short one) and leaves margin quantity * rest / whole rounded up at the 18th decimal, so that profit moves from unrealized to realized without any loss: traded at mark, no equity of an asset changes. Marks, fees and margin checks play no part. Null if any other argument than leverage is null; an error for a contract that the market does not know (42704), NaN, infinity, a negative price, leverage <= 0 (22023), or where the balance would have too many digits (22003) (specification, sections 1 and 3.1)';
