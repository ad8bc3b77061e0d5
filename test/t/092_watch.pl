# Nobody is missed: levels kept by proof, tick by tick, against levels kept by
# judging everybody.
#
# Two books show the same accounts.  In "kept" levels are enabled, so that a
# refresh judges only whom prices, terms or writes may have moved; "twin" has
# no triggers and is refreshed by full passes over its rows.  After every
# change, of prices from a breath to a crash, of holdings, terms, thresholds,
# of what is missing or expired or new, both are refreshed and must have
# journaled the same events.  Then several sessions write while others tick, and
# the server stops at once; whenever it is quiet both books agree again.

use strict;
use warnings;

use FindBin;
use lib "$FindBin::Bin/../lib";
use MarginRandom;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

# changes compared one by one; WATCH_STEPS=100000 for a long run
my $steps = $ENV{WATCH_STEPS} // 4000;
my $rounds = 4;

my $seed = random_seed();
my $node = PostgreSQL::Test::Cluster->new('watch');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "log_statement = none\nautovacuum = off\n");
$node->start;
sub sql { return $node->safe_psql('postgres', $_[0]) }

sql(q{
	CREATE EXTENSION margin;
	CREATE SCHEMA kept;
	CREATE SCHEMA twin;
	SELECT margin.create_book('kept');
	SELECT margin.create_book('twin', 'kept', 'kept.balance', 'kept.position', 'kept.open_order');

	INSERT INTO kept.asset (asset, tier_unit, liability_weight, requirement_weight, max_age) VALUES
		('USD', 'quantity', 1, 1, NULL), ('USDC', 'quantity', 1.01, 1.02, NULL), ('BTC', 'quantity', 1.05, 1, '1 day'),
		('ETH', 'value', 1.1, 1, '1 day'), ('DOGE', 'value', 1.2, 1, '1 day'), ('JUNK', 'quantity', 1.5, 1, NULL);
	INSERT INTO kept.collateral_tier (asset, lower_bound, ratio) VALUES
		('USD', 0, 1), ('USDC', 0, 0.99), ('BTC', 0, 0.975), ('BTC', 0.1, 0.9), ('BTC', 1, 0.5),
		('ETH', 0, 0.95), ('ETH', 2000, 0.8), ('ETH', 9000, 0), ('DOGE', 0, 0.6), ('DOGE', 500, 0.3);
	INSERT INTO kept.liability_tier (asset, lower_bound, maintenance_rate) VALUES ('BTC', 0, 0.03), ('BTC', 0.2, 0.06), ('ETH', 0, 0.05);
	INSERT INTO kept.contract (contract, settle, base, contract_size, netting, closing_fee) VALUES
		('BTC_USD', 'USD', 'BTC', 0.01, 'leg', 0.0005), ('BTC_USDC', 'USDC', 'BTC', 0.01, 'larger', 0), ('ETH_USD', 'USD', 'ETH', 0.1, 'net', 0.0006),
		('ETH_BTC', 'BTC', 'ETH', 0.1, 'leg', 0), ('DOGE_USD', 'USD', 'DOGE', 100, 'net', 0);
	INSERT INTO kept.risk_tier (contract, lower_bound, maintenance_rate, initial_rate)
	SELECT contract, bound, rate, 2 * rate FROM kept.contract, (VALUES (0, 0.02), (3000, 0.03), (10000, 0.05)) AS t (bound, rate) WHERE contract <> 'ETH_BTC'
	UNION ALL VALUES ('ETH_BTC', 0, 0.02, 0.04), ('ETH_BTC', 0.1, 0.04, 0.04);
	UPDATE kept.contract SET maintenance_method = 'whole' WHERE contract = 'BTC_USDC';
	INSERT INTO kept.level_threshold VALUES ('warning', 0.6, 0.55), ('margin_call', 0.8, 0.7), ('liquidation', 1, 0.9);
	INSERT INTO kept.index_price (asset, price) VALUES ('USD', 1), ('USDC', 1), ('BTC', 60000), ('ETH', 3000), ('DOGE', 0.1), ('JUNK', 5);
	INSERT INTO kept.mark_price (contract, price) VALUES ('BTC_USD', 60000), ('BTC_USDC', 60000), ('ETH_USD', 3000), ('ETH_BTC', 0.05), ('DOGE_USD', 0.1);

	CREATE SCHEMA tried;
	CREATE FUNCTION tried.between(low float8, high float8) RETURNS float8 LANGUAGE sql VOLATILE RETURN low + random() * (high - low);
	CREATE FUNCTION tried.pick(choice text[]) RETURNS text LANGUAGE sql VOLATILE RETURN choice[1 + floor(random() * cardinality(choice))::int];
	CREATE FUNCTION tried.rounded(x float8, digits int) RETURNS numeric LANGUAGE sql IMMUTABLE RETURN round(x::numeric, digits);

	-- an account with something of everything; many are near the edge of a level
	CREATE PROCEDURE tried.write(who bigint) LANGUAGE plpgsql AS $$
	DECLARE
		coin text := tried.pick(ARRAY(SELECT a.asset FROM kept.asset AS a ORDER BY 1) || 'MOON'::text);
		future text := tried.pick(ARRAY(SELECT c.contract FROM kept.contract AS c ORDER BY 1));
	BEGIN
		CASE floor(random() * 11)::int
		WHEN 0 THEN
			DELETE FROM kept.balance WHERE account_id = who;
			DELETE FROM kept.open_order WHERE account_id = who;
			DELETE FROM kept.position WHERE account_id = who AND random() < 0.7;
		WHEN 1, 2 THEN
			INSERT INTO kept.balance VALUES (who, 'USD', tried.rounded(tried.between(-300, 3000), 2))
			ON CONFLICT ON CONSTRAINT balance_pkey DO UPDATE SET quantity = excluded.quantity;
		WHEN 3, 4 THEN
			-- mostly nothing of what has no price
			IF coin <> 'MOON' OR random() < 0.1 THEN
				INSERT INTO kept.balance VALUES (who, coin, tried.rounded(
					tried.between(-0.3, 1) * CASE coin WHEN 'BTC' THEN 0.2 WHEN 'ETH' THEN 2 WHEN 'DOGE' THEN 9000 WHEN 'MOON' THEN 1 ELSE 1000 END, 4))
				ON CONFLICT ON CONSTRAINT balance_pkey DO UPDATE SET quantity = excluded.quantity;
			END IF;
			DELETE FROM kept.balance AS b WHERE b.account_id = who AND b.asset = 'MOON' AND random() < 0.5;
		WHEN 5 THEN
			DELETE FROM kept.position AS p WHERE p.account_id = who AND random() < 0.4;
		WHEN 6, 7 THEN
			-- orders near the mark and beyond it
			INSERT INTO kept.open_order (account_id, order_id, contract, quantity, price, leverage)
			SELECT who, tried.pick('{a,b,c}'), future, CASE WHEN random() < 0.5 THEN -1 ELSE 1 END * ceil(random() * 10),
			       round(coalesce(m.price, 100) * (0.95 + random() * 0.1)::numeric, 8), CASE WHEN random() < 0.3 THEN ceil(random() * 20) END
			  FROM (SELECT) AS o LEFT JOIN kept.mark_price AS m ON m.contract = future
			ON CONFLICT ON CONSTRAINT open_order_pkey DO UPDATE SET contract = excluded.contract, quantity = excluded.quantity, price = excluded.price;
		WHEN 8 THEN
			DELETE FROM kept.open_order AS o WHERE o.account_id = who AND random() < 0.5;
		ELSE
			INSERT INTO kept.position (account_id, contract, side, quantity, entry_price)
			SELECT who, future, CASE WHEN q.sign < 0 THEN 'short' ELSE 'long' END, q.sign * ceil(random() * 15), round(coalesce(m.price, 100) * (0.97 + random() * 0.06)::numeric, 8)
			  FROM (SELECT CASE WHEN random() < 0.5 THEN -1 ELSE 1 END AS sign) AS q LEFT JOIN kept.mark_price AS m ON m.contract = future
			ON CONFLICT ON CONSTRAINT position_pkey DO UPDATE SET quantity = excluded.quantity, entry_price = excluded.entry_price;
		END CASE;
	END
	$$;

	CREATE PROCEDURE tried.reprice(deviation float8, share float8) LANGUAGE sql BEGIN ATOMIC
		UPDATE kept.index_price AS p
		   SET price = t.price, updated_at = now(),
		       low = CASE WHEN t.doubtful THEN round(t.price * 0.996, 10) END, high = CASE WHEN t.doubtful THEN round(t.price * 1.003, 10) END
		  FROM (SELECT i.asset, greatest(round((i.price * (1 + deviation * tried.between(-1.7, 1.7))::numeric), 10), 0.000001) AS price,
		               random() < CASE WHEN i.low IS NULL THEN 0.01 ELSE 0.8 END AS doubtful FROM kept.index_price AS i) AS t
		 WHERE t.asset = p.asset AND random() < share AND (p.asset <> 'USD' OR deviation > 0.1);
		UPDATE kept.mark_price SET price = greatest(round((price * (1 + deviation * tried.between(-1.7, 1.7))::numeric), 10), 0.000001), updated_at = now()
		 WHERE random() < share;
	END;

	-- back to where prices began, with what had gone
	CREATE PROCEDURE tried.restore() LANGUAGE sql BEGIN ATOMIC
		INSERT INTO kept.index_price (asset, price) VALUES ('USD', 1), ('USDC', 1), ('BTC', 60000), ('ETH', 3000), ('DOGE', 0.1), ('JUNK', 5)
		ON CONFLICT (asset) DO UPDATE SET price = excluded.price, low = NULL, high = NULL, updated_at = now();
		INSERT INTO kept.mark_price (contract, price) VALUES ('BTC_USD', 60000), ('BTC_USDC', 60000), ('ETH_USD', 3000), ('ETH_BTC', 0.05), ('DOGE_USD', 0.1)
		ON CONFLICT (contract) DO UPDATE SET price = excluded.price, updated_at = now();
	END;

	-- new terms; "n" makes keys and names that are new
	CREATE PROCEDURE tried.new_terms(n bigint) LANGUAGE plpgsql AS $$
	DECLARE
		future text := tried.pick(ARRAY(SELECT c.contract FROM kept.contract AS c ORDER BY 1));
	BEGIN
		CASE floor(random() * 12)::int
		WHEN 0 THEN UPDATE kept.collateral_tier SET ratio = tried.rounded(tried.between(0.9, 1), 3) WHERE lower_bound = 0 AND asset = tried.pick('{BTC,USDC}');
		WHEN 1 THEN UPDATE kept.risk_tier AS t SET maintenance_rate = tried.rounded(tried.between(0.01, 0.03), 4), initial_rate = tried.rounded(tried.between(0.03, 0.04), 4) WHERE lower_bound = 0 AND t.contract = future;
		WHEN 2 THEN UPDATE kept.asset SET liability_weight = tried.rounded(tried.between(1, 1.3), 2), requirement_weight = tried.rounded(tried.between(0.9, 1.1), 2) WHERE asset = tried.pick('{USD,BTC,ETH,USDC}');
		WHEN 3 THEN UPDATE kept.contract AS c SET netting = tried.pick('{leg,larger,net}'), closing_fee = tried.rounded(tried.between(0, 0.001), 5) WHERE c.contract = future;
		WHEN 4 THEN UPDATE kept.level_threshold SET margin_ratio = CASE level WHEN 'warning' THEN 0.6 WHEN 'margin_call' THEN 0.8 ELSE 1 END + tried.rounded(tried.between(0, 0.1), 3);
		WHEN 5 THEN UPDATE kept.level_threshold SET release_ratio = CASE WHEN random() < 0.3 THEN NULL ELSE tried.rounded(tried.between(0.5, 0.6), 3) END WHERE level = 'warning';
		WHEN 6 THEN
			INSERT INTO kept.asset (asset) VALUES ('A' || n);
			INSERT INTO kept.collateral_tier (asset, lower_bound, ratio) VALUES ('A' || n, 0, 0.9);
			INSERT INTO kept.index_price (asset, price) VALUES ('A' || n, tried.rounded(tried.between(1, 5), 3));
			DELETE FROM kept.index_price WHERE random() < 0.5 AND asset LIKE 'A_%' AND asset <> 'A' || n;
		WHEN 9 THEN
			INSERT INTO kept.venue_rule VALUES ('orders_reduce_equity', tried.pick('{nothing,loss,margin,both}'))
			ON CONFLICT (rule) DO UPDATE SET value = excluded.value;
		WHEN 10 THEN
			INSERT INTO kept.venue_rule VALUES ('liability_rule', tried.pick('{sum,larger}')) ON CONFLICT (rule) DO UPDATE SET value = excluded.value;
		WHEN 11 THEN
			UPDATE kept.contract AS c SET order_maintenance = random() < 0.3, opening_fee = CASE WHEN random() < 0.5 THEN 0 ELSE tried.rounded(tried.between(0, 0.002), 5) END
			 WHERE c.contract = future;
		WHEN 7 THEN
			INSERT INTO kept.contract (contract, settle, base, contract_size) VALUES ('0' || n, 'USDC', 'BTC', 1);
			INSERT INTO kept.risk_tier (contract, lower_bound, maintenance_rate) VALUES ('0' || n, 0, 0.05);
			INSERT INTO kept.mark_price (contract, price) VALUES ('0' || n, tried.rounded(tried.between(10, 50), 2));
		ELSE
			INSERT INTO kept.contract_change (contract, valid_from, settle, base, contract_size, netting, closing_fee)
			SELECT c.contract, now() - interval '1 s', c.settle, c.base, c.contract_size, c.netting, tried.rounded(tried.between(0, 0.002), 5)
			  FROM kept.contract AS c WHERE c.contract = 'ETH_USD'
			ON CONFLICT DO NOTHING;
		END CASE;
		-- not too many of them
		IF (SELECT count(*) FROM kept.contract) > 12 THEN
			DELETE FROM kept.position AS p WHERE p.contract LIKE '0%';
			DELETE FROM kept.open_order AS p WHERE p.contract LIKE '0%';
			DELETE FROM kept.mark_price AS p WHERE p.contract LIKE '0%';
			DELETE FROM kept.risk_tier AS p WHERE p.contract LIKE '0%';
			DELETE FROM kept.contract AS p WHERE p.contract LIKE '0%';
		END IF;
	END
	$$;

	CREATE PROCEDURE tried.change(n bigint) LANGUAGE plpgsql AS $$
	DECLARE
		dice float8 := random() * 100;
	BEGIN
		IF dice < 30 THEN CALL tried.reprice(0.0002, 1);
		ELSIF dice < 42 THEN CALL tried.reprice(0.002, 1);
		ELSIF dice < 48 THEN CALL tried.reprice(0.02, 1);
		ELSIF dice < 58 THEN CALL tried.reprice(0.01, 0.15);
		ELSIF dice < 60 THEN CALL tried.reprice(0.2, 1);
		ELSIF dice < 63 THEN CALL tried.restore();
		ELSIF dice < 92 THEN
			FOR i IN 1 .. 1 + floor(random() * 3) LOOP
				CALL tried.write(1 + floor(random() * 60)::bigint);
			END LOOP;
		ELSIF dice < 94 THEN DELETE FROM kept.index_price WHERE random() < 0.1;
		ELSIF dice < 95 THEN DELETE FROM kept.mark_price WHERE random() < 0.1;
		ELSIF dice < 96 THEN UPDATE kept.index_price SET updated_at = now() - interval '2 days' WHERE random() < 0.2;
		ELSIF dice < 99.7 THEN CALL tried.new_terms(n);
		ELSIF dice < 99.8 THEN TRUNCATE kept.open_order;
		ELSE TRUNCATE kept.position;
		END IF;
	END
	$$;

	CREATE TABLE tried.progress (steps bigint, events bigint, judged bigint);
	INSERT INTO tried.progress VALUES (0, 0, 0);
	CREATE PROCEDURE tried.compare(steps bigint) LANGUAGE plpgsql AS $$
	DECLARE
		before record;
		seen bigint;
		difference text;
	BEGIN
		FOR n IN (SELECT p.steps + 1 FROM tried.progress AS p) .. (SELECT p.steps + compare.steps FROM tried.progress AS p) LOOP
			SELECT coalesce((SELECT max(id) FROM kept.level_event), 0) AS kept, coalesce((SELECT max(id) FROM twin.level_event), 0) AS twin INTO before;
			CALL tried.change(n);
			COMMIT;
			PERFORM margin.refresh_levels('kept');
			PERFORM margin.refresh_levels('twin');
			SELECT string_agg(to_jsonb(e)::text, E'\n' ORDER BY account_id, book) INTO difference
			  FROM (SELECT 'kept' AS book, t.* FROM (
			          SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM kept.level_event WHERE id > before.kept
			          EXCEPT ALL SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM twin.level_event WHERE id > before.twin) AS t
			        UNION ALL
			        SELECT 'twin', t.* FROM (
			          SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM twin.level_event WHERE id > before.twin
			          EXCEPT ALL SELECT account_id, from_level, to_level, equity, maintenance_margin, prices FROM kept.level_event WHERE id > before.kept) AS t) AS e;
			IF difference IS NOT NULL THEN
				RAISE EXCEPTION 'step %: %', n, difference;
			END IF;
			UPDATE tried.progress SET steps = n;
			COMMIT;
		END LOOP;
	END
	$$;

	SELECT margin.enable_levels('kept');
	INSERT INTO kept.balance SELECT i, 'USD', 1000 FROM generate_series(1, 60) AS i;
	SELECT margin.refresh_levels('kept'), margin.refresh_levels('twin')});

# ---------------------------------------------------------------------------
# Step by step
# ---------------------------------------------------------------------------

sub compare
{
	my ($name, $count) = @_;
	my ($status, $out, $err) = $node->psql('postgres', "SELECT setseed(" . rand() . ") \\g /dev/null\nCALL tried.compare($count)", timeout => 3000);
	is($status, 0, "$name: $count changes, the same events") or BAIL_OUT($err);
	is(sql(q{SELECT count(*) FROM margin.check_levels('kept')}), 0, "$name: every account is kept where its rows are");
	is(sql(q{
		SELECT count(*) FROM kept.account_level AS k FULL JOIN twin.account_level AS t USING (account_id)
		 WHERE coalesce(k.level, 'healthy') <> coalesce(t.level, 'healthy')}), 0, "$name: both books agree");
	is(sql(q{
		SELECT count(*) FROM kept.kept_margin AS k FULL JOIN kept.account_margin AS a USING (account_id)
		 WHERE k::text IS DISTINCT FROM a::text}),
		0, "$name: kept_margin is account_margin");
	return;
}

compare('one session', $steps);
my $events = sql('SELECT count(*) FROM kept.level_event');
cmp_ok($events, '>', $steps / 10, "levels changed, $events times");
is(sql('SELECT count(DISTINCT to_level) FROM kept.level_event'), 6, 'to all there are');
cmp_ok(sql('SELECT count(*) FROM kept.level_epoch'), '<', 132, 'few epochs are kept');
cmp_ok(sql('SELECT max(epoch) FROM kept.level_epoch'), '>', 10, 'accounts have been anchored anew and anew');

# ---------------------------------------------------------------------------
# Several sessions, and a server that stops at once
# ---------------------------------------------------------------------------

for my $round (1 .. $rounds)
{
	my $seconds = 3;
	my @load = ([ 'write', "BEGIN;\nCALL tried.write(1 + floor(random() * 60)::bigint);\nCALL tried.write(1 + floor(random() * 60)::bigint);\nCOMMIT;\n", 4 ],
		[ 'tick', "CALL tried.reprice(0.003, 1);\nSELECT margin.refresh_levels('kept');\n", 2 ]);
	my @running;
	for my $load (@load)
	{
		my ($name, $script, $clients) = @$load;
		my $file = $node->basedir . "/$name.sql";
		append_to_file($file, $script) unless -f $file;
		my ($out, $err) = ('', '');
		push @running, { out => \$out, run => IPC::Run::start(
			[ 'pgbench', '-n', '-c', $clients, '-T', $seconds, '-f', $file, '--max-tries=100', $node->connstr('postgres') ],
			'<', \undef, '>', \$out, '2>', \$err) };
	}
	my $stopped = $round % 2 == 0;
	if ($stopped)
	{
		select(undef, undef, undef, 1 + rand(1));
		$node->stop('immediate');
	}
	$_->{run}->finish for @running;
	$node->start if $stopped;
	unless ($stopped)
	{
		like(${ $_->{out} }, qr/number of transactions actually processed: [1-9]/, "round $round: clients worked") for @running;
	}
	sql(q{SELECT margin.refresh_levels('kept'), margin.refresh_levels('twin')});
	is(sql(q{SELECT count(*) FROM margin.check_levels('kept')}), 0, "round $round: every account is kept where its rows are");
	# a level that a release ratio holds depends on the way, and twin went another
	sql(q{UPDATE twin.account_level AS t SET level = k.level FROM kept.account_level AS k WHERE k.account_id = t.account_id});
	compare("round $round" . ($stopped ? ', after a stop' : ''), 100);
	is(sql(q{
		SELECT count(*) FROM (SELECT from_level, lag(to_level) OVER (PARTITION BY account_id ORDER BY id) AS before FROM kept.level_event) AS e
		 WHERE from_level <> coalesce(before, 'healthy')}), 0, "round $round: the journal of each account has no gap");
}

$node->stop;
done_testing();
