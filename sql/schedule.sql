-- Tier schedules: text, validation, apply, aggregate, comparison.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = margin, public;

-- text is canonical
SELECT '{0: 0.975, 1: 0.97}'::schedule;
SELECT '  marginal{ 0.00 :0.9750,1e0:97e-2 } '::schedule;
SELECT 'whole {0: 0.004, 50000: 0.005}'::schedule;
SELECT '{0: 0}'::schedule;

-- published examples (specification, section 2)
SELECT apply('{0: 0.90, 1: 0.80}', 2) AS "1.7";
-- 10 BTC at 60,000: 97,500 + 388,000 + 96,500
SELECT tiered_value(10, 60000, '{0: .975, 100000: .97, 500000: .965, 1000000: .96}', 'value') AS "582000";
SELECT tiered_value(2, 30000, '{0: 0.90, 1: 0.80}') AS "1.7 * 30000";
-- the published BTC ladder: 0.975 + 4 * 0.97 + 5 * 0.965 + 40 * 0.96 + 50 * 0.85, then nothing more
SELECT apply(s, 1), apply(s, 5), apply(s, 10), apply(s, 50), apply(s, 100) AS "90.58", apply(s, 1000) AS "90.58"
  FROM (SELECT '{0: .975, 1: .97, 5: .965, 10: .96, 50: .85, 100: 0}'::schedule AS s) x;
-- tiers in USDT of a venue's risk limits, marginal: 2,000,000 * 0.5 % + 500,000 * 0.56 %
SELECT apply('{0: 0.005, 2000000: 0.0056, 2600000: 0.0063}', 2500000) AS "12800";
-- whole: the tier that holds the amount, lower bound included
SELECT apply('whole {0: 0.004, 50000: 0.005}', 49999.99) AS "199.99996", apply('whole {0: 0.004, 50000: 0.005}', 50000) AS "250";
SELECT apply('{0: 1}', 0), apply('{0: 1}', NULL), apply(NULL, 1);
SELECT apply('{0: 1}', -1);
SELECT apply('{0: 1}', 'NaN');
SELECT apply('{0: 1}', 'Infinity');
SELECT tiered_value(-1, 1, '{0: 1}');
SELECT tiered_value(1, 0, '{0: 1}');
SELECT tiered_value(1, 1, '{0: 1.01}');
SELECT tiered_value(1, 1, 'whole {0: 1}');

-- what is no schedule
SELECT ''::schedule;
SELECT '{}'::schedule;
SELECT '{1: 0.9}'::schedule;
SELECT '{0: -0.1}'::schedule;
SELECT '{0: 1, 5: 0.9, 5: 0.8}'::schedule;
SELECT '{0: 1, 5: 0.9, 4: 0.8}'::schedule;
SELECT '{0: NaN}'::schedule;
SELECT '{0: 1} x'::schedule;
SELECT '{0: 1, }'::schedule;
SELECT '{0 1}'::schedule;
SELECT '{0: 1'::schedule;
SELECT 'half {0: 1}'::schedule;
SELECT '[0: 1]'::schedule;
SELECT '{0: 1e9999999999}'::schedule;

-- the aggregate: rows in any order
SELECT schedule(b, r) FROM (VALUES (5, 0.9), (0, 1), (1, 0.95)) v (b, r);
SELECT schedule(b, r, 'whole') FROM (VALUES (5, 0.9), (0, 1)) v (b, r);
SELECT schedule(b, r) IS NULL AS no_rows FROM (VALUES (5, 0.9)) v (b, r) WHERE false;
SELECT schedule(b, r) FROM (VALUES (5, 0.9), (1, 1)) v (b, r);
SELECT schedule(b, r) FROM (VALUES (0, 0.9), (0.0, 1)) v (b, r);
SELECT schedule(b, r) FROM (VALUES (0, 0.9), (1, NULL)) v (b, r);
SELECT schedule(b, r) FROM (VALUES (0, 0.9), (NULL, 1)) v (b, r);
SELECT schedule(b, r) FROM (VALUES (0, 'NaN'::numeric)) v (b, r);
SELECT schedule(b, r, m) FROM (VALUES (0, 1, 'whole'::tier_method), (1, 1, 'marginal')) v (b, r, m);
SELECT schedule(b, 1) FROM generate_series(0, 1000) b;
SELECT apply(schedule(b, b), 999.5) = sum(b) - 999 * 0.5 AS a_thousand_tiers FROM generate_series(0, 999) b;
-- as a window: the state is read many times and must not change
SELECT b, schedule(b, r) OVER (ORDER BY b) FROM (VALUES (5, 0.9), (0, 1), (1, 0.95)) v (b, r);

-- equality is of values; order and hash serve grouping
SELECT '{0: 1.0}'::schedule = '{0.0: 1}'::schedule AS same, '{0: 1}'::schedule = 'whole {0: 1}'::schedule AS other_method,
       '{0: 1}'::schedule <> '{0: 0.9}'::schedule AS other_rate;
SELECT count(*) FROM (SELECT s FROM (VALUES ('{0: 1}'::schedule), ('{0: 1.00}'), ('{0: 2}')) v (s) GROUP BY s) g;
SELECT count(DISTINCT s) FROM (VALUES ('{0: 1}'::schedule), ('{0: 1.00}'), ('{0: 2}')) v (s);

-- as rows, and back
SELECT * FROM margin.tiers('whole {0: 0.004, 50000: 0.0050, 1e41: 0.1}');
SELECT margin.schedule(lower_bound, rate) FROM margin.tiers('{0: 0.975, 1: 0.97, 100: 0}');
SELECT * FROM margin.tiers(NULL);
