-- Portfolios: netting, text, algebra, aggregates.
\set VERBOSITY default
\set SHOW_CONTEXT never
SET search_path = margin, public;

-- netting
CREATE TEMP TABLE h (account_id int, symbol text, quantity numeric, entry_price numeric, leverage numeric);
INSERT INTO h VALUES
    (1, 'USDT', 1000, NULL, NULL), (1, 'BTC', 0.5, NULL, NULL), (1, 'BTC', 0.25, NULL, NULL),
    (1, 'BTC_USDT', 3, 65000, 10), (1, 'BTC_USDT', 1, 64000.5, NULL), (1, 'BTC_USDT', -2, 66000, 3),
    (2, 'USDT', -20.5, NULL, NULL), (2, 'ETH', 1, NULL, NULL), (2, 'ETH', -1, NULL, NULL),
    (2, 'BTC', 0, NULL, NULL), (2, 'ETH_USDT', 0, 3000, 5),
    (3, 'DOGE', 0, NULL, NULL);
SELECT account_id, portfolio(symbol, quantity, entry_price, leverage) FROM h GROUP BY account_id ORDER BY account_id;
-- 2/3 rounds up at the 18th decimal; assets and contracts of one name are apart
SELECT portfolio(s, q, e, l) FROM (VALUES ('X', 1, NULL::numeric, NULL::numeric), ('X', 1, 5, NULL), ('Y', 2, 1, 3)) v (s, q, e, l);
SELECT portfolio(symbol, quantity) FROM h WHERE entry_price IS NULL;
SELECT portfolio(symbol, quantity) IS NULL AS no_rows FROM h WHERE false;

-- holdings that are none
SELECT portfolio(NULL, 1);
SELECT portfolio('BTC', NULL);
SELECT portfolio('', 1);
SELECT portfolio(repeat('x', 256), 1);
SELECT portfolio('BTC', 'NaN');
SELECT portfolio('BTC', '-Infinity');
SELECT portfolio('BTC', 1, 'Infinity', NULL);
SELECT portfolio('BTC', 1, -1, NULL);
SELECT portfolio('BTC', 1, NULL, 10);
SELECT portfolio('C', 1, 1, 0);
SELECT portfolio('C', 1, 1, -2);
SELECT portfolio('C', 1, 1, 'NaN');
SELECT portfolio('C', 0, 1, 'NaN');
SELECT portfolio('BTC', ('1' || repeat('0', 1000))::numeric);
SELECT portfolio('BTC', ('0.' || repeat('0', 1000) || '1')::numeric);

-- kinds: null goes by the entry price, the others are checked
SELECT portfolio(s, q, e, l, k::holding_kind)
  FROM (VALUES ('X', 1, NULL::numeric, NULL::numeric, 'balance'), ('X', 2, 5, NULL, 'position'), ('X', 3, NULL, NULL, NULL),
               ('X', -1, 7, 3, NULL), ('Y', 0, NULL, NULL, 'balance'), ('Y', 0, 1, 2, 'position')) v (s, q, e, l, k);
SELECT portfolio(symbol, quantity, entry_price, leverage, NULL) = portfolio(symbol, quantity, entry_price, leverage) AS as_before,
       portfolio(symbol, quantity, entry_price, leverage, CASE WHEN entry_price IS NULL THEN 'balance' ELSE 'position' END::holding_kind)
       = portfolio(symbol, quantity, entry_price, leverage) AS as_said
  FROM h;
SELECT portfolio(symbol, quantity, entry_price, leverage, 'order') IS NULL AS no_rows FROM h WHERE false;
SELECT portfolio('C', 1, NULL, NULL, 'position') \gset
\echo :LAST_ERROR_SQLSTATE
SELECT portfolio('C', 1, 10, NULL, 'order');
SELECT portfolio('C', 0, NULL, 2, 'position');
SELECT portfolio('C', 0, NULL, NULL, 'order');
SELECT portfolio('BTC', 1, 5, NULL, 'balance');
SELECT portfolio('BTC', 1, NULL, 5, 'balance');
SELECT portfolio('', 1, NULL, NULL, 'position');
SELECT portfolio(NULL, 1, 1, NULL, 'order');

-- text: canonical, lossless
SELECT '{}'::portfolio, ' { "positions" : { }, "balances" : {} } '::portfolio;
SELECT '{"balances": {"USDT": 1e3, "BTC": 1.50, "ZERO": 0}, "positions": {"P": {"short": 1, "short_cost": 66000, "long": 0}}}'::portfolio;
SELECT '{"balances": {"a\"b\\c": 1, "\u00e9": 2, " ": 3}}'::portfolio;
SELECT count(*) AS not_lossless FROM (
    SELECT portfolio(symbol, quantity, entry_price, leverage) AS p FROM h GROUP BY account_id
) x WHERE p::text::portfolio <> p OR p::text::portfolio::text <> p::text;

-- what is no portfolio
SELECT ''::portfolio;
SELECT '[]'::portfolio;
SELECT '1'::portfolio;
SELECT '{"balance": {}}'::portfolio;
SELECT '{"balances": {}, "balances": {}}'::portfolio;
SELECT '{"balances": {"BTC": 1, "BTC": 2}}'::portfolio;
SELECT '{"balances": {"BTC": "1"}}'::portfolio;
SELECT '{"balances": {"BTC": null}}'::portfolio;
SELECT '{"balances": {"BTC": NaN}}'::portfolio;
SELECT '{"balances": {"BTC": {"long": 1}}}'::portfolio;
SELECT '{"balances": {"": 1}}'::portfolio;
SELECT '{"balances": 1}'::portfolio;
SELECT '{"positions": {"P": 1}}'::portfolio;
SELECT '{"positions": {"P": {"long": 1, "long": 1}}}'::portfolio;
SELECT '{"positions": {"P": {"size": 1}}}'::portfolio;
SELECT '{"positions": {"P": {"long": {"x": 1}}}}'::portfolio;
SELECT '{"positions": {"P": {"long": -1}}}'::portfolio;
SELECT '{"positions": {"P": {"long": 1, "long_cost": -1}}}'::portfolio;
SELECT '{"positions": {"P": {"short_cost": 1}}}'::portfolio;
SELECT '{"positions": {"P": {"long": 1, "long_margin": 0.0000000000000000001}}}'::portfolio;
SELECT '{"balances": {"BTC": 1e400000}}'::portfolio;

-- algebra
SELECT p + q AS sum, p + q - q = p AS undone, q + p = p + q AS commutes, p - p AS nothing
  FROM (SELECT portfolio(symbol, quantity, entry_price, leverage) AS p FROM h WHERE account_id = 1) a,
       (SELECT portfolio(symbol, quantity, entry_price, leverage) AS q FROM h WHERE account_id = 2) b;
SELECT '{"balances": {"BTC": 1}}'::portfolio - '{"balances": {"BTC": 3, "ETH": 1}}'::portfolio AS balances_may_turn;
SELECT '{"positions": {"P": {"long": 1, "long_cost": 5}}}'::portfolio - '{"positions": {"P": {"long": 2, "long_cost": 5}}}'::portfolio;
SELECT '{"positions": {"P": {"long": 1, "long_cost": 5}}}'::portfolio - '{"positions": {"P": {"long": 1, "long_cost": 4}}}'::portfolio;
SELECT '{"positions": {"P": {"long": 1, "long_cost": 5}}}'::portfolio - '{"positions": {"P": {"short": 1, "short_cost": 4}}}'::portfolio;
SELECT '{}'::portfolio + NULL AS null_stays_null;

-- roll-up of parts is the aggregate of all rows
SELECT rollup(p) = (SELECT portfolio(symbol, quantity, entry_price, leverage) FROM h) AS same
  FROM (SELECT portfolio(symbol, quantity, entry_price, leverage) AS p FROM h GROUP BY account_id) x;
SELECT rollup(p) IS NULL AS no_rows FROM (SELECT NULL::portfolio AS p) x;

-- grouping, indexes
SELECT count(*) FROM (SELECT p FROM (VALUES ('{"balances": {"A": 1}}'::portfolio), ('{"balances": {"A": 1.0}}'), ('{}')) v (p) GROUP BY p) g;
CREATE TEMP TABLE book (p portfolio PRIMARY KEY);
INSERT INTO book VALUES ('{"balances": {"A": 1}}'), ('{"balances": {"A": 2}}'), ('{}');
INSERT INTO book VALUES ('{"balances": {"A": 2.00}}');
