-- market: what a book over a published market has in place of a venue
--
-- The view market_source, which create_book() makes, shows the row.  These read
-- it as the owner of the book, who grants EXECUTE on them, and answer as those of
-- a venue do; what does not travel is refused.

CREATE FUNCTION market() RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::market_source, now());
REVOKE ALL ON FUNCTION market() FROM PUBLIC;
COMMENT ON FUNCTION market() IS 'the published market that the book reads; an error (55000) if there is none, or none that is valid at now()';

CREATE FUNCTION market_id() RETURNS bigint
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.market_id(market());
COMMENT ON FUNCTION market_id() IS 'the id of market(); for roles that may execute that';

CREATE FUNCTION present_market(clock timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.kept_market(NULL::market_source, clock);
COMMENT ON FUNCTION present_market(timestamptz) IS 'market(), valid by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';

CREATE FUNCTION market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::margin.market, 'parameters of other times');
COMMENT ON FUNCTION market(timestamptz) IS 'an error (0A000): parameters of other times are not published';

CREATE FUNCTION past_market(as_of timestamptz) RETURNS margin.market
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::margin.market, 'markets of other times');
COMMENT ON FUNCTION past_market(timestamptz) IS 'an error (0A000): markets of other times are not published';

CREATE FUNCTION planned_change() RETURNS timestamptz
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::timestamptz, 'planned changes');
COMMENT ON FUNCTION planned_change() IS 'an error (0A000): planned changes are not published';

CREATE FUNCTION interest_rates(since timestamptz, until timestamptz) RETURNS margin.interest_rate[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.not_published(NULL::margin.interest_rate[], 'interest rates');
COMMENT ON FUNCTION interest_rates(timestamptz, timestamptz) IS 'an error (0A000): interest rates are not published';

CREATE FUNCTION release_ratios() RETURNS numeric[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.release_ratios FROM market_source AS s), margin_internal.not_published(NULL::numeric[], 'release ratios'));
END;
REVOKE ALL ON FUNCTION release_ratios() FROM PUBLIC;
COMMENT ON FUNCTION release_ratios() IS 'release ratios of warning, margin_call and liquidation of the venue, in this order; an error (0A000) where they are not published';

CREATE FUNCTION pausing_prices() RETURNS jsonb
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT s.pausing_prices FROM market_source AS s;
END;
REVOKE ALL ON FUNCTION pausing_prices() FROM PUBLIC;
COMMENT ON FUNCTION pausing_prices() IS 'the prices held that keep levels from getting worse, as they are published; null: none';

CREATE FUNCTION scenarios() RETURNS margin.price_move[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.scenarios FROM market_source AS s), margin_internal.not_published(NULL::margin.price_move[], 'scenarios'));
END;
REVOKE ALL ON FUNCTION scenarios() FROM PUBLIC;
COMMENT ON FUNCTION scenarios() IS 'all rows of scenario of the venue, as margin.stress() takes them; an error (0A000) where they are not published';

CREATE FUNCTION repayment_rules() RETURNS margin.repayment_rule[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT coalesce((SELECT s.repayment_rules FROM market_source AS s), margin_internal.not_published(NULL::margin.repayment_rule[], 'repayment rules'));
END;
REVOKE ALL ON FUNCTION repayment_rules() FROM PUBLIC;
COMMENT ON FUNCTION repayment_rules() IS 'all rows of repayment_rule of the venue, as margin.repayment_plan() takes them; an error (0A000) where they are not published';
