-- prices: present prices in batches, and what they were
--
-- index_price and mark_price hold the present prices.  Triggers append each
-- price that is applied to a history, whether it came through set_prices() or
-- by hand; they run as the owner of the tables, so that who may set prices
-- needs no right on the history and cannot write there.

CREATE TABLE margin.index_price_history (
    asset        text NOT NULL,
    price        numeric,
    updated_at   timestamptz NOT NULL,
    forced       boolean NOT NULL,
    recorded_by  name NOT NULL DEFAULT margin.acting_user(),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX index_price_history_idx ON margin.index_price_history (asset, recorded_at);
COMMENT ON TABLE margin.index_price_history IS 'every index price that was applied or deleted, as far back as price_retention keeps them';
COMMENT ON COLUMN margin.index_price_history.asset IS 'the asset priced';
COMMENT ON COLUMN margin.index_price_history.price IS 'USD per unit of the asset; null: the price was deleted';
COMMENT ON COLUMN margin.index_price_history.updated_at IS 'when the price was observed';
COMMENT ON COLUMN margin.index_price_history.forced IS 'whether it replaced a price observed later: a correction';
COMMENT ON COLUMN margin.index_price_history.recorded_by IS 'the role that applied it';
COMMENT ON COLUMN margin.index_price_history.recorded_at IS 'when it was applied';
COMMENT ON INDEX margin.index_price_history_idx IS 'the price of an asset at a time';

CREATE TABLE margin.mark_price_history (
    contract     text NOT NULL,
    price        numeric,
    updated_at   timestamptz NOT NULL,
    forced       boolean NOT NULL,
    recorded_by  name NOT NULL DEFAULT margin.acting_user(),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX mark_price_history_idx ON margin.mark_price_history (contract, recorded_at);
COMMENT ON TABLE margin.mark_price_history IS 'every mark price that was applied or deleted, as far back as price_retention keeps them';
COMMENT ON COLUMN margin.mark_price_history.contract IS 'the contract priced';
COMMENT ON COLUMN margin.mark_price_history.price IS 'settlement asset per unit of the underlying; null: the price was deleted';
COMMENT ON COLUMN margin.mark_price_history.updated_at IS 'when the price was observed';
COMMENT ON COLUMN margin.mark_price_history.forced IS 'whether it replaced a price observed later: a correction';
COMMENT ON COLUMN margin.mark_price_history.recorded_by IS 'the role that applied it';
COMMENT ON COLUMN margin.mark_price_history.recorded_at IS 'when it was applied';
COMMENT ON INDEX margin.mark_price_history_idx IS 'the price of a contract at a time';

CREATE TABLE margin.price_retention (
    keep      interval NOT NULL,
    only_row  boolean NOT NULL DEFAULT true,
    CONSTRAINT price_retention_pkey PRIMARY KEY (only_row),
    CONSTRAINT price_retention_one_row CHECK (only_row),
    CONSTRAINT price_retention_keep_range CHECK (keep >= interval '0')
);
COMMENT ON TABLE margin.price_retention IS 'how long price histories go back, in at most one row; none: for ever';
COMMENT ON COLUMN margin.price_retention.keep IS 'prune_price_history() deletes what is not needed to tell the prices of any instant since then';
COMMENT ON COLUMN margin.price_retention.only_row IS 'true';
COMMENT ON CONSTRAINT price_retention_one_row ON margin.price_retention IS 'one setting for all';
COMMENT ON CONSTRAINT price_retention_keep_range ON margin.price_retention IS 'what is yet to come is not pruned';

ALTER TABLE margin.index_price_history OWNER TO @extowner@;
ALTER TABLE margin.mark_price_history OWNER TO @extowner@;
ALTER TABLE margin.price_retention OWNER TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('margin.index_price_history', '');
SELECT pg_catalog.pg_extension_config_dump('margin.mark_price_history', '');
SELECT pg_catalog.pg_extension_config_dump('margin.price_retention', '');

-- ---------------------------------------------------------------------------
-- Recording
--
-- A restore brings the histories along, and records nothing.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.price_record() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('INSERT INTO margin.%1$I (%2$I, price, updated_at, forced) ' || CASE TG_OP
        WHEN 'INSERT' THEN 'SELECT n.%2$I, n.price, n.updated_at, false FROM applied AS n'
        WHEN 'UPDATE' THEN
            -- a symbol that was renamed goes on under its new name
            'SELECT n.%2$I, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false)
               FROM applied AS n LEFT JOIN replaced AS o ON o.%2$I = n.%2$I
              WHERE (n.price, n.updated_at) IS DISTINCT FROM (o.price, o.updated_at)'
        WHEN 'DELETE' THEN 'SELECT o.%2$I, NULL, o.updated_at, false FROM replaced AS o'
        ELSE 'SELECT o.%2$I, NULL, o.updated_at, false FROM margin.%3$I AS o'
        END, TG_TABLE_NAME || '_history', TG_ARGV[0], TG_TABLE_NAME);
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.price_record() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.price_record() FROM PUBLIC;
COMMENT ON FUNCTION margin.price_record() IS 'trigger: appends the prices applied, and that a price was deleted, to their history; the argument names the key column';

CREATE TRIGGER index_price_record_insert AFTER INSERT ON margin.index_price
    REFERENCING NEW TABLE AS applied
    FOR EACH STATEMENT WHEN (NOT margin.is_restoring()) EXECUTE FUNCTION margin.price_record('asset');
CREATE TRIGGER index_price_record_update AFTER UPDATE ON margin.index_price
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT WHEN (NOT margin.is_restoring()) EXECUTE FUNCTION margin.price_record('asset');
CREATE TRIGGER index_price_record_delete AFTER DELETE ON margin.index_price
    REFERENCING OLD TABLE AS replaced
    FOR EACH STATEMENT EXECUTE FUNCTION margin.price_record('asset');
CREATE TRIGGER index_price_record_truncate BEFORE TRUNCATE ON margin.index_price
    FOR EACH STATEMENT EXECUTE FUNCTION margin.price_record('asset');
COMMENT ON TRIGGER index_price_record_insert ON margin.index_price IS 'each price applied is appended to the history';
COMMENT ON TRIGGER index_price_record_update ON margin.index_price IS 'each price applied is appended to the history';
COMMENT ON TRIGGER index_price_record_delete ON margin.index_price IS 'that there is no price any more is appended to the history';
COMMENT ON TRIGGER index_price_record_truncate ON margin.index_price IS 'that there is no price any more is appended to the history';
CREATE TRIGGER mark_price_record_insert AFTER INSERT ON margin.mark_price
    REFERENCING NEW TABLE AS applied
    FOR EACH STATEMENT WHEN (NOT margin.is_restoring()) EXECUTE FUNCTION margin.price_record('contract');
CREATE TRIGGER mark_price_record_update AFTER UPDATE ON margin.mark_price
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT WHEN (NOT margin.is_restoring()) EXECUTE FUNCTION margin.price_record('contract');
CREATE TRIGGER mark_price_record_delete AFTER DELETE ON margin.mark_price
    REFERENCING OLD TABLE AS replaced
    FOR EACH STATEMENT EXECUTE FUNCTION margin.price_record('contract');
CREATE TRIGGER mark_price_record_truncate BEFORE TRUNCATE ON margin.mark_price
    FOR EACH STATEMENT EXECUTE FUNCTION margin.price_record('contract');
COMMENT ON TRIGGER mark_price_record_insert ON margin.mark_price IS 'each price applied is appended to the history';
COMMENT ON TRIGGER mark_price_record_update ON margin.mark_price IS 'each price applied is appended to the history';
COMMENT ON TRIGGER mark_price_record_delete ON margin.mark_price IS 'that there is no price any more is appended to the history';
COMMENT ON TRIGGER mark_price_record_truncate ON margin.mark_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER index_price_history_append_only BEFORE UPDATE ON margin.index_price_history
    FOR EACH STATEMENT EXECUTE FUNCTION margin.journal_append_only();
CREATE TRIGGER mark_price_history_append_only BEFORE UPDATE ON margin.mark_price_history
    FOR EACH STATEMENT EXECUTE FUNCTION margin.journal_append_only();
COMMENT ON TRIGGER index_price_history_append_only ON margin.index_price_history IS 'what was applied is not rewritten, only pruned';
COMMENT ON TRIGGER mark_price_history_append_only ON margin.mark_price_history IS 'what was applied is not rewritten, only pruned';

CREATE FUNCTION margin.past_market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin.market(
        ARRAY(
            SELECT ROW(a.asset,
                       (SELECT CASE WHEN (least(as_of, clock_timestamp()) - h.updated_at > coalesce(ch.max_age, CASE WHEN ch.asset IS NULL THEN t.max_age END)) IS NOT TRUE
                                    THEN h.price END
                          FROM margin.index_price_history AS h
                         WHERE h.asset = a.asset AND h.recorded_at <= as_of
                         ORDER BY h.recorded_at DESC LIMIT 1),
                       a.tiers, a.basis, a.liability_weight, a.requirement_weight, a.liability_maintenance)::margin.asset_terms
              FROM margin.assets(parameters.m) AS a
              JOIN margin.asset AS t ON t.asset = a.asset
              LEFT JOIN LATERAL (SELECT c.asset, c.max_age FROM margin.asset_change AS c
                                  WHERE c.asset = a.asset AND c.valid_from <= as_of
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true),
        ARRAY(
            SELECT ROW(a.contract, a.settle_asset, a.base_asset, a.size,
                       (SELECT CASE WHEN (least(as_of, clock_timestamp()) - h.updated_at > coalesce(ch.max_age, CASE WHEN ch.contract IS NULL THEN t.max_age END)) IS NOT TRUE
                                    THEN h.price END
                          FROM margin.mark_price_history AS h
                         WHERE h.contract = a.contract AND h.recorded_at <= as_of
                         ORDER BY h.recorded_at DESC LIMIT 1),
                       a.maintenance, a.initial, a.netting, a.closing_fee)::margin.contract_terms
              FROM margin.contracts(parameters.m) AS a
              JOIN margin.contract AS t ON t.contract = a.contract
              LEFT JOIN LATERAL (SELECT c.contract, c.max_age FROM margin.contract_change AS c
                                  WHERE c.contract = a.contract AND c.valid_from <= as_of
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true),
        (SELECT l.margin_ratio FROM margin.levels(parameters.m) AS l WHERE l.level = 'warning'),
        (SELECT l.margin_ratio FROM margin.levels(parameters.m) AS l WHERE l.level = 'margin_call'),
        (SELECT l.margin_ratio FROM margin.levels(parameters.m) AS l WHERE l.level = 'liquidation'))
      FROM (SELECT margin.market(as_of) AS m OFFSET 0) AS parameters;
END;
COMMENT ON FUNCTION margin.past_market(timestamptz) IS 'the market of a past instant: the parameters valid then with the prices that stood then, from the price histories, those left out that were older than their max_age; as far back as price_retention lets the histories reach: before that there are no prices, and accounts are unpriced. A parameter edited in place instead of entered with a valid_from counts as it is now. Null for null';

CREATE FUNCTION margin.prune_price_history(keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    horizon timestamptz := now() - coalesce(keep, (SELECT r.keep FROM margin.price_retention AS r));
    pruned bigint;
BEGIN
    IF keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('prices cannot be kept for %s', keep);
    END IF;
    -- The price that stood at the horizon stays, however old.
    WITH index_price AS (
        DELETE FROM margin.index_price_history AS h
         WHERE h.recorded_at < horizon
           AND EXISTS (SELECT FROM margin.index_price_history AS later
                        WHERE later.asset = h.asset AND later.recorded_at > h.recorded_at AND later.recorded_at <= horizon)
        RETURNING 1
    ), mark_price AS (
        DELETE FROM margin.mark_price_history AS h
         WHERE h.recorded_at < horizon
           AND EXISTS (SELECT FROM margin.mark_price_history AS later
                        WHERE later.contract = h.contract AND later.recorded_at > h.recorded_at AND later.recorded_at <= horizon)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM index_price) + (SELECT count(*) FROM mark_price) INTO pruned;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION margin.prune_price_history(interval) IS 'deletes from the price histories what is not needed to tell the prices of any instant since keep ago, or for null since price_retention says (nothing where that is empty); returns how many rows; an error if keep is below 0';

-- ---------------------------------------------------------------------------
-- Setting prices
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.set_prices(
    assets text[], asset_prices numeric[], contracts text[] DEFAULT '{}', marks numeric[] DEFAULT '{}',
    at timestamptz DEFAULT NULL, force boolean DEFAULT false, refresh boolean DEFAULT false, book name DEFAULT 'margin',
    OUT applied integer, OUT ignored integer, OUT level_changes integer
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    observed_at timestamptz := coalesce(at, clock_timestamp());
    batch record;
    flaw record;
    unknown text;
    done text[];
    changed_assets text[] := '{}';
    changed_contracts text[] := '{}';
BEGIN
    IF NOT isfinite(observed_at) OR observed_at > clock_timestamp() + interval '5 s' THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', observed_at),
            DETAIL = format('It is %s; clocks may differ by 5 s.', clock_timestamp());
    END IF;

    -- Everything is checked before anything is written; symbols are written in
    -- one order by everybody.
    FOR batch IN
        SELECT * FROM (VALUES ('asset', 'index_price', assets, asset_prices), ('contract', 'mark_price', contracts, marks))
                          AS b (kind, prices_of, symbols, prices)
    LOOP
        IF coalesce(cardinality(batch.symbols), 0) <> coalesce(cardinality(batch.prices), 0) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s %ss with %s prices', coalesce(cardinality(batch.symbols), 0), batch.kind,
                                 coalesce(cardinality(batch.prices), 0));
        END IF;
        SELECT g.* INTO flaw
          FROM unnest(batch.symbols, batch.prices) WITH ORDINALITY AS g (symbol, price, n)
         WHERE g.symbol IS NULL OR (margin.is_amount(g.price) AND g.price > 0) IS NOT TRUE
         ORDER BY g.n LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = CASE WHEN flaw.symbol IS NULL OR flaw.price IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_parameter_value' END,
                MESSAGE = CASE WHEN flaw.symbol IS NULL THEN format('%s %s is null', batch.kind, flaw.n)
                               ELSE format('price of %s "%s" is %s', batch.kind, flaw.symbol,
                                           coalesce(regexp_replace(flaw.price::text, '^(.{60}).+$', '\1...'), 'null')) END,
                DETAIL = 'A price is above 0, finite, and has at most 1,000 digits on each side of the point.';
        END IF;
        SELECT g.symbol INTO flaw
          FROM unnest(batch.symbols) AS g (symbol)
         GROUP BY g.symbol HAVING count(*) > 1
         ORDER BY g.symbol COLLATE "C" LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('%s "%s" is given more than one price', batch.kind, flaw.symbol);
        END IF;
        EXECUTE format('
            SELECT string_agg(format(''"%%s"'', g.symbol), '', '' ORDER BY g.symbol COLLATE "C")
              FROM unnest($1) AS g (symbol)
             WHERE NOT EXISTS (SELECT FROM margin.%1$I AS k WHERE k.%1$I = g.symbol)', batch.kind)
           INTO unknown
          USING batch.symbols;
        IF unknown IS NOT NULL THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('unknown %ss: %s', batch.kind, unknown),
                HINT = format('A symbol has to be in margin.%I before it has a price.', batch.kind);
        END IF;
    END LOOP;

    applied := 0;
    ignored := 0;
    FOR batch IN
        SELECT * FROM (VALUES ('asset', 'index_price', assets, asset_prices), ('contract', 'mark_price', contracts, marks))
                          AS b (kind, prices_of, symbols, prices)
    LOOP
        EXECUTE format('
            WITH applied AS (
                INSERT INTO margin.%2$I AS p (%1$I, price, updated_at)
                SELECT g.symbol, g.price, $3 FROM unnest($1, $2) AS g (symbol, price) ORDER BY g.symbol COLLATE "C"
                    ON CONFLICT (%1$I) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
                 WHERE (excluded.updated_at >= p.updated_at OR $4)
                   AND (excluded.price, excluded.updated_at) IS DISTINCT FROM (p.price, p.updated_at)
                RETURNING %1$I
            )
            SELECT coalesce(array_agg(%1$I), ''{}'') FROM applied', batch.kind, batch.prices_of)
           INTO done
          USING batch.symbols, batch.prices, observed_at, coalesce(force, false);
        applied := applied + cardinality(done);
        ignored := ignored + coalesce(cardinality(batch.symbols), 0) - cardinality(done);
        IF batch.kind = 'asset' THEN
            changed_assets := done;
        ELSE
            changed_contracts := done;
        END IF;
    END LOOP;

    IF refresh THEN
        level_changes := CASE WHEN applied = 0 THEN 0
                              ELSE margin.refresh_levels(book, changed_assets, changed_contracts, 'prices') END;
    END IF;
END
$$;
COMMENT ON FUNCTION margin.set_prices(text[], numeric[], text[], numeric[], timestamptz, boolean, boolean, name) IS
'sets index prices of assets (USD per unit) and mark prices of contracts (settlement asset per unit of the underlying) observed at an instant (null: the time of the call), and returns how many were applied and how many ignored: those observed before the stored one, unless forced, and those stored already; with refresh also how many levels of the book''s holders changed, else null; an error, and nothing set, for a price that is null, NaN, infinite or not above 0, arrays of different lengths, a symbol unknown or given twice, or an instant more than 5 s ahead';

CREATE FUNCTION margin.set_prices(
    prices json, force boolean DEFAULT false, refresh boolean DEFAULT false, book name DEFAULT 'margin',
    OUT applied integer, OUT ignored integer, OUT level_changes integer
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    flaw record;
    seen text[] := '{}';
    symbols text[];
    amounts numeric[];
    assets text[];
    asset_prices numeric[];
    contracts text[];
    marks numeric[];
    at timestamptz;
BEGIN
    IF json_typeof(prices) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN prices IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_text_representation' END,
            MESSAGE = format('prices are %s, not a JSON object', coalesce(json_typeof(prices), 'null')),
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
    -- json keeps repeated keys and all digits, which jsonb and a double do not.
    FOR part IN SELECT j.key, j.value, json_typeof(j.value) AS type FROM json_each(prices) AS j LOOP
        IF part.key = ANY (seen) OR part.key NOT IN ('assets', 'contracts', 'at')
           OR part.type <> (CASE part.key WHEN 'at' THEN 'string' ELSE 'object' END) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_text_representation',
                MESSAGE = CASE WHEN part.key = ANY (seen) THEN format('prices: key "%s" is repeated', part.key)
                               WHEN part.key NOT IN ('assets', 'contracts', 'at') THEN format('prices: unknown key "%s"', part.key)
                               ELSE format('prices: "%s" is of type %s', part.key, part.type) END,
                HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}, "at": "2026-01-01 00:00:00+00"}';
        END IF;
        seen := seen || part.key;
        IF part.key = 'at' THEN
            at := part.value #>> '{}';
            CONTINUE;
        END IF;
        SELECT j.key, json_typeof(j.value) AS type INTO flaw
          FROM json_each(part.value) AS j WHERE json_typeof(j.value) <> 'number' LIMIT 1;
        IF FOUND THEN
            RAISE EXCEPTION USING
                ERRCODE = 'invalid_text_representation',
                MESSAGE = format('prices: price of "%s" in "%s" is of type %s, not a number', flaw.key, part.key, flaw.type);
        END IF;
        SELECT array_agg(j.key), array_agg((j.value #>> '{}')::numeric) INTO symbols, amounts FROM json_each(part.value) AS j;
        IF part.key = 'assets' THEN
            assets := symbols;
            asset_prices := amounts;
        ELSE
            contracts := symbols;
            marks := amounts;
        END IF;
    END LOOP;
    SELECT s.* INTO applied, ignored, level_changes
      FROM margin.set_prices(assets, asset_prices, contracts, marks, at, force, refresh, book) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(json, boolean, boolean, name) IS
'the same of one JSON text, {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}, "at": "2026-01-01 00:00:00+00"}, each part optional; all digits count; repeated and unknown keys and prices that are no JSON number are errors';
