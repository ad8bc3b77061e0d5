/*
 * watch.c
 *		How far prices have moved since accounts were judged.
 *
 * An account that was judged is anchored: its level is proven while no price
 * moves by more than its room from where it was then (safe_move()).  What is
 * here says how far each symbol has moved, in doubles and never too little, and
 * whether that is more than an account has room for.  Nothing here decides a
 * level: whoever may have left his room is judged, exactly.
 *
 * The prices of a market are numbered: its assets in byte order, behind them
 * its contracts.  Levels see of an asset's price its low and its high, which are
 * one for all but those in doubt: the high of these follows behind the prices,
 * with its number, so that ticks pay nothing where there are none.  While low and
 * high are one they move as one; where a price comes into doubt, or is no longer,
 * it has moved without bounds.  An account's mask has a bit for each number it depends on,
 * modulo 64, so symbols may share one; then the one that moved more counts.
 *
 * And what a view reads, for whether all writes to a book are seen.
 */
#include "postgres.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "optimizer/optimizer.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"

#include "value/market.h"

#define MASK_BITS 64

/*
 * Two prices as doubles, their quotient and the subtraction of 1 are each off by
 * 2^-53 in proportion: together by less than this.
 */
#define SLACK 1e-14

/* ---------- arrays ---------- */

/* An array without nulls, of one dimension or empty, of an element type of fixed length. */
static const void *
elements_of(const ArrayType *array, Oid type, int *count)
{
	if (ARR_NDIM(array) > 1 || ARR_HASNULL(array) || ARR_ELEMTYPE(array) != type)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("prices, moves and numbers are arrays of one dimension without nulls")));
	*count = ARR_NDIM(array) == 0 ? 0 : ARR_DIMS(array)[0];
	return (const char *) array + ARR_OVERHEAD_NONULLS(ARR_NDIM(array));
}

static ArrayType *
array_of_doubles(const double *values, int count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = Float8GetDatum(values[i]);
	return construct_array(elements, count, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

/* ---------- prices ---------- */

/* The nearest double, infinite or 0 for what no double holds. */
static double
nearest_double(const Market *market, const Decimal *stored)
{
	Decimal		buffer;

	return strtod(dec_text(dec_flat(stored, market, &buffer)), NULL);
}

/* A price in doubt takes two elements more: minus its number, from 1, then its high. */
#define DOUBT_ELEMENTS 2

static int
append_doubts(double *doubts, const Market *market)
{
	const MarketAsset *assets = market_assets(market);
	int			n = 0;

	for (uint32 i = 0; i < market->nassets; i++)
	{
		if (assets[i].priced && assets[i].doubtful)
		{
			doubts[n++] = -((double) i + 1);
			doubts[n++] = nearest_double(market, &assets[i].high);
		}
	}
	return n;
}

PG_FUNCTION_INFO_V1(margin_market_prices);

/* market_prices(market): by number, NaN where there is none; then what is in doubt */
Datum
margin_market_prices(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 0);
	const MarketAsset *assets = market_assets(market);
	const MarketContract *contracts = market_contracts(market);
	double	   *prices = palloc(((1 + DOUBT_ELEMENTS) * market->nassets + market->ncontracts + 1) * sizeof(double));
	int			n = 0;

	for (uint32 i = 0; i < market->nassets; i++)
		prices[n++] = assets[i].priced ? nearest_double(market, &assets[i].low) : NAN;
	for (uint32 i = 0; i < market->ncontracts; i++)
		prices[n++] = contracts[i].marked ? nearest_double(market, &contracts[i].mark) : NAN;
	n += append_doubts(&prices[n], market);
	PG_RETURN_ARRAYTYPE_P(array_of_doubles(prices, n));
}

/* ---------- terms ---------- */

/* Two markets whose records are compared. */
typedef struct Pair
{
	const Market *was;
	const Market *is;
} Pair;

static bool
same_number(const Pair *pair, const Decimal *was, const Decimal *is)
{
	Decimal		buffers[2];

	return dec_cmp(dec_flat(was, pair->was, &buffers[0]), dec_flat(is, pair->is, &buffers[1])) == 0;
}

static bool
same_schedule(const Pair *pair, uint32 was, uint32 is)
{
	const Schedule *a = market_schedule(pair->was, was);
	const Schedule *b = market_schedule(pair->is, is);

	if (a == NULL || b == NULL)
		return a == b;
	return VARSIZE(a) == VARSIZE(b) && memcmp(a, b, VARSIZE(a)) == 0;
}

static bool
same_name(const Pair *pair, const MarketName *was, const MarketName *is)
{
	Symbol		a = market_symbol(pair->was, was);
	Symbol		b = market_symbol(pair->is, is);

	return symbol_equal(&a, &b);
}

/* All that levels depend on, apart from the price; they never see the initial measure. */
static bool
same_asset(const Pair *pair, const MarketAsset *was, const MarketAsset *is)
{
	return was->tier_unit == is->tier_unit &&
		same_schedule(pair, was->tiers, is->tiers) &&
		same_schedule(pair, was->liability_maintenance, is->liability_maintenance) &&
		same_number(pair, &was->liability_weight, &is->liability_weight) &&
		same_number(pair, &was->requirement_weight, &is->requirement_weight);
}

/* They may see what open orders require initially, as orders_reduce_equity has it. */
static bool
same_contract(const Pair *pair, const MarketContract *was, const MarketContract *is)
{
	return was->netting == is->netting && was->tier_unit == is->tier_unit && was->order_maintenance == is->order_maintenance &&
		same_name(pair, &was->settle, &is->settle) &&
		same_schedule(pair, was->maintenance, is->maintenance) &&
		same_schedule(pair, was->requirement, is->requirement) &&
		same_schedule(pair, was->initial, is->initial) &&
		same_number(pair, &was->size, &is->size) &&
		same_number(pair, &was->closing_fee, &is->closing_fee) &&
		same_number(pair, &was->opening_fee, &is->opening_fee);
}

/* What all symbols share. */
static bool
same_rules(const Pair *pair)
{
	for (int i = 0; i < THRESHOLDS; i++)
	{
		if (!same_number(pair, &pair->was->thresholds[i], &pair->is->thresholds[i]))
			return false;
	}
	return pair->was->orders_reduce_equity == pair->is->orders_reduce_equity && pair->was->liability_rule == pair->is->liability_rule;
}

/* The present number of an asset, from 1; 0 if it is gone or its terms are others. */
static int
asset_now(const Pair *pair, const MarketAsset *was)
{
	Symbol		name = market_symbol(pair->was, &was->name);
	int			number = market_find_asset(pair->is, &name);

	return number >= 0 && same_asset(pair, was, &market_assets(pair->is)[number]) ? number + 1 : 0;
}

static int
contract_now(const Pair *pair, const MarketContract *was)
{
	Symbol		name = market_symbol(pair->was, &was->name);
	int			number = market_find_contract(pair->is, &name);

	return number >= 0 && same_contract(pair, was, &market_contracts(pair->is)[number]) ?
		(int) pair->is->nassets + number + 1 : 0;
}

PG_FUNCTION_INFO_V1(margin_terms_now);

/* terms_now(was market, is market) */
Datum
margin_terms_now(PG_FUNCTION_ARGS)
{
	const Pair	pair = {market_from_datum(PG_GETARG_DATUM(0)), market_from_datum(PG_GETARG_DATUM(1))};
	int			count = pair.was->nassets + pair.was->ncontracts;
	Datum	   *numbers = palloc(Max(count, 1) * sizeof(Datum));
	int			n = 0;

	if (!same_rules(&pair))
		PG_RETURN_NULL();
	for (uint32 i = 0; i < pair.was->nassets; i++)
		numbers[n++] = Int32GetDatum(asset_now(&pair, &market_assets(pair.was)[i]));
	for (uint32 i = 0; i < pair.was->ncontracts; i++)
		numbers[n++] = Int32GetDatum(contract_now(&pair, &market_contracts(pair.was)[i]));
	Assert(n == count);
	PG_RETURN_ARRAYTYPE_P(construct_array(numbers, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(margin_same_terms);

/* same_terms(was market, is market) */
Datum
margin_same_terms(PG_FUNCTION_ARGS)
{
	const Pair	pair = {market_from_datum(PG_GETARG_DATUM(0)), market_from_datum(PG_GETARG_DATUM(1))};
	bool		same = pair.was->nassets == pair.is->nassets && pair.was->ncontracts == pair.is->ncontracts && same_rules(&pair);

	for (uint32 i = 0; i < pair.was->nassets && same; i++)
		same = asset_now(&pair, &market_assets(pair.was)[i]) == (int) i + 1;
	for (uint32 i = 0; i < pair.was->ncontracts && same; i++)
		same = contract_now(&pair, &market_contracts(pair.was)[i]) == (int) (pair.was->nassets + i) + 1;
	PG_RETURN_BOOL(same);
}

/* ---------- moves ---------- */

/* What market_prices() returned. */
typedef struct Prices
{
	const double *values;
	int			count;
	double	   *highs;			/* by number: NaN where not in doubt; NULL: nothing is */
} Prices;

/* Takes one pair of what follows the prices: a symbol's number, from 1, and its high. */
static void
note_doubt(Prices *prices, double number, double high)
{
	if (number > prices->count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("a high price of number %.0f of %d", number, prices->count)));
	prices->highs[(int) number - 1] = high;
}

static Prices
prices_from(const ArrayType *array)
{
	Prices		prices = {0};
	int			count;

	prices.values = elements_of(array, FLOAT8OID, &count);
	prices.count = count;
	/* no price is below 0 */
	while (prices.count >= DOUBT_ELEMENTS && prices.values[prices.count - DOUBT_ELEMENTS] <= -1)
		prices.count -= DOUBT_ELEMENTS;
	if (likely(prices.count == count))
		return prices;
	prices.highs = palloc(Max(prices.count, 1) * sizeof(double));
	for (int i = 0; i < prices.count; i++)
		prices.highs[i] = NAN;
	for (int i = prices.count; i < count; i += DOUBT_ELEMENTS)
		note_doubt(&prices, -prices.values[i], prices.values[i + 1]);
	return prices;
}

/* The high of a symbol by its number, from 1, if its price is in doubt; else NaN. */
static double
high_in(const Prices *prices, int number)
{
	return prices->highs == NULL ? NAN : prices->highs[number - 1];
}

/* How far a price has moved, at least; infinitely where that cannot be said. */
static double
move_of(double was, double is)
{
	double		quotient = is / was;

	/* never priced, and still not */
	if (isnan(was) && isnan(is))
		return 0;
	/* what is not normal is off by more than doubles are */
	if (!isnormal(was) || !isnormal(is) || !isnormal(quotient))
		return INFINITY;
	return fabs(quotient - 1) + SLACK;
}

/* The same of a symbol by its number then and its number now; 0: it is another, or gone. */
static double
move_of_symbol(const Prices *was, int number, const Prices *is, int now)
{
	double		move;

	if (now <= 0 || now > is->count)
		return INFINITY;
	move = move_of(was->values[number - 1], is->values[now - 1]);
	if (unlikely(was->highs != NULL || is->highs != NULL))
		move = Max(move, move_of(high_in(was, number), high_in(is, now)));
	return move;
}

PG_FUNCTION_INFO_V1(margin_price_moves);

/* price_moves(terms_now int[], was double precision[], is double precision[]) */
Datum
margin_price_moves(PG_FUNCTION_ARGS)
{
	double		moves[MASK_BITS + 1];
	double	   *largest = &moves[MASK_BITS];
	const int32 *now;
	Prices		was;
	Prices		is;
	int			count;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	for (int i = 0; i <= MASK_BITS; i++)
		moves[i] = PG_ARGISNULL(0) ? INFINITY : 0;
	if (PG_ARGISNULL(0))
		PG_RETURN_ARRAYTYPE_P(array_of_doubles(moves, lengthof(moves)));

	now = elements_of(PG_GETARG_ARRAYTYPE_P(0), INT4OID, &count);
	was = prices_from(PG_GETARG_ARRAYTYPE_P(1));
	is = prices_from(PG_GETARG_ARRAYTYPE_P(2));
	if (was.count != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%d prices for %d symbols", was.count, count)));
	for (int i = 0; i < count; i++)
	{
		double		move = move_of_symbol(&was, i + 1, &is, now[i]);

		moves[i % MASK_BITS] = Max(moves[i % MASK_BITS], move);
		*largest = Max(*largest, move);
	}
	PG_RETURN_ARRAYTYPE_P(array_of_doubles(moves, lengthof(moves)));
}

PG_FUNCTION_INFO_V1(margin_out_of_room);

/* out_of_room(mask bigint, room double precision, moves double precision[]): called for every account that is near */
Datum
margin_out_of_room(PG_FUNCTION_ARGS)
{
	uint64		mask = (uint64) PG_GETARG_INT64(0);
	double		room = PG_GETARG_FLOAT8(1);
	int			count;
	const double *moves = elements_of(PG_GETARG_ARRAYTYPE_P(2), FLOAT8OID, &count);

	if (count != MASK_BITS + 1)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%d moves instead of %d", count, MASK_BITS + 1)));
	for (int i = 0; mask != 0; i++, mask >>= 1)
	{
		if ((mask & 1) != 0 && moves[i] > room)
			PG_RETURN_BOOL(true);
	}
	PG_RETURN_BOOL(false);
}

/* ---------- what a view reads ---------- */

static ArrayType *
array_of_oids(List *oids)
{
	Datum	   *elements = palloc(Max(list_length(oids), 1) * sizeof(Datum));
	ListCell   *cell;
	int			n = 0;

	foreach(cell, oids)
	{
		elements[n++] = ObjectIdGetDatum(lfirst_oid(cell));
	}
	return construct_array(elements, n, OIDOID, sizeof(Oid), true, TYPALIGN_INT);
}

PG_FUNCTION_INFO_V1(margin_view_reads);

/*
 * view_reads(view regclass): of the rewritten query, in which views stand as their
 * subqueries; so nothing is left out that catalogs of dependencies do, as what
 * PostgreSQL itself brings.
 */
Datum
margin_view_reads(PG_FUNCTION_ARGS)
{
	Oid			view = PG_GETARG_OID(0);
	const char *name = get_rel_name(view);
	MemoryContext caller = CurrentMemoryContext;
	ArrayType  *relations = NULL;
	const CachedPlanSource *query;
	SPIPlanPtr	plan;

	if (name == NULL)
		PG_RETURN_NULL();
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	plan = SPI_prepare(psprintf("SELECT FROM %s", quote_qualified_identifier(get_namespace_name(get_rel_namespace(view)), name)), 0, NULL);
	if (plan == NULL)
		elog(ERROR, "cannot prepare a query of \"%s\": %s", name, SPI_result_code_string(SPI_result));
	query = linitial(SPI_plan_get_plan_sources(plan));
	if (!contain_mutable_functions((Node *) query->query_list))
	{
		MemoryContext own = MemoryContextSwitchTo(caller);

		relations = array_of_oids(query->relationOids);
		MemoryContextSwitchTo(own);
	}
	SPI_finish();
	if (relations == NULL)
		PG_RETURN_NULL();
	PG_RETURN_ARRAYTYPE_P(relations);
}
