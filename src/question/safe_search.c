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

/* ---------- schedules: the two tiers that were found last are at hand in doubles, as boxes have two ends ---------- */

typedef struct TierLine
{
	int			tier;			/* -1: none yet */
	double		from;
	double		to;
	double		rate;
	double		intercept;
} TierLine;

typedef struct Tiers
{
	const Schedule *schedule;
	int			last;
	TierLine	lines[2];
} Tiers;

static inline void
tiers_open(Tiers *tiers, const Schedule *schedule)
{
	tiers->schedule = schedule;
	tiers->last = 0;
	for (int i = 0; i < 2; i++)
	{
		tiers->lines[i].tier = -1;
		tiers->lines[i].from = tiers->lines[i].to = 0;
	}
}

static inline int tiers_count(const Tiers *tiers) { return tiers->schedule->count; }
static inline bool tiers_whole(const Tiers *tiers) { return tiers->schedule->method == TIER_WHOLE; }

static inline void
tiers_bound(double *r, const Tiers *tiers, int tier)
{
	num_load(r, &tiers->schedule->tiers[tier].bound, tiers->schedule);
}

/* In the place of the one that was found before the last. */
static void
tiers_take(Tiers *tiers, int tier)
{
	TierLine   *line = &tiers->lines[tiers->last];

	line->tier = tier;
	tiers_bound(&line->from, tiers, tier);
	line->to = HUGE_VAL;
	if (tier + 1 < tiers_count(tiers))
		tiers_bound(&line->to, tiers, tier + 1);
	num_load(&line->rate, &tiers->schedule->tiers[tier].rate, tiers->schedule);
	num_load(&line->intercept, &tiers->schedule->tiers[tier].intercept, tiers->schedule);
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

static inline bool
line_holds(const TierLine *line, double x)
{
	return x >= line->from && x < line->to;
}

static inline int
tiers_find(Tiers *tiers, const double *x)
{
	if (!line_holds(&tiers->lines[tiers->last], *x))
	{
		tiers->last ^= 1;
		if (unlikely(!line_holds(&tiers->lines[tiers->last], *x)))
			tiers_search(tiers, *x);
	}
	return tiers->lines[tiers->last].tier;
}

static inline const TierLine *
tiers_hold(Tiers *tiers, int tier)
{
	if (tiers->lines[tiers->last].tier != tier)
	{
		tiers->last ^= 1;
		if (unlikely(tiers->lines[tiers->last].tier != tier))
			tiers_take(tiers, tier);
	}
	return &tiers->lines[tiers->last];
}

static inline void
tiers_rate(double *r, Tiers *tiers, int tier)
{
	*r = tiers_hold(tiers, tier)->rate;
}

static inline void
tiers_intercept(double *r, Tiers *tiers, int tier)
{
	*r = tiers_hold(tiers, tier)->intercept;
}

static inline void
tiers_line(double *r, Tiers *tiers, int tier, const double *x)
{
	const TierLine *line = tiers_hold(tiers, tier);

	*r = line->rate * *x + line->intercept;
}

static inline void
tiers_apply(double *r, Tiers *tiers, const double *x)
{
	tiers_line(r, tiers, tiers_find(tiers, x), x);
}

#include "question/safe_bound.h"

/* ---------- the search ---------- */

typedef struct Search
{
	const BoundAccount *account;
	Box			box;
	BoundSum	resting;
	bool		coarse;			/* three digits are enough */
} Search;

/* How far a sum stays from 0 in a box of n units, on the side where it must be; negative (or not a number) beyond. */
static double
slack(Search *search, int64 n)
{
	Box		   *box = &search->box;
	Bound		bound;

	box->x = (double) n / SAFE_ALL;
	box->low = 1 - box->x;
	box->high = 1 + box->x;
	bound_account(&bound, search->account, box, &search->resting);
	return box->below ? -bound.worst : bound.worst;
}

/* A box, and what its slack is. */
typedef struct Tried
{
	int64		n;
	double		slack;
} Tried;

#define STEPS_OUT 8
#define STEPS_BY_LINE 10

/* Where the line through two boxes is 0, at most "most"; where it never is, that. */
static int64
line_reaches(const Tried *a, const Tried *b, int64 most)
{
	double		n = b->n + b->slack * (b->n - a->n) / (a->slack - b->slack);

	return n >= b->n && n < most ? (int64) n : most;
}

/*
 * From a box that is safe further out, along the line through the last two, until one is not:
 * that is "high".  False if all are up to "most".
 */
static bool
search_out(Search *search, Tried *low, Tried *high, int64 first, int64 most)
{
	int64		n = Min(first, most);

	for (int i = 0;; i++)
	{
		*high = (Tried) {n, slack(search, n)};
		if (!(high->slack >= 0))
			return true;
		if (n == most)
			return false;
		n = i < STEPS_OUT ? Min(line_reaches(low, high, most), most - 1) + 1 : most;
		*low = *high;
	}
}

/*
 * Between a box that is safe and one that is not: the line through the two, where an end that
 * stays twice counts half (the Illinois method).  Where a sum jumps by many powers of ten that would take
 * many steps, so after some of them every other step takes the middle.
 */
static void
search_between(Search *search, Tried *low, Tried *high)
{
	double		at_low = low->slack;
	double		at_high = high->slack;
	int			stayed = 0;

	for (int i = 0; high->n - low->n > 1; i++)
	{
		double		x = low->n + (high->n - low->n) * (at_low / (at_low - at_high));
		Tried		next = {low->n + (high->n - low->n) / 2, 0};

		if (search->coarse && low->n > 0 && leading_digits(low->n) == leading_digits(high->n - 1))
			return;
		if (x >= low->n && x < high->n && !(i > STEPS_BY_LINE && i % 2 == 0))
			next.n = Max((int64) x, low->n + 1);
		next.slack = slack(search, next.n);
		if (next.slack >= 0)
		{
			*low = next;
			at_low = next.slack;
			if (stayed > 0)
				at_high /= 2;
			stayed = 1;
		}
		else
		{
			*high = next;
			at_high = next.slack;
			if (stayed < 0)
				at_low /= 2;
			stayed = -1;
		}
	}
}

/* Doubles are off in their last digits: a box that is unsafe by no more than that is given, and its proof will tell. */
#define NEARLY 0.998

/* The largest box, at most "most", in which one sum stays where it must; 0 if "first" is none, where that is the least wanted. */
static int64
largest_box(Search *search, int64 first, int64 most)
{
	Tried		low = {0, slack(search, 0)};
	Tried		high;

	/* the account is where it is: doubles that deny it see too little to decide more */
	if (!(low.slack >= 0))
		return most;
	if (!search_out(search, &low, &high, first, most))
		return most;
	if (search->coarse && low.n == 0)
		return 0;
	search_between(search, &low, &high);
	return high.n - low.n == 1 && low.slack >= NEARLY * (low.slack - high.slack) ? high.n : low.n;
}

/* Where a search begins that knows nothing: a fiftieth, near which half of all accounts have their end. */
#define FIRST_BOX (SAFE_ALL / 50)

/*
 * The largest box that seems to be safe; 0 where one of size "least" does
 * not, so that an account with less room than anybody wants costs one look.
 */
int64
safe_search(const Valuation *v, const Market *market, const SafeGoal *goals, int ngoals, double least, SafeHints *hints)
{
	BoundAccount account;
	int64		first = least > 0 ? (int64) ceil(Min(least, 1) * SAFE_ALL) : FIRST_BOX;
	int64		most = SAFE_ALL;

	load_account(&account, v, market);
	take_hints(&account, hints);
	for (int i = 0; i < ngoals && most > 0; i++)
	{
		Search		search = {.account = &account, .coarse = least > 0};

		search.box = (Box) {.below = goals[i].below, .judged = goals[i].required != SAFE_NOTHING,
			.positions = (goals[i].required & SAFE_POSITIONS) != 0, .debts = (goals[i].required & SAFE_DEBTS) != 0};
		num_load(&search.box.threshold, &goals[i].threshold, NULL);
		bound_resting(&search.resting, &account, &search.box);
		most = largest_box(&search, first, most);
	}
	hints->known = true;
	for (int i = 0; i < account.nassets; i++)
		hints->lines[i] = account.assets[i].line;
	return most;
}
