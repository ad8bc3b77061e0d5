-- plans: what to do about an account: which assets repay its debts, what to close

CREATE TYPE margin.repayment_rule AS (
    asset text,
    rank integer,
    conversion_discount numeric,
    threshold numeric,
    repayment_ratio numeric
);
COMMENT ON TYPE margin.repayment_rule IS
'how an asset repays debts of its account, and how a debt in it is repaid; repayment_plan() takes such rows, at most one per asset. Without one an asset that is collateral repays at index price, after those with a rank, and a debt is repaid whole';
COMMENT ON COLUMN margin.repayment_rule.asset IS 'the asset that repays, or is owed';
COMMENT ON COLUMN margin.repayment_rule.rank IS 'the lowest is used first; null: after those that have one, in the funding_order of repayment_plan()';
COMMENT ON COLUMN margin.repayment_rule.conversion_discount IS 'part of its index price at which the asset is converted, 0 to 1; 0: it is never used; null: 1';
COMMENT ON COLUMN margin.repayment_rule.threshold IS 'a debt is due only if it exceeds this, units of the asset, >= 0; null: always, and whole';
COMMENT ON COLUMN margin.repayment_rule.repayment_ratio IS
'a debt above its threshold is repaid down to threshold * (1 - this), 0 to 1; null: 1; without effect if there is no threshold';

CREATE TYPE margin.funding_order AS ENUM ('ratio', 'pro_rata');
COMMENT ON TYPE margin.funding_order IS
'which assets without a rank repay a debt first: ratio, those of highest marginal collateral ratio at the present amount; pro_rata, all at once, in proportion to what each could repay';

CREATE TYPE margin.repayment_outcome AS ENUM ('converted', 'skipped', 'unpaid', 'unpriced');
COMMENT ON TYPE margin.repayment_outcome IS
'row of a repayment plan: a conversion; one that is skipped because it would worsen the level; the part of a debt that is due and cannot be repaid; an account that cannot be valued';

CREATE TYPE margin.reduction_outcome AS ENUM ('cancelled', 'reduced', 'recovered', 'exhausted', 'unpriced');
COMMENT ON TYPE margin.reduction_outcome IS
'row of a reduction plan: cancelled, the orders in a contract; reduced, a step; recovered or exhausted, its end: no longer undercollateralized, or still so and no step would help; unpriced, an account that cannot be valued';

CREATE TYPE margin.repayment AS (
    step integer,
    outcome margin.repayment_outcome,
    debt_asset text,
    funding_asset text,
    paid numeric,
    repaid numeric,
    debt_price numeric,
    funding_price numeric,
    conversion_discount numeric,
    paid_value numeric,
    repaid_value numeric,
    remaining_debt numeric,
    remaining_due numeric,
    level margin.level
);
COMMENT ON TYPE margin.repayment IS 'row of a repayment plan: one conversion, made or skipped, or what remains due of a debt';
COMMENT ON COLUMN margin.repayment.step IS 'number of the row, from 1';
COMMENT ON COLUMN margin.repayment.outcome IS 'converted, skipped (it would worsen the level), unpaid (what remains due of a debt) or unpriced';
COMMENT ON COLUMN margin.repayment.debt_asset IS 'asset of negative equity';
COMMENT ON COLUMN margin.repayment.funding_asset IS 'asset that is converted into it';
COMMENT ON COLUMN margin.repayment.paid IS 'units of the funding asset given, rounded up at the 18th decimal; all there is, exactly, if that is not enough';
COMMENT ON COLUMN margin.repayment.repaid IS 'units of the debt repaid: what is due, exactly; or what all of the funding asset brings, rounded down at the 18th decimal';
COMMENT ON COLUMN margin.repayment.debt_price IS 'index price of the debt, USD per unit, whatever its bounds low and high';
COMMENT ON COLUMN margin.repayment.funding_price IS 'index price of the funding asset, USD per unit, whatever its bounds low and high';
COMMENT ON COLUMN margin.repayment.conversion_discount IS 'part of its index price at which the funding asset is converted';
COMMENT ON COLUMN margin.repayment.paid_value IS 'paid * funding_price, USD';
COMMENT ON COLUMN margin.repayment.repaid_value IS 'repaid * debt_price, USD';
COMMENT ON COLUMN margin.repayment.remaining_debt IS 'what the account owes after the row, units of the debt, >= 0';
COMMENT ON COLUMN margin.repayment.remaining_due IS 'what of that is still due, units of the debt, >= 0';
COMMENT ON COLUMN margin.repayment.level IS 'of the account after the row; of a skipped conversion the level it would have had';

CREATE FUNCTION margin.repayment_plan(
    portfolio margin.portfolio, market margin.market, rules margin.repayment_rule[] DEFAULT NULL,
    funding_order margin.funding_order DEFAULT 'ratio', forced boolean DEFAULT false
) RETURNS SETOF margin.repayment
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 ROWS 3 AS 'MODULE_PATHNAME', 'margin_repayment_plan';
COMMENT ON FUNCTION margin.repayment_plan(margin.portfolio, margin.market, margin.repayment_rule[], margin.funding_order, boolean) IS
'conversions that repay the debts of an account, largest USD value first; paid is rounded up, repaid down, at the 18th decimal. A conversion that would worsen the level is skipped unless forced. No row if nothing is due or portfolio or market is null; other nulls mean defaults; an error for repeated or invalid rules';

CREATE TYPE margin.reduction_step AS (
    step integer,
    outcome margin.reduction_outcome,
    contract text,
    side margin.side,
    quantity numeric,
    price numeric,
    notional numeric,
    fee numeric,
    realized_pnl numeric,
    maintenance_before numeric,
    maintenance_after numeric,
    equity_before numeric,
    equity_after numeric,
    level margin.level,
    judged_equity_before numeric,
    judged_equity_after numeric,
    gain numeric
);
COMMENT ON TYPE margin.reduction_step IS 'row of a reduction plan: the orders that are cancelled, or what one step closes; in the last row, what the plan achieves';
COMMENT ON COLUMN margin.reduction_step.step IS 'number of the row, from 1';
COMMENT ON COLUMN margin.reduction_step.outcome IS 'cancelled or reduced (a step), recovered or exhausted (the last row), or unpriced';
COMMENT ON COLUMN margin.reduction_step.contract IS 'the contract closed, or whose orders are cancelled';
COMMENT ON COLUMN margin.reduction_step.side IS 'the side closed; null: both sides, against each other; or orders, buys and sells';
COMMENT ON COLUMN margin.reduction_step.quantity IS 'contracts closed, of each side; or all that were left to fill of the orders';
COMMENT ON COLUMN margin.reduction_step.price IS 'mark price, settlement asset per unit of the underlying; null where orders are cancelled';
COMMENT ON COLUMN margin.reduction_step.notional IS 'of what is closed, of both sides if both are, or value of the orders; settlement asset';
COMMENT ON COLUMN margin.reduction_step.fee IS 'closing_fee * notional, settlement asset';
COMMENT ON COLUMN margin.reduction_step.realized_pnl IS 'profit of what is closed, before the fee; settlement asset';
COMMENT ON COLUMN margin.reduction_step.maintenance_before IS 'maintenance margin before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.maintenance_after IS 'maintenance margin after it; USD';
COMMENT ON COLUMN margin.reduction_step.equity_before IS 'equity before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.equity_after IS 'equity after it; USD';
COMMENT ON COLUMN margin.reduction_step.level IS 'of the account after it';
COMMENT ON COLUMN margin.reduction_step.judged_equity_before IS 'equity as levels judge it (judged_equity()) before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.judged_equity_after IS 'the same after it; USD';
COMMENT ON COLUMN margin.reduction_step.gain IS 'what the step, or the plan, takes from maintenance_margin - liquidation threshold * judged_equity, which is below 0 once the account has recovered; 0 for orders that require no maintenance and reduce no equity; USD';

CREATE FUNCTION margin.reduction_plan(portfolio margin.portfolio, market margin.market, lot numeric DEFAULT 0.00000001)
RETURNS SETOF margin.reduction_step
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000 ROWS 5 AS 'MODULE_PATHNAME', 'margin_reduction_plan';
COMMENT ON FUNCTION margin.reduction_plan(margin.portfolio, margin.market, numeric) IS
'what to close of an undercollateralized account, step by step: first all open orders are cancelled, by contract, whatever that gains; then long against short of a contract, then one side at a time, whatever relieves maintenance most; quantities are multiples of lot > 0, rounded up. The last row sums up. No row if not undercollateralized; null for null; an error for lot <= 0';
