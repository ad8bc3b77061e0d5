/*
 * netting.h
 *		A portfolio under construction: holdings in any order, netted by symbol.
 *
 * This is the state of the aggregate portfolio(), and at the same time an
 * expanded object that stands for the portfolio: the final function hands it
 * out as it is, evaluate() reads it directly, and whoever stores or compares
 * it makes PostgreSQL ask for the flat form.  Lives in one memory context,
 * which everything it points to shares.
 */
#ifndef MARGIN_NETTING_H
#define MARGIN_NETTING_H

#include "utils/expandeddatum.h"

#include "value/portfolio.h"

typedef struct Netting
{
	ExpandedObjectHeader header;
	SymbolTable balances;		/* of Balance; some may have netted to 0 */
	SymbolTable positions;		/* of Position */
	struct varlena *flat;		/* the flat form, where it has been asked for since the last change */
	uint64		identity;		/* likewise what tells it from all others in the session, 0: it was not asked for */
} Netting;

extern Netting *netting_create(MemoryContext context);
extern Netting *netting_load(const struct varlena *portfolio);
extern const Netting *netting_from_datum(Datum portfolio);
extern uint64 netting_identity(Datum portfolio);
extern void netting_add_balance(Netting *netting, const Symbol *asset, const Decimal *quantity);
extern void netting_add_lot(Netting *netting, const Symbol *contract, const Decimal *quantity, const Decimal *price,
							const Decimal *leverage);
extern void netting_add_order(Netting *netting, const Symbol *contract, const Decimal *quantity, const Decimal *price,
							  const Decimal *leverage);
extern const Position *netting_settled(const Netting *netting, int number);
extern Position *netting_position(Netting *netting, const Symbol *contract);
extern struct varlena *netting_flatten(const Netting *netting);

/* Numbers of a holding from outside, refused where they cannot be */
extern void holding_number(Decimal *r, Datum value, const char *what, const Symbol *symbol);
extern void holding_price(Decimal *r, Datum value, const char *what, const Symbol *symbol);
extern void holding_leverage(Decimal *r, Datum value, const Symbol *symbol);

#endif							/* MARGIN_NETTING_H */
