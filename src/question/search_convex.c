/*
 * search_convex.c
 *		The first step at which a verdict is reached, from the shape of its score.
 *
 * A function that is convex lies below the line through any two of its points between
 * them, and above it on both sides.  So a score that is convex and negative at two
 * steps is negative between them, and one search for where it crosses 0 is all.
 *
 * Of a difference, rise - fall, both convex, the rise is no more than its line between two
 * steps a and b, and the fall no less than the line through a and a step before it, nor than
 * that through b and a step behind it.  Where the one is below the larger of the other two
 * in all of the interval, all of it is a miss.  The closer the steps, the less
 * is lost, by the square of their distance: what is no hit is
 * ruled out in a few large pieces, and those get smaller only near a hit.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "question/search.h"

/* A step that has been looked at. */
typedef struct Point
{
	Probe		probe;			/* first */
	bool		required;		/* is anything, so that the difference decides? */
	Decimal		rise;
	Decimal		fall;
	Jumps	   *jumps;			/* in these, or NULL */
} Point;

/* Those that are ahead, the nearest last. */
typedef struct Points
{
	int			count;
	int			capacity;
	Point	   *points;
} Points;

static const Decimal one = DEC_ONE;

static Point
look_at(Search *search, const Decimal *n)
{
	Point		point = {.probe = search_probe(search, n)};

	if (search->split != NULL)
		point.required = search->split(search, &point.rise, &point.fall, &point.jumps);
	return point;
}

static void
forget_point(const Search *search, const Point *point)
{
	if (search->forget != NULL && point->jumps != NULL)
		search->forget(point->jumps);
}

/* The first hit is what is looked for: what lies behind one is forgotten. */
static void
put_ahead(const Search *search, Points *ahead, const Point *point)
{
	while (point->probe.hit && ahead->count > 0)
		forget_point(search, &ahead->points[--ahead->count]);
	if (ahead->count == ahead->capacity)
	{
		ahead->capacity = Max(16, 2 * ahead->capacity);
		ahead->points = ahead->points == NULL ? palloc(ahead->capacity * sizeof(Point)) :
			repalloc(ahead->points, ahead->capacity * sizeof(Point));
	}
	ahead->points[ahead->count++] = *point;
}

/* ---------- what is ruled out ---------- */

/*
 * By how much at "to" the rise is above the line through the falls at "from" and at "behind", times the distance
 * of these two, which is put into "distance".
 */
static Decimal
excess_over_line(const Point *behind, const Point *from, const Point *to, Decimal *distance)
{
	Decimal		way;
	Decimal		slope;
	Decimal		excess;

	dec_sub(distance, &from->probe.n, &behind->probe.n);
	dec_sub(&way, &to->probe.n, &from->probe.n);
	if (dec_sign(distance) < 0)
	{
		dec_neg(distance, distance);
		dec_neg(&way, &way);
	}
	dec_sub(&slope, &from->fall, &behind->fall);
	dec_mul(&slope, &slope, &way);
	dec_sub(&excess, &to->rise, &from->fall);
	dec_mul(&excess, &excess, distance);
	dec_sub(&excess, &excess, &slope);
	return excess;
}

/* The step as part of what is convex from it to another one, and to one behind it, if any. */
static Point
made_convex(const Search *search, const Point *here, const Point *there, const Point *behind)
{
	Point		result = *here;
	Decimal		unused = DEC_ZERO;

	if (search->jump == NULL)
		return result;
	search->jump(&result.rise, &result.fall, here->jumps, there->jumps);
	if (behind != NULL)
		search->jump(&unused, &result.fall, here->jumps, behind->jumps);
	return result;
}

/*
 * Is all between two misses a miss?  With s the difference at a step, and u the excess of the rise over the line
 * from the other step, the line of the rise reaches that from a at the part s(a) / (s(a) - u(b)) of the
 * way, and is not below that from b up to the part u(a) / (u(a) - s(b)): nowhere above both if
 * u(a) * u(b) < s(a) * s(b).
 */
static bool
all_miss(const Search *search, const Point *before, const Point *first, const Point *last, const Point *behind)
{
	const Point a = made_convex(search, first, last, before);
	const Point b = made_convex(search, last, first, behind);
	Decimal		from_a;
	Decimal		from_b;
	Decimal		distance_a;
	Decimal		distance_b;
	Decimal		of_a;
	Decimal		of_b;
	Decimal		scores;

	if (!a.required && !b.required)
		return true;
	dec_sub(&of_a, &a.rise, &a.fall);
	dec_sub(&of_b, &b.rise, &b.fall);
	if (dec_sign(&of_a) >= 0 || dec_sign(&of_b) >= 0)
		return false;

	/* each excess is so many times as large as its distance says */
	if (before != NULL)
	{
		from_a = excess_over_line(before, &a, &b, &distance_a);
		if (dec_sign(&from_a) < 0)
			return true;
	}
	if (behind != NULL)
	{
		from_b = excess_over_line(behind, &b, &a, &distance_b);
		if (dec_sign(&from_b) < 0)
			return true;
	}
	if (before == NULL || behind == NULL)
		return false;
	dec_mul(&from_a, &from_a, &from_b);
	dec_mul(&scores, &of_a, &of_b);
	dec_mul(&scores, &scores, &distance_a);
	dec_mul(&scores, &scores, &distance_b);
	return dec_cmp(&from_a, &scores) < 0;
}

/* ---------- where to look next ---------- */

/* Half way, or, as most of what happens happens near, not much farther than everything has changed. */
static Decimal
half_way(const Search *search, const Decimal *from, const Decimal *to)
{
	const Decimal two = {{2}, 0, 0};
	Decimal		near;
	Decimal		half;

	dec_add(&half, from, to);
	dec_div_floor(&half, &half, &two);
	dec_add(&near, from, from);
	dec_add(&near, &near, &search->scale);
	return dec_cmp(&near, &half) < 0 ? near : half;
}

/* How far a step is from the nearer of two around it. */
static Decimal
distance_from_ends(const Decimal *n, const Decimal *from, const Decimal *to)
{
	Decimal		left;
	Decimal		right;

	dec_sub(&left, n, from);
	dec_sub(&right, to, n);
	return dec_cmp(&left, &right) < 0 ? left : right;
}

/* Twice as far from an end that is close: so that the next one to be looked at is the other one. */
static void
overshoot(Decimal *n, const Decimal *from, const Decimal *to)
{
	const Decimal eight = {{8}, 0, 0};
	Decimal		way = distance_from_ends(n, from, to);
	Decimal		width;
	Decimal		left;

	dec_sub(&width, to, from);
	dec_mul(&left, &way, &eight);
	if (dec_cmp(&left, &width) >= 0)
		return;
	dec_sub(&left, n, from);
	if (dec_cmp(&left, &way) == 0)
		dec_add(n, n, &way);
	else
		dec_sub(n, n, &way);
}

/*
 * The step at which a hyperbola through two misses and the hit behind them crosses 0; false if it does not between the last
 * two.  From the last miss, with u and w the ways to the others, f0, f1 and f2 the scores, it does after
 * u w (f0 - f2) f1 / ((f0 - f1) f2 w - (f2 - f1) f0 u): Jarratt and Nudds, Computer Journal 8 (1965), 62.
 * A score that is flat and rises only near the hit is one rather than a line.
 */
static bool
hyperbola_crosses(Decimal *n, const Probe *before, const Probe *miss, const Probe *hit)
{
	Decimal		u;
	Decimal		w;
	Decimal		above;
	Decimal		below;
	Decimal		part;

	dec_sub(&u, &before->n, &miss->n);
	dec_sub(&w, &hit->n, &miss->n);
	dec_sub(&above, &before->score, &hit->score);
	dec_mul(&above, &above, &miss->score);
	dec_mul(&above, &above, &u);
	dec_mul(&above, &above, &w);
	dec_sub(&below, &before->score, &miss->score);
	dec_mul(&below, &below, &hit->score);
	dec_mul(&below, &below, &w);
	dec_sub(&part, &hit->score, &miss->score);
	dec_mul(&part, &part, &before->score);
	dec_mul(&part, &part, &u);
	dec_sub(&below, &below, &part);
	if (dec_sign(&above) * dec_sign(&below) <= 0)
		return false;

	/* rounded up */
	if (dec_sign(&below) < 0)
		dec_neg(&below, &below);
	else
		dec_neg(&above, &above);
	dec_div_floor(&above, &above, &below);
	dec_sub(n, &miss->n, &above);
	return dec_cmp(n, &hit->n) < 0;
}

/* How fast the interval that the hit is in gets smaller. */
typedef struct Narrowing
{
	int			guesses;		/* since its width was this */
	Decimal		width;
} Narrowing;

/* Was it more than a quarter after two guesses?  They are counted anew then. */
static bool
is_slow(Narrowing *narrowing, const Point *from, const Point *to)
{
	const Decimal four = {{4}, 0, 0};
	Decimal		width;

	dec_sub(&width, &to->probe.n, &from->probe.n);
	if (narrowing->guesses == 0)
		narrowing->width = width;
	if (narrowing->guesses++ < 2)
		return false;
	narrowing->guesses = 0;
	dec_mul(&width, &width, &four);
	return dec_cmp(&width, &narrowing->width) > 0;
}

/*
 * Where the hit between a miss and a hit may be: by a line through both, which leads before it where the score is convex, and by
 * a hyperbola in turns.  Halving where both are slow bounds the number of turns.
 */
static Decimal
guess_hit(const Search *search, const Point *before, const Point *from, const Point *to, Narrowing *narrowing)
{
	Decimal		guess;

	if (is_slow(narrowing, from, to))
		return half_way(search, &from->probe.n, &to->probe.n);
	if (narrowing->guesses % 2 == 0 && before != NULL && hyperbola_crosses(&guess, &before->probe, &from->probe, &to->probe))
		return guess;
	if (!search_interpolate(&guess, &from->probe, &to->probe))
		return half_way(search, &from->probe.n, &to->probe.n);
	overshoot(&guess, &from->probe.n, &to->probe.n);
	return guess;
}

/*
 * Moves a step that lies far from two around it to one that is valued faster.  Near a hit the score is linear, and the
 * exact guess is the hit.
 */
static void
shorten_guess(const Search *search, Decimal *guess, const Decimal *from, const Decimal *to)
{
	const Decimal part = {{125}, 0, 3};
	const Decimal least = {{1}, 0, 6};
	Decimal		room = distance_from_ends(guess, from, to);
	Decimal		far;

	if (search->shorten == NULL)
		return;
	dec_mul(&room, &room, &part);
	dec_mul(&far, &search->scale, &least);
	if (dec_cmp(&room, &far) > 0)
		search->shorten(search, guess, &room);
}

/* A step between two that are not neighbours. */
static Decimal
step_between(const Search *search, const Point *before, const Point *from, const Point *to, Narrowing *narrowing)
{
	Decimal		guess;
	Decimal		first;
	Decimal		last;

	dec_add(&first, &from->probe.n, &one);
	dec_sub(&last, &to->probe.n, &one);
	if (to->probe.hit)
		guess = guess_hit(search, before, from, to, narrowing);
	else if (before == NULL)
		return first;			/* for the line of the fall there */
	else
		guess = half_way(search, &from->probe.n, &to->probe.n);
	shorten_guess(search, &guess, &from->probe.n, &to->probe.n);
	return dec_cmp(&guess, &first) < 0 ? first : dec_cmp(&guess, &last) > 0 ? last : guess;
}

static bool
are_neighbours(const Point *a, const Point *b)
{
	Decimal		next;

	dec_add(&next, &a->probe.n, &one);
	return dec_cmp(&next, &b->probe.n) >= 0;
}

/* Is nothing between two steps, or nothing but misses? */
static bool
is_passed(const Search *search, const Point *before, const Point *from, const Point *to, const Point *behind)
{
	if (are_neighbours(from, to))
		return true;
	if (to->probe.hit)
		return false;
	return search->split == NULL || all_miss(search, before, from, to, behind);
}

/* The first hit behind a miss, up to the farthest of those ahead. */
static bool
first_ahead(Search *search, Point from, Points *ahead, Decimal *n)
{
	Point		passed;
	const Point *before = NULL;
	Narrowing	narrowing = {0};

	while (ahead->count > 0)
	{
		const Point *to = &ahead->points[ahead->count - 1];
		const Point *behind = ahead->count > 1 ? to - 1 : NULL;

		CHECK_FOR_INTERRUPTS();
		if (!is_passed(search, before, &from, to, behind))
		{
			Decimal		guess = step_between(search, before, &from, to, &narrowing);
			Point		middle = look_at(search, &guess);

			put_ahead(search, ahead, &middle);
			continue;
		}
		if (to->probe.hit)
		{
			*n = to->probe.n;
			return true;
		}
		if (before != NULL)
			forget_point(search, before);
		passed = from;
		before = &passed;
		from = *to;
		ahead->count--;
	}
	return false;
}

/* ---------- the whole ---------- */

/* A step behind which all is linear: behind what the rounds find, too. */
static Decimal
last_bend(Search *search)
{
	Decimal		bend = dec_sign(&search->last) > 0 ? search->last : DEC_ZERO;

	for (int round = 0; round < search->rounds; round++)
	{
		Decimal		from;
		DecimalList cuts;

		dec_add(&from, &bend, &one);
		cuts = cuts_of_round(search, round, &from, NULL);
		if (cuts.count > 0 && dec_cmp(&bend, &cuts.numbers[cuts.count - 1]) < 0)
			bend = cuts.numbers[cuts.count - 1];
	}
	return bend;
}

/* Looks at the end and, where it is a miss, for the line of the fall there, at the step before it. */
static void
look_at_end(Search *search, Points *ahead, const Decimal *end)
{
	Point		point;
	Decimal		inner;

	if (dec_sign(end) <= 0)
		return;
	point = look_at(search, end);
	put_ahead(search, ahead, &point);
	if (search->split == NULL || point.probe.hit || dec_cmp(end, &one) <= 0)
		return;
	dec_sub(&inner, end, &one);
	point = look_at(search, &inner);
	put_ahead(search, ahead, &point);
}

bool
search_convex(Search *search, Decimal *n)
{
	Decimal		end = search->open ? last_bend(search) : search->last;
	Points		ahead = {0};
	Point		first;

	*n = DEC_ZERO;
	first = look_at(search, n);
	if (first.probe.hit)
		return true;
	look_at_end(search, &ahead, &end);
	if (first_ahead(search, first, &ahead, n))
		return true;
	if (!search->open)
		return false;
	dec_add(&end, &end, &one);
	return search_beyond(search, &end, n);
}
