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
