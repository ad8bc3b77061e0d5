/*
 * book.c
 *		Books, the keys of their accounts, and locks on accounts.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"
#include "utils/uuid.h"

#include "book/book.h"
#include "base/compat.h"

/* ---------- books ---------- */

static HTAB *books;
bool		book_plans_run;

static Book *
book_entry(Oid schema)
{
	Book	   *book;
	bool		found;

	if (books == NULL)
	{
		HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Book), .hcxt = TopMemoryContext};

		books = hash_create("margin books", 8, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	book = hash_search(books, &schema, HASH_ENTER, &found);
	if (!found)
	{
		book->holding = InvalidOid;
		book->portfolio = NULL;
		book->level = NULL;
		book->keeping = NULL;
		book->gains = NULL;
		book->market = NULL;
		book->checked = 0;
		book->venue_type = InvalidOid;
		book->bridge_asked = 0;
		book->present = NULL;
		book->reading = 0;
		book->gains_asked = false;
		book->gains_carry = true;
		book->told = false;
	}
	return book;
}

static void
forget_plan(SPIPlanPtr *plan)
{
	SPIPlanPtr	old = *plan;

	*plan = NULL;
	if (old != NULL)
		SPI_freeplan(old);
}

/* Forgets what was known of a book whose view is another one now, or whose schema has another name. */
static void
book_learn(Book *book, Oid holding, const char *name)
{
	AttrNumber	column = get_attnum(holding, "account_id");

	Assert(OidIsValid(holding));
	if (book_plans_run && OidIsValid(book->holding))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("book \"%s\" was changed while its accounts are judged", name),
				 errhint("Retry the transaction.")));
	book->holding = InvalidOid;
	book->checked = 0;
	forget_plan(&book->portfolio);
	forget_plan(&book->level);
	forget_plan(&book->keeping);
	forget_plan(&book->gains);
	forget_plan(&book->market);
	if (get_rel_relkind(holding) == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the accounts of book \"%s\" live on shards", name),
				 errhint("Call this on each shard.")));
	if (get_rel_relkind(holding) != RELKIND_VIEW || column == InvalidAttrNumber)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.holding\" is not a view with a column account_id", name),
				 errdetail("A book is a schema made by margin.create_book().")));
	book->keys = book_key_kind(holding, column);
	namestrcpy(&book->name, name);
	book->holding = holding;
}

static Oid
find_holding(Oid schema, const char *name)
{
	Oid			holding = OidIsValid(schema) ? get_relname_relid("holding", schema) : InvalidOid;

	if (!OidIsValid(holding))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no book \"%s\"", name),
				 errdetail("A book is a schema made by margin.create_book().")));
	return holding;
}

static void
book_follow(Book *book, Oid holding, const char *name)
{
	if (unlikely(book->holding != holding || strcmp(NameStr(book->name), name) != 0))
		book_learn(book, holding, name);
}

/* The book in a schema; good until the next look into the catalogs. */
Book *
book_open(const char *name)
{
	Oid			schema = get_namespace_oid(name, true);
	Oid			holding = find_holding(schema, name);
	Book	   *book = book_entry(schema);

	book_follow(book, holding, name);
	return book;
}

/* The book whose view this is, NULL if it is no book's. */
Book *
book_of_holding(Oid holding)
{
	Oid			schema = get_rel_namespace(holding);
	char	   *name = OidIsValid(schema) ? get_namespace_name(schema) : NULL;
	Book	   *book;

	if (name == NULL || get_relname_relid("holding", schema) != holding)
		return NULL;
	book = book_entry(schema);
	book_follow(book, holding, name);
	pfree(name);
	Assert(book->holding == holding && book->schema == schema);
	return book;
}

/*
 * A book whose accounts are to be judged, after another look: its view may
 * have been replaced, its schema renamed.
 */
void
book_reopen(Book *book)
{
	char	   *name = get_namespace_name(book->schema);
	Oid			holding = name == NULL ? InvalidOid : get_relname_relid("holding", book->schema);

	if (!OidIsValid(holding))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("book \"%s\" was dropped by a transaction that has written accounts of it", NameStr(book->name)),
				 errdetail("They can no longer be judged."),
				 errhint("Drop it in a transaction of its own.")));
	book_follow(book, holding, name);
	pfree(name);
}

/* Whoever owns the view owns the book. */
Oid
book_owner(const Book *book)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(book->holding));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", book->holding);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/* The qualified name of a relation or function of the book, for a command. */
const char *
book_object(const Book *book, const char *name)
{
	return quote_qualified_identifier(NameStr(book->name), name);
}

/* ---------- keys ---------- */

/* How a column names accounts; an error if it is of a type that cannot. */
KeyKind
book_key_kind(Oid relation, AttrNumber column)
{
	Oid			type;
	int32		typmod;
	Oid			collation;

	get_atttypetypmodcoll(relation, column, &type, &typmod, &collation);
	switch (getBaseType(type))
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return KEY_INTEGER;
		case UUIDOID:
			return KEY_UUID;
		case TEXTOID:
		case VARCHAROID:
			if (get_collation_isdeterministic(collation))
				return KEY_TEXT;
			ereport(ERROR,
					(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
					 errmsg("accounts cannot be named by a column of nondeterministic collation"),
					 errdetail("Column \"%s\" of \"%s\".", get_attname(relation, column, false), get_rel_name(relation))));
	}
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("accounts cannot be named by a column of type %s", format_type_be(type)),
			 errdetail("Column \"%s\" of \"%s\".", get_attname(relation, column, false), get_rel_name(relation)),
			 errhint("Use smallint, integer, bigint, text, varchar, uuid, or a domain over one of these.")));
	pg_unreachable();
}

/* A key as text; "type" is the base type of the column. */
char *
book_key_text(KeyKind kind, Oid type, Datum key)
{
	char	   *digits;

	switch (kind)
	{
		case KEY_INTEGER:
			digits = palloc(MAXINT8LEN + 1);
			pg_lltoa(type == INT8OID ? DatumGetInt64(key) : type == INT4OID ? DatumGetInt32(key) : DatumGetInt16(key), digits);
			return digits;
		case KEY_UUID:
			return DatumGetCString(DirectFunctionCall1(uuid_out, key));
		case KEY_TEXT:
			return TextDatumGetCString(key);
	}
	pg_unreachable();
}

/* The type that keys are compared in. */
Oid
book_key_type(KeyKind kind)
{
	return kind == KEY_INTEGER ? INT8OID : kind == KEY_UUID ? UUIDOID : TEXTOID;
}

/* A key of that type from text. */
Datum
book_key_datum(KeyKind kind, const char *text)
{
	switch (kind)
	{
		case KEY_INTEGER:
			return DirectFunctionCall1(int8in, CStringGetDatum(text));
		case KEY_UUID:
			return DirectFunctionCall1(uuid_in, CStringGetDatum(text));
		case KEY_TEXT:
			return CStringGetTextDatum(text);
	}
	pg_unreachable();
}

/* ---------- locks ---------- */

/*
 * The locks of one transaction are taken together, in the order of 64-bit
 * hashes, each in the advisory lock space but beside the keys of
 * pg_advisory_lock(), whose fourth field is 1 or 2.  They end with the
 * transaction.
 *
 * The server's lock table is finite: it has room for max_locks_per_transaction
 * locks of each transaction that there can be.  So one that touches more
 * accounts locks their books instead: every holder of account locks also
 * holds a lock on the book's view, of a kind that others may hold with it and
 * that costs next to nothing; this one conflicts with that.
 */
#define ACCOUNT_LOCK_SPACE 0x4d47
#define MAX_ACCOUNT_LOCKS Min(256, max_locks_per_xact)
#define LOCK_SOME_ACCOUNTS RowExclusiveLock
#define LOCK_ALL_ACCOUNTS ShareRowExclusiveLock

int			guard_wait;

/* Account locks that a transaction holds. */
static LocalTransactionId holder = InvalidLocalTransactionId;
static int	held;

uint64
book_account_hash(const Book *book, const char *text)
{
	return hash_bytes_extended((const unsigned char *) text, (int) strlen(text), book->schema);
}

static int
compare_locks(const void *a, const void *b)
{
	uint64		left = ((const AccountLock *) a)->hash;
	uint64		right = ((const AccountLock *) b)->hash;

	return left < right ? -1 : left > right;
}

static void
name_wait(void *arg)
{
	errcontext("waiting for accounts that another transaction has locked");
}

/* Waits for a lock, no longer than until the deadline, 0: as long as the setting lock_timeout says. */
static LockAcquireResult
wait_for(const LOCKTAG *tag, LOCKMODE mode, TimestampTz deadline)
{
	ErrorContextCallback callback = {.previous = error_context_stack, .callback = name_wait};
	int			nest_level = NewGUCNestLevel();
	LockAcquireResult result;

	if (deadline != 0)
	{
		/* 0 would be for ever */
		long		left = Max(TimestampDifferenceMilliseconds(GetCurrentTimestamp(), deadline), 1);

		if (LockTimeout == 0 || left < LockTimeout)
			(void) set_config_option("lock_timeout", psprintf("%ld", left), PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
	}
	error_context_stack = &callback;
	result = LockAcquire(tag, mode, false, false);
	error_context_stack = callback.previous;
	AtEOXact_GUC(true, nest_level);
	return result;
}

/* Takes a lock for the transaction; whether it is a new one. */
static bool
take(const LOCKTAG *tag, LOCKMODE mode, TimestampTz deadline)
{
	LockAcquireResult result = LockAcquire(tag, mode, false, true);

	if (unlikely(result == LOCKACQUIRE_NOT_AVAIL))
		result = wait_for(tag, mode, deadline);
	return result == LOCKACQUIRE_OK;
}

/* Their books, in the order of their OIDs; there are hardly ever two. */
static void
lock_books(const AccountLock *locks, int count, LOCKMODE mode, TimestampTz deadline)
{
	Oid			last = InvalidOid;

	for (;;)
	{
		Oid			next = InvalidOid;
		LOCKTAG		tag;

		for (int i = 0; i < count; i++)
		{
			if (locks[i].holding > last && (next == InvalidOid || locks[i].holding < next))
				next = locks[i].holding;
		}
		if (next == InvalidOid)
			return;
		SET_LOCKTAG_RELATION(tag, MyDatabaseId, next);
		(void) take(&tag, mode, deadline);
		last = next;
	}
}

static LOCKTAG
account_tag(const AccountLock *lock)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, (uint32) (lock->hash >> 32), (uint32) lock->hash, ACCOUNT_LOCK_SPACE);
	return tag;
}

/* How many of these locks the transaction does not hold yet. */
static int
count_new(const AccountLock *locks, int count)
{
	int			fresh = count;

	for (int i = 0; i < count && held > 0; i++)
	{
		LOCKTAG		tag = account_tag(&locks[i]);

		if (MARGIN_LOCK_HELD(&tag, ExclusiveLock))
			fresh--;
	}
	return fresh;
}

/* Locks accounts until the end of the transaction; sorts the list. */
void
book_lock_accounts(AccountLock *locks, int count)
{
	TimestampTz deadline = guard_wait == 0 ? 0 : TimestampTzPlusMilliseconds(GetCurrentTimestamp(), guard_wait);
	bool		all;

	if (holder != MARGIN_MY_LXID)
	{
		holder = MARGIN_MY_LXID;
		held = 0;
	}
	Assert(count >= 0 && held >= 0 && held <= MAX_ACCOUNT_LOCKS);
	all = held + count_new(locks, count) > MAX_ACCOUNT_LOCKS;
	qsort(locks, count, sizeof(AccountLock), compare_locks);
	lock_books(locks, count, all ? LOCK_ALL_ACCOUNTS : LOCK_SOME_ACCOUNTS, deadline);
	/* the views may have been replaced meanwhile */
	AcceptInvalidationMessages();
	for (int i = 0; i < count && !all; i++)
	{
		LOCKTAG		tag = account_tag(&locks[i]);

		if (take(&tag, ExclusiveLock, deadline))
			held++;
	}
}

PG_FUNCTION_INFO_V1(margin_lock_accounts);

/* lock_accounts(book name, accounts text[]) */
Datum
margin_lock_accounts(PG_FUNCTION_ARGS)
{
	Book	   *book = book_open(NameStr(*PG_GETARG_NAME(0)));
	Datum	   *accounts;
	bool	   *nulls;
	int			count;
	AccountLock *locks;

	/* they hold up every writer of these accounts */
	if (!has_privs_of_role(GetUserId(), book_owner(book)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to lock accounts of book \"%s\"", NameStr(book->name)),
				 errhint("It takes the rights of the book's owner, who may call this in a SECURITY DEFINER function for others.")));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &accounts, &nulls, &count);
	locks = palloc(Max(count, 1) * sizeof(AccountLock));
	for (int i = 0; i < count; i++)
	{
		Datum		key;

		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("account must not be null")));
		/* through its type and back: in the one form that triggers see */
		key = book_key_datum(book->keys, TextDatumGetCString(accounts[i]));
		locks[i].hash = book_account_hash(book, book_key_text(book->keys, book_key_type(book->keys), key));
		locks[i].holding = book->holding;
	}
	book_lock_accounts(locks, count);
	PG_RETURN_VOID();
}
