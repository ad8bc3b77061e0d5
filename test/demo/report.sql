-- The demo's report. It changes nothing; run it as often as you like:
--
--     psql -X -q -f report.sql                     explains account 2
--     psql -X -q -v account=11 -f report.sql       explains another one
--
-- round() is there to print: no figure is rounded before it is printed.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = pg_catalog;
\pset pager off
\pset footer off
\pset linestyle ascii
\pset border 1
\pset numericlocale on
\pset null '-'

\if :{?account}
\else
\set account 2
\endif

SELECT to_char((SELECT count(DISTINCT account_id) FROM desk.holding), 'FM999,999,999') AS accounts,
       (SELECT count(*) FROM desk.asset) AS assets,
       (SELECT count(*) FROM desk.contract) AS contracts,
       to_char((SELECT count(*) FROM desk.balance), 'FM999,999,999') AS balances,
       to_char((SELECT count(*) FROM desk.position), 'FM999,999,999') AS positions \gset

\echo
\echo ==========================================================================================================
\echo ' A demo book:' :accounts accounts, :assets assets, :contracts contracts, :balances balances, :positions positions
\echo ' The collateral ratios of BTC, USDT and USDC are a venue\'s published ones. All else is ILLUSTRATIVE.'
\echo ==========================================================================================================
\echo
\echo '1. HOW MANY ACCOUNTS STAND AT EACH LEVEL?'
\echo '   Each # is 4 accounts; the bar of the healthy ones is cut short. Amounts in USD.'
\echo

-- One pass over the book, which parts 1, 4 and 5 share.
DROP TABLE IF EXISTS pg_temp.today, pg_temp.shocked;
SELECT clock_timestamp() AS start \gset
CREATE TEMPORARY TABLE today AS SELECT * FROM desk.account_margin;
SELECT to_char(extract(epoch FROM clock_timestamp() - :'start') * 1000, 'FM999,990') AS ms \gset

SELECT l.level, count(t.level) AS accounts, round(100.0 * count(t.level) / sum(count(t.level)) OVER (), 2) AS "%",
       CASE WHEN count(t.level) > 160 THEN repeat('#', 39) || '>'
            ELSE rpad(repeat('#', ceil(count(t.level) / 4.0)::integer), 40) END AS "# = 4 accounts",
       round(sum(t.equity)) AS equity,
       round(nullif(sum(t.shortfall), 0)) AS shortfall
FROM unnest(enum_range(NULL::margin.level)) AS l (level)
LEFT JOIN today AS t USING (level)
GROUP BY l.level
ORDER BY l.level;

\echo '   Valued in' :ms 'ms by one SELECT from desk.account_margin.'
\echo
\echo '2. WHO IS UNDERCOLLATERALIZED? The ten worst of desk.undercollateralized.'
\echo '   Equity counts assets at their collateral ratios. Shortfall is maintenance margin less equity. All in USD.'
\echo

SELECT u.account_id::text AS account, u.level,
       round(u.shortfall, 2) AS shortfall,
       round(u.equity, 2) AS equity,
       round(u.maintenance_margin, 2) AS "maintenance margin",
       round(u.margin_ratio, 4) AS "margin ratio",
       coalesce(
           (SELECT CASE WHEN p.long_notional >= p.short_notional THEN 'long ' ELSE 'short ' END || p.contract
                   || to_char(greatest(p.long_notional, p.short_notional), ' FM999,999,990')
            FROM desk.account_position AS p
            WHERE p.account_id = u.account_id
            ORDER BY greatest(p.long_notional, p.short_notional) DESC, p.contract
            LIMIT 1),
           'none, only a debt') AS "largest position"
FROM (SELECT * FROM desk.undercollateralized ORDER BY shortfall DESC, account_id LIMIT 10) AS u
ORDER BY u.shortfall DESC, u.account_id;

SELECT upper('why? account ' || :account)
       || coalesce((SELECT ': "' || title || '".' FROM demo.story WHERE account_id = :account), '') AS who,
       -- no totals where something is missing
       coalesce((SELECT missing IS NULL FROM desk.account_margin WHERE account_id = :account), false) AS is_priced \gset
\echo '3.' :who
\echo '   The account as a whole (desk.account_margin), in USD:'
\echo

\pset tuples_only on
\pset border 0
\pset null ''
SELECT '     ' || v.what, round(v.amount, v.digits) AS amount, '   ' || v.note
FROM desk.account_margin AS m,
     LATERAL (SELECT sum(net_asset_value) FILTER (WHERE net_asset_value > 0) AS worth, sum(maintenance_margin) AS liabilities
              FROM desk.account_collateral WHERE account_id = :account) AS c,
     LATERAL (SELECT coalesce(sum(maintenance_margin), 0) AS positions
              FROM desk.account_position WHERE account_id = :account) AS p,
     LATERAL (VALUES
         (1, '  collateral value', m.collateral_value, 2,
             'assets at their collateral ratios' || CASE WHEN m.missing IS NULL
                 THEN '; worth ' || to_char(coalesce(c.worth, 0), 'FM999,999,999,990.00') ELSE '' END),
         (2, '- liabilities', m.liabilities, 2, 'assets whose balance, gains and losses come to less than 0'),
         (3, '= equity', m.equity, 2, ''),
         (4, '  maintenance margin', m.maintenance_margin, 2,
             'of positions ' || CASE WHEN m.missing IS NULL THEN to_char(p.positions, 'FM999,999,999,990.00') || ', ' ELSE 'and ' END
                 || 'of liabilities' || CASE WHEN m.missing IS NULL THEN to_char(c.liabilities, ' FM999,999,999,990.00') ELSE '' END),
         (5, '  shortfall', m.shortfall, 2, 'maintenance margin - equity'),
         (6, '  margin ratio', m.margin_ratio, 4, 'maintenance margin / equity'),
         (7, '  initial margin', m.initial_margin, 2, ''),
         (8, '  available margin', m.available_margin, 2, 'equity - initial margin'),
         (9, '  level', NULL, 0,
             m.level || coalesce(', missing ' || array_to_string(m.missing, ', '), ''))
     ) AS v (n, what, amount, digits, note)
WHERE m.account_id = :account
ORDER BY v.n;
\pset border 1
\pset tuples_only off

\echo '   Asset by asset (desk.account_collateral). Up to "equity" in units of the asset, then in USD:'
\echo

SELECT coalesce(asset, 'total') AS asset,
       CASE WHEN grouping(asset) = 0 THEN round(sum(balance), 4) END AS balance,
       CASE WHEN grouping(asset) = 0 THEN round(sum(pnl), 2) END AS "gain, loss",
       CASE WHEN grouping(asset) = 0 THEN round(sum(asset_equity), 4) END AS equity,
       CASE WHEN grouping(asset) = 0 THEN round(sum(price), 2) END AS price,
       round(sum(net_asset_value)) AS worth,
       round(sum(collateral_value)) AS counts,
       round(sum(liability)) AS owes,
       round(sum(maintenance_margin), 2) AS "maintenance"
FROM desk.account_collateral
WHERE account_id = :account
GROUP BY GROUPING SETS ((asset), ())
HAVING grouping(asset) = 0 OR :'is_priced'
ORDER BY grouping(asset), asset COLLATE "C";

\echo '   Position by position (desk.account_position). Margins in USD, the rest in the asset it settles in:'
\echo

SELECT coalesce(contract, 'total') AS contract,
       CASE WHEN grouping(contract) = 0 THEN min(settle) END AS settles,
       CASE WHEN grouping(contract) = 0 THEN round(sum(long)) END AS long,
       CASE WHEN grouping(contract) = 0 THEN round(sum(short)) END AS short,
       CASE WHEN grouping(contract) = 0 THEN round(sum(mark), 2) END AS mark,
       CASE WHEN grouping(contract) = 0 THEN round(sum(long_notional + short_notional)) END AS notional,
       CASE WHEN grouping(contract) = 0 THEN round(sum(pnl), 2) END AS "gain, loss",
       round(sum(maintenance_margin), 2) AS maintenance,
       round(sum(initial_margin), 2) AS initial
FROM desk.account_position
WHERE account_id = :account
GROUP BY GROUPING SETS ((contract), ())
HAVING grouping(contract) = 0 OR (:'is_priced' AND count(*) > 0)
ORDER BY grouping(contract), contract COLLATE "C";

\echo '4. FOURTEEN ACCOUNTS WITH A STORY (demo.story). Look into any of them as in part 3, for instance:'
\echo '   SELECT * FROM desk.account_position WHERE account_id = 3;'
\echo

-- Long texts wrapped at words.
SELECT CASE WHEN n = 1 THEN lpad(s.account_id::text, 2) END AS "#",
       CASE WHEN n = 1 THEN s.title END AS story,
       CASE WHEN n = 1 THEN t.level END AS level,
       CASE WHEN n = 1 THEN round(t.margin_ratio, 4) END AS ratio,
       line[1] AS "what to see"
FROM demo.story AS s
LEFT JOIN today AS t USING (account_id),
     LATERAL regexp_matches(s.what_to_see, '(.{1,46})(?:\s+|$)', 'g') WITH ORDINALITY AS w (line, n)
ORDER BY s.account_id, n;

\echo '5. WHAT IF? The same book in stored markets (demo.scenario): accounts at each level, shortfall in USD.'
\echo

CREATE TEMPORARY TABLE shocked AS
SELECT s.scenario, p.account_id, v.level, v.equity, v.shortfall
FROM demo.scenario AS s,
     desk.account_portfolio AS p,
     LATERAL margin.evaluate(p.portfolio, s.market) AS v
WHERE s.scenario <> 'today'
UNION ALL
SELECT 'today', account_id, level, equity, shortfall FROM today;

SELECT level, today, "USDC at 0.90", "SOL at half"
FROM (
    SELECT level::text, level AS rank,
           count(*) FILTER (WHERE scenario = 'today') AS today,
           count(*) FILTER (WHERE scenario = 'USDC at 0.90') AS "USDC at 0.90",
           count(*) FILTER (WHERE scenario = 'SOL at half') AS "SOL at half"
    FROM shocked GROUP BY level
    UNION ALL
    SELECT 'shortfall', NULL,
           round(sum(shortfall) FILTER (WHERE scenario = 'today')),
           round(sum(shortfall) FILTER (WHERE scenario = 'USDC at 0.90')),
           round(sum(shortfall) FILTER (WHERE scenario = 'SOL at half'))
    FROM shocked
) AS l
ORDER BY rank;

\echo '   Three of the stories in those markets:'
\echo

SELECT lpad(s.account_id::text, 2) AS "#", s.title AS story,
       a.level AS today, round(a.equity, 2) AS "equity today",
       b.scenario AS "what if", b.level AS "then", round(b.equity, 2) AS "equity then"
FROM demo.story AS s
JOIN shocked AS a ON a.account_id = s.account_id AND a.scenario = 'today'
JOIN demo.expected AS e ON e.account_id = s.account_id AND e.scenario <> 'today'
JOIN shocked AS b ON b.account_id = s.account_id AND b.scenario = e.scenario
ORDER BY s.account_id;

SELECT (SELECT count(*) FROM demo.expected) AS valuations,
       (SELECT count(*) FROM demo.expected) * 13 AS figures,
       count(*) AS wrong, count(*) > 0 AS is_wrong
FROM demo.wrong \gset
\echo '6. IS IT RIGHT?' :valuations 'valuations of the stories were computed by hand, see test/demo/expected.sql:'
\if :is_wrong
\echo '  ' :wrong of :figures 'figures DIFFER from what margin computes.'
\echo
SELECT * FROM demo.wrong ORDER BY account_id, scenario, figure;
\else
\echo '   all' :figures 'figures are what margin computes.'
\endif
\echo
