-- comparison.sql: equality, order and hashing of the flat types

-- The values are canonical, so their bytes decide; one set of C functions
-- serves all three types, another the market, which begins with a stamp that is
-- no part of the value.  The order is total and means nothing else.
DO $do$
DECLARE
    type text;
    functions text;
    op record;
BEGIN
    FOREACH type IN ARRAY ARRAY['schedule', 'portfolio', 'market'] LOOP
        functions := CASE type WHEN 'market' THEN 'market' ELSE 'flat' END;
        FOR op IN
            SELECT * FROM (VALUES
                ('eq', '=', '=', '<>', 'HASHES, MERGES, RESTRICT = eqsel, JOIN = eqjoinsel', 'equal'),
                ('ne', '<>', '<>', '=', 'RESTRICT = neqsel, JOIN = neqjoinsel', 'not equal'),
                ('lt', '<', '>', '>=', 'RESTRICT = scalarltsel, JOIN = scalarltjoinsel', 'less than, by bytes'),
                ('le', '<=', '>=', '>', 'RESTRICT = scalarlesel, JOIN = scalarlejoinsel', 'less than or equal, by bytes'),
                ('gt', '>', '<', '<=', 'RESTRICT = scalargtsel, JOIN = scalargtjoinsel', 'greater than, by bytes'),
                ('ge', '>=', '<=', '<', 'RESTRICT = scalargesel, JOIN = scalargejoinsel', 'greater than or equal, by bytes')
            ) AS o (name, symbol, commutator, negator, options, meaning)
        LOOP
            EXECUTE format(
                'CREATE FUNCTION margin.%1$s_%2$s(margin.%1$s, margin.%1$s) RETURNS boolean
                    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%3$s_%2$s''',
                type, op.name, functions);
            EXECUTE format('COMMENT ON FUNCTION margin.%1$s_%2$s(margin.%1$s, margin.%1$s) IS %3$L',
                type, op.name, 'implementation of ' || op.symbol || ' operator');
            EXECUTE format(
                'CREATE OPERATOR margin.%3$s (LEFTARG = margin.%1$s, RIGHTARG = margin.%1$s, FUNCTION = margin.%1$s_%2$s,
                    COMMUTATOR = OPERATOR(margin.%4$s), NEGATOR = OPERATOR(margin.%5$s), %6$s)',
                type, op.name, op.symbol, op.commutator, op.negator, op.options);
            EXECUTE format('COMMENT ON OPERATOR margin.%2$s (margin.%1$s, margin.%1$s) IS %3$L',
                type, op.symbol, op.meaning);
        END LOOP;

        EXECUTE format(
            'CREATE FUNCTION margin.%1$s_cmp(margin.%1$s, margin.%1$s) RETURNS integer
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%2$s_cmp'';
            COMMENT ON FUNCTION margin.%1$s_cmp(margin.%1$s, margin.%1$s) IS ''less-equal-greater, by bytes'';
            CREATE FUNCTION margin.%1$s_hash(margin.%1$s) RETURNS integer
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%2$s_hash'';
            COMMENT ON FUNCTION margin.%1$s_hash(margin.%1$s) IS ''hash'';
            CREATE FUNCTION margin.%1$s_hash_extended(margin.%1$s, bigint) RETURNS bigint
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%2$s_hash_extended'';
            COMMENT ON FUNCTION margin.%1$s_hash_extended(margin.%1$s, bigint) IS ''hash'';
            CREATE OPERATOR CLASS margin.%1$s_ops DEFAULT FOR TYPE margin.%1$s USING btree AS
                OPERATOR 1 margin.<, OPERATOR 2 margin.<=, OPERATOR 3 margin.=,
                OPERATOR 4 margin.>=, OPERATOR 5 margin.>,
                FUNCTION 1 margin.%1$s_cmp(margin.%1$s, margin.%1$s);
            COMMENT ON OPERATOR CLASS margin.%1$s_ops USING btree IS ''total order of %1$s values, for grouping and sorting'';
            COMMENT ON OPERATOR FAMILY margin.%1$s_ops USING btree IS ''total order of %1$s values, for grouping and sorting'';
            CREATE OPERATOR CLASS margin.%1$s_ops DEFAULT FOR TYPE margin.%1$s USING hash AS
                OPERATOR 1 margin.=,
                FUNCTION 1 margin.%1$s_hash(margin.%1$s),
                FUNCTION 2 margin.%1$s_hash_extended(margin.%1$s, bigint);
            COMMENT ON OPERATOR CLASS margin.%1$s_ops USING hash IS ''equality of %1$s values, for grouping and joining'';
            COMMENT ON OPERATOR FAMILY margin.%1$s_ops USING hash IS ''equality of %1$s values, for grouping and joining''',
            type, functions);
    END LOOP;
END
$do$;
