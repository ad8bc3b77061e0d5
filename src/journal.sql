-- journal: what the journals of levels, prices and guards share

CREATE FUNCTION margin.acting_user() RETURNS name
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;
COMMENT ON FUNCTION margin.acting_user() IS 'the role that acts: the one of SET ROLE, else of the session; the same inside of functions that run with their owner''s rights, where current_user is the owner';

CREATE FUNCTION margin.journal_append_only() RETURNS trigger
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
COMMENT ON FUNCTION margin.journal_append_only() IS 'trigger: refuses whatever it is put on; for UPDATE, DELETE and TRUNCATE of journals';
