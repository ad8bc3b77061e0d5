-- page: the reports of a book together, as a page for people and as JSON and CSV
-- for machines.  All of it comes from the book's own functions; this room only
-- writes it down.  The sections of the page are in page_sections.

-- ---------------------------------------------------------------------------
-- For machines
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.report_sections() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN '{levels,shortfalls,losses,concentration,exposure,stress,liquidations,unpriced,worst,history}'::text[];
COMMENT ON FUNCTION margin.report_sections() IS 'the sections of the report, in the order of the page: each is a function report_<section>(as_of) of a book, too';

CREATE FUNCTION margin.report_rows(book name, section text, as_of timestamptz DEFAULT NULL) RETURNS SETOF json
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    CASE section
        WHEN 'levels' THEN RETURN QUERY SELECT row_to_json(r) FROM report_levels(as_of) AS r;
        WHEN 'shortfalls' THEN RETURN QUERY SELECT row_to_json(r) FROM report_shortfalls(as_of) AS r;
        WHEN 'losses' THEN RETURN QUERY SELECT row_to_json(r) FROM report_losses(as_of) AS r;
        WHEN 'concentration' THEN RETURN QUERY SELECT row_to_json(r) FROM report_concentration(as_of) AS r;
        WHEN 'exposure' THEN RETURN QUERY SELECT row_to_json(r) FROM report_exposure(as_of) AS r;
        WHEN 'stress' THEN RETURN QUERY SELECT row_to_json(r) FROM report_known_stress(as_of) AS r;
        WHEN 'liquidations' THEN RETURN QUERY SELECT row_to_json(r) FROM report_liquidations(as_of) AS r;
        WHEN 'unpriced' THEN RETURN QUERY SELECT row_to_json(r) FROM report_unpriced(as_of) AS r;
        WHEN 'worst' THEN RETURN QUERY SELECT row_to_json(r) FROM report_worst(as_of) AS r;
        WHEN 'history' THEN RETURN QUERY SELECT row_to_json(r) FROM report_history(as_of) AS r;
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('no section %s in a report', coalesce('"' || section || '"', 'null')),
                HINT = format('Sections are %s.', array_to_string(margin.report_sections(), ', '));
    END CASE;
END
$$;
COMMENT ON FUNCTION margin.report_rows(name, text, timestamptz) IS
'one section of the report on a book, a JSON object a row, amounts with all their digits: of the latest snapshot at or before as_of; an error if there is none; null: now. report_sections() names them; an error for another';

CREATE FUNCTION margin_internal.report_time(book name, as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN CASE WHEN as_of IS NULL THEN now() ELSE snapshot_at(as_of) END;
END
$$;
COMMENT ON FUNCTION margin_internal.report_time(name, timestamptz) IS 'the time that a report as of an instant tells of: that of the latest snapshot at or before it; an error if there is none; now() for null';

CREATE FUNCTION margin_internal.report_market(book name, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN CASE WHEN as_of IS NULL THEN margin_internal.market_id(venue_market())
                ELSE (SELECT s.market_id FROM snapshot AS s WHERE s.taken_at = snapshot_at(as_of)) END;
END
$$;
COMMENT ON FUNCTION margin_internal.report_market(name, timestamptz) IS 'the id of the market of a report: that of the latest snapshot at or before an instant, of the present market for null; null where it is not published';

CREATE FUNCTION margin.report_json(book name, as_of timestamptz DEFAULT NULL) RETURNS json
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT json_object_agg(name, content ORDER BY n)
      FROM (SELECT -1 AS n, 'as_of' AS name, to_json(margin_internal.report_time(book, as_of)) AS content
             UNION ALL
            SELECT 0, 'market_id', to_json(margin_internal.report_market(book, as_of))
             UNION ALL
            SELECT s.n, s.name, (SELECT coalesce(json_agg(r), '[]') FROM margin.report_rows(book, s.name, as_of) AS r)
              FROM unnest(margin.report_sections()) WITH ORDINALITY AS s (name, n)) AS section;
END;
COMMENT ON FUNCTION margin.report_json(name, timestamptz) IS
'the whole report on a book as one JSON object: as_of, market_id (null where the market is not published), and an array for each section; of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts are JSON numbers with all their digits; some readers keep them all only if asked to';

CREATE FUNCTION margin.report_csv(book name, section text, as_of timestamptz DEFAULT NULL) RETURNS SETOF text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT line.line
      FROM (SELECT r.n, r.row FROM margin.report_rows(book, section, as_of) WITH ORDINALITY AS r (row, n)) AS report,
           LATERAL (SELECT 0 AS part,
                           margin_internal.csv_line(ARRAY(SELECT k.key FROM json_each(report.row) WITH ORDINALITY AS k (key, value, n)
                                                           ORDER BY k.n)) AS line
                     WHERE report.n = 1
                     UNION ALL
                    SELECT 1, margin_internal.csv_line(ARRAY(SELECT k.value FROM json_each_text(report.row) WITH ORDINALITY AS k (key, value, n)
                                                              ORDER BY k.n))) AS line
     ORDER BY report.n, line.part;
END;
COMMENT ON FUNCTION margin.report_csv(name, text, timestamptz) IS
'one section of the report on a book as lines of CSV, the first with the names of the columns; nothing for a section without rows. Amounts have all their digits; as_of and errors as of report_rows()';

-- ---------------------------------------------------------------------------
-- For people
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.report_html(book name, as_of timestamptz DEFAULT NULL, since timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    stated CONSTANT timestamptz := margin_internal.report_time(book, as_of);
    earlier CONSTANT timestamptz := margin_internal.page_since(book, stated, since);
    market margin.market;
    f record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    market := snapshot_market(as_of);
    SELECT * INTO f FROM margin_internal.page_figures(book, as_of, stated, earlier, market);
    RETURN concat(
        margin_internal.page_head(book, stated),
        margin_internal.page_facts(book, as_of, stated, market, f.totals),
        '<main>',
        margin_internal.page_section('levels', 'Levels', margin_internal.page_levels(f.totals)),
        margin_internal.page_section('changes', 'Who changed level', margin_internal.page_changes(book, as_of, earlier, f.changes, f.movers, f.worst)),
        margin_internal.page_section('shortfalls', 'Shortfall by account', margin_internal.page_shortfalls(book, as_of, f.totals, f.lacking, f.shortfalls, f.worst)),
        margin_internal.page_section('worst', 'The worst accounts', margin_internal.page_worst(book, as_of, f.totals, f.worst)),
        margin_internal.page_section('room', 'How near accounts are', margin_internal.page_rooms(f.totals, f.rooms)),
        margin_internal.page_section('map', 'Liquidation map', margin_internal.page_map(book, f.exposed, f.steady, f.scenarios)),
        margin_internal.page_section('stress', 'Stress', margin_internal.page_stress(book, as_of, market, venue_scenarios(), f.scenarios)),
        margin_internal.page_section('collateral', 'Collateral by asset', margin_internal.page_concentration(book, as_of, market, f.totals)),
        margin_internal.page_section('holders', 'Largest holders', margin_internal.page_holders(book, as_of, f.totals)),
        margin_internal.page_section('positions', 'Positions by contract', margin_internal.page_exposure(book, as_of, f.totals)),
        margin_internal.page_section('history', 'History', margin_internal.page_history(book, as_of)),
        margin_internal.page_section('unpriced', 'Unpriced', margin_internal.page_unpriced(book, as_of, f.totals, f.unpriced)),
        '</main>',
        margin_internal.page_foot(book, as_of),
        E'</body>\n</html>');
END
$$;
COMMENT ON FUNCTION margin.report_html(name, timestamptz, timestamptz) IS
'the report on a book as one HTML page that needs nothing else, no script and no file: of the latest snapshot at or before as_of; an error if there is none; null: now. It says who changed level since the latest snapshot at or before since (likewise; null: since the one a day older, or the first there is). Amounts are rounded to two decimals; everything that comes from data is escaped. margin.progress says how far it is';
