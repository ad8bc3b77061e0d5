-- Answers of trading venues, read as they come.  The documents are written for
-- this test in the shape that the venues document; all figures are made up.
SET client_min_messages = warning;
SET timezone = 'UTC';
SET datestyle = 'ISO';
\set VERBOSITY default
\set SHOW_CONTEXT never

-- one venue of margin for each
SELECT format('CREATE SCHEMA %I', v), format('SELECT margin.create_venue(%L)', v) FROM unnest('{binance,bybit,okx,bitget,gate,kucoin,mexc}'::text[]) AS v
\gexec

-- What a test looks at: terms, schedules, prices.
CREATE FUNCTION pg_temp.entered(venue name) RETURNS TABLE (line text) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('search_path', quote_ident(venue), true);
    RETURN QUERY
        SELECT format('contract %s: %s of %s, settled in %s, %s, %s', contract, contract_size, base, settle, tier_unit, maintenance_method) FROM contract ORDER BY contract COLLATE "C";
    RETURN QUERY
        SELECT format('collateral %s (%s) from %s: %s', asset, a.tier_unit, valid_from, margin.schedule(lower_bound, ratio)) FROM collateral_tier JOIN asset AS a USING (asset)
         GROUP BY asset, a.tier_unit, valid_from ORDER BY asset COLLATE "C", valid_from;
    RETURN QUERY
        SELECT format('rates %s from %s: %s, initial %s', contract, valid_from, margin.schedule(lower_bound, maintenance_rate, c.maintenance_method::margin.tier_method),
                      margin.schedule(lower_bound, initial_rate, 'whole')) FROM risk_tier JOIN contract AS c USING (contract)
         GROUP BY contract, c.maintenance_method, valid_from ORDER BY contract COLLATE "C", valid_from;
    RETURN QUERY SELECT format('index %s: %s at %s', asset, price, updated_at) FROM index_price ORDER BY asset COLLATE "C";
    RETURN QUERY SELECT format('mark %s: %s at %s', contract, price, updated_at) FROM mark_price ORDER BY contract COLLATE "C";
END
$$;

-- ---------------------------------------------------------------------------
-- Binance
-- ---------------------------------------------------------------------------

\set exchange_info '{"timezone": "UTC", "serverTime": 1790000000000, "assets": [{"asset": "USDT", "marginAvailable": true, "autoAssetExchange": "-10000"}, {"asset": "BTC", "marginAvailable": true, "autoAssetExchange": null}], "symbols": [{"symbol": "BTCUSDT", "pair": "BTCUSDT", "contractType": "PERPETUAL", "status": "TRADING", "maintMarginPercent": "2.5000", "baseAsset": "BTC", "quoteAsset": "USDT", "marginAsset": "USDT", "pricePrecision": 2}, {"symbol": "KITEUSDC", "pair": "KITEUSDC", "contractType": "PERPETUAL", "status": "TRADING", "baseAsset": "KITE", "quoteAsset": "USDC", "marginAsset": "USDC"}, {"symbol": "BTCUSD_PERP", "contractType": "PERPETUAL", "baseAsset": "BTC", "quoteAsset": "USD", "marginAsset": "BTC", "contractSize": 100}]}'
\set leverage_bracket '[{"symbol": "BTCUSDT", "notionalCoef": 1.5, "brackets": [{"bracket": 2, "initialLeverage": 75, "notionalCap": 250000, "notionalFloor": 40000, "maintMarginRatio": 0.006, "cum": 80.0}, {"bracket": 1, "initialLeverage": 120, "notionalCap": 40000, "notionalFloor": 0, "maintMarginRatio": 0.004, "cum": 0.0}, {"bracket": 3, "initialLeverage": 20, "notionalCap": 3000000, "notionalFloor": 250000, "maintMarginRatio": 0.01, "cum": 1080.0}]}, {"symbol": "UNHEARDUSDT", "brackets": [{"bracket": 1, "initialLeverage": 5, "notionalCap": 10, "notionalFloor": 0, "maintMarginRatio": 0.1, "cum": 0}]}]'

-- tiers of contracts that are not there yet are ignored, the rest is entered in order
SELECT * FROM margin.import_answer('binance', 'binance.leverageBracket', :'leverage_bracket');
SELECT * FROM margin.import_answer('binance', 'binance.exchangeInfo', :'exchange_info');
SELECT * FROM margin.import_answer('binance', 'binance.leverageBracket', :'leverage_bracket');
SELECT * FROM margin.import_answer('binance', 'binance.premiumIndex', '[{"symbol": "BTCUSDT", "markPrice": "70123.45000000", "indexPrice": "70130.1", "lastFundingRate": "0.0001", "time": 1790000000123}, {"symbol": "UNHEARDUSDT", "markPrice": "1", "time": 1790000000123}]');
-- one symbol alone comes without a list, and a price anew
SELECT * FROM margin.import_answer('binance', 'binance.premiumIndex', '{"symbol": "BTCUSDT", "markPrice": "70120.00000000", "time": 1790000001123}');
SELECT * FROM margin.import_answer('binance', 'binance.premiumIndex', '{"symbol": "BTCUSDT", "markPrice": "70121", "time": 1790000000999}');
SELECT * FROM margin.import_answer('binance', 'binance.assetIndex', '[{"symbol": "BTCUSD", "time": 1790000000000, "index": "70101.5", "bidBuffer": "0.05"}, {"symbol": "USDTUSD", "time": 1790000000000, "index": "0.9995"}]');
SELECT * FROM pg_temp.entered('binance');
-- again: nothing is new, and nothing is journaled
SELECT count(*) AS events FROM binance.parameter_event \gset before_
SELECT outcome, count(*) FROM margin.import_answer('binance', 'binance.exchangeInfo', :'exchange_info') GROUP BY 1 ORDER BY 1;
SELECT outcome, count(*) FROM margin.import_answer('binance', 'binance.leverageBracket', :'leverage_bracket') GROUP BY 1 ORDER BY 1;
SELECT count(*) - :before_events AS journaled FROM binance.parameter_event;

-- what differs holds from an instant on; what was, was
SELECT * FROM margin.import_answer('binance', 'binance.leverageBracket', replace(replace(:'leverage_bracket', '0.006, "cum": 80.0', '0.005, "cum": 40.0'), '1080.0', '1290.0')::jsonb, '2026-01-01 08:00+00');
SELECT * FROM pg_temp.entered('binance') WHERE line ~ '^rates';
SELECT outcome FROM margin.import_answer('binance', 'binance.leverageBracket', :'leverage_bracket', '2025-12-31');
SELECT kind, symbol, outcome, regexp_replace(why, ', from .*', '') AS why FROM margin.import_answer('binance', 'binance.leverageBracket', :'leverage_bracket');
SELECT count(DISTINCT valid_from) AS schedules, max(valid_from) = now() AS now FROM binance.risk_tier;
-- terms too, once there are tiers
BEGIN;
SELECT kind, symbol, outcome, replace(why, now()::text, 'now') AS why FROM margin.import_answer('binance', 'binance.exchangeInfo', replace(:'exchange_info', '"marginAsset": "USDT"', '"marginAsset": "USDC"')::jsonb) WHERE outcome = 'changed';
SELECT contract, settle, netting, source, valid_from = now() AS now FROM binance.contract_change;
ROLLBACK;

-- ---------------------------------------------------------------------------
-- Documents that are refused, whole, by the place
-- ---------------------------------------------------------------------------

SELECT now() AS began \gset
CREATE FUNCTION pg_temp.refused(venue name, source text, document text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    state text; message text; hint text;
BEGIN
    PERFORM margin.import_answer(venue, source, document::jsonb);
    RETURN 'taken';
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, hint = PG_EXCEPTION_HINT;
    RETURN state || ' ' || message || coalesce(' | ' || nullif(hint, ''), '');
END
$$;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '1080.0', '1081.0')) AS cum;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalFloor": 250000', '"notionalFloor": 250001')) AS gap;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalFloor": 0,', '"notionalFloor": 10,')) AS no_beginning;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalCap": 250000', '"notionalCap": 30000')) AS backwards;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '0.01, "cum": 1080.0', '0.005, "cum": -170.0')) AS falling;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"maintMarginRatio": 0.006', '"maintMarginRatio": 0.6')) AS per_cent;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalCap": 250000, ', '')) AS missing;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalCap": 250000', '"notionalCap": "a lot"')) AS no_number;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalCap": 250000', '"notionalCap": "NaN"')) AS nan;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"notionalCap": 250000', '"notionalCap": [1]')) AS list;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"brackets"', '"steps"')) AS renamed;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', replace(:'leverage_bracket', '"initialLeverage": 75', '"initialLeverage": 0')) AS leverage;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', '17') AS no_object;
SELECT pg_temp.refused('binance', 'binance.leverageBracket', '{"code": -2015, "msg": "Invalid API-key, IP, or permissions for action."}') AS venue_error;
SELECT pg_temp.refused('binance', 'binance.premiumIndex', '{"symbol": "BTCUSDT", "markPrice": "1", "time": "2026-01-01"}') AS time;
SELECT pg_temp.refused('binance', 'binance.premiumIndex', '{"symbol": "BTCUSDT", "markPrice": "1", "time": 99000000000000}') AS ahead;
SELECT pg_temp.refused('binance', 'binance.premiumIndex', '{"symbol": "", "markPrice": "1", "time": 1790000001123}') AS nameless;
SELECT pg_temp.refused('binance', 'bybit.tickers', '{"retCode": 10001, "retMsg": "params error: symbol invalid", "result": {}, "time": 1790000000000}') AS bybit_error;
SELECT pg_temp.refused('binance', 'bybit.risk-limit', '{"retCode": 0, "result": {"list": [], "nextPageCursor": "abc"}}') AS page;
SELECT pg_temp.refused('binance', 'okx.instruments', '{"code": "51001", "msg": "Instrument ID does not exist", "data": []}') AS okx_error;
SELECT pg_temp.refused('binance', 'bitget.contracts', '{"code": "40034", "msg": "Parameter does not exist", "data": null}') AS bitget_error;
SELECT pg_temp.refused('binance', 'gate.contracts', '{"label": "INVALID_PARAM_VALUE", "message": "invalid settle"}') AS gate_error;
SELECT pg_temp.refused('binance', 'kucoin.contracts', '{"code": "400100", "msg": "Parameter error"}') AS kucoin_error;
SELECT pg_temp.refused('binance', 'mexc.detail', '{"success": false, "code": 1001, "message": "contract not exist"}') AS mexc_error;
SELECT pg_temp.refused('binance', 'nobody.knows', '{}') AS source;
SELECT pg_temp.refused('binance', NULL, '{}') AS no_source;
SELECT pg_temp.refused('binance', 'binance.premiumIndex', NULL) AS no_document;
SELECT pg_temp.refused('nowhere', 'binance.premiumIndex', '[]') AS no_venue;
SELECT outcome FROM margin.import_answer('binance', 'binance.premiumIndex', '[]');
SELECT count(*) AS journaled FROM binance.parameter_event WHERE symbol <> 'BTCUSDT' AND changed_at >= :'began';

-- ---------------------------------------------------------------------------
-- Bybit
-- ---------------------------------------------------------------------------

SELECT * FROM margin.import_answer('bybit', 'bybit.instruments-info', '{"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [{"symbol": "ETHUSDT", "contractType": "LinearPerpetual", "status": "Trading", "baseCoin": "ETH", "quoteCoin": "USDT", "settleCoin": "USDT", "launchTime": "1584230400000", "leverageFilter": {"minLeverage": "1", "maxLeverage": "80.00", "leverageStep": "0.01"}}, {"symbol": "ETHUSD", "contractType": "InversePerpetual", "baseCoin": "ETH", "quoteCoin": "USD", "settleCoin": "ETH"}, {"symbol": "ETHUSDC", "baseCoin": "ETH", "quoteCoin": "USDC", "status": "Trading"}], "nextPageCursor": ""}, "retExtInfo": {}, "time": 1790000000000}');
SELECT * FROM margin.import_answer('bybit', 'bybit.risk-limit', '{"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [{"id": 1, "symbol": "ETHUSDT", "riskLimitValue": "900000", "maintenanceMargin": "0.006", "initialMargin": "0.0125", "isLowestRisk": 1, "maxLeverage": "80.00", "mmDeduction": ""}, {"id": 2, "symbol": "ETHUSDT", "riskLimitValue": "1800000", "maintenanceMargin": "0.0085", "initialMargin": "0.0167", "isLowestRisk": 0, "maxLeverage": "60.00", "mmDeduction": "2250"}], "nextPageCursor": ""}, "time": 1790000000000}');
SELECT * FROM margin.import_answer('bybit', 'bybit.tier-collateral-ratio', '{"retCode": 0, "retMsg": "", "result": {"list": [{"currency": "ETH", "collateralRatioList": [{"minQty": "0", "maxQty": "3000", "collateralRatio": "0.94"}, {"minQty": "3000", "maxQty": "9000", "collateralRatio": "0.9"}, {"minQty": "9000", "maxQty": "", "collateralRatio": "0"}]}, {"currency": "USDT", "collateralRatioList": [{"minQty": "0", "maxQty": "", "collateralRatio": "1"}]}]}, "time": 1790000000000}');
SELECT * FROM margin.import_answer('bybit', 'bybit.tickers', '{"retCode": 0, "retMsg": "OK", "result": {"category": "linear", "list": [{"symbol": "ETHUSDT", "lastPrice": "3001.1", "indexPrice": "3000.4", "markPrice": "3000.77"}]}, "time": 1790000000500}');
SELECT * FROM margin.import_answer('bybit', 'bybit.tickers', '{"retCode": 0, "retMsg": "OK", "result": {"category": "spot", "list": [{"symbol": "ETHUSDT", "lastPrice": "3001.1", "usdIndexPrice": "2999.98"}, {"symbol": "ETHBTC", "lastPrice": "0.04", "usdIndexPrice": ""}, {"symbol": "KITEUSDT", "lastPrice": "0.04", "usdIndexPrice": ""}]}, "time": 1790000000500}');
SELECT * FROM pg_temp.entered('bybit');
-- deductions that are told for the first tier only, or for all, are the same schedule; wrong ones are refused
SELECT pg_temp.refused('bybit', 'bybit.risk-limit', '{"retCode": 0, "result": {"list": [{"symbol": "ETHUSDT", "riskLimitValue": "900000", "maintenanceMargin": "0.006", "maxLeverage": "80", "mmDeduction": ""}, {"symbol": "ETHUSDT", "riskLimitValue": "1800000", "maintenanceMargin": "0.0085", "maxLeverage": "60", "mmDeduction": "2251"}]}}') AS deduction;

-- ---------------------------------------------------------------------------
-- OKX
-- ---------------------------------------------------------------------------

SELECT * FROM margin.import_answer('okx', 'okx.instruments', '{"code": "0", "msg": "", "data": [{"instId": "SOL-USDT-SWAP", "instType": "SWAP", "instFamily": "SOL-USDT", "uly": "SOL-USDT", "ctType": "linear", "ctVal": "0.5", "ctMult": "2", "ctValCcy": "SOL", "settleCcy": "USDT", "baseCcy": "", "state": "live"}, {"instId": "SOL-USD-SWAP", "instType": "SWAP", "instFamily": "SOL-USD", "ctType": "inverse", "ctVal": "10", "ctMult": "1", "ctValCcy": "USD", "settleCcy": "SOL"}, {"instId": "SOL-USDT", "instType": "SPOT", "baseCcy": "SOL", "quoteCcy": "USDT", "ctVal": ""}]}');
SELECT * FROM margin.import_answer('okx', 'okx.position-tiers', '{"code": "0", "msg": "", "data": [{"instFamily": "SOL-USDT", "instId": "", "tier": "1", "minSz": "0", "maxSz": "400", "mmr": "0.005", "imr": "0.01", "maxLever": "100"}, {"instFamily": "SOL-USDT", "instId": "SOL-USDT", "tier": "2", "minSz": "401", "maxSz": "4000", "mmr": "0.01", "imr": "0.02", "maxLever": "50"}]}');
\set discount '{"code": "0", "msg": "", "data": [{"ccy": "SOL", "amt": "0", "minDiscountRate": "0.1", "discountLv": "1", "details": [{"tier": "1", "minAmt": "0", "maxAmt": "40", "discountRate": "0.95", "liqPenaltyRate": "0.02", "disCcyEq": "38"}, {"tier": "2", "minAmt": "40", "maxAmt": "90", "discountRate": "0.85", "disCcyEq": "80.5"}]}, {"ccy": "USDT", "minDiscountRate": "0", "details": [{"tier": "1", "minAmt": "0", "maxAmt": "", "discountRate": "1", "disCcyEq": ""}]}, {"ccy": "MEME", "minDiscountRate": "0", "details": []}]}'
SELECT * FROM margin.import_answer('okx', 'okx.discount-rate-interest-free-quota', :'discount');
SELECT * FROM margin.import_answer('okx', 'okx.mark-price', '{"code": "0", "data": [{"instId": "SOL-USDT-SWAP", "instType": "SWAP", "markPx": "150.25", "ts": "1790000000250"}, {"instId": "SOL-USDT", "instType": "MARGIN", "markPx": "150.2", "ts": "1790000000250"}]}');
SELECT * FROM margin.import_answer('okx', 'okx.index-tickers', '{"code": "0", "data": [{"instId": "SOL-USD", "idxPx": "150.11", "ts": "1790000000250"}, {"instId": "SOL-USDT", "idxPx": "150.2", "ts": "1790000000250"}]}');
SELECT * FROM pg_temp.entered('okx');
SELECT pg_temp.refused('okx', 'okx.discount-rate-interest-free-quota', replace(:'discount', '80.5', '80.4')) AS summed;

-- ---------------------------------------------------------------------------
-- Bitget, Gate, KuCoin, MEXC
-- ---------------------------------------------------------------------------

SELECT * FROM margin.import_answer('bitget', 'bitget.contracts', '{"code": "00000", "msg": "success", "requestTime": 1790000000000, "data": [{"symbol": "XRPUSDT", "baseCoin": "XRP", "quoteCoin": "USDT", "supportMarginCoins": ["USDT"], "takerFeeRate": "0.0006"}, {"symbol": "XRPUSD", "baseCoin": "XRP", "quoteCoin": "USD", "supportMarginCoins": ["XRP"]}]}');
SELECT * FROM margin.import_answer('bitget', 'bitget.query-position-lever', '{"code": "00000", "msg": "success", "data": [{"symbol": "XRPUSDT", "level": "1", "startUnit": "0", "endUnit": "120000", "leverage": "60", "keepMarginRate": "0.008"}, {"symbol": "XRPUSDT", "level": "2", "startUnit": "120000", "endUnit": "500000", "leverage": "30", "keepMarginRate": "0.012"}]}');
SELECT * FROM margin.import_answer('bitget', 'bitget.symbol-price', '{"code": "00000", "msg": "success", "data": [{"symbol": "XRPUSDT", "price": "2.5", "indexPrice": "2.49", "markPrice": "2.495", "ts": "1790000000111"}]}');
SELECT * FROM pg_temp.entered('bitget');

SELECT * FROM margin.import_answer('gate', 'gate.contracts', '[{"name": "ADA_USDT", "type": "direct", "quanto_multiplier": "10", "leverage_max": "50", "mark_price": "0.81", "maintenance_rate": "0.01"}, {"name": "BTC_USD", "type": "inverse", "quanto_multiplier": "0", "mark_price": "70000"}]');
SELECT * FROM margin.import_answer('gate', 'gate.risk_limit_tiers', '[{"tier": 1, "contract": "ADA_USDT", "risk_limit": "100000", "initial_rate": "0.02", "maintenance_rate": "0.01", "leverage_max": "50", "deduction": "0"}, {"tier": 2, "contract": "ADA_USDT", "risk_limit": "300000", "initial_rate": "0.04", "maintenance_rate": "0.02", "leverage_max": "25", "deduction": "1000"}]');
SELECT * FROM margin.import_answer('gate', 'gate.currency_discount_tiers', '[{"currency": "ADA", "discount_tiers": [{"tier": "1", "discount": "0.9", "lower_limit": "0", "upper_limit": "50000", "leverage": "5"}, {"tier": "2", "discount": "0.5", "lower_limit": "50000", "upper_limit": "+"}]}]');
SELECT kind, symbol, outcome FROM margin.import_answer('gate', 'gate.tickers', '[{"contract": "ADA_USDT", "last": "0.8", "mark_price": "0.812", "index_price": "0.811"}]');
SELECT regexp_replace(line, '^(mark.*) at .*', '\1') AS line FROM pg_temp.entered('gate');
-- without deductions the rate reached is that of the whole position, from now on
BEGIN;
SELECT kind, symbol, outcome, replace(why, now()::text, 'now') AS why FROM margin.import_answer('gate', 'gate.risk_limit_tiers', '[{"tier": 1, "contract": "ADA_USDT", "risk_limit": "100000", "initial_rate": "0.02", "maintenance_rate": "0.01"}, {"tier": 2, "contract": "ADA_USDT", "risk_limit": "300000", "initial_rate": "0.04", "maintenance_rate": "0.02"}]');
ROLLBACK;

SELECT * FROM margin.import_answer('kucoin', 'kucoin.contracts', '{"code": "200000", "data": [{"symbol": "XBTUSDTM", "baseCurrency": "XBT", "quoteCurrency": "USDT", "settleCurrency": "USDT", "multiplier": 0.001, "isInverse": false, "markPrice": 70001.2, "takerFeeRate": 0.0006}, {"symbol": "XBTUSDM", "baseCurrency": "XBT", "quoteCurrency": "USD", "settleCurrency": "XBT", "multiplier": -1.0, "isInverse": true}]}');
SELECT * FROM margin.import_answer('kucoin', 'kucoin.risk-limit', '{"code": "200000", "data": [{"symbol": "XBTUSDTM", "level": 1, "maxRiskLimit": 250000, "minRiskLimit": 0, "maxLeverage": 90, "initialMargin": 0.0111111111, "maintainMargin": 0.006}, {"symbol": "XBTUSDTM", "level": 2, "maxRiskLimit": 750000, "minRiskLimit": 250000, "maxLeverage": 40, "initialMargin": 0.025, "maintainMargin": 0.0125}]}');
SELECT * FROM margin.import_answer('kucoin', 'kucoin.mark-price', '{"code": "200000", "data": {"symbol": "XBTUSDTM", "granularity": 1000, "timePoint": 1790000000000, "value": 70001.25, "indexPrice": 70003.1}}');
SELECT * FROM pg_temp.entered('kucoin');

SELECT * FROM margin.import_answer('mexc', 'mexc.detail', '{"success": true, "code": 0, "data": [{"symbol": "DOGE_USDT", "baseCoin": "DOGE", "quoteCoin": "USDT", "settleCoin": "USDT", "contractSize": 100, "volUnit": 1, "maintenanceMarginRate": 0.005, "initialMarginRate": 0.01, "riskBaseVol": 8000, "riskIncrVol": 4000, "riskIncrMmr": 0.005, "riskIncrImr": 0.006, "riskLevelLimit": 3, "riskLimitType": "BY_VOLUME", "riskLimitMode": "INCREASE"}, {"symbol": "SUI_USDT", "baseCoin": "SUI", "quoteCoin": "USDT", "settleCoin": "USDT", "contractSize": 1, "maintenanceMarginRate": 0.01, "initialMarginRate": 0.02, "riskBaseVol": 1, "riskIncrVol": 1, "riskIncrMmr": 0, "riskIncrImr": 0, "riskLevelLimit": 1, "riskLimitType": "BY_VOLUME", "riskLimitMode": "CUSTOM", "riskLimitCustom": [{"level": 1, "maxVol": 70000, "mmr": 0.01, "imr": 0.02, "maxLeverage": 50}, {"level": 2, "maxVol": 210000, "mmr": 0.015, "imr": 0.025, "maxLeverage": 40}]}, {"symbol": "DOGE_USD", "baseCoin": "DOGE", "quoteCoin": "USD", "settleCoin": "DOGE", "contractSize": 10, "riskLevelLimit": 1}]}');
SELECT * FROM margin.import_answer('mexc', 'mexc.fair_price', '{"success": true, "code": 0, "data": {"symbol": "DOGE_USDT", "fairPrice": 0.21034, "timestamp": 1790000000000}}');
SELECT * FROM pg_temp.entered('mexc');

-- ---------------------------------------------------------------------------
-- One's own source
-- ---------------------------------------------------------------------------

CREATE SCHEMA ours;
CREATE FUNCTION ours.tiers(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql
BEGIN ATOMIC
    SELECT margin.answer_text(t, 'what'), margin.answer_text(t, 'of', false), t.path, t.value -> 'fields' FROM margin.answer_nodes(document, 'tiers[*]') AS t;
END;
SELECT source, read_by FROM margin.answer_sources WHERE source !~ '^(binance|bybit|okx|bitget|gate|kucoin|mexc)[.]';
SELECT * FROM margin.import_answer('mexc', 'ours.tiers', '{"tiers": [
    {"what": "asset", "of": "DOGE", "fields": {"liability_weight": "1.05", "tier_unit": null}},
    {"what": "liability_tier", "of": "DOGE", "fields": {"upper_bound": 1000, "maintenance_rate": 0.02}},
    {"what": "liability_tier", "of": "DOGE", "fields": {"lower_bound": 1000, "maintenance_rate": 0.03, "deduction": 10}},
    {"what": "collateral_tier", "of": "KITE", "fields": {"upper_bound": 5, "ratio": 0.5, "tier_unit": "value"}},
    {"what": "initial_collateral_tier", "of": "KITE", "fields": {"lower_bound": 0, "ratio": 0.25}},
    {"what": "index_price", "of": "KITE", "fields": {"price": "0.5"}},
    {"what": "ignored", "of": "MOON", "fields": {"why": "not yet"}}]}');
SELECT asset, tier_unit, liability_weight, source FROM mexc.asset ORDER BY asset COLLATE "C";
TABLE mexc.initial_collateral_tier;
TABLE mexc.liability_tier;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "rumour", "of": "KITE"}]}') AS kind;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "asset"}]}') AS symbol;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "asset", "of": "KITE", "fields": {"colour": 1}}]}') AS field;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "contract", "of": "KITE_USDT", "fields": {"settle": "USDT"}}]}') AS contract;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "contract", "of": "KITE_USDT", "fields": {"settle": "USDT", "contract_size": 0}}]}') AS size;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "collateral_tier", "of": "KITE", "fields": {"ratio": 1.5}}]}') AS ratio;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "collateral_tier", "of": "KITE", "fields": {"ratio": 0.5}}, {"what": "collateral_tier", "of": "KITE", "fields": {"lower_bound": 1, "ratio": 0.6}}]}') AS after_the_end;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "risk_tier", "of": "SUI_USDT", "fields": {"upper_bound": 1, "maintenance_rate": 0, "initial_rate": 1}}, {"what": "risk_tier", "of": "SUI_USDT", "fields": {"upper_bound": 2, "maintenance_rate": 0}}]}') AS some_initial;
SELECT pg_temp.refused('mexc', 'ours.tiers', '{"tiers": [{"what": "risk_tier", "of": "SUI_USDT", "fields": {"upper_bound": 1, "maintenance_rate": 0, "method": "whole"}}, {"what": "risk_tier", "of": "SUI_USDT", "fields": {"upper_bound": 2, "maintenance_rate": 0, "method": "marginal"}}]}') AS methods;

-- per cent, other categories, pages, two things said of one
SELECT pg_temp.refused('bybit', 'bybit.risk-limit', '{"retCode": 0, "result": {"list": [{"symbol": "ETHUSDT", "riskLimitValue": "900000", "maintenanceMargin": "0.5", "maxLeverage": "0.8"}]}}') AS initial_above_1;
SELECT pg_temp.refused('bybit', 'bybit.tickers', '{"retCode": 0, "time": 1790000000500, "result": {"category": "inverse", "list": [{"symbol": "ETHUSDT", "markPrice": "1"}]}}') AS category;
SELECT pg_temp.refused('bybit', 'bybit.instruments-info', '{"retCode": 0, "result": {"list": [], "nextPageCursor": "abc"}}') AS page;
SELECT pg_temp.refused('mexc', 'mexc.fair_price', '{"success": true, "code": 0, "data": [{"symbol": "DOGE_USDT", "fairPrice": 0.21, "timestamp": 1790000000000}, {"symbol": "DOGE_USDT", "fairPrice": 0.22, "timestamp": 1790000000000}]}') AS twice;

-- 1 / leverage is never less than that, and exact where it can be
SELECT l AS leverage, margin_internal.rate_of_leverage(l) AS rate FROM unnest('{1,3,75,125,0.5,12.5,1e19}'::numeric[]) AS l;

DROP SCHEMA ours, binance, bybit, okx, bitget, gate, kucoin, mexc CASCADE;
