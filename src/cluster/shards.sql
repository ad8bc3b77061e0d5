-- shards: a database that holds a part of a book, and what a coordinator may ask of it

CREATE FUNCTION margin_internal.hold_market(market regclass) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(market);
    LOCK TABLE published_market IN SHARE MODE;
END
$$;
COMMENT ON FUNCTION margin_internal.hold_market(regclass) IS 'keeps others from writing published_market of the schema of the relation until the transaction ends';

CREATE FUNCTION margin_internal.leave_part(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        IF EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = part::regclass AND c.conname = part || '_of_this_shard') THEN
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', part, part || '_of_this_shard');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.leave_part(name) IS 'on a shard: the tables of its book take any account, as before keep_part(). For their owner';

-- A row of an account of another shard would count in totals and not be found by
-- its key, so the tables themselves refuse it, however it is written.
CREATE FUNCTION margin_internal.keep_part(book name, modulus integer, remainder integer) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
    rule name;
BEGIN
    PERFORM margin_internal.enter_book(book);
    -- two servers of one cluster ask in two sessions, of which the second would wait for the first for ever
    IF NOT pg_try_advisory_xact_lock(hashtextextended('margin: part of ' || book, 0)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = format('book "%s" of database "%s" is being taken as a shard already', book, current_database()),
            HINT = 'Two servers of a cluster must not lead to the same database.';
    END IF;
    PERFORM margin_internal.leave_part(book);
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        rule := part || '_of_this_shard';
        BEGIN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (satisfies_hash_partition(''shard_key''::regclass, %s, %s, account_id))',
                           part, rule, modulus, remainder);
        EXCEPTION WHEN check_violation THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', SCHEMA = book, TABLE = part,
                MESSAGE = format('table "%s" of the shard has rows of accounts that belong on another shard', part),
                DETAIL = format('Of %s shards this one has the accounts whose hash leaves %s.', modulus, remainder),
                HINT = format('Move the rows where NOT satisfies_hash_partition(''%I.shard_key''::regclass, %s, %s, account_id), or name the servers in the order in which the rows are.',
                              book, modulus, remainder);
        END;
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', rule, part, 'the account is one of this shard''s, by the hash of its key: create_cluster() of the coordinator says which');
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.keep_part(name, integer, integer) IS 'on a shard: from now on the tables of its book take only accounts whose hash leaves remainder by modulus; an error (23514) where they have others, (55006) while another transaction does the same. For their owner';

-- The account keys are of the type that they have here.
CREATE FUNCTION margin_internal.create_next(book name, next name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled boolean := false;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF next = book THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('the book of the shard is called "%s" itself', book),
            HINT = 'Give the next one another name: they stand side by side.';
    ELSIF to_regnamespace(quote_ident(next)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', next);
    END IF;
    PERFORM margin_internal.check_schema(next);
    IF to_regclass(format('%I.shard_request', next)) IS NULL THEN
        PERFORM margin.create_shard(next, (SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = 'balance'::regclass AND a.attname = 'account_id'));
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.holding)', next) INTO filled;
    END IF;
    IF filled THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('book "%s" of the shard has accounts already', next),
            HINT = format('Give another name; or if nobody needs it, margin.drop_shard(%L) there drops it.', next);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.create_next(name, name) IS 'on a shard: makes a schema, and in it a shard with keys of the same type, unless it is there; an error for its own name (22023) and where that one has accounts (55000)';

CREATE FUNCTION margin_internal.refuse_closed() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('the accounts of book "%s" have moved to book "%s"', TG_TABLE_SCHEMA, TG_ARGV[0]),
        HINT = 'Write there. Where the coordinator did not get to the end of switch_book(), call that again.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_closed() IS 'trigger: the accounts are elsewhere, in the book that the argument names';

-- Without waiting: the coordinator could not see what a writer commits while it waits.
CREATE FUNCTION margin_internal.close_shard(book name, next name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    LOCK TABLE balance, position, open_order IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.refuse_closed(%L)', part, next);
        EXECUTE format('COMMENT ON TRIGGER closed ON %I IS ''the accounts have moved: see margin.switch_book() of the coordinator''', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.close_shard(name, name) IS 'on a shard: from now on its book refuses all writes of what accounts hold, which is in book next; an error (55P03) while somebody writes. For the owner of its tables';

CREATE FUNCTION margin_internal.answer_request() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book CONSTANT name := TG_TABLE_SCHEMA;
BEGIN
    PERFORM margin_internal.enter(TG_RELID);
    CASE NEW.command
        WHEN 'hold_market' THEN
            PERFORM hold_market();
        WHEN 'keep_part' THEN
            PERFORM margin_internal.keep_part(book, (NEW.argument ->> 'modulus')::integer, (NEW.argument ->> 'remainder')::integer);
        WHEN 'create_next' THEN
            PERFORM margin_internal.create_next(book, (NEW.argument ->> 'next')::name);
        WHEN 'close' THEN
            PERFORM margin_internal.close_shard(book, (NEW.argument ->> 'next')::name);
        WHEN 'judge' THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            NEW.result := to_jsonb((SELECT m.id FROM published_market AS m));
        WHEN 'refresh_levels', 'refresh_kept' THEN
            -- a market older than the one that is there by now is an error (40001)
            PERFORM FROM published_market FOR SHARE;
            NEW.result := to_jsonb(CASE NEW.command WHEN 'refresh_kept' THEN margin_internal.refresh_kept(book)
                                   ELSE margin.refresh_levels(book, (NEW.argument ->> 'everyone')::boolean, NEW.argument ->> 'cause') END);
        WHEN 'prepare_snapshots' THEN
            NEW.result := to_jsonb(margin.prepare_snapshots(book, (NEW.argument ->> 'days')::integer));
        WHEN 'drop_snapshots' THEN
            NEW.result := to_jsonb(margin.drop_snapshots(book, (NEW.argument ->> 'before')::timestamptz));
        WHEN 'take_snapshot' THEN
            NEW.result := margin_internal.take_part(book, (NEW.argument ->> 'form')::margin.snapshot_form, (NEW.argument ->> 'taken')::timestamptz);
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('a shard knows no command %s', coalesce('"' || NEW.command || '"', 'null'));
    END CASE;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_request() IS 'trigger: carries out what a coordinator asks of the shard, with the rights of the role that asks, and puts the answer into result';

CREATE FUNCTION margin.create_shard(book name, account_type regtype DEFAULT 'bigint') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_schema(book);
    PERFORM margin_internal.run_script(book, margin_internal.incoming_script());
    PERFORM margin.create_book(book, account_type => account_type, market => format('%I.published_market', book)::regclass);
    PERFORM margin_internal.run_script(book, margin_internal.shard_script());
END
$$;
COMMENT ON FUNCTION margin.create_shard(name, regtype) IS
'makes a book in a schema of the caller that holds a part of the accounts of a cluster: a book with tables of its own, keyed by account_type, over a table published_market into which the coordinator writes the market, and the views through which the coordinator reads and asks. Errors as of create_book()';

CREATE FUNCTION margin.drop_shard(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.check_schema(book);
    IF to_regclass('shard_request') IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('book "%s" is no shard', book), HINT = format('margin.drop_book(%L) drops it.', book);
    END IF;
    PERFORM margin_internal.leave_part(book);
    PERFORM margin_internal.drop_objects(book, margin_internal.shard_script());
    PERFORM margin.drop_book(book);
    PERFORM margin_internal.drop_objects(book, margin_internal.incoming_script());
END
$$;
COMMENT ON FUNCTION margin.drop_shard(name) IS
'drops what create_shard() has made in a schema of the caller, with the rows of its accounts, nothing else; an error (42809) for a book that is no shard, and where something else depends on it';
