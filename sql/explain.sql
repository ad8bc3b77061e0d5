-- explain: an account explained

-- Netting "larger" and "net", tiers by quantity and by value, a debt, an asset
-- that is no collateral and one without price, all three reasons of an
-- initial margin; in EUR prices are doubled and requirements weigh 1.5.
\set market '''{"levels": {"warning": 0.5}, "assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 60000, "tier_unit": "value", "tiers": "{0: 0.975, 100000: 0.97}"}, "ETH": {"price": 2000, "tiers": "{0: 0.9, 1: 0.8, 5: 0}"}, "EUR": {"price": 2, "tiers": "{0: 0.5}", "liability_weight": 1.25, "requirement_weight": 1.5, "liability_maintenance": "whole {0: 0.01, 100: 0.02}"}, "JUNK": {"price": 3}, "GREY": {}}, "contracts": {"A": {"settle": "EUR", "contract_size": 0.5, "mark": 100, "maintenance": "{0: 0.01, 1000: 0.02}", "closing_fee": 0.001, "netting": "larger"}, "B": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.01, 100: 0.02}", "initial": "whole {0: 0.03}", "netting": "net"}, "L": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.01, 100: 0.02}", "initial": "{0: 0.02, 100: 0.03}"}}}''::margin.market'
\set p '''{"balances": {"BTC": 2, "ETH": 7, "EUR": -200, "JUNK": 5, "GREY": 2}, "positions": {"A": {"long": 30, "long_cost": 3000, "long_margin": 10, "short": 20, "short_cost": 2100}, "B": {"long": 13, "long_cost": 120, "long_margin": 10, "short": 10, "short_cost": 110}, "L": {"long": 15, "long_cost": 150, "short": 5, "short_cost": 60, "short_margin": 1}}}''::margin.portfolio'

SELECT * FROM margin.explain(:p, :market);

-- every row is its product, and the rows add up to the valuation
SELECT count(*) AS wrong_products FROM margin.explain(:p, :market)
 WHERE value IS DISTINCT FROM amount * coalesce(rate, 1) * coalesce(weight, 1) * coalesce(price, 1);
SELECT field, sum(value) AS value, trim_scale((to_jsonb(v) ->> field)::numeric) AS evaluated, sum(value) = (to_jsonb(v) ->> field)::numeric AS equal
  FROM margin.explain(:p, :market), margin.evaluate(:p, :market) AS v
 GROUP BY field, v ORDER BY field;

SELECT * FROM margin.explain_text(:p, :market);

-- an amount at a bound fills the tiers below it; of a whole schedule it has the rate of the tier that begins there
SELECT asset, item, lower_bound, upper_bound, amount, rate, value
  FROM (VALUES ('{"balances": {"ETH": 1}}'), ('{"balances": {"ETH": 5}}'), ('{"balances": {"ETH": 5.000000000000000001}}'),
               ('{"balances": {"EUR": -99.999999999999999999}}'), ('{"balances": {"EUR": -100}}')) AS t (p),
       LATERAL margin.explain(p::margin.portfolio, :market) AS e (field, kind, asset)
 WHERE field IN ('collateral_value', 'maintenance_margin');

-- what decides an initial margin, one contract by itself: leverage, the
-- initial rate, maintenance; of equals maintenance before rate before leverage
\set alone '''{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"X": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "{0: 0.02}", "initial": "{0: 0.02, 100: 0.06}", "closing_fee": 0.01}}}''::margin.market'
SELECT leverage, quantity, item, lower_bound, amount, rate, value
  FROM (VALUES (1, 20), (2, 25), (3, 25.1), (4, 33.34), (5, NULL)) AS t (n, leverage),
       (VALUES (1, 10), (2, 20), (3, 25), (4, -1)) AS q (m, quantity),
       LATERAL margin.explain(margin.portfolio_of('X', quantity, 10, leverage), :alone) AS e
 WHERE field = 'initial_margin'
 ORDER BY n, m, lower_bound, item DESC;

-- sides of equal size: "net" has nothing left of them, of "larger" one counts
SELECT field, symbol, side, item, amount, rate, value
  FROM margin.explain('{"positions": {"A": {"long": 2, "long_cost": 200, "short": 2, "short_cost": 200}, "B": {"long": 2, "long_cost": 20, "short": 2, "short_cost": 20}}}', :market)
 WHERE field LIKE '%margin';
-- of "larger" the smaller side may open dearer than the larger one
SELECT field, side, item, amount, rate, value
  FROM margin.explain('{"positions": {"A": {"long": 2, "long_cost": 200, "short": 3, "short_cost": 300}}}'
                      OPERATOR(margin.+) margin.portfolio_of('A', 1, 100, 0.5), :market)
 WHERE field LIKE '%margin';

-- every level
SELECT balance, line
  FROM (VALUES (1, 1000), (2, 428), (3, 352), (4, 300), (5, 200), (6, 0), (7, -1)) AS t (n, balance),
       LATERAL margin.explain_text(margin.portfolio_of('USDT', balance) OPERATOR(margin.+) margin.portfolio_of('X', 1000, 10), :alone)
               WITH ORDINALITY AS e (line, i)
 WHERE line ~ '^(Level|The margin ratio|Levels|Available)'
 ORDER BY n, i;
SELECT * FROM margin.thresholds(:market);
SELECT * FROM margin.thresholds(NULL);

-- what cannot be valued has no values, and says why
SELECT * FROM margin.explain('{"balances": {"U": 1, "GREY": -2, "BTC": 1}, "positions": {"BTC": {"long": 1, "long_cost": 1}, "N": {"short": 2, "short_cost": 1}, "O": {"long": 1, "long_cost": 1, "short": 3, "short_cost": 1}, "P": {"long": 4, "long_cost": 1}}}',
    '{"assets": {"BTC": {"price": 1, "tiers": "{0: 1}"}, "GREY": {}, "DIM": {"tiers": "{0: 1}"}}, "contracts": {"N": {"settle": "BTC", "contract_size": 1, "maintenance": "{0: 0}"}, "O": {"settle": "V", "contract_size": 1}, "P": {"settle": "DIM", "contract_size": 1, "mark": 1, "maintenance": "{0: 0}"}}}');
SELECT * FROM margin.explain_text('{"balances": {"U": 1, "GREY": -2, "BTC": 1}, "positions": {"BTC": {"long": 1, "long_cost": 1}, "N": {"short": 2, "short_cost": 1}, "O": {"long": 1, "long_cost": 1, "short": 3, "short_cost": 1}, "P": {"long": 4, "long_cost": 1}}}',
    '{"assets": {"BTC": {"price": 1, "tiers": "{0: 1}"}, "GREY": {}, "DIM": {"tiers": "{0: 1}"}}, "contracts": {"N": {"settle": "BTC", "contract_size": 1, "maintenance": "{0: 0}"}, "O": {"settle": "V", "contract_size": 1}, "P": {"settle": "DIM", "contract_size": 1, "mark": 1, "maintenance": "{0: 0}"}}}');

-- nothing, and null
SELECT * FROM margin.explain('{}', :market);
SELECT * FROM margin.explain_text('{}', :market);
SELECT count(*) FROM margin.explain(NULL, :market);
SELECT count(*) FROM margin.explain_text(:p, NULL);

-- numbers that fit no machine word
SELECT field, item, lower_bound, amount, rate, value
  FROM margin.explain(margin.portfolio_of('A', 1e40 + 1e-40), '{"assets": {"A": {"price": 3e30, "tiers": "{0: 1, 1e39: 0.000000000000000000000000000000000000000000000000000000000000000000001}"}}}');
