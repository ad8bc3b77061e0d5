/*
 * solve.c
 *		Inverse questions: at which price, how much more, how much less.
 *
 * Every answer is a whole number of steps at which the account, valued by
 * valuation.c, turns out one way while it turns out the other way one step
 * before.  No rule of valuation is repeated here: what is known of it is where
 * it bends (the bounds of the schedules that apply) and in which direction it
 * can turn, and both are argued where they are used.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "market.h"
#include "netting.h"
#include "options.h"
#include "valuation.h"
#include "whatif.h"

/* ---------- an account that is valued again and again ---------- */

typedef struct Account
{
	Datum		portfolio;		/* flat in memory, or a netting */
	const Market *market;
	int			wanted;
	Valuation	v;
	BoundPortfolio *bound;
	MemoryContext scratch;		/* of one valuation's large amounts */
} Account;

static void
account_bind(Account *account, Datum portfolio, const Market *market, int wanted)
{
	account->portfolio = portfolio;
	account->market = market;
	account->wanted = wanted;
	account->bound = bind_portfolio(&account->v, portfolio, market, wanted);
}

static Account *
account_open(Datum portfolio, const Market *market, int wanted)
{
	Account    *account = palloc(sizeof(Account));

	if (netting_from_datum(portfolio) == NULL)
		portfolio = PointerGetDatum(PG_DETOAST_DATUM_PACKED(portfolio));
	account->scratch = AllocSetContextCreate(CurrentMemoryContext, "margin valuation", ALLOCSET_DEFAULT_SIZES);
	account_bind(account, portfolio, market, wanted);
	return account;
}

/* A market of one's own that has been changed: where it has moved, all that points into it is found anew. */
static void
account_market_changed(Account *account, const Market *market)
{
	if (market != account->market)
		account_bind(account, account->portfolio, market, account->wanted);
}

/* Amounts of the valuation last until the next one. */
static void
account_value(Account *account)
{
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(account->scratch);
	old = MemoryContextSwitchTo(account->scratch);
	value_bound(account->bound, market_assets(account->market), market_contracts(account->market));
	MemoryContextSwitchTo(old);
}

static AssetLine *
find_asset_line(const Account *account, int asset)
{
	for (int i = 0; i < account->v.nassets; i++)
	{
		if (account->v.assets[i].asset == asset)
			return &account->v.assets[i];
	}
	return NULL;
}

static PositionLine *
find_position_line(const Account *account, int contract)
{
	for (int i = 0; i < account->v.npositions; i++)
	{
		if (account->v.positions[i].contract == contract)
			return &account->v.positions[i];
	}
	return NULL;
}

/* A number of the market the account is valued in. */
static Decimal
stored_number(const Account *account, const Decimal *stored)
{
	Decimal		buffer;

	return *dec_flat(stored, account->market, &buffer);
}

/* ---------- verdicts ---------- */

/*
 * Each says whether the last valuation turned out that way, and how far it is
 * from that: a score that is negative where it did not, or 0, and does not fall
 * on the way to where it does.  Only the verdict decides, the score is
 * where to look next.
 */

/* Maintenance against equity at the threshold; where nothing is required, equity alone. */
static bool
is_undercollateralized(const Account *account, Decimal *score)
{
	const Valuation *v = &account->v;
	Decimal		threshold = stored_number(account, &account->market->thresholds[THRESHOLD_LIQUIDATION]);

	if (dec_sign(&v->maintenance_margin) > 0)
	{
		dec_mul(score, &threshold, &v->equity);
		dec_sub(score, &v->maintenance_margin, score);
	}
	else
		dec_neg(score, &v->equity);
	return v->level >= LEVEL_LIQUIDATION;
}

static bool
is_bankrupt(const Account *account, Decimal *score)
{
	dec_neg(score, &account->v.equity);
	return dec_sign(&account->v.equity) <= 0;
}

static bool
fails(const Account *account, Decimal *score)
{
	Decimal		lacking;

	is_undercollateralized(account, score);
	dec_neg(&lacking, &account->v.available_margin);
	if (dec_cmp(score, &lacking) < 0)
		*score = lacking;
	return !valuation_passes(&account->v);
}

/* ---------- searching ---------- */

static const Decimal one = DEC_ONE;

/* One look at a number of steps. */
typedef struct Probe
{
	Decimal		n;
	bool		hit;
	Decimal		score;
} Probe;

/*
 * The first of the steps 0, 1, 2, ... that is a hit.
 *
 * Between two cuts, both left out, hits begin once at most and do not end: all
 * before are misses, all behind are hits.  A cut may be anything.  Where
 * "monotone" is set, hits do not end at all.
 */
typedef struct Search
{
	bool		(*ask) (struct Search *search, const Decimal *n, Decimal *score);
	Decimal		last;			/* the last step, unless "open" */
	bool		open;			/* there is no last step */
	bool		certain;		/* an open search finds a hit; else scores are linear behind the last cut */
	bool		monotone;
	int			ncuts;
	Decimal    *cuts;			/* ascending, each once */
} Search;

static Probe
probe(Search *search, const Decimal *n)
{
	Probe		result = {.n = *n};

	result.hit = search->ask(search, n, &result.score);
	return result;
}

/* Where a line through the scores of two probes meets 0, rounded up to a step; false if it does not rise. */
static bool
interpolate(Decimal *n, const Probe *a, const Probe *b)
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
 * Brings a miss and a hit with no other hit before it next to each other.
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
		if (turn % 3 == 2 || !interpolate(&guess, miss, hit))
		{
			dec_add(&guess, &miss->n, &hit->n);
			dec_div_floor(&guess, &guess, &two);
		}
		else if (dec_cmp(&guess, &first) < 0)
			guess = first;
		else if (dec_cmp(&guess, &last) > 0)
			guess = last;
		middle = probe(search, &guess);
		if (middle.hit)
			*hit = middle;
		else
			*miss = middle;
	}
}

/* The first hit among steps that lie between two cuts. */
static bool
search_between(Search *search, const Decimal *from, const Decimal *to, Decimal *n)
{
	int			order = dec_cmp(from, to);
	Probe		near;
	Probe		far;

	if (order > 0)
		return false;
	near = probe(search, from);
	if (near.hit)
		far = near;
	else
	{
		if (order == 0)
			return false;
		far = probe(search, to);
		if (!far.hit)
			return false;
		narrow(search, &near, &far);
	}
	*n = far.n;
	return true;
}

/* The first hit behind all cuts. */
static bool
search_beyond(Search *search, const Decimal *from, Decimal *n)
{
	Probe		near = probe(search, from);
	Probe		far = near;

	while (!far.hit)
	{
		Decimal		next;
		Decimal		guess;

		dec_add(&next, &far.n, &far.n);
		dec_add(&next, &next, &one);
		if (dec_cmp(&near.n, &far.n) < 0)
		{
			bool		rises = interpolate(&guess, &near, &far);

			if (!rises && !search->certain)
				return false;
			if (rises && dec_cmp(&guess, &next) > 0)
				next = guess;
		}
		near = far;
		far = probe(search, &next);
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

		if (probe(search, &search->cuts[middle]).hit)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool
first_hit(Search *search, Decimal *n)
{
	int			i = search->monotone ? first_cut(search) : 0;
	Decimal		from = DEC_ZERO;

	if (i > 0)
		dec_add(&from, &search->cuts[i - 1], &one);
	for (; i < search->ncuts; i++)
	{
		const Decimal *cut = &search->cuts[i];
		Decimal		before;

		dec_sub(&before, cut, &one);
		if (search_between(search, &from, &before, n))
			return true;
		if (probe(search, cut).hit)
		{
			*n = *cut;
			return true;
		}
		dec_add(&from, cut, &one);
	}
	if (search->open)
		return search_beyond(search, &from, n);
	return search_between(search, &from, &search->last, n);
}

/* ---------- arguments ---------- */

static Symbol
symbol_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);

	return symbol_checked(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), what);
}

static int
asset_argument(FunctionCallInfo fcinfo, int arg, const Market *market)
{
	Symbol		symbol = symbol_argument(fcinfo, arg, "an asset");

	return market_known_asset(market, &symbol);
}

static int
contract_argument(FunctionCallInfo fcinfo, int arg, const Market *market)
{
	Symbol		symbol = symbol_argument(fcinfo, arg, "a contract");

	return market_known_contract(market, &symbol);
}

/* A tick or step: a number above 0. */
static Decimal
step_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	Decimal		step;

	if (!dec_from_input(&step, PG_GETARG_DATUM(arg)))
		dec_bad_input(PG_GETARG_DATUM(arg), what);
	if (dec_sign(&step) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than 0: %s", what, dec_text(&step))));
	return step;
}

/* ---------- at which mark price ---------- */

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
					line->terms->basis == BASIS_VALUE ? &line->net_value : &line->equity);
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
	if (!first_hit(s, &n))
		return false;
	mark_at(search, &n, result);
	return true;
}

/*
 * A market of our own with what the account needs; its assets and contracts have
 * other numbers there.  With a unit, USD is counted in one that is so many times as small.
 */
static Market *
own_market(const Account *account, const Decimal *unit)
{
	const Valuation *v = &account->v;
	MarketTerms terms;
	Market	   *result;

	market_terms_begin(&terms, account->market);
	for (int i = 0; i < v->nassets; i++)
	{
		AssetTerms *asset;

		if (v->assets[i].asset < 0)
			continue;
		asset = market_terms_read_asset(&terms, account->market, v->assets[i].asset);
		if (unit != NULL && asset->tiers != NULL && asset->basis == BASIS_VALUE)
			asset->tiers = schedule_scale_bounds(asset->tiers, unit);
	}
	for (int i = 0; i < v->npositions; i++)
		market_terms_read_contract(&terms, account->market, v->positions[i].contract);
	result = market_flatten(&terms);
	for (uint32 i = 0; unit != NULL && i < result->nassets; i++)
	{
		Decimal		buffer;
		Decimal		price;

		if (!market_assets(result)[i].priced)
			continue;
		dec_mul(&price, dec_flat(&market_assets(result)[i].price, result, &buffer), unit);
		result = market_set_price(result, i, &price);
	}
	return result;
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
		find_asset_line(account, number) == NULL)
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

	search->market = own_market(account, base >= 0 ? mark : NULL);
	search->contract = market_find_contract(search->market, &symbol);
	search->base = -1;
	if (base >= 0)
	{
		symbol = market_symbol(market, &market_assets(market)[base].name);
		search->base = market_find_asset(search->market, &symbol);
		search->base_price = stored_number(account, &market_assets(market)[base].price);
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
	if (find_position_line(account, search.contract) == NULL)
		return false;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		return false;
	range->mark = stored_number(account, &market_contracts(market)[search.contract].mark);
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

/* ---------- how much: one balance or one side in steps ---------- */

typedef struct AmountSearch
{
	Search		search;			/* first */
	Account    *account;
	Decimal		step;

	/* of a balance */
	AssetLine  *asset;
	Decimal		balance;		/* at step 0 */

	/* of a side, which opens at "price" */
	PositionLine *position;
	PortfolioSide side;
	PositionSide held;			/* at step 0 */
	Decimal		price;
	bool		has_leverage;
	Decimal		leverage;
} AmountSearch;

static bool
ask_withdrawal(Search *search, const Decimal *n, Decimal *score)
{
	AmountSearch *self = (AmountSearch *) search;
	Decimal		amount;

	dec_mul(&amount, n, &self->step);
	dec_sub(&amount, &self->balance, &amount);
	bound_set_balance(self->asset, &amount);
	account_value(self->account);
	return fails(self->account, score);
}

static bool
ask_deposit(Search *search, const Decimal *n, Decimal *score)
{
	AmountSearch *self = (AmountSearch *) search;
	Decimal		amount;
	bool		hit;

	dec_mul(&amount, n, &self->step);
	dec_add(&amount, &self->balance, &amount);
	bound_set_balance(self->asset, &amount);
	account_value(self->account);
	hit = !fails(self->account, score);
	dec_neg(score, score);
	return hit;
}

static bool
ask_order(Search *search, const Decimal *n, Decimal *score)
{
	AmountSearch *self = (AmountSearch *) search;
	PositionSide side = self->held;
	Decimal		size;

	dec_mul(&size, n, &self->step);
	dec_add(&side.quantity, &side.quantity, &size);
	dec_add_product(&side.cost, &size, &self->price);
	if (self->has_leverage)
	{
		dec_div_ceil18(&size, &size, &self->leverage);
		dec_add(&side.margin, &side.margin, &size);
	}
	bound_set_side(self->account->bound, self->position, self->side, &side);
	account_value(self->account);
	return fails(self->account, score);
}

/* a + n * step */
static Datum
steps_datum(const Decimal *a, const Decimal *n, const Decimal *step)
{
	Decimal		amount;

	dec_mul(&amount, n, step);
	dec_add(&amount, a, &amount);
	dec_normalize(&amount);
	return dec_datum(&amount, 0);
}

static Datum
zero_datum(void)
{
	const Decimal zero = DEC_ZERO;

	return dec_datum(&zero, 0);
}

/* Opens an account that has a line for the asset, with a balance of 0 where it holds none. */
static void
open_asset(AmountSearch *search, Datum portfolio, const Market *market, int asset)
{
	const Decimal zero = DEC_ZERO;

	search->account = account_open(portfolio, market, VALUE_MARGINS | VALUE_LINES);
	search->asset = find_asset_line(search->account, asset);
	if (search->asset == NULL)
	{
		Netting    *netting = netting_load(PG_DETOAST_DATUM_PACKED(portfolio));
		Symbol		symbol = market_symbol(market, &market_assets(market)[asset].name);

		netting_add_balance(netting, &symbol, &one);
		account_bind(search->account, EOHPGetRODatum(&netting->header), market, VALUE_MARGINS | VALUE_LINES);
		search->asset = find_asset_line(search->account, asset);
		bound_set_balance(search->asset, &zero);
	}
	search->balance = search->asset->balance;
}

/* What may not be withdrawn where unrealized gains do not count: the net profit in each settlement asset. */
static void
remove_gains(Account *account)
{
	for (int i = 0; i < account->v.nassets; i++)
	{
		AssetLine  *line = &account->v.assets[i];
		Decimal		rest;

		if (!line->settles || dec_sign(&line->pnl) <= 0)
			continue;
		dec_sub(&rest, &line->balance, &line->pnl);
		bound_set_balance(line, &rest);
	}
}

PG_FUNCTION_INFO_V1(margin_max_withdrawal);

/*
 * max_withdrawal(portfolio, market, asset text, with_unrealized boolean, step numeric)
 *
 * Up to the asset's equity a withdrawal lowers equity or leaves it, and
 * touches no requirement: once the account fails it fails from there on.
 */
Datum
margin_max_withdrawal(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_withdrawal};
	Account    *account;
	const Decimal zero = DEC_ZERO;
	Decimal		n;

	search.step = step_argument(fcinfo, 4, "step");
	open_asset(&search, PG_GETARG_DATUM(0), market, asset_argument(fcinfo, 2, market));
	account = search.account;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (!PG_GETARG_BOOL(3))
	{
		remove_gains(account);
		search.balance = search.asset->balance;
		account_value(account);
	}
	if (!valuation_passes(&account->v) || dec_sign(&search.asset->equity) <= 0)
		return zero_datum();
	dec_div_floor(&search.search.last, &search.asset->equity, &search.step);
	if (first_hit(&search.search, &n))
		dec_sub(&n, &n, &one);
	else
		n = search.search.last;
	return steps_datum(&zero, &n, &search.step);
}

/*
 * The first step from which on a deposit moves equity along one line: the
 * asset has no debt, and its last tier is reached.  Returns whether it rises there.
 */
static bool
last_slope(const AmountSearch *search, Decimal *n)
{
	const AssetLine *line = search->asset;
	const Account *account = search->account;
	const Schedule *tiers = market_schedule(account->market, line->terms->tiers);
	const Tier *tier = tiers == NULL ? NULL : &tiers->tiers[tiers->count - 1];
	Decimal		bound = DEC_ZERO;
	Decimal		per_step = search->step;
	Decimal		buffer;
	bool		by_value = line->terms->basis == BASIS_VALUE;

	if (tier != NULL)
		bound = *dec_flat(&tier->bound, tiers, &buffer);
	if (by_value)
	{
		Decimal		price = stored_number(account, &line->terms->price);

		dec_mul(&per_step, &per_step, &price);
	}
	/* rounded up: minus the floor of minus */
	dec_sub(n, by_value ? &line->net_value : &line->equity, &bound);
	dec_div_floor(n, n, &per_step);
	dec_neg(n, n);
	if (dec_sign(n) < 0)
		*n = DEC_ZERO;
	return tier != NULL && !dec_is_zero(&tier->rate);
}

PG_FUNCTION_INFO_V1(margin_cure);

/*
 * cure(portfolio, market, asset text, step numeric)
 *
 * A deposit never lowers equity and never raises a requirement: once the
 * account passes it passes from there on.  In the asset's last tier equity
 * rises for ever or not at all.
 */
Datum
margin_cure(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_deposit};
	Account    *account;
	const Decimal zero = DEC_ZERO;
	Decimal		n;
	bool		rises;

	search.step = step_argument(fcinfo, 3, "step");
	open_asset(&search, PG_GETARG_DATUM(0), market, asset_argument(fcinfo, 2, market));
	account = search.account;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (valuation_passes(&account->v))
		return zero_datum();
	/* without price nothing of it counts, and if it has tiers nothing can be known */
	if (!search.asset->terms->priced)
		PG_RETURN_NULL();
	rises = last_slope(&search, &search.search.last);
	search.search.open = search.search.certain = rises;
	search.search.monotone = true;
	search.search.cuts = &search.search.last;
	search.search.ncuts = rises ? 1 : 0;
	if (!first_hit(&search.search, &n))
		PG_RETURN_NULL();
	return steps_datum(&zero, &n, &search.step);
}

/* Does a schedule take anything of a large enough amount?  Rates never fall. */
static bool
takes_anything(const Market *market, uint32 offset)
{
	const Schedule *schedule = market_schedule(market, offset);

	return schedule != NULL && !dec_is_zero(&schedule->tiers[schedule->count - 1].rate);
}

static const char *const side_labels[] = {"long", "short", NULL};

PG_FUNCTION_INFO_V1(margin_max_order);

/*
 * max_order(portfolio, market, contract text, side side, price, leverage, step numeric)
 *
 * Beyond what closes the opposite side, size raises notional and margin
 * quantity, hence requirements, and lowers equity by its loss at mark, if it
 * has one: once the account fails it fails from there on.  It fails in the end
 * unless size costs nothing at all.
 */
Datum
margin_max_order(PG_FUNCTION_ARGS)
{
	AmountSearch search = {.search.ask = ask_order, .search.open = true, .search.certain = true};
	const Market *market;
	const MarketContract *contract;
	PortfolioSide side;
	Netting    *netting;
	Position   *position;
	Symbol		symbol;
	Decimal		score;
	Decimal		price;
	Decimal		mark;
	Decimal		closed;
	Decimal		rest;
	Decimal		n = DEC_ZERO;
	bool		bounded;
	int			number;

	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (i != 5 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	market = market_of_call(fcinfo, 1);
	number = contract_argument(fcinfo, 2, market);
	contract = &market_contracts(market)[number];
	symbol = market_symbol(market, &contract->name);
	side = option_from_enum(PG_GETARG_OID(3), side_labels);
	holding_price(&price, PG_GETARG_DATUM(4), "price", &symbol);
	search.has_leverage = !PG_ARGISNULL(5);
	if (search.has_leverage)
		holding_leverage(&search.leverage, PG_GETARG_DATUM(5), &symbol);
	search.step = step_argument(fcinfo, 6, "step");

	netting = netting_load(PG_GETARG_VARLENA_PP(0));
	position = netting_position(netting, &symbol);
	closed = position->sides[1 - side].quantity;
	if (!dec_is_zero(&closed))
		close_side(netting, market, contract, &position->sides[1 - side], 1 - side, &closed, &price, &rest);
	search.account = account_open(EOHPGetRODatum(&netting->header), market, VALUE_MARGINS | VALUE_LINES);
	search.position = find_position_line(search.account, number);
	search.side = side;
	search.held = search.position->position.sides[side];

	account_value(search.account);
	if (search.account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (fails(search.account, &score))
		return steps_datum(&closed, &n, &search.step);
	mark = stored_number(search.account, &contract->mark);
	bounded = side == SIDE_LONG ? dec_cmp(&price, &mark) > 0 : dec_cmp(&price, &mark) < 0;
	search.price = bounded ? price : mark;
	bounded = bounded || search.has_leverage || takes_anything(market, contract->requirement) ||
		takes_anything(market, contract->initial);
	if (!bounded)
		PG_RETURN_NULL();
	first_hit(&search.search, &n);
	dec_sub(&n, &n, &one);
	return steps_datum(&closed, &n, &search.step);
}

/* ---------- how far may all prices move ---------- */

/*
 * The account is safe in a box of prices, each within x of where it is, if in
 * each of them maintenance < t * equity, or maintenance is 0 and equity not
 * negative.  Both sums are taken apart by asset: what asset a, at price P,
 * adds to maintenance - t * equity is
 *
 *		f_a(P) = P * V * req_a + P * LM(|E_a|) - t * value_a(P, E_a)
 *
 * with the requirements of what settles in a.  Two facts bound it from above.
 *
 * 1. In each mark, f_a is largest where E_a is smallest and the notionals are
 *    largest: value_a does not fall with E_a, LM does not rise with it, and
 *    rates never fall.  E_a is smallest with the mark at 1 - x for what is
 *    long on balance, at 1 + x for what is short; notionals are largest with all of
 *    them at 1 + x.  For a long position these are two different marks, which
 *    is where the bound is not sharp.
 * 2. With these, f_a is convex in P: a line where E_a < 0 or the basis is
 *    quantity, and else minus t times a concave R(P * E_a) on top of it.  So it is
 *    largest at one end of [P * (1 - x), P * (1 + x)].
 *
 * No price occurs in two assets, so the sum of these largest values bounds the
 * whole; where it is negative, the account is safe in the box, and where it is
 * 0, if maintenance is 0 with all prices at 1 + x.  A larger box has larger
 * ends, so the x that are proven safe are all those up to the one we look for.
 *
 * With x = 1 the lower ends are 0, where all f_a are 0, but no prices.  If the
 * sum of the largest values is 0 no f_a is positive at its upper end, and
 * between the ends, being convex, each is at most a part above 0 of that: their
 * sum is negative if one of them is.
 *
 * One market serves both parts of 1: with all marks at 1 + x, what is
 * long on balance has gained instead of lost x * (NL - NS), so twice that is
 * taken from the balance of its settlement asset.
 */
typedef struct BufferSearch
{
	Search		search;			/* first */
	Account    *account;
	const Market *market;		/* with the present prices */
	Market	   *moved;			/* our own */
	Decimal    *balances;		/* by line: the present ones */
	Decimal    *longs;			/* twice the notional that is long on balance */
} BufferSearch;

#define BUFFER_DIGITS 8

/* Puts the prices in the market of our own to "factor" times the present ones. */
static void
move_prices(BufferSearch *search, const Decimal *factor)
{
	const Valuation *v = &search->account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		int			asset = v->assets[i].asset;
		Decimal		buffer;
		Decimal		price;

		if (asset < 0 || !market_assets(search->market)[asset].priced)
			continue;
		dec_mul(&price, dec_flat(&market_assets(search->market)[asset].price, search->market, &buffer), factor);
		search->moved = market_set_price(search->moved, asset, &price);
		account_market_changed(search->account, search->moved);
	}
}

/* The same with the marks. */
static void
move_marks(BufferSearch *search, const Decimal *factor)
{
	const Valuation *v = &search->account->v;

	for (int i = 0; i < v->npositions; i++)
	{
		int			contract = v->positions[i].contract;
		Decimal		buffer;
		Decimal		mark;

		dec_mul(&mark, dec_flat(&market_contracts(search->market)[contract].mark, search->market, &buffer), factor);
		search->moved = market_set_mark(search->moved, contract, &mark);
		account_market_changed(search->account, search->moved);
	}
}

/* Values with all gains of what is long on balance turned into losses. */
static void
value_losses(BufferSearch *search, const Decimal *x)
{
	Valuation  *v = &search->account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		Decimal		loss;

		if (dec_is_zero(&search->longs[i]))
			continue;
		dec_mul(&loss, x, &search->longs[i]);
		dec_sub(&loss, &search->balances[i], &loss);
		bound_set_balance(&v->assets[i], &loss);
	}
	account_value(search->account);
}

/* What an asset adds to maintenance - t * equity. */
static void
asset_burden(const BufferSearch *search, const AssetLine *line, Decimal *r)
{
	const Account *account = search->account;
	Decimal		threshold = stored_number(account, &account->market->thresholds[THRESHOLD_LIQUIDATION]);

	dec_sub(r, &line->liability, &line->collateral_value);
	dec_mul(r, r, &threshold);
	dec_add(r, r, &line->liability_maintenance);
	if (line->settles)
	{
		Decimal		price = stored_number(account, &line->terms->requirement_price);

		dec_add_product(r, &price, &line->maintenance);
	}
}

/* Is a box of that many units of the last digit not proven safe? */
static bool
ask_buffer(Search *search, const Decimal *n, Decimal *score)
{
	BufferSearch *self = (BufferSearch *) search;
	const Valuation *v = &self->account->v;
	Decimal    *burdens = palloc(Max(v->nassets, 1) * sizeof(Decimal));
	Decimal		unit;
	Decimal		x;
	Decimal		up;
	Decimal		down;
	Decimal		sum = DEC_ZERO;
	bool		required;

	dec_set(&unit, 1, BUFFER_DIGITS);
	dec_mul(&x, n, &unit);
	dec_add(&up, &one, &x);
	dec_sub(&down, &one, &x);

	move_marks(self, &up);
	move_prices(self, &up);
	value_losses(self, &x);
	required = dec_sign(&v->maintenance_margin) > 0;
	for (int i = 0; i < v->nassets; i++)
	{
		asset_burden(self, &v->assets[i], &burdens[i]);
		dec_add(&sum, &sum, &burdens[i]);
	}

	move_prices(self, &down);
	value_losses(self, &x);
	*score = DEC_ZERO;
	for (int i = 0; i < v->nassets; i++)
	{
		Decimal		burden;

		asset_burden(self, &v->assets[i], &burden);
		dec_add(score, score, dec_cmp(&burden, &burdens[i]) > 0 ? &burden : &burdens[i]);
	}
	pfree(burdens);
	if (dec_sign(score) != 0 || !required)
		return dec_sign(score) > 0;
	return dec_sign(&down) > 0 || dec_sign(&sum) >= 0;
}

/* Notes balances and what is long on balance, of an account that has been valued. */
static void
note_present(BufferSearch *search)
{
	const Valuation *v = &search->account->v;

	search->balances = palloc(Max(v->nassets, 1) * sizeof(Decimal));
	search->longs = palloc0(Max(v->nassets, 1) * sizeof(Decimal));
	for (int i = 0; i < v->nassets; i++)
		search->balances[i] = v->assets[i].balance;
	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		Decimal    *sum = &search->longs[line->booked - v->assets];
		Decimal		net;

		dec_sub(&net, &line->notional[SIDE_LONG], &line->notional[SIDE_SHORT]);
		if (dec_sign(&net) <= 0)
			continue;
		dec_add(&net, &net, &net);
		dec_add(sum, sum, &net);
	}
}

PG_FUNCTION_INFO_V1(margin_buffer);

/* buffer(portfolio, market) */
Datum
margin_buffer(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	const Decimal zero = DEC_ZERO;
	BufferSearch search = {.search.ask = ask_buffer};
	Account    *account;
	Decimal		unit;
	Decimal		n;
	Decimal		score;

	search.account = account = account_open(PG_GETARG_DATUM(0), market, VALUE_MAINTENANCE | VALUE_LINES);
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED || is_undercollateralized(account, &score))
		PG_RETURN_NULL();
	note_present(&search);
	search.market = own_market(account, NULL);
	search.moved = market_copy(search.market);
	account_market_changed(account, search.moved);
	dec_set(&search.search.last, dec_power10_narrow[BUFFER_DIGITS], 0);
	if (first_hit(&search.search, &n))
		dec_sub(&n, &n, &one);
	else
		n = search.search.last;
	dec_set(&unit, 1, BUFFER_DIGITS);
	return steps_datum(&zero, &n, &unit);
}
