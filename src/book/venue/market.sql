-- market: the tables of the venue as one value
--
-- These read as the owner of the venue, who grants EXECUTE on them: whoever
-- reads a book needs no right on the venue's tables.  The row type of the view
-- planned_change is the anchor by which the extension's functions find the
-- venue, whatever its name.  (That of a table would keep its owner from adding
-- columns to it.)

-- No rights of its own and no settings, so that it is inlined wherever it is
-- called: kept_market() asks whether the caller may execute it.
CREATE FUNCTION market() RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::planned_change, now());
REVOKE ALL ON FUNCTION market() FROM PUBLIC;
COMMENT ON FUNCTION market() IS 'the present market of the venue: parameters and prices as they stand at now(), prices older than their max_age left out';

CREATE FUNCTION present_market(clock timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::planned_change, clock);
COMMENT ON FUNCTION present_market(timestamptz) IS 'market() by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';

CREATE FUNCTION market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN margin_internal.stored_market(NULL::planned_change, as_of, now());
REVOKE ALL ON FUNCTION market(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION market(timestamptz) IS 'the parameters valid at as_of with the present prices, those older than their max_age (judged at now()) left out; null for null';

CREATE FUNCTION past_market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
RETURN margin_internal.past_market(NULL::planned_change, as_of);
REVOKE ALL ON FUNCTION past_market(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION past_market(timestamptz) IS 'the parameters valid at as_of with the prices that stood then, from the price histories, those that were older than their max_age left out; before the histories begin there are no prices. A parameter edited in place counts as it is now; null for null';

CREATE FUNCTION planned_change() RETURNS timestamptz
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT min(valid_from) FROM planned_change;
END;
REVOKE ALL ON FUNCTION planned_change() FROM PUBLIC;
COMMENT ON FUNCTION planned_change() IS 'when the next of planned_change takes effect; null: nothing is planned';

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON asset
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON asset IS 'sessions that keep the market read it again';
ALTER TABLE asset ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON asset
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON asset IS 'sessions that keep the market read it again';
ALTER TABLE asset ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON asset_change
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON asset_change IS 'sessions that keep the market read it again';
ALTER TABLE asset_change ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON asset_change
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON asset_change IS 'sessions that keep the market read it again';
ALTER TABLE asset_change ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON collateral_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE collateral_tier ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE collateral_tier ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON initial_collateral_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON initial_collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE initial_collateral_tier ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON initial_collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON initial_collateral_tier IS 'sessions that keep the market read it again';
ALTER TABLE initial_collateral_tier ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON liability_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON liability_tier IS 'sessions that keep the market read it again';
ALTER TABLE liability_tier ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON liability_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON liability_tier IS 'sessions that keep the market read it again';
ALTER TABLE liability_tier ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON index_price
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON index_price IS 'sessions that keep the market read it again';
ALTER TABLE index_price ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON index_price
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON index_price IS 'sessions that keep the market read it again';
ALTER TABLE index_price ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON contract
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON contract IS 'sessions that keep the market read it again';
ALTER TABLE contract ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON contract
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON contract IS 'sessions that keep the market read it again';
ALTER TABLE contract ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON contract_change
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON contract_change IS 'sessions that keep the market read it again';
ALTER TABLE contract_change ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON contract_change
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON contract_change IS 'sessions that keep the market read it again';
ALTER TABLE contract_change ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON risk_tier
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON risk_tier IS 'sessions that keep the market read it again';
ALTER TABLE risk_tier ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON risk_tier
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON risk_tier IS 'sessions that keep the market read it again';
ALTER TABLE risk_tier ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON mark_price
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON mark_price IS 'sessions that keep the market read it again';
ALTER TABLE mark_price ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON mark_price
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON mark_price IS 'sessions that keep the market read it again';
ALTER TABLE mark_price ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON level_threshold
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON level_threshold IS 'sessions that keep the market read it again';
ALTER TABLE level_threshold ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON level_threshold IS 'sessions that keep the market read it again';
ALTER TABLE level_threshold ENABLE ALWAYS TRIGGER market_truncated;

CREATE TRIGGER market_changed AFTER INSERT OR UPDATE OR DELETE ON venue_rule
    FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_changed ON venue_rule IS 'sessions that keep the market read it again';
ALTER TABLE venue_rule ENABLE ALWAYS TRIGGER market_changed;

CREATE TRIGGER market_truncated AFTER TRUNCATE ON venue_rule
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();
COMMENT ON TRIGGER market_truncated ON venue_rule IS 'sessions that keep the market read it again';
ALTER TABLE venue_rule ENABLE ALWAYS TRIGGER market_truncated;
