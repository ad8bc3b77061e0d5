# The library's names are its own, whatever others are loaded.  Modules share one
# namespace: a function called as one of another library would be called in its
# place, or that one in ours (what ours exports: 001_tidy.pl).  Nor does a
# misspelt setting pass for one.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
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

my $node = PostgreSQL::Test::Cluster->new('library');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION margin');

# What C brings for SQL is what SQL has of it, or had in a release that is kept:
# its script may still be the one of a database.
my %declared = map { $_ => 1 } split /\n/, $node->safe_psql('postgres', q{SELECT DISTINCT prosrc FROM pg_proc WHERE probin ~ 'margin$'});
my %former = map { $_ => 1 } map { slurp_file($_) =~ /'MODULE_PATHNAME', '(\w+)'/g } glob("$FindBin::RealBin/../release/*/install.sql");
my %brought = map { /^pg_finfo_(.*)/ ? ($1 => 1) : () } @symbols;
is(join(' ', sort grep { !$declared{$_} && !$former{$_} } keys %brought), '', 'each function for SQL is declared there, or was in an earlier release');
is(join(' ', sort grep { !$brought{$_} } keys %declared, keys %former), '', 'and each that is declared is there');

# ---------------------------------------------------------------------------
# Another module, loaded first, that has functions of the names of ours, and
# those of a JSON library: none of them is called.
# ---------------------------------------------------------------------------

SKIP:
{
	chomp(my $cc = `$ENV{PG_CONFIG} --cc`);
	chomp(my $include = `$ENV{PG_CONFIG} --includedir-server`);
	($cc) = grep { $_ && system("$_ --version >/dev/null 2>&1") == 0 } $cc, 'cc', 'gcc', 'clang';
	skip 'no compiler or no headers of the server here', 3 if !$cc || !-f "$include/postgres.h";

	my %name = map { $_ => 1 } qw(json_true json_false json_null json_string json_object json_array json_integer json_real json_loads json_dumps json_delete);
	for (split /\n/, `nm $directory/margin.so 2>/dev/null`)
	{
		my ($type, $symbol) = (split ' ')[ -2, -1 ];
		$name{$symbol} = 1 if $type eq 't' && $symbol =~ /^[a-z][a-z0-9]\w*$/ && $symbol !~ /^(?:frame_dummy|\w*register_tm_clones|main)$/;
	}
	my $dir = PostgreSQL::Test::Utils::tempdir;
	append_to_file("$dir/magic.c", qq{#include "postgres.h"\n#include "fmgr.h"\nPG_MODULE_MAGIC;\n});
	append_to_file("$dir/names.c", join '', "void abort(void);\n", map { "void *$_(void) { abort(); return 0; }\n" } sort keys %name);
	is(system("$cc -fPIC -shared -w -fno-builtin -I$include -o $dir/other.so $dir/magic.c $dir/names.c >&2"), 0, 'a module with ' . (keys %name) . ' names of ours');

	my $ours = q{
		SELECT '{"assets":{"USDT":{"price":1}},"contracts":{"C":{"settle":"USDT","contract_size":1,"mark":5}}}'::margin.market;
		SELECT margin.evaluate((SELECT margin.portfolio(symbol, quantity, price, NULL) FROM (VALUES ('USDT', 5, NULL), ('C', 1, 4)) AS v (symbol, quantity, price)),
		                       '{"assets":{"USDT":{"price":1,"tiers":"{0: 1}"}},"contracts":{"C":{"settle":"USDT","contract_size":1,"mark":5,"maintenance":"{0: 0.1}"}}}');
		SELECT count(*) FROM margin.explain_text('{"balances": {"USDT": 5}}', '{"assets":{"USDT":{"price":1,"tiers":"{0: 1}"}}}')};
	my ($expected, $got, $err);
	$expected = $node->safe_psql('postgres', $ours);
	(undef, $got, $err) = $node->psql('postgres', "LOAD '$dir/other.so'; LOAD 'margin'; $ours");
	is($got, $expected, 'loaded first, it changes nothing');
	like($got, qr/"settle": ?"USDT"/, 'nor what a market says');
	note($err) if $err;
}

# ---------------------------------------------------------------------------
# Settings
# ---------------------------------------------------------------------------

my ($status, $out, $err) = $node->psql('postgres', q{LOAD 'margin'; SET margin.gard = record});
like($err, qr/ERROR:  invalid configuration parameter name "margin\.gard"/, 'a misspelt setting is an error');
($status, $out, $err) = $node->psql('postgres', q{SET margin.gard = record; LOAD 'margin'});
like($err, qr/WARNING:  invalid configuration parameter name "margin\.gard", removing it/, 'one that was set before is taken away, with a warning');
($status, $out, $err) = $node->psql('postgres', q{LOAD 'margin'; SET margin.guard = record; SHOW margin.guard});
is("$out$err", 'record', 'the right one is none');

$node->stop;
done_testing();
