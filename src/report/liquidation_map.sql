-- liquidation_map: how a book would fare over a grid of moves of one price

CREATE FUNCTION margin_internal.map_moves(asset text, contract text, moves numeric[]) RETURNS margin.price_move[]
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice numeric;
BEGIN
    IF num_nonnulls(asset, contract) <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN asset IS NULL THEN 'neither an asset nor a contract is named'
                           ELSE format('both asset "%s" and contract "%s" are named', asset, contract) END,
            HINT = 'Write asset => ''BTC'', which takes the marks that follow it along, or contract => ''BTC_USDT'', whose mark moves alone.';
    END IF;
    IF moves IS NULL OR array_position(moves, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'moves must not be null';
    END IF;
    IF cardinality(moves) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there are no moves',
            HINT = 'A move of -0.2 is a fall of 20 %.';
    END IF;
    SELECT m INTO twice FROM unnest(moves) AS m GROUP BY m HAVING count(*) > 1 ORDER BY m LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('a move is given more than once: %s', twice);
    END IF;
    RETURN ARRAY(SELECT ROW(NULL, asset, contract, m, NULL)::margin.price_move FROM unnest(moves) WITH ORDINALITY AS u (m, n) ORDER BY n);
END
$$;
COMMENT ON FUNCTION margin_internal.map_moves(text, text, numeric[]) IS 'the moves of an asset or of a contract as rows of the aggregate liquidation_map(), in their order; an error unless one of the two is named, for null, for none, and for one given twice';

CREATE FUNCTION margin.liquidation_map(
    book name, asset text DEFAULT NULL, contract text DEFAULT NULL,
    moves numeric[] DEFAULT '{-0.5,-0.45,-0.4,-0.35,-0.3,-0.25,-0.2,-0.15,-0.1,-0.05,0,0.05,0.1,0.15,0.2,0.25,0.3,0.35,0.4,0.45,0.5}'
) RETURNS SETOF margin.liquidation_point
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 21
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows margin.price_move[];
    given margin.market;
BEGIN
    PERFORM margin_internal.enter_book(book);
    rows := margin_internal.map_moves(asset, contract, moves);
    given := venue_market();
    RETURN QUERY
        SELECT point.*
          FROM (SELECT margin_internal.liquidation_map(p.portfolio, given, rows) AS points FROM reported_portfolio AS p) AS map,
               -- null for a book without accounts
               unnest(coalesce(map.points, (SELECT margin_internal.liquidation_map(NULL, given, rows)))) AS point;
END
$$;
COMMENT ON FUNCTION margin.liquidation_map(name, text, text, numeric[]) IS
'what relative moves of one price, above -1, would make of all accounts of a book: a row for each, in their order. asset => ...: its index price, and marks as those of shock() that are linked; contract => ...: its mark alone. Amounts in USD, exact. An error for an unknown book or symbol, one without a price, unless one symbol is named, and for moves that are null, none, not finite, or given twice';
