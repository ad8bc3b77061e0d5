/*
 * netting.h
 *		Holdings on their way to a portfolio: rows in any order, netted by symbol.
 *
 * Lives in one memory context, which everything it points to shares.  Neither
 * flattening nor serializing changes it.
 */
#ifndef MARGIN_NETTING_H
#define MARGIN_NETTING_H

#include "portfolio.h"

typedef struct Netting
{
	MemoryContext context;
	SymbolTable balances;		/* of Balance */
	SymbolTable positions;		/* of Position */
} Netting;

extern Netting *netting_create(MemoryContext context);
extern void netting_add_balance(Netting *netting, const Symbol *asset, const Decimal *quantity);
extern void netting_add_position(Netting *netting, const Position *position);
extern struct varlena *netting_flatten(const Netting *netting);

#endif							/* MARGIN_NETTING_H */
