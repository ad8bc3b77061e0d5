# The prices of an asset at which an account is liquidated, or bankrupt, against
# search on evaluate(), for random accounts of every kind whose contracts are on
# the asset, settle in it, or both, half of them with open orders, in markets with
# doubtful prices and every rule.
#
# Nothing here knows how an answer is found, nor in which units.  What an
# account is at a price is asked of evaluate() with all amounts counted in
# units that are price * present price times as small, in which every mark is a
# decimal; and where the marks of shock() are not rounded, of shock(), too.
# With coarse ticks every multiple on the way is looked at; with fine ones the
# answer, its neighbour and places at random.  MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# Fewer where arithmetic is slow; rather many markets, as accounts of one are much alike.
use constant { MARKETS => $ENV{FORCE_NUMERIC} ? 24 : 60, ACCOUNTS => 4, SHOWN => 3 };

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('solve_asset');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;

# An error would otherwise be hidden in a log, behind the whole statement.
sub sql
{
	my ($status, $output, $error) = $node->psql('postgres', $_[0], timeout => 600);
	return $output if $status == 0;
	diag "MARGIN_SEED=$seed\n", substr($error, 0, 4000);
	die 'a statement failed';
}

# How many rows a query finds wrong; shows some of them.
sub none_wrong
{
	my ($query, $name) = @_;
	my $wrong = sql("SELECT count(*) FROM ($query) AS wrong");
	is($wrong, 0, $name)
	  or diag "MARGIN_SEED=$seed\n", sql("SELECT jsonb_pretty(to_jsonb(wrong)) FROM ($query) AS wrong LIMIT " . SHOWN);
}

# Enough of something to mean anything?  As many in a hundred markets of eight accounts.
sub enough
{
	my ($query, $least, $name) = @_;
	my $count = sql("SELECT count(*) FROM $query");
	cmp_ok($count, '>=', $least * MARKETS * ACCOUNTS / 800, "$name: $count");
}

sql('CREATE EXTENSION margin');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS, rules => 1, orders => 0.5));

sql(q{
CREATE SCHEMA solve;
SET search_path = solve, margin, public;

-- What contracts are on: any asset, one that is not there, or nothing.  Every other market is one around its first
-- asset, with rates as venues have them: contracts on it, contracts settled in it, others.
UPDATE random.market
   SET market = jsonb_set(m, '{contracts}', (
		SELECT coalesce(jsonb_object_agg(c.key, c.value
			   || CASE WHEN market_id % 2 = 0 AND n % 2 = 0 THEN jsonb_build_object('settle', first) ELSE '{}' END
			   || CASE WHEN market_id % 2 = 0 THEN jsonb_build_object('maintenance', (
					  SELECT schedule(t[1]::numeric, t[2]::numeric * 0.01, CASE WHEN c.value ->> 'maintenance' LIKE 'whole%' THEN 'whole'::tier_method ELSE 'marginal' END)::text
					  FROM regexp_matches(c.value ->> 'maintenance', '([0-9.]+): ([0-9.]+)', 'g') AS t))
					   ELSE '{}' END
			   || CASE WHEN n % 3 > 0 AND market_id % 2 = 0 THEN jsonb_build_object('base', first)
					   WHEN n % 4 = 0 THEN '{}'
					   WHEN n % 7 = 1 THEN '{"base": "nowhere"}'
					   ELSE jsonb_build_object('base', (SELECT key FROM jsonb_object_keys(m -> 'assets') AS a (key) ORDER BY md5(a.key || c.key) LIMIT 1)) END), '{}')
		FROM jsonb_each(m -> 'contracts') WITH ORDINALITY AS c (key, value, n)
		WHERE c.value ? 'maintenance' OR market_id % 2 = 1))::text::market
  FROM (SELECT market_id AS id, market::text::jsonb AS m,
			   (SELECT key FROM jsonb_each(market::text::jsonb -> 'assets') AS a (key, value) WHERE value ? 'price' AND key <> 'CASH' ORDER BY key LIMIT 1) AS first
		FROM random.market) AS t
 WHERE id = market_id AND m ? 'contracts';
-- In every fourth market all assets count, and all contracts require, as the first one does: among them contracts that are
-- settled in an asset whose price moves, and contracts on it.
UPDATE random.market
   SET market = (m || jsonb_build_object(
		'assets', (SELECT jsonb_object_agg(a.key, CASE WHEN a.value ? 'tiers' THEN a.value || jsonb_build_object('tiers', tiers) ELSE a.value END) FROM jsonb_each(m -> 'assets') AS a),
		'contracts', (SELECT jsonb_object_agg(c.key, c.value || jsonb_build_object('maintenance', maintenance)
										   || CASE WHEN n % 2 = 0 THEN jsonb_build_object('settle', first, 'base', 'CASH') ELSE jsonb_build_object('settle', 'CASH', 'base', first) END)
					  FROM jsonb_each(m -> 'contracts') WITH ORDINALITY AS c (key, value, n) WHERE c.value ? 'maintenance')))::text::market
  FROM (SELECT market_id AS id, market::text::jsonb AS m,
			   (SELECT key FROM jsonb_each(market::text::jsonb -> 'assets') AS a (key, value) WHERE value ? 'price' AND key <> 'CASH' ORDER BY key LIMIT 1) AS first,
			   (SELECT value -> 'tiers' FROM jsonb_each(market::text::jsonb -> 'assets') WHERE value ? 'tiers' AND key <> 'CASH' ORDER BY key LIMIT 1) AS tiers,
			   (SELECT value -> 'maintenance' FROM jsonb_each(market::text::jsonb -> 'contracts') WHERE value ? 'maintenance' ORDER BY key LIMIT 1) AS maintenance
		FROM random.market) AS t
 WHERE id = market_id AND market_id % 4 = 2 AND tiers IS NOT NULL AND maintenance IS NOT NULL;
INSERT INTO random.account (account_id, market_id, portfolio, story)
	SELECT 2000000 + account_id, market_id,
		   portfolio + portfolio_of('CASH', required * ('{1.001,1.1,2,5,20,50}'::numeric[])[1 + account_id % 6] - judged_equity(portfolio, market)),
		   'near'
	FROM random.account
	JOIN random.market USING (market_id),
	LATERAL (SELECT maintenance_margin(portfolio, market) AS required OFFSET 0) AS valued
	WHERE market_id % 2 = 0 AND story = 'random' AND required > 0;

-- Few accounts are reached by a rise as well as by a fall: in each of those markets there is one, long in a contract on
-- its first asset that requires more and more.
UPDATE random.market
   SET market = jsonb_set(m, '{contracts,SURE}', jsonb_build_object('settle', 'CASH', 'base', first, 'contract_size', 1, 'mark', 100, 'maintenance', '{0: 0.1, 1500: 4}'))::text::market
  FROM (SELECT market_id AS id, market::text::jsonb AS m,
			   (SELECT key FROM jsonb_each(market::text::jsonb -> 'assets') AS a (key, value) WHERE value ? 'price' AND key <> 'CASH' ORDER BY key LIMIT 1) AS first
		FROM random.market) AS t
 WHERE id = market_id AND market_id % 2 = 0 AND first IS NOT NULL;
INSERT INTO random.account (account_id, market_id, portfolio, story)
	SELECT 3000000 + market_id, market_id, portfolio_of('SURE', 10, 100) + portfolio_of('CASH', 300), 'sure'
	FROM random.market WHERE market::text::jsonb -> 'contracts' ? 'SURE';

-- Everything counted in units that are u times as small, at a price of the asset; USD in units "present" times
-- as small once more, in which the bounds of a doubtful price are decimals, too.
CREATE FUNCTION scaled(terms jsonb, keys text[], u numeric) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
	SELECT coalesce(jsonb_object_agg(key, (
			SELECT margin.schedule(t[1]::numeric * u, t[2]::numeric, CASE WHEN value LIKE 'whole%' THEN 'whole'::margin.tier_method ELSE 'marginal' END)
			FROM regexp_matches(value, '([0-9.]+): ([0-9.]+)', 'g') AS t)::text), '{}')
	FROM jsonb_each_text(terms) WHERE key = ANY (keys) $$;
CREATE FUNCTION market_at(m market, x text, present numeric, moved numeric) RETURNS market
LANGUAGE sql IMMUTABLE AS $$
	SELECT (j || jsonb_build_object(
		'assets', (
			SELECT jsonb_object_agg(a.key, a.value
				|| (SELECT coalesce(jsonb_object_agg(q.key, q.value::numeric * CASE WHEN a.key = x THEN moved ELSE present END), '{}')
					FROM jsonb_each_text(a.value) AS q WHERE q.key IN ('price', 'low', 'high'))
				|| solve.scaled(a.value, '{tiers,initial_tiers}', CASE WHEN a.value ->> 'tier_unit' = 'value' THEN u * present ELSE u END)
				|| solve.scaled(a.value, '{liability_maintenance}', u))
			FROM jsonb_each(j -> 'assets') AS a),
		'contracts', (
			SELECT coalesce(jsonb_object_agg(c.key, c.value
				|| CASE WHEN c.value ? 'mark' THEN jsonb_build_object('mark', (c.value ->> 'mark')::numeric *
						CASE WHEN c.value ->> 'base' IS NOT DISTINCT FROM x AND c.value ->> 'settle' <> x THEN moved * moved
							 WHEN c.value ->> 'settle' = x AND c.value ->> 'base' IS DISTINCT FROM x THEN present * present
							 ELSE u END) ELSE '{}' END
				|| CASE WHEN c.value ->> 'tier_unit' = 'contracts' THEN '{}' ELSE solve.scaled(c.value, '{maintenance,initial}', u) END), '{}')
			FROM jsonb_each(j -> 'contracts') AS c)))::text::margin.market
	FROM (SELECT '{"assets": {}, "contracts": {}}'::jsonb || m::text::jsonb AS j, present * moved AS u) AS texts $$;
CREATE FUNCTION scaled(p portfolio, u numeric) RETURNS portfolio
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_build_object(
		'balances', (SELECT coalesce(jsonb_object_agg(key, value::numeric * u), '{}') FROM jsonb_each_text(j -> 'balances')),
		'positions', (SELECT coalesce(jsonb_object_agg(key, value || jsonb_build_object('long_cost', coalesce((value ->> 'long_cost')::numeric, 0) * u,
																						'short_cost', coalesce((value ->> 'short_cost')::numeric, 0) * u)), '{}')
					  FROM jsonb_each(j -> 'positions')),
		'orders', (SELECT coalesce(jsonb_object_agg(c.key, (
						SELECT jsonb_object_agg(s.key, (SELECT jsonb_object_agg((l.key::numeric * u)::text, l.value) FROM jsonb_each(s.value) AS l))
						FROM jsonb_each(c.value) AS s)), '{}')
				   FROM jsonb_each(j -> 'orders') AS c))::text::margin.portfolio
	FROM (SELECT '{"balances": {}, "positions": {}, "orders": {}}'::jsonb || p::text::jsonb AS j) AS texts $$;
CREATE FUNCTION is_state(question text, p portfolio, m market) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE question WHEN 'liquidation' THEN margin.level(p, m) IN ('liquidation', 'bankrupt')
						 ELSE margin.equity(p, m) <= 0 END $$;
CREATE FUNCTION is_at(question text, p portfolio, m market, x text, present numeric, moved numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
	SELECT solve.is_state(question, solve.scaled(p, present * moved), solve.market_at(m, x, present, moved)) $$;

-- Accounts that can be valued, with a market of what they need only.
CREATE TABLE account AS
	SELECT account_id, portfolio, market AS whole_market, p,
		   jsonb_build_object(
			   'assets', (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(m -> 'assets')
						  WHERE p -> 'balances' ? key
							 OR key IN (SELECT value ->> 'settle' FROM jsonb_each(m -> 'contracts') WHERE traded ? key)
							 OR key IN (SELECT value ->> 'base' FROM jsonb_each(m -> 'contracts') WHERE traded ? key)),
			   'contracts', (SELECT coalesce(jsonb_object_agg(key, value), '{}') FROM jsonb_each(m -> 'contracts')
							 WHERE traded ? key),
			   'levels', coalesce(m -> 'levels', '{}'),
			   'rules', coalesce(m -> 'rules', '{}'))::text::market AS market
	FROM random.account
	JOIN random.market USING (market_id),
	LATERAL (SELECT market::text::jsonb AS m,
					'{"balances": {}, "positions": {}, "orders": {}}'::jsonb || portfolio::text::jsonb AS p) AS texts,
	LATERAL (SELECT p -> 'positions' || (p -> 'orders') AS traded) AS t
	WHERE level(portfolio, market) <> 'unpriced';

-- Every asset that reaches them, and how.
CREATE TABLE question AS
	SELECT account.*, asset, price, question,
		   EXISTS (SELECT FROM contracts(market) WHERE base = asset AND settle <> asset) AS moves,
		   EXISTS (SELECT FROM contracts(market) WHERE settle = asset AND base IS DISTINCT FROM asset) AS inverse,
		   EXISTS (SELECT FROM contracts(market) WHERE settle = asset AND base = asset) AS itself,
		   p -> 'balances' ? asset AS held, tier_unit = 'value' AND tiers IS NOT NULL AS by_value,
		   row_number() OVER (ORDER BY account_id, asset, question) AS id
	FROM account
	CROSS JOIN LATERAL assets(market)
	CROSS JOIN unnest('{liquidation,bankruptcy}'::text[]) AS question
	WHERE price IS NOT NULL AND asset <> 'CASH';

CREATE TABLE answer AS
	SELECT question.*, how, part, tick, lower, upper
	FROM question
	CROSS JOIN (SELECT '{0.05,0.125,0.03,0.2,0.07,0.15,1,0.5,0.64,1.6}'::numeric[] AS parts) AS parts
	CROSS JOIN LATERAL (
		VALUES ('coarse', parts[1 + id % 10], price * parts[1 + id % 10]),
			   ('fine', NULL, CASE WHEN id % 4 = 0 THEN price * 3.0e-11 ELSE 1e-18 END)) AS t (how, part, tick)
	CROSS JOIN LATERAL (
		SELECT * FROM liquidation_range(portfolio, whole_market, asset => question.asset, tick => t.tick) WHERE question = 'liquidation'
		UNION ALL
		SELECT * FROM bankruptcy_range(portfolio, whole_market, asset => question.asset, tick => t.tick) WHERE question = 'bankruptcy') AS r;
ANALYZE answer;
});

enough("solve.answer WHERE how = 'coarse' AND question = 'liquidation'", 500, 'assets asked about');
enough("solve.answer WHERE how = 'fine' AND $_->[0] AND (lower <> price OR upper <> price)", $_->[1], "answers, $_->[2]")
  for [ 'moves', 30, 'contracts on the asset' ], [ 'inverse', 30, 'contracts settled in it' ], [ 'itself', 20, 'contracts on it settled in it' ],
  [ 'moves AND inverse', 8, 'of both kinds' ], [ 'held', 30, 'a balance or debt of it' ], [ 'inverse AND by_value', 8, 'tiers in USD' ];
enough("solve.answer WHERE how = 'fine' AND lower <> price AND upper <> price", 10, 'answers on both sides');
enough("solve.answer WHERE how = 'fine' AND (lower <> price OR upper <> price) AND $_->[0]", $_->[1], "answers with $_->[2]")
  for [ q{portfolio::text LIKE '%"orders"%' AND market::text LIKE '%orders_reduce_equity%'}, 20, 'orders that take of equity' ],
  [ q{portfolio::text LIKE '%"orders"%' AND market::text LIKE '%order_maintenance%'}, 20, 'orders that require maintenance' ],
  [ q{market::text::jsonb #> ARRAY['assets', asset] ?| '{low,high}'}, 20, 'a doubtful price' ],
  [ q{market::text LIKE '%liability_rule%'}, 20, 'the larger of two requirements' ],
  [ q{market::text LIKE '%"tier_unit": "contracts"%'}, 5, 'tiers by contracts' ];
enough("solve.answer WHERE how = 'fine' AND $_ <> price", 50, "answers $_ than the price") for qw(lower upper);

# Where its marks are not rounded, shock() says the same as the units above.
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, asset, question, f
	FROM solve.question CROSS JOIN unnest('{0.5,0.8,1.25,2}'::numeric[]) AS f
	WHERE id % 3 = 0 AND NOT EXISTS (SELECT FROM margin.contracts(market) WHERE scale(mark) > 14)
	  AND solve.is_state(question, portfolio, margin.shock(market, asset, relative => f - 1)) IS DISTINCT FROM
		  solve.is_at(question, portfolio, market, asset, price, price * f)
	}, 'what moves along is what shock() moves along');

# All multiples of the tick below the price, and some twenty above it, of a third of the questions.
none_wrong(
	q{
	WITH scanned AS (
		SELECT answer.*, there, first_below, first_above, ceil(price / tick) + 20 AS horizon
		FROM solve.answer
		CROSS JOIN LATERAL (SELECT solve.is_state(question, portfolio, market) AS there) AS present
		CROSS JOIN LATERAL (
			SELECT max(k * tick) FILTER (WHERE k * tick < price) AS first_below,
				   min(k * tick) FILTER (WHERE k * tick > price) AS first_above
			FROM generate_series(1::numeric, ceil(price / tick) + 20) AS k
			WHERE NOT there AND solve.is_at(question, portfolio, market, asset, price, k * tick)) AS s
		WHERE how = 'coarse' AND id % 3 = 0)
	SELECT account_id, portfolio::text, market::text, asset, question, price, tick, lower, upper, there, first_below, first_above
	FROM scanned
	WHERE CASE WHEN there THEN (lower, upper) IS DISTINCT FROM (price, price)
			   ELSE lower IS DISTINCT FROM first_below
				 OR (first_above IS NOT NULL AND upper IS DISTINCT FROM first_above)
				 OR (first_above IS NULL AND upper <= horizon * tick) END
	}, 'coarse ticks: the answer is the first multiple that search finds');

none_wrong(
	q{
	SELECT account_id, asset, question, tick, lower, upper, nearer
	FROM solve.answer
	CROSS JOIN LATERAL (
		SELECT margin.liquidation_price(portfolio, whole_market, asset => answer.asset, tick => answer.tick) AS nearer WHERE question = 'liquidation'
		UNION ALL
		SELECT margin.bankruptcy_price(portfolio, whole_market, asset => answer.asset, tick => answer.tick) WHERE question = 'bankruptcy') AS n
	WHERE how = 'coarse' AND nearer IS DISTINCT FROM CASE WHEN price - lower <= upper - price OR upper IS NULL THEN lower ELSE upper END
	}, 'the price is the nearer end of the range');

# Fine ticks: the answer, the tick before it, and ticks at random between the
# present price and the answer, or on the whole side where there is none; of three in five.
sql(q{
SELECT setseed(} . ($seed % 1000) / 1000 . q{);
SET search_path = solve, margin, public;
CREATE TABLE looked AS
	SELECT answer.*, side, k, must
	FROM answer
	CROSS JOIN LATERAL (
		SELECT 'lower' AS side, lower / tick AS k, true AS must WHERE lower IS NOT NULL
		UNION ALL
		SELECT 'upper', upper / tick, true WHERE upper IS NOT NULL
		UNION ALL
		SELECT 'lower', lower / tick + 1, false
		UNION ALL
		SELECT 'upper', upper / tick - 1, false
		UNION ALL
		SELECT 'lower', ceil(coalesce(lower, 0) / tick + ((price - coalesce(lower, 0)) / tick)
			   * CASE WHEN i % 3 = 0 THEN random() ^ 12 ELSE random() END::numeric), false
		FROM generate_series(1, 7) AS i
		UNION ALL
		SELECT 'upper', floor(CASE WHEN upper IS NULL THEN price / tick * (1 + 10 ^ (20 * random() - 8)::numeric)
								   ELSE price / tick + (upper - price) / tick * (1 - random() ^ (1 + 11 * (i % 3)))::numeric END), false
		FROM generate_series(1, 7) AS i
		-- beside where a mark meets a limit price
		UNION ALL
		SELECT CASE WHEN n * tick < answer.price THEN 'lower' ELSE 'upper' END, n, false
		FROM orders(portfolio, market) AS o
		JOIN contracts(market) AS c USING (contract),
		LATERAL (SELECT CASE WHEN c.settle <> answer.asset THEN answer.price * o.price / mark ELSE answer.price * mark / o.price END / tick AS at) AS met,
		LATERAL (VALUES (floor(at)), (floor(at) + 1)) AS beside (n)) AS looked
	WHERE how = 'fine' AND id % 5 > 1
	  AND (must OR (price IS DISTINCT FROM lower
					AND CASE side WHEN 'lower' THEN k * tick < price AND k > coalesce(lower / tick, 0)
								  ELSE k * tick > price AND (upper IS NULL OR k * tick < upper) END));
});
none_wrong(
	q{
	SELECT account_id, portfolio::text, market::text, asset, question, price, tick, lower, upper, side, k, must
	FROM solve.looked
	WHERE NOT (lower = price AND must) AND solve.is_at(question, portfolio, market, asset, price, k * tick) <> must
	}, 'fine ticks: undercollateralized at the answer and nowhere before it');

done_testing();
