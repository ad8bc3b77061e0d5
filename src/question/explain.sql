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
'the field of the valuation that the values sum to: net_asset_value, collateral_value, liabilities, unrealized_pnl, maintenance_margin, initial_margin; or missing, for an account that cannot be valued';
COMMENT ON COLUMN margin.explanation.kind IS 'what symbol names: asset or contract';
COMMENT ON COLUMN margin.explanation.symbol IS 'the asset or the contract';
COMMENT ON COLUMN margin.explanation.side IS 'side of the contract; null for an asset';
COMMENT ON COLUMN margin.explanation.item IS
'balance, profit and loss; collateral ratio, not collateral; debt; maintenance rate, closing fee, initial rate, leverage, netted out; of an initial margin the items of whichever requirement decides; or what is missing: unknown asset, no index price, unknown contract, no mark price, no maintenance rates';
COMMENT ON COLUMN margin.explanation.lower_bound IS 'of the tier, in unit; null where no schedule applies';
COMMENT ON COLUMN margin.explanation.upper_bound IS 'of the tier, in unit; null for the last tier and where no schedule applies';
COMMENT ON COLUMN margin.explanation.amount IS
'what the row counts, in unit: the part of the amount inside the tier (of a whole schedule all of it); of a requirement the notional, with netting net the difference of the sides; of leverage the margin that was chosen';
COMMENT ON COLUMN margin.explanation.unit IS 'asset of amount and bounds; USD for collateral tiers by value; contracts where a contract is missing';
COMMENT ON COLUMN margin.explanation.rate IS 'ratio or rate of the tier, or closing fee; 0 for what does not count';
COMMENT ON COLUMN margin.explanation.weight IS 'liability_weight of a debt, or requirement_weight of the asset in which the contract settles';
COMMENT ON COLUMN margin.explanation.price IS 'index price of unit, USD';
COMMENT ON COLUMN margin.explanation.value IS 'USD; null if a price or parameter is missing';

CREATE FUNCTION margin.explain(portfolio margin.portfolio, market margin.market) RETURNS SETOF margin.explanation
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 200 ROWS 50 AS 'MODULE_PATHNAME', 'margin_explain';
COMMENT ON FUNCTION margin.explain(margin.portfolio, margin.market) IS
'the valuation taken apart, one row per field, asset or contract side, and tier; the values of a field sum exactly to that field of evaluate(), a field without rows is 0. An unpriced account has only rows of field missing, with a null value. No row for an empty portfolio or null';

CREATE FUNCTION margin.explain_text(portfolio margin.portfolio, market margin.market) RETURNS SETOF text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    WITH valued AS (
        SELECT v.*, own.margin_ratio AS reached, above.margin_ratio AS next
          FROM margin.evaluate(portfolio, market) AS v
          LEFT JOIN margin.thresholds(market) AS own ON own.level = v.level
          LEFT JOIN LATERAL (SELECT min(l.margin_ratio) AS margin_ratio
                               FROM margin.thresholds(market) AS l WHERE l.level > v.level) AS above ON true
    ),
    item AS MATERIALIZED (
        SELECT * FROM margin.explain(portfolio, market)
    ),
    -- one asset or leg in one field: its value, and how that comes about
    part AS (
        SELECT i.field, i.kind, i.symbol, i.side, max(i.item) AS item, sum(i.amount) AS amount, trim_scale(sum(i.value)) AS value,
               min(i.weight) AS weight, min(i.unit) AS unit,
               string_agg(CASE WHEN i.item = 'netted out' THEN i.item
                               WHEN i.rate IS NULL THEN i.amount::text
                               ELSE format('%s x %s', i.amount, i.rate) END
                          || CASE i.item WHEN 'closing fee' THEN ' closing fee' ELSE '' END,
                          ' + ' ORDER BY i.item DESC, i.lower_bound) AS terms,
               CASE WHEN max(i.item) <> 'netted out'
                    THEN concat(' at ' || nullif(min(i.price), 1) || ' USD', ', weight ' || nullif(min(i.weight), 1)) END AS factors
          FROM item AS i
         GROUP BY i.field, i.kind, i.symbol, i.side
    ),
    -- the fields of an asset or leg side by side, so that it is looked up once
    asset AS MATERIALIZED (
        SELECT p.symbol, max(p.item) FILTER (WHERE p.field <> 'maintenance_margin') AS item,
               max(p.terms) FILTER (WHERE p.field <> 'maintenance_margin') AS terms,
               max(p.weight) FILTER (WHERE p.field <> 'maintenance_margin') AS weight,
               max(p.unit) FILTER (WHERE p.field <> 'maintenance_margin') AS unit,
               max(p.terms) FILTER (WHERE p.field = 'maintenance_margin') AS maintenance_terms
          FROM part AS p
         WHERE p.field IN ('collateral_value', 'liabilities', 'maintenance_margin') AND p.kind = 'asset'
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
    sentence (section, place, symbol, side, text) AS (
        SELECT 1, 0::numeric, '', NULL::margin.side,
               CASE WHEN v.level = 'unpriced' THEN 'Level unpriced: the account cannot be valued, because something is missing.'
                    WHEN v.level = 'bankrupt' THEN format('Level bankrupt: the equity of %s USD is below 0.', v.equity)
                    WHEN v.maintenance_margin = 0 THEN format('Level healthy: nothing is required, and the equity is %s USD.', v.equity)
                    ELSE format('Level %s: the maintenance margin of %s USD is %s times the equity of %s USD.', v.level, v.maintenance_margin,
                                concat_ws(' and ', 'at least ' || v.reached, 'less than ' || v.next), v.equity)
               END
          FROM valued AS v
        UNION ALL
        SELECT 2, 0, '', NULL,
               concat('The margin ratio is ' || v.margin_ratio || '; ',
                      CASE WHEN v.shortfall > 0 THEN format('equity lacks %s USD to the maintenance margin.', v.shortfall)
                           ELSE format('equity is %s USD above the maintenance margin.', trim_scale(v.equity - v.maintenance_margin)) END)
          FROM valued AS v
         WHERE v.maintenance_margin > 0
        UNION ALL
        SELECT 3, 0, '', NULL,
               format('Levels by maintenance margin, at this equity: %s.',
                      string_agg(format('%s from %s USD (%s times)', l.level, trim_scale(l.margin_ratio * v.equity), l.margin_ratio),
                                 ', ' ORDER BY l.level))
          FROM valued AS v, margin.thresholds(market) AS l
         WHERE v.equity > 0
        HAVING count(*) > 0
        UNION ALL
        SELECT 4, 0, '', NULL,
               format('Available margin is %s USD: equity less the initial margin of %s USD. %s', v.available_margin, v.initial_margin,
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
        SELECT 6, c.haircut, c.asset, NULL,
               format('%s: %s%s', c.asset, c.asset_equity,
                      CASE WHEN c.pnl <> 0
                           THEN format(' (balance %s, profit and loss %s)', c.balance, c.pnl) END)
               || CASE WHEN c.price IS NULL THEN ' without price' ELSE format(' at %s USD is %s USD', c.price, c.net_asset_value) END
               || CASE WHEN c.asset_equity < 0
                       THEN format(' and weighs %s USD, a liability of weight %s', c.liability, a.weight)
                            || CASE WHEN c.maintenance_margin > 0
                                    THEN format(', with a maintenance of %s USD (%s)', c.maintenance_margin, a.maintenance_terms) ELSE '' END
                       WHEN a.item = 'not collateral' THEN ' and counts nothing, as it is not collateral'
                       WHEN c.haircut = 0 THEN ' and counts in full'
                       ELSE format(' and counts %s USD (%s%s), a haircut of %s USD', c.collateral_value, a.terms,
                                   CASE WHEN a.unit <> c.asset THEN ', by value' END, c.haircut) END
               || '.'
          FROM margin.collateral(portfolio, market) AS c
          JOIN asset AS a ON a.symbol = c.asset
         WHERE c.asset_equity <> 0
        UNION ALL
        SELECT 7, l.maintenance, l.symbol, l.side,
               format('%s %s %s at mark %s %s: profit and loss %s %s, maintenance %s USD (%s), initial %s USD (%s%s).', l.symbol, l.side,
                      CASE l.side WHEN 'long' THEN c.long ELSE c.short END, c.mark, c.settle, l.pnl, c.settle,
                      l.maintenance, l.maintenance_terms, l.initial,
                      CASE l.initial_item WHEN 'netted out' THEN '' WHEN 'maintenance rate' THEN 'as maintenance: '
                           ELSE 'by ' || l.initial_item || ': ' END,
                      l.initial_terms)
          FROM margin.positions(portfolio, market) AS c
          JOIN leg AS l ON l.symbol = c.contract
        UNION ALL
        SELECT 8, 0, i.symbol, i.side,
               format('%s%s: %s%s.', i.symbol, ' ' || i.side, i.item, ', needed for ' || nullif(i.amount, 0) || ' ' || i.unit)
          FROM item AS i
         WHERE i.field = 'missing'
    )
    SELECT s.text FROM sentence AS s ORDER BY s.section, s.place DESC, s.symbol COLLATE "C", s.side, s.text COLLATE "C";
END;
COMMENT ON FUNCTION margin.explain_text(margin.portfolio, margin.market) IS
'the valuation in sentences, one per row: level, distance to the next one, available margin, equity, assets by haircut, contracts by maintenance; of an unpriced account what is missing. Amounts in USD unless stated, exact but for margin_ratio. No row for null';

CREATE FUNCTION margin.prices(portfolio margin.portfolio, market margin.market) RETURNS jsonb
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 50 AS 'MODULE_PATHNAME', 'margin_prices';
COMMENT ON FUNCTION margin.prices(margin.portfolio, margin.market) IS
'The prices that value a portfolio, all digits: {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}}. '
'Assets are priced in USD, contracts in their settlement asset; a missing price is null. Null for null.';
