/*
 * reduction_plan.c
 *		What to close of an undercollateralized account.
 *
 * Open orders go first, all of them: without them nothing is required for
 * orders nor taken from equity for them, so that the rest of the plan has to do
 * with positions alone.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "question/plans.h"
#include "question/trade.h"

/* ---------- closing some contracts ---------- */

/* How an account stands. */
typedef struct Standing
{
	Level		level;
	Decimal		maintenance;
	Decimal		equity;
	Decimal		judged;			/* equity as levels judge it */
	Decimal		gap;			/* maintenance - liquidation threshold * judged equity: what a step is to lower */
} Standing;

typedef struct Reduction
{
	PlanRows	rows;
	const Market *market;
	Netting    *netting;
	MemoryContext scratch;		/* of one valuation */
	MemoryContext stocks[2];	/* of "v" and of the one before it, which a step still speaks of */
	int			stock;
	Decimal		lot;
	Decimal		threshold;
	Valuation	v;				/* with lines, of the copy as it stands */
	Standing	now;
} Reduction;

/* Some of one side, or of both sides against each other. */
typedef struct Closing
{
	const PositionLine *line;
	bool		sides[2];
	Decimal		most;			/* contracts of each side that may be closed */
	Decimal		lots;			/* how many lots are */
	Standing	after;
	Decimal		relief;			/* of maintenance */
} Closing;

/* What a closing brings and costs, in the settlement asset. */
typedef struct Closed
{
	Decimal		quantity;		/* of each side */
	Decimal		notional;		/* these of both */
	Decimal		profit;
	Decimal		fee;
} Closed;

static inline bool
is_undercollateralized(Level level)
{
	return level == LEVEL_LIQUIDATION || level == LEVEL_BANKRUPT;
}

/* The standing of a valued account, in the current context. */
static void
stand(Standing *standing, const Reduction *r, const Valuation *v)
{
	*standing = (Standing) {.level = v->level};
	dec_copy_into(&standing->maintenance, &v->maintenance_margin, CurrentMemoryContext);
	dec_copy_into(&standing->equity, &v->equity, CurrentMemoryContext);
	dec_copy_into(&standing->judged, &v->judged_equity, CurrentMemoryContext);
	dec_mul(&standing->gap, &r->threshold, &standing->judged);
	dec_sub(&standing->gap, &standing->maintenance, &standing->gap);
}

/* So many lots, but no more than may be closed. */
static void
closing_quantity(Decimal *quantity, const Reduction *r, const Closing *closing, const Decimal *lots)
{
	dec_mul(quantity, &r->lot, lots);
	if (dec_cmp(quantity, &closing->most) > 0)
		*quantity = closing->most;
}

/* Books a closing at mark, less its fee, on the copy. */
static void
book_closing(Closed *closed, Reduction *r, const Closing *closing, const Decimal *lots)
{
	const MarketContract *terms = closing->line->terms;
	Position   *position = netting_position(r->netting, &closing->line->position.symbol);
	Symbol		settle = market_symbol(r->market, &terms->settle);
	Decimal		unit_buffer;
	Decimal		size_buffer;
	Decimal		fee_buffer;
	Decimal		received;

	*closed = (Closed) {.notional = DEC_ZERO};
	closing_quantity(&closed->quantity, r, closing, lots);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		PositionSide taken;
		Decimal		notional;
		Decimal		profit;

		if (!closing->sides[i])
			continue;
		position_take(&taken, &position->sides[i], i, &closed->quantity);
		dec_mul(&notional, dec_flat(&terms->unit_notional, r->market, &unit_buffer), &taken.quantity);
		side_profit(&profit, i, &notional, dec_flat(&terms->size, r->market, &size_buffer), &taken.cost);
		dec_add(&closed->notional, &closed->notional, &notional);
		dec_add(&closed->profit, &closed->profit, &profit);
	}
	dec_mul(&closed->fee, dec_flat(&terms->closing_fee, r->market, &fee_buffer), &closed->notional);
	dec_sub(&received, &closed->profit, &closed->fee);
	netting_add_balance(r->netting, &settle, &received);
}

/* How the account would stand after closing so many lots; the copy stays as it is. */
static void
try_closing(Standing *after, Reduction *r, const Closing *closing, const Decimal *lots)
{
	MemoryContext caller = MemoryContextSwitchTo(r->scratch);
	const Symbol *contract = &closing->line->position.symbol;
	Symbol		settle = market_symbol(r->market, &closing->line->terms->settle);
	Position	before = *netting_position(r->netting, contract);
	Closed		closed;
	Valuation	v;
	Decimal		back;

	book_closing(&closed, r, closing, lots);
	plan_value(&v, r->netting, r->market, VALUE_MAINTENANCE);
	*netting_position(r->netting, contract) = before;
	dec_sub(&back, &closed.fee, &closed.profit);
	netting_add_balance(r->netting, &settle, &back);
	MemoryContextSwitchTo(caller);
	stand(after, r, &v);
	MemoryContextReset(r->scratch);
}

/* ---------- searching among numbers of lots ---------- */

/* A question about a number of lots: false below some number, true from there on. */
typedef bool (*LotsTest) (Reduction *r, const Closing *closing, const Decimal *lots, const void *arg);

/* The least number of lots > 0 that passes, known to be "limit" at most (NULL: any). */
static void
least_lots(Decimal *least, Reduction *r, const Closing *closing, LotsTest test, const void *arg, const Decimal *limit)
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
covers_distance(Reduction *r, const Closing *closing, const Decimal *lots, const void *arg)
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
is_near_enough(Reduction *r, const Closing *closing, const Decimal *lots, const void *arg)
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
recovers(Reduction *r, const Closing *closing, const Decimal *lots, const void *arg)
{
	Standing	after;

	try_closing(&after, r, closing, lots);
	return !is_undercollateralized(after.level);
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
 * Fits the number of lots of a step that reaches the next tier: where closing
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

	try_closing(&closing->after, r, closing, &closing->lots);
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

/* Takes a closing for the best if it helps and relieves more, or as much and comes before. */
static void
consider(Reduction *r, Closing *closing, const Distance *distance, Closing *best)
{
	int			order;

	least_lots(&closing->lots, r, closing, covers_distance, distance, NULL);
	if (!fit_lots(r, closing))
		return;
	dec_sub(&closing->relief, &r->now.maintenance, &closing->after.maintenance);
	order = best->line == NULL ? 1 : dec_cmp(&closing->relief, &best->relief);
	if (order > 0 ||
		(order == 0 && symbol_cmp(&closing->line->position.symbol, &best->line->position.symbol) < 0))
		*best = *closing;
}

/* The next step: matched legs if that helps anywhere, else one side; false where nothing helps. */
static bool
find_step(Reduction *r, Closing *best)
{
	best->line = NULL;
	for (int matched = 1; matched >= 0 && best->line == NULL; matched--)
	{
		for (int i = 0; i < r->v.npositions; i++)
		{
			Closing		closing = {.line = &r->v.positions[i]};
			Distance	distance;

			for (int side = SIDE_LONG; side <= (matched ? SIDE_LONG : SIDE_SHORT); side++)
			{
				closing.sides[SIDE_LONG] = matched || side == SIDE_LONG;
				closing.sides[SIDE_SHORT] = matched || side == SIDE_SHORT;
				if (matched ? matched_reach(&closing, &distance, r) : side_reach(&closing, &distance, r, side))
					consider(r, &closing, &distance, best);
			}
		}
	}
	return best->line != NULL;
}

/* ---------- the whole ---------- */

/* Columns of reduction_plan(), in order. */
enum
{
	REDUCTION_STEP,
	REDUCTION_OUTCOME,
	REDUCTION_CONTRACT,
	REDUCTION_SIDE,
	REDUCTION_QUANTITY,
	REDUCTION_PRICE,
	REDUCTION_NOTIONAL,
	REDUCTION_FEE,
	REDUCTION_REALIZED_PNL,
	REDUCTION_MAINTENANCE_BEFORE,
	REDUCTION_MAINTENANCE_AFTER,
	REDUCTION_EQUITY_BEFORE,
	REDUCTION_EQUITY_AFTER,
	REDUCTION_LEVEL,
	REDUCTION_JUDGED_BEFORE,
	REDUCTION_JUDGED_AFTER,
	REDUCTION_GAIN,
	REDUCTION_COLUMNS
};

static const char *const side_names[] = {"long", "short", NULL};

/* How the account stands before a step, or the plan, and after it. */
static void
set_standings(Datum *values, bool *nulls, const Standing *before, const Standing *after)
{
	Decimal		gain;

	plan_set_amount(values, nulls, REDUCTION_MAINTENANCE_BEFORE, &before->maintenance);
	plan_set_amount(values, nulls, REDUCTION_MAINTENANCE_AFTER, &after->maintenance);
	plan_set_amount(values, nulls, REDUCTION_EQUITY_BEFORE, &before->equity);
	plan_set_amount(values, nulls, REDUCTION_EQUITY_AFTER, &after->equity);
	plan_set_amount(values, nulls, REDUCTION_JUDGED_BEFORE, &before->judged);
	plan_set_amount(values, nulls, REDUCTION_JUDGED_AFTER, &after->judged);
	dec_sub(&gain, &before->gap, &after->gap);
	plan_set_amount(values, nulls, REDUCTION_GAIN, &gain);
}

/* One row without a closing: what the plan as a whole does, or nothing of an account that is unpriced. */
static void
put_summary(Reduction *r, const char *outcome, const Standing *before, const Standing *after)
{
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	if (before != NULL)
		set_standings(values, nulls, before, after);
	plan_put_row(&r->rows, outcome, after == NULL ? LEVEL_UNPRICED : after->level, values, nulls);
}

static void
put_reduced(Reduction *r, const Closing *closing, const Closed *closed, const Standing *before)
{
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];
	Decimal		buffer;

	memset(nulls, true, sizeof(nulls));
	plan_set(values, nulls, REDUCTION_CONTRACT, symbol_datum(&closing->line->position.symbol));
	if (closing->sides[SIDE_LONG] != closing->sides[SIDE_SHORT])
		plan_set(values, nulls, REDUCTION_SIDE,
				 plan_enum(&r->rows, REDUCTION_SIDE, side_names[closing->sides[SIDE_SHORT]]));
	plan_set_amount(values, nulls, REDUCTION_QUANTITY, &closed->quantity);
	plan_set_amount(values, nulls, REDUCTION_PRICE, dec_flat(&closing->line->terms->mark, r->market, &buffer));
	plan_set_amount(values, nulls, REDUCTION_NOTIONAL, &closed->notional);
	plan_set_amount(values, nulls, REDUCTION_FEE, &closed->fee);
	plan_set_amount(values, nulls, REDUCTION_REALIZED_PNL, &closed->profit);
	set_standings(values, nulls, before, &r->now);
	plan_put_row(&r->rows, "reduced", r->now.level, values, nulls);
}

/* Values the copy as it stands. */
static void
take_stock(Reduction *r)
{
	MemoryContext caller;

	r->stock = 1 - r->stock;
	MemoryContextReset(r->stocks[r->stock]);
	caller = MemoryContextSwitchTo(r->stocks[r->stock]);
	plan_value(&r->v, r->netting, r->market, VALUE_MAINTENANCE | VALUE_LINES);
	MemoryContextSwitchTo(caller);
	if (r->v.level != LEVEL_UNPRICED)
		stand(&r->now, r, &r->v);
}

/* Carries a step out on the copy, the last one no further than needed. */
static void
take_step(Reduction *r, Closing *closing)
{
	Standing	before = r->now;
	Closed		closed;

	if (!is_undercollateralized(closing->after.level))
		least_lots(&closing->lots, r, closing, recovers, NULL, &closing->lots);
	book_closing(&closed, r, closing, &closing->lots);
	take_stock(r);
	put_reduced(r, closing, &closed, &before);
}

/* ---------- cancelling ---------- */

/* Contracts and value of the orders in a contract; the value in its settlement asset. */
static void
sum_orders(Decimal *contracts, Decimal *value, const Reduction *r, const PositionLine *line)
{
	*contracts = *value = DEC_ZERO;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const OrderList *list = &line->position.orders->sides[i];

		for (int k = 0; k < list->count; k++)
		{
			Decimal		one;

			order_value(&one, &list->levels[k], i, line->terms, r->market);
			dec_add(contracts, contracts, &list->levels[k].quantity);
			dec_add(value, value, &one);
		}
	}
}

/* Cancels all orders in a contract. */
static void
cancel(Reduction *r, const PositionLine *line)
{
	Standing	before = r->now;
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];
	Decimal		contracts;
	Decimal		value;

	memset(nulls, true, sizeof(nulls));
	sum_orders(&contracts, &value, r, line);
	plan_set(values, nulls, REDUCTION_CONTRACT, symbol_datum(&line->position.symbol));
	plan_set_amount(values, nulls, REDUCTION_QUANTITY, &contracts);
	plan_set_amount(values, nulls, REDUCTION_NOTIONAL, &value);
	netting_position(r->netting, &line->position.symbol)->orders = NULL;
	take_stock(r);
	set_standings(values, nulls, &before, &r->now);
	plan_put_row(&r->rows, "cancelled", r->now.level, values, nulls);
}

/* The first contract in byte order that has orders, or NULL. */
static const PositionLine *
next_ordered(const Reduction *r)
{
	const PositionLine *next = NULL;

	for (int i = 0; i < r->v.npositions; i++)
	{
		const PositionLine *line = &r->v.positions[i];

		if (line->position.orders != NULL &&
			(next == NULL || symbol_cmp(&line->position.symbol, &next->position.symbol) < 0))
			next = line;
	}
	return next;
}

PG_FUNCTION_INFO_V1(margin_reduction_plan);

/* reduction_plan(portfolio, market, lot numeric) */
Datum
margin_reduction_plan(PG_FUNCTION_ARGS)
{
	Reduction	r = {.market = NULL};
	Standing	begun;
	Closing		closing;
	const PositionLine *ordered;
	Decimal		buffer;

	plan_begin(&r.rows, fcinfo, REDUCTION_COLUMNS, REDUCTION_LEVEL);
	if (!dec_from_input(&r.lot, PG_GETARG_DATUM(2)))
		dec_bad_input(PG_GETARG_DATUM(2), "lot");
	if (dec_sign(&r.lot) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lot must be greater than 0: %s", dec_text(&r.lot))));
	r.market = market_of_call(fcinfo, 1);
	r.threshold = *dec_flat(&r.market->thresholds[THRESHOLD_LIQUIDATION], r.market, &buffer);
	r.netting = netting_load(PG_GETARG_VARLENA_PP(0));
	r.scratch = AllocSetContextCreate(CurrentMemoryContext, "reduction plan", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < (int) lengthof(r.stocks); i++)
		r.stocks[i] = AllocSetContextCreate(CurrentMemoryContext, "reduction plan, as it stands", ALLOCSET_DEFAULT_SIZES);

	take_stock(&r);
	if (r.v.level == LEVEL_UNPRICED)
		put_summary(&r, "unpriced", NULL, NULL);
	if (!is_undercollateralized(r.v.level))
		return (Datum) 0;
	begun = r.now;
	while ((ordered = next_ordered(&r)) != NULL)
		cancel(&r, ordered);
	while (is_undercollateralized(r.now.level) && find_step(&r, &closing))
		take_step(&r, &closing);
	put_summary(&r, is_undercollateralized(r.now.level) ? "exhausted" : "recovered", &begun, &r.now);
	return (Datum) 0;
}
