# What the fuzzer has found worth keeping goes in again, and some of what can be
# made of it: every input is refused for a stated reason or is a value that reads
# and writes as itself.  test/fuzz/run goes on from here, guided by coverage.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $fuzz = "$FindBin::RealBin/../fuzz";
my $module = PostgreSQL::Test::Utils::tempdir . '/fuzz.so';
# the same inputs in every "make check"; the fuzzer tries others
my $seed = $ENV{MARGIN_SEED} // 1;
note "seed $seed";

# The harness is a module for the server: it needs a compiler, as an extension does.
chomp(my $cc = `$ENV{PG_CONFIG} --cc`);
plan skip_all => 'no compiler here' if system("$cc --version >/dev/null 2>&1") != 0;
{
	local $ENV{CC} = $cc;
	is(system("$fuzz/run", 'module', $module), 0, 'the harness is built');
}

my $node = PostgreSQL::Test::Cluster->new('fuzz');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'max_wal_size = 2GB');
$node->start;
$node->safe_psql('postgres', qq{
	CREATE EXTENSION margin;
	CREATE FUNCTION fuzz_input(entrance text, input bytea) RETURNS text LANGUAGE C STRICT AS '$module';
	CREATE FUNCTION fuzz_mutated(entrance text, input bytea, seed integer) RETURNS bytea LANGUAGE C STRICT AS '$module';
	CREATE TABLE corpus (entrance text, n serial, input bytea)});

for my $path (sort glob "$fuzz/corpus/*")
{
	my ($entrance) = $path =~ m{([^/]+)$};
	my @inputs = map { unpack 'H*', s/\\x([0-9a-f]{2})/chr hex $1/ger } split /\n/, slurp_file($path);
	$node->safe_psql('postgres', "INSERT INTO corpus (entrance, input) VALUES " . join ', ', map { "('$entrance', '\\x$_')" } @inputs);

	# A fault ends the server, and with it the question.
	my $replayed = $node->safe_psql('postgres', "SELECT count(*), count(*) FILTER (WHERE said = 'taken'), string_agg(DISTINCT said, ' ' ORDER BY said)
		FROM (SELECT fuzz_input(entrance, input) AS said FROM corpus WHERE entrance = '$entrance') AS replayed");
	my ($count, $taken, $said) = split /\|/, $replayed;
	is($count, @inputs, "$entrance: $count inputs again, $taken of them values");
	cmp_ok($taken, '>', 0, "$entrance: some are taken");
	like($said, qr/22|XX001/, "$entrance: some are refused: $said");

	# A walk: each input is made of the one before, or of a line of the corpus.
	my ($made, $valid) = split /\|/, $node->safe_psql('postgres', "
		WITH RECURSIVE walk AS (
			SELECT 0 AS n, input, '' AS said FROM corpus WHERE entrance = '$entrance' AND n = (SELECT min(n) FROM corpus WHERE entrance = '$entrance')
			UNION ALL
			SELECT n + 1, made.input, fuzz_input('$entrance', made.input)
			  FROM walk, LATERAL (SELECT fuzz_mutated('$entrance', CASE WHEN n % 7 = 0 OR length(walk.input) > 4000 THEN
			                             (SELECT c.input FROM corpus AS c WHERE entrance = '$entrance' ORDER BY md5((n + walk.n + $seed)::text) LIMIT 1) ELSE walk.input END,
			                             ((n * 7919::bigint + $seed) % 2147483647)::integer) AS input) AS made
			 WHERE n < 5000)
		SELECT count(*), count(*) FILTER (WHERE said = 'taken') FROM walk WHERE n > 0");
	is($made, 5000, "$entrance: 5000 inputs made of these, $valid of them values");
}

is($node->safe_psql('postgres', "SELECT margin.apply('{0: 1}', 2)"), 2, 'the server is as it was');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

$node->stop;
done_testing();
