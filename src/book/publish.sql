-- publish: the present market of a venue written down as one row

CREATE FUNCTION margin_internal.market_until(venue anyelement, clock timestamptz) RETURNS timestamptz
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_until';
COMMENT ON FUNCTION margin_internal.market_until(anyelement, timestamptz) IS
'the first instant at which kept_market() of the same arguments would return another market though nobody writes anything; infinity: there is none; null: not known, since a table of prices is not as the venue''s script makes it';

CREATE FUNCTION margin_internal.checked_until(until timestamptz, venue regclass) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('it is not known how long the market of venue "%s" is valid', (SELECT c.relnamespace::regnamespace FROM pg_class AS c WHERE c.oid = venue)),
            DETAIL = 'Its table index_price or mark_price has columns of other types than the venue''s script gives it, or a table inherits from it.';
    END IF;
    RETURN until;
END
$$;
COMMENT ON FUNCTION margin_internal.checked_until(timestamptz, regclass) IS 'what market_until() returned; an error for null';

-- Whoever publishes waits for whoever else does, and reads after that what he has
-- written: so the last one publishes the prices of both.
CREATE FUNCTION margin_internal.publish_market(venue anyelement) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    anchor CONSTANT regclass := (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = pg_typeof(venue));
    clock timestamptz;
    ids regclass;
    last bigint;
    published bigint;
BEGIN
    PERFORM margin_internal.enter(anchor);
    -- of what was rolled back here, another server may have seen the id
    ids := pg_get_serial_sequence('published_market', 'id');
    DELETE FROM pending_publication AS p WHERE p.transaction = pg_current_xact_id();
    LOOP
        SELECT p.id INTO last FROM published_market AS p FOR NO KEY UPDATE;
        clock := clock_timestamp();
        IF FOUND THEN
            UPDATE published_market AS p
               SET id = greatest(nextval(ids), p.id + 1), at = clock, market = margin_internal.kept_market(venue, clock),
                   valid_until = least(margin_internal.checked_until(margin_internal.market_until(venue, clock), anchor),
                                       clock + (SELECT r.value::interval FROM venue_rule AS r WHERE r.rule = 'publish_for')),
                   release_ratios = release_ratios(), pausing_prices = pausing_prices(), scenarios = scenarios(), repayment_rules = repayment_rules()
            RETURNING p.id INTO published;
        ELSE
            INSERT INTO published_market AS p (id, at, market, valid_until, release_ratios, pausing_prices, scenarios, repayment_rules)
            VALUES (greatest(nextval(ids), (SELECT max(h.id) + 1 FROM published_market_history AS h)), clock, margin_internal.kept_market(venue, clock),
                    least(margin_internal.checked_until(margin_internal.market_until(venue, clock), anchor),
                          clock + (SELECT r.value::interval FROM venue_rule AS r WHERE r.rule = 'publish_for')),
                    release_ratios(), pausing_prices(), scenarios(), repayment_rules())
                ON CONFLICT DO NOTHING
            RETURNING p.id INTO published;
        END IF;
        -- null: another one was the first meanwhile
        EXIT WHEN published IS NOT NULL;
    END LOOP;
    RETURN published;
END
$$;
COMMENT ON FUNCTION margin_internal.publish_market(anyelement) IS
'publish_market() of the venue whose view planned_change has the row type of the argument';

CREATE FUNCTION margin_internal.published_id(venue anyelement, market margin.market) RETURNS bigint
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    IF to_regclass('published_market') IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT p.id FROM published_market AS p WHERE p.market OPERATOR(margin.=) published_id.market);
END
$$;
COMMENT ON FUNCTION margin_internal.published_id(anyelement, margin.market) IS
'the id under which a venue publishes that very market, null: another one, or none; the first argument is of the row type of its view planned_change';

CREATE FUNCTION margin_internal.market_id(market margin.market) RETURNS bigint
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_market_id';
COMMENT ON FUNCTION margin_internal.market_id(margin.market) IS
'the id of a market that market() of a venue or book returned in this session: of the publication that the book reads, or of the one by which the venue publishes that very market; null where it is not published';

CREATE FUNCTION margin.publish_market(venue name) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    RETURN publish_market();
END
$$;
COMMENT ON FUNCTION margin.publish_market(name) IS
'Writes the present market of a venue into its table published_market, at once, whether publishing is enabled or not, and returns the id, which grows with every publication. The caller needs USAGE on the venue and EXECUTE on its function publish_market(). Waits for others who publish until they commit.';

-- ---------------------------------------------------------------------------
-- Switching
-- ---------------------------------------------------------------------------

-- The functions of this room that name tables bare are called by those that
-- have entered the venue.
CREATE FUNCTION margin_internal.switch_publishing(prices boolean, edits boolean, history boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    switch record;
BEGIN
    FOR switch IN
        SELECT g.tgrelid::regclass AS relation, g.tgname AS name,
               CASE WHEN g.tgname = 'record' THEN history WHEN c.relname IN ('index_price', 'mark_price', 'held_price') THEN prices ELSE edits END AS wanted
          FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid
         WHERE c.relnamespace = (SELECT v.relnamespace FROM pg_class AS v WHERE v.oid = 'planned_change'::regclass)
           AND g.tgfoid IN ('request_publication()'::regprocedure, 'record_publication()'::regprocedure)
         ORDER BY c.relname COLLATE "C"
    LOOP
        EXECUTE format('ALTER TABLE %s %s TRIGGER %I', switch.relation, CASE WHEN switch.wanted THEN 'ENABLE' ELSE 'DISABLE' END, switch.name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.switch_publishing(boolean, boolean, boolean) IS 'switches the triggers by which a venue publishes its market on or off: those on prices, those on parameters, and that of the history';

CREATE FUNCTION margin.enable_publishing(venue name, edits boolean DEFAULT false, history boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.switch_publishing(true, coalesce(edits, false), coalesce(history, false));
    RETURN publish_market();
END
$$;
COMMENT ON FUNCTION margin.enable_publishing(name, boolean, boolean) IS
'From now on each transaction that writes prices of a venue, by set_prices() or by hand, publishes its market before it commits; with edits also one that edits anything else that the market is made of, and with history everything published is kept in published_market_history. Publishes at once and returns the id. For the owner of the tables; survives dump and restore.';

CREATE FUNCTION margin.disable_publishing(venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.switch_publishing(false, false, false);
    -- or whoever reads it would take it for the present one for ever
    UPDATE published_market AS p SET valid_until = least(p.valid_until, clock_timestamp());
END
$$;
COMMENT ON FUNCTION margin.disable_publishing(name) IS
'Prices of a venue are no longer published, and what was published last expires: books over it say so. For the owner of the tables.';
