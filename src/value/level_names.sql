-- level_names.sql: levels compared with names in parameters

-- Drivers declare parameters: JDBC a string as varchar, SQLAlchemy and Npgsql
-- as varchar or text.  No operator of PostgreSQL compares an enum with such, so
-- here are some: the name is checked, and they are inlined into the enum's own,
-- which indexes know.
--
-- A name written into the query is no text but of unknown type, and stays the
-- enum's: an operator for exactly (level, text) would draw it away from there,
-- and with it row comparisons and arrays.  The types of these operators keep
-- it where it was.  Neither is exactly what is compared, so no operator is
-- preferred for it; neither is a type of strings, which an unknown one would go
-- to; and what is left is the operator that takes two levels: not these.
--
-- They stand in pg_catalog, where the enum's are, for they are written without
-- a schema by whoever does not know of them.
CREATE DOMAIN margin_internal.compared_level AS margin.level;
COMMENT ON DOMAIN margin_internal.compared_level IS 'any level: a side of the operators that compare levels with names';

CREATE TYPE margin_internal.level_name;
CREATE FUNCTION margin_internal.level_name_in(cstring) RETURNS margin_internal.level_name
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textin';
CREATE FUNCTION margin_internal.level_name_out(margin_internal.level_name) RETURNS cstring
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textout';
COMMENT ON FUNCTION margin_internal.level_name_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin_internal.level_name_out(margin_internal.level_name) IS 'I/O';
CREATE TYPE margin_internal.level_name (
    INPUT = margin_internal.level_name_in,
    OUTPUT = margin_internal.level_name_out,
    LIKE = pg_catalog.text
);
COMMENT ON TYPE margin_internal.level_name IS 'any text or varchar: a side of the operators that compare levels with names';
CREATE CAST (pg_catalog.text AS margin_internal.level_name) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (pg_catalog.varchar AS margin_internal.level_name) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (pg_catalog.text AS margin_internal.level_name) IS 'for the operators that compare levels with names';
COMMENT ON CAST (pg_catalog.varchar AS margin_internal.level_name) IS 'for the operators that compare levels with names';

CREATE FUNCTION margin_internal.level_named(margin_internal.level_name) RETURNS margin.level
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_level_named';
COMMENT ON FUNCTION margin_internal.level_named(margin_internal.level_name) IS 'the level of that name; an error (22P02) where there is none, null for null';

DO $do$
DECLARE
    op record;
BEGIN
    FOR op IN
        SELECT * FROM (VALUES ('eq', '='), ('ne', '<>'), ('lt', '<'), ('le', '<='), ('gt', '>'), ('ge', '>=')) AS o (name, symbol)
    LOOP
        EXECUTE format($sql$
            CREATE FUNCTION margin_internal.level_%1$s_name(margin_internal.compared_level, margin_internal.level_name) RETURNS boolean
                LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1::margin.level OPERATOR(pg_catalog.%2$s) margin_internal.level_named($2);
            CREATE FUNCTION margin_internal.name_%1$s_level(margin_internal.level_name, margin_internal.compared_level) RETURNS boolean
                LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN margin_internal.level_named($1) OPERATOR(pg_catalog.%2$s) $2::margin.level;
            COMMENT ON FUNCTION margin_internal.level_%1$s_name(margin_internal.compared_level, margin_internal.level_name) IS 'implementation of %2$s operator';
            COMMENT ON FUNCTION margin_internal.name_%1$s_level(margin_internal.level_name, margin_internal.compared_level) IS 'implementation of %2$s operator';
            CREATE OPERATOR pg_catalog.%2$s (LEFTARG = margin_internal.compared_level, RIGHTARG = margin_internal.level_name,
                FUNCTION = margin_internal.level_%1$s_name);
            CREATE OPERATOR pg_catalog.%2$s (LEFTARG = margin_internal.level_name, RIGHTARG = margin_internal.compared_level,
                FUNCTION = margin_internal.name_%1$s_level);
            COMMENT ON OPERATOR pg_catalog.%2$s (margin_internal.compared_level, margin_internal.level_name) IS 'a level compared with the level of a name';
            COMMENT ON OPERATOR pg_catalog.%2$s (margin_internal.level_name, margin_internal.compared_level) IS 'the level of a name compared with a level'
        $sql$, op.name, op.symbol);
    END LOOP;
END
$do$;
