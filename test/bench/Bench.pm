# What the benchmarks share: a server, databases with the data set, medians, and
# a table of ratios with their targets.

package Bench;

use strict;
use warnings;

use Cwd 'abs_path';
use Exporter 'import';
use File::Basename 'dirname';
use File::Temp 'tempdir';

our @EXPORT = qw($here $scratch $server command psql load file median report_ratios);
our $here = dirname(abs_path(__FILE__));
our $scratch = tempdir('margin-bench-XXXXXX', TMPDIR => 1, CLEANUP => 1);
our $server;

chmod 0755, $scratch;
$| = 1;
$ENV{PGOPTIONS} = '-c client_min_messages=warning';

# Uses the server that PGHOST names, or else one of its own, removed at the end.
if (!$ENV{PGHOST}) {
    $server = "$scratch/server";
    system("$here/../server", 'start', $server, 'shared_buffers=1GB', 'max_wal_size=8GB',
        'autovacuum=off') == 0 or exit 1;
    for (`$here/../server env $server`) {
        $ENV{$1} = $2 if /^export (\w+)='(.*)'$/;
    }
}
my $runner = $$;
END { local $?; system("$here/../server", 'remove', $server) if $server && $$ == $runner }
$SIG{INT} = $SIG{TERM} = sub { exit 130 };

sub command { system(@_) == 0 or die "failed: @_\n" }

# Output lines of psql; an error ends the run.
sub psql {
    my ($database, $script, @options) = @_;
    open my $file, '>', "$scratch/script.sql" or die $!;
    print $file $script;
    close $file;
    open my $out, '-|', 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', @options, '-d', $database, '-f', "$scratch/script.sql" or die $!;
    my @lines = <$out>;
    close $out or die "psql failed\n";
    chomp @lines;
    return @lines;
}

sub load {
    my ($database, $accounts, $copies) = @_;
    command('dropdb', '--if-exists', $database);
    command('createdb', $database);
    psql($database, 'CREATE EXTENSION margin');
    command('psql', '-Xq', '-d', $database, '-v', "accounts=$accounts", '-v', "copies=$copies", '-f', "$here/data.sql");
}

sub file { local (@ARGV, $/) = ("$here/$_[0]"); return <> }

# Of an even number, the mean of the two in the middle.
sub median { my @sorted = sort { $a <=> $b } @_; return ($sorted[$#sorted / 2] + $sorted[@sorted / 2]) / 2 }

# Prints ratios of medians, each [what, numerator, denominator, bound, target] of
# keys of times; says how many targets were missed.
sub report_ratios {
    my ($times, @ratios) = @_;
    my $missed = 0;
    printf "\n%-58s %8s  %s\n", 'ratio of medians', '', 'target';
    for (@ratios) {
        my ($what, $numerator, $denominator, $bound, $target) = @$_;
        next unless $times->{$numerator} && $times->{$denominator};
        my $ratio = median(@{ $times->{$numerator} }) / median(@{ $times->{$denominator} });
        my $verdict = '';
        if ($bound) {
            my $met = $bound eq '>=' ? $ratio >= $target : $ratio <= $target;
            $missed++ unless $met;
            $verdict = "$bound $target  " . ($met ? 'ok' : 'MISSED');
        }
        printf "%-58s %8.*f  %s\n", $what, $ratio < 0.1 ? 4 : 2, $ratio, $verdict;
    }
    print "$missed targets missed\n" if $missed;
    return;
}

1;
