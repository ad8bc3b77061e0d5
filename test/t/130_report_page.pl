# The report as JSON, as CSV, and as a page: a headless Chromium says what a
# person would see of it on a desk and on a phone, by day and by night.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('report_page');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

my $evil = q{</td><script>document.title = 'owned'</script><img src="x" onerror='document.title="owned"'>&amp; "q" 'a'};
sql(q{CREATE EXTENSION margin; CREATE SCHEMA desk; SELECT margin.create_book('desk'); SELECT margin.prepare_snapshots('desk')});

# ---------------------------------------------------------------------------
# An empty book
# ---------------------------------------------------------------------------

my $empty = sql(q{SELECT margin.report_html('desk')});
like($empty, qr/\A<!DOCTYPE html>.*<\/html>\z/s, 'a page even of an empty book');
like($empty, qr/>\Q$_\E</, "it says: $_") for 'No account holds anything.', 'No account is short.', 'There is no collateral.',
	'There are no positions and no orders.', 'There are no scenarios; margin.load_scenarios() enters some.', 'There are no snapshots yet.', 'No account is at warning or above.', 'Nothing is held whose price could move.', 'Every account could be valued.';
is_deeply([ map { $_ eq 'as_of' ? () : scalar @{ decode_json(sql(q{SELECT margin.report_json('desk')}))->{$_} } } qw(shortfalls losses concentration exposure stress liquidations unpriced worst history) ],
	[ (0) x 9 ], 'and its JSON has empty arrays');
is(sql(q{SELECT count(*) FROM margin.report_csv('desk', 'shortfalls')}), 0, 'and its CSV no lines');

# ---------------------------------------------------------------------------
# A book with something of everything
# ---------------------------------------------------------------------------

my $quoted = $evil =~ s/'/''/gr;
sql(qq{
	INSERT INTO desk.asset (asset) VALUES ('USDT'), ('BTC'), ('$quoted');
	INSERT INTO desk.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1), ('BTC', 0, 0.9), ('BTC', 10, 0.5), ('$quoted', 0, 0.25);
	INSERT INTO desk.index_price (asset, price) VALUES ('USDT', 1), ('BTC', 60000), ('$quoted', 4);
	INSERT INTO desk.contract (contract, settle, base, contract_size) VALUES ('BTC_USDT', 'USDT', 'BTC', 0.001), ('x$quoted', 'USDT', NULL, 1);
	INSERT INTO desk.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('BTC_USDT', 0, 0.01), ('x$quoted', 0, 0.5);
	INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_USDT', 60000), ('x$quoted', 2);
	INSERT INTO desk.balance VALUES (1, 'USDT', 1234567.891), (2, 'BTC', 20), (3, '$quoted', 1000), (4, 'USDT', 100), (5, 'USDT', -250.005), (6, 'none$quoted', 1);
	INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (3, 'x$quoted', 1050, 2), (4, 'BTC_USDT', 200, 60000);
	INSERT INTO desk.scenario (scenario, asset, relative) VALUES ('$quoted', 'BTC', -0.5);
	SELECT margin.take_snapshot('desk');
	UPDATE desk.index_price SET price = 57000 WHERE asset = 'BTC';
	SELECT margin.take_snapshot('desk');
	UPDATE desk.index_price SET price = 48000 WHERE asset = 'BTC';});

# By hand: BTC counts 10 * 0.9 + 10 * 0.5 = 14; account 3 has 1000 of equity
# against 1050 of maintenance, account 4 has 100 against 120.
my $json = JSON::PP->new->utf8->allow_bignum;
my $report = $json->decode(sql(q{SELECT margin.report_json('desk')}));
is_deeply([ map { "$_->{level} $_->{accounts}" } @{ $report->{levels} } ],
	[ 'healthy 2', 'warning 0', 'margin_call 0', 'liquidation 2', 'bankrupt 1', 'unpriced 1' ], 'JSON: levels');
is_deeply([ map { "$_->{account_id} $_->{shortfall}" } @{ $report->{shortfalls} } ], [ '5 250.005', '3 50', '4 20' ], 'JSON: shortfalls, the largest first');
is_deeply([ map { join '|', @$_{qw(asset collateral_value haircut lost_to_tiers)} } @{ $report->{concentration} }[ 0 .. 2 ] ],
	[ 'USDT|1234667.891|0|0', 'BTC|672000|288000|192000', "$evil|1000|3000|0" ], 'JSON: collateral, symbols as they are');
is($report->{unpriced}[0]{missing}[0], "none$evil", 'JSON: what is missing');
# By hand: account 3 is at liquidation whatever BTC does, with 1050 contracts at 2; account 4 is long 0.2 BTC at 60000
is_deeply([ map { join '|', @$_{qw(asset move undercollateralized bankrupt notional_usd long_usd)} } @{ $report->{liquidations} }[ 0, 5, 6, 11 ] ],
	[ 'BTC|-0.5|3|2|8100|8100', 'BTC|0|3|1|14100|14100', 'BTC|0.1|2|1|2100|2100', "$evil|-0.5|3|1|14100|14100" ], 'JSON: the liquidation map');
is_deeply({ map { $_ => "$report->{liquidations}[0]{notional}{$_}" } keys %{ $report->{liquidations}[0]{notional} } }, { BTC_USDT => 6000, "x$evil" => 2100 }, 'by contract');
is(scalar @{ $report->{history} }, 2, 'JSON: history');
is_deeply([ map { $_->{account_id} } @{ $report->{worst} } ], [ 5, 3, 4 ], 'JSON: the worst accounts');
like($report->{worst}[2]{explanation}, qr/120/, 'explained');
is_deeply([ sort keys %$report ], [ sort 'as_of', split /\n/, sql('SELECT unnest(margin.report_sections())') ], 'JSON: all sections');

# CSV reads back through COPY, every section, to the rows of its report
for my $section (grep { $_ ne 'unpriced' } split /\n/, sql('SELECT unnest(margin.report_sections())'))
{
	my $file = PostgreSQL::Test::Utils::tempdir . "/$section.csv";
	append_to_file($file, join '', map { "$_\n" } sql("SELECT margin.report_csv('desk', '$section')"));
	is(sql(qq{
		CREATE TEMP TABLE wanted AS SELECT * FROM desk.report_$section();
		CREATE TEMP TABLE got (LIKE wanted);
		COPY got FROM '$file' (FORMAT csv, HEADER match);
		SELECT (SELECT count(*) FROM wanted) > 0, (SELECT count(*) FROM ((TABLE wanted EXCEPT TABLE got) UNION ALL (TABLE got EXCEPT TABLE wanted)) AS d)}),
		't|0', "CSV: $section");
}
# an array is written as JSON there
is(scalar(split /\n/, sql(q{SELECT margin.report_csv('desk', 'unpriced')})), 2, 'CSV: unpriced');

my ($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.report_rows('desk', 'gossip')});
like($stderr, qr/no section "gossip" in a report\nHINT:  Sections are levels, /, 'an unknown section');
($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.report_html('desk', '2001-01-01')});
like($stderr, qr/no snapshot at or before/, 'a time before all snapshots');

# ---------------------------------------------------------------------------
# The page
# ---------------------------------------------------------------------------

my $page = sql(q{SELECT margin.report_html('desk')});
unlike($page, qr/<script|<img|<link|https?:|url\(|\@import/, 'nothing from elsewhere, no script');
like(sql(q{SELECT margin.report_html('desk', now())}), qr/From the snapshot of/, 'a page of a snapshot');
my ($past, $present) = map { sql("SELECT margin.report_html('desk', $_)") =~ m{<td>BTC</td>.*?</tr>} ? $& : '' } 'now()', 'NULL';
like($past, qr/>798,000.00</, 'with the collateral of then');
like($present, qr/>672,000.00</, 'and one of now');

my ($chromium) = grep { defined && -x } map { my $name = $_; map { "$_/$name" } split /:/, $ENV{PATH} } qw(chromium chromium-browser google-chrome);
SKIP:
{
	skip 'no Chromium', 1 unless $chromium;

	# A page around it that looks into it, and writes down what it finds.
	my $directory = PostgreSQL::Test::Utils::tempdir;
	my %seen;
	for my $width (360, 1100)
	{
		for my $scheme (qw(light dark))
		{
			my $source = $page =~ s/&/&amp;/gr =~ s/"/&quot;/gr;
			my $file = "$directory/$width$scheme.html";
			append_to_file($file, <<"HTML");
<!DOCTYPE html><meta charset="utf-8"><iframe style="width: ${width}px; height: 800px; border: 0; color-scheme: $scheme" srcdoc="$source"></iframe>
<script>
document.querySelector('iframe').onload = function () {
	const d = this.contentDocument, w = this.contentWindow, all = s => [...d.querySelectorAll(s)];
	const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(x => x / 255).map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = light(w.getComputedStyle(d.body).backgroundColor);
	const contrast = e => { const l = light(w.getComputedStyle(e).color); return (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05); };
	const shown = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
	const found = {
		title: d.title, elements: [...new Set(all('body *').map(e => e.localName))].sort(),
		overflow: d.documentElement.scrollWidth - d.documentElement.clientWidth,
		dark: ground < 0.2, contrast: Math.min(...all('h1, h2, p, td, th, dt, dd, pre, summary, small, figcaption').filter(shown).map(contrast)),
		headings: all('h2').filter(shown).map(e => e.innerText),
		facts: all('dl div').filter(shown).map(e => e.innerText.replace(/\\s*\\n\\s*/g, ': ')),
		levels: all('.stack rect').map(e => e.getBoundingClientRect().width / e.parentNode.getBoundingClientRect().width),
		shortfalls: all('.bars')[0].querySelectorAll('.bar').length,
		bars: [...all('.bars')[0].querySelectorAll('.bar')].map(e => e.getBoundingClientRect().width / e.parentNode.getBoundingClientRect().width),
		haircuts: [...all('.bars')[1].querySelectorAll('div')].map(e => [e.firstChild.innerText, e.querySelector('.bar').getBoundingClientRect().width, e.querySelector('.beyond').getBoundingClientRect().width]),
		columns: all('figure').filter(e => e.querySelector('g')).map(e => [e.querySelector('figcaption').innerText,
			[...e.querySelectorAll('g .bar')].map(b => b.getBoundingClientRect().height / e.querySelector('svg').getBoundingClientRect().height)]),
		lines: all('polyline').length, open: all('details[open] pre').filter(shown).map(e => e.innerText), closed: all('details:not([open])').length,
		cells: all('td').map(e => e.innerText) };
	const out = document.createElement('pre');
	out.textContent = JSON.stringify(found);
	document.body.replaceChildren(out);
};
</script>
HTML
			my ($dom, $error) = ('', '');
			IPC::Run::run([ $chromium, '--headless', '--no-sandbox', '--disable-gpu', "--user-data-dir=$directory/profile", '--virtual-time-budget=10000',
				'--dump-dom', "file://$file" ], '<', \undef, '>', \$dom, '2>', \$error, IPC::Run::timeout(120));
			my ($found) = $dom =~ m{<pre>(.*)</pre>}s;
			BAIL_OUT("Chromium shows nothing: $dom $error") unless $found;
			$found =~ s/&lt;/</g; $found =~ s/&gt;/>/g; $found =~ s/&nbsp;/ /g; $found =~ s/&amp;/&/g;
			my $f = decode_json($found);

			is($f->{overflow}, 0, "$width $scheme: the page is no wider than its window");
			is($f->{dark} ? 'dark' : 'light', $scheme, "$width $scheme: the colours of the scheme");
			cmp_ok($f->{contrast}, '>=', 4.5, "$width $scheme: text can be read");
			is_deeply($f->{headings}, [ 'Levels', 'Shortfall by account', 'Collateral by asset', 'History', 'The worst accounts', 'Stress', 'Liquidation map', 'Unpriced', 'Positions by contract' ],
				"$width $scheme: every section is seen");
			$seen{"$width$scheme"} = $f;
		}
	}
	my $f = $seen{'1100light'};
	like($f->{title}, qr/^Margin report, book desk, /, 'the title is its own');
	is_deeply([ grep { /^(script|img|a|link|iframe|object|form)$/ } @{ $f->{elements} } ], [], 'data made no elements');
	ok((grep { $_ eq $evil } @{ $f->{cells} }), 'a hostile symbol is shown as it is');
	is_deeply([ @{ $f->{facts} }[ 0 .. 2, 5, 6 ] ], [ 'Accounts: 6', 'Undercollateralized: 3', 'Unpriced: 1', 'Shortfall: 320.01', 'Loss beyond collateral: 250.01' ],
		'the totals');
	sub close_to { return abs($_[0] - $_[1]) < 0.005 }
	ok(close_to($f->{levels}[0], 2 / 6) && close_to($f->{levels}[1], 0) && close_to($f->{levels}[3], 2 / 6) && close_to($f->{levels}[5], 1 / 6), 'the bar of levels is drawn to scale');
	ok($f->{shortfalls} == 3 && close_to($f->{bars}[0], 1) && close_to($f->{bars}[1], 50 / 250.005) && close_to($f->{bars}[2], 20 / 250.005), 'so are the shortfalls');
	my ($btc) = grep { $_->[0] eq 'BTC' } @{ $f->{haircuts} };
	ok(abs($btc->[2] / $btc->[1] - 288 / 672) < 0.01, 'and collateral with its haircut');
	is($f->{lines}, 4, 'the history of four totals');
	is(scalar @{ $f->{open} }, 1, 'the worst account is explained');
	like($f->{open}[0], qr/bankrupt/, 'in words');
	is($f->{closed}, 3, 'two more to open, and the figures of the map');
	is_deeply([ map { $_->[0] } @{ $f->{columns} } ], [ "BTC, up to 14,100", "$evil, up to 14,100" ], 'the map of what is held');
	my @columns = map { $_->[1] } @{ $f->{columns} };
	is_deeply([ map { scalar @$_ } @columns ], [ 11, 11 ], 'in eleven moves');
	ok(close_to($columns[0][5], 1) && close_to($columns[0][0], 8100 / 14100) && close_to($columns[0][4], 12900 / 14100) && close_to($columns[0][6], 2100 / 14100),
		'drawn to scale');
	like($page, qr/<td class="n">-10 %<\/td><td class="n">43200<\/td><td class="n">3<\/td><td class="n">2<\/td><td class="n">12,900\.00</, 'and in figures');
}

done_testing();
