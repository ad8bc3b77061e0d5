-- install.sql: before all else
--
-- The script runs as superuser, in a schema that somebody else may have filled
-- with functions and operators which fit a call better than the built-in ones.
-- Names resolve in pg_catalog alone; ours are written with their schema.
SET LOCAL search_path = pg_catalog, pg_temp;

