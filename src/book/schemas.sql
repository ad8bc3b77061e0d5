-- schemas: how a statement finds the venue or the book it is about
--
-- Everything in a venue or a book is looked up by its bare name in that
-- schema alone.  A schema is found by an object in it, which keeps its
-- identity when the schema is renamed, or, where the caller gives a name, by
-- that.  These run where their caller runs: in a worker of their own they would
-- change the path there.

CREATE FUNCTION margin_internal.enter(relation regclass) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter';
COMMENT ON FUNCTION margin_internal.enter(regclass) IS
'bare names now mean objects in the schema of the relation, until the calling function ends, which has a SET search_path of its own; an error for null';

CREATE FUNCTION margin_internal.enter_own(relation regclass) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter_own';
COMMENT ON FUNCTION margin_internal.enter_own(regclass) IS
'enter(), but an error unless the relation belongs to the current user: for triggers that run with the rights of their owner, and so on his tables alone';

CREATE FUNCTION margin_internal.enter_venue(venue name) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter_venue';
COMMENT ON FUNCTION margin_internal.enter_venue(name) IS 'enter(), by the name of a venue; an error (42704) where there is none';

CREATE FUNCTION margin_internal.enter_book(book name) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter_book';
COMMENT ON FUNCTION margin_internal.enter_book(name) IS 'enter(), by the name of a book; an error (42704) where there is none';

-- ---------------------------------------------------------------------------
-- What journals share
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.acting_user() RETURNS name
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;
COMMENT ON FUNCTION margin.acting_user() IS
'the role that acts: the one of SET ROLE, else of the session; the same inside of functions that run with their owner''s rights, where current_user is the owner';

-- For checks that run with their owner's rights: what is wrong with a row may be
-- that it does not agree with another.
CREATE FUNCTION margin_internal.may_be_told(of_table regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT has_table_privilege(r.oid, c.oid, 'SELECT') AND (NOT c.relrowsecurity OR r.rolsuper OR r.rolbypassrls OR pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity)
      FROM pg_class AS c, pg_roles AS r WHERE c.oid = of_table AND r.rolname = margin.acting_user();
END;
COMMENT ON FUNCTION margin_internal.may_be_told(regclass) IS 'whether the role that acts may read all rows of a table, so that an error may tell it of them; null for null';

CREATE FUNCTION margin_internal.append_only() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('%s of journal %I.%I', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = 'A journal is appended to; what it says is not changed.',
        HINT = format('Its owner may, after ALTER TABLE %I.%I DISABLE TRIGGER %I.', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_NAME);
END
$$;
COMMENT ON FUNCTION margin_internal.append_only() IS 'trigger: refuses whatever it is put on; for UPDATE, DELETE and TRUNCATE of journals';

CREATE FUNCTION margin_internal.set_side() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    -- No SET clause: this runs for every row whose side does not follow from
    -- its sign by itself.
    NEW.side := CASE WHEN NEW.quantity OPERATOR(pg_catalog.<) 0::pg_catalog.numeric THEN 'short' ELSE 'long' END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION margin_internal.set_side() IS 'trigger: the side of a position by the sign of its quantity';

CREATE FUNCTION margin_internal.refuse_payoff() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'payoff',
        MESSAGE = format('contract "%s" of payoff "%s" is refused', NEW.contract, left(NEW.payoff, 60)),
        DETAIL = 'Only linear contracts are valued: profit and notional of any other would be wrong.',
        HINT = 'An inverse contract can be entered as a linear one that is settled in its coin, with sides turned and prices as 1/price.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_payoff() IS 'trigger: refuses contracts that are not linear, by name';

-- Of one that is partitioned the partitions have the rows.
CREATE FUNCTION margin_internal.may_have_rows(of_table regclass) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
    RETURN pg_relation_size(of_table) > 0 OR (SELECT c.relkind <> 'r' FROM pg_class AS c WHERE c.oid = of_table);
COMMENT ON FUNCTION margin_internal.may_have_rows(regclass) IS
'false: a table is empty, judged by its size, also where the caller may not read it; null for null';
