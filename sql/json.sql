-- Schedules, portfolios and markets as JSON: the shapes, the casts, and what is
-- refused on the way back.
\set VERBOSITY default
\pset format unaligned
\pset tuples_only on
SET search_path = public, margin;
CREATE TABLE value (name text PRIMARY KEY, schedule margin.schedule, portfolio margin.portfolio, market margin.market);
INSERT INTO value VALUES
('empty', '{0: 0}', '{}', '{}'),
('usual', 'whole {0: 0.004, 50000: 0.005}',
    '{"balances": {"BTC": 2, "USDT": -10000.5}, "positions": {"BTC_USDT": {"long": 1500, "long_cost": 90750000, "long_margin": 75}, "ETH_USDT": {"short": 1, "short_cost": 3000}},
      "orders": {"BTC_USDT": {"buy": {"58000": [10, 0], "59000.5": [5, 0.25]}}, "SOL_USDT": {"sell": {"150": [1, 0.1]}}}}',
    '{"assets": {"BTC": {"price": 60000, "low": 59000, "high": 60500, "tiers": "{0: 0.975, 1: 0.97}", "initial_tiers": "{0: 0.9}", "liability_weight": 1.1, "initial_liability_weight": 1.2, "liability_maintenance": "{0: 0.01}", "requirement_weight": 1.5, "tier_unit": "value"},
                 "USDT": {"price": 1, "tiers": "{0: 1}"}, "DARK": {}},
      "contracts": {"BTC_USDT": {"settle": "USDT", "base": "BTC", "contract_size": 0.001, "mark": 60100, "maintenance": "{0: 0.005, 1000000: 0.01}", "initial": "whole {0: 0.01, 1000000: 0.02}", "netting": "net", "closing_fee": 0.0005, "opening_fee": 0.0006, "tier_unit": "contracts", "order_maintenance": true},
                    "ETH_USDT": {"settle": "USDT", "contract_size": 1}},
      "levels": {"warning": 0.6, "liquidation": 1.05}, "rules": {"liability_rule": "larger", "orders_reduce_equity": "both"}}'),
('exact', '{0: 0.0000000000000000000000000000000000000000000000000000000000000000001, 123456789012345678901234567890123456789012345678901: 12345678901234567890.12345678901234567890}',
    '{"balances": {"A": 0.1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001, "B": 1e40, "C": -1.50}}',
    '{"assets": {"A": {"price": 0.1000000000000000055511151231257827}}, "contracts": {"C": {"settle": "A", "contract_size": 1e-30}}}'),
('names', NULL, '{"balances": {"\"": 1, "\\": 2, " ": 3, "\u0001": 4, "a\nb": 5, "{}": 6, "balances": 7}, "orders": {"\"": {"buy": {"1": [1, 0]}}}}',
    '{"assets": {"\"": {"price": 1}, "\\": {"price": 2}}, "contracts": {"a/b": {"settle": "\"", "base": "\\", "contract_size": 1}}}');
SELECT name, schedule::json FROM value WHERE schedule IS NOT NULL;
SELECT name, portfolio::json FROM value;
SELECT name, market::json FROM value;

-- rows and arrays of them, and what a client asks of an account
SELECT row_to_json(v) FROM value AS v WHERE name = 'empty';
SELECT to_jsonb(ARRAY['{0: 1}'::margin.schedule, NULL]), json_build_object('a', '{}'::margin.portfolio);
SELECT to_jsonb(portfolio) -> 'balances' ->> 'USDT', to_jsonb(portfolio) #> '{positions,BTC_USDT,long}', to_jsonb(market) #>> '{assets,BTC,tiers,tiers,1,rate}' FROM value WHERE name = 'usual';
SELECT key, value FROM value, jsonb_each(to_jsonb(portfolio) -> 'balances') AS b (key, value) WHERE name = 'usual' ORDER BY 1;

-- there and back
SELECT name, schedule::json::margin.schedule = schedule AND schedule::jsonb::margin.schedule = schedule AS schedule,
       portfolio::json::margin.portfolio = portfolio AND portfolio::jsonb::margin.portfolio = portfolio AS portfolio,
       market::json::margin.market = market AND market::jsonb::margin.market = market AS market
  FROM value ORDER BY name;
-- the text forms of portfolios and markets are JSON, too; and either is read where the other is
SELECT bool_and(portfolio::text::jsonb::margin.portfolio = portfolio AND portfolio::json::text::margin.portfolio = portfolio),
       bool_and(market::text::jsonb::margin.market = market AND market::json::text::margin.market = market) FROM value;
-- what is left out has its default
SELECT '{"tiers": [{"lower_bound": 0, "rate": 1}]}'::jsonb::margin.schedule, '{}'::jsonb::margin.portfolio, '{}'::json::margin.market,
       '{"positions": {"C": {"long": 1, "long_cost": 5}}}'::jsonb::margin.portfolio;
-- numbers as they come
SELECT '{"balances": {"A": 1e3, "B": -0.50, "C": 0, "D": 1E-2}}'::json::margin.portfolio, '{"balances": {"A": 1e3, "B": -0.50, "C": 0, "D": 1E-2}}'::jsonb::margin.portfolio;

-- on assignment away from our types, back only when asked
CREATE TABLE document (j json, b jsonb, p margin.portfolio);
INSERT INTO document (j, b) SELECT portfolio, market FROM value WHERE name = 'empty';
INSERT INTO document (p) VALUES ('{}'::jsonb);
INSERT INTO document (p) VALUES ('{}'::jsonb::margin.portfolio);
SELECT castcontext, count(*) FROM pg_cast WHERE castsource IN ('margin.schedule'::regtype, 'margin.portfolio'::regtype, 'margin.market'::regtype) GROUP BY 1;
SELECT NULL::margin.portfolio::jsonb IS NULL, NULL::json::margin.market IS NULL;

---------------------------------------------------------------------------
-- What is refused
---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.said(type text, document json) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    value text;
    detail text;
BEGIN
    EXECUTE format('SELECT %L::json::margin.%I', document, type) INTO value;
    RETURN 'accepted: ' || value;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN concat_ws(' ', sqlstate, sqlerrm, nullif(detail, ''));
END
$$;
SELECT n, pg_temp.said('schedule', s::json) FROM unnest(ARRAY[
    '{}', '[]', '5', 'null', '"{0: 1}"', '{"tiers": []}', '{"tiers": {}}', '{"tiers": null}', '{"tiers": [[0, 1]]}', '{"tiers": [{"lower_bound": 0}]}', '{"tiers": [{"rate": 0}]}', '{"tiers": [{}]}',
    '{"tiers": [{"lower_bound": 0, "rate": null}]}', '{"tiers": [{"lower_bound": "0", "rate": 1}]}', '{"tiers": [{"lower_bound": 0, "rate": {}}]}', '{"tiers": [{"lower_bound": 0, "rate": []}]}',
    '{"tiers": [{"lower_bound": 0, "rate": 1, "rate": 1}]}', '{"tiers": [{"lower_bound": 0, "rate": 1, "cap": 1}]}', '{"tiers": [{"lower_bound": 0, "rate": -1}]}', '{"tiers": [{"lower_bound": 1, "rate": 1}]}',
    '{"tiers": [{"lower_bound": 0, "rate": 1}, {"lower_bound": 0, "rate": 2}]}', '{"tiers": [{"lower_bound": 0, "rate": 1}, 5]}', '{"tiers": [{"lower_bound": 0, "rate": 1}], "tiers": []}',
    '{"method": "flat", "tiers": [{"lower_bound": 0, "rate": 1}]}', '{"method": null}', '{"method": ["whole"]}', '{"method": {}}', '{"kind": 1}']) WITH ORDINALITY AS x (s, n);
SELECT n, pg_temp.said('portfolio', s::json) FROM unnest(ARRAY[
    '[]', '5', 'null', '{"cash": {}}', '{"balances": null}', '{"balances": []}', '{"balances": 5}', '{"balances": {"A": null}}', '{"balances": {"A": "5"}}', '{"balances": {"A": true}}', '{"balances": {"A": {}}}', '{"balances": {"A": [1]}}',
    '{"balances": {"A": 1, "A": 2}}', '{"balances": {"": 2}}', '{"balances": {}, "balances": {}}',
    '{"positions": {"A": 5}}', '{"positions": {"A": {"quantity": 5}}}', '{"positions": {"A": {"long": "5"}}}', '{"positions": {"A": {"long": -5}}}', '{"positions": {"A": {"long": [5]}}}', '{"positions": {"A": {"long_cost": 5}}}',
    '{"orders": {"A": {"buy": 5}}}', '{"orders": {"A": {"bid": []}}}', '{"orders": {"A": {"buy": [5]}}}', '{"orders": {"A": {"buy": [[5, 5]]}}}', '{"orders": {"A": {"buy": [{"price": 1, "quantity": 1}]}}}',
    '{"orders": {"A": {"buy": [{"price": 1, "quantity": 1, "margin_quantity": null}]}}}', '{"orders": {"A": {"buy": [{"price": 1, "quantity": 1, "margin_quantity": [0]}]}}}', '{"orders": {"A": {"buy": [{"price": {}, "quantity": 1, "margin_quantity": 0}]}}}',
    '{"orders": {"A": {"buy": [{"price": 1, "price": 2}]}}}', '{"orders": {"A": {"buy": [{"price": 1, "size": 2}]}}}', '{"orders": {"A": {"buy": [{"price": -1, "quantity": 1, "margin_quantity": 0}]}}}',
    '{"orders": {"A": {"buy": [{"price": 1, "quantity": 1, "margin_quantity": 0}, {"price": 1.0, "quantity": 1, "margin_quantity": 0}]}}}', '{"orders": {"A": {"buy": [], "buy": []}}}', '{"orders": {"A": [{"price": 1}]}}', '{"orders": [{}]}',
    '{"orders": {"A": {"buy": [], "sell": []}}}']) WITH ORDINALITY AS x (s, n);
SELECT n, pg_temp.said('market', s::json) FROM unnest(ARRAY[
    '[]', 'null', '{"asset": {}}', '{"assets": []}', '{"assets": {"A": 5}}', '{"assets": {"A": {"price": null}}}', '{"assets": {"A": {"price": "5"}}}', '{"assets": {"A": {"price": -5}}}', '{"assets": {"A": {"price": {}}}}', '{"assets": {"A": {"price": [5]}}}',
    '{"assets": {"A": {"tiers": 5}}}', '{"assets": {"A": {"tiers": "x"}}}', '{"assets": {"A": {"tiers": {}}}}', '{"assets": {"A": {"tiers": [{"lower_bound": 0, "rate": 1}]}}}', '{"assets": {"A": {"tiers": {"tiers": [{"lower_bound": 0, "rate": "1"}]}}}}',
    '{"assets": {"A": {"tiers": {"tiers": [{"lower_bound": 0, "rate": 2}]}}}}', '{"assets": {"A": {"tiers": {"tiers": [{"lower_bound": 0, "rate": {"a": {}}}]}}}}', '{"assets": {"A": {"tiers": {"tiers": [1]}}}}', '{"assets": {"A": {"tiers": {"tiers": [{"lower_bound": 0}]}}}}',
    '{"assets": {"A": {"tiers": {"method": "whole", "tiers": [{"lower_bound": 0, "rate": 1}]}}}}', '{"assets": {"A": {"tiers": {"tiers": [{"lower_bound": 0, "rate": 1}]}, "tiers": "{0: 1}"}}}',
    '{"assets": {"A": {"tier_unit": "x"}}}', '{"assets": {"A": {"tier_unit": null}}}', '{"assets": {"A": {"mark": 1}}}', '{"contracts": {"C": {}}}', '{"contracts": {"C": {"settle": null, "contract_size": 1}}}', '{"contracts": {"C": {"settle": "A", "contract_size": 1, "order_maintenance": 1}}}',
    '{"contracts": {"C": {"settle": "A", "contract_size": 1, "netting": {}}}}', '{"levels": {"warning": null}}', '{"levels": {"healthy": 1}}', '{"levels": {"warning": 2}}', '{"levels": 5}', '{"rules": {"liability_rule": 5}}', '{"rules": {"none": "x"}}']) WITH ORDINALITY AS x (s, n);

-- Any place of a document, whatever is put there: refused, and the key named, or a value that comes back the same.
CREATE FUNCTION pg_temp.places(document jsonb, path text[] DEFAULT '{}') RETURNS SETOF text[] LANGUAGE plpgsql AS $$
BEGIN
    IF path <> '{}' THEN RETURN NEXT path; END IF;
    IF jsonb_typeof(document #> path) = 'object' THEN
        RETURN QUERY SELECT p FROM jsonb_object_keys(document #> path) AS k, pg_temp.places(document, path || k) AS p;
    ELSIF jsonb_typeof(document #> path) = 'array' THEN
        RETURN QUERY SELECT p FROM generate_series(0, jsonb_array_length(document #> path) - 1) AS i, pg_temp.places(document, path || i::text) AS p;
    END IF;
END
$$;
CREATE FUNCTION pg_temp.outcome(type text, document jsonb) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    detail text;
    same boolean;
BEGIN
    EXECUTE format('SELECT v::jsonb::margin.%1$I = v FROM (SELECT $1::margin.%1$I AS v) AS x', type) USING document INTO STRICT same;
    RETURN CASE WHEN same THEN 'accepted' ELSE 'another' END;
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL;
    RETURN sqlstate || ' ' || sqlerrm || ' ' || detail;
END
$$;
CREATE TEMP TABLE tried AS
SELECT d.type, p.path, r.replacement, pg_temp.outcome(d.type, CASE r.replacement WHEN 'removed' THEN d.document #- p.path ELSE jsonb_set(d.document, p.path, r.replacement::jsonb) END) AS outcome
  FROM (SELECT 'schedule' AS type, to_jsonb(schedule) AS document FROM value WHERE name = 'usual'
        UNION ALL SELECT 'portfolio', to_jsonb(portfolio) FROM value WHERE name = 'usual'
        UNION ALL SELECT 'market', to_jsonb(market) FROM value WHERE name = 'usual') AS d,
       LATERAL pg_temp.places(d.document) AS p (path),
       unnest(ARRAY['removed', 'null', 'true', '5', '-1', '1e400', '1e2000', '"x"', '""', '[]', '{}', '[null]', '[[]]', '[{}]', '{"x": null}', '{"x": {}}']) AS r (replacement);
SELECT type, count(DISTINCT path) AS places, left(outcome, 5) AS outcome, count(*) FROM tried GROUP BY 1, 3 ORDER BY 1, 3;
-- the refusals that name neither the key, nor the one above it, nor a key that is missing
SELECT * FROM tried WHERE outcome ~ '^22' AND NOT (position(path[cardinality(path)] IN outcome) > 0 OR position(coalesce(path[cardinality(path) - 1], '?') IN outcome) > 0
    OR outcome ~ 'Key "\w*" (is unknown|is missing)|schedule must have|lower bound|"x"|type schedule: "|must not be empty') ORDER BY 1, 2, 3;
-- documents larger than the pieces in which jsonb is read and written
SELECT s::jsonb = s::json::text::jsonb AS written, s::jsonb::margin.schedule = s AS read, pg_column_size(s::jsonb) > 65536 AS large
  FROM (SELECT margin.schedule(i + 0.12345678901234567890123456789 * sign(i::numeric), 0.01 + i / 1e6) AS s FROM generate_series(0, 999) AS i) AS x;
SELECT p::jsonb = p::json::text::jsonb AS written, p::jsonb::margin.portfolio = p AS read, pg_column_size(p::jsonb) > 65536 AS large
  FROM (SELECT margin.portfolio('A' || i, i - 0.5) AS p FROM generate_series(1, 10000) AS i) AS x;
SELECT m::jsonb = m::json::text::jsonb AS written, m::jsonb::margin.market = m AS read, pg_column_size(m::jsonb) > 65536 AS large
  FROM (SELECT ('{"assets": {' || string_agg(format('"A%s": {"price": %s, "tiers": "{0: 0.%s}"}', i, i, i), ', ') || '}}')::margin.market AS m FROM generate_series(1, 2000) AS i) AS x;
SELECT jsonb_build_object('positions', jsonb_agg(repeat('x', 100)))::margin.portfolio FROM generate_series(1, 1000);
SELECT jsonb_agg(repeat('x', 100))::margin.portfolio FROM generate_series(1, 1000);
DROP TABLE value, document;
