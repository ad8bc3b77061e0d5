-- What moves of one price would make of a book, by hand and against its reports.
-- The property test compares random accounts with evaluate().
\set VERBOSITY default
\set SHOW_CONTEXT never
SET client_min_messages = warning;
-- Where all caches are discarded at every chance (test/check), that is for the aggregate: a book, and reading
-- its market, is PL/pgSQL and long queries, planned again each time.
SET debug_discard_caches = 0;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
RESET client_min_messages;
INSERT INTO desk.asset (asset) VALUES ('USDT'), ('BTC'), ('ETH'), ('DARK');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('BTC', 0, 0.9);
INSERT INTO desk.index_price (asset, price) VALUES ('USDT', 1), ('BTC', 100), ('ETH', 10);
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('PERP', 'USDT', 'BTC', 1), ('DATED', 'USDT', 'BTC', 1), ('DIM', 'USDT', 'ETH', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('PERP', 0, 0.1), ('DATED', 0, 0.1), ('DIM', 0, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('PERP', 100), ('DATED', 102);

-- a book without accounts
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{-0.1}');

-- 1 is long 10 with 300 USDT: 300 + 1000 * x against 100 * (1 + x), reached at -0.2 / 0.9, no equity below -0.3.
-- 2 is long 10 PERP and short 10 DATED with 250: 250 - 20 * x against 202 * (1 + x), reached at 48 / 222 = 0.216.
-- 3 holds 1 BTC against a debt of 80: 90 * (1 + x) - 80, bankrupt below -1 / 9. 4 holds what is unknown
INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'USDT', 300), (2, 'USDT', 250), (3, 'BTC', 1), (3, 'USDT', -80), (4, 'PEPE', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'PERP', 10, 100), (2, 'PERP', 10, 100), (2, 'DATED', -10, 102);
SELECT * FROM margin.liquidation_map('desk', asset => 'BTC', moves => '{-0.4, -0.3, -0.23, -0.22, -0.1, 0, 0.2, 0.22, 1}');
-- which is where these searches end
SELECT account_id, (margin.liquidation_range(portfolio, desk.market(), asset => 'BTC', tick => 1)).* FROM desk.account_portfolio ORDER BY account_id;
-- the mark of one contract: 1 and 2 from -0.2 / 0.9 and from -48 / 900 = -0.0533... on; the index of BTC stays, and with it account 3
SELECT * FROM margin.liquidation_map('desk', contract => 'PERP', moves => '{-0.31, -0.06, -0.05, 0, 0.05}');
-- an asset that moves nothing of what is held
SELECT move, price, accounts, undercollateralized, unpriced FROM margin.liquidation_map('desk', 'ETH', moves => '{-0.999999999999999999, 9}');
-- in the order given, by default from -50 % to 50 %
SELECT count(*), min(move), max(move), array_agg(move) = array_agg(move ORDER BY move) AS ordered FROM margin.liquidation_map('desk', 'BTC');
SELECT array_agg(move) FROM margin.liquidation_map('desk', 'BTC', moves => '{0.5,0,0.1}');

-- unmoved it is what the reports say
UPDATE desk.index_price SET price = 88 WHERE asset = 'BTC';
UPDATE desk.mark_price SET price = 71 WHERE contract = 'PERP';
SELECT m.accounts = r.accounts AND m.undercollateralized = r.undercollateralized AND m.bankrupt = r.bankrupt AND m.unpriced = r.unpriced
       AND m.shortfall = r.shortfall AND m.loss = r.loss AND r.loss > 0 AS same
  FROM margin.liquidation_map('desk', 'BTC', moves => '{0}') AS m,
       (SELECT sum(accounts) AS accounts, sum(accounts) FILTER (WHERE level IN ('liquidation', 'bankrupt')) AS undercollateralized,
               sum(accounts) FILTER (WHERE level = 'bankrupt') AS bankrupt, sum(accounts) FILTER (WHERE level = 'unpriced') AS unpriced,
               sum(shortfall) AS shortfall, sum(loss) AS loss FROM desk.report_levels) AS r;
-- what cannot be asked
SELECT * FROM margin.liquidation_map('desk');
SELECT * FROM margin.liquidation_map('desk', 'BTC', 'PERP');
SELECT * FROM margin.liquidation_map('desk', 'XBT');
SELECT * FROM margin.liquidation_map('desk', contract => 'BTC');
SELECT * FROM margin.liquidation_map('desk', 'DARK');
SELECT * FROM margin.liquidation_map('desk', contract => 'DIM');
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => NULL);
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{}');
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{0.1, NULL}');
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{0.1, 0, 0.10}');
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{0.1, NaN}');
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{-1}');
SELECT * FROM margin.liquidation_map('desk', 'BTC', moves => '{Infinity}');
SELECT * FROM margin.liquidation_map('nobody', 'BTC');
SELECT * FROM margin.liquidation_map(NULL, 'BTC');

-- the aggregate of values alone, as the book's map above has it
CREATE FUNCTION pg_temp.moves(asset text, contract text, moves numeric[]) RETURNS margin.price_move[] LANGUAGE sql
RETURN (SELECT array_agg(ROW(NULL, asset, contract, move, NULL)::margin.price_move ORDER BY n) FROM unnest(moves) WITH ORDINALITY AS m (move, n));
CREATE TEMP TABLE held AS SELECT portfolio FROM desk.account_portfolio;
SELECT desk.market() AS m, ARRAY(SELECT m FROM margin.liquidation_map('desk', 'BTC', moves => '{-0.4, 1, 0, 0.22}') AS m) AS by_asset,
       ARRAY(SELECT m FROM margin.liquidation_map('desk', contract => 'PERP', moves => '{-0.31, 0.05}') AS m) AS by_contract \gset
RESET debug_discard_caches;
SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves('BTC', NULL, '{-0.4, 1, 0, 0.22}')) = :'by_asset'::margin.liquidation_point[] AS by_asset,
       margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves(NULL, 'PERP', '{-0.31, 0.05}')) = :'by_contract'::margin.liquidation_point[] AS by_contract FROM held;
-- at 0: account 1 has 300 - 290 against 71, 2 has 250 - 290 against 71 + 102, 3 has 79.2 - 80: 61 + 213 + 0.8 are lacking
SELECT move, price, accounts, undercollateralized, bankrupt, unpriced, notional, shortfall, loss
  FROM (SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves('BTC', NULL, '{-0.4, 1, 0, 0.22}')) AS points FROM held) AS map, unnest(points);
-- a market that is read while nothing lasts is the same
SELECT desk.market()::text = :'m' AS same;
-- what it cannot be asked
SELECT margin_internal.liquidation_map(NULL, :'m', ARRAY[(NULL, NULL, NULL, 0.1, NULL)::margin.price_move]);
SELECT margin_internal.liquidation_map(NULL, :'m', ARRAY[(NULL, 'BTC', NULL, NULL, 5)::margin.price_move]);
SELECT margin_internal.liquidation_map(NULL, NULL, '{}');
SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves('XBT', NULL, '{0.1}')) FROM held;
SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves(NULL, 'BTC', '{0.1}')) FROM held;
SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves('DARK', NULL, '{0.1}')) FROM held;
SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves('BTC', NULL, '{0.1, NULL}')) FROM held;
SELECT margin_internal.liquidation_map(portfolio, :'m', pg_temp.moves('BTC', NULL, '{-1}')) FROM held;

SET client_min_messages = warning;
SET debug_discard_caches = 0;
DROP SCHEMA desk CASCADE;
