# A venue and a book replicated: logically, table by table and all at once, to
# a database that has made the same of its own; and by streaming to a standby,
# which answers everything that only reads.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $publisher = PostgreSQL::Test::Cluster->new('publisher');
$publisher->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$publisher->start;
my $subscriber = PostgreSQL::Test::Cluster->new('subscriber');
$subscriber->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$subscriber->start;

my $create = "CREATE EXTENSION margin; CREATE SCHEMA desk; SELECT margin.create_book('desk')";
$_->safe_psql('postgres', $create) for $publisher, $subscriber;

my @tables = split /\n/, $publisher->safe_psql('postgres', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind IN ('r', 'p') ORDER BY 1});
cmp_ok(@tables, '>', 20, 'tables');
is($publisher->safe_psql('postgres', q{
	SELECT c.relname FROM pg_class AS c
	 WHERE c.relnamespace = 'desk'::regnamespace AND c.relkind IN ('r', 'p')
	   AND NOT EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND i.indisprimary
	                      AND NOT EXISTS (SELECT FROM pg_attribute AS a
	                                       WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey) AND a.attgenerated <> ''))}),
	'', 'each has a primary key without generated columns');

$publisher->safe_psql('postgres', 'CREATE PUBLICATION everything FOR ALL TABLES');
$subscriber->safe_psql('postgres', q{CREATE SUBSCRIPTION copy CONNECTION '} . $publisher->connstr =~ s/'/''/gr . q{ dbname=postgres' PUBLICATION everything});
$subscriber->wait_for_subscription_sync($publisher, 'copy');

# Every row of every table, one by one.
sub rows_of
{
	my ($node) = @_;
	return join "\n", map { "-- $_\n" . join("\n", sort split /\n/, $node->safe_psql('postgres', "SELECT r FROM desk.$_ AS r")) } @tables;
}

# Everything that reads.
my @reading = (
	(map { "SELECT * FROM desk.$_ AS r ORDER BY r::text" } qw(holding flawed_holding account account_portfolio account_margin undercollateralized unpriced account_collateral account_position account_order
		account_stress reported_portfolio reported_margin report_levels report_shortfalls report_losses report_concentration report_exposure report_stress report_unpriced report_impact report_liquidations report_movers
		planned_change stale_price)),
	(map { "SELECT * FROM desk.$_" } 'account_margin(1)', 'account_margin(1, desk.market())', 'explain(1)', 'explain_text(1)', 'level_totals()', 'level_totals(now())', 'report_history()', 'report_worst()',
		'report_known_stress()', 'report_exposed_assets()', 'about()', (map { "report_$_(now())" } qw(levels unpriced shortfalls losses concentration exposure movers stress impact history worst liquidations))),
	(map { "SELECT desk.$_" } q{account_key('1')}, 'market()', q{market(timestamptz '2991-01-01 UTC')}, 'present_market(now())', 'past_market(now())', 'planned_change()', 'market_id()', 'release_ratios()', 'pausing_prices()', 'scenarios()',
		'repayment_rules()', 'interest_rates(now(), now())', 'venue_market()', 'venue_present_market(now())', 'venue_market_at(now())', 'venue_past_market(now())', 'venue_planned_change()', 'venue_release_ratios()',
		'venue_pausing_prices()', 'venue_scenarios()', 'venue_repayment_rules()', 'venue_interest_rates(now(), now())', 'snapshot_at(now())', 'snapshot_market(now())'),
	'SELECT * FROM desk.portfolios(now()) ORDER BY account_id', 'SELECT * FROM desk.account_margin_at(now()) ORDER BY account_id', 'SELECT * FROM desk.revalue(now(), desk.market()) ORDER BY account_id',
	'SELECT day FROM desk.snapshot_days()',
	q{SELECT length(margin.report_html('desk', (SELECT max(taken_at) FROM desk.snapshot))) > 1000},
	q{SELECT * FROM margin.report_csv('desk', 'levels')}, 'SELECT * FROM margin.books', 'SELECT * FROM margin.venues',
	q{SELECT * FROM margin.liquidation_map('desk', 'BTC')},
	q{SELECT p.account_id, margin.max_withdrawal(p.portfolio, desk.market(), 'USDT'), margin.liquidation_price(p.portfolio, desk.market(), 'BTC_USDT') FROM desk.account_portfolio AS p ORDER BY 1});

# What a statement says, its error if that is what it says.
sub answer
{
	my ($node, $query) = @_;
	my (undef, $out, $err) = $node->psql('postgres', $query);
	return $err =~ /ERROR:  (.*)/ ? "error: $1" : $out;
}

# What the publisher does arrives.
sub arrives
{
	my ($name, $sql) = @_;
	$publisher->safe_psql('postgres', $sql);
	$publisher->wait_for_catchup('copy');
	is(rows_of($subscriber), rows_of($publisher), "$name: the same rows");
	is($subscriber->safe_psql('postgres', 'SELECT * FROM desk.account_margin ORDER BY account_id'),
		$publisher->safe_psql('postgres', 'SELECT * FROM desk.account_margin ORDER BY account_id'), "$name: the same valuations");
	return;
}

# Partitions are made on both sides: a subscription copies rows, not tables.
$_->safe_psql('postgres', "SELECT margin.prepare_snapshots('desk')") for $publisher, $subscriber;
$subscriber->safe_psql('postgres', 'ALTER SUBSCRIPTION copy REFRESH PUBLICATION');
$subscriber->wait_for_subscription_sync($publisher, 'copy');

arrives('terms', q{
	SELECT margin.load_published('desk'), margin.load_scenarios('desk');
	INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001), ('OLD', 'USDT', NULL, 1);
	INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.005), ('BTC_USDT', 1000000, 0.01);
	INSERT INTO desk.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USDT', 0, 0.02);
	INSERT INTO desk.asset_change (asset, valid_from, liability_weight) VALUES ('BTC', '2990-01-01 UTC', 1.5);
	INSERT INTO desk.contract_change (contract, valid_from, settle, contract_size) VALUES ('OLD', '2990-01-01 UTC', 'USDT', 2);
	INSERT INTO desk.level_threshold VALUES ('warning', 0.6, 0.5);
	INSERT INTO desk.repayment_rule (asset, conversion_discount) VALUES ('BTC', 0.95);
	INSERT INTO desk.price_retention VALUES ('1 year');
	INSERT INTO desk.snapshot_retention VALUES ('1 year');
	INSERT INTO desk.admitted_owner VALUES ('somebody');
	SELECT margin.set_prices('desk', '{"assets": {"BTC": 60000, "USDT": 1, "USDC": 1}, "contracts": {"BTC_USDT": 60100}}')});
arrives('facts', q{
	INSERT INTO desk.balance (account_id, asset, quantity) VALUES (1, 'USDT', 10000), (1, 'BTC', 2), (2, 'USDT', 1000), (3, 'BTC', 0.5), (3, 'USDT', -20000), (900, 'USDT', 1000000);
	INSERT INTO desk.position (account_id, contract, quantity, entry_price, leverage)
	VALUES (1, 'BTC_USDT', 1500, 60500, 20), (2, 'BTC_USDT', -1900, 59800, NULL);
	INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price, leverage) VALUES (1, 'a', 'BTC_USDT', 10, 59000, 10), (1, 'b', 'BTC_USDT', -5, 62000, NULL), (2, 'a', 'BTC_USDT', 1, 50000, NULL);
	INSERT INTO desk.book_rule VALUES ('unrealized_gains_carry', 'false')});
arrives('updates', q{
	UPDATE desk.position SET quantity = -quantity WHERE account_id = 1;
	UPDATE desk.open_order SET quantity = quantity / 2, price = price + 1 WHERE account_id = 1;
	UPDATE desk.open_order SET order_id = 'z' WHERE account_id = 2;
	UPDATE desk.book_rule SET value = 'true';
	UPDATE desk.position SET entry_price = entry_price + 1, leverage = 5;
	UPDATE desk.balance SET quantity = quantity + 1 WHERE asset = 'USDT';
	UPDATE desk.asset SET asset = 'XBT' WHERE asset = 'BTC';
	UPDATE desk.balance SET asset = 'XBT' WHERE asset = 'BTC';
	UPDATE desk.scenario SET relative = -0.15 WHERE scenario = 'market -10 %' AND asset IS NULL;
	UPDATE desk.risk_tier SET maintenance_rate = 0.02 WHERE lower_bound = 1000000;
	UPDATE desk.level_threshold SET release_ratio = NULL});
arrives('levels, guard, repayment, snapshots, run', q{
	SELECT margin.enable_guard('desk'), margin.enable_levels('desk');
	SELECT margin.refresh_levels('desk');
	BEGIN;
	SET LOCAL margin.guard = record;
	SELECT count(*) FROM desk.repay(3, 900);
	INSERT INTO desk.accrual_house VALUES ('interest', 900), ('funding', 900);
	INSERT INTO desk.interest_rate (asset, hourly_rate) VALUES ('USDT', 0.001);
	SELECT margin.accrue_interest('desk'), margin.settle_funding('desk', 'BTC_USDT', 0.0001, now());
	INSERT INTO desk.balance VALUES (2, 'USDC', -500);
	COMMIT;
	SELECT margin.take_snapshot('desk'), margin.take_snapshot('desk', 'changes')});
$publisher->safe_psql('postgres', "CALL margin.run_reports('desk')");
$publisher->wait_for_catchup('copy');
is(answer($subscriber, $_), answer($publisher, $_), "subscriber: $_") for @reading;
arrives('deletes', q{
	SELECT margin.disable_guard('desk'), margin.disable_levels('desk');
	DELETE FROM desk.position WHERE account_id = 2;
	DELETE FROM desk.open_order WHERE order_id <> 'b';
	DELETE FROM desk.book_rule;
	DELETE FROM desk.balance WHERE account_id = 3;
	DELETE FROM desk.contract WHERE contract = 'OLD';
	DELETE FROM desk.index_price WHERE asset = 'USDC';
	SELECT margin.prune_price_history('desk', '0')});
arrives('truncate', q{TRUNCATE desk.position, desk.open_order; TRUNCATE desk.mark_price});
arrives('a published market', q{
	SELECT margin.enable_publishing('desk', history => true);
	SELECT margin.set_prices('desk', '{"assets": {"XBT": 59000}, "contracts": {"BTC_USDT": 60000}}');
	UPDATE desk.index_price SET price = 59001 WHERE asset = 'XBT'});
is($publisher->safe_psql('postgres', q{SELECT count(*) FROM pg_replication_slots WHERE NOT active}), 0, 'the subscription never stopped');

# ---------------------------------------------------------------------------
# A market that travels: nothing of the venue but that row
# ---------------------------------------------------------------------------

$publisher->safe_psql('postgres', 'CREATE PUBLICATION market FOR TABLE desk.published_market');
$subscriber->safe_psql('postgres', 'CREATE DATABASE piece');
$subscriber->safe_psql('piece', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	CREATE TABLE desk.published_market (id bigint, at timestamptz, valid_until timestamptz, market margin.market, release_ratios numeric[], pausing_prices jsonb,
		scenarios margin.price_move[], repayment_rules margin.repayment_rule[], only_row boolean PRIMARY KEY);
	CREATE SCHEMA piece;
	SELECT margin.create_book('piece', market => 'desk.published_market')});
$subscriber->safe_psql('piece', q{CREATE SUBSCRIPTION market CONNECTION '} . $publisher->connstr =~ s/'/''/gr . q{ dbname=postgres' PUBLICATION market});
$subscriber->wait_for_subscription_sync($publisher, 'market', 'piece');
my $holdings = q{
	INSERT INTO SCHEMA.balance VALUES (41, 'USDT', 10000), (41, 'XBT', 2), (42, 'USDT', 1000), (43, 'XBT', 0.5), (43, 'USDT', -20000);
	INSERT INTO SCHEMA.position (account_id, contract, quantity, entry_price) VALUES (42, 'BTC_USDT', -1900, 59800)};
$publisher->safe_psql('postgres', $holdings =~ s/SCHEMA/desk/gr);
$subscriber->safe_psql('piece', $holdings =~ s/SCHEMA/piece/gr);

# The piece, which knows a part of the accounts, says what the whole says of them.
sub piece_agrees
{
	my ($name, $sql, $arrived) = @_;
	$publisher->safe_psql('postgres', $sql);
	$publisher->wait_for_catchup('market') unless $arrived;
	for my $view (qw(account_margin account_collateral account_position account_stress))
	{
		my $query = "SELECT r FROM SCHEMA.$view AS r WHERE account_id BETWEEN 41 AND 43 ORDER BY r::text";
		is($subscriber->safe_psql('piece', $query =~ s/SCHEMA/piece/r), $publisher->safe_psql('postgres', $query =~ s/SCHEMA/desk/r), "$name: $view of the piece");
	}
	return;
}

piece_agrees('prices', q{SELECT margin.set_prices('desk', '{"assets": {"XBT": 58000}, "contracts": {"BTC_USDT": 59500}}')});
piece_agrees('edits', q{SELECT margin.enable_publishing('desk', edits => true, history => true); UPDATE desk.asset SET liability_weight = 1.5 WHERE asset = 'USDT'});
is($subscriber->safe_psql('piece', q{SELECT margin.enable_levels('piece'); SELECT margin.enable_guard('piece'); SELECT margin.refresh_levels('piece') > 0}), "\n\nt", 'levels of the piece');
$publisher->safe_psql('postgres', q{UPDATE desk.mark_price SET price = 60250});
$publisher->wait_for_catchup('market');
is($subscriber->safe_psql('piece', q{SELECT margin.refresh_levels('piece') > 0; SELECT count(*) FROM margin.check_levels('piece');
	SELECT market_id = (SELECT id FROM desk.published_market) FROM piece.level_event ORDER BY id DESC LIMIT 1}), "t\n0\nt", 'follow the market, and name it');
$publisher->safe_psql('postgres', q{INSERT INTO desk.venue_rule VALUES ('publish_for', '10 ms'); SELECT pg_sleep(0.02)});
$publisher->wait_for_catchup('market');
my (undef, undef, $over) = $subscriber->psql('piece', 'SELECT * FROM piece.account_margin');
like($over, qr/the published market of book "piece" has expired.*It is market \d+ of .*, and was valid until /s, 'an old price is none');
(undef, undef, $over) = $subscriber->psql('piece', q{INSERT INTO piece.balance VALUES (41, 'USDC', -1)});
like($over, qr/has expired/, 'and nothing is judged by it');
piece_agrees('published again', q{DELETE FROM desk.venue_rule});
$subscriber->safe_psql('piece', 'DROP SUBSCRIPTION market');

# The row may also be read where it stands.
SKIP:
{
	skip 'no postgres_fdw', 9 if $subscriber->safe_psql('piece', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'}) == 0;
	my ($host, $port) = ($publisher->host, $publisher->port);
	$subscriber->safe_psql('piece', qq{
		CREATE EXTENSION postgres_fdw;
		CREATE SERVER venue FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'postgres');
		CREATE USER MAPPING FOR CURRENT_USER SERVER venue;
		CREATE SCHEMA remote;
		IMPORT FOREIGN SCHEMA desk LIMIT TO (published_market) FROM SERVER venue INTO remote;
		SELECT margin.drop_book('piece');
		SELECT margin.create_book('piece', market => 'remote.published_market')});
	$subscriber->safe_psql('piece', $holdings =~ s/SCHEMA/piece/gr);
	piece_agrees('foreign table', q{SELECT margin.set_prices('desk', '{"assets": {"XBT": 57000}, "contracts": {"BTC_USDT": 58500}}')}, 1);
	$subscriber->safe_psql('piece', q{SELECT margin.enable_levels('piece'), margin.enable_guard('piece'); SELECT margin.refresh_levels('piece')});
	# in a session of its own each: the judgement may be the first to ask for the market
	$subscriber->safe_psql('piece', q{UPDATE piece.balance SET quantity = quantity + 1 WHERE account_id = 41 AND asset = 'USDT'});
	my (undef, undef, $refusal) = $subscriber->psql('piece', q{UPDATE piece.balance SET quantity = -1000000 WHERE account_id = 41 AND asset = 'USDT'});
	like($refusal, qr/insufficient margin in account "41"/, 'foreign table: judged at the end of the transaction');
	$subscriber->safe_psql('piece', q{BEGIN; SET LOCAL margin.guard = record; UPDATE piece.balance SET quantity = -1000000 WHERE account_id = 41 AND asset = 'USDT'; COMMIT});
	is($subscriber->safe_psql('piece', q{
		SELECT to_level, cause, market_id = (SELECT id FROM remote.published_market) FROM piece.level_event ORDER BY id DESC LIMIT 1}), 'bankrupt|write|t',
		'foreign table: levels are written there');
	is($subscriber->safe_psql('piece', q{
		BEGIN;
		UPDATE piece.balance SET quantity = 10000 WHERE account_id = 41 AND asset = 'USDT';
		SET CONSTRAINTS ALL IMMEDIATE;
		UPDATE piece.balance SET quantity = 10001 WHERE account_id = 41 AND asset = 'USDT';
		COMMIT;
		SELECT level FROM piece.account_level WHERE account_id = 41}), 'healthy', 'foreign table: judged early and again');
	is($subscriber->safe_psql('piece', q{SET max_parallel_workers_per_gather = 2; SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0;
		SELECT count(*) FROM piece.kept_margin}), 3, 'foreign table: with parallel workers');
	is($subscriber->safe_psql('piece', q{SELECT count(*) FROM margin.check_levels('piece')}), 0, 'foreign table: levels are right');
}
$publisher->safe_psql('postgres', q{DROP PUBLICATION market; SELECT margin.disable_publishing('desk'); DELETE FROM desk.balance WHERE account_id BETWEEN 41 AND 43; DELETE FROM desk.position WHERE account_id BETWEEN 41 AND 43});

# A subscriber's own levels are found by refreshing them: triggers of statements
# do not fire where rows are applied.  PostgreSQL does not replicate sequences;
# who writes journals of his own beside replicated ones moves them on.
$subscriber->safe_psql('postgres', q{SELECT setval(pg_get_serial_sequence('desk.level_event', 'id'), max(id) + 1000000) FROM desk.level_event});
my $note = $subscriber->safe_psql('postgres', q{
	SELECT margin.enable_guard('desk'), margin.enable_levels('desk');
	SELECT count(*) FROM margin.guarded_tables() WHERE guard AND levels});
is($note, "|\n3", 'guard and levels on at the subscriber');
$publisher->safe_psql('postgres', q{INSERT INTO desk.balance VALUES (7, 'USDT', -5)});
$publisher->wait_for_catchup('copy');
is($subscriber->safe_psql('postgres', q{SELECT quantity FROM desk.balance WHERE account_id = 7}), -5, 'do not stand in the way of what is applied');
is($subscriber->safe_psql('postgres', q{SELECT margin.refresh_levels('desk') > 0; SELECT level FROM desk.account_level WHERE account_id = 7}),
	"t\nbankrupt", 'and a refresh finds it');
my ($status, undef, $err) = $subscriber->psql('postgres', q{INSERT INTO desk.balance VALUES (8, 'USDT', -5)});
like($err, qr/insufficient margin in account "8"/, 'what is written there itself is judged');
$subscriber->safe_psql('postgres', 'DROP SUBSCRIPTION copy');

# A change of prices that is applied reaches a session that keeps the market.
# (Triggers that fire always send it; nothing else of the guard does.)
is($subscriber->safe_psql('postgres', q{
	SELECT count(*) FROM pg_trigger WHERE tgenabled = 'A' AND tgfoid <> 'margin_internal.market_changed'::regproc}), 0,
	'nothing but that fires always');

# Levels of one's own: all tables but those of levels come along, and every
# refresh finds what was written, though no trigger saw it.
my $own = PostgreSQL::Test::Cluster->new('own_levels');
$own->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$own->start;
$own->safe_psql('postgres', $create);
$own->safe_psql('postgres', "SELECT margin.prepare_snapshots('desk')");
$publisher->safe_psql('postgres', 'CREATE PUBLICATION facts FOR TABLE ' . join ', ', map { "desk.$_" } grep { !/^(?:account_level|level_(?:basis|epoch|event))$/ } @tables);
$own->safe_psql('postgres', q{CREATE SUBSCRIPTION facts CONNECTION '} . $publisher->connstr =~ s/'/''/gr . q{ dbname=postgres' PUBLICATION facts});
$own->wait_for_subscription_sync($publisher, 'facts');
$own->safe_psql('postgres', q{SELECT margin.enable_levels('desk')});
for my $quantity (-5, 5, -6)
{
	$publisher->safe_psql('postgres', "UPDATE desk.balance SET quantity = $quantity WHERE account_id = 7");
	$publisher->wait_for_catchup('facts');
	$_->safe_psql('postgres', q{SELECT margin.refresh_levels('desk')}) for $publisher, $own;
	my $levels = 'SELECT account_id, level FROM desk.account_level WHERE level <> $$healthy$$ ORDER BY 1';
	is($own->safe_psql('postgres', $levels), $publisher->safe_psql('postgres', $levels), "levels of a subscriber's own, $quantity");
	is($own->safe_psql('postgres', q{SELECT count(*) FROM margin.check_levels('desk')}), 0, 'which are right');
}
is($own->safe_psql('postgres', 'SELECT from_level, to_level FROM desk.level_event WHERE account_id = 7 ORDER BY id'), "healthy|bankrupt\nbankrupt|healthy\nhealthy|bankrupt", 'each change is an event');
$own->safe_psql('postgres', 'DROP SUBSCRIPTION facts');

# ---------------------------------------------------------------------------
# Streaming
# ---------------------------------------------------------------------------

$publisher->safe_psql('postgres', "SELECT margin.set_prices('desk', '{\"contracts\": {\"BTC_USDT\": 60200}}')");
$publisher->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($publisher, 'base', has_streaming => 1);
$standby->start;
$publisher->safe_psql('postgres', q{INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (1, 'BTC_USDT', 100, 60000); INSERT INTO desk.open_order VALUES (1, 'c', 'BTC_USDT', 5, 59000)});
$publisher->wait_for_catchup($standby);
my @asked = (@reading, (map { "SELECT * FROM desk.$_ AS r ORDER BY r::text" } qw(kept_portfolio kept_margin)), 'SELECT * FROM margin.guarded_tables() ORDER BY 1::text');
is(answer($standby, $_), answer($publisher, $_), "standby: $_") for @asked;
my %asked = map { $_ => 1 } map { /\bdesk\.(\w+)/g } @asked;
is(join(' ', grep { !$asked{$_} } split /\n/, $publisher->safe_psql('postgres', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind = 'v'
	UNION SELECT proname FROM pg_proc WHERE pronamespace = 'desk'::regnamespace AND prorettype <> 'trigger'::regtype AND provolatile <> 'v' ORDER BY 1})), '', 'nothing was left out');
(undef, undef, $err) = $standby->psql('postgres', q{SELECT margin.refresh_levels('desk')});
like($err, qr/cannot execute .* (?:during recovery|in a read-only transaction)/, 'what writes says that it cannot');

$_->stop for $standby, $own, $subscriber, $publisher;
done_testing();
