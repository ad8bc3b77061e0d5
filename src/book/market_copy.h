/*
 * market_copy.h
 *		The present market of each venue, kept by the session.
 */
#ifndef MARGIN_MARKET_COPY_H
#define MARGIN_MARKET_COPY_H

#include "postgres.h"

#include "access/xact.h"
#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "book/book.h"
#include "value/market.h"

/* The market that a book is judged by, in memory that lives as long as the context given. */
typedef struct PresentMarket
{
	const Market *market;
	uint64		reading;		/* which of all in the session, from 1; 0: one that is not kept */
} PresentMarket;

extern PresentMarket present_market(Book *book, Snapshot snapshot, TimestampTz clock, MemoryContext context);
extern bool market_is_of_venue(const Book *book);
extern uint64 market_reading(const Book *book, Snapshot snapshot, TimestampTz clock);
extern bool published_id(const Market *market, int64 *id);
extern void market_copy_at_transaction_end(XactEvent event);
extern void market_copy_at_subtransaction_end(SubXactEvent event);

#endif							/* MARGIN_MARKET_COPY_H */
