-- One portfolio whichever way the rows are aggregated: hashed, sorted, in
-- parallel workers, by partitions, as window, by roll-up of parts.
SET search_path = margin, public;

CREATE TABLE lots (account_id int, symbol text, quantity numeric, entry_price numeric, leverage numeric)
    PARTITION BY HASH (symbol);
CREATE TABLE lots_0 PARTITION OF lots FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE lots_1 PARTITION OF lots FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE lots_2 PARTITION OF lots FOR VALUES WITH (MODULUS 3, REMAINDER 2);
-- 20 symbols an account and more (the table by name is searched, then hashed);
-- every tenth quantity has 30 digits or more, some balances net to 0
INSERT INTO lots
SELECT i % 97, 'S' || (i * 7919) % 41,
       CASE i % 10 WHEN 0 THEN 123456789012345678901234567890.000000000000000001 * i
                   WHEN 1 THEN -(i % 7) ELSE (i % 13) - 6 END,
       CASE WHEN i % 3 = 0 THEN NULL ELSE (i % 1000) * 1.25 END,
       CASE WHEN i % 3 = 1 THEN i % 7 + 1 END
  FROM generate_series(1, 20000) i;
ANALYZE lots;

CREATE TABLE plain AS
SELECT account_id, portfolio(symbol, quantity, entry_price, leverage ORDER BY symbol, quantity) AS p FROM lots GROUP BY account_id;

-- against sums in plain SQL
SELECT count(*) AS wrong
  FROM (SELECT account_id, symbol, sum(quantity) AS b FROM lots WHERE entry_price IS NULL GROUP BY 1, 2) s
  JOIN plain USING (account_id)
 WHERE coalesce((p::text::jsonb #>> ARRAY['balances', symbol])::numeric, 0) <> b;
SELECT count(*) AS wrong
  FROM (SELECT account_id, symbol, sum(quantity) AS l, sum(quantity * entry_price) AS kl FROM lots
         WHERE entry_price IS NOT NULL AND quantity > 0 GROUP BY 1, 2) s
  JOIN plain USING (account_id)
 WHERE (p::text::jsonb #>> ARRAY['positions', symbol, 'long'])::numeric IS DISTINCT FROM l
    OR coalesce((p::text::jsonb #>> ARRAY['positions', symbol, 'long_cost'])::numeric, 0) <> kl;

CREATE FUNCTION differences() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM plain FULL JOIN
        (SELECT account_id, portfolio(symbol, quantity, entry_price, leverage) AS q FROM lots GROUP BY account_id) x USING (account_id)
     WHERE p IS DISTINCT FROM q
$$;
-- does a plan of the query have such a node, or such a word?
CREATE FUNCTION plan_has(word text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    line text;
BEGIN
    FOR line IN EXPLAIN SELECT account_id, portfolio(symbol, quantity, entry_price, leverage) FROM lots GROUP BY account_id LOOP
        IF strpos(line, word) > 0 THEN RETURN true; END IF;
    END LOOP;
    RETURN false;
END
$$;

SET max_parallel_workers_per_gather = 0;
SET enable_sort = off;
SELECT differences() AS hashed, plan_has('HashAggregate');
RESET enable_sort;
SET enable_hashagg = off;
SELECT differences() AS sorted, plan_has('GroupAggregate');
RESET enable_hashagg;
SET enable_partitionwise_aggregate = on;
SELECT differences() AS by_partition, plan_has('Partial');
SET max_parallel_workers_per_gather = 2;
SET parallel_setup_cost = 0;
SET parallel_tuple_cost = 0;
SET min_parallel_table_scan_size = 0;
SELECT differences() AS parallel_by_partition, plan_has('Partial') AND plan_has('Gather');
SET enable_partitionwise_aggregate = off;
SELECT differences() AS parallel, plan_has('Partial') AND plan_has('Gather');
SELECT count(*) AS with_kinds_differs FROM plain JOIN (
    SELECT account_id, portfolio(symbol, quantity, entry_price, leverage,
                                 CASE WHEN entry_price IS NULL THEN 'balance' ELSE 'position' END::holding_kind) AS q
      FROM lots GROUP BY account_id) y USING (account_id) WHERE p <> q;
RESET ALL;
SET search_path = margin, public;

SELECT count(*) AS roll_up_differs FROM plain JOIN (
    SELECT account_id, rollup(part) AS q
      FROM (SELECT account_id, quantity % 5 AS k, portfolio(symbol, quantity, entry_price, leverage) AS part FROM lots GROUP BY 1, 2) x
     GROUP BY account_id) y USING (account_id) WHERE p <> q;
SELECT count(*) AS window_differs FROM plain JOIN (
    SELECT DISTINCT account_id, portfolio(symbol, quantity, entry_price, leverage) OVER (PARTITION BY account_id) AS q FROM lots) y
    USING (account_id) WHERE p <> q;
-- a running window: each row's value holds one row more
SELECT count(*) AS running_window_differs
  FROM (SELECT i, portfolio('A', i) OVER (ORDER BY i) AS p FROM generate_series(1, 100) i) w
 WHERE p::text <> format('{"balances": {"A": %s}}', i * (i + 1) / 2);
-- spilled to disk and read back, as schedules too
SET work_mem = '64kB';
SET enable_sort = off;
SELECT differences() AS spilled;
RESET work_mem;
RESET enable_sort;
SET enable_partitionwise_aggregate = on;
CREATE TABLE tier (id int, lower_bound numeric, rate numeric) PARTITION BY HASH (lower_bound);
CREATE TABLE tier_0 PARTITION OF tier FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE tier_1 PARTITION OF tier FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO tier SELECT i, b * b, 1.0 / (b + 1) FROM generate_series(1, 50) i, generate_series(0, 20) b;
SELECT count(DISTINCT s), max(s::text) LIKE '{0: 1, 1: 0.5, 4: 0.33333%, 400: 0.0476%}' AS ordered
  FROM (SELECT schedule(lower_bound, rate) AS s FROM tier GROUP BY id) x;
RESET enable_partitionwise_aggregate;

DROP TABLE lots, plain, tier;
DROP FUNCTION differences(), plan_has(text);
