-- page_figures: everything that the page tells of the accounts of a book
--
-- They are read once, into a set that the rest of one statement goes over; each
-- aggregate over it says how far it is.  What is not healthy is valued row by
-- row, the rest in the aggregates alone.

CREATE TYPE margin_internal.page_account AS (
    account_id text,
    level margin.level,
    equity numeric,
    maintenance_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    missing text[],
    explanation text
);
COMMENT ON TYPE margin_internal.page_account IS 'an account that the page names';
COMMENT ON COLUMN margin_internal.page_account.account_id IS 'the account';
COMMENT ON COLUMN margin_internal.page_account.level IS 'its level';
COMMENT ON COLUMN margin_internal.page_account.equity IS 'USD';
COMMENT ON COLUMN margin_internal.page_account.maintenance_margin IS 'USD';
COMMENT ON COLUMN margin_internal.page_account.shortfall IS 'USD';
COMMENT ON COLUMN margin_internal.page_account.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';
COMMENT ON COLUMN margin_internal.page_account.missing IS 'what it lacks to be valued; null: nothing';
COMMENT ON COLUMN margin_internal.page_account.explanation IS 'explain_text(), a line each; null: not asked for';

CREATE TYPE margin_internal.page_mover AS (
    account_id text,
    level_before margin.level,
    level_after margin.level,
    equity_before numeric,
    equity_by_holdings numeric,
    equity_by_prices numeric,
    equity_by_parameters numeric,
    equity_after numeric,
    room_by_holdings numeric,
    room_by_prices numeric,
    room_by_parameters numeric
);
COMMENT ON TYPE margin_internal.page_mover IS 'an account that changed level, as report_movers says';
COMMENT ON COLUMN margin_internal.page_mover.account_id IS 'the account';
COMMENT ON COLUMN margin_internal.page_mover.level_before IS 'its level then';
COMMENT ON COLUMN margin_internal.page_mover.level_after IS 'its level at the time of the page';
COMMENT ON COLUMN margin_internal.page_mover.equity_before IS 'USD, then';
COMMENT ON COLUMN margin_internal.page_mover.equity_by_holdings IS 'what changed holdings added, USD';
COMMENT ON COLUMN margin_internal.page_mover.equity_by_prices IS 'what changed prices then added, USD';
COMMENT ON COLUMN margin_internal.page_mover.equity_by_parameters IS 'what changed parameters then added, USD';
COMMENT ON COLUMN margin_internal.page_mover.equity_after IS 'USD, at the time of the page';
COMMENT ON COLUMN margin_internal.page_mover.room_by_holdings IS 'what changed holdings added to equity less maintenance margin, USD';
COMMENT ON COLUMN margin_internal.page_mover.room_by_prices IS 'what changed prices then added to it, USD';
COMMENT ON COLUMN margin_internal.page_mover.room_by_parameters IS 'what changed parameters then added to it, USD';

CREATE TYPE margin_internal.level_change AS (
    level_before margin.level,
    level_after margin.level,
    accounts bigint
);
COMMENT ON TYPE margin_internal.level_change IS 'how many accounts went from one level to another';
COMMENT ON COLUMN margin_internal.level_change.level_before IS 'from here';
COMMENT ON COLUMN margin_internal.level_change.level_after IS 'to here';
COMMENT ON COLUMN margin_internal.level_change.accounts IS 'how many';

-- ---------------------------------------------------------------------------
-- The scenarios of the page: moves of the market, of the assets that matter
-- most, and the scenarios of the venue.  Their names are numbers, as those of the
-- venue may be as long as names may be.
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_exposed(market margin.market, assets margin_internal.asset_sum[], contracts margin_internal.contract_sum[]) RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(e.asset ORDER BY e.usd DESC, e.asset COLLATE "C")
      FROM (SELECT part.asset, sum(part.usd) AS usd
              FROM (SELECT a.asset, abs((coalesce(a.asset_equity, 0) - a.owed) * t.price) AS usd, false AS traded
                      FROM unnest(assets) AS a JOIN margin.assets(market) AS t ON t.asset = a.asset
                     UNION ALL
                    SELECT t.base, greatest(c.long, c.short) * t.contract_size * c.mark * s.price, c.long > 0 OR c.short > 0
                      FROM unnest(contracts) AS c
                      JOIN margin.contracts(market) AS t ON t.contract = c.contract
                      JOIN margin.assets(market) AS s ON s.asset = c.settle) AS part
              JOIN margin.assets(market) AS terms ON terms.asset = part.asset
             WHERE terms.price IS NOT NULL
             GROUP BY part.asset
            HAVING sum(part.usd) > 0
               AND (bool_or(part.traded) OR bool_and(coalesce(margin_internal.first_rate(terms.tiers), 0) < 1))
             ORDER BY sum(part.usd) DESC, part.asset COLLATE "C"
             LIMIT 3) AS e;
END;
COMMENT ON FUNCTION margin_internal.page_exposed(margin.market, margin_internal.asset_sum[], margin_internal.contract_sum[]) IS
'the assets whose price matters most to all accounts together, the largest first, three at most, as report_exposed_assets(); null: none';

CREATE FUNCTION margin_internal.page_steady(market margin.market, contracts margin_internal.contract_sum[]) RETURNS text[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT array_agg(a.asset ORDER BY a.asset COLLATE "C")
      FROM margin.assets(market) AS a
     WHERE margin_internal.first_rate(a.tiers) = 1
       AND NOT EXISTS (SELECT FROM unnest(contracts) AS c JOIN margin.contracts(market) AS t ON t.contract = c.contract
                        WHERE t.base = a.asset AND (c.long > 0 OR c.short > 0));
END;
COMMENT ON FUNCTION margin_internal.page_steady(margin.market, margin_internal.contract_sum[]) IS
'the assets that stay where they are while the market moves: what counts in full as collateral and no position is on, as stablecoins; null: none';

CREATE FUNCTION margin_internal.page_moves(assets text[], OUT n bigint, OUT asset text, OUT move numeric) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 36
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY a.n, m.n), a.asset, m.move
      FROM unnest(array_prepend(NULL, assets)) WITH ORDINALITY AS a (asset, n),
           unnest('{-0.5,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.5}'::numeric[]) WITH ORDINALITY AS m (move, n)
     ORDER BY 1;
END;
COMMENT ON FUNCTION margin_internal.page_moves(text[]) IS 'the moves that the page shows, numbered: of the market (asset null), then of each of these assets';

CREATE FUNCTION margin_internal.page_stressed(market margin.market, scenarios margin.price_move[], OUT n bigint, OUT scenario text, OUT lacking boolean) RETURNS SETOF record
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT row_number() OVER (ORDER BY s.scenario COLLATE "C"), s.scenario,
           bool_or(s.asset IS NOT NULL AND a.asset IS NULL OR s.contract IS NOT NULL AND c.contract IS NULL)
      FROM unnest(scenarios) AS s
      LEFT JOIN margin.assets(market) AS a ON a.asset = s.asset
      LEFT JOIN margin.contracts(market) AS c ON c.contract = s.contract
     GROUP BY s.scenario
     ORDER BY 1;
END;
COMMENT ON FUNCTION margin_internal.page_stressed(margin.market, margin.price_move[]) IS 'the scenarios of a venue, numbered, and whether one names what the market lacks';

CREATE FUNCTION margin_internal.page_scenarios(market margin.market, exposed text[], steady text[], scenarios margin.price_move[]) RETURNS margin.price_move[]
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT coalesce(array_agg(ROW(s.name, s.asset, s.contract, s.relative, s.price)::margin.price_move), '{}')
      FROM (SELECT 'move ' || m.n AS name, m.asset, NULL::text AS contract, m.move AS relative, NULL::numeric AS price
              FROM margin_internal.page_moves(exposed) AS m
             UNION ALL
            SELECT 'move ' || m.n, a.asset, NULL, 0, NULL
              FROM margin_internal.page_moves(exposed) AS m, unnest(steady) AS a (asset)
             WHERE m.asset IS NULL
             UNION ALL
            SELECT 'stress ' || k.n, s.asset, s.contract, s.relative, s.price
              FROM margin_internal.page_stressed(market, scenarios) AS k JOIN unnest(scenarios) AS s ON s.scenario = k.scenario
             WHERE NOT k.lacking) AS s;
END;
COMMENT ON FUNCTION margin_internal.page_scenarios(margin.market, text[], text[], margin.price_move[]) IS
'page_moves() as scenarios "move <n>" and those of a venue as "stress <n>", for scenario_totals()';

-- ---------------------------------------------------------------------------
-- What is found before the accounts are read
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_since(book name, stated timestamptz, since timestamptz) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF since IS NOT NULL THEN
        RETURN snapshot_at(since);
    END IF;
    RETURN coalesce((SELECT s.taken_at FROM snapshot AS s WHERE s.taken_at <= stated - interval '1 day' ORDER BY s.taken_at DESC LIMIT 1),
                    (SELECT min(s.taken_at) FROM snapshot AS s WHERE s.taken_at < stated));
END
$$;
COMMENT ON FUNCTION margin_internal.page_since(name, timestamptz, timestamptz) IS
'the snapshot that a page compares with: the latest at or before an instant (an error if there is none), for null the latest that is a day older than the page, or else the first there is; null: there is none before it';

-- Whoever may not read the row of the venue sees the id alone.
CREATE FUNCTION margin_internal.published_at(venue name, id bigint) RETURNS timestamptz
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    published CONSTANT regclass := to_regclass(format('%I.published_market', venue));
    found_at timestamptz;
BEGIN
    IF id IS NOT NULL AND published IS NOT NULL AND has_table_privilege(published, 'SELECT') THEN
        EXECUTE format('SELECT p.at FROM %s AS p WHERE p.id = $1', published) INTO found_at USING id;
    END IF;
    RETURN found_at;
END
$$;
COMMENT ON FUNCTION margin_internal.published_at(name, bigint) IS 'the instant whose market a venue has published under an id; null where the caller cannot see it or another has been published since';

-- ---------------------------------------------------------------------------
-- All of it
-- ---------------------------------------------------------------------------

CREATE FUNCTION margin_internal.page_figures(
    book name, as_of timestamptz, stated timestamptz, since timestamptz, market margin.market,
    OUT totals margin_internal.book_totals, OUT exposed text[], OUT steady text[], OUT scenarios margin_internal.scenario_total[], OUT rooms bigint[],
    OUT lacking bigint, OUT shortfalls margin_internal.page_account[], OUT worst margin_internal.page_account[], OUT unpriced margin_internal.page_account[],
    OUT changes margin_internal.level_change[], OUT movers margin_internal.page_mover[]
) RETURNS SETOF record
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1
SET search_path = pg_catalog, pg_temp
SET application_name = 'margin: page'
AS $$
DECLARE
    -- else a healthy account may lack something
    whole CONSTANT boolean := (SELECT t.margin_ratio <= 1 FROM margin.thresholds(market) AS t WHERE t.level = 'warning');
    stress margin.price_move[];
    expected bigint;
    was_form margin.snapshot_form;
    was_market margin.market;
BEGIN
    PERFORM margin_internal.enter_book(book);
    stress := venue_scenarios();
    expected := (SELECT s.accounts FROM snapshot AS s WHERE s.taken_at <= stated ORDER BY s.taken_at DESC LIMIT 1);
    was_form := (SELECT s.form FROM snapshot AS s WHERE s.taken_at = since);
    was_market := CASE WHEN since IS NOT NULL THEN snapshot_market(since) END;

    RETURN QUERY
    WITH held AS MATERIALIZED (
        SELECT p.account_id, p.portfolio, p.n
          FROM (SELECT q.account_id, q.portfolio, row_number() OVER () AS n FROM portfolios(as_of) AS q) AS p
         WHERE p.n % 1000 <> 0 OR margin_internal.report_progress('page, reading', p.n, expected)
    ), total AS MATERIALIZED (
        SELECT margin_internal.book_totals(h.account_id::text, h.portfolio, market, 5) AS t, count(*) AS accounts
          FROM held AS h
         WHERE h.n % 1000 <> 0 OR margin_internal.report_progress('page, adding up', h.n, expected)
    ), course AS MATERIALIZED (
        SELECT margin_internal.page_exposed(market, (t.t).assets, (t.t).contracts) AS exposed,
               margin_internal.page_steady(market, (t.t).contracts) AS steady
          FROM total AS t
    ), moved AS MATERIALIZED (
        SELECT margin_internal.scenario_totals(h.portfolio, market, (SELECT margin_internal.page_scenarios(market, c.exposed, c.steady, stress) FROM course AS c)) AS t
          FROM held AS h
         WHERE h.n % 1000 <> 0 OR margin_internal.report_progress('page, moving prices', h.n, (SELECT t.accounts FROM total AS t))
    ), troubled AS MATERIALIZED (
        SELECT h.account_id, h.portfolio, margin.evaluate(h.portfolio, market) AS v
          FROM (SELECT k.account_id, k.portfolio FROM held AS k
                 WHERE margin.level(k.portfolio, market) <> 'healthy' OR NOT whole AND margin.shortfall(k.portfolio, market) > 0 OFFSET 0) AS h
    ), was AS MATERIALIZED (
        SELECT a.account_id, a.portfolio, a.level
          FROM account_snapshot AS a WHERE was_form = 'full' AND a.taken_at = since AND a.level <> 'healthy'
         UNION ALL
        SELECT a.account_id, a.portfolio, a.level
          FROM (SELECT p.account_id, p.portfolio, margin.level(p.portfolio, was_market) AS level
                  FROM portfolios(since) AS p WHERE was_form <> 'full' OFFSET 0) AS a
         WHERE a.level <> 'healthy'
    ), changed AS MATERIALIZED (
        -- whoever is in neither is healthy, or was not there, or is not any more
        SELECT account_id, w.portfolio AS before, coalesce(w.level, 'healthy') AS level_before, coalesce((t.v).level, 'healthy') AS level_after
          FROM was AS w FULL JOIN troubled AS t USING (account_id)
         WHERE since IS NOT NULL AND coalesce(w.level, 'healthy') <> coalesce((t.v).level, 'healthy')
    ), named AS MATERIALIZED (
        SELECT c.account_id, c.before, coalesce(h.portfolio, '{}') AS portfolio, h.v
          FROM (SELECT k.account_id, k.before, k.level_after, g.portfolio, margin.evaluate(coalesce(g.portfolio, '{}'), market) AS v
                  FROM changed AS k LEFT JOIN held AS g USING (account_id) OFFSET 0) AS h
          JOIN changed AS c USING (account_id)
         ORDER BY h.level_after DESC, (h.v).equity - (h.v).maintenance_margin, c.account_id
         LIMIT 10
    ), before AS MATERIALIZED (
        SELECT n.account_id, n.before AS portfolio FROM named AS n WHERE n.before IS NOT NULL
         UNION ALL
        SELECT a.account_id, a.portfolio
          FROM account_snapshot AS a
         WHERE was_form <> 'changes' AND a.taken_at = since AND a.account_id IN (SELECT n.account_id FROM named AS n WHERE n.before IS NULL)
         UNION ALL
        SELECT p.account_id, p.portfolio
          FROM portfolios(since) AS p
         WHERE was_form = 'changes' AND p.account_id IN (SELECT n.account_id FROM named AS n WHERE n.before IS NULL)
    ), steps AS MATERIALIZED (
        SELECT n.account_id, n.v AS fourth, margin.evaluate(coalesce(b.portfolio, '{}'), was_market) AS first,
               margin.evaluate(n.portfolio, was_market) AS second, margin.evaluate(n.portfolio, margin.with_prices(was_market, market)) AS third
          FROM named AS n LEFT JOIN before AS b USING (account_id)
    )
    SELECT (SELECT t.t FROM total AS t), (SELECT c.exposed FROM course AS c), (SELECT c.steady FROM course AS c),
           (SELECT (m.t).scenarios FROM moved AS m), (SELECT (m.t).rooms FROM moved AS m),
           (SELECT count(*) FROM troubled AS t WHERE (t.v).shortfall > 0),
           ARRAY(SELECT ROW(t.account_id, (t.v).level, (t.v).equity, (t.v).maintenance_margin, (t.v).shortfall, (t.v).margin_ratio, NULL, NULL)::margin_internal.page_account
                   FROM troubled AS t WHERE (t.v).shortfall > 0 ORDER BY (t.v).shortfall DESC, t.account_id LIMIT 10),
           ARRAY(SELECT ROW(t.account_id, (t.v).level, (t.v).equity, (t.v).maintenance_margin, (t.v).shortfall, (t.v).margin_ratio, NULL,
                            (SELECT string_agg(e.line, E'\n' ORDER BY e.n) FROM margin.explain_text(t.portfolio, market) WITH ORDINALITY AS e (line, n)))::margin_internal.page_account
                   FROM (SELECT * FROM troubled AS k WHERE (k.v).level BETWEEN 'warning' AND 'bankrupt'
                          ORDER BY (k.v).equity - (k.v).maintenance_margin, k.account_id LIMIT 5) AS t
                  ORDER BY (t.v).equity - (t.v).maintenance_margin, t.account_id),
           ARRAY(SELECT ROW(t.account_id, (t.v).level, NULL, NULL, NULL, NULL, (t.v).missing, NULL)::margin_internal.page_account
                   FROM troubled AS t WHERE (t.v).level = 'unpriced' ORDER BY t.account_id LIMIT 20),
           ARRAY(SELECT ROW(c.level_before, c.level_after, count(*))::margin_internal.level_change
                   FROM changed AS c GROUP BY c.level_before, c.level_after ORDER BY c.level_after DESC, c.level_before),
           ARRAY(SELECT ROW(s.account_id, (s.first).level, (s.fourth).level, (s.first).equity, (s.second).equity - (s.first).equity,
                            (s.third).equity - (s.second).equity, (s.fourth).equity - (s.third).equity, (s.fourth).equity,
                            (s.second).equity - (s.second).maintenance_margin - (s.first).equity + (s.first).maintenance_margin,
                            (s.third).equity - (s.third).maintenance_margin - (s.second).equity + (s.second).maintenance_margin,
                            (s.fourth).equity - (s.fourth).maintenance_margin - (s.third).equity + (s.third).maintenance_margin)::margin_internal.page_mover
                   FROM steps AS s ORDER BY (s.fourth).level DESC, (s.fourth).equity - (s.fourth).maintenance_margin, s.account_id);
END
$$;
COMMENT ON FUNCTION margin_internal.page_figures(name, timestamptz, timestamptz, timestamptz, margin.market) IS
'what the page tells of the accounts of a book, now or of a snapshot, in a market, each read once: sums; the assets that matter most and those that stay while the market moves; page_scenarios(); how far prices may move; how many lack something; the accounts that lack most, ten; that are worst, five, explained; that are unpriced, 20; who changed level since another snapshot, ten of them with the reason. The totals are null where there are no accounts';
