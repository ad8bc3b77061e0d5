-- The same columns as plain.sql, as exact, in the form most analysts would give
-- the query: window functions turn tiers into ranges, amounts are joined to them.
--
-- What made it fast, each step measured against its alternatives:
--   * A tier is a straight piece, slope * amount + intercept, so that an amount
--     meets one row and no sum over tiers.
--   * Most amounts lie in the first tier.  A second hash key beside the symbol
--     keeps them from being compared with the rows of all the others.
--   * OFFSET 0 has an amount computed once, not once per row it is compared with.
--   * The rest, lots, hedges, sorting and the merge join, is that of plain.sql.
--
-- Tables are found through search_path.  Amounts in USD unless said.

WITH collateral AS (
    SELECT asset, lower_bound, ratio,
           lead(lower_bound, 1, 'infinity') OVER w AS upper_bound,
           sum(lower_bound * (previous - ratio)) OVER w AS intercept
      FROM (SELECT *, lag(ratio, 1, ratio) OVER (PARTITION BY asset ORDER BY lower_bound) AS previous
              FROM collateral_tier t
             WHERE valid_from = (SELECT max(valid_from) FROM collateral_tier
                                  WHERE asset = t.asset AND valid_from <= now())) AS t
    WINDOW w AS (PARTITION BY asset ORDER BY lower_bound)
), debt AS (
    SELECT asset, lower_bound, maintenance_rate AS rate,
           lead(lower_bound, 1, 'infinity') OVER w AS upper_bound,
           sum(lower_bound * (previous - maintenance_rate)) OVER w AS intercept
      FROM (SELECT *, lag(maintenance_rate, 1, maintenance_rate) OVER (PARTITION BY asset ORDER BY lower_bound) AS previous
              FROM liability_tier t
             WHERE valid_from = (SELECT max(valid_from) FROM liability_tier
                                  WHERE asset = t.asset AND valid_from <= now())) AS t
    WINDOW w AS (PARTITION BY asset ORDER BY lower_bound)
), risk AS (
    SELECT contract, lower_bound, maintenance_rate, initial_rate,
           lead(lower_bound, 1, 'infinity') OVER w AS upper_bound,
           sum(lower_bound * (previous_maintenance - maintenance_rate)) OVER w AS maintenance_intercept,
           sum(lower_bound * (previous_initial - initial_rate)) OVER w AS initial_intercept
      FROM (SELECT *, lag(maintenance_rate, 1, maintenance_rate) OVER w AS previous_maintenance,
                   lag(initial_rate, 1, initial_rate) OVER w AS previous_initial
              FROM risk_tier t
             WHERE valid_from = (SELECT max(valid_from) FROM risk_tier
                                  WHERE contract = t.contract AND valid_from <= now())
            WINDOW w AS (PARTITION BY contract ORDER BY lower_bound)) AS t
    WINDOW w AS (PARTITION BY contract ORDER BY lower_bound)
), priced AS MATERIALIZED (
    SELECT a.*, p.price,
           -- tiers count in USD, price to a unit of the asset, or in units, worth the price
           CASE tier_unit WHEN 'value' THEN p.price ELSE 1 END AS unit,
           CASE tier_unit WHEN 'value' THEN 1 ELSE p.price END AS worth,
           c.asset IS NOT NULL AS accepted, upper_bound AS first_end
      FROM asset a
      LEFT JOIN index_price p ON p.asset = a.asset
           AND (a.max_age IS NULL OR p.updated_at >= now() - a.max_age)
      LEFT JOIN collateral c ON c.asset = a.asset AND lower_bound = 0
), asset_tier AS MATERIALIZED (  -- bands: owed, in the first tier, above it
    SELECT asset, CASE lower_bound WHEN 0 THEN 0 ELSE 1 END AS band, lower_bound, upper_bound,
           worth * ratio AS slope, worth * intercept AS intercept,
           NULL::numeric AS debt_slope, NULL::numeric AS debt_intercept
      FROM priced JOIN collateral USING (asset)
    UNION ALL
    SELECT asset, -1, COALESCE(lower_bound, 0), COALESCE(upper_bound, 'infinity'),
           price * - liability_weight, 0, price * rate, price * intercept
      FROM priced LEFT JOIN debt USING (asset)
), terms AS MATERIALIZED (
    SELECT c.contract, settle, netting, contract_size, closing_fee, maintenance_method, initial_method,
           weight, contract_size * m.price AS unit, weight * contract_size * m.price AS weighted_unit, upper_bound AS first_end
      FROM contract c
      LEFT JOIN mark_price m ON m.contract = c.contract
           AND (c.max_age IS NULL OR m.updated_at >= now() - c.max_age)
      LEFT JOIN (SELECT asset, price * requirement_weight AS weight FROM priced) AS s ON s.asset = settle
      LEFT JOIN risk r ON r.contract = c.contract AND lower_bound = 0
), contract_tier AS MATERIALIZED (  -- bands: in the first tier, above it
    SELECT contract, CASE lower_bound WHEN 0 THEN 0 ELSE 1 END AS band, lower_bound, upper_bound,
           weight * (maintenance_rate + closing_fee) AS maintenance_slope,
           CASE maintenance_method WHEN 'whole' THEN 0 ELSE weight * maintenance_intercept END AS maintenance_intercept,
           weight * COALESCE(initial_rate, 0) AS initial_slope,
           CASE initial_method WHEN 'whole' THEN 0 ELSE weight * COALESCE(initial_intercept, 0) END AS initial_intercept
      FROM terms JOIN risk USING (contract)
), lot AS NOT MATERIALIZED (
    -- quantity / leverage rounded up at the 18th decimal, by integer division:
    -- exact for quantities of up to 24 decimals and leverages of up to 6
    SELECT *, div(abs(quantity) * 1e24 + (leverage * 1e6 - 1), leverage * 1e6) * 1e-18 AS margin_quantity
      FROM position
), hedge AS (  -- both sides held, of a contract that nets them
    SELECT account_id, contract,
           CASE netting WHEN 'larger' THEN larger ELSE difference END AS quantity,
           CASE netting WHEN 'larger' THEN GREATEST(long_margin, short_margin)
                ELSE div(CASE WHEN long = larger THEN long_margin ELSE short_margin END * difference * 1e36
                         + (larger * 1e18 - 1), larger * 1e18) * 1e-18
           END AS margin_quantity
      FROM (SELECT account_id, contract, netting, l.quantity AS long,
                   GREATEST(l.quantity, -s.quantity) AS larger, abs(l.quantity + s.quantity) AS difference,
                   l.margin_quantity AS long_margin, s.margin_quantity AS short_margin
              FROM lot l JOIN lot s USING (account_id, contract) JOIN terms USING (contract)
             WHERE l.side = 'long' AND s.side = 'short' AND netting <> 'leg') AS pair
), leg AS (  -- a hedge goes with its long lot
    SELECT l.account_id, contract, settle, first_end, l.quantity * (unit - contract_size * entry_price) AS pnl,
           unit * CASE WHEN h.contract IS NULL THEN abs(l.quantity)
                       WHEN side = 'long' THEN h.quantity ELSE 0 END AS notional,
           weighted_unit * CASE WHEN h.contract IS NULL THEN l.margin_quantity
                                WHEN side = 'long' THEN h.margin_quantity END AS margin
      FROM lot l
      LEFT JOIN terms USING (contract)
      LEFT JOIN hedge h USING (account_id, contract)
    OFFSET 0
), required AS (  -- a leg without a tier, a price or a weight is incomplete
    SELECT account_id, settle, sum(pnl) AS pnl, sum(maintenance) AS maintenance,
           sum(GREATEST(initial, margin, maintenance)) AS initial, bool_and(maintenance IS NOT NULL) AS complete
      FROM (SELECT account_id, settle, pnl, margin,
                   maintenance_slope * notional + maintenance_intercept AS maintenance,
                   initial_slope * notional + initial_intercept AS initial
              FROM leg l
              LEFT JOIN contract_tier t ON t.contract = l.contract
                   AND band = CASE WHEN notional < first_end THEN 0 ELSE 1 END
                   AND notional >= lower_bound AND notional < upper_bound
             ORDER BY account_id, settle) AS l
     GROUP BY account_id, settle
), amount AS (  -- in what the tiers of the asset count in
    SELECT i.*, price, accepted, first_end, CASE WHEN equity < 0 THEN - equity ELSE equity * unit END AS amount
      FROM (SELECT COALESCE(b.account_id, r.account_id) AS account_id,
                   COALESCE(b.asset, settle) AS asset,
                   COALESCE(b.quantity + r.pnl, b.quantity, r.pnl) AS equity,
                   r.pnl, maintenance, initial, complete
              FROM (SELECT * FROM balance ORDER BY account_id, asset) AS b
              FULL JOIN (SELECT * FROM required ORDER BY account_id, settle) AS r
                   ON r.account_id = b.account_id AND r.settle = b.asset
            OFFSET 0) AS i
      LEFT JOIN priced USING (asset)
    OFFSET 0
), item AS (
    SELECT account_id, price * pnl AS pnl, maintenance, initial,
           price * equity AS net_asset_value,
           slope * amount + intercept AS value,
           debt_slope * amount + debt_intercept AS debt_maintenance,
           NOT complete OR price IS NULL AND equity <> 0
                           AND (accepted IS NOT FALSE OR equity < 0) AS missing
      FROM amount a
      LEFT JOIN asset_tier t ON t.asset = a.asset
           AND band = CASE WHEN equity < 0 THEN -1 WHEN amount < first_end THEN 0 ELSE 1 END
           AND amount >= lower_bound AND amount < upper_bound
     ORDER BY account_id
), account AS (  -- amounts stay NULL where something is missing
    SELECT account_id,
           CASE WHEN priced THEN COALESCE(equity, 0) END AS equity,
           CASE WHEN priced THEN COALESCE(liabilities, 0) END AS liabilities,
           CASE WHEN priced THEN COALESCE(net_asset_value, 0) END AS net_asset_value,
           CASE WHEN priced THEN COALESCE(pnl, 0) END AS unrealized_pnl,
           CASE WHEN priced THEN COALESCE(initial, 0) + COALESCE(debt_maintenance, 0) END AS initial_margin,
           CASE WHEN priced THEN COALESCE(maintenance, 0) + COALESCE(debt_maintenance, 0) END AS maintenance_margin
      FROM (SELECT account_id, sum(value) AS equity, - sum(value) FILTER (WHERE value < 0) AS liabilities,
                   sum(net_asset_value) AS net_asset_value, sum(pnl) AS pnl, sum(initial) AS initial,
                   sum(maintenance) AS maintenance, sum(debt_maintenance) AS debt_maintenance,
                   bool_or(missing) IS NOT TRUE AS priced
              FROM item
             GROUP BY account_id) AS i
    OFFSET 0
), threshold AS (
    SELECT COALESCE(max(margin_ratio) FILTER (WHERE level = 'warning'), 0.7) AS warning,
           COALESCE(max(margin_ratio) FILTER (WHERE level = 'margin_call'), 0.85) AS margin_call,
           COALESCE(max(margin_ratio) FILTER (WHERE level = 'liquidation'), 1) AS liquidation
      FROM level_threshold
)
SELECT account_id, equity, equity + liabilities AS collateral_value, liabilities, net_asset_value,
       net_asset_value - equity AS haircut, unrealized_pnl, initial_margin, maintenance_margin,
       equity - initial_margin AS available_margin,
       CASE WHEN maintenance_margin > equity THEN maintenance_margin - equity
            WHEN equity IS NOT NULL THEN 0 END AS shortfall,
       -- half away from zero at the 8th decimal, without rounding twice
       CASE WHEN equity > 0 THEN div(maintenance_margin * 2e8 + equity, equity * 2) * 1e-8 END AS margin_ratio,
       CASE WHEN equity IS NULL THEN 'unpriced'
            WHEN equity < 0 THEN 'bankrupt'
            WHEN maintenance_margin = 0 THEN 'healthy'
            WHEN maintenance_margin >= liquidation * equity THEN 'liquidation'
            WHEN maintenance_margin >= margin_call * equity THEN 'margin_call'
            WHEN maintenance_margin >= warning * equity THEN 'warning'
            ELSE 'healthy' END::margin.level AS level
  FROM account, threshold
