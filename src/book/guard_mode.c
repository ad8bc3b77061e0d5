/*
 * guard_mode.c
 *		Whether the guard refuses or records, and where that may be set.
 *
 * A pooler hands one session to many clients, a transaction each.  What one of
 * them sets for the session another one finds set, who never asked for it; a
 * guard that is off by accident is no guard.  So only a value that ends with
 * the transaction counts, unless margin.guard_sessions says otherwise.
 */
#include "postgres.h"

#include "utils/guc_tables.h"

#include "base/compat.h"
#include "book/guard_mode.h"

int			guard_mode = GUARD_ENFORCE;
bool		guard_sessions = false;

/*
 * Whether margin.guard will be another one after the transaction, or after the
 * function that runs: by SET LOCAL or the SET clause of a function.  The server
 * remembers that to know what to restore.
 */
static bool
is_local(void)
{
	static const struct config_generic *setting = NULL;

	if (setting == NULL)
		setting = margin_find_setting("margin.guard");
	if (setting->stack == NULL)
		return false;
	switch (setting->stack->state)
	{
		case GUC_SAVE:
		case GUC_LOCAL:
		case GUC_SET_LOCAL:
			return true;
		case GUC_SET:
			break;
	}
	return false;
}

/* What margin.guard says, where it counts. */
GuardMode
guard_mode_in_force(void)
{
	if (guard_mode == GUARD_RECORD && (guard_sessions || is_local()))
		return GUARD_RECORD;
	return GUARD_ENFORCE;
}
