# A book over two shards, by postgres_fdw: three servers, and a book on one of
# them that holds the same rows, whose answers are the same in every column of
# every view and report.  What is written across shards is refused whole, or
# says why not.

use strict;
use warnings;

use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my %node = map { $_ => PostgreSQL::Test::Cluster->new($_) } qw(coordinator shard1 shard2);
for my $node (values %node)
{
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', "max_prepared_transactions = 4\n");
	$node->start;
}

# Runs SQL on a node; dies where it fails.
sub on
{
	my ($name, $sql) = @_;
	return $node{$name}->safe_psql('postgres', $sql);
}

# What SQL that must fail says.
sub failure
{
	my ($name, $sql) = @_;
	my ($status, $out, $err) = $node{$name}->psql('postgres', $sql, on_error_stop => 1);
	isnt($status, 0, "refused: $sql");
	return $err;
}

# ---------------------------------------------------------------------------
# The same market and the same rows, twice
# ---------------------------------------------------------------------------

my $venue = q{
	CREATE SCHEMA mkt;
	SELECT margin.create_venue('mkt'), margin.load_published('mkt'), margin.load_scenarios('mkt');
	INSERT INTO mkt.asset (asset) VALUES ('ETH');
	INSERT INTO mkt.collateral_tier (asset, lower_bound, ratio) VALUES ('ETH', 0, 0.95), ('ETH', 20, 0.9), ('ETH', 400, 0);
	INSERT INTO mkt.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USDT', 0, 0.01), ('USDT', 50000, 0.02);
	INSERT INTO mkt.contract (contract, settle, base, contract_size)
	VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001), ('ETH_USDT', 'USDT', 'ETH', 0.01), ('ETH_BTC', 'BTC', 'ETH', 0.1);
	INSERT INTO mkt.risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
	SELECT c, b, r, 2 * r FROM unnest('{BTC_USDT,ETH_USDT,ETH_BTC}'::text[]) AS c, (VALUES (0, 0.005), (1000, 0.01), (100000, 0.025)) AS t (b, r);
	INSERT INTO mkt.index_price (asset, price) VALUES ('BTC', 60123.45), ('ETH', 3011.7), ('USDT', 0.9998), ('USDC', 1);
	INSERT INTO mkt.mark_price (contract, price) VALUES ('BTC_USDT', 60150.5), ('ETH_USDT', 3010.25), ('ETH_BTC', 0.05012);
	INSERT INTO mkt.level_threshold (level, margin_ratio, release_ratio) VALUES ('warning', 0.7, 0.6);
};
on('coordinator', "CREATE DATABASE single");
on($_, 'CREATE EXTENSION margin') for keys %node;
on('coordinator', "CREATE EXTENSION postgres_fdw; $venue");
for my $shard (1, 2)
{
	my $node = $node{"shard$shard"};
	on('coordinator', sprintf(q{
		CREATE SERVER shard%s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '%s', port '%s', dbname 'postgres', extensions 'margin');
		CREATE USER MAPPING FOR PUBLIC SERVER shard%s OPTIONS (user '%s')}, $shard, $node->host, $node->port, $shard, on('coordinator', 'SELECT current_user')));
}
$node{coordinator}->safe_psql('single', "CREATE EXTENSION margin; $venue SELECT margin.enable_publishing('mkt')");

# Healthy, indebted, crushed, unpriced and flat accounts; a fixed set, whose
# numbers look random.
my $accounts = 300;

sub rows
{
	my ($book, $key) = @_;
	return qq{
	CREATE TEMPORARY TABLE drawn AS
	SELECT $key AS account_id, i, (hashint4extended(i, 1) % 1000 + 1000) % 1000 AS a, (hashint4extended(i, 2) % 1000 + 1000) % 1000 AS b,
	       (hashint4extended(i, 3) % 1000 + 1000) % 1000 AS c
	  FROM generate_series(1, $accounts) AS i;
	INSERT INTO $book.balance (account_id, asset, quantity)
	SELECT account_id, 'USDT', (a - 300) * 37.25 FROM drawn
	UNION ALL SELECT account_id, 'BTC', b / 400.0 FROM drawn WHERE b % 3 > 0
	UNION ALL SELECT account_id, 'ETH', (c - 200) / 15.0 FROM drawn WHERE c % 2 = 0
	UNION ALL SELECT account_id, 'PEPE', 17 FROM drawn WHERE i % 97 = 0;
	INSERT INTO $book.position (account_id, contract, quantity, entry_price, leverage)
	SELECT account_id, 'BTC_USDT', a - 500, 60000 + b, nullif(c % 20, 0) FROM drawn WHERE a % 5 > 1
	UNION ALL SELECT account_id, 'ETH_USDT', b - 480, 2900 + c / 4.0, 10 FROM drawn WHERE b % 4 = 1
	UNION ALL SELECT account_id, 'ETH_BTC', c - 510, 0.05, NULL FROM drawn WHERE c % 7 = 1;
	INSERT INTO $book.open_order (account_id, order_id, contract, quantity, price, leverage)
	SELECT account_id, 'o' || i, 'BTC_USDT', b - 500, 59000 + a, 5 FROM drawn WHERE i % 6 = 0;
	DROP TABLE drawn};
}

my %key = (desk => [ 'bigint', 'i::bigint' ], clients => [ 'uuid', q{md5(i::text)::uuid} ], shop => [ 'text', q{'c' || i} ]);

for my $book (sort keys %key)
{
	my ($type, $expression) = @{ $key{$book} };
	on($_, "CREATE SCHEMA $book; SELECT margin.create_shard('$book', '$type')") for 'shard1', 'shard2';
	on('coordinator', "CREATE SCHEMA $book; SELECT margin.create_cluster('$book', 'mkt', '{shard1,shard2}', '$type');" . rows($book, $expression) . "; SELECT margin.analyze_cluster('$book')");
	$node{coordinator}->safe_psql('single', "CREATE SCHEMA $book; SELECT margin.create_book('$book', market => 'mkt.published_market', account_type => '$type');" . rows($book, $expression));
	cmp_ok(on($_, "SELECT count(*) FROM $book.account"), '>', $accounts / 3, "$book: $_ has its part of the accounts") for 'shard1', 'shard2';
	is(on('coordinator', "SELECT count(*) FROM $book.account"), $accounts, "$book: together they have all");
}

# ---------------------------------------------------------------------------
# Identity
# ---------------------------------------------------------------------------

# Columns that say when, or which of a sequence; a venue publishes at its own pace.
my $own = join '|', qw(id since epoch room mask changed_at txid taken_at booked_at seen_at market_id at base received_at valid_until);

# Runs queries on both in one session each, and compares what each returns, or
# the code of its error.
sub same_all
{
	my @queries = @_;
	my $script = join "\n", (map { "$_->[1];\n\\echo '==' :SQLSTATE" } @queries), '';
	my @answers;
	for my $database ('single', 'postgres')
	{
		my ($status, $out, $err) = $node{coordinator}->psql($database, $script, on_error_stop => 0);
		push @answers, [ split /^(?<=\n)?(== \w+)$/m, $out ];
	}
	for my $i (0 .. $#queries)
	{
		my ($expected, $got) = map { join "\n", @{$_}[ 2 * $i, 2 * $i + 1 ] } @answers;
		is($got, $expected, $queries[$i][0]);
		isnt($answers[0][ 2 * $i ] =~ s/\s//gr, '', "$queries[$i][0]: there is something") if $queries[$i][2];
		like($expected, qr/== 00000/, "$queries[$i][0]: no error") if $queries[$i][2];
	}
	return;
}

sub same
{
	my ($name, $sql) = @_;
	return same_all([ $name, $sql, 1 ]);
}

sub same_relations
{
	my ($book, $moment) = @_;
	my @relations = split /\n/, $node{coordinator}->safe_psql('single', qq{
		SELECT relname || ' ' || string_agg(quote_ident(attname), ',' ORDER BY attnum) FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid
		 WHERE relnamespace = '$book'::regnamespace AND relkind IN ('v', 'r', 'p') AND NOT relispartition
		   AND relname NOT IN ('market_source', 'level_basis', 'level_epoch', 'report_impact')
		   AND attnum > 0 AND NOT attisdropped AND attname !~ '^($own)\$' GROUP BY relname ORDER BY relname});
	cmp_ok(@relations, '>', 30, "$book: relations");
	same_all(map {
		my ($relation, $columns) = split / /;
		[ "$book.$relation $moment", "SELECT r FROM (SELECT $columns FROM $book.$relation) AS r ORDER BY r::text COLLATE \"C\"",
			$relation =~ /^(?:account|holding|balance|position|open_order|unpriced|undercollateralized|reported_|report_)/ && $relation !~ /^account_(?:level|snapshot)$|^report_(?:movers|run)$/ ]
	} @relations);
	return;
}

sub same_reports
{
	my ($book, $as_of) = @_;
	# in their order, too
	same_all((map { [ "$book: $_($as_of)", "SELECT * FROM $book.$_($as_of)", 1 ] }
			qw(report_levels report_unpriced report_shortfalls report_losses report_concentration report_exposure report_stress report_known_stress report_liquidations report_exposed_assets report_worst)),
		[ "$book: all shortfalls of $as_of", "SELECT * FROM $book.report_shortfalls($as_of, NULL)", 1 ],
		(map { [ "$book: section $_ of $as_of", "SELECT * FROM margin.report_rows('$book', '$_', $as_of)", 1 ] } 'levels', 'stress', 'worst'));
	return;
}

for my $book (sort keys %key)
{
	my ($account) = $node{coordinator}->safe_psql('single', "SELECT min(account_id::text) FROM $book.undercollateralized");
	same_relations($book, 'now') ;
	same_reports($book, 'NULL');
	same_all((map { [ "$book: $_ of one account", "SELECT * FROM $book.$_($book.account_key('$account'))", 1 ] } qw(account_margin explain explain_text)),
		[ "$book: one account by key", "SELECT * FROM $book.account_margin WHERE account_id = $book.account_key('$account')", 1 ],
		[ "$book: one account in another market",
			"SELECT * FROM $book.account_margin($book.account_key('$account'), margin.shock($book.market(), ARRAY[ROW(NULL, 'BTC', NULL, -0.1, NULL)::margin.price_move]))", 1 ],
		[ "$book: the house", "SELECT margin.rollup(portfolio) FROM $book.account_portfolio", 1 ],
		[ "$book: liquidation map", "SELECT * FROM margin.liquidation_map('$book', asset => 'BTC', moves => '{-0.3,0,0.3}')", 1 ]);
	is(on('coordinator', "SELECT portfolio FROM $book.house"), on('coordinator', "SELECT margin.rollup(portfolio) FROM $book.account_portfolio"), "$book: a roll-up of roll-ups");
}


# Parameters of other times are where the venue is: more than on the other one.
on('coordinator', q{INSERT INTO mkt.asset_change (asset, valid_from, liability_weight) VALUES ('USDT', '2100-01-01 UTC', 1.5)});
cmp_ok(on('coordinator', 'SELECT count(*) FROM desk.report_impact'), '>', 20, 'what a planned change would do');
on('coordinator', 'DELETE FROM mkt.asset_change');

# A shard refuses the accounts of another one, however they are written: else they
# would count in totals and not be found by their keys.
for my $book (sort keys %key)
{
	my $expression = $key{$book}[1];
	for my $shard (1, 2)
	{
		my ($other, $present) = map { on('coordinator', "SELECT $expression FROM generate_series($_) AS i
			WHERE satisfies_hash_partition('$book.balance'::regclass, 2, 2 - $shard, $expression) ORDER BY i LIMIT 1") } '20001, 20100', "1, $accounts";
		my $here = on("shard$shard", "SELECT min(account_id::text) FROM $book.balance");
		like(failure("shard$shard", "INSERT INTO $book.$_"), qr/violates check constraint "\w+_of_this_shard"/, "$book: shard $shard keeps to its part")
		  for "balance VALUES ('$other', 'USDT', 1)", "position (account_id, contract, quantity, entry_price) VALUES ('$other', 'BTC_USDT', 1, 60000)",
		  "open_order VALUES ('$present', 'x', 'BTC_USDT', 1, 60000)";
		like(failure('coordinator', "UPDATE $book.balance SET account_id = '$other' WHERE account_id = '$here'"), qr/violates check constraint "balance_of_this_shard"/,
			"$book: no UPDATE moves an account");
	}
}
on('coordinator', 'CREATE SCHEMA swapped');
like(failure('coordinator', q{SELECT margin.create_cluster('swapped', 'mkt', '{shard2,shard1}', shard_book => 'desk')}),
	qr/table "balance" of the shard has rows of accounts that belong on another shard/, 'no cluster finds rows where they do not belong');
is(on($_, q{SELECT count(*), count(DISTINCT pg_get_constraintdef(oid)) FROM pg_constraint WHERE conname ~ '_of_this_shard$' AND conrelid::regclass::text ~ '^desk'}), '3|1', "$_: its rule stands") for 'shard1', 'shard2';

# What was dumped keeps to its part.
my $dump = "$PostgreSQL::Test::Utils::tmp_check/shard.sql";
on('shard1', 'CREATE DATABASE restored');
$node{shard1}->safe_psql('restored', 'CREATE EXTENSION margin');
$node{shard1}->command_ok([ 'pg_dump', '--schema=desk', "--file=$dump", '-d', $node{shard1}->connstr('postgres') ], 'a shard is dumped');
$node{shard1}->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node{shard1}->connstr('restored'), '-f', $dump ], 'and restored');
is($node{shard1}->safe_psql('restored', 'SELECT count(*) FROM desk.balance'), on('shard1', 'SELECT count(*) FROM desk.balance'), 'with its rows');
$node{shard1}->psql('restored', sprintf('INSERT INTO desk.balance SELECT account_id, \'X\', 1 FROM (VALUES (%s)) AS v (account_id)', on('shard2', 'SELECT min(account_id) FROM desk.balance')), stderr => \my $refusal);
like($refusal, qr/violates check constraint "balance_of_this_shard"/, 'and its rule');
on('shard1', 'DROP DATABASE restored');

# Where the work is done.
my $plan = on('coordinator', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM desk.account_margin');
is(() = $plan =~ /Remote SQL: SELECT account_id, margin_internal\.valued_amount\(margin\.evaluate\(margin\.portfolio\(/g, 2, 'valuations are computed by each shard, in the market of the coordinator') or diag $plan;
unlike($plan, qr/Remote SQL: [^\n]*\$2/, 'which goes there once') or diag $plan;
$plan = on('coordinator', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT count(*), sum(equity) FROM desk.account_margin');
is(join(' ', map { scalar(() = /evaluate\(/g) } grep { /Remote SQL/ } split /\n/, $plan), '1 1', 'no column travels that is not asked for') or diag $plan;
$plan = on('coordinator', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM desk.undercollateralized');
is(() = $plan =~ /Remote SQL: [^\n]* HAVING \(+margin\.level\(/g, 2, 'who is not undercollateralized stays there') or diag $plan;
$plan = on('coordinator', 'SET enable_partitionwise_aggregate = on; EXPLAIN (VERBOSE, COSTS OFF) SELECT account_id, margin.level(margin.portfolio(symbol, quantity, entry_price, leverage, kind), (SELECT desk.market())) FROM desk.holding GROUP BY account_id HAVING count(*) > 3');
is(() = $plan =~ /Remote SQL: SELECT account_id, margin\.level\(margin\.portfolio\(/g, 2, 'aggregates by account ship') or diag $plan;
$plan = on('coordinator', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM desk.holding WHERE account_id = 3');
is(() = $plan =~ /Remote SQL/g, 1, 'one account asks one shard') or diag $plan;
$plan = on('coordinator', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM desk.account_margin(3)');
is(() = $plan =~ /Remote SQL/g, 1, 'and so does its valuation') or diag $plan;

# ---------------------------------------------------------------------------
# Levels, snapshots, prices
# ---------------------------------------------------------------------------

on('shard1', "SELECT margin.enable_levels('desk')"), on('shard2', "SELECT margin.enable_levels('desk')");
$node{coordinator}->safe_psql('single', "SELECT margin.enable_levels('desk')");
# Kept from now on: a first pass through the coordinator would not keep them, as
# what reaches a shard through postgres_fdw sees one instant only.
my $changed = on('shard1', "SELECT margin.refresh_levels('desk')") + on('shard2', "SELECT margin.refresh_levels('desk')");
is($changed, $node{coordinator}->safe_psql('single', "SELECT margin.refresh_levels('desk')"), 'as many levels change');
same_relations('desk', 'with levels kept');
on('coordinator', "SELECT margin.prepare_snapshots('desk')");
$node{coordinator}->safe_psql('single', "SELECT margin.prepare_snapshots('desk')");
same('nothing depends on the instant', "SELECT margin.take_snapshot('desk', '$_') IS NULL") for 'portfolios', 'full';
same_reports('desk', 'now()');
is(on('coordinator', q{SELECT count(*), count(*) FILTER (WHERE p.market_id = s.market_id), sum(p.accounts) FROM desk.snapshot_part AS p JOIN desk.snapshot AS s USING (taken_at) GROUP BY taken_at}), join("\n", ("2|2|$accounts") x 2),
	'each shard has its part of a snapshot, in one market');
is(on('shard1', 'SELECT array_agg(taken_at ORDER BY taken_at) FROM desk.snapshot'), on('shard2', 'SELECT array_agg(taken_at ORDER BY taken_at) FROM desk.snapshot'), 'under one name');
like(failure('coordinator', q{SELECT margin.take_snapshot('desk', 'changes')}), qr/cannot be one of changes/, 'no snapshot of changes');

my $tick = q{SELECT applied, level_changes FROM margin.set_prices('mkt', '{"assets": {"BTC": 57000, "ETH": 2800.5}, "contracts": {"BTC_USDT": 57010, "ETH_USDT": 2799}}', refresh => true)};
$node{coordinator}->safe_psql('single', q{INSERT INTO mkt.admitted_owner SELECT DISTINCT owner FROM margin.books});
is((split /\|/, on('coordinator', $tick))[0], 4, 'prices are set');
my ($judged) = split /\|/, $node{coordinator}->safe_psql('single', $tick);
$node{coordinator}->safe_psql('single', q{SELECT margin.refresh_levels('desk')});
is(on('coordinator', q{SELECT count(DISTINCT market_id), bool_and(reachable AND valid AND behind = 0 AND lag = '0' AND error IS NULL), sum(accounts) FROM margin.cluster_status('desk')}),
	"1|t|$accounts", 'all shards have the market');
cmp_ok(on('coordinator', q{SELECT sum(l.value::integer) FROM margin.cluster_status('desk') AS s, jsonb_each_text(s.levels) AS l}), '>=', $accounts, 'levels are counted');
same_relations('desk', 'after a tick');

# A refresh through the coordinator anchors whom it judges, as one on the shard does.
is(on($_, q{SELECT count(*) FROM desk.account_level WHERE epoch <= -2}), 0, "$_: nobody is left to be judged by every tick") for 'shard1', 'shard2';
is(on($_, q{SELECT margin.check_levels('desk')}), '', "$_: all levels are right") for 'shard1', 'shard2';
# An account written after the instant that the transaction sees on its shard is
# left to the next refresh, and so is whoever else would have been anchored.
on('shard1', q{UPDATE desk.balance SET quantity = quantity + 1 WHERE asset = 'USDT'});
my $pending = on('shard1', 'SELECT count(*) FROM desk.account_level WHERE epoch = -2');
cmp_ok($pending, '>', 0, 'written on the shard');
my $meanwhile = sprintf q{psql -X -q -v ON_ERROR_STOP=1 -d "%s" -c "UPDATE desk.balance SET quantity = quantity - 1 WHERE asset = 'USDT'"}, $node{shard1}->connstr('postgres');
my $move = sub { sprintf q{SELECT margin.set_prices('mkt', '{"assets": {"ETH": 2800.5}, "contracts": {"ETH_USDT": %s}}')}, $_[0] };
on('coordinator', 'BEGIN; SELECT count(*) FROM desk.balance; ' . $move->(2798) . ";\n\\! $meanwhile\nSELECT margin.refresh_levels('desk');\nCOMMIT");
is(on('shard1', 'SELECT count(*) FROM desk.account_level WHERE epoch = -2'), $pending, 'an account written meanwhile is no error');
on('coordinator', $move->(2799));
on('coordinator', q{SELECT margin.refresh_levels('desk')});
is(on('shard1', 'SELECT count(*) FROM desk.account_level WHERE epoch = -2'), 0, 'the next refresh judges them');
is(on($_, q{SELECT margin.check_levels('desk')}), '', "$_: all levels are right after it") for 'shard1', 'shard2';
$node{coordinator}->safe_psql('single', $move->($_) . "; SELECT margin.refresh_levels('desk')") for 2798, 2799;
same_relations('desk', 'after others wrote');

# A transaction that looked at a shard before the present market came there does not
# judge by the one before.
my $price = sub { "UPDATE mkt.mark_price SET price = $_[0] WHERE contract = 'ETH_USDT'" };
for my $level ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
{
	my $publish = sprintf q{psql -X -q -v ON_ERROR_STOP=1 -d "%s" -c "%s"}, $node{coordinator}->connstr('postgres'), $price->($level eq 'SERIALIZABLE' ? 2797 : 2796);
	like(failure('coordinator', "BEGIN ISOLATION LEVEL $level; SELECT count(*) FROM desk.balance;\n\\! $publish\nSELECT margin.refresh_levels('desk');\nCOMMIT"), qr/could not serialize/, "$level: not by an older market");
	on('coordinator', $price->(2799));
}
on('coordinator', q{SELECT margin.refresh_levels('desk')});


on('coordinator', q{CALL margin.run_reports('desk')});
is(on('coordinator', q{SELECT status, error FROM desk.report_run}), 'done|', 'a run');
like(on('coordinator', q{SELECT margin.report_html('desk')}), qr/<\/html>/, 'a page');
same('the report for machines', q{SELECT margin.report_json('desk')::jsonb - '{as_of,market_id,history}'::text[]});
is(on('coordinator', q{SELECT margin.report_json('desk') ->> 'market_id'}), on('coordinator', 'SELECT desk.market_id()'), 'which names its market');

# A shard whose market is another one is told of, not summed.
on('shard2', 'UPDATE desk.published_market SET id = id - 1');
like(failure('coordinator', 'SELECT * FROM desk.report_levels'), qr/not in the market of the coordinator, which is \d+: shard 2 has market/, 'sums of two markets');
is(on('coordinator', q{SELECT shard, behind FROM margin.cluster_status('desk') WHERE behind <> 0}), '2|1', 'the status says who is behind');
on('coordinator', q{SELECT margin.publish_market('mkt')});
same('published again', 'SELECT * FROM desk.report_levels');

# What has to run on the shards says so.
like(failure('coordinator', $_), qr/live on shards/, "refused: $_")
  for q{SELECT margin.accrue_interest('desk')}, q{SELECT margin.check_levels('desk')}, q{SELECT margin.drop_book('desk')}, q{SELECT margin.upgrade_book('desk')},
  q{SELECT margin.lock_accounts('desk', '{1}')}, q{SELECT margin.refresh_account_levels('desk', '{1}')};
like(failure('coordinator', q{SELECT margin.enable_guard('desk')}), qr/live on shards/, 'no guard here');
like(failure('coordinator', q{INSERT INTO desk.book_rule VALUES ('unrealized_gains_carry', 'false')}), qr/are on the shards/, 'no rules here');

# ---------------------------------------------------------------------------
# Writes across shards
# ---------------------------------------------------------------------------

on($_, q{SELECT margin.enable_guard('desk')}) for 'shard1', 'shard2';
# A rich and a poor account on each shard.
my %rich;
my %poor;
for my $shard (1, 2)
{
	($rich{$shard}, $poor{$shard}) = split /\n/, on('coordinator', qq{
		SELECT i FROM generate_series(10001, 10100) AS i WHERE satisfies_hash_partition('desk.balance'::regclass, 2, $shard - 1, i::bigint) ORDER BY i LIMIT 2});
	on('coordinator', "INSERT INTO desk.balance VALUES ($rich{$shard}, 'USDT', 5000), ($poor{$shard}, 'USDT', 100)");
}

sub transfer
{
	my ($from, $to, $judge) = @_;
	return "BEGIN; UPDATE desk.balance SET quantity = quantity + 700 WHERE account_id = $to AND asset = 'USDT'; "
	  . "UPDATE desk.balance SET quantity = quantity - 700 WHERE account_id = $from AND asset = 'USDT'; $judge COMMIT";
}

sub money
{
	return on('coordinator', q{SELECT sum(quantity) FROM desk.balance WHERE account_id BETWEEN 10000 AND 20000});
}

my $money = money();
my $judge = "SELECT margin.judge('desk');";
for my $pair ([ 1, 2 ], [ 2, 1 ])
{
	my ($from, $to) = @$pair;
	on('coordinator', transfer($rich{$from}, $rich{$to}, $judge));
	is(money(), $money, "a transfer from shard $from to $to arrives");
	like(failure('coordinator', transfer($poor{$from}, $rich{$to}, $judge)), qr/insufficient margin in account "$poor{$from}"/, "one that shard $from refuses");
	is(money(), $money, 'is written nowhere');
}
# Without the judgement it is written by half where the shard that refuses commits
# last, when the other has committed.  In which order they commit is the hash of an
# OID's affair: for at least one of the two directions it is the bad one.
like(failure('coordinator', transfer($poor{ $_->[0] }, $rich{ $_->[1] }, '')), qr/insufficient margin/, 'refused at the commit') for [ 1, 2 ], [ 2, 1 ];
cmp_ok(money(), '>=', $money + 700, 'without judge() a transfer is written by half');
on('coordinator', "UPDATE desk.balance SET quantity = 5000 WHERE account_id IN ($rich{1}, $rich{2}) AND asset = 'USDT'");
is(money(), $money, 'put right by hand');

# What was judged stays judged: until the end no shard takes another market.
my $says = "BEGIN; SELECT margin.judge('desk');\n";
my $held = IPC::Run::start([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node{coordinator}->connstr('postgres') ], '<', \$says, '>', \my $held_out, '2>', \my $held_err);
$held->pump while length $says;
ok($node{shard2}->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'desk.published_market'::regclass AND mode = 'ShareLock' AND granted}), 'a judgement holds the market');
$node{shard2}->psql('postgres', q{SET lock_timeout = '50ms'; UPDATE desk.published_market SET id = id}, stderr => \my $waits);
like($waits, qr/lock timeout/, 'whoever publishes waits');
$says .= "COMMIT;\n";
$held->finish;
is($held_err, '', 'then it commits');

# ---------------------------------------------------------------------------
# A clearing account: each step writes one shard, and a crash between two of
# them loses nothing
# ---------------------------------------------------------------------------

my $payer = $rich{1};
my $payee = $poor{2};
my %clearing;
for my $shard (1, 2)
{
	$clearing{$shard} = on('coordinator', "SELECT -i FROM generate_series(1, 100) AS i WHERE satisfies_hash_partition('desk.balance'::regclass, 2, $shard - 1, -i::bigint) ORDER BY i LIMIT 1");
	on("shard$shard", qq{
		CREATE TABLE transfer_out (id bigint PRIMARY KEY, account_id bigint, amount numeric);
		CREATE TABLE transfer_in (LIKE transfer_out INCLUDING ALL);
		INSERT INTO desk.balance VALUES ($clearing{$shard}, 'USDT', 100000)});
}
my $pays = qq{
	INSERT INTO transfer_out VALUES (1, $payee, 250);
	INSERT INTO desk.balance AS b VALUES ($payer, 'USDT', -250), ($clearing{1}, 'USDT', 250)
	    ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity;};
my $comes = qq{
	WITH come AS (INSERT INTO transfer_in VALUES (1, $payee, 250) ON CONFLICT DO NOTHING RETURNING account_id, amount)
	INSERT INTO desk.balance AS b SELECT account_id, 'USDT', amount FROM come UNION ALL SELECT $clearing{2}, 'USDT', -amount FROM come
	    ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity};

# What the payer, both clearing accounts and the payee have.
sub balances
{
	return join ' ', map { my ($node, $account) = @$_; on($node, "SELECT quantity FROM desk.balance WHERE account_id = $account AND asset = 'USDT'") }
	  [ 'shard1', $payer ], [ 'shard1', $clearing{1} ], [ 'shard2', $clearing{2} ], [ 'shard2', $payee ];
}

sub crash
{
	my ($name) = @_;
	$node{$name}->stop('immediate');
	$node{$name}->start;
	return;
}

my ($has, $gets) = (split / /, balances())[ 0, 3 ];
my $before = balances();
$node{shard1}->psql('postgres', "BEGIN; $pays ROLLBACK");
crash('shard1');
is(balances(), $before, 'a crash in the first step: nothing has happened');
on('shard1', "BEGIN; $pays COMMIT");
crash($_) for 'shard1', 'shard2';
is(balances(), join(' ', $has - 250, 100250, 100000, $gets), 'a crash after it: the clearing account has the money');
$node{shard2}->psql('postgres', "BEGIN; $comes; ROLLBACK");
crash('shard2');
is(balances(), join(' ', $has - 250, 100250, 100000, $gets), 'a crash in the second step: it still has');
on('shard2', $comes);
crash('shard2');
my $after = join ' ', $has - 250, 100250, 99750, $gets + 250;
is(balances(), $after, 'a crash after that: the money has come');
on('shard2', $comes);
is(balances(), $after, 'the second step is done once, however often');

# ---------------------------------------------------------------------------
# A shard that is down
# ---------------------------------------------------------------------------

my $id = on('coordinator', 'SELECT id FROM mkt.published_market');
$node{shard2}->stop('immediate');
is(on('coordinator', q{SELECT shard, reachable, market_id, error LIKE '%shard2%' FROM margin.cluster_status('desk')}), "1|t|$id|\n2|f||t", 'the status says who is down');
like(failure('coordinator', 'SELECT * FROM desk.report_levels'), qr/could not connect to server "shard2"/, 'no report of half a book');
like(failure('coordinator', 'SELECT count(*) FROM desk.account_margin'), qr/could not connect to server "shard2"/, 'no half of a view');
like(failure('coordinator', transfer($rich{2}, $rich{1}, $judge)), qr/could not connect to server "shard2"/, 'no half of a transfer');
like(failure('coordinator', q{SELECT margin.set_prices('mkt', '{"assets": {"BTC": 50000}}')}), qr/could not connect to server "shard2"/, 'no price for a half');
is(on('shard1', "SELECT quantity FROM desk.balance WHERE account_id = $rich{1} AND asset = 'USDT'"), on('coordinator', "SELECT quantity FROM desk.balance WHERE account_id = $rich{1} AND asset = 'USDT'"), 'who is on the other shard is read');
is(on('shard1', 'SELECT id FROM desk.published_market'), $id, 'nothing was written on the other shard');
is(on('coordinator', q{SELECT price FROM mkt.index_price WHERE asset = 'BTC'}), 57000, 'nor here');
$node{shard2}->start;
is(money(), $money, 'it is back, and nothing was lost');

# ---------------------------------------------------------------------------
# What is dropped
# ---------------------------------------------------------------------------

cmp_ok(on('coordinator', q{SELECT margin.drop_snapshots('desk', now() + interval '2 days')}), '>', 0, 'days of snapshots are dropped');
is(on('coordinator', 'SELECT (SELECT count(*) FROM desk.snapshot), (SELECT count(*) FROM desk.snapshot_part)'), '0|0', 'with what is known of their parts');
is(on($_, 'SELECT count(*) FROM desk.snapshot'), 0, "and on $_") for 'shard1', 'shard2';
on('shard1', q{CREATE SCHEMA spare; SELECT margin.create_shard('spare'); SELECT margin.drop_shard('spare')});
is(on('shard1', q{SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = 'spare'::regnamespace), (SELECT count(*) FROM pg_proc WHERE pronamespace = 'spare'::regnamespace)}), '0|0', 'of a shard nothing is left');

done_testing();
