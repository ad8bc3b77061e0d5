# A short form of "make crash", "make races" and "make soak": all their moving parts,
# for some seconds each.  test/endurance/README.md tells what they are.
#
# MARGIN_SEED repeats what the clients draw, not how they meet.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../endurance", "$FindBin::RealBin/../lib";
use Crash;
use MarginRandom;
use Races;
use Soak;
use Test::More;

my $seed = random_seed();
my $say = sub { note($_[0]) };

my $crash = Crash::run(rounds => 3, accounts => 6, seconds => 1.5, seed => $seed, say => $say);
is(join("\n", @{ $crash->{wrong} }), '', 'crashes: nothing is lost, nothing half-written');
is(join("\n", @{ $crash->{errors} }), '', 'and no client is told an error that it could not expect');
is($crash->{rounds}, 3, 'in three rounds');
is($crash->{recovered}, $crash->{recoveries}, 'each followed by a recovery');

my $races = Races::run(transactions => 150, pauses => 2, seed => $seed, say => $say);
is(join("\n", @{ $races->{wrong} }), '', 'races: every verdict is right, every row, level and sum');
for my $level (@{ $races->{levels} })
{
	cmp_ok($level->{transactions}, '>=', 150, "$level->{isolation}: $level->{transactions} transactions");
	cmp_ok($level->{ticks}, '>=', 2, "$level->{isolation}: $level->{ticks} ticks among them");
}

# so short that nothing can come to rest
my $soak = Soak::run(minutes => 4, minute => 4, verdict => 0, seed => $seed, say => $say);
is(join("\n", @{ $soak->{wrong} }), '', 'a long run, short: no client fails, levels and snapshots are whole');
is(scalar @{ $soak->{minutes} }, 4, 'measured four times');
is(join(', ', grep { !defined $soak->{counts}{$_} } Soak::roles()), '', 'everybody has done something');

# the verdict by itself
is(join("\n", Soak::growing(map { { 'relation flat' => 8e6 + $_ % 2 * 1e5, 'backend saw' => 2e7 + $_ % 3 * 4e5, 'contexts new' => $_ > 1 ? 1e6 : undef } } 1 .. 20)), '', 'what goes up and down is at rest');
like(join("\n", Soak::growing(map { { 'relation leak' => 8e6 + $_ * 1e5, 'backend rest' => 2e7 } } 1 .. 20)), qr/^relation leak grows: by 879 kB in 9 minutes; kB: 8887 8984 [\d ]+ 9766$/, 'what goes up is named');

done_testing();
