# What applications see through their drivers: levels compared with strings,
# fields of refusals, portfolios as JSON.  Drivers that are not there are
# skipped; node-postgres is installed by npm.

use strict;
use warnings;

use FindBin;
use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('clients');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
# JDBC knows no Unix sockets.
$node->append_conf('postgresql.conf', "listen_addresses = '127.0.0.1'");
$node->start;
$node->safe_psql('postgres', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk'), margin.enable_guard('desk');
	INSERT INTO desk.asset (asset) VALUES ('USDT');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1);
	INSERT INTO desk.index_price (asset, price) VALUES ('USDT', 1);
	INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('FUT', 'USDT', 1);
	INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.05, 0.1);
	INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 100);
	INSERT INTO desk.balance VALUES (1, 'USDT', 4999.25), (2, 'USDT', 100);
	INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'FUT', 3, 99.5);
	BEGIN;
	SET LOCAL margin.guard = record;
	INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (2, 'FUT', 20, 100);
	COMMIT});
my $user = $node->safe_psql('postgres', 'SELECT current_user');
my $expected = <<'END';
level 1
unknown 22P02
refused MG001 desk balance 1 margin_guard
balance 4999.25
sent {"balances": {"USDT": 4999.25}, "positions": {"FUT": {"long": 3, "long_cost": 298.5}}}
END

# What a command says, or undef where there is no such program.
sub said
{
	my @command = @_;
	my ($out, $err) = ('', '');
	my $done = eval { IPC::Run::run(\@command, '<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120)) };
	return ($done, $out, $err // $@);
}

sub answers
{
	my ($driver, @command) = @_;
	my (undef, $out, $err) = said(@command);
	is($out, $expected, "$driver: answers") or diag $err;
}

my %modules = (psycopg => [qw(psycopg psycopg-text)], psycopg2 => ['psycopg2']);
for my $module (sort keys %modules)
{
	my ($python) = grep { (said($_, '-c', "import $module"))[0] } 'python3', '/usr/bin/python3';
	for my $driver (@{ $modules{$module} })
	{
	  SKIP:
		{
			skip "$driver is not installed", 1 if !$python;
			answers($driver, $python, "$FindBin::Bin/../clients/client.py", $driver, $node->connstr('postgres'));
		}
	}
}

SKIP:
{
	my ($jar) = grep { -f } '/usr/share/java/postgresql.jar';
	skip 'JDBC: no driver', 1 if !$jar;
	skip 'JDBC: no java that compiles', 1 if !(said('javac', '-version'))[0];
	answers('JDBC', 'java', '-cp', $jar, "$FindBin::Bin/../clients/Client.java", 'jdbc:postgresql://127.0.0.1:' . $node->port . "/postgres?user=$user");
}

my $modules = PostgreSQL::Test::Utils::tempdir;
SKIP:
{
	# npm writes into HOME and its cache.
	local $ENV{HOME} = $modules;
	skip 'node-postgres: npm is not installed', 1 if !(said('npm', '--version'))[0];
	skip 'node-postgres: npm cannot install pg', 1
	  if !(said('npm', 'install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', $modules, 'pg'))[0];
	answers('node-postgres', 'node', "$FindBin::Bin/../clients/client.mjs", $modules, $node->host, $node->port, $user);
}

$node->stop;
done_testing();
