-- page_html: what the page and the lines of CSV are written with.  Nothing here
-- knows what it writes.

CREATE FUNCTION margin_internal.csv_line(cells text[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN c.cell IS NULL THEN ''
                           WHEN c.cell = '' OR c.cell ~ E'[",\r\n]|^\\s|\\s$' THEN '"' || replace(c.cell, '"', '""') || '"'
                           ELSE c.cell END, ',' ORDER BY c.n)
      FROM unnest(cells) WITH ORDINALITY AS c (cell, n);
END;
COMMENT ON FUNCTION margin_internal.csv_line(text[]) IS 'cells as a line of CSV (RFC 4180), as COPY writes them: null is nothing, an empty text is quoted';

CREATE FUNCTION margin_internal.html_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(replace(replace(replace(replace(content, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION margin_internal.html_text(text) IS 'a text as HTML that shows it, also inside of a quoted attribute; null for null';

CREATE FUNCTION margin_internal.html_amount(amount numeric, decimals integer DEFAULT 2) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(split_part(round(amount, decimals)::text, '.', 1), '([0-9])(?=([0-9]{3})+$)', E'\\1,', 'g')
       || CASE WHEN decimals > 0 THEN '.' || split_part(round(amount, decimals)::text, '.', 2) ELSE '' END;
COMMENT ON FUNCTION margin_internal.html_amount(numeric, integer) IS 'an amount for people: rounded half away from zero, with commas between thousands; null for null';

-- A price, a quantity: all its decimals stay.
CREATE FUNCTION margin_internal.html_number(number numeric) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(number::text, '(?<=^-?[0-9]+)(?=([0-9]{3})+([.]|$))', ',', 'g');
COMMENT ON FUNCTION margin_internal.html_number(numeric) IS 'a number for people with all its decimals, commas between thousands; null for null';

-- A number within a word, a name or a date is none.
CREATE FUNCTION margin_internal.html_sentence(sentence text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN margin_internal.html_text(regexp_replace(sentence,
    '(?<=(^|[^[:alnum:]_.-]|(^|[^[:alnum:]_])-)[0-9]+)(?=([0-9]{3})+([^[:alnum:]_-]|-[^[:alnum:]]|$))', ',', 'g'));
COMMENT ON FUNCTION margin_internal.html_sentence(text) IS 'a sentence as HTML that shows it, with commas between the thousands of its numbers; null for null';

CREATE FUNCTION margin_internal.html_link(target text, content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('<a href="#%s">%s</a>', margin_internal.html_text(target), margin_internal.html_text(content));
COMMENT ON FUNCTION margin_internal.html_link(text, text) IS 'a link to an anchor of the page; null for null';

-- How wide a table is decides where it is one and where a card for each row:
-- digits are about as wide as the style sheet supposes, and words may wrap.
CREATE FUNCTION margin_internal.html_width(head text[], cells text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN sum(col.width) <= 40 THEN 'small' WHEN sum(col.width) <= 90 THEN 'middle' WHEN sum(col.width) <= 112 THEN 'large'
                WHEN sum(col.width) <= 145 THEN 'wide' ELSE 'cards' END
      FROM (SELECT 3 + greatest((SELECT max(length(word)) FROM regexp_split_to_table(head[c], ' ') AS word),
                                max(CASE WHEN cells[r][c] ~ '^[-+]?[0-9]' THEN length(cells[r][c]) ELSE least(length(coalesce(cells[r][c], '-')), 16) END)) AS width
              FROM generate_series(1, cardinality(head)) AS c, generate_series(1, array_length(cells, 1)) AS r
             GROUP BY c) AS col;
END;
COMMENT ON FUNCTION margin_internal.html_width(text[], text[]) IS 'how wide a table of cells[row][column] is, as a class of the style sheet: small, middle, large, wide, or only to be shown as cards';

CREATE FUNCTION margin_internal.html_head(head text[], classes text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<thead role="rowgroup"><tr role="row">%s</tr></thead>',
                  string_agg(format('<th scope="col" role="columnheader"%s>%s</th>', h.class, margin_internal.html_text(h.title)), '' ORDER BY h.c))
      FROM unnest(head, classes) WITH ORDINALITY AS h (title, class, c);
END;
COMMENT ON FUNCTION margin_internal.html_head(text[], text[]) IS 'the head of a table, with a class for each column';

-- Roles are said because a style that shows rows as cards takes them away.
CREATE FUNCTION margin_internal.html_row(head text[], classes text[], cells text[], first text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<tr role="row"><th scope="row" role="rowheader">%s</th>%s</tr>', first,
                  string_agg(format('<td role="cell" data-of="%s"%s>%s</td>', margin_internal.html_text(k.title), k.class,
                                    coalesce(margin_internal.html_text(k.cell), '&ndash;')), '' ORDER BY k.c) FILTER (WHERE k.c > 1))
      FROM unnest(head, classes, cells) WITH ORDINALITY AS k (title, class, cell, c);
END;
COMMENT ON FUNCTION margin_internal.html_row(text[], text[], text[], text) IS 'a row of a table; what names it, the first cell, is given as HTML';

CREATE FUNCTION margin_internal.html_table(caption text, head text[], cells text[], empty text, names text[] DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN cardinality(cells) = 0 THEN format('<p class="none">%s</p>', margin_internal.html_text(empty)) ELSE (
        SELECT format(E'<table class="%s" role="table">\n<caption>%s</caption>\n%s\n<tbody role="rowgroup">\n%s\n</tbody></table>',
                      margin_internal.html_width(head, cells), margin_internal.html_text(caption), margin_internal.html_head(head, col.classes),
                      (SELECT string_agg(margin_internal.html_row(head, col.classes, ARRAY(SELECT cells[r][c] FROM generate_series(1, cardinality(head)) AS c ORDER BY c),
                                                                  coalesce(names[r], margin_internal.html_text(cells[r][1]), '&ndash;')), E'\n' ORDER BY r)
                         FROM generate_series(1, array_length(cells, 1)) AS r))
          FROM (SELECT array_agg(k.class ORDER BY k.c) AS classes
                  -- what names a row is no number, whatever it looks like
                  FROM (SELECT c, CASE WHEN c > 1 AND bool_and(cells[r][c] ~ '^[-+]?[0-9][0-9.,]*( %)?$') THEN ' class="n"' ELSE '' END AS class
                          FROM generate_series(1, cardinality(head)) AS c, generate_series(1, array_length(cells, 1)) AS r
                         GROUP BY c) AS k) AS col) END;
END;
COMMENT ON FUNCTION margin_internal.html_table(text, text[], text[], text, text[]) IS
'a table of cells[row][column] under its head, everything escaped, numbers to the right; the first cells, which name the rows, may be given as HTML instead; a paragraph that says so where there is nothing';

CREATE FUNCTION margin_internal.html_more(shown bigint, total bigint, query text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN total > shown THEN format('<p class="more">and %s more: <code>%s</code></p>',
                                           margin_internal.html_amount(total - shown, 0), margin_internal.html_text(query)) ELSE '' END;
COMMENT ON FUNCTION margin_internal.html_more(bigint, bigint, text) IS 'how many more there are than are shown, and the query that gives all; an empty text where all are shown';

-- What is there is seen, however little it is beside the rest.
CREATE FUNCTION margin_internal.html_bars(labels text[], lengths numeric[], beyond numeric[], shown text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<div class="bars">\n%s\n</div>', string_agg(format(
               '<div><span>%s</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="%s"><rect class="bar" width="%s" height="10"/><rect class="beyond" x="%s" width="%s" height="10"/></svg><span class="n">%s</span></div>',
               margin_internal.html_text(b.label), margin_internal.html_text(b.label || ': ' || b.text),
               drawn.length, drawn.length, round(100 * b.rest / whole, 2),
               margin_internal.html_text(b.text)), E'\n' ORDER BY b.n))
      FROM (SELECT u.n, u.label, u.text, greatest(u.length, 0) AS length, greatest(coalesce(u.rest, 0), 0) AS rest
              FROM unnest(labels, lengths, beyond, shown) WITH ORDINALITY AS u (label, length, rest, text, n)
             WHERE u.length IS NOT NULL) AS b,
           (SELECT nullif(max(greatest(u.length, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole
              FROM unnest(lengths, beyond) AS u (length, rest)) AS longest,
           LATERAL (SELECT CASE WHEN b.length > 0 THEN greatest(round(100 * b.length / whole, 2), 0.5) ELSE 0 END AS length) AS drawn
     WHERE whole IS NOT NULL
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin_internal.html_bars(text[], numeric[], numeric[], text[]) IS 'horizontal bars, each with a part beyond it in a paler colour (null: none), against the longest of all, between a label and a text; null where there is nothing to draw; what has no length is left out, and what has some is at least half a percent long';

CREATE FUNCTION margin_internal.html_points(times timestamptz[], points numeric[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(round((300 * coalesce(extract(epoch FROM p.t - e.first) / nullif(extract(epoch FROM e.last - e.first), 0), 1))::numeric, 2) || ',' ||
                      round(58 - 56 * (p.y - e.least) / coalesce(nullif(e.most - e.least, 0), 1), 2), ' ' ORDER BY p.t)
      FROM unnest(times, points) AS p (t, y),
           (SELECT min(u.t) AS first, max(u.t) AS last, min(u.y) AS least, max(u.y) AS most FROM unnest(times, points) AS u (t, y)) AS e
     WHERE p.y IS NOT NULL;
END;
COMMENT ON FUNCTION margin_internal.html_points(timestamptz[], numeric[]) IS 'points of a line in a field of 300 by 60, by their time and between the least and the most of them';

CREATE FUNCTION margin_internal.html_line(title text, times timestamptz[], points numeric[], decimals integer) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
BEGIN ATOMIC
    SELECT format('<figure><figcaption>%1$s <b>%2$s</b></figcaption><div class="plot"><small class="y"><span>%3$s</span><span>%4$s</span></small>'
                  '<svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%1$s: %4$s to %3$s, %2$s at last">'
                  '<path class="grid" d="M0 2H300M0 30H300M0 58H300"/><polyline points="%5$s"/></svg>'
                  '<small class="x"><span>%6$s</span><span>%7$s</span></small></div></figure>',
                  margin_internal.html_text(title), margin_internal.html_amount((array_agg(p.y ORDER BY p.t DESC) FILTER (WHERE p.y IS NOT NULL))[1], decimals),
                  margin_internal.html_amount(max(p.y), decimals), margin_internal.html_amount(min(p.y), decimals),
                  margin_internal.html_points(times, points), to_char(min(p.t), 'MM-DD HH24:MI'), to_char(max(p.t), 'MM-DD HH24:MI'))
      FROM unnest(times, points) AS p (t, y)
    HAVING count(p.y) > 0;
END;
COMMENT ON FUNCTION margin_internal.html_line(text, timestamptz[], numeric[], integer) IS 'a line through points at their times (UTC), between axes that name the least and the most, the first and the last time, with the last point in the caption; null where there is none';

CREATE FUNCTION margin_internal.html_columns(title text, labels text[], heights numeric[], beyond numeric[], shown text[], decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<figure><figcaption>%1$s</figcaption><div class="plot"><small class="y"><span>%2$s</span><span>0</span></small>'
                  '<svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%3$s"><path class="grid" d="M0 0H300M0 30H300M0 60H300"/>%4$s</svg>'
                  '<small class="x each">%5$s</small></div></figure>',
                  margin_internal.html_text(title), margin_internal.html_amount(e.most, decimals),
                  margin_internal.html_text(title || ': ' || string_agg(c.label || ' ' || c.text, '; ' ORDER BY c.n)),
                  string_agg(format('<g><title>%s: %s</title><rect class="bar" x="%s" y="%s" width="%s" height="%s"/><rect class="beyond" x="%s" y="%s" width="%s" height="%s"/></g>',
                                    margin_internal.html_text(c.label), margin_internal.html_text(c.text),
                                    c.x, 60 - c.height, c.width, c.height, c.x, 60 - c.height - c.rest, c.width, c.rest), '' ORDER BY c.n),
                  string_agg(format('<span>%s</span>', margin_internal.html_text(c.label)), '' ORDER BY c.n))
      FROM (SELECT nullif(max(greatest(u.height, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole,
                   max(greatest(u.height, 0) + greatest(coalesce(u.rest, 0), 0)) AS most
              FROM unnest(heights, beyond) AS u (height, rest)) AS e,
           LATERAL (SELECT u.n, u.label, u.text, round(300 * (u.n - 1) / nullif(cardinality(labels), 0)::numeric + 2, 2) AS x,
                           round(300 / nullif(cardinality(labels), 0)::numeric - 4, 2) AS width,
                           coalesce(round(60 * greatest(u.height, 0) / e.whole, 2), 0) AS height,
                           coalesce(round(60 * greatest(u.rest, 0) / e.whole, 2), 0) AS rest
                      FROM unnest(labels, heights, beyond, shown) WITH ORDINALITY AS u (label, height, rest, text, n)) AS c
     GROUP BY e.most;
END;
COMMENT ON FUNCTION margin_internal.html_columns(text, text[], numeric[], numeric[], text[], integer) IS 'columns side by side, each with a part beyond it in a paler colour (null: none), between axes that name the highest and each label; each tells its label and a text. Null where there are none';
