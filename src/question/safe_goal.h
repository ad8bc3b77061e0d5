/*
 * safe_goal.h
 *		What has to hold while prices move, the search for how far they may, and its proof.
 *
 * A level stays while a few sums of the form
 *
 *		(maintenance or nothing) - threshold * equity
 *
 * stay on one side of 0, wherever in a box of prices the market is.  With some maintenance in
 * it, be it that of positions, of debts or of both, it is the equity that is judged, less
 * what open orders take of it (SPEC 3.10).  A
 * search in double precision finds the largest box in which its bounds of the sums do; the
 * same bounds in decimals decide.
 */
#ifndef MARGIN_SAFE_GOAL_H
#define MARGIN_SAFE_GOAL_H

#include "value/valuation.h"

/* Boxes are whole numbers of this digit: the part of each price that it may move. */
#define SAFE_DIGITS 8
#define SAFE_ALL INT64CONST(100000000)

/* Where a sum can only be shown to stay at or beside 0. */
typedef enum SafeTie
{
	TIE_HOLDS,					/* which is enough */
	TIE_FAILS,
	TIE_NOTHING_REQUIRED,		/* which is enough if there is no maintenance anywhere in the box */
	TIE_REQUIRED				/* if there is some everywhere in it */
} SafeTie;

/* What of the maintenance is in a sum: two bits. */
typedef enum SafeRequired
{
	SAFE_NOTHING = 0,
	SAFE_POSITIONS = 1,
	SAFE_DEBTS = 2,
	SAFE_MAINTENANCE = SAFE_POSITIONS | SAFE_DEBTS
} SafeRequired;

typedef struct SafeGoal
{
	bool		below;			/* the sum stays below 0, or above? */
	SafeRequired required;
	Decimal		threshold;		/* >= 0 */
	SafeTie		tie;
} SafeGoal;

/* About as much; infinite or 0 where doubles end. */
extern double safe_double(const Decimal *a);

/* The first three digits of a number, with zeros behind them. */
static inline int64
leading_digits(int64 n)
{
	int64		unit = 1;

	while (n / unit >= 1000)
		unit *= 10;
	return n / unit * unit;
}

/*
 * What a search leaves to the next one and to the proof, by which all are faster and none
 * another: the lines that it found (safe_bound.h), by number of the valuation's assets at most.
 */
typedef struct SafeHints
{
	bool		known;
	int		   *lines;
} SafeHints;

/* The account must have been valued with VALUE_MAINTENANCE | VALUE_LINES, and be priced. */
extern int64 safe_search(const Valuation *v, const Market *market, const SafeGoal *goals, int ngoals, double least, SafeHints *hints);

typedef struct SafeProof SafeProof;

extern SafeProof *safe_proof_open(const Valuation *v, const Market *market, const SafeHints *hints);
extern bool safe_proven(const SafeProof *proof, const SafeGoal *goal, int64 n);

#endif							/* MARGIN_SAFE_GOAL_H */
