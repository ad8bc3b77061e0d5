# The library exports names of its own only.  Modules share one namespace: a
# function called as one of another library would be called in its place, or
# that one in ours.

use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

my $directory = `pg_config --pkglibdir`;
chomp $directory;
# the server beside which the tests run may have been copied
my ($bin) = grep { -x "$_/postgres" } split /:/, $ENV{PATH};
$directory = `$bin/pg_config --pkglibdir` if defined $bin && -x "$bin/pg_config";
chomp $directory;

plan skip_all => 'no nm here' if system('nm --version >/dev/null 2>&1') != 0;

my @symbols = map { (split ' ')[2] } split /\n/, `nm --dynamic --defined-only $directory/margin.so`;
cmp_ok(scalar @symbols, '>', 50, @symbols . ' symbols are exported');
is(join(' ', grep { !/^(?:pg_finfo_)?margin_/ && !/^(?:_PG_init|Pg_magic_func)$/ } @symbols), '', 'all are called margin_... or what the server looks for');

done_testing();
