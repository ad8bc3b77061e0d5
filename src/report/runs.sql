-- runs: everything a scheduled risk report does, as one procedure for pg_cron,
-- a systemd timer or a crontab line to call

CREATE TYPE margin.run_status AS ENUM ('running', 'done', 'failed', 'skipped');
COMMENT ON TYPE margin.run_status IS 'how a run of run_reports() ended: skipped means that the one before it was still running';

-- ---------------------------------------------------------------------------
-- What a run writes down
--
-- A run is a row of the book's report_run that says running, and the statement
-- that wrote it, which pg_stat_activity tells by its process and its start.
-- A lock that lasts for a whole run would be one of the session, which anybody
-- may take; these need the rights of who runs reports.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.is_running(process integer, since timestamptz) RETURNS boolean
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL RESTRICTED
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT EXISTS (SELECT FROM pg_catalog.pg_stat_activity AS a
                    WHERE a.pid = process AND a.pid <> pg_backend_pid() AND a.datname = current_database()
                      AND (a.state = 'active' AND a.query_start = since
                           -- not told to the caller, or to nobody
                           OR a.backend_start IS NULL OR a.state = 'disabled'));
END;
COMMENT ON FUNCTION margin_internal.is_running(integer, timestamptz) IS
'whether another process of this database still runs the statement that it began at an instant; where that cannot be seen, as the caller may not look into its session or the session does not report it, whether there is such a process';

CREATE FUNCTION margin_internal.start_run(book name) RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    run bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    -- Whoever else starts waits until the row of this one is there.
    LOCK TABLE report_run IN SHARE UPDATE EXCLUSIVE MODE;
    UPDATE report_run AS r SET status = 'failed', finished_at = clock_timestamp(), error = 'its session ended before it did'
     WHERE r.status = 'running' AND NOT margin_internal.is_running(r.pid, r.started_at);
    IF EXISTS (SELECT FROM report_run AS r WHERE r.status = 'running') THEN
        INSERT INTO report_run (finished_at, status) VALUES (clock_timestamp(), 'skipped');
        RETURN NULL;
    END IF;
    INSERT INTO report_run DEFAULT VALUES RETURNING id INTO run;
    RETURN run;
END
$$;
COMMENT ON FUNCTION margin_internal.start_run(name) IS 'notes a new run of reports and returns its number, or notes that it is skipped and returns null; those whose sessions ended are noted as failed';

CREATE FUNCTION margin_internal.note_step(book name, run bigint, at_step text) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    UPDATE report_run AS r SET step = at_step WHERE r.id = run;
END
$$;
COMMENT ON FUNCTION margin_internal.note_step(name, bigint, text) IS 'notes the step that a run is at';

CREATE FUNCTION margin_internal.run_step(book name, run bigint, at_step text, form margin.snapshot_form) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    changes integer;
    taken timestamptz;
    dropped integer;
    pruned bigint;
    venue name;
BEGIN
    PERFORM margin_internal.enter_book(book);
    CASE at_step
        WHEN 'partitions' THEN
            PERFORM margin.prepare_snapshots(book);
        WHEN 'levels' THEN
            -- where they are kept on the shards, they are refreshed there
            changes := CASE WHEN NOT margin_internal.is_distributed('holding'::regclass) THEN margin.refresh_levels(book, cause => 'report') END;
            UPDATE report_run AS r SET level_changes = changes WHERE r.id = run;
        WHEN 'snapshot' THEN
            taken := margin.take_snapshot(book, form);
            UPDATE report_run AS r SET taken_at = taken WHERE r.id = run;
        WHEN 'retention' THEN
            dropped := margin.prune_snapshots(book);
            -- The prices of a venue are the business of its owner.
            SELECT n.nspname INTO venue FROM pg_namespace AS n
             WHERE n.oid = (about()).venue AND pg_has_role(n.nspowner, 'USAGE');
            IF FOUND THEN
                pruned := margin.prune_price_history(venue);
            END IF;
            UPDATE report_run AS r SET days_dropped = dropped, prices_pruned = pruned WHERE r.id = run;
    END CASE;
    -- what would fail at COMMIT fails here
    SET CONSTRAINTS ALL IMMEDIATE;
END
$$;
COMMENT ON FUNCTION margin_internal.run_step(name, bigint, text, margin.snapshot_form) IS 'takes one step of a run, partitions, levels, snapshot or retention, and notes what it did';

CREATE FUNCTION margin_internal.end_run(book name, run bigint, code text, failure text) RETURNS void
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    UPDATE report_run AS r
       SET finished_at = clock_timestamp(), sqlstate = code, error = failure,
           status = CASE WHEN failure IS NULL THEN 'done' ELSE 'failed' END::margin.run_status,
           step = CASE WHEN failure IS NOT NULL THEN r.step END
     WHERE r.id = run;
END
$$;
COMMENT ON FUNCTION margin_internal.end_run(name, bigint, text, text) IS 'notes that a run is done, or at null for no error, with which SQLSTATE and message it failed';

-- ---------------------------------------------------------------------------
-- The procedure
--
-- Each step is a transaction of its own, and what it did is there whatever
-- becomes of the next.  So it cannot pin its search path once and for all: it
-- does so at the start of each transaction, which is READ COMMITTED whatever
-- the session's default, as it has to see what others have noted.
-- ---------------------------------------------------------------------------

CREATE PROCEDURE margin.run_reports(book name, form margin.snapshot_form DEFAULT 'full')
LANGUAGE plpgsql
AS $$
DECLARE
    run bigint;
    -- declared before the path is pinned
    at_step pg_catalog.text;
    code pg_catalog.text;
    failure pg_catalog.text;
BEGIN
    -- An error here, inside of a transaction block, comes before all else.
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
    run := margin_internal.start_run(book);
    IF run IS NULL THEN
        RAISE WARNING 'reports are still being run: skipped';
        RETURN;
    END IF;

    FOREACH at_step IN ARRAY '{partitions,levels,snapshot,retention}'::pg_catalog.text[] LOOP
        PERFORM margin_internal.note_step(book, run, at_step);
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        PERFORM pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);
        BEGIN
            PERFORM margin_internal.run_step(book, run, at_step, form);
        EXCEPTION WHEN query_canceled OR OTHERS THEN
            GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, failure = MESSAGE_TEXT;
        END;
        EXIT WHEN failure IS NOT NULL;
    END LOOP;

    PERFORM margin_internal.end_run(book, run, code, failure);
    COMMIT;
    IF failure IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = code, MESSAGE = pg_catalog.format('reports failed at %s: %s', at_step, failure),
            HINT = pg_catalog.format('See run %s in %I.report_run.', run, book);
    END IF;
END
$$;
COMMENT ON PROCEDURE margin.run_reports(name, margin.snapshot_form) IS
'what a schedule calls: makes the partitions of the coming days, refreshes levels, takes a snapshot in that form, and drops the snapshots (and, where the venue is the caller''s, the prices) that snapshot_retention and price_retention no longer keep; a transaction each, each noted in the book''s report_run. A call while another runs is skipped with a warning; an error is noted, ends the run, and is raised again. For the owner of the book, not inside of a transaction block';

-- ---------------------------------------------------------------------------
-- Its schedule.  pg_cron need not be there to install margin, so its functions
-- are named in texts only.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.report_job(book name) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN 'margin reports of ' || book;
COMMENT ON FUNCTION margin_internal.report_job(name) IS 'the name that pg_cron knows the reports of a book by';

CREATE FUNCTION margin.schedule_reports(book name, cron text, form margin.snapshot_form DEFAULT 'full') RETURNS bigint
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    job bigint;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF cron IS NULL OR form IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'a schedule and a form of snapshot must be given',
            HINT = format('For example margin.schedule_reports(%L, ''*/5 * * * *'').', book);
    END IF;
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('database "%s" has no pg_cron to schedule reports with', current_database()),
            HINT = format('CREATE EXTENSION pg_cron in the database that cron.database_name names, '
                          'or let a systemd timer or a crontab line run: psql -c "CALL margin.run_reports(%L)".', book);
    END IF;
    EXECUTE 'SELECT cron.schedule($1, $2, $3)' INTO job
      USING margin_internal.report_job(book), cron, format('CALL margin.run_reports(%L, %L)', book, form);
    RETURN job;
END
$$;
COMMENT ON FUNCTION margin.schedule_reports(name, text, margin.snapshot_form) IS
'lets pg_cron call run_reports(book, form) by a schedule such as ''*/5 * * * *'' (cron.timezone, by default GMT), as the role that calls this, under the name "margin reports of <book>", in place of what was scheduled before; returns the number of the job. An error without pg_cron in this database, for null, and where pg_cron refuses the schedule';

CREATE FUNCTION margin.unschedule_reports(book name) RETURNS boolean
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    unscheduled boolean := false;
BEGIN
    -- The book may be gone already.
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_cron') THEN
        EXECUTE 'SELECT coalesce(bool_or(cron.unschedule(jobid)), false) FROM cron.job WHERE jobname = $1 AND username = current_user'
           INTO unscheduled USING margin_internal.report_job(book);
    END IF;
    RETURN unscheduled;
END
$$;
COMMENT ON FUNCTION margin.unschedule_reports(name) IS 'takes the job of schedule_reports(book) away from pg_cron, and returns whether there was one of the calling role; the book need not exist any more';
