/*
 * search.h
 *		The first of the steps 0, 1, 2, ... at which a verdict is reached: a hit.
 *
 * Two searches, by what is known of the score.  search_first() has all cuts, between
 * which little can happen, and looks at each on its way; search_convex() has none,
 * and rules out what lies between two steps by the shape of the score.
 * Both ask the exact verdict at the step that they give and at the one before it.
 */
#ifndef MARGIN_SEARCH_H
#define MARGIN_SEARCH_H

#include "base/decimal.h"

/* A growing list of numbers. */
typedef struct DecimalList
{
	int			count;
	int			capacity;
	Decimal    *numbers;
} DecimalList;

extern void decimal_list_add(DecimalList *list, const Decimal *number);
extern void decimal_list_sort(DecimalList *list);

/* What a search keeps of a step at which something may jump; only who splits the score knows what it is. */
typedef struct Jumps Jumps;

/*
 * ask() gives the verdict at a step and its score: negative at a miss, or 0,
 * and a guide to where the next hit may be.
 *
 * Between two cuts, both left out, hits begin once at most and do not end: all
 * before are misses, all behind are hits.  A cut may be anything.  Where
 * "monotone" is set, hits do not end at all.
 *
 * Where not all cuts are known beforehand they are found in "rounds", each between
 * those of the rounds before: differ() lists, always in the same order, numbers
 * that are linear in the steps between two such cuts, and wherever one of them
 * is 0 there is a cut.  Only what lies on the way is asked for.
 */
typedef struct Search
{
	bool		(*ask) (struct Search *search, const Decimal *n, Decimal *score);
	void		(*differ) (struct Search *search, int round, const Decimal *n, DecimalList *differences);
	int			rounds;
	Decimal		last;			/* the last step, unless "open" */
	bool		open;			/* there is no last step; of a convex search "last" is the last bend then */
	bool		certain;		/* an open search finds a hit; else scores are linear behind the last cut */
	bool		monotone;
	int			ncuts;
	Decimal    *cuts;			/* ascending, each once */

	/* what search_convex() wants besides */
	bool		(*split) (struct Search *search, Decimal *rise, Decimal *fall, Jumps **jumps);
	void		(*jump) (Decimal *rise, Decimal *fall, const Jumps *here, const Jumps *there);
	void		(*forget) (Jumps *jumps);
	void		(*shorten) (const struct Search *search, Decimal *n, const Decimal *room);
	Decimal		scale;			/* about as many steps away everything has changed */
} Search;

extern bool	search_first(Search *search, Decimal *n);

/*
 * The same where the score is convex, and hits do not end, or where it is the difference of two
 * convex functions, which split() gives for the step that was asked for last: then a step is a miss
 * wherever the difference is below 0.  split() is false where equity alone decides: if it does at two
 * steps that are misses, all between are.
 *
 * Where what split() gives is not convex but jumps, split() notes what may jump, too.  From the notes of two steps jump()
 * adds to the rise and the fall at the first what makes both convex between the two: the rise gets no lower, the fall no
 * higher.  forget() frees the notes of a step.
 *
 * There are no cuts; of what differ() lists only what has the last zero counts.  Behind that and
 * the last bend the score is linear.  shorten() moves a step that is no more than
 * a guess by "room" at most, to one that is valued faster.
 */
extern bool search_convex(Search *search, Decimal *n);

/* One look at a number of steps. */
typedef struct Probe
{
	Decimal		n;
	bool		hit;
	Decimal		score;
} Probe;

/* What the two searches share. */
extern Probe search_probe(Search *search, const Decimal *n);
extern bool search_interpolate(Decimal *n, const Probe *a, const Probe *b);
extern bool search_beyond(Search *search, const Decimal *from, Decimal *n);
extern DecimalList cuts_of_round(Search *search, int round, const Decimal *from, const Decimal *to);

#endif							/* MARGIN_SEARCH_H */
