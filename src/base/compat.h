/*
 * compat.h
 *		Every difference between the PostgreSQL versions we compile on (15 to 18).
 *
 * Code elsewhere carries no version test: it is written against the newest
 * server and the older ones are brought up to it here.
 */
#ifndef MARGIN_COMPAT_H
#define MARGIN_COMPAT_H

#include "postgres.h"
#include "fmgr.h"

#include "catalog/pg_attribute.h"
#include "common/jsonapi.h"
#include "mb/pg_wchar.h"
#include "nodes/parsenodes.h"
#include "utils/guc.h"
#include "utils/guc_tables.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

/* Since 18 this stands before a declaration; older servers have a macro behind it. */
#ifndef pg_noreturn
#define pg_noreturn pg_attribute_noreturn()
#endif

/*
 * "make ASSERT=1": our assertions are checked on any server.  Only the macro is
 * another one, rather than USE_ASSERT_CHECKING for the server's headers too, some
 * of which then expect a server that was built so.
 */
#if defined(MARGIN_ASSERT) && !defined(USE_ASSERT_CHECKING)
#undef Assert
#if PG_VERSION_NUM >= 160000
#define Assert(condition) ((condition) ? (void) 0 : ExceptionalCondition(#condition, __FILE__, __LINE__))
#else
#define Assert(condition) ((condition) ? (void) 0 : ExceptionalCondition(#condition, "FailedAssertion", __FILE__, __LINE__))
#endif
#undef pg_unreachable
#define pg_unreachable() abort()
#endif

/*
 * Modules are built with -fvisibility=hidden, from 16 on by the server's own
 * flags: what is not exported by name cannot be mixed up with a function of
 * the same name in another library of the session.  The headers of 15 export
 * nothing by name; files that define functions for SQL include this one.
 */
#if PG_VERSION_NUM < 160000
#undef PGDLLEXPORT
#define PGDLLEXPORT __attribute__((visibility("default")))
#undef PG_FUNCTION_INFO_V1
#define PG_FUNCTION_INFO_V1(funcname) \
extern PGDLLEXPORT Datum funcname(PG_FUNCTION_ARGS); \
extern PGDLLEXPORT const Pg_finfo_record *CppConcat(pg_finfo_,funcname)(void); \
const Pg_finfo_record * \
CppConcat(pg_finfo_,funcname) (void) \
{ \
	static const Pg_finfo_record my_finfo = { 1 }; \
	return &my_finfo; \
} \
extern int no_such_variable
#endif

#ifndef HAVE_INT128
#error "margin needs a compiler with 128-bit integers"
#endif

/* Semantic actions of the JSON parser return an error code since 16. */
#if PG_VERSION_NUM >= 160000
typedef JsonParseErrorType json_action_result;
#define JSON_ACTION_DONE return JSON_SUCCESS
#else
typedef void json_action_result;
#define JSON_ACTION_DONE return
#endif

/* The local transaction id of this session lives in a struct since 17. */
#if PG_VERSION_NUM >= 170000
#define MARGIN_MY_LXID (MyProc->vxid.lxid)
#else
#define MARGIN_MY_LXID (MyProc->lxid)
#endif

/* The newest transaction that was over at some moment; other sessions move it on. */
#if PG_VERSION_NUM >= 170000
#define MARGIN_LATEST_COMPLETED_XID (TransamVariables->latestCompletedXid)
#else
#define MARGIN_LATEST_COMPLETED_XID (ShmemVariableCache->latestCompletedXid)
#endif

/* Rights on functions are asked for like those on anything else since 16. */
#if PG_VERSION_NUM >= 160000
#define MARGIN_FUNCTION_ACLCHECK(function, role) object_aclcheck(ProcedureRelationId, function, role, ACL_EXECUTE)
#else
#define MARGIN_FUNCTION_ACLCHECK(function, role) pg_proc_aclcheck(function, role, ACL_EXECUTE)
#endif

/* Whether the session holds a lock in that very mode; since 17 it may be asked for a stronger one. */
#if PG_VERSION_NUM >= 170000
#define MARGIN_LOCK_HELD(tag, mode) LockHeldByMe(tag, mode, false)
#else
#define MARGIN_LOCK_HELD(tag, mode) LockHeldByMe(tag, mode)
#endif

/*
 * What the columns of something that a query reads are other names for, NIL if
 * for nothing: columns of a join, and since 18 those of a grouping.
 */
static inline const List *
margin_column_aliases(const RangeTblEntry *entry)
{
	if (entry->rtekind == RTE_JOIN)
		return entry->joinaliasvars;
#if PG_VERSION_NUM >= 180000
	if (entry->rtekind == RTE_GROUP)
		return entry->groupexprs;
#endif
	return NIL;
}

/* Generated columns are virtual only since 18. */
#ifndef ATTRIBUTE_GENERATED_VIRTUAL
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

/* What the server knows of a setting that exists; it stays in place.  The list says how long it is since 16. */
static inline const struct config_generic *
margin_find_setting(const char *name)
{
#if PG_VERSION_NUM >= 160000
	int			count;
	struct config_generic **settings = get_guc_variables(&count);
#else
	int			count = GetNumConfigOptions();
	struct config_generic **settings = get_guc_variables();
#endif

	for (int i = 0; i < count; i++)
	{
		if (strcmp(settings[i]->name, name) == 0)
			return settings[i];
	}
	elog(ERROR, "there is no setting \"%s\"", name);
}

/* The lexer's constructor takes a place for the context since 17. */
static inline JsonLexContext *
margin_json_lexer(char *json, int len)
{
#if PG_VERSION_NUM >= 170000
	return makeJsonLexContextCstringLen(NULL, json, len, GetDatabaseEncoding(), true);
#else
	return makeJsonLexContextCstringLen(json, len, GetDatabaseEncoding(), true);
#endif
}

#endif							/* MARGIN_COMPAT_H */
