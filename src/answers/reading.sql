-- reading: from what a venue's interface answers to rows that say what it means
--
-- A source is a function of one document that returns such rows.  What it needs to
-- find its way through a document, and to fail with the place and the value where
-- that is not what it should be, stands here.

CREATE TYPE margin.answer_row AS (
    kind text,
    symbol text,
    path text,
    fields jsonb
);
COMMENT ON TYPE margin.answer_row IS 'what a venue''s public answer says of one thing; sources of import_answer() return a set of them';
COMMENT ON COLUMN margin.answer_row.kind IS 'asset, contract, collateral_tier, initial_collateral_tier, liability_tier, risk_tier, index_price, mark_price, or ignored';
COMMENT ON COLUMN margin.answer_row.symbol IS 'of the asset or contract';
COMMENT ON COLUMN margin.answer_row.path IS 'where in the document it stands, for messages: result.list[2]';
COMMENT ON COLUMN margin.answer_row.fields IS 'by kind: columns of asset or contract; lower_bound, upper_bound, ratio or rates of a tier, with what the venue has summed; price and at; why it is ignored. A null is as one left out';

CREATE TYPE margin.account_row AS (
    kind text,
    symbol text,
    path text,
    fields jsonb
);
COMMENT ON TYPE margin.account_row IS 'what a venue''s answer says of an account; sources of import_account() and reconcile() return a set of them';
COMMENT ON COLUMN margin.account_row.kind IS 'balance, position, order, figure, ignored, or complete: the document holds all that the account has of what symbol says, balance, position or order';
COMMENT ON COLUMN margin.account_row.symbol IS 'of the asset or contract; of a figure of the whole account null';
COMMENT ON COLUMN margin.account_row.path IS 'where in the document it stands, for messages';
COMMENT ON COLUMN margin.account_row.fields IS 'by kind: quantity, entry_price, leverage, order_id, price; name and value of a figure, which is in USD, or of a contract in its settlement asset; why it is ignored';

CREATE TYPE margin.answer_node AS (
    path text,
    value jsonb
);
COMMENT ON TYPE margin.answer_node IS 'a part of a document, and where it stands';
COMMENT ON COLUMN margin.answer_node.path IS 'from the top: result.list[2]; empty for the document itself';
COMMENT ON COLUMN margin.answer_node.value IS 'the part';

CREATE FUNCTION margin_internal.path_to(node margin.answer_node, key text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN node.path = '' THEN key ELSE node.path || '.' || key END;
COMMENT ON FUNCTION margin_internal.path_to(margin.answer_node, text) IS 'where a member of a part of a document stands';

CREATE FUNCTION margin_internal.refuse_answer(path text, flaw text, hint text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    message CONSTANT text := format('answer refused: %s %s', CASE WHEN path = '' THEN 'the document' ELSE coalesce(path, 'a row') END, flaw);
BEGIN
    IF hint IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message;
    END IF;
    RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = message, HINT = hint;
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_answer(text, text, text) IS 'the error (22023) that a document cannot be taken for what it should be, by the place and what is wrong there';

CREATE FUNCTION margin_internal.shown(value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN length(value::text) > 60 THEN left(value::text, 60) || '...' ELSE coalesce(value::text, 'missing') END;
COMMENT ON FUNCTION margin_internal.shown(jsonb) IS 'a value for a message, cut at 60 characters; missing for null';

-- Interfaces that answer with a list when asked for all give the one alone when
-- asked for one.
CREATE FUNCTION margin_internal.answer_step(node margin.answer_node, step text) RETURNS SETOF margin.answer_node
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT format('%s[%s]', node.path, e.n - 1), e.value
      FROM jsonb_array_elements(CASE WHEN step = '[*]' AND jsonb_typeof(node.value) = 'array' THEN node.value ELSE '[]'::jsonb END) WITH ORDINALITY AS e (value, n)
    UNION ALL
    SELECT node.path, node.value WHERE step = '[*]' AND jsonb_typeof(node.value) = 'object'
    UNION ALL
    SELECT margin_internal.path_to(node, step), node.value -> step WHERE step <> '[*]' AND jsonb_typeof(node.value -> step) <> 'null';
END;
COMMENT ON FUNCTION margin_internal.answer_step(margin.answer_node, text) IS
'one step down in a document: to a member by its name, or [*], to all elements of an array, or to a lone object in place of one; no row where there is nothing';

CREATE FUNCTION margin.answer_nodes(node margin.answer_node, steps text, required boolean DEFAULT true) RETURNS SETOF margin.answer_node
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    step text;
    reached margin.answer_node[] := ARRAY[node];
    there margin.answer_node[];
BEGIN
    FOR step IN SELECT m[1] FROM regexp_matches(steps, '[^].[]+|[[][*][]]', 'g') AS m LOOP
        SELECT array_agg(n) INTO there FROM unnest(reached) AS r, margin_internal.answer_step((r.path, r.value)::margin.answer_node, step) AS n;
        IF there IS NULL AND required
           AND (step <> '[*]' OR EXISTS (SELECT FROM unnest(reached) AS r WHERE jsonb_typeof(r.value) NOT IN ('array', 'object'))) THEN
            PERFORM margin_internal.refuse_answer(reached[1].path, CASE WHEN step = '[*]' THEN 'is no list: ' ELSE format('has no "%s": ', step) END || margin_internal.shown(reached[1].value),
                                                  'Give the document as the interface answers it, wrapper included.');
        END IF;
        reached := coalesce(there, '{}');
        EXIT WHEN reached = '{}';
    END LOOP;
    RETURN QUERY SELECT r.path, r.value FROM unnest(reached) AS r;
END
$$;
COMMENT ON FUNCTION margin.answer_nodes(margin.answer_node, text, boolean) IS
'the parts of a part of a document that steps lead to: names apart by points, [*] for all elements of a list (a lone object counts as a list of one): brackets[*]. An error (22023) that names the place where there is no such step, unless required is false. For sources of import_answer()';

CREATE FUNCTION margin.answer_nodes(document jsonb, steps text, required boolean DEFAULT true) RETURNS SETOF margin.answer_node
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 100
BEGIN ATOMIC
    SELECT n.path, n.value FROM margin.answer_nodes(('', document)::margin.answer_node, steps, required) AS n;
END;
COMMENT ON FUNCTION margin.answer_nodes(jsonb, text, boolean) IS 'the same from the top of a document: result.list[*]';

CREATE FUNCTION margin.answer_text(node margin.answer_node, key text, required boolean DEFAULT true) RETURNS text
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    member CONSTANT jsonb := node.value #> string_to_array(key, '.');
BEGIN
    IF jsonb_typeof(member) IN ('object', 'array') OR (required AND coalesce(member #>> '{}', '') = '') THEN
        PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), 'is ' || margin_internal.shown(member));
    END IF;
    RETURN nullif(member #>> '{}', '');
END
$$;
COMMENT ON FUNCTION margin.answer_text(margin.answer_node, text, boolean) IS
'a text (or number, or truth value, as a text) in a part of a document, by its name or names apart by points. Null or empty counts as missing: an error (22023) that names the place, or null where required is false';

CREATE FUNCTION margin.answer_number(node margin.answer_node, key text, required boolean DEFAULT true) RETURNS numeric
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written CONSTANT text := margin.answer_text(node, key, required);
    number CONSTANT numeric := margin_internal.number_of(written);
BEGIN
    IF written IS NOT NULL AND margin.is_amount(number) IS NOT TRUE THEN
        PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), format('is %s, not a number', margin_internal.shown(to_jsonb(written))));
    END IF;
    RETURN number;
END
$$;
COMMENT ON FUNCTION margin.answer_number(margin.answer_node, text, boolean) IS
'a number in a part of a document, as a number or as a text that is one, all digits. Missing: as answer_text(). An error (22023) for anything else, for NaN and for infinities';

CREATE FUNCTION margin.answer_time(node margin.answer_node, key text, required boolean DEFAULT true) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    written CONSTANT numeric := margin.answer_number(node, key, required);
BEGIN
    IF written <= 0 OR written >= 1e14 THEN
        PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), format('is %s, neither seconds nor milliseconds since 1970', written));
    END IF;
    RETURN margin_internal.instant_of(to_json(written));
END
$$;
COMMENT ON FUNCTION margin.answer_time(margin.answer_node, text, boolean) IS
'an instant in a part of a document: milliseconds since 1970, or seconds where the number is below 100,000,000,000. Missing: as answer_text()';

CREATE FUNCTION margin.answer_checked(document jsonb, code text, good text[], message text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF document ->> code IS NOT NULL AND document ->> code <> ALL (good) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('answer refused: the venue says %s %s: %s', code, document ->> code, coalesce(document ->> message, 'no message')),
            HINT = 'The document is an error that the interface answered, not what was asked for.';
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin.answer_checked(jsonb, text, text[], text) IS
'the document, or an error (22023) with the venue''s message where the member that holds its code is there and none of those that mean success: answer_checked(document, ''retCode'', ''{0}'', ''retMsg'')';

-- A page of an account is no account.
CREATE FUNCTION margin.answer_whole(document jsonb, cursor text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF document #>> string_to_array(cursor, '.') <> '' THEN
        PERFORM margin_internal.refuse_answer(cursor, format('is %s: there are more pages', margin_internal.shown(document #> string_to_array(cursor, '.'))),
                                              'Ask for more rows in a page, or put the rows of all pages into one document, with an empty cursor.');
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin.answer_whole(jsonb, text) IS 'the document, or an error (22023) where the member that points to the next page is there and not empty: what is missing must not pass for what is not held';

-- null is there: some interfaces answer it for an empty list.
CREATE FUNCTION margin_internal.answer_having(document jsonb, member text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF document #> string_to_array(member, '.') IS NULL THEN
        PERFORM margin_internal.refuse_answer('', format('has no "%s": %s', member, margin_internal.shown(document)), 'Give the document as the interface answers it, wrapper included.');
    END IF;
    RETURN document;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_having(jsonb, text) IS 'the document, or an error (22023) where it has no such member; one that is null counts as there';

-- Interfaces in pages that say nothing of further ones: full pages may have a next.
CREATE FUNCTION margin_internal.all_orders(list jsonb, page integer) RETURNS margin.account_row
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN jsonb_typeof(list) = 'array' AND list <> '[]' AND jsonb_array_length(list) % page = 0
            THEN ROW('ignored', 'order', '', jsonb_build_object('why', format('a full page of %s: there may be more orders, and none is removed', page)))::margin.account_row
            ELSE ROW('complete', 'order', '', '{}')::margin.account_row END;
COMMENT ON FUNCTION margin_internal.all_orders(jsonb, integer) IS 'the row that says that a list holds all orders of an account; where it fills pages of a size exactly one is cut or not, and the row says that instead';

-- An unknown word must not pass for a purchase.
CREATE FUNCTION margin_internal.answer_sign(node margin.answer_node, key text, plus text[], minus text[], size numeric DEFAULT NULL) RETURNS integer
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    side CONSTANT text := margin.answer_text(node, key, false);
BEGIN
    IF side = ANY (plus) OR side IS NULL AND size = 0 THEN
        RETURN 1;
    ELSIF side = ANY (minus) THEN
        RETURN -1;
    END IF;
    PERFORM margin_internal.refuse_answer(margin_internal.path_to(node, key), format('is %s, none of %s', margin_internal.shown(to_jsonb(side)), array_to_string(plus || minus, ', ')));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_sign(margin.answer_node, text, text[], text[], numeric) IS
'1 or -1 by the side that a part of a document tells, one of those of plus or minus: an error (22023) for any other. Where size is 0 it may be missing, and counts as 1';

CREATE FUNCTION margin_internal.answer_reader(source text, row_type regtype) RETURNS regprocedure
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader regprocedure;
    returns regtype;
BEGIN
    SELECT p.oid, p.prorettype INTO reader, returns
      FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
     WHERE p.proretset AND p.prorettype IN ('margin.answer_row'::regtype, 'margin.account_row'::regtype) AND p.proargtypes[0] = 'jsonb'::regtype AND p.pronargs = 1
       AND (n.nspname = 'margin_internal' AND p.proname = source OR n.nspname || '.' || p.proname = source)
     ORDER BY n.nspname <> 'margin_internal' LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no source %s', coalesce(quote_literal(source), 'null')),
            HINT = 'The view margin.answer_sources lists those that there are. One of your own is a function in a schema of yours, called schema.function.';
    ELSIF returns <> row_type THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format(CASE row_type WHEN 'margin.answer_row'::regtype THEN 'source "%s" is about an account' ELSE 'source "%s" is about no account' END, source),
            HINT = format('Use margin.%s().', CASE row_type WHEN 'margin.answer_row'::regtype THEN 'import_account' ELSE 'import_answer' END);
    END IF;
    RETURN reader;
END
$$;
COMMENT ON FUNCTION margin_internal.answer_reader(text, regtype) IS
'the function that reads a source, by its name: one of the extension, or schema.function; it takes a jsonb and returns a set of the row type. An error (42704) where there is none, 42809 where it reads the other kind';

CREATE VIEW margin.answer_sources AS
SELECT CASE WHEN n.nspname = 'margin_internal' THEN p.proname::text ELSE n.nspname || '.' || p.proname END AS source,
       CASE p.prorettype WHEN 'margin.answer_row'::regtype THEN 'import_answer' ELSE 'import_account' END AS read_by,
       pg_catalog.obj_description(p.oid, 'pg_proc') AS meaning
  FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_namespace AS n ON n.oid = p.pronamespace
 WHERE p.proretset AND p.prorettype IN ('margin.answer_row'::regtype, 'margin.account_row'::regtype) AND p.proargtypes[0] = 'jsonb'::regtype AND p.pronargs = 1;
COMMENT ON VIEW margin.answer_sources IS 'the sources that there are: those of the extension, and all functions of users that return answer_row or account_row of one jsonb';
COMMENT ON COLUMN margin.answer_sources.source IS 'what import_answer(), import_account() and reconcile() call it';
COMMENT ON COLUMN margin.answer_sources.read_by IS 'import_answer; or import_account, and reconcile with it';
COMMENT ON COLUMN margin.answer_sources.meaning IS 'the comment of the function: which answer it reads';
GRANT SELECT ON margin.answer_sources TO PUBLIC;
