-- grow: one more shard, by a second cluster beside the first into which the accounts move

CREATE FUNCTION margin.add_shard(book name, server name, next name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    servers name[];
    venue name;
    present name[];
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    IF server IS NULL OR next IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a further shard needs a server, and the next cluster a name';
    ELSIF next = book THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('the next cluster needs another name than "%s"', book),
            HINT = 'They stand side by side, until switch_book() renames them.';
    END IF;
    PERFORM margin_internal.check_server(server);
    servers := ARRAY(SELECT s.server FROM shard AS s ORDER BY s.shard);
    IF server = ANY (servers) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('server "%s" holds a shard of book "%s" already', server, book);
    END IF;
    servers := servers || server;
    IF margin_internal.is_cluster(next) THEN
        PERFORM margin_internal.check_schema(next);
        EXECUTE format('SELECT array_agg(s.server ORDER BY s.shard) FROM %I.shard AS s', next) INTO present;
        IF present = servers THEN
            RETURN;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('book "%s" is there already, over other shards', next),
            DETAIL = format('It is over %s, not over %s.', array_to_string(present, ', '), array_to_string(servers, ', ')),
            HINT = format('If nobody needs it, DROP SCHEMA %I CASCADE drops it.', next);
    END IF;

    -- Shards are read as of the first question to them: a market that came after
    -- that could not be followed by the one that create_cluster() sends.
    SELECT n.nspname INTO venue FROM about() AS a JOIN pg_namespace AS n ON n.oid = a.venue;
    EXECUTE format('LOCK TABLE %I.published_market IN SHARE ROW EXCLUSIVE MODE', venue);
    IF to_regnamespace(quote_ident(next)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', next);
    END IF;
    PERFORM margin_internal.ask_shards(book, 'create_next', jsonb_build_object('next', next));
    PERFORM margin.create_cluster(next, venue, servers, (SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = 'balance'::regclass AND a.attname = 'account_id'), next);
END
$$;
COMMENT ON FUNCTION margin.add_shard(name, name, name) IS
'makes a cluster next over the shards of a cluster and the one that a further server leads to, in schemas next on the shards, which it makes; on the new server create_shard(next) has been called before. The first cluster stays as it is: move_accounts() and switch_book() follow. In one transaction, in which prices of the venue wait; nothing where it has been done already. Errors: of create_cluster(), a server that holds a shard already (42710), the name that the books have on the shards (22023), accounts there in a book next (55000)';

-- Rows of the source that the target lacks are added there, and those that it has
-- besides are deleted first, as they may have the keys of others.
CREATE FUNCTION margin_internal.make_same(target text, source text, condition text, columns text, key text) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted bigint;
    added bigint;
BEGIN
    EXECUTE format('DELETE FROM %1$s WHERE (%2$s) IN (SELECT %2$s FROM (SELECT %3$s FROM %1$s WHERE %4$s EXCEPT (%5$s)) AS surplus)', target, key, columns, condition, source);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    EXECUTE format('INSERT INTO %1$s (%2$s) (%3$s) EXCEPT SELECT %2$s FROM %1$s WHERE %4$s', target, columns, source, condition);
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN deleted + added;
END
$$;
COMMENT ON FUNCTION margin_internal.make_same(text, text, text, text, text) IS
'gives a table, as far as its rows satisfy a condition, the rows of a query, and no others; how many it deleted and added. All are text that the caller vouches for: the relation, the query, the condition, columns, and which of them are the key';

CREATE FUNCTION margin_internal.moved_parts(OUT name text, OUT key text, OUT by_account boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.name, m.key, m.by_account
      FROM (VALUES ('balance', 'account_id, asset', true), ('position', 'account_id, contract, side', true), ('open_order', 'account_id, order_id', true),
                   ('book_rule', 'rule, value', false), ('interest_hour', 'accrued_at', false), ('funding_settlement', 'contract, settled_at, rate', false)) AS m (name, key, by_account);
END;
COMMENT ON FUNCTION margin_internal.moved_parts() IS 'the tables of shards that move with accounts, and those that every shard has to have alike; what tells rows apart';

CREATE FUNCTION margin.move_accounts(book name, next name, shard integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    targets integer[];
    condition text := 'true';
    written bigint := 0;
BEGIN
    PERFORM margin_internal.enter_book(next);
    PERFORM margin_internal.require_cluster(next);
    PERFORM margin_internal.check_schema(next);
    targets := ARRAY(SELECT s.shard FROM shard AS s ORDER BY s.shard);
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    IF move_accounts.shard IS NOT NULL THEN
        -- what is only stable is not computed on the shards, where that table is another one
        SELECT format('CASE WHEN now() IS NOT NULL THEN satisfies_hash_partition(%L::regclass, %s, %s, account_id) END', format('%I.balance', book), s.modulus, s.remainder) INTO condition
          FROM shard AS s WHERE s.shard = move_accounts.shard;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('book "%s" has no shard %s', book, move_accounts.shard);
        END IF;
    END IF;

    FOR part IN SELECT p.*, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                              WHERE a.attrelid = p.name::regclass AND a.attnum > 0 AND NOT a.attisdropped) AS columns
                  FROM margin_internal.moved_parts() AS p LOOP
        IF part.by_account THEN
            written := written + margin_internal.make_same(format('%I.%I', next, part.name), format('SELECT %s FROM %I.%I WHERE %s', part.columns, book, part.name, condition),
                                                           condition, part.columns, part.key);
        ELSE
            -- what all shards have; of what each notes besides, the first
            SELECT written + coalesce(sum(margin_internal.make_same(format('%I.%I', next, part.name || '_shard' || t.shard),
                       format('SELECT DISTINCT ON (%1$s) %2$s FROM %3$I.%4$I WHERE (%1$s) IN (SELECT %1$s FROM %3$I.%4$I GROUP BY %1$s HAVING count(*) = (SELECT count(*) FROM %3$I.shard)) ORDER BY %1$s, %2$s',
                              part.key, part.columns, book, part.name), 'true', part.columns, part.key)), 0)
              INTO written FROM unnest(targets) AS t (shard);
        END IF;
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION margin.move_accounts(name, name, integer) IS
'gives the cluster next the balances, positions and orders of a cluster, and no others, and each of its shards the rules, charged hours and settled instants that all shards of the first have. Returns how many rows it deleted and added, a changed one counts twice; 0: all are the same. Can be called again as often as needed, also while others write. shard: only the accounts that are on that shard of the first, null: all. For the owner of both';

CREATE FUNCTION margin_internal.check_alike(book name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    differing bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOR part IN SELECT p.* FROM margin_internal.moved_parts() AS p WHERE NOT p.by_account LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I GROUP BY %s HAVING count(*) <> (SELECT count(*) FROM shard)) AS d', part.name, part.key) INTO differing;
        IF differing > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('the shards of book "%s" differ in %s rows of "%s"', book, differing, part.name),
                HINT = CASE part.name WHEN 'book_rule' THEN 'Give each of them the same rules.' ELSE 'Accounts are charged alike on all shards before they move: do on each what has been done on some.' END;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.check_alike(name) IS 'an error where the shards of a cluster have other rules, charged hours or settled instants than each other';

CREATE FUNCTION margin_internal.switch_cluster(book name, next name, before name, move boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written bigint;
    sender record;
BEGIN
    PERFORM margin_internal.enter_book(next);
    PERFORM margin_internal.require_cluster(next);
    PERFORM margin_internal.check_schema(next);
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    IF before IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('book "%s" needs a name that it has from then on', book);
    END IF;
    -- First here, where writers wait and then find the next book; what they have
    -- written is there when the shards are asked for the first time.
    LOCK TABLE balance, position, open_order IN SHARE ROW EXCLUSIVE MODE;
    PERFORM margin_internal.ask_shards(book, 'close', jsonb_build_object('next', next));
    PERFORM margin_internal.check_alike(book);
    written := margin.move_accounts(book, next);
    IF written > 0 AND move IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('books "%s" and "%s" differ: %s rows would have to be deleted and added', book, next, written),
            HINT = format('Call margin.move_accounts(%L, %L) again when nobody writes any more, or say move => true.', book, next);
    END IF;

    EXECUTE format('ALTER SCHEMA %I RENAME TO %I', book, before);
    EXECUTE format('ALTER SCHEMA %I RENAME TO %I', next, book);
    FOR sender IN SELECT t.tgname AS name, t.tgrelid::regclass AS relation, n.nspname AS cluster
                    FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
                   WHERE p.proname = 'send_market' AND n.nspname IN (before, book) AND t.tgname <> 'send to ' || n.nspname ORDER BY n.nspname = book LOOP
        EXECUTE format('ALTER TRIGGER %I ON %s RENAME TO %I', sender.name, sender.relation, 'send to ' || sender.cluster);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.switch_cluster(name, name, name, boolean) IS 'switch_book(), as the first that its transaction does';

-- A shard shows a transaction what it has when it is first asked: whoever had asked
-- it before would compare what was there before the locks.
CREATE PROCEDURE margin.switch_book(book name, next name, before name, move boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
BEGIN
    -- An error here, inside of a transaction block, comes before all else.
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM margin_internal.switch_cluster(book, next, before, move);
END
$$;
COMMENT ON PROCEDURE margin.switch_book(name, name, name, boolean) IS
'makes cluster next, into which the accounts of a cluster have moved, the one of that name, and calls the other one before, in one transaction: whoever writes through the coordinator waits and then writes the new one; the books under the other one refuse all writes from then on. Errors, after which nothing has changed: rows differ, and how many would have to be deleted and added (55000; with move they are, with the locks held), rules, charged hours or settled instants that not all shards have (55000), somebody writes on a shard past the coordinator (55P03). For the owner of both and of the venue, not inside of a transaction block';
