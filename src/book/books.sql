-- books: accounts judged by a venue, over tables of their own or over any

CREATE FUNCTION margin_internal.source_column(
    source regclass, parameter text, expression text, type regtype, search_path text,
    OUT definition text, OUT result regtype, OUT parallel_safe boolean
) RETURNS record
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_source_column';
COMMENT ON FUNCTION margin_internal.source_column(regclass, text, text, regtype, text) IS
'a column of a table or view, by its bare name, or else one SQL expression over its columns, as text that is safe inside a command; names in it are looked up in the given search path. It must convert implicitly to the type, or for a null type have a default B-tree order. Nothing of the expression is run';

-- Rows of one's own tables that portfolio() refuses.
CREATE FUNCTION margin_internal.holding_flaw(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS text
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_holding_flaw';
COMMENT ON FUNCTION margin_internal.holding_flaw(text, numeric, numeric, numeric, margin.holding_kind) IS
'why portfolio() would refuse a holding, in words: quantity of "BTC" is NaN; null where it would not';
CREATE FUNCTION margin_internal.flawed_symbol(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS text
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_flawed_symbol';
COMMENT ON FUNCTION margin_internal.flawed_symbol(text, numeric, numeric, numeric, margin.holding_kind) IS
'the symbol of a holding; of one with a flaw an asset that no venue knows, called by the reason: unusable row: quantity of "BTC" is NaN';

CREATE FUNCTION margin_internal.holding_part(source regclass, kind margin.holding_kind, columns text[], search_path text,
                                             OUT definition text, OUT unpriced text, OUT account regtype, OUT parallel_safe boolean)
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    names CONSTANT text[] := CASE kind WHEN 'balance' THEN '{account,asset,quantity}'
                                       WHEN 'position' THEN '{account,contract,quantity,entry_price,leverage}'
                                       ELSE '{account,contract,quantity,price,leverage}' END;
    checked record;
    parts text[] := '{}';
BEGIN
    parallel_safe := true;
    FOR i IN 1 .. cardinality(names) LOOP
        checked := margin_internal.source_column(source, kind || '_' || names[i], coalesce(columns[i], CASE WHEN i = 5 THEN 'NULL' END),
                                                 CASE i WHEN 1 THEN NULL WHEN 2 THEN 'text'::regtype ELSE 'numeric'::regtype END, search_path);
        parts[i] := checked.definition;
        account := coalesce(account, checked.result);
        parallel_safe := parallel_safe AND checked.parallel_safe;
    END LOOP;
    definition := format('SELECT %s AS account_id, %s AS symbol, %s AS quantity, %s AS entry_price, %s AS leverage, %L::margin.holding_kind AS kind FROM %s',
                         parts[1], parts[2], parts[3], coalesce(parts[4], 'NULL::numeric'), coalesce(parts[5], 'NULL::numeric'), kind, source);
    -- Column by column, so that the account stays a column of the table.
    unpriced := format('SELECT %1$s AS account_id, margin_internal.flawed_symbol(%2$s) AS symbol,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %3$s ELSE 1 END AS quantity,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %4$s END AS entry_price,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %5$s END AS leverage,'
                       ' CASE WHEN margin_internal.holding_flaw(%2$s) IS NULL THEN %6$s ELSE ''balance'' END AS kind FROM %7$s',
                       parts[1], concat_ws(', ', parts[2], parts[3], coalesce(parts[4], 'NULL::numeric'), coalesce(parts[5], 'NULL::numeric'),
                                           format('%L::margin.holding_kind', kind)),
                       parts[3], coalesce(parts[4], 'NULL::numeric'), coalesce(parts[5], 'NULL::numeric'), format('%L::margin.holding_kind', kind), source);
END
$$;
COMMENT ON FUNCTION margin_internal.holding_part(regclass, margin.holding_kind, text[], text) IS
'the part of a holding view that reads one table or view, the same with flawed rows turned into such as make their accounts unpriced, the type of its account keys, and whether its expressions may run in parallel workers';

CREATE FUNCTION margin_internal.create_holding(
    book name, search_path text, balances regclass, balance_columns text[],
    positions regclass, position_columns text[], orders regclass, order_columns text[], flawed_rows text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part record;
    made record;
    account regtype;
    parallel_safe boolean := true;
    parts text[] := '{}';
    unpriced text[] := '{}';
BEGIN
    FOR part IN
        SELECT * FROM (VALUES ('balance'::margin.holding_kind, balances, balance_columns),
                              ('position', positions, position_columns),
                              ('order', orders, order_columns)) AS p (kind, source, columns)
         WHERE p.source IS NOT NULL ORDER BY p.kind
    LOOP
        made := margin_internal.holding_part(part.source, part.kind, part.columns, search_path);
        IF made.account <> account THEN
            RAISE EXCEPTION USING ERRCODE = 'datatype_mismatch',
                MESSAGE = format('accounts are %s in one source and %s in the %ss', account, made.account, part.kind),
                HINT = 'Cast one of them, and have an index on what it is cast to.';
        END IF;
        account := coalesce(account, made.account);
        parallel_safe := parallel_safe AND made.parallel_safe;
        parts := parts || made.definition;
        unpriced := unpriced || made.unpriced;
    END LOOP;
    EXECUTE format('CREATE VIEW %I.holding WITH (security_invoker = true) AS %s', book,
                   array_to_string(CASE flawed_rows WHEN 'unpriced' THEN unpriced ELSE parts END, ' UNION ALL '));
    EXECUTE format('CREATE VIEW %I.flawed_holding WITH (security_invoker = true) AS
                    SELECT account_id, kind, symbol, quantity, entry_price, leverage, flaw
                      FROM (SELECT *, margin_internal.holding_flaw(symbol, quantity, entry_price, leverage, kind) AS flaw FROM (%s) AS h) AS f
                     WHERE flaw IS NOT NULL', book, array_to_string(parts, ' UNION ALL '));
    RETURN parallel_safe;
END
$$;
COMMENT ON FUNCTION margin_internal.create_holding(name, text, regclass, text[], regclass, text[], regclass, text[], text) IS
'makes the views holding and flawed_holding of a book over its sources; whether holding it may be read in parallel workers';

-- The planner looks into views, not into functions: those of a book are what
-- the expressions in its view holding let them be.
CREATE FUNCTION margin_internal.keep_out_of_workers(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    reader regprocedure;
BEGIN
    FOR reader IN
        SELECT p.oid FROM pg_proc AS p
         WHERE p.pronamespace = quote_ident(book)::regnamespace AND p.proparallel = 's' AND p.proname !~ '^venue_' AND p.proname <> 'about'
           AND EXISTS (SELECT FROM margin_internal.script_objects(margin_internal.book_script()) AS o WHERE o.kind = 'function' AND o.name = p.proname)
    LOOP
        EXECUTE format('ALTER FUNCTION %s PARALLEL UNSAFE', reader);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.keep_out_of_workers(name) IS
'declares the functions of a book unsafe in parallel workers, for one whose columns are computed by functions that are';

-- The only place where a book names its venue: functions that hold on to those
-- of the venue itself, whatever it is called later.
CREATE FUNCTION margin_internal.create_bridges(book name, venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    bridge record;
BEGIN
    FOR bridge IN
        SELECT * FROM (VALUES
            ('venue_market', '', 'margin.market', 'market()', 'the present market of the venue'),
            ('venue_present_market', 'clock timestamptz', 'margin.market', 'present_market(clock)', 'the same by another clock; the guard judges by it'),
            ('venue_market_at', 'as_of timestamptz', 'margin.market', 'market(as_of)', 'the parameters of another instant with the present prices of the venue'),
            ('venue_release_ratios', '', 'numeric[]', 'release_ratios()', 'release ratios of warning, margin_call and liquidation of the venue'),
            ('venue_pausing_prices', '', 'jsonb', 'pausing_prices()', 'the prices held that keep levels of the venue from getting worse; null: none'),
            ('venue_scenarios', '', 'margin.price_move[]', 'scenarios()', 'the scenarios of the venue'),
            ('venue_repayment_rules', '', 'margin.repayment_rule[]', 'repayment_rules()', 'the repayment rules of the venue'),
            ('venue_past_market', 'as_of timestamptz', 'margin.market', 'past_market(as_of)', 'the market of the venue at a past instant'),
            ('venue_interest_rates', 'since timestamptz, until timestamptz', 'margin.interest_rate[]', 'interest_rates(since, until)', 'the interest rates of the venue that count between two instants'),
            ('venue_planned_change', '', 'timestamptz', 'planned_change()', 'when the next planned change of the venue''s parameters takes effect')
        ) AS b (name, arguments, result, call, meaning)
         -- a book of an earlier release has some of them
         WHERE NOT EXISTS (SELECT FROM pg_proc AS p WHERE p.pronamespace = quote_ident(book)::regnamespace AND p.proname = b.name)
    LOOP
        EXECUTE format('CREATE OR REPLACE FUNCTION %I.%s(%s) RETURNS %s LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %I.%s',
                       book, bridge.name, bridge.arguments, bridge.result, venue, bridge.call);
        EXECUTE format('COMMENT ON FUNCTION %I.%s(%s) IS %L', book, bridge.name, bridge.arguments, bridge.meaning);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.create_bridges(name, name) IS 'makes the functions by which a book reads its venue, unless they are there already';

CREATE FUNCTION margin_internal.comment_valuation_columns(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    field record;
BEGIN
    FOR field IN
        SELECT c.attrelid::regclass AS relation, c.attname AS name, col_description(f.attrelid, f.attnum) AS meaning
          FROM pg_class AS v
          JOIN pg_attribute AS c ON c.attrelid = v.oid AND c.attnum > 0 AND NOT c.attisdropped
          JOIN pg_attribute AS f ON f.attrelid = 'margin.valuation'::regclass AND f.attname = c.attname
         WHERE v.relnamespace = quote_ident(book)::regnamespace AND v.relname IN ('account_margin', 'undercollateralized', 'unpriced', 'kept_margin', 'reported_margin', 'account_snapshot')
           AND col_description(c.attrelid, c.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', field.relation, field.name, field.meaning);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.comment_valuation_columns(name) IS 'gives columns of a book that are fields of a valuation the comments of those';

CREATE FUNCTION margin_internal.check_venue(book name, venue name, trust boolean) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
    owner record;
    intruder text;
BEGIN
    SELECT * INTO present FROM margin_internal.schemas AS s WHERE s.name = venue AND s.is_venue;
    IF NOT FOUND AND venue = book THEN
        PERFORM margin.create_venue(venue);
        RETURN;
    ELSIF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object',
            MESSAGE = format('there is no venue "%s"', venue),
            HINT = format('margin.create_venue(%L) makes one.', venue);
    END IF;
    -- The venue's functions run as whoever reads the book.
    SELECT r.rolname AS name, r.rolsuper INTO owner FROM pg_roles AS r WHERE r.rolname = present.owner;
    IF owner.name <> current_user AND NOT owner.rolsuper AND trust IS NOT TRUE THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('venue "%s" belongs to role "%s"', venue, owner.name),
            DETAIL = 'Readers of the book run functions of that role.',
            HINT = 'Say trust => true if all readers of the book trust it.';
    END IF;
    intruder := margin_internal.stranger_in(present.oid::regnamespace);
    IF intruder IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('schema "%s" holds %s', venue, intruder),
            DETAIL = 'Objects of others could be used in place of those that are meant.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_venue(name, name, boolean) IS
'an error unless a book of the caller may be judged by a venue; makes the venue where it is the schema of the book and there is none yet';

CREATE FUNCTION margin.create_book(
    book                  name,
    venue                 name DEFAULT NULL,
    balances              regclass DEFAULT NULL,
    positions             regclass DEFAULT NULL,
    orders                regclass DEFAULT NULL,
    balance_account       text DEFAULT 'account_id',
    balance_asset         text DEFAULT 'asset',
    balance_quantity      text DEFAULT 'quantity',
    position_account      text DEFAULT 'account_id',
    position_contract     text DEFAULT 'contract',
    position_quantity     text DEFAULT 'quantity',
    position_entry_price  text DEFAULT 'entry_price',
    position_leverage     text DEFAULT 'leverage',
    order_account         text DEFAULT 'account_id',
    order_contract        text DEFAULT 'contract',
    order_quantity        text DEFAULT 'quantity',
    order_price           text DEFAULT 'price',
    order_leverage        text DEFAULT 'leverage',
    account_type          regtype DEFAULT 'bigint',
    trust                 boolean DEFAULT false,
    flawed_rows           text DEFAULT 'error',
    -- the caller's: a default is evaluated before SET takes effect
    search_path           text DEFAULT current_setting('search_path'),
    market                regclass DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own CONSTANT boolean := balances IS NULL AND positions IS NULL AND orders IS NULL;
    parallel_safe boolean;
    distributed boolean;
    propagation CONSTANT text := margin_internal.set_propagation('off');
BEGIN
    PERFORM margin_internal.check_schema(book);
    IF flawed_rows IS NULL OR flawed_rows NOT IN ('error', 'unpriced') THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('flawed_rows is error or unpriced, not %s', coalesce(quote_literal(flawed_rows), 'null'));
    END IF;
    IF EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book AND s.is_book) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object',
            MESSAGE = format('schema "%s" is a book already', book),
            HINT = format('margin.upgrade_book(%L) brings it up to date, margin.drop_book(%L) drops it.', book, book);
    END IF;
    IF market IS NOT NULL AND venue IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('book "%s" cannot have a venue and read a published market', book),
            HINT = 'Give either of venue and market.';
    END IF;
    IF coalesce(market::text, venue, book) <> book AND EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book AND s.is_venue) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('a book in schema "%s" is judged by the venue there, not by "%s"', book, coalesce(market::text, venue)),
            HINT = 'Make it in a schema of its own.';
    END IF;
    IF market IS NULL THEN
        venue := coalesce(venue, book);
        PERFORM margin_internal.check_venue(book, venue, trust);
    ELSE
        PERFORM margin_internal.check_market_source(market, trust);
    END IF;

    IF own AND NOT EXISTS (SELECT FROM pg_type AS t WHERE t.oid = account_type) THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'tables of a book need a type of account keys';
    ELSIF own THEN
        PERFORM margin_internal.run_script(book, ARRAY[format('CREATE TABLE account_key (account_id %s NOT NULL)', account_type)]
                                                 || margin_internal.facts_script() || 'DROP TABLE account_key'::text);
        balances := format('%I.balance', book)::regclass;
        positions := format('%I.position', book)::regclass;
        orders := format('%I.open_order', book)::regclass;
    END IF;
    distributed := margin_internal.is_distributed(balances) OR margin_internal.is_distributed(positions) OR margin_internal.is_distributed(orders);
    IF distributed THEN
        PERFORM margin_internal.check_shipped_market(book, market);
    END IF;
    parallel_safe := margin_internal.create_holding(book, search_path,
        balances, ARRAY[balance_account, balance_asset, balance_quantity],
        positions, ARRAY[position_account, position_contract, position_quantity, position_entry_price, position_leverage],
        orders, ARRAY[order_account, order_contract, order_quantity, order_price, order_leverage], flawed_rows);
    IF market IS NOT NULL THEN
        parallel_safe := margin_internal.create_market_source(book, market) AND parallel_safe;
    END IF;
    PERFORM margin_internal.create_bridges(book, coalesce(venue, book));
    PERFORM margin_internal.run_script(book, margin_internal.book_script_of(distributed));
    IF distributed OR NOT parallel_safe THEN
        PERFORM margin_internal.keep_out_of_workers(book);
    END IF;
    PERFORM margin_internal.comment_valuation_columns(book);
    PERFORM margin_internal.describe(book, venue, balances, positions, orders);
    IF own THEN
        PERFORM margin_internal.add_guard_triggers(book, t.source, 'account_id') FROM unnest(ARRAY[balances, positions, orders]) AS t (source);
    END IF;
    PERFORM margin_internal.set_propagation(propagation);
END
$$;
COMMENT ON FUNCTION margin.create_book(name, name, regclass, regclass, regclass, text, text, text, text, text, text, text, text, text, text, text, text, text, regtype, boolean, text, text, regclass) IS
'makes a book in a schema of the caller, judged by a venue (null: the same schema, made a venue where it is none yet). Without sources it gets tables balance, position and open_order, keyed by account_type; else it is a book over those tables or views, each column given by its bare name or as one SQL expression. trust: for a venue of another role, which is not a superuser. flawed_rows: a row that portfolio() refuses is an error to whoever reads its account or all of them, or with unpriced makes its account unpriced, with the reason in missing; the view flawed_holding lists such rows in either case. market: a table, view or foreign table as published_market of a venue, whose one row the book reads in place of a venue, with the rights of its owner; an error if columns are missing or of another type';

CREATE FUNCTION margin_internal.check_own_tables(book name, purpose text, hint text) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    sources margin.about;
BEGIN
    PERFORM margin_internal.enter_book(book);
    SELECT a.* INTO sources FROM about() AS a;
    IF (sources.balances, sources.positions, sources.orders)
       IS DISTINCT FROM (to_regclass('balance'), to_regclass('position'), to_regclass('open_order')) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('book "%s" has no tables of its own to %s', book, purpose),
            DETAIL = 'It is a book over other tables.',
            HINT = hint;
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_own_tables(name, text, text) IS 'an error (0A000) for a book over tables that are not its own: what they are wanted for, and what to do instead';
