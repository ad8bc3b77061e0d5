-- A small database with everything that a release makes, and what its owner
-- makes of it. Run as its owner, who is no superuser; there is a role "writer".

CREATE EXTENSION margin;

-- ---------------------------------------------------------------------------
-- A venue and a book in one schema
-- ---------------------------------------------------------------------------

CREATE SCHEMA house;
SELECT margin.create_book('house');
SELECT margin.load_published('house');

UPDATE house.asset SET source = E'ours:\ttabs, "quotes", back\\slashes and\nlines', liability_weight = 1.250, initial_liability_weight = 1.30 WHERE asset = 'USDT';
INSERT INTO house.asset (asset, tier_unit, liability_weight, requirement_weight, max_age, source)
VALUES ('ETH', 'value', 1.10, 1.5, NULL, ''),
       (E'o''dd\\N\té数', 'quantity', 1, 1, NULL, '\N'),
       ('OLD', 'quantity', 1, 1, interval '1 minute', 'a price that has expired');
INSERT INTO house.asset_change (asset, valid_from, liability_weight, max_age)
VALUES ('BTC', '2990-01-01 00:00+00', 1.250, NULL), ('USDT', '2001-02-03 04:05:06.789012+00', 1.20, NULL);
INSERT INTO house.collateral_tier (asset, valid_from, lower_bound, ratio)
VALUES ('ETH', '-infinity', 0, 0.90), ('ETH', '-infinity', 1000000, 0.800), ('ETH', '2990-01-01 00:00+00', 0, 0.1),
       ('OLD', '-infinity', 0, 1), (E'o''dd\\N\té数', '-infinity', 0, 0.3333333333333333333333333333333333);
INSERT INTO house.initial_collateral_tier (asset, valid_from, lower_bound, ratio)
VALUES ('ETH', '-infinity', 0, 0.80), ('ETH', '-infinity', 1000000, 0.700);
INSERT INTO house.liability_tier (asset, valid_from, lower_bound, maintenance_rate)
VALUES ('USDT', '-infinity', 1000, 0.04), ('USDT', '-infinity', 0, 0.02), ('BTC', '-infinity', 0, 0.1);
INSERT INTO house.contract (contract, settle, base, contract_size, netting, closing_fee, maintenance_method, initial_method)
VALUES ('ETH_USDT', 'USDT', 'ETH', 0.0100, 'net', 0.0005, 'whole', 'marginal'),
       ('BTC_USDT', 'USDT', 'BTC', 0.001, 'leg', 0, 'marginal', 'whole');
UPDATE house.contract SET opening_fee = 0.0010, tier_unit = 'contracts', order_maintenance = true WHERE contract = 'ETH_USDT';
INSERT INTO house.contract_change (contract, valid_from, settle, base, contract_size) VALUES ('ETH_USDT', '2990-01-01 00:00+00', 'ETH', NULL, 1);
INSERT INTO house.risk_tier (contract, valid_from, lower_bound, maintenance_rate, initial_rate)
VALUES ('ETH_USDT', '-infinity', 0, 0.005, NULL), ('ETH_USDT', '-infinity', 5000, 0.0100, NULL),
       ('BTC_USDT', '-infinity', 1000000, 0.01, 0.02), ('BTC_USDT', '-infinity', 0, 0.005, 0.01);
INSERT INTO house.index_price (asset, price, low, high, updated_at)
VALUES ('USDT', 1.000, NULL, NULL, '2020-01-01 00:00+00'), ('BTC', 60000, NULL, NULL, '2020-01-01 00:00+00'), ('OLD', 5, NULL, NULL, '2020-01-01 00:00+00'),
       ('ETH', 3000.123456789012345678, 2999.5, 3000.50, '2020-01-01 00:00+00'), (E'o''dd\\N\té数', 1e99, NULL, NULL, '2020-01-01 00:00+00');
INSERT INTO house.mark_price (contract, price, updated_at) VALUES ('ETH_USDT', 3001.5, '2020-01-01 00:00+00'), ('BTC_USDT', 60100.0, '2020-01-01 00:00+00');
INSERT INTO house.level_threshold (level, margin_ratio, release_ratio) VALUES ('liquidation', 1.10, NULL), ('warning', 0.5, 0.450);
INSERT INTO house.venue_rule VALUES ('orders_reduce_equity', 'margin'), ('held_prices_pause_levels', 'false');
INSERT INTO house.price_check (kind, symbol, floor, max_jump, jump_window) VALUES ('asset', 'BTC', 1000.0, 0.10, interval '1 minute');
INSERT INTO house.reference_price VALUES ('asset', 'BTC', 'another', 60001.0, '2020-01-01 00:00+00');
INSERT INTO house.price_retention VALUES ('1 year 2 months 3 days');
INSERT INTO house.scenario (scenario, asset, contract, relative, price)
VALUES ('down', 'BTC', NULL, -0.250, NULL), ('down', 'USDT', NULL, NULL, 0.90), ('down', NULL, 'ETH_USDT', 0, NULL), ('still', NULL, NULL, 0.000, NULL);
INSERT INTO house.repayment_rule (asset, rank, conversion_discount, threshold, repayment_ratio) VALUES ('ETH', -1, 0.90, NULL, 1), ('USDT', NULL, 1, 10, 0.10);
INSERT INTO house.interest_rate (asset, valid_from, hourly_rate, free_amount, method) VALUES ('USDT', '-infinity', 0.0000100, 0, 'whole');

INSERT INTO house.book_rule VALUES ('unrealized_gains_carry', 'false');
INSERT INTO house.balance (account_id, asset, quantity)
VALUES (1, 'USDT', 10000.00), (1, 'BTC', 0.1), (2, 'BTC', 2), (2, 'USDT', -20000), (3, 'OLD', 1), (4, 'nowhere', 1), (5, E'o''dd\\N\té数', 1e-9),
       (6, 'USDT', 100), (7, 'USDT', 0), (10, 'ETH', 20), (10, 'USDT', -30000), (11, 'BTC', 1), (-900, 'USDT', 1000000);
INSERT INTO house.position (account_id, contract, quantity, entry_price, leverage)
VALUES (1, 'BTC_USDT', -100, 59000, 20), (1, 'BTC_USDT', 300, 60500.5, NULL), (2, 'ETH_USDT', 50, 0, 3), (6, 'BTC_USDT', 1000, 60000, NULL), (9, 'BTC_USDT', 0, 1, NULL);
INSERT INTO house.open_order (account_id, order_id, contract, quantity, price, leverage)
VALUES (1, 'a', 'BTC_USDT', 10, 59000.50, 20), (1, E'o''dd\\N\té数', 'BTC_USDT', -5.5, 61000, NULL), (11, 'a', 'ETH_USDT', 3, 3000.2500, NULL);

SELECT margin.enable_levels('house');
SELECT margin.refresh_levels('house');
SELECT margin.prepare_snapshots('house', 0), margin.take_snapshot('house');
INSERT INTO house.accrual_house VALUES ('interest', -900), ('funding', -900);
SELECT margin.accrue_interest('house', '2020-01-01 00:30+00'), margin.settle_funding('house', 'BTC_USDT', 0.0001, now());
SELECT margin.set_prices('house', '{"assets": {"BTC": {"price": 60100.50}}, "contracts": {"BTC_USDT": 59999.50}}', refresh => true);
SELECT margin.set_prices('house', '{"assets": {"BTC": {"price": 900.0, "low": 850}}}');
SELECT margin.take_snapshot('house', 'changes');
SELECT margin.enable_guard('house');
CALL margin.run_reports('house', 'changes');
SELECT margin.enable_publishing('house', history => true);
UPDATE house.index_price SET price = 61000.5 WHERE asset = 'BTC';

-- ---------------------------------------------------------------------------
-- A venue alone, a book over a partitioned table, a shard
-- ---------------------------------------------------------------------------

CREATE SCHEMA lone;
SELECT margin.create_venue('lone');
SELECT margin.load_published('lone');
INSERT INTO lone.index_price (asset, price, updated_at) VALUES ('USDT', 1, '2020-01-01 00:00+00');

-- rows that portfolio() refuses, an expression that workers may not compute
CREATE SCHEMA uuids;
CREATE FUNCTION uuids.coin(text) RETURNS text IMMUTABLE PARALLEL UNSAFE LANGUAGE sql AS 'SELECT pg_catalog.upper($1)';
CREATE TABLE uuids.wallet (owner uuid, coin text, amount numeric) PARTITION BY HASH (owner);
CREATE TABLE uuids.wallet_0 PARTITION OF uuids.wallet FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE uuids.wallet_1 PARTITION OF uuids.wallet FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO uuids.wallet SELECT ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, 'usdt', nullif(n, 9) - 3 FROM generate_series(1, 9) AS n;
INSERT INTO uuids.wallet VALUES ('00000000-0000-0000-0000-000000000010', 'usdt', 'NaN');
SELECT margin.create_book('uuids', 'lone', balances => 'uuids.wallet', balance_account => 'owner', balance_asset => 'uuids.coin(coin)', balance_quantity => 'amount',
                          flawed_rows => 'unpriced');
SELECT margin.guard_table('uuids', 'uuids.wallet', 'owner'), margin.enable_levels('uuids');
SELECT margin.refresh_levels('uuids');

CREATE SCHEMA shard;
SELECT margin.create_shard('shard');
INSERT INTO shard.published_market (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules)
SELECT id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules FROM house.published_market;
SELECT margin.enable_levels('shard');
INSERT INTO shard.balance VALUES (1, 'ETH', 2.50), (1, 'USDT', -100), (2, 'OLD', 1);
SELECT margin.refresh_levels('shard');

-- ---------------------------------------------------------------------------
-- What the owner has made of it
-- ---------------------------------------------------------------------------

ALTER TABLE house.balance ADD COLUMN note text DEFAULT 'none', ADD COLUMN opened timestamptz;
UPDATE house.balance SET note = 'first' WHERE account_id = 1;
ALTER TABLE house.asset ADD COLUMN listed boolean NOT NULL DEFAULT true;
CREATE INDEX balance_by_asset ON house.balance (asset) WHERE quantity < 0;
ALTER TABLE house.balance ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON house.balance TO writer USING (account_id = 1);
CREATE TABLE house.seen (what text, n bigint);
CREATE FUNCTION house.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO house.seen VALUES (TG_TABLE_NAME, 1); RETURN NULL; END $$;
CREATE TRIGGER zz_see AFTER INSERT OR UPDATE ON house.balance FOR EACH ROW EXECUTE FUNCTION house.see();
ALTER TABLE house.collateral_tier DISABLE TRIGGER journal;
GRANT USAGE ON SCHEMA house TO writer;
GRANT INSERT, SELECT ON house.collateral_tier TO writer;
GRANT SELECT ON house.account_margin TO writer;
GRANT EXECUTE ON FUNCTION house.market() TO writer;

-- objects of a book and of a venue, changed
CREATE OR REPLACE VIEW house.unpriced WITH (security_invoker = true) AS SELECT * FROM house.account_margin WHERE level = 'unpriced' AND account_id < 1000;
CREATE OR REPLACE FUNCTION house.scenarios() RETURNS margin.price_move[] LANGUAGE sql STABLE BEGIN ATOMIC SELECT ARRAY['(down,BTC,,-0.5,)'::margin.price_move]; END;

CREATE SCHEMA desk;
CREATE DOMAIN desk.ratios AS margin.schedule CHECK (margin.apply(VALUE, 1) <= 1);
CREATE TABLE desk.stored (
    id integer PRIMARY KEY,
    p margin.portfolio UNIQUE,
    m margin.market,
    s margin.schedule,
    r desk.ratios,
    v margin.valuation,
    a margin.asset_terms[],
    c margin.contract_terms[],
    level margin.level, method margin.tier_method, tier_unit margin.tier_unit, netting margin.netting, side margin.side,
    equity numeric GENERATED ALWAYS AS (margin.equity(p, m)) STORED,
    CHECK (margin.level(p, m) <= 'unpriced')
);
CREATE INDEX ON desk.stored USING hash (m);
CREATE INDEX ON desk.stored ((margin.level(p, m)));
INSERT INTO desk.stored (id, p, m, s, r, v, a, c, level, method, tier_unit, netting, side)
SELECT row_number() OVER (ORDER BY account_id), p, m, 'whole {0: 0.004, 50000: 0.0050}', '{0: 0.90, 1: 0.80}',
       margin.evaluate(p, m), ARRAY(SELECT margin.assets(m)), ARRAY(SELECT margin.contracts(m)), 'margin_call', 'whole', 'value', 'larger', 'short'
  FROM (SELECT account_id, portfolio AS p FROM house.account_portfolio WHERE account_id <= 5) AS h, (SELECT house.market() AS m OFFSET 0) AS now
 WHERE p OPERATOR(margin.<>) '{}';
CREATE VIEW desk.watch AS SELECT account_id, level, shortfall FROM house.account_margin WHERE level <> 'healthy';
CREATE VIEW desk.explained WITH (security_invoker = true) AS
SELECT a.*, c.asset, c.haircut AS haircut_of_asset FROM house.account_margin AS a JOIN house.account_collateral AS c USING (account_id);
CREATE VIEW desk.calls AS
SELECT k.account_id, margin.explain_text(k.portfolio, house.market()) AS line FROM house.account_portfolio AS k;
CREATE MATERIALIZED VIEW desk.taken AS SELECT account_id, level, equity FROM house.account_margin;
CREATE FUNCTION desk.revalued() RETURNS TABLE (id integer, v margin.valuation) STABLE
BEGIN ATOMIC
    SELECT id, margin.evaluate(p, m) FROM desk.stored;
END;
