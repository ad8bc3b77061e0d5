-- market.sql: everything needed to price a portfolio, as one value

CREATE TYPE margin.netting AS ENUM ('leg', 'larger', 'net');
COMMENT ON TYPE margin.netting IS
'what the requirement of a contract is computed on: leg, each side by itself; larger, the larger side; net, the difference of the sides';

CREATE TYPE margin.contract_tier_unit AS ENUM ('notional', 'contracts');
COMMENT ON TYPE margin.contract_tier_unit IS
'what the bounds of a contract''s tiers are in: notional, the notional of a leg in the settlement asset; contracts, its number of contracts';

CREATE TYPE margin.order_reduction AS ENUM ('nothing', 'loss', 'margin', 'both');
COMMENT ON TYPE margin.order_reduction IS
'which amounts of open orders are subtracted from equity before levels are judged: nothing; order_loss; order_margin; both';

CREATE TYPE margin.liability_rule AS ENUM ('sum', 'larger');
COMMENT ON TYPE margin.liability_rule IS
'how the maintenance of debts counts: sum, beside that of positions; larger, only the larger of the two counts';

CREATE TYPE margin.market;

CREATE FUNCTION margin.market_in(cstring) RETURNS margin.market
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_in';
CREATE FUNCTION margin.market_out(margin.market) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_out';
CREATE FUNCTION margin.market_recv(internal) RETURNS margin.market
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_recv';
CREATE FUNCTION margin.market_send(margin.market) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_send';
COMMENT ON FUNCTION margin.market_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin.market_out(margin.market) IS 'I/O';
COMMENT ON FUNCTION margin.market_recv(internal) IS 'I/O';
COMMENT ON FUNCTION margin.market_send(margin.market) IS 'I/O';

CREATE TYPE margin.market (
    INPUT = margin.market_in,
    OUTPUT = margin.market_out,
    RECEIVE = margin.market_recv,
    SEND = margin.market_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE margin.market IS
'prices and parameters of assets and contracts, level thresholds and rules: {"assets": {...}, "contracts": {...}, "levels": {...}, "rules": {...}}';

-- The relational face of a market. Null means absent, or the default.
CREATE TYPE margin.asset_terms AS (
    asset text,
    price numeric,
    tiers margin.schedule,
    tier_unit margin.tier_unit,
    liability_weight numeric,
    requirement_weight numeric,
    liability_maintenance margin.schedule,
    low numeric,
    high numeric,
    initial_tiers margin.schedule,
    initial_liability_weight numeric
);
COMMENT ON TYPE margin.asset_terms IS 'one asset of a market: assets(market) returns and market(...) takes such rows';
COMMENT ON COLUMN margin.asset_terms.asset IS 'symbol of the asset';
COMMENT ON COLUMN margin.asset_terms.price IS 'index price of one unit, in USD, > 0; null: none';
COMMENT ON COLUMN margin.asset_terms.tiers IS 'collateral ratios in [0, 1], marginal, never rising; null: not accepted as collateral';
COMMENT ON COLUMN margin.asset_terms.tier_unit IS 'whether the bounds of the tiers are units of the asset (quantity) or USD (value); null: quantity';
COMMENT ON COLUMN margin.asset_terms.liability_weight IS 'multiplies a negative equity, >= 1; null: 1';
COMMENT ON COLUMN margin.asset_terms.requirement_weight IS 'multiplies requirements settled in this asset, > 0; null: 1';
COMMENT ON COLUMN margin.asset_terms.low IS 'what one owned unit counts at where the price is in doubt, in USD: above 0, not above the price; null: the price';
COMMENT ON COLUMN margin.asset_terms.high IS 'what one unit owed or required counts at where the price is in doubt, in USD: not below the price; null: the price';
COMMENT ON COLUMN margin.asset_terms.initial_tiers IS 'collateral ratios of the initial measure, by which orders and withdrawals are judged, in tier_unit; null: as tiers';
COMMENT ON COLUMN margin.asset_terms.initial_liability_weight IS 'liability weight of the initial measure, >= 1; null: as liability_weight';
COMMENT ON COLUMN margin.asset_terms.liability_maintenance IS 'maintenance rates of a negative equity, by its absolute quantity, never falling; null: none';

CREATE TYPE margin.contract_terms AS (
    contract text,
    settle text,
    base text,
    contract_size numeric,
    mark numeric,
    maintenance margin.schedule,
    initial margin.schedule,
    netting margin.netting,
    closing_fee numeric,
    opening_fee numeric,
    tier_unit margin.contract_tier_unit,
    order_maintenance boolean
);
COMMENT ON TYPE margin.contract_terms IS 'one contract of a market: contracts(market) returns and market(...) takes such rows';
COMMENT ON COLUMN margin.contract_terms.contract IS 'symbol of the contract';
COMMENT ON COLUMN margin.contract_terms.settle IS 'settlement asset: profit and loss are paid in it';
COMMENT ON COLUMN margin.contract_terms.base IS 'underlying asset; null: none';
COMMENT ON COLUMN margin.contract_terms.contract_size IS 'units of the underlying in one contract, > 0';
COMMENT ON COLUMN margin.contract_terms.mark IS 'mark price of one unit of the underlying, in the settlement asset, > 0; null: none';
COMMENT ON COLUMN margin.contract_terms.maintenance IS 'maintenance rates by leg notional in the settlement asset, or by contracts (tier_unit), never falling; null: the contract counts as unknown';
COMMENT ON COLUMN margin.contract_terms.initial IS 'initial rates by leg notional in the settlement asset, or by contracts (tier_unit), never falling; null: none';
COMMENT ON COLUMN margin.contract_terms.netting IS 'what the requirement is computed on; null: leg';
COMMENT ON COLUMN margin.contract_terms.closing_fee IS 'rate added to maintenance on the same notional, >= 0; null: 0';
COMMENT ON COLUMN margin.contract_terms.opening_fee IS 'rate added to the initial requirement on the same notional, >= 0; null: 0';
COMMENT ON COLUMN margin.contract_terms.tier_unit IS 'what the bounds of maintenance and initial are in; null: notional';
COMMENT ON COLUMN margin.contract_terms.order_maintenance IS 'whether open orders require maintenance, too; null: false';

CREATE FUNCTION margin.market(
    assets margin.asset_terms[],
    contracts margin.contract_terms[],
    warning numeric DEFAULT NULL,
    margin_call numeric DEFAULT NULL,
    liquidation numeric DEFAULT NULL,
    orders_reduce_equity margin.order_reduction DEFAULT NULL,
    liability_rule margin.liability_rule DEFAULT NULL
) RETURNS margin.market
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_from_rows';
COMMENT ON FUNCTION margin.market(margin.asset_terms[], margin.contract_terms[], numeric, numeric, numeric, margin.order_reduction, margin.liability_rule) IS
'a market from rows, the margin ratios at which its levels begin (null: 0.7, 0.85, 1) and its rules (null: nothing, sum); a null array counts as empty. An error for values outside their domain and for repeated or null symbols';

CREATE FUNCTION margin_internal.market_accum(internal, asset margin.asset_terms, contract margin.contract_terms, warning numeric, margin_call numeric, liquidation numeric,
                                             orders_reduce_equity margin.order_reduction, liability_rule margin.liability_rule) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_accum';
CREATE FUNCTION margin_internal.market_final(internal) RETURNS margin.market
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_final';
COMMENT ON FUNCTION margin_internal.market_accum(internal, margin.asset_terms, margin.contract_terms, numeric, numeric, numeric, margin.order_reduction, margin.liability_rule) IS 'aggregate transition of market()';
COMMENT ON FUNCTION margin_internal.market_final(internal) IS 'aggregate final of market()';

-- what a venue reads its market by: arrays of its rows would hold the schedules of every contract, of which most are equal
CREATE AGGREGATE margin_internal.market(asset margin.asset_terms, contract margin.contract_terms, warning numeric, margin_call numeric, liquidation numeric,
                                        orders_reduce_equity margin.order_reduction, liability_rule margin.liability_rule) (
    SFUNC = margin_internal.market_accum,
    STYPE = internal,
    FINALFUNC = margin_internal.market_final,
    FINALFUNC_MODIFY = READ_WRITE,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin_internal.market(margin.asset_terms, margin.contract_terms, numeric, numeric, numeric, margin.order_reduction, margin.liability_rule) IS
'margin.market() from rows each of which is an asset, or a contract, or, where both are null, the margin ratios and rules; null over no rows';

CREATE FUNCTION margin.assets(market margin.market) RETURNS SETOF margin.asset_terms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'margin_market_assets';
COMMENT ON FUNCTION margin.assets(margin.market) IS 'the assets of a market, one per row in byte order; none for null';

CREATE FUNCTION margin.contracts(market margin.market) RETURNS SETOF margin.contract_terms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'margin_market_contracts';
COMMENT ON FUNCTION margin.contracts(margin.market) IS 'the contracts of a market, one per row in byte order; none for null';

CREATE FUNCTION margin.rules(market margin.market, OUT rule text, OUT value text) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'margin_market_rules';
COMMENT ON FUNCTION margin.rules(margin.market) IS 'the rules of a market, defaults included: liability_rule and orders_reduce_equity; none for null';
