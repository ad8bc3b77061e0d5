# The worst that prices in a box can do to an account, looked for in doubles.
#
#     my $account = worst_account(\@assets, \@positions);
#     my ($value, $point) = worst_point($account, $x, $side, $required, $threshold);
#
# looks for the prices, each within a part $x of the present one, at which
#
#     (maintenance margin, or nothing unless $required) - $threshold * equity
#
# is largest ($side 1) or smallest ($side -1); $value is that.  $point is a hash of the symbols'
# changes in proportion, as text that is never outside of the box.
#
# Nothing is proven here: that something worse was not found says little, and
# what is found is for the extension to judge.  It knows no bounds and no
# slopes: assets do not share prices, so each is tried by itself, at corners,
# where tiers begin, and at random, one price or one pair of prices at a time.

package MarginWorst;

use strict;
use warnings;

use Exporter 'import';
use List::Util qw(max min sum0);

our @EXPORT = qw(worst_account worst_point gross);

use constant { PASSES => 6, STARTS => 6 };

# A schedule's text, "whole {0: 0.1, 100: 0.2}", as bounds, rates and what is added in each tier.
sub schedule
{
	my ($text, $fee) = @_;
	return undef unless defined $text;
	my %s = (whole => $text =~ /^whole/ ? 1 : 0);
	while ($text =~ /([-\d.e]+): ([-\d.e]+)/g)
	{
		push @{ $s{from} }, $1 + 0;
		push @{ $s{rate} }, $2 + ($fee // 0);
		my $n = $#{ $s{from} };
		push @{ $s{plus} }, $n == 0 || $s{whole} ? 0 : $s{plus}[-1] + ($s{rate}[ $n - 1 ] - $s{rate}[$n]) * $s{from}[$n];
	}
	return \%s;
}

sub tiered
{
	my ($s, $amount) = @_;
	return 0 unless $s;
	my $from = $s->{from};
	my $n = 0;
	$n++ while $n < $#$from && $amount >= $from->[ $n + 1 ];
	return $s->{rate}[$n] * $amount + $s->{plus}[$n];
}

# Assets: id, price, liability_price, requirement_price, in_value, tiers, liability_tiers, balance.
# Positions: id, settle (an asset's id), long, short (notionals), cost (of long less short), netting, maintenance, closing_fee.
sub worst_account
{
	my ($assets, $positions) = @_;
	my %asset = map { $_->{id} => { %$_, positions => [], tiers => schedule($_->{tiers}), liability_tiers => schedule($_->{liability_tiers}) } } @$assets;
	for my $p (@$positions)
	{
		my $larger = max($p->{long}, $p->{short});
		my $legs =
			$p->{netting} eq 'leg' ? [ grep { $_ > 0 } $p->{long}, $p->{short} ]
		  : $p->{netting} eq 'net' ? [ $larger - min($p->{long}, $p->{short}) ]
		  :                          [$larger];
		push @{ $asset{ $p->{settle} }{positions} },
		  { %$p, net => $p->{long} - $p->{short}, legs => $legs, schedule => schedule($p->{maintenance}, $p->{closing_fee}) };
	}
	return [ map { $asset{$_} } sort { $a <=> $b } keys %asset ];
}

sub equity
{
	my ($asset, $marks) = @_;
	my $equity = $asset->{balance};
	my $positions = $asset->{positions};
	$equity += $positions->[$_]{net} * $marks->[$_] - $positions->[$_]{cost} for 0 .. $#$positions;
	return $equity;
}

# What one asset adds, at factors of its price and of the marks settled in it.
sub value
{
	my ($asset, $goal, $factor, $marks) = @_;
	my $equity = equity($asset, $marks);
	my $price = $asset->{price} * $factor;
	my $required = 0;
	my $worth;

	if ($goal->{required})
	{
		my $positions = $asset->{positions};
		for my $n (0 .. $#$positions)
		{
			$required += tiered($positions->[$n]{schedule}, $_ * $marks->[$n]) for @{ $positions->[$n]{legs} };
		}
		$required *= $asset->{requirement_price} * $factor;
		$required += $price * tiered($asset->{liability_tiers}, -$equity) if $equity < 0;
	}
	if ($equity < 0) { $worth = $asset->{liability_price} * $factor * $equity }
	elsif ($asset->{in_value}) { $worth = tiered($asset->{tiers}, $equity * $price) }
	else { $worth = $price * tiered($asset->{tiers}, $equity) }
	return $goal->{side} * ($required - $goal->{threshold} * $worth);
}

# The equities of an asset at which something bends or jumps.
sub bends
{
	my ($asset, $factor) = @_;
	my @bends = (0);
	push @bends, map { -$_ } @{ $asset->{liability_tiers}{from} } if $asset->{liability_tiers};
	my $unit = $asset->{in_value} ? $asset->{price} * $factor : 1;
	push @bends, map { $_ / $unit } @{ $asset->{tiers}{from} } if $asset->{tiers} && $unit > 0;
	return @bends;
}

# Where a mark is worth a try, the others being where they are.
sub tries
{
	my ($asset, $box, $factor, $marks, $n) = @_;
	my $position = $asset->{positions}[$n];
	my @tries;

	for my $leg (@{ $position->{legs} })
	{
		push @tries, map { ($_ / $leg * (1 - 1e-15), $_ / $leg * (1 + 4e-16)) } @{ $position->{schedule}{from} } if $leg > 0;
	}
	if ($position->{net} != 0)
	{
		my $equity = equity($asset, $marks);
		for my $bend (bends($asset, $factor))
		{
			my $mark = $marks->[$n] + ($bend - $equity) / $position->{net};
			push @tries, $mark * (1 - 1e-14), $mark, $mark * (1 + 1e-14);
		}
	}
	push @tries, $box->{low} + rand() * ($box->{high} - $box->{low});
	return ($box->{low}, $box->{high}, grep { $_ > $box->{low} && $_ < $box->{high} } @tries);
}

# Better marks, one at a time; and, where that helps no more, one with another that keeps the equity.
sub climb
{
	my ($asset, $goal, $box, $factor, $marks) = @_;
	my $best = value($asset, $goal, $factor, $marks);

	for (1 .. PASSES)
	{
		my $before = $best;
		for my $n (0 .. $#$marks)
		{
			for my $try (tries($asset, $box, $factor, $marks, $n))
			{
				for my $other (-1 .. $#$marks)
				{
					next if $other == $n;
					my @marks = @$marks;
					$marks[$n] = $try;
					if ($other >= 0)
					{
						my ($moved, $with) = map { $_->{net} } @{ $asset->{positions} }[ $n, $other ];
						next if $with == 0;
						$marks[$other] -= ($try - $marks->[$n]) * $moved / $with;
						$marks[$other] = max($box->{low}, min($box->{high}, $marks[$other]));
					}
					my $value = value($asset, $goal, $factor, \@marks);
					($best, $marks) = ($value, \@marks) if $value > $best;
				}
			}
		}
		last if $best <= $before;
	}
	return ($best, $marks);
}

sub worst_of_asset
{
	my ($asset, $goal, $box) = @_;
	my $count = @{ $asset->{positions} };
	my ($best, $factor, $marks);

	for my $end ($box->{low}, $box->{high})
	{
		# all corners where they are few
		my $starts = $count > 3 ? STARTS + 2 : 2**$count;
		for my $start (0 .. $starts - 1)
		{
			my @start = map { $count > 3 && $start > 1 ? (rand() < 0.5) : $count > 3 ? $start : $start >> $_ & 1 } 0 .. $count - 1;
			my ($value, $at) = climb($asset, $goal, $box, $end, [ map { $_ ? $box->{high} : $box->{low} } @start ]);
			($best, $factor, $marks) = ($value, $end, $at) if !defined $best || $value > $best;
		}
	}
	return ($best, $factor, $marks);
}

# All that an account holds and owes, with nothing set against anything.
sub gross
{
	my ($account) = @_;
	my $sum = 0;
	for my $asset (@$account)
	{
		$sum += max(map { abs $_ } @$asset{qw(price liability_price requirement_price)})
		  * (abs($asset->{balance}) + sum0(map { $_->{long} + $_->{short} + abs $_->{cost} } @{ $asset->{positions} }));
	}
	return $sum;
}

# As text; no price falls to 0.
sub change
{
	my ($box, $factor) = @_;
	my $down = $box->{text} == 1 ? '-0.' . '9' x 18 : "-$box->{text}";
	my $text = sprintf '%.18f', $factor - 1;

	return $box->{text} if $factor >= $box->{high} || $text >= $box->{text};
	return $text > $down ? $text : $down;
}

# The size of the box is text.
sub worst_point
{
	my ($account, $x, $side, $required, $threshold) = @_;
	my $box = { text => $x, low => 1 - $x, high => 1 + $x };
	my $goal = { side => $side, required => $required, threshold => $threshold };
	my $sum = 0;
	my %point;

	for my $asset (@$account)
	{
		my ($value, $factor, $marks) = worst_of_asset($asset, $goal, $box);
		$sum += $value;
		$point{ $asset->{id} } = change($box, $factor);
		$point{ $asset->{positions}[$_]{id} } = change($box, $marks->[$_]) for 0 .. $#$marks;
	}
	return ($side * $sum, \%point);
}

1;
