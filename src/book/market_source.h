/*
 * market_source.h
 *		The published market that a book reads instead of a venue's.
 */
#ifndef MARGIN_MARKET_SOURCE_H
#define MARGIN_MARKET_SOURCE_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "executor/spi.h"
#include "utils/snapshot.h"

#include "book/market_read.h"

/* The view of a book that shows it: a row at most. */
#define MARKET_SOURCE "market_source"

/* What tells a published market from others. */
typedef struct PublishedRow
{
	int64		id;
	TimestampTz at;
	TimestampTz valid_until;
} PublishedRow;

/* The statements that read it, in a schema of that name; all zero at first. */
typedef struct RowReader
{
	NameData	schema;
	SPIPlanPtr	plans[2];		/* which row it is; the market, too */
} RowReader;

extern bool same_row_is_published(RowReader *reader, const PublishedRow *row, Oid anchor, Snapshot snapshot);
extern void read_published_market(RowReader *reader, MarketReading *reading, PublishedRow *row, Oid anchor, Snapshot snapshot, MemoryContext context);
extern void check_still_valid(const PublishedRow *row, Oid anchor, TimestampTz clock);

#endif							/* MARGIN_MARKET_SOURCE_H */
