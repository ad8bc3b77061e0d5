/*
 * market_copy.h
 *		The present market of a book, kept by the session that judges writes in it.
 */
#ifndef MARGIN_MARKET_COPY_H
#define MARGIN_MARKET_COPY_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "book/book.h"
#include "value/market.h"

/* Tables of a venue that its market is made of. */
#define MARKET_SOURCES 10

/* What a book's "copy" is; only market_copy.c writes it. */
typedef struct MarketCopy
{
	const Market *market;		/* NULL: none, not even an old one */
	uint64		reading;		/* which reading this was, of all in the session, from 1 */
	MemoryContext context;		/* of the market */
	Oid			messenger;		/* the relation whose invalidation says that it changed; InvalidOid: not known yet */
	Oid			sources[MARKET_SOURCES];	/* relations that may be altered */
	bool		stale;
	TimestampTz made;
	TimestampTz expires;
	struct MarketCopy *next;
} MarketCopy;

extern void market_expect(Book *book);
extern const MarketCopy *present_market(Book *book, Snapshot snapshot, TimestampTz clock);
extern uint64 market_reading(const Book *book, TimestampTz clock);

#endif							/* MARGIN_MARKET_COPY_H */
