# Crashes, races and long runs: what README.md beside it tells.
#
#   perl main.pl crash rounds=200
#   perl main.pl races transactions=10000
#   perl main.pl soak minutes=30

use strict;
use warnings;

use FindBin;
use IO::Handle;
use lib $FindBin::RealBin;
use Crash;
use Endurance;
use MarginRandom;
use Races;
use Soak;

# PostgreSQL::Test::Utils sends standard output to a log of its own.
my $out;
BEGIN { open $out, '>&', \*STDOUT or die "standard output: $!" }
$out->autoflush(1);

my ($what, @given) = @ARGV;
my %options = map { split /=/, $_, 2 } @given;
my $say = sub { print $out "$_[0]\n" };
my $seed = random_seed();
my %run = (
	crash => sub {
		my $report = Crash::run(accounts => 12, seconds => 2.5, seed => $seed, say => $say, %options);
		$say->("$report->{rounds} rounds (" . join(', ', map { "$report->{how}{$_} $_" } sort keys %{ $report->{how} })
			  . "), $report->{lost} lost, $report->{half} half-written, $report->{recovered} recoveries");
		for my $what ('committed', 'interrupted')
		{
			$say->("$what: " . join ', ', map { "$report->{$what}{$_} $_" } sort keys %{ $report->{$what} });
		}
		return (@{ $report->{wrong} }, @{ $report->{errors} });
	},
	races => sub { return @{ Races::run(transactions => 10_000, seed => $seed, say => $say, %options)->{wrong} } },
	soak => sub {
		my $report = Soak::run(minutes => 30, seed => $seed, say => $say, %options);
		$say->("memory contexts of $_: $report->{contexts}{$_}{largest}") for sort keys %{ $report->{contexts} };
		return @{ $report->{wrong} };
	});
die "no such run: $what\n" if !$run{ $what // '' };
my @wrong = eval { $run{$what}->() };
push @wrong, $@ if $@;
print $out "WRONG: $_\n" for @wrong;
exit(@wrong ? 1 : 0);
