-- repayment rules: which assets of an account pay its debts, and at what discount

CREATE TABLE repayment_rule (
    asset                text NOT NULL,
    rank                 integer,
    conversion_discount  numeric NOT NULL DEFAULT 1,
    threshold            numeric,
    repayment_ratio      numeric NOT NULL DEFAULT 1,
    CONSTRAINT repayment_rule_pkey PRIMARY KEY (asset),
    CONSTRAINT repayment_rule_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT repayment_rule_conversion_discount_range
        CHECK (margin.is_amount(conversion_discount) AND conversion_discount BETWEEN 0 AND 1),
    CONSTRAINT repayment_rule_threshold_range CHECK (margin.is_amount(threshold) AND threshold >= 0),
    CONSTRAINT repayment_rule_repayment_ratio_range
        CHECK (margin.is_amount(repayment_ratio) AND repayment_ratio BETWEEN 0 AND 1)
);
COMMENT ON TABLE repayment_rule IS 'how an asset pays the debts of its account, and how a debt in it is repaid; without a row it pays at index price, after those with a rank, if it is collateral at all, and a debt in it is repaid whole';
COMMENT ON COLUMN repayment_rule.asset IS 'the asset, as funding asset and as debt';
COMMENT ON COLUMN repayment_rule.rank IS 'the lowest pays first; NULL: after those that have one, in the order that repayment_plan() is asked for';
COMMENT ON COLUMN repayment_rule.conversion_discount IS 'part of its index price at which it is converted, 0 to 1; 0: it never pays';
COMMENT ON COLUMN repayment_rule.threshold IS 'a debt is due only where it is above this, in units of the asset; NULL: always, and whole';
COMMENT ON COLUMN repayment_rule.repayment_ratio IS 'a debt above its threshold is repaid down to threshold * (1 - this); 1: whole; means nothing without a threshold';
COMMENT ON CONSTRAINT repayment_rule_asset_fkey ON repayment_rule IS 'the asset exists; its rule goes with it';
COMMENT ON CONSTRAINT repayment_rule_conversion_discount_range ON repayment_rule IS 'a conversion never brings more than the index price';
COMMENT ON CONSTRAINT repayment_rule_threshold_range ON repayment_rule IS 'a debt is an amount above 0';
COMMENT ON CONSTRAINT repayment_rule_repayment_ratio_range ON repayment_rule IS 'none of the threshold, all of it, or something between';

CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON repayment_rule
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON repayment_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON repayment_rule
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON repayment_rule IS 'every edit leaves a row in parameter_event';

CREATE FUNCTION repayment_rules() RETURNS margin.repayment_rule[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(SELECT ROW(r.asset, r.rank, r.conversion_discount, r.threshold, r.repayment_ratio)::margin.repayment_rule
                   FROM repayment_rule AS r ORDER BY r.asset);
END;
REVOKE ALL ON FUNCTION repayment_rules() FROM PUBLIC;
COMMENT ON FUNCTION repayment_rules() IS 'all rows of repayment_rule, as margin.repayment_plan() takes them; an empty array where there are none';
