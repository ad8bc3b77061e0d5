-- guard: writes that would break an account are refused when they commit
--
-- Triggers on the tables of a book note the accounts that a transaction
-- touches, and each of them is judged once at its end.  A book's own tables
-- have them from the start, disabled, which costs nothing at all; guard_table()
-- puts the same on other tables.  A feature is on where its trigger is enabled:
-- PostgreSQL waits for writers before it enables one, so that every transaction
-- is either guarded from its first write or done.
--
-- Each trigger names its book by the view holding in its WHEN condition, which
-- is always true: so it depends on that view, follows it when its schema is
-- renamed, is dumped with it, and goes when the book is dropped.

CREATE FUNCTION margin_internal.market_changed() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_market_changed';
COMMENT ON FUNCTION margin_internal.market_changed() IS
'Trigger, by row or by statement, on the tables of a venue: sessions that keep its market read it again, or only its prices.';

-- ---------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.collect_account() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_collect_account';
COMMENT ON FUNCTION margin_internal.collect_account() IS
'Trigger, AFTER for each row WHEN (''book.holding''::regclass IS NOT NULL), with arguments (account column, feature guard or levels): notes the accounts of the old and the new row for check_accounts(). '
'A row whose account is null belongs to none. margin.guard_table() sets it up.';

CREATE FUNCTION margin_internal.check_accounts() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_accounts';
COMMENT ON FUNCTION margin_internal.check_accounts() IS
'Constraint trigger for each row: judges every account noted since the last judgement, once, in the market of this moment, or leaves that to the end of the transaction where that has come. '
'SQLSTATE MG001 for insufficient margin, MG002 for an account that cannot be valued. margin.guard_table() sets it up.';

CREATE FUNCTION margin_internal.judge_first() RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_judge_first';
COMMENT ON FUNCTION margin_internal.judge_first() IS
'for whoever has just written through foreign tables: what is written there is committed after the guard here has judged, not before';

CREATE FUNCTION margin_internal.refuse_truncate() RETURNS trigger
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
COMMENT ON FUNCTION margin_internal.refuse_truncate() IS 'Trigger: TRUNCATE would bypass the guard.';

CREATE FUNCTION margin_internal.refuse_children() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_refuse_children';
COMMENT ON FUNCTION margin_internal.refuse_children() IS
'Trigger, BEFORE for each statement: an error (0A000) where another table inherits from the table, since no trigger of this one fires for its rows. Partitions are fine. margin.guard_table() sets it up.';

CREATE FUNCTION margin_internal.check_guardable(target regclass, account_column name, book name) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_guardable';
COMMENT ON FUNCTION margin_internal.check_guardable(regclass, name, name) IS
'An error unless the column of the table can name accounts of the book, the owner of the table has the rights of the owner of the book, no table inherits from it, '
'and the view holding of the book reads it, passes the column on unchanged as account_id wherever it does, and calls no volatile function; nothing for null.';

CREATE FUNCTION margin_internal.guard_triggers(
    OUT relation regclass, OUT name name, OUT part text, OUT enabled boolean, OUT account_column name, OUT book name, OUT trusted boolean
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.tgrelid::regclass, g.tgname,
           CASE g.tgfoid
               WHEN 'margin_internal.check_accounts'::regproc THEN 'verdict'
               WHEN 'margin_internal.refuse_truncate'::regproc THEN 'truncate'
               WHEN 'margin_internal.refuse_children'::regproc THEN 'children'
               -- arguments end with a zero byte each
               ELSE convert_from(substring(g.tgargs FROM a.length + 2 FOR octet_length(g.tgargs) - a.length - 2), getdatabaseencoding())
           END,
           g.tgenabled <> 'D',
           CASE WHEN a.length > 0 THEN convert_from(substring(g.tgargs FROM 1 FOR a.length), getdatabaseencoding())::name END,
           n.nspname,
           -- anybody can put such a trigger on a table of his own and name a book in it
           pg_has_role(c.relowner, v.relowner, 'USAGE')
      FROM pg_trigger AS g
      JOIN pg_class AS c ON c.oid = g.tgrelid
      JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
      JOIN pg_class AS v ON v.oid = d.refobjid AND v.relkind = 'v' AND v.relname = 'holding'
      JOIN pg_namespace AS n ON n.oid = v.relnamespace,
           LATERAL (SELECT position(decode('00', 'hex') IN g.tgargs) - 1 AS length) AS a
     WHERE g.tgparentid = 0
       AND (g.tgfoid = 'margin_internal.collect_account'::regproc AND g.tgnargs = 2
            OR g.tgfoid IN ('margin_internal.check_accounts'::regproc, 'margin_internal.refuse_truncate'::regproc,
                            'margin_internal.refuse_children'::regproc));
END;
COMMENT ON FUNCTION margin_internal.guard_triggers() IS
'The triggers of guard and levels, each with its part in it (guard, levels, verdict, truncate, children), the account column of the first two, and its book. '
'trusted: the owner of the table has the rights of the owner of the book. Partitions have triggers of their own only against TRUNCATE.';

CREATE FUNCTION margin.guarded_tables(OUT relation regclass, OUT account_column name, OUT book name, OUT guard boolean, OUT levels boolean)
RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.relation, t.account_column, t.book, bool_or(t.part = 'guard' AND t.enabled), bool_or(t.part = 'levels' AND t.enabled)
      FROM margin_internal.guard_triggers() AS t
     WHERE t.part IN ('guard', 'levels') AND t.trusted
     GROUP BY t.relation, t.account_column, t.book;
END;
COMMENT ON FUNCTION margin.guarded_tables() IS
'The tables that carry the triggers of guard and levels, once for each book that they feed: the column that names the account of a row, the book whose view holding shows the rows, and whether the guard and the refresh of levels are on. '
'Only tables whose owner has the rights of the book''s owner; others cannot be written.';

-- ---------------------------------------------------------------------------
-- Switching
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.set_feature(book name, feature text, enabled boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
BEGIN
    -- Each trigger where it is not as it is now wanted: a verdict is needed by
    -- either feature, and so is that no child takes part unseen.
    FOR wanted IN
        WITH t AS MATERIALIZED (
            SELECT * FROM margin_internal.guard_triggers() AS g WHERE g.book = set_feature.book AND g.trusted
        )
        SELECT t.relation, t.name, w.enabled
          FROM t,
               LATERAL (SELECT set_feature.enabled
                               OR t.part IN ('verdict', 'children') AND EXISTS (SELECT FROM t AS other
                                                                  WHERE other.relation = t.relation AND other.enabled
                                                                    AND other.part IN ('guard', 'levels') AND other.part <> feature)
                                  AS enabled) AS w
         WHERE t.part IN (feature, 'verdict', 'children', CASE feature WHEN 'guard' THEN 'truncate' END) AND t.enabled <> w.enabled
         ORDER BY t.relation, t.name
    LOOP
        EXECUTE format('ALTER TABLE %s %s TRIGGER %I', wanted.relation,
                       CASE WHEN wanted.enabled THEN 'ENABLE' ELSE 'DISABLE' END, wanted.name);
    END LOOP;
    RETURN (SELECT count(*) FROM margin.guarded_tables() AS g WHERE g.book = set_feature.book);
END
$$;
COMMENT ON FUNCTION margin_internal.set_feature(name, text, boolean) IS
'Enables or disables the triggers of a feature (guard or levels) on the tables of a book, and returns their number. For the owner of the tables; nothing for null.';

CREATE FUNCTION margin_internal.switch_feature(book name, feature text, enabled boolean) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF enabled THEN
        PERFORM margin_internal.refuse_distributed(book, 'writes are not seen here');
    END IF;
    IF margin_internal.set_feature(book, feature, enabled) = 0 THEN
        -- a book that is there, or an error that says so
        PERFORM margin_internal.enter_book(book);
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('book "%s" has no tables to guard', book),
            HINT = 'margin.guard_table() puts the triggers on the tables that its view holding reads.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.switch_feature(name, text, boolean) IS
'What enable_guard() and its sisters share: switches a feature (guard or levels) of a book on or off, an error where the book has no tables; nothing for null.';

CREATE FUNCTION margin.enable_guard(book name) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin_internal.switch_feature(book, 'guard', true);
END;
COMMENT ON FUNCTION margin.enable_guard(name) IS
'Switches the write guard of a book on: for its own tables balance, position and open_order, and those named to guard_table(). '
'Waits for transactions that are writing them; for their owner; survives dump and restore; nothing for null.';

CREATE FUNCTION margin.disable_guard(book name) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin_internal.switch_feature(book, 'guard', false);
END;
COMMENT ON FUNCTION margin.disable_guard(name) IS
'Switches the write guard of a book off, after which it costs nothing. For the owner of its tables; nothing for null.';

CREATE FUNCTION margin.enable_levels(book name, notify boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.switch_feature(book, 'levels', true);
    IF book IS NOT NULL AND notify IS NOT NULL THEN
        PERFORM margin_internal.enter_book(book);
        EXECUTE format('ALTER TABLE level_event %s TRIGGER level_event_notify', CASE WHEN notify THEN 'ENABLE' ELSE 'DISABLE' END);
    END IF;
END
$$;
COMMENT ON FUNCTION margin.enable_levels(name, boolean) IS
'From now on writes to the tables of a book refresh the levels of the accounts that they touch, as refresh_levels() does for all. '
'notify: whether changes of levels are notified (channel margin_level); with false a transaction that changes levels can be prepared, as one that writes shards on several nodes is; null: as it was, at first they are. '
'For the owner of the tables; survives dump and restore; nothing for a null book.';

CREATE FUNCTION margin.disable_levels(book name) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin_internal.switch_feature(book, 'levels', false);
END;
COMMENT ON FUNCTION margin.disable_levels(name) IS
'Writes to the tables of a book no longer refresh levels. For the owner of the tables; nothing for null.';

-- ---------------------------------------------------------------------------
-- Which tables
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.add_guard_triggers(book name, target regclass, account_column name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holding text := format('%I.holding', book);
    relations regclass[] := ARRAY(SELECT target UNION SELECT p.relid FROM pg_partition_tree(target) AS p);
    suffix text;
    part regclass;
BEGIN
    -- A table that feeds several books has the triggers of each.
    SELECT s INTO STRICT suffix
      FROM generate_series(1, 1000) AS n, LATERAL (SELECT CASE WHEN n = 1 THEN '' ELSE '_' || n END AS s) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger AS g
                        WHERE g.tgrelid = ANY (relations)
                          AND g.tgname IN ('margin_guard' || s, 'margin_levels' || s, 'margin_verdict' || s, 'margin_truncate' || s, 'margin_children' || s))
     ORDER BY n LIMIT 1;

    -- Triggers fire in order of their names: a verdict comes after what it is on.
    EXECUTE format(
        'CREATE TRIGGER margin_guard%4$s AFTER INSERT OR UPDATE OR DELETE ON %1$s
             FOR EACH ROW WHEN (%3$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account(%2$L, ''guard'');
         CREATE TRIGGER margin_levels%4$s AFTER INSERT OR UPDATE OR DELETE ON %1$s
             FOR EACH ROW WHEN (%3$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account(%2$L, ''levels'');
         CREATE CONSTRAINT TRIGGER margin_verdict%4$s AFTER INSERT OR UPDATE OR DELETE ON %1$s
             DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (%3$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.check_accounts();
         COMMENT ON TRIGGER margin_guard%4$s ON %1$s IS ''notes the accounts that the guard is to judge'';
         COMMENT ON TRIGGER margin_levels%4$s ON %1$s IS ''notes the accounts whose levels are to be refreshed'';
         COMMENT ON TRIGGER margin_verdict%4$s ON %1$s IS ''judges the accounts that the transaction touched'';
         ALTER TABLE %1$s DISABLE TRIGGER margin_guard%4$s, DISABLE TRIGGER margin_levels%4$s, DISABLE TRIGGER margin_verdict%4$s',
        target, account_column, holding, suffix);
    IF (SELECT c.relkind <> 'p' FROM pg_class AS c WHERE c.oid = target) THEN
        EXECUTE format(
            'CREATE TRIGGER margin_children%3$s BEFORE INSERT OR UPDATE OR DELETE ON %1$s
                 FOR EACH STATEMENT WHEN (%2$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.refuse_children();
             COMMENT ON TRIGGER margin_children%3$s ON %1$s IS ''rows of tables that inherit would bypass the guard'';
             ALTER TABLE %1$s DISABLE TRIGGER margin_children%3$s', target, holding, suffix);
    END IF;
    FOREACH part IN ARRAY relations LOOP
        EXECUTE format(
            'CREATE TRIGGER margin_truncate%3$s BEFORE TRUNCATE ON %1$s
                 FOR EACH STATEMENT WHEN (%2$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.refuse_truncate();
             COMMENT ON TRIGGER margin_truncate%3$s ON %1$s IS ''TRUNCATE would bypass the guard'';
             ALTER TABLE %1$s DISABLE TRIGGER margin_truncate%3$s', part, holding, suffix);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.add_guard_triggers(name, regclass, name) IS
'Puts the triggers of guard and levels of a book on a table, disabled, under names that are not taken there. Use guard_table(), which checks and enables them; nothing for null.';

CREATE FUNCTION margin.unguard_table(book name, target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.relation, t.name FROM margin_internal.guard_triggers() AS t
         WHERE t.book = unguard_table.book
           AND (t.relation = target
                OR t.part = 'truncate' AND t.relation IN (SELECT p.relid FROM pg_partition_tree(target) AS p))
         ORDER BY t.relation, t.name
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.unguard_table(name, regclass) IS
'Takes the triggers of guard and levels of a book off a table; guard_table() puts them back. For the owner of the table; nothing for null.';

CREATE FUNCTION margin.guard_table(book name, target regclass, account_column name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    PERFORM margin_internal.refuse_distributed(book, 'writes are not seen here');
    PERFORM margin_internal.check_guardable(target, account_column, book);
    SELECT bool_or(t.guard) AS guard, bool_or(t.levels) AS levels INTO present
      FROM margin.guarded_tables() AS t WHERE t.book = guard_table.book;
    PERFORM margin.unguard_table(book, target);
    PERFORM margin_internal.add_guard_triggers(book, target, account_column);
    -- as the book's tables are; on for its first
    PERFORM margin_internal.set_feature(book, 'guard', coalesce(present.guard, true));
    PERFORM margin_internal.set_feature(book, 'levels', coalesce(present.levels, false));
END
$$;
COMMENT ON FUNCTION margin.guard_table(name, regclass, name) IS
'Guards a table whose rows belong to the accounts in a column (smallint, integer, bigint, text, varchar, uuid) that the view holding of the book shows, unchanged, as account_id: that is traced through views, subqueries, joins and unions, now and when the view is replaced, and refused where it cannot be (0A000). '
'The first table of a book is guarded at once, others as those that it has. Call it again after partitions were added or the column renamed. '
'For the owner of the table, who needs the rights of the owner of the book; nothing for null.';
