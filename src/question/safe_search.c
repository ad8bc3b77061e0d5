/*
 * safe_search.c
 *		The search in double precision for how far prices may move.  It decides nothing.
 */
#include "postgres.h"

#include <math.h>

#include "miscadmin.h"

#include "question/safe_goal.h"

/* ---------- doubles ---------- */

double
safe_double(const Decimal *a)
{
	static const double power10[] = {
		1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
		1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22
	};
	char	   *text;
	double		result;

	if (likely(a->scale >= 0 && a->scale < (int) lengthof(power10)))
		return (dec_is_narrow(a) ? (double) (int64) a->low : (double) dec_mantissa(a)) / power10[a->scale];
	/* of a thousand digits: strtod() gives infinity or 0 where numeric's own conversion would raise an error */
	text = dec_text(a);
	result = strtod(text, NULL);
	pfree(text);
	return result;
}

typedef double Number;

#define NUM_ZERO 0.0
#define NUM_ONE 1.0
#define NUM_SLOPES_PRECISE true	/* at once, whatever the digits asked for */
static inline void
num_load(double *r, const Decimal *stored, const void *base)
{
	Decimal		buffer;

	*r = safe_double(base == NULL ? stored : dec_flat(stored, base, &buffer));
}

static inline void num_add(double *r, const double *a, const double *b) { *r = *a + *b; }
static inline void num_sub(double *r, const double *a, const double *b) { *r = *a - *b; }
static inline void num_mul(double *r, const double *a, const double *b) { *r = *a * *b; }
static inline int num_sign(const double *a) { return (*a > 0) - (*a < 0); }
static inline int num_cmp(const double *a, const double *b) { return (*a > *b) - (*a < *b); }
static inline void num_quotient_up(double *r, const double *a, const double *b) { *r = *a / *b; }
static inline void num_quotient_down(double *r, const double *a, const double *b) { *r = *a / *b; }
static inline void num_hundredths(double *r, int n) { *r = n / 100.0; }

static inline void
num_near_slope(double *r, const double *x0, const double *y0, const double *x1, const double *y1, int digits)
{
	*r = *x1 > *x0 ? (*y0 - *y1) / (*x1 - *x0) : 0;
}

static inline void
num_near_meeting(double *r, const double *slope0, const double *constant0, const double *slope1, const double *constant1)
{
	*r = (*constant0 - *constant1) / (*slope1 - *slope0);
}

/* ---------- schedules: the tier that was found last is at hand in doubles ---------- */

typedef struct Tiers
{
	const Schedule *schedule;
	int			tier;			/* -1: none yet */
	double		from;
	double		to;
	double		rate;
	double		intercept;
} Tiers;

static inline void
tiers_open(Tiers *tiers, const Schedule *schedule)
{
	tiers->schedule = schedule;
	tiers->tier = -1;
	tiers->from = tiers->to = 0;
}

static inline int tiers_count(const Tiers *tiers) { return tiers->schedule->count; }
static inline bool tiers_whole(const Tiers *tiers) { return tiers->schedule->method == TIER_WHOLE; }

static inline void
tiers_bound(double *r, const Tiers *tiers, int tier)
{
	num_load(r, &tiers->schedule->tiers[tier].bound, tiers->schedule);
}

static void
tiers_take(Tiers *tiers, int tier)
{
	tiers->tier = tier;
	tiers_bound(&tiers->from, tiers, tier);
	tiers->to = HUGE_VAL;
	if (tier + 1 < tiers_count(tiers))
		tiers_bound(&tiers->to, tiers, tier + 1);
	num_load(&tiers->rate, &tiers->schedule->tiers[tier].rate, tiers->schedule);
	num_load(&tiers->intercept, &tiers->schedule->tiers[tier].intercept, tiers->schedule);
}

static void
tiers_search(Tiers *tiers, double x)
{
	int			low = 0;
	int			high = tiers_count(tiers);

	while (low + 1 < high)
	{
		int			middle = (low + high) / 2;
		double		bound;

		tiers_bound(&bound, tiers, middle);
		if (bound <= x)
			low = middle;
		else
			high = middle;
	}
	tiers_take(tiers, low);
}

static inline int
tiers_find(Tiers *tiers, const double *x)
{
	if (unlikely(!(*x >= tiers->from && *x < tiers->to)))
		tiers_search(tiers, *x);
	return tiers->tier;
}

static inline void
tiers_hold(Tiers *tiers, int tier)
{
	if (unlikely(tiers->tier != tier))
		tiers_take(tiers, tier);
}

static inline void
tiers_rate(double *r, Tiers *tiers, int tier)
{
	tiers_hold(tiers, tier);
	*r = tiers->rate;
}

static inline void
tiers_intercept(double *r, Tiers *tiers, int tier)
{
	tiers_hold(tiers, tier);
	*r = tiers->intercept;
}

static inline void
tiers_line(double *r, Tiers *tiers, int tier, const double *x)
{
	tiers_hold(tiers, tier);
	*r = tiers->rate * *x + tiers->intercept;
}

static inline void
tiers_apply(double *r, Tiers *tiers, const double *x)
{
	tiers_line(r, tiers, tiers_find(tiers, x), x);
}

#include "question/safe_bound.h"

/* ---------- the search ---------- */

/* How far a sum stays from 0 in a box of that size, on the side where it must be; negative (or not a number) beyond. */
static double
slack(const BoundAccount *account, Box *box, double x)
{
	Bound		bound;

	box->x = x;
	box->low = 1 - x;
	box->high = 1 + x;
	bound_account(&bound, account, box);
	return box->below ? -bound.worst : bound.worst;
}

#define SEARCH_STEPS 100
#define STEPS_BY_LINE 10
#define SEARCH_WIDTH 1e-11

/*
 * The largest box, at most "most", in which one sum stays where it must:
 * the line through the two ends, where an end that stays twice counts half (the Illinois method).
 * Where a sum jumps by many powers of ten that would take as many steps, so
 * after some of them every other step takes the middle.
 */
static double
largest_box(const BoundAccount *account, Box *box, double most)
{
	double		low = 0;
	double		high = most;
	double		at_high = slack(account, box, high);
	double		at_low = slack(account, box, low);
	int			stayed = 0;

	/* the account is where it is: doubles that deny it see too little to decide more */
	if (at_high >= 0 || !(at_low >= 0))
		return most;
	for (int i = 0; i < SEARCH_STEPS && high - low > SEARCH_WIDTH; i++)
	{
		double		x = low + (high - low) * (at_low / (at_low - at_high));
		double		at_x;

		if (!(x > low && x < high) || (i > STEPS_BY_LINE && i % 2 == 0))
			x = (low + high) / 2;
		at_x = slack(account, box, x);
		if (at_x >= 0)
		{
			low = x;
			at_low = at_x;
			if (stayed > 0)
				at_high /= 2;
			stayed = 1;
		}
		else
		{
			high = x;
			at_high = at_x;
			if (stayed < 0)
				at_low /= 2;
			stayed = -1;
		}
	}
	return low;
}

/*
 * The largest box, from 0 to 1, that seems to be safe; 0 where one of size "least" does
 * not, so that an account with less room than anybody wants costs one look.
 */
double
safe_search(const Valuation *v, const Market *market, const SafeGoal *goals, int ngoals, double least)
{
	BoundAccount account;
	double		most = 1;

	load_account(&account, v, market);
	for (int i = 0; i < ngoals; i++)
	{
		Box			box = {.below = goals[i].below, .judged = goals[i].required != SAFE_NOTHING,
			.positions = (goals[i].required & SAFE_POSITIONS) != 0, .debts = (goals[i].required & SAFE_DEBTS) != 0};

		num_load(&box.threshold, &goals[i].threshold, NULL);
		if (least > 0 && !(slack(&account, &box, least) >= 0))
			return 0;
		most = largest_box(&account, &box, most);
	}
	return most;
}
