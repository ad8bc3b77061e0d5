/*
 * market_news.h
 *		What a session hears of the tables that the market of a venue is read from.
 */
#ifndef MARGIN_MARKET_NEWS_H
#define MARGIN_MARKET_NEWS_H

#include "postgres.h"

#include "access/xlogdefs.h"
#include "utils/snapshot.h"

/* Tables of a venue that its market is made of. */
#define MARKET_SOURCES 12

/* What is told apart: prices change by the second, terms hardly by the day. */
typedef enum Channel
{
	TERMS,
	QUOTES,
	CHANNELS
} Channel;

/*
 * The earliest snapshots that see whatever has been told of: those with a later
 * xmax, or with the same and at most that many transactions running below it.
 */
typedef struct Fence
{
	TransactionId xmax;
	int			running;		/* -1: none with the same xmax */
} Fence;

typedef struct MarketNews
{
	Oid			anchor;			/* the venue's view planned_change */
	Oid			messengers[CHANNELS];	/* relations whose invalidation says that something was written */
	Oid			sources[MARKET_SOURCES];	/* relations that may be altered */
	bool		all_told;		/* whether every write to them is */
	uint64		learned;		/* the alterations after which this was found out */
	uint64		alterations;	/* what makes anything worthless that was read before */
	uint64		messages[CHANNELS];
	Fence		fences[CHANNELS];
	struct MarketNews *next;
} MarketNews;

/* The alterations of what holds at no other moment: they are counted from 1. */
#define NO_ALTERATIONS 0

/* How many messages there had been, and whether a market read since may be shared. */
typedef struct MarketMoment
{
	uint64		alterations;
	uint64		messages[CHANNELS];
} MarketMoment;

/*
 * What a transaction may have written itself.  A command that is still writing
 * shows more and more to queries in its triggers, all of which have the same
 * command number: then what they see is the same only until the session writes
 * anything, which moves the end of its log.
 */
typedef struct OwnWrites
{
	bool		some;
	bool		going_on;
	XLogRecPtr	log_end;		/* invalid: not everything is logged */
} OwnWrites;

extern uint64 functions_changed;

extern void news_subscribe(MarketNews *news, Oid anchor);
extern bool news_learn(MarketNews *news);
extern MarketMoment news_moment(const MarketNews *news);
extern OwnWrites news_own_writes(const MarketNews *news);
extern bool news_steady(MarketNews *news, Channel channel, Snapshot snapshot);
extern bool news_abreast(MarketNews *news, Channel channel, Snapshot snapshot);

#endif							/* MARGIN_MARKET_NEWS_H */
