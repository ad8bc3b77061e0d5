/*
 * tier_checks.c
 *		Whole schedules judged once for all rows that were written.
 *
 * A deferred trigger fires for each row, and what it judges is the schedule that
 * the row belongs to, as it is then.  So of the rows of a schedule that were
 * written before it was judged, one judgement is enough: this trigger remembers
 * at which command of the transaction each schedule was judged, and has the
 * venue's own check_tiers() judge it again only for a row written later.
 *
 * Rolling back to a savepoint brings earlier rows back, and with them the
 * triggers that fired after it.  Then nothing counts as judged.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/pg_list.h"
#include "nodes/value.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "book/tier_checks.h"

#define SYMBOL_BYTES 256

/* Without gaps, since keys are compared by their bytes. */
typedef struct ScheduleKey
{
	TimestampTz valid_from;
	Oid			relation;
	uint32		length;
	char		symbol[SYMBOL_BYTES];
} ScheduleKey;

typedef struct JudgedSchedule
{
	ScheduleKey key;
	CommandId	command;		/* rows of earlier commands were seen */
} JudgedSchedule;

/* Of the present transaction, in its memory; NULL: none. */
static HTAB *judged;

/* What a trigger needs to know of its table, for as long as its events fire in a row. */
typedef struct TierTable
{
	FmgrInfo	check;			/* check_tiers() of the venue */
	AttrNumber	symbol;
	AttrNumber	valid_from;
} TierTable;

static HTAB *
judged_schedules(void)
{
	if (judged == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(ScheduleKey), .entrysize = sizeof(JudgedSchedule), .hcxt = TopTransactionContext};

		judged = hash_create("judged schedules", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	return judged;
}

/* ---------- the row ---------- */

static AttrNumber
column_of_type(Relation table, const char *name, Oid type)
{
	AttrNumber	column = SPI_fnumber(RelationGetDescr(table), name);

	/* else whatever is judged is judged row by row, and the check says what it lacks */
	return column > 0 && TupleDescAttr(RelationGetDescr(table), column - 1)->atttypid == type ? column : InvalidAttrNumber;
}

/* Which schedule a row belongs to; false where that is not known. */
static bool
schedule_of(const TierTable *tiers, Relation table, HeapTuple row, ScheduleKey *key)
{
	bool		no_symbol;
	bool		no_instant;
	Datum		symbol;
	text	   *bytes;

	if (tiers->symbol == InvalidAttrNumber || tiers->valid_from == InvalidAttrNumber)
		return false;
	memset(key, 0, sizeof(ScheduleKey));
	symbol = heap_getattr(row, tiers->symbol, RelationGetDescr(table), &no_symbol);
	key->valid_from = DatumGetTimestampTz(heap_getattr(row, tiers->valid_from, RelationGetDescr(table), &no_instant));
	if (no_symbol || no_instant)
		return false;
	bytes = DatumGetTextPP(symbol);
	if (VARSIZE_ANY_EXHDR(bytes) > SYMBOL_BYTES)
		return false;
	key->relation = RelationGetRelid(table);
	key->length = VARSIZE_ANY_EXHDR(bytes);
	memcpy(key->symbol, VARDATA_ANY(bytes), key->length);
	return true;
}

/*
 * The command that wrote the row; false where the row does not say, as after
 * COPY FREEZE.
 */
static bool
written_by(const TriggerData *event, CommandId *command)
{
	HeapTupleHeader row = TRIGGER_FIRED_BY_UPDATE(event->tg_event) ? event->tg_newtuple->t_data : event->tg_trigtuple->t_data;

	if (TRIGGER_FIRED_BY_DELETE(event->tg_event))
	{
		if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(row)))
			return false;
		*command = HeapTupleHeaderGetCmax(row);
	}
	else
	{
		if (!TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(row)))
			return false;
		*command = HeapTupleHeaderGetCmin(row);
	}
	return true;
}

/* ---------- the judgement ---------- */

static bool
was_judged(const ScheduleKey *key, CommandId written)
{
	const JudgedSchedule *schedule = judged == NULL ? NULL : hash_search(judged, key, HASH_FIND, NULL);

	return schedule != NULL && written < schedule->command;
}

static void
note_judged(const ScheduleKey *key, CommandId command)
{
	JudgedSchedule *schedule = hash_search(judged_schedules(), key, HASH_ENTER, NULL);

	schedule->command = command;
}

static TierTable *
tier_table(FunctionCallInfo fcinfo, const TriggerData *event)
{
	TierTable  *tiers = fcinfo->flinfo->fn_extra;
	char	   *schema = get_namespace_name(RelationGetNamespace(event->tg_relation));
	Oid			check;

	if (tiers != NULL)
		return tiers;
	check = LookupFuncName(list_make2(makeString(schema), makeString("check_tiers")), 0, NULL, false);
	if (get_func_rettype(check) != TRIGGEROID)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("function %s.check_tiers() is not a trigger function", quote_identifier(schema)),
				 errhint("SELECT margin.upgrade_venue(%s) brings back the one of the venue.", quote_literal_cstr(schema))));
	tiers = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(TierTable));
	fmgr_info_cxt(check, &tiers->check, fcinfo->flinfo->fn_mcxt);
	tiers->symbol = column_of_type(event->tg_relation, event->tg_trigger->tgargs[0], TEXTOID);
	tiers->valid_from = column_of_type(event->tg_relation, "valid_from", TIMESTAMPTZOID);
	fcinfo->flinfo->fn_extra = tiers;
	return tiers;
}

/* check_tiers() as if it were the trigger; its errors are this one's. */
static void
judge(TierTable *tiers, FunctionCallInfo fcinfo)
{
	LOCAL_FCINFO(call, 0);

	InitFunctionCallInfoData(*call, &tiers->check, 0, InvalidOid, fcinfo->context, NULL);
	(void) FunctionCallInvoke(call);
}

PG_FUNCTION_INFO_V1(margin_check_schedule);

/* constraint trigger for each row: check_schedule(column of the symbol) */
Datum
margin_check_schedule(PG_FUNCTION_ARGS)
{
	TriggerData *event = (TriggerData *) fcinfo->context;
	TierTable  *tiers;
	ScheduleKey before = {0};
	ScheduleKey after;
	CommandId	written;
	CommandId	present;
	bool		known;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(event->tg_event) || !TRIGGER_FIRED_FOR_ROW(event->tg_event) ||
		event->tg_trigger->tgnargs != 1)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("check_schedule() must be called as an AFTER trigger for each row, with one argument")));
	tiers = tier_table(fcinfo, event);
	known = written_by(event, &written) && schedule_of(tiers, event->tg_relation, event->tg_trigtuple, &before);
	after = before;
	if (TRIGGER_FIRED_BY_UPDATE(event->tg_event))
		known = known && schedule_of(tiers, event->tg_relation, event->tg_newtuple, &after);
	if (known && was_judged(&before, written) && was_judged(&after, written))
		PG_RETURN_POINTER(NULL);

	/* what this command has written becomes visible to the judgement, like all before it */
	CommandCounterIncrement();
	present = GetCurrentCommandId(false);
	judge(tiers, fcinfo);
	if (known)
	{
		note_judged(&before, present);
		note_judged(&after, present);
	}
	PG_RETURN_POINTER(NULL);
}

/* ---------- ends ---------- */

void
tier_checks_at_transaction_end(XactEvent event)
{
	/* its memory goes with the transaction */
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		judged = NULL;
}

void
tier_checks_at_subtransaction_end(SubXactEvent event)
{
	if (event == SUBXACT_EVENT_ABORT_SUB && judged != NULL)
	{
		hash_destroy(judged);
		judged = NULL;
	}
}
