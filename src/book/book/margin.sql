-- margin: every account valued in the present market of the venue

CREATE VIEW account_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM account_portfolio AS p
 CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued;
COMMENT ON VIEW account_margin IS 'the valuation of every account that holds something, in the present market; others have no row';
COMMENT ON COLUMN account_margin.account_id IS 'the account';

CREATE VIEW undercollateralized WITH (security_invoker = true) AS
SELECT * FROM account_margin WHERE level IN ('liquidation', 'bankrupt');
COMMENT ON VIEW undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in the view unpriced';
COMMENT ON COLUMN undercollateralized.account_id IS 'the account';

CREATE VIEW unpriced WITH (security_invoker = true) AS
SELECT * FROM account_margin WHERE level = 'unpriced';
COMMENT ON VIEW unpriced IS 'accounts that cannot be valued, and what they lack';
COMMENT ON COLUMN unpriced.account_id IS 'the account';

CREATE VIEW account_collateral WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.collateral(p.portfolio, venue_market()) AS c;
COMMENT ON VIEW account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';
COMMENT ON COLUMN account_collateral.account_id IS 'the account';
COMMENT ON COLUMN account_collateral.asset IS 'an asset with a balance, or that positions settle in';
COMMENT ON COLUMN account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';
COMMENT ON COLUMN account_collateral.pnl IS 'profit and loss of the positions settled in it, units of the asset';
COMMENT ON COLUMN account_collateral.asset_equity IS 'balance + pnl, units of the asset';
COMMENT ON COLUMN account_collateral.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN account_collateral.net_asset_value IS 'asset_equity at index price, USD';
COMMENT ON COLUMN account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';
COMMENT ON COLUMN account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';
COMMENT ON COLUMN account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';
COMMENT ON COLUMN account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';
COMMENT ON COLUMN account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW account_position WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.positions(p.portfolio, venue_market()) AS c;
COMMENT ON VIEW account_position IS 'the valuation of every account contract by contract';
COMMENT ON COLUMN account_position.account_id IS 'the account';
COMMENT ON COLUMN account_position.contract IS 'a contract with a position or an open order';
COMMENT ON COLUMN account_position.settle IS 'asset in which it settles';
COMMENT ON COLUMN account_position.long IS 'contracts held long, >= 0';
COMMENT ON COLUMN account_position.short IS 'contracts held short, >= 0';
COMMENT ON COLUMN account_position.mark IS 'mark price, settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN account_position.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN account_position.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN account_position.pnl IS 'profit and loss of both sides at mark, settlement asset';
COMMENT ON COLUMN account_position.pnl_usd IS 'pnl at the index price of the settlement asset, USD';
COMMENT ON COLUMN account_position.maintenance_margin IS 'what the position requires to be kept, USD';
COMMENT ON COLUMN account_position.initial_margin IS 'what the position requires to be opened, USD, without its orders';
COMMENT ON COLUMN account_position.order_margin IS 'what open orders require on top of it, USD, >= 0';
COMMENT ON COLUMN account_position.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW account_order WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.orders(p.portfolio, venue_market()) AS c;
COMMENT ON VIEW account_order IS 'the open orders of every account by contract, side and limit price, and what they are worth; the order_loss of an account adds up to that of account_margin, what they require is in account_position';
COMMENT ON COLUMN account_order.account_id IS 'the account';
COMMENT ON COLUMN account_order.contract IS 'the contract';
COMMENT ON COLUMN account_order.side IS 'buy or sell';
COMMENT ON COLUMN account_order.price IS 'limit price, settlement asset per unit of the underlying';
COMMENT ON COLUMN account_order.quantity IS 'what is left to fill at that price, contracts, > 0';
COMMENT ON COLUMN account_order.margin_quantity IS 'sum of quantity / leverage of the orders that chose one, contracts';
COMMENT ON COLUMN account_order.value IS 'at the limit price, a sell at the mark if that is higher, settlement asset; null: a price is missing';
COMMENT ON COLUMN account_order.order_loss IS 'what it would lose by filling now, USD, >= 0; null: a price is missing';

-- A join to a list of accounts does not reach into the grouping of a view; the
-- functions of one account do: FROM list, LATERAL account_margin(list.account_id).
-- OFFSET 0 keeps each a query of its own, run for one account at a time, when
-- it is inlined.
CREATE FUNCTION account_margin(account_id account.account_id%TYPE) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT a.* FROM account_margin AS a WHERE a.account_id = account_margin.account_id OFFSET 0;
END;
COMMENT ON FUNCTION account_margin(account.account_id%TYPE) IS 'the row of one account in the view account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';

CREATE FUNCTION account_margin(account_id account.account_id%TYPE, market margin.market) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT p.account_id,
           (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
           (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
           (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
      FROM account_portfolio AS p
     CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, account_margin.market) AS v OFFSET 0) AS valued
     WHERE p.account_id = account_margin.account_id
    OFFSET 0;
END;
COMMENT ON FUNCTION account_margin(account.account_id%TYPE, margin.market) IS 'the same in a given market; amounts, level and missing are null where the market is';
