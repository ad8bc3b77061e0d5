/*
 * judge.c
 *		Judging the accounts that the transaction touched.
 *
 * A judgement first locks all of them, in one order that is everybody's, and
 * only then takes the snapshot it judges by: of two transactions that touch one
 * account the second sees what the first one left, whatever the isolation level.
 * Where levels are kept it locks their rows as well, for a refresh holds the rows
 * of what it changes and no account: levels.sql says why that is enough.
 *
 * The account as the transaction found it is what that same snapshot shows
 * when it is set back to the transaction's first command, which hides the
 * transaction's own changes, those in its subtransactions too.
 *
 * What is read is read as the book's owner, from the view account_portfolio;
 * the code in a book's views may write no account while others are judged.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "optimizer/optimizer.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "base/enums.h"
#include "book/acting.h"
#include "book/judge.h"
#include "book/market_copy.h"
#include "book/told.h"
#include "book/touched.h"
#include "value/valuation.h"

#define ERRCODE_INSUFFICIENT_MARGIN MAKE_SQLSTATE('M', 'G', '0', '0', '1')
#define ERRCODE_UNPRICED_ACCOUNT MAKE_SQLSTATE('M', 'G', '0', '0', '2')

/* ---------- what a book is asked ---------- */

/* One column of one account; the casts hold whoever wrote the relation to the types that are read here. */
typedef struct Question
{
	const char *column;
	const char *relation;
	const char *lock;
} Question;

static const Question ask_portfolio = {"portfolio::margin.portfolio", "account_portfolio", ""};
static const Question lock_level = {"level::margin.level", "account_level", " FOR NO KEY UPDATE"};

/*
 * What a volatile function reads may be newer than the query that calls it: the
 * account before the transaction would show what the transaction wrote.  The
 * query is the rewritten one, in which every view stands as its subquery.
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
prepare_question(const Book *book, const Question *question)
{
	Oid			type = book_key_type(book->keys);
	const char *sql = psprintf("SELECT %s FROM %s WHERE account_id OPERATOR(pg_catalog.=) $1%s",
							   question->column, book_object(book, question->relation), question->lock);
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, 1, &type, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* Prepares a question once; as the book's owner. */
static void
learn_question(const Book *book, SPIPlanPtr *plan, const Question *question)
{
	SPIPlanPtr	fresh;

	if (*plan != NULL)
		return;
	fresh = prepare_question(book, question);
	if (SPI_keepplan(fresh) != 0)
		elog(ERROR, "cannot keep the plan for \"%s\": %s", question->relation, SPI_result_code_string(SPI_result));
	*plan = fresh;
}

/* Whether a book's view can be asked at all. */
void
check_question(const Book *book)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	check_stable(book, linitial(SPI_plan_get_plan_sources(prepare_question(book, &ask_portfolio))));
	SPI_finish();
}

/* ---------- the court ---------- */

/* The instant of a judgement; the market present in each book is that of this instant. */
typedef struct Court
{
	Snapshot	snapshot;
	CommandId	present;		/* the command it shows */
	TimestampTz clock;
	MemoryContext context;		/* reset for each account */
	Account   **moved;			/* whose level is no longer what is kept */
	int			nmoved;
} Court;

static List *
books_of(const AccountList *accounts)
{
	List	   *books = NIL;

	for (int i = 0; i < accounts->count; i++)
		books = list_append_unique_ptr(books, accounts->accounts[i]->book);
	return books;
}

/* Whether errors may tell what is in accounts, by the view as it is now: planned anew, if it is another one. */
static bool
find_told(Book *book)
{
	Identity	mine = act_for(book_owner(book), RESTRICTED);
	CachedPlan *plan;

	learn_question(book, &book->portfolio, &ask_portfolio);
	plan = SPI_plan_get_cached_plan(book->portfolio);
	if (plan != NULL)
		ReleaseCachedPlan(plan, CurrentResourceOwner);
	act_as_before(mine);
	return may_be_told(book);
}

static void
open_court(Court *court, const AccountList *accounts)
{
	List	   *books = books_of(accounts);
	ListCell   *cell;

	/* the last command's own changes are to be seen, prices among them */
	CommandCounterIncrement();
	AcceptInvalidationMessages();
	court->snapshot = RegisterSnapshot(GetLatestSnapshot());
	court->present = court->snapshot->curcid;
	court->clock = GetCurrentTimestamp();
	court->context = AllocSetContextCreate(CurrentMemoryContext, "margin judgement", ALLOCSET_DEFAULT_SIZES);
	court->moved = MemoryContextAllocHuge(CurrentMemoryContext, Max(accounts->count, 1) * sizeof(Account *));
	court->nmoved = 0;
	foreach(cell, books)
	{
		Book	   *book = lfirst(cell);
		PresentMarket present;

		book_reopen(book);
		present = present_market(book, court->snapshot, court->clock, CurrentMemoryContext);
		book->present = present.market;
		book->reading = present.reading;
		book->gains_asked = false;
		book->told = find_told(book);
	}
}

static void
ask_for_market(Book *book)
{
	int			settings = pin_settings();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	PushActiveSnapshot(GetTransactionSnapshot());
	book_reopen(book);
	(void) present_market(book, GetActiveSnapshot(), GetCurrentTimestamp(), CurrentMemoryContext);
	PopActiveSnapshot();
	SPI_finish();
	unpin_settings(settings);
}

/* Asks for markets that may stand elsewhere, so that whoever has to bring them is there. */
void
ask_for_markets(const AccountList *accounts)
{
	List	   *books = books_of(accounts);
	ListCell   *cell;

	foreach(cell, books)
	{
		if (!market_is_of_venue(lfirst(cell)))
			ask_for_market(lfirst(cell));
	}
}

static const Market *
market_of(const Account *account)
{
	Assert(account->book->present != NULL);
	return account->book->present;
}

/* A portfolio of nothing. */
static struct varlena *
empty_portfolio(void)
{
	PortfolioWriter writer;

	portfolio_begin(&writer, 0);
	return portfolio_finish(&writer);
}

/* Asks about one account; the answer as the snapshot shows it, or of the row that was locked. */
static bool
ask(const Account *account, SPIPlanPtr *plan, const Question *question, Snapshot snapshot, Datum *answer)
{
	Book	   *book = account->book;
	Identity	mine = act_for(book_owner(book), RESTRICTED);
	Datum		key = book_key_datum(book->keys, account->key);
	MemoryContext caller = CurrentMemoryContext;
	bool		isnull = true;

	Assert(book_plans_run);
	learn_question(book, plan, question);
	if (SPI_execute_snapshot(*plan, &key, NULL, snapshot, InvalidSnapshot, question->lock[0] == '\0', false, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot read \"%s\" of book \"%s\"", question->relation, NameStr(book->name));
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
	act_as_before(mine);
	return !isnull;
}

/* What an account holds after a command: the present one, or before the first; NULL if it has no rows. */
static struct varlena *
rows_of(const Court *court, const Account *account, CommandId command)
{
	Book	   *book = account->book;
	Datum		portfolio;
	bool		known;
	const CachedPlanSource *query;

	Assert(court->snapshot->curcid == court->present);
	court->snapshot->curcid = command;
	known = ask(account, &book->portfolio, &ask_portfolio, court->snapshot, &portfolio);
	court->snapshot->curcid = court->present;
	query = linitial(SPI_plan_get_plan_sources(book->portfolio));
	/* planned again: a function in it may be another one now */
	if (query->generation != book->checked)
	{
		check_stable(book, query);
		book->checked = query->generation;
	}
	return known ? PG_DETOAST_DATUM_PACKED(portfolio) : NULL;
}

/* The same where only amounts count. */
static struct varlena *
portfolio_of(const Court *court, const Account *account, CommandId command)
{
	struct varlena *held = rows_of(court, account, command);

	return held != NULL ? held : empty_portfolio();
}

/* ---------- the levels kept ---------- */

/* The level that an account is kept at, its row locked; -1 if it was never judged. */
static int
kept_level(const Account *account)
{
	Snapshot	snapshot = RegisterSnapshot(GetLatestSnapshot());
	Datum		level;
	bool		known;

	book_reopen(account->book);
	known = ask(account, &account->book->level, &lock_level, snapshot, &level);
	UnregisterSnapshot(snapshot);
	return known ? option_from_enum(DatumGetObjectId(level), level_names) : -1;
}

/*
 * Locks the levels kept, account by account, before the court takes its snapshot
 * and its market: whoever held a row has judged by what he saw, and his level is
 * judged anew.
 */
static const int *
lock_levels(const AccountList *accounts)
{
	int		   *kept = MemoryContextAllocHuge(CurrentMemoryContext, Max(accounts->count, 1) * sizeof(int));

	for (int i = 0; i < accounts->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		kept[i] = (accounts->accounts[i]->features & FEATURE_LEVELS) != 0 ? kept_level(accounts->accounts[i]) : -1;
	}
	return kept;
}

static Oid
type_of_margin(const char *name)
{
	return GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(name),
						   ObjectIdGetDatum(get_namespace_oid("margin", false)));
}

/* What an account holds, or nothing, goes with the level that it stays at; the next refresh looks at it. */
static SPIPlanPtr
prepare_keeping(const Book *book)
{
	Oid			types[] = {book_key_type(book->keys), type_of_margin("portfolio")};
	const char *sql = psprintf("UPDATE %s SET portfolio = $2, epoch = -2 WHERE account_id OPERATOR(pg_catalog.=) $1"
							   " AND NOT margin_internal.same_holdings(portfolio, $2)",
							   book_object(book, "account_level"));
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, 2, types, CURSOR_OPT_GENERIC_PLAN);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

static void
keep_portfolio(const Court *court, const Account *account, struct varlena *held)
{
	Book	   *book = account->book;
	Identity	mine = act_for(book_owner(book), RESTRICTED);
	Datum		values[] = {book_key_datum(book->keys, account->key), PointerGetDatum(held)};
	const char	nulls[] = {' ', held == NULL ? 'n' : ' ', '\0'};
	MemoryContext caller = CurrentMemoryContext;

	if (book->keeping == NULL)
		book->keeping = prepare_keeping(book);
	if (SPI_execute_snapshot(book->keeping, values, nulls, court->snapshot, InvalidSnapshot, false, true, 0) != SPI_OK_UPDATE)
		elog(ERROR, "cannot write the levels of book \"%s\"", NameStr(book->name));
	MemoryContextSwitchTo(caller);
	act_as_before(mine);
}

/* ---------- the rule of paper gains ---------- */

static SPIPlanPtr
prepare_gains(const Book *book)
{
	const char *sql = psprintf("SELECT FROM %s WHERE rule OPERATOR(pg_catalog.=) 'unrealized_gains_carry'"
							   " AND value OPERATOR(pg_catalog.=) 'false'", book_object(book, "book_rule"));
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

static bool
read_gains_carry(const Court *court, Book *book)
{
	Identity	mine;
	MemoryContext caller = CurrentMemoryContext;
	bool		carry;

	/* a book of an earlier release has no rules */
	if (!OidIsValid(get_relname_relid("book_rule", book->schema)))
		return true;
	mine = act_for(book_owner(book), RESTRICTED);
	if (book->gains == NULL)
		book->gains = prepare_gains(book);
	if (SPI_execute_snapshot(book->gains, NULL, NULL, court->snapshot, InvalidSnapshot, true, false, 1) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the rules of book \"%s\"", NameStr(book->name));
	MemoryContextSwitchTo(caller);
	carry = SPI_processed == 0;
	SPI_freetuptable(SPI_tuptable);
	act_as_before(mine);
	return carry;
}

/* Whether unrealized gains carry a withdrawal: asked once a judgement, and only where somebody has some. */
static bool
gains_carry(const Court *court, Book *book)
{
	if (!book->gains_asked)
	{
		book->gains_carry = read_gains_carry(court, book);
		book->gains_asked = true;
	}
	return book->gains_carry;
}

/* ---------- refusing ---------- */

/*
 * A table as error fields name it: by itself in the book's schema, else with its
 * own; a partition by its root.  NULL: it was dropped after it was judged early.
 */
static const char *
table_named(Oid table, const Book *book)
{
	/* one that is being detached has none any more */
	List	   *ancestors = get_rel_relispartition(table) ? get_partition_ancestors(table) : NIL;
	Oid			root = ancestors == NIL ? table : llast_oid(ancestors);
	const char *name = get_rel_name(root);

	if (name == NULL || get_rel_namespace(root) == book->schema)
		return name;
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(root)), name);
}

/*
 * Error fields by which a program knows what refused, and whom: the book, its
 * guard, the table written and the account.  No field is made for a row's key;
 * that of a column is one that every driver shows.
 */
static int
errguard(const Account *account)
{
	const char *table = table_named(account->table, account->book);

	err_generic_string(PG_DIAG_SCHEMA_NAME, NameStr(account->book->name));
	if (table != NULL)
		err_generic_string(PG_DIAG_TABLE_NAME, table);
	err_generic_string(PG_DIAG_COLUMN_NAME, account->key);
	err_generic_string(PG_DIAG_CONSTRAINT_NAME, "margin_guard");
	return 0;
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

/* What a valuation that does not pass has, what it requires, and what it lacks to that. */
typedef struct Lack
{
	Decimal		equity;
	Decimal		required;
	Decimal		lacking;
	Decimal		orders;			/* what open orders have to do with it */
	bool		initial;		/* it is the initial margin, else that for the liquidation threshold */
} Lack;

static Lack
lack_of(const Valuation *v, const Market *market)
{
	Lack		lack = {.initial = dec_sign(&v->available_margin) < 0};

	if (lack.initial)
	{
		lack.equity = v->initial_equity;
		dec_add(&lack.required, &v->initial_margin, &v->order_loss);
		dec_add(&lack.orders, &v->order_margin, &v->order_loss);
	}
	else
	{
		Decimal		buffer;

		/* then it is the maintenance margin that reaches the liquidation threshold */
		lack.equity = v->judged_equity;
		dec_div_ceil18(&lack.required, &v->maintenance_margin, dec_flat(&market->thresholds[THRESHOLD_LIQUIDATION], market, &buffer));
		dec_sub(&lack.orders, &v->equity, &v->judged_equity);
	}
	dec_sub(&lack.lacking, &lack.required, &lack.equity);
	return lack;
}

#define UNHEEDED "margin.guard = record counts only where it ends with the transaction, not for a session: SET LOCAL margin.guard = record."
#define ADVICE "Withdraw less, open or order less, or add collateral in the same transaction; what does not lower the available margin is never refused."

static pg_noreturn void
refuse_unpriced(const Account *account, const Valuation *after)
{
	ereport(ERROR,
			(errcode(ERRCODE_UNPRICED_ACCOUNT),
			 account->book->told ?
			 errmsg("account \"%s\" of book \"%s\" cannot be valued: no price or parameters for %s",
					account->key, NameStr(account->book->name), symbol_list(after->missing, after->nmissing)) :
			 errmsg("account \"%s\" of book \"%s\" cannot be valued", account->key, NameStr(account->book->name)),
			 errdetail("While an account cannot be valued, no balance of it may fall, no leg of a position may grow or change its entry price or leverage for the worse, and no order may be placed or enlarged."),
			 account->unheeded ? errhint(UNHEEDED) :
			 errhint("Enter what is missing into the venue's tables, or leave the account's balances, positions and orders as they are."),
			 errguard(account)));
}

/* To somebody who may write an account and not read it. */
static pg_noreturn void
refuse_silently(const Account *account)
{
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_MARGIN),
			 errmsg("insufficient margin in account \"%s\" of book \"%s\"", account->key, NameStr(account->book->name)),
			 errdetail("Amounts are shown only to roles that may read all of \"%s.account_margin\".", NameStr(account->book->name)),
			 errhint("%s", account->unheeded ? UNHEEDED : ADVICE),
			 errguard(account)));
}

/* Where the account was and would be, what of that is due to orders, and whether profit on paper was left out. */
static char *
account_of_change(const Valuation *after, const Valuation *before, const Lack *lack, bool gains)
{
	StringInfoData told;

	initStringInfo(&told);
	appendStringInfo(&told, "The account would be at level %s", level_names[after->level]);
	if (before->level == LEVEL_UNPRICED)
		appendStringInfoString(&told, ". The transaction found it unpriced, so no balance may fall and no leg of a position and no order may grow.");
	else
		appendStringInfo(&told, " with an available margin of %s; the transaction found it with %s.",
						 dec_text(&after->available_margin), dec_text(&before->available_margin));
	if (!dec_is_zero(&lack->orders))
		appendStringInfo(&told, lack->initial ? " Open orders are %s of the requirement." : " Open orders take %s of the equity.",
						 dec_text(&lack->orders));
	if (!gains)
		appendStringInfoString(&told, " Unrealized gains are left out, as a balance falls and the rule unrealized_gains_carry of the book is false.");
	return told.data;
}

static const char *
market_named(const Account *account)
{
	int64		id;

	return published_id(market_of(account), &id) ? psprintf(" It was judged by market " INT64_FORMAT ".", id) : "";
}

static pg_noreturn void
refuse(const Account *account, const Valuation *after, const Valuation *before, bool gains)
{
	Lack		lack;

	if (after->level == LEVEL_UNPRICED)
		refuse_unpriced(account, after);

	Assert(!valuation_passes(after));
	if (!account->book->told)
		refuse_silently(account);
	lack = lack_of(after, market_of(account));
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_MARGIN),
			 errmsg("insufficient margin in account \"%s\" of book \"%s\": equity %s, requirement %s, lack %s",
					account->key, NameStr(account->book->name), dec_text(&lack.equity), dec_text(&lack.required), dec_text(&lack.lacking)),
			 errdetail("%s%s", account_of_change(after, before, &lack, gains), market_named(account)),
			 errhint("%s", account->unheeded ? UNHEEDED : ADVICE),
			 errguard(account)));
}

/* Journals what was let through although it would have been refused; as the book's owner. */
static void
record_exception(const Account *account, const Valuation *after, const Valuation *before)
{
	const Book *book = account->book;
	bool		valued = after->level != LEVEL_UNPRICED;
	char	  **missing = palloc(Max(after->nmissing, 1) * sizeof(char *));
	int64		id = 0;
	bool		published = published_id(market_of(account), &id);
	const char *sql = psprintf("INSERT INTO %s (account_id, level, equity, initial_margin, maintenance_margin,"
							   " available_margin, available_margin_before, missing, initial_equity, order_loss, market_id)"
							   " VALUES (%s($1), $2::margin.level, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
							   book_object(book, "guard_exception"), book_object(book, "account_key"));

	for (int i = 0; i < after->nmissing; i++)
		missing[i] = symbol_text(&after->missing[i]);
	{
		Argument	arguments[] = {
			text_argument(account->key),
			text_argument(level_names[after->level]),
			amount_argument(&after->equity, valued),
			amount_argument(&after->initial_margin, valued),
			amount_argument(&after->maintenance_margin, valued),
			amount_argument(&after->available_margin, valued),
			amount_argument(&before->available_margin, before->level != LEVEL_UNPRICED),
			list_argument(missing, after->nmissing),
			amount_argument(&after->initial_equity, valued),
			amount_argument(&after->order_loss, valued),
			{INT8OID, Int64GetDatum(id), !published}
		};

		execute_as(book_owner(book), sql, arguments, lengthof(arguments));
	}
}

/* ---------- judging ---------- */

/* An account that does not pass, valued with its paper gains or without: false if it may only be left so as a booked fact. */
static bool
judge_change(const Account *account, const struct varlena *held_before, const struct varlena *held_after, const Valuation *after, bool gains)
{
	Valuation	before;
	bool		allowed;

	if (gains)
		value_portfolio(&before, PointerGetDatum(held_before), market_of(account), VALUE_MARGINS);
	else
		value_without_gains(&before, PointerGetDatum(held_before), market_of(account));
	if (after->level == LEVEL_UNPRICED || before.level == LEVEL_UNPRICED)
		allowed = portfolio_only_reduces(held_before, held_after);
	else
		allowed = dec_cmp(&after->available_margin, &before.available_margin) >= 0;
	if (allowed)
		return true;
	if (!account->recorded || written_under_guard(account))
		refuse(account, after, &before, gains);
	record_exception(account, after, &before);
	return false;
}

/* A balance that falls is not carried by profit on paper where the book says so. */
static void
judge_withdrawal(const Account *account, const struct varlena *held_before, const struct varlena *held_after)
{
	Valuation	after;

	if (!portfolio_lowers_balance(held_before, held_after))
		return;
	value_without_gains(&after, PointerGetDatum(held_after), market_of(account));
	if (!valuation_passes(&after))
		(void) judge_change(account, held_before, held_after, &after, false);
}

static void
guard_account(const Court *court, const Account *account, const struct varlena *held, const Valuation *after)
{
	bool		passes = valuation_passes(after);
	bool		paper = after->level != LEVEL_UNPRICED && has_unrealized_gains(after) && !gains_carry(court, account->book);
	struct varlena *held_before;

	if (passes && !paper)
		return;
	held_before = portfolio_of(court, account, FirstCommandId);
	if ((passes || judge_change(account, held_before, held, after, true)) && paper)
		judge_withdrawal(account, held_before, held);
}

static void
judge_account(Court *court, Account *account, int kept)
{
	MemoryContext old = MemoryContextSwitchTo(court->context);
	struct varlena *rows;
	struct varlena *held;
	Valuation	after;

	/* of the view that is locked, under the name that it has */
	book_reopen(account->book);
	rows = rows_of(court, account, court->present);
	held = rows != NULL ? rows : empty_portfolio();
	value_portfolio(&after, PointerGetDatum(held), market_of(account), VALUE_MARGINS);
	if ((account->features & FEATURE_GUARD) != 0)
		guard_account(court, account, held, &after);
	if ((account->features & FEATURE_LEVELS) != 0)
	{
		if (kept == (int) after.level)
			keep_portfolio(court, account, rows);
		else
			court->moved[court->nmoved++] = account;
	}
	account->reading = account->book->reading;
	MemoryContextSwitchTo(old);
	MemoryContextReset(court->context);
}

/* What goes wrong is told to nobody who may not know what is in the account. */
static void
judge_discreetly(Court *court, Account *account, int kept)
{
	PG_TRY();
	{
		judge_account(court, account, kept);
	}
	PG_CATCH();
	{
		conceal(account->book, account->book->told);
	}
	PG_END_TRY();
}

/* Locks accounts, which are in the order of their locks. */
static void
lock_accounts(const AccountList *accounts)
{
	AccountLock *locks = MemoryContextAllocHuge(CurrentMemoryContext, Max(accounts->count, 1) * sizeof(AccountLock));

	for (int i = 0; i < accounts->count; i++)
	{
		const Account *account = accounts->accounts[i];

		book_reopen(account->book);
		locks[i] = (AccountLock) {account->hash, account->book->holding};
	}
	book_lock_accounts(locks, accounts->count);
	pfree(locks);
}

/* Refreshes the levels of some accounts of a book, as its owner. */
static void
write_levels(const Book *book, char **keys, int count)
{
	Argument	arguments[] = {
		text_argument(NameStr(book->name)),
		list_argument(keys, count),
		{type_of_margin("market"), PointerGetDatum(book->present), false}
	};

	Assert(count > 0);
	PG_TRY();
	{
		execute_as(book_owner(book), "SELECT margin_internal.write_account_levels($1::pg_catalog.name, $2, 'write', $3)",
				   arguments, lengthof(arguments));
	}
	PG_CATCH();
	{
		conceal(book, book->told);
	}
	PG_END_TRY();
}

/* Refreshes the levels of the accounts that moved, book by book. */
static void
refresh_levels(Court *court)
{
	char	  **keys = MemoryContextAllocHuge(CurrentMemoryContext, Max(court->nmoved, 1) * sizeof(char *));

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
		write_levels(book, keys, count);
	}
}

/* Out of line, so that its locals are not live across PG_TRY. */
static pg_noinline void
judge(const AccountList *accounts)
{
	int			settings = pin_settings();
	const int  *kept = lock_levels(accounts);
	Court		court;

	open_court(&court, accounts);
	for (int i = 0; i < accounts->count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		judge_discreetly(&court, accounts->accounts[i], kept[i]);
	}
	UnregisterSnapshot(court.snapshot);
	if (court.nmoved > 0)
		refresh_levels(&court);
	unpin_settings(settings);
}

/* Judges whatever is pending, all at once. */
void
judge_pending(void)
{
	AccountList accounts;

	Assert(!book_plans_run);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	accounts = take_pending();
	lock_accounts(&accounts);
	book_plans_run = true;
	PG_TRY();
	{
		judge(&accounts);
	}
	PG_FINALLY();
	{
		book_plans_run = false;
	}
	PG_END_TRY();
	SPI_finish();
}
