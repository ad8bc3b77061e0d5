/*
 * reduction.h
 *		Closing some of an account: one step, and the best of them.
 */
#ifndef MARGIN_REDUCTION_H
#define MARGIN_REDUCTION_H

#include "lib/pairingheap.h"

#include "question/plans.h"

/* How an account stands. */
typedef struct Standing
{
	Level		level;
	Decimal		maintenance;
	Decimal		equity;
	Decimal		judged;			/* equity as levels judge it */
	Decimal		gap;			/* maintenance - liquidation threshold * judged equity: what a step is to lower */
	Decimal		positions;		/* maintenance of positions */
	Decimal		debts;			/* and of debts */
} Standing;

typedef struct Reduction
{
	PlanRows	rows;
	const Market *market;
	BoundPortfolio *bound;
	Valuation	v;				/* of the account as it stands */
	MemoryContext context;		/* of all that is kept */
	MemoryContext scratch;		/* of one valuation */
	MemoryContext trial;		/* of one closing that is tried */
	MemoryContext stocks[2];	/* of "now" and of the standing before it, which a step still speaks of */
	int			stock;
	Decimal		lot;
	Decimal		threshold;
	Standing	now;

	/* what may be closed next */
	struct Candidate *candidates;	/* of each position */
	pairingheap *queues[2];		/* of one side; of both sides against each other */
	pairingheap **expiring;		/* of each asset line, NULL: nothing settled in it */
	Decimal		reach;			/* the most that a candidate, as it was tried, moves the two requirements by */
} Reduction;

/* Some of one side, or of both sides against each other. */
typedef struct Closing
{
	PositionLine *line;
	bool		sides[2];
	Decimal		most;			/* contracts of each side that may be closed */
	Decimal		lots;			/* how many lots are */
	Standing	after;
	Decimal		settled;		/* equity of the settlement asset after it */
	Decimal		relief;			/* of maintenance */
} Closing;

/* What a closing brings and costs, in the settlement asset. */
typedef struct Closed
{
	Decimal		quantity;		/* of each side */
	Decimal		notional;		/* these of both */
	Decimal		profit;
	Decimal		fee;
} Closed;

static inline bool
is_undercollateralized(Level level)
{
	return level == LEVEL_LIQUIDATION || level == LEVEL_BANKRUPT;
}

extern void reduction_stand(Standing *standing, const Reduction *r, const Valuation *v);
extern void reduction_open(Reduction *r);
extern bool reduction_find(Reduction *r, Closing *best);
extern void reduction_update(Reduction *r, PositionLine *line, const Decimal *equity_before);
extern void closing_shorten(Reduction *r, Closing *closing);
extern void closing_book(Closed *closed, Reduction *r, const Closing *closing);

#endif							/* MARGIN_REDUCTION_H */
