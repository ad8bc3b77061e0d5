# Open orders, and every parameter that has to do with them, on top of the
# random markets and accounts of MarginRandom: two measures, doubtful prices, fees on
# opening, tiers by contracts, what orders take of equity, both liability rules.
#
#     $node->safe_psql('postgres', random_book(...));
#     $node->safe_psql('postgres', ordered_book($seed));
#
# changes the tables random.market and random.account in place (their holdings
# are then no longer all of what the portfolios are made of), so that about
# half of all accounts have orders: near the mark and far from it, on both
# sides, of every leverage, against positions and by themselves.  The same
# seed gives the same book.

package MarginOrders;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(ordered_book);

sub ordered_book
{
	my ($seed) = @_;
	return q{
-- a number from 0 to sides - 1 by chance
CREATE FUNCTION random.die(about text, sides integer) RETURNS integer IMMUTABLE LANGUAGE sql AS
	$$ SELECT ('x' || substr(md5('} . $seed . q{' || about), 1, 7))::bit(28)::integer % sides $$;

-- ratios of the initial measure: those of the tiers times a factor, the last one at times 0 or not
CREATE FUNCTION random.initial_ratios(tiers text, about text) RETURNS text IMMUTABLE LANGUAGE sql AS $$
	SELECT '{' || string_agg(t[1] || ': '
		|| CASE WHEN i = n AND i > 1 AND random.die('last' || about, 4) = 0 THEN 0
				ELSE t[2]::numeric * (ARRAY[0.5, 0.9, 1, 0])[1 + random.die('ratio' || about, 4)] END, ', ' ORDER BY i)
		   || CASE WHEN random.die('more' || about, 4) = 0 THEN ', 1e200: 0' ELSE '' END || '}'
	FROM (SELECT t, i, count(*) OVER () AS n FROM regexp_matches(tiers, '([0-9.e+-]+): ([0-9.e+-]+)', 'g') WITH ORDINALITY AS m (t, i)) AS s
$$;

CREATE FUNCTION random.asset_with_measures(asset jsonb, about text) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
	SELECT asset
		|| CASE WHEN asset ? 'tiers' AND random.die('measure' || about, 3) = 0
				THEN jsonb_build_object('initial_tiers', random.initial_ratios(asset ->> 'tiers', about)) ELSE '{}' END
		|| CASE WHEN random.die('weight' || about, 3) = 0
				THEN jsonb_build_object('initial_liability_weight', (ARRAY[1, 1.3, 2])[1 + random.die('weighs' || about, 3)]) ELSE '{}' END
		|| CASE WHEN asset ? 'price' AND random.die('low' || about, 4) = 0
				THEN jsonb_build_object('low', (asset ->> 'price')::numeric * 0.9) ELSE '{}' END
		|| CASE WHEN asset ? 'price' AND random.die('high' || about, 4) = 0
				THEN jsonb_build_object('high', (asset ->> 'price')::numeric * 1.05) ELSE '{}' END
$$;
CREATE FUNCTION random.contract_with_orders(contract jsonb, about text) RETURNS jsonb IMMUTABLE LANGUAGE sql AS $$
	SELECT contract || jsonb_build_object('opening_fee', (ARRAY[0, 0, 0.0006, 0.05])[1 + random.die('fee' || about, 4)],
										  'order_maintenance', random.die('keeps' || about, 3) = 0,
										  'tier_unit', (ARRAY['notional', 'notional', 'contracts'])[1 + random.die('unit' || about, 3)])
$$;
CREATE FUNCTION random.market_with_orders(market margin.market, about text) RETURNS margin.market IMMUTABLE LANGUAGE sql AS $$
	SELECT (m || jsonb_build_object(
		'assets', (SELECT jsonb_object_agg(key, CASE WHEN key = 'CASH' THEN value ELSE random.asset_with_measures(value, key || about) END)
				   FROM jsonb_each(m -> 'assets')),
		'contracts', (SELECT jsonb_object_agg(key, random.contract_with_orders(value, key || about)) FROM jsonb_each(m -> 'contracts')),
		'rules', jsonb_build_object('orders_reduce_equity', (ARRAY['nothing', 'loss', 'margin', 'both'])[1 + random.die('takes' || about, 4)],
									'liability_rule', (ARRAY['sum', 'sum', 'larger'])[1 + random.die('rule' || about, 3)])))::text::margin.market
	FROM (SELECT market::text::jsonb) AS t (m)
$$;
UPDATE random.market SET market = random.market_with_orders(market, market_id::text);

-- Up to four orders in each of three contracts, those with a position before others.
CREATE TABLE random.placed AS
	SELECT account_id, contract, i,
		   (ARRAY[1, -1])[1 + random.die('side' || about, 2)]
		   * greatest(abs(coalesce(nullif(net, 0), 1)) * (ARRAY[0.1, 0.5, 1, 1.5, 3])[1 + random.die('size' || about, 5)], 1e-18) AS quantity,
		   coalesce(mark, 1) * (ARRAY[0.5, 0.9, 1, 1, 1.02, 1.4])[1 + random.die('price' || about, 6)] AS price,
		   (ARRAY[NULL, NULL, 1, 5, 20, 0.3])[1 + random.die('leverage' || about, 6)] AS leverage
	FROM random.account
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL (
		SELECT c.contract, c.mark, coalesce(p.long, 0) - coalesce(p.short, 0) AS net
		FROM margin.contracts(market) AS c
		LEFT JOIN (SELECT contract AS name, long, short FROM margin.positions(portfolio, market)) AS p ON p.name = c.contract
		WHERE p.name IS NOT NULL OR (c.mark IS NOT NULL AND c.maintenance IS NOT NULL
									 AND EXISTS (SELECT FROM margin.assets(market) AS a WHERE a.asset = c.settle AND a.price IS NOT NULL))
		ORDER BY p.name IS NULL, random.die('which' || c.contract || account_id, 1000), c.contract LIMIT 3) AS c
	CROSS JOIN generate_series(1, 4) AS i
	CROSS JOIN LATERAL (SELECT contract || '/' || i || '/' || account_id) AS s (about)
	WHERE random.die('has' || account_id, 2) = 0 AND random.die('this' || about, 3) = 0 AND net < 1e60;
UPDATE random.account
	SET portfolio = account.portfolio OPERATOR(margin.+) placed.orders
	FROM (SELECT account_id, margin.portfolio(contract, round(quantity, 30), round(price, 60), leverage, 'order') AS orders
		  FROM random.placed WHERE round(quantity, 30) <> 0 AND round(price, 60) > 0 GROUP BY account_id) AS placed
	WHERE placed.account_id = account.account_id;
ANALYZE random.market, random.account;
};
}

1;
