# repay() while the same accounts deposit, withdraw and lose: nobody is taken
# more than there is, no debt is repaid twice, and the house account is the
# mirror image of the journal.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use constant {
	ACCOUNTS => 5,
	CLIENTS => 8,
	TRANSACTIONS => 250,    # of each client and isolation level
};

my $node = PostgreSQL::Test::Cluster->new('repay');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'log_statement = none');
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

# Every write but those of repay() is noted in moved.
sql(q{
CREATE EXTENSION margin;
CREATE SCHEMA desk;
SELECT margin.create_book('desk');
INSERT INTO desk.asset (asset) VALUES ('USDT'), ('COIN'), ('GOLD');
INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM desk.asset;
INSERT INTO desk.index_price (asset, price) VALUES ('USDT', 1), ('COIN', 3), ('GOLD', 7);
INSERT INTO desk.repayment_rule (asset, conversion_discount) VALUES ('COIN', 0.9);
INSERT INTO desk.balance (account_id, asset, quantity)
	SELECT account_id, asset, 0 FROM generate_series(1, } . ACCOUNTS . q{) AS account_id, desk.asset WHERE asset <> 'GOLD';
CREATE TABLE moved (account_id bigint, asset text, quantity numeric);

-- others get their chance between the plan and its entries
CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.005); RETURN NULL; END $$;
CREATE TRIGGER linger BEFORE INSERT ON desk.balance FOR EACH STATEMENT EXECUTE FUNCTION linger();
});

my $note = 'INSERT INTO moved SELECT account_id, asset,';
my $account = '\set account random(1, ' . ACCOUNTS . ")\n\\set amount random(1, 100)\n";
my %scripts = (
	'081_deposit@6' => $account . qq{BEGIN; INSERT INTO desk.balance AS b VALUES (:account, (ARRAY['USDT', 'COIN', 'GOLD'])[1 + :amount % 3], :amount)
		ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity;
		INSERT INTO moved VALUES (:account, (ARRAY['USDT', 'COIN', 'GOLD'])[1 + :amount % 3], :amount); COMMIT;} =~ s/\n\t+/ /gr,
	# what is there, or nothing
	'081_withdraw@3' => $account . qq{WITH w AS (UPDATE desk.balance SET quantity = quantity - :amount
		WHERE account_id = :account AND asset = (ARRAY['COIN', 'GOLD'])[1 + :amount % 2] AND quantity >= :amount RETURNING account_id, asset)
		$note -(:amount)::numeric FROM w;} =~ s/\n\t+/ /gr,
	# more than there is to pay with, so that it is always all of it that is taken
	'081_lose@4' => $account . qq{WITH w AS (UPDATE desk.balance SET quantity = quantity - 5 * :amount WHERE account_id = :account AND asset = 'USDT' RETURNING account_id, asset)
		$note -5 * (:amount)::numeric FROM w;} =~ s/\n\t+/ /gr,
	'081_repay@6' => $account . 'SELECT count(*) FROM desk.repay(:account, 900);');

for my $level ('read committed', 'repeatable read', 'serializable')
{
	sql("ALTER DATABASE postgres SET default_transaction_isolation = '$level'");
	# what fails to serialize is tried again
	$node->pgbench('--no-vacuum --max-tries=100000 --client=' . CLIENTS . ' --transactions=' . TRANSACTIONS,
		0, [qr/processed: @{[ CLIENTS * TRANSACTIONS ]}/], [qr/^(?!.*(?:ERROR|aborted))/s], "$level: no error that a retry does not mend", 
		{ map { $_ =~ s/^081/081 $level/r =~ tr/ /_/r => $scripts{$_} } keys %scripts });
	sql("ALTER DATABASE postgres RESET default_transaction_isolation");

	cmp_ok(sql('SELECT count(*) FROM desk.repayment_entry'), '>', CLIENTS * TRANSACTIONS / 20, "$level: conversions");
	is(sql(q{SELECT account_id, asset, quantity FROM desk.balance WHERE account_id <> 900 AND asset <> 'USDT' AND quantity < 0}),
		'', "$level: no funding asset is overdrawn");
	is(sql(q{
		SELECT asset, b.quantity - coalesce(m.quantity, 0) FROM
			(SELECT asset, sum(quantity) AS quantity FROM desk.balance GROUP BY asset) AS b
			LEFT JOIN (SELECT asset, sum(quantity) AS quantity FROM moved GROUP BY asset) AS m USING (asset)
		WHERE b.quantity <> coalesce(m.quantity, 0)}), '', "$level: every asset sums to what was moved in and out");
	is(sql(q{
		SELECT asset, quantity, paid - repaid FROM desk.balance,
			LATERAL (SELECT coalesce(sum(e.paid) FILTER (WHERE funding_asset = asset), 0) AS paid,
							coalesce(sum(e.repaid) FILTER (WHERE debt_asset = asset), 0) AS repaid FROM desk.repayment_entry AS e) AS journal
		WHERE account_id = 900 AND quantity <> paid - repaid}), '', "$level: the house account is the mirror image of the journal");
	is(sql(q{
		SELECT b.account_id, asset, b.quantity, m.quantity FROM desk.balance AS b,
			LATERAL (SELECT coalesce(sum(quantity), 0) AS quantity FROM moved WHERE (moved.account_id, moved.asset) = (b.account_id, b.asset)) AS m,
			LATERAL (SELECT coalesce(sum(CASE asset WHEN funding_asset THEN -paid WHEN debt_asset THEN repaid END), 0) AS quantity
					   FROM desk.repayment_entry AS e WHERE e.account_id = b.account_id AND asset IN (funding_asset, debt_asset)) AS c
		WHERE b.account_id <> 900 AND b.quantity <> m.quantity + c.quantity}), '', "$level: and so is every account");
}

$node->stop;
done_testing();
