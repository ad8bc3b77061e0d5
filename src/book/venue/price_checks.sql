-- price checks: what a price has to be like to be believed, and those that are held
--
-- set_prices() asks hold_prices(), which judges offers and writes held_price.  A
-- price written by hand is not judged.  Whoever writes a row of held_price has
-- locked the row of the price before: so nobody waits for another in a circle,
-- and the price that an offer is compared with stays until it is decided.

CREATE TABLE price_check (
    kind           text NOT NULL,
    symbol         text NOT NULL,
    floor          numeric,
    ceiling        numeric,
    max_jump       numeric,
    jump_window    interval,
    max_deviation  numeric,
    reference_age  interval,
    CONSTRAINT price_check_pkey PRIMARY KEY (kind, symbol),
    CONSTRAINT price_check_kind_known CHECK (kind IN ('asset', 'contract')),
    CONSTRAINT price_check_floor_positive CHECK (margin.is_amount(floor) AND floor > 0),
    CONSTRAINT price_check_ceiling_range CHECK (margin.is_amount(ceiling) AND ceiling > 0 AND (floor IS NULL OR ceiling >= floor)),
    CONSTRAINT price_check_max_jump_positive CHECK (margin.is_amount(max_jump) AND max_jump > 0),
    CONSTRAINT price_check_jump_window_range CHECK (jump_window IS NULL OR jump_window > interval '0' AND max_jump IS NOT NULL),
    CONSTRAINT price_check_max_deviation_range CHECK (margin.is_amount(max_deviation) AND max_deviation >= 0),
    CONSTRAINT price_check_reference_age_range CHECK (reference_age IS NULL OR reference_age > interval '0' AND max_deviation IS NOT NULL)
);
COMMENT ON TABLE price_check IS 'what margin.set_prices() believes of an asset or contract; offers that fail are held. Without a row, and where a column is NULL, anything is believed';
COMMENT ON COLUMN price_check.kind IS 'asset (its index price) or contract (its mark price)';
COMMENT ON COLUMN price_check.symbol IS 'the asset or contract';
COMMENT ON COLUMN price_check.floor IS 'neither the price nor its low is below this; in the unit of the price, above 0';
COMMENT ON COLUMN price_check.ceiling IS 'neither the price nor its high is above this; in the unit of the price, above 0';
COMMENT ON COLUMN price_check.max_jump IS 'how far the price and its bounds may be from the price before, as a fraction of that: 0.1 is 10 % up or down';
COMMENT ON COLUMN price_check.jump_window IS 'max_jump holds against every price observed within this time before the offer, and against none that is older; NULL: against the price before, however old, and no other';
COMMENT ON COLUMN price_check.max_deviation IS 'a second opinion: how far the price may be from a reference_price, as a fraction of that; one that agrees is enough, with none the offer is held';
COMMENT ON COLUMN price_check.reference_age IS 'a reference price observed longer ago than this before the offer is no opinion; NULL: they do not expire';
COMMENT ON CONSTRAINT price_check_kind_known ON price_check IS 'asset or contract';
COMMENT ON CONSTRAINT price_check_floor_positive ON price_check IS 'no price is 0 or below anyway';
COMMENT ON CONSTRAINT price_check_ceiling_range ON price_check IS 'something lies between floor and ceiling';
COMMENT ON CONSTRAINT price_check_max_jump_positive ON price_check IS 'a price that may not move at all is never set again';
COMMENT ON CONSTRAINT price_check_jump_window_range ON price_check IS 'a time above 0, of a jump';
COMMENT ON CONSTRAINT price_check_max_deviation_range ON price_check IS 'a deviation of 0 is the same price';
COMMENT ON CONSTRAINT price_check_reference_age_range ON price_check IS 'a time above 0, of an opinion';

CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON price_check
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('symbol');
COMMENT ON TRIGGER journal ON price_check IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON price_check
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('symbol');
COMMENT ON TRIGGER journal_truncate ON price_check IS 'every edit leaves a row in parameter_event';

CREATE TABLE reference_price (
    kind        text NOT NULL,
    symbol      text NOT NULL,
    source      text NOT NULL,
    price       numeric NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reference_price_pkey PRIMARY KEY (kind, symbol, source),
    CONSTRAINT reference_price_kind_known CHECK (kind IN ('asset', 'contract')),
    CONSTRAINT reference_price_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT reference_price_updated_at_finite CHECK (isfinite(updated_at))
);
COMMENT ON TABLE reference_price IS 'what other sources say of prices, for price_check.max_deviation; nothing is valued by them. Other feeds write here';
COMMENT ON COLUMN reference_price.kind IS 'asset (its index price) or contract (its mark price)';
COMMENT ON COLUMN reference_price.symbol IS 'the asset or contract';
COMMENT ON COLUMN reference_price.source IS 'who says so';
COMMENT ON COLUMN reference_price.price IS 'in the unit of the price; above 0';
COMMENT ON COLUMN reference_price.updated_at IS 'when it was observed; price_check.reference_age counts from here';
COMMENT ON CONSTRAINT reference_price_kind_known ON reference_price IS 'asset or contract';
COMMENT ON CONSTRAINT reference_price_price_positive ON reference_price IS 'no opinion is a missing row, not 0';
COMMENT ON CONSTRAINT reference_price_updated_at_finite ON reference_price IS 'an infinite time has no age';

CREATE TABLE held_price (
    kind         text NOT NULL,
    symbol       text NOT NULL,
    price        numeric NOT NULL,
    low          numeric,
    high         numeric,
    why          text NOT NULL,
    observed_at  timestamptz NOT NULL,
    forced       boolean NOT NULL DEFAULT false,
    offered_by   name NOT NULL DEFAULT margin.acting_user(),
    offered_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    held_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    offers       bigint NOT NULL DEFAULT 1,
    CONSTRAINT held_price_pkey PRIMARY KEY (kind, symbol)
);
COMMENT ON TABLE held_price IS 'prices offered that failed their price_check, the latest of each symbol, until margin.confirm_price() applies or margin.drop_price() drops it, or one that is not older is applied; the price before stays in force meanwhile';
COMMENT ON COLUMN held_price.kind IS 'asset (an index price) or contract (a mark price)';
COMMENT ON COLUMN held_price.symbol IS 'the asset or contract';
COMMENT ON COLUMN held_price.price IS 'the price offered';
COMMENT ON COLUMN held_price.low IS 'offered with it; null: none';
COMMENT ON COLUMN held_price.high IS 'offered with it; null: none';
COMMENT ON COLUMN held_price.why IS 'which checks it fails, in words';
COMMENT ON COLUMN held_price.observed_at IS 'when it was observed; updated_at of the price if it is confirmed';
COMMENT ON COLUMN held_price.forced IS 'whether it was offered as a correction that may replace a later one';
COMMENT ON COLUMN held_price.offered_by IS 'the role that offered it';
COMMENT ON COLUMN held_price.offered_at IS 'when it was offered';
COMMENT ON COLUMN held_price.held_since IS 'when the first of the offers was held that came without one between them that passed';
COMMENT ON COLUMN held_price.offers IS 'how many offers these were';

CREATE TABLE held_price_event (
    id           bigint GENERATED BY DEFAULT AS IDENTITY,
    event        text NOT NULL,
    kind         text NOT NULL,
    symbol       text NOT NULL,
    price        numeric NOT NULL,
    low          numeric,
    high         numeric,
    why          text NOT NULL,
    observed_at  timestamptz NOT NULL,
    offered_by   name NOT NULL,
    offers       bigint NOT NULL,
    acted_by     name NOT NULL DEFAULT margin.acting_user(),
    acted_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT held_price_event_pkey PRIMARY KEY (id)
);
CREATE INDEX held_price_event_symbol ON held_price_event (kind, symbol, acted_at);
COMMENT ON TABLE held_price_event IS 'journal of prices held and of what became of them; written by triggers, by nobody else';
COMMENT ON INDEX held_price_event_symbol IS 'the history of one symbol';
COMMENT ON COLUMN held_price_event.id IS 'in the order of the events';
COMMENT ON COLUMN held_price_event.event IS 'held; then applied (confirmed), dropped, or replaced (one that is not older was applied)';
COMMENT ON COLUMN held_price_event.kind IS 'asset or contract';
COMMENT ON COLUMN held_price_event.symbol IS 'the asset or contract';
COMMENT ON COLUMN held_price_event.price IS 'the price held: of held the first offer, of the others the last';
COMMENT ON COLUMN held_price_event.low IS 'offered with it; null: none';
COMMENT ON COLUMN held_price_event.high IS 'offered with it; null: none';
COMMENT ON COLUMN held_price_event.why IS 'which checks it failed';
COMMENT ON COLUMN held_price_event.observed_at IS 'when it was observed';
COMMENT ON COLUMN held_price_event.offered_by IS 'the role that offered it';
COMMENT ON COLUMN held_price_event.offers IS 'how many offers had been held by then';
COMMENT ON COLUMN held_price_event.acted_by IS 'the role that acted: whose offer was held, who confirmed or dropped it, whose price replaced it';
COMMENT ON COLUMN held_price_event.acted_at IS 'when';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON held_price_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON held_price_event IS 'what happened is not rewritten';

-- What became of a price that is no longer held, the price that stands tells.
CREATE FUNCTION record_held_price() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR held IN
        SELECT CASE WHEN TG_OP = 'INSERT' THEN 'held'
                    WHEN (p.price, p.low, p.high, p.updated_at) IS NOT DISTINCT FROM (h.price, h.low, h.high, h.observed_at) THEN 'applied'
                    -- a correction may be older than the price that stood when it was offered
                    WHEN p.updated_at >= CASE WHEN h.forced THEN h.offered_at ELSE h.observed_at END THEN 'replaced'
                    ELSE 'dropped' END AS event, h.*
          FROM (SELECT NEW.* WHERE TG_OP = 'INSERT' UNION ALL SELECT OLD.* WHERE TG_OP = 'DELETE' UNION ALL SELECT t.* FROM held_price AS t WHERE TG_OP = 'TRUNCATE') AS h
          LEFT JOIN (SELECT 'asset' AS kind, i.asset AS symbol, i.price, i.low, i.high, i.updated_at FROM index_price AS i
                     UNION ALL
                     SELECT 'contract', m.contract, m.price, NULL, NULL, m.updated_at FROM mark_price AS m) AS p ON p.kind = h.kind AND p.symbol = h.symbol
    LOOP
        INSERT INTO held_price_event (event, kind, symbol, price, low, high, why, observed_at, offered_by, offers)
        VALUES (held.event, held.kind, held.symbol, held.price, held.low, held.high, held.why, held.observed_at, held.offered_by, held.offers);
        -- anybody may listen: prices, and how far they may go, are for those who may read the table
        PERFORM pg_notify('margin_price', format('{"venue": %s, "event": "%s", "kind": "%s", "symbol": %s}', to_json(TG_TABLE_SCHEMA::text),
                                                 held.event, held.kind, to_json(held.symbol)));
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record_held_price() FROM PUBLIC;
COMMENT ON FUNCTION record_held_price() IS 'trigger: journals in held_price_event that a price is held, and what became of it, and sends that to channel margin_price';

CREATE TRIGGER record_held AFTER INSERT OR DELETE ON held_price
    FOR EACH ROW EXECUTE FUNCTION record_held_price();
COMMENT ON TRIGGER record_held ON held_price IS 'what is held, and what becomes of it, is journaled, with a NOTIFY margin_price';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON held_price
    FOR EACH STATEMENT EXECUTE FUNCTION record_held_price();
COMMENT ON TRIGGER record_truncate ON held_price IS 'what becomes of prices held is journaled, with a NOTIFY margin_price';

-- Rows of two kinds refer to two tables, which no foreign key does.
CREATE FUNCTION check_priced_symbol() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF NEW.kind = 'asset' THEN
        PERFORM FROM asset AS a WHERE a.asset = NEW.symbol FOR KEY SHARE;
    ELSE
        PERFORM FROM contract AS c WHERE c.contract = NEW.symbol FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'symbol',
            MESSAGE = format('%s "%s" does not exist', NEW.kind, NEW.symbol),
            HINT = format('A row of %s is about an asset or a contract of this venue, as kind says.', TG_TABLE_NAME);
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_priced_symbol() FROM PUBLIC;
COMMENT ON FUNCTION check_priced_symbol() IS 'trigger: the asset or contract that a row is about exists, and stays until the transaction ends';

CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON price_check
    FOR EACH ROW WHEN (NEW.kind IN ('asset', 'contract') AND NEW.symbol IS NOT NULL) EXECUTE FUNCTION check_priced_symbol();
COMMENT ON TRIGGER check_symbol ON price_check IS 'a check of a symbol that is not there would check nothing';

CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON reference_price
    FOR EACH ROW WHEN (NEW.kind IN ('asset', 'contract') AND NEW.symbol IS NOT NULL) EXECUTE FUNCTION check_priced_symbol();
COMMENT ON TRIGGER check_symbol ON reference_price IS 'an opinion on a symbol that is not there would be none';

CREATE FUNCTION follow_symbol() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was CONSTANT text := to_jsonb(OLD) ->> TG_ARGV[0];
    "is" CONSTANT text := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF "is" IS NULL THEN
        DELETE FROM price_check AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM reference_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM held_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    ELSE
        UPDATE price_check AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE reference_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE held_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION follow_symbol() FROM PUBLIC;
COMMENT ON FUNCTION follow_symbol() IS 'trigger: checks, opinions and held prices of an asset or contract go with it, and are renamed with it; the argument is its kind and key column';

CREATE TRIGGER follow_delete AFTER DELETE ON asset
    FOR EACH ROW EXECUTE FUNCTION follow_symbol('asset');
COMMENT ON TRIGGER follow_delete ON asset IS 'its price check, reference prices and held price go with it';

CREATE TRIGGER follow_rename AFTER UPDATE OF asset ON asset
    FOR EACH ROW WHEN (OLD.asset <> NEW.asset) EXECUTE FUNCTION follow_symbol('asset');
COMMENT ON TRIGGER follow_rename ON asset IS 'its price check, reference prices and held price are renamed with it';

CREATE TRIGGER follow_delete AFTER DELETE ON contract
    FOR EACH ROW EXECUTE FUNCTION follow_symbol('contract');
COMMENT ON TRIGGER follow_delete ON contract IS 'its price check, reference prices and held price go with it';

CREATE TRIGGER follow_rename AFTER UPDATE OF contract ON contract
    FOR EACH ROW WHEN (OLD.contract <> NEW.contract) EXECUTE FUNCTION follow_symbol('contract');
COMMENT ON TRIGGER follow_rename ON contract IS 'its price check, reference prices and held price are renamed with it';

-- With the rights of the venue's owner: a feed has none on histories, and whoever
-- may write held_price may keep levels from changing.
CREATE FUNCTION hold_prices(
    assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamptz, force boolean
) RETURNS TABLE (kind text, symbol text, why text)
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT h.kind, h.symbol, h.why
      FROM margin_internal.hold_prices(NULL::planned_change, assets, prices, lows, highs, contracts, marks, at, force) AS h;
END;
REVOKE ALL ON FUNCTION hold_prices(text[], numeric[], numeric[], numeric[], text[], numeric[], timestamptz, boolean) FROM PUBLIC;
COMMENT ON FUNCTION hold_prices(text[], numeric[], numeric[], numeric[], text[], numeric[], timestamptz, boolean) IS
'for margin.set_prices(), once there are price checks: enters the prices of an offer that fail theirs into held_price, and returns which and why. Whoever sets prices needs EXECUTE';
