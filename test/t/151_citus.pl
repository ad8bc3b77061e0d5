# A book over tables that Citus distributes: everything it answers it answers
# as on one server that holds the same rows, to the last digit of every column,
# and the rest is an error that says so; nothing is silently empty.  Guard and levels
# by a book of each shard on its worker.
#
# What the manual says to do is taken from there.
#
# CITUS_BIN names the pg_config of a server that has Citus; without it nothing
# is tested here.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $config = $ENV{CITUS_BIN} // '';
$config = "$config/pg_config" if -d $config;
my $share = $config ne '' && -x $config ? `$config --sharedir` =~ s/\n//r : '';
plan skip_all => 'CITUS_BIN names no pg_config of a server with Citus' unless -f "$share/extension/citus.control";

# That server with margin in it, in a directory of its own.
my $dir = PostgreSQL::Test::Utils::tempdir() . '/citus';
my $tree = PostgreSQL::Test::Utils::tempdir() . '/tree';
system("mkdir $tree && cp -r Makefile *.control META.json src test $tree && cd $tree && rm -f src/*/*.o src/*.o src/*/*.bc src/*.bc && PG_CONFIG=$config MAKEFLAGS=with_llvm=no test/server stage $dir") == 0
  or BAIL_OUT('margin does not build for it');
my $bindir = `$config --bindir` =~ s/\n//r;
$ENV{PATH} = "$dir/root$bindir:$ENV{PATH}";

sub start_node
{
	my ($name) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);
	$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
	my $host = $node->host;
	$node->append_conf('postgresql.conf', qq{
		shared_preload_libraries = 'citus'
		citus.node_conninfo = 'sslmode=disable'
		citus.local_hostname = '$host'
		citus.shard_count = 8
		max_connections = 60
		max_prepared_transactions = 20
		max_worker_processes = 20
		wal_level = logical
		max_wal_senders = 10
		max_replication_slots = 10});
	$node->start;
	return $node;
}

my ($citus, @workers) = map { start_node($_) } qw(coordinator worker1 worker2);
my $plain = PostgreSQL::Test::Cluster->new('plain');
$plain->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$plain->start;
diag('Citus ' . $citus->safe_psql('postgres', q{SELECT installed_version || default_version FROM (SELECT coalesce(installed_version, '') AS installed_version, default_version FROM pg_available_extensions WHERE name = 'citus') AS e}));
$_->safe_psql('postgres', 'CREATE EXTENSION citus; CREATE EXTENSION margin') for @workers, $citus;
$plain->safe_psql('postgres', 'CREATE EXTENSION margin');
$citus->safe_psql('postgres', sprintf(q{SELECT citus_set_coordinator_host('%s', %d)}, $citus->host, $citus->port));
$citus->safe_psql('postgres', sprintf(q{SELECT citus_add_node('%s', %d)}, $_->host, $_->port)) for @workers;

# What a statement says: its rows, and its error.
sub answer
{
	my ($node, $sql) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $sql);
	$err = $err =~ /ERROR:  (.*)/ ? $1 : '';
	return ($out, $err);
}

sub both
{
	my ($sql) = @_;
	$_->safe_psql('postgres', $sql) for $plain, $citus;
	return;
}

sub sorted { return join "\n", sort split /\n/, $_[0] }

# The same rows, some at least, or the same error.
my %asked;
sub same
{
	my ($sql, %option) = @_;
	my ($expected, $expected_error) = answer($plain, $sql);
	my ($got, $error) = answer($citus, $sql);
	($expected, $got) = (sorted($expected), sorted($got)) unless $option{ordered};
	is("$error$got", "$expected_error$expected", "the same: $sql");
	ok("$expected$expected_error" ne '', '... and something') unless $option{empty};
	$asked{$1} = 1 while $sql =~ /\bdesk\.(\w+)/g;
	return;
}

sub refused
{
	my ($sql, $why, $name) = @_;
	my ($got, $error) = answer($citus, $sql);
	like($error, $why, 'refused: ' . ($name // $sql));
	$asked{$1} = 1 while $sql =~ /\bdesk\.(\w+)/g;
	return;
}

# ---------------------------------------------------------------------------
# Rows
# ---------------------------------------------------------------------------

# The blocks of the manual's section, in order.
my ($section) = slurp_file('src/book/README.md') =~ /^## Citus\n(.*?)^## /ms;
my ($create, $ship, $shard_books, $require, $tick) = $section =~ /^```\n(.*?)^```/msg;
# one row that cannot be valued shall not keep the others from it
s/market => ('facts\.market'|market)\)/market => $1, flawed_rows => 'unpriced')/ for $create, $shard_books;

my $tables = q{
	CREATE TABLE FACTS.balances (account_id bigint NOT NULL, asset text, quantity numeric NOT NULL, PRIMARY KEY (account_id, asset));
	CREATE TABLE FACTS.positions (account_id bigint NOT NULL, contract text, quantity numeric NOT NULL, entry_price numeric NOT NULL, leverage numeric, PRIMARY KEY (account_id, contract));
	CREATE TABLE FACTS.orders (account_id bigint NOT NULL, order_id bigint, contract text, quantity numeric NOT NULL, price numeric NOT NULL, leverage numeric, PRIMARY KEY (account_id, order_id))};
my $rows = q{
	INSERT INTO FACTS.balances SELECT i, 'USDT', (i % 7) * 1000.000000000000000001 - 1000 FROM generate_series(1, 400) AS i;
	INSERT INTO FACTS.balances SELECT i, 'BTC', (i % 5) * 0.1 - 0.05 FROM generate_series(1, 400, 3) AS i;
	INSERT INTO FACTS.balances VALUES (7, 'DOGE', 5), (14, 'USDC', 'NaN');
	INSERT INTO FACTS.positions SELECT i, 'BTC_USDT', (i % 11 - 5) * 1000 + 1, 60000 + i, nullif(i % 4, 0) * 5 FROM generate_series(1, 400, 2) AS i;
	INSERT INTO FACTS.orders SELECT i, n, 'BTC_USDT', (i % 3 - 1.5) * 100, 59000 + 500 * n, nullif(i % 3, 0) * 10 FROM generate_series(1, 400, 5) AS i, generate_series(1, 2) AS n};
my $distribute = q{
	SELECT create_distributed_table('FACTS.balances', 'account_id');
	SELECT create_distributed_table('FACTS.positions', 'account_id', colocate_with => 'FACTS.balances');
	SELECT create_distributed_table('FACTS.orders', 'account_id', colocate_with => 'FACTS.balances')};

# Prices are set where the venue is.
sub set_prices
{
	my ($bitcoin, $mark) = @_;
	both(qq{SELECT margin.set_prices('venue', '{"assets": {"BTC": $bitcoin, "USDT": 1, "USDC": 1}, "contracts": {"BTC_USDT": $mark}}'); $ship});
	return;
}

both(q{
	CREATE SCHEMA venue;
	SELECT margin.create_venue('venue'), margin.load_published('venue'), margin.load_scenarios('venue');
	INSERT INTO venue.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001);
	INSERT INTO venue.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.005), ('BTC_USDT', 1000000, 0.01);
	INSERT INTO venue.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('USDT', 0, 0.02);
	CREATE SCHEMA facts;} . $tables =~ s/FACTS/facts/gr);
my @steps = split /;\n/, $create;
my ($make) = grep { /create_book/ } @steps;
both('CREATE SCHEMA desk');
$citus->safe_psql('postgres', $_) for grep { /balances'|positions'|orders'/ && !/create_book/ } @steps;
both($_) for grep { /CREATE TABLE/ } @steps;
refused($make =~ s/market => 'facts\.market'/venue => 'venue'/r, qr/book "desk" reads distributed tables, so its market has to be a row of a reference table/, 'a venue that no shard sees');
refused($make, qr/book "desk" reads distributed tables, so its market has to be a row of a reference table/, 'a market that no shard sees');
$citus->safe_psql('postgres', $_) for grep { /create_reference_table/ } @steps;
set_prices(60000, 60100);
both($make);
both($rows =~ s/FACTS/facts/gr);

# ---------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------

same("SELECT * FROM desk.$_") for qw(holding flawed_holding account account_portfolio account_margin undercollateralized unpriced account_collateral account_position account_order
	account_stress reported_portfolio reported_margin kept_portfolio kept_margin report_levels report_unpriced report_shortfalls report_losses report_concentration report_exposure
	report_stress report_impact report_liquidations);
same('SELECT * FROM desk.about()');
same(q{SELECT to_jsonb(s) - 'at' FROM desk.market_source AS s});
is($citus->safe_psql('postgres', 'SELECT market FROM desk.current_market'), $plain->safe_psql('postgres', 'SELECT desk.market()'), 'the market as a row');
$asked{current_market} = 1;

# one account, some, and by their levels
for my $account (1, 5, 7, 14, 30)
{
	same("SELECT * FROM desk.$_ WHERE account_id = $account") for qw(account_margin account_portfolio holding account_stress);
	same("SELECT * FROM desk.$_") for "account_margin($account)", "account_margin($account, desk.market())";
	same("SELECT * FROM desk.$_", ordered => 1) for "explain($account)", "explain_text($account)";
}
same('SELECT * FROM desk.account_margin(401)', empty => 1);
same('SELECT * FROM desk.account_margin(NULL)', empty => 1);
same('SELECT * FROM desk.account_margin WHERE account_id IN (5, 6, 7)');
same('SELECT l.id, a.* FROM (VALUES (5), (6), (7)) AS l (id), LATERAL desk.account_margin(l.id) AS a');
same('SELECT level, count(*), sum(equity), sum(shortfall) FROM desk.account_margin GROUP BY level');
same('SELECT contract, sum(long), sum(short), sum(maintenance_margin) FROM desk.account_position GROUP BY contract');
same('SELECT scenario, count(*), sum(equity), sum(loss) FROM desk.account_stress GROUP BY scenario');
same('SELECT margin.rollup(portfolio) FROM desk.account_portfolio');
same('SELECT c.* FROM (SELECT margin.rollup(portfolio) AS portfolio FROM desk.account_portfolio) AS r, LATERAL margin.positions(r.portfolio, (SELECT desk.market())) AS c');
same(q{SELECT b.account_id, a.equity FROM facts.balances AS b JOIN desk.account_margin AS a USING (account_id) WHERE b.asset = 'BTC'});
is($citus->safe_psql('postgres', q{SELECT account_id, margin.max_withdrawal(portfolio, (SELECT market FROM desk.current_market), 'USDT') FROM desk.account_portfolio WHERE account_id <> 14 ORDER BY 1}),
	$plain->safe_psql('postgres', q{SELECT account_id, margin.max_withdrawal(portfolio, desk.market(), 'USDT') FROM desk.account_portfolio WHERE account_id <> 14 ORDER BY 1}), 'a function of every portfolio, on the shards');
refused(q{SELECT account_id, margin.max_withdrawal(portfolio, desk.market(), 'USDT') FROM desk.account_portfolio}, qr/function desk\.\S+ does not exist/);
refused(q{SELECT a.* FROM facts.balances AS b, LATERAL desk.account_margin(b.account_id) AS a}, qr/function desk\.\S+ does not exist/);

# the work is done where the rows are
my $plan = $citus->safe_psql('postgres', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT level, count(*) FROM desk.account_margin GROUP BY level');
like($plan, qr/Task Count: 8\b.*Function Call: .*\bevaluate\(/s, 'accounts are valued on the shards');
$plan = $citus->safe_psql('postgres', 'EXPLAIN (VERBOSE, COSTS OFF) SELECT * FROM desk.account_margin WHERE account_id = 5');
like($plan, qr/Task Count: 1\b.*Function Call: .*\bevaluate\(/s, 'one account on its shard');

# functions of the book, and the extension's that take its name
my @now = ('portfolios()', 'revalue(NULL, desk.market())', 'level_totals()', 'report_levels()', 'report_unpriced()', 'report_shortfalls(NULL, NULL)', 'report_losses(NULL, NULL)',
	'report_concentration()', 'report_exposure()', 'report_stress()', 'report_impact()', 'report_worst()', 'report_known_stress()', 'report_exposed_assets()', 'report_liquidations()');
same("SELECT * FROM desk.$_", ordered => /^report/) for @now;
same(q{SELECT to_jsonb(a) - 'taken_at' FROM desk.account_margin_at() AS a});
same("SELECT desk.$_") for q{account_key('5')}, q{account_key('x')}, 'market()', 'market_id()', 'present_market(now())', 'market(now())', 'past_market(now())', 'planned_change()', 'interest_rates(now(), now())',
	'release_ratios()', 'pausing_prices() IS NULL', 'scenarios()', 'repayment_rules() IS NOT NULL', 'venue_market()', 'venue_present_market(now())', 'venue_market_at(now())', 'venue_release_ratios()',
	'venue_pausing_prices() IS NULL', 'venue_scenarios()', 'venue_repayment_rules() IS NOT NULL', 'venue_past_market(now())', 'venue_interest_rates(now(), now())', 'venue_planned_change()', 'snapshot_market()';
same(q{SELECT * FROM margin.liquidation_map('desk', 'BTC')}, ordered => 1);
same("SELECT * FROM margin.report_csv('desk', '$_')", ordered => 1) for qw(levels concentration exposure stress shortfalls losses unpriced);
same(q{SELECT regexp_replace(margin.report_html('desk'), '\d\d\d\d-\d\d-\d\d[ T][0-9:.+]*', '', 'g')});
same('SELECT * FROM desk.repay(5, 6)');

# ---------------------------------------------------------------------------
# Snapshots
# ---------------------------------------------------------------------------

both(q{SELECT margin.prepare_snapshots('desk', 1)});
same(q{SELECT margin.take_snapshot('desk') IS NOT NULL});
set_prices(50000, 50100);
both(q{UPDATE facts.balances SET quantity = quantity + 100 WHERE account_id % 10 = 3 AND asset = 'USDT'});
same('SELECT * FROM desk.report_movers');
same("SELECT * FROM desk.report_movers(now())");
same(q{SELECT margin.take_snapshot('desk', 'changes') IS NOT NULL});
same(q{SELECT margin.take_snapshot('desk', 'portfolios') IS NOT NULL});
both(q{UPDATE facts.balances SET quantity = quantity - 100 WHERE account_id % 10 = 4 AND asset = 'USDT'; DELETE FROM facts.positions WHERE account_id % 20 = 5});
same(q{SELECT margin.take_snapshot('desk', 'changes') IS NOT NULL});
same(q{SELECT to_jsonb(s) - 'taken_at' - 'base' FROM desk.snapshot AS s});
same(q{SELECT to_jsonb(s) - 'taken_at' FROM desk.account_snapshot AS s});
same('SELECT * FROM desk.' . $_ =~ s/\(\)|\(NULL/'(now()' . ($& eq '()' ? ')' : '')/er, ordered => /^report/) for grep { !/^(?:level_totals|report_impact)/ } @now;
same('SELECT * FROM desk.level_totals(now())');
same(q{SELECT to_jsonb(a) - 'taken_at' FROM desk.account_margin_at(now()) AS a});
same(q{SELECT to_jsonb(h) - 'taken_at' FROM desk.report_history() AS h}, ordered => 1);
same('SELECT desk.snapshot_at(now()) IS NOT NULL, desk.snapshot_market(now())');
same('SELECT day = (now() AT TIME ZONE $$UTC$$)::date FROM desk.snapshot_days()');
$_->safe_psql('postgres', q{CALL margin.run_reports('desk')}) for $plain, $citus;
same(q{SELECT status, step, error FROM desk.report_run});

# nothing was left out
my $left = $citus->safe_psql('postgres', q{
	SELECT relname FROM pg_class WHERE relnamespace = 'desk'::regnamespace AND relkind = 'v'
	UNION SELECT proname FROM pg_proc WHERE pronamespace = 'desk'::regnamespace AND prorettype <> 'trigger'::regtype});
is(join(' ', grep { !$asked{$_} } split /\n/, $left), '', 'every view and function of the book was asked');

# ---------------------------------------------------------------------------
# What is not done on the coordinator
# ---------------------------------------------------------------------------

refused(q{SELECT margin.refresh_levels('desk')}, qr/^book "desk" reads distributed tables: levels cannot be kept here/);
refused(q{SELECT margin.refresh_account_levels('desk', ARRAY['5'])}, qr/^book "desk" reads distributed tables: levels cannot be kept here/);
refused(q{SELECT * FROM margin.check_levels('desk')}, qr/^book "desk" reads distributed tables: levels cannot be kept here/);
refused("SELECT margin.$_", qr/^book "desk" reads distributed tables: writes are not seen here/)
  for q{guard_table('desk', 'facts.balances', 'account_id')}, q{enable_guard('desk')}, q{enable_levels('desk')}, q{enable_levels('desk', notify => false)};
refused("SELECT margin.$_", qr/^book "desk" reads distributed tables: nothing can be booked here/) for q{accrue_interest('desk')}, q{settle_funding('desk', 'BTC_USDT', 0.0001, now())};

# a market that is over, or is not there
for my $case ([ q{UPDATE facts.market SET valid_until = now() - interval '1 second'}, qr/published market of (?:the book|book "desk") has expired/ ],
	[ 'DELETE FROM facts.market', qr/no market is published for (?:the book|book "desk")/ ])
{
	$citus->safe_psql('postgres', $case->[0]);
	refused("SELECT * FROM desk.$_", $case->[1]) for 'account_margin', 'account_margin WHERE account_id = 5', 'account_margin(5)', 'explain(5)', 'account_collateral', 'account_position', 'account_order',
		'account_stress', 'current_market', 'report_levels', 'report_concentration';
	set_prices(50000, 50100);
}
same('SELECT * FROM desk.account_margin');

# ---------------------------------------------------------------------------
# Distributed when the book was there
# ---------------------------------------------------------------------------

both('CREATE SCHEMA facts2; CREATE SCHEMA later; ' . $tables =~ s/FACTS/facts2/gr);
both(q{SELECT margin.create_book('later', balances => 'facts2.balances', positions => 'facts2.positions', orders => 'facts2.orders', flawed_rows => 'unpriced', market => 'facts.market')});
both($rows =~ s/FACTS/facts2/gr);
my @later = map { "SELECT * FROM later.$_" } qw(holding account_portfolio account_margin unpriced account_collateral account_position account_order account_stress
	reported_portfolio reported_margin report_levels report_concentration report_stress report_worst() account_margin(5) explain(5) explain_text(5) portfolios());
push @later, 'SELECT * FROM later.account_margin WHERE account_id = 5', 'SELECT * FROM later.account_margin(5, later.market())', q{SELECT * FROM margin.liquidation_map('later', 'BTC')},
	'SELECT l.id, a.* FROM (VALUES (5), (6)) AS l (id), LATERAL later.account_margin(l.id) AS a';
same($_) for @later;
my (undef, $circular) = answer($citus, $distribute =~ s/FACTS/facts2/gr);
if ($circular ne '')
{
	# Citus does not like views over what it is to distribute
	like($circular, qr/Citus can not handle circular dependencies between distributed objects/, 'a table that a book reads is not distributed');
}
else
{
	for my $sql (@later)
	{
		my ($expected) = answer($plain, $sql);
		my ($got, $error) = answer($citus, $sql);
		ok($error ne '' || sorted($got) eq sorted($expected), "refused or the same: $sql");
	}
	refused(q{SELECT margin.refresh_levels('later')}, qr/^book "later" reads distributed tables/);
	$citus->safe_psql('postgres', q{SELECT * FROM margin.upgrade_book('later', overwrite => true)});
}
same($_) for @later;
refused(q{CREATE SCHEMA own; SELECT margin.create_book('own'); SELECT create_distributed_table('own.balance', 'account_id')}, qr/triggers|circular dependencies/, "a book's own tables");
is($citus->safe_psql('postgres', q{SELECT * FROM margin.upgrade_book('desk')}), '', 'a book over distributed tables is as its release makes it');

# ---------------------------------------------------------------------------
# A book of each shard
# ---------------------------------------------------------------------------

$citus->safe_psql('postgres', q{
	CREATE FUNCTION facts.of_shard(balances text, query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
	BEGIN
	    RETURN QUERY EXECUTE format('SELECT (r.*)::text FROM (' || query || ') AS r', 'desk_' || substring(balances FROM '[0-9]+$'));
	END
	$$});

# What the books of all shards answer.
sub of_shards
{
	my ($query) = @_;
	# of what is run on shards, the name of the shard is put in by format()
	$query =~ s/%/%%/g;
	my $failed = $citus->safe_psql('postgres', qq{SELECT result FROM run_command_on_shards('facts.balances', \$q\$SELECT string_agg(t, E'\\n') FROM facts.of_shard('%s', \$r\$$query\$r\$) AS t\$q\$) WHERE NOT success});
	is($failed, '', "of each shard: $query");
	return sorted($citus->safe_psql('postgres', qq{SELECT result FROM run_command_on_shards('facts.balances', \$q\$SELECT string_agg(t, E'\\n') FROM facts.of_shard('%s', \$r\$$query\$r\$) AS t\$q\$) WHERE result <> ''}));
}

set_prices(50000, 50100);
$citus->safe_psql('postgres', $shard_books);
is(join(' ', map { $_->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^desk_\d+$'}) } @workers), '4 4', 'a book for each shard');
$citus->safe_psql('postgres', $require);
$plain->safe_psql('postgres', q{
	SELECT margin.guard_table('desk', t, 'account_id') FROM unnest('{facts.balances,facts.positions,facts.orders}'::regclass[]) AS t;
	SELECT margin.enable_levels('desk'), margin.refresh_levels('desk')});
my $levels = 'SELECT account_id, level, portfolio FROM %I.account_level';
sub same_levels
{
	my ($name) = @_;
	is(of_shards($levels), sorted($plain->safe_psql('postgres', 'SELECT (r.*)::text FROM (' . $levels =~ s/%I/desk/r . ') AS r')), "levels: $name");
	my $events = q{SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM %I.level_event};
	is(of_shards($events), sorted($plain->safe_psql('postgres', 'SELECT (r.*)::text FROM (' . $events =~ s/%I/desk/r . ') AS r')), "events: $name");
	return;
}
same_levels('at first');

# Both refuse, or none; and nothing is left half done.
sub write_both
{
	my ($name, $sql, $refused) = @_;
	for my $node ($plain, $citus)
	{
		my (undef, $error) = answer($node, $sql);
		like($error, $refused // qr/^$/, "$name, " . $node->name);
	}
	same('SELECT * FROM facts.balances');
	same('SELECT * FROM facts.positions');
	same('SELECT * FROM desk.account_margin');
	same_levels($name);
	is(join(' ', map { $_->safe_psql('postgres', 'SELECT count(*) FROM pg_prepared_xacts') } @workers), '0 0', 'nothing is left prepared');
	return;
}

# two accounts on different workers
my ($one, $other) = split /\|/, $citus->safe_psql('postgres', q{
	WITH place AS (SELECT a.id, (SELECT n.nodeport FROM citus_shards AS n WHERE n.shardid = get_shard_id_for_distribution_column('facts.balances', a.id)) AS node FROM (VALUES (4), (6), (9), (11), (13), (18), (20), (25), (27)) AS a (id))
	SELECT a.id, b.id FROM place AS a JOIN place AS b ON a.node <> b.node AND a.id < b.id ORDER BY 1, 2 LIMIT 1});
my $move = sub { my ($from, $to, $amount) = @_; return qq{
	BEGIN;
	UPDATE facts.balances SET quantity = quantity + $amount WHERE account_id = $to AND asset = 'USDT';
	UPDATE facts.balances SET quantity = quantity - $amount WHERE account_id = $from AND asset = 'USDT';
	COMMIT} };
write_both('more than is there', q{UPDATE facts.balances SET quantity = quantity - 1000000 WHERE account_id = 4 AND asset = 'USDT'}, qr/^insufficient margin in account "4"/);
write_both('a transfer', $move->($one, $other, 10));
write_both('a transfer too large', $move->($one, $other, 1000000), qr/^insufficient margin in account "$one"/);
write_both('the other way', $move->($other, $one, 1000000), qr/^insufficient margin in account "$other"/);
write_both('all accounts at once', q{UPDATE facts.balances SET quantity = quantity + 1 WHERE asset = 'USDT'});
write_both('all accounts at once, too much', q{UPDATE facts.balances SET quantity = quantity - 100000 WHERE asset = 'USDT'}, qr/^insufficient margin/);
write_both('a position', q{INSERT INTO facts.positions VALUES (402, 'BTC_USDT', 1000, 50000, 10)}, qr/^insufficient margin in account "402"/);
write_both('with collateral', q{BEGIN; INSERT INTO facts.balances VALUES (402, 'USDT', 100000); INSERT INTO facts.positions VALUES (402, 'BTC_USDT', 1000, 50000, 10); COMMIT});

set_prices(40000, 40100);
$plain->safe_psql('postgres', q{SELECT margin.refresh_levels('desk')});
is($citus->safe_psql('postgres', 'SELECT sum(result::integer) > 0 FROM (' . $tick =~ s/;\n//r . ') AS t WHERE success HAVING count(*) = 8'), 't', 'a tick');
same_levels('after a tick');

# what notifies cannot be prepared: the transaction is refused whole
$citus->safe_psql('postgres', q{SELECT * FROM run_command_on_shards('facts.balances', $$SELECT margin.enable_levels('desk_' || substring('%s' FROM '[0-9]+$'), notify => true)$$)});
refused(q{BEGIN; UPDATE facts.balances SET quantity = quantity + 200000 WHERE asset = 'USDT'; COMMIT}, qr/cannot PREPARE a transaction that has executed LISTEN, UNLISTEN, or NOTIFY/, 'levels that notify, on two workers');
same('SELECT * FROM facts.balances');
$citus->safe_psql('postgres', q{SELECT * FROM run_command_on_shards('facts.balances', $$SELECT margin.enable_levels('desk_' || substring('%s' FROM '[0-9]+$'), notify => false)$$)});
write_both('levels of all', q{UPDATE facts.balances SET quantity = quantity + 200000 WHERE asset = 'USDT'});

# A shard that is moved has no guard any more, and says so until it has a book again.
my ($from, $to) = @workers;
($from, $to) = ($to, $from) if $citus->safe_psql('postgres', qq{SELECT n.nodeport FROM citus_shards AS n WHERE n.shardid = get_shard_id_for_distribution_column('facts.balances', $one)}) == $to->port;
$citus->safe_psql('postgres', sprintf(q{SELECT citus_move_shard_placement(get_shard_id_for_distribution_column('facts.balances', %d), '%s', %d, '%s', %d, shard_transfer_mode := 'block_writes')},
	$one, $from->host, $from->port, $to->host, $to->port));
same('SELECT * FROM facts.balances');
same("SELECT * FROM desk.account_margin WHERE account_id = $one");
refused(qq{UPDATE facts.$_ SET quantity = quantity + 1 WHERE account_id = $one}, qr/^no book has its guard on table "$_\_\d+"/) for qw(balances positions orders);
my $shard = $citus->safe_psql('postgres', qq{SELECT get_shard_id_for_distribution_column('facts.balances', $one)});
is($citus->safe_psql('postgres', qq{SELECT result FROM run_command_on_shards('facts.balances', \$\$SELECT facts.make_shard_book('%s')\$\$) WHERE shardid = $shard}), "desk_$shard", 'its book on the other worker');
$citus->safe_psql('postgres', qq{UPDATE facts.balances SET quantity = quantity + 1 WHERE account_id = $one AND asset = 'USDT'});
refused(qq{UPDATE facts.balances SET quantity = quantity - 10000000 WHERE account_id = $one AND asset = 'USDT'}, qr/^insufficient margin in account "$one" of book "desk_$shard"/);

$_->stop for $citus, @workers, $plain;
done_testing();
