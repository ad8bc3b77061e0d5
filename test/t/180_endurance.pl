# A short form of "make crash" and "make races": all their moving parts,
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

done_testing();
