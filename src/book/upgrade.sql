-- upgrade: venues and books brought to the present release, and dropped
--
-- Each paragraph of a script makes one object.  Whether somebody has changed
-- an object since is found out by making it again, inside a subtransaction,
-- and comparing what the server prints before and after: as this release makes
-- it, or as an earlier one did.

CREATE FUNCTION margin_internal.script_objects(script text[], OUT n bigint, OUT kind text, OUT name text, OUT relation text, OUT paragraph text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.n, lower(m.part[1]), m.part[2], t.part[1], s.paragraph
      FROM unnest(script) WITH ORDINALITY AS s (paragraph, n),
           LATERAL regexp_match(s.paragraph, '^CREATE (?:CONSTRAINT )?(TABLE|VIEW|FUNCTION|TRIGGER) ([a-z_]+)') AS m (part)
      LEFT JOIN LATERAL regexp_match(s.paragraph, '^CREATE (?:CONSTRAINT )?TRIGGER .*? ON ([a-z_]+)') AS t (part) ON true
     WHERE m.part IS NOT NULL
     ORDER BY s.n;
END;
COMMENT ON FUNCTION margin_internal.script_objects(text[]) IS 'the objects that a script makes, in order; relation is the table of a trigger';

CREATE FUNCTION margin_internal.definition(schema name, kind text, name text, relation text) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT oid := to_regclass(format('%I.%I', schema, coalesce(relation, name)));
BEGIN
    CASE kind
        WHEN 'table' THEN
            RETURN target::regclass::text;
        WHEN 'view' THEN
            RETURN (SELECT concat_ws(E'\n', array_to_string(c.reloptions, ', '), pg_get_viewdef(c.oid)) FROM pg_class AS c WHERE c.oid = target);
        WHEN 'trigger' THEN
            RETURN (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = definition.name);
        ELSE
            -- how parallel it is, is the book's matter: keep_out_of_workers()
            RETURN (SELECT string_agg(replace(pg_get_functiondef(p.oid), ' PARALLEL SAFE', ''), E'\n' ORDER BY pg_get_function_identity_arguments(p.oid))
                      FROM pg_proc AS p
                     WHERE p.pronamespace = quote_ident(schema)::regnamespace AND p.proname = definition.name);
    END CASE;
END
$$;
COMMENT ON FUNCTION margin_internal.definition(name, text, text, text) IS
'an object of a schema as the server prints it; of a table only its name, for what a table is its owner decides; null: there is none';

-- What a paragraph makes of an object: 'created' where it was not there,
-- 'changed' where it was another one, null where it is the same.  Changes are
-- undone unless they are wanted.
CREATE FUNCTION margin_internal.remake(schema name, object record, overwrite boolean) RETURNS text
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT text := margin_internal.definition(schema, object.kind, object.name, object.relation);
    after text;
BEGIN
    IF before IS NULL THEN
        PERFORM margin_internal.run_script(schema, ARRAY[object.paragraph]);
        RETURN 'created';
    ELSIF object.kind IN ('table', 'trigger') THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM margin_internal.run_script(schema, ARRAY[regexp_replace(object.paragraph, '^CREATE ', 'CREATE OR REPLACE ')]);
        after := margin_internal.definition(schema, object.kind, object.name, object.relation);
        IF before <> after AND NOT overwrite THEN
            RAISE EXCEPTION USING ERRCODE = 'MG900', MESSAGE = 'undo';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'MG900' THEN
            RETURN 'differs';
        WHEN invalid_table_definition OR invalid_function_definition OR feature_not_supported THEN
            -- it cannot be replaced: it has other columns or another result
            RETURN 'differs';
    END;
    RETURN CASE WHEN before <> after THEN 'replaced' END;
END
$$;
COMMENT ON FUNCTION margin_internal.remake(name, record, boolean) IS
'makes an object of a script again: created, replaced (only if overwrite), differs (it is another one and was left as it is), or null: it is as the script makes it';

-- Functions of one name are told apart by their arguments.
CREATE FUNCTION margin_internal.signature(paragraph text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN coalesce(regexp_replace(substring(paragraph FROM '^CREATE FUNCTION [a-z_]+?[(].*?[)][[:space:]]+?(?:RETURNS|LANGUAGE)'), '[[:space:]]+', ' ', 'g'),
                substring(paragraph FROM '^CREATE VIEW [a-z_]+'));
COMMENT ON FUNCTION margin_internal.signature(text) IS 'what a paragraph makes, function or view, with the arguments; null: something else';

CREATE FUNCTION margin_internal.is_as_made(schema name, object record, former text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT text := margin_internal.definition(schema, object.kind, object.name, object.relation);
    paragraph text;
    same boolean := false;
BEGIN
    FOR paragraph IN
        SELECT p.paragraph
          FROM unnest(object.paragraph || former) WITH ORDINALITY AS p (paragraph, n)
         WHERE margin_internal.signature(p.paragraph) = margin_internal.signature(object.paragraph)
         ORDER BY p.n
    LOOP
        BEGIN
            PERFORM margin_internal.run_script(schema, ARRAY[regexp_replace(paragraph, '^CREATE ', 'CREATE OR REPLACE ')]);
            same := margin_internal.definition(schema, object.kind, object.name, object.relation) = present;
            RAISE EXCEPTION USING ERRCODE = 'MG900', MESSAGE = 'undo';
        EXCEPTION
            WHEN SQLSTATE 'MG900' OR syntax_error_or_access_rule_violation OR feature_not_supported THEN
                -- it cannot be made of what is there, or reads what is yet to come
                EXIT WHEN same;
        END;
    END LOOP;
    RETURN same;
END
$$;
COMMENT ON FUNCTION margin_internal.is_as_made(name, record, text[]) IS
'whether a function or view of a schema is as its paragraph makes it, or as one of former does, of an earlier release; changes nothing';

-- What CREATE OR REPLACE cannot do, in order: columns of tables, dropped functions.
-- A step is taken where its condition holds, an SQL expression, and makes it false:
-- so it may be a schema that was dumped, one upgraded halfway, or one that is venue
-- and book at once.  Condition and command name objects of the schema without it.
CREATE FUNCTION margin_internal.upgrade_steps(OUT number integer, OUT script text, OUT condition text, OUT command text) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT s.number, s.script, s.condition, s.command
      FROM (VALUES
            (1, 'book', $$(SELECT a.atttypid = 'bigint'::regtype FROM pg_attribute AS a WHERE a.attrelid = 'account_level'::regclass AND a.attname = 'epoch')$$, $$
            DROP INDEX IF EXISTS account_level_epoch_idx;
            -- never more room than there is
            ALTER TABLE account_level
                ALTER epoch TYPE integer,
                ALTER room TYPE real USING CASE WHEN room::real <= room THEN room::real ELSE (room * (1 - 1e-7::double precision))::real END,
                SET (autovacuum_vacuum_scale_factor = 0.02);
            CREATE INDEX account_level_epoch_idx ON account_level (epoch, room) INCLUDE (mask, account_id);
            COMMENT ON INDEX account_level_epoch_idx IS 'finds the accounts whose level prices that have moved so far may have changed';
            ALTER TABLE level_epoch ALTER epoch TYPE integer;
            $$)) AS s (number, script, condition, command)
     ORDER BY s.number;
END;
COMMENT ON FUNCTION margin_internal.upgrade_steps() IS
'the numbered steps of upgrades: which script of venues or books (venue, source, book, shard, incoming), whether it is to be taken, and the statements';

CREATE FUNCTION margin_internal.take_step(schema name, condition text, command text) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    due boolean;
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', schema), true);
    EXECUTE format('SELECT %s', condition) INTO due;
    IF due THEN
        PERFORM margin_internal.run_script(schema, ARRAY[command]);
    END IF;
    RETURN coalesce(due, false);
END
$$;
COMMENT ON FUNCTION margin_internal.take_step(name, text, text) IS 'takes a step of an upgrade in a schema if it is due, and returns whether';

CREATE FUNCTION margin_internal.upgrade(schema name, kind text, script text[], former text[], overwrite boolean, OUT object text, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- asked before anything changes, since a view's columns show in the definition of whatever reads it
    untouched CONSTANT bigint[] := ARRAY(SELECT o.n FROM margin_internal.script_objects(script) AS o WHERE margin_internal.is_as_made(schema, o, former));
    step record;
    made record;
BEGIN
    FOR step IN SELECT * FROM margin_internal.upgrade_steps() AS s WHERE s.script = kind ORDER BY s.number LOOP
        IF margin_internal.take_step(schema, step.condition, step.command) THEN
            object := format('step %s', step.number);
            action := 'done';
            RETURN NEXT;
        END IF;
    END LOOP;
    FOR made IN SELECT * FROM margin_internal.script_objects(script) AS o ORDER BY o.n LOOP
        action := margin_internal.remake(schema, made, overwrite OR made.n = ANY (untouched));
        object := concat_ws(' ', made.kind, made.name, 'on ' || made.relation);
        IF action IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.upgrade(name, text, text[], text[], boolean) IS
'takes the steps that are due, makes what a script makes and is not there, or is as former statements made it, and tells what is another one';

CREATE FUNCTION margin.upgrade_venue(venue name, overwrite boolean DEFAULT false, OUT object text, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    propagation CONSTANT text := margin_internal.set_propagation('off');
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.check_schema(venue);
    RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(venue, 'venue', margin_internal.venue_script(), margin_internal.former_script(), coalesce(overwrite, false)) AS u;
    IF NOT EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = venue AND s.is_book) THEN
        PERFORM margin_internal.describe(venue, venue);
    END IF;
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.upgrade_venue(name, boolean) IS
'brings the objects of a venue to this release and keeps every row; for its owner. Returns what it did: created (it was not there), replaced, done (a step), differs (somebody has changed it: left as it is unless overwrite); what is switched off stays off; no row where nothing was to do';

CREATE FUNCTION margin.upgrade_book(book name, overwrite boolean DEFAULT false, OUT object text, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present margin.about;
    former CONSTANT text[] := margin_internal.former_script();
    judge name;
    source regclass;
    distributed boolean;
    is_shard boolean;
    propagation CONSTANT text := margin_internal.set_propagation('off');
    kept_out CONSTANT boolean := EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
                                         WHERE n.nspname = book AND p.proname = 'account_margin' AND p.proparallel = 'u');
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.refuse_cluster(book, format('Upgrade the book of each shard; then drop the cluster and call create_cluster() again. DROP SCHEMA %I CASCADE drops the cluster here and leaves the rows of the shards alone.', book));
    PERFORM margin_internal.check_schema(book);
    SELECT a.* INTO present FROM about() AS a;
    source := to_regclass('market_source');
    is_shard := to_regclass('shard_request') IS NOT NULL;
    judge := coalesce((SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = present.venue), book);
    distributed := margin_internal.is_distributed('holding'::regclass);
    IF distributed THEN
        PERFORM margin_internal.check_shipped_market(book, source);
    END IF;
    overwrite := coalesce(overwrite, false);
    IF is_shard THEN
        RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(book, 'incoming', margin_internal.incoming_script(), former, overwrite) AS u;
    END IF;
    IF source IS NOT NULL THEN
        RETURN QUERY SELECT u.object, u.action
                       FROM margin_internal.upgrade(book, 'source', margin_internal.source_script_of(source, margin_internal.source_script()),
                                                    margin_internal.source_script_of(source, former), overwrite) AS u;
    END IF;
    PERFORM margin_internal.create_bridges(book, judge);
    RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(book, 'book', margin_internal.book_script_of(distributed), former, overwrite) AS u;
    IF is_shard THEN
        RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(book, 'shard', margin_internal.shard_script(), former, overwrite) AS u;
    END IF;
    IF distributed OR kept_out THEN
        PERFORM margin_internal.keep_out_of_workers(book);
    END IF;
    PERFORM margin_internal.comment_valuation_columns(book);
    PERFORM margin_internal.describe(book, CASE WHEN source IS NULL THEN judge END, present.balances, present.positions, present.orders);
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.upgrade_book(name, boolean) IS
'brings the objects of a book to this release and keeps every row; for its owner; otherwise as upgrade_venue(). Tables of balances, positions and orders and the views holding and flawed_holding are left as they are';

-- ---------------------------------------------------------------------------
-- Dropping
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.drop_commands(schema name, kind text, name text) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN kind = 'function' THEN
                    ARRAY(SELECT format('DROP FUNCTION %s', p.oid::regprocedure) FROM pg_catalog.pg_proc AS p
                           WHERE p.pronamespace = quote_ident(schema)::regnamespace AND p.proname = drop_commands.name)
                WHEN to_regclass(format('%I.%I', schema, name)) IS NOT NULL THEN ARRAY[format('DROP %s %I.%I', upper(kind), schema, name)]
                ELSE '{}' END;
END;
COMMENT ON FUNCTION margin_internal.drop_commands(name, text, text) IS 'commands that drop an object of a schema, as many as it has of that name';

-- Objects hold on to one another in every direction, and DROP takes one kind
-- at a time.  So each round drops what nothing holds on to any more.
CREATE FUNCTION margin_internal.drop_objects(schema name, script text[]) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    command text;
    left_over text[];
    before integer;
    holder text;
    detail text;
BEGIN
    LOOP
        SELECT array_agg(d.command ORDER BY d.n DESC) INTO left_over
          FROM (SELECT c.command, max(o.n) AS n
                  FROM margin_internal.script_objects(script) AS o, unnest(margin_internal.drop_commands(schema, o.kind, o.name)) AS c (command)
                 WHERE o.kind <> 'trigger'
                 GROUP BY c.command) AS d;
        EXIT WHEN left_over IS NULL;
        before := cardinality(left_over);
        FOREACH command IN ARRAY left_over LOOP
            BEGIN
                EXECUTE command;
                before := before - 1;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                GET STACKED DIAGNOSTICS holder = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
            END;
        END LOOP;
        IF before = cardinality(left_over) THEN
            RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist', MESSAGE = holder, DETAIL = detail,
                HINT = 'Drop what depends on it first, or DROP SCHEMA ... CASCADE.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.drop_objects(name, text[]) IS 'drops what a script has made in a schema, nothing else; an error if something else depends on it';

CREATE FUNCTION margin.drop_book(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present margin.about;
    own boolean;
    is_venue boolean;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.refuse_cluster(book, format('margin.drop_shard() drops the book of a shard, with its rows. DROP SCHEMA %I CASCADE drops the cluster here and leaves the rows of the shards alone.', book));
    PERFORM margin_internal.check_schema(book);
    SELECT a.* INTO present FROM about() AS a;
    -- What create_book() makes bears its trigger: tables of the same names may
    -- have been there before.
    own := (present.balances, present.positions, present.orders)
               IS NOT DISTINCT FROM (to_regclass('balance'), to_regclass('position'), to_regclass('open_order'))
           AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = present.positions AND t.tgfoid = 'margin_internal.set_side'::regproc);
    is_venue := EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book AND s.is_venue);
    PERFORM margin.unguard_table(drop_book.book, t.relation) FROM margin.guarded_tables() AS t WHERE t.book = drop_book.book;
    EXECUTE format('DROP FUNCTION %I.about()', book);
    PERFORM margin_internal.drop_objects(book, CASE WHEN own THEN margin_internal.facts_script() ELSE '{}' END
        || CASE WHEN to_regclass('market_source') IS NOT NULL THEN margin_internal.source_script() || 'CREATE VIEW market_source'::text ELSE '{}' END
        || ARRAY['CREATE VIEW holding', 'CREATE VIEW flawed_holding']
        || ARRAY(SELECT 'CREATE FUNCTION ' || p.proname FROM pg_proc AS p WHERE p.pronamespace = quote_ident(book)::regnamespace AND p.proname ~ '^venue_'
                  GROUP BY p.proname)
        || margin_internal.book_script_of(margin_internal.is_distributed('holding'::regclass)));
    IF is_venue THEN
        PERFORM margin_internal.describe(book, book);
    END IF;
END
$$;
COMMENT ON FUNCTION margin.drop_book(name) IS
'drops what create_book() has made, its own tables with their rows, levels, journals and snapshots too, and the triggers of the guard; for its owner. Existing tables that the book was made over stay, and so does the schema. An error if something else depends on it';

CREATE FUNCTION margin.drop_venue(venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book name;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.check_schema(venue);
    SELECT b.name INTO book
      FROM margin_internal.schemas AS v JOIN margin_internal.schemas AS b ON b.venue_id = v.oid AND b.is_book
     WHERE v.name = drop_venue.venue ORDER BY b.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('cannot drop venue "%s": book "%s" is judged by it', venue, book),
            HINT = 'margin.drop_book() drops a book.';
    END IF;
    EXECUTE format('DROP FUNCTION %I.about()', venue);
    PERFORM margin_internal.drop_objects(venue, margin_internal.venue_script());
END
$$;
COMMENT ON FUNCTION margin.drop_venue(name) IS
'drops what create_venue() has made, with its rows; for its owner; the schema stays. An error if a book is judged by it, or if something else depends on it';
