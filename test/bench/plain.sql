-- Every column of account_margin but "missing", in plain SQL over
-- numeric: the query to beat, exact to the last digit.
--
-- What made it fast, each step measured against its alternatives:
--   * A schedule is turned into straight pieces, rate * x + intercept, so that
--     an amount needs one tier and no sum over tiers.  The piece is found by
--     width_bucket() in an array; a range join reads every tier of the symbol.
--   * Most amounts lie in the first tier: two comparisons tell, and the array
--     is not opened.
--   * Lots are valued one by one.  Only where both sides of a contract are held
--     and net against each other are they brought together, by a small join.
--   * ORDER BY in a subquery makes the planner sort where it would hash; hashed
--     groups of numeric sums spill at this size.
--   * balance and position are joined once per settlement asset, by a merge.
--
-- Tables are found through search_path.  Amounts in USD unless said.

WITH priced AS (
    SELECT a.*, p.price,
           CASE tier_unit WHEN 'value' THEN p.price ELSE 1 END AS unit  -- what tiers count in
      FROM asset a
      LEFT JOIN index_price p ON p.asset = a.asset
           AND (a.max_age IS NULL OR p.updated_at >= now() - a.max_age)
), collateral AS (
    SELECT asset, lower_bound, ratio,
           sum(lower_bound * (previous - ratio)) OVER (PARTITION BY asset ORDER BY lower_bound) AS intercept
      FROM (SELECT *, lag(ratio, 1, ratio) OVER (PARTITION BY asset ORDER BY lower_bound) AS previous
              FROM collateral_tier t
             WHERE valid_from = (SELECT max(valid_from) FROM collateral_tier
                                  WHERE asset = t.asset AND valid_from <= now())) AS t
), debt AS (
    SELECT asset, maintenance_rate AS rate,
           lead(lower_bound, 1, 'infinity') OVER (PARTITION BY asset ORDER BY lower_bound) AS upper_bound,
           sum(lower_bound * (previous - maintenance_rate)) OVER (PARTITION BY asset ORDER BY lower_bound) AS intercept
      FROM (SELECT *, lag(maintenance_rate, 1, maintenance_rate) OVER (PARTITION BY asset ORDER BY lower_bound) AS previous
              FROM liability_tier t
             WHERE valid_from = (SELECT max(valid_from) FROM liability_tier
                                  WHERE asset = t.asset AND valid_from <= now())) AS t
), piece AS (  -- both signs of an asset's equity on one axis, from -infinity up
    SELECT asset, COALESCE(lower_bound, 0) AS at, COALESCE(price * ratio, 0) AS slope,
           COALESCE(price / unit * intercept, 0) AS intercept,
           0 AS debt_slope, 0 AS debt_intercept, ratio IS NOT NULL AS accepted
      FROM priced LEFT JOIN collateral USING (asset)
    UNION ALL
    SELECT asset, COALESCE(- unit * upper_bound, '-infinity'), liability_weight * price, 0,
           COALESCE(- price * rate, 0), COALESCE(price * intercept, 0), NULL
      FROM priced LEFT JOIN debt USING (asset)
), curve AS MATERIALIZED (
    SELECT asset, price, unit, bool_or(accepted) AS accepted,
           min(slope) FILTER (WHERE at = 0) AS first_slope,
           -- end of the first tier in units of the asset, rounded down
           div(COALESCE(min(at) FILTER (WHERE at > 0), 1e100) * 1000, unit) * 0.001 AS first_end,
           array_agg(at ORDER BY at) AS at,
           array_agg(slope ORDER BY at) AS slope,
           array_agg(intercept ORDER BY at) AS intercept,
           array_agg(debt_slope ORDER BY at) AS debt_slope,
           array_agg(debt_intercept ORDER BY at) AS debt_intercept
      FROM piece JOIN priced USING (asset)
     GROUP BY asset, price, unit
), risk AS (
    SELECT contract, lower_bound, maintenance_rate, initial_rate,
           sum(lower_bound * (previous_maintenance - maintenance_rate)) OVER w AS maintenance_intercept,
           sum(lower_bound * (previous_initial - initial_rate)) OVER w AS initial_intercept
      FROM (SELECT *, lag(maintenance_rate, 1, maintenance_rate) OVER w AS previous_maintenance,
                   lag(initial_rate, 1, initial_rate) OVER w AS previous_initial
              FROM risk_tier t
             WHERE valid_from = (SELECT max(valid_from) FROM risk_tier
                                  WHERE contract = t.contract AND valid_from <= now())
            WINDOW w AS (PARTITION BY contract ORDER BY lower_bound)) AS t
    WINDOW w AS (PARTITION BY contract ORDER BY lower_bound)
), terms AS MATERIALIZED (
    SELECT c.contract, settle, netting, contract_size,
           contract_size * m.price AS unit,
           weight * contract_size * m.price AS weighted_unit,
           m.price IS NOT NULL AND weight IS NOT NULL AND count(lower_bound) > 0 AS complete,
           COALESCE(min(lower_bound) FILTER (WHERE lower_bound > 0), 'infinity') AS first_end,
           weight * (min(maintenance_rate) FILTER (WHERE lower_bound = 0) + closing_fee) AS first_maintenance,
           weight * COALESCE(min(initial_rate) FILTER (WHERE lower_bound = 0), 0) AS first_initial,
           array_agg(lower_bound ORDER BY lower_bound) AS at,
           array_agg(weight * (maintenance_rate + closing_fee) ORDER BY lower_bound) AS maintenance,
           array_agg(CASE maintenance_method WHEN 'whole' THEN 0 ELSE weight * maintenance_intercept END
                     ORDER BY lower_bound) AS maintenance_intercept,
           array_agg(weight * COALESCE(initial_rate, 0) ORDER BY lower_bound) AS initial,
           array_agg(CASE initial_method WHEN 'whole' THEN 0 ELSE weight * COALESCE(initial_intercept, 0) END
                     ORDER BY lower_bound) AS initial_intercept
      FROM contract c
      LEFT JOIN mark_price m ON m.contract = c.contract
           AND (c.max_age IS NULL OR m.updated_at >= now() - c.max_age)
      LEFT JOIN (SELECT asset, price * requirement_weight AS weight FROM priced) AS s ON s.asset = settle
      LEFT JOIN risk ON risk.contract = c.contract
     GROUP BY c.contract, settle, netting, contract_size, closing_fee, m.price, weight,
              maintenance_method, initial_method
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
    SELECT l.account_id, l.quantity * (unit - contract_size * entry_price) AS pnl,
           unit * CASE WHEN h.contract IS NULL THEN abs(l.quantity)
                       WHEN side = 'long' THEN h.quantity ELSE 0 END AS notional,
           weighted_unit * CASE WHEN h.contract IS NULL THEN l.margin_quantity
                                WHEN side = 'long' THEN h.margin_quantity END AS margin,
           t.*
      FROM lot l
      LEFT JOIN terms t USING (contract)
      LEFT JOIN hedge h ON h.account_id = l.account_id AND h.contract = l.contract
    OFFSET 0
), required AS (
    SELECT account_id, settle, sum(pnl) AS pnl, sum(maintenance) AS maintenance,
           sum(GREATEST(initial, margin, maintenance)) AS initial, bool_and(complete IS TRUE) AS complete
      FROM (SELECT account_id, settle, complete, pnl, margin,
                   CASE WHEN notional < first_end THEN first_maintenance * notional
                        ELSE maintenance[width_bucket(notional, at)] * notional
                             + maintenance_intercept[width_bucket(notional, at)] END AS maintenance,
                   CASE WHEN notional < first_end THEN first_initial * notional
                        ELSE initial[width_bucket(notional, at)] * notional
                             + initial_intercept[width_bucket(notional, at)] END AS initial
              FROM leg
             ORDER BY account_id, settle) AS l
     GROUP BY account_id, settle
), item AS (
    SELECT account_id, price * pnl AS pnl, maintenance, initial,
           price * equity AS net_asset_value,
           CASE WHEN equity >= 0 AND equity < first_end THEN first_slope * equity
                WHEN equity < 0 THEN slope[1] * equity
                ELSE slope[width_bucket(equity * unit, at)] * equity
                     + intercept[width_bucket(equity * unit, at)] END AS value,
           CASE WHEN equity < 0 THEN debt_slope[width_bucket(equity * unit, at)] * equity
                     + debt_intercept[width_bucket(equity * unit, at)] END AS debt_maintenance,
           NOT complete OR price IS NULL AND equity <> 0
                           AND (accepted IS NOT FALSE OR equity < 0) AS missing
      FROM (SELECT COALESCE(b.account_id, r.account_id) AS account_id,
                   COALESCE(b.asset, settle) AS asset,
                   COALESCE(b.quantity + r.pnl, b.quantity, r.pnl) AS equity,
                   r.pnl, maintenance, initial, complete
              FROM (SELECT * FROM balance ORDER BY account_id, asset) AS b
              FULL JOIN (SELECT * FROM required ORDER BY account_id, settle) AS r
                   ON r.account_id = b.account_id AND r.settle = b.asset) AS i
      LEFT JOIN curve USING (asset)
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
