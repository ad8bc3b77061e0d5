-- Markets: text, rows, validation.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = margin, public;

-- text is canonical: byte order, no defaults, no trailing zeros
SELECT '{}'::market;
SELECT '{"contracts": {}, "assets": {}, "levels": {}}'::market;
SELECT '{"levels": {"liquidation": 1.0, "warning": 0.5},
         "contracts": {"ETH_USDT": {"contract_size": 0.01, "settle": "USDT", "netting": "leg", "closing_fee": 0.000},
                       "BTC_USDT": {"settle": "USDT", "base": "BTC", "contract_size": 0.0001, "mark": 68010.50, "netting": "net", "closing_fee": 0.0005,
                                    "maintenance": "{0: 0.004, 50000: 0.0050}", "initial": "whole {0: 0.01}"}},
         "assets": {"USDT": {"price": 1, "tiers": "{0: 1}", "liability_maintenance": "{0: 0.02}", "liability_weight": 1.10, "requirement_weight": 1.0},
                    "BTC": {"price": 6.8e4, "tiers": "{0: 0.975, 1: 0.97}", "tier_unit": "quantity"},
                    "DOGE": {"tiers": "{0: 0.9}", "tier_unit": "value", "requirement_weight": 1.5}, "CASH": {}}}'::market AS m \gset
SELECT :'m'::market;
SELECT :'m'::market::text::market = :'m'::market AS lossless;

-- rows out and in again
SELECT * FROM assets(:'m');
SELECT * FROM contracts(:'m');
SELECT market((SELECT array_agg(a) FROM assets(:'m') a), (SELECT array_agg(c ORDER BY contract DESC) FROM contracts(:'m') c), 0.5)
       = :'m'::market AS same;
SELECT market(NULL, NULL), market('{}', '{}', 0.1, 0.2, 0.3);
SELECT count(*) FROM assets(NULL);

-- what is no market
SELECT ''::market;
SELECT '{"assets": []}'::market;
SELECT '{"asset": {}}'::market;
SELECT '{"assets": {}, "assets": {}}'::market;
SELECT '{"assets": {"A": {}, "A": {}}}'::market;
SELECT '{"assets": {"A": {"price": 1, "price": 1}}}'::market;
SELECT '{"assets": {"A": {"cost": 1}}}'::market;
SELECT '{"assets": {"A": 1}}'::market;
SELECT '{"assets": {"A": {"price": {}}}}'::market;
SELECT '{"assets": {"A": {"price": "1"}}}'::market;
SELECT '{"assets": {"A": {"price": null}}}'::market;
SELECT '{"assets": {"A": {"price": 0}}}'::market;
SELECT '{"assets": {"A": {"price": -1}}}'::market;
SELECT '{"assets": {"A": {"price": NaN}}}'::market;
SELECT '{"assets": {"A": {"tiers": "{0: 0.9, 1: 0.95}"}}}'::market;
SELECT '{"assets": {"A": {"tiers": "{0: 1.01}"}}}'::market;
SELECT '{"assets": {"A": {"tiers": "whole {0: 1}"}}}'::market;
SELECT '{"assets": {"A": {"tiers": {"0": 1}}}}'::market;
SELECT '{"assets": {"A": {"tier_unit": "units"}}}'::market;
-- keys that had another name before 1.0
SELECT '{"assets": {"A": {"basis": "value"}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "size": 1}}}'::market;
SELECT '{"assets": {"A": {"liability_weight": 0.99}}}'::market;
SELECT '{"assets": {"A": {"requirement_weight": 0}}}'::market;
SELECT '{"assets": {"A": {"liability_maintenance": "{0: 0.02, 1: 0.01}"}}}'::market;
SELECT '{"contracts": {"C": {"contract_size": 1}}}'::market;
SELECT '{"contracts": {"C": {"settle": "", "contract_size": 1}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A"}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": -1}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "mark": 0}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "maintenance": "{0: 0.02, 1: 0.01}"}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "initial": "{0: 0.02, 1: 0.01}"}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "closing_fee": -0.1}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "netting": "both"}}}'::market;
SELECT '{"levels": {"warning": 0}}'::market;
SELECT '{"levels": {"warning": 0.9}}'::market;
SELECT '{"levels": {"healthy": 0.1}}'::market;
SELECT '{"levels": {"warning": {}}}'::market;
SELECT '{"levels": 1}'::market;
SELECT market(ARRAY[NULL]::asset_terms[], NULL);
SELECT market(ARRAY[ROW('A', 'NaN', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)]::asset_terms[], NULL);
SELECT market(ARRAY[ROW('A', 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), ROW('A', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)]::asset_terms[], NULL);
SELECT market(NULL, ARRAY[ROW('C', NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)]::contract_terms[]);
SELECT market(NULL, ARRAY[ROW('C', 'A', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)]::contract_terms[]);
SELECT market(NULL, NULL, 'Infinity');
SELECT market(NULL, NULL, 0.7, 0.6);

-- many symbols, found one by one: every asset is worth its own number
SELECT count(*) AS wrong
  FROM (SELECT market(array_agg(ROW('SYMBOL_' || i, i, '{0: 1}', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::asset_terms), NULL) AS m
          FROM generate_series(1, 3000) i) x, generate_series(1, 3000) i
 WHERE equity(format('{"balances": {"SYMBOL_%s": 2}}', i)::portfolio, m) IS DISTINCT FROM 2 * i;

-- row by row, as a venue reads its own: in any order, with schedules that many have, and numbers of many digits, which outlive their rows
CREATE TEMP TABLE terms AS
SELECT i, CASE WHEN i % 2 = 0 AND i > 0 THEN ROW('A' || i, ('1.' || repeat('3', 1 + i % 90))::numeric, ('{0: 0.9, ' || i % 7 + 1 || ': 0.8}')::schedule, NULL, NULL, NULL,
                                                 CASE WHEN i % 3 = 0 THEN ('{0: 0.0' || repeat('1', 1 + i % 50) || '}')::schedule END, NULL, NULL, NULL, NULL)::asset_terms END AS asset,
       CASE WHEN i % 2 = 1 THEN ROW('C' || i, repeat('A', i % 200 + 1) || i, 'A' || i % 10, ('0.' || repeat('7', 1 + i % 90))::numeric, i, '{0: 0.01, 10: 0.02}',
                                    CASE WHEN i % 4 = 1 THEN ('{0: 0.1, ' || i || ': 0.2}')::schedule END, 'net', 0.001, 0.002, 'contracts', true)::contract_terms END AS contract,
       CASE WHEN i = 0 THEN ('0.' || repeat('5', 90))::numeric END AS warning
  FROM generate_series(0, 4000) AS i ORDER BY md5(i::text);
CREATE TEMP TABLE built AS
SELECT margin_internal.market(asset, contract, warning, 0.9, NULL, 'both', 'larger') AS m FROM terms;
SELECT m = (SELECT market(array_agg(asset) FILTER (WHERE i % 2 = 0 AND i > 0), array_agg(contract) FILTER (WHERE i % 2 = 1), max(warning), 0.9, NULL, 'both', 'larger') FROM terms) AS same FROM built;
SELECT count(*) FROM terms AS t JOIN assets((SELECT m FROM built)) AS a ON a.asset = (t.asset).asset AND a.price = (t.asset).price AND a.tiers = (t.asset).tiers
   AND a.liability_maintenance IS NOT DISTINCT FROM (t.asset).liability_maintenance;
SELECT count(*) FROM terms AS t JOIN contracts((SELECT m FROM built)) AS c ON c.contract = (t.contract).contract AND c.settle = (t.contract).settle AND c.base = (t.contract).base
   AND c.contract_size = (t.contract).contract_size AND c.mark = (t.contract).mark AND c.maintenance = (t.contract).maintenance AND c.initial IS NOT DISTINCT FROM (t.contract).initial;
SELECT length(margin_ratio::text) FROM thresholds((SELECT m FROM built)) WHERE level = 'warning';
SELECT margin_internal.market(asset, contract, NULL, NULL, NULL, NULL, NULL) IS NULL AS none FROM terms WHERE false;
SELECT margin_internal.market(NULL, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT margin_internal.market(asset, NULL, NULL, NULL, NULL, NULL, NULL) FROM terms, generate_series(1, 2) WHERE i = 2;
SELECT margin_internal.market(ROW('A', -1, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::asset_terms, NULL, NULL, NULL, NULL, NULL, NULL);
SELECT margin_internal.market(NULL, NULL, 2, NULL, NULL, NULL, NULL);
SELECT margin_internal.market(a.asset, c.contract, NULL, NULL, NULL, NULL, NULL) FROM terms AS a, terms AS c WHERE a.i = 2 AND c.i = 1;

-- a stored market is the same market
CREATE TEMP TABLE stored AS SELECT :'m'::market AS m;
SELECT m = :'m'::market AS same FROM stored;
SELECT count(*) FROM (SELECT m FROM stored UNION SELECT :'m'::market) u;

-- doubtful prices, the initial measure, fees on opening, tiers by contracts, rules
SELECT '{"assets": {"A": {"price": 2, "low": 1.9, "high": 2.1, "tiers": "{0: 0.9}", "initial_tiers": "{0: 0.8}", "initial_liability_weight": 1.5, "liability_weight": 1.1}},
         "contracts": {"C": {"settle": "A", "contract_size": 1, "tier_unit": "contracts", "order_maintenance": true, "opening_fee": 0.001}},
         "rules": {"orders_reduce_equity": "both", "liability_rule": "larger"}}'::market AS m \gset
SELECT :'m'::market;
SELECT * FROM assets(:'m');
SELECT * FROM contracts(:'m');
SELECT * FROM rules(:'m');
SELECT * FROM rules('{}');
SELECT market(ARRAY(SELECT a FROM assets(:'m') AS a), ARRAY(SELECT c FROM contracts(:'m') AS c), NULL, NULL, NULL, 'both', 'larger') = :'m'::market AS same;
-- what says the default is left out
SELECT '{"assets": {"A": {"price": 2, "low": 2.0, "high": 2, "tiers": "{0: 0.9}", "initial_tiers": "{0: 0.90}", "initial_liability_weight": 1.1, "liability_weight": 1.10}},
         "contracts": {"C": {"settle": "A", "contract_size": 1, "tier_unit": "notional", "order_maintenance": false, "opening_fee": 0}},
         "rules": {"orders_reduce_equity": "nothing", "liability_rule": "sum"}}'::market;
SELECT '{"assets": {"A": {"price": 2, "low": 2.1}}}'::market;
SELECT '{"assets": {"A": {"price": 2, "high": 1.9}}}'::market;
SELECT '{"assets": {"A": {"price": 2, "low": 0}}}'::market;
SELECT '{"assets": {"A": {"high": 1}}}'::market;
SELECT '{"assets": {"A": {"initial_tiers": "{0: 1}"}}}'::market;
SELECT '{"assets": {"A": {"tiers": "{0: 1}", "initial_tiers": "{0: 0.5, 1: 0.6}"}}}'::market;
SELECT '{"assets": {"A": {"initial_liability_weight": 0.9}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "opening_fee": -1}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "tier_unit": "quantity"}}}'::market;
SELECT '{"contracts": {"C": {"settle": "A", "contract_size": 1, "order_maintenance": 1}}}'::market;
SELECT '{"rules": {"orders_reduce_equity": "all"}}'::market;
SELECT '{"rules": {"liability_rule": {}}}'::market;
SELECT '{"rules": {"rule": "sum"}}'::market;
