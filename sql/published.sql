-- The venue's published ratios
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
SET search_path = pg_catalog;
\set SHOW_CONTEXT never

-- create_book() has inserted nothing
SELECT (SELECT count(*) FROM desk.asset) AS assets, (SELECT count(*) FROM desk.collateral_tier) AS tiers;

SELECT margin.load_published('desk');
SELECT asset, tier_unit, liability_weight, requirement_weight, max_age, source FROM desk.asset ORDER BY asset;
SELECT * FROM desk.collateral_tier ORDER BY asset, lower_bound;
SELECT (SELECT count(*) FROM desk.contract) AS contracts, (SELECT count(*) FROM desk.index_price) AS prices,
       (SELECT count(*) FROM desk.liability_tier) AS liability_tiers;

-- 2 BTC: 1 * 0.975 + 1 * 0.97 = 1.945
-- 120 BTC: 1 * 0.975 + 4 * 0.97 + 5 * 0.965 + 40 * 0.96 + 50 * 0.85 + 20 * 0 = 90.58
SELECT a.asset, margin.apply(a.tiers, 2) = 1.945 AS two, margin.apply(a.tiers, 120) = 90.58 AS a_hundred_and_twenty
  FROM margin.assets(desk.market()) AS a WHERE asset = 'BTC';

-- again: nothing to do
SELECT margin.load_published('desk');
SELECT count(*) FROM desk.collateral_tier;

-- What has been edited stays; what has been removed comes back when asked for.
DELETE FROM desk.collateral_tier WHERE asset = 'BTC';
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.5);
UPDATE desk.asset SET source = 'ours' WHERE asset = 'BTC';
DELETE FROM desk.collateral_tier WHERE asset = 'USDT';
DELETE FROM desk.asset WHERE asset = 'USDC';
SELECT margin.load_published('desk');
SELECT asset, source FROM desk.asset ORDER BY asset;
SELECT asset, lower_bound, ratio FROM desk.collateral_tier ORDER BY asset, lower_bound;

-- with the caller's rights
CREATE ROLE regress_margin_nobody;
GRANT USAGE ON SCHEMA desk TO regress_margin_nobody;
SET ROLE regress_margin_nobody;
SELECT margin.load_published('desk');
RESET ROLE;
DROP OWNED BY regress_margin_nobody;
DROP ROLE regress_margin_nobody;

RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
