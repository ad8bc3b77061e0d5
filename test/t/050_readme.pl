# README.md says what happens: its SQL is run from top to bottom in one empty
# database.  A block of sql followed by one of text prints exactly that text,
# as psql does by default; one without prints what it likes but fails nowhere.
# A block whose first line is "-- not run" is not run; one that begins with
# "-- refused" must fail, with exactly the error printed below it.

use strict;
use warnings;

use FindBin;
use List::Util qw(uniq);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant FIRST_RESULT_WITHIN => 40;    # lines

my $top = "$FindBin::Bin/../..";
my $readme = slurp_file("$top/README.md");

# ---------------------------------------------------------------------------
# Its blocks
# ---------------------------------------------------------------------------

my (@fenced, @unfenced, $open);
my $number = 0;
for my $line (split /\n/, $readme)
{
	$number++;
	if ($line =~ /^\s*(```+|~~~+)(.*)$/ && (!$open || $2 eq ''))
	{
		if ($open)
		{
			$open->{last} = $number;
			push @fenced, $open;
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
		push @unfenced, $line;
	}
}
ok(!$open, 'every fenced block is closed');
is(join(' ', grep { !/^(?:sql|text|sh|json|)$/ } map { $_->{language} } @fenced), '', 'blocks are of known languages');

# A block of text that follows one of sql, with nothing between, is its result.
my @blocks;
my $before;
for my $block (@fenced)
{
	if ($block->{language} eq 'sql')
	{
		push @blocks, $block;
	}
	elsif ($block->{language} eq 'text' && $before && $before->{language} eq 'sql')
	{
		my @between = (split /\n/, $readme)[ $before->{last} .. $block->{first} - 2 ];
		@$before{ 'result', 'result_last' } = @$block{ 'text', 'last' } unless grep { /\S/ } @between;
	}
	$before = $block;
}
cmp_ok(scalar @blocks, '>', 0, 'there is SQL');
my ($shown) = grep { defined $_->{result} } @blocks;
ok($shown && $shown->{result_last} <= FIRST_RESULT_WITHIN, 'the first result is shown within ' . FIRST_RESULT_WITHIN . ' lines');
is(join(' ', $readme =~ /^(\@\w+\@)$/mg), '', 'nothing is left to be filled in');

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
$node->safe_psql('postgres', 'CREATE DATABASE readme');

for my $block (@blocks)
{
	my $name = "README.md line $block->{first}";
	if ($block->{text} =~ /\A-- not run\b/)
	{
		note "$name: not run";
		next;
	}
	my ($out, $err);
	my $done = run_log(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('readme') ],
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
	next unless defined $block->{result};
	my ($expected, $got) = ([ trimmed($block->{result}) ], [ trimmed($out) ]);
	ok("@$expected" ne '' && join("\n", @$expected) eq join("\n", @$got), "$name gives what is printed below it")
	  or diag "- in README.md, + from psql\n" . difference($expected, $got);
}
is($node->safe_psql('readme', q{SELECT count(*) FROM pg_extension WHERE extname = 'margin'}), 1, 'the README has installed margin');

# ---------------------------------------------------------------------------
# What it names
# ---------------------------------------------------------------------------

# Where commands are: indented or fenced blocks, and code within text.
my $prose = join "\n", @unfenced;
my @commands = (
	(map { split /\n/, $_->{text} } grep { $_->{language} !~ /^(?:sql|text|json)$/ } @fenced),
	(grep { /^(?: {4}|\t)/ } @unfenced),
	$prose =~ /`([^`\n]+)`/g);
my @targets = uniq map { /(?:^|\s)make((?:\s+(?:-\S+|\w+=(?:"[^"]*"|'[^']*'|\S*)|[a-z][\w-]*))*)/ ? (grep { /^[a-z][\w-]*$/ } split ' ', $1 =~ s/\w+=(?:"[^"]*"|'[^']*'|\S*)//gr) : () }
  map { split /&&|;/ } map { s/\s#.*//r } @commands;
cmp_ok(scalar @targets, '>', 2, 'targets of make are named: ' . join ' ', @targets);
my $makefile = slurp_file("$top/Makefile");
for my $target (@targets)
{
	my $exists = $makefile =~ /^\Q$target\E(?:\s[^:=]*)?:(?!=)/m || $target =~ /^(?:all|install|uninstall|installcheck|clean)$/;
	ok($exists, "make $target exists");
}

my @paths = uniq grep { m{^[\w.-]+(?:/[\w.-]*)+$|^[A-Z][\w-]*(?:\.\w+)?$} && !/^[A-Z_]+$/ || /^LICENSE$/ } $prose =~ /`([^`\n]+)`/g;
ok(-e "$top/$_" || -e "$top/test/$_", "$_ exists") for grep { m{/$|\.(?:md|sql|pl|c|json)$|^LICENSE$} } @paths;

my @linked = uniq grep { !m{^(?:https?:|#)} } $prose =~ /\]\(([^)#\s]+)/g;
ok(-e "$top/$_", "$_ exists") for @linked;

$node->stop;
done_testing();
