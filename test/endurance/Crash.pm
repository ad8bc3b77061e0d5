# Crashes: the postmaster is told to stop at once, or a backend is killed, while
# several sessions do whatever writes; afterwards everything that was said to be
# committed is there, and whole.

package Crash;

use strict;
use warnings;

use Endurance;
use List::Util qw(sum0);
use Session;
use Time::HiRes qw(sleep time);

# What a client may be told: its transaction was refused, has to be tried again, or
# the server is going down.
my $expected = qr/^(?:MG00[12]|40001|40P01|55P03|57P0[123]|08006)$/;

# ---------------------------------------------------------------------------
# A client
# ---------------------------------------------------------------------------

# Its log has a line when a transaction begins, when all of it is written, with what
# that was, and when COMMIT has returned:
#   B seq kind    W seq effect effect ...    C seq    R seq (rolled back)    E seq error
sub note { my ($client, @words) = @_; syswrite $client->{log}, "@words\n"; return }

sub must
{
	my ($client, $sql) = @_;
	return $client->{server}->try($sql) // die { error => 1 };
}

sub transaction
{
	my ($client, $kind, $work) = @_;
	my $seq = ++$client->{seq};
	my $server = $client->{server};
	note($client, 'B', $seq, $kind);
	my $fine = eval
	{
		must($client, 'BEGIN ISOLATION LEVEL ' . ('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')[ $kind =~ /transfer|position|order/ ? rand 4 : 0 ]);
		my @effects = $work->($client);
		must($client, "INSERT INTO done (client, seq) VALUES ($client->{number}, $seq)");
		note($client, 'W', $seq, @effects);
		must($client, 'COMMIT');
		1;
	};
	if ($fine)
	{
		note($client, 'C', $seq);
		return 1;
	}
	die $@ if !ref $@;
	note($client, 'E', $seq, "$kind: $server->{error}{code} $server->{error}{message}" =~ s/\n.*//sr) if $server->{error}{code} !~ $expected;
	die { lost => 1 } if $server->{lost};
	note($client, 'R', $seq);
	$server->undo;
	return 0;
}

sub account { my ($client) = @_; return between(1, $client->{accounts}) }
sub asset { return pick('USD', 'COIN', 'GOLD') }
sub contract { return pick('C1', 'C2') }

# Sometimes as a booked fact, so that accounts come under water.
sub sometimes_recorded { my ($client) = @_; must($client, 'SET LOCAL margin.guard = record') if chance(0.1); return }

sub transfer
{
	my ($client) = @_;
	my ($from, $to, $asset) = (account($client), account($client), asset());
	my $amount = $asset eq 'USD' ? between(1, 6000) : $asset eq 'COIN' ? between(1, 90) : between(1, 6);
	sometimes_recorded($client);
	must($client, "UPDATE desk.balance SET quantity = quantity - $amount WHERE account_id = $from AND asset = '$asset'");
	must($client, "UPDATE desk.balance SET quantity = quantity + $amount WHERE account_id = $to AND asset = '$asset'");
	return ("balance $from $asset -$amount", "balance $to $asset $amount");
}

# One buys what another one sells.
sub position
{
	my ($client) = @_;
	my ($buyer, $seller, $contract, $lots) = (account($client), account($client), contract(), between(-20, 20));
	sometimes_recorded($client);
	my $rows = must($client, "UPDATE desk.position SET quantity = quantity + CASE side WHEN 'long' THEN $lots ELSE -($lots) END
		WHERE contract = '$contract' AND (account_id = $buyer AND side = 'long' AND quantity + $lots > 0 OR account_id = $seller AND side = 'short' AND quantity - ($lots) < 0)
		RETURNING account_id, side");
	return map { "position $_->[0] $contract/$_->[1] " . ($_->[1] eq 'long' ? $lots : -$lots) } @$rows;
}

sub order
{
	my ($client) = @_;
	my $old = $client->{order};
	if (defined $old && chance(0.5))
	{
		must($client, "DELETE FROM desk.open_order WHERE order_id = '$old->[1]'");
		return ("order $old->[0] $old->[1] -$old->[2]");
	}
	my ($account, $id, $lots) = (account($client), "$client->{number}-$client->{seq}", between(1, 30));
	must($client, sprintf "INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price) VALUES ($account, '$id', '%s', $lots, %d)", contract(), between(40, 1100));
	$client->{ordered} = [ $account, $id, $lots ];
	return ("order $account $id $lots");
}

sub tick
{
	my ($client) = @_;
	my $rows = must($client, sprintf "SELECT applied FROM margin.set_prices('desk', '{COIN,GOLD}', '{%d,%d}', '{C1,C2}', '{%d,%d}', refresh => %s)",
		between(80, 120), between(400, 600), between(800, 1200), between(40, 60), chance(0.5) ? 'true' : 'false');
	return ("prices $rows->[0][0]");
}

sub refresh
{
	my ($client) = @_;
	must($client, sprintf "SELECT margin.refresh_levels('desk', everyone => %s)", chance(0.2) ? 'true' : 'false');
	return;
}

sub repay
{
	my ($client) = @_;
	must($client, 'SET LOCAL margin.guard = record');
	my $rows = must($client, sprintf "SELECT count(*) FROM desk.repay(%d, 900) WHERE outcome = 'converted'", account($client));
	return ("repaid $rows->[0][0]");
}

sub interest
{
	my ($client) = @_;
	must($client, 'SET LOCAL margin.guard = record');
	my $rows = must($client, "SELECT margin.accrue_interest('desk', coalesce((SELECT max(accrued_at) FROM desk.interest_hour), '2020-01-01Z') + interval '1 hour')");
	return ("accrued $rows->[0][0]");
}

sub funding
{
	my ($client) = @_;
	must($client, 'SET LOCAL margin.guard = record');
	my $rows = must($client, sprintf "SELECT margin.settle_funding('desk', '%s', %s, now())", contract(), pick('0.0001', '-0.0002', '0.00003'));
	return ("accrued $rows->[0][0]");
}

sub snapshot
{
	my ($client) = @_;
	my $rows = must($client, sprintf "SELECT margin.take_snapshot('desk', '%s')::text", pick('full', 'portfolios', 'changes', 'changes'));
	return ('snapshot ' . $rows->[0][0] =~ tr/ /T/r);
}

sub publish
{
	my ($client) = @_;
	my $rows = must($client, "SELECT margin.publish_market('desk')");
	return ("market $rows->[0][0]");
}

# A view goes in one transaction, and an upgrade makes it again in another.
sub upgrade
{
	my ($client) = @_;
	if (chance(0.5)) { must($client, 'DROP VIEW IF EXISTS desk.unpriced') }
	else { must($client, 'SELECT ' . pick(q{margin.upgrade_venue('desk')}, q{margin.upgrade_book('desk')}, q{margin.upgrade_book('desk', overwrite => true)})) }
	return;
}

my %work = (transfer => \&transfer, position => \&position, order => \&order, tick => \&tick, refresh => \&refresh, repay => \&repay,
	interest => \&interest, funding => \&funding, snapshot => \&snapshot, publish => \&publish, upgrade => \&upgrade);
my @writer = qw(transfer transfer position order);
my @roles = (\@writer, \@writer, \@writer, ['tick'], [ 'refresh', 'refresh', 'tick' ], [qw(repay interest repay funding)], [qw(snapshot publish)], [qw(transfer repay interest)]);

sub run_client
{
	my ($round, $number, $path, @kinds) = @_;
	open my $log, '>', $path or die "$path: $!";
	my $client = { server => Session->new($round->{node}, name => 'client'), number => $number, accounts => $round->{accounts}, seq => $round->{seq}, log => $log };
	while ($client->{server})
	{
		my $kind = pick(@kinds);
		delete $client->{ordered};
		my $committed = eval { transaction($client, $kind, $work{$kind}) };
		if (!defined $committed)
		{
			die $@ if !ref $@;
			last;
		}
		# an order that stands can be taken back
		$client->{order} = $client->{ordered} if $committed && $kind eq 'order';
	}
	return;
}

# ---------------------------------------------------------------------------
# What the clients know
# ---------------------------------------------------------------------------

# Reads a client's log: which transactions it was told of as committed, and of which
# it cannot know; what each of those wrote.
sub read_log
{
	my ($told, $number, $path) = @_;
	open my $in, '<', $path or die "$path: $!";
	my (%kind, %effects, %ended);
	while (my $line = <$in>)
	{
		chomp $line;
		my ($what, $seq, $rest) = split ' ', $line, 3;
		if ($what eq 'B') { $kind{$seq} = $rest }
		elsif ($what eq 'W') { $effects{$seq} = $rest // '' }
		elsif ($what eq 'E') { push @{ $told->{errors} }, $rest }
		else { $ended{$seq} = $what }
	}
	for my $seq (keys %kind)
	{
		$told->{interrupted}{ $kind{$seq} }++ if !$ended{$seq};
		next if ($ended{$seq} // '') eq 'R' || !defined $effects{$seq};
		$told->{written}{"$number $seq"} = { effects => $effects{$seq}, kind => $kind{$seq}, committed => defined $ended{$seq} };
	}
	return;
}

# What those that are there have written, summed up.
sub add_effects
{
	my ($sum, $effects) = @_;
	my @words = split ' ', $effects;
	while (my $what = shift @words)
	{
		if ($what =~ /^(?:balance|position|order)$/)
		{
			my ($account, $symbol, $amount) = splice @words, 0, 3;
			$sum->{$what}{"$account|$symbol"} += $amount;
		}
		elsif ($what =~ /^(?:snapshot|market)$/) { $sum->{$what}{ shift @words } = 1 }
		else { $sum->{$what} += shift @words }
	}
	return;
}

sub values_of
{
	my ($sum) = @_;
	return join ', ', "(null::bigint, null::text, null::numeric)", map { my ($account, $symbol) = split /\|/; "($account, '$symbol', $sum->{$_})" } grep { $sum->{$_} != 0 } sort keys %$sum;
}

# What is not as the clients say, or as it was when they began.
sub questions
{
	my ($sum, $since) = @_;
	my %logged = map { $_ => values_of($sum->{$_}) } qw(balance position order);
	my $snapshots = join ', ', "('infinity'::timestamptz)", map { "('" . tr/T/ /r . "')" } keys %{ $sum->{snapshot} };
	my $markets = join ', ', '(null::bigint)', map { "($_)" } keys %{ $sum->{market} };
	my $whole = "(SELECT asset, sum(quantity) AS quantity FROM began GROUP BY asset)";
	return (
		'a balance is not what was written' => qq{
			SELECT account_id, asset, b.quantity AS found, e.quantity AS expected FROM desk.balance AS b FULL JOIN (
			    SELECT account_id, asset, sum(quantity) AS quantity FROM (
			        SELECT account_id, asset, quantity FROM began
			        UNION ALL SELECT * FROM (VALUES $logged{balance}) AS v
			        UNION ALL SELECT account_id, asset, amount FROM desk.accrual_event
			        UNION ALL SELECT account_id, funding_asset, -paid FROM desk.repayment_entry UNION ALL SELECT house_account_id, funding_asset, paid FROM desk.repayment_entry
			        UNION ALL SELECT account_id, debt_asset, repaid FROM desk.repayment_entry UNION ALL SELECT house_account_id, debt_asset, -repaid FROM desk.repayment_entry
			    ) AS part (account_id, asset, quantity) WHERE account_id IS NOT NULL GROUP BY account_id, asset) AS e USING (account_id, asset)
			 WHERE coalesce(b.quantity, 0) <> coalesce(e.quantity, 0)},
		'a position is not what was written' => qq{
			SELECT account_id, symbol, p.quantity AS found, e.quantity AS expected
			  FROM (SELECT account_id, contract || '/' || side AS symbol, quantity FROM desk.position) AS p FULL JOIN (
			    SELECT account_id, symbol, sum(quantity) AS quantity FROM (
			        SELECT account_id, symbol, quantity FROM began_position UNION ALL SELECT * FROM (VALUES $logged{position}) AS v) AS part (account_id, symbol, quantity)
			     WHERE account_id IS NOT NULL GROUP BY account_id, symbol) AS e USING (account_id, symbol)
			 WHERE coalesce(p.quantity, 0) <> coalesce(e.quantity, 0)},
		'an order is not what was written' => qq{
			SELECT account_id, order_id, o.quantity AS found, e.quantity AS expected FROM desk.open_order AS o
			  FULL JOIN (SELECT * FROM (VALUES $logged{order}) AS v WHERE column1 IS NOT NULL) AS e (account_id, order_id, quantity) USING (account_id, order_id)
			 WHERE coalesce(o.quantity, 0) <> coalesce(e.quantity, 0)},
		'money is not conserved' => qq{
			SELECT asset, sum(b.quantity) AS found, t.quantity AS expected FROM desk.balance AS b JOIN $whole AS t USING (asset) GROUP BY asset, t.quantity HAVING sum(b.quantity) <> t.quantity},
		'money is not conserved in a snapshot' => qq{
			SELECT s.taken_at, b.key, sum(b.value::numeric), t.quantity
			  FROM desk.snapshot AS s, desk.portfolios(s.taken_at) AS p, jsonb_each_text(to_jsonb(p.portfolio) -> 'balances') AS b JOIN $whole AS t ON t.asset = b.key
			 WHERE s.taken_at > '$since' GROUP BY s.taken_at, b.key, t.quantity HAVING sum(b.value::numeric) <> t.quantity},
		'journals have not as many rows as was said' => sprintf(q{
			SELECT * FROM (VALUES ('prices', %d, (SELECT count(*) FROM desk.index_price_history) + (SELECT count(*) FROM desk.mark_price_history) - (SELECT prices FROM began_journals)),
			                      ('accruals', %d, (SELECT count(*) FILTER (WHERE NOT house) FROM desk.accrual_event)), ('repayments', %d, (SELECT count(*) FROM desk.repayment_entry)))
			           AS t (journal, expected, found) WHERE expected <> found}, map { $_ // 0 } @$sum{qw(prices accrued repaid)}),
		'a snapshot is gone' => qq{
			SELECT taken_at FROM (VALUES $snapshots) AS v (taken_at) LEFT JOIN desk.snapshot AS s USING (taken_at) WHERE s.taken_at IS NULL AND v.taken_at <> 'infinity'},
		'a market is gone' => qq{
			SELECT id FROM (VALUES $markets) AS v (id) LEFT JOIN desk.published_market_history AS h USING (id) WHERE h.id IS NULL AND v.id IS NOT NULL},
		'a price is not its last one' => q{
			SELECT asset FROM desk.index_price AS p WHERE price <> (SELECT price FROM desk.index_price_history AS h WHERE h.asset = p.asset ORDER BY id DESC LIMIT 1)
			UNION ALL SELECT contract FROM desk.mark_price AS p WHERE price <> (SELECT price FROM desk.mark_price_history AS h WHERE h.contract = p.contract ORDER BY id DESC LIMIT 1)});
}

# ---------------------------------------------------------------------------
# Rounds
# ---------------------------------------------------------------------------

# A backend that is at work, killed as the kernel would when memory runs out.
sub kill_backend
{
	my ($server) = @_;
	for (1 .. 100)
	{
		my $rows = $server->do(q{SELECT pid FROM pg_stat_activity WHERE application_name = 'client' AND state <> 'idle' ORDER BY random() LIMIT 1});
		return kill KILL => $rows->[0][0] if @$rows;
		sleep 0.01;
	}
	return 0;
}

sub connection
{
	my ($node) = @_;
	for (1 .. 600)
	{
		my $server = Session->new($node);
		return $server if $server;
		sleep 0.1;
	}
	die "the server does not come back\n";
}

# What was told as committed and is not there; what the others that are there wrote.
sub settle
{
	my ($server, $told, $sum) = @_;
	my %there = map { ("$_->[0] $_->[1]" => 1) } @{ $server->do("SELECT client, seq FROM done WHERE seq > $told->{from}") };
	my @lost;
	for my $name (sort keys %{ $told->{written} })
	{
		my $one = $told->{written}{$name};
		if ($there{$name}) { add_effects($sum, $one->{effects}); delete $there{$name} }
		elsif ($one->{committed}) { push @lost, "$name: $one->{kind} $one->{effects}" }
	}
	return (\@lost, [ map { "$_: of no client's transaction" } sort keys %there ]);
}

# %options: rounds, accounts, seconds (of each round, at most), seed, say
sub run
{
	my (%options) = @_;
	my $say = $options{say};
	my $node = make_node('crash');
	my $server = make_book($node, $options{accounts});
	$server->do(q{
		INSERT INTO desk.level_threshold (level, margin_ratio, release_ratio) VALUES ('warning', 0.6, 0.5), ('margin_call', 0.8, 0.7), ('liquidation', 1, 0.9);
		CREATE TABLE began AS SELECT account_id, asset, quantity FROM desk.balance;
		CREATE TABLE began_position AS SELECT account_id, contract || '/' || side AS symbol, quantity FROM desk.position;
		CREATE TABLE began_journals AS SELECT (SELECT count(*) FROM desk.index_price_history) + (SELECT count(*) FROM desk.mark_price_history) AS prices});
	my %report = (rounds => 0, lost => 0, half => 0, recoveries => 0, committed => {}, errors => [], wrong => [], interrupted => {}, how => {});
	my %sum = map { $_ => {} } qw(balance position order snapshot market);
	my $logs = PostgreSQL::Test::Utils::tempdir();
	for my $number (1 .. $options{rounds})
	{
		my %round = (node => $node, accounts => $options{accounts}, seq => $number * 1_000_000);
		my @roles = (@roles, $number % 3 == 0 ? ['upgrade'] : ());
		my $since = $server->value('SELECT clock_timestamp()');
		my @clients = start_clients($options{seed} + $number * 104729, map { my $role = $_; my @kinds = @{ $roles[$role] }; sub { run_client(\%round, $role, "$logs/$role", @kinds) } } 0 .. $#roles);
		sleep 0.3 + rand($options{seconds} - 0.3);
		my $how = chance(0.5) ? 'stopped at once' : 'a backend killed';
		my $struck = 1;
		if ($how eq 'stopped at once') { $node->stop('immediate') }
		else { $struck = kill_backend($server) }
		push @{ $report{wrong} }, map { "round $number: $_" } end_clients($struck ? 120 : 0, @clients);
		$node->start if $how eq 'stopped at once';
		$server = connection($node);

		my %told = (from => $round{seq}, errors => [], interrupted => $report{interrupted});
		read_log(\%told, $_, "$logs/$_") for 0 .. $#roles;
		my ($lost, $unknown) = settle($server, \%told, \%sum);
		# the objects of the book are those of its scripts, after at most one upgrade more
		$server->do(q{SELECT margin.upgrade_book('desk')}) if $number % 3 == 0;
		my @half = (@$unknown, differences($server, questions(\%sum, $since), $number % 3 == 0 ? ('an upgrade is half done' => q{SELECT * FROM margin.upgrade_book('desk')}) : ()));
		$report{rounds}++;
		$report{recoveries}++ if $struck;
		$report{how}{$how}++;
		$report{lost} += @$lost;
		$report{half}++ if @half;
		$report{committed}{ $_->{kind} }++ for grep { $_->{committed} } values %{ $told{written} };
		push @{ $report{wrong} }, map { "round $number, $how: $_" } (map { "lost: $_" } @$lost), @half;
		push @{ $report{errors} }, map { "round $number: $_" } @{ $told{errors} };
		$say->(sprintf 'round %d: %s; %d transactions committed so far, %d lost, %d rounds with something half-written', $number, $how, sum0(values %{ $report{committed} }), @report{qw(lost half)});
		last if @{ $report{wrong} };
	}
	my $log = PostgreSQL::Test::Utils::slurp_file($node->logfile);
	$report{recovered} = () = $log =~ /automatic recovery in progress/g;
	push @{ $report{wrong} }, "the server: $_" for $log =~ /(.*(?:PANIC|TRAP|signal (?:11|6)\b).*)/g;
	$node->stop;
	return \%report;
}

1;
