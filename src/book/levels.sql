-- levels: the level each account is kept at, and the journal of changes
--
-- A book keeps, in tables of its own,
--
--   account_level  one row per account that was ever judged,
--   level_event    one row per change.
--
-- An account begins as healthy.  Whoever judges an account to write its level
-- has locked it before, as lock_accounts() does, and judges in a later snapshot:
-- so each judgement sees all that earlier ones saw.  The guard holds the locks of
-- the accounts that a transaction wrote when it judges them.
--
-- Keys arrive as text and are compared in the book's own type, so that indexes
-- serve.  Row security is off: it raises an error where it would hide rows, for
-- an account half seen would be judged wrongly.

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
'The level of an account that was kept at previous and is judged now: the judged one, unless a level reached before is still held, '
'that is maintenance_margin >= its release ratio * equity (both in USD, compared exactly). release_ratios are those of warning, margin_call, liquidation; a null one holds nothing. '
'Nothing is held without maintenance margin, nor from unpriced; null where judged is null.';

CREATE FUNCTION margin.prices(portfolio margin.portfolio, market margin.market) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT jsonb_build_object(
        'assets', (SELECT coalesce(jsonb_object_agg(c.asset, c.price), '{}')
                     FROM margin.collateral(prices.portfolio, prices.market) AS c),
        'contracts', (SELECT coalesce(jsonb_object_agg(c.contract, c.mark), '{}')
                        FROM margin.positions(prices.portfolio, prices.market) AS c));
END;
COMMENT ON FUNCTION margin.prices(margin.portfolio, margin.market) IS
'The prices that value a portfolio, all digits: {"assets": {"BTC": 68000}, "contracts": {"BTC_USDT": 68010.5}}. '
'Assets are priced in USD, contracts in their settlement asset; a missing price is null. Null for null.';

-- ---------------------------------------------------------------------------
-- NOTIFY margin_level
--
-- The trigger notes which journal was written; once all deferred triggers are
-- done, it asks what the transaction changed and notifies.  What was rolled
-- back to a savepoint is not in the journal, so nobody hears of it.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.notify_levels() RETURNS trigger
    LANGUAGE C VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_notify_levels';
COMMENT ON FUNCTION margin_internal.notify_levels() IS
'Trigger of a level_event: at commit sends its level_notice() to channel margin_level, once per transaction and book. '
'A transaction that notifies cannot be prepared.';

CREATE FUNCTION margin_internal.level_notice(journal regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(journal);
    -- the trigger may have been put on any table
    IF journal IS DISTINCT FROM to_regclass('level_event') THEN
        RETURN NULL;
    END IF;
    RETURN (
        WITH moved AS MATERIALIZED (
            SELECT account_id::text AS account, to_level
              FROM (SELECT account_id, (array_agg(from_level ORDER BY id))[1] AS from_level,
                           (array_agg(to_level ORDER BY id DESC))[1] AS to_level
                      FROM level_event
                     WHERE changed_at = now() AND txid = pg_current_xact_id_if_assigned()
                     GROUP BY account_id) AS account
             WHERE from_level <> to_level
        ), head AS (
            SELECT format('{"book": %s, "levels": {%s}, ', to_json(current_schema()::text),
                          string_agg(format('"%s": %s', to_level, accounts), ', ' ORDER BY to_level)) AS text
              FROM (SELECT to_level, count(*) AS accounts FROM moved GROUP BY to_level) AS level
        ), entry AS (
            SELECT text, row_number() OVER w AS n, sum(octet_length(text) + 2) OVER w AS bytes
              FROM (SELECT format('%s: "%s"', to_json(account), to_level) AS text, to_level, account FROM moved) AS e
            WINDOW w AS (ORDER BY to_level DESC, account COLLATE "C" ROWS UNBOUNDED PRECEDING)
        )
        SELECT format('%s"accounts": {%s}, "truncated": %s}', head.text, string_agg(entry.text, ', ' ORDER BY n),
                      to_json(count(entry.n) < (SELECT count(*) FROM moved)))
          FROM head LEFT JOIN entry ON entry.bytes < 7960 - octet_length(head.text)
         WHERE EXISTS (SELECT FROM moved)
         GROUP BY head.text);
END
$$;
COMMENT ON FUNCTION margin_internal.level_notice(regclass) IS
'What the present transaction has changed so far by the level_event of a book: {"book": "desk", "levels": {"warning": 1}, "accounts": {"42": "warning"}, "truncated": false}. '
'levels counts the accounts that reached each; accounts are listed from the highest level down while all fits into 7,999 bytes. '
'An account that is back where it was is left out; null if nothing changed.';

-- ---------------------------------------------------------------------------
-- Refresh
--
-- Statements are planned for the arguments they are given: one account and
-- a whole book take different ways.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.account_keys(accounts text[], key anyelement) RETURNS anyarray
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    RETURN accounts;
END
$$;
COMMENT ON FUNCTION margin_internal.account_keys(text[], anyelement) IS
'Accounts as an array of the type of key, which only gives its type: (NULL::account).account_id in a book. '
'Immutable, so that a plan made for one list of accounts knows how many there are; an error for one that is no key.';

CREATE FUNCTION margin_internal.write_account_levels(book name, accounts text[], cause text, market margin.market) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    changes integer;
    given margin.market;
    ratios numeric[];
BEGIN
    PERFORM margin_internal.enter_book(book);

    -- Each statement sees what was committed before it began.  The rows are
    -- locked too, so that at REPEATABLE READ a change not seen is an error.
    INSERT INTO account_level (account_id, level)
    SELECT DISTINCT a, 'healthy'::margin.level FROM unnest(margin_internal.account_keys(accounts, (NULL::account).account_id)) AS a
     WHERE NOT EXISTS (SELECT FROM account_level AS l WHERE l.account_id = a)
     ORDER BY a
        ON CONFLICT DO NOTHING;
    PERFORM FROM account_level AS l
      WHERE l.account_id = ANY (margin_internal.account_keys(accounts, (NULL::account).account_id))
      ORDER BY l.account_id FOR NO KEY UPDATE;

    given := coalesce(write_account_levels.market, venue_market());
    ratios := venue_release_ratios();
    WITH judged AS MATERIALIZED (
        SELECT l.account_id, l.level AS from_level, h.p, h.v,
               CASE WHEN h.p IS NULL THEN 'healthy'
                    ELSE margin.held_level(l.level, (h.v).level, (h.v).equity, (h.v).maintenance_margin, ratios) END AS to_level
          FROM account_level AS l
          LEFT JOIN (SELECT a.account_id, a.p, margin.evaluate(a.p, given) AS v
                       FROM (SELECT b.account_id, b.portfolio AS p
                               FROM account_portfolio AS b
                              WHERE b.account_id = ANY (margin_internal.account_keys(accounts, (NULL::account).account_id))
                             OFFSET 0) AS a
                     OFFSET 0) AS h ON h.account_id = l.account_id
         WHERE l.account_id = ANY (margin_internal.account_keys(accounts, (NULL::account).account_id))
    ), changed AS (
        UPDATE account_level AS l SET level = j.to_level, since = now()
          FROM judged AS j
         WHERE l.account_id = j.account_id AND j.to_level <> j.from_level
    )
    INSERT INTO level_event (account_id, from_level, to_level, equity, maintenance_margin, prices, cause)
    SELECT j.account_id, j.from_level, j.to_level,
           CASE WHEN j.p IS NULL THEN 0::numeric ELSE (j.v).equity END,
           CASE WHEN j.p IS NULL THEN 0::numeric ELSE (j.v).maintenance_margin END,
           coalesce(margin.prices(j.p, given), '{}'), write_account_levels.cause
      FROM judged AS j
     WHERE j.to_level <> j.from_level
     ORDER BY j.account_id;
    GET DIAGNOSTICS changes = ROW_COUNT;
    RETURN changes;
END
$$;
COMMENT ON FUNCTION margin_internal.write_account_levels(name, text[], text, margin.market) IS
'What refresh_account_levels() does with accounts that are locked, for those who hold their locks already.';

CREATE FUNCTION margin.refresh_account_levels(book name, accounts text[], cause text DEFAULT 'refresh', market margin.market DEFAULT NULL)
RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin.lock_accounts(book, accounts);
    RETURN margin_internal.write_account_levels(book, accounts, cause, market);
END
$$;
COMMENT ON FUNCTION margin.refresh_account_levels(name, text[], text, margin.market) IS
'Locks accounts of a book (keys as text) as lock_accounts() does, judges them in a market (null: the present one of its venue), writes the levels that changed and an event for each, with the cause, and returns how many changed. An account without holdings is healthy. '
'At REPEATABLE READ and above it judges what the transaction sees, and fails with 40001 where another has changed a level since. '
'An error where row security hides rows, and for a null account.';

CREATE FUNCTION margin.refresh_levels(book name, assets text[] DEFAULT NULL, contracts text[] DEFAULT NULL, cause text DEFAULT 'refresh')
RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: refresh'
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
DECLARE
    everyone boolean := assets IS NULL AND contracts IS NULL;
    progress text := 'refresh ' || left(book::text, 20);
    present margin.market;
    ratios numeric[];
    moved_assets text[] := coalesce(assets, '{}');
    moved_contracts text[];
    candidates text[];
    expected bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);

    -- One at a time: of two that each follow prices which the other does not
    -- see yet, the second sees both.
    LOCK TABLE account_level IN SHARE UPDATE EXCLUSIVE MODE;

    IF everyone THEN
        SELECT nullif(count(*), 0) INTO expected FROM account_level;
    END IF;
    present := venue_market();
    ratios := venue_release_ratios();
    moved_contracts := ARRAY(SELECT c.contract FROM margin.contracts(present) AS c
                              WHERE c.contract = ANY (refresh_levels.contracts) OR c.settle = ANY (refresh_levels.assets));

    -- Without locks on accounts; one without a row enters as healthy.  Rows
    -- without an account are nobody's level.
    WITH judged AS MATERIALIZED (
        SELECT j.account_id, j.kept, j.held
          FROM (SELECT coalesce(h.account_id, l.account_id) AS account_id, l.level AS kept,
                       CASE WHEN h.judged IS NULL THEN 'healthy'
                            WHEN l.level = h.judged THEN l.level
                            ELSE margin.held_level(l.level, h.judged, margin.equity(h.p, present), margin.maintenance_margin(h.p, present), ratios)
                       END AS held
                  FROM (SELECT a.account_id, a.p, margin.level(a.p, present) AS judged
                          FROM (SELECT b.account_id, b.portfolio AS p, row_number() OVER () AS n
                                  FROM account_portfolio AS b
                                 WHERE b.account_id IS NOT NULL) AS a
                         WHERE (everyone OR margin.holds_any(a.p, moved_assets, moved_contracts))
                           AND (a.n % 1000 <> 0 OR margin_internal.report_progress(progress, a.n, expected))
                        OFFSET 0) AS h
                  FULL JOIN account_level AS l ON l.account_id = h.account_id
                 -- of others no row is in h
                 WHERE everyone OR h.account_id IS NOT NULL) AS j
         WHERE j.kept IS NULL OR j.held <> j.kept
    ), entered AS (
        INSERT INTO account_level (account_id, level)
        SELECT j.account_id, 'healthy'::margin.level FROM judged AS j WHERE j.kept IS NULL ORDER BY j.account_id
            ON CONFLICT DO NOTHING
    )
    SELECT array_agg(j.account_id::text) INTO candidates FROM judged AS j WHERE j.held <> coalesce(j.kept, 'healthy');

    -- Those that changed, under their locks.
    RETURN CASE WHEN candidates IS NULL THEN 0 ELSE margin.refresh_account_levels(book, candidates, cause) END;
END
$$;
COMMENT ON FUNCTION margin.refresh_levels(name, text[], text[], text) IS
'Judges every account of a book in the present market of its venue, or only those that hold one of the assets, one of the contracts, or a contract settled in one of the assets; then changes the levels that moved as refresh_account_levels() does, and returns how many. '
'Where nothing changed it writes nothing. It waits for other refreshes of the book to commit; margin.progress shows how far it is. '
'Isolation levels and row security as there; an error (42704) where there is no such book.';
