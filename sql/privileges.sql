-- PUBLIC has no right on anything of margin, but to read the announced terms
-- that market() looks for.  Each list of offenders must be empty, whatever
-- rooms are added.

SET client_min_messages = warning;
\set ON_ERROR_ROLLBACK on
BEGIN;
-- schema, tables, views, sequences; functions that run as somebody else
CREATE TEMP VIEW granted AS
SELECT 'schema' AS kind, n.nspname::text AS name, a.*
  FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
 WHERE n.nspname = 'margin'
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END, c.oid::regclass::text, a.*
  FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
 WHERE c.relnamespace = 'margin'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT 'column', c.oid::regclass || '.' || t.attname, a.*
  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
 WHERE c.relnamespace = 'margin'::regnamespace
UNION ALL
SELECT 'definer', p.oid::regprocedure::text, a.*
  FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 WHERE p.pronamespace = 'margin'::regnamespace AND p.prosecdef
UNION ALL
SELECT 'default', d.defaclobjtype::text, a.*
  FROM pg_default_acl d, aclexplode(d.defaclacl) a
 WHERE d.defaclnamespace = 'margin'::regnamespace;
SELECT kind, count(*) > 0 AS looked_at FROM granted WHERE kind IN ('schema', 'relation', 'definer') GROUP BY 1 ORDER BY 1;
SELECT kind, name, privilege_type FROM granted
 WHERE grantee = 0 AND (name, privilege_type) NOT IN (('margin.asset_change', 'SELECT'), ('margin.contract_change', 'SELECT'))
 ORDER BY 1, 2, 3;

-- Somebody who may enter the schema, and nothing else, finds nothing else to
-- read, and nothing to write.
CREATE ROLE regress_margin_stranger;
GRANT USAGE ON SCHEMA margin TO regress_margin_stranger;
SELECT c.oid::regclass AS relation, p AS privilege
  FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
 WHERE c.relnamespace = 'margin'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND (p <> 'SELECT' OR c.oid NOT IN ('margin.asset_change'::regclass, 'margin.contract_change'::regclass))
   AND (has_table_privilege('regress_margin_stranger', c.oid, p)
        OR CASE WHEN p NOT IN ('DELETE', 'TRUNCATE', 'TRIGGER') THEN has_any_column_privilege('regress_margin_stranger', c.oid, p) END)
 ORDER BY 1, 2;
SELECT c.oid::regclass AS sequence FROM pg_class c
 WHERE c.relnamespace = 'margin'::regnamespace AND c.relkind = 'S'
   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('regress_margin_stranger', c.oid, 'USAGE, SELECT, UPDATE') END;
SELECT p.oid::regprocedure AS definer FROM pg_proc p
 WHERE p.pronamespace = 'margin'::regnamespace AND p.prosecdef
   AND has_function_privilege('regress_margin_stranger', p.oid, 'EXECUTE');

-- Nor do functions find it: called with their defaults, or with nulls and
-- then with something, all that may write leave everything as it was.
SELECT margin.load_published();
DELETE FROM margin.asset WHERE asset = 'USDC';
CREATE FUNCTION pg_temp.rows(relation regclass) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    result text;
BEGIN
    EXECUTE format('SELECT string_agg(t::text, E''\n'' ORDER BY t::text) FROM (SELECT * FROM %s) AS t', relation) INTO result;
    RETURN coalesce(result, '');
END
$$;
CREATE TEMP VIEW contents AS
SELECT c.oid::regclass AS relation, pg_temp.rows(c.oid) AS rows
  FROM pg_class c WHERE c.relnamespace = 'margin'::regnamespace AND c.relkind IN ('r', 'S');
CREATE TEMP VIEW objects AS
SELECT classid, objid::bigint, objsubid::text FROM pg_depend WHERE refclassid = 'pg_extension'::regclass
UNION ALL SELECT 'pg_class'::regclass, oid::bigint, relacl::text FROM pg_class WHERE relpersistence <> 't'
UNION ALL SELECT 'pg_trigger'::regclass, oid::bigint, tgenabled::text FROM pg_trigger
UNION ALL SELECT 'pg_proc'::regclass, oid::bigint, proacl::text FROM pg_proc WHERE pronamespace = 'margin'::regnamespace;
CREATE TEMP TABLE contents_before AS TABLE contents;
CREATE TEMP TABLE objects_before AS TABLE objects;
CREATE TEMP TABLE call AS
SELECT format('SELECT margin.%I(%s)', p.proname, string_agg(format(v, format_type(t, -1)), ', ' ORDER BY o)) AS command
  FROM pg_proc p
  CROSS JOIN (VALUES ('NULL::%s'), ('(CASE ''%s'' WHEN ''numeric'' THEN ''1'' WHEN ''text[]'' THEN ''{BTC}'' WHEN ''boolean'' THEN ''t'' END)::%1$s')) AS a (v)
  LEFT JOIN unnest(p.proargtypes) WITH ORDINALITY AS u (t, o) ON true
 WHERE p.pronamespace = 'margin'::regnamespace AND p.prokind = 'f' AND p.provolatile = 'v' AND p.prorettype <> 'trigger'::regtype
 GROUP BY p.oid, p.proname, v
UNION
SELECT format('SELECT margin.%I()', p.proname) FROM pg_proc p
 WHERE p.pronamespace = 'margin'::regnamespace AND p.prokind = 'f' AND p.provolatile = 'v' AND p.pronargs = p.pronargdefaults;
GRANT SELECT ON call TO regress_margin_stranger;
CREATE FUNCTION pg_temp.try_all() RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    c text;
    tried integer := 0;
BEGIN
    FOR c IN SELECT command FROM pg_temp.call LOOP
        tried := tried + 1;
        BEGIN
            EXECUTE c;
        EXCEPTION WHEN OTHERS THEN
            NULL;
        END;
    END LOOP;
    RETURN tried > 3;
END
$$;
SET ROLE regress_margin_stranger;
SELECT pg_temp.try_all();
SELECT margin.load_published();
RESET ROLE;
SELECT count(*) > 9 AS looked_at FROM contents_before;
SELECT relation AS changed FROM contents AS now JOIN contents_before AS before USING (relation) WHERE now.rows <> before.rows;
SELECT count(*) AS changed FROM ((TABLE objects EXCEPT TABLE objects_before) UNION ALL (TABLE objects_before EXCEPT TABLE objects)) o;
ROLLBACK;
