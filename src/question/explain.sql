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
    WITH threshold AS MATERIALIZED (
        SELECT * FROM margin.thresholds(market)
    ),
    item AS MATERIALIZED (
        SELECT * FROM margin.explain(portfolio, market)
    ),
    -- what judged equity is made of, where orders take something of it
    taken AS MATERIALIZED (
        SELECT i.kind, i.item, sum(i.value) AS value FROM item AS i WHERE i.field = 'judged_equity' GROUP BY i.kind, i.item
    ),
    valued AS (
        SELECT v.*, judged_equity, CASE WHEN judged_equity <> v.equity THEN 'judged ' ELSE '' END || 'equity' AS judged,
               own.margin_ratio AS reached, above.margin_ratio AS next
          FROM margin.evaluate(portfolio, market) AS v
         CROSS JOIN LATERAL (SELECT coalesce(trim_scale(sum(t.value)), v.equity) AS judged_equity FROM taken AS t) AS judged_equity
          LEFT JOIN threshold AS own ON own.level = v.level
          LEFT JOIN LATERAL (SELECT min(l.margin_ratio) AS margin_ratio
                               FROM threshold AS l WHERE l.level > v.level) AS above ON true
    ),
    -- one asset or leg in one field: its value, and how that comes about; sorted once, as sorting each by itself takes longer
    part AS (
        SELECT i.field, i.kind, i.symbol, i.side, coalesce(max(i.item) FILTER (WHERE i.item NOT LIKE '% fee'), max(i.item)) AS item,
               sum(i.amount) AS amount, trim_scale(sum(i.value)) AS value,
               min(i.weight) AS weight, min(i.unit) AS unit, min(i.price) AS price,
               string_agg(CASE WHEN i.item IN ('netted out', 'outweighed') THEN i.item
                               WHEN i.rate IS NULL THEN i.amount::text
                               WHEN i.unit = 'contracts' THEN format('%s contracts x %s at %s USD', i.amount, i.rate, i.price)
                               ELSE format('%s x %s', i.amount, i.rate) END
                          || CASE WHEN i.item LIKE '% fee' THEN ' ' || i.item ELSE '' END, ' + ') AS terms,
               CASE WHEN max(i.item) NOT IN ('netted out', 'outweighed')
                    THEN concat(' at ' || nullif(min(i.price) FILTER (WHERE i.unit <> 'contracts'), 1) || ' USD',
                                ', weight ' || nullif(min(i.weight), 1)) END AS factors
          FROM (SELECT * FROM item AS i
                 WHERE i.field IN ('collateral_value', 'liabilities', 'initial_equity', 'unrealized_pnl', 'maintenance_margin', 'initial_margin')
                 ORDER BY i.field, i.kind, i.symbol, i.side, i.item LIKE '% fee', i.lower_bound) AS i
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
          FROM valued AS v, threshold AS l
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
                       FROM taken AS t WHERE t.kind = 'contract') AS t
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
         WHERE i.field = 'missing' AND (SELECT v.level = 'unpriced' FROM valued AS v)
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
