-- thresholds: where the levels begin, and where a kept level is left

CREATE TABLE level_threshold (
    level          text NOT NULL,
    margin_ratio   numeric NOT NULL,
    release_ratio  numeric,
    CONSTRAINT level_threshold_pkey PRIMARY KEY (level),
    CONSTRAINT level_threshold_level_known CHECK (level IN ('warning', 'margin_call', 'liquidation')),
    CONSTRAINT level_threshold_margin_ratio_positive CHECK (margin.is_amount(margin_ratio) AND margin_ratio > 0),
    CONSTRAINT level_threshold_release_ratio_range
        CHECK (margin.is_amount(release_ratio) AND release_ratio > 0 AND release_ratio <= margin_ratio)
);
COMMENT ON TABLE level_threshold IS 'margin ratios at which the levels begin; for a level without a row: warning 0.7, margin_call 0.85, liquidation 1';
COMMENT ON COLUMN level_threshold.level IS 'warning, margin_call or liquidation; the other levels have no threshold';
COMMENT ON COLUMN level_threshold.margin_ratio IS 'the level begins where maintenance margin reaches this many times the equity; above 0';
COMMENT ON COLUMN level_threshold.release_ratio IS 'an account kept at the level leaves it when maintenance margin falls below this many times the equity; null: as soon as margin_ratio is no longer reached; valuation does not ask for it';
COMMENT ON CONSTRAINT level_threshold_level_known ON level_threshold IS 'only these levels have a threshold';
COMMENT ON CONSTRAINT level_threshold_margin_ratio_positive ON level_threshold IS 'a threshold is above 0';
COMMENT ON CONSTRAINT level_threshold_release_ratio_range ON level_threshold IS 'a level is left where it begins or below';

CREATE FUNCTION lock_thresholds() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    -- There is no parent row: writers take turns.
    PERFORM margin_internal.enter_own(TG_RELID);
    LOCK TABLE level_threshold IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION lock_thresholds() FROM PUBLIC;
COMMENT ON FUNCTION lock_thresholds() IS 'trigger: one transaction at a time edits the thresholds';

CREATE TRIGGER level_threshold_lock
    BEFORE INSERT OR UPDATE OR DELETE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION lock_thresholds();
COMMENT ON TRIGGER level_threshold_lock ON level_threshold IS 'one transaction at a time edits the thresholds';

-- A threshold may be NULL, for its default; a release ratio that is NULL is
-- the threshold's.  Both are judged by the type market, as thresholds.
CREATE FUNCTION check_thresholds() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    ratios numeric[];
    releases numeric[];
    what text := 'level thresholds';
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    SELECT array_agg(k.margin_ratio ORDER BY k.level), array_agg(coalesce(t.release_ratio, k.margin_ratio) ORDER BY k.level)
      INTO ratios, releases
      FROM margin.thresholds('{}') AS d
      LEFT JOIN level_threshold AS t ON t.level = d.level::text,
           LATERAL (SELECT d.level, coalesce(t.margin_ratio, d.margin_ratio) AS margin_ratio) AS k;
    BEGIN
        PERFORM margin.market(NULL, NULL, ratios[1], ratios[2], ratios[3]);
        what := 'release ratios';
        PERFORM margin.market(NULL, NULL, releases[1], releases[2], releases[3]);
    EXCEPTION WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = format('%s: %s', what, CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not in order' END),
            HINT = 'They rise or stay from warning to margin_call to liquidation. Without a row a level begins at 0.7, 0.85 or 1; without a release ratio it is left at its threshold.';
    END;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION check_thresholds() FROM PUBLIC;
COMMENT ON FUNCTION check_thresholds() IS 'trigger: warning <= margin_call <= liquidation, with the defaults for those without a row; their release ratios likewise';

CREATE CONSTRAINT TRIGGER level_threshold_shape
    AFTER INSERT OR UPDATE OR DELETE ON level_threshold
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_thresholds();
COMMENT ON TRIGGER level_threshold_shape ON level_threshold IS 'warning <= margin_call <= liquidation, with the defaults for those without a row';

CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON level_threshold
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('level');
COMMENT ON TRIGGER journal ON level_threshold IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('level');
COMMENT ON TRIGGER journal_truncate ON level_threshold IS 'every edit leaves a row in parameter_event';

CREATE FUNCTION release_ratios() RETURNS numeric[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT array_agg(t.release_ratio ORDER BY l.n)
      FROM unnest(ARRAY['warning', 'margin_call', 'liquidation']) WITH ORDINALITY AS l (level, n)
      LEFT JOIN level_threshold AS t ON t.level = l.level;
END;
REVOKE ALL ON FUNCTION release_ratios() FROM PUBLIC;
COMMENT ON FUNCTION release_ratios() IS 'release ratios of warning, margin_call and liquidation, in this order; null: a level is left as soon as its margin ratio is no longer reached';
