# What a release is made of: META.json is what PGXN wants, the zip holds what
# git tracks and builds, elsewhere too and where nobody may write; installing
# asks nothing of apt, stops at no compiler's warning, and what it installs
# "make uninstall" removes, all of it and nothing else.

use strict;
use warnings;

use File::Find qw(find);
use File::Path qw(make_path);
use FindBin;
use IPC::Run qw(run);
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = "$FindBin::Bin/../..";
# Under the directory where tests run: in /tmp, not in somebody's home.
my $scratch = PostgreSQL::Test::Utils::tempdir;
# The server beside which tests run is a copy; this one is the whole.
my $pg_config = $ENV{PG_CONFIG};

# As from a shell of one's own, whichever make runs this test.  What it was
# called with stays, so that nothing is built again for another server.
my $with_llvm = ($ENV{MAKEFLAGS} // '') =~ /\bwith_llvm=no\b/ ? 'no' : '';
delete @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CHECK FORCE_NUMERIC WERROR COPT DESTDIR)};

# Runs a command in a directory: its exit status, and all that it printed.
sub in
{
	my ($directory, @command) = @_;
	my $out = '';
	run \@command, '<', \undef, '>&', \$out, init => sub { chdir $directory or die "$directory: $!" };
	return ($? >> 8, $out);
}

# The same, of a command that must succeed.
sub done
{
	my ($name, $directory, @command) = @_;
	my ($status, $out) = in($directory, @command);
	is($status, 0, $name) or diag $out;
	return $out;
}

# Names of the files under a directory.
sub files
{
	my ($directory) = @_;
	my @found;
	find({ no_chdir => 1, wanted => sub { push @found, substr $_, 1 + length $directory if -f || -l } }, $directory) if -d $directory;
	return join "\n", sort @found;
}

sub copy_of_tree
{
	my ($to) = @_;
	make_path($to);
	done("a copy of the tree in $to", $top, 'sh', '-c',
		'tar --exclude=./.git --exclude=./tmp --exclude-vcs-ignores -cf - . | tar -C "$0" -xf -', $to);
	return $to;
}

# ---------------------------------------------------------------------------
# META.json, by the PGXN Meta Spec 1.0.0
# ---------------------------------------------------------------------------

my @flaws;
# What comes first: a match that fails is nothing at all in a list.
sub want { my ($what, $sound) = @_; push @flaws, $what unless $sound; return }
sub is_text { my ($value) = @_; return defined $value && !ref $value && $value =~ /\S/ }
sub is_version { my ($value) = @_; return is_text($value) && $value =~ /\A(?:0|[1-9]\d*)(?:\.(?:0|[1-9]\d*)){2}(?:-[A-Za-z][-.\w]*)?\z/ }
sub is_term { my ($value) = @_; return is_text($value) && length $value >= 2 && $value !~ m{[[:space:][:cntrl:]/\\]} }
sub is_url { my ($value) = @_; return is_text($value) && $value =~ m{\A[a-z]+://[^/\s]+(?:/\S*)?\z} }
sub keys_of { my ($map, @known) = @_; my %known = map { $_ => 1 } @known; return grep { !$known{$_} && !/^x_/i } keys %$map }

# The flaws of a META.json, given as text.
sub flaws
{
	my ($text) = @_;
	@flaws = ();
	my $meta = eval { JSON::PP->new->utf8->decode($text) };
	return 'no JSON' if ref $meta ne 'HASH';
	want($_, is_text($meta->{$_})) for qw(abstract maintainer license);
	want('name', is_term($meta->{name}));
	want('version', is_version($meta->{version}));
	want('meta-spec', ($meta->{'meta-spec'}{version} // '') eq '1.0.0' && is_url($meta->{'meta-spec'}{url}));
	want('license', ($meta->{license} // '') =~ /\A(?:agpl_3|apache_2_0|bsd|gpl_[123]|lgpl_2_1|lgpl_3_0|mit|mozilla_1_[01]|postgresql|unrestricted)\z/);
	want('release_status', ($meta->{release_status} // 'stable') =~ /\A(?:stable|testing|unstable)\z/);
	want($_, is_text($meta->{$_} // 'none')) for qw(description generated_by);

	want('provides', ref $meta->{provides} eq 'HASH' && %{ $meta->{provides} } > 0);
	while (my ($extension, $provided) = each %{ $meta->{provides} || {} })
	{
		want("provides $extension", is_term($extension) && is_version($provided->{version}));
		want("provides $extension $_", is_text($provided->{$_}) && -f "$top/$provided->{$_}") for qw(file docfile);
		want("provides $extension abstract", is_text($provided->{abstract}));
		want("provides $extension: other keys", !keys_of($provided, qw(file docfile version abstract)));
	}
	for my $phase (keys %{ $meta->{prereqs} })
	{
		want("prereqs $phase", $phase =~ /\A(?:configure|build|test|runtime|develop)\z/);
		while (my ($relation, $needed) = each %{ $meta->{prereqs}{$phase} })
		{
			want("prereqs $relation", $relation =~ /\A(?:requires|recommends|suggests|conflicts)\z/);
			want("prereqs $_", is_term($_) && is_version($needed->{$_})) for keys %$needed;
		}
	}
	my $resources = $meta->{resources} || {};
	want('homepage', is_url($resources->{homepage}));
	want("resources license $_", is_url($_)) for @{ $resources->{license} || [] };
	want("repository $_", is_url($resources->{repository}{$_})) for grep { /^(?:url|web)$/ } keys %{ $resources->{repository} || {} };
	want('repository type', $resources->{repository}{type} =~ /\A[a-z]+\z/) if exists $resources->{repository}{type};
	want('bugtracker web', is_url($resources->{bugtracker}{web})) if exists $resources->{bugtracker}{web};
	want('bugtracker mailto', $resources->{bugtracker}{mailto} =~ /\A[^@\s]+\@[^@\s]+\z/) if exists $resources->{bugtracker}{mailto};
	want('resources: other keys', !keys_of($resources, qw(license homepage bugtracker repository)));
	want('tags', ref $meta->{tags} eq 'ARRAY' && @{ $meta->{tags} } > 0);
	want("tag $_", is_text($_) && length $_ <= 256 && !m{[[:cntrl:]/\\]}) for @{ $meta->{tags} || [] };
	want('other keys', !keys_of($meta, qw(name version abstract description maintainer license provides prereqs resources release_status generated_by
		meta-spec tags no_index)));
	return join ', ', @flaws;
}

my $text = slurp_file("$top/META.json");
is(flaws($text), '', 'META.json has no flaw');
my $meta = decode_json($text);

# The comparison does find flaws.
is(flaws(encode_json({ %$meta, version => '1.0', resources => { homepage => 'pgxn.org' }, tags => ['a/b'], colour => 'red' })),
	'version, homepage, tag a/b, other keys', 'flaws would be found');

my ($default_version) = slurp_file("$top/margin.control") =~ /^default_version = '(.*)'$/m;
my $version = $meta->{version};
is($version, "$default_version.0", 'the version is that of the extension');
is($meta->{provides}{margin}{version}, $version, 'and of what is provided');
like(slurp_file("$top/CHANGELOG.md"), qr/^## \Q$default_version\E\b/m, 'CHANGELOG.md tells of it');

# ---------------------------------------------------------------------------
# The zip
# ---------------------------------------------------------------------------

my ($tree, $unpacked) = (copy_of_tree("$scratch/tree"));
my $name = "margin-$version";
my $all = files($tree);

SKIP:
{
	skip 'git, zip and unzip are not all here', 9 if grep { system("type $_ >/dev/null 2>&1") != 0 } qw(git zip unzip);

	my @git = ('git', '-c', 'user.name=test', '-c', 'user.email=test@example.org', '-c', 'init.defaultBranch=main');
	done('a repository', $tree, 'sh', '-c', '"$@" init -q && "$@" add -A && "$@" commit -q -m all', 'git', @git);
	append_to_file("$tree/untracked", 'x');
	like(done('make dist', $tree, 'make', 'dist'), qr/not committed.*\Q$name.zip\E$/s, 'says what is not in it');
	unlink "$tree/untracked";

	make_path("$scratch/unpacked", "$scratch/again", "$scratch/elsewhere");
	done('the zip unpacks', "$scratch/unpacked", 'unzip', '-q', "$tree/$name.zip");
	$unpacked = "$scratch/unpacked/$name";
	is(files($unpacked), $all, 'to all that is tracked, and nothing else');

	# From the zip, which is no repository, called from another directory.
	done('make dist of what was unpacked', "$scratch/elsewhere", 'make', '-f', "$unpacked/Makefile", 'dist');
	done('unpacks', "$scratch/again", 'unzip', '-q', "$scratch/elsewhere/$name.zip");
	is(done('to the same', $scratch, 'diff', '-r', "$scratch/again/$name", $unpacked), '', 'file by file');
}
$unpacked //= $tree;

# Builds where nobody may write into the sources, with all that a compiler may
# warn of at that.  -O0: the quicker, the better.
sub make_there
{
	return ('make', '-s', '-f', "$unpacked/Makefile", "PG_CONFIG=$pg_config", 'with_llvm=no', 'COPT=-O0 -g0', @_);
}
make_path("$scratch/build");
system('chmod', '-R', 'a-w', $unpacked);
done('it builds and installs', "$scratch/build", make_there('-j2', 'install', "DESTDIR=$scratch/root"));
my @installed = split /\n/, files("$scratch/root");
is(join(' ', sort map { s{.*/}{}r } @installed), 'margin--1.0--1.1.sql margin--1.1.sql margin.control margin.so', 'what a server needs');
done('it uninstalls', "$scratch/build", make_there('uninstall', "DESTDIR=$scratch/root"));
is(files("$scratch/root"), '', 'and leaves nothing');
is(done('nothing was built in the tree', $unpacked, 'find', '.', '-name', '*.o'), '', 'nothing at all');
system('chmod', '-R', 'u+w', $unpacked);

# ---------------------------------------------------------------------------
# Installing and uninstalling
# ---------------------------------------------------------------------------

# This tree is built, with bitcode where the server has it.  Others have
# installed something, too, and there is a script of another release.
my @make = ('make', '-s', "PG_CONFIG=$pg_config", $with_llvm ? "with_llvm=$with_llvm" : ());
chomp(my $libdir = `$pg_config --pkglibdir`);
chomp(my $sharedir = `$pg_config --sharedir`);
my $root = "$scratch/installed";
for my $neighbour ("$libdir/marginal.so", "$libdir/bitcode/marginal/a.bc", "$libdir/bitcode/marginal.index.bc",
	"$sharedir/extension/marginal.control", "$sharedir/extension/marginal--1.0.sql")
{
	make_path("$root$neighbour" =~ s{/[^/]*$}{}r);
	append_to_file("$root$neighbour", 'x');
}
my $before = files($root);
done('make install', $top, @make, 'install', "DESTDIR=$root");
my %is_old = map { $_ => 1 } split /\n/, $before;
my @new = grep { !$is_old{$_} } split /\n/, files($root);
cmp_ok(scalar @new, '>=', 3, scalar(@new) . ' files are installed');
is(join("\n", grep { !m{/margin(?:\.|--|/)} } @new), '', 'all of the name of the extension');
append_to_file("$root$sharedir/extension/margin--0.9--1.0.sql", 'x');
done('make uninstall', $top, @make, 'uninstall', "DESTDIR=$root");
is(files($root), $before, 'leaves what was there before, and nothing else');
done('a second time', $top, @make, 'uninstall', "DESTDIR=$root");
is(files($root), $before, 'it does no harm');

# Without a server's headers.  apt-get and sudo are ours and tell of being asked.
make_path("$scratch/bin");
for my $program (qw(apt-get sudo))
{
	append_to_file("$scratch/bin/$program", "#!/bin/sh\necho asked >>'$scratch/asked'\nexit 1\n");
	chmod 0755, "$scratch/bin/$program";
}
for my $target (qw(install uninstall installcheck all))
{
	local $ENV{PATH} = "$scratch/bin:$ENV{PATH}";
	unlink "$scratch/asked";
	my ($status, $out) = in($top, 'make', '-s', 'PG_CONFIG=/usr/lib/postgresql/99/bin/pg_config', $target);
	isnt($status, 0, "make $target without a server fails");
	like($out, qr/missing\b.*\bpostgresql-server-dev-/s, 'says what is missing');
	is(-e "$scratch/asked" ? 'asked' : 'not asked', $target eq 'all' ? 'asked' : 'not asked', 'and asks apt for it only where nothing is installed');
}

# ---------------------------------------------------------------------------
# A compiler's warnings
# ---------------------------------------------------------------------------

append_to_file("$tree/src/base/decimal.c", "\nstatic int\nnobody_calls_this(void)\n{\n\treturn 1;\n}\n");
like(done('installing goes on after a warning', $tree, 'make', "PG_CONFIG=$pg_config", 'src/base/decimal.o'),
	qr/nobody_calls_this/, 'which is shown');
unlink "$tree/src/base/decimal.o";
my ($status, $out) = in($tree, 'make', '-s', "PG_CONFIG=$pg_config", 'check', 'CHECK=schedule');
isnt($status, 0, 'the tests do not');
like($out, qr/error: .*nobody_calls_this.*-Werror/, 'for the warning');

# ---------------------------------------------------------------------------
# make help
# ---------------------------------------------------------------------------

my $help = done('make help', $scratch, 'make', '-s', '-f', "$top/Makefile", 'help');
like($help, qr/^make \Q$_\E\s/m, "make help tells of $_")
  for qw(install uninstall installcheck check demo report demo-stop bench lint dist deb deb-check clean packages);

done_testing();
