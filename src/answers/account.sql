-- account: what venues answer of an account, into the tables of a book
--
-- Sources are as those of import_answer(), of other rows.  A document seldom holds
-- everything that an account has, so a source says which part of it is whole.

CREATE FUNCTION margin.answer_figures(node margin.answer_node, symbol text, figures jsonb) RETURNS SETOF margin.account_row
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT 'figure', symbol, margin_internal.path_to(node, f.value), jsonb_build_object('name', f.key, 'value', v.value)
      FROM jsonb_each_text(figures) AS f, LATERAL (SELECT margin.answer_number(node, f.value, false) AS value) AS v
     -- a price of 0 is none
     WHERE v.value IS NOT NULL AND NOT (f.key ~ 'price$' AND v.value <= 0::numeric);
END;
COMMENT ON FUNCTION margin.answer_figures(margin.answer_node, text, jsonb) IS
'rows of figures of an account (symbol null) or of an asset or contract, for reconcile(): the members of a part of a document by what they are, {"equity": "totalMarginBalance"}; those that are missing are left out, and prices of 0. Amounts are in USD, of contracts in their settlement asset';

CREATE FUNCTION margin_internal.read_account(source text, document jsonb) RETURNS SETOF margin.account_row
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader CONSTANT regprocedure := margin_internal.answer_reader(source, 'margin.account_row');
    told margin.account_row;
BEGIN
    IF document IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'document is null', HINT = 'Give the answer of the interface as it came.';
    END IF;
    FOR told IN EXECUTE (SELECT format('SELECT r.* FROM %I.%I($1::jsonb) AS r', p.pronamespace::regnamespace::name, p.proname) FROM pg_proc AS p WHERE p.oid = reader)
      USING document
    LOOP
        told.fields := coalesce(jsonb_strip_nulls(told.fields), '{}');
        PERFORM margin_internal.check_answer_row(told.kind, told.symbol, told.path, told.fields, '{balance,position,order,figure,complete,ignored}');
        RETURN NEXT told;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.read_account(text, jsonb) IS 'what a source of import_account() says of a document, each row checked';

-- Rows of the book's tables, in columns of their own.
CREATE FUNCTION margin_internal.facts_of(kind text, rows margin.account_row[]) RETURNS TABLE (path text, symbol text, facts jsonb)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT r.path, r.symbol,
           -- what a document does not tell stays as it is
           jsonb_strip_nulls(CASE facts_of.kind
               WHEN 'balance' THEN jsonb_build_object('asset', r.symbol, 'quantity', q.quantity)
               WHEN 'position' THEN jsonb_build_object('contract', r.symbol, 'side', CASE WHEN q.quantity < 0::numeric THEN 'short' ELSE 'long' END, 'quantity', q.quantity,
                        'entry_price', margin_internal.field_number(r.path, r.fields, 'entry_price', q.quantity <> 0::numeric),
                        'leverage', margin_internal.field_number(r.path, r.fields, 'leverage', false))
               ELSE jsonb_build_object('order_id', margin.answer_text((r.path, r.fields)::margin.answer_node, 'order_id'), 'contract', r.symbol, 'quantity', q.quantity,
                        'price', margin_internal.field_number(r.path, r.fields, 'price'), 'leverage', margin_internal.field_number(r.path, r.fields, 'leverage', false))
           END)
      FROM unnest(rows) AS r (kind, symbol, path, fields), LATERAL (SELECT margin_internal.field_number(r.path, r.fields, 'quantity') AS quantity) AS q
     WHERE r.kind = facts_of.kind;
END;
COMMENT ON FUNCTION margin_internal.facts_of(text, margin.account_row[]) IS 'rows of a source as rows of the table of a book, by kind: balance, position, order';

CREATE FUNCTION margin_internal.write_fact(book name, target name, keys text[], account text, facts jsonb, gone boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    columns CONSTANT text := (SELECT string_agg(quote_ident(k), ', ' ORDER BY k) FROM jsonb_object_keys(facts) AS k);
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF gone THEN
        EXECUTE format('DELETE FROM %I AS t WHERE t.account_id = account_key($1) AND to_jsonb(t) @> $2', target)
          USING account, (SELECT jsonb_object_agg(k, facts -> k) FROM unnest(keys) AS k);
    ELSE
        EXECUTE format('INSERT INTO %1$I AS t (account_id, %2$s) SELECT account_key($1), %2$s FROM jsonb_populate_record(NULL::%1$I, $2) ON CONFLICT (account_id, %3$s) DO UPDATE SET (%2$s) = ROW(%4$s)',
                       target, columns, array_to_string(keys, ', '), 'excluded.' || replace(columns, ', ', ', excluded.'))
          USING account, facts;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.write_fact(name, name, text[], text, jsonb, boolean) IS 'writes a row of an account in a table of a book''s own, or deletes the one with its key';

CREATE FUNCTION margin_internal.fact_news(present jsonb, facts jsonb) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(format('%s %s -> %s', f.key, coalesce(present ->> f.key, 'null'), coalesce(f.value #>> '{}', 'null')), ', ' ORDER BY f.key COLLATE "C")
      FROM jsonb_each(facts) AS f WHERE f.value IS DISTINCT FROM present -> f.key;
END;
COMMENT ON FUNCTION margin_internal.fact_news(jsonb, jsonb) IS 'in words, in which columns a row differs from what it is to be; null: in none';

CREATE FUNCTION margin_internal.replace_facts(book name, target name, keys text[], account text, wanted jsonb, whole boolean)
RETURNS TABLE (symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    present jsonb;
    line record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(t) - ''account_id''), ''[]'') FROM (SELECT * FROM %I WHERE account_id = account_key($1) FOR UPDATE) AS t', target)
       INTO present USING account;
    FOR line IN
        SELECT coalesce(w.value, p.value) AS facts, p.value AS present, w.value IS NULL OR (w.value ->> 'quantity')::numeric = 0 AS gone
          FROM jsonb_array_elements(wanted) AS w
          FULL JOIN jsonb_array_elements(present) AS p ON ARRAY(SELECT w.value ->> k FROM unnest(keys) AS k) = ARRAY(SELECT p.value ->> k FROM unnest(keys) AS k)
         WHERE w.value IS NOT NULL OR whole
         ORDER BY ARRAY(SELECT coalesce(w.value, p.value) ->> k COLLATE "C" FROM unnest(keys) AS k)
    LOOP
        symbol := coalesce(line.facts ->> 'asset', line.facts ->> 'contract');
        CONTINUE WHEN line.gone AND line.present IS NULL;
        IF line.gone THEN
            outcome := 'removed';
            why := 'quantity was ' || (line.present ->> 'quantity');
        ELSIF line.present IS NULL THEN
            outcome := 'entered';
            why := 'quantity ' || (line.facts ->> 'quantity');
        ELSE
            why := margin_internal.fact_news(line.present, line.facts);
            outcome := CASE WHEN why IS NULL THEN 'unchanged' ELSE 'changed' END;
        END IF;
        IF outcome <> 'unchanged' THEN
            PERFORM margin_internal.write_fact(book, target, keys, account, line.facts, line.gone);
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.replace_facts(name, name, text[], text, jsonb, boolean) IS
'the rows of an account in a table of a book''s own become those wanted, an array of objects; those not wanted go where these are the whole. Quantities of 0 are none. What happened to each';

-- What could be no row of the table is told by its place in the document, and so is
-- a key that comes twice: two rows would be one.
CREATE FUNCTION margin_internal.wanted_facts(kind text, keys text[], rows margin.account_row[]) RETURNS jsonb
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    flawed record;
    twice record;
    wanted jsonb;
BEGIN
    SELECT h.path, h.flaw INTO flawed
      FROM (SELECT f.path, margin_internal.holding_flaw(f.symbol, (f.facts ->> 'quantity')::numeric, (f.facts ->> CASE kind WHEN 'order' THEN 'price' ELSE 'entry_price' END)::numeric,
                                                        (f.facts ->> 'leverage')::numeric, kind::margin.holding_kind) AS flaw
              FROM margin_internal.facts_of(kind, rows) AS f WHERE (f.facts ->> 'quantity')::numeric <> 0) AS h
     WHERE h.flaw IS NOT NULL LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(flawed.path, format('is no %s: %s', kind, flawed.flaw));
    END IF;
    SELECT max(f.path) AS path, min(f.symbol) AS symbol INTO twice
      FROM margin_internal.facts_of(kind, rows) AS f WHERE (f.facts ->> 'quantity')::numeric <> 0
     GROUP BY ARRAY(SELECT f.facts ->> k FROM unnest(keys) AS k) HAVING count(*) > 1 LIMIT 1;
    IF FOUND THEN
        PERFORM margin_internal.refuse_answer(twice.path, format('is a second %s in "%s"', kind, twice.symbol), 'A position has one row for each side, an order its own id.');
    END IF;
    SELECT jsonb_agg(f.facts) INTO wanted
      FROM (SELECT DISTINCT ON (ARRAY(SELECT f.facts ->> k FROM unnest(keys) AS k)) f.facts
              FROM margin_internal.facts_of(kind, rows) AS f ORDER BY ARRAY(SELECT f.facts ->> k FROM unnest(keys) AS k), (f.facts ->> 'quantity')::numeric = 0) AS f;
    RETURN coalesce(wanted, '[]');
END
$$;
COMMENT ON FUNCTION margin_internal.wanted_facts(text, text[], margin.account_row[]) IS 'facts_of() as an array, one for each key; an error (22023) for what could not be held, and where a document holds two of a key';

-- Leverage is chosen for a contract, and most venues tell it with the position only.
-- Where both sides have one, the lower requires more.
CREATE FUNCTION margin_internal.with_leverage(book name, account text, orders jsonb) RETURNS jsonb
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    chosen jsonb;
    levered jsonb;
BEGIN
    PERFORM margin_internal.enter_book(book);
    SELECT jsonb_object_agg(p.contract, p.leverage) INTO chosen
      FROM (SELECT h.contract, min(h.leverage) AS leverage FROM position AS h WHERE h.account_id = (SELECT account_key(account)) GROUP BY h.contract) AS p;
    SELECT jsonb_agg(CASE WHEN o ->> 'leverage' IS NULL THEN jsonb_strip_nulls(o || jsonb_build_object('leverage', chosen -> (o ->> 'contract'))) ELSE o END) INTO levered
      FROM jsonb_array_elements(orders) AS o;
    RETURN coalesce(levered, '[]');
END
$$;
COMMENT ON FUNCTION margin_internal.with_leverage(name, text, jsonb) IS 'orders, where they tell no leverage with that of the account''s position in their contract, if it has one; the lower of both sides';

CREATE FUNCTION margin.import_account(book name, source text, account text, document jsonb)
RETURNS TABLE (kind text, symbol text, outcome text, why text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    rows margin.account_row[];
    part record;
    wanted jsonb;
BEGIN
    PERFORM margin_internal.check_own_tables(book, 'enter an account in', 'margin.reconcile() compares an account without writing.');
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'account is null', HINT = 'Give the key of the account as text.';
    END IF;
    rows := ARRAY(SELECT r FROM margin_internal.read_account(source, document) AS r);
    FOR part IN
        SELECT t.kind, t.target, t.keys, EXISTS (SELECT FROM unnest(rows) AS r WHERE r.kind = 'complete' AND r.symbol = t.kind) AS whole
          FROM (VALUES (1, 'balance', 'balance', '{asset}'::text[]), (2, 'position', 'position', '{contract,side}'), (3, 'order', 'open_order', '{order_id}')) AS t (n, kind, target, keys)
         ORDER BY t.n
    LOOP
        wanted := margin_internal.wanted_facts(part.kind, part.keys, rows);
        IF part.kind = 'order' THEN
            wanted := margin_internal.with_leverage(book, account, wanted);
        END IF;
        RETURN QUERY SELECT part.kind, f.symbol, f.outcome, f.why
                       FROM margin_internal.replace_facts(book, part.target::name, part.keys, account, wanted, part.whole) AS f;
    END LOOP;
    RETURN QUERY SELECT r.kind, r.symbol, 'ignored', r.fields ->> 'why' FROM unnest(rows) AS r WHERE r.kind = 'ignored';
END
$$;
COMMENT ON FUNCTION margin.import_account(name, text, text, jsonb) IS
'reads what a trading venue has answered of an account, as it came, into an account of a book (its key as text) with tables of its own: a row for each balance, position and order: entered, changed, unchanged, removed (the document holds all of its kind, and not this one) or ignored, and why. Quantities of 0 are none. Leverage that the document does not give stays, but an order takes that of the position in its contract, the lower one of both sides. The guard judges it, as any write. Errors: 22023 as import_answer(), 0A000 for a book over other tables';
