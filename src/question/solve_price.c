/*
 * solve_price.c
 *		At which price of a contract or of an asset an account is liquidated, or bankrupt.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "question/solve_bends.h"
#include "question/solve_jumps.h"
#include "question/solve_price.h"

static const Decimal one = DEC_ONE;

/*
 * Everything that a schedule applies to is linear in the price, in the units of
 * the mover, and so is what comes of it between bends (solve_bends.h): the equity of an asset
 * (its sign counts as a bound), the notionals, the value of what is held, what orders take.
 *
 * Without schedules that jump, equity is concave in the price: ratios never
 * rise and a debt weighs at least as much as the first tier counts, at no lower price; and
 * maintenance is convex, as rates never fall, of a leg with its orders filled, too, which
 * is convex itself, and so is the larger of two such.  Where bounds are in proportion
 * to the price, p * R(E / p) with E linear in p is concave as R is, and p * T(N / p) convex.
 * Then equity <= 0, and maintenance >= t * judged equity, are convex scores, the account is safe at the prices of
 * an interval, the present one is in it, and on the way out hits do not end.
 * Where orders take something of equity they need not be (orders_fold()): then the score is a
 * difference of two such; and where schedules jump something is added that is (solve_jumps.h).
 *
 * Maintenance is never negative.  Where there is any, equity < 0 implies maintenance >= t * judged
 * equity, which is no larger: undercollateralized is the latter.  Where there is none, it is equity < 0.
 * There is none between two prices at which there is none.
 *
 * Steps are whole ticks away from the present price.
 */
typedef struct PriceSearch
{
	Search		search;			/* first */
	Mover	   *mover;
	Decimal		tick;
	Decimal		start;			/* in ticks, of step 0 */
	bool		up;
	bool		(*verdict) (const Account *account, Decimal *score);
	BendRounds	bends;
} PriceSearch;

/* The price at a step. */
static void
price_at(const PriceSearch *search, const Decimal *n, Decimal *price)
{
	if (search->up)
		dec_add(price, &search->start, n);
	else
		dec_sub(price, &search->start, n);
	dec_mul(price, price, &search->tick);
}

static bool
ask_price(Search *search, const Decimal *n, Decimal *score)
{
	PriceSearch *self = (PriceSearch *) search;
	Decimal		price;

	price_at(self, n, &price);
	self->mover->value_at(self->mover, &price);
	return self->verdict(self->mover->account, score);
}

/* What bends in a round, at a step. */
static void
differ_at_price(Search *search, int round, const Decimal *n, DecimalList *differences)
{
	PriceSearch *self = (PriceSearch *) search;
	Decimal		price;

	price_at(self, n, &price);
	self->mover->value_at(self->mover, &price);
	self->bends.list[round] (self->mover->account, differences);
}

/*
 * Of the last valuation: the score as a difference, or whether equity alone decides.  What
 * positions require to be opened, which orders lessen what they take by, is the one thing that is not convex the right way.
 */
static bool
split_score(Search *search, Decimal *rise, Decimal *fall, Jumps **jumps)
{
	const PriceSearch *self = (PriceSearch *) search;
	const Account *account = self->mover->account;
	const Valuation *v = &account->v;
	Decimal		threshold = account_number(account, &account->market->thresholds[THRESHOLD_LIQUIDATION]);

	*fall = DEC_ZERO;
	if (account->market->orders_reduce_equity & REDUCE_MARGIN)
	{
		dec_sub(fall, &v->position_initial, &v->order_margin);
		dec_mul(fall, fall, &threshold);
	}
	dec_mul(rise, &threshold, &v->judged_equity);
	dec_sub(rise, &v->maintenance_margin, rise);
	dec_add(rise, rise, fall);
	if (search->jump != NULL)
		*jumps = note_jumps(account);
	return dec_sign(&v->maintenance_margin) > 0;
}

/* To a price of few digits, towards 0, by "room" steps at most. */
static void
shorten_price(const Search *search, Decimal *n, const Decimal *room)
{
	const PriceSearch *self = (const PriceSearch *) search;
	const Decimal ten = {{10}, 0, 0};
	Decimal		unit = one;
	Decimal		next = ten;
	Decimal		ticks;

	while (dec_cmp(&next, room) <= 0)
	{
		unit = next;
		dec_mul(&next, &unit, &ten);
	}
	if (self->up)
		dec_add(&ticks, &self->start, n);
	else
		dec_sub(&ticks, &self->start, n);
	dec_div_floor(&ticks, &ticks, &unit);
	dec_mul(&ticks, &ticks, &unit);
	if (self->up)
		dec_sub(n, &ticks, &self->start);
	else
		dec_sub(n, &self->start, &ticks);
}

/*
 * What an amount is away from a bound, at a price and at twice that price.  Bounds that grow with the
 * price were half as high.
 */
static void
distances(Decimal *near, Decimal *far, const Measure *here, const Measure *there, int number)
{
	const Decimal half = {{5}, 0, 1};
	Decimal		bound = measure_bound(there, number);

	dec_sub(far, &there->amount, &bound);
	if (dec_cmp(&here->last, &there->last) != 0)
		dec_mul(&bound, &bound, &half);
	dec_sub(near, &here->amount, &bound);
}

/*
 * Raises "farthest" to the last tick not above a price at which an amount meets a bound. Its distance, "near" at
 * the price p and "far" at 2 * p, is 0 at p * (2 * near - far) / (near - far).
 */
static void
raise_to_bound(Decimal *farthest, const PriceSearch *search, const Decimal *price, const Measure *here, const Measure *there, int number)
{
	Decimal		near;
	Decimal		far;
	Decimal		tick;

	distances(&near, &far, here, there, number);
	dec_sub(&far, &near, &far);	/* near - far */
	if (dec_is_zero(&far))
		return;
	dec_add(&near, &near, &far);	/* 2 * near - far */
	if (dec_sign(&far) < 0)
	{
		dec_neg(&near, &near);
		dec_neg(&far, &far);
	}
	dec_mul(&tick, &near, price);
	dec_mul(&far, &far, &search->tick);
	dec_div_floor(&tick, &tick, &far);
	if (dec_cmp(farthest, &tick) < 0)
		*farthest = tick;
}

/* The first bound that an amount does not leave behind as the price rises, or their number: it gets farther from those before. */
static int
first_left_behind(const Measure *here, const Measure *there)
{
	int			low = 0;
	int			high = measure_bounds(there);

	while (low < high)
	{
		int			middle = (low + high) / 2;
		Decimal		near;
		Decimal		far;

		distances(&near, &far, here, there, middle);
		if (dec_cmp(&far, &near) > 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/*
 * The same of all bounds.  Where an amount moves as a bound does it never meets it, and it meets the farther off, the less
 * it moves against it.  So the last one it meets is beside those, or it is the first bound or the last.
 */
static void
raise_to_bounds(Decimal *farthest, const PriceSearch *search, const Decimal *price, const Measure *here, const Measure *there)
{
	int			count = measure_bounds(there);
	int			turn = first_left_behind(here, there);

	raise_to_bound(farthest, search, price, here, there, 0);
	raise_to_bound(farthest, search, price, here, there, count - 1);
	for (int i = Max(turn - 1, 0); i < Min(turn + 2, count); i++)
		raise_to_bound(farthest, search, price, here, there, i);
}

/* Raises "farthest" to where the measures of one kind meet their last bounds, if they are linear from a price on. */
static void
raise_to_measures(Decimal *farthest, PriceSearch *search, const Decimal *price, Measure *(*list) (const Account *, int *))
{
	Mover	   *mover = search->mover;
	Decimal		twice;
	Measure    *here;
	Measure    *there;
	int			count;

	mover->value_at(mover, price);
	here = list(mover->account, &count);
	dec_add(&twice, price, price);
	mover->value_at(mover, &twice);
	there = list(mover->account, &count);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		raise_to_bounds(farthest, search, price, &here[i], &there[i]);
	}
	pfree(here);
	pfree(there);
}

/* A tick behind which no amount meets a bound, or 0. */
static Decimal
farthest_bound(PriceSearch *search)
{
	Decimal		farthest = DEC_ZERO;
	Decimal		price;

	raise_to_measures(&farthest, search, &search->mover->present, list_measures);
	/* and those that are linear behind that */
	dec_add(&price, &farthest, &one);
	dec_mul(&price, &price, &search->tick);
	if (dec_cmp(&price, &search->mover->present) < 0)
		price = search->mover->present;
	raise_to_measures(&farthest, search, &price, list_ordered_measures);
	return farthest;
}

/* The nearest hit below or above a price that is none. */
static bool
nearest_price(PriceSearch *search, const Decimal *farthest, bool up, Decimal *result)
{
	Search	   *s = &search->search;
	const Decimal *present = &search->mover->present;
	Decimal		n;

	search->up = s->open = up;
	if (up)
	{
		dec_div_floor(&search->start, present, &search->tick);
		dec_add(&search->start, &search->start, &one);
		dec_sub(&s->last, farthest, &search->start);
	}
	else
	{
		/* the last tick below the price: its floor, or one less on a tick; the first tick is 1 */
		dec_neg(&n, present);
		dec_div_floor(&n, &n, &search->tick);
		dec_add(&n, &n, &one);
		dec_neg(&search->start, &n);
		dec_sub(&s->last, &search->start, &one);
		if (dec_sign(&s->last) < 0)
			return false;
	}
	if (!search_convex(s, &n))
		return false;
	price_at(search, &n, result);
	return true;
}

typedef struct PriceRange
{
	Decimal		present;
	bool		found[2];		/* below, above */
	Decimal		bounds[2];
} PriceRange;

#define PRICE_WANTED (VALUE_MAINTENANCE | VALUE_LINES)

/* Arguments of the functions below */
enum
{
	ARG_PORTFOLIO,
	ARG_MARKET,
	ARG_CONTRACT,				/* null: the asset */
	ARG_TICK,
	ARG_LINKED,
	ARG_ASSET					/* null: the contract */
};

/* Null for null, as far as the question needs what is null. */
static bool
lacks_arguments(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(ARG_PORTFOLIO) || PG_ARGISNULL(ARG_MARKET) || PG_ARGISNULL(ARG_TICK) || PG_ARGISNULL(ARG_LINKED) ||
		(PG_ARGISNULL(ARG_CONTRACT) && PG_ARGISNULL(ARG_ASSET));
}

/* The number of the contract or asset asked about. */
static int
target_argument(FunctionCallInfo fcinfo, const Market *market)
{
	if (PG_ARGISNULL(ARG_ASSET))
		return contract_argument(fcinfo, ARG_CONTRACT, market);
	if (!PG_ARGISNULL(ARG_CONTRACT))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a price of both contract \"%s\" and asset \"%s\" is asked for",
						text_to_cstring(PG_GETARG_TEXT_PP(ARG_CONTRACT)), text_to_cstring(PG_GETARG_TEXT_PP(ARG_ASSET))),
				 errhint("Name one of them.")));
	return asset_argument(fcinfo, ARG_ASSET, market);
}

/* Where not equity alone decides: what else bends, folds or jumps. */
static void
watch_requirements(PriceSearch *search, bool folds)
{
	const Account *account = search->mover->account;

	search->bends = bend_rounds(account);
	search->search.rounds = search->bends.count;
	if (account_jumps(account))
	{
		search->search.jump = add_jumps;
		search->search.forget = forget_jumps;
	}
	if (folds || search->search.jump != NULL)
		search->search.split = split_score;
}

/* The range asked for; false where there is nothing to say. */
static bool
find_range(FunctionCallInfo fcinfo, bool (*verdict) (const Account *, Decimal *), PriceRange *range)
{
	const Market *market = market_of_call(fcinfo, ARG_MARKET);
	int			target = target_argument(fcinfo, market);
	PriceSearch search = {.search.ask = ask_price, .search.differ = differ_at_price, .search.shorten = shorten_price, .verdict = verdict};
	Account    *account;
	Decimal		farthest;
	Decimal		score;
	bool		folds;

	search.tick = step_argument(fcinfo, ARG_TICK, "tick");
	account = account_open(PG_GETARG_DATUM(ARG_PORTFOLIO), market, PRICE_WANTED);
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		return false;
	search.mover = PG_ARGISNULL(ARG_ASSET) ? move_mark(account, target, PG_GETARG_BOOL(ARG_LINKED)) :
		move_asset(account, target);
	if (search.mover == NULL)
		return false;
	range->present = search.mover->present;
	if (verdict(account, &score))
	{
		range->found[0] = range->found[1] = true;
		range->bounds[0] = range->bounds[1] = range->present;
		return true;
	}

	folds = orders_fold(account);
	search.mover->open(search.mover);
	farthest = farthest_bound(&search);
	dec_div_floor(&search.search.scale, &range->present, &search.tick);
	if (verdict == is_undercollateralized)
		watch_requirements(&search, folds);
	for (int i = 0; i < 2; i++)
		range->found[i] = nearest_price(&search, &farthest, i == 1, &range->bounds[i]);
	return true;
}

static Datum
return_range(FunctionCallInfo fcinfo, bool (*verdict) (const Account *, Decimal *))
{
	PriceRange	range;
	TupleDesc	tupdesc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};
	bool		any;

	if (lacks_arguments(fcinfo))
		PG_RETURN_NULL();
	any = find_range(fcinfo, verdict, &range);
	if (get_call_result_type(fcinfo, NULL, &tupdesc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "function returns no row");
	for (int i = 0; any && i < 2; i++)
	{
		nulls[i] = !range.found[i];
		if (range.found[i])
			values[i] = dec_datum(&range.bounds[i], 0);
	}
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(tupdesc), values, nulls));
}

/* The nearer end of the range, the lower one of two as near. */
static Datum
return_nearer(FunctionCallInfo fcinfo, bool (*verdict) (const Account *, Decimal *))
{
	PriceRange	range;
	int			nearer;

	if (lacks_arguments(fcinfo) || !find_range(fcinfo, verdict, &range) || !(range.found[0] || range.found[1]))
		PG_RETURN_NULL();
	nearer = range.found[0] ? 0 : 1;
	if (range.found[0] && range.found[1])
	{
		Decimal		below;
		Decimal		above;

		dec_sub(&below, &range.present, &range.bounds[0]);
		dec_sub(&above, &range.bounds[1], &range.present);
		nearer = dec_cmp(&above, &below) < 0 ? 1 : 0;
	}
	return dec_datum(&range.bounds[nearer], 0);
}

#define PRICE_FUNCTION(name, how, verdict) \
	PG_FUNCTION_INFO_V1(margin_##name); \
	Datum margin_##name(PG_FUNCTION_ARGS) \
	{ \
		return how(fcinfo, verdict); \
	}

PRICE_FUNCTION(liquidation_range, return_range, is_undercollateralized)
PRICE_FUNCTION(liquidation_price, return_nearer, is_undercollateralized)
PRICE_FUNCTION(bankruptcy_range, return_range, is_bankrupt)
PRICE_FUNCTION(bankruptcy_price, return_nearer, is_bankrupt)
