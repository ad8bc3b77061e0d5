-- install.sql: before all else
--
-- The script runs as superuser, in a schema that somebody else may have filled
-- with functions and operators which fit a call better than the built-in ones.
-- Names resolve in pg_catalog alone; ours are written with their schema.
SET LOCAL search_path = pg_catalog, pg_temp;

-- And nobody has filled it: a call of one of ours must not find a better fit.
-- (Calls in this script give the types of their arguments, for one who adds
-- functions while it runs.)
DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_depend
                WHERE refclassid = 'pg_namespace'::regclass AND refobjid = 'margin'::regnamespace
                  AND classid <> 'pg_extension'::regclass) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = 'schema "margin" is not empty',
            HINT = 'The extension needs a schema of its own: drop or move what is there, or drop the schema; CREATE EXTENSION makes it.';
    END IF;
END
$do$;

