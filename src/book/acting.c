/*
 * acting.c
 *		Acting for an owner: his rights, settings that bend nothing, statements that write.
 *
 * What is done for a book is done as the book's owner, as whoever wrote its
 * views: the code in them gets nobody else's rights.  As in checks of foreign
 * keys, row security hides nothing: that of the owner's tables does not apply,
 * that of other tables is an error.
 *
 * Nobody has to undo any of this after an error: the server restores who acts
 * and the settings when it aborts the (sub)transaction.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "book/acting.h"

Identity
act_for(Oid owner, int restrictions)
{
	Identity	mine;

	Assert(OidIsValid(owner));
	GetUserIdAndSecContext(&mine.user, &mine.context);
	SetUserIdAndSecContext(owner, mine.context | SECURITY_LOCAL_USERID_CHANGE | restrictions);
	return mine;
}

void
act_as_before(Identity mine)
{
	Assert(OidIsValid(mine.user));
	SetUserIdAndSecContext(mine.user, mine.context);
}

/*
 * Settings of the caller that must not bend what is read; until unpin_settings().
 * Nor is he to be sent what the server, or a module that logs plans, writes of the
 * statements: their arguments may be amounts that he may not read.
 */
int
pin_settings(void)
{
	int			nest_level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	if (client_min_messages < NOTICE)
		(void) set_config_option("client_min_messages", "notice", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

void
unpin_settings(int nest_level)
{
	AtEOXact_GUC(true, nest_level);
}

Argument
text_argument(const char *value)
{
	return (Argument) {TEXTOID, CStringGetTextDatum(value), false};
}

Argument
amount_argument(const Decimal *value, bool known)
{
	return (Argument) {NUMERICOID, known ? NumericGetDatum(dec_to_numeric(value)) : (Datum) 0, !known};
}

/* Of text, null if there are none. */
Argument
list_argument(char **values, int count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	Assert(count >= 0);
	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(values[i]);
	return (Argument) {TEXTARRAYOID, PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT)), count == 0};
}

/* A function of margin_internal that shares its name with none. */
Oid
internal_function(const char *name)
{
	const Oid	any = InvalidOid;	/* unread, but servers with assertions want types to be given */

	return LookupFuncName(list_make2(makeString("margin_internal"), makeString(pstrdup(name))), -1, &any, false);
}

/* Executes a statement that writes, as somebody whose triggers are not to act as whoever commits. */
void
execute_as(Oid owner, const char *sql, const Argument *arguments, int count)
{
	Identity	mine = act_for(owner, RESTRICTED);
	Oid		   *types = palloc(count * sizeof(Oid));
	Datum	   *values = palloc(count * sizeof(Datum));
	char	   *nulls = palloc(count);
	int			result;

	Assert(count > 0);
	for (int i = 0; i < count; i++)
	{
		types[i] = arguments[i].type;
		values[i] = arguments[i].value;
		nulls[i] = arguments[i].isnull ? 'n' : ' ';
	}
	result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "cannot execute \"%s\": %s", sql, SPI_result_code_string(result));
	act_as_before(mine);
}
