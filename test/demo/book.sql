-- The demo book: a small venue with 14 tokens, 50 contracts, 12,014 accounts.
--
-- Usage: psql -f book.sql, in a fresh database where margin is installed. The book
-- and its venue are in the schema "desk", what only the demo needs is in "demo".
--
-- The BTC, USDT and USDC collateral ratios come from margin.load_published('desk').
-- Everything else here - prices, tiers, contracts, accounts - is ILLUSTRATIVE:
-- round figures that make good examples, not anybody's real parameters. The
-- column "source" of each asset and contract says so.
--
-- The book is the same on every machine: no random numbers, no clock. Prices
-- carry no max_age, so the demo does not go stale, except one on purpose.

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = pg_catalog;
BEGIN;

CREATE SCHEMA desk;
SELECT margin.create_book('desk') \g /dev/null

CREATE SCHEMA demo;
COMMENT ON SCHEMA demo IS 'demo of margin: stories, hand-computed numbers, scenarios';

-- ---------------------------------------------------------------------------
-- Assets
-- ---------------------------------------------------------------------------

SELECT margin.load_published('desk') \g /dev/null

INSERT INTO desk.asset (asset, tier_unit, liability_weight, source)
SELECT asset, tier_unit, liability_weight,
       'ILLUSTRATIVE: all parameters made up for the demo'
FROM (VALUES
    ('ETH',  'quantity', 1.00),
    ('SOL',  'quantity', 1.02),
    ('BNB',  'quantity', 1.02),
    ('XRP',  'value',    1.05),
    ('DOGE', 'value',    1.05),
    ('ADA',  'value',    1.05),
    ('AVAX', 'value',    1.05),
    ('LINK', 'value',    1.05),
    ('DOT',  'value',    1.05),
    ('LTC',  'value',    1.05),
    ('TRX',  'value',    1.05)          -- no tiers: not accepted as collateral
) AS a (asset, tier_unit, liability_weight);

UPDATE desk.asset
SET source = concat_ws('; ', source, 'ILLUSTRATIVE: price and liability tiers made up for the demo')
WHERE asset IN ('BTC', 'USDT', 'USDC');

-- Tiers in units of the asset.
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES
    ('ETH', 0, 0.97), ('ETH',  10, 0.96), ('ETH',  100, 0.95), ('ETH',  1000, 0.90), ('ETH',  10000, 0),
    ('SOL', 0, 0.95), ('SOL', 100, 0.93), ('SOL', 1000, 0.90), ('SOL', 10000, 0.80), ('SOL', 100000, 0),
    ('BNB', 0, 0.95), ('BNB', 100, 0.93), ('BNB',  500, 0.90), ('BNB',  2000, 0.80), ('BNB',  20000, 0);

-- Tiers in USD.
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio)
SELECT asset, lower_bound, ratio
FROM unnest(ARRAY['XRP', 'DOGE', 'ADA', 'AVAX', 'LINK', 'DOT', 'LTC']) AS asset,
     (VALUES (0, 0.90), (50000, 0.85), (250000, 0.80), (1000000, 0.50), (5000000, 0)) AS t (lower_bound, ratio);

-- Maintenance of debts, by quantity owed.
INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES
    ('USDT', 0, 0.02), ('USDT', 100000, 0.03), ('USDT', 1000000, 0.05),
    ('USDC', 0, 0.02), ('USDC', 100000, 0.03), ('USDC', 1000000, 0.05),
    ('BTC',  0, 0.03), ('BTC',  10, 0.05),
    ('ETH',  0, 0.03), ('ETH', 100, 0.05),
    ('SOL',  0, 0.05), ('BNB', 0, 0.05), ('XRP', 0, 0.05), ('DOGE', 0, 0.05), ('ADA', 0, 0.05), ('AVAX', 0, 0.05),
    ('LINK', 0, 0.05), ('DOT', 0, 0.05), ('LTC', 0, 0.05), ('TRX',  0, 0.05);

INSERT INTO desk.index_price (asset, price, updated_at)
SELECT asset, price, '2025-01-01 00:00+00'
FROM (VALUES
    ('BTC', 60000), ('ETH', 3000), ('SOL', 150), ('BNB', 600), ('XRP', 0.5), ('DOGE', 0.1), ('ADA', 0.4),
    ('AVAX', 30), ('LINK', 15), ('DOT', 6), ('LTC', 80), ('TRX', 0.12), ('USDT', 1), ('USDC', 1)
) AS p (asset, price);

-- ---------------------------------------------------------------------------
-- Contracts: for each of 12 tokens a perpetual and a March future, in USDT and
-- in USDC; for BTC and ETH a June future as well. Each of the three netting
-- modes occurs:
--
--     BTC_USDT      leg      each side pays for itself
--     BTC_USDC      larger   the larger side pays
--     BTC_USDT_MAR  net      the difference pays
-- ---------------------------------------------------------------------------

CREATE TABLE demo.token (
    token         text PRIMARY KEY,
    class         text NOT NULL,    -- picks the risk tiers
    price         numeric NOT NULL,
    contract_size numeric NOT NULL
);
COMMENT ON TABLE demo.token IS 'the tokens that have contracts; used to build the book';
INSERT INTO demo.token (token, class, contract_size, price)
SELECT t.token, t.class, t.contract_size, p.price
FROM (VALUES
    ('BTC', 'large', 0.0001), ('ETH', 'large', 0.01),
    ('SOL', 'middle', 0.1), ('BNB', 'middle', 0.01), ('XRP', 'middle', 10),
    ('DOGE', 'small', 100), ('ADA', 'small', 10), ('AVAX', 'small', 1), ('LINK', 'small', 1),
    ('DOT', 'small', 1), ('LTC', 'small', 0.1), ('TRX', 'small', 100)
) AS t (token, class, contract_size)
JOIN desk.index_price AS p ON p.asset = t.token;

CREATE TABLE demo.contract_kind (
    suffix      text PRIMARY KEY,
    settle      text NOT NULL,
    netting     text NOT NULL,
    premium     numeric NOT NULL,   -- mark price over index price
    classes     text[] NOT NULL
);
COMMENT ON TABLE demo.contract_kind IS 'the kinds of contracts; used to build the book';
INSERT INTO demo.contract_kind VALUES
    ('_USDT',     'USDT', 'leg',    1.001, '{large,middle,small}'),
    ('_USDC',     'USDC', 'larger', 1,     '{large,middle,small}'),
    ('_USDT_MAR', 'USDT', 'net',    1.01,  '{large,middle,small}'),
    ('_USDC_MAR', 'USDC', 'net',    1.01,  '{large,middle,small}'),
    ('_USDT_JUN', 'USDT', 'net',    1.02,  '{large}');

INSERT INTO desk.contract (contract, settle, base, contract_size, netting, closing_fee, source)
SELECT t.token || k.suffix, k.settle, t.token, t.contract_size, k.netting, 0.0005,
       'ILLUSTRATIVE: all parameters made up for the demo'
FROM demo.token AS t JOIN demo.contract_kind AS k ON t.class = ANY (k.classes);

INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
SELECT t.token || k.suffix, r.lower_bound, r.maintenance_rate, 2 * r.maintenance_rate
FROM demo.token AS t
JOIN demo.contract_kind AS k ON t.class = ANY (k.classes)
JOIN (VALUES
    ('large',  0, 0.005), ('large',  250000, 0.01), ('large',  1000000, 0.015), ('large',  5000000, 0.025), ('large',  20000000, 0.05),
    ('middle', 0, 0.01),  ('middle', 100000, 0.02), ('middle',  500000, 0.03),  ('middle', 2000000, 0.05),  ('middle', 10000000, 0.10),
    ('small',  0, 0.02),  ('small',   25000, 0.03), ('small',   100000, 0.05),  ('small',   500000, 0.10),  ('small',   2000000, 0.20)
) AS r (class, lower_bound, maintenance_rate) ON r.class = t.class;

INSERT INTO desk.mark_price (contract, price, updated_at)
SELECT t.token || k.suffix, t.price * k.premium, '2025-01-01 00:00+00'
FROM demo.token AS t JOIN demo.contract_kind AS k ON t.class = ANY (k.classes);

-- The one price that is too old: whoever holds this contract is unpriced.
UPDATE desk.contract SET max_age = '5 minutes' WHERE contract = 'LTC_USDT_MAR';

-- ---------------------------------------------------------------------------
-- Fourteen stories, accounts 1 to 14. expected.sql computes each by hand.
-- Sizes of one contract: BTC 0.0001, ETH 0.01, SOL 0.1, AVAX 1, LTC 0.1.
-- ---------------------------------------------------------------------------

CREATE TABLE demo.story (
    account_id  bigint PRIMARY KEY,
    title       text NOT NULL,
    what_to_see text NOT NULL
);
COMMENT ON TABLE demo.story IS 'the hand-made accounts of the demo book and what each of them shows';
INSERT INTO demo.story VALUES
    (1,  'Plain and healthy',
         'Three assets and a long of 0.2 BTC at 10x. At 10x it asks for more initial margin (1,201.20) than its tier would (120.12).'),
    (2,  'A whale past its top tier',
         'Holds 9 million USD in BTC, but the coins past 100 count for nothing, and a debt in USDT stands against the rest. Worth 3.8 million, yet short.'),
    (3,  'A hedged pair, three times',
         'The same 100 ETH long and short in three contracts: "leg" charges both sides, "larger" one, "net" nothing. The locked-in gain counts in all of them.'),
    (4,  'BTC carries a debt in USDT',
         'No position at all: 2 BTC are worth 120,000 but count 116,700 against 113,500 USDT owed. The debt asks for maintenance of its own.'),
    (5,  'A stablecoin depegs',
         'USDC against a debt in USDT: healthy at par, due for liquidation in the stored market where USDC stands at 0.90.'),
    (6,  'A stale price',
         'The mark of LTC_USDT_MAR is older than its max_age. No amount is shown rather than one from an old price.'),
    (7,  'Bankrupt',
         'A long of 2,000 AVAX from 42 down to 30.03 lost more than all its collateral.'),
    (8,  'Exactly at the margin call',
         'Maintenance 1,122 against equity 1,320: exactly 0.85. A threshold that is reached counts as crossed.'),
    (9,  'A millionth of a dollar better',
         'As account 8, with 0.000001 USDC more. The ratio prints the same, the level does not: it is decided without dividing.'),
    (10, 'Gains carry losses',
         'Loses 16,120 in ETH with a balance of 1,000, but gains 20,120 in BTC. Both settle in USDT and net before anything is judged.'),
    (11, 'An asset that is no collateral',
         'A million TRX, worth 120,000 USD, has no collateral tiers and counts 0. The known 2,000 USDT do not carry 1,200 SOL.'),
    (12, 'An unknown symbol',
         'Holds PEPE, which no table knows. Unknown is never worth zero: the account is unpriced and says why.'),
    (13, 'A pool covers the fall of one asset',
         'BTC, ETH and SOL, worth 120,000 together, against 60,000 USDT owed. Still healthy when SOL loses half.'),
    (14, 'The same worth in one asset',
         'As account 13, but all 120,000 in SOL. Healthy today, bankrupt when SOL loses half.');

INSERT INTO desk.balance (account_id, asset, quantity) VALUES
    (1,  'USDT', 10000), (1, 'BTC', 0.5), (1, 'ETH', 2),
    (2,  'BTC', 150), (2, 'USDT', -5150000),
    (3,  'USDT', 20000), (3, 'USDC', 20000),
    (4,  'BTC', 2), (4, 'USDT', -113500),
    (5,  'USDC', 100000), (5, 'USDT', -88500),
    (6,  'USDT', 20000),
    (7,  'USDT', 15000), (7, 'BTC', 0.05),
    (8,  'USDC', 8120),
    (9,  'USDC', 8120.000001),
    (10, 'USDT', 1000),
    (11, 'TRX', 1000000), (11, 'USDT', 2000),
    (12, 'BTC', 1), (12, 'PEPE', 5000000),
    (13, 'BTC', 1), (13, 'ETH', 10), (13, 'SOL', 200), (13, 'USDT', -60000),
    (14, 'SOL', 800), (14, 'USDT', -60000);

INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage) VALUES
    (1,  'BTC_USDT',          2000, 58060, 10),
    (2,  'BTC_USDT',      -1000000, 59500, NULL),
    (2,  'ETH_USDC',         20000,  2900, NULL),
    (3,  'ETH_USDT',         10000,  2950, NULL), (3, 'ETH_USDT',     -10000, 3000, NULL),
    (3,  'ETH_USDC',         10000,  2950, NULL), (3, 'ETH_USDC',     -10000, 3000, NULL),
    (3,  'ETH_USDT_MAR',     10000,  2950, NULL), (3, 'ETH_USDT_MAR', -10000, 3000, NULL),
    (6,  'LTC_USDT_MAR',      1000,    80, NULL),
    (7,  'AVAX_USDT',         2000,    42, 5),
    (8,  'ETH_USDC',          6800,  3100, NULL),
    (9,  'ETH_USDC',          6800,  3100, NULL),
    (10, 'BTC_USDT',         20000, 50000, NULL), (10, 'ETH_USDT', -4000, 2600, NULL),
    (11, 'SOL_USDT',         12000, 150.15, NULL);

-- ---------------------------------------------------------------------------
-- The crowd: accounts 101 to 12100
-- ---------------------------------------------------------------------------

-- A number in [0, 1) with six digits that looks arbitrary but depends on the
-- account and on what is asked for alone: integer arithmetic, the same everywhere.
CREATE FUNCTION demo.roll(account bigint, salt bigint) RETURNS numeric
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT ((z * 48271 + y) % 2147483647 % 1000000) / 1000000.0
    FROM (SELECT (account * 48271 + salt * 69621 + 12345) % 2147483647) AS a (x),
         LATERAL (SELECT x * x % 2147483647) AS b (y),
         LATERAL (SELECT (y + salt) * (y + salt) % 2147483647) AS c (z);
END;
COMMENT ON FUNCTION demo.roll(bigint, bigint) IS 'a repeatable arbitrary number from 0 to below 1';

CREATE TEMPORARY TABLE kind ON COMMIT DROP AS
SELECT c.contract, c.settle, c.contract_size, p.price AS mark, t.class,
       -- first tier of the class, closing fee included
       CASE t.class WHEN 'large' THEN 0.0055 WHEN 'middle' THEN 0.0105 ELSE 0.0205 END AS rate,
       -- the most popular first
       row_number() OVER (ORDER BY length(k.suffix), k.suffix COLLATE "C" DESC, t.class COLLATE "C", t.token COLLATE "C") - 1 AS rank
FROM demo.token AS t
JOIN demo.contract_kind AS k ON t.class = ANY (k.classes)
JOIN desk.contract AS c ON c.contract = t.token || k.suffix
JOIN desk.mark_price AS p ON p.contract = c.contract;

CREATE TEMPORARY TABLE crowd ON COMMIT DROP AS
SELECT id,
       -- one in twenty trades as near to the edge as it can
       demo.roll(id, 1) < 0.05 AS on_edge,
       -- worth in USD, roughly: many small ones, few large
       (ARRAY[200, 500, 800, 1000, 2000, 3000, 5000, 8000, 15000, 40000, 120000, 600000])
           [1 + floor(demo.roll(id, 2) * CASE WHEN demo.roll(id, 1) < 0.05 THEN 9 ELSE 12 END)::integer]
           * (0.5 + demo.roll(id, 3)) AS worth,
       -- notional of its positions, in times of its worth
       (ARRAY[0, 0.2, 0.3, 0.5, 0.5, 0.8, 1, 1, 1.5, 2, 3, 4])
           [1 + floor(demo.roll(id, 4) * 12)::integer] AS gearing,
       1 + floor(demo.roll(id, 5) * 4)::integer AS contracts
FROM generate_series(101, 12100) AS id;

-- Most accounts keep part of their worth in USDT or USDC and the rest in some
-- tokens; some owe a stablecoin, or a token they sold.
INSERT INTO desk.balance (account_id, asset, quantity)
SELECT id, asset, sum(quantity)
FROM (
    SELECT id, CASE WHEN demo.roll(id, 10) < 0.7 THEN 'USDT' ELSE 'USDC' END,
           round(worth * (0.2 + 0.3 * demo.roll(id, 11)), 2)
    FROM crowd WHERE NOT on_edge
    UNION ALL
    SELECT id, token, round(worth * (0.1 + 0.5 * demo.roll(id, 20 + n)) / price, 6)
    FROM crowd
    CROSS JOIN (SELECT *, row_number() OVER (ORDER BY token COLLATE "C") AS n FROM demo.token) AS t
    WHERE NOT on_edge
      AND demo.roll(id, 40 + n) < CASE class WHEN 'large' THEN 0.45 WHEN 'middle' THEN 0.2 ELSE 0.08 END
    UNION ALL
    SELECT id, CASE WHEN demo.roll(id, 61) < 0.6 THEN 'USDT' ELSE 'USDC' END,
           - round(worth * (0.1 + 0.25 * demo.roll(id, 62)), 2)
    FROM crowd WHERE NOT on_edge AND demo.roll(id, 60) < 0.15
    UNION ALL
    SELECT id, asset, - round(worth * 0.2 * demo.roll(id, 64) / price, 6)
    FROM crowd
    JOIN desk.index_price ON asset = CASE WHEN demo.roll(id, 65) < 0.5 THEN 'ETH' ELSE 'SOL' END
    WHERE NOT on_edge AND demo.roll(id, 63) < 0.04
) AS b (id, asset, quantity)
GROUP BY id, asset
HAVING sum(quantity) <> 0;

-- Up to four contracts, now and then with both sides; entries within 4 % of the mark.
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage)
SELECT id, contract, sign * quantity,
       round(mark * (0.96 + 0.08 * demo.roll(id, 110 + 10 * n + sign)), 4),
       (ARRAY[NULL, 3, 5, 10, 20, 25])[1 + floor(demo.roll(id, 150 + n) * 6)::integer]
FROM (
    SELECT DISTINCT ON (id, contract) id, n, contract, mark,
           ceil(worth * gearing / contracts * (0.5 + demo.roll(id, 70 + n))
                * CASE class WHEN 'large' THEN 1 WHEN 'middle' THEN 0.6 ELSE 0.2 END / (contract_size * mark)) AS quantity,
           demo.roll(id, 80 + n) AS direction
    FROM crowd
    JOIN LATERAL generate_series(1, contracts) AS n ON gearing > 0
    JOIN kind ON rank = floor(50 * demo.roll(id, 90 + n) * demo.roll(id, 100 + n))
    -- the contract with the stale price has few holders
    WHERE NOT on_edge AND (contract <> 'LTC_USDT_MAR' OR id % 40 = 0)
    ORDER BY id, contract, n
) AS p,
     unnest(CASE WHEN direction < 0.06 THEN ARRAY[1, -1] WHEN direction < 0.6 THEN ARRAY[1] ELSE ARRAY[-1] END) AS sign;

-- On the edge: one position inside its first tier, and a balance that leaves
-- about maintenance / margin_ratio of equity once gain or loss is counted.
CREATE TEMPORARY TABLE edge ON COMMIT DROP AS
SELECT id, contract, settle, sign, quantity, rate * notional / margin_ratio AS equity, notional, entry,
       contract_size * quantity * sign * (mark - entry) AS gain
FROM (
    SELECT id, contract, settle, contract_size, mark, rate,
           CASE WHEN demo.roll(id, 160) < 0.5 THEN 1 ELSE -1 END AS sign,
           ceil(worth * CASE class WHEN 'large' THEN 10 WHEN 'middle' THEN 4 ELSE 1 END / (contract_size * mark)) AS quantity,
           round(mark * (0.97 + 0.06 * demo.roll(id, 161)), 4) AS entry,
           -- one in forty is past saving; the others up to 1.05, few of them above 1
           CASE WHEN demo.roll(id, 162) < 0.025 THEN -1 ELSE 0.5 + 0.55 * demo.roll(id, 163) * demo.roll(id, 163) END AS margin_ratio
    FROM crowd
    JOIN kind ON rank = floor(24 * demo.roll(id, 164) * demo.roll(id, 165))
    WHERE on_edge
) AS e,
     LATERAL (SELECT contract_size * mark * quantity) AS f (notional);

INSERT INTO desk.position (account_id, contract, quantity, entry_price)
SELECT id, contract, sign * quantity, entry FROM edge;

INSERT INTO desk.balance (account_id, asset, quantity)
SELECT id, settle, round(equity - gain, 2) FROM edge WHERE round(equity - gain, 2) <> 0;

-- ---------------------------------------------------------------------------
-- Stored markets: today's with something moved. Any portfolio can be evaluated
-- in any of them, now or in ten years.
-- ---------------------------------------------------------------------------

CREATE TABLE demo.scenario (
    scenario text PRIMARY KEY,
    market   margin.market NOT NULL,
    note     text NOT NULL
);
COMMENT ON TABLE demo.scenario IS 'stored markets in which the demo book can be valued';

INSERT INTO demo.scenario
SELECT 'today', desk.market(), 'as the reference tables stand';

-- Coins keep their dollar price, so marks quoted in USDC rise as USDC falls.
INSERT INTO demo.scenario
SELECT 'USDC at 0.90',
       jsonb_set(jsonb_set(today, '{assets,USDC,price}', '0.90'), '{contracts}', contracts)::text::margin.market,
       'USDC falls to 0.90 USD; marks quoted in USDC rise by as much'
FROM (SELECT desk.market()::text::jsonb) AS m (today),
     LATERAL (SELECT jsonb_object_agg(key, CASE WHEN value ->> 'settle' = 'USDC'
                  THEN jsonb_set(value, '{mark}', to_jsonb(round((value ->> 'mark')::numeric / 0.90, 8)))
                  ELSE value END)
              FROM jsonb_each(today -> 'contracts')) AS c (contracts);

INSERT INTO demo.scenario
SELECT 'SOL at half',
       jsonb_set(jsonb_set(today, '{assets,SOL,price}', '75'), '{contracts}', contracts)::text::margin.market,
       'SOL and every mark price of its contracts at half'
FROM (SELECT desk.market()::text::jsonb) AS m (today),
     LATERAL (SELECT jsonb_object_agg(key, CASE WHEN value ->> 'base' = 'SOL'
                  THEN jsonb_set(value, '{mark}', to_jsonb((value ->> 'mark')::numeric / 2))
                  ELSE value END)
              FROM jsonb_each(today -> 'contracts')) AS c (contracts);

COMMIT;
ANALYZE;
