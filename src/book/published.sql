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
