# The manual says what happens: the SQL of README.md and of the chapters, which
# are the README.md of the folders under src, is run, each document in a
# database of its own, from top to bottom.  A block of sql followed by one of
# text prints exactly that text, as psql does by default; one without prints
# what it likes but fails nowhere.  A block that begins with "-- refused" must
# fail, with exactly the error printed below it.  No block is left out.

use strict;
use warnings;

use File::Basename qw(basename dirname);
use File::Spec::Functions qw(abs2rel canonpath);
use FindBin;
use List::Util qw(uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant FIRST_RESULT_WITHIN => 40;       # lines
use constant README_BELOW        => 30_000;   # bytes

my $top = canonpath("$FindBin::Bin/../..");
my @documents = map { abs2rel($_, $top) } "$top/README.md", glob("$top/src/README.md $top/src/*/README.md"), grep { -e } "$top/test/README.md";

# ---------------------------------------------------------------------------
# A document, taken apart
# ---------------------------------------------------------------------------

sub read_document
{
	my ($name) = @_;
	my %document = (name => $name, text => slurp_file("$top/$name"), sql => [], fenced => [], unfenced => []);
	my ($number, $open) = (0);
	my @lines = split /\n/, $document{text};
	for my $line (@lines)
	{
		$number++;
		if ($line =~ /^\s*(```+|~~~+)(.*)$/ && (!$open || $2 eq ''))
		{
			if ($open)
			{
				$open->{last} = $number;
				push @{ $document{fenced} }, $open;
				undef $open;
			}
			else
			{
				$open = { language => $2, first => $number, text => '' };
			}
		}
		elsif ($open)
		{
			$open->{text} .= "$line\n";
		}
		else
		{
			push @{ $document{unfenced} }, $line;
		}
	}
	ok(!$open, "$name: every fenced block is closed");
	is(join(' ', grep { !/^(?:sql|text|sh|json|python|js|java|)$/ } map { $_->{language} } @{ $document{fenced} }), '', "$name: blocks are of known languages");
	is(join(' ', $document{text} =~ /^(\@\w+\@)$/mg), '', "$name: nothing is left to be filled in");
	unlike($document{text}, qr/^-- not run\b/m, "$name: all SQL is run");

	# A block of text that follows one of sql, with nothing between, is its result.
	my $before;
	for my $block (@{ $document{fenced} })
	{
		if ($block->{language} eq 'sql')
		{
			push @{ $document{sql} }, $block;
		}
		elsif ($block->{language} eq 'text' && $before && $before->{language} eq 'sql')
		{
			my @between = @lines[ $before->{last} .. $block->{first} - 2 ];
			@$before{ 'result', 'result_last' } = @$block{ 'text', 'last' } unless grep { /\S/ } @between;
		}
		$before = $block;
	}
	return \%document;
}

my %document = map { $_ => read_document($_) } @documents;
my $readme = $document{'README.md'};
cmp_ok(length($readme->{text}), '<', README_BELOW, 'README.md stays below ' . README_BELOW . ' bytes');
cmp_ok(scalar @{ $readme->{sql} }, '>', 0, 'README.md: there is SQL');
my ($shown) = grep { defined $_->{result} } @{ $readme->{sql} };
ok($shown && $shown->{result_last} <= FIRST_RESULT_WITHIN, 'README.md: the first result is shown within ' . FIRST_RESULT_WITHIN . ' lines');

# ---------------------------------------------------------------------------
# Its SQL
# ---------------------------------------------------------------------------

# Lines without trailing blanks, none at either end empty.
sub trimmed
{
	my @lines = map { s/\s+$//r } split /\n/, $_[0];
	shift @lines while @lines && $lines[0] eq '';
	pop @lines while @lines && $lines[-1] eq '';
	return @lines;
}

# The lines of both in their order, marked - and + where they differ.
sub difference
{
	my ($old, $new) = @_;
	my @length;    # of the longest common rest
	for my $i (reverse 0 .. @$old)
	{
		for my $j (reverse 0 .. @$new)
		{
			$length[$i][$j] =
			    $i == @$old || $j == @$new ? 0
			  : $old->[$i] eq $new->[$j] ? 1 + $length[ $i + 1 ][ $j + 1 ]
			  : $length[ $i + 1 ][$j] >= $length[$i][ $j + 1 ] ? $length[ $i + 1 ][$j]
			  :                                                $length[$i][ $j + 1 ];
		}
	}
	my ($i, $j, @lines) = (0, 0);
	while ($i < @$old || $j < @$new)
	{
		if ($i < @$old && $j < @$new && $old->[$i] eq $new->[$j])
		{
			push @lines, "  $old->[$i]";
			$i++, $j++;
		}
		elsif ($i < @$old && ($j == @$new || $length[ $i + 1 ][$j] >= $length[$i][ $j + 1 ]))
		{
			push @lines, "- $old->[ $i++ ]";
		}
		else
		{
			push @lines, "+ $new->[ $j++ ]";
		}
	}
	return join "\n", @lines;
}

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

sub run_block
{
	my ($name, $database, $block) = @_;
	my ($out, $err);
	my $done = run_log(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database) ],
		'<', \$block->{text}, '>', \$out, '2>', \$err);
	if ($block->{text} =~ /\A-- refused\b/)
	{
		ok(!$done, "$name is refused");
		$out = $err;
	}
	else
	{
		ok($done, "$name runs");
		is($err, '', "$name complains about nothing");
	}
	return unless defined $block->{result};
	my ($expected, $got) = ([ trimmed($block->{result}) ], [ trimmed($out) ]);
	ok("@$expected" ne '' && join("\n", @$expected) eq join("\n", @$got), "$name gives what is printed below it")
	  or diag "- in the document, + from psql\n" . difference($expected, $got);
}

for my $name (grep { @{ $document{$_}{sql} } } @documents)
{
	my $database = $name =~ s/\W/_/gr;
	$node->safe_psql('postgres', "CREATE DATABASE \"$database\"");
	run_block("$name line $_->{first}", $database, $_) for @{ $document{$name}{sql} };
	is($node->safe_psql($database, q{SELECT count(*) FROM pg_extension WHERE extname = 'margin'}), 1, "$name has installed margin");
}

# ---------------------------------------------------------------------------
# What it names
# ---------------------------------------------------------------------------

# Text outside of fenced blocks; with $code, without what stands in backquotes.
sub prose
{
	my ($document, $code) = @_;
	my $text = join "\n", @{ $document->{unfenced} };
	return $code ? $text =~ s/`[^`\n]+`//gr : $text;
}

# Where commands are: indented or fenced blocks, and code within text.
my @commands = map {
	my $document = $document{$_};
	((map { split /\n/, $_->{text} } grep { $_->{language} !~ /^(?:sql|text|json|python|js|java)$/ } @{ $document->{fenced} }),
		(grep { /^(?: {4}|\t)/ } @{ $document->{unfenced} }),
		prose($document) =~ /`([^`\n]+)`/g)
} @documents;
my @targets = uniq map { /(?:^|\s)make((?:\s+(?:-\S+|\w+=(?:"[^"]*"|'[^']*'|\S*)|[a-z][\w-]*))*)/ ? (grep { /^[a-z][\w-]*$/ } split ' ', $1 =~ s/\w+=(?:"[^"]*"|'[^']*'|\S*)//gr) : () }
  map { split /&&|;/ } map { s/\s#.*//r } @commands;
cmp_ok(scalar @targets, '>', 2, 'targets of make are named: ' . join ' ', @targets);
my $makefile = slurp_file("$top/Makefile");
for my $target (@targets)
{
	my $exists = $makefile =~ /^\Q$target\E(?:\s[^:=]*)?:(?!=)/m || $makefile =~ /^own = .*\b\Q$target\E\b/m
	  || $target =~ /^(?:all|install|uninstall|installcheck|clean)$/;
	ok($exists, "make $target exists");
}

# Files named in backquotes, from the top, from test or from the document's folder
# (links: 001_tidy.pl).
for my $name (@documents)
{
	my $folder = "$top/" . dirname($name);
	for my $path (uniq grep { m{^[\w.-]+(?:/[\w.-]*)+$|^LICENSE$|^[A-Z]+\.md$} && m{/$|\.(?:md|sql|pl|c|h|json)$|^LICENSE$} } prose($document{$name}) =~ /`([^`\n]+)`/g)
	{
		ok(-e "$top/$path" || -e "$top/test/$path" || -e "$folder/$path", "$name: $path exists");
	}
}
for my $name (grep { $_ ne 'README.md' } @documents)
{
	like(prose($readme, 1), qr/\]\(\Q$name\E\)/, "README.md leads to $name");
}

# Each folder under src has a chapter, whose last section says what every file
# there holds.
for my $folder (grep { -d } glob "$top/src/*")
{
	my $name = 'src/' . basename($folder) . '/README.md';
	my $document = $document{$name};
	ok($document, "$name exists") or next;
	is((map { /^## (.*)/ ? $1 : () } @{ $document->{unfenced} })[-1], 'For hackers', "$name ends for hackers");
	my ($hackers) = $document->{text} =~ /^## For hackers\n(.*)/ms;
	my %named = map { $_ => 1 } map { /`([^`]+)`/g } map { /^\| (`[^|]*) \|/ ? $1 : () } split /\n/, $hackers;
	my @files = map { abs2rel($_, $folder) } glob "$folder/*.{c,h,sql} $folder/*/*.sql";
	is(join(' ', grep { !$named{$_} } @files), '', "$name names every file");
	is(join(' ', grep { !-e "$folder/$_" } sort keys %named), '', "$name names no file that is not there");
}

$node->stop;
done_testing();
