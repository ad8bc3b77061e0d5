-- levels: the level each account is kept at, and the journal of changes
--
-- A book is a schema with a view holding(account_id, symbol, quantity,
-- entry_price, leverage); create_levels() adds to it
--
--   account_level  one row per account that was ever judged,
--   level_event    one row per change.
--
-- An account begins as healthy.  Whoever judges an account to write its level
-- has locked it before, as lock_accounts() does, and judges in a later snapshot:
-- so each judgement sees all that earlier ones saw.  The guard holds the locks of
-- the accounts that a transaction wrote when it judges them.
--
-- Keys are compared in their own type, whatever it is, so that indexes serve.
-- Row security is off: it raises an error where it would hide rows, for an
-- account half seen would be judged wrongly.

-- ---------------------------------------------------------------------------
-- Judgement
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.held_level(previous margin.level, judged margin.level, equity numeric, maintenance_margin numeric,
                                  release_ratios numeric[])
RETURNS margin.level
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE
    WHEN judged IS NULL OR previous IS NULL OR previous = 'unpriced' OR judged >= previous OR judged >= 'liquidation'
         OR maintenance_margin = 0 THEN judged
    WHEN previous >= 'liquidation' AND maintenance_margin >= release_ratios[3] * equity THEN 'liquidation'
    WHEN previous >= 'margin_call' AND judged < 'margin_call' AND maintenance_margin >= release_ratios[2] * equity THEN 'margin_call'
    WHEN previous >= 'warning' AND judged < 'warning' AND maintenance_margin >= release_ratios[1] * equity THEN 'warning'
    ELSE judged
END;
COMMENT ON FUNCTION margin.held_level(margin.level, margin.level, numeric, numeric, numeric[]) IS
'the level of an account that was at previous and is judged now: the judged one, unless a level reached before is still held because maintenance_margin >= its release ratio * equity (both in USD, compared exactly); release_ratios as release_ratios() gives them, null elements hold nothing; nothing is held without maintenance margin, nor from unpriced; null where judged is null';

CREATE FUNCTION margin.release_ratios() RETURNS numeric[]
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(t.release_ratio ORDER BY l.level)
      FROM unnest(ARRAY['warning', 'margin_call', 'liquidation']::margin.level[]) AS l (level)
      LEFT JOIN margin.level_threshold AS t ON t.level = l.level;
END;
COMMENT ON FUNCTION margin.release_ratios() IS 'release ratios of warning, margin_call and liquidation, in this order, from level_threshold; null: a level is left as soon as its margin ratio is no longer reached';

CREATE FUNCTION margin.prices(portfolio margin.portfolio, market margin.market) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'assets', (SELECT coalesce(jsonb_object_agg(c.asset, c.price), '{}')
                     FROM margin.collateral(prices.portfolio, prices.market) AS c),
        'contracts', (SELECT coalesce(jsonb_object_agg(c.contract, c.mark_price), '{}')
                        FROM margin.positions(prices.portfolio, prices.market) AS c));
END;
COMMENT ON FUNCTION margin.prices(margin.portfolio, margin.market) IS 'the prices that value a portfolio, all digits: {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}}, of assets in USD, of contracts in their settlement asset, null where there is none; null for null';

-- ---------------------------------------------------------------------------
-- What a book keeps
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.key_type(book name) RETURNS regtype
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    type regtype;
BEGIN
    SELECT a.atttypid INTO type
      FROM pg_attribute AS a
     WHERE a.attrelid = (SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
                          WHERE n.nspname = book AND c.relname = 'holding')
       AND a.attname = 'account_id' AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'undefined_table',
            MESSAGE = format('%s is no book', coalesce(format('"%s"', book), 'null')),
            DETAIL = 'A book is a schema with a view holding(account_id, symbol, quantity, entry_price, leverage).';
    END IF;
    RETURN type;
END
$$;
COMMENT ON FUNCTION margin.key_type(name) IS 'type of the account keys of a book: of holding.account_id in that schema; an error where there is none';

-- ---------------------------------------------------------------------------
-- NOTIFY margin_level
--
-- The trigger notes which journal was written; once all deferred triggers are
-- done, it asks what the transaction changed and notifies.  What was rolled
-- back to a savepoint is not in the journal, so it is not told.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.notify_levels() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_notify_levels';
COMMENT ON FUNCTION margin.notify_levels() IS 'trigger: at commit sends level_notice() of the journal it is put on to channel margin_level, once per transaction and journal however often it was written; such a transaction cannot be prepared';

CREATE FUNCTION margin.level_notice(journal regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    notice text;
BEGIN
    EXECUTE format('
        WITH moved AS MATERIALIZED (
            SELECT account_id::text AS account, to_level
              FROM (SELECT account_id, (array_agg(from_level ORDER BY id))[1] AS from_level,
                           (array_agg(to_level ORDER BY id DESC))[1] AS to_level
                      FROM %s
                     WHERE changed_at = now() AND txid = pg_current_xact_id_if_assigned()
                     GROUP BY account_id) AS account
             WHERE from_level <> to_level
        ), head AS (
            SELECT format(''{"book": %%s, "levels": {%%s}, '', to_json($1),
                          string_agg(format(''"%%s": %%s'', to_level, accounts), '', '' ORDER BY to_level)) AS text
              FROM (SELECT to_level, count(*) AS accounts FROM moved GROUP BY to_level) AS level
        ), entry AS (
            SELECT text, row_number() OVER w AS n, sum(octet_length(text) + 2) OVER w AS bytes
              FROM (SELECT format(''%%s: "%%s"'', to_json(account), to_level) AS text, to_level, account FROM moved) AS e
            WINDOW w AS (ORDER BY to_level DESC, account COLLATE "C" ROWS UNBOUNDED PRECEDING)
        )
        SELECT format(''%%s"accounts": {%%s}, "truncated": %%s}'', head.text, string_agg(entry.text, '', '' ORDER BY n),
                      to_json(count(entry.n) < (SELECT count(*) FROM moved)))
          FROM head LEFT JOIN entry ON entry.bytes < 7960 - octet_length(head.text)
         WHERE EXISTS (SELECT FROM moved)
         GROUP BY head.text', journal)
       INTO notice
      USING (SELECT n.nspname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = journal);
    RETURN notice;
END
$$;
COMMENT ON FUNCTION margin.level_notice(regclass) IS 'what the present transaction has changed so far by a journal of level events: {"book": "margin", "levels": {"warning": 1, ...}, "accounts": {"42": "warning", ...}, "truncated": false}, levels with the number of accounts that reached them, accounts from the highest level down while all fits into 7,999 bytes; an account that is back where it was is left out; null if nothing changed';

CREATE FUNCTION margin.create_levels(book name) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $create$
BEGIN
    EXECUTE format($ddl$
CREATE TABLE %1$I.account_level (
    account_id  %2$s NOT NULL,
    level       margin.level NOT NULL,
    since       timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT account_level_pkey PRIMARY KEY (account_id)
);
COMMENT ON TABLE %1$I.account_level IS 'the level each account is at, by the last refresh; an account without a row was never judged';
COMMENT ON COLUMN %1$I.account_level.account_id IS 'the account';
COMMENT ON COLUMN %1$I.account_level.level IS 'judged, or held by a release ratio; healthy also once nothing is held any more';
COMMENT ON COLUMN %1$I.account_level.since IS 'start of the transaction that brought it there; of the first judgement, where that was healthy';

CREATE TABLE %1$I.level_event (
    id                  bigint GENERATED ALWAYS AS IDENTITY (SEQUENCE NAME %1$I.level_event_id_seq),
    account_id          %2$s NOT NULL,
    from_level          margin.level NOT NULL,
    to_level            margin.level NOT NULL,
    equity              numeric,
    maintenance_margin  numeric,
    prices              jsonb NOT NULL,
    cause               text NOT NULL,
    changed_by          name NOT NULL DEFAULT margin.acting_user(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    txid                xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CONSTRAINT level_event_pkey PRIMARY KEY (id),
    CONSTRAINT level_event_changes CHECK (from_level <> to_level)
);
CREATE INDEX level_event_account_id_idx ON %1$I.level_event (account_id, id);
CREATE INDEX level_event_changed_at_idx ON %1$I.level_event (changed_at);
COMMENT ON TABLE %1$I.level_event IS 'journal of level changes, append-only; the rows of an account, by id, lead from healthy to where it is';
COMMENT ON COLUMN %1$I.level_event.id IS 'rises; within an account in the order of the changes';
COMMENT ON COLUMN %1$I.level_event.account_id IS 'the account';
COMMENT ON COLUMN %1$I.level_event.from_level IS 'the level left; healthy for an account never judged before';
COMMENT ON COLUMN %1$I.level_event.to_level IS 'the level reached';
COMMENT ON COLUMN %1$I.level_event.equity IS 'that decided, USD; null: unpriced';
COMMENT ON COLUMN %1$I.level_event.maintenance_margin IS 'that decided, USD; null: unpriced';
COMMENT ON COLUMN %1$I.level_event.prices IS 'that decided, of what the account holds, as of margin.prices()';
COMMENT ON COLUMN %1$I.level_event.cause IS 'why the account was judged, in the words of the caller';
COMMENT ON COLUMN %1$I.level_event.changed_by IS 'the role that acted';
COMMENT ON COLUMN %1$I.level_event.changed_at IS 'start of the transaction';
COMMENT ON COLUMN %1$I.level_event.txid IS 'the transaction';
COMMENT ON SEQUENCE %1$I.level_event_id_seq IS 'numbers the events';
COMMENT ON CONSTRAINT level_event_changes ON %1$I.level_event IS 'no change is no event';
COMMENT ON INDEX %1$I.level_event_account_id_idx IS 'the history of one account';
COMMENT ON INDEX %1$I.level_event_changed_at_idx IS 'the changes of a time, and of a transaction';

CREATE TRIGGER level_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %1$I.level_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin.journal_append_only();
COMMENT ON TRIGGER level_event_append_only ON %1$I.level_event IS 'what happened is not rewritten';
CREATE TRIGGER level_event_notify AFTER INSERT ON %1$I.level_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin.notify_levels();
COMMENT ON TRIGGER level_event_notify ON %1$I.level_event IS 'one NOTIFY margin_level when the transaction commits';
$ddl$, book, margin.key_type(book));
END
$create$;
COMMENT ON FUNCTION margin.create_levels(name) IS 'creates account_level and level_event in a book, with its key type; they belong to the caller and are dumped as any table; an error for a schema without view holding, or that has them already';

-- ---------------------------------------------------------------------------
-- Refresh
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.write_account_levels(book name, accounts text[], cause text, market margin.market, release_ratios numeric[])
RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
DECLARE
    keys text := format('$1::%s[]', margin.key_type(book));
    changes integer;
BEGIN
    -- Each statement sees what was committed before it began.  The rows are
    -- locked too, so that at REPEATABLE READ a change not seen is an error.
    EXECUTE format('
        INSERT INTO %1$I.account_level (account_id, level)
        SELECT DISTINCT a, ''healthy''::margin.level FROM unnest(%2$s) AS a
         WHERE NOT EXISTS (SELECT FROM %1$I.account_level AS l WHERE l.account_id = a)
         ORDER BY a
            ON CONFLICT DO NOTHING', book, keys)
      USING accounts;
    EXECUTE format('
        SELECT FROM %1$I.account_level WHERE account_id = ANY (%2$s) ORDER BY account_id FOR NO KEY UPDATE', book, keys)
      USING accounts;
    EXECUTE format('
        WITH judged AS MATERIALIZED (
            SELECT l.account_id, l.level AS from_level, h.p, h.v,
                   CASE WHEN h.p IS NULL THEN ''healthy''
                        ELSE margin.held_level(l.level, (h.v).level, (h.v).equity, (h.v).maintenance_margin, $4) END AS to_level
              FROM %1$I.account_level AS l
              LEFT JOIN (SELECT account_id, p, margin.evaluate(p, $3) AS v
                           FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p
                                   FROM (SELECT * FROM %1$I.holding ORDER BY account_id) AS h
                                  WHERE account_id = ANY (%2$s)
                                  GROUP BY account_id OFFSET 0) AS a
                         OFFSET 0) AS h ON h.account_id = l.account_id
             WHERE l.account_id = ANY (%2$s)
        ), changed AS (
            UPDATE %1$I.account_level AS l SET level = j.to_level, since = now()
              FROM judged AS j
             WHERE l.account_id = j.account_id AND j.to_level <> j.from_level
        )
        INSERT INTO %1$I.level_event (account_id, from_level, to_level, equity, maintenance_margin, prices, cause)
        SELECT account_id, from_level, to_level,
               CASE WHEN p IS NULL THEN 0 ELSE (v).equity END, CASE WHEN p IS NULL THEN 0 ELSE (v).maintenance_margin END,
               coalesce(margin.prices(p, $3), ''{}''), $2
          FROM judged
         WHERE to_level <> from_level
         ORDER BY account_id', book, keys)
      USING accounts, cause, coalesce(market, margin.market()), release_ratios;
    GET DIAGNOSTICS changes = ROW_COUNT;
    RETURN changes;
END
$$;
COMMENT ON FUNCTION margin.write_account_levels(name, text[], text, margin.market, numeric[]) IS 'what refresh_account_levels() does with accounts that are locked; for those who hold their locks already';

CREATE FUNCTION margin.refresh_account_levels(book name, accounts text[], cause text DEFAULT 'refresh', market margin.market DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin.lock_accounts(book, accounts);
    RETURN margin.write_account_levels(book, accounts, cause, market, margin.release_ratios());
END
$$;
COMMENT ON FUNCTION margin.refresh_account_levels(name, text[], text, margin.market) IS 'locks the accounts (keys as text) as lock_accounts() does, judges them in a market (null: the present one), writes the levels that changed and an event for each with the cause, and returns how many; an account without holdings is healthy; at REPEATABLE READ and above it judges what the transaction sees, and fails with 40001 where another has changed a level since; an error where row security hides rows';

CREATE FUNCTION margin.refresh_levels(book name DEFAULT 'margin', assets text[] DEFAULT NULL, contracts text[] DEFAULT NULL,
                                      cause text DEFAULT 'refresh')
RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: refresh'
AS $$
DECLARE
    key text := margin.key_type(book);
    everyone boolean := assets IS NULL AND contracts IS NULL;
    present margin.market;
    candidates text[];
    expected bigint;
BEGIN
    -- One at a time: of two that each follow prices which the other does not
    -- see yet, the second sees both.
    EXECUTE format('LOCK TABLE %I.account_level IN SHARE UPDATE EXCLUSIVE MODE', book);

    IF everyone THEN
        EXECUTE format('SELECT nullif(count(*), 0) FROM %I.account_level', book) INTO expected;
    END IF;

    -- Everyone, without locks on accounts; one without a row enters as healthy.
    -- Rows without an account are nobody's level.
    present := margin.market();
    EXECUTE format('
        WITH judged AS MATERIALIZED (
            SELECT account_id, kept, held
              FROM (SELECT coalesce(h.account_id, l.account_id) AS account_id, l.level AS kept,
                           CASE WHEN h.judged IS NULL THEN ''healthy''
                                WHEN l.level = h.judged THEN l.level
                                ELSE margin.held_level(l.level, h.judged, margin.equity(h.p, $1), margin.maintenance_margin(h.p, $1), $2)
                           END AS held
                      FROM (SELECT account_id, p, margin.level(p, $1) AS judged
                              FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p,
                                           row_number() OVER () AS n
                                      FROM (SELECT * FROM %1$I.holding WHERE account_id IS NOT NULL ORDER BY account_id) AS h
                                     GROUP BY account_id %2$s) AS a
                             WHERE n %% 1000 <> 0 OR margin.report_progress($5, n, $6)
                            OFFSET 0) AS h
                      %3$s JOIN %1$I.account_level AS l ON l.account_id = h.account_id) AS j
             WHERE kept IS NULL OR held <> kept
        ), entered AS (
            INSERT INTO %1$I.account_level (account_id, level)
            SELECT account_id, ''healthy''::margin.level FROM judged WHERE kept IS NULL ORDER BY account_id
                ON CONFLICT DO NOTHING
        )
        SELECT array_agg(account_id::text) FROM judged WHERE held <> coalesce(kept, ''healthy'')',
        book,
        CASE WHEN NOT everyone THEN 'HAVING bool_or(symbol = ANY (CASE WHEN entry_price IS NULL THEN $3 ELSE $4 END))' END,
        CASE WHEN everyone THEN 'FULL' ELSE 'LEFT' END)
       INTO candidates
      USING present, margin.release_ratios(), coalesce(assets, '{}'),
            ARRAY(SELECT c.contract FROM margin.contracts(present) AS c
                   WHERE c.contract = ANY (contracts) OR c.settle_asset = ANY (assets)),
            'refresh ' || left(book, 20), expected;

    -- Those that changed, under their locks.
    RETURN CASE WHEN candidates IS NULL THEN 0 ELSE margin.refresh_account_levels(book, candidates, cause) END;
END
$$;
COMMENT ON FUNCTION margin.refresh_levels(name, text[], text[], text) IS 'judges every account of a book in the present market, or only those that hold one of the assets, one of the contracts, or a contract settled in one of the assets; then those whose level would change again as refresh_account_levels() does, and returns how many changed; no change writes nothing; waits for other refreshes of the book to commit; margin.progress says how far it is; isolation levels and row security as there';

-- The built-in book.
SELECT margin.create_levels('margin'::name);
ALTER TABLE margin.account_level OWNER TO @extowner@;
ALTER TABLE margin.level_event OWNER TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('margin.account_level', '');
SELECT pg_catalog.pg_extension_config_dump('margin.level_event', '');
SELECT pg_catalog.pg_extension_config_dump('margin.level_event_id_seq', '');
