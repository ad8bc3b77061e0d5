-- tables: what the venue knows and what the accounts hold.
--
-- One row is judged by CHECK constraints, a whole schedule by deferred
-- constraint triggers, so that it may be edited in any order within a
-- transaction.  Balances and positions refer to their symbols by name only: a
-- booked fact is never refused because its asset or contract is unknown; it
-- makes its account unpriced.
--
-- The tables belong to whoever installs the extension and are dumped whole.

CREATE TYPE margin.side AS ENUM ('long', 'short');
COMMENT ON TYPE margin.side IS 'side of a position';

-- ---------------------------------------------------------------------------
-- Assets
-- ---------------------------------------------------------------------------

CREATE TABLE margin.asset (
    asset               text NOT NULL,
    basis               margin.basis NOT NULL DEFAULT 'quantity',
    liability_weight    numeric NOT NULL DEFAULT 1,
    requirement_weight  numeric NOT NULL DEFAULT 1,
    max_age             interval,
    source              text,
    CONSTRAINT asset_pkey PRIMARY KEY (asset),
    CONSTRAINT asset_asset_length CHECK (octet_length(asset) BETWEEN 1 AND 255),
    CONSTRAINT asset_liability_weight_range CHECK (margin.is_amount(liability_weight) AND liability_weight >= 1),
    CONSTRAINT asset_requirement_weight_positive CHECK (margin.is_amount(requirement_weight) AND requirement_weight > 0),
    CONSTRAINT asset_max_age_positive CHECK (max_age > interval '0')
);
COMMENT ON TABLE margin.asset IS 'assets: what can be held as a balance, serve as collateral, or settle contracts';
COMMENT ON COLUMN margin.asset.asset IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';
COMMENT ON COLUMN margin.asset.basis IS 'what the bounds of its collateral tiers measure: quantity (units of the asset) or value (USD)';
COMMENT ON COLUMN margin.asset.liability_weight IS 'multiplies the value of a negative equity in this asset; at least 1';
COMMENT ON COLUMN margin.asset.requirement_weight IS 'multiplies margin requirements settled in this asset; above 0';
COMMENT ON COLUMN margin.asset.max_age IS 'an index price older than this counts as absent; NULL: prices do not expire';
COMMENT ON COLUMN margin.asset.source IS 'where these parameters come from, in words';
COMMENT ON CONSTRAINT asset_asset_length ON margin.asset IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT asset_liability_weight_range ON margin.asset IS 'a debt is never weighted down';
COMMENT ON CONSTRAINT asset_requirement_weight_positive ON margin.asset IS 'a weight of 0 would waive every requirement';
COMMENT ON CONSTRAINT asset_max_age_positive ON margin.asset IS 'a price would be stale when it is written';

CREATE TABLE margin.collateral_tier (
    asset        text NOT NULL,
    valid_from   timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound  numeric NOT NULL,
    ratio        numeric NOT NULL,
    CONSTRAINT collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound),
    CONSTRAINT collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES margin.asset
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT collateral_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT collateral_tier_ratio_range CHECK (margin.is_amount(ratio) AND ratio BETWEEN 0 AND 1)
);
COMMENT ON TABLE margin.collateral_tier IS 'collateral ratio schedules: rows that share asset and valid_from form one; an asset without is not accepted as collateral';
COMMENT ON COLUMN margin.collateral_tier.asset IS 'the asset held';
COMMENT ON COLUMN margin.collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies';
COMMENT ON COLUMN margin.collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.basis says; it ends where the next begins';
COMMENT ON COLUMN margin.collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';
COMMENT ON CONSTRAINT collateral_tier_asset_fkey ON margin.collateral_tier IS 'the asset exists; its tiers go with it';
COMMENT ON CONSTRAINT collateral_tier_lower_bound_range ON margin.collateral_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT collateral_tier_ratio_range ON margin.collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE margin.liability_tier (
    asset             text NOT NULL,
    valid_from        timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound       numeric NOT NULL,
    maintenance_rate  numeric NOT NULL,
    CONSTRAINT liability_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound),
    CONSTRAINT liability_tier_asset_fkey FOREIGN KEY (asset) REFERENCES margin.asset
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT liability_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT liability_tier_maintenance_rate_range CHECK (margin.is_amount(maintenance_rate) AND maintenance_rate >= 0)
);
COMMENT ON TABLE margin.liability_tier IS 'maintenance schedules of debts: rows that share asset and valid_from form one; a debt in an asset without needs no maintenance';
COMMENT ON COLUMN margin.liability_tier.asset IS 'the asset owed';
COMMENT ON COLUMN margin.liability_tier.valid_from IS 'the latest schedule not after the instant of a market applies';
COMMENT ON COLUMN margin.liability_tier.lower_bound IS 'where the tier begins, in units of the asset owed; it ends where the next begins';
COMMENT ON COLUMN margin.liability_tier.maintenance_rate IS 'maintenance margin per unit owed inside the tier; never falls from tier to tier';
COMMENT ON CONSTRAINT liability_tier_asset_fkey ON margin.liability_tier IS 'the asset exists; its tiers go with it';
COMMENT ON CONSTRAINT liability_tier_lower_bound_range ON margin.liability_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT liability_tier_maintenance_rate_range ON margin.liability_tier IS 'a requirement is never negative';

CREATE TABLE margin.index_price (
    asset       text NOT NULL,
    price       numeric NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT index_price_pkey PRIMARY KEY (asset),
    CONSTRAINT index_price_asset_fkey FOREIGN KEY (asset) REFERENCES margin.asset
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT index_price_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT index_price_updated_at_finite CHECK (isfinite(updated_at))
);
COMMENT ON TABLE margin.index_price IS 'present index prices of assets';
COMMENT ON COLUMN margin.index_price.asset IS 'the asset priced';
COMMENT ON COLUMN margin.index_price.price IS 'USD per unit of the asset; above 0';
COMMENT ON COLUMN margin.index_price.updated_at IS 'when the price was observed; asset.max_age counts from here';
COMMENT ON CONSTRAINT index_price_asset_fkey ON margin.index_price IS 'the asset exists; its price goes with it';
COMMENT ON CONSTRAINT index_price_price_positive ON margin.index_price IS 'no price is a missing row, not 0';
COMMENT ON CONSTRAINT index_price_updated_at_finite ON margin.index_price IS 'an infinite time has no age';

-- ---------------------------------------------------------------------------
-- Contracts
-- ---------------------------------------------------------------------------

CREATE TABLE margin.contract (
    contract            text NOT NULL,
    settle_asset        text NOT NULL,
    base_asset          text,
    size                numeric NOT NULL,
    netting             margin.netting NOT NULL DEFAULT 'leg',
    closing_fee         numeric NOT NULL DEFAULT 0,
    maintenance_method  margin.tier_method NOT NULL DEFAULT 'marginal',
    initial_method      margin.tier_method NOT NULL DEFAULT 'whole',
    max_age             interval,
    source              text,
    CONSTRAINT contract_pkey PRIMARY KEY (contract),
    CONSTRAINT contract_settle_asset_fkey FOREIGN KEY (settle_asset) REFERENCES margin.asset
        ON UPDATE CASCADE,
    CONSTRAINT contract_base_asset_fkey FOREIGN KEY (base_asset) REFERENCES margin.asset
        ON UPDATE CASCADE,
    CONSTRAINT contract_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT contract_size_positive CHECK (margin.is_amount(size) AND size > 0),
    CONSTRAINT contract_closing_fee_range CHECK (margin.is_amount(closing_fee) AND closing_fee >= 0),
    CONSTRAINT contract_max_age_positive CHECK (max_age > interval '0')
);
COMMENT ON TABLE margin.contract IS 'contracts: what positions can be held in';
COMMENT ON COLUMN margin.contract.contract IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';
COMMENT ON COLUMN margin.contract.settle_asset IS 'the asset in which mark price, notional, profit and margin of the contract are counted';
COMMENT ON COLUMN margin.contract.base_asset IS 'underlying asset, for linked price shocks; never enters a valuation; may be absent';
COMMENT ON COLUMN margin.contract.size IS 'units of the underlying in one contract; above 0';
COMMENT ON COLUMN margin.contract.netting IS 'what margin is taken on: leg (each side by itself), larger (the larger side), net (the difference)';
COMMENT ON COLUMN margin.contract.closing_fee IS 'rate added to maintenance on the same notional; 0.0005 is 0.05 %';
COMMENT ON COLUMN margin.contract.maintenance_method IS 'how its maintenance rates apply: marginal (each to the part inside its tier) or whole (the tier reached, to all)';
COMMENT ON COLUMN margin.contract.initial_method IS 'how its initial rates apply: marginal or whole';
COMMENT ON COLUMN margin.contract.max_age IS 'a mark price older than this counts as absent; NULL: prices do not expire';
COMMENT ON COLUMN margin.contract.source IS 'where these parameters come from, in words';
COMMENT ON CONSTRAINT contract_settle_asset_fkey ON margin.contract IS 'the settlement asset exists, and stays as long as the contract';
COMMENT ON CONSTRAINT contract_base_asset_fkey ON margin.contract IS 'the underlying asset exists, and stays as long as the contract';
COMMENT ON CONSTRAINT contract_contract_length ON margin.contract IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT contract_size_positive ON margin.contract IS 'a contract of size 0 would be worth nothing';
COMMENT ON CONSTRAINT contract_closing_fee_range ON margin.contract IS 'a requirement is never negative';
COMMENT ON CONSTRAINT contract_max_age_positive ON margin.contract IS 'a price would be stale when it is written';

CREATE TABLE margin.risk_tier (
    contract          text NOT NULL,
    valid_from        timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound       numeric NOT NULL,
    maintenance_rate  numeric NOT NULL,
    initial_rate      numeric,
    CONSTRAINT risk_tier_pkey PRIMARY KEY (contract, valid_from, lower_bound),
    CONSTRAINT risk_tier_contract_fkey FOREIGN KEY (contract) REFERENCES margin.contract
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT risk_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT risk_tier_maintenance_rate_range CHECK (margin.is_amount(maintenance_rate) AND maintenance_rate >= 0),
    CONSTRAINT risk_tier_initial_rate_range CHECK (margin.is_amount(initial_rate) AND initial_rate >= 0)
);
COMMENT ON TABLE margin.risk_tier IS 'margin rate schedules: rows that share contract and valid_from form one; positions in a contract without are unpriced';
COMMENT ON COLUMN margin.risk_tier.contract IS 'the contract held';
COMMENT ON COLUMN margin.risk_tier.valid_from IS 'the latest schedule not after the instant of a market applies';
COMMENT ON COLUMN margin.risk_tier.lower_bound IS 'where the tier begins: notional of a leg, in the settlement asset; it ends where the next begins';
COMMENT ON COLUMN margin.risk_tier.maintenance_rate IS 'maintenance margin per unit of notional; never falls from tier to tier';
COMMENT ON COLUMN margin.risk_tier.initial_rate IS 'initial margin per unit of notional, in all tiers of a schedule or in none; never falls from tier to tier';
COMMENT ON CONSTRAINT risk_tier_contract_fkey ON margin.risk_tier IS 'the contract exists; its tiers go with it';
COMMENT ON CONSTRAINT risk_tier_lower_bound_range ON margin.risk_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT risk_tier_maintenance_rate_range ON margin.risk_tier IS 'a requirement is never negative';
COMMENT ON CONSTRAINT risk_tier_initial_rate_range ON margin.risk_tier IS 'a requirement is never negative';

CREATE TABLE margin.mark_price (
    contract    text NOT NULL,
    price       numeric NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mark_price_pkey PRIMARY KEY (contract),
    CONSTRAINT mark_price_contract_fkey FOREIGN KEY (contract) REFERENCES margin.contract
        ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT mark_price_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT mark_price_updated_at_finite CHECK (isfinite(updated_at))
);
COMMENT ON TABLE margin.mark_price IS 'present mark prices of contracts';
COMMENT ON COLUMN margin.mark_price.contract IS 'the contract priced';
COMMENT ON COLUMN margin.mark_price.price IS 'settlement asset per unit of the underlying; above 0';
COMMENT ON COLUMN margin.mark_price.updated_at IS 'when the price was observed; contract.max_age counts from here';
COMMENT ON CONSTRAINT mark_price_contract_fkey ON margin.mark_price IS 'the contract exists; its price goes with it';
COMMENT ON CONSTRAINT mark_price_price_positive ON margin.mark_price IS 'no price is a missing row, not 0';
COMMENT ON CONSTRAINT mark_price_updated_at_finite ON margin.mark_price IS 'an infinite time has no age';

-- ---------------------------------------------------------------------------
-- Levels
-- ---------------------------------------------------------------------------

CREATE TABLE margin.level_threshold (
    level          margin.level NOT NULL,
    margin_ratio   numeric NOT NULL,
    release_ratio  numeric,
    CONSTRAINT level_threshold_pkey PRIMARY KEY (level),
    CONSTRAINT level_threshold_level_known CHECK (level IN ('warning', 'margin_call', 'liquidation')),
    CONSTRAINT level_threshold_margin_ratio_positive CHECK (margin.is_amount(margin_ratio) AND margin_ratio > 0),
    CONSTRAINT level_threshold_release_ratio_range
        CHECK (margin.is_amount(release_ratio) AND release_ratio > 0 AND release_ratio <= margin_ratio)
);
COMMENT ON TABLE margin.level_threshold IS 'margin ratios at which the levels begin; for a level without a row: warning 0.7, margin_call 0.85, liquidation 1';
COMMENT ON COLUMN margin.level_threshold.level IS 'warning, margin_call or liquidation; the other levels have no threshold';
COMMENT ON COLUMN margin.level_threshold.margin_ratio IS 'the level begins where maintenance margin reaches this many times the equity; above 0';
COMMENT ON COLUMN margin.level_threshold.release_ratio IS 'an account kept at the level leaves it when maintenance margin falls below this many times the equity; null: as soon as margin_ratio is no longer reached; valuation does not ask for it';
COMMENT ON CONSTRAINT level_threshold_level_known ON margin.level_threshold IS 'only these levels have a threshold';
COMMENT ON CONSTRAINT level_threshold_margin_ratio_positive ON margin.level_threshold IS 'a threshold is above 0';
COMMENT ON CONSTRAINT level_threshold_release_ratio_range ON margin.level_threshold IS 'a level is left where it begins or below';

-- ---------------------------------------------------------------------------
-- Accounts
-- ---------------------------------------------------------------------------

CREATE TABLE margin.balance (
    account_id  bigint NOT NULL,
    asset       text NOT NULL,
    quantity    numeric NOT NULL,
    CONSTRAINT balance_pkey PRIMARY KEY (account_id, asset),
    CONSTRAINT balance_asset_length CHECK (octet_length(asset) BETWEEN 1 AND 255),
    CONSTRAINT balance_quantity_finite CHECK (margin.is_amount(quantity))
);
COMMENT ON TABLE margin.balance IS 'wallet balances of accounts';
COMMENT ON COLUMN margin.balance.account_id IS 'the account';
COMMENT ON COLUMN margin.balance.asset IS 'symbol of the asset; one that margin.asset lacks makes the account unpriced';
COMMENT ON COLUMN margin.balance.quantity IS 'in units of the asset; negative is a debt';
COMMENT ON CONSTRAINT balance_asset_length ON margin.balance IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT balance_quantity_finite ON margin.balance IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TABLE margin.position (
    account_id   bigint NOT NULL,
    contract     text NOT NULL,
    side         margin.side NOT NULL GENERATED ALWAYS AS
                     (CASE WHEN quantity < 0 THEN 'short'::margin.side ELSE 'long'::margin.side END) STORED,
    quantity     numeric NOT NULL,
    entry_price  numeric NOT NULL,
    leverage     numeric,
    CONSTRAINT position_pkey PRIMARY KEY (account_id, contract, side),
    CONSTRAINT position_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT position_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT position_entry_price_range CHECK (margin.is_amount(entry_price) AND entry_price >= 0),
    CONSTRAINT position_leverage_positive CHECK (margin.is_amount(leverage) AND leverage > 0)
);
COMMENT ON TABLE margin.position IS 'open positions of accounts: at most one long and one short in a contract';
COMMENT ON COLUMN margin.position.account_id IS 'the account';
COMMENT ON COLUMN margin.position.contract IS 'symbol of the contract; one that margin.contract lacks makes the account unpriced';
COMMENT ON COLUMN margin.position.side IS 'derived from quantity: short below 0, else long';
COMMENT ON COLUMN margin.position.quantity IS 'in contracts; above 0 is long, below 0 short';
COMMENT ON COLUMN margin.position.entry_price IS 'average entry price, settlement asset per unit of the underlying';
COMMENT ON COLUMN margin.position.leverage IS 'leverage chosen, sets the initial margin; above 0; NULL: none chosen';
COMMENT ON CONSTRAINT position_contract_length ON margin.position IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT position_quantity_finite ON margin.position IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';
COMMENT ON CONSTRAINT position_entry_price_range ON margin.position IS 'an entry price is never negative';
COMMENT ON CONSTRAINT position_leverage_positive ON margin.position IS 'leverage divides';

-- ---------------------------------------------------------------------------
-- Shapes of whole schedules, judged when a transaction ends
--
-- Two transactions may each leave a schedule in order and together break it.
-- So a check first rewrites the parent row as it is: the other transaction
-- then waits here and looks again afterwards, or, at REPEATABLE READ and
-- above, where it could not see the change, fails to serialize.  A row that
-- this transaction has written already is left alone.
--
-- Like checks of foreign keys they run as the owner of the tables: whoever
-- may write tiers needs no right on the parent, and row security hides
-- nothing from them.  Their search path is fixed and they take no arguments.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.tier_shape() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rule record;
    edited record;
    flaw record;
    message text;
    hint text;
BEGIN
    SELECT * INTO STRICT rule
      FROM (VALUES
            ('collateral_tier', 'asset', 'collateral tiers of asset', 'ratio', 'rises', 1, 'Larger holdings count for the same share or less.'),
            ('liability_tier', 'asset', 'liability tiers of asset', 'maintenance rate', 'falls', -1, 'Larger debts need the same rate or more.'),
            ('risk_tier', 'contract', 'risk tiers of contract', 'maintenance rate', 'falls', -1, 'Larger positions need the same rate or more.')
           ) AS r (tiers, parent, title, rate, goes, wrongly, reason)
     WHERE r.tiers = TG_TABLE_NAME;

    FOR edited IN
        SELECT to_jsonb(OLD) ->> rule.parent AS symbol, OLD.valid_from WHERE TG_OP <> 'INSERT'
        UNION
        SELECT to_jsonb(NEW) ->> rule.parent, NEW.valid_from WHERE TG_OP <> 'DELETE'
        ORDER BY 1, 2
    LOOP
        IF rule.parent = 'asset' THEN
            UPDATE margin.asset AS a SET source = a.source
             WHERE a.asset = edited.symbol AND a.xmin <> pg_current_xact_id()::xid;
        ELSE
            UPDATE margin.contract AS c SET source = c.source
             WHERE c.contract = edited.symbol AND c.xmin <> pg_current_xact_id()::xid;
        END IF;

        SELECT * INTO flaw
          FROM (SELECT t.lower_bound, t.rate, t.initial_rate, row_number() OVER w AS number,
                       lag(t.lower_bound) OVER w AS lower_bound_before,
                       lag(t.rate) OVER w AS rate_before,
                       lag(t.initial_rate) OVER w AS initial_rate_before
                  FROM (SELECT lower_bound, ratio AS rate, NULL::numeric AS initial_rate
                          FROM margin.collateral_tier
                         WHERE rule.tiers = 'collateral_tier' AND asset = edited.symbol AND valid_from = edited.valid_from
                        UNION ALL
                        SELECT lower_bound, maintenance_rate, NULL
                          FROM margin.liability_tier
                         WHERE rule.tiers = 'liability_tier' AND asset = edited.symbol AND valid_from = edited.valid_from
                        UNION ALL
                        SELECT lower_bound, maintenance_rate, initial_rate
                          FROM margin.risk_tier
                         WHERE rule.tiers = 'risk_tier' AND contract = edited.symbol AND valid_from = edited.valid_from) AS t
                WINDOW w AS (ORDER BY t.lower_bound)) AS tier
         WHERE number = 1 AND lower_bound <> 0
            OR sign(rate - rate_before) = rule.wrongly
            OR initial_rate < initial_rate_before
            OR number > 1 AND (initial_rate IS NULL) <> (initial_rate_before IS NULL)
            OR number > 1000
         ORDER BY number LIMIT 1;
        CONTINUE WHEN NOT FOUND;

        IF flaw.number = 1 THEN
            message := format('first lower bound is %s, not 0', flaw.lower_bound);
            hint := 'Add the tier that begins at 0.';
        ELSIF flaw.number > 1000 THEN
            message := 'more than 1000 tiers';
            hint := 'Merge tiers.';
        ELSIF sign(flaw.rate - flaw.rate_before) = rule.wrongly THEN
            message := format('%s %s from %s at %s to %s at %s', rule.rate, rule.goes, flaw.rate_before,
                              flaw.lower_bound_before, flaw.rate, flaw.lower_bound);
            hint := rule.reason;
        ELSIF flaw.initial_rate < flaw.initial_rate_before THEN
            message := format('initial rate falls from %s at %s to %s at %s', flaw.initial_rate_before,
                              flaw.lower_bound_before, flaw.initial_rate, flaw.lower_bound);
            hint := rule.reason;
        ELSE
            message := format('initial rate is %s at %s but %s at %s', coalesce(flaw.initial_rate_before::text, 'absent'),
                              flaw.lower_bound_before, coalesce(flaw.initial_rate::text, 'absent'), flaw.lower_bound);
            hint := 'Give an initial rate in all tiers of a schedule or in none.';
        END IF;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = format('%s "%s", valid from %s: %s', rule.title, edited.symbol, edited.valid_from, message),
            HINT = hint;
    END LOOP;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.tier_shape() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.tier_shape() FROM PUBLIC;
COMMENT ON FUNCTION margin.tier_shape() IS 'trigger of the tables of tiers: a whole schedule begins at 0, collateral ratios never rise, margin rates never fall, initial rates are in all tiers or in none';

CREATE CONSTRAINT TRIGGER collateral_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON margin.collateral_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.tier_shape();
COMMENT ON TRIGGER collateral_tier_shape ON margin.collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise';

CREATE CONSTRAINT TRIGGER liability_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON margin.liability_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.tier_shape();
COMMENT ON TRIGGER liability_tier_shape ON margin.liability_tier IS 'the rates of a whole schedule begin at 0 and never fall';

CREATE CONSTRAINT TRIGGER risk_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON margin.risk_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.tier_shape();
COMMENT ON TRIGGER risk_tier_shape ON margin.risk_tier IS 'the rates of a whole schedule begin at 0 and never fall; initial rates are in all tiers or in none';

CREATE FUNCTION margin.level_threshold_lock() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- There is no parent row: writers take turns.
    LOCK TABLE margin.level_threshold IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.level_threshold_lock() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.level_threshold_lock() FROM PUBLIC;
COMMENT ON FUNCTION margin.level_threshold_lock() IS 'trigger: one transaction at a time edits the thresholds';

CREATE TRIGGER level_threshold_lock
    BEFORE INSERT OR UPDATE OR DELETE ON margin.level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION margin.level_threshold_lock();
COMMENT ON TRIGGER level_threshold_lock ON margin.level_threshold IS 'one transaction at a time edits the thresholds';

CREATE FUNCTION margin.level_threshold_shape() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flaw record;
BEGIN
    SELECT * INTO flaw
      FROM (SELECT level, margin_ratio, release_ratio,
                   lag(level) OVER w AS level_before,
                   lag(margin_ratio) OVER w AS margin_ratio_before,
                   lag(release_ratio) OVER w AS release_ratio_before
              FROM (SELECT level, coalesce(t.margin_ratio, d.margin_ratio) AS margin_ratio,
                           coalesce(t.release_ratio, t.margin_ratio, d.margin_ratio) AS release_ratio
                      FROM (VALUES ('warning'::margin.level, 0.7), ('margin_call', 0.85), ('liquidation', 1))
                               AS d (level, margin_ratio)
                      LEFT JOIN margin.level_threshold AS t USING (level)) AS threshold
            WINDOW w AS (ORDER BY level)) AS threshold
     WHERE margin_ratio < margin_ratio_before OR release_ratio < release_ratio_before
     ORDER BY level LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = CASE WHEN flaw.margin_ratio < flaw.margin_ratio_before
                           THEN format('level thresholds: %s at %s is below %s at %s', flaw.level, flaw.margin_ratio,
                                       flaw.level_before, flaw.margin_ratio_before)
                           ELSE format('level thresholds: %s is released at %s, below %s at %s', flaw.level, flaw.release_ratio,
                                       flaw.level_before, flaw.release_ratio_before) END,
            HINT = CASE WHEN flaw.margin_ratio < flaw.margin_ratio_before
                        THEN 'Thresholds rise or stay from warning to margin_call to liquidation. Without a row they are 0.7, 0.85 and 1.'
                        ELSE 'Release ratios rise or stay from warning to margin_call to liquidation. Without one a level is released at its threshold.' END;
    END IF;
    RETURN NULL;
END
$$;
ALTER FUNCTION margin.level_threshold_shape() OWNER TO @extowner@;
REVOKE ALL ON FUNCTION margin.level_threshold_shape() FROM PUBLIC;
COMMENT ON FUNCTION margin.level_threshold_shape() IS 'trigger: warning <= margin_call <= liquidation, with the defaults for those without a row; their release ratios likewise';

CREATE CONSTRAINT TRIGGER level_threshold_shape
    AFTER INSERT OR UPDATE OR DELETE ON margin.level_threshold
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.level_threshold_shape();
COMMENT ON TRIGGER level_threshold_shape ON margin.level_threshold IS 'warning <= margin_call <= liquidation, with the defaults for those without a row';

-- ---------------------------------------------------------------------------
-- Owner and dump
-- ---------------------------------------------------------------------------

ALTER TABLE margin.asset OWNER TO @extowner@;
ALTER TABLE margin.collateral_tier OWNER TO @extowner@;
ALTER TABLE margin.liability_tier OWNER TO @extowner@;
ALTER TABLE margin.index_price OWNER TO @extowner@;
ALTER TABLE margin.contract OWNER TO @extowner@;
ALTER TABLE margin.risk_tier OWNER TO @extowner@;
ALTER TABLE margin.mark_price OWNER TO @extowner@;
ALTER TABLE margin.level_threshold OWNER TO @extowner@;
ALTER TABLE margin.balance OWNER TO @extowner@;
ALTER TABLE margin.position OWNER TO @extowner@;

SELECT pg_catalog.pg_extension_config_dump('margin.asset', '');
SELECT pg_catalog.pg_extension_config_dump('margin.collateral_tier', '');
SELECT pg_catalog.pg_extension_config_dump('margin.liability_tier', '');
SELECT pg_catalog.pg_extension_config_dump('margin.index_price', '');
SELECT pg_catalog.pg_extension_config_dump('margin.contract', '');
SELECT pg_catalog.pg_extension_config_dump('margin.risk_tier', '');
SELECT pg_catalog.pg_extension_config_dump('margin.mark_price', '');
SELECT pg_catalog.pg_extension_config_dump('margin.level_threshold', '');
SELECT pg_catalog.pg_extension_config_dump('margin.balance', '');
SELECT pg_catalog.pg_extension_config_dump('margin.position', '');
