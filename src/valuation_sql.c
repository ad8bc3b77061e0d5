/*
 * valuation_sql.c
 *		evaluate(), its accessors, and the same valuation row by row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/expandedrecord.h"

#include "market.h"
#include "options.h"
#include "valuation.h"

static void
value_arguments(Valuation *v, FunctionCallInfo fcinfo, int wanted)
{
	value_portfolio(v, PG_GETARG_DATUM(0), market_from_datum(PG_GETARG_DATUM(1)), wanted);
}

static Datum
amount(const Decimal *a)
{
	return NumericGetDatum(dec_to_numeric(a));
}

static Datum
symbol_datum(const Symbol *symbol)
{
	return PointerGetDatum(cstring_to_text_with_len(symbol->bytes, symbol->length));
}

static Datum
symbol_array(const Symbol *symbols, int count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = symbol_datum(&symbols[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* ---------- evaluate ---------- */

/* Columns of the composite type valuation, in order. */
enum
{
	COLUMN_EQUITY,
	COLUMN_COLLATERAL_VALUE,
	COLUMN_LIABILITIES,
	COLUMN_NET_ASSET_VALUE,
	COLUMN_HAIRCUT,
	COLUMN_UNREALIZED_PNL,
	COLUMN_INITIAL_MARGIN,
	COLUMN_MAINTENANCE_MARGIN,
	COLUMN_AVAILABLE_MARGIN,
	COLUMN_SHORTFALL,
	COLUMN_MARGIN_RATIO,
	COLUMN_LEVEL,
	COLUMN_MISSING,
	COLUMNS
};

/* What does not change from row to row of a query. */
typedef struct ResultType
{
	ExpandedRecordHeader *pattern;	/* of evaluate() only */
	Oid			levels[LEVELS];
} ResultType;

/* Looked up once per query and call site; the same whenever it is looked up. */
static ResultType *
result_type(FunctionCallInfo fcinfo)
{
	ResultType *type = fcinfo->flinfo->fn_extra;
	MemoryContext old;
	TupleDesc	tupdesc;
	Oid			oid;

	if (likely(type != NULL))
		return type;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	type = palloc0(sizeof(ResultType));
	if (get_call_result_type(fcinfo, &oid, &tupdesc) == TYPEFUNC_COMPOSITE)
	{
		if (tupdesc->natts != COLUMNS)
			elog(ERROR, "type valuation has %d columns instead of %d", tupdesc->natts, COLUMNS);
		type->pattern = make_expanded_record_from_typeid(oid, -1, fcinfo->flinfo->fn_mcxt);
		oid = TupleDescAttr(tupdesc, COLUMN_LEVEL)->atttypid;
	}
	for (int i = 0; i < LEVELS; i++)
		type->levels[i] = option_to_enum(oid, level_names[i]);
	MemoryContextSwitchTo(old);
	fcinfo->flinfo->fn_extra = type;
	return type;
}

/* The fields of the composite, allocated in the current context. */
static void
valuation_fields(const Valuation *v, const ResultType *type, Datum *values, bool *nulls)
{
	memset(nulls, false, COLUMNS * sizeof(bool));
	values[COLUMN_LEVEL] = ObjectIdGetDatum(type->levels[v->level]);
	if (v->level == LEVEL_UNPRICED)
	{
		memset(nulls, true, COLUMN_LEVEL * sizeof(bool));
		values[COLUMN_MISSING] = symbol_array(v->missing, v->nmissing);
		return;
	}
	values[COLUMN_EQUITY] = amount(&v->equity);
	values[COLUMN_COLLATERAL_VALUE] = amount(&v->collateral_value);
	values[COLUMN_LIABILITIES] = amount(&v->liabilities);
	values[COLUMN_NET_ASSET_VALUE] = amount(&v->net_asset_value);
	values[COLUMN_HAIRCUT] = amount(&v->haircut);
	values[COLUMN_UNREALIZED_PNL] = amount(&v->unrealized_pnl);
	values[COLUMN_INITIAL_MARGIN] = amount(&v->initial_margin);
	values[COLUMN_MAINTENANCE_MARGIN] = amount(&v->maintenance_margin);
	values[COLUMN_AVAILABLE_MARGIN] = amount(&v->available_margin);
	values[COLUMN_SHORTFALL] = amount(&v->shortfall);
	nulls[COLUMN_MARGIN_RATIO] = !v->has_ratio;
	if (v->has_ratio)
		values[COLUMN_MARGIN_RATIO] = NumericGetDatum(dec_to_numeric_scale(&v->margin_ratio, 8));
	nulls[COLUMN_MISSING] = true;
}

PG_FUNCTION_INFO_V1(margin_evaluate);

/*
 * evaluate(portfolio, market) returns valuation
 *
 * The result is an expanded record: who takes it apart column by column, as
 * the views do, gets each field without walking over those before it.
 */
Datum
margin_evaluate(PG_FUNCTION_ARGS)
{
	ResultType *type = result_type(fcinfo);
	ExpandedRecordHeader *record;
	MemoryContext old;
	Valuation	v;

	value_arguments(&v, fcinfo, VALUE_ALL);
	record = make_expanded_record_from_exprecord(type->pattern, CurrentMemoryContext);
	old = MemoryContextSwitchTo(record->hdr.eoh_context);
	valuation_fields(&v, type, record->dvalues, record->dnulls);
	MemoryContextSwitchTo(old);
	record->flags |= ER_FLAG_DVALUES_VALID | ER_FLAG_DVALUES_ALLOCED;
	PG_RETURN_DATUM(ExpandedRecordGetDatum(record));
}

/* ---------- accessors: one amount, without the composite ---------- */

#define ACCESSOR(name, wanted) \
	PG_FUNCTION_INFO_V1(margin_##name); \
	Datum margin_##name(PG_FUNCTION_ARGS) \
	{ \
		Valuation	v; \
		value_arguments(&v, fcinfo, wanted); \
		if (v.level == LEVEL_UNPRICED) \
			PG_RETURN_NULL(); \
		return amount(&v.name); \
	}

ACCESSOR(equity, 0)
ACCESSOR(collateral_value, 0)
ACCESSOR(liabilities, 0)
ACCESSOR(net_asset_value, VALUE_WORTH)
ACCESSOR(haircut, VALUE_WORTH)
ACCESSOR(unrealized_pnl, VALUE_WORTH)
ACCESSOR(initial_margin, VALUE_MARGINS)
ACCESSOR(maintenance_margin, VALUE_MARGINS)
ACCESSOR(available_margin, VALUE_MARGINS)
ACCESSOR(shortfall, VALUE_MARGINS)

PG_FUNCTION_INFO_V1(margin_margin_ratio);

Datum
margin_margin_ratio(PG_FUNCTION_ARGS)
{
	Valuation	v;

	value_arguments(&v, fcinfo, VALUE_MARGINS);
	if (v.level == LEVEL_UNPRICED || !v.has_ratio)
		PG_RETURN_NULL();
	PG_RETURN_NUMERIC(dec_to_numeric_scale(&v.margin_ratio, 8));
}

PG_FUNCTION_INFO_V1(margin_level);

Datum
margin_level(PG_FUNCTION_ARGS)
{
	ResultType *type = result_type(fcinfo);
	Valuation	v;

	value_arguments(&v, fcinfo, VALUE_MARGINS);
	PG_RETURN_OID(type->levels[v.level]);
}

PG_FUNCTION_INFO_V1(margin_missing);

Datum
margin_missing(PG_FUNCTION_ARGS)
{
	Valuation	v;

	value_arguments(&v, fcinfo, 0);
	if (v.nmissing == 0)
		PG_RETURN_NULL();
	return symbol_array(v.missing, v.nmissing);
}

PG_FUNCTION_INFO_V1(margin_passes);

Datum
margin_passes(PG_FUNCTION_ARGS)
{
	Valuation	v;

	value_arguments(&v, fcinfo, VALUE_MARGINS);
	PG_RETURN_BOOL(valuation_passes(&v));
}

/* ---------- row by row ---------- */

/* Sets up the result; lines are freed with the call. */
static ReturnSetInfo *
begin_rows(FunctionCallInfo fcinfo)
{
	InitMaterializedSRF(fcinfo, 0);
	return (ReturnSetInfo *) fcinfo->resultinfo;
}

static int
compare_assets(const void *a, const void *b)
{
	return symbol_cmp(&((const AssetLine *) a)->symbol, &((const AssetLine *) b)->symbol);
}

static void
put_asset_line(ReturnSetInfo *result, const AssetLine *line, const Market *market)
{
	bool		priced = line->terms != NULL && line->terms->priced;
	Datum		values[11];
	bool		nulls[11] = {0};
	Decimal		buffer;
	Decimal		net;

	values[0] = symbol_datum(&line->symbol);
	values[1] = amount(&line->balance);
	if (line->pnl_unknown)
		nulls[2] = nulls[3] = true;
	else
	{
		values[2] = amount(&line->pnl);
		values[3] = amount(&line->equity);
	}
	if (priced)
		values[4] = amount(dec_flat(&line->terms->price, market, &buffer));
	else
		nulls[4] = true;
	if (line->pnl_unknown || line->missing)
		memset(nulls + 5, true, 5 * sizeof(bool));
	else
	{
		values[5] = amount(&line->net_value);
		values[6] = amount(&line->collateral_value);
		values[7] = amount(&line->liability);
		dec_sub(&net, &line->collateral_value, &line->liability);
		dec_sub(&net, &line->net_value, &net);
		values[8] = amount(&net);
		values[9] = amount(&line->liability_maintenance);
	}
	nulls[10] = !line->missing;
	if (line->missing)
		values[10] = symbol_array(&line->symbol, 1);
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(margin_collateral);

/* collateral(portfolio, market): one row per asset, in byte order */
Datum
margin_collateral(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = begin_rows(fcinfo);
	const Market *market = market_from_datum(PG_GETARG_DATUM(1));
	Valuation	v;

	value_portfolio(&v, PG_GETARG_DATUM(0), market, VALUE_ALL | VALUE_LINES);
	qsort(v.assets, v.nassets, sizeof(AssetLine), compare_assets);
	for (int i = 0; i < v.nassets; i++)
		put_asset_line(result, &v.assets[i], market);
	return (Datum) 0;
}

static int
compare_positions(const void *a, const void *b)
{
	return symbol_cmp(&((const PositionLine *) a)->position.symbol, &((const PositionLine *) b)->position.symbol);
}

/* An amount in the settlement asset, weighted into USD. */
static Datum
in_usd(const Decimal *settled, const Decimal *stored_price, const Market *market)
{
	Decimal		buffer;
	Decimal		usd;

	dec_mul(&usd, settled, dec_flat(stored_price, market, &buffer));
	return amount(&usd);
}

static void
put_position_line(ReturnSetInfo *result, const PositionLine *line, const Market *market)
{
	const MarketContract *terms = line->terms;
	Datum		values[12];
	bool		nulls[12] = {0};
	Symbol		lacking[2];
	int			nlacking = 0;
	Decimal		buffer;

	if (line->missing)
		lacking[nlacking++] = line->position.symbol;
	if (line->settle_missing)
	{
		Symbol		settle = market_symbol(market, &terms->settle);

		if (nlacking > 0 && symbol_cmp(&settle, &lacking[0]) < 0)
		{
			lacking[1] = lacking[0];
			lacking[0] = settle;
			nlacking++;
		}
		else if (nlacking == 0 || !symbol_equal(&settle, &lacking[0]))
			lacking[nlacking++] = settle;
	}

	memset(nulls, true, sizeof(nulls));
	nulls[0] = nulls[2] = nulls[3] = false;
	values[0] = symbol_datum(&line->position.symbol);
	values[2] = amount(&line->position.sides[SIDE_LONG].quantity);
	values[3] = amount(&line->position.sides[SIDE_SHORT].quantity);
	if (terms != NULL)
	{
		Symbol		settle = market_symbol(market, &terms->settle);

		nulls[1] = false;
		values[1] = symbol_datum(&settle);
	}
	if (terms != NULL && terms->marked)
	{
		memset(nulls + 4, false, 4 * sizeof(bool));
		values[4] = amount(dec_flat(&terms->mark, market, &buffer));
		values[5] = amount(&line->notional[SIDE_LONG]);
		values[6] = amount(&line->notional[SIDE_SHORT]);
		values[7] = amount(&line->pnl);
		if (!line->settle_missing)
		{
			nulls[8] = false;
			values[8] = in_usd(&line->pnl, &line->settle->price, market);
		}
	}
	if (!line->missing && !line->settle_missing)
	{
		nulls[9] = nulls[10] = false;
		values[9] = in_usd(&line->maintenance, &line->settle->requirement_price, market);
		values[10] = in_usd(&line->initial, &line->settle->requirement_price, market);
	}
	if (nlacking > 0)
	{
		nulls[11] = false;
		values[11] = symbol_array(lacking, nlacking);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(margin_positions);

/* positions(portfolio, market): one row per contract, in byte order */
Datum
margin_positions(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = begin_rows(fcinfo);
	const Market *market = market_from_datum(PG_GETARG_DATUM(1));
	Valuation	v;

	value_portfolio(&v, PG_GETARG_DATUM(0), market, VALUE_ALL | VALUE_LINES);
	qsort(v.positions, v.npositions, sizeof(PositionLine), compare_positions);
	for (int i = 0; i < v.npositions; i++)
		put_position_line(result, &v.positions[i], market);
	return (Datum) 0;
}

/* ---------- one asset by itself ---------- */

PG_FUNCTION_INFO_V1(margin_collateral_value_of);

/* collateral_value(quantity numeric, price numeric, tiers schedule, basis basis): SPEC 3.3 for a quantity >= 0 */
Datum
margin_collateral_value_of(PG_FUNCTION_ARGS)
{
	const Schedule *tiers = schedule_from_datum(PG_GETARG_DATUM(2));
	Basis		basis = option_from_enum(PG_GETARG_OID(3), basis_names);
	Decimal		quantity;
	Decimal		price;
	Decimal		net_value;
	Decimal		value;

	if (!dec_from_input(&quantity, PG_GETARG_DATUM(0)))
		dec_bad_input(PG_GETARG_DATUM(0), "quantity");
	if (!dec_from_input(&price, PG_GETARG_DATUM(1)))
		dec_bad_input(PG_GETARG_DATUM(1), "price");
	if (dec_sign(&quantity) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("quantity must not be negative: %s", dec_text(&quantity)),
				 errhint("A debt is not collateral: evaluate() values it as a liability.")));
	if (dec_sign(&price) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("price must be greater than 0: %s", dec_text(&price))));
	schedule_check_ratios(tiers, "collateral ratio");
	dec_mul(&net_value, &price, &quantity);
	value_collateral(&value, tiers, basis, &price, &quantity, &net_value);
	PG_RETURN_NUMERIC(dec_to_numeric(&value));
}
