/*
 * search.c
 *		The first step at which a verdict is reached, from the cuts between which it turns once at most.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "question/search.h"

/* ---------- lists of numbers ---------- */

void
decimal_list_add(DecimalList *list, const Decimal *number)
{
	if (list->count == list->capacity)
	{
		list->capacity = Max(32, 2 * list->capacity);
		list->numbers = list->numbers == NULL ? palloc(list->capacity * sizeof(Decimal)) :
			repalloc_huge(list->numbers, list->capacity * sizeof(Decimal));
	}
	list->numbers[list->count++] = *number;
}

static int
compare_decimals(const void *a, const void *b)
{
	return dec_cmp(a, b);
}

/* In rising order, each number once. */
void
decimal_list_sort(DecimalList *list)
{
	int			kept = 0;

	if (list->count > 1)
		qsort(list->numbers, list->count, sizeof(Decimal), compare_decimals);
	for (int i = 0; i < list->count; i++)
	{
		if (kept == 0 || dec_cmp(&list->numbers[kept - 1], &list->numbers[i]) != 0)
			list->numbers[kept++] = list->numbers[i];
	}
	list->count = kept;
}

/* ---------- searching ---------- */

static const Decimal one = DEC_ONE;

Probe
search_probe(Search *search, const Decimal *n)
{
	Probe		result = {.n = *n};

	result.hit = search->ask(search, n, &result.score);
	return result;
}

/* Where a line through the scores of two probes meets 0, rounded up to a step; false if it does not rise. */
bool
search_interpolate(Decimal *n, const Probe *a, const Probe *b)
{
	Decimal		rise;
	Decimal		run;

	dec_sub(&rise, &b->score, &a->score);
	if (dec_sign(&rise) <= 0)
		return false;
	dec_sub(&run, &b->n, &a->n);
	dec_mul(&run, &run, &a->score);
	dec_div_floor(&run, &run, &rise);
	dec_sub(n, &a->n, &run);
	return true;
}

/*
 * Narrows (miss, hit) until they are adjacent; no other hit is before the hit.
 * Where scores are linear the first guess is the first hit, and the second
 * the step before it.  Halving now and then bounds the number of probes.
 */
static void
narrow(Search *search, Probe *miss, Probe *hit)
{
	const Decimal two = {{2}, 0, 0};

	for (int turn = 0;; turn++)
	{
		Decimal		first;
		Decimal		last;
		Decimal		guess;
		Probe		middle;

		dec_add(&first, &miss->n, &one);
		if (dec_cmp(&first, &hit->n) >= 0)
			return;
		dec_sub(&last, &hit->n, &one);
		if (turn % 3 == 2 || !search_interpolate(&guess, miss, hit))
		{
			dec_add(&guess, &miss->n, &hit->n);
			dec_div_floor(&guess, &guess, &two);
		}
		else if (dec_cmp(&guess, &first) < 0)
			guess = first;
		else if (dec_cmp(&guess, &last) > 0)
			guess = last;
		middle = search_probe(search, &guess);
		if (middle.hit)
			*hit = middle;
		else
			*miss = middle;
	}
}

/* The first hit among the steps between two cuts; there is at least one. */
static bool
search_between(Search *search, const Decimal *from, const Decimal *to, Decimal *n)
{
	Probe		near = search_probe(search, from);
	Probe		far = near;

	if (!near.hit)
	{
		if (dec_cmp(from, to) == 0)
			return false;
		far = search_probe(search, to);
		if (!far.hit)
			return false;
		narrow(search, &near, &far);
	}
	*n = far.n;
	return true;
}

/* More doublings than an amount of all digits that are admitted has. */
#define MOST_DOUBLINGS 10000

/* The first hit behind all cuts. */
bool
search_beyond(Search *search, const Decimal *from, Decimal *n)
{
	Probe		near = search_probe(search, from);
	Probe		far = near;

	for (int doublings = 0; !far.hit; doublings++)
	{
		Decimal		next;
		Decimal		guess;

		if (doublings == MOST_DOUBLINGS)
			elog(ERROR, "a search finds no end");
		dec_add(&next, &far.n, &far.n);
		dec_add(&next, &next, &one);
		if (dec_cmp(&near.n, &far.n) < 0)
		{
			bool		rises = search_interpolate(&guess, &near, &far);

			if (!rises && !search->certain)
				return false;
			if (rises && dec_cmp(&guess, &next) > 0)
				next = guess;
		}
		near = far;
		far = search_probe(search, &next);
	}
	narrow(search, &near, &far);
	*n = far.n;
	return true;
}

/* The first cut that is a hit, or their number, where hits do not end. */
static int
first_cut(Search *search)
{
	int			low = 0;
	int			high = search->ncuts;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (search_probe(search, &search->cuts[middle]).hit)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool search_parts(Search *search, int round, const Decimal *from, const Decimal *to, const Decimal *cuts, int ncuts,
						 Decimal *n);

/*
 * Adds the last step not behind the 0 of a line through "near" at one step and
 * "far" at another, if that is between them, or where "open" anywhere behind the first.
 */
static void
add_zero(DecimalList *cuts, const Decimal *from, const Decimal *to, bool open, const Decimal *near, const Decimal *far)
{
	Decimal		fall;
	Decimal		zero;

	dec_sub(&fall, near, far);
	if (dec_is_zero(&fall) || dec_sign(near) * dec_sign(&fall) < 0 || (!open && dec_sign(near) * dec_sign(far) > 0))
		return;
	dec_sub(&zero, to, from);
	dec_mul(&zero, &zero, near);
	if (dec_sign(&fall) < 0)
	{
		dec_neg(&zero, &zero);
		dec_neg(&fall, &fall);
	}
	dec_div_floor(&zero, &zero, &fall);
	dec_add(&zero, &zero, from);
	decimal_list_add(cuts, &zero);
}

/* The cuts of one round between those of the rounds before. */
DecimalList
cuts_of_round(Search *search, int round, const Decimal *from, const Decimal *to)
{
	DecimalList cuts = {0};
	DecimalList near = {0};
	DecimalList far = {0};
	Decimal		other;

	if (to != NULL)
		other = *to;
	else
		dec_add(&other, from, &one);
	search->differ(search, round, from, &near);
	search->differ(search, round, &other, &far);
	Assert(near.count == far.count);
	for (int i = 0; i < near.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_zero(&cuts, from, &other, to == NULL, &near.numbers[i], &far.numbers[i]);
	}
	decimal_list_sort(&cuts);
	if (near.numbers != NULL)
		pfree(near.numbers);
	if (far.numbers != NULL)
		pfree(far.numbers);
	return cuts;
}

/* The first hit from a step to another, or beyond it, with no cut of the rounds before in between. */
static bool
search_part(Search *search, int round, const Decimal *from, const Decimal *to, Decimal *n)
{
	int			order = to == NULL ? -1 : dec_cmp(from, to);
	DecimalList cuts;
	bool		found;

	if (order > 0)
		return false;
	if (round == search->rounds || order == 0)
		return to == NULL ? search_beyond(search, from, n) : search_between(search, from, to, n);
	cuts = cuts_of_round(search, round, from, to);
	found = search_parts(search, round + 1, from, to, cuts.numbers, cuts.count, n);
	if (cuts.numbers != NULL)
		pfree(cuts.numbers);
	return found;
}

/* The same with these cuts in between. */
static bool
search_parts(Search *search, int round, const Decimal *from, const Decimal *to, const Decimal *cuts, int ncuts, Decimal *n)
{
	Decimal		next = *from;

	for (int i = 0; i < ncuts; i++)
	{
		Decimal		before;

		dec_sub(&before, &cuts[i], &one);
		if (search_part(search, round, &next, &before, n))
			return true;
		if (search_probe(search, &cuts[i]).hit)
		{
			*n = cuts[i];
			return true;
		}
		dec_add(&next, &cuts[i], &one);
	}
	return search_part(search, round, &next, to, n);
}

bool
search_first(Search *search, Decimal *n)
{
	int			i = search->monotone ? first_cut(search) : 0;
	Decimal		from = DEC_ZERO;

	if (i > 0)
		dec_add(&from, &search->cuts[i - 1], &one);
	return search_parts(search, 0, &from, search->open ? NULL : &search->last, search->cuts + i, search->ncuts - i, n);
}
