# Real tiers of real venues, where they are at hand (MARGIN_DATA): put into the
# documents that the venues answer, read by import_answer(), and what is entered
# compared with what the venues' own figures say in plain SQL: requirement =
# rate * notional - deduction, collateral = sum of the tiers below + the rest.

use strict;
use warnings;

use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes 'time';

my $data = $ENV{MARGIN_DATA} // '';
my %table = (binance => 'binance_usdm_leverage_brackets_2024-10.csv', bybit => 'bybit_btcusdt_risk_limits.csv', okx => 'okx_btc_discount_tiers.csv');
plan skip_all => "no tables of real venues in '$data' (MARGIN_DATA)" unless grep { -r "$data/$_" } values %table;

my $node = PostgreSQL::Test::Cluster->new('answers');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }
sql('CREATE EXTENSION margin');

# The rows of a table as hashes of texts, also entered as a table of numbers.
sub load
{
	my ($venue) = @_;
	my ($head, @lines) = split /\r?\n/, slurp_file("$data/$table{$venue}");
	my @names = split /,/, $head;
	my @rows = map { my %row; @row{@names} = split /,/; \%row } @lines;
	sql("CREATE SCHEMA $venue; SELECT margin.create_venue('$venue'); CREATE TABLE public.$venue ("
		  . join(', ', map { $_ eq 'symbol' ? 'symbol text' : "$_ numeric" } @names) . ')');
	sql("COPY public.$venue FROM stdin WITH (FORMAT csv);\n" . join("\n", @lines) . "\n\\.\n");
	return @rows;
}

# A text in JSON is a text, a number written as it is: nothing passes through a double.
sub document { return JSON::PP->new->canonical->encode($_[0]) }

sub import_answer
{
	my ($venue, $source, $document) = @_;
	return sql("SELECT kind || ' ' || outcome || ' ' || count(*) FROM margin.import_answer('$venue', '$source', \$document\$$document\$document\$) GROUP BY kind, outcome ORDER BY kind COLLATE \"C\", outcome");
}

SKIP: {
	skip 'no table of Binance', 9 unless -r "$data/$table{binance}";
	my (%contract, @symbols);
	for my $row (load('binance'))
	{
		my ($base, $settle) = $row->{symbol} =~ m{^(.+)/([^:]+)(?::|$)} or next;
		push @symbols, $row->{symbol} unless $contract{ $row->{symbol} };
		$contract{ $row->{symbol} }{settle} = $settle;
		$contract{ $row->{symbol} }{base} = $base;
		push @{ $contract{ $row->{symbol} }{brackets} },
		  { bracket => $row->{tier}, notionalFloor => $row->{notional_floor}, notionalCap => $row->{notional_cap},
			maintMarginRatio => $row->{mmr}, initialLeverage => $row->{max_leverage}, cum => $row->{cum} };
	}
	cmp_ok(scalar @symbols, '>', 100, 'Binance: ' . @symbols . ' contracts');
	my $info = document({ symbols => [ map { { symbol => $_, baseAsset => $contract{$_}{base}, marginAsset => $contract{$_}{settle} } } @symbols ] });
	my $brackets = document([ map { { symbol => $_, brackets => [ reverse @{ $contract{$_}{brackets} } ] } } @symbols ]);
	like(import_answer('binance', 'binance.exchangeInfo', $info), qr/^contract entered ${\scalar @symbols}$/m, 'contracts are entered');
	my $began = time;
	is(import_answer('binance', 'binance.leverageBracket', $brackets), 'risk_tier entered ' . @symbols, 'and all their tiers');
	diag sprintf '%d schedules in %.1f s', scalar @symbols, time - $began;

	# at each bound, a cent and a fraction around it, and in the middle of the tier
	my $points = q{SELECT t.*, p.notional FROM public.binance AS t,
	                      unnest(ARRAY[t.notional_floor, t.notional_floor + 0.01, (t.notional_floor + t.notional_cap) / 2, t.notional_cap - 0.01]) AS p (notional)};
	is(sql(qq{SELECT count(*) FILTER (WHERE v.ours <> p.notional * p.mmr - p.cum) || ' of ' || (count(*) > 1000)
	            FROM ($points) AS p JOIN (SELECT contract, margin.schedule(lower_bound, maintenance_rate) AS s FROM binance.risk_tier GROUP BY contract) AS c ON c.contract = p.symbol,
	                 LATERAL (SELECT margin.apply(c.s, p.notional) AS ours) AS v}),
		'0 of true', 'requirements are those of rate and cum, exactly, at every bound and between');
	is(sql(qq{SELECT count(*) FILTER (WHERE NOT (v.ours * p.max_leverage >= p.notional AND v.ours * p.max_leverage < p.notional * 1.0000000001 + 0.0000000001)) || ' of ' || (count(*) > 1000)
	            FROM ($points) AS p JOIN (SELECT contract, margin.schedule(lower_bound, initial_rate, 'whole') AS s FROM binance.risk_tier GROUP BY contract) AS c ON c.contract = p.symbol,
	                 LATERAL (SELECT margin.apply(c.s, p.notional) AS ours) AS v}),
		'0 of true', 'initial requirements are the notional by the leverage of its tier, never less');
	is(import_answer('binance', 'binance.leverageBracket', $brackets), 'risk_tier unchanged ' . @symbols, 'the same answer again changes nothing');

	# Reconciled: an account of one long position within the first tier, by the
	# formulas that the venue documents, computed here apart from margin:
	#   requirement = notional * rate
	#   liquidation price = (wallet - quantity * entry) / (quantity * rate - quantity)
	my @first = grep { $contract{$_}{settle} eq 'USDT' } @symbols;
	@first = @first[ 0 .. 11 ] if @first > 12;
	sql(q{CREATE SCHEMA desk; SELECT margin.create_book('desk', 'binance', account_type => 'text');
	      INSERT INTO binance.collateral_tier (asset, lower_bound, ratio) VALUES ('USDT', 0, 1);
	      INSERT INTO binance.index_price (asset, price) VALUES ('USDT', 1)});
	import_answer('binance', 'binance.premiumIndex', document([ map { { symbol => $_, markPrice => '100.00000000', time => '1790000000000' } } @first ]));
	sql(q{CREATE TABLE figure AS
	      SELECT t.symbol, a.*, a.wallet + a.quantity * (100 - a.entry) AS equity, a.quantity * 100 * t.mmr AS required,
	             trunc((a.wallet - a.quantity * a.entry) / (a.quantity * t.mmr - a.quantity), 8) AS liquidation
	        FROM public.binance AS t, LATERAL (SELECT t.notional_cap / 200 AS quantity, 101.25 AS entry, round(t.notional_cap * 0.05, 8) AS wallet) AS a
	       WHERE t.tier = 1 AND t.symbol IN (} . join(',', map { "'$_'" } @first) . ')');
	my $accounts = sql(q{SELECT symbol || '~' ||
		jsonb_build_object('totalMarginBalance', trunc(equity, 8)::text, 'totalMaintMargin', trunc(required, 8)::text, 'totalUnrealizedProfit', (quantity * (100 - entry))::text,
			'assets', jsonb_build_array(jsonb_build_object('asset', 'USDT', 'crossWalletBalance', wallet::text)),
			'positions', jsonb_build_array(jsonb_build_object('symbol', symbol, 'positionSide', 'BOTH', 'positionAmt', quantity::text, 'entryPrice', entry::text, 'leverage', '20', 'isolated', false))) || '~' ||
		jsonb_build_array(jsonb_build_object('symbol', symbol, 'positionAmt', quantity::text, 'entryPrice', entry::text, 'markPrice', '100.00000000', 'isolatedMargin', '0',
			'unRealizedProfit', (quantity * (100 - entry))::text, 'maintMargin', trunc(required, 8)::text, 'liquidationPrice', liquidation::text)) FROM figure});
	my ($rows, $apart) = (0, '');
	for my $account (split /\n/, $accounts)
	{
		my ($symbol, $whole, $risk) = split /~/, $account;
		$apart .= sql(qq{SELECT * FROM margin.import_account('desk', 'binance.account', '$symbol', '$whole') WHERE outcome <> 'entered'});
		for ([ 'binance.account', $whole ], [ 'binance.positionRisk', $risk ])
		{
			my @got = split /\n/, sql(qq{SELECT figure, theirs, ours, coalesce(reason, 'equal') FROM margin.reconcile('desk', '$_->[0]', '$symbol', '$_->[1]')});
			$rows += @got;
			$apart .= join '', map { "$symbol $_\n" } grep { !/\|(?:equal|the venue gives 8 decimals)$/ } @got;
		}
	}
	cmp_ok($rows, '>', 9 * @first, "$rows figures of " . @first . ' accounts are compared');
	is($apart, '', 'and each is ours, but for decimals that the venue does not write');

	# any sum that is wrong is found
	my $spoilt = $contract{ $symbols[0] }{brackets}[-1];
	$spoilt->{cum} += 1;
	my ($out, $err);
	$node->psql('postgres', "SELECT margin.import_answer('binance', 'binance.leverageBracket', '" . document([ { symbol => $symbols[0], brackets => $contract{ $symbols[0] }{brackets} } ]) . "')",
		stdout => \$out, stderr => \$err);
	like($err, qr/answer refused: \[0\]\.brackets\[\d+\] \(risk_tier of \Q$symbols[0]\E\) contradicts itself: its deduction is \Q$spoilt->{cum}\E/, 'a wrong sum is refused, by its row');
}

SKIP: {
	skip 'no table of Bybit', 3 unless -r "$data/$table{bybit}";
	my @rows = load('bybit');
	import_answer('bybit', 'bybit.instruments-info', document({ retCode => 0, result => { list => [ { symbol => 'BTCUSDT', contractType => 'LinearPerpetual', baseCoin => 'BTC', settleCoin => 'USDT' } ] } }));
	# per cent into fractions, in decimal digits
	my %rate = map { split /\|/ } split /\n/, sql('SELECT tier, trim_scale(mmr_percent / 100) FROM public.bybit');
	my $limits = sub {
		my ($told) = @_;
		return document({ retCode => 0, retMsg => 'OK', result => { category => 'linear', nextPageCursor => '', list => [ map { {
			symbol => 'BTCUSDT', id => $_->{tier}, riskLimitValue => $_->{risk_limit_usdt}, maintenanceMargin => $rate{ $_->{tier} }, maxLeverage => "$_->{max_leverage}.00",
			mmDeduction => $told && $_->{mm_deduction} ne '0' ? $_->{mm_deduction} : '' } } @rows ] } });
	};
	is(import_answer('bybit', 'bybit.risk-limit', $limits->(1)), 'risk_tier entered 1', 'Bybit: tiers are entered');
	is(sql(q{SELECT count(*) FILTER (WHERE margin.apply(s.s, p.notional) <> p.notional * t.mmr_percent / 100 - t.mm_deduction) || ' of ' || count(*)
	           FROM (SELECT *, lag(risk_limit_usdt, 1, 0) OVER (ORDER BY tier) AS floor FROM public.bybit) AS t,
	                unnest(ARRAY[floor, floor + 0.01, (floor + risk_limit_usdt) / 2, risk_limit_usdt]) AS p (notional),
	                (SELECT margin.schedule(lower_bound, maintenance_rate) AS s FROM bybit.risk_tier) AS s}),
		'0 of ' . 4 * @rows, 'requirements are those of rate and deduction, exactly');
	is(import_answer('bybit', 'bybit.risk-limit', $limits->(0)), 'risk_tier unchanged 1', 'without deductions the tiers are the same');
}

SKIP: {
	skip 'no table of OKX', 3 unless -r "$data/$table{okx}";
	my @rows = load('okx');
	my $quota = document({ code => '0', msg => '', data => [ { ccy => 'BTC', minDiscountRate => '0', details => [ map { {
		tier => $_->{tier}, minAmt => $_->{min_qty_btc}, maxAmt => $_->{max_qty_btc}, discountRate => $_->{discount_rate}, liqPenaltyRate => $_->{liq_penalty_rate},
		disCcyEq => $_->{cum_discounted_qty} } } @rows ] } ] });
	is(import_answer('okx', 'okx.discount-rate-interest-free-quota', $quota), "asset entered 1\ncollateral_tier entered 1", 'OKX: ratios are entered');
	is(sql(q{SELECT count(*) FILTER (WHERE margin.apply(s.s, p.quantity) <> t.below + (p.quantity - t.min_qty_btc) * t.discount_rate) || ' of ' || count(*)
	           FROM (SELECT *, lag(cum_discounted_qty, 1, 0) OVER (ORDER BY tier) AS below FROM public.okx) AS t,
	                unnest(ARRAY[min_qty_btc, min_qty_btc + 0.00000001, (min_qty_btc + max_qty_btc) / 2, max_qty_btc]) AS p (quantity),
	                (SELECT margin.schedule(lower_bound, ratio) AS s FROM okx.collateral_tier) AS s}),
		'0 of ' . 4 * @rows, 'what counts is what the venue sums, exactly');
	is(sql(q{SELECT margin.apply(s.s, 2 * o.top) = o.total FROM (SELECT margin.schedule(lower_bound, ratio) AS s FROM okx.collateral_tier) AS s,
	                (SELECT max(max_qty_btc) AS top, max(cum_discounted_qty) AS total FROM public.okx) AS o}), 't', 'and beyond the last bound nothing more');
}

$node->stop;
done_testing();
