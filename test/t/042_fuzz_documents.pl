# Documents that venues might answer, nearly: those of the regression tests with
# values changed, left out, repeated and exchanged among each other.  Each is
# entered, and entered again then changes nothing; or it is refused as input, by
# an SQLSTATE of class 22, and leaves nothing behind.
#
# The same ones in every "make check"; with MARGIN_FUZZ_SECONDS, as "make fuzz" sets
# it, others each time, for so long.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant { BATCH => 20, BATCHES => 10 };

my $seconds = $ENV{MARGIN_FUZZ_SECONDS};
my $seed = $ENV{MARGIN_SEED} // (defined $seconds ? int rand 1_000_000_000 : 1);
note "seed $seed";
srand $seed;

my $json = JSON::PP->new->allow_nonref->canonical->utf8;

# ---------------------------------------------------------------------------
# The documents of the tests
# ---------------------------------------------------------------------------

my @documents;    # entrance, source, what it holds

for my $file (qw(answers accounts))
{
	my $sql = slurp_file("$FindBin::RealBin/../../sql/$file.sql");
	my %variable = $sql =~ /^\\set (\w+) '([\[{][^']*)'$/mg;
	while ($sql =~ /'([a-z]+\.[\w-]+)', (?:'\w+', )?(?::'(\w+)'|'([\[{][^']*)')/g)
	{
		my ($source, $text) = ($1, defined $2 ? $variable{$2} : $3);
		next if !defined $text || $source =~ /^ours\./;
		my $value = eval { $json->decode($text) } // next;
		push @documents, { entrance => $file eq 'answers' ? 'import_answer' : 'import_account', source => $source, value => $value };
	}
}
push @documents, { entrance => 'set_prices', source => '', value => $json->decode($_) }
  for '{"assets": {"BTC": 68000, "USDT": {"price": "1", "low": 0.99, "high": 1.01}}, "contracts": {"BTCUSDT": "68010.5"}, "at": "2026-01-01 00:00:00+00"}',
  '{"assets": {"ETH": "3000"}, "at": 1767225600}';
my %count;
$count{ $_->{entrance} }++ for @documents;
cmp_ok($count{$_} // 0, '>', $_ eq 'set_prices' ? 1 : 15, "$_: $count{$_} documents") for qw(import_answer import_account set_prices);

# ---------------------------------------------------------------------------
# Mutation
# ---------------------------------------------------------------------------

my @odd = ('', ' ', '0', '-1', '1e3', '1e-30', '1e400', '1e200000', 'NaN', '-Infinity', '0x10', '1_000', "\x{e9}", "a'b\"c\\d", '%s', 'x' x 300, '9' x 1200,
	'0.' . '3' x 1100, '1790000000000', '99999999999999999999', '-99999999999999', '2026-02-30', 'infinity', 'BTCUSDT', 'Buy', 'linear', 0, 1, -1, 0.5, 1e300, 100,
	1790000000000, undef, JSON::PP::true, JSON::PP::false, [], {}, [ [] ], [ {} ], { '' => 1 });

sub any_of { return $_[ rand @_ ] }
sub copy { my ($value) = @_; return $json->decode($json->encode($value)) }
# A copy, or a later change would be one of the list, and might put it into itself.
sub odd { return copy(any_of(@odd)) }

# Every place in a document: its container and its key.
sub places
{
	my ($value) = @_;
	my @inside = ref $value eq 'HASH' ? map { [ $value, $_ ] } sort keys %$value : ref $value eq 'ARRAY' ? map { [ $value, $_ ] } 0 .. $#$value : ();
	return map { ($_, places(get($_))) } @inside;
}
sub get { my ($container, $key) = @{ $_[0] }; return ref $container eq 'HASH' ? $container->{$key} : $container->[$key] }

sub set
{
	my ($place, $value) = @_;
	my ($container, $key) = @$place;
	if (ref $container eq 'HASH') { $container->{$key} = $value } else { $container->[$key] = $value }
	return;
}

sub change
{
	my ($document) = @_;
	my @places = places($document) or return odd();
	my $place = any_of(@places);
	my ($container, $key) = @$place;
	my $kind = int rand 8;

	if ($kind == 0) { ref $container eq 'HASH' ? delete $container->{$key} : splice @$container, $key, 1 }
	elsif ($kind == 1) { ref $container eq 'HASH' ? $container->{ any_of(map { $_->[1] } @places) } = copy(get($place)) : splice @$container, $key, 0, copy(get($place)) }
	elsif ($kind == 2) { set($place, copy(get(any_of(@places)))) }
	elsif ($kind == 3) { my $other = copy(any_of(@documents)->{value}); my @theirs = places($other); set($place, get(any_of(@theirs))) if @theirs }
	elsif ($kind == 4 && !ref get($place)) { my $text = get($place) // ''; set($place, rand() < 0.5 ? "$text" : rand() < 0.5 ? "-$text" : $text . any_of(0, '.5', 'e2', ' ')) }
	elsif ($kind == 5 && ref $container eq 'ARRAY') { @$container = reverse @$container }
	else { set($place, odd()) }
	return $document;
}

sub mutated
{
	my ($document) = @_;
	my $value = copy($document->{value});
	$value = change($value) for 1 .. 1 + rand 3;
	my $text = $json->encode($value);
	# now and then what JSON::PP would not write: a repeated key, a cut document
	$text =~ s/\{"(\w+)":/{"$1":null,"$1":/ if rand() < 0.03;
	substr($text, rand length $text) = '' if rand() < 0.02;
	return $text;
}

# ---------------------------------------------------------------------------
# Trying
# ---------------------------------------------------------------------------

my $node = PostgreSQL::Test::Cluster->new('documents');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_wal_size = 2GB\nlog_min_messages = panic");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA world;
	SELECT margin.create_venue('world');
	INSERT INTO world.asset (asset) VALUES ('USDT'), ('ETH'), ('BTC');
	INSERT INTO world.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('ETH', 0, 0.9), ('BTC', 0, 0.9);
	INSERT INTO world.index_price (asset, price) VALUES ('USDT', 1), ('ETH', 3000);
	INSERT INTO world.contract (contract, settle, base, contract_size) VALUES ('ETHUSDT', 'USDT', 'ETH', 1), ('BTCUSDT', 'USDT', 'BTC', 0.01);
	INSERT INTO world.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('ETHUSDT', 0, 0.01, 0.02), ('BTCUSDT', 0, 0.01, 0.02);
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk', 'world', account_type => 'text');

	-- Everything that a document can be entered into, and a sum of its rows.  But for
	-- prices: where a document tells no time, it is of another one when it comes again.
	CREATE FUNCTION stored() RETURNS SETOF text LANGUAGE plpgsql AS $$
	DECLARE
	    t regclass;
	BEGIN
	    FOR t IN SELECT oid FROM pg_class WHERE relnamespace IN ('world'::regnamespace, 'desk'::regnamespace) AND relkind = 'r' AND relname !~ 'price' LOOP
	        RETURN QUERY EXECUTE format('SELECT %L || coalesce(md5(string_agg(t::text, %L ORDER BY t::text)), %L) FROM %s AS t', t || ' ', '|', '-', t);
	    END LOOP;
	END
	$$;

	CREATE FUNCTION entered(entrance text, source text, document text) RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN
	    IF entrance = 'import_answer' THEN
	        RETURN QUERY SELECT format('%s %s %s: %s', kind, symbol, outcome, why) FROM margin.import_answer('world', source, document::jsonb) WHERE outcome IN ('entered', 'changed', 'removed');
	    ELSIF entrance = 'import_account' THEN
	        RETURN QUERY SELECT format('%s %s %s: %s', kind, symbol, outcome, why) FROM margin.import_account('desk', source, 'ann', document::jsonb) WHERE outcome IN ('entered', 'changed', 'removed');
	        PERFORM margin.reconcile('desk', source, 'ann', document::jsonb);
	    ELSE
	        RETURN QUERY SELECT format('%s prices', applied) FROM margin.set_prices('world', document::json, force => true) WHERE applied > 0;
	    END IF;
	END
	$$;

	-- 'taken', an SQLSTATE and message, or "fault: ..." .
	CREATE FUNCTION tried(entrance text, source text, document text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
	    again text;
	    before text[];
	BEGIN
	    PERFORM entered(entrance, source, document);
	    PERFORM world.market();
	    PERFORM FROM desk.account_margin;
	    before := ARRAY(SELECT stored());
	    SELECT string_agg(e, '; ') INTO again FROM entered(entrance, source, document) AS e;
	    IF again IS NOT NULL AND entrance <> 'set_prices' THEN
	        RETURN 'fault: entered again: ' || again;
	    END IF;
	    SELECT string_agg(s, '; ') INTO again FROM stored() AS s WHERE s <> ALL (before);
	    IF again IS NOT NULL AND entrance <> 'set_prices' THEN
	        RETURN 'fault: stored again: ' || again;
	    END IF;
	    RETURN 'taken';
	EXCEPTION WHEN OTHERS THEN
	    RETURN CASE WHEN sqlstate LIKE '22%' THEN '' ELSE 'fault: ' END || sqlstate || ': ' || left(sqlerrm, 200);
	END
	$$});

sub try_all
{
	my (@tries) = @_;
	my $script = join '', map { my $document = $_; 'SELECT regexp_replace(tried(' . join(', ', map { "\$q\$$_\$q\$" } @$document) . "), '\\s+', ' ', 'g');\n" } @tries;
	return split /\n/, $node->safe_psql('postgres', $script);
}

# Some tests name sources that there are not, or are about something else.
my %reader = split /[|\n]/, $node->safe_psql('postgres', 'SELECT source, read_by FROM margin.answer_sources');
@documents = grep { $_->{source} eq '' || ($reader{ $_->{source} } // '') eq $_->{entrance} } @documents;

my @said = try_all(map { [ $_->{entrance}, $_->{source}, $json->encode($_->{value}) ] } @documents);
is((grep { /^fault/ } @said), 0, 'the documents themselves') or diag join "\n", map { $said[$_] =~ /^fault/ ? "$documents[$_]{source}: $said[$_] " . $json->encode($documents[$_]{value}) : () } 0 .. $#said;
cmp_ok(scalar(grep { $_ eq 'taken' } @said), '>', @documents / 2, 'most are taken');

my (%tried, %taken, @faults);
my $end = time + ($seconds // 0);
for (my $batch = 0; (defined $seconds ? time < $end : $batch < BATCHES) && @faults < 5; $batch++)
{
	my @tries = map { my $document = any_of(@documents); [ $document->{entrance}, $document->{source}, mutated($document) ] } 1 .. BATCH;
	my @answers = try_all(@tries);
	push @faults, 'as many answers as documents: ' . @answers if @answers != @tries;
	for my $i (0 .. $#answers)
	{
		$tried{ $tries[$i][0] }++;
		$taken{ $tries[$i][0] }++ if $answers[$i] eq 'taken';
		push @faults, "$answers[$i]\n  $tries[$i][0] $tries[$i][1] $tries[$i][2]" if $answers[$i] =~ /^fault/;
	}
}
is(@faults, 0, 'no document breaks the rules') or diag join "\n", splice @faults, 0, 5;
note "with that seed: " . join ', ', map { "$_ $tried{$_} documents, " . ($taken{$_} // 0) . ' taken' } sort keys %tried;
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

$node->stop;
done_testing();
