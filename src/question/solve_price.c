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
#include "question/solve_price.h"

static const Decimal one = DEC_ONE;

/*
 * Everything that a schedule applies to is linear in the price, in the units of
 * the mover, and so is what comes of it between bends (solve_bends.h): the equity of an asset
 * (its sign counts as a bound), the notionals, the value of what is held, what orders take.  So
 * equity, judged equity and maintenance are linear in the price between the prices at which
 * something bends.  There
 *
 * - equity <= 0, and maintenance >= t * judged equity, hold on one side of a point;
 * - maintenance, never negative, is 0 everywhere or nowhere.  If nowhere, equity
 *   < 0 implies maintenance >= t * judged equity, which is no larger: undercollateralized is the latter;
 *   if everywhere, it is equity < 0.
 *
 * Steps are whole ticks away from the present price.  A cut is the last tick not
 * above a price where something bends: steps between cuts lie
 * strictly between two such prices, as Search wants it.
 *
 * Without schedules that jump, equity is concave in the price: ratios never
 * rise and a debt weighs at least as much as the first tier counts, at no lower price; and
 * maintenance is convex, as rates never fall, of a leg with its orders filled, too, which
 * is convex itself, and so is the larger of two such.  Where bounds are in proportion
 * to the price, p * R(E / p) with E linear in p is concave as R is, and p * T(N / p) convex.
 * Then the prices at which the account is not undercollateralized, or not bankrupt,
 * are an interval, the present one is in it, and on the way out hits do not end.
 * Where orders take something of equity they need not be (orders_fold()).
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

/* What bends between the cuts of a round, at a step. */
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
 * The last ticks, above 0, not above a price at which an amount meets a bound.
 * Its distance from a bound, "near" at the present price p and "far" at 2 * p, is 0
 * at p * (2 * near - far) / (near - far).
 */
static void
add_bounds(DecimalList *list, const PriceSearch *search, const Measure *here, const Measure *there, bool grows)
{
	const Decimal half = {{5}, 0, 1};
	int			nbounds = measure_bounds(there);

	for (int i = 0; i < nbounds; i++)
	{
		Decimal		bound = measure_bound(there, i);
		Decimal		near;
		Decimal		far;
		Decimal		tick;

		CHECK_FOR_INTERRUPTS();
		dec_sub(&far, &there->amount, &bound);
		if (grows)
			dec_mul(&bound, &bound, &half);
		dec_sub(&near, &here->amount, &bound);
		dec_sub(&far, &near, &far);	/* near - far */
		if (dec_is_zero(&far))
			continue;
		dec_add(&near, &near, &far);	/* 2 * near - far */
		if (dec_sign(&far) < 0)
		{
			dec_neg(&near, &near);
			dec_neg(&far, &far);
		}
		dec_mul(&tick, &near, &search->mover->present);
		dec_mul(&far, &far, &search->tick);
		dec_div_floor(&tick, &tick, &far);
		if (dec_sign(&tick) > 0)
			decimal_list_add(list, &tick);
	}
}

/* All of them.  Sets "jumps" where a schedule can jump there. */
static DecimalList
list_bounds(PriceSearch *search, bool *jumps)
{
	Mover	   *mover = search->mover;
	DecimalList list = {0};
	Decimal		twice;
	Measure    *here;
	Measure    *there;
	int			count;

	mover->value_at(mover, &mover->present);
	here = list_measures(mover->account, &count);
	dec_add(&twice, &mover->present, &mover->present);
	mover->value_at(mover, &twice);
	there = list_measures(mover->account, &count);

	*jumps = orders_jump(mover->account);
	for (int i = 0; i < count; i++)
	{
		bool		grows = dec_cmp(&here[i].last, &there[i].last) != 0;

		if (!grows && dec_cmp(&here[i].amount, &there[i].amount) == 0)
			continue;
		*jumps |= measure_jumps(&there[i]);
		add_bounds(&list, search, &here[i], &there[i], grows);
	}
	return list;
}

/* The cuts of one direction, from the ticks of both. */
static DecimalList
cuts_from(const PriceSearch *search, const DecimalList *bounds)
{
	DecimalList cuts = {0};

	for (int i = 0; i < bounds->count; i++)
	{
		Decimal		n;

		if (search->up)
			dec_sub(&n, &bounds->numbers[i], &search->start);
		else
			dec_sub(&n, &search->start, &bounds->numbers[i]);
		if (dec_sign(&n) >= 0)
			decimal_list_add(&cuts, &n);
	}
	decimal_list_sort(&cuts);
	return cuts;
}

/* The nearest hit below or above a price that is none. */
static bool
nearest_price(PriceSearch *search, const DecimalList *bounds, bool up, Decimal *result)
{
	Search	   *s = &search->search;
	const Decimal *present = &search->mover->present;
	DecimalList cuts;
	Decimal		n;

	search->up = s->open = up;
	if (up)
	{
		dec_div_floor(&search->start, present, &search->tick);
		dec_add(&search->start, &search->start, &one);
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
	cuts = cuts_from(search, bounds);
	s->cuts = cuts.numbers;
	s->ncuts = cuts.count;
	if (!search_first(s, &n))
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

/* The range asked for; false where there is nothing to say. */
static bool
find_range(FunctionCallInfo fcinfo, bool (*verdict) (const Account *, Decimal *), PriceRange *range)
{
	const Market *market = market_of_call(fcinfo, ARG_MARKET);
	int			target = target_argument(fcinfo, market);
	PriceSearch search = {.search.ask = ask_price, .search.differ = differ_at_price, .verdict = verdict};
	Account    *account;
	DecimalList bounds;
	Decimal		score;
	bool		jumps;
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
	bounds = list_bounds(&search, &jumps);
	search.search.monotone = true;
	if (verdict == is_undercollateralized)
	{
		search.search.monotone = !jumps && !folds;
		search.bends = bend_rounds(account);
		search.search.rounds = search.bends.count;
	}
	for (int i = 0; i < 2; i++)
		range->found[i] = nearest_price(&search, &bounds, i == 1, &range->bounds[i]);
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
