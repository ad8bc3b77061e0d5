/*
 * safe_proof.c
 *		The proof, in exact decimals, that prices may move that far.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "question/safe_goal.h"

/* ---------- decimals ---------- */

typedef Decimal Number;

#define NUM_ZERO DEC_ZERO
#define NUM_ONE DEC_ONE
#define NUM_SLOPES_PRECISE false
#define num_add dec_add
#define num_sub dec_sub
#define num_mul dec_mul
#define num_sign dec_sign
#define num_cmp dec_cmp
#define num_quotient_up dec_div_ceil18
#define num_quotient_down dec_div_floor18

static inline void
num_load(Decimal *r, const Decimal *stored, const void *base)
{
	Decimal		buffer;

	*r = base == NULL ? *stored : *dec_flat(stored, base, &buffer);
}

static inline void
num_hundredths(Decimal *r, int n)
{
	dec_set(r, n, 2);
}

/*
 * The slope down from one point to another, to so many digits; rounded down, which
 * leaves the first of the points the higher one of the two on a line of that slope.
 */
static void
num_near_slope(Decimal *r, const Decimal *x0, const Decimal *y0, const Decimal *x1, const Decimal *y1,
			   int digits)
{
	Decimal		rise,
				run;
	double		slope;
	int			scale;

	*r = DEC_ZERO;
	dec_sub(&rise, y0, y1);
	dec_sub(&run, x1, x0);
	slope = safe_double(&rise) / safe_double(&run);
	if (!(slope > 0 && slope < HUGE_VAL))
		return;
	scale = Max(digits - 1 - (int) floor(log10(slope)), 0);
	slope *= 1 - 1e-14;
	if (slope < 1e17 && scale <= DEC_MAX_SCALE / 2)
		dec_set(r, (int64) floor(slope * pow(10.0, scale)), scale);
	else
	{
		char	   *text = psprintf("%.*f", scale, slope);

		dec_parse(r, text, strlen(text));
		pfree(text);
	}
	dec_normalize(r);
}

/* About where two lines meet, from 0 to 2; 12 digits are enough, as any place will do. */
static void
num_near_meeting(Decimal *r, const Decimal *slope0, const Decimal *constant0, const Decimal *slope1, const Decimal *constant1)
{
	Decimal		rise,
				run;
	double		factor;

	dec_sub(&rise, constant0, constant1);
	dec_sub(&run, slope1, slope0);
	factor = safe_double(&rise) / safe_double(&run);
	if (factor > 0 && factor < 2)
		dec_set(r, (int64) rint(factor * 1e12), 12);
	else
		dec_set(r, factor >= 2 ? 2 : 0, 0);
	dec_normalize(r);
}

/* ---------- schedules ---------- */

typedef const Schedule *Tiers;

static inline void tiers_open(Tiers *tiers, const Schedule *schedule) { *tiers = schedule; }
static inline int tiers_count(const Tiers *tiers) { return (*tiers)->count; }
static inline bool tiers_whole(const Tiers *tiers) { return (*tiers)->method == TIER_WHOLE; }
static inline int tiers_find(const Tiers *tiers, const Decimal *x) { return schedule_find_tier(*tiers, x); }
static inline void tiers_apply(Decimal *r, const Tiers *tiers, const Decimal *x) { schedule_apply(r, *tiers, x); }

static inline void
tiers_bound(Decimal *r, const Tiers *tiers, int tier)
{
	num_load(r, &(*tiers)->tiers[tier].bound, *tiers);
}

static inline void
tiers_rate(Decimal *r, const Tiers *tiers, int tier)
{
	num_load(r, &(*tiers)->tiers[tier].rate, *tiers);
}

static inline void
tiers_intercept(Decimal *r, const Tiers *tiers, int tier)
{
	num_load(r, &(*tiers)->tiers[tier].intercept, *tiers);
}

static inline void
tiers_line(Decimal *r, const Tiers *tiers, int tier, const Decimal *x)
{
	Decimal		part;

	tiers_rate(&part, tiers, tier);
	dec_mul(r, &part, x);
	tiers_intercept(&part, tiers, tier);
	dec_add(r, r, &part);
}

#include "question/safe_bound.h"

/* ---------- the proof ---------- */

typedef struct SafeProof
{
	BoundAccount account;
} SafeProof;

SafeProof *
safe_proof_open(const Valuation *v, const Market *market, const SafeHints *hints)
{
	SafeProof  *proof = palloc(sizeof(SafeProof));

	load_account(&proof->account, v, market);
	take_hints(&proof->account, hints);
	return proof;
}

/* Is there no maintenance anywhere in the box, or some everywhere in it? */
static bool
maintenance_proven(const SafeProof *proof, bool some, int64 n)
{
	const SafeGoal goal = {
		.below = !some, .required = SAFE_MAINTENANCE, .threshold = DEC_ZERO, .tie = some ? TIE_FAILS : TIE_HOLDS
	};

	return safe_proven(proof, &goal, n);
}

/*
 * Does the sum stay on its side in the whole box of n units?
 *
 * With x = 1 the lower ends are 0, where every f is 0, but no prices.  Each f is
 * bounded by a function of p that is convex, where it is bounded from above, or a
 * line, and 0 or on the wrong side where p = 0.  If the sum of the worst
 * is 0 none is on the wrong side at the upper end of p; between
 * the ends each is then at most a part above 0 of what it is there, and
 * their sum is not 0 if it is not 0 at the upper ends.
 */
bool
safe_proven(const SafeProof *proof, const SafeGoal *goal, int64 n)
{
	const Decimal one = DEC_ONE;
	Box			box = {.below = goal->below, .judged = goal->required != SAFE_NOTHING, .positions = (goal->required & SAFE_POSITIONS) != 0,
		.debts = (goal->required & SAFE_DEBTS) != 0, .threshold = goal->threshold};
	int			side = goal->below ? -1 : 1;
	BoundSum	resting;
	Bound		bound;

	CHECK_FOR_INTERRUPTS();
	dec_set(&box.x, n, SAFE_DIGITS);
	dec_normalize(&box.x);
	dec_sub(&box.low, &one, &box.x);
	dec_add(&box.high, &one, &box.x);
	bound_resting(&resting, &proof->account, &box);
	bound_account(&bound, &proof->account, &box, &resting);
	if (dec_sign(&bound.worst) != 0)
		return dec_sign(&bound.worst) == side;
	if (goal->tie == TIE_HOLDS || (n == SAFE_ALL && dec_sign(&bound.top) == side))
		return true;
	return goal->tie != TIE_FAILS && maintenance_proven(proof, goal->tie == TIE_REQUIRED, n);
}
