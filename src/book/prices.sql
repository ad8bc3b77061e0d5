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
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION margin.prune_price_history(name, interval) IS
'deletes from the price histories of a venue what is not needed to tell the prices of any instant since keep ago, or for null since price_retention says (nothing where that is empty); returns how many rows; an error if keep is below 0';

-- ---------------------------------------------------------------------------
-- Setting prices
--
-- The functions of this room that name tables bare are called from
-- set_prices(), which has entered the venue.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.check_prices(kind text, symbols text[], prices numeric[], known text[]) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
AS $$
DECLARE
    flaw record;
BEGIN
    IF coalesce(cardinality(symbols), 0) <> coalesce(cardinality(prices), 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s %ss with %s prices', coalesce(cardinality(symbols), 0), kind, coalesce(cardinality(prices), 0));
    END IF;
    SELECT g.* INTO flaw
      FROM unnest(symbols, prices) WITH ORDINALITY AS g (symbol, price, n)
     WHERE g.symbol IS NULL OR (margin.is_amount(g.price) AND g.price > 0::numeric) IS NOT TRUE
     ORDER BY g.n LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN flaw.symbol IS NULL OR flaw.price IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
            MESSAGE = CASE WHEN flaw.symbol IS NULL THEN format('%s %s is null', kind, flaw.n)
                           ELSE format('price of %s "%s" is %s', kind, flaw.symbol,
                                       coalesce(regexp_replace(flaw.price::text, '^(.{60}).+$', '\1...'), 'null')) END,
            DETAIL = 'A price is above 0, finite, and has at most 1,000 digits on each side of the point.';
    END IF;
    SELECT g.symbol INTO flaw FROM unnest(symbols) AS g (symbol) GROUP BY g.symbol HAVING count(*) > 1 ORDER BY g.symbol COLLATE "C" LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s "%s" is given more than one price', kind, flaw.symbol);
    END IF;
    SELECT string_agg(format('"%s"', g.symbol), ', ' ORDER BY g.symbol COLLATE "C") AS symbols INTO flaw
      FROM unnest(symbols) AS g (symbol) WHERE g.symbol <> ALL (known);
    IF flaw.symbols IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('unknown %ss: %s', kind, flaw.symbols),
            HINT = format('A symbol has to be in the table %I of the venue before it has a price.', kind);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_prices(text, text[], numeric[], text[]) IS 'an error that names the first flaw of a batch of prices';

CREATE FUNCTION margin_internal.apply_index_prices(assets text[], prices numeric[], at timestamptz, force boolean) RETURNS text[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    done text[];
BEGIN
    -- in one order, which is everybody's
    WITH applied AS (
        INSERT INTO index_price AS p (asset, price, updated_at)
        SELECT g.symbol, g.price, at FROM unnest(assets, prices) AS g (symbol, price) ORDER BY g.symbol COLLATE "C"
            ON CONFLICT (asset) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
         WHERE (excluded.updated_at >= p.updated_at OR force)
           AND (excluded.price, excluded.updated_at) IS DISTINCT FROM (p.price, p.updated_at)
        RETURNING p.asset
    )
    SELECT coalesce(array_agg(a.asset), '{}') INTO done FROM applied AS a;
    RETURN done;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_index_prices(text[], numeric[], timestamptz, boolean) IS 'writes index prices that are new and not older than what is stored, or forced; returns their assets';

CREATE FUNCTION margin_internal.apply_mark_prices(contracts text[], prices numeric[], at timestamptz, force boolean) RETURNS text[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    done text[];
BEGIN
    WITH applied AS (
        INSERT INTO mark_price AS p (contract, price, updated_at)
        SELECT g.symbol, g.price, at FROM unnest(contracts, prices) AS g (symbol, price) ORDER BY g.symbol COLLATE "C"
            ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
         WHERE (excluded.updated_at >= p.updated_at OR force)
           AND (excluded.price, excluded.updated_at) IS DISTINCT FROM (p.price, p.updated_at)
        RETURNING p.contract
    )
    SELECT coalesce(array_agg(a.contract), '{}') INTO done FROM applied AS a;
    RETURN done;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_mark_prices(text[], numeric[], timestamptz, boolean) IS 'writes mark prices that are new and not older than what is stored, or forced; returns their contracts';

CREATE FUNCTION margin_internal.keeps_levels(book name) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN EXISTS (SELECT FROM margin.guarded_tables() AS t WHERE t.book = keeps_levels.book AND t.levels)
        OR EXISTS (SELECT FROM account_level);
END
$$;
COMMENT ON FUNCTION margin_internal.keeps_levels(name) IS 'whether writes refresh the levels of a book, or they have been refreshed before';

-- Code in a book's views runs as whoever refreshes it.  So a venue's prices
-- refresh only the books of owners who have the rights of the venue's owner
-- anyway, or whom he trusts.
CREATE FUNCTION margin_internal.refresh_books(venue name, assets text[], contracts text[], OUT level_changes integer, OUT not_refreshed text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
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
            IF margin_internal.keeps_levels(present.name) THEN
                level_changes := level_changes + margin.refresh_levels(present.name, assets, contracts, 'prices');
            END IF;
        EXCEPTION WHEN OTHERS THEN
            not_refreshed := not_refreshed || format('%s: %s', present.name, SQLERRM);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_books(name, text[], text[]) IS
'refreshes the levels of all books of a venue that keep levels, in order of their names; a book whose owner is not admitted, or whose refresh fails, is named with the reason';

CREATE FUNCTION margin.set_prices(
    venue name, assets text[], asset_prices numeric[], contracts text[] DEFAULT '{}', marks numeric[] DEFAULT '{}',
    at timestamptz DEFAULT NULL, force boolean DEFAULT false, refresh boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    observed_at CONSTANT timestamptz := coalesce(at, clock_timestamp());
    changed_assets text[];
    changed_contracts text[];
BEGIN
    IF NOT isfinite(observed_at) OR observed_at > clock_timestamp() + interval '5 s' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', observed_at),
            DETAIL = format('It is %s; clocks may differ by 5 s.', clock_timestamp());
    END IF;
    PERFORM margin_internal.enter_venue(venue);

    -- Everything is checked before anything is written.
    PERFORM margin_internal.check_prices('asset', assets, asset_prices, ARRAY(SELECT a.asset FROM asset AS a WHERE a.asset = ANY (assets)));
    PERFORM margin_internal.check_prices('contract', contracts, marks, ARRAY(SELECT c.contract FROM contract AS c WHERE c.contract = ANY (contracts)));
    changed_assets := margin_internal.apply_index_prices(assets, asset_prices, observed_at, coalesce(force, false));
    changed_contracts := margin_internal.apply_mark_prices(contracts, marks, observed_at, coalesce(force, false));
    applied := cardinality(changed_assets) + cardinality(changed_contracts);
    ignored := coalesce(cardinality(assets), 0) + coalesce(cardinality(contracts), 0) - applied;

    IF refresh AND applied = 0 THEN
        level_changes := 0;
    ELSIF refresh THEN
        SELECT r.level_changes, r.not_refreshed INTO level_changes, not_refreshed
          FROM margin_internal.refresh_books(venue, changed_assets, changed_contracts) AS r;
    END IF;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, text[], numeric[], text[], numeric[], timestamptz, boolean, boolean) IS
'sets index prices (USD per unit) and mark prices (settlement asset per unit of the underlying) observed at an instant (null: now). applied; ignored: older than the stored one unless forced, or stored already; with refresh level_changes of its books, and which books could not be refreshed. An error, and nothing set, for a price not above 0, an unknown or repeated symbol, or an instant more than 5 s ahead';

CREATE FUNCTION margin_internal.check_price_part(key text, value json, seen text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flaw record;
BEGIN
    IF key = ANY (seen) OR key NOT IN ('assets', 'contracts', 'at') OR json_typeof(value) <> (CASE key WHEN 'at' THEN 'string' ELSE 'object' END) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_text_representation',
            MESSAGE = CASE WHEN key = ANY (seen) THEN format('prices: key "%s" is repeated', key)
                           WHEN key NOT IN ('assets', 'contracts', 'at') THEN format('prices: unknown key "%s"', key)
                           ELSE format('prices: "%s" is of type %s', key, json_typeof(value)) END,
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
    IF key <> 'at' THEN
        SELECT j.key, json_typeof(j.value) AS type INTO flaw FROM json_each(value) AS j WHERE json_typeof(j.value) <> 'number' LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'invalid_text_representation',
                MESSAGE = format('prices: price of "%s" in "%s" is of type %s, not a number', flaw.key, key, flaw.type);
        END IF;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_price_part(text, json, text[]) IS 'an error unless a member of a JSON text of prices is one that set_prices() knows, given once, and holds numbers';

CREATE FUNCTION margin.set_prices(
    venue name, prices json, force boolean DEFAULT false, refresh boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    seen text[] := '{}';
    assets record;
    contracts record;
    at timestamptz;
BEGIN
    IF json_typeof(prices) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN prices IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_text_representation' END,
            MESSAGE = format('prices are %s, not a JSON object', coalesce(json_typeof(prices), 'null')),
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
    -- json keeps repeated keys and all digits, which jsonb and a double do not.
    FOR part IN SELECT j.key, j.value FROM json_each(prices) AS j LOOP
        PERFORM margin_internal.check_price_part(part.key, part.value, seen);
        seen := seen || part.key;
    END LOOP;
    at := prices ->> 'at';
    SELECT array_agg(j.key) AS symbols, array_agg((j.value #>> '{}')::numeric) AS prices INTO assets FROM json_each(prices -> 'assets') AS j;
    SELECT array_agg(j.key) AS symbols, array_agg((j.value #>> '{}')::numeric) AS prices INTO contracts FROM json_each(prices -> 'contracts') AS j;
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed
      FROM margin.set_prices(venue, assets.symbols, assets.prices, contracts.symbols, contracts.prices, at, force, refresh) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, json, boolean, boolean) IS
'the same of one JSON text, {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}, "at": "2026-01-01 00:00:00+00"}, each part optional; all digits count; repeated and unknown keys and prices that are no JSON number are errors';
