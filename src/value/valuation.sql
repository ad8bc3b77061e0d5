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
