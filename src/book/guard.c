/*
 * guard.c
 *		Writes that would break an account.
 *
 * Row triggers note which accounts a transaction touches.  They are judged,
 * each once, when the transaction commits or is prepared and all its deferred
 * triggers are done; a constraint trigger judges them before that, at SET
 * CONSTRAINTS, and they are judged again if they are written after it or the
 * market has changed.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "book/anchor.h"
#include "book/book.h"
#include "book/guard.h"
#include "book/judge.h"
#include "book/market_copy.h"
#include "book/touched.h"
#include "book/trace.h"

/* The last judgement is done, or under way. */
static bool closing;

/* It comes before what other modules do at the end, and can ask for every market. */
static bool ready;

/* ---------- collecting ---------- */

static pg_noreturn void
not_as_trigger(const char *name, const char *kind)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("%s() must be called as %s", name, kind),
			 errhint("margin.guard_table() puts the guard's triggers on a table.")));
}

static int
feature_from_name(const char *name)
{
	if (strcmp(name, "guard") == 0)
		return FEATURE_GUARD;
	if (strcmp(name, "levels") == 0)
		return FEATURE_LEVELS;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown feature \"%s\" of a trigger", name),
			 errhint("Features are guard and levels.")));
}

/* A table feeds books of its owner, or of a role whose rights its owner has. */
static void
check_owner(Relation table, const Book *book)
{
	if (!has_privs_of_role(table->rd_rel->relowner, book_owner(book)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of table \"%s\" has no rights on book \"%s\"",
						RelationGetRelationName(table), NameStr(book->name)),
				 errdetail("Writes to the table lock and judge accounts of the book."),
				 errhint("The table's owner has to own the view \"%s.holding\", or to be a member of its owner.", NameStr(book->name))));
}

/* The column of a table that names accounts of the book. */
static AttrNumber
account_column(Relation table, const char *name, const Book *book)
{
	AttrNumber	column = SPI_fnumber(RelationGetDescr(table), name);

	if (column <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"", RelationGetRelationName(table), name),
				 errhint("After renaming the account column call margin.guard_table() again.")));
	if (book_key_kind(RelationGetRelid(table), column) != book->keys)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" cannot name accounts of book \"%s\"",
						name, RelationGetRelationName(table), NameStr(book->name)),
				 errdetail("It is of another type than account_id of the view holding.")));
	/* it has no place in a row, where it would read as null: as no account */
	if (unlikely(TupleDescAttr(RelationGetDescr(table), column - 1)->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("accounts cannot be named by a virtual generated column"),
				 errdetail("Column \"%s\" of table \"%s\".", name, RelationGetRelationName(table)),
				 errhint("Make the generated column STORED.")));
	return column;
}

/* The account in a row, NULL if it has none. */
static char *
account_key(Relation table, HeapTuple row, AttrNumber column, KeyKind kind)
{
	bool		isnull;
	Datum		key = heap_getattr(row, column, RelationGetDescr(table), &isnull);

	return isnull ? NULL :
		book_key_text(kind, getBaseType(TupleDescAttr(RelationGetDescr(table), column - 1)->atttypid), key);
}

/* Notes the accounts that a row belonged to before a command and after it. */
static void
touch_row(const TriggerData *event, Book *book, AttrNumber column, int features)
{
	Relation	table = event->tg_relation;
	char	   *key = account_key(table, event->tg_trigtuple, column, book->keys);

	if (key != NULL)
		touch_account(book, key, RelationGetRelid(table), features);
	if (TRIGGER_FIRED_BY_UPDATE(event->tg_event))
	{
		char	   *new_key = account_key(table, event->tg_newtuple, column, book->keys);

		if (new_key != NULL && (key == NULL || strcmp(key, new_key) != 0))
			touch_account(book, new_key, RelationGetRelid(table), features);
	}
}

PG_FUNCTION_INFO_V1(margin_collect_account);

/* trigger, AFTER, FOR EACH ROW, bound to a book by its WHEN clause: collect_account(account column, feature) */
Datum
margin_collect_account(PG_FUNCTION_ARGS)
{
	TriggerData *event = (TriggerData *) fcinfo->context;
	char	  **arguments;
	Book	   *book;
	AttrNumber	column;
	int			features;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(event->tg_event) || !TRIGGER_FIRED_FOR_ROW(event->tg_event) ||
		event->tg_trigger->tgnargs != 2)
		not_as_trigger("collect_account", "an AFTER trigger for each row");
	if (closing || book_plans_run)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("cannot write table \"%s\" while accounts are judged", RelationGetRelationName(event->tg_relation)),
				 errdetail("The write comes from a function in a view or from a trigger on the tables of levels, and would not be judged.")));
	arguments = event->tg_trigger->tgargs;
	book = book_of_trigger(event->tg_relation, event->tg_trigger);
	check_owner(event->tg_relation, book);
	features = feature_from_name(arguments[1]);
	column = account_column(event->tg_relation, arguments[0], book);
	check_trigger_column(event->tg_relation, event->tg_trigger, book, arguments[0]);
	touch_row(event, book, column, features);
	return PointerGetDatum(NULL);
}

/*
 * Row triggers of a table do not fire for rows of tables that inherit from it,
 * which its queries and the book's view show nevertheless.  (Partitions are
 * another matter.)  The flag in the catalogs may be left from a child that is gone.
 */
static void
check_no_children(Relation table)
{
	List	   *children;

	if (likely(!table->rd_rel->relhassubclass || table->rd_rel->relkind == RELKIND_PARTITIONED_TABLE))
		return;
	children = find_inheritance_children(RelationGetRelid(table), NoLock);
	if (children != NIL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("table \"%s\" has a child \"%s\" by inheritance, whose rows the guard does not see",
						RelationGetRelationName(table), get_rel_name(linitial_oid(children))),
				 errhint("Detach the child (ALTER TABLE ... NO INHERIT), or use a partitioned table.")));
}

PG_FUNCTION_INFO_V1(margin_refuse_children);

/* trigger, for each statement: nothing is written to a guarded table that has got children */
Datum
margin_refuse_children(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		not_as_trigger("refuse_children", "a trigger");
	check_no_children(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

PG_FUNCTION_INFO_V1(margin_check_guardable);

/* check_guardable(target regclass, account_column name, book name): what the triggers would stumble over */
Datum
margin_check_guardable(PG_FUNCTION_ARGS)
{
	Relation	table = relation_open(PG_GETARG_OID(0), AccessShareLock);
	Book	   *book = book_open(NameStr(*PG_GETARG_NAME(2)));
	const char *column = NameStr(*PG_GETARG_NAME(1));
	List	   *views;

	if (table->rd_rel->relkind != RELKIND_RELATION && table->rd_rel->relkind != RELKIND_PARTITIONED_TABLE &&
		table->rd_rel->relkind != RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is not a table", RelationGetRelationName(table)),
				 errhint("Guard the tables that the view holding reads.")));
	check_owner(table, book);
	(void) account_column(table, column, book);
	check_no_children(table);
	if (!trace_account(book, table, column, &views))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the view \"%s.holding\" does not read table \"%s\"", NameStr(book->name), RelationGetRelationName(table)),
				 errdetail("What it reads is followed through views, not through functions and materialized views.")));
	relation_close(table, AccessShareLock);
	check_question(book);
	PG_RETURN_VOID();
}

static void judge_first(XactEvent event, void *arg);

/* Callbacks are called the last registered first; while they are, they stay as they are. */
static void
register_judgement(void)
{
	static bool registered = false;

	if (closing)
		return;
	if (registered)
		UnregisterXactCallback(judge_first, NULL);
	RegisterXactCallback(judge_first, NULL);
	registered = true;
}

/*
 * A market may stand in a foreign table, as may what a view shows.  Whoever brings it
 * ends its transaction there when this one ends, in a callback that it registers
 * with its first connection, and does not expect to be asked after that: so it is
 * asked once now, and then the judgement is registered anew.
 */
static void
get_ready(void)
{
	if (ready)
		return;
	ask_for_markets(&touched->pending);
	register_judgement();
	ready = ActivePortal == NULL;
}

PG_FUNCTION_INFO_V1(margin_judge_first);

/*
 * judge_first() returns void: what has just connected to other servers ends its
 * transactions there after the judgement
 */
Datum
margin_judge_first(PG_FUNCTION_ARGS)
{
	register_judgement();
	PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(margin_check_accounts);

/*
 * constraint trigger, FOR EACH ROW: judges whatever accounts are pending, of all
 * tables, at once.  Outside of any statement the transaction is about to end:
 * then they are judged once the other deferred triggers are done, which may
 * write or wait for locks.
 */
Datum
margin_check_accounts(PG_FUNCTION_ARGS)
{
	TriggerData *event = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(event->tg_event) || !TRIGGER_FIRED_FOR_ROW(event->tg_event))
		not_as_trigger("check_accounts", "an AFTER trigger for each row");
	if (touched == NULL || touched->pending.count == 0)
		return PointerGetDatum(NULL);
	get_ready();
	if (ActivePortal != NULL)
		judge_pending();
	return PointerGetDatum(NULL);
}

/* ---------- the end of the transaction ---------- */

/*
 * Makes accounts that were judged before pending again, unless it was in the
 * market of now.  One that was judged under its entry as written under guard
 * has none of its own as recorded: to judge it once more does no harm.
 */
static void
review_verdicts(void)
{
	Snapshot	snapshot;
	TimestampTz clock;

	CommandCounterIncrement();
	AcceptInvalidationMessages();
	snapshot = RegisterSnapshot(GetLatestSnapshot());
	clock = GetCurrentTimestamp();
	for (int i = 0; i < touched->alive.count; i++)
	{
		Account    *account = touched->alive.accounts[i];

		if (account->reading == 0 || account->reading != market_reading(account->book, snapshot, clock))
			make_pending(account);
	}
	UnregisterSnapshot(snapshot);
}

/* All deferred triggers are done; from now on nothing is written that would have to be judged. */
static void
judge_at_end(void)
{
	Assert(!book_plans_run);
	if (closing)
		return;
	closing = true;
	if (touched == NULL)
		return;
	if (touched->judged_level > 0)
		review_verdicts();
	if (touched->pending.count == 0)
		return;
	PushActiveSnapshot(GetTransactionSnapshot());
	judge_pending();
	PopActiveSnapshot();
}

static void
judge_first(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE)
		judge_at_end();
}

void
guard_at_transaction_end(XactEvent event)
{
	switch (event)
	{
		case XACT_EVENT_PRE_COMMIT:
		case XACT_EVENT_PRE_PREPARE:
			judge_at_end();
			break;
		case XACT_EVENT_COMMIT:
		case XACT_EVENT_ABORT:
		case XACT_EVENT_PREPARE:
			touched = NULL;
			closing = false;
			ready = false;
			break;
		default:
			break;
	}
}
