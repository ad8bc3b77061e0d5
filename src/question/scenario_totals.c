/*
 * scenario_totals.c
 *		All accounts in many scenarios, added up.
 *
 * The state of the aggregate holds the market in all scenarios, laid out at the
 * first row, and the sums of each.  What is healthy adds nothing but a count, so a
 * portfolio is asked once how far all prices may move with it healthy all the same
 * (safe_move.h), and valued only in the scenarios that move a price of what it is
 * made of further than that.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/flat.h"
#include "question/loss_sums.h"
#include "question/safe_goal.h"
#include "question/safe_move.h"
#include "question/shocks.h"

/* Rooms are counted in steps of 5 %, and those that have all of it by themselves. */
#define ROOM_STEPS 20
#define ROOM_STEP (ROOM_ALL / ROOM_STEPS)

/* What a scenario makes of the accounts; amounts in USD. */
typedef struct ScenarioSums
{
	int64		levels[LEVELS];
	LossSums	usd;
} ScenarioSums;

typedef struct ScenarioTotal
{
	Datum		name;			/* text */
	double	   *assets;			/* by number in the market: what part of its price moves, not less than that */
	double	   *contracts;
	ScenarioSums sums;
} ScenarioTotal;

typedef struct ScenarioTotals
{
	MemoryContext context;
	MemoryContext scratch;		/* of one account, or of one scenario while they are laid out */
	Shocks		shocks;
	ScenarioTotal *scenarios;	/* as many, in byte order of their names */
	bool		healthy_is_whole;	/* does a healthy account lack nothing to its maintenance margin? */
	int64		accounts;
	int64		rooms[ROOM_STEPS + 1];
} ScenarioTotals;

/* ---------- scenarios ---------- */

/* The part of a number by which another differs from it, rounded up; infinite where doubles cannot tell. */
static double
moved_part(const Decimal *stored, const Decimal *stored_moved, const Market *base)
{
	Decimal		buffer;
	Decimal		buffer_moved;
	const Decimal *number = dec_flat(stored, base, &buffer);
	Decimal		difference;
	double		part;

	dec_sub(&difference, dec_flat(stored_moved, base, &buffer_moved), number);
	if (dec_is_zero(&difference))
		return 0;
	part = fabs(safe_double(&difference)) / safe_double(number);
	return part > 0 && part < HUGE_VAL ? part * (1 + 1e-9) : HUGE_VAL;
}

static double
asset_moved(const MarketAsset *asset, const MarketAsset *moved, const Market *base)
{
	double		price;

	if (!asset->priced)
		return moved->priced ? HUGE_VAL : 0;
	price = moved_part(&asset->price, &moved->price, base);
	return Max(price, Max(moved_part(&asset->low, &moved->low, base), moved_part(&asset->high, &moved->high, base)));
}

/* Notes how far a scenario moves each price. */
static void
note_moves(ScenarioTotals *totals, int number)
{
	const Market *market = shocks_market(&totals->shocks);
	ScenarioTotal *scenario = &totals->scenarios[number];

	scenario->assets = palloc(Max(market->nassets, 1) * sizeof(double));
	scenario->contracts = palloc(Max(market->ncontracts, 1) * sizeof(double));
	for (uint32 i = 0; i < market->nassets; i++)
		scenario->assets[i] = asset_moved(&market_assets(market)[i], &shocks_assets(&totals->shocks, number)[i], market);
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		const MarketContract *contract = &market_contracts(market)[i];
		const MarketContract *moved = &shocks_contracts(&totals->shocks, number)[i];

		scenario->contracts[i] = contract->marked ? moved_part(&contract->mark, &moved->mark, market) :
			moved->marked ? HUGE_VAL : 0;
	}
}

static ScenarioTotals *
create_totals(MemoryContext context, const Market *market, ArrayType *rows)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	ScenarioTotals *totals = palloc0(sizeof(ScenarioTotals));
	const Decimal one = DEC_ONE;
	SymbolTable scenarios;
	Scenario  **sorted;
	Decimal		buffer;

	totals->context = context;
	totals->scratch = AllocSetContextCreate(context, "margin scenario totals", ALLOCSET_DEFAULT_SIZES);
	/* SPEC 3.10: healthy is a maintenance below the first threshold times an equity that is not below what is judged */
	totals->healthy_is_whole = dec_cmp(dec_flat(&market->thresholds[THRESHOLD_WARNING], market, &buffer), &one) <= 0;
	scenarios_read(&scenarios, rows);
	sorted = (Scenario **) symbol_table_sorted(&scenarios);
	totals->scenarios = palloc0(Max(scenarios.count, 1) * sizeof(ScenarioTotal));
	shocks_build(&totals->shocks, market, sorted, scenarios.count, true, totals->scratch);
	for (int i = 0; i < scenarios.count; i++)
	{
		totals->scenarios[i].name = symbol_datum(&sorted[i]->name);
		note_moves(totals, i);
	}
	MemoryContextSwitchTo(old);
	return totals;
}

/* ---------- accounts ---------- */

static void
add_account(const ScenarioTotals *totals, ScenarioSums *sums, const Valuation *v)
{
	sums->levels[v->level]++;
	if (v->level != LEVEL_UNPRICED && !(v->level == LEVEL_HEALTHY && totals->healthy_is_whole))
		loss_sums_add(&sums->usd, NULL, v, shocks_market(&totals->shocks), totals->context);
}

/* How far a scenario moves the prices of what an account is made of; 0: it stays as it is. */
static double
furthest_move(const ScenarioTotal *scenario, const Valuation *v)
{
	double		furthest = 0;

	for (int i = 0; i < v->nassets; i++)
	{
		if (v->assets[i].asset >= 0)
			furthest = Max(furthest, scenario->assets[v->assets[i].asset]);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		if (v->positions[i].contract >= 0)
			furthest = Max(furthest, scenario->contracts[v->positions[i].contract]);
	}
	return furthest;
}

/*
 * How far all prices may move with a healthy account healthy; counted.  Rooms are
 * rounded down to three digits, which leaves them in their step.
 */
static double
note_room(ScenarioTotals *totals, const Valuation *v)
{
	const ReleaseRatios none = {0};
	int64		room = room_of_level(v, shocks_market(&totals->shocks), LEVEL_HEALTHY, &none, 1.0 / ROOM_STEPS);

	totals->rooms[room / ROOM_STEP]++;
	return room_below(room);
}

/* What of an account a scenario moves, by number of its lines; and what these lines were before. */
typedef struct MovedPart
{
	int			nlines;
	int		   *lines;
	AssetLine  *were;
	int			npositions;
	int		   *positions;
	PositionLine *positions_were;
	Valuation	v;
} MovedPart;

static MovedPart *
moved_part_of(const Valuation *v)
{
	MovedPart  *part = palloc(sizeof(MovedPart));

	part->lines = palloc((v->nassets + 1) * sizeof(int));
	part->were = palloc((v->nassets + 1) * sizeof(AssetLine));
	part->positions = palloc((v->npositions + 1) * sizeof(int));
	part->positions_were = palloc((v->npositions + 1) * sizeof(PositionLine));
	return part;
}

/* Does a position that moves settle in a line? */
static bool
settles_moved(const MovedPart *part, const Valuation *v, int line)
{
	for (int i = 0; i < part->npositions; i++)
	{
		if (v->positions[part->positions[i]].booked == &v->assets[line])
			return true;
	}
	return false;
}

static void
find_moved(MovedPart *part, const ScenarioTotal *scenario, const Valuation *v)
{
	part->nlines = part->npositions = 0;
	for (int i = 0; i < v->npositions; i++)
	{
		/* of a priced account the market knows all contracts */
		Assert(v->positions[i].contract >= 0);
		if (scenario->contracts[v->positions[i].contract] > 0)
			part->positions[part->npositions++] = i;
	}
	for (int i = 0; i < v->nassets; i++)
	{
		if ((v->assets[i].asset >= 0 && scenario->assets[v->assets[i].asset] > 0) || settles_moved(part, v, i))
			part->lines[part->nlines++] = i;
	}
}

/* Values only what a scenario moves, and puts it back. */
static void
total_part(ScenarioTotals *totals, BoundPortfolio *bound, Valuation *v, MovedPart *part, int number)
{
	part->v = *v;
	for (int i = 0; i < part->nlines; i++)
		part->were[i] = v->assets[part->lines[i]];
	for (int i = 0; i < part->npositions; i++)
		part->positions_were[i] = v->positions[part->positions[i]];
	value_bound_part(bound, shocks_assets(&totals->shocks, number), shocks_contracts(&totals->shocks, number),
					 part->lines, part->nlines, part->positions, part->npositions);
	add_account(totals, &totals->scenarios[number].sums, v);
	for (int i = 0; i < part->nlines; i++)
		v->assets[part->lines[i]] = part->were[i];
	for (int i = 0; i < part->npositions; i++)
		v->positions[part->positions[i]] = part->positions_were[i];
	*v = part->v;
}

/* Scenarios that move something of an account further than it is safe. */
typedef struct Reached
{
	int			count;
	int		   *numbers;
} Reached;

/* Those that leave an account as it is, or healthy, are done with at once. */
static void
find_reached(Reached *reached, ScenarioTotals *totals, const Valuation *v)
{
	bool		healthy = v->level == LEVEL_HEALTHY;
	double		room = healthy ? note_room(totals, v) : 0;

	reached->count = 0;
	reached->numbers = palloc((totals->shocks.count + 1) * sizeof(int));
	for (int i = 0; i < totals->shocks.count; i++)
	{
		double		furthest = furthest_move(&totals->scenarios[i], v);

		if (furthest == 0)
			add_account(totals, &totals->scenarios[i].sums, v);
		else if (healthy && totals->healthy_is_whole && furthest <= room)
			totals->scenarios[i].sums.levels[LEVEL_HEALTHY]++;
		else
			reached->numbers[reached->count++] = i;
	}
}

/* Can a scenario be valued by what it moves alone, and does that save anything? */
static bool
is_partial(const MovedPart *part, const ScenarioTotal *scenario, const Valuation *v)
{
	return v->nmissing == 0 && furthest_move(scenario, v) < HUGE_VAL &&
		2 * (part->nlines + part->npositions) <= v->nassets + v->npositions;
}

/* One account in all scenarios: those that move little of it first, which leave its valuation as it is. */
static void
total_portfolio(ScenarioTotals *totals, Datum portfolio)
{
	const Market *market = shocks_market(&totals->shocks);
	Valuation	v;
	BoundPortfolio *bound = bind_portfolio(&v, portfolio, market, VALUE_MAINTENANCE | VALUE_LINES);
	MovedPart  *part = moved_part_of(&v);
	Reached		reached;
	int			whole = 0;

	totals->accounts++;
	value_bound(bound, market_assets(market), market_contracts(market));
	find_reached(&reached, totals, &v);
	for (int i = 0; i < reached.count; i++)
	{
		int			number = reached.numbers[i];

		CHECK_FOR_INTERRUPTS();
		if (v.nmissing == 0)
			find_moved(part, &totals->scenarios[number], &v);
		if (is_partial(part, &totals->scenarios[number], &v))
			total_part(totals, bound, &v, part, number);
		else
			reached.numbers[whole++] = number;
	}
	for (int i = 0; i < whole; i++)
	{
		int			number = reached.numbers[i];

		CHECK_FOR_INTERRUPTS();
		value_bound(bound, shocks_assets(&totals->shocks, number), shocks_contracts(&totals->shocks, number));
		add_account(totals, &totals->scenarios[number].sums, &v);
	}
}

/* ---------- the aggregate ---------- */

PG_FUNCTION_INFO_V1(margin_scenario_totals_accum);

/* (state, portfolio, market, scenarios price_move[]); a null portfolio is no account */
Datum
margin_scenario_totals_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	ScenarioTotals *totals = PG_ARGISNULL(0) ? NULL : (ScenarioTotals *) PG_GETARG_POINTER(0);
	MemoryContext old;

	if (totals == NULL)
	{
		if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("market and scenarios must not be null")));
		totals = create_totals(context, market_of_call(fcinfo, 2), PG_GETARG_ARRAYTYPE_P(3));
	}
	if (!PG_ARGISNULL(1))
	{
		old = MemoryContextSwitchTo(totals->scratch);
		total_portfolio(totals, PG_GETARG_DATUM(1));
		MemoryContextSwitchTo(old);
		MemoryContextReset(totals->scratch);
	}
	PG_RETURN_POINTER(totals);
}

static Datum
counts_datum(const int64 *counts, int n)
{
	Datum	   *elements = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(counts[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Columns of margin_internal.scenario_total, in order. */
enum
{
	TOTAL_SCENARIO,
	TOTAL_ACCOUNTS,
	TOTAL_LEVELS,
	TOTAL_NOTIONAL_USD,
	TOTAL_LONG_USD,
	TOTAL_SHORTFALL,
	TOTAL_LOSS,
	TOTAL_COLUMNS
};

static Datum
total_datum(const ScenarioTotals *totals, const ScenarioTotal *scenario, TupleDesc tupdesc)
{
	const ScenarioSums *sums = &scenario->sums;
	Datum		values[TOTAL_COLUMNS];
	bool		nulls[TOTAL_COLUMNS] = {0};
	Decimal		notional;

	dec_add(&notional, &sums->usd.notional[SIDE_LONG], &sums->usd.notional[SIDE_SHORT]);
	dec_normalize(&notional);
	values[TOTAL_SCENARIO] = scenario->name;
	values[TOTAL_ACCOUNTS] = Int64GetDatum(totals->accounts);
	values[TOTAL_LEVELS] = counts_datum(sums->levels, LEVELS);
	values[TOTAL_NOTIONAL_USD] = dec_datum(&notional, 0);
	values[TOTAL_LONG_USD] = dec_datum(&sums->usd.notional[SIDE_LONG], 0);
	values[TOTAL_SHORTFALL] = dec_datum(&sums->usd.shortfall, 0);
	values[TOTAL_LOSS] = dec_datum(&sums->usd.loss, 0);
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
}

static Datum
totals_datum(const ScenarioTotals *totals, Oid type)
{
	Oid			element = get_element_type(type);
	TupleDesc	tupdesc = lookup_rowtype_tupdesc(element, -1);
	Datum	   *rows = palloc(Max(totals->shocks.count, 1) * sizeof(Datum));

	if (tupdesc->natts != TOTAL_COLUMNS)
		elog(ERROR, "margin_internal.scenario_total has %d columns instead of %d", tupdesc->natts, TOTAL_COLUMNS);
	for (int i = 0; i < totals->shocks.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		rows[i] = total_datum(totals, &totals->scenarios[i], tupdesc);
	}
	ReleaseTupleDesc(tupdesc);
	return PointerGetDatum(construct_array(rows, totals->shocks.count, element, -1, false, TYPALIGN_DOUBLE));
}

PG_FUNCTION_INFO_V1(margin_scenario_totals_final);

/* One margin_internal.scenario_totals. */
Datum
margin_scenario_totals_final(PG_FUNCTION_ARGS)
{
	const ScenarioTotals *totals = PG_ARGISNULL(0) ? NULL : (ScenarioTotals *) PG_GETARG_POINTER(0);
	TupleDesc	tupdesc;
	Datum		values[2];
	bool		nulls[2] = {0};

	aggregate_context(fcinfo);
	if (totals == NULL)
		PG_RETURN_NULL();
	tupdesc = lookup_rowtype_tupdesc_copy(get_fn_expr_rettype(fcinfo->flinfo), -1);
	if (tupdesc->natts != 2)
		elog(ERROR, "margin_internal.scenario_totals has %d columns instead of 2", tupdesc->natts);
	values[0] = totals_datum(totals, TupleDescAttr(tupdesc, 0)->atttypid);
	values[1] = counts_datum(totals->rooms, ROOM_STEPS + 1);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
