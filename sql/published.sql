-- The venue's published ratios
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS margin;
RESET client_min_messages;
SET search_path = pg_catalog;

-- CREATE EXTENSION has inserted nothing
SELECT (SELECT count(*) FROM margin.asset) AS assets, (SELECT count(*) FROM margin.collateral_tier) AS tiers;

SELECT margin.load_published();
SELECT asset, basis, liability_weight, requirement_weight, max_age, source FROM margin.asset ORDER BY asset;
SELECT * FROM margin.collateral_tier ORDER BY asset, lower_bound;
SELECT (SELECT count(*) FROM margin.contract) AS contracts, (SELECT count(*) FROM margin.index_price) AS prices,
       (SELECT count(*) FROM margin.liability_tier) AS liability_tiers;

-- 2 BTC: 1 * 0.975 + 1 * 0.97 = 1.945
-- 120 BTC: 1 * 0.975 + 4 * 0.97 + 5 * 0.965 + 40 * 0.96 + 50 * 0.85 + 20 * 0 = 90.58
SELECT a.asset, margin.apply(a.tiers, 2) = 1.945 AS two, margin.apply(a.tiers, 120) = 90.58 AS a_hundred_and_twenty
  FROM margin.assets(margin.market()) AS a WHERE asset = 'BTC';

-- again: nothing to do
SELECT margin.load_published();
SELECT count(*) FROM margin.collateral_tier;

-- What has been edited stays; what has been removed comes back when asked for.
DELETE FROM margin.collateral_tier WHERE asset = 'BTC';
INSERT INTO margin.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.5);
UPDATE margin.asset SET source = 'ours' WHERE asset = 'BTC';
DELETE FROM margin.collateral_tier WHERE asset = 'USDT';
DELETE FROM margin.asset WHERE asset = 'USDC';
SELECT margin.load_published();
SELECT asset, source FROM margin.asset ORDER BY asset;
SELECT asset, lower_bound, ratio FROM margin.collateral_tier ORDER BY asset, lower_bound;

-- with the caller's rights
CREATE ROLE regress_margin_nobody;
GRANT USAGE ON SCHEMA margin TO regress_margin_nobody;
SET ROLE regress_margin_nobody;
SELECT margin.load_published();
RESET ROLE;
DROP OWNED BY regress_margin_nobody;
DROP ROLE regress_margin_nobody;

RESET search_path;
TRUNCATE margin.asset, margin.collateral_tier, margin.liability_tier, margin.index_price, margin.contract,
    margin.risk_tier, margin.mark_price, margin.level_threshold, margin.balance, margin.position;
