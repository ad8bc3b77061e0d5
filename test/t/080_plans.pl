# Plans for thousands of random accounts, half of them with open orders: repayment_plan() against a second
# implementation, in PL/pgSQL over numeric and straight from its description;
# reduction_plan() against what it claims, by trade() and evaluate(), and
# against the best that a search finds at each step.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginOrders;
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	MARKETS => 70,
	ACCOUNTS => 12,    # in each, and as many again that are aimed at their liquidation
	SHOWN => 3,        # mismatches printed in full
};

my $seed = random_seed();

my $node = PostgreSQL::Test::Cluster->new('plans');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'log_statement = none');
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql('CREATE EXTENSION margin; ALTER DATABASE postgres SET search_path = public, margin');
sql(random_book(markets => MARKETS, accounts => ACCOUNTS, clean => 0.9));
sql(ordered_book($seed));
cmp_ok(sql('SELECT count(*) FROM random.account'), '>', MARKETS * ACCOUNTS, 'accounts');

# True for no row of a query that lists what is wrong; shows some of them.
sub none
{
	my ($query, $name) = @_;
	my @wrong = split /\n/, sql($query);
	is(scalar @wrong, 0, $name) or diag join "\n", grep { defined } @wrong[ 0 .. SHOWN - 1 ];
}

sub enough
{
	my ($query, $least, $name) = @_;
	cmp_ok(sql($query), '>=', $least, "enough: $name");
}

# ---------------------------------------------------------------------------
# Repayment: every account gets rules, an order, and whether it is forced, by chance.
# ---------------------------------------------------------------------------

# Debts are rare in random accounts: they get siblings that owe.
sql(q{
INSERT INTO random.account (account_id, market_id, story, portfolio)
	SELECT 2000000 + account_id, market_id, 'owing',
		   portfolio - (SELECT portfolio(asset, quantity)
						  FROM (SELECT asset, asset_equity * ('{1.01,1.5,3}'::numeric[])[1 + account_id % 3] AS quantity
								  FROM collateral(portfolio, market)
								 WHERE asset_equity > 0 ORDER BY md5(asset || account_id) LIMIT 2) AS owed)
	  FROM random.account JOIN random.market USING (market_id)
	 WHERE level(portfolio, market) <> 'unpriced'
	   AND EXISTS (SELECT FROM collateral(portfolio, market) WHERE asset_equity > 0);
DELETE FROM random.account WHERE portfolio IS NULL;
});

my $chance = sub { my ($what, $of) = @_; return "('x' || substr(md5('$seed' || $what || $of), 1, 7))::bit(28)::integer" };
my $die = sub { return $chance->("'$_[0]'", "asset || account_id") };

sql(qq{
CREATE TABLE random.rule (account_id integer, rule repayment_rule);
INSERT INTO random.rule
	SELECT account_id, ROW(asset,
		CASE WHEN @{[$die->('rank')]} % 3 = 0 THEN @{[$die->('which')]} % 3 END,
		(ARRAY[NULL, 1, 1, 0.9, 0.5, 0.123456789, 0, 1e-9])[1 + @{[$die->('discount')]} % 8],
		(ARRAY[NULL, NULL, 0, greatest(-asset_equity, 0), greatest(-asset_equity, 0) / 2, 1e-18])[1 + @{[$die->('threshold')]} % 6],
		(ARRAY[NULL, 0, 0.2, 1])[1 + @{[$die->('ratio')]} % 4])::repayment_rule
	FROM random.account JOIN random.market USING (market_id), collateral(portfolio, market)
	WHERE @{[$die->('any')]} % 3 > 0;
CREATE TABLE random.question AS
	SELECT account_id, portfolio AS p, market AS m,
		   ARRAY(SELECT rule FROM random.rule WHERE rule.account_id = account.account_id) AS rules,
		   (ARRAY['ratio', 'pro_rata']::funding_order[])[1 + @{[$chance->("'order'", 'account_id')]} % 2] AS funding_order,
		   @{[$chance->("'forced'", 'account_id')]} % 4 = 0 AS forced
	FROM random.account JOIN random.market USING (market_id);
CREATE TABLE random.repayment AS
	SELECT account_id, c.* FROM random.question, LATERAL repayment_plan(p, m, rules, funding_order, forced) AS c;
});

sql(q{
-- a / b >= 0 rounded at the 18th decimal, over whole numbers
CREATE FUNCTION random.down18(a numeric, b numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS
	$$ SELECT div(a * 1e18, b) * 1e-18 $$;
CREATE FUNCTION random.up18(a numeric, b numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS
	$$ SELECT (div(a * 1e18, b) + (mod(a * 1e18, b) > 0)::integer) * 1e-18 $$;

-- the rate of the tier that x is in, from the text of a schedule
CREATE FUNCTION random.rate_at(s schedule, x numeric) RETURNS numeric IMMUTABLE LANGUAGE sql AS $$
	SELECT t[2]::numeric FROM regexp_matches(s::text, '([0-9.e+-]+): ([0-9.e+-]+)', 'g') AS t
	WHERE t[1]::numeric <= x ORDER BY t[1]::numeric DESC LIMIT 1
$$;

-- who can pay, as the account stands
CREATE FUNCTION random.funding_assets(p portfolio, m market, rules repayment_rule[])
RETURNS TABLE (asset text, rank integer, ratio numeric, available numeric, worth numeric, discount numeric)
STABLE LANGUAGE sql AS $$
	SELECT asset, rank, coalesce(random.rate_at(tiers, CASE tier_unit WHEN 'value' THEN asset_equity * low ELSE asset_equity END), 0),
		   least(balance, asset_equity), price * coalesce(conversion_discount, 1), coalesce(conversion_discount, 1)
	FROM collateral(p, m) JOIN (SELECT asset, tiers, tier_unit, coalesce(low, price) AS low FROM assets(m)) AS a USING (asset)
	LEFT JOIN unnest(rules) AS r USING (asset)
	WHERE least(balance, asset_equity) > 0 AND price IS NOT NULL AND coalesce(conversion_discount, 1) > 0
	  AND (tiers IS NOT NULL OR r.asset IS NOT NULL)
$$;

CREATE FUNCTION random.reference(p portfolio, m market, rules repayment_rule[], funding_order funding_order, forced boolean)
RETURNS TABLE (outcome text, debt text, funding_asset text, paid numeric, repaid numeric, due numeric, level level)
STABLE LANGUAGE plpgsql AS $$
DECLARE
	owed record;
	candidate record;
	excluded text[];
	asked numeric;
	wanted numeric;
	base numeric;
	q portfolio;
BEGIN
	level := level(p, m);
	IF level = 'unpriced' THEN
		outcome := 'unpriced';
		RETURN NEXT;
		RETURN;
	END IF;
	FOR owed IN
		SELECT asset, price, -asset_equity AS amount,
			   CASE WHEN threshold IS NULL THEN -asset_equity
					WHEN -asset_equity > threshold THEN -asset_equity - threshold * (1 - coalesce(repayment_ratio, 1)) ELSE 0 END AS due
		FROM collateral(p, m) LEFT JOIN unnest(rules) AS r USING (asset)
		WHERE asset_equity < 0 ORDER BY price * asset_equity, asset COLLATE "C"
	LOOP
		debt := owed.asset;
		due := owed.due;
		excluded := '{}';
		<<rounds>>
		LOOP
			-- one round: everyone's part is settled at its start
			asked := 0;
			base := NULL;
			EXIT rounds WHEN due <= 0 OR NOT EXISTS (SELECT FROM random.funding_assets(p, m, rules) AS a WHERE a.asset <> ALL (excluded));
			FOR candidate IN
				SELECT a.*, row_number() OVER w = count(*) OVER () AS is_last,
					   sum(available * worth) FILTER (WHERE rank IS NULL) OVER () AS pot
				FROM random.funding_assets(p, m, rules) AS a WHERE a.asset <> ALL (excluded)
				WINDOW w AS (ORDER BY rank NULLS LAST,
							 CASE WHEN rank IS NULL AND reference.funding_order = 'ratio' THEN ratio END DESC NULLS LAST, asset COLLATE "C")
				ORDER BY row_number() OVER w
			LOOP
				EXIT rounds WHEN due <= 0;
				funding_asset := candidate.asset;
				wanted := due;
				IF funding_order = 'pro_rata' AND candidate.rank IS NULL THEN
					base := coalesce(base, due);
					wanted := CASE WHEN candidate.is_last THEN base - asked
								   ELSE random.down18(base * candidate.available * candidate.worth, candidate.pot) END;
					asked := asked + wanted;
				END IF;
				CONTINUE WHEN wanted = 0;
				repaid := wanted;
				paid := random.up18(wanted * owed.price, candidate.worth);
				IF paid > candidate.available THEN
					paid := candidate.available;
					repaid := least(wanted, random.down18(paid * candidate.worth, owed.price));
				END IF;
				IF repaid = 0 THEN
					excluded := excluded || funding_asset;
					CONTINUE;
				END IF;
				q := p + portfolio_of(funding_asset, -paid) + portfolio_of(debt, repaid);
				IF level(q, m) > level(p, m) AND NOT forced THEN
					excluded := excluded || funding_asset;
					outcome := 'skipped';
				ELSE
					p := q;
					due := due - repaid;
					outcome := 'converted';
				END IF;
				level := level(q, m);
				RETURN NEXT;
			END LOOP;
		END LOOP;
		IF due > 0 THEN
			outcome := 'unpaid';
			funding_asset := NULL; paid := NULL; repaid := NULL;
			level := level(p, m);
			RETURN NEXT;
		END IF;
	END LOOP;
END
$$;

CREATE TABLE random.expected AS
	SELECT account_id, r.* FROM random.question, LATERAL random.reference(p, m, rules, funding_order, forced) WITH ORDINALITY AS r;
});

enough("SELECT count(*) FROM random.repayment WHERE outcome = 'converted'", 500, 'conversions');
enough("SELECT count(*) FROM random.repayment JOIN random.question USING (account_id) WHERE outcome = 'converted' AND funding_order = 'pro_rata'", 150, 'pro rata');
enough("SELECT count(*) FROM random.repayment WHERE outcome = 'skipped'", 20, 'skipped');
enough("SELECT count(*) FROM random.repayment WHERE outcome = 'unpaid'", 100, 'unpaid');
enough("SELECT count(*) FROM random.repayment WHERE outcome = 'unpriced'", 20, 'unpriced');
enough("SELECT count(*) FROM random.repayment WHERE outcome = 'converted' AND remaining_debt > 0 AND remaining_due = 0", 10, 'down to a threshold');
enough("SELECT count(*) FROM random.repayment WHERE outcome = 'converted' AND repaid * debt_price <> paid * funding_price * conversion_discount", 100, 'rounded');

none(q{
SELECT account_id, coalesce(a.step, b.ordinality), a.outcome, b.outcome, a.debt_asset, b.debt, a.funding_asset, b.funding_asset, a.paid, b.paid, a.repaid, b.repaid, a.remaining_due, b.due, a.level, b.level
FROM random.repayment AS a FULL JOIN random.expected AS b ON (a.account_id, a.step) = (b.account_id, b.ordinality)
LEFT JOIN random.question AS q ON q.account_id = coalesce(a.account_id, b.account_id)
CROSS JOIN LATERAL (SELECT coalesce(a.account_id, b.account_id)) AS number (account_id)
WHERE (a.outcome::text, a.debt_asset, a.funding_asset, a.paid, a.repaid, a.remaining_due, a.level)
	  IS DISTINCT FROM (b.outcome, b.debt, b.funding_asset, b.paid, b.repaid, b.due, b.level)
ORDER BY 1, 2} =~ s/SELECT account_id/SELECT number.account_id/r, 'repayment plans are those of the reference');

# carried out
sql(q{
CREATE TABLE random.carried_out AS
	SELECT account_id, q.m, q.p AS before, q.forced,
		   q.p + portfolio(asset, quantity) AS after
	FROM random.repayment JOIN random.question AS q USING (account_id), LATERAL (VALUES (funding_asset, -paid), (debt_asset, repaid)) AS e (asset, quantity)
	WHERE outcome = 'converted'
	GROUP BY account_id, q.m, q.p, q.forced;
});
none(q{SELECT account_id, before, after FROM random.carried_out WHERE level(after, m) > level(before, m) AND NOT forced},
	'no level is worse, unless forced');
none(q{SELECT account_id, b.asset, b.asset_equity, a.asset_equity
	FROM random.carried_out, LATERAL collateral(before, m) AS b LEFT JOIN LATERAL collateral(after, m) AS a USING (asset)
	WHERE b.asset_equity < 0 AND (a.asset_equity < b.asset_equity OR a.asset_equity > 0)}, 'no debt rises, none is overpaid');
none(q{SELECT account_id, asset, b.asset_equity, a.asset_equity
	FROM random.carried_out, LATERAL collateral(after, m) AS a LEFT JOIN LATERAL collateral(before, m) AS b USING (asset)
	WHERE a.asset_equity < 0 AND coalesce(b.asset_equity, 0) >= 0}, 'there is no new debt');
none(q{SELECT account_id, funding_asset, sum(paid) FROM random.repayment JOIN random.question USING (account_id), LATERAL collateral(p, m) AS c
	WHERE outcome = 'converted' AND c.asset = funding_asset GROUP BY account_id, funding_asset HAVING sum(paid) > max(least(balance, asset_equity))},
	'nobody pays more than the least of balance and equity');
none(q{SELECT * FROM random.repayment WHERE outcome = 'converted' AND paid_value * conversion_discount < repaid_value},
	'what is paid is worth what it repays');
none(q{SELECT account_id, debt_asset, remaining_debt, asset_equity
	FROM (SELECT DISTINCT ON (account_id, debt_asset) account_id, debt_asset, remaining_debt
		  FROM random.repayment WHERE debt_asset IS NOT NULL AND account_id IN (SELECT account_id FROM random.carried_out)
		  ORDER BY account_id, debt_asset, step DESC) AS stated
	JOIN random.carried_out USING (account_id) LEFT JOIN LATERAL collateral(after, m) AS c ON c.asset = debt_asset
	WHERE remaining_debt <> -coalesce(asset_equity, 0)}, 'what remains is what the plan says');

# ---------------------------------------------------------------------------
# Reduction
# ---------------------------------------------------------------------------

sql(q{
CREATE TABLE random.reduction AS
	SELECT account_id, lot, r.*
	FROM (SELECT account_id, portfolio AS p, market AS m, ('{0.00000001,1,0.001,10,7}'::numeric[])[1 + account_id % 5] AS lot
		  FROM random.account JOIN random.market USING (market_id)) AS question, LATERAL reduction_plan(p, m, lot) AS r;

-- a step carried out by trade(), less its fee
CREATE FUNCTION random.close(p portfolio, m market, contract text, side side, quantity numeric) RETURNS portfolio
IMMUTABLE LANGUAGE sql AS $$
	SELECT CASE WHEN side = 'short' THEN p ELSE trade(p, m, c.contract, -close.quantity, mark) END
		   - portfolio_of(settle, (2 - (side IS NOT NULL)::integer) * closing_fee * contract_size * mark * close.quantity)
	FROM contracts(m) AS c WHERE c.contract = close.contract AND side IS DISTINCT FROM 'short'
	UNION ALL
	SELECT trade(p, m, c.contract, close.quantity, mark) - portfolio_of(settle, closing_fee * contract_size * mark * close.quantity)
	FROM contracts(m) AS c WHERE c.contract = close.contract AND side = 'short'
$$;
CREATE FUNCTION random.close_both(p portfolio, m market, contract text, quantity numeric) RETURNS portfolio
IMMUTABLE LANGUAGE sql AS $$
	SELECT random.close(random.close(p, m, contract, 'long', quantity), m, contract, 'short', quantity)
$$;
CREATE FUNCTION random.carry(p portfolio, m market, contract text, side side, quantity numeric) RETURNS portfolio
IMMUTABLE LANGUAGE sql AS $$
	SELECT CASE WHEN side IS NULL THEN random.close_both(p, m, contract, quantity) ELSE random.close(p, m, contract, side, quantity) END
$$;
CREATE FUNCTION random.gap(p portfolio, m market) RETURNS numeric IMMUTABLE LANGUAGE sql AS $$
	SELECT maintenance_margin(p, m) - coalesce((m::text::json -> 'levels' ->> 'liquidation')::numeric, 1) * judged_equity(p, m)
$$;

-- without the orders in one contract
CREATE FUNCTION random.cancel(p portfolio, contract text) RETURNS portfolio IMMUTABLE LANGUAGE sql AS $$
	SELECT (t || jsonb_build_object('orders', (t -> 'orders') - contract))::text::portfolio FROM (SELECT p::text::jsonb) AS s (t)
$$;
CREATE TABLE random.stage AS
	WITH RECURSIVE stage AS (
		SELECT account_id, 1 AS step, portfolio AS p, market AS m FROM random.account JOIN random.market USING (market_id)
		WHERE account_id IN (SELECT account_id FROM random.reduction WHERE outcome <> 'unpriced')
		UNION ALL
		SELECT account_id, step + 1, CASE outcome WHEN 'cancelled' THEN random.cancel(p, contract) ELSE random.carry(p, m, contract, side, quantity) END, m
		FROM stage JOIN random.reduction USING (account_id, step) WHERE outcome IN ('cancelled', 'reduced'))
	SELECT * FROM stage;
CREATE UNIQUE INDEX ON random.stage (account_id, step);
ANALYZE random.stage, random.reduction;
});

enough("SELECT count(DISTINCT account_id) FROM random.reduction WHERE outcome = 'recovered'", 150, 'recovered');
enough("SELECT count(DISTINCT account_id) FROM random.reduction WHERE outcome = 'exhausted'", 150, 'exhausted');
enough("SELECT count(*) FROM random.reduction WHERE outcome = 'unpriced'", 20, 'unpriced');
enough("SELECT count(*) FROM random.reduction WHERE outcome = 'reduced' AND side IS NULL", 50, 'matched legs');
enough("SELECT count(*) FROM random.reduction WHERE outcome = 'cancelled' AND gain > 0", 100, 'orders whose cancelling gains something');
enough("SELECT count(*) FROM random.reduction WHERE outcome = 'cancelled' AND gain = 0", 50, 'and nothing');
enough("SELECT count(*) FROM random.reduction WHERE outcome = 'reduced' AND step > 3", 100, 'several steps');
enough("SELECT count(*) FROM random.reduction WHERE outcome = 'reduced' AND realized_pnl <> 0 AND fee > 0", 200, 'profits and fees');

none(q{SELECT account_id FROM random.account JOIN random.market USING (market_id)
	WHERE (level(portfolio, market) IN ('liquidation', 'bankrupt')) <> (account_id IN (SELECT account_id FROM random.reduction WHERE outcome IN ('recovered', 'exhausted')))},
	'a plan for those who are undercollateralized, and for nobody else');
none(q{SELECT r.account_id, r.step, r.outcome, r.contract, r.side, r.quantity, r.maintenance_before, maintenance_margin(b.p, b.m),
		r.maintenance_after, maintenance_margin(a.p, a.m), r.equity_before, equity(b.p, b.m), r.equity_after, equity(a.p, a.m), r.level, level(a.p, a.m)
	FROM random.reduction AS r JOIN random.stage AS b USING (account_id, step) JOIN random.stage AS a ON (a.account_id, a.step) = (r.account_id, r.step + 1)
	WHERE r.outcome IN ('cancelled', 'reduced')
	  AND (r.maintenance_before, r.maintenance_after, r.equity_before, r.equity_after, r.level, r.judged_equity_before, r.judged_equity_after, r.gain)
		  IS DISTINCT FROM (maintenance_margin(b.p, b.m), maintenance_margin(a.p, a.m), equity(b.p, b.m), equity(a.p, a.m), level(a.p, a.m),
							judged_equity(b.p, b.m), judged_equity(a.p, a.m), random.gap(b.p, b.m) - random.gap(a.p, a.m))},
	'each step does what it says');
none(q{SELECT r.account_id, r.step, r.contract, r.quantity, r.notional, r.gain, o.*
	FROM random.reduction AS r JOIN random.stage AS b USING (account_id, step)
	LEFT JOIN LATERAL (SELECT contract, sum(quantity) AS quantity, sum(value) AS value FROM orders(b.p, b.m) GROUP BY contract) AS o USING (contract)
	WHERE r.outcome = 'cancelled' AND ((r.quantity, r.notional) IS DISTINCT FROM (o.quantity, o.value) OR r.gain < 0 OR r.side IS NOT NULL OR r.price IS NOT NULL)},
	'orders are cancelled whole, by contract, which never hurts');
none(q{SELECT r.account_id, r.step, r.outcome, b.p
	FROM random.reduction AS r JOIN random.stage AS b USING (account_id, step)
	WHERE r.outcome <> 'cancelled' AND coalesce(b.p::text::jsonb -> 'orders', '{}') <> '{}'},
	'and before anything else');
none(q{SELECT account_id, array_agg(contract ORDER BY step) FROM random.reduction WHERE outcome = 'cancelled'
	GROUP BY account_id HAVING array_agg(contract ORDER BY step) <> array_agg(contract ORDER BY contract COLLATE "C")},
	'in byte order');
none(q{SELECT account_id, r.* FROM random.reduction AS r JOIN random.stage AS a USING (account_id, step) JOIN random.stage AS f ON (f.account_id, f.step) = (r.account_id, 1)
	WHERE r.outcome IN ('recovered', 'exhausted')
	  AND ((r.maintenance_before, r.maintenance_after, r.equity_before, r.equity_after, r.level)
		   IS DISTINCT FROM (maintenance_margin(f.p, f.m), maintenance_margin(a.p, a.m), equity(f.p, f.m), equity(a.p, a.m), level(a.p, a.m))
		   OR (r.outcome = 'recovered') <> (r.level < 'liquidation'))} =~ s/account_id, r\.\*/r.*/r, 'and so does the plan');
none(q{SELECT r.* FROM random.reduction AS r JOIN random.stage AS b USING (account_id, step) JOIN random.stage AS a ON (a.account_id, a.step) = (r.account_id, r.step + 1)
	WHERE r.outcome = 'reduced' AND (random.gap(a.p, a.m) >= random.gap(b.p, b.m) OR level(b.p, b.m) < 'liquidation')},
	'each step helps and is needed');
none(q{SELECT r.* FROM random.reduction AS r JOIN random.stage AS b USING (account_id, step),
		LATERAL (SELECT div(r.quantity, lot) * lot - CASE WHEN mod(r.quantity, lot) = 0 THEN lot ELSE 0 END AS less) AS l
	WHERE r.outcome = 'reduced' AND r.level < 'liquidation' AND less > 0
	  AND level(random.carry(b.p, b.m, r.contract, r.side, less), b.m) < 'liquidation'},
	'the last step is no larger than needed');
none(q{SELECT r.* FROM random.reduction AS r JOIN random.stage AS b USING (account_id, step), LATERAL positions(b.p, b.m) AS c
	WHERE r.outcome = 'reduced' AND r.contract = c.contract
	  AND (r.quantity > CASE r.side WHEN 'long' THEN c.long WHEN 'short' THEN c.short ELSE least(c.long, c.short) END
		   OR mod(r.quantity, lot) <> 0 AND r.quantity NOT IN (c.long, c.short, abs(c.long - c.short)))},
	'quantities are whole lots, or all there is');

# What could be done at each stage: by contract and side, to the next tier.
sql(q{
CREATE FUNCTION random.closings(p portfolio, m market, lot numeric)
RETURNS TABLE (contract text, side side, quantity numeric, less numeric)
STABLE LANGUAGE sql AS $$
	WITH open AS (
		SELECT t.contract, t.netting, CASE t.tier_unit WHEN 'contracts' THEN 1 ELSE t.contract_size * t.mark END AS unit, t.maintenance::text LIKE 'whole%' AS whole, long, short,
			   ARRAY(SELECT b[1]::numeric FROM regexp_matches(t.maintenance::text, '([0-9.e+-]+): ', 'g') AS b) AS bounds
		FROM positions(p, m) JOIN contracts(m) AS t USING (contract)
	), way AS (
		-- quantity that counts, and the most that may go
		SELECT open.*, w.* FROM open, LATERAL (
			SELECT NULL::side AS side, long AS counts, least(long, short) AS most WHERE netting <> 'net'
			UNION ALL SELECT NULL, short, least(long, short) WHERE netting <> 'net'
			UNION ALL SELECT 'long', CASE netting WHEN 'net' THEN long - short ELSE long END, CASE netting WHEN 'leg' THEN long ELSE long - short END
			UNION ALL SELECT 'short', CASE netting WHEN 'net' THEN short - long ELSE short END, CASE netting WHEN 'leg' THEN short ELSE short - long END) AS w
		WHERE most > 0 AND (w.side IS NOT NULL OR netting = 'leg' OR counts = greatest(long, short))
	), bounded AS (
		SELECT *, (SELECT max(b) FROM unnest(bounds) AS b WHERE CASE WHEN whole THEN b <= counts * unit ELSE b < counts * unit END) AS bound FROM way
	), lots AS (
		SELECT *, counts * unit - bound AS distance, div(counts * unit - bound, lot * unit) AS n FROM bounded
	), fitted AS (
		SELECT contract, side, min(most) AS most,
			   min(n + CASE WHEN whole OR n * lot * unit < distance THEN 1 ELSE 0 END) AS n FROM lots GROUP BY contract, side
	)
	SELECT contract, side, least(n * lot, most), least(n * lot, most) - CASE WHEN n * lot <= most THEN lot ELSE coalesce(nullif(mod(most, lot), 0), lot) END
	FROM fitted
$$;
CREATE TABLE random.choice AS
	SELECT account_id, step, c.contract, c.side,
		   random.gap(carried, m) - random.gap(p, m) AS gap, maintenance_margin(p, m) - maintenance_margin(carried, m) AS relief,
		   -- closing all of it is no worse than closing a lot less
		   less <= 0 OR random.gap(carried, m) <= random.gap(random.carry(p, m, c.contract, c.side, less), m) AS whole_way
	FROM random.stage JOIN (SELECT DISTINCT account_id, lot FROM random.reduction) AS l USING (account_id)
	JOIN (SELECT account_id, step FROM random.reduction WHERE outcome IN ('reduced', 'exhausted')) AS closing USING (account_id, step),
	LATERAL random.closings(p, m, lot) AS c, LATERAL random.carry(p, m, c.contract, c.side, c.quantity) AS carried;
});
enough('SELECT count(*) FROM random.choice', 2000, 'choices');
none(q{
WITH best AS (
	SELECT DISTINCT ON (account_id, step) account_id, step, contract, side, relief
	FROM random.choice WHERE gap < 0
	ORDER BY account_id, step, side IS NOT NULL, relief DESC, contract COLLATE "C", side)
SELECT r.account_id, r.step, r.outcome, r.contract, r.side, r.quantity, best.contract, best.side, best.relief
FROM random.reduction AS r LEFT JOIN best USING (account_id, step)
WHERE r.outcome IN ('reduced', 'exhausted')
  AND NOT EXISTS (SELECT FROM random.choice WHERE NOT whole_way AND (choice.account_id, choice.step) = (r.account_id, r.step))
  AND (r.contract, r.side) IS DISTINCT FROM (best.contract, best.side)
ORDER BY 1, 2}, 'each step is the one that relieves most, and a plan ends where none helps');
enough('SELECT count(*) FROM random.choice WHERE NOT whole_way', 1, 'steps that do not go the whole way');

$node->stop;
done_testing();
