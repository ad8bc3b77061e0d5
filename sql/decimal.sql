-- Exact decimals against the server's own numeric: thousands of values of
-- every size go through the stored form, in and out, and through sums,
-- products and comparisons.  Every count below must be 0.
\set VERBOSITY terse
SET search_path = margin, public;

-- Values around every border that the code knows: base-10000 digits, 64 and
-- 128 bits, 2^126, scales up to 60 and beyond.
CREATE TEMP TABLE value AS
WITH magnitude AS (
    SELECT digits || repeat('0', zeros) AS d
      FROM (VALUES ('1'), ('9'), ('10'), ('12'), ('99'), ('123'), ('9999'), ('10000'), ('10001'), ('12345'),
                   ('99999999'), ('123456789012'), ('9999999999999999'), ('10000000000000000'),
                   ('9223372036854775807'), ('9223372036854775808'), ('18446744073709551616'),
                   ('85070591730234615865843651857942052863'), ('85070591730234615865843651857942052864'),
                   ('85070591730234615865843651857942052865'), ('99999999999999999999999999999999999999'),
                   ('10000000000000000000000000000000000001'), ('170141183460469231731687303715884105728'),
                   ('1000000000000000000000000000000000000000001'),
                   ('123456789012345678901234567890123456789012345678901234567890')) AS v (digits),
           (VALUES (0), (1), (2), (3), (4), (5), (8), (20), (36), (40), (200)) AS z (zeros)
)
SELECT DISTINCT (sign || d || 'e-' || scale)::numeric AS x
  FROM magnitude, (VALUES (0), (1), (2), (3), (4), (5), (7), (8), (9), (16), (18), (19), (30), (38), (39),
                          (59), (60), (61), (64), (100), (300)) AS s (scale), (VALUES (''), ('-')) AS g (sign);
SELECT count(*) > 5000 AS enough FROM value;

-- in and out: through a portfolio's balance (packed) and its text
SELECT count(*) AS wrong FROM (
    SELECT x, portfolio('A', x)::text AS got FROM value GROUP BY x
) v WHERE got IS DISTINCT FROM format('{"balances": {"A": %s}}', trim_scale(x));
SELECT count(*) AS wrong FROM value WHERE x > 0 AND apply('{0: 1}', x) IS DISTINCT FROM x;
SELECT count(*) AS wrong FROM value WHERE x > 0 AND apply('{0: 1}', x)::text IS DISTINCT FROM trim_scale(x)::text;

-- through text input and the flat form of a schedule, canonical both ways
SELECT count(*) AS wrong FROM value
 WHERE x > 0 AND format('{0: %s, %s: 1}', x, x)::schedule::text
       IS DISTINCT FROM format('{0: %s, %s: 1}', trim_scale(x), trim_scale(x));
-- one value written with and without trailing zeros is one value
SELECT count(*) AS wrong FROM value
 WHERE portfolio_in(format('{"balances": {"A": %s}}', x)::cstring)
       <> portfolio_in(format('{"balances": {"A": %s}}', round(x, scale(x) + 7))::cstring);

-- sums, differences and order of pairs
CREATE TEMP TABLE pair AS
SELECT a.x AS a, b.x AS b
  FROM (SELECT x, row_number() OVER (ORDER BY x) n FROM value) a
  JOIN (SELECT x, row_number() OVER (ORDER BY abs(x), x) n FROM value) b
    ON b.n IN ((a.n * 7919) % 5000, (a.n * 104729) % 5000, a.n);
SELECT count(*) > 10000 AS enough FROM pair;
SELECT count(*) AS wrong FROM (
    SELECT a, b, portfolio('A', x)::text AS got
      FROM pair, LATERAL (VALUES (a), (b)) AS v (x) GROUP BY a, b
) p
 WHERE got IS DISTINCT FROM CASE WHEN a + b = 0 OR a = b AND a + a = 0 THEN '{}'
       ELSE format('{"balances": {"A": %s}}', trim_scale(a + b)) END;
SELECT count(*) AS wrong FROM (
    SELECT a, b, (portfolio('A', a) - portfolio('A', b))::text AS got FROM pair GROUP BY a, b
) p
 WHERE got IS DISTINCT FROM CASE WHEN a = b THEN '{}'
       ELSE format('{"balances": {"A": %s}}', trim_scale(a - b)) END;

-- products: rate * x
SELECT count(*) AS wrong FROM pair
 WHERE a > 0 AND b > 0 AND apply(format('{0: %s}', a)::schedule, b) IS DISTINCT FROM a * b;
-- comparison: which tier holds x, the lower bound included
SELECT count(*) AS wrong FROM pair
 WHERE a > 0 AND b > 0
   AND apply(format('whole {0: 2, %s: 3}', a)::schedule, b) IS DISTINCT FROM b * CASE WHEN b >= a THEN 3 ELSE 2 END;
-- marginal: what lies inside each tier at its rate
SELECT count(*) AS wrong FROM pair
 WHERE a > 0 AND b > 0
   AND apply(format('{0: 0.975, %s: 0.31}', a)::schedule, b)
       IS DISTINCT FROM 0.975 * least(a, b) + 0.31 * greatest(b - a, 0);

-- margin quantity, |quantity| / leverage rounded up at the 18th decimal:
-- the least multiple of 10^-18 that is not below the quotient
SELECT count(*) AS wrong FROM (
    SELECT a, b, (portfolio('C', a, 1, abs(b))::text::jsonb #>> ARRAY['positions', 'C',
                  CASE WHEN a > 0 THEN 'long' ELSE 'short' END || '_margin'])::numeric AS q
      FROM pair GROUP BY a, b
) p
 WHERE q IS NULL OR scale(trim_scale(q)) > 18
    OR NOT (q * abs(b) >= abs(a) AND (q - 1e-18) * abs(b) < abs(a));

-- margin ratio, rounded half away from zero at the 8th decimal
CREATE TEMP TABLE ratio AS
SELECT a, b, margin_ratio(format('{"balances": {"A": %s}, "positions": {"C": {"long": 1, "long_cost": 1}}}', b)::portfolio,
                          format('{"assets": {"A": {"price": 1, "tiers": "{0: 1}"}},
                                   "contracts": {"C": {"settle": "A", "contract_size": 1, "mark": 1, "maintenance": "{0: %s}"}}}', a)::market) AS r
  FROM pair WHERE a > 0 AND b > 0;
SELECT count(*) AS wrong FROM ratio
 WHERE r IS NULL OR scale(r) <> 8 OR NOT (2 * abs(r * b - a) <= b * 1e-8)
    OR 2 * (r * b - a) = -b * 1e-8;    -- a tie must have gone up
-- exact ties
SELECT DISTINCT margin_ratio('{"balances": {"A": 200000000}, "positions": {"C": {"long": 1, "long_cost": 1}}}',
                             format('{"assets": {"A": {"price": 1, "tiers": "{0: 1}"}},
                                      "contracts": {"C": {"settle": "A", "contract_size": 1, "mark": 1, "maintenance": "{0: %s}"}}}', m)::market)
  FROM (VALUES (1), (2), (3), (5)) v (m) ORDER BY 1;

-- numerics in every form a table may hold them: short header, plain, out of
-- line, compressed
CREATE TEMP TABLE stored (x numeric, main numeric, external numeric, extended numeric, pad text);
ALTER TABLE stored ALTER external SET STORAGE external, ALTER extended SET STORAGE extended, ALTER pad SET STORAGE plain;
INSERT INTO stored
SELECT v, v, v, v, repeat('x', 3000)
  FROM generate_series(1, 990, 7) n, LATERAL (SELECT (repeat('7', n) || '.' || repeat('3', 991 - n))::numeric AS v) x;
INSERT INTO stored SELECT v, v, v, v, repeat('x', 3000)
  FROM generate_series(30, 990, 20) n, LATERAL (SELECT ('1' || repeat('0', n) || '1')::numeric AS v) x;
SELECT count(*) AS wrong
  FROM stored, LATERAL (VALUES (main), (external), (extended)) AS c (stored_x)
 WHERE apply('{0: 1}', stored_x) IS DISTINCT FROM x;
SELECT count(*) AS wrong
  FROM (SELECT x, portfolio('A', external)::text AS e, portfolio('A', extended)::text AS c FROM stored GROUP BY x) s
 WHERE e IS DISTINCT FROM format('{"balances": {"A": %s}}', x) OR c IS DISTINCT FROM e;

-- is_amount: finite, and 1,000 digits at most on each side of the point
SELECT is_amount(0), is_amount('NaN'), is_amount('Infinity'), is_amount('-Infinity');
SELECT is_amount(('1' || repeat('0', 999))::numeric) AS in_999, is_amount(('1' || repeat('0', 1000))::numeric) AS in_1000,
       is_amount(('0.' || repeat('0', 999) || '1')::numeric) AS out_1000, is_amount(('0.' || repeat('0', 1000) || '1')::numeric) AS out_1001,
       is_amount(('1.' || repeat('0', 2000))::numeric) AS zeros_do_not_count;
