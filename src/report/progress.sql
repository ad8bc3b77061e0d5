-- progress: how far long work is, for other sessions to read
--
-- A transaction's rows are seen by nobody else until it commits; the name of
-- its session is, at once.  So work that takes long writes into its
-- application_name how far it is.  No table, no lock and nothing to clean up:
-- whatever way the work ends, the name it had before comes back.

-- UNSAFE: nobody sets a parameter while parallel workers run, and a function
-- that is merely RESTRICTED runs in a leader while they do.
CREATE FUNCTION margin_internal.report_progress(what text, done bigint, total bigint) RETURNS boolean
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT set_config('application_name', format('margin: %s %s/%s', what, done, coalesce(total::text, '?')), true) IS NOT NULL;
END;
COMMENT ON FUNCTION margin_internal.report_progress(text, bigint, bigint) IS
'says in margin.progress how much of the total (null: not known) of its work this session has done; always true: WHERE n % 1000 <> 0 OR margin_internal.report_progress(...). Who calls it is declared with SET application_name, so that its end, good or bad, gives the name back';

CREATE VIEW margin.progress WITH (security_invoker = true) AS
SELECT a.pid, m.part[1] AS what, m.part[2]::bigint AS done, nullif(m.part[3], '?')::bigint AS total, a.query_start AS started
  FROM pg_catalog.pg_stat_activity AS a,
       LATERAL regexp_match(a.application_name, '^margin: (.+) ([0-9]{1,18})/([0-9]{1,18}|[?])$') AS m (part)
 WHERE a.datname = current_database() AND m.part IS NOT NULL;
COMMENT ON VIEW margin.progress IS
'how far the long work of sessions in this database is, as pg_stat_activity shows it in their application_name; a hint, as any session may call itself anything. A transaction that looks again calls pg_stat_clear_snapshot() before';
COMMENT ON COLUMN margin.progress.pid IS 'process of the session';
COMMENT ON COLUMN margin.progress.what IS 'what it is doing';
COMMENT ON COLUMN margin.progress.done IS 'how much of it is done, mostly accounts';
COMMENT ON COLUMN margin.progress.total IS 'how much there is to do, as far as that is known beforehand: done may end a little below or above; null: not known';
COMMENT ON COLUMN margin.progress.started IS 'when its statement began; null for a reader who may not look into that session';
GRANT SELECT ON margin.progress TO PUBLIC;
