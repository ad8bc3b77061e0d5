-- market_source: a published market that a book reads instead of a venue's

-- A foreign table is read by the session that began the statement alone: another
-- might see it later, and so another market.
CREATE FUNCTION margin_internal.foreign_market(book anyelement, clock timestamptz) RETURNS margin.market
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_kept_market';
COMMENT ON FUNCTION margin_internal.foreign_market(anyelement, timestamptz) IS 'kept_market() of a book whose market stands in a foreign table';

CREATE FUNCTION margin_internal.not_published(result anyelement, what text) RETURNS anyelement
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
        MESSAGE = format('%s are not published with the market that this book reads', what),
        HINT = 'Ask for them where its venue is.';
END
$$;
COMMENT ON FUNCTION margin_internal.not_published(anyelement, text) IS 'the error that a book over a published market knows nothing of that; of the type of the first argument';

CREATE FUNCTION margin_internal.market_columns(OUT name name, OUT type regtype, OUT required boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.name, c.type, c.required
      FROM (VALUES ('id', 'bigint'::regtype, true), ('at', 'timestamptz', true), ('valid_until', 'timestamptz', true), ('market', 'margin.market', true),
                   ('release_ratios', 'numeric[]', false), ('pausing_prices', 'jsonb', false), ('scenarios', 'margin.price_move[]', false),
                   ('repayment_rules', 'margin.repayment_rule[]', false)) AS c (name, type, required);
END;
COMMENT ON FUNCTION margin_internal.market_columns() IS 'columns of published_market: what a table or view that a book takes its market from has, or may have';

CREATE FUNCTION margin_internal.check_market_source(source regclass, trust boolean) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flaw record;
    owner record;
BEGIN
    IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = source) NOT IN ('r', 'p', 'v', 'm', 'f') THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is no table and no view', source);
    END IF;
    SELECT c.name, c.type, format_type(a.atttypid, NULL) AS present INTO flaw
      FROM margin_internal.market_columns() AS c
      LEFT JOIN pg_attribute AS a ON a.attrelid = source AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.atttypid IS DISTINCT FROM c.type AND (c.required OR a.atttypid IS NOT NULL)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN flaw.present IS NULL THEN 'undefined_column' ELSE 'datatype_mismatch' END,
            MESSAGE = CASE WHEN flaw.present IS NULL THEN format('%s has no column "%s"', source, flaw.name)
                           ELSE format('column "%s" of %s is of type %s, not %s', flaw.name, source, flaw.present, flaw.type) END,
            HINT = 'A market is read from a table or view with columns id bigint, at timestamptz, valid_until timestamptz and market margin.market, as the table published_market of a venue has them.';
    END IF;
    IF NOT has_table_privilege(source, 'SELECT') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for %s', source),
            DETAIL = 'A book reads its market as its owner.';
    END IF;
    SELECT r.rolname AS name, r.rolsuper INTO owner FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = source;
    IF owner.name <> current_user AND NOT owner.rolsuper AND trust IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s belongs to role "%s"', source, owner.name),
            DETAIL = 'Readers of the book read what that role publishes there, through code of that role if it is a view.',
            HINT = 'Say trust => true if all readers of the book trust it.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_market_source(regclass, boolean) IS
'an error unless a book of the caller may read its market from a table or view: it has the columns of published_market, those that are needed, and the caller may read it and trusts its owner';

-- Whether its rows are here, so that all workers of a statement see the same.
CREATE FUNCTION margin_internal.market_is_local(market_source regclass) RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN coalesce((SELECT bool_and(c.relkind IN ('r', 'v', 'm')) FROM unnest(margin_internal.view_reads(market_source)) AS r JOIN pg_class AS c ON c.oid = r), false);
COMMENT ON FUNCTION margin_internal.market_is_local(regclass) IS 'whether the view market_source of a book reads nothing but tables of this database, by functions that are immutable';

CREATE FUNCTION margin_internal.source_script_of(market_source regclass, script text[]) RETURNS text[]
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.market_is_local(market_source) AND NOT margin_internal.is_distributed(market_source) THEN
        RETURN script;
    END IF;
    RETURN ARRAY(SELECT CASE WHEN s.paragraph ~ 'kept_market' THEN replace(replace(s.paragraph, 'kept_market', 'foreign_market'), 'PARALLEL SAFE', 'PARALLEL RESTRICTED')
                             ELSE s.paragraph END
                   FROM unnest(script) WITH ORDINALITY AS s (paragraph, n) ORDER BY s.n);
END
$$;
COMMENT ON FUNCTION margin_internal.source_script_of(regclass, text[]) IS 'the script source, or statements of an earlier one, as a book with that view market_source runs them';

CREATE FUNCTION margin_internal.create_market_source(book name, source regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view regclass;
    field name;
BEGIN
    EXECUTE format('CREATE VIEW %I.market_source WITH (security_invoker = true) AS SELECT %s FROM %s AS s', book,
                   (SELECT string_agg(CASE WHEN a.attname IS NULL THEN format('NULL::%s AS %I', c.type, c.name) ELSE format('s.%I', c.name) END, ', ' ORDER BY c.n)
                      FROM margin_internal.market_columns() WITH ORDINALITY AS c (name, type, required, n)
                      LEFT JOIN pg_attribute AS a ON a.attrelid = source AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped),
                   source);
    EXECUTE format('COMMENT ON VIEW %I.market_source IS ''the published market that the book reads, in one row; for its owner''', book);
    FOR field IN SELECT c.name FROM margin_internal.market_columns() AS c LOOP
        EXECUTE format('COMMENT ON COLUMN %I.market_source.%I IS ''as in published_market of the venue; null where that does not come along''', book, field);
    END LOOP;
    view := format('%I.market_source', book)::regclass;
    PERFORM margin_internal.run_script(book, margin_internal.source_script_of(view, margin_internal.source_script()));
    RETURN margin_internal.market_is_local(view);
END
$$;
COMMENT ON FUNCTION margin_internal.create_market_source(name, regclass) IS
'gives a book a published market in place of a venue; whether what reads it may run in parallel workers';
