-- Interest on debts and funding of positions, against a house account.
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
SET search_path = desk, public;
\set SHOW_CONTEXT never
SET timezone = 'UTC';
INSERT INTO asset (asset) VALUES ('USDT'), ('BTC'), ('COIN'), ('FREE');
INSERT INTO contract (contract, settle, contract_size) VALUES ('P', 'USDT', 0.001), ('Q', 'COIN', 1);
INSERT INTO index_price (asset, price) VALUES ('USDT', 1), ('BTC', 60000);
INSERT INTO interest_rate (asset, hourly_rate, free_amount, method)
VALUES ('USDT', 0.00001, 1000, 'excess'), ('BTC', 0.00003, 1, 'whole'), ('COIN', 0.0000000000000000001, 0, 'excess');
-- 1 owes more than is free of both, 2 what is free, 3 a coin at hardly anything, 4 what has no rate; 900 is the house
INSERT INTO balance (account_id, asset, quantity)
VALUES (1, 'USDT', -2500), (1, 'BTC', -1.5), (2, 'USDT', -1000), (2, 'BTC', -1), (3, 'COIN', -7), (3, 'USDT', 5), (4, 'FREE', -100), (900, 'USDT', -9999);
CREATE VIEW total AS SELECT asset, sum(quantity) AS quantity FROM balance GROUP BY asset;
CREATE TABLE public.before AS TABLE total;

-- nobody to pay it to
SELECT margin.accrue_interest('desk', '2025-01-01 10:59:59+00');
INSERT INTO accrual_house VALUES ('interest', 900), ('funding', 900);

-- the first call charges one hour, further ones of that hour nothing
SELECT margin.accrue_interest('desk', '2025-01-01 10:59:59+00');
SELECT margin.accrue_interest('desk', '2025-01-01 10:00+00'), margin.accrue_interest('desk', '2025-01-01 09:00+00'), margin.accrue_interest('desk', '2025-01-01 10:30+00');
SELECT account_id, symbol, accrued_at, asset, amount, house, balance, rate, free_amount, method FROM accrual_event ORDER BY symbol, house, account_id;
TABLE balance ORDER BY account_id, asset;
SELECT kind, quantity, contract_size, mark, booked_at > now() - interval '1 hour' AS now, booked_by = current_user AS me FROM accrual_event GROUP BY 1, 2, 3, 4, 5, 6;

-- caught up hour by hour: what accrued is owed, rates change, and an hour without any passes
INSERT INTO interest_rate (asset, valid_from, hourly_rate, method) VALUES ('USDT', '2025-01-01 13:00+00', 0.1, 'whole'), ('BTC', '2025-01-01 12:00+00', 0, 'whole');
SELECT margin.accrue_interest('desk', '2025-01-01 13:00+00');
SELECT account_id, symbol, accrued_at, amount, balance, rate, free_amount, method FROM accrual_event WHERE accrued_at > '2025-01-01 10:00+00' AND NOT house ORDER BY symbol, accrued_at, account_id;
SELECT account_id, asset, quantity FROM balance WHERE asset <> 'FREE' ORDER BY account_id, asset;
SELECT accrued_at FROM interest_hour ORDER BY 1;
-- everything sums to what it was, and the journal to 0
SELECT asset, t.quantity - b.quantity AS change FROM total AS t JOIN before AS b USING (asset) ORDER BY asset;
SELECT kind, symbol, accrued_at, sum(amount) FROM accrual_event GROUP BY 1, 2, 3 HAVING sum(amount) <> 0;

-- a debt that is new is not charged for the past; deposits end it
INSERT INTO balance VALUES (5, 'BTC', -10);
UPDATE balance SET quantity = 0 WHERE account_id = 1;
UPDATE interest_rate SET hourly_rate = 0.5 WHERE asset = 'BTC' AND valid_from > '-infinity';
SELECT margin.accrue_interest('desk', '2025-01-01 14:00+00');
SELECT account_id, symbol, amount FROM accrual_event WHERE accrued_at = '2025-01-01 14:00+00' AND NOT house ORDER BY 1, 2;
UPDATE interest_rate SET hourly_rate = 0.00001 WHERE valid_from > '-infinity';

-- now, and not yet
SELECT margin.accrue_interest('desk') > 1000 AS caught_up, margin.accrue_interest('desk', now()) AS again;
SELECT max(accrued_at) = date_trunc('hour', now(), 'UTC') AS this_hour FROM interest_hour;
\set VERBOSITY sqlstate
SELECT margin.accrue_interest('desk', now() + interval '1 minute');
SELECT margin.accrue_interest('desk', 'infinity');
SELECT margin.accrue_interest('desk', '-infinity');
SELECT margin.accrue_interest('no desk');
SELECT margin.accrue_interest(NULL);
UPDATE accrual_event SET amount = 0;
DELETE FROM interest_hour;
TRUNCATE funding_settlement;
INSERT INTO interest_rate (asset, hourly_rate) VALUES ('FREE', -1);
INSERT INTO interest_rate (asset, hourly_rate) VALUES ('NONE', 1);
INSERT INTO interest_rate (asset, hourly_rate, method) VALUES ('FREE', 1, 'half');
INSERT INTO interest_rate (asset, hourly_rate, free_amount) VALUES ('FREE', 1, 'NaN');
INSERT INTO accrual_house VALUES ('fees', 1);
\set VERBOSITY default
SELECT parameter, symbol, before IS NULL AS entered, after ->> 'hourly_rate' AS rate FROM parameter_event WHERE parameter = 'interest_rate' ORDER BY id;

-- Funding.  Longs pay shorts; 1 and 2 hold both sides, 3 lots that are odd, 5 is even, 900 the rest.
DELETE FROM interest_rate;
DELETE FROM balance;
INSERT INTO mark_price (contract, price) VALUES ('P', 60000.1);
INSERT INTO position (account_id, contract, quantity, entry_price)
VALUES (1, 'P', 1000, 1), (1, 'P', -300, 1), (2, 'P', -700.5, 1), (3, 'P', 0.333333333333333333, 1), (5, 'P', 1, 1), (5, 'P', -1, 1), (900, 'P', 7, 1);
BEGIN;
SELECT margin.settle_funding('desk', 'P', 0.0001, now());
SELECT margin.settle_funding('desk', 'P', 0.0001, now());
SELECT account_id, asset, amount, house, quantity, contract_size, mark, rate FROM accrual_event WHERE kind = 'funding' ORDER BY account_id;
TABLE balance ORDER BY account_id;
SELECT sum(quantity) FROM balance;
SELECT contract, settled_at = now() AS now, rate, mark, contract_size, settle, booked_by = current_user AS me FROM funding_settlement;
SAVEPOINT s;
\set VERBOSITY sqlstate
SELECT margin.settle_funding('desk', 'P', 0.0002, now());
\set VERBOSITY default
ROLLBACK TO s;
COMMIT;
-- the other way round, at a mark of the past; terms of that time, too
INSERT INTO mark_price_history (contract, price, updated_at, forced, recorded_at) VALUES ('P', 50000, '2025-01-02 07:59+00', false, '2025-01-02 07:59+00');
SELECT margin.settle_funding('desk', 'P', -0.000123456789, '2025-01-02 08:00+00');
SELECT account_id, amount, house, quantity, mark, rate FROM accrual_event WHERE kind = 'funding' AND accrued_at = '2025-01-02 08:00+00' ORDER BY account_id;
SELECT account_id, quantity FROM balance ORDER BY account_id;
SELECT kind, symbol, sum(amount) FROM accrual_event GROUP BY 1, 2 HAVING sum(amount) <> 0;
-- nobody holds it, or the rate is 0: settled all the same
INSERT INTO mark_price_history (contract, price, updated_at, forced, recorded_at) VALUES ('Q', 1, '2025-01-02 07:59+00', false, '2025-01-02 07:59+00');
SELECT margin.settle_funding('desk', 'Q', 1, '2025-01-02 08:00+00'), margin.settle_funding('desk', 'P', 0, '2025-01-02 16:00+00');
SELECT contract, settled_at, rate FROM funding_settlement WHERE settled_at < '2025-02-01' ORDER BY contract, settled_at;
-- refused
SELECT margin.settle_funding('desk', 'NONE', 0.0001, '2025-01-02 08:00+00');
SELECT margin.settle_funding('desk', 'P', 0.0001, '2025-01-02 07:00+00');
SELECT margin.settle_funding('desk', 'P', 0.0002, '2025-01-02 08:00+00');
\set VERBOSITY sqlstate
SELECT margin.settle_funding('desk', 'Q', 0.0001, now());
SELECT margin.settle_funding('desk', 'P', 0.0001, now() + interval '1 minute');
SELECT margin.settle_funding('desk', 'P', 'NaN', now());
SELECT margin.settle_funding('desk', NULL, 0.0001, now());
SELECT margin.settle_funding('desk', 'P', NULL, now());
SELECT margin.settle_funding('desk', 'P', 0.0001, NULL);
SELECT margin.settle_funding('no desk', 'P', 0.0001, now());
\set VERBOSITY default
BEGIN;
DELETE FROM accrual_house WHERE kind = 'funding';
SELECT margin.settle_funding('desk', 'P', 0.0001, now());
ROLLBACK;

-- Under the guard it is judged like any write, so it is booked as a fact; the level follows.
BEGIN;
INSERT INTO index_price (asset, price) VALUES ('COIN', 1);
INSERT INTO collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('COIN', 0, 1);
INSERT INTO interest_rate (asset, hourly_rate) VALUES ('COIN', 0.01);
DELETE FROM position;
INSERT INTO balance VALUES (10, 'COIN', -100), (10, 'USDT', 100) ON CONFLICT DO NOTHING;
-- as if the last hour had not been charged yet
SET LOCAL session_replication_role = replica;
DELETE FROM interest_hour WHERE accrued_at = (SELECT max(accrued_at) FROM interest_hour);
DELETE FROM accrual_event;
SET LOCAL session_replication_role = origin;
SET CONSTRAINTS ALL IMMEDIATE;
SELECT margin.enable_levels('desk'), margin.enable_guard('desk'), margin.refresh_levels('desk') > 0 AS refreshed;
SAVEPOINT s;
SELECT margin.accrue_interest('desk', (SELECT max(accrued_at) + interval '1 hour' FROM interest_hour));
ROLLBACK TO s;
SET LOCAL margin.guard = record;
SET CONSTRAINTS ALL DEFERRED;
SELECT margin.accrue_interest('desk', (SELECT max(accrued_at) + interval '1 hour' FROM interest_hour));
SET CONSTRAINTS ALL IMMEDIATE;
SELECT account_id, level, equity FROM guard_exception;
SELECT account_id, to_level, equity, cause FROM level_event WHERE cause = 'write' ORDER BY id;
SELECT count(*) FROM margin.check_levels('desk');
ROLLBACK;

-- Rights are those of what is written and read.
BEGIN;
CREATE ROLE regress_accruer;
GRANT USAGE ON SCHEMA desk TO regress_accruer;
SAVEPOINT s;
SET LOCAL ROLE regress_accruer;
SELECT margin.accrue_interest('desk');
ROLLBACK TO s;
GRANT SELECT, INSERT, UPDATE ON balance TO regress_accruer;
GRANT SELECT ON holding, position, open_order, account, accrual_house TO regress_accruer;
GRANT SELECT, INSERT ON interest_hour, funding_settlement, accrual_event TO regress_accruer;
GRANT EXECUTE ON FUNCTION market(), past_market(timestamptz), interest_rates(timestamptz, timestamptz) TO regress_accruer;
SET LOCAL ROLE regress_accruer;
SELECT margin.accrue_interest('desk') IS NOT NULL AS done, margin.settle_funding('desk', 'P', 0.0001, now());
RESET ROLE;
-- half of the book is not charged
ALTER TABLE balance ENABLE ROW LEVEL SECURITY;
SET LOCAL ROLE regress_accruer;
SELECT margin.settle_funding('desk', 'P', 0.0001, '2025-01-03 00:00+00');
ROLLBACK;

-- Books over other tables: one row per balance, and a ledger; keys and columns of other names and types.
CREATE SCHEMA regress_other;
CREATE DOMAIN regress_other.coins AS numeric(60, 18);
CREATE TABLE regress_other.wallet (coin varchar(10), customer text, note text DEFAULT 'new', amount regress_other.coins, UNIQUE (coin, customer));
CREATE TABLE regress_other.trade (customer text, symbol text, size numeric, price numeric);
INSERT INTO regress_other.wallet VALUES ('USDT', 'anna', 'old', -100), ('BTC', 'anna', 'old', 1), ('USDT', 'bob', 'old', -1);
INSERT INTO regress_other.trade VALUES ('anna', 'P', 10, 1), ('bob', 'P', -10, 1);
SELECT margin.create_book('regress_other', 'desk', balances => 'regress_other.wallet', positions => 'regress_other.trade',
    balance_account => 'customer', balance_asset => 'coin', balance_quantity => 'amount',
    position_account => 'customer', position_contract => 'symbol', position_quantity => 'size', position_entry_price => 'price', position_leverage => NULL);
INSERT INTO regress_other.accrual_house VALUES ('interest', 'the house'), ('funding', 'the house');
INSERT INTO interest_rate (asset, hourly_rate) VALUES ('USDT', 0.01), ('BTC', 0.01);
SELECT margin.accrue_interest('regress_other'), margin.settle_funding('regress_other', 'P', 0.0001, now());
TABLE regress_other.wallet ORDER BY customer, coin;
SELECT account_id, kind, symbol, amount, house FROM regress_other.accrual_event ORDER BY kind, symbol, account_id;
CREATE SCHEMA regress_ledger;
CREATE TABLE regress_ledger.entry (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, owner integer, asset text, quantity numeric);
INSERT INTO regress_ledger.entry (owner, asset, quantity) VALUES (1, 'USDT', -60), (1, 'USDT', -40), (2, 'USDT', 10), (2, 'USDT', -4);
SELECT margin.create_book('regress_ledger', 'desk', balances => 'regress_ledger.entry', balance_account => 'owner', flawed_rows => 'unpriced');
INSERT INTO regress_ledger.accrual_house VALUES ('interest', 900);
INSERT INTO regress_ledger.entry (owner, asset, quantity) VALUES (3, 'USDT', 'NaN'), (4, 'USDT', NULL);
SELECT margin.accrue_interest('regress_ledger');
TABLE regress_ledger.entry ORDER BY id;
-- what would not be exact, or cannot be written
CREATE SCHEMA regress_view;
CREATE TABLE regress_view.t (account_id bigint, asset text, cents numeric(20, 2));
INSERT INTO regress_view.t VALUES (1, 'USDT', -5);
SELECT margin.create_book('regress_view', 'desk', balances => 'regress_view.t', balance_quantity => 'cents / 100');
INSERT INTO regress_view.accrual_house VALUES ('interest', 900);
SELECT margin.accrue_interest('regress_view');
SELECT margin.drop_book('regress_view');
SELECT margin.create_book('regress_view', 'desk', balances => 'regress_view.t', balance_quantity => 'cents');
INSERT INTO regress_view.accrual_house VALUES ('interest', 900);
SELECT margin.accrue_interest('regress_view');
SELECT margin.drop_book('regress_view');
-- a view that books what is inserted
CREATE VIEW regress_view.coins AS SELECT account_id, asset, cents / 100 AS quantity FROM regress_view.t;
CREATE FUNCTION regress_view.book() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_view.t VALUES (NEW.account_id, NEW.asset, NEW.quantity * 100);
    RETURN NEW;
END $$;
CREATE TRIGGER book INSTEAD OF INSERT ON regress_view.coins FOR EACH ROW EXECUTE FUNCTION regress_view.book();
SELECT margin.create_book('regress_view', 'desk', balances => 'regress_view.coins');
INSERT INTO regress_view.accrual_house VALUES ('interest', 900);
SELECT margin.accrue_interest('regress_view');
TABLE regress_view.t ORDER BY account_id, cents;
SELECT margin.drop_book('regress_view');
DROP VIEW regress_view.coins;
ALTER TABLE regress_view.t ALTER cents TYPE numeric;
-- rows that cannot be charged stop everything, where the book does not set them aside
SELECT margin.create_book('regress_view', 'desk', balances => 'regress_view.t', positions => 'regress_other.trade', balance_quantity => 'cents',
    position_account => 'size::bigint', position_contract => 'symbol', position_quantity => 'size', position_entry_price => 'price', position_leverage => NULL);
INSERT INTO regress_view.accrual_house VALUES ('interest', 900), ('funding', 900);
INSERT INTO regress_other.trade VALUES ('carl', 'P', NULL, 1);
SELECT margin.settle_funding('regress_view', 'P', 0.0001, now());
INSERT INTO regress_view.t VALUES (7, 'USDT', 'NaN');
SELECT margin.accrue_interest('regress_view');
UPDATE regress_view.t SET account_id = NULL, cents = -1 WHERE account_id = 7;
SELECT margin.accrue_interest('regress_view');
SELECT count(*) FROM regress_view.accrual_event;
-- keys with a length are not cut to one character or bit: 1 % of 100, of 200 and of 400
CREATE SCHEMA regress_safe;
CREATE TABLE regress_safe.c (who char(8), coin text, n numeric, UNIQUE (who, coin));
INSERT INTO regress_safe.c VALUES ('alice', 'USDT', -100), ('alan', 'USDT', -200), ('a', 'USDT', 5);
SELECT margin.create_book('regress_safe', 'desk', balances => 'regress_safe.c', balance_account => 'who', balance_asset => 'coin', balance_quantity => 'n');
INSERT INTO regress_safe.accrual_house VALUES ('interest', 'anyone');
SELECT margin.accrue_interest('regress_safe');
TABLE regress_safe.c ORDER BY who;
SELECT account_id, amount FROM regress_safe.accrual_event ORDER BY account_id;
SELECT margin.drop_book('regress_safe');
CREATE TABLE regress_safe.b (who bit(3), coin text, n numeric);
INSERT INTO regress_safe.b VALUES (B'101', 'USDT', -400);
SELECT margin.create_book('regress_safe', 'desk', balances => 'regress_safe.b', balance_account => 'who', balance_asset => 'coin', balance_quantity => 'n');
INSERT INTO regress_safe.accrual_house VALUES ('interest', '011');
SELECT margin.accrue_interest('regress_safe');
TABLE regress_safe.b ORDER BY who, n;
SELECT margin.drop_book('regress_safe');
-- what is no number takes nothing in: 10 * 0.001 * 60000.1 * 0.0001
CREATE TABLE regress_safe.w (who text, coin text, n numeric, live boolean DEFAULT false, UNIQUE (who, coin));
CREATE TABLE regress_safe.p (who text, symbol text, size numeric, price numeric);
INSERT INTO regress_safe.p VALUES ('anna', 'P', 10, 1), ('bob', 'P', -10, 1);
INSERT INTO regress_safe.w VALUES ('anna', 'USDT', -1), ('bob', 'USDT', 'NaN'), ('carl', 'USDT', 'NaN'), ('house', 'BTC', 'NaN');
SELECT margin.create_book('regress_safe', 'desk', balances => 'regress_safe.w', positions => 'regress_safe.p',
    balance_account => 'who', balance_asset => 'coin', balance_quantity => 'n',
    position_account => 'who', position_contract => 'symbol', position_quantity => 'size', position_entry_price => 'price', position_leverage => NULL);
INSERT INTO regress_safe.accrual_house VALUES ('interest', 'house'), ('funding', 'house');
SELECT margin.settle_funding('regress_safe', 'P', 0.0001, now());
UPDATE regress_safe.w SET n = 0 WHERE who = 'bob';
INSERT INTO regress_safe.w VALUES ('house', 'USDT', NULL);
SELECT margin.settle_funding('regress_safe', 'P', 0.0001, now());
UPDATE regress_safe.w SET n = 7 WHERE who = 'house' AND coin = 'USDT';
SELECT margin.settle_funding('regress_safe', 'P', 0.0001, now());
SELECT who, coin, n FROM regress_safe.w ORDER BY who, coin;
SELECT margin.drop_book('regress_safe');
-- nor where the book sets it aside
DELETE FROM regress_safe.w WHERE who IN ('bob', 'carl') OR coin = 'BTC';
UPDATE regress_safe.w SET n = CASE who WHEN 'house' THEN 'NaN'::numeric ELSE -100 END;
SELECT margin.create_book('regress_safe', 'desk', balances => 'regress_safe.w', balance_account => 'who', balance_asset => 'coin', balance_quantity => 'n', flawed_rows => 'unpriced');
INSERT INTO regress_safe.accrual_house VALUES ('interest', 'house');
SELECT margin.accrue_interest('regress_safe');
DELETE FROM regress_safe.w WHERE who = 'house';
-- nor may a trigger leave a side out
CREATE FUNCTION regress_safe.leave_out() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN CASE WHEN NEW.who <> 'house' THEN NEW END; END $$;
CREATE TRIGGER leave_out BEFORE INSERT ON regress_safe.w FOR EACH ROW EXECUTE FUNCTION regress_safe.leave_out();
SELECT margin.accrue_interest('regress_safe');
DROP TRIGGER leave_out ON regress_safe.w;
SELECT who, coin, n FROM regress_safe.w ORDER BY who;
SELECT count(*) FROM regress_safe.interest_hour;
-- what others enter as due is not booked, nor passed over
INSERT INTO regress_safe.accrual_event (account_id, kind, symbol, accrued_at, asset, amount, rate) VALUES ('mallory', 'interest', 'USDT', '2025-01-01 10:00+00', 'BTC', 1000, 0);
SELECT margin.accrue_interest('regress_safe', '2025-01-01 10:00+00');
BEGIN;
INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, rate) VALUES (666, 'funding', 'Q', '2025-01-02 09:00+00', 'USDT', 1000, 0);
SELECT margin.settle_funding('desk', 'Q', 0.0001, '2025-01-02 09:00+00');
ROLLBACK;
SELECT who, coin, n FROM regress_safe.w ORDER BY who;
SELECT margin.drop_book('regress_safe');
-- nor what its view does not show
CREATE VIEW regress_safe.live AS SELECT who, coin, n FROM regress_safe.w WHERE live;
ALTER TABLE regress_safe.w DROP CONSTRAINT w_who_coin_key;
UPDATE regress_safe.w SET live = true;
SELECT margin.create_book('regress_safe', 'desk', balances => 'regress_safe.live', balance_account => 'who', balance_asset => 'coin', balance_quantity => 'n');
INSERT INTO regress_safe.accrual_house VALUES ('interest', 'house');
SELECT margin.accrue_interest('regress_safe');
ALTER VIEW regress_safe.live SET (check_option = local);
\set VERBOSITY sqlstate
SELECT margin.accrue_interest('regress_safe');
ALTER VIEW regress_safe.live SET (check_option = cascaded);
SELECT margin.accrue_interest('regress_safe');
\set VERBOSITY default
ALTER TABLE regress_safe.w ALTER live SET DEFAULT true;
SELECT margin.accrue_interest('regress_safe');
TABLE regress_safe.live ORDER BY who, n;
-- hours that are none, and those to come
\set VERBOSITY sqlstate
INSERT INTO regress_safe.interest_hour VALUES ('2025-01-01 10:30+00');
INSERT INTO regress_safe.interest_hour VALUES ('infinity');
INSERT INTO regress_safe.interest_hour VALUES ('-infinity');
INSERT INTO regress_safe.interest_hour VALUES (date_trunc('hour', now(), 'UTC') + interval '2 hours');
SELECT margin.accrue_interest('regress_safe');
\set VERBOSITY default
-- without balances there is nowhere to pay
CREATE SCHEMA regress_positions;
SELECT margin.create_book('regress_positions', 'desk', positions => 'regress_other.trade',
    position_account => 'customer', position_contract => 'symbol', position_quantity => 'size', position_entry_price => 'price', position_leverage => NULL);
INSERT INTO regress_positions.accrual_house VALUES ('funding', 'house');
SELECT margin.settle_funding('regress_positions', 'P', 0.0001, now());

-- renamed, upgraded from a release that had none of it
ALTER SCHEMA desk RENAME TO "my desk";
SELECT margin.settle_funding('my desk', 'P', 0.00001, '2025-01-02 09:00+00') > 0 AS settled;
SET client_min_messages = warning;
DROP FUNCTION "my desk".interest_rates(timestamptz, timestamptz) CASCADE;
DROP FUNCTION regress_other.venue_past_market(timestamptz);
DROP TABLE "my desk".interest_rate;
SELECT * FROM margin.upgrade_venue('my desk');
SELECT * FROM margin.upgrade_book('regress_other');
SELECT margin.settle_funding('regress_other', 'P', 0.0001, '2025-01-02 08:00+00');
DELETE FROM regress_other.trade WHERE size IS NULL;
SELECT margin.settle_funding('regress_other', 'P', 0.0001, '2025-01-02 08:00+00');
DROP SCHEMA regress_safe, regress_positions, regress_view, regress_ledger, regress_other, "my desk" CASCADE;
DROP TABLE public.before;
