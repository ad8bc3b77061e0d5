-- changes: parameters in time.  Tiers carry valid_from in their own key; these
-- tables do the same for the other terms of assets and contracts.  And whoever
-- edits a parameter leaves a row in parameter_event.

-- A row is a whole set of terms: it replaces all those of margin.asset from
-- its instant on, until the next row's.  There are no foreign keys, which
-- would forbid to truncate margin.asset by itself: triggers do their work.
CREATE TABLE margin.asset_change (
    LIKE margin.asset INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS,
    valid_from  timestamptz NOT NULL,
    CONSTRAINT asset_change_pkey PRIMARY KEY (asset, valid_from),
    CONSTRAINT asset_change_valid_from_finite CHECK (isfinite(valid_from))
);
COMMENT ON TABLE margin.asset_change IS 'terms of assets from an instant on, all of them; until the first such instant those in margin.asset hold';
COMMENT ON COLUMN margin.asset_change.valid_from IS 'the latest terms not after the instant of a market apply';
COMMENT ON CONSTRAINT asset_change_valid_from_finite ON margin.asset_change IS 'the terms without a beginning are those in margin.asset';

CREATE TABLE margin.contract_change (
    LIKE margin.contract INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS,
    valid_from  timestamptz NOT NULL,
    CONSTRAINT contract_change_pkey PRIMARY KEY (contract, valid_from),
    CONSTRAINT contract_change_valid_from_finite CHECK (isfinite(valid_from))
);
COMMENT ON TABLE margin.contract_change IS 'terms of contracts from an instant on, all of them; until the first such instant those in margin.contract hold';
COMMENT ON COLUMN margin.contract_change.valid_from IS 'the latest terms not after the instant of a market apply';
COMMENT ON CONSTRAINT contract_change_valid_from_finite ON margin.contract_change IS 'the terms without a beginning are those in margin.contract';

CREATE FUNCTION margin.change_known() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changed jsonb := to_jsonb(NEW);
    unknown text;
BEGIN
    -- The rows stay until this transaction ends, as they do for a foreign key.
    PERFORM FROM margin.contract AS c WHERE c.contract = changed ->> 'contract' FOR KEY SHARE;
    IF NOT FOUND AND TG_TABLE_NAME = 'contract_change' THEN
        unknown := format('contract "%s"', changed ->> 'contract');
    ELSE
        SELECT format('asset "%s"', named.asset) INTO unknown
          FROM unnest(ARRAY[changed ->> 'asset', changed ->> 'settle_asset', changed ->> 'base_asset']) AS named (asset)
         WHERE named.asset IS NOT NULL AND NOT EXISTS (SELECT FROM margin.asset AS a WHERE a.asset = named.asset)
         LIMIT 1;
        PERFORM FROM margin.asset AS a
          WHERE a.asset IN (changed ->> 'asset', changed ->> 'settle_asset', changed ->> 'base_asset') ORDER BY a.asset FOR KEY SHARE;
    END IF;
    IF unknown IS NOT NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = format('%s, valid from %s: %s is unknown', TG_TABLE_NAME, NEW.valid_from, unknown),
            HINT = format('Enter it in margin.%s first.', split_part(unknown, ' ', 1));
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.change_known() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.change_known() FROM PUBLIC;
COMMENT ON FUNCTION margin.change_known() IS 'trigger: a change is of an asset or contract that exists, and names assets that exist';

CREATE CONSTRAINT TRIGGER asset_change_known
    AFTER INSERT OR UPDATE ON margin.asset_change
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.change_known();
COMMENT ON TRIGGER asset_change_known ON margin.asset_change IS 'the asset exists';
CREATE CONSTRAINT TRIGGER contract_change_known
    AFTER INSERT OR UPDATE ON margin.contract_change
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.change_known();
COMMENT ON TRIGGER contract_change_known ON margin.contract_change IS 'the contract exists, and so do its assets';

CREATE FUNCTION margin.changes_follow() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_TABLE_NAME = 'asset' AND TG_OP = 'UPDATE' THEN
        UPDATE margin.asset_change AS c SET asset = NEW.asset WHERE c.asset = OLD.asset;
        UPDATE margin.contract_change AS c SET settle_asset = NEW.asset WHERE c.settle_asset = OLD.asset;
        UPDATE margin.contract_change AS c SET base_asset = NEW.asset WHERE c.base_asset = OLD.asset;
    ELSIF TG_TABLE_NAME = 'asset' AND TG_OP = 'DELETE' THEN
        DELETE FROM margin.asset_change AS c WHERE c.asset = OLD.asset;
        IF EXISTS (SELECT FROM margin.contract_change AS c WHERE OLD.asset IN (c.settle_asset, c.base_asset)) THEN
            RAISE EXCEPTION USING
                ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
                MESSAGE = format('asset "%s" is still named in margin.contract_change', OLD.asset);
        END IF;
    ELSIF TG_TABLE_NAME = 'asset' THEN
        DELETE FROM margin.asset_change;
    ELSIF TG_OP = 'UPDATE' THEN
        UPDATE margin.contract_change AS c SET contract = NEW.contract WHERE c.contract = OLD.contract;
    ELSIF TG_OP = 'DELETE' THEN
        DELETE FROM margin.contract_change AS c WHERE c.contract = OLD.contract;
    ELSE
        DELETE FROM margin.contract_change;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.changes_follow() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.changes_follow() FROM PUBLIC;
COMMENT ON FUNCTION margin.changes_follow() IS 'trigger: changes take the new name of their asset or contract, and go with it';

CREATE TRIGGER asset_changes_follow AFTER DELETE OR UPDATE OF asset ON margin.asset
    FOR EACH ROW EXECUTE FUNCTION margin.changes_follow();
COMMENT ON TRIGGER asset_changes_follow ON margin.asset IS 'the changes of an asset take its new name and go with it';
CREATE TRIGGER asset_changes_truncated AFTER TRUNCATE ON margin.asset
    FOR EACH STATEMENT EXECUTE FUNCTION margin.changes_follow();
COMMENT ON TRIGGER asset_changes_truncated ON margin.asset IS 'the changes of all assets go with them';
CREATE TRIGGER contract_changes_follow AFTER DELETE OR UPDATE OF contract ON margin.contract
    FOR EACH ROW EXECUTE FUNCTION margin.changes_follow();
COMMENT ON TRIGGER contract_changes_follow ON margin.contract IS 'the changes of a contract take its new name and go with it';
CREATE TRIGGER contract_changes_truncated AFTER TRUNCATE ON margin.contract
    FOR EACH STATEMENT EXECUTE FUNCTION margin.changes_follow();
COMMENT ON TRIGGER contract_changes_truncated ON margin.contract IS 'the changes of all contracts go with them';

CREATE VIEW margin.planned_change WITH (security_invoker) AS
SELECT valid_from, 'asset' AS parameter, asset AS symbol FROM margin.asset_change WHERE valid_from > now()
UNION ALL
SELECT valid_from, 'contract', contract FROM margin.contract_change WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'collateral_tier', asset FROM margin.collateral_tier WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'liability_tier', asset FROM margin.liability_tier WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'risk_tier', contract FROM margin.risk_tier WHERE valid_from > now();
COMMENT ON VIEW margin.planned_change IS 'parameters entered ahead that have not taken effect yet; what they will do to accounts is in planned_impact(valid_from)';
COMMENT ON COLUMN margin.planned_change.valid_from IS 'when they will';
COMMENT ON COLUMN margin.planned_change.parameter IS 'what changes: terms of an asset or contract, or a tier schedule by the name of its table';
COMMENT ON COLUMN margin.planned_change.symbol IS 'of which asset or contract';

-- ---------------------------------------------------------------------------
-- Who changed what
-- ---------------------------------------------------------------------------

CREATE TABLE margin.parameter_event (
    id          bigint GENERATED BY DEFAULT AS IDENTITY,
    parameter   name NOT NULL,
    symbol      text NOT NULL,
    before      jsonb,
    after       jsonb,
    changed_by  name NOT NULL DEFAULT margin.acting_user(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    txid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT parameter_event_pkey PRIMARY KEY (id)
);
CREATE INDEX parameter_event_symbol ON margin.parameter_event (symbol, changed_at);
COMMENT ON TABLE margin.parameter_event IS 'journal of every edit of a parameter table, row by row; written by triggers, by nobody else';
COMMENT ON INDEX margin.parameter_event_symbol IS 'the history of one symbol';
COMMENT ON SEQUENCE margin.parameter_event_id_seq IS 'numbers of parameter_event';
COMMENT ON COLUMN margin.parameter_event.id IS 'in the order of the edits';
COMMENT ON COLUMN margin.parameter_event.parameter IS 'the table edited';
COMMENT ON COLUMN margin.parameter_event.symbol IS 'asset, contract or level that the row is about';
COMMENT ON COLUMN margin.parameter_event.before IS 'the row as it was; null: there was none';
COMMENT ON COLUMN margin.parameter_event.after IS 'the row as it is since; null: there is none';
COMMENT ON COLUMN margin.parameter_event.changed_by IS 'the role that acted';
COMMENT ON COLUMN margin.parameter_event.changed_at IS 'beginning of the transaction that edited';
COMMENT ON COLUMN margin.parameter_event.txid IS 'that transaction';
CREATE TRIGGER parameter_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON margin.parameter_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin.journal_append_only();
COMMENT ON TRIGGER parameter_event_append_only ON margin.parameter_event IS 'what happened is not rewritten';

-- A restore brings the journal along and must not add to it.  The scripts of
-- pg_dump and pg_restore switch check_function_bodies off; only owners of the
-- tables, who could disable the triggers as well, are believed.
CREATE FUNCTION margin.is_restoring() RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN current_setting('check_function_bodies') = 'off'
   AND pg_has_role(current_user, (SELECT relowner FROM pg_class WHERE oid = 'margin.asset'::regclass), 'USAGE');
COMMENT ON FUNCTION margin.is_restoring() IS 'whether an owner of the tables is running a script of pg_dump or pg_restore (check_function_bodies is off): rows come with their journals then';

CREATE FUNCTION margin.record_parameter_event() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('INSERT INTO margin.parameter_event (parameter, symbol, before)
                        SELECT $1, to_jsonb(t) ->> $2, to_jsonb(t) FROM %s AS t', TG_RELID::regclass)
          USING TG_TABLE_NAME, TG_ARGV[0];
    ELSIF TG_OP <> 'UPDATE' OR OLD IS DISTINCT FROM NEW THEN
        INSERT INTO margin.parameter_event (parameter, symbol, before, after)
        SELECT TG_TABLE_NAME, coalesce(after, before) ->> TG_ARGV[0], before, after
          FROM (SELECT CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END AS before,
                       CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END AS after) AS edit;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.record_parameter_event() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.record_parameter_event() FROM PUBLIC;
COMMENT ON FUNCTION margin.record_parameter_event() IS 'trigger: journals an edit of a parameter table; its argument is the column that holds the symbol';

DO $$
DECLARE
    edited record;
BEGIN
    FOR edited IN
        SELECT * FROM (VALUES ('asset', 'asset'), ('asset_change', 'asset'), ('collateral_tier', 'asset'), ('liability_tier', 'asset'),
                              ('contract', 'contract'), ('contract_change', 'contract'), ('risk_tier', 'contract'),
                              ('level_threshold', 'level')) AS t (name, symbol)
    LOOP
        EXECUTE format('CREATE TRIGGER %1$s_journal AFTER INSERT OR UPDATE OR DELETE ON margin.%1$s FOR EACH ROW
                        WHEN (NOT margin.is_restoring()) EXECUTE FUNCTION margin.record_parameter_event(%2$L)',
                       edited.name, edited.symbol);
        EXECUTE format('CREATE TRIGGER %1$s_journal_truncate BEFORE TRUNCATE ON margin.%1$s FOR EACH STATEMENT
                        EXECUTE FUNCTION margin.record_parameter_event(%2$L)', edited.name, edited.symbol);
        EXECUTE format('COMMENT ON TRIGGER %1$s_journal ON margin.%1$s IS ''every edit leaves a row in parameter_event''', edited.name);
        EXECUTE format('COMMENT ON TRIGGER %1$s_journal_truncate ON margin.%1$s IS ''every edit leaves a row in parameter_event''', edited.name);
    END LOOP;
END
$$;

ALTER TABLE margin.asset_change OWNER TO @extowner@;
ALTER TABLE margin.contract_change OWNER TO @extowner@;
ALTER TABLE margin.parameter_event OWNER TO @extowner@;
ALTER VIEW margin.planned_change OWNER TO @extowner@;

SELECT pg_catalog.pg_extension_config_dump('margin.asset_change', '');
SELECT pg_catalog.pg_extension_config_dump('margin.contract_change', '');
SELECT pg_catalog.pg_extension_config_dump('margin.parameter_event', '');
SELECT pg_catalog.pg_extension_config_dump('margin.parameter_event_id_seq', '');
