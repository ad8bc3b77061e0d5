# While a writer changes prices, tiers, contracts and balances together, every
# valuation sees all of a change or nothing of it.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	READERS => 2,
	READINGS => 200,           # of each reader and kind
	FEWEST_CHANGES => 20,      # that readings must have met to mean anything
};

my $node = PostgreSQL::Test::Cluster->new('concurrency');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'log_statement = none');
$node->start;

# Four accounts, each of a worth that no change changes:
#   1  the prices of two assets move against each other
#   2  a balance doubles when its price halves
#   3  the collateral ratio of an asset doubles when its price halves
#   4  a contract doubles in size when its mark halves, a position in it halves
#      when the asset that it settles in doubles in price, and the rate halves
#      when the weight doubles
$node->safe_psql('postgres', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk');
	INSERT INTO desk.asset (asset) VALUES ('UP'), ('DOWN'), ('SPLIT'), ('CUT'), ('CASH');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, CASE asset WHEN 'CUT' THEN 0.5 ELSE 1 END FROM desk.asset;
	INSERT INTO desk.index_price (asset, price) VALUES ('UP', 100), ('DOWN', 100), ('SPLIT', 100), ('CUT', 160), ('CASH', 1);
	INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('C', 'CASH', 0.01);
	INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('C', 0, 0.1);
	INSERT INTO desk.mark_price (contract, price) VALUES ('C', 5000);
	INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'UP', 1), (1, 'DOWN', 1), (2, 'SPLIT', 2), (3, 'CUT', 1), (4, 'CASH', 0);
	INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (4, 'C', 1, 0);

	CREATE TABLE stop (now boolean);
	CREATE TABLE reading (kind text, price numeric, worth text);
	CREATE PROCEDURE write() LANGUAGE plpgsql AS $$
	DECLARE
	    written integer := 0;
	    factor numeric;
	BEGIN
	    WHILE NOT EXISTS (SELECT FROM stop) LOOP
	        written := written + 1;
	        factor := (ARRAY[1, 2, 4])[1 + written % 3];
	        UPDATE desk.index_price SET price = 100 + written % 50 WHERE asset = 'UP';
	        UPDATE desk.balance SET quantity = 2 * factor WHERE account_id = 2;
	        UPDATE desk.mark_price SET price = 5000 / factor WHERE contract = 'C';
	        UPDATE desk.collateral_tier SET ratio = 0.25 * factor WHERE asset = 'CUT';
	        UPDATE desk.risk_tier SET maintenance_rate = 0.1 / factor WHERE contract = 'C';
	        UPDATE desk.contract SET contract_size = 0.01 * factor WHERE contract = 'C';
	        UPDATE desk.index_price SET price = CASE asset WHEN 'DOWN' THEN 100 - written % 50 WHEN 'SPLIT' THEN 100 / factor
	                                                         WHEN 'CUT' THEN 320 / factor ELSE factor END
	         WHERE asset <> 'UP';
	        UPDATE desk.position SET quantity = 1 / factor WHERE account_id = 4;
	        UPDATE desk.asset SET requirement_weight = factor WHERE asset = 'CASH';
	        COMMIT;
	    END LOOP;
	    RAISE NOTICE '% changes', written;
	END
	$$});

# What an account of the list is worth, and what it must keep.
my $worth = q{string_agg(concat_ws(' ', account_id, trim_scale(equity), trim_scale(maintenance_margin)), ', ' ORDER BY account_id)};

my %kinds = (
	view => "SELECT $worth FROM desk.account_margin",
	accounts => "SELECT $worth FROM generate_series(1, 4) AS id, LATERAL desk.account_margin(id)",
	given => "SELECT $worth FROM (SELECT desk.market() AS m OFFSET 0) AS now, generate_series(1, 4) AS id, LATERAL desk.account_margin(id, m)",
	values => "SELECT $worth FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage, kind) AS p FROM desk.holding GROUP BY account_id) AS h,"
	  . " LATERAL margin.evaluate(p, (SELECT desk.market()))");

# Once, at rest: account 4 is worth 0.01 * 5000 and keeps a tenth of it.
my $expected = '1 200 0, 2 200 0, 3 80 0, 4 50 5';
is($node->safe_psql('postgres', $kinds{$_}), $expected, "$_: at rest") for sort keys %kinds;

my ($out, $err) = ('', '');
my $writer = IPC::Run::start([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'CALL write()' ],
	'>', \$out, '2>', \$err, IPC::Run::timeout(180));
$node->poll_query_until('postgres', q{SELECT price <> 100 FROM desk.index_price WHERE asset = 'UP'}) or die 'nobody writes';

my %scripts = map { ("060_$_" => "INSERT INTO reading SELECT '$_', (SELECT price FROM desk.index_price WHERE asset = 'UP'), ($kinds{$_});") } sort keys %kinds;
$node->pgbench('--no-vacuum --client=' . READERS . ' --transactions=' . READINGS * keys %kinds,
	0, [qr/processed: @{[ READERS * READINGS * keys %kinds ]}/], [qr/^(?!.*(?:ERROR|aborted))/s], 'readers find no error', \%scripts);

$node->safe_psql('postgres', 'INSERT INTO stop VALUES (true)');
ok($writer->finish, 'the writer finds no error') or diag $err;
my ($changes) = $err =~ /(\d+) changes/;
cmp_ok($changes, '>', FEWEST_CHANGES, ($changes // 'no') . ' changes were made');

for my $kind (sort keys %kinds)
{
	my ($readings, $prices) = split /\|/, $node->safe_psql('postgres', "SELECT count(*), count(DISTINCT price) FROM reading WHERE kind = '$kind'");
	cmp_ok($prices, '>', FEWEST_CHANGES, "$kind: $readings readings met $prices different prices");
	is($node->safe_psql('postgres', "SELECT DISTINCT worth FROM reading WHERE kind = '$kind'"), $expected, "$kind: all saw the same worth");
}

$node->stop;
done_testing();
