/*
 * market_read.h
 *		Reading the market of a venue from its tables: all of it, or its prices alone.
 */
#ifndef MARGIN_MARKET_READ_H
#define MARGIN_MARKET_READ_H

#include "postgres.h"

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "book/acting.h"
#include "value/market.h"

/* For clocks of since <= clock < until nothing begins or ends by itself. */
typedef struct Period
{
	TimestampTz since;
	TimestampTz until;
} Period;

static inline bool
period_holds(const Period *period, TimestampTz clock)
{
	return clock >= period->since && clock < period->until;
}

/* A market with what is needed to give it other prices; in memory of its own, which is used again. */
typedef struct MarketReading
{
	Market	   *market;
	Size		room;			/* bytes that there are for it */
	int64	   *ages;			/* of assets, then contracts: microseconds that a price lasts */
	int			nages;
	Period		terms;			/* of everything but prices */
	Period		whole;
	bool		timed;			/* or whole is no more than the instant it was read for */
} MarketReading;

#define LASTS_FOR_EVER PG_INT64_MAX

extern NullableDatum ask_home(const char *function, Oid anchor, const Argument *arguments, int count);
extern void read_whole_market(MarketReading *reading, Oid anchor, TimestampTz clock, MemoryContext context);
extern bool read_quotes(MarketReading *reading, const MarketReading *terms, Oid anchor, Snapshot snapshot, TimestampTz clock, MemoryContext context);
extern void keep_market(MarketReading *reading, const Market *market, TimestampTz until, MemoryContext context);
extern void free_reading(MarketReading *reading);

#endif							/* MARGIN_MARKET_READ_H */
