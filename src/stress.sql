-- stress: markets with moved prices, and portfolios in many of them

-- ---------------------------------------------------------------------------
-- Scenarios: rows that share a name move prices together.  They refer to
-- symbols by name only, as they may be meant for a stored market; one that a
-- market lacks is an error when the scenario meets it.
-- ---------------------------------------------------------------------------

CREATE TABLE margin.scenario (
    scenario  text NOT NULL,
    asset     text,
    contract  text,
    relative  numeric,
    price     numeric,
    CONSTRAINT scenario_key UNIQUE NULLS NOT DISTINCT (scenario, asset, contract),
    CONSTRAINT scenario_scenario_length CHECK (octet_length(scenario) BETWEEN 1 AND 255),
    CONSTRAINT scenario_asset_length CHECK (octet_length(asset) BETWEEN 1 AND 255),
    CONSTRAINT scenario_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT scenario_one_target CHECK (asset IS NULL OR contract IS NULL),
    CONSTRAINT scenario_one_move CHECK ((relative IS NULL) <> (price IS NULL)),
    CONSTRAINT scenario_relative_range CHECK (margin.is_amount(relative) AND relative > -1),
    CONSTRAINT scenario_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT scenario_all_relative CHECK (price IS NULL OR asset IS NOT NULL OR contract IS NOT NULL)
);
COMMENT ON TABLE margin.scenario IS 'price scenarios for shock() and stress(): rows that share a name are one scenario, one row per move';
COMMENT ON COLUMN margin.scenario.scenario IS 'name of the scenario, 1 to 255 bytes';
COMMENT ON COLUMN margin.scenario.asset IS 'asset whose index price moves, which every market used with the scenario must have; where contract is NULL too, all assets that have no row of their own';
COMMENT ON COLUMN margin.scenario.contract IS 'contract whose mark price moves, instead of following the prices of its assets';
COMMENT ON COLUMN margin.scenario.relative IS 'change in proportion to the present price, above -1: -0.2 is a fall of 20 %; 0 holds a price where all others move';
COMMENT ON COLUMN margin.scenario.price IS 'the new price itself, above 0, instead: USD per unit of the asset, or settlement asset per unit of the underlying';
COMMENT ON CONSTRAINT scenario_scenario_length ON margin.scenario IS 'a name has 1 to 255 bytes';
COMMENT ON CONSTRAINT scenario_asset_length ON margin.scenario IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT scenario_contract_length ON margin.scenario IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT scenario_one_target ON margin.scenario IS 'assets and contracts are separate namespaces; a row moves one of either';
COMMENT ON CONSTRAINT scenario_one_move ON margin.scenario IS 'a move is relative or a price';
COMMENT ON CONSTRAINT scenario_relative_range ON margin.scenario IS 'a price stays above 0';
COMMENT ON CONSTRAINT scenario_price_positive ON margin.scenario IS 'a price stays above 0';
COMMENT ON CONSTRAINT scenario_all_relative ON margin.scenario IS 'one price cannot be that of all assets';
ALTER TABLE margin.scenario OWNER TO @extowner@;
CREATE TRIGGER scenario_asset_follows AFTER DELETE OR UPDATE OF asset ON margin.asset
    FOR EACH ROW EXECUTE FUNCTION margin.follow_symbol('scenario', 'asset', 'cascade');
CREATE TRIGGER scenario_contract_follows AFTER DELETE OR UPDATE OF contract ON margin.contract
    FOR EACH ROW EXECUTE FUNCTION margin.follow_symbol('scenario', 'contract', 'cascade');
COMMENT ON TRIGGER scenario_asset_follows ON margin.asset IS 'rows of scenario go by its new name';
COMMENT ON TRIGGER scenario_contract_follows ON margin.contract IS 'rows of scenario go by its new name';
CALL margin.keep_journal('scenario'::name, 'scenario'::name);
SELECT pg_catalog.pg_extension_config_dump('margin.scenario', '');

CREATE FUNCTION margin.scenarios() RETURNS margin.scenario[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT ARRAY(SELECT s FROM margin.scenario AS s ORDER BY s.scenario, s.asset, s.contract);
END;
COMMENT ON FUNCTION margin.scenarios() IS 'all rows of margin.scenario, as stress() takes them; an empty array where there are none. Of some scenarios only: ARRAY(SELECT s FROM margin.scenario AS s WHERE ...)';

-- What a stablecoin is and which coins lead the market, the caller says: no
-- parameter of an asset tells.
CREATE FUNCTION margin.load_scenarios(
    stablecoins text[] DEFAULT '{USDT,USDC,USDE,DAI,FDUSD,TUSD,PYUSD}',
    majors text[] DEFAULT '{BTC,ETH}'
) RETURNS integer
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH wide (scenario, others, major) AS (
        VALUES ('market -10 %', -0.1, -0.1),
               ('market -20 %', -0.2, -0.2),
               ('market -40 %', -0.4, -0.4),
               ('altcoin crash', -0.6, -0.3),
               ('squeeze up', 0.5, 0.25)
    ), known (asset, is_stable, is_major) AS (
        SELECT asset, asset = ANY (coalesce(stablecoins, '{}')), asset = ANY (coalesce(majors, '{}'))
          FROM margin.asset
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
        INSERT INTO margin.scenario (scenario, asset, relative, price)
        SELECT scenario, asset, relative, price FROM move
         WHERE NOT EXISTS (SELECT FROM margin.scenario AS s WHERE s.scenario = move.scenario)
        ON CONFLICT DO NOTHING
        RETURNING scenario
    )
    SELECT count(DISTINCT scenario)::integer FROM loaded;
END;
COMMENT ON FUNCTION margin.load_scenarios(text[], text[]) IS 'enters a standard set of scenarios for the assets in margin.asset: all but stablecoins -10, -20, -40 %; altcoin crash: majors -30 %, all others -60 %; squeeze up: majors +25 %, all others +50 %; each asset -99.9 %; each stablecoin at 0.9 USD (but for names above 247 bytes). The figures are illustrations, not forecasts. An asset is a stablecoin or a major if its symbol is in the array; null: none is. Leaves a scenario that is there already as it is; returns how many were entered';

-- ---------------------------------------------------------------------------
-- A market with moved prices
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.shock(market margin.market, moves margin.scenario[], linked boolean DEFAULT true) RETURNS margin.market
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS 'MODULE_PATHNAME', 'margin_shock';
COMMENT ON FUNCTION margin.shock(margin.market, margin.scenario[], boolean) IS
'the market with prices moved all at once, whatever scenario the rows name. A relative move is an exact product; it leaves an asset or contract without price without. A price becomes the price, also where there was none. A row for one asset takes the place of the row for all. Linked: a contract that has no row of its own gets mark * (P_base'' / P_base) / (P_settle'' / P_settle), rounded half away from zero at the 18th decimal, where either price moves; an underlying or settlement asset that the market does not list moves as all assets do. Errors: unknown symbol, one moved twice, a price that would not stay above 0 or takes more than 1,000 digits on a side. Null for null';

CREATE FUNCTION margin.shock(
    market margin.market,
    asset text DEFAULT NULL,
    contract text DEFAULT NULL,
    relative numeric DEFAULT NULL,
    price numeric DEFAULT NULL,
    linked boolean DEFAULT true
) RETURNS margin.market
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin.shock(market, ARRAY[ROW(NULL, asset, contract, relative, price)::margin.scenario], linked);
COMMENT ON FUNCTION margin.shock(margin.market, text, text, numeric, numeric, boolean) IS
'the market with one price moved, or those of all assets where neither asset nor contract is given: shock(m, relative => -0.2), shock(m, ''BTC'', relative => -0.2), shock(m, ''USDT'', price => 0.9), shock(m, contract => ''BTC_USDT'', price => 60000); either relative or price, as in the other form. Null for a null market';

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
'one portfolio in two markets, before and after a move of prices or a change of tiers, in one row: fields of both valuations, in USD but for margin_ratio, and after less before; exact. What is null in a valuation is null here, and so is its change. No row for null';

-- ---------------------------------------------------------------------------
-- Portfolios in many scenarios
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.stress(
    portfolio margin.portfolio, market margin.market, scenarios margin.scenario[], linked boolean DEFAULT true,
    OUT scenario text, OUT equity numeric, OUT maintenance_margin numeric, OUT level margin.level,
    OUT loss numeric, OUT missing text[]
) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 1000 ROWS 20 AS 'MODULE_PATHNAME', 'margin_stress';
COMMENT ON FUNCTION margin.stress(margin.portfolio, margin.market, margin.scenario[], boolean) IS
'a portfolio in scenarios of a market, one row per scenario in byte order of its name, as evaluate(portfolio, shock(market, its rows, linked)) has it: equity and maintenance_margin in USD, exact; level; loss is what a negative equity leaves beyond the collateral, max(0, -equity), USD. Amounts are null and missing names what lacks where the level is unpriced. Errors as of shock(), and for a scenario without name. No rows for an empty array or null; an empty portfolio has rows of 0';

CREATE VIEW margin.account_stress WITH (security_invoker = true) AS
SELECT account_id, s.*
  FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p
          FROM (SELECT * FROM margin.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account,
       LATERAL margin.stress(p, (SELECT margin.market()), (SELECT margin.scenarios())) AS s;
ALTER VIEW margin.account_stress OWNER TO @extowner@;
COMMENT ON VIEW margin.account_stress IS 'every account in every scenario of margin.scenario, from the present market, marks linked';
COMMENT ON COLUMN margin.account_stress.account_id IS 'the account';
COMMENT ON COLUMN margin.account_stress.scenario IS 'name of the scenario';
COMMENT ON COLUMN margin.account_stress.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN margin.account_stress.maintenance_margin IS 'what positions and debts require to be kept, USD';
COMMENT ON COLUMN margin.account_stress.level IS 'of the account in this scenario';
COMMENT ON COLUMN margin.account_stress.loss IS 'what a negative equity leaves beyond the collateral, USD, >= 0';
COMMENT ON COLUMN margin.account_stress.missing IS 'symbols that lack a price or parameter; null where nothing does';
