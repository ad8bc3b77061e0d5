-- Venues and books side by side: each judged by its own terms, renamed,
-- refused, dropped and brought up to date
SET client_min_messages = warning;
\set SHOW_CONTEXT never

-- ---------------------------------------------------------------------------
-- Two venues in which the same BTC counts for something else, and four books
-- of the same holdings
-- ---------------------------------------------------------------------------

CREATE SCHEMA east;
CREATE SCHEMA west;
CREATE SCHEMA desk;
CREATE SCHEMA fund;
CREATE SCHEMA clients;
SELECT margin.create_venue('west');
-- a book in the schema of its venue, one with tables of its own elsewhere
SELECT margin.create_book('east');
SELECT margin.create_book('desk', 'west', account_type => 'text');
-- and two over tables that were there before
CREATE SCHEMA bank;
CREATE TABLE bank.wallet (client uuid NOT NULL, coin text NOT NULL, amount numeric NOT NULL, PRIMARY KEY (client, coin));
CREATE TABLE bank.trade (client uuid NOT NULL, contract text NOT NULL, quantity numeric NOT NULL, price numeric NOT NULL);
SELECT margin.create_book('fund', 'west', 'bank.wallet', 'bank.trade', balance_account => 'client', balance_asset => 'coin', balance_quantity => 'amount',
    position_account => 'client', position_entry_price => 'price', position_leverage => NULL);
SELECT margin.create_book('clients', 'east', 'bank.wallet', 'bank.trade', balance_account => 'client::text', balance_asset => 'coin', balance_quantity => 'amount',
    position_account => 'client::text', position_entry_price => 'price', position_leverage => NULL);
SELECT venue, owner = current_user AS mine, release FROM margin.venues ORDER BY venue;
SELECT book, venue, owner = current_user AS mine, release FROM margin.books ORDER BY book;
SELECT (west.about()).*;
SELECT (fund.about()).*;

SELECT margin.load_published('east');
INSERT INTO west.asset (asset, liability_weight, requirement_weight) VALUES ('BTC', 1.1, 1), ('USDT', 1.05, 1.2), ('USDC', 1, 1);
INSERT INTO west.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 0, 0.9), ('BTC', 1, 0.8), ('USDT', 0, 1), ('USDT', 10000, 0.999);
INSERT INTO west.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 0, 0.02), ('BTC', 1, 0.05);
INSERT INTO east.contract (contract, settle, base, contract_size, closing_fee) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001, 0.0005);
INSERT INTO west.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.01);
INSERT INTO east.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.005), ('BTC_USDT', 10000, 0.01);
INSERT INTO west.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.004), ('BTC_USDT', 50000, 0.02);
SELECT applied FROM margin.set_prices('east', '{"assets": {"BTC": 60000.12345678, "USDT": 1.0001, "USDC": 1}, "contracts": {"BTC_USDT": 60010.5}, "at": "2026-01-01 00:00+00"}');
SELECT applied FROM margin.set_prices('west', '{"assets": {"BTC": 59000.87654321, "USDT": 0.9997}, "contracts": {"BTC_USDT": 59010.25}, "at": "2026-01-01 00:00+00"}');

CREATE TEMP TABLE held AS
SELECT n, md5(n::text)::uuid AS client, ((n * 37) % 100 - 20) / 13.0 AS btc, (n * 7919) % 60000 - 25000 + n / 1000.0 AS usdt,
       (n * 31) % 90 - 45 AS contracts, 58000 + (n * 211) % 4000 AS entry
  FROM generate_series(1, 60) AS n;
INSERT INTO bank.wallet SELECT client, 'BTC', btc FROM held UNION ALL SELECT client, 'USDT', usdt FROM held UNION ALL SELECT client, 'USDC', 1 FROM held WHERE n % 10 = 0;
INSERT INTO bank.trade SELECT client, 'BTC_USDT', contracts, entry FROM held;
INSERT INTO east.balance SELECT h.n, w.coin, w.amount FROM held AS h JOIN bank.wallet AS w USING (client);
INSERT INTO east.position (account_id, contract, quantity, entry_price) SELECT n, 'BTC_USDT', contracts, entry FROM held;
INSERT INTO desk.balance SELECT 'n' || h.n, w.coin, w.amount FROM held AS h JOIN bank.wallet AS w USING (client);
INSERT INTO desk.position (account_id, contract, quantity, entry_price) SELECT 'n' || n, 'BTC_USDT', contracts, entry FROM held;

-- Equity and maintenance margin of the accounts of a book in the terms of a
-- venue, in plain numeric arithmetic (positions of one side per account).
CREATE FUNCTION pg_temp.plain(book name, venue name) RETURNS TABLE (account text, equity numeric, maintenance_margin numeric) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY EXECUTE format($x$
        WITH leg AS (
            SELECT h.account_id, c.settle, c.contract_size * (m.price * h.quantity - h.entry_price * h.quantity) AS pnl,
                   (SELECT sum(t.maintenance_rate * greatest(least(n.notional, t.upper_bound) - t.lower_bound, 0))
                      FROM (SELECT *, lead(lower_bound, 1, 'Infinity') OVER (ORDER BY lower_bound) AS upper_bound FROM %2$I.risk_tier AS r WHERE r.contract = c.contract) AS t)
                   + c.closing_fee * n.notional AS required
              FROM %1$I.holding AS h JOIN %2$I.contract AS c ON c.contract = h.symbol JOIN %2$I.mark_price AS m ON m.contract = h.symbol,
                   LATERAL (SELECT c.contract_size * m.price * abs(h.quantity) AS notional) AS n
             WHERE h.kind = 'position'
        ), owned AS (
            SELECT account_id, asset, sum(quantity) AS quantity
              FROM (SELECT account_id, symbol AS asset, quantity FROM %1$I.holding WHERE kind = 'balance'
                    UNION ALL SELECT account_id, settle, pnl FROM leg) AS q GROUP BY 1, 2
        ), worth AS (
            SELECT o.account_id,
                   CASE WHEN o.quantity < 0 THEN a.liability_weight * p.price * o.quantity
                        ELSE p.price * coalesce((SELECT sum(t.ratio * greatest(least(o.quantity, t.upper_bound) - t.lower_bound, 0))
                                                   FROM (SELECT *, lead(lower_bound, 1, 'Infinity') OVER (ORDER BY lower_bound) AS upper_bound
                                                           FROM %2$I.collateral_tier AS r WHERE r.asset = o.asset) AS t), 0) END AS value,
                   CASE WHEN o.quantity < 0
                        THEN p.price * coalesce((SELECT sum(t.maintenance_rate * greatest(least(-o.quantity, t.upper_bound) - t.lower_bound, 0))
                                                   FROM (SELECT *, lead(lower_bound, 1, 'Infinity') OVER (ORDER BY lower_bound) AS upper_bound
                                                           FROM %2$I.liability_tier AS r WHERE r.asset = o.asset) AS t), 0) ELSE 0 END AS required
              FROM owned AS o JOIN %2$I.asset AS a USING (asset) LEFT JOIN %2$I.index_price AS p USING (asset)
        )
        SELECT w.account_id::text, sum(coalesce(w.value, 0)), sum(coalesce(w.required, 0))
               + coalesce((SELECT sum(l.required * a.requirement_weight * p.price) FROM leg AS l JOIN %2$I.asset AS a ON a.asset = l.settle
                             JOIN %2$I.index_price AS p ON p.asset = l.settle WHERE l.account_id = w.account_id), 0)
          FROM worth AS w GROUP BY w.account_id$x$, book, venue);
END
$$;
-- How many accounts a book has, how many of them the view values otherwise
-- than that, and how many the function of one account.
CREATE FUNCTION pg_temp.check_book(book name, venue name, OUT accounts bigint, OUT wrong bigint, OUT wrong_alone bigint, OUT equity numeric) LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format($x$
        SELECT count(*), count(*) FILTER (WHERE (m.equity, m.maintenance_margin) IS DISTINCT FROM (e.equity, e.maintenance_margin)),
               count(*) FILTER (WHERE (a.equity, a.maintenance_margin) IS DISTINCT FROM (e.equity, e.maintenance_margin)), trim_scale(sum(m.equity))
          FROM pg_temp.plain(%1$L, %2$L) AS e FULL JOIN %1$I.account_margin AS m ON m.account_id::text = e.account
          LEFT JOIN LATERAL %1$I.account_margin(m.account_id) AS a ON true$x$, book, venue) INTO accounts, wrong, wrong_alone, equity;
END
$$;
SELECT b.*, c.* FROM (VALUES ('east', 'east'), ('desk', 'west'), ('fund', 'west'), ('clients', 'east')) AS b (book, venue), LATERAL pg_temp.check_book(b.book, b.venue) AS c;
-- the same account, as each book sees it
SELECT 'east' AS book, level, equity FROM east.account_margin(2) UNION ALL SELECT 'desk', level, equity FROM desk.account_margin('n2')
UNION ALL SELECT 'fund', level, equity FROM fund.account_margin(md5('2')::uuid) UNION ALL SELECT 'clients', level, equity FROM clients.account_margin(md5('2')::uuid::text);
SELECT (SELECT array_agg(DISTINCT level ORDER BY level) FROM east.account_margin) AS east, (SELECT array_agg(DISTINCT level ORDER BY level) FROM fund.account_margin) AS fund;
-- one venue's edit is nothing to the other
BEGIN;
UPDATE east.collateral_tier SET ratio = 0 WHERE asset = 'BTC';
SELECT b.*, c.* FROM (VALUES ('east', 'east'), ('desk', 'west'), ('fund', 'west'), ('clients', 'east')) AS b (book, venue), LATERAL pg_temp.check_book(b.book, b.venue) AS c;
ROLLBACK;
-- levels are kept by each book, with the keys of its own type
SELECT book, margin.refresh_levels(book) > 0 AS changed FROM margin.books ORDER BY book;
SELECT margin.refresh_levels(book) AS again FROM margin.books ORDER BY book;
SELECT pg_typeof(account_id), count(*) > 5 AS some FROM fund.level_event GROUP BY 1 UNION ALL SELECT pg_typeof(account_id), count(*) > 5 FROM desk.level_event GROUP BY 1;
-- prices of a venue refresh its own books, in one transaction or in none
SELECT applied, level_changes > 0 AS changes, not_refreshed
  FROM margin.set_prices('west', '{"assets": {"BTC": 40000}, "contracts": {"BTC_USDT": 40000}, "at": "2026-01-02 00:00+00"}', refresh => true);
SELECT (SELECT count(*) > 0 FROM desk.level_event WHERE cause = 'prices') AS desk, (SELECT count(*) > 0 FROM fund.level_event WHERE cause = 'prices') AS fund,
       (SELECT count(*) FROM east.level_event WHERE cause = 'prices') AS east, (SELECT count(*) FROM clients.level_event WHERE cause = 'prices') AS clients;
SELECT account_id FROM fund.account_margin AS m FULL JOIN fund.account_level AS l USING (account_id) WHERE m.level <> coalesce(l.level, 'healthy');
-- a book that cannot be refreshed is named, the prices stay, and the others are refreshed
BEGIN;
INSERT INTO desk.balance VALUES ('bad', 'BTC', 1);
ALTER TABLE desk.account_level ADD CHECK (account_id <> 'bad' OR level = 'healthy');
UPDATE desk.balance SET quantity = -1 WHERE account_id = 'bad';
SELECT applied, level_changes > 0 AS changes, not_refreshed
  FROM margin.set_prices('west', '{"assets": {"BTC": 90000}, "contracts": {"BTC_USDT": 90000}, "at": "2026-01-03 00:00+00"}', refresh => true);
SELECT price FROM west.index_price WHERE asset = 'BTC';
SELECT (SELECT max(price) FROM west.index_price_history) = 90000 AS recorded;
ROLLBACK;

-- ---------------------------------------------------------------------------
-- Renamed, and another schema of the old name, whose functions and tables say
-- otherwise: nothing reads it
-- ---------------------------------------------------------------------------

SELECT margin.enable_guard('desk');
SELECT margin.enable_levels('desk');
SELECT margin.prepare_snapshots('desk');
ALTER SCHEMA west RENAME TO occident;
ALTER SCHEMA desk RENAME TO bureau;
ALTER SCHEMA fund RENAME TO "Fund of 1";
-- with nothing in the old places
SELECT b.*, c.* FROM (VALUES ('bureau', 'occident'), ('Fund of 1', 'occident')) AS b (book, venue), LATERAL pg_temp.check_book(b.book, b.venue) AS c;
CREATE SCHEMA west;
CREATE SCHEMA desk;
CREATE SCHEMA fund;
SELECT margin.create_venue('west');
SELECT margin.create_book('desk', 'west', account_type => 'text');
SELECT margin.create_book('fund', 'west', account_type => 'uuid');
SELECT margin.load_published('west');
SELECT applied FROM margin.set_prices('west', '{"assets": {"BTC": 1, "USDT": 1}}');
INSERT INTO desk.balance SELECT account_id, asset, 1 FROM bureau.balance;
SELECT book, venue FROM margin.books ORDER BY book;
SELECT venue FROM margin.venues ORDER BY venue;
SELECT (bureau.about()).*;
SELECT b.*, c.* FROM (VALUES ('bureau', 'occident'), ('Fund of 1', 'occident')) AS b (book, venue), LATERAL pg_temp.check_book(b.book, b.venue) AS c;
CREATE FUNCTION pg_temp.rows_of(schemas name[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    relation regclass;
    part text;
    result text := '';
BEGIN
    FOR relation IN SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                     WHERE n.nspname = ANY (schemas) AND c.relkind IN ('r', 'S') ORDER BY c.oid LOOP
        EXECUTE format('SELECT md5(string_agg(t::text, E''\n'' ORDER BY t::text)) FROM (SELECT * FROM %s) AS t', relation) INTO part;
        result := concat(result, relation, ' ', part, E'\n');
    END LOOP;
    RETURN result;
END
$$;
CREATE TEMP TABLE elsewhere AS SELECT pg_temp.rows_of('{west,desk,fund}') AS rows;
-- whatever writes or reads does so where it belongs
INSERT INTO bureau.balance VALUES ('new', 'USDT', 100);
SELECT level FROM bureau.account_level WHERE account_id = 'new';
UPDATE bureau.balance SET quantity = -1 WHERE account_id = 'new' AND asset = 'USDT';
SELECT margin.refresh_levels('bureau', cause => 'renamed'), margin.refresh_levels('Fund of 1', cause => 'renamed');
SELECT applied, level_changes > 0 AS changes, not_refreshed
  FROM margin.set_prices('occident', '{"assets": {"BTC": 61000}, "contracts": {"BTC_USDT": 61000}, "at": "2026-01-04 00:00+00"}', refresh => true);
SELECT price FROM occident.index_price_history ORDER BY id DESC LIMIT 1;
UPDATE occident.asset SET source = 'renamed' WHERE asset = 'BTC';
SELECT symbol, after ->> 'source' AS source FROM occident.parameter_event ORDER BY id DESC LIMIT 1;
INSERT INTO occident.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 5, 0.95);
INSERT INTO occident.level_threshold VALUES ('warning', 0.9);
INSERT INTO occident.level_threshold VALUES ('warning', 0.6, 0.5);
SELECT occident.release_ratios(), margin.load_scenarios('occident') > 5 AS scenarios;
SELECT cardinality(occident.scenarios()) > 5 AS scenarios, (SELECT count(DISTINCT scenario) > 5 FROM bureau.account_stress) AS of_accounts;
SELECT margin.take_snapshot('bureau') IS NOT NULL AS taken;
SELECT (SELECT sum(accounts) FROM bureau.report_levels) AS accounts, (SELECT count(*) FROM bureau.snapshot) AS snapshots;
SELECT count(*) AS equal FROM bureau.account_margin_at((SELECT max(taken_at) FROM bureau.snapshot)) AS s JOIN bureau.account_margin AS m USING (account_id) WHERE s.equity = m.equity;
SELECT count(*) > 0 AS explained FROM bureau.explain_text('n2');
INSERT INTO bureau.balance VALUES ('debtor', 'BTC', -0.1), ('debtor', 'USDT', 100000), ('house', 'BTC', 5);
SELECT step, outcome, debt_asset, funding_asset, repaid FROM bureau.repay('debtor', 'house');
SELECT count(*) FROM bureau.repayment_entry WHERE account_id = 'debtor' AND house_account_id = 'house';
CALL margin.run_reports('bureau');
SELECT status, error FROM bureau.report_run;
SELECT margin.prune_price_history('occident', '0') > 0 AS pruned;
SELECT length(margin.report_html('bureau')) > 10000 AS page;
SELECT * FROM margin.upgrade_book('bureau');
SELECT * FROM margin.upgrade_venue('occident');
SELECT b.*, c.accounts, c.wrong, c.wrong_alone FROM (VALUES ('bureau', 'occident'), ('Fund of 1', 'occident')) AS b (book, venue), LATERAL pg_temp.check_book(b.book, b.venue) AS c;
SELECT rows = pg_temp.rows_of('{west,desk,fund}') AS untouched_elsewhere FROM elsewhere;
-- renamed under a session that guards
BEGIN;
ALTER SCHEMA bureau RENAME TO b2;
ALTER SCHEMA occident RENAME TO v2;
UPDATE b2.balance SET quantity = -1 WHERE account_id = 'new' AND asset = 'USDT';
COMMIT;
-- whose copy of the market follows its venue, and no other
SELECT applied FROM margin.set_prices('west', '{"assets": {"USDT": 1000}}');
UPDATE bureau.balance SET quantity = -1 WHERE account_id = 'new' AND asset = 'USDT';
SELECT applied FROM margin.set_prices('occident', '{"assets": {"USDT": 2}}');
UPDATE bureau.balance SET quantity = -1 WHERE account_id = 'new' AND asset = 'USDT';
UPDATE bureau.balance SET quantity = 50 WHERE account_id = 'new' AND asset = 'USDT';
SELECT margin.disable_guard('desk'), margin.disable_guard('bureau');
SELECT relation, book, guard, levels FROM margin.guarded_tables() WHERE book IN ('desk', 'bureau') ORDER BY relation::text;

-- ---------------------------------------------------------------------------
-- Dropped
-- ---------------------------------------------------------------------------

SELECT margin.drop_venue('west');
SELECT margin.drop_venue('nowhere');
SELECT margin.drop_book('west');
SELECT margin.drop_book('desk');
SELECT margin.drop_book('fund');
SELECT margin.drop_venue('west');
CREATE FUNCTION pg_temp.left_in(schema name) RETURNS SETOF text LANGUAGE sql AS $$
    SELECT pg_describe_object('pg_class'::regclass, oid, 0) FROM pg_class WHERE relnamespace = quote_ident(schema)::regnamespace
    UNION ALL SELECT pg_describe_object('pg_proc'::regclass, oid, 0) FROM pg_proc WHERE pronamespace = quote_ident(schema)::regnamespace
    UNION ALL SELECT pg_describe_object('pg_type'::regclass, oid, 0) FROM pg_type WHERE typnamespace = quote_ident(schema)::regnamespace
    ORDER BY 1
$$;
SELECT pg_temp.left_in('west') UNION ALL SELECT pg_temp.left_in('desk') UNION ALL SELECT pg_temp.left_in('fund');
-- a book over others' tables leaves them, without its triggers
SELECT margin.guard_table('Fund of 1', 'bank.wallet', 'client'), margin.guard_table('Fund of 1', 'bank.trade', 'client');
SELECT margin.guard_table('clients', 'bank.wallet', 'client');
SELECT margin.enable_guard('Fund of 1');
SELECT count(*) FROM pg_trigger WHERE tgrelid = 'bank.wallet'::regclass AND NOT tgisinternal;
SELECT margin.drop_book('Fund of 1');
SELECT (SELECT count(*) FROM bank.wallet) AS wallets, (SELECT count(*) FROM bank.trade) AS trades,
       (SELECT count(*) FROM pg_trigger WHERE tgrelid IN ('bank.wallet'::regclass, 'bank.trade'::regclass) AND NOT tgisinternal) AS triggers;
SELECT pg_temp.left_in('Fund of 1');
-- where book and venue share a schema, one goes before the other
SELECT margin.drop_venue('east');
SELECT margin.drop_book('clients');
BEGIN;
SELECT margin.drop_book('east');
SELECT venue FROM margin.venues ORDER BY 1;
SELECT (east.about()).*;
SELECT to_regclass('east.balance') IS NULL AS book_gone, (SELECT count(*) FROM east.asset) AS assets, (SELECT count(*) FROM margin.assets(east.market())) AS priced;
SELECT margin.create_book('east');
SELECT margin.drop_book('east');
SELECT margin.drop_venue('east');
SELECT pg_temp.left_in('east');
ROLLBACK;
-- what others have built on it is not dropped along
CREATE VIEW bank.report AS SELECT account_id, equity FROM east.account_margin;
SELECT margin.drop_book('east');
SELECT count(*) > 0 AS still_there FROM bank.report;
DROP VIEW bank.report;
-- nor what stands beside
CREATE TABLE bureau.mine (note text);
SELECT margin.drop_book('bureau');
SELECT pg_temp.left_in('bureau');
DROP TABLE bureau.mine;
SELECT margin.drop_venue('occident');
SELECT pg_temp.left_in('occident');
SELECT book, venue FROM margin.books;

-- ---------------------------------------------------------------------------
-- Brought up to date
-- ---------------------------------------------------------------------------

SELECT * FROM margin.upgrade_book('east');
SELECT * FROM margin.upgrade_venue('east');
BEGIN;
CREATE TEMP TABLE kept AS SELECT * FROM east.account_margin;
-- what is not there is made again; what was changed is named and left
DROP VIEW east.account_stress;
DROP TRIGGER append_only ON east.parameter_event;
DROP TABLE east.admitted_owner;
CREATE OR REPLACE VIEW east.unpriced WITH (security_invoker = true) AS SELECT * FROM east.account_margin WHERE level = 'unpriced' AND account_id < 100;
CREATE OR REPLACE FUNCTION east.scenarios() RETURNS margin.price_move[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp RETURN NULL::margin.price_move[];
ALTER VIEW east.account_position SET (security_barrier = true);
ALTER TABLE east.balance ADD note text;
ALTER TABLE east.asset DISABLE TRIGGER journal;
ALTER TABLE east.position DISABLE TRIGGER set_side;
CREATE INDEX mine ON east.balance (asset);
ALTER TABLE east.account_level ENABLE ROW LEVEL SECURITY;
GRANT SELECT ON east.account_margin TO PUBLIC;
CREATE VIEW bank.report AS SELECT account_id, equity FROM east.undercollateralized;
SELECT * FROM margin.upgrade_book('east');
SELECT * FROM margin.upgrade_venue('east');
SELECT * FROM margin.upgrade_book('east');
SELECT pg_get_viewdef('east.unpriced') ~ '100' AS left_as_it_is, east.scenarios() IS NULL AS this_too, to_regclass('east.account_stress') IS NOT NULL AS made,
       obj_description('east.account_stress'::regclass) IS NOT NULL AS described;
SELECT * FROM margin.upgrade_book('east', overwrite => true);
SELECT * FROM margin.upgrade_venue('east', overwrite => true);
SELECT pg_get_viewdef('east.unpriced') ~ '100' AS left_as_it_is, east.scenarios() IS NULL AS this_too;
SELECT * FROM margin.upgrade_book('east', overwrite => true);
-- what is switched off stays off; rows, columns, indexes, policies and rights stay
SELECT tgname, tgrelid::regclass, tgenabled FROM pg_trigger WHERE (tgrelid, tgname) IN (('east.asset'::regclass, 'journal'), ('east.position'::regclass, 'set_side')) ORDER BY tgname DESC;
SELECT count(*) AS triggers, count(*) FILTER (WHERE tgenabled = 'D') AS off FROM pg_trigger WHERE tgrelid = 'east.balance'::regclass AND NOT tgisinternal;
SELECT (SELECT count(*) FROM (TABLE kept EXCEPT TABLE east.account_margin) AS d) AS changed, (SELECT count(note) FROM east.balance) AS notes, to_regclass('east.mine') AS index,
       (SELECT relrowsecurity FROM pg_class WHERE oid = 'east.account_level'::regclass) AS policies, has_table_privilege('public', 'east.account_margin', 'SELECT') AS granted,
       (SELECT count(*) > 0 FROM bank.report) AS reported;
-- a view of other columns cannot be replaced
DROP VIEW bank.report;
DROP VIEW east.undercollateralized;
CREATE VIEW east.undercollateralized AS SELECT 1 AS account_id;
SELECT * FROM margin.upgrade_book('east', overwrite => true);
ROLLBACK;
-- of an older release
BEGIN;
CREATE OR REPLACE FUNCTION east.about() RETURNS margin.about LANGUAGE sql IMMUTABLE
RETURN ROW('0.9'::text, 'east'::regnamespace, 'east.balance'::regclass, 'east.position'::regclass, 'east.open_order'::regclass)::margin.about;
SELECT venue, release FROM margin.venues;
SELECT * FROM margin.upgrade_book('east');
SELECT book, release FROM margin.books;
ROLLBACK;
SELECT * FROM margin.upgrade_book('bank');
SELECT * FROM margin.upgrade_venue(NULL);

-- ---------------------------------------------------------------------------
-- Refused
-- ---------------------------------------------------------------------------

CREATE ROLE regress_margin_one;
CREATE ROLE regress_margin_two;
CREATE SCHEMA regress_margin_one AUTHORIZATION regress_margin_one;
CREATE SCHEMA regress_margin_two AUTHORIZATION regress_margin_two;
CREATE FUNCTION pg_temp.try(command text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE 'SELECT margin.' || command;
    RAISE EXCEPTION SQLSTATE 'UNDO0';
EXCEPTION
    WHEN SQLSTATE 'UNDO0' THEN
        RETURN 'accepted';
    WHEN others THEN
        RETURN SQLSTATE || ' ' || SQLERRM;
END
$$;
CREATE SCHEMA "Name";
\pset format unaligned
SELECT command, pg_temp.try(command) FROM unnest(ARRAY[
    -- names
    $$create_venue('margin')$$, $$create_venue('margin_internal')$$, $$create_venue('margin2')$$, $$create_book('marginal')$$, $$create_book('pg_catalog')$$,
    $$create_venue('pg_toast')$$, $$create_book('information_schema')$$, $$create_venue('nowhere')$$, $$create_book('nowhere')$$, $$create_venue(NULL)$$, $$create_book(NULL)$$,
    $$create_venue('"Name"')$$, $$create_venue('name')$$, $$create_venue('Name')$$, $$create_book('Name')$$,
    -- owners, of whom a superuser is none but for his own
    $$create_venue('regress_margin_one')$$, $$create_book('regress_margin_one')$$, $$create_book('regress_margin_one', 'east')$$,
    -- venues and books that are there, or not
    $$create_venue('east')$$, $$create_book('east')$$, $$create_book('Name', 'nowhere')$$, $$create_book('Name', 'bank')$$, $$create_book('Name', 'EAST')$$, $$create_book('Name', 'east')$$,
    $$upgrade_venue('nowhere')$$, $$upgrade_book('nowhere')$$, $$upgrade_book('bank')$$, $$upgrade_venue('bank')$$, $$upgrade_book('margin')$$,
    $$refresh_levels('nowhere')$$, $$refresh_levels(NULL)$$, $$set_prices('bank', '{}')$$, $$load_published('nowhere')$$,
    -- kinds of keys
    $$create_book('Name', 'east', 'bank.wallet', 'bank.trade', balance_account => 'client::text', balance_asset => 'coin', balance_quantity => 'amount', position_account => 'client', position_entry_price => 'price', position_leverage => NULL)$$,
    $$create_book('Name', 'east', 'bank.wallet', orders => 'east.open_order', balance_account => 'client', balance_asset => 'coin', balance_quantity => 'amount')$$,
    $$create_book('Name', 'east', account_type => 'json')$$, $$create_book('Name', 'east', account_type => 'numeric')$$, $$create_book('Name', 'east', account_type => 0)$$,
    $$create_book('Name', 'east', account_type => NULL)$$]) AS command;
\pset format aligned
-- a venue and a book in one schema belong together
CREATE SCHEMA other;
SELECT margin.create_venue('other');
SELECT pg_temp.try($$create_book('other', 'east')$$), pg_temp.try($$create_book('other', 'other')$$), pg_temp.try($$create_venue('clients')$$);
DROP SCHEMA other CASCADE;
-- others may create there, or have
CREATE SCHEMA other;
GRANT CREATE ON SCHEMA other TO regress_margin_one;
SELECT pg_temp.try($$create_venue('other')$$), pg_temp.try($$create_book('other')$$);
REVOKE CREATE ON SCHEMA other FROM regress_margin_one;
GRANT CREATE ON SCHEMA other TO PUBLIC;
SELECT pg_temp.try($$create_venue('other')$$);
REVOKE CREATE ON SCHEMA other FROM PUBLIC;
SELECT pg_temp.try($$create_venue('other')$$);
-- an operator that fits better than the one that is meant
CREATE FUNCTION other.never(numeric, integer) RETURNS boolean LANGUAGE sql RETURN true;
CREATE OPERATOR other.>= (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = other.never);
ALTER OPERATOR other.>= (numeric, integer) OWNER TO regress_margin_one;
SELECT pg_temp.try($$create_venue('other')$$);
DROP OPERATOR other.>= (numeric, integer);
ALTER FUNCTION other.never(numeric, integer) OWNER TO regress_margin_one;
SELECT pg_temp.try($$create_book('other')$$);
DROP FUNCTION other.never(numeric, integer);
CREATE TABLE other.asset ();
ALTER TABLE other.asset OWNER TO regress_margin_one;
SELECT pg_temp.try($$create_book('other', 'east')$$);
DROP TABLE other.asset;
CREATE DOMAIN other.text AS pg_catalog.text;
ALTER DOMAIN other.text OWNER TO regress_margin_one;
SELECT pg_temp.try($$create_book('other', 'east')$$);
DROP DOMAIN other.text;
-- nor is a venue or a book brought up to date then
CREATE TABLE east.planted ();
ALTER TABLE east.planted OWNER TO regress_margin_one;
SELECT pg_temp.try($$upgrade_book('east')$$), pg_temp.try($$upgrade_venue('east')$$), pg_temp.try($$drop_book('east')$$), pg_temp.try($$create_book('other', 'east')$$);
DROP TABLE east.planted;
-- a temporary table takes no name from it
CREATE TEMP TABLE asset (asset text);
CREATE TEMP TABLE balance (account_id bigint, asset text, quantity numeric);
SELECT margin.create_book('other');
SELECT count(*) FROM pg_depend WHERE refobjid IN ('pg_temp.asset'::regclass, 'pg_temp.balance'::regclass) AND classid IN ('pg_rewrite'::regclass, 'pg_constraint'::regclass, 'pg_proc'::regclass);
SELECT relpersistence, count(*) > 50 AS all FROM pg_class WHERE relnamespace = 'other'::regnamespace GROUP BY 1;
SET search_path = pg_temp, other;
SELECT margin.set_prices('other', ARRAY['BTC'], ARRAY[1]);
SELECT margin.load_published('other'), (SELECT count(*) FROM pg_temp.asset) AS strayed;
RESET search_path;
DROP TABLE pg_temp.asset, pg_temp.balance;
DROP SCHEMA other, "Name" CASCADE;

-- somebody else's venue: his functions run as whoever reads the book
SET ROLE regress_margin_one;
SELECT margin.create_book('regress_margin_one');
SELECT margin.load_published('regress_margin_one');
GRANT USAGE ON SCHEMA regress_margin_one TO PUBLIC;
SET ROLE regress_margin_two;
SELECT pg_temp.try($$create_book('regress_margin_two', 'regress_margin_one')$$), pg_temp.try($$create_book('regress_margin_two', 'regress_margin_one', trust => NULL)$$);
-- a superuser's is trusted as he is
RESET ROLE;
GRANT USAGE ON SCHEMA east TO regress_margin_two;
SET ROLE regress_margin_two;
SELECT pg_temp.try($$create_book('regress_margin_two', 'east')$$);
SELECT margin.create_book('regress_margin_two', 'regress_margin_one', trust => true);
SELECT book, venue, owner FROM margin.books ORDER BY book;
SELECT pg_temp.try($$upgrade_book('regress_margin_one')$$), pg_temp.try($$drop_book('regress_margin_one')$$), pg_temp.try($$drop_venue('regress_margin_one')$$), pg_temp.try($$upgrade_venue('east')$$);
SET ROLE regress_margin_one;
SELECT pg_temp.try($$drop_venue('regress_margin_one')$$), pg_temp.try($$drop_book('regress_margin_two')$$);

-- ---------------------------------------------------------------------------
-- A reader
-- ---------------------------------------------------------------------------

RESET ROLE;
CREATE ROLE regress_margin_reader;
SET ROLE regress_margin_one;
SELECT applied FROM margin.set_prices('regress_margin_one', '{"assets": {"BTC": 50000, "USDT": 1}}');
SET ROLE regress_margin_two;
INSERT INTO regress_margin_two.balance VALUES (1, 'BTC', 2), (2, 'USDT', 5), (3, 'USDT', -1);
GRANT USAGE ON SCHEMA regress_margin_two TO regress_margin_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA regress_margin_two TO regress_margin_reader;
-- the owner of the book himself needs what the owner of the venue grants
SELECT account_id, equity FROM regress_margin_two.account_margin;
SET ROLE regress_margin_reader;
SELECT account_id, equity FROM regress_margin_two.account_margin;
SELECT * FROM regress_margin_two.account_margin(1);
SELECT * FROM regress_margin_two.report_levels;
-- nor has he a market of his own that he may not use
SELECT account_id, level FROM regress_margin_two.account_margin(1, '{}');
RESET ROLE;
GRANT EXECUTE ON FUNCTION regress_margin_one.market() TO regress_margin_two, regress_margin_reader;
-- nor need he see the schema of the venue
REVOKE USAGE ON SCHEMA regress_margin_one FROM PUBLIC;
SET ROLE regress_margin_reader;
SELECT account_id, equity, level FROM regress_margin_two.account_margin ORDER BY 1;
SELECT account_id, equity, level FROM regress_margin_two.account_margin(1);
SELECT account_id, asset, collateral_value FROM regress_margin_two.account_collateral ORDER BY 1;
SELECT count(*) > 0 AS explained FROM regress_margin_two.explain_text(1);
SELECT level, accounts FROM regress_margin_two.report_levels WHERE accounts > 0;
SELECT count(*) FROM regress_margin_one.asset;
SELECT (SELECT count(*) FROM margin.venues) AS venues, (SELECT count(*) FROM margin.books) AS books;
SELECT regress_margin_one.market();
SELECT count(*) FROM regress_margin_two.account_stress;
INSERT INTO regress_margin_two.balance VALUES (4, 'USDT', 1);
-- the guard reads the market as the owner of the book, who needs to be granted that
SET ROLE regress_margin_two;
SELECT margin.enable_guard('regress_margin_two');
UPDATE regress_margin_two.balance SET quantity = 4 WHERE account_id = 2;
SET ROLE regress_margin_one;
GRANT EXECUTE ON FUNCTION regress_margin_one.market(), regress_margin_one.release_ratios(), regress_margin_one.pausing_prices() TO regress_margin_two;
SET ROLE regress_margin_two;
UPDATE regress_margin_two.balance SET quantity = 3 WHERE account_id = 2;
UPDATE regress_margin_two.balance SET quantity = -3 WHERE account_id = 2;
SELECT margin.refresh_levels('regress_margin_two');
SELECT account_id, level FROM regress_margin_two.account_level ORDER BY 1;

-- ---------------------------------------------------------------------------
-- Prices that refresh the books of others
-- ---------------------------------------------------------------------------

-- code in another owner's book would run as whoever sets the prices, here a superuser
CREATE TABLE regress_margin_two.trapped (who name, level margin.level);
CREATE FUNCTION regress_margin_two.trap() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO regress_margin_two.trapped VALUES (current_user, NEW.level);
    RETURN NULL;
END
$$;
CREATE TRIGGER trap AFTER INSERT OR UPDATE ON regress_margin_two.account_level FOR EACH ROW EXECUTE FUNCTION regress_margin_two.trap();
RESET ROLE;
SELECT margin.refresh_levels('regress_margin_one');
SELECT applied, ignored, level_changes, not_refreshed FROM margin.set_prices('regress_margin_one', '{"assets": {"USDC": 1}}', refresh => true);
SELECT * FROM regress_margin_two.trapped;
-- the owner of the venue says whom he trusts; nobody else does
SET ROLE regress_margin_two;
INSERT INTO regress_margin_one.admitted_owner VALUES ('regress_margin_two');
SET ROLE regress_margin_one;
INSERT INTO regress_margin_one.admitted_owner VALUES ('regress_margin_two');
-- which gives him no right on their books
SELECT applied, ignored, level_changes, not_refreshed FROM margin.set_prices('regress_margin_one', '{"assets": {"USDC": 1.01}}', refresh => true);
RESET ROLE;
UPDATE regress_margin_two.balance SET quantity = 1 WHERE account_id = 3;
SELECT applied, ignored, level_changes, not_refreshed FROM margin.set_prices('regress_margin_one', '{"assets": {"USDT": 1.01}}', refresh => true);
SELECT * FROM regress_margin_two.trapped;
DELETE FROM regress_margin_one.admitted_owner;
-- whoever has the rights of the owner of the venue could set its prices himself
GRANT regress_margin_one TO regress_margin_two;
ALTER TABLE regress_margin_two.balance DISABLE TRIGGER USER;
UPDATE regress_margin_two.balance SET quantity = -1 WHERE account_id = 3;
SELECT applied, ignored, level_changes, not_refreshed FROM margin.set_prices('regress_margin_one', '{"assets": {"USDT": 1}}', refresh => true);
SELECT * FROM regress_margin_two.trapped;
REVOKE regress_margin_one FROM regress_margin_two;

-- ---------------------------------------------------------------------------
-- Open orders of another table
-- ---------------------------------------------------------------------------

CREATE TABLE bank.ticket (account_id bigint, contract text, quantity numeric, price numeric, leverage numeric);
SELECT margin.create_book('clients', 'east', 'east.balance', orders => 'bank.ticket');
SELECT count(*) FROM clients.account_margin;
INSERT INTO bank.ticket VALUES (1, 'BTC_USDT', 1, 60000, NULL);
SELECT kind, count(*) FROM clients.holding GROUP BY 1 ORDER BY 1;
SELECT count(*) FROM clients.account_margin;
SELECT count(*) FROM clients.account_margin(2);
SELECT contract, side, quantity, price FROM clients.account_order WHERE account_id = 1;

DROP SCHEMA east, west, desk, fund, clients, bank, bureau, occident, "Fund of 1", regress_margin_one, regress_margin_two CASCADE;
DROP ROLE regress_margin_one, regress_margin_two, regress_margin_reader;
