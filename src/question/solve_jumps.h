/*
 * solve_jumps.h
 *		What schedules that jump may add between two prices.
 *
 * Where the rate of a tier applies to all of an amount, what comes of it jumps at
 * each bound and is not convex.  But between two prices an amount is in no higher tier than
 * at one of them, as it is convex: the amount at the higher one of the two rates, which is convex, is no less
 * than what comes of it, and the amount at the lower one, if it is linear, no more.
 */
#ifndef MARGIN_SOLVE_JUMPS_H
#define MARGIN_SOLVE_JUMPS_H

#include "question/solve.h"

extern bool account_jumps(const Account *account);
extern Jumps *note_jumps(const Account *account);
extern void forget_jumps(Jumps *jumps);
extern void add_jumps(Decimal *rise, Decimal *fall, const Jumps *here, const Jumps *there);

#endif							/* MARGIN_SOLVE_JUMPS_H */
