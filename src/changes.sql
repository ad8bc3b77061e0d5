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

CREATE FUNCTION margin.symbols_known() RETURNS trigger
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
            MESSAGE = format('%s names %s, which is unknown', TG_TABLE_NAME, unknown),
            HINT = format('Enter it in margin.%s first.', split_part(unknown, ' ', 1));
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.symbols_known() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.symbols_known() FROM PUBLIC;
COMMENT ON FUNCTION margin.symbols_known() IS 'trigger: a row names an asset or contract that exists, in whichever columns it has for them';

CREATE CONSTRAINT TRIGGER asset_change_known
    AFTER INSERT OR UPDATE ON margin.asset_change
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.symbols_known();
COMMENT ON TRIGGER asset_change_known ON margin.asset_change IS 'the asset exists';
CREATE CONSTRAINT TRIGGER contract_change_known
    AFTER INSERT OR UPDATE ON margin.contract_change
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.symbols_known();
COMMENT ON TRIGGER contract_change_known ON margin.contract_change IS 'the contract exists, and so do its assets';

CREATE FUNCTION margin.follow_symbol() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    follower name := TG_ARGV[0];
    col name := TG_ARGV[1];
    used boolean;
BEGIN
    -- The column that holds the symbol is named as its table, asset or contract.
    IF TG_OP = 'UPDATE' THEN
        EXECUTE format('UPDATE margin.%I SET %I = $1 WHERE %2$I = $2', follower, col)
          USING to_jsonb(NEW) ->> TG_TABLE_NAME, to_jsonb(OLD) ->> TG_TABLE_NAME;
    ELSIF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('DELETE FROM margin.%I', follower);
    ELSIF TG_ARGV[2] = 'cascade' THEN
        EXECUTE format('DELETE FROM margin.%I WHERE %I = $1', follower, col) USING to_jsonb(OLD) ->> TG_TABLE_NAME;
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT FROM margin.%I WHERE %I = $1)', follower, col)
           INTO used USING to_jsonb(OLD) ->> TG_TABLE_NAME;
        IF used THEN
            RAISE EXCEPTION USING
                ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
                MESSAGE = format('%s "%s" is still named in margin.%I', TG_TABLE_NAME, to_jsonb(OLD) ->> TG_TABLE_NAME, follower);
        END IF;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.follow_symbol() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.follow_symbol() FROM PUBLIC;
COMMENT ON FUNCTION margin.follow_symbol() IS 'trigger on asset or contract, with arguments (table, column, cascade or restrict): rows of that table take the new name of their symbol, and go with it or hold it';

DO $$
DECLARE
    follower record;
BEGIN
    FOR follower IN
        SELECT * FROM (VALUES ('asset', 'asset_change', 'asset', 'cascade'),
                              ('asset', 'contract_change', 'settle_asset', 'restrict'),
                              ('asset', 'contract_change', 'base_asset', 'restrict'),
                              ('contract', 'contract_change', 'contract', 'cascade')) AS f (symbol, name, col, action)
    LOOP
        EXECUTE format('CREATE TRIGGER %2$s_%3$s_follows AFTER DELETE OR UPDATE OF %1$s ON margin.%1$s
                        FOR EACH ROW EXECUTE FUNCTION margin.follow_symbol(%2$L, %3$L, %4$L)',
                       follower.symbol, follower.name, follower.col, follower.action);
        EXECUTE format('COMMENT ON TRIGGER %2$s_%3$s_follows ON margin.%1$s IS ''rows of %2$s go by its new name''',
                       follower.symbol, follower.name, follower.col);
    END LOOP;
END
$$;
CREATE TRIGGER asset_change_truncated AFTER TRUNCATE ON margin.asset
    FOR EACH STATEMENT EXECUTE FUNCTION margin.follow_symbol('asset_change');
COMMENT ON TRIGGER asset_change_truncated ON margin.asset IS 'the changes of all assets go with them';
CREATE TRIGGER contract_change_truncated AFTER TRUNCATE ON margin.contract
    FOR EACH STATEMENT EXECUTE FUNCTION margin.follow_symbol('contract_change');
COMMENT ON TRIGGER contract_change_truncated ON margin.contract IS 'the changes of all contracts go with them';

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
COMMENT ON VIEW margin.planned_change IS 'parameters entered ahead that have not taken effect yet; what they will do to accounts is in report_impact(valid_from)';
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
COMMENT ON COLUMN margin.parameter_event.symbol IS 'asset, contract, level or scenario that the row is about';
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

CREATE PROCEDURE margin.keep_journal(parameter name, symbol name)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE TRIGGER %1$s_journal AFTER INSERT OR UPDATE OR DELETE ON margin.%1$I FOR EACH ROW
                    WHEN (NOT margin.is_restoring()) EXECUTE FUNCTION margin.record_parameter_event(%2$L)', parameter, symbol);
    EXECUTE format('CREATE TRIGGER %1$s_journal_truncate BEFORE TRUNCATE ON margin.%1$I FOR EACH STATEMENT
                    EXECUTE FUNCTION margin.record_parameter_event(%2$L)', parameter, symbol);
    EXECUTE format('COMMENT ON TRIGGER %1$s_journal ON margin.%1$I IS ''every edit leaves a row in parameter_event''', parameter);
    EXECUTE format('COMMENT ON TRIGGER %1$s_journal_truncate ON margin.%1$I IS ''every edit leaves a row in parameter_event''', parameter);
END
$$;
COMMENT ON PROCEDURE margin.keep_journal(name, name) IS 'lets every edit of a table of margin leave a row in parameter_event, under the symbol in that column; for the owner of the tables';

CALL margin.keep_journal('asset', 'asset');
CALL margin.keep_journal('asset_change', 'asset');
CALL margin.keep_journal('collateral_tier', 'asset');
CALL margin.keep_journal('liability_tier', 'asset');
CALL margin.keep_journal('contract', 'contract');
CALL margin.keep_journal('contract_change', 'contract');
CALL margin.keep_journal('risk_tier', 'contract');
CALL margin.keep_journal('level_threshold', 'level');

ALTER TABLE margin.asset_change OWNER TO @extowner@;
ALTER TABLE margin.contract_change OWNER TO @extowner@;
ALTER TABLE margin.parameter_event OWNER TO @extowner@;

-- Whoever may use the schema may read these two: market() looks there, and
-- rights on the tables of parameters shall be all that it takes.
GRANT SELECT ON margin.asset_change, margin.contract_change TO PUBLIC;
ALTER VIEW margin.planned_change OWNER TO @extowner@;

SELECT pg_catalog.pg_extension_config_dump('margin.asset_change', '');
SELECT pg_catalog.pg_extension_config_dump('margin.contract_change', '');
SELECT pg_catalog.pg_extension_config_dump('margin.parameter_event', '');
SELECT pg_catalog.pg_extension_config_dump('margin.parameter_event_id_seq', '');
