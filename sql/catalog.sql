-- Every object says what it is: comments, and for functions explicit
-- volatility, strictness and parallel safety.  Each list below must be empty,
-- for what the extension brings and for what a venue and a book are made of.
SET client_min_messages = warning;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');

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
CREATE TEMP VIEW object_of_desk AS
SELECT 'pg_catalog.pg_class'::regclass AS classid, oid AS objid FROM pg_catalog.pg_class WHERE relnamespace = 'desk'::regnamespace
-- sequences are those of columns, and indexes those of constraints have none
   AND relkind NOT IN ('S', 'c') AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint WHERE conindid = pg_class.oid)
UNION ALL SELECT 'pg_catalog.pg_proc'::regclass, oid FROM pg_catalog.pg_proc WHERE pronamespace = 'desk'::regnamespace
UNION ALL SELECT 'pg_catalog.pg_trigger'::regclass, t.oid FROM pg_catalog.pg_trigger AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.tgrelid
           WHERE c.relnamespace = 'desk'::regnamespace AND NOT t.tgisinternal
-- NOT NULL is a constraint from version 18 on
UNION ALL SELECT 'pg_catalog.pg_constraint'::regclass, oid FROM pg_catalog.pg_constraint WHERE connamespace = 'desk'::regnamespace AND contype NOT IN ('n', 'p', 't');
SELECT classid, count(*) > 20 AS looked_at FROM object_of_desk GROUP BY 1 ORDER BY 1;
SELECT pg_catalog.pg_describe_object(classid, objid, 0) AS without_comment FROM object_of_desk
 WHERE coalesce(pg_catalog.obj_description(objid, classid::regclass::name), '') = '' ORDER BY 1;
SELECT c.oid::regclass || '.' || a.attname AS column_without_comment
  FROM pg_catalog.pg_class c
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
 WHERE c.relnamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND c.relkind IN ('r', 'p', 'v', 'c')
   AND coalesce(pg_catalog.col_description(c.oid, a.attnum), '') = ''
   AND NOT (c.relnamespace = 'margin_internal'::regnamespace AND c.relkind = 'v')
 ORDER BY 1;

-- Nothing is left to a default: the install script itself is read, which
-- holds those of venues and books too, because the catalog cannot tell a
-- default from a choice.
CREATE TEMP TABLE script AS
SELECT pg_catalog.pg_read_file(
           (SELECT setting FROM pg_catalog.pg_config() WHERE name = 'SHAREDIR') || '/extension/margin--'
           || (SELECT extversion FROM pg_catalog.pg_extension WHERE extname = 'margin') || '.sql') AS text;
CREATE TEMP TABLE declaration AS
SELECT substring(chunk FROM '^[^\s(]+') AS name, (regexp_split_to_array(chunk, '\m(AS|BEGIN ATOMIC|RETURN)\M'))[1] AS rest
  FROM script, regexp_split_to_table(text, 'CREATE (OR REPLACE )?FUNCTION\s+(margin\.|margin_internal\.|%\d?\$?I\.)?') WITH ORDINALITY AS c (chunk, n)
 WHERE n > 1 AND chunk ~ '^("[^"]+"|[a-z_%]+)\s*\(';
SELECT count(*) > 200 AS enough FROM declaration;
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
-- past the snapshot of its transaction, what asks the parser about a table, what
-- says where bare names are looked up, and the market that a session keeps
SELECT p.oid::regprocedure AS c_function_not_pure
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND l.lanname = 'c' AND (p.provolatile <> 'i' OR p.proparallel <> 's')
   AND p.prorettype <> 'trigger'::regtype
   AND p.proname NOT IN ('lock_accounts', 'check_guardable', 'holds_otherwise', 'source_column', 'enter', 'enter_own', 'enter_book', 'enter_venue', 'kept_market', 'foreign_market', 'market_until', 'market_id', 'judge_first', 'view_reads', 'balance_columns')
 ORDER BY 1;

-- The extension's functions run with the rights of whoever calls them: it is
-- a superuser that owns them.
SELECT p.oid::regprocedure AS definer_of_the_extension FROM pg_catalog.pg_proc p
 WHERE p.pronamespace IN ('margin'::regnamespace, 'margin_internal'::regnamespace) AND p.prosecdef;
-- Those of a venue and a book that run with their owner's rights belong to
-- the owner of its tables, pin their search path, and are his alone to call or
-- to grant.
SELECT p.oid::regprocedure AS definer, p.prorettype::regtype FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'desk'::regnamespace AND p.prosecdef ORDER BY p.proname COLLATE "C", 1;
SELECT p.oid::regprocedure AS unsafe_definer FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'desk'::regnamespace AND p.prosecdef
   AND (p.proacl IS NULL OR p.proacl::text ~ '[{,]='
        OR NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']
        OR p.proowner <> (SELECT relowner FROM pg_catalog.pg_class WHERE oid = 'desk.asset'::regclass));
-- All that there are in scripts, of shards and clusters too: src/operations/README.md
-- says of each why it is safe.
SELECT name AS definer, count(*) FROM declaration WHERE rest ~ 'SECURITY DEFINER' GROUP BY name ORDER BY name COLLATE "C";
SELECT name AS definer_without_path FROM declaration WHERE rest ~ 'SECURITY DEFINER' AND rest !~ 'SECURITY DEFINER\s+SET search_path = pg_catalog, pg_temp\s';
SELECT name AS definer_for_public FROM declaration WHERE rest ~ 'SECURITY DEFINER' GROUP BY name
HAVING count(*) > (SELECT count(*) FROM script, regexp_matches(text, 'REVOKE ALL ON FUNCTION ' || name || '\([^;]*\) FROM PUBLIC;', 'g'));
-- a trigger with its owner's rights asks whose table it is on
SELECT p.oid::regprocedure AS definer_for_any_table FROM pg_catalog.pg_proc p
 WHERE p.pronamespace = 'desk'::regnamespace AND p.prosecdef AND p.prorettype = 'trigger'::regtype
   AND p.prosrc !~ '^\s*(DECLARE.*?)?BEGIN\s+(--[^\n]*\s+)*PERFORM margin_internal\.enter_own\(TG_RELID\);';
SELECT c.oid::regclass AS view_of_its_owner FROM pg_catalog.pg_class c
 WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind = 'v'
   AND NOT coalesce(c.reloptions, '{}') @> '{security_invoker=true}';
-- PL/pgSQL looks names up where it is told to, so no caller's path decides;
-- but for what names nothing, what is called from where the path is set, and a
-- procedure that commits, which may not have a setting of its own
SELECT p.oid::regprocedure AS looks_up_anywhere FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND l.lanname = 'plpgsql'
   AND NOT coalesce(p.proconfig, '{}') && ARRAY['search_path=pg_catalog, pg_temp']
   AND p.proname NOT IN ('account_key', 'set_side', 'check_prices', 'apply_index_prices', 'apply_mark_prices', 'held_offer', 'switch_publishing', 'run_reports', 'switch_book',
                         'levels_are_watched', 'present_epoch', 'present_basis', 'enter_epoch', 'retire_epochs', 'judge_moved', 'anchor_moved', 'anchor_as_seen', 'follow_market', 'judges_by_the_present',
                         'judge_everyone', 'refresh_everyone', 'keep_strayed', 'some_not_entered')
 ORDER BY p.proname COLLATE "C";
-- SQL functions are bound to what they name when they are made, and those
-- over a whole book are never inlined into a query: somebody else's executor
-- would look for the rows of a distributed table in the wrong place.
SELECT p.oid::regprocedure AS not_bound FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND l.lanname = 'sql' AND p.prokind = 'f' AND p.prosqlbody IS NULL;
SELECT p.oid::regprocedure AS inlinable_over_a_book FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_language l ON l.oid = p.prolang
 WHERE p.pronamespace = 'desk'::regnamespace AND l.lanname = 'sql' AND p.proretset AND p.proconfig IS NULL AND NOT p.prosecdef
   AND p.provolatile <> 'v' AND NOT p.proisstrict
   AND coalesce(p.proargnames[1], '') <> 'account_id';

-- The extension owns no rows.
SELECT c.oid::regclass AS holds_rows
  FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_class c ON c.oid = d.objid AND d.classid = 'pg_catalog.pg_class'::regclass
 WHERE d.refclassid = 'pg_catalog.pg_extension'::regclass AND d.refobjid = (SELECT oid FROM pg_catalog.pg_extension WHERE extname = 'margin')
   AND c.relkind NOT IN ('v', 'c');
SELECT extconfig AS dumped_by_rules_of_their_own FROM pg_catalog.pg_extension WHERE extname = 'margin' AND extconfig IS NOT NULL;
-- A row of a venue or a book can be told from others, on a subscriber too.
SELECT c.oid::regclass AS without_primary_key FROM pg_catalog.pg_class c
 WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'p')
   AND NOT EXISTS (SELECT FROM pg_catalog.pg_index i WHERE i.indrelid = c.oid AND i.indisprimary);
SELECT c.oid::regclass AS key_of_generated_columns FROM pg_catalog.pg_class c JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary
  JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)
 WHERE c.relnamespace = 'desk'::regnamespace AND a.attgenerated <> '';
-- What is entered, booked or quoted outlives the extension: it is of types of PostgreSQL's own.
SELECT c.relname || '.' || a.attname AS lost_with_the_extension
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
  JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
 WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'p') AND t.typnamespace <> 'pg_catalog'::regnamespace
   AND c.relname IN ('asset', 'asset_change', 'collateral_tier', 'liability_tier', 'contract', 'contract_change', 'risk_tier', 'index_price', 'index_price_history',
                     'mark_price', 'mark_price_history', 'price_retention', 'level_threshold', 'scenario', 'repayment_rule', 'interest_rate', 'parameter_event', 'admitted_owner',
                     'balance', 'position', 'open_order');
-- No object of a venue or a book is a member of the extension.
SELECT pg_catalog.pg_describe_object(d.classid, d.objid, d.objsubid) AS member FROM object_of_desk o JOIN pg_catalog.pg_depend d USING (classid, objid)
 WHERE d.deptype = 'e';

-- the specification's names are there
SELECT n AS missing_type FROM unnest(ARRAY['schedule', 'market', 'portfolio', 'level', 'tier_method', 'valuation', 'holding_kind', 'tier_unit', 'price_move',
    'repayment', 'repayment_rule', 'repayment_outcome', 'funding_order']) n
 WHERE to_regtype('margin.' || n) IS NULL;
SELECT n AS missing_function FROM unnest(ARRAY[
    'schedule(numeric,numeric)', 'schedule(numeric,numeric,margin.tier_method)', 'apply(margin.schedule,numeric)',
    'portfolio(text,numeric,numeric,numeric)', 'portfolio(text,numeric,numeric,numeric,margin.holding_kind)', 'portfolio(text,numeric)', 'rollup(margin.portfolio)',
    'evaluate(margin.portfolio,margin.market)', 'passes(margin.portfolio,margin.market)',
    'collateral(margin.portfolio,margin.market)', 'positions(margin.portfolio,margin.market)']
    || (SELECT array_agg(attname || '(margin.portfolio,margin.market)') FROM pg_catalog.pg_attribute
         WHERE attrelid = 'margin.valuation'::regclass AND attnum > 0)) n
 WHERE to_regprocedure('margin.' || n) IS NULL;
SELECT n AS missing_function_of_a_venue FROM unnest(ARRAY['market()', 'market(timestamptz)', 'past_market(timestamptz)', 'release_ratios()', 'pausing_prices()', 'scenarios()',
    'repayment_rules()', 'about()', 'account_margin(bigint)', 'account_margin(bigint,margin.market)', 'explain(bigint)', 'explain_text(bigint)']) n
 WHERE to_regprocedure('desk.' || n) IS NULL;
SELECT n AS missing_relation FROM unnest(ARRAY['asset', 'collateral_tier', 'liability_tier', 'contract', 'risk_tier', 'index_price',
    'mark_price', 'level_threshold', 'balance', 'position', 'open_order', 'holding', 'account_portfolio', 'account_margin', 'undercollateralized', 'unpriced',
    'account_collateral', 'account_position']) n
 WHERE to_regclass('desk.' || n) IS NULL;
DROP SCHEMA desk CASCADE;
