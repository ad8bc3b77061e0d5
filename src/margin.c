/*
 * margin.c
 *		The module: its magic, its settings, what it does at the end of transactions.
 */
#include "postgres.h"

#include "access/xact.h"
#include "fmgr.h"
#include "utils/guc.h"

#include "base/compat.h"
#include "book/book.h"
#include "book/guard.h"
#include "book/guard_mode.h"
#include "book/market_copy.h"
#include "book/notice.h"
#include "book/tier_checks.h"
#include "book/touched.h"

PG_MODULE_MAGIC;

extern PGDLLEXPORT void _PG_init(void);

static const struct config_enum_entry guard_modes[] = {
	{"enforce", GUARD_ENFORCE, false},
	{"record", GUARD_RECORD, false},
	{NULL, 0, false}
};

/* In this order: what a judgement does to levels is notified, too. */
static void
transaction_ends(XactEvent event, void *arg)
{
	guard_at_transaction_end(event);
	notice_at_transaction_end(event);
	market_copy_at_transaction_end(event);
	tier_checks_at_transaction_end(event);
}

static void
subtransaction_ends(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	touched_at_subtransaction_end(event);
	market_copy_at_subtransaction_end(event);
	tier_checks_at_subtransaction_end(event);
}

void
_PG_init(void)
{
	/*
	 * A value that was set before the library was loaded is checked now
	 * against the rights of whoever set it, by the server.
	 */
	DefineCustomEnumVariable("margin.guard",
							 "Whether writes that leave an account with insufficient margin are refused or recorded.",
							 "record: for booked facts, as fills, fees, funding and liquidation are; the table guard_exception of the book lists what would have been refused.",
							 &guard_mode, GUARD_ENFORCE, guard_modes, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomBoolVariable("margin.guard_sessions",
							 "Whether margin.guard counts where it is set for more than a transaction.",
							 "Off: only SET LOCAL and the SET clause of a function count, so that a session that a pooler passes on brings nobody the record of another.",
							 &guard_sessions, false, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("margin.guard_wait",
							"How long a transaction waits for accounts that others have locked, before it fails.",
							"Of all its accounts together; 0 waits for ever, or as long as lock_timeout says.",
							&guard_wait, 0, 0, INT_MAX, PGC_USERSET, GUC_UNIT_MS, NULL, NULL, NULL);
	/* a misspelt setting is an error, not a guard that goes on enforcing */
	MarkGUCPrefixReserved("margin");
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}
