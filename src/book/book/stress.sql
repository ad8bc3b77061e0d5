-- stress: every account in every scenario of the venue

CREATE VIEW account_stress WITH (security_invoker = true) AS
SELECT p.account_id, s.*
  FROM account_portfolio AS p,
       LATERAL margin.stress(p.portfolio, (SELECT venue_market()), (SELECT venue_scenarios())) AS s;
COMMENT ON VIEW account_stress IS 'every account in every scenario of the venue, from the present market, marks linked';
COMMENT ON COLUMN account_stress.account_id IS 'the account';
COMMENT ON COLUMN account_stress.scenario IS 'name of the scenario';
COMMENT ON COLUMN account_stress.equity IS 'collateral_value - liabilities, USD';
COMMENT ON COLUMN account_stress.maintenance_margin IS 'what positions and debts require to be kept, USD';
COMMENT ON COLUMN account_stress.level IS 'of the account in this scenario';
COMMENT ON COLUMN account_stress.loss IS 'what a negative equity leaves beyond the collateral, USD, >= 0';
COMMENT ON COLUMN account_stress.missing IS 'symbols that lack a price or parameter; null where nothing does';
