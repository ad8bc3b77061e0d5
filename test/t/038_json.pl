# Random schedules, portfolios and markets as JSON: there and back, by json and
# jsonb, and field by field against the functions and tables that hold the same
# as rows.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('json');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION margin');
$node->safe_psql('postgres', random_book(markets => 100, accounts => 15, rules => 1, orders => 0.5));
$node->safe_psql('postgres', q{
	CREATE TABLE value AS
	SELECT 'market' AS type, market::text AS text, market::json AS json, market::jsonb AS jsonb FROM random.market
	UNION ALL SELECT 'portfolio', portfolio::text, portfolio::json, portfolio::jsonb FROM random.account
	UNION ALL SELECT 'schedule', s::text, s::json, s::jsonb
	  FROM (SELECT tiers AS s FROM random.market AS m, margin.assets(m.market) UNION ALL SELECT initial_tiers FROM random.market AS m, margin.assets(m.market)
	        UNION ALL SELECT maintenance FROM random.market AS m, margin.contracts(m.market) UNION ALL SELECT initial FROM random.market AS m, margin.contracts(m.market)) AS x WHERE s IS NOT NULL});

# How many rows a query finds wrong.
sub none
{
	my ($name, $query) = @_;
	my $wrong = $node->safe_psql('postgres', $query);
	is($wrong, '', $name) or diag "MARGIN_SEED=$seed";
}

is($node->safe_psql('postgres', 'SELECT bool_and(n > 50) FROM (SELECT count(*) AS n FROM value GROUP BY type) AS x'), 't', 'there are enough of each');
is($node->safe_psql('postgres', q{SELECT count(*) > 20 FROM random.account WHERE portfolio::text LIKE '%"orders"%'}), 't', 'with orders, too');
for my $type (qw(schedule portfolio market))
{
	none("$type: $_ and back", qq{SELECT text FROM value WHERE type = '$type' AND $_\::margin.$type OPERATOR(margin.<>) text::margin.$type LIMIT 3}) for qw(json jsonb);
}
none('jsonb is json', q{SELECT text FROM value WHERE json::jsonb <> jsonb LIMIT 3});

# The same as rows.
none('tiers', q{
	SELECT text FROM value WHERE type = 'schedule'
	   AND (SELECT array_agg((t.lower_bound, t.rate) ORDER BY n) FROM jsonb_array_elements(jsonb -> 'tiers') WITH ORDINALITY AS e (tier, n), jsonb_to_record(tier) AS t (lower_bound numeric, rate numeric))
	    <> (SELECT array_agg((t.lower_bound, t.rate) ORDER BY n) FROM margin.tiers(text::margin.schedule) WITH ORDINALITY AS t (lower_bound, rate, n)) LIMIT 3});
for my $kind (qw(asset contract))
{
	none("${kind}s", qq{
		SELECT m.market_id, t.$kind FROM random.market AS m, margin.${kind}s(m.market) AS t
		 WHERE jsonb_strip_nulls(to_jsonb(t)) - '$kind' IS DISTINCT FROM to_jsonb(m.market) #> ARRAY['${kind}s', t.$kind] LIMIT 3});
	none("and no other ${kind}s", qq{
		SELECT m.market_id FROM random.market AS m
		 WHERE (SELECT count(*) FROM margin.${kind}s(m.market)) <> (SELECT count(*) FROM jsonb_object_keys(to_jsonb(m.market) -> '${kind}s')) LIMIT 3});
}
none('levels and rules', q{
	SELECT m.market_id FROM random.market AS m
	 WHERE (SELECT jsonb_object_agg(level, margin_ratio) FROM margin.thresholds(m.market)) <> to_jsonb(m.market) -> 'levels'
	    OR (SELECT jsonb_object_agg(rule, value) FROM margin.rules(m.market)) <> to_jsonb(m.market) -> 'rules' LIMIT 3});
none('balances', q{
	SELECT a.account_id FROM random.account AS a
	 WHERE (SELECT coalesce(jsonb_object_agg(symbol, quantity), '{}')
	          FROM (SELECT symbol, trim_scale(sum(quantity)) AS quantity FROM random.holding AS h
	                 WHERE h.account_id = a.account_id AND coalesce(kind::text, CASE WHEN entry_price IS NULL THEN 'balance' ELSE 'position' END) = 'balance' GROUP BY 1 HAVING sum(quantity) <> 0) AS s)
	    <> to_jsonb(a.portfolio) -> 'balances' LIMIT 3});
none('positions', q{
	SELECT a.account_id, s.symbol FROM random.account AS a,
	       LATERAL (SELECT symbol, coalesce(sum(quantity) FILTER (WHERE quantity > 0), 0) AS long, coalesce(sum(quantity * entry_price) FILTER (WHERE quantity > 0), 0) AS long_cost,
	                       coalesce(-sum(quantity) FILTER (WHERE quantity < 0), 0) AS short, coalesce(-sum(quantity * entry_price) FILTER (WHERE quantity < 0), 0) AS short_cost
	                  FROM random.holding AS h WHERE h.account_id = a.account_id AND coalesce(kind::text, CASE WHEN entry_price IS NULL THEN 'balance' ELSE 'position' END) = 'position'
	                 GROUP BY 1 HAVING bool_or(quantity <> 0)) AS s
	 WHERE jsonb_build_object('long', s.long, 'long_cost', s.long_cost, 'short', s.short, 'short_cost', s.short_cost)
	    IS DISTINCT FROM (to_jsonb(a.portfolio) #> ARRAY['positions', s.symbol]) - '{long_margin,short_margin}'::text[] LIMIT 3});
none('orders', q{
	SELECT a.account_id, s.symbol FROM random.account AS a,
	       LATERAL (SELECT symbol, CASE WHEN quantity > 0 THEN 'buy' ELSE 'sell' END AS side, entry_price AS price, sum(abs(quantity)) AS quantity
	                  FROM random.holding AS h WHERE h.account_id = a.account_id AND kind = 'order' AND quantity <> 0 GROUP BY 1, 2, 3) AS s
	 WHERE NOT coalesce(to_jsonb(a.portfolio) #> ARRAY['orders', s.symbol, s.side] @> jsonb_build_array(jsonb_build_object('price', s.price, 'quantity', s.quantity)), false) LIMIT 3});

$node->stop;
done_testing();
