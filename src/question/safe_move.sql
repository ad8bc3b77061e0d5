-- safe_move: how far prices may move with a level unchanged, and the level that is to be kept now

CREATE FUNCTION margin.safe_move(portfolio margin.portfolio, market margin.market, level margin.level, release_ratios numeric[])
RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'margin_safe_move';
COMMENT ON FUNCTION margin.safe_move(margin.portfolio, margin.market, margin.level, numeric[]) IS
'how far all index and mark prices may move, each its own way (low and high by themselves where they differ), with the kept level proven to stay what is given, release ratios and open orders included: a part of the price from 0 to 1, rounded down at 8 decimals, a lower bound. '
'0 where the present market would already change it; null if unpriced, and for null but release_ratios: null, or a null one of them (of warning, margin_call, liquidation), holds nothing; an error unless they are three';

CREATE FUNCTION margin_internal.kept_level(portfolio margin.portfolio, market margin.market, kept margin.level, release_ratios numeric[])
RETURNS margin.level
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'margin_kept_level';
COMMENT ON FUNCTION margin_internal.kept_level(margin.portfolio, margin.market, margin.level, numeric[]) IS
'the level to be kept now of an account kept so far at that one (null: never judged), as margin.held_level() over its valuation, exact; healthy for a null portfolio, of an account that holds nothing; null without market';

CREATE FUNCTION margin_internal.watch_account(portfolio margin.portfolio, market margin.market, kept margin.level, release_ratios numeric[],
    wanted double precision DEFAULT 0, OUT level margin.level, OUT room double precision, OUT mask bigint)
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'margin_watch_account';
COMMENT ON FUNCTION margin_internal.watch_account(margin.portfolio, margin.market, margin.level, numeric[], double precision) IS
'kept_level(), margin.safe_move() of that level (not above it, 0 where it is below what is wanted, null if unpriced), and one of 64 bits for each symbol it depends on: the number among the market''s assets, or theirs and then the contracts, in byte order, modulo 64; where an infinite room is wanted none is looked for. A null portfolio is that of an account that holds nothing: healthy, with all the room; all null without market';
