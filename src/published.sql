-- published: the ratios that the venue publishes, for whoever wants to begin
-- with them.  CREATE EXTENSION inserts no row: what a script inserts, a restore
-- would meet again.

CREATE FUNCTION margin.load_published() RETURNS integer
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
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
        INSERT INTO margin.asset (asset, source)
        SELECT DISTINCT asset, 'collateral ratios: published by the venue'
          FROM published
        ON CONFLICT DO NOTHING
        RETURNING asset
    ), tier AS (
        INSERT INTO margin.collateral_tier (asset, lower_bound, ratio)
        SELECT asset, lower_bound, ratio
          FROM published JOIN loaded USING (asset)
    )
    SELECT count(*)::integer FROM loaded;
END;
COMMENT ON FUNCTION margin.load_published() IS 'enters the assets BTC, USDT and USDC with the collateral ratios that the venue publishes; leaves an asset that is there already, and its tiers, as they are; returns how many assets were entered; no prices, no contracts';
