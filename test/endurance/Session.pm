# A session with a server, by its Unix socket, in the protocol that libpq speaks:
# simple queries, and nothing else.  A driver would do, but the tests need none, and
# here nothing stands between a COMMIT and what is known of it: the server answered,
# it refused with an SQLSTATE, or the connection was lost before either.

package Session;

use strict;
use warnings;

use Socket;

sub new
{
	my ($class, $node, %options) = @_;
	my $self = bless { error => undef, lost => 0 }, $class;
	socket($self->{socket}, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	connect($self->{socket}, pack_sockaddr_un($node->host . '/.s.PGSQL.' . $node->port)) or return;
	my $hello = pack('N', 196608) . join('', map { "$_\0" } user => 'postgres', database => 'postgres',
		application_name => $options{name} // 'endurance', client_encoding => 'UTF8') . "\0";
	$self->put(pack('N', 4 + length $hello) . $hello);
	$self->answer;
	return $self->{error} ? undef : $self;
}

sub put
{
	my ($self, $bytes) = @_;
	local $SIG{PIPE} = 'IGNORE';
	while (length $bytes)
	{
		my $written = syswrite $self->{socket}, $bytes;
		return if !$written;    # the answer will say so
		substr $bytes, 0, $written, '';
	}
	return;
}

# So many bytes, or nothing where the connection ends before them.
sub get
{
	my ($self, $count) = @_;
	my $bytes = '';
	while (length $bytes < $count)
	{
		my $read = sysread $self->{socket}, $bytes, $count - length $bytes, length $bytes;
		next if !defined $read && $!{EINTR};
		return if !$read;
	}
	return $bytes;
}

# Messages up to the one that says the server is ready: rows, and the first error.
sub answer
{
	my ($self) = @_;
	my @rows;
	$self->{error} = undef;
	while (1)
	{
		my $head = $self->get(5);
		my ($type, $length) = defined $head ? unpack('aN', $head) : ();
		my $body = !defined $length ? undef : $length > 4 ? $self->get($length - 4) : '';
		if (!defined $body)
		{
			$self->{lost} = 1;
			$self->{error} //= { code => '08006', message => 'the connection was lost' };
			return;
		}
		if ($type eq 'D')
		{
			push @rows, row($body);
		}
		elsif ($type eq 'E')
		{
			$self->{error} //= fields($body);
		}
		elsif ($type eq 'K')
		{
			$self->{pid} = unpack 'N', $body;
		}
		elsif ($type eq 'Z')
		{
			$self->{state} = $body;
			return $self->{error} ? undef : \@rows;
		}
	}
}

sub row
{
	my ($body) = @_;
	my ($count, $at, @values) = (unpack('n', $body), 2);
	for (1 .. $count)
	{
		my $length = unpack 'N', substr $body, $at, 4;
		$at += 4;
		if ($length == 0xFFFFFFFF) { push @values, undef; next }
		push @values, substr $body, $at, $length;
		$at += $length;
	}
	return \@values;
}

sub fields
{
	my ($body) = @_;
	my %field = map { (substr($_, 0, 1) => substr $_, 1) } grep { length } split /\0/, $body;
	return { code => $field{C}, message => $field{M}, detail => $field{D}, where => $field{W}, column => $field{c} };
}

# The rows of the last statements, or nothing and {error}, {lost}.
sub try
{
	my ($self, $sql) = @_;
	$self->put('Q' . pack('N', 5 + length $sql) . $sql . "\0");
	return $self->answer;
}

# The same where an error is none of those that are expected.
sub do
{
	my ($self, $sql) = @_;
	return $self->try($sql) // die "$self->{error}{code}: $self->{error}{message}\n" . ($self->{error}{where} // '') . "\nin: $sql\n";
}

sub value { my ($self, $sql) = @_; my $rows = $self->do($sql); return @$rows ? $rows->[0][0] : undef }

# Rows as text, for what is told of a fault.
sub text { my ($self, $sql) = @_; return join "\n", map { join ' | ', map { $_ // 'null' } @$_ } @{ $self->do($sql) } }

# Ends a transaction that has failed, or goes on after nothing.
sub undo { my ($self) = @_; $self->try('ROLLBACK') if !$self->{lost} && $self->{state} ne 'I'; return }

1;
