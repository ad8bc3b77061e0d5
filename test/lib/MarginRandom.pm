# Random markets and accounts for property tests, all of it following from one
# seed: every kind of tier, netting mode and weight, numbers of every size,
# things that are missing, amounts exactly at the edges of tiers.
#
#     use FindBin;
#     use lib "$FindBin::Bin/../lib";
#     use MarginRandom;
#
#     my $seed = random_seed();     # prints it; MARGIN_SEED=n repeats it
#     $node->safe_psql('postgres', 'CREATE EXTENSION margin');
#     $node->safe_psql('postgres', random_book(markets => 100, accounts => 10));
#
# gives the database a schema "random" with
#
#     market (market_id, market margin.market)
#     account (account_id, market_id, portfolio margin.portfolio, story)
#     holding (account_id, symbol, quantity, entry_price, leverage)
#
# where the holdings are what the portfolios were made of.  See random_book().
#
# Who wants other tables collects rows with add_market() and add_account() and
# takes them with rows() or copy_rows(), as the property test of evaluate()
# does; market_text() is a market in its text form.

package MarginRandom;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(shuffle);
use Math::BigInt;
use Test::More;

our @EXPORT = qw(random_seed random_book add_market add_account rows copy_rows market_text
  chance pick between decimal);

# Seeds Perl's generator, with MARGIN_SEED where that is set, and says with what.
sub random_seed
{
	my $seed = $ENV{MARGIN_SEED} || time ^ $$ << 8;
	srand $seed;
	diag "seed: MARGIN_SEED=$seed";
	return $seed;
}

# ---------------------------------------------------------------------------
# Random decimals, as text.
# ---------------------------------------------------------------------------

sub chance { return rand() < $_[0] }
sub pick { return $_[ rand @_ ] }
sub between { my ($low, $high) = @_; return $low + int rand $high - $low + 1 }

sub digits { return join '', map { int rand 10 } 1 .. $_[0] }
sub whole { return between(1, 9) . digits($_[0] - 1) }

# Digits with a decimal point put into them.
sub point
{
	my ($digits, $scale) = @_;
	return $digits if $scale == 0;
	$digits = '0' x ($scale + 1 - length $digits) . $digits if length $digits <= $scale;
	return substr($digits, 0, -$scale) . '.' . substr($digits, -$scale);
}

my @words = map { my $power = $_; map { Math::BigInt->new(2)->bpow($power)->badd($_)->bstr } -1, 0, 1 } 31, 32, 63, 64, 127, 128;

# Positive numbers of one profile.
my %number = (
	plain => sub {
		return chance(0.5)
		  ? whole(between(1, 6))
		  : whole(between(1, 5)) . '.' . digits(between(1, 6));
	},
	token => sub { return int(rand 10**between(0, 8)) . '.' . digits(17) . between(1, 9) },
	tiny => sub { return '0.' . '0' x between(18, 29) . whole(between(1, 6)) },
	huge => sub { return whole(between(20, 31)) . (chance(0.5) ? '' : '.' . digits(between(1, 18))) },
	# where arithmetic carries, and where machine words end
	boundary => sub {
		my $digits = pick('1' . '0' x between(1, 40), '9' x between(1, 40), pick(@words));
		my $scale = pick(0, 4, 8, 18, between(0, 30));
		return point($digits, $scale);
	},
	mixed => sub { return decimal(pick(qw(plain plain token tiny huge boundary))) },
	vast => sub {
		my ($whole, $fraction) = chance(0.3) ? (1000, 1000) : (between(1, 1000), between(1, 1000));
		return whole($whole) . '.' . digits($fraction);
	});

sub decimal { return $number{ $_[0] }->() }

sub rate
{
	my ($greatest) = @_;
	return $greatest if chance(0.05);
	return 0 if chance(0.05);
	return '0.' . digits(pick(1, 2, 2, 3, 4, 18)) if chance(0.95) || $greatest <= 1;
	return decimal('plain');
}

# Exact product of non-negative decimals.
sub product
{
	my $product = Math::BigInt->bone;
	my $scale = 0;
	for my $factor (@_)
	{
		my ($whole, $fraction) = (split(/\./, $factor), '');
		$product->bmul($whole . $fraction);
		$scale += length $fraction;
	}
	return point($product->bstr, $scale);
}

# Sort non-negative decimals by value, each value once.
sub ascending
{
	my %by_value;
	for my $text (@_)
	{
		my ($whole, $fraction) = (split(/\./, $text), '');
		$whole =~ s/^0+//;
		$fraction =~ s/0+$//;
		$by_value{ sprintf '%05d %s.%s', length $whole, $whole, $fraction } //= $text;
	}
	return map { $by_value{$_} } sort keys %by_value;
}

# ---------------------------------------------------------------------------
# Random markets and accounts, as rows of the tables of test/reference.sql.
# ---------------------------------------------------------------------------

my %rows;

sub row
{
	my ($table, @values) = @_;
	push @{ $rows{$table} }, \@values;
}

# The rows collected for a table: array references, undef for null.
sub rows { return @{ $rows{ $_[0] } // [] } }

# The same as the input of COPY ... FROM STDIN.
sub copy_rows
{
	my @lines = map { join("\t", map { defined $_ ? s/\\/\\\\/gr : '\N' } @$_) } rows(@_);
	return join "\n", @lines, '\.', '';
}

my @asset_names = ('BTC', 'ETH', 'USDT', 'Z', 'a', 'aa', 'B', "\xc3\xa9", ' spaced name ', 'quo"te', 'back\\slash', "\xe6\x95\xb0", '-');
my @contract_names = ('BTC', 'BTC_USDT', 'USDT', 'ETH_USDC-261225', 'a', 'b', 'C', "\xc3\xa9\xc3\xa9", 'quo"te', "it's", '0');
my @unknown_names = ('UNKNOWN', 'unknown', "\xc3\xbf", 'A');

# Thresholds as far as given; those not given keep their defaults.
my @levels = (
	{}, {}, {},
	{ warning => '0.5', margin_call => '0.6', liquidation => '0.9' },
	{ warning => '0.85' },
	{ liquidation => '1.25' },
	{ warning => '0.1', liquidation => '0.85' },
	{ warning => 1, margin_call => 1, liquidation => 1 },
	{ warning => '0.3333333333333333333333333333', margin_call => '0.7' },
	{ margin_call => '0.70', liquidation => '0.7' },
	{ warning => '0.01', margin_call => '0.0200', liquidation => 3 });

# A random schedule.  Its bounds are random quantities times unit; the
# quantities are returned, so that holdings can be put exactly at a bound.
sub add_schedule
{
	my ($market, $kind, $symbol, $profile, $unit) = @_;
	my @quantity = ascending(map { decimal($profile) } 2 .. pick(1, 1, 2, 3, 4, 6));
	my @bound = (0, map { defined $unit ? product($_, $unit) : $_ } @quantity);
	my @rate = ascending(map { rate($kind eq 'collateral' ? 1 : 2) } @bound);
	push @rate, $rate[-1] while @rate < @bound;
	if ($kind eq 'collateral')
	{
		@rate = reverse @rate;
		$rate[-1] = 0 if chance(0.2);
	}
	row('schedule', $market, $kind, $symbol,
		$kind eq 'collateral' ? 'marginal' : pick(qw(marginal whole)));
	row('tier', $market, $kind, $symbol, $bound[$_], $rate[$_]) for 0 .. $#bound;
	return @quantity;
}

# Collects a market whose numbers are of one profile (see %number).  Returns its
# assets and contracts: what its accounts draw from.
sub add_market
{
	my ($market, $profile) = @_;
	my (%asset, %contract);

	row('market', $market);
	my $levels = pick(@levels);
	row('level_threshold', $market, $_, $levels->{$_}) for sort keys %$levels;

	# Cash counts at par with either sign, and a dial requires its quantity
	# in cash: together they take an account to any equity and requirement.
	row('asset', $market, 'CASH', 1, 'quantity', 1, 1);
	row('schedule', $market, 'collateral', 'CASH', 'marginal');
	row('tier', $market, 'collateral', 'CASH', 0, 1);
	row('contract', $market, 'DIAL', 'CASH', undef, 1, 1, 'leg', 0);
	row('schedule', $market, 'maintenance', 'DIAL', 'marginal');
	row('tier', $market, 'maintenance', 'DIAL', 0, 1);
	$asset{CASH} = { price => 1, bounds => [] };

	for my $name ((shuffle @asset_names)[ 0 .. between(4, 9) ])
	{
		my $price = chance(0.08) ? undef : decimal($profile);
		my $tier_unit = pick(qw(quantity value));
		my $unit = $profile eq 'vast' || $tier_unit eq 'quantity' ? undef : $price;
		my @bounds;
		row('asset', $market, $name, $price, $tier_unit,
			chance(0.5) ? 1 : pick('1.1', '1.250', 2, '1.' . digits(18), decimal('huge')),
			chance(0.5) ? 1 : pick('0.5', '1.3', 2, decimal($profile)));
		my $tiers = chance(0.85);
		push @bounds, add_schedule($market, 'collateral', $name, $profile, $unit) if $tiers;
		push @bounds, add_schedule($market, 'liability', $name, $profile) if chance(0.5);
		$asset{$name} = { price => $price, tiers => $tiers, bounds => \@bounds };
	}

	for my $name ((shuffle @contract_names)[ 0 .. between(4, 8) ])
	{
		my $settle = chance(0.06) ? pick(@unknown_names) : pick(sort keys %asset);
		my $mark = chance(0.06) ? undef : decimal($profile);
		my $size = pick(1, '0.0001', decimal($profile));
		my $unit = defined $mark && $profile ne 'vast' ? product($size, $mark) : undef;
		my $maintenance = chance(0.94);
		my @bounds;
		row('contract', $market, $name, $settle, chance(0.5) ? undef : 'BTC', $size, $mark,
			pick(qw(leg larger net)), chance(0.5) ? 0 : pick('0.00075', '0.' . digits(18), decimal($profile)));
		push @bounds, add_schedule($market, 'maintenance', $name, $profile, $unit) if $maintenance;
		push @bounds, add_schedule($market, 'initial', $name, $profile, $unit) if chance(0.6);
		$contract{$name} = {
			mark => $mark,
			bounds => \@bounds,
			priced => defined $mark && $maintenance && exists $asset{$settle} && defined $asset{$settle}{price}
		};
	}
	return { profile => $profile, asset => \%asset, contract => \%contract };
}

sub quantity
{
	my ($market, $bounds) = @_;
	return 0 if chance(0.04);
	return pick(@$bounds) if @$bounds && chance(0.4);
	return decimal($market->{profile});
}

sub add_balances
{
	my ($case, $market, $clean) = @_;
	my $assets = $market->{asset};
	my @names = grep { !$clean || defined $assets->{$_}{price} || !$assets->{$_}{tiers} } sort keys %$assets;

	for my $name ((shuffle @names)[ 0 .. between(0, 4) ])
	{
		next unless defined $name;
		my $asset = $assets->{$name};
		my $quantity = quantity($market, $asset->{bounds});
		my $sign = chance(0.3) && !($clean && !defined $asset->{price}) ? '-' : '';
		row('holding', $case, $name, $sign . $quantity, undef, undef);
		row('holding', $case, $name, ($sign ? '' : '-') . $quantity, undef, undef) if chance(0.06);
		row('holding', $case, $name, decimal($market->{profile}), undef, undef) if chance(0.15);
	}
	if (!$clean && chance(0.25))
	{
		row('holding', $case, pick(@unknown_names), pick('', '-') . decimal($market->{profile}), undef, undef);
	}
	if (chance(0.1))    # nets to nothing, so nobody asks what it is
	{
		my $quantity = decimal($market->{profile});
		my $name = pick(@unknown_names);
		row('holding', $case, $name, $_ . $quantity, undef, undef) for shuffle '', '-';
	}
}

sub add_lots
{
	my ($case, $market, $clean) = @_;
	my $contracts = $market->{contract};
	my @names = grep { !$clean || $contracts->{$_}{priced} } sort keys %$contracts;

	for my $name ((shuffle @names)[ 0 .. between(0, 3) ])
	{
		next unless defined $name;
		my $contract = $contracts->{$name};
		my @lots = map { pick('', '-') . quantity($market, $contract->{bounds}) } 1 .. pick(1, 1, 2, 3);
		push @lots, $lots[0] =~ s/^-//r, '-' . $lots[0] =~ s/^-//r if chance(0.15);    # hedged
		for my $lot (@lots)
		{
			my $entry = chance(0.03) ? 0
			  : chance(0.4) && defined $contract->{mark} ? $contract->{mark}
			  : decimal($market->{profile});
			my $leverage = chance(0.4) ? undef : pick(1, 3, 7, 20, 125, '0.3', '2.50', decimal($market->{profile}));
			row('holding', $case, $name, $lot, $entry, $leverage);
		}
	}
	if (!$clean && chance(0.2))
	{
		my $name = pick(@unknown_names);
		row('holding', $case, $name, pick('', '-') . decimal('plain'), decimal('plain'), undef);
		row('holding', $case, $name, decimal('plain'), undef, undef) if chance(0.3);
	}
	row('holding', $case, pick(@unknown_names), 0, decimal('plain'), pick(undef, 2)) if chance(0.05);
}

# Collects an account in a market that add_market() returned; a clean one lacks
# nothing that its valuation needs.
sub add_account
{
	my ($case, $market_id, $market, $clean_chance, $story) = @_;
	my $clean = chance($clean_chance);
	my $what = pick(qw(balances lots both both both));

	row('account', $case, $market_id, $story);
	add_balances($case, $market, $clean) if $what ne 'lots';
	add_lots($case, $market, $clean) if $what ne 'balances';
	# most accounts with lots also have something to carry them
	row('holding', $case, 'CASH', decimal($market->{profile}), undef, undef) if chance(0.3);
}

# ---------------------------------------------------------------------------
# The same in margin's own types.
# ---------------------------------------------------------------------------

sub json_text { return '"' . $_[0] =~ s/(["\\])/\\$1/gr . '"' }

# An object of the members that have a value, which is JSON already.
sub json_object
{
	my @members;
	while (my ($name, $value) = splice @_, 0, 2)
	{
		push @members, json_text($name) . ": $value" if defined $value;
	}
	return '{' . join(', ', @members) . '}';
}

sub rows_of_market
{
	my ($table, $market) = @_;
	return grep { $_->[0] eq $market } rows($table);
}

# A collected market as the text of margin.market.
sub market_text
{
	my ($market) = @_;
	my (%tiers, %schedule);

	push @{ $tiers{ $_->[1], $_->[2] } }, "$_->[3]: $_->[4]" for rows_of_market('tier', $market);
	for (rows_of_market('schedule', $market))
	{
		my ($kind, $symbol, $method) = @$_[ 1 .. 3 ];
		$schedule{$kind}{$symbol} =
		  json_text(($method eq 'whole' ? 'whole ' : '') . '{' . join(', ', @{ $tiers{ $kind, $symbol } }) . '}');
	}
	my @assets = map {
		my (undef, $name, $price, $tier_unit, $liability_weight, $requirement_weight) = @$_;
		$name => json_object(
			price => $price,
			tiers => $schedule{collateral}{$name},
			tier_unit => json_text($tier_unit),
			liability_weight => $liability_weight,
			requirement_weight => $requirement_weight,
			liability_maintenance => $schedule{liability}{$name})
	} rows_of_market('asset', $market);
	my @contracts = map {
		my (undef, $name, $settle, $base, $size, $mark, $netting, $closing_fee) = @$_;
		$name => json_object(
			settle => json_text($settle),
			base => defined $base ? json_text($base) : undef,
			contract_size => $size,
			mark => $mark,
			maintenance => $schedule{maintenance}{$name},
			initial => $schedule{initial}{$name},
			netting => json_text($netting),
			closing_fee => $closing_fee)
	} rows_of_market('contract', $market);
	return json_object(
		assets => json_object(@assets),
		contracts => json_object(@contracts),
		levels => json_object(map { @$_[ 1, 2 ] } rows_of_market('level_threshold', $market)));
}

# SQL that makes the schema "random" (see the top) and fills it.
#
#     markets => 100, accounts => 10    how many markets, accounts in each
#     profiles => [qw(plain token)]     what sizes of numbers, see %number;
#                                       repeat one to make it more frequent
#     clean => 0.75                     the part of accounts that lack nothing
#     aimed => 1                        see below
#
# Random accounts are mostly far from where anything is decided.  So each
# priced account n that has a requirement gets a sibling 1000000 + n, whose
# equity is a given multiple of its maintenance margin, at times exactly 1:
# the account's holdings and an amount of CASH, an asset of every market that
# counts at par with either sign.  In every market the contract DIAL, settled
# in CASH, contract size and mark 1, requires exactly its quantity.
sub random_book
{
	my %wanted = (
		markets => 100,
		accounts => 10,
		profiles => [qw(plain plain plain token token tiny huge boundary mixed)],
		clean => 0.75,
		aimed => 1,
		@_);
	my @markets;
	my $account = 0;

	%rows = ();
	for my $id (1 .. $wanted{markets})
	{
		my $market = add_market($id, pick(@{ $wanted{profiles} }));
		push @markets, $id;
		add_account(++$account, $id, $market, $wanted{clean}, 'random') for 1 .. $wanted{accounts};
	}
	row('text', $_, market_text($_)) for @markets;

	my $sql = q{
CREATE SCHEMA random;
CREATE TABLE random.market (market_id integer PRIMARY KEY, market margin.market NOT NULL);
CREATE TABLE random.holding (account_id integer, symbol text, quantity numeric, entry_price numeric, leverage numeric);
CREATE TABLE random.account (account_id integer PRIMARY KEY, market_id integer REFERENCES random.market,
							 portfolio margin.portfolio, story text);
};
	$sql .= "COPY random.market FROM STDIN;\n" . copy_rows('text');
	$sql .= "COPY random.account (account_id, market_id, story) FROM STDIN;\n" . copy_rows('account');
	$sql .= "COPY random.holding FROM STDIN;\n" . copy_rows('holding');
	$sql .= "CREATE INDEX ON random.holding (account_id);\nANALYZE random.market, random.account, random.holding;\n";

	my $aim = q{
INSERT INTO random.holding
	SELECT 1000000 + account_id, sibling.*
	FROM random.account
	JOIN random.market USING (market_id)
	CROSS JOIN LATERAL (
		SELECT margin.evaluate(margin.portfolio(symbol, quantity, entry_price, leverage), market) AS v
		FROM random.holding WHERE holding.account_id = account.account_id) AS valued
	CROSS JOIN LATERAL (
		SELECT symbol, quantity, entry_price, leverage
		FROM random.holding WHERE holding.account_id = account.account_id
		UNION ALL
		SELECT 'CASH', (v).maintenance_margin
					   * ('{0,0.5,0.9,1,1.00000001,1.01,1.1,1.25,1.5,2,3,10,100}'::numeric[])[1 + account_id % 13]
					   - (v).equity, NULL, NULL) AS sibling
	WHERE (v).maintenance_margin > 0;
INSERT INTO random.account (account_id, market_id, story)
	SELECT 1000000 + account_id, market_id, 'aimed'
	FROM random.account WHERE 1000000 + account_id IN (SELECT account_id FROM random.holding);
};
	$sql .= $aim if $wanted{aimed};
	$sql .= q{
UPDATE random.account
	SET portfolio = coalesce((SELECT margin.portfolio(symbol, quantity, entry_price, leverage)
							  FROM random.holding WHERE holding.account_id = account.account_id),
							 '{}');
ANALYZE random.market, random.account, random.holding;
};
	return $sql;
}

1;
