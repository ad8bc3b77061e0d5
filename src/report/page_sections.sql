-- page_sections: a function for each section of the page, of what page_figures has
-- found.  Amounts are rounded; everything that comes from data is escaped.

-- ---------------------------------------------------------------------------
-- The frame
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET timezone = 'UTC'
RETURN to_char(at, 'YYYY-MM-DD HH24:MI:SS') || ' UTC';
COMMENT ON FUNCTION margin_internal.page_time(timestamptz) IS 'an instant for people, UTC; null for null';

-- The call that gives all of what the page shows the first of.
CREATE FUNCTION margin_internal.page_call(book name, report text, as_of timestamptz, rest text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
RETURN format('SELECT * FROM %I.%s(%s)', book, report, concat_ws(', ', CASE WHEN as_of IS NOT NULL THEN quote_literal(as_of::text) WHEN rest IS NOT NULL THEN 'NULL' END, rest));
COMMENT ON FUNCTION margin_internal.page_call(name, text, timestamptz, text) IS 'a query of a report of a book as of an instant, null: now; the rest of its arguments may be null';

CREATE FUNCTION margin_internal.page_section(anchor text, title text, content text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format(E'<section id="%1$s" aria-labelledby="%1$s-title">\n<h2 id="%1$s-title"><a href="#%1$s">%2$s</a></h2>\n%3$s\n</section>\n',
              anchor, margin_internal.html_text(title), content);
COMMENT ON FUNCTION margin_internal.page_section(text, text, text) IS 'a section of the page: HTML under a heading, which is escaped and links to itself';

CREATE FUNCTION margin_internal.page_head(book name, stated timestamptz) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format($$<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Margin report, book %1$s, %2$s</title>
<style>%3$s</style>
</head>
<body>
$$, margin_internal.html_text(book::text), margin_internal.page_time(stated), margin_internal.page_style());
COMMENT ON FUNCTION margin_internal.page_head(name, timestamptz) IS 'what stands before the body of the page: title and style';

CREATE FUNCTION margin_internal.page_nav() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<nav aria-label="Sections"><ul>%s</ul></nav>', string_agg(format('<li>%s</li>', margin_internal.html_link(s.anchor, s.title)), '' ORDER BY s.n))
      FROM (VALUES (1, 'levels', 'Levels'), (2, 'changes', 'Changes'), (3, 'shortfalls', 'Shortfalls'), (4, 'worst', 'Worst accounts'), (5, 'room', 'How near'),
                   (6, 'map', 'Liquidation map'), (7, 'stress', 'Stress'), (8, 'collateral', 'Collateral'), (9, 'holders', 'Holders'),
                   (10, 'positions', 'Positions'), (11, 'history', 'History'), (12, 'unpriced', 'Unpriced')) AS s (n, anchor, title);
END;
COMMENT ON FUNCTION margin_internal.page_nav() IS 'links to the sections';

CREATE FUNCTION margin_internal.page_market(book name, as_of timestamptz, stated timestamptz, market margin.market) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    venue name;
    id bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    venue := (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = (SELECT a.venue FROM about() AS a));
    id := CASE WHEN as_of IS NULL THEN margin_internal.market_id(market) ELSE (SELECT s.market_id FROM snapshot AS s WHERE s.taken_at = stated) END;
    RETURN format('Market %s%s: %s assets, %s contracts.',
                  coalesce('of venue <b>' || margin_internal.html_text(venue::text) || '</b>, ', ''),
                  CASE WHEN id IS NULL THEN 'as it was at ' || margin_internal.page_time(stated)
                       ELSE 'number <b>' || id || '</b> of ' || coalesce(margin_internal.page_time(margin_internal.published_at(venue, id)),
                                                                         'before ' || margin_internal.page_time(stated)) END,
                  margin_internal.html_amount((SELECT count(*) FROM margin.assets(market)), 0),
                  margin_internal.html_amount((SELECT count(*) FROM margin.contracts(market)), 0));
END
$$;
COMMENT ON FUNCTION margin_internal.page_market(name, timestamptz, timestamptz, margin.market) IS 'which market the page is of: venue, id if it is published, time';

CREATE FUNCTION margin_internal.page_summary(totals margin_internal.book_totals) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<dl>%s</dl>\n', string_agg(format('<div><dt>%s</dt><dd>%s</dd></div>', fact.name, fact.amount), '' ORDER BY fact.n))
      FROM (SELECT coalesce(sum(l.accounts), 0) AS accounts,
                   coalesce(sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt')), 0) AS undercollateralized,
                   coalesce(sum(l.accounts) FILTER (WHERE l.level = 'unpriced'), 0) AS unpriced,
                   coalesce(sum(l.equity), 0) AS equity, coalesce(sum(l.maintenance_margin), 0) AS maintenance_margin,
                   coalesce(sum(l.shortfall), 0) AS shortfall, coalesce(sum(l.loss), 0) AS loss
              FROM unnest((totals).levels) AS l) AS total,
           LATERAL (VALUES (1, 'Accounts', margin_internal.html_amount(total.accounts, 0)),
                           (2, 'Undercollateralized', margin_internal.html_amount(total.undercollateralized, 0)),
                           (3, 'Unpriced', margin_internal.html_amount(total.unpriced, 0)),
                           (4, 'Equity', margin_internal.html_amount(total.equity)),
                           (5, 'Maintenance margin', margin_internal.html_amount(total.maintenance_margin)),
                           (6, 'Shortfall', margin_internal.html_amount(total.shortfall)),
                           (7, 'Loss beyond collateral', margin_internal.html_amount(total.loss))) AS fact (n, name, amount);
END;
COMMENT ON FUNCTION margin_internal.page_summary(margin_internal.book_totals) IS 'the totals of all levels, as facts at the top of the page; amounts without those of unpriced accounts';

CREATE FUNCTION margin_internal.page_facts(book name, as_of timestamptz, stated timestamptz, market margin.market, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format(E'<header>\n<h1>Margin report, book %s</h1>\n<p>%s <b>%s</b>. %s</p>\n%s%s\n</header>\n', margin_internal.html_text(book::text),
              CASE WHEN as_of IS NULL THEN 'The book as it was at' ELSE 'From the snapshot of' END, margin_internal.page_time(stated),
              margin_internal.page_market(book, as_of, stated, market), margin_internal.page_summary(totals), margin_internal.page_nav());
COMMENT ON FUNCTION margin_internal.page_facts(name, timestamptz, timestamptz, margin.market, margin_internal.book_totals) IS 'what stands above the sections: book, market and time, totals, links';

CREATE FUNCTION margin_internal.page_foot(book name, as_of timestamptz) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
RETURN format(E'<footer><p>Amounts in USD, rounded for reading; all digits: <code>%s</code>, and one section as <code>margin.report_csv(%s, &#39;shortfalls&#39;)</code>.</p></footer>\n',
              margin_internal.html_text(format('SELECT margin.report_json(%s)', concat_ws(', ', quote_literal(book), quote_literal(as_of::text)))),
              margin_internal.html_text(quote_literal(book)));
COMMENT ON FUNCTION margin_internal.page_foot(name, timestamptz) IS 'what stands below the sections: where all digits are';

-- ---------------------------------------------------------------------------
-- Accounts
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.level_chip(level margin.level) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('<span class="chip" style="background: var(--%s)"></span>', level);
COMMENT ON FUNCTION margin_internal.level_chip(margin.level) IS 'a spot in the colour of a level';

CREATE FUNCTION margin_internal.level_name(level margin.level) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(level::text, '_', ' ');
COMMENT ON FUNCTION margin_internal.level_name(margin.level) IS 'a level in words';

-- Anchors are by rank: what an account is called may be anything.
CREATE FUNCTION margin_internal.account_name(account text, worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN coalesce(margin_internal.html_link('worst-' || (SELECT w.n FROM unnest(worst) WITH ORDINALITY AS w (account_id, level, equity, margin, shortfall, ratio, missing, explanation, n)
                                                        WHERE w.account_id = account), account),
                margin_internal.html_text(account), 'null');
COMMENT ON FUNCTION margin_internal.account_name(text, margin_internal.page_account[]) IS 'an account as HTML, with a link to where it is explained if it is';

CREATE FUNCTION margin_internal.page_bar(levels margin_internal.level_sum[], said text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<small>%s</small><svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="%s: %s">%s</svg>',
                  margin_internal.html_text(said), margin_internal.html_text(said),
                  string_agg(margin_internal.level_name(bar.level) || ' ' || margin_internal.html_amount(bar.accounts, 0), ', ' ORDER BY bar.level) FILTER (WHERE bar.accounts > 0),
                  string_agg(format('<rect x="%s" width="%s" height="10" fill="var(--%s)"><title>%s: %s</title></rect>',
                                    round(1000 * bar.before / bar.whole, 2), round(1000 * bar.accounts / bar.whole, 2),
                                    bar.level, margin_internal.level_name(bar.level), margin_internal.html_amount(bar.accounts, 0)),
                             '' ORDER BY bar.level))
      FROM (SELECT l.level, l.accounts, sum(l.accounts) OVER () AS whole,
                   sum(l.accounts) OVER (ORDER BY l.level) - l.accounts AS before
              FROM unnest(levels) AS l) AS bar
     WHERE bar.whole > 0
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin_internal.page_bar(margin_internal.level_sum[], text) IS 'accounts by level as the parts of one bar, to scale, under what is said of it; null where there are none';

CREATE FUNCTION margin_internal.page_level_table(levels margin_internal.level_sum[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin_internal.html_table('Accounts by level, USD', '{Level,Accounts,Equity,Maintenance margin,Shortfall,Loss}',
               array_agg(ARRAY[margin_internal.level_name(l.level), margin_internal.html_amount(l.accounts, 0), margin_internal.html_amount(l.equity),
                               margin_internal.html_amount(l.maintenance_margin), margin_internal.html_amount(l.shortfall), margin_internal.html_amount(l.loss)] ORDER BY l.level),
               '', array_agg(margin_internal.level_chip(l.level) || margin_internal.level_name(l.level) ORDER BY l.level))
      FROM unnest(levels) AS l;
END;
COMMENT ON FUNCTION margin_internal.page_level_table(margin_internal.level_sum[]) IS 'the levels as a table, each with its colour in the bars';

CREATE FUNCTION margin_internal.page_levels(totals margin_internal.book_totals) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN coalesce(sum(l.accounts), 0) = 0 THEN '<p class="none">No account holds anything.</p>' ELSE
               format('<div class="stacks">%s%s</div>%s',
                      margin_internal.page_bar((totals).levels, 'All ' || margin_internal.html_amount(sum(l.accounts), 0) || ' accounts'),
                      -- few beside many are a hair's breadth
                      CASE WHEN count(*) FILTER (WHERE l.accounts > 0) > 1 AND bool_or(l.level = 'healthy' AND l.accounts > 0) THEN
                          margin_internal.page_bar(array_agg(l) FILTER (WHERE l.level <> 'healthy'),
                                                   'Of these the ' || margin_internal.html_amount(sum(l.accounts) FILTER (WHERE l.level <> 'healthy'), 0) || ' that are not healthy') END,
                      margin_internal.page_level_table((totals).levels)) END
      FROM unnest((totals).levels) AS l;
END;
COMMENT ON FUNCTION margin_internal.page_levels(margin_internal.book_totals) IS 'accounts by level, as a bar of all, a bar of those that are not healthy, and a table';

CREATE FUNCTION margin_internal.page_cause(by_holdings numeric, by_prices numeric, by_parameters numeric) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.cause FROM (VALUES (1, 'holdings', by_holdings), (2, 'prices', by_prices), (3, 'parameters', by_parameters)) AS c (n, cause, amount)
     WHERE c.amount <> 0 ORDER BY abs(c.amount) DESC, c.n LIMIT 1;
END;
COMMENT ON FUNCTION margin_internal.page_cause(numeric, numeric, numeric) IS 'which of three parts of a change is the largest: holdings, prices or parameters; null where none is known';

CREATE FUNCTION margin_internal.page_movers(movers margin_internal.page_mover[], worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin_internal.html_table('The worst of them, and what changed their equity, USD', '{Account,Before,Now,Mostly by,Equity before,By holdings,By prices,By parameters,Equity now}',
               coalesce(array_agg(ARRAY[m.account_id, margin_internal.level_name(m.level_before), margin_internal.level_name(m.level_after),
                               margin_internal.page_cause(m.room_by_holdings, m.room_by_prices, m.room_by_parameters),
                               margin_internal.html_amount(m.equity_before), margin_internal.html_amount(m.equity_by_holdings), margin_internal.html_amount(m.equity_by_prices),
                               margin_internal.html_amount(m.equity_by_parameters), margin_internal.html_amount(m.equity_after)] ORDER BY m.n), '{}'),
               '', array_agg(margin_internal.level_chip(m.level_after) || margin_internal.account_name(m.account_id, worst) ORDER BY m.n))
      FROM unnest(movers) WITH ORDINALITY AS m (account_id, level_before, level_after, equity_before, equity_by_holdings, equity_by_prices, equity_by_parameters,
                                                equity_after, room_by_holdings, room_by_prices, room_by_parameters, n);
END;
COMMENT ON FUNCTION margin_internal.page_movers(margin_internal.page_mover[], margin_internal.page_account[]) IS 'accounts that changed level, with the reason';

CREATE FUNCTION margin_internal.page_changes(book name, as_of timestamptz, earlier timestamptz, changes margin_internal.level_change[], movers margin_internal.page_mover[],
                                             worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT CASE WHEN earlier IS NULL THEN '<p class="none">There is no earlier snapshot to compare with.</p>'
                WHEN count(*) = 0 THEN format('<p class="none">No account changed level since the snapshot of %s.</p>', margin_internal.page_time(earlier))
                ELSE concat(format('<p>Since the snapshot of %s %s accounts changed level, %s of them for the worse.</p>', margin_internal.page_time(earlier),
                                   margin_internal.html_amount(sum(c.accounts), 0),
                                   margin_internal.html_amount(coalesce(sum(c.accounts) FILTER (WHERE c.level_after > c.level_before), 0), 0)),
                            margin_internal.html_table('From level to level', '{From,To,Accounts}',
                                array_agg(ARRAY[margin_internal.level_name(c.level_before), margin_internal.level_name(c.level_after), margin_internal.html_amount(c.accounts, 0)]
                                          ORDER BY c.level_after DESC, c.level_before), ''),
                            margin_internal.page_movers(movers, worst),
                            margin_internal.html_more(cardinality(movers), sum(c.accounts)::bigint,
                                                      margin_internal.page_call(book, 'report_movers', earlier, quote_literal(as_of::text)))) END
      FROM unnest(changes) AS c;
END;
COMMENT ON FUNCTION margin_internal.page_changes(name, timestamptz, timestamptz, margin_internal.level_change[], margin_internal.page_mover[], margin_internal.page_account[]) IS
'who changed level since an earlier snapshot, and why';

CREATE FUNCTION margin_internal.page_shortfalls(book name, as_of timestamptz, totals margin_internal.book_totals, lacking bigint, shortfalls margin_internal.page_account[],
                                                worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat(margin_internal.html_bars(array_agg('account ' || coalesce(s.account_id, 'null') ORDER BY s.n), array_agg(s.shortfall ORDER BY s.n), NULL,
                                            array_agg(margin_internal.html_amount(s.shortfall) ORDER BY s.n)),
                  margin_internal.html_table('The accounts that lack most to their maintenance margin, USD', '{Account,Level,Shortfall,Share,Equity,Maintenance margin,Margin ratio}',
                      coalesce(array_agg(ARRAY[s.account_id, margin_internal.level_name(s.level), margin_internal.html_amount(s.shortfall),
                                               round(100 * s.shortfall / (SELECT sum(l.shortfall) FROM unnest((totals).levels) AS l), 2) || ' %',
                                               margin_internal.html_amount(s.equity), margin_internal.html_amount(s.maintenance_margin), margin_internal.html_amount(s.margin_ratio, 4)] ORDER BY s.n), '{}'),
                      'No account is short.', array_agg(margin_internal.account_name(s.account_id, worst) ORDER BY s.n)),
                  margin_internal.html_more(count(*), lacking, margin_internal.page_call(book, 'report_shortfalls', as_of, 'NULL')))
      FROM unnest(shortfalls) WITH ORDINALITY AS s (account_id, level, equity, maintenance_margin, shortfall, margin_ratio, missing, explanation, n);
END;
COMMENT ON FUNCTION margin_internal.page_shortfalls(name, timestamptz, margin_internal.book_totals, bigint, margin_internal.page_account[], margin_internal.page_account[]) IS
'the accounts that lack most to their maintenance margin, as bars and as a table';

CREATE FUNCTION margin_internal.page_worst(book name, as_of timestamptz, totals margin_internal.book_totals, worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 0 THEN '<p class="none">No account is at warning or above.</p>' ELSE concat(
               string_agg(format('<details id="worst-%s"%s><summary>%sAccount %s, %s: equity %s, maintenance margin %s</summary><pre>%s</pre></details>',
                                 w.n, CASE WHEN w.n = 1 THEN ' open' END, margin_internal.level_chip(w.level),
                                 coalesce(margin_internal.html_text(w.account_id), 'null'), margin_internal.level_name(w.level),
                                 margin_internal.html_amount(w.equity), margin_internal.html_amount(w.maintenance_margin),
                                 -- line by line: each number is looked at from its text's beginning
                                 (SELECT string_agg(margin_internal.html_sentence(l.line), E'\n' ORDER BY l.n)
                                    FROM string_to_table(w.explanation, E'\n') WITH ORDINALITY AS l (line, n))), E'\n' ORDER BY w.n),
               margin_internal.html_more(count(*), (SELECT sum(l.accounts)::bigint FROM unnest((totals).levels) AS l WHERE l.level BETWEEN 'warning' AND 'bankrupt'),
                                         margin_internal.page_call(book, 'report_worst', as_of, 'NULL'))) END
      FROM unnest(worst) WITH ORDINALITY AS w (account_id, level, equity, maintenance_margin, shortfall, margin_ratio, missing, explanation, n);
END;
COMMENT ON FUNCTION margin_internal.page_worst(name, timestamptz, margin_internal.book_totals, margin_internal.page_account[]) IS 'the worst accounts, each explained; the first of them is open';

CREATE FUNCTION margin_internal.page_unpriced(book name, as_of timestamptz, totals margin_internal.book_totals, unpriced margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat(margin_internal.html_table('Accounts that cannot be valued', '{Account,Lacks}',
                      coalesce(array_agg(ARRAY[u.account_id, array_to_string(u.missing, ', ')] ORDER BY u.n), '{}'), 'Every account could be valued.'),
                  margin_internal.html_more(count(*), (SELECT l.accounts FROM unnest((totals).levels) AS l WHERE l.level = 'unpriced'),
                                            margin_internal.page_call(book, 'report_unpriced', as_of)))
      FROM unnest(unpriced) WITH ORDINALITY AS u (account_id, level, equity, maintenance_margin, shortfall, margin_ratio, missing, explanation, n);
END;
COMMENT ON FUNCTION margin_internal.page_unpriced(name, timestamptz, margin_internal.book_totals, margin_internal.page_account[]) IS 'accounts that could not be valued and what they lack';

-- ---------------------------------------------------------------------------
-- How near accounts are, and what moves of prices would do
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_histogram(title text, labels text[], counts bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format('<div><h3>%s</h3>%s</div>', margin_internal.html_text(title),
              coalesce(margin_internal.html_bars(labels, counts::numeric[], NULL, ARRAY(SELECT margin_internal.html_amount(c.count, 0) FROM unnest(counts) WITH ORDINALITY AS c (count, n) ORDER BY c.n)),
                       '<p class="none">None.</p>'));
COMMENT ON FUNCTION margin_internal.page_histogram(text, text[], bigint[]) IS 'how many accounts there are of each kind, as bars under a title';

CREATE FUNCTION margin_internal.page_ratios(ratios bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.page_histogram('Accounts by margin ratio',
    '{nothing required,below 0.1,0.1 to 0.2,0.2 to 0.3,0.3 to 0.4,0.4 to 0.5,0.5 to 0.6,0.6 to 0.7,0.7 to 0.8,0.8 to 0.9,0.9 to 1,1 and above,no equity}', ratios);
COMMENT ON FUNCTION margin_internal.page_ratios(bigint[]) IS 'the histogram of margin ratios, of the counts of book_totals()';

-- Ten rows are enough: steps of 5 % up to 20 %, of 10 % up to 60 %.
CREATE FUNCTION margin_internal.page_safe_moves(rooms bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.page_histogram('Healthy accounts by safe move',
    '{below 5 %,5 to 10 %,10 to 15 %,15 to 20 %,20 to 30 %,30 to 40 %,40 to 50 %,50 to 60 %,60 to 100 %,any move}',
    ARRAY[rooms[1], rooms[2], rooms[3], rooms[4], rooms[5] + rooms[6], rooms[7] + rooms[8], rooms[9] + rooms[10], rooms[11] + rooms[12],
          (SELECT sum(r)::bigint FROM unnest(rooms[13:20]) AS r), rooms[21]]);
COMMENT ON FUNCTION margin_internal.page_safe_moves(bigint[]) IS 'the histogram of safe moves, of the counts of scenario_totals()';

CREATE FUNCTION margin_internal.page_rooms(totals margin_internal.book_totals, rooms bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN rooms IS NULL THEN '<p class="none">No account holds anything.</p>' ELSE format(
    '<p class="note">The margin ratio is maintenance margin by equity. The safe move is how far all prices may move, each its own way, with the account healthy all the same.</p>'
    '<div class="pair">%s%s</div>', margin_internal.page_ratios((totals).ratios), margin_internal.page_safe_moves(rooms)) END;
COMMENT ON FUNCTION margin_internal.page_rooms(margin_internal.book_totals, bigint[]) IS 'histograms of margin ratios and of safe moves';

CREATE FUNCTION margin_internal.page_percent(part numeric) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN part > 0 THEN '+' ELSE '' END || trim_scale(100 * part) || ' %';
COMMENT ON FUNCTION margin_internal.page_percent(numeric) IS 'a change in proportion as a signed percentage, -0.2 as -20 %; null for null';

CREATE FUNCTION margin_internal.page_moved(
    exposed text[], scenarios margin_internal.scenario_total[],
    OUT n bigint, OUT series text, OUT first boolean, OUT move text, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 36
BEGIN ATOMIC
    SELECT m.n, coalesce(m.asset, 'The market'), m.asset IS NULL, margin_internal.page_percent(m.move), s.levels[4] + s.levels[5], s.levels[5], s.levels[6],
           s.notional_usd, s.long_usd, s.shortfall, s.loss
      FROM margin_internal.page_moves(exposed) AS m
      JOIN unnest(scenarios) AS s ON s.scenario = 'move ' || m.n
     ORDER BY m.n;
END;
COMMENT ON FUNCTION margin_internal.page_moved(text[], margin_internal.scenario_total[]) IS 'what the moves of the page make of the book, a row each, under the name of what moves';

-- Two charts beside each other: the labels of their columns are percentages.
CREATE FUNCTION margin_internal.page_map_charts(exposed text[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(chart.figures, '' ORDER BY chart.n)
      FROM (SELECT min(m.n) AS n, format('<h3>%s</h3><div class="pair">%s%s</div>', margin_internal.html_text(m.series),
                       margin_internal.html_columns('Undercollateralized accounts; in full colour those bankrupt', array_agg(rtrim(m.move, ' %') ORDER BY m.n), array_agg(m.bankrupt::numeric ORDER BY m.n),
                           array_agg((m.undercollateralized - m.bankrupt)::numeric ORDER BY m.n),
                           array_agg(format('%%: %s, of them %s bankrupt', margin_internal.html_amount(m.undercollateralized, 0), margin_internal.html_amount(m.bankrupt, 0)) ORDER BY m.n), 0),
                       margin_internal.html_columns('Loss beyond collateral, USD', array_agg(rtrim(m.move, ' %') ORDER BY m.n), array_agg(m.loss ORDER BY m.n), NULL,
                           array_agg(format('%%: %s USD', margin_internal.html_amount(m.loss, 0)) ORDER BY m.n), 0)) AS figures
              FROM margin_internal.page_moved(exposed, scenarios) AS m
             GROUP BY m.series, m.first) AS chart;
END;
COMMENT ON FUNCTION margin_internal.page_map_charts(text[], margin_internal.scenario_total[]) IS 'undercollateralized accounts and loss against moves of the market and of each asset';

CREATE FUNCTION margin_internal.page_map_table(exposed text[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin_internal.html_table('What moves of prices would make of the book, USD', '{What moves,Move,Under-collateralized,Bankrupt,Unpriced,Notional,Of it long,Shortfall,Loss}',
               array_agg(ARRAY[m.series, m.move, margin_internal.html_amount(m.undercollateralized, 0), margin_internal.html_amount(m.bankrupt, 0), margin_internal.html_amount(m.unpriced, 0),
                               margin_internal.html_amount(m.notional_usd, 0), margin_internal.html_amount(m.long_usd, 0), margin_internal.html_amount(m.shortfall, 0),
                               margin_internal.html_amount(m.loss, 0)] ORDER BY m.n), '')
      FROM margin_internal.page_moved(exposed, scenarios) AS m;
END;
COMMENT ON FUNCTION margin_internal.page_map_table(text[], margin_internal.scenario_total[]) IS 'the liquidation map in figures';

CREATE FUNCTION margin_internal.page_map(book name, exposed text[], steady text[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN exposed IS NULL THEN '<p class="none">Nothing is held whose price could move.</p>' ELSE concat(
    '<p class="note">If prices moved by so many percent as stand below the columns, with all marks that follow them: the market, which is all assets', coalesce(' but ' || margin_internal.html_text(array_to_string(steady, ', ')), ''),
    ', and each of the assets that matter most, by itself.</p>', margin_internal.page_map_charts(exposed, scenarios),
    '<details><summary>The same in figures, and what the undercollateralized would hold</summary>', margin_internal.page_map_table(exposed, scenarios), '</details>',
    format('<p class="more">Another asset or other moves: <code>%s</code></p>', margin_internal.html_text(
        format('SELECT * FROM margin.liquidation_map(%L, asset => %L, moves => ''{-0.15,0.15}'')', book, exposed[1])))) END;
COMMENT ON FUNCTION margin_internal.page_map(name, text[], text[], margin_internal.scenario_total[]) IS 'the liquidation map: the market, and the assets that the book is most exposed to, as charts and as a table';

CREATE FUNCTION margin_internal.page_stress(book name, as_of timestamptz, market margin.market, stress margin.price_move[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 0 THEN '<p class="none">There are no scenarios; <code>margin.load_scenarios()</code> enters some.</p>'
                WHEN scenarios IS NULL THEN '<p class="none">No account holds anything.</p>' ELSE concat(
               margin_internal.html_table('Accounts by level in each scenario of the venue, and USD, the one that loses most first', '{Scenario,Warning,Margin call,Liquidation,Bankrupt,Unpriced,Shortfall,Loss}',
                   array_agg(ARRAY[k.scenario, margin_internal.html_amount(s.levels[2], 0), margin_internal.html_amount(s.levels[3], 0), margin_internal.html_amount(s.levels[4], 0),
                                   margin_internal.html_amount(s.levels[5], 0), margin_internal.html_amount(s.levels[6], 0), margin_internal.html_amount(s.shortfall), margin_internal.html_amount(s.loss)]
                             ORDER BY s.loss DESC NULLS LAST, k.n), ''),
               CASE WHEN bool_or(k.lacking) THEN '<p class="note">Dashes: the scenario names what the market lacks.</p>' END,
               format('<p class="more">With equity and maintenance margin: <code>%s</code></p>', margin_internal.html_text(margin_internal.page_call(book, 'report_stress', as_of)))) END
      FROM margin_internal.page_stressed(market, stress) AS k
      LEFT JOIN unnest(scenarios) AS s ON s.scenario = 'stress ' || k.n;
END;
COMMENT ON FUNCTION margin_internal.page_stress(name, timestamptz, margin.market, margin.price_move[], margin_internal.scenario_total[]) IS
'accounts by level, shortfall and loss in each scenario; dashes where a scenario names what the market lacks';

-- ---------------------------------------------------------------------------
-- Assets, contracts, history
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_assets(
    market margin.market, totals margin_internal.book_totals,
    OUT n bigint, OUT asset text, OUT accounts bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric,
    OUT share numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY a.collateral_value DESC NULLS LAST, a.asset COLLATE "C"), a.asset, a.accounts, a.asset_equity, t.price, a.net_asset_value, a.collateral_value,
           a.collateral_value / nullif(sum(a.collateral_value) OVER (), 0), a.net_asset_value - a.collateral_value,
           a.net_asset_value * coalesce(margin_internal.first_rate(t.tiers), 0) - a.collateral_value
      FROM unnest((totals).assets) AS a LEFT JOIN margin.assets(market) AS t ON t.asset = a.asset
     WHERE a.accounts > 0
     ORDER BY 1;
END;
COMMENT ON FUNCTION margin_internal.page_assets(margin.market, margin_internal.book_totals) IS 'report_concentration of the totals that the page has, numbered';

CREATE FUNCTION margin_internal.page_concentration(book name, as_of timestamptz, market margin.market, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat('<p class="note">What counts, and faint what ratios take away.</p>',
               margin_internal.html_bars(array_agg(c.asset ORDER BY c.n), array_agg(c.collateral_value ORDER BY c.n), array_agg(c.haircut ORDER BY c.n),
                   array_agg(margin_internal.html_amount(c.collateral_value, 0) ORDER BY c.n)),
               margin_internal.html_table('Collateral of all accounts, USD but for units', '{Asset,Accounts,Units,Price,Value,Collateral value,Share,Haircut,Lost to tiers}',
                   coalesce(array_agg(ARRAY[c.asset, margin_internal.html_amount(c.accounts, 0), margin_internal.html_amount(c.asset_equity), margin_internal.html_number(c.price),
                                            margin_internal.html_amount(c.net_asset_value, 0), margin_internal.html_amount(c.collateral_value, 0), round(100 * c.share, 2) || ' %',
                                            margin_internal.html_amount(c.haircut, 0), margin_internal.html_amount(c.lost_to_tiers, 0)] ORDER BY c.n), '{}'),
                   'There is no collateral.'),
               margin_internal.html_more(count(*), max(c.whole), margin_internal.page_call(book, 'report_concentration', as_of)))
      FROM (SELECT *, count(*) OVER () AS whole FROM margin_internal.page_assets(market, totals) AS k ORDER BY k.n LIMIT 25) AS c;
END;
COMMENT ON FUNCTION margin_internal.page_concentration(name, timestamptz, margin.market, margin_internal.book_totals) IS 'the collateral asset by asset, as bars and as a table';

CREATE FUNCTION margin_internal.page_holders(book name, as_of timestamptz, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT concat(margin_internal.html_table('The three largest holders of each of the assets that count for most', '{Asset,Account,Units,Share of units,Collateral value}',
                      coalesce(array_agg(ARRAY[h.asset, h.holder, margin_internal.html_amount(h.holding), round(100 * h.holding / h.asset_equity, 2) || ' %', margin_internal.html_amount(h.value)]
                                         ORDER BY h.n, h.place), '{}'), 'There is no collateral.'),
                  format('<p class="more">All holders of an asset: <code>%s</code></p>', margin_internal.html_text(
                      CASE WHEN as_of IS NULL THEN format('SELECT account_id, asset_equity FROM %I.account_collateral WHERE asset = %L ORDER BY 2 DESC', book, max(h.asset) FILTER (WHERE h.n = 1))
                           ELSE format('SELECT p.account_id, c.asset_equity FROM %1$I.portfolios(%2$L) AS p, margin.collateral(p.portfolio, %1$I.snapshot_market(%2$L)) AS c WHERE c.asset = %3$L ORDER BY 2 DESC',
                                       book, as_of, max(h.asset) FILTER (WHERE h.n = 1)) END)))
      FROM (SELECT a.n, a.asset, a.asset_equity, h.holder, h.holding, h.value, h.place
              FROM (SELECT row_number() OVER (ORDER BY k.collateral_value DESC NULLS LAST, k.asset COLLATE "C") AS n, k.* FROM unnest((totals).assets) AS k WHERE k.accounts > 0) AS a,
                   LATERAL unnest(a.holders, a.holdings, a.holder_values) WITH ORDINALITY AS h (holder, holding, value, place)
             WHERE a.n <= 10 AND h.place <= 3) AS h;
END;
COMMENT ON FUNCTION margin_internal.page_holders(name, timestamptz, margin_internal.book_totals) IS 'who has most of each of the assets that count for most';

CREATE FUNCTION margin_internal.page_exposure(book name, as_of timestamptz, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat(margin_internal.html_table('Positions of all accounts; margins and profit in USD', '{Contract,Settles in,Accounts,Mark,Long,Short,Net,Unrealized PnL,Maintenance margin,Order margin}',
                      coalesce(array_agg(ARRAY[e.contract, e.settle, margin_internal.html_amount(e.accounts, 0), margin_internal.html_number(e.mark),
                                               margin_internal.html_amount(e.long, 0), margin_internal.html_amount(e.short, 0), margin_internal.html_amount(e.long - e.short, 0),
                                               margin_internal.html_amount(e.pnl_usd, 0), margin_internal.html_amount(e.maintenance_margin, 0), margin_internal.html_amount(e.order_margin, 0)] ORDER BY e.n), '{}'),
                      'There are no positions and no orders.'),
                  margin_internal.html_more(count(*), max(e.whole), margin_internal.page_call(book, 'report_exposure', as_of)))
      FROM (SELECT *, row_number() OVER (ORDER BY c.maintenance_margin DESC NULLS LAST, c.contract COLLATE "C") AS n, count(*) OVER () AS whole
              FROM unnest((totals).contracts) AS c ORDER BY n LIMIT 25) AS e;
END;
COMMENT ON FUNCTION margin_internal.page_exposure(name, timestamptz, margin_internal.book_totals) IS 'the positions contract by contract';

CREATE FUNCTION margin_internal.page_history(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT CASE WHEN count(*) = 0 THEN '<p class="none">There are no snapshots yet.</p>'
               WHEN count(*) = 1 THEN format('<p class="none">There is one snapshot so far, of %s.</p>', margin_internal.page_time(min(h.taken_at))) ELSE
               format(E'<p class="note">The last %s snapshots, from %s to %s; USD.</p>\n<div class="lines">%s</div><p class="more">All of them: <code>%s</code></p>', margin_internal.html_amount(count(*), 0),
                      margin_internal.page_time(min(h.taken_at)), margin_internal.page_time(max(h.taken_at)),
                      concat(margin_internal.html_line('Equity', array_agg(h.taken_at), array_agg(h.equity), 0),
                             margin_internal.html_line('Maintenance margin', array_agg(h.taken_at), array_agg(h.maintenance_margin), 0),
                             margin_internal.html_line('Shortfall', array_agg(h.taken_at), array_agg(h.shortfall), 0),
                             margin_internal.html_line('Loss beyond collateral', array_agg(h.taken_at), array_agg(h.loss), 0),
                             margin_internal.html_line('Accounts', array_agg(h.taken_at), array_agg(h.accounts::numeric), 0),
                             margin_internal.html_line('Undercollateralized', array_agg(h.taken_at), array_agg(h.undercollateralized::numeric), 0)),
                      margin_internal.html_text(margin_internal.page_call(book, 'report_history', as_of, 'NULL'))) END
          FROM report_history(as_of) AS h);
END
$$;
COMMENT ON FUNCTION margin_internal.page_history(name, timestamptz) IS 'totals of the last snapshots as lines';
