-- liquidation_map: what moves of prices would make of all accounts together

CREATE TYPE margin.liquidation_point AS (
    move numeric,
    price numeric,
    accounts bigint,
    undercollateralized bigint,
    bankrupt bigint,
    unpriced bigint,
    notional jsonb,
    notional_usd numeric,
    long_usd numeric,
    shortfall numeric,
    loss numeric
);
COMMENT ON TYPE margin.liquidation_point IS 'what one move of a price would make of the accounts of a book; amounts in USD, exact, at the moved prices';
COMMENT ON COLUMN margin.liquidation_point.move IS 'change in proportion to the present price: -0.2 is a fall of 20 %';
COMMENT ON COLUMN margin.liquidation_point.price IS 'the moved price: the index price of the asset, USD, or the mark of the contract, in its settlement asset';
COMMENT ON COLUMN margin.liquidation_point.accounts IS 'how many accounts there are';
COMMENT ON COLUMN margin.liquidation_point.undercollateralized IS 'how many of them would be at liquidation or bankrupt';
COMMENT ON COLUMN margin.liquidation_point.bankrupt IS 'how many of these bankrupt';
COMMENT ON COLUMN margin.liquidation_point.unpriced IS 'how many cannot be valued, and so are in none of the sums';
COMMENT ON COLUMN margin.liquidation_point.notional IS
'positions of the undercollateralized by contract, both sides together, USD: {"BTC_USDT": 125000.5}; contracts without any are left out';
COMMENT ON COLUMN margin.liquidation_point.notional_usd IS 'sum of notional over all contracts, USD';
COMMENT ON COLUMN margin.liquidation_point.long_usd IS 'the part of notional_usd that is long, which a liquidation sells; it buys the rest';
COMMENT ON COLUMN margin.liquidation_point.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';
COMMENT ON COLUMN margin.liquidation_point.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0: what the house would carry';

CREATE FUNCTION margin_internal.liquidation_map_accum(internal, margin.portfolio, margin.market, margin.price_move[]) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_map_accum';
COMMENT ON FUNCTION margin_internal.liquidation_map_accum(internal, margin.portfolio, margin.market, margin.price_move[]) IS 'aggregate transition of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_combine';
COMMENT ON FUNCTION margin_internal.liquidation_map_combine(internal, internal) IS 'aggregate combine of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_serialize';
COMMENT ON FUNCTION margin_internal.liquidation_map_serialize(internal) IS 'aggregate serialize of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_deserialize';
COMMENT ON FUNCTION margin_internal.liquidation_map_deserialize(bytea, internal) IS 'aggregate deserialize of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_final(internal) RETURNS margin.liquidation_point[]
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_final';
COMMENT ON FUNCTION margin_internal.liquidation_map_final(internal) IS 'aggregate final of liquidation_map()';

CREATE AGGREGATE margin_internal.liquidation_map(portfolio margin.portfolio, market margin.market, moves margin.price_move[]) (
    SFUNC = margin_internal.liquidation_map_accum,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = margin_internal.liquidation_map_final,
    COMBINEFUNC = margin_internal.liquidation_map_combine,
    SERIALFUNC = margin_internal.liquidation_map_serialize,
    DESERIALFUNC = margin_internal.liquidation_map_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin_internal.liquidation_map(margin.portfolio, margin.market, margin.price_move[]) IS
'an element for each row of moves, in their order: all portfolios in the market with this one relative move of an asset, marks linked, or of a contract. Market and moves are those of the first row; a null portfolio is no account. An error for an unknown symbol, one without a price, a move that is not relative or not above -1, and where market or moves are null';
