/*
 * solve_price.h
 *		A price that moves, with all that moves along, for the search in solve_price.c.
 *
 * The search knows of a price only what it does to an account, and two things that
 * make its answers exact.  In the units that a mover values in
 *
 * - every amount to which a schedule applies is linear in the price, as far as it is not
 *   one of orders, and so are marks, and
 * - so is every bound of its schedule, and every limit price: it stays, or is in proportion to the price.
 *
 * What units those are is the mover's choice.  Verdicts are the same in all.
 */
#ifndef MARGIN_SOLVE_PRICE_H
#define MARGIN_SOLVE_PRICE_H

#include "question/solve.h"

typedef struct Mover
{
	Account    *account;
	Decimal		present;		/* the price now */
	void		(*open) (struct Mover *mover);	/* goes on in a market of our own */
	void		(*value_at) (struct Mover *mover, const Decimal *price);
} Mover;

/* Both give NULL where the price does not reach the account, whose present valuation is at hand. */
extern Mover *move_mark(Account *account, int contract, bool linked);
extern Mover *move_asset(Account *account, int asset);

#endif							/* MARGIN_SOLVE_PRICE_H */
