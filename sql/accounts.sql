-- Answers of trading venues about accounts, read as they come, and compared with
-- what margin makes of them.  The documents are written for this test in the shape
-- that the venues document; all figures are made up.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set SHOW_CONTEXT never

CREATE SCHEMA world;
SELECT margin.create_venue('world');
INSERT INTO world.asset (asset) VALUES ('USDT'), ('ETH'), ('USDC');
INSERT INTO world.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('ETH', 0, 0.9);
INSERT INTO world.index_price (asset, price) VALUES ('USDT', 1), ('ETH', 3000), ('USDC', 1);
INSERT INTO world.contract (contract, settle, base, contract_size, closing_fee) VALUES ('ETHUSDT', 'USDT', 'ETH', 1, 0.0005), ('SOLUSDT', 'USDT', NULL, 1, 0);
INSERT INTO world.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('ETHUSDT', 0, 0.01, 0.02), ('SOLUSDT', 0, 0.02, 0.04);
INSERT INTO world.mark_price (contract, price) VALUES ('ETHUSDT', 3000), ('SOLUSDT', 150);
CREATE SCHEMA desk;
SELECT margin.create_book('desk', 'world', account_type => 'text');

-- ---------------------------------------------------------------------------
-- Bybit: balances, positions, orders come in three answers
-- ---------------------------------------------------------------------------

\set wallet '{"retCode": 0, "retMsg": "OK", "result": {"list": [{"accountType": "UNIFIED", "totalEquity": "16500.50", "totalMarginBalance": "15900.50", "totalInitialMargin": "1795.00", "totalMaintenanceMargin": "157.2500", "totalAvailableBalance": "14105.50", "totalPerpUPL": "500", "accountIMRate": "0.1129", "accountMMRate": "0.0098", "coin": [{"coin": "USDT", "walletBalance": "10000.50", "equity": "10500.50", "unrealisedPnl": "500"}, {"coin": "ETH", "walletBalance": "2", "equity": "2", "unrealisedPnl": "0"}, {"coin": "USDC", "walletBalance": "0", "equity": "0"}]}]}, "time": 1790000000000}'
\set positions '{"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "nextPageCursor": "", "list": [{"positionIdx": 0, "symbol": "ETHUSDT", "side": "Buy", "size": "5", "avgPrice": "2900", "leverage": "10", "markPrice": "3001.50", "unrealisedPnl": "507.5", "liqPrice": "", "tradeMode": 0, "positionIM": "1500.75", "positionMM": "157.42"}, {"positionIdx": 0, "symbol": "SOLUSDT", "side": "Sell", "size": "10", "avgPrice": "160", "leverage": "5", "markPrice": "150", "tradeMode": 1}, {"positionIdx": 0, "symbol": "XRPUSDT", "side": "", "size": "0", "avgPrice": "0", "leverage": "10", "markPrice": "2"}]}, "time": 1790000000000}'
\set orders '{"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "nextPageCursor": "", "list": [{"orderId": "a-1", "symbol": "ETHUSDT", "side": "Buy", "price": "2950", "qty": "3", "leavesQty": "1", "orderStatus": "PartiallyFilled", "orderType": "Limit", "reduceOnly": false}, {"orderId": "a-2", "symbol": "ETHUSDT", "side": "Sell", "price": "3300", "qty": "5", "leavesQty": "5", "orderStatus": "New", "reduceOnly": true}, {"orderId": "a-3", "symbol": "SOLUSDT", "side": "Sell", "price": "170", "qty": "4", "leavesQty": "4", "orderStatus": "Untriggered", "reduceOnly": false}, {"orderId": "a-4", "symbol": "SOLUSDT", "side": "Sell", "price": "170", "qty": "4", "leavesQty": "4", "orderStatus": "New"}]}, "time": 1790000000000}'

-- before anything is there
SELECT * FROM margin.reconcile('desk', 'bybit.wallet-balance', 'ann', :'wallet') WHERE difference <> 0 ORDER BY figure, symbol LIMIT 4;
SELECT * FROM margin.import_account('desk', 'bybit.wallet-balance', 'ann', :'wallet');
SELECT * FROM margin.import_account('desk', 'bybit.position-list', 'ann', :'positions');
SELECT * FROM margin.import_account('desk', 'bybit.order-realtime', 'ann', :'orders');
SELECT * FROM desk.balance ORDER BY asset COLLATE "C";
SELECT * FROM desk.position ORDER BY contract COLLATE "C", side;
SELECT * FROM desk.open_order ORDER BY order_id;
-- again; then with less: what is not in there goes, of its kind, of its account
INSERT INTO desk.balance VALUES ('bob', 'ETH', 1);
SELECT * FROM margin.import_account('desk', 'bybit.order-realtime', 'ann', :'orders') WHERE outcome <> 'ignored';
SELECT * FROM margin.import_account('desk', 'bybit.order-realtime', 'ann', replace(replace(:'orders', '"leavesQty": "1"', '"leavesQty": "0.5"'), '"symbol": "SOLUSDT", "side": "Sell", "price": "170", "qty": "4", "leavesQty": "4", "orderStatus": "New"', '"symbol": "SOLUSDT", "side": "Sell", "price": "170", "qty": "4", "leavesQty": "0", "orderStatus": "Filled"')::jsonb) WHERE outcome <> 'ignored';
SELECT * FROM margin.import_account('desk', 'bybit.order-realtime', 'ann', '{"retCode": 0, "result": {"list": []}}');
SELECT * FROM margin.import_account('desk', 'bybit.order-realtime', 'ann', :'orders') WHERE outcome <> 'ignored';
SELECT * FROM margin.import_account('desk', 'bybit.wallet-balance', 'ann', replace(:'wallet', '"coin": "ETH", "walletBalance": "2"', '"coin": "USDC", "walletBalance": "-3"')::jsonb) WHERE outcome <> 'unchanged';
SELECT * FROM margin.import_account('desk', 'bybit.wallet-balance', 'ann', :'wallet') WHERE outcome <> 'unchanged';
SELECT * FROM margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"side": "Buy", "size": "5"', '"side": "Sell", "size": "5"')::jsonb) WHERE outcome <> 'ignored';
SELECT * FROM margin.import_account('desk', 'bybit.position-list', 'ann', :'positions') WHERE outcome <> 'ignored';
SELECT account_id, count(*) FROM desk.balance GROUP BY 1 ORDER BY 1;

-- the venue's figures and ours
DELETE FROM desk.open_order WHERE contract = 'SOLUSDT';
SELECT * FROM margin.reconcile('desk', 'bybit.wallet-balance', 'ann', :'wallet');
SELECT * FROM margin.reconcile('desk', 'bybit.position-list', 'ann', :'positions');
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('desk', 'bybit.order-realtime', 'ann', :'orders');
-- reasons that are found, one by one
CREATE FUNCTION pg_temp.why(figure text, told numeric) RETURNS text LANGUAGE sql AS $$
    SELECT r.reason FROM margin.reconcile('desk', 'ours.figures', 'ann', jsonb_build_object(figure, told)) AS r WHERE r.figure = why.figure
$$;
CREATE SCHEMA ours;
CREATE FUNCTION ours.figures(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql
BEGIN ATOMIC
    SELECT f.* FROM jsonb_object_keys(document) AS k, margin.answer_figures(('', document)::margin.answer_node, NULL, jsonb_build_object(k, k)) AS f;
END;
SELECT v.equity, v.net_asset_value, v.maintenance_margin, v.initial_margin, v.order_margin, v.available_margin, v.margin_ratio FROM desk.account_margin AS v WHERE account_id = 'ann';
SELECT t.figure, t.told, pg_temp.why(t.figure, t.told) AS why
  FROM (VALUES ('equity', 15900.5), ('equity', 16500.5), ('equity', 15900.51), ('equity', 15900.50000001), ('equity', 1),
               ('maintenance_margin', 150), ('maintenance_margin', 157.5), ('maintenance_margin', 157.2), ('maintenance_margin', 151.234), ('maintenance_margin', 90),
               ('initial_margin', 1500), ('initial_margin', 1559), ('margin_ratio', 0.0099), ('margin_ratio', 0.99), ('margin_ratio', 100.95), ('equity_by_maintenance', 0.0099),
               ('unknown_figure', 1)) AS t (figure, told);
-- a book that holds something else, an account that cannot be valued
UPDATE desk.balance SET quantity = 9000 WHERE account_id = 'ann' AND asset = 'USDT';
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('desk', 'bybit.wallet-balance', 'ann', :'wallet') WHERE difference <> 0;
INSERT INTO desk.balance VALUES ('ann', 'KITE', 1);
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('desk', 'bybit.wallet-balance', 'ann', :'wallet') WHERE figure IN ('equity', 'balance');
DELETE FROM desk.balance WHERE asset = 'KITE';

-- ---------------------------------------------------------------------------
-- The others
-- ---------------------------------------------------------------------------

CREATE FUNCTION pg_temp.read(source text, document jsonb) RETURNS TABLE (line text) LANGUAGE sql AS $$
    SELECT concat_ws(' ', r.kind, coalesce(r.symbol, '-'), nullif(r.fields, '{}')) FROM margin_internal.read_account(source, document) AS r
$$;
SELECT * FROM pg_temp.read('binance.account', '{"totalInitialMargin": "30.00", "totalMaintMargin": "12.50", "totalMarginBalance": "1010.1", "totalUnrealizedProfit": "10.1", "availableBalance": "980.1", "multiAssetsMargin": false, "assets": [{"asset": "USDT", "walletBalance": "1100", "crossWalletBalance": "1000.00000000", "marginBalance": "1010.1"}], "positions": [{"symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "-0.5", "entryPrice": "3020.2", "leverage": "20", "isolated": false}, {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "70000", "leverage": "5", "isolated": true}, {"symbol": "SOLUSDT", "positionAmt": "0", "entryPrice": "0.0", "leverage": "20", "isolated": false}]}');
SELECT * FROM pg_temp.read('binance.account', '{"totalMarginBalance": "1", "assets": [], "positions": [{"symbol": "ETHUSDT", "positionSide": "BOTH", "positionAmt": "1", "notional": "3000"}]}');
SELECT * FROM pg_temp.read('binance.positionRisk', '[{"symbol": "ETHUSDT", "positionSide": "LONG", "positionAmt": "0.5", "entryPrice": "3020.2", "markPrice": "3000.00000000", "unRealizedProfit": "-10.1", "liquidationPrice": "0", "isolatedMargin": "0", "maintMargin": "7.5"}, {"symbol": "BTCUSDT", "positionAmt": "1", "entryPrice": "70000", "markPrice": "70000", "isolatedMargin": "14000"}]');
SELECT * FROM pg_temp.read('binance.openOrders', '[{"orderId": 917, "symbol": "ETHUSDT", "side": "SELL", "type": "LIMIT", "price": "3100.5", "origQty": "2", "executedQty": "0.5", "reduceOnly": false, "closePosition": false}, {"orderId": 918, "symbol": "ETHUSDT", "side": "SELL", "type": "STOP_MARKET", "price": "0", "origQty": "2", "executedQty": "0", "reduceOnly": false}, {"orderId": 919, "symbol": "ETHUSDT", "side": "BUY", "type": "LIMIT", "price": "2000", "origQty": "1", "executedQty": "0", "reduceOnly": true}]');
SELECT * FROM pg_temp.read('okx.balance', '{"code": "0", "msg": "", "data": [{"totalEq": "1000.5", "adjEq": "950.5", "imr": "100", "mmr": "20", "mgnRatio": "47.525", "availEq": "850.5", "upl": "", "details": [{"ccy": "USDT", "cashBal": "-100", "eq": "-100", "liab": "100"}, {"ccy": "ETH", "cashBal": "0.4", "eq": "0.4"}]}]}');
SELECT * FROM pg_temp.read('okx.positions', '{"code": "0", "data": [{"instId": "ETH-USDT-SWAP", "mgnMode": "cross", "posSide": "short", "pos": "12", "avgPx": "3010", "lever": "10", "upl": "12", "markPx": "3000", "liqPx": "", "imr": "360", "mmr": "14.4"}, {"instId": "ETH-USDT-SWAP", "mgnMode": "isolated", "posSide": "net", "pos": "-2", "avgPx": "3010", "lever": "10"}]}');
SELECT * FROM pg_temp.read('okx.orders-pending', '{"code": "0", "data": [{"ordId": "301", "instId": "ETH-USDT-SWAP", "instType": "SWAP", "side": "buy", "px": "2900", "sz": "10", "accFillSz": "4", "reduceOnly": "false", "tdMode": "cross", "lever": "10"}, {"ordId": "302", "instId": "ETH-USDT", "instType": "SPOT", "side": "buy", "px": "2900", "sz": "10", "accFillSz": "0", "reduceOnly": "false", "tdMode": "cash"}]}');
SELECT * FROM pg_temp.read('bitget.accounts', '{"code": "00000", "data": [{"marginCoin": "USDT", "available": "900", "accountEquity": "1050.5", "unrealizedPL": "50.5", "crossedRiskRate": "0.0123"}]}');
SELECT * FROM pg_temp.read('bitget.all-position', '{"code": "00000", "data": [{"symbol": "ETHUSDT", "holdSide": "short", "total": "3", "openPriceAvg": "3010", "leverage": "20", "marginMode": "crossed", "unrealizedPL": "30", "liquidationPrice": "4100.5", "markPrice": "3000"}, {"symbol": "SOLUSDT", "holdSide": "long", "total": "3", "openPriceAvg": "150", "leverage": "20", "marginMode": "isolated"}]}');
SELECT * FROM pg_temp.read('bitget.orders-pending', '{"code": "00000", "data": {"entrustedList": [{"orderId": "11", "symbol": "ETHUSDT", "side": "sell", "tradeSide": "open", "price": "3200", "size": "2", "baseVolume": "0.5", "reduceOnly": "NO", "leverage": "20", "marginMode": "crossed"}, {"orderId": "12", "symbol": "ETHUSDT", "side": "buy", "price": "2200", "size": "2", "reduceOnly": "YES"}], "endId": "11"}}');
SELECT * FROM pg_temp.read('bitget.orders-pending', '{"code": "00000", "data": {"entrustedList": null, "endId": null}}');
SELECT * FROM pg_temp.read('gate.accounts', '{"currency": "USDT", "total": "1000.5", "unrealised_pnl": "-3", "available": "900", "cross_maintenance_margin": "12.5", "cross_initial_margin": "30"}');
SELECT * FROM pg_temp.read('gate.positions', '[{"contract": "ETH_USDT", "size": -30, "leverage": "0", "cross_leverage_limit": "25", "entry_price": "3010", "mark_price": "3000", "liq_price": "4200", "unrealised_pnl": "3"}, {"contract": "SOL_USDT", "size": 3, "leverage": "10", "entry_price": "150"}]');
SELECT * FROM pg_temp.read('gate.orders', '[{"id": 15675394, "contract": "ETH_USDT", "size": 60, "left": 25, "price": "2900", "is_reduce_only": false, "is_close": false}, {"id": 15675395, "contract": "ETH_USDT", "size": -60, "left": -60, "price": "3900", "is_reduce_only": true}]');
SELECT * FROM pg_temp.read('kucoin.account-overview', '{"code": "200000", "data": {"currency": "USDT", "accountEquity": 1010.5, "unrealisedPNL": 10.5, "marginBalance": 1000, "availableBalance": 900}}');
SELECT * FROM pg_temp.read('kucoin.positions', '{"code": "200000", "data": [{"symbol": "ETHUSDTM", "currentQty": -20, "avgEntryPrice": 3010, "leverage": 10, "marginMode": "CROSS", "markPrice": 3000.5, "unrealisedPnl": 1.9, "liquidationPrice": 4000}, {"symbol": "SOLUSDTM", "currentQty": 1, "avgEntryPrice": 150, "marginMode": "ISOLATED"}]}');
SELECT * FROM pg_temp.read('kucoin.orders', '{"code": "200000", "data": {"currentPage": 1, "totalPage": 1, "items": [{"id": "5c", "symbol": "ETHUSDTM", "side": "sell", "price": "3200", "size": 10, "filledSize": 3, "reduceOnly": false, "closeOrder": false, "leverage": "10", "marginMode": "CROSS"}, {"id": "5d", "symbol": "ETHUSDTM", "side": "buy", "price": "2200", "size": 10, "dealSize": 0, "closeOrder": true}]}}');
SELECT * FROM pg_temp.read('mexc.assets', '{"success": true, "code": 0, "data": [{"currency": "USDT", "equity": 1010.5, "unrealized": 10.5, "cashBalance": 900, "availableBalance": 880}]}');
SELECT * FROM pg_temp.read('mexc.open_positions', '{"success": true, "code": 0, "data": [{"positionId": 7, "symbol": "ETH_USDT", "positionType": 2, "openType": 2, "holdVol": 120, "holdAvgPrice": 3010, "leverage": 20, "liquidatePrice": 4100.5}, {"positionId": 8, "symbol": "SOL_USDT", "positionType": 1, "openType": 1, "holdVol": 1, "holdAvgPrice": 150, "leverage": 20}]}');
SELECT * FROM pg_temp.read('mexc.open_orders', '{"success": true, "code": 0, "data": [{"orderId": "102", "symbol": "ETH_USDT", "side": 3, "openType": 2, "price": 3200, "vol": 10, "dealVol": 4, "leverage": 20}, {"orderId": "103", "symbol": "ETH_USDT", "side": 4, "openType": 2, "price": 3400, "vol": 10, "dealVol": 0}]}');

-- ---------------------------------------------------------------------------
-- What is refused
-- ---------------------------------------------------------------------------

SELECT margin.import_account('desk', 'bybit.wallet-balance', NULL, :'wallet');
SELECT margin.import_account('desk', 'bybit.wallet-balance', 'ann', NULL);
SELECT margin.reconcile('desk', 'bybit.wallet-balance', NULL, :'wallet');
SELECT margin.import_account('desk', 'bybit.tickers', 'ann', '{}');
SELECT margin.import_answer('world', 'bybit.wallet-balance', '{}');
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', '{"retCode": 10003, "retMsg": "API key is invalid."}');
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"nextPageCursor": ""', '"nextPageCursor": "ETHUSDT%3A1"')::jsonb);
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"size": "5"', '"size": "five"')::jsonb);
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"avgPrice": "2900"', '"avgPrice": ""')::jsonb);
SELECT margin.import_account('desk', 'bybit.order-realtime', 'ann', replace(:'orders', 'a-4', 'a-1')::jsonb);
SELECT margin.import_account('desk', 'bybit.order-realtime', 'ann', replace(:'orders', '"price": "2950"', '"price": "0"')::jsonb);
-- another category, an unknown side, a page before the last, no list at all: nothing is taken for what it is not
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"category": "linear"', '"category": "inverse"')::jsonb);
SELECT margin.import_account('desk', 'bybit.order-realtime', 'ann', replace(:'orders', '"category": "linear"', '"category": "spot"')::jsonb);
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"side": "Buy"', '"side": "buy"')::jsonb);
SELECT margin.import_account('desk', 'bybit.position-list', 'ann', replace(:'positions', '"side": "Buy"', '"side": ""')::jsonb);
SELECT margin.import_account('desk', 'bybit.order-realtime', 'ann', replace(:'orders', '"side": "Buy"', '"side": "Both"')::jsonb);
SELECT margin.import_account('desk', 'bitget.orders-pending', 'ann', '{}');
SELECT margin.import_account('desk', 'bitget.orders-pending', 'ann', '{"code": "00000", "data": {"endId": null}}');
SELECT margin.import_account('desk', 'kucoin.orders', 'ann', '{"code": "200000", "data": {"currentPage": 1, "totalPage": 2, "items": []}}');
SELECT margin.import_account('desk', 'kucoin.orders', 'ann', '{"code": "200000", "data": {"currentPage": 2, "totalPage": 2, "totalNum": 51, "items": [{"id": "1"}]}}');
-- full pages may have a next, and an answer of one currency, or without an account, tells no others: none is removed
SELECT s.source, s.page, s.rows, r.kind, r.fields ->> 'why' AS why
  FROM (VALUES ('okx.orders-pending', 100, '{"instId": "E", "instType": "SWAP", "side": "buy", "px": "1", "sz": "1"}'::jsonb), ('gate.orders', 100, '{"contract": "E", "left": 1, "price": "1"}'),
               ('mexc.open_orders', 20, '{"symbol": "E", "side": 1, "price": 1, "vol": 1}'), ('bitget.orders-pending', 100, '{"symbol": "E", "side": "buy", "price": "1", "size": "1"}')) AS t (source, page, one),
       LATERAL unnest(ARRAY[0, 1, t.page - 1, t.page, t.page + 1, 2 * t.page]) AS n (rows),
       LATERAL (SELECT t.source, t.page, n.rows, coalesce(jsonb_agg(t.one || jsonb_build_object('ordId', i, 'id', i, 'orderId', i)), '[]') AS list FROM generate_series(1, n.rows) AS i) AS s,
       LATERAL margin_internal.read_account(s.source, CASE s.source WHEN 'gate.orders' THEN s.list WHEN 'bitget.orders-pending' THEN jsonb_build_object('data', jsonb_build_object('entrustedList', s.list))
                                                                    ELSE jsonb_build_object('data', s.list) END) AS r
 WHERE r.symbol = 'order' ORDER BY s.source, s.rows;
SELECT s AS source, count(r) AS rows FROM unnest('{bybit.wallet-balance,okx.balance,mexc.assets,bitget.accounts,gate.accounts}'::text[]) AS s
  LEFT JOIN LATERAL margin_internal.read_account(s, CASE s WHEN 'bybit.wallet-balance' THEN '{"result": {"list": []}}' WHEN 'gate.accounts' THEN '[]' ELSE '{"data": []}' END::jsonb) AS r ON true GROUP BY s ORDER BY s;
-- what is borrowed, and what is collateral of isolated positions, is no balance; orders that are over are no orders
SELECT * FROM pg_temp.read('bybit.wallet-balance', '{"retCode": 0, "result": {"list": [{"coin": [{"coin": "USDT", "walletBalance": "100", "spotBorrow": "40.5", "equity": "59.5"}]}]}}');
SELECT * FROM pg_temp.read('bitget.accounts', '{"code": "00000", "data": [{"marginCoin": "USDT", "accountEquity": "1050.5", "unrealizedPL": "50.5", "isolatedMargin": "200"}]}');
SELECT * FROM pg_temp.read('kucoin.orders', '{"code": "200000", "data": {"currentPage": 2, "totalPage": 2, "items": [{"id": "5e", "symbol": "ETHUSDTM", "side": "sell", "price": "3200", "size": 10, "isActive": false}]}}');
SELECT * FROM pg_temp.read('gate.orders', '[{"id": 1, "contract": "ETH_USDT", "left": 25, "price": "2900", "status": "finished"}, {"id": 2, "contract": "ETH_USDT", "left": 25, "price": "2900", "status": "open"}]');
-- what only the book holds, and the sides of a contract apart; leverage that is not told stays, and the lower of both sides is that of orders
BEGIN;
INSERT INTO desk.balance VALUES ('eve', 'USDT', 100000);
INSERT INTO desk.position (account_id, contract, side, quantity, entry_price, leverage) VALUES ('eve', 'SOLUSDT', 'long', 10, 150, NULL), ('eve', 'ETHUSDT', 'long', 3, 2900, 10), ('eve', 'ETHUSDT', 'short', -1, 2950, 4);
INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price, leverage) VALUES ('eve', 'b', 'ETHUSDT', 2, 2900, 4), ('eve', 's', 'ETHUSDT', -1, 3100, 4);
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('desk', 'bybit.position-list', 'eve', '{"retCode": 0, "result": {"list": []}}');
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('desk', 'bybit.position-list', 'eve', '{"retCode": 0, "result": {"list": [{"symbol": "ETHUSDT", "side": "Buy", "size": "2", "avgPrice": "2900", "markPrice": "3300"}]}}') WHERE figure IN ('long', 'short', 'mark_price');
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('desk', 'bybit.order-realtime', 'eve', '{"retCode": 0, "result": {"list": [{"orderId": "s", "symbol": "ETHUSDT", "side": "Sell", "price": "3100", "leavesQty": "3", "orderStatus": "New"}]}}');
SELECT * FROM margin.import_account('desk', 'bybit.position-list', 'eve', '{"retCode": 0, "result": {"list": [{"symbol": "ETHUSDT", "side": "Buy", "size": "2", "avgPrice": "2900"}, {"symbol": "ETHUSDT", "side": "Sell", "size": "1", "avgPrice": "2950"}]}}');
SELECT * FROM margin.import_account('desk', 'bybit.order-realtime', 'eve', '{"retCode": 0, "result": {"list": [{"orderId": "n", "symbol": "ETHUSDT", "side": "Sell", "price": "3100", "leavesQty": "1", "orderStatus": "New"}]}}');
SELECT contract, side, leverage FROM desk.position WHERE account_id = 'eve' UNION ALL SELECT contract, 'order', leverage FROM desk.open_order WHERE account_id = 'eve' ORDER BY 2;
ROLLBACK;
-- a book over other tables is compared, not written
CREATE TABLE wallets (owner text, coin text, amount numeric);
INSERT INTO wallets VALUES ('ann', 'USDT', 10000.5);
CREATE SCHEMA theirs;
SELECT margin.create_book('theirs', 'world', balances => 'wallets', balance_account => 'owner', balance_asset => 'coin', balance_quantity => 'amount');
SELECT margin.import_account('theirs', 'bybit.wallet-balance', 'ann', :'wallet');
SELECT figure, symbol, theirs, ours, reason FROM margin.reconcile('theirs', 'bybit.wallet-balance', 'ann', :'wallet') WHERE figure IN ('equity', 'balance');
-- keys of accounts have any type, and the guard judges what comes in
CREATE SCHEMA numbered;
SELECT margin.create_book('numbered', 'world'), margin.enable_guard('numbered');
SELECT count(*) FROM margin.import_account('numbered', 'bybit.wallet-balance', '7', :'wallet');
SELECT count(*) FROM margin.import_account('numbered', 'bybit.wallet-balance', '7', replace(:'wallet', '"walletBalance": "10000.50"', '"walletBalance": "-10000.50"')::jsonb);
SELECT margin.import_account('numbered', 'bybit.wallet-balance', 'seven', :'wallet');
SELECT * FROM numbered.balance ORDER BY asset COLLATE "C";
DROP SCHEMA numbered, theirs, desk, ours, world CASCADE;
DROP TABLE wallets;
