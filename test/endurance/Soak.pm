# Long runs: the same sessions tick, write, refresh, take snapshots, ask and prune, as
# a server does for months; the memory of each backend and the size of each table and
# index must come to rest.
#
# Each "minute" whatever the manual says to prune is pruned, so what still grows grows
# without bounds.  Of each minute the largest size of a relation counts, so that what is
# filled and emptied within a minute is one number, and the least memory of a backend,
# so that what it takes for a moment is none.  The line through the second half, whose
# slope is the median of those between any two minutes, so that a step is no slope, must
# not rise by more than BOUND of the mean, or by the floor.

package Soak;

use strict;
use warnings;

use Endurance;
use List::Util qw(max min sum0);
use Races;
use Session;
use Time::HiRes qw(sleep time);

use constant {
	ACCOUNTS => 40,
	BOUND => 0.05,
	FLOOR => { backend => 2 * 1024 * 1024, contexts => 1024 * 1024, relation => 256 * 1024 },
};

# ---------------------------------------------------------------------------
# Clients
# ---------------------------------------------------------------------------

my $refused = qr/^(?:MG00[12]|40001|40P01|55P03)$/;

# One transaction, of several statements or one; what it was refused for is an answer.
sub attempt
{
	my ($client, @sql) = @_;
	my $server = $client->{server};
	for my $sql (@sql > 1 ? ('BEGIN', @sql, 'COMMIT') : @sql)
	{
		next if $server->try($sql);
		my $error = { %{ $server->{error} } };
		$server->undo;
		return if $error->{code} =~ $refused || $error->{code} =~ ($client->{refused} // qr/^$/);
		die "$error->{code}: $error->{message}\nin: $sql\n";
	}
	$client->{count}++;
	return;
}

# What a session has to plan to change a level it keeps; so that none comes to it late,
# each begins with an account that goes under water and comes back.
sub change_levels
{
	my ($client) = @_;
	for my $amount (-40_000, 40_000)
	{
		attempt($client, 'SET LOCAL margin.guard = record', map { "UPDATE desk.balance SET quantity = quantity + $_->[1] WHERE account_id = $_->[0] AND asset = 'USD'" } [ $client->{number}, $amount ], [ 20 + $client->{number}, -$amount ]);
	}
	return;
}

sub write_account
{
	my ($client) = @_;
	my $name = ++$client->{seq};
	change_levels($client) if $name == 1;
	my $work = chance(0.4) ? Races::transfer(ACCOUNTS) : chance(0.5) ? Races::position(ACCOUNTS) : Races::order($client, "$client->{number}-$name", ACCOUNTS);
	my $told = Races::until_judged($client, 'BEGIN ISOLATION LEVEL ' . pick('READ COMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'), $name, $work);
	Races::remember($client, $work) if $told->{verdict} eq 'committed';
	$client->{count}++;
	return;
}

# A walk that comes back.
sub tick
{
	my ($client) = @_;
	my $price = $client->{price} //= { COIN => 100, GOLD => 500, C1 => 1000, C2 => 50 };
	my %middle = (COIN => 100, GOLD => 500, C1 => 1000, C2 => 50);
	$price->{$_} = sprintf '%.4f', $price->{$_} + ($middle{$_} - $price->{$_}) * 0.02 + $middle{$_} * (rand(0.02) - 0.01) for keys %middle;
	attempt($client, "SELECT * FROM margin.set_prices('desk', '{COIN,GOLD}', '{$price->{COIN},$price->{GOLD}}', '{C1,C2}', '{$price->{C1},$price->{C2}}', refresh => " . (chance(0.5) ? 'true' : 'false') . ')');
	return;
}

sub refresh { my ($client) = @_; attempt($client, sprintf q{SELECT margin.refresh_levels('desk', everyone => %s)}, chance(0.1) ? 'true' : 'false'); return }

sub book
{
	my ($client) = @_;
	attempt($client, 'SET LOCAL margin.guard = record', pick(
		sprintf('SELECT count(*) FROM desk.repay(%d, 900)', between(1, ACCOUNTS)),
		q{SELECT margin.accrue_interest('desk', coalesce((SELECT max(accrued_at) FROM desk.interest_hour), '2020-01-01Z') + interval '1 hour')},
		sprintf(q{SELECT margin.settle_funding('desk', '%s', 0.0001, now())}, pick('C1', 'C2'))));
	return;
}

sub snapshot
{
	my ($client) = @_;
	my $form = pick('full', 'portfolios', 'changes');
	# the day may end in this very moment
	local $client->{refused} = qr/^55000$/;
	attempt($client, chance(0.3) ? "CALL margin.run_reports('desk', '$form')" : chance(0.3) ? q{SELECT margin.publish_market('desk')} : "SELECT margin.take_snapshot('desk', '$form')");
	return;
}

my @questions = (
	'SELECT * FROM desk.account_margin(%1$d)', 'SELECT count(*) FROM desk.explain_text(%1$d)', 'SELECT count(*) FROM desk.explain(%1$d)',
	(map { "SELECT $_ FROM desk.account_portfolio AS a, desk.market() AS m WHERE account_id = %1\$d" }
		q{margin.max_withdrawal(portfolio, m, 'COIN')}, q{margin.liquidation_range(portfolio, m, 'C1')}, q{margin.liquidation_price(portfolio, m, asset => 'COIN', linked => true)},
		q{margin.max_open_order(portfolio, m, 'C1', 'buy', 990)}, 'margin.buffer(portfolio, m)', 'margin.repayment_plan(portfolio, m)', 'margin.reduction_plan(portfolio, m)', q{margin.trade(portfolio, m, 'C2', 5, 50)}),
	'SELECT * FROM desk.account_stress WHERE account_id = %1$d', 'SELECT * FROM desk.report_levels', 'SELECT * FROM desk.report_shortfalls', 'SELECT * FROM desk.report_concentration',
	'SELECT * FROM desk.report_stress', q{SELECT * FROM margin.liquidation_map('desk', asset => 'COIN')}, q{SELECT length(margin.report_html('desk'))},
	'SELECT level, count(*) FROM desk.kept_margin GROUP BY 1', 'SELECT level, count(*) FROM desk.account_margin GROUP BY 1', q{SELECT count(*) FROM margin.check_levels('desk')},
	'SELECT count(*) FROM desk.snapshot AS s, desk.account_margin_at(s.taken_at) WHERE s.taken_at = (SELECT max(taken_at) FROM desk.snapshot)');

sub ask { my ($client) = @_; attempt($client, sprintf pick(@questions), between(1, ACCOUNTS)); return }

sub listen { my ($client) = @_; attempt($client, 'LISTEN margin_level') if !$client->{count}; attempt($client, 'SELECT 1'); sleep 0.5; return }

# What the operations chapter says to prune, in a day that is a minute long.
my @journals = (
	[ 'level_event', 'level_event_append_only', q{changed_at < now() - interval '%1$s s'} ], [ 'guard_exception', 'guard_exception_append_only', q{judged_at < now() - interval '%1$s s'} ],
	[ 'repayment_entry', 'repayment_entry_append_only', q{booked_at < now() - interval '%1$s s'} ], [ 'accrual_event', 'append_only', q{accrued_at < (SELECT max(accrued_at) - interval '100 hours' FROM desk.interest_hour) OR kind = 'funding' AND accrued_at < now() - interval '%1$s s'} ],
	[ 'interest_hour', 'append_only', q{accrued_at < (SELECT max(accrued_at) - interval '100 hours' FROM desk.interest_hour)} ], [ 'funding_settlement', 'append_only', q{settled_at < now() - interval '%1$s s'} ]);

sub prune
{
	my ($client) = @_;
	for my $journal (@journals)
	{
		my ($table, $trigger, $old) = @$journal;
		attempt($client, "ALTER TABLE desk.$table DISABLE TRIGGER $trigger", sprintf("DELETE FROM desk.$table WHERE $old", $client->{minute}), "ALTER TABLE desk.$table ENABLE TRIGGER $trigger");
	}
	attempt($client, sprintf q{DELETE FROM desk.report_run WHERE status <> 'running' AND started_at < now() - interval '%s s'}, $client->{minute});
	attempt($client, sprintf q{SELECT margin.prune_price_history('desk', interval '%s s')}, $client->{minute});
	# the day has ended
	attempt($client, q{SELECT margin.drop_snapshots('desk', now() + interval '1 day')}, q{SELECT margin.prepare_snapshots('desk', 1)});
	attempt($client, 'DELETE FROM done');
	# by the clock, once in each minute
	$client->{next} = ($client->{next} // time) + $client->{minute};
	sleep max(0, $client->{next} - time);
	return;
}

# Whether a client rests between one thing and the next, and how long at most.
my @roles = (
	[ ticks => \&tick, 0.1 ], [ writes => \&write_account, 0.02 ], [ 'more writes' => \&write_account, 0.02 ], [ 'other writes' => \&write_account, 0.02 ], [ refreshes => \&refresh, 1 ],
	[ bookings => \&book, 0.2 ], [ snapshots => \&snapshot, 2 ], [ questions => \&ask, 0.05 ], [ 'more questions' => \&ask, 0.05 ], [ notifications => \&listen, 0 ], [ pruning => \&prune, 0 ]);

sub roles { return map { $_->[0] } @roles }

# A file says how it is: written beside it and renamed, so that it is read whole.
sub weigh
{
	my ($client, $path) = @_;
	my ($total, $largest) = @{ $client->{server}->do(q{SELECT sum(total_bytes), (SELECT string_agg(name || ' ' || bytes, ', ') FROM (
		SELECT name, sum(total_bytes) AS bytes FROM pg_backend_memory_contexts GROUP BY name ORDER BY 2 DESC LIMIT 4) AS l) FROM pg_backend_memory_contexts})->[0] };
	open my $out, '>', "$path.new" or die "$path: $!";
	print $out join "\t", $client->{server}{pid}, $client->{count}, $total, $largest;
	close $out or die "$path: $!";
	rename "$path.new", $path or die "$path: $!";
	return;
}

sub run_client
{
	my ($node, $number, $path, $until, $minute, $work, $pause) = @_;
	my $client = { server => Session->new($node, name => 'client'), number => $number, orders => [], retries => {}, seq => 0, count => 0, minute => $minute };
	my $told = 0;
	while (time < $until)
	{
		$work->($client);
		if (time - $told > $minute / 6) { weigh($client, $path); $told = time }
		sleep rand $pause;
	}
	weigh($client, $path);
	return;
}

# ---------------------------------------------------------------------------
# Measuring
# ---------------------------------------------------------------------------

# Memory that is its own, in bytes: what it shares with others is the server's.
sub resident
{
	my ($pid) = @_;
	open my $in, '<', "/proc/$pid/status" or return;
	my ($anonymous) = join('', <$in>) =~ /^RssAnon:\s+(\d+) kB/m or return;
	return $anonymous * 1024;
}

# What counts of this minute so far.
sub measure
{
	my ($server, $logs, $sizes, $contexts) = @_;
	my %name;
	for my $i (0 .. $#roles)
	{
		open my $in, '<', "$logs/$i" or next;
		my ($pid, $count, $bytes, $largest) = split /\t/, <$in>;
		$name{$pid} = $roles[$i][0];
		$contexts->{ $roles[$i][0] } = { count => $count, largest => $largest };
		keep($sizes, "contexts of $roles[$i][0]", $bytes);
	}
	for my $row (@{ $server->do('SELECT pid, backend_type FROM pg_stat_activity WHERE pid <> pg_backend_pid()') })
	{
		my $bytes = resident($row->[0]);
		# workers of autovacuum and parallel ones come and go
		keep($sizes, 'backend ' . ($name{ $row->[0] } // $row->[1]), $bytes) if defined $bytes && $row->[1] !~ /worker/;
	}
	# a table with what is stored out of line
	keep($sizes, "relation $_->[0]", $_->[1]) for @{ $server->do(q{
		SELECT c.oid::regclass, CASE c.relkind WHEN 'i' THEN pg_relation_size(c.oid) ELSE pg_table_size(c.oid) END
		  FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.relkind IN ('r', 'i', 'm') AND n.nspname <> 'pg_toast'}) };
	return;
}

sub keep
{
	my ($sizes, $name, $bytes) = @_;
	return if !defined $bytes;
	$sizes->{$name} = !defined $sizes->{$name} ? $bytes : $name =~ /^relation / ? max($sizes->{$name}, $bytes) : min($sizes->{$name}, $bytes);
	return;
}

# How much the line through points rises from the first to the last.
sub rise
{
	my (@y) = @_;
	my @slopes = sort { $a <=> $b } map { my $i = $_; map { ($y[$i] - $y[$_]) / ($i - $_) } 0 .. $i - 1 } 1 .. $#y;
	return 0 if !@slopes;
	return $#y * ($slopes[ $#slopes / 2 ] + $slopes[ @slopes / 2 ]) / 2;
}

# What has not come to rest in the second half of the minutes.
sub growing
{
	my (@minutes) = @_;
	my @half = @minutes[ int(@minutes / 2) .. $#minutes ];
	my @found;
	for my $name (sort keys %{ $half[-1] })
	{
		my @y = map { $_->{$name} } @half;
		next if grep { !defined } @y;
		my ($kind) = $name =~ /^(\w+)/;
		my ($rise, $mean) = (rise(@y), sum0(@y) / @y);
		push @found, sprintf '%s grows: by %.0f kB in %d minutes; kB: %s', $name, $rise / 1024, $#half, join(' ', map { sprintf '%.0f', $_ / 1024 } @y) if $rise > max(FLOOR->{$kind}, BOUND * $mean);
	}
	return @found;
}

sub total { my ($sizes, $kind) = @_; return sum0(map { $sizes->{$_} } grep { /^$kind / } keys %$sizes) }
sub largest { my ($sizes, $kind) = @_; my ($name) = sort { $sizes->{$b} <=> $sizes->{$a} } grep { /^$kind / } keys %$sizes; return $name ? sprintf '%s %.1f MB', $name =~ s/^\w+ //r, $sizes->{$name} / 2**20 : 'none' }

# A line of what was done in a minute, and of the sizes after it.
sub line
{
	my ($number, $contexts, $before, $sizes, $previous) = @_;
	my %done;
	for my $name (keys %$contexts)
	{
		my ($what) = $name =~ /(\w+)$/;
		$done{$what} += $contexts->{$name}{count} - ($before->{$name} // 0);
		$before->{$name} = $contexts->{$name}{count};
	}
	my ($most) = sort { $sizes->{$b} - ($previous->{$b} // $sizes->{$b}) <=> $sizes->{$a} - ($previous->{$a} // $sizes->{$a}) } sort keys %$sizes;
	my $grown = $sizes->{$most} - ($previous->{$most} // $sizes->{$most});
	return sprintf 'minute %d: %s; memory of backends %.1f MB, largest %s; tables and indexes %.1f MB, largest %s; grew most: %s', $number, join(', ', map { "$done{$_} $_" } sort keys %done),
		total($sizes, 'backend') / 2**20, largest($sizes, 'backend'), total($sizes, 'relation') / 2**20, largest($sizes, 'relation'), $grown > 0 ? sprintf '%s %.0f kB', $most, $grown / 1024 : 'nothing';
}

# %options: minutes, minute (seconds of one), verdict (whether there is one), seed, say
sub run
{
	my (%options) = @_;
	my $minute = $options{minute} // 60;
	my $node = make_node('soak', 'autovacuum = on', $minute < 60 ? "autovacuum_naptime = ${\int($minute / 4 + 1)}s" : ());
	my $server = make_book($node, ACCOUNTS);
	my $logs = PostgreSQL::Test::Utils::tempdir();
	my $began = time;
	my $until = $began + $options{minutes} * $minute;
	my @clients = start_clients($options{seed}, map { my $i = $_; my (undef, $work, $pause) = @{ $roles[$i] }; sub { run_client($node, $i, "$logs/$i", $until, $minute, $work, $pause) } } 0 .. $#roles);
	my (@minutes, %before, %contexts);
	for my $number (1 .. $options{minutes})
	{
		my %sizes;
		while (time < $began + $number * $minute)
		{
			sleep max(0.1, $minute / 12);
			measure($server, $logs, \%sizes, \%contexts);
		}
		push @minutes, \%sizes;
		$options{say}->(line($number, \%contexts, \%before, \%sizes, $minutes[-2] // {}));
	}
	my @failed = end_clients(max(60, 2 * $minute), @clients);
	measure($server, $logs, {}, \%contexts);
	my %report = (wrong => \@failed, counts => { map { ($_ => $contexts{$_}{count}) } keys %contexts }, minutes => \@minutes);
	# what was pruned has left no beginning
	push @{ $report{wrong} }, differences($server, 'the journal of levels has a gap' => undef, 'the journal of levels does not lead to what is kept' => undef);
	push @{ $report{wrong} }, growing(@minutes) if $options{verdict} // 1;
	$report{contexts} = \%contexts;
	$node->stop;
	return \%report;
}

1;
