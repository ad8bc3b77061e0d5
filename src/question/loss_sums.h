/*
 * loss_sums.h
 *		What accounts lack, lose and hold where prices have moved, added up.
 */
#ifndef MARGIN_LOSS_SUMS_H
#define MARGIN_LOSS_SUMS_H

#include "value/valuation.h"

/* USD, of priced accounts. */
typedef struct LossSums
{
	Decimal		shortfall;		/* what equities lack to maintenance margins */
	Decimal		loss;			/* of the bankrupt, what their equities are below 0 */
	Decimal		notional[2];	/* by PortfolioSide, of the undercollateralized */
} LossSums;

/*
 * Adds a priced account, valued with VALUE_MAINTENANCE; the sums live in "context".  "contracts", unless NULL,
 * takes notionals by number in the market, both sides together.
 */
extern void loss_sums_add(LossSums *sums, Decimal *contracts, const Valuation *v, const Market *market, MemoryContext context);

#endif							/* MARGIN_LOSS_SUMS_H */
