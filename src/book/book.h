/*
 * book.h
 *		Books, the keys of their accounts, and locks on accounts.
 *
 * A book is a schema that margin.create_book() made; what is needed of it here
 * is its view "holding", whose account_id is the key and whose owner is the
 * book's.  A key
 * travels as text, in the one form that its type prints: whole numbers, text
 * and uuid have one, which no setting changes, so equal keys are equal bytes.
 */
#ifndef MARGIN_BOOK_H
#define MARGIN_BOOK_H

#include "postgres.h"

#include "executor/spi.h"

typedef enum KeyKind
{
	KEY_INTEGER,
	KEY_TEXT,
	KEY_UUID
} KeyKind;

typedef struct Book
{
	Oid			schema;			/* first: a hash table finds books by it */
	NameData	name;			/* of the schema, as it is in the plans */
	Oid			holding;		/* the view; InvalidOid: to be looked up */
	KeyKind		keys;
	/* the guard's statements: about one account, its rule, and for the market */
	SPIPlanPtr	portfolio;
	SPIPlanPtr	level;
	SPIPlanPtr	keeping;
	SPIPlanPtr	gains;
	SPIPlanPtr	market;
	int			checked;		/* the generation of the first one's plan that is known to be stable */
	Oid			venue_type;		/* what tells the venue to market_copy.c; InvalidOid: its bridge has to be asked */
	uint64		bridge_asked;	/* after how many changes of functions that was found out */
	const struct Market *present;	/* while it is judged: the market */
	uint64		reading;		/* and which reading of it that is */
	bool		gains_asked;	/* and whether paper gains carry, once somebody has some */
	bool		gains_carry;
	bool		told;			/* and whether an error may tell what is in an account */
} Book;

/* What stands for an account in a lock: accounts that share it share the lock, too. */
typedef struct AccountLock
{
	uint64		hash;
	Oid			holding;
} AccountLock;

/* The setting margin.guard_wait: milliseconds, 0 is for ever. */
extern int	guard_wait;

/* Whether plans of books may be running, so that none is forgotten. */
extern bool book_plans_run;

extern Book *book_open(const char *name);
extern Book *book_of_holding(Oid holding);
extern void book_reopen(Book *book);
extern Oid	book_owner(const Book *book);
extern const char *book_object(const Book *book, const char *name);
extern KeyKind book_key_kind(Oid relation, AttrNumber column);
extern char *book_key_text(KeyKind kind, Oid type, Datum key);
extern Oid	book_key_type(KeyKind kind);
extern Datum book_key_datum(KeyKind kind, const char *text);
extern uint64 book_account_hash(const Book *book, const char *text);
extern void book_lock_accounts(AccountLock *locks, int count);

#endif							/* MARGIN_BOOK_H */
