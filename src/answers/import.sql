-- import: what venues answer, into the tables of a venue
--
-- Sources only say what a document means.  Whether that can be, whether it is
-- anything new, and how it gets into the tables is the same for all of them, and
-- stands here.

-- ---------------------------------------------------------------------------
-- What a row may say
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.answer_fields(kind text) RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE kind
    WHEN 'asset' THEN '{tier_unit,liability_weight,requirement_weight,max_age,initial_liability_weight}'::text[]
    WHEN 'contract' THEN '{settle,base,contract_size,netting,closing_fee,opening_fee,maintenance_method,initial_method,tier_unit,order_maintenance,max_age,payoff}'
    WHEN 'collateral_tier' THEN '{lower_bound,upper_bound,ratio,beyond,summed,tier_unit}'
    WHEN 'initial_collateral_tier' THEN '{lower_bound,upper_bound,ratio,beyond,summed}'
    WHEN 'liability_tier' THEN '{lower_bound,upper_bound,maintenance_rate,deduction}'
    WHEN 'risk_tier' THEN '{lower_bound,upper_bound,maintenance_rate,initial_rate,max_leverage,deduction,step,method,tier_unit}'
    WHEN 'index_price' THEN '{price,at}'
    WHEN 'mark_price' THEN '{price,at}'
    WHEN 'ignored' THEN '{why}'
    WHEN 'balance' THEN '{quantity}'
    WHEN 'position' THEN '{quantity,entry_price,leverage}'
    WHEN 'order' THEN '{order_id,quantity,price,leverage}'
    WHEN 'figure' THEN '{name,value}'
    WHEN 'complete' THEN '{}'
END;
COMMENT ON FUNCTION margin_internal.answer_fields(text) IS 'the fields that a row of a source may have, by its kind; null for a kind that is not known';

CREATE FUNCTION margin_internal.check_answer_row(kind text, symbol text, path text, fields jsonb, kinds text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unknown text;
BEGIN
    IF kind IS NULL OR kind <> ALL (kinds) THEN
        PERFORM margin_internal.refuse_answer(path, format('is of kind %s', coalesce(quote_literal(kind), 'null')), format('Kinds are %s.', array_to_string(kinds, ', ')));
    ELSIF symbol IS NULL AND kind <> 'figure' OR octet_length(symbol) NOT BETWEEN 1 AND 255 THEN
        PERFORM margin_internal.refuse_answer(path, format('(%s) has no symbol of 1 to 255 bytes: %s', kind, margin_internal.shown(to_jsonb(symbol))));
    END IF;
    SELECT k INTO unknown FROM jsonb_object_keys(coalesce(fields, '{}')) AS k WHERE k <> ALL (margin_internal.answer_fields(kind)) LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(path, format('(%s) has a field "%s" that nothing is done with', kind, unknown),
                                              format('Fields are %s.', array_to_string(margin_internal.answer_fields(kind), ', ')));
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_answer_row(text, text, text, jsonb, text[]) IS 'an error (22023) unless a row of a source is of one of the kinds, has a symbol, and fields that its kind knows';

-- Numbers of one's own source may still be texts.
CREATE FUNCTION margin_internal.field_number(path text, fields jsonb, field text, required boolean DEFAULT true) RETURNS numeric
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
RETURN margin.answer_number((path, fields)::margin.answer_node, field, required);
COMMENT ON FUNCTION margin_internal.field_number(text, jsonb, text, boolean) IS 'a number among the fields of a row of a source; an error (22023) that names place and field where it is none';

CREATE FUNCTION margin_internal.read_answer(source text, document jsonb) RETURNS SETOF margin.answer_row
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT regprocedure := margin_internal.answer_reader(source, 'margin.answer_row');
    told margin.answer_row;
BEGIN
    FOR told IN EXECUTE (SELECT format('SELECT r.* FROM %I.%I($1::jsonb) AS r', p.pronamespace::regnamespace::name, p.proname) FROM pg_proc AS p WHERE p.oid = reader)
      USING document
    LOOP
        told.fields := coalesce(jsonb_strip_nulls(told.fields), '{}');
        PERFORM margin_internal.check_answer_row(told.kind, told.symbol, told.path, told.fields,
            '{asset,contract,collateral_tier,initial_collateral_tier,liability_tier,risk_tier,index_price,mark_price,ignored}');
        RETURN NEXT told;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.read_answer(text, jsonb) IS 'what a source of import_answer() says of a document, each row checked';

-- ---------------------------------------------------------------------------
-- Terms of assets and contracts
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.terms_at(venue name, kind text, symbol text, at timestamptz) RETURNS jsonb
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms jsonb;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('SELECT coalesce((SELECT to_jsonb(h) - ''valid_from'' FROM %1$I AS h WHERE h.%2$I = $1 AND h.valid_from <= $2 ORDER BY h.valid_from DESC LIMIT 1), to_jsonb(p))
                      FROM %2$I AS p WHERE p.%2$I = $1', kind || '_change', kind)
       INTO terms USING symbol, at;
    RETURN terms;
END
$$;
COMMENT ON FUNCTION margin_internal.terms_at(name, text, text, timestamptz) IS 'the terms of an asset or contract of a venue that hold at an instant, as its row; null where there is none';

-- By terms without tiers nobody has been judged yet, so that they are edited where
-- they are; others hold until the instant.
CREATE FUNCTION margin_internal.edited_in_place(venue name, kind text, symbol text, valid_from timestamptz) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    used boolean;
BEGIN
    IF valid_from = '-infinity' THEN
        RETURN true;
    END IF;
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('SELECT EXISTS (SELECT FROM %I AS t WHERE t.%I = $1) OR EXISTS (SELECT FROM %I AS c WHERE c.%2$I = $1)',
                   CASE kind WHEN 'asset' THEN 'collateral_tier' ELSE 'risk_tier' END, kind, kind || '_change') INTO used USING symbol;
    RETURN valid_from IS NULL AND NOT used;
END
$$;
COMMENT ON FUNCTION margin_internal.edited_in_place(name, text, text, timestamptz) IS
'whether terms imported change the row in asset or contract, and not from an instant on: for -infinity, or where no instant is given and there are neither tiers nor changes yet';

CREATE FUNCTION margin_internal.write_terms(venue name, kind text, terms jsonb, valid_from timestamptz) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target CONSTANT name := CASE WHEN valid_from IS NULL THEN kind ELSE kind || '_change' END;
    columns CONSTANT text := (SELECT string_agg(quote_ident(k), ', ' ORDER BY k) FROM jsonb_object_keys(terms) AS k);
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('INSERT INTO %1$I AS t (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::%1$I, $1) ON CONFLICT (%3$s) DO UPDATE SET (%2$s) = ROW(%4$s)',
                   target, columns || CASE WHEN valid_from IS NULL THEN '' ELSE ', valid_from' END,
                   quote_ident(kind) || CASE WHEN valid_from IS NULL THEN '' ELSE ', valid_from' END,
                   'excluded.' || replace(columns, ', ', ', excluded.') || CASE WHEN valid_from IS NULL THEN '' ELSE ', excluded.valid_from' END)
      USING terms || CASE WHEN valid_from IS NULL THEN '{}' ELSE jsonb_build_object('valid_from', valid_from) END;
END
$$;
COMMENT ON FUNCTION margin_internal.write_terms(name, text, jsonb, timestamptz) IS 'writes columns of an asset or contract, new or there already: of its own row, or with an instant of its row in the table of changes';

CREATE FUNCTION margin_internal.enter_terms(venue name, kind text, symbol text, terms jsonb, valid_from timestamptz, source text, OUT outcome text, OUT why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    at CONSTANT timestamptz := coalesce(valid_from, now());
    present CONSTANT jsonb := margin_internal.terms_at(venue, kind, symbol, at);
    wanted CONSTANT jsonb := terms || jsonb_build_object(kind, symbol, 'source', source);
BEGIN
    IF present IS NULL THEN
        PERFORM margin_internal.write_terms(venue, kind, wanted, NULL);
        outcome := 'entered';
        RETURN;
    END IF;
    SELECT string_agg(format('%s %s -> %s', t.key, coalesce(present ->> t.key, 'null'), t.value #>> '{}'), ', ' ORDER BY t.key COLLATE "C") INTO why
      FROM jsonb_each(terms) AS t WHERE t.value IS DISTINCT FROM present -> t.key;
    IF why IS NULL THEN
        outcome := 'unchanged';
        RETURN;
    END IF;
    outcome := 'changed';
    IF margin_internal.edited_in_place(venue, kind, symbol, valid_from) THEN
        PERFORM margin_internal.write_terms(venue, kind, margin_internal.terms_at(venue, kind, symbol, '-infinity') || wanted, NULL);
    ELSE
        PERFORM margin_internal.write_terms(venue, kind, present || wanted, at);
        why := why || format(', from %s', at);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_terms(name, text, text, jsonb, timestamptz, text) IS
'terms of an asset or contract into a venue: entered where it is new, unchanged, or changed, and why says what; in place or from an instant on (null: from now on) as edited_in_place() has it';

CREATE FUNCTION margin_internal.import_contract(venue name, contract text, path text, terms jsonb, valid_from timestamptz, source text)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    known CONSTANT boolean := margin_internal.terms_at(venue, 'contract', import_contract.contract, 'infinity') IS NOT NULL;
    named record;
BEGIN
    IF coalesce(terms ->> 'payoff', 'linear') <> 'linear' THEN
        RETURN QUERY SELECT 'contract', import_contract.contract, 'ignored', format('%s: only linear contracts are valued', terms ->> 'payoff');
        RETURN;
    ELSIF NOT known AND NOT terms ?& '{settle,contract_size}' THEN
        PERFORM margin_internal.refuse_answer(path, format('(contract %s) says no settle or contract_size, and the venue does not have it yet', import_contract.contract));
    ELSIF margin_internal.field_number(path, terms, 'contract_size', false) <= 0 THEN
        PERFORM margin_internal.refuse_answer(path, format('(contract %s) has a contract_size of %s', import_contract.contract, terms ->> 'contract_size'));
    END IF;
    FOR named IN SELECT a.asset, a.role FROM (VALUES (terms ->> 'settle', 'settles'), (terms ->> 'base', 'underlies')) AS a (asset, role) WHERE a.asset IS NOT NULL LOOP
        RETURN QUERY SELECT 'asset', named.asset, e.outcome, format('%s %s', named.role, import_contract.contract)
                       FROM margin_internal.enter_terms(venue, 'asset', named.asset, '{}', NULL, source) AS e WHERE e.outcome = 'entered';
    END LOOP;
    RETURN QUERY SELECT 'contract', import_contract.contract, e.outcome, e.why
                   FROM margin_internal.enter_terms(venue, 'contract', import_contract.contract, terms, valid_from, source) AS e;
END
$$;
COMMENT ON FUNCTION margin_internal.import_contract(name, text, text, jsonb, timestamptz, text) IS
'a contract of an answer into a venue, with the assets that it names where those are new: what import_answer() returns of them. One that is not linear is ignored';

-- ---------------------------------------------------------------------------
-- Tiers
-- ---------------------------------------------------------------------------

-- Rounded up at the 18th decimal, as the margin quantity of a position is, which
-- stands for the same rate.
CREATE FUNCTION margin_internal.rate_of_leverage(leverage numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN trim_scale((div(1e18, leverage) + CASE WHEN mod(1e18, leverage) > 0 THEN 1 ELSE 0 END) * 0.000000000000000001);
COMMENT ON FUNCTION margin_internal.rate_of_leverage(numeric) IS '1 / leverage, rounded up at the 18th decimal; above 0; null for null';

-- Whether a sum that the venue has made is the one that its rates and bounds make,
-- rounded to as many decimals as the venue writes.
CREATE FUNCTION margin_internal.check_sum(path text, field text, told numeric, made numeric) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF abs(told - made) > 0.5 * power(10::numeric, -scale(told)) THEN
        PERFORM margin_internal.refuse_answer(path, format('contradicts itself: its %s is %s, the rates and bounds up to there make %s', field, told, trim_scale(made)),
                                              'The document is damaged, or the source takes it for what it is not. Nothing has been entered.');
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_sum(text, text, numeric, numeric) IS 'an error (22023) where a running sum of a venue is not what its tiers make, to half of its last decimal; nothing where it tells none';

CREATE TYPE margin_internal.ladder AS (
    bounds numeric[],
    rates numeric[],
    initial_rates numeric[]
);
COMMENT ON TYPE margin_internal.ladder IS 'the tiers of one schedule, in order';
COMMENT ON COLUMN margin_internal.ladder.bounds IS 'lower bounds; null: there is no schedule';
COMMENT ON COLUMN margin_internal.ladder.rates IS 'ratios of collateral, or maintenance rates';
COMMENT ON COLUMN margin_internal.ladder.initial_rates IS 'initial rates; null: there are none';

-- The lower bound of the tier, its place among the others checked.
CREATE FUNCTION margin_internal.next_bound(path text, fields jsonb, began numeric, ended numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step CONSTANT numeric := coalesce(margin_internal.field_number(path, fields, 'step', false), 0);
    bound CONSTANT numeric := coalesce(margin_internal.field_number(path, fields, 'lower_bound', false), CASE WHEN ended = 0 THEN 0 ELSE ended + step END);
    upper_bound CONSTANT numeric := margin_internal.field_number(path, fields, 'upper_bound', false);
BEGIN
    IF bound IS NULL OR ended IS NULL AND bound <= began THEN
        PERFORM margin_internal.refuse_answer(path, format('follows a tier that begins at %s and has no end', began), 'Is a row missing, or there twice?');
    ELSIF bound < ended OR bound > ended + (CASE WHEN ended = 0 THEN 0 ELSE step END) THEN
        PERFORM margin_internal.refuse_answer(path, format('begins at %s, the tier before it ends at %s', bound, ended), 'Is a row missing, or there twice?');
    ELSIF upper_bound <= bound THEN
        PERFORM margin_internal.refuse_answer(path, format('begins at %s and ends at %s', bound, upper_bound));
    END IF;
    RETURN trim_scale(bound);
END
$$;
COMMENT ON FUNCTION margin_internal.next_bound(text, jsonb, numeric, numeric) IS
'where a tier begins: at its lower bound, which is where the one before it ends, or at most a step further; or there where it tells none. One that tells no end lasts until the next begins. An error (22023) for gaps and overlaps';

CREATE FUNCTION margin_internal.initial_rate(path text, fields jsonb, maintenance_rate numeric) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    leverage CONSTANT numeric := margin_internal.field_number(path, fields, 'max_leverage', false);
    rate numeric := margin_internal.field_number(path, fields, 'initial_rate', false);
BEGIN
    IF leverage <= 0 THEN
        PERFORM margin_internal.refuse_answer(path, format('has a max_leverage of %s', leverage));
    END IF;
    rate := trim_scale(coalesce(rate, margin_internal.rate_of_leverage(leverage)));
    IF rate > 1 THEN
        PERFORM margin_internal.refuse_answer(path, format('asks %s to open', rate), 'Is it in per cent? More than the position itself is never asked.');
    ELSIF rate < maintenance_rate THEN
        PERFORM margin_internal.refuse_answer(path, format('asks %s to open and %s to keep', rate, maintenance_rate), 'Is one of them in per cent?');
    END IF;
    RETURN rate;
END
$$;
COMMENT ON FUNCTION margin_internal.initial_rate(text, jsonb, numeric) IS
'the initial rate of a tier: initial_rate, or 1 / max_leverage rounded up at the 18th decimal; null where it tells neither. An error (22023) where it is above 1 or below the maintenance rate';

CREATE FUNCTION margin_internal.ladder_of(target text, owner text, rows margin.answer_row[]) RETURNS margin_internal.ladder
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    collateral CONSTANT boolean := target ~ 'collateral';
    result margin_internal.ladder;
    tier record;
    bound numeric;
    rate numeric;
    before numeric := 0;
    ended numeric := 0;
    summed numeric := 0;
    deduction numeric := 0;
BEGIN
    FOR tier IN
        SELECT format('%s (%s of %s)', r.path, target, owner) AS path, r.fields FROM unnest(rows) AS r
         ORDER BY margin_internal.field_number(r.path, r.fields, 'upper_bound', false), coalesce(margin_internal.field_number(r.path, r.fields, 'lower_bound', false), 0)
    LOOP
        bound := margin_internal.next_bound(tier.path, tier.fields, bound, ended);
        rate := trim_scale(margin_internal.field_number(tier.path, tier.fields, CASE WHEN collateral THEN 'ratio' ELSE 'maintenance_rate' END));
        IF rate < 0 OR collateral AND rate > 1 OR bound > 0 AND (CASE WHEN collateral THEN rate > before ELSE rate < before END) THEN
            PERFORM margin_internal.refuse_answer(tier.path, format(CASE WHEN collateral THEN 'counts at %s' ELSE 'asks %s' END || CASE WHEN bound > 0 THEN ', the tier before it %s' ELSE '' END, rate, before),
                                                  'Collateral ratios lie between 0 and 1 and never rise, rates are never negative and never fall.');
        END IF;
        deduction := deduction + bound * (rate - CASE WHEN bound = 0 THEN 0 ELSE before END);
        PERFORM margin_internal.check_sum(tier.path, 'deduction', margin_internal.field_number(tier.path, tier.fields, 'deduction', false), deduction);
        ended := margin_internal.field_number(tier.path, tier.fields, 'upper_bound', false);
        summed := summed + rate * (ended - bound);
        PERFORM margin_internal.check_sum(tier.path, 'running sum', margin_internal.field_number(tier.path, tier.fields, 'summed', false), summed);
        result.bounds := result.bounds || bound;
        result.rates := result.rates || rate;
        IF target = 'risk_tier' THEN
            result.initial_rates := result.initial_rates || margin_internal.initial_rate(tier.path, tier.fields, rate);
        END IF;
        before := rate;
    END LOOP;
    -- what lies beyond the last bound of collateral counts for little or nothing
    IF collateral AND ended IS NOT NULL THEN
        rate := coalesce(trim_scale(margin_internal.field_number(tier.path, tier.fields, 'beyond', false)), 0);
        IF rate <> before THEN
            result.bounds := result.bounds || trim_scale(ended);
            result.rates := result.rates || least(rate, before);
        END IF;
    END IF;
    IF array_position(result.initial_rates, NULL) IS NOT NULL THEN
        IF array_remove(result.initial_rates, NULL) <> '{}' THEN
            PERFORM margin_internal.refuse_answer(rows[array_position(result.initial_rates, NULL)].path, format('(%s of %s) has no initial rate, others have', target, owner));
        END IF;
        result.initial_rates := NULL;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION margin_internal.ladder_of(text, text, margin.answer_row[]) IS
'the schedule that rows of a source make, in whatever order they came: bounds that meet, ratios that never rise, rates that never fall, and the venue''s own deductions (requirement = rate * notional - deduction) and running sums. An error (22023) that names the first row where that is not so. Collateral beyond the last bound counts at "beyond", else at 0';

CREATE FUNCTION margin_internal.tiers_at(venue name, kind text, symbol text, at timestamptz) RETURNS margin_internal.ladder
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    parent CONSTANT name := CASE kind WHEN 'risk_tier' THEN 'contract' ELSE 'asset' END;
    result margin_internal.ladder;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    EXECUTE format('SELECT array_agg(t.lower_bound ORDER BY t.lower_bound), array_agg(t.%1$I ORDER BY t.lower_bound), array_agg(%2$s ORDER BY t.lower_bound)
                      FROM %3$I AS t WHERE t.%4$I = $1 AND t.valid_from = (SELECT max(l.valid_from) FROM %3$I AS l WHERE l.%4$I = $1 AND l.valid_from <= $2)',
                   CASE WHEN kind ~ 'collateral' THEN 'ratio' ELSE 'maintenance_rate' END, CASE kind WHEN 'risk_tier' THEN 't.initial_rate' ELSE 'NULL::numeric' END, kind, parent)
       INTO result USING symbol, at;
    IF array_remove(result.initial_rates, NULL) = '{}' THEN
        result.initial_rates := NULL;
    END IF;
    RETURN result;
END
$$;
COMMENT ON FUNCTION margin_internal.tiers_at(name, text, text, timestamptz) IS 'the schedule of an asset or contract of a venue that holds at an instant; bounds are null where there is none';

CREATE FUNCTION margin_internal.ladder_news(before margin_internal.ladder, after margin_internal.ladder) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('from %s: %s -> %s', d.bound, coalesce(d.was, 'no tier'), coalesce(d.is, 'no tier')), '; ' ORDER BY d.bound) FILTER (WHERE d.n <= 3)
           || CASE WHEN count(*) > 3 THEN format('; and %s more', count(*) - 3) ELSE '' END
      FROM (SELECT coalesce(b.bound, a.bound) AS bound, b.rate || coalesce(' (initial ' || b.initial || ')', '') AS was, a.rate || coalesce(' (initial ' || a.initial || ')', '') AS is,
                   row_number() OVER (ORDER BY coalesce(b.bound, a.bound)) AS n
              FROM unnest((before).bounds, (before).rates, (before).initial_rates) AS b (bound, rate, initial)
              FULL JOIN unnest((after).bounds, (after).rates, (after).initial_rates) AS a (bound, rate, initial) ON a.bound = b.bound
             WHERE (a.rate, a.initial) IS DISTINCT FROM (b.rate, b.initial)) AS d;
END;
COMMENT ON FUNCTION margin_internal.ladder_news(margin_internal.ladder, margin_internal.ladder) IS 'in words, in which tiers two schedules differ; null: in none';

CREATE FUNCTION margin_internal.single_field(rows margin.answer_row[], field text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    values CONSTANT jsonb[] := ARRAY(SELECT DISTINCT r.fields -> field FROM unnest(rows) AS r);
BEGIN
    IF cardinality(values) > 1 THEN
        PERFORM margin_internal.refuse_answer(rows[1].path, format('and the other tiers of "%s" differ in %s', rows[1].symbol, field));
    END IF;
    RETURN values[1];
END
$$;
COMMENT ON FUNCTION margin_internal.single_field(margin.answer_row[], text) IS 'what all tiers of one schedule say alike, or null; an error (22023) where they do not';

CREATE FUNCTION margin_internal.import_tiers(venue name, target text, owner text, rows margin.answer_row[], valid_from timestamptz, source text)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    parent CONSTANT text := CASE target WHEN 'risk_tier' THEN 'contract' ELSE 'asset' END;
    -- how the tiers apply is a term of the asset or contract
    terms CONSTANT jsonb := jsonb_strip_nulls(jsonb_build_object('maintenance_method', margin_internal.single_field(rows, 'method'),
                                                                 'tier_unit', margin_internal.single_field(rows, 'tier_unit')));
    present margin_internal.ladder;
    wanted CONSTANT margin_internal.ladder := margin_internal.ladder_of(target, owner, rows);
BEGIN
    IF margin_internal.terms_at(venue, parent, owner, 'infinity') IS NULL AND parent = 'contract' THEN
        RETURN QUERY SELECT target, owner, 'ignored', 'the venue does not have this contract yet'::text;
        RETURN;
    END IF;
    RETURN QUERY SELECT parent, owner, e.outcome, e.why FROM margin_internal.enter_terms(venue, parent, owner, terms, valid_from, source) AS e WHERE e.outcome <> 'unchanged';
    present := margin_internal.tiers_at(venue, target, owner, coalesce(valid_from, now()));
    IF (present.bounds, present.rates, present.initial_rates) IS NOT DISTINCT FROM (wanted.bounds, wanted.rates, wanted.initial_rates) THEN
        RETURN QUERY SELECT target, owner, 'unchanged', NULL::text;
        RETURN;
    END IF;
    PERFORM margin_internal.replace_tiers(venue, target::name, owner, coalesce(valid_from, CASE WHEN present.bounds IS NULL THEN '-infinity' ELSE now() END),
                                          wanted.bounds, wanted.rates, wanted.initial_rates);
    RETURN QUERY SELECT target, owner, CASE WHEN present.bounds IS NULL THEN 'entered' ELSE 'changed' END,
                        CASE WHEN present.bounds IS NULL THEN format(CASE cardinality(wanted.bounds) WHEN 1 THEN '%s tier' ELSE '%s tiers' END, cardinality(wanted.bounds))
                             ELSE margin_internal.ladder_news(present, wanted) || format(', from %s', coalesce(valid_from, now())) END;
END
$$;
COMMENT ON FUNCTION margin_internal.import_tiers(name, text, text, margin.answer_row[], timestamptz, text) IS
'a schedule of an answer into a venue: what import_answer() returns of it, and of the asset or contract where that is new or its tiers apply another way from now on. Tiers of a contract that the venue lacks are ignored, an asset is entered';

-- ---------------------------------------------------------------------------
-- Prices
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.import_prices(venue name, rows margin.answer_row[], at timestamptz)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    present jsonb;
    done record;
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    SELECT jsonb_object_agg(p.kind || ' ' || p.symbol, p.price) INTO present
      FROM (SELECT 'asset', asset, price FROM index_price UNION ALL SELECT 'contract', contract, price FROM mark_price) AS p (kind, symbol, price)
     WHERE p.symbol = ANY (ARRAY(SELECT r.symbol FROM unnest(rows) AS r));
    SELECT s.rejected, s.held INTO done
      FROM margin.set_prices(venue, (SELECT json_build_object(
               'assets', coalesce(json_object_agg(r.symbol, r.fields -> 'price') FILTER (WHERE r.kind = 'index_price'), '{}'),
               'contracts', coalesce(json_object_agg(r.symbol, r.fields -> 'price') FILTER (WHERE r.kind = 'mark_price'), '{}'),
               'at', coalesce(import_prices.at, clock_timestamp())) FROM unnest(rows) AS r)) AS s;
    RETURN QUERY
    SELECT r.kind, r.symbol,
           CASE WHEN f.flaw IS NOT NULL THEN 'ignored' WHEN b.before IS NULL THEN 'entered' WHEN b.before = (r.fields ->> 'price')::numeric THEN 'unchanged' ELSE 'changed' END,
           coalesce(f.flaw, CASE WHEN b.before <> (r.fields ->> 'price')::numeric THEN format('%s -> %s', b.before, r.fields ->> 'price') END)
      FROM (SELECT *, CASE o.kind WHEN 'index_price' THEN 'asset ' ELSE 'contract ' END || o.symbol AS what FROM unnest(rows) AS o) AS r
     CROSS JOIN LATERAL (SELECT (present ->> r.what)::numeric AS before) AS b
      LEFT JOIN LATERAL (SELECT substr(l.line, length(r.what) + 3) AS flaw FROM unnest(done.rejected || done.held) AS l (line)
                          WHERE starts_with(l.line, r.what || ': ') LIMIT 1) AS f ON true;
END
$$;
COMMENT ON FUNCTION margin_internal.import_prices(name, margin.answer_row[], timestamptz) IS 'prices of an answer that were observed at one instant (null: now) into a venue by set_prices(): what import_answer() returns of them';

-- ---------------------------------------------------------------------------

-- Of two that differ the one that comes later would win, by chance.
CREATE FUNCTION margin_internal.check_told_once(rows margin.answer_row[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    twice record;
BEGIN
    SELECT max(r.path) AS path, r.kind, r.symbol INTO twice
      FROM unnest(rows) AS r WHERE r.kind IN ('asset', 'contract', 'index_price', 'mark_price')
     GROUP BY r.kind, r.symbol HAVING count(DISTINCT r.fields) > 1 LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(twice.path, format('is a second %s of "%s", and says something else', twice.kind, twice.symbol));
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_told_once(margin.answer_row[]) IS 'an error (22023) where a document says two different things of an asset, a contract or a price';

CREATE FUNCTION margin_internal.import_rows(venue name, source text, rows margin.answer_row[], valid_from timestamptz)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    part record;
BEGIN
    PERFORM margin_internal.check_told_once(rows);
    -- rows are locked in one order, which is everybody's
    FOR part IN SELECT r.symbol, r.fields FROM unnest(rows) AS r WHERE r.kind = 'asset' ORDER BY r.symbol COLLATE "C" LOOP
        RETURN QUERY SELECT 'asset', part.symbol, e.outcome, e.why FROM margin_internal.enter_terms(venue, 'asset', part.symbol, part.fields, valid_from, source) AS e;
    END LOOP;
    FOR part IN SELECT r.symbol, r.path, r.fields FROM unnest(rows) AS r WHERE r.kind = 'contract' ORDER BY r.symbol COLLATE "C" LOOP
        RETURN QUERY SELECT i.* FROM margin_internal.import_contract(venue, part.symbol, part.path, part.fields, valid_from, source) AS i;
    END LOOP;
    FOR part IN
        SELECT r.kind, r.symbol, array_agg(r.r ORDER BY r.n) AS tiers
          FROM (SELECT u.kind, u.symbol, u.n, (u.kind, u.symbol, u.path, u.fields)::margin.answer_row AS r
                  FROM unnest(rows) WITH ORDINALITY AS u (kind, symbol, path, fields, n) WHERE u.kind ~ '_tier$') AS r
         GROUP BY r.kind, r.symbol ORDER BY r.kind, r.symbol COLLATE "C"
    LOOP
        RETURN QUERY SELECT i.* FROM margin_internal.import_tiers(venue, part.kind, part.symbol, part.tiers, valid_from, source) AS i;
    END LOOP;
    FOR part IN
        SELECT (u.fields ->> 'at')::timestamptz AS at, array_agg((u.kind, u.symbol, u.path, u.fields)::margin.answer_row ORDER BY u.kind, u.symbol COLLATE "C") AS prices
          FROM unnest(rows) AS u WHERE u.kind ~ '_price$' GROUP BY 1 ORDER BY 1
    LOOP
        RETURN QUERY SELECT i.* FROM margin_internal.import_prices(venue, part.prices, part.at) AS i;
    END LOOP;
    RETURN QUERY SELECT r.kind, r.symbol, 'ignored', r.fields ->> 'why' FROM unnest(rows) AS r WHERE r.kind = 'ignored';
END
$$;
COMMENT ON FUNCTION margin_internal.import_rows(name, text, margin.answer_row[], timestamptz) IS 'rows of a source into a venue: assets, contracts, tiers, prices, in this order; what import_answer() returns';

CREATE FUNCTION margin.import_answer(venue name, source text, document jsonb, valid_from timestamptz DEFAULT NULL)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
BEGIN
    PERFORM margin_internal.enter_venue(venue);
    IF document IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'document is null', HINT = 'Give the answer of the interface as it came.';
    END IF;
    RETURN QUERY
    SELECT i.kind, i.symbol, i.outcome, i.why
      FROM margin_internal.import_rows(venue, source, ARRAY(SELECT r FROM margin_internal.read_answer(source, document) AS r), valid_from) AS i;
END
$$;
COMMENT ON FUNCTION margin.import_answer(name, text, jsonb, timestamptz) IS
'reads what a public interface of a trading venue has answered, as it came, into the tables of a venue (a source of margin.answer_sources): a row for each asset, contract, schedule and price: entered, changed, unchanged or ignored, and why. A new contract or schedule is valid for all time (with valid_from, tiers from then on), a change from valid_from on (null: from now on). An error (22023), and nothing entered, for an error of the venue, a value that is missing or no number, and tiers that contradict themselves, each by its place in the document';
