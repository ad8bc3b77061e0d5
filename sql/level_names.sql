-- Levels compared with names in parameters, as drivers declare them; what is
-- written into a query stays what it was.
\set VERBOSITY terse
CREATE TABLE account (id int, level margin.level, name varchar);
INSERT INTO account SELECT i, (enum_range(NULL::margin.level))[1 + CASE WHEN i % 1000 = 0 THEN i / 1000 % 5 + 1 ELSE 0 END], 'margin_call' FROM generate_series(1, 30000) AS i;
INSERT INTO account VALUES (0, NULL, 'healthy');
CREATE INDEX ON account (level);
VACUUM ANALYZE account;
CREATE FUNCTION pg_temp.plan(query text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    line text;
    plan text := '';
BEGIN
    FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
        IF line ~ '(Cond|Filter):' THEN plan := plan || btrim(line) || '; '; END IF;
    END LOOP;
    RETURN plan;
END
$$;

-- every operator, both ways round, text and varchar: what the enum's own says
CREATE FUNCTION pg_temp.counts(type text, operator text) RETURNS TABLE (comparison text, agrees boolean, indexed boolean) LANGUAGE plpgsql AS $$
DECLARE
    known CONSTANT text[] := enum_range(NULL::margin.level)::text[];
    a text;
    query text;
    condition text;
    n bigint;
    m bigint;
BEGIN
    FOREACH query IN ARRAY ARRAY['level %1$s $1', '$1 %1$s level'] LOOP
        condition := format(query, operator);
        comparison := condition || ' ' || type;
        agrees := true;
        EXECUTE format('PREPARE asked(%s) AS SELECT count(*) FROM account WHERE %s', type, condition);
        FOREACH a IN ARRAY known LOOP
            EXECUTE format('EXECUTE asked(%L)', a) INTO n;
            EXECUTE format('SELECT count(*) FROM account WHERE %s', replace(condition, '$1', format('%L::margin.level', a))) INTO m;
            agrees := agrees AND n = m;
        END LOOP;
        EXECUTE 'EXECUTE asked(NULL)' INTO n;
        agrees := agrees AND n = 0;
        SET LOCAL enable_seqscan = off;
        indexed := pg_temp.plan('EXECUTE asked(''warning'')') LIKE 'Index Cond: (level %';
        RESET enable_seqscan;
        DEALLOCATE asked;
        RETURN NEXT;
    END LOOP;
END
$$;
SELECT c.* FROM unnest('{text,varchar,varchar(20)}'::text[]) AS type, unnest('{=,<>,<,<=,>,>=}'::text[]) AS operator, pg_temp.counts(type, operator) AS c;

-- other forms
PREPARE listed(text, varchar) AS SELECT level, count(*) FROM account WHERE level IN ($1, $2) GROUP BY 1 ORDER BY 1;
EXECUTE listed('warning', 'bankrupt');
PREPARE array_of(text[]) AS SELECT level, count(*) FROM account WHERE level = ANY ($1) GROUP BY 1 ORDER BY 1;
EXECUTE array_of('{warning,bankrupt}');
PREPARE none_of(varchar[]) AS SELECT count(*) FROM account WHERE level <> ALL ($1);
EXECUTE none_of('{healthy}');
PREPARE within(text, text) AS SELECT count(*) FROM account WHERE level BETWEEN $1 AND $2;
EXECUTE within('margin_call', 'bankrupt');
PREPARE distinct_from(text) AS SELECT count(*) FROM account WHERE level IS DISTINCT FROM $1;
EXECUTE distinct_from('healthy');
PREPARE chosen(text) AS SELECT DISTINCT CASE level WHEN $1 THEN 'so' ELSE 'otherwise' END AS said, nullif(level, $1) FROM account WHERE level <= 'warning' ORDER BY 1;
EXECUTE chosen('healthy');
PREPARE undeclared AS SELECT count(*) FROM account WHERE level = $1;
EXECUTE undeclared('warning');
SELECT parameter_types FROM pg_prepared_statements WHERE name = 'undeclared';
SELECT count(*) FROM account WHERE level = name;
DEALLOCATE ALL;

-- a name that is none
\set VERBOSITY default
PREPARE asked(text) AS SELECT count(*) FROM account WHERE level = $1;
EXECUTE asked('liqidation');
EXECUTE asked('Warning');
EXECUTE asked('');
\set VERBOSITY terse
EXECUTE asked(repeat('x', 1000));

-- literals and everything else
SELECT query, pg_temp.plan('SELECT FROM account WHERE ' || query) FROM unnest(ARRAY[
    $$level = 'warning'$$, $$'warning' < level$$, $$level = ANY ('{warning}')$$, $$level IN ('warning', 'bankrupt')$$,
    $$(level, id) > ('warning', 3)$$, $$level IS DISTINCT FROM 'healthy'$$, $$name = 'warning'$$, $$'warning' = name$$, $$name = 'a'::text$$, $$name < 'a'::name$$]) AS query;
SELECT FROM account WHERE level = 'warnig';
CREATE TYPE pg_temp.mood AS ENUM ('healthy');
SELECT 'healthy'::pg_temp.mood = 'healthy'::text;
SELECT 'healthy'::pg_temp.mood = 'healthy'::margin.level;
SELECT level = 1 FROM account;
SELECT level = 'healthy'::name FROM account;
-- what views keep can be read back
CREATE VIEW kept AS SELECT id FROM account WHERE level = name AND level < 'bankrupt' AND level <> ALL ('{warning}'::text[] || 'healthy'::text);
SELECT pg_get_viewdef('kept') AS def \gset
CREATE VIEW again AS :def
SELECT (SELECT count(*) FROM kept), (SELECT count(*) FROM again) AS again;
DROP TABLE account CASCADE;
