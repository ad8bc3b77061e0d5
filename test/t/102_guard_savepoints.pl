# Random transactions with savepoints, checks at once, rows that move between
# accounts, errors inside: the guard's answer at commit is that of plain SQL,
# which compares what the transaction sees just before with what it found.
#
# GUARD_SEED repeats a run, TRANSACTIONS sets its length.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant ACCOUNTS => 4;

my $seed = $ENV{GUARD_SEED} || int rand 2**31;
my $transactions = $ENV{TRANSACTIONS} || 600;
srand $seed;
note "seed: GUARD_SEED=$seed TRANSACTIONS=$transactions";

my $node = PostgreSQL::Test::Cluster->new('guard_savepoints');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;

$node->safe_psql('postgres', sprintf <<'SQL', ACCOUNTS);
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USD'), ('COIN');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USD', 0, 1), ('COIN', 0, 0.9), ('COIN', 10, 0.5);
INSERT INTO desk.index_price (asset, price) VALUES ('USD', 1), ('COIN', 10);
INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('FUT', 'USD', 1);
INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate, initial_rate) VALUES ('FUT', 0, 0.1, 0.2);
INSERT INTO desk.mark_price (contract, price) VALUES ('FUT', 10);
INSERT INTO desk.balance SELECT i, 'USD', 30 FROM generate_series(1, %d) AS i;
INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'FUT', 10, 10), (2, 'FUT', -30, 10);
CREATE TABLE found (account_id bigint, available_margin numeric);
CREATE VIEW verdict AS
SELECT coalesce(bool_and(a.available_margin >= 0 AND a.level < 'liquidation' OR a.available_margin >= coalesce(f.available_margin, 0)), true) AS passes
  FROM desk.account_margin AS a LEFT JOIN found AS f USING (account_id);
SELECT margin.enable_guard('desk'), margin.enable_levels('desk');
SQL

sub account { return 1 + int rand ACCOUNTS }

sub statement
{
	my $kind = rand;
	return sprintf q{INSERT INTO desk.balance VALUES (%d, '%s', %d) ON CONFLICT (account_id, asset) DO UPDATE SET quantity = balance.quantity + excluded.quantity},
	  account(), (rand() < 0.7 ? 'USD' : 'COIN'), int(rand 14) - 6
	  if $kind < 0.5;
	return sprintf q{INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (%d, 'FUT', %d, %d)
		ON CONFLICT (account_id, contract, side) DO UPDATE SET quantity = excluded.quantity, entry_price = excluded.entry_price},
	  account(), int(rand 30) - 14, 9 + int rand 3
	  if $kind < 0.7;
	return sprintf q{DELETE FROM desk.position WHERE account_id = %d}, account() if $kind < 0.75;
	return sprintf q{DELETE FROM desk.balance WHERE account_id = %d AND asset = 'COIN'}, account() if $kind < 0.8;
	# rows that change hands; a key that is taken is an error inside
	return sprintf q{DO $$ BEGIN UPDATE desk.%s SET account_id = %d WHERE account_id = %d; EXCEPTION WHEN unique_violation THEN NULL; END $$},
	  (rand() < 0.5 ? 'balance' : 'position'), account(), account()
	  if $kind < 0.9;
	return sprintf q{UPDATE desk.index_price SET price = %d WHERE asset = 'COIN'}, 8 + int rand 5 if $kind < 0.93;
	# Judged at once, whatever comes of it.  The first SET is for PostgreSQL, which
	# otherwise restores what the block has set when this level is rolled back.
	return q{SET CONSTRAINTS ALL DEFERRED; DO $$ BEGIN SET CONSTRAINTS ALL IMMEDIATE; EXCEPTION WHEN SQLSTATE 'MG001' THEN NULL; END $$; SET CONSTRAINTS ALL DEFERRED};
}

sub body
{
	my ($depth) = @_;
	my $text = '';
	for (0 .. int rand 3)
	{
		if (rand() < 0.35 && $depth < 4)
		{
			my $name = "s$depth";
			$text .= "SAVEPOINT $name;\n" . body($depth + 1);
			$text .= rand() < 0.5 ? "ROLLBACK TO $name;\n" : rand() < 0.7 ? "RELEASE $name;\n" : '';
		}
		else
		{
			$text .= statement() . ";\n";
		}
	}
	return $text;
}

# A price that the transaction moves counts for before as well; then there is no telling here.
my $script = "\\set VERBOSITY sqlstate\n";
for (1 .. $transactions)
{
	my $body = body(0);
	my $known = $body !~ /index_price/;
	$script .= "TRUNCATE found; INSERT INTO found SELECT account_id, available_margin FROM desk.account_margin;\n" if $known;
	$script .= "BEGIN;\n$body" . ($known ? "SELECT passes AS verdict FROM verdict \\gset\n" : "\\set verdict unknown\n")
	  . "COMMIT;\n\\echo :verdict :SQLSTATE\n";
	# and back to something that is neither rich nor lost
	$script .= "BEGIN; SET LOCAL margin.guard = record; UPDATE desk.balance SET quantity = 20 WHERE asset = 'USD' AND (quantity > 100 OR quantity < -100); COMMIT;\n";
}
my $file = $node->basedir . '/transactions.sql';
PostgreSQL::Test::Utils::append_to_file($file, $script);
my ($out, $err);
IPC::Run::run([ 'psql', '-XAtq', '-f', $file, $node->connstr('postgres') ], '>', \$out, '2>', \$err);

my %seen;
$seen{$_}++ for split /\n/, $out;
note join ', ', map { "$_: $seen{$_}" } sort keys %seen;
my %errors;
$errors{$1}++ while $err =~ /ERROR:\s+(\w{5})/g;
is(join(' ', sort keys %errors), 'MG001', 'no other error than of the guard');
is(($seen{'t MG001'} // 0) + ($seen{'f 00000'} // 0), 0, 'the guard answers as plain SQL does');
cmp_ok($seen{'t 00000'} // 0, '>', $transactions / 5, 'many transactions passed');
cmp_ok($seen{'f MG001'} // 0, '>', $transactions / 40, 'many were refused');
is($node->safe_psql('postgres', q{SELECT margin.refresh_levels('desk')}),
	$node->safe_psql('postgres', q{SELECT count(*) FROM desk.account_margin AS a JOIN desk.account_level AS l USING (account_id) WHERE a.level <> l.level}),
	'no level is left that is not the one kept');

$node->stop;
done_testing();
