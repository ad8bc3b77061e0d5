-- Hostile text and bytes: refused with a message, bounded, and the server
-- goes on.  Byte strings go through the binary entrance by COPY in the TAP
-- tests; here through the receive functions' text rules.
\set VERBOSITY terse
SET search_path = margin, public;
-- what an input says, without the value
CREATE FUNCTION pg_temp.refusal(type regtype, input text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SELECT %L::%s', input, type);
    RETURN 'accepted';
EXCEPTION WHEN OTHERS THEN
    RETURN sqlstate || ' ' || left(sqlerrm, 60);
END
$$;

-- a million brackets, in every place
SELECT t, pg_temp.refusal(t, repeat('[', 1000000)), pg_temp.refusal(t, repeat('{"a":', 1000000)),
       pg_temp.refusal(t, '{"assets": ' || repeat('{"a":', 1000000)), pg_temp.refusal(t, '{"balances": {"a": ' || repeat('[', 1000000))
  FROM unnest(ARRAY['market', 'portfolio', 'schedule']::regtype[]) t;
-- a million tiers
SELECT pg_temp.refusal('schedule', '{' || string_agg(i || ': 1', ', ' ORDER BY i) || '}') FROM generate_series(0, 1000000) i;
SELECT pg_temp.refusal('market', '{"assets": {"A": {"tiers": "{' || string_agg(i || ': 1', ', ' ORDER BY i) || '}"}}}') FROM generate_series(0, 1000000) i;
-- a million digits, a huge exponent, a number that is none
SELECT n, pg_temp.refusal('schedule', format('{0: %s}', v)), pg_temp.refusal('portfolio', format('{"balances": {"A": %s}}', v)),
       pg_temp.refusal('market', format('{"assets": {"A": {"price": %s}}}', v))
  FROM (VALUES (1, repeat('9', 1000000)), (2, '1e131071'), (3, '1e-16383'), (4, '1e99999999999999999999'), (5, 'NaN'), (6, 'Infinity'),
               (7, '-'), (8, '1e'), (9, '0x10'), (10, '1_000'), (11, '.'), (12, '--1'), (13, '1 2'), (14, '')) v (n, v);
-- the digits that are allowed, and one more
SELECT pg_temp.refusal('portfolio', format('{"balances": {"A": %s}}', '1' || repeat('0', 999))),
       pg_temp.refusal('market', format('{"assets": {"A": {"price": %s}}}', '1' || repeat('0', 1000))),
       pg_temp.refusal('market', format('{"assets": {"A": {"price": 0.%s1}}}', repeat('0', 999))),
       pg_temp.refusal('market', format('{"assets": {"A": {"price": 0.%s1}}}', repeat('0', 1000)));
-- a name that is too long, in bytes that must not be cut apart
SELECT pg_temp.refusal('portfolio', format('{"balances": {"%s": 1}}', repeat('é', 128))),
       pg_temp.refusal('portfolio', format('{"balances": {"%s": 1}}', repeat('é', 127)));
SELECT pg_temp.refusal('portfolio', '{"balances": {"a\u0000b": 1}}');
-- every prefix of a good value is refused, none crashes
SELECT count(*) AS accepted_prefixes
  FROM (VALUES ('portfolio'::regtype, '{"balances": {"BTC": 1.5}, "positions": {"P": {"long": 3, "long_cost": 195000, "long_margin": 0.3}}}'),
               ('market', '{"assets": {"BTC": {"price": 68000, "tiers": "{0: 0.975, 1: 0.97}", "tier_unit": "quantity"}}, "levels": {"warning": 0.6}}'),
               ('schedule', 'whole {0: 0.004, 50000: 0.005}')) v (t, good),
       LATERAL generate_series(0, length(good) - 1) n
 WHERE pg_temp.refusal(t, left(good, n)) = 'accepted';
-- a portfolio of 100,000 symbols works
SELECT length(p::text) > 1000000 AS large, p - p = '{}' AS undone, p + p - p = p AS exact
  FROM (SELECT portfolio('SYMBOL_' || i, i) AS p FROM generate_series(1, 100000) i) x;
-- the transition and receive functions cannot be reached around their types
CREATE FUNCTION pg_temp.fails(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
    RETURN false;
EXCEPTION WHEN OTHERS THEN
    RETURN true;
END
$$;
SELECT pg_temp.fails($$SELECT portfolio_accum(NULL, 'a', 1)$$), pg_temp.fails($$SELECT portfolio_deserialize('\x00', NULL)$$),
       pg_temp.fails($$SELECT schedule_recv('x')$$);
