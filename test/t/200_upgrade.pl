# Databases of each release that is kept (test/release) come to the present one:
# the library of today works under the SQL of then, the update script and
# upgrade_venue() and upgrade_book() leave nothing that differs from what is made
# new, and all questions have the answers that the release gave.

use strict;
use warnings;

use Cwd ();
use File::Path qw(make_path);
use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $top = Cwd::realpath("$FindBin::RealBin/../..");
my $scratch = PostgreSQL::Test::Utils::tempdir;
my ($present) = slurp_file("$top/margin.control") =~ /default_version = '([^']+)'/;
my @releases = grep { $_ ne $present } map { m{([^/]+)/install\.sql$} } glob("$top/test/release/*/install.sql");

# ---------------------------------------------------------------------------
# A server in which we may put scripts of other releases
# ---------------------------------------------------------------------------

sub told { my $told = `$_[0]`; die "$_[0] fails" if $?; chomp $told; return $told }
my $pg_config = $ENV{PG_CONFIG} // 'pg_config';
my $bindir = told("$pg_config --bindir");
my ($installed) = map { m{^(.*)\Q$bindir\E/?$} ? $1 : () } grep { -x "$_/postgres" } split /:/, $ENV{PATH};
my $root = "$scratch/root";
for my $directory (map { told("$pg_config --$_") } qw(pkglibdir sharedir))
{
	make_path("$root$directory");
	told("cp -rs '$installed$directory/.' '$root$directory/'");
}
make_path("$root$bindir");
told("cp '$installed$bindir'/* '$root$bindir/'");
$ENV{PATH} = "$root$bindir:$ENV{PATH}";
my $scripts = "$root" . told("$pg_config --sharedir") . '/extension';

sub add_script
{
	my ($name, $text) = @_;
	unlink "$scripts/$name";
	append_to_file("$scripts/$name", $text);
	return;
}
add_script("margin--$_.sql", slurp_file("$top/test/release/$_/install.sql")) for @releases;

my $node = PostgreSQL::Test::Cluster->new('upgrade');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "fsync = off\njit = off");
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE keeper LOGIN; CREATE ROLE writer');

sub as_keeper { my ($database, $sql) = @_; return $node->safe_psql($database, $sql, extra_params => [ '-U', 'keeper' ]) }

# What a program prints; it must succeed, and complain about nothing.
sub output_of
{
	my ($database, @command) = @_;
	my ($out, $err) = ('', '');
	my $done = IPC::Run::run([ @command, '-d', $node->connstr($database) . ' user=keeper' ], '>', \$out, '2>', \$err);
	$err =~ s/^.*NOTICE:  extension "margin" already exists, skipping\n//mg;
	is($done ? $err : "failed: $err", '', "$database: $command[0] succeeds and complains about nothing") if !$done || $err ne '';
	return $out;
}

sub run_file { my ($database, $file) = @_; return output_of($database, 'psql', '-XqAt', '-v', 'ON_ERROR_STOP=1', '-f', $file) }

sub create_database
{
	my ($database, $version, $file) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $database OWNER keeper");
	as_keeper($database, "CREATE EXTENSION margin VERSION '$version'") if defined $version;
	run_file($database, $file);
	# kept levels answer from then on
	as_keeper($database, 'SELECT margin.refresh_levels(book) FROM margin.books ORDER BY book');
	return;
}

# ---------------------------------------------------------------------------
# What an extension is made of, a line for each thing, without what differs from
# database to database
# ---------------------------------------------------------------------------

my $members = <<'SQL';
SET search_path = pg_catalog;
CREATE TEMP VIEW member AS
SELECT d.classid, d.objid, i.type, i.identity
  FROM pg_depend AS d JOIN pg_extension AS e ON e.oid = d.refobjid, pg_identify_object(d.classid, d.objid, 0) AS i
 WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e' AND e.extname = 'margin';
CREATE TEMP VIEW line (line) AS
SELECT concat_ws(' ', type, identity, 'described as', obj_description(objid, classid::regclass::name)) FROM member
UNION ALL
SELECT concat_ws(' ', 'function', pg_get_functiondef(p.oid), p.proowner = 10, p.proacl, p.prosupport, p.procost, p.prorows) FROM member AS m JOIN pg_proc AS p ON p.oid = m.objid AND p.prokind <> 'a'
 WHERE m.classid = 'pg_proc'::regclass
UNION ALL
SELECT concat_ws(' ', 'aggregate', a.aggfnoid::regprocedure, a.aggkind, a.aggtransfn, a.aggfinalfn, a.aggcombinefn, a.aggserialfn, a.aggdeserialfn, a.aggmtransfn, a.aggminvtransfn, a.aggmfinalfn,
                 a.aggfinalextra, a.aggfinalmodify, a.aggsortop::regoper, a.aggtranstype::regtype, a.aggtransspace, a.agginitval, pg_get_function_arguments(p.oid), p.proparallel, p.provolatile, p.proacl)
  FROM member AS m JOIN pg_aggregate AS a ON a.aggfnoid = m.objid JOIN pg_proc AS p ON p.oid = m.objid WHERE m.classid = 'pg_proc'::regclass
UNION ALL
SELECT concat_ws(' ', 'type', t.oid::regtype, t.typtype, t.typlen, t.typbyval, t.typalign, t.typstorage, t.typcategory, t.typispreferred, t.typisdefined, t.typdelim, t.typinput, t.typoutput, t.typreceive,
                 t.typsend, t.typmodin, t.typmodout, t.typanalyze, t.typsubscript, t.typelem::regtype, t.typarray::regtype, t.typbasetype::regtype, t.typnotnull, t.typdefault, t.typcollation::regcollation, t.typacl,
                 (SELECT array_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum AS e WHERE e.enumtypid = t.oid),
                 (SELECT array_agg(pg_get_constraintdef(c.oid) ORDER BY c.conname) FROM pg_constraint AS c WHERE c.contypid = t.oid))
  FROM member AS m JOIN pg_type AS t ON t.oid = m.objid WHERE m.classid = 'pg_type'::regclass
UNION ALL
SELECT concat_ws(' ', 'relation', c.oid::regclass, c.relkind, c.relacl, c.reloptions, CASE c.relkind WHEN 'v' THEN pg_get_viewdef(c.oid) END)
  FROM member AS m JOIN pg_class AS c ON c.oid IN (m.objid, (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = m.objid)) WHERE m.classid IN ('pg_class'::regclass, 'pg_type'::regclass)
UNION ALL
SELECT concat_ws(' ', 'column', c.oid::regclass, a.attnum, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attcollation::regcollation, a.attacl, col_description(c.oid, a.attnum))
  FROM member AS m JOIN pg_class AS c ON c.oid IN (m.objid, (SELECT t.typrelid FROM pg_type AS t WHERE t.oid = m.objid)) JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0
 WHERE m.classid IN ('pg_class'::regclass, 'pg_type'::regclass)
UNION ALL
SELECT concat_ws(' ', 'operator', o.oid::regoperator, o.oprkind, o.oprcanmerge, o.oprcanhash, o.oprresult::regtype, o.oprcom::regoperator, o.oprnegate::regoperator, o.oprcode, o.oprrest, o.oprjoin)
  FROM member AS m JOIN pg_operator AS o ON o.oid = m.objid WHERE m.classid = 'pg_operator'::regclass
UNION ALL
SELECT concat_ws(' ', 'cast', c.castsource::regtype, c.casttarget::regtype, c.castfunc::regprocedure, c.castcontext, c.castmethod) FROM member AS m JOIN pg_cast AS c ON c.oid = m.objid WHERE m.classid = 'pg_cast'::regclass
UNION ALL
SELECT concat_ws(' ', 'operator class', c.opcname, c.opcintype::regtype, c.opcdefault, c.opckeytype::regtype) FROM member AS m JOIN pg_opclass AS c ON c.oid = m.objid WHERE m.classid = 'pg_opclass'::regclass
UNION ALL
SELECT concat_ws(' ', 'family', m.identity, a.amopstrategy, a.amoppurpose, a.amopopr::regoperator) FROM member AS m JOIN pg_amop AS a ON a.amopfamily = m.objid WHERE m.classid = 'pg_opfamily'::regclass
UNION ALL
SELECT concat_ws(' ', 'family', m.identity, a.amprocnum, a.amproclefttype::regtype, a.amprocrighttype::regtype, a.amproc) FROM member AS m JOIN pg_amproc AS a ON a.amprocfamily = m.objid WHERE m.classid = 'pg_opfamily'::regclass
UNION ALL
SELECT concat_ws(' ', 'schema', n.nspname, n.nspacl) FROM member AS m JOIN pg_namespace AS n ON n.oid = m.objid WHERE m.classid = 'pg_namespace'::regclass
UNION ALL
SELECT concat_ws(' ', 'rights to begin with', m.type, m.identity, p.objsubid, p.privtype, p.initprivs) FROM member AS m JOIN pg_init_privs AS p ON p.classoid = m.classid AND p.objoid = m.objid
UNION ALL
SELECT concat_ws(' ', 'default rights', defaclnamespace::regnamespace, defaclobjtype, defaclacl) FROM pg_default_acl
UNION ALL
SELECT concat_ws(' ', m.type, m.identity, 'depends on', i.type, i.identity, d.deptype)
  FROM member AS m JOIN pg_depend AS d ON (d.classid, d.objid) = (m.classid, m.objid), pg_identify_object(d.refclassid, d.refobjid, d.refobjsubid) AS i
 WHERE i.schema IS DISTINCT FROM 'pg_toast'
UNION ALL
-- in schemas of the extension, but no part of it
SELECT concat_ws(' ', 'stray', i.type, i.identity)
  FROM pg_depend AS d, pg_identify_object(d.classid, d.objid, 0) AS i
 WHERE d.refclassid = 'pg_namespace'::regclass AND d.refobjid IN ('margin'::regnamespace, 'margin_internal'::regnamespace) AND NOT EXISTS (SELECT FROM member AS m WHERE (m.classid, m.objid) = (d.classid, d.objid));
SELECT line FROM line ORDER BY line COLLATE "C";
SQL

sub extension_of { my ($database) = @_; return $node->safe_psql($database, $members) }

# What users have, as pg_dump writes it; names that version 18 gives to NOT NULL, and
# days of partitions, come from elsewhere.
sub schemas_of
{
	my ($database) = @_;
	return output_of($database, 'pg_dump', '--schema-only') =~ s/^\\(?:un)?restrict .*\n//gmr =~ s/ CONSTRAINT \w+_not_null\d* NOT NULL/ NOT NULL/gr
	  =~ s/(snapshot_)\d{8}/$1day/gr =~ s/(partition of \w+ for )[-\d]+/$1a day/gr =~ s/(FOR VALUES FROM \(').*('\) TO \(').*('\))/$1$2$3/gr;
}

# What one text has and the other has not, so many lines of it.
sub difference
{
	my ($got, $wanted, $most) = (@_, 40);
	my %count;
	$count{$_}++ for split /\n/, $got;
	$count{$_}-- for split /\n/, $wanted;
	my @lines = map { ($count{$_} > 0 ? "+ " : "- ") . substr($_, 0, 300) } grep { $count{$_} } sort keys %count;
	return join "\n", @lines > $most ? (@lines[ 0 .. $most - 1 ], scalar(@lines) . ' lines') : @lines;
}

sub same { my ($name, $got, $wanted) = @_; return is(difference($got, $wanted), '', $name) }

# ---------------------------------------------------------------------------
# What a database has to do
# ---------------------------------------------------------------------------

# Writes that the guard judges, levels that follow; nothing of it stays.
sub works
{
	my ($name, $database) = @_;
	my @refused = (
		[ q{UPDATE house.balance SET quantity = quantity - 1 WHERE account_id = 6}, 'MG001' ],
		[ q{UPDATE uuids.wallet SET amount = amount - 1 WHERE amount = -2}, 'MG001' ],
		[ q{INSERT INTO house.collateral_tier (asset, lower_bound, ratio) VALUES ('BTC', 7, 0.99)}, '23514' ],
		[ q{DELETE FROM house.level_event}, '55000' ],
		[ q{UPDATE house.index_price SET price = 0}, '23514' ]);
	my $answers = '';
	$node->psql($database, join('', map { "$_->[0];\n\\echo :SQLSTATE\n" } @refused), stdout => \$answers, stderr => \my $complaints, on_error_stop => 0, extra_params => [ '-U', 'keeper' ]);
	is($answers, join("\n", map { $_->[1] } @refused), "$name: what may not be written is refused");
	is(as_keeper($database, q{
		BEGIN;
		UPDATE house.balance SET quantity = quantity - 9000 WHERE (account_id, asset) = (1, 'USDT');
		INSERT INTO house.position (account_id, contract, quantity, entry_price) VALUES (11, 'BTC_USDT', 1, 60000);
		SET CONSTRAINTS ALL IMMEDIATE;
		SELECT FROM margin.set_prices('house', '{"assets": {"BTC": 56000}, "contracts": {"BTC_USDT": 56000}}');
		SELECT margin.refresh_levels('house', cause => 'tick');
		SELECT margin.check_levels('house'), margin.check_levels('uuids'), margin.check_levels('shard');
		SELECT account_id, level, equity FROM house.account_margin WHERE account_id IN (1, 11) ORDER BY 1;
		SELECT margin.accrue_interest('house', '2020-01-01 01:30+00'), count(*) FROM house.repay(2, -900);
		UPDATE house.position SET quantity = -1 WHERE account_id = 11 RETURNING side;
		UPDATE shard.balance SET quantity = -100 WHERE (account_id, asset) = (1, 'ETH');
		SELECT level FROM shard.account_level WHERE account_id = 1;
		ROLLBACK}),
		"1\n1|healthy|5398.3776\n11|healthy|54595.2\n2|1\nshort\nbankrupt", "$name: writes are judged, levels follow");
	return;
}

# What upgrades tell, as "house: view unpriced differs".
sub upgrade_all
{
	my ($database) = @_;
	return as_keeper($database, join '', map { my ($schema, $call) = @$_; "SELECT '$schema: ' || object || ' ' || action FROM margin.$call('$schema');\n" }
		[ 'lone', 'upgrade_venue' ], [ 'house', 'upgrade_venue' ], [ 'house', 'upgrade_book' ], [ 'uuids', 'upgrade_book' ], [ 'shard', 'upgrade_book' ]);
}

my $changed_by_owner = "house: function scenarios differs\nhouse: view unpriced differs";

for my $release (@releases)
{
	my $kept = "$top/test/release/$release";
	my $answers = slurp_file("$kept/answers.txt");
	my $tag = $release =~ tr/./_/r;
	my $answered = sub { my ($name, $database) = @_; return same("$name: every answer is as it was", run_file($database, "$kept/questions.sql"), $answers) };

	create_database("new_$tag", undef, "$kept/book.sql");
	my $extension = extension_of("new_$tag");
	my $schemas = schemas_of("new_$tag");
	cmp_ok(scalar(() = $extension =~ /\n/g), '>', 5000, 'there is something to compare');

	# A database of that release, under the library of today.
	create_database("old_$tag", $release, "$kept/dump.sql");
	$answered->("SQL of $release", "old_$tag");
	works("SQL of $release", "old_$tag");
	isnt(difference(extension_of("old_$tag"), $extension), '', "SQL of $release is not that of today");

	as_keeper("old_$tag", 'ALTER EXTENSION margin UPDATE');
	same("$release updated: the extension is as one made new", extension_of("old_$tag"), $extension);
	$answered->("$release updated", "old_$tag");
	works("$release updated", "old_$tag");
	is(as_keeper("old_$tag", 'SELECT DISTINCT release FROM margin.books UNION SELECT release FROM margin.venues'), $release, 'its books are of that release');

	# A dump of it where there is no other release.
	create_database("direct_$tag", undef, "$kept/dump.sql");
	is(as_keeper("direct_$tag", q{SELECT extversion FROM pg_extension WHERE extname = 'margin'}), $present, "a dump of $release makes the extension of today");
	for my $database ("old_$tag", "direct_$tag")
	{
		my $told = upgrade_all($database);
		is(join("\n", grep { / differs$/ } split /\n/, $told), $changed_by_owner, "$database: only what the owner has changed differs");
		same("$database: venues and books are as those made new", schemas_of($database), $schemas);
		is(as_keeper($database, 'SELECT DISTINCT release FROM margin.books UNION SELECT release FROM margin.venues'), $present, "$database: they say so");
	}
	is(upgrade_all("old_$tag"), $changed_by_owner, "$release upgraded: a second time finds nothing else to do");
	works("$release upgraded", "old_$tag");
	$answered->("a dump of $release upgraded", "direct_$tag");

	append_to_file("$scratch/$tag.sql", output_of("old_$tag", 'pg_dump'));
	create_database("again_$tag", undef, "$scratch/$tag.sql");
	same("$release upgraded: its dump restores to the same", schemas_of("again_$tag"), $schemas);
	$answered->("$release upgraded, dumped and restored", "again_$tag");
}

# ---------------------------------------------------------------------------
# A release that is made up: a view and a function of books are others, and read
# a column that a step adds
# ---------------------------------------------------------------------------

my $next = '99.0';
my $script = "$scripts/margin--$present.sql";
my $text = slurp_file($script);
my $book = qr/(CREATE FUNCTION margin_internal\.book_script\(\).*?)/s;
my $unless = 'NOT EXISTS (SELECT FROM book_rule WHERE made_up)';
for my $change (
	[ qr/\nCREATE FUNCTION margin_internal\.former_script\(\).*()/s, '' ],
	[ qr/$book(?<=    value  text NOT NULL,\n)(?=    CONSTRAINT book_rule_pkey)/, "    made_up boolean,\n" ],
	[ qr/$book(?<=SELECT \* FROM account_margin WHERE level = 'unpriced')(?=;)/, " AND $unless" ],
	[ qr/$book(?<=account_margin\.market\) AS v OFFSET 0\) AS valued\n     WHERE p\.account_id = account_margin\.account_id)(?=\n)/, " AND $unless" ],
	[ qr/(?<=\$\$\))()(?=\) AS s \(number, script, condition, command\))/,
		q{, (99, 'book', $c$NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'book_rule'::regclass AND attname = 'made_up')$c$, $c$ALTER TABLE book_rule ADD COLUMN made_up boolean$c$)} ],
	[ qr/(?<=\nRETURN ')()\Q$present\E(?='::text;\n)/, $next ])
{
	my ($where, $new) = @$change;
	$text =~ s/$where/$1$new/ or die "not in the install script: $where";
}
append_to_file("$scratch/next.sql", $text);
append_to_file("$scratch/by_hand.sql", '');
my $former = told(join ' ', "'$top/src/update' former '$scratch/next.sql'", (map { "'$scripts/margin--$_.sql'" } @releases, $present));
append_to_file("$scratch/next.sql", "$former\n");
add_script("margin--$next.sql", slurp_file("$scratch/next.sql"));
add_script("margin--$present--$next.sql", told("'$top/src/update' script $present '$scratch/next.sql' '$script' '$scratch/by_hand.sql'") . "\n");

my $last = 'old_' . $releases[-1] =~ tr/./_/r;
my $schemas = schemas_of($last);
$node->safe_psql('postgres', 'CREATE DATABASE next OWNER keeper');
as_keeper('next', "CREATE EXTENSION margin VERSION '$next'");
as_keeper($last, "ALTER EXTENSION margin UPDATE TO '$next'");
my $extension = extension_of($last);
same('a made-up release: the extension is as one made new', $extension, extension_of('next'));
is(upgrade_all($last), join("\n", 'house: function scenarios differs', 'house: step 99 done', 'house: view unpriced differs', 'house: function account_margin replaced',
	map { ("$_: step 99 done", "$_: view unpriced replaced", "$_: function account_margin replaced") } qw(uuids shard)), 'its step is taken, and it replaces what nobody has changed');
is(upgrade_all($last), $changed_by_owner, 'once');
my @lines = split /\n/, difference(schemas_of($last), $schemas);
is(scalar(grep { /^\+ .*made_up/ } @lines), 3, 'column, view and function are there');
is(join("\n", grep { !/made_up|\.book_rule$|WHERE .*\baccount_id = account_margin\.account_id\)|WHERE .*\blevel = 'unpriced'|RETURN ROW\('(?:\Q$present\E|\Q$next\E)'/ } @lines), '', 'nothing else has changed');

# ---------------------------------------------------------------------------
# Comparisons notice what they are there for
# ---------------------------------------------------------------------------

# What is changed, and what that makes of some line.
my @noticed = (
	[ q{COMMENT ON OPERATOR margin.+ (margin.portfolio, margin.portfolio) IS 'changed'}, qr/^\+ operator margin\.\+.* described as changed/m ],
	[ q{DO $$BEGIN EXECUTE replace(pg_get_functiondef('margin.drop_venue'::regproc), 'PERFORM margin_internal.check_schema(venue);', '-- changed'); END$$}, qr/^\+ .*-- changed/m ],
	[ q{ALTER FUNCTION margin.acting_user() COST 7}, qr/^\+ +t - 7 0$/m ],
	[ q{REVOKE EXECUTE ON FUNCTION margin.drop_book(name) FROM PUBLIC}, qr/^\+ +t \{[^,]*\} - 100 0$/m ],
	[ q{UPDATE pg_aggregate SET aggtransspace = 7 WHERE aggfnoid = 'margin.rollup(margin.portfolio)'::regprocedure}, qr/^\+ aggregate margin\.rollup\(margin\.portfolio\) .* 7 margin\.portfolio/m ],
	[ q{ALTER TYPE margin.level ADD VALUE 'changed'}, qr/^\+ type margin\.level .*changed/m ],
	[ q{ALTER DOMAIN margin_internal.compared_level SET DEFAULT 'warning'}, qr/^\+ type margin_internal\.compared_level .*warning/m ],
	[ q{ALTER VIEW margin.books SET (security_barrier = true)}, qr/^\+ relation margin\.books .*security_barrier/m ],
	[ q{ALTER VIEW margin.venues RENAME COLUMN release TO changed}, qr/^\+ .* AS changed/m ],
	[ q{COMMENT ON COLUMN margin.valuation.equity IS 'changed'}, qr/^\+ column margin\.valuation .* equity .*changed/m ],
	[ q{ALTER OPERATOR margin.= (margin.market, margin.market) SET (RESTRICT = neqsel)}, qr/^\+ operator margin\.=\(margin\.market,.* neqsel/m ],
	[ q{UPDATE pg_cast SET castcontext = 'i' WHERE castsource = 'margin.market'::regtype AND casttarget = 'jsonb'::regtype}, qr/^\+ cast margin\.market jsonb .* i f$/m ],
	[ q{ALTER OPERATOR FAMILY margin.schedule_ops USING hash DROP FUNCTION 2 (margin.schedule, margin.schedule)}, qr/^- family .*schedule_ops/m ],
	[ q{GRANT CREATE ON SCHEMA margin TO PUBLIC}, qr/^\+ schema margin .*=UC/m ],
	[ q{ALTER DEFAULT PRIVILEGES IN SCHEMA margin GRANT EXECUTE ON FUNCTIONS TO writer}, qr/^\+ default rights margin f .*writer/m ],
	[ q{DELETE FROM pg_init_privs WHERE objoid = 'margin'::regnamespace}, qr/^- rights to begin with schema margin /m ],
	[ q{ALTER FUNCTION margin.acting_user() DEPENDS ON EXTENSION plpgsql}, qr/^\+ function margin\.acting_user\(\) depends on extension plpgsql x/m ],
	[ q{CREATE FUNCTION margin.stray() RETURNS integer LANGUAGE sql RETURN 1}, qr/^\+ stray function margin\.stray\(\)/m ],
	[ q{ALTER EXTENSION margin DROP FUNCTION margin_internal.former_script(); DROP FUNCTION margin_internal.former_script()}, qr/^- .*margin_internal\.former_script\(\)/m ]);
my $found = difference($node->safe_psql($last, join ";\n", 'BEGIN', (map { $_->[0] } @noticed), $members, 'ROLLBACK'), $extension, 1000);
ok($found =~ $_->[1], "noticed: $_->[0]") || diag("nothing like $_->[1]") for @noticed;
my $kept = "$top/test/release/$releases[-1]";
as_keeper($last, 'UPDATE house.balance SET quantity = 1.000000002 WHERE account_id = 3');
like(difference(run_file($last, "$kept/questions.sql"), slurp_file("$kept/answers.txt"), 1000), qr/^\+ .*\b1\.000000002\b/m, 'noticed: a balance');

done_testing();
