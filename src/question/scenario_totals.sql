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
