-- guard: writes that would break an account are refused when they commit
--
-- Triggers on the tables of a book note the accounts that a transaction
-- touches, and each of them is judged once at its end.  They are shipped with
-- margin.balance and margin.position, disabled, which costs nothing at all;
-- guard_table() puts the same on tables of one's own.  A feature is on where
-- its trigger is enabled: PostgreSQL waits for writers before it enables one,
-- so that every transaction is either guarded from its first write or done.

-- ---------------------------------------------------------------------------
-- The market that sessions keep is dropped when a reference table is written
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.market_changed() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_market_changed';
REVOKE ALL ON FUNCTION margin.market_changed() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION margin.market_changed() TO @extowner@ WITH GRANT OPTION;
COMMENT ON FUNCTION margin.market_changed() IS 'trigger: sessions that keep the market read it again';

DO $do$
DECLARE
    reference text;
BEGIN
    FOREACH reference IN ARRAY ARRAY['asset', 'asset_change', 'collateral_tier', 'liability_tier', 'index_price',
                                   'contract', 'contract_change', 'risk_tier', 'mark_price', 'level_threshold'] LOOP
        EXECUTE format(
            'CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON margin.%1$I
                 FOR EACH ROW EXECUTE FUNCTION margin.market_changed();
             CREATE TRIGGER market_truncated AFTER TRUNCATE ON margin.%1$I
                 FOR EACH STATEMENT EXECUTE FUNCTION margin.market_changed();
             ALTER TABLE margin.%1$I ENABLE ALWAYS TRIGGER market_changed, ENABLE ALWAYS TRIGGER market_truncated;
             COMMENT ON TRIGGER market_changed ON margin.%1$I IS ''sessions that keep the market read it again'';
             COMMENT ON TRIGGER market_truncated ON margin.%1$I IS ''sessions that keep the market read it again''', reference);
    END LOOP;
END
$do$;

CREATE FUNCTION margin.market_expiry(clock timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    -- Ages are compared as intervals are, with months of 30 days; epoch counts
    -- a year as 365.25 days, that is 5.25 days more than twelve of those.
    SELECT clock + make_interval(secs => (extract(epoch FROM r.lasts) - 453600 * extract(year FROM r.lasts))::double precision)
      FROM (SELECT least(
                interval '24 hours',
                (SELECT min(t.valid_from) - clock FROM margin.asset_change AS t
                  WHERE t.valid_from > clock AND t.valid_from < clock + interval '24 hours'),
                (SELECT min(t.valid_from) - clock FROM margin.contract_change AS t
                  WHERE t.valid_from > clock AND t.valid_from < clock + interval '24 hours'),
                (SELECT min(t.valid_from) - clock FROM margin.collateral_tier AS t
                  WHERE t.valid_from > clock AND t.valid_from < clock + interval '24 hours'),
                (SELECT min(t.valid_from) - clock FROM margin.liability_tier AS t
                  WHERE t.valid_from > clock AND t.valid_from < clock + interval '24 hours'),
                (SELECT min(t.valid_from) - clock FROM margin.risk_tier AS t
                  WHERE t.valid_from > clock AND t.valid_from < clock + interval '24 hours'),
                -- of past, present and planned terms: too early does no harm
                (SELECT min(a.max_age - (clock - p.updated_at))
                   FROM (SELECT asset, max_age FROM margin.asset UNION ALL SELECT asset, max_age FROM margin.asset_change) AS a
                   JOIN margin.index_price AS p ON p.asset = a.asset
                  WHERE clock - p.updated_at <= a.max_age),
                (SELECT min(c.max_age - (clock - p.updated_at))
                   FROM (SELECT contract, max_age FROM margin.contract UNION ALL SELECT contract, max_age FROM margin.contract_change) AS c
                   JOIN margin.mark_price AS p ON p.contract = c.contract
                  WHERE clock - p.updated_at <= c.max_age)) AS lasts) AS r;
END;
COMMENT ON FUNCTION margin.market_expiry(timestamptz) IS 'until when margin.stored_market(clock, clock) holds by itself: when its first price expires or its next parameters become valid, at most a day after clock; null for null';

-- ---------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.collect_account() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_collect_account';
COMMENT ON FUNCTION margin.collect_account() IS
'trigger, AFTER for each row, with arguments (book, account column, feature guard or levels): notes the accounts of the old and the new row for check_accounts(); a row whose account is null belongs to none; margin.guard_table() sets it up';

CREATE FUNCTION margin.check_accounts() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_accounts';
COMMENT ON FUNCTION margin.check_accounts() IS
'constraint trigger for each row: judges every account noted since the last judgement, once, in the market of this moment, or leaves that to the end of the transaction where that has come; SQLSTATE MG001 for insufficient margin, MG002 for an account that cannot be valued; margin.guard_table() sets it up';

CREATE FUNCTION margin.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('cannot truncate table "%s": its accounts are guarded', TG_TABLE_NAME),
        HINT = 'DELETE is judged account by account; margin.disable_guard() switches the guard off.';
END
$$;
COMMENT ON FUNCTION margin.refuse_truncate() IS 'trigger: TRUNCATE would pass by the guard';

CREATE FUNCTION margin.check_guardable(target regclass, account_column name, book name) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_guardable';
COMMENT ON FUNCTION margin.check_guardable(regclass, name, name) IS
'an error unless the column of the table can name accounts of the book, the owner of the table has the rights of the owner of the book, and the book''s view calls no volatile function; nothing for null';

CREATE FUNCTION margin.guarded_tables(OUT relation regclass, OUT account_column name, OUT book name, OUT guard boolean, OUT levels boolean)
RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.relation, t.account_column, t.book,
           bool_or(t.name = 'margin_guard' AND t.enabled), bool_or(t.name = 'margin_levels' AND t.enabled)
      FROM (SELECT g.tgrelid::regclass AS relation, g.tgname AS name, g.tgenabled <> 'D' AS enabled,
                   convert_from(substring(g.tgargs FROM 1 FOR b.length), getdatabaseencoding())::name AS book,
                   convert_from(substring(g.tgargs FROM b.length + 2 FOR c.length), getdatabaseencoding())::name AS account_column
              FROM pg_catalog.pg_trigger AS g,
                   LATERAL (SELECT position('\x00'::bytea IN g.tgargs) - 1 AS length) AS b,
                   LATERAL (SELECT position('\x00'::bytea IN substring(g.tgargs FROM b.length + 2)) - 1 AS length) AS c
             WHERE g.tgfoid = 'margin.collect_account'::regproc AND g.tgnargs = 3 AND g.tgparentid = 0) AS t
      JOIN pg_catalog.pg_class AS c ON c.oid = t.relation
      -- anybody can put such a trigger on a table of his own and name a book in it
      LEFT JOIN (pg_catalog.pg_namespace AS n LEFT JOIN pg_catalog.pg_class AS v ON v.relnamespace = n.oid AND v.relname = 'holding')
             ON n.nspname = t.book
     WHERE coalesce(pg_has_role(c.relowner, coalesce(v.relowner, n.nspowner), 'USAGE'), true)
     GROUP BY t.relation, t.account_column, t.book;
END;
COMMENT ON FUNCTION margin.guarded_tables() IS
'the tables that carry the triggers of guard and levels and whose owner has the rights of the book''s owner: the column that names the account of a row, the book whose holding view the rows feed, and whether the guard and the refresh of levels are on';

-- ---------------------------------------------------------------------------
-- Tables
-- ---------------------------------------------------------------------------

-- pg_dump does not see that a trigger of an extension's table was enabled; a
-- row of this table says it, and enables it where it is inserted.  Its name
-- sorts behind balance and position: a restore loads their rows, those of
-- broken accounts too, before it.
CREATE TABLE margin.switch (
    feature  text NOT NULL,
    CONSTRAINT switch_pkey PRIMARY KEY (feature),
    CONSTRAINT switch_feature_known CHECK (feature IN ('guard', 'levels'))
);
COMMENT ON TABLE margin.switch IS 'what is switched on for margin.balance and margin.position; a restore switches it on again after it has loaded them';
COMMENT ON COLUMN margin.switch.feature IS 'guard or levels';
COMMENT ON CONSTRAINT switch_feature_known ON margin.switch IS 'guard and levels can be switched';

CREATE TABLE margin.guard_exception (
    book                     name NOT NULL,
    account_id               text NOT NULL,
    judged_at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by              name NOT NULL DEFAULT margin.acting_user(),
    level                    margin.level NOT NULL,
    equity                   numeric,
    initial_margin           numeric,
    maintenance_margin       numeric,
    available_margin         numeric,
    available_margin_before  numeric,
    missing                  text[]
);
CREATE INDEX guard_exception_account ON margin.guard_exception (book, account_id, judged_at);
COMMENT ON INDEX margin.guard_exception_account IS 'the exceptions of one account in order of time';
COMMENT ON TABLE margin.guard_exception IS 'booked facts that the guard let through while margin.guard was record and would have refused otherwise; rows are only added';
COMMENT ON COLUMN margin.guard_exception.book IS 'the book';
COMMENT ON COLUMN margin.guard_exception.account_id IS 'the account, as text';
COMMENT ON COLUMN margin.guard_exception.judged_at IS 'when the account was judged: at commit';
COMMENT ON COLUMN margin.guard_exception.recorded_by IS 'the role that acted';
COMMENT ON COLUMN margin.guard_exception.level IS 'the level at which the account was left';
COMMENT ON COLUMN margin.guard_exception.equity IS 'equity that was left, USD; this and the next three are null for an unpriced account';
COMMENT ON COLUMN margin.guard_exception.initial_margin IS 'initial margin that was required, USD';
COMMENT ON COLUMN margin.guard_exception.maintenance_margin IS 'maintenance margin that was required, USD';
COMMENT ON COLUMN margin.guard_exception.available_margin IS 'equity - initial_margin that was left, USD';
COMMENT ON COLUMN margin.guard_exception.available_margin_before IS 'the same as the transaction found it, USD; null: it found the account unpriced';
COMMENT ON COLUMN margin.guard_exception.missing IS 'symbols that an unpriced account lacked something of';

CREATE TRIGGER guard_exception_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON margin.guard_exception
    FOR EACH STATEMENT EXECUTE FUNCTION margin.journal_append_only();
COMMENT ON TRIGGER guard_exception_append_only ON margin.guard_exception IS 'what happened is not rewritten';

ALTER TABLE margin.switch OWNER TO @extowner@;
ALTER TABLE margin.guard_exception OWNER TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('margin.switch', '');
SELECT pg_catalog.pg_extension_config_dump('margin.guard_exception', '');

-- ---------------------------------------------------------------------------
-- Switching
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.set_feature(book name, feature text, enabled boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    guarded record;
    wanted record;
    tables integer := 0;
BEGIN
    FOR guarded IN
        SELECT t.relation, t.guard, t.levels FROM margin.guarded_tables() AS t WHERE t.book = set_feature.book ORDER BY t.relation
    LOOP
        tables := tables + 1;
        IF feature = 'guard' THEN
            guarded.guard := enabled;
        ELSE
            guarded.levels := enabled;
        END IF;
        -- Each trigger as it is now wanted, wherever it is not; partitions
        -- have a trigger of their own against TRUNCATE.
        FOR wanted IN
            SELECT g.tgrelid::regclass AS relation, g.tgname AS name, w.enabled
              FROM (VALUES ('margin_guard', guarded.guard), ('margin_levels', guarded.levels),
                           ('margin_verdict', guarded.guard OR guarded.levels), ('margin_truncate', guarded.guard)) AS w (name, enabled)
              JOIN pg_trigger AS g ON g.tgname = w.name
             WHERE g.tgparentid = 0 AND (g.tgenabled <> 'D') <> w.enabled
               AND (g.tgrelid = guarded.relation OR g.tgrelid IN (SELECT relid FROM pg_partition_tree(guarded.relation)))
             ORDER BY w.name, g.tgrelid
        LOOP
            EXECUTE format('ALTER TABLE %s %s TRIGGER %I', wanted.relation,
                           CASE WHEN wanted.enabled THEN 'ENABLE' ELSE 'DISABLE' END, wanted.name);
        END LOOP;
    END LOOP;
    RETURN tables;
END
$$;
COMMENT ON FUNCTION margin.set_feature(name, text, boolean) IS
'enables or disables the triggers of a feature (guard or levels) on the tables of a book, and returns their number; for the owner of the tables; use enable_guard() and its sisters, which keep margin.switch in step; null for null';

CREATE FUNCTION margin.switch_tables() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        PERFORM margin.set_feature('margin', f, false) FROM unnest('{guard,levels}'::text[]) AS f;
    END IF;
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        PERFORM margin.set_feature('margin', OLD.feature, false);
    END IF;
    IF TG_OP IN ('INSERT', 'UPDATE') THEN
        PERFORM margin.set_feature('margin', NEW.feature, true);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin.switch_tables() IS 'trigger: margin.balance and margin.position follow margin.switch';
CREATE TRIGGER switch_tables AFTER INSERT OR UPDATE OR DELETE ON margin.switch
    FOR EACH ROW EXECUTE FUNCTION margin.switch_tables();
COMMENT ON TRIGGER switch_tables ON margin.switch IS 'margin.balance and margin.position follow';
CREATE TRIGGER switch_truncated AFTER TRUNCATE ON margin.switch
    FOR EACH STATEMENT EXECUTE FUNCTION margin.switch_tables();
COMMENT ON TRIGGER switch_truncated ON margin.switch IS 'margin.balance and margin.position follow';

CREATE FUNCTION margin.switch_feature(book name, feature text, enabled boolean) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF feature = 'levels' AND enabled AND to_regclass(format('%I.account_level', book)) IS NULL THEN
        PERFORM margin.create_levels(book);
    END IF;
    IF book = 'margin' AND enabled THEN
        INSERT INTO margin.switch (feature) VALUES (switch_feature.feature) ON CONFLICT DO NOTHING;
    ELSIF book = 'margin' THEN
        DELETE FROM margin.switch AS s WHERE s.feature = switch_feature.feature;
    END IF;
    IF margin.set_feature(book, feature, enabled) = 0 THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('book "%s" has no tables to guard', book),
            HINT = 'margin.guard_table() puts the triggers on the tables that its holding view reads.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin.switch_feature(name, text, boolean) IS
'what enable_guard() and its sisters share: switches a feature (guard or levels) of a book on or off; nothing for null';

CREATE FUNCTION margin.enable_guard(book name DEFAULT 'margin') RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin.switch_feature(book, 'guard', true);
END;
COMMENT ON FUNCTION margin.enable_guard(name) IS
'switches the write guard on for the tables of a book: margin.balance and margin.position, or those named to guard_table(); waits for transactions that are writing them; for their owner; survives dump and restore; nothing for null';

CREATE FUNCTION margin.disable_guard(book name DEFAULT 'margin') RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin.switch_feature(book, 'guard', false);
END;
COMMENT ON FUNCTION margin.disable_guard(name) IS 'switches the write guard of a book off, after which it costs nothing; for the owner of its tables; nothing for null';

CREATE FUNCTION margin.enable_levels(book name DEFAULT 'margin') RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin.switch_feature(book, 'levels', true);
END;
COMMENT ON FUNCTION margin.enable_levels(name) IS
'from now on writes to the tables of a book refresh the levels of the accounts that they touch, as refresh_levels() does for all; creates account_level and level_event in a book that lacks them; for their owner; survives dump and restore; nothing for null';

CREATE FUNCTION margin.disable_levels(book name DEFAULT 'margin') RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin.switch_feature(book, 'levels', false);
END;
COMMENT ON FUNCTION margin.disable_levels(name) IS 'writes to the tables of a book no longer refresh levels; for the owner of its tables; nothing for null';

-- ---------------------------------------------------------------------------
-- Tables of one's own
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.add_triggers(target regclass, account_column name, book name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part regclass;
BEGIN
    -- Triggers fire in order of their names: a verdict comes after what it is on.
    EXECUTE format(
        'CREATE TRIGGER margin_guard AFTER INSERT OR UPDATE OR DELETE ON %1$s
             FOR EACH ROW EXECUTE FUNCTION margin.collect_account(%2$L, %3$L, ''guard'');
         CREATE TRIGGER margin_levels AFTER INSERT OR UPDATE OR DELETE ON %1$s
             FOR EACH ROW EXECUTE FUNCTION margin.collect_account(%2$L, %3$L, ''levels'');
         CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR UPDATE OR DELETE ON %1$s
             DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin.check_accounts();
         COMMENT ON TRIGGER margin_guard ON %1$s IS ''notes the accounts that the guard is to judge'';
         COMMENT ON TRIGGER margin_levels ON %1$s IS ''notes the accounts whose levels are to be refreshed'';
         COMMENT ON TRIGGER margin_verdict ON %1$s IS ''judges the accounts that the transaction touched'';
         ALTER TABLE %1$s DISABLE TRIGGER margin_guard, DISABLE TRIGGER margin_levels, DISABLE TRIGGER margin_verdict',
        target, book, account_column);
    FOR part IN SELECT target UNION SELECT relid FROM pg_partition_tree(target) LOOP
        EXECUTE format(
            'CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON %1$s
                 FOR EACH STATEMENT EXECUTE FUNCTION margin.refuse_truncate();
             COMMENT ON TRIGGER margin_truncate ON %1$s IS ''TRUNCATE would pass by the guard'';
             ALTER TABLE %1$s DISABLE TRIGGER margin_truncate', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.add_triggers(regclass, name, name) IS
'puts the triggers of guard and levels on a table, disabled; use guard_table(), which checks and enables them; nothing for null';
SELECT margin.add_triggers('margin.balance'::regclass, 'account_id'::name, 'margin'::name),
       margin.add_triggers('margin.position'::regclass, 'account_id'::name, 'margin'::name);

CREATE FUNCTION margin.guard_table(target regclass, account_column name, book name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    PERFORM margin.check_guardable(target, account_column, book);
    SELECT bool_or(t.guard) AS guard, bool_or(t.levels) AS levels INTO present
      FROM margin.guarded_tables() AS t WHERE t.book = guard_table.book AND t.relation <> target;
    IF EXISTS (SELECT FROM pg_trigger WHERE tgrelid = target AND tgfoid = 'margin.collect_account'::regproc) THEN
        PERFORM margin.unguard_table(target);
    END IF;
    PERFORM margin.add_triggers(target, account_column, book);
    -- as the book's other tables; on for its first
    PERFORM margin.set_feature(book, 'guard', coalesce(present.guard, true));
    PERFORM margin.set_feature(book, 'levels', coalesce(present.levels, false));
END
$$;
COMMENT ON FUNCTION margin.guard_table(regclass, name, name) IS
'guards a table of one''s own: its rows belong to the accounts in a column (smallint, integer, bigint, text, varchar, uuid) that the view holding of the book shows, unchanged, as account_id; on at once for the first table of a book, then as the others; again after partitions were added or the column renamed; for the owner of the table; nothing for null';

CREATE FUNCTION margin.unguard_table(target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    part regclass;
BEGIN
    IF EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = target AND deptype = 'e') THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the triggers of %s belong to an extension', target),
            HINT = 'margin.disable_guard() and margin.disable_levels() switch them off.';
    END IF;
    EXECUTE format('DROP TRIGGER IF EXISTS margin_guard ON %1$s; DROP TRIGGER IF EXISTS margin_levels ON %1$s;
                    DROP TRIGGER IF EXISTS margin_verdict ON %1$s', target);
    FOR part IN SELECT target UNION SELECT relid FROM pg_partition_tree(target) LOOP
        EXECUTE format('DROP TRIGGER IF EXISTS margin_truncate ON %s', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.unguard_table(regclass) IS 'takes the triggers of guard and levels off a table of one''s own; for its owner; nothing for null';
