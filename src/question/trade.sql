-- trade: what an account would hold after a deposit, a withdrawal, a trade

CREATE FUNCTION margin.portfolio_of(
    symbol text, quantity numeric, entry_price numeric DEFAULT NULL, leverage numeric DEFAULT NULL, kind margin.holding_kind DEFAULT NULL
) RETURNS margin.portfolio
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    -- over a book's rows the five-argument form is meant: its hints name a view of the book
    SELECT coalesce(margin.portfolio(symbol, quantity, entry_price, leverage) FILTER (WHERE kind IS NULL),
                    margin.portfolio(symbol, quantity, entry_price, leverage, kind) FILTER (WHERE kind IS NOT NULL));
END;
COMMENT ON FUNCTION margin.portfolio_of(text, numeric, numeric, numeric, margin.holding_kind) IS
'a portfolio of one holding, to add to another: a balance in units of the asset (negative: a withdrawal or debt), or with an entry price in the settlement asset a lot in contracts (negative: short); of kind order an open order in contracts at that limit price (negative: sells). Nulls and errors as of the aggregate portfolio(symbol, quantity, entry_price, leverage, kind)';

CREATE FUNCTION margin.trade(
    portfolio margin.portfolio, market margin.market, contract text, quantity numeric, price numeric,
    leverage numeric DEFAULT NULL
) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_trade';
COMMENT ON FUNCTION margin.trade(margin.portfolio, margin.market, text, numeric, numeric, numeric) IS
'the portfolio after an execution of quantity contracts (negative: sold) at price >= 0: closes the opposite side first, paying its profit into the settlement asset, then opens the rest at leverage; open orders stay as they are. The cost of a closed part is rounded against the profit. Null for null, except leverage; an error for an unknown contract';
