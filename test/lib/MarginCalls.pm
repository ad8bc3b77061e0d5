# Every function, view and table of some schemas, as statements that call, read
# and write them: taken from the catalogs, so that new ones are among them.  All
# names are written with their schemas and there are no operators, so that what
# happens to be on a search path is used by what is called, or by nothing.
package MarginCalls;

use strict;
use warnings;

use Exporter 'import';
our @EXPORT_OK = qw(calls reads writes in_transactions);

# Arguments of which a book understands something, by type; others are null.
sub arguments
{
	my ($book, $venue) = @_;
	return (
		name => $book, regclass => "$book.holding", regtype => "$venue.asset", regnamespace => $book, regrole => 'pg_monitor', text => 'BTC', _text => '{1}',
		int8 => '1', int4 => '1', int2 => '1', numeric => '1', _numeric => '{1}', bool => 't', interval => '1 hour', timestamptz => 'now',
		json => '{"assets": {"BTC": 1}}', jsonb => '{"assets": {"BTC": 1}}', uuid => '00000000-0000-0000-0000-00000000002a', oid => '1', bytea => '\x00',
		portfolio => '{"balances": {"BTC": 1}}', market => '{"assets": {"BTC": {"price": 1}}}', schedule => '{0: 0.9}');
}

# Calls of all functions, aggregates and procedures in schemas: with their defaults
# and with all arguments, these null or something.  "about" (of a book, a venue)
# says which something.
sub calls
{
	my ($node, $database, $schemas, @about) = @_;
	my %given = arguments(@about);
	my $values = join ', ', map { my $v = $given{$_} =~ s/'/''/gr; "('$_', '$v')" } sort keys %given;
	return grep { $_ } split /\n/, $node->safe_psql($database, qq{
		SET search_path = pg_catalog;
		SELECT DISTINCT format(CASE p.prokind WHEN 'p' THEN 'CALL %I.%I(%s)' ELSE 'SELECT %I.%I(%s)' END, p.pronamespace::regnamespace::name, p.proname,
		           array_to_string(ARRAY(
		               SELECT CASE WHEN p.provariadic <> 0 AND a.n = p.pronargs THEN 'VARIADIC ' ELSE '' END
		                      || coalesce(format('%L', CASE WHEN given THEN CASE WHEN t.typname = 'name' AND p.proargnames[a.n] = 'venue' THEN '$about[1]' ELSE v.value END END), 'NULL') || '::' || format('%I.%I', t.typnamespace::regnamespace::name, t.typname)
		                 FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, n)
		                 JOIN pg_type AS t ON t.oid = CASE a.type WHEN 'anyelement'::regtype THEN 'text'::regtype WHEN 'anyarray'::regtype THEN 'text[]'::regtype
		                                                          WHEN 'anyenum'::regtype THEN 'margin.level'::regtype WHEN '"any"'::regtype THEN 'text'::regtype ELSE a.type END
		                 LEFT JOIN (VALUES $values) AS v (type, value) ON v.type = t.typname
		                WHERE a.n <= p.pronargs - w.without ORDER BY a.n), ', '))
		  FROM pg_proc AS p, LATERAL (VALUES (0), (p.pronargdefaults)) AS w (without), unnest('{f,t}'::boolean[]) AS given
		 WHERE p.pronamespace = ANY ('{$schemas}'::regnamespace[]) AND p.prokind IN ('f', 'p', 'a')
		   AND p.prorettype NOT IN ('trigger'::regtype, 'internal'::regtype, 'cstring'::regtype)
		   AND NOT p.proargtypes::oid[] && ARRAY['internal', 'cstring']::regtype[]::oid[]
		 ORDER BY 1});
}

# Readings of all tables and views in schemas.
sub reads
{
	my ($node, $database, $schemas) = @_;
	return split /\n/, $node->safe_psql($database, qq{
		SET search_path = pg_catalog;
		SELECT format('SELECT * FROM %I.%I', c.relnamespace::regnamespace::name, c.relname) FROM pg_class AS c
		 WHERE c.relnamespace = ANY ('{$schemas}'::regnamespace[]) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') ORDER BY 1});
}

# Writings of all tables in schemas: a row of defaults, a row again, all rows as
# they are, and none any more.
sub writes
{
	my ($node, $database, $schemas) = @_;
	return split /\n/, $node->safe_psql($database, qq{
		SET search_path = pg_catalog;
		SELECT format(s, c.relnamespace::regnamespace::name, c.relname, a.attname)
		  FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attgenerated = '' AND a.attidentity = ''
		       AND a.attnum = (SELECT min(f.attnum) FROM pg_attribute AS f WHERE f.attrelid = c.oid AND f.attnum > 0 AND f.attgenerated = '' AND f.attidentity = '' AND NOT f.attisdropped),
		       unnest(ARRAY['INSERT INTO %I.%I DEFAULT VALUES', 'INSERT INTO %I.%I (%I) VALUES (NULL)', 'INSERT INTO %I.%I TABLE %1\$I.%2\$I', 'UPDATE %I.%I SET %I = %3\$I', 'DELETE FROM %I.%I', 'TRUNCATE %I.%I CASCADE']) AS s
		 WHERE c.relnamespace = ANY ('{$schemas}'::regnamespace[]) AND c.relkind IN ('r', 'p', 'v') ORDER BY c.relname, 1});
}

# A script of statements, each in a transaction that is judged and undone.  A
# procedure ends its own.
sub in_transactions
{
	return join '', map { /^CALL / ? "$_;\n" : "BEGIN;\n$_;\nSET CONSTRAINTS ALL IMMEDIATE;\nROLLBACK;\n" } @_;
}

1;
