/*
 * guard.c
 *		Writes that would break an account.
 *
 * Row triggers note which accounts a transaction touches.  They are judged,
 * each once, when the transaction commits or is prepared and all its deferred
 * triggers are done; a constraint trigger judges them before that, at SET
 * CONSTRAINTS, and they are judged again if they are written after it or the
 * market has changed.  A judgement first locks all of them, in one order that
 * is everybody's, and only then takes the snapshot it judges by: of two
 * transactions that touch one account the second sees what the first one left,
 * whatever the isolation level.
 *
 * The account as the transaction found it is what that same snapshot shows
 * when it is set back to the transaction's first command, which hides the
 * transaction's own changes, those in its subtransactions too.
 *
 * Queries run as the owner of the book's view, as whoever wrote the view: the
 * code in it gets nobody else's rights, and may write no account while others
 * are judged.  As in checks of foreign keys, row security hides nothing: that
 * of the owner's tables does not apply, that of other tables is an error.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "tcop/pquery.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "book.h"
#include "market_copy.h"
#include "notice.h"
#include "options.h"
#include "valuation.h"

#define ERRCODE_INSUFFICIENT_MARGIN MAKE_SQLSTATE('M', 'G', '0', '0', '1')
#define ERRCODE_UNPRICED_ACCOUNT MAKE_SQLSTATE('M', 'G', '0', '0', '2')

/* What the guard asks a book's view. */
#define HOLDINGS "margin.portfolio(symbol, quantity, entry_price, leverage)"

/* What a table's triggers ask for. */
#define FEATURE_GUARD	0x01
#define FEATURE_LEVELS	0x02

/* ---------- the setting ---------- */

typedef enum GuardMode
{
	GUARD_ENFORCE,
	GUARD_RECORD
} GuardMode;

static const struct config_enum_entry guard_modes[] = {
	{"enforce", GUARD_ENFORCE, false},
	{"record", GUARD_RECORD, false},
	{NULL, 0, false}
};

static int	guard_mode = GUARD_ENFORCE;

/* ---------- what the transaction touched ---------- */

/*
 * An account, once for its writes that the guard enforces and once for those
 * that it records.  It counts while a subtransaction lives that wrote it;
 * "nest_level" is the outermost such.  What is appended to the list has the
 * present level, the highest there is, so levels never fall along the list
 * and the end of a subtransaction concerns its tail alone.
 */
typedef struct Account
{
	Book	   *book;
	char	   *key;
	uint64		hash;			/* of book and key */
	bool		recorded;
	int			features;
	int			nest_level;		/* 0: whatever wrote it was rolled back */
	bool		pending;		/* written since it was judged last */
} Account;

typedef struct AccountSlot
{
	Account    *account;
	uint32		hash;
	char		status;
} AccountSlot;

static inline bool
same_account(const Account *a, const Account *b)
{
	return a->hash == b->hash && a->recorded == b->recorded && a->book == b->book && strcmp(a->key, b->key) == 0;
}

#define SH_PREFIX touched
#define SH_ELEMENT_TYPE AccountSlot
#define SH_KEY_TYPE Account *
#define SH_KEY account
#define SH_HASH_KEY(table, key) ((uint32) (key)->hash)
#define SH_EQUAL(table, a, b) same_account(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(table, slot) ((slot)->hash)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct AccountList
{
	Account   **accounts;
	int			count;
	int			capacity;
} AccountList;

/* Of the present transaction, in its memory. */
typedef struct Touched
{
	touched_hash *accounts;
	AccountList alive;			/* in order of their first write */
	AccountList pending;		/* in any; some may be rolled back */
	int			judged_level;	/* nesting level at which accounts were judged last, 0: none or undone */
	uint64		reading;		/* of the market that they were judged in, 0: in several */
} Touched;

static Touched *touched;

/* The last judgement is done, or under way. */
static bool closing;

static void
append(AccountList *list, Account *account)
{
	if (list->count == list->capacity)
	{
		list->capacity = Max(16, 2 * list->capacity);
		if (list->accounts == NULL)
			list->accounts = MemoryContextAllocHuge(TopTransactionContext, list->capacity * sizeof(Account *));
		else
			list->accounts = repalloc_huge(list->accounts, list->capacity * sizeof(Account *));
	}
	list->accounts[list->count++] = account;
}

static void
make_pending(Account *account)
{
	if (!account->pending)
	{
		append(&touched->pending, account);
		account->pending = true;
	}
}

static void
touch_account(Book *book, char *key, int features)
{
	Account		probe = {.book = book, .key = key, .recorded = guard_mode == GUARD_RECORD};
	Account    *account;
	AccountSlot *slot;
	bool		found;

	if (touched == NULL)
	{
		Touched    *fresh = MemoryContextAllocZero(TopTransactionContext, sizeof(Touched));

		fresh->accounts = touched_create(TopTransactionContext, 8, NULL);
		touched = fresh;
	}
	probe.hash = book_account_hash(book, key);
	slot = touched_lookup(touched->accounts, &probe);
	if (slot != NULL)
		account = slot->account;
	else
	{
		account = MemoryContextAlloc(TopTransactionContext, sizeof(Account));
		*account = probe;
		account->key = MemoryContextStrdup(TopTransactionContext, key);
		touched_insert(touched->accounts, account, &found);
	}
	account->features |= features;
	if (account->nest_level == 0)
	{
		append(&touched->alive, account);
		account->nest_level = GetCurrentTransactionNestLevel();
	}
	make_pending(account);
}

/* What happened in a subtransaction now belongs to its parent, or is gone. */
static void
subtransaction_ends(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	int			level;
	AccountList *alive;

	if (touched == NULL || (event != SUBXACT_EVENT_COMMIT_SUB && event != SUBXACT_EVENT_ABORT_SUB))
		return;
	level = GetCurrentTransactionNestLevel();
	alive = &touched->alive;
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (int i = alive->count - 1; i >= 0 && alive->accounts[i]->nest_level >= level; i--)
			alive->accounts[i]->nest_level = level - 1;
		if (touched->judged_level >= level)
			touched->judged_level = level - 1;
		return;
	}

	while (alive->count > 0 && alive->accounts[alive->count - 1]->nest_level >= level)
		alive->accounts[--alive->count]->nest_level = 0;
	if (touched->judged_level >= level)
	{
		/* their verdict was rolled back with it */
		for (int i = 0; i < alive->count; i++)
			make_pending(alive->accounts[i]);
		touched->judged_level = 0;
	}
}

/* ---------- collecting ---------- */

static pg_noreturn void
not_as_trigger(const char *name)
{
	ereport(ERROR,
			(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
			 errmsg("%s() must be called as an AFTER trigger for each row", name),
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

/* The book that a table feeds: of its owner, or of somebody whose rights he has. */
static Book *
book_of_table(Relation table, const char *name)
{
	Book	   *book = book_open(name);

	if (!has_privs_of_role(table->rd_rel->relowner, book_owner(book)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("the owner of table \"%s\" has no rights on book \"%s\"", RelationGetRelationName(table), name),
				 errdetail("Writes to the table lock and judge accounts of the book."),
				 errhint("The table's owner has to own the view \"%s.holding\", or to be a member of its owner.", name)));
	return book;
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

PG_FUNCTION_INFO_V1(margin_collect_account);

/* trigger, AFTER, FOR EACH ROW: collect_account(book, account column, feature) */
Datum
margin_collect_account(PG_FUNCTION_ARGS)
{
	TriggerData *event = (TriggerData *) fcinfo->context;
	Relation	table;
	char	  **arguments;
	Book	   *book;
	int			features;
	AttrNumber	column;
	char	   *key;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_AFTER(event->tg_event) || !TRIGGER_FIRED_FOR_ROW(event->tg_event) ||
		event->tg_trigger->tgnargs != 3)
		not_as_trigger("collect_account");
	if (closing || book_plans_run)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_DATA_CHANGE_VIOLATION),
				 errmsg("cannot write table \"%s\" while accounts are judged", RelationGetRelationName(event->tg_relation)),
				 errdetail("The write comes from a function in a view or from a trigger on the tables of levels, and would not be judged.")));
	table = event->tg_relation;
	arguments = event->tg_trigger->tgargs;
	book = book_of_table(table, arguments[0]);
	features = feature_from_name(arguments[2]);
	column = account_column(table, arguments[1], book);

	key = account_key(table, event->tg_trigtuple, column, book->keys);
	if (key != NULL)
		touch_account(book, key, features);
	if (TRIGGER_FIRED_BY_UPDATE(event->tg_event))
	{
		char	   *new_key = account_key(table, event->tg_newtuple, column, book->keys);

		if (new_key != NULL && (key == NULL || strcmp(key, new_key) != 0))
			touch_account(book, new_key, features);
	}
	return PointerGetDatum(NULL);
}

/* ---------- what a book's view is asked ---------- */

/*
 * What a volatile function reads may be newer than the query that calls it: the
 * account before the transaction would show what the transaction wrote.
 */
static void
check_stable(const Book *book, const CachedPlanSource *query)
{
	if (contain_volatile_functions((Node *) query->query_list))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the view \"%s.holding\" calls a volatile function", NameStr(book->name)),
				 errdetail("Such a view cannot be asked what an account held before a transaction."),
				 errhint("Declare functions that only read as STABLE or IMMUTABLE; now() is stable, clock_timestamp() is not.")));
}

static SPIPlanPtr
prepare_question(const Book *book, const char *what, const char *relation)
{
	Oid			type = book_key_type(book->keys);
	const char *sql = psprintf("SELECT %s FROM %s WHERE account_id OPERATOR(pg_catalog.=) $1",
							   what, quote_qualified_identifier(NameStr(book->name), relation));
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, 1, &type, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* Whether a book's view can be asked at all. */
static void
check_view(const Book *book)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	check_stable(book, linitial(SPI_plan_get_plan_sources(prepare_question(book, HOLDINGS, "holding"))));
	SPI_finish();
}

PG_FUNCTION_INFO_V1(margin_check_guardable);

/* check_guardable(target regclass, account_column name, book name): what collect_account() would stumble over */
Datum
margin_check_guardable(PG_FUNCTION_ARGS)
{
	Relation	table = relation_open(PG_GETARG_OID(0), AccessShareLock);
	Book	   *book = book_of_table(table, NameStr(*PG_GETARG_NAME(2)));

	(void) account_column(table, NameStr(*PG_GETARG_NAME(1)), book);
	relation_close(table, AccessShareLock);
	check_view(book);
	PG_RETURN_VOID();
}

/* ---------- acting for an owner ---------- */

typedef struct Identity
{
	Oid			user;
	int			context;
} Identity;

static Identity
act_for(Oid owner, int restrictions)
{
	Identity	mine;

	GetUserIdAndSecContext(&mine.user, &mine.context);
	SetUserIdAndSecContext(owner, mine.context | SECURITY_LOCAL_USERID_CHANGE | restrictions);
	return mine;
}

/* For queries: nothing but the answer is to remain of whatever code is in the view. */
#define FOR_READING (SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS)

static void
be(Identity mine)
{
	SetUserIdAndSecContext(mine.user, mine.context);
}

/* Settings of the caller that must not bend what is read. */
static int
pin_settings(void)
{
	int			nest_level = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	(void) set_config_option("row_security", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	return nest_level;
}

static Oid
owner_of(const char *table)
{
	Book		margin = {.holding = get_relname_relid(table, get_namespace_oid("margin", false))};

	return book_owner(&margin);
}

/* ---------- judging ---------- */

/* The instant of a judgement. */
typedef struct Court
{
	Snapshot	snapshot;
	CommandId	present;		/* the command it shows */
	TimestampTz clock;
	const Market *market;
	MemoryContext context;		/* reset for each account */
	uint64		reading;		/* of that market */
	Account   **moved;			/* whose level is no longer what is kept */
	int			nmoved;
} Court;

/* A portfolio of nothing. */
static struct varlena *
empty_portfolio(void)
{
	PortfolioWriter writer;

	portfolio_begin(&writer, 0);
	return portfolio_finish(&writer);
}

/* A query about one account, prepared once; its answer as the snapshot shows it at a command. */
static bool
ask(const Court *court, const Account *account, SPIPlanPtr *plan, const char *what, const char *relation, CommandId command,
	Datum *answer)
{
	Book	   *book = account->book;
	Identity	mine = act_for(book_owner(book), FOR_READING);
	Datum		key = book_key_datum(book->keys, account->key);
	MemoryContext caller = CurrentMemoryContext;
	bool		isnull = true;

	if (*plan == NULL)
	{
		SPIPlanPtr	fresh = prepare_question(book, what, relation);

		if (SPI_keepplan(fresh) != 0)
			elog(ERROR, "cannot keep the plan for \"%s\": %s", relation, SPI_result_code_string(SPI_result));
		*plan = fresh;
	}
	court->snapshot->curcid = command;
	if (SPI_execute_snapshot(*plan, &key, NULL, court->snapshot, InvalidSnapshot, true, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot read \"%s\" of book \"%s\"", relation, NameStr(book->name));
	court->snapshot->curcid = court->present;
	/* SPI has switched to a context of its own, which lives too long */
	MemoryContextSwitchTo(caller);
	if (SPI_processed > 0)
	{
		Datum		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
		Form_pg_attribute column = TupleDescAttr(SPI_tuptable->tupdesc, 0);

		if (!isnull)
			*answer = datumCopy(value, column->attbyval, column->attlen);
	}
	SPI_freetuptable(SPI_tuptable);
	be(mine);
	return !isnull;
}

/* What an account holds after a command: the present one, or before the first. */
static struct varlena *
portfolio_of(const Court *court, const Account *account, CommandId command)
{
	Book	   *book = account->book;
	Datum		portfolio;
	bool		known = ask(court, account, &book->portfolio, HOLDINGS, "holding", command, &portfolio);
	const CachedPlanSource *query = linitial(SPI_plan_get_plan_sources(book->portfolio));

	/* planned again: a function in it may be another one now */
	if (query->generation != book->checked)
	{
		check_stable(book, query);
		book->checked = query->generation;
	}
	return known ? PG_DETOAST_DATUM_PACKED(portfolio) : empty_portfolio();
}

/* The level that an account is kept at, -1 if it was never judged. */
static int
kept_level(const Court *court, const Account *account)
{
	Datum		level;

	if (!ask(court, account, &account->book->level, "level", "account_level", court->present, &level))
		return -1;
	return option_from_enum(DatumGetObjectId(level), level_names);
}

static char *
symbol_list(const Symbol *symbols, int count)
{
	StringInfoData list;

	initStringInfo(&list);
	for (int i = 0; i < count; i++)
		appendStringInfo(&list, "%s\"%s\"", i == 0 ? "" : ", ", symbol_text(&symbols[i]));
	return list.data;
}

/* What a valuation that does not pass requires, and what it lacks to it. */
static void
requirement_of(const Valuation *v, const Market *market, Decimal *required, Decimal *lack)
{
	*required = v->initial_margin;
	if (dec_sign(&v->available_margin) >= 0)
	{
		Decimal		buffer;

		/* then it is the maintenance margin that reaches the liquidation threshold */
		dec_div_ceil18(required, &v->maintenance_margin, dec_flat(&market->thresholds[THRESHOLD_LIQUIDATION], market, &buffer));
	}
	dec_sub(lack, required, &v->equity);
}

static pg_noreturn void
refuse(const Account *account, const Valuation *after, const Valuation *before, const Market *market)
{
	const char *book = NameStr(account->book->name);
	Decimal		required;
	Decimal		lack;

	if (after->level == LEVEL_UNPRICED)
		ereport(ERROR,
				(errcode(ERRCODE_UNPRICED_ACCOUNT),
				 errmsg("account \"%s\" of book \"%s\" cannot be valued: no price or parameters for %s",
						account->key, book, symbol_list(after->missing, after->nmissing)),
				 errdetail("While an account cannot be valued, no balance of it may fall and no leg of a position may grow or change its entry price or leverage for the worse."),
				 errhint("Enter what is missing into the reference tables, or leave the account's balances and positions as they are.")));

	requirement_of(after, market, &required, &lack);
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_MARGIN),
			 errmsg("insufficient margin in account \"%s\" of book \"%s\": equity %s, requirement %s, lack %s",
					account->key, book, dec_text(&after->equity), dec_text(&required), dec_text(&lack)),
			 before->level == LEVEL_UNPRICED ?
			 errdetail("The account would be at level %s. The transaction found it unpriced, so no balance may fall and no leg of a position may grow.",
					   level_names[after->level]) :
			 errdetail("The account would be at level %s with an available margin of %s; the transaction found it with %s.",
					   level_names[after->level], dec_text(&after->available_margin), dec_text(&before->available_margin)),
			 errhint("Withdraw less, open less, or add collateral in the same transaction; what does not lower the available margin is never refused.")));
}

/* An argument of a statement. */
typedef struct Argument
{
	Oid			type;
	Datum		value;
	bool		isnull;
} Argument;

static Argument
text_argument(const char *value)
{
	return (Argument) {TEXTOID, CStringGetTextDatum(value), false};
}

static Argument
amount_argument(const Decimal *value, bool known)
{
	return (Argument) {NUMERICOID, known ? NumericGetDatum(dec_to_numeric(value)) : (Datum) 0, !known};
}

/* Of text, null if there are none. */
static Argument
list_argument(char **values, int count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = CStringGetTextDatum(values[i]);
	return (Argument) {TEXTARRAYOID, PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT)), count == 0};
}

/* Executes a statement that writes, as somebody whose triggers are not to act as whoever commits. */
static void
execute_as(Oid owner, const char *sql, const Argument *arguments, int count)
{
	Identity	mine = act_for(owner, SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
	Oid		   *types = palloc(count * sizeof(Oid));
	Datum	   *values = palloc(count * sizeof(Datum));
	char	   *nulls = palloc(count);
	int			result;

	for (int i = 0; i < count; i++)
	{
		types[i] = arguments[i].type;
		values[i] = arguments[i].value;
		nulls[i] = arguments[i].isnull ? 'n' : ' ';
	}
	result = SPI_execute_with_args(sql, count, types, values, nulls, false, 0);
	if (result < 0)
		elog(ERROR, "cannot execute \"%s\": %s", sql, SPI_result_code_string(result));
	be(mine);
}

/* Journals what was let through although it would have been refused. */
static void
record_exception(const Account *account, const Valuation *after, const Valuation *before)
{
	bool		valued = after->level != LEVEL_UNPRICED;
	char	  **missing = palloc(Max(after->nmissing, 1) * sizeof(char *));

	for (int i = 0; i < after->nmissing; i++)
		missing[i] = symbol_text(&after->missing[i]);
	{
		Argument	arguments[] = {
			text_argument(NameStr(account->book->name)),
			text_argument(account->key),
			text_argument(level_names[after->level]),
			amount_argument(&after->equity, valued),
			amount_argument(&after->initial_margin, valued),
			amount_argument(&after->maintenance_margin, valued),
			amount_argument(&after->available_margin, valued),
			amount_argument(&before->available_margin, before->level != LEVEL_UNPRICED),
			list_argument(missing, after->nmissing)
		};

		execute_as(owner_of("guard_exception"),
						 "INSERT INTO margin.guard_exception (book, account_id, level, equity, initial_margin,"
						 " maintenance_margin, available_margin, available_margin_before, missing)"
						 " VALUES ($1::name, $2, $3::margin.level, $4, $5, $6, $7, $8, $9)",
						 arguments, lengthof(arguments));
	}
}

/* Whether the transaction wrote an account otherwise than as booked facts. */
static bool
written_under_guard(const Account *account)
{
	Account		probe = *account;
	AccountSlot *slot;

	probe.recorded = false;
	slot = touched_lookup(touched->accounts, &probe);
	return slot != NULL && slot->account->nest_level > 0;
}

/* An account that does not pass: may it be left so? */
static void
judge_change(const Court *court, const Account *account, const struct varlena *held_after, const Valuation *after)
{
	struct varlena *held_before = portfolio_of(court, account, FirstCommandId);
	Valuation	before;
	bool		allowed;

	value_portfolio(&before, PointerGetDatum(held_before), court->market, VALUE_MARGINS);
	if (after->level == LEVEL_UNPRICED || before.level == LEVEL_UNPRICED)
		allowed = portfolio_only_reduces(held_before, held_after);
	else
		allowed = dec_cmp(&after->available_margin, &before.available_margin) >= 0;
	if (allowed)
		return;
	if (!account->recorded || written_under_guard(account))
		refuse(account, after, &before, court->market);
	record_exception(account, after, &before);
}

static void
judge_account(Court *court, Account *account)
{
	MemoryContext old = MemoryContextSwitchTo(court->context);
	struct varlena *held;
	Valuation	after;

	/* of the view that is locked, under the name that it has */
	book_reopen(account->book);
	held = portfolio_of(court, account, court->present);
	value_portfolio(&after, PointerGetDatum(held), court->market, VALUE_MARGINS);
	if ((account->features & FEATURE_GUARD) != 0 && !valuation_passes(&after))
		judge_change(court, account, held, &after);
	if ((account->features & FEATURE_LEVELS) != 0 && kept_level(court, account) != (int) after.level)
		court->moved[court->nmoved++] = account;
	MemoryContextSwitchTo(old);
	MemoryContextReset(court->context);
}

/* In order of their locks; what was written under guard before what was recorded. */
static int
compare_accounts(const void *a, const void *b)
{
	const Account *left = *(Account *const *) a;
	const Account *right = *(Account *const *) b;

	if (left->hash != right->hash)
		return left->hash < right->hash ? -1 : 1;
	return (int) left->recorded - (int) right->recorded;
}

/*
 * Takes the pending accounts off the list, each once, and locks them.  One that
 * was written both ways is judged as written under guard.
 */
static AccountList
lock_pending(void)
{
	AccountList *pending = &touched->pending;
	Size		most = pending->count;
	AccountList chosen = {MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Account *)), 0, 0};
	AccountLock *locks = MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(AccountLock));

	qsort(pending->accounts, pending->count, sizeof(Account *), compare_accounts);
	for (int i = 0; i < pending->count; i++)
	{
		Account    *account = pending->accounts[i];
		Account    *last = chosen.count == 0 ? NULL : chosen.accounts[chosen.count - 1];

		account->pending = false;
		if (account->nest_level == 0)
			continue;
		if (last != NULL && last->hash == account->hash && last->book == account->book && strcmp(last->key, account->key) == 0)
		{
			last->features |= account->features;
			continue;
		}
		book_reopen(account->book);
		locks[chosen.count] = (AccountLock) {account->hash, account->book->holding};
		chosen.accounts[chosen.count++] = account;
	}
	pending->count = 0;
	touched->judged_level = GetCurrentTransactionNestLevel();
	book_lock_accounts(locks, chosen.count);
	pfree(locks);
	return chosen;
}

static void
open_court(Court *court)
{
	Identity	mine;

	/* the last command's own changes are to be seen, prices among them */
	CommandCounterIncrement();
	AcceptInvalidationMessages();
	court->snapshot = RegisterSnapshot(GetLatestSnapshot());
	court->present = court->snapshot->curcid;
	court->clock = GetCurrentTimestamp();
	court->context = AllocSetContextCreate(CurrentMemoryContext, "margin judgement", ALLOCSET_DEFAULT_SIZES);
	mine = act_for(owner_of("asset"), FOR_READING);
	court->market = present_market(court->snapshot, court->clock);
	be(mine);
	court->reading = market_reading(court->clock);
}

/* Release ratios, which whoever may judge accounts of his own need not be allowed to read. */
static Datum
release_ratios(void)
{
	Identity	mine = act_for(owner_of("level_threshold"), FOR_READING);
	MemoryContext caller = CurrentMemoryContext;
	bool		isnull;
	Datum		ratios;

	if (SPI_execute("SELECT margin.release_ratios()", false, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the release ratios");
	MemoryContextSwitchTo(caller);
	ratios = datumCopy(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull), false, -1);
	SPI_freetuptable(SPI_tuptable);
	be(mine);
	return ratios;
}

/* Refreshes the levels of the accounts that moved, book by book. */
static void
refresh_levels(Court *court)
{
	Datum		ratios = release_ratios();
	Oid			schema = get_namespace_oid("margin", false);
	Oid			market_type = GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum("market"), ObjectIdGetDatum(schema));
	char	  **keys = palloc(Max(court->nmoved, 1) * sizeof(char *));

	for (int i = 0; i < court->nmoved; i++)
	{
		Book	   *book = court->moved[i] == NULL ? NULL : court->moved[i]->book;
		int			count = 0;

		if (book == NULL)
			continue;
		for (int j = i; j < court->nmoved; j++)
		{
			if (court->moved[j] != NULL && court->moved[j]->book == book)
			{
				keys[count++] = court->moved[j]->key;
				court->moved[j] = NULL;
			}
		}
		{
			Argument	arguments[] = {
				text_argument(NameStr(book->name)),
				list_argument(keys, count),
				{market_type, PointerGetDatum(court->market), false},
				{NUMERICARRAYOID, ratios, false}
			};

			execute_as(book_owner(book), "SELECT margin.write_account_levels($1::name, $2, 'write', $3, $4)",
					   arguments, lengthof(arguments));
		}
	}
}

/* Not inline: its variables are none of what catches its errors. */
static pg_noinline void
judge(const AccountList *accounts, bool first)
{
	int			settings = pin_settings();
	Court		court;

	open_court(&court);
	touched->reading = first || touched->reading == court.reading ? court.reading : 0;
	court.moved = MemoryContextAllocHuge(CurrentMemoryContext, Max(accounts->count, 1) * sizeof(Account *));
	court.nmoved = 0;
	for (int i = 0; i < accounts->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		judge_account(&court, accounts->accounts[i]);
	}
	UnregisterSnapshot(court.snapshot);
	if (court.nmoved > 0)
		refresh_levels(&court);
	AtEOXact_GUC(true, settings);
}

static void
judge_pending(void)
{
	bool		first = touched->judged_level == 0;
	AccountList accounts;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	accounts = lock_pending();
	book_plans_run = true;
	PG_TRY();
	{
		judge(&accounts, first);
	}
	PG_FINALLY();
	{
		book_plans_run = false;
	}
	PG_END_TRY();
	SPI_finish();
}

/* Makes what was judged before pending again, unless it was in the market of now. */
static void
review_verdicts(void)
{
	CommandCounterIncrement();
	AcceptInvalidationMessages();
	if (touched->reading != 0 && touched->reading == market_reading(GetCurrentTimestamp()))
		return;
	for (int i = 0; i < touched->alive.count; i++)
		make_pending(touched->alive.accounts[i]);
}

/* All deferred triggers are done; from now on nothing is written that would have to be judged. */
static void
judge_at_end(void)
{
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
transaction_ends(XactEvent event, void *arg)
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
			break;
		default:
			break;
	}
	/* what the judgement did to levels is told, too */
	notice_at_transaction_end(event);
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
		not_as_trigger("check_accounts");
	if (ActivePortal != NULL && touched != NULL && touched->pending.count > 0)
		judge_pending();
	return PointerGetDatum(NULL);
}

/* ---------- start ---------- */

void		_PG_init(void);

void
_PG_init(void)
{
	/*
	 * A value that was set before the library was loaded is checked now
	 * against the rights of whoever set it, by the server.
	 */
	DefineCustomEnumVariable("margin.guard",
							 "Whether writes that leave an account with insufficient margin are refused or recorded.",
							 "record: for booked facts, as fills, fees, funding and liquidation are; margin.guard_exception lists what would have been refused.",
							 &guard_mode, GUARD_ENFORCE, guard_modes, PGC_SUSET, 0, NULL, NULL, NULL);
	RegisterXactCallback(transaction_ends, NULL);
	RegisterSubXactCallback(subtransaction_ends, NULL);
}
