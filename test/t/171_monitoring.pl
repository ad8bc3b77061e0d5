# Monitoring: the queries for an exporter in src/operations/monitoring are run on
# a book that has all they ask about, by a role with the rights that the chapter
# gives it and no others; every column is a label or a number that the file
# explains; and the dashboard asks for nothing else.  The rights are read from
# the chapter.

use strict;
use warnings;

use CPAN::Meta::YAML;
use FindBin;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $folder = "$FindBin::Bin/../../src/operations";
my $chapter = slurp_file("$folder/README.md");
my ($book)   = $chapter =~ /^```sql\n(CREATE EXTENSION margin;\n.*?)^```$/ms;
my ($rights) = $chapter =~ /^```sql\n-- for monitoring\n(.*?)^```$/ms;
ok($book && $rights, 'the chapter has a book and the rights for monitoring');

my $node = PostgreSQL::Test::Cluster->new('monitoring');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
# a bystander, whom the file is not about
$node->safe_psql('postgres', $_) for $book, 'CREATE SCHEMA other', q{SELECT margin.create_book('other')}, $rights;

sub asked
{
	my ($query) = @_;
	my ($status, $out, $err) = $node->psql('postgres', $query, extra_params => [ '-U', 'monitoring', '-A', '-F', "\t", '-P', 'tuples_only=off' ]);
	return ($status == 0 && $err eq '', $out, $err);
}

# ---------------------------------------------------------------------------
# The queries
# ---------------------------------------------------------------------------

my $queries = CPAN::Meta::YAML->read_string(slurp_file("$folder/monitoring/queries.yaml"))->[0];
cmp_ok(scalar keys %$queries, '>', 5, 'there are queries');

# What a query gives: rows by the names of its columns.
sub rows
{
	my ($name) = @_;
	my $query = $queries->{$name}{query} =~ s/the_book|the_venue/desk/gr;
	my ($done, $out, $err) = asked($query);
	ok($done, "$name runs") or diag $err;
	my ($head, @lines) = split /\n/, $out;
	my @columns = split /\t/, $head;
	return map { my %row; @row{@columns} = split /\t/, $_, -1; \%row } grep { !/^\(\d+ rows?\)$/ } @lines;
}

# Before anything has happened none of them fails.
rows($_) for sort keys %$queries;

$node->safe_psql('postgres', $_) for
  q{SELECT margin.enable_levels('desk')},
  q{CALL margin.run_reports('desk')},
  q{INSERT INTO desk.accrual_house (kind, account_id) VALUES ('interest', 900)},
  q{INSERT INTO desk.interest_rate (asset, hourly_rate) VALUES ('USDT', 0.00001)},
  q{BEGIN; SET LOCAL margin.guard = record; SELECT margin.accrue_interest('desk', date_trunc('hour', now()) - interval '3 hours'); COMMIT},
  q{UPDATE desk.asset SET max_age = '1 hour' WHERE asset = 'USDC'},
  q{UPDATE desk.index_price SET updated_at = now() - interval '2 hours' WHERE asset = 'USDC'},
  q{INSERT INTO desk.price_check (kind, symbol, max_jump) VALUES ('contract', 'BTC_USDT', 0.1)},
  q{SELECT margin.set_prices('desk', '{"contracts": {"BTC_USDT": 90000}}')},
  q{SELECT margin.set_collateral_tiers('desk', 'BTC', '{0: 0.9}', '2100-01-01 00:00+00')},
  q{INSERT INTO desk.venue_rule VALUES ('publish_for', '1 hour')},
  q{SELECT margin.enable_publishing('desk')},
  q{SELECT margin.disable_guard('desk')};

my (%found, %labels);
for my $name (sort keys %$queries)
{
	my @rows = rows($name);
	cmp_ok(scalar @rows, '>', 0, "$name has rows");
	my %usage = map { my ($column) = keys %$_; $column => $_->{$column} } @{ $queries->{$name}{metrics} };
	is(join(' ', sort keys %{ $rows[0] }), join(' ', sort keys %usage), "$name: every column is a metric");
	is(join(' ', grep { $usage{$_}{usage} !~ /^(?:LABEL|GAUGE|COUNTER)$/ || ($usage{$_}{description} // '') eq '' } sort keys %usage), '', "$name: each has a usage and a description");
	my @labels = grep { $usage{$_}{usage} eq 'LABEL' } sort keys %usage;
	my %seen;
	is((grep { $seen{ join "\t", @$_{@labels} }++ } @rows), 0, "$name: labels tell its rows apart");
	for my $column (grep { $usage{$_}{usage} ne 'LABEL' } sort keys %usage)
	{
		is(join(' ', grep { !/^(?:-?\d+(?:\.\d+)?)?$/ } map { $_->{$column} } @rows), '', "${name}_$column is a number, or not known");
		$labels{"${name}_$column"} = { map { $_ => 1 } @labels, 'server', 'job', 'instance' };
		$found{"${name}_$column"}{ join ',', @$_{@labels} } = $_->{$column} for @rows;
	}
}

sub found { my ($metric, $labels) = @_; return $found{$metric}{$labels} // 'none' }
is($node->safe_psql('postgres', q{SELECT level, count(*) FROM desk.account_level GROUP BY level ORDER BY level}),
	join("\n", map { "$_|" . found('margin_level_accounts', "desk,$_") } grep { found('margin_level_accounts', "desk,$_") } qw(healthy warning margin_call liquidation bankrupt unpriced)),
	'accounts by level are those of account_level');
is(found('margin_total_shortfall', 'desk,liquidation'), '140.95', 'the shortfall is that of the snapshot');
is(found('margin_total_shortfall', 'desk,unpriced'), '', 'what is not known is no 0');
is(found('margin_guard_guard', 'desk,desk.balance') . found('margin_guard_levels', 'desk,desk.balance'), '01', 'the guard is off, levels are on');
is(found('margin_journal_level_events', 'desk'), $node->safe_psql('postgres', 'SELECT max(id) FROM desk.level_event'), 'changes of level are counted');
is(found('margin_price_stale', 'asset,desk') . found('margin_price_held', 'contract,desk'), '11', 'one price is stale, one is held');
like(int(found('margin_interest_hours_behind', 'desk')), qr/^[34]$/, 'interest is 3 hours behind, or 4 where the clock has struck since');
is(found('margin_planned_changes', 'desk'), 1, 'a change is planned');
is(found('margin_run_failed', 'desk') . found('margin_release_current', 'book,desk'), '01', 'the run is done, the book up to date');
cmp_ok(found('margin_snapshot_days_ahead', 'desk'), '>=', 6, 'days have partitions');
cmp_ok(abs(found('margin_market_valid_seconds', 'desk') - 1800), '<', 1801, 'the market is valid for less than an hour');

# No account, no balance, no price.
for my $hidden (qw(balance.quantity position.quantity account_level.portfolio account_level.account_id level_event.equity account_margin.equity index_price.price mark_price.price account_snapshot.equity))
{
	my ($relation, $column) = split /\./, $hidden;
	like((asked("SELECT $column FROM desk.$relation"))[2], qr/permission denied/, "the role does not see $hidden");
}

# ---------------------------------------------------------------------------
# The dashboard
# ---------------------------------------------------------------------------

my $dashboard = JSON::PP->new->utf8->decode(slurp_file("$folder/monitoring/dashboard.json"));
my @expressions = map { $_->{expr} } map { @{ $_->{targets} } } @{ $dashboard->{panels} };
push @expressions, map { $_->{query}{query} =~ /^label_values\((\w+), (\w+)\)$/ ? "$1\{$2=\"\"}" : $_->{query} } grep { $_->{type} eq 'query' } @{ $dashboard->{templating}{list} };
push @expressions, map { /^\| (`.*margin_\w+.*?`) \|/ ? $1 =~ s/`//gr : () } split /\n/, $chapter;
cmp_ok(scalar @expressions, '>', 25, 'dashboard and chapter ask for something');
my %asked;
for my $expression (@expressions)
{
	for my $part ($expression =~ /(margin_\w+(?:\{[^}]*\})?)/g)
	{
		my ($metric, $braces) = $part =~ /^(\w+)(?:\{(.*)\})?$/;
		$asked{$metric} = 1;
		ok($labels{$metric}, "$metric is exported") or next;
		is(join(' ', grep { !$labels{$metric}{$_} } ($braces // '') =~ /(\w+)\s*[!=]~?=?"/g), '', "$part: its labels are");
	}
}
my %id;
is((grep { $id{ $_->{id} }++ } @{ $dashboard->{panels} }), 0, 'panels have numbers of their own');
is(join(' ', grep { !$asked{$_} } sort keys %labels),
	'margin_guard_levels margin_market_age_seconds margin_market_id margin_planned_next_seconds margin_snapshot_accounts margin_total_accounts',
	'dashboard and chapter show what is exported, but for these');

$node->stop;
done_testing();
