-- interest: what debts cost by the hour

CREATE TABLE interest_rate (
    asset        text NOT NULL,
    valid_from   timestamptz NOT NULL DEFAULT '-infinity',
    hourly_rate  numeric NOT NULL,
    free_amount  numeric NOT NULL DEFAULT 0,
    method       text NOT NULL DEFAULT 'excess',
    CONSTRAINT interest_rate_pkey PRIMARY KEY (asset, valid_from),
    CONSTRAINT interest_rate_asset_fkey FOREIGN KEY (asset) REFERENCES asset ON UPDATE CASCADE ON DELETE CASCADE,
    CONSTRAINT interest_rate_hourly_rate_range CHECK (margin.is_amount(hourly_rate) AND hourly_rate >= 0),
    CONSTRAINT interest_rate_free_amount_range CHECK (margin.is_amount(free_amount) AND free_amount >= 0),
    CONSTRAINT interest_rate_method_known CHECK (method IN ('excess', 'whole'))
);
COMMENT ON TABLE interest_rate IS 'interest on debts, charged by margin.accrue_interest(); an asset without a row costs nothing';
COMMENT ON COLUMN interest_rate.asset IS 'the asset owed';
COMMENT ON COLUMN interest_rate.valid_from IS 'of an hour the latest rate counts that is valid from its instant or earlier; a rate of 0 ends a charge';
COMMENT ON COLUMN interest_rate.hourly_rate IS 'interest per unit charged and hour; 0.00001 is 0.001 %';
COMMENT ON COLUMN interest_rate.free_amount IS 'a debt of up to this costs nothing, in units of the asset';
COMMENT ON COLUMN interest_rate.method IS 'of a debt above free_amount is charged: excess, what is above it; whole, all of it';
COMMENT ON CONSTRAINT interest_rate_asset_fkey ON interest_rate IS 'the asset exists; its rates go with it';
COMMENT ON CONSTRAINT interest_rate_hourly_rate_range ON interest_rate IS 'a debtor is not paid for the debt';
COMMENT ON CONSTRAINT interest_rate_free_amount_range ON interest_rate IS 'a debt is an amount above 0';
COMMENT ON CONSTRAINT interest_rate_method_known ON interest_rate IS 'excess or whole';

CREATE TRIGGER journal AFTER INSERT OR UPDATE OR DELETE ON interest_rate
    FOR EACH ROW EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal ON interest_rate IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON interest_rate
    FOR EACH STATEMENT EXECUTE FUNCTION record_parameter_event('asset');
COMMENT ON TRIGGER journal_truncate ON interest_rate IS 'every edit leaves a row in parameter_event';

CREATE FUNCTION interest_rates(since timestamptz, until timestamptz) RETURNS margin.interest_rate[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT ARRAY(SELECT ROW(r.asset, r.valid_from, r.hourly_rate, r.free_amount, r.method)::margin.interest_rate
                   FROM asset AS a
                   LEFT JOIN LATERAL (SELECT f.valid_from FROM interest_rate AS f
                                       WHERE f.asset = a.asset AND f.valid_from <= since
                                       ORDER BY f.valid_from DESC LIMIT 1) AS present ON true
                   JOIN interest_rate AS r ON r.asset = a.asset AND r.valid_from >= coalesce(present.valid_from, '-infinity') AND r.valid_from <= until
                  ORDER BY r.asset, r.valid_from);
END;
REVOKE ALL ON FUNCTION interest_rates(timestamptz, timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION interest_rates(timestamptz, timestamptz) IS 'the rows of interest_rate that count at some time between two instants, both included; an empty array where there are none';
