/*
 * home.c
 *		Where a function finds the names that it leaves unqualified.
 *
 * Code that works on a book or a venue is written once, with unqualified names
 * for what the schema holds, and enters the schema before it uses them: search
 * path := the schema, then pg_temp, so that the server's own names come first
 * and temporary objects last.  The schema is given by a relation in it, or by
 * the name of the book or venue, so nothing has to follow when it is renamed.
 *
 * The setting is that of the calling function, which has to have a SET clause
 * of its own: it ends with that, and is allowed in parallel workers as that is.
 * It takes effect for statements that are planned after it; PL/pgSQL plans each
 * statement when it is first executed and again under another search path, but
 * types in declarations are looked up before.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

#include "base/compat.h"

static void
check_given(FunctionCallInfo fcinfo, const char *argument)
{
	Assert(PG_NARGS() == 1);
	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", argument)));
}

/* An error unless the current user may use the schema: without it, his temporary objects would be found instead. */
static void
enter_schema(const char *name)
{
	char	   *path;

	(void) LookupExplicitNamespace(name, false);
	path = psprintf("%s, pg_temp", quote_identifier(name));
	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
}

/* The schema of a relation. */
static char *
home_of(Oid relation)
{
	Oid			schema = get_rel_namespace(relation);
	char	   *name = OidIsValid(schema) ? get_namespace_name(schema) : NULL;

	if (name == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", relation)));
	return name;
}

static void
check_own(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner = HeapTupleIsValid(tuple) ? ((Form_pg_class) GETSTRUCT(tuple))->relowner : InvalidOid;

	if (HeapTupleIsValid(tuple))
		ReleaseSysCache(tuple);
	if (owner != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("relation \"%s\" is not owned by \"%s\"", get_rel_name(relation), GetUserNameFromId(GetUserId(), false)),
				 errdetail("A function of a schema's owner acts only for relations of that owner.")));
}

/* Whether a schema has a relation of that name and a function about(). */
static bool
is_home(const char *name, const char *relation)
{
	Oid			schema = get_namespace_oid(name, true);

	return OidIsValid(schema) &&
		OidIsValid(get_relname_relid(relation, schema)) &&
		SearchSysCacheExists3(PROCNAMEARGSNSP, CStringGetDatum("about"),
							  PointerGetDatum(buildoidvector(NULL, 0)), ObjectIdGetDatum(schema));
}

PG_FUNCTION_INFO_V1(margin_enter);

/* enter(relation regclass): the schema of the relation */
Datum
margin_enter(PG_FUNCTION_ARGS)
{
	check_given(fcinfo, "relation");
	enter_schema(home_of(PG_GETARG_OID(0)));
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(margin_enter_own);

/*
 * enter_own(relation regclass): the same for functions with their owner's rights,
 * which nobody is to hang on a table of his own
 */
Datum
margin_enter_own(PG_FUNCTION_ARGS)
{
	char	   *name;

	check_given(fcinfo, "relation");
	name = home_of(PG_GETARG_OID(0));
	check_own(PG_GETARG_OID(0));
	enter_schema(name);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(margin_enter_book);

/* enter_book(book name) */
Datum
margin_enter_book(PG_FUNCTION_ARGS)
{
	const char *name;

	check_given(fcinfo, "book");
	name = NameStr(*PG_GETARG_NAME(0));
	if (!is_home(name, "holding"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no book \"%s\"", name),
				 errdetail("A book is a schema made by margin.create_book().")));
	enter_schema(name);
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(margin_enter_venue);

/* enter_venue(venue name) */
Datum
margin_enter_venue(PG_FUNCTION_ARGS)
{
	const char *name;

	check_given(fcinfo, "venue");
	name = NameStr(*PG_GETARG_NAME(0));
	if (!is_home(name, "asset"))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no venue \"%s\"", name),
				 errdetail("A venue is a schema made by margin.create_venue().")));
	enter_schema(name);
	PG_RETURN_VOID();
}
