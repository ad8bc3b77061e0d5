# Races: many clients write few accounts under the guard while prices move and levels
# are refreshed, at each isolation level; afterwards everything is judged again, apart.
#
# What is judged again is each transaction, not only the end.  The guard promises that
# an account passes, in the market of the moment, or has no lower an available margin
# than the transaction found.  Transactions that touch one account are judged and
# committed one after the other, so commit timestamps tell what each has found; the
# market of the moment is one of those that were in force between the COMMIT and its
# answer.  The accounts are played through in that order, with valuations of Worth.pm.

package Races;

use strict;
use warnings;

use Endurance;
use Session;
use Time::HiRes qw(time);
use Worth;

use constant {
	ACCOUNTS => 8,
	CLIENTS => 8,
};

# ---------------------------------------------------------------------------
# A client
# ---------------------------------------------------------------------------

sub note { my ($client, @words) = @_; print { $client->{log} } join("\t", @words), "\n"; return }

sub account { my ($accounts) = @_; return between(1, $accounts // ACCOUNTS) }

# Statements, and what they change: kind, account, symbol, by how much; of an order
# also its contract and price.  Rows are written in any order, so some deadlock.
sub transfer
{
	my ($accounts) = @_;
	my ($from, $to, $asset) = (account($accounts), account($accounts), pick('USD', 'COIN', 'GOLD'));
	my $amount = $asset eq 'USD' ? between(1, 8000) : $asset eq 'COIN' ? between(1, 120) : between(1, 9);
	return { kind => 'transfer', rows => 2,
		sql => [ map { "UPDATE desk.balance SET quantity = quantity + $_->[1] WHERE account_id = $_->[0] AND asset = '$asset' RETURNING 1" } [ $from, -$amount ], [ $to, $amount ] ],
		effects => [ "balance $from $asset -$amount", "balance $to $asset $amount" ] };
}

sub position
{
	my ($accounts) = @_;
	my ($buyer, $seller, $contract, $lots) = (account($accounts), account($accounts), pick('C1', 'C2'), between(-30, 35));
	my @legs = ([ $buyer, 'long', $lots ], [ $seller, 'short', -$lots ]);
	return { kind => 'position', rows => 2,
		sql => [ map { "UPDATE desk.position SET quantity = quantity + ($_->[2]) WHERE account_id = $_->[0] AND contract = '$contract' AND side = '$_->[1]' AND sign(quantity + ($_->[2])) = sign(quantity) RETURNING 1" } @legs ],
		effects => [ map { "position $_->[0] $contract/$_->[1] $_->[2]" } @legs ] };
}

sub order
{
	my ($client, $name, $accounts) = @_;
	if (@{ $client->{orders} } > 3 || @{ $client->{orders} } && chance(0.4))
	{
		my ($account, $id) = @{ pick(@{ $client->{orders} }) };
		return { kind => 'order', rows => 1, sql => ["DELETE FROM desk.open_order WHERE account_id = $account AND order_id = '$id' RETURNING 1"],
			effects => ["cancel $account $id 0"], gone => $id };
	}
	my ($account, $contract) = (account($accounts), pick('C1', 'C2'));
	my ($lots, $price) = (between(1, 60) * (chance(0.5) ? 1 : -1), $contract eq 'C1' ? between(700, 1300) : between(35, 65));
	return { kind => 'order', rows => 1, sql => ["INSERT INTO desk.open_order (account_id, order_id, contract, quantity, price) VALUES ($account, '$name', '$contract', $lots, $price) RETURNING 1"],
		effects => ["order $account $name $lots $contract $price"], come => [ $account, $name ] };
}

# Which orders of its own a client may take back.
sub remember
{
	my ($client, $work) = @_;
	push @{ $client->{orders} }, $work->{come} if $work->{come};
	@{ $client->{orders} } = grep { $_->[1] ne $work->{gone} } @{ $client->{orders} } if $work->{gone};
	return;
}

# Several things at once, so that what one lacks another may bring.
sub several
{
	my ($client, $name) = @_;
	my @parts = (transfer(), chance(0.5) ? position() : order($client, $name));
	my %all = (kind => 'several', rows => 0, sql => [], effects => []);
	for my $part (@parts)
	{
		$all{rows} += $part->{rows};
		push @{ $all{$_} }, @{ $part->{$_} } for qw(sql effects);
		$all{$_} = $part->{$_} for grep { $part->{$_} } qw(come gone);
	}
	return \%all;
}

# Tries a transaction until it is committed, refused, or nothing to do; what failed to
# serialize or deadlocked is tried again.
sub until_judged
{
	my ($client, $begin, $name, $work) = @_;
	my $server = $client->{server};
	while (1)
	{
		my %told = (began => time);
		my $rows = 0;
		my @done;
		my $fine = $server->try($begin);
		for my $sql (@{ $work->{sql} })
		{
			$fine &&= $server->try($sql) or last;
			$rows += @$fine;
			@done = @$fine;
		}
		if ($fine && $rows < $work->{rows})
		{
			$server->undo;
			return { %told, verdict => 'void' };
		}
		$fine &&= $server->try("INSERT INTO done (client, seq) VALUES ($client->{number}, $name)");
		if ($fine)
		{
			$told{sent} = time;
			$fine = $server->try('COMMIT');
			$told{answered} = time;
			return { %told, verdict => 'committed', rows => \@done } if $fine;
		}
		$told{answered} = time;
		my $error = { %{ $server->{error} } };
		$server->undo;
		return { %told, verdict => 'refused', account => $error->{column} } if $error->{code} eq 'MG001';
		die "$error->{code}: $error->{message}\n" if $error->{code} !~ /^(?:40001|40P01)$/;
		$client->{retries}{ $error->{code} }++;
	}
}

# A price of everything, in a row; some with the levels refreshed.
sub tick
{
	my ($client, $begin, $name) = @_;
	my @prices = (between(80, 120), between(400, 600), between(800, 1200), between(40, 60));
	my $told = until_judged($client, $begin, $name, { rows => 0, sql => [
		sprintf(q{SELECT applied FROM margin.set_prices('desk', '{COIN,GOLD}', '{%d,%d}', '{C1,C2}', '{%d,%d}', at => now(), refresh => %s)}, @prices, chance(0.3) ? 'true' : 'false'),
		# those that another one has set to a later instant stay
		q{SELECT asset, price::text FROM desk.index_price WHERE updated_at = now() UNION ALL SELECT contract, price::text FROM desk.mark_price WHERE updated_at = now()} ] });
	note($client, 'tick', $name, $told->{sent}, $told->{answered}, map { "$_->[0] $_->[1]" } @{ $told->{rows} });
	return;
}

sub run_client
{
	my ($node, $number, $path, $isolation, $from, $count) = @_;
	open my $log, '>', $path or die "$path: $!";
	my $client = { server => Session->new($node, name => 'client'), number => $number, log => $log, orders => [], retries => {} };
	my $begin = "BEGIN ISOLATION LEVEL $isolation";
	my ($judged, $seq) = (0, $from);
	while ($judged < $count)
	{
		my $name = ++$seq;
		# one of each for certain
		my $dice = $name == $from + 1 && $number <= 2 ? $number * 0.02 : rand;
		if ($dice < 0.03) { tick($client, $begin, $name); next }
		if ($dice < 0.05)
		{
			# as the manual advises, and at the level that is tried
			my $sql = sprintf q{SELECT margin.refresh_levels('desk', everyone => %s)}, chance(0.2) ? 'true' : 'false';
			until_judged($client, chance(0.5) ? 'BEGIN ISOLATION LEVEL READ COMMITTED' : $begin, $name, { rows => 0, sql => [$sql] });
			next;
		}
		my $work = $dice < 0.45 ? transfer() : $dice < 0.7 ? position() : $dice < 0.85 ? order($client, "$number-$name") : several($client, "$number-$name");
		my $told = until_judged($client, $begin, $name, $work);
		if ($told->{verdict} eq 'void') { next }
		$judged++;
		note($client, @$told{qw(verdict)}, $name, $told->{began}, $told->{sent} // $told->{answered}, $told->{answered}, $told->{account} // '', $work->{kind}, @{ $work->{effects} });
		remember($client, $work) if $told->{verdict} eq 'committed';
	}
	note($client, 'retries', map { "$_ $client->{retries}{$_}" } sort keys %{ $client->{retries} });
	close $log or die "$path: $!";
	return;
}

# ---------------------------------------------------------------------------
# Played through again
# ---------------------------------------------------------------------------

sub read_logs
{
	my ($logs) = @_;
	my (@events, %retries);
	for my $number (1 .. CLIENTS)
	{
		open my $in, '<', "$logs/$number" or die "$logs/$number: $!";
		while (my $line = <$in>)
		{
			chomp $line;
			my ($what, $seq, @rest) = split /\t/, $line, -1;
			if ($what eq 'retries') { for (grep { defined && length } $seq, @rest) { my ($code, $n) = split / /; $retries{$code} += $n } }
			elsif ($what eq 'tick') { my ($sent, $answered, @prices) = @rest; push @events, { what => 'tick', name => "$number $seq", sent => $sent, answered => $answered, prices => { map { split / / } @prices } } }
			else
			{
				my ($began, $sent, $answered, $account, $kind, @effects) = @rest;
				push @events, { what => $what, name => "$number $seq", began => $began, sent => $sent, answered => $answered, account => $account, kind => $kind, effects => [ map { [ split / / ] } @effects ] };
			}
		}
	}
	return (\@events, \%retries);
}

sub apply
{
	my ($holds, $effects, $only) = @_;
	for my $effect (@$effects)
	{
		my ($what, $account, $symbol, $amount, @order) = @$effect;
		next if defined $only && $account ne $only;
		if ($what eq 'order') { $holds->{$account}{order}{$symbol} = [ $amount, @order ] }
		elsif ($what eq 'cancel') { delete $holds->{$account}{order}{$symbol} }
		else { $holds->{$account}{$what}{$symbol} += $amount }
	}
	return;
}

sub copy { my ($one) = @_; return { map { my $what = $_; ($what => { %{ $one->{$what} } }) } qw(balance position order) } }

# The markets that may have been in force at some time of a span: those that had come
# before its end, and had not certainly gone before it began.
sub markets_within
{
	my ($markets, $since, $until) = @_;
	my @within;
	for my $i (reverse 0 .. $#$markets)
	{
		next if $markets->[$i]{came} > $until;
		push @within, $markets->[$i]{prices};
		last if $markets->[$i]{certain} < $since;
	}
	return @within;
}

# The guard's rule.
sub allowed
{
	my ($before, $after, $prices) = @_;
	my $then = worth($after, $prices);
	return $then->{passes} || $then->{available} >= worth($before, $prices)->{available};
}

# Everything that happened since the last pause: what the guard should have refused,
# and what it should not have.  Leaves {holds} and {markets} as they are now.
sub replay
{
	my ($state, $events) = @_;
	my @wrong;
	my @in_order = sort { $a->{committed} <=> $b->{committed} } grep { defined $_->{committed} } @$events;
	for my $tick (grep { $_->{what} eq 'tick' } @in_order)
	{
		my %prices = (%{ $state->{markets}[-1]{prices} }, %{ $tick->{prices} });
		push @{ $state->{markets} }, { came => $tick->{committed}, certain => $tick->{answered}, prices => \%prices };
	}
	my %states = map { ($_ => [ { came => 0, certain => 0, holds => copy($state->{holds}{$_}) } ]) } keys %{ $state->{holds} };
	for my $event (grep { $_->{what} eq 'committed' } @in_order)
	{
		my %touched = map { ($_->[1] => 1) } @{ $event->{effects} };
		my %before = map { ($_ => copy($state->{holds}{$_})) } keys %touched;
		apply($state->{holds}, $event->{effects});
		my @markets = markets_within($state->{markets}, $event->{sent}, $event->{answered});
		for my $account (sort keys %touched)
		{
			my $after = copy($state->{holds}{$account});
			push @{ $states{$account} }, { came => $event->{committed}, certain => $event->{answered}, holds => $after };
			$state->{judged}++;
			next if grep { allowed($before{$account}, $after, $_) } @markets;
			push @wrong, "account $account should have been refused in $event->{kind} $event->{name}: " . join ', ', map { join ' ', @$_ } @{ $event->{effects} };
		}
	}
	for my $event (grep { $_->{what} eq 'refused' } @$events)
	{
		my $account = $event->{account};
		my @found = map { $_->{holds} } span($states{$account}, $event->{began}, $event->{answered});
		my @markets = markets_within($state->{markets}, $event->{began}, $event->{answered});
		my $right = 0;
		for my $before (@found)
		{
			my %after = ($account => copy($before));
			apply(\%after, $event->{effects}, $account);
			$right ||= grep { !allowed($before, $after{$account}, $_) } @markets;
		}
		push @wrong, "account $account should not have been refused in $event->{kind} $event->{name}" if !$right;
	}
	return @wrong;
}

sub span
{
	my ($states, $since, $until) = @_;
	my @within;
	for my $i (reverse 0 .. $#$states)
	{
		next if $states->[$i]{came} > $until;
		push @within, $states->[$i];
		last if $states->[$i]{certain} < $since;
	}
	return @within;
}

# ---------------------------------------------------------------------------
# Pauses
# ---------------------------------------------------------------------------

# What an account holds, by its rows.
sub read_rows
{
	my ($server) = @_;
	my %holds = map { ($_ => { balance => {}, position => {}, order => {} }) } 1 .. ACCOUNTS;
	$holds{ $_->[0] }{balance}{ $_->[1] } = $_->[2] for @{ $server->do('SELECT account_id, asset, quantity FROM desk.balance') };
	$holds{ $_->[0] }{position}{ $_->[1] } = $_->[2] for @{ $server->do(q{SELECT account_id, contract || '/' || side, quantity FROM desk.position}) };
	$holds{ $_->[0] }{order}{ $_->[1] } = [ @$_[ 2 .. 4 ] ] for @{ $server->do('SELECT account_id, order_id, quantity, contract, price FROM desk.open_order') };
	return \%holds;
}

sub read_prices
{
	my ($server) = @_;
	return { map { @$_ } @{ $server->do('SELECT asset, price FROM desk.index_price UNION ALL SELECT contract, price FROM desk.mark_price') } };
}

sub flat
{
	my ($holds) = @_;
	return join "\n", map { my $account = $_; map { my $what = $_; my $of = $holds->{$account}{$what};
		map { "$account $what $_ " . (ref $of->{$_} ? "@{ $of->{$_} }" : $of->{$_}) } sort keys %$of } qw(balance order position) } sort { $a <=> $b } keys %$holds;
}

# What is wrong once all is quiet: rows, prices, valuations, levels, sums.
sub check
{
	my ($server, $state) = @_;
	my @wrong = differences($server);
	my ($rows, $prices) = (read_rows($server), read_prices($server));
	push @wrong, "rows are not what was written, one after the other:\n" . flat($rows) . "\nexpected:\n" . flat($state->{holds}) if flat($rows) ne flat($state->{holds});
	my ($found, $expected) = map { my $market = $_; join ' ', map { "$_ $market->{$_}" } sort keys %$market } $prices, $state->{markets}[-1]{prices};
	push @wrong, "prices are $found, not $expected" if $found ne $expected;
	for my $row (@{ $server->do('SELECT account_id, trim_scale(equity), trim_scale(initial_margin), trim_scale(maintenance_margin), trim_scale(available_margin), a.level, k.level
		FROM desk.account_margin AS a LEFT JOIN desk.account_level AS k USING (account_id)') })
	{
		my ($account, @told) = @$row;
		my $worth = worth($rows->{$account}, $prices);
		my @apart = (map({ amount_text($worth->{$_}) } qw(equity initial maintenance available)), ($worth->{level}) x 2);
		push @wrong, "account $account is @told, not @apart" if "@told" ne "@apart";
	}
	my $sums = $server->text(q{SELECT 'balance', asset, sum(quantity) FROM desk.balance GROUP BY 2 UNION ALL SELECT 'position', contract, sum(quantity) FROM desk.position GROUP BY 2 ORDER BY 1, 2});
	push @wrong, "sums are\n$sums\nnot\n$state->{sums}" if $sums ne ($state->{sums} //= $sums);
	return @wrong;
}

# %options: transactions and pauses (of each isolation level), seed, say
sub run
{
	my (%options) = @_;
	my $node = make_node('races', 'autovacuum = off');
	my $server = make_book($node, ACCOUNTS);
	my $state = { holds => read_rows($server), markets => [ { came => 0, certain => 0, prices => read_prices($server) } ], judged => 0 };
	my %report = (levels => [], wrong => [ check($server, $state) ]);
	my $logs = PostgreSQL::Test::Utils::tempdir();
	my $phase = 0;
	for my $isolation ('READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE')
	{
		my %counts = (isolation => $isolation, transactions => 0, committed => 0, refused => 0, ticks => 0, retries => 0, deadlocks => 0, wrong => 0, seconds => 0, checked => 0);
		my $pauses = $options{pauses} // 4;
		my $each = int($options{transactions} / CLIENTS / $pauses + 0.999);
		for my $pause (1 .. $pauses)
		{
			my $from = ++$phase * 1_000_000;
			my $began = time;
			my @clients = start_clients($options{seed} + $phase * 104729, map { my $number = $_; sub { run_client($node, $number, "$logs/$number", $isolation, $from, $each) } } 1 .. CLIENTS);
			my @failed = end_clients(3600, @clients);
			$counts{seconds} += time - $began;
			my ($events, $retries) = read_logs($logs);
			my %committed = map { ("$_->[0] $_->[1]" => $_->[2]) } @{ $server->do("SELECT client, seq, extract(epoch FROM pg_xact_commit_timestamp(xid::xid)) FROM done WHERE seq > $from") };
			$_->{committed} = $committed{ $_->{name} } for grep { $_->{what} ne 'refused' } @$events;
			my $before = $state->{judged};
			my @wrong = (@failed, map({ "$_->{name} was told as committed and is not there" } grep { $_->{what} ne 'refused' && !defined $_->{committed} } @$events), replay($state, $events), check($server, $state));
			$counts{checked} += $state->{judged} - $before;
			$counts{ $_->{what} eq 'tick' ? 'ticks' : $_->{what} }++ for @$events;
			$counts{transactions} = $counts{committed} + $counts{refused};
			$counts{retries} += $retries->{40001} // 0;
			$counts{deadlocks} += $retries->{'40P01'} // 0;
			$counts{wrong} += @wrong;
			push @{ $report{wrong} }, map { "$isolation: $_" } @wrong;
		}
		push @{ $report{levels} }, \%counts;
		$options{say}->(sprintf '%s: %d transactions, %d committed, %d refused, with %d ticks; %d serialization failures and %d deadlocks tried again; %d accounts judged again, %d wrong; %.0f s',
			@counts{qw(isolation transactions committed refused ticks retries deadlocks checked wrong seconds)});
		last if @{ $report{wrong} };
	}
	$node->stop;
	return \%report;
}

1;
