/*
 * reduction_step.c
 *		What to close next of an undercollateralized account without orders.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "question/reduction.h"
#include "question/trade.h"

/* ---------- closing some contracts ---------- */

/* The standing of a valued account, in the current context. */
void
reduction_stand(Standing *standing, const Reduction *r, const Valuation *v)
{
	*standing = (Standing) {.level = v->level};
	dec_copy_into(&standing->maintenance, &v->maintenance_margin, CurrentMemoryContext);
	dec_copy_into(&standing->equity, &v->equity, CurrentMemoryContext);
	dec_copy_into(&standing->judged, &v->judged_equity, CurrentMemoryContext);
	dec_mul(&standing->gap, &r->threshold, &standing->judged);
	dec_sub(&standing->gap, &standing->maintenance, &standing->gap);
	dec_copy_into(&standing->positions, &v->position_maintenance, CurrentMemoryContext);
	dec_copy_into(&standing->debts, &v->debt_maintenance, CurrentMemoryContext);
}

/* So many lots, but no more than may be closed. */
static void
closing_quantity(Decimal *quantity, const Reduction *r, const Closing *closing, const Decimal *lots)
{
	dec_mul(quantity, &r->lot, lots);
	if (dec_cmp(quantity, &closing->most) > 0)
		*quantity = closing->most;
}

/* Closes at mark, less the fee, and values what is left; numerics go to the current context. */
static void
book_lots(Closed *closed, Reduction *r, const Closing *closing, const Decimal *lots)
{
	const MarketContract *terms = closing->line->terms;
	Position	position = closing->line->position;
	Decimal		balance = closing->line->booked->balance;
	Decimal		unit_buffer;
	Decimal		size_buffer;
	Decimal		fee_buffer;

	*closed = (Closed) {.notional = DEC_ZERO};
	closing_quantity(&closed->quantity, r, closing, lots);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		PositionSide taken;
		Decimal		notional;
		Decimal		profit;

		if (!closing->sides[i])
			continue;
		position_take(&taken, &position.sides[i], i, &closed->quantity);
		dec_mul(&notional, dec_flat(&terms->unit_notional, r->market, &unit_buffer), &taken.quantity);
		side_profit(&profit, i, &notional, dec_flat(&terms->size, r->market, &size_buffer), &taken.cost);
		dec_add(&closed->notional, &closed->notional, &notional);
		dec_add(&closed->profit, &closed->profit, &profit);
	}
	dec_mul(&closed->fee, dec_flat(&terms->closing_fee, r->market, &fee_buffer), &closed->notional);
	dec_add(&balance, &balance, &closed->profit);
	dec_sub(&balance, &balance, &closed->fee);
	bound_replace(r->bound, closing->line, &position, &balance);
}

void
closing_book(Closed *closed, Reduction *r, const Closing *closing)
{
	book_lots(closed, r, closing, &closing->lots);
}

/* How the account would stand after closing so many lots; it stays as it is. */
static void
try_closing(Standing *after, Reduction *r, Closing *closing, const Decimal *lots)
{
	MemoryContext caller = MemoryContextSwitchTo(r->scratch);
	PositionLine *line = closing->line;
	Valuation	v_before = r->v;
	PositionLine line_before = *line;
	AssetLine	settle_before = *line->booked;
	Closed		closed;

	book_lots(&closed, r, closing, lots);
	MemoryContextSwitchTo(caller);
	reduction_stand(after, r, &r->v);
	closing->settled = DEC_ZERO;
	dec_copy_into(&closing->settled, &line->booked->equity, caller);
	*line->booked = settle_before;
	*line = line_before;
	r->v = v_before;
	MemoryContextReset(r->scratch);
}

/* ---------- searching among numbers of lots ---------- */

/* A question about a number of lots: false below some number, true from there on. */
typedef bool (*LotsTest) (Reduction *r, Closing *closing, const Decimal *lots, const void *arg);

/* The least number of lots > 0 that passes, known to be "limit" at most (NULL: any). */
static void
least_lots(Decimal *least, Reduction *r, Closing *closing, LotsTest test, const void *arg, const Decimal *limit)
{
	const Decimal one = DEC_ONE;
	int			count = 0;
	int			capacity = 64;
	Decimal    *powers = palloc(capacity * sizeof(Decimal));
	Decimal		power = DEC_ONE;
	Decimal		low = DEC_ZERO; /* does not pass */

	/* double until it passes, then halve */
	while ((limit == NULL || dec_cmp(&power, limit) < 0) && !test(r, closing, &power, arg))
	{
		CHECK_FOR_INTERRUPTS();
		if (count == capacity)
			powers = repalloc(powers, (capacity *= 2) * sizeof(Decimal));
		low = powers[count++] = power;
		dec_add(&power, &power, &power);
	}
	for (int i = count - 2; i >= 0; i--)
	{
		Decimal		middle;

		dec_add(&middle, &low, &powers[i]);
		if ((limit == NULL || dec_cmp(&middle, limit) < 0) && !test(r, closing, &middle, arg))
			low = middle;
	}
	dec_add(least, &low, &one);
	pfree(powers);
}

/* How much is to be closed of a side, in what its tiers are in; or, "beyond", a little more than that. */
typedef struct Distance
{
	Decimal		amount;
	bool		beyond;
} Distance;

/* Contracts, in what the tiers of their contract are in: themselves, or their notional. */
static void
in_tier_unit(Decimal *amount, const Reduction *r, const PositionLine *line, const Decimal *contracts)
{
	Decimal		buffer;

	if (line->terms->tier_unit == TIERS_IN_CONTRACTS)
		*amount = *contracts;
	else
		dec_mul(amount, contracts, dec_flat(&line->terms->unit_notional, r->market, &buffer));
}

/* Do so many lots cover the distance, or all that may be closed? */
static bool
covers_distance(Reduction *r, Closing *closing, const Decimal *lots, const void *arg)
{
	const Distance *distance = arg;
	Decimal		amount;
	int			order;

	dec_mul(&amount, &r->lot, lots);
	if (dec_cmp(&amount, &closing->most) >= 0)
		return true;
	in_tier_unit(&amount, r, closing->line, &amount);
	order = dec_cmp(&amount, &distance->amount);
	return distance->beyond ? order > 0 : order >= 0;
}

/* Does one lot more than these bring the account no nearer? */
static bool
is_near_enough(Reduction *r, Closing *closing, const Decimal *lots, const void *arg)
{
	const Decimal one = DEC_ONE;
	Standing	here;
	Standing	there;
	Decimal		next;

	dec_add(&next, lots, &one);
	try_closing(&here, r, closing, lots);
	try_closing(&there, r, closing, &next);
	return dec_cmp(&there.gap, &here.gap) >= 0;
}

static bool
recovers(Reduction *r, Closing *closing, const Decimal *lots, const void *arg)
{
	Standing	after;

	try_closing(&after, r, closing, lots);
	return !is_undercollateralized(after.level);
}

/* Closes no more than brings the account back, if that does. */
void
closing_shorten(Reduction *r, Closing *closing)
{
	if (recovers(r, closing, &closing->lots, NULL))
		least_lots(&closing->lots, r, closing, recovers, NULL, &closing->lots);
}

/* ---------- one step ---------- */

/*
 * How far contracts are above the tier below their own: to its lower bound,
 * where that tier ends; or beyond it, where the rate of a tier applies from
 * its bound on to everything.
 */
static void
distance_to_next_tier(Distance *distance, const Reduction *r, const PositionLine *line, const Decimal *contracts)
{
	const Schedule *maintenance = market_schedule(r->market, line->terms->maintenance);
	Decimal		amount;
	Decimal		buffer;
	int			tier;

	in_tier_unit(&amount, r, line, contracts);
	tier = schedule_find_tier(maintenance, &amount);
	distance->beyond = maintenance->method == TIER_WHOLE;
	dec_sub(&distance->amount, &amount, dec_flat(&maintenance->tiers[tier].bound, maintenance, &buffer));
	if (!distance->beyond && tier > 0 && dec_is_zero(&distance->amount))
		dec_sub(&distance->amount, &amount, dec_flat(&maintenance->tiers[tier - 1].bound, maintenance, &buffer));
}

/* The most that one step closes of both sides against each other: one tier of either. */
static bool
matched_reach(Closing *closing, Distance *distance, const Reduction *r)
{
	const PositionLine *line = closing->line;
	const PositionSide *sides = line->position.sides;
	PortfolioSide larger = larger_side(sides);
	Distance	other;

	if (dec_is_zero(&sides[1 - larger].quantity) || line->terms->netting == NETTING_NET)
		return false;
	closing->most = sides[1 - larger].quantity;
	distance_to_next_tier(distance, r, line, &sides[larger].quantity);
	if (line->terms->netting == NETTING_LEG)
	{
		distance_to_next_tier(&other, r, line, &sides[1 - larger].quantity);
		if (dec_cmp(&other.amount, &distance->amount) < 0)
			*distance = other;
	}
	return true;
}

/* The most that one step closes of one side: one tier, and what exceeds the other side where only that counts. */
static bool
side_reach(Closing *closing, Distance *distance, const Reduction *r, PortfolioSide side)
{
	const PositionLine *line = closing->line;
	const PositionSide *sides = line->position.sides;
	Decimal		counts = sides[side].quantity;

	closing->most = counts;
	if (line->terms->netting != NETTING_LEG)
		dec_sub(&closing->most, &closing->most, &sides[1 - side].quantity);
	if (dec_sign(&closing->most) <= 0)
		return false;
	if (line->terms->netting == NETTING_NET)
		counts = closing->most;
	distance_to_next_tier(distance, r, line, &counts);
	return true;
}

/*
 * Fits the number of lots of a step that reaches the next tier and has been tried: where closing
 * that much comes to cost more than it relieves, to the number that brings the
 * account nearest.  False where none brings it nearer.
 *
 * Within a tier requirements fall along a line, and what fees take from equity
 * weighs the more the more of it is gone: the gap falls, then rises.
 */
static bool
fit_lots(Reduction *r, Closing *closing)
{
	const Decimal one = DEC_ONE;
	Decimal		before;

	dec_sub(&before, &closing->lots, &one);
	if (dec_sign(&before) > 0)
	{
		Standing	less;

		try_closing(&less, r, closing, &before);
		if (dec_cmp(&less.gap, &closing->after.gap) < 0)
		{
			const Decimal none = DEC_ZERO;

			if (is_near_enough(r, closing, &none, NULL))
				return false;
			least_lots(&closing->lots, r, closing, is_near_enough, NULL, &before);
			try_closing(&closing->after, r, closing, &closing->lots);
		}
	}
	return dec_cmp(&closing->after.gap, &r->now.gap) < 0;
}

/* ---------- the best of many steps ---------- */

/*
 * Each step takes the closing that relieves most, and changes little of what the others
 * would do.  So all that may be closed waits in a queue by its relief, and only what has changed is tried again.
 *
 * What a closing does is told by its own line and by the equity E of the asset in which it settles, since
 * the two requirements and equity are sums, and it takes its fee F of E and no more: at mark, profit is
 * booked that was counted before.  The part of E is c(E - F) - c(E), where c is linear between the bounds of that
 * asset's tiers.  E falls only.  So what was found stays true while E - F is in the piece of c that E was in
 * when it was tried, whatever has been closed elsewhere: until E comes down to "expires".
 *
 * After that, its relief is not known, but it is no more than "bound", by how much all of it
 * lowers the requirement of positions; for fewer lots lower that less, debts grow with F, and the sum or
 * the larger of the two requirements falls by no more than its parts.  A candidate of which only that is known is
 * tried when it comes first.  The first one whose relief is known is then the best.
 *
 * Where the larger of both requirements counts, a relief is told by how much larger that of positions is, too,
 * once a closing reaches that far; then all relief is found anew.
 */
typedef struct Candidate
{
	pairingheap_node node;		/* in a queue, if "queued" */
	pairingheap_node expiry;	/* among those settled in the same asset, if "expires" */
	PositionLine *line;
	bool		sides[2];
	bool		possible;		/* is there something to close? */
	bool		queued;
	bool		expires;
	bool		known;			/* is "relief" what it relieves, or the bound of that? */
	Decimal		most;
	Decimal		reaching;		/* lots to the next tier */
	Decimal		lots;			/* of them, where known */
	Decimal		bound;
	Decimal		relief;
	Decimal		expired;		/* the equity of the asset at which it no longer holds */
} Candidate;

/* What may be closed of one position: long, short, both against each other. */
enum
{
	CLOSE_LONG,
	CLOSE_SHORT,
	CLOSE_MATCHED,
	CLOSINGS
};

static inline bool
is_matched(const Candidate *candidate)
{
	return candidate->sides[SIDE_LONG] && candidate->sides[SIDE_SHORT];
}

/* The most relief comes first; of equals byte order decides, then long is before short. */
static int
compare_relief(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const Candidate *x = pairingheap_const_container(Candidate, node, a);
	const Candidate *y = pairingheap_const_container(Candidate, node, b);
	int			order = dec_cmp(&x->relief, &y->relief);

	if (order == 0)
		order = symbol_cmp(&y->line->position.symbol, &x->line->position.symbol);
	return order != 0 ? order : (int) x->sides[SIDE_LONG] - (int) y->sides[SIDE_LONG];
}

/* What expires at the highest equity, which is reached next, comes first. */
static int
compare_expiry(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	return dec_cmp(&pairingheap_const_container(Candidate, expiry, a)->expired,
				   &pairingheap_const_container(Candidate, expiry, b)->expired);
}

static inline pairingheap *
expiring(const Reduction *r, const Candidate *candidate)
{
	return r->expiring[candidate->line->booked - r->v.assets];
}

static void
enqueue(Reduction *r, Candidate *candidate, const Decimal *relief, bool known)
{
	if (&candidate->relief != relief)
		dec_copy_into(&candidate->relief, relief, r->context);
	candidate->known = known;
	candidate->queued = true;
	pairingheap_add(r->queues[is_matched(candidate)], &candidate->node);
}

/* Nothing is known of it any more. */
static void
withdraw(Reduction *r, Candidate *candidate)
{
	if (candidate->queued)
		pairingheap_remove(r->queues[is_matched(candidate)], &candidate->node);
	if (candidate->expires)
		pairingheap_remove(expiring(r, candidate), &candidate->expiry);
	candidate->queued = candidate->expires = false;
}

/* Nothing is known of it but the bound. */
static void
forget(Reduction *r, Candidate *candidate)
{
	withdraw(r, candidate);
	enqueue(r, candidate, &candidate->bound, false);
}

/*
 * Down to which equity an asset's collateral value, or debt and its maintenance, are linear: exact or, where
 * that takes a quotient, a little above; false where they are for good.
 */
static bool
piece_end(Decimal *end, const Reduction *r, const AssetLine *line)
{
	const Schedule *tiers = market_schedule(r->market, dec_sign(&line->equity) < 0 ?
											line->terms->liability_maintenance : line->terms->tiers);
	Decimal		buffer;
	Decimal		amount;
	int			tier;

	*end = DEC_ZERO;
	if (dec_sign(&line->equity) < 0)
	{
		if (tiers == NULL)
			return false;
		dec_neg(&amount, &line->equity);
		tier = schedule_find_tier(tiers, &amount) + 1;
		if (tier == tiers->count)
			return false;
		dec_neg(end, dec_flat(&tiers->tiers[tier].bound, tiers, &buffer));
		return true;
	}
	if (tiers == NULL)
		return true;
	tiered_amount(&amount, line, r->market);
	tier = schedule_find_tier(tiers, &amount);
	*end = *dec_flat(&tiers->tiers[tier].bound, tiers, &buffer);
	if (line->terms->tier_unit == TIERS_IN_VALUE)
		dec_div_ceil18(end, end, dec_flat(&line->terms->low, r->market, &buffer));
	return true;
}

/* How long what is found out of a closing that reaches the next tier, and has been tried, will be true. */
static void
note_expiry(Reduction *r, Candidate *candidate, const Closing *closing)
{
	const AssetLine *settle = candidate->line->booked;
	Decimal		reach;
	Decimal		fee;
	Decimal		end;

	dec_sub(&reach, &r->now.positions, &closing->after.positions);
	dec_copy_into(&candidate->bound, &reach, r->context);
	dec_add(&reach, &reach, &closing->after.debts);
	dec_sub(&reach, &reach, &r->now.debts);
	if (dec_cmp(&r->reach, &reach) < 0)
		dec_copy_into(&r->reach, &reach, r->context);

	dec_sub(&fee, &settle->equity, &closing->settled);
	Assert(dec_sign(&fee) >= 0);
	if (dec_is_zero(&fee) || !piece_end(&end, r, settle))
		return;
	dec_add(&end, &end, &fee);
	if (dec_cmp(&end, &settle->equity) > 0)
		end = settle->equity;
	dec_copy_into(&candidate->expired, &end, r->context);
	candidate->expires = true;
	pairingheap_add(expiring(r, candidate), &candidate->expiry);
}

/* A candidate as a closing, as far as it is told by its line. */
static Closing
closing_of(const Candidate *candidate, const Decimal *lots)
{
	Closing		closing = {.line = candidate->line, .most = candidate->most, .lots = *lots};

	memcpy(closing.sides, candidate->sides, sizeof(closing.sides));
	return closing;
}

/* Finds out what a candidate relieves, and leaves it in the queue if it helps. */
static void
explore(Reduction *r, Candidate *candidate)
{
	MemoryContext caller = MemoryContextSwitchTo(r->trial);
	Closing		closing = closing_of(candidate, &candidate->reaching);

	withdraw(r, candidate);
	try_closing(&closing.after, r, &closing, &closing.lots);
	note_expiry(r, candidate, &closing);
	if (fit_lots(r, &closing))
	{
		dec_sub(&closing.relief, &r->now.maintenance, &closing.after.maintenance);
		Assert(dec_cmp(&closing.relief, &candidate->bound) <= 0);
		dec_copy_into(&candidate->lots, &closing.lots, r->context);
		enqueue(r, candidate, &closing.relief, true);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextReset(r->trial);
}

/* What may be closed of a position as it is now. */
static void
renew(Reduction *r, PositionLine *line)
{
	Candidate  *candidates = &r->candidates[CLOSINGS * (line - r->v.positions)];

	for (int i = 0; i < CLOSINGS; i++)
	{
		Candidate  *candidate = &candidates[i];
		MemoryContext caller = MemoryContextSwitchTo(r->trial);
		Closing		closing = {.line = line};
		Distance	distance;

		withdraw(r, candidate);
		candidate->line = line;
		candidate->sides[SIDE_LONG] = i != CLOSE_SHORT;
		candidate->sides[SIDE_SHORT] = i != CLOSE_LONG;
		candidate->possible = i == CLOSE_MATCHED ? matched_reach(&closing, &distance, r) : side_reach(&closing, &distance, r, i);
		if (candidate->possible)
		{
			dec_copy_into(&candidate->most, &closing.most, r->context);
			least_lots(&closing.lots, r, &closing, covers_distance, &distance, NULL);
			dec_copy_into(&candidate->reaching, &closing.lots, r->context);
			explore(r, candidate);
		}
		MemoryContextSwitchTo(caller);
	}
}

/* All that may be closed of an account without orders. */
void
reduction_open(Reduction *r)
{
	r->candidates = MemoryContextAllocExtended(CurrentMemoryContext, Max(1, CLOSINGS * (Size) r->v.npositions) * sizeof(Candidate),
											   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
	r->queues[false] = pairingheap_allocate(compare_relief, NULL);
	r->queues[true] = pairingheap_allocate(compare_relief, NULL);
	r->expiring = palloc0(Max(1, r->v.nassets) * sizeof(pairingheap *));
	for (int i = 0; i < r->v.nassets; i++)
	{
		if (r->v.assets[i].settles)
			r->expiring[i] = pairingheap_allocate(compare_expiry, NULL);
	}
	for (int i = 0; i < r->v.npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		renew(r, &r->v.positions[i]);
	}
}

/* After a step: an equity has fallen. */
static void
expire(Reduction *r, const AssetLine *settle)
{
	pairingheap *heap = r->expiring[settle - r->v.assets];

	while (!pairingheap_is_empty(heap))
	{
		Candidate  *first = pairingheap_container(Candidate, expiry, pairingheap_first(heap));

		if (dec_cmp(&first->expired, &settle->equity) < 0)
			return;
		forget(r, first);
	}
}

/* Where only the larger requirement counts, and a step might make the other one that. */
static void
forget_all(Reduction *r)
{
	const Decimal zero = DEC_ZERO;

	dec_copy_into(&r->reach, &zero, r->context);
	for (int i = 0; i < CLOSINGS * r->v.npositions; i++)
	{
		if (r->candidates[i].possible)
			forget(r, &r->candidates[i]);
	}
}

/* Finds anew, or will, what a step has changed. */
void
reduction_update(Reduction *r, PositionLine *line, const Decimal *equity_before)
{
	if (dec_cmp(equity_before, &line->booked->equity) != 0)
		expire(r, line->booked);
	if (r->market->liability_rule == LIABILITY_LARGER)
	{
		Decimal		larger;

		dec_sub(&larger, &r->now.positions, &r->now.debts);
		if (dec_cmp(&larger, &r->reach) < 0)
			forget_all(r);
	}
	renew(r, line);
}

/* The first in a queue, once it is known what that relieves; NULL where nothing helps. */
static Candidate *
first_known(Reduction *r, pairingheap *queue)
{
	while (!pairingheap_is_empty(queue))
	{
		Candidate  *first = pairingheap_container(Candidate, node, pairingheap_first(queue));

		CHECK_FOR_INTERRUPTS();
		if (first->known)
			return first;
		explore(r, first);
	}
	return NULL;
}

/* The next step: matched legs if that helps anywhere, else one side; false where nothing helps. */
bool
reduction_find(Reduction *r, Closing *best)
{
	Candidate  *first = first_known(r, r->queues[true]);

	if (first == NULL)
		first = first_known(r, r->queues[false]);
	if (first == NULL)
		return false;
	*best = closing_of(first, &first->lots);
	return true;
}

