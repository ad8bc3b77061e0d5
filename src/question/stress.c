/*
 * stress.c
 *		A portfolio in many scenarios.
 *
 * The markets of all scenarios are laid out once per query, as copies of the
 * records of one market that differ in their prices; schedules and names stay
 * where they are.  A portfolio is then read once and valued in each.
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
#include "question/shock.h"
#include "value/valuation.h"

/* One scenario, at offsets from the market. */
typedef struct Shock
{
	Datum		name;			/* text */
	Size		assets;
	Size		contracts;
} Shock;

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
	char	   *block;			/* the market, then the records of the scenarios; NULL: nothing is ready */
	int			count;
	Shock	   *shocks;			/* in byte order of their names */
} StressSite;

/* ---------- scenarios made ready ---------- */

static Size
put_bytes(StringInfo block, const void *bytes, Size size)
{
	static const char padding[MAXIMUM_ALIGNOF] = {0};
	Size		offset = block->len;

	appendBinaryStringInfo(block, bytes, size);
	appendBinaryStringInfo(block, padding, MAXALIGN(block->len) - block->len);
	return offset;
}

/* Copies a number from the shocked market to a record in the block. */
static void
put_number(StringInfo block, Size offset, const Decimal *stored, const Market *shocked)
{
	Decimal		buffer;
	const Decimal *value = dec_flat(stored, shocked, &buffer);
	char	   *extra;

	enlargeStringInfo(block, dec_flat_extra(value));
	extra = block->data + block->len;
	block->len += dec_flatten((Decimal *) (block->data + offset), value, block->data, extra) - extra;
}

static void
put_asset_prices(StringInfo block, Size offset, const MarketAsset *asset, const Market *shocked)
{
	((MarketAsset *) (block->data + offset))->priced = asset->priced;
	put_number(block, offset + offsetof(MarketAsset, price), &asset->price, shocked);
	put_number(block, offset + offsetof(MarketAsset, liability_price), &asset->liability_price, shocked);
	put_number(block, offset + offsetof(MarketAsset, requirement_price), &asset->requirement_price, shocked);
}

static void
put_contract_prices(StringInfo block, Size offset, const MarketContract *contract, const Market *shocked)
{
	((MarketContract *) (block->data + offset))->marked = contract->marked;
	put_number(block, offset + offsetof(MarketContract, mark), &contract->mark, shocked);
	put_number(block, offset + offsetof(MarketContract, unit_notional), &contract->unit_notional, shocked);
}

/* Adds the records of one scenario to the block. */
static void
put_shock(StringInfo block, Shock *shock, const Market *shocked)
{
	uint32		nassets = shocked->nassets;
	uint32		ncontracts = shocked->ncontracts;
	const Market *market;

	/* the market moves where its block grows */
	enlargeStringInfo(block, nassets * sizeof(MarketAsset) + ncontracts * sizeof(MarketContract) + 2 * MAXIMUM_ALIGNOF);
	market = (const Market *) block->data;
	shock->assets = put_bytes(block, market_assets(market), nassets * sizeof(MarketAsset));
	shock->contracts = put_bytes(block, market_contracts(market), ncontracts * sizeof(MarketContract));
	for (uint32 i = 0; i < nassets; i++)
		put_asset_prices(block, shock->assets + i * sizeof(MarketAsset), &market_assets(shocked)[i], shocked);
	for (uint32 i = 0; i < ncontracts; i++)
		put_contract_prices(block, shock->contracts + i * sizeof(MarketContract), &market_contracts(shocked)[i], shocked);
}

static void
prepare(StressSite *site, const Market *market, ArrayType *rows, bool linked)
{
	const Decimal zero = DEC_ZERO;
	MemoryContext old;
	SymbolTable scenarios;
	Scenario  **sorted;
	StringInfoData block;

	site->block = NULL;
	MemoryContextReset(site->scenarios);
	scenarios_read(&scenarios, rows);
	sorted = (Scenario **) symbol_table_sorted(&scenarios);

	old = MemoryContextSwitchTo(site->scenarios);
	site->zero = NumericGetDatum(dec_to_numeric(&zero));
	site->rows = memcpy(palloc(VARSIZE(rows)), rows, VARSIZE(rows));
	site->linked = linked;
	site->count = scenarios.count;
	site->shocks = palloc(Max(site->count, 1) * sizeof(Shock));
	initStringInfo(&block);
	put_bytes(&block, market, VARSIZE(market));
	for (int i = 0; i < site->count; i++)
	{
		const Market *shocked;

		CHECK_FOR_INTERRUPTS();
		site->shocks[i].name = symbol_datum(&sorted[i]->name);
		MemoryContextSwitchTo(site->scratch);
		shocked = shock_market(market, sorted[i], linked);
		MemoryContextSwitchTo(site->scenarios);
		put_shock(&block, &site->shocks[i], shocked);
		MemoryContextReset(site->scratch);
	}
	MemoryContextSwitchTo(old);
	site->block = block.data;
}

static bool
is_prepared(const StressSite *site, const Market *market, const ArrayType *rows, bool linked)
{
	return site->block != NULL && site->linked == linked &&
		VARSIZE(site->rows) == VARSIZE(rows) && VARSIZE(site->block) == VARSIZE(market) &&
		memcmp(site->rows, rows, VARSIZE(rows)) == 0 && memcmp(site->block, market, VARSIZE(market)) == 0;
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
put_row(ReturnSetInfo *result, const StressSite *site, const Shock *shock, const Valuation *v)
{
	Datum		values[STRESS_COLUMNS] = {0};
	bool		nulls[STRESS_COLUMNS] = {0};
	bool		priced = v->level != LEVEL_UNPRICED;
	Decimal		loss;

	values[STRESS_SCENARIO] = shock->name;
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
	bound = bind_portfolio(&v, PG_GETARG_DATUM(0), (const Market *) site->block, VALUE_MAINTENANCE);
	for (int i = 0; i < site->count; i++)
	{
		const Shock *shock = &site->shocks[i];
		MemoryContext old = MemoryContextSwitchTo(site->scratch);

		CHECK_FOR_INTERRUPTS();
		value_bound(bound, (const MarketAsset *) (site->block + shock->assets),
					(const MarketContract *) (site->block + shock->contracts));
		put_row(result, site, shock, &v);
		MemoryContextSwitchTo(old);
		MemoryContextReset(site->scratch);
	}
	return (Datum) 0;
}
