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

CREATE FUNCTION margin_internal.html_table(head text[], cells text[], empty text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    WITH col AS (
        SELECT c, head[c] AS title,
               -- what names a row is no number, whatever it looks like
               CASE WHEN c > 1 AND bool_and(cells[r][c] ~ '^-?[0-9][0-9.,]*( %)?$') THEN ' class="n"' ELSE '' END AS class
          FROM generate_series(1, cardinality(head)) AS c, generate_series(1, array_length(cells, 1)) AS r
         GROUP BY c
    )
    SELECT CASE WHEN cardinality(cells) = 0 THEN format('<p class="none">%s</p>', margin_internal.html_text(empty))
                ELSE format(E'<div class="wide"><table>\n<thead><tr>%s</tr></thead>\n<tbody>\n%s\n</tbody></table></div>',
                            (SELECT string_agg(format('<th%s>%s</th>', class, margin_internal.html_text(title)), '' ORDER BY c) FROM col),
                            (SELECT string_agg(body.row, E'\n' ORDER BY body.r)
                               FROM (SELECT r, format('<tr>%s</tr>',
                                                      string_agg(format('<td%s>%s</td>', class, coalesce(margin_internal.html_text(cells[r][c]), '&ndash;')), '' ORDER BY c)) AS row
                                       FROM generate_series(1, array_length(cells, 1)) AS r, col
                                      GROUP BY r) AS body)) END;
END;
COMMENT ON FUNCTION margin_internal.html_table(text[], text[], text) IS 'a table of cells[row][column] under its head, everything escaped, numbers to the right; a paragraph that says so where there is nothing';

CREATE FUNCTION margin_internal.html_bars(labels text[], lengths numeric[], beyond numeric[], shown text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<div class="bars">\n%s\n</div>', string_agg(format(
               '<div><span>%s</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="%s"><rect class="bar" width="%s" height="10"/><rect class="beyond" x="%s" width="%s" height="10"/></svg><span class="n">%s</span></div>',
               margin_internal.html_text(b.label), margin_internal.html_text(b.label || ': ' || b.text),
               round(100 * b.length / whole, 2), round(100 * b.length / whole, 2), round(100 * b.rest / whole, 2),
               margin_internal.html_text(b.text)), E'\n' ORDER BY b.n))
      FROM (SELECT u.n, u.label, u.text, greatest(u.length, 0) AS length, greatest(coalesce(u.rest, 0), 0) AS rest
              FROM unnest(labels, lengths, beyond, shown) WITH ORDINALITY AS u (label, length, rest, text, n)
             WHERE u.length IS NOT NULL) AS b,
           (SELECT nullif(max(greatest(u.length, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole
              FROM unnest(lengths, beyond) AS u (length, rest)) AS longest
     WHERE whole IS NOT NULL
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin_internal.html_bars(text[], numeric[], numeric[], text[]) IS 'horizontal bars, each with a part beyond it in a paler colour (null: none), against the longest of all, between a label and a text; null where there is nothing to draw; what has no length is left out';

CREATE FUNCTION margin_internal.html_line(title text, points numeric[], decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<figure><figcaption>%s <b>%s</b></figcaption><svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%s"><polyline points="%s"/></svg><small>%s to %s</small></figure>',
                  margin_internal.html_text(title), margin_internal.html_amount((array_agg(p.y ORDER BY p.n DESC) FILTER (WHERE p.y IS NOT NULL))[1], decimals),
                  margin_internal.html_text(title),
                  string_agg(round(300 * (p.n - 1) / greatest(cardinality(points) - 1, 1)::numeric, 2) || ',' ||
                             round(55 - 50 * (p.y - e.least) / coalesce(nullif(e.most - e.least, 0), 1), 2), ' ' ORDER BY p.n),
                  margin_internal.html_amount(e.least, decimals), margin_internal.html_amount(e.most, decimals))
      FROM unnest(points) WITH ORDINALITY AS p (y, n), (SELECT min(y) AS least, max(y) AS most FROM unnest(points) AS y) AS e
     WHERE p.y IS NOT NULL
     GROUP BY e.least, e.most;
END;
COMMENT ON FUNCTION margin_internal.html_line(text, numeric[], integer) IS 'a line through points at equal distances, between the least and the most of them, with the last one named; null where there is none';

CREATE FUNCTION margin_internal.html_columns(title text, labels text[], heights numeric[], beyond numeric[], shown text[], decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<figure><figcaption>%s, up to <b>%s</b></figcaption><svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%s">%s</svg>'
                  '<small class="axis"><span>%s</span><span>%s</span><span>%s</span></small></figure>',
                  margin_internal.html_text(title), margin_internal.html_amount(e.most, decimals),
                  margin_internal.html_text(title || ': ' || string_agg(c.label || ' ' || c.text, '; ' ORDER BY c.n)),
                  string_agg(format('<g><title>%s: %s</title><rect class="bar" x="%s" y="%s" width="%s" height="%s"/><rect class="beyond" x="%s" y="%s" width="%s" height="%s"/></g>',
                                    margin_internal.html_text(c.label), margin_internal.html_text(c.text),
                                    c.x, 60 - c.height, c.width, c.height, c.x, 60 - c.height - c.rest, c.width, c.rest), '' ORDER BY c.n),
                  margin_internal.html_text(labels[1]), margin_internal.html_text(labels[(cardinality(labels) + 1) / 2]),
                  margin_internal.html_text(labels[cardinality(labels)]))
      FROM (SELECT nullif(max(greatest(u.height, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole,
                   max(greatest(u.height, 0) + greatest(coalesce(u.rest, 0), 0)) AS most
              FROM unnest(heights, beyond) AS u (height, rest)) AS e,
           LATERAL (SELECT u.n, u.label, u.text, round(300 * (u.n - 1) / cardinality(labels)::numeric + 1, 2) AS x,
                           round(300 / cardinality(labels)::numeric - 2, 2) AS width,
                           coalesce(round(60 * greatest(u.height, 0) / e.whole, 2), 0) AS height,
                           coalesce(round(60 * greatest(u.rest, 0) / e.whole, 2), 0) AS rest
                      FROM unnest(labels, heights, beyond, shown) WITH ORDINALITY AS u (label, height, rest, text, n)) AS c
     GROUP BY e.most;
END;
COMMENT ON FUNCTION margin_internal.html_columns(text, text[], numeric[], numeric[], text[], integer) IS 'columns side by side, each with a part beyond it in a paler colour (null: none), against the highest of all, which is named; under the columns the first, middle and last label; each tells its label and a text. Null where there are none';
