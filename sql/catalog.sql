-- Every object says what it is: comments, and for functions explicit
-- volatility, strictness and parallel safety.  Each list below must be empty.

-- no comment
SELECT pg_catalog.pg_describe_object(classid, objid, objsubid) AS without_comment
  FROM pg_catalog.pg_depend
 WHERE refclassid = 'pg_catalog.pg_extension'::regclass AND deptype = 'e'
   AND refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'margin')
   AND coalesce(pg_catalog.obj_description(objid, classid::regclass::name), '') = ''
   -- array types and the row types of tables have none of their own
   AND NOT (classid = 'pg_catalog.pg_type'::regclass
            AND EXISTS (SELECT FROM pg_catalog.pg_type t LEFT JOIN pg_catalog.pg_class c ON c.oid = t.typrelid
                         WHERE t.oid = objid AND (t.typelem <> 0 OR c.relkind IN ('r', 'p', 'v'))))
 ORDER BY 1;
SELECT c.relname || '.' || a.attname AS column_without_comment
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace = 'margin'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'c')
   AND pg_catalog.col_description(c.oid, a.attnum) IS NULL
 ORDER BY 1;

-- Nothing is left to a default: the install script itself is read, because
-- the catalog cannot tell a default from a choice.
CREATE TEMP TABLE script AS
SELECT pg_catalog.pg_read_file(
           (SELECT setting FROM pg_catalog.pg_config() WHERE name = 'SHAREDIR') || '/extension/margin--'
           || (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'margin') || '.sql') AS text;
CREATE TEMP TABLE declaration AS
SELECT substring(chunk FROM '^[^\s(]+') AS name, (regexp_split_to_array(chunk, '\m(AS|BEGIN ATOMIC|RETURN)\M'))[1] AS rest
  FROM script, regexp_split_to_table(text, 'CREATE (OR REPLACE )?FUNCTION\s+margin\.') WITH ORDINALITY AS c (chunk, n)
 WHERE n > 1;
SELECT count(*) > 40 AS enough FROM declaration;
SELECT name AS without_volatility FROM declaration WHERE rest !~ '\m(IMMUTABLE|STABLE|VOLATILE)\M' ORDER BY 1;
SELECT name AS without_strictness FROM declaration WHERE rest !~ '\m(STRICT|CALLED ON NULL INPUT|RETURNS NULL ON NULL INPUT)\M' ORDER BY 1;
SELECT name AS without_parallel_label FROM declaration WHERE rest !~ '\mPARALLEL (SAFE|RESTRICTED|UNSAFE)\M' ORDER BY 1;

-- every aggregate of internal state can be combined and travel, and is parallel safe
SELECT p.oid::regprocedure AS aggregate_incomplete
  FROM pg_catalog.pg_aggregate a JOIN pg_catalog.pg_proc p ON p.oid = a.aggfnoid
 WHERE p.pronamespace = 'margin'::regnamespace
   AND (p.proparallel <> 's' OR a.aggcombinefn = 0
        OR a.aggtranstype = 'internal'::regtype AND (a.aggserialfn = 0 OR a.aggdeserialfn = 0));

-- C functions are pure: only SQL and PL/pgSQL read tables, and the guard, whose
-- triggers (and the lock that they take) act on their transaction, what looks
-- past the snapshot of its transaction, and what asks the parser about a table
SELECT p.oid::regprocedure AS c_function_not_pure
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'margin'::regnamespace AND l.lanname = 'c' AND (p.provolatile <> 'i' OR p.proparallel <> 's')
   AND p.prorettype <> 'trigger'::regtype AND p.proname NOT IN ('lock_accounts', 'check_guardable', 'holds_otherwise', 'holding_column')
 ORDER BY 1;

-- what runs with its owner's rights are constraint triggers alone, as foreign
-- keys do; they belong to the owner of the tables and pin their search path
SELECT p.oid::regprocedure AS unsafe_definer FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'margin'::regnamespace AND p.prosecdef
   AND (p.prorettype <> 'trigger'::regtype
        OR NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']
        OR p.proowner <> (SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'margin.asset'::regclass));
SELECT c.oid::regclass AS view_of_its_owner FROM pg_catalog.pg_class c
 WHERE c.relnamespace = 'margin'::regnamespace AND c.relkind = 'v'
   AND NOT coalesce(c.reloptions, '{}') @> '{security_invoker=true}';

-- the specification's names are there
SELECT n AS missing_type FROM unnest(ARRAY['schedule', 'market', 'portfolio', 'level', 'tier_method', 'valuation']) n
 WHERE to_regtype('margin.' || n) IS NULL;
SELECT n AS missing_function FROM unnest(ARRAY[
    'schedule(numeric,numeric)', 'schedule(numeric,numeric,margin.tier_method)', 'apply(margin.schedule,numeric)',
    'portfolio(text,numeric,numeric,numeric)', 'portfolio(text,numeric)', 'rollup(margin.portfolio)',
    'evaluate(margin.portfolio,margin.market)', 'passes(margin.portfolio,margin.market)',
    'market()', 'market(timestamptz)', 'collateral(margin.portfolio,margin.market)', 'positions(margin.portfolio,margin.market)']
    || (SELECT array_agg(attname || '(margin.portfolio,margin.market)') FROM pg_catalog.pg_attribute
         WHERE attrelid = 'margin.valuation'::regclass AND attnum > 0)) n
 WHERE to_regprocedure('margin.' || n) IS NULL;
SELECT n AS missing_relation FROM unnest(ARRAY['asset', 'collateral_tier', 'liability_tier', 'contract', 'risk_tier', 'index_price',
    'mark_price', 'level_threshold', 'balance', 'position', 'holding', 'account_margin', 'undercollateralized', 'unpriced',
    'account_collateral', 'account_position']) n
 WHERE to_regclass('margin.' || n) IS NULL;
