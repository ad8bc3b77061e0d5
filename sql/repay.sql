-- A repayment plan carried out: repay().

CREATE SCHEMA desk;
SELECT margin.create_book('desk');
SET search_path = desk, public;
BEGIN;
INSERT INTO asset (asset) VALUES ('USDT'), ('USDC'), ('COIN'), ('BTC');
INSERT INTO collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, CASE asset WHEN 'BTC' THEN 0.9 ELSE 1 END FROM asset;
INSERT INTO index_price (asset, price) VALUES ('USDT', 1), ('USDC', 1), ('COIN', 2), ('BTC', 60000);
INSERT INTO contract (contract, settle, contract_size) VALUES ('C', 'USDC', 1);
INSERT INTO risk_tier (contract, lower_bound, maintenance_rate) VALUES ('C', 0, 0.6);
INSERT INTO mark_price (contract, price) VALUES ('C', 1);
INSERT INTO repayment_rule (asset, conversion_discount, threshold, repayment_ratio)
VALUES ('COIN', 0.9, NULL, 1), ('USDT', 1, 500, 0.2);

-- 1 owes 1,000 of USDT: above 500, so 600 are due, of which 300 coins at 2 * 0.9 repay 540; BTC stands at 0.9 and
-- pays the rest.  It owes 50 of USDC by a loss, without a balance.  2 owes no more than is allowed.
INSERT INTO balance (account_id, asset, quantity)
VALUES (1, 'USDT', -1000), (1, 'COIN', 300), (1, 'BTC', 0.5), (2, 'USDT', -500), (2, 'COIN', 1000), (900, 'USDT', 1000000);
INSERT INTO position (account_id, contract, quantity, entry_price) VALUES (1, 'C', 10, 6);
CREATE TEMP TABLE before AS SELECT asset, sum(quantity) AS quantity FROM balance GROUP BY asset;

SELECT step, outcome, debt_asset, funding_asset, paid, repaid, remaining_debt, remaining_due, level FROM repay(1, 900);
SELECT * FROM balance ORDER BY account_id, asset;
SELECT asset, sum(b.quantity) - coalesce(min(before.quantity), 0) AS change FROM balance AS b LEFT JOIN before USING (asset) GROUP BY asset ORDER BY asset;
SELECT account_id, booked_at BETWEEN now() AND clock_timestamp() AS now, booked_by = current_user AS me, house_account_id, forced,
       step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount,
       paid_value, repaid_value, remaining_debt, remaining_due, level
  FROM repayment_entry ORDER BY step;

-- nothing is due any more, nor of 2, nor of one that holds nothing
SELECT ctid AS place FROM balance WHERE account_id = 1 AND asset = 'BTC' \gset
SELECT count(*) FROM repay(1, 900);
SELECT count(*) FROM repay(2, 900);
SELECT count(*) FROM repay(3, 900);
SELECT ctid = :'place' AS untouched FROM balance WHERE account_id = 1 AND asset = 'BTC';
SELECT count(*) FROM repayment_entry;
SELECT count(*) FROM balance WHERE account_id IN (2, 3);

-- what remains unpaid is said, and not journaled; many accounts in one query
DELETE FROM repayment_rule WHERE asset = 'USDT';
UPDATE balance SET quantity = 10 WHERE account_id = 2 AND asset = 'COIN';
INSERT INTO balance (account_id, asset, quantity) VALUES (4, 'USDC', -5), (4, 'USDT', 20);
SELECT account_id, c.step, outcome, debt_asset, funding_asset, paid, repaid, remaining_due
  FROM (VALUES (2), (4)) AS a (account_id), LATERAL repay(account_id, 900) AS c ORDER BY 1, 2;
SELECT account_id, debt_asset, funding_asset, repaid FROM repayment_entry ORDER BY booked_at, step;
SELECT * FROM balance WHERE account_id IN (2, 4) ORDER BY account_id, asset;

-- in a market of one's own, pro rata: COIN can repay 1000 * 0.9 and USDT 300, so they share 120 as 90 and 30
INSERT INTO balance (account_id, asset, quantity) VALUES (5, 'BTC', -1), (5, 'USDT', 300), (5, 'COIN', 1000);
SELECT step, funding_asset, paid, repaid, remaining_debt
  FROM repay(5, 900, 'pro_rata', market => '{"assets": {"BTC": {"price": 120, "tiers": "{0: 1}"}, "USDT": {"price": 1, "tiers": "{0: 1}"},
                                                        "COIN": {"price": 1, "tiers": "{0: 1}"}}}');

-- skipped unless forced: half of the value lost makes 600 / 850 a warning
UPDATE repayment_rule SET conversion_discount = 0.5 WHERE asset = 'COIN';
INSERT INTO balance (account_id, asset, quantity) VALUES (6, 'USDT', -50), (6, 'COIN', 475);
INSERT INTO position (account_id, contract, quantity, entry_price) VALUES (6, 'C', 1000, 1);
SELECT step, outcome, funding_asset, paid, remaining_due, level FROM repay(6, 900);
SELECT * FROM balance WHERE account_id = 6 ORDER BY asset;
SELECT step, outcome, funding_asset, paid, remaining_due, level FROM repay(6, 900, forced => true);
SELECT * FROM balance WHERE account_id = 6 ORDER BY asset;
SELECT forced, level FROM repayment_entry WHERE account_id = 6;

-- an unpriced account is left as it is
INSERT INTO balance (account_id, asset, quantity) VALUES (7, 'USDT', -50), (7, 'COIN', 500), (7, 'NONE', 1);
SELECT step, outcome, level FROM repay(7, 900);
SELECT * FROM balance WHERE account_id = 7 ORDER BY asset;

-- the house holds the mirror image of the journal
SELECT asset, quantity - CASE asset WHEN 'USDT' THEN 1000000 ELSE 0 END
              = coalesce((SELECT sum(paid) FROM repayment_entry WHERE funding_asset = asset), 0)
                - coalesce((SELECT sum(repaid) FROM repayment_entry WHERE debt_asset = asset), 0) AS mirrors
  FROM balance WHERE account_id = 900 ORDER BY asset;

-- refused
\set SHOW_CONTEXT never
SAVEPOINT s;
SELECT repay(1, 1);
ROLLBACK TO s;
SELECT repay(NULL, 900);
ROLLBACK TO s;
SELECT repay(1, NULL);
ROLLBACK TO s;
INSERT INTO repayment_rule (asset) VALUES ('NONE');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
INSERT INTO repayment_rule (asset, conversion_discount) VALUES ('BTC', 1.1);
ROLLBACK TO s;
INSERT INTO repayment_rule (asset, threshold) VALUES ('BTC', -1);
ROLLBACK TO s;
INSERT INTO repayment_rule (asset, repayment_ratio) VALUES ('BTC', 'NaN');
ROLLBACK TO s;
UPDATE repayment_entry SET paid = 0;
ROLLBACK TO s;
-- nothing without rights on the tables
CREATE ROLE regress_repay;
GRANT USAGE ON SCHEMA desk TO regress_repay;
SET LOCAL ROLE regress_repay;
SELECT repay(1, 900);
ROLLBACK TO s;
ROLLBACK;

-- Under the guard.  The account passes.  A house that holds nothing would owe 100 against coins worth 111.1, which count
-- for 88.9: it is refused, unless this is recorded as a booked fact.
BEGIN;
INSERT INTO asset (asset) VALUES ('USDT'), ('COIN');
INSERT INTO collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('COIN', 0, 0.8);
INSERT INTO index_price (asset, price) VALUES ('USDT', 1), ('COIN', 2);
INSERT INTO contract (contract, settle, contract_size) VALUES ('C', 'USDT', 1);
INSERT INTO risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('C', 0, 0.05, 0.1);
INSERT INTO mark_price (contract, price) VALUES ('C', 1);
INSERT INTO repayment_rule (asset, conversion_discount) VALUES ('COIN', 0.9);
INSERT INTO balance (account_id, asset, quantity) VALUES (1, 'USDT', -100), (1, 'COIN', 200), (900, 'USDT', 100);
SELECT margin.enable_guard('desk');
SAVEPOINT s;
SELECT outcome, paid, repaid FROM repay(1, 900);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
SELECT outcome, paid, repaid FROM repay(1, 901);
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO s;
SET LOCAL margin.guard = record;
SELECT outcome, paid, repaid FROM repay(1, 901);
SET CONSTRAINTS ALL IMMEDIATE;
SELECT account_id, level, equity, available_margin, available_margin_before FROM guard_exception;
ROLLBACK;

-- A book over other tables keeps what it is told elsewhere.
CREATE SCHEMA regress_other;
CREATE TABLE regress_other.wallet (account_id text, asset text, quantity numeric);
SELECT margin.create_book('regress_other', 'desk', 'regress_other.wallet');
SELECT regress_other.repay('1', '2');
SELECT attname, atttypid::regtype, attnotnull FROM pg_attribute
 WHERE attrelid = 'regress_other.repayment_entry'::regclass AND attname ~ 'account_id' ORDER BY attnum;
-- Keys of another type, a schema of another name, one session.
CREATE SCHEMA regress_text;
SELECT margin.create_book('regress_text', 'desk', account_type => 'text');
INSERT INTO asset (asset) VALUES ('USDT'), ('COIN');
INSERT INTO collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('COIN', 0, 0.8);
INSERT INTO index_price (asset, price) VALUES ('USDT', 1), ('COIN', 2);
INSERT INTO regress_text.balance VALUES ('o''neil', 'USDT', -100), ('o''neil', 'COIN', 200);
INSERT INTO balance VALUES (1, 'USDT', -10), (1, 'COIN', 200);
SELECT outcome, paid, repaid FROM regress_text.repay('o''neil', 'house');
SELECT outcome, paid, repaid FROM repay(1, 2);
ALTER SCHEMA regress_text RENAME TO regress_renamed;
UPDATE regress_renamed.balance SET quantity = -10 WHERE asset = 'USDT' AND account_id <> 'house';
SELECT outcome, paid, repaid FROM regress_renamed.repay('o''neil', 'house');
SELECT regress_renamed.repay('o''neil', 'o''neil');
SELECT * FROM regress_renamed.balance ORDER BY account_id, asset;
SELECT account_id, house_account_id, paid FROM regress_renamed.repayment_entry ORDER BY booked_at;
SELECT account_id, house_account_id, paid FROM repayment_entry ORDER BY booked_at;
SET client_min_messages = warning;
DROP SCHEMA regress_other, regress_renamed, desk CASCADE;
