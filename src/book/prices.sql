-- prices: present prices set in batches, books refreshed with them, histories pruned

CREATE FUNCTION margin.prune_price_history(venue name, keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    horizon timestamptz;
    pruned bigint;
BEGIN
    IF keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('prices cannot be kept for %s', keep);
    END IF;
    PERFORM margin_internal.enter_venue(venue);
    horizon := now() - coalesce(keep, (SELECT r.keep FROM price_retention AS r));
    -- The price that stood at the horizon stays, however old.
    WITH index_price AS (
        DELETE FROM index_price_history AS h
         WHERE h.recorded_at < horizon
           AND EXISTS (SELECT FROM index_price_history AS later
                        WHERE later.asset = h.asset AND later.recorded_at > h.recorded_at AND later.recorded_at <= horizon)
        RETURNING 1
    ), mark_price AS (
        DELETE FROM mark_price_history AS h
         WHERE h.recorded_at < horizon
           AND EXISTS (SELECT FROM mark_price_history AS later
                        WHERE later.contract = h.contract AND later.recorded_at > h.recorded_at AND later.recorded_at <= horizon)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM index_price) + (SELECT count(*) FROM mark_price) INTO pruned;
    -- its size is asked first of a table on which whoever prunes may have no right
    IF pg_relation_size('published_market_history'::regclass) > 0 THEN
        WITH published_market AS (
            DELETE FROM published_market_history AS h
             WHERE h.at < horizon AND EXISTS (SELECT FROM published_market_history AS later WHERE later.id > h.id AND later.at <= horizon)
            RETURNING 1
        )
        SELECT pruned + count(*) INTO pruned FROM published_market;
    END IF;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION margin.prune_price_history(name, interval) IS
'deletes from the price histories of a venue, and from published_market_history, what is not needed to tell the prices of any instant since keep ago, or for null since price_retention says (nothing where that is empty); returns how many rows; an error if keep is below 0';

-- ---------------------------------------------------------------------------
-- Setting prices
--
-- The functions of this room that name tables bare are called from
-- set_prices(), which has entered the venue.
-- ---------------------------------------------------------------------------

-- As feeds write them: a number, or a text that is one.  Casts that cannot
-- fail are told by their look, since catching an error takes a subtransaction.
CREATE FUNCTION margin_internal.number_of(written text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF length(written) <= 1000 AND written ~* '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,3})? *$' THEN
        RETURN written::numeric;
    ELSIF written ~* '^ *(nan|[+-]?inf(inity)?) *$' THEN
        RETURN written::numeric;
    ELSIF written ~* '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)? *$' THEN
        BEGIN
            RETURN written::numeric;
        EXCEPTION WHEN numeric_value_out_of_range OR invalid_text_representation THEN
            RETURN 'NaN'::numeric;
        END;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.number_of(text) IS 'the number that a text writes in decimal digits; NaN for one that no numeric can hold, null where it is none';

CREATE FUNCTION margin_internal.given_prices(kind text, symbols text[], prices text[], known text[])
RETURNS TABLE (symbol text, price numeric, flaw text)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT g.symbol, g.price,
           kind || ' ' || coalesce(left(g.symbol, 255), 'number ' || g.n) || ': ' ||
           CASE WHEN g.symbol IS NULL THEN 'symbol is null'
                WHEN g.symbol <> ALL (known) THEN 'unknown'
                WHEN g.times > 1 THEN 'given more than one price'
                WHEN g.price IS NULL OR (margin.is_amount(g.price) AND g.price > 0::numeric) IS NOT TRUE
                THEN 'price is ' || coalesce(CASE WHEN length(g.written) > 60 THEN left(g.written, 60) || '...' ELSE g.written END, 'null')
                     || CASE WHEN g.price IS NULL AND g.written IS NOT NULL THEN ', not a number' ELSE '' END
           END
      FROM (SELECT u.symbol, u.written, u.n, margin_internal.number_of(u.written) AS price, count(*) OVER (PARTITION BY u.symbol) AS times
              FROM unnest(symbols, prices) WITH ORDINALITY AS u (symbol, written, n)) AS g
     ORDER BY g.n;
END;
COMMENT ON FUNCTION margin_internal.given_prices(text, text[], text[], text[]) IS 'a batch of prices as numbers, and for each that cannot be set a line that says why';

-- Bounds as texts, parallel to the symbols that were given; their prices are known
-- to be numbers.
CREATE FUNCTION margin_internal.given_bounds(symbols text[], lows text[], highs text[], good text[], prices numeric[])
RETURNS TABLE (symbol text, price numeric, low numeric, high numeric, flaw text)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT b.symbol, b.price, b.low, b.high,
           'asset ' || left(b.symbol, 255) || ': ' ||
           CASE WHEN b.low_written IS NOT NULL AND (margin.is_amount(b.low) AND b.low > 0::numeric AND b.low <= b.price) IS NOT TRUE
                THEN 'low is ' || left(b.low_written, 60) || CASE WHEN b.low IS NULL THEN ', not a number' WHEN b.low > b.price THEN ', above the price' ELSE '' END
                WHEN b.high_written IS NOT NULL AND (margin.is_amount(b.high) AND b.high >= b.price) IS NOT TRUE
                THEN 'high is ' || left(b.high_written, 60) || CASE WHEN b.high IS NULL THEN ', not a number' WHEN b.high < b.price THEN ', below the price' ELSE '' END
           END
      FROM (SELECT g.symbol, g.price, g.n, u.low AS low_written, u.high AS high_written,
                   margin_internal.number_of(u.low) AS low, margin_internal.number_of(u.high) AS high
              FROM unnest(good, prices) WITH ORDINALITY AS g (symbol, price, n)
              JOIN unnest(symbols, lows, highs) AS u (symbol, low, high) ON u.symbol = g.symbol) AS b
     ORDER BY b.n;
END;
COMMENT ON FUNCTION margin_internal.given_bounds(text[], text[], text[], text[], numeric[]) IS
'the prices of a batch that can be set, with their bounds (null: none), and for each whose bounds cannot be set a line that says why';

-- A price that was dated ahead by hand would stand in the way of all others
-- until then, so it counts for less than any that is of now or before.
CREATE FUNCTION margin_internal.apply_index_prices(
    assets text[], prices numeric[], lows numeric[], highs numeric[], at timestamptz, force boolean, OUT applied text[], OUT older text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    horizon CONSTANT timestamptz := clock_timestamp() + interval '5 s';
    ahead CONSTANT jsonb := (SELECT jsonb_object_agg(p.asset, p.updated_at) FROM index_price AS p WHERE p.asset = ANY (assets) AND p.updated_at > horizon);
    replaced record;
BEGIN
    -- in one order, which is everybody's
    WITH done AS (
        INSERT INTO index_price AS p (asset, price, updated_at, low, high)
        SELECT g.symbol, g.price, at, g.low, g.high FROM unnest(assets, prices, lows, highs) AS g (symbol, price, low, high) ORDER BY g.symbol COLLATE "C"
            ON CONFLICT (asset) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at, low = excluded.low, high = excluded.high
         WHERE (excluded.updated_at >= p.updated_at OR force OR p.updated_at > horizon)
           AND (excluded.price, excluded.updated_at, excluded.low, excluded.high) IS DISTINCT FROM (p.price, p.updated_at, p.low, p.high)
        RETURNING p.asset
    )
    SELECT coalesce(array_agg(d.asset), '{}') INTO applied FROM done AS d;
    -- The rows were locked, so they are what they were compared with.
    older := ARRAY(SELECT format('asset %s: older than the stored price of %s', p.asset, p.updated_at)
                     FROM unnest(assets, prices, lows, highs) WITH ORDINALITY AS g (symbol, price, low, high, n) JOIN index_price AS p ON p.asset = g.symbol
                    WHERE p.asset <> ALL (applied) AND (p.price, p.updated_at, p.low, p.high) IS DISTINCT FROM (g.price, at, g.low, g.high)
                    ORDER BY g.n);
    FOR replaced IN SELECT j.key, j.value FROM jsonb_each_text(ahead) AS j WHERE j.key = ANY (applied) LOOP
        RAISE WARNING USING MESSAGE = format('the price of asset "%s" was dated ahead, %s, and has been replaced by one of %s', replaced.key, replaced.value::timestamptz, at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_index_prices(text[], numeric[], numeric[], numeric[], timestamptz, boolean) IS
'writes index prices with their bounds that are new and not older than what is stored, or forced; a price stored as of the future gives way, with a warning. Their assets, and a line for each that is older';

CREATE FUNCTION margin_internal.apply_mark_prices(
    contracts text[], prices numeric[], at timestamptz, force boolean, OUT applied text[], OUT older text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    horizon CONSTANT timestamptz := clock_timestamp() + interval '5 s';
    ahead CONSTANT jsonb := (SELECT jsonb_object_agg(p.contract, p.updated_at) FROM mark_price AS p WHERE p.contract = ANY (contracts) AND p.updated_at > horizon);
    replaced record;
BEGIN
    WITH done AS (
        INSERT INTO mark_price AS p (contract, price, updated_at)
        SELECT g.symbol, g.price, at FROM unnest(contracts, prices) AS g (symbol, price) ORDER BY g.symbol COLLATE "C"
            ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
         WHERE (excluded.updated_at >= p.updated_at OR force OR p.updated_at > horizon)
           AND (excluded.price, excluded.updated_at) IS DISTINCT FROM (p.price, p.updated_at)
        RETURNING p.contract
    )
    SELECT coalesce(array_agg(d.contract), '{}') INTO applied FROM done AS d;
    older := ARRAY(SELECT format('contract %s: older than the stored price of %s', p.contract, p.updated_at)
                     FROM unnest(contracts, prices) WITH ORDINALITY AS g (symbol, price, n) JOIN mark_price AS p ON p.contract = g.symbol
                    WHERE p.contract <> ALL (applied) AND (p.price, p.updated_at) IS DISTINCT FROM (g.price, at)
                    ORDER BY g.n);
    FOR replaced IN SELECT j.key, j.value FROM jsonb_each_text(ahead) AS j WHERE j.key = ANY (applied) LOOP
        RAISE WARNING USING MESSAGE = format('the price of contract "%s" was dated ahead, %s, and has been replaced by one of %s', replaced.key, replaced.value::timestamptz, at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_mark_prices(text[], numeric[], timestamptz, boolean) IS
'writes mark prices that are new and not older than what is stored, or forced; a price stored as of the future gives way, with a warning. Their contracts, and a line for each that is older';

CREATE FUNCTION margin_internal.keeps_levels(book name) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN EXISTS (SELECT FROM account_level)
        OR EXISTS (SELECT FROM margin.guarded_tables() AS t WHERE t.book = keeps_levels.book AND t.levels);
END
$$;
COMMENT ON FUNCTION margin_internal.keeps_levels(name) IS 'whether writes refresh the levels of a book, or they have been refreshed before';

-- Shards know by themselves whether they keep levels; to ask for rows of them
-- would cost more than a refresh.
CREATE FUNCTION margin_internal.refresh_kept(book name) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.is_cluster(book) THEN
        RETURN (SELECT sum((a.result #>> '{}')::integer) FROM margin_internal.ask_shards(book, 'refresh_kept') AS a);
    ELSIF margin_internal.keeps_levels(book) THEN
        RETURN margin.refresh_levels(book, cause => 'prices');
    ELSE
        RETURN 0;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_kept(name) IS 'refreshes the levels of a book that keeps some, after prices; returns how many changed';

-- Code in a book's views runs as whoever refreshes it.  So a venue's prices
-- refresh only the books of owners who have the rights of the venue's owner
-- anyway, or whom he trusts.
CREATE FUNCTION margin_internal.refresh_books(venue name, OUT level_changes integer, OUT not_refreshed text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    -- what is refreshed by the market is told which that is
    IF EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = 'index_price'::regclass AND g.tgname = 'publish' AND g.tgenabled <> 'D') THEN
        SET CONSTRAINTS publish_market IMMEDIATE;
        SET CONSTRAINTS publish_market DEFERRED;
    END IF;
    level_changes := 0;
    FOR present IN
        SELECT b.name, pg_has_role(b.owner, v.owner, 'USAGE') OR EXISTS (SELECT FROM admitted_owner AS a WHERE a.owner = b.owner) AS trusted
          FROM margin_internal.schemas AS v JOIN margin_internal.schemas AS b ON b.venue_id = v.oid AND b.is_book
         WHERE v.name = refresh_books.venue
         ORDER BY b.name
    LOOP
        IF NOT present.trusted THEN
            not_refreshed := not_refreshed || format('%s: its owner is not admitted', present.name);
            CONTINUE;
        END IF;
        BEGIN
            level_changes := level_changes + margin_internal.refresh_kept(present.name);
        EXCEPTION WHEN OTHERS THEN
            not_refreshed := not_refreshed || format('%s: %s', present.name, SQLERRM);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_books(name) IS
'refreshes the levels of all books of a venue that keep levels, in order of their names; a book whose owner is not admitted, or whose refresh fails, is named with the reason';

CREATE FUNCTION margin_internal.apply_prices(
    venue name, assets text[], asset_prices text[], lows text[], highs text[], contracts text[], marks text[],
    at timestamptz, force boolean, refresh boolean, strict boolean,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    observed_at CONSTANT timestamptz := coalesce(at, clock_timestamp());
    given_assets record;
    given_contracts record;
    done_assets record;
    done_contracts record;
    doubted record;
BEGIN
    IF NOT isfinite(observed_at) OR observed_at > clock_timestamp() + interval '5 s' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', observed_at),
            DETAIL = format('It is %s; clocks may differ by 5 s.', clock_timestamp());
    END IF;
    IF coalesce(cardinality(assets), 0) <> coalesce(cardinality(asset_prices), 0) OR coalesce(cardinality(contracts), 0) <> coalesce(cardinality(marks), 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s assets with %s prices, %s contracts with %s prices', coalesce(cardinality(assets), 0), coalesce(cardinality(asset_prices), 0),
                             coalesce(cardinality(contracts), 0), coalesce(cardinality(marks), 0));
    END IF;
    PERFORM margin_internal.enter_venue(venue);

    -- Everything is checked before anything is written.
    SELECT coalesce(array_agg(g.symbol) FILTER (WHERE g.flaw IS NULL), '{}') AS symbols, array_agg(g.price) FILTER (WHERE g.flaw IS NULL) AS prices,
           NULL::numeric[] AS lows, NULL::numeric[] AS highs, coalesce(array_agg(g.flaw) FILTER (WHERE g.flaw IS NOT NULL), '{}') AS flaws
      INTO given_assets
      FROM margin_internal.given_prices('asset', assets, asset_prices, ARRAY(SELECT a.asset FROM asset AS a WHERE a.asset = ANY (assets))) AS g;
    IF lows IS NOT NULL THEN
        SELECT coalesce(array_agg(g.symbol) FILTER (WHERE g.flaw IS NULL), '{}') AS symbols, array_agg(g.price) FILTER (WHERE g.flaw IS NULL) AS prices,
               array_agg(g.low) FILTER (WHERE g.flaw IS NULL) AS lows, array_agg(g.high) FILTER (WHERE g.flaw IS NULL) AS highs,
               given_assets.flaws || coalesce(array_agg(g.flaw) FILTER (WHERE g.flaw IS NOT NULL), '{}') AS flaws
          INTO given_assets
          FROM margin_internal.given_bounds(assets, lows, highs, given_assets.symbols, given_assets.prices) AS g;
    END IF;
    SELECT coalesce(array_agg(g.symbol) FILTER (WHERE g.flaw IS NULL), '{}') AS symbols, array_agg(g.price) FILTER (WHERE g.flaw IS NULL) AS prices,
           coalesce(array_agg(g.flaw) FILTER (WHERE g.flaw IS NOT NULL), '{}') AS flaws
      INTO given_contracts
      FROM margin_internal.given_prices('contract', contracts, marks, ARRAY(SELECT c.contract FROM contract AS c WHERE c.contract = ANY (contracts))) AS g;
    rejected := given_assets.flaws || given_contracts.flaws;
    IF strict AND cardinality(rejected) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'prices are refused: ' || array_to_string(rejected[:3], '; ') || CASE WHEN cardinality(rejected) > 3 THEN format('; and %s more', cardinality(rejected) - 3) ELSE '' END,
            DETAIL = 'A symbol is in the table asset or contract of the venue, and given once. A price is above 0, finite, and has at most 1,000 digits on each side of the point; it lies between its low and high.';
    END IF;

    IF margin_internal.may_have_rows('price_check'::regclass) THEN
        SELECT array_agg(h.symbol) FILTER (WHERE h.kind = 'asset') AS assets, array_agg(h.symbol) FILTER (WHERE h.kind = 'contract') AS contracts,
               array_agg(format('%s %s: %s', h.kind, h.symbol, h.why) ORDER BY h.kind, h.symbol COLLATE "C") AS lines
          INTO doubted
          FROM hold_prices(given_assets.symbols, given_assets.prices, given_assets.lows, given_assets.highs,
                           given_contracts.symbols, given_contracts.prices, observed_at, coalesce(force, false)) AS h;
        held := doubted.lines;
        IF doubted.assets IS NOT NULL THEN
            SELECT coalesce(array_agg(g.symbol), '{}') AS symbols, array_agg(g.price) AS prices, array_agg(g.low) AS lows, array_agg(g.high) AS highs, given_assets.flaws AS flaws
              INTO given_assets
              FROM unnest(given_assets.symbols, given_assets.prices, given_assets.lows, given_assets.highs) AS g (symbol, price, low, high)
             WHERE g.symbol <> ALL (doubted.assets);
        END IF;
        IF doubted.contracts IS NOT NULL THEN
            SELECT coalesce(array_agg(g.symbol), '{}') AS symbols, array_agg(g.price) AS prices, given_contracts.flaws AS flaws
              INTO given_contracts
              FROM unnest(given_contracts.symbols, given_contracts.prices) AS g (symbol, price)
             WHERE g.symbol <> ALL (doubted.contracts);
        END IF;
    END IF;

    SELECT '{}'::text[] AS applied, '{}'::text[] AS older INTO done_assets;
    done_contracts := done_assets;
    IF given_assets.symbols <> '{}' THEN
        done_assets := margin_internal.apply_index_prices(given_assets.symbols, given_assets.prices, given_assets.lows, given_assets.highs, observed_at, coalesce(force, false));
    END IF;
    IF given_contracts.symbols <> '{}' THEN
        done_contracts := margin_internal.apply_mark_prices(given_contracts.symbols, given_contracts.prices, observed_at, coalesce(force, false));
    END IF;
    applied := cardinality(done_assets.applied) + cardinality(done_contracts.applied);
    ignored := coalesce(cardinality(assets), 0) + coalesce(cardinality(contracts), 0) - applied - coalesce(cardinality(held), 0);
    rejected := nullif(rejected || done_assets.older || done_contracts.older, '{}');

    IF refresh AND applied = 0 THEN
        level_changes := 0;
    ELSIF refresh THEN
        SELECT r.level_changes, r.not_refreshed INTO level_changes, not_refreshed
          FROM margin_internal.refresh_books(venue) AS r;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_prices(name, text[], text[], text[], text[], text[], text[], timestamptz, boolean, boolean, boolean) IS 'set_prices(), of prices as texts; lows null: no price has bounds';

CREATE FUNCTION margin.set_prices(
    venue name, assets text[], asset_prices numeric[], contracts text[] DEFAULT '{}', marks numeric[] DEFAULT '{}',
    at timestamptz DEFAULT NULL, force boolean DEFAULT false, refresh boolean DEFAULT false, strict boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed, rejected, held
      FROM margin_internal.apply_prices(venue, assets, asset_prices::text[], NULL, NULL, contracts, marks::text[], at, force, refresh, strict) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, text[], numeric[], text[], numeric[], timestamptz, boolean, boolean, boolean) IS
'sets index prices (USD per unit) and mark prices (settlement asset per unit of the underlying) observed at an instant (null: now): how many were applied, how many not, and rejected says which of those and why, unless they are stored already; held says which failed their price_check and why, which are in neither number and in held_price; with refresh also level_changes of the venue''s books, and which books could not be refreshed. An error, and nothing set, for arrays of different length, an instant more than 5 s ahead, and with strict for any price that cannot be set';

-- An untyped literal prefers text, so that those of arrays come here.  With no
-- function of text, whether '{BTC}' is an array or JSON could not be decided.
CREATE FUNCTION margin.set_prices(
    venue name, assets text, asset_prices text, contracts text DEFAULT '{}', marks text DEFAULT '{}',
    at timestamptz DEFAULT NULL, force boolean DEFAULT false, refresh boolean DEFAULT false, strict boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed, rejected, held
      FROM margin_internal.apply_prices(venue, assets::text[], asset_prices::text[], NULL, NULL, contracts::text[], marks::text[], at, force, refresh, strict) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, text, text, text, text, timestamptz, boolean, boolean, boolean) IS
'the same from array literals whose type is not said: set_prices(''desk'', ''{BTC}'', ''{68000}'')';

CREATE FUNCTION margin_internal.check_price_part(key text, value json, seen text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF key = ANY (seen) OR key NOT IN ('assets', 'contracts', 'at') OR json_typeof(value) <> ALL (CASE key WHEN 'at' THEN ARRAY['string', 'number'] ELSE ARRAY['object'] END) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_text_representation',
            MESSAGE = CASE WHEN key = ANY (seen) THEN format('prices: key "%s" is repeated', key)
                           WHEN key NOT IN ('assets', 'contracts', 'at') THEN format('prices: unknown key "%s"', key)
                           ELSE format('prices: "%s" is of type %s', key, json_typeof(value)) END,
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": "68010.5"}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_price_part(text, json, text[]) IS 'an error unless a member of a JSON text of prices is one that set_prices() knows, given once';

-- What is no object of just these keys stays a text, which is no number.
CREATE FUNCTION margin_internal.unpack_prices(prices json) RETURNS TABLE (symbol text, price text, low text, high text)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.key, CASE WHEN o.bounded THEN j.value ->> 'price' ELSE j.value #>> '{}' END,
           CASE WHEN o.bounded THEN j.value ->> 'low' END, CASE WHEN o.bounded THEN j.value ->> 'high' END
      FROM json_each(prices) AS j,
           LATERAL (SELECT CASE json_typeof(j.value) WHEN 'object' THEN
                           (SELECT count(*) = count(DISTINCT k) AND bool_and(k IN ('price', 'low', 'high')) AND bool_or(k = 'price') FROM json_object_keys(j.value) AS k)
                           ELSE false END AS bounded) AS o;
END;
COMMENT ON FUNCTION margin_internal.unpack_prices(json) IS 'index prices of a JSON text by symbol, each a number or text, or {"price": ..., "low": ..., "high": ...}, bounds optional';

CREATE FUNCTION margin_internal.instant_of(value json) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written CONSTANT text := value #>> '{}';
    since_1970 numeric;
BEGIN
    -- A text of fewer digits is a date: 20260101.
    IF json_typeof(value) = 'string' AND written !~ '^[0-9]{9,15}([.][0-9]{1,9})?$' THEN
        RETURN written::timestamptz;
    END IF;
    since_1970 := written;
    IF abs(since_1970) < 1e11 THEN
        since_1970 := 1000 * since_1970;
    ELSIF abs(since_1970) >= 1e14 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', left(written, 60)),
            DETAIL = 'A number means milliseconds since 1970, or seconds where it is below 100,000,000,000.';
    END IF;
    RETURN timestamptz '1970-01-01 00:00:00+00' + (1000 * since_1970)::double precision * interval '1 microsecond';
END
$$;
COMMENT ON FUNCTION margin_internal.instant_of(json) IS
'an instant as feeds write it: a timestamp, or a number of milliseconds since 1970 (of seconds where it is below 100,000,000,000), which may be a text of 9 to 15 digits';

CREATE FUNCTION margin.set_prices(
    venue name, prices json, force boolean DEFAULT false, refresh boolean DEFAULT false, strict boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    seen text[] := '{}';
    assets record;
    contracts record;
BEGIN
    IF json_typeof(prices) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN prices IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_text_representation' END,
            MESSAGE = format('prices are %s, not a JSON object', coalesce(json_typeof(prices), 'null')),
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": "68010.5"}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
    -- json keeps repeated keys and all digits, which jsonb and a double do not.
    FOR part IN SELECT j.key, j.value FROM json_each(prices) AS j LOOP
        PERFORM margin_internal.check_price_part(part.key, part.value, seen);
        seen := seen || part.key;
    END LOOP;
    IF strpos(substr(prices ->> 'assets', 2), '{') > 0 THEN
        SELECT array_agg(u.symbol) AS symbols, array_agg(u.price) AS prices, array_agg(u.low) AS lows, array_agg(u.high) AS highs
          INTO assets FROM margin_internal.unpack_prices(prices -> 'assets') AS u;
    ELSE
        SELECT array_agg(j.key) AS symbols, array_agg(j.value) AS prices, NULL::text[] AS lows, NULL::text[] AS highs
          INTO assets FROM json_each_text(prices -> 'assets') AS j;
    END IF;
    SELECT array_agg(j.key) AS symbols, array_agg(j.value) AS prices INTO contracts FROM json_each_text(prices -> 'contracts') AS j;
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed, rejected, held
      FROM margin_internal.apply_prices(venue, assets.symbols, assets.prices, assets.lows, assets.highs, contracts.symbols, contracts.prices,
                                        margin_internal.instant_of(prices -> 'at'),
                                        force, refresh, strict) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, json, boolean, boolean, boolean) IS
'the same of one JSON text, {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": "68010.5"}, "at": 1767225600000}, each part optional: prices are numbers or texts that are numbers, all digits count; an index price in doubt is {"price": 68000, "low": 67000, "high": 68500}, a price without removes its bounds; at is a timestamp, or milliseconds since 1970 (below 100,000,000,000 seconds). Repeated and unknown keys at the top are errors';

-- ---------------------------------------------------------------------------
-- Doubtful prices
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.unset_bounds() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_unset_bounds';
COMMENT ON FUNCTION margin_internal.unset_bounds() IS 'trigger before an UPDATE of index_price: low and high become null where the UPDATE does not name them';

-- An offer that would be ignored, as it is older or what is stored, is not in doubt.
-- The prices that a jump is measured from are those since the last one that
-- somebody confirmed: what came before that is no measure of what follows.
CREATE FUNCTION margin_internal.hold_prices(
    venue anyelement, assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamptz, force boolean
) RETURNS TABLE (kind text, symbol text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    clock CONSTANT timestamptz := clock_timestamp();
    wrong numeric;
BEGIN
    -- set_prices() has checked all this, but others may call it too
    IF (isfinite(hold_prices.at) AND hold_prices.at <= clock + interval '5 s') IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', coalesce(hold_prices.at::text, 'null')),
            DETAIL = format('It is %s; clocks may differ by 5 s.', clock);
    END IF;
    SELECT o.price INTO wrong
      FROM (SELECT a.price FROM unnest(hold_prices.assets, hold_prices.prices) AS a (symbol, price)
            UNION ALL
            SELECT m.price FROM unnest(hold_prices.contracts, hold_prices.marks) AS m (symbol, price)) AS o (price)
     WHERE (margin.is_amount(o.price) AND o.price > 0) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('no price is %s', coalesce(wrong::text, 'null')),
            HINT = 'Prices are finite numbers above 0, one for each symbol.';
    END IF;
    SELECT b.bound INTO wrong FROM unnest(hold_prices.lows || hold_prices.highs) AS b (bound)
     WHERE b.bound IS NOT NULL AND (margin.is_amount(b.bound) AND b.bound > 0) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('no price has a bound of %s', wrong),
            HINT = 'Bounds are finite numbers above 0, or null.';
    END IF;
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    IF NOT EXISTS (SELECT FROM price_check AS c WHERE c.symbol = ANY (CASE c.kind WHEN 'asset' THEN hold_prices.assets ELSE hold_prices.contracts END)) THEN
        RETURN;
    END IF;
    -- in the order in which they will be written
    PERFORM FROM index_price AS p WHERE p.asset = ANY (hold_prices.assets) ORDER BY p.asset COLLATE "C" FOR NO KEY UPDATE;
    PERFORM FROM mark_price AS p WHERE p.contract = ANY (hold_prices.contracts) ORDER BY p.contract COLLATE "C" FOR NO KEY UPDATE;
    RETURN QUERY
    WITH stored AS (
        SELECT 'asset' AS kind, p.asset AS symbol, p.price, p.low, p.high, p.updated_at FROM index_price AS p WHERE p.asset = ANY (hold_prices.assets)
        UNION ALL
        SELECT 'contract', p.contract, p.price, NULL, NULL, p.updated_at FROM mark_price AS p WHERE p.contract = ANY (hold_prices.contracts)
    ), offered AS MATERIALIZED (
        SELECT o.*, least(o.low, o.price) AS lowest, greatest(o.high, o.price) AS highest, s.price AS before, s.updated_at,
               c.floor, c.ceiling, c.max_jump, c.jump_window, c.max_deviation, c.reference_age,
               greatest(hold_prices.at - c.jump_window, (SELECT max(e.observed_at) FROM held_price_event AS e
                                                          WHERE e.kind = o.kind AND e.symbol = o.symbol AND e.event = 'applied')) AS since
          FROM (SELECT 'asset' AS kind, a.symbol, a.price, a.low, a.high
                  FROM unnest(hold_prices.assets, hold_prices.prices, hold_prices.lows, hold_prices.highs) AS a (symbol, price, low, high)
                UNION ALL
                SELECT 'contract', m.symbol, m.price, NULL, NULL FROM unnest(hold_prices.contracts, hold_prices.marks) AS m (symbol, price)) AS o
          JOIN price_check AS c ON c.kind = o.kind AND c.symbol = o.symbol
          LEFT JOIN stored AS s ON s.kind = o.kind AND s.symbol = o.symbol
         WHERE (s.updated_at IS NULL OR hold_prices.at >= s.updated_at OR hold_prices.force OR s.updated_at > clock + interval '5 s')
           AND (o.price, o.low, o.high, hold_prices.at) IS DISTINCT FROM (s.price, s.low, s.high, s.updated_at)
    ), judged AS (
        SELECT o.kind, o.symbol, o.price, o.low, o.high, concat_ws('; ',
                   CASE WHEN o.lowest < o.floor THEN format('%s %s is below the floor of %s', l.lowest, o.lowest, o.floor) END,
                   CASE WHEN o.highest > o.ceiling THEN format('%s %s is above the ceiling of %s', l.highest, o.highest, o.ceiling) END,
                   CASE WHEN o.lowest < b.highest * (1 - o.max_jump) THEN format('%s %s is more than %s below %s', l.lowest, o.lowest, o.max_jump, b.highest) || l.within END,
                   CASE WHEN o.highest > b.lowest * (1 + o.max_jump) THEN format('%s %s is more than %s above %s', l.highest, o.highest, o.max_jump, b.lowest) || l.within END,
                   CASE WHEN o.max_deviation IS NOT NULL AND r.opinions IS NULL THEN 'there is no reference price'
                        WHEN NOT r.agreed THEN format('price %s differs by more than %s from %s', o.price, o.max_deviation, r.opinions) END) AS why
          FROM offered AS o
         CROSS JOIN LATERAL (
                SELECT CASE WHEN o.lowest < o.price THEN 'low' ELSE 'price' END AS lowest, CASE WHEN o.highest > o.price THEN 'high' ELSE 'price' END AS highest,
                       coalesce(' within ' || o.jump_window, '') AS within) AS l
          LEFT JOIN LATERAL (
                SELECT min(b.price) AS lowest, max(b.price) AS highest
                  FROM (SELECT o.before WHERE o.jump_window IS NULL OR o.updated_at >= hold_prices.at - o.jump_window
                        UNION ALL
                        SELECT h.price FROM index_price_history AS h
                         WHERE o.kind = 'asset' AND h.asset = o.symbol AND h.recorded_at >= hold_prices.at - o.jump_window - interval '5 s' AND h.updated_at >= o.since
                        UNION ALL
                        SELECT h.price FROM mark_price_history AS h
                         WHERE o.kind = 'contract' AND h.contract = o.symbol AND h.recorded_at >= hold_prices.at - o.jump_window - interval '5 s' AND h.updated_at >= o.since
                       ) AS b (price)) AS b ON o.max_jump IS NOT NULL
          LEFT JOIN LATERAL (
                SELECT bool_or(abs(o.price - q.price) <= o.max_deviation * q.price) AS agreed, string_agg(q.source || ' ' || q.price, ', ' ORDER BY q.source) AS opinions
                  FROM reference_price AS q
                 WHERE q.kind = o.kind AND q.symbol = o.symbol AND (q.updated_at < hold_prices.at - o.reference_age) IS NOT TRUE
                   AND q.updated_at <= clock + interval '5 s') AS r ON o.max_deviation IS NOT NULL
    ), doubted AS (
        SELECT * FROM judged AS j WHERE j.why <> ''
    ), written AS (
        INSERT INTO held_price AS h (kind, symbol, price, low, high, why, observed_at, forced, offered_at, held_since)
        SELECT d.kind, d.symbol, d.price, d.low, d.high, d.why, hold_prices.at, coalesce(hold_prices.force, false), clock, clock FROM doubted AS d ORDER BY d.kind, d.symbol COLLATE "C"
            ON CONFLICT (kind, symbol) DO UPDATE
           SET price = excluded.price, low = excluded.low, high = excluded.high, why = excluded.why, observed_at = excluded.observed_at, forced = excluded.forced,
               offered_by = excluded.offered_by, offered_at = excluded.offered_at, offers = h.offers + 1
         WHERE excluded.observed_at >= h.observed_at
    )
    SELECT d.kind, d.symbol, d.why FROM doubted AS d;
END
$$;
COMMENT ON FUNCTION margin_internal.hold_prices(anyelement, text[], numeric[], numeric[], numeric[], text[], numeric[], timestamptz, boolean) IS
'hold_prices() of the venue whose view planned_change has the row type of the first argument: locks the prices that stand, enters offers that fail their check into held_price, and returns these and the reason of each. Each symbol is given once; an error (22023) for prices that are not finite and above 0, and for a time ahead';

CREATE FUNCTION margin_internal.nothing_held(kind text, symbol text) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'no_data_found',
        MESSAGE = format('no price of %s "%s" is held', kind, symbol),
        HINT = 'held_price of the venue lists those that are, held_price_event says what became of others.';
END
$$;
COMMENT ON FUNCTION margin_internal.nothing_held(text, text) IS 'the error that no price of an asset or contract is held, or no longer';

CREATE FUNCTION margin_internal.held_offer(kind text, symbol text) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    found_price record;
BEGIN
    IF kind IS NULL OR symbol IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s is null', CASE WHEN kind IS NULL THEN 'kind' ELSE 'symbol' END),
            HINT = 'A price is held of one asset or contract: ''asset'', ''BTC''.';
    ELSIF kind NOT IN ('asset', 'contract') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a price is of an asset or of a contract, not of %L', kind);
    END IF;
    -- whoever decides holds the price, as whoever offers one does
    IF kind = 'asset' THEN
        PERFORM FROM index_price AS p WHERE p.asset = held_offer.symbol FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM mark_price AS p WHERE p.contract = held_offer.symbol FOR NO KEY UPDATE;
    END IF;
    SELECT h.* INTO found_price FROM held_price AS h WHERE h.kind = held_offer.kind AND h.symbol = held_offer.symbol;
    IF NOT FOUND THEN
        PERFORM margin_internal.nothing_held(kind, symbol);
    END IF;
    RETURN found_price;
END
$$;
COMMENT ON FUNCTION margin_internal.held_offer(text, text) IS 'the row of held_price of an asset or contract, with the price that stands locked; an error if there is none';

CREATE FUNCTION margin_internal.check_held(held record, price numeric) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF price <> held.price THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the price of %s "%s" that is held is %s, not %s', held.kind, held.symbol, held.price, price),
            DETAIL = format('It was offered at %s: %s.', held.offered_at, held.why);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_held(record, numeric) IS 'an error if the price held is not the one that the caller means (null: whichever it is)';

CREATE FUNCTION margin.confirm_price(
    venue name, kind text, symbol text, price numeric DEFAULT NULL, refresh boolean DEFAULT false,
    OUT confirmed numeric, OUT level_changes integer, OUT not_refreshed text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    horizon CONSTANT timestamptz := clock_timestamp() + interval '5 s';
    held record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    held := margin_internal.held_offer(confirm_price.kind, confirm_price.symbol);
    PERFORM margin_internal.check_held(held, confirm_price.price);
    IF held.kind = 'asset' THEN
        INSERT INTO index_price AS p (asset, price, updated_at, low, high) VALUES (held.symbol, held.price, held.observed_at, held.low, held.high)
            ON CONFLICT (asset) DO UPDATE
           SET price = excluded.price, updated_at = excluded.updated_at, low = excluded.low, high = excluded.high
         WHERE p.updated_at <= excluded.updated_at OR held.forced OR p.updated_at > horizon;
    ELSE
        INSERT INTO mark_price AS p (contract, price, updated_at) VALUES (held.symbol, held.price, held.observed_at)
            ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
         WHERE p.updated_at <= excluded.updated_at OR held.forced OR p.updated_at > horizon;
    END IF;
    -- where there was no price to lock, a newer one may have come meanwhile
    IF NOT FOUND THEN
        PERFORM margin_internal.nothing_held(held.kind, held.symbol);
    END IF;
    confirmed := held.price;
    IF refresh THEN
        SELECT r.level_changes, r.not_refreshed INTO level_changes, not_refreshed FROM margin_internal.refresh_books(venue) AS r;
    END IF;
END
$$;
COMMENT ON FUNCTION margin.confirm_price(name, text, text, numeric, boolean) IS
'applies the price of an asset or contract that is held in a venue, as of when it was observed, with its bounds, whatever its price check says, and returns it; with refresh also what set_prices() says of the venue''s books. With a price: an error (55000) if another is held by now; P0002 if none is. Journaled in held_price_event. Whoever confirms may read held_price and write prices';

CREATE FUNCTION margin.drop_price(venue name, kind text, symbol text, price numeric DEFAULT NULL) RETURNS numeric
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    held := margin_internal.held_offer(drop_price.kind, drop_price.symbol);
    PERFORM margin_internal.check_held(held, drop_price.price);
    DELETE FROM held_price AS h WHERE h.kind = held.kind AND h.symbol = held.symbol AND h.price = held.price;
    IF NOT FOUND THEN
        PERFORM margin_internal.nothing_held(held.kind, held.symbol);
    END IF;
    RETURN held.price;
END
$$;
COMMENT ON FUNCTION margin.drop_price(name, text, text, numeric) IS
'drops the price of an asset or contract that is held in a venue and returns it; the price before stays in force. With a price: an error (55000) if another is held by now; P0002 if none is. Journaled in held_price_event. Whoever drops may delete from held_price and write prices';
