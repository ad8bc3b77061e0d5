/*
 * stress.c
 *		A portfolio in many scenarios.
 *
 * The markets of all scenarios are laid out once per query.  A portfolio is
 * then read once and valued in each.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/memutils.h"

#include "base/enums.h"
#include "base/rows.h"
#include "question/shocks.h"
#include "value/valuation.h"

/*
 * What a call site keeps from row to row: the scenarios made ready, and what
 * they were made of.  Arguments are compared byte by byte, which costs little
 * beside what it saves, so nothing but speed depends on what is kept.
 */
typedef struct StressSite
{
	StoredMarket stored;
	MemoryContext scenarios;	/* of what follows */
	MemoryContext scratch;		/* of one scenario */
	Datum		zero;			/* numeric */
	Oid			levels[LEVELS];
	ArrayType  *rows;
	bool		linked;
	bool		ready;
	Shocks		shocks;			/* in byte order of their names */
	Datum	   *names;			/* text */
} StressSite;

/* ---------- scenarios made ready ---------- */

static void
prepare(StressSite *site, const Market *market, ArrayType *rows, bool linked)
{
	const Decimal zero = DEC_ZERO;
	MemoryContext old;
	SymbolTable scenarios;
	Scenario  **sorted;

	site->ready = false;
	MemoryContextReset(site->scenarios);
	scenarios_read(&scenarios, rows);
	sorted = (Scenario **) symbol_table_sorted(&scenarios);

	old = MemoryContextSwitchTo(site->scenarios);
	site->zero = NumericGetDatum(dec_to_numeric(&zero));
	site->rows = memcpy(palloc(VARSIZE(rows)), rows, VARSIZE(rows));
	site->linked = linked;
	site->names = palloc(Max(scenarios.count, 1) * sizeof(Datum));
	for (int i = 0; i < scenarios.count; i++)
		site->names[i] = symbol_datum(&sorted[i]->name);
	shocks_build(&site->shocks, market, sorted, scenarios.count, linked, site->scratch);
	MemoryContextSwitchTo(old);
	site->ready = true;
}

static bool
is_prepared(const StressSite *site, const Market *market, const ArrayType *rows, bool linked)
{
	const Market *ready = site->ready ? shocks_market(&site->shocks) : NULL;

	return ready != NULL && site->linked == linked &&
		VARSIZE(site->rows) == VARSIZE(rows) && VARSIZE(ready) == VARSIZE(market) &&
		memcmp(site->rows, rows, VARSIZE(rows)) == 0 && memcmp(ready, market, VARSIZE(market)) == 0;
}

/* ---------- SQL ---------- */

static StressSite *
stress_site(FunctionCallInfo fcinfo)
{
	StressSite *site = fcinfo->flinfo->fn_extra;
	MemoryContext context = fcinfo->flinfo->fn_mcxt;

	if (likely(site != NULL))
		return site;
	site = MemoryContextAllocZero(context, sizeof(StressSite));
	site->scenarios = AllocSetContextCreate(context, "margin scenarios", ALLOCSET_DEFAULT_SIZES);
	site->scratch = AllocSetContextCreate(context, "margin scenario", ALLOCSET_DEFAULT_SIZES);
	fcinfo->flinfo->fn_extra = site;
	return site;
}

/* Columns of stress(), in order. */
enum
{
	STRESS_SCENARIO,
	STRESS_EQUITY,
	STRESS_MAINTENANCE_MARGIN,
	STRESS_LEVEL,
	STRESS_LOSS,
	STRESS_MISSING,
	STRESS_COLUMNS
};

static void
put_row(ReturnSetInfo *result, const StressSite *site, Datum scenario, const Valuation *v)
{
	Datum		values[STRESS_COLUMNS] = {0};
	bool		nulls[STRESS_COLUMNS] = {0};
	bool		priced = v->level != LEVEL_UNPRICED;
	Decimal		loss;

	values[STRESS_SCENARIO] = scenario;
	values[STRESS_LEVEL] = ObjectIdGetDatum(site->levels[v->level]);
	nulls[STRESS_EQUITY] = nulls[STRESS_MAINTENANCE_MARGIN] = nulls[STRESS_LOSS] = !priced;
	nulls[STRESS_MISSING] = priced;
	if (priced)
	{
		values[STRESS_EQUITY] = NumericGetDatum(dec_to_numeric(&v->equity));
		values[STRESS_MAINTENANCE_MARGIN] = NumericGetDatum(dec_to_numeric(&v->maintenance_margin));
		values[STRESS_LOSS] = site->zero;
		if (v->level == LEVEL_BANKRUPT)
		{
			dec_neg(&loss, &v->equity);
			values[STRESS_LOSS] = NumericGetDatum(dec_to_numeric(&loss));
		}
	}
	else
		values[STRESS_MISSING] = symbol_array(v->missing, v->nmissing);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(margin_stress);

/*
 * stress(portfolio, market, scenarios price_move[], linked boolean): one row per
 * scenario, in byte order.  A scenario leaves no memory behind: there may be
 * many, of large portfolios.
 */
Datum
margin_stress(PG_FUNCTION_ARGS)
{
	StressSite *site = stress_site(fcinfo);
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Datum		stored = PG_GETARG_DATUM(1);
	ArrayType  *rows = PG_GETARG_ARRAYTYPE_P(2);
	const Market *market = market_is_stored(stored) ?
		market_fetch(&site->stored, stored, fcinfo->flinfo->fn_mcxt) : market_from_datum(stored);
	BoundPortfolio *bound;
	Valuation	v;

	InitMaterializedSRF(fcinfo, 0);
	if (!is_prepared(site, market, rows, PG_GETARG_BOOL(3)))
	{
		prepare(site, market, rows, PG_GETARG_BOOL(3));
		for (int i = 0; i < LEVELS; i++)
			site->levels[i] = option_to_enum(TupleDescAttr(result->setDesc, STRESS_LEVEL)->atttypid, level_names[i]);
	}
	bound = bind_portfolio(&v, PG_GETARG_DATUM(0), shocks_market(&site->shocks), VALUE_MAINTENANCE);
	for (int i = 0; i < site->shocks.count; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(site->scratch);

		CHECK_FOR_INTERRUPTS();
		value_bound(bound, shocks_assets(&site->shocks, i), shocks_contracts(&site->shocks, i));
		put_row(result, site, site->names[i], &v);
		MemoryContextSwitchTo(old);
		MemoryContextReset(site->scratch);
	}
	return (Datum) 0;
}
