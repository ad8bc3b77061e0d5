/*
 * shocks.h
 *		Many scenarios of one market, laid out for value_bound().
 *
 * The markets of all scenarios are copies of the records of one market that
 * differ in their prices; schedules and names stay where they are.  A portfolio
 * is bound once, in shocks_market(), and valued in each.
 */
#ifndef MARGIN_SHOCKS_H
#define MARGIN_SHOCKS_H

#include "question/shock.h"

/* One scenario, at offsets from the market. */
typedef struct ShockRecords
{
	Size		assets;
	Size		contracts;
} ShockRecords;

typedef struct Shocks
{
	char	   *block;			/* the market, then the records of the scenarios */
	int			count;
	ShockRecords *records;		/* in the order of the scenarios */
} Shocks;

extern void shocks_build(Shocks *shocks, const Market *market, Scenario *const *scenarios, int count, bool linked,
						 MemoryContext scratch);

static inline const Market *
shocks_market(const Shocks *shocks)
{
	return (const Market *) shocks->block;
}

static inline const MarketAsset *
shocks_assets(const Shocks *shocks, int number)
{
	return (const MarketAsset *) (shocks->block + shocks->records[number].assets);
}

static inline const MarketContract *
shocks_contracts(const Shocks *shocks, int number)
{
	return (const MarketContract *) (shocks->block + shocks->records[number].contracts);
}

#endif							/* MARGIN_SHOCKS_H */
