-- what the page is written with
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS margin;
RESET client_min_messages;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
\set SHOW_CONTEXT never

SELECT margin_internal.html_text(E'<a href="x">&amp;''') AS text, margin_internal.html_text(NULL);
SELECT amount, margin_internal.html_amount(amount), margin_internal.html_amount(amount, 0) AS whole
  FROM unnest('{0, 0.005, -0.005, 999.994, 999.995, 1000, -123456, 1234567.891, 1e30, 1e-30, -0.001, NULL}'::numeric[]) WITH ORDINALITY AS a (amount, n) ORDER BY n;
SELECT margin_internal.csv_line(ARRAY['a', NULL, '', 'b,c', 'd"e', E'f\ng', ' h', 'i j', E'k\r', '1.50']);
SELECT margin_internal.html_table('Of <b>', '{Name,Amount,Note}', '{{1,"1,000.00",x},{2,NULL,<b>},{3,50 %,NULL}}', 'nothing', '{NULL,<i>two</i>,NULL}');
SELECT margin_internal.html_table('Of nothing', '{Name}', '{}', 'nothing <here>');
SELECT margin_internal.html_bars('{a,"<b>",c,d}', '{30, 10, NULL, 0}', '{10, NULL, 5, 20}', '{thirty,ten,none,zero}');
SELECT margin_internal.html_bars('{a}', '{0}', NULL, '{zero}'), margin_internal.html_bars('{}', '{}', NULL, '{}');
-- a tenth of the way, and all of it
SELECT margin_internal.html_line('Up & down', '{2026-01-01 00:00+00, 2026-01-01 01:00+00, 2026-01-01 02:00+00, 2026-01-01 10:00+00}', '{1000, 3000, NULL, 2000}', 0);
SELECT margin_internal.html_line('flat', '{2026-01-01 00:00+00, 2026-01-01 01:00+00}', '{5, 5}', 2);
SELECT margin_internal.html_line('one', '{2026-01-01 00:00+00}', '{-5}', 0);
SELECT margin_internal.html_line('none', '{}', '{}', 0), margin_internal.html_line('unknown', '{2026-01-01 00:00+00}', '{NULL}', 0);
SELECT n, margin_internal.html_number(n) FROM unnest('{1, 1234, -1234567.12345, 0.0000123, 1000.50, NULL}'::numeric[]) AS n;
SELECT margin_internal.html_sentence(s) FROM unnest('{"equity of 126100.12345 USD, -1234 and (1000000 x 0.0051234) <at> 60000.", "BTC_USDT_20260101 1000PEPE BTC-20260101 2026-11-30 long 1234567", "1234 - 5678: 99999", 123, NULL}'::text[]) AS s;
SELECT margin_internal.html_more(10, 3270, 'SELECT "a" < 1'), margin_internal.html_more(10, 10, 'SELECT 1') AS all_shown;
SELECT w, margin_internal.html_width(array_fill('Title'::text, ARRAY[cardinality(c)]), ARRAY[c]) FROM (VALUES (1, '{BTC,12345}'::text[]), (2, array_fill('1,234,567.89'::text, ARRAY[5])), (3, array_fill('1,234,567.89'::text, ARRAY[7])),
    (4, array_fill('1,234,567.89'::text, ARRAY[9])), (5, array_fill('1,234,567.89'::text, ARRAY[10])), (6, '{a long text that may be wrapped at its words,NULL,NULL}')) AS t (w, c);
SELECT margin_internal.html_columns('Up & down', '{-50 %,0 %,"+50 %"}', '{30, 10, 0}', '{10, NULL, 5}', '{forty,"<b>",five}', 0);
SELECT margin_internal.html_columns('flat', '{a,b}', '{0, 0}', '{0, 0}', '{none,none}', 2);
SELECT margin_internal.html_columns('none', '{}', '{}', '{}', '{}', 0);
SELECT margin_internal.page_cause(1, -2, 0), margin_internal.page_cause(0, 0, 0) AS none, margin_internal.page_cause(3, NULL, -3) AS first;
SELECT margin_internal.page_call('Risk "Desk"', 'report_x', NULL), margin_internal.page_call('desk', 'report_x', NULL, 'NULL') AS now, margin_internal.page_call('desk', 'report_x', '2026-01-01 00:00+00', 'NULL') AS of_then;
SELECT p, margin_internal.page_percent(p) FROM unnest('{-0.5, 0, 0.05, 1e-9, NULL}'::numeric[]) AS p;
SELECT margin.report_csv('desk', 'prices');
SELECT margin.report_rows('desk', NULL);

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
