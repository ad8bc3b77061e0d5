-- portfolio.sql: netted holdings of one account, their aggregates and algebra

CREATE TYPE margin.side AS ENUM ('long', 'short');
COMMENT ON TYPE margin.side IS 'side of a position: long, bought contracts; short, sold ones';

CREATE TYPE margin.holding_kind AS ENUM ('balance', 'position', 'order');
COMMENT ON TYPE margin.holding_kind IS
'what a holding is: balance of an asset, position (a lot of a contract), or order (an open order in a contract)';

CREATE TYPE margin.portfolio;

CREATE FUNCTION margin.portfolio_in(cstring) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_in';
CREATE FUNCTION margin.portfolio_out(margin.portfolio) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_out';
CREATE FUNCTION margin.portfolio_recv(internal) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_recv';
CREATE FUNCTION margin.portfolio_send(margin.portfolio) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_send';
COMMENT ON FUNCTION margin.portfolio_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin.portfolio_out(margin.portfolio) IS 'I/O';
COMMENT ON FUNCTION margin.portfolio_recv(internal) IS 'I/O';
COMMENT ON FUNCTION margin.portfolio_send(margin.portfolio) IS 'I/O';

CREATE TYPE margin.portfolio (
    INPUT = margin.portfolio_in,
    OUTPUT = margin.portfolio_out,
    RECEIVE = margin.portfolio_recv,
    SEND = margin.portfolio_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);
COMMENT ON TYPE margin.portfolio IS
'netted holdings of one account: {"balances": {asset: quantity}, "orders": {contract: {"buy": {price: [quantity, margin]}, "sell": {...}}}, "positions": {contract: {long, long_cost, long_margin, short, short_cost, short_margin}}}';

CREATE FUNCTION margin.portfolio_add(margin.portfolio, margin.portfolio) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_add';
COMMENT ON FUNCTION margin.portfolio_add(margin.portfolio, margin.portfolio) IS 'implementation of + operator';
CREATE FUNCTION margin.portfolio_subtract(margin.portfolio, margin.portfolio) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_subtract';
COMMENT ON FUNCTION margin.portfolio_subtract(margin.portfolio, margin.portfolio) IS 'implementation of - operator';

CREATE OPERATOR margin.+ (
    LEFTARG = margin.portfolio, RIGHTARG = margin.portfolio,
    FUNCTION = margin.portfolio_add, COMMUTATOR = OPERATOR(margin.+)
);
COMMENT ON OPERATOR margin.+ (margin.portfolio, margin.portfolio) IS
'the holdings of both, as if all rows had been aggregated at once';
CREATE OPERATOR margin.- (
    LEFTARG = margin.portfolio, RIGHTARG = margin.portfolio,
    FUNCTION = margin.portfolio_subtract
);
COMMENT ON OPERATOR margin.- (margin.portfolio, margin.portfolio) IS
'the first without the second: (a + b) - b = a. Balances may become negative; taking away more of a position than is held is an error';

CREATE FUNCTION margin.without_orders(portfolio margin.portfolio) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_without_orders';
COMMENT ON FUNCTION margin.without_orders(margin.portfolio) IS 'the portfolio without its open orders; null for null';

CREATE FUNCTION margin.portfolio_accum(internal, asset text, quantity numeric) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_accum';
CREATE FUNCTION margin.portfolio_accum(internal, symbol text, quantity numeric, entry_price numeric, leverage numeric) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_accum';
CREATE FUNCTION margin.portfolio_accum(internal, symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_accum';
CREATE FUNCTION margin.portfolio_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_combine';
CREATE FUNCTION margin.portfolio_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_serialize';
CREATE FUNCTION margin.portfolio_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_deserialize';
CREATE FUNCTION margin.portfolio_final(internal) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_final';
COMMENT ON FUNCTION margin.portfolio_accum(internal, text, numeric) IS 'aggregate transition of portfolio(asset, quantity)';
COMMENT ON FUNCTION margin.portfolio_accum(internal, text, numeric, numeric, numeric) IS 'aggregate transition of portfolio(symbol, quantity, entry_price, leverage)';
COMMENT ON FUNCTION margin.portfolio_accum(internal, text, numeric, numeric, numeric, margin.holding_kind) IS 'aggregate transition of portfolio(symbol, quantity, entry_price, leverage, kind)';
COMMENT ON FUNCTION margin.portfolio_combine(internal, internal) IS 'aggregate combine of portfolio()';
COMMENT ON FUNCTION margin.portfolio_serialize(internal) IS 'aggregate serialize of portfolio()';
COMMENT ON FUNCTION margin.portfolio_deserialize(bytea, internal) IS 'aggregate deserialize of portfolio()';
COMMENT ON FUNCTION margin.portfolio_final(internal) IS 'aggregate final of portfolio()';

CREATE AGGREGATE margin.portfolio(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) (
    SFUNC = margin.portfolio_accum,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = margin.portfolio_final,
    COMBINEFUNC = margin.portfolio_combine,
    SERIALFUNC = margin.portfolio_serialize,
    DESERIALFUNC = margin.portfolio_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.portfolio(text, numeric, numeric, numeric, margin.holding_kind) IS
'nets holdings of the kind given: a balance must have neither entry price nor leverage, a position must have an entry price, an order its limit price, above 0. Kind null: as portfolio(symbol, quantity, entry_price, leverage), as is the rest';

CREATE AGGREGATE margin.portfolio(symbol text, quantity numeric, entry_price numeric, leverage numeric) (
    SFUNC = margin.portfolio_accum,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = margin.portfolio_final,
    COMBINEFUNC = margin.portfolio_combine,
    SERIALFUNC = margin.portfolio_serialize,
    DESERIALFUNC = margin.portfolio_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.portfolio(text, numeric, numeric, numeric) IS
'nets holdings: a balance in units of the asset, or with an entry price (settlement asset) a lot in contracts, negative short. Margin quantity |quantity| / leverage is rounded up at the 18th decimal. Null over no rows; an error for null symbol or quantity, NaN, entry price < 0, leverage <= 0 or of a balance';

CREATE AGGREGATE margin.portfolio(asset text, quantity numeric) (
    SFUNC = margin.portfolio_accum,
    STYPE = internal,
    SSPACE = 512,
    FINALFUNC = margin.portfolio_final,
    COMBINEFUNC = margin.portfolio_combine,
    SERIALFUNC = margin.portfolio_serialize,
    DESERIALFUNC = margin.portfolio_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.portfolio(text, numeric) IS
'nets balances in units of their asset; otherwise as portfolio(symbol, quantity, entry_price, leverage)';

CREATE AGGREGATE margin.rollup(margin.portfolio) (
    SFUNC = margin.portfolio_add,
    STYPE = margin.portfolio,
    COMBINEFUNC = margin.portfolio_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.rollup(margin.portfolio) IS
'sum of portfolios, for instance of sub-accounts, desks or shards; nulls are ignored; null over no rows';
