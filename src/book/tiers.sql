-- tiers: whole schedules, judged once each, and replaced in one call

CREATE FUNCTION margin_internal.check_schedule() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_check_schedule';
COMMENT ON FUNCTION margin_internal.check_schedule() IS
'Constraint trigger, for each row, of the tables of tiers: has check_tiers() of the venue judge the schedule of the row, unless that has been done since the row was written; its argument is the column of the symbol.';

-- The row that ended a schedule at 0 may have been edited or deleted by now; then
-- the journal knows.  An event of this transaction without a row before it is a
-- tier entered: of a schedule that is new, or has grown.
CREATE FUNCTION margin_internal.tell_lost_cap(tiers regclass, symbol text, valid_from timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    target CONSTANT name := relname FROM pg_class WHERE oid = tiers;
    last_ratio numeric;
    edits record;
    earlier record;
BEGIN
    IF target NOT IN ('collateral_tier', 'initial_collateral_tier') THEN
        RETURN;
    END IF;
    PERFORM margin_internal.enter(tiers);
    EXECUTE format('SELECT t.ratio FROM %I AS t WHERE t.asset = $1 AND t.valid_from = $2 ORDER BY t.lower_bound DESC LIMIT 1', target)
       INTO last_ratio USING tell_lost_cap.symbol, tell_lost_cap.valid_from;
    IF coalesce(last_ratio, 0) = 0 THEN
        RETURN;
    END IF;
    SELECT coalesce(bool_or((e.before ->> 'ratio')::numeric = 0 AND (e.before ->> 'valid_from')::timestamptz = tell_lost_cap.valid_from), false) AS uncapped,
           coalesce(bool_or(e.before IS NULL), false) AS entered
      INTO edits
      FROM parameter_event AS e
     WHERE e.symbol = tell_lost_cap.symbol AND e.changed_at = now() AND e.txid = pg_current_xact_id() AND e.parameter = target
       AND tell_lost_cap.valid_from IN ((e.before ->> 'valid_from')::timestamptz, (e.after ->> 'valid_from')::timestamptz);
    EXECUTE format('SELECT t.ratio, t.lower_bound, t.valid_from FROM %I AS t WHERE t.asset = $1 AND t.valid_from < $2 ORDER BY t.valid_from DESC, t.lower_bound DESC LIMIT 1', target)
       INTO earlier USING tell_lost_cap.symbol, tell_lost_cap.valid_from;
    IF edits.uncapped OR edits.entered AND earlier.ratio = 0 THEN
        RAISE NOTICE USING
            MESSAGE = format('%s of "%s", valid from %s: the cap is gone', replace(target, '_', ' ') || 's', tell_lost_cap.symbol, tell_lost_cap.valid_from),
            DETAIL = format('The last tier counts%s, without an end; the schedule before ended in a tier of ratio 0.',
                            CASE WHEN margin_internal.may_be_told(tiers) THEN format(' at %s', trim_scale(last_ratio)) END),
            HINT = 'A last tier of ratio 0 caps what counts.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.tell_lost_cap(regclass, text, timestamptz) IS
'a notice where this transaction has left a collateral schedule open at its end, and the one in force before, or the same before its edit, ended at ratio 0; by parameter_event. Nothing for other tables.';

-- A schedule of one tier is the same by either method.
CREATE FUNCTION margin_internal.check_method(what text, symbol text, schedule margin.schedule, method text, remedy text) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    given CONSTANT text := CASE WHEN schedule::text ~ '^whole' THEN 'whole' ELSE 'marginal' END;
BEGIN
    IF given <> method AND (SELECT count(*) FROM margin.tiers(schedule)) > 1 THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s of "%s" apply as %s, the schedule given is %s', what, symbol, method, given),
            HINT = remedy;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_method(text, text, margin.schedule, text, text) IS
'an error (22023) where a schedule of several tiers is marginal or whole and what takes it is not; nothing for null';

-- The first tier is written before anything else, changed or not: whoever
-- replaces the same schedule at the same time waits there, and then replaces all
-- of it.
CREATE FUNCTION margin_internal.replace_tiers(
    venue name, target name, symbol text, valid_from timestamptz, bounds numeric[], rates numeric[], initial_rates numeric[] DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent CONSTANT name := CASE target WHEN 'risk_tier' THEN 'contract' ELSE 'asset' END;
    rate CONSTANT name := CASE WHEN target IN ('risk_tier', 'liability_tier') THEN 'maintenance_rate' ELSE 'ratio' END;
    -- columns of rates, and where their values come from
    columns CONSTANT text := CASE target WHEN 'risk_tier' THEN 'maintenance_rate, initial_rate' ELSE rate::text END;
    given CONSTANT text := CASE target WHEN 'risk_tier' THEN 'g.rate, g.initial_rate' ELSE 'g.rate' END;
    assignments CONSTANT text := format('%1$I = excluded.%1$I', rate) || CASE target WHEN 'risk_tier' THEN ', initial_rate = excluded.initial_rate' ELSE '' END;
    write CONSTANT text := format(
        'INSERT INTO %1$I AS t (%2$I, valid_from, lower_bound, %3$s)
         SELECT $1, $2, g.lower_bound, %4$s FROM unnest($3, $4, $5) AS g (lower_bound, rate, initial_rate) WHERE %%s ORDER BY g.lower_bound
         ON CONFLICT (%2$I, valid_from, lower_bound) DO UPDATE SET %5$s', target, parent, columns, given, assignments);
    known boolean;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    IF symbol IS NULL OR valid_from IS NULL OR bounds IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = format('%s must not be null', CASE WHEN symbol IS NULL THEN parent WHEN valid_from IS NULL THEN 'valid_from' ELSE 'schedule' END);
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %1$I AS p WHERE p.%1$I = $1)', parent) INTO known USING symbol;
    IF NOT known THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('venue "%s" has no %s "%s"', venue, parent, symbol);
    END IF;
    EXECUTE format(write, 'g.lower_bound = 0') USING symbol, valid_from, bounds, rates, initial_rates;
    EXECUTE format('DELETE FROM %I AS t WHERE t.%I = $1 AND t.valid_from = $2 AND t.lower_bound <> ALL ($3)', target, parent) USING symbol, valid_from, bounds;
    EXECUTE format(write, 'g.lower_bound > 0') || format(' WHERE (t.%s) IS DISTINCT FROM (excluded.%s)',
                                                        replace(columns, ', ', ', t.'), replace(columns, ', ', ', excluded.'))
      USING symbol, valid_from, bounds, rates, initial_rates;
END
$$;
COMMENT ON FUNCTION margin_internal.replace_tiers(name, name, text, timestamptz, numeric[], numeric[], numeric[]) IS
'what set_collateral_tiers() and its sisters share: the rows of one schedule in a table of tiers of a venue become those given; rows that stay as they are are not journaled';

CREATE FUNCTION margin.set_collateral_tiers(venue name, asset text, schedule margin.schedule, valid_from timestamptz DEFAULT '-infinity') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_method('collateral tiers', asset, schedule, 'marginal', 'Leave out "whole".');
    PERFORM margin_internal.replace_tiers(venue, 'collateral_tier', asset, valid_from, array_agg(s.lower_bound), array_agg(s.rate))
       FROM margin.tiers(schedule) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_collateral_tiers(name, text, margin.schedule, timestamptz) IS
'replaces the collateral ratio schedule of an asset that is valid from an instant (-infinity: from ever) by another, whole, by ordinary writes to collateral_tier: the same rights, checks and journal. Bounds in units of the asset or USD, as asset.tier_unit says. An error for null, an unknown asset (42704), a schedule that is not marginal (22023)';

CREATE FUNCTION margin.set_initial_collateral_tiers(venue name, asset text, schedule margin.schedule, valid_from timestamptz DEFAULT '-infinity') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_method('initial collateral tiers', asset, schedule, 'marginal', 'Leave out "whole".');
    PERFORM margin_internal.replace_tiers(venue, 'initial_collateral_tier', asset, valid_from, array_agg(s.lower_bound), array_agg(s.rate))
       FROM margin.tiers(schedule) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_initial_collateral_tiers(name, text, margin.schedule, timestamptz) IS
'the same for the ratios of the initial measure, in initial_collateral_tier: the asset has collateral tiers by then';

CREATE FUNCTION margin.set_liability_tiers(venue name, asset text, schedule margin.schedule, valid_from timestamptz DEFAULT '-infinity') RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.check_method('liability tiers', asset, schedule, 'marginal', 'Leave out "whole".');
    PERFORM margin_internal.replace_tiers(venue, 'liability_tier', asset, valid_from, array_agg(s.lower_bound), array_agg(s.rate))
       FROM margin.tiers(schedule) AS s;
END
$$;
COMMENT ON FUNCTION margin.set_liability_tiers(name, text, margin.schedule, timestamptz) IS
'the same for the maintenance rates of debts in an asset, in liability_tier; bounds in units of the asset';

-- Two schedules in one table: each is cut at the bounds of both, which changes
-- neither.
CREATE FUNCTION margin.set_risk_tiers(
    venue name, contract text, maintenance margin.schedule, initial margin.schedule DEFAULT NULL, valid_from timestamptz DEFAULT '-infinity'
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_variable
DECLARE
    methods record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    SELECT coalesce(h.maintenance_method, c.maintenance_method) AS maintenance, coalesce(h.initial_method, c.initial_method) AS initial INTO methods
      FROM contract AS c
      LEFT JOIN LATERAL (SELECT t.maintenance_method, t.initial_method FROM contract_change AS t
                          WHERE t.contract = c.contract AND t.valid_from <= set_risk_tiers.valid_from
                          ORDER BY t.valid_from DESC LIMIT 1) AS h ON true
     WHERE c.contract = set_risk_tiers.contract;
    PERFORM margin_internal.check_method('maintenance rates', contract, maintenance, methods.maintenance,
                                         'Give the schedule as the column maintenance_method of the contract says, or change that first.'),
            margin_internal.check_method('initial rates', contract, initial, methods.initial,
                                         'Give the schedule as the column initial_method of the contract says, or change that first.');
    PERFORM margin_internal.replace_tiers(venue, 'risk_tier', contract, valid_from, array_agg(b.bound ORDER BY b.bound),
                                          array_agg(m.rate ORDER BY b.bound), array_agg(i.rate ORDER BY b.bound))
       FROM (SELECT s.lower_bound AS bound FROM margin.tiers(maintenance) AS s UNION
             SELECT s.lower_bound FROM margin.tiers(initial) AS s WHERE maintenance IS NOT NULL) AS b
       LEFT JOIN LATERAL (SELECT s.rate FROM margin.tiers(maintenance) AS s WHERE s.lower_bound <= b.bound ORDER BY s.lower_bound DESC LIMIT 1) AS m ON true
       LEFT JOIN LATERAL (SELECT s.rate FROM margin.tiers(initial) AS s WHERE s.lower_bound <= b.bound ORDER BY s.lower_bound DESC LIMIT 1) AS i ON true;
END
$$;
COMMENT ON FUNCTION margin.set_risk_tiers(name, text, margin.schedule, margin.schedule, timestamptz) IS
'the same for the maintenance and initial rates of a contract (null: no initial rates), in risk_tier; their bounds may differ. An error (22023) for a schedule of several tiers that is whole where the contract, as valid then, says marginal, or the other way round: what is given is never taken for something else';
