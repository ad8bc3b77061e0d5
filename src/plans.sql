-- plans: what to do about an account: who pays its debts, what to close

CREATE TYPE margin.payer_order AS ENUM ('ratio', 'pro_rata');
COMMENT ON TYPE margin.payer_order IS
'which assets pay a debt first, among those without a rank: ratio (highest marginal collateral ratio at the present amount) or pro_rata (each the same part of what it has)';

CREATE TYPE margin.cover_outcome AS ENUM ('converted', 'left_out', 'uncovered', 'unpriced');
COMMENT ON TYPE margin.cover_outcome IS
'row of a cover plan: a conversion; one left out as it would worsen the level; what is due of a debt and nobody can pay; an account that cannot be valued';

CREATE TYPE margin.reduction_outcome AS ENUM ('reduced', 'recovered', 'exhausted', 'unpriced');
COMMENT ON TYPE margin.reduction_outcome IS
'row of a reduction plan: a step; or its end: no longer undercollateralized, or still so with nothing left that would help; or an account that cannot be valued';

-- Both the table that cover() reads and, as its row type, what cover_plan() takes.
CREATE TABLE margin.cover_rule (
    asset                text NOT NULL,
    rank                 integer,
    conversion_discount  numeric NOT NULL DEFAULT 1,
    threshold            numeric,
    repayment_ratio      numeric NOT NULL DEFAULT 1,
    CONSTRAINT cover_rule_pkey PRIMARY KEY (asset),
    CONSTRAINT cover_rule_conversion_discount_range
        CHECK (margin.is_amount(conversion_discount) AND conversion_discount BETWEEN 0 AND 1),
    CONSTRAINT cover_rule_threshold_range CHECK (margin.is_amount(threshold) AND threshold >= 0),
    CONSTRAINT cover_rule_repayment_ratio_range
        CHECK (margin.is_amount(repayment_ratio) AND repayment_ratio BETWEEN 0 AND 1)
);
ALTER TABLE margin.cover_rule OWNER TO @extowner@;
CREATE CONSTRAINT TRIGGER cover_rule_known
    AFTER INSERT OR UPDATE ON margin.cover_rule
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION margin.symbols_known();
CREATE TRIGGER cover_rule_asset_follows AFTER DELETE OR UPDATE OF asset ON margin.asset
    FOR EACH ROW EXECUTE FUNCTION margin.follow_symbol('cover_rule', 'asset', 'cascade');
CREATE TRIGGER cover_rule_truncated AFTER TRUNCATE ON margin.asset
    FOR EACH STATEMENT EXECUTE FUNCTION margin.follow_symbol('cover_rule');
CALL margin.keep_journal('cover_rule', 'asset');
COMMENT ON TRIGGER cover_rule_known ON margin.cover_rule IS 'the asset exists';
COMMENT ON TRIGGER cover_rule_asset_follows ON margin.asset IS 'rows of cover_rule go by its new name';
COMMENT ON TRIGGER cover_rule_truncated ON margin.asset IS 'the rules of all assets go with them';
SELECT pg_catalog.pg_extension_config_dump('margin.cover_rule', '');
COMMENT ON TABLE margin.cover_rule IS 'how an asset pays the debts of its account, and how a debt in it is repaid; an asset without a row pays at index price after those with a rank, if it is collateral at all, and a debt in it is repaid whole. Its row type is what cover_plan() takes, null columns meaning the defaults';
COMMENT ON COLUMN margin.cover_rule.asset IS 'the asset, as payer and as debt';
COMMENT ON COLUMN margin.cover_rule.rank IS 'the lowest pays first; NULL: after those that have one, in the order that cover_plan() is asked for';
COMMENT ON COLUMN margin.cover_rule.conversion_discount IS 'part of its index price at which it is converted, 0 to 1; 0: it never pays';
COMMENT ON COLUMN margin.cover_rule.threshold IS 'a debt is due only where it is above this, in units of the asset; NULL: always, and whole';
COMMENT ON COLUMN margin.cover_rule.repayment_ratio IS 'a debt above its threshold is repaid down to threshold * (1 - this); 1: whole; means nothing without a threshold';
COMMENT ON CONSTRAINT cover_rule_conversion_discount_range ON margin.cover_rule IS 'a conversion never brings more than the index price';
COMMENT ON CONSTRAINT cover_rule_threshold_range ON margin.cover_rule IS 'a debt is an amount above 0';
COMMENT ON CONSTRAINT cover_rule_repayment_ratio_range ON margin.cover_rule IS 'none of the threshold, all of it, or something between';

CREATE TYPE margin.cover_conversion AS (
    step integer,
    outcome margin.cover_outcome,
    debt_asset text,
    payer text,
    paid numeric,
    repaid numeric,
    debt_price numeric,
    payer_price numeric,
    conversion_discount numeric,
    paid_value numeric,
    repaid_value numeric,
    remaining_debt numeric,
    remaining_due numeric,
    level margin.level
);
COMMENT ON TYPE margin.cover_conversion IS 'row of a cover plan: one conversion, made or left out, or what of a debt remains due';
COMMENT ON COLUMN margin.cover_conversion.step IS 'number of the row, from 1';
COMMENT ON COLUMN margin.cover_conversion.outcome IS 'converted, left_out (it would worsen the level), uncovered (the residue of a debt) or unpriced';
COMMENT ON COLUMN margin.cover_conversion.debt_asset IS 'asset of negative equity';
COMMENT ON COLUMN margin.cover_conversion.payer IS 'asset that is converted into it';
COMMENT ON COLUMN margin.cover_conversion.paid IS 'units of the payer given, rounded up at the 18th decimal; all it has, exactly, where that is not enough';
COMMENT ON COLUMN margin.cover_conversion.repaid IS 'units of the debt repaid: what is due, exactly, or what all of the payer brings, rounded down at the 18th decimal';
COMMENT ON COLUMN margin.cover_conversion.debt_price IS 'index price of the debt, USD per unit';
COMMENT ON COLUMN margin.cover_conversion.payer_price IS 'index price of the payer, USD per unit';
COMMENT ON COLUMN margin.cover_conversion.conversion_discount IS 'part of its index price at which the payer is converted';
COMMENT ON COLUMN margin.cover_conversion.paid_value IS 'paid * payer_price, USD';
COMMENT ON COLUMN margin.cover_conversion.repaid_value IS 'repaid * debt_price, USD';
COMMENT ON COLUMN margin.cover_conversion.remaining_debt IS 'what the account owes after the row, units of the debt, >= 0';
COMMENT ON COLUMN margin.cover_conversion.remaining_due IS 'what of that is still to be repaid, units of the debt, >= 0';
COMMENT ON COLUMN margin.cover_conversion.level IS 'of the account after the row; of left_out what it would have been';

CREATE FUNCTION margin.cover_plan(
    portfolio margin.portfolio, market margin.market, rules margin.cover_rule[] DEFAULT NULL,
    payer_order margin.payer_order DEFAULT 'ratio', forced boolean DEFAULT false
) RETURNS SETOF margin.cover_conversion
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE COST 500 ROWS 3 AS 'MODULE_PATHNAME', 'margin_cover_plan';
COMMENT ON FUNCTION margin.cover_plan(margin.portfolio, margin.market, margin.cover_rule[], margin.payer_order, boolean) IS
'which assets of an account pay its debts, the assets of negative equity, one row per conversion. The largest debt in USD has the first turn; of a debt all is due, or, if its rule has a threshold, only where it is above that, down to threshold * (1 - repayment_ratio). Payers by rank, then those without in payer_order, ties in byte order; pro_rata splits what is due in proportion to what each could repay, what it may give * price * conversion_discount, each share rounded down at the 18th decimal and the last one bearing the rest, again among the others where one was left out or had not enough. A payer gives at most max(0, least of balance and equity); an asset that is not collateral pays only where a rule names it. paid (units of the payer) = repaid * debt_price / (payer_price * conversion_discount) rounded up at the 18th decimal; a payer that has less gives all of it and repaid (units of the debt) is rounded down there. Values are in USD at index price. A conversion that would worsen level is left_out, level saying what to, unless forced; what nobody can pay is uncovered. One row unpriced for an unpriced account; none where nothing is due, for an empty portfolio, or a null portfolio or market; other nulls mean the defaults. An error for two rules of one asset, a null asset, shares outside 0 to 1 (22023)';

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
    level margin.level
);
COMMENT ON TYPE margin.reduction_step IS 'row of a reduction plan: what one step closes, or, the last row, what the plan achieves';
COMMENT ON COLUMN margin.reduction_step.step IS 'number of the row, from 1';
COMMENT ON COLUMN margin.reduction_step.outcome IS 'reduced (a step), recovered or exhausted (the last row), or unpriced';
COMMENT ON COLUMN margin.reduction_step.contract IS 'the contract closed';
COMMENT ON COLUMN margin.reduction_step.side IS 'the side closed; null: both, against each other';
COMMENT ON COLUMN margin.reduction_step.quantity IS 'contracts closed, of each side';
COMMENT ON COLUMN margin.reduction_step.price IS 'mark price, settlement asset per unit of the underlying';
COMMENT ON COLUMN margin.reduction_step.notional IS 'of what is closed, on both sides where both are; settlement asset';
COMMENT ON COLUMN margin.reduction_step.fee IS 'closing_fee * notional, settlement asset';
COMMENT ON COLUMN margin.reduction_step.realized_pnl IS 'profit of what is closed, before the fee; settlement asset';
COMMENT ON COLUMN margin.reduction_step.maintenance_before IS 'maintenance margin before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.maintenance_after IS 'maintenance margin after it; USD';
COMMENT ON COLUMN margin.reduction_step.equity_before IS 'equity before the step, or the plan; USD';
COMMENT ON COLUMN margin.reduction_step.equity_after IS 'equity after it; USD';
COMMENT ON COLUMN margin.reduction_step.level IS 'of the account after it';

CREATE FUNCTION margin.reduction_plan(portfolio margin.portfolio, market margin.market, lot numeric DEFAULT 0.00000001)
RETURNS SETOF margin.reduction_step
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2000 ROWS 5 AS 'MODULE_PATHNAME', 'margin_reduction_plan';
COMMENT ON FUNCTION margin.reduction_plan(margin.portfolio, margin.market, numeric) IS
'what to close of an undercollateralized account, step by step: first long and short of one contract against each other (side is null), where that helps; then one side at a time; each time what relieves maintenance_margin most, ties in byte order and long before short. A step helps if it lowers maintenance_margin - liquidation threshold * equity. It closes one tier: down to the lower bound of the maintenance tier that the notional is in (beyond it for a schedule of method whole), less where closing more would cost more than it relieves; the step that brings the account back closes no more than needed. quantity in contracts (of each side) is a multiple of lot, rounded up, or all there is; price is the mark, notional, fee (closing_fee on what is closed, on both sides where both are) and realized_pnl are in the settlement asset, whose balance receives realized_pnl - fee; cost and margin quantity are closed as trade() does. Amounts before and after in USD, exact. The last row sums up: recovered or exhausted. One row unpriced for an unpriced account; none for one that is not undercollateralized or an empty portfolio; null for null; an error for lot <= 0 (22023)';
