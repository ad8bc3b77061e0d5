-- The benchmark's data set: the same rows on every run, no random().
--
--   psql -v accounts=200000 [-v copies=0] -f data.sql
--
-- About 7 balances and 3.9 positions per account, 14 assets with 6 collateral
-- tiers, 50 contracts with 5 risk tiers, every tier unit, netting and tier method.
-- The figures are made up for measuring; they are no venue's.
--
-- Three copies of the accounts' rows, each reached through search_path:
--   desk         in account order, as a nightly load or a low-churn book
--   scattered    in random heap order, as years of updates leave it
--   partitioned  hashed by account into 4 partitions, as large books are kept

\set ON_ERROR_STOP 1
\if :{?accounts}
\else
    \set accounts 200000
\endif
\if :{?copies}
\else
    \set copies 1
\endif
SET client_min_messages = warning;
SET jit = off;

DROP SCHEMA IF EXISTS bench, scattered, partitioned, desk CASCADE;
CREATE SCHEMA bench;
CREATE SCHEMA scattered;
CREATE SCHEMA partitioned;
CREATE SCHEMA desk;
SELECT margin.create_book('desk') \g /dev/null

-- A number in [0, 1) that depends on its arguments alone.
CREATE FUNCTION bench.u(key bigint, salt bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN (hashint8extended(key, salt) & 4294967295) / 4294967296.0::double precision;

---------------------------------------------------------------- the market

-- decimals: of a balance.  held: share of the accounts that hold it.
CREATE TABLE bench.asset (n int PRIMARY KEY, asset text, price numeric, decimals int,
                          held double precision, tier_unit text, top numeric);
INSERT INTO bench.asset VALUES
    ( 1, 'USDT', 1.0002,   6, 0.96, 'value',    1.00),
    ( 2, 'USDC', 0.9998,   6, 0.70, 'value',    1.00),
    ( 3, 'BTC',  68011.37, 8, 0.85, 'quantity', 0.975),
    ( 4, 'ETH',  3512.84,  8, 0.80, 'quantity', 0.97),
    ( 5, 'SOL',  171.463,  8, 0.55, 'quantity', 0.95),
    ( 6, 'BNB',  592.31,   8, 0.50, 'quantity', 0.95),
    ( 7, 'XRP',  0.52418,  6, 0.45, 'value',    0.94),
    ( 8, 'DOGE', 0.161827, 8, 0.40, 'quantity', 0.93),
    ( 9, 'ADA',  0.45116,  6, 0.35, 'quantity', 0.93),
    (10, 'TRX',  0.114203, 6, 0.35, 'value',    0.92),
    (11, 'AVAX', 36.4127,  8, 0.30, 'quantity', 0.92),
    (12, 'LINK', 17.2938,  8, 0.30, 'quantity', 0.91),
    (13, 'DOT',  7.1184,   8, 0.25, 'quantity', 0.90),
    (14, 'LTC',  84.273,   8, 0.25, 'quantity', 0.90);

INSERT INTO desk.asset (asset, tier_unit, liability_weight, requirement_weight, source)
SELECT asset, tier_unit, CASE WHEN n <= 2 THEN 1 ELSE 1.05 END,
       CASE WHEN n = 2 THEN 1.02 ELSE 1 END, 'bench'
  FROM bench.asset;

-- Bounds in units of the asset or in USD; the last tier is a cap.
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio)
SELECT asset, round(bound / CASE tier_unit WHEN 'quantity' THEN price ELSE 1 END, CASE WHEN price > 100 THEN 1 ELSE -1 END),
       round(top * factor, 4)
  FROM bench.asset,
       (VALUES (0, 1), (100000, 0.995), (500000, 0.985), (1000000, 0.97), (5000000, 0.85), (25000000, 0)) AS t (bound, factor);

INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate)
SELECT asset, round(bound / price, 1), rate
  FROM bench.asset, (VALUES (0, 0.02), (200000, 0.03), (1000000, 0.05)) AS t (bound, rate)
 WHERE n <= 6;

INSERT INTO desk.index_price (asset, price, updated_at)
SELECT asset, price, now() FROM bench.asset;

-- 50 contracts: 34 settled in USDT, 14 in USDC, 2 in BTC.
CREATE TABLE bench.contract AS
SELECT n, base || '_' || settle AS contract, base, settle, contract_size, tick,
       -- the mark lies within 0.2 % of the index, on the contract's tick
       round(price / CASE settle WHEN 'BTC' THEN 68011.37 ELSE 1 END
             * (1 + (bench.u(n, 1)::numeric - 0.5) * 0.004), tick) AS mark,
       CASE WHEN n % 5 = 3 THEN 'larger' WHEN n % 7 = 5 THEN 'net' ELSE 'leg' END AS netting,
       CASE WHEN n % 6 = 5 THEN 'whole' ELSE 'marginal' END AS maintenance_method,
       CASE WHEN n % 8 = 7 THEN 'marginal' ELSE 'whole' END AS initial_method,
       0.0003 + n % 3 * 0.0001 AS closing_fee
  FROM (SELECT row_number() OVER (ORDER BY settle DESC, o)::int AS n, *
          FROM (SELECT o, base, price, contract_size, tick, CASE c WHEN 1 THEN 'USDT' ELSE 'USDC' END AS settle
                  FROM (VALUES
                        (1, 'BTC', 68011.37, 0.0001, 1), (2, 'ETH', 3512.84, 0.01, 2), (3, 'SOL', 171.463, 1, 3),
                        (4, 'BNB', 592.31, 0.01, 2), (5, 'XRP', 0.52418, 10, 4), (6, 'DOGE', 0.161827, 10, 5),
                        (7, 'ADA', 0.45116, 10, 4), (8, 'TRX', 0.114203, 100, 5), (9, 'AVAX', 36.4127, 1, 3),
                        (10, 'LINK', 17.2938, 1, 3), (11, 'DOT', 7.1184, 1, 3), (12, 'LTC', 84.273, 0.1, 2),
                        (13, 'PEPE', 0.0000112843, 10000000, 10), (14, 'SHIB', 0.0000247, 10000, 9),
                        (15, 'UNI', 9.817, 1, 3), (16, 'ATOM', 8.4412, 1, 3), (17, 'FIL', 5.9231, 1, 3),
                        (18, 'ARB', 1.10384, 1, 4), (19, 'OP', 2.4417, 1, 4), (20, 'NEAR', 7.318, 1, 3),
                        (21, 'APT', 8.9152, 1, 3), (22, 'SUI', 1.04471, 1, 4), (23, 'TON', 6.3391, 1, 3),
                        (24, 'INJ', 25.811, 1, 3), (25, 'AAVE', 91.44, 0.01, 2), (26, 'MKR', 2741.8, 0.001, 1),
                        (27, 'ETC', 29.317, 0.1, 3), (28, 'BCH', 467.02, 0.01, 2), (29, 'XLM', 0.107214, 10, 5),
                        (30, 'ALGO', 0.181446, 10, 4), (31, 'EOS', 0.80417, 1, 4), (32, 'GALA', 0.0432117, 10, 5),
                        (33, 'CRV', 0.43882, 1, 4), (34, 'LDO', 1.9914, 1, 4)) AS b (o, base, price, contract_size, tick),
                       generate_series(1, 2) AS c
                 WHERE c = 1 OR o <= 14
                UNION ALL VALUES (1, 'ETH', 3512.84, 0.1, 5, 'BTC'), (2, 'SOL', 171.463, 1, 6, 'BTC')) AS s) AS c;

INSERT INTO desk.contract (contract, settle, base, contract_size, netting, closing_fee,
                             maintenance_method, initial_method, source)
SELECT c.contract, c.settle, a.asset, c.contract_size, c.netting, c.closing_fee,
       c.maintenance_method, c.initial_method, 'bench'
  FROM bench.contract c LEFT JOIN bench.asset a ON a.asset = c.base;

-- Bounds in the settlement asset; four contracts ask no initial margin.
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
SELECT contract, round(bound / CASE settle WHEN 'BTC' THEN 60000.0 ELSE 1 END, 4),
       rate * (1 + n % 4 * 0.25), CASE WHEN n % 13 <> 12 THEN rate * 2 * (1 + n % 4 * 0.25) END
  FROM bench.contract,
       (VALUES (0, 0.004), (50000, 0.006), (250000, 0.01), (1000000, 0.02), (5000000, 0.05)) AS t (bound, rate);

INSERT INTO desk.mark_price (contract, price, updated_at)
SELECT contract, mark, now() FROM bench.contract;

INSERT INTO desk.level_threshold VALUES ('warning', 0.75), ('margin_call', 0.9), ('liquidation', 1);

-- 100 scenarios that move every price, stablecoins too, by up to a half.
CREATE TABLE bench.scenario AS
SELECT ROW(to_char(i, 'FM000'), asset, NULL, round(bench.u(i, 700 + n)::numeric - 0.5, 3), NULL)::margin.price_move AS move
  FROM generate_series(1, 100) AS i, bench.asset;

-------------------------------------------------------------- the accounts

-- Wealth spans six orders of magnitude; a balance is a share of it.
CREATE FUNCTION bench.wealth(account bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN 10 ^ (1.5 + 1.6 * (bench.u(account, 2) + bench.u(account, 3) + 0.9 * bench.u(account, 4)));

-- Positions relative to wealth: one account in 16 plays high, with entries near the mark.
CREATE FUNCTION bench.gearing(account bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN bench.u(account, 8) < 0.06 THEN 10 + 150 * bench.u(account, 9) ELSE 1 END;

-- One account in 50 owes USDT, one in 200 owes another asset; one in 20,000 holds a
-- token the market does not know.
INSERT INTO desk.balance (account_id, asset, quantity)
SELECT account, asset,
       CASE WHEN n = 1 AND bench.u(account, 5) < 0.02 THEN -3
            WHEN n = 3 + account % 12 AND bench.u(account, 5) > 0.995 THEN -0.2
            ELSE 1 END
       * GREATEST(0.0001,
           round((bench.wealth(account) * bench.u(account, 20 + n) ^ 2 / price)::numeric,
                 CASE WHEN bench.u(account, 40 + n) < 0.15 THEN 2  -- round numbers are common
                      WHEN bench.u(account, 40 + n) < 0.35 THEN 4 ELSE decimals END))
  FROM generate_series(1, :accounts) AS account,
       LATERAL (SELECT * FROM bench.asset WHERE bench.u(account, 60 + n) < held ORDER BY asset) AS a
UNION ALL
SELECT account, 'UNLISTED', 1000 FROM generate_series(20000, :accounts, 20000) AS account;

-- Four accounts in five trade: 1 to 8 contracts, one position in twelve hedged
-- by a lot on the other side.
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage)
SELECT account, c.contract,
       CASE WHEN (bench.u(account, 100 + c.n) < 0.55) = (lot = 1) THEN 1 ELSE -1 END * GREATEST(1,
           round((bench.wealth(account) * bench.gearing(account) * 4 * bench.u(account * 2 + lot, 200 + c.n) ^ 4
                  / (c.contract_size * c.mark * CASE c.settle WHEN 'BTC' THEN 68000 ELSE 1 END))::numeric)),
       GREATEST(10 ^ -c.tick::numeric,
                round(c.mark * (1 + 0.3 * (bench.u(account * 2 + lot, 300 + c.n) - 0.5)
                                        / sqrt(bench.gearing(account)))::numeric, c.tick)),
       (ARRAY[NULL, NULL, 1, 2, 3, 5, 7.5, 10, 10, 20, 25, 50, 75, 100])[1 + floor(14 * bench.u(account, 400 + c.n))::int]
  FROM generate_series(1, :accounts) AS account,
       LATERAL (SELECT k.*, lot
                  FROM generate_series(1, CASE WHEN bench.u(account, 6) < 0.2 THEN 0
                                               ELSE 1 + floor(8 * bench.u(account, 7))::int END) AS j,
                       bench.contract AS k, generate_series(1, 2) AS lot
                 WHERE k.n = 1 + (account * 31 + j * 7) % 50  -- 7 and 50 share no divisor: never twice the same
                   AND (lot = 1 OR bench.u(account, 500 + k.n) < 0.085)
                 ORDER BY contract, lot) AS c;

---------------------------------------------------------------- the copies

\if :copies
-- a book of its own, judged by the same venue
SELECT margin.create_book('scattered', 'desk') \g /dev/null
-- each row somewhere else, not each account
INSERT INTO scattered.balance
SELECT * FROM desk.balance ORDER BY hash_record_extended(ROW(account_id, asset), 8);
INSERT INTO scattered.position
SELECT * FROM desk.position ORDER BY hash_record_extended(ROW(account_id, contract, side), 9);

CREATE TABLE partitioned.balance (LIKE desk.balance INCLUDING ALL) PARTITION BY HASH (account_id);
CREATE TABLE partitioned.position (LIKE desk.position INCLUDING ALL) PARTITION BY HASH (account_id);
SELECT format('CREATE TABLE partitioned.%1$s_%2$s PARTITION OF partitioned.%1$s FOR VALUES WITH (MODULUS 4, REMAINDER %2$s)', t, r)
  FROM unnest('{balance,position}'::text[]) AS t, generate_series(0, 3) AS r \gexec
INSERT INTO partitioned.balance SELECT * FROM desk.balance;
INSERT INTO partitioned.position SELECT * FROM desk.position;

\endif

-- Statistics exact and pages frozen, so that no run pays for another's housekeeping.
VACUUM (FREEZE, ANALYZE);
CHECKPOINT;
