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
 * its contracts.  An account's mask has a bit for each number it depends on,
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

PG_FUNCTION_INFO_V1(margin_market_prices);

/* market_prices(market): by number, NaN where there is none */
Datum
margin_market_prices(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 0);
	const MarketAsset *assets = market_assets(market);
	const MarketContract *contracts = market_contracts(market);
	double	   *prices = palloc((market->nassets + market->ncontracts + 1) * sizeof(double));
	int			n = 0;

	for (uint32 i = 0; i < market->nassets; i++)
		prices[n++] = assets[i].priced ? nearest_double(market, &assets[i].price) : NAN;
	for (uint32 i = 0; i < market->ncontracts; i++)
		prices[n++] = contracts[i].marked ? nearest_double(market, &contracts[i].mark) : NAN;
	PG_RETURN_ARRAYTYPE_P(array_of_doubles(prices, n));
}

/* ---------- terms ---------- */

/* Two markets, of which records are compared. */
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

/* All that levels depend on, apart from the price. */
static bool
same_asset(const Pair *pair, const MarketAsset *was, const MarketAsset *is)
{
	return was->tier_unit == is->tier_unit &&
		same_schedule(pair, was->tiers, is->tiers) &&
		same_schedule(pair, was->liability_maintenance, is->liability_maintenance) &&
		same_number(pair, &was->liability_weight, &is->liability_weight) &&
		same_number(pair, &was->requirement_weight, &is->requirement_weight);
}

static bool
same_contract(const Pair *pair, const MarketContract *was, const MarketContract *is)
{
	return was->netting == is->netting &&
		same_name(pair, &was->settle, &is->settle) &&
		same_schedule(pair, was->maintenance, is->maintenance) &&
		same_schedule(pair, was->requirement, is->requirement) &&
		same_number(pair, &was->size, &is->size) &&
		same_number(pair, &was->closing_fee, &is->closing_fee);
}

static bool
same_thresholds(const Pair *pair)
{
	for (int i = 0; i < THRESHOLDS; i++)
	{
		if (!same_number(pair, &pair->was->thresholds[i], &pair->is->thresholds[i]))
			return false;
	}
	return true;
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

	if (!same_thresholds(&pair))
		PG_RETURN_NULL();
	for (uint32 i = 0; i < pair.was->nassets; i++)
		numbers[n++] = Int32GetDatum(asset_now(&pair, &market_assets(pair.was)[i]));
	for (uint32 i = 0; i < pair.was->ncontracts; i++)
		numbers[n++] = Int32GetDatum(contract_now(&pair, &market_contracts(pair.was)[i]));
	Assert(n == count);
	PG_RETURN_ARRAYTYPE_P(construct_array(numbers, count, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

/* ---------- moves ---------- */

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

PG_FUNCTION_INFO_V1(margin_price_moves);

/* price_moves(terms_now int[], was double precision[], is double precision[]) */
Datum
margin_price_moves(PG_FUNCTION_ARGS)
{
	double		moves[MASK_BITS + 1];
	double	   *largest = &moves[MASK_BITS];
	const int32 *now;
	const double *was;
	const double *is;
	int			count;
	int			priced;
	int			present;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	for (int i = 0; i <= MASK_BITS; i++)
		moves[i] = PG_ARGISNULL(0) ? INFINITY : 0;
	if (PG_ARGISNULL(0))
		PG_RETURN_ARRAYTYPE_P(array_of_doubles(moves, lengthof(moves)));

	now = elements_of(PG_GETARG_ARRAYTYPE_P(0), INT4OID, &count);
	was = elements_of(PG_GETARG_ARRAYTYPE_P(1), FLOAT8OID, &priced);
	is = elements_of(PG_GETARG_ARRAYTYPE_P(2), FLOAT8OID, &present);
	if (priced != count)
		ereport(ERROR,
				(errcode(ERRCODE_ARRAY_SUBSCRIPT_ERROR),
				 errmsg("%d prices for %d symbols", priced, count)));
	for (int i = 0; i < count; i++)
	{
		bool		known = now[i] > 0 && now[i] <= present;
		double		move = known ? move_of(was[i], is[now[i] - 1]) : INFINITY;

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
