-- create_views: the views, over any tables that hold balances and positions.
--
-- A book is a schema with these views in it.  Schema margin is one, over the
-- tables of the extension (views.sql); create_views() makes others over tables
-- of one's own.  This is the only definition there is.

CREATE FUNCTION margin.holding_column(
    source regclass, parameter text, expression text, type regtype, search_path text,
    OUT definition text, OUT result regtype, OUT parallel_safe boolean
) RETURNS record
    LANGUAGE C STABLE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_holding_column';
COMMENT ON FUNCTION margin.holding_column(regclass, text, text, regtype, text) IS
'a column of a table or view, by its bare name, or else one SQL expression over its columns, as text that is safe inside a command and qualified for the present search_path; names in it are looked up in the given one. It must convert implicitly to the type, or for a null type have a default B-tree order. No subqueries, aggregates, window, set-returning or volatile functions, system columns, or casts to domains with constraints. Errors name the parameter; nothing of the expression is run';

CREATE FUNCTION margin.missing_entry_price(contract text) RETURNS numeric
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING
        ERRCODE = 'null_value_not_allowed',
        MESSAGE = format('position in contract "%s" has no entry price', contract);
END
$$;
COMMENT ON FUNCTION margin.missing_entry_price(text) IS 'an error that names the contract: in a holding, no entry price would mean a balance';

CREATE FUNCTION margin.is_book(book name) RETURNS boolean
LANGUAGE sql STABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    -- Its account_margin evaluates.
    SELECT EXISTS (
        SELECT FROM pg_catalog.pg_class AS c
          JOIN pg_catalog.pg_rewrite AS r ON r.ev_class = c.oid
          JOIN pg_catalog.pg_depend AS d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = r.oid
         WHERE c.relnamespace = (SELECT n.oid FROM pg_catalog.pg_namespace AS n WHERE n.nspname = is_book.book)
           AND c.relname = 'account_margin'
           AND d.refclassid = 'pg_catalog.pg_proc'::regclass
           AND d.refobjid = 'margin.evaluate(margin.portfolio, margin.market)'::regprocedure);
END;
COMMENT ON FUNCTION margin.is_book(name) IS 'whether a schema has the views that create_views() makes; schema margin has; null for null';

CREATE FUNCTION margin.create_views(
    book                  name,
    balances              regclass DEFAULT NULL,
    positions             regclass DEFAULT NULL,
    balance_account       text DEFAULT 'account_id',
    balance_asset         text DEFAULT 'asset',
    balance_quantity      text DEFAULT 'quantity',
    position_account      text DEFAULT 'account_id',
    position_contract     text DEFAULT 'contract',
    position_quantity     text DEFAULT 'quantity',
    position_entry_price  text DEFAULT 'entry_price',
    position_leverage     text DEFAULT 'leverage',
    -- the caller's: a default is evaluated before SET takes effect
    search_path           text DEFAULT current_setting('search_path')
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $create_views$
DECLARE
    obstacle name;
    given record;
    checked record;
    definition jsonb := '{}';
    account regtype;
    parallel text := 'SAFE';
    field record;
BEGIN
    IF book IS NULL OR balances IS NULL AND positions IS NULL THEN
        RAISE EXCEPTION USING
            ERRCODE = 'null_value_not_allowed',
            MESSAGE = 'a book needs a schema, and a table of balances, one of positions, or both';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_namespace WHERE nspname = book) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'invalid_schema_name',
            MESSAGE = format('schema "%s" does not exist', book),
            HINT = 'The name is taken as it is, without quotes.';
    END IF;

    -- What is replaced is what an earlier call has made.
    IF book = 'margin' AND margin.is_book(book) THEN
        RAISE EXCEPTION USING
            ERRCODE = 'reserved_name',
            MESSAGE = 'the views in schema margin are those of margin.balance and margin.position',
            HINT = 'Make the views in a schema of your own.';
    END IF;
    SELECT c.relname INTO obstacle
      FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
     WHERE n.nspname = book AND NOT margin.is_book(book)
       AND c.relname IN ('holding', 'account_margin', 'undercollateralized', 'unpriced',
                         'account_collateral', 'account_position')
     ORDER BY c.relname LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'duplicate_table',
            MESSAGE = format('schema "%s" has a relation "%s" already', book, obstacle),
            HINT = 'Make the views in another schema.';
    END IF;

    FOR given IN
        SELECT * FROM (VALUES
            (balances, 'balance_account', balance_account, NULL::regtype),
            (balances, 'balance_asset', balance_asset, 'text'),
            (balances, 'balance_quantity', balance_quantity, 'numeric'),
            (positions, 'position_account', position_account, NULL),
            (positions, 'position_contract', position_contract, 'text'),
            (positions, 'position_quantity', position_quantity, 'numeric'),
            (positions, 'position_entry_price', position_entry_price, 'numeric'),
            (positions, 'position_leverage', coalesce(position_leverage, 'NULL'), 'numeric')
        ) AS v (source, parameter, expression, type)
        WHERE v.source IS NOT NULL
    LOOP
        checked := margin.holding_column(given.source, given.parameter, given.expression, given.type, search_path);
        definition := definition || jsonb_build_object(given.parameter, checked.definition);
        IF NOT checked.parallel_safe THEN
            parallel := 'UNSAFE';
        END IF;
        IF given.type IS NULL AND checked.result <> account THEN
            RAISE EXCEPTION USING
                ERRCODE = 'datatype_mismatch',
                MESSAGE = format('accounts are %s in the balances and %s in the positions', account, checked.result),
                HINT = 'Cast one of them, and have an index on what it is cast to.';
        ELSIF given.type IS NULL THEN
            account := checked.result;
        END IF;
    END LOOP;

    -- The holdings.  A position without entry price would be taken for a
    -- balance; it is an error.
    EXECUTE format(
        'CREATE OR REPLACE VIEW %I.holding WITH (security_invoker = true) AS %s', book,
        concat_ws(' UNION ALL ',
            CASE WHEN balances IS NOT NULL THEN
                format('SELECT %1$s AS account_id, %2$s AS symbol, %3$s AS quantity,
                               NULL::numeric AS entry_price, NULL::numeric AS leverage
                          FROM %4$s',
                       definition ->> 'balance_account', definition ->> 'balance_asset',
                       definition ->> 'balance_quantity', balances) END,
            CASE WHEN positions IS NOT NULL THEN
                format('SELECT %1$s AS account_id, %2$s AS symbol, %3$s AS quantity,
                               COALESCE(%4$s, margin.missing_entry_price(%2$s)) AS entry_price, %5$s AS leverage
                          FROM %6$s',
                       definition ->> 'position_account', definition ->> 'position_contract',
                       definition ->> 'position_quantity', definition ->> 'position_entry_price',
                       definition ->> 'position_leverage', positions) END));

    -- What follows from them.  The subquery in key order lets the planner
    -- merge both tables by indexes on the account and group what arrives
    -- sorted; it does not stand in the way of "account_id = ...", which
    -- reaches both indexes.
    --
    -- A join to a list of accounts does not reach into the grouping of a view;
    -- the functions do: FROM list, LATERAL account_margin(list.account_id).
    -- OFFSET 0 keeps each a query of its own, run for one account at a time,
    -- when it is inlined.
    EXECUTE format($book$
COMMENT ON VIEW %1$I.holding IS 'balances and positions as holdings, the rows that portfolio() takes';
COMMENT ON COLUMN %1$I.holding.account_id IS 'the account';
COMMENT ON COLUMN %1$I.holding.symbol IS 'symbol of the asset, or of the contract where there is an entry price';
COMMENT ON COLUMN %1$I.holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short';
COMMENT ON COLUMN %1$I.holding.entry_price IS 'of a position, settlement asset per unit of the underlying; null: a balance';
COMMENT ON COLUMN %1$I.holding.leverage IS 'chosen for a position; null: none, or a balance';
CREATE OR REPLACE VIEW %1$I.account_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing
  FROM (SELECT account_id,
               margin.evaluate(margin.portfolio(symbol, quantity, entry_price, leverage),
                               (SELECT margin.market())) AS v
          FROM (SELECT * FROM %1$I.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account;
COMMENT ON VIEW %1$I.account_margin IS 'the valuation of every account in the present market';

CREATE OR REPLACE VIEW %1$I.undercollateralized WITH (security_invoker = true) AS
SELECT * FROM %1$I.account_margin WHERE level IN ('liquidation', 'bankrupt');
COMMENT ON VIEW %1$I.undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in the view unpriced';

CREATE OR REPLACE VIEW %1$I.unpriced WITH (security_invoker = true) AS
SELECT * FROM %1$I.account_margin WHERE level = 'unpriced';
COMMENT ON VIEW %1$I.unpriced IS 'accounts that cannot be valued, and what they lack';

CREATE OR REPLACE VIEW %1$I.account_collateral WITH (security_invoker = true) AS
SELECT account_id, c.*
  FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p
          FROM (SELECT * FROM %1$I.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account,
       LATERAL margin.collateral(p, (SELECT margin.market())) AS c;
COMMENT ON VIEW %1$I.account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';
COMMENT ON COLUMN %1$I.account_collateral.account_id IS 'the account';
COMMENT ON COLUMN %1$I.account_collateral.asset IS 'an asset with a balance, or that positions settle in';
COMMENT ON COLUMN %1$I.account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';
COMMENT ON COLUMN %1$I.account_collateral.profit_and_loss IS 'of the positions settled in it, units of the asset';
COMMENT ON COLUMN %1$I.account_collateral.asset_equity IS 'balance + profit_and_loss, units of the asset';
COMMENT ON COLUMN %1$I.account_collateral.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN %1$I.account_collateral.net_asset_value IS 'asset_equity at index price, USD';
COMMENT ON COLUMN %1$I.account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';
COMMENT ON COLUMN %1$I.account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';
COMMENT ON COLUMN %1$I.account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';
COMMENT ON COLUMN %1$I.account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';
COMMENT ON COLUMN %1$I.account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE OR REPLACE VIEW %1$I.account_position WITH (security_invoker = true) AS
SELECT account_id, c.*
  FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p
          FROM (SELECT * FROM %1$I.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account,
       LATERAL margin.positions(p, (SELECT margin.market())) AS c;
COMMENT ON VIEW %1$I.account_position IS 'the valuation of every account contract by contract';
COMMENT ON COLUMN %1$I.account_position.account_id IS 'the account';
COMMENT ON COLUMN %1$I.account_position.contract IS 'a contract held on either side';
COMMENT ON COLUMN %1$I.account_position.settle_asset IS 'asset in which it settles';
COMMENT ON COLUMN %1$I.account_position.long IS 'contracts held long, >= 0';
COMMENT ON COLUMN %1$I.account_position.short IS 'contracts held short, >= 0';
COMMENT ON COLUMN %1$I.account_position.mark_price IS 'settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN %1$I.account_position.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN %1$I.account_position.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN %1$I.account_position.profit_and_loss IS 'of both sides at mark, settlement asset';
COMMENT ON COLUMN %1$I.account_position.unrealized_pnl IS 'profit_and_loss at the index price of the settlement asset, USD';
COMMENT ON COLUMN %1$I.account_position.maintenance_margin IS 'what the position requires to be kept, USD';
COMMENT ON COLUMN %1$I.account_position.initial_margin IS 'what the position requires to be opened, USD';
COMMENT ON COLUMN %1$I.account_position.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE OR REPLACE FUNCTION %1$I.account_margin(account_id %2$s) RETURNS SETOF %1$I.account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL %3$s ROWS 1
BEGIN ATOMIC
    SELECT a.* FROM %1$I.account_margin AS a WHERE a.account_id = account_margin.account_id OFFSET 0;
END;
COMMENT ON FUNCTION %1$I.account_margin(%2$s) IS 'the row of one account in the view account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';

CREATE OR REPLACE FUNCTION %1$I.account_margin(account_id %2$s, market margin.market) RETURNS SETOF %1$I.account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL %3$s ROWS 1
BEGIN ATOMIC
    SELECT a.account_id,
           (a.v).equity, (a.v).collateral_value, (a.v).liabilities, (a.v).net_asset_value, (a.v).haircut,
           (a.v).unrealized_pnl, (a.v).initial_margin, (a.v).maintenance_margin, (a.v).available_margin,
           (a.v).shortfall, (a.v).margin_ratio, (a.v).level, (a.v).missing
      FROM (SELECT h.account_id,
                   margin.evaluate(margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage),
                                   account_margin.market) AS v
              FROM %1$I.holding AS h
             WHERE h.account_id = account_margin.account_id
             GROUP BY h.account_id) AS a
    OFFSET 0;
END;
COMMENT ON FUNCTION %1$I.account_margin(%2$s, margin.market) IS 'the same in a given market, which spares reading the reference tables; amounts, level and missing are null where the market is';
$book$, book, account, parallel);

    -- Columns of these are fields of a valuation.
    FOR field IN
        SELECT v.relname AS view, c.attname AS name,
               coalesce(col_description(f.attrelid, f.attnum), 'the account') AS meaning
          FROM pg_class AS v
          JOIN pg_namespace AS n ON n.oid = v.relnamespace
          JOIN pg_attribute AS c ON c.attrelid = v.oid
          LEFT JOIN pg_attribute AS f ON f.attrelid = 'margin.valuation'::regclass AND f.attname = c.attname
         WHERE n.nspname = book AND v.relname IN ('account_margin', 'undercollateralized', 'unpriced')
           AND c.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN %I.%I.%I IS %L', book, field.view, field.name, field.meaning);
    END LOOP;
END
$create_views$;
COMMENT ON FUNCTION margin.create_views(name, regclass, regclass, text, text, text, text, text, text, text, text, text) IS
'makes a book of one''s own tables: in the schema book (as it is, unquoted) the views holding, account_margin, undercollateralized, unpriced, account_collateral and account_position and the functions account_margin(account_id [, market]), over a table or view of balances, one of positions, or both; accounts may have any type with an order, the same in both. Each column is given by its bare name or as an SQL expression over the columns of its table, see holding_column(); position_leverage may be null: none chosen. The views belong to the caller, see what their reader may see, and are replaced by a second call. Rows without an account are one account, null; a null symbol, quantity or entry price is an error when it is read (specification, sections 1 and 6)';

CREATE FUNCTION margin.drop_views(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    account text;
BEGIN
    IF margin.is_book(book) IS NOT TRUE THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_object',
            MESSAGE = format('schema "%s" has no views made by create_views()', book);
    END IF;
    SELECT c.atttypid::regtype INTO account
      FROM pg_attribute AS c
     WHERE c.attrelid = format('%I.account_margin', book)::regclass AND c.attname = 'account_id';
    EXECUTE format($book$
DROP FUNCTION %1$I.account_margin(%2$s), %1$I.account_margin(%2$s, margin.market);
DROP VIEW %1$I.holding, %1$I.account_margin, %1$I.undercollateralized, %1$I.unpriced, %1$I.account_collateral, %1$I.account_position;
$book$, book, account);
END
$$;
COMMENT ON FUNCTION margin.drop_views(name) IS 'drops what create_views() has made in a schema; an error if it has made nothing there, or if something else depends on it. Tables under guard or levels refuse writes until their book has its views again or unguard_table() frees them';
