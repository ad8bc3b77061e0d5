-- report_page: the reports together, as a page for people and as JSON and CSV
-- for machines.  All of it comes from the functions of reports.sql; this room
-- only writes it down.

-- ---------------------------------------------------------------------------
-- Two more reports, which a page wants
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.report_history(
    as_of timestamptz DEFAULT NULL, last bigint DEFAULT 288,
    OUT taken_at timestamptz, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 288
BEGIN ATOMIC
    SELECT s.taken_at, t.accounts, t.undercollateralized, t.unpriced, t.equity, t.maintenance_margin, t.shortfall, t.loss
      FROM (SELECT k.taken_at, k.levels FROM margin.snapshot AS k
             WHERE as_of IS NULL OR k.taken_at <= as_of
             ORDER BY k.taken_at DESC LIMIT last) AS s,
           LATERAL (SELECT sum(l.accounts)::bigint AS accounts,
                           sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt'))::bigint AS undercollateralized,
                           sum(l.accounts) FILTER (WHERE l.level = 'unpriced')::bigint AS unpriced,
                           sum(l.equity) AS equity, sum(l.maintenance_margin) AS maintenance_margin,
                           sum(l.shortfall) AS shortfall, sum(l.loss) AS loss
                      FROM unnest(s.levels) AS l) AS t
     ORDER BY s.taken_at;
END;
COMMENT ON FUNCTION margin.report_history(timestamptz, bigint) IS 'totals of the last snapshots at or before as_of (null: of all), so many (null: all; 288 are a day of one every five minutes), the oldest first; amounts in USD, without those of unpriced accounts, which are not known; no row where there is no snapshot';

CREATE FUNCTION margin.report_worst(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 5,
    OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 5
BEGIN ATOMIC
    SELECT worst.account_id, worst.level, worst.equity, worst.maintenance_margin,
           (SELECT string_agg(e.line, E'\n' ORDER BY e.n)
              FROM margin.explain_text(held.portfolio, (SELECT margin.market_at(as_of))) WITH ORDINALITY AS e (line, n))
      FROM (SELECT a.account_id, a.level, a.equity, a.maintenance_margin FROM margin.account_margin_at(as_of) AS a
             WHERE a.level BETWEEN 'warning' AND 'bankrupt'
             ORDER BY a.equity - a.maintenance_margin, a.account_id LIMIT top) AS worst
      JOIN margin.portfolios(as_of) AS held ON held.account_id = worst.account_id
     ORDER BY worst.equity - worst.maintenance_margin, worst.account_id;
END;
COMMENT ON FUNCTION margin.report_worst(timestamptz, bigint) IS 'the accounts at warning or above whose equity is least against their maintenance margin (USD), so many (null: all), each explained in the sentences of explain_text(), a line each: of the latest snapshot at or before as_of; an error if there is none; null: now';

-- A scenario that names what a market lacks, as one of before an asset was
-- listed, must not keep the rest from being told.
CREATE FUNCTION margin.report_known_stress(
    as_of timestamptz DEFAULT NULL,
    OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    WITH lacking AS MATERIALIZED (
        SELECT DISTINCT s.scenario FROM margin.scenario AS s
         WHERE s.asset IS NOT NULL
               AND NOT EXISTS (SELECT FROM margin.assets((SELECT margin.market_at(as_of))) AS a WHERE a.asset = s.asset)
            OR s.contract IS NOT NULL
               AND NOT EXISTS (SELECT FROM margin.contracts((SELECT margin.market_at(as_of))) AS c WHERE c.contract = s.contract)
    )
    SELECT * FROM margin.report_stress(as_of, (SELECT ARRAY(SELECT s FROM margin.scenario AS s
                                                             WHERE s.scenario NOT IN (SELECT l.scenario FROM lacking AS l))))
    UNION ALL
    SELECT l.scenario, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL FROM lacking AS l;
END;
COMMENT ON FUNCTION margin.report_known_stress(timestamptz) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others';

-- ---------------------------------------------------------------------------
-- For machines
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.report_rows(section text, as_of timestamptz DEFAULT NULL) RETURNS SETOF json
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    CASE section
        WHEN 'levels' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_levels(as_of) AS r;
        WHEN 'shortfalls' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_shortfalls(as_of) AS r;
        WHEN 'losses' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_losses(as_of) AS r;
        WHEN 'concentration' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_concentration(as_of) AS r;
        WHEN 'exposure' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_exposure(as_of) AS r;
        WHEN 'stress' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_known_stress(as_of) AS r;
        WHEN 'unpriced' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_unpriced(as_of) AS r;
        WHEN 'worst' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_worst(as_of) AS r;
        WHEN 'history' THEN RETURN QUERY SELECT row_to_json(r) FROM margin.report_history(as_of) AS r;
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('no section %s in a report', coalesce('"' || section || '"', 'null')),
                HINT = format('Sections are %s.', array_to_string(margin.report_sections(), ', '));
    END CASE;
END
$$;
COMMENT ON FUNCTION margin.report_rows(text, timestamptz) IS 'one section of the report, a JSON object a row, amounts with all their digits; report_sections() names them; an error for another';

CREATE FUNCTION margin.report_sections() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN '{levels,shortfalls,losses,concentration,exposure,stress,unpriced,worst,history}'::text[];
COMMENT ON FUNCTION margin.report_sections() IS 'the sections of the report, in the order of the page: each is a function report_<section>(as_of) too';

CREATE FUNCTION margin.report_json(as_of timestamptz DEFAULT NULL) RETURNS json
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT json_object_agg(name, content ORDER BY n)
      FROM (SELECT 0 AS n, 'as_of' AS name,
                   to_json(CASE WHEN as_of IS NULL THEN now() ELSE margin.snapshot_at(as_of) END) AS content
             UNION ALL
            SELECT s.n, s.name, (SELECT coalesce(json_agg(r), '[]') FROM margin.report_rows(s.name, as_of) AS r)
              FROM unnest(margin.report_sections()) WITH ORDINALITY AS s (name, n)) AS section;
END;
COMMENT ON FUNCTION margin.report_json(timestamptz) IS 'the whole report as one JSON object, an array for each section: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts are JSON numbers with all their digits, which a reader may have to be told to keep';

CREATE FUNCTION margin.csv_line(cells text[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN c.cell IS NULL THEN ''
                           WHEN c.cell = '' OR c.cell ~ E'[",\r\n]|^\\s|\\s$' THEN '"' || replace(c.cell, '"', '""') || '"'
                           ELSE c.cell END, ',' ORDER BY c.n)
      FROM unnest(cells) WITH ORDINALITY AS c (cell, n);
END;
COMMENT ON FUNCTION margin.csv_line(text[]) IS 'cells as a line of CSV (RFC 4180), as COPY writes them: null is nothing, an empty text is quoted';

CREATE FUNCTION margin.report_csv(section text, as_of timestamptz DEFAULT NULL) RETURNS SETOF text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT line.line
      FROM (SELECT r.n, r.row FROM margin.report_rows(section, as_of) WITH ORDINALITY AS r (row, n)) AS report,
           LATERAL (SELECT 0 AS part, margin.csv_line(ARRAY(SELECT k.key FROM json_each(report.row) WITH ORDINALITY AS k (key, value, n) ORDER BY k.n)) AS line
                     WHERE report.n = 1
                     UNION ALL
                    SELECT 1, margin.csv_line(ARRAY(SELECT k.value FROM json_each_text(report.row) WITH ORDINALITY AS k (key, value, n) ORDER BY k.n))) AS line
     ORDER BY report.n, line.part;
END;
COMMENT ON FUNCTION margin.report_csv(text, timestamptz) IS 'one section of the report as lines of CSV, the first with the names of the columns; nothing for a section without rows. Amounts have all their digits';

-- ---------------------------------------------------------------------------
-- For people
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.html_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(replace(replace(replace(replace(content, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION margin.html_text(text) IS 'a text as HTML that shows it, also inside of a quoted attribute; null for null';

CREATE FUNCTION margin.html_amount(amount numeric, decimals integer DEFAULT 2) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(split_part(round(amount, decimals)::text, '.', 1), '(\d)(?=(\d{3})+$)', '\1,', 'g')
       || CASE WHEN decimals > 0 THEN '.' || split_part(round(amount, decimals)::text, '.', 2) ELSE '' END;
COMMENT ON FUNCTION margin.html_amount(numeric, integer) IS 'an amount for people: rounded half away from zero, with commas between thousands; null for null';

CREATE FUNCTION margin.html_table(head text[], cells text[], empty text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    WITH col AS (
        SELECT c, head[c] AS title,
               -- what names a row is no number, whatever it looks like
               CASE WHEN c > 1 AND bool_and(cells[r][c] ~ '^-?[0-9][0-9.,]*( %)?$') THEN ' class="n"' ELSE '' END AS class
          FROM generate_series(1, cardinality(head)) AS c, generate_series(1, array_length(cells, 1)) AS r
         GROUP BY c
    )
    SELECT CASE WHEN cardinality(cells) = 0 THEN format('<p class="none">%s</p>', margin.html_text(empty))
                ELSE format(E'<div class="wide"><table>\n<thead><tr>%s</tr></thead>\n<tbody>\n%s\n</tbody></table></div>',
                            (SELECT string_agg(format('<th%s>%s</th>', class, margin.html_text(title)), '' ORDER BY c) FROM col),
                            (SELECT string_agg(body.row, E'\n' ORDER BY body.r)
                               FROM (SELECT r, format('<tr>%s</tr>',
                                                      string_agg(format('<td%s>%s</td>', class, coalesce(margin.html_text(cells[r][c]), '&ndash;')), '' ORDER BY c)) AS row
                                       FROM generate_series(1, array_length(cells, 1)) AS r, col
                                      GROUP BY r) AS body)) END;
END;
COMMENT ON FUNCTION margin.html_table(text[], text[], text) IS 'a table of cells[row][column] under its head, everything escaped, numbers to the right; a paragraph that says so where there is nothing';

CREATE FUNCTION margin.html_bars(labels text[], lengths numeric[], beyond numeric[], shown text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<div class="bars">\n%s\n</div>', string_agg(format(
               '<div><span>%s</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="%s"><rect class="bar" width="%s" height="10"/><rect class="beyond" x="%s" width="%s" height="10"/></svg><span class="n">%s</span></div>',
               margin.html_text(b.label), margin.html_text(b.label || ': ' || b.text),
               round(100 * b.length / whole, 2), round(100 * b.length / whole, 2), round(100 * b.rest / whole, 2),
               margin.html_text(b.text)), E'\n' ORDER BY b.n))
      FROM (SELECT u.n, u.label, u.text, greatest(u.length, 0) AS length, greatest(coalesce(u.rest, 0), 0) AS rest
              FROM unnest(labels, lengths, beyond, shown) WITH ORDINALITY AS u (label, length, rest, text, n)
             WHERE u.length IS NOT NULL) AS b,
           (SELECT nullif(max(greatest(u.length, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole
              FROM unnest(lengths, beyond) AS u (length, rest)) AS longest
     WHERE whole IS NOT NULL
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin.html_bars(text[], numeric[], numeric[], text[]) IS 'horizontal bars, each with a part beyond it in a paler colour (null: none), against the longest of all, between a label and a text; null where there is nothing to draw; what has no length is left out';

CREATE FUNCTION margin.html_line(title text, points numeric[], decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<figure><figcaption>%s <b>%s</b></figcaption><svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%s"><polyline points="%s"/></svg><small>%s to %s</small></figure>',
                  margin.html_text(title), margin.html_amount((array_agg(p.y ORDER BY p.n DESC) FILTER (WHERE p.y IS NOT NULL))[1], decimals),
                  margin.html_text(title),
                  string_agg(round(300 * (p.n - 1) / greatest(cardinality(points) - 1, 1)::numeric, 2) || ',' ||
                             round(55 - 50 * (p.y - e.least) / coalesce(nullif(e.most - e.least, 0), 1), 2), ' ' ORDER BY p.n),
                  margin.html_amount(e.least, decimals), margin.html_amount(e.most, decimals))
      FROM unnest(points) WITH ORDINALITY AS p (y, n), (SELECT min(y) AS least, max(y) AS most FROM unnest(points) AS y) AS e
     WHERE p.y IS NOT NULL
     GROUP BY e.least, e.most;
END;
COMMENT ON FUNCTION margin.html_line(text, numeric[], integer) IS 'a line through points at equal distances, between the least and the most of them, with the last one named; null where there is none';

CREATE FUNCTION margin.report_html(as_of timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $html$
DECLARE
    stated timestamptz := CASE WHEN as_of IS NULL THEN now() ELSE margin.snapshot_at(as_of) END;
    levels margin.level_total[] := ARRAY(SELECT l FROM margin.report_levels(as_of) AS l ORDER BY l.level);
    page text;
BEGIN
    page := format($$<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Margin report, %1$s UTC</title>
<style>
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
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%%; font-size: .9rem; }
th, td { text-align: left; padding: .25rem .6rem; border-bottom: 1px solid var(--rule); white-space: nowrap; } th { color: var(--soft); font-weight: 600; }
.n { text-align: right; font-variant-numeric: tabular-nums; } td.n, th.n { text-align: right; }
svg { display: block; width: 100%%; } .stack { height: 2rem; border-radius: .3rem; }
.bars div { display: grid; grid-template-columns: 8rem 1fr 8rem; gap: .6rem; align-items: center; margin: .15rem 0; font-size: .9rem; }
.bars span { overflow-wrap: anywhere; } .bars svg { height: 1rem; } .bar { fill: var(--bar); } .beyond { fill: var(--beyond); }
.lines { display: grid; grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); gap: 1rem; } figure { margin: 0; } figure svg { height: 4rem; } figure b { color: var(--ink); }
polyline { fill: none; stroke: var(--bar); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.chip { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .4rem; }
details { border-top: 1px solid var(--rule); padding: .4rem 0; } summary { cursor: pointer; } pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; font-size: .9rem; margin: .4rem 0; }
</style>
</head>
<body>
<h1>Margin report</h1>
<p>%2$s %1$s UTC. Amounts in USD, rounded for reading; <code>report_json()</code> and <code>report_csv()</code> have all digits.</p>
$$, to_char(stated, 'YYYY-MM-DD HH24:MI:SS'), CASE WHEN as_of IS NULL THEN 'The book as it was at' ELSE 'From the snapshot of' END);

    page := page || (
        SELECT format(E'<dl><div><dt>Accounts</dt><dd>%s</dd></div><div><dt>Undercollateralized</dt><dd>%s</dd></div><div><dt>Unpriced</dt><dd>%s</dd></div>'
                      '<div><dt>Equity</dt><dd>%s</dd></div><div><dt>Maintenance margin</dt><dd>%s</dd></div><div><dt>Shortfall</dt><dd>%s</dd></div><div><dt>Loss beyond collateral</dt><dd>%s</dd></div></dl>\n',
                      margin.html_amount(sum(l.accounts), 0), margin.html_amount(sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt')), 0),
                      margin.html_amount(sum(l.accounts) FILTER (WHERE l.level = 'unpriced'), 0), margin.html_amount(sum(l.equity)),
                      margin.html_amount(sum(l.maintenance_margin)), margin.html_amount(sum(l.shortfall)), margin.html_amount(sum(l.loss)))
          FROM unnest(levels) AS l);

    page := page || E'<h2>Levels</h2>\n' || coalesce((
        SELECT format(E'<svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="accounts by level">%s</svg>\n',
                      string_agg(format('<rect x="%s" width="%s" height="10" fill="var(--%s)"><title>%s: %s</title></rect>',
                                        round(1000 * bar.before / bar.whole, 2), round(1000 * bar.accounts / bar.whole, 2), bar.level, bar.level, bar.accounts),
                                 '' ORDER BY bar.level))
          FROM (SELECT l.level, l.accounts, sum(l.accounts) OVER () AS whole, sum(l.accounts) OVER (ORDER BY l.level) - l.accounts AS before
                  FROM unnest(levels) AS l) AS bar
         WHERE bar.whole > 0 HAVING count(*) > 0), E'<p class="none">No account holds anything.</p>\n') || (
        SELECT format(E'<div class="wide"><table>\n<thead><tr><th>Level</th><th class="n">Accounts</th><th class="n">Equity</th><th class="n">Maintenance margin</th><th class="n">Shortfall</th></tr></thead>\n<tbody>\n%s\n</tbody></table></div>\n',
                      string_agg(format('<tr><td><span class="chip" style="background: var(--%s)"></span>%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td><td class="n">%s</td></tr>',
                                        l.level, replace(l.level::text, '_', ' '), margin.html_amount(l.accounts, 0), coalesce(margin.html_amount(l.equity), '&ndash;'),
                                        coalesce(margin.html_amount(l.maintenance_margin), '&ndash;'), coalesce(margin.html_amount(l.shortfall), '&ndash;')),
                                 E'\n' ORDER BY l.level))
          FROM unnest(levels) AS l);

    page := page || E'<h2>Shortfall by account</h2>\n' || (
        SELECT coalesce(margin.html_bars(array_agg('account ' || s.account_id ORDER BY s.n), array_agg(s.shortfall ORDER BY s.n), NULL,
                                         array_agg(margin.html_amount(s.shortfall) ORDER BY s.n)) || E'\n', '') ||
               margin.html_table('{Account,Level,Shortfall,Share,Equity,Maintenance margin}',
                                 coalesce(array_agg(ARRAY[s.account_id::text, s.level::text, margin.html_amount(s.shortfall), round(100 * s.share, 2) || ' %',
                                                          margin.html_amount(s.equity), margin.html_amount(s.maintenance_margin)] ORDER BY s.n), '{}'),
                                 'No account is short.')
          FROM (SELECT *, row_number() OVER () AS n FROM margin.report_shortfalls(as_of, 10)) AS s) || E'\n';

    page := page || E'<h2>Collateral by asset</h2>\n<p>What counts, and paler what ratios take away.</p>\n' || (
        SELECT coalesce(margin.html_bars(array_agg(c.asset ORDER BY c.n), array_agg(c.collateral_value ORDER BY c.n), array_agg(c.haircut ORDER BY c.n),
                                         array_agg(margin.html_amount(c.collateral_value) ORDER BY c.n)) || E'\n', '') ||
               margin.html_table('{Asset,Accounts,Units,Price,Value,Collateral value,Share,Haircut,Lost to tiers}',
                                 coalesce(array_agg(ARRAY[c.asset, margin.html_amount(c.accounts, 0), margin.html_amount(c.asset_equity), c.price::text, margin.html_amount(c.net_asset_value),
                                                          margin.html_amount(c.collateral_value), round(100 * c.share, 2) || ' %', margin.html_amount(c.haircut),
                                                          margin.html_amount(c.lost_to_tiers)] ORDER BY c.n), '{}'),
                                 'There is no collateral.')
          FROM (SELECT *, row_number() OVER () AS n FROM margin.report_concentration(as_of)) AS c) || E'\n';

    page := page || E'<h2>History</h2>\n' || (
        SELECT CASE WHEN count(*) = 0 THEN '<p class="none">There are no snapshots yet.</p>' ELSE
               format(E'<p>%s snapshots from %s to %s UTC.</p>\n<div class="lines">%s</div>', count(*), to_char(min(h.taken_at), 'YYYY-MM-DD HH24:MI'), to_char(max(h.taken_at), 'YYYY-MM-DD HH24:MI'),
                               concat(margin.html_line('Equity', array_agg(h.equity ORDER BY h.taken_at), 0),
                                      margin.html_line('Maintenance margin', array_agg(h.maintenance_margin ORDER BY h.taken_at), 0),
                                      margin.html_line('Shortfall', array_agg(h.shortfall ORDER BY h.taken_at), 0),
                                      margin.html_line('Undercollateralized', array_agg(h.undercollateralized::numeric ORDER BY h.taken_at), 0))) END
          FROM margin.report_history(as_of) AS h) || E'\n';

    page := page || E'<h2>The worst accounts</h2>\n' || coalesce((
        SELECT string_agg(format(E'<details%s><summary><span class="chip" style="background: var(--%s)"></span>Account %s, %s: equity %s, maintenance margin %s</summary><pre>%s</pre></details>',
                                 CASE WHEN w.n = 1 THEN ' open' END, w.level, w.account_id, replace(w.level::text, '_', ' '), margin.html_amount(w.equity),
                                 margin.html_amount(w.maintenance_margin), margin.html_text(w.explanation)), E'\n' ORDER BY w.n)
          FROM (SELECT *, row_number() OVER () AS n FROM margin.report_worst(as_of)) AS w), '<p class="none">No account is at warning or above.</p>') || E'\n';

    page := page || E'<h2>Stress</h2>\n' || (
        SELECT margin.html_table('{Scenario,Warning,Margin call,Liquidation,Bankrupt,Unpriced,Equity,Maintenance margin,Loss beyond collateral}',
                                 coalesce(array_agg(ARRAY[s.scenario, margin.html_amount(s.warning, 0), margin.html_amount(s.margin_call, 0), margin.html_amount(s.liquidation, 0),
                                                          margin.html_amount(s.bankrupt, 0), margin.html_amount(s.unpriced, 0), margin.html_amount(s.equity),
                                                          margin.html_amount(s.maintenance_margin), margin.html_amount(s.loss)] ORDER BY s.n), '{}'),
                                 'There are no scenarios; margin.load_scenarios() enters some.')
          FROM (SELECT *, row_number() OVER () AS n FROM margin.report_known_stress(as_of)) AS s) || E'\n';

    page := page || E'<h2>Unpriced</h2>\n' || (
        SELECT CASE WHEN max(u.total) > 100 THEN format('<p>The first 100 of %s.</p>', margin.html_amount(max(u.total), 0)) ELSE '' END ||
               margin.html_table('{Account,Lacks}', coalesce(array_agg(ARRAY[u.account_id::text, array_to_string(u.missing, ', ')] ORDER BY u.account_id), '{}'),
                                 'Every account could be valued.')
          FROM (SELECT r.account_id, r.missing, count(*) OVER () AS total FROM margin.report_unpriced(as_of) AS r ORDER BY r.account_id LIMIT 100) AS u) || E'\n';

    page := page || E'<h2>Positions by contract</h2>\n' || (
        SELECT margin.html_table('{Contract,Settles in,Accounts,Mark,Long,Short,Net,Unrealized PnL,Maintenance margin}',
                                 coalesce(array_agg(ARRAY[e.contract, e.settle_asset, margin.html_amount(e.accounts, 0), e.mark_price::text, margin.html_amount(e.long), margin.html_amount(e.short),
                                                          margin.html_amount(e.net), margin.html_amount(e.unrealized_pnl), margin.html_amount(e.maintenance_margin)] ORDER BY e.n), '{}'),
                                 'There are no positions.')
          FROM (SELECT *, row_number() OVER () AS n FROM margin.report_exposure(as_of)) AS e) || E'\n';

    RETURN page || E'</body>\n</html>';
END
$html$;
COMMENT ON FUNCTION margin.report_html(timestamptz) IS 'the report as one HTML page that needs nothing else, no script and no file: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts are rounded to two decimals; everything that comes from data is escaped';
