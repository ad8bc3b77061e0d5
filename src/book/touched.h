/*
 * touched.h
 *		The accounts that the transaction touched.
 */
#ifndef MARGIN_TOUCHED_H
#define MARGIN_TOUCHED_H

#include "postgres.h"

#include "access/xact.h"

#include "book/book.h"

/* What a table's triggers ask for. */
#define FEATURE_GUARD	0x01
#define FEATURE_LEVELS	0x02

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
	bool		unheeded;		/* to be recorded by a setting that did not count */
	Oid			table;			/* whose write counted it first: that write is undone with all others, or not at all */
	int			features;
	int			nest_level;		/* 0: whatever wrote it was rolled back */
	bool		pending;		/* written since it was judged last */
	uint64		reading;		/* of the market that it was judged in last, 0: in none */
} Account;

typedef struct AccountList
{
	Account   **accounts;
	int			count;
	int			capacity;
} AccountList;

/* Of the present transaction, in its memory. */
typedef struct Touched
{
	struct touched_hash *accounts;
	AccountList alive;			/* in order of their first write */
	AccountList pending;		/* in any; some may be rolled back */
	int			judged_level;	/* nesting level at which accounts were judged last, 0: none or undone */
} Touched;

/* NULL: nothing. */
extern Touched *touched;

extern void touch_account(Book *book, char *key, Oid table, int features);
extern void make_pending(Account *account);
extern AccountList take_pending(void);
extern bool written_under_guard(const Account *account);
extern void touched_at_subtransaction_end(SubXactEvent event);

#endif							/* MARGIN_TOUCHED_H */
