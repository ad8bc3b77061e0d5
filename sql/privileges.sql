-- PUBLIC has no right on anything of a venue or a book, and none on the
-- extension's but to call it and to read its views of the catalogs: whatever
-- rooms are added, only those may be listed here.

SET client_min_messages = warning;
\set ON_ERROR_ROLLBACK on
BEGIN;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
-- schemas, tables, views, sequences; functions that run as somebody else
CREATE TEMP VIEW granted AS
SELECT 'schema' AS kind, n.nspname::text AS name, a.*
  FROM pg_namespace n, aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) a
 WHERE n.nspname IN ('margin', 'margin_internal', 'desk')
UNION ALL
SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END, c.oid::regclass::text, a.*
  FROM pg_class c, aclexplode(coalesce(c.relacl, acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", c.relowner))) a
 WHERE c.relnamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL
SELECT 'column', c.oid::regclass || '.' || t.attname, a.*
  FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid, aclexplode(t.attacl) a
 WHERE c.relnamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk')
UNION ALL
SELECT 'definer', p.oid::regprocedure::text, a.*
  FROM pg_proc p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
 WHERE p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND p.prosecdef
UNION ALL
SELECT 'default', d.defaclobjtype::text, a.*
  FROM pg_default_acl d, aclexplode(d.defaclacl) a
 WHERE d.defaclnamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk');
SELECT kind, count(*) > 0 AS looked_at FROM granted WHERE kind IN ('schema', 'relation', 'definer') GROUP BY 1 ORDER BY 1;
SELECT kind, name, privilege_type FROM granted WHERE grantee = 0 ORDER BY 1, 2, 3;

-- Somebody who may enter the schema, and nothing else, finds nothing else to
-- read, and nothing to write.
CREATE ROLE regress_margin_stranger;
GRANT USAGE ON SCHEMA desk TO regress_margin_stranger;
SELECT c.oid::regclass AS relation, p AS privilege
  FROM pg_class c, unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER']) p
 WHERE c.relnamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
   AND (has_table_privilege('regress_margin_stranger', c.oid, p)
        OR CASE WHEN p NOT IN ('DELETE', 'TRUNCATE', 'TRIGGER') THEN has_any_column_privilege('regress_margin_stranger', c.oid, p) END)
 ORDER BY 1, 2;
SELECT c.oid::regclass AS sequence FROM pg_class c
 WHERE c.relnamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND c.relkind = 'S'
   AND CASE WHEN c.relkind = 'S' THEN has_sequence_privilege('regress_margin_stranger', c.oid, 'USAGE, SELECT, UPDATE') END;
SELECT p.oid::regprocedure AS definer FROM pg_proc p
 WHERE p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND p.prosecdef
   AND has_function_privilege('regress_margin_stranger', p.oid, 'EXECUTE');

-- Nor do functions find it: called with their defaults, or with nulls and
-- then with something, all that may write leave everything as it was.
SELECT margin.load_published('desk');
DELETE FROM desk.asset WHERE asset = 'USDC';
INSERT INTO desk.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1);
INSERT INTO desk.balance VALUES (1, 'USDT', 1), (1, 'BTC', -1), (2, 'USDT', 100000);
SELECT margin.prepare_snapshots('desk') IS NOT NULL AS prepared;
SELECT margin.refresh_levels('desk'), margin.take_snapshot('desk') IS NOT NULL AS snapshot;
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
  FROM pg_class c WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'S');
CREATE TEMP VIEW objects AS
SELECT classid, objid::bigint, objsubid::text FROM pg_depend WHERE refclassid = 'pg_extension'::regclass
UNION ALL SELECT 'pg_class'::regclass, oid::bigint, relacl::text FROM pg_class WHERE relpersistence <> 't'
UNION ALL SELECT 'pg_trigger'::regclass, oid::bigint, tgenabled::text FROM pg_trigger
UNION ALL SELECT 'pg_proc'::regclass, oid::bigint, proacl::text FROM pg_proc WHERE pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk')
UNION ALL SELECT 'pg_namespace'::regclass, oid::bigint, concat(nspname, nspowner, nspacl) FROM pg_namespace;
CREATE TEMP TABLE contents_before AS TABLE contents;
CREATE TEMP TABLE objects_before AS TABLE objects;
-- the arguments that may do most: the book, its tables, one of its accounts
CREATE TEMP TABLE argument (type regtype, value text);
INSERT INTO argument VALUES ('name', 'desk'), ('regclass', 'desk.balance'), ('regtype', 'desk.asset'), ('regnamespace', 'desk'), ('text', '1'), ('text[]', '{BTC}'),
    ('bigint', '1'), ('integer', '1'), ('numeric', '1'), ('numeric[]', '{1}'), ('boolean', 't'), ('interval', '0'), ('timestamptz', '2026-01-01 00:00+00'),
    ('json', '{"assets": {"BTC": 1}}'), ('margin.portfolio', '{"balances": {"BTC": 1}}'), ('margin.market', '{}');
CREATE TEMP TABLE call AS
SELECT DISTINCT format('%s %s(%s)', CASE p.prokind WHEN 'p' THEN 'CALL' ELSE 'SELECT' END, p.oid::regproc,
              array_to_string(ARRAY(SELECT format('%L::%s', CASE WHEN given THEN (SELECT value FROM argument WHERE type = t::regtype) END,
                                                  CASE t WHEN 'anyelement'::regtype THEN 'desk.asset' ELSE format_type(t, -1) END)
                                      FROM unnest((p.proargtypes::oid[])[0:n - 1]) AS t), ', ')) AS command
  FROM pg_proc p, generate_series(p.pronargs - p.pronargdefaults, p.pronargs::integer) AS n, unnest('{f,t}'::boolean[]) AS given
 WHERE p.pronamespace::regnamespace::text IN ('margin', 'margin_internal', 'desk') AND p.prokind IN ('f', 'p') AND p.provolatile = 'v'
   AND p.prorettype <> 'trigger'::regtype;
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
    RETURN tried > 100;
END
$$;
SET ROLE regress_margin_stranger;
SELECT pg_temp.try_all();
\set SHOW_CONTEXT never
SELECT margin.load_published('desk');
RESET ROLE;
SELECT count(*) > 20 AS looked_at FROM contents_before;
SELECT relation AS changed FROM contents AS now JOIN contents_before AS before USING (relation) WHERE now.rows <> before.rows;
SELECT count(*) AS changed FROM ((TABLE objects EXCEPT TABLE objects_before) UNION ALL (TABLE objects_before EXCEPT TABLE objects)) o;
-- the same calls by the owner do change much: they are calls that are understood
SELECT pg_temp.try_all();
SELECT count(*) > 100 AS changed FROM ((TABLE objects EXCEPT TABLE objects_before) UNION ALL (TABLE objects_before EXCEPT TABLE objects)) o;
ROLLBACK;
