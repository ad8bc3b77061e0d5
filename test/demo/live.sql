-- The demo book as it would run all day: levels kept, writes guarded, a
-- snapshot to compare with; and a tick to watch (demo.tick).

\set ON_ERROR_STOP on
SET client_min_messages = warning;
SET search_path = pg_catalog;

SELECT margin.enable_levels('desk'), margin.enable_guard('desk') \g /dev/null
-- The first judges everybody, the second finds an anchor for those whose level is new.
SELECT margin.refresh_levels('desk') \g /dev/null
SELECT margin.refresh_levels('desk') \g /dev/null
SELECT margin.load_scenarios('desk') \g /dev/null
SELECT margin.prepare_snapshots('desk') \g /dev/null
SELECT margin.take_snapshot('desk') \g /dev/null
VACUUM ANALYZE desk.account_level;

CREATE FUNCTION demo.move(asset text, factor numeric) RETURNS integer
    LANGUAGE sql
BEGIN ATOMIC
    SELECT s.applied
    FROM margin.set_prices('desk', json_build_object(
        'assets', (SELECT json_object_agg(i.asset, trim_scale(i.price * factor)) FROM desk.index_price AS i WHERE i.asset = move.asset),
        'contracts', (SELECT json_object_agg(m.contract, trim_scale(m.price * factor))
                      FROM desk.mark_price AS m JOIN desk.contract AS c ON c.contract = m.contract WHERE c.base = move.asset))) AS s;
END;
COMMENT ON FUNCTION demo.move(text, numeric) IS 'multiplies the prices of an asset and of the contracts on it';

-- Whom a refresh judges is counted by its own rule (src/book/watch.sql).
CREATE FUNCTION demo.tick(asset text, factor numeric) RETURNS TABLE ("what happens" text, "how many" text)
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    accounts CONSTANT bigint := (SELECT count(*) FROM desk.account_level);
    began timestamptz;
    took interval;
    near bigint;
    moved bigint;
    changed integer;
    missed bigint;
BEGIN
    -- A price feed has made its plans long ago. So they are made here before
    -- anything is timed, by ticks that are rolled back.
    FOR _ IN 1 .. 3 LOOP
        BEGIN
            PERFORM demo.move(asset, factor);
            PERFORM margin.refresh_levels('desk');
            RAISE SQLSTATE 'DEMO1';
        EXCEPTION WHEN SQLSTATE 'DEMO1' THEN
            NULL;
        END;
    END LOOP;

    began := clock_timestamp();
    PERFORM demo.move(asset, factor);
    took := clock_timestamp() - began;

    near := (SELECT count(*) FROM desk.account_level AS l WHERE l.epoch < 0);
    moved := (SELECT count(*)
              FROM desk.level_epoch AS e
              JOIN desk.level_basis AS b ON b.basis = e.basis
              CROSS JOIN LATERAL (SELECT margin_internal.price_moves(margin_internal.terms_now(b.market, m), e.prices, margin_internal.market_prices(m)) AS moves
                                  FROM desk.market() AS m OFFSET 0) AS m
              JOIN desk.account_level AS l ON l.epoch = e.epoch AND margin_internal.out_of_room(l.mask, l.room, m.moves));

    began := clock_timestamp();
    changed := margin.refresh_levels('desk');
    took := took + (clock_timestamp() - began);
    began := clock_timestamp();
    missed := (SELECT count(*) FROM margin.check_levels('desk'));

    RETURN QUERY VALUES
        ('accounts in the book', to_char(accounts, 'FM999,999,990')),
        ('proven to stay at their level, so not looked at', to_char(accounts - near - moved, 'FM999,999,990')),
        ('next to an edge or unpriced, so judged by every tick', to_char(near, 'FM999,999,990')),
        ('judged because of this tick', to_char(moved, 'FM999,999,990')),
        ('levels changed', to_char(changed, 'FM999,999,990')),
        ('the tick took', to_char(extract(epoch FROM took) * 1000, 'FM999,990.0 "ms"')),
        ('changes it missed, by a look at the whole book', to_char(missed, 'FM999,999,990')),
        ('that look took', to_char(extract(epoch FROM clock_timestamp() - began) * 1000, 'FM999,990.0 "ms"'));
END
$$;
COMMENT ON FUNCTION demo.tick(text, numeric) IS 'moves the prices of an asset, refreshes the levels of the book, and says whom that has judged';
