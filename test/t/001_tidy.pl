# The house is tidy: names exported, links, figures in documents, dead code, files
# nobody uses.  Reads the tree and what is built in it, in seconds; "make tidy" runs
# it alone, and ends with lists, which fail nothing, of where the house grows.

use strict;
use warnings;

use Cwd ();
use File::Basename qw(basename dirname);
use FindBin;
use List::Util qw(max sum uniq);
use Test::More;

my $top = Cwd::realpath("$FindBin::RealBin/../..");
chdir $top or die "$top: $!";

sub slurp { my ($path) = @_; open my $in, '<', $path or die "$path: $!"; local $/; return scalar <$in> }

# What is built, or left by tests, is no part of the tree; the copy that "make check"
# works on has no .git, which knows.
my $left = qr{(?:^|/)(?:\.git|results|output_iso|tmp|tmp_check|node_modules)/|\.(?:o|bc|so|built-with|tmp|html)$|^(?:margin--[\d.-]+\.sql|regression\.\w+|test/regression\.\w+)$};
my @files = sort grep { -f && !/$left/ } map { s{^\./}{}r } split /\n/, -e '.git' ? `git ls-files --cached --others --exclude-standard` : `find . -type f`;
my %text = map { $_ => slurp($_) } grep { -T } @files;
my @c = grep { m{^src/.*\.[ch]$} } @files;
my @sql = grep { m{^src/.*\.sql$} } @files;

# C without comments; strings stay, as SQL in them calls functions.
my %code = map { $_ => $text{$_} =~ s{/\*.*?\*/}{ }gsr } @c;
my $all_c = join "\n", values %code;
my $all_sql = join "\n", map { $text{$_} =~ s/^\s*--.*$//mgr } @sql;

# Lists without a fault are empty: one test each, whose failure prints them.
sub none { my ($name, @found) = @_; return is(join("\n", sort(uniq(@found))), '', $name) }

# ---------------------------------------------------------------------------
# Names: the module exports what PostgreSQL calls, and nothing else
# ---------------------------------------------------------------------------

SKIP:
{
	skip 'nothing is built here, or no nm', 2 if !-f 'margin.so' || system('nm --version >/dev/null 2>&1') != 0;
	my @symbols = map { (split ' ')[2] } split /\n/, `nm --dynamic --defined-only margin.so`;
	cmp_ok(scalar @symbols, '>', 50, @symbols . ' names are exported');
	# modules share one namespace: a function called as one of another would be called in its place
	none('no foreign ones', grep { !/^(?:pg_finfo_)?margin_|^(?:_PG_init|Pg_magic_func)$|^__(?:asan|ubsan|odr_asan|sanitizer)/ } @symbols);
}

# ---------------------------------------------------------------------------
# Documents
# ---------------------------------------------------------------------------

my @documents = grep { /\.md$/ } @files;

# Fenced and indented blocks show what others write.
sub prose { return $text{ $_[0] } =~ s/^```.*?^```$//msgr =~ s/^(?:    |\t).*$//mgr =~ s/`[^`\n]*`//gr }

# Anchors, as GitHub makes them of headings.
my %anchors = map {
	my $document = $_;
	($document => { map { (s/[^\w\s-]//gr =~ s/\s/-/gr =~ tr/A-Z/a-z/r) => 1 } $text{$document} =~ s/^```.*?^```$//msgr =~ /^#+\s+(.*)$/mg })
} @documents;

my @dead_links;
for my $document (@documents)
{
	for my $link (uniq prose($document) =~ /\]\(([^)\s]+)\)/g)
	{
		next if $link =~ /^https?:/;
		my ($path, $anchor) = $link =~ /^([^#]*)(?:#(.*))?$/;
		my $target = $path eq '' ? $document : (Cwd::realpath(dirname($document) . "/$path") // '') =~ s{^\Q$top\E/?}{}r;
		push @dead_links, "$document: $link leads nowhere" if $path ne '' && !-e dirname($document) . "/$path";
		push @dead_links, "$document: $link leads to no heading" if defined $anchor && $anchors{$target} && !$anchors{$target}{$anchor};
	}
}
none('all links and anchors lead somewhere', @dead_links);

# Figures that follow from the source: said in a document as $1 of a pattern,
# and what they have to be.
sub constant { my ($name) = @_; return $all_c =~ /^#define\s+$name\s+(\d+)/m ? $1 : die "no constant $name" }
sub number { return $_[0] =~ s/[,_](?=\d{3})//gr }

my ($oldest, $newest) = slurp('src/base/compat.h') =~ /versions we compile on \((\d+) to (\d+)\)/;
my @figures = (
	[ qr/at most ([\d,]+) digits on each side/, constant('DEC_INPUT_DIGITS') ],
	[ qr/more than ([\d,]+) digits on either side/, constant('DEC_INPUT_DIGITS') ],
	[ qr/symbols of 0 or more than ([\d,]+) bytes/, constant('SYMBOL_MAX_LENGTH') ],
	[ qr/numbers fit (\d+) bits/, constant('DEC_MANTISSA_BITS') ],
	[ qr/bits with at most (\d+) decimals/, constant('DEC_MAX_SCALE') ],
	[ qr/PostgreSQL (\d+) to \d+[;)]/, $oldest ],
	[ qr/PostgreSQL \d+ to (\d+)[;)]/, $newest ]);
my @wrong;
for my $figure (@figures)
{
	my ($pattern, $value) = @$figure;
	my $said = 0;
	for my $document (@documents)
	{
		my $prose = $text{$document} =~ s/\s+/ /gr;
		while ($prose =~ /$pattern/g)
		{
			$said++;
			push @wrong, "$document: \"$&\" should be $value" if number($1) ne $value;
		}
	}
	push @wrong, "no document says $pattern any more: take it out of the test" if !$said;
}
none('figures in documents are those of the source', @wrong);

# The table of the README says how many times as long plain SQL takes: that is
# the quotient of two of its other figures.
{
	my ($plain) = map { number($_) } $text{'README.md'} =~ /^\| plain SQL over .*?; tuned \| [\d,]+; ([\d,]+) \|/m;
	my @bad;
	for my $row ($text{'README.md'} =~ /^(\| .* \| [\d.,; ]+ \| [\d.; ]+ times \|)$/mg)
	{
		my ($what, $times, $ratios) = map { s/^\s+|\s+$//gr } (split /\|/, $row)[ 1 .. 3 ];
		my @ms = map { number($_) } split /; /, $times;
		my @ratio = split /; /, $ratios =~ s/ times//r;
		for my $i (0 .. $#ratio)
		{
			my $exact = $plain / $ms[$i];
			push @bad, sprintf '%s: %s ms are %.2f times, not %s', $what, $ms[$i], $exact, $ratio[$i] if abs($ratio[$i] - $exact) > ($ratio[$i] =~ /\./ ? 0.1 : 0.6);
		}
	}
	ok(defined $plain, 'the README has a table of times');
	none('its quotients are those of its times', @bad);
}

my ($version) = slurp('margin.control') =~ /default_version = '([^']+)'/;
is(slurp('META.json') =~ /"version": "(\d+\.\d+)(?:\.\d+)?"/ ? $1 : undef, $version, 'META.json has the version of margin.control');
like(slurp('CHANGELOG.md'), qr/^## \Q$version\E\b/m, 'CHANGELOG.md has a section on it');

# ---------------------------------------------------------------------------
# Dead code.  What is static and unused, compilers tell.
# ---------------------------------------------------------------------------

my @headers = grep { /\.h$/ } @c;
my (@dead, @private);
for my $header (@headers)
{
	for my $name ($code{$header} =~ /^extern\s[^;]*?\b(\w+)\s*(?:\([^;]*\))?(?:\[[^;]*\])?;/mg)
	{
		my @users = grep { $code{$_} =~ /\b$name\b/ } grep { $_ ne $header } @c;
		# the definition alone, or the file that defines it
		push @dead, "$header: $name" if sum(0, map { scalar(() = $code{$_} =~ /\b$name\b/g) } @users) <= 1 && $code{$header} !~ /\b$name\b.*\b$name\b/s;
		push @private, "$header: $name is used in @users only: static" if @users == 1 && $code{$header} !~ /\b$name\b.*\b$name\b/s;
	}
	for my $name ($code{$header} =~ /^static inline [^;{]*?\b(\w+)\(/mg)
	{
		push @dead, "$header: $name()" if (() = $all_c =~ /\b$name\b/g) < 2;
	}
}
none('every function and variable of a header is used', @dead);
none('and by another file than its own', @private);
# SH_...: what a header of the server reads
none('every macro is used', grep { !/_H$|^SH_/ } map { my $name = $_; (() = $all_c =~ /\b$name\b/g) < 2 ? $name : () } $all_c =~ /^#define\s+(\w+)/mg);

# Whether SQL has all functions that C brings, 035_library.pl asks a server.

# A function of margin_internal that is named nowhere but in what makes it and
# tells of it.
my $callers = join "\n", $all_c, map { $text{$_} } grep { m{^src/.*\.sql$} } @files;
my @functions = uniq $all_sql =~ /CREATE (?:OR REPLACE )?FUNCTION margin_internal\.("[^"]+"|\w+)\s*\(/g;
my $answers = join '|', map { /^src\/answers\/(\w+)\.sql$/ ? $1 : () } @sql;
none('every function of margin_internal is called', grep {
		my $name = $_ =~ s/"//gr;
		my $named = () = $callers =~ /(?<![\w.])(?:margin_internal\.)?"?\Q$name\E"?(?![\w.])/g;
		my $own = () = $callers =~ /(?:CREATE FUNCTION|CREATE OR REPLACE FUNCTION|ON FUNCTION|AGGREGATE) margin_internal\."?\Q$name\E"?\s*\(/g;
		# sources of answers are called by the names that users give
		$named <= $own && $name !~ /^(?:$answers)\./
	} @functions);

# ---------------------------------------------------------------------------
# Files nobody uses
# ---------------------------------------------------------------------------

my @unused;
for my $file (@files)
{
	my $base = basename($file);
	next if $file =~ m{^(?:[A-Z][\w.]*|margin\.control|\.\w+)$|^\.ci/|/README\.md$|^src/(?:[^/]+/)?[\w]+\.c$|^test/t/\w+\.pl$|^test/fuzz/corpus/};
	if ($file =~ m{^(|test/)expected/(\w+?)(?:_\d)?\.out$}) { push @unused, $file if !-f "${1}sql/$2.sql" && !-f "${1}specs/$2.spec" }
	elsif ($file =~ m{^sql/(\w+)\.sql$}) { push @unused, "$file has no expected/$1.out" if !-f "expected/$1.out" }
	elsif ($file =~ m{^test/specs/(\w+)\.spec$}) { push @unused, "$file has no test/expected/$1.out" if !-f "test/expected/$1.out" }
	elsif ($file =~ m{^src/(.*\.h)$}) { push @unused, $file if $all_c !~ /^#include "\Q$1\E"$/m }
	elsif ($file =~ m{^src/since-([\d.]+)\.sql$}) { push @unused, $file if !-d "test/release/$1" }
	# parts of scripts are listed in the Makefile, by folder and name
	elsif ($file =~ m{^src/(?:.*/)?(\w+)\.sql$}) { push @unused, $file if $text{Makefile} !~ /\b$1\b/ }
	else
	{
		my $name = $base =~ s/\.pm$//r;
		push @unused, $file if !grep { $_ ne $file && $text{$_} =~ /(?<![\w-])\Q$name\E(?![\w-])/ } grep { !/^CHANGELOG/ } keys %text;
	}
}
none('every file is used', @unused);

done_testing();

# ---------------------------------------------------------------------------
# Where the house grows
# ---------------------------------------------------------------------------

sub show
{
	my ($title, @rows) = @_;
	@rows = (sort { $b->[0] <=> $a->[0] } @rows)[ 0 .. (@rows < 10 ? $#rows : 9) ];
	diag(join "\n", $title, map { sprintf '  %6d  %s', @$_ } @rows);
	return;
}

exit 0 if !$ENV{TIDY_LISTS};

# A function of C ends with a brace in the first column.
show('longest functions in C, lines', map {
	my $file = $_;
	my @found;
	my ($name, $start) = ('');
	my $n = 0;
	for my $line (split /\n/, $code{$file})
	{
		$n++;
		$name = $1 if $line =~ /^(\w+)\(.*/;
		$start = $n if $line eq '{';
		push @found, [ $n - $start - 1, "$name()  $file" ] if $line eq '}' && defined $start;
		undef $start if $line =~ /^\}/;
	}
	@found
} @c);
show('longest functions in SQL, lines', map {
	my $file = $_;
	map { my ($name) = /^(?:OR REPLACE )?FUNCTION\s+(\S+?)\(/; defined $name ? [ scalar(() = (split /^(?:COMMENT|REVOKE|GRANT|CREATE)\b|\n\n/m)[0] =~ /\n/g), "$name()  $file" ] : () }
	  split /^CREATE /m, $text{$file}
} @sql);
show('longest files, lines', map { [ scalar(() = $text{$_} =~ /\n/g), $_ ] } grep { !m{(?:^|/)expected/} } keys %text);
show('longest comments in C, lines', map { my $file = $_; map { [ scalar(() = /\n/g) + 1, "$file: " . substr((/\*\s*\n?\s*\*?\s*(.*)/)[0], 0, 60) ] } $text{$file} =~ m{(/\*.*?\*/)}gs } @c);
show('longest lines of code, characters', map { my $file = $_; map { [ length, "$file: " . substr(s/^\s+//r, 0, 60) ] } split /\n/, $text{$file} } @c, grep { m{^test/t/} } @files);
show('lines in all', map { my ($name, @group) = @$_; [ sum(0, map { scalar(() = $text{$_} =~ /\n/g) } @group), $name ] }
	[ 'C', @c ], [ 'SQL', @sql ], [ 'documents', @documents ], [ 'tests', grep { m{^(?:test|sql)/} && !m{expected/} && $text{$_} } @files ], [ 'expected', grep { m{expected/} } @files ]);
