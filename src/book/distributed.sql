-- distributed: books over tables that Citus distributes
--
-- The coordinator's own table of that name is empty.  What reads it behind
-- Citus's back would find nothing and say so of every account; so what cannot be
-- asked of the shards is refused.

CREATE FUNCTION margin_internal.is_distributed(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found boolean;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE $query$
        WITH RECURSIVE read (relation) AS (
            SELECT $1
            UNION
            SELECT d.refobjid
              FROM read AS r
              JOIN pg_rewrite AS w ON w.ev_class = r.relation
              JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        )
        SELECT EXISTS (SELECT FROM read AS r JOIN pg_dist_partition AS p ON p.logicalrelid = r.relation)
    $query$ INTO found USING relation::oid;
    RETURN found;
END
$$;
COMMENT ON FUNCTION margin_internal.is_distributed(regclass) IS
'whether a table, or one that a view reads, is distributed by Citus, a reference table, or another whose rows only Citus finds; false for null';

CREATE FUNCTION margin_internal.refuse_distributed(book name, what text) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.refuse_cluster(book);
    IF margin_internal.is_distributed(to_regclass(format('%I.holding', book))) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" reads distributed tables: %s', book, what),
            DETAIL = 'The rows of its accounts are on the workers of a Citus cluster.',
            HINT = 'A book over the tables of each shard, made on its worker, does it there; the chapter on books in the manual shows how.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_distributed(name, text) IS 'an error (0A000) that says what cannot be done, for a book whose accounts are elsewhere: it reads tables distributed by Citus, or its accounts live on shards';

CREATE FUNCTION margin_internal.check_shipped_market(book name, market regclass) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF market IS NULL OR NOT margin_internal.is_distributed(market) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" reads distributed tables, so its market has to be a row of a reference table', book),
            DETAIL = 'Its accounts are valued on the workers of a Citus cluster, where the tables of a venue are not.',
            HINT = 'Have margin.publish_market() publish it, copy that row into a table made by create_reference_table(), and say create_book(..., market => that table).';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_shipped_market(name, regclass) IS 'an error (0A000) unless the market of a book over distributed tables stands in a table that is on every worker';

-- The coordinator alone reads what a venue or book is made of; what it sends to
-- the workers names tables and functions of the extension.
CREATE FUNCTION margin_internal.set_propagation(setting text) RETURNS text
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT text := current_setting('citus.enable_ddl_propagation', true);
BEGIN
    IF setting IS NOT NULL AND present IS NOT NULL THEN
        PERFORM set_config('citus.enable_ddl_propagation', setting, true);
    END IF;
    RETURN present;
END
$$;
COMMENT ON FUNCTION margin_internal.set_propagation(text) IS 'sets whether Citus makes on the workers what is made here, until the end of the transaction (null: leaves it), and returns what it was; null without Citus';

-- The same errors as where a published market is read by the session.
CREATE FUNCTION margin_internal.valid_market(markets margin.market[], id bigint, valid_until timestamptz) RETURNS margin.market
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(markets) > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'cardinality_violation', MESSAGE = format('%s markets are published for the book', cardinality(markets)),
            DETAIL = 'Its view market_source has to show one row.';
    ELSIF markets[1] IS NULL OR valid_until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'no market is published for the book',
            HINT = 'margin.publish_market() publishes one where its venue is.';
    ELSIF now() >= valid_until AND valid_until <> 'infinity' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the published market of the book has expired',
            DETAIL = format('It is market %s, and was valid until %s.', id, valid_until),
            HINT = 'Publish it again where its venue is, and copy the row.';
    END IF;
    RETURN markets[1];
END
$$;
COMMENT ON FUNCTION margin_internal.valid_market(margin.market[], bigint, timestamptz) IS
'the market of the rows that a view market_source shows; an error unless it is one (21000), and valid at now() (55000)';

CREATE FUNCTION margin_internal.given_scenarios(scenarios margin.price_move[]) RETURNS margin.price_move[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN coalesce(scenarios, margin_internal.not_published(NULL::margin.price_move[], 'scenarios'));
COMMENT ON FUNCTION margin_internal.given_scenarios(margin.price_move[]) IS 'the scenarios; an error (0A000) for null: they are not published';

-- Without parameters, as a text of its own: so Citus sends it to the shards, that
-- of one account to its shard alone.
CREATE FUNCTION margin_internal.distributed_rows(view anyelement, account text) RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.* FROM %s AS v WHERE v.account_id = %L', (SELECT t.typrelid::regclass FROM pg_type AS t WHERE t.oid = pg_typeof(view)), account);
END
$$;
COMMENT ON FUNCTION margin_internal.distributed_rows(anyelement, text) IS 'the rows of an account in a view of a book over distributed tables; the first argument is of its row type; none for a null account';

CREATE FUNCTION margin_internal.distributed_rows(view anyelement) RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.* FROM %s AS v', (SELECT t.typrelid::regclass FROM pg_type AS t WHERE t.oid = pg_typeof(view)));
END
$$;
COMMENT ON FUNCTION margin_internal.distributed_rows(anyelement) IS 'all rows of a view of a book over distributed tables; the argument is of its row type';

-- What begins with the same line as an object of the book script takes its place.
CREATE FUNCTION margin_internal.book_script_of(distributed boolean) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain CONSTANT text[] := margin_internal.book_script();
    other CONSTANT text[] := CASE WHEN distributed THEN margin_internal.distributed_script() ELSE '{}' END;
BEGIN
    RETURN ARRAY(SELECT o.paragraph FROM unnest(other) WITH ORDINALITY AS o (paragraph, n)
                  WHERE NOT EXISTS (SELECT FROM unnest(plain) AS p (paragraph) WHERE split_part(p.paragraph, E'\n', 1) = split_part(o.paragraph, E'\n', 1))
                  ORDER BY o.n)
        || ARRAY(SELECT coalesce(o.paragraph || substr(p.paragraph, strpos(p.paragraph, E'\nCOMMENT ON ')), p.paragraph)
                   FROM unnest(plain) WITH ORDINALITY AS p (paragraph, n)
                   LEFT JOIN unnest(other) AS o (paragraph) ON split_part(o.paragraph, E'\n', 1) = split_part(p.paragraph, E'\n', 1)
                  ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION margin_internal.book_script_of(boolean) IS 'the statements that make a book, over distributed tables or not';

-- A shard that Citus moves arrives without the triggers that are its worker's own.
CREATE FUNCTION margin.require_guard() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT text[] := CASE WHEN TG_NARGS = 0 THEN '{guard}' ELSE TG_ARGV END;
    missing text;
BEGIN
    SELECT w INTO missing FROM unnest(wanted) AS w
     WHERE NOT EXISTS (SELECT FROM margin_internal.guard_triggers() AS t WHERE t.relation = TG_RELID AND t.part = w AND t.enabled AND t.trusted);
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            MESSAGE = format('no book has its %s on table "%s"', missing, TG_TABLE_NAME),
            HINT = 'Make a book over it, with margin.guard_table() and margin.enable_levels(); of a shard that was moved, on the worker where it is now.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin.require_guard() IS
'Trigger, BEFORE for each statement: an error (55000) unless the guard of a book is on for the table. Arguments: guard, levels, those that have to be on; none: guard. For distributed tables (citus.enable_unsafe_triggers): it travels with their shards, whose own triggers do not.';
