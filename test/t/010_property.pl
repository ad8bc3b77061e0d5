# The extension against an independent valuation, for thousands of random
# accounts in hundreds of random markets.
#
# The reference is test/reference.sql: plain SQL over numeric.  The cases
# follow from one seed, which is printed; MARGIN_SEED=n repeats them.  Random
# numbers seldom meet a threshold, so a second generation of cases is derived
# from the first by an exact amount of cash, which puts its equity precisely
# at, just below and just above what decides (see "Second generation").  What
# the cases must contain is counted and asserted before anything is compared.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MARKETS => 200,
	CASES_PER_MARKET => 13,
	VAST_MARKETS => 4,         # numbers of up to 1,000 digits a side
	CASES_PER_VAST_MARKET => 6,
	SHOWN => 3,                # mismatches printed in full
};

my $seed = random_seed();

# Collected as rows of the tables of test/reference.sql.
my $case = 1000;    # below: the cases worked by hand
for my $market_id (1 .. MARKETS + VAST_MARKETS)
{
	my $vast = $market_id > MARKETS;
	my $market = add_market($market_id, $vast ? 'vast' : deal('profile', qw(plain plain plain token token tiny huge boundary mixed)),
		rules => 1, orders => 0.5);
	for (1 .. ($vast ? CASES_PER_VAST_MARKET : CASES_PER_MARKET))
	{
		add_account(++$case, $market_id, $market, $vast ? 0.9 : 0.75, $vast ? 'vast' : 'random');
	}
}

# ---------------------------------------------------------------------------
# The server, the reference and the first generation in it.
# ---------------------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('property');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;

# "missing" is in byte order whatever the database sorts like: take a
# database that sorts differently, where the server can have one.
my $icu = $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_collation WHERE collname = 'en-x-icu' AND current_setting('server_version_num')::int >= 150000");
$node->safe_psql('postgres',
	'CREATE DATABASE property TEMPLATE template0' . ($icu ? " LOCALE_PROVIDER icu ICU_LOCALE 'en'" : ''));

# safe_psql() would hide the message in a log, behind the whole statement.
sub sql
{
	my ($status, $output, $error) = $node->psql('property', $_[0], timeout => 900);
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

sql(slurp_file("$FindBin::Bin/../reference.sql"));
pass('the reference agrees with the examples worked by hand');

my %columns = (holding => ' (case_id, symbol, quantity, entry_price, leverage, kind)');
for my $table (qw(market level_threshold asset contract schedule tier account holding))
{
	sql("COPY reference.$table" . ($columns{$table} // '') . " FROM STDIN;\n" . copy_rows($table));
}

# ---------------------------------------------------------------------------
# Second generation: what decides, met exactly.  Cash moves equity by its
# quantity, the dial moves the requirement by its quantity (see add_market),
# and where debts count only if they require more than contracts, by what it
# lifts these above.  An aim gives the wanted equity, judged equity or available
# margin, and the requirement of contracts, from the requirement mm, what
# contracts have of it, and a threshold t.  The nudge is small against mm, and
# all is multiplication, hence exact.
# ---------------------------------------------------------------------------

sql(q{
ANALYZE;
CREATE SCHEMA property;
CREATE TABLE property.aim (aim integer GENERATED ALWAYS AS IDENTITY, story text, level text, nudge integer);
INSERT INTO property.aim (story, level, nudge)
	SELECT 'threshold', level, nudge
	FROM unnest('{warning,margin_call,liquidation}'::text[]) AS level, generate_series(-1, 1) AS nudge
	UNION ALL
	SELECT story, NULL, nudge
	FROM unnest('{no equity,no judged equity,half a digit,no margin available}'::text[]) AS story, generate_series(-1, 1) AS nudge;

CREATE TABLE property.aimed AS
	WITH threshold AS (
		SELECT market_id, level, coalesce(margin_ratio, usual) AS t
		FROM reference.market
		CROSS JOIN (VALUES ('warning', 0.7), ('margin_call', 0.85), ('liquidation', 1)) AS usual (level, usual)
		LEFT JOIN reference.level_threshold USING (market_id, level)
	),
	candidate AS (
		SELECT case_id, market_id, equity, judged_equity, available_margin, maintenance_margin AS mm,
			   CASE liability_rule WHEN 'sum' THEN maintenance_margin
								   WHEN 'larger' THEN coalesce(contracts, 0) END AS lifted,
			   1 + row_number() OVER (ORDER BY case_id) % (SELECT count(*) FROM property.aim) AS aim
		FROM reference.valuation
		JOIN reference.account USING (case_id)
		JOIN reference.market USING (market_id)
		LEFT JOIN (SELECT case_id, sum(maintenance_margin) AS contracts
				   FROM reference.position GROUP BY case_id) AS required USING (case_id)
		WHERE story = 'random' AND maintenance_margin > 0
	)
	SELECT 100000 + case_id AS case_id, case_id AS original, market_id, aim, t,
		   mm * 1e-20 * nudge + CASE story
				WHEN 'threshold' THEN 100 * mm - judged_equity		-- 100 t >= 1
				WHEN 'no equity' THEN - equity
				WHEN 'no judged equity' THEN - judged_equity
				WHEN 'half a digit' THEN 512 * mm - judged_equity	-- 1 / 512 = 0.001953125
				WHEN 'no margin available' THEN - available_margin END AS cash,
		   CASE story WHEN 'threshold' THEN 100 * t * mm - lifted ELSE 0 END AS dial
	FROM candidate
	JOIN property.aim USING (aim)
	LEFT JOIN threshold USING (market_id, level);

INSERT INTO reference.account
	SELECT case_id, market_id, 'aimed'
	FROM property.aimed;
INSERT INTO reference.holding (case_id, symbol, quantity, entry_price, leverage, kind)
	SELECT aimed.case_id, symbol, quantity, entry_price, leverage, kind
	FROM property.aimed
	JOIN reference.holding ON holding.case_id = original
	UNION ALL
	SELECT case_id, 'CASH', cash, NULL, NULL, NULL FROM property.aimed
	UNION ALL
	SELECT case_id, 'DIAL', dial, 1, NULL, NULL FROM property.aimed;
ANALYZE;

CREATE TABLE property.expected AS TABLE reference.valuation;
ALTER TABLE property.expected ADD PRIMARY KEY (case_id);
CREATE TABLE property.expected_position AS TABLE reference.position;
CREATE TABLE property.expected_collateral AS TABLE reference.collateral;
CREATE TABLE property.expected_order AS TABLE reference.standing;
ANALYZE;
});

none_wrong(q{
	SELECT aimed.*, aim.*, expected.*
	FROM property.aimed
	JOIN property.aim USING (aim)
	JOIN property.expected USING (case_id)
	CROSS JOIN LATERAL (
		SELECT array_position('{healthy,warning,margin_call,liquidation}', expected.level)
			   >= array_position('{healthy,warning,margin_call,liquidation}', aim.level)
	) AS stands (reached)
	WHERE CASE story
		WHEN 'threshold' THEN
			reached <> (nudge <= 0)
			OR (nudge = 0) <> (maintenance_margin = t * judged_equity)
		WHEN 'no equity' THEN
			sign(equity) <> nudge
			OR expected.level <> CASE nudge WHEN -1 THEN 'bankrupt' ELSE 'liquidation' END
		WHEN 'no judged equity' THEN
			sign(judged_equity) <> nudge
			OR (margin_ratio IS NULL) <> (nudge <= 0)
			OR expected.level <> CASE WHEN equity < 0 THEN 'bankrupt' ELSE 'liquidation' END
		WHEN 'half a digit' THEN
			margin_ratio <> CASE nudge WHEN 1 THEN 0.00195312 ELSE 0.00195313 END
		WHEN 'no margin available' THEN
			sign(available_margin) <> nudge
			OR passes AND nudge < 0
		END}, 'aimed cases stand where they were put');

# ---------------------------------------------------------------------------
# Coverage: how often each situation occurs, and how often it must.
# ---------------------------------------------------------------------------

my $coverage = sql(q{
SELECT 'level ' || level, count(*) FROM property.expected GROUP BY level
UNION ALL
SELECT 'passes', count(*) FROM property.expected WHERE passes
UNION ALL
SELECT 'holds margin yet does not pass', count(*) FROM property.expected
WHERE NOT passes AND level IN ('healthy', 'warning', 'margin_call')
UNION ALL
SELECT 'several missing', count(*) FROM property.expected WHERE cardinality(missing) > 1
UNION ALL
SELECT 'equity 0', count(*) FROM property.expected WHERE equity = 0 AND maintenance_margin > 0
UNION ALL
SELECT 'more than 300 digits', count(*) FROM property.expected
WHERE equity <> 0 AND length(trim_scale(equity)::text) > 300
UNION ALL
SELECT 'below 1e-25', count(*) FROM property.expected WHERE abs(equity) < 1e-25 AND equity <> 0
UNION ALL
SELECT 'above 1e25', count(*) FROM property.expected WHERE abs(equity) > 1e25
UNION ALL
-- priced positions by netting, sides and what their contract has
SELECT 'netting ' || netting || CASE WHEN long = 0 AND short = 0 THEN ', orders alone'
									 WHEN long = short THEN ', hedged'
									 WHEN long > 0 AND short > 0 THEN ', both sides'
									 ELSE ', one side' END, count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
WHERE level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT named || ' ' || method || CASE WHEN at_bound THEN ', at a bound' ELSE '' END, count(*)
FROM (SELECT case_id, market_id, CASE tier_unit WHEN 'notional' THEN kind WHEN 'contracts' THEN kind || ' by contracts' END, kind, contract, x
	  FROM property.expected_position
	  JOIN reference.contract USING (market_id, contract)
	  CROSS JOIN LATERAL (VALUES
		('maintenance', CASE tier_unit WHEN 'notional' THEN long_notional WHEN 'contracts' THEN long END),
		('initial', CASE tier_unit WHEN 'notional' THEN short_notional WHEN 'contracts' THEN short END)) AS leg (kind, x)
	  UNION ALL
	  SELECT case_id, market_id, 'liability', 'liability', asset, -asset_equity
	  FROM property.expected_collateral
	  WHERE asset_equity < 0) AS charged (case_id, market_id, named, kind, symbol, x)
JOIN property.expected USING (case_id)
JOIN reference.schedule USING (market_id, kind, symbol)
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM reference.tier
								   WHERE tier.market_id = schedule.market_id AND tier.kind = schedule.kind
									 AND tier.symbol = schedule.symbol
									 AND lower_bound = x AND x > 0)) AS meets (at_bound)
WHERE level <> 'unpriced' AND x > 0
GROUP BY 1
UNION ALL
SELECT CASE WHEN initial IS NULL THEN 'without initial' ELSE 'with initial' END
	   || CASE WHEN closing_fee = 0 THEN ', without fee' ELSE ', with fee' END, count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
LEFT JOIN (SELECT market_id, symbol AS contract, kind AS initial
		   FROM reference.schedule WHERE kind = 'initial') AS scheduled USING (market_id, contract)
WHERE level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT 'leverage, initial above maintenance', count(*)
FROM reference.holding JOIN property.expected USING (case_id)
WHERE leverage IS NOT NULL AND initial_margin > maintenance_margin
UNION ALL
-- priced assets by what they count as
SELECT CASE WHEN tiers IS NULL AND asset_equity > 0 THEN 'without tiers'
			WHEN asset_equity < 0 AND liability_weight > 1 THEN 'liability, weighted'
			WHEN asset_equity < 0 THEN 'liability'
			WHEN asset_equity = 0 THEN 'asset equity 0'
			WHEN at_bound THEN 'tiers by ' || tier_unit || ', at a bound'
			ELSE 'tiers by ' || tier_unit END, count(*)
FROM property.expected_collateral AS collateral
JOIN property.expected USING (case_id)
JOIN reference.asset USING (market_id, asset)
LEFT JOIN (SELECT market_id, symbol AS asset, kind AS tiers
		   FROM reference.schedule WHERE kind = 'collateral') AS scheduled USING (market_id, asset)
CROSS JOIN LATERAL (SELECT EXISTS (SELECT FROM reference.tier
								   WHERE tier.market_id = collateral.market_id AND tier.kind = 'collateral'
									 AND tier.symbol = collateral.asset AND lower_bound > 0
									 AND lower_bound = CASE tier_unit WHEN 'value' THEN coalesce(low, collateral.price) ELSE 1 END
													   * asset_equity)) AS meets (at_bound)
WHERE level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT 'profit nets with balance', count(*) FROM property.expected_collateral
WHERE balance <> 0 AND pnl <> 0
UNION ALL
SELECT 'no price, no tiers, counts nothing', count(*)
FROM property.expected_collateral JOIN property.expected USING (case_id)
WHERE price IS NULL AND asset_equity > 0 AND level <> 'unpriced'
UNION ALL
SELECT 'settlement weighted', count(*)
FROM property.expected_position JOIN property.expected USING (case_id)
JOIN reference.asset ON asset.market_id = expected_position.market_id AND asset.asset = settle
WHERE requirement_weight <> 1 AND level <> 'unpriced'
UNION ALL
-- why something is missing
SELECT 'contract ' || CASE WHEN contract.contract IS NULL THEN 'unknown'
						   WHEN contract.mark IS NULL THEN 'without mark'
						   WHEN kind IS NULL THEN 'without maintenance'
						   WHEN asset.asset IS NULL THEN 'settled in an unknown asset'
						   WHEN asset.price IS NULL THEN 'settled in an asset without price' END, count(*)
FROM property.expected_position AS position
LEFT JOIN reference.contract USING (market_id, contract)
LEFT JOIN reference.schedule ON schedule.market_id = position.market_id
	AND symbol = contract AND kind = 'maintenance'
LEFT JOIN reference.asset ON asset.market_id = position.market_id AND asset.asset = contract.settle
WHERE cardinality(missing) > 0
GROUP BY 1
UNION ALL
SELECT 'asset ' || CASE WHEN asset.asset IS NULL THEN 'unknown'
						WHEN asset_equity < 0 THEN 'without price, owed'
						ELSE 'without price' END, count(*)
FROM property.expected_collateral
LEFT JOIN reference.asset USING (market_id, asset)
WHERE cardinality(missing) > 0
GROUP BY 1
UNION ALL
SELECT 'one name missing as asset and contract', count(*)
FROM property.expected_collateral AS collateral
JOIN property.expected_position AS position USING (case_id)
WHERE asset = contract AND asset = ANY (collateral.missing) AND asset = ANY (position.missing)
UNION ALL
SELECT 'one name held as asset and contract', count(*)
FROM property.expected_collateral JOIN property.expected_position USING (case_id)
JOIN property.expected USING (case_id)
WHERE asset = contract AND level <> 'unpriced'
UNION ALL
SELECT 'nets to nothing', count(*)
FROM (SELECT case_id FROM reference.holding WHERE entry_price IS NULL AND quantity <> 0
	  GROUP BY case_id, symbol HAVING sum(quantity) = 0) AS netted
UNION ALL
SELECT 'own levels', count(DISTINCT case_id)
FROM reference.level_threshold JOIN reference.account USING (market_id)
UNION ALL
SELECT 'margin quantity rounded', count(*) FROM reference.holding
WHERE leverage IS NOT NULL AND quantity <> 0
  AND reference.quotient_rounded_up(abs(quantity), leverage) * leverage <> abs(quantity)
UNION ALL
-- orders of priced accounts
SELECT 'no orders', count(*) FROM property.expected
WHERE level <> 'unpriced' AND case_id NOT IN (SELECT case_id FROM property.expected_order)
UNION ALL
SELECT side || CASE sign(price - mark) WHEN -1 THEN ' below' WHEN 0 THEN ' at' ELSE ' above' END || ' the mark', count(*)
FROM property.expected_order
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
WHERE level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT 'order ' || CASE WHEN closing = 0 THEN 'opens'
						WHEN remaining = 0 AND before + quantity = closing THEN 'ends a close'
						WHEN remaining = 0 THEN 'closes'
						WHEN before >= closing THEN 'comes after a close'
						ELSE 'closes and flips' END || ' a ' || CASE side WHEN 'buy' THEN 'short' ELSE 'long' END, count(*)
FROM property.expected_order JOIN property.expected USING (case_id)
WHERE netting = 'net' AND level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT 'what remains of an order has its margin quantity rounded', count(*)
FROM property.expected_order JOIN property.expected USING (case_id)
WHERE level <> 'unpriced' AND remaining > 0
  AND remaining_leverage_amount * quantity <> value_of_one * margin_quantity * remaining
UNION ALL
SELECT 'one price, several leverages', count(*)
FROM (SELECT case_id FROM reference.holding WHERE kind = 'order'
	  GROUP BY case_id, symbol, sign(quantity), entry_price
	  HAVING count(DISTINCT coalesce(leverage, 0)) > 1) AS mixed
UNION ALL
SELECT 'several prices', count(*)
FROM (SELECT case_id FROM property.expected_order GROUP BY case_id, contract, side HAVING count(*) > 1) AS several
UNION ALL
SELECT 'orders by ' || netting || ' cost ' || CASE WHEN expected_position.order_margin > 0 THEN 'something' ELSE 'nothing' END, count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
WHERE has_orders AND level <> 'unpriced'
GROUP BY netting, expected_position.order_margin > 0
UNION ALL
SELECT 'orders by ' || netting || ' require maintenance', count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
WHERE has_orders AND order_maintenance AND level <> 'unpriced'
GROUP BY netting
UNION ALL
SELECT 'orders by contracts', count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
WHERE has_orders AND tier_unit = 'contracts' AND level <> 'unpriced'
UNION ALL
SELECT 'opening fee', count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.contract USING (market_id, contract)
WHERE opening_fee > closing_fee AND initial_margin_alone > 0 AND level <> 'unpriced'
UNION ALL
-- rules
SELECT 'equity less ' || orders_reduce_equity, count(*)
FROM property.expected
JOIN reference.account USING (case_id)
JOIN reference.market USING (market_id)
WHERE order_margin > 0 AND order_loss > 0
GROUP BY 1
UNION ALL
SELECT 'worse for its orders alone', count(*) FROM property.expected
WHERE level IN ('warning', 'margin_call', 'liquidation') AND maintenance_margin < 0.01 * equity
UNION ALL
SELECT 'healthy with no judged equity', count(*) FROM property.expected
WHERE level = 'healthy' AND equity > 0 AND judged_equity <= 0
UNION ALL
SELECT 'larger: ' || CASE WHEN contracts > debts THEN 'contracts' ELSE 'debts' END, count(*)
FROM property.expected
JOIN reference.account USING (case_id)
JOIN reference.market USING (market_id)
JOIN (SELECT case_id, sum(maintenance_margin) AS contracts FROM property.expected_position GROUP BY case_id) AS c USING (case_id)
JOIN (SELECT case_id, sum(maintenance_margin) AS debts FROM property.expected_collateral GROUP BY case_id) AS d USING (case_id)
WHERE liability_rule = 'larger' AND least(contracts, debts) > 0 AND level <> 'unpriced'
GROUP BY 1
UNION ALL
-- two measures, doubtful prices
SELECT 'initial measure ' || CASE sign(initial_collateral_value - expected_collateral.collateral_value)
							 WHEN -1 THEN 'lower' WHEN 0 THEN 'equal' ELSE 'higher' END, count(*)
FROM property.expected_collateral
JOIN property.expected USING (case_id)
WHERE expected_collateral.collateral_value > 0 AND level <> 'unpriced'
  AND EXISTS (SELECT FROM reference.schedule
			  WHERE schedule.market_id = expected_collateral.market_id
				AND schedule.symbol = asset AND kind = 'initial_collateral')
GROUP BY 1
UNION ALL
SELECT 'debt ' || CASE sign(initial_liability - liability) WHEN -1 THEN 'lighter' WHEN 0 THEN 'as heavy' ELSE 'heavier' END || ' at first', count(*)
FROM property.expected_collateral
JOIN property.expected USING (case_id)
JOIN reference.asset USING (market_id, asset)
WHERE liability > 0 AND initial_liability_weight IS NOT NULL AND level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT 'doubtful price, ' || tier_unit || CASE WHEN asset_equity > 0 THEN ' owned' ELSE ' owed' END, count(*)
FROM property.expected_collateral
JOIN property.expected USING (case_id)
JOIN reference.asset USING (market_id, asset)
WHERE CASE WHEN asset_equity > 0 THEN low < asset.price AND expected_collateral.collateral_value > 0
		   WHEN asset_equity < 0 THEN high > asset.price END
  AND level <> 'unpriced'
GROUP BY 1
UNION ALL
SELECT 'doubtful price, settled', count(*)
FROM property.expected_position
JOIN property.expected USING (case_id)
JOIN reference.asset ON asset.market_id = expected_position.market_id AND asset.asset = settle
WHERE high > price AND expected_position.maintenance_margin > 0 AND level <> 'unpriced'
});
my %coverage = map { /(.*)\|(\d+)/ ? ($1 => $2) : () } split /\n/, $coverage;

my %required = (
	(map { ("level $_" => 60) } qw(healthy warning margin_call liquidation bankrupt)),
	'level unpriced' => 150,
	'passes' => 200,
	'holds margin yet does not pass' => 20,
	'several missing' => 50,
	'equity 0' => 50,
	'more than 300 digits' => 2,
	'below 1e-25' => 10,
	'above 1e25' => 100,
	(map { ("netting $_, one side" => 100, "netting $_, both sides" => 30, "netting $_, hedged" => 2) } qw(leg larger net)),
	(map { ("maintenance $_" => 100, "initial $_" => 50, "liability $_" => 30) } qw(marginal whole)),
	(map { ("maintenance $_, at a bound" => 10, "initial $_, at a bound" => 5, "liability $_, at a bound" => 3) } qw(marginal whole)),
	(map { ($_ => 50) } 'with initial, with fee', 'with initial, without fee', 'without initial, with fee', 'without initial, without fee'),
	'leverage, initial above maintenance' => 50,
	'margin quantity rounded' => 100,
	'without tiers' => 50,
	'liability' => 50,
	'liability, weighted' => 50,
	'asset equity 0' => 5,
	(map { ("tiers by $_" => 100, "tiers by $_, at a bound" => 10) } qw(quantity value)),
	'profit nets with balance' => 100,
	'no price, no tiers, counts nothing' => 3,
	'settlement weighted' => 50,
	(map { ("contract $_" => 10) } 'unknown', 'without mark', 'without maintenance', 'settled in an unknown asset', 'settled in an asset without price'),
	(map { ("asset $_" => 10) } 'unknown', 'without price, owed', 'without price'),
	'one name missing as asset and contract' => 2,
	'one name held as asset and contract' => 10,
	'nets to nothing' => 50,
	'own levels' => 500,
	'no orders' => 500,
	(map { ("$_ below the mark" => 100, "$_ at the mark" => 50, "$_ above the mark" => 100) } qw(buy sell)),
	(map { ("order opens a $_" => 100, "order closes a $_" => 20, "order ends a close a $_" => 10, "order comes after a close a $_" => 20, "order closes and flips a $_" => 20) } qw(long short)),
	'what remains of an order has its margin quantity rounded' => 20,
	'one price, several leverages' => 50,
	'several prices' => 200,
	(map { ("orders by $_ cost something" => 100, "orders by $_ require maintenance" => 50) } qw(leg larger net)),
	'orders by net cost nothing' => 20,
	'orders by larger cost nothing' => 5,
	'orders by contracts' => 100,
	'opening fee' => 100,
	(map { ("equity less $_" => 50) } qw(nothing loss margin both)),
	'worse for its orders alone' => 20,
	'healthy with no judged equity' => 1,
	(map { ("larger: $_" => 10) } qw(contracts debts)),
	(map { ("initial measure $_" => 50) } qw(lower equal higher)),
	(map { ("debt $_ at first" => 20) } 'lighter', 'as heavy', 'heavier'),
	(map { ("doubtful price, $_ owned" => 30, "doubtful price, $_ owed" => 30) } qw(quantity value)),
	'doubtful price, settled' => 50,
	(map { ("maintenance by contracts $_" => 30, "initial by contracts $_" => 15) } qw(marginal whole)),
	(map { ("maintenance by contracts $_, at a bound" => 3, "initial by contracts $_, at a bound" => 1) } qw(marginal whole)),
	(map { ("netting $_, orders alone" => 30) } qw(leg larger net)));

for my $situation (sort keys %required)
{
	cmp_ok($coverage{$situation} // 0, '>=', $required{$situation}, "enough cases: $situation");
}

# ---------------------------------------------------------------------------
# The extension's view of the same rows.
# ---------------------------------------------------------------------------

# The operators are in its schema, everything else is qualified.
sql(q{
CREATE EXTENSION margin;
ALTER DATABASE property SET search_path = public, margin;
});

# Markets by three entrances: JSON text that leaves out what it may, JSON text
# that spells out everything, and rows.
sql(q{
CREATE FUNCTION property.schedule_text(of_market integer, of_kind text, of_symbol text) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT CASE method WHEN 'whole' THEN 'whole ' ELSE '' END
		   || '{' || string_agg(lower_bound || ': ' || rate, ', ' ORDER BY lower_bound) || '}'
	FROM reference.schedule
	JOIN reference.tier USING (market_id, kind, symbol)
	WHERE (market_id, kind, symbol) = (of_market, of_kind, of_symbol)
	GROUP BY method
$$;

CREATE FUNCTION property.schedule(of_market integer, of_kind text, of_symbol text) RETURNS margin.schedule
STABLE LANGUAGE sql AS $$
	SELECT CASE WHEN of_kind IN ('collateral', 'initial_collateral') THEN margin.schedule(lower_bound, rate)
						ELSE margin.schedule(lower_bound, rate, method::margin.tier_method) END
	FROM reference.schedule
	JOIN reference.tier USING (market_id, kind, symbol)
	WHERE (market_id, kind, symbol) = (of_market, of_kind, of_symbol)
$$;

-- One JSON object: name, value as JSON, and whether it may be left out.
CREATE FUNCTION property.object(VARIADIC members text[]) RETURNS text
IMMUTABLE LANGUAGE sql AS $$ SELECT '{' || array_to_string(members, ', ') || '}' $$;

CREATE FUNCTION property.member(name text, value text, left_out boolean DEFAULT false) RETURNS text
IMMUTABLE LANGUAGE sql AS $$ SELECT CASE WHEN NOT left_out THEN to_json(name) || ': ' || value END $$;

CREATE FUNCTION property.market_text(of_market integer, terse boolean) RETURNS text
STABLE LANGUAGE sql AS $$
	SELECT property.object(
		property.member('rules', (
			SELECT property.object(
				property.member('orders_reduce_equity', to_json(orders_reduce_equity)::text, terse AND orders_reduce_equity = 'nothing'),
				property.member('liability_rule', to_json(liability_rule)::text, terse AND liability_rule = 'sum'))
			FROM reference.market WHERE market_id = of_market)),
		property.member('levels', (
			SELECT property.object(VARIADIC array_agg(property.member(level, coalesce(margin_ratio, usual)::text,
																	  terse AND margin_ratio IS NULL)))
			FROM (VALUES ('liquidation', 1), ('warning', 0.7), ('margin_call', 0.85)) AS usual (level, usual)
			LEFT JOIN (SELECT * FROM reference.level_threshold WHERE market_id = of_market) AS own USING (level))),
		property.member('contracts', (
			SELECT property.object(VARIADIC array_agg(property.member(contract, property.object(
				property.member('settle', to_json(settle)::text),
				property.member('base', to_json(base)::text),
				property.member('contract_size', contract_size::text),
				property.member('mark', mark::text),
				property.member('maintenance', to_json(property.schedule_text(market_id, 'maintenance', contract))::text),
				property.member('initial', to_json(property.schedule_text(market_id, 'initial', contract))::text),
				property.member('netting', to_json(netting)::text, terse AND netting = 'leg'),
				property.member('closing_fee', closing_fee::text, terse AND closing_fee = 0),
				property.member('opening_fee', opening_fee::text, terse AND opening_fee = 0),
				property.member('tier_unit', to_json(tier_unit)::text, terse AND tier_unit = 'notional'),
				property.member('order_maintenance', to_json(order_maintenance)::text, terse AND NOT order_maintenance)))))
			FROM reference.contract WHERE market_id = of_market)),
		property.member('assets', (
			SELECT property.object(VARIADIC array_agg(property.member(asset, property.object(
				property.member('price', price::text),
				property.member('low', coalesce(low, price)::text, terse AND low IS NULL),
				property.member('high', coalesce(high, price)::text, terse AND high IS NULL),
				property.member('tiers', to_json(property.schedule_text(market_id, 'collateral', asset))::text),
				property.member('initial_tiers', to_json(property.schedule_text(market_id, 'initial_collateral', asset))::text),
				property.member('tier_unit', to_json(tier_unit)::text, terse AND tier_unit = 'quantity'),
				property.member('liability_weight', liability_weight::text, terse AND liability_weight = 1),
				property.member('requirement_weight', requirement_weight::text, terse AND requirement_weight = 1),
				property.member('initial_liability_weight', coalesce(initial_liability_weight, liability_weight)::text,
								terse AND initial_liability_weight IS NULL),
				property.member('liability_maintenance',
								to_json(property.schedule_text(market_id, 'liability', asset))::text)))))
			FROM reference.asset WHERE market_id = of_market)))
$$;

CREATE FUNCTION property.market_of_rows(of_market integer) RETURNS margin.market
STABLE LANGUAGE sql AS $$
	SELECT margin.market(
		ARRAY(SELECT (asset, price, property.schedule(market_id, 'collateral', asset), tier_unit,
					  nullif(liability_weight, 1), requirement_weight,
					  property.schedule(market_id, 'liability', asset),
					  low, high, property.schedule(market_id, 'initial_collateral', asset),
					  initial_liability_weight)::margin.asset_terms
			  FROM reference.asset WHERE market_id = of_market ORDER BY price),
		ARRAY(SELECT (contract, settle, base, contract_size, mark,
					  property.schedule(market_id, 'maintenance', contract),
					  property.schedule(market_id, 'initial', contract), netting,
					  nullif(closing_fee, 0), nullif(opening_fee, 0), nullif(tier_unit, 'notional'),
					  nullif(order_maintenance, false))::margin.contract_terms
			  FROM reference.contract WHERE market_id = of_market ORDER BY contract_size),
		(SELECT margin_ratio FROM reference.level_threshold WHERE market_id = of_market AND level = 'warning'),
		(SELECT margin_ratio FROM reference.level_threshold WHERE market_id = of_market AND level = 'margin_call'),
		(SELECT margin_ratio FROM reference.level_threshold WHERE market_id = of_market AND level = 'liquidation'),
		(SELECT nullif(orders_reduce_equity, 'nothing')::margin.order_reduction FROM reference.market WHERE market_id = of_market),
		(SELECT nullif(liability_rule, 'sum')::margin.liability_rule FROM reference.market WHERE market_id = of_market))
$$;

CREATE TABLE property.market AS
	SELECT market_id,
		   property.market_text(market_id, true)::margin.market AS from_terse,
		   property.market_text(market_id, false)::margin.market AS from_full,
		   property.market_of_rows(market_id) AS from_rows
	FROM reference.market;

CREATE TABLE property.subject AS
	SELECT case_id, portfolio, market, margin.evaluate(portfolio, market) AS valuation
	FROM (SELECT case_id, market_id, margin.portfolio(symbol, quantity, entry_price, leverage, kind::margin.holding_kind) AS portfolio
		  FROM reference.account
		  JOIN reference.holding USING (case_id)
		  GROUP BY case_id) AS held
	CROSS JOIN LATERAL (SELECT CASE case_id % 3 WHEN 0 THEN from_terse WHEN 1 THEN from_full ELSE from_rows END
						FROM property.market
						WHERE market.market_id = held.market_id) AS given (market);
ALTER TABLE property.subject ADD PRIMARY KEY (case_id);
ANALYZE;
});

none_wrong(q{
	SELECT * FROM property.market
	WHERE from_terse IS DISTINCT FROM from_full
	   OR from_terse IS DISTINCT FROM from_rows
	   OR from_terse::text::margin.market IS DISTINCT FROM from_terse
	   OR from_terse::text <> ANY (ARRAY[from_full::text, from_rows::text, from_terse::text::margin.market::text])
	}, 'a market is the same from terse text, full text, rows and its own text');

none_wrong(q{
	SELECT market_id, from_rows
	FROM property.market
	WHERE from_rows IS DISTINCT FROM margin.market(
			ARRAY(SELECT terms FROM margin.assets(from_rows) AS terms),
			ARRAY(SELECT terms FROM margin.contracts(from_rows) AS terms),
			(SELECT margin_ratio FROM reference.level_threshold AS t WHERE t.market_id = market.market_id AND level = 'warning'),
			(SELECT margin_ratio FROM reference.level_threshold AS t WHERE t.market_id = market.market_id AND level = 'margin_call'),
			(SELECT margin_ratio FROM reference.level_threshold AS t WHERE t.market_id = market.market_id AND level = 'liquidation'),
			(SELECT value::margin.order_reduction FROM margin.rules(from_rows) WHERE rule = 'orders_reduce_equity'),
			(SELECT value::margin.liability_rule FROM margin.rules(from_rows) WHERE rule = 'liability_rule'))
	}, 'assets(), contracts() and rules() give back the rows of a market');

none_wrong(q{
	SELECT market_id, given.*
	FROM property.market
	JOIN reference.market AS expected USING (market_id)
	CROSS JOIN LATERAL (SELECT array_agg(rule || ' ' || value ORDER BY rule) FROM margin.rules(from_rows)) AS given (rules)
	WHERE rules IS DISTINCT FROM ARRAY['liability_rule ' || liability_rule, 'orders_reduce_equity ' || orders_reduce_equity]
	}, 'rules() gives both rules');

# ---------------------------------------------------------------------------
# Evaluation, column by column.
# ---------------------------------------------------------------------------

my $compared = sql('SELECT count(*) FROM property.subject JOIN property.expected USING (case_id)');
cmp_ok($compared, '>=', 4000, 'thousands of cases are compared');
diag "cases: $compared";

my @amounts = qw(equity collateral_value liabilities net_asset_value haircut unrealized_pnl initial_margin
  maintenance_margin available_margin shortfall margin_ratio);
my @later = qw(initial_equity order_margin order_loss);

is(sql(q{SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
		 WHERE attrelid = 'margin.valuation'::regclass AND attnum > 0}),
	"@amounts level missing @later", 'a valuation has the columns compared here');

my $shown = 0;
for my $column (@amounts, 'level', 'missing', @later)
{
	my $cast = $column eq 'level' ? '::text' : '';
	my $differs = "(valuation).$column$cast IS DISTINCT FROM expected.$column";
	my $wrong = sql("SELECT count(*) FROM property.subject JOIN property.expected USING (case_id) WHERE $differs");
	is($wrong, 0, "evaluate: $column");
	next if $wrong == 0 || $shown++ >= SHOWN;
	diag sql(qq{
		SELECT concat_ws(E'\n', 'MARGIN_SEED=$seed, case ' || case_id || ', $column:',
			'expected: ' || to_jsonb(expected)::text, 'evaluate: ' || to_jsonb(valuation)::text,
			'portfolio: ' || portfolio::text, 'market: ' || market::text,
			'holdings: ' || (SELECT jsonb_agg(holding)::text FROM reference.holding
							 WHERE holding.case_id = subject.case_id))
		FROM property.subject JOIN property.expected USING (case_id)
		WHERE $differs
		ORDER BY length(market::text) + length(portfolio::text)
		LIMIT 1});
}

for my $amount (@amounts, @later)
{
	none_wrong(qq{
		SELECT case_id, (valuation).$amount, margin.$amount(portfolio, market) AS accessor
		FROM property.subject
		WHERE margin.$amount(portfolio, market) IS DISTINCT FROM (valuation).$amount
		}, "accessor: $amount()");
}

none_wrong(q{
	SELECT case_id, portfolio, market, judged_equity
	FROM property.subject JOIN property.expected USING (case_id)
	WHERE margin.judged_equity(portfolio, market) IS DISTINCT FROM judged_equity
	}, 'judged_equity()');

none_wrong(q{
	SELECT case_id, passes, valuation
	FROM property.subject JOIN property.expected USING (case_id)
	WHERE margin.passes(portfolio, market) IS DISTINCT FROM passes
	}, 'passes()');

none_wrong(q{
	SELECT case_id, portfolio, market
	FROM property.subject
	WHERE portfolio::text::margin.portfolio IS DISTINCT FROM portfolio
	   OR portfolio::text::margin.portfolio::text IS DISTINCT FROM portfolio::text
	}, 'a portfolio reads back from its text');

none_wrong(q{
	SELECT case_id, portfolio, market
	FROM property.subject
	WHERE margin.evaluate(portfolio::text::margin.portfolio, market::text::margin.market) IS DISTINCT FROM valuation
	}, 'evaluate after a round trip through text');

# ---------------------------------------------------------------------------
# Row by row.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE property.collateral AS
	SELECT case_id, collateral.* FROM property.subject, margin.collateral(portfolio, market);
CREATE TABLE property.position AS
	SELECT case_id, positions.* FROM property.subject, margin.positions(portfolio, market);
CREATE TABLE property.open_order AS
	SELECT case_id, orders.* FROM property.subject, margin.orders(portfolio, market);
CREATE INDEX ON property.collateral (case_id);
CREATE INDEX ON property.position (case_id);
CREATE INDEX ON property.open_order (case_id);
ANALYZE property.collateral, property.position, property.open_order;
});

none_wrong(q{
	SELECT case_id, valuation, assets.*, contracts.*
	FROM property.subject
	JOIN reference.account USING (case_id)
	JOIN reference.market AS ruled USING (market_id)
	CROSS JOIN LATERAL (
		SELECT coalesce(sum(collateral_value), 0) AS collateral_value, coalesce(sum(liability), 0) AS liability,
			   coalesce(sum(net_asset_value), 0) AS net_asset_value, coalesce(sum(haircut), 0) AS haircut,
			   coalesce(sum(maintenance_margin), 0) AS liability_maintenance
		FROM property.collateral WHERE collateral.case_id = subject.case_id) AS assets
	CROSS JOIN LATERAL (
		SELECT coalesce(sum(pnl_usd), 0) AS unrealized_pnl, coalesce(sum(initial_margin), 0) AS initial_margin,
			   coalesce(sum(order_margin), 0) AS order_margin, coalesce(sum(maintenance_margin), 0) AS maintenance_margin
		FROM property.position WHERE position.case_id = subject.case_id) AS contracts
	CROSS JOIN LATERAL (
		SELECT coalesce(sum(order_loss), 0) AS order_loss
		FROM property.open_order WHERE open_order.case_id = subject.case_id) AS orders
	WHERE (valuation).level <> 'unpriced'
	  AND ((valuation).collateral_value, (valuation).liabilities, (valuation).net_asset_value,
		   (valuation).haircut, (valuation).unrealized_pnl, (valuation).order_margin, (valuation).order_loss,
		   (valuation).initial_margin, (valuation).maintenance_margin)
		  IS DISTINCT FROM
		  (collateral_value, liability, net_asset_value, haircut, unrealized_pnl, order_margin, order_loss,
		   CASE liability_rule WHEN 'sum' THEN initial_margin + order_margin + liability_maintenance
							   ELSE greatest(initial_margin + order_margin, liability_maintenance) END,
		   CASE liability_rule WHEN 'sum' THEN maintenance_margin + liability_maintenance
							   ELSE greatest(maintenance_margin, liability_maintenance) END)
	}, 'rows of collateral(), positions() and orders() sum to the valuation');

none_wrong(q{
	SELECT case_id, (valuation).missing, listed
	FROM property.subject
	LEFT JOIN (SELECT case_id, array_agg(DISTINCT symbol COLLATE "C" ORDER BY symbol COLLATE "C") AS listed
			   FROM (SELECT case_id, unnest(missing) AS symbol FROM property.collateral
					 UNION ALL
					 SELECT case_id, unnest(missing) FROM property.position) AS part
			   GROUP BY case_id) AS part USING (case_id)
	WHERE (valuation).missing IS DISTINCT FROM listed
	}, 'rows of collateral() and positions() together list what is missing');

# A row may be left out, or an amount be NULL, where there is nothing to say.
none_wrong(q{
	SELECT case_id, asset, row_to_json(expected) AS expected, row_to_json(given) AS given
	FROM (SELECT * FROM property.expected_collateral AS expected) AS expected
	FULL JOIN property.collateral AS given USING (case_id, asset)
	JOIN property.expected AS valued USING (case_id)
	WHERE valued.level <> 'unpriced'
	  AND ((coalesce(expected.balance, 0), coalesce(expected.pnl, 0), coalesce(expected.asset_equity, 0),
			coalesce(expected.net_asset_value, 0), coalesce(expected.collateral_value, 0),
			coalesce(expected.liability, 0), coalesce(expected.maintenance_margin, 0),
			coalesce(expected.net_asset_value - expected.collateral_value + expected.liability, 0))
		   IS DISTINCT FROM
		   (coalesce(given.balance, 0), coalesce(given.pnl, 0), coalesce(given.asset_equity, 0),
			coalesce(given.net_asset_value, 0), coalesce(given.collateral_value, 0),
			coalesce(given.liability, 0), coalesce(given.maintenance_margin, 0),
			coalesce(given.haircut, 0))
		   OR expected.price <> given.price)
	}, 'collateral(), row by row');

none_wrong(q{
	SELECT case_id, contract, row_to_json(expected) AS expected, row_to_json(given) AS given
	FROM property.expected_position AS expected
	FULL JOIN property.position AS given USING (case_id, contract)
	JOIN property.expected AS valued USING (case_id)
	WHERE valued.level <> 'unpriced'
	  AND (expected.settle, expected.long, expected.short, expected.mark,
		   expected.long_notional, expected.short_notional, expected.pnl,
		   expected.pnl_usd, expected.maintenance_margin, expected.initial_margin_alone, expected.order_margin)
		  IS DISTINCT FROM
		  (given.settle, given.long, given.short, given.mark,
		   given.long_notional, given.short_notional, given.pnl,
		   given.pnl_usd, given.maintenance_margin, given.initial_margin, given.order_margin)
	}, 'positions(), row by row');

none_wrong(q{
	SELECT case_id, contract, side, price, row_to_json(expected) AS expected, row_to_json(given) AS given
	FROM (SELECT *, settle_high * loss_of_one * quantity AS loss FROM property.expected_order) AS expected
	FULL JOIN (SELECT case_id, contract, side::text AS side, price, quantity, margin_quantity, value, order_loss
			   FROM property.open_order) AS given USING (case_id, contract, side, price)
	JOIN property.expected AS valued USING (case_id)
	WHERE valued.level <> 'unpriced'
	  AND (expected.quantity, expected.margin_quantity, expected.value, expected.loss)
		  IS DISTINCT FROM
		  (given.quantity, given.margin_quantity, given.value, given.order_loss)
	}, 'orders(), row by row');

# ---------------------------------------------------------------------------
# Algebra: however the holdings are split, the parts add up to the portfolio.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE property.split AS
	SELECT case_id, coalesce(a, '{}') AS a, coalesce(b, '{}') AS b, in_parts
	FROM (SELECT case_id, margin.rollup(portfolio) FILTER (WHERE part < 2) AS a,
				 margin.rollup(portfolio) FILTER (WHERE part >= 2) AS b,
				 margin.rollup(portfolio) AS in_parts
		  FROM (SELECT case_id, holding_id * 7 % 5 AS part,
					   margin.portfolio(symbol, quantity, entry_price, leverage, kind::margin.holding_kind ORDER BY holding_id DESC) AS portfolio
				FROM reference.holding
				GROUP BY case_id, part) AS part
		  GROUP BY case_id) AS parts;
});

none_wrong(q{
	SELECT case_id, portfolio, a, b
	FROM property.subject JOIN property.split USING (case_id)
	WHERE in_parts IS DISTINCT FROM portfolio
	   OR in_parts::text IS DISTINCT FROM portfolio::text
	   OR margin.evaluate(in_parts, market) IS DISTINCT FROM valuation
	}, 'rollup() of the parts');

my %law = (
	'a + b is the whole' => 'a + b = portfolio',
	'a + b and the whole have one text' => '(a + b)::text = portfolio::text',
	'a + b = b + a' => 'a + b = b + a',
	'(a + b) - b = a' => '(a + b) - b = a',
	'whole - a = b' => 'portfolio - a = b',
	'a - a is empty' => "a - a = '{}'",
	'a + nothing = a' => "a + '{}' = a");

for my $law (sort keys %law)
{
	none_wrong(qq{
		SELECT case_id, portfolio, a, b
		FROM property.subject JOIN property.split USING (case_id)
		WHERE ($law{$law}) IS NOT TRUE
		}, $law);
}

none_wrong(q{
	SELECT case_id, two, four
	FROM (SELECT case_id, margin.portfolio(symbol, quantity) AS two,
				 margin.portfolio(symbol, quantity, NULL, NULL) AS four
		  FROM reference.holding
		  WHERE entry_price IS NULL
		  GROUP BY case_id) AS balances
	WHERE two IS DISTINCT FROM four
	}, 'portfolio(asset, quantity)');

none_wrong(q{
	SELECT case_id, without, four
	FROM property.subject
	CROSS JOIN margin.without_orders(portfolio) AS without
	JOIN (SELECT case_id, coalesce(margin.portfolio(symbol, quantity, entry_price, leverage)
								   FILTER (WHERE kind IS DISTINCT FROM 'order'), '{}') AS four
		  FROM reference.holding
		  GROUP BY case_id) AS kinds USING (case_id)
	WHERE four IS DISTINCT FROM without
	   OR without::text <> four::text
	}, 'without_orders() is portfolio(symbol, quantity, entry_price, leverage) of the rest');

none_wrong(q{
	SELECT case_id, portfolio, of_kinds
	FROM property.subject
	JOIN (SELECT case_id, margin.portfolio(symbol, quantity, entry_price, leverage,
										   coalesce(kind, CASE WHEN entry_price IS NULL THEN 'balance' ELSE 'position' END)::margin.holding_kind) AS of_kinds
		  FROM reference.holding
		  GROUP BY case_id) AS kinds USING (case_id)
	WHERE of_kinds IS DISTINCT FROM portfolio
	}, 'a kind that is left out is that of a balance or position');

# ---------------------------------------------------------------------------
# Schedules by themselves: at each bound, beside it, and beyond the last.
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE property.schedule AS
	SELECT schedule.*, x, property.schedule_text(market_id, kind, symbol)::margin.schedule AS of_text,
		   property.schedule(market_id, kind, symbol) AS of_rows
	FROM reference.schedule
	CROSS JOIN LATERAL (SELECT DISTINCT lower_bound + beside AS x
						FROM reference.tier
						CROSS JOIN (VALUES (0), (1e-18), (-1e-18), (1e6)) AS beside (beside)
						WHERE tier.market_id = schedule.market_id AND tier.kind = schedule.kind
						  AND tier.symbol = schedule.symbol
						  AND lower_bound + beside >= 0) AS argument
	WHERE market_id % 3 = 0;
});

none_wrong(q{
	SELECT schedule.*, margin.apply(of_text, x), amount
	FROM property.schedule, reference.apply(market_id, kind, symbol, x)
	WHERE of_text IS DISTINCT FROM of_rows
	   OR of_text::text <> of_rows::text
	   OR margin.apply(of_rows, x) IS DISTINCT FROM amount
	}, 'apply()');

none_wrong(q{
	SELECT schedule.*, price, in_quantity.amount, in_value.amount
	FROM property.schedule
	JOIN reference.asset ON asset.market_id = schedule.market_id AND asset.asset = schedule.symbol
	CROSS JOIN LATERAL reference.apply(schedule.market_id, kind, symbol, x) AS in_quantity
	CROSS JOIN LATERAL reference.apply(schedule.market_id, kind, symbol, price * x) AS in_value
	WHERE kind IN ('collateral', 'initial_collateral') AND price IS NOT NULL
	  AND (margin.tiered_value(x, price, of_rows) IS DISTINCT FROM price * in_quantity.amount
		   OR margin.tiered_value(x, price, of_rows, 'quantity') IS DISTINCT FROM price * in_quantity.amount
		   OR margin.tiered_value(x, price, of_rows, 'value') IS DISTINCT FROM in_value.amount)
	}, 'tiered_value() of a quantity');

done_testing();
