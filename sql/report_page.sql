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
SELECT margin_internal.html_table('{Name,Amount,Note}', '{{1,"1,000.00",x},{2,NULL,<b>},{3,50 %,NULL}}', 'nothing');
SELECT margin_internal.html_table('{Name}', '{}', 'nothing <here>');
SELECT margin_internal.html_bars('{a,"<b>",c,d}', '{30, 10, NULL, 0}', '{10, NULL, 5, 20}', '{thirty,ten,none,zero}');
SELECT margin_internal.html_bars('{a}', '{0}', NULL, '{zero}'), margin_internal.html_bars('{}', '{}', NULL, '{}');
SELECT margin_internal.html_line('Up & down', '{1000, NULL, 3000, 2000}', 0);
SELECT margin_internal.html_line('flat', '{5, 5}', 2);
SELECT margin_internal.html_line('none', '{}', 0), margin_internal.html_line('unknown', '{NULL}', 0);
SELECT margin_internal.html_columns('Up & down', '{-50 %,0 %,"+50 %"}', '{30, 10, 0}', '{10, NULL, 5}', '{forty,"<b>",five}', 0);
SELECT margin_internal.html_columns('flat', '{a,b}', '{0, 0}', '{0, 0}', '{none,none}', 2);
SELECT margin_internal.html_columns('none', '{}', '{}', '{}', '{}', 0);
SELECT p, margin_internal.page_percent(p) FROM unnest('{-0.5, 0, 0.05, 1e-9, NULL}'::numeric[]) AS p;
SELECT margin.report_csv('desk', 'prices');
SELECT margin.report_rows('desk', NULL);

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
