/*
 * solve_price.c
 *		At which mark price an account is liquidated, or bankrupt.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"

#include "question/solve.h"

static const Decimal one = DEC_ONE;

/*
 * Everything that a schedule applies to is linear in the mark, and so is what
 * comes of it between bounds: the equity of the settlement asset (its sign
 * counts as a bound), the notionals, and, where the index of the base moves
 * along, the value of the base.  So equity and maintenance are linear in the
 * mark between the marks at which some amount meets a bound.  There
 *
 * - equity <= 0, and maintenance >= t * equity, hold on one side of a point;
 * - maintenance, never negative, is 0 everywhere or nowhere.  If nowhere, equity
 *   < 0 implies maintenance >= t * equity: undercollateralized is the latter;
 *   if everywhere, it is equity < 0.
 *
 * Steps are whole ticks away from the present mark.  A cut is the last tick not
 * above a mark where something meets a bound: steps between cuts lie
 * strictly between two such marks, as Search wants it.
 *
 * Without schedules that jump, equity is concave in the mark: ratios never
 * rise and a debt weighs at least as much as the first tier counts; and
 * maintenance is convex, as rates never fall.  Then the marks at which the
 * account is not undercollateralized, or not bankrupt, are an interval, the
 * present one is in it, and on the way out hits do not end.
 *
 * The index of the base is P * mark' / mark, which no decimal may hold.  But
 * USD can be counted in another unit: with all prices, and the bounds in USD,
 * multiplied by the present mark, that of the base is P * mark', and all
 * verdicts are the same.
 */
typedef struct MarkSearch
{
	Search		search;			/* first */
	Account    *account;
	Market	   *market;			/* our own */
	int			contract;
	int			base;			/* asset whose index moves along, or -1 */
	Decimal		base_price;
	Decimal		tick;
	Decimal		start;			/* in ticks, of step 0 */
	bool		up;
	bool		(*verdict) (const Account *account, Decimal *score);
} MarkSearch;

static void
value_at_mark(MarkSearch *search, const Decimal *mark)
{
	search->market = market_set_mark(search->market, search->contract, mark);
	account_market_changed(search->account, search->market);
	if (search->base >= 0)
	{
		Decimal		price;

		dec_mul(&price, &search->base_price, mark);
		search->market = market_set_price(search->market, search->base, &price);
		account_market_changed(search->account, search->market);
	}
	account_value(search->account);
}

/* The mark at a step. */
static void
mark_at(const MarkSearch *search, const Decimal *n, Decimal *mark)
{
	if (search->up)
		dec_add(mark, &search->start, n);
	else
		dec_sub(mark, &search->start, n);
	dec_mul(mark, mark, &search->tick);
}

static bool
ask_mark(Search *search, const Decimal *n, Decimal *score)
{
	MarkSearch *self = (MarkSearch *) search;
	Decimal		mark;

	mark_at(self, n, &mark);
	value_at_mark(self, &mark);
	return self->verdict(self->account, score);
}

/* An amount to which a schedule applies; without schedule, of which the sign decides. */
typedef struct Measure
{
	const Schedule *schedule;
	Decimal		amount;
} Measure;

static inline void
put_measure(Measure **to, const Schedule *schedule, const Decimal *amount)
{
	(*to)->schedule = schedule;
	(*to)->amount = DEC_ZERO;
	dec_copy_into(&(*to)->amount, amount, CurrentMemoryContext);
	(*to)++;
}

#define ASSET_MEASURES 3
#define POSITION_MEASURES 2

/* The amounts of the last valuation, always in the same order. */
static Measure *
list_measures(const Account *account, int *count)
{
	const Valuation *v = &account->v;
	const Market *market = account->market;
	Measure    *measures = palloc((v->nassets * ASSET_MEASURES + v->npositions * POSITION_MEASURES) * sizeof(Measure));
	Measure    *to = measures;

	for (int i = 0; i < v->nassets; i++)
	{
		const AssetLine *line = &v->assets[i];
		Decimal		debt;

		if (line->terms == NULL)
			continue;
		dec_neg(&debt, &line->equity);
		put_measure(&to, NULL, &line->equity);
		put_measure(&to, market_schedule(market, line->terms->tiers),
					line->terms->tier_unit == TIERS_IN_VALUE ? &line->net_value : &line->equity);
		put_measure(&to, market_schedule(market, line->terms->liability_maintenance), &debt);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		const Schedule *schedule = market_schedule(market, line->terms->requirement);
		Decimal		net;

		if (line->terms->netting == NETTING_NET)
		{
			dec_sub(&net, &line->notional[SIDE_LONG], &line->notional[SIDE_SHORT]);
			dec_abs(&net, &net);
			put_measure(&to, schedule, &net);
		}
		else
		{
			put_measure(&to, schedule, &line->notional[SIDE_LONG]);
			put_measure(&to, schedule, &line->notional[SIDE_SHORT]);
		}
	}
	*count = to - measures;
	return measures;
}

/* Ticks of marks, a growing list. */
typedef struct TickList
{
	int			count;
	int			capacity;
	Decimal    *ticks;
} TickList;

static void
add_tick(TickList *list, const Decimal *tick)
{
	if (list->count == list->capacity)
	{
		list->capacity = Max(32, 2 * list->capacity);
		list->ticks = list->ticks == NULL ? palloc(list->capacity * sizeof(Decimal)) :
			repalloc(list->ticks, list->capacity * sizeof(Decimal));
	}
	list->ticks[list->count++] = *tick;
}

/*
 * The last ticks, above 0, not above a mark at which some amount meets a bound.  An
 * amount a that moves by d while the mark goes from M to 2 * M meets b at M * (b - a + d) / d.
 * Sets "jumps" where a schedule can jump there.
 */
static TickList
list_bounds(MarkSearch *search, const Decimal *mark, bool *jumps)
{
	TickList	list = {0};
	Decimal		twice;
	Measure    *here;
	Measure    *there;
	int			count;

	value_at_mark(search, mark);
	here = list_measures(search->account, &count);
	dec_add(&twice, mark, mark);
	value_at_mark(search, &twice);
	there = list_measures(search->account, &count);

	*jumps = false;
	for (int i = 0; i < count; i++)
	{
		const Schedule *schedule = there[i].schedule;
		int			nbounds = schedule == NULL ? 1 : schedule->count;
		Decimal		change;
		Decimal		per_tick;
		bool		falls;

		dec_sub(&change, &there[i].amount, &here[i].amount);
		if (dec_is_zero(&change))
			continue;
		*jumps |= schedule != NULL && schedule->method == TIER_WHOLE && schedule->count > 1;
		falls = dec_sign(&change) < 0;
		dec_abs(&per_tick, &change);
		dec_mul(&per_tick, &per_tick, &search->tick);
		for (int j = 0; j < nbounds; j++)
		{
			Decimal		tick = DEC_ZERO;
			Decimal		buffer;

			CHECK_FOR_INTERRUPTS();
			if (schedule != NULL)
				tick = *dec_flat(&schedule->tiers[j].bound, schedule, &buffer);
			dec_sub(&tick, &tick, &here[i].amount);
			dec_add(&tick, &tick, &change);
			if (falls)
				dec_neg(&tick, &tick);
			dec_mul(&tick, &tick, mark);
			dec_div_floor(&tick, &tick, &per_tick);
			if (dec_sign(&tick) > 0)
				add_tick(&list, &tick);
		}
	}
	return list;
}

static int
compare_decimals(const void *a, const void *b)
{
	return dec_cmp(a, b);
}

/* The cuts of one direction, from the ticks of both. */
static void
set_cuts(MarkSearch *search, const TickList *bounds)
{
	Search	   *s = &search->search;
	int			kept = 0;

	s->cuts = palloc(Max(bounds->count, 1) * sizeof(Decimal));
	s->ncuts = 0;
	for (int i = 0; i < bounds->count; i++)
	{
		Decimal		n;

		if (search->up)
			dec_sub(&n, &bounds->ticks[i], &search->start);
		else
			dec_sub(&n, &search->start, &bounds->ticks[i]);
		if (dec_sign(&n) >= 0)
			s->cuts[s->ncuts++] = n;
	}
	qsort(s->cuts, s->ncuts, sizeof(Decimal), compare_decimals);
	for (int i = 0; i < s->ncuts; i++)
	{
		if (kept == 0 || dec_cmp(&s->cuts[kept - 1], &s->cuts[i]) != 0)
			s->cuts[kept++] = s->cuts[i];
	}
	s->ncuts = kept;
}

/* The nearest hit below or above a mark that is none. */
static bool
nearest_mark(MarkSearch *search, const Decimal *mark, const TickList *bounds, bool up, Decimal *result)
{
	Search	   *s = &search->search;
	Decimal		n;

	search->up = s->open = up;
	if (up)
	{
		dec_div_floor(&search->start, mark, &search->tick);
		dec_add(&search->start, &search->start, &one);
	}
	else
	{
		/* the last tick below the mark: its floor, or one less on a tick; the first tick is 1 */
		dec_neg(&n, mark);
		dec_div_floor(&n, &n, &search->tick);
		dec_add(&n, &n, &one);
		dec_neg(&search->start, &n);
		dec_sub(&s->last, &search->start, &one);
		if (dec_sign(&s->last) < 0)
			return false;
	}
	set_cuts(search, bounds);
	if (!search_first(s, &n))
		return false;
	mark_at(search, &n, result);
	return true;
}

/* The asset whose index moves along with a contract's mark, or -1. */
static int
linked_asset(const Account *account, int contract)
{
	const Market *market = account->market;
	const MarketContract *terms = &market_contracts(market)[contract];
	Symbol		base = market_symbol(market, &terms->base);
	int			number = terms->base.length == 0 ? -1 : market_find_asset(market, &base);

	/* a price in the asset itself says nothing of its index */
	if (number < 0 || number == terms->settle_index || !market_assets(market)[number].priced ||
		account_asset_line(account, number) == NULL)
		return -1;
	return number;
}

/* Goes on in a market of our own; the asset whose index moves along, if any, with the mark. */
static void
open_market(MarkSearch *search, const Decimal *mark, bool linked)
{
	Account    *account = search->account;
	const Market *market = account->market;
	int			base = linked ? linked_asset(account, search->contract) : -1;
	Symbol		symbol = market_symbol(market, &market_contracts(market)[search->contract].name);

	search->market = account_own_market(account, base >= 0 ? mark : NULL);
	search->contract = market_find_contract(search->market, &symbol);
	search->base = -1;
	if (base >= 0)
	{
		symbol = market_symbol(market, &market_assets(market)[base].name);
		search->base = market_find_asset(search->market, &symbol);
		search->base_price = account_number(account, &market_assets(market)[base].price);
	}
	account_market_changed(account, search->market);
}

typedef struct MarkRange
{
	Decimal		mark;
	bool		found[2];		/* below, above */
	Decimal		bounds[2];
} MarkRange;

#define PRICE_WANTED (VALUE_MAINTENANCE | VALUE_LINES)

/*
 * The range (portfolio, market, contract text, tick numeric, linked boolean)
 * ask for; false where there is nothing to say.
 */
static bool
find_range(FunctionCallInfo fcinfo, bool (*verdict) (const Account *, Decimal *), MarkRange *range)
{
	const Market *market = market_of_call(fcinfo, 1);
	MarkSearch	search = {.search.ask = ask_mark};
	Account    *account;
	TickList	bounds;
	Decimal		score;
	bool		jumps;

	search.contract = contract_argument(fcinfo, 2, market);
	search.tick = step_argument(fcinfo, 3, "tick");
	search.verdict = verdict;
	search.account = account = account_open(PG_GETARG_DATUM(0), market, PRICE_WANTED);
	if (account_position_line(account, search.contract) == NULL)
		return false;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		return false;
	range->mark = account_number(account, &market_contracts(market)[search.contract].mark);
	if (verdict(account, &score))
	{
		range->found[0] = range->found[1] = true;
		range->bounds[0] = range->bounds[1] = range->mark;
		return true;
	}

	open_market(&search, &range->mark, PG_GETARG_BOOL(4));
	bounds = list_bounds(&search, &range->mark, &jumps);
	search.search.monotone = verdict == is_bankrupt || !jumps;
	for (int i = 0; i < 2; i++)
		range->found[i] = nearest_mark(&search, &range->mark, &bounds, i == 1, &range->bounds[i]);
	return true;
}

static Datum
return_range(FunctionCallInfo fcinfo, bool (*verdict) (const Account *, Decimal *))
{
	MarkRange	range;
	bool		any = find_range(fcinfo, verdict, &range);
	TupleDesc	tupdesc;
	Datum		values[2] = {0};
	bool		nulls[2] = {true, true};

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
	MarkRange	range;
	int			nearer;

	if (!find_range(fcinfo, verdict, &range) || !(range.found[0] || range.found[1]))
		PG_RETURN_NULL();
	nearer = range.found[0] ? 0 : 1;
	if (range.found[0] && range.found[1])
	{
		Decimal		below;
		Decimal		above;

		dec_sub(&below, &range.mark, &range.bounds[0]);
		dec_sub(&above, &range.bounds[1], &range.mark);
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
