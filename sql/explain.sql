-- explain: an account explained

-- Netting "larger" and "net", tiers by quantity and by value, a debt, an asset
-- that is no collateral and one without price, all three reasons of an
-- initial margin; in EUR prices are doubled and requirements weigh 1.5.
\set market '''{"levels": {"warning": 0.5}, "assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 60000, "tier_unit": "value", "tiers": "{0: 0.975, 100000: 0.97}"}, "ETH": {"price": 2000, "tiers": "{0: 0.9, 1: 0.8, 5: 0}"}, "EUR": {"price": 2, "tiers": "{0: 0.5}", "liability_weight": 1.25, "requirement_weight": 1.5, "liability_maintenance": "whole {0: 0.01, 100: 0.02}"}, "JUNK": {"price": 3}, "GREY": {}}, "contracts": {"A": {"settle": "EUR", "contract_size": 0.5, "mark": 100, "maintenance": "{0: 0.01, 1000: 0.02}", "closing_fee": 0.001, "netting": "larger"}, "B": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.01, 100: 0.02}", "initial": "whole {0: 0.03}", "netting": "net"}, "L": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.01, 100: 0.02}", "initial": "{0: 0.02, 100: 0.03}"}}}''::margin.market'
\set p '''{"balances": {"BTC": 2, "ETH": 7, "EUR": -200, "JUNK": 5, "GREY": 2}, "positions": {"A": {"long": 30, "long_cost": 3000, "long_margin": 10, "short": 20, "short_cost": 2100}, "B": {"long": 13, "long_cost": 120, "long_margin": 10, "short": 10, "short_cost": 110}, "L": {"long": 15, "long_cost": 150, "short": 5, "short_cost": 60, "short_margin": 1}}}''::margin.portfolio'

SELECT * FROM margin.explain(:p, :market);

-- every row is its product, and the rows add up to the valuation
-- (row_to_json: to_jsonb() of a composite reads names that a discarded cache has freed)
SELECT count(*) AS wrong_products FROM margin.explain(:p, :market)
 WHERE value IS DISTINCT FROM amount * coalesce(rate, 1) * coalesce(weight, 1) * coalesce(price, 1);
SELECT field, sum(value) AS value, trim_scale((row_to_json(v) ->> field)::numeric) AS evaluated, sum(value) = (row_to_json(v) ->> field)::numeric AS equal
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

-- Orders, fees on opening, tiers by contracts, an initial measure, a doubtful price. P nets: long 10 with all buys is 14 contracts, of the sells the first 10 only
-- close it, 15 open. K takes the larger leg, Q each by itself
\set ordered '''{"rules": {"orders_reduce_equity": "both"}, "assets": {"USDT": {"price": 1, "tiers": "{0: 1}", "initial_tiers": "{0: 1, 5000: 0.5}"}, "BTC": {"price": 1000, "low": 900, "high": 1100, "tiers": "{0: 0.9}", "initial_tiers": "{0: 0.8, 1: 0.5}"}, "ETH": {"price": 100, "high": 110, "tiers": "{0: 1}", "initial_liability_weight": 1.5}}, "contracts": {"P": {"settle": "USDT", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.01}", "initial": "{0: 0.02, 10: 0.04}", "tier_unit": "contracts", "netting": "net", "opening_fee": 0.001, "closing_fee": 0.0005, "order_maintenance": true}, "K": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "{0: 0.01}", "netting": "larger", "opening_fee": 0.002}, "Q": {"settle": "ETH", "contract_size": 1, "mark": 1, "maintenance": "{0: 0.1}"}}}''::margin.market'
\set po '''{"balances": {"USDT": 6000, "BTC": 2, "ETH": -3}, "positions": {"P": {"long": 10, "long_cost": 990, "long_margin": 0.5}, "K": {"long": 5, "long_cost": 50, "long_margin": 1}, "Q": {"short": 2, "short_cost": 2}}, "orders": {"P": {"buy": {"95": [3, 0], "101": [1, 0.1]}, "sell": {"90": [10, 5], "98": [3, 1], "105": [12, 1]}}, "K": {"sell": {"9": [7, 0.7]}}, "Q": {"buy": {"2": [1, 0.5]}}}}''::margin.portfolio'
SELECT * FROM margin.explain(:po, :ordered) WHERE field NOT IN ('net_asset_value', 'unrealized_pnl');
SELECT field, sum(value) AS value, sum(value) = (row_to_json(v)::jsonb || jsonb_build_object('judged_equity', margin.judged_equity(:po, :ordered)) ->> field)::numeric AS equal
  FROM margin.explain(:po, :ordered), margin.evaluate(:po, :ordered) AS v
 GROUP BY field, v ORDER BY field;
SELECT * FROM margin.explain_text(:po, :ordered);
-- orders alone, which by a fee cost something where there is no rate; nothing is taken from equity
SELECT field, symbol, side, item, amount, rate, value
  FROM margin.explain('{"orders": {"F": {"sell": {"10": [2, 0]}}}}',
                      '{"assets": {"U": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"F": {"settle": "U", "contract_size": 1, "mark": 11, "maintenance": "{0: 0}", "opening_fee": 0.01}}}');
-- of positions and debts only the larger requirement counts: 10 against 12, then 15
\set larger '''{"rules": {"liability_rule": "larger"}, "assets": {"U": {"price": 1, "tiers": "{0: 1}"}, "B": {"price": 60, "tiers": "{0: 1}", "liability_maintenance": "{0: 0.2}"}}, "contracts": {"C": {"settle": "U", "contract_size": 1, "mark": 100, "maintenance": "{0: 0.1}"}}}''::margin.market'
SELECT lots, field, symbol, side, item, amount, rate, value, maintenance_margin, initial_margin
  FROM (VALUES (1), (1.5)) AS l (lots), LATERAL (SELECT margin.portfolio_of('U', 500) OPERATOR(margin.+) margin.portfolio_of('B', -1) OPERATOR(margin.+) margin.portfolio_of('C', lots, 100)) AS a (p),
       LATERAL margin.explain(p, :larger), LATERAL margin.maintenance_margin(p, :larger), LATERAL margin.initial_margin(p, :larger)
 WHERE field LIKE '%margin' ORDER BY lots, field, symbol;
SELECT line FROM margin.explain_text(margin.portfolio_of('U', 500) OPERATOR(margin.+) margin.portfolio_of('B', -1) OPERATOR(margin.+) margin.portfolio_of('C', 1, 100), :larger) AS line
 WHERE line ~ '^[BC]';
-- what an order lacks
SELECT field, symbol, side, item, amount, unit FROM margin.explain('{"orders": {"NONE": {"buy": {"10": [2, 0], "9": [1.5, 0]}}, "O": {"sell": {"1": [1, 0]}}}, "positions": {"O": {"short": 2, "short_cost": 1}}}',
    '{"assets": {}, "contracts": {"O": {"settle": "V", "contract_size": 1}}}');

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
