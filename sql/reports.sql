-- Reports, over a book computed by hand
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS margin;
RESET client_min_messages;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
SET jit = off;
\set VERBOSITY terse

BEGIN;
-- without accounts
SELECT level, accounts, equity, loss FROM desk.report_levels;
SELECT (SELECT count(*) FROM desk.report_unpriced) AS unpriced, (SELECT count(*) FROM desk.report_shortfalls) AS shortfalls,
       (SELECT count(*) FROM desk.report_losses) AS losses, (SELECT count(*) FROM desk.report_concentration) AS concentration,
       (SELECT count(*) FROM desk.report_exposure) AS exposure;

-- BTC 100 USD, 90 % of the first counts, 80 % of what is above; NOP is no collateral.
-- One contract is 1 BTC, 10 % maintenance.
INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDT'), ('NOP');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 1, 0.8), ('USDT', 0, 1);
INSERT INTO desk.index_price VALUES ('BTC', 100), ('USDT', 1), ('NOP', 2);
INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 1), ('UNMARKED', 'USDT', NULL, 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.1), ('UNMARKED', 0, 0.1);
INSERT INTO desk.mark_price VALUES ('BTC_USDT', 100);
INSERT INTO desk.balance VALUES
    (1, 'BTC', 3),                          -- 90 + 160 of 300
    (2, 'USDT', 15),                        -- long 2: 20 to keep
    (3, 'USDT', -7),
    (4, 'NOSUCH', 1), (4, 'BTC', 1),
    (5, 'USDT', 30),                        -- short 1 at 90 loses 10, 10 to keep of 20
    (6, 'BTC', 0.5), (6, 'USDT', -50),      -- 45 for 50, though worth as much
    (7, 'NOP', 10),
    (9, 'USDT', 3);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES
    (2, 'BTC_USDT', 2, 100), (5, 'BTC_USDT', -1, 90), (9, 'UNMARKED', 4, 1);

-- healthy: 1, 5, 7; equity 250 + 20 + 0
SELECT level, accounts, equity, collateral_value, liabilities, net_asset_value AS nav, haircut, unrealized_pnl AS pnl,
       initial_margin AS initial, maintenance_margin AS maintenance, shortfall, loss
  FROM desk.report_levels;
SELECT * FROM desk.report_unpriced;
-- 5, 7 and 5 of 17
SELECT * FROM desk.report_shortfalls;
SELECT * FROM desk.report_shortfalls(top => 1);
SELECT count(*) FROM desk.report_shortfalls(top => NULL);
-- 7 and 5 of 12; 6 would be worth 0 but for the ratio
SELECT * FROM desk.report_losses;
SELECT account_id FROM desk.report_losses(NULL, 1);
-- BTC: 3, 1 and 0.5 are 450; 250 + 90 + 45 count, 20 more if all of it counted for 90 %; 385 of 420 in all
SELECT * FROM desk.report_concentration;
SELECT * FROM desk.report_exposure;

-- BTC at 50: 1 has 125, 3 owes 7, 6 has 22.5 for 50; the mark follows: 2 loses 100 and has -85 for 10, 5 gains 40 and has 70 for 5.
-- It does not: 2 has 15 for 20, 5 has 20 for 10.
-- USDT at 0.5: 1 has 250, 3 owes 3.5, 6 has 45 for 25; the mark doubles in USDT: 2 has 107.5 for 20, 5 has -40 for 10.
SELECT * FROM desk.report_stress;
INSERT INTO desk.scenario (scenario, asset, contract, relative, price) VALUES ('BTC halves', 'BTC', NULL, -0.5, NULL), ('USDT halves', 'USDT', NULL, NULL, 0.5), ('BTC marks stay', 'BTC', NULL, -0.5, NULL), ('BTC marks stay', NULL, 'BTC_USDT', 0, NULL);
SELECT * FROM desk.report_stress;
SELECT scenario, accounts, loss FROM desk.report_stress(scenarios => ARRAY(SELECT s FROM unnest(desk.scenarios()) AS s WHERE scenario LIKE 'USDT%'));
SELECT count(*) FROM desk.report_stress(scenarios => '{}');

-- what matters: BTC 3 + 1 + 0.5 and the larger of long 2 and short 1, at 100 each; NOP 10 at 2; USDT counts in full, and nothing is on it
SELECT * FROM desk.report_exposed_assets();
SELECT * FROM desk.report_exposed_assets(top => 1);
-- moved by a half, with and without: as the scenario above; NOP moves no level
SELECT asset, move, price, accounts, undercollateralized, bankrupt, unpriced, notional, long_usd, shortfall, loss
  FROM desk.report_liquidations(assets => '{NOP,BTC}', moves => '{-0.5,0}');
SELECT l.undercollateralized = s.liquidation + s.bankrupt AND l.bankrupt = s.bankrupt AND l.unpriced = s.unpriced AND l.loss = s.loss AS same
  FROM desk.report_liquidations AS l, desk.report_stress AS s WHERE l.asset = 'BTC' AND l.move = -0.5 AND s.scenario = 'BTC halves';
SELECT count(*), count(DISTINCT asset) FROM desk.report_liquidations;
SELECT count(*) FROM desk.report_liquidations(assets => '{}');

-- the same as of a snapshot, of each form, when all has changed
SELECT margin.prepare_snapshots('desk', 1);
CREATE TEMP TABLE present AS
SELECT (SELECT jsonb_agg(r) FROM desk.report_levels AS r) AS levels, (SELECT jsonb_agg(r) FROM desk.report_unpriced AS r) AS unpriced,
       (SELECT jsonb_agg(r) FROM desk.report_shortfalls AS r) AS shortfalls, (SELECT jsonb_agg(r) FROM desk.report_losses AS r) AS losses,
       (SELECT jsonb_agg(r) FROM desk.report_concentration AS r) AS concentration, (SELECT jsonb_agg(r) FROM desk.report_exposure AS r) AS exposure,
       (SELECT jsonb_agg(r) FROM desk.report_stress AS r) AS stress, (SELECT jsonb_agg(r) FROM desk.report_liquidations AS r) AS liquidations;
SAVEPOINT clean;
\set VERBOSITY sqlstate
SELECT * FROM desk.report_movers;
ROLLBACK TO clean;
SELECT * FROM desk.report_levels('infinity');
ROLLBACK TO clean;
SELECT * FROM desk.report_exposure('infinity');
ROLLBACK TO clean;
\set VERBOSITY terse
CREATE TEMP TABLE taken AS
SELECT form, margin.take_snapshot('desk', form) AS at FROM unnest('{full,portfolios,changes}'::margin.snapshot_form[]) AS form;

-- 2 stays; 4 loses what it lacked; 5 pays 6; 6 leaves; 8 comes and borrows
DELETE FROM desk.balance WHERE account_id = 6 OR asset = 'NOSUCH';
UPDATE desk.balance SET quantity = 24 WHERE account_id = 5;
INSERT INTO desk.balance VALUES (8, 'BTC', 1), (8, 'USDT', -80);
-- prices fall by a fifth, one goes
UPDATE desk.index_price SET price = 80 WHERE asset = 'BTC';
UPDATE desk.mark_price SET price = 80;
DELETE FROM desk.index_price WHERE asset = 'NOP';
-- debts weigh double, positions need 45 %, and what was called at 0.85 is called at 0.95
UPDATE desk.asset SET liability_weight = 2 WHERE asset = 'USDT';
UPDATE desk.risk_tier SET maintenance_rate = 0.45;
INSERT INTO desk.level_threshold VALUES ('margin_call', 0.95);

SELECT form,
       levels = (SELECT jsonb_agg(r) FROM desk.report_levels(at) AS r) AS levels,
       unpriced = (SELECT jsonb_agg(r) FROM desk.report_unpriced(at) AS r) AS unpriced,
       shortfalls = (SELECT jsonb_agg(r) FROM desk.report_shortfalls(at) AS r) AS shortfalls,
       losses = (SELECT jsonb_agg(r) FROM desk.report_losses(at) AS r) AS losses,
       concentration = (SELECT jsonb_agg(r) FROM desk.report_concentration(at) AS r) AS concentration,
       exposure = (SELECT jsonb_agg(r) FROM desk.report_exposure(at) AS r) AS exposure,
       stress = (SELECT jsonb_agg(r) FROM desk.report_stress(at) AS r) AS stress,
       liquidations = (SELECT jsonb_agg(r) FROM desk.report_liquidations(at) AS r) AS liquidations
  FROM present, taken ORDER BY form;
SELECT form, count(*) FILTER (WHERE past.r <> now.r) AS different_now
  FROM taken, LATERAL (SELECT jsonb_agg(r) AS r FROM desk.report_levels(at) AS r) AS past, (SELECT jsonb_agg(r) AS r FROM desk.report_levels AS r) AS now
 GROUP BY form ORDER BY form;

-- movers.  By hand, equity and margin:
--   2  15, 20; the fall costs 40 and takes 4 from the margin; -25 weighs double, 45 % of 160 are 72
--   4  unpriced; 90 once NOSUCH is gone; 18 less
--   5  20, 10; pays 6; gains 20, margin 8; 45 % of 80 are 36
--   6  45 - 50; nothing
--   8  nothing; 90 - 80; 72 - 80; 72 - 160
-- 3, bankrupt before and after, and 1, 7, 9 did not move
SELECT account_id AS id, level_before AS before, level_by_holdings AS holdings, level_by_prices AS prices, level_after AS after,
       equity_before AS equity, equity_by_holdings AS by_holdings, equity_by_prices AS by_prices, equity_by_parameters AS by_parameters, equity_after AS after
  FROM taken, desk.report_movers(at) WHERE form = 'full';
SELECT account_id AS id, margin_before AS margin, margin_by_holdings AS by_holdings, margin_by_prices AS by_prices, margin_by_parameters AS by_parameters, margin_after AS after
  FROM taken, desk.report_movers(at) WHERE form = 'full';
-- the parts add up
SELECT count(*) AS movers,
       bool_and(equity_before + equity_by_holdings + equity_by_prices + equity_by_parameters = equity_after) AS equity,
       bool_and(margin_before + margin_by_holdings + margin_by_prices + margin_by_parameters = margin_after) AS margin
  FROM taken, desk.report_movers(at) WHERE form = 'full' AND level_before <> 'unpriced';
-- between two snapshots of any form, and back
INSERT INTO taken SELECT 'full', margin.take_snapshot('desk') AS at;
SELECT e.form, count(DISTINCT f.*) AS forth, count(DISTINCT b.*) AS back
  FROM taken AS e, (SELECT max(at) AS at FROM taken) AS l, desk.report_movers(e.at, l.at) AS f, desk.report_movers(l.at, e.at) AS b
 WHERE e.at < l.at AND (f.account_id, f.level_before, f.equity_before, f.margin_after) IS NOT DISTINCT FROM (b.account_id, b.level_after, b.equity_after, b.margin_before)
 GROUP BY e.form ORDER BY e.form;
SELECT count(*) AS from_itself FROM (SELECT max(at) AS at FROM taken) AS l, desk.report_movers(l.at, l.at);
SELECT count(*) AS from_now_to_now FROM desk.report_movers(NULL);

-- parameters of one market at prices of another
SELECT DISTINCT margin.with_prices(market, market) OPERATOR(margin.=) market AS itself FROM desk.snapshot;
SELECT margin.with_prices(desk.market(), desk.snapshot_market((SELECT min(at) FROM taken)));
SELECT margin.with_prices('{"assets": {"A": {"price": 1}, "B": {"price": 2}}, "levels": {"warning": 0.123456789012345678901234567890}}', '{"assets": {"B": {"price": 3, "tiers": "{0: 1}"}, "C": {"price": 4}}}');
SELECT margin.with_prices(NULL, '{}') IS NULL AS none, margin.with_prices('{}', '{}') AS empty;
SELECT margin_internal.first_rate('{0: 0.975, 1: 0.97}'), margin_internal.first_rate('whole {0: 0.004, 50000: 0.0050}'), margin_internal.first_rate('{0: 1}'), margin_internal.first_rate(NULL);
ROLLBACK;

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
