-- watch: which accounts the prices may have moved out of the level they are kept at
--
-- An account that is judged is anchored: account_level keeps the epoch, that is
-- the prices by which it was judged (level_epoch), and the room within which
-- these may move while its level is proven (safe_move()).  A tick computes how
-- far each symbol has moved since each epoch, and judges
--
--   those whose room that leaves, found by the index on (epoch, room);
--   those written since they were judged last: epoch -2, set by the writer in
--     the same update that stores the account's portfolio, and those entered but
--     not judged yet: epoch -3;
--   those that have hardly any room or cannot be valued: epoch -1.
--
-- The room is absolute, from the prices of the epoch: what one tick misses,
-- because a writer had not committed yet, the next one sees.
--
-- An epoch refers to the terms that it was judged by (level_basis).  A symbol
-- whose terms have changed counts as moved without bounds, and all of them do
-- where thresholds, rules or release ratios have changed.
--
-- All this holds only while writes are seen.  level_sources() describes the
-- tables that the book reads and their triggers; where that is another than at
-- the last full pass, or some table has no trigger, a full pass is made.

CREATE FUNCTION margin_internal.market_prices(market margin.market) RETURNS double precision[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_market_prices';
COMMENT ON FUNCTION margin_internal.market_prices(margin.market) IS
'The prices of a market by number: of its assets in byte order (their low), then of its contracts; NaN for one that is missing. Behind them, for each asset in doubt, minus its number and its high. Rounded, not to be used for amounts.';

CREATE FUNCTION margin_internal.terms_now(was margin.market, "is" margin.market) RETURNS integer[]
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_terms_now';
COMMENT ON FUNCTION margin_internal.terms_now(margin.market, margin.market) IS
'For each symbol of the first market, in the order of market_prices(), its number in the second, from 1, or 0 where it is gone or has other terms; null where thresholds of levels or rules differ.';

CREATE FUNCTION margin_internal.price_moves(terms_now integer[], was double precision[], "is" double precision[]) RETURNS double precision[]
    LANGUAGE C IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_price_moves';
COMMENT ON FUNCTION margin_internal.price_moves(integer[], double precision[], double precision[]) IS
'How far prices have moved, in proportion to what they were and never too little: for each bit of a mask, and last the largest. Infinity for a price that came or went, for changed terms, and for all where terms_now is null.';

CREATE FUNCTION margin_internal.out_of_room(mask bigint, room double precision, moves double precision[]) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE COST 2 AS 'MODULE_PATHNAME', 'margin_out_of_room';
COMMENT ON FUNCTION margin_internal.out_of_room(bigint, double precision, double precision[]) IS
'Whether a symbol in the mask has moved by more than the room.';

CREATE FUNCTION margin_internal.same_holdings(a margin.portfolio, b margin.portfolio) RETURNS boolean
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN a IS NULL OR b IS NULL THEN a IS NULL AND b IS NULL ELSE a OPERATOR(margin.=) b END;
COMMENT ON FUNCTION margin_internal.same_holdings(margin.portfolio, margin.portfolio) IS 'a IS NOT DISTINCT FROM b, whatever the search path';

-- ---------------------------------------------------------------------------
-- Are all writes seen?
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.view_reads(view regclass) RETURNS oid[]
    LANGUAGE C STABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_view_reads';
COMMENT ON FUNCTION margin_internal.view_reads(regclass) IS
'The view, and the views and tables that it reads through them; null where a function or operator in one is not immutable, and so may read anything, or tell the time.';

-- Each part of the state is null where something may be missed: in a view nothing;
-- of a table its kind (one whose rows are here, and are there after a crash), the
-- trigger, an account column that cannot be null (nobody's rows have no level),
-- and children, whose triggers are their own affair.
CREATE FUNCTION margin_internal.level_sources(holding regclass) RETURNS text
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
BEGIN
    -- its plan is kept by the session, as that of an SQL function is not; to make it takes longer than all else that a tick does
    RETURN (
    WITH read (relation) AS MATERIALIZED (
        SELECT r FROM unnest(margin_internal.view_reads(holding)) AS r
    ), levels AS (
        SELECT g.tgrelid, g.tgname, convert_from(substring(g.tgargs FROM 1 FOR position(decode('00', 'hex') IN g.tgargs) - 1), getdatabaseencoding()) AS account_column
          FROM pg_trigger AS g
          JOIN pg_depend AS d ON d.classid = 'pg_trigger'::regclass AND d.objid = g.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = holding
         WHERE g.tgparentid = 0 AND g.tgfoid = 'margin_internal.collect_account'::regproc
           -- arguments end with a zero byte each
           AND substring(g.tgargs FROM octet_length(g.tgargs) - 6) = decode('6c6576656c7300', 'hex')
    ), part (relation, root) AS (
        SELECT r.relation, r.relation FROM read AS r
        UNION
        SELECT p.relid, r.relation FROM read AS r JOIN pg_class AS c ON c.oid = r.relation AND c.relkind = 'p', pg_partition_tree(r.relation::regclass) AS p
    ), source AS MATERIALIZED (
        SELECT c.oid,
               CASE c.relkind
                   WHEN 'p' THEN 'partitioned'
                   -- replaced by another, as may be what it calls
                   WHEN 'v' THEN (SELECT min(w.xmin::text) || coalesce(':' || string_agg(f.oid || ' ' || f.xmin, ':' ORDER BY f.oid), '')
                                    FROM pg_rewrite AS w
                                    LEFT JOIN pg_depend AS d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
                                    LEFT JOIN pg_proc AS f ON f.oid = CASE d.refclassid
                                        WHEN 'pg_proc'::regclass THEN d.refobjid
                                        WHEN 'pg_operator'::regclass THEN (SELECT o.oprcode::oid FROM pg_operator AS o WHERE o.oid = d.refobjid) END
                                   WHERE w.ev_class = c.oid)
                   -- rewritten, truncated, or with its trigger switched
                   WHEN 'r' THEN (SELECT c.relfilenode || ':' || string_agg(g.oid || ' ' || g.xmin, ':' ORDER BY g.oid)
                                    FROM levels AS l
                                    JOIN pg_trigger AS g ON g.tgrelid = c.oid AND g.tgname = l.tgname AND g.tgenabled IN ('O', 'A')
                                    JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = l.account_column AND a.attnotnull AND NOT a.attisdropped
                                   WHERE l.tgrelid = p.root AND c.relpersistence = 'p' AND NOT EXISTS (SELECT FROM pg_inherits AS i WHERE i.inhparent = c.oid)
                                     -- what a subscription applies fires none
                                     AND NOT EXISTS (SELECT FROM pg_subscription_rel AS sr WHERE sr.srrelid = c.oid OR sr.srrelid IN (SELECT a.relid FROM pg_partition_ancestors(c.oid) AS a)))
               END AS state
          FROM part AS p JOIN pg_class AS c ON c.oid = p.relation
    )
    SELECT CASE WHEN bool_and(s.state IS NOT NULL) THEN encode(sha256(convert_to(string_agg(s.oid || '=' || s.state, ';' ORDER BY s.oid), 'UTF8')), 'hex') END
      FROM source AS s);
END
$$;
COMMENT ON FUNCTION margin_internal.level_sources(regclass) IS
'What tells whether writes to a book may have been missed: its views, its tables and their triggers of levels, as one text that changes with them. Null unless every table that the view holding reads is permanent, in no subscription, and has such a trigger, enabled, on an account column that is NOT NULL, and no function in the view may read what has none.';

-- A second change in one transaction leaves no trace in the catalogs: what is
-- younger than the transaction may change once more.
CREATE FUNCTION margin_internal.sources_are_settled(holding regclass) RETURNS boolean
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
SET jit = off
BEGIN ATOMIC
    SELECT NOT EXISTS (
        SELECT FROM unnest(margin_internal.view_reads(holding)) AS r,
               LATERAL (SELECT c.xmin FROM pg_class AS c WHERE c.oid = r OR c.oid IN (SELECT p.relid FROM pg_partition_tree(r::regclass) AS p)
                        UNION ALL SELECT w.xmin FROM pg_rewrite AS w WHERE w.ev_class = r
                        UNION ALL SELECT g.xmin FROM pg_trigger AS g WHERE g.tgrelid = r OR g.tgrelid IN (SELECT p.relid FROM pg_partition_tree(r::regclass) AS p)) AS made
         WHERE age(made.xmin) <= age(pg_current_xact_id()::xid));
END;
COMMENT ON FUNCTION margin_internal.sources_are_settled(regclass) IS 'whether no view, table or trigger of a book has been changed by the present transaction, or by one that began after it';

-- The functions of this room that name tables bare are called by those that
-- have entered the book.

CREATE FUNCTION margin_internal.levels_are_watched(sources text) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
AS $$
BEGIN
    RETURN coalesce(sources = (SELECT b.sources FROM level_basis AS b ORDER BY b.basis DESC LIMIT 1), false);
END
$$;
COMMENT ON FUNCTION margin_internal.levels_are_watched(text) IS 'whether all writes since the last full pass were seen, so that account_level.portfolio is what each account holds';

-- What is kept of an account stands in one row, whoever may see which of its rows.
CREATE FUNCTION margin_internal.rows_are_hidden(holding regclass) RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
RETURN EXISTS (SELECT FROM unnest(margin_internal.view_reads(holding)) AS r WHERE row_security_active(r));
COMMENT ON FUNCTION margin_internal.rows_are_hidden(regclass) IS 'whether row security applies to the current user in a table that the view reads';

CREATE FUNCTION margin_internal.levels_are_kept(levels regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(levels);
    RETURN margin_internal.levels_are_watched(margin_internal.level_sources('holding'::regclass))
       AND NOT margin_internal.rows_are_hidden('holding'::regclass);
END
$$;
COMMENT ON FUNCTION margin_internal.levels_are_kept(regclass) IS 'whether the book of that account_level keeps what its accounts hold, as of the last commit, and row security hides none of them from the current user';

CREATE FUNCTION margin_internal.require_kept(levels regclass) RETURNS boolean
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    book text;
BEGIN
    IF NOT margin_internal.levels_are_kept(levels) THEN
        book := (SELECT c.relnamespace::regnamespace::text FROM pg_class AS c WHERE c.oid = levels);
        PERFORM margin_internal.enter(levels);
        IF margin_internal.rows_are_hidden('holding'::regclass) THEN
            RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', SCHEMA = book,
                MESSAGE = format('row security hides accounts of book %s from role "%s"', book, current_user),
                DETAIL = 'What is kept with their levels would show all of them.',
                HINT = 'Read account_margin.';
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', SCHEMA = book,
            MESSAGE = format('what the accounts of book %s hold is not kept', book),
            DETAIL = 'Levels are not enabled on every table that it reads, or these or their triggers have changed since the last refresh.',
            HINT = format('margin.enable_levels(%1$L), then, in another transaction, margin.refresh_levels(%1$L); or read account_margin.', book);
    END IF;
    RETURN true;
END
$$;
COMMENT ON FUNCTION margin_internal.require_kept(regclass) IS 'an error unless levels_are_kept()';

CREATE FUNCTION margin_internal.forget_levels() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter(TG_RELID);
    UPDATE level_basis SET sources = NULL;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION margin_internal.forget_levels() IS 'trigger of account_level, for rows that somebody removes: the next refresh is a full pass';

-- ---------------------------------------------------------------------------
-- Epochs
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.same_terms(was margin.market, "is" margin.market) RETURNS boolean
    LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE AS 'MODULE_PATHNAME', 'margin_same_terms';
COMMENT ON FUNCTION margin_internal.same_terms(margin.market, margin.market) IS 'whether two markets differ in their prices alone, so that their symbols have the same numbers';

CREATE FUNCTION margin_internal.present_epoch(given margin.market, ratios numeric[]) RETURNS integer
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
AS $$
BEGIN
    RETURN (SELECT e.epoch
              FROM (SELECT * FROM level_epoch AS l ORDER BY l.epoch DESC LIMIT 1) AS e
              JOIN level_basis AS b ON b.basis = e.basis
             WHERE e.prices = margin_internal.market_prices(given)
               AND b.release_ratios IS NOT DISTINCT FROM ratios AND margin_internal.same_terms(b.market, given));
END
$$;
COMMENT ON FUNCTION margin_internal.present_epoch(margin.market, numeric[]) IS 'the last epoch, if it is of this very market; else null';

CREATE FUNCTION margin_internal.present_basis(given margin.market, ratios numeric[], seen text) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    last level_basis%ROWTYPE;
BEGIN
    SELECT * INTO last FROM level_basis AS b ORDER BY b.basis DESC LIMIT 1;
    IF NOT FOUND OR last.sources IS DISTINCT FROM seen OR last.release_ratios IS DISTINCT FROM ratios
       OR NOT margin_internal.same_terms(last.market, given) THEN
        last.basis := coalesce(last.basis, 0) + 1;
        INSERT INTO level_basis (basis, market, release_ratios, sources) VALUES (last.basis, given, ratios, seen);
    END IF;
    RETURN last.basis;
END
$$;
COMMENT ON FUNCTION margin_internal.present_basis(margin.market, numeric[], text) IS 'the last basis, if it is of these terms; else a new one';

-- An epoch that holds few accounts costs every tick as much as one that holds
-- many.  The accounts of the smallest are judged by the next tick, which finds
-- them room in an epoch of its own.
CREATE FUNCTION margin_internal.retire_epochs(present integer) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    most CONSTANT integer := 128;
    smallest integer;
BEGIN
    IF (SELECT count(*) FROM level_epoch) <= most THEN
        RETURN;
    END IF;
    DELETE FROM level_epoch AS e WHERE e.epoch <> present AND NOT EXISTS (SELECT FROM account_level AS l WHERE l.epoch = e.epoch);
    IF (SELECT count(*) FROM level_epoch) > most THEN
        SELECT e.epoch INTO smallest FROM level_epoch AS e WHERE e.epoch <> present ORDER BY e.accounts, e.epoch LIMIT 1;
        WITH free AS (
            SELECT l.account_id FROM account_level AS l WHERE l.epoch = smallest FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE account_level AS l SET epoch = -1 FROM free WHERE l.account_id = free.account_id;
    END IF;
    DELETE FROM level_basis AS b
     WHERE b.basis < (SELECT max(n.basis) FROM level_basis AS n) AND NOT EXISTS (SELECT FROM level_epoch AS e WHERE e.basis = b.basis);
END
$$;
COMMENT ON FUNCTION margin_internal.retire_epochs(integer) IS 'keeps the number of epochs near 128: those go that no account is anchored to, and the accounts of the smallest are judged by the next refresh';

CREATE FUNCTION margin_internal.enter_epoch(number integer, given margin.market, ratios numeric[], seen text, anchored bigint) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    INSERT INTO level_epoch (epoch, basis, prices, accounts)
    VALUES (number, margin_internal.present_basis(given, ratios, seen), margin_internal.market_prices(given), anchored)
        ON CONFLICT DO NOTHING;
    PERFORM margin_internal.retire_epochs(number);
END
$$;
COMMENT ON FUNCTION margin_internal.enter_epoch(integer, margin.market, numeric[], text, bigint) IS 'the epoch to which so many accounts were just anchored, unless it is there already';

-- ---------------------------------------------------------------------------
-- A tick
-- ---------------------------------------------------------------------------

-- Room below this is not worth an anchor: the account is judged by every tick,
-- and written again only when it has found twice as much.  bigint: until they are
-- upgraded, books of 1.0 have such epochs.
CREATE FUNCTION margin_internal.room_wanted(epoch bigint) RETURNS double precision
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN epoch = -1 THEN 0.001 ELSE 0.0005 END;
COMMENT ON FUNCTION margin_internal.room_wanted(bigint) IS 'room from which an account that was in an epoch is anchored to the present one, in proportion to prices';

-- Whoever is out of his room and keeps his level is judged by every tick until he
-- is anchored anew, which costs some sixteen judgements.  So it waits for his turn,
-- one tick in sixteen: many prices come back before, and a crash has to write none
-- but those whose level changed.  Turns go by the clock, as prices may come and go
-- among a few, and by what tells accounts apart, or all who hold the same would have
-- theirs at once.
CREATE FUNCTION margin_internal.has_turn(mask bigint, room double precision, turn integer) RETURNS boolean
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN (hashint8(mask) # hashfloat8(room) # turn) & 15 = 0;
COMMENT ON FUNCTION margin_internal.has_turn(bigint, double precision, integer) IS 'whether a tick of that turn looks for the room of an account that is kept with that mask and room';

CREATE FUNCTION margin_internal.epoch_for(present integer, was bigint, room double precision) RETURNS integer
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN room >= margin_internal.room_wanted(was) THEN present ELSE -1 END;
COMMENT ON FUNCTION margin_internal.epoch_for(integer, bigint, double precision) IS 'the epoch of an account that has so much room in the prices of the present one, and was in another; -1 where there is hardly any, or none (null)';

-- One statement, by plans made once: a plan costs more than a tick that finds
-- nobody.  An account is found in its index, from the end where there is least
-- room, by scans that clear away what they find dead there; its row is read only
-- if it is out of its room.
--
-- What is written is the version that was judged, by its level, epoch and
-- holdings: so the lock on its row has nothing new to show, and the judgement
-- stands.  It is of the market as this refresh sees it; whoever sets another
-- refreshes after this one.  Its row is found by its key, not by its place: that
-- scan marks what is dead in the index of keys, where it would gather.
CREATE FUNCTION margin_internal.judge_moved(given margin.market, ratios numeric[], pausing jsonb, present integer, cause text, writes boolean,
                                            OUT changes integer, OUT anchored bigint, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
SET plan_cache_mode = force_generic_plan
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    present_prices CONSTANT double precision[] := margin_internal.market_prices(judge_moved.given);
    -- move since the last epoch
    largest CONSTANT double precision := (SELECT coalesce((margin_internal.price_moves(margin_internal.terms_now(b.market, judge_moved.given), e.prices, here.present_prices))[65], 1)
                                            FROM level_epoch AS e JOIN level_basis AS b ON b.basis = e.basis ORDER BY e.epoch DESC LIMIT 1);
    turn CONSTANT integer := hashfloat8(extract(epoch FROM clock_timestamp())::float8);
BEGIN
    WITH basis AS MATERIALIZED (
        SELECT b.basis, CASE WHEN b.release_ratios IS NOT DISTINCT FROM judge_moved.ratios THEN margin_internal.terms_now(b.market, judge_moved.given) END AS terms_now
          FROM level_basis AS b
    ), moved AS MATERIALIZED (
        SELECT e.epoch, margin_internal.price_moves(b.terms_now, e.prices, here.present_prices) AS moves
          FROM level_epoch AS e JOIN basis AS b ON b.basis = e.basis
    ), near AS (
        SELECT l.*, margin_internal.has_turn(l.mask, l.room, here.turn) AS has_turn FROM account_level AS l WHERE l.epoch < 0
        UNION ALL
        -- where terms have changed or prices come, go or double, nothing will bring him back
        SELECT l.*, margin_internal.has_turn(l.mask, l.room, here.turn) OR margin_internal.out_of_room(l.mask, 1, m.moves)
          FROM moved AS m
         CROSS JOIN LATERAL (
               SELECT a.account_id FROM account_level AS a
                WHERE a.epoch = m.epoch AND a.room <= m.moves[65] AND margin_internal.out_of_room(a.mask, a.room, m.moves)
               OFFSET 0) AS o
          JOIN account_level AS l ON l.account_id = o.account_id
    ), looked_at AS (
        SELECT n.*,
               -- whose level has only just changed has no more room than prices have moved, unless he had no price
               CASE WHEN n.has_turn OR n.epoch < -1 OR n.level = 'unpriced' OR here.largest > margin_internal.room_wanted(n.epoch) THEN margin_internal.room_wanted(n.epoch) ELSE 'Infinity' END AS room_wanted
          FROM near AS n
         -- of those that are judged hardly one has another level
         WHERE n.has_turn OR n.epoch < -1 OR n.paused IS NOT NULL
            OR margin_internal.kept_level(n.portfolio, judge_moved.given, n.level, judge_moved.ratios) IS DISTINCT FROM n.level
    ), judged AS MATERIALIZED (
        SELECT n.account_id, n.level, n.epoch, n.portfolio, n.paused AS was_paused, b.held AS held_by,
               CASE WHEN b.held IS NULL THEN w.level ELSE n.level END AS held, CASE WHEN b.held IS NOT NULL THEN w.level END AS paused,
               w.mask, w.room,
               CASE WHEN b.held IS NULL THEN margin_internal.epoch_for(judge_moved.present, n.epoch, w.room) ELSE -1 END AS epoch_now
          FROM looked_at AS n
         CROSS JOIN LATERAL (SELECT * FROM margin_internal.watch_account(n.portfolio, judge_moved.given, n.level, judge_moved.ratios, n.room_wanted) OFFSET 0) AS w
         CROSS JOIN LATERAL (SELECT margin_internal.held_back_by(CASE WHEN n.epoch <> -3 THEN n.level END, w.level, n.portfolio, judge_moved.given, judge_moved.pausing) AS held OFFSET 0) AS b
    ), free AS (
        SELECT j.*
          FROM judged AS j
          JOIN account_level AS l ON l.account_id = j.account_id AND l.epoch = j.epoch AND l.level = j.level AND margin_internal.same_holdings(l.portfolio, j.portfolio)
         WHERE judge_moved.writes AND (j.held <> j.level OR j.epoch_now >= 0 OR j.epoch <> -1 OR j.paused IS DISTINCT FROM j.was_paused)
           FOR NO KEY UPDATE OF l SKIP LOCKED
    ), written AS (
        UPDATE account_level AS l
           SET level = f.held, since = CASE WHEN f.held = f.level THEN l.since ELSE now() END, epoch = f.epoch_now,
               -- whom every tick judges has no room: so his entry in the index stays
               room = CASE WHEN f.epoch_now = -1 THEN 0 ELSE f.room END, mask = f.mask, paused = f.paused
          FROM free AS f
         WHERE l.account_id = f.account_id
        RETURNING l.account_id, f.level AS from_level, l.level AS to_level, l.portfolio, l.epoch, f.was_paused, f.paused, f.held_by
    ), event AS (
        INSERT INTO level_event (account_id, from_level, to_level, equity, maintenance_margin, prices, cause, paused, held, market_id)
        SELECT w.account_id, w.from_level, w.to_level,
               CASE WHEN w.portfolio IS NULL THEN 0::numeric ELSE margin.judged_equity(w.portfolio, judge_moved.given) END,
               CASE WHEN w.portfolio IS NULL THEN 0::numeric ELSE margin.maintenance_margin(w.portfolio, judge_moved.given) END,
               coalesce(margin.prices(w.portfolio, judge_moved.given), '{}'), judge_moved.cause, w.paused, w.held_by,
               (SELECT margin_internal.market_id(judge_moved.given))
          FROM written AS w
         WHERE w.to_level <> w.from_level OR w.paused <> coalesce(w.was_paused, w.from_level)
         ORDER BY w.account_id
        RETURNING from_level, to_level
    )
    SELECT (SELECT count(*) FROM event AS e WHERE e.to_level <> e.from_level),
           (SELECT count(*) FROM written AS w WHERE w.epoch = judge_moved.present),
           (SELECT array_agg(u.account_id::text)
              FROM (SELECT j.account_id FROM judged AS j WHERE j.held <> j.level EXCEPT SELECT w.account_id FROM written AS w) AS u)
      INTO changes, anchored, waiting;
END
$$;
COMMENT ON FUNCTION margin_internal.judge_moved(margin.market, numeric[], jsonb, integer, text, boolean) IS
'Judges, in a market, the accounts of a book whose level is not proven there by where they are anchored, writes the levels that changed with their events, anchors whom it can to the present epoch, and returns how many; waiting: whose level is another but was not written, as others were writing it or without writes.';

CREATE FUNCTION margin_internal.anchor_moved(given margin.market, ratios numeric[], cause text, sources text, writes boolean,
                                             OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    last CONSTANT integer := margin_internal.present_epoch(given, ratios);
    present CONSTANT integer := coalesce(last, (SELECT max(e.epoch) + 1 FROM level_epoch AS e), 0);
    judged record;
BEGIN
    judged := margin_internal.judge_moved(given, ratios, venue_pausing_prices(), present, cause, writes);
    IF last IS NULL AND judged.anchored > 0 THEN
        PERFORM margin_internal.enter_epoch(present, given, ratios, sources, judged.anchored);
    END IF;
    changes := judged.changes;
    waiting := judged.waiting;
END
$$;
COMMENT ON FUNCTION margin_internal.anchor_moved(margin.market, numeric[], text, text, boolean) IS
'judge_moved() in the present epoch of the book, entered if it is a new one';

-- A transaction that sees one instant cannot pass by the accounts that others
-- have written since: so if there is one, it anchors nobody this time.
CREATE FUNCTION margin_internal.anchor_as_seen(given margin.market, ratios numeric[], cause text, sources text, OUT changes integer, OUT waiting text[])
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    SELECT a.changes, a.waiting INTO changes, waiting FROM margin_internal.anchor_moved(given, ratios, cause, sources, true) AS a;
EXCEPTION WHEN serialization_failure OR unique_violation THEN
    SELECT a.changes, a.waiting INTO changes, waiting FROM margin_internal.anchor_moved(given, ratios, cause, sources, false) AS a;
END
$$;
COMMENT ON FUNCTION margin_internal.anchor_as_seen(margin.market, numeric[], text, text) IS
'anchor_moved() of a transaction that sees one instant: it writes unless another one has written one of the accounts since';

CREATE FUNCTION margin_internal.follow_market(book name, cause text, sources text) RETURNS integer
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
DECLARE
    given CONSTANT margin.market := venue_market();
    ratios CONSTANT numeric[] := venue_release_ratios();
    -- with an older snapshot rows must not be written as if it were the present one
    writes CONSTANT boolean := margin_internal.judges_by_the_present();
    moved record;
    later integer := 0;
BEGIN
    IF writes AND current_setting('transaction_isolation') <> 'read committed' THEN
        moved := margin_internal.anchor_as_seen(given, ratios, cause, sources);
    ELSE
        moved := margin_internal.anchor_moved(given, ratios, cause, sources, writes);
    END IF;
    IF moved.waiting IS NOT NULL THEN
        SELECT w.changes INTO later FROM margin_internal.write_free_levels(book, moved.waiting, cause, true) AS w;
    END IF;
    RETURN moved.changes + later;
END
$$;
COMMENT ON FUNCTION margin_internal.follow_market(name, text, text) IS 'refresh_levels() of a book all of whose writes are seen: by what it keeps of the accounts that may have changed';

-- ---------------------------------------------------------------------------
-- Checking
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin.check_levels(book name)
RETURNS TABLE (account text, kept_level margin.level, judged_level margin.level, difference text)
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
SET row_security = off
AS $$
#variable_conflict use_column
<<here>>
DECLARE
    given margin.market;
    ratios numeric[];
    pausing jsonb;
    watched boolean;
BEGIN
    PERFORM margin_internal.enter_book(book);
    PERFORM margin_internal.refuse_distributed(book, 'levels cannot be kept here');
    given := venue_market();
    ratios := venue_release_ratios();
    pausing := venue_pausing_prices();
    watched := margin_internal.levels_are_watched(margin_internal.level_sources('holding'::regclass));
    RETURN QUERY
        SELECT j.account_id::text, j.level, j.judged,
               concat_ws(', ', CASE WHEN j.level IS NULL THEN 'never judged' WHEN j.level <> j.judged AND margin_internal.held_back_by(j.level, j.judged, j.portfolio, here.given, here.pausing) IS NULL THEN 'level' END, CASE WHEN j.strayed THEN 'portfolio' END)
          FROM (SELECT coalesce(p.account_id, l.account_id) AS account_id, l.level, p.portfolio,
                       margin_internal.kept_level(p.portfolio, here.given, coalesce(l.level, 'healthy'), here.ratios) AS judged,
                       here.watched AND l.account_id IS NOT NULL AND NOT margin_internal.same_holdings(l.portfolio, p.portfolio) AS strayed
                  FROM (SELECT * FROM account_portfolio AS h WHERE h.account_id IS NOT NULL) AS p
                  FULL JOIN account_level AS l ON l.account_id = p.account_id) AS j
         WHERE (j.level IS DISTINCT FROM j.judged AND margin_internal.held_back_by(j.level, j.judged, j.portfolio, here.given, here.pausing) IS NULL) OR j.strayed
         ORDER BY j.account_id;
END
$$;
COMMENT ON FUNCTION margin.check_levels(name) IS
'Compares the level that each account of a book is kept at with the one at which its rows and the present market would keep it, and, where levels are enabled, what is kept of its holdings with its rows; one row for each difference, none where all is right. '
'Reads everything and changes nothing; prices set and writes committed since the last refresh show as differences of level. refresh_levels(book, everyone => true) mends all. Null levels: never judged.';
