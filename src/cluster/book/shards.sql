-- shards: which there are, and what the coordinator reads of each as a whole
--
-- The tables are empty themselves: foreign tables of the shards inherit from
-- them, one each.

CREATE TABLE shard (
    shard      integer,
    server     name NOT NULL,
    modulus    integer NOT NULL,
    remainder  integer NOT NULL,
    CONSTRAINT shard_pkey PRIMARY KEY (shard),
    CONSTRAINT shard_server_key UNIQUE (server),
    CONSTRAINT shard_number_positive CHECK (shard > 0),
    CONSTRAINT shard_remainder_range CHECK (remainder >= 0 AND remainder < modulus)
);
COMMENT ON TABLE shard IS 'the shards of the cluster; create_cluster() writes it';
COMMENT ON COLUMN shard.shard IS 'its number, from 1 on, by which its foreign tables are named';
COMMENT ON COLUMN shard.server IS 'the foreign server';
COMMENT ON COLUMN shard.modulus IS 'it has the accounts whose hash leaves the remainder by this';
COMMENT ON COLUMN shard.remainder IS 'see modulus';
COMMENT ON CONSTRAINT shard_pkey ON shard IS 'a number is of one shard';
COMMENT ON CONSTRAINT shard_server_key ON shard IS 'a server holds one shard, or its accounts would count twice';
COMMENT ON CONSTRAINT shard_number_positive ON shard IS 'shards are counted from 1 on';
COMMENT ON CONSTRAINT shard_remainder_range ON shard IS 'what a division leaves';

CREATE TABLE shard_market (
    id bigint,
    at timestamptz,
    valid_until timestamptz,
    market margin.market,
    release_ratios numeric[],
    pausing_prices jsonb,
    scenarios margin.price_move[],
    repayment_rules margin.repayment_rule[]
);
COMMENT ON TABLE shard_market IS 'the market that each shard has: what set_prices() writes';
COMMENT ON COLUMN shard_market.id IS 'as on the shard';
COMMENT ON COLUMN shard_market.at IS 'as on the shard';
COMMENT ON COLUMN shard_market.valid_until IS 'as on the shard';
COMMENT ON COLUMN shard_market.market IS 'as on the shard';
COMMENT ON COLUMN shard_market.release_ratios IS 'as on the shard';
COMMENT ON COLUMN shard_market.pausing_prices IS 'as on the shard';
COMMENT ON COLUMN shard_market.scenarios IS 'as on the shard';
COMMENT ON COLUMN shard_market.repayment_rules IS 'as on the shard';

CREATE TABLE shard_status (
    market_id bigint,
    market_at timestamptz,
    valid_until timestamptz,
    received_at timestamptz,
    clock timestamptz,
    accounts bigint,
    levels jsonb,
    refreshed_at timestamptz
);
COMMENT ON TABLE shard_status IS 'each shard in one row';
COMMENT ON COLUMN shard_status.market_id IS 'as on the shard';
COMMENT ON COLUMN shard_status.market_at IS 'as on the shard';
COMMENT ON COLUMN shard_status.valid_until IS 'as on the shard';
COMMENT ON COLUMN shard_status.received_at IS 'as on the shard';
COMMENT ON COLUMN shard_status.clock IS 'as on the shard';
COMMENT ON COLUMN shard_status.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_status.levels IS 'as on the shard';
COMMENT ON COLUMN shard_status.refreshed_at IS 'as on the shard';

CREATE TABLE shard_request (
    command text,
    argument jsonb,
    result jsonb
);
COMMENT ON TABLE shard_request IS 'commands to shards: see margin.judge()';
COMMENT ON COLUMN shard_request.command IS 'as on the shard';
COMMENT ON COLUMN shard_request.argument IS 'as on the shard';
COMMENT ON COLUMN shard_request.result IS 'as on the shard';

CREATE TABLE shard_house (
    portfolio margin.portfolio
);
COMMENT ON TABLE shard_house IS 'what the accounts of each shard hold together';
COMMENT ON COLUMN shard_house.portfolio IS 'as on the shard';

CREATE TABLE shard_levels (
    level margin.level,
    accounts bigint,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    shortfall numeric,
    loss numeric,
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);
COMMENT ON TABLE shard_levels IS 'report_levels of each shard';
COMMENT ON COLUMN shard_levels.level IS 'as on the shard';
COMMENT ON COLUMN shard_levels.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_levels.equity IS 'as on the shard';
COMMENT ON COLUMN shard_levels.collateral_value IS 'as on the shard';
COMMENT ON COLUMN shard_levels.liabilities IS 'as on the shard';
COMMENT ON COLUMN shard_levels.net_asset_value IS 'as on the shard';
COMMENT ON COLUMN shard_levels.haircut IS 'as on the shard';
COMMENT ON COLUMN shard_levels.unrealized_pnl IS 'as on the shard';
COMMENT ON COLUMN shard_levels.initial_margin IS 'as on the shard';
COMMENT ON COLUMN shard_levels.maintenance_margin IS 'as on the shard';
COMMENT ON COLUMN shard_levels.shortfall IS 'as on the shard';
COMMENT ON COLUMN shard_levels.loss IS 'as on the shard';
COMMENT ON COLUMN shard_levels.initial_equity IS 'as on the shard';
COMMENT ON COLUMN shard_levels.order_margin IS 'as on the shard';
COMMENT ON COLUMN shard_levels.order_loss IS 'as on the shard';

CREATE TABLE shard_concentration (
    asset text,
    accounts bigint,
    unvalued bigint,
    asset_equity numeric,
    net_asset_value numeric,
    collateral_value numeric,
    largest numeric
);
COMMENT ON TABLE shard_concentration IS 'report_concentration of each shard';
COMMENT ON COLUMN shard_concentration.asset IS 'as on the shard';
COMMENT ON COLUMN shard_concentration.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_concentration.unvalued IS 'as on the shard';
COMMENT ON COLUMN shard_concentration.asset_equity IS 'as on the shard';
COMMENT ON COLUMN shard_concentration.net_asset_value IS 'as on the shard';
COMMENT ON COLUMN shard_concentration.collateral_value IS 'as on the shard';
COMMENT ON COLUMN shard_concentration.largest IS 'as on the shard';

CREATE TABLE shard_exposure (
    contract text,
    settle text,
    accounts bigint,
    mark numeric,
    long numeric,
    short numeric,
    long_notional numeric,
    short_notional numeric,
    pnl_usd numeric,
    maintenance_margin numeric,
    initial_margin numeric,
    order_margin numeric
);
COMMENT ON TABLE shard_exposure IS 'report_exposure of each shard';
COMMENT ON COLUMN shard_exposure.contract IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.settle IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.mark IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.long IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.short IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.long_notional IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.short_notional IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.pnl_usd IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.maintenance_margin IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.initial_margin IS 'as on the shard';
COMMENT ON COLUMN shard_exposure.order_margin IS 'as on the shard';

CREATE TABLE shard_stress (
    scenario text,
    accounts bigint,
    warning bigint,
    margin_call bigint,
    liquidation bigint,
    bankrupt bigint,
    unpriced bigint,
    equity numeric,
    maintenance_margin numeric,
    loss numeric
);
COMMENT ON TABLE shard_stress IS 'the scenarios of the venue over each shard';
COMMENT ON COLUMN shard_stress.scenario IS 'as on the shard';
COMMENT ON COLUMN shard_stress.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_stress.warning IS 'as on the shard';
COMMENT ON COLUMN shard_stress.margin_call IS 'as on the shard';
COMMENT ON COLUMN shard_stress.liquidation IS 'as on the shard';
COMMENT ON COLUMN shard_stress.bankrupt IS 'as on the shard';
COMMENT ON COLUMN shard_stress.unpriced IS 'as on the shard';
COMMENT ON COLUMN shard_stress.equity IS 'as on the shard';
COMMENT ON COLUMN shard_stress.maintenance_margin IS 'as on the shard';
COMMENT ON COLUMN shard_stress.loss IS 'as on the shard';

CREATE TABLE shard_snapshot (
    taken_at timestamptz,
    accounts bigint,
    levels margin.level_total[]
);
COMMENT ON TABLE shard_snapshot IS 'the snapshots that each shard has taken';
COMMENT ON COLUMN shard_snapshot.taken_at IS 'as on the shard';
COMMENT ON COLUMN shard_snapshot.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_snapshot.levels IS 'as on the shard';

CREATE FUNCTION send_market() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    -- its own schema is that of the cluster, whatever that is called
    PERFORM margin_internal.send_market(format('%I.shard', n.nspname)::regclass, NEW.id, NEW.at, NEW.valid_until, NEW.market,
                                        NEW.release_ratios, NEW.pausing_prices, NEW.scenarios, NEW.repayment_rules)
       FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
      WHERE t.tgrelid = TG_RELID AND t.tgname = TG_NAME;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION send_market() FROM PUBLIC;
COMMENT ON FUNCTION send_market() IS 'trigger on published_market of the venue: what is published goes to all shards in the same transaction, or it is not published';
