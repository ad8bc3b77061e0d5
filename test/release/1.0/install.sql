\echo Use "CREATE EXTENSION margin" to load this file. \quit

-- margin: the schemas, before all else
--
-- The script runs as superuser.  Names resolve in pg_catalog alone; ours are
-- written with their schema.  The extension makes its schemas itself, so
-- nobody has put a function into them that fits a call better than the one
-- that is meant; and a restore, whose extension makes them, too, does not meet
-- them again.
SET LOCAL search_path = pg_catalog, pg_temp;

CREATE SCHEMA margin;
COMMENT ON SCHEMA margin IS 'margin accounts: types, functions and aggregates; what users edit is in venues and books, schemas of their own';
GRANT USAGE ON SCHEMA margin TO PUBLIC;

-- What stands here is called by venues, books and functions of margin.  Each
-- function checks what it has to; that it may be named by everybody is what
-- lets a dump be restored by whoever owns a book.
CREATE SCHEMA margin_internal;
COMMENT ON SCHEMA margin_internal IS 'what venues, books and the functions of margin are made of; nothing to call by hand';
GRANT USAGE ON SCHEMA margin_internal TO PUBLIC;


-- schedule.sql: amounts and tier schedules

CREATE FUNCTION margin.is_amount(numeric) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_is_amount';
COMMENT ON FUNCTION margin.is_amount(numeric) IS
'whether a number can be an amount: neither NaN nor infinite, and at most 1,000 digits on each side of the decimal point';

CREATE TYPE margin.tier_method AS ENUM ('marginal', 'whole');
COMMENT ON TYPE margin.tier_method IS
'how a schedule applies: marginal, each rate to the part of the amount inside its tier; whole, the rate of the tier that holds the amount to all of it';

CREATE TYPE margin.tier_unit AS ENUM ('quantity', 'value');
COMMENT ON TYPE margin.tier_unit IS
'what the bounds of collateral tiers count: quantity, units of the asset; value, USD';

CREATE TYPE margin.schedule;

CREATE FUNCTION margin.schedule_in(cstring) RETURNS margin.schedule
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_in';
CREATE FUNCTION margin.schedule_out(margin.schedule) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_out';
CREATE FUNCTION margin.schedule_recv(internal) RETURNS margin.schedule
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_recv';
CREATE FUNCTION margin.schedule_send(margin.schedule) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_send';
COMMENT ON FUNCTION margin.schedule_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin.schedule_out(margin.schedule) IS 'I/O';
COMMENT ON FUNCTION margin.schedule_recv(internal) IS 'I/O';
COMMENT ON FUNCTION margin.schedule_send(margin.schedule) IS 'I/O';

CREATE TYPE margin.schedule (
    INPUT = margin.schedule_in,
    OUTPUT = margin.schedule_out,
    RECEIVE = margin.schedule_recv,
    SEND = margin.schedule_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE margin.schedule IS
'tier schedule: ordered lower bounds, each with a rate, as {0: 0.975, 1: 0.97} (marginal) or whole {0: 0.004, 50000: 0.005}';

CREATE FUNCTION margin.tiers(schedule margin.schedule, OUT lower_bound numeric, OUT rate numeric) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS 'MODULE_PATHNAME', 'margin_schedule_tiers';
COMMENT ON FUNCTION margin.tiers(margin.schedule) IS
'the tiers of a schedule, in order: where each begins, in the unit of what the schedule is applied to, and its rate. How rates apply, marginal or whole, stands in the text of the schedule. No row for null';

CREATE FUNCTION margin.apply(schedule margin.schedule, amount numeric) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_apply';
COMMENT ON FUNCTION margin.apply(margin.schedule, numeric) IS
'the schedule applied to an amount >= 0 in the unit of its bounds: the sum of rate * part inside each tier, or for a whole schedule rate of its tier * amount. Exact. An error below 0; null for null';

CREATE FUNCTION margin.schedule_accum(internal, lower_bound numeric, rate numeric) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_accum';
CREATE FUNCTION margin.schedule_accum(internal, lower_bound numeric, rate numeric, method margin.tier_method) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_accum';
CREATE FUNCTION margin.schedule_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_combine';
CREATE FUNCTION margin.schedule_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_serialize';
CREATE FUNCTION margin.schedule_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_deserialize';
CREATE FUNCTION margin.schedule_final(internal) RETURNS margin.schedule
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_final';
COMMENT ON FUNCTION margin.schedule_accum(internal, numeric, numeric) IS 'aggregate transition of schedule(lower_bound, rate)';
COMMENT ON FUNCTION margin.schedule_accum(internal, numeric, numeric, margin.tier_method) IS 'aggregate transition of schedule(lower_bound, rate, method)';
COMMENT ON FUNCTION margin.schedule_combine(internal, internal) IS 'aggregate combine of schedule()';
COMMENT ON FUNCTION margin.schedule_serialize(internal) IS 'aggregate serialize of schedule()';
COMMENT ON FUNCTION margin.schedule_deserialize(bytea, internal) IS 'aggregate deserialize of schedule()';
COMMENT ON FUNCTION margin.schedule_final(internal) IS 'aggregate final of schedule()';

CREATE AGGREGATE margin.schedule(lower_bound numeric, rate numeric) (
    SFUNC = margin.schedule_accum,
    STYPE = internal,
    FINALFUNC = margin.schedule_final,
    COMBINEFUNC = margin.schedule_combine,
    SERIALFUNC = margin.schedule_serialize,
    DESERIALFUNC = margin.schedule_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.schedule(numeric, numeric) IS
'marginal tier schedule from rows in any order; null over no rows. An error for nulls, a first bound other than 0, equal bounds, a negative rate or more than 1,000 tiers';

CREATE AGGREGATE margin.schedule(lower_bound numeric, rate numeric, method margin.tier_method) (
    SFUNC = margin.schedule_accum,
    STYPE = internal,
    FINALFUNC = margin.schedule_final,
    COMBINEFUNC = margin.schedule_combine,
    SERIALFUNC = margin.schedule_serialize,
    DESERIALFUNC = margin.schedule_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.schedule(numeric, numeric, margin.tier_method) IS
'tier schedule from rows in any order that all have the same method; otherwise as schedule(lower_bound, rate)';

-- portfolio.sql: netted holdings of one account, their aggregates and algebra

CREATE TYPE margin.side AS ENUM ('long', 'short');
COMMENT ON TYPE margin.side IS 'side of a position: long, bought contracts; short, sold ones';

CREATE TYPE margin.holding_kind AS ENUM ('balance', 'position', 'order');
COMMENT ON TYPE margin.holding_kind IS
'what a holding is: balance of an asset, position (a lot of a contract), or order (an open order in a contract)';

CREATE TYPE margin.portfolio;

CREATE FUNCTION margin.portfolio_in(cstring) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_in';
CREATE FUNCTION margin.portfolio_out(margin.portfolio) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_out';
CREATE FUNCTION margin.portfolio_recv(internal) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_recv';
CREATE FUNCTION margin.portfolio_send(margin.portfolio) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_send';
COMMENT ON FUNCTION margin.portfolio_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin.portfolio_out(margin.portfolio) IS 'I/O';
COMMENT ON FUNCTION margin.portfolio_recv(internal) IS 'I/O';
COMMENT ON FUNCTION margin.portfolio_send(margin.portfolio) IS 'I/O';

CREATE TYPE margin.portfolio (
    INPUT = margin.portfolio_in,
    OUTPUT = margin.portfolio_out,
    RECEIVE = margin.portfolio_recv,
    SEND = margin.portfolio_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = int4,
    STORAGE = extended
);
COMMENT ON TYPE margin.portfolio IS
'netted holdings of one account: {"balances": {asset: quantity}, "orders": {contract: {"buy": {price: [quantity, margin]}, "sell": {...}}}, "positions": {contract: {long, long_cost, long_margin, short, short_cost, short_margin}}}';

CREATE FUNCTION margin.portfolio_add(margin.portfolio, margin.portfolio) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_add';
COMMENT ON FUNCTION margin.portfolio_add(margin.portfolio, margin.portfolio) IS 'implementation of + operator';
CREATE FUNCTION margin.portfolio_subtract(margin.portfolio, margin.portfolio) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_subtract';
COMMENT ON FUNCTION margin.portfolio_subtract(margin.portfolio, margin.portfolio) IS 'implementation of - operator';

CREATE OPERATOR margin.+ (
    LEFTARG = margin.portfolio, RIGHTARG = margin.portfolio,
    FUNCTION = margin.portfolio_add, COMMUTATOR = OPERATOR(margin.+)
);
COMMENT ON OPERATOR margin.+ (margin.portfolio, margin.portfolio) IS
'the holdings of both, as if all rows had been aggregated at once';
CREATE OPERATOR margin.- (
    LEFTARG = margin.portfolio, RIGHTARG = margin.portfolio,
    FUNCTION = margin.portfolio_subtract
);
COMMENT ON OPERATOR margin.- (margin.portfolio, margin.portfolio) IS
'the first without the second: (a + b) - b = a. Balances may become negative; taking away more of a position than is held is an error';

CREATE FUNCTION margin.without_orders(portfolio margin.portfolio) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_without_orders';
COMMENT ON FUNCTION margin.without_orders(margin.portfolio) IS 'the portfolio without its open orders; null for null';

CREATE FUNCTION margin.portfolio_accum(internal, asset text, quantity numeric) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_accum';
CREATE FUNCTION margin.portfolio_accum(internal, symbol text, quantity numeric, entry_price numeric, leverage numeric) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_accum';
CREATE FUNCTION margin.portfolio_accum(internal, symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_accum';
CREATE FUNCTION margin.portfolio_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_combine';
CREATE FUNCTION margin.portfolio_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_serialize';
CREATE FUNCTION margin.portfolio_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_deserialize';
CREATE FUNCTION margin.portfolio_final(internal) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_portfolio_final';
COMMENT ON FUNCTION margin.portfolio_accum(internal, text, numeric) IS 'aggregate transition of portfolio(asset, quantity)';
COMMENT ON FUNCTION margin.portfolio_accum(internal, text, numeric, numeric, numeric) IS 'aggregate transition of portfolio(symbol, quantity, entry_price, leverage)';
COMMENT ON FUNCTION margin.portfolio_accum(internal, text, numeric, numeric, numeric, margin.holding_kind) IS 'aggregate transition of portfolio(symbol, quantity, entry_price, leverage, kind)';
COMMENT ON FUNCTION margin.portfolio_combine(internal, internal) IS 'aggregate combine of portfolio()';
COMMENT ON FUNCTION margin.portfolio_serialize(internal) IS 'aggregate serialize of portfolio()';
COMMENT ON FUNCTION margin.portfolio_deserialize(bytea, internal) IS 'aggregate deserialize of portfolio()';
COMMENT ON FUNCTION margin.portfolio_final(internal) IS 'aggregate final of portfolio()';

CREATE AGGREGATE margin.portfolio(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) (
    SFUNC = margin.portfolio_accum,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = margin.portfolio_final,
    COMBINEFUNC = margin.portfolio_combine,
    SERIALFUNC = margin.portfolio_serialize,
    DESERIALFUNC = margin.portfolio_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.portfolio(text, numeric, numeric, numeric, margin.holding_kind) IS
'nets holdings of the kind given: a balance must have neither entry price nor leverage, a position must have an entry price, an order its limit price, above 0. Kind null: as portfolio(symbol, quantity, entry_price, leverage), as is the rest';

CREATE AGGREGATE margin.portfolio(symbol text, quantity numeric, entry_price numeric, leverage numeric) (
    SFUNC = margin.portfolio_accum,
    STYPE = internal,
    SSPACE = 1024,
    FINALFUNC = margin.portfolio_final,
    COMBINEFUNC = margin.portfolio_combine,
    SERIALFUNC = margin.portfolio_serialize,
    DESERIALFUNC = margin.portfolio_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.portfolio(text, numeric, numeric, numeric) IS
'nets holdings: a balance in units of the asset, or with an entry price (settlement asset) a lot in contracts, negative short. Margin quantity |quantity| / leverage is rounded up at the 18th decimal. Null over no rows; an error for null symbol or quantity, NaN, entry price < 0, leverage <= 0 or of a balance';

CREATE AGGREGATE margin.portfolio(asset text, quantity numeric) (
    SFUNC = margin.portfolio_accum,
    STYPE = internal,
    SSPACE = 512,
    FINALFUNC = margin.portfolio_final,
    COMBINEFUNC = margin.portfolio_combine,
    SERIALFUNC = margin.portfolio_serialize,
    DESERIALFUNC = margin.portfolio_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.portfolio(text, numeric) IS
'nets balances in units of their asset; otherwise as portfolio(symbol, quantity, entry_price, leverage)';

CREATE AGGREGATE margin.rollup(margin.portfolio) (
    SFUNC = margin.portfolio_add,
    STYPE = margin.portfolio,
    COMBINEFUNC = margin.portfolio_add,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.rollup(margin.portfolio) IS
'sum of portfolios, for instance of sub-accounts, desks or shards; nulls are ignored; null over no rows';

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

CREATE FUNCTION margin.assets(market margin.market) RETURNS SETOF margin.asset_terms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 20 AS 'MODULE_PATHNAME', 'margin_market_assets';
COMMENT ON FUNCTION margin.assets(margin.market) IS 'the assets of a market, one per row in byte order; none for null';

CREATE FUNCTION margin.contracts(market margin.market) RETURNS SETOF margin.contract_terms
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 50 AS 'MODULE_PATHNAME', 'margin_market_contracts';
COMMENT ON FUNCTION margin.contracts(margin.market) IS 'the contracts of a market, one per row in byte order; none for null';

CREATE FUNCTION margin.rules(market margin.market, OUT rule text, OUT value text) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 2 AS 'MODULE_PATHNAME', 'margin_market_rules';
COMMENT ON FUNCTION margin.rules(margin.market) IS 'the rules of a market, defaults included: liability_rule and orders_reduce_equity; none for null';

-- comparison.sql: equality, order and hashing of the flat types

-- The values are canonical, so their bytes decide; one set of C functions
-- serves all three types, another the market, which begins with a stamp that is
-- no part of the value.  The order is total and means nothing else.
DO $do$
DECLARE
    type text;
    functions text;
    op record;
BEGIN
    FOREACH type IN ARRAY ARRAY['schedule', 'portfolio', 'market'] LOOP
        functions := CASE type WHEN 'market' THEN 'market' ELSE 'flat' END;
        FOR op IN
            SELECT * FROM (VALUES
                ('eq', '=', '=', '<>', 'HASHES, MERGES, RESTRICT = eqsel, JOIN = eqjoinsel', 'equal'),
                ('ne', '<>', '<>', '=', 'RESTRICT = neqsel, JOIN = neqjoinsel', 'not equal'),
                ('lt', '<', '>', '>=', 'RESTRICT = scalarltsel, JOIN = scalarltjoinsel', 'less than, by bytes'),
                ('le', '<=', '>=', '>', 'RESTRICT = scalarlesel, JOIN = scalarlejoinsel', 'less than or equal, by bytes'),
                ('gt', '>', '<', '<=', 'RESTRICT = scalargtsel, JOIN = scalargtjoinsel', 'greater than, by bytes'),
                ('ge', '>=', '<=', '<', 'RESTRICT = scalargesel, JOIN = scalargejoinsel', 'greater than or equal, by bytes')
            ) AS o (name, symbol, commutator, negator, options, meaning)
        LOOP
            EXECUTE format(
                'CREATE FUNCTION margin.%1$s_%2$s(margin.%1$s, margin.%1$s) RETURNS boolean
                    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%3$s_%2$s''',
                type, op.name, functions);
            EXECUTE format('COMMENT ON FUNCTION margin.%1$s_%2$s(margin.%1$s, margin.%1$s) IS %3$L',
                type, op.name, 'implementation of ' || op.symbol || ' operator');
            EXECUTE format(
                'CREATE OPERATOR margin.%3$s (LEFTARG = margin.%1$s, RIGHTARG = margin.%1$s, FUNCTION = margin.%1$s_%2$s,
                    COMMUTATOR = OPERATOR(margin.%4$s), NEGATOR = OPERATOR(margin.%5$s), %6$s)',
                type, op.name, op.symbol, op.commutator, op.negator, op.options);
            EXECUTE format('COMMENT ON OPERATOR margin.%2$s (margin.%1$s, margin.%1$s) IS %3$L',
                type, op.symbol, op.meaning);
        END LOOP;

        EXECUTE format(
            'CREATE FUNCTION margin.%1$s_cmp(margin.%1$s, margin.%1$s) RETURNS integer
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%2$s_cmp'';
            COMMENT ON FUNCTION margin.%1$s_cmp(margin.%1$s, margin.%1$s) IS ''less-equal-greater, by bytes'';
            CREATE FUNCTION margin.%1$s_hash(margin.%1$s) RETURNS integer
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%2$s_hash'';
            COMMENT ON FUNCTION margin.%1$s_hash(margin.%1$s) IS ''hash'';
            CREATE FUNCTION margin.%1$s_hash_extended(margin.%1$s, bigint) RETURNS bigint
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS ''MODULE_PATHNAME'', ''margin_%2$s_hash_extended'';
            COMMENT ON FUNCTION margin.%1$s_hash_extended(margin.%1$s, bigint) IS ''hash'';
            CREATE OPERATOR CLASS margin.%1$s_ops DEFAULT FOR TYPE margin.%1$s USING btree AS
                OPERATOR 1 margin.<, OPERATOR 2 margin.<=, OPERATOR 3 margin.=,
                OPERATOR 4 margin.>=, OPERATOR 5 margin.>,
                FUNCTION 1 margin.%1$s_cmp(margin.%1$s, margin.%1$s);
            COMMENT ON OPERATOR CLASS margin.%1$s_ops USING btree IS ''total order of %1$s values, for grouping and sorting'';
            COMMENT ON OPERATOR FAMILY margin.%1$s_ops USING btree IS ''total order of %1$s values, for grouping and sorting'';
            CREATE OPERATOR CLASS margin.%1$s_ops DEFAULT FOR TYPE margin.%1$s USING hash AS
                OPERATOR 1 margin.=,
                FUNCTION 1 margin.%1$s_hash(margin.%1$s),
                FUNCTION 2 margin.%1$s_hash_extended(margin.%1$s, bigint);
            COMMENT ON OPERATOR CLASS margin.%1$s_ops USING hash IS ''equality of %1$s values, for grouping and joining'';
            COMMENT ON OPERATOR FAMILY margin.%1$s_ops USING hash IS ''equality of %1$s values, for grouping and joining''',
            type, functions);
    END LOOP;
END
$do$;

-- json.sql: schedules, portfolios and markets as JSON

-- to_json(), to_jsonb() and their like look for a cast to json of a type that
-- is no built-in one, so rows and arrays of such values become JSON through and
-- through.  Away from our types a value only loses its operators: that may
-- happen on assignment.  Towards them it is checked, and has to be asked for.
DO $do$
DECLARE
    type text;
    json text;
BEGIN
    FOREACH type IN ARRAY ARRAY['schedule', 'portfolio', 'market'] LOOP
        FOREACH json IN ARRAY ARRAY['json', 'jsonb'] LOOP
            EXECUTE format($sql$
                CREATE FUNCTION margin_internal.%1$s_to_%2$s(margin.%1$s) RETURNS pg_catalog.%2$s
                    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_%1$s_to_%2$s';
                CREATE FUNCTION margin_internal.%1$s_from_%2$s(pg_catalog.%2$s) RETURNS margin.%1$s
                    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_%1$s_from_%2$s';
                COMMENT ON FUNCTION margin_internal.%1$s_to_%2$s(margin.%1$s) IS 'implementation of cast';
                COMMENT ON FUNCTION margin_internal.%1$s_from_%2$s(pg_catalog.%2$s) IS 'implementation of cast';
                CREATE CAST (margin.%1$s AS pg_catalog.%2$s) WITH FUNCTION margin_internal.%1$s_to_%2$s(margin.%1$s) AS ASSIGNMENT;
                CREATE CAST (pg_catalog.%2$s AS margin.%1$s) WITH FUNCTION margin_internal.%1$s_from_%2$s(pg_catalog.%2$s);
                COMMENT ON CAST (margin.%1$s AS pg_catalog.%2$s) IS 'the %1$s as %2$s: numbers exact, what has a default written out; casts back to the same %1$s';
                COMMENT ON CAST (pg_catalog.%2$s AS margin.%1$s) IS 'the %1$s that such a %2$s describes, defaults where something is left out; an error (22P02, 22023) for unknown and repeated keys, nulls and values of other kinds'
            $sql$, type, json);
        END LOOP;
    END LOOP;
END
$do$;

-- valuation.sql: one portfolio in one market, whole, by amount, and row by row

CREATE TYPE margin.level AS ENUM ('healthy', 'warning', 'margin_call', 'liquidation', 'bankrupt', 'unpriced');
COMMENT ON TYPE margin.level IS
'state of an account, in rising order of concern; it is undercollateralized at liquidation and bankrupt, and unpriced, which sorts above both, if a price or parameter is missing';

CREATE FUNCTION margin.thresholds(market margin.market, OUT level margin.level, OUT margin_ratio numeric) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 3 AS 'MODULE_PATHNAME', 'margin_market_thresholds';
COMMENT ON FUNCTION margin.thresholds(margin.market) IS
'the margin ratios at which the levels of a market begin, in rising order, defaults included; no row for null';

CREATE TYPE margin.valuation AS (
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);
COMMENT ON TYPE margin.valuation IS 'result of evaluate(portfolio, market); amounts in USD, exact, all null if a price or parameter is missing';
COMMENT ON COLUMN margin.valuation.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN margin.valuation.collateral_value IS 'positive asset equities at their collateral ratios, USD';
COMMENT ON COLUMN margin.valuation.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';
COMMENT ON COLUMN margin.valuation.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';
COMMENT ON COLUMN margin.valuation.haircut IS 'net_asset_value - equity, USD';
COMMENT ON COLUMN margin.valuation.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';
COMMENT ON COLUMN margin.valuation.initial_margin IS 'what is required to open the positions, orders and debts, USD';
COMMENT ON COLUMN margin.valuation.maintenance_margin IS 'what is required to keep them, USD';
COMMENT ON COLUMN margin.valuation.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';
COMMENT ON COLUMN margin.valuation.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';
COMMENT ON COLUMN margin.valuation.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';
COMMENT ON COLUMN margin.valuation.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';
COMMENT ON COLUMN margin.valuation.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';
COMMENT ON COLUMN margin.valuation.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';
COMMENT ON COLUMN margin.valuation.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';
COMMENT ON COLUMN margin.valuation.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION margin.evaluate(portfolio margin.portfolio, market margin.market) RETURNS margin.valuation
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_evaluate';
COMMENT ON FUNCTION margin.evaluate(margin.portfolio, margin.market) IS
'values a portfolio in a market: amounts in USD, exact; margin_ratio is rounded half away from zero to 8 decimals. If a price or parameter is missing, amounts are null and level is unpriced. Null for null';

-- Fields of a valuation by calls: postgres_fdw sends a call to where the rows are,
-- but no selection of a field.
CREATE FUNCTION margin_internal.valued_amount(valuation margin.valuation, field integer) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_valued_amount';
CREATE FUNCTION margin_internal.valued_level(valuation margin.valuation) RETURNS margin.level
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_valued_level';
CREATE FUNCTION margin_internal.valued_missing(valuation margin.valuation) RETURNS text[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_valued_missing';
COMMENT ON FUNCTION margin_internal.valued_amount(margin.valuation, integer) IS 'an amount of a valuation by the number of its field, from 1 on; an error for level and missing';
COMMENT ON FUNCTION margin_internal.valued_level(margin.valuation) IS 'level of a valuation';
COMMENT ON FUNCTION margin_internal.valued_missing(margin.valuation) IS 'missing of a valuation';

-- Accessors: one field of evaluate(), without building the others.
DO $do$
DECLARE
    field record;
BEGIN
    FOR field IN
        SELECT attname AS name, atttypid::regtype::text AS type
          FROM pg_catalog.pg_attribute
         WHERE attrelid = 'margin.valuation'::regclass AND attnum > 0
         ORDER BY attnum
    LOOP
        EXECUTE format(
            'CREATE FUNCTION margin.%1$I(portfolio margin.portfolio, market margin.market) RETURNS %2$s
                LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 AS ''MODULE_PATHNAME'', %3$L',
            field.name, field.type, 'margin_' || field.name);
        EXECUTE format(
            'COMMENT ON FUNCTION margin.%1$I(margin.portfolio, margin.market) IS %2$L',
            field.name, field.name || ' of evaluate(portfolio, market): '
            || col_description('margin.valuation'::regclass, (
                SELECT attnum FROM pg_catalog.pg_attribute
                 WHERE attrelid = 'margin.valuation'::regclass AND attname = field.name))
            || CASE field.name WHEN 'level' THEN '' WHEN 'missing' THEN ''
                    ELSE '; null for an unpriced account' END);
    END LOOP;
END
$do$;

CREATE FUNCTION margin.judged_equity(portfolio margin.portfolio, market margin.market) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_judged_equity';
COMMENT ON FUNCTION margin.judged_equity(margin.portfolio, margin.market) IS
'equity, USD, less what the market''s rule orders_reduce_equity takes of it for open orders: what margin_ratio, levels and release ratios are taken of (SPEC 3.10); null for an unpriced account';

CREATE FUNCTION margin.passes(portfolio margin.portfolio, market margin.market) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_passes';
COMMENT ON FUNCTION margin.passes(margin.portfolio, margin.market) IS
'whether available_margin >= 0 and the account is not undercollateralized; false for an unpriced account; null for null';

CREATE FUNCTION margin.collateral(
    portfolio margin.portfolio, market margin.market,
    OUT asset text, OUT balance numeric, OUT pnl numeric, OUT asset_equity numeric,
    OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT liability numeric,
    OUT haircut numeric, OUT maintenance_margin numeric, OUT missing text[]
) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10 AS 'MODULE_PATHNAME', 'margin_collateral';
COMMENT ON FUNCTION margin.collateral(margin.portfolio, margin.market) IS
'the valuation by asset, in byte order: balance, the pnl settled in it and their sum asset_equity in units of the asset; price in USD; the rest in USD, summing exactly to the fields of evaluate() (maintenance_margin: of debts). An amount that cannot be computed is null; missing says why. No row for null';

CREATE FUNCTION margin.positions(
    portfolio margin.portfolio, market margin.market,
    OUT contract text, OUT settle text, OUT long numeric, OUT short numeric, OUT mark numeric,
    OUT long_notional numeric, OUT short_notional numeric, OUT pnl numeric,
    OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric, OUT missing text[]
) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10 AS 'MODULE_PATHNAME', 'margin_positions';
COMMENT ON FUNCTION margin.positions(margin.portfolio, margin.market) IS
'the valuation by contract, in byte order: long and short in contracts; mark, notionals and pnl in the settlement asset; the rest in USD: initial_margin of what is held, order_margin of open orders apart; both sum exactly to initial_margin of evaluate(), except that its margins include those of debts. An amount that cannot be computed is null; missing says why. No row for null';

CREATE TYPE margin.order_side AS ENUM ('buy', 'sell');
COMMENT ON TYPE margin.order_side IS 'side of an open order';

CREATE FUNCTION margin.orders(
    portfolio margin.portfolio, market margin.market,
    OUT contract text, OUT side margin.order_side, OUT price numeric, OUT quantity numeric, OUT margin_quantity numeric,
    OUT value numeric, OUT order_loss numeric
) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 100 ROWS 10 AS 'MODULE_PATHNAME', 'margin_orders';
COMMENT ON FUNCTION margin.orders(margin.portfolio, margin.market) IS
'open orders by contract, side and limit price: quantity left to fill and margin quantity in contracts; price and value (a sell counts at the mark if that is higher) in the settlement asset, order_loss in USD, summing exactly to that of evaluate(). Value and order_loss are null where a price is missing. No row for null';

CREATE FUNCTION margin.tiered_value(quantity numeric, price numeric, tiers margin.schedule, tier_unit margin.tier_unit DEFAULT 'quantity')
RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_tiered_value';
COMMENT ON FUNCTION margin.tiered_value(numeric, numeric, margin.schedule, margin.tier_unit) IS
'collateral value, in USD, of a quantity >= 0 of one asset at a price > 0 in USD: price * tiers(quantity), or tiers(price * quantity) with tier_unit value. Exact; null for null';

-- level_names.sql: levels compared with names in parameters

-- Drivers declare parameters: JDBC a string as varchar, SQLAlchemy and Npgsql
-- as varchar or text.  No operator of PostgreSQL compares an enum with such, so
-- here are some: the name is checked, and they are inlined into the enum's own,
-- which indexes know.
--
-- A name written into the query is no text but of unknown type, and stays the
-- enum's: an operator for exactly (level, text) would draw it away from there,
-- and with it row comparisons and arrays.  The types of these operators keep
-- it where it was.  Neither is exactly what is compared, so no operator is
-- preferred for it; neither is a type of strings, which an unknown one would go
-- to; and what is left is the operator that takes two levels: not these.
--
-- They stand in pg_catalog, where the enum's are, for they are written without
-- a schema by whoever does not know of them.
CREATE DOMAIN margin_internal.compared_level AS margin.level;
COMMENT ON DOMAIN margin_internal.compared_level IS 'any level: a side of the operators that compare levels with names';

CREATE TYPE margin_internal.level_name;
CREATE FUNCTION margin_internal.level_name_in(cstring) RETURNS margin_internal.level_name
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textin';
CREATE FUNCTION margin_internal.level_name_out(margin_internal.level_name) RETURNS cstring
    LANGUAGE internal IMMUTABLE STRICT PARALLEL SAFE AS 'textout';
COMMENT ON FUNCTION margin_internal.level_name_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin_internal.level_name_out(margin_internal.level_name) IS 'I/O';
CREATE TYPE margin_internal.level_name (
    INPUT = margin_internal.level_name_in,
    OUTPUT = margin_internal.level_name_out,
    LIKE = pg_catalog.text
);
COMMENT ON TYPE margin_internal.level_name IS 'any text or varchar: a side of the operators that compare levels with names';
CREATE CAST (pg_catalog.text AS margin_internal.level_name) WITHOUT FUNCTION AS IMPLICIT;
CREATE CAST (pg_catalog.varchar AS margin_internal.level_name) WITHOUT FUNCTION AS IMPLICIT;
COMMENT ON CAST (pg_catalog.text AS margin_internal.level_name) IS 'for the operators that compare levels with names';
COMMENT ON CAST (pg_catalog.varchar AS margin_internal.level_name) IS 'for the operators that compare levels with names';

CREATE FUNCTION margin_internal.level_named(margin_internal.level_name) RETURNS margin.level
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_level_named';
COMMENT ON FUNCTION margin_internal.level_named(margin_internal.level_name) IS 'the level of that name; an error (22P02) where there is none, null for null';

DO $do$
DECLARE
    op record;
BEGIN
    FOR op IN
        SELECT * FROM (VALUES ('eq', '='), ('ne', '<>'), ('lt', '<'), ('le', '<='), ('gt', '>'), ('ge', '>=')) AS o (name, symbol)
    LOOP
        EXECUTE format($sql$
            CREATE FUNCTION margin_internal.level_%1$s_name(margin_internal.compared_level, margin_internal.level_name) RETURNS boolean
                LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN $1::margin.level OPERATOR(pg_catalog.%2$s) margin_internal.level_named($2);
            CREATE FUNCTION margin_internal.name_%1$s_level(margin_internal.level_name, margin_internal.compared_level) RETURNS boolean
                LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE RETURN margin_internal.level_named($1) OPERATOR(pg_catalog.%2$s) $2::margin.level;
            COMMENT ON FUNCTION margin_internal.level_%1$s_name(margin_internal.compared_level, margin_internal.level_name) IS 'implementation of %2$s operator';
            COMMENT ON FUNCTION margin_internal.name_%1$s_level(margin_internal.level_name, margin_internal.compared_level) IS 'implementation of %2$s operator';
            CREATE OPERATOR pg_catalog.%2$s (LEFTARG = margin_internal.compared_level, RIGHTARG = margin_internal.level_name,
                FUNCTION = margin_internal.level_%1$s_name);
            CREATE OPERATOR pg_catalog.%2$s (LEFTARG = margin_internal.level_name, RIGHTARG = margin_internal.compared_level,
                FUNCTION = margin_internal.name_%1$s_level);
            COMMENT ON OPERATOR pg_catalog.%2$s (margin_internal.compared_level, margin_internal.level_name) IS 'a level compared with the level of a name';
            COMMENT ON OPERATOR pg_catalog.%2$s (margin_internal.level_name, margin_internal.compared_level) IS 'the level of a name compared with a level'
        $sql$, op.name, op.symbol);
    END LOOP;
END
$do$;

-- explain: a valuation taken apart, as rows and as sentences

CREATE TYPE margin.explanation AS (
    field text,
    kind text,
    symbol text,
    side margin.side,
    item text,
    lower_bound numeric,
    upper_bound numeric,
    amount numeric,
    unit text,
    rate numeric,
    weight numeric,
    price numeric,
    value numeric
);
COMMENT ON TYPE margin.explanation IS
'row of explain(portfolio, market): value = amount * rate * weight * price; a factor that does not apply is null and counts as 1';
COMMENT ON COLUMN margin.explanation.field IS
'the field of the valuation that the values sum to: net_asset_value, collateral_value, liabilities, initial_equity, unrealized_pnl, maintenance_margin, initial_margin, order_margin, order_loss; judged_equity, where orders take something of it; or missing, for an account that cannot be valued';
COMMENT ON COLUMN margin.explanation.kind IS 'what symbol names: asset or contract';
COMMENT ON COLUMN margin.explanation.symbol IS 'the asset or the contract';
COMMENT ON COLUMN margin.explanation.side IS 'side of the contract, of orders the side that they open: long for buys, short for sells; null for an asset, and for what orders take of judged_equity';
COMMENT ON COLUMN margin.explanation.item IS
'balance, profit and loss; collateral ratio, initial ratio, not collateral; as collateral or as liability (worth what those fields say); debt; maintenance rate, closing fee, initial rate, leverage, opening fee; '
'netted out (the other side of the contract requires more) and outweighed (of positions and debts, by the liability rule larger, the others require more), which count 0; of an initial margin the items of whichever requirement decides; '
'with orders and without orders, the two requirements that an order margin is the difference of; order margin, order loss; or what is missing: unknown asset, no index price, unknown contract, no mark price, no maintenance rates';
COMMENT ON COLUMN margin.explanation.lower_bound IS 'of the tier, in unit; null where no schedule applies';
COMMENT ON COLUMN margin.explanation.upper_bound IS 'of the tier, in unit; null for the last tier and where no schedule applies';
COMMENT ON COLUMN margin.explanation.amount IS
'what the row counts, in unit: the part of the amount inside the tier (of a whole schedule all of it); of a requirement the notional, or contracts where the tiers are in these, with what orders add, with netting net of what one side exceeds the other; of leverage the margin that was chosen; below 0 for what is taken away';
COMMENT ON COLUMN margin.explanation.unit IS 'asset of amount and bounds; USD for collateral tiers by value and amounts that other fields explain; contracts for tiers by contracts and where a contract is missing';
COMMENT ON COLUMN margin.explanation.rate IS 'ratio or rate of the tier, or fee; 0 for what does not count';
COMMENT ON COLUMN margin.explanation.weight IS 'liability_weight (or initial_liability_weight) of a debt, or requirement_weight of the asset in which the contract settles';
COMMENT ON COLUMN margin.explanation.price IS 'index price of unit, USD: low of what is owned, high of what is owed or required; of contracts what one is worth at the mark';
COMMENT ON COLUMN margin.explanation.value IS 'USD; null if a price or parameter is missing';

CREATE FUNCTION margin.explain(portfolio margin.portfolio, market margin.market) RETURNS SETOF margin.explanation
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200 ROWS 50 AS 'MODULE_PATHNAME', 'margin_explain';
COMMENT ON FUNCTION margin.explain(margin.portfolio, margin.market) IS
'the valuation taken apart, one row per field, asset or contract side, and tier; the values of a field sum exactly to that field of evaluate(), a field without rows is 0, judged_equity without rows is equity. An unpriced account has only rows of field missing, with a null value. No row for an empty portfolio or null';

CREATE FUNCTION margin.explain_text(portfolio margin.portfolio, market margin.market) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    WITH valued AS (
        SELECT v.*, judged_equity, CASE WHEN judged_equity <> v.equity THEN 'judged ' ELSE '' END || 'equity' AS judged,
               own.margin_ratio AS reached, above.margin_ratio AS next
          FROM margin.evaluate(portfolio, market) AS v
         CROSS JOIN margin.judged_equity(portfolio, market)
          LEFT JOIN margin.thresholds(market) AS own ON own.level = v.level
          LEFT JOIN LATERAL (SELECT min(l.margin_ratio) AS margin_ratio
                               FROM margin.thresholds(market) AS l WHERE l.level > v.level) AS above ON true
    ),
    item AS MATERIALIZED (
        SELECT * FROM margin.explain(portfolio, market)
    ),
    -- one asset or leg in one field: its value, and how that comes about
    part AS (
        SELECT i.field, i.kind, i.symbol, i.side, coalesce(max(i.item) FILTER (WHERE i.item NOT LIKE '% fee'), max(i.item)) AS item,
               sum(i.amount) AS amount, trim_scale(sum(i.value)) AS value,
               min(i.weight) AS weight, min(i.unit) AS unit, min(i.price) AS price,
               string_agg(CASE WHEN i.item IN ('netted out', 'outweighed') THEN i.item
                               WHEN i.rate IS NULL THEN i.amount::text
                               WHEN i.unit = 'contracts' THEN format('%s contracts x %s at %s USD', i.amount, i.rate, i.price)
                               ELSE format('%s x %s', i.amount, i.rate) END
                          || CASE WHEN i.item LIKE '% fee' THEN ' ' || i.item ELSE '' END,
                          ' + ' ORDER BY i.item LIKE '% fee', i.lower_bound) AS terms,
               CASE WHEN max(i.item) NOT IN ('netted out', 'outweighed')
                    THEN concat(' at ' || nullif(min(i.price) FILTER (WHERE i.unit <> 'contracts'), 1) || ' USD',
                                ', weight ' || nullif(min(i.weight), 1)) END AS factors
          FROM item AS i
         GROUP BY i.field, i.kind, i.symbol, i.side
    ),
    -- the fields of an asset or leg side by side, so that it is looked up once
    asset AS MATERIALIZED (
        SELECT p.symbol, max(p.item) FILTER (WHERE p.field IN ('collateral_value', 'liabilities')) AS item,
               max(p.terms) FILTER (WHERE p.field IN ('collateral_value', 'liabilities')) AS terms,
               max(p.weight) FILTER (WHERE p.field = 'liabilities') AS weight,
               max(p.unit) FILTER (WHERE p.field IN ('collateral_value', 'liabilities')) AS unit,
               max(p.price) FILTER (WHERE p.field IN ('collateral_value', 'liabilities')) AS price,
               max(p.terms) FILTER (WHERE p.field = 'maintenance_margin') AS maintenance_terms,
               max(p.value) FILTER (WHERE p.field = 'initial_equity') AS initial,
               max(CASE WHEN p.item = 'debt' THEN 'weight ' || p.weight ELSE p.terms END) FILTER (WHERE p.field = 'initial_equity') AS initial_terms
          FROM part AS p
         WHERE p.field IN ('collateral_value', 'liabilities', 'maintenance_margin', 'initial_equity') AND p.kind = 'asset'
         GROUP BY p.symbol
    ),
    leg AS MATERIALIZED (
        SELECT p.symbol, p.side, max(p.amount) FILTER (WHERE p.field = 'unrealized_pnl') AS pnl,
               max(p.value) FILTER (WHERE p.field = 'maintenance_margin') AS maintenance,
               max(concat(p.terms, p.factors)) FILTER (WHERE p.field = 'maintenance_margin') AS maintenance_terms,
               max(p.value) FILTER (WHERE p.field = 'initial_margin') AS initial,
               max(p.item) FILTER (WHERE p.field = 'initial_margin') AS initial_item,
               max(concat(p.terms, p.factors)) FILTER (WHERE p.field = 'initial_margin') AS initial_terms
          FROM part AS p
         WHERE p.field IN ('unrealized_pnl', 'maintenance_margin', 'initial_margin') AND p.kind = 'contract'
         GROUP BY p.symbol, p.side
    ),
    ordered AS (
        SELECT o.contract, string_agg(format('%s %s', o.side, o.quantity), ', ' ORDER BY o.side) AS quantities, trim_scale(sum(o.order_loss)) AS loss
          FROM (SELECT o.contract, o.side, sum(o.quantity) AS quantity, sum(o.order_loss) AS order_loss
                  FROM margin.orders(portfolio, market) AS o GROUP BY o.contract, o.side) AS o
         GROUP BY o.contract
    ),
    -- by side: what the order margin is the difference of
    order_part AS (
        SELECT i.symbol, i.side, trim_scale(sum(i.value)) AS value,
               concat_ws(', ', CASE WHEN bool_or(i.item = 'netted out') THEN 'netted out' END,
                         trim_scale(sum(i.value) FILTER (WHERE i.item = 'with orders')) || ' with orders',
                         trim_scale(-sum(i.value) FILTER (WHERE i.item = 'without orders')) || ' without') AS terms
          FROM item AS i
         WHERE i.field = 'order_margin'
         GROUP BY i.symbol, i.side
    ),
    sentence (section, place, symbol, side, text) AS (
        SELECT 1, 0::numeric, '', NULL::margin.side,
               CASE WHEN v.level = 'unpriced' THEN 'Level unpriced: the account cannot be valued, because something is missing.'
                    WHEN v.level = 'bankrupt' THEN format('Level bankrupt: the equity of %s USD is below 0.', v.equity)
                    WHEN v.maintenance_margin = 0 THEN format('Level healthy: nothing is required, and the equity is %s USD.', v.equity)
                    ELSE format('Level %s: the maintenance margin of %s USD is %s times the %s of %s USD.', v.level, v.maintenance_margin,
                                concat_ws(' and ', 'at least ' || v.reached, 'less than ' || v.next), v.judged, v.judged_equity)
               END
          FROM valued AS v
        UNION ALL
        SELECT 2, 0, '', NULL,
               concat('The margin ratio is ' || v.margin_ratio || '. ',
                      CASE WHEN v.shortfall > 0 THEN format('Equity lacks %s USD to the maintenance margin.', v.shortfall)
                           ELSE format('Equity is %s USD above the maintenance margin.', trim_scale(v.equity - v.maintenance_margin)) END)
          FROM valued AS v
         WHERE v.maintenance_margin > 0
        UNION ALL
        SELECT 3, 0, '', NULL,
               format('Levels by maintenance margin, at this %s: %s.', min(v.judged),
                      string_agg(format('%s from %s USD (%s times)', l.level, trim_scale(l.margin_ratio * v.judged_equity), l.margin_ratio),
                                 ', ' ORDER BY l.level))
          FROM valued AS v, margin.thresholds(market) AS l
         WHERE v.judged_equity > 0
        HAVING count(*) > 0
        UNION ALL
        SELECT 4, 0, '', NULL,
               format('Available margin is %s USD: %s less the initial margin of %s USD%s. %s', v.available_margin,
                      CASE WHEN v.initial_equity = v.equity THEN 'equity' ELSE format('the initial equity of %s USD', v.initial_equity) END,
                      v.initial_margin, CASE WHEN v.order_loss > 0 THEN format(' and the order loss of %s USD', v.order_loss) END,
                      CASE WHEN v.available_margin < 0 OR v.level IN ('liquidation', 'bankrupt')
                           THEN 'The account does not pass.' ELSE 'The account passes.' END)
          FROM valued AS v
         WHERE v.level <> 'unpriced'
        UNION ALL
        SELECT 5, 0, '', NULL,
               format('Equity is collateral worth %s USD less liabilities of %s USD: the net asset value of %s USD after haircuts of %s USD.',
                      v.collateral_value, v.liabilities, v.net_asset_value, v.haircut)
          FROM valued AS v
         WHERE v.level <> 'unpriced'
        UNION ALL
        SELECT 6, 0, '', NULL,
               format('Judged equity is %s USD: the equity of %s USD less what open orders take: %s.', v.judged_equity, v.equity, t.taken)
          FROM valued AS v
         CROSS JOIN (SELECT string_agg(format('%s %s USD', t.item, trim_scale(-t.value)), ', ' ORDER BY t.item DESC) AS taken
                       FROM (SELECT i.item, sum(i.value) AS value FROM item AS i
                              WHERE i.field = 'judged_equity' AND i.kind = 'contract' GROUP BY i.item) AS t) AS t
         WHERE v.judged_equity <> v.equity
        UNION ALL
        SELECT 7, c.haircut, c.asset, NULL,
               format('%s: %s%s', c.asset, c.asset_equity,
                      CASE WHEN c.pnl <> 0
                           THEN format(' (balance %s, profit and loss %s)', c.balance, c.pnl) END)
               || CASE WHEN c.price IS NULL THEN ' without price' ELSE format(' at %s USD is %s USD', c.price, c.net_asset_value) END
               || CASE WHEN c.asset_equity < 0
                       THEN format(' and weighs %s USD, a liability of weight %s', c.liability, a.weight) || CASE WHEN a.price <> c.price THEN format(' at %s USD', a.price) ELSE '' END
                            || CASE WHEN c.maintenance_margin > 0
                                    THEN format(', with a maintenance of %s USD (%s)', c.maintenance_margin, a.maintenance_terms) ELSE '' END
                       WHEN a.item = 'not collateral' THEN ' and counts nothing, as it is not collateral'
                       WHEN c.haircut = 0 THEN ' and counts in full'
                       ELSE format(' and counts %s USD (%s%s), a haircut of %s USD', c.collateral_value, a.terms,
                                   CASE WHEN a.unit <> c.asset THEN ', by value' WHEN a.price <> c.price THEN format(', at %s USD', a.price) END, c.haircut) END
               || CASE WHEN a.initial <> c.collateral_value - c.liability THEN format('; initially %s USD (%s)', abs(a.initial), a.initial_terms) ELSE '' END
               || '.'
          FROM margin.collateral(portfolio, market) AS c
          JOIN asset AS a ON a.symbol = c.asset
         WHERE c.asset_equity <> 0
        UNION ALL
        SELECT 8, l.maintenance, l.symbol, l.side,
               format('%s %s %s at mark %s %s: profit and loss %s %s, maintenance %s USD (%s), initial %s USD%s (%s%s).', l.symbol, l.side,
                      CASE l.side WHEN 'long' THEN c.long ELSE c.short END, c.mark, c.settle, l.pnl, c.settle,
                      l.maintenance, l.maintenance_terms, l.initial, CASE WHEN o.contract IS NOT NULL THEN ' with orders' END,
                      CASE WHEN l.initial_item IN ('netted out', 'outweighed') THEN '' WHEN l.initial_item = 'maintenance rate' THEN 'as maintenance: '
                           ELSE 'by ' || l.initial_item || ': ' END,
                      l.initial_terms)
          FROM margin.positions(portfolio, market) AS c
          JOIN leg AS l ON l.symbol = c.contract
          LEFT JOIN ordered AS o ON o.contract = c.contract
         WHERE l.pnl IS NOT NULL
        UNION ALL
        SELECT 9, sum(p.value), o.contract, NULL,
               format('Orders in %s: %s. They require %s USD (%s) and would lose %s USD if they filled now.', o.contract, o.quantities, trim_scale(sum(p.value)),
                      string_agg(format('%s %s', p.side, p.terms), '; ' ORDER BY p.side), o.loss)
          FROM ordered AS o
          JOIN order_part AS p ON p.symbol = o.contract
         GROUP BY o.contract, o.quantities, o.loss
        UNION ALL
        SELECT 10, 0, i.symbol, i.side,
               format('%s%s: %s%s.', i.symbol, ' ' || i.side, i.item, ', needed for ' || nullif(i.amount, 0) || ' ' || i.unit)
          FROM item AS i
         WHERE i.field = 'missing'
    )
    SELECT s.text FROM sentence AS s ORDER BY s.section, s.place DESC, s.symbol COLLATE "C", s.side, s.text COLLATE "C";
END;
COMMENT ON FUNCTION margin.explain_text(margin.portfolio, margin.market) IS
'the valuation in sentences, one per row: level, distance to the next one, available margin, equity, assets by haircut, contracts by maintenance, orders; of an unpriced account what is missing. Amounts in USD unless stated, exact but for margin_ratio. No row for null';

CREATE FUNCTION margin.prices(portfolio margin.portfolio, market margin.market) RETURNS jsonb
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_prices';
COMMENT ON FUNCTION margin.prices(margin.portfolio, margin.market) IS
'The prices that value a portfolio, all digits: {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}}. '
'Assets are priced in USD, contracts in their settlement asset; a missing price is null. Where prices are doubtful, "low" and "high" name both bounds of these. Null for null.';

-- trade: what an account would hold after a deposit, a withdrawal, a trade

CREATE FUNCTION margin.portfolio_of(
    symbol text, quantity numeric, entry_price numeric DEFAULT NULL, leverage numeric DEFAULT NULL, kind margin.holding_kind DEFAULT NULL
) RETURNS margin.portfolio
    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    -- over a book's rows the five-argument form is meant: its hints name a view of the book
    SELECT coalesce(margin.portfolio(symbol, quantity, entry_price, leverage) FILTER (WHERE kind IS NULL),
                    margin.portfolio(symbol, quantity, entry_price, leverage, kind) FILTER (WHERE kind IS NOT NULL));
END;
COMMENT ON FUNCTION margin.portfolio_of(text, numeric, numeric, numeric, margin.holding_kind) IS
'a portfolio of one holding, to add to another: a balance in units of the asset (negative: a withdrawal or debt), or with an entry price in the settlement asset a lot in contracts (negative: short); of kind order an open order in contracts at that limit price (negative: sells). Nulls and errors as of the aggregate portfolio(symbol, quantity, entry_price, leverage, kind)';

CREATE FUNCTION margin.trade(
    portfolio margin.portfolio, market margin.market, contract text, quantity numeric, price numeric,
    leverage numeric DEFAULT NULL
) RETURNS margin.portfolio
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_trade';
COMMENT ON FUNCTION margin.trade(margin.portfolio, margin.market, text, numeric, numeric, numeric) IS
'the portfolio after an execution of quantity contracts (negative: sold) at price >= 0: closes the opposite side first, paying its profit into the settlement asset, then opens the rest at leverage; open orders stay as they are. The cost of a closed part is rounded against the profit. Null for null, except leverage; an error for an unknown contract';

-- solve: at which price, and after which withdrawal, deposit or order, an account changes its level

CREATE FUNCTION margin.liquidation_range(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL,
    OUT lower numeric, OUT upper numeric
)
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_range';
COMMENT ON FUNCTION margin.liquidation_range(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'the nearest prices below and above the present one, multiples of tick > 0, at which the account is undercollateralized, all else unchanged: open orders stand, and beyond a price it may be safe again. Of a contract: marks in the settlement asset; linked: the index price of the base moves along. Of an asset => ...: index prices in USD, with which the marks of all contracts move as those of shock() that are linked, unrounded. Bounds of a doubtful price move with it. Null on a side where there is none; both null where the account has nothing that the price moves, where the asset has no price, or if unpriced; an error for an unknown symbol, or two; null for null';

CREATE FUNCTION margin.liquidation_price(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_price';
COMMENT ON FUNCTION margin.liquidation_price(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'the end of liquidation_range() nearer to the present price, of two equally near the lower one: the mark of a contract, in the settlement asset, or the index price of an asset => ..., in USD; null where there is none';

CREATE FUNCTION margin.bankruptcy_range(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL,
    OUT lower numeric, OUT upper numeric
)
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_bankruptcy_range';
COMMENT ON FUNCTION margin.bankruptcy_range(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'as liquidation_range(), for the prices at which equity <= 0';

CREATE FUNCTION margin.bankruptcy_price(
    portfolio margin.portfolio, market margin.market, contract text DEFAULT NULL,
    tick numeric DEFAULT 1e-18, linked boolean DEFAULT false, asset text DEFAULT NULL
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_bankruptcy_price';
COMMENT ON FUNCTION margin.bankruptcy_price(margin.portfolio, margin.market, text, numeric, boolean, text) IS
'the end of bankruptcy_range() nearer to the present price, of two equally near the lower one: the mark of a contract, in the settlement asset, or the index price of an asset => ..., in USD; null where there is none';

CREATE FUNCTION margin.max_withdrawal(
    portfolio margin.portfolio, market margin.market, asset text,
    with_unrealized boolean DEFAULT true, step numeric DEFAULT 1e-8, debt boolean DEFAULT false
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_withdrawal';
COMMENT ON FUNCTION margin.max_withdrawal(margin.portfolio, margin.market, text, boolean, numeric, boolean) IS
'the largest multiple of step > 0, in units of the asset, that can be withdrawn so that the account still passes, open orders standing, at most max(0, asset equity); with debt more than that, what an asset with a price may be owed beyond it. Without unrealized: as if no unrealized gain counted. 0 if it does not pass now; null if unpriced; an error for an unknown asset; null for null';

CREATE FUNCTION margin.max_borrow(
    portfolio margin.portfolio, market margin.market, asset text, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_borrow';
COMMENT ON FUNCTION margin.max_borrow(margin.portfolio, margin.market, text, numeric) IS
'the largest multiple of step > 0, in units of the asset, by which the debt in it may grow so that the account still passes: what may be withdrawn beyond all that the account has of it, be it held or not. 0 if it does not pass without its own; null if unpriced or the asset has no price; an error for an unknown asset; null for null';

CREATE FUNCTION margin.min_deposit(
    portfolio margin.portfolio, market margin.market, asset text, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_min_deposit';
COMMENT ON FUNCTION margin.min_deposit(margin.portfolio, margin.market, text, numeric) IS
'the smallest multiple of step > 0, in units of the asset, whose deposit makes the account pass; 0 if it passes already. Null if no deposit of the asset suffices, and for an unpriced account; an error for an unknown asset; null for null';

CREATE FUNCTION margin.max_order(
    portfolio margin.portfolio, market margin.market, contract text, side margin.side,
    price numeric, leverage numeric DEFAULT NULL, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_order';
COMMENT ON FUNCTION margin.max_order(margin.portfolio, margin.market, text, margin.side, numeric, numeric, numeric) IS
'the largest order, in contracts, executed at once, after which the account passes, open orders standing: the opposite side is closed at price, then a multiple of step > 0 is opened at the worse of price and mark, at leverage (null: none). Less than the opposite side, a multiple of step, where a larger part of the closing would leave an account that passes failing. Null if there is no limit, if unpriced, and for null except leverage; an error for an unknown contract, price < 0';

CREATE FUNCTION margin.max_open_order(
    portfolio margin.portfolio, market margin.market, contract text, side margin.order_side,
    price numeric, leverage numeric DEFAULT NULL, step numeric DEFAULT 1e-8
) RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_max_open_order';
COMMENT ON FUNCTION margin.max_open_order(margin.portfolio, margin.market, text, margin.order_side, numeric, numeric, numeric) IS
'the largest open order, in contracts, a multiple of step > 0, that can be placed beside those that stand, at a limit price and leverage (null: none), so that the account passes with it, as with every smaller one. 0 if it does not pass now; null if there is no limit, if unpriced, and for null except leverage; an error for an unknown contract, price <= 0';

CREATE FUNCTION margin.buffer(portfolio margin.portfolio, market margin.market) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_buffer';
COMMENT ON FUNCTION margin.buffer(margin.portfolio, margin.market) IS
'how far all index and mark prices may move at once, each in its own worst direction, of a doubtful price both bounds by themselves, before the account, with its open orders, could be undercollateralized: a proven lower bound, a part of the price from 0 to 1, rounded down at 8 decimals. Null if undercollateralized or unpriced, and for null';

-- plans: what to do about an account: which assets repay its debts, what to close

CREATE TYPE margin.repayment_rule AS (
    asset text,
    rank integer,
    conversion_discount numeric,
    threshold numeric,
    repayment_ratio numeric
);
COMMENT ON TYPE margin.repayment_rule IS
'how an asset repays debts of its account, and how a debt in it is repaid; repayment_plan() takes such rows, at most one per asset. Without one an asset that is collateral repays at index price, after those with a rank, and a debt is repaid whole';
COMMENT ON COLUMN margin.repayment_rule.asset IS 'the asset that repays, or is owed';
COMMENT ON COLUMN margin.repayment_rule.rank IS 'the lowest is used first; null: after those that have one, in the funding_order of repayment_plan()';
COMMENT ON COLUMN margin.repayment_rule.conversion_discount IS 'part of its index price at which the asset is converted, 0 to 1; 0: it is never used; null: 1';
COMMENT ON COLUMN margin.repayment_rule.threshold IS 'a debt is due only if it exceeds this, units of the asset, >= 0; null: always, and whole';
COMMENT ON COLUMN margin.repayment_rule.repayment_ratio IS
'a debt above its threshold is repaid down to threshold * (1 - this), 0 to 1; null: 1; without effect if there is no threshold';

CREATE TYPE margin.funding_order AS ENUM ('ratio', 'pro_rata');
COMMENT ON TYPE margin.funding_order IS
'which assets without a rank repay a debt first: ratio, those of highest marginal collateral ratio at the present amount; pro_rata, all at once, in proportion to what each could repay';

CREATE TYPE margin.repayment_outcome AS ENUM ('converted', 'skipped', 'unpaid', 'unpriced');
COMMENT ON TYPE margin.repayment_outcome IS
'row of a repayment plan: a conversion; one that is skipped because it would worsen the level; the part of a debt that is due and cannot be repaid; an account that cannot be valued';

CREATE TYPE margin.reduction_outcome AS ENUM ('cancelled', 'reduced', 'recovered', 'exhausted', 'unpriced');
COMMENT ON TYPE margin.reduction_outcome IS
'row of a reduction plan: cancelled, the orders in a contract; reduced, a step; recovered or exhausted, its end: no longer undercollateralized, or still so and no step would help; unpriced, an account that cannot be valued';

CREATE TYPE margin.repayment AS (
    step integer,
    outcome margin.repayment_outcome,
    debt_asset text,
    funding_asset text,
    paid numeric,
    repaid numeric,
    debt_price numeric,
    funding_price numeric,
    conversion_discount numeric,
    paid_value numeric,
    repaid_value numeric,
    remaining_debt numeric,
    remaining_due numeric,
    level margin.level
);
COMMENT ON TYPE margin.repayment IS 'row of a repayment plan: one conversion, made or skipped, or what remains due of a debt';
COMMENT ON COLUMN margin.repayment.step IS 'number of the row, from 1';
COMMENT ON COLUMN margin.repayment.outcome IS 'converted, skipped (it would worsen the level), unpaid (what remains due of a debt) or unpriced';
COMMENT ON COLUMN margin.repayment.debt_asset IS 'asset of negative equity';
COMMENT ON COLUMN margin.repayment.funding_asset IS 'asset that is converted into it';
COMMENT ON COLUMN margin.repayment.paid IS 'units of the funding asset given, rounded up at the 18th decimal; all there is, exactly, if that is not enough';
COMMENT ON COLUMN margin.repayment.repaid IS 'units of the debt repaid: what is due, exactly; or what all of the funding asset brings, rounded down at the 18th decimal';
COMMENT ON COLUMN margin.repayment.debt_price IS 'index price of the debt, USD per unit, whatever its bounds low and high';
COMMENT ON COLUMN margin.repayment.funding_price IS 'index price of the funding asset, USD per unit, whatever its bounds low and high';
COMMENT ON COLUMN margin.repayment.conversion_discount IS 'part of its index price at which the funding asset is converted';
COMMENT ON COLUMN margin.repayment.paid_value IS 'paid * funding_price, USD';
COMMENT ON COLUMN margin.repayment.repaid_value IS 'repaid * debt_price, USD';
COMMENT ON COLUMN margin.repayment.remaining_debt IS 'what the account owes after the row, units of the debt, >= 0';
COMMENT ON COLUMN margin.repayment.remaining_due IS 'what of that is still due, units of the debt, >= 0';
COMMENT ON COLUMN margin.repayment.level IS 'of the account after the row; of a skipped conversion the level it would have had';

CREATE FUNCTION margin.repayment_plan(
    portfolio margin.portfolio, market margin.market, rules margin.repayment_rule[] DEFAULT NULL,
    funding_order margin.funding_order DEFAULT 'ratio', forced boolean DEFAULT false
) RETURNS SETOF margin.repayment
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 ROWS 3 AS 'MODULE_PATHNAME', 'margin_repayment_plan';
COMMENT ON FUNCTION margin.repayment_plan(margin.portfolio, margin.market, margin.repayment_rule[], margin.funding_order, boolean) IS
'conversions that repay the debts of an account, largest USD value first; paid is rounded up, repaid down, at the 18th decimal. A conversion that would worsen the level is skipped unless forced. No row if nothing is due or portfolio or market is null; other nulls mean defaults; an error for repeated or invalid rules';

CREATE TYPE margin.reduction_step AS (
    step integer,
    outcome margin.reduction_outcome,
    contract text,
    side margin.side,
    quantity numeric,
    price numeric,
    notional numeric,
    fee numeric,
    realized_pnl numeric,
    maintenance_before numeric,
    maintenance_after numeric,
    equity_before numeric,
    equity_after numeric,
    level margin.level,
    judged_equity_before numeric,
    judged_equity_after numeric,
    gain numeric
);
COMMENT ON TYPE margin.reduction_step IS 'row of a reduction plan: the orders that are cancelled, or what one step closes; in the last row, what the plan achieves';
COMMENT ON COLUMN margin.reduction_step.step IS 'number of the row, from 1';
COMMENT ON COLUMN margin.reduction_step.outcome IS 'cancelled or reduced (a step), recovered or exhausted (the last row), or unpriced';
COMMENT ON COLUMN margin.reduction_step.contract IS 'the contract closed, or whose orders are cancelled';
COMMENT ON COLUMN margin.reduction_step.side IS 'the side closed; null: both sides, against each other; or orders, buys and sells';
COMMENT ON COLUMN margin.reduction_step.quantity IS 'contracts closed, of each side; or all that were left to fill of the orders';
COMMENT ON COLUMN margin.reduction_step.price IS 'mark price, settlement asset per unit of the underlying; null where orders are cancelled';
COMMENT ON COLUMN margin.reduction_step.notional IS 'of what is closed, of both sides if both are, or value of the orders; settlement asset';
COMMENT ON COLUMN margin.reduction_step.fee IS 'closing_fee * notional, settlement asset';
COMMENT ON COLUMN margin.reduction_step.realized_pnl IS 'profit of what is closed, before the fee; settlement asset';
COMMENT ON COLUMN margin.reduction_step.maintenance_before IS 'maintenance margin before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.maintenance_after IS 'maintenance margin after it; USD';
COMMENT ON COLUMN margin.reduction_step.equity_before IS 'equity before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.equity_after IS 'equity after it; USD';
COMMENT ON COLUMN margin.reduction_step.level IS 'of the account after it';
COMMENT ON COLUMN margin.reduction_step.judged_equity_before IS 'equity as levels judge it (judged_equity()) before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.judged_equity_after IS 'the same after it; USD';
COMMENT ON COLUMN margin.reduction_step.gain IS 'what the step, or the plan, takes from maintenance_margin - liquidation threshold * judged_equity, which is below 0 once the account has recovered; 0 for orders that require no maintenance and reduce no equity; USD';

CREATE FUNCTION margin.reduction_plan(portfolio margin.portfolio, market margin.market, lot numeric DEFAULT 0.00000001)
RETURNS SETOF margin.reduction_step
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000 ROWS 5 AS 'MODULE_PATHNAME', 'margin_reduction_plan';
COMMENT ON FUNCTION margin.reduction_plan(margin.portfolio, margin.market, numeric) IS
'what to close of an undercollateralized account, step by step: first all open orders are cancelled, by contract, whatever that gains; then long against short of a contract, then one side at a time, whatever relieves maintenance most; quantities are multiples of lot > 0, rounded up. The last row sums up. No row if not undercollateralized; null for null; an error for lot <= 0';

-- stress: markets with moved prices, and portfolios in many of them

CREATE TYPE margin.price_move AS (
    scenario text,
    asset text,
    contract text,
    relative numeric,
    price numeric
);
COMMENT ON TYPE margin.price_move IS
'one move of a price, as shock() and stress() take them: rows that share a scenario are moved together, at most one row per asset or contract';
COMMENT ON COLUMN margin.price_move.scenario IS 'name of the scenario, 1 to 255 bytes; shock() takes no account of it';
COMMENT ON COLUMN margin.price_move.asset IS 'asset whose index price moves; null, with contract null too: all assets without a row of their own';
COMMENT ON COLUMN margin.price_move.contract IS 'contract whose mark price moves, instead of following the prices of its assets; null: none';
COMMENT ON COLUMN margin.price_move.relative IS
'change in proportion to the present price, above -1: -0.2 is a fall of 20 %; 0 keeps a price while all others move; low and high of a doubtful price change alike; null: price is given';
COMMENT ON COLUMN margin.price_move.price IS
'the new price, > 0: USD per unit of the asset, which then has no low and high, or settlement asset per unit of the underlying; null: relative is given';

CREATE FUNCTION margin.shock(market margin.market, moves margin.price_move[], linked boolean DEFAULT true) RETURNS margin.market
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_shock';
COMMENT ON FUNCTION margin.shock(margin.market, margin.price_move[], boolean) IS
'the market with prices moved at once, whatever the scenario of the rows. Linked: a contract without a row gets mark * (P_base'' / P_base) / (P_settle'' / P_settle), rounded half away from zero at the 18th decimal. An error for an unknown symbol, one moved twice, a price that would not stay above 0. Null for null';

CREATE FUNCTION margin.shock(
    market margin.market,
    asset text DEFAULT NULL,
    contract text DEFAULT NULL,
    relative numeric DEFAULT NULL,
    price numeric DEFAULT NULL,
    linked boolean DEFAULT true
) RETURNS margin.market
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin.shock(market, ARRAY[ROW(NULL, asset, contract, relative, price)::margin.price_move], linked);
COMMENT ON FUNCTION margin.shock(margin.market, text, text, numeric, numeric, boolean) IS
'the market with the price of one asset or one contract moved, or those of all assets if neither is given: relative (-0.2: -20 %) or to price, one of the two; otherwise as the form with rows. Null for a null market';

CREATE FUNCTION margin.impact(
    portfolio margin.portfolio, before margin.market, after margin.market,
    OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric,
    OUT collateral_value_before numeric, OUT collateral_value_after numeric, OUT collateral_value_change numeric,
    OUT liabilities_before numeric, OUT liabilities_after numeric, OUT liabilities_change numeric,
    OUT net_asset_value_before numeric, OUT net_asset_value_after numeric, OUT net_asset_value_change numeric,
    OUT initial_margin_before numeric, OUT initial_margin_after numeric, OUT initial_margin_change numeric,
    OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric,
    OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric,
    OUT shortfall_before numeric, OUT shortfall_after numeric, OUT shortfall_change numeric,
    OUT margin_ratio_before numeric, OUT margin_ratio_after numeric, OUT margin_ratio_change numeric,
    OUT level_before margin.level, OUT level_after margin.level,
    OUT missing_before text[], OUT missing_after text[]
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT (b).equity, (a).equity, trim_scale((a).equity - (b).equity),
           (b).collateral_value, (a).collateral_value, trim_scale((a).collateral_value - (b).collateral_value),
           (b).liabilities, (a).liabilities, trim_scale((a).liabilities - (b).liabilities),
           (b).net_asset_value, (a).net_asset_value, trim_scale((a).net_asset_value - (b).net_asset_value),
           (b).initial_margin, (a).initial_margin, trim_scale((a).initial_margin - (b).initial_margin),
           (b).maintenance_margin, (a).maintenance_margin, trim_scale((a).maintenance_margin - (b).maintenance_margin),
           (b).available_margin, (a).available_margin, trim_scale((a).available_margin - (b).available_margin),
           (b).shortfall, (a).shortfall, trim_scale((a).shortfall - (b).shortfall),
           (b).margin_ratio, (a).margin_ratio, (a).margin_ratio - (b).margin_ratio,
           (b).level, (a).level, (b).missing, (a).missing
      FROM (SELECT margin.evaluate(portfolio, before) AS b, margin.evaluate(portfolio, after) AS a
             WHERE portfolio IS NOT NULL AND before IS NOT NULL AND after IS NOT NULL OFFSET 0) AS v;
END;
COMMENT ON FUNCTION margin.impact(margin.portfolio, margin.market, margin.market) IS
'one portfolio in two markets, for instance before and after a move of prices: fields of both valuations and after less before, in USD except margin_ratio, exact. What is null in a valuation is null here, as is its change. No row for null';

CREATE FUNCTION margin.stress(
    portfolio margin.portfolio, market margin.market, scenarios margin.price_move[], linked boolean DEFAULT true,
    OUT scenario text, OUT equity numeric, OUT maintenance_margin numeric, OUT level margin.level,
    OUT loss numeric, OUT missing text[]
) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 20 AS 'MODULE_PATHNAME', 'margin_stress';
COMMENT ON FUNCTION margin.stress(margin.portfolio, margin.market, margin.price_move[], boolean) IS
'a portfolio in scenarios, one row each in byte order of the names, as evaluate(portfolio, shock(market, rows, linked)): amounts in USD, exact; loss is max(0, -equity). If unpriced, amounts are null and missing is set. No row for null or an empty array; errors as of shock(), and for a null scenario';

-- safe_move: how far prices may move with a level unchanged, and the level that is to be kept now

CREATE FUNCTION margin.safe_move(portfolio margin.portfolio, market margin.market, level margin.level, release_ratios numeric[])
RETURNS numeric
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'margin_safe_move';
COMMENT ON FUNCTION margin.safe_move(margin.portfolio, margin.market, margin.level, numeric[]) IS
'how far all index and mark prices may move, each its own way (low and high by themselves where they differ), with the kept level proven to stay what is given, release ratios and open orders included: a part of the price from 0 to 1, rounded down at 8 decimals, a lower bound. '
'0 where the present market would already change it; null if unpriced, and for null but release_ratios: null, or a null one of them (of warning, margin_call, liquidation), holds nothing; an error unless they are three';

CREATE FUNCTION margin_internal.kept_level(portfolio margin.portfolio, market margin.market, kept margin.level, release_ratios numeric[])
RETURNS margin.level
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 20 AS 'MODULE_PATHNAME', 'margin_kept_level';
COMMENT ON FUNCTION margin_internal.kept_level(margin.portfolio, margin.market, margin.level, numeric[]) IS
'the level to be kept now of an account kept so far at that one (null: never judged), as margin.held_level() over its valuation, exact; healthy for a null portfolio, of an account that holds nothing; null without market';

CREATE FUNCTION margin_internal.watch_account(portfolio margin.portfolio, market margin.market, kept margin.level, release_ratios numeric[],
    wanted double precision DEFAULT 0, OUT level margin.level, OUT room double precision, OUT mask bigint)
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 AS 'MODULE_PATHNAME', 'margin_watch_account';
COMMENT ON FUNCTION margin_internal.watch_account(margin.portfolio, margin.market, margin.level, numeric[], double precision) IS
'kept_level(), margin.safe_move() of that level (not above it, 0 where it is below what is wanted, null if unpriced), and one of 64 bits for each symbol it depends on: the number among the market''s assets, or theirs and then the contracts, in byte order, modulo 64; where an infinite room is wanted none is looked for. A null portfolio is that of an account that holds nothing: healthy, with all the room; all null without market';

-- liquidation_map: what moves of prices would make of all accounts together

CREATE TYPE margin.liquidation_point AS (
    move numeric,
    price numeric,
    accounts bigint,
    undercollateralized bigint,
    bankrupt bigint,
    unpriced bigint,
    notional jsonb,
    notional_usd numeric,
    long_usd numeric,
    shortfall numeric,
    loss numeric
);
COMMENT ON TYPE margin.liquidation_point IS 'what one move of a price would make of the accounts of a book; amounts in USD, exact, at the moved prices';
COMMENT ON COLUMN margin.liquidation_point.move IS 'change in proportion to the present price: -0.2 is a fall of 20 %';
COMMENT ON COLUMN margin.liquidation_point.price IS 'the moved price: the index price of the asset, USD, or the mark of the contract, in its settlement asset';
COMMENT ON COLUMN margin.liquidation_point.accounts IS 'how many accounts there are';
COMMENT ON COLUMN margin.liquidation_point.undercollateralized IS 'how many of them would be at liquidation or bankrupt';
COMMENT ON COLUMN margin.liquidation_point.bankrupt IS 'how many of these bankrupt';
COMMENT ON COLUMN margin.liquidation_point.unpriced IS 'how many cannot be valued, and so are in none of the sums';
COMMENT ON COLUMN margin.liquidation_point.notional IS
'positions of the undercollateralized by contract, both sides together, USD: {"BTC_USDT": 125000.5}; contracts without any are left out';
COMMENT ON COLUMN margin.liquidation_point.notional_usd IS 'sum of notional over all contracts, USD';
COMMENT ON COLUMN margin.liquidation_point.long_usd IS 'the part of notional_usd that is long, which a liquidation sells; it buys the rest';
COMMENT ON COLUMN margin.liquidation_point.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';
COMMENT ON COLUMN margin.liquidation_point.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0: what the house would carry';

CREATE FUNCTION margin_internal.liquidation_map_accum(internal, margin.portfolio, margin.market, margin.price_move[]) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_liquidation_map_accum';
COMMENT ON FUNCTION margin_internal.liquidation_map_accum(internal, margin.portfolio, margin.market, margin.price_move[]) IS 'aggregate transition of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_combine';
COMMENT ON FUNCTION margin_internal.liquidation_map_combine(internal, internal) IS 'aggregate combine of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_serialize';
COMMENT ON FUNCTION margin_internal.liquidation_map_serialize(internal) IS 'aggregate serialize of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_deserialize';
COMMENT ON FUNCTION margin_internal.liquidation_map_deserialize(bytea, internal) IS 'aggregate deserialize of liquidation_map()';
CREATE FUNCTION margin_internal.liquidation_map_final(internal) RETURNS margin.liquidation_point[]
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_liquidation_map_final';
COMMENT ON FUNCTION margin_internal.liquidation_map_final(internal) IS 'aggregate final of liquidation_map()';

CREATE AGGREGATE margin_internal.liquidation_map(portfolio margin.portfolio, market margin.market, moves margin.price_move[]) (
    SFUNC = margin_internal.liquidation_map_accum,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = margin_internal.liquidation_map_final,
    COMBINEFUNC = margin_internal.liquidation_map_combine,
    SERIALFUNC = margin_internal.liquidation_map_serialize,
    DESERIALFUNC = margin_internal.liquidation_map_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin_internal.liquidation_map(margin.portfolio, margin.market, margin.price_move[]) IS
'an element for each row of moves, in their order: all portfolios in the market with this one relative move of an asset, marks linked, or of a contract. Market and moves are those of the first row; a null portfolio is no account. An error for an unknown symbol, one without a price, a move that is not relative or not above -1, and where market or moves are null';

-- scenario_totals: all accounts in many scenarios, added up in one pass

CREATE TYPE margin_internal.scenario_total AS (
    scenario text,
    accounts bigint,
    levels bigint[],
    notional_usd numeric,
    long_usd numeric,
    shortfall numeric,
    loss numeric
);
COMMENT ON TYPE margin_internal.scenario_total IS
'all accounts in one scenario: how many, and how many at each level in its order; of the undercollateralized what they hold and what of it is long, USD; shortfall and loss of all, USD; exact';
COMMENT ON COLUMN margin_internal.scenario_total.scenario IS 'its name';
COMMENT ON COLUMN margin_internal.scenario_total.accounts IS 'how many accounts there are';
COMMENT ON COLUMN margin_internal.scenario_total.levels IS 'how many at each level, in the order of margin.level';
COMMENT ON COLUMN margin_internal.scenario_total.notional_usd IS 'positions of the undercollateralized at the moved marks, both sides together, USD';
COMMENT ON COLUMN margin_internal.scenario_total.long_usd IS 'the part of it that is long, USD';
COMMENT ON COLUMN margin_internal.scenario_total.shortfall IS 'sum of what equities lack to maintenance margins, USD, >= 0';
COMMENT ON COLUMN margin_internal.scenario_total.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE TYPE margin_internal.scenario_totals AS (
    scenarios margin_internal.scenario_total[],
    rooms bigint[]
);
COMMENT ON TYPE margin_internal.scenario_totals IS
'a total for each scenario in byte order of the names; and how many healthy accounts stay healthy while all prices move by less than 5 %, by 5 to 10 %, and so on, last those that stay so whatever happens: margin.safe_move() in steps of 5 %';
COMMENT ON COLUMN margin_internal.scenario_totals.scenarios IS 'a total for each scenario, in byte order of the names';
COMMENT ON COLUMN margin_internal.scenario_totals.rooms IS 'healthy accounts by how far all prices may move before they are not: 20 steps of 5 %, and those for which any move does';

CREATE FUNCTION margin_internal.scenario_totals_accum(internal, margin.portfolio, margin.market, margin.price_move[]) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_scenario_totals_accum';
COMMENT ON FUNCTION margin_internal.scenario_totals_accum(internal, margin.portfolio, margin.market, margin.price_move[]) IS 'aggregate transition of scenario_totals()';
CREATE FUNCTION margin_internal.scenario_totals_final(internal) RETURNS margin_internal.scenario_totals
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_scenario_totals_final';
COMMENT ON FUNCTION margin_internal.scenario_totals_final(internal) IS 'aggregate final of scenario_totals()';

CREATE AGGREGATE margin_internal.scenario_totals(portfolio margin.portfolio, market margin.market, scenarios margin.price_move[]) (
    SFUNC = margin_internal.scenario_totals_accum,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = margin_internal.scenario_totals_final
);
COMMENT ON AGGREGATE margin_internal.scenario_totals(margin.portfolio, margin.market, margin.price_move[]) IS
'all portfolios in each scenario, marks linked, as margin.stress() values them, but without valuing those that no move of it can make other than healthy; and how far they are from that. Market and scenarios are those of the first row; a null portfolio is no account; null without rows. Errors of stress(), and for a null market or null scenarios';

-- book_totals: all accounts by level, by asset and by contract, added up in one pass

CREATE TYPE margin_internal.level_sum AS (
    level margin.level,
    accounts bigint,
    equity numeric,
    maintenance_margin numeric,
    shortfall numeric,
    loss numeric
);
COMMENT ON TYPE margin_internal.level_sum IS
'the accounts of one level together; amounts in USD, exact, null where there are accounts whose amounts are not known; loss is what liabilities exceed collateral by';
COMMENT ON COLUMN margin_internal.level_sum.level IS 'the level';
COMMENT ON COLUMN margin_internal.level_sum.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN margin_internal.level_sum.equity IS 'sum of equity, USD';
COMMENT ON COLUMN margin_internal.level_sum.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN margin_internal.level_sum.shortfall IS 'sum of shortfall, USD, >= 0';
COMMENT ON COLUMN margin_internal.level_sum.loss IS 'sum of -equity of the bankrupt, USD, >= 0';

CREATE TYPE margin_internal.asset_sum AS (
    asset text,
    accounts bigint,
    unvalued bigint,
    asset_equity numeric,
    owed numeric,
    net_asset_value numeric,
    collateral_value numeric,
    holders text[],
    holdings numeric[],
    holder_values numeric[]
);
COMMENT ON TYPE margin_internal.asset_sum IS
'what accounts have of one asset, debts left out, as report_concentration: accounts, how many of them are not in the sums, units, USD at index price, USD that counts; what other accounts owe of it; and the largest holders, their units and what of them counts, null where not known';
COMMENT ON COLUMN margin_internal.asset_sum.asset IS 'the asset';
COMMENT ON COLUMN margin_internal.asset_sum.accounts IS 'how many accounts have some of it';
COMMENT ON COLUMN margin_internal.asset_sum.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';
COMMENT ON COLUMN margin_internal.asset_sum.asset_equity IS 'sum of what they have, units of the asset; null: not known of any';
COMMENT ON COLUMN margin_internal.asset_sum.owed IS 'what other accounts owe of it, units of the asset, >= 0';
COMMENT ON COLUMN margin_internal.asset_sum.net_asset_value IS 'sum at index price, USD; null: of no account';
COMMENT ON COLUMN margin_internal.asset_sum.collateral_value IS 'sum of what counts, USD; null: of no account';
COMMENT ON COLUMN margin_internal.asset_sum.holders IS 'accounts that have most of it, the largest first';
COMMENT ON COLUMN margin_internal.asset_sum.holdings IS 'what each of them has, units of the asset';
COMMENT ON COLUMN margin_internal.asset_sum.holder_values IS 'what of it counts, USD; null where it is not known';

CREATE TYPE margin_internal.contract_sum AS (
    contract text,
    settle text,
    mark numeric,
    accounts bigint,
    long numeric,
    short numeric,
    pnl_usd numeric,
    maintenance_margin numeric,
    order_margin numeric
);
COMMENT ON TYPE margin_internal.contract_sum IS 'the positions of all accounts in one contract, as report_exposure; null where a price or parameter is lacking';
COMMENT ON COLUMN margin_internal.contract_sum.contract IS 'the contract';
COMMENT ON COLUMN margin_internal.contract_sum.settle IS 'asset in which it settles; null: the market does not know the contract';
COMMENT ON COLUMN margin_internal.contract_sum.mark IS 'mark price; null: none';
COMMENT ON COLUMN margin_internal.contract_sum.accounts IS 'how many accounts have a position in it';
COMMENT ON COLUMN margin_internal.contract_sum.long IS 'contracts held long';
COMMENT ON COLUMN margin_internal.contract_sum.short IS 'contracts held short, >= 0';
COMMENT ON COLUMN margin_internal.contract_sum.pnl_usd IS 'profit and loss at mark, USD';
COMMENT ON COLUMN margin_internal.contract_sum.maintenance_margin IS 'what the positions require to be kept, USD';
COMMENT ON COLUMN margin_internal.contract_sum.order_margin IS 'what open orders require on top, USD';

CREATE TYPE margin_internal.book_totals AS (
    levels margin_internal.level_sum[],
    ratios bigint[],
    assets margin_internal.asset_sum[],
    contracts margin_internal.contract_sum[]
);
COMMENT ON TYPE margin_internal.book_totals IS
'a row for each level in its order; how many accounts require nothing, have a margin_ratio above 0 and below 0.1, from 0.1, ... from 0.9, from 1, or none although something is required; a row for each asset that somebody has or owes and for each contract, in no order';
COMMENT ON COLUMN margin_internal.book_totals.levels IS 'a row for each level, in their order';
COMMENT ON COLUMN margin_internal.book_totals.ratios IS 'accounts by margin_ratio: nothing required; ten steps of 0.1; 1 and above; required of an equity not above 0';
COMMENT ON COLUMN margin_internal.book_totals.assets IS 'a row for each asset that some account has or owes';
COMMENT ON COLUMN margin_internal.book_totals.contracts IS 'a row for each contract that some account holds or has ordered';

CREATE FUNCTION margin_internal.book_totals_accum(internal, text, margin.portfolio, margin.market, integer) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 100 AS 'MODULE_PATHNAME', 'margin_book_totals_accum';
COMMENT ON FUNCTION margin_internal.book_totals_accum(internal, text, margin.portfolio, margin.market, integer) IS 'aggregate transition of book_totals()';
CREATE FUNCTION margin_internal.book_totals_final(internal) RETURNS margin_internal.book_totals
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_book_totals_final';
COMMENT ON FUNCTION margin_internal.book_totals_final(internal) IS 'aggregate final of book_totals()';

CREATE AGGREGATE margin_internal.book_totals(account text, portfolio margin.portfolio, market margin.market, holders integer) (
    SFUNC = margin_internal.book_totals_accum,
    STYPE = internal,
    SSPACE = 1048576,
    FINALFUNC = margin_internal.book_totals_final
);
COMMENT ON AGGREGATE margin_internal.book_totals(text, margin.portfolio, margin.market, integer) IS
'all accounts by level, margin ratio, asset and contract, with so many of the largest holders of each asset, of equal ones the first by the bytes of its name. Market and number are those of the first row; a null portfolio is no account; null without rows; an error for a null market or number, and unless that is 0 to 100';

-- schemas: how a statement finds the venue or the book it is about
--
-- Everything in a venue or a book is looked up by its bare name in that
-- schema alone.  A schema is found by an object in it, which keeps its
-- identity when the schema is renamed, or, where the caller gives a name, by
-- that.  These run where their caller runs: in a worker of their own they would
-- change the path there.

CREATE FUNCTION margin_internal.enter(relation regclass) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter';
COMMENT ON FUNCTION margin_internal.enter(regclass) IS
'bare names now mean objects in the schema of the relation, until the calling function ends, which has a SET search_path of its own; an error for null';

CREATE FUNCTION margin_internal.enter_own(relation regclass) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter_own';
COMMENT ON FUNCTION margin_internal.enter_own(regclass) IS
'enter(), but an error unless the relation belongs to the current user: for triggers that run with the rights of their owner, and so on his tables alone';

CREATE FUNCTION margin_internal.enter_venue(venue name) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter_venue';
COMMENT ON FUNCTION margin_internal.enter_venue(name) IS 'enter(), by the name of a venue; an error (42704) where there is none';

CREATE FUNCTION margin_internal.enter_book(book name) RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_enter_book';
COMMENT ON FUNCTION margin_internal.enter_book(name) IS 'enter(), by the name of a book; an error (42704) where there is none';

-- ---------------------------------------------------------------------------
-- What journals share
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.acting_user() RETURNS name
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
RETURN CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END;
COMMENT ON FUNCTION margin.acting_user() IS
'the role that acts: the one of SET ROLE, else of the session; the same inside of functions that run with their owner''s rights, where current_user is the owner';

-- For checks that run with their owner's rights: what is wrong with a row may be
-- that it does not agree with another.
CREATE FUNCTION margin_internal.may_be_told(of_table regclass) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT has_table_privilege(r.oid, c.oid, 'SELECT') AND (NOT c.relrowsecurity OR r.rolsuper OR r.rolbypassrls OR pg_has_role(r.oid, c.relowner, 'USAGE') AND NOT c.relforcerowsecurity)
      FROM pg_class AS c, pg_roles AS r WHERE c.oid = of_table AND r.rolname = margin.acting_user();
END;
COMMENT ON FUNCTION margin_internal.may_be_told(regclass) IS 'whether the role that acts may read all rows of a table, so that an error may tell it of them; null for null';

CREATE FUNCTION margin_internal.append_only() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('%s of journal %I.%I', TG_OP, TG_TABLE_SCHEMA, TG_TABLE_NAME),
        DETAIL = 'A journal is appended to; what it says is not changed.',
        HINT = format('Its owner may, after ALTER TABLE %I.%I DISABLE TRIGGER %I.', TG_TABLE_SCHEMA, TG_TABLE_NAME, TG_NAME);
END
$$;
COMMENT ON FUNCTION margin_internal.append_only() IS 'trigger: refuses whatever it is put on; for UPDATE, DELETE and TRUNCATE of journals';

CREATE FUNCTION margin_internal.set_side() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    -- No SET clause: this runs for every row whose side does not follow from
    -- its sign by itself.
    NEW.side := CASE WHEN NEW.quantity OPERATOR(pg_catalog.<) 0::pg_catalog.numeric THEN 'short' ELSE 'long' END;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION margin_internal.set_side() IS 'trigger: the side of a position by the sign of its quantity';

CREATE FUNCTION margin_internal.refuse_payoff() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'feature_not_supported', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'payoff',
        MESSAGE = format('contract "%s" of payoff "%s" is refused', NEW.contract, left(NEW.payoff, 60)),
        DETAIL = 'Only linear contracts are valued: profit and notional of any other would be wrong.',
        HINT = 'An inverse contract can be entered as a linear one that is settled in its coin, with sides turned and prices as 1/price.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_payoff() IS 'trigger: refuses contracts that are not linear, by name';

-- Of one that is partitioned the partitions have the rows.
CREATE FUNCTION margin_internal.may_have_rows(of_table regclass) RETURNS boolean
    LANGUAGE sql VOLATILE STRICT PARALLEL SAFE
    RETURN pg_relation_size(of_table) > 0 OR (SELECT c.relkind <> 'r' FROM pg_class AS c WHERE c.oid = of_table);
COMMENT ON FUNCTION margin_internal.may_have_rows(regclass) IS
'false: a table is empty, judged by its size, also where the caller may not read it; null for null';

-- venues: schemas made, brought up to date, and dropped
--
-- What a venue or a book holds stands in scripts of plain SQL, a paragraph for
-- each object (src/assemble).  They run as the caller, in a schema that is his
-- alone, with nothing else on the search path.

CREATE TYPE margin.about AS (
    release text,
    venue regnamespace,
    balances regclass,
    positions regclass,
    orders regclass
);
COMMENT ON TYPE margin.about IS 'what a venue or book says of itself; its function about() returns it';
COMMENT ON COLUMN margin.about.release IS 'the release of margin whose scripts made it or brought it up to date';
COMMENT ON COLUMN margin.about.venue IS 'the venue that judges the accounts of the book; of a venue itself; null: the book is over a published market';
COMMENT ON COLUMN margin.about.balances IS 'where the balances of the book come from; null: it has none, or is a venue only';
COMMENT ON COLUMN margin.about.positions IS 'where its positions come from; null likewise';
COMMENT ON COLUMN margin.about.orders IS 'where its open orders come from; null likewise';

CREATE FUNCTION margin_internal.release() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN '1.0'::text;
COMMENT ON FUNCTION margin_internal.release() IS 'the release of the scripts of venues and books';

-- Read from the catalogs, without running anything: about() is code of
-- whoever owns the schema.
CREATE VIEW margin_internal.schemas AS
SELECT n.oid, n.nspname AS name, pg_get_userbyid(n.nspowner) AS owner, v.oid AS venue_id,
       (regexp_match(pg_get_function_sqlbody(p.oid), 'ROW[(]''([0-9.]+)''::'))[1] AS release,
       -- not by to_regclass(), which asks for rights on every schema
       v.oid = n.oid AND EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'asset') AS is_venue,
       EXISTS (SELECT FROM pg_catalog.pg_class AS c WHERE c.relnamespace = n.oid AND c.relname = 'holding') AS is_book
  FROM pg_catalog.pg_namespace AS n
  JOIN pg_catalog.pg_proc AS p ON p.pronamespace = n.oid AND p.proname = 'about' AND p.pronargs = 0 AND p.prorettype = 'margin.about'::regtype,
       -- a function depends on its own schema, and about() on that of the venue
       LATERAL (SELECT coalesce(max(d.refobjid) FILTER (WHERE d.refobjid <> n.oid), n.oid) AS oid
                  FROM pg_catalog.pg_depend AS d
                 WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.objid = p.oid
                   AND d.refclassid = 'pg_catalog.pg_namespace'::regclass) AS v;
COMMENT ON VIEW margin_internal.schemas IS 'schemas that are venues, books, or both';
GRANT SELECT ON margin_internal.schemas TO PUBLIC;

CREATE VIEW margin.venues AS
SELECT name AS venue, owner, release FROM margin_internal.schemas WHERE is_venue;
COMMENT ON VIEW margin.venues IS 'the venues of this database';
COMMENT ON COLUMN margin.venues.venue IS 'the schema';
COMMENT ON COLUMN margin.venues.owner IS 'role that owns it';
COMMENT ON COLUMN margin.venues.release IS 'release of margin that its objects are of; older than the extension''s: call margin.upgrade_venue()';
GRANT SELECT ON margin.venues TO PUBLIC;

CREATE VIEW margin.books AS
SELECT b.name AS book, v.nspname AS venue, b.owner, b.release, s.market
  FROM margin_internal.schemas AS b
  LEFT JOIN LATERAL (SELECT min(d.refobjid)::regclass AS market
                       FROM pg_catalog.pg_class AS c
                       JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid
                       JOIN pg_catalog.pg_depend AS d
                         ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass AND d.refobjid <> c.oid
                      WHERE c.relnamespace = b.oid AND c.relname = 'market_source') AS s ON true
  LEFT JOIN pg_catalog.pg_namespace AS v ON v.oid = b.venue_id AND (s.market IS NULL OR v.oid <> b.oid)
 WHERE b.is_book;
COMMENT ON VIEW margin.books IS 'the books of this database';
COMMENT ON COLUMN margin.books.book IS 'the schema';
COMMENT ON COLUMN margin.books.venue IS 'schema of the venue that judges its accounts; null: it reads a published market';
COMMENT ON COLUMN margin.books.owner IS 'role that owns it';
COMMENT ON COLUMN margin.books.release IS 'release of margin that its objects are of; older than the extension''s: call margin.upgrade_book()';
COMMENT ON COLUMN margin.books.market IS 'table or view with the published market that it reads; null: it has a venue';
GRANT SELECT ON margin.books TO PUBLIC;

-- ---------------------------------------------------------------------------
-- Is a schema fit to run a script in?
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.stranger_in(schema regnamespace) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('%s of role "%s"', o.what, pg_get_userbyid(o.owner))
      FROM (SELECT 'relation "' || relname || '"' AS what, relowner AS owner FROM pg_catalog.pg_class WHERE relnamespace = schema
            UNION ALL
            SELECT 'function "' || proname || '"', proowner FROM pg_catalog.pg_proc WHERE pronamespace = schema
            UNION ALL
            SELECT 'type "' || typname || '"', typowner FROM pg_catalog.pg_type WHERE typnamespace = schema
            UNION ALL
            SELECT 'operator "' || oprname || '"', oprowner FROM pg_catalog.pg_operator WHERE oprnamespace = schema
            UNION ALL
            SELECT 'operator class "' || opcname || '"', opcowner FROM pg_catalog.pg_opclass WHERE opcnamespace = schema
            UNION ALL
            SELECT 'collation "' || collname || '"', collowner FROM pg_catalog.pg_collation WHERE collnamespace = schema) AS o
     WHERE o.owner <> (SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid = schema)
     ORDER BY o.what LIMIT 1;
END;
COMMENT ON FUNCTION margin_internal.stranger_in(regnamespace) IS 'an object in a schema whose owner is not the owner of the schema; null: there is none';

CREATE FUNCTION margin_internal.check_schema(schema name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
    intruder text;
BEGIN
    IF schema IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a venue or book needs a schema';
    END IF;
    IF schema ~ '^(margin|pg_)' OR schema = 'information_schema' THEN
        RAISE EXCEPTION USING ERRCODE = 'reserved_name',
            MESSAGE = format('schema name "%s" is reserved', schema),
            DETAIL = 'Names that begin with "margin" belong to the extension, those that begin with "pg_" to PostgreSQL.';
    END IF;
    SELECT n.oid, n.nspowner, n.nspacl INTO present FROM pg_namespace AS n WHERE n.nspname = schema;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_schema_name',
            MESSAGE = format('schema "%s" does not exist', schema),
            HINT = format('CREATE SCHEMA %I; names are taken as they are, without quotes.', schema);
    END IF;
    -- A function that somebody else has put here could fit a call better than
    -- the one that is meant, and would run as the caller.
    IF present.nspowner <> (SELECT r.oid FROM pg_roles AS r WHERE r.rolname = current_user) THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('schema "%s" belongs to role "%s", not to "%s"', schema, pg_get_userbyid(present.nspowner), current_user),
            HINT = 'Venues and books are made by the owner of their schema; a member of that role may SET ROLE to it.';
    END IF;
    SELECT CASE a.grantee WHEN 0 THEN 'everybody' ELSE format('role "%s"', pg_get_userbyid(a.grantee)) END INTO intruder
      FROM aclexplode(present.nspacl) AS a
     WHERE a.privilege_type = 'CREATE' AND a.grantee <> present.nspowner
     ORDER BY a.grantee LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s may create objects in schema "%s"', intruder, schema),
            DETAIL = 'What others create there could be used in place of what is meant.',
            HINT = 'REVOKE CREATE ON SCHEMA, or use another schema.';
    END IF;
    intruder := margin_internal.stranger_in(present.oid::regnamespace);
    IF intruder IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('schema "%s" holds %s', schema, intruder),
            DETAIL = 'Objects of others could be used in place of those that are meant.',
            HINT = 'Use a schema of your own.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_schema(name) IS
'an error unless a schema may become a venue or book of the caller: the caller owns it, nobody else may create or owns anything in it, and its name is not reserved';

-- ---------------------------------------------------------------------------
-- Running a script
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.run_script(schema name, script text[]) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
-- Settings of the caller must not bend what is made.
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
SET check_function_bodies = on
SET standard_conforming_strings = on
SET transform_null_equals = off
SET quote_all_identifiers = off
AS $$
DECLARE
    paragraph text;
BEGIN
    -- pg_temp last, and named: else it would come first
    PERFORM set_config('search_path', format('%I, pg_temp', schema), true);
    FOREACH paragraph IN ARRAY script LOOP
        EXECUTE paragraph;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.run_script(name, text[]) IS 'executes statements in a schema, whose objects they name bare';

CREATE FUNCTION margin_internal.describe(schema name, venue name, balances regclass DEFAULT NULL, positions regclass DEFAULT NULL,
                                         orders regclass DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %I.about() RETURNS margin.about
                    LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
                    RETURN ROW(%L::text, %L::regnamespace, %L::regclass, %L::regclass, %L::regclass)::margin.about',
                   schema, margin_internal.release(), quote_ident(venue), balances, positions, orders);
    EXECUTE format('COMMENT ON FUNCTION %I.about() IS ''release, venue, and where the rows come from''', schema);
END
$$;
COMMENT ON FUNCTION margin_internal.describe(name, name, regclass, regclass, regclass) IS 'makes about() of a venue or book, whose venue is null if it reads a published market; what it names is bound to the objects, not to their names';

CREATE FUNCTION margin.create_venue(venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    propagation CONSTANT text := margin_internal.set_propagation('off');
BEGIN
    PERFORM margin_internal.check_schema(venue);
    IF EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = venue) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" is a venue or book already', venue),
            HINT = format('margin.upgrade_venue(%L) brings a venue up to date.', venue);
    END IF;
    PERFORM margin_internal.run_script(venue, margin_internal.venue_script());
    PERFORM margin_internal.describe(venue, venue);
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.create_venue(name) IS
'makes a venue in a schema of the caller (its name as it is, unquoted): tables of assets, contracts, tiers, prices, thresholds and scenarios, and market(). They belong to the caller. The caller grants EXECUTE on market() and its sisters. An error if others may create in the schema or own something in it';

-- books: accounts judged by a venue, over tables of their own or over any

CREATE FUNCTION margin_internal.source_column(
    source regclass, parameter text, expression text, type regtype, search_path text,
    OUT definition text, OUT result regtype, OUT parallel_safe boolean
) RETURNS record
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_source_column';
COMMENT ON FUNCTION margin_internal.source_column(regclass, text, text, regtype, text) IS
'a column of a table or view, by its bare name, or else one SQL expression over its columns, as text that is safe inside a command; names in it are looked up in the given search path. It must convert implicitly to the type, or for a null type have a default B-tree order. Nothing of the expression is run';

-- Rows of one's own tables that portfolio() refuses.
CREATE FUNCTION margin_internal.holding_flaw(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS text
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_holding_flaw';
COMMENT ON FUNCTION margin_internal.holding_flaw(text, numeric, numeric, numeric, margin.holding_kind) IS
'why portfolio() would refuse a holding, in words: quantity of "BTC" is NaN; null where it would not';
CREATE FUNCTION margin_internal.flawed_symbol(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS text
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_flawed_symbol';
COMMENT ON FUNCTION margin_internal.flawed_symbol(text, numeric, numeric, numeric, margin.holding_kind) IS
'the symbol of a holding; of one with a flaw an asset that no venue knows, called by the reason: unusable row: quantity of "BTC" is NaN';

CREATE FUNCTION margin_internal.holding_part(source regclass, kind margin.holding_kind, columns text[], search_path text,
                                             OUT definition text, OUT unpriced text, OUT account regtype, OUT parallel_safe boolean)
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names CONSTANT text[] := CASE kind WHEN 'balance' THEN '{account,asset,quantity}'
                                       WHEN 'position' THEN '{account,contract,quantity,entry_price,leverage}'
                                       ELSE '{account,contract,quantity,price,leverage}' END;
    checked record;
    parts text[] := '{}';
BEGIN
    parallel_safe := true;
    FOR i IN 1 .. cardinality(names) LOOP
        checked := margin_internal.source_column(source, kind || '_' || names[i], coalesce(columns[i], CASE WHEN i = 5 THEN 'NULL' END),
                                                 CASE i WHEN 1 THEN NULL WHEN 2 THEN 'text'::regtype ELSE 'numeric'::regtype END, search_path);
        parts[i] := checked.definition;
        account := coalesce(account, checked.result);
        parallel_safe := parallel_safe AND checked.parallel_safe;
    END LOOP;
    definition := format('SELECT %s AS account_id, %s AS symbol, %s AS quantity, %s AS entry_price, %s AS leverage, %L::margin.holding_kind AS kind FROM %s',
                         parts[1], parts[2], parts[3], coalesce(parts[4], 'NULL::numeric'), coalesce(parts[5], 'NULL::numeric'), kind, source);
    -- Column by column, so that the account stays a column of the table.
    unpriced := format('SELECT %1$s AS account_id, margin_internal.flawed_symbol(%2$s) AS symbol,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %3$s ELSE 1 END AS quantity,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %4$s END AS entry_price,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %5$s END AS leverage,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %6$s ELSE ''balance'' END AS kind FROM %7$s',
                       parts[1], concat_ws(', ', parts[2], parts[3], coalesce(parts[4], 'NULL::numeric'), coalesce(parts[5], 'NULL::numeric'),
                                           format('%L::margin.holding_kind', kind)),
                       parts[3], coalesce(parts[4], 'NULL::numeric'), coalesce(parts[5], 'NULL::numeric'), format('%L::margin.holding_kind', kind), source);
END
$$;
COMMENT ON FUNCTION margin_internal.holding_part(regclass, margin.holding_kind, text[], text) IS
'the part of a holding view that reads one table or view, the same with flawed rows turned into such as make their accounts unpriced, the type of its account keys, and whether its expressions may run in parallel workers';

CREATE FUNCTION margin_internal.create_holding(
    book name, search_path text, balances regclass, balance_columns text[],
    positions regclass, position_columns text[], orders regclass, order_columns text[], flawed_rows text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    made record;
    account regtype;
    parallel_safe boolean := true;
    parts text[] := '{}';
    unpriced text[] := '{}';
BEGIN
    FOR part IN
        SELECT * FROM (VALUES ('balance'::margin.holding_kind, balances, balance_columns),
                              ('position', positions, position_columns),
                              ('order', orders, order_columns)) AS p (kind, source, columns)
         WHERE p.source IS NOT NULL ORDER BY p.kind
    LOOP
        made := margin_internal.holding_part(part.source, part.kind, part.columns, search_path);
        IF made.account <> account THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('accounts are %s in one source and %s in the %ss', account, made.account, part.kind),
                HINT = 'Cast one of them, and have an index on what it is cast to.';
        END IF;
        account := coalesce(account, made.account);
        parallel_safe := parallel_safe AND made.parallel_safe;
        parts := parts || made.definition;
        unpriced := unpriced || made.unpriced;
    END LOOP;
    EXECUTE format('CREATE VIEW %I.holding WITH (security_invoker = true) AS %s', book,
                   array_to_string(CASE flawed_rows WHEN 'unpriced' THEN unpriced ELSE parts END, ' UNION ALL '));
    EXECUTE format('CREATE VIEW %I.flawed_holding WITH (security_invoker = true) AS
                    SELECT account_id, kind, symbol, quantity, entry_price, leverage, flaw
                      FROM (SELECT *, margin_internal.holding_flaw(symbol, quantity, entry_price, leverage, kind) AS flaw FROM (%s) AS h) AS f
                     WHERE flaw IS NOT NULL', book, array_to_string(parts, ' UNION ALL '));
    RETURN parallel_safe;
END
$$;
COMMENT ON FUNCTION margin_internal.create_holding(name, text, regclass, text[], regclass, text[], regclass, text[], text) IS
'makes the views holding and flawed_holding of a book over its sources; whether holding it may be read in parallel workers';

-- The planner looks into views, not into functions: those of a book are what
-- the expressions in its view holding let them be.
CREATE FUNCTION margin_internal.keep_out_of_workers(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader regprocedure;
BEGIN
    FOR reader IN
        SELECT p.oid FROM pg_proc AS p
         WHERE p.pronamespace = quote_ident(book)::regnamespace AND p.proparallel = 's' AND p.proname !~ '^venue_' AND p.proname <> 'about'
           AND EXISTS (SELECT FROM margin_internal.script_objects(margin_internal.book_script()) AS o WHERE o.kind = 'function' AND o.name = p.proname)
    LOOP
        EXECUTE format('ALTER FUNCTION %s PARALLEL UNSAFE', reader);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.keep_out_of_workers(name) IS
'declares the functions of a book unsafe in parallel workers, for one whose columns are computed by functions that are';

-- The only place where a book names its venue: functions that hold on to those
-- of the venue itself, whatever it is called later.
CREATE FUNCTION margin_internal.create_bridges(book name, venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bridge record;
BEGIN
    FOR bridge IN
        SELECT * FROM (VALUES
            ('venue_market', '', 'margin.market', 'market()', 'the present market of the venue'),
            ('venue_present_market', 'clock timestamptz', 'margin.market', 'present_market(clock)', 'the same by another clock; the guard judges by it'),
            ('venue_market_at', 'as_of timestamptz', 'margin.market', 'market(as_of)', 'the parameters of another instant with the present prices of the venue'),
            ('venue_release_ratios', '', 'numeric[]', 'release_ratios()', 'release ratios of warning, margin_call and liquidation of the venue'),
            ('venue_pausing_prices', '', 'jsonb', 'pausing_prices()', 'the prices held that keep levels of the venue from getting worse; null: none'),
            ('venue_scenarios', '', 'margin.price_move[]', 'scenarios()', 'the scenarios of the venue'),
            ('venue_repayment_rules', '', 'margin.repayment_rule[]', 'repayment_rules()', 'the repayment rules of the venue'),
            ('venue_past_market', 'as_of timestamptz', 'margin.market', 'past_market(as_of)', 'the market of the venue at a past instant'),
            ('venue_interest_rates', 'since timestamptz, until timestamptz', 'margin.interest_rate[]', 'interest_rates(since, until)', 'the interest rates of the venue that count between two instants'),
            ('venue_planned_change', '', 'timestamptz', 'planned_change()', 'when the next planned change of the venue''s parameters takes effect')
        ) AS b (name, arguments, result, call, meaning)
         -- a book of an earlier release has some of them
         WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = quote_ident(book)::regnamespace AND p.proname = b.name)
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%s(%s) RETURNS %s LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %I.%s',
                       book, bridge.name, bridge.arguments, bridge.result, venue, bridge.call);
        EXECUTE format('COMMENT ON FUNCTION %I.%s(%s) IS %L', book, bridge.name, bridge.arguments, bridge.meaning);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.create_bridges(name, name) IS 'makes the functions by which a book reads its venue, unless they are there already';

CREATE FUNCTION margin_internal.comment_valuation_columns(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field record;
BEGIN
    FOR field IN
        SELECT c.attrelid::regclass AS relation, c.attname AS name, col_description(f.attrelid, f.attnum) AS meaning
          FROM pg_class AS v
          JOIN pg_attribute AS c ON c.attrelid = v.oid AND c.attnum > 0 AND NOT c.attisdropped
          JOIN pg_attribute AS f ON f.attrelid = 'margin.valuation'::regclass AND f.attname = c.attname
         WHERE v.relnamespace = quote_ident(book)::regnamespace AND v.relname IN ('account_margin', 'undercollateralized', 'unpriced', 'kept_margin', 'reported_margin', 'account_snapshot')
           AND col_description(c.attrelid, c.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', field.relation, field.name, field.meaning);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.comment_valuation_columns(name) IS 'gives columns of a book that are fields of a valuation the comments of those';

CREATE FUNCTION margin_internal.check_venue(book name, venue name, trust boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
    owner record;
    intruder text;
BEGIN
    SELECT * INTO present FROM margin_internal.schemas AS s WHERE s.name = venue AND s.is_venue;
    IF NOT FOUND AND venue = book THEN
        PERFORM margin.create_venue(venue);
        RETURN;
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no venue "%s"', venue),
            HINT = format('margin.create_venue(%L) makes one.', venue);
    END IF;
    -- The venue's functions run as whoever reads the book.
    SELECT r.rolname AS name, r.rolsuper INTO owner FROM pg_roles AS r WHERE r.rolname = present.owner;
    IF owner.name <> current_user AND NOT owner.rolsuper AND trust IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('venue "%s" belongs to role "%s"', venue, owner.name),
            DETAIL = 'Readers of the book run functions of that role.',
            HINT = 'Say trust => true if all readers of the book trust it.';
    END IF;
    intruder := margin_internal.stranger_in(present.oid::regnamespace);
    IF intruder IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('schema "%s" holds %s', venue, intruder),
            DETAIL = 'Objects of others could be used in place of those that are meant.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_venue(name, name, boolean) IS
'an error unless a book of the caller may be judged by a venue; makes the venue where it is the schema of the book and there is none yet';

CREATE FUNCTION margin.create_book(
    book                  name,
    venue                 name DEFAULT NULL,
    balances              regclass DEFAULT NULL,
    positions             regclass DEFAULT NULL,
    orders                regclass DEFAULT NULL,
    balance_account       text DEFAULT 'account_id',
    balance_asset         text DEFAULT 'asset',
    balance_quantity      text DEFAULT 'quantity',
    position_account      text DEFAULT 'account_id',
    position_contract     text DEFAULT 'contract',
    position_quantity     text DEFAULT 'quantity',
    position_entry_price  text DEFAULT 'entry_price',
    position_leverage     text DEFAULT 'leverage',
    order_account         text DEFAULT 'account_id',
    order_contract        text DEFAULT 'contract',
    order_quantity        text DEFAULT 'quantity',
    order_price           text DEFAULT 'price',
    order_leverage        text DEFAULT 'leverage',
    account_type          regtype DEFAULT 'bigint',
    trust                 boolean DEFAULT false,
    flawed_rows           text DEFAULT 'error',
    -- the caller's: a default is evaluated before SET takes effect
    search_path           text DEFAULT current_setting('search_path'),
    market                regclass DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own CONSTANT boolean := balances IS NULL AND positions IS NULL AND orders IS NULL;
    parallel_safe boolean;
    distributed boolean;
    propagation CONSTANT text := margin_internal.set_propagation('off');
BEGIN
    PERFORM margin_internal.check_schema(book);
    IF flawed_rows IS NULL OR flawed_rows NOT IN ('error', 'unpriced') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('flawed_rows is error or unpriced, not %s', coalesce(quote_literal(flawed_rows), 'null'));
    END IF;
    IF EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book AND s.is_book) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" is a book already', book),
            HINT = format('margin.upgrade_book(%L) brings it up to date, margin.drop_book(%L) drops it.', book, book);
    END IF;
    IF market IS NOT NULL AND venue IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('book "%s" cannot have a venue and read a published market', book),
            HINT = 'Give either of venue and market.';
    END IF;
    IF coalesce(market::text, venue, book) <> book AND EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book AND s.is_venue) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a book in schema "%s" is judged by the venue there, not by "%s"', book, coalesce(market::text, venue)),
            HINT = 'Make it in a schema of its own.';
    END IF;
    IF market IS NULL THEN
        venue := coalesce(venue, book);
        PERFORM margin_internal.check_venue(book, venue, trust);
    ELSE
        PERFORM margin_internal.check_market_source(market, trust);
    END IF;

    IF own AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = account_type) THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'tables of a book need a type of account keys';
    ELSIF own THEN
        PERFORM margin_internal.run_script(book, ARRAY[format('CREATE TABLE account_key (account_id %s NOT NULL)', account_type)]
                                                 || margin_internal.facts_script() || 'DROP TABLE account_key'::text);
        balances := format('%I.balance', book)::regclass;
        positions := format('%I.position', book)::regclass;
        orders := format('%I.open_order', book)::regclass;
    END IF;
    distributed := margin_internal.is_distributed(balances) OR margin_internal.is_distributed(positions) OR margin_internal.is_distributed(orders);
    IF distributed THEN
        PERFORM margin_internal.check_shipped_market(book, market);
    END IF;
    parallel_safe := margin_internal.create_holding(book, search_path,
        balances, ARRAY[balance_account, balance_asset, balance_quantity],
        positions, ARRAY[position_account, position_contract, position_quantity, position_entry_price, position_leverage],
        orders, ARRAY[order_account, order_contract, order_quantity, order_price, order_leverage], flawed_rows);
    IF market IS NOT NULL THEN
        parallel_safe := margin_internal.create_market_source(book, market) AND parallel_safe;
    END IF;
    PERFORM margin_internal.create_bridges(book, coalesce(venue, book));
    PERFORM margin_internal.run_script(book, margin_internal.book_script_of(distributed));
    IF distributed OR NOT parallel_safe THEN
        PERFORM margin_internal.keep_out_of_workers(book);
    END IF;
    PERFORM margin_internal.comment_valuation_columns(book);
    PERFORM margin_internal.describe(book, venue, balances, positions, orders);
    IF own THEN
        PERFORM margin_internal.add_guard_triggers(book, t.source, 'account_id') FROM unnest(ARRAY[balances, positions, orders]) AS t (source);
    END IF;
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.create_book(name, name, regclass, regclass, regclass, text, text, text, text, text, text, text, text, text, text, text, text, text, regtype, boolean, text, text, regclass) IS
'makes a book in a schema of the caller, judged by a venue (null: the same schema, made a venue where it is none yet). Without sources it gets tables balance, position and open_order, keyed by account_type; else it is a book over those tables or views, each column given by its bare name or as one SQL expression. trust: for a venue of another role, which is not a superuser. flawed_rows: a row that portfolio() refuses is an error to whoever reads its account or all of them, or with unpriced makes its account unpriced, with the reason in missing; the view flawed_holding lists such rows in either case. market: a table, view or foreign table as published_market of a venue, whose one row the book reads in place of a venue, with the rights of its owner; an error if columns are missing or of another type';

CREATE FUNCTION margin_internal.check_own_tables(book name, purpose text, hint text) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sources margin.about;
BEGIN
    PERFORM margin_internal.enter_book(book);
    SELECT a.* INTO sources FROM about() AS a;
    IF (sources.balances, sources.positions, sources.orders)
       IS DISTINCT FROM (to_regclass('balance'), to_regclass('position'), to_regclass('open_order')) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" has no tables of its own to %s', book, purpose),
            DETAIL = 'It is a book over other tables.',
            HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_own_tables(name, text, text) IS 'an error (0A000) for a book over tables that are not its own: what they are wanted for, and what to do instead';

-- upgrade: venues and books brought to the present release, and dropped
--
-- Each paragraph of a script makes one object.  Whether somebody has changed
-- an object since is found out by making it again, inside a subtransaction,
-- and comparing what the server prints before and after.

CREATE FUNCTION margin_internal.script_objects(script text[], OUT n bigint, OUT kind text, OUT name text, OUT relation text, OUT paragraph text)
RETURNS SETOF record
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.n, lower(m.part[1]), m.part[2], t.part[1], s.paragraph
      FROM unnest(script) WITH ORDINALITY AS s (paragraph, n),
           LATERAL regexp_match(s.paragraph, '^CREATE (?:CONSTRAINT )?(TABLE|VIEW|FUNCTION|TRIGGER) ([a-z_]+)') AS m (part)
      LEFT JOIN LATERAL regexp_match(s.paragraph, '^CREATE (?:CONSTRAINT )?TRIGGER .*? ON ([a-z_]+)') AS t (part) ON true
     WHERE m.part IS NOT NULL
     ORDER BY s.n;
END;
COMMENT ON FUNCTION margin_internal.script_objects(text[]) IS 'the objects that a script makes, in order; relation is the table of a trigger';

CREATE FUNCTION margin_internal.definition(schema name, kind text, name text, relation text) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT oid := to_regclass(format('%I.%I', schema, coalesce(relation, name)));
BEGIN
    CASE kind
        WHEN 'table' THEN
            RETURN target::regclass::text;
        WHEN 'view' THEN
            RETURN (SELECT concat_ws(E'\n', array_to_string(c.reloptions, ', '), pg_get_viewdef(c.oid)) FROM pg_class AS c WHERE c.oid = target);
        WHEN 'trigger' THEN
            RETURN (SELECT pg_get_triggerdef(t.oid) FROM pg_trigger AS t WHERE t.tgrelid = target AND t.tgname = definition.name);
        ELSE
            -- how parallel it is, is the book's matter: keep_out_of_workers()
            RETURN (SELECT string_agg(replace(pg_get_functiondef(p.oid), ' PARALLEL SAFE', ''), E'\n' ORDER BY pg_get_function_identity_arguments(p.oid))
                      FROM pg_proc AS p
                     WHERE p.pronamespace = quote_ident(schema)::regnamespace AND p.proname = definition.name);
    END CASE;
END
$$;
COMMENT ON FUNCTION margin_internal.definition(name, text, text, text) IS
'an object of a schema as the server prints it; of a table only its name, for what a table is its owner decides; null: there is none';

-- What a paragraph makes of an object: 'created' where it was not there,
-- 'changed' where it was another one, null where it is the same.  Changes are
-- undone unless they are wanted.
CREATE FUNCTION margin_internal.remake(schema name, object record, overwrite boolean) RETURNS text
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    before CONSTANT text := margin_internal.definition(schema, object.kind, object.name, object.relation);
    after text;
BEGIN
    IF before IS NULL THEN
        PERFORM margin_internal.run_script(schema, ARRAY[object.paragraph]);
        RETURN 'created';
    ELSIF object.kind IN ('table', 'trigger') THEN
        RETURN NULL;
    END IF;
    BEGIN
        PERFORM margin_internal.run_script(schema, ARRAY[regexp_replace(object.paragraph, '^CREATE ', 'CREATE OR REPLACE ')]);
        after := margin_internal.definition(schema, object.kind, object.name, object.relation);
        IF before <> after AND NOT overwrite THEN
            RAISE EXCEPTION USING ERRCODE = 'MG900', MESSAGE = 'undo';
        END IF;
    EXCEPTION
        WHEN SQLSTATE 'MG900' THEN
            RETURN 'differs';
        WHEN invalid_table_definition OR invalid_function_definition OR feature_not_supported THEN
            -- it cannot be replaced: it has other columns or another result
            RETURN 'differs';
    END;
    RETURN CASE WHEN before <> after THEN 'replaced' END;
END
$$;
COMMENT ON FUNCTION margin_internal.remake(name, record, boolean) IS
'makes an object of a script again: created, replaced (only if overwrite), differs (it is another one and was left as it is), or null: it is as the script makes it';

CREATE FUNCTION margin_internal.upgrade(schema name, script text[], overwrite boolean, OUT object text, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    made record;
BEGIN
    FOR made IN SELECT * FROM margin_internal.script_objects(script) AS o ORDER BY o.n LOOP
        action := margin_internal.remake(schema, made, overwrite);
        object := concat_ws(' ', made.kind, made.name, 'on ' || made.relation);
        IF action IS NOT NULL THEN
            RETURN NEXT;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.upgrade(name, text[], boolean) IS 'makes what a script makes and is not there, and tells what is another one';

CREATE FUNCTION margin.upgrade_venue(venue name, overwrite boolean DEFAULT false, OUT object text, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    propagation CONSTANT text := margin_internal.set_propagation('off');
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.check_schema(venue);
    RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(venue, margin_internal.venue_script(), coalesce(overwrite, false)) AS u;
    IF NOT EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = venue AND s.is_book) THEN
        PERFORM margin_internal.describe(venue, venue);
    END IF;
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.upgrade_venue(name, boolean) IS
'brings the objects of a venue to this release and keeps every row; for its owner. Returns what it did: created (it was not there), replaced, differs (somebody has changed it: left as it is unless overwrite); what is switched off stays off; no row where nothing was to do';

CREATE FUNCTION margin.upgrade_book(book name, overwrite boolean DEFAULT false, OUT object text, OUT action text) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present margin.about;
    judge name;
    source regclass;
    distributed boolean;
    propagation CONSTANT text := margin_internal.set_propagation('off');
    kept_out CONSTANT boolean := EXISTS (SELECT FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
                                         WHERE n.nspname = book AND p.proname = 'account_margin' AND p.proparallel = 'u');
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.refuse_cluster(book, format('Upgrade the book of each shard; then drop the cluster and call create_cluster() again. DROP SCHEMA %I CASCADE drops the cluster here and leaves the rows of the shards alone.', book));
    PERFORM margin_internal.check_schema(book);
    SELECT a.* INTO present FROM about() AS a;
    source := to_regclass('market_source');
    judge := coalesce((SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = present.venue), book);
    distributed := margin_internal.is_distributed('holding'::regclass);
    IF distributed THEN
        PERFORM margin_internal.check_shipped_market(book, source);
    END IF;
    IF source IS NOT NULL THEN
        RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(book, margin_internal.source_script_of(source), coalesce(overwrite, false)) AS u;
    END IF;
    PERFORM margin_internal.create_bridges(book, judge);
    RETURN QUERY SELECT u.object, u.action FROM margin_internal.upgrade(book, margin_internal.book_script_of(distributed), coalesce(overwrite, false)) AS u;
    IF distributed OR kept_out THEN
        PERFORM margin_internal.keep_out_of_workers(book);
    END IF;
    PERFORM margin_internal.comment_valuation_columns(book);
    PERFORM margin_internal.describe(book, CASE WHEN source IS NULL THEN judge END, present.balances, present.positions, present.orders);
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.upgrade_book(name, boolean) IS
'brings the objects of a book to this release and keeps every row; for its owner; otherwise as upgrade_venue(). Tables of balances, positions and orders and the views holding and flawed_holding are left as they are';

-- ---------------------------------------------------------------------------
-- Dropping
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.drop_commands(schema name, kind text, name text) RETURNS text[]
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN kind = 'function' THEN
                    ARRAY(SELECT format('DROP FUNCTION %s', p.oid::regprocedure) FROM pg_catalog.pg_proc AS p
                           WHERE p.pronamespace = quote_ident(schema)::regnamespace AND p.proname = drop_commands.name)
                WHEN to_regclass(format('%I.%I', schema, name)) IS NOT NULL THEN ARRAY[format('DROP %s %I.%I', upper(kind), schema, name)]
                ELSE '{}' END;
END;
COMMENT ON FUNCTION margin_internal.drop_commands(name, text, text) IS 'commands that drop an object of a schema, as many as it has of that name';

-- Objects hold on to one another in every direction, and DROP takes one kind
-- at a time.  So each round drops what nothing holds on to any more.
CREATE FUNCTION margin_internal.drop_objects(schema name, script text[]) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET client_min_messages = warning
AS $$
DECLARE
    command text;
    left_over text[];
    before integer;
    holder text;
    detail text;
BEGIN
    LOOP
        SELECT array_agg(d.command ORDER BY d.n DESC) INTO left_over
          FROM (SELECT c.command, max(o.n) AS n
                  FROM margin_internal.script_objects(script) AS o, unnest(margin_internal.drop_commands(schema, o.kind, o.name)) AS c (command)
                 WHERE o.kind <> 'trigger'
                 GROUP BY c.command) AS d;
        EXIT WHEN left_over IS NULL;
        before := cardinality(left_over);
        FOREACH command IN ARRAY left_over LOOP
            BEGIN
                EXECUTE command;
                before := before - 1;
            EXCEPTION WHEN dependent_objects_still_exist THEN
                GET STACKED DIAGNOSTICS holder = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL;
            END;
        END LOOP;
        IF before = cardinality(left_over) THEN
            RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist', MESSAGE = holder, DETAIL = detail,
                HINT = 'Drop what depends on it first, or DROP SCHEMA ... CASCADE.';
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.drop_objects(name, text[]) IS 'drops what a script has made in a schema, nothing else; an error if something else depends on it';

CREATE FUNCTION margin.drop_book(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present margin.about;
    own boolean;
    is_venue boolean;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.refuse_cluster(book, format('margin.drop_shard() drops the book of a shard, with its rows. DROP SCHEMA %I CASCADE drops the cluster here and leaves the rows of the shards alone.', book));
    PERFORM margin_internal.check_schema(book);
    SELECT a.* INTO present FROM about() AS a;
    -- What create_book() makes bears its trigger: tables of the same names may
    -- have been there before.
    own := (present.balances, present.positions, present.orders)
               IS NOT DISTINCT FROM (to_regclass('balance'), to_regclass('position'), to_regclass('open_order'))
           AND EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = present.positions AND t.tgfoid = 'margin_internal.set_side'::regproc);
    is_venue := EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book AND s.is_venue);
    PERFORM margin.unguard_table(drop_book.book, t.relation) FROM margin.guarded_tables() AS t WHERE t.book = drop_book.book;
    EXECUTE format('DROP FUNCTION %I.about()', book);
    PERFORM margin_internal.drop_objects(book, CASE WHEN own THEN margin_internal.facts_script() ELSE '{}' END
        || CASE WHEN to_regclass('market_source') IS NOT NULL THEN margin_internal.source_script() || 'CREATE VIEW market_source'::text ELSE '{}' END
        || ARRAY['CREATE VIEW holding', 'CREATE VIEW flawed_holding']
        || ARRAY(SELECT 'CREATE FUNCTION ' || p.proname FROM pg_proc AS p WHERE p.pronamespace = quote_ident(book)::regnamespace AND p.proname ~ '^venue_'
                  GROUP BY p.proname)
        || margin_internal.book_script_of(margin_internal.is_distributed('holding'::regclass)));
    IF is_venue THEN
        PERFORM margin_internal.describe(book, book);
    END IF;
END
$$;
COMMENT ON FUNCTION margin.drop_book(name) IS
'drops what create_book() has made, its own tables with their rows, levels, journals and snapshots too, and the triggers of the guard; for its owner. Existing tables that the book was made over stay, and so does the schema. An error if something else depends on it';

CREATE FUNCTION margin.drop_venue(venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book name;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.check_schema(venue);
    SELECT b.name INTO book
      FROM margin_internal.schemas AS v JOIN margin_internal.schemas AS b ON b.venue_id = v.oid AND b.is_book
     WHERE v.name = drop_venue.venue ORDER BY b.name LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
            MESSAGE = format('cannot drop venue "%s": book "%s" is judged by it', venue, book),
            HINT = 'margin.drop_book() drops a book.';
    END IF;
    EXECUTE format('DROP FUNCTION %I.about()', venue);
    PERFORM margin_internal.drop_objects(venue, margin_internal.venue_script());
END
$$;
COMMENT ON FUNCTION margin.drop_venue(name) IS
'drops what create_venue() has made, with its rows; for its owner; the schema stays. An error if a book is judged by it, or if something else depends on it';

-- market: the way from the tables of a venue into a value
--
-- The first argument of each function is the row type of the venue's view
-- planned_change: it says which venue, whatever its schema is called now, and since
-- PL/pgSQL compiles a function for each type it is called with, every venue
-- has plans of its own.  In kept_market() it says too whose rights are taken.

-- One query, hence one snapshot.  For each symbol it goes straight to the
-- latest terms and schedules, by the primary keys and backwards; so it costs
-- the same whatever past and announced ones are kept.  The settings hold the
-- planner to that for tables of any size and age of statistics, and to one
-- plan for the session.
CREATE FUNCTION margin_internal.stored_market(venue anyelement, as_of timestamptz, clock timestamptz) RETURNS margin.market
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off
SET enable_bitmapscan = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    IF as_of IS NULL OR clock IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    RETURN (SELECT margin.market(
        ARRAY(
            SELECT ROW(a.asset, p.price,
                       (SELECT margin.schedule(t.lower_bound, t.ratio)
                          FROM collateral_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       -- null is the default, which needs no look at the labels of an enum
                       nullif(coalesce(ch.tier_unit, a.tier_unit), 'quantity')::margin.tier_unit, coalesce(ch.liability_weight, a.liability_weight),
                       coalesce(ch.requirement_weight, a.requirement_weight),
                       (SELECT margin.schedule(t.lower_bound, t.maintenance_rate)
                          FROM liability_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       p.low, p.high,
                       -- without collateral tiers they would be an error, and count for nothing
                       (SELECT margin.schedule(t.lower_bound, t.ratio)
                          FROM initial_collateral_tier AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                           AND EXISTS (SELECT FROM collateral_tier AS r WHERE r.asset = t.asset AND r.valid_from <= as_of)
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1),
                       CASE WHEN ch.asset IS NULL THEN a.initial_liability_weight ELSE ch.initial_liability_weight END)::margin.asset_terms
              FROM asset AS a
              LEFT JOIN LATERAL (
                        SELECT * FROM asset_change AS t
                         WHERE t.asset = a.asset AND t.valid_from <= as_of
                         ORDER BY t.valid_from DESC LIMIT 1) AS ch ON true
              LEFT JOIN index_price AS p
                     ON p.asset = a.asset AND (clock - p.updated_at > CASE WHEN ch.asset IS NULL THEN a.max_age ELSE ch.max_age END) IS NOT TRUE),
        ARRAY(
            SELECT ROW(c.contract, c.settle, c.base, c.contract_size,
                       CASE WHEN (clock - p.updated_at > c.max_age) IS NOT TRUE THEN p.price END,
                       r.maintenance, r.initial, nullif(c.netting, 'leg')::margin.netting, c.closing_fee,
                       c.opening_fee, nullif(c.tier_unit, 'notional')::margin.contract_tier_unit, c.order_maintenance)::margin.contract_terms
              FROM contract AS stated
              LEFT JOIN LATERAL (
                        SELECT * FROM contract_change AS t
                         WHERE t.contract = stated.contract AND t.valid_from <= as_of
                         ORDER BY t.valid_from DESC LIMIT 1) AS ch ON true
             CROSS JOIN LATERAL (
                        SELECT stated.contract, coalesce(ch.settle, stated.settle) AS settle,
                               CASE WHEN ch.contract IS NULL THEN stated.base ELSE ch.base END AS base,
                               coalesce(ch.contract_size, stated.contract_size) AS contract_size,
                               CASE WHEN ch.contract IS NULL THEN stated.max_age ELSE ch.max_age END AS max_age,
                               coalesce(ch.netting, stated.netting) AS netting,
                               coalesce(ch.closing_fee, stated.closing_fee) AS closing_fee,
                               coalesce(ch.opening_fee, stated.opening_fee) AS opening_fee,
                               coalesce(ch.tier_unit, stated.tier_unit) AS tier_unit,
                               coalesce(ch.order_maintenance, stated.order_maintenance) AS order_maintenance,
                               CASE coalesce(ch.maintenance_method, stated.maintenance_method) WHEN 'whole' THEN 'whole'::margin.tier_method ELSE 'marginal' END AS maintenance_method,
                               CASE coalesce(ch.initial_method, stated.initial_method) WHEN 'whole' THEN 'whole'::margin.tier_method ELSE 'marginal' END AS initial_method) AS c
              LEFT JOIN mark_price AS p ON p.contract = c.contract
              LEFT JOIN LATERAL (
                        SELECT margin.schedule(t.lower_bound, t.maintenance_rate, c.maintenance_method) AS maintenance,
                               margin.schedule(t.lower_bound, t.initial_rate, c.initial_method)
                                   FILTER (WHERE t.initial_rate IS NOT NULL) AS initial
                          FROM risk_tier AS t
                         WHERE t.contract = c.contract AND t.valid_from <= as_of
                         GROUP BY t.valid_from ORDER BY t.valid_from DESC LIMIT 1) AS r ON true),
        (SELECT margin_ratio FROM level_threshold WHERE level = 'warning'),
        (SELECT margin_ratio FROM level_threshold WHERE level = 'margin_call'),
        (SELECT margin_ratio FROM level_threshold WHERE level = 'liquidation'),
        (SELECT nullif(value, 'nothing') FROM venue_rule WHERE rule = 'orders_reduce_equity')::margin.order_reduction,
        (SELECT nullif(value, 'sum') FROM venue_rule WHERE rule = 'liability_rule')::margin.liability_rule));
END
$$;
COMMENT ON FUNCTION margin_internal.stored_market(anyelement, timestamptz, timestamptz) IS
'the market of a venue: the parameters valid at as_of with the stored prices, those left out that at clock are older than their max_age; null for null';

CREATE FUNCTION margin_internal.market_lasts(
    venue anyelement, clock timestamptz,
    OUT since timestamptz, OUT until timestamptz, OUT assets text[], OUT asset_ages interval[], OUT contracts text[], OUT contract_ages interval[]
) RETURNS record
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    SELECT coalesce(max(c.valid_from) FILTER (WHERE c.valid_from <= clock), '-infinity'), coalesce(min(c.valid_from) FILTER (WHERE c.valid_from > clock), 'infinity')
      INTO since, until
      FROM (SELECT t.valid_from FROM asset_change AS t UNION ALL
            SELECT t.valid_from FROM contract_change AS t UNION ALL
            SELECT t.valid_from FROM collateral_tier AS t UNION ALL
            SELECT t.valid_from FROM initial_collateral_tier AS t UNION ALL
            SELECT t.valid_from FROM liability_tier AS t UNION ALL
            SELECT t.valid_from FROM risk_tier AS t) AS c;
    SELECT coalesce(array_agg(a.asset), '{}'), coalesce(array_agg(a.max_age), '{}')
      INTO assets, asset_ages
      FROM (SELECT t.asset, CASE WHEN ch.asset IS NULL THEN t.max_age ELSE ch.max_age END AS max_age
              FROM asset AS t
              LEFT JOIN LATERAL (SELECT c.asset, c.max_age FROM asset_change AS c
                                  WHERE c.asset = t.asset AND c.valid_from <= clock
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true) AS a
     WHERE a.max_age IS NOT NULL;
    SELECT coalesce(array_agg(a.contract), '{}'), coalesce(array_agg(a.max_age), '{}')
      INTO contracts, contract_ages
      FROM (SELECT t.contract, CASE WHEN ch.contract IS NULL THEN t.max_age ELSE ch.max_age END AS max_age
              FROM contract AS t
              LEFT JOIN LATERAL (SELECT c.contract, c.max_age FROM contract_change AS c
                                  WHERE c.contract = t.contract AND c.valid_from <= clock
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true) AS a
     WHERE a.max_age IS NOT NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.market_lasts(anyelement, timestamptz) IS
'since when the parameters of a venue have been as they are at clock, and until when they will be, and how long prices last, of those that expire';

CREATE FUNCTION margin_internal.kept_market(venue anyelement, clock timestamptz) RETURNS margin.market
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_kept_market';
COMMENT ON FUNCTION margin_internal.kept_market(anyelement, timestamptz) IS
'stored_market(venue, clock, clock) as the owner of the venue reads it, for whoever may execute its function market(); kept by the session until another would be read. The first argument is of the row type of the venue''s view planned_change; null for null';

CREATE FUNCTION margin_internal.past_market(venue anyelement, as_of timestamptz) RETURNS margin.market
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    -- a price that has not been recorded yet cannot have expired
    clock CONSTANT timestamptz := least(as_of, clock_timestamp());
    -- without its prices, so of any clock; as_of may be infinite
    terms CONSTANT margin.market := margin_internal.stored_market(venue, as_of, now());
BEGIN
    IF as_of IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    RETURN (SELECT margin.market(
        ARRAY(
            SELECT ROW(a.asset, h.price, a.tiers, a.tier_unit, a.liability_weight, a.requirement_weight, a.liability_maintenance,
                       h.low, h.high, a.initial_tiers, a.initial_liability_weight)::margin.asset_terms
              FROM margin.assets(terms) AS a
              JOIN asset AS t ON t.asset = a.asset
              LEFT JOIN LATERAL (SELECT c.asset, c.max_age FROM asset_change AS c
                                  WHERE c.asset = a.asset AND c.valid_from <= as_of
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true
              LEFT JOIN LATERAL (SELECT p.price, p.low, p.high, p.updated_at FROM index_price_history AS p
                                  WHERE p.asset = a.asset AND p.recorded_at <= as_of
                                  ORDER BY p.recorded_at DESC, p.id DESC LIMIT 1) AS h
                     ON (clock - h.updated_at > CASE WHEN ch.asset IS NULL THEN t.max_age ELSE ch.max_age END) IS NOT TRUE),
        ARRAY(
            SELECT ROW(a.contract, a.settle, a.base, a.contract_size,
                       CASE WHEN (clock - h.updated_at > CASE WHEN ch.contract IS NULL THEN t.max_age ELSE ch.max_age END) IS NOT TRUE THEN h.price END,
                       a.maintenance, a.initial, a.netting, a.closing_fee,
                       a.opening_fee, a.tier_unit, a.order_maintenance)::margin.contract_terms
              FROM margin.contracts(terms) AS a
              JOIN contract AS t ON t.contract = a.contract
              LEFT JOIN LATERAL (SELECT c.contract, c.max_age FROM contract_change AS c
                                  WHERE c.contract = a.contract AND c.valid_from <= as_of
                                  ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true
              LEFT JOIN LATERAL (SELECT p.price, p.updated_at FROM mark_price_history AS p
                                  WHERE p.contract = a.contract AND p.recorded_at <= as_of
                                  ORDER BY p.recorded_at DESC, p.id DESC LIMIT 1) AS h ON true),
        l.ratios[1], l.ratios[2], l.ratios[3],
        (SELECT r.value FROM margin.rules(terms) AS r WHERE r.rule = 'orders_reduce_equity')::margin.order_reduction,
        (SELECT r.value FROM margin.rules(terms) AS r WHERE r.rule = 'liability_rule')::margin.liability_rule)
      FROM (SELECT array_agg(t.margin_ratio ORDER BY t.level) AS ratios FROM margin.thresholds(terms) AS t) AS l);
END
$$;
COMMENT ON FUNCTION margin_internal.past_market(anyelement, timestamptz) IS
'the market of a past instant: the parameters valid then with the prices that stood then, from the price histories; null for null';

-- publish: the present market of a venue written down as one row

CREATE FUNCTION margin_internal.market_until(venue anyelement, clock timestamptz) RETURNS timestamptz
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_until';
COMMENT ON FUNCTION margin_internal.market_until(anyelement, timestamptz) IS
'the first instant at which kept_market() of the same arguments would return another market though nobody writes anything; infinity: there is none; null: not known, since a table of prices is not as the venue''s script makes it';

CREATE FUNCTION margin_internal.checked_until(until timestamptz, venue regclass) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('it is not known how long the market of venue "%s" is valid', (SELECT c.relnamespace::regnamespace FROM pg_class AS c WHERE c.oid = venue)),
            DETAIL = 'Its table index_price or mark_price has columns of other types than the venue''s script gives it, or a table inherits from it.';
    END IF;
    RETURN until;
END
$$;
COMMENT ON FUNCTION margin_internal.checked_until(timestamptz, regclass) IS 'what market_until() returned; an error for null';

-- Whoever publishes waits for whoever else does, and reads after that what he has
-- written: so the last one publishes the prices of both.
CREATE FUNCTION margin_internal.publish_market(venue anyelement) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    anchor CONSTANT regclass := (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = pg_typeof(venue));
    clock timestamptz;
    ids regclass;
    last bigint;
    published bigint;
BEGIN
    PERFORM margin_internal.enter(anchor);
    -- of what was rolled back here, another server may have seen the id
    ids := pg_get_serial_sequence('published_market', 'id');
    DELETE FROM pending_publication AS p WHERE p.transaction = pg_current_xact_id();
    LOOP
        SELECT p.id INTO last FROM published_market AS p FOR NO KEY UPDATE;
        clock := clock_timestamp();
        IF FOUND THEN
            UPDATE published_market AS p
               SET id = greatest(nextval(ids), p.id + 1), at = clock, market = margin_internal.kept_market(venue, clock),
                   valid_until = least(margin_internal.checked_until(margin_internal.market_until(venue, clock), anchor),
                                       clock + (SELECT r.value::interval FROM venue_rule AS r WHERE r.rule = 'publish_for')),
                   release_ratios = release_ratios(), pausing_prices = pausing_prices(), scenarios = scenarios(), repayment_rules = repayment_rules()
            RETURNING p.id INTO published;
        ELSE
            INSERT INTO published_market AS p (id, at, market, valid_until, release_ratios, pausing_prices, scenarios, repayment_rules)
            VALUES (greatest(nextval(ids), (SELECT max(h.id) + 1 FROM published_market_history AS h)), clock, margin_internal.kept_market(venue, clock),
                    least(margin_internal.checked_until(margin_internal.market_until(venue, clock), anchor),
                          clock + (SELECT r.value::interval FROM venue_rule AS r WHERE r.rule = 'publish_for')),
                    release_ratios(), pausing_prices(), scenarios(), repayment_rules())
                ON CONFLICT DO NOTHING
            RETURNING p.id INTO published;
        END IF;
        -- null: another one was the first meanwhile
        EXIT WHEN published IS NOT NULL;
    END LOOP;
    RETURN published;
END
$$;
COMMENT ON FUNCTION margin_internal.publish_market(anyelement) IS
'publish_market() of the venue whose view planned_change has the row type of the argument';

CREATE FUNCTION margin_internal.published_id(venue anyelement, market margin.market) RETURNS bigint
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    IF to_regclass('published_market') IS NULL THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT p.id FROM published_market AS p WHERE p.market OPERATOR(margin.=) published_id.market);
END
$$;
COMMENT ON FUNCTION margin_internal.published_id(anyelement, margin.market) IS
'the id under which a venue publishes that very market, null: another one, or none; the first argument is of the row type of its view planned_change';

CREATE FUNCTION margin_internal.market_id(market margin.market) RETURNS bigint
    LANGUAGE C STABLE STRICT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_market_id';
COMMENT ON FUNCTION margin_internal.market_id(margin.market) IS
'the id of a market that market() of a venue or book returned in this session: of the publication that the book reads, or of the one by which the venue publishes that very market; null where it is not published';

CREATE FUNCTION margin.publish_market(venue name) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    RETURN publish_market();
END
$$;
COMMENT ON FUNCTION margin.publish_market(name) IS
'Writes the present market of a venue into its table published_market, at once, whether publishing is enabled or not, and returns the id, which grows with every publication. The caller needs USAGE on the venue and EXECUTE on its function publish_market(). Waits for others who publish until they commit.';

-- ---------------------------------------------------------------------------
-- Switching
-- ---------------------------------------------------------------------------

-- The functions of this room that name tables bare are called by those that
-- have entered the venue.
CREATE FUNCTION margin_internal.switch_publishing(prices boolean, edits boolean, history boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    switch record;
BEGIN
    FOR switch IN
        SELECT g.tgrelid::regclass AS relation, g.tgname AS name,
               CASE WHEN g.tgname = 'record' THEN history WHEN c.relname IN ('index_price', 'mark_price', 'held_price') THEN prices ELSE edits END AS wanted
          FROM pg_trigger AS g JOIN pg_class AS c ON c.oid = g.tgrelid
         WHERE c.relnamespace = (SELECT v.relnamespace FROM pg_class AS v WHERE v.oid = 'planned_change'::regclass)
           AND g.tgfoid IN ('request_publication()'::regprocedure, 'record_publication()'::regprocedure)
         ORDER BY c.relname COLLATE "C"
    LOOP
        EXECUTE format('ALTER TABLE %s %s TRIGGER %I', switch.relation, CASE WHEN switch.wanted THEN 'ENABLE' ELSE 'DISABLE' END, switch.name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.switch_publishing(boolean, boolean, boolean) IS 'switches the triggers by which a venue publishes its market on or off: those on prices, those on parameters, and that of the history';

CREATE FUNCTION margin.enable_publishing(venue name, edits boolean DEFAULT false, history boolean DEFAULT false) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.switch_publishing(true, coalesce(edits, false), coalesce(history, false));
    RETURN publish_market();
END
$$;
COMMENT ON FUNCTION margin.enable_publishing(name, boolean, boolean) IS
'From now on each transaction that writes prices of a venue, by set_prices() or by hand, publishes its market before it commits; with edits also one that edits anything else that the market is made of, and with history everything published is kept in published_market_history. Publishes at once and returns the id. For the owner of the tables; survives dump and restore.';

CREATE FUNCTION margin.disable_publishing(venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.switch_publishing(false, false, false);
    -- or whoever reads it would take it for the present one for ever
    UPDATE published_market AS p SET valid_until = least(p.valid_until, clock_timestamp());
END
$$;
COMMENT ON FUNCTION margin.disable_publishing(name) IS
'Prices of a venue are no longer published, and what was published last expires: books over it say so. For the owner of the tables.';

-- prices: present prices set in batches, books refreshed with them, histories pruned

CREATE FUNCTION margin.prune_price_history(venue name, keep interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    horizon timestamptz;
    pruned bigint;
BEGIN
    IF keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('prices cannot be kept for %s', keep);
    END IF;
    PERFORM margin_internal.enter_venue(venue);
    horizon := now() - coalesce(keep, (SELECT r.keep FROM price_retention AS r));
    -- The price that stood at the horizon stays, however old.
    WITH index_price AS (
        DELETE FROM index_price_history AS h
         WHERE h.recorded_at < horizon
           AND EXISTS (SELECT FROM index_price_history AS later
                        WHERE later.asset = h.asset AND later.recorded_at > h.recorded_at AND later.recorded_at <= horizon)
        RETURNING 1
    ), mark_price AS (
        DELETE FROM mark_price_history AS h
         WHERE h.recorded_at < horizon
           AND EXISTS (SELECT FROM mark_price_history AS later
                        WHERE later.contract = h.contract AND later.recorded_at > h.recorded_at AND later.recorded_at <= horizon)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM index_price) + (SELECT count(*) FROM mark_price) INTO pruned;
    -- its size is asked first of a table on which whoever prunes may have no right
    IF pg_relation_size('published_market_history'::regclass) > 0 THEN
        WITH published_market AS (
            DELETE FROM published_market_history AS h
             WHERE h.at < horizon AND EXISTS (SELECT FROM published_market_history AS later WHERE later.id > h.id AND later.at <= horizon)
            RETURNING 1
        )
        SELECT pruned + count(*) INTO pruned FROM published_market;
    END IF;
    RETURN pruned;
END
$$;
COMMENT ON FUNCTION margin.prune_price_history(name, interval) IS
'deletes from the price histories of a venue, and from published_market_history, what is not needed to tell the prices of any instant since keep ago, or for null since price_retention says (nothing where that is empty); returns how many rows; an error if keep is below 0';

-- ---------------------------------------------------------------------------
-- Setting prices
--
-- The functions of this room that name tables bare are called from
-- set_prices(), which has entered the venue.
-- ---------------------------------------------------------------------------

-- As feeds write them: a number, or a text that is one.  Casts that cannot
-- fail are told by their look, since catching an error takes a subtransaction.
CREATE FUNCTION margin_internal.number_of(written text) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF length(written) <= 1000 AND written ~* '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]{1,3})? *$' THEN
        RETURN written::numeric;
    ELSIF written ~* '^ *(nan|[+-]?inf(inity)?) *$' THEN
        RETURN written::numeric;
    ELSIF written ~* '^ *[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)(e[+-]?[0-9]+)? *$' THEN
        BEGIN
            RETURN written::numeric;
        EXCEPTION WHEN numeric_value_out_of_range OR invalid_text_representation THEN
            RETURN 'NaN'::numeric;
        END;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.number_of(text) IS 'the number that a text writes in decimal digits; NaN for one that no numeric can hold, null where it is none';

CREATE FUNCTION margin_internal.given_prices(kind text, symbols text[], prices text[], known text[])
RETURNS TABLE (symbol text, price numeric, flaw text)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT g.symbol, g.price,
           kind || ' ' || coalesce(left(g.symbol, 255), 'number ' || g.n) || ': ' ||
           CASE WHEN g.symbol IS NULL THEN 'symbol is null'
                WHEN g.symbol <> ALL (known) THEN 'unknown'
                WHEN g.times > 1 THEN 'given more than one price'
                WHEN g.price IS NULL OR (margin.is_amount(g.price) AND g.price > 0::numeric) IS NOT TRUE
                THEN 'price is ' || coalesce(CASE WHEN length(g.written) > 60 THEN left(g.written, 60) || '...' ELSE g.written END, 'null')
                     || CASE WHEN g.price IS NULL AND g.written IS NOT NULL THEN ', not a number' ELSE '' END
           END
      FROM (SELECT u.symbol, u.written, u.n, margin_internal.number_of(u.written) AS price, count(*) OVER (PARTITION BY u.symbol) AS times
              FROM unnest(symbols, prices) WITH ORDINALITY AS u (symbol, written, n)) AS g
     ORDER BY g.n;
END;
COMMENT ON FUNCTION margin_internal.given_prices(text, text[], text[], text[]) IS 'a batch of prices as numbers, and for each that cannot be set a line that says why';

-- Bounds as texts, parallel to the symbols that were given; their prices are known
-- to be numbers.
CREATE FUNCTION margin_internal.given_bounds(symbols text[], lows text[], highs text[], good text[], prices numeric[])
RETURNS TABLE (symbol text, price numeric, low numeric, high numeric, flaw text)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT b.symbol, b.price, b.low, b.high,
           'asset ' || left(b.symbol, 255) || ': ' ||
           CASE WHEN b.low_written IS NOT NULL AND (margin.is_amount(b.low) AND b.low > 0::numeric AND b.low <= b.price) IS NOT TRUE
                THEN 'low is ' || left(b.low_written, 60) || CASE WHEN b.low IS NULL THEN ', not a number' WHEN b.low > b.price THEN ', above the price' ELSE '' END
                WHEN b.high_written IS NOT NULL AND (margin.is_amount(b.high) AND b.high >= b.price) IS NOT TRUE
                THEN 'high is ' || left(b.high_written, 60) || CASE WHEN b.high IS NULL THEN ', not a number' WHEN b.high < b.price THEN ', below the price' ELSE '' END
           END
      FROM (SELECT g.symbol, g.price, g.n, u.low AS low_written, u.high AS high_written,
                   margin_internal.number_of(u.low) AS low, margin_internal.number_of(u.high) AS high
              FROM unnest(good, prices) WITH ORDINALITY AS g (symbol, price, n)
              JOIN unnest(symbols, lows, highs) AS u (symbol, low, high) ON u.symbol = g.symbol) AS b
     ORDER BY b.n;
END;
COMMENT ON FUNCTION margin_internal.given_bounds(text[], text[], text[], text[], numeric[]) IS
'the prices of a batch that can be set, with their bounds (null: none), and for each whose bounds cannot be set a line that says why';

-- A price that was dated ahead by hand would stand in the way of all others
-- until then, so it counts for less than any that is of now or before.
CREATE FUNCTION margin_internal.apply_index_prices(
    assets text[], prices numeric[], lows numeric[], highs numeric[], at timestamptz, force boolean, OUT applied text[], OUT older text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    horizon CONSTANT timestamptz := clock_timestamp() + interval '5 s';
    ahead CONSTANT jsonb := (SELECT jsonb_object_agg(p.asset, p.updated_at) FROM index_price AS p WHERE p.asset = ANY (assets) AND p.updated_at > horizon);
    replaced record;
BEGIN
    -- in one order, which is everybody's
    WITH done AS (
        INSERT INTO index_price AS p (asset, price, updated_at, low, high)
        SELECT g.symbol, g.price, at, g.low, g.high FROM unnest(assets, prices, lows, highs) AS g (symbol, price, low, high) ORDER BY g.symbol COLLATE "C"
            ON CONFLICT (asset) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at, low = excluded.low, high = excluded.high
         WHERE (excluded.updated_at >= p.updated_at OR force OR p.updated_at > horizon)
           AND (excluded.price, excluded.updated_at, excluded.low, excluded.high) IS DISTINCT FROM (p.price, p.updated_at, p.low, p.high)
        RETURNING p.asset
    )
    SELECT coalesce(array_agg(d.asset), '{}') INTO applied FROM done AS d;
    -- The rows were locked, so they are what they were compared with.
    older := ARRAY(SELECT format('asset %s: older than the stored price of %s', p.asset, p.updated_at)
                     FROM unnest(assets, prices, lows, highs) WITH ORDINALITY AS g (symbol, price, low, high, n) JOIN index_price AS p ON p.asset = g.symbol
                    WHERE p.asset <> ALL (applied) AND (p.price, p.updated_at, p.low, p.high) IS DISTINCT FROM (g.price, at, g.low, g.high)
                    ORDER BY g.n);
    FOR replaced IN SELECT j.key, j.value FROM jsonb_each_text(ahead) AS j WHERE j.key = ANY (applied) LOOP
        RAISE WARNING USING MESSAGE = format('the price of asset "%s" was dated ahead, %s, and has been replaced by one of %s', replaced.key, replaced.value::timestamptz, at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_index_prices(text[], numeric[], numeric[], numeric[], timestamptz, boolean) IS
'writes index prices with their bounds that are new and not older than what is stored, or forced; a price stored as of the future gives way, with a warning. Their assets, and a line for each that is older';

CREATE FUNCTION margin_internal.apply_mark_prices(
    contracts text[], prices numeric[], at timestamptz, force boolean, OUT applied text[], OUT older text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    horizon CONSTANT timestamptz := clock_timestamp() + interval '5 s';
    ahead CONSTANT jsonb := (SELECT jsonb_object_agg(p.contract, p.updated_at) FROM mark_price AS p WHERE p.contract = ANY (contracts) AND p.updated_at > horizon);
    replaced record;
BEGIN
    WITH done AS (
        INSERT INTO mark_price AS p (contract, price, updated_at)
        SELECT g.symbol, g.price, at FROM unnest(contracts, prices) AS g (symbol, price) ORDER BY g.symbol COLLATE "C"
            ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
         WHERE (excluded.updated_at >= p.updated_at OR force OR p.updated_at > horizon)
           AND (excluded.price, excluded.updated_at) IS DISTINCT FROM (p.price, p.updated_at)
        RETURNING p.contract
    )
    SELECT coalesce(array_agg(d.contract), '{}') INTO applied FROM done AS d;
    older := ARRAY(SELECT format('contract %s: older than the stored price of %s', p.contract, p.updated_at)
                     FROM unnest(contracts, prices) WITH ORDINALITY AS g (symbol, price, n) JOIN mark_price AS p ON p.contract = g.symbol
                    WHERE p.contract <> ALL (applied) AND (p.price, p.updated_at) IS DISTINCT FROM (g.price, at)
                    ORDER BY g.n);
    FOR replaced IN SELECT j.key, j.value FROM jsonb_each_text(ahead) AS j WHERE j.key = ANY (applied) LOOP
        RAISE WARNING USING MESSAGE = format('the price of contract "%s" was dated ahead, %s, and has been replaced by one of %s', replaced.key, replaced.value::timestamptz, at);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_mark_prices(text[], numeric[], timestamptz, boolean) IS
'writes mark prices that are new and not older than what is stored, or forced; a price stored as of the future gives way, with a warning. Their contracts, and a line for each that is older';

CREATE FUNCTION margin_internal.keeps_levels(book name) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN EXISTS (SELECT FROM account_level)
        OR EXISTS (SELECT FROM margin.guarded_tables() AS t WHERE t.book = keeps_levels.book AND t.levels);
END
$$;
COMMENT ON FUNCTION margin_internal.keeps_levels(name) IS 'whether writes refresh the levels of a book, or they have been refreshed before';

-- Shards know by themselves whether they keep levels; to ask for rows of them
-- would cost more than a refresh.
CREATE FUNCTION margin_internal.refresh_kept(book name) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.is_cluster(book) THEN
        RETURN (SELECT sum((a.result #>> '{}')::integer) FROM margin_internal.ask_shards(book, 'refresh_kept') AS a);
    ELSIF margin_internal.keeps_levels(book) THEN
        RETURN margin.refresh_levels(book, cause => 'prices');
    ELSE
        RETURN 0;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_kept(name) IS 'refreshes the levels of a book that keeps some, after prices; returns how many changed';

-- Code in a book's views runs as whoever refreshes it.  So a venue's prices
-- refresh only the books of owners who have the rights of the venue's owner
-- anyway, or whom he trusts.
CREATE FUNCTION margin_internal.refresh_books(venue name, OUT level_changes integer, OUT not_refreshed text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    -- what is refreshed by the market is told which that is
    IF EXISTS (SELECT FROM pg_trigger AS g WHERE g.tgrelid = 'index_price'::regclass AND g.tgname = 'publish' AND g.tgenabled <> 'D') THEN
        SET CONSTRAINTS publish_market IMMEDIATE;
        SET CONSTRAINTS publish_market DEFERRED;
    END IF;
    level_changes := 0;
    FOR present IN
        SELECT b.name, pg_has_role(b.owner, v.owner, 'USAGE') OR EXISTS (SELECT FROM admitted_owner AS a WHERE a.owner = b.owner) AS trusted
          FROM margin_internal.schemas AS v JOIN margin_internal.schemas AS b ON b.venue_id = v.oid AND b.is_book
         WHERE v.name = refresh_books.venue
         ORDER BY b.name
    LOOP
        IF NOT present.trusted THEN
            not_refreshed := not_refreshed || format('%s: its owner is not admitted', present.name);
            CONTINUE;
        END IF;
        BEGIN
            level_changes := level_changes + margin_internal.refresh_kept(present.name);
        EXCEPTION WHEN OTHERS THEN
            not_refreshed := not_refreshed || format('%s: %s', present.name, SQLERRM);
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_books(name) IS
'refreshes the levels of all books of a venue that keep levels, in order of their names; a book whose owner is not admitted, or whose refresh fails, is named with the reason';

CREATE FUNCTION margin_internal.apply_prices(
    venue name, assets text[], asset_prices text[], lows text[], highs text[], contracts text[], marks text[],
    at timestamptz, force boolean, refresh boolean, strict boolean,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    observed_at CONSTANT timestamptz := coalesce(at, clock_timestamp());
    given_assets record;
    given_contracts record;
    done_assets record;
    done_contracts record;
    doubted record;
BEGIN
    IF NOT isfinite(observed_at) OR observed_at > clock_timestamp() + interval '5 s' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', observed_at),
            DETAIL = format('It is %s; clocks may differ by 5 s.', clock_timestamp());
    END IF;
    IF coalesce(cardinality(assets), 0) <> coalesce(cardinality(asset_prices), 0) OR coalesce(cardinality(contracts), 0) <> coalesce(cardinality(marks), 0) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s assets with %s prices, %s contracts with %s prices', coalesce(cardinality(assets), 0), coalesce(cardinality(asset_prices), 0),
                             coalesce(cardinality(contracts), 0), coalesce(cardinality(marks), 0));
    END IF;
    PERFORM margin_internal.enter_venue(venue);

    -- Everything is checked before anything is written.
    SELECT coalesce(array_agg(g.symbol) FILTER (WHERE g.flaw IS NULL), '{}') AS symbols, array_agg(g.price) FILTER (WHERE g.flaw IS NULL) AS prices,
           NULL::numeric[] AS lows, NULL::numeric[] AS highs, coalesce(array_agg(g.flaw) FILTER (WHERE g.flaw IS NOT NULL), '{}') AS flaws
      INTO given_assets
      FROM margin_internal.given_prices('asset', assets, asset_prices, ARRAY(SELECT a.asset FROM asset AS a WHERE a.asset = ANY (assets))) AS g;
    IF lows IS NOT NULL THEN
        SELECT coalesce(array_agg(g.symbol) FILTER (WHERE g.flaw IS NULL), '{}') AS symbols, array_agg(g.price) FILTER (WHERE g.flaw IS NULL) AS prices,
               array_agg(g.low) FILTER (WHERE g.flaw IS NULL) AS lows, array_agg(g.high) FILTER (WHERE g.flaw IS NULL) AS highs,
               given_assets.flaws || coalesce(array_agg(g.flaw) FILTER (WHERE g.flaw IS NOT NULL), '{}') AS flaws
          INTO given_assets
          FROM margin_internal.given_bounds(assets, lows, highs, given_assets.symbols, given_assets.prices) AS g;
    END IF;
    SELECT coalesce(array_agg(g.symbol) FILTER (WHERE g.flaw IS NULL), '{}') AS symbols, array_agg(g.price) FILTER (WHERE g.flaw IS NULL) AS prices,
           coalesce(array_agg(g.flaw) FILTER (WHERE g.flaw IS NOT NULL), '{}') AS flaws
      INTO given_contracts
      FROM margin_internal.given_prices('contract', contracts, marks, ARRAY(SELECT c.contract FROM contract AS c WHERE c.contract = ANY (contracts))) AS g;
    rejected := given_assets.flaws || given_contracts.flaws;
    IF strict AND cardinality(rejected) > 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = 'prices are refused: ' || array_to_string(rejected[:3], '; ') || CASE WHEN cardinality(rejected) > 3 THEN format('; and %s more', cardinality(rejected) - 3) ELSE '' END,
            DETAIL = 'A symbol is in the table asset or contract of the venue, and given once. A price is above 0, finite, and has at most 1,000 digits on each side of the point; it lies between its low and high.';
    END IF;

    IF margin_internal.may_have_rows('price_check'::regclass) THEN
        SELECT array_agg(h.symbol) FILTER (WHERE h.kind = 'asset') AS assets, array_agg(h.symbol) FILTER (WHERE h.kind = 'contract') AS contracts,
               array_agg(format('%s %s: %s', h.kind, h.symbol, h.why) ORDER BY h.kind, h.symbol COLLATE "C") AS lines
          INTO doubted
          FROM hold_prices(given_assets.symbols, given_assets.prices, given_assets.lows, given_assets.highs,
                           given_contracts.symbols, given_contracts.prices, observed_at, coalesce(force, false)) AS h;
        held := doubted.lines;
        IF doubted.assets IS NOT NULL THEN
            SELECT coalesce(array_agg(g.symbol), '{}') AS symbols, array_agg(g.price) AS prices, array_agg(g.low) AS lows, array_agg(g.high) AS highs, given_assets.flaws AS flaws
              INTO given_assets
              FROM unnest(given_assets.symbols, given_assets.prices, given_assets.lows, given_assets.highs) AS g (symbol, price, low, high)
             WHERE g.symbol <> ALL (doubted.assets);
        END IF;
        IF doubted.contracts IS NOT NULL THEN
            SELECT coalesce(array_agg(g.symbol), '{}') AS symbols, array_agg(g.price) AS prices, given_contracts.flaws AS flaws
              INTO given_contracts
              FROM unnest(given_contracts.symbols, given_contracts.prices) AS g (symbol, price)
             WHERE g.symbol <> ALL (doubted.contracts);
        END IF;
    END IF;

    SELECT '{}'::text[] AS applied, '{}'::text[] AS older INTO done_assets;
    done_contracts := done_assets;
    IF given_assets.symbols <> '{}' THEN
        done_assets := margin_internal.apply_index_prices(given_assets.symbols, given_assets.prices, given_assets.lows, given_assets.highs, observed_at, coalesce(force, false));
    END IF;
    IF given_contracts.symbols <> '{}' THEN
        done_contracts := margin_internal.apply_mark_prices(given_contracts.symbols, given_contracts.prices, observed_at, coalesce(force, false));
    END IF;
    applied := cardinality(done_assets.applied) + cardinality(done_contracts.applied);
    ignored := coalesce(cardinality(assets), 0) + coalesce(cardinality(contracts), 0) - applied - coalesce(cardinality(held), 0);
    rejected := nullif(rejected || done_assets.older || done_contracts.older, '{}');

    IF refresh AND applied = 0 THEN
        level_changes := 0;
    ELSIF refresh THEN
        SELECT r.level_changes, r.not_refreshed INTO level_changes, not_refreshed
          FROM margin_internal.refresh_books(venue) AS r;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.apply_prices(name, text[], text[], text[], text[], text[], text[], timestamptz, boolean, boolean, boolean) IS 'set_prices(), of prices as texts; lows null: no price has bounds';

CREATE FUNCTION margin.set_prices(
    venue name, assets text[], asset_prices numeric[], contracts text[] DEFAULT '{}', marks numeric[] DEFAULT '{}',
    at timestamptz DEFAULT NULL, force boolean DEFAULT false, refresh boolean DEFAULT false, strict boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed, rejected, held
      FROM margin_internal.apply_prices(venue, assets, asset_prices::text[], NULL, NULL, contracts, marks::text[], at, force, refresh, strict) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, text[], numeric[], text[], numeric[], timestamptz, boolean, boolean, boolean) IS
'sets index prices (USD per unit) and mark prices (settlement asset per unit of the underlying) observed at an instant (null: now): how many were applied, how many not, and rejected says which of those and why, unless they are stored already; held says which failed their price_check and why, which are in neither number and in held_price; with refresh also level_changes of the venue''s books, and which books could not be refreshed. An error, and nothing set, for arrays of different length, an instant more than 5 s ahead, and with strict for any price that cannot be set';

-- An untyped literal prefers text, so that those of arrays come here.  With no
-- function of text, whether '{BTC}' is an array or JSON could not be decided.
CREATE FUNCTION margin.set_prices(
    venue name, assets text, asset_prices text, contracts text DEFAULT '{}', marks text DEFAULT '{}',
    at timestamptz DEFAULT NULL, force boolean DEFAULT false, refresh boolean DEFAULT false, strict boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed, rejected, held
      FROM margin_internal.apply_prices(venue, assets::text[], asset_prices::text[], NULL, NULL, contracts::text[], marks::text[], at, force, refresh, strict) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, text, text, text, text, timestamptz, boolean, boolean, boolean) IS
'the same from array literals whose type is not said: set_prices(''desk'', ''{BTC}'', ''{68000}'')';

CREATE FUNCTION margin_internal.check_price_part(key text, value json, seen text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF key = ANY (seen) OR key NOT IN ('assets', 'contracts', 'at') OR json_typeof(value) <> ALL (CASE key WHEN 'at' THEN ARRAY['string', 'number'] ELSE ARRAY['object'] END) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_text_representation',
            MESSAGE = CASE WHEN key = ANY (seen) THEN format('prices: key "%s" is repeated', key)
                           WHEN key NOT IN ('assets', 'contracts', 'at') THEN format('prices: unknown key "%s"', key)
                           ELSE format('prices: "%s" is of type %s', key, json_typeof(value)) END,
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": "68010.5"}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_price_part(text, json, text[]) IS 'an error unless a member of a JSON text of prices is one that set_prices() knows, given once';

-- What is no object of just these keys stays a text, which is no number.
CREATE FUNCTION margin_internal.unpack_prices(prices json) RETURNS TABLE (symbol text, price text, low text, high text)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT j.key, CASE WHEN o.bounded THEN j.value ->> 'price' ELSE j.value #>> '{}' END,
           CASE WHEN o.bounded THEN j.value ->> 'low' END, CASE WHEN o.bounded THEN j.value ->> 'high' END
      FROM json_each(prices) AS j,
           LATERAL (SELECT CASE json_typeof(j.value) WHEN 'object' THEN
                           (SELECT count(*) = count(DISTINCT k) AND bool_and(k IN ('price', 'low', 'high')) AND bool_or(k = 'price') FROM json_object_keys(j.value) AS k)
                           ELSE false END AS bounded) AS o;
END;
COMMENT ON FUNCTION margin_internal.unpack_prices(json) IS 'index prices of a JSON text by symbol, each a number or text, or {"price": ..., "low": ..., "high": ...}, bounds optional';

CREATE FUNCTION margin_internal.instant_of(value json) RETURNS timestamptz
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written CONSTANT text := value #>> '{}';
    since_1970 numeric;
BEGIN
    -- A text of fewer digits is a date: 20260101.
    IF json_typeof(value) = 'string' AND written !~ '^[0-9]{9,15}([.][0-9]{1,9})?$' THEN
        RETURN written::timestamptz;
    END IF;
    since_1970 := written;
    IF abs(since_1970) < 1e11 THEN
        since_1970 := 1000 * since_1970;
    ELSIF abs(since_1970) >= 1e14 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', left(written, 60)),
            DETAIL = 'A number means milliseconds since 1970, or seconds where it is below 100,000,000,000.';
    END IF;
    RETURN timestamptz '1970-01-01 00:00:00+00' + (1000 * since_1970)::double precision * interval '1 microsecond';
END
$$;
COMMENT ON FUNCTION margin_internal.instant_of(json) IS
'an instant as feeds write it: a timestamp, or a number of milliseconds since 1970 (of seconds where it is below 100,000,000,000), which may be a text of 9 to 15 digits';

CREATE FUNCTION margin.set_prices(
    venue name, prices json, force boolean DEFAULT false, refresh boolean DEFAULT false, strict boolean DEFAULT false,
    OUT applied integer, OUT ignored integer, OUT level_changes integer, OUT not_refreshed text[], OUT rejected text[], OUT held text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    seen text[] := '{}';
    assets record;
    contracts record;
BEGIN
    IF json_typeof(prices) IS DISTINCT FROM 'object' THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN prices IS NULL THEN 'null_value_not_allowed' ELSE 'invalid_text_representation' END,
            MESSAGE = format('prices are %s, not a JSON object', coalesce(json_typeof(prices), 'null')),
            HINT = '{"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": "68010.5"}, "at": "2026-01-01 00:00:00+00"}';
    END IF;
    -- json keeps repeated keys and all digits, which jsonb and a double do not.
    FOR part IN SELECT j.key, j.value FROM json_each(prices) AS j LOOP
        PERFORM margin_internal.check_price_part(part.key, part.value, seen);
        seen := seen || part.key;
    END LOOP;
    IF strpos(substr(prices ->> 'assets', 2), '{') > 0 THEN
        SELECT array_agg(u.symbol) AS symbols, array_agg(u.price) AS prices, array_agg(u.low) AS lows, array_agg(u.high) AS highs
          INTO assets FROM margin_internal.unpack_prices(prices -> 'assets') AS u;
    ELSE
        SELECT array_agg(j.key) AS symbols, array_agg(j.value) AS prices, NULL::text[] AS lows, NULL::text[] AS highs
          INTO assets FROM json_each_text(prices -> 'assets') AS j;
    END IF;
    SELECT array_agg(j.key) AS symbols, array_agg(j.value) AS prices INTO contracts FROM json_each_text(prices -> 'contracts') AS j;
    SELECT s.* INTO applied, ignored, level_changes, not_refreshed, rejected, held
      FROM margin_internal.apply_prices(venue, assets.symbols, assets.prices, assets.lows, assets.highs, contracts.symbols, contracts.prices,
                                        margin_internal.instant_of(prices -> 'at'),
                                        force, refresh, strict) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_prices(name, json, boolean, boolean, boolean) IS
'the same of one JSON text, {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": "68010.5"}, "at": 1767225600000}, each part optional: prices are numbers or texts that are numbers, all digits count; an index price in doubt is {"price": 68000, "low": 67000, "high": 68500}, a price without removes its bounds; at is a timestamp, or milliseconds since 1970 (below 100,000,000,000 seconds). Repeated and unknown keys at the top are errors';

-- ---------------------------------------------------------------------------
-- Doubtful prices
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.unset_bounds() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_unset_bounds';
COMMENT ON FUNCTION margin_internal.unset_bounds() IS 'trigger before an UPDATE of index_price: low and high become null where the UPDATE does not name them';

-- An offer that would be ignored, as it is older or what is stored, is not in doubt.
-- The prices that a jump is measured from are those since the last one that
-- somebody confirmed: what came before that is no measure of what follows.
CREATE FUNCTION margin_internal.hold_prices(
    venue anyelement, assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamptz, force boolean
) RETURNS TABLE (kind text, symbol text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    clock CONSTANT timestamptz := clock_timestamp();
    wrong numeric;
BEGIN
    -- set_prices() has checked all this, but others may call it too
    IF (isfinite(hold_prices.at) AND hold_prices.at <= clock + interval '5 s') IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('prices cannot be observed at %s', coalesce(hold_prices.at::text, 'null')),
            DETAIL = format('It is %s; clocks may differ by 5 s.', clock);
    END IF;
    SELECT o.price INTO wrong
      FROM (SELECT a.price FROM unnest(hold_prices.assets, hold_prices.prices) AS a (symbol, price)
            UNION ALL
            SELECT m.price FROM unnest(hold_prices.contracts, hold_prices.marks) AS m (symbol, price)) AS o (price)
     WHERE (margin.is_amount(o.price) AND o.price > 0) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('no price is %s', coalesce(wrong::text, 'null')),
            HINT = 'Prices are finite numbers above 0, one for each symbol.';
    END IF;
    SELECT b.bound INTO wrong FROM unnest(hold_prices.lows || hold_prices.highs) AS b (bound)
     WHERE b.bound IS NOT NULL AND (margin.is_amount(b.bound) AND b.bound > 0) IS NOT TRUE LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('no price has a bound of %s', wrong),
            HINT = 'Bounds are finite numbers above 0, or null.';
    END IF;
    PERFORM margin_internal.enter(t.typrelid) FROM pg_type AS t WHERE t.oid = pg_typeof(venue);
    IF NOT EXISTS (SELECT FROM price_check AS c WHERE c.symbol = ANY (CASE c.kind WHEN 'asset' THEN hold_prices.assets ELSE hold_prices.contracts END)) THEN
        RETURN;
    END IF;
    -- in the order in which they will be written
    PERFORM FROM index_price AS p WHERE p.asset = ANY (hold_prices.assets) ORDER BY p.asset COLLATE "C" FOR NO KEY UPDATE;
    PERFORM FROM mark_price AS p WHERE p.contract = ANY (hold_prices.contracts) ORDER BY p.contract COLLATE "C" FOR NO KEY UPDATE;
    RETURN QUERY
    WITH stored AS (
        SELECT 'asset' AS kind, p.asset AS symbol, p.price, p.low, p.high, p.updated_at FROM index_price AS p WHERE p.asset = ANY (hold_prices.assets)
        UNION ALL
        SELECT 'contract', p.contract, p.price, NULL, NULL, p.updated_at FROM mark_price AS p WHERE p.contract = ANY (hold_prices.contracts)
    ), offered AS MATERIALIZED (
        SELECT o.*, least(o.low, o.price) AS lowest, greatest(o.high, o.price) AS highest, s.price AS before, s.updated_at,
               c.floor, c.ceiling, c.max_jump, c.jump_window, c.max_deviation, c.reference_age,
               greatest(hold_prices.at - c.jump_window, (SELECT max(e.observed_at) FROM held_price_event AS e
                                                          WHERE e.kind = o.kind AND e.symbol = o.symbol AND e.event = 'applied')) AS since
          FROM (SELECT 'asset' AS kind, a.symbol, a.price, a.low, a.high
                  FROM unnest(hold_prices.assets, hold_prices.prices, hold_prices.lows, hold_prices.highs) AS a (symbol, price, low, high)
                UNION ALL
                SELECT 'contract', m.symbol, m.price, NULL, NULL FROM unnest(hold_prices.contracts, hold_prices.marks) AS m (symbol, price)) AS o
          JOIN price_check AS c ON c.kind = o.kind AND c.symbol = o.symbol
          LEFT JOIN stored AS s ON s.kind = o.kind AND s.symbol = o.symbol
         WHERE (s.updated_at IS NULL OR hold_prices.at >= s.updated_at OR hold_prices.force OR s.updated_at > clock + interval '5 s')
           AND (o.price, o.low, o.high, hold_prices.at) IS DISTINCT FROM (s.price, s.low, s.high, s.updated_at)
    ), judged AS (
        SELECT o.kind, o.symbol, o.price, o.low, o.high, concat_ws('; ',
                   CASE WHEN o.lowest < o.floor THEN format('%s %s is below the floor of %s', l.lowest, o.lowest, o.floor) END,
                   CASE WHEN o.highest > o.ceiling THEN format('%s %s is above the ceiling of %s', l.highest, o.highest, o.ceiling) END,
                   CASE WHEN o.lowest < b.highest * (1 - o.max_jump) THEN format('%s %s is more than %s below %s', l.lowest, o.lowest, o.max_jump, b.highest) || l.within END,
                   CASE WHEN o.highest > b.lowest * (1 + o.max_jump) THEN format('%s %s is more than %s above %s', l.highest, o.highest, o.max_jump, b.lowest) || l.within END,
                   CASE WHEN o.max_deviation IS NOT NULL AND r.opinions IS NULL THEN 'there is no reference price'
                        WHEN NOT r.agreed THEN format('price %s differs by more than %s from %s', o.price, o.max_deviation, r.opinions) END) AS why
          FROM offered AS o
         CROSS JOIN LATERAL (
                SELECT CASE WHEN o.lowest < o.price THEN 'low' ELSE 'price' END AS lowest, CASE WHEN o.highest > o.price THEN 'high' ELSE 'price' END AS highest,
                       coalesce(' within ' || o.jump_window, '') AS within) AS l
          LEFT JOIN LATERAL (
                SELECT min(b.price) AS lowest, max(b.price) AS highest
                  FROM (SELECT o.before WHERE o.jump_window IS NULL OR o.updated_at >= hold_prices.at - o.jump_window
                        UNION ALL
                        SELECT h.price FROM index_price_history AS h
                         WHERE o.kind = 'asset' AND h.asset = o.symbol AND h.recorded_at >= hold_prices.at - o.jump_window - interval '5 s' AND h.updated_at >= o.since
                        UNION ALL
                        SELECT h.price FROM mark_price_history AS h
                         WHERE o.kind = 'contract' AND h.contract = o.symbol AND h.recorded_at >= hold_prices.at - o.jump_window - interval '5 s' AND h.updated_at >= o.since
                       ) AS b (price)) AS b ON o.max_jump IS NOT NULL
          LEFT JOIN LATERAL (
                SELECT bool_or(abs(o.price - q.price) <= o.max_deviation * q.price) AS agreed, string_agg(q.source || ' ' || q.price, ', ' ORDER BY q.source) AS opinions
                  FROM reference_price AS q
                 WHERE q.kind = o.kind AND q.symbol = o.symbol AND (q.updated_at < hold_prices.at - o.reference_age) IS NOT TRUE
                   AND q.updated_at <= clock + interval '5 s') AS r ON o.max_deviation IS NOT NULL
    ), doubted AS (
        SELECT * FROM judged AS j WHERE j.why <> ''
    ), written AS (
        INSERT INTO held_price AS h (kind, symbol, price, low, high, why, observed_at, forced, offered_at, held_since)
        SELECT d.kind, d.symbol, d.price, d.low, d.high, d.why, hold_prices.at, coalesce(hold_prices.force, false), clock, clock FROM doubted AS d ORDER BY d.kind, d.symbol COLLATE "C"
            ON CONFLICT (kind, symbol) DO UPDATE
           SET price = excluded.price, low = excluded.low, high = excluded.high, why = excluded.why, observed_at = excluded.observed_at, forced = excluded.forced,
               offered_by = excluded.offered_by, offered_at = excluded.offered_at, offers = h.offers + 1
         WHERE excluded.observed_at >= h.observed_at
    )
    SELECT d.kind, d.symbol, d.why FROM doubted AS d;
END
$$;
COMMENT ON FUNCTION margin_internal.hold_prices(anyelement, text[], numeric[], numeric[], numeric[], text[], numeric[], timestamptz, boolean) IS
'hold_prices() of the venue whose view planned_change has the row type of the first argument: locks the prices that stand, enters offers that fail their check into held_price, and returns these and the reason of each. Each symbol is given once; an error (22023) for prices that are not finite and above 0, and for a time ahead';

CREATE FUNCTION margin_internal.nothing_held(kind text, symbol text) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'no_data_found',
        MESSAGE = format('no price of %s "%s" is held', kind, symbol),
        HINT = 'held_price of the venue lists those that are, held_price_event says what became of others.';
END
$$;
COMMENT ON FUNCTION margin_internal.nothing_held(text, text) IS 'the error that no price of an asset or contract is held, or no longer';

CREATE FUNCTION margin_internal.held_offer(kind text, symbol text) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    found_price record;
BEGIN
    IF kind IS NULL OR symbol IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s is null', CASE WHEN kind IS NULL THEN 'kind' ELSE 'symbol' END),
            HINT = 'A price is held of one asset or contract: ''asset'', ''BTC''.';
    ELSIF kind NOT IN ('asset', 'contract') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a price is of an asset or of a contract, not of %L', kind);
    END IF;
    -- whoever decides holds the price, as whoever offers one does
    IF kind = 'asset' THEN
        PERFORM FROM index_price AS p WHERE p.asset = held_offer.symbol FOR NO KEY UPDATE;
    ELSE
        PERFORM FROM mark_price AS p WHERE p.contract = held_offer.symbol FOR NO KEY UPDATE;
    END IF;
    SELECT h.* INTO found_price FROM held_price AS h WHERE h.kind = held_offer.kind AND h.symbol = held_offer.symbol;
    IF NOT FOUND THEN
        PERFORM margin_internal.nothing_held(kind, symbol);
    END IF;
    RETURN found_price;
END
$$;
COMMENT ON FUNCTION margin_internal.held_offer(text, text) IS 'the row of held_price of an asset or contract, with the price that stands locked; an error if there is none';

CREATE FUNCTION margin_internal.check_held(held record, price numeric) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF price <> held.price THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the price of %s "%s" that is held is %s, not %s', held.kind, held.symbol, held.price, price),
            DETAIL = format('It was offered at %s: %s.', held.offered_at, held.why);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_held(record, numeric) IS 'an error if the price held is not the one that the caller means (null: whichever it is)';

CREATE FUNCTION margin.confirm_price(
    venue name, kind text, symbol text, price numeric DEFAULT NULL, refresh boolean DEFAULT false,
    OUT confirmed numeric, OUT level_changes integer, OUT not_refreshed text[]
) RETURNS record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    horizon CONSTANT timestamptz := clock_timestamp() + interval '5 s';
    held record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    held := margin_internal.held_offer(confirm_price.kind, confirm_price.symbol);
    PERFORM margin_internal.check_held(held, confirm_price.price);
    IF held.kind = 'asset' THEN
        INSERT INTO index_price AS p (asset, price, updated_at, low, high) VALUES (held.symbol, held.price, held.observed_at, held.low, held.high)
            ON CONFLICT (asset) DO UPDATE
           SET price = excluded.price, updated_at = excluded.updated_at, low = excluded.low, high = excluded.high
         WHERE p.updated_at <= excluded.updated_at OR held.forced OR p.updated_at > horizon;
    ELSE
        INSERT INTO mark_price AS p (contract, price, updated_at) VALUES (held.symbol, held.price, held.observed_at)
            ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = excluded.updated_at
         WHERE p.updated_at <= excluded.updated_at OR held.forced OR p.updated_at > horizon;
    END IF;
    -- where there was no price to lock, a newer one may have come meanwhile
    IF NOT FOUND THEN
        PERFORM margin_internal.nothing_held(held.kind, held.symbol);
    END IF;
    confirmed := held.price;
    IF refresh THEN
        SELECT r.level_changes, r.not_refreshed INTO level_changes, not_refreshed FROM margin_internal.refresh_books(venue) AS r;
    END IF;
END
$$;
COMMENT ON FUNCTION margin.confirm_price(name, text, text, numeric, boolean) IS
'applies the price of an asset or contract that is held in a venue, as of when it was observed, with its bounds, whatever its price check says, and returns it; with refresh also what set_prices() says of the venue''s books. With a price: an error (55000) if another is held by now; P0002 if none is. Journaled in held_price_event. Whoever confirms may read held_price and write prices';

CREATE FUNCTION margin.drop_price(venue name, kind text, symbol text, price numeric DEFAULT NULL) RETURNS numeric
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    held := margin_internal.held_offer(drop_price.kind, drop_price.symbol);
    PERFORM margin_internal.check_held(held, drop_price.price);
    DELETE FROM held_price AS h WHERE h.kind = held.kind AND h.symbol = held.symbol AND h.price = held.price;
    IF NOT FOUND THEN
        PERFORM margin_internal.nothing_held(held.kind, held.symbol);
    END IF;
    RETURN held.price;
END
$$;
COMMENT ON FUNCTION margin.drop_price(name, text, text, numeric) IS
'drops the price of an asset or contract that is held in a venue and returns it; the price before stays in force. With a price: an error (55000) if another is held by now; P0002 if none is. Journaled in held_price_event. Whoever drops may delete from held_price and write prices';

-- tiers: whole schedules, judged once each, and replaced in one call

CREATE FUNCTION margin_internal.check_schedule() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_schedule';
COMMENT ON FUNCTION margin_internal.check_schedule() IS
'Constraint trigger, for each row, of the tables of tiers: has check_tiers() of the venue judge the schedule of the row, unless that has been done since the row was written; its argument is the column of the symbol.';

-- The row that ended a schedule at 0 may have been edited or deleted by now; then
-- the journal knows.  An event of this transaction without a row before it is a
-- tier entered: of a schedule that is new, or has grown.
CREATE FUNCTION margin_internal.tell_lost_cap(tiers regclass, symbol text, valid_from timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target CONSTANT name := relname FROM pg_class WHERE oid = tiers;
    last_ratio numeric;
    edits record;
    earlier record;
BEGIN
    IF target NOT IN ('collateral_tier', 'initial_collateral_tier') THEN
        RETURN;
    END IF;
    PERFORM margin_internal.enter(tiers);
    EXECUTE format('SELECT t.ratio FROM %I AS t WHERE t.asset = $1 AND t.valid_from = $2 ORDER BY t.lower_bound DESC LIMIT 1', target)
       INTO last_ratio USING tell_lost_cap.symbol, tell_lost_cap.valid_from;
    IF coalesce(last_ratio, 0) = 0 THEN
        RETURN;
    END IF;
    SELECT coalesce(bool_or((e.before ->> 'ratio')::numeric = 0 AND (e.before ->> 'valid_from')::timestamptz = tell_lost_cap.valid_from), false) AS uncapped,
           coalesce(bool_or(e.before IS NULL), false) AS entered
      INTO edits
      FROM parameter_event AS e
     WHERE e.symbol = tell_lost_cap.symbol AND e.changed_at = now() AND e.txid = pg_current_xact_id() AND e.parameter = target
       AND tell_lost_cap.valid_from IN ((e.before ->> 'valid_from')::timestamptz, (e.after ->> 'valid_from')::timestamptz);
    EXECUTE format('SELECT t.ratio, t.lower_bound, t.valid_from FROM %I AS t WHERE t.asset = $1 AND t.valid_from < $2 ORDER BY t.valid_from DESC, t.lower_bound DESC LIMIT 1', target)
       INTO earlier USING tell_lost_cap.symbol, tell_lost_cap.valid_from;
    IF edits.uncapped OR edits.entered AND earlier.ratio = 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('%s of "%s", valid from %s: the cap is gone', replace(target, '_', ' ') || 's', tell_lost_cap.symbol, tell_lost_cap.valid_from),
            DETAIL = format('The last tier counts%s, without an end; the schedule before ended in a tier of ratio 0.',
                            CASE WHEN margin_internal.may_be_told(tiers) THEN format(' at %s', trim_scale(last_ratio)) END),
            HINT = 'A last tier of ratio 0 caps what counts.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.tell_lost_cap(regclass, text, timestamptz) IS
'a notice where this transaction has left a collateral schedule open at its end, and the one in force before, or the same before its edit, ended at ratio 0; by parameter_event. Nothing for other tables.';

-- A schedule of one tier is the same by either method.
CREATE FUNCTION margin_internal.check_method(what text, symbol text, schedule margin.schedule, method text, remedy text) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given CONSTANT text := CASE WHEN schedule::text ~ '^whole' THEN 'whole' ELSE 'marginal' END;
BEGIN
    IF given <> method AND (SELECT count(*) FROM margin.tiers(schedule)) > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s of "%s" apply as %s, the schedule given is %s', what, symbol, method, given),
            HINT = remedy;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_method(text, text, margin.schedule, text, text) IS
'an error (22023) where a schedule of several tiers is marginal or whole and what takes it is not; nothing for null';

-- The first tier is written before anything else, changed or not: whoever
-- replaces the same schedule at the same time waits there, and then replaces all
-- of it.
CREATE FUNCTION margin_internal.replace_tiers(
    venue name, target name, symbol text, valid_from timestamptz, bounds numeric[], rates numeric[], initial_rates numeric[] DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent CONSTANT name := CASE target WHEN 'risk_tier' THEN 'contract' ELSE 'asset' END;
    rate CONSTANT name := CASE WHEN target IN ('risk_tier', 'liability_tier') THEN 'maintenance_rate' ELSE 'ratio' END;
    -- columns of rates, and where their values come from
    columns CONSTANT text := CASE target WHEN 'risk_tier' THEN 'maintenance_rate, initial_rate' ELSE rate::text END;
    given CONSTANT text := CASE target WHEN 'risk_tier' THEN 'g.rate, g.initial_rate' ELSE 'g.rate' END;
    assignments CONSTANT text := format('%1$I = excluded.%1$I', rate) || CASE target WHEN 'risk_tier' THEN ', initial_rate = excluded.initial_rate' ELSE '' END;
    write CONSTANT text := format(
        'INSERT INTO %1$I AS t (%2$I, valid_from, lower_bound, %3$s)
         SELECT $1, $2, g.lower_bound, %4$s FROM unnest($3, $4, $5) AS g (lower_bound, rate, initial_rate) WHERE %%s ORDER BY g.lower_bound
         ON CONFLICT (%2$I, valid_from, lower_bound) DO UPDATE SET %5$s', target, parent, columns, given, assignments);
    known boolean;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    IF symbol IS NULL OR valid_from IS NULL OR bounds IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', CASE WHEN symbol IS NULL THEN parent WHEN valid_from IS NULL THEN 'valid_from' ELSE 'schedule' END);
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$I AS p WHERE p.%1$I = $1)', parent) INTO known USING symbol;
    IF NOT known THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('venue "%s" has no %s "%s"', venue, parent, symbol);
    END IF;
    EXECUTE format(write, 'g.lower_bound = 0') USING symbol, valid_from, bounds, rates, initial_rates;
    EXECUTE format('DELETE FROM %I AS t WHERE t.%I = $1 AND t.valid_from = $2 AND t.lower_bound <> ALL ($3)', target, parent) USING symbol, valid_from, bounds;
    EXECUTE format(write, 'g.lower_bound > 0') || format(' WHERE (t.%s) IS DISTINCT FROM (excluded.%s)',
                                                        replace(columns, ', ', ', t.'), replace(columns, ', ', ', excluded.'))
      USING symbol, valid_from, bounds, rates, initial_rates;
END
$$;
COMMENT ON FUNCTION margin_internal.replace_tiers(name, name, text, timestamptz, numeric[], numeric[], numeric[]) IS
'what set_collateral_tiers() and its sisters share: the rows of one schedule in a table of tiers of a venue become those given; rows that stay as they are are not journaled';

CREATE FUNCTION margin.set_collateral_tiers(venue name, asset text, schedule margin.schedule, valid_from timestamptz DEFAULT '-infinity') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_method('collateral tiers', asset, schedule, 'marginal', 'Leave out "whole".');
    PERFORM margin_internal.replace_tiers(venue, 'collateral_tier', asset, valid_from, array_agg(s.lower_bound), array_agg(s.rate))
       FROM margin.tiers(schedule) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_collateral_tiers(name, text, margin.schedule, timestamptz) IS
'replaces the collateral ratio schedule of an asset that is valid from an instant (-infinity: from ever) by another, whole, by ordinary writes to collateral_tier: the same rights, checks and journal. Bounds in units of the asset or USD, as asset.tier_unit says. An error for null, an unknown asset (42704), a schedule that is not marginal (22023)';

CREATE FUNCTION margin.set_initial_collateral_tiers(venue name, asset text, schedule margin.schedule, valid_from timestamptz DEFAULT '-infinity') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_method('initial collateral tiers', asset, schedule, 'marginal', 'Leave out "whole".');
    PERFORM margin_internal.replace_tiers(venue, 'initial_collateral_tier', asset, valid_from, array_agg(s.lower_bound), array_agg(s.rate))
       FROM margin.tiers(schedule) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_initial_collateral_tiers(name, text, margin.schedule, timestamptz) IS
'the same for the ratios of the initial measure, in initial_collateral_tier: the asset has collateral tiers by then';

CREATE FUNCTION margin.set_liability_tiers(venue name, asset text, schedule margin.schedule, valid_from timestamptz DEFAULT '-infinity') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_method('liability tiers', asset, schedule, 'marginal', 'Leave out "whole".');
    PERFORM margin_internal.replace_tiers(venue, 'liability_tier', asset, valid_from, array_agg(s.lower_bound), array_agg(s.rate))
       FROM margin.tiers(schedule) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_liability_tiers(name, text, margin.schedule, timestamptz) IS
'the same for the maintenance rates of debts in an asset, in liability_tier; bounds in units of the asset';

-- Two schedules in one table: each is cut at the bounds of both, which changes
-- neither.
CREATE FUNCTION margin.set_risk_tiers(
    venue name, contract text, maintenance margin.schedule, initial margin.schedule DEFAULT NULL, valid_from timestamptz DEFAULT '-infinity'
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    methods record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    SELECT coalesce(h.maintenance_method, c.maintenance_method) AS maintenance, coalesce(h.initial_method, c.initial_method) AS initial INTO methods
      FROM contract AS c
      LEFT JOIN LATERAL (SELECT t.maintenance_method, t.initial_method FROM contract_change AS t
                          WHERE t.contract = c.contract AND t.valid_from <= set_risk_tiers.valid_from
                          ORDER BY t.valid_from DESC LIMIT 1) AS h ON true
     WHERE c.contract = set_risk_tiers.contract;
    PERFORM margin_internal.check_method('maintenance rates', contract, maintenance, methods.maintenance,
                                         'Give the schedule as the column maintenance_method of the contract says, or change that first.'),
            margin_internal.check_method('initial rates', contract, initial, methods.initial,
                                         'Give the schedule as the column initial_method of the contract says, or change that first.');
    PERFORM margin_internal.replace_tiers(venue, 'risk_tier', contract, valid_from, array_agg(b.bound ORDER BY b.bound),
                                          array_agg(m.rate ORDER BY b.bound), array_agg(i.rate ORDER BY b.bound))
       FROM (SELECT s.lower_bound AS bound FROM margin.tiers(maintenance) AS s UNION
             SELECT s.lower_bound FROM margin.tiers(initial) AS s WHERE maintenance IS NOT NULL) AS b
       LEFT JOIN LATERAL (SELECT s.rate FROM margin.tiers(maintenance) AS s WHERE s.lower_bound <= b.bound ORDER BY s.lower_bound DESC LIMIT 1) AS m ON true
       LEFT JOIN LATERAL (SELECT s.rate FROM margin.tiers(initial) AS s WHERE s.lower_bound <= b.bound ORDER BY s.lower_bound DESC LIMIT 1) AS i ON true;
END
$$;
COMMENT ON FUNCTION margin.set_risk_tiers(name, text, margin.schedule, margin.schedule, timestamptz) IS
'the same for the maintenance and initial rates of a contract (null: no initial rates), in risk_tier; their bounds may differ. An error (22023) for a schedule of several tiers that is whole where the contract, as valid then, says marginal, or the other way round: what is given is never taken for something else';

-- published: what whoever sets up a venue may begin with

CREATE FUNCTION margin.load_published(venue name) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entered integer;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    WITH published (asset, lower_bound, ratio) AS (
        VALUES ('BTC',    0, 0.975),
               ('BTC',    1, 0.97),
               ('BTC',    5, 0.965),
               ('BTC',   10, 0.96),
               ('BTC',   50, 0.85),
               ('BTC',  100, 0),
               ('USDT',   0, 1),
               ('USDC',   0, 1)
    ), loaded AS (
        INSERT INTO asset (asset, source)
        SELECT DISTINCT p.asset, 'collateral ratios: published by the venue'
          FROM published AS p
        ON CONFLICT DO NOTHING
        RETURNING asset.asset
    ), tier AS (
        INSERT INTO collateral_tier (asset, lower_bound, ratio)
        SELECT p.asset, p.lower_bound, p.ratio
          FROM published AS p JOIN loaded AS l USING (asset)
    )
    SELECT count(*) INTO entered FROM loaded;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION margin.load_published(name) IS
'enters the assets BTC, USDT and USDC into a venue with the collateral ratios that one venue publishes; leaves an asset that is there already, and its tiers, as they are; returns how many were entered; no prices, no contracts';

-- What a stablecoin is and which coins lead the market, the caller says: no
-- parameter of an asset tells.
CREATE FUNCTION margin.load_scenarios(
    venue name,
    stablecoins text[] DEFAULT '{USDT,USDC,USDE,DAI,FDUSD,TUSD,PYUSD}',
    majors text[] DEFAULT '{BTC,ETH}'
) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entered integer;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    WITH wide (scenario, others, major) AS (
        VALUES ('market -10 %', -0.1, -0.1),
               ('market -20 %', -0.2, -0.2),
               ('market -40 %', -0.4, -0.4),
               ('altcoin crash', -0.6, -0.3),
               ('squeeze up', 0.5, 0.25)
    ), known (asset, is_stable, is_major) AS (
        SELECT a.asset, a.asset = ANY (coalesce(stablecoins, '{}')), a.asset = ANY (coalesce(majors, '{}'))
          FROM asset AS a
    ), move (scenario, asset, relative, price) AS (
        SELECT scenario, NULL, others, NULL::numeric FROM wide
        UNION ALL
        SELECT scenario, asset, CASE WHEN is_stable THEN 0 ELSE major END, NULL
          FROM wide, known WHERE is_stable OR is_major AND major <> others
        UNION ALL
        -- a name of 255 bytes leaves no room for one of its scenario
        SELECT asset || ' -99.9 %', asset, -0.999, NULL FROM known WHERE octet_length(asset) <= 247
        UNION ALL
        SELECT asset || ' at 0.9', asset, NULL, 0.9 FROM known WHERE is_stable AND octet_length(asset) <= 247
    ), loaded AS (
        INSERT INTO scenario (scenario, asset, relative, price)
        SELECT m.scenario, m.asset, m.relative, m.price FROM move AS m
         WHERE NOT EXISTS (SELECT FROM scenario AS s WHERE s.scenario = m.scenario)
        ON CONFLICT DO NOTHING
        RETURNING scenario.scenario
    )
    SELECT count(DISTINCT l.scenario) INTO entered FROM loaded AS l;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION margin.load_scenarios(name, text[], text[]) IS
'enters a standard set of scenarios for the assets of a venue; leaves those that are there as they are and returns how many were entered. The figures are illustrations, not forecasts. An asset is a stablecoin or a major if its symbol is in the array; null: none is';

-- locks: on the accounts of a book

CREATE FUNCTION margin.lock_accounts(book name, accounts text[]) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_lock_accounts';
COMMENT ON FUNCTION margin.lock_accounts(name, text[]) IS
'Locks accounts of a book (keys as text) until the end of the transaction, in the order in which the guard locks them; very many at once lock the whole book. '
'Guarded writers lock rows first and their accounts when they commit: so lock the rows that are to be written (SELECT ... FOR UPDATE) before calling this, and name all accounts in one call; then neither order can deadlock with the other. '
'Only for roles that have the rights of the book''s owner (42501), since it can hold up every writer. Nothing for null; an error for a null account or one that is no key of the book.';

-- levels: the level each account is kept at, and the journal of changes
--
-- A book keeps, in tables of its own,
--
--   account_level  one row per account that was ever judged,
--   level_event    one row per change.
--
-- An account begins as healthy: its row is entered as such, with epoch -3 until
-- it is judged for the first time, which no price that is held puts off.
--
-- Whoever judges an account by its rows, to write its level or to find that it may
-- stay, has locked its row of account_level before, keeps the lock until the
-- transaction ends, and judges in a snapshot (and with a kept level) taken after
-- he got it.  Of two judgements of one account the one that gets the row later has
-- waited for the end of the other, so it sees the level that the other left, and
-- all that the other saw.  (A tick judges by what is kept, before it locks: then
-- the row must be the one that was judged, watch.sql says why that is enough.)
--
-- What a transaction has written itself and nobody else sees yet is judged by
-- that transaction, at its end.  Suppose a refresh judges the account without it:
--
--   the writer gets the row first: the refresh waits for it, and sees what it
--     wrote;
--   the refresh gets it first: the writer waits, and judges what the refresh
--     left, even where the level had been right without the refresh.  That is
--     why a writer locks the row also where the level stays.
--
-- A row that is not there yet stands for the same: it is entered before it is
-- locked, and to enter what another has entered waits for the end of the other.
--
-- So a refresh needs no lock on accounts, and nobody who holds one stands in its
-- way unless he holds the level too.  Those who judge few accounts lock them
-- first (the guard, refresh_account_levels()), which puts them in one order for
-- everybody; a refresh follows no order, but does not wait for who waits for it.
--
-- Keys arrive as text and are compared in the book's own type, so that indexes
-- serve.  Row security is off: it raises an error where it would hide rows, for
-- an account half seen would be judged wrongly.

-- ---------------------------------------------------------------------------
-- Judgement
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.held_level(previous margin.level, judged margin.level, equity numeric, maintenance_margin numeric,
                                  release_ratios numeric[])
RETURNS margin.level
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE
    WHEN judged IS NULL OR previous IS NULL OR previous = 'unpriced' OR judged >= previous OR judged >= 'liquidation'
         OR maintenance_margin = 0 THEN judged
    WHEN previous >= 'liquidation' AND maintenance_margin >= release_ratios[3] * equity THEN 'liquidation'
    WHEN previous >= 'margin_call' AND judged < 'margin_call' AND maintenance_margin >= release_ratios[2] * equity THEN 'margin_call'
    WHEN previous >= 'warning' AND judged < 'warning' AND maintenance_margin >= release_ratios[1] * equity THEN 'warning'
    ELSE judged
END;
COMMENT ON FUNCTION margin.held_level(margin.level, margin.level, numeric, numeric, numeric[]) IS
'The level of an account that was kept at previous and is judged now: the judged one, unless a level reached before is still held, '
'that is maintenance_margin >= its release ratio * equity (both in USD, compared exactly; equity as judged_equity() gives it). release_ratios are those of warning, margin_call, liquidation; a null one holds nothing. '
'Nothing is held without maintenance margin, nor from unpriced; null where judged is null.';

-- While the venue holds a price that an account depends on, its level may be kept
-- from getting worse: it is judged by a price that may be wrong, or may have
-- been.  That it cannot be valued at all is told nevertheless, and so is the first
-- judgement, before which there is no level to keep.
CREATE FUNCTION margin_internal.held_among(held jsonb, used jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(jsonb_build_object('assets', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'assets'), '{}'),
                                     'contracts', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'contracts'), '{}')),
                  '{"assets": {}, "contracts": {}}')
      FROM (SELECT k.kind, e.key AS symbol, e.value AS price FROM unnest(ARRAY['assets', 'contracts']) AS k (kind), jsonb_each(held -> k.kind) AS e
             WHERE used -> k.kind ? e.key) AS h;
END;
COMMENT ON FUNCTION margin_internal.held_among(jsonb, jsonb) IS 'of prices held those of symbols that are used, both as margin.prices() has them; null where there are none, and for null';

-- Whoever could pause his own account by a trifle in a thin market would not be
-- liquidated.  So a price that is held has to matter: by the share that it prices,
-- or as the level would be another by it.  Of a hedged position the price
-- matters only by what is open.
CREATE FUNCTION margin_internal.weigh_much(held jsonb, portfolio margin.portfolio, market margin.market) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum(v.net) FILTER (WHERE v.doubted), 0) * 10 >= coalesce(sum(v.gross), 0)
      FROM (SELECT held -> 'assets' ? c.asset AS doubted, abs(c.balance * c.price) AS net, abs(c.balance * c.price) AS gross
              FROM margin.collateral(portfolio, market) AS c
            UNION ALL
            SELECT held -> 'contracts' ? p.contract OR held -> 'assets' ? p.settle,
                   abs(abs(p.long_notional) - abs(p.short_notional)) * c.price, (abs(p.long_notional) + abs(p.short_notional)) * c.price
              FROM margin.positions(portfolio, market) AS p JOIN margin.collateral(portfolio, market) AS c ON c.asset = p.settle) AS v;
END;
COMMENT ON FUNCTION margin_internal.weigh_much(jsonb, margin.portfolio, margin.market) IS
'whether what is valued by prices that are held is at least a tenth of a portfolio: balances, and the notional of what is open in contracts that have such a mark or settle in such an asset, of all balances and notionals, USD';

CREATE FUNCTION margin_internal.at_held_prices(market margin.market, held jsonb) RETURNS margin.market
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN margin.shock(market, ARRAY(SELECT ROW(NULL, e.key, NULL, NULL, e.value::numeric)::margin.price_move FROM jsonb_each_text(held -> 'assets') AS e
                                  UNION ALL
                                  SELECT ROW(NULL, NULL, e.key, NULL, e.value::numeric)::margin.price_move FROM jsonb_each_text(held -> 'contracts') AS e), false);
COMMENT ON FUNCTION margin_internal.at_held_prices(margin.market, jsonb) IS 'the market with prices that are held instead of those in force, and no others moved';

CREATE FUNCTION margin_internal.doubts_about(portfolio margin.portfolio, market margin.market, pausing jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.held
      FROM (SELECT margin_internal.held_among(pausing, margin.prices(portfolio, market)) AS held OFFSET 0) AS u
     WHERE CASE WHEN margin_internal.weigh_much(u.held, portfolio, market) THEN true
                ELSE margin.level(portfolio, margin_internal.at_held_prices(market, u.held)) <> margin.level(portfolio, market) END;
END;
COMMENT ON FUNCTION margin_internal.doubts_about(margin.portfolio, margin.market, jsonb) IS
'the prices held that value a portfolio, where they matter: as weigh_much() says, or as its level would be another by them all; null where they do not';

CREATE FUNCTION margin_internal.held_back_by(kept margin.level, judged margin.level, portfolio margin.portfolio, market margin.market, pausing jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN pausing IS NOT NULL AND judged > kept AND judged <> 'unpriced' THEN margin_internal.doubts_about(margin.without_orders(portfolio), market, pausing) END;
COMMENT ON FUNCTION margin_internal.held_back_by(margin.level, margin.level, margin.portfolio, margin.market, jsonb) IS
'the prices held (pausing_prices() of a venue) that keep an account from a level that is worse than the one it is kept at (null: never judged); null: none do. Open orders count for nothing';

-- ---------------------------------------------------------------------------
-- NOTIFY margin_level
--
-- The trigger notes which journal was written; once all deferred triggers are
-- done, it asks what the transaction changed and notifies.  What was rolled
-- back to a savepoint is not in the journal, so nobody hears of it.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.notify_levels() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_notify_levels';
COMMENT ON FUNCTION margin_internal.notify_levels() IS
'Trigger of a level_event: at commit sends its level_notice() to channel margin_level, once per transaction and book. '
'A transaction that notifies cannot be prepared.';

CREATE FUNCTION margin_internal.level_notice(journal regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(journal);
    -- the trigger may have been put on any table
    IF journal IS DISTINCT FROM to_regclass('level_event') THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH moved AS MATERIALIZED (
            SELECT account_id::text AS account, to_level
              FROM (SELECT account_id, (array_agg(from_level ORDER BY id))[1] AS from_level,
                           (array_agg(to_level ORDER BY id DESC))[1] AS to_level
                      FROM level_event
                     WHERE changed_at = now() AND txid = pg_current_xact_id_if_assigned()
                     GROUP BY account_id) AS account
             WHERE from_level <> to_level
        ), head AS (
            SELECT format('{"book": %s, "levels": {%s}, ', to_json(current_schema()::text),
                          string_agg(format('"%s": %s', to_level, accounts), ', ' ORDER BY to_level)) AS text
              FROM (SELECT to_level, count(*) AS accounts FROM moved GROUP BY to_level) AS level
        ), entry AS (
            SELECT text, row_number() OVER w AS n, sum(octet_length(text) + 2) OVER w AS bytes
              FROM (SELECT format('%s: "%s"', to_json(account), to_level) AS text, to_level, account
                      -- no entry is shorter than 16 bytes, so these are more than fit
                      FROM (SELECT * FROM moved ORDER BY to_level DESC, account COLLATE "C" LIMIT 500) AS first) AS e
            WINDOW w AS (ORDER BY to_level DESC, account COLLATE "C" ROWS UNBOUNDED PRECEDING)
        )
        SELECT format('%s"accounts": {%s}, "truncated": %s}', head.text, string_agg(entry.text, ', ' ORDER BY n),
                      to_json(count(entry.n) < (SELECT count(*) FROM moved)))
          FROM head LEFT JOIN entry ON entry.bytes < 7960 - octet_length(head.text)
         WHERE EXISTS (SELECT FROM moved)
         GROUP BY head.text);
END
$$;
COMMENT ON FUNCTION margin_internal.level_notice(regclass) IS
'What the present transaction has changed so far by the level_event of a book: {"book": "desk", "levels": {"warning": 1}, "accounts": {"42": "warning"}, "truncated": false}. '
'levels counts the accounts that reached each; accounts are listed from the highest level down while all fits into 7,999 bytes. '
'An account that is back where it was is left out; null if nothing changed.';

-- ---------------------------------------------------------------------------
-- Refresh
--
-- Statements are planned for the arguments they are given: one account and
-- a whole book take different ways.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.account_keys(accounts text[], key anyelement) RETURNS anyarray
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN accounts;
END
$$;
COMMENT ON FUNCTION margin_internal.account_keys(text[], anyelement) IS
'Accounts as an array of the type of key, which only gives its type: (NULL::account).account_id in a book. '
'Immutable, so that a plan made for one list of accounts knows how many there are; an error for one that is no key.';

CREATE FUNCTION margin_internal.judge_levels(book name, accounts text[], cause text, market margin.market, kept boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    changes integer;
    given margin.market;
    ratios numeric[];
    present bigint;
    pausing jsonb;
BEGIN
    PERFORM margin_internal.enter_book(book);
    given := coalesce(judge_levels.market, venue_market());
    ratios := venue_release_ratios();
    pausing := venue_pausing_prices();
    present := CASE WHEN judge_levels.kept THEN margin_internal.present_epoch(here.given, here.ratios) END;
    WITH known AS (
        SELECT l.account_id, l.level, l.epoch, l.paused, CASE WHEN judge_levels.kept THEN l.portfolio ELSE r.portfolio END AS portfolio
          FROM account_level AS l
          LEFT JOIN (SELECT b.account_id, b.portfolio
                       FROM account_portfolio AS b
                      WHERE judge_levels.kept IS NOT TRUE AND b.account_id = ANY (margin_internal.account_keys(judge_levels.accounts, (NULL::account).account_id))
                     OFFSET 0) AS r ON r.account_id = l.account_id
         WHERE l.account_id = ANY (margin_internal.account_keys(judge_levels.accounts, (NULL::account).account_id))
        OFFSET 0
    ), judged AS MATERIALIZED (
        SELECT h.account_id, h.level AS from_level, h.portfolio, h.paused AS was_paused, b.held,
               CASE WHEN b.held IS NULL THEN w.level ELSE h.level END AS to_level, CASE WHEN b.held IS NOT NULL THEN w.level END AS paused,
               CASE WHEN here.present IS NULL THEN -2 WHEN b.held IS NOT NULL THEN -1 ELSE margin_internal.epoch_for(here.present, 0, w.room) END AS epoch,
               CASE WHEN b.held IS NULL THEN coalesce(w.room, 0) ELSE 0 END AS room, w.mask
          FROM known AS h
         CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(h.portfolio, here.given, h.level, here.ratios,
                                               CASE WHEN here.present IS NULL THEN 'Infinity' ELSE margin_internal.room_wanted(0) END) OFFSET 0) AS w
         CROSS JOIN LATERAL (SELECT margin_internal.held_back_by(CASE WHEN h.epoch <> -3 THEN h.level END, w.level, h.portfolio, here.given, here.pausing) AS held OFFSET 0) AS b
    ), written AS (
        UPDATE account_level AS l
           SET level = j.to_level, since = CASE WHEN j.to_level = l.level THEN l.since ELSE now() END,
               portfolio = j.portfolio, epoch = j.epoch, room = j.room, mask = j.mask, paused = j.paused
          FROM judged AS j
         WHERE l.account_id = j.account_id
           AND (j.to_level <> j.from_level OR j.paused IS DISTINCT FROM j.was_paused OR l.epoch = -3 OR NOT margin_internal.same_holdings(l.portfolio, j.portfolio))
    ), event AS (
    INSERT INTO level_event (account_id, from_level, to_level, equity, maintenance_margin, prices, cause, paused, held, market_id)
    SELECT j.account_id, j.from_level, j.to_level,
           CASE WHEN j.portfolio IS NULL THEN 0::numeric ELSE margin.judged_equity(j.portfolio, here.given) END,
           CASE WHEN j.portfolio IS NULL THEN 0::numeric ELSE margin.maintenance_margin(j.portfolio, here.given) END,
           coalesce(margin.prices(j.portfolio, here.given), '{}'), judge_levels.cause, j.paused, j.held, (SELECT margin_internal.market_id(here.given))
      FROM judged AS j
     WHERE j.to_level <> j.from_level OR j.paused <> coalesce(j.was_paused, j.from_level)
     ORDER BY j.account_id
    RETURNING from_level, to_level
    )
    SELECT count(*) INTO here.changes FROM event AS e WHERE e.to_level <> e.from_level;
    RETURN here.changes;
END
$$;
COMMENT ON FUNCTION margin_internal.judge_levels(name, text[], text, margin.market, boolean) IS
'Judges accounts whose rows of account_level the caller has locked, by their kept portfolios or by the rows of the book, writes the levels that changed and their events, and returns how many.';

CREATE FUNCTION margin_internal.write_account_levels(book name, accounts text[], cause text, market margin.market) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM margin_internal.enter_book(book);

    -- Each statement sees what was committed before it began.  At REPEATABLE
    -- READ a change not seen is an error.
    INSERT INTO account_level (account_id, level, epoch)
    SELECT DISTINCT a, 'healthy'::margin.level, -3 FROM unnest(margin_internal.account_keys(write_account_levels.accounts, (NULL::account).account_id)) AS a
     WHERE NOT EXISTS (SELECT FROM account_level AS l WHERE l.account_id = a)
     ORDER BY a
        ON CONFLICT DO NOTHING;
    PERFORM FROM account_level AS l
      WHERE l.account_id = ANY (margin_internal.account_keys(write_account_levels.accounts, (NULL::account).account_id))
      ORDER BY l.account_id FOR NO KEY UPDATE;
    RETURN margin_internal.judge_levels(book, write_account_levels.accounts, cause, market, false);
END
$$;
COMMENT ON FUNCTION margin_internal.write_account_levels(name, text[], text, margin.market) IS
'What refresh_account_levels() does with accounts that are locked, for those who hold their locks already.';

CREATE FUNCTION margin.refresh_account_levels(book name, accounts text[], cause text DEFAULT 'refresh', market margin.market DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.refuse_distributed(book, 'levels cannot be kept here');
    PERFORM margin.lock_accounts(book, accounts);
    RETURN margin_internal.write_account_levels(book, accounts, cause, market);
END
$$;
COMMENT ON FUNCTION margin.refresh_account_levels(name, text[], text, margin.market) IS
'Locks accounts of a book (keys as text) as lock_accounts() does, judges them in a market (null: the present one of its venue), writes the levels that changed and an event for each, with the cause, and returns how many changed. An account without holdings is healthy. '
'At REPEATABLE READ and above it judges what the transaction sees, and fails with 40001 where another has changed a level since. '
'An error where row security hides rows, and for a null account.';

-- Rows are entered and locked without waiting where that is possible.  10 ms
-- are enough for whoever is just about to commit.
CREATE FUNCTION margin_internal.enter_levels(book name, accounts text[], given margin.market, ratios numeric[], present bigint) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET lock_timeout = '10ms'
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    half CONSTANT integer := cardinality(accounts) / 2;
BEGIN
    PERFORM margin_internal.enter_book(book);
    INSERT INTO account_level (account_id, level, portfolio, epoch, room, mask)
    SELECT a.account_id, 'healthy', CASE WHEN enter_levels.present IS NOT NULL THEN h.portfolio END,
           CASE WHEN w.level <> 'healthy' THEN -3 WHEN enter_levels.present IS NULL THEN -2 ELSE margin_internal.epoch_for(enter_levels.present, 0, w.room) END,
           coalesce(w.room, 0), w.mask
      FROM unnest(margin_internal.account_keys(enter_levels.accounts, (NULL::account).account_id)) AS a (account_id)
      LEFT JOIN (SELECT b.account_id, b.portfolio
                   FROM account_portfolio AS b
                  WHERE b.account_id = ANY (margin_internal.account_keys(enter_levels.accounts, (NULL::account).account_id))
                 OFFSET 0) AS h ON h.account_id = a.account_id
     CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(h.portfolio, enter_levels.given, 'healthy', enter_levels.ratios, margin_internal.room_wanted(0)) OFFSET 0) AS w
     ORDER BY a.account_id
        ON CONFLICT DO NOTHING;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    -- there is no INSERT ... SKIP LOCKED
    IF here.half > 0 THEN
        PERFORM margin_internal.enter_levels(book, enter_levels.accounts[:here.half], enter_levels.given, enter_levels.ratios, enter_levels.present);
        PERFORM margin_internal.enter_levels(book, enter_levels.accounts[here.half + 1:], enter_levels.given, enter_levels.ratios, enter_levels.present);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_levels(name, text[], margin.market, numeric[], bigint) IS
'Enters accounts as healthy that have no level yet, apart from those that another transaction is entering; those that are not are marked as never judged (epoch -3). With a present epoch it keeps what they hold, and anchors those that are healthy in the market.';

CREATE FUNCTION margin_internal.lock_free_levels(book name, accounts text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN ARRAY(SELECT l.account_id::text FROM account_level AS l
                  WHERE l.account_id = ANY (margin_internal.account_keys(lock_free_levels.accounts, (NULL::account).account_id))
                    FOR NO KEY UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION margin_internal.lock_free_levels(name, text[]) IS
'Locks the rows of account_level that no other transaction holds, and returns whose they are.';

CREATE FUNCTION margin_internal.await_level(book name, account text, cause text, patience interval) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
BEGIN
    IF patience < interval '200 ms' THEN
        PERFORM set_config('lock_timeout', greatest(ceil(extract(epoch FROM patience) * 1000), 1)::text, true);
    END IF;
    RETURN margin_internal.write_account_levels(book, ARRAY[account], cause, NULL);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.await_level(name, text, text, interval) IS
'write_account_levels() of one account that another transaction holds; null if it still does after that time (null: long), or after 200 ms, which is shorter than the usual deadlock_timeout.';

CREATE FUNCTION margin_internal.level_holders(book name, account text) RETURNS integer[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    holders integer[];
BEGIN
    PERFORM margin_internal.enter_book(book);
    holders := ARRAY(SELECT DISTINCT k.pid FROM account_level AS l
                       JOIN pg_locks AS k ON k.locktype = 'transactionid' AND k.transactionid = l.xmax AND k.mode = 'ExclusiveLock' AND k.granted
                      WHERE l.account_id = account_key(account) AND k.pid IS NOT NULL AND k.pid <> pg_backend_pid() ORDER BY k.pid);
    -- several share the lock, or enter the row: whoever may
    IF holders = '{}' THEN
        holders := ARRAY(SELECT DISTINCT k.pid FROM pg_locks AS k
                          WHERE k.locktype = 'relation' AND k.relation = 'account_level'::regclass AND k.mode IN ('RowShareLock', 'RowExclusiveLock') AND k.granted
                            AND k.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                            AND k.pid <> pg_backend_pid() ORDER BY k.pid);
    END IF;
    RETURN holders;
END
$$;
COMMENT ON FUNCTION margin_internal.level_holders(name, text) IS
'The processes that hold the level of an account, as far as that can be found out; none for a prepared transaction.';

CREATE FUNCTION margin_internal.waits_for_me(holders integer[]) RETURNS boolean
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH RECURSIVE waiting (pid) AS (
        SELECT h.pid FROM unnest(holders) AS h (pid)
        UNION
        SELECT b.pid FROM waiting AS w, unnest(pg_blocking_pids(w.pid)) AS b (pid)
    )
    SELECT EXISTS (SELECT FROM waiting AS w WHERE w.pid = pg_backend_pid());
END;
COMMENT ON FUNCTION margin_internal.waits_for_me(integer[]) IS 'whether one of these processes waits for this one, or for one that does';

CREATE FUNCTION margin_internal.write_free_levels(book name, accounts text[], cause text, kept boolean, OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began timestamptz;
    patience CONSTANT interval := (SELECT s.setting::integer * interval '1 ms' FROM pg_settings AS s WHERE s.name = 'lock_timeout' AND s.setting <> '0');
    free text[];
    first text;
    changed integer;
    holders integer[];
    told integer[];
    who text;
BEGIN
    changes := 0;
    waiting := accounts;
    LOOP
        free := margin_internal.lock_free_levels(book, waiting);
        IF free <> '{}' THEN
            changes := changes + margin_internal.judge_levels(book, free, cause, NULL, kept);
            waiting := ARRAY(SELECT w.account FROM unnest(waiting) WITH ORDINALITY AS w (account, n)
                              WHERE NOT EXISTS (SELECT FROM unnest(free) AS f (account) WHERE f.account = w.account) ORDER BY w.n);
        END IF;
        EXIT WHEN waiting = '{}';

        -- All others are done.  One after the other, in the order of those who
        -- wait for it too; the rest may have become free meanwhile.
        first := waiting[1];
        began := coalesce(began, clock_timestamp());
        holders := margin_internal.level_holders(book, first);
        who := CASE cardinality(holders) WHEN 0 THEN 'a prepared transaction' WHEN 1 THEN 'process ' || holders[1]
                    ELSE 'one of the processes ' || array_to_string(holders, ', ') END;
        IF margin_internal.waits_for_me(holders) THEN
            -- it judges the account itself, after what this one leaves
            RAISE NOTICE USING MESSAGE = format('account "%s" of book "%s" is left to a transaction that waits for this refresh', first, book),
                DETAIL = format('Its level is held by %s.', who);
            waiting := waiting[2:];
        ELSIF clock_timestamp() - began >= patience THEN
            RAISE WARNING USING ERRCODE = 'lock_not_available',
                MESSAGE = format('accounts of book "%s" were not refreshed since other transactions hold their levels: %s', book, cardinality(waiting)),
                DETAIL = format('The level of account "%s" is held by %s; lock_timeout is over.', first, who),
                HINT = 'The next refresh judges them.';
            EXIT;
        ELSE
            IF told IS DISTINCT FROM holders THEN
                RAISE NOTICE USING MESSAGE = format('refresh of book "%s" waits for another transaction', book),
                    DETAIL = format('The level of account "%s" is held by %s.', first, who);
                told := holders;
            END IF;
            PERFORM margin_internal.report_progress(format('refresh %s: waiting for pid %s', left(book::text, 12), coalesce(holders[1]::text, '?')),
                                                    0, cardinality(waiting));
            changed := margin_internal.await_level(book, first, cause, patience - (clock_timestamp() - began));
            changes := changes + coalesce(changed, 0);
            waiting := CASE WHEN changed IS NULL THEN waiting[2:] || first ELSE waiting[2:] END;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.write_free_levels(name, text[], text, boolean) IS
'judge_levels() in the present market, those first whose level no other transaction holds; then waits for the others, who are judged by the rows of the book, as refresh_levels() says. Returns how many changed, and who is still waited for.';

-- Statements without locks first.  Rows without an account are nobody's level.
CREATE FUNCTION margin_internal.judge_everyone(book name, progress text, given margin.market, ratios numeric[], present bigint,
                                               OUT fresh text[], OUT changed text[], OUT strayed text[], OUT anchored bigint)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    living CONSTANT bigint[] := ARRAY(SELECT e.epoch FROM level_epoch AS e);
    expected CONSTANT bigint := (SELECT nullif(count(*), 0) FROM account_level);
BEGIN
    WITH judged AS MATERIALIZED (
        SELECT j.account_id, j.kept, j.epoch, j.was, j.portfolio, j.held
          FROM (SELECT coalesce(h.account_id, l.account_id) AS account_id, l.level AS kept, l.epoch, l.paused, l.portfolio AS was, h.portfolio,
                       margin_internal.kept_level(h.portfolio, judge_everyone.given, coalesce(l.level, 'healthy'), judge_everyone.ratios) AS held
                  FROM (SELECT a.account_id, a.portfolio
                          FROM (SELECT b.account_id, b.portfolio, row_number() OVER () AS n
                                  FROM account_portfolio AS b
                                 WHERE b.account_id IS NOT NULL) AS a
                         WHERE a.n % 1000 <> 0 OR margin_internal.report_progress(judge_everyone.progress, a.n, here.expected)
                        OFFSET 0) AS h
                  FULL JOIN account_level AS l ON l.account_id = h.account_id) AS j
         WHERE j.kept IS NULL OR j.held <> j.kept OR j.paused IS NOT NULL
            OR judge_everyone.present IS NOT NULL AND (NOT margin_internal.same_holdings(j.was, j.portfolio) OR j.epoch <= -2 OR j.epoch >= 0 AND j.epoch <> ALL (here.living))
    ), free AS (
        SELECT j.account_id, j.portfolio, w.mask, margin_internal.epoch_for(judge_everyone.present, j.epoch, w.room) AS epoch, coalesce(w.room, 0) AS room
          FROM judged AS j
          JOIN account_level AS l ON l.account_id = j.account_id AND l.epoch = j.epoch AND l.level = j.kept AND margin_internal.same_holdings(l.portfolio, j.was)
         CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(j.portfolio, judge_everyone.given, j.held, judge_everyone.ratios,
                                                                         margin_internal.room_wanted(j.epoch)) OFFSET 0) AS w
         WHERE judge_everyone.present IS NOT NULL AND j.held = j.kept
           FOR NO KEY UPDATE OF l SKIP LOCKED
    ), written AS (
        UPDATE account_level AS l SET portfolio = f.portfolio, epoch = f.epoch, room = f.room, mask = f.mask, paused = NULL
          FROM free AS f WHERE l.account_id = f.account_id
        RETURNING l.account_id, l.epoch
    )
    SELECT (SELECT array_agg(j.account_id::text) FROM judged AS j WHERE j.kept IS NULL),
           (SELECT array_agg(j.account_id::text) FROM judged AS j WHERE j.held <> coalesce(j.kept, 'healthy')),
           (SELECT array_agg(j.account_id::text) FROM judged AS j
             WHERE j.held = j.kept AND NOT EXISTS (SELECT FROM written AS w WHERE w.account_id = j.account_id)),
           (SELECT count(*) FROM written)
      INTO fresh, changed, strayed, anchored;
END
$$;
COMMENT ON FUNCTION margin_internal.judge_everyone(name, text, margin.market, numeric[], bigint) IS
'Judges all accounts of a book by its rows. With a present epoch it keeps what they hold and anchors to it those that no epoch proves, and returns how many. Accounts without a level, those that changed, and those that strayed: stay at their level, but could not be written.';

-- Who is writing an account keeps what it holds by himself, unless he rolls back.
-- Nobody waits for an idle one.
CREATE FUNCTION margin_internal.keep_strayed(book name, accounts text[], cause text, OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    free text[];
BEGIN
    changes := 0;
    waiting := coalesce(accounts, '{}');
    FOR attempt IN 1 .. 5 LOOP
        EXIT WHEN waiting = '{}';
        PERFORM pg_sleep(0.01) WHERE attempt > 1;
        free := margin_internal.lock_free_levels(book, waiting);
        IF free <> '{}' THEN
            changes := changes + margin_internal.judge_levels(book, free, cause, NULL, false);
            waiting := ARRAY(SELECT w.account FROM unnest(waiting) AS w (account) EXCEPT SELECT f.account FROM unnest(free) AS f (account));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.keep_strayed(name, text[], text) IS
'Keeps what accounts hold, and judges them once more, those that no other transaction is writing; returns how many changed, and who is still being written.';

CREATE FUNCTION margin_internal.some_not_entered(accounts text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
#variable_conflict use_column
BEGIN
    RETURN EXISTS (SELECT FROM unnest(margin_internal.account_keys(some_not_entered.accounts, (NULL::account).account_id)) AS a (account_id)
                    WHERE NOT EXISTS (SELECT FROM account_level AS l WHERE l.account_id = a.account_id));
END
$$;
COMMENT ON FUNCTION margin_internal.some_not_entered(text[]) IS 'whether one of the accounts has no level that is seen yet, as another transaction is entering it';

CREATE FUNCTION margin_internal.refresh_everyone(book name, progress text, cause text, sources text) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    given CONSTANT margin.market := venue_market();
    ratios CONSTANT numeric[] := venue_release_ratios();
    keep CONSTANT boolean := sources IS NOT NULL AND current_setting('transaction_isolation') = 'read committed';
    watched CONSTANT boolean := margin_internal.levels_are_watched(sources);
    present bigint;
    judged record;
    changes integer := 0;
    waiting text[] := '{}';
    strayed record;
BEGIN
    IF keep THEN
        -- an anchor holds for what is kept of its account; that is compared below
        IF NOT watched THEN
            UPDATE level_basis AS b SET sources = NULL WHERE b.sources IS NOT NULL;
        END IF;
        present := coalesce(margin_internal.present_epoch(given, ratios), (SELECT max(e.epoch) + 1 FROM level_epoch AS e), 0);
    ELSIF sources IS NULL THEN
        -- the tables may become again what they were, and writes be missed till then
        UPDATE level_basis AS b SET sources = NULL WHERE b.sources IS NOT NULL;
    END IF;
    judged := margin_internal.judge_everyone(book, progress, given, ratios, present);
    IF judged.fresh IS NOT NULL THEN
        PERFORM margin_internal.enter_levels(book, judged.fresh, given, ratios, present);
    END IF;
    IF keep AND (NOT watched OR judged.anchored > 0 OR judged.fresh IS NOT NULL OR judged.changed IS NOT NULL) THEN
        PERFORM margin_internal.enter_epoch(present, given, ratios, CASE WHEN watched THEN sources END,
                                            judged.anchored + coalesce(cardinality(judged.fresh), 0) + coalesce(cardinality(judged.changed), 0));
    END IF;
    IF judged.changed IS NOT NULL THEN
        SELECT w.changes, w.waiting INTO changes, waiting FROM margin_internal.write_free_levels(book, judged.changed, cause, false) AS w;
    END IF;
    strayed := margin_internal.keep_strayed(book, judged.strayed, cause);
    -- nobody was left out, so from now on writes are seen
    IF keep AND NOT watched AND waiting = '{}' AND strayed.waiting = '{}' AND NOT margin_internal.some_not_entered(judged.fresh)
       AND margin_internal.sources_are_settled('holding'::regclass) THEN
        UPDATE level_basis AS b SET sources = refresh_everyone.sources WHERE b.basis = (SELECT max(l.basis) FROM level_basis AS l);
    END IF;
    RETURN changes + strayed.changes;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_everyone(name, text, text, text) IS 'refresh_levels() of everyone, who are kept and anchored where all writes will be seen (sources, null where not)';

CREATE FUNCTION margin.refresh_levels(book name, everyone boolean DEFAULT false, cause text DEFAULT 'refresh') RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: refresh'
SET jit = off
AS $$
DECLARE
    sources text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF margin_internal.is_cluster(book) THEN
        RETURN (SELECT sum((a.result #>> '{}')::integer)
                  FROM margin_internal.ask_shards(book, 'refresh_levels', jsonb_build_object('everyone', everyone, 'cause', cause)) AS a);
    END IF;
    PERFORM margin_internal.refuse_distributed(book, 'levels cannot be kept here');

    -- One at a time: of two that each follow prices which the other does not
    -- see yet, the second sees both.  Not by account_level, which VACUUM locks alike.
    LOCK TABLE level_basis IN SHARE UPDATE EXCLUSIVE MODE;
    sources := margin_internal.level_sources('holding'::regclass);
    RETURN CASE
        WHEN everyone OR NOT margin_internal.levels_are_watched(sources)
        THEN margin_internal.refresh_everyone(book, 'refresh ' || left(book::text, 20), cause, sources)
        ELSE margin_internal.follow_market(book, cause, sources)
    END;
END
$$;
COMMENT ON FUNCTION margin.refresh_levels(name, boolean, text) IS
'Brings the levels of a book to the present market of its venue: changes those that moved as refresh_account_levels() does, and returns how many. With levels enabled on all its tables it judges the accounts that prices, terms or writes since the last refresh may have brought elsewhere, and proves the others; '
'everyone => true, and where levels are not enabled, judges all of them by their rows. Where nothing changed it writes nothing. It waits for other refreshes of the book to commit; margin.progress shows how far it is. '
'Accounts that change while another transaction holds their level come last: it waits for them, for no longer than lock_timeout (0: without bound) in all, a notice and margin.progress say for whom, and what is still held then is left to the next refresh with a warning. '
'Isolation levels and row security as there; an error (42704) where there is no such book.';

-- guard: writes that would break an account are refused when they commit
--
-- Triggers on the tables of a book note the accounts that a transaction
-- touches, and each of them is judged once at its end.  A book's own tables
-- have them from the start, disabled, which costs nothing at all; guard_table()
-- puts the same on other tables.  A feature is on where its trigger is enabled:
-- PostgreSQL waits for writers before it enables one, so that every transaction
-- is either guarded from its first write or done.
--
-- Each trigger names its book by the view holding in its WHEN condition, which
-- is always true: so it depends on that view, follows it when its schema is
-- renamed, is dumped with it, and goes when the book is dropped.

CREATE FUNCTION margin_internal.market_changed() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_market_changed';
COMMENT ON FUNCTION margin_internal.market_changed() IS
'Trigger, by row or by statement, on the tables of a venue: sessions that keep its market read it again, or only its prices.';

-- ---------------------------------------------------------------------------
-- Triggers
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.collect_account() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_collect_account';
COMMENT ON FUNCTION margin_internal.collect_account() IS
'Trigger, AFTER for each row WHEN (''book.holding''::regclass IS NOT NULL), with arguments (account column, feature guard or levels): notes the accounts of the old and the new row for check_accounts(). '
'A row whose account is null belongs to none. margin.guard_table() sets it up.';

CREATE FUNCTION margin_internal.check_accounts() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_accounts';
COMMENT ON FUNCTION margin_internal.check_accounts() IS
'Constraint trigger for each row: judges every account noted since the last judgement, once, in the market of this moment, or leaves that to the end of the transaction where that has come. '
'SQLSTATE MG001 for insufficient margin, MG002 for an account that cannot be valued. margin.guard_table() sets it up.';

CREATE FUNCTION margin_internal.judge_first() RETURNS void
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_judge_first';
COMMENT ON FUNCTION margin_internal.judge_first() IS
'for whoever has just written through foreign tables: what is written there is committed after the guard here has judged, not before';

CREATE FUNCTION margin_internal.refuse_truncate() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('cannot truncate table "%s": its accounts are guarded', TG_TABLE_NAME),
        HINT = 'DELETE is judged account by account; margin.disable_guard() switches the guard off.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_truncate() IS 'Trigger: TRUNCATE would bypass the guard.';

CREATE FUNCTION margin_internal.refuse_children() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_refuse_children';
COMMENT ON FUNCTION margin_internal.refuse_children() IS
'Trigger, BEFORE for each statement: an error (0A000) where another table inherits from the table, since no trigger of this one fires for its rows. Partitions are fine. margin.guard_table() sets it up.';

CREATE FUNCTION margin_internal.check_guardable(target regclass, account_column name, book name) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_guardable';
COMMENT ON FUNCTION margin_internal.check_guardable(regclass, name, name) IS
'An error unless the column of the table can name accounts of the book, the owner of the table has the rights of the owner of the book, no table inherits from it, '
'and the view holding of the book reads it, passes the column on unchanged as account_id wherever it does, and calls no volatile function; nothing for null.';

CREATE FUNCTION margin_internal.guard_triggers(
    OUT relation regclass, OUT name name, OUT part text, OUT enabled boolean, OUT account_column name, OUT book name, OUT trusted boolean
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT g.tgrelid::regclass, g.tgname,
           CASE g.tgfoid
               WHEN 'margin_internal.check_accounts'::regproc THEN 'verdict'
               WHEN 'margin_internal.refuse_truncate'::regproc THEN 'truncate'
               WHEN 'margin_internal.refuse_children'::regproc THEN 'children'
               -- arguments end with a zero byte each
               ELSE convert_from(substring(g.tgargs FROM a.length + 2 FOR octet_length(g.tgargs) - a.length - 2), getdatabaseencoding())
           END,
           g.tgenabled <> 'D',
           CASE WHEN a.length > 0 THEN convert_from(substring(g.tgargs FROM 1 FOR a.length), getdatabaseencoding())::name END,
           n.nspname,
           -- anybody can put such a trigger on a table of his own and name a book in it
           pg_has_role(c.relowner, v.relowner, 'USAGE')
      FROM pg_trigger AS g
      JOIN pg_class AS c ON c.oid = g.tgrelid
      JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'n'
      JOIN pg_class AS v ON v.oid = d.refobjid AND v.relkind = 'v' AND v.relname = 'holding'
      JOIN pg_namespace AS n ON n.oid = v.relnamespace,
           LATERAL (SELECT position(decode('00', 'hex') IN g.tgargs) - 1 AS length) AS a
     WHERE g.tgparentid = 0
       AND (g.tgfoid = 'margin_internal.collect_account'::regproc AND g.tgnargs = 2
            OR g.tgfoid IN ('margin_internal.check_accounts'::regproc, 'margin_internal.refuse_truncate'::regproc,
                            'margin_internal.refuse_children'::regproc));
END;
COMMENT ON FUNCTION margin_internal.guard_triggers() IS
'The triggers of guard and levels, each with its part in it (guard, levels, verdict, truncate, children), the account column of the first two, and its book. '
'trusted: the owner of the table has the rights of the owner of the book. Partitions have triggers of their own only against TRUNCATE.';

CREATE FUNCTION margin.guarded_tables(OUT relation regclass, OUT account_column name, OUT book name, OUT guard boolean, OUT levels boolean)
RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.relation, t.account_column, t.book, bool_or(t.part = 'guard' AND t.enabled), bool_or(t.part = 'levels' AND t.enabled)
      FROM margin_internal.guard_triggers() AS t
     WHERE t.part IN ('guard', 'levels') AND t.trusted
     GROUP BY t.relation, t.account_column, t.book;
END;
COMMENT ON FUNCTION margin.guarded_tables() IS
'The tables that carry the triggers of guard and levels, once for each book that they feed: the column that names the account of a row, the book whose view holding shows the rows, and whether the guard and the refresh of levels are on. '
'Only tables whose owner has the rights of the book''s owner; others cannot be written.';

-- ---------------------------------------------------------------------------
-- Switching
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.set_feature(book name, feature text, enabled boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted record;
BEGIN
    -- Each trigger where it is not as it is now wanted: a verdict is needed by
    -- either feature, and so is that no child takes part unseen.
    FOR wanted IN
        WITH t AS MATERIALIZED (
            SELECT * FROM margin_internal.guard_triggers() AS g WHERE g.book = set_feature.book AND g.trusted
        )
        SELECT t.relation, t.name, w.enabled
          FROM t,
               LATERAL (SELECT set_feature.enabled
                               OR t.part IN ('verdict', 'children') AND EXISTS (SELECT FROM t AS other
                                                                  WHERE other.relation = t.relation AND other.enabled
                                                                    AND other.part IN ('guard', 'levels') AND other.part <> feature)
                                  AS enabled) AS w
         WHERE t.part IN (feature, 'verdict', 'children', CASE feature WHEN 'guard' THEN 'truncate' END) AND t.enabled <> w.enabled
         ORDER BY t.relation, t.name
    LOOP
        EXECUTE format('ALTER TABLE %s %s TRIGGER %I', wanted.relation,
                       CASE WHEN wanted.enabled THEN 'ENABLE' ELSE 'DISABLE' END, wanted.name);
    END LOOP;
    RETURN (SELECT count(*) FROM margin.guarded_tables() AS g WHERE g.book = set_feature.book);
END
$$;
COMMENT ON FUNCTION margin_internal.set_feature(name, text, boolean) IS
'Enables or disables the triggers of a feature (guard or levels) on the tables of a book, and returns their number. For the owner of the tables; nothing for null.';

CREATE FUNCTION margin_internal.switch_feature(book name, feature text, enabled boolean) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF enabled THEN
        PERFORM margin_internal.refuse_distributed(book, 'writes are not seen here');
    END IF;
    IF margin_internal.set_feature(book, feature, enabled) = 0 THEN
        -- a book that is there, or an error that says so
        PERFORM margin_internal.enter_book(book);
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('book "%s" has no tables to guard', book),
            HINT = 'margin.guard_table() puts the triggers on the tables that its view holding reads.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.switch_feature(name, text, boolean) IS
'What enable_guard() and its sisters share: switches a feature (guard or levels) of a book on or off, an error where the book has no tables; nothing for null.';

CREATE FUNCTION margin.enable_guard(book name) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin_internal.switch_feature(book, 'guard', true);
END;
COMMENT ON FUNCTION margin.enable_guard(name) IS
'Switches the write guard of a book on: for its own tables balance, position and open_order, and those named to guard_table(). '
'Waits for transactions that are writing them; for their owner; survives dump and restore; nothing for null.';

CREATE FUNCTION margin.disable_guard(book name) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin_internal.switch_feature(book, 'guard', false);
END;
COMMENT ON FUNCTION margin.disable_guard(name) IS
'Switches the write guard of a book off, after which it costs nothing. For the owner of its tables; nothing for null.';

CREATE FUNCTION margin.enable_levels(book name, notify boolean DEFAULT NULL) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.switch_feature(book, 'levels', true);
    IF book IS NOT NULL AND notify IS NOT NULL THEN
        PERFORM margin_internal.enter_book(book);
        EXECUTE format('ALTER TABLE level_event %s TRIGGER level_event_notify', CASE WHEN notify THEN 'ENABLE' ELSE 'DISABLE' END);
    END IF;
END
$$;
COMMENT ON FUNCTION margin.enable_levels(name, boolean) IS
'From now on writes to the tables of a book refresh the levels of the accounts that they touch, as refresh_levels() does for all. '
'notify: whether changes of levels are notified (channel margin_level); with false a transaction that changes levels can be prepared, as one that writes shards on several nodes is; null: as it was, at first they are. '
'For the owner of the tables; survives dump and restore; nothing for a null book.';

CREATE FUNCTION margin.disable_levels(book name) RETURNS void
LANGUAGE sql VOLATILE STRICT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT margin_internal.switch_feature(book, 'levels', false);
END;
COMMENT ON FUNCTION margin.disable_levels(name) IS
'Writes to the tables of a book no longer refresh levels. For the owner of the tables; nothing for null.';

-- ---------------------------------------------------------------------------
-- Which tables
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.add_guard_triggers(book name, target regclass, account_column name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    holding text := format('%I.holding', book);
    relations regclass[] := ARRAY(SELECT target UNION SELECT p.relid FROM pg_partition_tree(target) AS p);
    suffix text;
    part regclass;
BEGIN
    -- A table that feeds several books has the triggers of each.
    SELECT s INTO STRICT suffix
      FROM generate_series(1, 1000) AS n, LATERAL (SELECT CASE WHEN n = 1 THEN '' ELSE '_' || n END AS s) AS name
     WHERE NOT EXISTS (SELECT FROM pg_trigger AS g
                        WHERE g.tgrelid = ANY (relations)
                          AND g.tgname IN ('margin_guard' || s, 'margin_levels' || s, 'margin_verdict' || s, 'margin_truncate' || s, 'margin_children' || s))
     ORDER BY n LIMIT 1;

    -- Triggers fire in order of their names: a verdict comes after what it is on.
    EXECUTE format(
        'CREATE TRIGGER margin_guard%4$s AFTER INSERT OR UPDATE OR DELETE ON %1$s
             FOR EACH ROW WHEN (%3$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account(%2$L, ''guard'');
         CREATE TRIGGER margin_levels%4$s AFTER INSERT OR UPDATE OR DELETE ON %1$s
             FOR EACH ROW WHEN (%3$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.collect_account(%2$L, ''levels'');
         CREATE CONSTRAINT TRIGGER margin_verdict%4$s AFTER INSERT OR UPDATE OR DELETE ON %1$s
             DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW WHEN (%3$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.check_accounts();
         COMMENT ON TRIGGER margin_guard%4$s ON %1$s IS ''notes the accounts that the guard is to judge'';
         COMMENT ON TRIGGER margin_levels%4$s ON %1$s IS ''notes the accounts whose levels are to be refreshed'';
         COMMENT ON TRIGGER margin_verdict%4$s ON %1$s IS ''judges the accounts that the transaction touched'';
         ALTER TABLE %1$s DISABLE TRIGGER margin_guard%4$s, DISABLE TRIGGER margin_levels%4$s, DISABLE TRIGGER margin_verdict%4$s',
        target, account_column, holding, suffix);
    IF (SELECT c.relkind <> 'p' FROM pg_class AS c WHERE c.oid = target) THEN
        EXECUTE format(
            'CREATE TRIGGER margin_children%3$s BEFORE INSERT OR UPDATE OR DELETE ON %1$s
                 FOR EACH STATEMENT WHEN (%2$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.refuse_children();
             COMMENT ON TRIGGER margin_children%3$s ON %1$s IS ''rows of tables that inherit would bypass the guard'';
             ALTER TABLE %1$s DISABLE TRIGGER margin_children%3$s', target, holding, suffix);
    END IF;
    FOREACH part IN ARRAY relations LOOP
        EXECUTE format(
            'CREATE TRIGGER margin_truncate%3$s BEFORE TRUNCATE ON %1$s
                 FOR EACH STATEMENT WHEN (%2$L::regclass IS NOT NULL) EXECUTE FUNCTION margin_internal.refuse_truncate();
             COMMENT ON TRIGGER margin_truncate%3$s ON %1$s IS ''TRUNCATE would bypass the guard'';
             ALTER TABLE %1$s DISABLE TRIGGER margin_truncate%3$s', part, holding, suffix);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.add_guard_triggers(name, regclass, name) IS
'Puts the triggers of guard and levels of a book on a table, disabled, under names that are not taken there. Use guard_table(), which checks and enables them; nothing for null.';

CREATE FUNCTION margin.unguard_table(book name, target regclass) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT t.relation, t.name FROM margin_internal.guard_triggers() AS t
         WHERE t.book = unguard_table.book
           AND (t.relation = target
                OR t.part = 'truncate' AND t.relation IN (SELECT p.relid FROM pg_partition_tree(target) AS p))
         ORDER BY t.relation, t.name
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', found.name, found.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.unguard_table(name, regclass) IS
'Takes the triggers of guard and levels of a book off a table; guard_table() puts them back. For the owner of the table; nothing for null.';

CREATE FUNCTION margin.guard_table(book name, target regclass, account_column name) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    PERFORM margin_internal.refuse_distributed(book, 'writes are not seen here');
    PERFORM margin_internal.check_guardable(target, account_column, book);
    SELECT bool_or(t.guard) AS guard, bool_or(t.levels) AS levels INTO present
      FROM margin.guarded_tables() AS t WHERE t.book = guard_table.book;
    PERFORM margin.unguard_table(book, target);
    PERFORM margin_internal.add_guard_triggers(book, target, account_column);
    -- as the book's tables are; on for its first
    PERFORM margin_internal.set_feature(book, 'guard', coalesce(present.guard, true));
    PERFORM margin_internal.set_feature(book, 'levels', coalesce(present.levels, false));
END
$$;
COMMENT ON FUNCTION margin.guard_table(name, regclass, name) IS
'Guards a table whose rows belong to the accounts in a column (smallint, integer, bigint, text, varchar, uuid) that the view holding of the book shows, unchanged, as account_id: that is traced through views, subqueries, joins and unions, now and when the view is replaced, and refused where it cannot be (0A000). '
'The first table of a book is guarded at once, others as those that it has. Call it again after partitions were added or the column renamed. '
'For the owner of the table, who needs the rights of the owner of the book; nothing for null.';

-- watch: which accounts the prices may have moved out of the level they are kept at
--
-- An account that is judged is anchored: account_level keeps the epoch, that is
-- the prices by which it was judged (level_epoch), and the room within which
-- these may move while its level is proven (safe_move()).  A tick computes how
-- far each symbol has moved since each epoch, and judges
--
--   those whose room that leaves, found by the index on (epoch, room);
--   those written since they were judged last: epoch -2, set by the writer in
--     the same update that stores the account's portfolio, and those entered but
--     not judged yet: epoch -3;
--   those that have hardly any room or cannot be valued: epoch -1.
--
-- The room is absolute, from the prices of the epoch: what one tick misses,
-- because a writer had not committed yet, the next one sees.
--
-- An epoch refers to the terms that it was judged by (level_basis).  A symbol
-- whose terms have changed counts as moved without bounds, and all of them do
-- where thresholds, rules or release ratios have changed.
--
-- All this holds only while writes are seen.  level_sources() describes the
-- tables that the book reads and their triggers; where that is another than at
-- the last full pass, or some table has no trigger, a full pass is made.

CREATE FUNCTION margin_internal.market_prices(market margin.market) RETURNS double precision[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_prices';
COMMENT ON FUNCTION margin_internal.market_prices(margin.market) IS
'The prices of a market by number: of its assets in byte order (their low), then of its contracts; NaN for one that is missing. Behind them, for each asset in doubt, minus its number and its high. Rounded, not to be used for amounts.';

CREATE FUNCTION margin_internal.terms_now(was margin.market, "is" margin.market) RETURNS integer[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_terms_now';
COMMENT ON FUNCTION margin_internal.terms_now(margin.market, margin.market) IS
'For each symbol of the first market, in the order of market_prices(), its number in the second, from 1, or 0 where it is gone or has other terms; null where thresholds of levels or rules differ.';

CREATE FUNCTION margin_internal.price_moves(terms_now integer[], was double precision[], "is" double precision[]) RETURNS double precision[]
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_price_moves';
COMMENT ON FUNCTION margin_internal.price_moves(integer[], double precision[], double precision[]) IS
'How far prices have moved, in proportion to what they were and never too little: for each bit of a mask, and last the largest. Infinity for a price that came or went, for changed terms, and for all where terms_now is null.';

CREATE FUNCTION margin_internal.out_of_room(mask bigint, room double precision, moves double precision[]) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'margin_out_of_room';
COMMENT ON FUNCTION margin_internal.out_of_room(bigint, double precision, double precision[]) IS
'Whether a symbol in the mask has moved by more than the room.';

CREATE FUNCTION margin_internal.same_holdings(a margin.portfolio, b margin.portfolio) RETURNS boolean
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL ELSE a OPERATOR(margin.=) b END;
COMMENT ON FUNCTION margin_internal.same_holdings(margin.portfolio, margin.portfolio) IS 'a IS NOT DISTINCT FROM b, whatever the search path';

-- ---------------------------------------------------------------------------
-- Are all writes seen?
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.view_reads(view regclass) RETURNS oid[]
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_view_reads';
COMMENT ON FUNCTION margin_internal.view_reads(regclass) IS
'The view, and the views and tables that it reads through them; null where a function or operator in one is not immutable, and so may read anything, or tell the time.';

-- Each part of the state is null where something may be missed: in a view nothing;
-- of a table its kind (one whose rows are here, and are there after a crash), the
-- trigger, an account column that cannot be null (nobody's rows have no level),
-- and children, whose triggers are their own affair.
CREATE FUNCTION margin_internal.level_sources(holding regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    -- its plan is kept by the session, as that of an SQL function is not; to make it takes longer than all else that a tick does
    RETURN (
    WITH read (relation) AS MATERIALIZED (
        SELECT r FROM unnest(margin_internal.view_reads(holding)) AS r
    ), levels AS (
        SELECT g.tgrelid, g.tgname, convert_from(substring(g.tgargs FROM 1 FOR position(decode('00', 'hex') IN g.tgargs) - 1), getdatabaseencoding()) AS account_column
          FROM pg_trigger AS g
          JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = holding
         WHERE g.tgparentid = 0 AND g.tgfoid = 'margin_internal.collect_account'::regproc
           -- arguments end with a zero byte each
           AND substring(g.tgargs FROM octet_length(g.tgargs) - 6) = decode('6c6576656c7300', 'hex')
    ), part (relation, root) AS (
        SELECT r.relation, r.relation FROM read AS r
        UNION
        SELECT p.relid, r.relation FROM read AS r JOIN pg_class AS c ON c.oid = r.relation AND c.relkind = 'p', pg_partition_tree(r.relation::regclass) AS p
    ), source AS MATERIALIZED (
        SELECT c.oid,
               CASE c.relkind
                   WHEN 'p' THEN 'partitioned'
                   -- replaced by another, as may be what it calls
                   WHEN 'v' THEN (SELECT min(w.xmin::text) || coalesce(':' || string_agg(f.oid || ' ' || f.xmin, ':' ORDER BY f.oid), '')
                                    FROM pg_rewrite AS w
                                    LEFT JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                                    LEFT JOIN pg_proc AS f ON f.oid = CASE d.refclassid
                                        WHEN 'pg_proc'::regclass THEN d.refobjid
                                        WHEN 'pg_operator'::regclass THEN (SELECT o.oprcode::oid FROM pg_operator AS o WHERE o.oid = d.refobjid) END
                                   WHERE w.ev_class = c.oid)
                   -- rewritten, truncated, or with its trigger switched
                   WHEN 'r' THEN (SELECT c.relfilenode || ':' || string_agg(g.oid || ' ' || g.xmin, ':' ORDER BY g.oid)
                                    FROM levels AS l
                                    JOIN pg_trigger AS g ON g.tgrelid = c.oid AND g.tgname = l.tgname AND g.tgenabled IN ('O', 'A')
                                    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = l.account_column AND a.attnotnull AND NOT a.attisdropped
                                   WHERE l.tgrelid = p.root AND c.relpersistence = 'p' AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid)
                                     -- what a subscription applies fires none
                                     AND NOT EXISTS (SELECT FROM pg_subscription_rel AS sr WHERE sr.srrelid = c.oid OR sr.srrelid IN (SELECT a.relid FROM pg_partition_ancestors(c.oid) AS a)))
               END AS state
          FROM part AS p JOIN pg_class AS c ON c.oid = p.relation
    )
    SELECT CASE WHEN bool_and(s.state IS NOT NULL) THEN encode(sha256(convert_to(string_agg(s.oid || '=' || s.state, ';' ORDER BY s.oid), 'UTF8')), 'hex') END
      FROM source AS s);
END
$$;
COMMENT ON FUNCTION margin_internal.level_sources(regclass) IS
'What tells whether writes to a book may have been missed: its views, its tables and their triggers of levels, as one text that changes with them. Null unless every table that the view holding reads is permanent, in no subscription, and has such a trigger, enabled, on an account column that is NOT NULL, and no function in the view may read what has none.';

-- A second change in one transaction leaves no trace in the catalogs: what is
-- younger than the transaction may change once more.
CREATE FUNCTION margin_internal.sources_are_settled(holding regclass) RETURNS boolean
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
BEGIN ATOMIC
    SELECT NOT EXISTS (
        SELECT FROM unnest(margin_internal.view_reads(holding)) AS r,
               LATERAL (SELECT c.xmin FROM pg_class AS c WHERE c.oid = r OR c.oid IN (SELECT p.relid FROM pg_partition_tree(r::regclass) AS p)
                        UNION ALL SELECT w.xmin FROM pg_rewrite AS w WHERE w.ev_class = r
                        UNION ALL SELECT g.xmin FROM pg_trigger AS g WHERE g.tgrelid = r OR g.tgrelid IN (SELECT p.relid FROM pg_partition_tree(r::regclass) AS p)) AS made
         WHERE age(made.xmin) <= age(pg_current_xact_id()::xid));
END;
COMMENT ON FUNCTION margin_internal.sources_are_settled(regclass) IS 'whether no view, table or trigger of a book has been changed by the present transaction, or by one that began after it';

-- The functions of this room that name tables bare are called by those that
-- have entered the book.

CREATE FUNCTION margin_internal.levels_are_watched(sources text) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
AS $$
BEGIN
    RETURN coalesce(sources = (SELECT b.sources FROM level_basis AS b ORDER BY b.basis DESC LIMIT 1), false);
END
$$;
COMMENT ON FUNCTION margin_internal.levels_are_watched(text) IS 'whether all writes since the last full pass were seen, so that account_level.portfolio is what each account holds';

-- What is kept of an account stands in one row, whoever may see which of its rows.
CREATE FUNCTION margin_internal.rows_are_hidden(holding regclass) RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM unnest(margin_internal.view_reads(holding)) AS r WHERE row_security_active(r));
COMMENT ON FUNCTION margin_internal.rows_are_hidden(regclass) IS 'whether row security applies to the current user in a table that the view reads';

CREATE FUNCTION margin_internal.levels_are_kept(levels regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(levels);
    RETURN margin_internal.levels_are_watched(margin_internal.level_sources('holding'::regclass))
       AND NOT margin_internal.rows_are_hidden('holding'::regclass);
END
$$;
COMMENT ON FUNCTION margin_internal.levels_are_kept(regclass) IS 'whether the book of that account_level keeps what its accounts hold, as of the last commit, and row security hides none of them from the current user';

CREATE FUNCTION margin_internal.require_kept(levels regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book text;
BEGIN
    IF NOT margin_internal.levels_are_kept(levels) THEN
        book := (SELECT c.relnamespace::regnamespace::text FROM pg_class AS c WHERE c.oid = levels);
        PERFORM margin_internal.enter(levels);
        IF margin_internal.rows_are_hidden('holding'::regclass) THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', SCHEMA = book,
                MESSAGE = format('row security hides accounts of book %s from role "%s"', book, current_user),
                DETAIL = 'What is kept with their levels would show all of them.',
                HINT = 'Read account_margin.';
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = book,
            MESSAGE = format('what the accounts of book %s hold is not kept', book),
            DETAIL = 'Levels are not enabled on every table that it reads, or these or their triggers have changed since the last refresh.',
            HINT = format('margin.enable_levels(%1$L), then, in another transaction, margin.refresh_levels(%1$L); or read account_margin.', book);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION margin_internal.require_kept(regclass) IS 'an error unless levels_are_kept()';

CREATE FUNCTION margin_internal.forget_levels() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(TG_RELID);
    UPDATE level_basis SET sources = NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.forget_levels() IS 'trigger of account_level, for rows that somebody removes: the next refresh is a full pass';

-- ---------------------------------------------------------------------------
-- Epochs
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.same_terms(was margin.market, "is" margin.market) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_same_terms';
COMMENT ON FUNCTION margin_internal.same_terms(margin.market, margin.market) IS 'whether two markets differ in their prices alone, so that their symbols have the same numbers';

CREATE FUNCTION margin_internal.present_epoch(given margin.market, ratios numeric[]) RETURNS bigint
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
AS $$
BEGIN
    RETURN (SELECT e.epoch
              FROM (SELECT * FROM level_epoch AS l ORDER BY l.epoch DESC LIMIT 1) AS e
              JOIN level_basis AS b ON b.basis = e.basis
             WHERE e.prices = margin_internal.market_prices(given)
               AND b.release_ratios IS NOT DISTINCT FROM ratios AND margin_internal.same_terms(b.market, given));
END
$$;
COMMENT ON FUNCTION margin_internal.present_epoch(margin.market, numeric[]) IS 'the last epoch, if it is of this very market; else null';

CREATE FUNCTION margin_internal.present_basis(given margin.market, ratios numeric[], seen text) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    last level_basis%ROWTYPE;
BEGIN
    SELECT * INTO last FROM level_basis AS b ORDER BY b.basis DESC LIMIT 1;
    IF NOT FOUND OR last.sources IS DISTINCT FROM seen OR last.release_ratios IS DISTINCT FROM ratios
       OR NOT margin_internal.same_terms(last.market, given) THEN
        last.basis := coalesce(last.basis, 0) + 1;
        INSERT INTO level_basis (basis, market, release_ratios, sources) VALUES (last.basis, given, ratios, seen);
    END IF;
    RETURN last.basis;
END
$$;
COMMENT ON FUNCTION margin_internal.present_basis(margin.market, numeric[], text) IS 'the last basis, if it is of these terms; else a new one';

-- An epoch that holds few accounts costs every tick as much as one that holds
-- many.  The accounts of the smallest are judged by the next tick, which finds
-- them room in an epoch of its own.
CREATE FUNCTION margin_internal.retire_epochs(present bigint) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    most CONSTANT integer := 128;
    smallest bigint;
BEGIN
    IF (SELECT count(*) FROM level_epoch) <= most THEN
        RETURN;
    END IF;
    DELETE FROM level_epoch AS e WHERE e.epoch <> present AND NOT EXISTS (SELECT FROM account_level AS l WHERE l.epoch = e.epoch);
    IF (SELECT count(*) FROM level_epoch) > most THEN
        SELECT e.epoch INTO smallest FROM level_epoch AS e WHERE e.epoch <> present ORDER BY e.accounts, e.epoch LIMIT 1;
        WITH free AS (
            SELECT l.account_id FROM account_level AS l WHERE l.epoch = smallest FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE account_level AS l SET epoch = -1 FROM free WHERE l.account_id = free.account_id;
    END IF;
    DELETE FROM level_basis AS b
     WHERE b.basis < (SELECT max(n.basis) FROM level_basis AS n) AND NOT EXISTS (SELECT FROM level_epoch AS e WHERE e.basis = b.basis);
END
$$;
COMMENT ON FUNCTION margin_internal.retire_epochs(bigint) IS 'keeps the number of epochs near 128: those go that no account is anchored to, and the accounts of the smallest are judged by the next refresh';

CREATE FUNCTION margin_internal.enter_epoch(number bigint, given margin.market, ratios numeric[], seen text, anchored bigint) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    INSERT INTO level_epoch (epoch, basis, prices, accounts)
    VALUES (number, margin_internal.present_basis(given, ratios, seen), margin_internal.market_prices(given), anchored)
        ON CONFLICT DO NOTHING;
    PERFORM margin_internal.retire_epochs(number);
END
$$;
COMMENT ON FUNCTION margin_internal.enter_epoch(bigint, margin.market, numeric[], text, bigint) IS 'the epoch to which so many accounts were just anchored, unless it is there already';

-- ---------------------------------------------------------------------------
-- A tick
-- ---------------------------------------------------------------------------

-- Room below this is not worth an anchor: the account is judged by every tick,
-- and written again only when it has found twice as much.
CREATE FUNCTION margin_internal.room_wanted(epoch bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN epoch = -1 THEN 0.001 ELSE 0.0005 END;
COMMENT ON FUNCTION margin_internal.room_wanted(bigint) IS 'room from which an account that was in an epoch is anchored to the present one, in proportion to prices';

-- Whoever is out of his room is judged by every tick until he is anchored anew,
-- which costs some sixteen judgements.  So it waits for his turn, one time in
-- sixteen: many prices come back before.  Not after a large move: there are too many
-- then.  Turns go by the clock, as prices may come and go among a few, and by what
-- tells accounts apart, or all who hold the same would have theirs at once.
CREATE FUNCTION margin_internal.room_wanted(epoch bigint, mask bigint, room double precision, turn integer, largest double precision) RETURNS double precision
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN epoch >= -1 AND largest < CASE WHEN epoch = -1 THEN 0.001 ELSE 0.02 END AND (hashint8(mask) # hashfloat8(room) # turn) & 15 <> 0 THEN 'Infinity'
            ELSE margin_internal.room_wanted(epoch) END;
COMMENT ON FUNCTION margin_internal.room_wanted(bigint, bigint, double precision, integer, double precision) IS
'the same for a tick whose turn and largest move those are; infinite where room is not looked for, as in 15 of 16 small ticks';

CREATE FUNCTION margin_internal.epoch_for(present bigint, was bigint, room double precision) RETURNS bigint
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN room >= margin_internal.room_wanted(was) THEN present ELSE -1 END;
COMMENT ON FUNCTION margin_internal.epoch_for(bigint, bigint, double precision) IS 'the epoch of an account that has so much room in the prices of the present one, and was in another; -1 where there is hardly any, or none (null)';

-- One statement, by plans made once: a plan costs more than a tick that finds
-- nobody.  An account is found in its index, from the end where there is least
-- room, by scans that clear away what they find dead there.
--
-- What is written is the version that was judged, by its level, epoch and
-- holdings: so the lock on its row has nothing new to show, and the judgement
-- stands.  It is of the market as this refresh sees it; whoever sets another
-- refreshes after this one.  Its row is found by its key, not by its place: that
-- scan marks what is dead in the index of keys, where it would gather.
CREATE FUNCTION margin_internal.judge_moved(given margin.market, ratios numeric[], pausing jsonb, present bigint, cause text, writes boolean,
                                            OUT changes integer, OUT anchored bigint, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    present_prices CONSTANT double precision[] := margin_internal.market_prices(judge_moved.given);
    -- since the last epoch
    largest CONSTANT double precision := (SELECT coalesce((margin_internal.price_moves(margin_internal.terms_now(b.market, judge_moved.given), e.prices, here.present_prices))[65], 1)
                                            FROM level_epoch AS e JOIN level_basis AS b ON b.basis = e.basis ORDER BY e.epoch DESC LIMIT 1);
    turn CONSTANT integer := hashfloat8(extract(epoch FROM clock_timestamp())::float8);
BEGIN
    WITH basis AS MATERIALIZED (
        SELECT b.basis, CASE WHEN b.release_ratios IS NOT DISTINCT FROM judge_moved.ratios THEN margin_internal.terms_now(b.market, judge_moved.given) END AS terms_now
          FROM level_basis AS b
    ), moved AS MATERIALIZED (
        SELECT e.epoch, margin_internal.price_moves(b.terms_now, e.prices, here.present_prices) AS moves
          FROM level_epoch AS e JOIN basis AS b ON b.basis = e.basis
    ), near AS (
        SELECT u.*
          FROM (SELECT * FROM account_level AS l WHERE l.epoch < 0
                UNION ALL
                SELECT l.*
                  FROM moved AS m
                 CROSS JOIN LATERAL (
                       SELECT * FROM account_level AS a
                        WHERE a.epoch = m.epoch AND a.room <= m.moves[65] AND margin_internal.out_of_room(a.mask, a.room, m.moves)
                       OFFSET 0) AS l) AS u
         -- of those that are judged hardly one has another level
         WHERE u.paused IS NOT NULL OR margin_internal.room_wanted(u.epoch, u.mask, u.room, here.turn, here.largest) < 'Infinity'
            OR margin_internal.kept_level(u.portfolio, judge_moved.given, u.level, judge_moved.ratios) IS DISTINCT FROM u.level
    ), judged AS MATERIALIZED (
        SELECT n.account_id, n.level, n.epoch, n.portfolio, n.paused AS was_paused, b.held AS held_by,
               CASE WHEN b.held IS NULL THEN w.level ELSE n.level END AS held, CASE WHEN b.held IS NOT NULL THEN w.level END AS paused,
               w.mask, w.room,
               CASE WHEN b.held IS NULL THEN margin_internal.epoch_for(judge_moved.present, n.epoch, w.room) ELSE -1 END AS epoch_now
          FROM near AS n
         CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(n.portfolio, judge_moved.given, n.level, judge_moved.ratios,
                                                                         margin_internal.room_wanted(n.epoch, n.mask, n.room, here.turn, here.largest)) OFFSET 0) AS w
         CROSS JOIN LATERAL (SELECT margin_internal.held_back_by(CASE WHEN n.epoch <> -3 THEN n.level END, w.level, n.portfolio, judge_moved.given, judge_moved.pausing) AS held OFFSET 0) AS b
    ), free AS (
        SELECT j.*
          FROM judged AS j
          JOIN account_level AS l ON l.account_id = j.account_id AND l.epoch = j.epoch AND l.level = j.level AND margin_internal.same_holdings(l.portfolio, j.portfolio)
         WHERE judge_moved.writes AND (j.held <> j.level OR j.epoch_now >= 0 OR j.epoch <> -1 OR j.paused IS DISTINCT FROM j.was_paused)
           FOR NO KEY UPDATE OF l SKIP LOCKED
    ), written AS (
        UPDATE account_level AS l
           SET level = f.held, since = CASE WHEN f.held = f.level THEN l.since ELSE now() END, epoch = f.epoch_now,
               -- whom every tick judges has no room: so his entry in the index stays
               room = CASE WHEN f.epoch_now = -1 THEN 0 ELSE f.room END, mask = f.mask, paused = f.paused
          FROM free AS f
         WHERE l.account_id = f.account_id
        RETURNING l.account_id, f.level AS from_level, l.level AS to_level, l.portfolio, l.epoch, f.was_paused, f.paused, f.held_by
    ), event AS (
        INSERT INTO level_event (account_id, from_level, to_level, equity, maintenance_margin, prices, cause, paused, held, market_id)
        SELECT w.account_id, w.from_level, w.to_level,
               CASE WHEN w.portfolio IS NULL THEN 0::numeric ELSE margin.judged_equity(w.portfolio, judge_moved.given) END,
               CASE WHEN w.portfolio IS NULL THEN 0::numeric ELSE margin.maintenance_margin(w.portfolio, judge_moved.given) END,
               coalesce(margin.prices(w.portfolio, judge_moved.given), '{}'), judge_moved.cause, w.paused, w.held_by,
               (SELECT margin_internal.market_id(judge_moved.given))
          FROM written AS w
         WHERE w.to_level <> w.from_level OR w.paused <> coalesce(w.was_paused, w.from_level)
         ORDER BY w.account_id
        RETURNING from_level, to_level
    )
    SELECT (SELECT count(*) FROM event AS e WHERE e.to_level <> e.from_level),
           (SELECT count(*) FROM written AS w WHERE w.epoch = judge_moved.present),
           (SELECT array_agg(u.account_id::text)
              FROM (SELECT j.account_id FROM judged AS j WHERE j.held <> j.level EXCEPT SELECT w.account_id FROM written AS w) AS u)
      INTO changes, anchored, waiting;
END
$$;
COMMENT ON FUNCTION margin_internal.judge_moved(margin.market, numeric[], jsonb, bigint, text, boolean) IS
'Judges, in a market, the accounts of a book whose level is not proven there by where they are anchored, writes the levels that changed with their events, anchors whom it can to the present epoch, and returns how many; waiting: whose level is another but was not written, as others were writing it or without writes.';

CREATE FUNCTION margin_internal.anchor_moved(given margin.market, ratios numeric[], cause text, sources text, writes boolean,
                                             OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    last CONSTANT bigint := margin_internal.present_epoch(given, ratios);
    present CONSTANT bigint := coalesce(last, (SELECT max(e.epoch) + 1 FROM level_epoch AS e), 0);
    judged record;
BEGIN
    judged := margin_internal.judge_moved(given, ratios, venue_pausing_prices(), present, cause, writes);
    IF last IS NULL AND judged.anchored > 0 THEN
        PERFORM margin_internal.enter_epoch(present, given, ratios, sources, judged.anchored);
    END IF;
    changes := judged.changes;
    waiting := judged.waiting;
END
$$;
COMMENT ON FUNCTION margin_internal.anchor_moved(margin.market, numeric[], text, text, boolean) IS
'judge_moved() in the present epoch of the book, entered if it is a new one';

-- A transaction that sees one instant cannot pass by the accounts that others
-- have written since: so if there is one, it anchors nobody this time.
CREATE FUNCTION margin_internal.anchor_as_seen(given margin.market, ratios numeric[], cause text, sources text, OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    SELECT a.changes, a.waiting INTO changes, waiting FROM margin_internal.anchor_moved(given, ratios, cause, sources, true) AS a;
EXCEPTION WHEN serialization_failure OR unique_violation THEN
    SELECT a.changes, a.waiting INTO changes, waiting FROM margin_internal.anchor_moved(given, ratios, cause, sources, false) AS a;
END
$$;
COMMENT ON FUNCTION margin_internal.anchor_as_seen(margin.market, numeric[], text, text) IS
'anchor_moved() of a transaction that sees one instant: it writes unless another one has written one of the accounts since';

CREATE FUNCTION margin_internal.follow_market(book name, cause text, sources text) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    given CONSTANT margin.market := venue_market();
    ratios CONSTANT numeric[] := venue_release_ratios();
    -- with an older snapshot rows must not be written as if it were the present one
    writes CONSTANT boolean := margin_internal.judges_by_the_present();
    moved record;
    later integer := 0;
BEGIN
    IF writes AND current_setting('transaction_isolation') <> 'read committed' THEN
        moved := margin_internal.anchor_as_seen(given, ratios, cause, sources);
    ELSE
        moved := margin_internal.anchor_moved(given, ratios, cause, sources, writes);
    END IF;
    IF moved.waiting IS NOT NULL THEN
        SELECT w.changes INTO later FROM margin_internal.write_free_levels(book, moved.waiting, cause, true) AS w;
    END IF;
    RETURN moved.changes + later;
END
$$;
COMMENT ON FUNCTION margin_internal.follow_market(name, text, text) IS 'refresh_levels() of a book all of whose writes are seen: by what it keeps of the accounts that may have changed';

-- ---------------------------------------------------------------------------
-- Checking
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.check_levels(book name)
RETURNS TABLE (account text, kept_level margin.level, judged_level margin.level, difference text)
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    given margin.market;
    ratios numeric[];
    pausing jsonb;
    watched boolean;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.refuse_distributed(book, 'levels cannot be kept here');
    given := venue_market();
    ratios := venue_release_ratios();
    pausing := venue_pausing_prices();
    watched := margin_internal.levels_are_watched(margin_internal.level_sources('holding'::regclass));
    RETURN QUERY
        SELECT j.account_id::text, j.level, j.judged,
               concat_ws(', ', CASE WHEN j.level IS NULL THEN 'never judged' WHEN j.level <> j.judged AND margin_internal.held_back_by(j.level, j.judged, j.portfolio, here.given, here.pausing) IS NULL THEN 'level' END, CASE WHEN j.strayed THEN 'portfolio' END)
          FROM (SELECT coalesce(p.account_id, l.account_id) AS account_id, l.level, p.portfolio,
                       margin_internal.kept_level(p.portfolio, here.given, coalesce(l.level, 'healthy'), here.ratios) AS judged,
                       here.watched AND l.account_id IS NOT NULL AND NOT margin_internal.same_holdings(l.portfolio, p.portfolio) AS strayed
                  FROM (SELECT * FROM account_portfolio AS h WHERE h.account_id IS NOT NULL) AS p
                  FULL JOIN account_level AS l ON l.account_id = p.account_id) AS j
         WHERE (j.level IS DISTINCT FROM j.judged AND margin_internal.held_back_by(j.level, j.judged, j.portfolio, here.given, here.pausing) IS NULL) OR j.strayed
         ORDER BY j.account_id;
END
$$;
COMMENT ON FUNCTION margin.check_levels(name) IS
'Compares the level that each account of a book is kept at with the one at which its rows and the present market would keep it, and, where levels are enabled, what is kept of its holdings with its rows; one row for each difference, none where all is right. '
'Reads everything and changes nothing; prices set and writes committed since the last refresh show as differences of level. refresh_levels(book, everyone => true) mends all. Null levels: never judged.';

-- market_source: a published market that a book reads instead of a venue's

-- A foreign table is read by the session that began the statement alone: another
-- might see it later, and so another market.
CREATE FUNCTION margin_internal.foreign_market(book anyelement, clock timestamptz) RETURNS margin.market
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED AS 'MODULE_PATHNAME', 'margin_kept_market';
COMMENT ON FUNCTION margin_internal.foreign_market(anyelement, timestamptz) IS 'kept_market() of a book whose market stands in a foreign table';

CREATE FUNCTION margin_internal.not_published(result anyelement, what text) RETURNS anyelement
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
        MESSAGE = format('%s are not published with the market that this book reads', what),
        HINT = 'Ask for them where its venue is.';
END
$$;
COMMENT ON FUNCTION margin_internal.not_published(anyelement, text) IS 'the error that a book over a published market knows nothing of that; of the type of the first argument';

CREATE FUNCTION margin_internal.market_columns(OUT name name, OUT type regtype, OUT required boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.name, c.type, c.required
      FROM (VALUES ('id', 'bigint'::regtype, true), ('at', 'timestamptz', true), ('valid_until', 'timestamptz', true), ('market', 'margin.market', true),
                   ('release_ratios', 'numeric[]', false), ('pausing_prices', 'jsonb', false), ('scenarios', 'margin.price_move[]', false),
                   ('repayment_rules', 'margin.repayment_rule[]', false)) AS c (name, type, required);
END;
COMMENT ON FUNCTION margin_internal.market_columns() IS 'columns of published_market: what a table or view that a book takes its market from has, or may have';

CREATE FUNCTION margin_internal.check_market_source(source regclass, trust boolean) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flaw record;
    owner record;
BEGIN
    IF (SELECT c.relkind FROM pg_class AS c WHERE c.oid = source) NOT IN ('r', 'p', 'v', 'm', 'f') THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('%s is no table and no view', source);
    END IF;
    SELECT c.name, c.type, format_type(a.atttypid, NULL) AS present INTO flaw
      FROM margin_internal.market_columns() AS c
      LEFT JOIN pg_attribute AS a ON a.attrelid = source AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped
     WHERE a.atttypid IS DISTINCT FROM c.type AND (c.required OR a.atttypid IS NOT NULL)
     LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = CASE WHEN flaw.present IS NULL THEN 'undefined_column' ELSE 'datatype_mismatch' END,
            MESSAGE = CASE WHEN flaw.present IS NULL THEN format('%s has no column "%s"', source, flaw.name)
                           ELSE format('column "%s" of %s is of type %s, not %s', flaw.name, source, flaw.present, flaw.type) END,
            HINT = 'A market is read from a table or view with columns id bigint, at timestamptz, valid_until timestamptz and market margin.market, as the table published_market of a venue has them.';
    END IF;
    IF NOT has_table_privilege(source, 'SELECT') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('permission denied for %s', source),
            DETAIL = 'A book reads its market as its owner.';
    END IF;
    SELECT r.rolname AS name, r.rolsuper INTO owner FROM pg_class AS c JOIN pg_roles AS r ON r.oid = c.relowner WHERE c.oid = source;
    IF owner.name <> current_user AND NOT owner.rolsuper AND trust IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('%s belongs to role "%s"', source, owner.name),
            DETAIL = 'Readers of the book read what that role publishes there, through code of that role if it is a view.',
            HINT = 'Say trust => true if all readers of the book trust it.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_market_source(regclass, boolean) IS
'an error unless a book of the caller may read its market from a table or view: it has the columns of published_market, those that are needed, and the caller may read it and trusts its owner';

-- Whether its rows are here, so that all workers of a statement see the same.
CREATE FUNCTION margin_internal.market_is_local(market_source regclass) RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN coalesce((SELECT bool_and(c.relkind IN ('r', 'v', 'm')) FROM unnest(margin_internal.view_reads(market_source)) AS r JOIN pg_class AS c ON c.oid = r), false);
COMMENT ON FUNCTION margin_internal.market_is_local(regclass) IS 'whether the view market_source of a book reads nothing but tables of this database, by functions that are immutable';

CREATE FUNCTION margin_internal.source_script_of(market_source regclass) RETURNS text[]
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    script CONSTANT text[] := margin_internal.source_script();
BEGIN
    IF margin_internal.market_is_local(market_source) AND NOT margin_internal.is_distributed(market_source) THEN
        RETURN script;
    END IF;
    RETURN ARRAY(SELECT CASE WHEN s.paragraph ~ 'kept_market' THEN replace(replace(s.paragraph, 'kept_market', 'foreign_market'), 'PARALLEL SAFE', 'PARALLEL RESTRICTED')
                             ELSE s.paragraph END
                   FROM unnest(script) WITH ORDINALITY AS s (paragraph, n) ORDER BY s.n);
END
$$;
COMMENT ON FUNCTION margin_internal.source_script_of(regclass) IS 'the statements that give a book with that view market_source what others have of their venue';

CREATE FUNCTION margin_internal.create_market_source(book name, source regclass) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view regclass;
    field name;
BEGIN
    EXECUTE format('CREATE VIEW %I.market_source WITH (security_invoker = true) AS SELECT %s FROM %s AS s', book,
                   (SELECT string_agg(CASE WHEN a.attname IS NULL THEN format('NULL::%s AS %I', c.type, c.name) ELSE format('s.%I', c.name) END, ', ' ORDER BY c.n)
                      FROM margin_internal.market_columns() WITH ORDINALITY AS c (name, type, required, n)
                      LEFT JOIN pg_attribute AS a ON a.attrelid = source AND a.attname = c.name AND a.attnum > 0 AND NOT a.attisdropped),
                   source);
    EXECUTE format('COMMENT ON VIEW %I.market_source IS ''the published market that the book reads, in one row; for its owner''', book);
    FOR field IN SELECT c.name FROM margin_internal.market_columns() AS c LOOP
        EXECUTE format('COMMENT ON COLUMN %I.market_source.%I IS ''as in published_market of the venue; null where that does not come along''', book, field);
    END LOOP;
    view := format('%I.market_source', book)::regclass;
    PERFORM margin_internal.run_script(book, margin_internal.source_script_of(view));
    RETURN margin_internal.market_is_local(view);
END
$$;
COMMENT ON FUNCTION margin_internal.create_market_source(name, regclass) IS
'gives a book a published market in place of a venue; whether what reads it may run in parallel workers';

-- elsewhere: books whose accounts live on shards, as the functions of a book meet them
--
-- margin.create_cluster() makes them. What a book does for all its accounts it asks
-- of the shards, or it says that it has to be done there.

-- In PL/pgSQL, which keeps its plan, as every refresh asks.
CREATE FUNCTION margin_internal.is_cluster(book name) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN (SELECT count(*) = 2 FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
             WHERE n.nspname = is_cluster.book AND (c.relname, c.relkind) IN (('shard', 'r'), ('holding', 'p')));
END
$$;
COMMENT ON FUNCTION margin_internal.is_cluster(name) IS 'whether the accounts of a book live on shards';

CREATE FUNCTION margin_internal.refuse_cluster(book name, hint text DEFAULT 'Call this on each shard.') RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.is_cluster(book) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('the accounts of book "%s" live on shards', book),
            HINT = refuse_cluster.hint;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_cluster(name, text) IS 'an error for a cluster, from what has to run where the accounts are, with a hint';

-- In the order of their numbers, for everybody, so that nobody waits in a circle.
CREATE FUNCTION margin_internal.ask_shards(book name, command text, argument jsonb DEFAULT NULL, OUT shard integer, OUT result jsonb) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOR shard IN SELECT s.shard FROM shard AS s ORDER BY s.shard LOOP
        EXECUTE format('INSERT INTO %I (command, argument) VALUES ($1, $2) RETURNING result', 'shard_request_shard' || shard)
           INTO result USING command, argument;
        RETURN NEXT;
    END LOOP;
    PERFORM margin_internal.judge_first();
END
$$;
COMMENT ON FUNCTION margin_internal.ask_shards(name, text, jsonb) IS 'has each shard carry out a command, in the transaction of the caller, and returns the answers; an error of one is an error';

-- A coordinator reads at REPEATABLE READ or above, by an instant at which there
-- may have been another market: then this is an error (40001).
CREATE FUNCTION margin_internal.judges_by_the_present() RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' THEN
        RETURN true;
    ELSIF to_regclass('shard_request') IS NULL OR NOT has_table_privilege('published_market', 'UPDATE') THEN
        RETURN false;
    END IF;
    PERFORM FROM published_market FOR SHARE;
    RETURN true;
END
$$;
COMMENT ON FUNCTION margin_internal.judges_by_the_present() IS 'whether the market that the transaction sees in the book is the present one, and will be until it ends: at READ COMMITTED the next statement sees the next one, and on a shard none is let in';

-- distributed: books over tables that Citus distributes
--
-- The coordinator's own table of that name is empty.  What reads it behind
-- Citus's back would find nothing and say so of every account; so what cannot be
-- asked of the shards is refused.

CREATE FUNCTION margin_internal.is_distributed(relation regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    found boolean;
BEGIN
    IF to_regclass('pg_catalog.pg_dist_partition') IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE $query$
        WITH RECURSIVE read (relation) AS (
            SELECT $1
            UNION
            SELECT d.refobjid
              FROM read AS r
              JOIN pg_rewrite AS w ON w.ev_class = r.relation
              JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
        )
        SELECT EXISTS (SELECT FROM read AS r JOIN pg_dist_partition AS p ON p.logicalrelid = r.relation)
    $query$ INTO found USING relation::oid;
    RETURN found;
END
$$;
COMMENT ON FUNCTION margin_internal.is_distributed(regclass) IS
'whether a table, or one that a view reads, is distributed by Citus, a reference table, or another whose rows only Citus finds; false for null';

CREATE FUNCTION margin_internal.refuse_distributed(book name, what text) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.refuse_cluster(book);
    IF margin_internal.is_distributed(to_regclass(format('%I.holding', book))) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" reads distributed tables: %s', book, what),
            DETAIL = 'The rows of its accounts are on the workers of a Citus cluster.',
            HINT = 'A book over the tables of each shard, made on its worker, does it there; the chapter on books in the manual shows how.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_distributed(name, text) IS 'an error (0A000) that says what cannot be done, for a book whose accounts are elsewhere: it reads tables distributed by Citus, or its accounts live on shards';

CREATE FUNCTION margin_internal.check_shipped_market(book name, market regclass) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF market IS NULL OR NOT margin_internal.is_distributed(market) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" reads distributed tables, so its market has to be a row of a reference table', book),
            DETAIL = 'Its accounts are valued on the workers of a Citus cluster, where the tables of a venue are not.',
            HINT = 'Have margin.publish_market() publish it, copy that row into a table made by create_reference_table(), and say create_book(..., market => that table).';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_shipped_market(name, regclass) IS 'an error (0A000) unless the market of a book over distributed tables stands in a table that is on every worker';

-- The coordinator alone reads what a venue or book is made of; what it sends to
-- the workers names tables and functions of the extension.
CREATE FUNCTION margin_internal.set_propagation(setting text) RETURNS text
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT text := current_setting('citus.enable_ddl_propagation', true);
BEGIN
    IF setting IS NOT NULL AND present IS NOT NULL THEN
        PERFORM set_config('citus.enable_ddl_propagation', setting, true);
    END IF;
    RETURN present;
END
$$;
COMMENT ON FUNCTION margin_internal.set_propagation(text) IS 'sets whether Citus makes on the workers what is made here, until the end of the transaction (null: leaves it), and returns what it was; null without Citus';

-- The same errors as where a published market is read by the session.
CREATE FUNCTION margin_internal.valid_market(markets margin.market[], id bigint, valid_until timestamptz) RETURNS margin.market
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF cardinality(markets) > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'cardinality_violation', MESSAGE = format('%s markets are published for the book', cardinality(markets)),
            DETAIL = 'Its view market_source has to show one row.';
    ELSIF markets[1] IS NULL OR valid_until IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'no market is published for the book',
            HINT = 'margin.publish_market() publishes one where its venue is.';
    ELSIF now() >= valid_until AND valid_until <> 'infinity' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = 'the published market of the book has expired',
            DETAIL = format('It is market %s, and was valid until %s.', id, valid_until),
            HINT = 'Publish it again where its venue is, and copy the row.';
    END IF;
    RETURN markets[1];
END
$$;
COMMENT ON FUNCTION margin_internal.valid_market(margin.market[], bigint, timestamptz) IS
'the market of the rows that a view market_source shows; an error unless it is one (21000), and valid at now() (55000)';

CREATE FUNCTION margin_internal.given_scenarios(scenarios margin.price_move[]) RETURNS margin.price_move[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN coalesce(scenarios, margin_internal.not_published(NULL::margin.price_move[], 'scenarios'));
COMMENT ON FUNCTION margin_internal.given_scenarios(margin.price_move[]) IS 'the scenarios; an error (0A000) for null: they are not published';

-- Without parameters, as a text of its own: so Citus sends it to the shards, that
-- of one account to its shard alone.
CREATE FUNCTION margin_internal.distributed_rows(view anyelement, account text) RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.* FROM %s AS v WHERE v.account_id = %L', (SELECT t.typrelid::regclass FROM pg_type AS t WHERE t.oid = pg_typeof(view)), account);
END
$$;
COMMENT ON FUNCTION margin_internal.distributed_rows(anyelement, text) IS 'the rows of an account in a view of a book over distributed tables; the first argument is of its row type; none for a null account';

CREATE FUNCTION margin_internal.distributed_rows(view anyelement) RETURNS SETOF anyelement
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.* FROM %s AS v', (SELECT t.typrelid::regclass FROM pg_type AS t WHERE t.oid = pg_typeof(view)));
END
$$;
COMMENT ON FUNCTION margin_internal.distributed_rows(anyelement) IS 'all rows of a view of a book over distributed tables; the argument is of its row type';

-- What begins with the same line as an object of the book script takes its place.
CREATE FUNCTION margin_internal.book_script_of(distributed boolean) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    plain CONSTANT text[] := margin_internal.book_script();
    other CONSTANT text[] := CASE WHEN distributed THEN margin_internal.distributed_script() ELSE '{}' END;
BEGIN
    RETURN ARRAY(SELECT o.paragraph FROM unnest(other) WITH ORDINALITY AS o (paragraph, n)
                  WHERE NOT EXISTS (SELECT FROM unnest(plain) AS p (paragraph) WHERE split_part(p.paragraph, E'\n', 1) = split_part(o.paragraph, E'\n', 1))
                  ORDER BY o.n)
        || ARRAY(SELECT coalesce(o.paragraph || substr(p.paragraph, strpos(p.paragraph, E'\nCOMMENT ON ')), p.paragraph)
                   FROM unnest(plain) WITH ORDINALITY AS p (paragraph, n)
                   LEFT JOIN unnest(other) AS o (paragraph) ON split_part(o.paragraph, E'\n', 1) = split_part(p.paragraph, E'\n', 1)
                  ORDER BY p.n);
END
$$;
COMMENT ON FUNCTION margin_internal.book_script_of(boolean) IS 'the statements that make a book, over distributed tables or not';

-- A shard that Citus moves arrives without the triggers that are its worker's own.
CREATE FUNCTION margin.require_guard() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    wanted CONSTANT text[] := CASE WHEN TG_NARGS = 0 THEN '{guard}' ELSE TG_ARGV END;
    missing text;
BEGIN
    SELECT w INTO missing FROM unnest(wanted) AS w
     WHERE NOT EXISTS (SELECT FROM margin_internal.guard_triggers() AS t WHERE t.relation = TG_RELID AND t.part = w AND t.enabled AND t.trusted);
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            MESSAGE = format('no book has its %s on table "%s"', missing, TG_TABLE_NAME),
            HINT = 'Make a book over it, with margin.guard_table() and margin.enable_levels(); of a shard that was moved, on the worker where it is now.';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin.require_guard() IS
'Trigger, BEFORE for each statement: an error (55000) unless the guard of a book is on for the table. Arguments: guard, levels, those that have to be on; none: guard. For distributed tables (citus.enable_unsafe_triggers): it travels with their shards, whose own triggers do not.';

-- repay: a repayment plan carried out, on a book's own tables

CREATE FUNCTION margin_internal.holds_otherwise(book name, account text) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_holds_otherwise';
COMMENT ON FUNCTION margin_internal.holds_otherwise(name, text) IS
'Whether an account of a book by now holds anything else than the snapshot of this transaction shows: others may have committed rows that it cannot see. Null for null.';

-- The rows of the account are locked before they are read.  This waits for a
-- writer who was there before and sees what that one wrote; a later writer waits
-- for this.  At REPEATABLE READ and above, where the former's rows could not be
-- seen, it fails to serialize, added rows included.  Rows that others are only about to
-- add belong to transactions that might as well have begun afterwards.  Rows
-- of the house account are changed in key order, without being read before.
--
-- The guard, where it is on, takes its locks when the transaction commits, as
-- for any other writer.  Taking them here, ahead of rows that other writers
-- hold until they commit, would make deadlocks.
CREATE FUNCTION margin_internal.repay(
    holding regclass, account text, house_account text, funding_order margin.funding_order, forced boolean, market margin.market
) RETURNS SETOF margin.repayment
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    booked_at timestamptz;
    plan margin.repayment[];
BEGIN
    PERFORM margin_internal.enter(repay.holding);
    PERFORM margin_internal.check_own_tables(current_schema(), 'book repayments in', 'margin.repayment_plan() says what to book.');
    PERFORM margin_internal.refuse_distributed(current_schema(), 'nothing can be booked here');
    IF account IS NULL OR house_account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = CASE WHEN account IS NULL THEN 'account_id must not be null' ELSE 'house_account_id must not be null' END;
    END IF;
    IF account_key(account) = account_key(house_account) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('account %s cannot be its own house account', account);
    END IF;

    PERFORM FROM balance AS b WHERE b.account_id = (SELECT account_key(account)) ORDER BY b.asset COLLATE "C" FOR UPDATE;
    PERFORM FROM position AS p WHERE p.account_id = (SELECT account_key(account)) ORDER BY p.contract COLLATE "C", p.side COLLATE "C" FOR UPDATE;
    PERFORM FROM open_order AS o WHERE o.account_id = (SELECT account_key(account)) ORDER BY o.order_id COLLATE "C" FOR UPDATE;

    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       AND margin_internal.holds_otherwise(current_schema(), account) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
            MESSAGE = format('could not serialize access to account %s due to concurrent update', account);
    END IF;

    plan := ARRAY(
        SELECT c
          FROM margin.repayment_plan(
                   (SELECT p.portfolio FROM account_portfolio AS p WHERE p.account_id = (SELECT account_key(account))),
                   coalesce(repay.market, venue_market()), venue_repayment_rules(), repay.funding_order, repay.forced) AS c
         ORDER BY c.step);
    booked_at := clock_timestamp();

    INSERT INTO balance AS b (account_id, asset, quantity)
    SELECT account_key(e.account), e.asset, sum(e.quantity)
      FROM unnest(plan) AS c,
           LATERAL (VALUES (repay.account, c.funding_asset, -c.paid), (repay.account, c.debt_asset, c.repaid),
                           (repay.house_account, c.funding_asset, c.paid), (repay.house_account, c.debt_asset, -c.repaid))
                       AS e (account, asset, quantity)
     WHERE c.outcome = 'converted'
     GROUP BY e.account, e.asset
     ORDER BY e.account = repay.house_account, e.asset COLLATE "C"
    ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity;

    INSERT INTO repayment_entry (account_id, booked_at, house_account_id, forced, step, outcome, debt_asset, funding_asset, paid, repaid,
                                 debt_price, funding_price, conversion_discount, paid_value, repaid_value,
                                 remaining_debt, remaining_due, level)
    SELECT account_key(repay.account), booked_at, account_key(repay.house_account), coalesce(repay.forced, false), c.*
      FROM unnest(plan) AS c
     WHERE c.outcome = 'converted';

    RETURN QUERY SELECT c.* FROM unnest(plan) AS c ORDER BY c.step;
END
$$;
COMMENT ON FUNCTION margin_internal.repay(regclass, text, text, margin.funding_order, boolean, margin.market) IS
'What the function repay() of a book does; the book is that of its view holding, accounts are given as text. An error (0A000) for a book over other tables.';

-- accruals: interest on debts and funding of positions, booked against a house account
--
-- What is charged is read in one statement, hence at one instant of all accounts,
-- and booked as an addition to what the balances are by then; so nothing is
-- locked before it is written, and what others book meanwhile is kept.  (Many
-- hours that are caught up are charged in several such steps of one transaction.)
--
-- Each hour, and each settlement of a contract, is entered under its key before
-- anything else.  Of two calls at once the second waits there for the end of the
-- first, and then finds nothing left to do, or all of it if the first was rolled
-- back.  At REPEATABLE READ and above, where it could not see the first, it fails
-- to serialize.

CREATE TYPE margin.interest_rate AS (
    asset text,
    valid_from timestamptz,
    hourly_rate numeric,
    free_amount numeric,
    method text
);
COMMENT ON TYPE margin.interest_rate IS 'one row of a venue''s interest_rate; its function interest_rates() returns an array of these';
COMMENT ON COLUMN margin.interest_rate.asset IS 'the asset owed';
COMMENT ON COLUMN margin.interest_rate.valid_from IS 'the hour from which it counts';
COMMENT ON COLUMN margin.interest_rate.hourly_rate IS 'interest per unit charged and hour';
COMMENT ON COLUMN margin.interest_rate.free_amount IS 'a debt of up to this costs nothing, in units of the asset';
COMMENT ON COLUMN margin.interest_rate.method IS 'excess: what is above free_amount is charged; whole: all of a debt that is above it';

CREATE FUNCTION margin_internal.ceil18(amount numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trim_scale(ceil(amount * 1e18) * 1e-18);
COMMENT ON FUNCTION margin_internal.ceil18(numeric) IS 'an amount rounded up at the 18th decimal, towards +infinity; exact otherwise; null for null';

-- ---------------------------------------------------------------------------
-- Where balances are booked
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.balance_columns(flawed_holding regclass, source regclass, OUT account name, OUT asset name, OUT quantity name) RETURNS record
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_balance_columns';
COMMENT ON FUNCTION margin_internal.balance_columns(regclass, regclass) IS
'the columns of the source of a book''s balances that its view flawed_holding reads as account, asset and quantity; null for one that is computed, or where the source is not read once';

-- A balance is one row where the table says so by a key of just account and
-- asset: that row is added to.  Otherwise it is the sum of rows, and one is
-- added.
CREATE FUNCTION margin_internal.booking_command(holding regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    source regclass;
    book name;
    columns record;
    types text[];
    quantity record;
    keyed boolean;
BEGIN
    PERFORM margin_internal.enter(booking_command.holding);
    book := current_schema();
    source := (SELECT a.balances FROM about() AS a);
    SELECT c.* INTO columns FROM margin_internal.balance_columns('flawed_holding'::regclass, source) AS c;
    IF columns.account IS NULL OR columns.asset IS NULL OR columns.quantity IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" has no balances to book in', book),
            DETAIL = CASE WHEN source IS NULL THEN 'It has no source of balances.'
                          ELSE format('Of %s the account, the asset and the quantity have to be columns as they are, not computed.', source) END,
            HINT = 'Make the book over a view that has such columns, with an INSTEAD OF INSERT trigger that books what is inserted.';
    END IF;
    -- What a view filters could be booked where the book does not see it.
    IF EXISTS (SELECT FROM pg_class AS c
                WHERE c.oid = source AND c.relkind = 'v' AND NOT coalesce(c.reloptions, '{}') @> '{check_option=cascaded}'
                  -- 68: INSTEAD OF INSERT
                  AND NOT EXISTS (SELECT FROM pg_trigger AS t WHERE t.tgrelid = c.oid AND t.tgtype & 68 = 68)) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('view %s may lose what is booked in it', source),
            DETAIL = 'It has neither an INSTEAD OF INSERT trigger nor a cascaded check option.',
            HINT = 'ALTER VIEW ... SET (check_option = cascaded), or make such a trigger that books what is inserted.';
    END IF;
    -- of a domain the type beneath it; typmod - 4 holds precision and scale
    WITH RECURSIVE beneath (type, typmod, n) AS (
        SELECT a.atttypid, a.atttypmod, 0 FROM pg_attribute AS a WHERE a.attrelid = source AND a.attname = columns.quantity
        UNION ALL
        SELECT t.typbasetype, CASE WHEN b.typmod = -1 THEN t.typtypmod ELSE b.typmod END, b.n + 1
          FROM beneath AS b JOIN pg_type AS t ON t.oid = b.type WHERE t.typtype = 'd'
    )
    SELECT b.type, CASE WHEN b.typmod <> -1 THEN (b.typmod - 4) & 2047 END AS scale INTO quantity FROM beneath AS b ORDER BY b.n DESC LIMIT 1;
    IF quantity.type <> 'numeric'::regtype OR quantity.scale < 18 OR quantity.scale > 1000 THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('column "%s" of %s cannot hold what is booked', columns.quantity, source),
            DETAIL = 'Amounts have up to 18 decimals.',
            HINT = 'ALTER TABLE ... ALTER COLUMN ... TYPE numeric.';
    END IF;
    keyed := EXISTS (
        SELECT FROM pg_index AS i
         WHERE i.indrelid = source AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indpred IS NULL AND i.indnkeyatts = 2
           AND (SELECT array_agg(a.attname ORDER BY a.attname) FROM pg_attribute AS a WHERE a.attrelid = source AND a.attnum = ANY (i.indkey[0:1]))
               = (SELECT array_agg(c ORDER BY c) FROM unnest(ARRAY[columns.account, columns.asset]) AS c));
    -- -1: as it is without a length; "character" would be one of 1
    types := ARRAY(SELECT format_type(a.atttypid, -1) FROM pg_attribute AS a
                    WHERE a.attrelid = source AND a.attname IN (columns.account, columns.asset) ORDER BY a.attname = columns.asset);
    RETURN format('WITH due AS MATERIALIZED ('
                  ' SELECT e.account_id, e.asset, sum(e.amount) AS amount, bool_or(e.house) AS house, count(*) AS events FROM accrual_event AS e'
                  ' WHERE e.kind = $1 AND e.accrued_at = ANY ($2) AND (e.symbol = $3 OR $3 IS NULL)'
                  ' GROUP BY e.account_id, e.asset'
                  '), booked AS ('
                  ' INSERT INTO %s AS b (%2$I, %3$I, %4$I)'
                  ' SELECT d.account_id::%5$s, d.asset::%6$s, d.amount FROM due AS d WHERE d.amount <> 0'
                  ' ORDER BY d.house, d.account_id, d.asset COLLATE "C"'
                  || CASE WHEN keyed THEN ' ON CONFLICT (%2$I, %3$I) DO UPDATE SET %4$I = b.%4$I + excluded.%4$I' ELSE '' END ||
                  ' RETURNING b.%4$I AS quantity'
                  ') SELECT (SELECT coalesce(sum(d.events), 0) FROM due AS d), (SELECT count(*) FROM due AS d WHERE d.amount <> 0),'
                  ' (SELECT count(*) FROM booked AS b WHERE margin.is_amount(b.quantity))',
                  source, columns.account, columns.asset, columns.quantity, types[1], types[2]);
END
$$;
COMMENT ON FUNCTION margin_internal.booking_command(regclass) IS
'the command that adds the amounts of accrual_event of a kind ($1), of instants ($2) and of a symbol or of all ($3, null) to the balances of a book, which is that of its view holding: those of the house account last. It returns how many events there were, how many balances were due to change, and how many did, to a finite number. An error (0A000) where the columns of its balances are computed or cannot hold 18 decimals, or stand in a view that may lose them';

-- Of what is counted each part is what the booking itself saw, so that nothing
-- that others enter at the same time slips in between.
CREATE FUNCTION margin_internal.book_accruals(holding regclass, kind text, instants timestamptz[], symbol text, entered bigint) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    events bigint;
    due bigint;
    booked bigint;
BEGIN
    PERFORM margin_internal.enter(book_accruals.holding);
    EXECUTE margin_internal.booking_command('holding'::regclass) INTO events, due, booked
      USING book_accruals.kind, book_accruals.instants, book_accruals.symbol;
    IF events <> book_accruals.entered THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('accrual_event of book "%s" has rows that were not computed', current_schema()),
            DETAIL = format('%s of %s, of instants that have not been charged.', events - book_accruals.entered, book_accruals.kind),
            HINT = 'Find out who inserted them; booked_by and booked_at may help.';
    ELSIF booked <> due THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('%s of %s amounts of %s were not booked in book "%s"', due - booked, due, book_accruals.kind, current_schema()),
            DETAIL = 'A trigger left them out, or the balance is not a finite number.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.book_accruals(regclass, text, timestamptz[], text, bigint) IS
'runs the booking command of a book, which is that of its view holding; an error (55000) unless it books as many events as its caller has entered, and each of them';

CREATE FUNCTION margin_internal.accrual_house_of(holding regclass, kind text) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    house text;
BEGIN
    PERFORM margin_internal.enter(accrual_house_of.holding);
    PERFORM margin_internal.refuse_distributed(current_schema(), 'nothing can be booked here');
    SELECT h.account_id::text INTO house FROM accrual_house AS h WHERE h.kind = accrual_house_of.kind;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('book "%s" has no house account for %s', current_schema(), accrual_house_of.kind),
            HINT = format('INSERT INTO %I.accrual_house (kind, account_id) VALUES (%L, ...).', current_schema(), accrual_house_of.kind);
    END IF;
    RETURN house;
END
$$;
COMMENT ON FUNCTION margin_internal.accrual_house_of(regclass, text) IS 'the house account of a book for interest or funding, as text; an error (55000) where there is none';

CREATE FUNCTION margin_internal.check_accrual_instant("at" timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT isfinite(check_accrual_instant.at) OR check_accrual_instant.at > clock_timestamp() THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('what accrues until %s cannot be booked yet', check_accrual_instant.at),
            HINT = 'Leave the instant out, or give one that is over.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_accrual_instant(timestamptz) IS 'an error (22023) for an instant that is infinite or in the future; nothing for null';

CREATE FUNCTION margin_internal.unbookable(account text, kind margin.holding_kind, symbol text) RETURNS numeric
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'data_exception',
        MESSAGE = CASE WHEN account IS NULL THEN format('a %s of "%s" belongs to no account', kind, symbol)
                       ELSE format('the %s of "%s" in account "%s" is no finite number', kind, symbol, account) END,
        HINT = 'The view flawed_holding of the book lists rows that cannot be valued.';
END
$$;
COMMENT ON FUNCTION margin_internal.unbookable(text, margin.holding_kind, text) IS 'the error (22000) of rows that nothing can be charged for, so that nobody is skipped in silence';

-- ---------------------------------------------------------------------------
-- Interest
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.enter_interest_hours(holding regclass, until timestamptz) RETURNS timestamptz[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present CONSTANT timestamptz := clock_timestamp();
    hours timestamptz[];
BEGIN
    PERFORM margin_internal.enter(enter_interest_hours.holding);
    -- it would end all interest until then, in silence
    IF EXISTS (SELECT FROM interest_hour AS i WHERE i.accrued_at > present) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('interest_hour of book "%s" has an hour of the future', current_schema()),
            DETAIL = format('It is %s.', (SELECT max(i.accrued_at) FROM interest_hour AS i)),
            HINT = 'Its owner may delete it with the trigger append_only disabled.';
    END IF;
    WITH entered AS (
        INSERT INTO interest_hour (accrued_at)
        SELECT h FROM generate_series(coalesce((SELECT max(i.accrued_at) FROM interest_hour AS i) + interval '1 hour', until), until, interval '1 hour') AS h
         ORDER BY h
        ON CONFLICT (accrued_at) DO NOTHING
        RETURNING accrued_at
    )
    SELECT array_agg(e.accrued_at ORDER BY e.accrued_at) INTO hours FROM entered AS e;
    RETURN hours;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_interest_hours(regclass, timestamptz) IS
'enters the hours of a book after the last one entered, up to a full hour, or that one alone where there is none yet; those that this call has entered, in order, null where somebody else has; an error (55000) where one of the future is entered';

-- Of consecutive hours, in a place that is computed: (asset - 1) * hours + hour.
CREATE FUNCTION margin_internal.hourly_rates(rates margin.interest_rate[], assets text[], hours timestamptz[]) RETURNS margin.interest_rate[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(span.rate ORDER BY a.n, h.n)
      FROM unnest(assets) WITH ORDINALITY AS a (asset, n)
     CROSS JOIN unnest(hours) WITH ORDINALITY AS h (hour, n)
      LEFT JOIN (SELECT r.asset, n, ROW(r.asset, r.valid_from, r.hourly_rate, r.free_amount, r.method)::margin.interest_rate AS rate
                   FROM (SELECT *, lead(valid_from, 1, 'infinity') OVER (PARTITION BY asset ORDER BY valid_from) AS until FROM unnest(rates)) AS r,
                        generate_series(ceil(extract(epoch FROM greatest(r.valid_from, hours[1]) - hours[1]) / 3600)::integer + 1,
                                        ceil(extract(epoch FROM least(r.until, hours[cardinality(hours)] + interval '1 hour') - hours[1]) / 3600)::integer) AS n
                ) AS span ON span.asset = a.asset AND span.n = h.n;
END;
COMMENT ON FUNCTION margin_internal.hourly_rates(margin.interest_rate[], text[], timestamptz[]) IS
'of each asset, and within it of each of some consecutive hours, the latest rate that is valid by then, null where there is none; null for null';

CREATE FUNCTION margin_internal.accrue_hours(holding regclass, house text, hours timestamptz[]) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rates margin.interest_rate[];
    assets text[];
    charged bigint;
    others bigint;
BEGIN
    PERFORM margin_internal.enter(accrue_hours.holding);
    rates := venue_interest_rates(hours[1], hours[cardinality(hours)]);
    assets := ARRAY(SELECT DISTINCT r.asset FROM unnest(rates) AS r);
    rates := margin_internal.hourly_rates(rates, assets, hours);

    -- What accrues in an hour is owed in the next one.
    WITH RECURSIVE debt AS MATERIALIZED (
        SELECT h.account_id, h.symbol AS asset,
               CASE WHEN h.account_id IS NULL OR bool_or(margin.is_amount(h.quantity) IS NOT TRUE) THEN margin_internal.unbookable(h.account_id::text, 'balance', h.symbol)
                    ELSE sum(h.quantity) END AS balance
          FROM holding AS h
         WHERE h.kind = 'balance' AND h.symbol = ANY (assets)
         GROUP BY h.account_id, h.symbol
        -- NaN is greater than anything, and must not pass for no debt
        HAVING sum(h.quantity) < 0 OR bool_or(margin.is_amount(h.quantity) IS NOT TRUE)
    ), accrual AS (
        SELECT d.account_id, d.asset, (array_position(assets, d.asset) - 1) * cardinality(hours) AS place, 0 AS n, NULL::numeric AS owed, 0::numeric AS interest, d.balance,
               NULL::margin.interest_rate AS rate
          FROM debt AS d WHERE d.account_id IS DISTINCT FROM (SELECT account_key(house))
        UNION ALL
        SELECT a.account_id, a.asset, a.place, a.n + 1, a.balance, i.interest, a.balance - i.interest, r.rate
          FROM accrual AS a,
               LATERAL (SELECT rates[a.place + a.n + 1] AS rate OFFSET 0) AS r,
               LATERAL (SELECT CASE WHEN -a.balance > (r.rate).free_amount
                                    THEN margin_internal.ceil18((r.rate).hourly_rate * CASE (r.rate).method WHEN 'whole' THEN -a.balance ELSE -a.balance - (r.rate).free_amount END)
                                    ELSE 0 END AS interest OFFSET 0) AS i
         WHERE a.n < cardinality(hours)
    ), event AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, balance, rate, free_amount, method)
        SELECT a.account_id, 'interest', a.asset, hours[a.n], a.asset, -a.interest, a.owed, (a.rate).hourly_rate, (a.rate).free_amount, (a.rate).method
          FROM accrual AS a WHERE a.interest <> 0
        RETURNING symbol, accrued_at, amount, rate, free_amount, method
    ), other_side AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, rate, free_amount, method)
        SELECT account_key(house), 'interest', e.symbol, e.accrued_at, e.symbol, trim_scale(-sum(e.amount)), true, min(e.rate), min(e.free_amount), min(e.method)
          FROM event AS e GROUP BY e.symbol, e.accrued_at
        RETURNING symbol
    )
    SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM other_side) INTO charged, others;
    PERFORM margin_internal.book_accruals('holding'::regclass, 'interest', hours, NULL, charged + others);
    RETURN charged;
END
$$;
COMMENT ON FUNCTION margin_internal.accrue_hours(regclass, text, timestamptz[]) IS
'charges the debts of a book, which is that of its view holding, the interest of some consecutive hours, pays it to the house account, given as text, and journals it; how many times an account was charged';

CREATE FUNCTION margin.accrue_interest(book name, "at" timestamptz DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- an error where row security would hide a debt
SET row_security = off
AS $$
DECLARE
    -- as many hours as are charged in one statement
    most CONSTANT integer := 500;
    until CONSTANT timestamptz := date_trunc('hour', coalesce(accrue_interest.at, clock_timestamp()), 'UTC');
    house text;
    hours timestamptz[];
    charged bigint := 0;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.check_accrual_instant(accrue_interest.at);
    house := margin_internal.accrual_house_of('holding'::regclass, 'interest');
    PERFORM margin_internal.booking_command('holding'::regclass);
    hours := coalesce(margin_internal.enter_interest_hours('holding'::regclass, until), '{}');
    FOR i IN 1 .. cardinality(hours) BY most LOOP
        charged := charged + margin_internal.accrue_hours('holding'::regclass, house, hours[i : i + most - 1]);
    END LOOP;
    RETURN charged;
END
$$;
COMMENT ON FUNCTION margin.accrue_interest(name, timestamptz) IS
'charges the debts of a book, its negative balances, the interest of each full hour since the last one charged up to an instant (null: now), by interest_rate of its venue: rounded up at the 18th decimal, paid to the house account of accrual_house, journaled in accrual_event. Each hour once, however often it is called; the first call charges one hour. Returns how many times an account was charged. Errors: no house account, an hour of the future entered as charged, events entered by others, amounts that a trigger leaves out (55000), an instant in the future (22023), a debt that is no number (22000), balances that cannot be booked in (0A000)';

-- ---------------------------------------------------------------------------
-- Funding
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.funding_terms(holding regclass, contract text, "at" timestamptz) RETURNS margin.contract_terms
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    past CONSTANT boolean := funding_terms.at < now();
    market margin.market;
    terms margin.contract_terms;
BEGIN
    PERFORM margin_internal.enter(funding_terms.holding);
    market := CASE WHEN past THEN venue_past_market(funding_terms.at) ELSE venue_market() END;
    SELECT c.* INTO terms FROM margin.contracts(market) AS c WHERE c.contract = funding_terms.contract;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('the venue of book "%s" has no contract "%s"', current_schema(), funding_terms.contract);
    ELSIF terms.mark IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('contract "%s" has no mark price at %s', funding_terms.contract, funding_terms.at),
            DETAIL = CASE WHEN past THEN 'Prices of the past come from mark_price_history of the venue: none is recorded by then, or it had expired.'
                          ELSE 'None is there, or it has expired.' END;
    ELSIF terms.settle IS NULL OR NOT EXISTS (SELECT FROM margin.assets(market) AS a WHERE a.asset = terms.settle) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('contract "%s" has no settlement asset to pay funding in', funding_terms.contract);
    END IF;
    RETURN terms;
END
$$;
COMMENT ON FUNCTION margin_internal.funding_terms(regclass, text, timestamptz) IS
'a contract with its mark price at an instant that is not in the future, in the present market or that of the past; an error for one that is unknown (42704), has no mark or no settlement asset (55000)';

CREATE FUNCTION margin_internal.is_settled(holding regclass, contract text, rate numeric, "at" timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    settled numeric;
BEGIN
    PERFORM margin_internal.enter(is_settled.holding);
    SELECT s.rate INTO settled FROM funding_settlement AS s WHERE s.contract = is_settled.contract AND s.settled_at = is_settled.at;
    IF settled <> is_settled.rate THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('funding of "%s" at %s has been settled at rate %s, not %s', is_settled.contract, is_settled.at, settled, is_settled.rate);
    END IF;
    RETURN settled IS NOT NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.is_settled(regclass, text, numeric, timestamptz) IS 'whether the funding of a contract has been settled for an instant; an error (22023) if at another rate';

CREATE FUNCTION margin.settle_funding(book name, contract text, rate numeric, "at" timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
-- an error where row security would hide a position
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    house text;
    terms margin.contract_terms;
    booked bigint;
    others bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF settle_funding.contract IS NULL OR settle_funding.rate IS NULL OR settle_funding.at IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', CASE WHEN settle_funding.contract IS NULL THEN 'contract' WHEN settle_funding.rate IS NULL THEN 'rate' ELSE 'at' END);
    ELSIF NOT margin.is_amount(settle_funding.rate) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('funding rate of "%s" must be a finite number', settle_funding.contract),
            DETAIL = format('The value is %s.', left(settle_funding.rate::text, 100));
    END IF;
    PERFORM margin_internal.check_accrual_instant(settle_funding.at);
    house := margin_internal.accrual_house_of('holding'::regclass, 'funding');
    PERFORM margin_internal.booking_command('holding'::regclass);
    IF margin_internal.is_settled('holding'::regclass, settle_funding.contract, settle_funding.rate, settle_funding.at) THEN
        RETURN 0;
    END IF;
    terms := margin_internal.funding_terms('holding'::regclass, settle_funding.contract, settle_funding.at);
    INSERT INTO funding_settlement (contract, settled_at, rate, mark, contract_size, settle)
    VALUES (settle_funding.contract, settle_funding.at, settle_funding.rate, terms.mark, terms.contract_size, terms.settle)
    ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        -- by somebody else, just now; also an error if at another rate
        PERFORM margin_internal.is_settled('holding'::regclass, settle_funding.contract, settle_funding.rate, settle_funding.at);
        RETURN 0;
    END IF;

    WITH held AS MATERIALIZED (
        SELECT h.account_id,
               CASE WHEN h.account_id IS NULL OR bool_or(margin.is_amount(h.quantity) IS NOT TRUE) THEN margin_internal.unbookable(h.account_id::text, 'position', settle_funding.contract)
                    ELSE sum(h.quantity) END AS quantity
          FROM holding AS h
         WHERE h.kind = 'position' AND h.symbol = settle_funding.contract
         GROUP BY h.account_id
    ), payment AS (
        -- rounded up, what is paid; what is received, below 0, towards 0
        SELECT p.account_id, p.quantity, -margin_internal.ceil18(settle_funding.rate * terms.contract_size * terms.mark * p.quantity) AS amount
          FROM held AS p WHERE p.account_id IS DISTINCT FROM (SELECT account_key(house))
    ), event AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, quantity, contract_size, mark, rate)
        SELECT p.account_id, 'funding', settle_funding.contract, settle_funding.at, terms.settle, p.amount, p.quantity, terms.contract_size, terms.mark, settle_funding.rate
          FROM payment AS p WHERE p.amount <> 0
        RETURNING amount
    ), other_side AS (
        INSERT INTO accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, contract_size, mark, rate)
        SELECT account_key(house), 'funding', settle_funding.contract, settle_funding.at, terms.settle, trim_scale(-sum(e.amount)), true, terms.contract_size, terms.mark, settle_funding.rate
          FROM event AS e HAVING count(*) > 0
        RETURNING amount
    )
    SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM other_side) INTO booked, others;
    -- what is added to no number is gone
    PERFORM margin_internal.unbookable(h.account_id::text, 'balance', h.symbol)
       FROM holding AS h
      WHERE h.kind = 'balance' AND h.symbol = terms.settle AND margin.is_amount(h.quantity) IS NOT TRUE
        AND h.account_id IN (SELECT e.account_id FROM accrual_event AS e
                              WHERE e.kind = 'funding' AND e.accrued_at = settle_funding.at AND e.symbol = settle_funding.contract);
    PERFORM margin_internal.book_accruals('holding'::regclass, 'funding', ARRAY[settle_funding.at], settle_funding.contract, booked + others);
    RETURN booked;
END
$$;
COMMENT ON FUNCTION margin.settle_funding(name, text, numeric, timestamptz) IS
'settles the funding of a contract for an instant that is over: longs pay rate * contract size * mark * contracts to shorts, in its settlement asset, with the mark of that instant and the positions as they stand; paid amounts are rounded up at the 18th decimal, received ones down, and what remains is the house account''s of accrual_house; journaled in accrual_event. Each instant once, however often it is called. Returns how many accounts paid or received. Errors: an unknown contract (42704), no mark price, no house account, events entered by others, amounts that a trigger leaves out (55000), positions or balances that are no number (22000), an instant in the future, another rate than it was settled at (22023), balances that cannot be booked in (0A000), null';

-- reading: from what a venue's interface answers to rows that say what it means
--
-- A source is a function of one document that returns such rows.  What it needs to
-- find its way through a document, and to fail with the place and the value where
-- that is not what it should be, stands here.

CREATE TYPE margin.answer_row AS (
    kind text,
    symbol text,
    path text,
    fields jsonb
);
COMMENT ON TYPE margin.answer_row IS 'what a venue''s public answer says of one thing; sources of import_answer() return a set of them';
COMMENT ON COLUMN margin.answer_row.kind IS 'asset, contract, collateral_tier, initial_collateral_tier, liability_tier, risk_tier, index_price, mark_price, or ignored';
COMMENT ON COLUMN margin.answer_row.symbol IS 'of the asset or contract';
COMMENT ON COLUMN margin.answer_row.path IS 'where in the document it stands, for messages: result.list[2]';
COMMENT ON COLUMN margin.answer_row.fields IS 'by kind: columns of asset or contract; lower_bound, upper_bound, ratio or rates of a tier, with what the venue has summed; price and at; why it is ignored. A null is as one left out';

CREATE TYPE margin.account_row AS (
    kind text,
    symbol text,
    path text,
    fields jsonb
);
COMMENT ON TYPE margin.account_row IS 'what a venue''s answer says of an account; sources of import_account() and reconcile() return a set of them';
COMMENT ON COLUMN margin.account_row.kind IS 'balance, position, order, figure, ignored, or complete: the document holds all that the account has of what symbol says, balance, position or order';
COMMENT ON COLUMN margin.account_row.symbol IS 'of the asset or contract; of a figure of the whole account null';
COMMENT ON COLUMN margin.account_row.path IS 'where in the document it stands, for messages';
COMMENT ON COLUMN margin.account_row.fields IS 'by kind: quantity, entry_price, leverage, order_id, price; name and value of a figure, which is in USD, or of a contract in its settlement asset; why it is ignored';

CREATE TYPE margin.answer_node AS (
    path text,
    value jsonb
);
COMMENT ON TYPE margin.answer_node IS 'a part of a document, and where it stands';
COMMENT ON COLUMN margin.answer_node.path IS 'from the top: result.list[2]; empty for the document itself';
COMMENT ON COLUMN margin.answer_node.value IS 'the part';

CREATE FUNCTION margin_internal.path_to(node margin.answer_node, key text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN node.path = '' THEN key ELSE node.path || '.' || key END;
COMMENT ON FUNCTION margin_internal.path_to(margin.answer_node, text) IS 'where a member of a part of a document stands';

CREATE FUNCTION margin_internal.refuse_answer(path text, flaw text, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message CONSTANT text := format('answer refused: %s %s', CASE WHEN path = '' THEN 'the document' ELSE coalesce(path, 'a row') END, flaw);
BEGIN
    IF hint IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message, HINT = hint;
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_answer(text, text, text) IS 'the error (22023) that a document cannot be taken for what it should be, by the place and what is wrong there';

CREATE FUNCTION margin_internal.shown(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN length(value::text) > 60 THEN left(value::text, 60) || '...' ELSE coalesce(value::text, 'missing') END;
COMMENT ON FUNCTION margin_internal.shown(jsonb) IS 'a value for a message, cut at 60 characters; missing for null';

-- Interfaces that answer with a list when asked for all give the one alone when
-- asked for one.
CREATE FUNCTION margin_internal.answer_step(node margin.answer_node, step text) RETURNS SETOF margin.answer_node
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('%s[%s]', node.path, e.n - 1), e.value
      FROM jsonb_array_elements(CASE WHEN step = '[*]' AND jsonb_typeof(node.value) = 'array' THEN node.value ELSE '[]'::jsonb END) WITH ORDINALITY AS e (value, n)
    UNION ALL
    SELECT node.path, node.value WHERE step = '[*]' AND jsonb_typeof(node.value) = 'object'
    UNION ALL
    SELECT margin_internal.path_to(node, step), node.value -> step WHERE step <> '[*]' AND jsonb_typeof(node.value -> step) <> 'null';
END;
COMMENT ON FUNCTION margin_internal.answer_step(margin.answer_node, text) IS
'one step down in a document: to a member by its name, or [*], to all elements of an array, or to a lone object in place of one; no row where there is nothing';

CREATE FUNCTION margin.answer_nodes(node margin.answer_node, steps text, required boolean DEFAULT true) RETURNS SETOF margin.answer_node
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step text;
    reached margin.answer_node[] := ARRAY[node];
    there margin.answer_node[];
BEGIN
    FOR step IN SELECT m[1] FROM regexp_matches(steps, '[^].[]+|[[][*][]]', 'g') AS m LOOP
        SELECT array_agg(n) INTO there FROM unnest(reached) AS r, margin_internal.answer_step((r.path, r.value)::margin.answer_node, step) AS n;
        IF there IS NULL AND required
           AND (step <> '[*]' OR EXISTS (SELECT FROM unnest(reached) AS r WHERE jsonb_typeof(r.value) NOT IN ('array', 'object'))) THEN
            PERFORM margin_internal.refuse_answer(reached[1].path, CASE WHEN step = '[*]' THEN 'is no list: ' ELSE format('has no "%s": ', step) END || margin_internal.shown(reached[1].value),
                                                  'Give the document as the interface answers it, wrapper included.');
        END IF;
        reached := coalesce(there, '{}');
        EXIT WHEN reached = '{}';
    END LOOP;
    RETURN QUERY SELECT r.path, r.value FROM unnest(reached) AS r;
END
$$;
COMMENT ON FUNCTION margin.answer_nodes(margin.answer_node, text, boolean) IS
'the parts of a part of a document that steps lead to: names apart by points, [*] for all elements of a list (a lone object counts as a list of one): brackets[*]. An error (22023) that names the place where there is no such step, unless required is false. For sources of import_answer()';

CREATE FUNCTION margin.answer_nodes(document jsonb, steps text, required boolean DEFAULT true) RETURNS SETOF margin.answer_node
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT n.path, n.value FROM margin.answer_nodes(('', document)::margin.answer_node, steps, required) AS n;
END;
COMMENT ON FUNCTION margin.answer_nodes(jsonb, text, boolean) IS 'the same from the top of a document: result.list[*]';

CREATE FUNCTION margin.answer_text(node margin.answer_node, key text, required boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member CONSTANT jsonb := node.value #> string_to_array(key, '.');
BEGIN
    IF jsonb_typeof(member) IN ('object', 'array') OR (required AND coalesce(member #>> '{}', '') = '') THEN
        PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), 'is ' || margin_internal.shown(member));
    END IF;
    RETURN nullif(member #>> '{}', '');
END
$$;
COMMENT ON FUNCTION margin.answer_text(margin.answer_node, text, boolean) IS
'a text (or number, or truth value, as a text) in a part of a document, by its name or names apart by points. Null or empty counts as missing: an error (22023) that names the place, or null where required is false';

CREATE FUNCTION margin.answer_number(node margin.answer_node, key text, required boolean DEFAULT true) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written CONSTANT text := margin.answer_text(node, key, required);
    number CONSTANT numeric := margin_internal.number_of(written);
BEGIN
    IF written IS NOT NULL AND margin.is_amount(number) IS NOT TRUE THEN
        PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), format('is %s, not a number', margin_internal.shown(to_jsonb(written))));
    END IF;
    RETURN number;
END
$$;
COMMENT ON FUNCTION margin.answer_number(margin.answer_node, text, boolean) IS
'a number in a part of a document, as a number or as a text that is one, all digits. Missing: as answer_text(). An error (22023) for anything else, for NaN and for infinities';

CREATE FUNCTION margin.answer_time(node margin.answer_node, key text, required boolean DEFAULT true) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written CONSTANT numeric := margin.answer_number(node, key, required);
BEGIN
    IF written <= 0 OR written >= 1e14 THEN
        PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), format('is %s, neither seconds nor milliseconds since 1970', written));
    END IF;
    RETURN margin_internal.instant_of(to_json(written));
END
$$;
COMMENT ON FUNCTION margin.answer_time(margin.answer_node, text, boolean) IS
'an instant in a part of a document: milliseconds since 1970, or seconds where the number is below 100,000,000,000. Missing: as answer_text()';

CREATE FUNCTION margin.answer_checked(document jsonb, code text, good text[], message text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF document ->> code IS NOT NULL AND document ->> code <> ALL (good) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('answer refused: the venue says %s %s: %s', code, document ->> code, coalesce(document ->> message, 'no message')),
            HINT = 'The document is an error that the interface answered, not what was asked for.';
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin.answer_checked(jsonb, text, text[], text) IS
'the document, or an error (22023) with the venue''s message where the member that holds its code is there and none of those that mean success: answer_checked(document, ''retCode'', ''{0}'', ''retMsg'')';

-- A page of an account is no account.
CREATE FUNCTION margin.answer_whole(document jsonb, cursor text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF document #>> string_to_array(cursor, '.') <> '' THEN
        PERFORM margin_internal.refuse_answer(cursor, format('is %s: there are more pages', margin_internal.shown(document #> string_to_array(cursor, '.'))),
                                              'Ask for more rows in a page, or put the rows of all pages into one document, with an empty cursor.');
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin.answer_whole(jsonb, text) IS 'the document, or an error (22023) where the member that points to the next page is there and not empty: what is missing must not pass for what is not held';

-- null is there: some interfaces answer it for an empty list.
CREATE FUNCTION margin_internal.answer_having(document jsonb, member text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF document #> string_to_array(member, '.') IS NULL THEN
        PERFORM margin_internal.refuse_answer('', format('has no "%s": %s', member, margin_internal.shown(document)), 'Give the document as the interface answers it, wrapper included.');
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_having(jsonb, text) IS 'the document, or an error (22023) where it has no such member; one that is null counts as there';

-- Interfaces in pages that say nothing of further ones: full pages may have a next.
CREATE FUNCTION margin_internal.all_orders(list jsonb, page integer) RETURNS margin.account_row
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(list) = 'array' AND list <> '[]' AND jsonb_array_length(list) % page = 0
            THEN ROW('ignored', 'order', '', jsonb_build_object('why', format('a full page of %s: there may be more orders, and none is removed', page)))::margin.account_row
            ELSE ROW('complete', 'order', '', '{}')::margin.account_row END;
COMMENT ON FUNCTION margin_internal.all_orders(jsonb, integer) IS 'the row that says that a list holds all orders of an account; where it fills pages of a size exactly one is cut or not, and the row says that instead';

-- An unknown word must not pass for a purchase.
CREATE FUNCTION margin_internal.answer_sign(node margin.answer_node, key text, plus text[], minus text[], size numeric DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    side CONSTANT text := margin.answer_text(node, key, false);
BEGIN
    IF side = ANY (plus) OR side IS NULL AND size = 0 THEN
        RETURN 1;
    ELSIF side = ANY (minus) THEN
        RETURN -1;
    END IF;
    PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), format('is %s, none of %s', margin_internal.shown(to_jsonb(side)), array_to_string(plus || minus, ', ')));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_sign(margin.answer_node, text, text[], text[], numeric) IS
'1 or -1 by the side that a part of a document tells, one of those of plus or minus: an error (22023) for any other. Where size is 0 it may be missing, and counts as 1';

CREATE FUNCTION margin_internal.answer_reader(source text, row_type regtype) RETURNS regprocedure
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader regprocedure;
    returns regtype;
BEGIN
    SELECT p.oid, p.prorettype INTO reader, returns
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.proretset AND p.prorettype IN ('margin.answer_row'::regtype, 'margin.account_row'::regtype) AND p.proargtypes[0] = 'jsonb'::regtype AND p.pronargs = 1
       AND (n.nspname = 'margin_internal' AND p.proname = source OR n.nspname || '.' || p.proname = source)
     ORDER BY n.nspname <> 'margin_internal' LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no source %s', coalesce(quote_literal(source), 'null')),
            HINT = 'The view margin.answer_sources lists those that there are. One of your own is a function in a schema of yours, called schema.function.';
    ELSIF returns <> row_type THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format(CASE row_type WHEN 'margin.answer_row'::regtype THEN 'source "%s" is about an account' ELSE 'source "%s" is about no account' END, source),
            HINT = format('Use margin.%s().', CASE row_type WHEN 'margin.answer_row'::regtype THEN 'import_account' ELSE 'import_answer' END);
    END IF;
    RETURN reader;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_reader(text, regtype) IS
'the function that reads a source, by its name: one of the extension, or schema.function; it takes a jsonb and returns a set of the row type. An error (42704) where there is none, 42809 where it reads the other kind';

CREATE VIEW margin.answer_sources AS
SELECT CASE WHEN n.nspname = 'margin_internal' THEN p.proname::text ELSE n.nspname || '.' || p.proname END AS source,
       CASE p.prorettype WHEN 'margin.answer_row'::regtype THEN 'import_answer' ELSE 'import_account' END AS read_by,
       pg_catalog.obj_description(p.oid, 'pg_proc') AS meaning
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
 WHERE p.proretset AND p.prorettype IN ('margin.answer_row'::regtype, 'margin.account_row'::regtype) AND p.proargtypes[0] = 'jsonb'::regtype AND p.pronargs = 1;
COMMENT ON VIEW margin.answer_sources IS 'the sources that there are: those of the extension, and all functions of users that return answer_row or account_row of one jsonb';
COMMENT ON COLUMN margin.answer_sources.source IS 'what import_answer(), import_account() and reconcile() call it';
COMMENT ON COLUMN margin.answer_sources.read_by IS 'import_answer; or import_account, and reconcile with it';
COMMENT ON COLUMN margin.answer_sources.meaning IS 'the comment of the function: which answer it reads';
GRANT SELECT ON margin.answer_sources TO PUBLIC;

-- import: what venues answer, into the tables of a venue
--
-- Sources only say what a document means.  Whether that can be, whether it is
-- anything new, and how it gets into the tables is the same for all of them, and
-- stands here.

-- ---------------------------------------------------------------------------
-- What a row may say
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.answer_fields(kind text) RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE kind
    WHEN 'asset' THEN '{tier_unit,liability_weight,requirement_weight,max_age,initial_liability_weight}'::text[]
    WHEN 'contract' THEN '{settle,base,contract_size,netting,closing_fee,opening_fee,maintenance_method,initial_method,tier_unit,order_maintenance,max_age,payoff}'
    WHEN 'collateral_tier' THEN '{lower_bound,upper_bound,ratio,beyond,summed,tier_unit}'
    WHEN 'initial_collateral_tier' THEN '{lower_bound,upper_bound,ratio,beyond,summed}'
    WHEN 'liability_tier' THEN '{lower_bound,upper_bound,maintenance_rate,deduction}'
    WHEN 'risk_tier' THEN '{lower_bound,upper_bound,maintenance_rate,initial_rate,max_leverage,deduction,step,method,tier_unit}'
    WHEN 'index_price' THEN '{price,at}'
    WHEN 'mark_price' THEN '{price,at}'
    WHEN 'ignored' THEN '{why}'
    WHEN 'balance' THEN '{quantity}'
    WHEN 'position' THEN '{quantity,entry_price,leverage}'
    WHEN 'order' THEN '{order_id,quantity,price,leverage}'
    WHEN 'figure' THEN '{name,value}'
    WHEN 'complete' THEN '{}'
END;
COMMENT ON FUNCTION margin_internal.answer_fields(text) IS 'the fields that a row of a source may have, by its kind; null for a kind that is not known';

CREATE FUNCTION margin_internal.check_answer_row(kind text, symbol text, path text, fields jsonb, kinds text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF kind IS NULL OR kind <> ALL (kinds) THEN
        PERFORM margin_internal.refuse_answer(path, format('is of kind %s', coalesce(quote_literal(kind), 'null')), format('Kinds are %s.', array_to_string(kinds, ', ')));
    ELSIF symbol IS NULL AND kind <> 'figure' OR octet_length(symbol) NOT BETWEEN 1 AND 255 THEN
        PERFORM margin_internal.refuse_answer(path, format('(%s) has no symbol of 1 to 255 bytes: %s', kind, margin_internal.shown(to_jsonb(symbol))));
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(coalesce(fields, '{}')) AS k WHERE k <> ALL (margin_internal.answer_fields(kind)) LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(path, format('(%s) has a field "%s" that nothing is done with', kind, unknown),
                                              format('Fields are %s.', array_to_string(margin_internal.answer_fields(kind), ', ')));
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_answer_row(text, text, text, jsonb, text[]) IS 'an error (22023) unless a row of a source is of one of the kinds, has a symbol, and fields that its kind knows';

-- Numbers of one's own source may still be texts.
CREATE FUNCTION margin_internal.field_number(path text, fields jsonb, field text, required boolean DEFAULT true) RETURNS numeric
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
RETURN margin.answer_number((path, fields)::margin.answer_node, field, required);
COMMENT ON FUNCTION margin_internal.field_number(text, jsonb, text, boolean) IS 'a number among the fields of a row of a source; an error (22023) that names place and field where it is none';

CREATE FUNCTION margin_internal.read_answer(source text, document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT regprocedure := margin_internal.answer_reader(source, 'margin.answer_row');
    told margin.answer_row;
BEGIN
    FOR told IN EXECUTE (SELECT format('SELECT r.* FROM %I.%I($1::jsonb) AS r', p.pronamespace::regnamespace::name, p.proname) FROM pg_proc AS p WHERE p.oid = reader)
      USING document
    LOOP
        told.fields := coalesce(jsonb_strip_nulls(told.fields), '{}');
        PERFORM margin_internal.check_answer_row(told.kind, told.symbol, told.path, told.fields,
            '{asset,contract,collateral_tier,initial_collateral_tier,liability_tier,risk_tier,index_price,mark_price,ignored}');
        RETURN NEXT told;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.read_answer(text, jsonb) IS 'what a source of import_answer() says of a document, each row checked';

-- ---------------------------------------------------------------------------
-- Terms of assets and contracts
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.terms_at(venue name, kind text, symbol text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms jsonb;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('SELECT coalesce((SELECT to_jsonb(h) - ''valid_from'' FROM %1$I AS h WHERE h.%2$I = $1 AND h.valid_from <= $2 ORDER BY h.valid_from DESC LIMIT 1), to_jsonb(p))
                      FROM %2$I AS p WHERE p.%2$I = $1', kind || '_change', kind)
       INTO terms USING symbol, at;
    RETURN terms;
END
$$;
COMMENT ON FUNCTION margin_internal.terms_at(name, text, text, timestamptz) IS 'the terms of an asset or contract of a venue that hold at an instant, as its row; null where there is none';

-- By terms without tiers nobody has been judged yet, so that they are edited where
-- they are; others hold until the instant.
CREATE FUNCTION margin_internal.edited_in_place(venue name, kind text, symbol text, valid_from timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used boolean;
BEGIN
    IF valid_from = '-infinity' THEN
        RETURN true;
    END IF;
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I AS t WHERE t.%I = $1) OR EXISTS (SELECT FROM %I AS c WHERE c.%2$I = $1)',
                   CASE kind WHEN 'asset' THEN 'collateral_tier' ELSE 'risk_tier' END, kind, kind || '_change') INTO used USING symbol;
    RETURN valid_from IS NULL AND NOT used;
END
$$;
COMMENT ON FUNCTION margin_internal.edited_in_place(name, text, text, timestamptz) IS
'whether terms imported change the row in asset or contract, and not from an instant on: for -infinity, or where no instant is given and there are neither tiers nor changes yet';

CREATE FUNCTION margin_internal.write_terms(venue name, kind text, terms jsonb, valid_from timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT name := CASE WHEN valid_from IS NULL THEN kind ELSE kind || '_change' END;
    columns CONSTANT text := (SELECT string_agg(quote_ident(k), ', ' ORDER BY k) FROM jsonb_object_keys(terms) AS k);
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('INSERT INTO %1$I AS t (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$I, $1) ON CONFLICT (%3$s) DO UPDATE SET (%2$s) = ROW(%4$s)',
                   target, columns || CASE WHEN valid_from IS NULL THEN '' ELSE ', valid_from' END,
                   quote_ident(kind) || CASE WHEN valid_from IS NULL THEN '' ELSE ', valid_from' END,
                   'excluded.' || replace(columns, ', ', ', excluded.') || CASE WHEN valid_from IS NULL THEN '' ELSE ', excluded.valid_from' END)
      USING terms || CASE WHEN valid_from IS NULL THEN '{}' ELSE jsonb_build_object('valid_from', valid_from) END;
END
$$;
COMMENT ON FUNCTION margin_internal.write_terms(name, text, jsonb, timestamptz) IS 'writes columns of an asset or contract, new or there already: of its own row, or with an instant of its row in the table of changes';

CREATE FUNCTION margin_internal.enter_terms(venue name, kind text, symbol text, terms jsonb, valid_from timestamptz, source text, OUT outcome text, OUT why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at CONSTANT timestamptz := coalesce(valid_from, now());
    present CONSTANT jsonb := margin_internal.terms_at(venue, kind, symbol, at);
    wanted CONSTANT jsonb := terms || jsonb_build_object(kind, symbol, 'source', source);
BEGIN
    IF present IS NULL THEN
        PERFORM margin_internal.write_terms(venue, kind, wanted, NULL);
        outcome := 'entered';
        RETURN;
    END IF;
    SELECT string_agg(format('%s %s -> %s', t.key, coalesce(present ->> t.key, 'null'), t.value #>> '{}'), ', ' ORDER BY t.key COLLATE "C") INTO why
      FROM jsonb_each(terms) AS t WHERE t.value IS DISTINCT FROM present -> t.key;
    IF why IS NULL THEN
        outcome := 'unchanged';
        RETURN;
    END IF;
    outcome := 'changed';
    IF margin_internal.edited_in_place(venue, kind, symbol, valid_from) THEN
        PERFORM margin_internal.write_terms(venue, kind, margin_internal.terms_at(venue, kind, symbol, '-infinity') || wanted, NULL);
    ELSE
        PERFORM margin_internal.write_terms(venue, kind, present || wanted, at);
        why := why || format(', from %s', at);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_terms(name, text, text, jsonb, timestamptz, text) IS
'terms of an asset or contract into a venue: entered where it is new, unchanged, or changed, and why says what; in place or from an instant on (null: from now on) as edited_in_place() has it';

CREATE FUNCTION margin_internal.import_contract(venue name, contract text, path text, terms jsonb, valid_from timestamptz, source text)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    known CONSTANT boolean := margin_internal.terms_at(venue, 'contract', import_contract.contract, 'infinity') IS NOT NULL;
    named record;
BEGIN
    IF coalesce(terms ->> 'payoff', 'linear') <> 'linear' THEN
        RETURN QUERY SELECT 'contract', import_contract.contract, 'ignored', format('%s: only linear contracts are valued', terms ->> 'payoff');
        RETURN;
    ELSIF NOT known AND NOT terms ?& '{settle,contract_size}' THEN
        PERFORM margin_internal.refuse_answer(path, format('(contract %s) says no settle or contract_size, and the venue does not have it yet', import_contract.contract));
    ELSIF margin_internal.field_number(path, terms, 'contract_size', false) <= 0 THEN
        PERFORM margin_internal.refuse_answer(path, format('(contract %s) has a contract_size of %s', import_contract.contract, terms ->> 'contract_size'));
    END IF;
    FOR named IN SELECT a.asset, a.role FROM (VALUES (terms ->> 'settle', 'settles'), (terms ->> 'base', 'underlies')) AS a (asset, role) WHERE a.asset IS NOT NULL LOOP
        RETURN QUERY SELECT 'asset', named.asset, e.outcome, format('%s %s', named.role, import_contract.contract)
                       FROM margin_internal.enter_terms(venue, 'asset', named.asset, '{}', NULL, source) AS e WHERE e.outcome = 'entered';
    END LOOP;
    RETURN QUERY SELECT 'contract', import_contract.contract, e.outcome, e.why
                   FROM margin_internal.enter_terms(venue, 'contract', import_contract.contract, terms, valid_from, source) AS e;
END
$$;
COMMENT ON FUNCTION margin_internal.import_contract(name, text, text, jsonb, timestamptz, text) IS
'a contract of an answer into a venue, with the assets that it names where those are new: what import_answer() returns of them. One that is not linear is ignored';

-- ---------------------------------------------------------------------------
-- Tiers
-- ---------------------------------------------------------------------------

-- Rounded up at the 18th decimal, as the margin quantity of a position is, which
-- stands for the same rate.
CREATE FUNCTION margin_internal.rate_of_leverage(leverage numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trim_scale((div(1e18, leverage) + CASE WHEN mod(1e18, leverage) > 0 THEN 1 ELSE 0 END) * 0.000000000000000001);
COMMENT ON FUNCTION margin_internal.rate_of_leverage(numeric) IS '1 / leverage, rounded up at the 18th decimal; above 0; null for null';

-- Whether a sum that the venue has made is the one that its rates and bounds make,
-- rounded to as many decimals as the venue writes.
CREATE FUNCTION margin_internal.check_sum(path text, field text, told numeric, made numeric) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF abs(told - made) > 0.5 * power(10::numeric, -scale(told)) THEN
        PERFORM margin_internal.refuse_answer(path, format('contradicts itself: its %s is %s, the rates and bounds up to there make %s', field, told, trim_scale(made)),
                                              'The document is damaged, or the source takes it for what it is not. Nothing has been entered.');
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_sum(text, text, numeric, numeric) IS 'an error (22023) where a running sum of a venue is not what its tiers make, to half of its last decimal; nothing where it tells none';

CREATE TYPE margin_internal.ladder AS (
    bounds numeric[],
    rates numeric[],
    initial_rates numeric[]
);
COMMENT ON TYPE margin_internal.ladder IS 'the tiers of one schedule, in order';
COMMENT ON COLUMN margin_internal.ladder.bounds IS 'lower bounds; null: there is no schedule';
COMMENT ON COLUMN margin_internal.ladder.rates IS 'ratios of collateral, or maintenance rates';
COMMENT ON COLUMN margin_internal.ladder.initial_rates IS 'initial rates; null: there are none';

-- The lower bound of the tier, its place among the others checked.
CREATE FUNCTION margin_internal.next_bound(path text, fields jsonb, began numeric, ended numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step CONSTANT numeric := coalesce(margin_internal.field_number(path, fields, 'step', false), 0);
    bound CONSTANT numeric := coalesce(margin_internal.field_number(path, fields, 'lower_bound', false), CASE WHEN ended = 0 THEN 0 ELSE ended + step END);
    upper_bound CONSTANT numeric := margin_internal.field_number(path, fields, 'upper_bound', false);
BEGIN
    IF bound IS NULL OR ended IS NULL AND bound <= began THEN
        PERFORM margin_internal.refuse_answer(path, format('follows a tier that begins at %s and has no end', began), 'Is a row missing, or there twice?');
    ELSIF bound < ended OR bound > ended + (CASE WHEN ended = 0 THEN 0 ELSE step END) THEN
        PERFORM margin_internal.refuse_answer(path, format('begins at %s, the tier before it ends at %s', bound, ended), 'Is a row missing, or there twice?');
    ELSIF upper_bound <= bound THEN
        PERFORM margin_internal.refuse_answer(path, format('begins at %s and ends at %s', bound, upper_bound));
    END IF;
    RETURN trim_scale(bound);
END
$$;
COMMENT ON FUNCTION margin_internal.next_bound(text, jsonb, numeric, numeric) IS
'where a tier begins: at its lower bound, which is where the one before it ends, or at most a step further; or there where it tells none. One that tells no end lasts until the next begins. An error (22023) for gaps and overlaps';

CREATE FUNCTION margin_internal.initial_rate(path text, fields jsonb, maintenance_rate numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leverage CONSTANT numeric := margin_internal.field_number(path, fields, 'max_leverage', false);
    rate numeric := margin_internal.field_number(path, fields, 'initial_rate', false);
BEGIN
    IF leverage <= 0 THEN
        PERFORM margin_internal.refuse_answer(path, format('has a max_leverage of %s', leverage));
    END IF;
    rate := trim_scale(coalesce(rate, margin_internal.rate_of_leverage(leverage)));
    IF rate > 1 THEN
        PERFORM margin_internal.refuse_answer(path, format('asks %s to open', rate), 'Is it in per cent? More than the position itself is never asked.');
    ELSIF rate < maintenance_rate THEN
        PERFORM margin_internal.refuse_answer(path, format('asks %s to open and %s to keep', rate, maintenance_rate), 'Is one of them in per cent?');
    END IF;
    RETURN rate;
END
$$;
COMMENT ON FUNCTION margin_internal.initial_rate(text, jsonb, numeric) IS
'the initial rate of a tier: initial_rate, or 1 / max_leverage rounded up at the 18th decimal; null where it tells neither. An error (22023) where it is above 1 or below the maintenance rate';

CREATE FUNCTION margin_internal.ladder_of(target text, owner text, rows margin.answer_row[]) RETURNS margin_internal.ladder
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    collateral CONSTANT boolean := target ~ 'collateral';
    result margin_internal.ladder;
    tier record;
    bound numeric;
    rate numeric;
    before numeric := 0;
    ended numeric := 0;
    summed numeric := 0;
    deduction numeric := 0;
BEGIN
    FOR tier IN
        SELECT format('%s (%s of %s)', r.path, target, owner) AS path, r.fields FROM unnest(rows) AS r
         ORDER BY margin_internal.field_number(r.path, r.fields, 'upper_bound', false), coalesce(margin_internal.field_number(r.path, r.fields, 'lower_bound', false), 0)
    LOOP
        bound := margin_internal.next_bound(tier.path, tier.fields, bound, ended);
        rate := trim_scale(margin_internal.field_number(tier.path, tier.fields, CASE WHEN collateral THEN 'ratio' ELSE 'maintenance_rate' END));
        IF rate < 0 OR collateral AND rate > 1 OR bound > 0 AND (CASE WHEN collateral THEN rate > before ELSE rate < before END) THEN
            PERFORM margin_internal.refuse_answer(tier.path, format(CASE WHEN collateral THEN 'counts at %s' ELSE 'asks %s' END || CASE WHEN bound > 0 THEN ', the tier before it %s' ELSE '' END, rate, before),
                                                  'Collateral ratios lie between 0 and 1 and never rise, rates are never negative and never fall.');
        END IF;
        deduction := deduction + bound * (rate - CASE WHEN bound = 0 THEN 0 ELSE before END);
        PERFORM margin_internal.check_sum(tier.path, 'deduction', margin_internal.field_number(tier.path, tier.fields, 'deduction', false), deduction);
        ended := margin_internal.field_number(tier.path, tier.fields, 'upper_bound', false);
        summed := summed + rate * (ended - bound);
        PERFORM margin_internal.check_sum(tier.path, 'running sum', margin_internal.field_number(tier.path, tier.fields, 'summed', false), summed);
        result.bounds := result.bounds || bound;
        result.rates := result.rates || rate;
        IF target = 'risk_tier' THEN
            result.initial_rates := result.initial_rates || margin_internal.initial_rate(tier.path, tier.fields, rate);
        END IF;
        before := rate;
    END LOOP;
    -- what lies beyond the last bound of collateral counts for little or nothing
    IF collateral AND ended IS NOT NULL THEN
        rate := coalesce(trim_scale(margin_internal.field_number(tier.path, tier.fields, 'beyond', false)), 0);
        IF rate <> before THEN
            result.bounds := result.bounds || trim_scale(ended);
            result.rates := result.rates || least(rate, before);
        END IF;
    END IF;
    IF array_position(result.initial_rates, NULL) IS NOT NULL THEN
        IF array_remove(result.initial_rates, NULL) <> '{}' THEN
            PERFORM margin_internal.refuse_answer(rows[array_position(result.initial_rates, NULL)].path, format('(%s of %s) has no initial rate, others have', target, owner));
        END IF;
        result.initial_rates := NULL;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION margin_internal.ladder_of(text, text, margin.answer_row[]) IS
'the schedule that rows of a source make, in whatever order they came: bounds that meet, ratios that never rise, rates that never fall, and the venue''s own deductions (requirement = rate * notional - deduction) and running sums. An error (22023) that names the first row where that is not so. Collateral beyond the last bound counts at "beyond", else at 0';

CREATE FUNCTION margin_internal.tiers_at(venue name, kind text, symbol text, at timestamptz) RETURNS margin_internal.ladder
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent CONSTANT name := CASE kind WHEN 'risk_tier' THEN 'contract' ELSE 'asset' END;
    result margin_internal.ladder;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('SELECT array_agg(t.lower_bound ORDER BY t.lower_bound), array_agg(t.%1$I ORDER BY t.lower_bound), array_agg(%2$s ORDER BY t.lower_bound)
                      FROM %3$I AS t WHERE t.%4$I = $1 AND t.valid_from = (SELECT max(l.valid_from) FROM %3$I AS l WHERE l.%4$I = $1 AND l.valid_from <= $2)',
                   CASE WHEN kind ~ 'collateral' THEN 'ratio' ELSE 'maintenance_rate' END, CASE kind WHEN 'risk_tier' THEN 't.initial_rate' ELSE 'NULL::numeric' END, kind, parent)
       INTO result USING symbol, at;
    IF array_remove(result.initial_rates, NULL) = '{}' THEN
        result.initial_rates := NULL;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION margin_internal.tiers_at(name, text, text, timestamptz) IS 'the schedule of an asset or contract of a venue that holds at an instant; bounds are null where there is none';

CREATE FUNCTION margin_internal.ladder_news(before margin_internal.ladder, after margin_internal.ladder) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('from %s: %s -> %s', d.bound, coalesce(d.was, 'no tier'), coalesce(d.is, 'no tier')), '; ' ORDER BY d.bound) FILTER (WHERE d.n <= 3)
           || CASE WHEN count(*) > 3 THEN format('; and %s more', count(*) - 3) ELSE '' END
      FROM (SELECT coalesce(b.bound, a.bound) AS bound, b.rate || coalesce(' (initial ' || b.initial || ')', '') AS was, a.rate || coalesce(' (initial ' || a.initial || ')', '') AS is,
                   row_number() OVER (ORDER BY coalesce(b.bound, a.bound)) AS n
              FROM unnest((before).bounds, (before).rates, (before).initial_rates) AS b (bound, rate, initial)
              FULL JOIN unnest((after).bounds, (after).rates, (after).initial_rates) AS a (bound, rate, initial) ON a.bound = b.bound
             WHERE (a.rate, a.initial) IS DISTINCT FROM (b.rate, b.initial)) AS d;
END;
COMMENT ON FUNCTION margin_internal.ladder_news(margin_internal.ladder, margin_internal.ladder) IS 'in words, in which tiers two schedules differ; null: in none';

CREATE FUNCTION margin_internal.single_field(rows margin.answer_row[], field text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    values CONSTANT jsonb[] := ARRAY(SELECT DISTINCT r.fields -> field FROM unnest(rows) AS r);
BEGIN
    IF cardinality(values) > 1 THEN
        PERFORM margin_internal.refuse_answer(rows[1].path, format('and the other tiers of "%s" differ in %s', rows[1].symbol, field));
    END IF;
    RETURN values[1];
END
$$;
COMMENT ON FUNCTION margin_internal.single_field(margin.answer_row[], text) IS 'what all tiers of one schedule say alike, or null; an error (22023) where they do not';

CREATE FUNCTION margin_internal.import_tiers(venue name, target text, owner text, rows margin.answer_row[], valid_from timestamptz, source text)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    parent CONSTANT text := CASE target WHEN 'risk_tier' THEN 'contract' ELSE 'asset' END;
    -- how the tiers apply is a term of the asset or contract
    terms CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object('maintenance_method', margin_internal.single_field(rows, 'method'),
                                                                 'tier_unit', margin_internal.single_field(rows, 'tier_unit')));
    present margin_internal.ladder;
    wanted CONSTANT margin_internal.ladder := margin_internal.ladder_of(target, owner, rows);
BEGIN
    IF margin_internal.terms_at(venue, parent, owner, 'infinity') IS NULL AND parent = 'contract' THEN
        RETURN QUERY SELECT target, owner, 'ignored', 'the venue does not have this contract yet'::text;
        RETURN;
    END IF;
    RETURN QUERY SELECT parent, owner, e.outcome, e.why FROM margin_internal.enter_terms(venue, parent, owner, terms, valid_from, source) AS e WHERE e.outcome <> 'unchanged';
    present := margin_internal.tiers_at(venue, target, owner, coalesce(valid_from, now()));
    IF (present.bounds, present.rates, present.initial_rates) IS NOT DISTINCT FROM (wanted.bounds, wanted.rates, wanted.initial_rates) THEN
        RETURN QUERY SELECT target, owner, 'unchanged', NULL::text;
        RETURN;
    END IF;
    PERFORM margin_internal.replace_tiers(venue, target::name, owner, coalesce(valid_from, CASE WHEN present.bounds IS NULL THEN '-infinity' ELSE now() END),
                                          wanted.bounds, wanted.rates, wanted.initial_rates);
    RETURN QUERY SELECT target, owner, CASE WHEN present.bounds IS NULL THEN 'entered' ELSE 'changed' END,
                        CASE WHEN present.bounds IS NULL THEN format(CASE cardinality(wanted.bounds) WHEN 1 THEN '%s tier' ELSE '%s tiers' END, cardinality(wanted.bounds))
                             ELSE margin_internal.ladder_news(present, wanted) || format(', from %s', coalesce(valid_from, now())) END;
END
$$;
COMMENT ON FUNCTION margin_internal.import_tiers(name, text, text, margin.answer_row[], timestamptz, text) IS
'a schedule of an answer into a venue: what import_answer() returns of it, and of the asset or contract where that is new or its tiers apply another way from now on. Tiers of a contract that the venue lacks are ignored, an asset is entered';

-- ---------------------------------------------------------------------------
-- Prices
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.import_prices(venue name, rows margin.answer_row[], at timestamptz)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    present jsonb;
    done record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    SELECT jsonb_object_agg(p.kind || ' ' || p.symbol, p.price) INTO present
      FROM (SELECT 'asset', asset, price FROM index_price UNION ALL SELECT 'contract', contract, price FROM mark_price) AS p (kind, symbol, price)
     WHERE p.symbol = ANY (ARRAY(SELECT r.symbol FROM unnest(rows) AS r));
    SELECT s.rejected, s.held INTO done
      FROM margin.set_prices(venue, (SELECT json_build_object(
               'assets', coalesce(json_object_agg(r.symbol, r.fields -> 'price') FILTER (WHERE r.kind = 'index_price'), '{}'),
               'contracts', coalesce(json_object_agg(r.symbol, r.fields -> 'price') FILTER (WHERE r.kind = 'mark_price'), '{}'),
               'at', coalesce(import_prices.at, clock_timestamp())) FROM unnest(rows) AS r)) AS s;
    RETURN QUERY
    SELECT r.kind, r.symbol,
           CASE WHEN f.flaw IS NOT NULL THEN 'ignored' WHEN b.before IS NULL THEN 'entered' WHEN b.before = (r.fields ->> 'price')::numeric THEN 'unchanged' ELSE 'changed' END,
           coalesce(f.flaw, CASE WHEN b.before <> (r.fields ->> 'price')::numeric THEN format('%s -> %s', b.before, r.fields ->> 'price') END)
      FROM (SELECT *, CASE o.kind WHEN 'index_price' THEN 'asset ' ELSE 'contract ' END || o.symbol AS what FROM unnest(rows) AS o) AS r
     CROSS JOIN LATERAL (SELECT (present ->> r.what)::numeric AS before) AS b
      LEFT JOIN LATERAL (SELECT substr(l.line, length(r.what) + 3) AS flaw FROM unnest(done.rejected || done.held) AS l (line)
                          WHERE starts_with(l.line, r.what || ': ') LIMIT 1) AS f ON true;
END
$$;
COMMENT ON FUNCTION margin_internal.import_prices(name, margin.answer_row[], timestamptz) IS 'prices of an answer that were observed at one instant (null: now) into a venue by set_prices(): what import_answer() returns of them';

-- ---------------------------------------------------------------------------

-- Of two that differ the one that comes later would win, by chance.
CREATE FUNCTION margin_internal.check_told_once(rows margin.answer_row[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice record;
BEGIN
    SELECT max(r.path) AS path, r.kind, r.symbol INTO twice
      FROM unnest(rows) AS r WHERE r.kind IN ('asset', 'contract', 'index_price', 'mark_price')
     GROUP BY r.kind, r.symbol HAVING count(DISTINCT r.fields) > 1 LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(twice.path, format('is a second %s of "%s", and says something else', twice.kind, twice.symbol));
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_told_once(margin.answer_row[]) IS 'an error (22023) where a document says two different things of an asset, a contract or a price';

CREATE FUNCTION margin_internal.import_rows(venue name, source text, rows margin.answer_row[], valid_from timestamptz)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    part record;
BEGIN
    PERFORM margin_internal.check_told_once(rows);
    -- rows are locked in one order, which is everybody's
    FOR part IN SELECT r.symbol, r.fields FROM unnest(rows) AS r WHERE r.kind = 'asset' ORDER BY r.symbol COLLATE "C" LOOP
        RETURN QUERY SELECT 'asset', part.symbol, e.outcome, e.why FROM margin_internal.enter_terms(venue, 'asset', part.symbol, part.fields, valid_from, source) AS e;
    END LOOP;
    FOR part IN SELECT r.symbol, r.path, r.fields FROM unnest(rows) AS r WHERE r.kind = 'contract' ORDER BY r.symbol COLLATE "C" LOOP
        RETURN QUERY SELECT i.* FROM margin_internal.import_contract(venue, part.symbol, part.path, part.fields, valid_from, source) AS i;
    END LOOP;
    FOR part IN
        SELECT r.kind, r.symbol, array_agg(r.r ORDER BY r.n) AS tiers
          FROM (SELECT u.kind, u.symbol, u.n, (u.kind, u.symbol, u.path, u.fields)::margin.answer_row AS r
                  FROM unnest(rows) WITH ORDINALITY AS u (kind, symbol, path, fields, n) WHERE u.kind ~ '_tier$') AS r
         GROUP BY r.kind, r.symbol ORDER BY r.kind, r.symbol COLLATE "C"
    LOOP
        RETURN QUERY SELECT i.* FROM margin_internal.import_tiers(venue, part.kind, part.symbol, part.tiers, valid_from, source) AS i;
    END LOOP;
    FOR part IN
        SELECT (u.fields ->> 'at')::timestamptz AS at, array_agg((u.kind, u.symbol, u.path, u.fields)::margin.answer_row ORDER BY u.kind, u.symbol COLLATE "C") AS prices
          FROM unnest(rows) AS u WHERE u.kind ~ '_price$' GROUP BY 1 ORDER BY 1
    LOOP
        RETURN QUERY SELECT i.* FROM margin_internal.import_prices(venue, part.prices, part.at) AS i;
    END LOOP;
    RETURN QUERY SELECT r.kind, r.symbol, 'ignored', r.fields ->> 'why' FROM unnest(rows) AS r WHERE r.kind = 'ignored';
END
$$;
COMMENT ON FUNCTION margin_internal.import_rows(name, text, margin.answer_row[], timestamptz) IS 'rows of a source into a venue: assets, contracts, tiers, prices, in this order; what import_answer() returns';

CREATE FUNCTION margin.import_answer(venue name, source text, document jsonb, valid_from timestamptz DEFAULT NULL)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    IF document IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'document is null', HINT = 'Give the answer of the interface as it came.';
    END IF;
    RETURN QUERY
    SELECT i.kind, i.symbol, i.outcome, i.why
      FROM margin_internal.import_rows(venue, source, ARRAY(SELECT r FROM margin_internal.read_answer(source, document) AS r), valid_from) AS i;
END
$$;
COMMENT ON FUNCTION margin.import_answer(name, text, jsonb, timestamptz) IS
'reads what a public interface of a trading venue has answered, as it came, into the tables of a venue (a source of margin.answer_sources): a row for each asset, contract, schedule and price: entered, changed, unchanged or ignored, and why. A new contract or schedule is valid for all time (with valid_from, tiers from then on), a change from valid_from on (null: from now on). An error (22023), and nothing entered, for an error of the venue, a value that is missing or no number, and tiers that contradict themselves, each by its place in the document';

-- account: what venues answer of an account, into the tables of a book
--
-- Sources are as those of import_answer(), of other rows.  A document seldom holds
-- everything that an account has, so a source says which part of it is whole.

CREATE FUNCTION margin.answer_figures(node margin.answer_node, symbol text, figures jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'figure', symbol, margin_internal.path_to(node, f.value), jsonb_build_object('name', f.key, 'value', v.value)
      FROM jsonb_each_text(figures) AS f, LATERAL (SELECT margin.answer_number(node, f.value, false) AS value) AS v
     -- a price of 0 is none
     WHERE v.value IS NOT NULL AND NOT (f.key ~ 'price$' AND v.value <= 0::numeric);
END;
COMMENT ON FUNCTION margin.answer_figures(margin.answer_node, text, jsonb) IS
'rows of figures of an account (symbol null) or of an asset or contract, for reconcile(): the members of a part of a document by what they are, {"equity": "totalMarginBalance"}; those that are missing are left out, and prices of 0. Amounts are in USD, of contracts in their settlement asset';

CREATE FUNCTION margin_internal.read_account(source text, document jsonb) RETURNS SETOF margin.account_row
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT regprocedure := margin_internal.answer_reader(source, 'margin.account_row');
    told margin.account_row;
BEGIN
    IF document IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'document is null', HINT = 'Give the answer of the interface as it came.';
    END IF;
    FOR told IN EXECUTE (SELECT format('SELECT r.* FROM %I.%I($1::jsonb) AS r', p.pronamespace::regnamespace::name, p.proname) FROM pg_proc AS p WHERE p.oid = reader)
      USING document
    LOOP
        told.fields := coalesce(jsonb_strip_nulls(told.fields), '{}');
        PERFORM margin_internal.check_answer_row(told.kind, told.symbol, told.path, told.fields, '{balance,position,order,figure,complete,ignored}');
        RETURN NEXT told;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.read_account(text, jsonb) IS 'what a source of import_account() says of a document, each row checked';

-- Rows of the book's tables, in columns of their own.
CREATE FUNCTION margin_internal.facts_of(kind text, rows margin.account_row[]) RETURNS TABLE (path text, symbol text, facts jsonb)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT r.path, r.symbol,
           -- what a document does not tell stays as it is
           jsonb_strip_nulls(CASE facts_of.kind
               WHEN 'balance' THEN jsonb_build_object('asset', r.symbol, 'quantity', q.quantity)
               WHEN 'position' THEN jsonb_build_object('contract', r.symbol, 'side', CASE WHEN q.quantity < 0::numeric THEN 'short' ELSE 'long' END, 'quantity', q.quantity,
                        'entry_price', margin_internal.field_number(r.path, r.fields, 'entry_price', q.quantity <> 0::numeric),
                        'leverage', margin_internal.field_number(r.path, r.fields, 'leverage', false))
               ELSE jsonb_build_object('order_id', margin.answer_text((r.path, r.fields)::margin.answer_node, 'order_id'), 'contract', r.symbol, 'quantity', q.quantity,
                        'price', margin_internal.field_number(r.path, r.fields, 'price'), 'leverage', margin_internal.field_number(r.path, r.fields, 'leverage', false))
           END)
      FROM unnest(rows) AS r (kind, symbol, path, fields), LATERAL (SELECT margin_internal.field_number(r.path, r.fields, 'quantity') AS quantity) AS q
     WHERE r.kind = facts_of.kind;
END;
COMMENT ON FUNCTION margin_internal.facts_of(text, margin.account_row[]) IS 'rows of a source as rows of the table of a book, by kind: balance, position, order';

CREATE FUNCTION margin_internal.write_fact(book name, target name, keys text[], account text, facts jsonb, gone boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns CONSTANT text := (SELECT string_agg(quote_ident(k), ', ' ORDER BY k) FROM jsonb_object_keys(facts) AS k);
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF gone THEN
        EXECUTE format('DELETE FROM %I AS t WHERE t.account_id = account_key($1) AND to_jsonb(t) @> $2', target)
          USING account, (SELECT jsonb_object_agg(k, facts -> k) FROM unnest(keys) AS k);
    ELSE
        EXECUTE format('INSERT INTO %1$I AS t (account_id, %2$s) SELECT account_key($1), %2$s FROM jsonb_populate_record(NULL::%1$I, $2) ON CONFLICT (account_id, %3$s) DO UPDATE SET (%2$s) = ROW(%4$s)',
                       target, columns, array_to_string(keys, ', '), 'excluded.' || replace(columns, ', ', ', excluded.'))
          USING account, facts;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.write_fact(name, name, text[], text, jsonb, boolean) IS 'writes a row of an account in a table of a book''s own, or deletes the one with its key';

CREATE FUNCTION margin_internal.fact_news(present jsonb, facts jsonb) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('%s %s -> %s', f.key, coalesce(present ->> f.key, 'null'), coalesce(f.value #>> '{}', 'null')), ', ' ORDER BY f.key COLLATE "C")
      FROM jsonb_each(facts) AS f WHERE f.value IS DISTINCT FROM present -> f.key;
END;
COMMENT ON FUNCTION margin_internal.fact_news(jsonb, jsonb) IS 'in words, in which columns a row differs from what it is to be; null: in none';

CREATE FUNCTION margin_internal.replace_facts(book name, target name, keys text[], account text, wanted jsonb, whole boolean)
RETURNS TABLE (symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    present jsonb;
    line record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(t) - ''account_id''), ''[]'') FROM (SELECT * FROM %I WHERE account_id = account_key($1) FOR UPDATE) AS t', target)
       INTO present USING account;
    FOR line IN
        SELECT coalesce(w.value, p.value) AS facts, p.value AS present, w.value IS NULL OR (w.value ->> 'quantity')::numeric = 0 AS gone
          FROM jsonb_array_elements(wanted) AS w
          FULL JOIN jsonb_array_elements(present) AS p ON ARRAY(SELECT w.value ->> k FROM unnest(keys) AS k) = ARRAY(SELECT p.value ->> k FROM unnest(keys) AS k)
         WHERE w.value IS NOT NULL OR whole
         ORDER BY ARRAY(SELECT coalesce(w.value, p.value) ->> k COLLATE "C" FROM unnest(keys) AS k)
    LOOP
        symbol := coalesce(line.facts ->> 'asset', line.facts ->> 'contract');
        CONTINUE WHEN line.gone AND line.present IS NULL;
        IF line.gone THEN
            outcome := 'removed';
            why := 'quantity was ' || (line.present ->> 'quantity');
        ELSIF line.present IS NULL THEN
            outcome := 'entered';
            why := 'quantity ' || (line.facts ->> 'quantity');
        ELSE
            why := margin_internal.fact_news(line.present, line.facts);
            outcome := CASE WHEN why IS NULL THEN 'unchanged' ELSE 'changed' END;
        END IF;
        IF outcome <> 'unchanged' THEN
            PERFORM margin_internal.write_fact(book, target, keys, account, line.facts, line.gone);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.replace_facts(name, name, text[], text, jsonb, boolean) IS
'the rows of an account in a table of a book''s own become those wanted, an array of objects; those not wanted go where these are the whole. Quantities of 0 are none. What happened to each';

-- What could be no row of the table is told by its place in the document, and so is
-- a key that comes twice: two rows would be one.
CREATE FUNCTION margin_internal.wanted_facts(kind text, keys text[], rows margin.account_row[]) RETURNS jsonb
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flawed record;
    twice record;
    wanted jsonb;
BEGIN
    SELECT h.path, h.flaw INTO flawed
      FROM (SELECT f.path, margin_internal.holding_flaw(f.symbol, (f.facts ->> 'quantity')::numeric, (f.facts ->> CASE kind WHEN 'order' THEN 'price' ELSE 'entry_price' END)::numeric,
                                                        (f.facts ->> 'leverage')::numeric, kind::margin.holding_kind) AS flaw
              FROM margin_internal.facts_of(kind, rows) AS f WHERE (f.facts ->> 'quantity')::numeric <> 0) AS h
     WHERE h.flaw IS NOT NULL LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(flawed.path, format('is no %s: %s', kind, flawed.flaw));
    END IF;
    SELECT max(f.path) AS path, min(f.symbol) AS symbol INTO twice
      FROM margin_internal.facts_of(kind, rows) AS f WHERE (f.facts ->> 'quantity')::numeric <> 0
     GROUP BY ARRAY(SELECT f.facts ->> k FROM unnest(keys) AS k) HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(twice.path, format('is a second %s in "%s"', kind, twice.symbol), 'A position has one row for each side, an order its own id.');
    END IF;
    SELECT jsonb_agg(f.facts) INTO wanted
      FROM (SELECT DISTINCT ON (ARRAY(SELECT f.facts ->> k FROM unnest(keys) AS k)) f.facts
              FROM margin_internal.facts_of(kind, rows) AS f ORDER BY ARRAY(SELECT f.facts ->> k FROM unnest(keys) AS k), (f.facts ->> 'quantity')::numeric = 0) AS f;
    RETURN coalesce(wanted, '[]');
END
$$;
COMMENT ON FUNCTION margin_internal.wanted_facts(text, text[], margin.account_row[]) IS 'facts_of() as an array, one for each key; an error (22023) for what could not be held, and where a document holds two of a key';

-- Leverage is chosen for a contract, and most venues tell it with the position only.
-- Where both sides have one, the lower requires more.
CREATE FUNCTION margin_internal.with_leverage(book name, account text, orders jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen jsonb;
    levered jsonb;
BEGIN
    PERFORM margin_internal.enter_book(book);
    SELECT jsonb_object_agg(p.contract, p.leverage) INTO chosen
      FROM (SELECT h.contract, min(h.leverage) AS leverage FROM position AS h WHERE h.account_id = (SELECT account_key(account)) GROUP BY h.contract) AS p;
    SELECT jsonb_agg(CASE WHEN o ->> 'leverage' IS NULL THEN jsonb_strip_nulls(o || jsonb_build_object('leverage', chosen -> (o ->> 'contract'))) ELSE o END) INTO levered
      FROM jsonb_array_elements(orders) AS o;
    RETURN coalesce(levered, '[]');
END
$$;
COMMENT ON FUNCTION margin_internal.with_leverage(name, text, jsonb) IS 'orders, where they tell no leverage with that of the account''s position in their contract, if it has one; the lower of both sides';

CREATE FUNCTION margin.import_account(book name, source text, account text, document jsonb)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rows margin.account_row[];
    part record;
    wanted jsonb;
BEGIN
    PERFORM margin_internal.check_own_tables(book, 'enter an account in', 'margin.reconcile() compares an account without writing.');
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'account is null', HINT = 'Give the key of the account as text.';
    END IF;
    rows := ARRAY(SELECT r FROM margin_internal.read_account(source, document) AS r);
    FOR part IN
        SELECT t.kind, t.target, t.keys, EXISTS (SELECT FROM unnest(rows) AS r WHERE r.kind = 'complete' AND r.symbol = t.kind) AS whole
          FROM (VALUES (1, 'balance', 'balance', '{asset}'::text[]), (2, 'position', 'position', '{contract,side}'), (3, 'order', 'open_order', '{order_id}')) AS t (n, kind, target, keys)
         ORDER BY t.n
    LOOP
        wanted := margin_internal.wanted_facts(part.kind, part.keys, rows);
        IF part.kind = 'order' THEN
            wanted := margin_internal.with_leverage(book, account, wanted);
        END IF;
        RETURN QUERY SELECT part.kind, f.symbol, f.outcome, f.why
                       FROM margin_internal.replace_facts(book, part.target::name, part.keys, account, wanted, part.whole) AS f;
    END LOOP;
    RETURN QUERY SELECT r.kind, r.symbol, 'ignored', r.fields ->> 'why' FROM unnest(rows) AS r WHERE r.kind = 'ignored';
END
$$;
COMMENT ON FUNCTION margin.import_account(name, text, text, jsonb) IS
'reads what a trading venue has answered of an account, as it came, into an account of a book (its key as text) with tables of its own: a row for each balance, position and order: entered, changed, unchanged, removed (the document holds all of its kind, and not this one) or ignored, and why. Quantities of 0 are none. Leverage that the document does not give stays, but an order takes that of the position in its contract, the lower one of both sides. The guard judges it, as any write. Errors: 22023 as import_answer(), 0A000 for a book over other tables';

-- reconcile: a venue's own figures of an account beside ours
--
-- A reason is not guessed: the account is valued again under each of a few
-- suppositions (the venue's own marks, no fees, no open orders), and the first
-- under which our figure is the venue's is the reason.

CREATE FUNCTION margin_internal.market_with(market margin.market, marks jsonb, without text[]) RETURNS margin.market
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms CONSTANT jsonb := market::text::jsonb;
BEGIN
    IF terms -> 'contracts' IS NULL THEN
        RETURN market;
    END IF;
    RETURN jsonb_set(terms, '{contracts}', (
        SELECT jsonb_object_agg(c.key, (c.value - without) || CASE WHEN marks ? c.key THEN jsonb_build_object('mark', marks -> c.key) ELSE '{}' END)
          FROM jsonb_each(terms -> 'contracts') AS c))::text::margin.market;
END
$$;
COMMENT ON FUNCTION margin_internal.market_with(margin.market, jsonb, text[]) IS 'a market with other marks of some contracts, and without some terms of all: ''{closing_fee}''';

-- An account is valued many times: what it does not touch stays out.
CREATE FUNCTION margin_internal.market_of(market margin.market, contracts text[]) RETURNS margin.market
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms CONSTANT jsonb := market::text::jsonb;
BEGIN
    RETURN (terms || jsonb_build_object('contracts', (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') FROM jsonb_each(terms -> 'contracts') AS c WHERE c.key = ANY (contracts))))::text::margin.market;
END
$$;
COMMENT ON FUNCTION margin_internal.market_of(margin.market, text[]) IS 'a market with those of its contracts that are given';

-- What is required of contracts and what they gain is compared in their settlement
-- asset, which is what venues answer; evaluate() counts in USD.
CREATE FUNCTION margin_internal.contract_figures(portfolio margin.portfolio, market margin.market, contracts text[]) RETURNS TABLE (name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.name, p.contract, f.value
      FROM margin.positions(portfolio, market) AS p,
           LATERAL (SELECT (market::text::jsonb #>> ARRAY['assets', p.settle, 'price'])::numeric * coalesce((market::text::jsonb #>> ARRAY['assets', p.settle, 'requirement_weight'])::numeric, 1) AS price) AS s,
           LATERAL (VALUES ('long', p.long), ('short', p.short), ('mark_price', p.mark), ('unrealized_pnl', p.pnl),
                           ('maintenance_margin', CASE WHEN s.price = 1 THEN p.maintenance_margin ELSE trim_scale(round(p.maintenance_margin / s.price, 18)) END),
                           ('position_initial_margin', CASE WHEN s.price = 1 THEN p.initial_margin ELSE trim_scale(round(p.initial_margin / s.price, 18)) END),
                           ('liquidation_price', CASE WHEN p.missing IS NULL AND p.contract = ANY (contracts) THEN margin.liquidation_price(portfolio, market, p.contract, 0.00000001) END)) AS f (name, value)
     WHERE p.contract = ANY (contracts) OR f.name IN ('long', 'short');
END;
COMMENT ON FUNCTION margin_internal.contract_figures(margin.portfolio, margin.market, text[]) IS
'our figures of some contracts, and of all what is held of either side: mark, profit and margins in the settlement asset (where its price is not 1, rounded to 18 decimals), the liquidation price to 8 decimals';

CREATE FUNCTION margin_internal.own_figures(portfolio margin.portfolio, market margin.market, contracts text[]) RETURNS TABLE (name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    WITH v AS MATERIALIZED (SELECT e.*, margin.judged_equity(portfolio, market) AS judged_equity FROM margin.evaluate(portfolio, market) AS e)
    SELECT f.name, NULL::text, f.value
      FROM v, LATERAL (VALUES ('equity', v.equity), ('initial_equity', v.initial_equity), ('judged_equity', v.judged_equity), ('net_asset_value', v.net_asset_value),
                              ('collateral_value', v.collateral_value), ('liabilities', v.liabilities), ('haircut', v.haircut), ('unrealized_pnl', v.unrealized_pnl),
                              ('initial_margin', v.initial_margin), ('position_initial_margin', v.initial_margin - v.order_margin), ('order_margin', v.order_margin), ('order_loss', v.order_loss),
                              ('maintenance_margin', v.maintenance_margin), ('available_margin', v.available_margin), ('available_margin_above_0', greatest(v.available_margin, 0)),
                              ('margin_ratio', v.margin_ratio), ('margin_ratio_percent', v.margin_ratio * 100),
                              ('equity_by_maintenance', CASE WHEN v.maintenance_margin > 0::numeric THEN trim_scale(round(v.judged_equity / v.maintenance_margin, 8)) END)) AS f (name, value)
    UNION ALL
    SELECT f.name, c.asset, f.value FROM margin.collateral(portfolio, market) AS c, LATERAL (VALUES ('balance', c.balance), ('asset_equity', c.asset_equity)) AS f (name, value)
    UNION ALL
    SELECT f.name, f.symbol, f.value FROM margin_internal.contract_figures(portfolio, market, contracts) AS f
    UNION ALL
    SELECT o.side::text || '_orders', o.contract, sum(o.quantity) FROM margin.orders(portfolio, market) AS o GROUP BY o.side, o.contract;
END;
COMMENT ON FUNCTION margin_internal.own_figures(margin.portfolio, margin.market, text[]) IS 'our figures of an account, by the names that sources give those of a venue; of contracts those given, holdings of all';

CREATE FUNCTION margin_internal.supposed_figures(portfolio margin.portfolio, market margin.market, marks jsonb, contracts text[])
RETURNS TABLE (n integer, reason text, name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.n, s.reason, f.name, f.symbol, f.value
      FROM (VALUES (1, 'at the venue''s marks', portfolio, margin_internal.market_with(market, marks, '{}')),
                   (2, 'without the closing fee', portfolio, margin_internal.market_with(market, '{}', '{closing_fee}')),
                   (3, 'without the opening fee', portfolio, margin_internal.market_with(market, '{}', '{opening_fee}')),
                   (4, 'without fees', portfolio, margin_internal.market_with(market, '{}', '{closing_fee,opening_fee}')),
                   (5, 'without open orders', margin.without_orders(portfolio), market),
                   (6, 'at the venue''s marks, without the closing fee', portfolio, margin_internal.market_with(market, marks, '{closing_fee}')),
                   (7, 'at the venue''s marks, without fees', portfolio, margin_internal.market_with(market, marks, '{closing_fee,opening_fee}')),
                   (8, 'at the venue''s marks, without open orders', margin.without_orders(portfolio), margin_internal.market_with(market, marks, '{}'))) AS s (n, reason, portfolio, market),
           LATERAL margin_internal.own_figures(s.portfolio, s.market, contracts) AS f;
END;
COMMENT ON FUNCTION margin_internal.supposed_figures(margin.portfolio, margin.market, jsonb, text[]) IS 'own_figures() under suppositions by which venues differ, in the order in which they are tried';

-- Figures that venues give by the same name as others.
CREATE FUNCTION margin_internal.other_meanings() RETURNS TABLE (name text, other text, reason text)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    VALUES ('equity', 'net_asset_value', 'the venue''s is before collateral ratios and weights'),
           ('equity', 'initial_equity', 'the venue''s is by the ratios of the initial measure'),
           ('equity', 'judged_equity', 'the venue''s is less what open orders take of it'),
           ('net_asset_value', 'equity', 'the venue''s is after collateral ratios and weights'),
           ('initial_margin', 'position_initial_margin', 'the venue''s is without what open orders require'),
           ('available_margin', 'available_margin_above_0', 'the venue shows nothing below 0'),
           ('margin_ratio', 'margin_ratio_percent', 'the venue''s is in per cent'),
           ('margin_ratio', 'equity_by_maintenance', 'the venue''s is equity by maintenance margin'),
           ('equity_by_maintenance', 'margin_ratio', 'the venue''s is maintenance margin by equity');
END;
COMMENT ON FUNCTION margin_internal.other_meanings() IS 'what a figure of a venue may be of ours instead, and how to say so';

-- The last decimal that a venue writes may be rounded or cut. A figure of few digits
-- would be anything so.
CREATE FUNCTION margin_internal.is_told(theirs numeric, ours numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ours = theirs OR scale(theirs) > 0 AND abs(ours - theirs) < power(10::numeric, -scale(theirs)) AND abs(ours - theirs) <= 0.05 * abs(theirs);
COMMENT ON FUNCTION margin_internal.is_told(numeric, numeric) IS 'whether a figure is the one that a venue writes, but for less than 1 in its last decimal and at most 5 %; null for null';

CREATE FUNCTION margin_internal.holding_of(name text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN name = 'balance' THEN 'balance' WHEN name IN ('long', 'short') THEN 'position' WHEN name IN ('buy_orders', 'sell_orders') THEN 'order' END;
COMMENT ON FUNCTION margin_internal.holding_of(text) IS 'of what kind the holdings are that a figure is the quantity of; null for other figures';

CREATE FUNCTION margin_internal.their_figures(rows margin.account_row[]) RETURNS TABLE (name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    -- figures of both sides of a contract are one of ours; a price of either is that of both
    SELECT f.name, f.symbol, CASE WHEN f.name ~ 'price$' THEN max(f.value) ELSE sum(f.value) END
      FROM (SELECT CASE r.kind WHEN 'figure' THEN r.fields ->> 'name'
                               WHEN 'position' THEN CASE WHEN q.value < 0::numeric THEN 'short' ELSE 'long' END
                               WHEN 'order' THEN CASE WHEN q.value < 0::numeric THEN 'sell_orders' ELSE 'buy_orders' END
                               ELSE r.kind END, r.symbol,
                   CASE WHEN r.kind IN ('position', 'order') THEN abs(q.value) ELSE q.value END
              FROM unnest(rows) AS r (kind, symbol, path, fields),
                   LATERAL (SELECT margin_internal.field_number(r.path, r.fields, CASE r.kind WHEN 'figure' THEN 'value' ELSE 'quantity' END) AS value) AS q
             WHERE r.kind IN ('figure', 'balance', 'position', 'order')) AS f (name, symbol, value)
     GROUP BY f.name, f.symbol;
END;
COMMENT ON FUNCTION margin_internal.their_figures(margin.account_row[]) IS 'figures, balances, and by side positions and quantities of orders that a document holds, one for each symbol';

CREATE FUNCTION margin_internal.reconcile_figures(portfolio margin.portfolio, market margin.market, rows margin.account_row[])
RETURNS TABLE (figure text, symbol text, theirs numeric, ours numeric, difference numeric, reason text)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH told AS MATERIALIZED (
        SELECT * FROM margin_internal.their_figures(rows)
    ), parts AS MATERIALIZED (
        SELECT coalesce(jsonb_object_agg(t.symbol, t.value) FILTER (WHERE t.name = 'mark_price'), '{}') AS marks,
               coalesce(array_agg(DISTINCT t.symbol) FILTER (WHERE t.name IN ('long', 'short', 'mark_price', 'liquidation_price', 'unrealized_pnl', 'maintenance_margin', 'position_initial_margin')
                                                               AND t.symbol IS NOT NULL), '{}') AS contracts,
               margin.missing(portfolio, market) AS missing
          FROM told AS t
    ), own AS MATERIALIZED (
        SELECT f.* FROM parts AS p, margin_internal.own_figures(portfolio, market, p.contracts) AS f
    ), beside AS MATERIALIZED (
        -- holdings that we have and the document does not, where it holds others of their kind
        SELECT coalesce(t.name, o.name) AS name, coalesce(t.symbol, o.symbol) AS symbol, coalesce(t.value, 0) AS theirs,
               CASE WHEN o.name IS NULL AND t.name IN ('balance', 'asset_equity', 'long', 'short', 'buy_orders', 'sell_orders') THEN 0 ELSE o.value END AS ours
          FROM told AS t
          FULL JOIN own AS o ON o.name = t.name AND o.symbol IS NOT DISTINCT FROM t.symbol
         WHERE t.name IS NOT NULL
            OR o.value <> 0::numeric AND EXISTS (SELECT FROM unnest(rows) AS r (kind, symbol, path, fields) WHERE r.kind = 'complete' AND r.symbol = margin_internal.holding_of(o.name))
    ), derived AS MATERIALIZED (
        SELECT d.name, d.value
          FROM (SELECT max(t.value) FILTER (WHERE t.name = 'equity') AS equity, max(t.value) FILTER (WHERE t.name = 'maintenance_margin') AS maintenance,
                       max(t.value) FILTER (WHERE t.name = 'initial_margin') AS initial
                  FROM told AS t WHERE t.symbol IS NULL) AS v,
               LATERAL (VALUES ('margin_ratio', round(v.maintenance / nullif(v.equity, 0), 18)), ('equity_by_maintenance', round(v.equity / nullif(v.maintenance, 0), 18)),
                               ('available_margin', v.equity - v.initial)) AS d (name, value)
    ), supposed AS MATERIALIZED (
        SELECT s.* FROM parts AS p, margin_internal.supposed_figures(portfolio, market, p.marks, p.contracts) AS s
         WHERE EXISTS (SELECT FROM beside AS b WHERE b.ours <> b.theirs)
    )
    SELECT b.name, b.symbol, b.theirs, b.ours, b.ours - b.theirs,
           CASE WHEN b.ours = b.theirs THEN NULL
                WHEN margin_internal.holding_of(b.name) IS NOT NULL THEN 'the book holds another quantity'
                WHEN b.ours IS NULL AND p.missing IS NOT NULL THEN 'not valued: no price or parameters for ' || array_to_string(p.missing, ', ')
                WHEN b.ours IS NULL THEN 'there is none here'
                WHEN margin_internal.is_told(b.theirs, b.ours) THEN format('the venue gives %s decimals', scale(b.theirs))
                WHEN b.name = 'mark_price' THEN CASE WHEN abs(b.ours - b.theirs) <= 0.05 * abs(b.theirs) THEN 'another mark: prices of another moment' ELSE 'not explained' END
                ELSE coalesce(
                    (SELECT 'equal ' || s.reason FROM supposed AS s
                      WHERE s.name = b.name AND s.symbol IS NOT DISTINCT FROM b.symbol AND margin_internal.is_told(b.theirs, s.value) ORDER BY s.n LIMIT 1),
                    (SELECT m.reason FROM margin_internal.other_meanings() AS m JOIN own AS o ON o.name = m.other AND o.symbol IS NULL
                      WHERE m.name = b.name AND b.symbol IS NULL AND margin_internal.is_told(b.theirs, o.value) LIMIT 1),
                    (SELECT m.reason || ', at its own marks' FROM margin_internal.other_meanings() AS m JOIN supposed AS s ON s.n = 1 AND s.name = m.other AND s.symbol IS NULL
                      WHERE m.name = b.name AND b.symbol IS NULL AND margin_internal.is_told(b.theirs, s.value) LIMIT 1),
                    (SELECT 'follows from the venue''s own other figures' FROM derived AS d WHERE d.name = b.name AND b.symbol IS NULL AND margin_internal.is_told(b.theirs, d.value)),
                    (SELECT 'may be the closing fee, which many venues charge at the bankruptcy price' FROM supposed AS s
                      WHERE s.n = 2 AND b.name = 'maintenance_margin' AND s.name = b.name AND s.symbol IS NOT DISTINCT FROM b.symbol
                        AND s.value < b.ours AND abs(b.ours - b.theirs) < b.ours - s.value),
                    (SELECT 'the book holds other quantities' FROM beside AS h WHERE margin_internal.holding_of(h.name) IS NOT NULL AND h.ours <> h.theirs LIMIT 1),
                    'not explained')
           END
      FROM beside AS b, parts AS p
     ORDER BY CASE WHEN margin_internal.holding_of(b.name) IS NOT NULL THEN 2 WHEN b.symbol IS NULL THEN 1 ELSE 3 END,
              array_position('{equity,net_asset_value,maintenance_margin,initial_margin,available_margin,margin_ratio}'::text[], b.name), b.symbol COLLATE "C", b.name COLLATE "C";
END;
COMMENT ON FUNCTION margin_internal.reconcile_figures(margin.portfolio, margin.market, margin.account_row[]) IS 'reconcile() of a portfolio in a market and the rows that a source says';

CREATE FUNCTION margin.reconcile(book name, source text, account text, document jsonb)
RETURNS TABLE (figure text, symbol text, theirs numeric, ours numeric, difference numeric, reason text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held margin.portfolio;
    rows margin.account_row[];
    market margin.market;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'account is null', HINT = 'Give the key of the account as text.';
    END IF;
    SELECT p.portfolio INTO held FROM account_portfolio AS p WHERE p.account_id = (SELECT account_key(account));
    held := coalesce(held, '{}');
    rows := ARRAY(SELECT r FROM margin_internal.read_account(source, document) AS r);
    market := venue_market();
    market := margin_internal.market_of(market, ARRAY(SELECT p.contract FROM margin.positions(held, market) AS p UNION SELECT r.symbol FROM unnest(rows) AS r));
    RETURN QUERY SELECT f.* FROM margin_internal.reconcile_figures(held, market, rows) AS f;
END
$$;
COMMENT ON FUNCTION margin.reconcile(name, text, text, jsonb) IS
'what a trading venue has answered of an account (a source of import_account()) beside what margin makes of the account of a book, by its key as text, in the present market of its venue: figures in USD, of contracts in their settlement asset, quantities in units or contracts, of positions and orders by side; holdings that only the book has too, where the answer lists all of their kind. difference is ours - theirs; reason: null where there is none, else what was found to make them equal, or that the venue writes fewer decimals, or not explained. Writes nothing, on any book. Errors as import_account()';

-- binance: public answers of Binance's futures
--
-- After the USD-margined futures documentation, "Market Data" and "Account"
-- (leverageBracket).  Sizes are in units of the underlying, so a contract is one.

CREATE FUNCTION margin_internal."binance.exchangeInfo"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'marginAsset'), 'base', margin.answer_text(s, 'baseAsset'),
               'contract_size', coalesce(margin.answer_number(s, 'contractSize', false), 1),
               'payoff', CASE WHEN margin.answer_text(s, 'marginAsset') = margin.answer_text(s, 'baseAsset') THEN 'inverse' ELSE 'linear' END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), 'symbols[*]') AS s
    UNION ALL
    SELECT 'asset', margin.answer_text(a, 'asset'), a.path, '{}'
      FROM margin.answer_nodes(document, 'assets[*]', false) AS a;
END;
COMMENT ON FUNCTION margin_internal."binance.exchangeInfo"(jsonb) IS
'Binance, GET /fapi/v1/exchangeInfo: assets that serve as margin, and contracts; those margined in their own coin are ignored';

CREATE FUNCTION margin_internal."binance.leverageBracket"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), b.path, jsonb_build_object(
               'lower_bound', margin.answer_number(b, 'notionalFloor'), 'upper_bound', margin.answer_number(b, 'notionalCap'),
               'maintenance_rate', margin.answer_number(b, 'maintMarginRatio'), 'max_leverage', margin.answer_number(b, 'initialLeverage'),
               'deduction', margin.answer_number(b, 'cum'), 'method', 'marginal', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS s,
           margin.answer_nodes(s, 'brackets[*]') AS b;
END;
COMMENT ON FUNCTION margin_internal."binance.leverageBracket"(jsonb) IS
'Binance, GET /fapi/v1/leverageBracket: maintenance rates by notional, marginal, checked against cum; initial rates from the leverage allowed';

CREATE FUNCTION margin_internal."binance.premiumIndex"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'markPrice'), 'at', margin.answer_time(s, 'time'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."binance.premiumIndex"(jsonb) IS
'Binance, GET /fapi/v1/premiumIndex: mark prices. Its index prices are in the quote currency, not in USD; see binance.assetIndex';

-- A symbol here is an asset against USD: BTCUSD, USDTUSD.
CREATE FUNCTION margin_internal."binance.assetIndex"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'index_price', regexp_replace(margin.answer_text(s, 'symbol'), 'USD$', ''), s.path,
           jsonb_build_object('price', margin.answer_number(s, 'index'), 'at', margin.answer_time(s, 'time'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."binance.assetIndex"(jsonb) IS
'Binance, GET /fapi/v1/assetIndex: index prices in USD of the assets of Multi-Assets mode';

-- ---------------------------------------------------------------------------
-- Accounts: "Account/Trade Endpoints"
-- ---------------------------------------------------------------------------

-- Version 3 lists only positions that are held, without entry prices: those are in
-- positionRisk.
CREATE FUNCTION margin_internal."binance.account"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH account AS (SELECT n AS node FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '') AS n)
    SELECT 'balance', margin.answer_text(b, 'asset'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'crossWalletBalance'))
      FROM account AS a, margin.answer_nodes(a.node, 'assets[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}'
    UNION ALL
    SELECT CASE WHEN margin.answer_text(p, 'isolated', false) = 'true' THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN margin.answer_text(p, 'isolated', false) = 'true' THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'positionAmt'), 'entry_price', margin.answer_number(p, 'entryPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM account AS a, margin.answer_nodes(a.node, 'positions[*]', false) AS p
     WHERE p.value ? 'entryPrice' AND margin.answer_number(p, 'positionAmt') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}' WHERE document #> '{positions,0}' ? 'entryPrice'
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM account AS a, margin.answer_figures(a.node, NULL, '{"equity": "totalMarginBalance", "unrealized_pnl": "totalUnrealizedProfit", "initial_margin": "totalInitialMargin", "maintenance_margin": "totalMaintMargin", "available_margin": "availableBalance"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."binance.account"(jsonb) IS
'Binance, GET /fapi/v2/account or v3: balances of the cross wallet, what is required and available; positions where the answer has their entry price (v2)';

CREATE FUNCTION margin_internal."binance.positionRisk"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (coalesce(margin.answer_text(p, 'marginType', false) = 'isolated', coalesce(margin.answer_number(p, 'isolatedMargin', false), 0::numeric) <> 0::numeric)) THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (coalesce(margin.answer_text(p, 'marginType', false) = 'isolated', coalesce(margin.answer_number(p, 'isolatedMargin', false), 0::numeric) <> 0::numeric)) THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'positionAmt'), 'entry_price', margin.answer_number(p, 'entryPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, '[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unRealizedProfit", "liquidation_price": "liquidationPrice", "maintenance_margin": "maintMargin", "position_initial_margin": "positionInitialMargin"}') AS f
     WHERE NOT (coalesce(margin.answer_text(p, 'marginType', false) = 'isolated', coalesce(margin.answer_number(p, 'isolatedMargin', false), 0::numeric) <> 0::numeric)) AND margin.answer_number(p, 'positionAmt') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."binance.positionRisk"(jsonb) IS
'Binance, GET /fapi/v2/positionRisk or v3: positions in cross margin, their marks, profits and liquidation prices';

CREATE FUNCTION margin_internal."binance.openOrders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{BUY}', '{SELL}') * (margin.answer_number(p, 'origQty') - margin.answer_number(p, 'executedQty')), 'price', margin.answer_number(p, 'price'), 'leverage', NULL::numeric)
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{}', 'msg'), '[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' OR margin.answer_text(p, 'closePosition', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'type') ~ 'STOP|TAKE_PROFIT|TRAILING' THEN 'waits for a trigger' END AS why) AS o
    UNION ALL
    SELECT 'complete', 'order', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."binance.openOrders"(jsonb) IS
'Binance, GET /fapi/v1/openOrders: open limit orders; what only reduces and what waits for a trigger is ignored';

-- bybit: public answers of Bybit's version 5
--
-- After the V5 API documentation, "Market" and "Spot Margin Trade (UTA)".

CREATE FUNCTION margin_internal.bybit_checked(document jsonb, categories text[] DEFAULT NULL) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    checked CONSTANT jsonb := margin.answer_whole(margin.answer_checked(document, 'retCode', '{0}', 'retMsg'), 'result.nextPageCursor');
    category CONSTANT text := nullif(checked #>> '{result,category}', '');
BEGIN
    IF category <> ALL (categories) THEN
        PERFORM margin_internal.refuse_answer('result.category', format('is "%s", not %s', category, array_to_string(categories, ' or ')), 'Another category has other contracts, by names that may be the same.');
    END IF;
    RETURN checked;
END
$$;
COMMENT ON FUNCTION margin_internal.bybit_checked(jsonb, text[]) IS 'the document, or an error (22023): of the venue, for a page that has a next, or for a category that the answer names and that is not one of those given (null: any)';

-- Sizes are in units of the underlying, so a contract is one.
CREATE FUNCTION margin_internal."bybit.instruments-info"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN margin.answer_text(s, 'contractType', false) IS NULL THEN 'ignored' ELSE 'contract' END, margin.answer_text(s, 'symbol'), s.path,
           CASE WHEN margin.answer_text(s, 'contractType', false) IS NULL THEN jsonb_build_object('why', 'no contract: it has no contractType')
                ELSE jsonb_build_object('settle', margin.answer_text(s, 'settleCoin'), 'base', margin.answer_text(s, 'baseCoin'), 'contract_size', 1,
                                        'payoff', CASE WHEN margin.answer_text(s, 'contractType') ~ '^Linear' THEN 'linear' ELSE 'inverse' END) END
      FROM margin.answer_nodes(margin_internal.bybit_checked(document), 'result.list[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bybit.instruments-info"(jsonb) IS
'Bybit, GET /v5/market/instruments-info: contracts of category linear; others are ignored';

-- initialMargin is rounded; maxLeverage says the same exactly. The documentation shows
-- the rates of an inverse contract in per cent (0.5); those of linear ones are
-- fractions (0.005). A page may end within the tiers of a symbol.
CREATE FUNCTION margin_internal."bybit.risk-limit"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'upper_bound', margin.answer_number(s, 'riskLimitValue'), 'maintenance_rate', margin.answer_number(s, 'maintenanceMargin'),
               'max_leverage', margin.answer_number(s, 'maxLeverage'), 'deduction', margin.answer_number(s, 'mmDeduction', false),
               'method', 'marginal', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin_internal.bybit_checked(document), 'result.list[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bybit.risk-limit"(jsonb) IS
'Bybit, GET /v5/market/risk-limit, category linear: maintenance rates by notional, marginal, checked against mmDeduction where the answer has it; initial rates from the leverage allowed';

-- maxQty of the last tier is empty: it has no end.
CREATE FUNCTION margin_internal."bybit.tier-collateral-ratio"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'collateral_tier', margin.answer_text(s, 'currency'), t.path, jsonb_build_object(
               'lower_bound', margin.answer_number(t, 'minQty'), 'upper_bound', margin.answer_number(t, 'maxQty', false),
               'ratio', margin.answer_number(t, 'collateralRatio'), 'tier_unit', 'quantity')
      FROM margin.answer_nodes(margin.answer_checked(document, 'retCode', '{0}', 'retMsg'), 'result.list[*]') AS s,
           margin.answer_nodes(s, 'collateralRatioList[*]') AS t;
END;
COMMENT ON FUNCTION margin_internal."bybit.tier-collateral-ratio"(jsonb) IS
'Bybit, GET /v5/spot-margin-trade/collateral: collateral ratios by quantity';

-- usdIndexPrice is there for coins that count as collateral. One time is for all.
CREATE FUNCTION margin_internal."bybit.tickers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE margin.answer_text(r, 'category') WHEN 'linear' THEN 'mark_price' ELSE 'index_price' END,
           CASE margin.answer_text(r, 'category') WHEN 'linear' THEN margin.answer_text(s, 'symbol') ELSE regexp_replace(margin.answer_text(s, 'symbol'), 'USDT$', '') END,
           s.path, jsonb_build_object('price', margin.answer_number(s, CASE margin.answer_text(r, 'category') WHEN 'linear' THEN 'markPrice' ELSE 'usdIndexPrice' END),
                                      'at', margin.answer_time(('', document)::margin.answer_node, 'time'))
      FROM margin.answer_nodes(margin_internal.bybit_checked(document, '{linear,spot}'), 'result') AS r,
           margin.answer_nodes(r, 'list[*]') AS s
     WHERE CASE margin.answer_text(r, 'category') WHEN 'linear' THEN true
                WHEN 'spot' THEN margin.answer_text(s, 'symbol') ~ '.USDT$' AND margin.answer_text(s, 'usdIndexPrice', false) IS NOT NULL END;
END;
COMMENT ON FUNCTION margin_internal."bybit.tickers"(jsonb) IS
'Bybit, GET /v5/market/tickers: mark prices of category linear; of category spot the index prices in USD of the coins paired with USDT';

-- ---------------------------------------------------------------------------
-- Accounts: "Account", "Position", "Trade"
-- ---------------------------------------------------------------------------

-- walletBalance is negative where derivatives have made it so; what is borrowed for
-- spot is still in it. totalEquity is without collateral ratios, totalMarginBalance with.
CREATE FUNCTION margin_internal."bybit.wallet-balance"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'coin'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'walletBalance') - coalesce(margin.answer_number(b, 'spotBorrow', false), 0::numeric))
      FROM margin.answer_nodes(margin_internal.bybit_checked(document), 'result.list[*]') AS a, margin.answer_nodes(a, 'coin[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'result.list[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'result.list[*]') AS a,
           margin.answer_figures(a, NULL, '{"net_asset_value": "totalEquity", "equity": "totalMarginBalance", "unrealized_pnl": "totalPerpUPL", "initial_margin": "totalInitialMargin", "maintenance_margin": "totalMaintenanceMargin", "available_margin": "totalAvailableBalance", "margin_ratio": "accountMMRate"}') AS f
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'result.list[*]') AS a, margin.answer_nodes(a, 'coin[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'coin'), '{"asset_equity": "equity"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."bybit.wallet-balance"(jsonb) IS
'Bybit, GET /v5/account/wallet-balance, accountType UNIFIED: balances less what is borrowed for spot, and equity, requirements and rates of the account';

-- The answer is that of one settleCoin; those of several belong into one document. A
-- slot without a position has size 0 and no side.
CREATE FUNCTION margin_internal."bybit.position-list"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (coalesce(margin.answer_text(p, 'tradeMode', false), '0') = '1') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (coalesce(margin.answer_text(p, 'tradeMode', false), '0') = '1') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'side', '{Buy}', '{Sell}', margin.answer_number(p, 'size')) * margin.answer_number(p, 'size'), 'entry_price', margin.answer_number(p, 'avgPrice', false), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin_internal.bybit_checked(document, '{linear}'), 'result.list[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'result.list[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unrealisedPnl", "liquidation_price": "liqPrice", "maintenance_margin": "positionMM", "position_initial_margin": "positionIM"}') AS f
     WHERE NOT (coalesce(margin.answer_text(p, 'tradeMode', false), '0') = '1') AND margin.answer_number(p, 'size') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."bybit.position-list"(jsonb) IS
'Bybit, GET /v5/position/list, category linear, with all settleCoins: positions in cross margin, their marks, profits, requirements and liquidation prices';

CREATE FUNCTION margin_internal."bybit.order-realtime"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{Buy}', '{Sell}') * margin.answer_number(p, 'leavesQty'), 'price', margin.answer_number(p, 'price'), 'leverage', NULL::numeric)
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin_internal.bybit_checked(document, '{linear}'), 'result.list[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' OR margin.answer_text(p, 'closeOnTrigger', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'orderStatus') = 'Untriggered' THEN 'waits for a trigger' END AS why) AS o
    UNION ALL
    SELECT 'complete', 'order', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."bybit.order-realtime"(jsonb) IS
'Bybit, GET /v5/order/realtime, category linear: open limit orders; what only reduces and what waits for a trigger is ignored';

-- okx: public answers of OKX's version 5
--
-- After the V5 API documentation, "Public Data".  Positions are counted in
-- contracts, of ctVal * ctMult of the underlying each, and so are tiers.

CREATE FUNCTION margin_internal."okx.instruments"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN margin.answer_text(s, 'instType') IN ('SWAP', 'FUTURES') THEN 'contract' ELSE 'ignored' END, margin.answer_text(s, 'instId'), s.path,
           CASE WHEN margin.answer_text(s, 'instType') IN ('SWAP', 'FUTURES') THEN jsonb_build_object(
                    'settle', margin.answer_text(s, 'settleCcy'), 'base', CASE margin.answer_text(s, 'ctType') WHEN 'linear' THEN margin.answer_text(s, 'ctValCcy') END,
                    'contract_size', margin.answer_number(s, 'ctVal') * coalesce(margin.answer_number(s, 'ctMult', false), 1), 'payoff', margin.answer_text(s, 'ctType'),
                    'tier_unit', 'contracts', 'maintenance_method', 'whole')
                ELSE jsonb_build_object('why', format('instType %s is no contract', margin.answer_text(s, 'instType'))) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."okx.instruments"(jsonb) IS
'OKX, GET /api/v5/public/instruments: contracts of type SWAP and FUTURES; inverse ones and others are ignored';

-- A tier of swaps names the family, BTC-USDT, for which the contract is BTC-USDT-SWAP.
-- minSz may be the next size after maxSz of the tier before.
CREATE FUNCTION margin_internal."okx.position-tiers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', coalesce(nullif(margin.answer_text(s, 'instId', false), margin.answer_text(s, 'instFamily')), margin.answer_text(s, 'instFamily') || '-SWAP'), s.path,
           jsonb_build_object('lower_bound', margin.answer_number(s, 'minSz'), 'upper_bound', margin.answer_number(s, 'maxSz'), 'step', 1,
               'maintenance_rate', margin.answer_number(s, 'mmr'), 'initial_rate', margin.answer_number(s, 'imr'), 'method', 'whole', 'tier_unit', 'contracts')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."okx.position-tiers"(jsonb) IS
'OKX, GET /api/v5/public/position-tiers, instType SWAP, tdMode cross: maintenance and initial rates by contracts, the rate reached for all of a position';

-- details with an upper bound of "" have no end. disCcyEq is what the collateral up to
-- maxAmt counts as, in the currency; the figures of the documentations own example
-- (1000 for 20 at 0.98) do not add up.
CREATE FUNCTION margin_internal."okx.discount-rate-interest-free-quota"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'collateral_tier', margin.answer_text(s, 'ccy'), t.path, jsonb_build_object(
               'lower_bound', margin.answer_number(t, 'minAmt'), 'upper_bound', margin.answer_number(t, 'maxAmt', false), 'ratio', margin.answer_number(t, 'discountRate'),
               'summed', CASE WHEN margin.answer_number(t, 'maxAmt', false) IS NOT NULL THEN margin.answer_number(t, 'disCcyEq', false) END,
               'beyond', margin.answer_number(s, 'minDiscountRate', false), 'tier_unit', 'quantity')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s,
           margin.answer_nodes(s, 'details[*]') AS t;
END;
COMMENT ON FUNCTION margin_internal."okx.discount-rate-interest-free-quota"(jsonb) IS
'OKX, GET /api/v5/public/discount-rate-interest-free-quota: collateral ratios by quantity, checked against disCcyEq where the answer has it; beyond the last bound minDiscountRate';

CREATE FUNCTION margin_internal."okx.mark-price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'instId'), s.path, jsonb_build_object('price', margin.answer_number(s, 'markPx'), 'at', margin.answer_time(s, 'ts'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s
     WHERE margin.answer_text(s, 'instType') IN ('SWAP', 'FUTURES');
END;
COMMENT ON FUNCTION margin_internal."okx.mark-price"(jsonb) IS
'OKX, GET /api/v5/public/mark-price: mark prices of swaps and futures';

CREATE FUNCTION margin_internal."okx.index-tickers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'index_price', regexp_replace(margin.answer_text(s, 'instId'), '-USD$', ''), s.path, jsonb_build_object('price', margin.answer_number(s, 'idxPx'), 'at', margin.answer_time(s, 'ts'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS s
     WHERE margin.answer_text(s, 'instId') ~ '-USD$';
END;
COMMENT ON FUNCTION margin_internal."okx.index-tickers"(jsonb) IS
'OKX, GET /api/v5/market/index-tickers, quoteCcy USD: index prices in USD';

-- ---------------------------------------------------------------------------
-- Accounts: "Trading Account", "Trade"
-- ---------------------------------------------------------------------------

-- cashBal is taken for what the account has or, below 0, owes; the documentation of
-- liab does not say whether it is in there. mgnRatio is adjEq by what is required,
-- upside down from ours.
CREATE FUNCTION margin_internal."okx.balance"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'ccy'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'cashBal'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS a, margin.answer_nodes(a, 'details[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'data[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS a,
           margin.answer_figures(a, NULL, '{"net_asset_value": "totalEq", "equity": "adjEq", "unrealized_pnl": "upl", "initial_margin": "imr", "maintenance_margin": "mmr", "available_margin": "availEq", "equity_by_maintenance": "mgnRatio"}') AS f
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS a, margin.answer_nodes(a, 'details[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'ccy'), '{"asset_equity": "eq"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."okx.balance"(jsonb) IS
'OKX, GET /api/v5/account/balance: balances, and equity, requirements and ratio of an account in multi-currency margin';

-- pos is signed for posSide net, and positive for short.
CREATE FUNCTION margin_internal."okx.positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'mgnMode') = 'isolated') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'instId'), p.path,
           CASE WHEN (margin.answer_text(p, 'mgnMode') = 'isolated') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'posSide', '{long,net}', '{short}', margin.answer_number(p, 'pos')) * margin.answer_number(p, 'pos'), 'entry_price', margin.answer_number(p, 'avgPx', false), 'leverage', margin.answer_number(p, 'lever', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'instId'), '{"mark_price": "markPx", "unrealized_pnl": "upl", "liquidation_price": "liqPx", "maintenance_margin": "mmr", "position_initial_margin": "imr"}') AS f
     WHERE NOT (margin.answer_text(p, 'mgnMode') = 'isolated') AND margin.answer_number(p, 'pos') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."okx.positions"(jsonb) IS
'OKX, GET /api/v5/account/positions, instType SWAP and FUTURES: positions in cross margin, their marks, profits, requirements and liquidation prices';

CREATE FUNCTION margin_internal."okx.orders-pending"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'instId'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'ordId'), 'quantity', margin_internal.answer_sign(p, 'side', '{buy}', '{sell}') * (margin.answer_number(p, 'sz') - coalesce(margin.answer_number(p, 'accFillSz', false), 0)), 'price', margin.answer_number(p, 'px'), 'leverage', margin.answer_number(p, 'lever', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'ordId'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{0}', 'msg'), 'data[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'tdMode', false) = 'isolated' THEN 'isolated: an account of its own' WHEN margin.answer_text(p, 'instType') NOT IN ('SWAP', 'FUTURES') THEN 'in no contract' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document -> 'data', 100) AS r;
END;
COMMENT ON FUNCTION margin_internal."okx.orders-pending"(jsonb) IS
'OKX, GET /api/v5/trade/orders-pending, instType SWAP and FUTURES: open orders in cross margin; what only reduces is ignored';

-- bitget: public answers of Bitget's futures, version 2
--
-- After the API documentation, "Futures", "Market".  Sizes are in units of the
-- underlying, so a contract is one.

CREATE FUNCTION margin_internal."bitget.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'quoteCoin'), 'base', margin.answer_text(s, 'baseCoin'), 'contract_size', 1,
               'payoff', CASE margin.answer_text(s, 'quoteCoin') WHEN 'USD' THEN 'inverse' ELSE 'linear' END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bitget.contracts"(jsonb) IS
'Bitget, GET /api/v2/mix/market/contracts: contracts; those quoted in USD are margined in coins, and ignored';

-- The answer sums nothing that would tell whether rates are marginal; "Position Tier"
-- of the venue applies the rate of the tier to the whole position, and so does this.
CREATE FUNCTION margin_internal."bitget.query-position-lever"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'lower_bound', margin.answer_number(s, 'startUnit'), 'upper_bound', margin.answer_number(s, 'endUnit'),
               'maintenance_rate', margin.answer_number(s, 'keepMarginRate'), 'max_leverage', margin.answer_number(s, 'leverage'), 'method', 'whole', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bitget.query-position-lever"(jsonb) IS
'Bitget, GET /api/v2/mix/market/query-position-lever: maintenance rates by notional, the rate reached for all of a position; initial rates from the leverage allowed';

CREATE FUNCTION margin_internal."bitget.symbol-price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'markPrice'), 'at', margin.answer_time(s, 'ts'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."bitget.symbol-price"(jsonb) IS
'Bitget, GET /api/v2/mix/market/symbol-price: mark prices';

-- ---------------------------------------------------------------------------
-- Accounts: "Futures", "Account", "Position", "Trade"
-- ---------------------------------------------------------------------------

-- Collateral of isolated positions is in accountEquity. crossedRiskRate is that of one
-- margin coin.
CREATE FUNCTION margin_internal."bitget.accounts"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'marginCoin'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'accountEquity') - coalesce(margin.answer_number(b, 'unrealizedPL', false), 0::numeric) - coalesce(margin.answer_number(b, 'isolatedMargin', false), 0::numeric))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'data[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'marginCoin'), '{"asset_equity": "accountEquity"}') AS f
     WHERE coalesce(margin.answer_number(b, 'isolatedMargin', false), 0::numeric) = 0::numeric
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, NULL, '{"margin_ratio": "crossedRiskRate"}') AS f
     WHERE jsonb_array_length(document -> 'data') = 1;
END;
COMMENT ON FUNCTION margin_internal."bitget.accounts"(jsonb) IS
'Bitget, GET /api/v2/mix/account/accounts: balances of futures accounts, without profit that is not realized and collateral of isolated positions';

CREATE FUNCTION margin_internal."bitget.all-position"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'marginMode') = 'isolated') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (margin.answer_text(p, 'marginMode') = 'isolated') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'holdSide', '{long}', '{short}', margin.answer_number(p, 'total')) * margin.answer_number(p, 'total'), 'entry_price', margin.answer_number(p, 'openPriceAvg'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unrealizedPL", "liquidation_price": "liquidationPrice"}') AS f
     WHERE NOT (margin.answer_text(p, 'marginMode') = 'isolated') AND margin.answer_number(p, 'total') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."bitget.all-position"(jsonb) IS
'Bitget, GET /api/v2/mix/position/all-position: positions in cross margin, their marks, profits and liquidation prices';

-- entrustedList is null where there are none. One page holds 100; endId does not say
-- whether there are more.
CREATE FUNCTION margin_internal."bitget.orders-pending"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{buy}', '{sell}') * (margin.answer_number(p, 'size') - coalesce(margin.answer_number(p, 'baseVolume', false), 0)), 'price', margin.answer_number(p, 'price'), 'leverage', margin.answer_number(p, 'leverage', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin_internal.answer_having(margin.answer_checked(document, 'code', '{00000}', 'msg'), 'data.entrustedList'), 'data.entrustedList[*]', jsonb_typeof(document #> '{data,entrustedList}') <> 'null') AS p,
           LATERAL (SELECT CASE WHEN lower(margin.answer_text(p, 'reduceOnly', false)) = 'yes' OR margin.answer_text(p, 'tradeSide', false) = 'close' THEN 'only reduces' WHEN margin.answer_text(p, 'marginMode', false) = 'isolated' THEN 'isolated: an account of its own' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document #> '{data,entrustedList}', 100) AS r;
END;
COMMENT ON FUNCTION margin_internal."bitget.orders-pending"(jsonb) IS
'Bitget, GET /api/v2/mix/order/orders-pending: open limit orders in cross margin; what only reduces is ignored';

-- gate: public answers of Gate's version 4
--
-- After the API documentation, "Futures" and "Unified".  Errors are
-- {"label": ..., "message": ...}.  Sizes are in contracts of quanto_multiplier of
-- the underlying each.

-- The name of a contract is its underlying, its settlement asset and, if it expires,
-- the date.
CREATE FUNCTION margin_internal."gate.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'name'), s.path, jsonb_build_object(
               'settle', split_part(margin.answer_text(s, 'name'), '_', 2), 'base', split_part(margin.answer_text(s, 'name'), '_', 1),
               'contract_size', margin.answer_number(s, 'quanto_multiplier'),
               'payoff', CASE margin.answer_text(s, 'type') WHEN 'direct' THEN 'linear' ELSE margin.answer_text(s, 'type') END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."gate.contracts"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/contracts: contracts of type direct; inverse ones are ignored';

-- The documentation of the client libraries (FuturesLimitRiskTiers) has no deduction;
-- the interface answers it of late.
CREATE FUNCTION margin_internal."gate.risk_limit_tiers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'contract'), s.path, jsonb_build_object(
               'upper_bound', margin.answer_number(s, 'risk_limit'), 'maintenance_rate', margin.answer_number(s, 'maintenance_rate'),
               'initial_rate', margin.answer_number(s, 'initial_rate'), 'deduction', margin.answer_number(s, 'deduction', false),
               'method', CASE WHEN s.value ? 'deduction' THEN 'marginal' ELSE 'whole' END, 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."gate.risk_limit_tiers"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/risk_limit_tiers: maintenance and initial rates by notional; marginal and checked where the answer has deduction, else the rate reached for all of a position';

-- An upper_limit of + has no end.
CREATE FUNCTION margin_internal."gate.currency_discount_tiers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'collateral_tier', margin.answer_text(s, 'currency'), t.path, jsonb_build_object(
               'lower_bound', margin.answer_number(t, 'lower_limit'),
               'upper_bound', CASE WHEN margin.answer_text(t, 'upper_limit') <> '+' THEN margin.answer_number(t, 'upper_limit') END,
               'ratio', margin.answer_number(t, 'discount'), 'tier_unit', 'quantity')
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s,
           margin.answer_nodes(s, 'discount_tiers[*]') AS t;
END;
COMMENT ON FUNCTION margin_internal."gate.currency_discount_tiers"(jsonb) IS
'Gate, GET /api/v4/unified/currency_discount_tiers: collateral ratios by quantity';

CREATE FUNCTION margin_internal."gate.tickers"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'contract'), s.path, jsonb_build_object('price', margin.answer_number(s, 'mark_price'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."gate.tickers"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/tickers: mark prices. The answer has no time: they count as of now';

-- ---------------------------------------------------------------------------
-- Accounts: "Futures"
-- ---------------------------------------------------------------------------

-- An answer is that of one settlement currency, so that no other balance is removed.
-- total is without profit that is not realized. The members of cross margin are there
-- for accounts in that mode only.
CREATE FUNCTION margin_internal."gate.accounts"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'currency'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'total'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS b
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, '[*]') AS b,
           margin.answer_figures(b, NULL, '{"unrealized_pnl": "unrealised_pnl", "maintenance_margin": "cross_maintenance_margin", "initial_margin": "cross_initial_margin", "available_margin": "cross_available"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."gate.accounts"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/accounts: the balance of a futures account in one settlement currency, and what is required where the answer tells it';

-- A leverage of 0 means cross margin, at cross_leverage_limit.
CREATE FUNCTION margin_internal."gate.positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_number(p, 'leverage') <> 0::numeric) THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'contract'), p.path,
           CASE WHEN (margin.answer_number(p, 'leverage') <> 0::numeric) THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'size'), 'entry_price', margin.answer_number(p, 'entry_price'), 'leverage', nullif(margin.answer_number(p, 'cross_leverage_limit', false), 0::numeric)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, '[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'contract'), '{"mark_price": "mark_price", "unrealized_pnl": "unrealised_pnl", "liquidation_price": "liq_price", "maintenance_margin": "maintenance_margin", "position_initial_margin": "initial_margin"}') AS f
     WHERE NOT (margin.answer_number(p, 'leverage') <> 0::numeric) AND margin.answer_number(p, 'size') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."gate.positions"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/positions: positions in cross margin, their marks, profits and liquidation prices';

CREATE FUNCTION margin_internal."gate.orders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'contract'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'id'), 'quantity', margin.answer_number(p, 'left'), 'price', margin.answer_number(p, 'price'), 'leverage', NULL::numeric)
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'id'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'label', '{}', 'message'), '[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'is_reduce_only', false) = 'true' OR margin.answer_text(p, 'is_close', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'status', false) <> 'open' THEN 'no longer open' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document, 100) AS r;
END;
COMMENT ON FUNCTION margin_internal."gate.orders"(jsonb) IS
'Gate, GET /api/v4/futures/usdt/orders, status open: open limit orders; what only reduces is ignored';

-- kucoin: public answers of KuCoin's futures
--
-- After the API documentation, "Futures Trading", "Market Data".  Sizes are in
-- contracts (lots) of multiplier of the underlying each.

-- multiplier of an inverse contract is negative. Its coin XBT is everybody else's BTC.
CREATE FUNCTION margin_internal."kucoin.contracts"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'contract', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'settle', margin.answer_text(s, 'settleCurrency'), 'base', CASE margin.answer_text(s, 'baseCurrency') WHEN 'XBT' THEN 'BTC' ELSE margin.answer_text(s, 'baseCurrency') END, 'contract_size', abs(margin.answer_number(s, 'multiplier')),
               'payoff', CASE margin.answer_text(s, 'isInverse') WHEN 'true' THEN 'inverse' ELSE 'linear' END)
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."kucoin.contracts"(jsonb) IS
'KuCoin, GET /api/v1/contracts/active: contracts; inverse ones are ignored';

-- Levels of isolated margin, "Get Futures Risk Limit Level". In cross margin the venues
-- rate is a formula of the size, of which the answer tells nothing.
CREATE FUNCTION margin_internal."kucoin.risk-limit"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'risk_tier', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object(
               'lower_bound', margin.answer_number(s, 'minRiskLimit'), 'upper_bound', margin.answer_number(s, 'maxRiskLimit'),
               'maintenance_rate', margin.answer_number(s, 'maintainMargin'), 'initial_rate', margin.answer_number(s, 'initialMargin'), 'method', 'whole', 'tier_unit', 'notional')
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."kucoin.risk-limit"(jsonb) IS
'KuCoin, GET /api/v1/contracts/risk-limit/{symbol}: maintenance and initial rates by notional, the rate reached for all of a position';

CREATE FUNCTION margin_internal."kucoin.mark-price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'value'), 'at', margin.answer_time(s, 'timePoint'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."kucoin.mark-price"(jsonb) IS
'KuCoin, GET /api/v1/mark-price/{symbol}/current: a mark price';

-- ---------------------------------------------------------------------------
-- Accounts: "Account Info", "Positions", "Orders"
-- ---------------------------------------------------------------------------

-- One currency is not all balances: none is removed.
CREATE FUNCTION margin_internal."kucoin.account-overview"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'currency'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'accountEquity') - margin.answer_number(b, 'unrealisedPNL'))
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS b
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'currency'), '{"asset_equity": "accountEquity"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."kucoin.account-overview"(jsonb) IS
'KuCoin, GET /api/v1/account-overview: the balance of a futures account in one currency';

CREATE FUNCTION margin_internal."kucoin.positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'marginMode') = 'ISOLATED') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (margin.answer_text(p, 'marginMode') = 'ISOLATED') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin.answer_number(p, 'currentQty'), 'entry_price', margin.answer_number(p, 'avgEntryPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(document, 'code', '{200000}', 'msg'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"mark_price": "markPrice", "unrealized_pnl": "unrealisedPnl", "liquidation_price": "liquidationPrice"}') AS f
     WHERE NOT (margin.answer_text(p, 'marginMode') = 'ISOLATED') AND margin.answer_number(p, 'currentQty') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."kucoin.positions"(jsonb) IS
'KuCoin, GET /api/v1/positions: positions in cross margin, their marks, profits and liquidation prices';

CREATE FUNCTION margin_internal.kucoin_all_pages(document jsonb) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    data CONSTANT margin.answer_node := ('data', document -> 'data');
BEGIN
    IF margin.answer_number(data, 'totalPage', false) > margin.answer_number(data, 'currentPage') THEN
        PERFORM margin_internal.refuse_answer('data.totalPage', format('is %s and currentPage %s: there are more pages', data.value ->> 'totalPage', data.value ->> 'currentPage'),
                                              'Put the items of all pages into one document, that of the last page.');
    END IF;
    IF jsonb_typeof(data.value -> 'items') = 'array' AND margin.answer_number(data, 'totalNum', false) > jsonb_array_length(data.value -> 'items') THEN
        PERFORM margin_internal.refuse_answer('data.items', format('holds %s of %s orders', jsonb_array_length(data.value -> 'items'), data.value ->> 'totalNum'),
                                              'Put the items of all pages into one document, that of the last page.');
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin_internal.kucoin_all_pages(jsonb) IS 'the document, or an error (22023) where it is a page before the last, or holds fewer items than it says that there are';

-- Pages are numbered; a list of several has to be put into one.
CREATE FUNCTION margin_internal."kucoin.orders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'id'), 'quantity', margin_internal.answer_sign(p, 'side', '{buy}', '{sell}') * (margin.answer_number(p, 'size') - coalesce(margin.answer_number(p, 'filledSize', false), margin.answer_number(p, 'dealSize', false), 0)), 'price', margin.answer_number(p, 'price'), 'leverage', margin.answer_number(p, 'leverage', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'id'), o.why)) END
      FROM margin.answer_nodes(margin_internal.kucoin_all_pages(margin.answer_checked(document, 'code', '{200000}', 'msg')), 'data.items[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'reduceOnly', false) = 'true' OR margin.answer_text(p, 'closeOrder', false) = 'true' THEN 'only reduces' WHEN margin.answer_text(p, 'isActive', false) = 'false' THEN 'no longer open' WHEN margin.answer_text(p, 'marginMode', false) = 'ISOLATED' THEN 'isolated: an account of its own' END AS why) AS o
    UNION ALL
    SELECT 'complete', 'order', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."kucoin.orders"(jsonb) IS
'KuCoin, GET /api/v1/orders, status active: open limit orders in cross margin; what only reduces is ignored';

-- mexc: public answers of MEXC's futures
--
-- After the contract API documentation, "Market endpoints".  Sizes (vol) are in
-- contracts of contractSize of the underlying each.

-- Tiers are levels that grow by steps (riskLimitMode INCREASE), or a list of their own
-- (CUSTOM: riskLimitCustom). riskLimitType says what their bounds are; BY_VALUE is not
-- described further, and taken for the notional. A level holds up to maxVol; the next
-- begins a volUnit above.
CREATE FUNCTION margin_internal."mexc.detail"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH detail AS (
        SELECT s AS node, margin.answer_text(s, 'symbol') AS symbol, margin.answer_text(s, 'settleCoin') = margin.answer_text(s, 'baseCoin') AS inverse,
               margin.answer_text(s, 'riskLimitMode', false) = 'CUSTOM' AS custom,
               CASE margin.answer_text(s, 'riskLimitType', false) WHEN 'BY_VALUE' THEN 'notional' ELSE 'contracts' END AS unit,
               CASE margin.answer_text(s, 'riskLimitType', false) WHEN 'BY_VALUE' THEN 0 ELSE coalesce(margin.answer_number(s, 'volUnit', false), 1) END AS step
          FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS s
    )
    SELECT 'contract', d.symbol, (d.node).path, jsonb_build_object(
               'settle', margin.answer_text(d.node, 'settleCoin'), 'base', margin.answer_text(d.node, 'baseCoin'), 'contract_size', margin.answer_number(d.node, 'contractSize'),
               'payoff', CASE WHEN d.inverse THEN 'inverse' ELSE 'linear' END, 'tier_unit', d.unit, 'maintenance_method', 'whole')
      FROM detail AS d
    UNION ALL
    SELECT 'risk_tier', d.symbol, t.path, jsonb_build_object(
               'upper_bound', margin.answer_number(t, 'maxVol'), 'step', d.step, 'maintenance_rate', margin.answer_number(t, 'mmr'),
               'initial_rate', margin.answer_number(t, 'imr'), 'method', 'whole', 'tier_unit', d.unit)
      FROM detail AS d, margin.answer_nodes(d.node, 'riskLimitCustom[*]') AS t
     WHERE d.custom AND NOT d.inverse
    UNION ALL
    SELECT 'risk_tier', d.symbol, format('%s level %s', (d.node).path, k), jsonb_build_object(
               'upper_bound', margin.answer_number(d.node, 'riskBaseVol') + (k - 1) * margin.answer_number(d.node, 'riskIncrVol'), 'step', d.step,
               'maintenance_rate', margin.answer_number(d.node, 'maintenanceMarginRate') + (k - 1) * margin.answer_number(d.node, 'riskIncrMmr'),
               'initial_rate', margin.answer_number(d.node, 'initialMarginRate') + (k - 1) * margin.answer_number(d.node, 'riskIncrImr'), 'method', 'whole', 'tier_unit', d.unit)
      FROM detail AS d, generate_series(1, margin.answer_number(d.node, 'riskLevelLimit')) AS k
     WHERE d.custom IS NOT TRUE AND NOT d.inverse;
END;
COMMENT ON FUNCTION margin_internal."mexc.detail"(jsonb) IS
'MEXC, GET /api/v1/contract/detail: contracts, with their maintenance and initial rates, the rate reached for all of a position; those settled in their own coin are ignored';

CREATE FUNCTION margin_internal."mexc.fair_price"(document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'mark_price', margin.answer_text(s, 'symbol'), s.path, jsonb_build_object('price', margin.answer_number(s, 'fairPrice'), 'at', margin.answer_time(s, 'timestamp'))
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS s;
END;
COMMENT ON FUNCTION margin_internal."mexc.fair_price"(jsonb) IS
'MEXC, GET /api/v1/contract/fair_price/{symbol}: a mark price';

-- ---------------------------------------------------------------------------
-- Accounts: "Account and trading endpoints"
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal."mexc.assets"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'balance', margin.answer_text(b, 'currency'), b.path, jsonb_build_object('quantity', margin.answer_number(b, 'equity') - coalesce(margin.answer_number(b, 'unrealized', false), 0::numeric))
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS b
    UNION ALL
    SELECT 'complete', 'balance', '', '{}' WHERE EXISTS (SELECT FROM margin.answer_nodes(document, 'data[*]') AS a)
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS b, margin.answer_figures(b, margin.answer_text(b, 'currency'), '{"asset_equity": "equity"}') AS f;
END;
COMMENT ON FUNCTION margin_internal."mexc.assets"(jsonb) IS
'MEXC, GET /api/v1/private/account/assets: balances of a futures account, without profit that is not realized';

-- openType 1 is isolated, 2 cross; positionType 1 long, 2 short.
CREATE FUNCTION margin_internal."mexc.open_positions"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN (margin.answer_text(p, 'openType') = '1') THEN 'ignored' ELSE 'position' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN (margin.answer_text(p, 'openType') = '1') THEN jsonb_build_object('why', 'isolated: an account of its own')
                ELSE jsonb_build_object('quantity', margin_internal.answer_sign(p, 'positionType', '{1}', '{2}') * margin.answer_number(p, 'holdVol'), 'entry_price', margin.answer_number(p, 'holdAvgPrice'), 'leverage', margin.answer_number(p, 'leverage', false)) END
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS p
    UNION ALL
    SELECT f.kind, f.symbol, f.path, f.fields
      FROM margin.answer_nodes(document, 'data[*]') AS p,
           margin.answer_figures(p, margin.answer_text(p, 'symbol'), '{"liquidation_price": "liquidatePrice"}') AS f
     WHERE NOT (margin.answer_text(p, 'openType') = '1') AND margin.answer_number(p, 'holdVol') <> 0::numeric
    UNION ALL
    SELECT 'complete', 'position', '', '{}';
END;
COMMENT ON FUNCTION margin_internal."mexc.open_positions"(jsonb) IS
'MEXC, GET /api/v1/private/position/open_positions: positions in cross margin, and their liquidation prices';

-- side 1 opens long, 2 closes short, 3 opens short, 4 closes long.
CREATE FUNCTION margin_internal."mexc.open_orders"(document jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT CASE WHEN o.why IS NULL THEN 'order' ELSE 'ignored' END, margin.answer_text(p, 'symbol'), p.path,
           CASE WHEN o.why IS NULL THEN jsonb_build_object('order_id', margin.answer_text(p, 'orderId'), 'quantity', margin_internal.answer_sign(p, 'side', '{1}', '{3}') * (margin.answer_number(p, 'vol') - coalesce(margin.answer_number(p, 'dealVol', false), 0)), 'price', margin.answer_number(p, 'price'), 'leverage', margin.answer_number(p, 'leverage', false))
                ELSE jsonb_build_object('why', format('order %s: %s', margin.answer_text(p, 'orderId'), o.why)) END
      FROM margin.answer_nodes(margin.answer_checked(margin.answer_checked(document, 'success', '{true}', 'message'), 'code', '{0}', 'message'), 'data[*]') AS p,
           LATERAL (SELECT CASE WHEN margin.answer_text(p, 'side') IN ('2', '4') THEN 'only reduces' WHEN margin.answer_text(p, 'openType', false) = '1' THEN 'isolated: an account of its own' END AS why) AS o
    UNION ALL
    SELECT r.kind, r.symbol, r.path, r.fields FROM margin_internal.all_orders(document -> 'data', 20) AS r;
END;
COMMENT ON FUNCTION margin_internal."mexc.open_orders"(jsonb) IS
'MEXC, GET /api/v1/private/order/list/open_orders: open limit orders in cross margin; what closes is ignored';

-- progress: how far long work is, for other sessions to read
--
-- A transaction's rows are seen by nobody else until it commits; the name of
-- its session is, at once.  So work that takes long writes into its
-- application_name how far it is.  No table, no lock and nothing to clean up:
-- whatever way the work ends, the name it had before comes back.

-- UNSAFE: nobody sets a parameter while parallel workers run, and a function
-- that is merely RESTRICTED runs in a leader while they do.
CREATE FUNCTION margin_internal.report_progress(what text, done bigint, total bigint) RETURNS boolean
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT set_config('application_name', format('margin: %s %s/%s', what, done, coalesce(total::text, '?')), true) IS NOT NULL;
END;
COMMENT ON FUNCTION margin_internal.report_progress(text, bigint, bigint) IS
'says in margin.progress how much of the total (null: not known) of its work this session has done; always true: WHERE n % 1000 <> 0 OR margin_internal.report_progress(...). Who calls it is declared with SET application_name, so that its end, good or bad, gives the name back';

CREATE VIEW margin.progress WITH (security_invoker = true) AS
SELECT a.pid, m.part[1] AS what, m.part[2]::bigint AS done, nullif(m.part[3], '?')::bigint AS total, a.query_start AS started
  FROM pg_catalog.pg_stat_activity AS a,
       LATERAL regexp_match(a.application_name, '^margin: (.+) ([0-9]{1,18})/([0-9]{1,18}|[?])$') AS m (part)
 WHERE a.datname = current_database() AND m.part IS NOT NULL;
COMMENT ON VIEW margin.progress IS
'how far the long work of sessions in this database is, as pg_stat_activity shows it in their application_name; a hint, as any session may call itself anything. A transaction that looks again calls pg_stat_clear_snapshot() before';
COMMENT ON COLUMN margin.progress.pid IS 'process of the session';
COMMENT ON COLUMN margin.progress.what IS 'what it is doing';
COMMENT ON COLUMN margin.progress.done IS 'how much of it is done, mostly accounts';
COMMENT ON COLUMN margin.progress.total IS 'how much there is to do, as far as that is known beforehand: done may end a little below or above; null: not known';
COMMENT ON COLUMN margin.progress.started IS 'when its statement began; null for a reader who may not look into that session';
GRANT SELECT ON margin.progress TO PUBLIC;

-- liquidation_map: how a book would fare over a grid of moves of one price

CREATE FUNCTION margin_internal.map_moves(asset text, contract text, moves numeric[]) RETURNS margin.price_move[]
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice numeric;
BEGIN
    IF num_nonnulls(asset, contract) <> 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = CASE WHEN asset IS NULL THEN 'neither an asset nor a contract is named'
                           ELSE format('both asset "%s" and contract "%s" are named', asset, contract) END,
            HINT = 'Write asset => ''BTC'', which takes the marks that follow it along, or contract => ''BTC_USDT'', whose mark moves alone.';
    END IF;
    IF moves IS NULL OR array_position(moves, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'moves must not be null';
    END IF;
    IF cardinality(moves) = 0 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'there are no moves',
            HINT = 'A move of -0.2 is a fall of 20 %.';
    END IF;
    SELECT m INTO twice FROM unnest(moves) AS m GROUP BY m HAVING count(*) > 1 ORDER BY m LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('a move is given more than once: %s', twice);
    END IF;
    RETURN ARRAY(SELECT ROW(NULL, asset, contract, m, NULL)::margin.price_move FROM unnest(moves) WITH ORDINALITY AS u (m, n) ORDER BY n);
END
$$;
COMMENT ON FUNCTION margin_internal.map_moves(text, text, numeric[]) IS 'the moves of an asset or of a contract as rows of the aggregate liquidation_map(), in their order; an error unless one of the two is named, for null, for none, and for one given twice';

CREATE FUNCTION margin.liquidation_map(
    book name, asset text DEFAULT NULL, contract text DEFAULT NULL,
    moves numeric[] DEFAULT '{-0.5,-0.45,-0.4,-0.35,-0.3,-0.25,-0.2,-0.15,-0.1,-0.05,0,0.05,0.1,0.15,0.2,0.25,0.3,0.35,0.4,0.45,0.5}'
) RETURNS SETOF margin.liquidation_point
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED ROWS 21
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    rows margin.price_move[];
    given margin.market;
BEGIN
    PERFORM margin_internal.enter_book(book);
    rows := margin_internal.map_moves(asset, contract, moves);
    given := venue_market();
    RETURN QUERY
        SELECT point.*
          FROM (SELECT margin_internal.liquidation_map(p.portfolio, given, rows) AS points FROM reported_portfolio AS p) AS map,
               -- null for a book without accounts
               unnest(coalesce(map.points, (SELECT margin_internal.liquidation_map(NULL, given, rows)))) AS point;
END
$$;
COMMENT ON FUNCTION margin.liquidation_map(name, text, text, numeric[]) IS
'what relative moves of one price, above -1, would make of all accounts of a book: a row for each, in their order. asset => ...: its index price, and marks as those of shock() that are linked; contract => ...: its mark alone. Amounts in USD, exact. An error for an unknown book or symbol, one without a price, unless one symbol is named, and for moves that are null, none, not finite, or given twice';

-- page_html: what the page and the lines of CSV are written with.  Nothing here
-- knows what it writes.

CREATE FUNCTION margin_internal.csv_line(cells text[]) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(CASE WHEN c.cell IS NULL THEN ''
                           WHEN c.cell = '' OR c.cell ~ E'[",\r\n]|^\\s|\\s$' THEN '"' || replace(c.cell, '"', '""') || '"'
                           ELSE c.cell END, ',' ORDER BY c.n)
      FROM unnest(cells) WITH ORDINALITY AS c (cell, n);
END;
COMMENT ON FUNCTION margin_internal.csv_line(text[]) IS 'cells as a line of CSV (RFC 4180), as COPY writes them: null is nothing, an empty text is quoted';

CREATE FUNCTION margin_internal.html_text(content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(replace(replace(replace(replace(content, '&', '&amp;'), '<', '&lt;'), '>', '&gt;'), '"', '&quot;'), '''', '&#39;');
COMMENT ON FUNCTION margin_internal.html_text(text) IS 'a text as HTML that shows it, also inside of a quoted attribute; null for null';

CREATE FUNCTION margin_internal.html_amount(amount numeric, decimals integer DEFAULT 2) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(split_part(round(amount, decimals)::text, '.', 1), '([0-9])(?=([0-9]{3})+$)', E'\\1,', 'g')
       || CASE WHEN decimals > 0 THEN '.' || split_part(round(amount, decimals)::text, '.', 2) ELSE '' END;
COMMENT ON FUNCTION margin_internal.html_amount(numeric, integer) IS 'an amount for people: rounded half away from zero, with commas between thousands; null for null';

-- A price, a quantity: all its decimals stay.
CREATE FUNCTION margin_internal.html_number(number numeric) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN regexp_replace(number::text, '(?<=^-?[0-9]+)(?=([0-9]{3})+([.]|$))', ',', 'g');
COMMENT ON FUNCTION margin_internal.html_number(numeric) IS 'a number for people with all its decimals, commas between thousands; null for null';

-- A number within a word, a name or a date is none.
CREATE FUNCTION margin_internal.html_sentence(sentence text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN margin_internal.html_text(regexp_replace(sentence,
    '(?<=(^|[^[:alnum:]_.-]|(^|[^[:alnum:]_])-)[0-9]+)(?=([0-9]{3})+([^[:alnum:]_-]|-[^[:alnum:]]|$))', ',', 'g'));
COMMENT ON FUNCTION margin_internal.html_sentence(text) IS 'a sentence as HTML that shows it, with commas between the thousands of its numbers; null for null';

CREATE FUNCTION margin_internal.html_link(target text, content text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('<a href="#%s">%s</a>', margin_internal.html_text(target), margin_internal.html_text(content));
COMMENT ON FUNCTION margin_internal.html_link(text, text) IS 'a link to an anchor of the page; null for null';

-- How wide a table is decides where it is one and where a card for each row:
-- digits are about as wide as the style sheet supposes, and words may wrap.
CREATE FUNCTION margin_internal.html_width(head text[], cells text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN sum(col.width) <= 40 THEN 'small' WHEN sum(col.width) <= 90 THEN 'middle' WHEN sum(col.width) <= 112 THEN 'large'
                WHEN sum(col.width) <= 145 THEN 'wide' ELSE 'cards' END
      FROM (SELECT 3 + greatest((SELECT max(length(word)) FROM regexp_split_to_table(head[c], ' ') AS word),
                                max(CASE WHEN cells[r][c] ~ '^[-+]?[0-9]' THEN length(cells[r][c]) ELSE least(length(coalesce(cells[r][c], '-')), 16) END)) AS width
              FROM generate_series(1, cardinality(head)) AS c, generate_series(1, array_length(cells, 1)) AS r
             GROUP BY c) AS col;
END;
COMMENT ON FUNCTION margin_internal.html_width(text[], text[]) IS 'how wide a table of cells[row][column] is, as a class of the style sheet: small, middle, large, wide, or only to be shown as cards';

CREATE FUNCTION margin_internal.html_head(head text[], classes text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<thead role="rowgroup"><tr role="row">%s</tr></thead>',
                  string_agg(format('<th scope="col" role="columnheader"%s>%s</th>', h.class, margin_internal.html_text(h.title)), '' ORDER BY h.c))
      FROM unnest(head, classes) WITH ORDINALITY AS h (title, class, c);
END;
COMMENT ON FUNCTION margin_internal.html_head(text[], text[]) IS 'the head of a table, with a class for each column';

-- Roles are said because a style that shows rows as cards takes them away.
CREATE FUNCTION margin_internal.html_row(head text[], classes text[], cells text[], first text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<tr role="row"><th scope="row" role="rowheader">%s</th>%s</tr>', first,
                  string_agg(format('<td role="cell" data-of="%s"%s>%s</td>', margin_internal.html_text(k.title), k.class,
                                    coalesce(margin_internal.html_text(k.cell), '&ndash;')), '' ORDER BY k.c) FILTER (WHERE k.c > 1))
      FROM unnest(head, classes, cells) WITH ORDINALITY AS k (title, class, cell, c);
END;
COMMENT ON FUNCTION margin_internal.html_row(text[], text[], text[], text) IS 'a row of a table; what names it, the first cell, is given as HTML';

CREATE FUNCTION margin_internal.html_table(caption text, head text[], cells text[], empty text, names text[] DEFAULT NULL) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN cardinality(cells) = 0 THEN format('<p class="none">%s</p>', margin_internal.html_text(empty)) ELSE (
        SELECT format(E'<table class="%s" role="table">\n<caption>%s</caption>\n%s\n<tbody role="rowgroup">\n%s\n</tbody></table>',
                      margin_internal.html_width(head, cells), margin_internal.html_text(caption), margin_internal.html_head(head, col.classes),
                      (SELECT string_agg(margin_internal.html_row(head, col.classes, ARRAY(SELECT cells[r][c] FROM generate_series(1, cardinality(head)) AS c ORDER BY c),
                                                                  coalesce(names[r], margin_internal.html_text(cells[r][1]), '&ndash;')), E'\n' ORDER BY r)
                         FROM generate_series(1, array_length(cells, 1)) AS r))
          FROM (SELECT array_agg(k.class ORDER BY k.c) AS classes
                  -- what names a row is no number, whatever it looks like
                  FROM (SELECT c, CASE WHEN c > 1 AND bool_and(cells[r][c] ~ '^[-+]?[0-9][0-9.,]*( %)?$') THEN ' class="n"' ELSE '' END AS class
                          FROM generate_series(1, cardinality(head)) AS c, generate_series(1, array_length(cells, 1)) AS r
                         GROUP BY c) AS k) AS col) END;
END;
COMMENT ON FUNCTION margin_internal.html_table(text, text[], text[], text, text[]) IS
'a table of cells[row][column] under its head, everything escaped, numbers to the right; the first cells, which name the rows, may be given as HTML instead; a paragraph that says so where there is nothing';

CREATE FUNCTION margin_internal.html_more(shown bigint, total bigint, query text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN total > shown THEN format('<p class="more">and %s more: <code>%s</code></p>',
                                           margin_internal.html_amount(total - shown, 0), margin_internal.html_text(query)) ELSE '' END;
COMMENT ON FUNCTION margin_internal.html_more(bigint, bigint, text) IS 'how many more there are than are shown, and the query that gives all; an empty text where all are shown';

-- What is there is seen, however little it is beside the rest.
CREATE FUNCTION margin_internal.html_bars(labels text[], lengths numeric[], beyond numeric[], shown text[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<div class="bars">\n%s\n</div>', string_agg(format(
               '<div><span>%s</span><svg viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label="%s"><rect class="bar" width="%s" height="10"/><rect class="beyond" x="%s" width="%s" height="10"/></svg><span class="n">%s</span></div>',
               margin_internal.html_text(b.label), margin_internal.html_text(b.label || ': ' || b.text),
               drawn.length, drawn.length, round(100 * b.rest / whole, 2),
               margin_internal.html_text(b.text)), E'\n' ORDER BY b.n))
      FROM (SELECT u.n, u.label, u.text, greatest(u.length, 0) AS length, greatest(coalesce(u.rest, 0), 0) AS rest
              FROM unnest(labels, lengths, beyond, shown) WITH ORDINALITY AS u (label, length, rest, text, n)
             WHERE u.length IS NOT NULL) AS b,
           (SELECT nullif(max(greatest(u.length, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole
              FROM unnest(lengths, beyond) AS u (length, rest)) AS longest,
           LATERAL (SELECT CASE WHEN b.length > 0 THEN greatest(round(100 * b.length / whole, 2), 0.5) ELSE 0 END AS length) AS drawn
     WHERE whole IS NOT NULL
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin_internal.html_bars(text[], numeric[], numeric[], text[]) IS 'horizontal bars, each with a part beyond it in a paler colour (null: none), against the longest of all, between a label and a text; null where there is nothing to draw; what has no length is left out, and what has some is at least half a percent long';

CREATE FUNCTION margin_internal.html_points(times timestamptz[], points numeric[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(round((300 * coalesce(extract(epoch FROM p.t - e.first) / nullif(extract(epoch FROM e.last - e.first), 0), 1))::numeric, 2) || ',' ||
                      round(58 - 56 * (p.y - e.least) / coalesce(nullif(e.most - e.least, 0), 1), 2), ' ' ORDER BY p.t)
      FROM unnest(times, points) AS p (t, y),
           (SELECT min(u.t) AS first, max(u.t) AS last, min(u.y) AS least, max(u.y) AS most FROM unnest(times, points) AS u (t, y)) AS e
     WHERE p.y IS NOT NULL;
END;
COMMENT ON FUNCTION margin_internal.html_points(timestamptz[], numeric[]) IS 'points of a line in a field of 300 by 60, by their time and between the least and the most of them';

CREATE FUNCTION margin_internal.html_line(title text, times timestamptz[], points numeric[], decimals integer) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
BEGIN ATOMIC
    SELECT format('<figure><figcaption>%1$s <b>%2$s</b></figcaption><div class="plot"><small class="y"><span>%3$s</span><span>%4$s</span></small>'
                  '<svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%1$s: %4$s to %3$s, %2$s at last">'
                  '<path class="grid" d="M0 2H300M0 30H300M0 58H300"/><polyline points="%5$s"/></svg>'
                  '<small class="x"><span>%6$s</span><span>%7$s</span></small></div></figure>',
                  margin_internal.html_text(title), margin_internal.html_amount((array_agg(p.y ORDER BY p.t DESC) FILTER (WHERE p.y IS NOT NULL))[1], decimals),
                  margin_internal.html_amount(max(p.y), decimals), margin_internal.html_amount(min(p.y), decimals),
                  margin_internal.html_points(times, points), to_char(min(p.t), 'MM-DD HH24:MI'), to_char(max(p.t), 'MM-DD HH24:MI'))
      FROM unnest(times, points) AS p (t, y)
    HAVING count(p.y) > 0;
END;
COMMENT ON FUNCTION margin_internal.html_line(text, timestamptz[], numeric[], integer) IS 'a line through points at their times (UTC), between axes that name the least and the most, the first and the last time, with the last point in the caption; null where there is none';

CREATE FUNCTION margin_internal.html_columns(title text, labels text[], heights numeric[], beyond numeric[], shown text[], decimals integer) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<figure><figcaption>%1$s</figcaption><div class="plot"><small class="y"><span>%2$s</span><span>0</span></small>'
                  '<svg viewBox="0 0 300 60" preserveAspectRatio="none" role="img" aria-label="%3$s"><path class="grid" d="M0 0H300M0 30H300M0 60H300"/>%4$s</svg>'
                  '<small class="x each">%5$s</small></div></figure>',
                  margin_internal.html_text(title), margin_internal.html_amount(e.most, decimals),
                  margin_internal.html_text(title || ': ' || string_agg(c.label || ' ' || c.text, '; ' ORDER BY c.n)),
                  string_agg(format('<g><title>%s: %s</title><rect class="bar" x="%s" y="%s" width="%s" height="%s"/><rect class="beyond" x="%s" y="%s" width="%s" height="%s"/></g>',
                                    margin_internal.html_text(c.label), margin_internal.html_text(c.text),
                                    c.x, 60 - c.height, c.width, c.height, c.x, 60 - c.height - c.rest, c.width, c.rest), '' ORDER BY c.n),
                  string_agg(format('<span>%s</span>', margin_internal.html_text(c.label)), '' ORDER BY c.n))
      FROM (SELECT nullif(max(greatest(u.height, 0) + greatest(coalesce(u.rest, 0), 0)), 0) AS whole,
                   max(greatest(u.height, 0) + greatest(coalesce(u.rest, 0), 0)) AS most
              FROM unnest(heights, beyond) AS u (height, rest)) AS e,
           LATERAL (SELECT u.n, u.label, u.text, round(300 * (u.n - 1) / nullif(cardinality(labels), 0)::numeric + 2, 2) AS x,
                           round(300 / nullif(cardinality(labels), 0)::numeric - 4, 2) AS width,
                           coalesce(round(60 * greatest(u.height, 0) / e.whole, 2), 0) AS height,
                           coalesce(round(60 * greatest(u.rest, 0) / e.whole, 2), 0) AS rest
                      FROM unnest(labels, heights, beyond, shown) WITH ORDINALITY AS u (label, height, rest, text, n)) AS c
     GROUP BY e.most;
END;
COMMENT ON FUNCTION margin_internal.html_columns(text, text[], numeric[], numeric[], text[], integer) IS 'columns side by side, each with a part beyond it in a paler colour (null: none), between axes that name the highest and each label; each tells its label and a text. Null where there are none';

-- page_style: how the page looks, by day and by night, at any width, on paper

-- A table is one where it fits, by its class (html_width()), and else a card for
-- each row: nothing is cut, and nothing scrolls sideways.
CREATE FUNCTION margin_internal.page_cards(class text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace($css$
  .KIND, .KIND caption, .KIND tbody { display: block; } .KIND thead { display: none; }
  .KIND tr { display: grid; grid-template-columns: repeat(auto-fill, minmax(8.5rem, 1fr)); gap: .15rem .8rem; padding: .5rem 0; border-bottom: 1px solid var(--rule); break-inside: avoid; }
  .KIND th, .KIND td, .KIND td.n { display: block; border: 0; padding: 0; text-align: left; white-space: normal; } .KIND th { grid-column: 1 / -1; font-weight: 600; }
  .KIND td::before { content: attr(data-of); display: block; font-size: .72rem; color: var(--soft); }
$css$, 'KIND', class);
COMMENT ON FUNCTION margin_internal.page_cards(text) IS 'the rules that show each row of the tables of a class as a card';

CREATE FUNCTION margin_internal.page_style() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN concat($css$
:root { color-scheme: light dark; --page: #fff; --panel: #f6f8fa; --ink: #1b1f24; --soft: #57606a; --rule: #d9dee4; --link: #0a58b0; --bar: #2f6fb2; --beyond: #b9d0e8;
  --healthy: #4c9f70; --warning: #e3b341; --margin_call: #e08a3c; --liquidation: #d1495b; --bankrupt: #7b2d43; --unpriced: #8a94a0; }
@media screen and (prefers-color-scheme: dark) {
  :root { --page: #14181d; --panel: #1b2128; --ink: #e4e8ec; --soft: #9aa5b1; --rule: #313a44; --link: #7db4f0; --bar: #6ea8e0; --beyond: #34506d;
    --healthy: #5bb585; --warning: #e8c25a; --margin_call: #e79a54; --liquidation: #e46a7a; --bankrupt: #c46a86; --unpriced: #7d8894; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0 auto; padding: 1rem; max-width: 76rem; background: var(--page); color: var(--ink); font: 16px/1.45 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 .5rem; padding-top: .6rem; border-top: 2px solid var(--rule); } h3 { font-size: 1rem; margin: 1rem 0 .3rem; }
p { margin: .3rem 0; max-width: 60rem; } small, figcaption, caption, .note, .none, .more { color: var(--soft); } a { color: var(--link); } h2 a { color: inherit; text-decoration: none; }
code { font: .85em/1.3 ui-monospace, monospace; } header p b { font-size: 1.05rem; }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .25rem 1rem; margin: .8rem 0 0; padding: 0; font-size: .9rem; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(11.5rem, 1fr)); gap: .5rem; margin: 1rem 0; }
dl div { background: var(--panel); border: 1px solid var(--rule); border-radius: .4rem; padding: .45rem .7rem; } dt { color: var(--soft); font-size: .82rem; } dd { margin: 0; font-size: 1.1rem; font-variant-numeric: tabular-nums; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; font-size: .875rem; } table.small { width: auto; min-width: min(24rem, 100%); } caption { text-align: left; padding: .2rem 0; caption-side: top; }
th, td { text-align: left; padding: .25rem .5rem; border-bottom: 1px solid var(--rule); vertical-align: top; overflow-wrap: anywhere; } thead th { color: var(--soft); font-weight: 600; vertical-align: bottom; overflow-wrap: normal; }
tbody th { font-weight: 500; } td.n { white-space: nowrap; font-variant-numeric: tabular-nums; } td.n, th.n { text-align: right; }
svg { display: block; width: 100%; } .stack { height: 1.6rem; border-radius: .3rem; } .stacks { display: grid; gap: .2rem; margin: .5rem 0 1rem; }
.bars { margin: .5rem 0 1rem; } .bars div { display: grid; grid-template-columns: minmax(0, 25%) minmax(2rem, 1fr) minmax(0, 30%); gap: .6rem; align-items: center; margin: .15rem 0; font-size: .875rem; }
.bars svg { height: .9rem; background: var(--panel); } .bar { fill: var(--bar); } .beyond { fill: var(--beyond); } .n { text-align: right; font-variant-numeric: tabular-nums; }
.lines { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(19rem, 100%), 1fr)); gap: 1rem 1.5rem; margin: .6rem 0; } .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(24rem, 100%), 1fr)); gap: 0 2rem; }
figure { margin: 0; min-width: 0; } figure b { color: var(--ink); } .plot { display: grid; grid-template-columns: fit-content(25%) minmax(0, 1fr); gap: 0 .4rem; } .plot svg { height: 5.5rem; border-left: 1px solid var(--soft); border-bottom: 1px solid var(--soft); }
.y { display: flex; flex-direction: column; justify-content: space-between; text-align: right; font-size: .7rem; font-variant-numeric: tabular-nums; } .x { grid-column: 2; display: flex; justify-content: space-between; font-size: .7rem; } .each { font-size: .62rem; } .each span { flex: 1 1 0; text-align: center; white-space: nowrap; }
.grid { stroke: var(--rule); fill: none; vector-effect: non-scaling-stroke; } polyline { fill: none; stroke: var(--bar); stroke-width: 1.75; vector-effect: non-scaling-stroke; }
.chip { display: inline-block; width: .7rem; height: .7rem; border-radius: .15rem; margin-right: .4rem; }
details { border-top: 1px solid var(--rule); padding: .4rem 0; } summary { cursor: pointer; } pre { white-space: pre-wrap; font: inherit; font-size: .9rem; margin: .4rem 0; }
footer { margin-top: 2.5rem; padding-top: .6rem; border-top: 2px solid var(--rule); font-size: .85rem; color: var(--soft); }
$css$, margin_internal.page_cards('cards'),
'@media screen and (max-width: 74rem) {', margin_internal.page_cards('wide'), '}',
'@media screen and (max-width: 60rem) {', margin_internal.page_cards('large'), '}',
'@media screen and (max-width: 46rem) {', margin_internal.page_cards('middle'), '}',
'@media print {', margin_internal.page_cards('wide'), $css$
  @page { size: A4; margin: 14mm 13mm; }
  html { font-size: 75%; } body { padding: 0; max-width: none; font-size: 1rem; } h2, h3 { break-after: avoid; } nav { display: none; }
  table.large { font-size: .8rem; } thead { display: table-header-group; } tr, figure, dl div, .bars div { break-inside: avoid; } caption { break-after: avoid; }
  .chip, .bars svg { print-color-adjust: exact; -webkit-print-color-adjust: exact; } details::details-content { content-visibility: visible; } a { color: inherit; text-decoration: none; }
}
$css$);
COMMENT ON FUNCTION margin_internal.page_style() IS 'the style sheet of the page, by day and by night, on a desk, on a phone and on paper';

-- snapshots: taking and dropping the snapshots of a book, whose tables and
-- functions are in book/snapshots.sql

CREATE TYPE margin.snapshot_form AS ENUM ('full', 'portfolios', 'changes');
COMMENT ON TYPE margin.snapshot_form IS
'what a snapshot stores: full (portfolio and valuation of every account), portfolios (without valuations), changes (of the portfolios only those that changed since the snapshot before it, but all of them to begin with, see take_snapshot()); valuations that are not stored are computed when asked for';

CREATE TYPE margin.level_total AS (
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
COMMENT ON TYPE margin.level_total IS 'the accounts of one level together; amounts in USD, exact, null where there are accounts whose amounts are not known';
COMMENT ON COLUMN margin.level_total.level IS 'the level';
COMMENT ON COLUMN margin.level_total.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN margin.level_total.equity IS 'sum of equity, USD';
COMMENT ON COLUMN margin.level_total.collateral_value IS 'sum of collateral_value, USD';
COMMENT ON COLUMN margin.level_total.liabilities IS 'sum of liabilities, USD, >= 0';
COMMENT ON COLUMN margin.level_total.net_asset_value IS 'sum of net_asset_value, USD';
COMMENT ON COLUMN margin.level_total.haircut IS 'sum of haircut, USD';
COMMENT ON COLUMN margin.level_total.unrealized_pnl IS 'sum of unrealized_pnl, USD';
COMMENT ON COLUMN margin.level_total.initial_margin IS 'sum of initial_margin, USD';
COMMENT ON COLUMN margin.level_total.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN margin.level_total.shortfall IS 'sum of shortfall, USD, >= 0';
COMMENT ON COLUMN margin.level_total.loss IS 'what liabilities exceed collateral by: sum of -equity of the bankrupt, USD, >= 0';
COMMENT ON COLUMN margin.level_total.initial_equity IS 'sum of initial_equity, USD';
COMMENT ON COLUMN margin.level_total.order_margin IS 'sum of order_margin, USD, >= 0';
COMMENT ON COLUMN margin.level_total.order_loss IS 'sum of order_loss, USD, >= 0';

-- ---------------------------------------------------------------------------
-- What the scripts of a book call
-- ---------------------------------------------------------------------------

-- Privileges keep others from writing, unless "GRANT ALL ON ALL TABLES" gave
-- them away; this keeps them from it all the same.  Of a statement, not of
-- rows: it costs nothing.
CREATE FUNCTION margin_internal.snapshot_immutable() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT (SELECT pg_has_role(current_user, relowner, 'USAGE') FROM pg_class WHERE oid = TG_RELID) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'insufficient_privilege', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
            MESSAGE = format('snapshots are immutable: %s on "%s" is for its owner alone', TG_OP, TG_TABLE_NAME);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.snapshot_immutable() IS 'trigger: only the owner of the tables takes, changes and drops snapshots, whatever is granted to others';

CREATE FUNCTION margin_internal.no_snapshot(as_of timestamptz, first timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'no_data_found',
        MESSAGE = format('no snapshot at or before %s', as_of),
        DETAIL = coalesce('The first snapshot is of ' || first || '.', 'There are no snapshots.'),
        HINT = 'Snapshots are taken by margin.take_snapshot() and kept until their day is dropped.';
END
$$;
COMMENT ON FUNCTION margin_internal.no_snapshot(timestamptz, timestamptz) IS 'an error that says that there is no snapshot at or before an instant, and which is the first; null: none';

CREATE FUNCTION margin_internal.first_rate(schedule margin.schedule) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT t.rate FROM margin.tiers(schedule) AS t LIMIT 1;
END;
COMMENT ON FUNCTION margin_internal.first_rate(margin.schedule) IS 'the rate of the first tier of a schedule, the one at 0; null for null';

CREATE FUNCTION margin.with_prices(market margin.market, prices margin.market) RETURNS margin.market
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin.market(
        ARRAY(SELECT ROW(a.asset, p.price, a.tiers, a.tier_unit, a.liability_weight, a.requirement_weight,
                         a.liability_maintenance, p.low, p.high, a.initial_tiers, a.initial_liability_weight)::margin.asset_terms
                FROM margin.assets(market) AS a LEFT JOIN margin.assets(prices) AS p ON p.asset = a.asset),
        ARRAY(SELECT ROW(c.contract, c.settle, c.base, c.contract_size, p.mark, c.maintenance, c.initial, c.netting,
                         c.closing_fee, c.opening_fee, c.tier_unit, c.order_maintenance)::margin.contract_terms
                FROM margin.contracts(market) AS c LEFT JOIN margin.contracts(prices) AS p ON p.contract = c.contract),
        (SELECT l.margin_ratio FROM margin.thresholds(market) AS l WHERE l.level = 'warning'),
        (SELECT l.margin_ratio FROM margin.thresholds(market) AS l WHERE l.level = 'margin_call'),
        (SELECT l.margin_ratio FROM margin.thresholds(market) AS l WHERE l.level = 'liquidation'),
        (SELECT r.value FROM margin.rules(market) AS r WHERE r.rule = 'orders_reduce_equity')::margin.order_reduction,
        (SELECT r.value FROM margin.rules(market) AS r WHERE r.rule = 'liability_rule')::margin.liability_rule);
END;
COMMENT ON FUNCTION margin.with_prices(margin.market, margin.market) IS
'the parameters of one market at the index and mark prices of another: assets, contracts and thresholds are those of the first; what the second has no price for has none; null for null';

-- ---------------------------------------------------------------------------
-- Days: partitions made ahead, and dropped
-- ---------------------------------------------------------------------------

-- A partition is made by itself, then attached: neither readers nor a running
-- snapshot wait for that.  It belongs to the owner of the table, whoever makes
-- it, and has a trigger of its own, as those of the table do not see what is
-- written into the partition by its name.
CREATE FUNCTION margin_internal.make_partition(book name, parent name, day date) RETURNS void
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
AS $$
DECLARE
    child CONSTANT text := parent || to_char(day, '_YYYYMMDD');
BEGIN
    PERFORM margin_internal.enter_book(book);
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
    EXECUTE format('COMMENT ON TABLE %I IS %L', child, format('partition of %I for %s UTC', parent, day));
    EXECUTE format('CREATE TRIGGER snapshot_immutable BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I '
                   'FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable()', child);
    EXECUTE format('COMMENT ON TRIGGER snapshot_immutable ON %I IS %L', child, 'for the owner alone, whatever is granted to others');
    EXECUTE format('ALTER TABLE %I OWNER TO %I', child,
                   (SELECT pg_get_userbyid(relowner) FROM pg_class WHERE oid = quote_ident(parent)::regclass));
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', parent, child, day::timestamptz, (day + 1)::timestamptz);
END
$$;
COMMENT ON FUNCTION margin_internal.make_partition(name, name, date) IS 'makes the partition of a table of snapshots for one UTC day, <table>_<YYYYMMDD>; an error if there is such a table already';

CREATE FUNCTION margin.prepare_snapshots(book name, days integer DEFAULT 7) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    made integer := 0;
    wanted date;
    clustered CONSTANT boolean := margin_internal.is_cluster(book);
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF days NOT BETWEEN 0 AND 366 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('days ahead must be between 0 and 366, not %s', days);
    END IF;
    -- One at a time; nobody who may not write here can keep others from it.
    LOCK TABLE account_snapshot IN SHARE UPDATE EXCLUSIVE MODE;
    IF clustered THEN
        PERFORM margin_internal.ask_shards(book, 'prepare_snapshots', jsonb_build_object('days', days));
    END IF;
    FOR wanted IN
        SELECT d::date FROM generate_series(current_date::timestamp, current_date + days, interval '1 day') AS d
        EXCEPT SELECT s.day FROM snapshot_days() AS s
        ORDER BY 1
    LOOP
        PERFORM margin_internal.make_partition(book, 'snapshot', wanted);
        IF NOT clustered THEN
            PERFORM margin_internal.make_partition(book, 'account_snapshot', wanted);
        END IF;
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;
COMMENT ON FUNCTION margin.prepare_snapshots(name, integer) IS
'makes the partitions that snapshots of a book need today (UTC) and on so many days after it, where they are missing, and returns for how many days; to be called daily. For the owner of the book. An error unless 0 to 366 days; null for null';

CREATE FUNCTION margin.drop_snapshots(book name, before timestamptz) RETURNS integer
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    dropped integer := 0;
    old record;
    began CONSTANT timestamptz := clock_timestamp();
    patience CONSTANT interval := nullif(current_setting('lock_timeout')::interval, interval '0');
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF margin_internal.is_cluster(book) THEN
        PERFORM margin_internal.ask_shards(book, 'drop_snapshots', jsonb_build_object('before', before));
    END IF;
    IF NOT EXISTS (SELECT FROM snapshot_days() AS d WHERE (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= before) THEN
        RETURN 0;
    END IF;
    -- Both or none: whoever waits for the one while holding the other can
    -- deadlock with readers, and readers queue behind whoever waits.
    LOOP
        BEGIN
            LOCK TABLE snapshot, account_snapshot IN ACCESS EXCLUSIVE MODE NOWAIT;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF clock_timestamp() - began > patience THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.05);
        END;
    END LOOP;
    FOR old IN
        SELECT d.snapshot, d.account_snapshot FROM snapshot_days() AS d
         WHERE (d.day + 1)::timestamp AT TIME ZONE 'UTC' <= before
         ORDER BY d.day
    LOOP
        EXECUTE format('DROP TABLE %s', concat_ws(', ', old.snapshot, old.account_snapshot));
        dropped := dropped + 1;
    END LOOP;
    IF margin_internal.is_cluster(book) THEN
        DELETE FROM snapshot_part AS p WHERE NOT EXISTS (SELECT FROM snapshot AS s WHERE s.taken_at = p.taken_at);
    END IF;
    RETURN dropped;
END
$$;
COMMENT ON FUNCTION margin.drop_snapshots(name, timestamptz) IS
'drops the snapshots of all UTC days that ended at or before an instant, whole partitions, and returns how many days; null for null. For the owner of the book; waits for those who read or take snapshots, set lock_timeout to give up';

CREATE FUNCTION margin.prune_snapshots(book name, keep interval DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF keep < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('snapshots cannot be kept for %s', keep), HINT = 'margin.drop_snapshots() drops days that have not ended, too.';
    END IF;
    RETURN coalesce(margin.drop_snapshots(book, now() - coalesce(keep, (SELECT r.keep FROM snapshot_retention AS r))), 0);
END
$$;
COMMENT ON FUNCTION margin.prune_snapshots(name, interval) IS
'drops the snapshots of all UTC days that ended longer ago than keep, or for null than the book''s snapshot_retention says (none where that is empty), and returns how many days; an error if keep is below 0. For the owner of the book';

-- ---------------------------------------------------------------------------
-- Taking one
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.take_snapshot(book name, form margin.snapshot_form, named timestamptz) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: snapshot'
AS $$
DECLARE
    -- whether every statement sees what the first one of the transaction saw
    frozen CONSTANT boolean := current_setting('transaction_isolation') IN ('repeatable read', 'serializable');
    taken timestamptz;
    today date;
    latest record;
    expected bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF form = 'changes' AND frozen THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('a snapshot of changes cannot be taken at isolation level %s', current_setting('transaction_isolation')),
            HINT = 'Such a transaction may not see the snapshot before it. Take it at READ COMMITTED, or a snapshot of another form.';
    END IF;

    -- One at a time: changes are told from the snapshot before.  A lock that
    -- nobody takes who may not write here.
    LOCK TABLE snapshot_retention IN SHARE UPDATE EXCLUSIVE MODE;

    taken := coalesce(named, CASE WHEN frozen THEN now() ELSE clock_timestamp() END);
    today := (taken AT TIME ZONE 'UTC')::date;
    IF NOT EXISTS (SELECT FROM snapshot_days() AS d WHERE d.day = today) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('no partition for snapshots of %s (UTC)', to_char(today, 'YYYY-MM-DD')),
            HINT = 'margin.prepare_snapshots() makes partitions ahead; call it once a day.';
    END IF;

    SELECT s.taken_at, s.base, s.form, s.accounts INTO latest
      FROM snapshot AS s ORDER BY s.taken_at DESC LIMIT 1;
    expected := coalesce(latest.accounts, (SELECT count(*) FROM (SELECT FROM (SELECT h.account_id FROM holding AS h ORDER BY h.account_id) AS h
                                                                  GROUP BY h.account_id) AS account));

    -- A day is dropped whole, so changes do not reach beyond it; nor are there
    -- ever more of them to be read than accounts; nor do they come between
    -- others when the clock is set back.
    IF form = 'changes' AND latest.taken_at < taken AND (latest.taken_at AT TIME ZONE 'UTC')::date = today
       AND (SELECT count(*) FROM account_snapshot AS a WHERE a.taken_at > latest.base AND a.taken_at <= latest.taken_at) < latest.accounts
    THEN
        WITH taking AS (
            INSERT INTO snapshot (taken_at, form, base, market, accounts, levels, market_id)
            SELECT taken, take_snapshot.form, latest.base, p.market, 0, '{}', margin_internal.market_id(p.market)
              FROM (SELECT venue_present_market(taken) AS market OFFSET 0) AS p)
        INSERT INTO account_snapshot (taken_at, account_id, portfolio)
        SELECT taken, account_id, portfolio
          FROM (SELECT account_id, new.portfolio, old.portfolio AS before, row_number() OVER () AS n
                  FROM reported_portfolio AS new
                  FULL JOIN portfolios(latest.taken_at) AS old USING (account_id)) AS account
         WHERE (n % 1000 <> 0 OR margin_internal.report_progress('snapshot', n, expected))
           AND (portfolio OPERATOR(margin.=) before) IS NOT TRUE;
    ELSE
        WITH present AS MATERIALIZED (
            SELECT venue_present_market(taken) AS market),
        taking AS (
            INSERT INTO snapshot (taken_at, form, base, market, accounts, levels, market_id)
            SELECT taken, take_snapshot.form, taken, present.market, 0, '{}', margin_internal.market_id(present.market) FROM present)
        INSERT INTO account_snapshot (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut,
                                      unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall,
                                      margin_ratio, level, missing, initial_equity, order_margin, order_loss)
        SELECT taken, account_id, portfolio, (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut,
               (v).unrealized_pnl, (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall,
               (v).margin_ratio, (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
          FROM (SELECT account_id, portfolio, row_number() OVER () AS n,
                       CASE WHEN take_snapshot.form = 'full' THEN margin.evaluate(portfolio, (SELECT present.market FROM present)) END AS v
                  FROM (SELECT p.account_id, p.portfolio FROM reported_portfolio AS p OFFSET 0) AS held
                OFFSET 0) AS account
         WHERE n % 1000 <> 0 OR margin_internal.report_progress('snapshot', n, expected);
    END IF;

    UPDATE snapshot AS s
       SET levels = t.levels, accounts = t.accounts
      FROM (SELECT array_agg(l ORDER BY l.level) AS levels, sum(l.accounts) AS accounts FROM level_totals(taken) AS l) AS t
     WHERE s.taken_at = taken;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION margin_internal.take_snapshot(name, margin.snapshot_form, timestamptz) IS
'take_snapshot() of a book that is no cluster; the time that names the snapshot may be given, as it is to the shards of a cluster';

CREATE FUNCTION margin.take_snapshot(book name, form margin.snapshot_form DEFAULT 'full') RETURNS timestamptz
LANGUAGE plpgsql VOLATILE STRICT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF margin_internal.is_cluster(book) THEN
        RETURN margin_internal.take_cluster_snapshot(book, form);
    END IF;
    RETURN margin_internal.take_snapshot(book, form, NULL);
END
$$;
COMMENT ON FUNCTION margin.take_snapshot(name, margin.snapshot_form) IS
'stores the market of a book and the portfolio and valuation of every account, as one statement sees them (portfolios as of the last commit where they are kept with the levels), and returns the time that names the snapshot; null for null. Form changes stores all portfolios at first, each UTC day, and when as many have changed as there are accounts; it needs READ COMMITTED. For the owner of the book, one at a time; an error where prepare_snapshots() has made no partition for the day, or where row security hides rows. margin.progress says how far it is';

-- cluster snapshots: a book whose accounts live on shards, snapshots and totals of all of them

CREATE FUNCTION margin_internal.add_level_totals(totals margin.level_total[]) RETURNS SETOF margin.level_total
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT l.level, coalesce(t.accounts, 0)::bigint,
           CASE WHEN t.accounts > 0 THEN t.equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.collateral_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.liabilities ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.net_asset_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.haircut ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.unrealized_pnl ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.maintenance_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.shortfall ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.loss ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_loss ELSE 0 END
      FROM unnest(enum_range(NULL::margin.level)) AS l (level)
      LEFT JOIN (SELECT a.level, sum(a.accounts) AS accounts, sum(a.equity) AS equity, sum(a.collateral_value) AS collateral_value,
                        sum(a.liabilities) AS liabilities, sum(a.net_asset_value) AS net_asset_value, sum(a.haircut) AS haircut,
                        sum(a.unrealized_pnl) AS unrealized_pnl, sum(a.initial_margin) AS initial_margin,
                        sum(a.maintenance_margin) AS maintenance_margin, sum(a.shortfall) AS shortfall, sum(a.loss) AS loss,
                        sum(a.initial_equity) AS initial_equity, sum(a.order_margin) AS order_margin, sum(a.order_loss) AS order_loss
                   FROM unnest(totals) AS a
                  -- a level without accounts says 0, also where amounts are not known
                  WHERE a.accounts > 0 GROUP BY a.level) AS t ON t.level = l.level
     ORDER BY l.level;
END;
COMMENT ON FUNCTION margin_internal.add_level_totals(margin.level_total[]) IS 'totals by level of several parts of a book, a row for each level, added up';

CREATE FUNCTION margin_internal.take_part(book name, form margin.snapshot_form, taken timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.take_snapshot(book, form, taken);
    RETURN (SELECT jsonb_build_object('seen_at', transaction_timestamp(), 'market_id', m.id, 'accounts', s.accounts)
              FROM snapshot AS s, published_market AS m WHERE s.taken_at = taken);
END
$$;
COMMENT ON FUNCTION margin_internal.take_part(name, margin.snapshot_form, timestamptz) IS 'takes the part of a snapshot that is a shard''s, by the name that the coordinator gave it; returns when the shard looked, its market and how many accounts';

CREATE FUNCTION margin_internal.take_cluster_snapshot(book name, form margin.snapshot_form) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    taken timestamptz;
    stood record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF form = 'changes' THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = 'a snapshot of a cluster cannot be one of changes',
            HINT = 'Take one of form portfolios or full, or snapshots of changes on each shard.';
    END IF;
    LOCK TABLE snapshot_retention IN SHARE UPDATE EXCLUSIVE MODE;
    -- this is when all shards look, one right after the other; in one statement, which sees one market
    SELECT same_market(), venue_market() AS market, market_id() AS id INTO stood;
    taken := clock_timestamp();
    IF NOT EXISTS (SELECT FROM snapshot_days() AS d WHERE d.day = (taken AT TIME ZONE 'UTC')::date) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('no partition for snapshots of %s (UTC)', to_char(taken AT TIME ZONE 'UTC', 'YYYY-MM-DD')),
            HINT = 'margin.prepare_snapshots() makes partitions ahead; call it once a day.';
    END IF;
    INSERT INTO snapshot_part (taken_at, shard, seen_at, market_id, accounts)
    SELECT taken, a.shard, (a.result ->> 'seen_at')::timestamptz, (a.result ->> 'market_id')::bigint, (a.result ->> 'accounts')::bigint
      FROM margin_internal.ask_shards(book, 'take_snapshot', jsonb_build_object('form', form, 'taken', taken)) AS a;
    IF EXISTS (SELECT FROM snapshot_part AS p WHERE p.taken_at = taken AND p.market_id IS DISTINCT FROM stood.id) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = format('shards did not all look in market %s', stood.id), HINT = 'Take the snapshot again.';
    END IF;
    INSERT INTO snapshot (taken_at, form, base, market, market_id, accounts, levels)
    SELECT taken, take_cluster_snapshot.form, taken, stood.market, stood.id,
           (SELECT sum(p.accounts) FROM snapshot_part AS p WHERE p.taken_at = taken),
           ARRAY(SELECT t FROM margin_internal.add_level_totals(ARRAY(SELECT l FROM shard_snapshot AS s, unnest(s.levels) AS l WHERE s.taken_at = taken)) AS t);
    RETURN taken;
END
$$;
COMMENT ON FUNCTION margin_internal.take_cluster_snapshot(name, margin.snapshot_form) IS
'takes a snapshot on every shard of a cluster, all under one name and in one market, and notes in snapshot_part when each of them looked';

-- page_figures: everything that the page tells of the accounts of a book
--
-- They are read once, into a set that the rest of one statement goes over; each
-- aggregate over it says how far it is.  What is not healthy is valued row by
-- row, the rest in the aggregates alone.

CREATE TYPE margin_internal.page_account AS (
    account_id text,
    level margin.level,
    equity numeric,
    maintenance_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    missing text[],
    explanation text
);
COMMENT ON TYPE margin_internal.page_account IS 'an account that the page names';
COMMENT ON COLUMN margin_internal.page_account.account_id IS 'the account';
COMMENT ON COLUMN margin_internal.page_account.level IS 'its level';
COMMENT ON COLUMN margin_internal.page_account.equity IS 'USD';
COMMENT ON COLUMN margin_internal.page_account.maintenance_margin IS 'USD';
COMMENT ON COLUMN margin_internal.page_account.shortfall IS 'USD';
COMMENT ON COLUMN margin_internal.page_account.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';
COMMENT ON COLUMN margin_internal.page_account.missing IS 'what it lacks to be valued; null: nothing';
COMMENT ON COLUMN margin_internal.page_account.explanation IS 'explain_text(), a line each; null: not asked for';

CREATE TYPE margin_internal.page_mover AS (
    account_id text,
    level_before margin.level,
    level_after margin.level,
    equity_before numeric,
    equity_by_holdings numeric,
    equity_by_prices numeric,
    equity_by_parameters numeric,
    equity_after numeric,
    room_by_holdings numeric,
    room_by_prices numeric,
    room_by_parameters numeric
);
COMMENT ON TYPE margin_internal.page_mover IS 'an account that changed level, as report_movers says';
COMMENT ON COLUMN margin_internal.page_mover.account_id IS 'the account';
COMMENT ON COLUMN margin_internal.page_mover.level_before IS 'its level then';
COMMENT ON COLUMN margin_internal.page_mover.level_after IS 'its level at the time of the page';
COMMENT ON COLUMN margin_internal.page_mover.equity_before IS 'USD, then';
COMMENT ON COLUMN margin_internal.page_mover.equity_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN margin_internal.page_mover.equity_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN margin_internal.page_mover.equity_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN margin_internal.page_mover.equity_after IS 'USD, at the time of the page';
COMMENT ON COLUMN margin_internal.page_mover.room_by_holdings IS 'what changed holdings added to equity less maintenance margin, USD';
COMMENT ON COLUMN margin_internal.page_mover.room_by_prices IS 'what changed prices then added to it, USD';
COMMENT ON COLUMN margin_internal.page_mover.room_by_parameters IS 'what changed parameters then added to it, USD';

CREATE TYPE margin_internal.level_change AS (
    level_before margin.level,
    level_after margin.level,
    accounts bigint
);
COMMENT ON TYPE margin_internal.level_change IS 'how many accounts went from one level to another';
COMMENT ON COLUMN margin_internal.level_change.level_before IS 'from here';
COMMENT ON COLUMN margin_internal.level_change.level_after IS 'to here';
COMMENT ON COLUMN margin_internal.level_change.accounts IS 'how many';

-- ---------------------------------------------------------------------------
-- The scenarios of the page: moves of the market, of the assets that matter
-- most, and the scenarios of the venue.  Their names are numbers, as those of the
-- venue may be as long as names may be.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_exposed(market margin.market, assets margin_internal.asset_sum[], contracts margin_internal.contract_sum[]) RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(e.asset ORDER BY e.usd DESC, e.asset COLLATE "C")
      FROM (SELECT part.asset, sum(part.usd) AS usd
              FROM (SELECT a.asset, abs((coalesce(a.asset_equity, 0) - a.owed) * t.price) AS usd, false AS traded
                      FROM unnest(assets) AS a JOIN margin.assets(market) AS t ON t.asset = a.asset
                     UNION ALL
                    SELECT t.base, greatest(c.long, c.short) * t.contract_size * c.mark * s.price, c.long > 0 OR c.short > 0
                      FROM unnest(contracts) AS c
                      JOIN margin.contracts(market) AS t ON t.contract = c.contract
                      JOIN margin.assets(market) AS s ON s.asset = c.settle) AS part
              JOIN margin.assets(market) AS terms ON terms.asset = part.asset
             WHERE terms.price IS NOT NULL
             GROUP BY part.asset
            HAVING sum(part.usd) > 0
               AND (bool_or(part.traded) OR bool_and(coalesce(margin_internal.first_rate(terms.tiers), 0) < 1))
             ORDER BY sum(part.usd) DESC, part.asset COLLATE "C"
             LIMIT 3) AS e;
END;
COMMENT ON FUNCTION margin_internal.page_exposed(margin.market, margin_internal.asset_sum[], margin_internal.contract_sum[]) IS
'the assets whose price matters most to all accounts together, the largest first, three at most, as report_exposed_assets(); null: none';

CREATE FUNCTION margin_internal.page_steady(market margin.market, contracts margin_internal.contract_sum[]) RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(a.asset ORDER BY a.asset COLLATE "C")
      FROM margin.assets(market) AS a
     WHERE margin_internal.first_rate(a.tiers) = 1
       AND NOT EXISTS (SELECT FROM unnest(contracts) AS c JOIN margin.contracts(market) AS t ON t.contract = c.contract
                        WHERE t.base = a.asset AND (c.long > 0 OR c.short > 0));
END;
COMMENT ON FUNCTION margin_internal.page_steady(margin.market, margin_internal.contract_sum[]) IS
'the assets that stay where they are while the market moves: what counts in full as collateral and no position is on, as stablecoins; null: none';

CREATE FUNCTION margin_internal.page_moves(assets text[], OUT n bigint, OUT asset text, OUT move numeric) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 36
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY a.n, m.n), a.asset, m.move
      FROM unnest(array_prepend(NULL, assets)) WITH ORDINALITY AS a (asset, n),
           unnest('{-0.5,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.5}'::numeric[]) WITH ORDINALITY AS m (move, n)
     ORDER BY 1;
END;
COMMENT ON FUNCTION margin_internal.page_moves(text[]) IS 'the moves that the page shows, numbered: of the market (asset null), then of each of these assets';

CREATE FUNCTION margin_internal.page_stressed(market margin.market, scenarios margin.price_move[], OUT n bigint, OUT scenario text, OUT lacking boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY s.scenario COLLATE "C"), s.scenario,
           bool_or(s.asset IS NOT NULL AND a.asset IS NULL OR s.contract IS NOT NULL AND c.contract IS NULL)
      FROM unnest(scenarios) AS s
      LEFT JOIN margin.assets(market) AS a ON a.asset = s.asset
      LEFT JOIN margin.contracts(market) AS c ON c.contract = s.contract
     GROUP BY s.scenario
     ORDER BY 1;
END;
COMMENT ON FUNCTION margin_internal.page_stressed(margin.market, margin.price_move[]) IS 'the scenarios of a venue, numbered, and whether one names what the market lacks';

CREATE FUNCTION margin_internal.page_scenarios(market margin.market, exposed text[], steady text[], scenarios margin.price_move[]) RETURNS margin.price_move[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(ROW(s.name, s.asset, s.contract, s.relative, s.price)::margin.price_move), '{}')
      FROM (SELECT 'move ' || m.n AS name, m.asset, NULL::text AS contract, m.move AS relative, NULL::numeric AS price
              FROM margin_internal.page_moves(exposed) AS m
             UNION ALL
            SELECT 'move ' || m.n, a.asset, NULL, 0, NULL
              FROM margin_internal.page_moves(exposed) AS m, unnest(steady) AS a (asset)
             WHERE m.asset IS NULL
             UNION ALL
            SELECT 'stress ' || k.n, s.asset, s.contract, s.relative, s.price
              FROM margin_internal.page_stressed(market, scenarios) AS k JOIN unnest(scenarios) AS s ON s.scenario = k.scenario
             WHERE NOT k.lacking) AS s;
END;
COMMENT ON FUNCTION margin_internal.page_scenarios(margin.market, text[], text[], margin.price_move[]) IS
'page_moves() as scenarios "move <n>" and those of a venue as "stress <n>", for scenario_totals()';

-- ---------------------------------------------------------------------------
-- What is found before the accounts are read
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_since(book name, stated timestamptz, since timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF since IS NOT NULL THEN
        RETURN snapshot_at(since);
    END IF;
    RETURN coalesce((SELECT s.taken_at FROM snapshot AS s WHERE s.taken_at <= stated - interval '1 day' ORDER BY s.taken_at DESC LIMIT 1),
                    (SELECT min(s.taken_at) FROM snapshot AS s WHERE s.taken_at < stated));
END
$$;
COMMENT ON FUNCTION margin_internal.page_since(name, timestamptz, timestamptz) IS
'the snapshot that a page compares with: the latest at or before an instant (an error if there is none), for null the latest that is a day older than the page, or else the first there is; null: there is none before it';

-- Whoever may not read the row of the venue sees the id alone.
CREATE FUNCTION margin_internal.published_at(venue name, id bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    published CONSTANT regclass := to_regclass(format('%I.published_market', venue));
    found_at timestamptz;
BEGIN
    IF id IS NOT NULL AND published IS NOT NULL AND has_table_privilege(published, 'SELECT') THEN
        EXECUTE format('SELECT p.at FROM %s AS p WHERE p.id = $1', published) INTO found_at USING id;
    END IF;
    RETURN found_at;
END
$$;
COMMENT ON FUNCTION margin_internal.published_at(name, bigint) IS 'the instant whose market a venue has published under an id; null where the caller cannot see it or another has been published since';

-- ---------------------------------------------------------------------------
-- All of it
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_figures(
    book name, as_of timestamptz, stated timestamptz, since timestamptz, market margin.market,
    OUT totals margin_internal.book_totals, OUT exposed text[], OUT steady text[], OUT scenarios margin_internal.scenario_total[], OUT rooms bigint[],
    OUT lacking bigint, OUT shortfalls margin_internal.page_account[], OUT worst margin_internal.page_account[], OUT unpriced margin_internal.page_account[],
    OUT changes margin_internal.level_change[], OUT movers margin_internal.page_mover[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET application_name = 'margin: page'
AS $$
DECLARE
    -- else a healthy account may lack something
    whole CONSTANT boolean := (SELECT t.margin_ratio <= 1 FROM margin.thresholds(market) AS t WHERE t.level = 'warning');
    stress margin.price_move[];
    expected bigint;
    was_form margin.snapshot_form;
    was_market margin.market;
BEGIN
    PERFORM margin_internal.enter_book(book);
    stress := venue_scenarios();
    expected := (SELECT s.accounts FROM snapshot AS s WHERE s.taken_at <= stated ORDER BY s.taken_at DESC LIMIT 1);
    was_form := (SELECT s.form FROM snapshot AS s WHERE s.taken_at = since);
    was_market := CASE WHEN since IS NOT NULL THEN snapshot_market(since) END;

    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT p.account_id, p.portfolio, p.n
          FROM (SELECT q.account_id, q.portfolio, row_number() OVER () AS n FROM portfolios(as_of) AS q) AS p
         WHERE p.n % 1000 <> 0 OR margin_internal.report_progress('page, reading', p.n, expected)
    ), total AS MATERIALIZED (
        SELECT margin_internal.book_totals(h.account_id::text, h.portfolio, market, 5) AS t, count(*) AS accounts
          FROM held AS h
         WHERE h.n % 1000 <> 0 OR margin_internal.report_progress('page, adding up', h.n, expected)
    ), course AS MATERIALIZED (
        SELECT margin_internal.page_exposed(market, (t.t).assets, (t.t).contracts) AS exposed,
               margin_internal.page_steady(market, (t.t).contracts) AS steady
          FROM total AS t
    ), moved AS MATERIALIZED (
        SELECT margin_internal.scenario_totals(h.portfolio, market, (SELECT margin_internal.page_scenarios(market, c.exposed, c.steady, stress) FROM course AS c)) AS t
          FROM held AS h
         WHERE h.n % 1000 <> 0 OR margin_internal.report_progress('page, moving prices', h.n, (SELECT t.accounts FROM total AS t))
    ), troubled AS MATERIALIZED (
        SELECT h.account_id, h.portfolio, margin.evaluate(h.portfolio, market) AS v
          FROM (SELECT k.account_id, k.portfolio FROM held AS k
                 WHERE margin.level(k.portfolio, market) <> 'healthy' OR NOT whole AND margin.shortfall(k.portfolio, market) > 0 OFFSET 0) AS h
    ), was AS MATERIALIZED (
        SELECT a.account_id, a.portfolio, a.level
          FROM account_snapshot AS a WHERE was_form = 'full' AND a.taken_at = since AND a.level <> 'healthy'
         UNION ALL
        SELECT a.account_id, a.portfolio, a.level
          FROM (SELECT p.account_id, p.portfolio, margin.level(p.portfolio, was_market) AS level
                  FROM portfolios(since) AS p WHERE was_form <> 'full' OFFSET 0) AS a
         WHERE a.level <> 'healthy'
    ), changed AS MATERIALIZED (
        -- whoever is in neither is healthy, or was not there, or is not any more
        SELECT account_id, w.portfolio AS before, coalesce(w.level, 'healthy') AS level_before, coalesce((t.v).level, 'healthy') AS level_after
          FROM was AS w FULL JOIN troubled AS t USING (account_id)
         WHERE since IS NOT NULL AND coalesce(w.level, 'healthy') <> coalesce((t.v).level, 'healthy')
    ), named AS MATERIALIZED (
        SELECT c.account_id, c.before, coalesce(h.portfolio, '{}') AS portfolio, h.v
          FROM (SELECT k.account_id, k.before, k.level_after, g.portfolio, margin.evaluate(coalesce(g.portfolio, '{}'), market) AS v
                  FROM changed AS k LEFT JOIN held AS g USING (account_id) OFFSET 0) AS h
          JOIN changed AS c USING (account_id)
         ORDER BY h.level_after DESC, (h.v).equity - (h.v).maintenance_margin, c.account_id
         LIMIT 10
    ), before AS MATERIALIZED (
        SELECT n.account_id, n.before AS portfolio FROM named AS n WHERE n.before IS NOT NULL
         UNION ALL
        SELECT a.account_id, a.portfolio
          FROM account_snapshot AS a
         WHERE was_form <> 'changes' AND a.taken_at = since AND a.account_id IN (SELECT n.account_id FROM named AS n WHERE n.before IS NULL)
         UNION ALL
        SELECT p.account_id, p.portfolio
          FROM portfolios(since) AS p
         WHERE was_form = 'changes' AND p.account_id IN (SELECT n.account_id FROM named AS n WHERE n.before IS NULL)
    ), steps AS MATERIALIZED (
        SELECT n.account_id, n.v AS fourth, margin.evaluate(coalesce(b.portfolio, '{}'), was_market) AS first,
               margin.evaluate(n.portfolio, was_market) AS second, margin.evaluate(n.portfolio, margin.with_prices(was_market, market)) AS third
          FROM named AS n LEFT JOIN before AS b USING (account_id)
    )
    SELECT (SELECT t.t FROM total AS t), (SELECT c.exposed FROM course AS c), (SELECT c.steady FROM course AS c),
           (SELECT (m.t).scenarios FROM moved AS m), (SELECT (m.t).rooms FROM moved AS m),
           (SELECT count(*) FROM troubled AS t WHERE (t.v).shortfall > 0),
           ARRAY(SELECT ROW(t.account_id, (t.v).level, (t.v).equity, (t.v).maintenance_margin, (t.v).shortfall, (t.v).margin_ratio, NULL, NULL)::margin_internal.page_account
                   FROM troubled AS t WHERE (t.v).shortfall > 0 ORDER BY (t.v).shortfall DESC, t.account_id LIMIT 10),
           ARRAY(SELECT ROW(t.account_id, (t.v).level, (t.v).equity, (t.v).maintenance_margin, (t.v).shortfall, (t.v).margin_ratio, NULL,
                            (SELECT string_agg(e.line, E'\n' ORDER BY e.n) FROM margin.explain_text(t.portfolio, market) WITH ORDINALITY AS e (line, n)))::margin_internal.page_account
                   FROM (SELECT * FROM troubled AS k WHERE (k.v).level BETWEEN 'warning' AND 'bankrupt'
                          ORDER BY (k.v).equity - (k.v).maintenance_margin, k.account_id LIMIT 5) AS t
                  ORDER BY (t.v).equity - (t.v).maintenance_margin, t.account_id),
           ARRAY(SELECT ROW(t.account_id, (t.v).level, NULL, NULL, NULL, NULL, (t.v).missing, NULL)::margin_internal.page_account
                   FROM troubled AS t WHERE (t.v).level = 'unpriced' ORDER BY t.account_id LIMIT 20),
           ARRAY(SELECT ROW(c.level_before, c.level_after, count(*))::margin_internal.level_change
                   FROM changed AS c GROUP BY c.level_before, c.level_after ORDER BY c.level_after DESC, c.level_before),
           ARRAY(SELECT ROW(s.account_id, (s.first).level, (s.fourth).level, (s.first).equity, (s.second).equity - (s.first).equity,
                            (s.third).equity - (s.second).equity, (s.fourth).equity - (s.third).equity, (s.fourth).equity,
                            (s.second).equity - (s.second).maintenance_margin - (s.first).equity + (s.first).maintenance_margin,
                            (s.third).equity - (s.third).maintenance_margin - (s.second).equity + (s.second).maintenance_margin,
                            (s.fourth).equity - (s.fourth).maintenance_margin - (s.third).equity + (s.third).maintenance_margin)::margin_internal.page_mover
                   FROM steps AS s ORDER BY (s.fourth).level DESC, (s.fourth).equity - (s.fourth).maintenance_margin, s.account_id);
END
$$;
COMMENT ON FUNCTION margin_internal.page_figures(name, timestamptz, timestamptz, timestamptz, margin.market) IS
'what the page tells of the accounts of a book, now or of a snapshot, in a market, each read once: sums; the assets that matter most and those that stay while the market moves; page_scenarios(); how far prices may move; how many lack something; the accounts that lack most, ten; that are worst, five, explained; that are unpriced, 20; who changed level since another snapshot, ten of them with the reason. The totals are null where there are no accounts';

-- page_sections: a function for each section of the page, of what page_figures has
-- found.  Amounts are rounded; everything that comes from data is escaped.

-- ---------------------------------------------------------------------------
-- The frame
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_time(at timestamptz) RETURNS text
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET timezone = 'UTC'
RETURN to_char(at, 'YYYY-MM-DD HH24:MI:SS') || ' UTC';
COMMENT ON FUNCTION margin_internal.page_time(timestamptz) IS 'an instant for people, UTC; null for null';

-- The call that gives all of what the page shows the first of.
CREATE FUNCTION margin_internal.page_call(book name, report text, as_of timestamptz, rest text DEFAULT NULL) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
RETURN format('SELECT * FROM %I.%s(%s)', book, report, concat_ws(', ', CASE WHEN as_of IS NOT NULL THEN quote_literal(as_of::text) WHEN rest IS NOT NULL THEN 'NULL' END, rest));
COMMENT ON FUNCTION margin_internal.page_call(name, text, timestamptz, text) IS 'a query of a report of a book as of an instant, null: now; the rest of its arguments may be null';

CREATE FUNCTION margin_internal.page_section(anchor text, title text, content text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format(E'<section id="%1$s" aria-labelledby="%1$s-title">\n<h2 id="%1$s-title"><a href="#%1$s">%2$s</a></h2>\n%3$s\n</section>\n',
              anchor, margin_internal.html_text(title), content);
COMMENT ON FUNCTION margin_internal.page_section(text, text, text) IS 'a section of the page: HTML under a heading, which is escaped and links to itself';

CREATE FUNCTION margin_internal.page_head(book name, stated timestamptz) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format($$<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Margin report, book %1$s, %2$s</title>
<style>%3$s</style>
</head>
<body>
$$, margin_internal.html_text(book::text), margin_internal.page_time(stated), margin_internal.page_style());
COMMENT ON FUNCTION margin_internal.page_head(name, timestamptz) IS 'what stands before the body of the page: title and style';

CREATE FUNCTION margin_internal.page_nav() RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<nav aria-label="Sections"><ul>%s</ul></nav>', string_agg(format('<li>%s</li>', margin_internal.html_link(s.anchor, s.title)), '' ORDER BY s.n))
      FROM (VALUES (1, 'levels', 'Levels'), (2, 'changes', 'Changes'), (3, 'shortfalls', 'Shortfalls'), (4, 'worst', 'Worst accounts'), (5, 'room', 'How near'),
                   (6, 'map', 'Liquidation map'), (7, 'stress', 'Stress'), (8, 'collateral', 'Collateral'), (9, 'holders', 'Holders'),
                   (10, 'positions', 'Positions'), (11, 'history', 'History'), (12, 'unpriced', 'Unpriced')) AS s (n, anchor, title);
END;
COMMENT ON FUNCTION margin_internal.page_nav() IS 'links to the sections';

CREATE FUNCTION margin_internal.page_market(book name, as_of timestamptz, stated timestamptz, market margin.market) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    venue name;
    id bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    venue := (SELECT n.nspname FROM pg_namespace AS n WHERE n.oid = (SELECT a.venue FROM about() AS a));
    id := CASE WHEN as_of IS NULL THEN margin_internal.market_id(market) ELSE (SELECT s.market_id FROM snapshot AS s WHERE s.taken_at = stated) END;
    RETURN format('Market %s%s: %s assets, %s contracts.',
                  coalesce('of venue <b>' || margin_internal.html_text(venue::text) || '</b>, ', ''),
                  CASE WHEN id IS NULL THEN 'as it was at ' || margin_internal.page_time(stated)
                       ELSE 'number <b>' || id || '</b> of ' || coalesce(margin_internal.page_time(margin_internal.published_at(venue, id)),
                                                                         'before ' || margin_internal.page_time(stated)) END,
                  margin_internal.html_amount((SELECT count(*) FROM margin.assets(market)), 0),
                  margin_internal.html_amount((SELECT count(*) FROM margin.contracts(market)), 0));
END
$$;
COMMENT ON FUNCTION margin_internal.page_market(name, timestamptz, timestamptz, margin.market) IS 'which market the page is of: venue, id if it is published, time';

CREATE FUNCTION margin_internal.page_summary(totals margin_internal.book_totals) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format(E'<dl>%s</dl>\n', string_agg(format('<div><dt>%s</dt><dd>%s</dd></div>', fact.name, fact.amount), '' ORDER BY fact.n))
      FROM (SELECT coalesce(sum(l.accounts), 0) AS accounts,
                   coalesce(sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt')), 0) AS undercollateralized,
                   coalesce(sum(l.accounts) FILTER (WHERE l.level = 'unpriced'), 0) AS unpriced,
                   coalesce(sum(l.equity), 0) AS equity, coalesce(sum(l.maintenance_margin), 0) AS maintenance_margin,
                   coalesce(sum(l.shortfall), 0) AS shortfall, coalesce(sum(l.loss), 0) AS loss
              FROM unnest((totals).levels) AS l) AS total,
           LATERAL (VALUES (1, 'Accounts', margin_internal.html_amount(total.accounts, 0)),
                           (2, 'Undercollateralized', margin_internal.html_amount(total.undercollateralized, 0)),
                           (3, 'Unpriced', margin_internal.html_amount(total.unpriced, 0)),
                           (4, 'Equity', margin_internal.html_amount(total.equity)),
                           (5, 'Maintenance margin', margin_internal.html_amount(total.maintenance_margin)),
                           (6, 'Shortfall', margin_internal.html_amount(total.shortfall)),
                           (7, 'Loss beyond collateral', margin_internal.html_amount(total.loss))) AS fact (n, name, amount);
END;
COMMENT ON FUNCTION margin_internal.page_summary(margin_internal.book_totals) IS 'the totals of all levels, as facts at the top of the page; amounts without those of unpriced accounts';

CREATE FUNCTION margin_internal.page_facts(book name, as_of timestamptz, stated timestamptz, market margin.market, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format(E'<header>\n<h1>Margin report, book %s</h1>\n<p>%s <b>%s</b>. %s</p>\n%s%s\n</header>\n', margin_internal.html_text(book::text),
              CASE WHEN as_of IS NULL THEN 'The book as it was at' ELSE 'From the snapshot of' END, margin_internal.page_time(stated),
              margin_internal.page_market(book, as_of, stated, market), margin_internal.page_summary(totals), margin_internal.page_nav());
COMMENT ON FUNCTION margin_internal.page_facts(name, timestamptz, timestamptz, margin.market, margin_internal.book_totals) IS 'what stands above the sections: book, market and time, totals, links';

CREATE FUNCTION margin_internal.page_foot(book name, as_of timestamptz) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
RETURN format(E'<footer><p>Amounts in USD, rounded for reading; all digits: <code>%s</code>, and one section as <code>margin.report_csv(%s, &#39;shortfalls&#39;)</code>.</p></footer>\n',
              margin_internal.html_text(format('SELECT margin.report_json(%s)', concat_ws(', ', quote_literal(book), quote_literal(as_of::text)))),
              margin_internal.html_text(quote_literal(book)));
COMMENT ON FUNCTION margin_internal.page_foot(name, timestamptz) IS 'what stands below the sections: where all digits are';

-- ---------------------------------------------------------------------------
-- Accounts
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.level_chip(level margin.level) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('<span class="chip" style="background: var(--%s)"></span>', level);
COMMENT ON FUNCTION margin_internal.level_chip(margin.level) IS 'a spot in the colour of a level';

CREATE FUNCTION margin_internal.level_name(level margin.level) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN replace(level::text, '_', ' ');
COMMENT ON FUNCTION margin_internal.level_name(margin.level) IS 'a level in words';

-- Anchors are by rank: what an account is called may be anything.
CREATE FUNCTION margin_internal.account_name(account text, worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN coalesce(margin_internal.html_link('worst-' || (SELECT w.n FROM unnest(worst) WITH ORDINALITY AS w (account_id, level, equity, margin, shortfall, ratio, missing, explanation, n)
                                                        WHERE w.account_id = account), account),
                margin_internal.html_text(account), 'null');
COMMENT ON FUNCTION margin_internal.account_name(text, margin_internal.page_account[]) IS 'an account as HTML, with a link to where it is explained if it is';

CREATE FUNCTION margin_internal.page_bar(levels margin_internal.level_sum[], said text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('<small>%s</small><svg class="stack" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img" aria-label="%s: %s">%s</svg>',
                  margin_internal.html_text(said), margin_internal.html_text(said),
                  string_agg(margin_internal.level_name(bar.level) || ' ' || margin_internal.html_amount(bar.accounts, 0), ', ' ORDER BY bar.level) FILTER (WHERE bar.accounts > 0),
                  string_agg(format('<rect x="%s" width="%s" height="10" fill="var(--%s)"><title>%s: %s</title></rect>',
                                    round(1000 * bar.before / bar.whole, 2), round(1000 * bar.accounts / bar.whole, 2),
                                    bar.level, margin_internal.level_name(bar.level), margin_internal.html_amount(bar.accounts, 0)),
                             '' ORDER BY bar.level))
      FROM (SELECT l.level, l.accounts, sum(l.accounts) OVER () AS whole,
                   sum(l.accounts) OVER (ORDER BY l.level) - l.accounts AS before
              FROM unnest(levels) AS l) AS bar
     WHERE bar.whole > 0
    HAVING count(*) > 0;
END;
COMMENT ON FUNCTION margin_internal.page_bar(margin_internal.level_sum[], text) IS 'accounts by level as the parts of one bar, to scale, under what is said of it; null where there are none';

CREATE FUNCTION margin_internal.page_level_table(levels margin_internal.level_sum[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin_internal.html_table('Accounts by level, USD', '{Level,Accounts,Equity,Maintenance margin,Shortfall,Loss}',
               array_agg(ARRAY[margin_internal.level_name(l.level), margin_internal.html_amount(l.accounts, 0), margin_internal.html_amount(l.equity),
                               margin_internal.html_amount(l.maintenance_margin), margin_internal.html_amount(l.shortfall), margin_internal.html_amount(l.loss)] ORDER BY l.level),
               '', array_agg(margin_internal.level_chip(l.level) || margin_internal.level_name(l.level) ORDER BY l.level))
      FROM unnest(levels) AS l;
END;
COMMENT ON FUNCTION margin_internal.page_level_table(margin_internal.level_sum[]) IS 'the levels as a table, each with its colour in the bars';

CREATE FUNCTION margin_internal.page_levels(totals margin_internal.book_totals) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN coalesce(sum(l.accounts), 0) = 0 THEN '<p class="none">No account holds anything.</p>' ELSE
               format('<div class="stacks">%s%s</div>%s',
                      margin_internal.page_bar((totals).levels, 'All ' || margin_internal.html_amount(sum(l.accounts), 0) || ' accounts'),
                      -- few beside many are a hair's breadth
                      CASE WHEN count(*) FILTER (WHERE l.accounts > 0) > 1 AND bool_or(l.level = 'healthy' AND l.accounts > 0) THEN
                          margin_internal.page_bar(array_agg(l) FILTER (WHERE l.level <> 'healthy'),
                                                   'Of these the ' || margin_internal.html_amount(sum(l.accounts) FILTER (WHERE l.level <> 'healthy'), 0) || ' that are not healthy') END,
                      margin_internal.page_level_table((totals).levels)) END
      FROM unnest((totals).levels) AS l;
END;
COMMENT ON FUNCTION margin_internal.page_levels(margin_internal.book_totals) IS 'accounts by level, as a bar of all, a bar of those that are not healthy, and a table';

CREATE FUNCTION margin_internal.page_cause(by_holdings numeric, by_prices numeric, by_parameters numeric) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT c.cause FROM (VALUES (1, 'holdings', by_holdings), (2, 'prices', by_prices), (3, 'parameters', by_parameters)) AS c (n, cause, amount)
     WHERE c.amount <> 0 ORDER BY abs(c.amount) DESC, c.n LIMIT 1;
END;
COMMENT ON FUNCTION margin_internal.page_cause(numeric, numeric, numeric) IS 'which of three parts of a change is the largest: holdings, prices or parameters; null where none is known';

CREATE FUNCTION margin_internal.page_movers(movers margin_internal.page_mover[], worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin_internal.html_table('The worst of them, and what changed their equity, USD', '{Account,Before,Now,Mostly by,Equity before,By holdings,By prices,By parameters,Equity now}',
               coalesce(array_agg(ARRAY[m.account_id, margin_internal.level_name(m.level_before), margin_internal.level_name(m.level_after),
                               margin_internal.page_cause(m.room_by_holdings, m.room_by_prices, m.room_by_parameters),
                               margin_internal.html_amount(m.equity_before), margin_internal.html_amount(m.equity_by_holdings), margin_internal.html_amount(m.equity_by_prices),
                               margin_internal.html_amount(m.equity_by_parameters), margin_internal.html_amount(m.equity_after)] ORDER BY m.n), '{}'),
               '', array_agg(margin_internal.level_chip(m.level_after) || margin_internal.account_name(m.account_id, worst) ORDER BY m.n))
      FROM unnest(movers) WITH ORDINALITY AS m (account_id, level_before, level_after, equity_before, equity_by_holdings, equity_by_prices, equity_by_parameters,
                                                equity_after, room_by_holdings, room_by_prices, room_by_parameters, n);
END;
COMMENT ON FUNCTION margin_internal.page_movers(margin_internal.page_mover[], margin_internal.page_account[]) IS 'accounts that changed level, with the reason';

CREATE FUNCTION margin_internal.page_changes(book name, as_of timestamptz, earlier timestamptz, changes margin_internal.level_change[], movers margin_internal.page_mover[],
                                             worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT CASE WHEN earlier IS NULL THEN '<p class="none">There is no earlier snapshot to compare with.</p>'
                WHEN count(*) = 0 THEN format('<p class="none">No account changed level since the snapshot of %s.</p>', margin_internal.page_time(earlier))
                ELSE concat(format('<p>Since the snapshot of %s %s accounts changed level, %s of them for the worse.</p>', margin_internal.page_time(earlier),
                                   margin_internal.html_amount(sum(c.accounts), 0),
                                   margin_internal.html_amount(coalesce(sum(c.accounts) FILTER (WHERE c.level_after > c.level_before), 0), 0)),
                            margin_internal.html_table('From level to level', '{From,To,Accounts}',
                                array_agg(ARRAY[margin_internal.level_name(c.level_before), margin_internal.level_name(c.level_after), margin_internal.html_amount(c.accounts, 0)]
                                          ORDER BY c.level_after DESC, c.level_before), ''),
                            margin_internal.page_movers(movers, worst),
                            margin_internal.html_more(cardinality(movers), sum(c.accounts)::bigint,
                                                      margin_internal.page_call(book, 'report_movers', earlier, quote_literal(as_of::text)))) END
      FROM unnest(changes) AS c;
END;
COMMENT ON FUNCTION margin_internal.page_changes(name, timestamptz, timestamptz, margin_internal.level_change[], margin_internal.page_mover[], margin_internal.page_account[]) IS
'who changed level since an earlier snapshot, and why';

CREATE FUNCTION margin_internal.page_shortfalls(book name, as_of timestamptz, totals margin_internal.book_totals, lacking bigint, shortfalls margin_internal.page_account[],
                                                worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat(margin_internal.html_bars(array_agg('account ' || coalesce(s.account_id, 'null') ORDER BY s.n), array_agg(s.shortfall ORDER BY s.n), NULL,
                                            array_agg(margin_internal.html_amount(s.shortfall) ORDER BY s.n)),
                  margin_internal.html_table('The accounts that lack most to their maintenance margin, USD', '{Account,Level,Shortfall,Share,Equity,Maintenance margin,Margin ratio}',
                      coalesce(array_agg(ARRAY[s.account_id, margin_internal.level_name(s.level), margin_internal.html_amount(s.shortfall),
                                               round(100 * s.shortfall / (SELECT sum(l.shortfall) FROM unnest((totals).levels) AS l), 2) || ' %',
                                               margin_internal.html_amount(s.equity), margin_internal.html_amount(s.maintenance_margin), margin_internal.html_amount(s.margin_ratio, 4)] ORDER BY s.n), '{}'),
                      'No account is short.', array_agg(margin_internal.account_name(s.account_id, worst) ORDER BY s.n)),
                  margin_internal.html_more(count(*), lacking, margin_internal.page_call(book, 'report_shortfalls', as_of, 'NULL')))
      FROM unnest(shortfalls) WITH ORDINALITY AS s (account_id, level, equity, maintenance_margin, shortfall, margin_ratio, missing, explanation, n);
END;
COMMENT ON FUNCTION margin_internal.page_shortfalls(name, timestamptz, margin_internal.book_totals, bigint, margin_internal.page_account[], margin_internal.page_account[]) IS
'the accounts that lack most to their maintenance margin, as bars and as a table';

CREATE FUNCTION margin_internal.page_worst(book name, as_of timestamptz, totals margin_internal.book_totals, worst margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 0 THEN '<p class="none">No account is at warning or above.</p>' ELSE concat(
               string_agg(format('<details id="worst-%s"%s><summary>%sAccount %s, %s: equity %s, maintenance margin %s</summary><pre>%s</pre></details>',
                                 w.n, CASE WHEN w.n = 1 THEN ' open' END, margin_internal.level_chip(w.level),
                                 coalesce(margin_internal.html_text(w.account_id), 'null'), margin_internal.level_name(w.level),
                                 margin_internal.html_amount(w.equity), margin_internal.html_amount(w.maintenance_margin),
                                 -- line by line: each number is looked at from its text's beginning
                                 (SELECT string_agg(margin_internal.html_sentence(l.line), E'\n' ORDER BY l.n)
                                    FROM string_to_table(w.explanation, E'\n') WITH ORDINALITY AS l (line, n))), E'\n' ORDER BY w.n),
               margin_internal.html_more(count(*), (SELECT sum(l.accounts)::bigint FROM unnest((totals).levels) AS l WHERE l.level BETWEEN 'warning' AND 'bankrupt'),
                                         margin_internal.page_call(book, 'report_worst', as_of, 'NULL'))) END
      FROM unnest(worst) WITH ORDINALITY AS w (account_id, level, equity, maintenance_margin, shortfall, margin_ratio, missing, explanation, n);
END;
COMMENT ON FUNCTION margin_internal.page_worst(name, timestamptz, margin_internal.book_totals, margin_internal.page_account[]) IS 'the worst accounts, each explained; the first of them is open';

CREATE FUNCTION margin_internal.page_unpriced(book name, as_of timestamptz, totals margin_internal.book_totals, unpriced margin_internal.page_account[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat(margin_internal.html_table('Accounts that cannot be valued', '{Account,Lacks}',
                      coalesce(array_agg(ARRAY[u.account_id, array_to_string(u.missing, ', ')] ORDER BY u.n), '{}'), 'Every account could be valued.'),
                  margin_internal.html_more(count(*), (SELECT l.accounts FROM unnest((totals).levels) AS l WHERE l.level = 'unpriced'),
                                            margin_internal.page_call(book, 'report_unpriced', as_of)))
      FROM unnest(unpriced) WITH ORDINALITY AS u (account_id, level, equity, maintenance_margin, shortfall, margin_ratio, missing, explanation, n);
END;
COMMENT ON FUNCTION margin_internal.page_unpriced(name, timestamptz, margin_internal.book_totals, margin_internal.page_account[]) IS 'accounts that could not be valued and what they lack';

-- ---------------------------------------------------------------------------
-- How near accounts are, and what moves of prices would do
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_histogram(title text, labels text[], counts bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN format('<div><h3>%s</h3>%s</div>', margin_internal.html_text(title),
              coalesce(margin_internal.html_bars(labels, counts::numeric[], NULL, ARRAY(SELECT margin_internal.html_amount(c.count, 0) FROM unnest(counts) WITH ORDINALITY AS c (count, n) ORDER BY c.n)),
                       '<p class="none">None.</p>'));
COMMENT ON FUNCTION margin_internal.page_histogram(text, text[], bigint[]) IS 'how many accounts there are of each kind, as bars under a title';

CREATE FUNCTION margin_internal.page_ratios(ratios bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.page_histogram('Accounts by margin ratio',
    '{nothing required,below 0.1,0.1 to 0.2,0.2 to 0.3,0.3 to 0.4,0.4 to 0.5,0.5 to 0.6,0.6 to 0.7,0.7 to 0.8,0.8 to 0.9,0.9 to 1,1 and above,no equity}', ratios);
COMMENT ON FUNCTION margin_internal.page_ratios(bigint[]) IS 'the histogram of margin ratios, of the counts of book_totals()';

-- Ten rows are enough: steps of 5 % up to 20 %, of 10 % up to 60 %.
CREATE FUNCTION margin_internal.page_safe_moves(rooms bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.page_histogram('Healthy accounts by safe move',
    '{below 5 %,5 to 10 %,10 to 15 %,15 to 20 %,20 to 30 %,30 to 40 %,40 to 50 %,50 to 60 %,60 to 100 %,any move}',
    ARRAY[rooms[1], rooms[2], rooms[3], rooms[4], rooms[5] + rooms[6], rooms[7] + rooms[8], rooms[9] + rooms[10], rooms[11] + rooms[12],
          (SELECT sum(r)::bigint FROM unnest(rooms[13:20]) AS r), rooms[21]]);
COMMENT ON FUNCTION margin_internal.page_safe_moves(bigint[]) IS 'the histogram of safe moves, of the counts of scenario_totals()';

CREATE FUNCTION margin_internal.page_rooms(totals margin_internal.book_totals, rooms bigint[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN rooms IS NULL THEN '<p class="none">No account holds anything.</p>' ELSE format(
    '<p class="note">The margin ratio is maintenance margin by equity. The safe move is how far all prices may move, each its own way, with the account healthy all the same.</p>'
    '<div class="pair">%s%s</div>', margin_internal.page_ratios((totals).ratios), margin_internal.page_safe_moves(rooms)) END;
COMMENT ON FUNCTION margin_internal.page_rooms(margin_internal.book_totals, bigint[]) IS 'histograms of margin ratios and of safe moves';

CREATE FUNCTION margin_internal.page_percent(part numeric) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN CASE WHEN part > 0 THEN '+' ELSE '' END || trim_scale(100 * part) || ' %';
COMMENT ON FUNCTION margin_internal.page_percent(numeric) IS 'a change in proportion as a signed percentage, -0.2 as -20 %; null for null';

CREATE FUNCTION margin_internal.page_moved(
    exposed text[], scenarios margin_internal.scenario_total[],
    OUT n bigint, OUT series text, OUT first boolean, OUT move text, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 36
BEGIN ATOMIC
    SELECT m.n, coalesce(m.asset, 'The market'), m.asset IS NULL, margin_internal.page_percent(m.move), s.levels[4] + s.levels[5], s.levels[5], s.levels[6],
           s.notional_usd, s.long_usd, s.shortfall, s.loss
      FROM margin_internal.page_moves(exposed) AS m
      JOIN unnest(scenarios) AS s ON s.scenario = 'move ' || m.n
     ORDER BY m.n;
END;
COMMENT ON FUNCTION margin_internal.page_moved(text[], margin_internal.scenario_total[]) IS 'what the moves of the page make of the book, a row each, under the name of what moves';

-- Two charts beside each other: the labels of their columns are percentages.
CREATE FUNCTION margin_internal.page_map_charts(exposed text[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(chart.figures, '' ORDER BY chart.n)
      FROM (SELECT min(m.n) AS n, format('<h3>%s</h3><div class="pair">%s%s</div>', margin_internal.html_text(m.series),
                       margin_internal.html_columns('Undercollateralized accounts; in full colour those bankrupt', array_agg(rtrim(m.move, ' %') ORDER BY m.n), array_agg(m.bankrupt::numeric ORDER BY m.n),
                           array_agg((m.undercollateralized - m.bankrupt)::numeric ORDER BY m.n),
                           array_agg(format('%%: %s, of them %s bankrupt', margin_internal.html_amount(m.undercollateralized, 0), margin_internal.html_amount(m.bankrupt, 0)) ORDER BY m.n), 0),
                       margin_internal.html_columns('Loss beyond collateral, USD', array_agg(rtrim(m.move, ' %') ORDER BY m.n), array_agg(m.loss ORDER BY m.n), NULL,
                           array_agg(format('%%: %s USD', margin_internal.html_amount(m.loss, 0)) ORDER BY m.n), 0)) AS figures
              FROM margin_internal.page_moved(exposed, scenarios) AS m
             GROUP BY m.series, m.first) AS chart;
END;
COMMENT ON FUNCTION margin_internal.page_map_charts(text[], margin_internal.scenario_total[]) IS 'undercollateralized accounts and loss against moves of the market and of each asset';

CREATE FUNCTION margin_internal.page_map_table(exposed text[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin_internal.html_table('What moves of prices would make of the book, USD', '{What moves,Move,Under-collateralized,Bankrupt,Unpriced,Notional,Of it long,Shortfall,Loss}',
               array_agg(ARRAY[m.series, m.move, margin_internal.html_amount(m.undercollateralized, 0), margin_internal.html_amount(m.bankrupt, 0), margin_internal.html_amount(m.unpriced, 0),
                               margin_internal.html_amount(m.notional_usd, 0), margin_internal.html_amount(m.long_usd, 0), margin_internal.html_amount(m.shortfall, 0),
                               margin_internal.html_amount(m.loss, 0)] ORDER BY m.n), '')
      FROM margin_internal.page_moved(exposed, scenarios) AS m;
END;
COMMENT ON FUNCTION margin_internal.page_map_table(text[], margin_internal.scenario_total[]) IS 'the liquidation map in figures';

CREATE FUNCTION margin_internal.page_map(book name, exposed text[], steady text[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN exposed IS NULL THEN '<p class="none">Nothing is held whose price could move.</p>' ELSE concat(
    '<p class="note">If prices moved by so many percent as stand below the columns, with all marks that follow them: the market, which is all assets', coalesce(' but ' || margin_internal.html_text(array_to_string(steady, ', ')), ''),
    ', and each of the assets that matter most, by itself.</p>', margin_internal.page_map_charts(exposed, scenarios),
    '<details><summary>The same in figures, and what the undercollateralized would hold</summary>', margin_internal.page_map_table(exposed, scenarios), '</details>',
    format('<p class="more">Another asset or other moves: <code>%s</code></p>', margin_internal.html_text(
        format('SELECT * FROM margin.liquidation_map(%L, asset => %L, moves => ''{-0.15,0.15}'')', book, exposed[1])))) END;
COMMENT ON FUNCTION margin_internal.page_map(name, text[], text[], margin_internal.scenario_total[]) IS 'the liquidation map: the market, and the assets that the book is most exposed to, as charts and as a table';

CREATE FUNCTION margin_internal.page_stress(book name, as_of timestamptz, market margin.market, stress margin.price_move[], scenarios margin_internal.scenario_total[]) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT CASE WHEN count(*) = 0 THEN '<p class="none">There are no scenarios; <code>margin.load_scenarios()</code> enters some.</p>'
                WHEN scenarios IS NULL THEN '<p class="none">No account holds anything.</p>' ELSE concat(
               margin_internal.html_table('Accounts by level in each scenario of the venue, and USD, the one that loses most first', '{Scenario,Warning,Margin call,Liquidation,Bankrupt,Unpriced,Shortfall,Loss}',
                   array_agg(ARRAY[k.scenario, margin_internal.html_amount(s.levels[2], 0), margin_internal.html_amount(s.levels[3], 0), margin_internal.html_amount(s.levels[4], 0),
                                   margin_internal.html_amount(s.levels[5], 0), margin_internal.html_amount(s.levels[6], 0), margin_internal.html_amount(s.shortfall), margin_internal.html_amount(s.loss)]
                             ORDER BY s.loss DESC NULLS LAST, k.n), ''),
               CASE WHEN bool_or(k.lacking) THEN '<p class="note">Dashes: the scenario names what the market lacks.</p>' END,
               format('<p class="more">With equity and maintenance margin: <code>%s</code></p>', margin_internal.html_text(margin_internal.page_call(book, 'report_stress', as_of)))) END
      FROM margin_internal.page_stressed(market, stress) AS k
      LEFT JOIN unnest(scenarios) AS s ON s.scenario = 'stress ' || k.n;
END;
COMMENT ON FUNCTION margin_internal.page_stress(name, timestamptz, margin.market, margin.price_move[], margin_internal.scenario_total[]) IS
'accounts by level, shortfall and loss in each scenario; dashes where a scenario names what the market lacks';

-- ---------------------------------------------------------------------------
-- Assets, contracts, history
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_assets(
    market margin.market, totals margin_internal.book_totals,
    OUT n bigint, OUT asset text, OUT accounts bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric,
    OUT share numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY a.collateral_value DESC NULLS LAST, a.asset COLLATE "C"), a.asset, a.accounts, a.asset_equity, t.price, a.net_asset_value, a.collateral_value,
           a.collateral_value / nullif(sum(a.collateral_value) OVER (), 0), a.net_asset_value - a.collateral_value,
           a.net_asset_value * coalesce(margin_internal.first_rate(t.tiers), 0) - a.collateral_value
      FROM unnest((totals).assets) AS a LEFT JOIN margin.assets(market) AS t ON t.asset = a.asset
     WHERE a.accounts > 0
     ORDER BY 1;
END;
COMMENT ON FUNCTION margin_internal.page_assets(margin.market, margin_internal.book_totals) IS 'report_concentration of the totals that the page has, numbered';

CREATE FUNCTION margin_internal.page_concentration(book name, as_of timestamptz, market margin.market, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat('<p class="note">What counts, and faint what ratios take away.</p>',
               margin_internal.html_bars(array_agg(c.asset ORDER BY c.n), array_agg(c.collateral_value ORDER BY c.n), array_agg(c.haircut ORDER BY c.n),
                   array_agg(margin_internal.html_amount(c.collateral_value, 0) ORDER BY c.n)),
               margin_internal.html_table('Collateral of all accounts, USD but for units', '{Asset,Accounts,Units,Price,Value,Collateral value,Share,Haircut,Lost to tiers}',
                   coalesce(array_agg(ARRAY[c.asset, margin_internal.html_amount(c.accounts, 0), margin_internal.html_amount(c.asset_equity), margin_internal.html_number(c.price),
                                            margin_internal.html_amount(c.net_asset_value, 0), margin_internal.html_amount(c.collateral_value, 0), round(100 * c.share, 2) || ' %',
                                            margin_internal.html_amount(c.haircut, 0), margin_internal.html_amount(c.lost_to_tiers, 0)] ORDER BY c.n), '{}'),
                   'There is no collateral.'),
               margin_internal.html_more(count(*), max(c.whole), margin_internal.page_call(book, 'report_concentration', as_of)))
      FROM (SELECT *, count(*) OVER () AS whole FROM margin_internal.page_assets(market, totals) AS k ORDER BY k.n LIMIT 25) AS c;
END;
COMMENT ON FUNCTION margin_internal.page_concentration(name, timestamptz, margin.market, margin_internal.book_totals) IS 'the collateral asset by asset, as bars and as a table';

CREATE FUNCTION margin_internal.page_holders(book name, as_of timestamptz, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT concat(margin_internal.html_table('The three largest holders of each of the assets that count for most', '{Asset,Account,Units,Share of units,Collateral value}',
                      coalesce(array_agg(ARRAY[h.asset, h.holder, margin_internal.html_amount(h.holding), round(100 * h.holding / h.asset_equity, 2) || ' %', margin_internal.html_amount(h.value)]
                                         ORDER BY h.n, h.place), '{}'), 'There is no collateral.'),
                  format('<p class="more">All holders of an asset: <code>%s</code></p>', margin_internal.html_text(
                      CASE WHEN as_of IS NULL THEN format('SELECT account_id, asset_equity FROM %I.account_collateral WHERE asset = %L ORDER BY 2 DESC', book, max(h.asset) FILTER (WHERE h.n = 1))
                           ELSE format('SELECT p.account_id, c.asset_equity FROM %1$I.portfolios(%2$L) AS p, margin.collateral(p.portfolio, %1$I.snapshot_market(%2$L)) AS c WHERE c.asset = %3$L ORDER BY 2 DESC',
                                       book, as_of, max(h.asset) FILTER (WHERE h.n = 1)) END)))
      FROM (SELECT a.n, a.asset, a.asset_equity, h.holder, h.holding, h.value, h.place
              FROM (SELECT row_number() OVER (ORDER BY k.collateral_value DESC NULLS LAST, k.asset COLLATE "C") AS n, k.* FROM unnest((totals).assets) AS k WHERE k.accounts > 0) AS a,
                   LATERAL unnest(a.holders, a.holdings, a.holder_values) WITH ORDINALITY AS h (holder, holding, value, place)
             WHERE a.n <= 10 AND h.place <= 3) AS h;
END;
COMMENT ON FUNCTION margin_internal.page_holders(name, timestamptz, margin_internal.book_totals) IS 'who has most of each of the assets that count for most';

CREATE FUNCTION margin_internal.page_exposure(book name, as_of timestamptz, totals margin_internal.book_totals) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT concat(margin_internal.html_table('Positions of all accounts; margins and profit in USD', '{Contract,Settles in,Accounts,Mark,Long,Short,Net,Unrealized PnL,Maintenance margin,Order margin}',
                      coalesce(array_agg(ARRAY[e.contract, e.settle, margin_internal.html_amount(e.accounts, 0), margin_internal.html_number(e.mark),
                                               margin_internal.html_amount(e.long, 0), margin_internal.html_amount(e.short, 0), margin_internal.html_amount(e.long - e.short, 0),
                                               margin_internal.html_amount(e.pnl_usd, 0), margin_internal.html_amount(e.maintenance_margin, 0), margin_internal.html_amount(e.order_margin, 0)] ORDER BY e.n), '{}'),
                      'There are no positions and no orders.'),
                  margin_internal.html_more(count(*), max(e.whole), margin_internal.page_call(book, 'report_exposure', as_of)))
      FROM (SELECT *, row_number() OVER (ORDER BY c.maintenance_margin DESC NULLS LAST, c.contract COLLATE "C") AS n, count(*) OVER () AS whole
              FROM unnest((totals).contracts) AS c ORDER BY n LIMIT 25) AS e;
END;
COMMENT ON FUNCTION margin_internal.page_exposure(name, timestamptz, margin_internal.book_totals) IS 'the positions contract by contract';

CREATE FUNCTION margin_internal.page_history(book name, as_of timestamptz) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN (
        SELECT CASE WHEN count(*) = 0 THEN '<p class="none">There are no snapshots yet.</p>'
               WHEN count(*) = 1 THEN format('<p class="none">There is one snapshot so far, of %s.</p>', margin_internal.page_time(min(h.taken_at))) ELSE
               format(E'<p class="note">The last %s snapshots, from %s to %s; USD.</p>\n<div class="lines">%s</div><p class="more">All of them: <code>%s</code></p>', margin_internal.html_amount(count(*), 0),
                      margin_internal.page_time(min(h.taken_at)), margin_internal.page_time(max(h.taken_at)),
                      concat(margin_internal.html_line('Equity', array_agg(h.taken_at), array_agg(h.equity), 0),
                             margin_internal.html_line('Maintenance margin', array_agg(h.taken_at), array_agg(h.maintenance_margin), 0),
                             margin_internal.html_line('Shortfall', array_agg(h.taken_at), array_agg(h.shortfall), 0),
                             margin_internal.html_line('Loss beyond collateral', array_agg(h.taken_at), array_agg(h.loss), 0),
                             margin_internal.html_line('Accounts', array_agg(h.taken_at), array_agg(h.accounts::numeric), 0),
                             margin_internal.html_line('Undercollateralized', array_agg(h.taken_at), array_agg(h.undercollateralized::numeric), 0)),
                      margin_internal.html_text(margin_internal.page_call(book, 'report_history', as_of, 'NULL'))) END
          FROM report_history(as_of) AS h);
END
$$;
COMMENT ON FUNCTION margin_internal.page_history(name, timestamptz) IS 'totals of the last snapshots as lines';

-- page: the reports of a book together, as a page for people and as JSON and CSV
-- for machines.  All of it comes from the book's own functions; this room only
-- writes it down.  The sections of the page are in page_sections.

-- ---------------------------------------------------------------------------
-- For machines
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.report_sections() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN '{levels,shortfalls,losses,concentration,exposure,stress,liquidations,unpriced,worst,history}'::text[];
COMMENT ON FUNCTION margin.report_sections() IS 'the sections of the report, in the order of the page: each is a function report_<section>(as_of) of a book, too';

CREATE FUNCTION margin.report_rows(book name, section text, as_of timestamptz DEFAULT NULL) RETURNS SETOF json
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    CASE section
        WHEN 'levels' THEN RETURN QUERY SELECT row_to_json(r) FROM report_levels(as_of) AS r;
        WHEN 'shortfalls' THEN RETURN QUERY SELECT row_to_json(r) FROM report_shortfalls(as_of) AS r;
        WHEN 'losses' THEN RETURN QUERY SELECT row_to_json(r) FROM report_losses(as_of) AS r;
        WHEN 'concentration' THEN RETURN QUERY SELECT row_to_json(r) FROM report_concentration(as_of) AS r;
        WHEN 'exposure' THEN RETURN QUERY SELECT row_to_json(r) FROM report_exposure(as_of) AS r;
        WHEN 'stress' THEN RETURN QUERY SELECT row_to_json(r) FROM report_known_stress(as_of) AS r;
        WHEN 'liquidations' THEN RETURN QUERY SELECT row_to_json(r) FROM report_liquidations(as_of) AS r;
        WHEN 'unpriced' THEN RETURN QUERY SELECT row_to_json(r) FROM report_unpriced(as_of) AS r;
        WHEN 'worst' THEN RETURN QUERY SELECT row_to_json(r) FROM report_worst(as_of) AS r;
        WHEN 'history' THEN RETURN QUERY SELECT row_to_json(r) FROM report_history(as_of) AS r;
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('no section %s in a report', coalesce('"' || section || '"', 'null')),
                HINT = format('Sections are %s.', array_to_string(margin.report_sections(), ', '));
    END CASE;
END
$$;
COMMENT ON FUNCTION margin.report_rows(name, text, timestamptz) IS
'one section of the report on a book, a JSON object a row, amounts with all their digits: of the latest snapshot at or before as_of; an error if there is none; null: now. report_sections() names them; an error for another';

CREATE FUNCTION margin_internal.report_time(book name, as_of timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN CASE WHEN as_of IS NULL THEN now() ELSE snapshot_at(as_of) END;
END
$$;
COMMENT ON FUNCTION margin_internal.report_time(name, timestamptz) IS 'the time that a report as of an instant tells of: that of the latest snapshot at or before it; an error if there is none; now() for null';

CREATE FUNCTION margin_internal.report_market(book name, as_of timestamptz) RETURNS bigint
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN CASE WHEN as_of IS NULL THEN margin_internal.market_id(venue_market())
                ELSE (SELECT s.market_id FROM snapshot AS s WHERE s.taken_at = snapshot_at(as_of)) END;
END
$$;
COMMENT ON FUNCTION margin_internal.report_market(name, timestamptz) IS 'the id of the market of a report: that of the latest snapshot at or before an instant, of the present market for null; null where it is not published';

CREATE FUNCTION margin.report_json(book name, as_of timestamptz DEFAULT NULL) RETURNS json
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT json_object_agg(name, content ORDER BY n)
      FROM (SELECT -1 AS n, 'as_of' AS name, to_json(margin_internal.report_time(book, as_of)) AS content
             UNION ALL
            SELECT 0, 'market_id', to_json(margin_internal.report_market(book, as_of))
             UNION ALL
            SELECT s.n, s.name, (SELECT coalesce(json_agg(r), '[]') FROM margin.report_rows(book, s.name, as_of) AS r)
              FROM unnest(margin.report_sections()) WITH ORDINALITY AS s (name, n)) AS section;
END;
COMMENT ON FUNCTION margin.report_json(name, timestamptz) IS
'the whole report on a book as one JSON object: as_of, market_id (null where the market is not published), and an array for each section; of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts are JSON numbers with all their digits; some readers keep them all only if asked to';

CREATE FUNCTION margin.report_csv(book name, section text, as_of timestamptz DEFAULT NULL) RETURNS SETOF text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT line.line
      FROM (SELECT r.n, r.row FROM margin.report_rows(book, section, as_of) WITH ORDINALITY AS r (row, n)) AS report,
           LATERAL (SELECT 0 AS part,
                           margin_internal.csv_line(ARRAY(SELECT k.key FROM json_each(report.row) WITH ORDINALITY AS k (key, value, n)
                                                           ORDER BY k.n)) AS line
                     WHERE report.n = 1
                     UNION ALL
                    SELECT 1, margin_internal.csv_line(ARRAY(SELECT k.value FROM json_each_text(report.row) WITH ORDINALITY AS k (key, value, n)
                                                              ORDER BY k.n))) AS line
     ORDER BY report.n, line.part;
END;
COMMENT ON FUNCTION margin.report_csv(name, text, timestamptz) IS
'one section of the report on a book as lines of CSV, the first with the names of the columns; nothing for a section without rows. Amounts have all their digits; as_of and errors as of report_rows()';

-- ---------------------------------------------------------------------------
-- For people
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.report_html(book name, as_of timestamptz DEFAULT NULL, since timestamptz DEFAULT NULL) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
AS $$
DECLARE
    stated CONSTANT timestamptz := margin_internal.report_time(book, as_of);
    earlier CONSTANT timestamptz := margin_internal.page_since(book, stated, since);
    market margin.market;
    f record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    market := snapshot_market(as_of);
    SELECT * INTO f FROM margin_internal.page_figures(book, as_of, stated, earlier, market);
    RETURN concat(
        margin_internal.page_head(book, stated),
        margin_internal.page_facts(book, as_of, stated, market, f.totals),
        '<main>',
        margin_internal.page_section('levels', 'Levels', margin_internal.page_levels(f.totals)),
        margin_internal.page_section('changes', 'Who changed level', margin_internal.page_changes(book, as_of, earlier, f.changes, f.movers, f.worst)),
        margin_internal.page_section('shortfalls', 'Shortfall by account', margin_internal.page_shortfalls(book, as_of, f.totals, f.lacking, f.shortfalls, f.worst)),
        margin_internal.page_section('worst', 'The worst accounts', margin_internal.page_worst(book, as_of, f.totals, f.worst)),
        margin_internal.page_section('room', 'How near accounts are', margin_internal.page_rooms(f.totals, f.rooms)),
        margin_internal.page_section('map', 'Liquidation map', margin_internal.page_map(book, f.exposed, f.steady, f.scenarios)),
        margin_internal.page_section('stress', 'Stress', margin_internal.page_stress(book, as_of, market, venue_scenarios(), f.scenarios)),
        margin_internal.page_section('collateral', 'Collateral by asset', margin_internal.page_concentration(book, as_of, market, f.totals)),
        margin_internal.page_section('holders', 'Largest holders', margin_internal.page_holders(book, as_of, f.totals)),
        margin_internal.page_section('positions', 'Positions by contract', margin_internal.page_exposure(book, as_of, f.totals)),
        margin_internal.page_section('history', 'History', margin_internal.page_history(book, as_of)),
        margin_internal.page_section('unpriced', 'Unpriced', margin_internal.page_unpriced(book, as_of, f.totals, f.unpriced)),
        '</main>',
        margin_internal.page_foot(book, as_of),
        E'</body>\n</html>');
END
$$;
COMMENT ON FUNCTION margin.report_html(name, timestamptz, timestamptz) IS
'the report on a book as one HTML page that needs nothing else, no script and no file: of the latest snapshot at or before as_of; an error if there is none; null: now. It says who changed level since the latest snapshot at or before since (likewise; null: since the one a day older, or the first there is). Amounts are rounded to two decimals; everything that comes from data is escaped. margin.progress says how far it is';

-- runs: everything a scheduled risk report does, as one procedure for pg_cron,
-- a systemd timer or a crontab line to call

CREATE TYPE margin.run_status AS ENUM ('running', 'done', 'failed', 'skipped');
COMMENT ON TYPE margin.run_status IS 'how a run of run_reports() ended: skipped means that the one before it was still running';

-- ---------------------------------------------------------------------------
-- What a run writes down
--
-- A run is a row of the book's report_run that says running, and the statement
-- that wrote it, which pg_stat_activity tells by its process and its start.
-- A lock that lasts for a whole run would be one of the session, which anybody
-- may take; these need the rights of who runs reports.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.is_running(process integer, since timestamptz) RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                    WHERE a.pid = process AND a.pid <> pg_backend_pid() AND a.datname = current_database()
                      AND (a.state = 'active' AND a.query_start = since
                           -- not told to the caller, or to nobody
                           OR a.backend_start IS NULL OR a.state = 'disabled'));
END;
COMMENT ON FUNCTION margin_internal.is_running(integer, timestamptz) IS
'whether another process of this database still runs the statement that it began at an instant; where that cannot be seen, as the caller may not look into its session or the session does not report it, whether there is such a process';

CREATE FUNCTION margin_internal.start_run(book name) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    -- Whoever else starts waits until the row of this one is there.
    LOCK TABLE report_run IN SHARE UPDATE EXCLUSIVE MODE;
    UPDATE report_run AS r SET status = 'failed', finished_at = clock_timestamp(), error = 'its session ended before it did'
     WHERE r.status = 'running' AND NOT margin_internal.is_running(r.pid, r.started_at);
    IF EXISTS (SELECT FROM report_run AS r WHERE r.status = 'running') THEN
        INSERT INTO report_run (finished_at, status) VALUES (clock_timestamp(), 'skipped');
        RETURN NULL;
    END IF;
    INSERT INTO report_run DEFAULT VALUES RETURNING id INTO run;
    RETURN run;
END
$$;
COMMENT ON FUNCTION margin_internal.start_run(name) IS 'notes a new run of reports and returns its number, or notes that it is skipped and returns null; those whose sessions ended are noted as failed';

CREATE FUNCTION margin_internal.note_step(book name, run bigint, at_step text) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    UPDATE report_run AS r SET step = at_step WHERE r.id = run;
END
$$;
COMMENT ON FUNCTION margin_internal.note_step(name, bigint, text) IS 'notes the step that a run is at';

CREATE FUNCTION margin_internal.run_step(book name, run bigint, at_step text, form margin.snapshot_form) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes integer;
    taken timestamptz;
    dropped integer;
    pruned bigint;
    venue name;
BEGIN
    PERFORM margin_internal.enter_book(book);
    CASE at_step
        WHEN 'partitions' THEN
            PERFORM margin.prepare_snapshots(book);
        WHEN 'levels' THEN
            -- where they are kept on the shards, they are refreshed there
            changes := CASE WHEN NOT margin_internal.is_distributed('holding'::regclass) THEN margin.refresh_levels(book, cause => 'report') END;
            UPDATE report_run AS r SET level_changes = changes WHERE r.id = run;
        WHEN 'snapshot' THEN
            taken := margin.take_snapshot(book, form);
            UPDATE report_run AS r SET taken_at = taken WHERE r.id = run;
        WHEN 'retention' THEN
            dropped := margin.prune_snapshots(book);
            -- The prices of a venue are the business of its owner.
            SELECT n.nspname INTO venue FROM pg_namespace AS n
             WHERE n.oid = (about()).venue AND pg_has_role(n.nspowner, 'USAGE');
            IF FOUND THEN
                pruned := margin.prune_price_history(venue);
            END IF;
            UPDATE report_run AS r SET days_dropped = dropped, prices_pruned = pruned WHERE r.id = run;
    END CASE;
    -- what would fail at COMMIT fails here
    SET CONSTRAINTS ALL IMMEDIATE;
END
$$;
COMMENT ON FUNCTION margin_internal.run_step(name, bigint, text, margin.snapshot_form) IS 'takes one step of a run, partitions, levels, snapshot or retention, and notes what it did';

CREATE FUNCTION margin_internal.end_run(book name, run bigint, code text, failure text) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    UPDATE report_run AS r
       SET finished_at = clock_timestamp(), sqlstate = code, error = failure,
           status = CASE WHEN failure IS NULL THEN 'done' ELSE 'failed' END::margin.run_status,
           step = CASE WHEN failure IS NOT NULL THEN r.step END
     WHERE r.id = run;
END
$$;
COMMENT ON FUNCTION margin_internal.end_run(name, bigint, text, text) IS 'notes that a run is done, or at null for no error, with which SQLSTATE and message it failed';

-- ---------------------------------------------------------------------------
-- The procedure
--
-- Each step is a transaction of its own, and what it did is there whatever
-- becomes of the next.  So it cannot pin its search path once and for all: it
-- does so at the start of each transaction, which is READ COMMITTED whatever
-- the session's default, as it has to see what others have noted.
-- ---------------------------------------------------------------------------

CREATE PROCEDURE margin.run_reports(book name, form margin.snapshot_form DEFAULT 'full')
LANGUAGE plpgsql
AS $$
DECLARE
    run bigint;
    -- declared before the path is pinned
    at_step pg_catalog.text;
    code pg_catalog.text;
    failure pg_catalog.text;
BEGIN
    -- An error here, inside of a transaction block, comes before all else.
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    run := margin_internal.start_run(book);
    IF run IS NULL THEN
        RAISE WARNING 'reports are still being run: skipped';
        RETURN;
    END IF;

    FOREACH at_step IN ARRAY '{partitions,levels,snapshot,retention}'::pg_catalog.text[] LOOP
        PERFORM margin_internal.note_step(book, run, at_step);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        BEGIN
            PERFORM margin_internal.run_step(book, run, at_step, form);
        EXCEPTION WHEN query_canceled OR OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, failure = MESSAGE_TEXT;
        END;
        EXIT WHEN failure IS NOT NULL;
    END LOOP;

    PERFORM margin_internal.end_run(book, run, code, failure);
    COMMIT;
    IF failure IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = code, MESSAGE = pg_catalog.format('reports failed at %s: %s', at_step, failure),
            HINT = pg_catalog.format('See run %s in %I.report_run.', run, book);
    END IF;
END
$$;
COMMENT ON PROCEDURE margin.run_reports(name, margin.snapshot_form) IS
'what a schedule calls: makes the partitions of the coming days, refreshes levels, takes a snapshot in that form, and drops the snapshots (and, where the venue is the caller''s, the prices) that snapshot_retention and price_retention no longer keep; a transaction each, each noted in the book''s report_run. A call while another runs is skipped with a warning; an error is noted, ends the run, and is raised again. For the owner of the book, not inside of a transaction block';

-- ---------------------------------------------------------------------------
-- Its schedule.  pg_cron need not be there to install margin, so its functions
-- are named in texts only.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.report_job(book name) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'margin reports of ' || book;
COMMENT ON FUNCTION margin_internal.report_job(name) IS 'the name that pg_cron knows the reports of a book by';

CREATE FUNCTION margin.schedule_reports(book name, cron text, form margin.snapshot_form DEFAULT 'full') RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF cron IS NULL OR form IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a schedule and a form of snapshot must be given',
            HINT = format('For example margin.schedule_reports(%L, ''*/5 * * * *'').', book);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('database "%s" has no pg_cron to schedule reports with', current_database()),
            HINT = format('CREATE EXTENSION pg_cron in the database that cron.database_name names, '
                          'or let a systemd timer or a crontab line run: psql -c "CALL margin.run_reports(%L)".', book);
    END IF;
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job
      USING margin_internal.report_job(book), cron, format('CALL margin.run_reports(%L, %L)', book, form);
    RETURN job;
END
$$;
COMMENT ON FUNCTION margin.schedule_reports(name, text, margin.snapshot_form) IS
'lets pg_cron call run_reports(book, form) by a schedule such as ''*/5 * * * *'' (cron.timezone, by default GMT), as the role that calls this, under the name "margin reports of <book>", in place of what was scheduled before; returns the number of the job. An error without pg_cron in this database, for null, and where pg_cron refuses the schedule';

CREATE FUNCTION margin.unschedule_reports(book name) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unscheduled boolean := false;
BEGIN
    -- The book may be gone already.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        EXECUTE 'SELECT coalesce(bool_or(cron.unschedule(jobid)), false) FROM cron.job WHERE jobname = $1 AND username = current_user'
           INTO unscheduled USING margin_internal.report_job(book);
    END IF;
    RETURN unscheduled;
END
$$;
COMMENT ON FUNCTION margin.unschedule_reports(name) IS 'takes the job of schedule_reports(book) away from pg_cron, and returns whether there was one of the calling role; the book need not exist any more';

-- shards: a database that holds a part of a book, and what a coordinator may ask of it

CREATE FUNCTION margin_internal.hold_market(market regclass) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(market);
    LOCK TABLE published_market IN SHARE MODE;
END
$$;
COMMENT ON FUNCTION margin_internal.hold_market(regclass) IS 'keeps others from writing published_market of the schema of the relation until the transaction ends';

CREATE FUNCTION margin_internal.leave_part(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        IF EXISTS (SELECT FROM pg_constraint AS c WHERE c.conrelid = part::regclass AND c.conname = part || '_of_this_shard') THEN
            EXECUTE format('ALTER TABLE %I DROP CONSTRAINT %I', part, part || '_of_this_shard');
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.leave_part(name) IS 'on a shard: the tables of its book take any account, as before keep_part(). For their owner';

-- A row of an account of another shard would count in totals and not be found by
-- its key, so the tables themselves refuse it, however it is written.
CREATE FUNCTION margin_internal.keep_part(book name, modulus integer, remainder integer) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
    rule name;
BEGIN
    PERFORM margin_internal.enter_book(book);
    -- two servers of one cluster ask in two sessions, of which the second would wait for the first for ever
    IF NOT pg_try_advisory_xact_lock(hashtextextended('margin: part of ' || book, 0)) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = format('book "%s" of database "%s" is being taken as a shard already', book, current_database()),
            HINT = 'Two servers of a cluster must not lead to the same database.';
    END IF;
    PERFORM margin_internal.leave_part(book);
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        rule := part || '_of_this_shard';
        BEGIN
            EXECUTE format('ALTER TABLE %I ADD CONSTRAINT %I CHECK (satisfies_hash_partition(''shard_key''::regclass, %s, %s, account_id))',
                           part, rule, modulus, remainder);
        EXCEPTION WHEN check_violation THEN
            RAISE EXCEPTION USING ERRCODE = 'check_violation', SCHEMA = book, TABLE = part,
                MESSAGE = format('table "%s" of the shard has rows of accounts that belong on another shard', part),
                DETAIL = format('Of %s shards this one has the accounts whose hash leaves %s.', modulus, remainder),
                HINT = format('Move the rows where NOT satisfies_hash_partition(''%I.shard_key''::regclass, %s, %s, account_id), or name the servers in the order in which the rows are.',
                              book, modulus, remainder);
        END;
        EXECUTE format('COMMENT ON CONSTRAINT %I ON %I IS %L', rule, part, 'the account is one of this shard''s, by the hash of its key: create_cluster() of the coordinator says which');
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.keep_part(name, integer, integer) IS 'on a shard: from now on the tables of its book take only accounts whose hash leaves remainder by modulus; an error (23514) where they have others, (55006) while another transaction does the same. For their owner';

-- The account keys are of the type that they have here.
CREATE FUNCTION margin_internal.create_next(book name, next name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    filled boolean := false;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF next = book THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('the book of the shard is called "%s" itself', book),
            HINT = 'Give the next one another name: they stand side by side.';
    ELSIF to_regnamespace(quote_ident(next)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', next);
    END IF;
    PERFORM margin_internal.check_schema(next);
    IF to_regclass(format('%I.shard_request', next)) IS NULL THEN
        PERFORM margin.create_shard(next, (SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = 'balance'::regclass AND a.attname = 'account_id'));
    ELSE
        EXECUTE format('SELECT EXISTS (SELECT FROM %I.holding)', next) INTO filled;
    END IF;
    IF filled THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('book "%s" of the shard has accounts already', next),
            HINT = format('Give another name; or if nobody needs it, margin.drop_shard(%L) there drops it.', next);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.create_next(name, name) IS 'on a shard: makes a schema, and in it a shard with keys of the same type, unless it is there; an error for its own name (22023) and where that one has accounts (55000)';

CREATE FUNCTION margin_internal.refuse_closed() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('the accounts of book "%s" have moved to book "%s"', TG_TABLE_SCHEMA, TG_ARGV[0]),
        HINT = 'Write there. Where the coordinator did not get to the end of switch_book(), call that again.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_closed() IS 'trigger: the accounts are elsewhere, in the book that the argument names';

-- Without waiting: the coordinator could not see what a writer commits while it waits.
CREATE FUNCTION margin_internal.close_shard(book name, next name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    LOCK TABLE balance, position, open_order IN SHARE ROW EXCLUSIVE MODE NOWAIT;
    FOREACH part IN ARRAY '{balance,position,open_order}'::text[] LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON %I FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.refuse_closed(%L)', part, next);
        EXECUTE format('COMMENT ON TRIGGER closed ON %I IS ''the accounts have moved: see margin.switch_book() of the coordinator''', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.close_shard(name, name) IS 'on a shard: from now on its book refuses all writes of what accounts hold, which is in book next; an error (55P03) while somebody writes. For the owner of its tables';

CREATE FUNCTION margin_internal.answer_request() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book CONSTANT name := TG_TABLE_SCHEMA;
BEGIN
    PERFORM margin_internal.enter(TG_RELID);
    CASE NEW.command
        WHEN 'hold_market' THEN
            PERFORM hold_market();
        WHEN 'keep_part' THEN
            PERFORM margin_internal.keep_part(book, (NEW.argument ->> 'modulus')::integer, (NEW.argument ->> 'remainder')::integer);
        WHEN 'create_next' THEN
            PERFORM margin_internal.create_next(book, (NEW.argument ->> 'next')::name);
        WHEN 'close' THEN
            PERFORM margin_internal.close_shard(book, (NEW.argument ->> 'next')::name);
        WHEN 'judge' THEN
            SET CONSTRAINTS ALL IMMEDIATE;
            NEW.result := to_jsonb((SELECT m.id FROM published_market AS m));
        WHEN 'refresh_levels', 'refresh_kept' THEN
            -- a market older than the one that is there by now is an error (40001)
            PERFORM FROM published_market FOR SHARE;
            NEW.result := to_jsonb(CASE NEW.command WHEN 'refresh_kept' THEN margin_internal.refresh_kept(book)
                                   ELSE margin.refresh_levels(book, (NEW.argument ->> 'everyone')::boolean, NEW.argument ->> 'cause') END);
        WHEN 'prepare_snapshots' THEN
            NEW.result := to_jsonb(margin.prepare_snapshots(book, (NEW.argument ->> 'days')::integer));
        WHEN 'drop_snapshots' THEN
            NEW.result := to_jsonb(margin.drop_snapshots(book, (NEW.argument ->> 'before')::timestamptz));
        WHEN 'take_snapshot' THEN
            NEW.result := margin_internal.take_part(book, (NEW.argument ->> 'form')::margin.snapshot_form, (NEW.argument ->> 'taken')::timestamptz);
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
                MESSAGE = format('a shard knows no command %s', coalesce('"' || NEW.command || '"', 'null'));
    END CASE;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_request() IS 'trigger: carries out what a coordinator asks of the shard, with the rights of the role that asks, and puts the answer into result';

CREATE FUNCTION margin.create_shard(book name, account_type regtype DEFAULT 'bigint') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_schema(book);
    PERFORM margin_internal.run_script(book, margin_internal.incoming_script());
    PERFORM margin.create_book(book, account_type => account_type, market => format('%I.published_market', book)::regclass);
    PERFORM margin_internal.run_script(book, margin_internal.shard_script());
END
$$;
COMMENT ON FUNCTION margin.create_shard(name, regtype) IS
'makes a book in a schema of the caller that holds a part of the accounts of a cluster: a book with tables of its own, keyed by account_type, over a table published_market into which the coordinator writes the market, and the views through which the coordinator reads and asks. Errors as of create_book()';

CREATE FUNCTION margin.drop_shard(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.check_schema(book);
    IF to_regclass('shard_request') IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('book "%s" is no shard', book), HINT = format('margin.drop_book(%L) drops it.', book);
    END IF;
    PERFORM margin_internal.leave_part(book);
    PERFORM margin_internal.drop_objects(book, margin_internal.shard_script());
    PERFORM margin.drop_book(book);
    PERFORM margin_internal.drop_objects(book, margin_internal.incoming_script());
END
$$;
COMMENT ON FUNCTION margin.drop_shard(name) IS
'drops what create_shard() has made in a schema of the caller, with the rows of its accounts, nothing else; an error (42809) for a book that is no shard, and where something else depends on it';

-- cluster: a book whose accounts live on shards, read and asked through postgres_fdw

CREATE FUNCTION margin_internal.require_cluster(book name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT margin_internal.is_cluster(book) THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('book "%s" has no shards', book),
            HINT = 'margin.create_cluster() makes a book that has.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.require_cluster(name) IS 'an error for a book that is no cluster';

-- ---------------------------------------------------------------------------
-- Foreign tables
-- ---------------------------------------------------------------------------

-- What a cluster reads of each account, by relations of the shard of the same
-- name, and what it reads of each shard as a whole.
CREATE FUNCTION margin_internal.cluster_parts(OUT name text, OUT remote text, OUT by_account boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.name, a.name, true
      FROM unnest('{balance,position,open_order,holding,ordered_holding,flawed_holding,account,account_portfolio,kept_portfolio,reported_portfolio,account_level,level_event,guard_exception,repayment_entry,accrual_event,account_snapshot}'::text[]) AS a (name)
    UNION ALL
    SELECT w.name, coalesce(w.remote, w.name), false
      FROM (VALUES ('shard_market', 'published_market'), ('shard_status', NULL), ('shard_request', NULL), ('shard_house', NULL),
                   ('shard_levels', 'report_levels'), ('shard_concentration', 'report_concentration'), ('shard_exposure', 'report_exposure'),
                   ('shard_stress', NULL), ('shard_snapshot', 'snapshot'),
                   ('interest_hour', NULL), ('funding_settlement', NULL), ('accrual_house', NULL), ('book_rule', NULL)) AS w (name, remote);
END;
COMMENT ON FUNCTION margin_internal.cluster_parts() IS 'the relations of a cluster that are made of foreign tables: the relation of the shards that each shows, and whether an account has its rows on one shard';

CREATE FUNCTION margin_internal.attach_shard(book name, part text, present_shard integer) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place record;
    source record;
    child CONSTANT name := format('%s_shard%s', part, present_shard);
BEGIN
    PERFORM margin_internal.enter_book(book);
    SELECT s.* INTO STRICT place FROM shard AS s WHERE s.shard = present_shard;
    SELECT p.* INTO STRICT source FROM margin_internal.cluster_parts() AS p WHERE p.name = part;
    EXECUTE format('CREATE FOREIGN TABLE %I %s SERVER %I OPTIONS (schema_name %L, table_name %L, async_capable ''true'', fetch_size ''10000'', batch_size ''1000'')', child,
                   CASE WHEN source.by_account THEN format('PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)', part, place.modulus, place.remainder)
                        ELSE format('() INHERITS (%I)', part) END,
                   place.server, (cluster_book()).remote, source.remote);
    -- What comes back of a group is told to be less than goes in, or the planner
    -- would as soon fetch the portfolios and value them here.
    IF part IN ('ordered_holding', 'account_portfolio', 'reported_portfolio', 'kept_portfolio') THEN
        EXECUTE format('ALTER FOREIGN TABLE %I ALTER account_id SET (n_distinct = -0.2)', child);
    END IF;
    EXECUTE format('COMMENT ON FOREIGN TABLE %I IS %L', child, format('%s of shard %s', source.remote, present_shard));
END
$$;
COMMENT ON FUNCTION margin_internal.attach_shard(name, text, integer) IS 'makes the foreign table through which a relation of a cluster reads one shard';

-- The table that a script makes, by itself, becomes one that is divided by the
-- account; the shards hold what it is constrained to.
CREATE FUNCTION margin_internal.divide(book name, part text) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', book), true);
    EXECUTE format('ALTER TABLE %I RENAME TO shape', part);
    EXECUTE format('CREATE TABLE %I (LIKE shape INCLUDING COMMENTS INCLUDING DEFAULTS) PARTITION BY HASH (account_id)', part);
    EXECUTE format('COMMENT ON TABLE %I IS %L', part, coalesce(obj_description('shape'::regclass, 'pg_class'), part || ' of the shards'));
    EXECUTE 'DROP TABLE shape';
END
$$;
COMMENT ON FUNCTION margin_internal.divide(name, text) IS 'makes a table of a cluster one whose rows are on the shards of their accounts';

CREATE FUNCTION margin_internal.refuse_rows() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('rows of "%s" are on the shards', TG_TABLE_NAME),
        HINT = 'Enter them there.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_rows() IS 'trigger: a table of a cluster that shows those of the shards has no rows of its own';

-- ---------------------------------------------------------------------------
-- Making one
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.check_server(server name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    SELECT w.fdwname AS wrapper, (SELECT o.option_value FROM pg_options_to_table(f.srvoptions) AS o WHERE o.option_name = 'extensions') AS extensions
      INTO present FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw WHERE f.srvname = server;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no foreign server "%s"', server),
            HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host ..., dbname ..., extensions ''margin'');', server);
    ELSIF present.wrapper <> 'postgres_fdw' THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('server "%s" is one of %s, not of postgres_fdw', server, present.wrapper);
    ELSIF NOT 'margin' = ANY (regexp_split_to_array(coalesce(present.extensions, ''), ' *, *')) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('server "%s" does not say that it has the extension margin', server),
            DETAIL = 'Without that no valuation would be computed there.',
            HINT = format('ALTER SERVER %I OPTIONS (ADD extensions ''margin'');', server);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_server(name) IS 'an error unless a shard may be reached through a foreign server: it is one of postgres_fdw whose option extensions names margin';

-- The paragraph of a book as a cluster has it: an own one in its place, a table
-- in place of a view that the shards have, nothing, or the same.
CREATE FUNCTION margin_internal.cluster_paragraph(made record, own text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replaced CONSTANT text := (SELECT o.paragraph FROM margin_internal.script_objects(own) AS o WHERE o.kind = made.kind AND o.name = made.name);
    changed text;
BEGIN
    IF made.kind = 'view' AND made.name IN ('account', 'account_portfolio', 'kept_portfolio', 'reported_portfolio') THEN
        RETURN ARRAY[format('CREATE TABLE %I (LIKE account_key%s)', made.name, CASE WHEN made.name = 'account' THEN '' ELSE ', portfolio margin.portfolio' END)];
    ELSIF made.name IN ('level_basis', 'level_epoch', 'repay') OR made.kind = 'trigger' AND made.relation NOT IN ('snapshot', 'report_run') THEN
        RETURN '{}';
    ELSIF replaced IS NOT NULL AND made.kind = 'function' THEN
        RETURN ARRAY[replace(replace(made.paragraph, 'FUNCTION ' || made.name || '(', 'FUNCTION central_' || made.name || '('), made.name || '.', 'central_' || made.name || '.'), replaced];
    ELSIF replaced IS NOT NULL THEN
        RETURN ARRAY[replaced];
    END IF;
    changed := CASE
        -- the view asks each shard, the table of portfolios the one that has the account
        WHEN made.kind = 'function' AND made.name = 'account_margin' AND made.paragraph NOT LIKE '%market margin.market)%' THEN
            replace(made.paragraph, 'SELECT a.* FROM account_margin AS a WHERE a.account_id = account_margin.account_id OFFSET 0;',
                    'SELECT p.account_id, (v).* FROM account_portfolio AS p CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued
                      WHERE p.account_id = account_margin.account_id OFFSET 0;')
        WHEN made.kind = 'function' AND made.name = 'report_exposed_assets' THEN
            replace(made.paragraph, 'FROM portfolios(as_of) AS p',
                    'FROM (SELECT h.portfolio FROM shard_house AS h WHERE as_of IS NULL UNION ALL SELECT q.portfolio FROM portfolios(as_of) AS q WHERE as_of IS NOT NULL) AS p')
        WHEN made.kind = 'function' AND made.name IN ('report_shortfalls', 'report_losses', 'report_unpriced', 'report_worst') THEN
            replace(made.paragraph, 'account_margin_at(as_of) AS', 'concern_at(as_of) AS') END;
    IF changed = made.paragraph THEN
        RAISE EXCEPTION '% does not read what a cluster replaces', made.name;
    END IF;
    RETURN ARRAY[coalesce(changed, made.paragraph)];
END
$$;
COMMENT ON FUNCTION margin_internal.cluster_paragraph(record, text[]) IS 'the statements that a cluster has in place of one of the script of books';

CREATE FUNCTION margin_internal.run_cluster_script(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own CONSTANT text[] := margin_internal.cluster_script();
    script CONSTANT text[] := ARRAY(SELECT f.paragraph FROM margin_internal.script_objects(margin_internal.facts_script()) AS f WHERE f.kind = 'table' ORDER BY f.n)
        || 'CREATE TABLE holding (LIKE account_key, symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind)'::text
        || 'CREATE TABLE ordered_holding (LIKE holding)'::text
        || 'CREATE TABLE flawed_holding (LIKE account_key, kind margin.holding_kind, symbol text, quantity numeric, entry_price numeric, leverage numeric, flaw text)'::text
        || margin_internal.book_script();
    made record;
BEGIN
    -- those that take no other's place, and stand before what reads them
    PERFORM margin_internal.run_script(book, ARRAY(SELECT o.paragraph FROM margin_internal.script_objects(own) AS o
                                                    WHERE o.kind = 'table' OR o.name IN ('send_market', 'same_market', 'house') ORDER BY o.n));
    FOR made IN SELECT o.* FROM margin_internal.script_objects(script) AS o ORDER BY o.n LOOP
        -- what reports of the worst read stands after what it reads itself
        IF made.name = 'report_levels' AND made.kind = 'function' THEN
            PERFORM margin_internal.run_script(book, ARRAY(SELECT o.paragraph FROM margin_internal.script_objects(own) AS o
                                                            WHERE o.name IN ('reported_concern', 'concern_at') ORDER BY o.n));
        END IF;
        PERFORM margin_internal.run_script(book, margin_internal.cluster_paragraph(made, own));
        IF made.kind IN ('table', 'view') AND made.name IN (SELECT p.name FROM margin_internal.cluster_parts() AS p WHERE p.by_account) THEN
            PERFORM margin_internal.divide(book, made.name);
        END IF;
    END LOOP;
    PERFORM margin_internal.run_script(book, ARRAY(
        SELECT format('CREATE TRIGGER refuse_rows BEFORE INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.refuse_rows()', p.name)
          FROM margin_internal.cluster_parts() AS p WHERE NOT p.by_account));
END
$$;
COMMENT ON FUNCTION margin_internal.run_cluster_script(name) IS 'makes in a schema what a book has, over tables that are divided among shards';

CREATE FUNCTION margin_internal.valued_fields(valuation text) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(CASE f.attname WHEN 'level' THEN format('margin_internal.valued_level(%s) AS level', valuation)
                                     WHEN 'missing' THEN format('margin_internal.valued_missing(%s) AS missing', valuation)
                                     ELSE format('margin_internal.valued_amount(%s, %s) AS %I', valuation, f.attnum, f.attname) END, ', ' ORDER BY f.attnum)
      FROM pg_catalog.pg_attribute AS f
     WHERE f.attrelid = 'margin.valuation'::regclass AND f.attnum > 0 AND NOT f.attisdropped;
END;
COMMENT ON FUNCTION margin_internal.valued_fields(text) IS 'the fields of a valuation, an expression, as columns of a query that shards can compute';

-- A planner that groups the divided table knows too little of it to leave the
-- work to the shards; one that groups each shard's part by itself does.  A
-- composite would travel whole, as text within text; so each field is a column,
-- of which those travel that are asked for.  The market is one and the same
-- parameter of all.
CREATE FUNCTION margin_internal.spread_views(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view record;
    branches text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOR view IN
        SELECT o.paragraph, m.part[1] AS branch, m.part[2] AS valuation, m.part[3] AS relation
          FROM margin_internal.script_objects(margin_internal.cluster_script()) AS o,
               LATERAL regexp_match(o.paragraph, 'FROM [(](SELECT p.account_id, (margin.evaluate[(].*[)]) AS v[[:space:]]+FROM ([a-z_]+) AS p GROUP BY .*)[)] AS valued;') AS m (part)
         WHERE o.kind = 'view' AND m.part IS NOT NULL ORDER BY o.n
    LOOP
        branches := replace(view.branch, view.valuation || ' AS v', margin_internal.valued_fields(view.valuation));
        branches := (SELECT string_agg(replace(branches, format('FROM %s AS p', view.relation), format('FROM %s_shard%s AS p', view.relation, s.shard)),
                                       ' UNION ALL ' ORDER BY s.shard) FROM shard AS s);
        branches := replace(branches, '(SELECT venue_market())', 'm.market');
        EXECUTE replace(replace(replace(view.paragraph, 'FROM (' || view.branch, 'FROM venue_market() AS m (market), LATERAL (' || branches),
                                '(v).', 'valued.'), 'CREATE VIEW', 'CREATE OR REPLACE VIEW');
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.spread_views(name) IS 'makes the views of a cluster that are valued on the shards again, a part for each shard';

-- What a book over a published market refuses is there, where the venue is.
CREATE FUNCTION margin_internal.create_cluster_bridges(book name, venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.create_market_source(book, format('%I.published_market', venue)::regclass);
    PERFORM margin_internal.create_bridges(book, book);
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$I.venue_market_at(as_of timestamptz) RETURNS margin.market LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %2$I.market(as_of)', book, venue);
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$I.venue_past_market(as_of timestamptz) RETURNS margin.market LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %2$I.past_market(as_of)', book, venue);
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$I.venue_planned_change() RETURNS timestamptz LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %2$I.planned_change()', book, venue);
END
$$;
COMMENT ON FUNCTION margin_internal.create_cluster_bridges(name, name) IS 'makes the functions by which a cluster reads its venue: the present market as it is published';

CREATE FUNCTION margin_internal.enter_shard(book name, server name, modulus integer, remainder integer) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entered integer;
BEGIN
    PERFORM margin_internal.enter_book(book);
    INSERT INTO shard (shard, server, modulus, remainder)
    SELECT coalesce(max(s.shard), 0) + 1, enter_shard.server, enter_shard.modulus, enter_shard.remainder FROM shard AS s RETURNING shard.shard INTO entered;
    PERFORM margin_internal.attach_shard(book, p.name, entered) FROM margin_internal.cluster_parts() AS p;
    BEGIN
        EXECUTE format('INSERT INTO %I (command, argument) VALUES (''keep_part'', $1)', 'shard_request_shard' || entered)
          USING jsonb_build_object('modulus', enter_shard.modulus, 'remainder', enter_shard.remainder);
    EXCEPTION WHEN undefined_table THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('server "%s" leads to no shard "%s"', enter_shard.server, (cluster_book()).remote),
            DETAIL = SQLERRM,
            HINT = format('There: CREATE EXTENSION margin; CREATE SCHEMA %1$I; SELECT margin.create_shard(%1$L, %2$L);', (cluster_book()).remote,
                          (SELECT a.atttypid::regtype FROM pg_attribute AS a WHERE a.attrelid = 'balance'::regclass AND a.attname = 'account_id'));
    END;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_shard(name, name, integer, integer) IS 'adds a shard to a cluster that has no other one for that part of the accounts, and has it refuse all others; returns its number';

CREATE FUNCTION margin.create_cluster(
    book name, venue name, servers name[], account_type regtype DEFAULT 'bigint', shard_book name DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    count CONSTANT integer := cardinality(servers);
BEGIN
    PERFORM margin_internal.check_schema(book);
    IF EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('schema "%s" is a venue or book already', book),
            HINT = 'A cluster needs a schema of its own.';
    END IF;
    IF account_type IS NULL OR count IS NULL OR array_position(servers, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a cluster needs servers and a type of account keys';
    ELSIF count = 0 OR count > (SELECT count(DISTINCT s) FROM unnest(servers) AS s) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the servers of a cluster are at least one, and each another one';
    END IF;
    PERFORM margin_internal.check_server(s) FROM unnest(servers) AS s;
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.check_schema(venue);

    PERFORM margin_internal.run_script(book, ARRAY[
        format('CREATE TABLE account_key (account_id %s)', account_type),
        format($body$CREATE FUNCTION cluster_book(OUT remote name, OUT modulus integer) LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN ROW(%L::name, %s)$body$, coalesce(shard_book, book), count),
        'COMMENT ON FUNCTION cluster_book() IS ''the schema that the book is in on each shard, and how many shards there were at first'''::text]);
    PERFORM margin_internal.create_cluster_bridges(book, venue);
    PERFORM margin_internal.run_cluster_script(book);
    EXECUTE format('DROP TABLE %I.account_key', book);
    PERFORM margin_internal.comment_valuation_columns(book);
    PERFORM margin_internal.describe(book, venue, format('%I.balance', book)::regclass, format('%I.position', book)::regclass,
                                     format('%I.open_order', book)::regclass);
    PERFORM margin_internal.keep_out_of_workers(book);
    PERFORM margin_internal.enter_shard(book, s.server, count, (s.n - 1)::integer) FROM unnest(servers) WITH ORDINALITY AS s (server, n) ORDER BY s.n;
    PERFORM margin_internal.spread_views(book);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE ON %I.published_market FOR EACH ROW EXECUTE FUNCTION %I.send_market()', 'send to ' || book, venue, book);
    EXECUTE format('COMMENT ON TRIGGER %I ON %I.published_market IS %L', 'send to ' || book, venue, 'the market goes to the shards of the cluster');
    PERFORM margin.enable_publishing(venue, edits => true);
    PERFORM margin.analyze_cluster(book);
END
$$;
COMMENT ON FUNCTION margin.create_cluster(name, name, name[], regtype, name) IS
'makes in a schema of the caller a book whose accounts live on shards, which are books made by create_shard() in the databases that foreign servers of postgres_fdw lead to, in a schema shard_book there (null: of the same name). An account is on the shard that the hash of its key names. The venue is here and the caller''s; its market is published from now on, edits included, and goes to all shards. Errors where a server is not one of postgres_fdw with extensions ''margin'', cannot be reached, has no such book of the user it is reached as, or has rows of accounts that belong on another shard; from then on the shards refuse such rows';

CREATE FUNCTION margin.analyze_cluster(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    -- of nothing the planner would learn that there is nothing to be saved
    IF NOT EXISTS (SELECT FROM holding) THEN
        RETURN;
    END IF;
    FOR part IN SELECT p.name FROM margin_internal.cluster_parts() AS p
                 WHERE p.by_account AND p.name NOT IN ('kept_portfolio', 'account_snapshot') LOOP
        EXECUTE format('ANALYZE %I', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.analyze_cluster(name) IS 'reads a sample of what the shards hold, by which the planner decides what to compute there: after rows have been loaded, and when accounts have become many times as many. Nothing where there are none';

-- ---------------------------------------------------------------------------
-- Asking shards
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.judge(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM margin_internal.ask_shards(book, 'hold_market');
    PERFORM margin_internal.ask_shards(book, 'judge');
END
$$;
COMMENT ON FUNCTION margin.judge(name) IS
'has every shard of a cluster judge now what the transaction wrote there, guard, levels and deferred constraints, as the last statement of a transaction across shards: if one refuses, nothing is written anywhere. Until the transaction ends no shard takes another market, so none judges again at its commit. For roles that may execute hold_market() and insert into shard_request on the shards';

CREATE FUNCTION margin_internal.same_market(shard_market regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present bigint;
    others text;
BEGIN
    PERFORM margin_internal.enter(shard_market);
    SELECT m.id INTO present FROM market_source AS m;
    SELECT string_agg(format('shard %s has market %s', s.shard, coalesce(m.id::text, 'none')), ', ' ORDER BY s.shard) INTO others
      FROM shard AS s LEFT JOIN shard_market AS m ON m.tableoid = to_regclass('shard_market_shard' || s.shard)
     WHERE m.id IS DISTINCT FROM present;
    IF others IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the shards are not in the market of the coordinator, which is %s: %s', coalesce(present::text, 'none'), others),
            HINT = 'A transaction sees one market on each shard; begin another one, or margin.publish_market() sends the present one again.';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION margin_internal.same_market(regclass) IS 'true, or an error where shards have another market than the coordinator';

CREATE FUNCTION margin_internal.send_market(shards regclass, id bigint, "at" timestamptz, valid_until timestamptz, market margin.market, release_ratios numeric[],
                                            pausing_prices jsonb, scenarios margin.price_move[], repayment_rules margin.repayment_rule[]) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target name;
    written bigint;
BEGIN
    PERFORM margin_internal.enter(shards);
    FOR target IN SELECT 'shard_market_shard' || s.shard FROM shard AS s ORDER BY s.shard LOOP
        EXECUTE format('UPDATE %I SET id = $1, at = $2, valid_until = $3, market = $4, release_ratios = $5, pausing_prices = $6, scenarios = $7, repayment_rules = $8', target)
          USING id, "at", valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written = 0 THEN
            EXECUTE format('INSERT INTO %I (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', target)
              USING id, "at", valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules;
        END IF;
    END LOOP;
    PERFORM margin_internal.judge_first();
END
$$;
COMMENT ON FUNCTION margin_internal.send_market(regclass, bigint, timestamptz, timestamptz, margin.market, numeric[], jsonb, margin.price_move[], margin.repayment_rule[]) IS
'writes a published market to every shard of the cluster whose table shard that is';

CREATE FUNCTION margin.cluster_status(
    book name, OUT shard integer, OUT server name, OUT reachable boolean, OUT market_id bigint, OUT behind bigint, OUT lag interval, OUT valid boolean,
    OUT refreshed_at timestamptz, OUT accounts bigint, OUT levels jsonb, OUT clock_ahead interval, OUT error text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 4
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
    found record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    SELECT m.id, m.at INTO present FROM market_source AS m;
    FOR shard, server IN SELECT s.shard, s.server FROM shard AS s ORDER BY s.shard LOOP
        error := NULL;
        found := NULL;
        BEGIN
            EXECUTE format('SELECT * FROM %I', 'shard_status_shard' || shard) INTO STRICT found;
            reachable := true;
        EXCEPTION WHEN OTHERS THEN
            reachable := false;
            error := SQLERRM;
        END;
        IF reachable THEN
            market_id := found.market_id;
            behind := present.id - found.market_id;
            lag := CASE WHEN found.market_id = present.id THEN interval '0' ELSE clock_timestamp() - found.market_at END;
            valid := coalesce(found.valid_until > found.clock, false);
            refreshed_at := found.refreshed_at;
            accounts := found.accounts;
            levels := found.levels;
            clock_ahead := found.clock - clock_timestamp();
        ELSE
            market_id := NULL; behind := NULL; lag := NULL; valid := NULL; refreshed_at := NULL; accounts := NULL; levels := NULL; clock_ahead := NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.cluster_status(name) IS
'each shard of a cluster in a row: whether it can be reached, or else the error; the market it has, by how many publications and how long it is behind the coordinator, and whether it is still valid; when levels were last judged; accounts, in all and by kept level (null: none are kept); by how much its clock is ahead, the way there included';

-- grow: one more shard, by a second cluster beside the first into which the accounts move

CREATE FUNCTION margin.add_shard(book name, server name, next name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    servers name[];
    venue name;
    present name[];
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    IF server IS NULL OR next IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a further shard needs a server, and the next cluster a name';
    ELSIF next = book THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('the next cluster needs another name than "%s"', book),
            HINT = 'They stand side by side, until switch_book() renames them.';
    END IF;
    PERFORM margin_internal.check_server(server);
    servers := ARRAY(SELECT s.server FROM shard AS s ORDER BY s.shard);
    IF server = ANY (servers) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('server "%s" holds a shard of book "%s" already', server, book);
    END IF;
    servers := servers || server;
    IF margin_internal.is_cluster(next) THEN
        PERFORM margin_internal.check_schema(next);
        EXECUTE format('SELECT array_agg(s.server ORDER BY s.shard) FROM %I.shard AS s', next) INTO present;
        IF present = servers THEN
            RETURN;
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('book "%s" is there already, over other shards', next),
            DETAIL = format('It is over %s, not over %s.', array_to_string(present, ', '), array_to_string(servers, ', ')),
            HINT = format('If nobody needs it, DROP SCHEMA %I CASCADE drops it.', next);
    END IF;

    -- Shards are read as of the first question to them: a market that came after
    -- that could not be followed by the one that create_cluster() sends.
    SELECT n.nspname INTO venue FROM about() AS a JOIN pg_namespace AS n ON n.oid = a.venue;
    EXECUTE format('LOCK TABLE %I.published_market IN SHARE ROW EXCLUSIVE MODE', venue);
    IF to_regnamespace(quote_ident(next)) IS NULL THEN
        EXECUTE format('CREATE SCHEMA %I', next);
    END IF;
    PERFORM margin_internal.ask_shards(book, 'create_next', jsonb_build_object('next', next));
    PERFORM margin.create_cluster(next, venue, servers, (SELECT a.atttypid FROM pg_attribute AS a WHERE a.attrelid = 'balance'::regclass AND a.attname = 'account_id'), next);
END
$$;
COMMENT ON FUNCTION margin.add_shard(name, name, name) IS
'makes a cluster next over the shards of a cluster and the one that a further server leads to, in schemas next on the shards, which it makes; on the new server create_shard(next) has been called before. The first cluster stays as it is: move_accounts() and switch_book() follow. In one transaction, in which prices of the venue wait; nothing where it has been done already. Errors: of create_cluster(), a server that holds a shard already (42710), the name that the books have on the shards (22023), accounts there in a book next (55000)';

-- Rows of the source that the target lacks are added there, and those that it has
-- besides are deleted first, as they may have the keys of others.
CREATE FUNCTION margin_internal.make_same(target text, source text, condition text, columns text, key text) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    deleted bigint;
    added bigint;
BEGIN
    EXECUTE format('DELETE FROM %1$s WHERE (%2$s) IN (SELECT %2$s FROM (SELECT %3$s FROM %1$s WHERE %4$s EXCEPT (%5$s)) AS surplus)', target, key, columns, condition, source);
    GET DIAGNOSTICS deleted = ROW_COUNT;
    EXECUTE format('INSERT INTO %1$s (%2$s) (%3$s) EXCEPT SELECT %2$s FROM %1$s WHERE %4$s', target, columns, source, condition);
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN deleted + added;
END
$$;
COMMENT ON FUNCTION margin_internal.make_same(text, text, text, text, text) IS
'gives a table, as far as its rows satisfy a condition, the rows of a query, and no others; how many it deleted and added. All are text that the caller vouches for: the relation, the query, the condition, columns, and which of them are the key';

CREATE FUNCTION margin_internal.moved_parts(OUT name text, OUT key text, OUT by_account boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT m.name, m.key, m.by_account
      FROM (VALUES ('balance', 'account_id, asset', true), ('position', 'account_id, contract, side', true), ('open_order', 'account_id, order_id', true),
                   ('book_rule', 'rule, value', false), ('interest_hour', 'accrued_at', false), ('funding_settlement', 'contract, settled_at, rate', false)) AS m (name, key, by_account);
END;
COMMENT ON FUNCTION margin_internal.moved_parts() IS 'the tables of shards that move with accounts, and those that every shard has to have alike; what tells rows apart';

CREATE FUNCTION margin.move_accounts(book name, next name, shard integer DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    targets integer[];
    condition text := 'true';
    written bigint := 0;
BEGIN
    PERFORM margin_internal.enter_book(next);
    PERFORM margin_internal.require_cluster(next);
    PERFORM margin_internal.check_schema(next);
    targets := ARRAY(SELECT s.shard FROM shard AS s ORDER BY s.shard);
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    IF move_accounts.shard IS NOT NULL THEN
        -- what is only stable is not computed on the shards, where that table is another one
        SELECT format('CASE WHEN now() IS NOT NULL THEN satisfies_hash_partition(%L::regclass, %s, %s, account_id) END', format('%I.balance', book), s.modulus, s.remainder) INTO condition
          FROM shard AS s WHERE s.shard = move_accounts.shard;
        IF NOT FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('book "%s" has no shard %s', book, move_accounts.shard);
        END IF;
    END IF;

    FOR part IN SELECT p.*, (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute AS a
                              WHERE a.attrelid = p.name::regclass AND a.attnum > 0 AND NOT a.attisdropped) AS columns
                  FROM margin_internal.moved_parts() AS p LOOP
        IF part.by_account THEN
            written := written + margin_internal.make_same(format('%I.%I', next, part.name), format('SELECT %s FROM %I.%I WHERE %s', part.columns, book, part.name, condition),
                                                           condition, part.columns, part.key);
        ELSE
            -- what all shards have; of what each notes besides, the first
            SELECT written + coalesce(sum(margin_internal.make_same(format('%I.%I', next, part.name || '_shard' || t.shard),
                       format('SELECT DISTINCT ON (%1$s) %2$s FROM %3$I.%4$I WHERE (%1$s) IN (SELECT %1$s FROM %3$I.%4$I GROUP BY %1$s HAVING count(*) = (SELECT count(*) FROM %3$I.shard)) ORDER BY %1$s, %2$s',
                              part.key, part.columns, book, part.name), 'true', part.columns, part.key)), 0)
              INTO written FROM unnest(targets) AS t (shard);
        END IF;
    END LOOP;
    RETURN written;
END
$$;
COMMENT ON FUNCTION margin.move_accounts(name, name, integer) IS
'gives the cluster next the balances, positions and orders of a cluster, and no others, and each of its shards the rules, charged hours and settled instants that all shards of the first have. Returns how many rows it deleted and added, a changed one counts twice; 0: all are the same. Can be called again as often as needed, also while others write. shard: only the accounts that are on that shard of the first, null: all. For the owner of both';

CREATE FUNCTION margin_internal.check_alike(book name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    differing bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOR part IN SELECT p.* FROM margin_internal.moved_parts() AS p WHERE NOT p.by_account LOOP
        EXECUTE format('SELECT count(*) FROM (SELECT FROM %I GROUP BY %s HAVING count(*) <> (SELECT count(*) FROM shard)) AS d', part.name, part.key) INTO differing;
        IF differing > 0 THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = format('the shards of book "%s" differ in %s rows of "%s"', book, differing, part.name),
                HINT = CASE part.name WHEN 'book_rule' THEN 'Give each of them the same rules.' ELSE 'Accounts are charged alike on all shards before they move: do on each what has been done on some.' END;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.check_alike(name) IS 'an error where the shards of a cluster have other rules, charged hours or settled instants than each other';

CREATE FUNCTION margin_internal.switch_cluster(book name, next name, before name, move boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written bigint;
    sender record;
BEGIN
    PERFORM margin_internal.enter_book(next);
    PERFORM margin_internal.require_cluster(next);
    PERFORM margin_internal.check_schema(next);
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    IF before IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = format('book "%s" needs a name that it has from then on', book);
    END IF;
    -- First here, where writers wait and then find the next book; what they have
    -- written is there when the shards are asked for the first time.
    LOCK TABLE balance, position, open_order IN SHARE ROW EXCLUSIVE MODE;
    PERFORM margin_internal.ask_shards(book, 'close', jsonb_build_object('next', next));
    PERFORM margin_internal.check_alike(book);
    written := margin.move_accounts(book, next);
    IF written > 0 AND move IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('books "%s" and "%s" differ: %s rows would have to be deleted and added', book, next, written),
            HINT = format('Call margin.move_accounts(%L, %L) again when nobody writes any more, or say move => true.', book, next);
    END IF;

    EXECUTE format('ALTER SCHEMA %I RENAME TO %I', book, before);
    EXECUTE format('ALTER SCHEMA %I RENAME TO %I', next, book);
    FOR sender IN SELECT t.tgname AS name, t.tgrelid::regclass AS relation, n.nspname AS cluster
                    FROM pg_trigger AS t JOIN pg_proc AS p ON p.oid = t.tgfoid JOIN pg_namespace AS n ON n.oid = p.pronamespace
                   WHERE p.proname = 'send_market' AND n.nspname IN (before, book) AND t.tgname <> 'send to ' || n.nspname ORDER BY n.nspname = book LOOP
        EXECUTE format('ALTER TRIGGER %I ON %s RENAME TO %I', sender.name, sender.relation, 'send to ' || sender.cluster);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.switch_cluster(name, name, name, boolean) IS 'switch_book(), as the first that its transaction does';

-- A shard shows a transaction what it has when it is first asked: whoever had asked
-- it before would compare what was there before the locks.
CREATE PROCEDURE margin.switch_book(book name, next name, before name, move boolean DEFAULT false)
LANGUAGE plpgsql
AS $$
BEGIN
    -- An error here, inside of a transaction block, comes before all else.
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM margin_internal.switch_cluster(book, next, before, move);
END
$$;
COMMENT ON PROCEDURE margin.switch_book(name, name, name, boolean) IS
'makes cluster next, into which the accounts of a cluster have moved, the one of that name, and calls the other one before, in one transaction: whoever writes through the coordinator waits and then writes the new one; the books under the other one refuse all writes from then on. Errors, after which nothing has changed: rows differ, and how many would have to be deleted and added (55000; with move they are, with the locks held), rules, charged hours or settled instants that not all shards have (55000), somebody writes on a shard past the coordinator (55P03). For the owner of both and of the venue, not inside of a transaction block';

CREATE FUNCTION margin_internal.venue_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE TABLE asset (
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
COMMENT ON CONSTRAINT asset_initial_liability_weight_range ON asset IS 'a debt is never weighted down';$paragraph$,
    $paragraph$CREATE TABLE collateral_tier (
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
COMMENT ON CONSTRAINT collateral_tier_ratio_range ON collateral_tier IS 'collateral counts for none of its value, all of it, or something between';$paragraph$,
    $paragraph$CREATE TABLE initial_collateral_tier (
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
COMMENT ON CONSTRAINT initial_collateral_tier_ratio_range ON initial_collateral_tier IS 'collateral counts for none of its value, all of it, or something between';$paragraph$,
    $paragraph$CREATE TABLE liability_tier (
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
COMMENT ON CONSTRAINT liability_tier_maintenance_rate_range ON liability_tier IS 'a requirement is never negative';$paragraph$,
    $paragraph$CREATE TABLE contract (
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
COMMENT ON CONSTRAINT contract_payoff_linear ON contract IS 'only linear contracts are valued; the trigger payoff says what to do with others';$paragraph$,
    $paragraph$CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON contract
    FOR EACH ROW WHEN (NEW.payoff <> 'linear') EXECUTE FUNCTION margin_internal.refuse_payoff();
COMMENT ON TRIGGER payoff ON contract IS 'an inverse contract must not pass silently for a linear one';$paragraph$,
    $paragraph$CREATE TABLE risk_tier (
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
COMMENT ON CONSTRAINT risk_tier_initial_rate_range ON risk_tier IS 'a requirement is never negative';$paragraph$,
    $paragraph$CREATE FUNCTION check_tiers() RETURNS trigger
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
COMMENT ON FUNCTION check_tiers() IS 'trigger of the tables of tiers: a whole schedule begins at 0, collateral ratios never rise, margin rates never fall, initial rates are in all tiers or in none';$paragraph$,
    $paragraph$CREATE CONSTRAINT TRIGGER collateral_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON collateral_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');
COMMENT ON TRIGGER collateral_tier_shape ON collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise';$paragraph$,
    $paragraph$CREATE CONSTRAINT TRIGGER initial_collateral_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON initial_collateral_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');
COMMENT ON TRIGGER initial_collateral_tier_shape ON initial_collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise, and the asset has collateral tiers by then';$paragraph$,
    $paragraph$CREATE CONSTRAINT TRIGGER liability_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON liability_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');
COMMENT ON TRIGGER liability_tier_shape ON liability_tier IS 'the rates of a whole schedule begin at 0 and never fall';$paragraph$,
    $paragraph$CREATE CONSTRAINT TRIGGER risk_tier_shape
    AFTER INSERT OR UPDATE OR DELETE ON risk_tier
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('contract');
COMMENT ON TRIGGER risk_tier_shape ON risk_tier IS 'the rates of a whole schedule begin at 0 and never fall; initial rates are in all tiers or in none';$paragraph$,
    $paragraph$CREATE TABLE asset_change (
    LIKE asset INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS,
    valid_from  timestamptz NOT NULL,
    CONSTRAINT asset_change_pkey PRIMARY KEY (asset, valid_from),
    CONSTRAINT asset_change_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT asset_change_valid_from_finite CHECK (isfinite(valid_from))
);
COMMENT ON TABLE asset_change IS 'terms of assets from an instant on, all of them; until the first such instant those in asset hold';
COMMENT ON COLUMN asset_change.valid_from IS 'the latest terms not after the instant of a market apply';
COMMENT ON CONSTRAINT asset_change_asset_fkey ON asset_change IS 'the asset exists; its changes go with it';
COMMENT ON CONSTRAINT asset_change_valid_from_finite ON asset_change IS 'the terms without a beginning are those in asset';$paragraph$,
    $paragraph$CREATE TABLE contract_change (
    LIKE contract INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS,
    valid_from  timestamptz NOT NULL,
    CONSTRAINT contract_change_pkey PRIMARY KEY (contract, valid_from),
    CONSTRAINT contract_change_contract_fkey FOREIGN KEY (contract) REFERENCES contract ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT contract_change_settle_fkey FOREIGN KEY (settle) REFERENCES asset ON UPDATE CASCADE,
    CONSTRAINT contract_change_base_fkey FOREIGN KEY (base) REFERENCES asset ON UPDATE CASCADE,
    CONSTRAINT contract_change_valid_from_finite CHECK (isfinite(valid_from))
);
COMMENT ON TABLE contract_change IS 'terms of contracts from an instant on, all of them; until the first such instant those in contract hold';
COMMENT ON COLUMN contract_change.valid_from IS 'the latest terms not after the instant of a market apply';
COMMENT ON CONSTRAINT contract_change_contract_fkey ON contract_change IS 'the contract exists; its changes go with it';
COMMENT ON CONSTRAINT contract_change_settle_fkey ON contract_change IS 'the settlement asset exists, and stays as long as the change';
COMMENT ON CONSTRAINT contract_change_base_fkey ON contract_change IS 'the underlying asset exists, and stays as long as the change';
COMMENT ON CONSTRAINT contract_change_valid_from_finite ON contract_change IS 'the terms without a beginning are those in contract';$paragraph$,
    $paragraph$CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON contract_change
    FOR EACH ROW WHEN (NEW.payoff <> 'linear') EXECUTE FUNCTION margin_internal.refuse_payoff();
COMMENT ON TRIGGER payoff ON contract_change IS 'an inverse contract must not pass silently for a linear one';$paragraph$,
    $paragraph$CREATE VIEW planned_change WITH (security_invoker = true) AS
SELECT valid_from, 'asset' AS parameter, asset AS symbol FROM asset_change WHERE valid_from > now()
UNION ALL
SELECT valid_from, 'contract', contract FROM contract_change WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'collateral_tier', asset FROM collateral_tier WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'initial_collateral_tier', asset FROM initial_collateral_tier WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'liability_tier', asset FROM liability_tier WHERE valid_from > now()
UNION ALL
SELECT DISTINCT valid_from, 'risk_tier', contract FROM risk_tier WHERE valid_from > now();
COMMENT ON VIEW planned_change IS 'parameters entered ahead that have not taken effect yet; what they will do to the accounts of a book is in its report_impact(valid_from)';
COMMENT ON COLUMN planned_change.valid_from IS 'when they will';
COMMENT ON COLUMN planned_change.parameter IS 'what changes: terms of an asset or contract, or a tier schedule by the name of its table';
COMMENT ON COLUMN planned_change.symbol IS 'the asset or contract';$paragraph$,
    $paragraph$CREATE TABLE parameter_event (
    id          bigint GENERATED BY DEFAULT AS IDENTITY,
    parameter   name NOT NULL,
    symbol      text NOT NULL,
    before      jsonb,
    after       jsonb,
    changed_by  name NOT NULL DEFAULT margin.acting_user(),
    changed_at  timestamptz NOT NULL DEFAULT now(),
    txid        xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT parameter_event_pkey PRIMARY KEY (id)
);
CREATE INDEX parameter_event_symbol ON parameter_event (symbol, changed_at);
COMMENT ON TABLE parameter_event IS 'journal of every edit of a parameter table, row by row; written by triggers only';
COMMENT ON INDEX parameter_event_symbol IS 'the history of one symbol';
COMMENT ON COLUMN parameter_event.id IS 'in the order of the edits';
COMMENT ON COLUMN parameter_event.parameter IS 'the table edited';
COMMENT ON COLUMN parameter_event.symbol IS 'asset, contract, level, rule or scenario that the row is about';
COMMENT ON COLUMN parameter_event.before IS 'the row as it was; null: there was none';
COMMENT ON COLUMN parameter_event.after IS 'the row as it is since; null: there is none';
COMMENT ON COLUMN parameter_event.changed_by IS 'the role that acted';
COMMENT ON COLUMN parameter_event.changed_at IS 'beginning of the transaction that edited';
COMMENT ON COLUMN parameter_event.txid IS 'that transaction';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON parameter_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON parameter_event IS 'what happened is not rewritten';$paragraph$,
    $paragraph$CREATE FUNCTION record_parameter_event() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC' SET datestyle = 'ISO' SET intervalstyle = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex' SET lc_monetary = 'C'
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('INSERT INTO parameter_event (parameter, symbol, before)
                        SELECT $1, to_jsonb(t) ->> $2, to_jsonb(t) FROM %I AS t', TG_TABLE_NAME)
          USING TG_TABLE_NAME, TG_ARGV[0];
    ELSIF TG_OP <> 'UPDATE' OR OLD IS DISTINCT FROM NEW THEN
        INSERT INTO parameter_event (parameter, symbol, before, after)
        SELECT TG_TABLE_NAME, coalesce(edit.after, edit.before) ->> TG_ARGV[0], edit.before, edit.after
          FROM (SELECT CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END AS before,
                       CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END AS after) AS edit;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record_parameter_event() FROM PUBLIC;
COMMENT ON FUNCTION record_parameter_event() IS 'trigger: journals an edit of a parameter table; its argument is the column that holds the symbol';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON asset
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON asset IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON asset
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON asset IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON asset_change
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON asset_change IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON asset_change
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON asset_change IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON collateral_tier
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON collateral_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON collateral_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON initial_collateral_tier
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON initial_collateral_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON initial_collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON initial_collateral_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON liability_tier
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON liability_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON liability_tier
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON liability_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON contract
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('contract');
COMMENT ON TRIGGER journal ON contract IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON contract
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('contract');
COMMENT ON TRIGGER journal_truncate ON contract IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON contract_change
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('contract');
COMMENT ON TRIGGER journal ON contract_change IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON contract_change
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('contract');
COMMENT ON TRIGGER journal_truncate ON contract_change IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON risk_tier
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('contract');
COMMENT ON TRIGGER journal ON risk_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON risk_tier
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('contract');
COMMENT ON TRIGGER journal_truncate ON risk_tier IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE FUNCTION warn_of_later_change() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    overridden record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR overridden IN EXECUTE format(
        'SELECT e.symbol, c.since
           FROM (SELECT n.%1$I AS symbol, max(%3$s) AS edited FROM replaced AS o JOIN applied AS n USING (%4$s) WHERE %5$s GROUP BY 1) AS e,
                LATERAL (SELECT max(valid_from) AS since FROM %2$I AS c WHERE c.%1$I = e.symbol AND c.valid_from <= now()) AS c
          WHERE c.since > e.edited
          ORDER BY e.symbol COLLATE "C"',
        TG_ARGV[0], TG_ARGV[1], CASE TG_ARGV[1] WHEN TG_TABLE_NAME THEN 'n.valid_from' ELSE 'timestamptz ''-infinity''' END, TG_ARGV[2],
        -- an asset that follows its renaming is no edit: its old name is gone
        (SELECT string_agg(format(CASE WHEN term IN ('settle', 'base')
                                       THEN 'o.%1$I IS DISTINCT FROM n.%1$I AND (o.%1$I IS NULL OR EXISTS (SELECT FROM asset AS a WHERE a.asset = o.%1$I))'
                                       ELSE 'o.%1$I IS DISTINCT FROM n.%1$I' END, term), ' OR ')
           FROM unnest(TG_ARGV[3:]) AS term))
    LOOP
        RAISE WARNING USING
            MESSAGE = format('the terms of "%s" that were edited in %s do not hold now', overridden.symbol, TG_TABLE_NAME),
            DETAIL = format('What holds now is in %s, valid from %s.', TG_ARGV[1], overridden.since),
            HINT = format('To change what holds now, edit that in %s.', TG_ARGV[1]);
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION warn_of_later_change() FROM PUBLIC;
COMMENT ON FUNCTION warn_of_later_change() IS 'trigger: a warning where terms are edited that a later change has replaced already';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON asset
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('asset', 'asset_change', 'asset', 'tier_unit', 'liability_weight', 'requirement_weight', 'max_age',
        'initial_liability_weight');
COMMENT ON TRIGGER later_change ON asset IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON asset_change
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('asset', 'asset_change', 'asset, valid_from', 'tier_unit', 'liability_weight', 'requirement_weight', 'max_age',
        'initial_liability_weight');
COMMENT ON TRIGGER later_change ON asset_change IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON collateral_tier
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('asset', 'collateral_tier', 'asset, valid_from, lower_bound', 'ratio');
COMMENT ON TRIGGER later_change ON collateral_tier IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON initial_collateral_tier
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('asset', 'initial_collateral_tier', 'asset, valid_from, lower_bound', 'ratio');
COMMENT ON TRIGGER later_change ON initial_collateral_tier IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON liability_tier
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('asset', 'liability_tier', 'asset, valid_from, lower_bound', 'maintenance_rate');
COMMENT ON TRIGGER later_change ON liability_tier IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON contract
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('contract', 'contract_change', 'contract', 'settle', 'base', 'contract_size', 'netting', 'closing_fee',
        'maintenance_method', 'initial_method', 'max_age', 'opening_fee', 'tier_unit', 'order_maintenance');
COMMENT ON TRIGGER later_change ON contract IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON contract_change
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('contract', 'contract_change', 'contract, valid_from', 'settle', 'base', 'contract_size', 'netting', 'closing_fee',
        'maintenance_method', 'initial_method', 'max_age', 'opening_fee', 'tier_unit', 'order_maintenance');
COMMENT ON TRIGGER later_change ON contract_change IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TRIGGER later_change AFTER UPDATE ON risk_tier
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION warn_of_later_change('contract', 'risk_tier', 'contract, valid_from, lower_bound', 'maintenance_rate', 'initial_rate');
COMMENT ON TRIGGER later_change ON risk_tier IS 'a warning where what is edited does not hold now';$paragraph$,
    $paragraph$CREATE TABLE index_price (
    asset       text NOT NULL,
    price       numeric NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    low         numeric,
    high        numeric,
    CONSTRAINT index_price_pkey PRIMARY KEY (asset),
    CONSTRAINT index_price_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT index_price_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT index_price_updated_at_finite CHECK (isfinite(updated_at)),
    CONSTRAINT index_price_low_range CHECK (low IS NULL OR margin.is_amount(low) AND low > 0 AND low <= price),
    CONSTRAINT index_price_high_range CHECK (high IS NULL OR margin.is_amount(high) AND high >= price)
);
COMMENT ON TABLE index_price IS 'present index prices of assets';
COMMENT ON COLUMN index_price.asset IS 'the asset priced';
COMMENT ON COLUMN index_price.price IS 'USD per unit of the asset; above 0';
COMMENT ON COLUMN index_price.updated_at IS 'when the price was observed; asset.max_age counts from here';
COMMENT ON COLUMN index_price.low IS 'where the price is in doubt: USD per unit at which what is owned counts; above 0, at most price; NULL: price. A price set without it removes it';
COMMENT ON COLUMN index_price.high IS 'where the price is in doubt: USD per unit at which what is owed or required counts; at least price; NULL: price. A price set without it removes it';
COMMENT ON CONSTRAINT index_price_asset_fkey ON index_price IS 'the asset exists; its price goes with it';
COMMENT ON CONSTRAINT index_price_price_positive ON index_price IS 'no price is a missing row, not 0';
COMMENT ON CONSTRAINT index_price_updated_at_finite ON index_price IS 'an infinite time has no age';
COMMENT ON CONSTRAINT index_price_low_range ON index_price IS 'the price lies between its bounds';
COMMENT ON CONSTRAINT index_price_high_range ON index_price IS 'the price lies between its bounds';$paragraph$,
    $paragraph$CREATE TRIGGER unset_bounds BEFORE UPDATE ON index_price
    FOR EACH ROW EXECUTE FUNCTION margin_internal.unset_bounds();
COMMENT ON TRIGGER unset_bounds ON index_price IS 'an UPDATE that sets the price and not its bounds removes these';$paragraph$,
    $paragraph$CREATE TABLE index_price_history (
    id           bigint GENERATED BY DEFAULT AS IDENTITY,
    asset        text NOT NULL,
    price        numeric,
    updated_at   timestamptz NOT NULL,
    forced       boolean NOT NULL,
    recorded_by  name NOT NULL DEFAULT margin.acting_user(),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    low          numeric,
    high         numeric,
    CONSTRAINT index_price_history_pkey PRIMARY KEY (id)
);
CREATE INDEX index_price_history_idx ON index_price_history (asset, recorded_at);
COMMENT ON TABLE index_price_history IS 'every index price that was applied or deleted, as far back as price_retention keeps them';
COMMENT ON COLUMN index_price_history.id IS 'in the order in which they were applied';
COMMENT ON COLUMN index_price_history.asset IS 'the asset priced';
COMMENT ON COLUMN index_price_history.price IS 'USD per unit of the asset; null: the price was deleted';
COMMENT ON COLUMN index_price_history.updated_at IS 'when the price was observed';
COMMENT ON COLUMN index_price_history.forced IS 'whether it replaced a price observed later: a correction';
COMMENT ON COLUMN index_price_history.recorded_by IS 'the role that applied it';
COMMENT ON COLUMN index_price_history.recorded_at IS 'when it was applied';
COMMENT ON COLUMN index_price_history.low IS 'its lower bound; null: none';
COMMENT ON COLUMN index_price_history.high IS 'its upper bound; null: none';
COMMENT ON INDEX index_price_history_idx IS 'the price of an asset at a time';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE ON index_price_history
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON index_price_history IS 'what was applied is not rewritten, only pruned';$paragraph$,
    $paragraph$CREATE TABLE mark_price (
    contract    text NOT NULL,
    price       numeric NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT mark_price_pkey PRIMARY KEY (contract),
    CONSTRAINT mark_price_contract_fkey FOREIGN KEY (contract) REFERENCES contract ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT mark_price_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT mark_price_updated_at_finite CHECK (isfinite(updated_at))
);
COMMENT ON TABLE mark_price IS 'present mark prices of contracts';
COMMENT ON COLUMN mark_price.contract IS 'the contract priced';
COMMENT ON COLUMN mark_price.price IS 'settlement asset per unit of the underlying; above 0';
COMMENT ON COLUMN mark_price.updated_at IS 'when the price was observed; contract.max_age counts from here';
COMMENT ON CONSTRAINT mark_price_contract_fkey ON mark_price IS 'the contract exists; its price goes with it';
COMMENT ON CONSTRAINT mark_price_price_positive ON mark_price IS 'no price is a missing row, not 0';
COMMENT ON CONSTRAINT mark_price_updated_at_finite ON mark_price IS 'an infinite time has no age';$paragraph$,
    $paragraph$CREATE VIEW stale_price WITH (security_invoker = true) AS
SELECT 'asset' AS kind, t.asset AS symbol, p.updated_at, t.max_age
  FROM (SELECT a.asset, CASE WHEN ch.asset IS NULL THEN a.max_age ELSE ch.max_age END AS max_age
          FROM asset AS a
          LEFT JOIN LATERAL (SELECT c.asset, c.max_age FROM asset_change AS c
                              WHERE c.asset = a.asset AND c.valid_from <= now()
                              ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true) AS t
  JOIN index_price AS p ON p.asset = t.asset
 WHERE now() - p.updated_at > t.max_age
UNION ALL
SELECT 'contract', t.contract, p.updated_at, t.max_age
  FROM (SELECT a.contract, CASE WHEN ch.contract IS NULL THEN a.max_age ELSE ch.max_age END AS max_age
          FROM contract AS a
          LEFT JOIN LATERAL (SELECT c.contract, c.max_age FROM contract_change AS c
                              WHERE c.contract = a.contract AND c.valid_from <= now()
                              ORDER BY c.valid_from DESC LIMIT 1) AS ch ON true) AS t
  JOIN mark_price AS p ON p.contract = t.contract
 WHERE now() - p.updated_at > t.max_age;
COMMENT ON VIEW stale_price IS 'prices that do not count, because they are older than their max_age now; what has no price at all is not among them';
COMMENT ON COLUMN stale_price.kind IS 'asset (an index price) or contract (a mark price)';
COMMENT ON COLUMN stale_price.symbol IS 'the asset or contract';
COMMENT ON COLUMN stale_price.updated_at IS 'when it was observed';
COMMENT ON COLUMN stale_price.max_age IS 'as the parameters valid now have it';$paragraph$,
    $paragraph$CREATE TABLE mark_price_history (
    id           bigint GENERATED BY DEFAULT AS IDENTITY,
    contract     text NOT NULL,
    price        numeric,
    updated_at   timestamptz NOT NULL,
    forced       boolean NOT NULL,
    recorded_by  name NOT NULL DEFAULT margin.acting_user(),
    recorded_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT mark_price_history_pkey PRIMARY KEY (id)
);
CREATE INDEX mark_price_history_idx ON mark_price_history (contract, recorded_at);
COMMENT ON TABLE mark_price_history IS 'every mark price that was applied or deleted, as far back as price_retention keeps them';
COMMENT ON COLUMN mark_price_history.id IS 'in the order in which they were applied';
COMMENT ON COLUMN mark_price_history.contract IS 'the contract priced';
COMMENT ON COLUMN mark_price_history.price IS 'settlement asset per unit of the underlying; null: the price was deleted';
COMMENT ON COLUMN mark_price_history.updated_at IS 'when the price was observed';
COMMENT ON COLUMN mark_price_history.forced IS 'whether it replaced a price observed later: a correction';
COMMENT ON COLUMN mark_price_history.recorded_by IS 'the role that applied it';
COMMENT ON COLUMN mark_price_history.recorded_at IS 'when it was applied';
COMMENT ON INDEX mark_price_history_idx IS 'the price of a contract at a time';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE ON mark_price_history
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON mark_price_history IS 'what was applied is not rewritten, only pruned';$paragraph$,
    $paragraph$CREATE FUNCTION record_prices() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp SET enable_nestloop = off
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    CASE TG_TABLE_NAME || ' ' || TG_OP
        WHEN 'index_price INSERT' THEN
            INSERT INTO index_price_history (asset, price, updated_at, forced, low, high)
            SELECT n.asset, n.price, n.updated_at, false, n.low, n.high FROM applied AS n;
        WHEN 'index_price UPDATE' THEN
            -- a symbol that was renamed goes on under its new name
            INSERT INTO index_price_history (asset, price, updated_at, forced, low, high)
            SELECT n.asset, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false), n.low, n.high
              FROM applied AS n LEFT JOIN replaced AS o ON o.asset = n.asset
             WHERE (n.price, n.updated_at, n.low, n.high) IS DISTINCT FROM (o.price, o.updated_at, o.low, o.high);
        WHEN 'index_price DELETE' THEN
            INSERT INTO index_price_history (asset, updated_at, forced) SELECT o.asset, o.updated_at, false FROM replaced AS o;
        WHEN 'index_price TRUNCATE' THEN
            INSERT INTO index_price_history (asset, updated_at, forced) SELECT o.asset, o.updated_at, false FROM index_price AS o;
        WHEN 'mark_price INSERT' THEN
            INSERT INTO mark_price_history (contract, price, updated_at, forced)
            SELECT n.contract, n.price, n.updated_at, false FROM applied AS n;
        WHEN 'mark_price UPDATE' THEN
            INSERT INTO mark_price_history (contract, price, updated_at, forced)
            SELECT n.contract, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false)
              FROM applied AS n LEFT JOIN replaced AS o ON o.contract = n.contract
             WHERE (n.price, n.updated_at) IS DISTINCT FROM (o.price, o.updated_at);
        WHEN 'mark_price DELETE' THEN
            INSERT INTO mark_price_history (contract, updated_at, forced) SELECT o.contract, o.updated_at, false FROM replaced AS o;
        WHEN 'mark_price TRUNCATE' THEN
            INSERT INTO mark_price_history (contract, updated_at, forced) SELECT o.contract, o.updated_at, false FROM mark_price AS o;
    END CASE;
    -- no price is held against one that was observed later
    IF TG_OP IN ('INSERT', 'UPDATE') AND margin_internal.may_have_rows('held_price'::regclass) THEN
        EXECUTE format('DELETE FROM held_price AS h USING applied AS n WHERE h.kind = %1$L AND h.symbol = n.%1$I AND h.observed_at <= n.updated_at', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record_prices() FROM PUBLIC;
COMMENT ON FUNCTION record_prices() IS 'trigger: appends the prices applied, and that a price was deleted, to their history, and ends the holding of prices that they are not older than; the argument is the kind, and key column, of the table';$paragraph$,
    $paragraph$CREATE TRIGGER record_insert AFTER INSERT ON index_price
    REFERENCING NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('asset');
COMMENT ON TRIGGER record_insert ON index_price IS 'each price applied is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_update AFTER UPDATE ON index_price
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('asset');
COMMENT ON TRIGGER record_update ON index_price IS 'each price applied is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_delete AFTER DELETE ON index_price
    REFERENCING OLD TABLE AS replaced
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('asset');
COMMENT ON TRIGGER record_delete ON index_price IS 'that there is no price any more is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_truncate BEFORE TRUNCATE ON index_price
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('asset');
COMMENT ON TRIGGER record_truncate ON index_price IS 'that there is no price any more is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_insert AFTER INSERT ON mark_price
    REFERENCING NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('contract');
COMMENT ON TRIGGER record_insert ON mark_price IS 'each price applied is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_update AFTER UPDATE ON mark_price
    REFERENCING OLD TABLE AS replaced NEW TABLE AS applied
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('contract');
COMMENT ON TRIGGER record_update ON mark_price IS 'each price applied is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_delete AFTER DELETE ON mark_price
    REFERENCING OLD TABLE AS replaced
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('contract');
COMMENT ON TRIGGER record_delete ON mark_price IS 'that there is no price any more is appended to the history';$paragraph$,
    $paragraph$CREATE TRIGGER record_truncate BEFORE TRUNCATE ON mark_price
    FOR EACH STATEMENT EXECUTE FUNCTION record_prices('contract');
COMMENT ON TRIGGER record_truncate ON mark_price IS 'that there is no price any more is appended to the history';$paragraph$,
    $paragraph$CREATE TABLE price_retention (
    keep      interval NOT NULL,
    only_row  boolean NOT NULL DEFAULT true,
    CONSTRAINT price_retention_pkey PRIMARY KEY (only_row),
    CONSTRAINT price_retention_one_row CHECK (only_row),
    CONSTRAINT price_retention_keep_range CHECK (keep >= interval '0')
);
COMMENT ON TABLE price_retention IS 'how long price histories go back, in at most one row; none: for ever';
COMMENT ON COLUMN price_retention.keep IS 'margin.prune_price_history() deletes what is not needed to tell the prices of any instant since then';
COMMENT ON COLUMN price_retention.only_row IS 'true';
COMMENT ON CONSTRAINT price_retention_one_row ON price_retention IS 'one setting for all';
COMMENT ON CONSTRAINT price_retention_keep_range ON price_retention IS 'what is yet to come is not pruned';$paragraph$,
    $paragraph$CREATE TABLE admitted_owner (
    owner  name NOT NULL,
    CONSTRAINT admitted_owner_pkey PRIMARY KEY (owner)
);
COMMENT ON TABLE admitted_owner IS 'roles whose books margin.set_prices(..., refresh => true) refreshes, beside those that have the rights of the venue''s owner; code in their books then runs as whoever sets prices';
COMMENT ON COLUMN admitted_owner.owner IS 'the owner of a book';$paragraph$,
    $paragraph$CREATE TABLE price_check (
    kind           text NOT NULL,
    symbol         text NOT NULL,
    floor          numeric,
    ceiling        numeric,
    max_jump       numeric,
    jump_window    interval,
    max_deviation  numeric,
    reference_age  interval,
    CONSTRAINT price_check_pkey PRIMARY KEY (kind, symbol),
    CONSTRAINT price_check_kind_known CHECK (kind IN ('asset', 'contract')),
    CONSTRAINT price_check_floor_positive CHECK (margin.is_amount(floor) AND floor > 0),
    CONSTRAINT price_check_ceiling_range CHECK (margin.is_amount(ceiling) AND ceiling > 0 AND (floor IS NULL OR ceiling >= floor)),
    CONSTRAINT price_check_max_jump_positive CHECK (margin.is_amount(max_jump) AND max_jump > 0),
    CONSTRAINT price_check_jump_window_range CHECK (jump_window IS NULL OR jump_window > interval '0' AND max_jump IS NOT NULL),
    CONSTRAINT price_check_max_deviation_range CHECK (margin.is_amount(max_deviation) AND max_deviation >= 0),
    CONSTRAINT price_check_reference_age_range CHECK (reference_age IS NULL OR reference_age > interval '0' AND max_deviation IS NOT NULL)
);
COMMENT ON TABLE price_check IS 'what margin.set_prices() believes of an asset or contract; offers that fail are held. Without a row, and where a column is NULL, anything is believed';
COMMENT ON COLUMN price_check.kind IS 'asset (its index price) or contract (its mark price)';
COMMENT ON COLUMN price_check.symbol IS 'the asset or contract';
COMMENT ON COLUMN price_check.floor IS 'neither the price nor its low is below this; in the unit of the price, above 0';
COMMENT ON COLUMN price_check.ceiling IS 'neither the price nor its high is above this; in the unit of the price, above 0';
COMMENT ON COLUMN price_check.max_jump IS 'how far the price and its bounds may be from the price before, as a fraction of that: 0.1 is 10 % up or down';
COMMENT ON COLUMN price_check.jump_window IS 'max_jump holds against every price observed within this time before the offer, and against none that is older; NULL: against the price before, however old, and no other';
COMMENT ON COLUMN price_check.max_deviation IS 'a second opinion: how far the price may be from a reference_price, as a fraction of that; one that agrees is enough, with none the offer is held';
COMMENT ON COLUMN price_check.reference_age IS 'a reference price observed longer ago than this before the offer is no opinion; NULL: they do not expire';
COMMENT ON CONSTRAINT price_check_kind_known ON price_check IS 'asset or contract';
COMMENT ON CONSTRAINT price_check_floor_positive ON price_check IS 'no price is 0 or below anyway';
COMMENT ON CONSTRAINT price_check_ceiling_range ON price_check IS 'something lies between floor and ceiling';
COMMENT ON CONSTRAINT price_check_max_jump_positive ON price_check IS 'a price that may not move at all is never set again';
COMMENT ON CONSTRAINT price_check_jump_window_range ON price_check IS 'a time above 0, of a jump';
COMMENT ON CONSTRAINT price_check_max_deviation_range ON price_check IS 'a deviation of 0 is the same price';
COMMENT ON CONSTRAINT price_check_reference_age_range ON price_check IS 'a time above 0, of an opinion';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON price_check
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('symbol');
COMMENT ON TRIGGER journal ON price_check IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON price_check
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('symbol');
COMMENT ON TRIGGER journal_truncate ON price_check IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TABLE reference_price (
    kind        text NOT NULL,
    symbol      text NOT NULL,
    source      text NOT NULL,
    price       numeric NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reference_price_pkey PRIMARY KEY (kind, symbol, source),
    CONSTRAINT reference_price_kind_known CHECK (kind IN ('asset', 'contract')),
    CONSTRAINT reference_price_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT reference_price_updated_at_finite CHECK (isfinite(updated_at))
);
COMMENT ON TABLE reference_price IS 'what other sources say of prices, for price_check.max_deviation; nothing is valued by them. Other feeds write here';
COMMENT ON COLUMN reference_price.kind IS 'asset (its index price) or contract (its mark price)';
COMMENT ON COLUMN reference_price.symbol IS 'the asset or contract';
COMMENT ON COLUMN reference_price.source IS 'who says so';
COMMENT ON COLUMN reference_price.price IS 'in the unit of the price; above 0';
COMMENT ON COLUMN reference_price.updated_at IS 'when it was observed; price_check.reference_age counts from here';
COMMENT ON CONSTRAINT reference_price_kind_known ON reference_price IS 'asset or contract';
COMMENT ON CONSTRAINT reference_price_price_positive ON reference_price IS 'no opinion is a missing row, not 0';
COMMENT ON CONSTRAINT reference_price_updated_at_finite ON reference_price IS 'an infinite time has no age';$paragraph$,
    $paragraph$CREATE TABLE held_price (
    kind         text NOT NULL,
    symbol       text NOT NULL,
    price        numeric NOT NULL,
    low          numeric,
    high         numeric,
    why          text NOT NULL,
    observed_at  timestamptz NOT NULL,
    forced       boolean NOT NULL DEFAULT false,
    offered_by   name NOT NULL DEFAULT margin.acting_user(),
    offered_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    held_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    offers       bigint NOT NULL DEFAULT 1,
    CONSTRAINT held_price_pkey PRIMARY KEY (kind, symbol)
);
COMMENT ON TABLE held_price IS 'prices offered that failed their price_check, the latest of each symbol, until margin.confirm_price() applies or margin.drop_price() drops it, or one that is not older is applied; the price before stays in force meanwhile';
COMMENT ON COLUMN held_price.kind IS 'asset (an index price) or contract (a mark price)';
COMMENT ON COLUMN held_price.symbol IS 'the asset or contract';
COMMENT ON COLUMN held_price.price IS 'the price offered';
COMMENT ON COLUMN held_price.low IS 'offered with it; null: none';
COMMENT ON COLUMN held_price.high IS 'offered with it; null: none';
COMMENT ON COLUMN held_price.why IS 'which checks it fails, in words';
COMMENT ON COLUMN held_price.observed_at IS 'when it was observed; updated_at of the price if it is confirmed';
COMMENT ON COLUMN held_price.forced IS 'whether it was offered as a correction that may replace a later one';
COMMENT ON COLUMN held_price.offered_by IS 'the role that offered it';
COMMENT ON COLUMN held_price.offered_at IS 'when it was offered';
COMMENT ON COLUMN held_price.held_since IS 'when the first of the offers was held that came without one between them that passed';
COMMENT ON COLUMN held_price.offers IS 'how many offers these were';$paragraph$,
    $paragraph$CREATE TABLE held_price_event (
    id           bigint GENERATED BY DEFAULT AS IDENTITY,
    event        text NOT NULL,
    kind         text NOT NULL,
    symbol       text NOT NULL,
    price        numeric NOT NULL,
    low          numeric,
    high         numeric,
    why          text NOT NULL,
    observed_at  timestamptz NOT NULL,
    offered_by   name NOT NULL,
    offers       bigint NOT NULL,
    acted_by     name NOT NULL DEFAULT margin.acting_user(),
    acted_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT held_price_event_pkey PRIMARY KEY (id)
);
CREATE INDEX held_price_event_symbol ON held_price_event (kind, symbol, acted_at);
COMMENT ON TABLE held_price_event IS 'journal of prices held and of what became of them; written by triggers, by nobody else';
COMMENT ON INDEX held_price_event_symbol IS 'the history of one symbol';
COMMENT ON COLUMN held_price_event.id IS 'in the order of the events';
COMMENT ON COLUMN held_price_event.event IS 'held; then applied (confirmed), dropped, or replaced (one that is not older was applied)';
COMMENT ON COLUMN held_price_event.kind IS 'asset or contract';
COMMENT ON COLUMN held_price_event.symbol IS 'the asset or contract';
COMMENT ON COLUMN held_price_event.price IS 'the price held: of held the first offer, of the others the last';
COMMENT ON COLUMN held_price_event.low IS 'offered with it; null: none';
COMMENT ON COLUMN held_price_event.high IS 'offered with it; null: none';
COMMENT ON COLUMN held_price_event.why IS 'which checks it failed';
COMMENT ON COLUMN held_price_event.observed_at IS 'when it was observed';
COMMENT ON COLUMN held_price_event.offered_by IS 'the role that offered it';
COMMENT ON COLUMN held_price_event.offers IS 'how many offers had been held by then';
COMMENT ON COLUMN held_price_event.acted_by IS 'the role that acted: whose offer was held, who confirmed or dropped it, whose price replaced it';
COMMENT ON COLUMN held_price_event.acted_at IS 'when';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON held_price_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON held_price_event IS 'what happened is not rewritten';$paragraph$,
    $paragraph$CREATE FUNCTION record_held_price() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    held record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR held IN
        SELECT CASE WHEN TG_OP = 'INSERT' THEN 'held'
                    WHEN (p.price, p.low, p.high, p.updated_at) IS NOT DISTINCT FROM (h.price, h.low, h.high, h.observed_at) THEN 'applied'
                    -- a correction may be older than the price that stood when it was offered
                    WHEN p.updated_at >= CASE WHEN h.forced THEN h.offered_at ELSE h.observed_at END THEN 'replaced'
                    ELSE 'dropped' END AS event, h.*
          FROM (SELECT NEW.* WHERE TG_OP = 'INSERT' UNION ALL SELECT OLD.* WHERE TG_OP = 'DELETE' UNION ALL SELECT t.* FROM held_price AS t WHERE TG_OP = 'TRUNCATE') AS h
          LEFT JOIN (SELECT 'asset' AS kind, i.asset AS symbol, i.price, i.low, i.high, i.updated_at FROM index_price AS i
                     UNION ALL
                     SELECT 'contract', m.contract, m.price, NULL, NULL, m.updated_at FROM mark_price AS m) AS p ON p.kind = h.kind AND p.symbol = h.symbol
    LOOP
        INSERT INTO held_price_event (event, kind, symbol, price, low, high, why, observed_at, offered_by, offers)
        VALUES (held.event, held.kind, held.symbol, held.price, held.low, held.high, held.why, held.observed_at, held.offered_by, held.offers);
        -- anybody may listen: prices, and how far they may go, are for those who may read the table
        PERFORM pg_notify('margin_price', format('{"venue": %s, "event": "%s", "kind": "%s", "symbol": %s}', to_json(TG_TABLE_SCHEMA::text),
                                                 held.event, held.kind, to_json(held.symbol)));
    END LOOP;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record_held_price() FROM PUBLIC;
COMMENT ON FUNCTION record_held_price() IS 'trigger: journals in held_price_event that a price is held, and what became of it, and sends that to channel margin_price';$paragraph$,
    $paragraph$CREATE TRIGGER record_held AFTER INSERT OR DELETE ON held_price
    FOR EACH ROW EXECUTE FUNCTION record_held_price();
COMMENT ON TRIGGER record_held ON held_price IS 'what is held, and what becomes of it, is journaled, with a NOTIFY margin_price';$paragraph$,
    $paragraph$CREATE TRIGGER record_truncate BEFORE TRUNCATE ON held_price
    FOR EACH STATEMENT EXECUTE FUNCTION record_held_price();
COMMENT ON TRIGGER record_truncate ON held_price IS 'what becomes of prices held is journaled, with a NOTIFY margin_price';$paragraph$,
    $paragraph$CREATE FUNCTION check_priced_symbol() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF NEW.kind = 'asset' THEN
        PERFORM FROM asset AS a WHERE a.asset = NEW.symbol FOR KEY SHARE;
    ELSE
        PERFORM FROM contract AS c WHERE c.contract = NEW.symbol FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'symbol',
            MESSAGE = format('%s "%s" does not exist', NEW.kind, NEW.symbol),
            HINT = format('A row of %s is about an asset or a contract of this venue, as kind says.', TG_TABLE_NAME);
    END IF;
    RETURN NEW;
END
$$;
REVOKE ALL ON FUNCTION check_priced_symbol() FROM PUBLIC;
COMMENT ON FUNCTION check_priced_symbol() IS 'trigger: the asset or contract that a row is about exists, and stays until the transaction ends';$paragraph$,
    $paragraph$CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON price_check
    FOR EACH ROW WHEN (NEW.kind IN ('asset', 'contract') AND NEW.symbol IS NOT NULL) EXECUTE FUNCTION check_priced_symbol();
COMMENT ON TRIGGER check_symbol ON price_check IS 'a check of a symbol that is not there would check nothing';$paragraph$,
    $paragraph$CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON reference_price
    FOR EACH ROW WHEN (NEW.kind IN ('asset', 'contract') AND NEW.symbol IS NOT NULL) EXECUTE FUNCTION check_priced_symbol();
COMMENT ON TRIGGER check_symbol ON reference_price IS 'an opinion on a symbol that is not there would be none';$paragraph$,
    $paragraph$CREATE FUNCTION follow_symbol() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    was CONSTANT text := to_jsonb(OLD) ->> TG_ARGV[0];
    "is" CONSTANT text := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF "is" IS NULL THEN
        DELETE FROM price_check AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM reference_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM held_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    ELSE
        UPDATE price_check AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE reference_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE held_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION follow_symbol() FROM PUBLIC;
COMMENT ON FUNCTION follow_symbol() IS 'trigger: checks, opinions and held prices of an asset or contract go with it, and are renamed with it; the argument is its kind and key column';$paragraph$,
    $paragraph$CREATE TRIGGER follow_delete AFTER DELETE ON asset
    FOR EACH ROW EXECUTE FUNCTION follow_symbol('asset');
COMMENT ON TRIGGER follow_delete ON asset IS 'its price check, reference prices and held price go with it';$paragraph$,
    $paragraph$CREATE TRIGGER follow_rename AFTER UPDATE OF asset ON asset
    FOR EACH ROW WHEN (OLD.asset <> NEW.asset) EXECUTE FUNCTION follow_symbol('asset');
COMMENT ON TRIGGER follow_rename ON asset IS 'its price check, reference prices and held price are renamed with it';$paragraph$,
    $paragraph$CREATE TRIGGER follow_delete AFTER DELETE ON contract
    FOR EACH ROW EXECUTE FUNCTION follow_symbol('contract');
COMMENT ON TRIGGER follow_delete ON contract IS 'its price check, reference prices and held price go with it';$paragraph$,
    $paragraph$CREATE TRIGGER follow_rename AFTER UPDATE OF contract ON contract
    FOR EACH ROW WHEN (OLD.contract <> NEW.contract) EXECUTE FUNCTION follow_symbol('contract');
COMMENT ON TRIGGER follow_rename ON contract IS 'its price check, reference prices and held price are renamed with it';$paragraph$,
    $paragraph$CREATE FUNCTION hold_prices(
    assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamptz, force boolean
) RETURNS TABLE (kind text, symbol text, why text)
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT h.kind, h.symbol, h.why
      FROM margin_internal.hold_prices(NULL::planned_change, assets, prices, lows, highs, contracts, marks, at, force) AS h;
END;
REVOKE ALL ON FUNCTION hold_prices(text[], numeric[], numeric[], numeric[], text[], numeric[], timestamptz, boolean) FROM PUBLIC;
COMMENT ON FUNCTION hold_prices(text[], numeric[], numeric[], numeric[], text[], numeric[], timestamptz, boolean) IS
'for margin.set_prices(), once there are price checks: enters the prices of an offer that fail theirs into held_price, and returns which and why. Whoever sets prices needs EXECUTE';$paragraph$,
    $paragraph$CREATE TABLE level_threshold (
    level          text NOT NULL,
    margin_ratio   numeric NOT NULL,
    release_ratio  numeric,
    CONSTRAINT level_threshold_pkey PRIMARY KEY (level),
    CONSTRAINT level_threshold_level_known CHECK (level IN ('warning', 'margin_call', 'liquidation')),
    CONSTRAINT level_threshold_margin_ratio_positive CHECK (margin.is_amount(margin_ratio) AND margin_ratio > 0),
    CONSTRAINT level_threshold_release_ratio_range
        CHECK (margin.is_amount(release_ratio) AND release_ratio > 0 AND release_ratio <= margin_ratio)
);
COMMENT ON TABLE level_threshold IS 'margin ratios at which the levels begin; for a level without a row: warning 0.7, margin_call 0.85, liquidation 1';
COMMENT ON COLUMN level_threshold.level IS 'warning, margin_call or liquidation; the other levels have no threshold';
COMMENT ON COLUMN level_threshold.margin_ratio IS 'the level begins where maintenance margin reaches this many times the equity; above 0';
COMMENT ON COLUMN level_threshold.release_ratio IS 'an account kept at the level leaves it when maintenance margin falls below this many times the equity; null: as soon as margin_ratio is no longer reached; valuation does not ask for it';
COMMENT ON CONSTRAINT level_threshold_level_known ON level_threshold IS 'only these levels have a threshold';
COMMENT ON CONSTRAINT level_threshold_margin_ratio_positive ON level_threshold IS 'a threshold is above 0';
COMMENT ON CONSTRAINT level_threshold_release_ratio_range ON level_threshold IS 'a level is left where it begins or below';$paragraph$,
    $paragraph$CREATE FUNCTION lock_thresholds() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- There is no parent row: writers take turns.
    PERFORM margin_internal.enter_own(TG_RELID);
    LOCK TABLE level_threshold IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION lock_thresholds() FROM PUBLIC;
COMMENT ON FUNCTION lock_thresholds() IS 'trigger: one transaction at a time edits the thresholds';$paragraph$,
    $paragraph$CREATE TRIGGER level_threshold_lock
    BEFORE INSERT OR UPDATE OR DELETE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION lock_thresholds();
COMMENT ON TRIGGER level_threshold_lock ON level_threshold IS 'one transaction at a time edits the thresholds';$paragraph$,
    $paragraph$CREATE FUNCTION check_thresholds() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ratios numeric[];
    releases numeric[];
    what text := 'level thresholds';
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    SELECT array_agg(k.margin_ratio ORDER BY k.level), array_agg(coalesce(t.release_ratio, k.margin_ratio) ORDER BY k.level)
      INTO ratios, releases
      FROM margin.thresholds('{}') AS d
      LEFT JOIN level_threshold AS t ON t.level = d.level::text,
           LATERAL (SELECT d.level, coalesce(t.margin_ratio, d.margin_ratio) AS margin_ratio) AS k;
    BEGIN
        PERFORM margin.market(NULL, NULL, ratios[1], ratios[2], ratios[3]);
        what := 'release ratios';
        PERFORM margin.market(NULL, NULL, releases[1], releases[2], releases[3]);
    EXCEPTION WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = format('%s: %s', what, CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not in order' END),
            HINT = 'They rise or stay from warning to margin_call to liquidation. Without a row a level begins at 0.7, 0.85 or 1; without a release ratio it is left at its threshold.';
    END;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION check_thresholds() FROM PUBLIC;
COMMENT ON FUNCTION check_thresholds() IS 'trigger: warning <= margin_call <= liquidation, with the defaults for those without a row; their release ratios likewise';$paragraph$,
    $paragraph$CREATE CONSTRAINT TRIGGER level_threshold_shape
    AFTER INSERT OR UPDATE OR DELETE ON level_threshold
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_thresholds();
COMMENT ON TRIGGER level_threshold_shape ON level_threshold IS 'warning <= margin_call <= liquidation, with the defaults for those without a row';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON level_threshold
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('level');
COMMENT ON TRIGGER journal ON level_threshold IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('level');
COMMENT ON TRIGGER journal_truncate ON level_threshold IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE FUNCTION release_ratios() RETURNS numeric[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT array_agg(t.release_ratio ORDER BY l.n)
      FROM unnest(ARRAY['warning', 'margin_call', 'liquidation']) WITH ORDINALITY AS l (level, n)
      LEFT JOIN level_threshold AS t ON t.level = l.level;
END;
REVOKE ALL ON FUNCTION release_ratios() FROM PUBLIC;
COMMENT ON FUNCTION release_ratios() IS 'release ratios of warning, margin_call and liquidation, in this order; null: a level is left as soon as its margin ratio is no longer reached';$paragraph$,
    $paragraph$CREATE TABLE venue_rule (
    rule   text NOT NULL,
    value  text NOT NULL,
    CONSTRAINT venue_rule_pkey PRIMARY KEY (rule),
    CONSTRAINT venue_rule_rule_known CHECK (rule IN ('orders_reduce_equity', 'liability_rule', 'held_prices_pause_levels', 'publish_for')),
    CONSTRAINT venue_rule_orders_reduce_equity_known CHECK (rule <> 'orders_reduce_equity' OR value IN ('nothing', 'loss', 'margin', 'both')),
    CONSTRAINT venue_rule_liability_rule_known CHECK (rule <> 'liability_rule' OR value IN ('sum', 'larger')),
    CONSTRAINT venue_rule_held_prices_pause_levels_known CHECK (rule <> 'held_prices_pause_levels' OR value IN ('true', 'false')),
    CONSTRAINT venue_rule_publish_for_range CHECK (CASE rule WHEN 'publish_for' THEN value::interval > interval '0' ELSE true END)
);
COMMENT ON TABLE venue_rule IS 'rules of the venue; one without a row has its default: orders_reduce_equity nothing, liability_rule sum, held_prices_pause_levels false, publish_for no limit';
COMMENT ON COLUMN venue_rule.rule IS 'orders_reduce_equity, liability_rule, held_prices_pause_levels or publish_for';
COMMENT ON COLUMN venue_rule.value IS
'of orders_reduce_equity: which amounts of open orders are subtracted from equity before levels are judged (nothing, loss, margin, both); of liability_rule: whether the maintenance of debts is added to that of positions (sum) or the larger of both counts (larger); of held_prices_pause_levels: whether levels stay as good as they are while a price that matters to them is held (true, false); of publish_for: how long a published market is valid at most, an interval above 0: 10 seconds';
COMMENT ON CONSTRAINT venue_rule_rule_known ON venue_rule IS 'an unknown rule would have no effect, and look as if it had';
COMMENT ON CONSTRAINT venue_rule_orders_reduce_equity_known ON venue_rule IS 'nothing, loss, margin or both';
COMMENT ON CONSTRAINT venue_rule_liability_rule_known ON venue_rule IS 'sum or larger';
COMMENT ON CONSTRAINT venue_rule_held_prices_pause_levels_known ON venue_rule IS 'true or false';
COMMENT ON CONSTRAINT venue_rule_publish_for_range ON venue_rule IS 'what is not valid for any time cannot be published';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON venue_rule
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('rule');
COMMENT ON TRIGGER journal ON venue_rule IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON venue_rule
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('rule');
COMMENT ON TRIGGER journal_truncate ON venue_rule IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE FUNCTION pausing_prices() RETURNS jsonb
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object('assets', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'asset'), '{}'),
                              'contracts', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'contract'), '{}'))
      FROM held_price AS h
     WHERE EXISTS (SELECT FROM venue_rule AS r WHERE r.rule = 'held_prices_pause_levels' AND r.value = 'true')
    HAVING count(*) > 0;
END;
REVOKE ALL ON FUNCTION pausing_prices() FROM PUBLIC;
COMMENT ON FUNCTION pausing_prices() IS 'the prices held while held_prices_pause_levels is true, for refreshes of levels: {"assets": {"BTC": 30000}, "contracts": {}}; null: none';$paragraph$,
    $paragraph$CREATE TABLE scenario (
    id        bigint GENERATED BY DEFAULT AS IDENTITY,
    scenario  text NOT NULL,
    asset     text,
    contract  text,
    relative  numeric,
    price     numeric,
    CONSTRAINT scenario_pkey PRIMARY KEY (id),
    CONSTRAINT scenario_key UNIQUE NULLS NOT DISTINCT (scenario, asset, contract),
    CONSTRAINT scenario_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT scenario_contract_fkey FOREIGN KEY (contract) REFERENCES contract ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT scenario_scenario_length CHECK (octet_length(scenario) BETWEEN 1 AND 255),
    CONSTRAINT scenario_one_target CHECK (asset IS NULL OR contract IS NULL),
    CONSTRAINT scenario_one_move CHECK ((relative IS NULL) <> (price IS NULL)),
    CONSTRAINT scenario_relative_range CHECK (margin.is_amount(relative) AND relative > -1),
    CONSTRAINT scenario_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT scenario_all_relative CHECK (price IS NULL OR asset IS NOT NULL OR contract IS NOT NULL)
);
COMMENT ON TABLE scenario IS 'price scenarios for shock() and stress(): rows that share a name are one scenario, one row per move';
COMMENT ON COLUMN scenario.id IS 'tells rows apart; means nothing else';
COMMENT ON COLUMN scenario.scenario IS 'name of the scenario, 1 to 255 bytes';
COMMENT ON COLUMN scenario.asset IS 'asset whose index price moves; where contract is NULL too, all assets that have no row of their own';
COMMENT ON COLUMN scenario.contract IS 'contract whose mark price moves, instead of following the prices of its assets';
COMMENT ON COLUMN scenario.relative IS 'change in proportion to the present price, above -1: -0.2 is a fall of 20 %; 0 holds a price where all others move';
COMMENT ON COLUMN scenario.price IS 'the new price itself, above 0, instead: USD per unit of the asset, or settlement asset per unit of the underlying';
COMMENT ON CONSTRAINT scenario_key ON scenario IS 'a scenario moves each price once';
COMMENT ON CONSTRAINT scenario_asset_fkey ON scenario IS 'the asset exists; its moves go with it';
COMMENT ON CONSTRAINT scenario_contract_fkey ON scenario IS 'the contract exists; its moves go with it';
COMMENT ON CONSTRAINT scenario_scenario_length ON scenario IS 'a name has 1 to 255 bytes';
COMMENT ON CONSTRAINT scenario_one_target ON scenario IS 'assets and contracts are separate namespaces; a row moves one of either';
COMMENT ON CONSTRAINT scenario_one_move ON scenario IS 'a move is relative or a price';
COMMENT ON CONSTRAINT scenario_relative_range ON scenario IS 'a price stays above 0';
COMMENT ON CONSTRAINT scenario_price_positive ON scenario IS 'a price stays above 0';
COMMENT ON CONSTRAINT scenario_all_relative ON scenario IS 'one price cannot be that of all assets';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON scenario
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('scenario');
COMMENT ON TRIGGER journal ON scenario IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON scenario
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('scenario');
COMMENT ON TRIGGER journal_truncate ON scenario IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE FUNCTION scenarios() RETURNS margin.price_move[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(SELECT ROW(s.scenario, s.asset, s.contract, s.relative, s.price)::margin.price_move
                   FROM scenario AS s ORDER BY s.scenario, s.asset, s.contract);
END;
REVOKE ALL ON FUNCTION scenarios() FROM PUBLIC;
COMMENT ON FUNCTION scenarios() IS 'all rows of scenario, as margin.stress() takes them; an empty array where there are none';$paragraph$,
    $paragraph$CREATE TABLE repayment_rule (
    asset                text NOT NULL,
    rank                 integer,
    conversion_discount  numeric NOT NULL DEFAULT 1,
    threshold            numeric,
    repayment_ratio      numeric NOT NULL DEFAULT 1,
    CONSTRAINT repayment_rule_pkey PRIMARY KEY (asset),
    CONSTRAINT repayment_rule_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT repayment_rule_conversion_discount_range
        CHECK (margin.is_amount(conversion_discount) AND conversion_discount BETWEEN 0 AND 1),
    CONSTRAINT repayment_rule_threshold_range CHECK (margin.is_amount(threshold) AND threshold >= 0),
    CONSTRAINT repayment_rule_repayment_ratio_range
        CHECK (margin.is_amount(repayment_ratio) AND repayment_ratio BETWEEN 0 AND 1)
);
COMMENT ON TABLE repayment_rule IS 'how an asset pays the debts of its account, and how a debt in it is repaid; without a row it pays at index price, after those with a rank, if it is collateral at all, and a debt in it is repaid whole';
COMMENT ON COLUMN repayment_rule.asset IS 'the asset, as funding asset and as debt';
COMMENT ON COLUMN repayment_rule.rank IS 'the lowest pays first; NULL: after those that have one, in the order that repayment_plan() is asked for';
COMMENT ON COLUMN repayment_rule.conversion_discount IS 'part of its index price at which it is converted, 0 to 1; 0: it never pays';
COMMENT ON COLUMN repayment_rule.threshold IS 'a debt is due only where it is above this, in units of the asset; NULL: always, and whole';
COMMENT ON COLUMN repayment_rule.repayment_ratio IS 'a debt above its threshold is repaid down to threshold * (1 - this); 1: whole; means nothing without a threshold';
COMMENT ON CONSTRAINT repayment_rule_asset_fkey ON repayment_rule IS 'the asset exists; its rule goes with it';
COMMENT ON CONSTRAINT repayment_rule_conversion_discount_range ON repayment_rule IS 'a conversion never brings more than the index price';
COMMENT ON CONSTRAINT repayment_rule_threshold_range ON repayment_rule IS 'a debt is an amount above 0';
COMMENT ON CONSTRAINT repayment_rule_repayment_ratio_range ON repayment_rule IS 'none of the threshold, all of it, or something between';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON repayment_rule
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON repayment_rule IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON repayment_rule
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON repayment_rule IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE FUNCTION repayment_rules() RETURNS margin.repayment_rule[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(SELECT ROW(r.asset, r.rank, r.conversion_discount, r.threshold, r.repayment_ratio)::margin.repayment_rule
                   FROM repayment_rule AS r ORDER BY r.asset);
END;
REVOKE ALL ON FUNCTION repayment_rules() FROM PUBLIC;
COMMENT ON FUNCTION repayment_rules() IS 'all rows of repayment_rule, as margin.repayment_plan() takes them; an empty array where there are none';$paragraph$,
    $paragraph$CREATE TABLE interest_rate (
    asset        text NOT NULL,
    valid_from   timestamptz NOT NULL DEFAULT '-infinity',
    hourly_rate  numeric NOT NULL,
    free_amount  numeric NOT NULL DEFAULT 0,
    method       text NOT NULL DEFAULT 'excess',
    CONSTRAINT interest_rate_pkey PRIMARY KEY (asset, valid_from),
    CONSTRAINT interest_rate_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT interest_rate_hourly_rate_range CHECK (margin.is_amount(hourly_rate) AND hourly_rate >= 0),
    CONSTRAINT interest_rate_free_amount_range CHECK (margin.is_amount(free_amount) AND free_amount >= 0),
    CONSTRAINT interest_rate_method_known CHECK (method IN ('excess', 'whole'))
);
COMMENT ON TABLE interest_rate IS 'interest on debts, charged by margin.accrue_interest(); an asset without a row costs nothing';
COMMENT ON COLUMN interest_rate.asset IS 'the asset owed';
COMMENT ON COLUMN interest_rate.valid_from IS 'of an hour the latest rate counts that is valid from its instant or earlier; a rate of 0 ends a charge';
COMMENT ON COLUMN interest_rate.hourly_rate IS 'interest per unit charged and hour; 0.00001 is 0.001 %';
COMMENT ON COLUMN interest_rate.free_amount IS 'a debt of up to this costs nothing, in units of the asset';
COMMENT ON COLUMN interest_rate.method IS 'of a debt above free_amount is charged: excess, what is above it; whole, all of it';
COMMENT ON CONSTRAINT interest_rate_asset_fkey ON interest_rate IS 'the asset exists; its rates go with it';
COMMENT ON CONSTRAINT interest_rate_hourly_rate_range ON interest_rate IS 'a debtor is not paid for the debt';
COMMENT ON CONSTRAINT interest_rate_free_amount_range ON interest_rate IS 'a debt is an amount above 0';
COMMENT ON CONSTRAINT interest_rate_method_known ON interest_rate IS 'excess or whole';$paragraph$,
    $paragraph$CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON interest_rate
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON interest_rate IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON interest_rate
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON interest_rate IS 'every edit leaves a row in parameter_event';$paragraph$,
    $paragraph$CREATE FUNCTION interest_rates(since timestamptz, until timestamptz) RETURNS margin.interest_rate[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(SELECT ROW(r.asset, r.valid_from, r.hourly_rate, r.free_amount, r.method)::margin.interest_rate
                   FROM asset AS a
                   LEFT JOIN LATERAL (SELECT f.valid_from FROM interest_rate AS f
                                       WHERE f.asset = a.asset AND f.valid_from <= since
                                       ORDER BY f.valid_from DESC LIMIT 1) AS present ON true
                   JOIN interest_rate AS r ON r.asset = a.asset AND r.valid_from >= coalesce(present.valid_from, '-infinity') AND r.valid_from <= until
                  ORDER BY r.asset, r.valid_from);
END;
REVOKE ALL ON FUNCTION interest_rates(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION interest_rates(timestamptz, timestamptz) IS 'the rows of interest_rate that count at some time between two instants, both included; an empty array where there are none';$paragraph$,
    $paragraph$CREATE FUNCTION market() RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::planned_change, now());
REVOKE ALL ON FUNCTION market() FROM PUBLIC;
COMMENT ON FUNCTION market() IS 'the present market of the venue: parameters and prices as they stand at now(), prices older than their max_age left out';$paragraph$,
    $paragraph$CREATE FUNCTION present_market(clock timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::planned_change, clock);
COMMENT ON FUNCTION present_market(timestamptz) IS 'market() by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';$paragraph$,
    $paragraph$CREATE FUNCTION market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN margin_internal.stored_market(NULL::planned_change, as_of, now());
REVOKE ALL ON FUNCTION market(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION market(timestamptz) IS 'the parameters valid at as_of with the present prices, those older than their max_age (judged at now()) left out; null for null';$paragraph$,
    $paragraph$CREATE FUNCTION past_market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN margin_internal.past_market(NULL::planned_change, as_of);
REVOKE ALL ON FUNCTION past_market(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION past_market(timestamptz) IS 'the parameters valid at as_of with the prices that stood then, from the price histories, those that were older than their max_age left out; before the histories begin there are no prices. A parameter edited in place counts as it is now; null for null';$paragraph$,
    $paragraph$CREATE FUNCTION planned_change() RETURNS timestamptz
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT min(valid_from) FROM planned_change;
END;
REVOKE ALL ON FUNCTION planned_change() FROM PUBLIC;
COMMENT ON FUNCTION planned_change() IS 'when the next of planned_change takes effect; null: nothing is planned';$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON asset
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON asset IS 'sessions that keep the market read it again';
ALTER TABLE asset ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON asset
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON asset IS 'sessions that keep the market read it again';
ALTER TABLE asset ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON asset_change
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON asset_change IS 'sessions that keep the market read it again';
ALTER TABLE asset_change ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON asset_change
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON asset_change IS 'sessions that keep the market read it again';
ALTER TABLE asset_change ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON collateral_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE collateral_tier ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE collateral_tier ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON initial_collateral_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON initial_collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE initial_collateral_tier ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON initial_collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON initial_collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE initial_collateral_tier ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON liability_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON liability_tier IS 'sessions that keep the market read it again';
ALTER TABLE liability_tier ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON liability_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON liability_tier IS 'sessions that keep the market read it again';
ALTER TABLE liability_tier ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON index_price
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON index_price IS 'sessions that keep the market read it again';
ALTER TABLE index_price ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON index_price
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON index_price IS 'sessions that keep the market read it again';
ALTER TABLE index_price ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON contract
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON contract IS 'sessions that keep the market read it again';
ALTER TABLE contract ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON contract
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON contract IS 'sessions that keep the market read it again';
ALTER TABLE contract ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON contract_change
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON contract_change IS 'sessions that keep the market read it again';
ALTER TABLE contract_change ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON contract_change
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON contract_change IS 'sessions that keep the market read it again';
ALTER TABLE contract_change ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON risk_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON risk_tier IS 'sessions that keep the market read it again';
ALTER TABLE risk_tier ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON risk_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON risk_tier IS 'sessions that keep the market read it again';
ALTER TABLE risk_tier ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON mark_price
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON mark_price IS 'sessions that keep the market read it again';
ALTER TABLE mark_price ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON mark_price
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON mark_price IS 'sessions that keep the market read it again';
ALTER TABLE mark_price ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON level_threshold
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON level_threshold IS 'sessions that keep the market read it again';
ALTER TABLE level_threshold ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON level_threshold IS 'sessions that keep the market read it again';
ALTER TABLE level_threshold ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON venue_rule
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON venue_rule IS 'sessions that keep the market read it again';
ALTER TABLE venue_rule ENABLE ALWAYS TRIGGER market_changed;$paragraph$,
    $paragraph$CREATE TRIGGER market_truncated AFTER TRUNCATE ON venue_rule
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON venue_rule IS 'sessions that keep the market read it again';
ALTER TABLE venue_rule ENABLE ALWAYS TRIGGER market_truncated;$paragraph$,
    $paragraph$CREATE TABLE published_market (
    id               bigint GENERATED BY DEFAULT AS IDENTITY,
    at               timestamptz NOT NULL,
    valid_until      timestamptz NOT NULL,
    market           margin.market NOT NULL,
    release_ratios   numeric[] NOT NULL,
    pausing_prices   jsonb,
    scenarios        margin.price_move[] NOT NULL,
    repayment_rules  margin.repayment_rule[] NOT NULL,
    only_row         boolean NOT NULL DEFAULT true,
    CONSTRAINT published_market_pkey PRIMARY KEY (only_row),
    CONSTRAINT published_market_one_row CHECK (only_row)
);
COMMENT ON TABLE published_market IS 'the market as it was published last, in at most one row, and what else a book needs of its venue; margin.publish_market() writes it';
COMMENT ON COLUMN published_market.id IS 'which publication this is; ids only grow, with gaps where one was rolled back';
COMMENT ON COLUMN published_market.at IS 'the instant whose market it is, by the clock of the server that published it';
COMMENT ON COLUMN published_market.valid_until IS
'from then on it is not the market any more: by the clock alone market() returns another one (a price is older than its max_age, an announced change takes effect), or the rule publish_for ends it; infinity: neither';
COMMENT ON COLUMN published_market.market IS 'market() at that instant';
COMMENT ON COLUMN published_market.release_ratios IS 'release_ratios() of the venue';
COMMENT ON COLUMN published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';
COMMENT ON COLUMN published_market.scenarios IS 'scenarios() of the venue';
COMMENT ON COLUMN published_market.repayment_rules IS 'repayment_rules() of the venue';
COMMENT ON COLUMN published_market.only_row IS 'true';
COMMENT ON CONSTRAINT published_market_one_row ON published_market IS 'there is one present market';$paragraph$,
    $paragraph$ALTER TABLE published_market ALTER market SET STORAGE EXTERNAL;$paragraph$,
    $paragraph$CREATE TABLE published_market_history (
    id               bigint NOT NULL,
    at               timestamptz NOT NULL,
    valid_until      timestamptz NOT NULL,
    market           margin.market NOT NULL,
    release_ratios   numeric[] NOT NULL,
    pausing_prices   jsonb,
    scenarios        margin.price_move[] NOT NULL,
    repayment_rules  margin.repayment_rule[] NOT NULL,
    CONSTRAINT published_market_history_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE published_market_history IS 'every market that was published while margin.enable_publishing(history => true) held, as far back as price_retention keeps them';
COMMENT ON COLUMN published_market_history.id IS 'as in published_market';
COMMENT ON COLUMN published_market_history.at IS 'as in published_market';
COMMENT ON COLUMN published_market_history.valid_until IS 'as it was when it was published; the next one may have come before';
COMMENT ON COLUMN published_market_history.market IS 'as in published_market';
COMMENT ON COLUMN published_market_history.release_ratios IS 'as in published_market';
COMMENT ON COLUMN published_market_history.pausing_prices IS 'as in published_market';
COMMENT ON COLUMN published_market_history.scenarios IS 'as in published_market';
COMMENT ON COLUMN published_market_history.repayment_rules IS 'as in published_market';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE ON published_market_history
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON published_market_history IS 'what was published is not rewritten, only pruned';$paragraph$,
    $paragraph$CREATE TABLE pending_publication (
    transaction  xid8 NOT NULL,
    CONSTRAINT pending_publication_pkey PRIMARY KEY (transaction)
);
COMMENT ON TABLE pending_publication IS 'transactions that will publish the market before they commit; each sees only its own, and takes it away when it publishes';
COMMENT ON COLUMN pending_publication.transaction IS 'the transaction that wrote something that the market is made of';$paragraph$,
    $paragraph$CREATE FUNCTION publish_market() RETURNS bigint
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT margin_internal.publish_market(NULL::planned_change);
END;
REVOKE ALL ON FUNCTION publish_market() FROM PUBLIC;
COMMENT ON FUNCTION publish_market() IS 'for margin.publish_market(): writes the present market into published_market and returns its id. Whoever publishes needs EXECUTE';$paragraph$,
    $paragraph$CREATE FUNCTION market_id() RETURNS bigint
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.market_id(market());
COMMENT ON FUNCTION market_id() IS 'the id under which market() is published; null: it is not, or something has changed since; for whoever may execute market()';$paragraph$,
    $paragraph$CREATE FUNCTION request_publication() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO pending_publication (transaction) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION request_publication() FROM PUBLIC;
COMMENT ON FUNCTION request_publication() IS 'trigger: the transaction publishes the market before it commits';$paragraph$,
    $paragraph$CREATE FUNCTION publish_pending() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    -- unless it has been published since
    IF EXISTS (SELECT FROM pending_publication AS p WHERE p.transaction = NEW.transaction) THEN
        PERFORM publish_market();
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION publish_pending() FROM PUBLIC;
COMMENT ON FUNCTION publish_pending() IS 'trigger: publishes the market, unless that was done meanwhile';$paragraph$,
    $paragraph$CREATE CONSTRAINT TRIGGER publish_market AFTER INSERT ON pending_publication
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION publish_pending();
COMMENT ON TRIGGER publish_market ON pending_publication IS 'the market is published once, at the end of the transaction or by SET CONSTRAINTS ... IMMEDIATE';$paragraph$,
    $paragraph$CREATE FUNCTION record_publication() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO published_market_history (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules)
    VALUES (NEW.id, NEW.at, NEW.valid_until, NEW.market, NEW.release_ratios, NEW.pausing_prices, NEW.scenarios, NEW.repayment_rules)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record_publication() FROM PUBLIC;
COMMENT ON FUNCTION record_publication() IS 'trigger: appends what is published to its history';$paragraph$,
    $paragraph$CREATE TRIGGER record AFTER INSERT OR UPDATE ON published_market
    FOR EACH ROW EXECUTE FUNCTION record_publication();
COMMENT ON TRIGGER record ON published_market IS 'what is published is appended to the history; off unless margin.enable_publishing(history => true)';
ALTER TABLE published_market DISABLE TRIGGER record;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON index_price
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON index_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';
ALTER TABLE index_price DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mark_price
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON mark_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';
ALTER TABLE mark_price DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON held_price
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON held_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';
ALTER TABLE held_price DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON asset
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON asset IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE asset DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON asset_change
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON asset_change IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE asset_change DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON collateral_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE collateral_tier DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON initial_collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON initial_collateral_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE initial_collateral_tier DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON liability_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON liability_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE liability_tier DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contract
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON contract IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE contract DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contract_change
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON contract_change IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE contract_change DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON risk_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON risk_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE risk_tier DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON level_threshold IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE level_threshold DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON venue_rule
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON venue_rule IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE venue_rule DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON scenario
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON scenario IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE scenario DISABLE TRIGGER publish;$paragraph$,
    $paragraph$CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON repayment_rule
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON repayment_rule IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE repayment_rule DISABLE TRIGGER publish;$paragraph$
];
COMMENT ON FUNCTION margin_internal.venue_script() IS 'the statements that make a venue, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.facts_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE TABLE balance (
    LIKE account_key,
    asset     text NOT NULL,
    quantity  numeric NOT NULL,
    CONSTRAINT balance_pkey PRIMARY KEY (account_id, asset),
    CONSTRAINT balance_asset_length CHECK (octet_length(asset) BETWEEN 1 AND 255),
    CONSTRAINT balance_quantity_finite CHECK (margin.is_amount(quantity))
);
COMMENT ON TABLE balance IS 'wallet balances of accounts';
COMMENT ON COLUMN balance.account_id IS 'the account';
COMMENT ON COLUMN balance.asset IS 'symbol of the asset; one that the venue lacks makes the account unpriced';
COMMENT ON COLUMN balance.quantity IS 'in units of the asset; negative is a debt';
COMMENT ON CONSTRAINT balance_asset_length ON balance IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT balance_quantity_finite ON balance IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';$paragraph$,
    $paragraph$CREATE TABLE position (
    LIKE account_key,
    contract     text NOT NULL,
    side         text NOT NULL DEFAULT 'long',
    quantity     numeric NOT NULL,
    entry_price  numeric NOT NULL,
    leverage     numeric,
    CONSTRAINT position_pkey PRIMARY KEY (account_id, contract, side),
    CONSTRAINT position_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT position_side_of_quantity CHECK (side = CASE WHEN quantity < 0 THEN 'short' ELSE 'long' END),
    CONSTRAINT position_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT position_entry_price_range CHECK (margin.is_amount(entry_price) AND entry_price >= 0),
    CONSTRAINT position_leverage_positive CHECK (margin.is_amount(leverage) AND leverage > 0)
);
COMMENT ON TABLE position IS 'open positions of accounts: at most one long and one short in a contract';
COMMENT ON COLUMN position.account_id IS 'the account';
COMMENT ON COLUMN position.contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';
COMMENT ON COLUMN position.side IS 'short where quantity is below 0, else long; set by itself, rows are entered without it';
COMMENT ON COLUMN position.quantity IS 'in contracts; above 0 is long, below 0 short';
COMMENT ON COLUMN position.entry_price IS 'average entry price, settlement asset per unit of the underlying';
COMMENT ON COLUMN position.leverage IS 'leverage chosen, sets the initial margin; above 0; NULL: none chosen';
COMMENT ON CONSTRAINT position_contract_length ON position IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT position_side_of_quantity ON position IS 'the side is the sign of the quantity';
COMMENT ON CONSTRAINT position_quantity_finite ON position IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';
COMMENT ON CONSTRAINT position_entry_price_range ON position IS 'an entry price is never negative';
COMMENT ON CONSTRAINT position_leverage_positive ON position IS 'leverage is a divisor, so above 0';$paragraph$,
    $paragraph$CREATE TRIGGER set_side BEFORE INSERT OR UPDATE ON position
    FOR EACH ROW WHEN ((NEW.side = 'short') IS DISTINCT FROM (NEW.quantity < 0))
    EXECUTE FUNCTION margin_internal.set_side();
COMMENT ON TRIGGER set_side ON position IS 'the side follows the sign of the quantity';$paragraph$,
    $paragraph$CREATE TABLE open_order (
    LIKE account_key,
    order_id  text NOT NULL,
    contract  text NOT NULL,
    quantity  numeric NOT NULL,
    price     numeric NOT NULL,
    leverage  numeric,
    CONSTRAINT open_order_pkey PRIMARY KEY (account_id, order_id),
    CONSTRAINT open_order_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT open_order_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT open_order_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT open_order_leverage_positive CHECK (margin.is_amount(leverage) AND leverage > 0)
);
COMMENT ON TABLE open_order IS 'open orders of accounts: all that may still fill is taken as filled where that requires more margin; reduce-only orders are not entered';
COMMENT ON COLUMN open_order.account_id IS 'the account';
COMMENT ON COLUMN open_order.order_id IS 'tells the orders of an account apart';
COMMENT ON COLUMN open_order.contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';
COMMENT ON COLUMN open_order.quantity IS 'what is left to fill, in contracts; above 0 buys, below 0 sells';
COMMENT ON COLUMN open_order.price IS 'limit price, settlement asset per unit of the underlying; above 0';
COMMENT ON COLUMN open_order.leverage IS 'leverage chosen for what it opens; above 0; NULL: none chosen';
COMMENT ON CONSTRAINT open_order_contract_length ON open_order IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT open_order_quantity_finite ON open_order IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';
COMMENT ON CONSTRAINT open_order_price_positive ON open_order IS 'a limit price is above 0';
COMMENT ON CONSTRAINT open_order_leverage_positive ON open_order IS 'leverage is a divisor, so above 0';$paragraph$
];
COMMENT ON FUNCTION margin_internal.facts_script() IS 'the statements that make a facts, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.source_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE FUNCTION market() RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::market_source, now());
REVOKE ALL ON FUNCTION market() FROM PUBLIC;
COMMENT ON FUNCTION market() IS 'the published market that the book reads; an error (55000) if there is none, or none that is valid at now()';$paragraph$,
    $paragraph$CREATE FUNCTION market_id() RETURNS bigint
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.market_id(market());
COMMENT ON FUNCTION market_id() IS 'the id of market(); for roles that may execute that';$paragraph$,
    $paragraph$CREATE FUNCTION present_market(clock timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::market_source, clock);
COMMENT ON FUNCTION present_market(timestamptz) IS 'market(), valid by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';$paragraph$,
    $paragraph$CREATE FUNCTION market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::margin.market, 'parameters of other times');
COMMENT ON FUNCTION market(timestamptz) IS 'an error (0A000): parameters of other times are not published';$paragraph$,
    $paragraph$CREATE FUNCTION past_market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::margin.market, 'markets of other times');
COMMENT ON FUNCTION past_market(timestamptz) IS 'an error (0A000): markets of other times are not published';$paragraph$,
    $paragraph$CREATE FUNCTION planned_change() RETURNS timestamptz
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::timestamptz, 'planned changes');
COMMENT ON FUNCTION planned_change() IS 'an error (0A000): planned changes are not published';$paragraph$,
    $paragraph$CREATE FUNCTION interest_rates(since timestamptz, until timestamptz) RETURNS margin.interest_rate[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::margin.interest_rate[], 'interest rates');
COMMENT ON FUNCTION interest_rates(timestamptz, timestamptz) IS 'an error (0A000): interest rates are not published';$paragraph$,
    $paragraph$CREATE FUNCTION release_ratios() RETURNS numeric[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.release_ratios FROM market_source AS s), margin_internal.not_published(NULL::numeric[], 'release ratios'));
END;
REVOKE ALL ON FUNCTION release_ratios() FROM PUBLIC;
COMMENT ON FUNCTION release_ratios() IS 'release ratios of warning, margin_call and liquidation of the venue, in this order; an error (0A000) where they are not published';$paragraph$,
    $paragraph$CREATE FUNCTION pausing_prices() RETURNS jsonb
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.pausing_prices FROM market_source AS s;
END;
REVOKE ALL ON FUNCTION pausing_prices() FROM PUBLIC;
COMMENT ON FUNCTION pausing_prices() IS 'the prices held that keep levels from getting worse, as they are published; null: none';$paragraph$,
    $paragraph$CREATE FUNCTION scenarios() RETURNS margin.price_move[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.scenarios FROM market_source AS s), margin_internal.not_published(NULL::margin.price_move[], 'scenarios'));
END;
REVOKE ALL ON FUNCTION scenarios() FROM PUBLIC;
COMMENT ON FUNCTION scenarios() IS 'all rows of scenario of the venue, as margin.stress() takes them; an error (0A000) where they are not published';$paragraph$,
    $paragraph$CREATE FUNCTION repayment_rules() RETURNS margin.repayment_rule[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.repayment_rules FROM market_source AS s), margin_internal.not_published(NULL::margin.repayment_rule[], 'repayment rules'));
END;
REVOKE ALL ON FUNCTION repayment_rules() FROM PUBLIC;
COMMENT ON FUNCTION repayment_rules() IS 'all rows of repayment_rule of the venue, as margin.repayment_plan() takes them; an error (0A000) where they are not published';$paragraph$
];
COMMENT ON FUNCTION margin_internal.source_script() IS 'the statements that make a source, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.distributed_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE VIEW current_market WITH (security_invoker = true) AS
SELECT margin_internal.valid_market(array_agg(s.market), max(s.id), max(s.valid_until)) AS market FROM market_source AS s;
COMMENT ON VIEW current_market IS 'the published market that the book reads, in one row, for queries that run on shards: (SELECT market FROM current_market); an error (55000) if there is none, or none that is valid at now()';
COMMENT ON COLUMN current_market.market IS 'the market';$paragraph$,
    $paragraph$CREATE VIEW account_margin WITH (security_invoker = true) AS
SELECT p.account_id,
       v.equity, v.collateral_value, v.liabilities, v.net_asset_value, v.haircut, v.unrealized_pnl,
       v.initial_margin, v.maintenance_margin, v.available_margin, v.shortfall, v.margin_ratio,
       v.level, v.missing, v.initial_equity, v.order_margin, v.order_loss
  FROM account_portfolio AS p,
       LATERAL margin.evaluate(p.portfolio, (SELECT m.market FROM current_market AS m)) AS v;$paragraph$,
    $paragraph$CREATE VIEW account_collateral WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.collateral(p.portfolio, (SELECT m.market FROM current_market AS m)) AS c;$paragraph$,
    $paragraph$CREATE VIEW account_position WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.positions(p.portfolio, (SELECT m.market FROM current_market AS m)) AS c;$paragraph$,
    $paragraph$CREATE VIEW account_order WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.orders(p.portfolio, (SELECT m.market FROM current_market AS m)) AS c;$paragraph$,
    $paragraph$CREATE VIEW account_stress WITH (security_invoker = true) AS
SELECT p.account_id, s.*
  FROM account_portfolio AS p,
       LATERAL margin.stress(p.portfolio, (SELECT m.market FROM current_market AS m),
                             (SELECT margin_internal.given_scenarios(m.scenarios) FROM market_source AS m)) AS s;$paragraph$,
    $paragraph$CREATE FUNCTION account_margin(account_id account.account_id%TYPE) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1
BEGIN ATOMIC
    SELECT a.* FROM margin_internal.distributed_rows(NULL::account_margin, account_margin.account_id::text) AS a OFFSET 0;
END;$paragraph$,
    $paragraph$CREATE FUNCTION account_margin(account_id account.account_id%TYPE, market margin.market) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1
BEGIN ATOMIC
    SELECT p.account_id,
           v.equity, v.collateral_value, v.liabilities, v.net_asset_value, v.haircut, v.unrealized_pnl,
           v.initial_margin, v.maintenance_margin, v.available_margin, v.shortfall, v.margin_ratio,
           v.level, v.missing, v.initial_equity, v.order_margin, v.order_loss
      FROM margin_internal.distributed_rows(NULL::account_portfolio, account_margin.account_id::text) AS p,
           LATERAL margin.evaluate(p.portfolio, account_margin.market) AS v
    OFFSET 0;
END;$paragraph$,
    $paragraph$CREATE FUNCTION explain(account_id account.account_id%TYPE) RETURNS SETOF margin.explanation
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 50
BEGIN ATOMIC
    SELECT e.*
      FROM margin_internal.distributed_rows(NULL::account_portfolio, explain.account_id::text) AS p,
           LATERAL margin.explain(p.portfolio, (SELECT venue_market())) AS e;
END;$paragraph$,
    $paragraph$CREATE FUNCTION explain_text(account_id account.account_id%TYPE) RETURNS SETOF text
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 20
BEGIN ATOMIC
    SELECT e.*
      FROM margin_internal.distributed_rows(NULL::account_portfolio, explain_text.account_id::text) AS p,
           LATERAL margin.explain_text(p.portfolio, (SELECT venue_market())) AS e;
END;$paragraph$,
    $paragraph$CREATE VIEW reported_portfolio WITH (security_invoker = true) AS
SELECT p.account_id, p.portfolio FROM margin_internal.distributed_rows(NULL::account_portfolio) AS p;$paragraph$,
    $paragraph$CREATE VIEW reported_margin WITH (security_invoker = true) AS
SELECT a.* FROM margin_internal.distributed_rows(NULL::account_margin) AS a;$paragraph$
];
COMMENT ON FUNCTION margin_internal.distributed_script() IS 'the statements that make a distributed, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.book_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$COMMENT ON VIEW holding IS 'balances, positions and open orders as holdings, the rows that account_portfolio nets';
COMMENT ON COLUMN holding.account_id IS 'the account';
COMMENT ON COLUMN holding.symbol IS 'symbol of the asset of a balance, or of the contract of a position or order';
COMMENT ON COLUMN holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short or sells';
COMMENT ON COLUMN holding.entry_price IS 'of a position, or the limit price of an order, settlement asset per unit of the underlying; null for a balance';
COMMENT ON COLUMN holding.leverage IS 'chosen for a position or order; null: none, or a balance';
COMMENT ON COLUMN holding.kind IS 'balance, position or order';
COMMENT ON VIEW flawed_holding IS 'rows that cannot be valued, such as a quantity of NaN: an error when their accounts are read, or with flawed_rows => ''unpriced'' of create_book() what makes those accounts unpriced';
COMMENT ON COLUMN flawed_holding.account_id IS 'the account';
COMMENT ON COLUMN flawed_holding.kind IS 'balance, position or order';
COMMENT ON COLUMN flawed_holding.symbol IS 'as it is in the row, as are quantity, entry_price and leverage';
COMMENT ON COLUMN flawed_holding.quantity IS 'as it is in the row';
COMMENT ON COLUMN flawed_holding.entry_price IS 'as it is in the row';
COMMENT ON COLUMN flawed_holding.leverage IS 'as it is in the row';
COMMENT ON COLUMN flawed_holding.flaw IS 'why it cannot be valued';$paragraph$,
    $paragraph$CREATE VIEW account WITH (security_invoker = true) AS
SELECT DISTINCT account_id FROM holding;
COMMENT ON VIEW account IS 'the accounts that hold something';
COMMENT ON COLUMN account.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE FUNCTION account_key(account text) RETURNS account.account_id%TYPE
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
AS $$
BEGIN
    RETURN account;
END
$$;
COMMENT ON FUNCTION account_key(text) IS 'the account whose key has this text; an error for a text that is no key; null for null';$paragraph$,
    $paragraph$CREATE VIEW account_portfolio WITH (security_invoker = true) AS
SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage, kind) AS portfolio
  FROM (SELECT * FROM holding ORDER BY account_id) AS h
 GROUP BY account_id;
COMMENT ON VIEW account_portfolio IS 'what each account holds, netted; rows without an account form one with a null key, so that no holding is lost';
COMMENT ON COLUMN account_portfolio.account_id IS 'the account';
COMMENT ON COLUMN account_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';$paragraph$,
    $paragraph$CREATE TABLE book_rule (
    rule   text,
    value  text NOT NULL,
    CONSTRAINT book_rule_pkey PRIMARY KEY (rule),
    CONSTRAINT book_rule_rule_known CHECK (rule IN ('unrealized_gains_carry')),
    CONSTRAINT book_rule_unrealized_gains_carry_known CHECK (rule <> 'unrealized_gains_carry' OR value IN ('true', 'false'))
);
COMMENT ON TABLE book_rule IS 'rules of the book; one without a row has its default: unrealized_gains_carry true';
COMMENT ON COLUMN book_rule.rule IS 'unrealized_gains_carry';
COMMENT ON COLUMN book_rule.value IS
'true or false. unrealized_gains_carry: with false the guard judges a transaction that lowers a balance as if the net unrealized profit in each settlement asset were not there, as margin.max_withdrawal(..., with_unrealized => false) does, so that no profit on paper is paid out';
COMMENT ON CONSTRAINT book_rule_rule_known ON book_rule IS 'an unknown rule would have no effect, and look as if it had';
COMMENT ON CONSTRAINT book_rule_unrealized_gains_carry_known ON book_rule IS 'true or false';$paragraph$,
    $paragraph$CREATE VIEW account_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM account_portfolio AS p
 CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued;
COMMENT ON VIEW account_margin IS 'the valuation of every account that holds something, in the present market; others have no row';
COMMENT ON COLUMN account_margin.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW undercollateralized WITH (security_invoker = true) AS
SELECT * FROM account_margin WHERE level IN ('liquidation', 'bankrupt');
COMMENT ON VIEW undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in the view unpriced';
COMMENT ON COLUMN undercollateralized.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW unpriced WITH (security_invoker = true) AS
SELECT * FROM account_margin WHERE level = 'unpriced';
COMMENT ON VIEW unpriced IS 'accounts that cannot be valued, and what they lack';
COMMENT ON COLUMN unpriced.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW account_collateral WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.collateral(p.portfolio, venue_market()) AS c;
COMMENT ON VIEW account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';
COMMENT ON COLUMN account_collateral.account_id IS 'the account';
COMMENT ON COLUMN account_collateral.asset IS 'an asset with a balance, or that positions settle in';
COMMENT ON COLUMN account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';
COMMENT ON COLUMN account_collateral.pnl IS 'profit and loss of the positions settled in it, units of the asset';
COMMENT ON COLUMN account_collateral.asset_equity IS 'balance + pnl, units of the asset';
COMMENT ON COLUMN account_collateral.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN account_collateral.net_asset_value IS 'asset_equity at index price, USD';
COMMENT ON COLUMN account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';
COMMENT ON COLUMN account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';
COMMENT ON COLUMN account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';
COMMENT ON COLUMN account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';
COMMENT ON COLUMN account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';$paragraph$,
    $paragraph$CREATE VIEW account_position WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.positions(p.portfolio, venue_market()) AS c;
COMMENT ON VIEW account_position IS 'the valuation of every account contract by contract';
COMMENT ON COLUMN account_position.account_id IS 'the account';
COMMENT ON COLUMN account_position.contract IS 'a contract with a position or an open order';
COMMENT ON COLUMN account_position.settle IS 'asset in which it settles';
COMMENT ON COLUMN account_position.long IS 'contracts held long, >= 0';
COMMENT ON COLUMN account_position.short IS 'contracts held short, >= 0';
COMMENT ON COLUMN account_position.mark IS 'mark price, settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN account_position.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN account_position.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN account_position.pnl IS 'profit and loss of both sides at mark, settlement asset';
COMMENT ON COLUMN account_position.pnl_usd IS 'pnl at the index price of the settlement asset, USD';
COMMENT ON COLUMN account_position.maintenance_margin IS 'what the position requires to be kept, USD';
COMMENT ON COLUMN account_position.initial_margin IS 'what the position requires to be opened, USD, without its orders';
COMMENT ON COLUMN account_position.order_margin IS 'what open orders require on top of it, USD, >= 0';
COMMENT ON COLUMN account_position.missing IS 'what lacks a price or parameter; null where nothing does';$paragraph$,
    $paragraph$CREATE VIEW account_order WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.orders(p.portfolio, venue_market()) AS c;
COMMENT ON VIEW account_order IS 'the open orders of every account by contract, side and limit price, and what they are worth; the order_loss of an account adds up to that of account_margin, what they require is in account_position';
COMMENT ON COLUMN account_order.account_id IS 'the account';
COMMENT ON COLUMN account_order.contract IS 'the contract';
COMMENT ON COLUMN account_order.side IS 'buy or sell';
COMMENT ON COLUMN account_order.price IS 'limit price, settlement asset per unit of the underlying';
COMMENT ON COLUMN account_order.quantity IS 'what is left to fill at that price, contracts, > 0';
COMMENT ON COLUMN account_order.margin_quantity IS 'sum of quantity / leverage of the orders that chose one, contracts';
COMMENT ON COLUMN account_order.value IS 'at the limit price, a sell at the mark if that is higher, settlement asset; null: a price is missing';
COMMENT ON COLUMN account_order.order_loss IS 'what it would lose by filling now, USD, >= 0; null: a price is missing';$paragraph$,
    $paragraph$CREATE FUNCTION account_margin(account_id account.account_id%TYPE) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT a.* FROM account_margin AS a WHERE a.account_id = account_margin.account_id OFFSET 0;
END;
COMMENT ON FUNCTION account_margin(account.account_id%TYPE) IS 'the row of one account in the view account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';$paragraph$,
    $paragraph$CREATE FUNCTION account_margin(account_id account.account_id%TYPE, market margin.market) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT p.account_id,
           (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
           (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
           (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
      FROM account_portfolio AS p
     CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, account_margin.market) AS v OFFSET 0) AS valued
     WHERE p.account_id = account_margin.account_id
    OFFSET 0;
END;
COMMENT ON FUNCTION account_margin(account.account_id%TYPE, margin.market) IS 'the same in a given market; amounts, level and missing are null where the market is';$paragraph$,
    $paragraph$CREATE TABLE account_level (
    LIKE account,
    level      margin.level NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    epoch      bigint NOT NULL DEFAULT -2,
    room       double precision NOT NULL DEFAULT 0,
    mask       bigint NOT NULL DEFAULT 0,
    portfolio  margin.portfolio,
    paused     margin.level,
    CONSTRAINT account_level_pkey PRIMARY KEY (account_id)
) WITH (fillfactor = 90);
CREATE INDEX account_level_epoch_idx ON account_level (epoch, room) INCLUDE (mask);
COMMENT ON INDEX account_level_epoch_idx IS 'finds the accounts whose level prices that have moved so far may have changed';
COMMENT ON TABLE account_level IS 'the level each account is at, by the last refresh; an account without a row was never judged';
COMMENT ON COLUMN account_level.account_id IS 'the account';
COMMENT ON COLUMN account_level.level IS 'judged, or held by a release ratio; healthy also once nothing is held any more';
COMMENT ON COLUMN account_level.since IS 'start of the transaction that brought it there; of the first judgement, where that was healthy';
COMMENT ON COLUMN account_level.epoch IS 'level_epoch by whose prices the level is proven; -1: none, judged at every refresh; -2: written since; -3: entered as healthy, but not judged yet';
COMMENT ON COLUMN account_level.room IS 'how far prices may move from those of the epoch, in proportion, with the level unchanged';
COMMENT ON COLUMN account_level.mask IS 'symbols that the account depends on, by number modulo 64, as of level_epoch.prices';
COMMENT ON COLUMN account_level.paused IS 'the worse level at which it would be, by the last refresh, but for a price held by the venue (held_prices_pause_levels); null: none';
COMMENT ON COLUMN account_level.portfolio IS 'what the account holds, open orders too, as of the last commit, while levels are kept (enable_levels()); null: nothing';$paragraph$,
    $paragraph$CREATE TABLE level_basis (
    basis           bigint,
    market          margin.market NOT NULL,
    release_ratios  numeric[],
    sources         text,
    CONSTRAINT level_basis_pkey PRIMARY KEY (basis)
);
COMMENT ON TABLE level_basis IS 'the terms by which accounts were judged that are anchored to an epoch; kept by refresh_levels()';
COMMENT ON COLUMN level_basis.basis IS 'rises; the last one is in use';
COMMENT ON COLUMN level_basis.market IS 'a market of these terms, whatever its prices';
COMMENT ON COLUMN level_basis.release_ratios IS 'of warning, margin_call and liquidation';
COMMENT ON COLUMN level_basis.sources IS 'the tables that the book read and their triggers, as of level_sources(); null: writes may have been missed';$paragraph$,
    $paragraph$CREATE TABLE level_epoch (
    epoch     bigint,
    basis     bigint NOT NULL,
    prices    double precision[] NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now(),
    accounts  bigint NOT NULL,
    CONSTRAINT level_epoch_pkey PRIMARY KEY (epoch),
    CONSTRAINT level_epoch_basis_fkey FOREIGN KEY (basis) REFERENCES level_basis
);
COMMENT ON TABLE level_epoch IS 'prices by which accounts were judged that are anchored to them; kept by refresh_levels()';
COMMENT ON COLUMN level_epoch.epoch IS 'rises; account_level.epoch refers to it';
COMMENT ON COLUMN level_epoch.basis IS 'the terms they were judged by';
COMMENT ON COLUMN level_epoch.prices IS 'by number: assets in byte order, then contracts; NaN: none. Rounded, to find the accounts to judge';
COMMENT ON COLUMN level_epoch.made_at IS 'start of the transaction of the refresh';
COMMENT ON COLUMN level_epoch.accounts IS 'that were anchored to it at first';
COMMENT ON CONSTRAINT level_epoch_basis_fkey ON level_epoch IS 'prices are numbered as in its market';$paragraph$,
    $paragraph$CREATE TABLE level_event (
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    LIKE account,
    from_level          margin.level NOT NULL,
    to_level            margin.level NOT NULL,
    equity              numeric,
    maintenance_margin  numeric,
    prices              jsonb NOT NULL,
    cause               text NOT NULL,
    changed_by          name NOT NULL DEFAULT margin.acting_user(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    txid                xid8 NOT NULL DEFAULT pg_current_xact_id(),
    paused              margin.level,
    held                jsonb,
    market_id           bigint,
    CONSTRAINT level_event_pkey PRIMARY KEY (id),
    CONSTRAINT level_event_changes CHECK (from_level <> to_level OR paused IS NOT NULL)
);
ALTER TABLE level_event ALTER account_id SET NOT NULL;
CREATE INDEX level_event_account_id_idx ON level_event (account_id, id);
CREATE INDEX level_event_changed_at_idx ON level_event (changed_at);
COMMENT ON TABLE level_event IS 'journal of level changes, append-only; the rows of an account, by id, lead from healthy to where it is';
COMMENT ON COLUMN level_event.id IS 'rises; within an account in the order of the changes';
COMMENT ON COLUMN level_event.account_id IS 'the account';
COMMENT ON COLUMN level_event.from_level IS 'the level left; healthy for an account never judged before';
COMMENT ON COLUMN level_event.to_level IS 'the level reached';
COMMENT ON COLUMN level_event.equity IS 'that decided, USD: equity less what open orders take of it by the venue''s rule orders_reduce_equity (judged_equity); null: unpriced';
COMMENT ON COLUMN level_event.maintenance_margin IS 'that decided, USD; null: unpriced';
COMMENT ON COLUMN level_event.prices IS 'that decided, for what the account holds, as of margin.prices()';
COMMENT ON COLUMN level_event.cause IS 'why the account was judged, in the words of the caller';
COMMENT ON COLUMN level_event.changed_by IS 'the role that acted';
COMMENT ON COLUMN level_event.changed_at IS 'start of the transaction';
COMMENT ON COLUMN level_event.txid IS 'the transaction';
COMMENT ON COLUMN level_event.market_id IS 'the published market by which it was judged; null: that is not published';
COMMENT ON COLUMN level_event.paused IS 'the worse level at which it would be, and stays where it is because of a price held; null: the level changed';
COMMENT ON COLUMN level_event.held IS 'the prices held that matter to it, where paused: {"assets": {"BTC": 30000}, "contracts": {}}';
COMMENT ON CONSTRAINT level_event_changes ON level_event IS 'no change is no event, unless there would have been one';
COMMENT ON INDEX level_event_account_id_idx IS 'the history of one account';
COMMENT ON INDEX level_event_changed_at_idx IS 'the changes of a time, and of a transaction';$paragraph$,
    $paragraph$CREATE TRIGGER level_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON level_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER level_event_append_only ON level_event IS 'what happened is not rewritten';$paragraph$,
    $paragraph$CREATE TRIGGER level_event_notify AFTER INSERT ON level_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels();
COMMENT ON TRIGGER level_event_notify ON level_event IS 'one NOTIFY margin_level when the transaction commits';$paragraph$,
    $paragraph$CREATE TRIGGER forget_levels AFTER DELETE OR TRUNCATE ON account_level
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.forget_levels();
COMMENT ON TRIGGER forget_levels ON account_level IS 'a refresh finds again the accounts that have no level any more';$paragraph$,
    $paragraph$CREATE VIEW kept_portfolio WITH (security_invoker = true) AS
SELECT account_id, portfolio
  FROM account_level
 WHERE portfolio IS NOT NULL AND (SELECT margin_internal.require_kept('account_level'::regclass));
COMMENT ON VIEW kept_portfolio IS 'what each account holds as of the last commit, as kept with the levels; an error (55000) where they are not kept';
COMMENT ON COLUMN kept_portfolio.account_id IS 'the account';
COMMENT ON COLUMN kept_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';$paragraph$,
    $paragraph$CREATE VIEW kept_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM kept_portfolio AS p
 CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued;
COMMENT ON VIEW kept_margin IS 'account_margin as of the last commit, three to five times as fast: by kept_portfolio, in the present market; level is the judged one, account_level has the kept one';
COMMENT ON COLUMN kept_margin.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW reported_portfolio WITH (security_invoker = true) AS
SELECT l.account_id, l.portfolio
  FROM account_level AS l
 WHERE l.portfolio IS NOT NULL AND (SELECT margin_internal.levels_are_kept('account_level'::regclass))
UNION ALL
SELECT p.account_id, p.portfolio
  FROM account_portfolio AS p
 WHERE NOT (SELECT margin_internal.levels_are_kept('account_level'::regclass));
COMMENT ON VIEW reported_portfolio IS 'what each account holds: kept_portfolio where it is kept, else account_portfolio; for what reads a whole book';
COMMENT ON COLUMN reported_portfolio.account_id IS 'the account';
COMMENT ON COLUMN reported_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';$paragraph$,
    $paragraph$CREATE VIEW reported_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM reported_portfolio AS p
 CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued;
COMMENT ON VIEW reported_margin IS 'the valuation of every account of reported_portfolio in the present market, for what reads a whole book';
COMMENT ON COLUMN reported_margin.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE FUNCTION explain(account_id account.account_id%TYPE) RETURNS SETOF margin.explanation
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    SELECT e.*
      FROM account_portfolio AS p, LATERAL margin.explain(p.portfolio, (SELECT venue_market())) AS e
     WHERE p.account_id = explain.account_id;
END;
COMMENT ON FUNCTION explain(account.account_id%TYPE) IS 'margin.explain(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';$paragraph$,
    $paragraph$CREATE FUNCTION explain_text(account_id account.account_id%TYPE) RETURNS SETOF text
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT e.*
      FROM account_portfolio AS p, LATERAL margin.explain_text(p.portfolio, (SELECT venue_market())) AS e
     WHERE p.account_id = explain_text.account_id;
END;
COMMENT ON FUNCTION explain_text(account.account_id%TYPE) IS 'margin.explain_text(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';$paragraph$,
    $paragraph$CREATE VIEW account_stress WITH (security_invoker = true) AS
SELECT p.account_id, s.*
  FROM account_portfolio AS p,
       LATERAL margin.stress(p.portfolio, (SELECT venue_market()), (SELECT venue_scenarios())) AS s;
COMMENT ON VIEW account_stress IS 'every account in every scenario of the venue, from the present market, marks linked';
COMMENT ON COLUMN account_stress.account_id IS 'the account';
COMMENT ON COLUMN account_stress.scenario IS 'name of the scenario';
COMMENT ON COLUMN account_stress.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN account_stress.maintenance_margin IS 'what positions and debts require to be kept, USD';
COMMENT ON COLUMN account_stress.level IS 'of the account in this scenario';
COMMENT ON COLUMN account_stress.loss IS 'what a negative equity leaves beyond the collateral, USD, >= 0';
COMMENT ON COLUMN account_stress.missing IS 'symbols that lack a price or parameter; null where nothing does';$paragraph$,
    $paragraph$CREATE TABLE guard_exception (
    id                       bigint GENERATED ALWAYS AS IDENTITY,
    LIKE account,
    judged_at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by              name NOT NULL DEFAULT margin.acting_user(),
    level                    margin.level NOT NULL,
    equity                   numeric,
    initial_margin           numeric,
    maintenance_margin       numeric,
    available_margin         numeric,
    available_margin_before  numeric,
    missing                  text[],
    initial_equity           numeric,
    order_loss               numeric,
    market_id                bigint,
    CONSTRAINT guard_exception_pkey PRIMARY KEY (id)
);
ALTER TABLE guard_exception ALTER account_id SET NOT NULL;
CREATE INDEX guard_exception_account_id_idx ON guard_exception (account_id, judged_at);
COMMENT ON INDEX guard_exception_account_id_idx IS 'the exceptions of one account in order of time';
COMMENT ON TABLE guard_exception IS 'booked facts that the guard let through while margin.guard was record and would have refused otherwise; rows are only added';
COMMENT ON COLUMN guard_exception.id IS 'numbers the rows, roughly in order of time';
COMMENT ON COLUMN guard_exception.account_id IS 'the account';
COMMENT ON COLUMN guard_exception.judged_at IS 'when the account was judged: at commit';
COMMENT ON COLUMN guard_exception.recorded_by IS 'the role that acted';
COMMENT ON COLUMN guard_exception.level IS 'the level at which the account was left';
COMMENT ON COLUMN guard_exception.equity IS 'equity that was left, USD; this, the next three, initial_equity and order_loss are null for an unpriced account. Where paper gains do not carry (book_rule), all are without them';
COMMENT ON COLUMN guard_exception.initial_margin IS 'initial margin that was required, with open orders, USD';
COMMENT ON COLUMN guard_exception.maintenance_margin IS 'maintenance margin that was required, USD';
COMMENT ON COLUMN guard_exception.available_margin IS 'initial_equity - initial_margin - order_loss that was left, USD';
COMMENT ON COLUMN guard_exception.available_margin_before IS 'the same as the transaction found it, USD; null: it found the account unpriced';
COMMENT ON COLUMN guard_exception.missing IS 'symbols for which an unpriced account lacked a price or a parameter';
COMMENT ON COLUMN guard_exception.initial_equity IS 'equity by the initial measure that was left, USD';
COMMENT ON COLUMN guard_exception.order_loss IS 'what open orders would have lost by filling, USD';
COMMENT ON COLUMN guard_exception.market_id IS 'the published market by which it was judged; null: that is not published';$paragraph$,
    $paragraph$CREATE TRIGGER guard_exception_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guard_exception
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER guard_exception_append_only ON guard_exception IS 'what happened is not rewritten';$paragraph$,
    $paragraph$CREATE TABLE repayment_entry (LIKE account);
-- the house account is named as accounts are, under another name
ALTER TABLE repayment_entry RENAME TO house_account;
ALTER TABLE house_account RENAME account_id TO house_account_id;
CREATE TABLE repayment_entry (
    LIKE account,
    booked_at         timestamptz NOT NULL,
    booked_by         name NOT NULL DEFAULT margin.acting_user(),
    LIKE house_account,
    forced            boolean NOT NULL,
    LIKE margin.repayment INCLUDING COMMENTS,
    CONSTRAINT repayment_entry_pkey PRIMARY KEY (account_id, booked_at, step)
);
DROP TABLE house_account;
ALTER TABLE repayment_entry ALTER house_account_id SET NOT NULL;
COMMENT ON TABLE repayment_entry IS 'journal of repay(): one row per conversion, which moved paid from the account to the house account and repaid back';
COMMENT ON COLUMN repayment_entry.account_id IS 'the account whose debt was repaid';
COMMENT ON COLUMN repayment_entry.booked_at IS 'when repay() had read the account, by the clock; the conversions of one call share it';
COMMENT ON COLUMN repayment_entry.booked_by IS 'who called repay()';
COMMENT ON COLUMN repayment_entry.house_account_id IS 'the account that took the other side';
COMMENT ON COLUMN repayment_entry.forced IS 'whether conversions that worsen the level were allowed';$paragraph$,
    $paragraph$CREATE TRIGGER repayment_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON repayment_entry
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER repayment_entry_append_only ON repayment_entry IS 'what happened is not rewritten';$paragraph$,
    $paragraph$CREATE FUNCTION repay(
    account_id account.account_id%TYPE, house_account_id account.account_id%TYPE,
    funding_order margin.funding_order DEFAULT 'ratio', forced boolean DEFAULT false, market margin.market DEFAULT NULL
) RETURNS SETOF margin.repayment
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT r.* FROM margin_internal.repay('holding'::regclass, repay.account_id::text, repay.house_account_id::text,
                                          repay.funding_order, repay.forced, repay.market) AS r;
END;
COMMENT ON FUNCTION repay(account.account_id%TYPE, account.account_id%TYPE, margin.funding_order, boolean, margin.market) IS
'carries out margin.repayment_plan() for an account with the rules of the venue, in its present market or a given one, against a house account, journals each conversion in repayment_entry, and returns the plan. Writes nothing for an unpriced account. An error for a null account, for one that is its own house account (22023), for a book over other tables (0A000); 40001 where the account has changed since a snapshot of REPEATABLE READ';$paragraph$,
    $paragraph$CREATE TABLE accrual_house (
    kind  text NOT NULL,
    LIKE account,
    CONSTRAINT accrual_house_pkey PRIMARY KEY (kind),
    CONSTRAINT accrual_house_kind_known CHECK (kind IN ('interest', 'funding'))
);
ALTER TABLE accrual_house ALTER account_id SET NOT NULL;
COMMENT ON TABLE accrual_house IS 'the accounts that take the other side: interest is paid to them, and what funding leaves over; without a row nothing of the kind is booked';
COMMENT ON COLUMN accrual_house.kind IS 'interest or funding';
COMMENT ON COLUMN accrual_house.account_id IS 'the house account; it owes no interest itself, and takes what remains of all others'' funding';
COMMENT ON CONSTRAINT accrual_house_kind_known ON accrual_house IS 'interest or funding';$paragraph$,
    $paragraph$CREATE TABLE interest_hour (
    accrued_at  timestamptz NOT NULL,
    booked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by   name NOT NULL DEFAULT margin.acting_user(),
    CONSTRAINT interest_hour_pkey PRIMARY KEY (accrued_at),
    CONSTRAINT interest_hour_full CHECK (isfinite(accrued_at) AND extract(epoch FROM accrued_at) % 3600 = 0)
);
COMMENT ON TABLE interest_hour IS 'the hours for which interest has been charged, even if nobody owed any; accrue_interest() goes on after the last one';
COMMENT ON COLUMN interest_hour.accrued_at IS 'the full hour, of UTC';
COMMENT ON COLUMN interest_hour.booked_at IS 'when it was charged, by the clock; later for one that was caught up';
COMMENT ON COLUMN interest_hour.booked_by IS 'who called accrue_interest()';
COMMENT ON CONSTRAINT interest_hour_full ON interest_hour IS 'a full hour of UTC';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON interest_hour
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON interest_hour IS 'an hour that is forgotten would be charged again';$paragraph$,
    $paragraph$CREATE TABLE funding_settlement (
    contract       text NOT NULL,
    settled_at     timestamptz NOT NULL,
    rate           numeric NOT NULL,
    mark           numeric NOT NULL,
    contract_size  numeric NOT NULL,
    settle         text NOT NULL,
    booked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by      name NOT NULL DEFAULT margin.acting_user(),
    CONSTRAINT funding_settlement_pkey PRIMARY KEY (contract, settled_at)
);
COMMENT ON TABLE funding_settlement IS 'the instants at which the funding of a contract was settled, even if nobody held it';
COMMENT ON COLUMN funding_settlement.contract IS 'the contract';
COMMENT ON COLUMN funding_settlement.settled_at IS 'the instant, as given to settle_funding()';
COMMENT ON COLUMN funding_settlement.rate IS 'longs pay this part of their notional to shorts; below 0 the other way round';
COMMENT ON COLUMN funding_settlement.mark IS 'mark price of that instant, in the settlement asset';
COMMENT ON COLUMN funding_settlement.contract_size IS 'units of the underlying in one contract';
COMMENT ON COLUMN funding_settlement.settle IS 'settlement asset, in which it was paid';
COMMENT ON COLUMN funding_settlement.booked_at IS 'when it was booked, by the clock: with the positions of that moment';
COMMENT ON COLUMN funding_settlement.booked_by IS 'who called settle_funding()';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON funding_settlement
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON funding_settlement IS 'an instant that is forgotten would be settled again';$paragraph$,
    $paragraph$CREATE TABLE accrual_event (
    LIKE account,
    kind           text NOT NULL,
    symbol         text NOT NULL,
    accrued_at     timestamptz NOT NULL,
    asset          text NOT NULL,
    amount         numeric NOT NULL,
    house          boolean NOT NULL DEFAULT false,
    balance        numeric,
    quantity       numeric,
    contract_size  numeric,
    mark           numeric,
    rate           numeric NOT NULL,
    free_amount    numeric,
    method         text,
    booked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by      name NOT NULL DEFAULT margin.acting_user(),
    CONSTRAINT accrual_event_pkey PRIMARY KEY (kind, accrued_at, symbol, account_id),
    CONSTRAINT accrual_event_kind_known CHECK (kind IN ('interest', 'funding')),
    CONSTRAINT accrual_event_amount_finite CHECK (margin.is_amount(amount))
);
CREATE INDEX accrual_event_account_id_idx ON accrual_event (account_id, accrued_at);
COMMENT ON INDEX accrual_event_account_id_idx IS 'what one account was charged, in order of time';
COMMENT ON TABLE accrual_event IS 'journal of interest and funding: one row per account, symbol and instant, and one of the house account; amounts that share kind, symbol and instant sum to 0';
COMMENT ON COLUMN accrual_event.account_id IS 'the account';
COMMENT ON COLUMN accrual_event.kind IS 'interest or funding';
COMMENT ON COLUMN accrual_event.symbol IS 'the asset owed, or the contract held';
COMMENT ON COLUMN accrual_event.accrued_at IS 'the hour of the interest, or the instant of the funding';
COMMENT ON COLUMN accrual_event.asset IS 'in which it was booked: the asset owed, or the settlement asset of the contract';
COMMENT ON COLUMN accrual_event.amount IS 'what the balance changed by, in units of the asset: below 0 paid, above 0 received; what is computed is rounded down at the 18th decimal, at the expense of the payer and of the receiver';
COMMENT ON COLUMN accrual_event.house IS 'whether this is the other side: minus the sum of the others';
COMMENT ON COLUMN accrual_event.balance IS 'of interest: the balance that was owed, below 0, with the interest of the hours before; else null';
COMMENT ON COLUMN accrual_event.quantity IS 'of funding: contracts held, long less short; else null';
COMMENT ON COLUMN accrual_event.contract_size IS 'of funding: units of the underlying in one contract; else null';
COMMENT ON COLUMN accrual_event.mark IS 'of funding: mark price of the instant; else null';
COMMENT ON COLUMN accrual_event.rate IS 'the hourly rate, or the funding rate';
COMMENT ON COLUMN accrual_event.free_amount IS 'of interest: what was free of it; else null';
COMMENT ON COLUMN accrual_event.method IS 'of interest: excess or whole, as in interest_rate of the venue; else null';
COMMENT ON COLUMN accrual_event.booked_at IS 'when it was booked, by the clock';
COMMENT ON COLUMN accrual_event.booked_by IS 'who called accrue_interest() or settle_funding()';
COMMENT ON CONSTRAINT accrual_event_kind_known ON accrual_event IS 'interest or funding';
COMMENT ON CONSTRAINT accrual_event_amount_finite ON accrual_event IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';$paragraph$,
    $paragraph$CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accrual_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON accrual_event IS 'what happened is not rewritten';$paragraph$,
    $paragraph$CREATE TABLE snapshot (
    taken_at  timestamptz NOT NULL,
    form      margin.snapshot_form NOT NULL,
    base      timestamptz NOT NULL,
    market    margin.market NOT NULL,
    accounts  bigint NOT NULL,
    levels    margin.level_total[] NOT NULL,
    market_id bigint,
    CONSTRAINT snapshot_pkey PRIMARY KEY (taken_at)
) PARTITION BY RANGE (taken_at);
COMMENT ON TABLE snapshot IS 'snapshots of the book: one row each, partitioned by UTC day; margin.prepare_snapshots() makes the partitions';
COMMENT ON COLUMN snapshot.taken_at IS 'when it was taken, and its name';
COMMENT ON COLUMN snapshot.form IS 'what was stored of the accounts';
COMMENT ON COLUMN snapshot.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';
COMMENT ON COLUMN snapshot.market IS 'the market the accounts were valued in';
COMMENT ON COLUMN snapshot.accounts IS 'how many accounts there were';
COMMENT ON COLUMN snapshot.levels IS 'the accounts by level and their totals, one element for each level in order';
COMMENT ON COLUMN snapshot.market_id IS 'the id under which that market is published; null: it is not';
COMMENT ON CONSTRAINT snapshot_pkey ON snapshot IS 'a snapshot is identified by its time';$paragraph$,
    $paragraph$CREATE TABLE account_snapshot (
    taken_at            timestamptz NOT NULL,
    LIKE account,
    portfolio           margin.portfolio,
    equity              numeric,
    collateral_value    numeric,
    liabilities         numeric,
    net_asset_value     numeric,
    haircut             numeric,
    unrealized_pnl      numeric,
    initial_margin      numeric,
    maintenance_margin  numeric,
    available_margin    numeric,
    shortfall           numeric,
    margin_ratio        numeric,
    level               margin.level,
    missing             text[],
    initial_equity      numeric,
    order_margin        numeric,
    order_loss          numeric,
    CONSTRAINT account_snapshot_pkey PRIMARY KEY (taken_at, account_id)
) PARTITION BY RANGE (taken_at);
COMMENT ON TABLE account_snapshot IS 'the accounts of snapshots as they are stored, partitioned by UTC day; account_margin_at() and portfolios() read every form of snapshot';
COMMENT ON COLUMN account_snapshot.taken_at IS 'the snapshot';
COMMENT ON COLUMN account_snapshot.account_id IS 'the account';
COMMENT ON COLUMN account_snapshot.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';
COMMENT ON COLUMN account_snapshot.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';
COMMENT ON COLUMN account_snapshot.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';
COMMENT ON COLUMN account_snapshot.net_asset_value IS 'asset equities at index price, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.haircut IS 'net_asset_value - equity, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';
COMMENT ON COLUMN account_snapshot.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';
COMMENT ON COLUMN account_snapshot.level IS 'the level; null where the form stores no valuations';
COMMENT ON COLUMN account_snapshot.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';
COMMENT ON COLUMN account_snapshot.initial_equity IS 'equity by the initial measure, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';
COMMENT ON COLUMN account_snapshot.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';
COMMENT ON CONSTRAINT account_snapshot_pkey ON account_snapshot IS 'a snapshot has an account once';$paragraph$,
    $paragraph$CREATE TRIGGER snapshot_immutable
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();
COMMENT ON TRIGGER snapshot_immutable ON snapshot IS 'for the owner alone, whatever is granted to others';$paragraph$,
    $paragraph$CREATE TRIGGER snapshot_immutable
    BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON account_snapshot
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();
COMMENT ON TRIGGER snapshot_immutable ON account_snapshot IS 'for the owner alone, whatever is granted to others';$paragraph$,
    $paragraph$CREATE TABLE snapshot_retention (
    keep      interval NOT NULL,
    only_row  boolean NOT NULL DEFAULT true,
    CONSTRAINT snapshot_retention_pkey PRIMARY KEY (only_row),
    CONSTRAINT snapshot_retention_one_row CHECK (only_row),
    CONSTRAINT snapshot_retention_keep_range CHECK (keep >= interval '0')
);
COMMENT ON TABLE snapshot_retention IS 'how long snapshots are kept, in at most one row; none: for ever';
COMMENT ON COLUMN snapshot_retention.keep IS 'days that ended longer ago are dropped by margin.prune_snapshots()';
COMMENT ON COLUMN snapshot_retention.only_row IS 'true';
COMMENT ON CONSTRAINT snapshot_retention_pkey ON snapshot_retention IS 'one setting for all';
COMMENT ON CONSTRAINT snapshot_retention_one_row ON snapshot_retention IS 'one setting for all';
COMMENT ON CONSTRAINT snapshot_retention_keep_range ON snapshot_retention IS 'what is yet to come is not pruned';$paragraph$,
    $paragraph$CREATE FUNCTION snapshot_days(
    OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
SET search_path = pg_catalog, pg_temp
SET timezone = 'UTC'
SET datestyle = 'ISO, YMD'
BEGIN ATOMIC
    SELECT p.bound[1]::date,
           max(i.inhrelid) FILTER (WHERE i.inhparent = 'snapshot'::regclass)::regclass,
           max(i.inhrelid) FILTER (WHERE i.inhparent = 'account_snapshot'::regclass)::regclass,
           sum(pg_total_relation_size(i.inhrelid))::bigint
      FROM pg_catalog.pg_inherits AS i
      JOIN pg_catalog.pg_class AS c ON c.oid = i.inhrelid,
           LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM [(]''(.+)''[)] TO [(]''(.+)''[)]$') AS p (bound)
     WHERE i.inhparent IN ('snapshot'::regclass, 'account_snapshot'::regclass)
       AND p.bound[2]::timestamptz - p.bound[1]::timestamptz = interval '1 day'
     GROUP BY p.bound[1]::date
     ORDER BY p.bound[1]::date;
END;
COMMENT ON FUNCTION snapshot_days() IS 'the UTC days that there are partitions for: the partition of each table and the bytes of both with their indexes';$paragraph$,
    $paragraph$CREATE FUNCTION snapshot_at(as_of timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE STRICT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.taken_at FROM snapshot AS s WHERE s.taken_at <= as_of ORDER BY s.taken_at DESC LIMIT 1),
                    margin_internal.no_snapshot(as_of, (SELECT min(s.taken_at) FROM snapshot AS s)));
END;
COMMENT ON FUNCTION snapshot_at(timestamptz) IS 'the latest snapshot at or before an instant; an error if there is none; null for null';$paragraph$,
    $paragraph$CREATE FUNCTION snapshot_market(as_of timestamptz DEFAULT NULL) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT CASE WHEN as_of IS NULL THEN venue_market()
                ELSE (SELECT (ARRAY[s.market])[1] FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of))) END;
END;
COMMENT ON FUNCTION snapshot_market(timestamptz) IS
'the market of the latest snapshot at or before as_of, prices and parameters as they were then; an error if there is none; null: the present one. Unlike market(as_of) of a venue, which puts the parameters of another time beside present prices';$paragraph$,
    $paragraph$CREATE FUNCTION portfolios(
    as_of timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE, OUT portfolio margin.portfolio
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.account_id, p.portfolio
      FROM reported_portfolio AS p
     WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.portfolio
      FROM account_snapshot AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form <> 'changes' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)))
       AND a.taken_at = (SELECT snapshot_at(as_of))
    UNION ALL
    -- of each account the latest row, from the base on
    SELECT latest.account_id, latest.portfolio
      FROM (SELECT DISTINCT ON (a.account_id) a.account_id, a.portfolio
              FROM snapshot AS s
              JOIN account_snapshot AS a ON a.taken_at = s.taken_at
             WHERE s.base = (SELECT t.base FROM snapshot AS t WHERE t.taken_at = (SELECT snapshot_at(as_of)))
               AND s.taken_at >= (SELECT t.base FROM snapshot AS t WHERE t.taken_at = (SELECT snapshot_at(as_of)))
               AND s.taken_at <= (SELECT snapshot_at(as_of))
               AND a.taken_at >= (SELECT t.base FROM snapshot AS t WHERE t.taken_at = (SELECT snapshot_at(as_of)))
               AND a.taken_at <= (SELECT snapshot_at(as_of))
             ORDER BY a.account_id, a.taken_at DESC) AS latest
     WHERE as_of IS NOT NULL
       AND (SELECT s.form = 'changes' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)))
       AND latest.portfolio IS NOT NULL;
END;
COMMENT ON FUNCTION portfolios(timestamptz) IS 'what every account held, in the latest snapshot at or before as_of; an error if there is none; null: what it holds now';$paragraph$,
    $paragraph$CREATE FUNCTION revalue(as_of timestamptz, market margin.market) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id,
           (a.v).equity, (a.v).collateral_value, (a.v).liabilities, (a.v).net_asset_value, (a.v).haircut,
           (a.v).unrealized_pnl, (a.v).initial_margin, (a.v).maintenance_margin, (a.v).available_margin,
           (a.v).shortfall, (a.v).margin_ratio, (a.v).level, (a.v).missing, (a.v).initial_equity, (a.v).order_margin, (a.v).order_loss
      FROM (SELECT p.account_id, margin.evaluate(p.portfolio, (SELECT revalue.market)) AS v
              FROM portfolios(revalue.as_of) AS p OFFSET 0) AS a;
END;
COMMENT ON FUNCTION revalue(timestamptz, margin.market) IS
'the accounts of the latest snapshot at or before as_of, null: as they are now, valued in a market of choice: that of a venue, or snapshot_market(...) for a past one; an error if there is no snapshot; amounts, level and missing are null where the market is';$paragraph$,
    $paragraph$CREATE FUNCTION account_margin_at(
    as_of timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE,
    OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric,
    OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric,
    OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[],
    OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamptz
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing,
           a.initial_equity, a.order_margin, a.order_loss, now()
      FROM reported_margin AS a
     WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing,
           a.initial_equity, a.order_margin, a.order_loss, a.taken_at
      FROM account_snapshot AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form = 'full' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)))
       AND a.taken_at = (SELECT snapshot_at(as_of))
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing,
           a.initial_equity, a.order_margin, a.order_loss, (SELECT snapshot_at(as_of))
      FROM revalue(as_of, (SELECT snapshot_market(as_of))) AS a
     WHERE as_of IS NOT NULL
       AND (SELECT s.form <> 'full' FROM snapshot AS s WHERE s.taken_at = (SELECT snapshot_at(as_of)));
END;
COMMENT ON FUNCTION account_margin_at(timestamptz) IS
'account_margin as of an instant: the valuations of the latest snapshot at or before it, and when it was taken; an error if there is none; null: now. Exactly what was computed then: stored, or computed again from the stored portfolio and market where the snapshot stores no valuations';$paragraph$,
    $paragraph$CREATE FUNCTION level_totals(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT l.level, coalesce(t.accounts, 0),
           CASE WHEN t.accounts > 0 THEN t.equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.collateral_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.liabilities ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.net_asset_value ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.haircut ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.unrealized_pnl ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.maintenance_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.shortfall ELSE 0 END,
           -- an equity below 0 makes the level
           CASE WHEN l.level = 'bankrupt' AND t.accounts > 0 THEN - t.equity
                WHEN l.level = 'unpriced' AND t.accounts > 0 THEN NULL ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.initial_equity ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_margin ELSE 0 END,
           CASE WHEN t.accounts > 0 THEN t.order_loss ELSE 0 END
      FROM unnest(enum_range(NULL::margin.level)) AS l (level)
      LEFT JOIN (SELECT a.level, count(*) AS accounts, sum(a.equity) AS equity, sum(a.collateral_value) AS collateral_value,
                        sum(a.liabilities) AS liabilities, sum(a.net_asset_value) AS net_asset_value, sum(a.haircut) AS haircut,
                        sum(a.unrealized_pnl) AS unrealized_pnl, sum(a.initial_margin) AS initial_margin,
                        sum(a.maintenance_margin) AS maintenance_margin, sum(a.shortfall) AS shortfall,
                        sum(a.initial_equity) AS initial_equity, sum(a.order_margin) AS order_margin, sum(a.order_loss) AS order_loss
                   FROM account_margin_at(as_of) AS a GROUP BY a.level) AS t ON t.level = l.level
     ORDER BY l.level;
END;
COMMENT ON FUNCTION level_totals(timestamptz) IS 'accounts by level and their totals, summed over account_margin_at(as_of); a row for each level';$paragraph$,
    $paragraph$CREATE FUNCTION report_levels(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM level_totals() WHERE as_of IS NULL
    UNION ALL
    SELECT l.* FROM snapshot AS s, LATERAL unnest(s.levels) AS l
     WHERE s.taken_at = (SELECT snapshot_at(as_of));
END;
COMMENT ON FUNCTION report_levels(timestamptz) IS 'how many accounts are at each level, and their totals in USD: of the latest snapshot at or before as_of, as stored with it; an error if there is none; null: now';$paragraph$,
    $paragraph$CREATE VIEW report_levels WITH (security_invoker = true) AS
SELECT * FROM report_levels();
COMMENT ON VIEW report_levels IS 'how many accounts are at each level now, and their totals; amounts are null where there are accounts whose amounts are not known';
COMMENT ON COLUMN report_levels.level IS 'the level';
COMMENT ON COLUMN report_levels.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN report_levels.equity IS 'sum of equity, USD';
COMMENT ON COLUMN report_levels.collateral_value IS 'sum of collateral_value, USD';
COMMENT ON COLUMN report_levels.liabilities IS 'sum of liabilities, USD';
COMMENT ON COLUMN report_levels.net_asset_value IS 'sum of net_asset_value, USD';
COMMENT ON COLUMN report_levels.haircut IS 'sum of haircut, USD';
COMMENT ON COLUMN report_levels.unrealized_pnl IS 'sum of unrealized_pnl, USD';
COMMENT ON COLUMN report_levels.initial_margin IS 'sum of initial_margin, USD';
COMMENT ON COLUMN report_levels.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN report_levels.shortfall IS 'sum of shortfall, USD';
COMMENT ON COLUMN report_levels.loss IS 'what the liabilities of the bankrupt exceed their collateral by, USD, >= 0';
COMMENT ON COLUMN report_levels.initial_equity IS 'sum of initial_equity, USD';
COMMENT ON COLUMN report_levels.order_margin IS 'sum of order_margin, USD: the part of initial_margin that is for open orders';
COMMENT ON COLUMN report_levels.order_loss IS 'sum of order_loss, USD';$paragraph$,
    $paragraph$CREATE FUNCTION report_unpriced(
    as_of timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE, OUT missing text[]
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.missing FROM account_margin_at(as_of) AS a WHERE a.level = 'unpriced' ORDER BY a.account_id;
END;
COMMENT ON FUNCTION report_unpriced(timestamptz) IS 'the accounts that could not be valued and the symbols that they lack: of the latest snapshot at or before as_of; an error if there is none; null: now';$paragraph$,
    $paragraph$CREATE VIEW report_unpriced WITH (security_invoker = true) AS
SELECT * FROM report_unpriced();
COMMENT ON VIEW report_unpriced IS 'the accounts that cannot be valued now, and what they lack';
COMMENT ON COLUMN report_unpriced.account_id IS 'the account';
COMMENT ON COLUMN report_unpriced.missing IS 'symbols that lack a price or parameter, in byte order';$paragraph$,
    $paragraph$CREATE FUNCTION report_shortfalls(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 20,
    OUT account_id account.account_id%TYPE, OUT level margin.level, OUT shortfall numeric, OUT share numeric,
    OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.level, a.shortfall, round(a.shortfall / sum(a.shortfall) OVER (), 8), a.equity, a.maintenance_margin, a.margin_ratio
      FROM account_margin_at(as_of) AS a
     WHERE a.shortfall > 0
     ORDER BY a.shortfall DESC, a.account_id
     LIMIT top;
END;
COMMENT ON FUNCTION report_shortfalls(timestamptz, bigint) IS 'the accounts that lack most to their maintenance margin, so many (null: all), and their share of the shortfall of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now';$paragraph$,
    $paragraph$CREATE VIEW report_shortfalls WITH (security_invoker = true) AS
SELECT * FROM report_shortfalls();
COMMENT ON VIEW report_shortfalls IS 'the 20 accounts that lack most to their maintenance margin now';
COMMENT ON COLUMN report_shortfalls.account_id IS 'the account';
COMMENT ON COLUMN report_shortfalls.level IS 'its level';
COMMENT ON COLUMN report_shortfalls.shortfall IS 'maintenance_margin - equity, USD';
COMMENT ON COLUMN report_shortfalls.share IS 'of the shortfall of all accounts, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN report_shortfalls.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN report_shortfalls.maintenance_margin IS 'what its positions and debts require to be kept, USD';
COMMENT ON COLUMN report_shortfalls.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';$paragraph$,
    $paragraph$CREATE FUNCTION report_losses(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 20,
    OUT account_id account.account_id%TYPE, OUT loss numeric, OUT share numeric,
    OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, - a.equity, round(a.equity / sum(a.equity) OVER (), 8), a.collateral_value, a.liabilities, a.net_asset_value
      FROM account_margin_at(as_of) AS a
     WHERE a.level = 'bankrupt'
     ORDER BY a.equity, a.account_id
     LIMIT top;
END;
COMMENT ON FUNCTION report_losses(timestamptz, bigint) IS 'the accounts whose liabilities exceed their collateral by most, so many (null: all), and their share of the loss of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now. net_asset_value says what of the loss ratios and weights make';$paragraph$,
    $paragraph$CREATE VIEW report_losses WITH (security_invoker = true) AS
SELECT * FROM report_losses();
COMMENT ON VIEW report_losses IS 'the 20 accounts whose liabilities exceed their collateral by most now';
COMMENT ON COLUMN report_losses.account_id IS 'the account';
COMMENT ON COLUMN report_losses.loss IS 'liabilities - collateral_value, USD';
COMMENT ON COLUMN report_losses.share IS 'of the loss of all accounts, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN report_losses.collateral_value IS 'positive asset equities at their collateral ratios, USD';
COMMENT ON COLUMN report_losses.liabilities IS 'negative asset equities at their liability weights, USD';
COMMENT ON COLUMN report_losses.net_asset_value IS 'asset equities at index price; where it is not below 0, assets that do not count would cover the loss';$paragraph$,
    $paragraph$CREATE FUNCTION report_concentration(
    as_of timestamptz DEFAULT NULL,
    OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric,
    OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT held.asset, held.accounts, held.unvalued, held.asset_equity, terms.price, held.net_asset_value, held.collateral_value,
           round(held.collateral_value / nullif(sum(held.collateral_value) OVER (), 0), 8),
           held.largest, held.net_asset_value - held.collateral_value,
           held.net_asset_value * coalesce(margin_internal.first_rate(terms.tiers), 0) - held.collateral_value
      FROM (SELECT c.asset, count(*) AS accounts, count(*) FILTER (WHERE c.collateral_value IS NULL) AS unvalued,
                   sum(c.asset_equity) AS asset_equity, sum(c.net_asset_value) FILTER (WHERE c.collateral_value IS NOT NULL) AS net_asset_value,
                   sum(c.collateral_value) AS collateral_value, max(c.collateral_value) AS largest
              FROM portfolios(as_of) AS p,
                   LATERAL margin.collateral(p.portfolio, (SELECT snapshot_market(as_of))) AS c
             WHERE (c.asset_equity > 0) IS NOT FALSE
             GROUP BY c.asset) AS held
      LEFT JOIN margin.assets((SELECT snapshot_market(as_of))) AS terms ON terms.asset = held.asset
     ORDER BY held.collateral_value DESC NULLS LAST, held.asset COLLATE "C";
END;
COMMENT ON FUNCTION report_concentration(timestamptz) IS 'the collateral asset by asset, the largest first: its share of all collateral, rounded to 8 decimals, how many accounts hold it and what ratios take away, in all and beyond the first tier: of the latest snapshot at or before as_of; an error if there is none; null: now. Accounts whose amount of it is not known are counted, and left out of the sums';$paragraph$,
    $paragraph$CREATE VIEW report_concentration WITH (security_invoker = true) AS
SELECT * FROM report_concentration();
COMMENT ON VIEW report_concentration IS 'the collateral of all accounts, asset by asset, now';
COMMENT ON COLUMN report_concentration.asset IS 'an asset that accounts have a positive equity in';
COMMENT ON COLUMN report_concentration.accounts IS 'how many accounts';
COMMENT ON COLUMN report_concentration.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';
COMMENT ON COLUMN report_concentration.asset_equity IS 'sum of what they have of it, units of the asset; also of those unvalued, where known';
COMMENT ON COLUMN report_concentration.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN report_concentration.net_asset_value IS 'at index price, USD';
COMMENT ON COLUMN report_concentration.collateral_value IS 'at its collateral ratios, USD';
COMMENT ON COLUMN report_concentration.share IS 'of the collateral value of all assets, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN report_concentration.largest IS 'collateral value of the account that has most, USD';
COMMENT ON COLUMN report_concentration.haircut IS 'net_asset_value - collateral_value, USD';
COMMENT ON COLUMN report_concentration.lost_to_tiers IS 'the part of the haircut that is due to tiers above the first: what would count more if the first ratio held for any amount, USD';$paragraph$,
    $paragraph$CREATE FUNCTION report_exposure(
    as_of timestamptz DEFAULT NULL,
    OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric,
    OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric,
    OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric,
    OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 50
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.contract, c.settle, count(*) FILTER (WHERE c.long > 0 OR c.short > 0), c.mark, sum(c.long), sum(c.short), sum(c.long) - sum(c.short),
           greatest(sum(c.long), sum(c.short)), sum(c.long_notional), sum(c.short_notional), sum(c.pnl_usd),
           sum(c.maintenance_margin), sum(c.initial_margin), sum(c.order_margin)
      FROM portfolios(as_of) AS p,
           LATERAL margin.positions(p.portfolio, (SELECT snapshot_market(as_of))) AS c
     GROUP BY c.contract, c.settle, c.mark
     ORDER BY sum(c.maintenance_margin) DESC NULLS LAST, c.contract COLLATE "C";
END;
COMMENT ON FUNCTION report_exposure(timestamptz) IS 'the positions of all accounts contract by contract, those that are only ordered too, the one that requires most first: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts that lack a price or parameter are null';$paragraph$,
    $paragraph$CREATE VIEW report_exposure WITH (security_invoker = true) AS
SELECT * FROM report_exposure();
COMMENT ON VIEW report_exposure IS 'the positions of all accounts, contract by contract, now';
COMMENT ON COLUMN report_exposure.contract IS 'the contract';
COMMENT ON COLUMN report_exposure.settle IS 'asset in which it settles; null where the contract is unknown';
COMMENT ON COLUMN report_exposure.accounts IS 'how many accounts have a position in it';
COMMENT ON COLUMN report_exposure.mark IS 'settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN report_exposure.long IS 'contracts held long, of all accounts';
COMMENT ON COLUMN report_exposure.short IS 'contracts held short, of all accounts, >= 0';
COMMENT ON COLUMN report_exposure.net IS 'long - short, contracts';
COMMENT ON COLUMN report_exposure.open_interest IS 'the larger of long and short, contracts; where every counterparty is in the book, both are the same';
COMMENT ON COLUMN report_exposure.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN report_exposure.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN report_exposure.pnl_usd IS 'profit and loss at mark and index price of the settlement asset, USD';
COMMENT ON COLUMN report_exposure.maintenance_margin IS 'what the positions require to be kept, USD';
COMMENT ON COLUMN report_exposure.initial_margin IS 'what the positions require to be opened, USD, without orders';
COMMENT ON COLUMN report_exposure.order_margin IS 'what open orders require on top of that, USD';$paragraph$,
    $paragraph$CREATE FUNCTION report_movers(
    earlier timestamptz, later timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE,
    OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level,
    OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric,
    OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT moved.account_id, (first).level, (second).level, (third).level, (fourth).level,
           (first).equity, (second).equity - (first).equity, (third).equity - (second).equity, (fourth).equity - (third).equity, (fourth).equity,
           (first).maintenance_margin, (second).maintenance_margin - (first).maintenance_margin,
           (third).maintenance_margin - (second).maintenance_margin, (fourth).maintenance_margin - (third).maintenance_margin,
           (fourth).maintenance_margin
      FROM (SELECT changed.account_id, changed.first, changed.fourth,
                   margin.evaluate(changed.held, (SELECT snapshot_market(earlier))) AS second,
                   margin.evaluate(changed.held, (SELECT margin.with_prices(snapshot_market(earlier), snapshot_market(later)))) AS third
              FROM (SELECT account_id, coalesce(l.portfolio, '{}') AS held,
                           margin.evaluate(coalesce(e.portfolio, '{}'), (SELECT snapshot_market(earlier))) AS first,
                           margin.evaluate(coalesce(l.portfolio, '{}'), (SELECT snapshot_market(later))) AS fourth
                      FROM portfolios(earlier) AS e
                      FULL JOIN portfolios(later) AS l USING (account_id) OFFSET 0) AS changed
             WHERE (changed.first).level <> (changed.fourth).level OFFSET 0) AS moved
     ORDER BY (fourth).level DESC, (fourth).equity - (fourth).maintenance_margin, moved.account_id;
END;
COMMENT ON FUNCTION report_movers(timestamptz, timestamptz) IS 'the accounts that changed level between two instants, each the latest snapshot at or before it (an error if there is none), null: now; and how much of the change of equity and of maintenance margin in USD holdings, then prices, then parameters made: the earlier book in the earlier market, the later book in the earlier market, in the earlier parameters at the later prices, in the later market. before and the three parts add up to after exactly. An account that was not there held nothing; parts are null next to a step at which the account is unpriced';$paragraph$,
    $paragraph$CREATE VIEW report_movers WITH (security_invoker = true) AS
SELECT * FROM report_movers(now());
COMMENT ON VIEW report_movers IS 'the accounts that changed level since the latest snapshot, and what moved them; an error if there is no snapshot';
COMMENT ON COLUMN report_movers.account_id IS 'the account';
COMMENT ON COLUMN report_movers.level_before IS 'its level at the earlier time';
COMMENT ON COLUMN report_movers.level_by_holdings IS 'what the later holdings would have made of it';
COMMENT ON COLUMN report_movers.level_by_prices IS 'what the later holdings at the later prices would have made of it';
COMMENT ON COLUMN report_movers.level_after IS 'its level at the later time';
COMMENT ON COLUMN report_movers.equity_before IS 'USD, at the earlier time';
COMMENT ON COLUMN report_movers.equity_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN report_movers.equity_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN report_movers.equity_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN report_movers.equity_after IS 'USD, at the later time';
COMMENT ON COLUMN report_movers.margin_before IS 'maintenance margin in USD, at the earlier time';
COMMENT ON COLUMN report_movers.margin_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN report_movers.margin_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN report_movers.margin_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN report_movers.margin_after IS 'maintenance margin in USD, at the later time';$paragraph$,
    $paragraph$CREATE FUNCTION report_stress(
    as_of timestamptz DEFAULT NULL, scenarios margin.price_move[] DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.scenario, count(*), count(*) FILTER (WHERE s.level = 'warning'), count(*) FILTER (WHERE s.level = 'margin_call'),
           count(*) FILTER (WHERE s.level = 'liquidation'), count(*) FILTER (WHERE s.level = 'bankrupt'),
           count(*) FILTER (WHERE s.level = 'unpriced'), sum(s.equity), sum(s.maintenance_margin), sum(s.loss)
      FROM portfolios(as_of) AS p,
           LATERAL margin.stress(p.portfolio, (SELECT snapshot_market(as_of)),
                                 (SELECT coalesce(report_stress.scenarios, venue_scenarios()))) AS s
     GROUP BY s.scenario
     ORDER BY sum(s.loss) DESC NULLS LAST, sum(s.equity), s.scenario COLLATE "C";
END;
COMMENT ON FUNCTION report_stress(timestamptz, margin.price_move[]) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first: how many at which level, and their totals in USD without the unpriced: of the latest snapshot at or before as_of; an error if there is none, or if a scenario names what its market lacks; null: now';$paragraph$,
    $paragraph$CREATE VIEW report_stress WITH (security_invoker = true) AS
SELECT * FROM report_stress();
COMMENT ON VIEW report_stress IS 'what the scenarios of the venue would make of all accounts now';
COMMENT ON COLUMN report_stress.scenario IS 'name of the scenario';
COMMENT ON COLUMN report_stress.accounts IS 'how many accounts';
COMMENT ON COLUMN report_stress.warning IS 'how many of them would be at warning';
COMMENT ON COLUMN report_stress.margin_call IS 'how many at margin_call';
COMMENT ON COLUMN report_stress.liquidation IS 'how many at liquidation';
COMMENT ON COLUMN report_stress.bankrupt IS 'how many bankrupt';
COMMENT ON COLUMN report_stress.unpriced IS 'how many unpriced, and so in none of the totals';
COMMENT ON COLUMN report_stress.equity IS 'sum of equity, USD';
COMMENT ON COLUMN report_stress.maintenance_margin IS 'sum of what positions and debts require to be kept, USD';
COMMENT ON COLUMN report_stress.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';$paragraph$,
    $paragraph$CREATE FUNCTION report_impact(
    at timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE, OUT level_before margin.level, OUT level_after margin.level,
    OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric,
    OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric,
    OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric,
    OUT missing_after text[]
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.account_id, i.level_before, i.level_after, i.equity_before, i.equity_after, i.equity_change,
           i.maintenance_margin_before, i.maintenance_margin_after, i.maintenance_margin_change,
           i.available_margin_before, i.available_margin_after, i.available_margin_change, i.missing_after
      FROM reported_portfolio AS p,
           LATERAL margin.impact(p.portfolio, (SELECT venue_market()),
                                 (SELECT venue_market_at(coalesce(report_impact.at, venue_planned_change())))) AS i
     -- spelt out: of a row the server would print another form after a restore
     WHERE i.level_before IS DISTINCT FROM i.level_after OR i.equity_before IS DISTINCT FROM i.equity_after
        OR i.maintenance_margin_before IS DISTINCT FROM i.maintenance_margin_after
        OR i.available_margin_before IS DISTINCT FROM i.available_margin_after OR i.missing_before IS DISTINCT FROM i.missing_after
     ORDER BY i.level_after DESC, i.available_margin_change, p.account_id;
END;
COMMENT ON FUNCTION report_impact(timestamptz) IS 'the accounts that the parameters valid at an instant (null: when the next planned change takes effect) would value differently, at present holdings and prices, the most concerning first: level, and amounts in USD, before and after; no row where nothing is planned';$paragraph$,
    $paragraph$CREATE VIEW report_impact WITH (security_invoker = true) AS
SELECT * FROM report_impact();
COMMENT ON VIEW report_impact IS 'what the next planned change of parameters will do to accounts, at present holdings and prices';
COMMENT ON COLUMN report_impact.account_id IS 'the account';
COMMENT ON COLUMN report_impact.level_before IS 'its level now';
COMMENT ON COLUMN report_impact.level_after IS 'its level with the parameters then';
COMMENT ON COLUMN report_impact.equity_before IS 'USD, now';
COMMENT ON COLUMN report_impact.equity_after IS 'USD, with the parameters then';
COMMENT ON COLUMN report_impact.equity_change IS 'the difference, USD';
COMMENT ON COLUMN report_impact.maintenance_margin_before IS 'USD, now';
COMMENT ON COLUMN report_impact.maintenance_margin_after IS 'USD, with the parameters then';
COMMENT ON COLUMN report_impact.maintenance_margin_change IS 'the difference, USD';
COMMENT ON COLUMN report_impact.available_margin_before IS 'USD, now';
COMMENT ON COLUMN report_impact.available_margin_after IS 'USD, with the parameters then';
COMMENT ON COLUMN report_impact.available_margin_change IS 'the difference, USD';
COMMENT ON COLUMN report_impact.missing_after IS 'symbols that will lack a parameter';$paragraph$,
    $paragraph$CREATE FUNCTION report_history(
    as_of timestamptz DEFAULT NULL, last bigint DEFAULT 288,
    OUT taken_at timestamptz, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 288
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.taken_at, t.accounts, t.undercollateralized, t.unpriced, t.equity, t.maintenance_margin, t.shortfall, t.loss
      FROM (SELECT k.taken_at, k.levels FROM snapshot AS k
             WHERE as_of IS NULL OR k.taken_at <= as_of
             ORDER BY k.taken_at DESC LIMIT last) AS s,
           LATERAL (SELECT sum(l.accounts)::bigint AS accounts,
                           sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt'))::bigint AS undercollateralized,
                           sum(l.accounts) FILTER (WHERE l.level = 'unpriced')::bigint AS unpriced,
                           sum(l.equity) AS equity, sum(l.maintenance_margin) AS maintenance_margin,
                           sum(l.shortfall) AS shortfall, sum(l.loss) AS loss
                      FROM unnest(s.levels) AS l) AS t
     ORDER BY s.taken_at;
END;
COMMENT ON FUNCTION report_history(timestamptz, bigint) IS 'totals of the last snapshots at or before as_of (null: of all), so many (null: all; 288 are a day of one every five minutes), the oldest first; amounts in USD, without those of unpriced accounts, which are not known; no row where there is no snapshot';$paragraph$,
    $paragraph$CREATE FUNCTION report_worst(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 5,
    OUT account_id account.account_id%TYPE, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT worst.account_id, worst.level, worst.equity, worst.maintenance_margin,
           (SELECT string_agg(e.line, E'\n' ORDER BY e.n)
              FROM margin.explain_text(held.portfolio, (SELECT snapshot_market(as_of))) WITH ORDINALITY AS e (line, n))
      FROM (SELECT a.account_id, a.level, a.equity, a.maintenance_margin FROM account_margin_at(as_of) AS a
             WHERE a.level BETWEEN 'warning' AND 'bankrupt'
             ORDER BY a.equity - a.maintenance_margin, a.account_id LIMIT top) AS worst
      JOIN portfolios(as_of) AS held ON held.account_id = worst.account_id
     ORDER BY worst.equity - worst.maintenance_margin, worst.account_id;
END;
COMMENT ON FUNCTION report_worst(timestamptz, bigint) IS 'the accounts at warning or above whose equity is least against their maintenance margin (USD), so many (null: all), each explained in the sentences of explain_text(), a line each: of the latest snapshot at or before as_of; an error if there is none; null: now';$paragraph$,
    $paragraph$CREATE FUNCTION report_known_stress(
    as_of timestamptz DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH lacking AS MATERIALIZED (
        SELECT DISTINCT s.scenario FROM unnest((SELECT venue_scenarios())) AS s
         WHERE s.asset IS NOT NULL
               AND NOT EXISTS (SELECT FROM margin.assets((SELECT snapshot_market(as_of))) AS a WHERE a.asset = s.asset)
            OR s.contract IS NOT NULL
               AND NOT EXISTS (SELECT FROM margin.contracts((SELECT snapshot_market(as_of))) AS c WHERE c.contract = s.contract)
    )
    SELECT * FROM report_stress(as_of, ARRAY(SELECT s FROM unnest((SELECT venue_scenarios())) AS s
                                              WHERE s.scenario NOT IN (SELECT l.scenario FROM lacking AS l)))
    UNION ALL
    SELECT l.scenario, NULL AS accounts, NULL AS warning, NULL AS margin_call, NULL AS liquidation, NULL AS bankrupt, NULL AS unpriced,
           NULL AS equity, NULL AS maintenance_margin, NULL AS loss
      FROM lacking AS l;
END;
COMMENT ON FUNCTION report_known_stress(timestamptz) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others';$paragraph$,
    $paragraph$CREATE FUNCTION report_exposed_assets(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 3,
    OUT asset text, OUT exposure numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH held AS MATERIALIZED (
        SELECT margin.rollup(p.portfolio) AS portfolio FROM portfolios(as_of) AS p
    ), part AS (
        SELECT c.asset, abs(c.net_asset_value) AS usd, false AS traded
          FROM held, LATERAL margin.collateral(held.portfolio, (SELECT snapshot_market(as_of))) AS c
        UNION ALL
        SELECT terms.base, greatest(c.long_notional, c.short_notional) * settle.price, c.long > 0 OR c.short > 0
          FROM held, LATERAL margin.positions(held.portfolio, (SELECT snapshot_market(as_of))) AS c
          JOIN margin.contracts((SELECT snapshot_market(as_of))) AS terms ON terms.contract = c.contract
          JOIN margin.assets((SELECT snapshot_market(as_of))) AS settle ON settle.asset = c.settle
    )
    SELECT part.asset, sum(part.usd)
      FROM part
      JOIN margin.assets((SELECT snapshot_market(as_of))) AS terms ON terms.asset = part.asset
     WHERE terms.price IS NOT NULL
     GROUP BY part.asset
    HAVING sum(part.usd) > 0
       AND (bool_or(part.traded) OR bool_and(coalesce(margin_internal.first_rate(terms.tiers), 0) < 1))
     ORDER BY sum(part.usd) DESC, part.asset COLLATE "C"
     LIMIT top;
END;
COMMENT ON FUNCTION report_exposed_assets(timestamptz, bigint) IS 'the assets whose price matters most to all accounts together, so many (null: all), the largest first: their net quantity of it, and the larger side of every contract on it, USD. Assets without price are left out, and those whose first collateral ratio is 1 unless positions are on them: of the latest snapshot at or before as_of; an error if there is none; null: now';$paragraph$,
    $paragraph$CREATE FUNCTION report_liquidations(
    as_of timestamptz DEFAULT NULL, assets text[] DEFAULT NULL,
    moves numeric[] DEFAULT '{-0.5,-0.4,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.4,0.5}',
    OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint,
    OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 33
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH moved AS MATERIALIZED (
        SELECT a.asset, m.move, row_number() OVER (ORDER BY a.n, m.n) AS n
          FROM unnest(coalesce(report_liquidations.assets, ARRAY(SELECT e.asset FROM report_exposed_assets(report_liquidations.as_of) AS e)))
               WITH ORDINALITY AS a (asset, n),
               unnest(report_liquidations.moves) WITH ORDINALITY AS m (move, n)
    ), map AS (
        SELECT margin_internal.liquidation_map(
                   p.portfolio, (SELECT snapshot_market(report_liquidations.as_of)),
                   (SELECT array_agg(ROW(NULL::text, v.asset, NULL::text, v.move, NULL::numeric)::margin.price_move ORDER BY v.n) FROM moved AS v)) AS points
          FROM portfolios(report_liquidations.as_of) AS p
         WHERE EXISTS (SELECT FROM moved)
    )
    SELECT v.asset, c.move, c.price, c.accounts, c.undercollateralized, c.bankrupt, c.unpriced, c.notional, c.notional_usd, c.long_usd, c.shortfall, c.loss
      FROM map, LATERAL unnest(map.points) WITH ORDINALITY
           AS c (move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss, n)
      JOIN moved AS v ON v.n = c.n
     ORDER BY v.n;
END;
COMMENT ON FUNCTION report_liquidations(timestamptz, text[], numeric[]) IS 'margin.liquidation_map() of several assets in one pass, null: the three of report_exposed_assets(): what relative moves of the price of each, marks linked, would make of all accounts, nothing where there are none; amounts in USD, exact: of the latest snapshot at or before as_of; an error if there is none; null: now';$paragraph$,
    $paragraph$CREATE VIEW report_liquidations WITH (security_invoker = true) AS
SELECT * FROM report_liquidations();
COMMENT ON VIEW report_liquidations IS 'what moves of the prices that matter most would make of all accounts now';
COMMENT ON COLUMN report_liquidations.asset IS 'the asset whose price moves';
COMMENT ON COLUMN report_liquidations.move IS 'change in proportion to its present price: -0.2 is a fall of 20 %';
COMMENT ON COLUMN report_liquidations.price IS 'its index price then, USD';
COMMENT ON COLUMN report_liquidations.accounts IS 'how many accounts';
COMMENT ON COLUMN report_liquidations.undercollateralized IS 'how many of them would be at liquidation or bankrupt';
COMMENT ON COLUMN report_liquidations.bankrupt IS 'how many of these bankrupt';
COMMENT ON COLUMN report_liquidations.unpriced IS 'how many cannot be valued, and so are in none of the sums';
COMMENT ON COLUMN report_liquidations.notional IS 'positions of the undercollateralized by contract, both sides together, USD';
COMMENT ON COLUMN report_liquidations.notional_usd IS 'sum of notional over all contracts, USD';
COMMENT ON COLUMN report_liquidations.long_usd IS 'the part of notional_usd that is long';
COMMENT ON COLUMN report_liquidations.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';
COMMENT ON COLUMN report_liquidations.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';$paragraph$,
    $paragraph$CREATE TABLE report_run (
    id             bigint GENERATED BY DEFAULT AS IDENTITY,
    started_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    finished_at    timestamptz,
    status         margin.run_status NOT NULL DEFAULT 'running',
    step           text,
    level_changes  integer,
    taken_at       timestamptz,
    days_dropped   integer,
    prices_pruned  bigint,
    sqlstate       text,
    error          text,
    run_by         name NOT NULL DEFAULT current_user,
    pid            integer NOT NULL DEFAULT pg_backend_pid(),
    CONSTRAINT report_run_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE report_run IS 'every call of margin.run_reports() for this book, written as it goes; rows may be deleted when they are no longer of use';
COMMENT ON COLUMN report_run.id IS 'in the order of the calls';
COMMENT ON COLUMN report_run.started_at IS 'when it was called';
COMMENT ON COLUMN report_run.finished_at IS 'when it ended; null: it has not, or its session was killed and nobody has run reports since';
COMMENT ON COLUMN report_run.status IS 'running, done, failed, or skipped because the one before was still running';
COMMENT ON COLUMN report_run.step IS 'the step it is at, or failed in: partitions, levels, snapshot, retention';
COMMENT ON COLUMN report_run.level_changes IS 'how many accounts changed level';
COMMENT ON COLUMN report_run.taken_at IS 'the snapshot it took';
COMMENT ON COLUMN report_run.days_dropped IS 'how many UTC days of snapshots were too old';
COMMENT ON COLUMN report_run.prices_pruned IS 'how many rows of price history were too old; null: not its business, as the venue belongs to another role';
COMMENT ON COLUMN report_run.sqlstate IS 'of the error it failed with';
COMMENT ON COLUMN report_run.error IS 'the error it failed with';
COMMENT ON COLUMN report_run.run_by IS 'the role that called it';
COMMENT ON COLUMN report_run.pid IS 'the process it runs in; margin.progress tells how far that is';
COMMENT ON CONSTRAINT report_run_pkey ON report_run IS 'a call has one number';
COMMENT ON SEQUENCE report_run_id_seq IS 'numbers of report_run';$paragraph$
];
COMMENT ON FUNCTION margin_internal.book_script() IS 'the statements that make a book, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.incoming_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE TABLE published_market (
    id               bigint NOT NULL,
    at               timestamptz NOT NULL,
    valid_until      timestamptz NOT NULL,
    market           margin.market NOT NULL,
    release_ratios   numeric[] NOT NULL,
    pausing_prices   jsonb,
    scenarios        margin.price_move[] NOT NULL,
    repayment_rules  margin.repayment_rule[] NOT NULL,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    only_row         boolean NOT NULL DEFAULT true,
    CONSTRAINT published_market_pkey PRIMARY KEY (only_row),
    CONSTRAINT published_market_one_row CHECK (only_row)
);
COMMENT ON TABLE published_market IS 'the market that the coordinator of the cluster sent last, in at most one row, by which the shard judges';
COMMENT ON COLUMN published_market.id IS 'which publication of the venue this is';
COMMENT ON COLUMN published_market.at IS 'the instant whose market it is, by the clock of the server that published it';
COMMENT ON COLUMN published_market.valid_until IS 'from then on it is not the market any more, and reading it is an error; infinity: never';
COMMENT ON COLUMN published_market.market IS 'the market';
COMMENT ON COLUMN published_market.release_ratios IS 'release_ratios() of the venue';
COMMENT ON COLUMN published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';
COMMENT ON COLUMN published_market.scenarios IS 'scenarios() of the venue';
COMMENT ON COLUMN published_market.repayment_rules IS 'repayment_rules() of the venue';
COMMENT ON COLUMN published_market.received_at IS 'when it was written here, by the clock of the shard';
COMMENT ON COLUMN published_market.only_row IS 'true';
COMMENT ON CONSTRAINT published_market_pkey ON published_market IS 'one market for all';
COMMENT ON CONSTRAINT published_market_one_row ON published_market IS 'there is one present market';$paragraph$,
    $paragraph$ALTER TABLE published_market ALTER market SET STORAGE EXTERNAL;$paragraph$,
    $paragraph$CREATE FUNCTION note_receipt() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    NEW.received_at := pg_catalog.clock_timestamp();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION note_receipt() IS 'trigger: when a market was received, by the clock of the shard';$paragraph$,
    $paragraph$CREATE TRIGGER note_receipt BEFORE INSERT OR UPDATE ON published_market
    FOR EACH ROW EXECUTE FUNCTION note_receipt();
COMMENT ON TRIGGER note_receipt ON published_market IS 'received_at is the shard''s own clock';$paragraph$
];
COMMENT ON FUNCTION margin_internal.incoming_script() IS 'the statements that make a incoming, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.shard_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE TABLE shard_key (
    LIKE account,
    CONSTRAINT shard_key_pkey PRIMARY KEY (account_id)
) PARTITION BY HASH (account_id);
COMMENT ON TABLE shard_key IS 'always empty: by how it would be divided, the tables of accounts know which accounts are of this shard, satisfies_hash_partition(''shard_key''::regclass, modulus, remainder, account_id)';
COMMENT ON COLUMN shard_key.account_id IS 'an account';
COMMENT ON CONSTRAINT shard_key_pkey ON shard_key IS 'an account is on one shard';$paragraph$,
    $paragraph$CREATE VIEW ordered_holding WITH (security_invoker = true) AS
SELECT account_id, symbol, quantity, entry_price, leverage, kind FROM holding ORDER BY account_id;
COMMENT ON VIEW ordered_holding IS 'the rows of holding, account by account; the coordinator values accounts by them';
COMMENT ON COLUMN ordered_holding.account_id IS 'as in holding';
COMMENT ON COLUMN ordered_holding.symbol IS 'as in holding';
COMMENT ON COLUMN ordered_holding.quantity IS 'as in holding';
COMMENT ON COLUMN ordered_holding.entry_price IS 'as in holding';
COMMENT ON COLUMN ordered_holding.leverage IS 'as in holding';
COMMENT ON COLUMN ordered_holding.kind IS 'as in holding';$paragraph$,
    $paragraph$CREATE VIEW shard_house WITH (security_invoker = true) AS
SELECT margin.rollup(portfolio) AS portfolio FROM reported_portfolio;
COMMENT ON VIEW shard_house IS 'everything that the accounts of the shard hold, as one portfolio';
COMMENT ON COLUMN shard_house.portfolio IS 'the roll-up of all accounts';$paragraph$,
    $paragraph$CREATE VIEW shard_stress WITH (security_invoker = true) AS
SELECT scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss
  FROM report_known_stress();
COMMENT ON VIEW shard_stress IS 'the scenarios of the venue over the accounts of the shard; a row of nulls for one that names what the market lacks';
COMMENT ON COLUMN shard_stress.scenario IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.accounts IS 'as in report_stress; null: the scenario names what the market lacks';
COMMENT ON COLUMN shard_stress.warning IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.margin_call IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.liquidation IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.bankrupt IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.unpriced IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.equity IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.maintenance_margin IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.loss IS 'as in report_stress';$paragraph$,
    $paragraph$CREATE VIEW shard_status WITH (security_invoker = true) AS
SELECT m.id AS market_id, m.at AS market_at, m.valid_until, m.received_at, clock_timestamp() AS clock,
       (SELECT count(*) FROM reported_portfolio) AS accounts,
       (SELECT jsonb_object_agg(l.level, l.accounts) FROM (SELECT level, count(*) AS accounts FROM account_level GROUP BY level) AS l) AS levels,
       greatest((SELECT max(e.made_at) FROM level_epoch AS e), (SELECT max(v.changed_at) FROM level_event AS v)) AS refreshed_at
  FROM (SELECT) AS one LEFT JOIN published_market AS m ON true;
COMMENT ON VIEW shard_status IS 'the shard in one row, for margin.cluster_status() of the coordinator';
COMMENT ON COLUMN shard_status.market_id IS 'the market it has; null: none yet';
COMMENT ON COLUMN shard_status.market_at IS 'the instant whose market that is';
COMMENT ON COLUMN shard_status.valid_until IS 'until when it is valid';
COMMENT ON COLUMN shard_status.received_at IS 'when it came, by the clock of the shard';
COMMENT ON COLUMN shard_status.clock IS 'the clock of the shard';
COMMENT ON COLUMN shard_status.accounts IS 'accounts that hold something';
COMMENT ON COLUMN shard_status.levels IS 'accounts by kept level; null: none are kept';
COMMENT ON COLUMN shard_status.refreshed_at IS 'when a refresh or a write last judged or changed levels; null: never';$paragraph$,
    $paragraph$CREATE VIEW shard_request WITH (security_invoker = true) AS
SELECT NULL::text AS command, NULL::jsonb AS argument, NULL::jsonb AS result WHERE false;
COMMENT ON VIEW shard_request IS 'always empty: a command that is inserted is carried out with the rights of the role that inserts it, and RETURNING result gives the answer. The coordinator does this through a foreign table';
COMMENT ON COLUMN shard_request.command IS 'keep_part, create_next, close, hold_market, judge, refresh_levels, refresh_kept, prepare_snapshots, take_snapshot, drop_snapshots';
COMMENT ON COLUMN shard_request.argument IS 'an object of arguments; null: none';
COMMENT ON COLUMN shard_request.result IS 'what the function returned';$paragraph$,
    $paragraph$CREATE FUNCTION hold_market() RETURNS void
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT margin_internal.hold_market('published_market'::regclass);
END;
REVOKE ALL ON FUNCTION hold_market() FROM PUBLIC;
COMMENT ON FUNCTION hold_market() IS 'no other market comes until the transaction ends, so that what it judged stays judged; for roles that may judge across shards';$paragraph$,
    $paragraph$CREATE TRIGGER answer INSTEAD OF INSERT ON shard_request
    FOR EACH ROW EXECUTE FUNCTION margin_internal.answer_request();
COMMENT ON TRIGGER answer ON shard_request IS 'carries the command out';$paragraph$
];
COMMENT ON FUNCTION margin_internal.shard_script() IS 'the statements that make a shard, an object with what belongs to it in each, in order';

CREATE FUNCTION margin_internal.cluster_script() RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ARRAY[
    $paragraph$CREATE TABLE shard (
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
COMMENT ON CONSTRAINT shard_remainder_range ON shard IS 'what a division leaves';$paragraph$,
    $paragraph$CREATE TABLE shard_market (
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
COMMENT ON COLUMN shard_market.repayment_rules IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_status (
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
COMMENT ON COLUMN shard_status.refreshed_at IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_request (
    command text,
    argument jsonb,
    result jsonb
);
COMMENT ON TABLE shard_request IS 'commands to shards: see margin.judge()';
COMMENT ON COLUMN shard_request.command IS 'as on the shard';
COMMENT ON COLUMN shard_request.argument IS 'as on the shard';
COMMENT ON COLUMN shard_request.result IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_house (
    portfolio margin.portfolio
);
COMMENT ON TABLE shard_house IS 'what the accounts of each shard hold together';
COMMENT ON COLUMN shard_house.portfolio IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_levels (
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
COMMENT ON COLUMN shard_levels.order_loss IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_concentration (
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
COMMENT ON COLUMN shard_concentration.largest IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_exposure (
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
COMMENT ON COLUMN shard_exposure.order_margin IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_stress (
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
COMMENT ON COLUMN shard_stress.loss IS 'as on the shard';$paragraph$,
    $paragraph$CREATE TABLE shard_snapshot (
    taken_at timestamptz,
    accounts bigint,
    levels margin.level_total[]
);
COMMENT ON TABLE shard_snapshot IS 'the snapshots that each shard has taken';
COMMENT ON COLUMN shard_snapshot.taken_at IS 'as on the shard';
COMMENT ON COLUMN shard_snapshot.accounts IS 'as on the shard';
COMMENT ON COLUMN shard_snapshot.levels IS 'as on the shard';$paragraph$,
    $paragraph$CREATE FUNCTION send_market() RETURNS trigger
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
COMMENT ON FUNCTION send_market() IS 'trigger on published_market of the venue: what is published goes to all shards in the same transaction, or it is not published';$paragraph$,
    $paragraph$CREATE VIEW account_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) AS v
          FROM ordered_holding AS p GROUP BY p.account_id) AS valued;
COMMENT ON VIEW account_margin IS 'every account valued in the present market of the coordinator, where the account is; amounts in USD, null for an unpriced account, whose missing says what it lacks';
COMMENT ON COLUMN account_margin.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW undercollateralized WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) AS v
          FROM ordered_holding AS p GROUP BY p.account_id
        HAVING margin.level(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) >= 'liquidation'
           AND margin.level(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) <> 'unpriced') AS valued;
COMMENT ON VIEW undercollateralized IS 'the accounts at level liquidation or bankrupt; the others stay on their shards';
COMMENT ON COLUMN undercollateralized.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW unpriced WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) AS v
          FROM ordered_holding AS p GROUP BY p.account_id
        HAVING margin.level(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) = 'unpriced') AS valued;
COMMENT ON VIEW unpriced IS 'the accounts that cannot be valued; the others stay on their shards';
COMMENT ON COLUMN unpriced.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW kept_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.rollup(p.portfolio), (SELECT venue_market())) AS v
          FROM kept_portfolio AS p GROUP BY p.account_id) AS valued;
COMMENT ON VIEW kept_margin IS 'account_margin of what the shards keep with the levels; an error (55000) where one keeps none';
COMMENT ON COLUMN kept_margin.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW reported_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.rollup(p.portfolio), (SELECT venue_market())) AS v
          FROM reported_portfolio AS p GROUP BY p.account_id) AS valued;
COMMENT ON VIEW reported_margin IS 'account_margin of what each shard reports: what it keeps, or else its rows';
COMMENT ON COLUMN reported_margin.account_id IS 'the account';$paragraph$,
    $paragraph$CREATE VIEW reported_concern WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.rollup(p.portfolio), (SELECT venue_market())) AS v
          FROM reported_portfolio AS p GROUP BY p.account_id
        HAVING margin.level(margin.rollup(p.portfolio), (SELECT venue_market())) <> 'healthy' OR margin.shortfall(margin.rollup(p.portfolio), (SELECT venue_market())) > 0) AS valued;
COMMENT ON VIEW reported_concern IS 'of reported_margin the accounts that are not healthy or lack something to their maintenance margin; the others stay on their shards';
COMMENT ON COLUMN reported_concern.account_id IS 'the account';
COMMENT ON COLUMN reported_concern.equity IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.collateral_value IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.liabilities IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.net_asset_value IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.haircut IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.unrealized_pnl IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.initial_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.maintenance_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.available_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.shortfall IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.margin_ratio IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.level IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.missing IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.initial_equity IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.order_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.order_loss IS 'as in account_margin';$paragraph$,
    $paragraph$CREATE FUNCTION concern_at(as_of timestamptz DEFAULT NULL) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing, a.initial_equity, a.order_margin, a.order_loss
      FROM reported_concern AS a
     WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing, a.initial_equity, a.order_margin, a.order_loss
      FROM account_margin_at(as_of) AS a
     WHERE as_of IS NOT NULL;
END;
COMMENT ON FUNCTION concern_at(timestamptz) IS 'the accounts that reports of the worst need: now those of reported_concern, else all of account_margin_at()';$paragraph$,
    $paragraph$CREATE FUNCTION same_market() RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
BEGIN ATOMIC
    SELECT margin_internal.same_market('shard_market'::regclass);
END;
COMMENT ON FUNCTION same_market() IS 'true, or an error (55000) that names the shards that have another market than the coordinator';$paragraph$,
    $paragraph$CREATE VIEW house WITH (security_invoker = true) AS
SELECT margin.rollup(portfolio) AS portfolio FROM shard_house;
COMMENT ON VIEW house IS 'everything that all accounts hold, as one portfolio: the roll-up of those of the shards';
COMMENT ON COLUMN house.portfolio IS 'the roll-up of all accounts; null: there are none';$paragraph$,
    $paragraph$CREATE FUNCTION level_totals(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT t.* FROM margin_internal.add_level_totals(ARRAY(SELECT ROW(s.*)::margin.level_total FROM shard_levels AS s
                                                           WHERE as_of IS NULL AND (SELECT same_market()))) AS t
     WHERE as_of IS NULL
    UNION ALL
    SELECT c.* FROM central_level_totals(as_of) AS c WHERE as_of IS NOT NULL
     ORDER BY level;
END;
COMMENT ON FUNCTION level_totals(timestamptz) IS 'accounts by level and their totals; a row for each level: now the sums of the shards'' rows';$paragraph$,
    $paragraph$CREATE FUNCTION report_concentration(
    as_of timestamptz DEFAULT NULL,
    OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric,
    OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT held.asset, held.accounts, held.unvalued, held.asset_equity, terms.price, held.net_asset_value, held.collateral_value,
               round(held.collateral_value / nullif(sum(held.collateral_value) OVER (), 0), 8) AS share,
               held.largest, held.net_asset_value - held.collateral_value AS haircut,
               held.net_asset_value * coalesce(margin_internal.first_rate(terms.tiers), 0) - held.collateral_value AS lost_to_tiers
          FROM (SELECT s.asset, sum(s.accounts)::bigint AS accounts, sum(s.unvalued)::bigint AS unvalued, sum(s.asset_equity) AS asset_equity,
                       sum(s.net_asset_value) AS net_asset_value, sum(s.collateral_value) AS collateral_value, max(s.largest) AS largest
                  FROM shard_concentration AS s WHERE as_of IS NULL AND (SELECT same_market()) GROUP BY s.asset) AS held
          LEFT JOIN margin.assets((SELECT venue_market())) AS terms ON terms.asset = held.asset
        UNION ALL
        SELECT c.* FROM central_report_concentration(as_of) AS c WHERE as_of IS NOT NULL
    ) AS r
     ORDER BY collateral_value DESC NULLS LAST, asset COLLATE "C";
END;
COMMENT ON FUNCTION report_concentration(timestamptz) IS 'the collateral asset by asset, the largest first, as every book has it: now the sums of the shards'' rows';$paragraph$,
    $paragraph$CREATE FUNCTION report_exposure(
    as_of timestamptz DEFAULT NULL,
    OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric,
    OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric,
    OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric,
    OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 50
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT s.contract, s.settle, sum(s.accounts)::bigint AS accounts, s.mark, sum(s.long) AS long, sum(s.short) AS short, sum(s.long) - sum(s.short) AS net,
               greatest(sum(s.long), sum(s.short)) AS open_interest, sum(s.long_notional) AS long_notional, sum(s.short_notional) AS short_notional,
               sum(s.pnl_usd) AS pnl_usd, sum(s.maintenance_margin) AS maintenance_margin, sum(s.initial_margin) AS initial_margin,
               sum(s.order_margin) AS order_margin
          FROM shard_exposure AS s
         WHERE as_of IS NULL AND (SELECT same_market())
         GROUP BY s.contract, s.settle, s.mark
        UNION ALL
        SELECT c.* FROM central_report_exposure(as_of) AS c WHERE as_of IS NOT NULL
    ) AS r
     ORDER BY maintenance_margin DESC NULLS LAST, contract COLLATE "C";
END;
COMMENT ON FUNCTION report_exposure(timestamptz) IS 'the positions of all accounts contract by contract, the one that requires most first, as every book has it: now the sums of the shards'' rows';$paragraph$,
    $paragraph$CREATE FUNCTION report_known_stress(
    as_of timestamptz DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT r.* FROM (
        SELECT s.scenario, sum(s.accounts)::bigint AS accounts, sum(s.warning)::bigint AS warning, sum(s.margin_call)::bigint AS margin_call, sum(s.liquidation)::bigint AS liquidation, sum(s.bankrupt)::bigint AS bankrupt, sum(s.unpriced)::bigint AS unpriced,
               sum(s.equity) AS equity, sum(s.maintenance_margin) AS maintenance_margin, sum(s.loss) AS loss
          FROM shard_stress AS s
         WHERE as_of IS NULL AND (SELECT same_market())
         GROUP BY s.scenario
        UNION ALL
        SELECT c.* FROM central_report_known_stress(as_of) AS c WHERE NOT (as_of IS NULL)
    ) AS r
     ORDER BY loss DESC NULLS LAST, equity, scenario COLLATE "C";
END;
COMMENT ON FUNCTION report_known_stress(timestamptz) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others: now the sums of the shards rows';$paragraph$,
    $paragraph$CREATE FUNCTION report_stress(
    as_of timestamptz DEFAULT NULL, scenarios margin.price_move[] DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH part AS MATERIALIZED (
        SELECT s.* FROM shard_stress AS s WHERE as_of IS NULL AND report_stress.scenarios IS NULL AND (SELECT same_market())
    ), summed AS (
        SELECT as_of IS NULL AND report_stress.scenarios IS NULL AND NOT EXISTS (SELECT FROM part AS s WHERE s.accounts IS NULL) AS told
    )
    SELECT r.* FROM (
        SELECT s.scenario, sum(s.accounts)::bigint AS accounts, sum(s.warning)::bigint AS warning, sum(s.margin_call)::bigint AS margin_call, sum(s.liquidation)::bigint AS liquidation, sum(s.bankrupt)::bigint AS bankrupt, sum(s.unpriced)::bigint AS unpriced,
               sum(s.equity) AS equity, sum(s.maintenance_margin) AS maintenance_margin, sum(s.loss) AS loss
          FROM part AS s
         WHERE (SELECT told FROM summed)
         GROUP BY s.scenario
        UNION ALL
        SELECT c.* FROM central_report_stress(as_of, scenarios) AS c WHERE NOT (SELECT told FROM summed)
    ) AS r
     ORDER BY loss DESC NULLS LAST, equity, scenario COLLATE "C";
END;
COMMENT ON FUNCTION report_stress(timestamptz, margin.price_move[]) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first, as every book has it: those of the venue now as sums of the shards'' rows';$paragraph$,
    $paragraph$CREATE TABLE snapshot_part (
    taken_at   timestamptz,
    shard      integer,
    seen_at    timestamptz NOT NULL,
    market_id  bigint NOT NULL,
    accounts   bigint NOT NULL,
    CONSTRAINT snapshot_part_pkey PRIMARY KEY (taken_at, shard)
);
COMMENT ON TABLE snapshot_part IS 'of each snapshot of the cluster, what each shard has of it; where seen_at differs, so do the instants that its accounts are as of';
COMMENT ON COLUMN snapshot_part.taken_at IS 'the snapshot, by the name that all shards know it by';
COMMENT ON COLUMN snapshot_part.shard IS 'the shard';
COMMENT ON COLUMN snapshot_part.seen_at IS 'when it looked, by its own clock';
COMMENT ON COLUMN snapshot_part.market_id IS 'the market that it valued by, the same on all';
COMMENT ON COLUMN snapshot_part.accounts IS 'how many accounts it stored';
COMMENT ON CONSTRAINT snapshot_part_pkey ON snapshot_part IS 'a shard has one part of a snapshot';$paragraph$
];
COMMENT ON FUNCTION margin_internal.cluster_script() IS 'the statements that make a cluster, an object with what belongs to it in each, in order';
