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
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        rule := part || '_of_this_shard';
        IF EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = part::regclass AND c.conname = rule) THEN
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', part, rule);
        END IF;
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
COMMENT ON FUNCTION margin_internal.keep_part(name, integer, integer) IS 'on a shard: from now on the tables of its book take only accounts whose hash leaves remainder by modulus; an error (23514) where they have others. For their owner';

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
        WHEN 'judge' THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            NEW.result := to_jsonb((SELECT m.id FROM published_market AS m));
        WHEN 'refresh_levels', 'refresh_kept' THEN
            -- a market older than the one that is there by now is an error (40001)
            PERFORM margin_internal.judges_by_the_present();
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
    PERFORM margin_internal.drop_objects(book, margin_internal.shard_script());
    PERFORM margin.drop_book(book);
    PERFORM margin_internal.drop_objects(book, margin_internal.incoming_script());
END
$$;
COMMENT ON FUNCTION margin.drop_shard(name) IS
'drops what create_shard() has made in a schema of the caller, with the rows of its accounts, nothing else; an error (42809) for a book that is no shard, and where something else depends on it';
