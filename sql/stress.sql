-- Shocks, their impact, and stress: worked examples whose numbers are computed
-- in the comments.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = margin, public;

CREATE TEMP TABLE w AS SELECT
    '{"assets": {"BTC":  {"price": 60000, "tiers": "{0: 0.9, 1: 0.8}"},
                 "ETH":  {"price": 3000, "tiers": "{0: 0.9}"},
                 "USDT": {"price": 1, "tiers": "{0: 1}"},
                 "DARK": {"tiers": "{0: 0.5}"}},
      "contracts": {"BTC_USDT":  {"settle": "USDT", "base": "BTC", "contract_size": 0.001, "mark": 60100.5, "maintenance": "{0: 0.005}"},
                    "ETH_BTC":   {"settle": "BTC", "base": "ETH", "contract_size": 1, "mark": 0.05, "maintenance": "{0: 0.01}"},
                    "PEPE_USDT": {"settle": "USDT", "base": "PEPE", "contract_size": 1, "mark": 0.00001, "maintenance": "{0: 0.01}"},
                    "BARE":      {"settle": "USDT", "contract_size": 1, "mark": 7, "maintenance": "{0: 0.01}"},
                    "ODD":       {"settle": "DARK", "base": "BTC", "contract_size": 1, "mark": 5, "maintenance": "{0: 0.01}"},
                    "UNMARKED":  {"settle": "USDT", "base": "BTC", "contract_size": 1, "maintenance": "{0: 0.01}"}}}'::market AS m;
CREATE FUNCTION pg_temp.prices(m market) RETURNS text LANGUAGE sql AS $$
    SELECT (SELECT string_agg(asset || ' ' || coalesce(price::text, '-'), ', ') FROM assets(m)) || E'\n'
        || (SELECT string_agg(contract || ' ' || coalesce(mark::text, '-'), ', ') FROM contracts(m))
$$;
\pset tuples_only on
\pset format unaligned

-- one asset, relative: 60000 * 0.9 = 54000; marks of its contracts follow:
--   BTC_USDT 60100.5 * 0.9 = 54090.45; ODD 5 * 0.9 = 4.5
--   ETH_BTC 0.05 / 0.9 = 0.0555..., rounded up at the 18th decimal
SELECT pg_temp.prices(shock(m, 'BTC', relative => -0.1)) FROM w;
-- not linked: nothing else
SELECT pg_temp.prices(shock(m, 'BTC', relative => -0.1, linked => false)) FROM w;
-- a price: 60000 -> 70000, a proportion of 7/6: BTC_USDT 70117.25, ODD 5.8333..., ETH_BTC 0.05 * 6/7 = 0.042857142857142857|14
SELECT pg_temp.prices(shock(m, 'BTC', price => 70000)) FROM w;
-- both the underlying and the settlement asset: ETH_BTC 0.05 * 0.5 / 0.75 = 0.0333...; once rounded, not twice
SELECT pg_temp.prices(shock(m, ARRAY[(NULL, 'ETH', NULL, -0.5, NULL), (NULL, 'BTC', NULL, -0.25, NULL)]::price_move[])) FROM w;
-- a stablecoin below par: marks in it rise, 60100.5 / 0.9 = 66778.333..., 0.00001 / 0.9, 7 / 0.9
SELECT pg_temp.prices(shock(m, 'USDT', price => 0.9)) FROM w;
-- all: quotients of two that moved alike stay; so do underlyings that the market does not list
SELECT pg_temp.prices(shock(m, relative => -0.2)) FROM w;
-- all but one: USDT holds; PEPE and the underlying of BARE fall with the rest; DARK fell with BTC
SELECT pg_temp.prices(shock(m, ARRAY[(NULL, NULL, NULL, -0.2, NULL), (NULL, 'USDT', NULL, 0, NULL)]::price_move[])) FROM w;
-- contracts: a move of their own instead of the linked one, relative or a price; the index stays
SELECT pg_temp.prices(shock(m, ARRAY[(NULL, 'BTC', NULL, 0.1, NULL), (NULL, NULL, 'BTC_USDT', 0.2, NULL), (NULL, NULL, 'ETH_BTC', 0, NULL)]::price_move[])) FROM w;
SELECT pg_temp.prices(shock(m, contract => 'BTC_USDT', price => 61000)) FROM w;
-- without price: a relative move leaves none, a price gives one; so with marks
SELECT pg_temp.prices(shock(m, ARRAY[(NULL, 'DARK', NULL, 0.5, NULL), (NULL, NULL, 'UNMARKED', 0.5, NULL)]::price_move[], false)) FROM w;
SELECT pg_temp.prices(shock(m, ARRAY[(NULL, 'DARK', NULL, NULL, 2), (NULL, NULL, 'UNMARKED', NULL, 59000)]::price_move[])) FROM w;
-- but a relative move takes marks along even so: ODD 5 / 1.5 = 3.333...
SELECT pg_temp.prices(shock(m, 'DARK', relative => 0.5)) FROM w;
-- moves of 0 and to the present price move nothing: no mark is rounded
SELECT shock(shock(m, contract => 'BARE', price => 0.0000000000000000012345), ARRAY[(NULL, 'USDT', NULL, NULL, 1.0), (NULL, 'BTC', NULL, 0, NULL)]::price_move[])
     = shock(m, contract => 'BARE', price => 0.0000000000000000012345) FROM w;

-- rounding half away from zero at the 18th decimal, seen in BARE
--   1e-18 / 2 = 0.5e-18 up; 1e-18 * 1 / 2.1 = 0.476e-18 to 0, refused below; 3e-18 / 2 = 1.5e-18 up to 2; 5e-18 / 4 = 1.25e-18 down to 1
SELECT before, price, (SELECT mark FROM contracts(shock(shock(m, contract => 'BARE', price => before), 'USDT', price => price)) WHERE contract = 'BARE')
  FROM w, (VALUES (0.000000000000000001, 2), (0.000000000000000003, 2), (0.000000000000000005, 4), (0.000000000000000007, 4)) v (before, price);
-- relative moves are exact products, of any length
SELECT pg_temp.prices(shock(m, ARRAY[(NULL, 'ETH', NULL, -0.99999999999999999999, NULL), (NULL, NULL, 'BARE', 0.00000000000000000000001, NULL)]::price_move[], false)) FROM w;
-- numbers beyond 38 digits: 60100.5 * 10^42 / 7, where 60100.5 / 7 = 8585.7857142857142...
SELECT price, mark FROM w, shock(m, ARRAY[(NULL, 'BTC', NULL, NULL, 60000e30), (NULL, 'USDT', NULL, NULL, 7e-12), (NULL, NULL, 'ETH_BTC', 0, NULL)]::price_move[]) AS s,
       assets(s) JOIN contracts(s) ON base = asset AND contract = 'BTC_USDT';

\pset tuples_only off
\pset format aligned
-- refused
SELECT shock(m, 'BTC', relative => -1) FROM w;
SELECT shock(m, relative => -1.5) FROM w;
SELECT shock(m, 'BTC', price => 0) FROM w;
SELECT shock(m, 'BTC', price => -1) FROM w;
SELECT shock(m, contract => 'BARE', relative => -2) FROM w;
SELECT shock(m, 'BTC', relative => 'NaN') FROM w;
SELECT shock(m, 'BTC', price => 'Infinity') FROM w;
SELECT shock(m, 'NOPE', relative => -0.1) FROM w;
-- separate namespaces
SELECT shock(m, 'BTC_USDT', relative => -0.1) FROM w;
SELECT shock(m, contract => 'BTC', relative => -0.1) FROM w;
SELECT shock(m, 'BTC') FROM w;
SELECT shock(m, 'BTC', relative => 0.1, price => 1) FROM w;
SELECT shock(m, 'BTC', 'BTC_USDT', 0.1) FROM w;
SELECT shock(m, price => 1) FROM w;
SELECT shock(m, '', relative => 0.1) FROM w;
SELECT shock(m, ARRAY[(NULL, 'BTC', NULL, 0.1, NULL), (NULL, 'BTC', NULL, 0.1, NULL)]::price_move[]) FROM w;
SELECT shock(m, ARRAY[(NULL, NULL, NULL, 0.1, NULL), (NULL, NULL, NULL, 0.2, NULL)]::price_move[]) FROM w;
SELECT shock(m, ARRAY[NULL]::price_move[]) FROM w;
-- a linked mark of 0.476e-18
SELECT shock(shock(m, contract => 'BARE', price => 0.000000000000000001), 'USDT', price => 2.1) FROM w;
-- a product of more digits than a price may have
SELECT shock(shock(m, 'ETH', price => ('0.' || repeat('0', 999) || '1')::numeric, linked => false), 'ETH', relative => 0.5, linked => false) FROM w;

-- nothing to move; null
SELECT shock(m, '{}'::price_move[]) = m AS same, shock(m, NULL::price_move[]) IS NULL AS no_moves, shock(NULL::market, relative => 0.1) IS NULL AS no_market FROM w;

-- stress, of 2 BTC against a debt of 80,000 USDT and a long of 1,000 contracts bought at 60,000:
--   as it is   E_USDT -80000 + 0.001 * (60100.5 * 1000 - 60000000) = -79,899.5; BTC 60000 * 1.7 = 102,000: 22,100.5
--              maintenance 60100.5 * 0.005 = 300.5025
--   BTC -20 %  mark 48080.4: -80000 - 11919.6; 81,600: -10,319.6, loss 10,319.6; 240.402
--   USDT 0.9   mark 66778.333333333333333333: -73,221.666666666666666667 * 0.9 = -65,899.5000000000000000003; 36,100.4999999999999999997;
--              66778.333333333333333333 * 0.005 * 0.9 = 300.5024999999999999999985
\set p '''{"balances": {"BTC": 2, "USDT": -80000}, "positions": {"BTC_USDT": {"long": 1000, "long_cost": 60000000}}}'''
\set s 'ARRAY[(''USDT 0.9'', ''USDT'', NULL, NULL, 0.9), (''as it is'', NULL, NULL, 0, NULL), (''BTC -20 %'', ''BTC'', NULL, -0.2, NULL)]::price_move[]'
SELECT s.* FROM w, stress(:p, m, :s) AS s;
-- the same not linked: BTC -20 % leaves a gain of 100.5: -79,899.5 + 81,600; USDT 0.9: -71,909.55 + 102,000 and 270.45225
SELECT s.* FROM w, stress(:p, m, :s, false) AS s;
-- unpriced: what lacks is named; an absolute move may bring it
SELECT s.* FROM w, stress('{"balances": {"DARK": 3, "ALIEN": 1}}', m, :s || ('DARK 2', 'DARK', NULL, NULL, 2)::price_move) AS s;
SELECT s.* FROM w, stress('{"balances": {"DARK": 3}}', m, :s || ('DARK 2', 'DARK', NULL, NULL, 2)::price_move) AS s;
-- an empty portfolio, no scenarios, null
SELECT s.* FROM w, stress('{}', m, :s) AS s;
SELECT s.* FROM w, stress(:p, m, '{}') AS s;
SELECT s.* FROM w, stress(:p, m, NULL) AS s;
SELECT s.* FROM w, stress(NULL, m, :s) AS s;
-- in the select list; and the aggregate's own state as the portfolio
SELECT (stress(portfolio(symbol, quantity), m, :s)).scenario FROM w, (VALUES ('BTC', 2), ('BTC', -1)) AS h (symbol, quantity) GROUP BY m;
SELECT (stress(portfolio(symbol, quantity), m, :s)).equity FROM w, (VALUES ('BTC', 2), ('BTC', -1)) AS h (symbol, quantity) GROUP BY m;
-- a call site keeps what it has made ready only as long as it is asked the same
SELECT n, s.scenario, s.equity
  FROM w, (VALUES (1, 0.5, true), (2, 0.5, false), (3, 0.25, false), (4, 0.25, true)) v (n, change, linked),
       LATERAL stress('{"positions": {"BTC_USDT": {"long": 1000, "long_cost": 60000000}}}', m, ARRAY[('up', 'BTC', NULL, change, NULL)]::price_move[], linked) AS s
 ORDER BY n;

-- errors name the scenario
\set SHOW_CONTEXT always
SELECT s.* FROM w, stress(:p, m, :s || ('typo', 'BTX', NULL, 0.1, NULL)::price_move) AS s;
\set SHOW_CONTEXT never
SELECT s.* FROM w, stress(:p, m, :s || (NULL, 'BTC', NULL, 0.1, NULL)::price_move) AS s;
SELECT s.* FROM w, stress(:p, m, :s || ('', 'BTC', NULL, 0.1, NULL)::price_move) AS s;
SELECT s.* FROM w, stress(:p, m, :s || (repeat('x', 256), 'BTC', NULL, 0.1, NULL)::price_move) AS s;
SELECT s.* FROM w, stress(:p, m, :s || ('BTC -20 %', 'BTC', NULL, 0.1, NULL)::price_move) AS s;

-- bounds of a doubtful price: a relative move takes them along, also one of all assets; a price that is given has none
CREATE TEMP TABLE d AS SELECT
    '{"assets": {"BTC": {"price": 100, "low": 90, "high": 120, "tiers": "{0: 0.9}"}, "ETH": {"price": 10, "high": 11}, "USDT": {"price": 1, "tiers": "{0: 1}"}},
      "contracts": {"PERP": {"settle": "USDT", "base": "BTC", "contract_size": 1, "mark": 101, "maintenance": "{0: 0.1}"}},
      "rules": {"orders_reduce_equity": "loss"}}'::market AS m;
SELECT what, asset, price, low, high
  FROM d, LATERAL (VALUES (1, 'BTC -10 %', shock(m, 'BTC', relative => -0.1)), (2, 'BTC at 100', shock(m, 'BTC', price => 100)), (3, 'all -50 %', shock(m, relative => -0.5)),
                          (4, 'all but BTC', shock(m, ARRAY[(NULL, NULL, NULL, 0.5, NULL), (NULL, 'BTC', NULL, 0, NULL)]::price_move[]))) AS s (n, what, shocked), assets(shocked)
 WHERE asset <> 'USDT' ORDER BY n, asset;
-- BTC 1 counts 0.9 * 90, 2 ETH owed are 22, long 1 PERP from 101. At -20 %: 64.8 - 22 - 20.2 = 22.6, 8.08 required, and a buy at 95 would
-- lose 14.2: 8.4 are judged. At -21 %: 63.99 - 22 - 21.21 = 20.78, 15.21 lost, 5.57 judged against 7.979
SELECT s.scenario, s.equity, s.maintenance_margin, s.level, without.level AS without_orders
  FROM d, LATERAL (SELECT '{"balances": {"BTC": 1, "ETH": -2}, "positions": {"PERP": {"long": 1, "long_cost": 101}}, "orders": {"PERP": {"buy": {"95": [1, 0]}}}}'::portfolio AS p,
                          ARRAY[('-20 %', 'BTC', NULL, -0.2, NULL), ('-21 %', 'BTC', NULL, -0.21, NULL)]::price_move[] AS moves) AS q,
       LATERAL stress(p, m, moves) AS s JOIN LATERAL stress(without_orders(p), m, moves) AS without USING (scenario);
-- the same in a map, which counts no orders as positions: notionals of 79.79
SELECT point.*
  FROM (SELECT margin_internal.liquidation_map('{"balances": {"BTC": 1, "ETH": -2}, "positions": {"PERP": {"long": 1, "long_cost": 101}}, "orders": {"PERP": {"buy": {"95": [1, 0]}}}}', m,
                     ARRAY[(NULL, 'BTC', NULL, -0.2, NULL), (NULL, 'BTC', NULL, -0.21, NULL), (NULL, 'ETH', NULL, 0.1, NULL)]::price_move[]) AS points FROM d) AS map,
       unnest(points) AS point;
-- what values a portfolio: with bounds where they are not the price
SELECT prices('{"balances": {"BTC": 1, "ETH": -2, "USDT": 1}, "orders": {"PERP": {"buy": {"95": [1, 0]}}}}', m), prices('{"balances": {"ETH": 1, "NONE": 1}}', m), prices('{"balances": {"USDT": 1}}', m) FROM d;

-- impact of a fall, and of announced tiers: 60000 * (0.8 + 0.5) = 78,000 instead of 102,000
SELECT i.* FROM w, impact(:p, m, shock(m, 'BTC', relative => -0.2)) AS i \gx
SELECT equity_before, equity_after, equity_change, collateral_value_change, net_asset_value_change, maintenance_margin_change, level_before, level_after
  FROM w, impact(:p, m, replace(m::text, '{0: 0.9, 1: 0.8}', '{0: 0.8, 1: 0.5}')::market);
-- unpriced on one side
SELECT equity_before, equity_after, equity_change, level_before, level_after, missing_before, missing_after
  FROM w, impact('{"balances": {"DARK": 3}}', m, shock(m, 'DARK', price => 2));
SELECT i.* FROM w, impact('{}', m, NULL) AS i;
