-- cluster: a book whose accounts live on shards, read and asked through postgres_fdw

CREATE FUNCTION margin_internal.require_cluster(book name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT margin_internal.is_cluster(book) THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type',
            MESSAGE = format('book "%s" has no shards', book),
            HINT = 'margin.create_cluster() makes a book that has.';
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.require_cluster(name) IS 'an error for a book that is no cluster';

-- ---------------------------------------------------------------------------
-- Foreign tables
-- ---------------------------------------------------------------------------

-- What a cluster reads of each account, by relations of the shard of the same
-- name, and what it reads of each shard as a whole.
CREATE FUNCTION margin_internal.cluster_parts(OUT name text, OUT remote text, OUT by_account boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT a.name, a.name, true
      FROM unnest('{balance,position,open_order,holding,ordered_holding,flawed_holding,account,account_portfolio,kept_portfolio,reported_portfolio,account_level,level_event,guard_exception,repayment_entry,accrual_event,account_snapshot}'::text[]) AS a (name)
    UNION ALL
    SELECT w.name, coalesce(w.remote, w.name), false
      FROM (VALUES ('shard_market', 'published_market'), ('shard_status', NULL), ('shard_request', NULL), ('shard_house', NULL),
                   ('shard_levels', 'report_levels'), ('shard_concentration', 'report_concentration'), ('shard_exposure', 'report_exposure'),
                   ('shard_stress', NULL), ('shard_snapshot', 'snapshot'),
                   ('interest_hour', NULL), ('funding_settlement', NULL), ('accrual_house', NULL), ('book_rule', NULL)) AS w (name, remote);
END;
COMMENT ON FUNCTION margin_internal.cluster_parts() IS 'the relations of a cluster that are made of foreign tables: the relation of the shards that each shows, and whether an account has its rows on one shard';

CREATE FUNCTION margin_internal.attach_shard(book name, part text, present_shard integer) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    place record;
    source record;
    child CONSTANT name := format('%s_shard%s', part, present_shard);
BEGIN
    PERFORM margin_internal.enter_book(book);
    SELECT s.* INTO STRICT place FROM shard AS s WHERE s.shard = present_shard;
    SELECT p.* INTO STRICT source FROM margin_internal.cluster_parts() AS p WHERE p.name = part;
    EXECUTE format('CREATE FOREIGN TABLE %I %s SERVER %I OPTIONS (schema_name %L, table_name %L, async_capable ''true'', fetch_size ''10000'', batch_size ''1000'')', child,
                   CASE WHEN source.by_account THEN format('PARTITION OF %I FOR VALUES WITH (MODULUS %s, REMAINDER %s)', part, place.modulus, place.remainder)
                        ELSE format('() INHERITS (%I)', part) END,
                   place.server, (cluster_book()).remote, source.remote);
    -- What comes back of a group is told to be less than goes in, or the planner
    -- would as soon fetch the portfolios and value them here.
    IF part IN ('ordered_holding', 'account_portfolio', 'reported_portfolio', 'kept_portfolio') THEN
        EXECUTE format('ALTER FOREIGN TABLE %I ALTER account_id SET (n_distinct = -0.2)', child);
    END IF;
    EXECUTE format('COMMENT ON FOREIGN TABLE %I IS %L', child, format('%s of shard %s', source.remote, present_shard));
END
$$;
COMMENT ON FUNCTION margin_internal.attach_shard(name, text, integer) IS 'makes the foreign table through which a relation of a cluster reads one shard';

-- The table that a script makes, by itself, becomes one that is divided by the
-- account; the shards hold what it is constrained to.
CREATE FUNCTION margin_internal.divide(book name, part text) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM set_config('search_path', format('%I, pg_temp', book), true);
    EXECUTE format('ALTER TABLE %I RENAME TO shape', part);
    EXECUTE format('CREATE TABLE %I (LIKE shape INCLUDING COMMENTS INCLUDING DEFAULTS) PARTITION BY HASH (account_id)', part);
    EXECUTE format('COMMENT ON TABLE %I IS %L', part, coalesce(obj_description('shape'::regclass, 'pg_class'), part || ' of the shards'));
    EXECUTE 'DROP TABLE shape';
END
$$;
COMMENT ON FUNCTION margin_internal.divide(name, text) IS 'makes a table of a cluster one whose rows are on the shards of their accounts';

CREATE FUNCTION margin_internal.refuse_rows() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME,
        MESSAGE = format('rows of "%s" are on the shards', TG_TABLE_NAME),
        HINT = 'Enter them there.';
END
$$;
COMMENT ON FUNCTION margin_internal.refuse_rows() IS 'trigger: a table of a cluster that shows those of the shards has no rows of its own';

-- ---------------------------------------------------------------------------
-- Making one
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.check_server(server name) RETURNS void
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
BEGIN
    SELECT w.fdwname AS wrapper, (SELECT o.option_value FROM pg_options_to_table(f.srvoptions) AS o WHERE o.option_name = 'extensions') AS extensions
      INTO present FROM pg_foreign_server AS f JOIN pg_foreign_data_wrapper AS w ON w.oid = f.srvfdw WHERE f.srvname = server;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('there is no foreign server "%s"', server),
            HINT = format('CREATE SERVER %I FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host ..., dbname ..., extensions ''margin'');', server);
    ELSIF present.wrapper <> 'postgres_fdw' THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('server "%s" is one of %s, not of postgres_fdw', server, present.wrapper);
    ELSIF NOT 'margin' = ANY (regexp_split_to_array(coalesce(present.extensions, ''), ' *, *')) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('server "%s" does not say that it has the extension margin', server),
            DETAIL = 'Without that no valuation would be computed there.',
            HINT = format('ALTER SERVER %I OPTIONS (ADD extensions ''margin'');', server);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.check_server(name) IS 'an error unless a shard may be reached through a foreign server: it is one of postgres_fdw whose option extensions names margin';

-- The paragraph of a book as a cluster has it: an own one in its place, a table
-- in place of a view that the shards have, nothing, or the same.
CREATE FUNCTION margin_internal.cluster_paragraph(made record, own text[]) RETURNS text[]
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    replaced CONSTANT text := (SELECT o.paragraph FROM margin_internal.script_objects(own) AS o WHERE o.kind = made.kind AND o.name = made.name);
    changed text;
BEGIN
    IF made.kind = 'view' AND made.name IN ('account', 'account_portfolio', 'kept_portfolio', 'reported_portfolio') THEN
        RETURN ARRAY[format('CREATE TABLE %I (LIKE account_key%s)', made.name, CASE WHEN made.name = 'account' THEN '' ELSE ', portfolio margin.portfolio' END)];
    ELSIF made.name IN ('level_basis', 'level_epoch', 'repay') OR made.kind = 'trigger' AND made.relation NOT IN ('snapshot', 'report_run') THEN
        RETURN '{}';
    ELSIF replaced IS NOT NULL AND made.kind = 'function' THEN
        RETURN ARRAY[replace(replace(made.paragraph, 'FUNCTION ' || made.name || '(', 'FUNCTION central_' || made.name || '('), made.name || '.', 'central_' || made.name || '.'), replaced];
    ELSIF replaced IS NOT NULL THEN
        RETURN ARRAY[replaced];
    END IF;
    changed := CASE
        -- the view asks each shard, the table of portfolios the one that has the account
        WHEN made.kind = 'function' AND made.name = 'account_margin' AND made.paragraph NOT LIKE '%market margin.market)%' THEN
            replace(made.paragraph, 'SELECT a.* FROM account_margin AS a WHERE a.account_id = account_margin.account_id OFFSET 0;',
                    'SELECT p.account_id, (v).* FROM account_portfolio AS p CROSS JOIN LATERAL (SELECT margin.evaluate(p.portfolio, venue_market()) AS v OFFSET 0) AS valued
                      WHERE p.account_id = account_margin.account_id OFFSET 0;')
        WHEN made.kind = 'function' AND made.name = 'report_exposed_assets' THEN
            replace(made.paragraph, 'FROM portfolios(as_of) AS p',
                    'FROM (SELECT h.portfolio FROM shard_house AS h WHERE as_of IS NULL UNION ALL SELECT q.portfolio FROM portfolios(as_of) AS q WHERE as_of IS NOT NULL) AS p')
        WHEN made.kind = 'function' AND made.name IN ('report_shortfalls', 'report_losses', 'report_unpriced', 'report_worst') THEN
            replace(made.paragraph, 'account_margin_at(as_of) AS', 'concern_at(as_of) AS') END;
    IF changed = made.paragraph THEN
        RAISE EXCEPTION '% does not read what a cluster replaces', made.name;
    END IF;
    RETURN ARRAY[coalesce(changed, made.paragraph)];
END
$$;
COMMENT ON FUNCTION margin_internal.cluster_paragraph(record, text[]) IS 'the statements that a cluster has in place of one of the script of books';

CREATE FUNCTION margin_internal.run_cluster_script(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    own CONSTANT text[] := margin_internal.cluster_script();
    script CONSTANT text[] := ARRAY(SELECT f.paragraph FROM margin_internal.script_objects(margin_internal.facts_script()) AS f WHERE f.kind = 'table' ORDER BY f.n)
        || 'CREATE TABLE holding (LIKE account_key, symbol text, quantity numeric, entry_price numeric, leverage numeric, kind margin.holding_kind)'::text
        || 'CREATE TABLE ordered_holding (LIKE holding)'::text
        || 'CREATE TABLE flawed_holding (LIKE account_key, kind margin.holding_kind, symbol text, quantity numeric, entry_price numeric, leverage numeric, flaw text)'::text
        || margin_internal.book_script();
    made record;
BEGIN
    -- those that take no other's place, and stand before what reads them
    PERFORM margin_internal.run_script(book, ARRAY(SELECT o.paragraph FROM margin_internal.script_objects(own) AS o
                                                    WHERE o.kind = 'table' OR o.name IN ('send_market', 'same_market', 'house') ORDER BY o.n));
    FOR made IN SELECT o.* FROM margin_internal.script_objects(script) AS o ORDER BY o.n LOOP
        -- what reports of the worst read stands after what it reads itself
        IF made.name = 'report_levels' AND made.kind = 'function' THEN
            PERFORM margin_internal.run_script(book, ARRAY(SELECT o.paragraph FROM margin_internal.script_objects(own) AS o
                                                            WHERE o.name IN ('reported_concern', 'concern_at') ORDER BY o.n));
        END IF;
        PERFORM margin_internal.run_script(book, margin_internal.cluster_paragraph(made, own));
        IF made.kind IN ('table', 'view') AND made.name IN (SELECT p.name FROM margin_internal.cluster_parts() AS p WHERE p.by_account) THEN
            PERFORM margin_internal.divide(book, made.name);
        END IF;
    END LOOP;
    PERFORM margin_internal.run_script(book, ARRAY(
        SELECT format('CREATE TRIGGER refuse_rows BEFORE INSERT ON %I FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.refuse_rows()', p.name)
          FROM margin_internal.cluster_parts() AS p WHERE NOT p.by_account));
END
$$;
COMMENT ON FUNCTION margin_internal.run_cluster_script(name) IS 'makes in a schema what a book has, over tables that are divided among shards';

CREATE FUNCTION margin_internal.valued_fields(valuation text) RETURNS text
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT string_agg(CASE f.attname WHEN 'level' THEN format('margin_internal.valued_level(%s) AS level', valuation)
                                     WHEN 'missing' THEN format('margin_internal.valued_missing(%s) AS missing', valuation)
                                     ELSE format('margin_internal.valued_amount(%s, %s) AS %I', valuation, f.attnum, f.attname) END, ', ' ORDER BY f.attnum)
      FROM pg_catalog.pg_attribute AS f
     WHERE f.attrelid = 'margin.valuation'::regclass AND f.attnum > 0 AND NOT f.attisdropped;
END;
COMMENT ON FUNCTION margin_internal.valued_fields(text) IS 'the fields of a valuation, an expression, as columns of a query that shards can compute';

-- A planner that groups the divided table knows too little of it to leave the
-- work to the shards; one that groups each shard's part by itself does.  A
-- composite would travel whole, as text within text; so each field is a column,
-- of which those travel that are asked for.  The market is one and the same
-- parameter of all.
CREATE FUNCTION margin_internal.spread_views(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    view record;
    branches text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    FOR view IN
        SELECT o.paragraph, m.part[1] AS branch, m.part[2] AS valuation, m.part[3] AS relation
          FROM margin_internal.script_objects(margin_internal.cluster_script()) AS o,
               LATERAL regexp_match(o.paragraph, 'FROM [(](SELECT p.account_id, (margin.evaluate[(].*[)]) AS v[[:space:]]+FROM ([a-z_]+) AS p GROUP BY .*)[)] AS valued;') AS m (part)
         WHERE o.kind = 'view' AND m.part IS NOT NULL ORDER BY o.n
    LOOP
        branches := replace(view.branch, view.valuation || ' AS v', margin_internal.valued_fields(view.valuation));
        branches := (SELECT string_agg(replace(branches, format('FROM %s AS p', view.relation), format('FROM %s_shard%s AS p', view.relation, s.shard)),
                                       ' UNION ALL ' ORDER BY s.shard) FROM shard AS s);
        branches := replace(branches, '(SELECT venue_market())', 'm.market');
        EXECUTE replace(replace(replace(view.paragraph, 'FROM (' || view.branch, 'FROM venue_market() AS m (market), LATERAL (' || branches),
                                '(v).', 'valued.'), 'CREATE VIEW', 'CREATE OR REPLACE VIEW');
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.spread_views(name) IS 'makes the views of a cluster that are valued on the shards again, a part for each shard';

-- What a book over a published market refuses is there, where the venue is.
CREATE FUNCTION margin_internal.create_cluster_bridges(book name, venue name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.create_market_source(book, format('%I.published_market', venue)::regclass);
    PERFORM margin_internal.create_bridges(book, book);
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$I.venue_market_at(as_of timestamptz) RETURNS margin.market LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %2$I.market(as_of)', book, venue);
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$I.venue_past_market(as_of timestamptz) RETURNS margin.market LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %2$I.past_market(as_of)', book, venue);
    EXECUTE format('CREATE OR REPLACE FUNCTION %1$I.venue_planned_change() RETURNS timestamptz LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN %2$I.planned_change()', book, venue);
END
$$;
COMMENT ON FUNCTION margin_internal.create_cluster_bridges(name, name) IS 'makes the functions by which a cluster reads its venue: the present market as it is published';

CREATE FUNCTION margin_internal.enter_shard(book name, server name, modulus integer, remainder integer) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    entered integer;
BEGIN
    PERFORM margin_internal.enter_book(book);
    INSERT INTO shard (shard, server, modulus, remainder)
    SELECT coalesce(max(s.shard), 0) + 1, enter_shard.server, enter_shard.modulus, enter_shard.remainder FROM shard AS s RETURNING shard.shard INTO entered;
    PERFORM margin_internal.attach_shard(book, p.name, entered) FROM margin_internal.cluster_parts() AS p;
    BEGIN
        EXECUTE format('INSERT INTO %I (command, argument) VALUES (''keep_part'', $1)', 'shard_request_shard' || entered)
          USING jsonb_build_object('modulus', enter_shard.modulus, 'remainder', enter_shard.remainder);
    EXCEPTION WHEN undefined_table THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_object', MESSAGE = format('server "%s" leads to no shard "%s"', enter_shard.server, (cluster_book()).remote),
            DETAIL = SQLERRM,
            HINT = format('There: CREATE EXTENSION margin; CREATE SCHEMA %1$I; SELECT margin.create_shard(%1$L, %2$L);', (cluster_book()).remote,
                          (SELECT a.atttypid::regtype FROM pg_attribute AS a WHERE a.attrelid = 'balance'::regclass AND a.attname = 'account_id'));
    END;
    RETURN entered;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_shard(name, name, integer, integer) IS 'adds a shard to a cluster that has no other one for that part of the accounts, and has it refuse all others; returns its number';

CREATE FUNCTION margin.create_cluster(
    book name, venue name, servers name[], account_type regtype DEFAULT 'bigint', shard_book name DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    count CONSTANT integer := cardinality(servers);
BEGIN
    PERFORM margin_internal.check_schema(book);
    IF EXISTS (SELECT FROM margin_internal.schemas AS s WHERE s.name = book) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('schema "%s" is a venue or book already', book),
            HINT = 'A cluster needs a schema of its own.';
    END IF;
    IF account_type IS NULL OR count IS NULL OR array_position(servers, NULL) IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a cluster needs servers and a type of account keys';
    ELSIF count = 0 OR count > (SELECT count(DISTINCT s) FROM unnest(servers) AS s) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'the servers of a cluster are at least one, and each another one';
    END IF;
    PERFORM margin_internal.check_server(s) FROM unnest(servers) AS s;
    PERFORM margin_internal.enter_venue(venue);
    PERFORM margin_internal.check_schema(venue);

    PERFORM margin_internal.run_script(book, ARRAY[
        format('CREATE TABLE account_key (account_id %s)', account_type),
        format($body$CREATE FUNCTION cluster_book(OUT remote name, OUT modulus integer) LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE RETURN ROW(%L::name, %s)$body$, coalesce(shard_book, book), count),
        'COMMENT ON FUNCTION cluster_book() IS ''the schema that the book is in on each shard, and how many shards there were at first'''::text]);
    PERFORM margin_internal.create_cluster_bridges(book, venue);
    PERFORM margin_internal.run_cluster_script(book);
    EXECUTE format('DROP TABLE %I.account_key', book);
    PERFORM margin_internal.comment_valuation_columns(book);
    PERFORM margin_internal.describe(book, venue, format('%I.balance', book)::regclass, format('%I.position', book)::regclass,
                                     format('%I.open_order', book)::regclass);
    PERFORM margin_internal.keep_out_of_workers(book);
    PERFORM margin_internal.enter_shard(book, s.server, count, (s.n - 1)::integer) FROM unnest(servers) WITH ORDINALITY AS s (server, n) ORDER BY s.n;
    PERFORM margin_internal.spread_views(book);
    EXECUTE format('CREATE TRIGGER %I AFTER INSERT OR UPDATE ON %I.published_market FOR EACH ROW EXECUTE FUNCTION %I.send_market()', 'send to ' || book, venue, book);
    EXECUTE format('COMMENT ON TRIGGER %I ON %I.published_market IS %L', 'send to ' || book, venue, 'the market goes to the shards of the cluster');
    PERFORM margin.enable_publishing(venue, edits => true);
    PERFORM margin.analyze_cluster(book);
END
$$;
COMMENT ON FUNCTION margin.create_cluster(name, name, name[], regtype, name) IS
'makes in a schema of the caller a book whose accounts live on shards, which are books made by create_shard() in the databases that foreign servers of postgres_fdw lead to, in a schema shard_book there (null: of the same name). An account is on the shard that the hash of its key names. The venue is here and the caller''s; its market is published from now on, edits included, and goes to all shards. Errors where a server is not one of postgres_fdw with extensions ''margin'', cannot be reached, has no such book of the user it is reached as, or has rows of accounts that belong on another shard; from then on the shards refuse such rows';

CREATE FUNCTION margin.analyze_cluster(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    part text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    -- of nothing the planner would learn that there is nothing to be saved
    IF NOT EXISTS (SELECT FROM holding) THEN
        RETURN;
    END IF;
    FOR part IN SELECT p.name FROM margin_internal.cluster_parts() AS p
                 WHERE p.by_account AND p.name NOT IN ('kept_portfolio', 'account_snapshot') LOOP
        EXECUTE format('ANALYZE %I', part);
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.analyze_cluster(name) IS 'reads a sample of what the shards hold, by which the planner decides what to compute there: after rows have been loaded, and when accounts have become many times as many. Nothing where there are none';

-- ---------------------------------------------------------------------------
-- Asking shards
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.judge(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    SET CONSTRAINTS ALL IMMEDIATE;
    PERFORM margin_internal.ask_shards(book, 'hold_market');
    PERFORM margin_internal.ask_shards(book, 'judge');
END
$$;
COMMENT ON FUNCTION margin.judge(name) IS
'has every shard of a cluster judge now what the transaction wrote there, guard, levels and deferred constraints, as the last statement of a transaction across shards: if one refuses, nothing is written anywhere. Until the transaction ends no shard takes another market, so none judges again at its commit. For roles that may execute hold_market() and insert into shard_request on the shards';

CREATE FUNCTION margin_internal.same_market(shard_market regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present bigint;
    others text;
BEGIN
    PERFORM margin_internal.enter(shard_market);
    SELECT m.id INTO present FROM market_source AS m;
    SELECT string_agg(format('shard %s has market %s', s.shard, coalesce(m.id::text, 'none')), ', ' ORDER BY s.shard) INTO others
      FROM shard AS s LEFT JOIN shard_market AS m ON m.tableoid = to_regclass('shard_market_shard' || s.shard)
     WHERE m.id IS DISTINCT FROM present;
    IF others IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('the shards are not in the market of the coordinator, which is %s: %s', coalesce(present::text, 'none'), others),
            HINT = 'A transaction sees one market on each shard; begin another one, or margin.publish_market() sends the present one again.';
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION margin_internal.same_market(regclass) IS 'true, or an error where shards have another market than the coordinator';

CREATE FUNCTION margin_internal.send_market(shards regclass, id bigint, "at" timestamptz, valid_until timestamptz, market margin.market, release_ratios numeric[],
                                            pausing_prices jsonb, scenarios margin.price_move[], repayment_rules margin.repayment_rule[]) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    target name;
    written bigint;
BEGIN
    PERFORM margin_internal.enter(shards);
    FOR target IN SELECT 'shard_market_shard' || s.shard FROM shard AS s ORDER BY s.shard LOOP
        EXECUTE format('UPDATE %I SET id = $1, at = $2, valid_until = $3, market = $4, release_ratios = $5, pausing_prices = $6, scenarios = $7, repayment_rules = $8', target)
          USING id, "at", valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules;
        GET DIAGNOSTICS written = ROW_COUNT;
        IF written = 0 THEN
            EXECUTE format('INSERT INTO %I (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)', target)
              USING id, "at", valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules;
        END IF;
    END LOOP;
    PERFORM margin_internal.judge_first();
END
$$;
COMMENT ON FUNCTION margin_internal.send_market(regclass, bigint, timestamptz, timestamptz, margin.market, numeric[], jsonb, margin.price_move[], margin.repayment_rule[]) IS
'writes a published market to every shard of the cluster whose table shard that is';

CREATE FUNCTION margin.cluster_status(
    book name, OUT shard integer, OUT server name, OUT reachable boolean, OUT market_id bigint, OUT behind bigint, OUT lag interval, OUT valid boolean,
    OUT refreshed_at timestamptz, OUT accounts bigint, OUT levels jsonb, OUT clock_ahead interval, OUT error text
) RETURNS SETOF record
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 4
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    present record;
    found record;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.require_cluster(book);
    SELECT m.id, m.at INTO present FROM market_source AS m;
    FOR shard, server IN SELECT s.shard, s.server FROM shard AS s ORDER BY s.shard LOOP
        error := NULL;
        found := NULL;
        BEGIN
            EXECUTE format('SELECT * FROM %I', 'shard_status_shard' || shard) INTO STRICT found;
            reachable := true;
        EXCEPTION WHEN OTHERS THEN
            reachable := false;
            error := SQLERRM;
        END;
        IF reachable THEN
            market_id := found.market_id;
            behind := present.id - found.market_id;
            lag := CASE WHEN found.market_id = present.id THEN interval '0' ELSE clock_timestamp() - found.market_at END;
            valid := coalesce(found.valid_until > found.clock, false);
            refreshed_at := found.refreshed_at;
            accounts := found.accounts;
            levels := found.levels;
            clock_ahead := found.clock - clock_timestamp();
        ELSE
            market_id := NULL; behind := NULL; lag := NULL; valid := NULL; refreshed_at := NULL; accounts := NULL; levels := NULL; clock_ahead := NULL;
        END IF;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin.cluster_status(name) IS
'each shard of a cluster in a row: whether it can be reached, or else the error; the market it has, by how many publications and how long it is behind the coordinator, and whether it is still valid; when levels were last judged; accounts, in all and by kept level (null: none are kept); by how much its clock is ahead, the way there included';
