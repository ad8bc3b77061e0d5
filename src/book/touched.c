/*
 * touched.c
 *		The accounts that the transaction touched.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "book/guard_mode.h"
#include "book/touched.h"

Touched    *touched;

typedef struct AccountSlot
{
	Account    *account;
	uint32		hash;
	char		status;
} AccountSlot;

static inline bool
same_key(const Account *a, const Account *b)
{
	return a->hash == b->hash && a->book == b->book && strcmp(a->key, b->key) == 0;
}

static inline bool
same_account(const Account *a, const Account *b)
{
	return a->recorded == b->recorded && same_key(a, b);
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

static void
append(AccountList *list, Account *account)
{
	Assert(list->count <= list->capacity);
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

void
make_pending(Account *account)
{
	if (!account->pending)
	{
		append(&touched->pending, account);
		account->pending = true;
	}
}

/* The entry of an account in the present mode. */
static Account *
find_or_add(Book *book, char *key)
{
	Account		probe = {.book = book, .key = key, .recorded = guard_mode_in_force() == GUARD_RECORD};
	Account    *account;
	AccountSlot *slot;
	bool		found;

	probe.hash = book_account_hash(book, key);
	slot = touched_lookup(touched->accounts, &probe);
	if (slot != NULL)
		return slot->account;
	account = MemoryContextAlloc(TopTransactionContext, sizeof(Account));
	*account = probe;
	account->key = MemoryContextStrdup(TopTransactionContext, key);
	touched_insert(touched->accounts, account, &found);
	Assert(!found);
	return account;
}

/* Notes that a table's row of an account was written; the key is copied. */
void
touch_account(Book *book, char *key, Oid table, int features)
{
	Account    *account;

	Assert(book != NULL && key != NULL && features != 0);
	if (touched == NULL)
	{
		Touched    *fresh = MemoryContextAllocZero(TopTransactionContext, sizeof(Touched));

		fresh->accounts = touched_create(TopTransactionContext, 8, NULL);
		touched = fresh;
	}
	account = find_or_add(book, key);
	account->features |= features;
	account->unheeded |= guard_mode == GUARD_RECORD && !account->recorded;
	if (account->nest_level == 0)
	{
		account->table = table;
		append(&touched->alive, account);
		account->nest_level = GetCurrentTransactionNestLevel();
	}
	make_pending(account);
}

/* Whether the transaction wrote an account otherwise than as booked facts. */
bool
written_under_guard(const Account *account)
{
	Account		probe = *account;
	AccountSlot *slot;

	probe.recorded = false;
	slot = touched_lookup(touched->accounts, &probe);
	return slot != NULL && slot->account->nest_level > 0;
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
 * Takes the pending accounts off the list, each once, in the order of their
 * locks; from here on they count as judged.  One that was written both ways is
 * judged as written under guard.
 */
AccountList
take_pending(void)
{
	AccountList *pending = &touched->pending;
	Size		most = pending->count;
	AccountList chosen = {MemoryContextAllocHuge(CurrentMemoryContext, most * sizeof(Account *)), 0, pending->count};

	Assert(pending->count > 0);
	qsort(pending->accounts, pending->count, sizeof(Account *), compare_accounts);
	for (int i = 0; i < pending->count; i++)
	{
		Account    *account = pending->accounts[i];
		Account    *last = chosen.count == 0 ? NULL : chosen.accounts[chosen.count - 1];

		Assert(account->pending);
		account->pending = false;
		if (account->nest_level == 0)
			continue;
		if (last != NULL && same_key(last, account))
			last->features |= account->features;
		else
			chosen.accounts[chosen.count++] = account;
	}
	pending->count = 0;
	touched->judged_level = GetCurrentTransactionNestLevel();
	return chosen;
}

/* ---------- subtransactions ---------- */

/* What happened at a level now belongs to its parent. */
static void
pass_to_parent(int level)
{
	AccountList *alive = &touched->alive;

	for (int i = alive->count - 1; i >= 0 && alive->accounts[i]->nest_level >= level; i--)
		alive->accounts[i]->nest_level = level - 1;
	if (touched->judged_level >= level)
		touched->judged_level = level - 1;
}

/* What happened at a level did not happen. */
static void
undo(int level)
{
	AccountList *alive = &touched->alive;

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

void
touched_at_subtransaction_end(SubXactEvent event)
{
	int			level = GetCurrentTransactionNestLevel();

	if (touched == NULL)
		return;
	Assert(level > 1);
	if (event == SUBXACT_EVENT_COMMIT_SUB)
		pass_to_parent(level);
	else if (event == SUBXACT_EVENT_ABORT_SUB)
		undo(level);
}
