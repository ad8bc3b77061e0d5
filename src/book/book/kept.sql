-- kept: what accounts held when the last transaction that wrote them committed, valued at present

CREATE VIEW kept_portfolio WITH (security_invoker = true) AS
SELECT account_id, portfolio
  FROM account_level
 WHERE portfolio IS NOT NULL AND (SELECT margin_internal.require_kept('account_level'::regclass));
COMMENT ON VIEW kept_portfolio IS 'what each account holds as of the last commit, as kept with the levels; an error (55000) where they are not kept';
COMMENT ON COLUMN kept_portfolio.account_id IS 'the account';
COMMENT ON COLUMN kept_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW kept_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM kept_portfolio AS p
 CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued;
COMMENT ON VIEW kept_margin IS 'account_margin as of the last commit, three to five times as fast: by kept_portfolio, in the present market; level is the judged one, account_level has the kept one';
COMMENT ON COLUMN kept_margin.account_id IS 'the account';

-- What reads a whole book to report on it reads this: what is kept, or else the rows.
CREATE VIEW reported_portfolio WITH (security_invoker = true) AS
SELECT l.account_id, l.portfolio
  FROM account_level AS l
 WHERE l.portfolio IS NOT NULL AND (SELECT margin_internal.levels_are_kept('account_level'::regclass))
UNION ALL
SELECT p.account_id, p.portfolio
  FROM account_portfolio AS p
 WHERE NOT (SELECT margin_internal.levels_are_kept('account_level'::regclass));
COMMENT ON VIEW reported_portfolio IS 'what each account holds: kept_portfolio where it is kept, else account_portfolio; for what reads a whole book';
COMMENT ON COLUMN reported_portfolio.account_id IS 'the account';
COMMENT ON COLUMN reported_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW reported_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing, (v).initial_equity, (v).order_margin, (v).order_loss
  FROM reported_portfolio AS p
 CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued;
COMMENT ON VIEW reported_margin IS 'the valuation of every account of reported_portfolio in the present market, for what reads a whole book';
COMMENT ON COLUMN reported_margin.account_id IS 'the account';
