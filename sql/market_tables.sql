-- market() and market(as_of): from the tables of a venue to a market
CREATE SCHEMA desk;
SELECT margin.create_book('desk');

-- over empty tables
SELECT desk.market();

-- every column where it belongs
INSERT INTO desk.asset (asset, tier_unit, liability_weight, requirement_weight) VALUES
    ('BTC', DEFAULT, DEFAULT, DEFAULT), ('ETH', 'value', 1.05, 1.1), ('USDT', 'quantity', 1, 1);
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES
    ('BTC', 1, 0.97), ('BTC', 0, 0.975), ('ETH', 0, 0.9), ('ETH', 100000, 0), ('USDT', 0, 1);
INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USDT', 1000, 0.03), ('USDT', 0, 0.02);
INSERT INTO desk.index_price VALUES ('BTC', 60000), ('USDT', 1.0001);
INSERT INTO desk.contract VALUES
    ('BTC_USDT', 'USDT', 'BTC', 0.0001, 'larger', 0.0005, 'whole', 'marginal', NULL, 'a test'),
    ('ETH_USDT', 'USDT', NULL, 0.01, DEFAULT, DEFAULT, DEFAULT, DEFAULT, NULL, NULL),
    ('NO_TIERS', 'BTC', NULL, 1, DEFAULT, DEFAULT, DEFAULT, DEFAULT, NULL, NULL);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES
    ('BTC_USDT', 50000, 0.005, 0.02), ('BTC_USDT', 0, 0.004, 0.01), ('ETH_USDT', 0, 0.01, NULL), ('ETH_USDT', 5000, 0.02, NULL);
INSERT INTO desk.mark_price VALUES ('BTC_USDT', 60010.5), ('NO_TIERS', 1);
\pset format unaligned
\pset tuples_only on
SELECT desk.market();
\pset format aligned
\pset tuples_only off
SELECT desk.market() OPERATOR(margin.=) '{
    "assets": {
        "BTC":  {"price": 60000, "tiers": "{0: 0.975, 1: 0.97}"},
        "ETH":  {"tier_unit": "value", "liability_weight": 1.05, "requirement_weight": 1.1, "tiers": "{0: 0.9, 100000: 0}"},
        "USDT": {"price": 1.0001, "tiers": "{0: 1}", "liability_maintenance": "{0: 0.02, 1000: 0.03}"}},
    "contracts": {
        "BTC_USDT": {"settle": "USDT", "base": "BTC", "contract_size": 0.0001, "mark": 60010.5, "netting": "larger", "closing_fee": 0.0005,
                     "maintenance": "whole {0: 0.004, 50000: 0.005}", "initial": "{0: 0.01, 50000: 0.02}"},
        "ETH_USDT": {"settle": "USDT", "contract_size": 0.01, "maintenance": "{0: 0.01, 5000: 0.02}"},
        "NO_TIERS": {"settle": "BTC", "contract_size": 1, "mark": 1}}}'::margin.market AS as_expected;

-- initial rates are of the whole tier unless said otherwise
UPDATE desk.risk_tier SET initial_rate = 0.05 WHERE contract = 'ETH_USDT';
SELECT initial FROM margin.contracts(desk.market()) WHERE contract = 'ETH_USDT';

-- thresholds: the defaults for those without a row
INSERT INTO desk.level_threshold VALUES ('margin_call', 0.8);
SELECT desk.market()::text::json -> 'levels' AS levels;
UPDATE desk.level_threshold SET margin_ratio = 0.9;
INSERT INTO desk.level_threshold VALUES ('warning', 0.75), ('liquidation', 1.2);
SELECT desk.market()::text::json -> 'levels' AS levels;

-- valid_from: the latest whole schedule not after the instant, each kind by itself
INSERT INTO desk.collateral_tier VALUES
    ('BTC', '2020-01-01 00:00+00', 0, 0.5), ('BTC', '2020-01-01 00:00+00', 10, 0.4),
    ('BTC', '2021-01-01 00:00+00', 0, 0.3);
INSERT INTO desk.liability_tier VALUES ('USDT', '2020-06-01 00:00+00', 0, 0.07);
INSERT INTO desk.risk_tier VALUES
    ('BTC_USDT', '2020-01-01 00:00+00', 0, 0.1, NULL),
    ('NO_TIERS', '2021-01-01 00:00+00', 0, 0.2, 0.3);
SELECT as_of, b.tiers AS btc, u.liability_maintenance AS usdt, c.maintenance, c.initial, n.maintenance AS no_tiers
  FROM unnest('{-infinity, 2019-12-31 23:59:59.999999+00, 2020-01-01 00:00+00, 2020-12-31 00:00+00, 2021-01-01 00:00+00, infinity}'::timestamptz[]) AS as_of,
       LATERAL (SELECT desk.market(as_of) AS m OFFSET 0) AS at,
       LATERAL (SELECT * FROM margin.assets(m) WHERE asset = 'BTC') AS b,
       LATERAL (SELECT * FROM margin.assets(m) WHERE asset = 'USDT') AS u,
       LATERAL (SELECT * FROM margin.contracts(m) WHERE contract = 'BTC_USDT') AS c,
       LATERAL (SELECT * FROM margin.contracts(m) WHERE contract = 'NO_TIERS') AS n
 ORDER BY as_of;
-- present prices at any instant
SELECT price FROM margin.assets(desk.market(timestamptz '2000-01-01')) WHERE asset = 'BTC';

-- a change entered ahead takes effect when its time comes, not before
INSERT INTO desk.collateral_tier VALUES ('USDT', now() + interval '1 hour', 0, 0.8);
SELECT desk.market() OPERATOR(margin.=) desk.market(now()) AS now,
       (SELECT tiers FROM margin.assets(desk.market()) WHERE asset = 'USDT') AS present,
       (SELECT tiers FROM margin.assets(desk.market(now() + interval '2 hours')) WHERE asset = 'USDT') AS announced;
SELECT desk.market(NULL::timestamptz) IS NULL AS null_for_null;

-- max_age: what is older is absent, judged at now() whatever as_of says
BEGIN;
UPDATE desk.asset SET max_age = '1 day' WHERE asset = 'BTC';
UPDATE desk.contract SET max_age = '10 minutes' WHERE contract = 'BTC_USDT';
CREATE FUNCTION pg_temp.prices(index_age interval, mark_age interval, as_of timestamptz DEFAULT now()) RETURNS text
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE desk.index_price SET updated_at = now() - index_age;
    UPDATE desk.mark_price SET updated_at = now() - mark_age;
    RETURN concat_ws(' ', (SELECT string_agg(asset, ' ' ORDER BY asset) FROM margin.assets(desk.market(as_of)) WHERE price IS NOT NULL),
                     (SELECT string_agg(contract, ' ' ORDER BY contract) FROM margin.contracts(desk.market(as_of)) WHERE mark IS NOT NULL));
END
$$;
SELECT pg_temp.prices('24 hours', '10 minutes') AS exactly_as_old_as_allowed;
SELECT pg_temp.prices('24 hours 0.000001', '10 minutes') AS index_older;
SELECT pg_temp.prices('24 hours', '10 minutes 0.000001') AS mark_older;
SELECT pg_temp.prices('6000 years', '6000 years') AS both_very_old;
SELECT pg_temp.prices('-1 hour', '-1 hour') AS ahead_of_time;
SELECT pg_temp.prices('25 hours', '11 minutes', now() - interval '1 year') AS judged_now;
UPDATE desk.asset SET max_age = '290000 years';
SELECT pg_temp.prices('6000 years', '0') AS longer_than_time_itself;
ROLLBACK;

-- no name is looked up on the way
SET search_path = pg_catalog;
SELECT desk.market() IS NOT NULL AS qualified;
CREATE SCHEMA regress_trap;
CREATE FUNCTION regress_trap.trap(timestamptz, timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR regress_trap.<= (LEFTARG = timestamptz, RIGHTARG = timestamptz, FUNCTION = regress_trap.trap);
SET search_path = regress_trap, pg_catalog;
SELECT desk.market() IS NOT NULL AS not_trapped;
RESET search_path;
SET client_min_messages = warning;
DROP SCHEMA regress_trap CASCADE;
RESET client_min_messages;

-- with the rights of the venue's owner, for whom he grants it
CREATE ROLE regress_margin_nobody;
GRANT USAGE ON SCHEMA desk TO regress_margin_nobody;
SET ROLE regress_margin_nobody;
\set SHOW_CONTEXT never
SELECT desk.market();
RESET ROLE;
GRANT EXECUTE ON FUNCTION desk.market(), desk.market(timestamptz), desk.past_market(timestamptz) TO regress_margin_nobody;
SET ROLE regress_margin_nobody;
SELECT desk.market() IS NOT NULL AS present, desk.market(now()) IS NOT NULL AS as_of, desk.past_market(now()) IS NOT NULL AS past;
TABLE desk.asset;
RESET ROLE;
DROP OWNED BY regress_margin_nobody;
DROP ROLE regress_margin_nobody;

SET client_min_messages = warning;
DROP SCHEMA desk CASCADE;
