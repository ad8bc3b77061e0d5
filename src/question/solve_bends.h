/*
 * solve_bends.h
 *		Where what decides about an account bends while a price moves.
 *
 * Between bends all of it is linear in the price, in the units of solve_price.h.
 * Where most of them are is told from amounts that are linear in all of the price, or, of legs with
 * their orders filled, behind all limit prices: measures.  The others follow from amounts that are linear
 * only between those, or only between those again: they are found in rounds.
 */
#ifndef MARGIN_SOLVE_BENDS_H
#define MARGIN_SOLVE_BENDS_H

#include "question/solve.h"

/* An amount that is linear in the price, and where it bends what comes of it. */
typedef struct Measure
{
	const Schedule *schedule;	/* at its bounds; */
	const OrderList *orders;	/* or at these limit prices; of neither at 0 */
	Decimal		amount;
	Decimal		last;			/* of the bounds, or prices */
} Measure;

extern Measure *list_measures(const Account *account, int *count);
extern Measure *list_ordered_measures(const Account *account, int *count);
extern int	measure_bounds(const Measure *measure);
extern Decimal measure_bound(const Measure *measure, int number);

/* Rounds of an account, and the differences that are 0 where something bends, as Search wants them. */
#define MAX_BEND_ROUNDS 2

typedef struct BendRounds
{
	int			count;
	void		(*list[MAX_BEND_ROUNDS]) (const Account *account, DecimalList *differences);
} BendRounds;

extern void differ_from_bounds(DecimalList *differences, const Schedule *schedule, const Decimal *amount);
extern void differ_opening(DecimalList *differences, const LegRequirement legs[2], const MarketContract *contract, const Market *market);

extern BendRounds bend_rounds(const Account *account);
extern bool orders_fold(const Account *account);

#endif							/* MARGIN_SOLVE_BENDS_H */
