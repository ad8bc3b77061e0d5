-- Books over tables of one's own: create_book() and drop_book().

SET client_min_messages = warning;
\set ON_ERROR_ROLLBACK on
\set SHOW_CONTEXT never
BEGIN;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('BTC'), ('USDT');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 1, 0.8), ('USDT', 0, 1);
INSERT INTO desk.index_price (asset, price) VALUES ('BTC', 60000), ('USDT', 1);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('BTC_USDT', 'USDT', 0.001);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.005);
INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_USDT', 60100);

-- ---------------------------------------------------------------------------
-- Over the tables that another book has made for itself
-- ---------------------------------------------------------------------------
CREATE SCHEMA same;
SELECT margin.create_book('same', 'desk', 'desk.balance', 'desk.position', 'desk.open_order');
CREATE FUNCTION pg_temp.objects(book name) RETURNS TABLE (object text, definition text, comment text, columns text)
LANGUAGE sql AS $$
    SELECT object, replace(replace(definition, 'same.', ''), 'desk.', ''), comment, columns
      FROM (SELECT c.relname::text, concat(pg_get_viewdef(CASE c.relkind WHEN 'v' THEN c.oid END), array_to_string(c.reloptions, ',')), obj_description(c.oid, 'pg_class'),
                   (SELECT string_agg(format('%s %s %s', attname, replace(atttypid::regtype::text, book || '.', ''), col_description(c.oid, attnum)), E'\n' ORDER BY attnum)
                      FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0)
              FROM pg_class c
             WHERE relnamespace = to_regnamespace(book) AND relkind IN ('r', 'p', 'v')
            UNION ALL
            SELECT proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), ''
              FROM pg_proc p WHERE pronamespace = to_regnamespace(book) AND proname <> 'about') AS o (object, definition, comment, columns)
$$;
-- every object of a book is described, and the same where it is made by scripts
SELECT count(*) > 50 AS enough, count(*) FILTER (WHERE coalesce(comment, '') = '' OR definition IS NULL OR columns IS NULL) AS not_described FROM pg_temp.objects('same');
SELECT object AS differs
  FROM pg_temp.objects('desk') AS m RIGHT JOIN pg_temp.objects('same') AS s USING (object)
 WHERE (m.definition, m.comment, m.columns) IS DISTINCT FROM (s.definition, s.comment, s.columns);
-- what only a venue has, and a book with tables of its own
SELECT object AS of_venue_and_facts FROM pg_temp.objects('desk') WHERE object NOT IN (SELECT object FROM pg_temp.objects('same')) ORDER BY object COLLATE "C";
SELECT same.about() AS same, desk.about() AS desk;
\d same.holding
\d same.account_margin

INSERT INTO desk.balance VALUES (1, 'USDT', 1000), (1, 'BTC', 2), (2, 'USDT', -7), (3, 'XYZ', 1);
INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage) VALUES (1, 'BTC_USDT', 100, 60000, 10), (2, 'BTC_USDT', -5, 60100, NULL);
SELECT count(*), count(DISTINCT level) AS levels FROM same.account_margin;
(TABLE same.account_margin EXCEPT TABLE desk.account_margin) UNION ALL (TABLE desk.account_margin EXCEPT TABLE same.account_margin);
(TABLE same.account_collateral EXCEPT TABLE desk.account_collateral) UNION ALL (TABLE desk.account_collateral EXCEPT TABLE same.account_collateral);
(TABLE same.account_position EXCEPT TABLE desk.account_position) UNION ALL (TABLE desk.account_position EXCEPT TABLE same.account_position);
SELECT s = m AS same FROM same.account_margin(1) s, desk.account_margin(1) m;

-- ---------------------------------------------------------------------------
-- Names and types as they come
-- ---------------------------------------------------------------------------
-- names: mixed case, blanks, quotes, other scripts, key words; a column that
-- is called like an attack is a column
CREATE SCHEMA "O'Brien ""& Söhne""; 帳簿 %1$I";
SET search_path = "O'Brien ""& Söhne""; 帳簿 %1$I";
CREATE TYPE "Coin" AS ENUM ('BTC', 'USDT', 'XYZ');
CREATE TABLE "Wallet's" (
    "Customer No" varchar(20), "select" "Coin", "1); DROP TABLE x; --" numeric(20, 8),
    PRIMARY KEY ("Customer No", "select"));
CREATE TABLE "Lots %s" (
    "größe" integer, "Customer No" text, "Contract" varchar NOT NULL, "Price\" numeric(20, 2), buy boolean, "customer no" text);
INSERT INTO "Wallet's" VALUES ('anna', 'USDT', 1000), ('anna', 'BTC', 2), ('Bob', 'USDT', -7), ('zoë', 'XYZ', 1);
-- two lots of one contract are netted
INSERT INTO "Lots %s" VALUES (60, 'anna', 'BTC_USDT', 60000, true), (40, 'anna', 'BTC_USDT', 60000, true), (5, 'Bob', 'BTC_USDT', 60100, false);
SELECT margin.create_book(
    E'O\'Brien "& Söhne"; 帳簿 %1$I', 'desk', '"Wallet''s"', '"Lots %s"',
    balance_account => 'Customer No', balance_asset => '"select"::text', balance_quantity => '1); DROP TABLE x; --',
    position_account => 'Customer No', position_contract => 'Contract',
    position_quantity => 'CASE WHEN buy THEN "größe" ELSE -"größe" END',
    position_entry_price => 'Price\', position_leverage => '10');
SELECT account_id, pg_typeof(account_id), equity, maintenance_margin, level, missing FROM account_margin ORDER BY account_id COLLATE "C";
SELECT account_id, level FROM undercollateralized;
SELECT account_id, missing FROM unpriced;
SELECT account_id, asset, balance, pnl FROM account_collateral WHERE account_id = 'anna';
SELECT account_id, contract, long, short, initial_margin FROM account_position ORDER BY account_id COLLATE "C";
SELECT account_id, equity FROM (VALUES ('anna'), ('nobody')) l (id), LATERAL account_margin(l.id);
SELECT account_id, equity FROM account_margin('anna', '{"assets": {"BTC": {"price": 1, "tiers": "{0: 1}"}, "USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"BTC_USDT": {"settle": "USDT", "contract_size": 1, "mark": 60001, "maintenance": "{0: 0.1}"}}}');
-- the exact name comes first, then SQL's own rules
SELECT margin.drop_book(E'O\'Brien "& Söhne"; 帳簿 %1$I');
SELECT margin.create_book(
    E'O\'Brien "& Söhne"; 帳簿 %1$I', 'desk', NULL, '"Lots %s"',
    position_account => '"customer no"', position_contract => '"Lots %s"."Contract"', position_quantity => 'größe',
    position_entry_price => '"Price\"', position_leverage => NULL);
SELECT DISTINCT account_id, symbol, leverage FROM holding;
SELECT margin.drop_book(E'O\'Brien "& Söhne"; 帳簿 %1$I');
SELECT margin.drop_book(E'O\'Brien "& Söhne"; 帳簿 %1$I');
RESET search_path;

-- keys of other types; one table alone
CREATE SCHEMA kinds;
CREATE SCHEMA b;
CREATE DOMAIN kinds.customer AS uuid CHECK (VALUE IS NOT NULL);
CREATE TYPE kinds.desk AS (city text, number integer);
CREATE TABLE kinds.by_uuid (account_id uuid, asset text, quantity numeric);
CREATE TABLE kinds.by_domain (account_id kinds.customer, contract text, quantity bigint, entry_price integer);
CREATE TABLE kinds.by_integer (account_id integer, asset varchar(8), quantity smallint);
CREATE TABLE kinds.by_bigint (account_id bigint, contract name, quantity numeric, entry_price numeric, leverage numeric);
CREATE TABLE kinds.by_desk (account_id kinds.desk, asset text, quantity numeric);
CREATE TABLE kinds.by_day (account_id date, asset text, quantity numeric) PARTITION BY RANGE (account_id);
CREATE TABLE kinds.by_day_2026 PARTITION OF kinds.by_day FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE kinds.by_json (account_id json, asset text, quantity numeric);
CREATE VIEW kinds.view AS SELECT account_id, asset, quantity + 0 AS quantity FROM kinds.by_uuid;
CREATE MATERIALIZED VIEW kinds.stored AS TABLE kinds.view WITH NO DATA;
CREATE FOREIGN DATA WRAPPER regress_margin_nothing;
CREATE SERVER regress_margin_nowhere FOREIGN DATA WRAPPER regress_margin_nothing;
CREATE FOREIGN TABLE kinds.foreign (account_id uuid, asset text, quantity numeric) SERVER regress_margin_nowhere;
CREATE SEQUENCE kinds.sequence;
CREATE INDEX by_uuid_account ON kinds.by_uuid (account_id);
INSERT INTO kinds.by_uuid VALUES ('00000000-0000-0000-0000-00000000000a', 'USDT', 5), ('00000000-0000-0000-0000-00000000000a', 'USDT', -3), ('00000000-0000-0000-0000-00000000000b', 'USDT', 1);
INSERT INTO kinds.by_domain VALUES ('00000000-0000-0000-0000-00000000000b', 'BTC_USDT', 1, 60000);
INSERT INTO kinds.by_integer VALUES (7, 'USDT', 30);
INSERT INTO kinds.by_bigint VALUES (7, 'BTC_USDT', 3, 60100, NULL);
INSERT INTO kinds.by_desk VALUES (('Riga', 2), 'USDT', 3), (('Oslo', 1), 'USDT', 4), (('Riga', 2), 'USDT', 2);
INSERT INTO kinds.by_day VALUES ('2026-07-08', 'USDT', 6);
REFRESH MATERIALIZED VIEW kinds.stored;
-- each account's key, its type, equity and maintenance margin; then the book is gone
CREATE FUNCTION pg_temp.accounts() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE 'SELECT format(''%s %s %s %s'', pg_typeof(account_id), account_id, equity, maintenance_margin) FROM b.account_margin ORDER BY account_id';
    PERFORM margin.drop_book('b');
END
$$;
\set SHOW_CONTEXT never
-- duplicate rows are netted
SELECT margin.create_book('b', 'desk', 'kinds.by_uuid', 'kinds.by_domain', position_leverage => NULL);
SELECT pg_temp.accounts();
-- the same type on both sides, or an expression that makes it so
SAVEPOINT s;
SELECT margin.create_book('b', 'desk', 'kinds.by_integer', 'kinds.by_bigint');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 'kinds.by_integer', 'kinds.by_bigint', balance_account => 'account_id::bigint');
SELECT pg_temp.accounts();
SELECT margin.create_book('b', 'desk', 'kinds.by_desk');
SELECT pg_temp.accounts();
SELECT margin.create_book('b', 'desk', positions => 'kinds.by_bigint');
SELECT pg_temp.accounts();
SELECT margin.create_book('b', 'desk', 'kinds.by_day');
SELECT pg_temp.accounts();
SELECT margin.create_book('b', 'desk', 'kinds.view');
SELECT pg_temp.accounts();
SELECT margin.create_book('b', 'desk', 'kinds.stored', balance_account => $$'all'$$);
SELECT pg_temp.accounts();
SELECT margin.create_book('b', 'desk', 'kinds.foreign');
SELECT margin.drop_book('b');

-- without an order there is no account
SAVEPOINT s;
SELECT margin.create_book('b', 'desk', 'kinds.by_json');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 'kinds.by_uuid', balance_account => 'point(1, 2)');
ROLLBACK TO s;
-- what is neither table nor view
SELECT margin.create_book('b', 'desk', 'kinds.sequence');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 'kinds.by_uuid_account');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 'kinds.desk');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 0);
ROLLBACK TO s;
-- without any source it has tables of its own, and without a venue it is one
SELECT margin.create_book('b');
SELECT * FROM margin.books WHERE book = 'b';
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', account_type => 'uuid');
SELECT attrelid::regclass, atttypid::regtype FROM pg_attribute
 WHERE attrelid IN ('b.balance'::regclass, 'b.position'::regclass, 'b.open_order'::regclass, 'b.holding'::regclass, 'b.account_level'::regclass) AND attname = 'account_id' ORDER BY 1;
SELECT (b.about()).*, to_regclass('b.account_key') AS scratch, to_regclass('b.asset') AS asset;
ROLLBACK TO s;
SELECT margin.create_book(NULL, 'desk', 'kinds.by_uuid');
ROLLBACK TO s;
SELECT margin.create_book('nowhere', 'desk', 'kinds.by_uuid');
ROLLBACK TO s;
-- margin's own stay as they are, and so does what is not ours
SELECT margin.create_book('margin', 'desk', 'kinds.by_integer');
ROLLBACK TO s;
SELECT margin.drop_book('margin');
ROLLBACK TO s;
CREATE TABLE b.unpriced ();
SELECT margin.create_book('b', 'desk', 'kinds.by_uuid');
ROLLBACK TO s;
CREATE VIEW b.account_margin AS SELECT 1 AS account_id;
SELECT margin.create_book('b', 'desk', 'kinds.by_uuid');
ROLLBACK TO s;
CREATE VIEW b.account_margin AS SELECT 1 AS account_id;
SELECT margin.drop_book('b');
ROLLBACK TO s;
SELECT margin.drop_book(NULL);
ROLLBACK TO s;
-- there is one book in a schema
SELECT margin.create_book('b', 'desk', 'kinds.by_uuid');
CREATE VIEW b.mine AS SELECT account_id FROM b.unpriced;
SAVEPOINT t;
SELECT margin.create_book('b', 'desk', 'kinds.view', 'kinds.by_domain', position_leverage => '2');
ROLLBACK TO t;
SELECT margin.create_venue('b');
ROLLBACK TO t;
-- what others have built is not dropped along
SELECT margin.drop_book('b');
ROLLBACK TO s;

-- ---------------------------------------------------------------------------
-- Odd rows
-- ---------------------------------------------------------------------------
CREATE TABLE kinds.odd (account_id text, symbol text, quantity numeric, entry_price numeric);
-- the same table twice: each row is one or the other
SELECT margin.create_book('b', 'desk', 'kinds.odd', 'kinds.odd', balance_asset => 'symbol', position_contract => 'symbol',
    balance_quantity => 'CASE WHEN entry_price IS NULL THEN quantity ELSE 0 END',
    position_quantity => 'CASE WHEN entry_price IS NULL THEN 0 ELSE quantity END',
    position_entry_price => 'coalesce(entry_price, 0)', position_leverage => NULL);
INSERT INTO kinds.odd VALUES ('x', 'USDT', 5, NULL), ('x', 'BTC_USDT', 1000, 60000);
SELECT account_id, equity FROM b.account_margin;
ROLLBACK TO s;
-- a position without entry price is no balance
CREATE TABLE kinds.odd (account_id text, contract text, quantity numeric, entry_price numeric);
SELECT margin.create_book('b', 'desk', positions => 'kinds.odd', position_leverage => NULL);
INSERT INTO kinds.odd VALUES ('x', 'USDT', 5, NULL);
SELECT account_id, equity FROM b.account_margin;
ROLLBACK TO s;
CREATE TABLE kinds.odd (account_id text, asset text, quantity numeric);
SELECT margin.create_book('b', 'desk', 'kinds.odd');
-- rows without account are an account
INSERT INTO kinds.odd VALUES (NULL, 'USDT', 5), (NULL, 'USDT', -8), ('x', 'USDT', 1), ('x', 'BTC', 0);
SELECT account_id, equity, level FROM b.account_margin ORDER BY account_id;
SELECT * FROM b.account_margin(NULL);
SAVEPOINT t;
INSERT INTO kinds.odd VALUES ('y', 'USDT', NULL);
SELECT account_id, equity FROM b.account_margin;
ROLLBACK TO t;
INSERT INTO kinds.odd VALUES ('y', NULL, 1);
SELECT account_id, equity FROM b.account_margin;
ROLLBACK TO t;
INSERT INTO kinds.odd VALUES ('y', 'USDT', 'NaN');
SELECT account_id, equity FROM b.account_margin;
ROLLBACK TO s;

-- flawed rows are listed, whatever the book makes of them; each is one that
-- portfolio() refuses, and no other is
CREATE TABLE kinds.flawed AS
SELECT row_number() OVER () AS account_id, kind, symbol, quantity, entry_price, leverage
  FROM unnest(enum_range(NULL::margin.holding_kind) || NULL::margin.holding_kind) AS kind,
       unnest(ARRAY['BTC', repeat('é', 128), repeat('x', 255), '', NULL]) AS symbol,
       unnest(ARRAY[1, 'NaN', '-Infinity', NULL, 0, -2.5, '1e2000']::numeric[]) AS quantity,
       unnest(ARRAY[5, 'NaN', 'Infinity', NULL, 0, -5, '1e-2000']::numeric[]) AS entry_price,
       unnest(ARRAY[10, 'NaN', NULL, 0, -1]::numeric[]) AS leverage;
CREATE FUNCTION pg_temp.refusal(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    PERFORM margin.portfolio(f.symbol, f.quantity, f.entry_price, f.leverage, f.kind)
       FROM (SELECT refusal.symbol, refusal.quantity, refusal.entry_price, refusal.leverage, refusal.kind) AS f;
    RETURN NULL;
EXCEPTION WHEN data_exception OR feature_not_supported THEN
    RETURN SQLERRM;
END
$$;
SELECT count(*) > 4000 AS enough, count(*) FILTER (WHERE flaw IS NULL) > 20 AS good,
       count(*) FILTER (WHERE (flaw IS NULL) <> (refusal IS NULL)) AS other_verdict, count(*) FILTER (WHERE refusal ~ '^unusable') AS not_told
  FROM (SELECT margin_internal.holding_flaw(symbol, quantity, entry_price, leverage, kind) AS flaw,
               pg_temp.refusal(symbol, quantity, entry_price, leverage, kind) AS refusal FROM kinds.flawed OFFSET 0) AS f;
SELECT DISTINCT regexp_replace(margin_internal.holding_flaw(symbol, quantity, entry_price, leverage, kind), 'x{9,}|é{9,}', '~') COLLATE "C" AS flaw FROM kinds.flawed ORDER BY 1;
DROP TABLE kinds.flawed;

CREATE TABLE kinds.wallet (customer text, coin text, amount numeric);
CREATE TABLE kinds.lot (customer text, symbol text, size numeric, price numeric, leverage numeric);
INSERT INTO kinds.wallet VALUES ('good', 'USDT', 5), ('nan', 'USDT', 5), ('nan', 'BTC', 'NaN'), ('null', NULL, 7), ('null', 'USDT', NULL), ('long', repeat('é', 128), 1);
INSERT INTO kinds.lot VALUES ('good', 'BTC_USDT', 1, 60000, NULL), ('half', 'BTC_USDT', 1, NULL, NULL), ('half', 'USDT', 0, -1, 3), ('bound', repeat('x', 250), 'NaN', 1, 1);
CREATE FUNCTION pg_temp.create_b(flawed_rows text) RETURNS void LANGUAGE sql AS $$
    SELECT margin.create_book('b', 'desk', 'kinds.wallet', 'kinds.lot',
        balance_account => 'customer', balance_asset => 'coin', balance_quantity => 'amount',
        position_account => 'customer', position_contract => 'symbol', position_quantity => 'size', position_entry_price => 'price',
        flawed_rows => flawed_rows)
$$;
SAVEPOINT s;
SELECT pg_temp.create_b('ignore');
ROLLBACK TO s;
SELECT pg_temp.create_b(NULL);
ROLLBACK TO s;
SELECT pg_temp.create_b('error');
SELECT account_id, kind, left(symbol, 12) AS symbol, quantity, entry_price, leverage, left(flaw, 60) AS flaw FROM b.flawed_holding ORDER BY account_id, flaw;
SELECT account_id, equity FROM b.account_margin('good');
SAVEPOINT t;
SELECT equity FROM b.account_margin('nan');
ROLLBACK TO t;
SELECT equity FROM b.account_margin('long');
ROLLBACK TO t;
DELETE FROM kinds.wallet WHERE customer IN ('long', 'null');
DELETE FROM kinds.lot WHERE customer IN ('half', 'bound');
SAVEPOINT u;
SELECT * FROM b.undercollateralized;
ROLLBACK TO u;
SELECT margin.refresh_levels('b');
ROLLBACK TO t;
SELECT margin.drop_book('b');
-- with unpriced all others are judged
SELECT pg_temp.create_b('unpriced');
SELECT account_id, kind, left(symbol, 12) AS symbol, quantity, entry_price, leverage, left(flaw, 60) AS flaw FROM b.flawed_holding ORDER BY account_id, flaw;
SELECT account_id, level, equity, missing FROM b.account_margin WHERE account_id <> 'bound' ORDER BY account_id;
SELECT octet_length(missing[1]), left(missing[1], 40), missing FROM b.account_margin('bound');
SELECT * FROM b.undercollateralized;
SELECT margin.refresh_levels('b');
SELECT account_id, level FROM b.account_level ORDER BY account_id;
SELECT account_id, missing FROM b.report_unpriced WHERE account_id <> 'bound' ORDER BY account_id;
-- the row mended, the account is judged again
UPDATE kinds.wallet SET amount = 1 WHERE amount = 'NaN';
SELECT margin.refresh_levels('b');
SELECT account_id, from_level, to_level FROM b.level_event WHERE account_id = 'nan' ORDER BY id;
-- guarded: a flaw is as any lack of a price
SELECT margin.guard_table('b', 'kinds.wallet', 'customer');
INSERT INTO kinds.wallet VALUES ('good', 'BTC', 'NaN');
SET CONSTRAINTS ALL IMMEDIATE;
ROLLBACK TO t;
SELECT margin.drop_book('b');
ROLLBACK TO s;
DROP TABLE kinds.wallet, kinds.lot;

-- ---------------------------------------------------------------------------
-- Expressions are one expression over the columns of their table
-- ---------------------------------------------------------------------------
CREATE TABLE kinds.canary (n integer);
CREATE TABLE kinds.wallet (account_id bigint, asset text, quantity numeric, side text, rate double precision);
INSERT INTO kinds.wallet VALUES (1, 'USDT', 3, 'debt', 1);
CREATE FUNCTION kinds.trapped(n numeric) RETURNS numeric VOLATILE LANGUAGE plpgsql AS $$
BEGIN
    DROP TABLE kinds.canary;
    RETURN n;
END
$$;
CREATE FUNCTION kinds.untrue(n numeric) RETURNS boolean VOLATILE LANGUAGE sql RETURN kinds.trapped(n) IS NULL;
CREATE DOMAIN kinds.trap AS numeric CHECK (kinds.untrue(VALUE));
CREATE DOMAIN kinds.harmless AS numeric;
CREATE TYPE kinds.boxed AS (n numeric);
CREATE FUNCTION kinds.boxed(n numeric) RETURNS kinds.boxed VOLATILE LANGUAGE sql RETURN ROW(kinds.trapped(n))::kinds.boxed;
CREATE CAST (numeric AS kinds.boxed) WITH FUNCTION kinds.boxed(numeric);
CREATE OPERATOR kinds.!- (RIGHTARG = numeric, FUNCTION = kinds.trapped);
SET search_path = kinds, public;
-- What becomes of one: its definition, or an error.
CREATE FUNCTION pg_temp.given(expression text, parameter text DEFAULT 'balance_quantity') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    definition text;
BEGIN
    EXECUTE format('SELECT margin.create_book(''b'', ''desk'', ''wallet'', %I => %L)', parameter, expression);
    SELECT substring(pg_get_viewdef('b.holding') FROM CASE parameter WHEN 'balance_asset' THEN 'account_id,(.*)AS symbol' ELSE 'AS symbol,(.*)AS quantity' END)
      INTO definition;
    PERFORM margin.drop_book('b');
    RETURN coalesce(regexp_replace(replace(definition, 'wallet.', ''), '\s+', ' ', 'g'), 'itself');
EXCEPTION WHEN OTHERS THEN
    RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
SELECT x AS expression, pg_temp.given(x) AS result
  FROM unnest(ARRAY[
    -- more than one expression
    'quantity); DROP TABLE kinds.canary; --', 'quantity; DROP TABLE kinds.canary', 'quantity;', '; DROP TABLE kinds.canary',
    'quantity, quantity', '', ' ', '-- nothing', '/* nothing */', '*', 'wallet.*', 'quantity AS q', 'quantity q',
    'quantity FROM pg_authid', 'quantity FROM wallet, canary', 'quantity WHERE true', 'quantity INTO stolen', 'DISTINCT quantity',
    'quantity ORDER BY 1', 'quantity LIMIT 1', 'quantity FOR UPDATE', 'quantity GROUP BY quantity', 'quantity HAVING true',
    'quantity WINDOW w AS ()', 'quantity UNION ALL SELECT 1',
    'quantity AS account_id, quantity', 'DEFAULT', 'SELECT quantity', 'VALUES (1)', 'DROP TABLE kinds.canary', 'quantity[', '$1', ':quantity',
    -- unbalanced
    '(quantity', 'quantity)', 'quantity) AS account_id, (1', '''', 'quantity + ''1', 'quantity + "', '"quantity', '$$', '$x$ quantity',
    'quantity /*', 'quantity */ + 1', 'quantity /* /* */', E'quantity \\', 'E''\''', 'U&"quantity']) WITH ORDINALITY AS t (x, n)
 ORDER BY n;
SELECT left(pg_temp.given(repeat('(', 20000) || 'quantity' || repeat(')', 20000)), 6) AS deep;
SELECT x AS expression, pg_temp.given(x) AS result
  FROM unnest(ARRAY[
    -- not of this row alone
    '(SELECT 1)', 'EXISTS (SELECT 1)::int', 'ARRAY(SELECT 1)', 'sum(quantity)', 'count(*)', 'sum(quantity) OVER ()', 'rank() OVER ()',
    'generate_series(1, 2)', 'ctid', 'xmin', 'canary.n', 'pg_class.oid', 'nosuch', 'nosuch(quantity)', 'wallet.nosuch', 'grouping(quantity)',
    -- with effects
    'random()::numeric', 'nextval(''kinds.sequence'')', 'setval(''kinds.sequence'', 9)', 'pg_sleep(9)', 'trapped(quantity)', 'trapped(1)',
    '!- quantity', 'quantity::trap', '(''1''::trap)::numeric', 'CAST(1 AS trap)', '(quantity::boxed).n', 'pg_terminate_backend(1)::int',
    'lo_import(''/etc/passwd'')', 'set_config(''search_path'', '''', false)::numeric', 'extract(epoch FROM clock_timestamp())',
    -- of another type
    'asset', 'rate', 'wallet', 'true', '''x''', 'NULL::date', 'ROW(1)', 'quantity::double precision', 'CURRENT_DATE',
    '1/', '1e1000000']) WITH ORDINALITY AS t (x, n)
 ORDER BY n;
SELECT x AS expression, pg_temp.given(x) AS result
  FROM unnest(ARRAY[
    'quantity', ' Quantity ', '"quantity"', 'wallet.quantity', 'kinds.wallet.quantity', '((quantity))', 'quantity -- and no more', 'quantity /* and no more */',
    'CASE side WHEN ''debt'' THEN -quantity ELSE quantity END', 'quantity * 1e-8', 'quantity::harmless', 'coalesce(quantity, 0)', 'rate::numeric',
    '5', '''5''', 'NULL', $$CASE WHEN asset = ';''--' THEN 1 END$$, $$CASE WHEN asset = $x$');$x$ THEN 1 END$$, $$CASE WHEN asset = E'\'\\' THEN 1 END$$,
    'length(asset)']) WITH ORDINALITY AS t (x, n)
 ORDER BY n;
-- strings read with backslashes are written with backslashes
SET standard_conforming_strings = off;
SET escape_string_warning = off;
SELECT x AS expression, pg_temp.given(x) AS result
  FROM unnest(ARRAY[$$CASE WHEN asset = '\'); DROP TABLE kinds.canary; --' THEN 1 END$$, $$CASE WHEN asset = '\\' THEN 1 END$$, $$'\'$$]) x;
SELECT margin.create_book('b', 'desk', 'wallet', balance_quantity => $$CASE WHEN asset = '\'); DROP TABLE kinds.canary; --' THEN 1 END$$);
RESET standard_conforming_strings;
RESET escape_string_warning;
SELECT pg_get_viewdef('b.holding') LIKE $$%asset = '''); DROP TABLE kinds.canary; --'::text%$$ AS is_a_string;
SELECT margin.drop_book('b');
SELECT x AS expression, pg_temp.given(x, 'balance_asset') AS result
  FROM unnest(ARRAY['1', 'asset); DROP TABLE kinds.canary; --', 'quantity', 'side', NULL]) x;
SELECT count(*) AS canaries, (SELECT is_called FROM kinds.sequence) AS drawn,
       (SELECT count(*) FROM pg_class WHERE relnamespace = 'b'::regnamespace) AS left_behind FROM pg_class WHERE oid = 'kinds.canary'::regclass;
-- an error says what it is about
CREATE FUNCTION pg_temp.context(expression text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    context text;
BEGIN
    PERFORM margin.create_book('b', 'desk', 'wallet', balance_quantity => expression);
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
    RETURN split_part(context, E'\n', 1);
END
$$;
SELECT pg_temp.context(x) FROM unnest(ARRAY['quantity + Gesamtbestand', 'quantity)', 'rate', 'random()']) x;
SELECT margin.create_book('b', 'desk', 'wallet', balance_quantity => 'quantity + Gesamtbestand');
SELECT margin.create_book('b', 'desk', 'wallet', balance_account => 'account_id); DROP TABLE kinds.canary; --');
SELECT margin.create_book('b', 'desk', 'wallet', balance_quantity => 'rate');

-- ---------------------------------------------------------------------------
-- search_path: the caller's for the caller's names, none for the views
-- ---------------------------------------------------------------------------
CREATE SCHEMA trap;
CREATE FUNCTION trap.never(margin.level, margin.level) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR trap.= (LEFTARG = margin.level, RIGHTARG = margin.level, FUNCTION = trap.never);
CREATE FUNCTION trap.never(name, name) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE OPERATOR trap.= (LEFTARG = name, RIGHTARG = name, FUNCTION = trap.never);
CREATE FUNCTION trap.format(text, VARIADIC text[]) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'trapped'; END $$;
CREATE FUNCTION trap.signed(text, numeric) RETURNS numeric IMMUTABLE LANGUAGE sql RETURN CASE $1 WHEN 'debt' THEN -$2 ELSE $2 END;
CREATE FUNCTION trap.plus(numeric, numeric) RETURNS numeric IMMUTABLE LANGUAGE sql RETURN pg_catalog.numeric_add($1, $2);
CREATE OPERATOR trap.- (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = trap.plus);
SET search_path = trap, pg_catalog, kinds;
SELECT margin.create_book('b', 'desk', 'wallet', balance_quantity => 'signed(side, quantity - 1)');
SET search_path = '';
SELECT account_id, equity FROM b.account_margin;
SELECT account_id, level FROM b.undercollateralized;
SELECT margin.drop_book('b');
SAVEPOINT s;
SELECT margin.create_book('b', 'desk', 'kinds.wallet', balance_quantity => 'signed(side, quantity)');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 'kinds.wallet', balance_quantity => 'signed(side, quantity)', search_path => 'trap');
SHOW search_path;
SELECT account_id, equity FROM b.account_margin;
RESET search_path;
-- functions that may not run in parallel workers keep ours out of them
SELECT proname, proargtypes::regtype[], proparallel FROM pg_proc p WHERE pronamespace = 'b'::regnamespace AND proname IN ('account_margin', 'explain') ORDER BY 1, 2;
SELECT count(*) FILTER (WHERE proparallel = 's') > 10 AS safe FROM pg_proc WHERE pronamespace = 'b'::regnamespace AND proname !~ '^(venue_|about$)';
-- nor does bringing it up to date forget that
SELECT * FROM margin.upgrade_book('b');
SELECT proname, proargtypes::regtype[], proparallel FROM pg_proc p WHERE pronamespace = 'b'::regnamespace AND proname IN ('account_margin', 'explain') ORDER BY 1, 2;
SELECT count(*) FILTER (WHERE proparallel = 's') > 10 AS safe FROM pg_proc WHERE pronamespace = 'b'::regnamespace AND proname !~ '^(venue_|about$)';
SELECT margin.drop_book('b');
SELECT margin.create_book('b', 'desk', 'kinds.wallet');
SELECT proname, proargtypes::regtype[], proparallel FROM pg_proc p WHERE pronamespace = 'b'::regnamespace AND proname IN ('account_margin', 'explain') ORDER BY 1, 2;
SELECT count(*) FILTER (WHERE proparallel = 's') > 10 AS safe FROM pg_proc WHERE pronamespace = 'b'::regnamespace AND proname !~ '^(venue_|about$)';
SELECT margin.drop_book('b');

-- ---------------------------------------------------------------------------
-- Who may
-- ---------------------------------------------------------------------------
CREATE ROLE regress_margin_builder;
GRANT USAGE ON SCHEMA desk, kinds TO regress_margin_builder;
CREATE SCHEMA regress_margin_own AUTHORIZATION regress_margin_builder;
SAVEPOINT s;
SET ROLE regress_margin_builder;
SELECT margin.create_book('b', 'desk', 'kinds.wallet');
ROLLBACK TO s;
SELECT margin.create_book('b', 'desk', 'kinds.wallet');
SET ROLE regress_margin_builder;
SELECT margin.drop_book('b');
ROLLBACK TO s;
-- views over what one may not read: they belong to their maker and read nothing
SET ROLE regress_margin_builder;
SELECT margin.create_book('regress_margin_own', 'desk', 'kinds.wallet', trust => true);
SELECT margin_internal.stranger_in('regress_margin_own') AS not_his,
       (SELECT count(*) > 10 FROM pg_class WHERE relowner = 'regress_margin_builder'::regrole AND relkind = 'v') AS views,
       (SELECT bool_and(proowner = 'regress_margin_builder'::regrole) FROM pg_proc WHERE pronamespace = 'regress_margin_own'::regnamespace) AS functions;
SELECT * FROM regress_margin_own.account_margin;
ROLLBACK;
