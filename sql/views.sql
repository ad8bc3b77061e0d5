-- The views, over accounts computed by hand
CREATE SCHEMA desk;
SELECT margin.create_book('desk');

-- BTC 60,000 USD, tiers 0: 0.90, 1: 0.80; a debt weighs 1.1.  USDT 1 USD, counts whole.
-- One contract is 0.1 BTC, its mark 60,000: a notional of 6,000 USDT.
-- Maintenance 0.4 % up to 50,000, 0.5 % above, and 0.05 % closing fee; initial 1 %.
INSERT INTO desk.asset (asset, liability_weight, source) VALUES ('BTC', 1.1, 'a test'), ('USDT', 1, 'a test');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 1, 0.8), ('USDT', 0, 1);
INSERT INTO desk.index_price VALUES ('BTC', 60000), ('USDT', 1);
INSERT INTO desk.contract (contract, settle, contract_size, closing_fee, max_age) VALUES
    ('BTC_USDT', 'USDT', 0.1, 0.0005, NULL), ('STALE', 'USDT', 1, 0, '1 hour');
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES
    ('BTC_USDT', 0, 0.004, 0.01), ('BTC_USDT', 50000, 0.005, 0.01), ('STALE', 0, 0.01, NULL);
INSERT INTO desk.mark_price VALUES ('BTC_USDT', 60000, now()), ('STALE', 10, now() - interval '61 minutes');

INSERT INTO desk.balance (account_id, asset, quantity) VALUES
    (1, 'BTC', 2),                          -- nothing but 2 BTC
    (2, 'USDT', 1000),                      -- a leveraged long that has gained 600
    (3, 'USDT', 450),                       -- a short that has lost 400
    (4, 'BTC', -0.01),                      -- nothing but a debt
    (5, 'NOSUCH', 1), (5, 'BTC', 1),        -- an asset nobody knows
    (6, 'USDT', 10),                        -- a hedged pair: both legs pay
    (7, 'USDT', 1000000),                   -- a contract whose price is stale
    (8, 'USDT', 36), (9, 'USDT', 30),       -- warning, margin call
    (10, 'BTC', 0);                         -- holds nothing
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage) VALUES
    (2, 'BTC_USDT', 3, 58000, 10),
    (3, 'BTC_USDT', -2, 58000, NULL),
    (6, 'BTC_USDT', 1, 60000, NULL), (6, 'BTC_USDT', -1, 60000, NULL),
    (7, 'STALE', 1, 10, NULL),
    (8, 'BTC_USDT', -1, 60000, NULL), (9, 'BTC_USDT', 1, 60000, NULL),
    (11, 'BTC_USDT', 20, 59000, NULL);      -- no balance at all

CREATE TEMP TABLE expected (account_id bigint, v margin.valuation);
INSERT INTO expected VALUES
    -- 60,000 * (0.9 + 0.8)
    (1, (102000, 102000, 0, 120000, 18000, 0, 0, 0, 102000, 0, 0, 'healthy', NULL, 102000, 0, 0)),
    -- PnL 3 * 0.1 * 2,000 = 600.  Notional 18,000: maintenance 72 + 9; initial: 3 / 10 * 6,000 = 1,800 of leverage 10
    (2, (1600, 1600, 0, 1600, 0, 600, 1800, 81, -200, 0, 0.050625, 'healthy', NULL, 1600, 0, 0)),
    -- PnL -2 * 0.1 * 2,000 = -400.  Notional 12,000: 48 + 6; 1 % is 120
    (3, (50, 50, 0, 50, 0, -400, 120, 54, -70, 4, 1.08, 'liquidation', NULL, 50, 0, 0)),
    -- -600 at weight 1.1, no maintenance on debts
    (4, (-660, 0, 660, -600, 60, 0, 0, 0, -660, 660, NULL, 'bankrupt', NULL, -660, 0, 0)),
    (5, (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'unpriced', '{NOSUCH}', NULL, NULL, NULL)),
    -- 24 + 3 on each side; 60 on each
    (6, (10, 10, 0, 10, 0, 0, 120, 54, -110, 44, 5.4, 'liquidation', NULL, 10, 0, 0)),
    (7, (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'unpriced', '{STALE}', NULL, NULL, NULL)),
    -- 27 / 36 = 0.75, 27 / 30 = 0.9
    (8, (36, 36, 0, 36, 0, 0, 60, 27, -24, 0, 0.75, 'warning', NULL, 36, 0, 0)),
    (9, (30, 30, 0, 30, 0, 0, 60, 27, -30, 0, 0.9, 'margin_call', NULL, 30, 0, 0)),
    (10, (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 'healthy', NULL, 0, 0, 0)),
    -- PnL 20 * 0.1 * 1,000.  Notional 120,000: 200 + 350 + 60; 1 % is 1,200; 610 / 2,000
    (11, (2000, 2000, 0, 2000, 0, 2000, 1200, 610, 800, 0, 0.305, 'healthy', NULL, 2000, 0, 0));

SELECT * FROM desk.holding WHERE account_id IN (2, 3, 4) ORDER BY 1, 2;
\x on
SELECT * FROM desk.account_margin WHERE account_id = 3;
\x off
SELECT account_id, level, equity, maintenance_margin, margin_ratio, missing FROM desk.account_margin ORDER BY account_id;
-- what differs from the hand-made numbers: nothing
SELECT account_id, to_jsonb(a) - 'account_id' AS computed, to_jsonb(e.v) AS by_hand
  FROM desk.account_margin AS a FULL JOIN expected AS e USING (account_id)
 WHERE (to_jsonb(a) - 'account_id') IS DISTINCT FROM to_jsonb(e.v);
-- nor of one account at a time
SELECT e.account_id
  FROM expected AS e LEFT JOIN LATERAL desk.account_margin(e.account_id) AS a ON true
 WHERE (to_jsonb(a) - 'account_id') IS DISTINCT FROM to_jsonb(e.v) OR a.account_id IS DISTINCT FROM e.account_id;
SELECT e.account_id
  FROM (SELECT desk.market() AS m OFFSET 0) AS present, expected AS e
  LEFT JOIN LATERAL desk.account_margin(e.account_id, m) AS a ON true
 WHERE (to_jsonb(a) - 'account_id') IS DISTINCT FROM to_jsonb(e.v) OR a.account_id IS DISTINCT FROM e.account_id;
-- an account that holds nothing has no row, one in no market has no valuation
SELECT count(*) FROM desk.account_margin(12);
SELECT count(*) FROM desk.account_margin(NULL);
SELECT * FROM desk.account_margin(3, NULL);
-- a literal or a parameter without a type is an account
SELECT account_id, level FROM desk.account_margin('3');

SELECT account_id, level, shortfall FROM desk.undercollateralized ORDER BY account_id;
SELECT account_id, level, equity, missing FROM desk.unpriced ORDER BY account_id;
-- the three have the same columns
SELECT count(*) AS columns, count(DISTINCT (attnum, attname, atttypid)) AS different
  FROM pg_attribute
 WHERE attrelid IN ('desk.account_margin'::regclass, 'desk.undercollateralized'::regclass, 'desk.unpriced'::regclass) AND attnum > 0;
SELECT array_agg(attname::text ORDER BY attnum) = '{account_id}' || (SELECT array_agg(attname::text ORDER BY attnum)
           FROM pg_attribute WHERE attrelid = 'margin.valuation'::regclass AND attnum > 0) AS account_and_valuation
  FROM pg_attribute WHERE attrelid = 'desk.account_margin'::regclass AND attnum > 0;

SELECT account_id, asset, balance, pnl, asset_equity AS equity, price, net_asset_value AS nav, collateral_value AS value, liability, haircut, missing
  FROM desk.account_collateral WHERE account_id IN (1, 2, 4, 5, 7, 11) ORDER BY account_id, asset COLLATE "C";
SELECT account_id, contract, settle, long, short, mark, long_notional, short_notional,
       pnl, pnl_usd AS usd, maintenance_margin AS maintenance, initial_margin AS initial, missing
  FROM desk.account_position ORDER BY account_id, contract COLLATE "C";
-- parts add up to the whole
SELECT m.account_id
  FROM desk.account_margin AS m
  LEFT JOIN (SELECT account_id, sum(collateral_value) AS collateral_value, sum(liability) AS liabilities, sum(net_asset_value) AS nav,
                    sum(haircut) AS haircut, sum(maintenance_margin) AS maintenance
               FROM desk.account_collateral GROUP BY 1) AS c USING (account_id)
  LEFT JOIN (SELECT account_id, sum(pnl_usd) AS pnl, sum(maintenance_margin) AS maintenance, sum(initial_margin) AS initial, sum(order_margin) AS ordered
               FROM desk.account_position GROUP BY 1) AS p USING (account_id)
 WHERE level <> 'unpriced'
   AND (m.collateral_value, m.liabilities, m.net_asset_value, m.haircut, m.unrealized_pnl, m.maintenance_margin, m.initial_margin, m.order_margin)
       IS DISTINCT FROM (coalesce(c.collateral_value, 0), coalesce(c.liabilities, 0), coalesce(c.nav, 0), coalesce(c.haircut, 0), coalesce(p.pnl, 0),
                         coalesce(c.maintenance, 0) + coalesce(p.maintenance, 0), coalesce(c.maintenance, 0) + coalesce(p.initial + p.ordered, 0), coalesce(p.ordered, 0));

-- Parameters that take effect change the view
BEGIN;
INSERT INTO desk.collateral_tier VALUES ('BTC', now(), 0, 0.5), ('USDT', now() + interval '1 s', 0, 0);
SELECT account_id, equity FROM desk.account_margin WHERE account_id IN (1, 8) ORDER BY 1;
DELETE FROM desk.index_price WHERE asset = 'USDT';
SELECT account_id, missing FROM desk.unpriced ORDER BY 1;
ROLLBACK;

-- Which rows a query touches: does every scan of balance, position and open_order take
-- the account from the primary key?
CREATE FUNCTION pg_temp.by_key(query text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    plan json;
BEGIN
    EXECUTE 'EXPLAIN (FORMAT JSON) ' || query INTO plan;
    RETURN (SELECT count(*) >= 3 AND count(DISTINCT node ->> 'Relation Name') = 3
                   AND bool_and(node ->> 'Index Name' IN ('balance_pkey', 'position_pkey', 'open_order_pkey') AND coalesce(node ->> 'Index Cond' LIKE '%account_id = %', false))
              FROM jsonb_path_query(plan::jsonb, '$.**?(@."Relation Name" == "balance" || @."Relation Name" == "position" || @."Relation Name" == "open_order")') AS node);
END
$$;
SET enable_seqscan = off;
SET enable_bitmapscan = off;
PREPARE one_holding(bigint) AS SELECT * FROM desk.holding WHERE account_id = $1;
PREPARE one_margin(bigint) AS SELECT * FROM desk.account_margin WHERE account_id = $1;
PREPARE some_margin(bigint[]) AS SELECT * FROM desk.account_margin WHERE account_id = ANY ($1);
PREPARE one_given(bigint, margin.market) AS SELECT * FROM desk.account_margin($1, $2);
SET plan_cache_mode = force_generic_plan;
SELECT view,
       pg_temp.by_key(format('SELECT * FROM desk.%I WHERE account_id = 3', view)) AS constant,
       pg_temp.by_key(format('SELECT * FROM desk.%I WHERE account_id IN (3, 4)', view)) AS list,
       pg_temp.by_key(format('SELECT * FROM desk.%I WHERE account_id = ANY (''{3,4}'')', view)) AS "array",
       pg_temp.by_key(format('SELECT * FROM desk.%I WHERE account_id = (SELECT 3)', view)) AS subquery,
       pg_temp.by_key(format('SELECT * FROM (VALUES (3), (4)) AS l (id), LATERAL (SELECT * FROM desk.%I WHERE account_id = l.id OFFSET 0) AS a', view)) AS "lateral",
       pg_temp.by_key(format('SELECT * FROM desk.%I', view)) AS everything
  FROM unnest('{holding,account,account_portfolio,account_margin,undercollateralized,unpriced,account_collateral,account_position,account_stress}'::text[]) AS view;
SELECT pg_temp.by_key('EXECUTE one_holding(3)') AS holding, pg_temp.by_key('EXECUTE one_margin(3)') AS one,
       pg_temp.by_key($$EXECUTE some_margin('{3,4}')$$) AS some, pg_temp.by_key($$EXECUTE one_given(3, '{}')$$) AS one_given;
SELECT pg_temp.by_key('SELECT a.* FROM (VALUES (3), (4)) AS l (id), LATERAL desk.account_margin(l.id) AS a') AS "lateral",
       pg_temp.by_key('SELECT a.* FROM (VALUES (3), (4)) AS l (id), (SELECT desk.market() AS m OFFSET 0) AS present, LATERAL desk.account_margin(l.id, m) AS a') AS lateral_given;
RESET plan_cache_mode;
RESET enable_seqscan;
RESET enable_bitmapscan;
EXECUTE one_margin(3);
-- one market for a whole query
SET track_functions = 'pl';
BEGIN;
SELECT sum(equity) FROM desk.account_margin;
SELECT sum(net_asset_value) FROM desk.account_collateral;
SELECT sum(equity) FROM (VALUES (1), (2), (3)) AS l (id), LATERAL desk.account_margin(id);
SELECT coalesce(pg_stat_get_xact_function_calls('margin_internal.stored_market(anyelement,timestamptz,timestamptz)'::regprocedure), 0) AS markets_read_by_three_queries;
COMMIT;
RESET track_functions;

-- Views see what their reader may see
CREATE ROLE regress_margin_reader;
GRANT USAGE ON SCHEMA desk TO regress_margin_reader;
GRANT SELECT ON desk.account_margin, desk.undercollateralized, desk.account_collateral TO regress_margin_reader;
\set SHOW_CONTEXT never
SET ROLE regress_margin_reader;
SELECT * FROM desk.account_margin;
SELECT * FROM desk.account_margin(3);
RESET ROLE;
GRANT SELECT ON desk.account_portfolio TO regress_margin_reader;
SET ROLE regress_margin_reader;
SELECT * FROM desk.account_margin;
RESET ROLE;
GRANT SELECT ON desk.holding TO regress_margin_reader;
SET ROLE regress_margin_reader;
SELECT * FROM desk.account_margin;
RESET ROLE;
GRANT SELECT ON desk.balance, desk.position, desk.open_order TO regress_margin_reader;
SET ROLE regress_margin_reader;
SELECT * FROM desk.account_margin;
SELECT account_id, level FROM desk.account_margin(3, '{}');
RESET ROLE;
-- the venue's market, of which he need not see the tables
GRANT EXECUTE ON FUNCTION desk.market() TO regress_margin_reader;
SET ROLE regress_margin_reader;
SELECT count(*) FROM desk.account_margin;
SELECT count(*) FROM desk.asset;
INSERT INTO desk.balance VALUES (3, 'BTC', 1000);
UPDATE desk.index_price SET price = 1;
RESET ROLE;
-- row security decides what belongs to an account, through every view
ALTER TABLE desk.balance ENABLE ROW LEVEL SECURITY;
ALTER TABLE desk.position ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON desk.balance TO regress_margin_reader USING (account_id = 3);
CREATE POLICY own ON desk.position TO regress_margin_reader USING (account_id = 3);
SET ROLE regress_margin_reader;
SELECT account_id, level, equity FROM desk.account_margin;
SELECT account_id, level, equity FROM desk.undercollateralized;
SELECT account_id, asset, balance FROM desk.account_collateral;
SELECT account_id, level FROM (VALUES (1), (3)) AS l (id), LATERAL desk.account_margin(id);
RESET ROLE;
DROP POLICY own ON desk.balance;
DROP POLICY own ON desk.position;
ALTER TABLE desk.balance DISABLE ROW LEVEL SECURITY;
ALTER TABLE desk.position DISABLE ROW LEVEL SECURITY;
DROP OWNED BY regress_margin_reader;
DROP ROLE regress_margin_reader;

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
