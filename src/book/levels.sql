-- levels: the level each account is kept at, and the journal of changes
--
-- A book keeps, in tables of its own,
--
--   account_level  one row per account that was ever judged,
--   level_event    one row per change.
--
-- An account begins as healthy: its row is entered as such, with epoch -3 until
-- it is judged for the first time, which no price that is held puts off.
--
-- Whoever judges an account by its rows, to write its level or to find that it may
-- stay, has locked its row of account_level before, keeps the lock until the
-- transaction ends, and judges in a snapshot (and with a kept level) taken after
-- he got it.  Of two judgements of one account the one that gets the row later has
-- waited for the end of the other, so it sees the level that the other left, and
-- all that the other saw.  (A tick judges by what is kept, before it locks: then
-- the row must be the one that was judged, watch.sql says why that is enough.)
--
-- What a transaction has written itself and nobody else sees yet is judged by
-- that transaction, at its end.  Suppose a refresh judges the account without it:
--
--   the writer gets the row first: the refresh waits for it, and sees what it
--     wrote;
--   the refresh gets it first: the writer waits, and judges what the refresh
--     left, even where the level had been right without the refresh.  That is
--     why a writer locks the row also where the level stays.
--
-- A row that is not there yet stands for the same: it is entered before it is
-- locked, and to enter what another has entered waits for the end of the other.
--
-- So a refresh needs no lock on accounts, and nobody who holds one stands in its
-- way unless he holds the level too.  Those who judge few accounts lock them
-- first (the guard, refresh_account_levels()), which puts them in one order for
-- everybody; a refresh follows no order, but does not wait for who waits for it.
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
'that is maintenance_margin >= its release ratio * equity (both in USD, compared exactly; equity as judged_equity() gives it). release_ratios are those of warning, margin_call, liquidation; a null one holds nothing. '
'Nothing is held without maintenance margin, nor from unpriced; null where judged is null.';

-- While the venue holds a price that an account depends on, its level may be kept
-- from getting worse: it is judged by a price that may be wrong, or may have
-- been.  That it cannot be valued at all is told nevertheless, and so is the first
-- judgement, before which there is no level to keep.
CREATE FUNCTION margin_internal.held_among(held jsonb, used jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT nullif(jsonb_build_object('assets', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'assets'), '{}'),
                                     'contracts', coalesce(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE h.kind = 'contracts'), '{}')),
                  '{"assets": {}, "contracts": {}}')
      FROM (SELECT k.kind, e.key AS symbol, e.value AS price FROM unnest(ARRAY['assets', 'contracts']) AS k (kind), jsonb_each(held -> k.kind) AS e
             WHERE used -> k.kind ? e.key) AS h;
END;
COMMENT ON FUNCTION margin_internal.held_among(jsonb, jsonb) IS 'of prices held those of symbols that are used, both as margin.prices() has them; null where there are none, and for null';

-- Whoever could pause his own account by a trifle in a thin market would not be
-- liquidated.  So a price that is held has to matter: by the share that it prices,
-- or as the level would be another by it.  Of a hedged position the price
-- matters only by what is open.
CREATE FUNCTION margin_internal.weigh_much(held jsonb, portfolio margin.portfolio, market margin.market) RETURNS boolean
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(sum(v.net) FILTER (WHERE v.doubted), 0) * 10 >= coalesce(sum(v.gross), 0)
      FROM (SELECT held -> 'assets' ? c.asset AS doubted, abs(c.balance * c.price) AS net, abs(c.balance * c.price) AS gross
              FROM margin.collateral(portfolio, market) AS c
            UNION ALL
            SELECT held -> 'contracts' ? p.contract OR held -> 'assets' ? p.settle,
                   abs(abs(p.long_notional) - abs(p.short_notional)) * c.price, (abs(p.long_notional) + abs(p.short_notional)) * c.price
              FROM margin.positions(portfolio, market) AS p JOIN margin.collateral(portfolio, market) AS c ON c.asset = p.settle) AS v;
END;
COMMENT ON FUNCTION margin_internal.weigh_much(jsonb, margin.portfolio, margin.market) IS
'whether what is valued by prices that are held is at least a tenth of a portfolio: balances, and the notional of what is open in contracts that have such a mark or settle in such an asset, of all balances and notionals, USD';

CREATE FUNCTION margin_internal.at_held_prices(market margin.market, held jsonb) RETURNS margin.market
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN margin.shock(market, ARRAY(SELECT ROW(NULL, e.key, NULL, NULL, e.value::numeric)::margin.price_move FROM jsonb_each_text(held -> 'assets') AS e
                                  UNION ALL
                                  SELECT ROW(NULL, NULL, e.key, NULL, e.value::numeric)::margin.price_move FROM jsonb_each_text(held -> 'contracts') AS e), false);
COMMENT ON FUNCTION margin_internal.at_held_prices(margin.market, jsonb) IS 'the market with prices that are held instead of those in force, and no others moved';

CREATE FUNCTION margin_internal.doubts_about(portfolio margin.portfolio, market margin.market, pausing jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
BEGIN ATOMIC
    SELECT u.held
      FROM (SELECT margin_internal.held_among(pausing, margin.prices(portfolio, market)) AS held OFFSET 0) AS u
     WHERE CASE WHEN margin_internal.weigh_much(u.held, portfolio, market) THEN true
                ELSE margin.level(portfolio, margin_internal.at_held_prices(market, u.held)) <> margin.level(portfolio, market) END;
END;
COMMENT ON FUNCTION margin_internal.doubts_about(margin.portfolio, margin.market, jsonb) IS
'the prices held that value a portfolio, where they matter: as weigh_much() says, or as its level would be another by them all; null where they do not';

CREATE FUNCTION margin_internal.held_back_by(kept margin.level, judged margin.level, portfolio margin.portfolio, market margin.market, pausing jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN pausing IS NOT NULL AND judged > kept AND judged <> 'unpriced' THEN margin_internal.doubts_about(margin.without_orders(portfolio), market, pausing) END;
COMMENT ON FUNCTION margin_internal.held_back_by(margin.level, margin.level, margin.portfolio, margin.market, jsonb) IS
'the prices held (pausing_prices() of a venue) that keep an account from a level that is worse than the one it is kept at (null: never judged); null: none do. Open orders count for nothing';

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
              FROM (SELECT format('%s: "%s"', to_json(account), to_level) AS text, to_level, account
                      -- no entry is shorter than 16 bytes, so these are more than fit
                      FROM (SELECT * FROM moved ORDER BY to_level DESC, account COLLATE "C" LIMIT 500) AS first) AS e
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

CREATE FUNCTION margin_internal.judge_levels(book name, accounts text[], cause text, market margin.market, kept boolean) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    changes integer;
    given margin.market;
    ratios numeric[];
    present integer;
    pausing jsonb;
BEGIN
    PERFORM margin_internal.enter_book(book);
    given := coalesce(judge_levels.market, venue_market());
    ratios := venue_release_ratios();
    pausing := venue_pausing_prices();
    present := CASE WHEN judge_levels.kept THEN margin_internal.present_epoch(here.given, here.ratios) END;
    WITH known AS (
        SELECT l.account_id, l.level, l.epoch, l.paused, CASE WHEN judge_levels.kept THEN l.portfolio ELSE r.portfolio END AS portfolio
          FROM account_level AS l
          LEFT JOIN (SELECT b.account_id, b.portfolio
                       FROM account_portfolio AS b
                      WHERE judge_levels.kept IS NOT TRUE AND b.account_id = ANY (margin_internal.account_keys(judge_levels.accounts, (NULL::account).account_id))
                     OFFSET 0) AS r ON r.account_id = l.account_id
         WHERE l.account_id = ANY (margin_internal.account_keys(judge_levels.accounts, (NULL::account).account_id))
        OFFSET 0
    ), judged AS MATERIALIZED (
        SELECT h.account_id, h.level AS from_level, h.portfolio, h.paused AS was_paused, b.held,
               CASE WHEN b.held IS NULL THEN w.level ELSE h.level END AS to_level, CASE WHEN b.held IS NOT NULL THEN w.level END AS paused,
               CASE WHEN here.present IS NULL THEN -2 WHEN b.held IS NOT NULL THEN -1 ELSE margin_internal.epoch_for(here.present, 0, w.room) END AS epoch,
               CASE WHEN b.held IS NULL THEN coalesce(w.room, 0) ELSE 0 END AS room, w.mask
          FROM known AS h
         CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(h.portfolio, here.given, h.level, here.ratios,
                                               CASE WHEN here.present IS NULL THEN 'Infinity' ELSE margin_internal.room_wanted(0) END) OFFSET 0) AS w
         CROSS JOIN LATERAL (SELECT margin_internal.held_back_by(CASE WHEN h.epoch <> -3 THEN h.level END, w.level, h.portfolio, here.given, here.pausing) AS held OFFSET 0) AS b
    ), written AS (
        UPDATE account_level AS l
           SET level = j.to_level, since = CASE WHEN j.to_level = l.level THEN l.since ELSE now() END,
               portfolio = j.portfolio, epoch = j.epoch, room = j.room, mask = j.mask, paused = j.paused
          FROM judged AS j
         WHERE l.account_id = j.account_id
           AND (j.to_level <> j.from_level OR j.paused IS DISTINCT FROM j.was_paused OR l.epoch = -3 OR NOT margin_internal.same_holdings(l.portfolio, j.portfolio))
    ), event AS (
    INSERT INTO level_event (account_id, from_level, to_level, equity, maintenance_margin, prices, cause, paused, held, market_id)
    SELECT j.account_id, j.from_level, j.to_level,
           CASE WHEN j.portfolio IS NULL THEN 0::numeric ELSE margin.judged_equity(j.portfolio, here.given) END,
           CASE WHEN j.portfolio IS NULL THEN 0::numeric ELSE margin.maintenance_margin(j.portfolio, here.given) END,
           coalesce(margin.prices(j.portfolio, here.given), '{}'), judge_levels.cause, j.paused, j.held, (SELECT margin_internal.market_id(here.given))
      FROM judged AS j
     WHERE j.to_level <> j.from_level OR j.paused <> coalesce(j.was_paused, j.from_level)
     ORDER BY j.account_id
    RETURNING from_level, to_level
    )
    SELECT count(*) INTO here.changes FROM event AS e WHERE e.to_level <> e.from_level;
    RETURN here.changes;
END
$$;
COMMENT ON FUNCTION margin_internal.judge_levels(name, text[], text, margin.market, boolean) IS
'Judges accounts whose rows of account_level the caller has locked, by their kept portfolios or by the rows of the book, writes the levels that changed and their events, and returns how many.';

CREATE FUNCTION margin_internal.write_account_levels(book name, accounts text[], cause text, market margin.market) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM margin_internal.enter_book(book);

    -- Each statement sees what was committed before it began.  At REPEATABLE
    -- READ a change not seen is an error.
    INSERT INTO account_level (account_id, level, epoch)
    SELECT DISTINCT a, 'healthy'::margin.level, -3 FROM unnest(margin_internal.account_keys(write_account_levels.accounts, (NULL::account).account_id)) AS a
     WHERE NOT EXISTS (SELECT FROM account_level AS l WHERE l.account_id = a)
     ORDER BY a
        ON CONFLICT DO NOTHING;
    PERFORM FROM account_level AS l
      WHERE l.account_id = ANY (margin_internal.account_keys(write_account_levels.accounts, (NULL::account).account_id))
      ORDER BY l.account_id FOR NO KEY UPDATE;
    RETURN margin_internal.judge_levels(book, write_account_levels.accounts, cause, market, false);
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
    PERFORM margin_internal.refuse_distributed(book, 'levels cannot be kept here');
    PERFORM margin.lock_accounts(book, accounts);
    RETURN margin_internal.write_account_levels(book, accounts, cause, market);
END
$$;
COMMENT ON FUNCTION margin.refresh_account_levels(name, text[], text, margin.market) IS
'Locks accounts of a book (keys as text) as lock_accounts() does, judges them in a market (null: the present one of its venue), writes the levels that changed and an event for each, with the cause, and returns how many changed. An account without holdings is healthy. '
'At REPEATABLE READ and above it judges what the transaction sees, and fails with 40001 where another has changed a level since. '
'An error where row security hides rows, and for a null account.';

-- Rows are entered and locked without waiting where that is possible.  10 ms
-- are enough for whoever is just about to commit.
CREATE FUNCTION margin_internal.enter_levels(book name, accounts text[], given margin.market, ratios numeric[], present integer) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET lock_timeout = '10ms'
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    half CONSTANT integer := cardinality(accounts) / 2;
BEGIN
    PERFORM margin_internal.enter_book(book);
    INSERT INTO account_level (account_id, level, portfolio, epoch, room, mask)
    SELECT a.account_id, 'healthy', CASE WHEN enter_levels.present IS NOT NULL THEN h.portfolio END,
           CASE WHEN w.level <> 'healthy' THEN -3 WHEN enter_levels.present IS NULL THEN -2 ELSE margin_internal.epoch_for(enter_levels.present, 0, w.room) END,
           coalesce(w.room, 0), w.mask
      FROM unnest(margin_internal.account_keys(enter_levels.accounts, (NULL::account).account_id)) AS a (account_id)
      LEFT JOIN (SELECT b.account_id, b.portfolio
                   FROM account_portfolio AS b
                  WHERE b.account_id = ANY (margin_internal.account_keys(enter_levels.accounts, (NULL::account).account_id))
                 OFFSET 0) AS h ON h.account_id = a.account_id
     CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(h.portfolio, enter_levels.given, 'healthy', enter_levels.ratios, margin_internal.room_wanted(0)) OFFSET 0) AS w
     ORDER BY a.account_id
        ON CONFLICT DO NOTHING;
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    -- there is no INSERT ... SKIP LOCKED
    IF here.half > 0 THEN
        PERFORM margin_internal.enter_levels(book, enter_levels.accounts[:here.half], enter_levels.given, enter_levels.ratios, enter_levels.present);
        PERFORM margin_internal.enter_levels(book, enter_levels.accounts[here.half + 1:], enter_levels.given, enter_levels.ratios, enter_levels.present);
    END IF;
END
$$;
COMMENT ON FUNCTION margin_internal.enter_levels(name, text[], margin.market, numeric[], integer) IS
'Enters accounts as healthy that have no level yet, apart from those that another transaction is entering; those that are not are marked as never judged (epoch -3). With a present epoch it keeps what they hold, and anchors those that are healthy in the market.';

CREATE FUNCTION margin_internal.lock_free_levels(book name, accounts text[]) RETURNS text[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
BEGIN
    PERFORM margin_internal.enter_book(book);
    RETURN ARRAY(SELECT l.account_id::text FROM account_level AS l
                  WHERE l.account_id = ANY (margin_internal.account_keys(lock_free_levels.accounts, (NULL::account).account_id))
                    FOR NO KEY UPDATE SKIP LOCKED);
END
$$;
COMMENT ON FUNCTION margin_internal.lock_free_levels(name, text[]) IS
'Locks the rows of account_level that no other transaction holds, and returns whose they are.';

CREATE FUNCTION margin_internal.await_level(book name, account text, cause text, patience interval) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET lock_timeout = '200ms'
AS $$
BEGIN
    IF patience < interval '200 ms' THEN
        PERFORM set_config('lock_timeout', greatest(ceil(extract(epoch FROM patience) * 1000), 1)::text, true);
    END IF;
    RETURN margin_internal.write_account_levels(book, ARRAY[account], cause, NULL);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.await_level(name, text, text, interval) IS
'write_account_levels() of one account that another transaction holds; null if it still does after that time (null: long), or after 200 ms, which is shorter than the usual deadlock_timeout.';

CREATE FUNCTION margin_internal.level_holders(book name, account text) RETURNS integer[]
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
DECLARE
    holders integer[];
BEGIN
    PERFORM margin_internal.enter_book(book);
    holders := ARRAY(SELECT DISTINCT k.pid FROM account_level AS l
                       JOIN pg_locks AS k ON k.locktype = 'transactionid' AND k.transactionid = l.xmax AND k.mode = 'ExclusiveLock' AND k.granted
                      WHERE l.account_id = account_key(account) AND k.pid IS NOT NULL AND k.pid <> pg_backend_pid() ORDER BY k.pid);
    -- several share the lock, or enter the row: whoever may
    IF holders = '{}' THEN
        holders := ARRAY(SELECT DISTINCT k.pid FROM pg_locks AS k
                          WHERE k.locktype = 'relation' AND k.relation = 'account_level'::regclass AND k.mode IN ('RowShareLock', 'RowExclusiveLock') AND k.granted
                            AND k.database = (SELECT d.oid FROM pg_database AS d WHERE d.datname = current_database())
                            AND k.pid <> pg_backend_pid() ORDER BY k.pid);
    END IF;
    RETURN holders;
END
$$;
COMMENT ON FUNCTION margin_internal.level_holders(name, text) IS
'The processes that hold the level of an account, as far as that can be found out; none for a prepared transaction.';

CREATE FUNCTION margin_internal.waits_for_me(holders integer[]) RETURNS boolean
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH RECURSIVE waiting (pid) AS (
        SELECT h.pid FROM unnest(holders) AS h (pid)
        UNION
        SELECT b.pid FROM waiting AS w, unnest(pg_blocking_pids(w.pid)) AS b (pid)
    )
    SELECT EXISTS (SELECT FROM waiting AS w WHERE w.pid = pg_backend_pid());
END;
COMMENT ON FUNCTION margin_internal.waits_for_me(integer[]) IS 'whether one of these processes waits for this one, or for one that does';

CREATE FUNCTION margin_internal.write_free_levels(book name, accounts text[], cause text, kept boolean, OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    began timestamptz;
    patience CONSTANT interval := (SELECT s.setting::integer * interval '1 ms' FROM pg_settings AS s WHERE s.name = 'lock_timeout' AND s.setting <> '0');
    free text[];
    first text;
    changed integer;
    holders integer[];
    told integer[];
    who text;
BEGIN
    changes := 0;
    waiting := accounts;
    LOOP
        free := margin_internal.lock_free_levels(book, waiting);
        IF free <> '{}' THEN
            changes := changes + margin_internal.judge_levels(book, free, cause, NULL, kept);
            waiting := ARRAY(SELECT w.account FROM unnest(waiting) WITH ORDINALITY AS w (account, n)
                              WHERE NOT EXISTS (SELECT FROM unnest(free) AS f (account) WHERE f.account = w.account) ORDER BY w.n);
        END IF;
        EXIT WHEN waiting = '{}';

        -- All others are done.  One after the other, in the order of those who
        -- wait for it too; the rest may have become free meanwhile.
        first := waiting[1];
        began := coalesce(began, clock_timestamp());
        holders := margin_internal.level_holders(book, first);
        who := CASE cardinality(holders) WHEN 0 THEN 'a prepared transaction' WHEN 1 THEN 'process ' || holders[1]
                    ELSE 'one of the processes ' || array_to_string(holders, ', ') END;
        IF margin_internal.waits_for_me(holders) THEN
            -- it judges the account itself, after what this one leaves
            RAISE NOTICE USING MESSAGE = format('account "%s" of book "%s" is left to a transaction that waits for this refresh', first, book),
                DETAIL = format('Its level is held by %s.', who);
            waiting := waiting[2:];
        ELSIF clock_timestamp() - began >= patience THEN
            RAISE WARNING USING ERRCODE = 'lock_not_available',
                MESSAGE = format('accounts of book "%s" were not refreshed since other transactions hold their levels: %s', book, cardinality(waiting)),
                DETAIL = format('The level of account "%s" is held by %s; lock_timeout is over.', first, who),
                HINT = 'The next refresh judges them.';
            EXIT;
        ELSE
            IF told IS DISTINCT FROM holders THEN
                RAISE NOTICE USING MESSAGE = format('refresh of book "%s" waits for another transaction', book),
                    DETAIL = format('The level of account "%s" is held by %s.', first, who);
                told := holders;
            END IF;
            PERFORM margin_internal.report_progress(format('refresh %s: waiting for pid %s', left(book::text, 12), coalesce(holders[1]::text, '?')),
                                                    0, cardinality(waiting));
            changed := margin_internal.await_level(book, first, cause, patience - (clock_timestamp() - began));
            changes := changes + coalesce(changed, 0);
            waiting := CASE WHEN changed IS NULL THEN waiting[2:] || first ELSE waiting[2:] END;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.write_free_levels(name, text[], text, boolean) IS
'judge_levels() in the present market, those first whose level no other transaction holds; then waits for the others, who are judged by the rows of the book, as refresh_levels() says. Returns how many changed, and who is still waited for.';

-- Statements without locks first.  Rows without an account are nobody's level.
CREATE FUNCTION margin_internal.judge_everyone(book name, progress text, given margin.market, ratios numeric[], present integer,
                                               OUT fresh text[], OUT changed text[], OUT strayed text[], OUT anchored bigint)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET plan_cache_mode = force_custom_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    living CONSTANT integer[] := ARRAY(SELECT e.epoch FROM level_epoch AS e);
    expected CONSTANT bigint := (SELECT nullif(count(*), 0) FROM account_level);
BEGIN
    WITH judged AS MATERIALIZED (
        SELECT j.account_id, j.kept, j.epoch, j.was, j.portfolio, j.held
          FROM (SELECT coalesce(h.account_id, l.account_id) AS account_id, l.level AS kept, l.epoch, l.paused, l.portfolio AS was, h.portfolio,
                       margin_internal.kept_level(h.portfolio, judge_everyone.given, coalesce(l.level, 'healthy'), judge_everyone.ratios) AS held
                  FROM (SELECT a.account_id, a.portfolio
                          FROM (SELECT b.account_id, b.portfolio, row_number() OVER () AS n
                                  FROM account_portfolio AS b
                                 WHERE b.account_id IS NOT NULL) AS a
                         WHERE a.n % 1000 <> 0 OR margin_internal.report_progress(judge_everyone.progress, a.n, here.expected)
                        OFFSET 0) AS h
                  FULL JOIN account_level AS l ON l.account_id = h.account_id) AS j
         WHERE j.kept IS NULL OR j.held <> j.kept OR j.paused IS NOT NULL
            OR judge_everyone.present IS NOT NULL AND (NOT margin_internal.same_holdings(j.was, j.portfolio) OR j.epoch <= -2 OR j.epoch >= 0 AND j.epoch <> ALL (here.living))
    ), free AS (
        SELECT j.account_id, j.portfolio, w.mask, margin_internal.epoch_for(judge_everyone.present, j.epoch, w.room) AS epoch, coalesce(w.room, 0) AS room
          FROM judged AS j
          JOIN account_level AS l ON l.account_id = j.account_id AND l.epoch = j.epoch AND l.level = j.kept AND margin_internal.same_holdings(l.portfolio, j.was)
         CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(j.portfolio, judge_everyone.given, j.held, judge_everyone.ratios,
                                                                         margin_internal.room_wanted(j.epoch)) OFFSET 0) AS w
         WHERE judge_everyone.present IS NOT NULL AND j.held = j.kept
           FOR NO KEY UPDATE OF l SKIP LOCKED
    ), written AS (
        UPDATE account_level AS l SET portfolio = f.portfolio, epoch = f.epoch, room = f.room, mask = f.mask, paused = NULL
          FROM free AS f WHERE l.account_id = f.account_id
        RETURNING l.account_id, l.epoch
    )
    SELECT (SELECT array_agg(j.account_id::text) FROM judged AS j WHERE j.kept IS NULL),
           (SELECT array_agg(j.account_id::text) FROM judged AS j WHERE j.held <> coalesce(j.kept, 'healthy')),
           (SELECT array_agg(j.account_id::text) FROM judged AS j
             WHERE j.held = j.kept AND NOT EXISTS (SELECT FROM written AS w WHERE w.account_id = j.account_id)),
           (SELECT count(*) FROM written)
      INTO fresh, changed, strayed, anchored;
END
$$;
COMMENT ON FUNCTION margin_internal.judge_everyone(name, text, margin.market, numeric[], integer) IS
'Judges all accounts of a book by its rows. With a present epoch it keeps what they hold and anchors to it those that no epoch proves, and returns how many. Accounts without a level, those that changed, and those that strayed: stay at their level, but could not be written.';

-- Who is writing an account keeps what it holds by himself, unless he rolls back.
-- Nobody waits for an idle one.
CREATE FUNCTION margin_internal.keep_strayed(book name, accounts text[], cause text, OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    free text[];
BEGIN
    changes := 0;
    waiting := coalesce(accounts, '{}');
    FOR attempt IN 1 .. 5 LOOP
        EXIT WHEN waiting = '{}';
        PERFORM pg_sleep(0.01) WHERE attempt > 1;
        free := margin_internal.lock_free_levels(book, waiting);
        IF free <> '{}' THEN
            changes := changes + margin_internal.judge_levels(book, free, cause, NULL, false);
            waiting := ARRAY(SELECT w.account FROM unnest(waiting) AS w (account) EXCEPT SELECT f.account FROM unnest(free) AS f (account));
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION margin_internal.keep_strayed(name, text[], text) IS
'Keeps what accounts hold, and judges them once more, those that no other transaction is writing; returns how many changed, and who is still being written.';

CREATE FUNCTION margin_internal.some_not_entered(accounts text[]) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
#variable_conflict use_column
BEGIN
    RETURN EXISTS (SELECT FROM unnest(margin_internal.account_keys(some_not_entered.accounts, (NULL::account).account_id)) AS a (account_id)
                    WHERE NOT EXISTS (SELECT FROM account_level AS l WHERE l.account_id = a.account_id));
END
$$;
COMMENT ON FUNCTION margin_internal.some_not_entered(text[]) IS 'whether one of the accounts has no level that is seen yet, as another transaction is entering it';

CREATE FUNCTION margin_internal.refresh_everyone(book name, progress text, cause text, sources text) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    given CONSTANT margin.market := venue_market();
    ratios CONSTANT numeric[] := venue_release_ratios();
    keep CONSTANT boolean := sources IS NOT NULL AND current_setting('transaction_isolation') = 'read committed';
    watched CONSTANT boolean := margin_internal.levels_are_watched(sources);
    present integer;
    judged record;
    changes integer := 0;
    waiting text[] := '{}';
    strayed record;
BEGIN
    IF keep THEN
        -- an anchor holds for what is kept of its account; that is compared below
        IF NOT watched THEN
            UPDATE level_basis AS b SET sources = NULL WHERE b.sources IS NOT NULL;
        END IF;
        present := coalesce(margin_internal.present_epoch(given, ratios), (SELECT max(e.epoch) + 1 FROM level_epoch AS e), 0);
    ELSIF sources IS NULL THEN
        -- the tables may become again what they were, and writes be missed till then
        UPDATE level_basis AS b SET sources = NULL WHERE b.sources IS NOT NULL;
    END IF;
    judged := margin_internal.judge_everyone(book, progress, given, ratios, present);
    IF judged.fresh IS NOT NULL THEN
        PERFORM margin_internal.enter_levels(book, judged.fresh, given, ratios, present);
    END IF;
    IF keep AND (NOT watched OR judged.anchored > 0 OR judged.fresh IS NOT NULL OR judged.changed IS NOT NULL) THEN
        PERFORM margin_internal.enter_epoch(present, given, ratios, CASE WHEN watched THEN sources END,
                                            judged.anchored + coalesce(cardinality(judged.fresh), 0) + coalesce(cardinality(judged.changed), 0));
    END IF;
    IF judged.changed IS NOT NULL THEN
        SELECT w.changes, w.waiting INTO changes, waiting FROM margin_internal.write_free_levels(book, judged.changed, cause, false) AS w;
    END IF;
    strayed := margin_internal.keep_strayed(book, judged.strayed, cause);
    -- nobody was left out, so from now on writes are seen
    IF keep AND NOT watched AND waiting = '{}' AND strayed.waiting = '{}' AND NOT margin_internal.some_not_entered(judged.fresh)
       AND margin_internal.sources_are_settled('holding'::regclass) THEN
        UPDATE level_basis AS b SET sources = refresh_everyone.sources WHERE b.basis = (SELECT max(l.basis) FROM level_basis AS l);
    END IF;
    RETURN changes + strayed.changes;
END
$$;
COMMENT ON FUNCTION margin_internal.refresh_everyone(name, text, text, text) IS 'refresh_levels() of everyone, who are kept and anchored where all writes will be seen (sources, null where not)';

CREATE FUNCTION margin.refresh_levels(book name, everyone boolean DEFAULT false, cause text DEFAULT 'refresh') RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET row_security = off
SET application_name = 'margin: refresh'
SET jit = off
AS $$
DECLARE
    sources text;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF margin_internal.is_cluster(book) THEN
        RETURN (SELECT sum((a.result #>> '{}')::integer)
                  FROM margin_internal.ask_shards(book, 'refresh_levels', jsonb_build_object('everyone', everyone, 'cause', cause)) AS a);
    END IF;
    PERFORM margin_internal.refuse_distributed(book, 'levels cannot be kept here');

    -- One at a time: of two that each follow prices which the other does not
    -- see yet, the second sees both.  Not by account_level, which VACUUM locks alike.
    LOCK TABLE level_basis IN SHARE UPDATE EXCLUSIVE MODE;
    sources := margin_internal.level_sources('holding'::regclass);
    RETURN CASE
        WHEN everyone OR NOT margin_internal.levels_are_watched(sources)
        THEN margin_internal.refresh_everyone(book, 'refresh ' || left(book::text, 20), cause, sources)
        ELSE margin_internal.follow_market(book, cause, sources)
    END;
END
$$;
COMMENT ON FUNCTION margin.refresh_levels(name, boolean, text) IS
'Brings the levels of a book to the present market of its venue: changes those that moved as refresh_account_levels() does, and returns how many. With levels enabled on all its tables it judges the accounts that prices, terms or writes since the last refresh may have brought elsewhere, and proves the others; '
'everyone => true, and where levels are not enabled, judges all of them by their rows. Where nothing changed it writes nothing. It waits for other refreshes of the book to commit; margin.progress shows how far it is. '
'Accounts that change while another transaction holds their level come last: it waits for them, for no longer than lock_timeout (0: without bound) in all, a notice and margin.progress say for whom, and what is still held then is left to the next refresh with a warning. '
'Isolation levels and row security as there; an error (42704) where there is no such book.';
