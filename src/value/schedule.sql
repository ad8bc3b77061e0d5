-- schedule.sql: amounts and tier schedules

CREATE FUNCTION margin.is_amount(numeric) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_is_amount';
COMMENT ON FUNCTION margin.is_amount(numeric) IS
'whether a number can be an amount: neither NaN nor infinite, and at most 1,000 digits on each side of the decimal point';

CREATE TYPE margin.tier_method AS ENUM ('marginal', 'whole');
COMMENT ON TYPE margin.tier_method IS
'how a schedule applies: marginal, each rate to the part of the amount inside its tier; whole, the rate of the tier that holds the amount to all of it';

CREATE TYPE margin.tier_unit AS ENUM ('quantity', 'value');
COMMENT ON TYPE margin.tier_unit IS
'what the bounds of collateral tiers count: quantity, units of the asset; value, USD';

CREATE TYPE margin.schedule;

CREATE FUNCTION margin.schedule_in(cstring) RETURNS margin.schedule
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_in';
CREATE FUNCTION margin.schedule_out(margin.schedule) RETURNS cstring
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_out';
CREATE FUNCTION margin.schedule_recv(internal) RETURNS margin.schedule
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_recv';
CREATE FUNCTION margin.schedule_send(margin.schedule) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_send';
COMMENT ON FUNCTION margin.schedule_in(cstring) IS 'I/O';
COMMENT ON FUNCTION margin.schedule_out(margin.schedule) IS 'I/O';
COMMENT ON FUNCTION margin.schedule_recv(internal) IS 'I/O';
COMMENT ON FUNCTION margin.schedule_send(margin.schedule) IS 'I/O';

CREATE TYPE margin.schedule (
    INPUT = margin.schedule_in,
    OUTPUT = margin.schedule_out,
    RECEIVE = margin.schedule_recv,
    SEND = margin.schedule_send,
    INTERNALLENGTH = VARIABLE,
    ALIGNMENT = double,
    STORAGE = extended
);
COMMENT ON TYPE margin.schedule IS
'tier schedule: ordered lower bounds, each with a rate, as {0: 0.975, 1: 0.97} (marginal) or whole {0: 0.004, 50000: 0.005}';

CREATE FUNCTION margin.tiers(schedule margin.schedule, OUT lower_bound numeric, OUT rate numeric) RETURNS SETOF record
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE ROWS 5 AS 'MODULE_PATHNAME', 'margin_schedule_tiers';
COMMENT ON FUNCTION margin.tiers(margin.schedule) IS
'the tiers of a schedule, in order: where each begins, in the unit of what the schedule is applied to, and its rate. How rates apply, marginal or whole, stands in the text of the schedule. No row for null';

CREATE FUNCTION margin.apply(schedule margin.schedule, amount numeric) RETURNS numeric
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_apply';
COMMENT ON FUNCTION margin.apply(margin.schedule, numeric) IS
'the schedule applied to an amount >= 0 in the unit of its bounds: the sum of rate * part inside each tier, or for a whole schedule rate of its tier * amount. Exact. An error below 0; null for null';

CREATE FUNCTION margin.schedule_accum(internal, lower_bound numeric, rate numeric) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_accum';
CREATE FUNCTION margin.schedule_accum(internal, lower_bound numeric, rate numeric, method margin.tier_method) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_accum';
CREATE FUNCTION margin.schedule_combine(internal, internal) RETURNS internal
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_combine';
CREATE FUNCTION margin.schedule_serialize(internal) RETURNS bytea
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_serialize';
CREATE FUNCTION margin.schedule_deserialize(bytea, internal) RETURNS internal
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_deserialize';
CREATE FUNCTION margin.schedule_final(internal) RETURNS margin.schedule
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_schedule_final';
COMMENT ON FUNCTION margin.schedule_accum(internal, numeric, numeric) IS 'aggregate transition of schedule(lower_bound, rate)';
COMMENT ON FUNCTION margin.schedule_accum(internal, numeric, numeric, margin.tier_method) IS 'aggregate transition of schedule(lower_bound, rate, method)';
COMMENT ON FUNCTION margin.schedule_combine(internal, internal) IS 'aggregate combine of schedule()';
COMMENT ON FUNCTION margin.schedule_serialize(internal) IS 'aggregate serialize of schedule()';
COMMENT ON FUNCTION margin.schedule_deserialize(bytea, internal) IS 'aggregate deserialize of schedule()';
COMMENT ON FUNCTION margin.schedule_final(internal) IS 'aggregate final of schedule()';

CREATE AGGREGATE margin.schedule(lower_bound numeric, rate numeric) (
    SFUNC = margin.schedule_accum,
    STYPE = internal,
    FINALFUNC = margin.schedule_final,
    COMBINEFUNC = margin.schedule_combine,
    SERIALFUNC = margin.schedule_serialize,
    DESERIALFUNC = margin.schedule_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.schedule(numeric, numeric) IS
'marginal tier schedule from rows in any order; null over no rows. An error for nulls, a first bound other than 0, equal bounds, a negative rate or more than 1,000 tiers';

CREATE AGGREGATE margin.schedule(lower_bound numeric, rate numeric, method margin.tier_method) (
    SFUNC = margin.schedule_accum,
    STYPE = internal,
    FINALFUNC = margin.schedule_final,
    COMBINEFUNC = margin.schedule_combine,
    SERIALFUNC = margin.schedule_serialize,
    DESERIALFUNC = margin.schedule_deserialize,
    PARALLEL = SAFE
);
COMMENT ON AGGREGATE margin.schedule(numeric, numeric, margin.tier_method) IS
'tier schedule from rows in any order that all have the same method; otherwise as schedule(lower_bound, rate)';
