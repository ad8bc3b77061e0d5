-- reports: what a desk asks of its book every day, now or as of a snapshot
--
-- Every report is a function of an instant, null: now, and a view of now.

CREATE FUNCTION margin.first_rate(schedule margin.schedule) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT (regexp_match(schedule::text, '\{0: ([0-9.]+)'))[1]::numeric;
END;
COMMENT ON FUNCTION margin.first_rate(margin.schedule) IS 'the rate of the first tier of a schedule, the one at 0; null for null';

CREATE FUNCTION margin.with_prices(market margin.market, prices margin.market) RETURNS margin.market
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT margin.market(
        ARRAY(SELECT ROW(a.asset, p.price, a.tiers, a.basis, a.liability_weight, a.requirement_weight, a.liability_maintenance)::margin.asset_terms
                FROM margin.assets(market) AS a LEFT JOIN margin.assets(prices) AS p ON p.asset = a.asset),
        ARRAY(SELECT ROW(c.contract, c.settle_asset, c.base_asset, c.size, p.mark_price, c.maintenance, c.initial, c.netting, c.closing_fee)::margin.contract_terms
                FROM margin.contracts(market) AS c LEFT JOIN margin.contracts(prices) AS p ON p.contract = c.contract),
        (SELECT l.margin_ratio FROM margin.levels(market) AS l WHERE l.level = 'warning'),
        (SELECT l.margin_ratio FROM margin.levels(market) AS l WHERE l.level = 'margin_call'),
        (SELECT l.margin_ratio FROM margin.levels(market) AS l WHERE l.level = 'liquidation'));
END;
COMMENT ON FUNCTION margin.with_prices(margin.market, margin.market) IS 'the parameters of one market at the index and mark prices of another: assets, contracts and levels are those of the first; what the second has no price for has none; null for null';

CREATE FUNCTION margin.report_levels(as_of timestamptz DEFAULT NULL) RETURNS SETOF margin.level_total
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 6
BEGIN ATOMIC
    SELECT * FROM margin.level_totals() WHERE as_of IS NULL
    UNION ALL
    SELECT l.* FROM margin.snapshot AS s, LATERAL unnest(s.levels) AS l
     WHERE s.taken_at = (SELECT margin.snapshot_at(as_of));
END;
COMMENT ON FUNCTION margin.report_levels(timestamptz) IS 'how many accounts are at each level, and their totals in USD: of the latest snapshot at or before as_of, as stored with it; an error if there is none; null: now';

CREATE VIEW margin.report_levels WITH (security_invoker = true) AS
SELECT * FROM margin.report_levels();
ALTER VIEW margin.report_levels OWNER TO @extowner@;
COMMENT ON VIEW margin.report_levels IS 'how many accounts are at each level now, and their totals; amounts are null where there are accounts whose amounts are not known';
COMMENT ON COLUMN margin.report_levels.level IS 'the level';
COMMENT ON COLUMN margin.report_levels.accounts IS 'how many accounts are at it';
COMMENT ON COLUMN margin.report_levels.equity IS 'sum of equity, USD';
COMMENT ON COLUMN margin.report_levels.collateral_value IS 'sum of collateral_value, USD';
COMMENT ON COLUMN margin.report_levels.liabilities IS 'sum of liabilities, USD';
COMMENT ON COLUMN margin.report_levels.net_asset_value IS 'sum of net_asset_value, USD';
COMMENT ON COLUMN margin.report_levels.haircut IS 'sum of haircut, USD';
COMMENT ON COLUMN margin.report_levels.unrealized_pnl IS 'sum of unrealized_pnl, USD';
COMMENT ON COLUMN margin.report_levels.initial_margin IS 'sum of initial_margin, USD';
COMMENT ON COLUMN margin.report_levels.maintenance_margin IS 'sum of maintenance_margin, USD';
COMMENT ON COLUMN margin.report_levels.shortfall IS 'sum of shortfall, USD';
COMMENT ON COLUMN margin.report_levels.loss IS 'what the liabilities of the bankrupt exceed their collateral by, USD, >= 0';

CREATE FUNCTION margin.report_unpriced(as_of timestamptz DEFAULT NULL, OUT account_id bigint, OUT missing text[]) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT a.account_id, a.missing FROM margin.account_margin_at(as_of) AS a WHERE a.level = 'unpriced' ORDER BY a.account_id;
END;
COMMENT ON FUNCTION margin.report_unpriced(timestamptz) IS 'the accounts that could not be valued and the symbols that they lack: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE VIEW margin.report_unpriced WITH (security_invoker = true) AS
SELECT * FROM margin.report_unpriced();
ALTER VIEW margin.report_unpriced OWNER TO @extowner@;
COMMENT ON VIEW margin.report_unpriced IS 'the accounts that cannot be valued now, and what they lack';
COMMENT ON COLUMN margin.report_unpriced.account_id IS 'the account';
COMMENT ON COLUMN margin.report_unpriced.missing IS 'symbols that lack a price or parameter, in byte order';

CREATE FUNCTION margin.report_shortfalls(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 20,
    OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric,
    OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT a.account_id, a.level, a.shortfall, round(a.shortfall / sum(a.shortfall) OVER (), 8), a.equity, a.maintenance_margin, a.margin_ratio
      FROM margin.account_margin_at(as_of) AS a
     WHERE a.shortfall > 0
     ORDER BY a.shortfall DESC, a.account_id
     LIMIT top;
END;
COMMENT ON FUNCTION margin.report_shortfalls(timestamptz, bigint) IS 'the accounts that lack most to their maintenance margin, so many (null: all), and their share of the shortfall of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE VIEW margin.report_shortfalls WITH (security_invoker = true) AS
SELECT * FROM margin.report_shortfalls();
ALTER VIEW margin.report_shortfalls OWNER TO @extowner@;
COMMENT ON VIEW margin.report_shortfalls IS 'the 20 accounts that lack most to their maintenance margin now';
COMMENT ON COLUMN margin.report_shortfalls.account_id IS 'the account';
COMMENT ON COLUMN margin.report_shortfalls.level IS 'its level';
COMMENT ON COLUMN margin.report_shortfalls.shortfall IS 'maintenance_margin - equity, USD';
COMMENT ON COLUMN margin.report_shortfalls.share IS 'of the shortfall of all accounts, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN margin.report_shortfalls.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN margin.report_shortfalls.maintenance_margin IS 'what its positions and debts require to be kept, USD';
COMMENT ON COLUMN margin.report_shortfalls.margin_ratio IS 'maintenance_margin / equity; null unless equity > 0';

CREATE FUNCTION margin.report_losses(
    as_of timestamptz DEFAULT NULL, top bigint DEFAULT 20,
    OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT a.account_id, - a.equity, round(a.equity / sum(a.equity) OVER (), 8), a.collateral_value, a.liabilities, a.net_asset_value
      FROM margin.account_margin_at(as_of) AS a
     WHERE a.level = 'bankrupt'
     ORDER BY a.equity, a.account_id
     LIMIT top;
END;
COMMENT ON FUNCTION margin.report_losses(timestamptz, bigint) IS 'the accounts whose liabilities exceed their collateral by most, so many (null: all), and their share of the loss of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now. net_asset_value says what of the loss ratios and weights make';

CREATE VIEW margin.report_losses WITH (security_invoker = true) AS
SELECT * FROM margin.report_losses();
ALTER VIEW margin.report_losses OWNER TO @extowner@;
COMMENT ON VIEW margin.report_losses IS 'the 20 accounts whose liabilities exceed their collateral by most now';
COMMENT ON COLUMN margin.report_losses.account_id IS 'the account';
COMMENT ON COLUMN margin.report_losses.loss IS 'liabilities - collateral_value, USD';
COMMENT ON COLUMN margin.report_losses.share IS 'of the loss of all accounts, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN margin.report_losses.collateral_value IS 'positive asset equities at their collateral ratios, USD';
COMMENT ON COLUMN margin.report_losses.liabilities IS 'negative asset equities at their liability weights, USD';
COMMENT ON COLUMN margin.report_losses.net_asset_value IS 'asset equities at index price; where it is not below 0, assets that do not count would cover the loss';

CREATE FUNCTION margin.report_concentration(
    as_of timestamptz DEFAULT NULL,
    OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric,
    OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT held.asset, held.accounts, held.unvalued, held.asset_equity, terms.price, held.net_asset_value, held.collateral_value,
           round(held.collateral_value / nullif(sum(held.collateral_value) OVER (), 0), 8),
           held.largest, held.net_asset_value - held.collateral_value,
           held.net_asset_value * coalesce(margin.first_rate(terms.tiers), 0) - held.collateral_value
      FROM (SELECT c.asset, count(*) AS accounts, count(*) FILTER (WHERE c.collateral_value IS NULL) AS unvalued,
                   sum(c.asset_equity) AS asset_equity, sum(c.net_asset_value) FILTER (WHERE c.collateral_value IS NOT NULL) AS net_asset_value,
                   sum(c.collateral_value) AS collateral_value, max(c.collateral_value) AS largest
              FROM margin.portfolios(as_of) AS p,
                   LATERAL margin.collateral(p.portfolio, (SELECT margin.market_at(as_of))) AS c
             WHERE (c.asset_equity > 0) IS NOT FALSE
             GROUP BY c.asset) AS held
      LEFT JOIN margin.assets((SELECT margin.market_at(as_of))) AS terms ON terms.asset = held.asset
     ORDER BY held.collateral_value DESC NULLS LAST, held.asset COLLATE "C";
END;
COMMENT ON FUNCTION margin.report_concentration(timestamptz) IS 'the collateral asset by asset, the largest first: its share of all collateral, rounded to 8 decimals, how many accounts hold it and what ratios take away, in all and beyond the first tier: of the latest snapshot at or before as_of; an error if there is none; null: now. Accounts whose amount of it is not known are counted, and left out of the sums';

CREATE VIEW margin.report_concentration WITH (security_invoker = true) AS
SELECT * FROM margin.report_concentration();
ALTER VIEW margin.report_concentration OWNER TO @extowner@;
COMMENT ON VIEW margin.report_concentration IS 'the collateral of all accounts, asset by asset, now';
COMMENT ON COLUMN margin.report_concentration.asset IS 'an asset that accounts have a positive equity in';
COMMENT ON COLUMN margin.report_concentration.accounts IS 'how many accounts';
COMMENT ON COLUMN margin.report_concentration.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';
COMMENT ON COLUMN margin.report_concentration.asset_equity IS 'sum of what they have of it, units of the asset; also of those unvalued, where known';
COMMENT ON COLUMN margin.report_concentration.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN margin.report_concentration.net_asset_value IS 'at index price, USD';
COMMENT ON COLUMN margin.report_concentration.collateral_value IS 'at its collateral ratios, USD';
COMMENT ON COLUMN margin.report_concentration.share IS 'of the collateral value of all assets, 0 to 1, rounded to 8 decimals';
COMMENT ON COLUMN margin.report_concentration.largest IS 'collateral value of the account that has most, USD';
COMMENT ON COLUMN margin.report_concentration.haircut IS 'net_asset_value - collateral_value, USD';
COMMENT ON COLUMN margin.report_concentration.lost_to_tiers IS 'the part of the haircut that is due to tiers above the first: what would count more if the first ratio held for any amount, USD';

CREATE FUNCTION margin.report_exposure(
    as_of timestamptz DEFAULT NULL,
    OUT contract text, OUT settle_asset text, OUT accounts bigint, OUT mark_price numeric,
    OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric,
    OUT long_notional numeric, OUT short_notional numeric, OUT unrealized_pnl numeric,
    OUT maintenance_margin numeric, OUT initial_margin numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    SELECT c.contract, c.settle_asset, count(*), c.mark_price, sum(c.long), sum(c.short), sum(c.long) - sum(c.short),
           greatest(sum(c.long), sum(c.short)), sum(c.long_notional), sum(c.short_notional), sum(c.unrealized_pnl),
           sum(c.maintenance_margin), sum(c.initial_margin)
      FROM margin.portfolios(as_of) AS p,
           LATERAL margin.positions(p.portfolio, (SELECT margin.market_at(as_of))) AS c
     GROUP BY c.contract, c.settle_asset, c.mark_price
     ORDER BY sum(c.maintenance_margin) DESC NULLS LAST, c.contract COLLATE "C";
END;
COMMENT ON FUNCTION margin.report_exposure(timestamptz) IS 'the positions of all accounts contract by contract, the one that requires most first: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts that lack a price or parameter are null';

CREATE VIEW margin.report_exposure WITH (security_invoker = true) AS
SELECT * FROM margin.report_exposure();
ALTER VIEW margin.report_exposure OWNER TO @extowner@;
COMMENT ON VIEW margin.report_exposure IS 'the positions of all accounts, contract by contract, now';
COMMENT ON COLUMN margin.report_exposure.contract IS 'the contract';
COMMENT ON COLUMN margin.report_exposure.settle_asset IS 'asset in which it settles; null where the contract is unknown';
COMMENT ON COLUMN margin.report_exposure.accounts IS 'how many accounts have a position in it';
COMMENT ON COLUMN margin.report_exposure.mark_price IS 'settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN margin.report_exposure.long IS 'contracts held long, of all accounts';
COMMENT ON COLUMN margin.report_exposure.short IS 'contracts held short, of all accounts, >= 0';
COMMENT ON COLUMN margin.report_exposure.net IS 'long - short, contracts';
COMMENT ON COLUMN margin.report_exposure.open_interest IS 'the larger of long and short, contracts; where every counterparty is in the book, both are the same';
COMMENT ON COLUMN margin.report_exposure.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN margin.report_exposure.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN margin.report_exposure.unrealized_pnl IS 'profit and loss at mark and index price of the settlement asset, USD';
COMMENT ON COLUMN margin.report_exposure.maintenance_margin IS 'what the positions require to be kept, USD';
COMMENT ON COLUMN margin.report_exposure.initial_margin IS 'what the positions require to be opened, USD';

CREATE FUNCTION margin.report_movers(
    earlier timestamptz, later timestamptz DEFAULT NULL,
    OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level,
    OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric,
    OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT moved.account_id, (first).level, (second).level, (third).level, (fourth).level,
           (first).equity, (second).equity - (first).equity, (third).equity - (second).equity, (fourth).equity - (third).equity, (fourth).equity,
           (first).maintenance_margin, (second).maintenance_margin - (first).maintenance_margin,
           (third).maintenance_margin - (second).maintenance_margin, (fourth).maintenance_margin - (third).maintenance_margin,
           (fourth).maintenance_margin
      FROM (SELECT changed.account_id, changed.first, changed.fourth,
                   margin.evaluate(changed.held, (SELECT margin.market_at(earlier))) AS second,
                   margin.evaluate(changed.held, (SELECT margin.with_prices(margin.market_at(earlier), margin.market_at(later)))) AS third
              FROM (SELECT account_id, coalesce(l.portfolio, '{}') AS held,
                           margin.evaluate(coalesce(e.portfolio, '{}'), (SELECT margin.market_at(earlier))) AS first,
                           margin.evaluate(coalesce(l.portfolio, '{}'), (SELECT margin.market_at(later))) AS fourth
                      FROM margin.portfolios(earlier) AS e
                      FULL JOIN margin.portfolios(later) AS l USING (account_id) OFFSET 0) AS changed
             WHERE (changed.first).level <> (changed.fourth).level OFFSET 0) AS moved
     ORDER BY (fourth).level DESC, (fourth).equity - (fourth).maintenance_margin, moved.account_id;
END;
COMMENT ON FUNCTION margin.report_movers(timestamptz, timestamptz) IS 'the accounts that changed level between two instants, each the latest snapshot at or before it (an error if there is none), null: now; and how much of the change of equity and of maintenance margin in USD holdings, then prices, then parameters made: the earlier book in the earlier market, the later book in the earlier market, in the earlier parameters at the later prices, in the later market. before and the three parts add up to after exactly. An account that was not there held nothing; parts are null next to a step at which the account is unpriced';

CREATE VIEW margin.report_movers WITH (security_invoker = true) AS
SELECT * FROM margin.report_movers(now());
ALTER VIEW margin.report_movers OWNER TO @extowner@;
COMMENT ON VIEW margin.report_movers IS 'the accounts that changed level since the latest snapshot, and what moved them; an error if there is no snapshot';
COMMENT ON COLUMN margin.report_movers.account_id IS 'the account';
COMMENT ON COLUMN margin.report_movers.level_before IS 'its level at the earlier time';
COMMENT ON COLUMN margin.report_movers.level_by_holdings IS 'what the later holdings would have made of it';
COMMENT ON COLUMN margin.report_movers.level_by_prices IS 'what the later holdings at the later prices would have made of it';
COMMENT ON COLUMN margin.report_movers.level_after IS 'its level at the later time';
COMMENT ON COLUMN margin.report_movers.equity_before IS 'USD, at the earlier time';
COMMENT ON COLUMN margin.report_movers.equity_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN margin.report_movers.equity_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN margin.report_movers.equity_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN margin.report_movers.equity_after IS 'USD, at the later time';
COMMENT ON COLUMN margin.report_movers.margin_before IS 'maintenance margin in USD, at the earlier time';
COMMENT ON COLUMN margin.report_movers.margin_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN margin.report_movers.margin_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN margin.report_movers.margin_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN margin.report_movers.margin_after IS 'maintenance margin in USD, at the later time';

CREATE FUNCTION margin.report_stress(
    as_of timestamptz DEFAULT NULL, scenarios margin.scenario[] DEFAULT NULL,
    OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint,
    OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT s.scenario, count(*), count(*) FILTER (WHERE s.level = 'warning'), count(*) FILTER (WHERE s.level = 'margin_call'),
           count(*) FILTER (WHERE s.level = 'liquidation'), count(*) FILTER (WHERE s.level = 'bankrupt'),
           count(*) FILTER (WHERE s.level = 'unpriced'), sum(s.equity), sum(s.maintenance_margin), sum(s.loss)
      FROM margin.portfolios(as_of) AS p,
           LATERAL margin.stress(p.portfolio, (SELECT margin.market_at(as_of)), (SELECT coalesce(report_stress.scenarios, margin.scenarios()))) AS s
     GROUP BY s.scenario
     ORDER BY sum(s.loss) DESC NULLS LAST, sum(s.equity), s.scenario COLLATE "C";
END;
COMMENT ON FUNCTION margin.report_stress(timestamptz, margin.scenario[]) IS 'what scenarios, null: those of margin.scenario, would make of all accounts, the one that loses most first: how many at which level, and their totals in USD without the unpriced: of the latest snapshot at or before as_of; an error if there is none, or if a scenario names what its market lacks; null: now';

CREATE VIEW margin.report_stress WITH (security_invoker = true) AS
SELECT * FROM margin.report_stress();
ALTER VIEW margin.report_stress OWNER TO @extowner@;
COMMENT ON VIEW margin.report_stress IS 'what the scenarios of margin.scenario would make of all accounts now';
COMMENT ON COLUMN margin.report_stress.scenario IS 'name of the scenario';
COMMENT ON COLUMN margin.report_stress.accounts IS 'how many accounts';
COMMENT ON COLUMN margin.report_stress.warning IS 'how many of them would be at warning';
COMMENT ON COLUMN margin.report_stress.margin_call IS 'how many at margin_call';
COMMENT ON COLUMN margin.report_stress.liquidation IS 'how many at liquidation';
COMMENT ON COLUMN margin.report_stress.bankrupt IS 'how many bankrupt';
COMMENT ON COLUMN margin.report_stress.unpriced IS 'how many unpriced, and so in none of the totals';
COMMENT ON COLUMN margin.report_stress.equity IS 'sum of equity, USD';
COMMENT ON COLUMN margin.report_stress.maintenance_margin IS 'sum of what positions and debts require to be kept, USD';
COMMENT ON COLUMN margin.report_stress.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE FUNCTION margin.report_impact(
    at timestamptz DEFAULT NULL,
    OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level,
    OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric,
    OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric,
    OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric,
    OUT missing_after text[]
) RETURNS SETOF record
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT p.account_id, i.level_before, i.level_after, i.equity_before, i.equity_after, i.equity_change,
           i.maintenance_margin_before, i.maintenance_margin_after, i.maintenance_margin_change,
           i.available_margin_before, i.available_margin_after, i.available_margin_change, i.missing_after
      FROM margin.portfolios() AS p,
           LATERAL margin.impact(p.portfolio, (SELECT margin.market()),
                                 (SELECT margin.market(coalesce(report_impact.at, (SELECT min(c.valid_from) FROM margin.planned_change AS c))))) AS i
     WHERE (i.level_before, i.equity_before, i.maintenance_margin_before, i.available_margin_before, i.missing_before)
           IS DISTINCT FROM (i.level_after, i.equity_after, i.maintenance_margin_after, i.available_margin_after, i.missing_after)
     ORDER BY i.level_after DESC, i.available_margin_change, p.account_id;
END;
COMMENT ON FUNCTION margin.report_impact(timestamptz) IS 'the accounts that the parameters valid at an instant (null: when the next of planned_change takes effect) would value differently, at present holdings and prices, the most concerning first: level, and amounts in USD, before and after; no row where nothing is planned';

CREATE VIEW margin.report_impact WITH (security_invoker = true) AS
SELECT * FROM margin.report_impact();
ALTER VIEW margin.report_impact OWNER TO @extowner@;
COMMENT ON VIEW margin.report_impact IS 'what the next planned change of parameters will do to accounts, at present holdings and prices';
COMMENT ON COLUMN margin.report_impact.account_id IS 'the account';
COMMENT ON COLUMN margin.report_impact.level_before IS 'its level now';
COMMENT ON COLUMN margin.report_impact.level_after IS 'its level with the parameters then';
COMMENT ON COLUMN margin.report_impact.equity_before IS 'USD, now';
COMMENT ON COLUMN margin.report_impact.equity_after IS 'USD, with the parameters then';
COMMENT ON COLUMN margin.report_impact.equity_change IS 'the difference, USD';
COMMENT ON COLUMN margin.report_impact.maintenance_margin_before IS 'USD, now';
COMMENT ON COLUMN margin.report_impact.maintenance_margin_after IS 'USD, with the parameters then';
COMMENT ON COLUMN margin.report_impact.maintenance_margin_change IS 'the difference, USD';
COMMENT ON COLUMN margin.report_impact.available_margin_before IS 'USD, now';
COMMENT ON COLUMN margin.report_impact.available_margin_after IS 'USD, with the parameters then';
COMMENT ON COLUMN margin.report_impact.available_margin_change IS 'the difference, USD';
COMMENT ON COLUMN margin.report_impact.missing_after IS 'symbols that will lack a parameter';
