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
#     holding (account_id, symbol, quantity, entry_price, leverage, kind)
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
  chance pick deal between decimal);

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

# pick() for what a whole market has in common, of which there are few: each as often
# as it is among the choices.  By chance is only the order, as of cards, which
# are shuffled again when the last one is dealt.
my %deck;

sub deal
{
	my ($deck, @cards) = @_;
	$deck{$deck} = [ shuffle @cards ] unless @{ $deck{$deck} // [] };
	return pop @{ $deck{$deck} };
}

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

# Exact sum of decimals with or without a minus.
sub total
{
	my $scale = 0;
	my $total = Math::BigInt->bzero;
	for (@_)
	{
		my $digits = /\.(\d*)/ ? length $1 : 0;
		$scale = $digits if $digits > $scale;
	}
	for (@_)
	{
		my ($sign, $whole, $fraction) = /^(-?)(\d*)\.?(\d*)$/;
		$total->badd($sign . $whole . $fraction . '0' x ($scale - length $fraction));
	}
	return ($total->is_neg ? '-' : '') . point($total->babs->bstr, $scale);
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

# What orders take of equity, and how debts count, each with each.
my @rules = map { my $reduction = $_; map { [ $reduction, $_ ] } qw(sum larger) } qw(nothing loss margin both);

sub put_schedule
{
	my ($market, $kind, $symbol, $method, $bound, $rate) = @_;
	row('schedule', $market, $kind, $symbol, $method);
	row('tier', $market, $kind, $symbol, $bound->[$_], $rate->[$_]) for 0 .. $#$bound;
}

# Random bounds and rates.  The bounds are random quantities times unit; the
# quantities are given first, so that holdings can be put exactly at a bound.
sub tiers
{
	my ($profile, $greatest, $unit) = @_;
	my @quantity = ascending(map { decimal($profile) } 2 .. pick(1, 1, 2, 3, 4, 6));
	my @bound = (0, map { defined $unit ? product($_, $unit) : $_ } @quantity);
	my @rate = ascending(map { rate($greatest) } @bound);
	push @rate, $rate[-1] while @rate < @bound;
	return (\@quantity, \@bound, \@rate);
}

# A schedule whose rates rise; returns the quantities at its bounds.
sub add_schedule
{
	my ($market, $kind, $symbol, $profile, $unit) = @_;
	my ($quantity, $bound, $rate) = tiers($profile, 2, $unit);
	put_schedule($market, $kind, $symbol, pick(qw(marginal whole)), $bound, $rate);
	return @$quantity;
}

# Collateral ratios; with rules at times others for the initial measure: the
# same once more, lower ones, or any.  Returns the quantities at the bounds.
sub add_ratios
{
	my ($market, $symbol, $profile, $unit, $rules) = @_;
	my $fresh = sub {
		my ($quantity, $bound, $rate) = tiers($profile, 1, $unit);
		my @falling = reverse @$rate;
		$falling[-1] = 0 if chance(0.2);
		return ($quantity, $bound, \@falling);
	};
	my ($quantity, $bound, $rate) = $fresh->();
	put_schedule($market, 'collateral', $symbol, 'marginal', $bound, $rate);
	return @$quantity unless $rules && chance(0.5);

	my $kind = pick(qw(same lower lower any));
	my $factor = pick('0.5', '0.9', '0.' . digits(6));
	my @at_first = @$quantity;
	if ($kind eq 'lower') { $rate = [ map { product($_, $factor) } @$rate ] }
	elsif ($kind eq 'any') { (my $others, $bound, $rate) = $fresh->(); push @at_first, @$others }
	put_schedule($market, 'initial_collateral', $symbol, 'marginal', $bound, $rate);
	return @at_first;
}

# Bounds of a price in doubt: none, the price itself, or beside it.
sub doubt
{
	my ($profile, $price) = @_;
	my ($whole) = split /\./, $price;
	my ($low, $high) =
	  $profile eq 'vast'
	  ? ($whole, '9' x length($whole) . '.' . '9' x 1000)
	  : (product($price, pick('0.5', '0.9', '0.' . digits(6) . '1')), product($price, pick('1.1', 2, '1.' . digits(9))));
	return (pick(undef, $price, $low, $low), pick(undef, $price, $high, $high));
}

# Collects a market whose numbers are of one profile (see %number).  Returns its
# assets and contracts: what its accounts draw from.
#
#     rules => 1       with doubtful prices, an initial measure, opening fees,
#                      tiers by contracts, maintenance of orders, and rules
#     orders => 0.5    the part of its accounts that have open orders
sub add_market
{
	my ($market, $profile, %with) = @_;
	my $rules = $with{rules};
	my (%asset, %contract);

	row('market', $market, $rules ? deal('rules', @rules)->@* : qw(nothing sum));
	my $levels = deal('levels', @levels);
	row('level_threshold', $market, $_, $levels->{$_}) for sort keys %$levels;

	# Cash counts at par with either sign, and a dial requires its quantity
	# in cash: together they take an account to any equity and requirement.
	row('asset', $market, 'CASH', 1, 'quantity', 1, 1, undef, undef, undef);
	put_schedule($market, 'collateral', 'CASH', 'marginal', [0], [1]);
	row('contract', $market, 'DIAL', 'CASH', undef, 1, 1, 'leg', 0, 0, 'notional', 'f');
	put_schedule($market, 'maintenance', 'DIAL', 'marginal', [0], [1]);
	$asset{CASH} = { price => 1, bounds => [] };

	for my $name ((shuffle @asset_names)[ 0 .. between(4, 9) ])
	{
		my $price = deal('no price', (0) x 11, 1) ? undef : decimal($profile);
		my $tier_unit = pick(qw(quantity value));
		my $weight = chance(0.5) ? 1 : pick('1.1', '1.250', 2, '1.' . digits(18), decimal('huge'));
		my ($low, $high) = $rules && defined $price && chance(0.4) ? doubt($profile, $price) : ();
		# by value the bounds are met at the price that counts
		my $unit = $profile eq 'vast' || $tier_unit eq 'quantity' ? undef : $low // $price;
		my @bounds;
		row('asset', $market, $name, $price, $tier_unit, $weight,
			chance(0.5) ? 1 : pick('0.5', '1.3', 2, decimal($profile)),
			$low, $high, $rules && chance(0.5) ? pick(1, $weight, '1.05', 3, '1.' . digits(18)) : undef);
		my $tiers = chance(0.85);
		push @bounds, add_ratios($market, $name, $profile, $unit, $rules) if $tiers;
		push @bounds, add_schedule($market, 'liability', $name, $profile) if chance(0.5);
		$asset{$name} = { price => $price, tiers => $tiers, bounds => \@bounds };
	}

	for my $name ((shuffle @contract_names)[ 0 .. between(4, 8) ])
	{
		my $settle = deal('no settlement', (0) x 15, 1) ? pick(@unknown_names) : pick(sort keys %asset);
		my $mark = deal('no mark', (0) x 15, 1) ? undef : decimal($profile);
		my $size = pick(1, '0.0001', decimal($profile));
		my $tier_unit = $rules ? deal('tier unit', qw(contracts notional notional)) : 'notional';
		my $unit = defined $mark && $profile ne 'vast' && $tier_unit eq 'notional' ? product($size, $mark) : undef;
		my $maintenance = !deal('no maintenance', (0) x 15, 1);
		my @bounds;
		row('contract', $market, $name, $settle, deal('base', undef, 'BTC'), $size, $mark,
			deal('netting', qw(leg larger net)), fee($profile),
			$rules ? fee($profile) : 0, $tier_unit, $rules ? deal('order maintenance', 't', 'f') : 'f');
		push @bounds, add_schedule($market, 'maintenance', $name, $profile, $unit) if $maintenance;
		push @bounds, add_schedule($market, 'initial', $name, $profile, $unit) if chance(0.6);
		$contract{$name} = {
			mark => $mark,
			bounds => \@bounds,
			priced => defined $mark && $maintenance && exists $asset{$settle} && defined $asset{$settle}{price}
		};
	}
	return { profile => $profile, asset => \%asset, contract => \%contract, orders => $with{orders} // 0 };
}

sub fee
{
	my ($profile) = @_;
	return chance(0.5) ? 0 : pick('0.00075', '0.' . digits(18), decimal($profile));
}

sub quantity
{
	my ($market, $bounds) = @_;
	return 0 if chance(0.04);
	return pick(@$bounds) if @$bounds && chance(0.4);
	return decimal($market->{profile});
}

sub leverage
{
	my ($market) = @_;
	return chance(0.4) ? undef : pick(1, 3, 7, 20, 125, '0.3', '2.50', decimal($market->{profile}));
}

# As many digits as a row may have.
sub fits { return $_[0] =~ /^-?\d{1,1000}(\.\d{1,1000})?$/ }

# The kind of balances and positions may be left out.
sub put_balance { my ($case, $name, $quantity) = @_; row('holding', $case, $name, $quantity, undef, undef, pick(undef, 'balance')) }
sub put_lot { row('holding', @_, pick(undef, 'position')) }
sub put_order { row('holding', @_, 'order') }

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
		my $sign = chance(defined $asset->{price} ? 0.3 : $clean ? 0 : 0.5) ? '-' : '';
		put_balance($case, $name, $sign . $quantity);
		put_balance($case, $name, ($sign ? '' : '-') . $quantity) if chance(0.06);
		put_balance($case, $name, decimal($market->{profile})) if chance(0.15);
	}
	if (!$clean && chance(0.25))
	{
		put_balance($case, pick(@unknown_names), pick('', '-') . decimal($market->{profile}));
	}
	if (chance(0.1))    # nets to nothing, so nobody asks what it is
	{
		my $quantity = decimal($market->{profile});
		my $name = pick(@unknown_names);
		put_balance($case, $name, $_ . $quantity) for shuffle '', '-';
	}
}

# Returns by contract how many are held, short ones subtracted.
sub add_lots
{
	my ($case, $market, $clean) = @_;
	my $contracts = $market->{contract};
	my %net;
	my @names = grep { !$clean || $contracts->{$_}{priced} } sort keys %$contracts;

	for my $name ((shuffle @names)[ 0 .. between(0, 3) ])
	{
		next unless defined $name;
		my $contract = $contracts->{$name};
		my @lots = map { pick('', '-') . quantity($market, $contract->{bounds}) } 1 .. pick(1, 1, 2, 3);
		push @lots, $lots[0] =~ s/^-//r, '-' . $lots[0] =~ s/^-//r if chance(0.15);    # both sides
		push @lots, map { /^-(.*)/ ? $1 : "-$_" } @lots if chance(0.05);               # as much on each
		for my $lot (@lots)
		{
			my $entry = chance(0.03) ? 0
			  : chance(0.4) && defined $contract->{mark} ? $contract->{mark}
			  : decimal($market->{profile});
			put_lot($case, $name, $lot, $entry, leverage($market));
		}
		$net{$name} = total(@lots);
	}
	if (!$clean && chance(0.2))
	{
		my $name = pick(@unknown_names);
		put_lot($case, $name, pick('', '-') . decimal('plain'), decimal('plain'), undef);
		put_balance($case, $name, decimal('plain')) if chance(0.3);
	}
	put_lot($case, pick(@unknown_names), 0, decimal('plain'), pick(undef, 2)) if chance(0.05);
	return \%net;
}

# Below, at or above the mark.
sub limit_price
{
	my ($market, $contract) = @_;
	my ($profile, $mark) = ($market->{profile}, $contract->{mark});
	return decimal($profile) if !defined $mark || chance(0.15);
	return $mark if $profile eq 'vast' || chance(0.25);
	return product($mark, pick('0.5', '0.9', '0.999', '1.001', '1.1', 2, '0.' . digits(8) . '1', '1.' . digits(8)));
}

# Quantities that close a position of so many contracts: to a part, exactly,
# exactly in two, or flip it.
sub closing
{
	my ($market, $held) = @_;
	return chance(0.5) ? $held : ($held, decimal('vast')) if $market->{profile} eq 'vast';
	return map { product($held, $_) } pick(['0.3'], [1], [ '0.3', '0.7' ], [ 1, '0.1' ], ['1.7'], [ '0.3', '2.0001' ])->@*;
}

sub add_orders
{
	my ($case, $market, $clean, $net) = @_;
	my $contracts = $market->{contract};
	my @names = grep { !$clean || $contracts->{$_}{priced} } sort keys %$contracts;
	my @held = grep { $net->{$_} =~ /[1-9]/ } sort keys %$net;

	@names = shuffle(@names);
	unshift @names, shuffle(@held) if chance(0.7);
	for my $name (@names[ 0 .. pick(0, 0, 1, 2) ])
	{
		next unless defined $name;
		my $contract = $contracts->{$name};
		my $held = $net->{$name} // '0';
		if ($held =~ /[1-9]/ && fits($held) && chance(0.6))
		{
			my $side = $held =~ /^-/ ? '' : '-';
			put_order($case, $name, $side . $_, limit_price($market, $contract), leverage($market))
			  for closing($market, $held =~ s/^-//r);
		}
		next if chance(0.3);
		for (1 .. pick(1, 1, 2, 4))
		{
			my $side = pick('', '-');
			my $price = limit_price($market, $contract);
			put_order($case, $name, $side . quantity($market, $contract->{bounds}), $price, leverage($market))
			  for 1 .. pick(1, 1, 1, 2);
		}
	}
	if (!$clean && chance(0.2))
	{
		put_order($case, pick(@unknown_names), pick('', '-') . decimal('plain'), decimal('plain'), undef);
	}
	put_order($case, pick(@unknown_names), 0, decimal('plain'), pick(undef, 2)) if chance(0.05);
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
	my $net = $what ne 'balances' ? add_lots($case, $market, $clean) : {};
	add_orders($case, $market, $clean, $net) if chance($market->{orders});
	# most accounts with lots also have something to carry them
	put_balance($case, 'CASH', decimal($market->{profile})) if chance(0.3);
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
		my (undef, $name, $price, $tier_unit, $liability_weight, $requirement_weight, $low, $high, $initial_liability_weight) = @$_;
		$name => json_object(
			price => $price,
			low => $low,
			high => $high,
			tiers => $schedule{collateral}{$name},
			initial_tiers => $schedule{initial_collateral}{$name},
			tier_unit => json_text($tier_unit),
			liability_weight => $liability_weight,
			initial_liability_weight => $initial_liability_weight,
			requirement_weight => $requirement_weight,
			liability_maintenance => $schedule{liability}{$name})
	} rows_of_market('asset', $market);
	my @contracts = map {
		my (undef, $name, $settle, $base, $size, $mark, $netting, $closing_fee, $opening_fee, $tier_unit, $order_maintenance) = @$_;
		$name => json_object(
			settle => json_text($settle),
			base => defined $base ? json_text($base) : undef,
			contract_size => $size,
			mark => $mark,
			maintenance => $schedule{maintenance}{$name},
			initial => $schedule{initial}{$name},
			netting => json_text($netting),
			closing_fee => $closing_fee,
			opening_fee => $opening_fee || undef,
			tier_unit => $tier_unit ne 'notional' ? json_text($tier_unit) : undef,
			order_maintenance => $order_maintenance eq 't' ? 'true' : undef)
	} rows_of_market('contract', $market);
	my ($reduction, $liability_rule) = map { @$_[ 1, 2 ] } rows_of_market('market', $market);
	my @rules = (
		orders_reduce_equity => $reduction ne 'nothing' ? json_text($reduction) : undef,
		liability_rule => $liability_rule ne 'sum' ? json_text($liability_rule) : undef);
	return json_object(
		assets => json_object(@assets),
		contracts => json_object(@contracts),
		levels => json_object(map { @$_[ 1, 2 ] } rows_of_market('level_threshold', $market)),
		rules => $rules[1] || $rules[3] ? json_object(@rules) : undef);
}

# SQL that makes the schema "random" (see the top) and fills it.
#
#     markets => 100, accounts => 10    how many markets, accounts in each
#     profiles => [qw(plain token)]     what sizes of numbers, see %number;
#                                       repeat one to make it more frequent
#     clean => 0.75                     the part of accounts that lack nothing
#     rules => 1, orders => 0.5         see add_market(); rules may be 0.5, too: for every
#                                       other market; without them there is neither
#     aimed => 1                        see below
#
# Random accounts are mostly far from where anything is decided.  So each
# priced account n that has a requirement gets a sibling 1000000 + n, whose
# (judged) equity is a given multiple of its maintenance margin, at times exactly 1:
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
		my $has_rules = int($id * ($wanted{rules} // 0)) > int(($id - 1) * ($wanted{rules} // 0));
		my $market = add_market($id, deal('profile', @{ $wanted{profiles} }), rules => $has_rules, orders => $wanted{orders});
		push @markets, $id;
		add_account(++$account, $id, $market, $wanted{clean}, 'random') for 1 .. $wanted{accounts};
	}
	row('text', $_, market_text($_)) for @markets;

	my $sql = q{
CREATE SCHEMA random;
CREATE TABLE random.market (market_id integer PRIMARY KEY, market margin.market NOT NULL);
CREATE TABLE random.holding (account_id integer, symbol text, quantity numeric, entry_price numeric, leverage numeric,
							 kind margin.holding_kind);
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
		SELECT held, margin.evaluate(held, market) AS v
		FROM (SELECT margin.portfolio(symbol, quantity, entry_price, leverage, kind)
			  FROM random.holding WHERE holding.account_id = account.account_id) AS netted (held)) AS valued
	CROSS JOIN LATERAL (
		SELECT symbol, quantity, entry_price, leverage, kind
		FROM random.holding WHERE holding.account_id = account.account_id
		UNION ALL
		SELECT 'CASH', (v).maintenance_margin
					   * ('{0,0.5,0.9,1,1.00000001,1.01,1.1,1.25,1.5,2,3,10,100}'::numeric[])[1 + account_id % 13]
					   - EQUITY, NULL, NULL, NULL) AS sibling
	WHERE (v).maintenance_margin > 0;
INSERT INTO random.account (account_id, market_id, story)
	SELECT 1000000 + account_id, market_id, 'aimed'
	FROM random.account WHERE 1000000 + account_id IN (SELECT account_id FROM random.holding);
};
	my $equity = $wanted{rules} ? 'margin.judged_equity(held, market)' : '(v).equity';
	$sql .= $aim =~ s/EQUITY/$equity/r if $wanted{aimed};
	$sql .= q{
UPDATE random.account
	SET portfolio = coalesce((SELECT margin.portfolio(symbol, quantity, entry_price, leverage, kind)
							  FROM random.holding WHERE holding.account_id = account.account_id),
							 '{}');
ANALYZE random.market, random.account, random.holding;
};
	return $sql;
}

1;
