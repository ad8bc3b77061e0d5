# Hostile bytes at the binary entrances of schedule, portfolio and market:
# each is refused for a stated reason or taken for a value in canonical form,
# the server goes on, and its memory stays in proportion to what was sent.
#
# Thousands of byte strings go in as binary parameters, by a few lines of the
# frontend protocol; some again through COPY ... (FORMAT binary).

use strict;
use warnings;

use Encode;
use List::Util qw(any sum uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	WIRE_VERSION => 1,
	BATCH => 200,              # messages sent before answers are read
	MOST_MEMORY => 300_000,    # kB a backend may have held at any time
};

my $node = PostgreSQL::Test::Cluster->new('hostile');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\nlog_min_messages = log");
$node->start;
plan skip_all => 'no raw connections here' unless $node->raw_connect_works;

$node->safe_psql('postgres', 'CREATE EXTENSION margin');
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $postmaster = (split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0];

my @types = qw(schedule portfolio market);

# ---------------------------------------------------------------------------
# Protocol
# ---------------------------------------------------------------------------

sub message { my ($kind, $body) = @_; return $kind . pack('N', 4 + length $body) . $body }

sub receive_bytes
{
	my ($session, $count) = @_;
	while (length $session->{buffer} < $count)
	{
		sysread($session->{socket}, $session->{buffer}, 65536, length $session->{buffer})
		  or die 'the server closed the connection';
	}
	return substr $session->{buffer}, 0, $count, '';
}

sub receive_message
{
	my ($session) = @_;
	my ($kind, $length) = unpack 'aN', receive_bytes($session, 5);
	return ($kind, receive_bytes($session, $length - 4));
}

sub send_bytes
{
	my ($session, $bytes) = @_;
	my $sent = 0;
	while ($sent < length $bytes)
	{
		$sent += syswrite($session->{socket}, $bytes, 1 << 20, $sent) // die "cannot send: $!";
	}
	return;
}

# Reads up to the next ReadyForQuery.  Returns the SQLSTATE or '', and the
# fields of the last row.
sub receive_answer
{
	my ($session) = @_;
	my ($state, @row) = ('');
	while (1)
	{
		my ($kind, $body) = receive_message($session);
		if ($kind eq 'E')
		{
			my %field = map { substr($_, 0, 1) => substr($_, 1) } grep { length } split /\0/, $body;
			$state = $field{C};
			$session->{error} = $field{M};
			die "$field{S}: $field{M}" if $field{S} eq 'FATAL';
		}
		elsif ($kind eq 'D')
		{
			@row = ();
			my $rest = substr $body, 2;
			for (1 .. unpack 'n', $body)
			{
				my $length = unpack 'l>', substr $rest, 0, 4, '';
				push @row, $length < 0 ? undef : substr $rest, 0, $length, '';
			}
		}
		elsif ($kind eq 'K')
		{
			$session->{pid} = unpack 'N', $body;
		}
		return ($state, @row) if $kind eq 'Z';
	}
}

# One prepared statement for each type: its text, whether the text reads back
# to an equal value of the same text, and its bytes.
sub connect_raw
{
	my ($encoding) = @_;
	my $session = { socket => $node->raw_connect, buffer => '' };
	my $startup = pack 'N', 196608;
	$startup .= "$_\0" for user => $user, database => 'postgres', client_encoding => $encoding, search_path => 'margin', '';
	send_bytes($session, pack('N', 4 + length $startup) . $startup);
	receive_answer($session);
	for my $type (@types)
	{
		my $query = "SELECT v::text, (v::text)::$type = v AND (v::text)::$type\::text = v::text, ${type}_send(v)"
		  . " FROM (SELECT \$1::$type AS v OFFSET 0) AS received";
		send_bytes($session, message('P', "$type\0$query\0" . pack 'n', 0) . message('S', ''));
		my ($state) = receive_answer($session);
		die "cannot prepare: $session->{error}" if $state ne '';
	}
	return $session;
}

# Sends each byte string as a parameter; returns answers.  Results are text
# but for the last, which is binary.
sub receive_all
{
	my ($session, $type, @values) = @_;
	my @answers;
	while (my @batch = splice @values, 0, BATCH)
	{
		# A server that waits for us to read cannot read what we send.
		my @parts = sum(map { length } @batch) < 100_000 ? \@batch : map { [$_] } @batch;
		for my $part (@parts)
		{
			send_bytes($session, join '', map {
				message('B', "\0$type\0" . pack('nnnN', 1, 1, 1, length) . $_ . pack('nnnn', 3, 0, 0, 1))
				  . message('E', "\0" . pack 'N', 0)
				  . message('S', '') } @$part);
			push @answers, [ receive_answer($session) ] for @$part;
		}
	}
	return @answers;
}

# The most memory that a session's backend has held, kB.
sub peak
{
	my ($session) = @_;
	open my $status, '<', "/proc/$session->{pid}/status" or return undef;
	return (grep { /^VmHWM/ } <$status>)[0] =~ s/\D//gr;
}

# How an answer breaks the rules, '' if it does not.
sub fault
{
	my ($state, $text, $same, $sent) = @{ $_[0] };
	return $state =~ /^(?:22|54)/ ? '' : "SQLSTATE $state" if $state ne '';
	return "no round trip of $text" if $same ne 't';
	return "sent as something else than $text" if $sent ne chr(WIRE_VERSION) . $text;
	return '';
}

# Names of the cases whose answers break the rules, the first few.
sub faults
{
	my ($names, $answers) = @_;
	my @faulty = map { my $fault = fault($answers->[$_]); $fault ne '' ? "$names->[$_]: $fault" : () } 0 .. $#$answers;
	return join "\n", splice @faulty, 0, 5;
}

# ---------------------------------------------------------------------------
# Values
# ---------------------------------------------------------------------------

# In canonical form.
my %good = (
	schedule => [
		'{0: 0}', '{0: 0.975, 1: 0.97, 5: 0}', 'whole {0: 0.004, 50000: 0.005}',
		'{0: ' . '9' x 1000 . '.' . '7' x 1000 . '}',
		'{' . join(', ', map { "$_: 0.$_" . '1' } 0 .. 999) . '}' ],
	portfolio => [
		'{}', '{"balances": {"BTC": 1.5, "USDT": -20000}}',
		'{"balances": {"a\"b\\\\c\nd\u0001": 1, "é数": -' . '9' x 1000 . '.' . '7' x 1000 . '}, "positions": {'
		  . '"P": {"long": 3, "long_cost": 195000, "long_margin": 0.3}, "' . 'x' x 255 . '": {"short": 1, "short_cost": 66000}}}',
		'{"balances": {' . join(', ', map { sprintf '"S%04d": %d', $_, $_ + 1 } 0 .. 4999) . '}}' ],
	market => [
		'{}', '{"levels": {"liquidation": 7, "margin_call": 0.9, "warning": 0.123456789012345678901234567890123456789}}',
		'{"assets": {"BTC": {"liability_maintenance": "whole {0: 0.1, 7: 0.2}", "liability_weight": 1.25, '
		  . '"price": 68000, "requirement_weight": 0.5, "tier_unit": "value", "tiers": "{0: 0.975, 1: 0.97}"}, "é数": {}}, '
		  . '"contracts": {"BTC_USDT": {"base": "BTC", "closing_fee": 0.0005, "contract_size": 0.0001, "initial": "whole {0: 0.01}", "maintenance": "{0: 0.004}", '
		  . '"mark": 68010.5, "netting": "larger", "settle": "USDT"}}}' ]);

my $session = connect_raw('UTF8');

for my $type (@types)
{
	my @answers = receive_all($session, $type, map { chr(WIRE_VERSION) . $_ } @{ $good{$type} });
	is(faults($good{$type}, \@answers), '', "$type: good values are taken");
	is_deeply([ map { $_->[1] } @answers ], $good{$type}, "$type: and are what was sent");
}
my $calm = peak($session);

# Arrays and rows wrap the same bytes.
$node->safe_psql('postgres', 'CREATE TABLE good (s margin.schedule, p margin.portfolio[], m margin.asset_terms, c margin.contract_terms[], v margin.valuation, market margin.market)');
$node->safe_psql('postgres', q{
	INSERT INTO good
	SELECT '{0: 1}', ARRAY['{}', p, NULL], a, ARRAY(SELECT margin.contracts(m)), margin.evaluate(p, m), m
	  FROM (VALUES ('{"balances": {"BTC": 2, "é": 0.1}}'::margin.portfolio, $1::margin.market)) AS x (p, m), margin.assets(m) AS a}
	=~ s/\$1/'$good{market}[2]'/r);
my $directory = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "COPY good TO '$directory/good' (FORMAT binary); CREATE TABLE again (LIKE good); COPY again FROM '$directory/good' (FORMAT binary)");
is($node->safe_psql('postgres', 'SELECT count(*), count(DISTINCT g::text) FROM good AS g JOIN again AS a ON (g.*)::text = (a.*)::text AND g.s OPERATOR(margin.=) a.s AND g.p = a.p AND g.market OPERATOR(margin.=) a.market'),
	'2|2', 'arrays and composites of them go through COPY and come back');

# Another client encoding: what is sent is converted both ways.
{
	my $latin = connect_raw('LATIN1');
	my $text = encode('latin1', decode('utf8', '{"balances": {"é": 1}}'));
	my ($answer) = receive_all($latin, 'portfolio', chr(WIRE_VERSION) . $text);
	is_deeply([ @$answer[ 0, 1, 2 ] ], [ '', $text, 't' ], 'LATIN1 is converted');
}

# ---------------------------------------------------------------------------
# Every truncation and every single-byte corruption of a good value
# ---------------------------------------------------------------------------

my %victim = (
	schedule => 'whole {0: 0.4, 50: 0.5, 1e3: 7}',
	portfolio => '{"balances": {"é": -1.5}, "positions": {"P": {"long": 3, "long_cost": 19e4, "long_margin": 0.3}}}',
	market => '{"assets": {"A": {"price": 68, "tiers": "{0: 0.9, 1: 0.8}", "tier_unit": "value"}}, "levels": {"warning": 0.6}, '
	  . '"contracts": {"C": {"settle": "A", "contract_size": 1, "netting": "net", "maintenance": "whole {0: 0.1}"}}}');

for my $type (@types)
{
	my $value = chr(WIRE_VERSION) . $victim{$type};
	my @answers = receive_all($session, $type, $value);
	is(fault($answers[0]), '', "$type: the value to be corrupted is good");

	my @cut = map { substr $value, 0, $_ } 0 .. length($value) - 1;
	@answers = receive_all($session, $type, @cut);
	is(faults([ map { "first $_ bytes" } 0 .. $#cut ], \@answers), '', "$type: no truncation breaks the rules");
	is((grep { $_->[0] eq '' } @answers), 0, "$type: all " . @cut . ' truncations are refused');

	my (@names, @corrupted);
	for my $position (0 .. length($value) - 1)
	{
		for my $byte (0 .. 255)
		{
			next if $byte == ord substr $value, $position, 1;
			push @corrupted, $value;
			substr $corrupted[-1], $position, 1, chr $byte;
			push @names, sprintf 'byte %d set to 0x%02x', $position, $byte;
		}
	}
	@answers = receive_all($session, $type, @corrupted);
	is(@answers, 255 * length $value, "$type: " . @answers . ' single-byte corruptions');
	is(faults(\@names, \@answers), '', "$type: no corruption breaks the rules");
	is((grep { $_->[0] eq '' } @answers[ 0 .. 254 ]), 0, "$type: another version is refused");
	is(join(' ', uniq map { $_->[0] } @answers[ 0 .. 254 ]), '22P03', "$type: as such");
	my @zero = grep { $corrupted[$_] =~ /\0/ } 255 .. $#answers;
	is((grep { $answers[$_][0] !~ /^22/ } @zero), 0, "$type: a zero byte is refused anywhere");
	my @accepted = uniq sort map { $_->[1] } grep { $_->[0] eq '' } @answers;
	cmp_ok(scalar @accepted, '>', 100, "$type: " . @accepted . ' different values were made by corruption');

	# What was accepted is a value like any other.
	@answers = receive_all($session, $type, map { chr(WIRE_VERSION) . $_ } @accepted);
	is(faults(\@accepted, \@answers), '', "$type: they are received");
	is((grep { $answers[$_][0] ne '' || $answers[$_][1] ne $accepted[$_] } 0 .. $#accepted), 0, "$type: as themselves");
}

# ---------------------------------------------------------------------------
# Made to measure
# ---------------------------------------------------------------------------

my $million = 1_000_000;
my $long_number = '7' x $million;
my $balances = join ',', map { "\"$_\":1" } 1 .. $million / 10;
my $tiers = join ', ', map { "$_: 1" } 0 .. $million;

# name, SQLSTATEs that may be (none: accepted), values by type
my @crafted = (
	[ 'nothing', ['22P03'], map { $_ => '' } @types ],
	[ 'version only', ['22P02'], map { $_ => "\1" } @types ],
	[ 'text without a version', ['22P03'], map { $_ => $victim{$_} } @types ],
	[ 'a future version', ['22P03'], map { $_ => "\2$victim{$_}" } @types ],
	[ 'version twice', ['22P02', '22023'], map { $_ => "\1\1$victim{$_}" } @types ],
	[ 'a zero byte at the end', ['22021'], map { $_ => "\1$victim{$_}\0" } @types ],
	[ 'a zero byte and rubbish', ['22021'], map { $_ => "\1$victim{$_}\0rubbish" } @types ],
	[ 'bytes that are no UTF-8', ['22021'], map { $_ => "\1\xff\xfe\xfd" } @types ],
	[ 'a cut UTF-8 character at the end', ['22021'], map { $_ => "\1$victim{$_}\xc3" } @types ],
	[ 'an overlong character', ['22021'], portfolio => "\1{\"balances\": {\"\xc0\x80\": 1}}", schedule => "\1{0: \xc0\xb1}", market => "\1{\"assets\": {\"\xc0\xaf\": {}}}" ],
	[ 'a surrogate', ['22021'], portfolio => "\1{\"balances\": {\"\xed\xa0\x80\": 1}}" ],
	[ 'an escaped surrogate', ['22P02', '22P05'], portfolio => "\1" . '{"balances": {"\ud800": 1}}', market => "\1" . '{"assets": {"\udc00": {}}}' ],
	[ 'an escaped zero', ['22P05'], portfolio => "\1" . '{"balances": {"\u0000": 1}}', market => "\1" . '{"assets": {"\u0000": {}}}' ],
	[ 'rubbish after the end', ['22P02'], map { $_ => "\1$victim{$_} $victim{$_}" } @types ],
	[ 'repeated symbols', ['22P02'], portfolio => "\1" . '{"balances": {"B": 1, "A": 1, "B": 1}}', market => "\1" . '{"assets": {"B": {}, "A": {}, "B": {}}}' ],
	[ 'a symbol repeated in another spelling', ['22P02'], portfolio => "\1" . '{"balances": {"A": 1, "\u0041": 1}}', market => "\1" . '{"assets": {"A": {}, "\u0041": {}}}' ],
	[ 'repeated keys', ['22P02'], portfolio => "\1" . '{"balances": {}, "balances": {}}', market => "\1" . '{"levels": {"warning": 0.5, "warning": 0.5}}' ],
	[ 'unknown keys', ['22P02'], portfolio => "\1" . '{"balance": {}}', market => "\1" . '{"assets": {"A": {"prices": 1}}}' ],
	[ 'unsorted symbols', [], portfolio => "\1" . '{"positions": {"b": {"long": 1}, "a": {"long": 1}}, "balances": {"b": 1, "B": 1, "a": 1}}',
		market => "\1" . '{"levels": {}, "assets": {"b": {}, "a": {}}}' ],
	[ 'an empty symbol', ['22023'], portfolio => "\1" . '{"balances": {"": 1}}', market => "\1" . '{"contracts": {"": {"settle": "A", "contract_size": 1}}}' ],
	[ 'a symbol of 256 bytes', ['22023'], portfolio => "\1" . '{"balances": {"' . 'é' x 128 . '": 1}}', market => "\1" . '{"assets": {"' . 'é' x 128 . '": {}}}' ],
	[ 'a symbol of a million bytes', ['22023'], portfolio => "\1" . "{\"balances\": {\"$long_number\": 1}}", market => "\1" . "{\"assets\": {\"$long_number\": {}}}" ],
	(map { my $number = $_; [ "the number " . substr($number, 0, 20), ['22P02', '22003', '22023'],
		schedule => "\1{0: $number}", portfolio => "\1{\"balances\": {\"A\": $number}}", market => "\1{\"assets\": {\"A\": {\"price\": $number}}}" ] }
		'NaN', 'nan', 'Infinity', '-Infinity', 'inf', '""', '"1"', 'null', '1e-20000', '1e2147483648', '-1e-99999999999999999999',
		$long_number, "0.$long_number", "1e$long_number", '--1', '.', '0x1', '1_0', ' ', '١'),
	(map { my $number = $_; [ 'more digits than a row may have in ' . substr($number, 0, 20), ['22003'],
		schedule => "\1{0: $number}", market => "\1{\"assets\": {\"A\": {\"price\": $number}}}" ] }
		'1e1000', '1e-1001', '1' . '0' x 1000),
	[ 'a negative rate', ['22023'], schedule => "\1{0: -0.1}", market => "\1" . '{"assets": {"A": {"tiers": "{0: -0.1}"}}}' ],
	[ 'unsorted bounds', ['22023'], schedule => "\1{0: 1, 2: 1, 1: 1}", market => "\1" . '{"assets": {"A": {"tiers": "{0: 1, 2: 1, 1: 1}"}}}' ],
	[ 'repeated bounds', ['22023'], schedule => "\1{0: 1, 0.0: 1}", market => "\1" . '{"assets": {"A": {"tiers": "{0: 1, 0.0: 1}"}}}' ],
	[ 'no bound of 0', ['22023'], schedule => "\1{1: 1}", market => "\1" . '{"assets": {"A": {"tiers": "{1: 1}"}}}' ],
	[ 'no tier', ['22P02'], schedule => "\1{}", market => "\1" . '{"assets": {"A": {"tiers": "{}"}}}' ],
	[ 'rising ratios', ['22023'], market => "\1" . '{"assets": {"A": {"tiers": "{0: 0.5, 1: 0.6}"}}}' ],
	[ 'a cost without a quantity', ['22023'], portfolio => "\1" . '{"positions": {"P": {"long_cost": 1}}}' ],
	[ 'a negative quantity', ['22023'], portfolio => "\1" . '{"positions": {"P": {"long": -1}}}' ],
	[ 'levels out of order', ['22023'], market => "\1" . '{"levels": {"warning": 0.9}}' ],
	[ 'a mark of 0', ['22023'], market => "\1" . '{"contracts": {"C": {"settle": "A", "contract_size": 1, "mark": 0}}}' ],
	[ '1,001 tiers', ['54000'], schedule => "\1{" . join(', ', map { "$_: 1" } 0 .. 1000) . '}',
		market => "\1" . '{"assets": {"A": {"tiers": "{' . join(', ', map { "$_: 1" } 0 .. 1000) . '}"}}}' ],
	[ 'a million tiers', ['54000'], schedule => "\1{$tiers}", market => "\1" . "{\"assets\": {\"A\": {\"tiers\": \"{$tiers}\"}}}" ],
	(map { my ($open) = $_; [ 'a million times ' . $open, ['22P02'],
		(map { $_ => "\1" . $open x $million } @types) ] } '[', '{', '{"a":', '"', '\\', ',', ' ', '{"balances":', '{"assets":', '(', '{0:'),
	[ 'a million brackets inside', ['22P02'], portfolio => "\1" . '{"balances": {"A": ' . '[' x $million, market => "\1" . '{"assets": {"A": {"price": ' . '[' x $million ],
	[ 'a million objects inside', ['22P02'], portfolio => "\1" . '{"positions": {"A": ' . '{"long": ' x $million, market => "\1" . '{"contracts": {"A": ' . '{"contract_size": ' x $million ],
	[ 'a million brackets in a string', ['22P02'], market => "\1" . '{"assets": {"A": {"tiers": "' . '{' x $million . '"}}}' ],
	[ 'many repeated symbols', ['22P02'], portfolio => "\1" . '{"balances": {' . join(',', $balances, $balances) . '}}' ],
	[ 'many symbols', [], portfolio => "\1" . '{"balances": {' . $balances . '}}', market => "\1" . '{"assets": {' . $balances =~ s/:1/:{}/gr . '}}' ],
	[ 'ten million blanks', ['22P02'], map { $_ => "\1" . ' ' x 10_000_000 } @types ],
	[ 'ten million blanks around a value', [], map { $_ => "\1" . ' ' x 10_000_000 . $victim{$_} } @types ]);

for my $case (@crafted)
{
	my ($name, $states, %values) = @$case;
	for my $type (grep { exists $values{$_} } @types)
	{
		my ($answer) = receive_all($session, $type, $values{$type});
		my $state = $answer->[0];
		is(fault($answer), '', "$type, $name: follows the rules");
		ok(@$states ? (any { $_ eq $state } @$states) : $state eq '', "$type, $name: " . ($state eq '' ? 'accepted' : $state))
		  or diag $session->{error} // '';
	}
}

my ($answer) = receive_all($session, 'schedule', "\1{0: 1}");
is($answer->[1], '{0: 1}', 'the session goes on');

SKIP:
{
	skip 'no /proc', 1 unless defined $calm;
	note "peak memory $calm kB, then " . peak($session) . ' kB';
	cmp_ok(peak($session), '<', MOST_MEMORY, 'memory stays bounded');
}

# ---------------------------------------------------------------------------
# COPY
# ---------------------------------------------------------------------------

# The file of one row with one field; a length that is not the field's may be given.
sub copy_file
{
	my ($value, $length) = @_;
	return "PGCOPY\n\xff\r\n\0" . pack('NN', 0, 0) . pack('nN', 1, $length // length $value) . $value . pack('n', 65535);
}

$node->safe_psql('postgres', join ';', map { "CREATE TABLE copied_$_ (v margin.$_)" } @types);
$node->safe_psql('postgres', q{
	-- What COPY says of a file: an SQLSTATE, or "accepted" and the text.
	CREATE FUNCTION copied(type text, path text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
	    said text;
	BEGIN
	    EXECUTE format('DELETE FROM copied_%s', type);
	    EXECUTE format('COPY copied_%s FROM %L (FORMAT binary)', type, path);
	    EXECUTE format('SELECT CASE WHEN v IS NULL THEN %2$L WHEN v = v::text::margin.%1$s THEN v::text ELSE %3$L END FROM copied_%1$s',
	                   type, 'null', 'differs') INTO said;
	    RETURN 'accepted ' || said;
	EXCEPTION WHEN OTHERS THEN
	    RETURN sqlstate;
	END
	$$;
	ALTER FUNCTION copied SET search_path = margin, public});

my @copies;    # type, name, file, what is expected

sub add_copy
{
	my ($type, $name, $file, $expected) = @_;
	my $path = "$directory/" . @copies;
	open my $out, '>:raw', $path or die "$path: $!";
	print $out $file;
	close $out or die "$path: $!";
	push @copies, { type => $type, name => $name, path => $path, expected => $expected };
	return;
}

for my $type (@types)
{
	my $value = "\1$victim{$type}";
	my $length = length $value;
	add_copy($type, 'a good value', copy_file($value), qr/^accepted [{w]/);
	add_copy($type, 'a canonical value', copy_file("\1$_"), qr/^accepted \Q$_\E$/) for $good{$type}[1];
	add_copy($type, 'an empty field', copy_file(''), qr/^22P03$/);
	add_copy($type, 'null', "PGCOPY\n\xff\r\n\0" . pack('NNnNn', 0, 0, 1, 0xffffffff, 65535), qr/^accepted null$/);
	add_copy($type, "a length that is off by $_", copy_file($value, $length + $_), qr/^22/) for -$length, -2, -1, 1, 2;
	add_copy($type, "a length of $_", copy_file($value, $_), qr/^(?:22|54)/) for 0x7fffffff, 0x7ffffff0, 0x40000000, 0x10000000, 0x80000000, 0xfffffffe;
	add_copy($type, "file cut after $_ bytes", substr(copy_file($value), 0, $_), qr/^22/) for 21 .. length(copy_file($value)) - 3;
	add_copy($type, 'a zero byte', copy_file("\1$victim{$type}\0"), qr/^22021$/);
	add_copy($type, 'no UTF-8', copy_file("\1\xff"), qr/^22021$/);
	add_copy($type, 'another version', copy_file("\2$victim{$type}"), qr/^22P03$/);
	add_copy($type, 'two fields', "PGCOPY\n\xff\r\n\0" . pack('NNn', 0, 0, 2) . (pack('N', $length) . $value) x 2 . pack('n', 65535), qr/^22P04$/);
}
for my $case (@crafted)
{
	my ($name, $states, %values) = @$case;
	for my $type (sort keys %values)
	{
		next if length $values{$type} > 3 * $million;
		add_copy($type, $name, copy_file($values{$type}), @$states ? qr/^(?:@{[ join '|', @$states ]})$/ : qr/^accepted/);
	}
}

# All in one backend, which then tells its peak memory.
my @said = split /\n/, $node->safe_psql('postgres', join "\n",
	(map { "SELECT left(copied('$_->{type}', '$_->{path}'), 500);" } @copies),
	"SELECT substring(pg_read_file('/proc/self/status') FROM 'VmHWM:\\s+(\\d+)');");
is(@said, @copies + 1, @copies . ' files were copied');
is(join("\n", map { $said[$_] =~ $copies[$_]{expected} ? () : "$copies[$_]{type}, $copies[$_]{name}: $said[$_]" } 0 .. $#copies),
	'', 'COPY refuses and accepts what it should');
cmp_ok($said[-1], '<', MOST_MEMORY, 'and its memory stays bounded') or diag "$said[-1] kB";

# ---------------------------------------------------------------------------
# The server
# ---------------------------------------------------------------------------

is((split /\n/, slurp_file($node->data_dir . '/postmaster.pid'))[0], $postmaster, 'the postmaster is the same');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE pid = $session->{pid}"), 1, 'the session of all those parameters is the same');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP|server process .* exited/, 'nothing crashed');

$node->stop;
done_testing();
