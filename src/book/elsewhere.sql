-- elsewhere: books whose accounts live on shards, as the functions of a book meet them
--
-- margin.create_cluster() makes them. What a book does for all its accounts it asks
-- of the shards, or it says that it has to be done there.

-- In PL/pgSQL, which keeps its plan, as every refresh asks.
CREATE FUNCTION margin_internal.is_cluster(book name) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(*) = 2 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = is_cluster.book AND (c.relname, c.relkind) IN (('shard', 'r'), ('holding', 'p')));
END
$$;
COMMENT ON FUNCTION margin_internal.is_cluster(name) IS 'whether the accounts of a book live on shards';

CREATE FUNCTION margin_internal.refuse_cluster(book name, hint text DEFAULT 'Call this on each shard.') RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.is_cluster(book) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('the accounts of book "%s" live on shards', book),
            HINT = refuse_cluster.hint;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_cluster(name, text) IS 'an error for a cluster, from what has to run where the accounts are, with a hint';

-- In the order of their numbers, for everybody, so that nobody waits in a circle.
CREATE FUNCTION margin_internal.ask_shards(book name, command text, argument jsonb DEFAULT NULL, OUT shard integer, OUT result jsonb) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOR shard IN SELECT s.shard FROM shard AS s ORDER BY s.shard LOOP
        EXECUTE format('INSERT INTO %I (command, argument) VALUES ($1, $2) RETURNING result', 'shard_request_shard' || shard)
           INTO result USING command, argument;
        RETURN NEXT;
    END LOOP;
    PERFORM margin_internal.judge_first();
END
$$;
COMMENT ON FUNCTION margin_internal.ask_shards(name, text, jsonb) IS 'has each shard carry out a command, in the transaction of the caller, and returns the answers; an error of one is an error';

-- A coordinator reads at REPEATABLE READ or above, by an instant at which there
-- may have been another market: then this is an error (40001).
CREATE FUNCTION margin_internal.judges_by_the_present() RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        RETURN true;
    ELSIF to_regclass('shard_request') IS NULL OR NOT has_table_privilege('published_market', 'UPDATE') THEN
        RETURN false;
    END IF;
    PERFORM FROM published_market FOR SHARE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION margin_internal.judges_by_the_present() IS 'whether the market that the transaction sees in the book is the present one, and will be until it ends: at READ COMMITTED the next statement sees the next one, and on a shard none is let in';
