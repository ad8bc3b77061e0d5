-- json.sql: schedules, portfolios and markets as JSON

-- to_json(), to_jsonb() and their like look for a cast to json of a type that
-- is no built-in one, so rows and arrays of such values become JSON through and
-- through.  Away from our types a value only loses its operators: that may
-- happen on assignment.  Towards them it is checked, and has to be asked for.
DO $do$
DECLARE
    type text;
    json text;
BEGIN
    FOREACH type IN ARRAY ARRAY['schedule', 'portfolio', 'market'] LOOP
        FOREACH json IN ARRAY ARRAY['json', 'jsonb'] LOOP
            EXECUTE format($sql$
                CREATE FUNCTION margin_internal.%1$s_to_%2$s(margin.%1$s) RETURNS pg_catalog.%2$s
                    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_%1$s_to_%2$s';
                CREATE FUNCTION margin_internal.%1$s_from_%2$s(pg_catalog.%2$s) RETURNS margin.%1$s
                    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_%1$s_from_%2$s';
                COMMENT ON FUNCTION margin_internal.%1$s_to_%2$s(margin.%1$s) IS 'implementation of cast';
                COMMENT ON FUNCTION margin_internal.%1$s_from_%2$s(pg_catalog.%2$s) IS 'implementation of cast';
                CREATE CAST (margin.%1$s AS pg_catalog.%2$s) WITH FUNCTION margin_internal.%1$s_to_%2$s(margin.%1$s) AS ASSIGNMENT;
                CREATE CAST (pg_catalog.%2$s AS margin.%1$s) WITH FUNCTION margin_internal.%1$s_from_%2$s(pg_catalog.%2$s);
                COMMENT ON CAST (margin.%1$s AS pg_catalog.%2$s) IS 'the %1$s as %2$s: numbers exact, what has a default written out; casts back to the same %1$s';
                COMMENT ON CAST (pg_catalog.%2$s AS margin.%1$s) IS 'the %1$s that such a %2$s describes, defaults where something is left out; an error (22P02, 22023) for unknown and repeated keys, nulls and values of other kinds'
            $sql$, type, json);
        END LOOP;
    END LOOP;
END
$do$;
