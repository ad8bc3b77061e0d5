# The worst that prices in a box can do to an account, looked for in doubles.
#
#     my $account = worst_account(\@assets, \@positions);
#     my ($value, $point) = worst_point($account, $x, $side, $required, $threshold);
#
# looks for the prices, each within a part $x of the present one, at which
#
#     (what is $required) - $threshold * equity
#
# is largest ($side 1) or smallest ($side -1); $value is that.  $required is 0 for nothing, 1 for the
# maintenance of positions, 2 for that of debts, 3 for both; with any of them it is the judged
# equity.  $point is a hash of the symbols' # changes in proportion, as text that is never outside of the box; of an asset whose price is in doubt
# two, of the low one and of the high one.
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

# Assets: id, price (the low one), high, liability_price, requirement_price, in_value, tiers, liability_tiers, balance.
# Positions: id, settle (an asset's id), long, short (contracts), long_margin, short_margin, cost (of long less short), size, mark,
# netting, by_contracts, maintenance, initial, closing_fee, opening_fee, order_maintenance, reduction (the market's orders_reduce_equity)
# Orders: id (the contract's), buy, price, quantity, margin.
sub worst_account
{
	my ($assets, $positions, $orders) = @_;
	my %asset = map { $_->{id} => { %$_, positions => [], tiers => schedule($_->{tiers}), liability_tiers => schedule($_->{liability_tiers}) } } @$assets;
	for my $p (@$positions)
	{
		my $unit = $p->{size} * $p->{mark};
		my $matter = $p->{order_maintenance} || $p->{reduction} ne 'nothing';
		push @{ $asset{ $p->{settle} }{positions} },
		  { %$p, net => $unit * ($p->{long} - $p->{short}),
			maintenance => schedule($p->{maintenance}), initial => schedule($p->{initial}),
			orders => $matter ? [ sort { $a->{price} <=> $b->{price} } grep { $_->{id} == $p->{id} } @$orders ] : [],
			loses => $p->{reduction} =~ /loss|both/ ? 1 : 0, margins => $p->{reduction} =~ /margin|both/ ? 1 : 0 };
	}
	return [ map { $asset{$_} } sort { $a <=> $b } keys %asset ];
}

# ---------------------------------------------------------------------------
# A contract: what is held and, with orders, what it becomes (SPEC 3.5, 3.7, 3.11)
# ---------------------------------------------------------------------------

# Legs of notional, contracts and leverage amount.
sub legs
{
	my ($p, $mark, $with) = @_;
	my ($long, $short) = @$p{qw(long short)};
	my @legs = ([ $long, $p->{long_margin} ], [ $short, $p->{short_margin} ]);

	if ($p->{netting} eq 'net')
	{
		my $larger = $long >= $short ? 0 : 1;
		my $left = abs($long - $short);
		$legs[$larger] = [ $left, $left > 0 ? $legs[$larger][1] * $left / $legs[$larger][0] : 0 ];
		$legs[ 1 - $larger ] = [ 0, 0 ];
	}
	my $unit = $p->{size} * $mark;
	my @held = map { [ $unit * $_->[0], $_->[0], $unit * $_->[1] ] } @legs;
	return @held unless $with;
	my @ordered = map { [@$_] } @held;
	for my $side (0, 1)
	{
		my $closes = $p->{netting} eq 'net' ? $held[ 1 - $side ][1] : 0;
		my @orders = grep { $_->{buy} == 1 - $side } @{ $p->{orders} };
		for my $order ($side == 0 ? reverse @orders : @orders)
		{
			my $closed = min($closes, $order->{quantity});
			$closes -= $closed;
			my $left = $order->{quantity} - $closed;
			next if $left <= 0;
			my $price = $p->{size} * ($side == 0 ? $order->{price} : max($order->{price}, $mark));
			my $leg = $ordered[$side];
			$leg->[0] += $price * $left;
			$leg->[1] += $left;
			$leg->[2] += $price * $order->{margin} * $left / $order->{quantity};
		}
	}
	return @ordered;
}

sub by_schedule
{
	my ($p, $schedule, $leg, $mark) = @_;
	return $p->{by_contracts} ? $p->{size} * $mark * tiered($schedule, $leg->[1]) : tiered($schedule, $leg->[0]);
}

# Maintenance and initial requirement.
sub requirements
{
	my ($p, $mark, $with) = @_;
	my (@maintenance, @initial);
	for my $leg (legs($p, $mark, $with))
	{
		push @maintenance, by_schedule($p, $p->{maintenance}, $leg, $mark) + $p->{closing_fee} * $leg->[0];
		push @initial, max($maintenance[-1], max(by_schedule($p, $p->{initial}, $leg, $mark), $leg->[2]) + $p->{opening_fee} * $leg->[0]);
	}
	return map { $p->{netting} eq 'leg' ? $_->[0] + $_->[1] : max(@$_) } \@maintenance, \@initial;
}

sub order_loss
{
	my ($p, $mark) = @_;
	return sum0(map { $p->{size} * $_->{quantity} * max(0, $_->{buy} ? $_->{price} - $mark : $mark - $_->{price}) } @{ $p->{orders} });
}

# What a contract adds, at a factor of its mark: by its maintenance and its order margin, and by the order loss.
sub contract_value
{
	my ($p, $goal, $factor) = @_;
	my $mark = $p->{mark} * $factor;
	my $ordered = @{ $p->{orders} };
	my ($maintenance, $initial) = requirements($p, $mark, $ordered && $p->{order_maintenance});
	my $value = $goal->{required} & 1 ? $maintenance : 0;

	return ($value, 0) unless $ordered && $goal->{required};
	if ($p->{margins})
	{
		my @initial = map { (requirements($p, $mark, $_))[1] } 0, 1;
		$value += $goal->{threshold} * ($initial[1] - $initial[0]);
	}
	return ($value, $p->{loses} ? $goal->{threshold} * order_loss($p, $mark) : 0);
}

sub equity
{
	my ($asset, $marks) = @_;
	my $equity = $asset->{balance};
	my $positions = $asset->{positions};
	$equity += $positions->[$_]{net} * $marks->[$_] - $positions->[$_]{cost} for 0 .. $#$positions;
	return $equity;
}

# What one asset adds, at factors of its prices, the low and the high one, and of the marks settled in it.
sub value
{
	my ($asset, $goal, $factors, $marks) = @_;
	my ($low, $high) = @$factors;
	my $equity = equity($asset, $marks);
	my $value = 0;
	my $worth;

	if ($goal->{required})
	{
		my $positions = $asset->{positions};
		for my $n (0 .. $#$positions)
		{
			my ($required, $lost) = contract_value($positions->[$n], $goal, $marks->[$n]);
			$value += $high * ($asset->{requirement_price} * $required + $asset->{high} * $lost);
		}
		$value += $high * $asset->{high} * tiered($asset->{liability_tiers}, -$equity) if $equity < 0 && $goal->{required} & 2;
	}
	if ($equity < 0) { $worth = $asset->{liability_price} * $high * $equity }
	elsif ($asset->{in_value}) { $worth = tiered($asset->{tiers}, $equity * $asset->{price} * $low) }
	else { $worth = $asset->{price} * $low * tiered($asset->{tiers}, $equity) }
	return $goal->{side} * ($value - $goal->{threshold} * $worth);
}

# The equities of an asset at which something bends or jumps.
sub bends
{
	my ($asset, $factors) = @_;
	my $factor = $factors->[0];
	my @bends = (0);
	push @bends, map { -$_ } @{ $asset->{liability_tiers}{from} } if $asset->{liability_tiers};
	my $unit = $asset->{in_value} ? $asset->{price} * $factor : 1;
	push @bends, map { $_ / $unit } @{ $asset->{tiers}{from} } if $asset->{tiers} && $unit > 0;
	return @bends;
}

# Where a mark is worth a try, the others being where they are.
sub tries
{
	my ($asset, $box, $factors, $marks, $n) = @_;
	my $position = $asset->{positions}[$n];
	my @tries;

	for my $leg (map { legs($position, $position->{mark}, $_) } 0 .. (@{ $position->{orders} } > 0))
	{
		next if $leg->[0] <= 0 || $position->{by_contracts};
		push @tries, map { ($_ / $leg->[0] * (1 - 1e-15), $_ / $leg->[0] * (1 + 4e-16)) } map { $_ ? @{ $_->{from} } : () } @$position{qw(maintenance initial)};
	}
	push @tries, map { $_->{price} / $position->{mark} } @{ $position->{orders} };
	push @tries, map { $box->{low} + rand() * ($box->{high} - $box->{low}) } 1 .. 2 if @{ $position->{orders} };
	if ($position->{net} != 0)
	{
		my $equity = equity($asset, $marks);
		for my $bend (bends($asset, $factors))
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
	my ($asset, $goal, $box, $factors, $marks) = @_;
	my $best = value($asset, $goal, $factors, $marks);

	for (1 .. PASSES)
	{
		my $before = $best;
		for my $n (0 .. $#$marks)
		{
			for my $try (tries($asset, $box, $factors, $marks, $n))
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
					my $value = value($asset, $goal, $factors, \@marks);
					($best, $marks) = ($value, \@marks) if $value > $best;
				}
			}
		}
		last if $best <= $before;
	}
	return ($best, $marks);
}

# Where prices are worth a try: together, or as far apart as they come without crossing.
sub ends
{
	my ($asset, $box) = @_;
	my ($low, $high) = @$box{qw(low high)};
	my @together = ([ $low, $low ], [ $high, $high ]);
	return @together if $asset->{price} == $asset->{high};
	my $meets = min($high, $low * $asset->{high} / $asset->{price});
	return (@together, [ $low, $high ], [ $meets, $low ], [ $high, max($low, $high * $asset->{price} / $asset->{high}) ]);
}

sub worst_of_asset
{
	my ($asset, $goal, $box) = @_;
	my $count = @{ $asset->{positions} };
	my ($best, $factors, $marks);

	for my $end (ends($asset, $box))
	{
		# all corners where they are few
		my $starts = $count > 3 ? STARTS + 2 : 2**$count;
		for my $start (0 .. $starts - 1)
		{
			my @start = map { $count > 3 && $start > 1 ? (rand() < 0.5) : $count > 3 ? $start : $start >> $_ & 1 } 0 .. $count - 1;
			my ($value, $at) = climb($asset, $goal, $box, $end, [ map { $_ ? $box->{high} : $box->{low} } @start ]);
			($best, $factors, $marks) = ($value, $end, $at) if !defined $best || $value > $best;
		}
	}
	return ($best, $factors, $marks);
}

sub contract_size
{
	my ($p) = @_;
	return $p->{size} * ($p->{mark} * ($p->{long} + $p->{short}) + sum0(map { max($p->{mark}, $_->{price}) * $_->{quantity} } @{ $p->{orders} })) + abs $p->{cost};
}

# All that an account holds and owes, with nothing set against anything.
sub gross
{
	my ($account) = @_;
	my $sum = 0;
	for my $asset (@$account)
	{
		$sum += max(map { abs $_ } @$asset{qw(high liability_price requirement_price)})
		  * (abs($asset->{balance}) + sum0(map { contract_size($_) } @{ $asset->{positions} }));
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
		my ($value, $factors, $marks) = worst_of_asset($asset, $goal, $box);
		$sum += $value;
		$point{ $asset->{id} } = [ map { change($box, $_) } @$factors ];
		$point{ $asset->{positions}[$_]{id} } = [ (change($box, $marks->[$_])) x 2 ] for 0 .. $#$marks;
	}
	return ($side * $sum, \%point);
}

1;
