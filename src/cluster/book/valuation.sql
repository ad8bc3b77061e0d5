-- valuation: the views of a cluster whose work is done on the shards
--
-- A paragraph here takes the place of the one of that name that other books
-- have.  Whatever is grouped by the account is computed where the account is, in
-- the market of the coordinator, which goes along; to what is kept for each
-- account the roll-up of its one portfolio changes nothing.  spread_views() makes
-- of each of these views what the planner can send.

CREATE VIEW account_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) AS v
          FROM ordered_holding AS p GROUP BY p.account_id) AS valued;
COMMENT ON VIEW account_margin IS 'every account valued in the present market of the coordinator, where the account is; amounts in USD, null for an unpriced account, whose missing says what it lacks';
COMMENT ON COLUMN account_margin.account_id IS 'the account';

CREATE VIEW undercollateralized WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) AS v
          FROM ordered_holding AS p GROUP BY p.account_id
        HAVING margin.level(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) >= 'liquidation'
           AND margin.level(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) <> 'unpriced') AS valued;
COMMENT ON VIEW undercollateralized IS 'the accounts at level liquidation or bankrupt; the others stay on their shards';
COMMENT ON COLUMN undercollateralized.account_id IS 'the account';

CREATE VIEW unpriced WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) AS v
          FROM ordered_holding AS p GROUP BY p.account_id
        HAVING margin.level(margin.portfolio(p.symbol, p.quantity, p.entry_price, p.leverage, p.kind), (SELECT venue_market())) = 'unpriced') AS valued;
COMMENT ON VIEW unpriced IS 'the accounts that cannot be valued; the others stay on their shards';
COMMENT ON COLUMN unpriced.account_id IS 'the account';

CREATE VIEW kept_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.rollup(p.portfolio), (SELECT venue_market())) AS v
          FROM kept_portfolio AS p GROUP BY p.account_id) AS valued;
COMMENT ON VIEW kept_margin IS 'account_margin of what the shards keep with the levels; an error (55000) where one keeps none';
COMMENT ON COLUMN kept_margin.account_id IS 'the account';

CREATE VIEW reported_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.rollup(p.portfolio), (SELECT venue_market())) AS v
          FROM reported_portfolio AS p GROUP BY p.account_id) AS valued;
COMMENT ON VIEW reported_margin IS 'account_margin of what each shard reports: what it keeps, or else its rows';
COMMENT ON COLUMN reported_margin.account_id IS 'the account';

CREATE VIEW reported_concern WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM (SELECT p.account_id, margin.evaluate(margin.rollup(p.portfolio), (SELECT venue_market())) AS v
          FROM reported_portfolio AS p GROUP BY p.account_id
        HAVING margin.level(margin.rollup(p.portfolio), (SELECT venue_market())) <> 'healthy' OR margin.shortfall(margin.rollup(p.portfolio), (SELECT venue_market())) > 0) AS valued;
COMMENT ON VIEW reported_concern IS 'of reported_margin the accounts that are not healthy or lack something to their maintenance margin; the others stay on their shards';
COMMENT ON COLUMN reported_concern.account_id IS 'the account';
COMMENT ON COLUMN reported_concern.equity IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.collateral_value IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.liabilities IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.net_asset_value IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.haircut IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.unrealized_pnl IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.initial_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.maintenance_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.available_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.shortfall IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.margin_ratio IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.level IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.missing IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.initial_equity IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.order_margin IS 'as in account_margin';
COMMENT ON COLUMN reported_concern.order_loss IS 'as in account_margin';

CREATE FUNCTION concern_at(as_of timestamptz DEFAULT NULL) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing, a.initial_equity, a.order_margin, a.order_loss
      FROM reported_concern AS a
     WHERE as_of IS NULL
    UNION ALL
    SELECT a.account_id, a.equity, a.collateral_value, a.liabilities, a.net_asset_value, a.haircut, a.unrealized_pnl,
           a.initial_margin, a.maintenance_margin, a.available_margin, a.shortfall, a.margin_ratio, a.level, a.missing, a.initial_equity, a.order_margin, a.order_loss
      FROM account_margin_at(as_of) AS a
     WHERE as_of IS NOT NULL;
END;
COMMENT ON FUNCTION concern_at(timestamptz) IS 'the accounts that reports of the worst need: now those of reported_concern, else all of account_margin_at()';
