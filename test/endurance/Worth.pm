# What an account of the book that Endurance.pm makes is worth, by the specification
# and nothing else: in whole numbers, counted in ten-thousandths of a USD.

package Worth;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(max min sum0);

our @EXPORT = qw(worth amount_text);

use constant SCALE => 10_000;

# Rates in ten-thousandths: [from, rate] ...
my %collateral = (USD => [ [ 0, 10_000 ] ], COIN => [ [ 0, 9_000 ], [ 500, 5_000 ] ], GOLD => [ [ 0, 9_500 ] ]);
my %weight = (USD => 10_000, COIN => 11_000, GOLD => 10_500);
my %debt_rate = (USD => 0, COIN => 300, GOLD => 0);
my %contract = (
	C1 => { size => 1, entry => 1000, maintenance => [ [ 0, 400 ], [ 50_000, 600 ] ], initial => [ [ 0, 800 ], [ 50_000, 1_200 ] ], closing => 5, opening => 10, larger => 0 },
	C2 => { size => 2, entry => 50, maintenance => [ [ 0, 500 ] ], initial => [ [ 0, 1_000 ] ], closing => 0, opening => 0, larger => 1 });
my @levels = ([ liquidation => 100 ], [ margin_call => 85 ], [ warning => 70 ]);

# A marginal schedule at x: each rate counts for what of x lies in its tier.
sub scheduled
{
	my ($tiers, $x) = @_;
	my $amount = 0;
	for my $i (0 .. $#$tiers)
	{
		my ($from, $rate) = @{ $tiers->[$i] };
		my $to = $i < $#$tiers ? min($x, $tiers->[ $i + 1 ][0]) : $x;
		$amount += $rate * ($to - $from) if $to > $from;
	}
	return $amount;
}

# A whole one: the rate of the tier that holds x counts for all of it.
sub whole
{
	my ($tiers, $x) = @_;
	my ($tier) = grep { $_->[0] <= $x } reverse @$tiers;
	return $tier->[1] * $x;
}

# Both legs of a contract, each notional at the mark, with what orders add to it.
sub required
{
	my ($terms, $which, @notionals) = @_;
	my @legs = map {
		my $maintenance = scheduled($terms->{maintenance}, $_) + $terms->{closing} * $_;
		$which eq 'maintenance' ? $maintenance : max($maintenance, whole($terms->{initial}, $_) + $terms->{opening} * $_);
	} @notionals;
	return $terms->{larger} ? max(@legs) : sum0(@legs);
}

sub worth
{
	my ($holds, $prices) = @_;
	my %equity = (%{ { USD => 0, COIN => 0, GOLD => 0 } }, %{ $holds->{balance} });
	my ($maintenance, $initial, $loss) = (0, 0, 0);
	for my $name (keys %contract)
	{
		my ($terms, $mark) = ($contract{$name}, $prices->{$name});
		my ($long, $short) = (abs($holds->{position}{"$name/long"} // 0), abs($holds->{position}{"$name/short"} // 0));
		$equity{USD} += $terms->{size} * ($long - $short) * ($mark - $terms->{entry});
		my ($buys, $sells) = (0, 0);
		for my $order (grep { $_->[1] eq $name } values %{ $holds->{order} })
		{
			my ($lots, undef, $price) = @$order;
			my $off = $lots > 0 ? $price - $mark : $mark - $price;
			$loss += $terms->{size} * abs($lots) * max(0, $off);
			if ($lots > 0) { $buys += $terms->{size} * $lots * $price }
			else { $sells += $terms->{size} * -$lots * max($price, $mark) }
		}
		my @notionals = map { $terms->{size} * $mark * $_ } $long, $short;
		$maintenance += required($terms, 'maintenance', @notionals);
		$initial += required($terms, 'initial', $notionals[0] + $buys, $notionals[1] + $sells);
	}
	my ($worth, $debts) = (0, 0);
	for my $asset (keys %equity)
	{
		my $held = $equity{$asset};
		$worth += $prices->{$asset} * ($held >= 0 ? scheduled($collateral{$asset}, $held) : $weight{$asset} * $held);
		$debts += $prices->{$asset} * $debt_rate{$asset} * -$held if $held < 0;
	}
	$maintenance += $debts;
	$initial += $debts;
	my $available = $worth - $initial - $loss * SCALE;
	my $level = $worth < 0 ? 'bankrupt' : 'healthy';
	if ($worth >= 0 && $maintenance > 0)
	{
		my ($reached) = grep { $maintenance * 100 >= $_->[1] * $worth } @levels;
		$level = $reached->[0] if $reached;
	}
	return { equity => $worth, maintenance => $maintenance, initial => $initial, available => $available, level => $level,
		passes => $available >= 0 && $level ne 'liquidation' && $level ne 'bankrupt' };
}

# As numeric prints it, without zeros at the end.
sub amount_text
{
	my ($amount) = @_;
	my $text = sprintf '%s%d.%04d', $amount < 0 ? '-' : '', abs($amount) / SCALE, abs($amount) % SCALE;
	return $text =~ s/\.?0+$//r;
}

1;
