-- venues: schemas made, brought up to date, and dropped
--
-- What a venue or a book holds stands in scripts of plain SQL, a paragraph for
-- each object (src/assemble).  They run as the caller, in a schema that is his
-- alone, with nothing else on the search path.

CREATE TYPE margin.about AS (
    release text,
    venue regnamespace,
    balances regclass,
    positions regclass,
    orders regclass
);
COMMENT ON TYPE margin.about IS 'what a venue or book says of itself; its function about() returns it';
COMMENT ON COLUMN margin.about.release IS 'the release of margin whose scripts made it or brought it up to date';
COMMENT ON COLUMN margin.about.venue IS 'the venue that judges the accounts of the book; of a venue itself; null: the book is over a published market';
COMMENT ON COLUMN margin.about.balances IS 'where the balances of the book come from; null: it has none, or is a venue only';
COMMENT ON COLUMN margin.about.positions IS 'where its positions come from; null likewise';
COMMENT ON COLUMN margin.about.orders IS 'where its open orders come from; null likewise';

CREATE FUNCTION margin_internal.release() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN '1.1'::text;
COMMENT ON FUNCTION margin_internal.release() IS 'the release of the scripts of venues and books';

-- Read from the catalogs, without running anything: about() is code of
-- whoever owns the schema.
CREATE VIEW margin_internal.schemas AS
SELECT n.oid, n.nspname AS name, pg_get_userbyid(n.nspowner) AS owner, v.oid AS venue_id,
       (regexp_match(pg_get_function_sqlbody(p.oid), 'ROW[(]''([0-9.]+)''::'))[1] AS release,
       -- not by to_regclass(), which asks for rights on every schema
       v.oid = n.oid AND EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'asset') AS is_venue,
       EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'holding') AS is_book
  FROM pg_catalog.pg_namespace AS n
  JOIN pg_catalog.pg_proc AS p ON p.pronamespace = n.oid AND p.proname = 'about' AND p.pronargs = 0 AND p.prorettype = 'margin.about'::regtype,
       -- a function depends on its own schema, and about() on that of the venue
       LATERAL (SELECT coalesce(max(d.refobjid) FILTER (WHERE d.refobjid <> n.oid), n.oid) AS oid
                  FROM pg_catalog.pg_depend AS d
                 WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
                   AND d.refclassid = 'pg_catalog.pg_namespace'::regclass) AS v;
COMMENT ON VIEW margin_internal.schemas IS 'schemas that are venues, books, or both';
GRANT SELECT ON margin_internal.schemas TO PUBLIC;

CREATE VIEW margin.venues AS
SELECT name AS venue, owner, release FROM margin_internal.schemas WHERE is_venue;
COMMENT ON VIEW margin.venues IS 'the venues of this database';
COMMENT ON COLUMN margin.venues.venue IS 'the schema';
COMMENT ON COLUMN margin.venues.owner IS 'role that owns it';
COMMENT ON COLUMN margin.venues.release IS 'release of margin that its objects are of; older than the extension''s: call margin.upgrade_venue()';
GRANT SELECT ON margin.venues TO PUBLIC;

CREATE VIEW margin.books AS
SELECT b.name AS book, v.nspname AS venue, b.owner, b.release, s.market
  FROM margin_internal.schemas AS b
  LEFT JOIN LATERAL (SELECT min(d.refobjid)::regclass AS market
                       FROM pg_catalog.pg_class AS c
                       JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid
                       JOIN pg_catalog.pg_depend AS d
                         ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> c.oid
                      WHERE c.relnamespace = b.oid AND c.relname = 'market_source') AS s ON true
  LEFT JOIN pg_catalog.pg_namespace AS v ON v.oid = b.venue_id AND (s.market IS NULL OR v.oid <> b.oid)
 WHERE b.is_book;
COMMENT ON VIEW margin.books IS 'the books of this database';
COMMENT ON COLUMN margin.books.book IS 'the schema';
COMMENT ON COLUMN margin.books.venue IS 'schema of the venue that judges its accounts; null: it reads a published market';
COMMENT ON COLUMN margin.books.owner IS 'role that owns it';
COMMENT ON COLUMN margin.books.release IS 'release of margin that its objects are of; older than the extension''s: call margin.upgrade_book()';
COMMENT ON COLUMN margin.books.market IS 'table or view with the published market that it reads; null: it has a venue';
GRANT SELECT ON margin.books TO PUBLIC;

-- ---------------------------------------------------------------------------
-- Is a schema fit to run a script in?
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.stranger_in(schema regnamespace) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('%s of role "%s"', o.what, pg_get_userbyid(o.owner))
      FROM (SELECT 'relation "' || relname || '"' AS what, relowner AS owner FROM pg_catalog.pg_class WHERE relnamespace = schema
            UNION ALL
            SELECT 'function "' || proname || '"', proowner FROM pg_catalog.pg_proc WHERE pronamespace = schema
            UNION ALL
            SELECT 'type "' || typname || '"', typowner FROM pg_catalog.pg_type WHERE typnamespace = schema
            UNION ALL
            SELECT 'operator "' || oprname || '"', oprowner FROM pg_catalog.pg_operator WHERE oprnamespace = schema
            UNION ALL
            SELECT 'operator class "' || opcname || '"', opcowner FROM pg_catalog.pg_opclass WHERE opcnamespace = schema
            UNION ALL
            SELECT 'collation "' || collname || '"', collowner FROM pg_catalog.pg_collation WHERE collnamespace = schema) AS o
     WHERE o.owner <> (SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid = schema)
     ORDER BY o.what LIMIT 1;
END;
COMMENT ON FUNCTION margin_internal.stranger_in(regnamespace) IS 'an object in a schema whose owner is not the owner of the schema; null: there is none';

CREATE FUNCTION margin_internal.check_schema(schema name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
    intruder text;
BEGIN
    IF schema IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a venue or book needs a schema';
    END IF;
    IF schema ~ '^(margin|pg_)' OR schema = 'information_schema' THEN
        RAISE EXCEPTION USING ERRCODE = 'reserved_name',
            MESSAGE = format('schema name "%s" is reserved', schema),
            DETAIL = 'Names that begin with "margin" belong to the extension, those that begin with "pg_" to PostgreSQL.';
    END IF;
    SELECT n.oid, n.nspowner, n.nspacl INTO present FROM pg_namespace AS n WHERE n.nspname = schema;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_schema_name',
            MESSAGE = format('schema "%s" does not exist', schema),
            HINT = format('CREATE SCHEMA %I; names are taken as they are, without quotes.', schema);
    END IF;
    -- A function that somebody else has put here could fit a call better than
    -- the one that is meant, and would run as the caller.
    IF present.nspowner <> (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('schema "%s" belongs to role "%s", not to "%s"', schema, pg_get_userbyid(present.nspowner), current_user),
            HINT = 'Venues and books are made by the owner of their schema; a member of that role may SET ROLE to it.';
    END IF;
    SELECT CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role "%s"', pg_get_userbyid(a.grantee)) END INTO intruder
      FROM aclexplode(present.nspacl) AS a
     WHERE a.privilege_type = 'CREATE' AND a.grantee <> present.nspowner
     ORDER BY a.grantee LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s may create objects in schema "%s"', intruder, schema),
            DETAIL = 'What others create there could be used in place of what is meant.',
            HINT = 'REVOKE CREATE ON SCHEMA, or use another schema.';
    END IF;
    intruder := margin_internal.stranger_in(present.oid::regnamespace);
    IF intruder IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('schema "%s" holds %s', schema, intruder),
            DETAIL = 'Objects of others could be used in place of those that are meant.',
            HINT = 'Use a schema of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_schema(name) IS
'an error unless a schema may become a venue or book of the caller: the caller owns it, nobody else may create or owns anything in it, and its name is not reserved';

-- ---------------------------------------------------------------------------
-- Running a script
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.run_script(schema name, script text[]) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
-- Settings of the caller must not bend what is made.
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET check_function_bodies = on
SET standard_conforming_strings = on
SET transform_null_equals = off
SET quote_all_identifiers = off
AS $$
DECLARE
    paragraph text;
BEGIN
    -- pg_temp last, and named: else it would come first
    PERFORM set_config('search_path', format('%I, pg_temp', schema), true);
    FOREACH paragraph IN ARRAY script LOOP
        EXECUTE paragraph;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.run_script(name, text[]) IS 'executes statements in a schema, whose objects they name bare';

CREATE FUNCTION margin_internal.describe(schema name, venue name, balances regclass DEFAULT NULL, positions regclass DEFAULT NULL,
                                         orders regclass DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.about() RETURNS margin.about
                    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
                    RETURN ROW(%L::text, %L::regnamespace, %L::regclass, %L::regclass, %L::regclass)::margin.about',
                   schema, margin_internal.release(), quote_ident(venue), balances, positions, orders);
    EXECUTE format('COMMENT ON FUNCTION %I.about() IS ''release, venue, and where the rows come from''', schema);
END
$$;
COMMENT ON FUNCTION margin_internal.describe(name, name, regclass, regclass, regclass) IS 'makes about() of a venue or book, whose venue is null if it reads a published market; what it names is bound to the objects, not to their names';

CREATE FUNCTION margin.create_venue(venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    propagation CONSTANT text := margin_internal.set_propagation('off');
BEGIN
    PERFORM margin_internal.check_schema(venue);
    IF EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = venue) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" is a venue or book already', venue),
            HINT = format('margin.upgrade_venue(%L) brings a venue up to date.', venue);
    END IF;
    PERFORM margin_internal.run_script(venue, margin_internal.venue_script());
    PERFORM margin_internal.describe(venue, venue);
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.create_venue(name) IS
'makes a venue in a schema of the caller (its name as it is, unquoted): tables of assets, contracts, tiers, prices, thresholds and scenarios, and market(). They belong to the caller. The caller grants EXECUTE on market() and its sisters. An error if others may create in the schema or own something in it';
