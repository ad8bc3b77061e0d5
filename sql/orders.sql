-- Open orders in the portfolio and in the valuation: each figure is computed by hand in the comment above it.
SET search_path = margin, public;

-- ---------- the portfolio ----------

-- orders of one price are one, margin quantities rounded up one by one: 1/7 and 1/3 at the 18th decimal
CREATE TEMP TABLE o (symbol text, quantity numeric, price numeric, leverage numeric);
INSERT INTO o VALUES ('C', 1, 100, 7), ('C', 2, 100.0, NULL), ('C', -1, 90, 3), ('C', 5, 80, 1), ('C', 0, 70, 1), ('D', -3, 1, 2);
SELECT portfolio(symbol, quantity, price, leverage, 'order') FROM o;
-- rows of every kind at once are what their portfolios are together, in any order, and taking away gives back
WITH h (symbol, quantity, price, leverage, kind) AS (
    SELECT *, 'order'::holding_kind FROM o
    UNION ALL VALUES ('C', 4, 95, 10, 'position'::holding_kind), ('USDT', 7, NULL, NULL, 'balance')
), p (whole, orders, rest) AS (
    SELECT portfolio(symbol, quantity, price, leverage, kind),
           portfolio(symbol, quantity, price, leverage, kind) FILTER (WHERE kind = 'order'),
           portfolio(symbol, quantity, price, leverage, kind) FILTER (WHERE kind <> 'order')
      FROM h
)
SELECT whole = orders + rest AS adds, whole - orders = rest AS subtracts, without_orders(whole) = rest AS without,
       whole = (SELECT rollup(q) FROM unnest(ARRAY[rest, orders]) AS q) AS rolls
  FROM p;
SELECT rollup(p) = '{"orders": {"C": {"buy": {"100": [3000, 0]}}}}'::portfolio AS many
  FROM (SELECT portfolio('C', 1, 100, NULL, 'order') AS p FROM generate_series(1, 3000)) AS s;
SELECT portfolio('C', CASE WHEN i % 2 = 0 THEN 1 ELSE -1 END, 1 + i % 50, NULL, 'order') =
       (SELECT rollup(format('{"orders": {"C": {"%s": {"%s": [20, 0]}}}}', CASE WHEN (k - 1) % 2 = 0 THEN 'buy' ELSE 'sell' END, k)::portfolio)
          FROM generate_series(1, 50) AS k) AS sorted
  FROM generate_series(0, 999) AS i;
-- numbers that fit no 128 bits, in lists that grow and shrink
SELECT portfolio('c' || i % 3, 1e41 + i % 7, 1e40 + i % 11, 3 + i % 2 * 1e41, 'order') =
       (SELECT rollup(portfolio) FROM (SELECT portfolio('c' || k % 3, 1e41 + k % 7, 1e40 + k % 11, 3 + k % 2 * 1e41, 'order') AS portfolio
                                         FROM generate_series(1, 2000) AS k GROUP BY k) AS one) AS large
  FROM generate_series(1, 2000) AS i;
SELECT '{"orders": {"C": {"sell": {"100": [1.50, 0.10], "20.0": [1, 0]}, "buy": {"9": [2, 1], "1e1": [3, 0]}}}, "positions": {"C": {"long": 1, "long_cost": 3}}}'::portfolio AS p \gset
SELECT :'p'::portfolio;
SELECT :'p'::portfolio::text::portfolio = :'p'::portfolio AS text_again;
-- more than is there cannot be taken away
SELECT :'p'::portfolio - '{"orders": {"C": {"buy": {"9": [3, 1]}}}}';
SELECT :'p'::portfolio - '{"orders": {"C": {"buy": {"9": [2, 0]}}}}';
SELECT :'p'::portfolio - '{"orders": {"C": {"sell": {"9": [2, 0]}}}}';
-- what is left out, and what is refused
SELECT '{"orders": {"C": {"buy": {"6": [0, 0]}, "sell": {}}, "D": {}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, 0], "6.0": [2, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, 0]}, "buy": {"7": [2, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, 0]}}, "C": {"buy": {"7": [2, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"bid": {"6": [1, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"NaN": [1, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"": [1, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"0": [1, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"-1": [1, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, 0, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": 1}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": {"7": 1}}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, "0"]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, [0]]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, {}]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [-1, 0]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [0, 1]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, -1]}}}}'::portfolio;
SELECT '{"orders": {"C": {"buy": {"6": [1, 0.1234567890123456789]}}}}'::portfolio;
SELECT '{"orders": {"C": [1, 2]}}'::portfolio;
SELECT '{"orders": [1]}'::portfolio;
SELECT '{"balances": {"A": [1, 2]}}'::portfolio;
SELECT portfolio('C', 1, 0, NULL, 'order');
SELECT portfolio('C', 1, 'NaN', NULL, 'order');
SELECT portfolio('C', 1, 5, 0, 'order');
SELECT portfolio(NULL, 1, 5, 1, 'order');

-- ---------- the valuation ----------

-- One coin of cash, 1,000 USDT; contracts of size 1 at a mark of 100; maintenance 1 %, initial 5 %.
CREATE FUNCTION pg_temp.at(netting text, mark numeric, more text DEFAULT '') RETURNS market LANGUAGE sql
RETURN format('{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": %s, "maintenance": "{0: 0.01}", "initial": "{0: 0.05}", "netting": "%s"%s}}}', mark, netting, more)::market;
CREATE FUNCTION pg_temp.show(p portfolio, m market, OUT initial numeric, OUT maintenance numeric, OUT order_margin numeric, OUT order_loss numeric, OUT available numeric) LANGUAGE sql
RETURN (SELECT ROW(v.initial_margin, v.maintenance_margin, v.order_margin, v.order_loss, v.available_margin) FROM evaluate(p, m) AS v);

-- a buy of 2 at 90: 0.05 * 180 = 9; a sell of 2 at 90 counts at the mark and would lose 20: 0.05 * 200 = 10
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"90": [2, 0]}}}}', pg_temp.at('leg', 100))).*;
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"sell": {"90": [2, 0]}}}}', pg_temp.at('leg', 100))).*;
-- leverage 4 asks for a quarter: 180 / 4 = 45
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"90": [2, 0.5]}}}}', pg_temp.at('leg', 100))).*;
-- both sides: 9 + 0.05 * 2 * 110 = 11, together 20; larger: 11; net, from nothing: the same 11
SELECT netting, (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"90": [2, 0]}, "sell": {"110": [2, 0]}}}}', pg_temp.at(netting, 100))).*
  FROM unnest(ARRAY['leg', 'larger', 'net']) AS netting;
-- long 3, held for 0.05 * 300 = 15: a sell of 2 closes and costs nothing under net; of 5 it turns into 2 short
-- of the sells at 110, as those at 105 fill first: 0.05 * 220 = 11, less than the 15; of 9 into 6 short: 0.05 * 660 = 33, 18 more
SELECT q, (pg_temp.show(format('{"balances": {"USDT": 1000}, "orders": {"C": {"sell": {"105": [2, 0], "110": [%s, 0]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}', q)::portfolio, pg_temp.at('net', 100))).*
  FROM unnest(ARRAY[0, 3, 7]) AS q;
-- of a price that closes in part the margin quantity counts in part: sells of 6 at 110 with margin quantity 1, 3 of them close: 1 * 3 / 6 * 110 = 55
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"sell": {"110": [6, 1]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}', pg_temp.at('net', 100))).*;
-- the same by legs: 15 + 110 = 125
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"sell": {"110": [6, 1]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}', pg_temp.at('leg', 100))).*;
-- maintenance of orders, where the contract asks for it: 0.01 * (300 + 180) = 4.8 instead of 3
SELECT asks, (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"90": [2, 0]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}', pg_temp.at('net', 100, ', "order_maintenance": ' || asks))).*
  FROM unnest(ARRAY['false', 'true']) AS asks;
-- a fee of 1 % on opening: 0.05 * 300 + 0.01 * 300 = 18; with the order 0.06 * 480 = 28.8; by leverage 30 + 3 = 33
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"90": [2, 0]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}', pg_temp.at('leg', 100, ', "opening_fee": 0.01'))).*;
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "positions": {"C": {"long": 3, "long_cost": 300, "long_margin": 0.3}}}', pg_temp.at('leg', 100, ', "opening_fee": 0.01'))).*;
-- tiers by contracts: 1 % of the first contract, 2 % of the rest, at the mark: 100 * (0.01 + 2 * 0.02) = 5;
-- with the order of 2 at 90: 100 * (0.01 + 4 * 0.02) = 9; the closing fee stays on the notional: 0.001 * 300, 0.001 * 480
SELECT (pg_temp.show('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"90": [2, 0]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}',
       '{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.01, 1: 0.02}", "closing_fee": 0.001, "tier_unit": "contracts", "order_maintenance": true}}}')).*;
-- a settlement asset in doubt, between 0.5 and 3: what is owned counts 0.5, what is required 3, weighted by 2, and what is lost 3:
-- 1000 * 0.5 = 500; 0.05 * 220 * 2 * 3 = 66; 2 * (110 - 100) * 3 = 60
SELECT equity, initial_equity, initial_margin, order_margin, order_loss, available_margin
  FROM evaluate('{"balances": {"USDT": 1000}, "orders": {"C": {"buy": {"110": [2, 0]}}}}',
       '{"assets": {"USDT": {"price": 1, "low": 0.5, "high": 3, "tiers": "{0: 1}", "requirement_weight": 2}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.01}", "initial": "{0: 0.05}"}}}');
-- the initial measure: 1,000 USDT count 900, 1 BTC of debt counts 120 instead of 100
SELECT equity, initial_equity, available_margin
  FROM evaluate('{"balances": {"USDT": 1000, "BTC": -1}}',
       '{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}", "initial_tiers": "{0: 0.9}"}, "BTC": {"price": 100, "initial_liability_weight": 1.2}}}');
-- the larger of two requirements: a debt of 5 BTC requires 50, the position 30
SELECT rule, maintenance_margin, initial_margin, margin_ratio
  FROM unnest(ARRAY['sum', 'larger']) AS rule,
       evaluate('{"balances": {"USDT": 2000, "BTC": -5}, "positions": {"C": {"long": 3, "long_cost": 300}}}',
       format('{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 100, "liability_maintenance": "{0: 0.1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}, "rules": {"liability_rule": "%s"}}', rule)::market);
-- what orders take of the equity before it is judged: loss 20, margin 0.05 * 220 = 11 of an equity of 30; maintenance 3
SELECT rule, equity(p, m), judged_equity(p, m), margin_ratio(p, m), level(p, m), passes(p, m)
  FROM unnest(enum_range(NULL::order_reduction)) AS rule,
       LATERAL (SELECT '{"balances": {"USDT": 30}, "orders": {"C": {"buy": {"110": [2, 0]}}}, "positions": {"C": {"long": 3, "long_cost": 300}}}'::portfolio AS p,
                format('{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.01}", "initial": "{0: 0.05}"}}, "rules": {"orders_reduce_equity": "%s"}}', rule)::market AS m) AS v;
-- nothing is required and nothing owed: healthy, whatever orders take; bankrupt goes by equity
SELECT level('{"orders": {"C": {"buy": {"110": [2, 0]}}}}', '{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.01}"}}, "rules": {"orders_reduce_equity": "both"}}');
-- safe at 60 to 70, not at 100 to 145, safe again at 200
SELECT mark, level('{"balances": {"USDT": 60}, "orders": {"C": {"buy": {"60": [1, 0]}}}, "positions": {"C": {"long": 1, "long_cost": 50}}}',
       format('{"assets": {"USDT": {"price": 1, "tiers": "{0: 0.2}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": %s, "maintenance": "{0: 0.01}", "initial": "{0: 0, 100: 0.5}"}}, "rules": {"orders_reduce_equity": "margin"}}', mark)::market)
  FROM unnest(ARRAY[60, 70, 100, 145, 200]) AS mark;

-- what an order needs and lacks
SELECT level, missing FROM evaluate('{"orders": {"C": {"buy": {"1": [1, 0]}}, "D": {"sell": {"1": [1, 0]}}, "E": {"sell": {"1": [1, 0]}}}}',
       '{"assets": {"A": {"price": 1}}, "contracts": {"C": {"settle": "A", "contract_size": 1, "maintenance": "{0: 0.1}"}, "D": {"settle": "X", "contract_size": 1, "mark": 2, "maintenance": "{0: 0.1}"}}}');
SELECT * FROM orders('{"orders": {"C": {"buy": {"1": [1, 0]}}, "D": {"sell": {"1": [1, 0]}}, "E": {"sell": {"1": [1, 0]}}}}',
       '{"assets": {"A": {"price": 1}}, "contracts": {"C": {"settle": "A", "contract_size": 1, "maintenance": "{0: 0.1}"}, "D": {"settle": "X", "contract_size": 1, "mark": 2, "maintenance": "{0: 0.1}"}}}');
SELECT contract, settle, long, short, mark, initial_margin, order_margin, missing FROM positions('{"orders": {"C": {"buy": {"90": [2, 0.5]}}, "D": {"sell": {"1": [1, 0]}}}}', pg_temp.at('net', 100));
SELECT * FROM orders('{"orders": {"C": {"buy": {"90": [2, 0.5], "120": [1, 0]}, "sell": {"90": [2, 1], "110": [1, 0]}}}}', pg_temp.at('net', 100));
SELECT orders(NULL, '{}'), without_orders(NULL) IS NULL;

-- MEXC's documentation of its futures interface, "Get the user's current holding position": one contract ETH_USDT of 0.01 ETH entered
-- at 1217.3 with leverage 100 has an initial margin of 0.1290338, 0.12173 and the taker's fee of 0.06 % on 12.173
SELECT initial_margin FROM evaluate('{"balances": {"USDT": 1}, "positions": {"ETH_USDT": {"long": 1, "long_cost": 1217.3, "long_margin": 0.01}}}',
       '{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"ETH_USDT": {"settle": "USDT", "contract_size": 0.01, "mark": 1217.3, "maintenance": "{0: 0.005}", "opening_fee": 0.0006}}}');
