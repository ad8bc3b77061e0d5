-- safe_move(): how far all prices may move, each its own way, with the kept level unchanged.
SET client_min_messages = warning;
CREATE TEMP TABLE m AS SELECT '{
  "assets": {"USD": {"price": 1, "tiers": "{0: 1}"},
             "COIN": {"price": 50, "tiers": "{0: 0.9}"},
             "VALUE": {"price": 50, "tiers": "{0: 1, 100: 0.5}", "tier_unit": "value"},
             "NOTHING": {"price": 3},
             "DUE": {"price": 1, "tiers": "{0: 1}", "liability_weight": 1.25, "liability_maintenance": "whole {0: 0.1, 100: 0.2}"}},
  "contracts": {"C": {"settle": "USD", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"},
                "D": {"settle": "USD", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}", "netting": "net"},
                "W": {"settle": "USD", "contract_size": 1, "mark": 100, "maintenance": "whole {0: 0.1, 110: 0.5}"}}}'::margin.market AS m;

CREATE FUNCTION pg_temp.room(portfolio text, level margin.level, ratios numeric[] DEFAULT NULL) RETURNS numeric LANGUAGE sql
RETURN margin.safe_move(portfolio::margin.portfolio, (SELECT m FROM m), level, ratios);

-- Balances alone; the headings are what is expected.
SELECT pg_temp.room('{}', 'healthy') AS "1: nothing to lose",
       pg_temp.room('{"balances": {"COIN": 1}}', 'healthy') AS "1: never a debt",
       -- 45 * (1 - x) >= 36 * (1 + x): x <= 9 / 81, where nothing is required
       pg_temp.room('{"balances": {"COIN": 1, "USD": -36}}', 'healthy') AS "0.11111111",
       pg_temp.room('{"balances": {"COIN": 1, "USD": -45}}', 'healthy') AS "0: at 0, but still healthy",
       pg_temp.room('{"balances": {"COIN": 1, "USD": -46}}', 'healthy') AS "0: bankrupt already",
       -- 45 * (1 + x) < 55 * (1 - x): x < 0.1
       pg_temp.room('{"balances": {"COIN": 1, "USD": -55}}', 'bankrupt') AS "0.09999999",
       pg_temp.room('{"balances": {"USD": -55}}', 'bankrupt') AS "1",
       pg_temp.room('{"balances": {"NOTHING": 5}}', 'healthy') AS "1: counts nothing";
-- Tiers in value: R(100 * (1 - x)) >= 80 * (1 + x); and up, 100 + 50 * x < 130 * (1 - x).
SELECT pg_temp.room('{"balances": {"VALUE": 2, "USD": -80}}', 'healthy') AS "0.11111111",
       pg_temp.room('{"balances": {"VALUE": 2, "USD": -130}}', 'bankrupt') AS "0.16666666";

-- Long 1 at 100, with 50 in cash; the price of USD changes nothing, as all is settled in it.
-- 10 * (1 - x) < t * (50 - 100 * x), at the lower end of the mark: t = 0.7: 25 / 60
SELECT pg_temp.room('{"balances": {"USD": 50}, "positions": {"C": {"long": 1, "long_cost": 100}}}', 'healthy') AS "0.41666666",
       pg_temp.room('{"balances": {"USD": 50}, "positions": {"C": {"long": 1, "long_cost": 100}}}', 'warning') AS "0",
       -- short: 10 * (1 + x) < 0.7 * (50 - 100 * x): 25 / 80
       pg_temp.room('{"balances": {"USD": 50}, "positions": {"C": {"short": 1, "short_cost": 100}}}', 'healthy') AS "0.3125, less the tie",
       -- hedged: 20 * (1 + x) < 35 and, netted, nothing is required
       pg_temp.room('{"balances": {"USD": 50}, "positions": {"C": {"long": 1, "long_cost": 100, "short": 1, "short_cost": 100}}}', 'healthy') AS "0.75, less the tie",
       pg_temp.room('{"balances": {"USD": 50}, "positions": {"D": {"long": 1, "long_cost": 100, "short": 1, "short_cost": 100}}}', 'healthy') AS "1",
       -- the requirement jumps to 0.5 * 110 at 10 %: 55 < 0.7 * 60 is false
       pg_temp.room('{"balances": {"USD": 50}, "positions": {"W": {"long": 1, "long_cost": 100}}}', 'healthy') AS "0.1, less the tie";

-- Every level, with the long position at a ratio in the middle of it: equity is
-- e - 100 * x at the worst, and e + 100 * x at the best.
WITH account (level, equity) AS (VALUES ('healthy', 20), ('warning', 13), ('margin_call', 11), ('liquidation', 5), ('bankrupt', -5)),
     bounded AS (
    SELECT a.level::margin.level, a.equity, p, m, t.low, t.high, v.level AS judged
      FROM account AS a, m,
           LATERAL (SELECT format('{"balances": {"USD": %s}, "positions": {"C": {"long": 1, "long_cost": 100}}}', a.equity)::margin.portfolio) AS f (p),
           LATERAL margin.evaluate(p, m) AS v,
           -- maintenance 10 * (1 - x) < high * (e - 100 * x); 10 * (1 + x) >= low * (e + 100 * x)
           LATERAL (SELECT CASE a.level WHEN 'healthy' THEN 0.7 WHEN 'warning' THEN 0.85 WHEN 'margin_call' THEN 1 END,
                           CASE a.level WHEN 'warning' THEN 0.7 WHEN 'margin_call' THEN 0.85 WHEN 'liquidation' THEN 1 END) AS t (high, low))
SELECT level, judged, margin.safe_move(p, m, level, NULL) AS room,
       -- a strict bound, met exactly, is left by one
       CASE WHEN high IS NOT NULL THEN ceil(1e8 * (high * equity - 10) / (100 * high - 10)) / 1e8 - 1e-8 END AS before_next,
       CASE WHEN low IS NOT NULL THEN trunc((10 - low * equity) / (100 * low - 10), 8) END AS before_release,
       CASE WHEN level >= 'liquidation' THEN trunc(abs(equity) / 100.0, 8) END AS before_zero
  FROM bounded ORDER BY level;

-- Release ratios: kept at a level that is no longer judged.
WITH held AS (
    SELECT kept, ratios, margin_internal.kept_level(p, m, kept, ratios) AS level,
           margin.held_level(kept, v.level, v.equity, v.maintenance_margin, ratios) AS expected,
           margin.safe_move(p, m, kept, ratios) AS room
      FROM m, (SELECT '{"balances": {"USD": 16}, "positions": {"C": {"long": 1, "long_cost": 100}}}'::margin.portfolio) AS f (p),
           LATERAL margin.evaluate(p, m) AS v,
           unnest(enum_range(NULL::margin.level)) AS kept,
           (VALUES (NULL::numeric[]), ('{NULL, NULL, NULL}'), ('{0.6, 0.7, 0.95}'), ('{0.6, 0.6, 0.6}'), ('{0, -1, 0}'), ('{NULL, 0.5, NULL}')) AS r (ratios))
SELECT ratios, string_agg(level || CASE WHEN room > 0 THEN ' ' || room ELSE '' END, ', ' ORDER BY kept) AS "kept from healthy to unpriced",
       bool_and(level = expected) AS as_in_sql
  FROM held GROUP BY ratios ORDER BY ratios;

-- A debt that requires: 4 * (1 + x) < 0.7 * (90 * (1 - x) - 50 * (1 + x)).
SELECT pg_temp.room('{"balances": {"COIN": 2, "DUE": -40}}', 'healthy') AS "24 / 102";

-- Unpriced: null; not kept there when it has prices.
SELECT pg_temp.room('{"balances": {"UNKNOWN": 1}}', 'healthy') AS "null", pg_temp.room('{"balances": {"UNKNOWN": 1}}', 'unpriced') AS "null",
       pg_temp.room('{"balances": {"USD": 1}}', 'unpriced') AS "0";
-- Null in, null out, but for release ratios, and a null portfolio, that of an account without rows.
SELECT margin.safe_move(NULL, m, 'healthy', NULL), margin.safe_move('{}', NULL, 'healthy', NULL), margin.safe_move('{}', m, NULL, NULL) FROM m;
SELECT margin_internal.kept_level(NULL, m, 'healthy', NULL), margin_internal.kept_level('{}', NULL, 'healthy', NULL),
       margin_internal.kept_level('{}', m, NULL, NULL) AS healthy, margin_internal.kept_level('{"balances": {"UNKNOWN": 1}}', m, 'warning', NULL) AS unpriced FROM m;
-- Errors
SELECT pg_temp.room('{}', 'healthy', '{1, 2}');
SELECT pg_temp.room('{}', 'healthy', '{}');
SELECT pg_temp.room('{}', 'healthy', '{0.6, NaN, 0.8}');
SELECT margin_internal.kept_level('{}', m, 'healthy', '{0.6, 0.7, 0.8, 0.9}') FROM m;

-- What a book keeps of an account: the level, its room, and bits of BTC and USDT (0 and 2 of the assets), of C (3 + 1).
SELECT w.*, w.mask::bit(8) AS bits
  FROM (SELECT '{"assets": {"BTC": {"price": 60000, "tiers": "{0: 1}"}, "USDC": {"price": 1, "tiers": "{0: 1}"}, "USDT": {"price": 1, "tiers": "{0: 1}"}},
                 "contracts": {"B": {"settle": "USDC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"},
                               "C": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}}'::margin.market) AS n (m),
       (VALUES ('{"balances": {"BTC": 0.001}, "positions": {"C": {"long": 1, "long_cost": 100}}}'), ('{"balances": {"BTC": 0.001, "WHAT": 1}}'), ('{}'), (NULL)) AS p (p),
       LATERAL margin_internal.watch_account(p::margin.portfolio, m, NULL, NULL) AS w;
SELECT w.* FROM margin_internal.watch_account('{}', NULL, NULL, NULL) AS w;
-- more than 64 symbols share the bits
SELECT w.mask::bit(64)::text = lpad('11' || repeat('0', 5), 64, '0') AS shared
  FROM (SELECT format('{"assets": {%s}}', string_agg(format('"%s": {"price": 1, "tiers": "{0: 1}"}', 1000 + n), ','))::margin.market
          FROM generate_series(0, 99) AS n) AS n (m),
       margin_internal.watch_account('{"balances": {"1005": 1, "1070": 1}}', m, NULL, NULL) AS w;

-- Open orders, tiers by contracts and prices in doubt; the headings are what is expected.
CREATE FUNCTION pg_temp.ruled(portfolio text, reduces text, level margin.level DEFAULT 'healthy') RETURNS numeric LANGUAGE sql
RETURN margin.safe_move(portfolio::margin.portfolio, format('{
  "assets": {"USD": {"price": 1, "tiers": "{0: 1}"},
             "DOUBT": {"price": 50, "low": 40, "high": 60, "tiers": "{0: 1}"}},
  "contracts": {"C": {"settle": "USD", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}", "initial": "{0: 0.2}"},
                "M": {"settle": "USD", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}", "order_maintenance": true},
                "D": {"settle": "DOUBT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"},
                "K": {"settle": "USD", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1, 2: 0.2}", "tier_unit": "contracts"}},
  "rules": {"orders_reduce_equity": "%s"}}', reduces)::margin.market, level, NULL);

-- 10 * (1 - x) < 0.7 * (50 - 100 * x - (20 + 100 * x)), as the buy above the mark loses more the lower it is: 11 / 130
SELECT pg_temp.ruled('{"balances": {"USD": 50}, "positions": {"C": {"long": 1, "long_cost": 100}}, "orders": {"C": {"buy": {"120": [1, 0]}}}}', 'loss') AS "0.08461538",
       -- an order margin of 0.2 * 100, wherever the mark is: 10 * (1 - x) < 0.7 * (30 - 100 * x): 11 / 60
       pg_temp.ruled('{"balances": {"USD": 50}, "positions": {"C": {"long": 1, "long_cost": 100}}, "orders": {"C": {"buy": {"100": [1, 0]}}}}', 'margin') AS "0.18333333",
       -- and without them, as above
       pg_temp.ruled('{"balances": {"USD": 50}, "positions": {"C": {"long": 1, "long_cost": 100}}, "orders": {"C": {"buy": {"120": [1, 0]}}}}', 'nothing') AS "0.41666666",
       -- a sell requires at the mark once it is higher: 10 * (1 + x) < 0.7 * 20
       pg_temp.ruled('{"balances": {"USD": 20}, "orders": {"M": {"sell": {"100": [1, 0]}}}}', 'nothing') AS "0.4, less the tie",
       -- at 130 it would be worth more than that only from 130 on, and requires 13 until then
       pg_temp.ruled('{"balances": {"USD": 20}, "orders": {"M": {"sell": {"130": [1, 0]}}}}', 'nothing') AS "0.4, less the tie";
-- Less than nothing is judged, but nothing is required: healthy while equity is not below 0; else liquidation, until equity is.
SELECT pg_temp.ruled('{"balances": {"USD": 5}, "orders": {"C": {"buy": {"120": [1, 0]}}}}', 'loss') AS "1",
       pg_temp.ruled('{"balances": {"USD": 5}, "orders": {"M": {"buy": {"120": [1, 0]}}}}', 'loss', 'liquidation') AS "1",
       pg_temp.ruled('{"balances": {"USD": 25}, "positions": {"C": {"long": 1, "long_cost": 100}}, "orders": {"C": {"buy": {"120": [1, 0]}}}}', 'loss', 'liquidation') AS "25 - 100 * x >= 0, and 10 * (1 + x) >= 5 + 200 * x: 5 / 190";
-- T(3) = 0.4: 40 * (1 - x) < 0.7 * (100 - 300 * x), or 40 * (1 + x) for a short one: 30 / 170, 30 / 250
SELECT pg_temp.ruled('{"balances": {"USD": 100}, "positions": {"K": {"long": 3, "long_cost": 300}}}', 'nothing') AS "0.17647058",
       pg_temp.ruled('{"balances": {"USD": 100}, "positions": {"K": {"short": 3, "short_cost": 300}}}', 'nothing') AS "0.12, less the tie";
-- Owned at 40, owed and required at 60: 40 * (1 - x) >= 30 * (1 + x); 60 * (1 + x) * 10 * (1 - x) < 0.7 * 40 * (1 - x) * (50 - 100 * x): 800 / 3400
SELECT pg_temp.ruled('{"balances": {"DOUBT": 1, "USD": -30}}', 'nothing') AS "0.14285714",
       pg_temp.ruled('{"balances": {"DOUBT": 50}, "positions": {"D": {"long": 1, "long_cost": 100}}}', 'nothing') AS "0.23529411";
