# safe_move() on random accounts: never too far, and not much too near.
#
# Nothing here knows how the extension bounds an account.  Points of the box that
# it calls safe are judged by stress() and held_level(): random ones, its
# corners, and the worst that a search finds (test/lib/MarginWorst.pm).
# The same search in larger boxes shows how far from the truth the answer
# is: where it finds prices that change the level, again judged by stress(),
# the true distance is no larger.
#
# SAFE_MOVE_TIMES=n takes n times as many accounts, MARGIN_SEED=n repeats a run.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use List::Util qw(min);
use MarginRandom;
use MarginWorst;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant TIMES => $ENV{SAFE_MOVE_TIMES} || ($ENV{FORCE_NUMERIC} ? 0.25 : 1);
use constant {
	MARKETS => 60 * TIMES,          # of every kind of number, and accounts in each
	ACCOUNTS => 8,
	DESK_MARKETS => 25 * TIMES,     # as traders have them
	DESK_ACCOUNTS => 16,
	POINTS => 30,                   # in each box
	SEARCHED => 1500 * TIMES,       # how many are searched for the true distance
	MEDIAN => 0.98,
	LEAST => 0.8,
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

sub desk_asset
{
	my ($price) = @_;
	my $unit = pick('quantity', 'value');
	my $tiers = tier_text('', $unit eq 'value' ? 1 : $price, falling_rates());
	my $debts = chance(0.4) ? sprintf ', "liability_maintenance": "%s"', tier_text(pick('', '', 'whole '), $price, rising_rates()) : '';
	return sprintf '{"price": %s, "tiers": "%s", "tier_unit": "%s", "liability_weight": %s, "requirement_weight": %s%s}',
	  $price, $tiers, $unit, pick(1, 1, 1.05, 1.25), pick(1, 1, 1.02), $debts;
}

sub desk_market
{
	my %price = (CASH => 1, map { $_ => about(0.05, 50000) } qw(A B C D E F));
	my %contract = map { $_ => { settle => pick(qw(CASH A A B)), mark => about(0.05, 50000) } } qw(P Q R S T U);
	my @assets = ('"CASH": {"price": 1, "tiers": "{0: 1}"}', map { "\"$_\": " . desk_asset($price{$_}) } qw(A B C D E F));
	my @contracts;
	for my $name (sort keys %contract)
	{
		my $c = $contract{$name};
		push @contracts, sprintf '"%s": {"settle": "%s", "contract_size": 1, "mark": %s, "netting": "%s", "maintenance": "%s"}', $name,
		  $c->{settle}, $c->{mark}, pick(qw(leg leg larger net)), tier_text(pick('', '', '', 'whole '), $price{ $c->{settle} }, rising_rates());
	}
	my $text = sprintf '{"assets": {%s}, "contracts": {%s}}', join(', ', @assets), join(', ', @contracts);
	return { text => $text, price => \%price, contract => \%contract };
}

# A side of a position: contracts and what they cost.
sub desk_lot
{
	my ($market, $name, $sign) = @_;
	my $c = $market->{contract}{$name};
	return [ $name, sprintf('%.8f', $sign * log_between(3000, 300000) / $market->{price}{ $c->{settle} } / $c->{mark}),
		sprintf('%.8f', $c->{mark} * log_between(0.8, 1.25)) ];
}

sub desk_holdings
{
	my ($market) = @_;
	my @rows;
	for my $asset (grep { chance(0.5) } qw(A B C D E F))
	{
		push @rows, [ $asset, sprintf('%.8f', pick(1, 1, 1, -1) * log_between(1000, 100000) / $market->{price}{$asset}), undef ];
	}
	for my $name (grep { chance(0.45) } sort keys %{ $market->{contract} })
	{
		my $sign = pick(1, -1);
		push @rows, desk_lot($market, $name, $sign);
		push @rows, desk_lot($market, $name, -$sign) if chance(0.3);
	}
	return @rows;
}

sub rows_text { return join "\n", (map { join "\t", map { defined $_ ? s/\\/\\\\/gr : '\N' } @$_ } @_), '\.', '' }

my (@markets, @holdings);
for my $market_id (map { 500000 + $_ } 1 .. DESK_MARKETS)
{
	my $market = desk_market();
	push @markets, [ $market_id, $market->{text} ];
	for my $account (map { 100 * $market_id + $_ } 1 .. DESK_ACCOUNTS)
	{
		# what its equity is to be, in units of its maintenance margin, or of its collateral's worth
		my $aim = pick(0.6, 1.02, 1.1, 1.2, 1.5, 1.6, 2, 3, 10);
		push @holdings, map { [ $account, $market_id, $aim, @$_ ] } desk_holdings($market);
	}
}

sql(random_book(markets => MARKETS, accounts => ACCOUNTS, profiles => [qw(plain plain plain token tiny huge boundary mixed)]));
sql('COPY random.market FROM STDIN;
' . rows_text(@markets) . 'CREATE TABLE random.desk (account_id integer, market_id integer, aim numeric, symbol text, quantity numeric, entry_price numeric);
COPY random.desk FROM STDIN;
' . rows_text(@holdings) . q{
INSERT INTO random.account (account_id, market_id, portfolio, story)
	SELECT account_id, market_id, held OPERATOR(margin.+) margin.portfolio_of('CASH', cash), 'desk'
	FROM (SELECT account_id, market_id, aim, margin.portfolio(symbol, quantity, entry_price, NULL) AS held
		  FROM random.desk GROUP BY account_id, market_id, aim) AS a
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL margin.evaluate(held, market) AS v
	CROSS JOIN LATERAL (
		SELECT round(aim * CASE WHEN maintenance_margin > 0 THEN maintenance_margin ELSE collateral_value END - equity,
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
		   margin.held_level(kept, v.level, v.equity, v.maintenance_margin, ratios) AS expected,
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
	SELECT account_id, row_number() OVER (PARTITION BY account_id ORDER BY contract IS NOT NULL, asset, contract) AS n, asset, contract
	FROM (SELECT account_id, asset, NULL AS contract
		  FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.collateral(portfolio, market) WHERE price IS NOT NULL
		  UNION ALL
		  SELECT account_id, NULL, contract
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

# Each symbol to an end of the box or, one time in four, somewhere between.
sql(q{
CREATE FUNCTION random.changed(account integer, p margin.portfolio, m margin.market, kept margin.level, ratios numeric[], x numeric, points integer)
RETURNS bigint LANGUAGE sql VOLATILE AS $$
	SELECT count(*)
	FROM (SELECT array_agg(ROW(scenario::text, asset, contract,
			CASE WHEN random() < 0.25 THEN least(x, 0.999999999999999999) * (2 * random()::numeric - 1)
				 WHEN random() < bias THEN x
				 ELSE -least(x, 0.999999999999999999) END, NULL)::margin.price_move) AS moves
		  FROM (SELECT scenario, random() AS bias FROM generate_series(1, points) AS scenario) AS s,
			   random.symbol
		  WHERE symbol.account_id = account) AS s,
		 margin.stress(p, m, moves, false) AS v
	WHERE margin.held_level(kept, v.level, v.equity, v.maintenance_margin, ratios) IS DISTINCT FROM kept
$$;
SELECT setseed(} . ($seed % 1000000) / 1000000 . q{);
CREATE TABLE random.inside AS
	SELECT *, random.changed(account_id, portfolio, market, kept, ratios, room, } . POINTS . q{) AS wrong FROM random.kept WHERE room > 0;
});
cmp_ok(sql('SELECT count(*) FROM random.inside'), '>=', 1000 * TIMES, 'enough boxes');
none_wrong('SELECT * FROM random.inside WHERE wrong > 0', 'no joint move inside a box changes the level: ' . POINTS . ' of each of ' . sql('SELECT count(*) FROM random.inside'));

# ---------------------------------------------------------------------------
# The worst points, found by search
# ---------------------------------------------------------------------------

sub hashes { my $names = shift; return map { my %h; @h{@$names} = map { $_ eq '' ? undef : $_ } split /\|/, $_, -1; \%h } split /\n/, $_[0] }

my (%assets, %positions);
push @{ $assets{ $_->{account} } }, $_ for hashes([qw(account id price liability_price requirement_price in_value tiers liability_tiers balance)], sql(q{
	SELECT account_id, n, c.price, t.price * coalesce(liability_weight, 1), t.price * coalesce(requirement_weight, 1), (tier_unit = 'value')::integer,
		   tiers, liability_maintenance, coalesce(c.balance, 0)
	FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.collateral(portfolio, market) AS c
	JOIN random.symbol USING (account_id, asset)
	CROSS JOIN LATERAL (SELECT * FROM margin.assets(market) AS t WHERE t.asset = c.asset) AS t}));
push @{ $positions{ $_->{account} } }, $_ for hashes([qw(account id settle long short cost netting maintenance closing_fee)], sql(q{
	SELECT account.account_id, s.n, a.n, coalesce(long_notional, 0), coalesce(short_notional, 0), coalesce(long_notional, 0) - coalesce(short_notional, 0) - pnl,
		   netting, maintenance, closing_fee
	FROM random.account JOIN random.market USING (market_id) CROSS JOIN LATERAL margin.positions(portfolio, market) AS p
	JOIN random.symbol AS s USING (account_id, contract)
	JOIN random.symbol AS a ON (a.account_id, a.asset) = (account.account_id, p.settle)
	CROSS JOIN LATERAL (SELECT * FROM margin.contracts(market) AS t WHERE t.contract = p.contract) AS t}));

my @kept = hashes([qw(id account story level room t1 t2 t3 r1 r2 r3)], sql(q{
	SELECT kept_id, account_id, story, kept, room, t[1], t[2], t[3], ratios[1], ratios[2], ratios[3]
	FROM random.kept
	CROSS JOIN LATERAL (SELECT array_agg(margin_ratio ORDER BY level) AS t FROM margin.thresholds(market)) AS t
	WHERE story = 'desk' OR kept_id % 3 = 0
	ORDER BY kept_id LIMIT } . int(SEARCHED)));

# What has to become large or small for the level to change: side, is maintenance in it, threshold.
sub goals
{
	my ($kept) = @_;
	my %of = (healthy => 0, warning => 1, margin_call => 2, liquidation => 3);
	return ([ -1, 0, 1 ]) if $kept->{level} eq 'bankrupt';
	my $n = $of{ $kept->{level} };
	my @goals = ($n == 3 ? [ 1, 0, 1 ] : [ 1, 1, $kept->{ 't' . ($n + 1) } ]);
	push @goals, [ -1, 1, min(grep { defined } @$kept{ "t$n", "r$n" }) ] if $n > 0;
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
		my $account = worst_account($assets{ $kept->{account} } // [], $positions{ $kept->{account} } // []);
		for my $goal (goals($kept))
		{
			my (undef, $point) = worst_point($account, $x, @$goal);
			$number++;
			push @points, map { [ $number, $kept->{id}, $_, $point->{$_} ] } sort keys %$point;
		}
	}
	return map { $_ => 1 } split /\n/, sql('TRUNCATE random.point; COPY random.point FROM STDIN;
' . rows_text(@points) . q{
SELECT DISTINCT kept_id
	FROM (SELECT kept_id, array_agg(ROW(number::text, asset, contract, relative, NULL)::margin.price_move) AS moves
		  FROM random.point JOIN random.kept USING (kept_id) JOIN random.symbol USING (account_id, n)
		  GROUP BY kept_id) AS p
	JOIN random.kept USING (kept_id)
	CROSS JOIN LATERAL margin.stress(portfolio, market, moves, false) AS v
	WHERE margin.held_level(kept, v.level, v.equity, v.maintenance_margin, ratios) IS DISTINCT FROM kept;
});
}

sql('CREATE TABLE random.point (number integer, kept_id bigint, n integer, relative numeric)');

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
	my $account = worst_account($assets{ $kept->{account} } // [], $positions{ $kept->{account} } // []);
	return !grep { -$_->[0] * (worst_point($account, 0, @$_))[0] < 1e-9 * gross($account) } goals($kept);
}

# The next answer in boxes that grow; 1 is the end of all boxes.
my @waiting = grep { $_->{room} < 1 && is_seen($_) } @kept;
for my $times (1, 1.0001, 1.001, 1.003, 1.01, 1 / MEDIAN, 1.03, 1.05, 1.1, 1.15, 1.2, 1 / LEAST, 1.4, 2, 4, 16, 1e9)
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

sub tightness
{
	my ($name, @of) = @_;
	my @ratios = sort { $a <=> $b } map { $_->{ratio} } grep { defined $_->{ratio} } @of;
	return unless @ratios;
	my $least = (sort { $a->{ratio} <=> $b->{ratio} } grep { defined $_->{ratio} } @of)[0];
	diag sprintf '%s: safe_move() / true distance: median %.4f, 1 in 100 below %.4f, least %.4f (account %s, %s, %s), of %d',
	  $name, $ratios[ @ratios / 2 ], $ratios[ @ratios / 100 ], $ratios[0], @$least{qw(account level room)}, scalar @ratios;
	cmp_ok($ratios[ @ratios / 2 ], '>=', MEDIAN, "median of $name");
	cmp_ok($ratios[0], '>=', LEAST, "least of $name");
}

my %is_hedged = map { $_->{account} => 1 } grep { $_->{long} > 0 && $_->{short} > 0 } map { @$_ } values %positions;
my %in_value = map { $_->{account} => 1 } grep { $_->{in_value} } map { @$_ } values %assets;
tightness('all accounts', @kept);
tightness('accounts of the desk', grep { $_->{story} eq 'desk' } @kept);
tightness('hedged accounts', grep { $is_hedged{ $_->{account} } } @kept);
tightness('accounts with tiers in value', grep { $in_value{ $_->{account} } } @kept);

$node->stop;
done_testing();
