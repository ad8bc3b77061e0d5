-- Inverse questions, each with an answer worked by hand; edges of tiers above all.
-- The property test looks for the answers of thousands of random accounts.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = margin, public;

-- One contract C, size 1, mark 100, settled in U at 1 USD, with some rate and netting.
CREATE FUNCTION pg_temp.m(maintenance text, more text DEFAULT '', levels text DEFAULT '') RETURNS market LANGUAGE sql RETURN
    format('{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 100, "tiers": "{0: 0.9}"}},
             "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "%s" %s}}, "levels": {%s}}',
           maintenance, more, levels)::market;
CREATE FUNCTION pg_temp.p(u numeric, long numeric, short numeric, btc numeric DEFAULT 0) RETURNS portfolio LANGUAGE sql RETURN
    format('{"balances": {"U": %s, "BTC": %s}, "positions": {"C": {"long": %s, "long_cost": %s, "short": %s, "short_cost": %s}}}',
           u, btc, long, 100 * long, short, 100 * short)::portfolio;

-- long 1, equity 50 + M - 100: M - 50 <= 0.1 * M at 50 / 0.9 = 55.555..., the last tick not above it
SELECT liquidation_range(p, m, 'C'), liquidation_price(p, m, 'C'), liquidation_range(p, m, 'C', 0.01), liquidation_range(p, m, 'C', 7),
       bankruptcy_range(p, m, 'C'), bankruptcy_price(p, m, 'C', 7)
  FROM (SELECT pg_temp.p(50, 1, 0) AS p, pg_temp.m('{0: 0.1}') AS m) x;
-- short 1, equity 150 - M: 150 - M <= 0.1 * M at 150 / 1.1 = 136.3636..., the first tick not below it
SELECT liquidation_range(p, m, 'C'), liquidation_range(p, m, 'C', 0.01), liquidation_range(p, m, 'C', 7), bankruptcy_range(p, m, 'C', 7)
  FROM (SELECT pg_temp.p(50, 0, 1) AS p, pg_temp.m('{0: 0.1}') AS m) x;
-- thresholds are the market's: 0.1 * M >= 0.5 * (M - 50) at 62.5
SELECT liquidation_range(pg_temp.p(50, 1, 0), pg_temp.m('{0: 0.1}', '', '"warning": 0.2, "margin_call": 0.3, "liquidation": 0.5'), 'C');
-- down to the first tick: equity M - 2e-18, or M - 1e-18, where nothing is required
SELECT liquidation_range(pg_temp.p(99.999999999999999998, 1, 0), pg_temp.m('{0: 0}'), 'C'),
       liquidation_range(pg_temp.p(99.999999999999999999, 1, 0), pg_temp.m('{0: 0}'), 'C'),
       bankruptcy_range(pg_temp.p(99.999999999999999999, 1, 0), pg_temp.m('{0: 0}'), 'C');
-- there already: the present mark, a multiple of the tick or not
SELECT liquidation_range(pg_temp.p(5, 1, 0), pg_temp.m('{0: 0.1}'), 'C', 7), bankruptcy_range(pg_temp.p(-1, 1, 0), pg_temp.m('{0: 0.1}'), 'C', 7);
-- nothing required, no equity: healthy, hence not there; one tick on it is. But no equity is bankruptcy's
SELECT liquidation_range(pg_temp.p(0, 1, 0), pg_temp.m('{0: 0}'), 'C', 1), bankruptcy_range(pg_temp.p(0, 1, 0), pg_temp.m('{0: 0}'), 'C', 1);

-- netting, long 3, short 1, equity 100 + 2 * (M - 100) = 2 * M - 100, against a rate of 0.1 on
-- 4, 3, 2 times M: 100 / 1.6 = 62.5, 100 / 1.7 = 58.8235..., 100 / 1.8 = 55.5555...; as rate, and as closing fee
SELECT netting, liquidation_range(pg_temp.p(100, 3, 1), pg_temp.m('{0: 0.1}', format(', "netting": "%s"', netting)), 'C', 0.01),
       liquidation_range(pg_temp.p(100, 3, 1), pg_temp.m('{0: 0.04}', format(', "closing_fee": 0.06, "netting": "%s"', netting)), 'C', 0.01)
  FROM unnest('{leg,larger,net}'::netting[]) AS netting;
-- legs that offset each other move no equity, only requirements: 2 * 0.1 * M >= 50 at 250, or never
SELECT netting, liquidation_range(pg_temp.p(50, 1, 1), pg_temp.m('{0: 0.1}', format(', "netting": "%s"', netting)), 'C')
  FROM unnest('{leg,larger,net}'::netting[]) AS netting;

-- risk tiers: short 1, equity 300 - M; T = 0.01 * M to 200, then 2 + 0.5 * (M - 200): 398 / 1.5 = 265.333...
SELECT liquidation_range(pg_temp.p(200, 0, 1), pg_temp.m('{0: 0.01, 200: 0.5}'), 'C', 0.01);
-- the edge itself: equity 202 - M and T(200) = 2 meet at 200
SELECT liquidation_range(pg_temp.p(102, 0, 1), pg_temp.m('{0: 0.01, 200: 0.5}'), 'C');
-- a whole schedule jumps where its bound is met: equity M - 81, T = 0 below 120 and M from there on; of two ends as
-- near, 80 and 120, the lower one
SELECT tick, liquidation_range(p, m, 'C', tick), liquidation_price(p, m, 'C', tick)
  FROM (SELECT pg_temp.p(19, 1, 0) AS p, pg_temp.m('whole {0: 0, 120: 1}') AS m) x, unnest('{1,2,7,0.5,1e-18}'::numeric[]) AS tick;
-- what a jump reaches need not be reached behind it: equity M - 100 + start against 60 at 120 and 120 at 200
SELECT start, liquidation_range(pg_temp.p(start, 1, 0), pg_temp.m('whole {0: 0, 120: 0.5, 200: 0.6}'), 'C', 0.01)
  FROM unnest('{40,39.99,40.01}'::numeric[]) AS start;

-- collateral tiers of the settlement asset: X at 10 USD, all of the first 10 (or 100 USD) counts, half of the rest.
-- X 20 and long 1 at 5 give E = 15 + M, against a debt of 150: 10 * (5 + E / 2) < 150 below E = 20, M = 5, where
-- there is no equity; against 140, below E = 18, M = 3; against 100, where the second tier ends, E = 10: never
SELECT debt, tier_unit,
       liquidation_range(p, m, 'C', 0.5), bankruptcy_range(p, m, 'C', 0.5), bankruptcy_price(p, m, 'C')
  FROM (VALUES (150), (140), (100), (120)) AS d (debt),
       (VALUES ('quantity', 10), ('value', 100)) AS b (tier_unit, bound),
       LATERAL (SELECT format('{"balances": {"X": 20, "U": -%s}, "positions": {"C": {"long": 1, "long_cost": 5}}}', debt)::portfolio AS p,
                       format('{"assets": {"X": {"price": 10, "tier_unit": "%s", "tiers": "{0: 1, %s: 0.5}"}, "U": {"price": 1}},
                                "contracts": {"C": {"settle": "X", "contract_size": 1, "mark": 5, "maintenance": "{0: 0}"}}}', tier_unit, bound)::market AS m) x
 ORDER BY debt, tier_unit;

-- a debt weighs 1.1 and requires 0.05: BTC for 90 against d = 100 - M: 0.05 * d >= 90 - 1.1 * d from d = 90 / 1.15;
-- no equity from d = 90 / 1.1
SELECT liquidation_price(p, m, 'C'), trunc(100 - 90 / 1.15::numeric(40, 30), 18) AS by_hand, bankruptcy_price(p, m, 'C'), trunc(100 - 90 / 1.1::numeric(40, 30), 18) AS by_hand
  FROM (SELECT '{"balances": {"BTC": 1}, "positions": {"C": {"long": 1, "long_cost": 100}}}'::portfolio AS p,
               '{"assets": {"U": {"price": 1, "tiers": "{0: 1}", "liability_weight": 1.1, "liability_maintenance": "{0: 0.05}"},
                            "BTC": {"price": 100, "tiers": "{0: 0.9}"}},
                 "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0}"}}}'::market AS m) x;

-- another contract that settles in the same asset, 30 lost and 0.1 * 70 required: 20 + M - 100 <= 7 + 0.1 * M at 87 / 0.9
SELECT liquidation_range('{"balances": {"U": 50}, "positions": {"C": {"long": 1, "long_cost": 100}, "D": {"long": 1, "long_cost": 100}}}',
    '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}},
      "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"},
                    "D": {"settle": "U", "contract_size": 1, "mark": 70, "maintenance": "{0: 0.1}"}}}', 'C', 0.01);

-- linked: BTC 1 counts 0.9 * M, long 1, debt 20: 1.9 * M - 120 <= 0.1 * M at 66.666...; unlinked M - 30 <= 0.1 * M at 33.333...
SELECT liquidation_range(p, m, 'C', 0.01, true), liquidation_price(p, m, 'C', 0.01), bankruptcy_range(p, m, 'C', 0.01, linked => true)
  FROM (SELECT pg_temp.p(-20, 1, 0, 1) AS p, pg_temp.m('{0: 0.1}') AS m) x;
-- an index that is not at the mark, 30: BTC counts 0.27 * M; 1.27 * M - 100 <= 0.1 * M at 100 / 1.17, for whatever mark' / mark
SELECT liquidation_price(p, m, 'C', linked => true), trunc(100 / 1.17::numeric(40, 30), 18) AS by_hand
  FROM (SELECT pg_temp.p(0, 1, 0, 1) AS p,
               '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 30, "tiers": "{0: 0.9}"}},
                 "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}}'::market AS m) x;
-- tiers in USD, half beyond 60, and no decimal for M' / 97: 60 + (M - 60) / 2 + M - 120 <= 0.1 * M at 90 / 1.4
SELECT liquidation_price(p, m, 'C', linked => true), trunc(90 / 1.4::numeric(40, 30), 18) AS by_hand
  FROM (SELECT '{"balances": {"BTC": 1, "U": -20}, "positions": {"C": {"long": 1, "long_cost": 100}}}'::portfolio AS p,
               '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 97, "tier_unit": "value", "tiers": "{0: 1, 60: 0.5}"}},
                 "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 97, "maintenance": "{0: 0.1}"}}}'::market AS m) x;
-- nothing to move along: no base, base unknown or unpriced, or the settlement asset itself; or not held
SELECT base, liquidation_range('{"balances": {"U": 50}, "positions": {"C": {"long": 1, "long_cost": 100}}}',
    format('{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "DARK": {}},
             "contracts": {"C": {"settle": "U", %s "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}}', base)::market, 'C', 0.01, true)
  FROM unnest(ARRAY['', '"base": "NONE",', '"base": "DARK",', '"base": "U",']) AS base;
SELECT liquidation_range(pg_temp.p(50, 1, 0), pg_temp.m('{0: 0.1}'), 'C', 0.01, true);

-- the price of an asset. Long 10 of A and short 10 of B, both on BTC: equity 60 whatever BTC does, 0.004 * 20 * p required,
-- 60 at 750. The mark of A alone, its index or not: 60 - 10 * (100 - M) <= 0.04 * M + 4 at 944 / 9.96 = 94.779
CREATE FUNCTION pg_temp.coin(contracts text, btc text DEFAULT '"tiers": "{0: 0.9}"', more text DEFAULT '') RETURNS market LANGUAGE sql RETURN
    format('{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 100, %s}, "ETH": {"price": 10, "tiers": "{0: 0.8}"}, "DARK": {} %s},
             "contracts": {%s}}', btc, more, contracts)::market;
SELECT liquidation_range(p, m, 'A', 0.01), liquidation_range(p, m, 'A', 0.01, true), liquidation_range(p, m, asset => 'BTC', tick => 0.01),
       liquidation_price(p, m, asset => 'BTC'), bankruptcy_range(p, m, asset => 'BTC'), liquidation_range(p, m, asset => 'BTC', tick => 7)
  FROM (SELECT '{"balances": {"U": 60}, "positions": {"A": {"long": 10, "long_cost": 1000}, "B": {"short": 10, "short_cost": 1000}}}'::portfolio AS p,
               pg_temp.coin('"A": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.004}"},
                             "B": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.004}"}') AS m) x;
-- marks off the index, 97 and 103, move in proportion: equity 90 + 10 * (97 - 103) * p / 100, 0.004 * 10 * 200 * p / 100
-- required: 90 - 0.6 * p <= 0.08 * p at 132.352...
SELECT liquidation_price(p, m, asset => 'BTC'), trunc(90 / 0.68::numeric(40, 30), 18) + 1e-18 AS by_hand
  FROM (SELECT '{"balances": {"U": 90}, "positions": {"A": {"long": 10, "long_cost": 1000}, "B": {"short": 10, "short_cost": 1000}}}'::portfolio AS p,
               pg_temp.coin('"A": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 97, "maintenance": "{0: 0.004}"},
                             "B": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 103, "maintenance": "{0: 0.004}"}') AS m) x;
-- as collateral: 0.9 * p + p - 120 <= 0.1 * p at 120 / 1.8; half beyond 60 USD: 60 + (p - 60) / 2 + p - 120 <= 0.1 * p at 90 / 1.4
SELECT btc, liquidation_range('{"balances": {"BTC": 1, "U": -20}, "positions": {"A": {"long": 1, "long_cost": 100}}}',
    pg_temp.coin('"A": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}', btc), asset => 'BTC', tick => 0.0001)
  FROM unnest(ARRAY['"tiers": "{0: 0.9}"', '"tier_unit": "value", "tiers": "{0: 1, 60: 0.5}"']) AS btc;
-- as a debt, which weighs 1.1 and requires 0.05: 220 - 1.1 * p <= 0.05 * p at 220 / 1.15; no equity at 200
SELECT liquidation_range(p, m, asset => 'BTC', tick => 0.0001), bankruptcy_range(p, m, asset => 'BTC')
  FROM (SELECT '{"balances": {"BTC": -1, "U": 220}}'::portfolio AS p,
               pg_temp.coin('', '"liability_weight": 1.1, "liability_maintenance": "{0: 0.05}"') AS m) x;
-- inverse: 100 USD a contract, at a mark of 0.01 BTC that falls as BTC rises. BTC 2 and one short gain 1 - 100 / p BTC, so
-- 0.9 * (3 * p - 100) USD against a tenth of 100 USD: 100 / 2.7; no equity at 100 / 3. One long against BTC 1 is a hedge
SELECT side, liquidation_range(p, m, asset => 'BTC', tick => 0.0001), bankruptcy_range(p, m, asset => 'BTC', tick => 0.0001)
  FROM (VALUES ('short', 2), ('long', 1)) AS h (side, btc),
       LATERAL (SELECT format('{"balances": {"BTC": %s}, "positions": {"I": {"%s": 1, "%s_cost": 0.01}}}', btc, side, side)::portfolio AS p,
                       pg_temp.coin('"I": {"settle": "BTC", "base": "USD", "contract_size": 100, "mark": 0.01, "maintenance": "{0: 0.1}"}') AS m) x;
-- tiers of the coin that settles: 1 BTC counts in full, half of the rest; or 60 USD do. From p = 50 on the 3 - 100 / p BTC are
-- more than 1, and count 2 * p - 50: with a debt of 60 down to 60; below, 3 * p - 100 <= 10 at 110 / 3. In USD, from 160 / 3 on
-- they count 60 + (3 * p - 160) / 2: with the debt down to 60 as well. A tier of risk that begins at 1.25 BTC does where 100 / p = 1.25
SELECT btc, debt, risk, liquidation_range(format('{"balances": {"BTC": 2, "U": -%s}, "positions": {"I": {"short": 1, "short_cost": 0.01}}}', debt)::portfolio,
    pg_temp.coin(format('"I": {"settle": "BTC", "contract_size": 100, "mark": 0.01, "maintenance": "%s"}', risk), btc), asset => 'BTC', tick => 0.0001)
  FROM unnest(ARRAY['"tiers": "{0: 1, 1: 0.5}"', '"tier_unit": "value", "tiers": "{0: 1, 60: 0.5}"']) AS btc,
       (VALUES (0, '{0: 0.1}'), (60, '{0: 0.1}'), (0, 'whole {0: 0.1, 1.25: 3}')) AS v (debt, risk);
-- ETH in BTC, long 10 from 0.1: its mark of 0.1 BTC is 10 USD, and stays that. E = 1 + 100 / p - 1 BTC is 100 USD for any p, 90 counts; 10 required
SELECT liquidation_range(p, m, asset => 'BTC', tick => 0.01), liquidation_range(p, m, asset => 'ETH', tick => 0.01)
  FROM (SELECT '{"balances": {"BTC": 1}, "positions": {"E": {"long": 10, "long_cost": 1}}}'::portfolio AS p,
               pg_temp.coin('"E": {"settle": "BTC", "base": "ETH", "contract_size": 1, "mark": 0.1, "maintenance": "{0: 0.1}"}') AS m) x;
-- in itself: the mark stays; 2 BTC against 120 USD of debt, 0.9 * 2 * p - 120 <= 0.1 * p at 120 / 1.7
SELECT liquidation_price('{"balances": {"BTC": 2, "U": -120}, "positions": {"S": {"long": 1, "long_cost": 1}}}',
    pg_temp.coin('"S": {"settle": "BTC", "base": "BTC", "contract_size": 1, "mark": 1, "maintenance": "{0: 0.1}"}'), asset => 'BTC', tick => 0.0001);
-- there already; nothing that it moves; without a price; unpriced; null
SELECT liquidation_range('{"balances": {"BTC": 1, "U": -95}}', m, asset => 'BTC', tick => 7), liquidation_range('{"balances": {"U": -95}}', m, asset => 'BTC'),
       liquidation_range('{"balances": {"U": 95}}', m, asset => 'DARK'), liquidation_range('{"balances": {"NONE": 1, "BTC": 1}}', m, asset => 'BTC'),
       liquidation_range('{}', m), liquidation_price('{}', m, asset => NULL), liquidation_range(NULL, m, asset => 'BTC'), liquidation_price('{}', m, asset => 'BTC', tick => NULL)
  FROM pg_temp.coin('') AS m;
SELECT liquidation_range('{}', pg_temp.coin(''), asset => 'XBT');
SELECT liquidation_range('{}', pg_temp.coin(''), asset => 'BTC', tick => -1);
SELECT bankruptcy_price('{}', pg_temp.m('{0: 0.1}'), 'C', asset => 'BTC');

-- open orders. They take their margin from equity: 2 + 0.2 * M, less 0.5 * (M - 40) from M = 40 on, which is what I asks of M + 60
-- more than of M, and no more than 30 from M = 100 on where it asks something of M too. Against 0.01 * M: safe to
-- 22 / 0.3 = 73.333..., no more from there, and safe again above 28 / 0.19 = 147.368...
CREATE FUNCTION pg_temp.o(more text DEFAULT '', rules text DEFAULT '', mark numeric DEFAULT 100, maintenance text DEFAULT '{0: 0.1}', tiers text DEFAULT '{0: 1}') RETURNS market LANGUAGE sql RETURN
    format('{"assets": {"U": {"price": 1, "tiers": "%s"}, "BTC": {"price": 100, "tiers": "{0: 0.9}"}},
             "contracts": {"C": {"settle": "U", "base": "BTC", "contract_size": 1, "mark": %s, "maintenance": "%s" %s}}, "rules": {%s}}',
           tiers, mark, maintenance, more, rules)::market;
CREATE FUNCTION pg_temp.p(u numeric, long numeric, short numeric, orders text) RETURNS portfolio LANGUAGE sql RETURN
    format('{"balances": {"U": %s}, "positions": {"C": {"long": %s, "long_cost": %s, "short": %s, "short_cost": %s}}, "orders": {"C": {%s}}}',
           u, long, 100 * long, short, 100 * short, orders)::portfolio;
SELECT mark, level(p, m), liquidation_range(p, m, 'C', 0.01), liquidation_range(p, m, 'C'), liquidation_range(without_orders(p), m, 'C')
  FROM unnest('{60,70,100,145,200}'::numeric[]) AS mark,
       LATERAL (SELECT '{"balances": {"U": 60}, "positions": {"C": {"long": 1, "long_cost": 50}}, "orders": {"C": {"buy": {"60": [1, 0]}}}}'::portfolio AS p,
                       pg_temp.o(', "initial": "{0: 0, 100: 0.5}"', '"orders_reduce_equity": "margin"', mark, '{0: 0.01}', '{0: 0.2}') AS m) x;
-- they take what they would lose, long 1: M - 50 - (80 - M) <= 0.1 * M below 80, at 130 / 1.9; short 1 with a sell: 150 - M - (M - 110) at 260 / 2.1
SELECT liquidation_range(pg_temp.p(50, 1, 0, '"buy": {"80": [1, 0]}'), m, 'C', 0.0001), liquidation_range(pg_temp.p(50, 0, 1, '"sell": {"110": [1, 0]}'), m, 'C', 0.0001)
  FROM pg_temp.o('', '"orders_reduce_equity": "loss"') AS m;
-- which is of no matter where nothing is required: only below 50 nothing is left
SELECT liquidation_range(pg_temp.p(50, 1, 0, '"buy": {"80": [1, 0]}'), pg_temp.o('', '"orders_reduce_equity": "loss"', 100, '{0: 0}'), 'C', 0.0001);
-- both, margin at 0.2 of the 80: M - 50 - 16 - (80 - M) <= 0.1 * M below 80, at 146 / 1.9
SELECT liquidation_range(pg_temp.p(50, 1, 0, '"buy": {"80": [1, 0]}'), pg_temp.o(', "initial": "{0: 0.2}"', '"orders_reduce_equity": "both"'), 'C', 0.0001);
-- they require maintenance: M - 50 <= 0.1 * (M + 90) at 59 / 0.9; a sell at 120 by leg M - 50 <= 0.1 * (M + 120) at 62 / 0.9,
-- if larger than the position 12, at 62, and nothing under net, where it only reduces: 50 / 0.9
SELECT netting, liquidation_range(pg_temp.p(50, 1, 0, '"buy": {"90": [1, 0]}'), m, 'C', 0.0001), liquidation_range(pg_temp.p(50, 1, 0, '"sell": {"120": [1, 0]}'), m, 'C', 0.0001)
  FROM unnest('{leg,larger,net}'::netting[]) AS netting, pg_temp.o(format(', "order_maintenance": true, "netting": "%s"', netting)) AS m;
-- the leg that counts: long and short 3, a buy of 1 at 80 and a sell of 1 at 25. To M = 80 the long leg of 3 * M + 80 requires more,
-- from there on the short one of 4 * M: 0.02 of it are 8 at 100, or 6 at 220 / 3
SELECT u, liquidation_range(pg_temp.p(u, 3, 3, '"buy": {"80": [1, 0]}, "sell": {"25": [1, 0]}'),
                            pg_temp.o(', "order_maintenance": true, "netting": "larger"', '', 50, '{0: 0.02}'), 'C', 0.01)
  FROM unnest('{8,6}'::numeric[]) AS u;
-- an order alone: a sell at 100 is worth 100 or the mark: 0.1 * M >= 50 at 500
SELECT liquidation_range('{"balances": {"U": 50}, "orders": {"C": {"sell": {"100": [1, 0]}}}}', pg_temp.o(', "order_maintenance": true'), 'C'),
       liquidation_range('{"balances": {"U": 50}, "orders": {"C": {"sell": {"100": [1, 0]}}}}', pg_temp.o(), 'C');
-- a jump of what a leg would be: long 1 and a buy of 1 at 90, from M = 110 on the leg of 200 requires half; below, nothing
SELECT liquidation_range(pg_temp.p(70, 1, 0, '"buy": {"90": [1, 0]}'), pg_temp.o(', "order_maintenance": true', '', 100, 'whole {0: 0, 200: 0.5}'), 'C');
-- of the coin: a contract on it as above; one that settles in it, of 100 USD at a mark of 1 / p: short 1 and BTC 2 are 3 * p - 100 USD, of which
-- 0.9 count, and a sell at 0.012 would lose 100 - 1.2 * p below 83.33: 3.9 * p - 190 <= 10 at 200 / 3.9
SELECT liquidation_range(pg_temp.p(50, 1, 0, '"buy": {"80": [1, 0]}'), pg_temp.o('', '"orders_reduce_equity": "loss"'), asset => 'BTC', tick => 0.0001),
       liquidation_range('{"balances": {"BTC": 2}, "positions": {"I": {"short": 1, "short_cost": 0.01}}, "orders": {"I": {"sell": {"0.012": [1, 0]}}}}',
           '{"assets": {"BTC": {"price": 100, "tiers": "{0: 0.9}"}}, "rules": {"orders_reduce_equity": "loss"},
             "contracts": {"I": {"settle": "BTC", "base": "USD", "contract_size": 100, "mark": 0.01, "maintenance": "{0: 0.1}"}}}', asset => 'BTC', tick => 0.0001);

-- tiers by contracts have no bounds in the price: long 2, 2 * M - 100 <= M * (0.1 + 0.2) at 100 / 1.7; by notional the first 100 require 10:
-- 2 * M - 100 <= 10 + 0.2 * (2 * M - 100) at 90 / 1.6
SELECT tier_unit, liquidation_range(pg_temp.p(100, 2, 0), pg_temp.o(format(', "tier_unit": "%s"', tier_unit), '', 100, format('{0: 0.1, %s: 0.2}', bound)), 'C', 0.0001)
  FROM (VALUES ('contracts', 1), ('notional', 100)) AS t (tier_unit, bound);
-- a doubtful price, 90 to 110 around 100: BTC 1 counts 0.9 * 0.9 * p: 1.81 * p - 120 <= 0.1 * p at 120 / 1.71, of the coin or linked;
-- as a debt of weight 1.1 that requires 0.05: 220 - 1.21 * p <= 0.055 * p at 220 / 1.265. One that settles: 0.81 * (3 * p - 100) <= 11 at
-- (11 / 0.81 + 100) / 3. In tiers of 45 USD, the rest half, of 0.9 * p: 22.5 + 0.45 * p + p - 120 <= 0.1 * p at 97.5 / 1.35
CREATE FUNCTION pg_temp.d(btc text, contract text) RETURNS market LANGUAGE sql RETURN
    format('{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 100, "low": 90, "high": 110, %s}}, "contracts": {"C": {%s}}}', btc, contract)::market;
SELECT liquidation_range(p, m, asset => 'BTC', tick => 0.0001), liquidation_range(p, m, 'C', 0.0001, linked => true), liquidation_range(p, m, 'C', 0.0001)
  FROM unnest(ARRAY['"tiers": "{0: 0.9}"', '"tier_unit": "value", "tiers": "{0: 1, 45: 0.5}"']) AS btc,
       LATERAL (SELECT '{"balances": {"BTC": 1, "U": -20}, "positions": {"C": {"long": 1, "long_cost": 100}}}'::portfolio AS p,
                       pg_temp.d(btc, '"settle": "U", "base": "BTC", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"') AS m) x;
SELECT liquidation_range('{"balances": {"BTC": -1, "U": 220}}', pg_temp.d('"liability_weight": 1.1, "liability_maintenance": "{0: 0.05}"', '"settle": "U", "contract_size": 1'), asset => 'BTC', tick => 0.0001),
       liquidation_range('{"balances": {"BTC": 2}, "positions": {"C": {"short": 1, "short_cost": 0.01}}}', pg_temp.d('"tiers": "{0: 0.9}"', '"settle": "BTC", "contract_size": 100, "mark": 0.01, "maintenance": "{0: 0.1}"'), asset => 'BTC', tick => 0.0001);
-- only the larger of what positions and what debts require counts: 2,000 USDT count 1,000, a debt of 500 requires 450, and beyond 450 the position
-- decides: 0.1 * 10 * M >= 500 at 500 exactly, behind a score that is flat to 450. Their sum: M >= 50, there already
SELECT rule, liquidation_range('{"balances": {"U": 2000, "BTC": -5}, "positions": {"C": {"long": 10, "long_cost": 1000}}}',
    format('{"assets": {"U": {"price": 1, "tiers": "{0: 1, 1000: 0}"}, "BTC": {"price": 100, "liability_maintenance": "{0: 0.9}"}},
             "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}, "rules": {"liability_rule": "%s"}}', rule)::market, 'C')
  FROM unnest('{sum,larger}'::liability_rule[]) AS rule;

-- numbers of any size: short 1e-900 with 1e900 in hand, 1e900 - 1e-900 * M <= 0.1 * 1e-900 * M at 1e1800 / 1.1
SELECT length(trunc(l)::text), l = 1 + div(10::numeric ^ 1800 * 10, 11)
  FROM liquidation_price(
        format('{"balances": {"U": %s}, "positions": {"C": {"short": %s}}}', '1' || repeat('0', 900), '0.' || repeat('0', 899) || '1')::portfolio,
        pg_temp.m('{0: 0.1}'), 'C', 1) AS l;

-- what is unknown or not there
SELECT liquidation_range('{}', m, 'C'), liquidation_price('{}', m, 'C'), bankruptcy_price('{"balances": {"U": 1}}', m, 'C'),
       liquidation_range('{"balances": {"NONE": 1}, "positions": {"C": {"long": 1, "long_cost": 100}}}', m, 'C'),
       liquidation_range(NULL, m, 'C'), liquidation_price('{}', m, NULL)
  FROM pg_temp.m('{0: 0.1}') AS m;
SELECT liquidation_range('{}', pg_temp.m('{0: 0.1}'), 'X');
SELECT bankruptcy_price('{"positions": {"X": {"long": 1}}}', pg_temp.m('{0: 0.1}'), 'X');
SELECT liquidation_price('{}', pg_temp.m('{0: 0.1}'), '');
SELECT liquidation_price('{}', pg_temp.m('{0: 0.1}'), 'C', 0);
SELECT liquidation_price('{}', pg_temp.m('{0: 0.1}'), 'C', 'NaN');

-- withdrawals. X at 10 USD, 20 of it count as 15, against a debt of 120 USD: 12 of value is 14 of quantity, 6 may go, and
-- an equity of exactly 0 passes where nothing is required
CREATE FUNCTION pg_temp.x(ratio text DEFAULT '0.5', more text DEFAULT '') RETURNS market LANGUAGE sql RETURN
    format('{"assets": {"X": {"price": 10, "tiers": "{0: 1, 10: %s}"}, "U": {"price": 1, "tiers": "{0: 1}"}, "JUNK": {"price": 5}, "GREY": {"tiers": "{0: 1}"}, "DARK": {}},
             "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"},
                           "FREE": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0}"},
                           "DIM": {"settle": "U", "contract_size": 1, "maintenance": "{0: 0}"}} %s}', ratio, more)::market;
SELECT max_withdrawal(p, m, 'X'), max_withdrawal(p, m, 'X', step => 4), max_withdrawal(p, m, 'U'), max_withdrawal(p, m, 'JUNK'), max_withdrawal(p, m, 'DARK', false, 0.5)
  FROM (SELECT '{"balances": {"X": 20, "U": -120, "JUNK": 3, "DARK": 1.75}}'::portfolio AS p, pg_temp.x() AS m) x;
-- U 50 with an unrealized gain of 30, 13 required: 80 - w > 13 (a ratio of 1 is liquidation), and without the gain 50 - w > 13
SELECT max_withdrawal(p, m, 'U'), max_withdrawal(p, m, 'U', false), max_withdrawal(p, m, 'U', true, 1), max_withdrawal(p, m, 'U', false, 1)
  FROM (SELECT '{"balances": {"U": 50}, "positions": {"C": {"long": 1.3, "long_cost": 100}}}'::portfolio AS p, pg_temp.x() AS m) x;
-- a loss counts either way; a gain in U does not help to withdraw X
SELECT max_withdrawal('{"balances": {"U": 50}, "positions": {"FREE": {"long": 1, "long_cost": 120}}}', m, 'U', false),
       max_withdrawal(p, m, 'X'), max_withdrawal(p, m, 'X', false)
  FROM (SELECT '{"balances": {"X": 5, "U": -40}, "positions": {"FREE": {"long": 1, "long_cost": 80}}}'::portfolio AS p, pg_temp.x() AS m) x;
-- fails now: nothing; unpriced: nothing known; empty: nothing there
SELECT max_withdrawal('{"balances": {"X": 1, "U": -11}}', m, 'X'), max_withdrawal('{"balances": {"X": 1, "GREY": 1}}', m, 'X'),
       max_withdrawal('{}', m, 'X'), max_withdrawal('{}', m, NULL)
  FROM pg_temp.x() AS m;
SELECT max_withdrawal('{}', pg_temp.x(), 'NONE');
SELECT max_withdrawal('{}', pg_temp.x(), 'X', true, -1);

-- deposits: a debt of 120 wants 14 of X, of U itself 120; at a step of 4, 16. Nothing beyond 10 counts: no X is enough
SELECT min_deposit(p, m, 'X'), min_deposit(p, m, 'X', 4), min_deposit(p, m, 'U'), min_deposit(p, pg_temp.x('0'), 'X'), min_deposit(p, m, 'JUNK'), min_deposit(p, m, 'DARK'), min_deposit(p, m, 'GREY')
  FROM (SELECT '{"balances": {"U": -120}}'::portfolio AS p, pg_temp.x() AS m) x;
-- exactly the last tier: a debt of 100 is met by 10 where 10 is the end; a debt of X first
SELECT min_deposit('{"balances": {"U": -100}}', pg_temp.x('0'), 'X'), min_deposit('{"balances": {"U": -100.01}}', pg_temp.x('0'), 'X'),
       min_deposit('{"balances": {"U": -100, "X": -3}}', pg_temp.x('0'), 'X'), min_deposit('{"balances": {"X": -3}}', pg_temp.x('0'), 'X');
-- initial margin 20 = 200 / 10 of leverage rather than 0.1 * 200: equity 0 wants 20, but liquidation begins at 20: 20.00000001
SELECT min_deposit('{"positions": {"C": {"long": 2, "long_cost": 200, "long_margin": 0.2}}}', m, 'U'),
       min_deposit('{"positions": {"C": {"long": 2, "long_cost": 200, "long_margin": 0.3}}}', m, 'U'),
       min_deposit('{"balances": {"U": 21}, "positions": {"C": {"long": 2, "long_cost": 200}}}', m, 'U'),
       min_deposit('{}', m, 'X'), min_deposit('{"balances": {"GREY": 1}}', m, 'X')
  FROM pg_temp.x() AS m;
SELECT min_deposit('{}', pg_temp.x(), 'NONE');

-- orders, U 100, mark 100, 0.1 required. Leverage 5: 20 each, 5. At 110 each loses 10 and still ties 20 up: 100 / 30.
-- At 90 the gain does not carry it: 5. No leverage: 10 each, but a ratio of 1 is liquidation, 9.99999999
SELECT side, max_order(p, m, 'C', side, 100, 5), max_order(p, m, 'C', side, 110, 5), max_order(p, m, 'C', side, 90, 5),
       max_order(p, m, 'C', side, 100), max_order(p, m, 'C', side, 100, 5, 2), max_order(p, m, 'C', side, 100, 3)
  FROM (SELECT '{"balances": {"U": 100}}'::portfolio AS p, pg_temp.x() AS m) x, unnest('{long,short}'::side[]) AS side;
-- against a short 2 at 100: 2 close, 5 open; bought at 90 they leave 20 more, (100 + 20) / 20; at 110 the loss of 20 leaves 80 / 30
SELECT max_order(p, m, 'C', 'long', 100, 5), max_order(p, m, 'C', 'long', 90, 5), max_order(p, m, 'C', 'long', 110, 5),
       max_order(p, m, 'C', 'short', 100, 5)
  FROM (SELECT '{"balances": {"U": 100}, "positions": {"C": {"short": 2, "short_cost": 200}}}'::portfolio AS p, pg_temp.x() AS m) x;
-- what fails may still close, and no more; what costs nothing has no end
SELECT max_order('{"balances": {"U": -1}, "positions": {"C": {"short": 2, "short_cost": 200}}}', m, 'C', 'long', 100, 5),
       max_order('{"balances": {"U": -1}}', m, 'C', 'long', 100, 5), max_order('{"balances": {"U": -1}}', m, 'FREE', 'long', 100),
       max_order('{"balances": {"U": 100}}', m, 'FREE', 'long', 100), max_order('{"balances": {"U": 100}}', m, 'FREE', 'long', 99),
       max_order('{"balances": {"U": 100}}', m, 'FREE', 'long', 101), max_order('{"balances": {"U": 100}}', m, 'FREE', 'short', 100, 10),
       max_order('{}', m, 'C', 'long', 100, 5)
  FROM pg_temp.x() AS m;
-- unpriced, the account or with the contract; null for null, but leverage
SELECT max_order('{"balances": {"GREY": 1}}', m, 'C', 'long', 100, 5), max_order('{"balances": {"U": 100}}', m, 'DIM', 'long', 100, 5),
       max_order('{"balances": {"U": 100}}', m, 'C', 'long', NULL, 5), max_order(NULL, m, 'C', 'long', 100, 5)
  FROM pg_temp.x() AS m;
SELECT max_order('{}', pg_temp.x(), 'NONE', 'long', 100, 5);
SELECT max_order('{}', pg_temp.x(), 'C', 'long', -1, 5);
SELECT max_order('{}', pg_temp.x(), 'C', 'long', 1, 0);
SELECT max_order('{}', pg_temp.x(), 'C', 'long', 1, 1, 0);

-- Open orders, U 100, mark 100, 0.1 required. Leverage 5: 20 each, 5. A buy at 110 takes 22 of margin and 10 of loss, 100 / 32, at 90 it takes 18. A sell counts at
-- the mark at least: 20 and 10 of loss at 90, 22 at 110. No leverage: 10 each, and as orders require no maintenance here, all of 10
SELECT price, max_open_order(p, m, 'C', 'buy', price, 5) AS buy, max_open_order(p, m, 'C', 'sell', price, 5) AS sell, max_open_order(p, m, 'C', 'buy', price), max_open_order(p, m, 'C', 'buy', price, 5, 2)
  FROM (SELECT '{"balances": {"U": 100}}'::portfolio AS p, pg_temp.x() AS m) x, unnest('{90,100,110}'::numeric[]) AS price;
-- beside 2 that stand and take 40, at their price and another; of "net" the first 2 close what is held, whoever comes first
CREATE FUNCTION pg_temp.n(more text, rules text DEFAULT '') RETURNS market LANGUAGE sql RETURN
    format('{"rules": {%s}, "assets": {"U": {"price": 1, "tiers": "{0: 1}", "liability_maintenance": "whole {0: 0.1, 50: 0.2}"}, "B": {"price": 50, "low": 40, "tiers": "{0: 1, 4: 0}", "initial_tiers": "{0: 0.5, 8: 0.25}", "liability_weight": 1.25, "liability_maintenance": "whole {0: 0, 1: 0.2}"}, "DARK": {}},
             "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}" %s}}}', rules, more)::market;
SELECT max_open_order('{"balances": {"U": 100}, "orders": {"C": {"buy": {"100": [2, 0.4]}}}}', pg_temp.x(), 'C', 'buy', 100, 5) AS same,
       max_open_order('{"balances": {"U": 100}, "orders": {"C": {"buy": {"100": [2, 0.4]}}}}', pg_temp.x(), 'C', 'buy', 90, 5) AS other,
       max_open_order('{"balances": {"U": 100}, "orders": {"C": {"buy": {"100": [2, 0.4]}}}}', pg_temp.x(), 'C', 'sell', 100, 5) AS opposite,
       max_open_order('{"balances": {"U": 100}, "positions": {"C": {"short": 2, "short_cost": 200}}}', m, 'C', 'buy', 100, 5) AS closing,
       max_open_order('{"balances": {"U": 100}, "positions": {"C": {"short": 2, "short_cost": 200}}, "orders": {"C": {"buy": {"90": [2, 0.4]}}}}', m, 'C', 'buy', 100, 5) AS displacing
  FROM pg_temp.n(', "netting": "net"') AS m;
-- what fails may order nothing; what costs nothing has no end; nulls and refusals as of max_order()
SELECT max_open_order('{"balances": {"U": -1}}', m, 'C', 'buy', 100, 5), max_open_order('{"balances": {"U": 1}}', m, 'FREE', 'buy', 100), max_open_order('{"balances": {"U": 1}}', m, 'FREE', 'buy', 101),
       max_open_order('{"balances": {"GREY": 1}}', m, 'C', 'buy', 100, 5), max_open_order('{"balances": {"U": 1}}', m, 'DIM', 'buy', 100, 5), max_open_order(NULL, m, 'C', 'buy', 100, 5), max_open_order('{}', m, 'C', 'buy', 100, 5)
  FROM pg_temp.x() AS m;
SELECT max_open_order('{}', pg_temp.x(), 'NONE', 'buy', 100, 5);
SELECT max_open_order('{}', pg_temp.x(), 'C', 'buy', 0, 5);
SELECT max_open_order('{}', pg_temp.x(), 'C', 'buy', -1, 5);
SELECT max_open_order('{}', pg_temp.x(), 'C', 'buy', 1, 1, 0);

-- Executed with orders standing. 2 bought at 90 take 36, so 64 / 20. By "net", against a short of 2, they take it once that is closed: 2 + 64 / 20. Of 7 of them 5 take
-- 90; with each that is closed 18 more, so that 10 are enough for 10 / 18 of one only
SELECT max_order('{"balances": {"U": 100}, "orders": {"C": {"buy": {"90": [2, 0.4]}}}}', m, 'C', 'long', 100, 5),
       max_order('{"balances": {"U": 100}, "positions": {"C": {"short": 2, "short_cost": 200, "short_margin": 0.4}}, "orders": {"C": {"buy": {"90": [2, 0.4]}}}}', m, 'C', 'long', 100, 5),
       max_order('{"balances": {"U": 100}, "positions": {"C": {"short": 2, "short_cost": 200, "short_margin": 0.4}}, "orders": {"C": {"buy": {"90": [7, 1.4]}}}}', m, 'C', 'long', 100, 5),
       max_order('{"balances": {"U": 100}, "positions": {"C": {"short": 2, "short_cost": 200, "short_margin": 0.4}}, "orders": {"C": {"buy": {"90": [7, 1.4]}}}}', m, 'C', 'long', 100, 5, 0.2)
  FROM pg_temp.n(', "netting": "net"') AS m;
-- closing at a loss: of 3 short with 35 against 30 each bought at 110 loses 10 and frees 10; at 125 it loses 25, and at 35 - 25 x against 30 - 10 x it ends
SELECT max_order(p, m, 'C', 'long', 110), max_order(p, m, 'C', 'long', 125), max_order(p, m, 'C', 'long', 125, step => 0.1), max_order(p, m, 'C', 'long', 100)
  FROM (SELECT '{"balances": {"U": 35}, "positions": {"C": {"short": 3, "short_cost": 300}}}'::portfolio AS p, pg_temp.n('') AS m) x;
-- Order margin may fall as a position grows, and equity judged without it rise. Beside x held the order of 10 takes 50 and 4 x, from x = 5 on 50 again. 0.1 x reaches
-- 0.01 * (110 - 50 - 4 x) at 4.285..., not from 5 to 6, and then 0.01 * (110 - 50). Judged by all of 110 it fails at 11
SELECT reduces, max_order(p, m, 'C', 'long', 100, NULL, 0.1), max_order(p, m, 'C', 'long', 100, NULL, 1), passes(p + portfolio_of('C', 4.3, 100), m) AS "4.3", passes(p + portfolio_of('C', 5.9, 100), m) AS "5.9"
  FROM (SELECT '{"balances": {"U": 110}, "orders": {"C": {"buy": {"100": [10, 0]}}}}'::portfolio AS p) x, unnest('{nothing,margin}'::order_reduction[]) AS reduces,
       LATERAL (SELECT format('{"rules": {"orders_reduce_equity": "%s"}, "levels": {"warning": 0.005, "margin_call": 0.007, "liquidation": 0.01}, "assets": {"U": {"price": 1, "tiers": "{0: 1}"}},
                "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.001}", "initial": "whole {0: 0.01, 500: 0.05}"}}}', reduces)::market) AS y (m);

-- Into debt. 100 of U leave, then each one owed requires 0.1, and from 50 on 0.2: B 3 is worth 120, initially 60, which is just enough for 50 and 10. Of B 3 leave, and of 100
-- one takes 62.5, from 1 on also 10: 100 / 72.5
SELECT max_withdrawal(p, m, 'U') AS u, max_withdrawal(p, m, 'U', debt => true) AS u_debt, max_borrow(p, m, 'U'), max_withdrawal(p, m, 'B') AS b, max_withdrawal(p, m, 'B', debt => true) AS b_debt,
       max_borrow(p, m, 'B'), max_borrow(p, m, 'B', 1), max_borrow(p, m, 'DARK') AS dark, max_withdrawal(p, m, 'DARK', debt => true) AS dark_debt
  FROM (SELECT '{"balances": {"U": 100, "B": 3}}'::portfolio AS p, pg_temp.n('') AS m) x;
-- without the gain of 30; with an order of 40 standing; failing; empty, unpriced
SELECT max_withdrawal('{"balances": {"U": 50, "B": 3}, "positions": {"C": {"long": 1, "long_cost": 70}}}', m, 'U', false, debt => true),
       max_withdrawal('{"balances": {"U": 50}, "orders": {"C": {"buy": {"100": [2, 0.4]}}}}', m, 'U'), max_borrow('{"balances": {"U": 50}, "orders": {"C": {"buy": {"100": [2, 0.4]}}}}', m, 'B'),
       max_borrow('{"balances": {"U": -1}}', m, 'B'), max_borrow('{}', m, 'B'), max_borrow('{"balances": {"NONE": 1}}', m, 'B'), max_borrow(NULL, m, 'B')
  FROM pg_temp.n('') AS m;
SELECT max_borrow('{}', pg_temp.n(''), 'NONE');
SELECT max_borrow('{}', pg_temp.n(''), 'U', 0);
-- Deposits by two measures. B counts 40 each up to 4 and then nothing, initially 20 each up to 8 and then 10 for ever: a debt of 100, and its maintenance of 20, is met
-- by 3, and initially by 6; one of 200 never; an order of 10 at leverage 5, 200, takes of the initial measure alone: 8 + 40 / 10
SELECT min_deposit('{"balances": {"U": -100}}', m, 'B'), min_deposit('{"balances": {"U": -200}}', m, 'B'), min_deposit('{"orders": {"C": {"buy": {"100": [10, 2]}}}}', m, 'B')
  FROM pg_temp.n('') AS m;

-- the buffer. Short 1 with 20: 20 - 100 * x > 10 * (1 + x) to 10 / 110; long the same bound, though at 1 - x it requires
-- less and would last to 10 / 90. BTC 1 for 90 against 45: 90 * (1 - x) >= 45 * (1 + x) to 1 / 3. Cash without a debt: all the way
SELECT buffer(pg_temp.p(20, 0, 1), m), buffer(pg_temp.p(20, 1, 0), m), buffer(pg_temp.p(-45, 0, 0, 1), m), buffer(pg_temp.p(45, 0, 0), m),
       buffer('{}', m), buffer(pg_temp.p(10, 0, 1), m) AS gone, buffer(pg_temp.p(10.00000001, 0, 1), m) AS nearly, buffer('{"balances": {"NONE": 1}}', m)
  FROM pg_temp.m('{0: 0.1}') AS m;
-- legs that offset each other cannot lose: 30 > 20 * (1 + x), or 10 * (1 + x), or nothing
SELECT netting, buffer(pg_temp.p(30, 1, 1), pg_temp.m('{0: 0.1}', format(', "netting": "%s"', netting)))
  FROM unnest('{leg,larger,net}'::netting[]) AS netting;
-- a sell at the mark, which requires and loses more as it rises: 50 > 10 * (1 + x) + 100 * x to 40 / 110; it alone loses: 50 >= 100 * x,
-- which is of no matter where nothing is required. Margin of 0.2 * 100 * (1 + x) instead: 50 > 30 * (1 + x) to 20 / 30
SELECT rule, buffer(p, pg_temp.o(', "order_maintenance": true, "initial": "{0: 0.2}"', format('"orders_reduce_equity": "%s"', rule))),
       buffer(p, pg_temp.o('', format('"orders_reduce_equity": "%s"', rule)))
  FROM unnest(enum_range(NULL::order_reduction)) AS rule,
       LATERAL (SELECT '{"balances": {"U": 50}, "orders": {"C": {"sell": {"100": [1, 0]}}}}'::portfolio AS p) x;
-- bounds of a doubtful price: 0.9 * 90 * (1 - x) >= 40 * (1 + x) to 41 / 121
SELECT buffer('{"balances": {"BTC": 1, "U": -40}}', pg_temp.d('"tiers": "{0: 0.9}"', '"settle": "U", "contract_size": 1'));
-- the larger of two requirements. Short 1 against U 1,000, and 5 BTC owed, of which half is required: with the debt's,
-- (1 - x) * (1000 - 100 * x) > 750 * (1 + x) to (1850 - sqrt(1850 ^ 2 - 100000)) / 200; their sum, and 10 * (1 + x) in U, is less
SELECT rule, buffer(p, m), trunc((1850 - sqrt(1850::numeric ^ 2 - 100000)) / 200, 8) AS by_hand
  FROM unnest('{sum,larger}'::liability_rule[]) AS rule,
       LATERAL (SELECT '{"balances": {"U": 1000, "BTC": -5}, "positions": {"C": {"short": 1, "short_cost": 100}}}'::portfolio AS p,
                format('{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 100, "liability_maintenance": "{0: 0.5}"}},
             "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}, "rules": {"liability_rule": "%s"}}', rule)::market AS m) x;
-- it can be indexed, in a market that is written down
CREATE TEMP TABLE watched (account_id bigint, portfolio portfolio);
INSERT INTO watched SELECT i, pg_temp.p(10 + i, 0, 1) FROM generate_series(1, 20) AS i;
SELECT format('CREATE INDEX ON watched (buffer(portfolio, %L::market))', pg_temp.m('{0: 0.1}')) \gexec
SELECT account_id, buffer(portfolio, pg_temp.m('{0: 0.1}')) FROM watched WHERE buffer(portfolio, pg_temp.m('{0: 0.1}')) < 0.03 ORDER BY 2;

-- a portfolio straight from its aggregate, without a detour
SELECT liquidation_price(p, m, 'C', 1), max_withdrawal(p, m, 'U', true, 1), min_deposit(p, m, 'U', 1), max_order(p, m, 'C', 'short', 100, 5, 1), buffer(p, m)
  FROM (SELECT portfolio(symbol, quantity, price, NULL) AS p FROM (VALUES ('U', 50, NULL), ('C', 1, 100), ('C', 1, 90), ('U', 0, NULL), ('V', 2, NULL), ('V', -2, NULL)) AS v (symbol, quantity, price)) x,
       pg_temp.m('{0: 0.1}') AS m;
-- an asset counted by its price has a schedule of its own in the search, also where another asset counts as it does; the plain way is each price
WITH a AS MATERIALIZED (
    SELECT '{"balances": {"U": 5000, "X": -12}, "positions": {"A": {"long": 1, "long_cost": 0.01}, "B": {"long": 1, "long_cost": 50}}}'::portfolio AS p,
           '{"assets": {"U": {"price": 1, "tiers": "{0: 1, 1000: 0}"}, "X": {"price": 50, "tiers": "{0: 1, 1000: 0}"}},
             "contracts": {"A": {"settle": "X", "base": "U", "contract_size": 1, "mark": 0.01, "maintenance": "{0: 0.01}"},
                           "B": {"settle": "U", "base": "X", "contract_size": 1, "mark": 50, "maintenance": "{0: 0.01}"}}}'::market AS m)
SELECT r.lower, r.upper, (SELECT min(x) FROM generate_series(51, 500) AS x WHERE level(p, shock(m, asset => 'X', price => x)) IN ('liquidation', 'bankrupt')) AS plain
  FROM a, LATERAL liquidation_range(p, m, asset => 'X', tick => 1) AS r;
-- an asset of which less is owned the more it is worth, down to a bound between the others: only behind that the account is not safe any more
WITH a AS MATERIALIZED (
    SELECT '{"balances": {"X": 2}, "positions": {"A": {"long": 50, "long_cost": 1}, "B": {"short": 6, "short_cost": 300}}}'::portfolio AS p,
           '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "X": {"price": 50, "tiers": "{0: 1, 1.5: 0, 5: 0}"}},
             "contracts": {"A": {"settle": "X", "base": "U", "contract_size": 1, "mark": 0.02, "maintenance": "{0: 0.01}"},
                           "B": {"settle": "U", "base": "X", "contract_size": 0.2, "mark": 50, "maintenance": "{0: 0.01}"}}}'::market AS m)
SELECT r.lower, r.upper, (SELECT min(x) FROM generate_series(51, 1000) AS x WHERE level(p, shock(m, asset => 'X', price => x)) IN ('liquidation', 'bankrupt')) AS plain
  FROM a, LATERAL liquidation_range(p, m, asset => 'X', tick => 1) AS r;
-- marks of so many digits that the market of the search is replaced at each of them
WITH a AS MATERIALIZED (
    SELECT '{"balances": {"U": 1000, "X": 4}, "positions": {"A": {"long": 3, "long_cost": 3}, "Z": {"long": 3, "long_cost": 3}, "B1": {"short": 10, "short_cost": 640}, "B2": {"short": 10, "short_cost": 640}}}'::portfolio AS p,
           '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "X": {"price": 64, "tiers": "{0: 1, 3: 0.9, 5: 0.5}"}},
             "contracts": {"A": {"settle": "X", "base": "U", "contract_size": 1, "mark": 1, "maintenance": "{0: 0.01, 10: 0.02}"},
                           "B1": {"settle": "U", "base": "X", "contract_size": 1, "mark": 64.000000000000000000000000000000000000000000123, "maintenance": "{0: 0.01}"},
                           "B2": {"settle": "U", "base": "X", "contract_size": 1, "mark": 64.000000000000000000000000000000000000000000123456789, "maintenance": "{0: 0.02}"},
                           "Z": {"settle": "X", "base": "U", "contract_size": 1, "mark": 1, "maintenance": "{0: 0.03, 7: 0.05}"}}}'::market AS m)
SELECT r.lower, r.upper, (SELECT min(x) FROM generate_series(65, 200) AS x WHERE level(p, shock(m, asset => 'X', price => x)) IN ('liquidation', 'bankrupt')) AS plain
  FROM a, LATERAL liquidation_range(p, m, asset => 'X', tick => 1) AS r;
-- a large answer outlives the call
SELECT length(string_agg(l::text, ' ')) FROM generate_series(1, 3) AS i,
       LATERAL (SELECT liquidation_price(pg_temp.p(1e60 * i, 0, 1), pg_temp.m('{0: 0.1}'), 'C') AS l OFFSET 0) x;
