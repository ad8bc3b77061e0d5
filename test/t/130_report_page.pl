# The report as JSON, as CSV, and as a page: a headless Chromium says what a
# person would see of it on a desk and on a phone, by day and by night.

use strict;
use warnings;

use FindBin;
use JSON::PP;
use MIME::Base64 ();
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
	'There are no positions and no orders.', 'There are no snapshots yet.', 'No account is at warning or above.', 'Nothing is held whose price could move.', 'Every account could be valued.',
	'There is no earlier snapshot to compare with.';
is_deeply([ map { /^(?:as_of|market_id)$/ ? () : scalar @{ decode_json(sql(q{SELECT margin.report_json('desk')}))->{$_} } } qw(shortfalls losses concentration exposure stress liquidations unpriced worst history) ],
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
	INSERT INTO desk.mark_price (contract, price) VALUES ('BTC_USDT', 60000), ('x$quoted', 2.2);
	INSERT INTO desk.balance VALUES (1, 'USDT', 1234567.891), (2, 'BTC', 20), (3, '$quoted', 1000), (4, 'USDT', 500), (5, 'USDT', 1);
	INSERT INTO desk.position (account_id, contract, quantity, entry_price) VALUES (3, 'x$quoted', 1050, 2), (4, 'BTC_USDT', 200, 60000);
	INSERT INTO desk.scenario (scenario, asset, relative) VALUES ('$quoted', 'BTC', -0.5);
	SELECT margin.take_snapshot('desk');
	UPDATE desk.index_price SET price = 57000 WHERE asset = 'BTC';
	SELECT margin.take_snapshot('desk');
	UPDATE desk.index_price SET price = 48000 WHERE asset = 'BTC';
	UPDATE desk.mark_price SET price = 2 WHERE contract = 'x$quoted';
	UPDATE desk.balance SET quantity = CASE account_id WHEN 4 THEN 100 ELSE -250.005 END WHERE account_id IN (4, 5);
	INSERT INTO desk.balance VALUES (6, 'none$quoted', 1);});

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
is_deeply([ sort keys %$report ], [ sort 'as_of', 'market_id', split /\n/, sql('SELECT unnest(margin.report_sections())') ], 'JSON: all sections');

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
my ($past, $present) = map { sql("SELECT margin.report_html('desk', $_)") =~ m{<th scope="row" role="rowheader">BTC</th><td role="cell" data-of="Accounts".*?</tr>} ? $& : '' } 'now()', 'NULL';
like($past, qr/>798,000</, 'with the collateral of then');
like($present, qr/>672,000</, 'and one of now');
like($page, qr/Market of venue <b>desk<\/b>, as it was at \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC: 3 assets, 2 contracts\./, 'the market is named');
my $number = sql(q{SELECT margin.publish_market('desk')});
like(sql(q{SELECT margin.report_html('desk')}), qr/Market of venue <b>desk<\/b>, number <b>$number<\/b> of \d{4}-/, 'by its number, where it is published');
like(sql(q{SELECT margin.take_snapshot('desk'); SELECT margin.report_html('desk', now() + interval '1 hour')}), qr/number <b>$number<\/b>/, 'in a snapshot, too');
sql(q{DELETE FROM desk.account_snapshot AS a WHERE a.taken_at = (SELECT max(taken_at) FROM desk.snapshot); DELETE FROM desk.snapshot WHERE taken_at = (SELECT max(taken_at) FROM desk.snapshot)});

# The last page may be of any form of snapshot
my ($first, $second) = split /\n/, sql('SELECT taken_at FROM desk.snapshot ORDER BY 1');
sub changes { return sql("SELECT margin.report_html('desk', NULL, '$_[0]')") =~ m{<section id="changes".*?</section>}s ? $& : '' }
my $by_full = changes($second);
like($by_full, qr/4 accounts changed level, 4 of them for the worse/, 'who changed level: 3 by prices, 4, 5 and 6 by holdings');
like($by_full, qr/Since the snapshot of [^<]* UTC/, 'since when');
($code, $stdout, $stderr) = $node->psql('postgres', q{SELECT margin.report_html('desk', NULL, '2001-01-01')});
like($stderr, qr/no snapshot at or before/, 'compared with a time before all snapshots');

# Long names, amounts beyond all measure, and more of everything than is shown
sql(q{
	CREATE SCHEMA many;
	SELECT margin.create_book('many', account_type => 'text');
	INSERT INTO many.asset (asset) SELECT 'ASSET' || i FROM generate_series(1, 30) AS i;
	INSERT INTO many.collateral_tier (asset, lower_bound, ratio) SELECT 'ASSET' || i, 0, 0.9 FROM generate_series(1, 30) AS i;
	INSERT INTO many.index_price (asset, price) SELECT 'ASSET' || i, 123456.789012345678 FROM generate_series(1, 30) AS i;
	INSERT INTO many.contract (contract, settle, base, contract_size) SELECT 'ASSET' || i || '_ASSET1_WITH_A_LONG_NAME', 'ASSET1', 'ASSET' || i, 1 FROM generate_series(2, 30) AS i;
	INSERT INTO many.risk_tier (contract, lower_bound, maintenance_rate) SELECT contract, 0, 0.01 FROM many.contract;
	INSERT INTO many.mark_price (contract, price) SELECT contract, 1.000000000000000001 FROM many.contract;
	INSERT INTO many.balance SELECT md5(i::text) || i, 'ASSET' || 1 + i % 30, CASE WHEN i % 2 = 0 THEN -1 ELSE 1 END * 10.0 ^ (i % 24) FROM generate_series(1, 90) AS i;
	INSERT INTO many.balance SELECT md5(i::text) || i, 'NOSUCH', 1 FROM generate_series(100, 130) AS i;
	INSERT INTO many.position (account_id, contract, quantity, entry_price) SELECT md5(i::text) || i, 'ASSET' || 2 + i % 29 || '_ASSET1_WITH_A_LONG_NAME', 10.0 ^ (i % 18), 1 FROM generate_series(1, 58) AS i;
	SELECT margin.load_scenarios('many');
	SELECT margin.prepare_snapshots('many');
	SELECT margin.take_snapshot('many', 'portfolios');
	UPDATE many.balance SET quantity = - quantity;
	SELECT margin.take_snapshot('many', 'changes');});
my $large = sql(q{SELECT margin.report_html('many')});
like($large, qr/and 11 more: <code>SELECT \* FROM many.report_unpriced\(\)/, 'how many more are unpriced, and the query');
my $short = sql('SELECT count(*) FROM many.report_shortfalls(NULL, NULL)') - 10;
like($large, qr/and $short more: <code>SELECT \* FROM many.report_shortfalls\(NULL, NULL\)/, 'how many more are short');
my $query = $1 if $large =~ /more: <code>(SELECT \* FROM many.report_movers[^<]*)/;
is(sql('SELECT count(*) FROM (' . ($query =~ s/&#39;/'/gr) . ') AS q'), sql('SELECT count(*) FROM many.report_movers((SELECT min(taken_at) FROM many.snapshot))'), 'the query gives all that changed');
my ($changed, $worse) = split /\|/, sql('SELECT count(*), count(*) FILTER (WHERE level_after > level_before) FROM many.report_movers((SELECT min(taken_at) FROM many.snapshot))');
like($large, qr/ UTC $changed accounts changed level, $worse of them for the worse/, 'since a snapshot of portfolios');
like(sql(q{SELECT margin.report_html('many', NULL, now())}), qr/No account changed level since the snapshot of/, 'and since one of changes');
is_deeply([ grep { !/^0/ } map { /(?<![.,0-9])([0-9]{4,})(?= USD)/g } $large =~ /<pre>(.*?)<\/pre>/gs ], [], 'digits of sentences are grouped');

# ---------------------------------------------------------------------------
# By mail: the script of the manual, with a sendmail that writes down what it is given
# ---------------------------------------------------------------------------

my ($script) = slurp_file("$FindBin::Bin/../../src/report/README.md") =~ /```sh\n(.*?)```/s;
my $mailed = PostgreSQL::Test::Utils::tempdir;
append_to_file("$mailed/mail-report", $script);
append_to_file("$mailed/sendmail", "#!/bin/sh\ncat >'$mailed/mail'\n");
chmod 0755, "$mailed/mail-report", "$mailed/sendmail";
{
	local %ENV = (%ENV, SENDMAIL => "$mailed/sendmail", PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'postgres');
	command_ok([ "$mailed/mail-report", 'many', 'risk@example.com', 'desk@example.com' ], 'a page is mailed');
	my $mail = slurp_file("$mailed/mail");
	like($mail, qr/\ATo: risk\@example\.com,desk\@example\.com\nSubject: Margin report, book many\nMIME-Version: 1\.0\nContent-Type: multipart\/mixed; boundary="([^"]+)"\n\n--\1\n/, 'with headers');
	my ($coded) = $mail =~ /Content-Transfer-Encoding: base64\n\n(.*?)\n--margin-[0-9-]+--\n\z/s;
	my $without_time = sub { return $_[0] =~ s/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC//gr =~ s/\s+\z//r };
	is($without_time->(MIME::Base64::decode_base64($coded)), $without_time->($large), 'the attachment is the page');
	cmp_ok((sort { $b <=> $a } map { length } split /\n/, $mail)[0], '<', 998, 'in lines that mail admits');
	unlink "$mailed/mail";
	command_fails([ "$mailed/mail-report", 'nowhere', 'risk@example.com' ], 'a page that fails');
	ok(!-e "$mailed/mail", 'is not mailed');
}

# ---------------------------------------------------------------------------
# As a browser shows it
# ---------------------------------------------------------------------------

# One that runs: Ubuntu's only says which snap to install.
my ($chromium) = grep { -x && !system("'$_' --version >/dev/null 2>&1") } map { my $name = $_; map { "$_/$name" } split /:/, $ENV{PATH} } qw(chromium chromium-browser google-chrome);
my $directory = PostgreSQL::Test::Utils::tempdir;
my $pages = 0;

# [width, scheme]; A4 is 210 mm wide, 184 of them between the margins
my @looks = ([ 1280, 'light' ], [ 1280, 'dark' ], [ 768, 'light' ], [ 768, 'dark' ], [ 390, 'light' ], [ 390, 'dark' ], [ 695, 'print' ]);

# A window for each look at a page; the page around them writes down what it finds in each.
sub frame
{
	my ($html, $width, $scheme) = @_;
	# as it is printed
	$html =~ s/\@media print/\@media all/g, $html =~ s/\@media screen and \(/\@media (min-width: 999999px) and (/g if $scheme eq 'print';
	my $dark = $scheme eq 'dark' ? 'dark' : 'light';
	my $source = $html =~ s/&/&amp;/gr =~ s/"/&quot;/gr;
	return qq{<iframe style="width: ${width}px; height: 800px; border: 0; color-scheme: $dark" srcdoc="$source"></iframe>\n};
}

sub look
{
	my ($html) = @_;
	my $frames = join '', map { frame($html, @$_) } @looks;
	my $file = "$directory/" . $pages++ . '.html';
	append_to_file($file, <<"HTML");
<!DOCTYPE html><meta charset="utf-8">$frames
<script>
const look = frame => {
	const d = frame.contentDocument, w = frame.contentWindow, all = (s, e = d) => [...e.querySelectorAll(s)];
	const light = c => { const [r, g, b] = c.match(/[0-9.]+/g).map(x => x / 255).map(x => x <= 0.03928 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
	const ground = light(w.getComputedStyle(d.body).backgroundColor);
	const contrast = e => { const l = light(w.getComputedStyle(e).color); return (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05); };
	const shown = e => { const r = e.getBoundingClientRect(); return r.width > 0 && r.height > 0; };
	const width = e => e.getBoundingClientRect().width;
	all('details').forEach(e => e.classList.add(e.open ? 'was-open' : 'was-closed'));
	const open = all('details.was-open pre').filter(shown).map(e => e.innerText), closed = all('details.was-closed').length;
	all('details').forEach(e => { e.open = true; });
	const cut = all('table, caption, th, td, .bars span, .plot, summary, pre, code, dd, dt, h1, h2, h3, p').filter(shown).filter(e => {
		const r = e.getBoundingClientRect(), p = w.getComputedStyle(e);
		return r.left < -0.5 || r.right > d.documentElement.clientWidth + 0.5 || p.display !== 'inline' && e.scrollWidth > e.clientWidth + 1 || /auto|scroll|hidden/.test(p.overflowX); });
	return {
		title: d.title, elements: [...new Set(all('body *').map(e => e.localName))].sort(),
		overflow: d.documentElement.scrollWidth - d.documentElement.clientWidth, cut: cut.slice(0, 5).map(e => e.outerHTML.slice(0, 200)),
		cards: all('table').filter(shown).filter(e => w.getComputedStyle(e).display !== 'table').map(e => e.caption.innerText), tables: all('table').filter(shown).length,
		dark: ground < 0.2, contrast: Math.min(...all('h1, h2, h3, p, a, td, th, dt, dd, pre, summary, small, figcaption, caption').filter(shown).map(contrast)),
		headings: all('h2').filter(shown).map(e => e.innerText),
		landmarks: all('body > *').map(e => e.localName), labelled: all('section').every(e => d.getElementById(e.getAttribute('aria-labelledby')).localName === 'h2'),
		captions: all('table').every(e => e.caption && e.caption.textContent), scopes: all('th').every(e => ['col', 'row'].includes(e.scope)),
		drawings: all('svg').every(e => e.getAttribute('role') === 'img' && e.getAttribute('aria-label')),
		broken: all('a').map(e => e.getAttribute('href')).filter(h => !h.startsWith('#') || !d.getElementById(h.slice(1))), links: all('nav a').length,
		facts: all('dl div').filter(shown).map(e => e.innerText.replace(/\\s*\\n\\s*/g, ': ')),
		stacks: all('.stack').map(s => all('rect', s).map(e => width(e) / width(s))),
		rows: Object.fromEntries(all('section').map(s => [s.id, all('table', s).map(t => all('tr', t).map(r => [...r.cells].map(c => c.textContent)))])),
		bars: Object.fromEntries(all('section').map(s => [s.id, all('.bars', s).map(b => all('div', b).map(e => [e.children[0].innerText, e.children[2].innerText,
			width(e.querySelector('.bar')) / width(e.querySelector('svg')), width(e.querySelector('.beyond')) / width(e.querySelector('svg'))]))])),
		columns: all('#map figure').map(f => [f.querySelector('figcaption').innerText, all('.y span', f).map(e => e.innerText), all('.x span', f).map(e => e.innerText),
			all('g', f).map(g => ['.bar', '.beyond'].map(c => g.querySelector(c).getAttribute('height') / 60))]),
		lines: all('#history figure').map(f => [f.querySelector('figcaption').innerText, all('.y span', f).map(e => e.innerText), all('.x span', f).map(e => e.innerText)]),
		open: open, closed: closed };
};
window.onload = () => {
	const out = document.createElement('pre');
	out.textContent = JSON.stringify([...document.querySelectorAll('iframe')].map(look));
	document.body.replaceChildren(out);
};
</script>
HTML
	my ($dom, $error) = ('', '');
	IPC::Run::run([ $chromium, '--headless', '--no-sandbox', '--disable-gpu', "--user-data-dir=$directory/profile", '--virtual-time-budget=20000',
		'--dump-dom', "file://$file" ], '<', \undef, '>', \$dom, '2>', \$error, IPC::Run::timeout(180));
	my ($found) = $dom =~ m{<pre>(.*)</pre>}s;
	BAIL_OUT("Chromium shows nothing: $dom $error") unless $found;
	$found =~ s/&lt;/</g; $found =~ s/&gt;/>/g; $found =~ s/&nbsp;/ /g; $found =~ s/&amp;/&/g;
	return decode_json($found);
}

sub look_at_all
{
	my ($html, $name) = @_;
	my $found = look($html);
	my %seen;
	for (@looks)
	{
		my ($width, $scheme) = @$_;
		my $f = $seen{"$width$scheme"} = shift @$found;
		is($f->{overflow}, 0, "$name $width $scheme: the page is no wider than its window");
		is_deeply($f->{cut}, [], "$name $width $scheme: no table and no text is cut or scrolls");
		is($f->{dark} ? 'dark' : 'light', $scheme eq 'print' ? 'light' : $scheme, "$name $width $scheme: the colours of the scheme");
		cmp_ok($f->{contrast}, '>=', 4.5, "$name $width $scheme: text can be read");
		is_deeply($f->{headings}, [ 'Levels', 'Who changed level', 'Shortfall by account', 'The worst accounts', 'How near accounts are', 'Liquidation map', 'Stress',
				'Collateral by asset', 'Largest holders', 'Positions by contract', 'History', 'Unpriced' ], "$name $width $scheme: every section is seen");
	}
	return \%seen;
}

SKIP:
{
	skip 'no Chromium', 1 unless $chromium;

	my $seen = look_at_all($large, 'many');
	cmp_ok(scalar @{ $seen->{'390light'}{cards} }, '>', scalar @{ $seen->{'1280light'}{cards} }, 'more tables are cards on a phone');
	$seen = look_at_all($page, 'desk');
	is_deeply($seen->{'1280light'}{cards}, [], 'none is one on a desk');
	cmp_ok(scalar @{ $seen->{'695print'}{cards} }, '<', $seen->{'695print'}{tables}, 'and not all on paper');

	my $f = $seen->{'1280light'};
	my %rows = %{ $f->{rows} };
	like($f->{title}, qr/^Margin report, book desk, /, 'the title is its own');
	is_deeply([ grep { /^(script|img|link|iframe|object|form)$/ } @{ $f->{elements} } ], [], 'data made no elements');
	ok((grep { $_->[0] eq $evil } @{ $rows{collateral}[0] }), 'a hostile symbol is shown as it is');
	is_deeply($f->{landmarks}, [qw(header main footer)], 'landmarks');
	ok($f->{labelled} && $f->{captions} && $f->{scopes} && $f->{drawings}, 'sections have names, tables captions, heads scopes, drawings descriptions');
	is_deeply($f->{broken}, [], 'links lead somewhere on the page');
	is($f->{links}, 12, 'one to each section');
	is_deeply([ @{ $f->{facts} }[ 0 .. 2, 5, 6 ] ], [ 'Accounts: 6', 'Undercollateralized: 3', 'Unpriced: 1', 'Shortfall: 320.01', 'Loss beyond collateral: 250.01' ],
		'the totals');

	# To scale: of six accounts two are healthy, two at liquidation, one bankrupt, one unpriced; of the other four as many
	sub close_to { return abs($_[0] - $_[1]) < 0.005 }
	my ($levels, $rest) = @{ $f->{stacks} };
	ok(close_to($levels->[0], 2 / 6) && close_to($levels->[1], 0) && close_to($levels->[3], 2 / 6) && close_to($levels->[5], 1 / 6), 'the bar of levels is drawn to scale');
	ok(close_to($rest->[2], 2 / 4) && close_to($rest->[3], 1 / 4) && close_to($rest->[4], 1 / 4), 'and beside it the few that are not healthy');
	my $shortfalls = $f->{bars}{shortfalls}[0];
	ok(@$shortfalls == 3 && close_to($shortfalls->[0][2], 1) && close_to($shortfalls->[1][2], 50 / 250.005) && close_to($shortfalls->[2][2], 20 / 250.005), 'so are the shortfalls');
	my ($btc) = grep { $_->[0] eq 'BTC' } @{ $f->{bars}{collateral}[0] };
	ok(abs($btc->[3] / $btc->[2] - 288 / 672) < 0.01, 'and collateral with its haircut');
	is(scalar @{ $f->{open} }, 1, 'the worst account is explained');
	like($f->{open}[0], qr/bankrupt/, 'in words');
	is($f->{closed}, 3, 'two more to open, and the figures of the map');

	# Everything else against plain SQL
	my @plain = map { [ split /\|/, $_, -1 ] } split /\n/, sql(q{SELECT replace(level_before::text, '_', ' '), replace(level_after::text, '_', ' '), count(*)
		FROM desk.report_movers((SELECT min(taken_at) FROM desk.snapshot)) GROUP BY level_before, level_after ORDER BY level_after DESC, level_before});
	is_deeply([ @{ $rows{changes}[0] }[ 1 .. $#{ $rows{changes}[0] } ] ], \@plain, 'changes of level are those of report_movers') or diag explain $rows{changes};
	@plain = map { [ split /\|/, $_, -1 ] } split /\n/, sql(q{SELECT account_id, replace(level_before::text, '_', ' '), replace(level_after::text, '_', ' '),
			(SELECT c FROM (VALUES ('holdings', equity_by_holdings - margin_by_holdings), ('prices', equity_by_prices - margin_by_prices), ('parameters', equity_by_parameters - margin_by_parameters)) AS v (c, a)
			  WHERE a <> 0 ORDER BY abs(a) DESC LIMIT 1), to_char(equity_before, 'FM9,999,990.00'), to_char(equity_by_holdings, 'FM9,999,990.00'), to_char(equity_by_prices, 'FM9,999,990.00'),
			to_char(equity_by_parameters, 'FM9,999,990.00'), to_char(equity_after, 'FM9,999,990.00')
		FROM desk.report_movers((SELECT min(taken_at) FROM desk.snapshot)) ORDER BY level_after DESC, equity_after - margin_after, account_id});
	is_deeply([ map { [ map { $_ eq "\x{2013}" ? '' : $_ } @$_ ] } @{ $rows{changes}[1] }[ 1 .. $#{ $rows{changes}[1] } ] ], \@plain, 'with the reasons that it gives');
	@plain = split /\n/, sql(q{SELECT count(*) FILTER (WHERE maintenance_margin > 0 AND margin_ratio >= b AND margin_ratio < b + 0.1) FROM generate_series(0, 0.9, 0.1) AS b, desk.account_margin GROUP BY b ORDER BY b});
	my @none = split /\|/, sql(q{SELECT count(*) FILTER (WHERE maintenance_margin = 0), count(*) FILTER (WHERE margin_ratio >= 1), count(*) FILTER (WHERE maintenance_margin > 0 AND margin_ratio IS NULL) FROM desk.account_margin});
	is_deeply([ map { $_->[1] } @{ $f->{bars}{room}[0] } ], [ $none[0], @plain, @none[ 1, 2 ] ], 'the histogram of margin ratios');
	@plain = split /\n/, sql(q{SELECT count(a.m) FROM (VALUES (0, 0.05), (0.05, 0.1), (0.1, 0.15), (0.15, 0.2), (0.2, 0.3), (0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (0.6, 1), (1, 2)) AS b (low, high)
		LEFT JOIN (SELECT margin.safe_move(portfolio, desk.market(), 'healthy', NULL) AS m FROM desk.account_portfolio WHERE margin.level(portfolio, desk.market()) = 'healthy') AS a
		  ON a.m >= b.low AND a.m < b.high GROUP BY low ORDER BY low});
	is_deeply([ map { $_->[1] } @{ $f->{bars}{room}[1] } ], \@plain, 'the histogram of safe moves');

	# The map: BTC by itself, and the market, in which USDT stays
	my %map = map { join('|', @$_[ 0, 1 ]) => join('|', @$_[ 2 .. 8 ]) } @{ $rows{map}[0] };
	my $moves = q{'{-0.5,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.5}'};
	is_deeply([ map { $map{"BTC|$_"} } '-50 %', '-30 %', '-20 %', '-10 %', '0 %', '+10 %', '+20 %', '+30 %', '+50 %' ],
		[ split /\n/, sql(qq{SELECT concat_ws('|', undercollateralized, bankrupt, unpriced, to_char(notional_usd, 'FM999,990'), to_char(long_usd, 'FM999,990'), to_char(shortfall, 'FM999,990'), to_char(loss, 'FM999,990'))
			FROM margin.liquidation_map('desk', asset => 'BTC', moves => $moves)}) ], 'the map of BTC is that of liquidation_map()');
	is_deeply([ map { $map{"The market|$_"} =~ s/\|[^|]*\|[^|]*\|([^|]*\|[^|]*)$/|$1/r } '-50 %', '-20 %', '+20 %' ],
		[ split /\n/, sql(q{SELECT concat_ws('|', count(*) FILTER (WHERE level IN ('liquidation', 'bankrupt')), count(*) FILTER (WHERE level = 'bankrupt'), count(*) FILTER (WHERE level = 'unpriced'),
				to_char(sum(shortfall), 'FM999,990'), to_char(coalesce(- sum(equity) FILTER (WHERE level = 'bankrupt'), 0), 'FM999,990'))
			FROM unnest('{-0.5,-0.2,0.2}'::numeric[]) AS m, desk.account_portfolio AS p,
				 LATERAL margin.evaluate(p.portfolio, margin.shock(desk.market(), ARRAY[ROW(NULL, NULL, NULL, m, NULL), ROW(NULL, 'USDT', NULL, 0, NULL)]::margin.price_move[])) AS v
			GROUP BY m ORDER BY m}) ], 'and that of the market evaluate() in shock()');
	my ($accounts, $loss) = @{ $f->{columns} }[ 0, 1 ];
	is_deeply([ $accounts->[0], $loss->[0] ], [ 'Undercollateralized accounts; in full colour those bankrupt', 'Loss beyond collateral, USD' ], 'two charts of the market');
	is_deeply([ $accounts->[1], $accounts->[2] ], [ [ 3, 0 ], [qw(-50 -30 -20 -10 0 +10 +20 +30 +50)] ], 'with axes');
	my @market = map { [ split /\|/, $map{"The market|$_"} ] } '-50 %', '0 %';
	ok(close_to($accounts->[3][0][0], $market[0][1] / 3) && close_to($accounts->[3][0][1], ($market[0][0] - $market[0][1]) / 3) && close_to($accounts->[3][4][0], 1 / 3), 'drawn to scale');

	@plain = map { [ split /\|/, $_, -1 ] } split /\n/, sql(q{SELECT account_id, to_char(asset_equity, 'FM9,999,990.00'), round(100 * asset_equity / sum(asset_equity) OVER (), 2) || ' %', to_char(collateral_value, 'FM9,999,990.00')
		FROM desk.account_collateral WHERE asset = 'USDT' AND asset_equity > 0 ORDER BY asset_equity DESC LIMIT 3});
	is_deeply([ map { [ @$_[ 1 .. 4 ] ] } grep { $_->[0] eq 'USDT' } @{ $rows{holders}[0] } ], \@plain, 'the largest holders');
	my ($stressed) = grep { $_->[0] eq $evil } @{ $rows{stress}[0] };
	is_deeply([ @$stressed[ 1 .. 5 ], $stressed->[7] ],
		[ split /\|/, sql(q{SELECT warning, margin_call, liquidation, bankrupt, unpriced, to_char(loss, 'FM9,999,990.00') FROM desk.report_stress}) ], 'stress as report_stress has it');
	is_deeply([ map { $_->[0] =~ s/ .*//r } @{ $f->{lines} } ], [qw(Equity Maintenance Shortfall Loss Accounts Undercollateralized)], 'the history of six totals');
	is_deeply([ $f->{lines}[0][1], scalar @{ $f->{lines}[0][2] } ], [ [ split /\|/, sql(q{SELECT to_char(max(equity), 'FM9,999,990'), to_char(min(equity), 'FM9,999,990') FROM desk.report_history()}) ], 2 ],
		'between axes of amounts and times');
}

done_testing();
