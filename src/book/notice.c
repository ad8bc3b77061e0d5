/*
 * notice.c
 *		One notification per transaction.
 *
 * A statement trigger notes which journals of level events the transaction
 * wrote.  At the end of the transaction, after every deferred trigger and after
 * the guard, each of them is asked once for its notice, which goes out with the
 * commit.  What was undone by a rollback to a savepoint is no longer in the
 * journal, so nothing has to be kept per subtransaction.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_type.h"
#include "commands/async.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "book/acting.h"
#include "book/notice.h"

#define CHANNEL "margin_level"

/* Journals written by this transaction; in TopTransactionContext. */
static List *written = NIL;

/*
 * Asks as the owner of the journal: whoever changes a level needs no right to
 * read it.  Anybody may own a journal, and nothing but the answer is to remain
 * of whatever code is in it: it is too late for deferred triggers to fire.
 */
static void
notify_of(Relation journal)
{
	Oid			type = REGCLASSOID;
	Datum		argument = ObjectIdGetDatum(RelationGetRelid(journal));
	Identity	mine = act_for(journal->rd_rel->relowner, RESTRICTED);
	int			settings = pin_settings();
	char	   *notice;

	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args("SELECT margin_internal.level_notice($1)", 1, &type, &argument, NULL, true, 1) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the journal of level events");
	notice = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (notice != NULL)
		Async_Notify(CHANNEL, notice);
	PopActiveSnapshot();
	SPI_finish();
	unpin_settings(settings);
	act_as_before(mine);
}

/* A journal may be gone again: created, written and rolled back or dropped. */
static void
notify_all(void)
{
	ListCell   *cell;

	/* the last command may have written them */
	if (written != NIL)
		CommandCounterIncrement();
	foreach(cell, written)
	{
		Relation	journal = try_relation_open(lfirst_oid(cell), AccessShareLock);

		if (journal == NULL)
			continue;
		notify_of(journal);
		relation_close(journal, NoLock);
	}
}

/*
 * To prepare a transaction that notifies is an error that PostgreSQL raises by
 * itself, once there is a notification.
 */
void
notice_at_transaction_end(XactEvent event)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			notify_all();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			written = NIL;
			break;
		default:
			break;
	}
}

PG_FUNCTION_INFO_V1(margin_notify_levels);
Datum
margin_notify_levels(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	MemoryContext caller;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(trigger->tg_event) || !TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("notify_levels() can only be called as a trigger after INSERT")));
	caller = MemoryContextSwitchTo(TopTransactionContext);
	written = list_append_unique_oid(written, RelationGetRelid(trigger->tg_relation));
	MemoryContextSwitchTo(caller);
	PG_RETURN_POINTER(NULL);
}
