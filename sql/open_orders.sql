-- Open orders of a book: rows, views, guard, levels, snapshots, books over other tables
\set VERBOSITY terse
\set SHOW_CONTEXT never

-- Where all caches are discarded at every chance (test/check), that is for a few of the views and the guard: each
-- reading of a market takes half a minute then.
SET debug_discard_caches = 0;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USD'), ('COIN');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('COIN', 0, 0.8);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('COIN', 100);
INSERT INTO desk.contract (contract, settle, contract_size, netting) VALUES ('FUT', 'USD', 1, 'leg'), ('NET', 'USD', 1, 'net'), ('DARK', 'USD', 1, 'leg');
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.05, 0.1), ('NET', 0, 0.05, 0.1), ('DARK', 0, 0.05, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 100), ('NET', 100);

-- A tenth of the notional is needed to open, a twentieth to keep.
-- 1: nothing but 1,000.  2: 20 short, netted by leg, under water.  3: 20 long, netted, under water.
-- 4: cannot be valued.  5: 500 of profit on paper.
INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'USD', 1000), (2, 'USD', 50), (3, 'USD', 120), (4, 'USD', 100), (5, 'USD', 150);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (2, 'FUT', -20, 100), (3, 'NET', 20, 100), (5, 'FUT', 10, 50);
INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price) VALUES (4, 'a', 'DARK', 3, 90), (4, 'b', 'DARK', -2, 120);

---------------------------------------------------------------------------
-- what orders require: buys at their price, sells at theirs or the mark,
-- and what they would lose by filling
---------------------------------------------------------------------------

BEGIN;
-- buys 10 * 90 + 10 * 110 = 2,000 and sells 5 * 120 + 5 * 100 = 1,100: 200 + 110; losses 10 * 10 and 5 * 20
INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price) VALUES
    (1, 'a', 'FUT', 4, 90), (1, 'b', 'FUT', 6, 90), (1, 'c', 'FUT', 10, 110), (1, 'd', 'FUT', -5, 120), (1, 'e', 'FUT', -5, 80);
RESET debug_discard_caches;
SELECT equity, initial_equity, initial_margin, order_margin, order_loss, available_margin, maintenance_margin, level FROM desk.account_margin WHERE account_id = 1;
SELECT * FROM desk.account_order WHERE account_id = 1;
SELECT contract, long, short, initial_margin, order_margin, maintenance_margin, pnl FROM desk.account_position WHERE account_id = 1;
SET debug_discard_caches = 0;
-- a chosen leverage of 4 asks for a quarter
UPDATE desk.open_order SET leverage = 4 WHERE account_id = 1 AND order_id = 'a';
SELECT price, quantity, margin_quantity FROM desk.account_order WHERE account_id = 1 AND side = 'buy' AND price = 90;
SELECT order_margin FROM desk.account_margin WHERE account_id = 1;
UPDATE desk.open_order SET leverage = 2 WHERE account_id = 1 AND quantity > 0;
SELECT order_margin FROM desk.account_margin WHERE account_id = 1;
-- what is in doubt is required at the high price, owned at the low one
UPDATE desk.index_price SET low = 0.9, high = 1.5 WHERE asset = 'USD';
SELECT equity, order_margin, order_loss, available_margin FROM desk.account_margin WHERE account_id = 1;
ROLLBACK;

-- the rows of an account add up
SELECT m.account_id, m.order_margin, m.order_loss, m.initial_margin
  FROM desk.account_margin AS m
  LEFT JOIN (SELECT account_id, sum(order_margin) AS ordered, sum(initial_margin) AS initial FROM desk.account_position GROUP BY 1) AS p USING (account_id)
  LEFT JOIN (SELECT account_id, sum(order_loss) AS loss FROM desk.account_order GROUP BY 1) AS o USING (account_id)
 WHERE m.level <> 'unpriced'
   AND (m.order_margin, m.order_loss, m.initial_margin) IS DISTINCT FROM (coalesce(p.ordered, 0), coalesce(o.loss, 0), coalesce(p.initial + p.ordered, 0));
SELECT account_id, contract, side, quantity, value, order_loss FROM desk.account_order;
SELECT account_id, level, missing FROM desk.account_margin WHERE account_id = 4;

---------------------------------------------------------------------------
-- guard
---------------------------------------------------------------------------

SELECT margin.enable_guard('desk');

-- 100 contracts need 1,000 and are just carried, one more is not
RESET debug_discard_caches;
INSERT INTO desk.open_order VALUES (1, 'a', 'FUT', 60, 100), (1, 'b', 'FUT', 40, 100);
\set VERBOSITY default
INSERT INTO desk.open_order VALUES (1, 'c', 'FUT', 1, 100);
\set VERBOSITY terse
SET debug_discard_caches = 0;
UPDATE desk.open_order SET quantity = 41 WHERE (account_id, order_id) = (1, 'b');
UPDATE desk.open_order SET price = 100.01 WHERE (account_id, order_id) = (1, 'b');
UPDATE desk.open_order SET leverage = 5 WHERE (account_id, order_id) = (1, 'b');
UPDATE desk.open_order SET account_id = 2 WHERE (account_id, order_id) = (1, 'b');
UPDATE desk.balance SET quantity = 999 WHERE account_id = 1;
-- for less, or at a lower price, it is carried; several rows are judged together
UPDATE desk.open_order SET quantity = 39 WHERE (account_id, order_id) = (1, 'b');
UPDATE desk.open_order SET quantity = CASE order_id WHEN 'a' THEN 0 ELSE 100 END WHERE account_id = 1;
BEGIN;
INSERT INTO desk.open_order VALUES (1, 'c', 'FUT', 10, 100);
DELETE FROM desk.open_order WHERE (account_id, order_id) = (1, 'b');
COMMIT;
-- asked for before the commit
BEGIN;
INSERT INTO desk.open_order VALUES (1, 'd', 'FUT', 91, 100);
SET CONSTRAINTS desk.margin_verdict IMMEDIATE;
ROLLBACK;
-- a fill: the position takes the place of the order, at its price, even where nothing is left
DELETE FROM desk.open_order WHERE (account_id, order_id) = (1, 'a');
UPDATE desk.open_order SET quantity = 100 WHERE (account_id, order_id) = (1, 'c');
BEGIN;
UPDATE desk.open_order SET quantity = 50 WHERE (account_id, order_id) = (1, 'c');
INSERT INTO desk.position VALUES (1, 'FUT', DEFAULT, 50, 100);
COMMIT;
SELECT equity, initial_margin, order_margin, available_margin FROM desk.account_margin WHERE account_id = 1;
DELETE FROM desk.open_order WHERE account_id = 1;
DELETE FROM desk.position WHERE account_id = 1;
-- what it would lose by filling has to be there: 10 * 140 need 140 and lose 400, of 1,000
INSERT INTO desk.open_order VALUES (1, 'a', 'FUT', 10, 140);
\set VERBOSITY default
INSERT INTO desk.open_order VALUES (1, 'b', 'FUT', -10, 50);
\set VERBOSITY terse
DELETE FROM desk.open_order WHERE account_id = 1;
-- as a booked fact it is let through and journaled
BEGIN;
SET LOCAL margin.guard = record;
INSERT INTO desk.open_order VALUES (1, 'b', 'FUT', 100, 120);
COMMIT;
SELECT account_id, level, equity, initial_margin, available_margin, available_margin_before, initial_equity, order_loss FROM desk.guard_exception;

-- a cancel never fails, not even under water; nor does a smaller or a cheaper order
UPDATE desk.open_order SET quantity = 99 WHERE account_id = 1;
UPDATE desk.open_order SET price = 115 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 101 WHERE account_id = 1;
DELETE FROM desk.open_order WHERE account_id = 1;
-- by leg an order against a position opens the other side, netted it only reduces and costs nothing
SELECT account_id, available_margin, level FROM desk.account_margin WHERE account_id IN (2, 3) ORDER BY 1;
INSERT INTO desk.open_order VALUES (2, 'a', 'FUT', 1, 100);
INSERT INTO desk.open_order VALUES (3, 'a', 'NET', -20, 100);
INSERT INTO desk.open_order VALUES (3, 'b', 'NET', -18, 110);
-- but where it would fill at a loss, or what it turns the position into requires more
UPDATE desk.open_order SET price = 99 WHERE (account_id, order_id) = (3, 'a');
UPDATE desk.open_order SET quantity = -19 WHERE (account_id, order_id) = (3, 'b');
INSERT INTO desk.open_order VALUES (3, 'c', 'NET', 1, 50);
DELETE FROM desk.open_order WHERE account_id = 3;

-- nothing may grow of an account that cannot be valued
\set VERBOSITY default
UPDATE desk.open_order SET quantity = 4 WHERE (account_id, order_id) = (4, 'a');
\set VERBOSITY terse
INSERT INTO desk.open_order VALUES (4, 'c', 'FUT', 1, 1);
UPDATE desk.open_order SET price = 89 WHERE (account_id, order_id) = (4, 'a');
UPDATE desk.open_order SET quantity = quantity * 1.01 WHERE (account_id, order_id) = (4, 'b');
UPDATE desk.open_order SET leverage = 10 WHERE (account_id, order_id) = (4, 'a');
UPDATE desk.open_order SET leverage = 20 WHERE (account_id, order_id) = (4, 'a');
UPDATE desk.open_order SET quantity = -1 WHERE (account_id, order_id) = (4, 'b');
DELETE FROM desk.open_order WHERE (account_id, order_id) = (4, 'a');
DELETE FROM desk.open_order WHERE account_id = 4;

TRUNCATE desk.open_order;
SELECT * FROM desk.open_order;

---------------------------------------------------------------------------
-- profit on paper: the rule unrealized_gains_carry
---------------------------------------------------------------------------

SELECT equity, unrealized_pnl, initial_margin, available_margin FROM desk.account_margin WHERE account_id = 5;
SELECT margin.max_withdrawal(portfolio, desk.market(), 'USD') AS with_gains,
       margin.max_withdrawal(portfolio, desk.market(), 'USD', with_unrealized => false) AS without
  FROM desk.account_portfolio WHERE account_id = 5;
INSERT INTO desk.book_rule VALUES ('unrealized_profit', 'false');
INSERT INTO desk.book_rule VALUES ('unrealized_gains_carry', 'no');
-- by default they carry
BEGIN;
UPDATE desk.balance SET quantity = quantity - 51 WHERE (account_id, asset) = (5, 'USD');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK;
INSERT INTO desk.book_rule VALUES ('unrealized_gains_carry', 'false');
\set VERBOSITY default
UPDATE desk.balance SET quantity = quantity - 51 WHERE (account_id, asset) = (5, 'USD');
\set VERBOSITY terse
-- in another asset, as a debt, and where one balance falls while another rises, it is the same
INSERT INTO desk.balance VALUES (5, 'COIN', -0.51);
BEGIN;
UPDATE desk.balance SET quantity = quantity - 90 WHERE (account_id, asset) = (5, 'USD');
INSERT INTO desk.balance VALUES (5, 'COIN', 0.49);
COMMIT;
BEGIN;
UPDATE desk.balance SET quantity = quantity - 90 WHERE (account_id, asset) = (5, 'USD');
INSERT INTO desk.balance VALUES (5, 'COIN', 0.51);
COMMIT;
UPDATE desk.balance SET quantity = 150 WHERE (account_id, asset) = (5, 'USD');
DELETE FROM desk.balance WHERE (account_id, asset) = (5, 'COIN');
UPDATE desk.balance SET quantity = quantity - 50 WHERE (account_id, asset) = (5, 'USD');
UPDATE desk.balance SET quantity = quantity - 0.01 WHERE (account_id, asset) = (5, 'USD');
-- what lowers no balance is carried by them: orders, positions, deposits
INSERT INTO desk.open_order VALUES (5, 'a', 'FUT', 40, 100);
INSERT INTO desk.open_order VALUES (5, 'b', 'FUT', 11, 100);
UPDATE desk.balance SET quantity = quantity + 1 WHERE (account_id, asset) = (5, 'USD');
DELETE FROM desk.open_order WHERE account_id = 5;
-- realized, they are a balance like any other
BEGIN;
DELETE FROM desk.position WHERE account_id = 5;
UPDATE desk.balance SET quantity = quantity + 500 WHERE (account_id, asset) = (5, 'USD');
COMMIT;
UPDATE desk.balance SET quantity = quantity - 500 WHERE (account_id, asset) = (5, 'USD');
-- once booked as a fact, it is journaled without them
INSERT INTO desk.position VALUES (5, 'FUT', DEFAULT, 10, 50);
BEGIN;
SET LOCAL margin.guard = record;
UPDATE desk.balance SET quantity = quantity - 51 WHERE (account_id, asset) = (5, 'USD');
COMMIT;
SELECT level, equity, initial_margin, available_margin, available_margin_before FROM desk.guard_exception WHERE account_id = 5;

-- guard and answer agree, of whatever account: the amount passes, a cent more does not
CREATE FUNCTION pg_temp.withdraws(account bigint, amount numeric) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.balance SET quantity = quantity - amount WHERE account_id = account AND asset = 'USD';
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE SQLSTATE 'MG900';
EXCEPTION WHEN SQLSTATE 'MG900' THEN RETURN true; WHEN SQLSTATE 'MG001' THEN RETURN false;
END
$$;
SELECT setseed(0.13);
BEGIN;
SET LOCAL margin.guard = record;
INSERT INTO desk.balance SELECT a, 'USD', round((random() * 2000 - 300)::numeric, 2) FROM generate_series(1001, 1300) AS a;
INSERT INTO desk.balance SELECT a, 'COIN', round((random() * 10 - 2)::numeric, 1) FROM generate_series(1001, 1300) AS a;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) SELECT a, c, round((random() * 60 - 30)::numeric), round((80 + random() * 40)::numeric, 1)
  FROM generate_series(1001, 1300) AS a, unnest('{FUT,NET}'::text[]) AS c;
INSERT INTO desk.open_order SELECT a, n, CASE WHEN random() < 0.5 THEN 'FUT' ELSE 'NET' END, round((random() * 20 - 10)::numeric), round((80 + random() * 40)::numeric, 1)
  FROM generate_series(1001, 1300) AS a, generate_series(1, 3) AS n WHERE random() < 0.5;
COMMIT;
SELECT count(*) > 100 AS some, count(*) FILTER (WHERE bound) > 50 AS bound, count(*) FILTER (WHERE NOT may) AS refused, count(*) FILTER (WHERE more AND bound) AS passed
  FROM (SELECT a.*, pg_temp.withdraws(account_id, amount) AS may, pg_temp.withdraws(account_id, amount + 0.01) AS more
          FROM (SELECT p.account_id, margin.max_withdrawal(p.portfolio, desk.market(), 'USD', with_unrealized => false, step => 0.01) AS amount,
                       -- else it is all that there is of the asset
                       margin.max_withdrawal(p.portfolio, desk.market(), 'USD', with_unrealized => false, step => 0.01) + 0.01
                           <= (SELECT c.balance + least(c.pnl, 0) FROM margin.collateral(p.portfolio, desk.market()) AS c WHERE c.asset = 'USD') AS bound
                  FROM desk.account_portfolio AS p WHERE p.account_id > 1000 OFFSET 0) AS a
         WHERE amount > 0 OFFSET 0) AS tried;
-- and so do they about orders: the largest passes, one contract more does not
CREATE FUNCTION pg_temp.places(account bigint, contract text, quantity numeric, price numeric, leverage numeric) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO desk.open_order VALUES (account, 'most', contract, quantity, price, leverage);
    SET CONSTRAINTS ALL IMMEDIATE;
    RAISE SQLSTATE 'MG900';
EXCEPTION WHEN SQLSTATE 'MG900' THEN RETURN true; WHEN SQLSTATE 'MG001' THEN RETURN false;
END
$$;
SELECT count(*) > 300 AS some, count(*) FILTER (WHERE NOT may) AS refused, count(*) FILTER (WHERE more) AS passed
  FROM (SELECT a.*, pg_temp.places(account_id, contract, sign * quantity, price, leverage) AS may,
               pg_temp.places(account_id, contract, sign * (quantity + 1), price, leverage) AS more
          FROM (SELECT p.account_id, c.contract, s.sign, o.price, o.leverage,
                       margin.max_open_order(p.portfolio, desk.market(), c.contract, CASE s.sign WHEN 1 THEN 'buy' ELSE 'sell' END::margin.order_side, o.price, o.leverage, 1) AS quantity
                  FROM desk.account_portfolio AS p, unnest('{FUT,NET}'::text[]) AS c (contract), unnest('{1,-1}'::integer[]) AS s (sign),
                       LATERAL (SELECT 85 + p.account_id % 31 AS price, nullif(p.account_id % 7, 0) AS leverage) AS o
                 WHERE p.account_id > 1000 OFFSET 0) AS a
         WHERE quantity > 0 OFFSET 0) AS tried;
DELETE FROM desk.book_rule;
SELECT margin.disable_guard('desk');
DELETE FROM desk.open_order;

---------------------------------------------------------------------------
-- levels: by what the venue leaves of equity while orders stand
---------------------------------------------------------------------------

DELETE FROM desk.balance;
DELETE FROM desk.position;
INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'USD', 100), (2, 'USD', 100), (3, 'USD', 10);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'FUT', 10, 100), (2, 'FUT', 10, 100);
INSERT INTO desk.level_threshold VALUES ('warning', 0.7, 0.6), ('margin_call', 0.85, 0.8), ('liquidation', 1, 0.95);
SELECT margin.enable_levels('desk');
SELECT margin.refresh_levels('desk');

-- 50 to keep of 100; 4 contracts ordered require 40: nothing of it is taken
INSERT INTO desk.open_order VALUES (1, 'a', 'FUT', 4, 100);
SELECT account_id, epoch, portfolio FROM desk.account_level WHERE account_id = 1;
SELECT margin.refresh_levels('desk');
INSERT INTO desk.venue_rule VALUES ('orders_reduce_equity', 'margin');
-- 50 / 60
SELECT margin.refresh_levels('desk');
SELECT m.equity, margin.judged_equity(p.portfolio, desk.market()), m.margin_ratio, m.level
  FROM desk.account_margin AS m JOIN desk.account_portfolio AS p USING (account_id) WHERE account_id = 1;
-- written: 50 / 55, 50 / 40, an order in nothing's stead
UPDATE desk.open_order SET quantity = 4.5 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 6 WHERE account_id = 1;
INSERT INTO desk.open_order VALUES (2, 'a', 'FUT', 11, 100), (3, 'a', 'FUT', 1, 100);
-- released below 0.95, 0.8 and 0.6 of what is left: 50 / 52, 50 / 53, 50 / 62, 50 / 80, 50 / 84
UPDATE desk.open_order SET quantity = 4.8 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 4.7 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 3.8 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 3.7 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 2 WHERE account_id = 1;
UPDATE desk.open_order SET quantity = 1.6 WHERE account_id = 1;
DELETE FROM desk.open_order WHERE account_id = 2;
SELECT id - min(id) OVER () AS n, account_id, from_level, to_level, equity, maintenance_margin, prices, cause FROM desk.level_event ORDER BY id;
SELECT * FROM margin.check_levels('desk');
SELECT account_id, k.level, k.equity, k.order_margin FROM desk.kept_margin AS k ORDER BY 1;
-- a tick: at 96 both have lost 40 of 100, and 48 are to be kept; of account 1 orders take 16
UPDATE desk.mark_price SET price = 96 WHERE contract = 'FUT';
SELECT margin.refresh_levels('desk');
SELECT * FROM margin.check_levels('desk');
SELECT account_id, from_level, to_level, equity, maintenance_margin, cause FROM desk.level_event ORDER BY id DESC LIMIT 2;
-- a price in doubt counts twice
UPDATE desk.index_price SET low = 0.9, high = 1.1 WHERE asset = 'USD';
SELECT margin.refresh_levels('desk');
SELECT * FROM margin.check_levels('desk');
SELECT account_id, to_level, equity, maintenance_margin, cause FROM desk.level_event ORDER BY id DESC LIMIT 2;
-- emptied at once, which no row tells
TRUNCATE desk.open_order;
SELECT margin.refresh_levels('desk') AS changed;
SELECT * FROM margin.check_levels('desk');
SELECT margin.disable_levels('desk');
DELETE FROM desk.venue_rule;
DELETE FROM desk.level_threshold;
UPDATE desk.index_price SET low = NULL, high = NULL;
UPDATE desk.mark_price SET price = 100;

---------------------------------------------------------------------------
-- snapshots and reports
---------------------------------------------------------------------------

INSERT INTO desk.open_order VALUES (1, 'a', 'FUT', 4, 105), (3, 'b', 'NET', -1, 120);
SELECT margin.prepare_snapshots('desk', 0) AS days \gset
SELECT margin.take_snapshot('desk') AS full \gset
UPDATE desk.open_order SET quantity = 3 WHERE account_id = 1;
SELECT margin.take_snapshot('desk', 'changes') AS changes \gset
DELETE FROM desk.open_order;
SELECT account_id, equity, initial_equity, initial_margin, order_margin, order_loss, available_margin FROM desk.account_margin_at(:'full') ORDER BY 1;
SELECT account_id, equity, initial_equity, initial_margin, order_margin, order_loss, available_margin FROM desk.account_margin_at(:'changes') ORDER BY 1;
SELECT account_id, portfolio -> 'orders' AS orders FROM (SELECT account_id, portfolio::text::jsonb FROM desk.portfolios(:'changes')) AS p WHERE account_id = 1;
SELECT level, accounts, initial_margin, initial_equity, order_margin, order_loss FROM desk.report_levels(:'changes') WHERE accounts > 0;
SELECT contract, accounts, long, initial_margin, order_margin FROM desk.report_exposure(:'changes');
SELECT account_id, order_margin FROM desk.revalue(:'full', desk.market()) WHERE order_margin > 0 ORDER BY 1;

---------------------------------------------------------------------------
-- stress, map and repayment leave orders standing
---------------------------------------------------------------------------

INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('COIN_USD', 'USD', 'COIN', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('COIN_USD', 0, 0.05, 0.1);
INSERT INTO desk.mark_price (contract, price) VALUES ('COIN_USD', 100);
INSERT INTO desk.balance VALUES (6, 'COIN', 10), (6, 'USD', -300);
INSERT INTO desk.scenario (scenario, asset, relative) VALUES ('half', 'COIN', -0.5);
CREATE TEMP TABLE before AS
SELECT (SELECT array_agg(s ORDER BY account_id) FROM desk.account_stress AS s) AS stress, ARRAY(SELECT m FROM margin.liquidation_map('desk', 'COIN') AS m) AS map;
INSERT INTO desk.open_order VALUES (6, 'a', 'COIN_USD', 20, 90), (6, 'b', 'COIN_USD', -5, 130);
SELECT b.stress = (SELECT array_agg(s ORDER BY account_id) FROM desk.account_stress AS s) AS stress, b.map = ARRAY(SELECT m FROM margin.liquidation_map('desk', 'COIN') AS m) AS map
  FROM before AS b;
DROP TABLE before;
-- what orders require to be kept counts in all of them
UPDATE desk.contract SET order_maintenance = true WHERE contract = 'COIN_USD';
SELECT scenario, equity, maintenance_margin, level FROM desk.account_stress WHERE account_id = 6;
SELECT move, undercollateralized, shortfall FROM margin.liquidation_map('desk', 'COIN', moves => '{-0.5,0}');
SELECT outcome, paid, repaid FROM desk.repay(6, 900, forced => true);
SELECT order_id, quantity FROM desk.open_order WHERE account_id = 6 ORDER BY 1;
SELECT count(*) > 0 AS explained FROM desk.explain(6);

---------------------------------------------------------------------------
-- a book over other tables
---------------------------------------------------------------------------

CREATE SCHEMA shop;
CREATE TABLE shop.wallet (customer text, coin text, amount numeric, PRIMARY KEY (customer, coin));
CREATE TABLE shop.trade (customer text NOT NULL, symbol text, size numeric, price numeric);
CREATE TABLE shop.resting (customer text NOT NULL, symbol text, side text, size numeric, filled numeric DEFAULT 0, "limit" numeric, gearing integer, reduce_only boolean DEFAULT false);
INSERT INTO shop.wallet VALUES ('ann', 'USD', 1000), ('bob', 'USD', 10), ('cid', 'USD', 5);
INSERT INTO shop.resting (customer, symbol, side, size, filled, "limit", gearing) VALUES
    ('ann', 'FUT', 'buy', 10, 4, 100, 5), ('ann', 'FUT', 'sell', 3, 0, 110, NULL), ('bob', 'FUT', 'buy', 1, 0, NULL, NULL), ('cid', 'FUT', 'hold', 1, 0, 100, NULL);
SELECT margin.create_book('shop', 'desk', balances => 'shop.wallet', positions => 'shop.trade', orders => 'shop.resting',
    balance_account => 'customer', balance_asset => 'coin', balance_quantity => 'amount',
    position_account => 'customer', position_contract => 'symbol', position_quantity => 'size', position_entry_price => 'price', position_leverage => NULL,
    order_account => 'customer', order_contract => 'symbol', order_quantity => $$CASE side WHEN 'buy' THEN size - filled WHEN 'sell' THEN filled - size END$$,
    order_price => 'limit', order_leverage => 'gearing', flawed_rows => 'unpriced');
SELECT account_id, contract, side, price, quantity, margin_quantity, value, order_loss FROM shop.account_order;
SELECT account_id, order_margin, available_margin, level, missing FROM shop.account_margin ORDER BY 1;
SELECT account_id, kind, symbol, quantity, entry_price, leverage, flaw FROM shop.flawed_holding ORDER BY 1;
DELETE FROM shop.resting WHERE customer <> 'ann';
SELECT margin.guard_table('shop', 'shop.wallet', 'customer'), margin.guard_table('shop', 'shop.trade', 'customer'), margin.guard_table('shop', 'shop.resting', 'customer');
SELECT * FROM margin.guarded_tables() WHERE book = 'shop' ORDER BY relation::text;
INSERT INTO shop.resting (customer, symbol, side, size, "limit") VALUES ('ann', 'FUT', 'buy', 100, 100);
INSERT INTO shop.resting (customer, symbol, side, size, "limit") VALUES ('ann', 'FUT', 'buy', 80, 100);
INSERT INTO shop.resting (customer, symbol, side, size, "limit") VALUES ('cid', 'FUT', 'buy', 1, 100);
UPDATE shop.resting SET filled = size WHERE customer = 'ann';
TRUNCATE shop.resting;
-- a row that cannot be used leaves its account unpriced: the guard refuses it, and lets it be mended or taken away
INSERT INTO shop.resting (customer, symbol, side, size, "limit", gearing) VALUES ('ann', 'FUT', 'buy', 1, 100, 0);
SELECT margin.disable_guard('shop');
INSERT INTO shop.resting (customer, symbol, side, size, "limit", gearing) VALUES ('ann', 'FUT', 'buy', 1, 100, 0), ('ann', 'FUT', 'buy', 1, 0, 1);
SELECT margin.enable_guard('shop');
INSERT INTO shop.resting (customer, symbol, side, size, "limit", gearing) VALUES ('ann', 'FUT', 'buy', 1, 100, -1);
DELETE FROM shop.resting WHERE "limit" = 0;
UPDATE shop.resting SET gearing = 1;
SELECT account_id, level, missing FROM shop.account_margin WHERE account_id = 'ann';
SELECT margin.disable_guard('shop');

-- a book over the tables of another one, and orders alone
CREATE SCHEMA twin;
SELECT margin.create_book('twin', 'desk', 'desk.balance', 'desk.position', 'desk.open_order');
SELECT count(*) FROM (SELECT * FROM desk.account_margin EXCEPT SELECT * FROM twin.account_margin) AS d;
CREATE SCHEMA resting;
SELECT margin.create_book('resting', 'desk', orders => 'desk.open_order');
SELECT account_id, order_margin, available_margin FROM resting.account_margin;
SELECT margin.drop_book('resting'), margin.drop_book('twin'), margin.drop_book('shop');
SELECT margin.drop_book('desk');
SELECT to_regclass('desk.open_order');
SET client_min_messages = warning;
DROP SCHEMA desk, shop, twin, resting CASCADE;
