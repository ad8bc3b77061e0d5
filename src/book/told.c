/*
 * told.c
 *		What an error may tell of an account, and whom.
 *
 * Accounts are judged as the owner of their book, on behalf of somebody who may
 * write them and perhaps not read them.  Whatever goes wrong then is told to
 * him, and the server takes him for the owner: it prints the rows that fail a
 * constraint, and the values that a cast in the owner's views stumbles over.
 */
#include "postgres.h"

#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/elog.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rls.h"

#include "base/compat.h"
#include "book/told.h"

/* Whether a role may read what the book says of its accounts, and all beneath, and no policy hides a part of it. */
static bool
may_read(const Book *book, Oid role)
{
	const CachedPlanSource *query = linitial(SPI_plan_get_plan_sources(book->portfolio));
	Oid			relation = get_relname_relid("account_margin", book->schema);
	ListCell   *cell;

	if (!OidIsValid(relation) || pg_class_aclcheck(relation, role, ACL_SELECT) != ACLCHECK_OK)
		return false;
	foreach(cell, query->relationOids)
	{
		if (pg_class_aclcheck(lfirst_oid(cell), role, ACL_SELECT) != ACLCHECK_OK ||
			check_enable_rls(lfirst_oid(cell), role, true) == RLS_ENABLED)
			return false;
	}
	return true;
}

/*
 * Whether an error may tell what is in an account.  It is read by the client,
 * or caught by the function that runs, which need not have the same rights.
 */
bool
may_be_told(const Book *book)
{
	return may_read(book, GetUserId()) && (GetUserId() == GetOuterUserId() || may_read(book, GetOuterUserId()));
}

/*
 * What the server itself says of values and of rows, and PL/pgSQL of parameters,
 * where the client likes (plpgsql.print_strict_params); others speak for themselves.
 */
static bool
quotes_values(int sqlstate)
{
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	return category == ERRCODE_DATA_EXCEPTION ||
		category == ERRCODE_INTEGRITY_CONSTRAINT_VIOLATION ||
		category == ERRCODE_WITH_CHECK_OPTION_VIOLATION ||
		sqlstate == ERRCODE_NO_DATA_FOUND || sqlstate == ERRCODE_TOO_MANY_ROWS;
}

/* The error goes into the server's log as it was. */
static char *
for_the_log(const ErrorData *error)
{
	return psprintf("%s%s%s%s%s", error->message,
					error->detail != NULL ? "\n" : "", error->detail != NULL ? error->detail : "",
					error->context != NULL ? "\n" : "", error->context != NULL ? error->context : "");
}

/*
 * In a PG_CATCH() of what was done for the book as its owner: throws the error
 * on, without what it quotes unless the client may be told, which was found out
 * before, as no catalog is looked into after an error.
 */
void
conceal(const Book *book, bool told)
{
	ErrorData  *error;

	if (told || !quotes_values(geterrcode()))
		PG_RE_THROW();
	MemoryContextSwitchTo(TopTransactionContext);
	error = CopyErrorData();
	FlushErrorState();
	error->detail_log = for_the_log(error);
	error->message = psprintf("an account of book \"%s\" cannot be judged", NameStr(book->name));
	error->message_id = error->message;
	error->detail = psprintf("Why is shown only to roles that may read all of \"%s.account_margin\", and in the server's log.", NameStr(book->name));
	error->hint = NULL;
	error->context = NULL;
	error->internalquery = NULL;
	error->internalpos = error->cursorpos = 0;
	ReThrowError(error);
}
