/*
 * shock.h
 *		A market with some of its prices moved.
 *
 * A move changes the index price of one asset, or of all, or the mark price
 * of one contract: to a price, or to a multiple of the present one, which is
 * exact.  A move of one asset takes the place of the move of all.
 *
 * Linked marks follow: mark' = mark * (P_base' / P_base) / (P_settle' / P_settle),
 * rounded half away from zero at the 18th decimal, where an asset's price has
 * changed and the contract has no move of its own.  An underlying that the
 * market does not list moves as all prices do.
 */
#ifndef MARGIN_SHOCK_H
#define MARGIN_SHOCK_H

#include "utils/array.h"

#include "value/market.h"

typedef struct PriceMove
{
	Symbol		symbol;			/* length 0: all assets */
	bool		contract;
	bool		absolute;
	Decimal		value;			/* the price, or what it is multiplied by; > 0 */
} PriceMove;

typedef struct Scenario
{
	Symbol		name;			/* first: a SymbolTable holds these; length 0: none */
	int			count;
	int			capacity;
	PriceMove  *moves;
} Scenario;

extern void scenario_add_row(Scenario *scenario, Datum row, bool isnull);
extern void scenarios_read(SymbolTable *scenarios, ArrayType *array);
extern Market *shock_copy(Market *copy, const Market *market, const Scenario *scenario, bool linked);

#endif							/* MARGIN_SHOCK_H */
