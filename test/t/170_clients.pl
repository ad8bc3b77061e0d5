# The examples of the manual for drivers: each block of python, js or java in
# src/operations/README.md is run, as it stands, against a book of its own, and
# prints what stands below it.  A language whose driver is not there, and cannot
# be had by npm, is skipped.

use strict;
use warnings;

use File::Copy qw(copy);
use FindBin;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $chapter = slurp_file("$FindBin::Bin/../../src/operations/README.md");
my ($book) = $chapter =~ /^```sql\n(CREATE EXTENSION margin;\n.*?)^```$/ms;
ok($book, 'the chapter begins with a book');
my @examples;
while ($chapter =~ /^### (\S+)\n\n```(python|js|java)\n(.*?)^```\n```text\n(.*?)^```$/msg)
{
	push @examples, { name => $1, language => $2, text => $3, prints => $4 };
}
is(join(' ', map { "$_->{name}/$_->{language}" } @examples), 'psycopg/python SQLAlchemy/python node-postgres/js JDBC/java', 'there is an example for each');

# JDBC knows no sockets of Unix.
my $node = PostgreSQL::Test::Cluster->new('clients');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'\n");
$node->start;
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $folder = PostgreSQL::Test::Utils::tempdir;

sub works { my @command = @_; my $ignored; return eval { IPC::Run::run(\@command, '<', \'', '>&', \$ignored, IPC::Run::timeout(90)) } }

sub python_with
{
	my ($module) = @_;
	return (grep { works($_, '-c', "import $module") } 'python3', '/usr/bin/python3')[0];
}

# The command that runs an example, or nothing.
my %runner = (
	'psycopg/python'    => sub { my $python = python_with('psycopg') or return; return ($python, $_[0]) },
	'SQLAlchemy/python' => sub { my $python = python_with('sqlalchemy, psycopg2') or return; return ($python, $_[0]) },
	'node-postgres/js'  => sub {
		local $ENV{HOME} = $folder;    # npm writes there
		return unless works('npm', 'install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', $folder, 'pg');
		return ('node', $_[0]);
	},
	'JDBC/java' => sub {
		my ($jar) = grep { -f } '/usr/share/java/postgresql.jar' or return;
		return unless works('javac', '-version');
		return ('java', '-cp', $jar, $_[0], 'jdbc:postgresql://127.0.0.1:' . $node->port . "/jdbc?user=$user");
	});
my %ending = (python => 'py', js => 'mjs', java => 'java');

for my $example (@examples)
{
	my $name = $example->{name};
	my ($database, $file) = (lc($name =~ s/\W/_/gr), "$folder/Example_" . lc($name =~ s/\W/_/gr) . '.' . $ending{ $example->{language} });
	append_to_file($file, $example->{text});
	my @command = $runner{"$name/$example->{language}"}->($file);
  SKIP:
	{
		skip "$name: no driver here", 2 unless @command;
		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->safe_psql($database, $book);
		local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE)} = ($node->host, $node->port, $user, $database);
		my ($out, $err);
		ok(IPC::Run::run(\@command, '<', \'', '>', \$out, '2>', \$err, IPC::Run::timeout(120)), "$name runs") or diag $err;
		is($out, $example->{prints}, "$name prints what the manual says");
	}
}

$node->stop;
done_testing();
