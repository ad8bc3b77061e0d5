-- terms: assets and contracts, and the schedules that go with them
--
-- One row is judged by CHECK constraints, a whole schedule by a deferred
-- trigger, so that it may be edited in any order within a transaction.  The
-- columns have PostgreSQL's own types: what is entered here outlives even
-- DROP EXTENSION ... CASCADE.

CREATE TABLE asset (
    asset                     text NOT NULL,
    tier_unit                 text NOT NULL DEFAULT 'quantity',
    liability_weight          numeric NOT NULL DEFAULT 1,
    requirement_weight        numeric NOT NULL DEFAULT 1,
    max_age                   interval,
    source                    text,
    initial_liability_weight  numeric,
    CONSTRAINT asset_pkey PRIMARY KEY (asset),
    CONSTRAINT asset_asset_length CHECK (octet_length(asset) BETWEEN 1 AND 255),
    CONSTRAINT asset_tier_unit_known CHECK (tier_unit IN ('quantity', 'value')),
    CONSTRAINT asset_liability_weight_range CHECK (margin.is_amount(liability_weight) AND liability_weight >= 1),
    CONSTRAINT asset_requirement_weight_positive CHECK (margin.is_amount(requirement_weight) AND requirement_weight > 0),
    CONSTRAINT asset_max_age_positive CHECK (max_age > interval '0'),
    CONSTRAINT asset_initial_liability_weight_range CHECK (margin.is_amount(initial_liability_weight) AND initial_liability_weight >= 1)
);
COMMENT ON TABLE asset IS 'assets: what can be held as a balance, serve as collateral, or settle contracts';
COMMENT ON COLUMN asset.asset IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';
COMMENT ON COLUMN asset.tier_unit IS 'what the bounds of its collateral tiers measure: quantity (units of the asset) or value (USD)';
COMMENT ON COLUMN asset.liability_weight IS 'multiplies the value of a negative equity in this asset; at least 1';
COMMENT ON COLUMN asset.requirement_weight IS 'multiplies margin requirements settled in this asset; above 0';
COMMENT ON COLUMN asset.max_age IS 'an index price older than this counts as absent; NULL: prices do not expire';
COMMENT ON COLUMN asset.source IS 'where these parameters come from, in words';
COMMENT ON COLUMN asset.initial_liability_weight IS 'the same as liability_weight for the initial measure, by which orders and withdrawals are judged; at least 1; NULL: liability_weight';
COMMENT ON CONSTRAINT asset_asset_length ON asset IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT asset_tier_unit_known ON asset IS 'quantity or value';
COMMENT ON CONSTRAINT asset_liability_weight_range ON asset IS 'a debt is never weighted down';
COMMENT ON CONSTRAINT asset_requirement_weight_positive ON asset IS 'a weight of 0 would waive every requirement';
COMMENT ON CONSTRAINT asset_max_age_positive ON asset IS 'a price would be stale when it is written';
COMMENT ON CONSTRAINT asset_initial_liability_weight_range ON asset IS 'a debt is never weighted down';

CREATE TABLE collateral_tier (
    asset        text NOT NULL,
    valid_from   timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound  numeric NOT NULL,
    ratio        numeric NOT NULL,
    CONSTRAINT collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound),
    CONSTRAINT collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT collateral_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT collateral_tier_ratio_range CHECK (margin.is_amount(ratio) AND ratio BETWEEN 0 AND 1)
);
COMMENT ON TABLE collateral_tier IS 'collateral ratio schedules: rows that share asset and valid_from form one; an asset without is not accepted as collateral';
COMMENT ON COLUMN collateral_tier.asset IS 'the asset held';
COMMENT ON COLUMN collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies';
COMMENT ON COLUMN collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.tier_unit says; it ends where the next begins';
COMMENT ON COLUMN collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';
COMMENT ON CONSTRAINT collateral_tier_asset_fkey ON collateral_tier IS 'the asset exists; its tiers go with it';
COMMENT ON CONSTRAINT collateral_tier_lower_bound_range ON collateral_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT collateral_tier_ratio_range ON collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE initial_collateral_tier (
    asset        text NOT NULL,
    valid_from   timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound  numeric NOT NULL,
    ratio        numeric NOT NULL,
    CONSTRAINT initial_collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound),
    CONSTRAINT initial_collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT initial_collateral_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT initial_collateral_tier_ratio_range CHECK (margin.is_amount(ratio) AND ratio BETWEEN 0 AND 1)
);
COMMENT ON TABLE initial_collateral_tier IS 'collateral ratio schedules of the initial measure, by which orders and withdrawals are judged; an asset without them is judged by its collateral_tier alone';
COMMENT ON COLUMN initial_collateral_tier.asset IS 'the asset held; it has a collateral_tier too';
COMMENT ON COLUMN initial_collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies, while the asset has one in collateral_tier';
COMMENT ON COLUMN initial_collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.tier_unit says; it ends where the next begins';
COMMENT ON COLUMN initial_collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';
COMMENT ON CONSTRAINT initial_collateral_tier_asset_fkey ON initial_collateral_tier IS 'the asset exists; its tiers go with it';
COMMENT ON CONSTRAINT initial_collateral_tier_lower_bound_range ON initial_collateral_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT initial_collateral_tier_ratio_range ON initial_collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE liability_tier (
    asset             text NOT NULL,
    valid_from        timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound       numeric NOT NULL,
    maintenance_rate  numeric NOT NULL,
    CONSTRAINT liability_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound),
    CONSTRAINT liability_tier_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT liability_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT liability_tier_maintenance_rate_range CHECK (margin.is_amount(maintenance_rate) AND maintenance_rate >= 0)
);
COMMENT ON TABLE liability_tier IS 'maintenance schedules of debts: rows that share asset and valid_from form one; a debt in an asset without needs no maintenance';
COMMENT ON COLUMN liability_tier.asset IS 'the asset owed';
COMMENT ON COLUMN liability_tier.valid_from IS 'the latest schedule not after the instant of a market applies';
COMMENT ON COLUMN liability_tier.lower_bound IS 'where the tier begins, in units of the asset owed; it ends where the next begins';
COMMENT ON COLUMN liability_tier.maintenance_rate IS 'maintenance margin per unit owed inside the tier; never falls from tier to tier';
COMMENT ON CONSTRAINT liability_tier_asset_fkey ON liability_tier IS 'the asset exists; its tiers go with it';
COMMENT ON CONSTRAINT liability_tier_lower_bound_range ON liability_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT liability_tier_maintenance_rate_range ON liability_tier IS 'a requirement is never negative';

CREATE TABLE contract (
    contract            text NOT NULL,
    settle              text NOT NULL,
    base                text,
    contract_size       numeric NOT NULL,
    netting             text NOT NULL DEFAULT 'leg',
    closing_fee         numeric NOT NULL DEFAULT 0,
    maintenance_method  text NOT NULL DEFAULT 'marginal',
    initial_method      text NOT NULL DEFAULT 'whole',
    max_age             interval,
    source              text,
    opening_fee         numeric NOT NULL DEFAULT 0,
    tier_unit           text NOT NULL DEFAULT 'notional',
    order_maintenance   boolean NOT NULL DEFAULT false,
    payoff              text NOT NULL DEFAULT 'linear',
    CONSTRAINT contract_pkey PRIMARY KEY (contract),
    CONSTRAINT contract_settle_fkey FOREIGN KEY (settle) REFERENCES asset ON UPDATE CASCADE,
    CONSTRAINT contract_base_fkey FOREIGN KEY (base) REFERENCES asset ON UPDATE CASCADE,
    CONSTRAINT contract_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT contract_contract_size_positive CHECK (margin.is_amount(contract_size) AND contract_size > 0),
    CONSTRAINT contract_netting_known CHECK (netting IN ('leg', 'larger', 'net')),
    CONSTRAINT contract_closing_fee_range CHECK (margin.is_amount(closing_fee) AND closing_fee >= 0),
    CONSTRAINT contract_maintenance_method_known CHECK (maintenance_method IN ('marginal', 'whole')),
    CONSTRAINT contract_initial_method_known CHECK (initial_method IN ('marginal', 'whole')),
    CONSTRAINT contract_max_age_positive CHECK (max_age > interval '0'),
    CONSTRAINT contract_opening_fee_range CHECK (margin.is_amount(opening_fee) AND opening_fee >= 0),
    CONSTRAINT contract_tier_unit_known CHECK (tier_unit IN ('notional', 'contracts')),
    CONSTRAINT contract_payoff_linear CHECK (payoff = 'linear')
);
COMMENT ON TABLE contract IS 'contracts: what positions can be held in';
COMMENT ON COLUMN contract.contract IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';
COMMENT ON COLUMN contract.settle IS 'settlement asset: mark price, notional, profit and margin of the contract are counted in it';
COMMENT ON COLUMN contract.base IS 'underlying asset, for linked price shocks; never enters a valuation; may be absent';
COMMENT ON COLUMN contract.contract_size IS 'units of the underlying in one contract; above 0';
COMMENT ON COLUMN contract.netting IS 'what margin is taken on: leg (each side by itself), larger (the larger side), net (the difference)';
COMMENT ON COLUMN contract.closing_fee IS 'rate added to maintenance on the same notional; 0.0005 is 0.05 %';
COMMENT ON COLUMN contract.maintenance_method IS 'how its maintenance rates apply: marginal (each to the part inside its tier) or whole (the tier reached, to all)';
COMMENT ON COLUMN contract.initial_method IS 'how its initial rates apply: marginal or whole';
COMMENT ON COLUMN contract.max_age IS 'a mark price older than this counts as absent; NULL: prices do not expire';
COMMENT ON COLUMN contract.source IS 'where these parameters come from, in words';
COMMENT ON COLUMN contract.opening_fee IS 'rate added to the initial requirement on the same notional; 0.0005 is 0.05 %';
COMMENT ON COLUMN contract.tier_unit IS 'what the bounds of its risk tiers measure: notional (of a leg, in the settlement asset) or contracts';
COMMENT ON COLUMN contract.order_maintenance IS 'whether open orders require maintenance, too';
COMMENT ON COLUMN contract.payoff IS 'linear: profit is size * (mark - entry price) in the settlement asset. Nothing else is valued, so nothing else can be entered: an inverse or quanto contract would be given a wrong profit';
COMMENT ON CONSTRAINT contract_settle_fkey ON contract IS 'the settlement asset exists, and stays as long as the contract';
COMMENT ON CONSTRAINT contract_base_fkey ON contract IS 'the underlying asset exists, and stays as long as the contract';
COMMENT ON CONSTRAINT contract_contract_length ON contract IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT contract_contract_size_positive ON contract IS 'a contract of size 0 would be worth nothing';
COMMENT ON CONSTRAINT contract_netting_known ON contract IS 'leg, larger or net';
COMMENT ON CONSTRAINT contract_closing_fee_range ON contract IS 'a requirement is never negative';
COMMENT ON CONSTRAINT contract_maintenance_method_known ON contract IS 'marginal or whole';
COMMENT ON CONSTRAINT contract_initial_method_known ON contract IS 'marginal or whole';
COMMENT ON CONSTRAINT contract_max_age_positive ON contract IS 'a price would be stale when it is written';
COMMENT ON CONSTRAINT contract_opening_fee_range ON contract IS 'a requirement is never negative';
COMMENT ON CONSTRAINT contract_tier_unit_known ON contract IS 'notional or contracts';
COMMENT ON CONSTRAINT contract_payoff_linear ON contract IS 'only linear contracts are valued; the trigger payoff says what to do with others';

CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON contract
    FOR EACH ROW WHEN (NEW.payoff <> 'linear') EXECUTE FUNCTION margin_internal.refuse_payoff();
COMMENT ON TRIGGER payoff ON contract IS 'an inverse contract must not pass silently for a linear one';

CREATE TABLE risk_tier (
    contract          text NOT NULL,
    valid_from        timestamptz NOT NULL DEFAULT '-infinity',
    lower_bound       numeric NOT NULL,
    maintenance_rate  numeric NOT NULL,
    initial_rate      numeric,
    CONSTRAINT risk_tier_pkey PRIMARY KEY (contract, valid_from, lower_bound),
    CONSTRAINT risk_tier_contract_fkey FOREIGN KEY (contract) REFERENCES contract ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT risk_tier_lower_bound_range CHECK (margin.is_amount(lower_bound) AND lower_bound >= 0),
    CONSTRAINT risk_tier_maintenance_rate_range CHECK (margin.is_amount(maintenance_rate) AND maintenance_rate >= 0),
    CONSTRAINT risk_tier_initial_rate_range CHECK (margin.is_amount(initial_rate) AND initial_rate >= 0)
);
COMMENT ON TABLE risk_tier IS 'margin rate schedules: rows that share contract and valid_from form one; positions in a contract without are unpriced';
COMMENT ON COLUMN risk_tier.contract IS 'the contract';
COMMENT ON COLUMN risk_tier.valid_from IS 'the latest schedule not after the instant of a market applies';
COMMENT ON COLUMN risk_tier.lower_bound IS 'where the tier begins: notional of a leg, in the settlement asset, or contracts, as contract.tier_unit says; it ends where the next begins';
COMMENT ON COLUMN risk_tier.maintenance_rate IS 'maintenance margin per unit of notional; never falls from tier to tier';
COMMENT ON COLUMN risk_tier.initial_rate IS 'initial margin per unit of notional, in all tiers of a schedule or in none; never falls from tier to tier';
COMMENT ON CONSTRAINT risk_tier_contract_fkey ON risk_tier IS 'the contract exists; its tiers go with it';
COMMENT ON CONSTRAINT risk_tier_lower_bound_range ON risk_tier IS 'a tier begins at 0 or above';
COMMENT ON CONSTRAINT risk_tier_maintenance_rate_range ON risk_tier IS 'a requirement is never negative';
COMMENT ON CONSTRAINT risk_tier_initial_rate_range ON risk_tier IS 'a requirement is never negative';

-- Two transactions may each leave a schedule in order and together break it.
-- So a check first rewrites the parent row as it is: the other transaction
-- then waits here and looks again afterwards, or, at REPEATABLE READ and
-- above, where it could not see the change, fails to serialize.  A row that
-- this transaction has written already is left alone.
--
-- Like checks of foreign keys it runs as the owner of the tables: whoever may
-- write tiers needs no right on the parent, and row security hides nothing.
CREATE FUNCTION check_tiers() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    edited record;
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR edited IN
        SELECT DISTINCT coalesce(r.tier ->> 'asset', r.tier ->> 'contract') AS symbol, (r.tier ->> 'valid_from')::timestamptz AS valid_from
          FROM (SELECT to_jsonb(OLD) WHERE TG_OP <> 'INSERT' UNION SELECT to_jsonb(NEW) WHERE TG_OP <> 'DELETE') AS r (tier)
         ORDER BY symbol, valid_from
    LOOP
        IF TG_TABLE_NAME = 'risk_tier' THEN
            UPDATE contract AS c SET source = c.source WHERE c.contract = edited.symbol AND c.xmin <> pg_current_xact_id()::xid;
        ELSE
            UPDATE asset AS a SET source = a.source WHERE a.asset = edited.symbol AND a.xmin <> pg_current_xact_id()::xid;
        END IF;
        BEGIN
            -- A market of nothing else: what a schedule may be, its type knows.
            CASE TG_TABLE_NAME
                WHEN 'collateral_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, t.tiers, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, ratio) AS tiers FROM collateral_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t;
                WHEN 'initial_collateral_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, r.tiers, NULL, NULL, NULL, NULL, NULL, NULL, t.tiers, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, ratio) AS tiers FROM initial_collateral_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t
                       LEFT JOIN (SELECT margin.schedule(c.lower_bound, c.ratio) AS tiers FROM collateral_tier AS c
                                   WHERE c.asset = edited.symbol AND c.valid_from <= edited.valid_from
                                   GROUP BY c.valid_from ORDER BY c.valid_from DESC LIMIT 1) AS r ON true;
                WHEN 'liability_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, NULL, NULL, NULL, NULL, t.tiers, NULL, NULL, NULL, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, maintenance_rate) AS tiers FROM liability_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t;
                ELSE
                    PERFORM margin.market(NULL, array_agg(ROW(edited.symbol, edited.symbol, NULL, 1, NULL, t.maintenance, t.initial, NULL, NULL, NULL, NULL, NULL)::margin.contract_terms))
                       FROM (SELECT margin.schedule(r.lower_bound, r.maintenance_rate) AS maintenance,
                                    margin.schedule(r.lower_bound, r.initial_rate) FILTER (WHERE r.initial_rate IS NOT NULL OR r.some) AS initial
                               FROM (SELECT *, bool_or(initial_rate IS NOT NULL) OVER () AS some FROM risk_tier
                                      WHERE contract = edited.symbol AND valid_from = edited.valid_from) AS r) AS t;
            END CASE;
        EXCEPTION WHEN invalid_parameter_value OR null_value_not_allowed OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
            RAISE EXCEPTION USING
                ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
                MESSAGE = format('%s of "%s", valid from %s: %s', replace(TG_TABLE_NAME, '_', ' ') || 's', edited.symbol, edited.valid_from,
                                 CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not as the rows of a schedule have to be' END),
                HINT = 'The tiers of a schedule begin at 0; collateral ratios never rise, margin rates never fall; initial rates are in all tiers or in none.';
        END;
        PERFORM margin_internal.tell_lost_cap(TG_RELID, edited.symbol, edited.valid_from);
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION check_tiers() FROM PUBLIC;
COMMENT ON FUNCTION check_tiers() IS 'trigger of the tables of tiers: a whole schedule begins at 0, collateral ratios never rise, margin rates never fall, initial rates are in all tiers or in none';

CREATE CONSTRAINT TRIGGER collateral_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON collateral_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');
COMMENT ON TRIGGER collateral_tier_shape ON collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise';

CREATE CONSTRAINT TRIGGER initial_collateral_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON initial_collateral_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');
COMMENT ON TRIGGER initial_collateral_tier_shape ON initial_collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise, and the asset has collateral tiers by then';

CREATE CONSTRAINT TRIGGER liability_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON liability_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');
COMMENT ON TRIGGER liability_tier_shape ON liability_tier IS 'the rates of a whole schedule begin at 0 and never fall';

CREATE CONSTRAINT TRIGGER risk_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON risk_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('contract');
COMMENT ON TRIGGER risk_tier_shape ON risk_tier IS 'the rates of a whole schedule begin at 0 and never fall; initial rates are in all tiers or in none';
