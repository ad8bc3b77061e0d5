# safe_move() on random accounts: never too far, and not much too near.
#
# Nothing here knows how the extension bounds an account.  Points of the box that
# it calls safe are judged by stress(), or evaluate(), and held_level(): random ones, its
# corners, and the worst that a search finds (test/lib/MarginWorst.pm).
# The same search in larger boxes shows how far from the truth the answer
# is: where it finds prices that change the level, again judged,
# the true distance is no larger.
#
# Half of the markets have every rule that a venue may have, half of the accounts open orders.
#
# SAFE_MOVE_TIMES=n takes n times as many accounts, MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use List::Util qw(min uniq);
use MarginRandom;
use MarginWorst;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant TIMES => $ENV{SAFE_MOVE_TIMES} || ($ENV{FORCE_NUMERIC} ? 0.25 : 1);
# Accounts of one market are much alike: rather many markets than many accounts in each.
use constant {
	MARKETS => 120 * TIMES,         # of every kind of number, and accounts in each
	ACCOUNTS => 4,
	DESK_MARKETS => 64 * TIMES,     # as traders have them
	DESK_ACCOUNTS => 8,
	POINTS => 30,                   # in each box
	SEARCHED => 1000 * TIMES,       # how many are searched for the true distance
	MOST => 0.98,                   # of the true distance that nearly all get, and that all but a few do
	LEAST => 0.8,
	ENOUGH => 10,                   # markets, that a part of their accounts means anything
	SHOWN => 3                      # mismatches printed in full
};

my $seed = random_seed();

my $node = PostgreSQL::Test::Cluster->new('safe_move');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "jit = off\nfsync = off\nwork_mem = '64MB'\n");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION margin');

# safe_psql() would hide the message in a log, behind the whole statement.
sub sql
{
	my ($status, $output, $error) = $node->psql('postgres', $_[0], timeout => 900);
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

# ---------------------------------------------------------------------------
# Accounts as traders have them: several contracts settled in one asset, long,
# short and hedged, of a size at which tiers matter.
# ---------------------------------------------------------------------------

sub log_between { my ($low, $high) = @_; return $low * ($high / $low)**rand() }
sub about { return sprintf '%.8f', log_between(@_) }

# Rates of tiers; two of them are at times the same.
sub tier_text
{
	my ($method, $unit, @rates) = @_;
	my $bound = 0;
	my @tiers;
	for my $rate (@rates)
	{
		push @tiers, "$bound: $rate";
		$bound = sprintf '%.6f', ($bound || log_between(5000, 50000) / $unit) * log_between(1.1, 4);
	}
	return "$method\{" . join(', ', @tiers) . '}';
}

sub falling_rates { my $rate = pick(1, 0.975, 0.95, 0.9); return map { sprintf '%.4f', $rate *= pick(1, 0.995, 0.97, 0.8) } 1 .. between(1, 6) }
sub rising_rates { my $rate = pick(0.004, 0.01, 0.05, 0.2); return map { sprintf '%.4f', $rate *= pick(1, 1.25, 1.5, 2) } 1 .. between(1, 5) }

# Bounds of a price in doubt.
sub doubt_text
{
	my ($price) = @_;
	return '' if chance(0.5);
	return sprintf ', "low": %.10f, "high": %.10f', $price * pick(0.9, 0.99, 0.999, 1 - 1e-7), $price * pick(1, 1.0001, 1.02, 1.2);
}

sub desk_asset
{
	my ($price, $rules) = @_;
	my $unit = pick('quantity', 'value');
	my $tiers = tier_text('', $unit eq 'value' ? 1 : $price, falling_rates());
	my $debts = chance(0.4) ? sprintf ', "liability_maintenance": "%s"', tier_text(pick('', '', 'whole '), $price, rising_rates()) : '';
	return sprintf '{"price": %s, "tiers": "%s", "tier_unit": "%s", "liability_weight": %s, "requirement_weight": %s%s%s}',
	  $price, $tiers, $unit, pick(1, 1, 1.05, 1.25), pick(1, 1, 1.02), $debts, $rules ? doubt_text($price) : '';
}

# What a contract may have beside its maintenance.
sub desk_rules
{
	my ($unit) = @_;
	my @rules = ('"order_maintenance": ' . pick(qw(true false false)), '"opening_fee": ' . pick(0, 0, 0.0005, 0.01), '"closing_fee": ' . pick(0, 0, 0.0006));
	push @rules, sprintf '"initial": "%s"', tier_text(pick('', '', '', 'whole '), $unit, map { 2 * $_ } rising_rates()) if chance(0.7);
	return join ', ', @rules;
}

my @desk_rules = map { my $reduction = $_; map { [ $reduction, $_ ] } qw(sum larger sum) } qw(nothing loss margin both);

sub desk_market
{
	my ($rules) = @_;
	my %price = (CASH => 1, map { $_ => about(0.05, 50000) } qw(A B C D E F));
	my %contract = map { $_ => { settle => pick(qw(CASH A A B)), mark => about(0.05, 50000) } } qw(P Q R S T U);
	my @assets = ('"CASH": {"price": 1, "tiers": "{0: 1}"}', map { "\"$_\": " . desk_asset($price{$_}, $rules) } qw(A B C D E F));
	my @contracts;
	for my $name (sort keys %contract)
	{
		my $c = $contract{$name};
		my $by_contracts = deal('by contracts', 1, 0, 0, 0);
		my $unit = $price{ $c->{settle} } * ($by_contracts ? $c->{mark} : 1);
		push @contracts, sprintf '"%s": {"settle": "%s", "contract_size": 1, "mark": %s, "netting": "%s", "maintenance": "%s", "tier_unit": "%s"%s}', $name,
		  $c->{settle}, $c->{mark}, pick(qw(leg leg larger net)), tier_text(pick('', '', '', 'whole '), $unit, rising_rates()),
		  $by_contracts ? 'contracts' : 'notional', $rules ? ', ' . desk_rules($unit) : '';
	}
	my $text = sprintf '{"assets": {%s}, "contracts": {%s}, "rules": {"orders_reduce_equity": "%s", "liability_rule": "%s"}}',
	  join(', ', @assets), join(', ', @contracts), $rules ? deal('desk rules', @desk_rules)->@* : qw(nothing sum);
	return { text => $text, price => \%price, contract => \%contract, rules => $rules };
}

# A side of a position: contracts and what they cost.
sub desk_lot
{
	my ($market, $name, $sign) = @_;
	my $c = $market->{contract}{$name};
	return [ $name, sprintf('%.8f', $sign * log_between(3000, 300000) / $market->{price}{ $c->{settle} } / $c->{mark}),
		sprintf('%.8f', $c->{mark} * log_between(0.8, 1.25)), pick(undef, 5, 50), 'position' ];
}

# Orders on both sides of the mark, some of them where they fill at once.
sub desk_orders
{
	my ($market, $name) = @_;
	my $c = $market->{contract}{$name};
	return map {
		my $sign = pick(1, -1);
		[ $name, sprintf('%.8f', $sign * log_between(1000, 100000) / $market->{price}{ $c->{settle} } / $c->{mark}),
			sprintf('%.8f', $c->{mark} * (1 - $sign * (chance(0.2) ? -1 : 1) * (log_between(0.001, 0.6) - 0.001))), pick(undef, 3, 20, 100), 'order' ]
	} 1 .. pick(1, 1, 2, 3, 8);
}

sub desk_holdings
{
	my ($market) = @_;
	my @rows;
	for my $asset (grep { chance(0.5) } qw(A B C D E F))
	{
		push @rows, [ $asset, sprintf('%.8f', pick(1, 1, 1, -1) * log_between(1000, 100000) / $market->{price}{$asset}), undef, undef, 'balance' ];
	}
	for my $name (grep { chance(0.45) } sort keys %{ $market->{contract} })
	{
		my $sign = pick(1, -1);
		push @rows, desk_lot($market, $name, $sign);
		push @rows, desk_lot($market, $name, -$sign) if chance(0.3);
	}
	return @rows unless $market->{rules};
	for my $name (grep { chance(0.3) } sort keys %{ $market->{contract} })
	{
		push @rows, desk_orders($market, $name);
	}
	return @rows;
}

sub rows_text { return join "\n", (map { join "\t", map { defined $_ ? s/\\/\\\\/gr : '\N' } @$_ } @_), '\.', '' }

my (@markets, @holdings);
for my $market_id (map { 500000 + $_ } 1 .. DESK_MARKETS)
{
	my $market = desk_market($market_id % 2);
	push @markets, [ $market_id, $market->{text} ];
	for my $account (map { 100 * $market_id + $_ } 1 .. DESK_ACCOUNTS)
	{
		# what its equity is to be, in units of its maintenance margin, or of its collateral's worth
		my $aim = deal('aim', -0.5, 0.6, 1.02, 1.1, 1.2, 1.5, 1.6, 2, 3, 10);
		push @holdings, map { [ $account, $market_id, $aim, @$_ ] } desk_holdings($market);
	}
}

sql(random_book(markets => MARKETS, accounts => ACCOUNTS, profiles => [qw(plain plain plain token tiny huge boundary mixed)], rules => 0.5, orders => 0.5));
sql('COPY random.market FROM STDIN;
' . rows_text(@markets) . 'CREATE TABLE random.desk (account_id integer, market_id integer, aim numeric, symbol text, quantity numeric, entry_price numeric,
						  leverage numeric, kind margin.holding_kind);
COPY random.desk FROM STDIN;
' . rows_text(@holdings) . q{
INSERT INTO random.account (account_id, market_id, portfolio, story)
	SELECT account_id, market_id, held OPERATOR(margin.+) margin.portfolio_of('CASH', cash), 'desk'
	FROM (SELECT account_id, market_id, aim, margin.portfolio(symbol, quantity, entry_price, leverage, kind) AS held
		  FROM random.desk GROUP BY account_id, market_id, aim) AS a
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL margin.evaluate(held, market) AS v
	CROSS JOIN LATERAL (
		SELECT round(aim * CASE WHEN maintenance_margin > 0 THEN maintenance_margin ELSE collateral_value END - margin.judged_equity(held, market),
					 CASE WHEN account_id % 4 = 0 THEN 30 ELSE 8 END) AS cash) AS c;
});

# ---------------------------------------------------------------------------
# Every level at which an account may be kept
# ---------------------------------------------------------------------------

my @ratios = map { '{' . join(',', @$_) . '}' } [ 'NULL', 'NULL', 'NULL' ], [ 0.5, 0.6, 0.7 ], [ 0.01, 0.1, 0.69 ], [ 0.65, 0.8, 0.95 ], [ 0, -1, 0 ],
  [ 'NULL', 0.5, 'NULL' ], [ 2, 2, 2 ], [ '0.' . between(1, 999999), 'NULL', '0.' . between(1, 999999) ], map { [ map { sprintf '%.6f', rand } 1 .. 3 ] } 1 .. 4;

sql(q{
CREATE TABLE random.ratios (ratios_id integer, ratios numeric[]);
COPY random.ratios FROM STDIN;
0	\N
} . rows_text(map { [ 1 + $_, $ratios[$_] ] } 0 .. $#ratios) . q{
CREATE TABLE random.judged AS
	SELECT account_id, market_id, story, portfolio, market, kept, ratios,
		   margin_internal.kept_level(portfolio, market, kept, ratios) AS level,
		   margin.held_level(kept, v.level, margin.judged_equity(portfolio, market), v.maintenance_margin, ratios) AS expected,
		   margin.safe_move(portfolio, market, kept, ratios) AS room
	FROM random.account
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL margin.evaluate(portfolio, market) AS v
	CROSS JOIN unnest(enum_range(NULL::margin.level) || ARRAY[NULL::margin.level]) AS kept
	-- no ratios, two that take turns, and all of them for some
	JOIN random.ratios ON ratios_id IN (0, 1 + account_id % 12, 1 + (account_id + 5) % 12) OR account_id % 10 = 0;
CREATE TABLE random.kept AS
	SELECT row_number() OVER (ORDER BY hashint8(account_id), kept, ratios) AS kept_id, account_id, story, portfolio, market, kept, ratios, room
	FROM (SELECT DISTINCT ON (account_id, kept, CASE WHEN kept IN ('warning', 'margin_call', 'liquidation') THEN ratios END) *
		  FROM random.judged
		  WHERE level = kept AND level < 'unpriced' AND kept IS NOT NULL
		  ORDER BY account_id, kept, CASE WHEN kept IN ('warning', 'margin_call', 'liquidation') THEN ratios END) AS k;
ALTER TABLE random.kept ADD PRIMARY KEY (kept_id);
CREATE TABLE random.symbol AS
	SELECT account_id, row_number() OVER (PARTITION BY account_id ORDER BY contract IS NOT NULL, asset, contract) AS n, asset, contract,
		   coalesce((SELECT low < high FROM margin.assets(market) AS t WHERE t.asset = s.asset), false) AS doubtful
	FROM (SELECT account_id, market, asset, NULL AS contract
		  FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.collateral(portfolio, market) WHERE price IS NOT NULL
		  UNION ALL
		  SELECT account_id, market, NULL, contract
		  FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.positions(portfolio, market) WHERE mark IS NOT NULL) AS s;
CREATE INDEX ON random.symbol (account_id);
ANALYZE random.kept, random.symbol;
});

my %kept = map { split /\|/ } split /\n/, sql(q{
	SELECT kept::text, count(*) FROM random.kept GROUP BY 1
	UNION ALL SELECT 'held', count(*) FROM random.judged WHERE level = kept AND level <> margin.level(portfolio, market)});
cmp_ok($kept{$_} // 0, '>=', 60 * TIMES, "enough kept: $_ ($kept{$_})") for qw(healthy warning margin_call liquidation bankrupt held);
note sql('SELECT kept, count(*), sum((room = 0)::integer) AS none, sum((room = 1)::integer) AS all, percentile_disc(0.5) WITHIN GROUP (ORDER BY room) FROM random.kept GROUP BY 1 ORDER BY 1');

none_wrong('SELECT * FROM random.judged WHERE level IS DISTINCT FROM expected', 'kept_level() is held_level() over evaluate()');
none_wrong(q{SELECT * FROM random.judged
	WHERE CASE WHEN kept IS NULL OR level = 'unpriced' THEN room IS NOT NULL
			   WHEN level <> kept THEN room IS DISTINCT FROM 0
			   ELSE room IS NULL OR room NOT BETWEEN 0 AND 1 OR room <> trunc(room, 8) END},
	'null where unpriced, 0 where the level changes now, else from 0 to 1 at 8 decimals');
cmp_ok(sql("SELECT count(*) FROM random.judged WHERE level = 'unpriced'"), '>=', 100 * TIMES, 'enough unpriced');

# ---------------------------------------------------------------------------
# Sound: nothing inside a box changes the level
# ---------------------------------------------------------------------------

# A market whose prices have moved; where low and high differ they do so by themselves, as far as they may not cross.
sql(q{
CREATE TYPE random.move AS (asset text, contract text, doubtful boolean, relative numeric, high_relative numeric);
CREATE FUNCTION random.moved(m margin.market, moves random.move[]) RETURNS margin.market LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN NOT bool_or(doubtful) THEN together
		ELSE margin.market((SELECT array_agg(CASE WHEN NOT coalesce(w.doubtful, false) THEN t
				ELSE ROW(t.asset, t.low, t.tiers, t.tier_unit, t.liability_weight, t.requirement_weight, t.liability_maintenance,
						 t.low, greatest(b.high * (1 + w.high_relative), t.low), t.initial_tiers, t.initial_liability_weight)::margin.asset_terms END)
			FROM margin.assets(together) AS t JOIN margin.assets(m) AS b USING (asset) LEFT JOIN unnest(moves) AS w USING (asset)),
			(SELECT array_agg(t) FROM margin.contracts(together) AS t),
			(SELECT margin_ratio FROM margin.thresholds(m) WHERE level = 'warning'),
			(SELECT margin_ratio FROM margin.thresholds(m) WHERE level = 'margin_call'),
			(SELECT margin_ratio FROM margin.thresholds(m) WHERE level = 'liquidation'),
			(SELECT value FROM margin.rules(m) WHERE rule = 'orders_reduce_equity')::margin.order_reduction,
			(SELECT value FROM margin.rules(m) WHERE rule = 'liability_rule')::margin.liability_rule) END
	FROM (SELECT margin.shock(m, array_agg(ROW('', asset, contract, relative, NULL)::margin.price_move), false) AS together, bool_or(doubtful) AS doubtful
		  FROM unnest(moves)) AS s
	GROUP BY together
$$;
CREATE FUNCTION random.held(p margin.portfolio, m margin.market, kept margin.level, ratios numeric[]) RETURNS margin.level LANGUAGE sql STABLE AS $$
	SELECT margin.held_level(kept, v.level, margin.judged_equity(p, m), v.maintenance_margin, ratios) FROM margin.evaluate(p, m) AS v
$$;
});

# Each symbol to an end of the box or, one time in four, somewhere between.
sql(q{
CREATE FUNCTION random.part(x numeric, bias float) RETURNS numeric LANGUAGE sql VOLATILE AS $$
	SELECT CASE WHEN random() < 0.25 THEN least(x, 0.999999999999999999) * (2 * random()::numeric - 1)
				WHEN random() < bias THEN x
				ELSE -least(x, 0.999999999999999999) END
$$;
CREATE FUNCTION random.changed(account integer, p margin.portfolio, m margin.market, kept margin.level, ratios numeric[], x numeric, points integer)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT count(*)
	FROM (SELECT array_agg(ROW(scenario::text, asset, contract, random.part(x, bias), NULL)::margin.price_move) AS moves
		  FROM (SELECT scenario, random() AS bias FROM generate_series(1, points) AS scenario) AS s,
			   random.symbol
		  WHERE symbol.account_id = account) AS s,
		 margin.stress(p, m, moves, false) AS v
	WHERE margin.held_level(kept, v.level, v.equity, v.maintenance_margin, ratios) IS DISTINCT FROM kept
$$;
-- the same where low and high move by themselves, or less than equity is judged
CREATE FUNCTION random.changed_apart(account integer, p margin.portfolio, m margin.market, kept margin.level, ratios numeric[], x numeric, points integer)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT count(*)
	FROM (SELECT array_agg(ROW(asset, contract, doubtful, random.part(x, bias), random.part(x, bias))::random.move) AS moves
		  FROM (SELECT scenario, random() AS bias FROM generate_series(1, points) AS scenario) AS s,
			   random.symbol
		  WHERE symbol.account_id = account
		  GROUP BY scenario) AS s
	WHERE random.held(p, random.moved(m, moves), kept, ratios) IS DISTINCT FROM kept
$$;
SELECT setseed(} . ($seed % 1000000) / 1000000 . q{);
CREATE TABLE random.inside AS
	SELECT *, CASE WHEN EXISTS (SELECT FROM random.symbol AS s WHERE s.account_id = kept.account_id AND doubtful)
						OR (SELECT value <> 'nothing' FROM margin.rules(market) WHERE rule = 'orders_reduce_equity') AND portfolio::text LIKE '%"orders"%'
				   THEN random.changed_apart(account_id, portfolio, market, kept, ratios, room, } . POINTS . q{)
				   ELSE random.changed(account_id, portfolio, market, kept, ratios, room, } . POINTS . q{) END AS wrong
	FROM random.kept WHERE room > 0;
});
cmp_ok(sql('SELECT count(*) FROM random.inside'), '>=', 1000 * TIMES, 'enough boxes');
none_wrong('SELECT * FROM random.inside WHERE wrong > 0', 'no joint move inside a box changes the level: ' . POINTS . ' of each of ' . sql('SELECT count(*) FROM random.inside'));

# ---------------------------------------------------------------------------
# The worst points, found by search
# ---------------------------------------------------------------------------

sub hashes { my $names = shift; return map { my %h; @h{@$names} = map { $_ eq '' ? undef : $_ } split /\|/, $_, -1; \%h } split /\n/, $_[0] }

my (%assets, %positions, %orders);
push @{ $assets{ $_->{account} } }, $_ for hashes([qw(account id price high liability_price requirement_price in_value tiers liability_tiers balance)], sql(q{
	SELECT account_id, n, coalesce(t.low, t.price), p.high, p.high * coalesce(liability_weight, 1), p.high * coalesce(requirement_weight, 1),
		   (tier_unit = 'value')::integer, tiers, liability_maintenance, coalesce(c.balance, 0)
	FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.collateral(portfolio, market) AS c
	JOIN random.symbol USING (account_id, asset)
	CROSS JOIN LATERAL (SELECT * FROM margin.assets(market) AS t WHERE t.asset = c.asset) AS t
	CROSS JOIN LATERAL (SELECT coalesce(t.high, t.price) AS high) AS p}));
push @{ $positions{ $_->{account} } }, $_
  for hashes([qw(account id settle long short long_margin short_margin cost size mark netting by_contracts maintenance initial closing_fee opening_fee
	order_maintenance reduction)], sql(q{
	SELECT account.account_id, s.n, a.n, coalesce(long, 0), coalesce(short, 0), coalesce(held ->> 'long_margin', '0'), coalesce(held ->> 'short_margin', '0'),
		   coalesce(long_notional, 0) - coalesce(short_notional, 0) - pnl, contract_size, p.mark, netting, (tier_unit = 'contracts')::integer,
		   maintenance, initial, coalesce(closing_fee, 0), coalesce(opening_fee, 0), coalesce(order_maintenance, false)::integer,
		   (SELECT value FROM margin.rules(market) WHERE rule = 'orders_reduce_equity')
	FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.positions(portfolio, market) AS p
	JOIN random.symbol AS s USING (account_id, contract)
	JOIN random.symbol AS a ON (a.account_id, a.asset) = (account.account_id, p.settle)
	CROSS JOIN LATERAL (SELECT portfolio::text::jsonb #> ARRAY['positions', p.contract] AS held) AS h
	CROSS JOIN LATERAL (SELECT * FROM margin.contracts(market) AS t WHERE t.contract = p.contract) AS t}));
push @{ $orders{ $_->{account} } }, $_ for hashes([qw(account id buy price quantity margin)], sql(q{
	SELECT account_id, s.n, (side = 'buy')::integer, price, quantity, margin_quantity
	FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.orders(portfolio, market) AS o
	JOIN random.symbol AS s USING (account_id, contract)}));

sub account_of { my ($kept) = @_; return worst_account(map { $_->{ $kept->{account} } // [] } \%assets, \%positions, \%orders) }

# Some of each account, so that there are many accounts.
my @kept = hashes([qw(id account market story level room t1 t2 t3 r1 r2 r3 reduction rule)], sql(q{
	SELECT kept_id, account_id, market_id, story, kept, room, t[1], t[2], t[3], ratios[1], ratios[2], ratios[3],
		   (SELECT value FROM margin.rules(market) WHERE rule = 'orders_reduce_equity'), (SELECT value FROM margin.rules(market) WHERE rule = 'liability_rule')
	FROM random.kept JOIN (SELECT account_id, market_id FROM random.account) AS a USING (account_id)
	CROSS JOIN LATERAL (SELECT array_agg(margin_ratio ORDER BY level) AS t FROM margin.thresholds(market)) AS t
	WHERE kept_id % CASE story WHEN 'desk' THEN 2 ELSE 5 END = 0
	ORDER BY kept_id LIMIT } . int(SEARCHED)));

# What has to become large or small for the level to change: side, what of the maintenance is in it, threshold;
# and whether that may be so without any change.
sub goals
{
	my ($kept) = @_;
	my %of = (healthy => 0, warning => 1, margin_call => 2, liquidation => 3);
	my @parts = $kept->{rule} eq 'larger' ? (1, 2) : 3;
	return ([ -1, 0, 1 ]) if $kept->{level} eq 'bankrupt';
	my $n = $of{ $kept->{level} };
	my @goals = $n == 3 ? [ 1, 0, 1 ] : map { [ 1, $_, $kept->{ 't' . ($n + 1) } ] } @parts;
	push @goals, map { [ -1, $_, min(grep { defined } @$kept{ "t$n", "r$n" }), @parts > 1 ] } @parts if $n > 0;
	# nothing required is healthy, whatever orders take
	push @goals, [ -1, 3, 0, 1 ] if $n > 0 && $kept->{reduction} ne 'nothing';
	push @goals, [ 1, 3, 0, 1 ], [ 1, 0, 1, 1 ] if $n == 0 && $kept->{reduction} ne 'nothing';
	return @goals;
}

# The worst points of boxes: [kept, size].  Returns the ids of those in which the level changes.
sub changed
{
	my @points;
	my $number = 0;
	for (@_)
	{
		my ($kept, $x) = @$_;
		my $account = account_of($kept);
		for my $goal (goals($kept))
		{
			my (undef, $point) = worst_point($account, $x, @$goal[ 0 .. 2 ]);
			$number++;
			push @points, map { [ $number, $kept->{id}, $_, @{ $point->{$_} } ] } sort keys %$point;
		}
	}
	return map { $_ => 1 } split /\n/, sql('TRUNCATE random.point; COPY random.point FROM STDIN;
' . rows_text(@points) . q{
SELECT DISTINCT kept_id
	FROM (SELECT kept_id, array_agg(ROW(asset, contract, doubtful, relative, high_relative)::random.move) AS moves
		  FROM random.point JOIN random.kept USING (kept_id) JOIN random.symbol USING (account_id, n)
		  GROUP BY number, kept_id) AS p
	JOIN random.kept USING (kept_id)
	WHERE random.held(portfolio, random.moved(market, moves), kept, ratios) IS DISTINCT FROM kept;
});
}

sql('CREATE TABLE random.point (number integer, kept_id bigint, n integer, relative numeric, high_relative numeric)');

my %outside = changed(map { [ $_, $_->{room} ] } grep { $_->{room} > 0 } @kept);
is(scalar keys %outside, 0, 'nor does the worst point that a search finds in each of ' . (grep { $_->{room} > 0 } @kept))
  or diag "MARGIN_SEED=$seed\n", sql('SELECT * FROM random.kept WHERE kept_id IN (' . join(',', (sort keys %outside)[ 0 .. min(SHOWN, scalar keys %outside) - 1 ]) . ')');

# ---------------------------------------------------------------------------
# Tight: a little further, something does
# ---------------------------------------------------------------------------

# Does the search see the account as it is?  Not where what decides is a
# billionth of the amounts that it is the difference of, or less: doubles tell
# nothing of it, neither here nor in the extension's own search, which then gives less.
sub is_seen
{
	my ($kept) = @_;
	my $account = account_of($kept);
	return !grep { -$_->[0] * (worst_point($account, 0, @$_[ 0 .. 2 ]))[0] < 1e-9 * gross($account) } grep { !$_->[3] } goals($kept);
}

# The next answer in boxes that grow; 1 is the end of all boxes.
my @waiting = grep { $_->{room} < 1 && is_seen($_) } @kept;
for my $times (1, 1.0001, 1.001, 1.003, 1.01, 1 / MOST, 1.03, 1.05, 1.1, 1.15, 1.2, 1 / LEAST, 1.4, 2, 4, 16, 1e9)
{
	my @boxes = map { [ $_, sprintf '%.12f', min(1, $times * ($_->{room} + 1e-8)) ] } @waiting;
	my %found = changed(@boxes);
	for my $box (@boxes)
	{
		my ($kept, $x) = @$box;
		# where all prices may move by all of themselves and nothing was found, 1 is the truth
		$kept->{ratio} = ($kept->{room} + 1e-8) / $x if $found{ $kept->{id} } || $x == 1;
	}
	@waiting = grep { !defined $_->{ratio} } @waiting;
}

# A part of all accounts may be so large a part of a sample by luck: five standard deviations of a
# draw of its markets, as what one account of a market does others do.
sub by_luck { my ($part, $markets) = @_; return $part + 5 * sqrt($part * (1 - $part) / $markets) }

# Of accounts with any numbers at all a few get less than they could, see the manual; those as traders have them
# do not.  A fifth is far more than get less than nearly all of it.  Of parts of too few markets it is only told.
sub tightness
{
	my ($name, $few, @of) = @_;
	my @found = sort { $a->{ratio} <=> $b->{ratio} } grep { defined $_->{ratio} } @of;
	return unless @found;
	my $markets = uniq map { $_->{market} } @found;
	diag sprintf '%s: safe_move() / true distance: median %.4f, 1 in 100 below %.4f, least %.4f (account %s, %s, %s), of %d in %d markets',
	  $name, @{ $found[ @found / 2 ] }{ratio}, @{ $found[ @found / 100 ] }{ratio}, $found[0]{ratio}, @{ $found[0] }{qw(account level room)}, scalar @found, $markets;
	for my $bound ([ 0.2, MOST ], [ $few, LEAST ])
	{
		my ($part, $least) = @$bound;
		next if $part > 0 && $markets < ENOUGH;
		my $below = by_luck($part, $markets);
		cmp_ok($found[ @found * $below ]{ratio}, '>=', $least, $part ? sprintf('all but %.0f %% of %s', 100 * $below, $name) : "least of $name");
	}
}

my %is_hedged = map { $_->{account} => 1 } grep { $_->{long} > 0 && $_->{short} > 0 } map { @$_ } values %positions;
my %in_value = map { $_->{account} => 1 } grep { $_->{in_value} } map { @$_ } values %assets;
my %in_doubt = map { $_->{account} => 1 } grep { $_->{price} != $_->{high} } map { @$_ } values %assets;
my %by_contracts = map { $_->{account} => 1 } grep { $_->{by_contracts} } map { @$_ } values %positions;
my %has_orders = map { $_->{account} => 1 } grep { ($_->{order_maintenance} || $_->{reduction} ne 'nothing') && ordered($_) } map { @$_ } values %positions;
sub ordered { my ($p) = @_; return grep { $_->{id} == $p->{id} } @{ $orders{ $p->{account} } // [] } }

# where bounds are as sharp as without any rules
my @plain = grep { !$has_orders{ $_->{account} } && !$in_doubt{ $_->{account} } && $_->{rule} ne 'larger' } @kept;
tightness('all accounts', 0.05, @kept);
tightness('accounts without orders, doubts and choices', 0.02, @plain);
tightness('those of the desk', 0, grep { $_->{story} eq 'desk' } @plain);
tightness('hedged ones', 0.02, grep { $is_hedged{ $_->{account} } } @plain);
tightness('hedged ones of the desk', 0, grep { $_->{story} eq 'desk' && $is_hedged{ $_->{account} } } @plain);
tightness('those with tiers in value', 0.02, grep { $in_value{ $_->{account} } } @plain);
tightness('those with tiers in value of the desk', 0, grep { $_->{story} eq 'desk' && $in_value{ $_->{account} } } @plain);
tightness('those with tiers by contracts', 0.1, grep { $by_contracts{ $_->{account} } } @plain);
tightness('accounts with orders', 0.1, grep { $has_orders{ $_->{account} } } @kept);
tightness('accounts with prices in doubt', 0.1, grep { $in_doubt{ $_->{account} } } @kept);
tightness('accounts whose larger requirement counts', 0.1, grep { $_->{rule} eq 'larger' } @kept);

$node->stop;
done_testing();
