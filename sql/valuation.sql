-- Valuation: worked examples whose numbers are computed in the comments,
-- straight from the specification, section 3.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = margin, public;

-- published: assets worth 200 * 0.9801 + 220 give an equity of 416.02
SELECT equity('{"balances": {"COIN": 200, "USDT": 220}}',
              '{"assets": {"COIN": {"price": 1, "tiers": "{0: 0.9801}"}, "USDT": {"price": 1, "tiers": "{0: 1}"}}}') AS "416.02";
-- published: 10 BTC at 60,000 with tiers in USD are worth 582,000
SELECT collateral_value('{"balances": {"BTC": 10}}',
              '{"assets": {"BTC": {"price": 60000, "tier_unit": "value", "tiers": "{0: .975, 100000: .97, 500000: .965, 1000000: .96}"}}}') AS "582000";

CREATE TEMP TABLE w (name text PRIMARY KEY, m market);
INSERT INTO w VALUES ('leg',
    '{"assets": {"BTC":  {"price": 60000, "tiers": "{0: 0.975, 1: 0.97}"},
                 "USDT": {"price": 1, "tiers": "{0: 1}", "liability_weight": 1.1, "liability_maintenance": "{0: 0.02, 10000: 0.05}"},
                 "USDC": {"price": 0.9, "tiers": "{0: 1}", "requirement_weight": 1.2},
                 "JUNK": {"price": 5}, "DARK": {}, "GREY": {"tiers": "{0: 0.5}"}},
      "contracts": {"BTC_USDT": {"settle": "USDT", "base": "BTC", "contract_size": 0.001, "mark": 61000, "maintenance": "{0: 0.004, 50000: 0.005}",
                                 "initial": "whole {0: 0.01, 50000: 0.02}", "closing_fee": 0.0005},
                    "ETH_USDC": {"settle": "USDC", "contract_size": 0.1, "mark": 3000, "maintenance": "{0: 0.01}"},
                    "UNMARKED": {"settle": "USDT", "contract_size": 1, "maintenance": "{0: 0.01}"},
                    "UNTIERED": {"settle": "USDT", "contract_size": 1, "mark": 2},
                    "TO_GREY":  {"settle": "GREY", "contract_size": 1, "mark": 2, "maintenance": "{0: 0.01}"},
                    "TO_NONE":  {"settle": "NONE", "contract_size": 1, "mark": 2, "maintenance": "{0: 0.01}"}}}');
INSERT INTO w SELECT 'larger', replace(m::text, '"contract_size": 0.001', '"contract_size": 0.001, "netting": "larger"')::market FROM w WHERE name = 'leg';
INSERT INTO w SELECT 'net', replace(m::text, '"contract_size": 0.001', '"contract_size": 0.001, "netting": "net"')::market FROM w WHERE name = 'leg';

-- 2,000 contracts long at 60,000 with leverage 20, 500 short at 62,000:
--   PnL       0.001 * (61000 * 1500 - (120000000 - 31000000)) = 2,500 USDT
--   E_USDT    -30,000 + 2,500 = -27,500; liability 1.1 * 27,500 = 30,250
--   E_BTC     2: 60000 * (0.975 + 0.97) = 116,700; E_JUNK counts 0
--   equity    116,700 - 30,250 = 86,450; net asset value 120,000 - 27,500 + 35 = 92,535
--   notionals 122,000 and 30,500; T: 200 + 360 = 560 and 122; fee 61 and 15.25
--   LM        200 + 17,500 * 0.05 = 1,075
--   leg       maintenance 560 + 61 + 122 + 15.25 + 1075 = 1,833.25
--             initial: long max(2440, 61 * 100 = 6100, 621), short max(305, 0, 137.25): 6,405 + 1,075
--   larger    maintenance 621 + 1075 = 1,696; initial 6,100 + 1,075
--   net       N = 91,500: T 200 + 207.5, fee 45.75: 453.25 + 1,075
--             initial: max(1830, 61 * 100 * 1500 / 2000 = 4575, 453.25) + 1,075
SELECT name, (evaluate('{"balances": {"BTC": 2, "USDT": -30000, "JUNK": 7},
                        "positions": {"BTC_USDT": {"long": 2000, "long_cost": 120000000, "long_margin": 100, "short": 500, "short_cost": 31000000}}}', m)).*
  FROM w ORDER BY name COLLATE "C" \gx
SELECT c.* FROM w, collateral('{"balances": {"BTC": 2, "USDT": -30000, "JUNK": 7},
                        "positions": {"BTC_USDT": {"long": 2000, "long_cost": 120000000, "long_margin": 100, "short": 500, "short_cost": 31000000}}}', m) c
 WHERE name = 'net' \gx
SELECT p.* FROM w, positions('{"balances": {"BTC": 2, "USDT": -30000, "JUNK": 7},
                        "positions": {"BTC_USDT": {"long": 2000, "long_cost": 120000000, "long_margin": 100, "short": 500, "short_cost": 31000000}}}', m) p
 WHERE name = 'net' \gx

-- weights: a requirement of 10 * 0.1 * 3000 * 0.01 = 30 USDC counts 1.2 * 0.9 * 30 = 32.4 USD;
-- a loss of 300 USDC is a debt of 270 USD
SELECT (evaluate('{"positions": {"ETH_USDC": {"long": 10, "long_cost": 33000}}}', m)).* FROM w WHERE name = 'leg' \gx

-- net of equal legs requires nothing; odd margin quantity 1 * 2 / 3 rounds up at the 18th decimal, * 61
SELECT maintenance_margin(p, m), initial_margin(p, m), passes(p, m), level(p, m)
  FROM w, (VALUES ('{"positions": {"BTC_USDT": {"long": 5, "long_cost": 305000, "long_margin": 1, "short": 5, "short_cost": 305000}}}'::portfolio),
                  ('{"positions": {"BTC_USDT": {"long": 3, "long_cost": 183000, "long_margin": 1, "short": 1, "short_cost": 61000}}}')) v (p)
 WHERE name = 'net';

-- levels, at the thresholds exactly: maintenance 10 against an equity of
SELECT e, level(p, m), margin_ratio(p, m), shortfall(p, m), available_margin(p, m), passes(p, m)
  FROM (VALUES (14.2857142858), (14.2857142857), (11.76470589), (11.76470588), (10.00000001), (10), (0.00000001), (0), (-0.00000001)) v (e),
       LATERAL (SELECT format('{"balances": {"USDT": %s}, "positions": {"C": {"long": 1, "long_cost": 1000}}}', e)::portfolio AS p) x,
       (SELECT '{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}},
                 "contracts": {"C": {"settle": "USDT", "contract_size": 1, "mark": 1000, "maintenance": "{0: 0.01}"}}}'::market AS m) y;
-- no maintenance, no equity: healthy; the empty portfolio too
SELECT level('{}', m), equity('{}', m), margin_ratio('{}', m), shortfall('{}', m), passes('{}', m) FROM w WHERE name = 'leg';
-- thresholds are the market's
SELECT level('{"balances": {"U": 100}, "positions": {"C": {"long": 1, "long_cost": 1000}}}',
             '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}}, "levels": {"warning": 0.05, "margin_call": 0.1, "liquidation": 3},
               "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 1000, "maintenance": "{0: 0.01}"}}}');

-- missing: each lacking symbol once, in byte order; every amount null
SELECT p::text, (evaluate(p, m)).level, (evaluate(p, m)).missing, equity(p, m), passes(p, m)
  FROM w, (VALUES
    ('{"balances": {"NOBODY": 1, "Zz": -1, "BTC": 1}}'::portfolio),
    ('{"balances": {"DARK": 1}}'),              -- known, not accepted, no price: counts 0
    ('{"balances": {"DARK": -1}}'),             -- a debt without price
    ('{"balances": {"GREY": 1}}'),              -- accepted, without price
    ('{"positions": {"NONE": {"long": 1}}}'),
    ('{"positions": {"UNMARKED": {"long": 1}}}'),
    ('{"positions": {"UNTIERED": {"long": 1}}}'),
    ('{"positions": {"TO_GREY": {"long": 1, "long_cost": 2}}}'),
    ('{"positions": {"TO_NONE": {"long": 1}, "NONE": {"short": 1}}}'),
    ('{"balances": {"NONE": 1}, "positions": {"NONE": {"long": 1}}}')) v (p)
 WHERE name = 'leg';
SELECT c.* FROM w, collateral('{"balances": {"NOBODY": 1, "GREY": 2, "BTC": 1, "USDT": 1}, "positions": {"UNMARKED": {"long": 1}}}', m) c WHERE name = 'leg' \gx
SELECT p.* FROM w, positions('{"positions": {"UNMARKED": {"long": 1}, "TO_GREY": {"short": 1}, "NONE": {"long": 2}, "TO_NONE": {"long": 1}}}', m) p WHERE name = 'leg' \gx

-- strict
SELECT evaluate(NULL, m), equity('{}', NULL), passes(NULL, NULL), (SELECT count(*) FROM collateral(NULL, m)) FROM w WHERE name = 'leg';

-- 18-decimal tokens and 10^30 quantities: exact
SELECT equity('{"balances": {"T": 1000000000000000000000000000000.000000000000000001}}',
              '{"assets": {"T": {"price": 0.000000000000000003, "tiers": "{0: 0.999999999999999999}"}}}')
     = 1000000000000000000000000000000.000000000000000001 * 0.999999999999999999 * 0.000000000000000003 AS exact;

-- a result outlives the call, large numbers too: in PL/pgSQL, field by field
CREATE FUNCTION pg_temp.keep(p portfolio, m market) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    v valuation := evaluate(p, m);
    w valuation;
    equity numeric;
BEGIN
    FOR i IN 1 .. 100 LOOP
        w := evaluate(p + p, m);
    END LOOP;
    equity := v.equity;
    v.equity := 5;
    v.margin_ratio := w.equity - 2 * equity;
    RETURN v.equity || ' ' || v.margin_ratio || ' ' || (v.collateral_value = equity);
END
$$;
SELECT pg_temp.keep(p, '{"assets": {"A": {"price": 1.5, "tiers": "{0: 1}"}}}')
  FROM (VALUES ('{"balances": {"A": 1e60}}'::portfolio), ('{"balances": {"A": 0.5}}')) v (p);

-- profit settled in an asset that the market lacks is shown, not lost: 2 * 7 - 10
SELECT asset, balance, pnl, asset_equity, collateral_value, missing
  FROM collateral('{"balances": {"USDT": 100}, "positions": {"X": {"long": 2, "long_cost": 10}, "Y": {"long": 2, "long_cost": 10}}}',
                  '{"contracts": {"X": {"settle": "USDT", "contract_size": 1, "mark": 7, "maintenance": "{0: 0.01}"},
                                  "Y": {"settle": "EURT", "contract_size": 1, "mark": 7, "maintenance": "{0: 0.01}"}}}');

-- a closing fee may carry a rate past the digits of an input
SELECT maintenance_margin('{"positions": {"C": {"long": 1, "long_cost": 1}}}',
           format('{"assets": {"A": {"price": 1}}, "contracts": {"C": {"settle": "A", "contract_size": 1, "mark": 1, "closing_fee": 1,
                                                                      "maintenance": "{0: %s}"}}}', repeat('9', 1000))::market)
     = ('1' || repeat('0', 1000))::numeric AS exact;

-- a stored market, fetched once per statement, follows its updates
CREATE TEMP TABLE past (n int, m market);
INSERT INTO past
SELECT n, market(array_agg(ROW('S' || i, n, '{0: 1}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::asset_terms), NULL)
  FROM generate_series(1, 3) n, generate_series(1, 200) i GROUP BY n;
SELECT n, equity('{"balances": {"S7": 10}}', m) FROM past, generate_series(1, 2) ORDER BY n;
UPDATE past SET m = (SELECT p.m FROM past p WHERE p.n = 4 - past.n);
SELECT n, equity('{"balances": {"S7": 10}}', m) FROM past ORDER BY n;
