-- reports of a book: what a desk asks of it every day, now or as of a snapshot
--
-- Every report is a function of an instant, null: now, and most are a view of
-- now, too.

CREATE FUNCTION report_levels(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT * FROM level_totals() WHERE as_of IS NULL
    UNION ALL
    SELECT l.* FROM snapshot AS s, LATERAL unnest(s.levels) AS l
     WHERE s.taken_at = (SELECT snapshot_at(as_of));
END;
COMMENT ON FUNCTION report_levels(timestamptz) IS 'how many accounts are at each level, and their totals in USD: of the latest snapshot at or before as_of, as stored with it; an error if there is none; null: now';

CREATE VIEW report_levels WITH (security_invoker = true) AS
SELECT * FROM report_levels();
COMMENT ON VIEW report_levels IS 'how many accounts are at each level now, and their totals; amounts are null where there are accounts whose amounts are not known';
COMMENT ON COLUMN report_levels.level IS 'the level';
COMMENT ON COLUMN report_levels.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN report_levels.equity IS 'sum of equity, USD';
COMMENT ON COLUMN report_levels.collateral_value IS 'sum of collateral_value, USD';
COMMENT ON COLUMN report_levels.liabilities IS 'sum of liabilities, USD';
COMMENT ON COLUMN report_levels.net_asset_value IS 'sum of net_asset_value, USD';
COMMENT ON COLUMN report_levels.haircut IS 'sum of haircut, USD';
COMMENT ON COLUMN report_levels.unrealized_pnl IS 'sum of unrealized_pnl, USD';
COMMENT ON COLUMN report_levels.initial_margin IS 'sum of initial_margin, USD';
COMMENT ON COLUMN report_levels.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN report_levels.shortfall IS 'sum of shortfall, USD';
COMMENT ON COLUMN report_levels.loss IS 'what the liabilities of the bankrupt exceed their collateral by, USD, >= 0';
COMMENT ON COLUMN report_levels.initial_equity IS 'sum of initial_equity, USD';
COMMENT ON COLUMN report_levels.order_margin IS 'sum of order_margin, USD: the part of initial_margin that is for open orders';
COMMENT ON COLUMN report_levels.order_loss IS 'sum of order_loss, USD';

CREATE FUNCTION report_unpriced(
    as_of timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE, OUT missing text[]
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.missing FROM account_margin_at(as_of) AS a WHERE a.level = 'unpriced' ORDER BY a.account_id;
END;
COMMENT ON FUNCTION report_unpriced(timestamptz) IS 'the accounts that could not be valued and the symbols that they lack: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE VIEW report_unpriced WITH (security_invoker = true) AS
SELECT * FROM report_unpriced();
COMMENT ON VIEW report_unpriced IS 'the accounts that cannot be valued now, and what they lack';
COMMENT ON COLUMN report_unpriced.account_id IS 'the account';
COMMENT ON COLUMN report_unpriced.missing IS 'symbols that lack a price or parameter, in byte order';

CREATE FUNCTION report_shortfalls(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 20,
    OUT account_id account.account_id%TYPE, OUT level margin.level, OUT shortfall numeric, OUT share numeric,
    OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.level, a.shortfall, round(a.shortfall / sum(a.shortfall) OVER (), 8), a.equity, a.maintenance_margin, a.margin_ratio
      FROM account_margin_at(as_of) AS a
     WHERE a.shortfall > 0
     ORDER BY a.shortfall DESC, a.account_id
     LIMIT top;
END;
COMMENT ON FUNCTION report_shortfalls(timestamptz, bigint) IS 'the accounts that lack most to their maintenance margin, so many (null: all), and their share of the shortfall of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE VIEW report_shortfalls WITH (security_invoker = true) AS
SELECT * FROM report_shortfalls();
COMMENT ON VIEW report_shortfalls IS 'the 20 accounts that lack most to their maintenance margin now';
COMMENT ON COLUMN report_shortfalls.account_id IS 'the account';
COMMENT ON COLUMN report_shortfalls.level IS 'its level';
COMMENT ON COLUMN report_shortfalls.shortfall IS 'maintenance_margin - equity, USD';
COMMENT ON COLUMN report_shortfalls.share IS 'of the shortfall of all accounts, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN report_shortfalls.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN report_shortfalls.maintenance_margin IS 'what its positions and debts require to be kept, USD';
COMMENT ON COLUMN report_shortfalls.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';

CREATE FUNCTION report_losses(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 20,
    OUT account_id account.account_id%TYPE, OUT loss numeric, OUT share numeric,
    OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, - a.equity, round(a.equity / sum(a.equity) OVER (), 8), a.collateral_value, a.liabilities, a.net_asset_value
      FROM account_margin_at(as_of) AS a
     WHERE a.level = 'bankrupt'
     ORDER BY a.equity, a.account_id
     LIMIT top;
END;
COMMENT ON FUNCTION report_losses(timestamptz, bigint) IS 'the accounts whose liabilities exceed their collateral by most, so many (null: all), and their share of the loss of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now. net_asset_value says what of the loss ratios and weights make';

CREATE VIEW report_losses WITH (security_invoker = true) AS
SELECT * FROM report_losses();
COMMENT ON VIEW report_losses IS 'the 20 accounts whose liabilities exceed their collateral by most now';
COMMENT ON COLUMN report_losses.account_id IS 'the account';
COMMENT ON COLUMN report_losses.loss IS 'liabilities - collateral_value, USD';
COMMENT ON COLUMN report_losses.share IS 'of the loss of all accounts, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN report_losses.collateral_value IS 'positive asset equities at their collateral ratios, USD';
COMMENT ON COLUMN report_losses.liabilities IS 'negative asset equities at their liability weights, USD';
COMMENT ON COLUMN report_losses.net_asset_value IS 'asset equities at index price; where it is not below 0, assets that do not count would cover the loss';

CREATE FUNCTION report_concentration(
    as_of timestamptz DEFAULT NULL,
    OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric,
    OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT held.asset, held.accounts, held.unvalued, held.asset_equity, terms.price, held.net_asset_value, held.collateral_value,
           round(held.collateral_value / nullif(sum(held.collateral_value) OVER (), 0), 8),
           held.largest, held.net_asset_value - held.collateral_value,
           held.net_asset_value * coalesce(margin_internal.first_rate(terms.tiers), 0) - held.collateral_value
      FROM (SELECT c.asset, count(*) AS accounts, count(*) FILTER (WHERE c.collateral_value IS NULL) AS unvalued,
                   sum(c.asset_equity) AS asset_equity, sum(c.net_asset_value) FILTER (WHERE c.collateral_value IS NOT NULL) AS net_asset_value,
                   sum(c.collateral_value) AS collateral_value, max(c.collateral_value) AS largest
              FROM portfolios(as_of) AS p,
                   LATERAL margin.collateral(p.portfolio, (SELECT snapshot_market(as_of))) AS c
             WHERE (c.asset_equity > 0) IS NOT FALSE
             GROUP BY c.asset) AS held
      LEFT JOIN margin.assets((SELECT snapshot_market(as_of))) AS terms ON terms.asset = held.asset
     ORDER BY held.collateral_value DESC NULLS LAST, held.asset COLLATE "C";
END;
COMMENT ON FUNCTION report_concentration(timestamptz) IS 'the collateral asset by asset, the largest first: its share of all collateral, rounded to 8 decimals, how many accounts hold it and what ratios take away, in all and beyond the first tier: of the latest snapshot at or before as_of; an error if there is none; null: now. Accounts whose amount of it is not known are counted, and left out of the sums';

CREATE VIEW report_concentration WITH (security_invoker = true) AS
SELECT * FROM report_concentration();
COMMENT ON VIEW report_concentration IS 'the collateral of all accounts, asset by asset, now';
COMMENT ON COLUMN report_concentration.asset IS 'an asset that accounts have a positive equity in';
COMMENT ON COLUMN report_concentration.accounts IS 'how many accounts';
COMMENT ON COLUMN report_concentration.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';
COMMENT ON COLUMN report_concentration.asset_equity IS 'sum of what they have of it, units of the asset; also of those unvalued, where known';
COMMENT ON COLUMN report_concentration.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN report_concentration.net_asset_value IS 'at index price, USD';
COMMENT ON COLUMN report_concentration.collateral_value IS 'at its collateral ratios, USD';
COMMENT ON COLUMN report_concentration.share IS 'of the collateral value of all assets, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN report_concentration.largest IS 'collateral value of the account that has most, USD';
COMMENT ON COLUMN report_concentration.haircut IS 'net_asset_value - collateral_value, USD';
COMMENT ON COLUMN report_concentration.lost_to_tiers IS 'the part of the haircut that is due to tiers above the first: what would count more if the first ratio held for any amount, USD';

CREATE FUNCTION report_exposure(
    as_of timestamptz DEFAULT NULL,
    OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric,
    OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric,
    OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric,
    OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 50
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT c.contract, c.settle, count(*) FILTER (WHERE c.long > 0 OR c.short > 0), c.mark, sum(c.long), sum(c.short), sum(c.long) - sum(c.short),
           greatest(sum(c.long), sum(c.short)), sum(c.long_notional), sum(c.short_notional), sum(c.pnl_usd),
           sum(c.maintenance_margin), sum(c.initial_margin), sum(c.order_margin)
      FROM portfolios(as_of) AS p,
           LATERAL margin.positions(p.portfolio, (SELECT snapshot_market(as_of))) AS c
     GROUP BY c.contract, c.settle, c.mark
     ORDER BY sum(c.maintenance_margin) DESC NULLS LAST, c.contract COLLATE "C";
END;
COMMENT ON FUNCTION report_exposure(timestamptz) IS 'the positions of all accounts contract by contract, those that are only ordered too, the one that requires most first: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts that lack a price or parameter are null';

CREATE VIEW report_exposure WITH (security_invoker = true) AS
SELECT * FROM report_exposure();
COMMENT ON VIEW report_exposure IS 'the positions of all accounts, contract by contract, now';
COMMENT ON COLUMN report_exposure.contract IS 'the contract';
COMMENT ON COLUMN report_exposure.settle IS 'asset in which it settles; null where the contract is unknown';
COMMENT ON COLUMN report_exposure.accounts IS 'how many accounts have a position in it';
COMMENT ON COLUMN report_exposure.mark IS 'settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN report_exposure.long IS 'contracts held long, of all accounts';
COMMENT ON COLUMN report_exposure.short IS 'contracts held short, of all accounts, >= 0';
COMMENT ON COLUMN report_exposure.net IS 'long - short, contracts';
COMMENT ON COLUMN report_exposure.open_interest IS 'the larger of long and short, contracts; where every counterparty is in the book, both are the same';
COMMENT ON COLUMN report_exposure.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN report_exposure.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN report_exposure.pnl_usd IS 'profit and loss at mark and index price of the settlement asset, USD';
COMMENT ON COLUMN report_exposure.maintenance_margin IS 'what the positions require to be kept, USD';
COMMENT ON COLUMN report_exposure.initial_margin IS 'what the positions require to be opened, USD, without orders';
COMMENT ON COLUMN report_exposure.order_margin IS 'what open orders require on top of that, USD';

CREATE FUNCTION report_movers(
    earlier timestamptz, later timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE,
    OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level,
    OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric,
    OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT moved.account_id, (first).level, (second).level, (third).level, (fourth).level,
           (first).equity, (second).equity - (first).equity, (third).equity - (second).equity, (fourth).equity - (third).equity, (fourth).equity,
           (first).maintenance_margin, (second).maintenance_margin - (first).maintenance_margin,
           (third).maintenance_margin - (second).maintenance_margin, (fourth).maintenance_margin - (third).maintenance_margin,
           (fourth).maintenance_margin
      FROM (SELECT changed.account_id, changed.first, changed.fourth,
                   margin.evaluate(changed.held, (SELECT snapshot_market(earlier))) AS second,
                   margin.evaluate(changed.held, (SELECT margin.with_prices(snapshot_market(earlier), snapshot_market(later)))) AS third
              FROM (SELECT account_id, coalesce(l.portfolio, '{}') AS held,
                           margin.evaluate(coalesce(e.portfolio, '{}'), (SELECT snapshot_market(earlier))) AS first,
                           margin.evaluate(coalesce(l.portfolio, '{}'), (SELECT snapshot_market(later))) AS fourth
                      FROM portfolios(earlier) AS e
                      FULL JOIN portfolios(later) AS l USING (account_id) OFFSET 0) AS changed
             WHERE (changed.first).level <> (changed.fourth).level OFFSET 0) AS moved
     ORDER BY (fourth).level DESC, (fourth).equity - (fourth).maintenance_margin, moved.account_id;
END;
COMMENT ON FUNCTION report_movers(timestamptz, timestamptz) IS 'the accounts that changed level between two instants, each the latest snapshot at or before it (an error if there is none), null: now; and how much of the change of equity and of maintenance margin in USD holdings, then prices, then parameters made: the earlier book in the earlier market, the later book in the earlier market, in the earlier parameters at the later prices, in the later market. before and the three parts add up to after exactly. An account that was not there held nothing; parts are null next to a step at which the account is unpriced';

CREATE VIEW report_movers WITH (security_invoker = true) AS
SELECT * FROM report_movers(now());
COMMENT ON VIEW report_movers IS 'the accounts that changed level since the latest snapshot, and what moved them; an error if there is no snapshot';
COMMENT ON COLUMN report_movers.account_id IS 'the account';
COMMENT ON COLUMN report_movers.level_before IS 'its level at the earlier time';
COMMENT ON COLUMN report_movers.level_by_holdings IS 'what the later holdings would have made of it';
COMMENT ON COLUMN report_movers.level_by_prices IS 'what the later holdings at the later prices would have made of it';
COMMENT ON COLUMN report_movers.level_after IS 'its level at the later time';
COMMENT ON COLUMN report_movers.equity_before IS 'USD, at the earlier time';
COMMENT ON COLUMN report_movers.equity_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN report_movers.equity_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN report_movers.equity_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN report_movers.equity_after IS 'USD, at the later time';
COMMENT ON COLUMN report_movers.margin_before IS 'maintenance margin in USD, at the earlier time';
COMMENT ON COLUMN report_movers.margin_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN report_movers.margin_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN report_movers.margin_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN report_movers.margin_after IS 'maintenance margin in USD, at the later time';

CREATE FUNCTION report_stress(
    as_of timestamptz DEFAULT NULL, scenarios margin.price_move[] DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.scenario, count(*), count(*) FILTER (WHERE s.level = 'warning'), count(*) FILTER (WHERE s.level = 'margin_call'),
           count(*) FILTER (WHERE s.level = 'liquidation'), count(*) FILTER (WHERE s.level = 'bankrupt'),
           count(*) FILTER (WHERE s.level = 'unpriced'), sum(s.equity), sum(s.maintenance_margin), sum(s.loss)
      FROM portfolios(as_of) AS p,
           LATERAL margin.stress(p.portfolio, (SELECT snapshot_market(as_of)),
                                 (SELECT coalesce(report_stress.scenarios, venue_scenarios()))) AS s
     GROUP BY s.scenario
     ORDER BY sum(s.loss) DESC NULLS LAST, sum(s.equity), s.scenario COLLATE "C";
END;
COMMENT ON FUNCTION report_stress(timestamptz, margin.price_move[]) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first: how many at which level, and their totals in USD without the unpriced: of the latest snapshot at or before as_of; an error if there is none, or if a scenario names what its market lacks; null: now';

CREATE VIEW report_stress WITH (security_invoker = true) AS
SELECT * FROM report_stress();
COMMENT ON VIEW report_stress IS 'what the scenarios of the venue would make of all accounts now';
COMMENT ON COLUMN report_stress.scenario IS 'name of the scenario';
COMMENT ON COLUMN report_stress.accounts IS 'how many accounts';
COMMENT ON COLUMN report_stress.warning IS 'how many of them would be at warning';
COMMENT ON COLUMN report_stress.margin_call IS 'how many at margin_call';
COMMENT ON COLUMN report_stress.liquidation IS 'how many at liquidation';
COMMENT ON COLUMN report_stress.bankrupt IS 'how many bankrupt';
COMMENT ON COLUMN report_stress.unpriced IS 'how many unpriced, and so in none of the totals';
COMMENT ON COLUMN report_stress.equity IS 'sum of equity, USD';
COMMENT ON COLUMN report_stress.maintenance_margin IS 'sum of what positions and debts require to be kept, USD';
COMMENT ON COLUMN report_stress.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE FUNCTION report_impact(
    at timestamptz DEFAULT NULL,
    OUT account_id account.account_id%TYPE, OUT level_before margin.level, OUT level_after margin.level,
    OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric,
    OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric,
    OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric,
    OUT missing_after text[]
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT p.account_id, i.level_before, i.level_after, i.equity_before, i.equity_after, i.equity_change,
           i.maintenance_margin_before, i.maintenance_margin_after, i.maintenance_margin_change,
           i.available_margin_before, i.available_margin_after, i.available_margin_change, i.missing_after
      FROM reported_portfolio AS p,
           LATERAL margin.impact(p.portfolio, (SELECT venue_market()),
                                 (SELECT venue_market_at(coalesce(report_impact.at, venue_planned_change())))) AS i
     -- spelt out: of a row the server would print another form after a restore
     WHERE i.level_before IS DISTINCT FROM i.level_after OR i.equity_before IS DISTINCT FROM i.equity_after
        OR i.maintenance_margin_before IS DISTINCT FROM i.maintenance_margin_after
        OR i.available_margin_before IS DISTINCT FROM i.available_margin_after OR i.missing_before IS DISTINCT FROM i.missing_after
     ORDER BY i.level_after DESC, i.available_margin_change, p.account_id;
END;
COMMENT ON FUNCTION report_impact(timestamptz) IS 'the accounts that the parameters valid at an instant (null: when the next planned change takes effect) would value differently, at present holdings and prices, the most concerning first: level, and amounts in USD, before and after; no row where nothing is planned';

CREATE VIEW report_impact WITH (security_invoker = true) AS
SELECT * FROM report_impact();
COMMENT ON VIEW report_impact IS 'what the next planned change of parameters will do to accounts, at present holdings and prices';
COMMENT ON COLUMN report_impact.account_id IS 'the account';
COMMENT ON COLUMN report_impact.level_before IS 'its level now';
COMMENT ON COLUMN report_impact.level_after IS 'its level with the parameters then';
COMMENT ON COLUMN report_impact.equity_before IS 'USD, now';
COMMENT ON COLUMN report_impact.equity_after IS 'USD, with the parameters then';
COMMENT ON COLUMN report_impact.equity_change IS 'the difference, USD';
COMMENT ON COLUMN report_impact.maintenance_margin_before IS 'USD, now';
COMMENT ON COLUMN report_impact.maintenance_margin_after IS 'USD, with the parameters then';
COMMENT ON COLUMN report_impact.maintenance_margin_change IS 'the difference, USD';
COMMENT ON COLUMN report_impact.available_margin_before IS 'USD, now';
COMMENT ON COLUMN report_impact.available_margin_after IS 'USD, with the parameters then';
COMMENT ON COLUMN report_impact.available_margin_change IS 'the difference, USD';
COMMENT ON COLUMN report_impact.missing_after IS 'symbols that will lack a parameter';

CREATE FUNCTION report_history(
    as_of timestamptz DEFAULT NULL, last bigint DEFAULT 288,
    OUT taken_at timestamptz, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 288
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.taken_at, t.accounts, t.undercollateralized, t.unpriced, t.equity, t.maintenance_margin, t.shortfall, t.loss
      FROM (SELECT k.taken_at, k.levels FROM snapshot AS k
             WHERE as_of IS NULL OR k.taken_at <= as_of
             ORDER BY k.taken_at DESC LIMIT last) AS s,
           LATERAL (SELECT sum(l.accounts)::bigint AS accounts,
                           sum(l.accounts) FILTER (WHERE l.level IN ('liquidation', 'bankrupt'))::bigint AS undercollateralized,
                           sum(l.accounts) FILTER (WHERE l.level = 'unpriced')::bigint AS unpriced,
                           sum(l.equity) AS equity, sum(l.maintenance_margin) AS maintenance_margin,
                           sum(l.shortfall) AS shortfall, sum(l.loss) AS loss
                      FROM unnest(s.levels) AS l) AS t
     ORDER BY s.taken_at;
END;
COMMENT ON FUNCTION report_history(timestamptz, bigint) IS 'totals of the last snapshots at or before as_of (null: of all), so many (null: all; 288 are a day of one every five minutes), the oldest first; amounts in USD, without those of unpriced accounts, which are not known; no row where there is no snapshot';

CREATE FUNCTION report_worst(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 5,
    OUT account_id account.account_id%TYPE, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 5
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT worst.account_id, worst.level, worst.equity, worst.maintenance_margin,
           (SELECT string_agg(e.line, E'\n' ORDER BY e.n)
              FROM margin.explain_text(held.portfolio, (SELECT snapshot_market(as_of))) WITH ORDINALITY AS e (line, n))
      FROM (SELECT a.account_id, a.level, a.equity, a.maintenance_margin FROM account_margin_at(as_of) AS a
             WHERE a.level BETWEEN 'warning' AND 'bankrupt'
             ORDER BY a.equity - a.maintenance_margin, a.account_id LIMIT top) AS worst
      JOIN portfolios(as_of) AS held ON held.account_id = worst.account_id
     ORDER BY worst.equity - worst.maintenance_margin, worst.account_id;
END;
COMMENT ON FUNCTION report_worst(timestamptz, bigint) IS 'the accounts at warning or above whose equity is least against their maintenance margin (USD), so many (null: all), each explained in the sentences of explain_text(), a line each: of the latest snapshot at or before as_of; an error if there is none; null: now';

-- A scenario that names what a market lacks, as one of before an asset was
-- listed, must not keep the rest from being told.
CREATE FUNCTION report_known_stress(
    as_of timestamptz DEFAULT NULL,
    OUT scenario text, OUT accounts bigint,
    OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH lacking AS MATERIALIZED (
        SELECT DISTINCT s.scenario FROM unnest((SELECT venue_scenarios())) AS s
         WHERE s.asset IS NOT NULL
               AND NOT EXISTS (SELECT FROM margin.assets((SELECT snapshot_market(as_of))) AS a WHERE a.asset = s.asset)
            OR s.contract IS NOT NULL
               AND NOT EXISTS (SELECT FROM margin.contracts((SELECT snapshot_market(as_of))) AS c WHERE c.contract = s.contract)
    )
    SELECT * FROM report_stress(as_of, ARRAY(SELECT s FROM unnest((SELECT venue_scenarios())) AS s
                                              WHERE s.scenario NOT IN (SELECT l.scenario FROM lacking AS l)))
    UNION ALL
    SELECT l.scenario, NULL AS accounts, NULL AS warning, NULL AS margin_call, NULL AS liquidation, NULL AS bankrupt, NULL AS unpriced,
           NULL AS equity, NULL AS maintenance_margin, NULL AS loss
      FROM lacking AS l;
END;
COMMENT ON FUNCTION report_known_stress(timestamptz) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others';

-- What ratios count in full, a stablecoin, is not looked at unless contracts are on it.
CREATE FUNCTION report_exposed_assets(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 3,
    OUT asset text, OUT exposure numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 3
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH held AS MATERIALIZED (
        SELECT margin.rollup(p.portfolio) AS portfolio FROM portfolios(as_of) AS p
    ), part AS (
        SELECT c.asset, abs(c.net_asset_value) AS usd, false AS traded
          FROM held, LATERAL margin.collateral(held.portfolio, (SELECT snapshot_market(as_of))) AS c
        UNION ALL
        SELECT terms.base, greatest(c.long_notional, c.short_notional) * settle.price, c.long > 0 OR c.short > 0
          FROM held, LATERAL margin.positions(held.portfolio, (SELECT snapshot_market(as_of))) AS c
          JOIN margin.contracts((SELECT snapshot_market(as_of))) AS terms ON terms.contract = c.contract
          JOIN margin.assets((SELECT snapshot_market(as_of))) AS settle ON settle.asset = c.settle
    )
    SELECT part.asset, sum(part.usd)
      FROM part
      JOIN margin.assets((SELECT snapshot_market(as_of))) AS terms ON terms.asset = part.asset
     WHERE terms.price IS NOT NULL
     GROUP BY part.asset
    HAVING sum(part.usd) > 0
       AND (bool_or(part.traded) OR bool_and(coalesce(margin_internal.first_rate(terms.tiers), 0) < 1))
     ORDER BY sum(part.usd) DESC, part.asset COLLATE "C"
     LIMIT top;
END;
COMMENT ON FUNCTION report_exposed_assets(timestamptz, bigint) IS 'the assets whose price matters most to all accounts together, so many (null: all), the largest first: their net quantity of it, and the larger side of every contract on it, USD. Assets without price are left out, and those whose first collateral ratio is 1 unless positions are on them: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION report_liquidations(
    as_of timestamptz DEFAULT NULL, assets text[] DEFAULT NULL,
    moves numeric[] DEFAULT '{-0.5,-0.4,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.4,0.5}',
    OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint,
    OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 33
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    WITH moved AS MATERIALIZED (
        SELECT a.asset, m.move, row_number() OVER (ORDER BY a.n, m.n) AS n
          FROM unnest(coalesce(report_liquidations.assets, ARRAY(SELECT e.asset FROM report_exposed_assets(report_liquidations.as_of) AS e)))
               WITH ORDINALITY AS a (asset, n),
               unnest(report_liquidations.moves) WITH ORDINALITY AS m (move, n)
    ), map AS (
        SELECT margin_internal.liquidation_map(
                   p.portfolio, (SELECT snapshot_market(report_liquidations.as_of)),
                   (SELECT array_agg(ROW(NULL::text, v.asset, NULL::text, v.move, NULL::numeric)::margin.price_move ORDER BY v.n) FROM moved AS v)) AS points
          FROM portfolios(report_liquidations.as_of) AS p
         WHERE EXISTS (SELECT FROM moved)
    )
    SELECT v.asset, c.move, c.price, c.accounts, c.undercollateralized, c.bankrupt, c.unpriced, c.notional, c.notional_usd, c.long_usd, c.shortfall, c.loss
      FROM map, LATERAL unnest(map.points) WITH ORDINALITY
           AS c (move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss, n)
      JOIN moved AS v ON v.n = c.n
     ORDER BY v.n;
END;
COMMENT ON FUNCTION report_liquidations(timestamptz, text[], numeric[]) IS 'margin.liquidation_map() of several assets in one pass, null: the three of report_exposed_assets(): what relative moves of the price of each, marks linked, would make of all accounts, nothing where there are none; amounts in USD, exact: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE VIEW report_liquidations WITH (security_invoker = true) AS
SELECT * FROM report_liquidations();
COMMENT ON VIEW report_liquidations IS 'what moves of the prices that matter most would make of all accounts now';
COMMENT ON COLUMN report_liquidations.asset IS 'the asset whose price moves';
COMMENT ON COLUMN report_liquidations.move IS 'change in proportion to its present price: -0.2 is a fall of 20 %';
COMMENT ON COLUMN report_liquidations.price IS 'its index price then, USD';
COMMENT ON COLUMN report_liquidations.accounts IS 'how many accounts';
COMMENT ON COLUMN report_liquidations.undercollateralized IS 'how many of them would be at liquidation or bankrupt';
COMMENT ON COLUMN report_liquidations.bankrupt IS 'how many of these bankrupt';
COMMENT ON COLUMN report_liquidations.unpriced IS 'how many cannot be valued, and so are in none of the sums';
COMMENT ON COLUMN report_liquidations.notional IS 'positions of the undercollateralized by contract, both sides together, USD';
COMMENT ON COLUMN report_liquidations.notional_usd IS 'sum of notional over all contracts, USD';
COMMENT ON COLUMN report_liquidations.long_usd IS 'the part of notional_usd that is long';
COMMENT ON COLUMN report_liquidations.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';
COMMENT ON COLUMN report_liquidations.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE TABLE report_run (
    id             bigint GENERATED BY DEFAULT AS IDENTITY,
    started_at     timestamptz NOT NULL DEFAULT statement_timestamp(),
    finished_at    timestamptz,
    status         margin.run_status NOT NULL DEFAULT 'running',
    step           text,
    level_changes  integer,
    taken_at       timestamptz,
    days_dropped   integer,
    prices_pruned  bigint,
    sqlstate       text,
    error          text,
    run_by         name NOT NULL DEFAULT current_user,
    pid            integer NOT NULL DEFAULT pg_backend_pid(),
    CONSTRAINT report_run_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE report_run IS 'every call of margin.run_reports() for this book, written as it goes; rows may be deleted when they are no longer of use';
COMMENT ON COLUMN report_run.id IS 'in the order of the calls';
COMMENT ON COLUMN report_run.started_at IS 'when it was called';
COMMENT ON COLUMN report_run.finished_at IS 'when it ended; null: it has not, or its session was killed and nobody has run reports since';
COMMENT ON COLUMN report_run.status IS 'running, done, failed, or skipped because the one before was still running';
COMMENT ON COLUMN report_run.step IS 'the step it is at, or failed in: partitions, levels, snapshot, retention';
COMMENT ON COLUMN report_run.level_changes IS 'how many accounts changed level';
COMMENT ON COLUMN report_run.taken_at IS 'the snapshot it took';
COMMENT ON COLUMN report_run.days_dropped IS 'how many UTC days of snapshots were too old';
COMMENT ON COLUMN report_run.prices_pruned IS 'how many rows of price history were too old; null: not its business, as the venue belongs to another role';
COMMENT ON COLUMN report_run.sqlstate IS 'of the error it failed with';
COMMENT ON COLUMN report_run.error IS 'the error it failed with';
COMMENT ON COLUMN report_run.run_by IS 'the role that called it';
COMMENT ON COLUMN report_run.pid IS 'the process it runs in; margin.progress tells how far that is';
COMMENT ON CONSTRAINT report_run_pkey ON report_run IS 'a call has one number';
COMMENT ON SEQUENCE report_run_id_seq IS 'numbers of report_run';
