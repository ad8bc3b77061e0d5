# The demo: its book is what it says, its stories come to what was computed by
# hand, and its report runs.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $demo = "$FindBin::Bin/../demo";

my $node = PostgreSQL::Test::Cluster->new('demo');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE demo');
$node->safe_psql('demo', 'CREATE EXTENSION margin');

# Runs a file of the demo and returns what it printed.
sub run_file
{
	my ($file, @options) = @_;
	my ($out, $err);
	my $done = run_log(
		[ 'psql', '-X', '-q', @options, '-f', "$demo/$file", '-d', $node->connstr('demo') ],
		'>', \$out, '2>', \$err);
	ok($done, "$file runs") or diag $err;
	is($err, '', "$file complains about nothing");
	return $out;
}

sub rows
{
	my ($query) = @_;
	return $node->safe_psql('demo', $query);
}

is(run_file('book.sql'), '', 'book.sql prints nothing');
is(run_file('expected.sql'), '', 'expected.sql prints nothing');

# --- the book ---------------------------------------------------------------

is(rows(q{
	SELECT (SELECT count(*) FROM desk.asset),
	       (SELECT count(*) FROM desk.contract),
	       (SELECT count(DISTINCT account_id) FROM desk.holding),
	       (SELECT count(*) FROM desk.balance),
	       (SELECT count(*) FROM desk.position)}),
	'14|50|12014|36472|27293', 'size of the book');

is(rows(q{SELECT settle, netting, count(*) FROM desk.contract GROUP BY 1, 2 ORDER BY 1, 2}),
	"USDC|larger|12\nUSDC|net|12\nUSDT|leg|12\nUSDT|net|14", 'contracts by settlement asset and netting mode');

is(rows(q{SELECT DISTINCT count(*) FROM desk.risk_tier GROUP BY contract}), '5', 'five risk tiers each');

is(rows(q{
	SELECT count(*) FILTER (WHERE source LIKE '%ILLUSTRATIVE%'), count(*)
	FROM (SELECT source FROM desk.asset UNION ALL SELECT source FROM desk.contract) AS s}),
	'64|64', 'every source says that figures are illustrative');
is(rows(q{
	SELECT string_agg(asset, ' ' ORDER BY asset COLLATE "C") FROM desk.asset WHERE source ~* 'publish'}),
	'BTC USDC USDT', 'only three assets are said to have published ratios');

# Not a row may differ from machine to machine.
is(rows(q{
	SELECT md5(string_agg(concat_ws(' ', account_id, symbol, trim_scale(quantity), trim_scale(entry_price), trim_scale(leverage)),
	                      E'\n' ORDER BY account_id, symbol COLLATE "C", entry_price NULLS FIRST, quantity))
	FROM desk.holding}),
	'7bfb9c24268072fb6f8d33d5d1bf9ce3', 'the book is the same everywhere');

# --- the stories --------------------------------------------------------------

is(rows('SELECT count(*), count(DISTINCT account_id) FROM demo.expected'), '17|14', 'valuations computed by hand');
is(rows('SELECT account_id FROM demo.story EXCEPT SELECT account_id FROM demo.expected'), '', 'no story without');
is(rows('SELECT * FROM demo.wrong'), '', 'margin agrees with the computation by hand');

# The comparison does compare. (The ratio is rounded to 8 decimals and stays.)
is(rows(q{
	BEGIN;
	UPDATE desk.balance SET quantity = quantity + 0.000001 WHERE (account_id, asset) = (4, 'USDT');
	SELECT string_agg(figure, ' ' ORDER BY figure COLLATE "C") FROM demo.wrong;
	ROLLBACK}),
	'available_margin equity initial_margin liabilities maintenance_margin net_asset_value',
	'a millionth of a dollar would be noticed');

# --- the crowd ----------------------------------------------------------------

my $levels = "healthy|11709\nwarning|135\nmargin_call|86\nliquidation|38\nbankrupt|38\nunpriced|8";
is(rows('SELECT level, count(*) FROM desk.account_margin GROUP BY level ORDER BY level'),
	$levels, 'accounts at each level');
is(rows('SELECT count(*) FROM desk.undercollateralized'), 38 + 38, 'undercollateralized');
is(rows('SELECT count(*) FROM desk.unpriced'), 8, 'unpriced');

my $in_scenario = q{
	SELECT (v).level, count(*)
	FROM (SELECT margin.evaluate(portfolio, (SELECT market FROM demo.scenario WHERE scenario = '%s')) AS v
	      FROM desk.account_portfolio OFFSET 0) AS e
	GROUP BY 1 ORDER BY 1};
is(rows(sprintf $in_scenario, 'today'), $levels, 'the stored market of today gives the same');
is(rows(sprintf $in_scenario, 'USDC at 0.90'),
	"healthy|11708\nwarning|107\nmargin_call|75\nliquidation|30\nbankrupt|86\nunpriced|8", 'with USDC at 0.90');
is(rows(sprintf $in_scenario, 'SOL at half'),
	"healthy|11660\nwarning|117\nmargin_call|78\nliquidation|33\nbankrupt|118\nunpriced|8", 'with SOL at half');

# --- the report ---------------------------------------------------------------

my $report = run_file('report.sql');
like($report, qr/all 221 figures are what margin computes/, 'the report says that the hand check holds');
like($report, qr/^ liquidation +\| +38 \|/m, 'the report counts accounts');
like($report, qr/^ 2 +\| liquidation +\| 92,453\.00 \|/m, 'the report shows the worst');
is((grep { length > 120 } split /\n/, $report), 0, 'the report is at most 120 characters wide');

for my $account (3, 6, 12)
{
	like(run_file('report.sql', '-v', "account=$account"), qr/^3\. WHY\? ACCOUNT $account: /m, "account $account explained");
}

# Wrong figures do not pass for right ones.
rows(q{UPDATE demo.expected SET equity = equity + 0.000001 WHERE (account_id, scenario) = (7, 'today')});
like(run_file('report.sql'), qr/1 of 221 figures DIFFER/, 'the report says when the hand check fails');

$node->stop;
done_testing();
