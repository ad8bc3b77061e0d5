-- rules: settings of the venue that are of no asset, contract or level

CREATE TABLE venue_rule (
    rule   text NOT NULL,
    value  text NOT NULL,
    CONSTRAINT venue_rule_pkey PRIMARY KEY (rule),
    CONSTRAINT venue_rule_rule_known CHECK (rule IN ('orders_reduce_equity', 'liability_rule', 'held_prices_pause_levels', 'publish_for')),
    CONSTRAINT venue_rule_orders_reduce_equity_known CHECK (rule <> 'orders_reduce_equity' OR value IN ('nothing', 'loss', 'margin', 'both')),
    CONSTRAINT venue_rule_liability_rule_known CHECK (rule <> 'liability_rule' OR value IN ('sum', 'larger')),
    CONSTRAINT venue_rule_held_prices_pause_levels_known CHECK (rule <> 'held_prices_pause_levels' OR value IN ('true', 'false')),
    CONSTRAINT venue_rule_publish_for_range CHECK (CASE rule WHEN 'publish_for' THEN value::interval > interval '0' ELSE true END)
);
COMMENT ON TABLE venue_rule IS 'rules of the venue; one without a row has its default: orders_reduce_equity nothing, liability_rule sum, held_prices_pause_levels false, publish_for no limit';
COMMENT ON COLUMN venue_rule.rule IS 'orders_reduce_equity, liability_rule, held_prices_pause_levels or publish_for';
COMMENT ON COLUMN venue_rule.value IS
'of orders_reduce_equity: which amounts of open orders are subtracted from equity before levels are judged (nothing, loss, margin, both); of liability_rule: whether the maintenance of debts is added to that of positions (sum) or the larger of both counts (larger); of held_prices_pause_levels: whether levels stay as good as they are while a price that matters to them is held (true, false); of publish_for: how long a published market is valid at most, an interval above 0: 10 seconds';
COMMENT ON CONSTRAINT venue_rule_rule_known ON venue_rule IS 'an unknown rule would have no effect, and look as if it had';
COMMENT ON CONSTRAINT venue_rule_orders_reduce_equity_known ON venue_rule IS 'nothing, loss, margin or both';
COMMENT ON CONSTRAINT venue_rule_liability_rule_known ON venue_rule IS 'sum or larger';
COMMENT ON CONSTRAINT venue_rule_held_prices_pause_levels_known ON venue_rule IS 'true or false';
COMMENT ON CONSTRAINT venue_rule_publish_for_range ON venue_rule IS 'what is not valid for any time cannot be published';

CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON venue_rule
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('rule');
COMMENT ON TRIGGER journal ON venue_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON venue_rule
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('rule');
COMMENT ON TRIGGER journal_truncate ON venue_rule IS 'every edit leaves a row in parameter_event';

CREATE FUNCTION pausing_prices() RETURNS jsonb
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT jsonb_build_object('assets', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'asset'), '{}'),
                              'contracts', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'contract'), '{}'))
      FROM held_price AS h
     WHERE EXISTS (SELECT FROM venue_rule AS r WHERE r.rule = 'held_prices_pause_levels' AND r.value = 'true')
    HAVING count(*) > 0;
END;
REVOKE ALL ON FUNCTION pausing_prices() FROM PUBLIC;
COMMENT ON FUNCTION pausing_prices() IS 'the prices held while held_prices_pause_levels is true, for refreshes of levels: {"assets": {"BTC": 30000}, "contracts": {}}; null: none';
