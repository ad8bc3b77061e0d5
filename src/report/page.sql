-- page: the reports of a book together, as a page for people and as JSON and CSV
-- for machines.  All of it comes from the book's own functions; this room only
-- writes it down.

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

CREATE FUNCTION margin.report_json(book name, as_of timestamptz DEFAULT NULL) RETURNS json
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT json_object_agg(name, content ORDER BY n)
      FROM (SELECT 0 AS n, 'as_of' AS name, to_json(margin_internal.report_time(book, as_of)) AS content
             UNION ALL
            SELECT s.n, s.name, (SELECT coalesce(json_agg(r), '[]') FROM margin.report_rows(book, s.name, as_of) AS r)
              FROM unnest(margin.report_sections()) WITH ORDINALITY AS s (name, n)) AS section;
END;
COMMENT ON FUNCTION margin.report_json(name, timestamptz) IS
'the whole report on a book as one JSON object, an array for each section: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts are JSON numbers with all their digits; some readers keep them all only if asked to';

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
-- For people: a function for each section of the page.  Amounts are rounded;
-- everything that comes from data is escaped.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_style() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN $css$
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --soft: #5a6470; --rule: #d9dee4; --bar: #2f6fb2; --beyond: #b9d0e8;
  --healthy: #4c9f70; --warning: #e3b341; --margin_call: #e08a3c; --liquidation: #d1495b; --bankrupt: #7b2d43; --unpriced: #8a94a0; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14181d; --ink: #e4e8ec; --soft: #9aa5b1; --rule: #313a44; --bar: #6ea8e0; --beyond: #34506d;
    --healthy: #5bb585; --warning: #e8c25a; --margin_call: #e79a54; --liquidation: #e46a7a; --bankrupt: #c46a86; --unpriced: #7d8894; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 64rem; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; } p { margin: .3rem 0; } p, small, figcaption { color: var(--soft); }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11rem, 1fr)); gap: .5rem; margin: 1rem 0; }
dl div { border: 1px solid var(--rule); border-radius: .4rem; padding: .5rem .7rem; } dt { color: var(--soft); font-size: .85rem; } dd { margin: 0; font-size: 1.15rem; overflow-wrap: anywhere; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--rule); white-space: nowrap; } th { color: var(--soft); font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; } td.n, th.n { text-align: right; }
svg { display: block; width: 100%; } .stack { height: 2rem; border-radius: .3rem; }
.bars div { display: grid; grid-template-columns: 8rem 1fr 8rem; gap: .6rem; align-items: center; margin: .15rem 0; font-size: .9rem; }
.bars span { overflow-wrap: anywhere; } .bars svg { height: 1rem; } .bar { fill: var(--bar); } .beyond { fill: var(--beyond); }
.lines { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; } figure { margin: 0; min-width: 0; overflow-wrap: anywhere; } figure svg { height: 4rem; } figure b { color: var(--ink); }
.axis { display: flex; justify-content: space-between; border-top: 1px solid var(--rule); }
polyline { fill: none; stroke: var(--bar); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.chip { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .4rem; }
details { border-top: 1px solid var(--rule); padding: .4rem 0; } summary { cursor: pointer; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; font-size: .9rem; margin: .4rem 0; }
$css$;
COMMENT ON FUNCTION margin_internal.page_style() IS 'the style sheet of the page, by day and by night, on a desk and on a phone';

CREATE FUNCTION margin_internal.page_head(book name, stated timestamptz, is_snapshot boolean) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
RETURN format($$<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Margin report, book %1$s, %2$s UTC</title>
<style>%4$s</style>
</head>
<body>
<h1>Margin report, book %1$s</h1>
<p>%3$s %2$s UTC. Amounts in USD, rounded for reading; <code>report_json()</code> and <code>report_csv()</code> have all digits.</p>
$$, margin_internal.html_text(book::text), to_char(stated, 'YYYY-MM-DD HH24:MI:SS'),
    CASE WHEN is_snapshot THEN 'From the snapshot of' ELSE 'The book as it was at' END, margin_internal.page_style());
COMMENT ON FUNCTION margin_internal.page_head(name, timestamptz, boolean) IS 'the head of the page, above the sections: book, time, and whether it is that of a snapshot';

CREATE FUNCTION margin_internal.page_section(title text, content text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format(E'<h2>%s</h2>\n%s\n', margin_internal.html_text(title), content);
COMMENT ON FUNCTION margin_internal.page_section(text, text) IS 'a section of the page: HTML under a heading, which is escaped';

CREATE FUNCTION margin_internal.page_totals(levels margin.level_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<dl>%s</dl>\n', string_agg(format('<div><dt>%s</dt><dd>%s</dd></div>', fact.name, fact.amount), '' ORDER BY fact.n))
      FROM (SELECT sum(l.accounts) AS accounts,
                   sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt')) AS undercollateralized,
                   sum(l.accounts) FILTER (WHERE l.level = 'unpriced') AS unpriced,
                   sum(l.equity) AS equity, sum(l.maintenance_margin) AS maintenance_margin,
                   sum(l.shortfall) AS shortfall, sum(l.loss) AS loss
              FROM unnest(levels) AS l) AS total,
           LATERAL (VALUES (1, 'Accounts', margin_internal.html_amount(total.accounts, 0)),
                           (2, 'Undercollateralized', margin_internal.html_amount(total.undercollateralized, 0)),
                           (3, 'Unpriced', margin_internal.html_amount(total.unpriced, 0)),
                           (4, 'Equity', margin_internal.html_amount(total.equity)),
                           (5, 'Maintenance margin', margin_internal.html_amount(total.maintenance_margin)),
                           (6, 'Shortfall', margin_internal.html_amount(total.shortfall)),
                           (7, 'Loss beyond collateral', margin_internal.html_amount(total.loss))) AS fact (n, name, amount);
END;
COMMENT ON FUNCTION margin_internal.page_totals(margin.level_total[]) IS 'the totals of all levels, as facts at the top of the page; amounts without those of unpriced accounts';

CREATE FUNCTION margin_internal.level_chip(level margin.level) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('<span class="chip" style="background: var(--%s)"></span>', level);
COMMENT ON FUNCTION margin_internal.level_chip(margin.level) IS 'a spot in the colour of a level';

CREATE FUNCTION margin_internal.level_name(level margin.level) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(level::text, '_', ' ');
COMMENT ON FUNCTION margin_internal.level_name(margin.level) IS 'a level in words';

CREATE FUNCTION margin_internal.page_level_bar(levels margin.level_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="accounts by level">%s</svg>',
                  string_agg(format('<rect x="%s" width="%s" height="10" fill="var(--%s)"><title>%s: %s</title></rect>',
                                    round(1000 * bar.before / bar.whole, 2), round(1000 * bar.accounts / bar.whole, 2),
                                    bar.level, bar.level, bar.accounts),
                             '' ORDER BY bar.level))
      FROM (SELECT l.level, l.accounts, sum(l.accounts) OVER () AS whole,
                   sum(l.accounts) OVER (ORDER BY l.level) - l.accounts AS before
              FROM unnest(levels) AS l) AS bar
     WHERE bar.whole > 0
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin_internal.page_level_bar(margin.level_total[]) IS 'accounts by level as the parts of one bar, to scale; null where there are none';

CREATE FUNCTION margin_internal.page_level_table(levels margin.level_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<div class="wide"><table>\n<thead><tr><th>Level</th><th class="n">Accounts</th><th class="n">Equity</th>'
                  '<th class="n">Maintenance margin</th><th class="n">Shortfall</th></tr></thead>\n<tbody>\n%s\n</tbody></table></div>',
                  string_agg(format('<tr><td>%s%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
                                    margin_internal.level_chip(l.level), margin_internal.level_name(l.level),
                                    margin_internal.html_amount(l.accounts, 0),
                                    coalesce(margin_internal.html_amount(l.equity), '&ndash;'),
                                    coalesce(margin_internal.html_amount(l.maintenance_margin), '&ndash;'),
                                    coalesce(margin_internal.html_amount(l.shortfall), '&ndash;')),
                             E'\n' ORDER BY l.level))
      FROM unnest(levels) AS l;
END;
COMMENT ON FUNCTION margin_internal.page_level_table(margin.level_total[]) IS 'the levels as a table, each with its colour in the bar';

CREATE FUNCTION margin_internal.page_levels(levels margin.level_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN concat_ws(E'\n', coalesce(margin_internal.page_level_bar(levels), '<p class="none">No account holds anything.</p>'),
                 margin_internal.page_level_table(levels));
COMMENT ON FUNCTION margin_internal.page_levels(margin.level_total[]) IS 'accounts by level, as a bar and as a table';

CREATE FUNCTION margin_internal.page_shortfalls(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT concat_ws(E'\n',
                   margin_internal.html_bars(
                       array_agg('account ' || s.account_id::text ORDER BY s.n), array_agg(s.shortfall ORDER BY s.n), NULL,
                       array_agg(margin_internal.html_amount(s.shortfall) ORDER BY s.n)),
                   margin_internal.html_table(
                       '{Account,Level,Shortfall,Share,Equity,Maintenance margin}',
                       coalesce(array_agg(ARRAY[s.account_id::text, s.level::text, margin_internal.html_amount(s.shortfall),
                                                round(100 * s.share, 2) || ' %', margin_internal.html_amount(s.equity),
                                                margin_internal.html_amount(s.maintenance_margin)] ORDER BY s.n), '{}'),
                       'No account is short.'))
          FROM (SELECT *, row_number() OVER () AS n FROM report_shortfalls(as_of, 10)) AS s);
END
$$;
COMMENT ON FUNCTION margin_internal.page_shortfalls(name, timestamptz) IS 'the ten accounts that lack most to their maintenance margin, as bars and as a table';

CREATE FUNCTION margin_internal.page_concentration(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT concat_ws(E'\n', '<p>What counts, and paler what ratios take away.</p>',
                   margin_internal.html_bars(
                       array_agg(c.asset ORDER BY c.n), array_agg(c.collateral_value ORDER BY c.n), array_agg(c.haircut ORDER BY c.n),
                       array_agg(margin_internal.html_amount(c.collateral_value) ORDER BY c.n)),
                   margin_internal.html_table(
                       '{Asset,Accounts,Units,Price,Value,Collateral value,Share,Haircut,Lost to tiers}',
                       coalesce(array_agg(ARRAY[c.asset, margin_internal.html_amount(c.accounts, 0), margin_internal.html_amount(c.asset_equity),
                                                c.price::text, margin_internal.html_amount(c.net_asset_value),
                                                margin_internal.html_amount(c.collateral_value), round(100 * c.share, 2) || ' %',
                                                margin_internal.html_amount(c.haircut),
                                                margin_internal.html_amount(c.lost_to_tiers)] ORDER BY c.n), '{}'),
                       'There is no collateral.'))
          FROM (SELECT *, row_number() OVER () AS n FROM report_concentration(as_of)) AS c);
END
$$;
COMMENT ON FUNCTION margin_internal.page_concentration(name, timestamptz) IS 'the collateral asset by asset, as bars and as a table';

CREATE FUNCTION margin_internal.page_history(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT CASE WHEN count(*) = 0 THEN '<p class="none">There are no snapshots yet.</p>' ELSE
               format(E'<p>%s snapshots from %s to %s UTC.</p>\n<div class="lines">%s</div>', count(*),
                      to_char(min(h.taken_at), 'YYYY-MM-DD HH24:MI'), to_char(max(h.taken_at), 'YYYY-MM-DD HH24:MI'),
                      concat(margin_internal.html_line('Equity', array_agg(h.equity ORDER BY h.taken_at), 0),
                             margin_internal.html_line('Maintenance margin', array_agg(h.maintenance_margin ORDER BY h.taken_at), 0),
                             margin_internal.html_line('Shortfall', array_agg(h.shortfall ORDER BY h.taken_at), 0),
                             margin_internal.html_line('Undercollateralized',
                                                       array_agg(h.undercollateralized::numeric ORDER BY h.taken_at), 0))) END
          FROM report_history(as_of) AS h);
END
$$;
COMMENT ON FUNCTION margin_internal.page_history(name, timestamptz) IS 'totals of the last snapshots as lines';

CREATE FUNCTION margin_internal.page_worst(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN coalesce((
        SELECT string_agg(format('<details%s><summary>%sAccount %s, %s: equity %s, maintenance margin %s</summary><pre>%s</pre></details>',
                                 CASE WHEN w.n = 1 THEN ' open' END, margin_internal.level_chip(w.level),
                                 margin_internal.html_text(w.account_id::text), margin_internal.level_name(w.level),
                                 margin_internal.html_amount(w.equity), margin_internal.html_amount(w.maintenance_margin),
                                 margin_internal.html_text(w.explanation)), E'\n' ORDER BY w.n)
          FROM (SELECT *, row_number() OVER () AS n FROM report_worst(as_of)) AS w), '<p class="none">No account is at warning or above.</p>');
END
$$;
COMMENT ON FUNCTION margin_internal.page_worst(name, timestamptz) IS 'the worst accounts, each explained; the first of them is open';

CREATE FUNCTION margin_internal.page_stress(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT margin_internal.html_table(
                   '{Scenario,Warning,Margin call,Liquidation,Bankrupt,Unpriced,Equity,Maintenance margin,Loss beyond collateral}',
                   coalesce(array_agg(ARRAY[s.scenario, margin_internal.html_amount(s.warning, 0), margin_internal.html_amount(s.margin_call, 0),
                                            margin_internal.html_amount(s.liquidation, 0), margin_internal.html_amount(s.bankrupt, 0),
                                            margin_internal.html_amount(s.unpriced, 0), margin_internal.html_amount(s.equity),
                                            margin_internal.html_amount(s.maintenance_margin),
                                            margin_internal.html_amount(s.loss)] ORDER BY s.n), '{}'),
                   'There are no scenarios; margin.load_scenarios() enters some.')
          FROM (SELECT *, row_number() OVER () AS n FROM report_known_stress(as_of)) AS s);
END
$$;
COMMENT ON FUNCTION margin_internal.page_stress(name, timestamptz) IS 'accounts by level and totals in each scenario; dashes where a scenario names what the market lacks';

CREATE FUNCTION margin_internal.page_percent(part numeric) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN part > 0 THEN '+' ELSE '' END || trim_scale(100 * part) || ' %';
COMMENT ON FUNCTION margin_internal.page_percent(numeric) IS 'a change in proportion as a signed percentage, -0.2 as -20 %; null for null';

CREATE FUNCTION margin_internal.page_liquidations(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        WITH map AS MATERIALIZED (
            SELECT r.*, row_number() OVER () AS n, margin_internal.page_percent(r.move) AS moved FROM report_liquidations(as_of) AS r
        )
        SELECT CASE WHEN count(*) = 0 THEN '<p class="none">Nothing is held whose price could move.</p>' ELSE
               concat_ws(E'\n',
                   '<p>Notional of the accounts that would be undercollateralized if the price of an asset moved, with all marks that follow it: '
                   'what is long, and would be sold, and paler what is short.</p>',
                   (SELECT format('<div class="lines">%s</div>', string_agg(asset.figure, '' ORDER BY asset.n))
                      FROM (SELECT min(m.n) AS n,
                                   margin_internal.html_columns(
                                       m.asset, array_agg(m.moved ORDER BY m.n), array_agg(m.long_usd ORDER BY m.n),
                                       array_agg(m.notional_usd - m.long_usd ORDER BY m.n),
                                       array_agg(format('%s USD, %s undercollateralized', margin_internal.html_amount(m.notional_usd, 0),
                                                        margin_internal.html_amount(m.undercollateralized, 0)) ORDER BY m.n), 0) AS figure
                              FROM map AS m GROUP BY m.asset) AS asset),
                   format('<details><summary>The same in figures</summary>%s</details>', margin_internal.html_table(
                       '{Asset,Move,Price,Undercollateralized,Of them bankrupt,Notional,Of it long,Shortfall,Loss beyond collateral}',
                       array_agg(ARRAY[asset, ltrim(moved, '+'), price::text, margin_internal.html_amount(undercollateralized, 0),
                                       margin_internal.html_amount(bankrupt, 0), margin_internal.html_amount(notional_usd),
                                       margin_internal.html_amount(long_usd), margin_internal.html_amount(shortfall),
                                       margin_internal.html_amount(loss)] ORDER BY n),
                       ''))) END
          FROM map);
END
$$;
COMMENT ON FUNCTION margin_internal.page_liquidations(name, timestamptz) IS 'the liquidation map of the assets that the book is most exposed to: for each a chart of notional over moves, and all of it as a table';

CREATE FUNCTION margin_internal.page_unpriced(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT CASE WHEN max(u.total) > 100 THEN format('<p>The first 100 of %s.</p>', margin_internal.html_amount(max(u.total), 0)) ELSE '' END ||
               margin_internal.html_table(
                   '{Account,Lacks}',
                   coalesce(array_agg(ARRAY[u.account_id::text, array_to_string(u.missing, ', ')] ORDER BY u.account_id), '{}'),
                   'Every account could be valued.')
          FROM (SELECT r.account_id, r.missing, count(*) OVER () AS total
                  FROM report_unpriced(as_of) AS r ORDER BY r.account_id LIMIT 100) AS u);
END
$$;
COMMENT ON FUNCTION margin_internal.page_unpriced(name, timestamptz) IS 'the accounts that could not be valued and what they lack, 100 at most';

CREATE FUNCTION margin_internal.page_exposure(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT margin_internal.html_table(
                   '{Contract,Settles in,Accounts,Mark,Long,Short,Net,Unrealized PnL,Maintenance margin,Order margin}',
                   coalesce(array_agg(ARRAY[e.contract, e.settle, margin_internal.html_amount(e.accounts, 0), e.mark::text,
                                            margin_internal.html_amount(e.long), margin_internal.html_amount(e.short),
                                            margin_internal.html_amount(e.net), margin_internal.html_amount(e.pnl_usd),
                                            margin_internal.html_amount(e.maintenance_margin),
                                            margin_internal.html_amount(e.order_margin)] ORDER BY e.n), '{}'),
                   'There are no positions and no orders.')
          FROM (SELECT *, row_number() OVER () AS n FROM report_exposure(as_of)) AS e);
END
$$;
COMMENT ON FUNCTION margin_internal.page_exposure(name, timestamptz) IS 'the positions contract by contract';

CREATE FUNCTION margin.report_html(book name, as_of timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    levels margin.level_total[];
BEGIN
    PERFORM margin_internal.enter_book(book);
    levels := ARRAY(SELECT l FROM report_levels(as_of) AS l ORDER BY l.level);
    RETURN concat(
        margin_internal.page_head(book, margin_internal.report_time(book, as_of), as_of IS NOT NULL),
        margin_internal.page_totals(levels),
        margin_internal.page_section('Levels', margin_internal.page_levels(levels)),
        margin_internal.page_section('Shortfall by account', margin_internal.page_shortfalls(book, as_of)),
        margin_internal.page_section('Collateral by asset', margin_internal.page_concentration(book, as_of)),
        margin_internal.page_section('History', margin_internal.page_history(book, as_of)),
        margin_internal.page_section('The worst accounts', margin_internal.page_worst(book, as_of)),
        margin_internal.page_section('Stress', margin_internal.page_stress(book, as_of)),
        margin_internal.page_section('Liquidation map', margin_internal.page_liquidations(book, as_of)),
        margin_internal.page_section('Unpriced', margin_internal.page_unpriced(book, as_of)),
        margin_internal.page_section('Positions by contract', margin_internal.page_exposure(book, as_of)),
        E'</body>\n</html>');
END
$$;
COMMENT ON FUNCTION margin.report_html(name, timestamptz) IS
'the report on a book as one HTML page that needs nothing else, no script and no file: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts are rounded to two decimals; everything that comes from data is escaped';
