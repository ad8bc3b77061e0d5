# The server stops at once (pg_ctl stop -m immediate) while batches of prices
# are set and levels refreshed with them: afterwards each batch is there whole,
# prices, history, levels and journal, or not at all.  And many clients at once
# neither deadlock nor turn a price back.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'usleep';

use constant {
	ACCOUNTS => 500,
	STOPS => 8,
};

my $seed = $ENV{MARGIN_SEED} // int(rand(2**31));
srand($seed);
note("MARGIN_SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('prices');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', 'log_statement = none');
$node->start;

# Each account holds 1 ODD and owes 1 EVEN.  Batch n sets the mark to n and every
# index price to about 10 n: that of ODD above that of EVEN where n is odd, below
# where n is even.  So with every batch all accounts go bankrupt or recover.
$node->safe_psql('postgres', q{
	CREATE EXTENSION margin;
	CREATE SCHEMA desk;
	SELECT margin.create_book('desk');
	INSERT INTO desk.asset (asset) VALUES ('ODD'), ('EVEN'), ('OTHER');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) SELECT asset, 0, 1 FROM desk.asset;
	INSERT INTO desk.contract (contract, settle, contract_size) VALUES ('C', 'OTHER', 1);
	INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('C', 0, 0.1);
	INSERT INTO desk.balance SELECT i, a, CASE a WHEN 'ODD' THEN 1 ELSE -1 END FROM generate_series(1, } . ACCOUNTS . q{) AS i, unnest('{ODD,EVEN}'::text[]) AS a;

	CREATE PROCEDURE batch(n integer) LANGUAGE sql AS $$
	    SELECT margin.set_prices('desk', ARRAY['ODD', 'EVEN', 'OTHER'], ARRAY[10 * n + n % 2 * 2, 10 * n + 1, 10 * n]::numeric[], ARRAY['C'], ARRAY[n],
	                             timestamptz '2026-01-01 00:00+00' + n * interval '1 s', refresh => true)
	$$;
	SELECT margin.enable_levels('desk');
	CALL batch(1)});

# The last batch that is there, after a check that it is whole.
sub last_batch
{
	my ($name) = @_;
	my $n = $node->safe_psql('postgres', q{SELECT price FROM desk.mark_price});
	is($node->safe_psql('postgres', q{SELECT asset, price, updated_at AT TIME ZONE 'UTC' FROM desk.index_price ORDER BY 1}),
		$node->safe_psql('postgres', qq{
			SELECT asset, 10 * $n + CASE asset WHEN 'ODD' THEN $n % 2 * 2 WHEN 'EVEN' THEN 1 ELSE 0 END, timestamp '2026-01-01' + $n * interval '1 s'
			  FROM desk.asset ORDER BY 1}),
		"$name: prices are all of batch $n");
	is($node->safe_psql('postgres', q{
		SELECT string_agg(format('%s %s %s', symbol, batches, last), ', ' ORDER BY symbol COLLATE "C")
		  FROM (SELECT asset AS symbol, count(*) AS batches, floor(max(price) / 10) AS last FROM desk.index_price_history GROUP BY 1
		        UNION ALL SELECT contract, count(*), max(price) FROM desk.mark_price_history GROUP BY 1) AS h}),
		"C $n $n, EVEN $n $n, ODD $n $n, OTHER $n $n", "$name: each batch is in the histories once");
	is($node->safe_psql('postgres', q{SELECT level, count(*) FROM desk.account_level GROUP BY 1}),
		($n % 2 ? 'healthy|' : 'bankrupt|') . ACCOUNTS, "$name: every account is kept where it is");
	is($node->safe_psql('postgres', qq{
		SELECT count(*) FILTER (WHERE events <> $n - 1 OR last <> (SELECT level FROM desk.account_level AS l WHERE l.account_id = e.account_id))
		  FROM (SELECT account_id, count(*) AS events, (array_agg(to_level ORDER BY id DESC))[1] AS last FROM desk.level_event GROUP BY 1) AS e}),
		0, "$name: each change is in the journal once");
	return $n;
}

# Sets batches until the server is gone; says which one it begins.
my ($writer, $out, $err);
sub write_batches
{
	my ($from, $to) = @_;
	($out, $err) = ('', '');
	my $script = PostgreSQL::Test::Utils::tempdir . '/batches.sql';
	append_to_file($script, join '', map { "\\echo begin $_\nCALL batch($_);\n\\echo done $_\n" } $from .. $to);
	$writer = IPC::Run::start([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres'), '-f', $script ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120));
	return;
}

# The server inherits what pipes are open, so clients end before it starts.
sub stop_at_once
{
	my (@others) = @_;
	$node->stop('immediate');
	$_->finish for $writer, @others;
	$node->start;
	return;
}

is(last_batch('in the beginning'), 1, 'one batch');

# In the middle, for certain: the refresh waits for a row that somebody holds,
# when the prices are set.
my $hold = "BEGIN; SELECT 'held' FROM desk.account_level WHERE account_id = " . ACCOUNTS . " FOR UPDATE;\n";
my ($held, $lost) = ('', '');
my $holder = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ], '<', \$hold, '>', \$held, '2>', \$lost, IPC::Run::timeout(120));
$holder->pump until $held =~ /held/;
write_batches(2, 2);
$node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'CALL batch%'})
  or die 'the refresh does not wait';
stop_at_once($holder);
unlike($out, qr/done/, 'stopped in the middle of a refresh');
is(last_batch('stopped in the middle of a refresh'), 1, 'nothing of it is there');

# Right after a commit.
write_batches(2, 2);
$writer->pump until $out =~ /done 2/;
stop_at_once();
is(last_batch('stopped after a commit'), 2, 'all of it is there');

# At any moment, whatever that meets.
my $interrupted = 0;
for my $stop (1 .. STOPS)
{
	my $n = $node->safe_psql('postgres', q{SELECT price FROM desk.mark_price});
	write_batches($n + 1, $n + 1000);
	$writer->pump until $out =~ /done/;
	usleep(rand(150_000));
	stop_at_once();
	my ($begun) = (sort { $b <=> $a } $out =~ /begin (\d+)/g)[0];
	my ($done) = (sort { $b <=> $a } $out =~ /done (\d+)/g)[0];
	my $last = last_batch("stop $stop");
	ok($last == $done || $last == $done + 1, "stop $stop: what was acknowledged is there ($done of $begun begun, $last there)");
	$interrupted++ if $last < $begun;
}
note "$interrupted of @{[STOPS]} stops were in the middle of a batch";

# ---------------------------------------------------------------------------
# Many at once
# ---------------------------------------------------------------------------

$node->safe_psql('postgres', q{
	TRUNCATE desk.index_price_history, desk.mark_price_history;
	CREATE PROCEDURE crossing(n integer) LANGUAGE sql AS $$
	    -- in any order of symbols, every other one late
	    SELECT margin.set_prices('desk', s.symbols, s.prices, '{C}', ARRAY[n], clock_timestamp() - n % 2 * random() * interval '20 ms', refresh => true, force => n % 50 = 0)
	      FROM (SELECT array_agg(asset ORDER BY random()) AS symbols, array_agg(n::numeric) AS prices FROM desk.asset) AS s
	$$});
$node->pgbench('--no-vacuum --client=8 --transactions=60', 0, [qr/processed: 480/], [qr/^(?!.*(?:ERROR|aborted))/s], 'many clients find no error',
	{ '091_crossing' => "\\set n random(1, 100000)\nCALL crossing(:n);\n" });
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM (
	    SELECT updated_at < lag(updated_at) OVER (PARTITION BY symbol ORDER BY recorded_at) AS turned_back, forced
	      FROM (SELECT asset AS symbol, updated_at, recorded_at, forced FROM desk.index_price_history
	            UNION ALL SELECT contract, updated_at, recorded_at, forced FROM desk.mark_price_history) AS h) AS step
	 WHERE turned_back <> forced}),
	0, 'no price is turned back but by force, and that is recorded');
cmp_ok($node->safe_psql('postgres', 'SELECT count(*) FROM desk.index_price_history'), '>', 100, 'many were applied');
is($node->safe_psql('postgres', q{
	SELECT count(*) FROM desk.account_margin AS a JOIN desk.account_level AS l USING (account_id) WHERE a.level <> l.level}),
	0, 'every account is kept where it is');

$node->stop;
done_testing();
