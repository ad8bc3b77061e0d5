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
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/datum.h"
#include "utils/builtins.h"
#include "utils/expandedrecord.h"

#include "value/market.h"
#include "value/netting.h"
#include "base/enums.h"
#include "value/valuation.h"

/*
 * What a call site keeps from row to row.  Nothing depends on it: a function
 * called without gives the same answers, only slower.
 */
typedef struct CallSite
{
	ExpandedRecordHeader *pattern;	/* of evaluate(): an empty result */
	bool		has_levels;
	Oid			levels[LEVELS];

	StoredMarket stored;
} CallSite;

static CallSite *
call_site(FunctionCallInfo fcinfo)
{
	if (unlikely(fcinfo->flinfo->fn_extra == NULL))
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(CallSite));
	return fcinfo->flinfo->fn_extra;
}

static const Market *
market_argument(FunctionCallInfo fcinfo)
{
	Datum		value = PG_GETARG_DATUM(1);

	if (likely(!market_is_stored(value)))
		return market_from_datum(value);
	return market_fetch(&call_site(fcinfo)->stored, value, fcinfo->flinfo->fn_mcxt);
}

static void
value_arguments(Valuation *v, FunctionCallInfo fcinfo, int wanted)
{
	value_portfolio(v, PG_GETARG_DATUM(0), market_argument(fcinfo), wanted);
}

static Datum
amount(const Decimal *a)
{
	return dec_datum(a, 0);
}

/* ---------- evaluate ---------- */

/* Bytes of a portfolio, of some two hundred holdings; beyond that valuing them costs more than calling does. */
#define LARGEST_REMEMBERED 8192

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
	COLUMN_INITIAL_EQUITY,
	COLUMN_ORDER_MARGIN,
	COLUMN_ORDER_LOSS,
	COLUMNS
};

/* The call site with the values of the enum "level", and the pattern of a composite result. */
static CallSite *
result_type(FunctionCallInfo fcinfo)
{
	CallSite   *site = call_site(fcinfo);
	TupleDesc	tupdesc;
	Oid			oid;

	if (likely(site->has_levels))
		return site;
	if (get_call_result_type(fcinfo, &oid, &tupdesc) == TYPEFUNC_COMPOSITE)
	{
		if (tupdesc->natts != COLUMNS)
			elog(ERROR, "type valuation has %d columns instead of %d", tupdesc->natts, COLUMNS);
		site->pattern = make_expanded_record_from_typeid(oid, -1, fcinfo->flinfo->fn_mcxt);
		oid = TupleDescAttr(tupdesc, COLUMN_LEVEL)->atttypid;
	}
	for (int i = 0; i < LEVELS; i++)
		site->levels[i] = option_to_enum(oid, level_names[i]);
	site->has_levels = true;
	return site;
}

/* The fields of the composite, allocated in the current context. */
static void
valuation_fields(const Valuation *v, const CallSite *site, Datum *values, bool *nulls)
{
	memset(nulls, false, COLUMNS * sizeof(bool));
	values[COLUMN_LEVEL] = ObjectIdGetDatum(site->levels[v->level]);
	if (v->level == LEVEL_UNPRICED)
	{
		memset(nulls, true, COLUMNS * sizeof(bool));
		nulls[COLUMN_LEVEL] = nulls[COLUMN_MISSING] = false;
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
		values[COLUMN_MARGIN_RATIO] = dec_datum(&v->margin_ratio, 8);
	nulls[COLUMN_MISSING] = true;
	/* nearly always the equity: a copy costs less than its digits */
	values[COLUMN_INITIAL_EQUITY] = dec_is_zero(&v->initial_difference) ? datumCopy(values[COLUMN_EQUITY], false, -1) :
		amount(&v->initial_equity);
	values[COLUMN_ORDER_MARGIN] = amount(&v->order_margin);
	values[COLUMN_ORDER_LOSS] = amount(&v->order_loss);
}

/*
 * The last result.  PostgreSQL calls evaluate() once for each column of
 * (evaluate(portfolio, market)).*, so the same is asked for again while the
 * result of the first call still exists, in the same memory context: so it
 * lives as long as a new one would.  What was asked is known by the stamp of
 * the market, and by the bytes of the portfolio or the netting that it is.
 */
static struct
{
	ExpandedRecordHeader *record;	/* NULL: gone with its memory context */
	MarketStamp stamp;
	uint64		netting;		/* 0: a flat portfolio */
	Size		size;
	char		portfolio[LARGEST_REMEMBERED];
} last;

static bool
is_stamped(const Market *market)
{
	return (market->stamp.halves[0] | market->stamp.halves[1]) != 0;
}

static bool
asked_before(Datum portfolio, const Market *market)
{
	if (last.record == NULL || MemoryContextGetParent(last.record->hdr.eoh_context) != CurrentMemoryContext || !is_stamped(market) ||
		last.stamp.halves[0] != market->stamp.halves[0] || last.stamp.halves[1] != market->stamp.halves[1])
		return false;
	if (last.netting != 0)
		return netting_identity(portfolio) == last.netting;
	return VARSIZE_ANY(DatumGetPointer(portfolio)) == last.size && memcmp(DatumGetPointer(portfolio), last.portfolio, last.size) == 0;
}

static void
forget_record(void *record)
{
	if (last.record == record)
		last.record = NULL;
}

/* What portfolio a result was of; false for one that stands somewhere else, which is not worth fetching for this. */
static bool
remember_portfolio(Datum portfolio)
{
	const void *bytes = DatumGetPointer(portfolio);

	last.record = NULL;
	last.netting = netting_identity(portfolio);
	if (last.netting != 0)
		return true;
	last.size = VARSIZE_ANY(bytes);
	if (VARATT_IS_EXTERNAL(bytes) || last.size > LARGEST_REMEMBERED)
		return false;
	memcpy(last.portfolio, bytes, last.size);
	return true;
}

static bool
remember(ExpandedRecordHeader *record, Datum portfolio, const Market *market)
{
	MemoryContextCallback *callback;

	if (!is_stamped(market) || !remember_portfolio(portfolio))
		return false;
	callback = MemoryContextAlloc(record->hdr.eoh_context, sizeof(MemoryContextCallback));
	callback->func = forget_record;
	callback->arg = record;
	MemoryContextRegisterResetCallback(record->hdr.eoh_context, callback);
	last.stamp = market->stamp;
	last.record = record;
	return true;
}

PG_FUNCTION_INFO_V1(margin_evaluate);

/*
 * evaluate(portfolio, market) returns valuation
 *
 * The result is an expanded record: who takes it apart column by column, as
 * the views do, gets each field without walking over those before it.  One that
 * is remembered is nobody's to change.
 */
Datum
margin_evaluate(PG_FUNCTION_ARGS)
{
	CallSite   *site = result_type(fcinfo);
	Datum		portfolio = PG_GETARG_DATUM(0);
	const Market *market = market_argument(fcinfo);
	ExpandedRecordHeader *record;
	MemoryContext old;
	Valuation	v;

	if (asked_before(portfolio, market))
		return ExpandedRecordGetRODatum(last.record);
	value_portfolio(&v, portfolio, market, VALUE_ALL);
	record = make_expanded_record_from_exprecord(site->pattern, CurrentMemoryContext);
	old = MemoryContextSwitchTo(record->hdr.eoh_context);
	valuation_fields(&v, site, record->dvalues, record->dnulls);
	MemoryContextSwitchTo(old);
	record->flags |= ER_FLAG_DVALUES_VALID | ER_FLAG_DVALUES_ALLOCED;
	return remember(record, portfolio, market) ? ExpandedRecordGetRODatum(record) : ExpandedRecordGetDatum(record);
}

/* ---------- fields of a result ---------- */

/* A field of a valuation; of one that evaluate() has just made, where it stands. */
static Datum
valued_field(FunctionCallInfo fcinfo, int column)
{
	Datum		valuation = PG_GETARG_DATUM(0);

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(valuation)))
		valuation = make_expanded_record_from_datum(valuation, CurrentMemoryContext);
	return expanded_record_get_field((ExpandedRecordHeader *) DatumGetEOHP(valuation), column + 1, &fcinfo->isnull);
}

PG_FUNCTION_INFO_V1(margin_valued_amount);

/* valued_amount(valuation, field): any but level and missing, by its number from 1 on */
Datum
margin_valued_amount(PG_FUNCTION_ARGS)
{
	int			column = PG_GETARG_INT32(1) - 1;

	if (column < 0 || column >= COLUMNS || column == COLUMN_LEVEL || column == COLUMN_MISSING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("field %d of a valuation is not an amount", PG_GETARG_INT32(1))));
	return valued_field(fcinfo, column);
}

PG_FUNCTION_INFO_V1(margin_valued_level);

/* valued_level(valuation) */
Datum
margin_valued_level(PG_FUNCTION_ARGS)
{
	return valued_field(fcinfo, COLUMN_LEVEL);
}

PG_FUNCTION_INFO_V1(margin_valued_missing);

/* valued_missing(valuation) */
Datum
margin_valued_missing(PG_FUNCTION_ARGS)
{
	return valued_field(fcinfo, COLUMN_MISSING);
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
ACCESSOR(maintenance_margin, VALUE_MAINTENANCE)
ACCESSOR(available_margin, VALUE_MARGINS)
ACCESSOR(shortfall, VALUE_MARGINS)
ACCESSOR(initial_equity, VALUE_MARGINS)
ACCESSOR(order_margin, VALUE_MARGINS)
ACCESSOR(order_loss, VALUE_MAINTENANCE)
ACCESSOR(judged_equity, VALUE_MAINTENANCE)

PG_FUNCTION_INFO_V1(margin_margin_ratio);

Datum
margin_margin_ratio(PG_FUNCTION_ARGS)
{
	Valuation	v;

	value_arguments(&v, fcinfo, VALUE_MARGINS);
	if (v.level == LEVEL_UNPRICED || !v.has_ratio)
		PG_RETURN_NULL();
	return dec_datum(&v.margin_ratio, 8);
}

PG_FUNCTION_INFO_V1(margin_level);

Datum
margin_level(PG_FUNCTION_ARGS)
{
	CallSite   *site = result_type(fcinfo);
	Valuation	v;

	value_arguments(&v, fcinfo, VALUE_MAINTENANCE);
	PG_RETURN_OID(site->levels[v.level]);
}

PG_FUNCTION_INFO_V1(margin_level_named);

/* level_named(level_name): the level that a text names */
Datum
margin_level_named(PG_FUNCTION_ARGS)
{
	const char *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	int			level = option_from_name(name, level_names);

	if (level >= 0)
		PG_RETURN_OID(result_type(fcinfo)->levels[level]);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("there is no level \"%.*s\"", pg_mbcliplen(name, strlen(name), 40), name),
			 errhint("Levels are healthy, warning, margin_call, liquidation, bankrupt and unpriced.")));
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

/* Columns of collateral(), in order. */
enum
{
	ASSET_NAME,
	ASSET_BALANCE,
	ASSET_PNL,
	ASSET_EQUITY,
	ASSET_PRICE,
	ASSET_NET_ASSET_VALUE,
	ASSET_COLLATERAL_VALUE,
	ASSET_LIABILITY,
	ASSET_HAIRCUT,
	ASSET_MAINTENANCE_MARGIN,
	ASSET_MISSING,
	ASSET_COLUMNS
};

static void
put_asset_line(ReturnSetInfo *result, const AssetLine *line, const Market *market)
{
	bool		priced = line->terms != NULL && line->terms->priced;
	bool		valued = !line->pnl_unknown && !line->missing;
	Datum		values[ASSET_COLUMNS] = {0};
	bool		nulls[ASSET_COLUMNS] = {0};
	Decimal		buffer;
	Decimal		haircut;

	values[ASSET_NAME] = symbol_datum(&line->symbol);
	values[ASSET_BALANCE] = amount(&line->balance);
	nulls[ASSET_PNL] = nulls[ASSET_EQUITY] = line->pnl_unknown;
	if (!line->pnl_unknown)
	{
		values[ASSET_PNL] = amount(&line->pnl);
		values[ASSET_EQUITY] = amount(&line->equity);
	}
	nulls[ASSET_PRICE] = !priced;
	if (priced)
		values[ASSET_PRICE] = amount(dec_flat(&line->terms->price, market, &buffer));

	for (int i = ASSET_NET_ASSET_VALUE; i <= ASSET_MAINTENANCE_MARGIN; i++)
		nulls[i] = !valued;
	if (valued)
	{
		/* haircut = net value - (collateral value - liability) */
		dec_sub(&haircut, &line->net_value, &line->collateral_value);
		dec_add(&haircut, &haircut, &line->liability);
		values[ASSET_NET_ASSET_VALUE] = amount(&line->net_value);
		values[ASSET_COLLATERAL_VALUE] = amount(&line->collateral_value);
		values[ASSET_LIABILITY] = amount(&line->liability);
		values[ASSET_HAIRCUT] = amount(&haircut);
		values[ASSET_MAINTENANCE_MARGIN] = amount(&line->liability_maintenance);
	}
	nulls[ASSET_MISSING] = !line->missing;
	if (line->missing)
		values[ASSET_MISSING] = symbol_array(&line->symbol, 1);
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
	sort_lines(&v);
	for (int i = 0; i < v.nassets; i++)
		put_asset_line(result, &v.assets[i], market);
	return (Datum) 0;
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

/* Symbols that a position lacks something of, in byte order; null for none. */
static Datum
position_missing(const PositionLine *line, const Market *market, bool *isnull)
{
	Symbol		lacking[2];
	int			count = 0;

	if (line->missing)
		lacking[count++] = line->position.symbol;
	if (line->settle_missing)
	{
		lacking[count] = market_symbol(market, &line->terms->settle);
		if (count == 0 || !symbol_equal(&lacking[0], &lacking[1]))
			count++;
	}
	if (count == 2 && symbol_cmp(&lacking[0], &lacking[1]) > 0)
	{
		Symbol		swap = lacking[0];

		lacking[0] = lacking[1];
		lacking[1] = swap;
	}
	*isnull = count == 0;
	return count == 0 ? (Datum) 0 : symbol_array(lacking, count);
}

/* Columns of positions(), in order. */
enum
{
	POSITION_CONTRACT,
	POSITION_SETTLE,
	POSITION_LONG,
	POSITION_SHORT,
	POSITION_MARK,
	POSITION_LONG_NOTIONAL,
	POSITION_SHORT_NOTIONAL,
	POSITION_PNL,
	POSITION_PNL_USD,
	POSITION_MAINTENANCE_MARGIN,
	POSITION_INITIAL_MARGIN,
	POSITION_ORDER_MARGIN,
	POSITION_MISSING,
	POSITION_COLUMNS
};

static void
put_position_line(ReturnSetInfo *result, const PositionLine *line, const Market *market)
{
	const MarketContract *terms = line->terms;
	bool		marked = terms != NULL && terms->marked;
	bool		required = !line->missing && !line->settle_missing;
	Datum		values[POSITION_COLUMNS] = {0};
	bool		nulls[POSITION_COLUMNS] = {0};
	Decimal		buffer;

	values[POSITION_CONTRACT] = symbol_datum(&line->position.symbol);
	values[POSITION_LONG] = amount(&line->position.sides[SIDE_LONG].quantity);
	values[POSITION_SHORT] = amount(&line->position.sides[SIDE_SHORT].quantity);
	values[POSITION_MISSING] = position_missing(line, market, &nulls[POSITION_MISSING]);

	nulls[POSITION_SETTLE] = terms == NULL;
	if (terms != NULL)
	{
		Symbol		settle = market_symbol(market, &terms->settle);

		values[POSITION_SETTLE] = symbol_datum(&settle);
	}

	nulls[POSITION_MARK] = nulls[POSITION_LONG_NOTIONAL] = nulls[POSITION_SHORT_NOTIONAL] =
		nulls[POSITION_PNL] = !marked;
	nulls[POSITION_PNL_USD] = !marked || line->settle_missing;
	if (marked)
	{
		values[POSITION_MARK] = amount(dec_flat(&terms->mark, market, &buffer));
		values[POSITION_LONG_NOTIONAL] = amount(&line->notional[SIDE_LONG]);
		values[POSITION_SHORT_NOTIONAL] = amount(&line->notional[SIDE_SHORT]);
		values[POSITION_PNL] = amount(&line->pnl);
		if (!line->settle_missing)
			values[POSITION_PNL_USD] = in_usd(&line->pnl, &line->settle->price, market);
	}

	nulls[POSITION_MAINTENANCE_MARGIN] = nulls[POSITION_INITIAL_MARGIN] = nulls[POSITION_ORDER_MARGIN] = !required;
	if (required)
	{
		Decimal		ordered = line->position.orders == NULL ? DEC_ZERO : line->order_margin;
		Decimal		held;

		dec_sub(&held, &line->initial, &ordered);
		values[POSITION_MAINTENANCE_MARGIN] = in_usd(&line->maintenance, &line->settle->requirement_price, market);
		values[POSITION_INITIAL_MARGIN] = in_usd(&held, &line->settle->requirement_price, market);
		values[POSITION_ORDER_MARGIN] = in_usd(&ordered, &line->settle->requirement_price, market);
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
	sort_lines(&v);
	for (int i = 0; i < v.npositions; i++)
		put_position_line(result, &v.positions[i], market);
	return (Datum) 0;
}

/* Columns of orders(), in order. */
enum
{
	ORDER_CONTRACT,
	ORDER_SIDE,
	ORDER_PRICE,
	ORDER_QUANTITY,
	ORDER_MARGIN_QUANTITY,
	ORDER_VALUE,
	ORDER_LOSS,
	ORDER_COLUMNS
};

static const char *const order_side_names[] = {"buy", "sell"};

static void
put_order(ReturnSetInfo *result, const PositionLine *line, PortfolioSide side, const OrderLevel *level, const Market *market)
{
	bool		marked = line->terms != NULL && line->terms->marked;
	Datum		values[ORDER_COLUMNS] = {0};
	bool		nulls[ORDER_COLUMNS] = {0};
	Decimal		number;

	values[ORDER_CONTRACT] = symbol_datum(&line->position.symbol);
	values[ORDER_SIDE] = ObjectIdGetDatum(option_to_enum(TupleDescAttr(result->setDesc, ORDER_SIDE)->atttypid, order_side_names[side]));
	values[ORDER_PRICE] = amount(&level->price);
	values[ORDER_QUANTITY] = amount(&level->quantity);
	values[ORDER_MARGIN_QUANTITY] = amount(&level->margin);
	nulls[ORDER_VALUE] = !marked;
	nulls[ORDER_LOSS] = !marked || line->settle_missing;
	if (marked)
	{
		order_value(&number, level, side, line->terms, market);
		values[ORDER_VALUE] = amount(&number);
		order_loss(&number, level, side, line->terms, market);
		if (!line->settle_missing)
			values[ORDER_LOSS] = in_usd(&number, &line->settle->high, market);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(margin_orders);

/* orders(portfolio, market): one row per contract, side and price */
Datum
margin_orders(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = begin_rows(fcinfo);
	const Market *market = market_from_datum(PG_GETARG_DATUM(1));
	Valuation	v;

	value_portfolio(&v, PG_GETARG_DATUM(0), market, VALUE_ALL | VALUE_LINES);
	sort_lines(&v);
	for (int i = 0; i < v.npositions; i++)
	{
		const PositionLine *line = &v.positions[i];

		for (int side = SIDE_LONG; line->position.orders != NULL && side <= SIDE_SHORT; side++)
		{
			const OrderList *list = &line->position.orders->sides[side];

			for (int k = 0; k < list->count; k++)
			{
				CHECK_FOR_INTERRUPTS();
				put_order(result, line, side, &list->levels[k], market);
			}
		}
	}
	return (Datum) 0;
}

/* ---------- one asset by itself ---------- */

PG_FUNCTION_INFO_V1(margin_tiered_value);

/* tiered_value(quantity numeric, price numeric, tiers schedule, tier_unit tier_unit): SPEC 3.3 for a quantity >= 0 */
Datum
margin_tiered_value(PG_FUNCTION_ARGS)
{
	const Schedule *tiers = schedule_from_datum(PG_GETARG_DATUM(2));
	TierUnit	tier_unit = option_from_enum(PG_GETARG_OID(3), tier_unit_names);
	Decimal		quantity;
	Decimal		price;
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
	value_collateral(&value, tiers, tier_unit, &price, &quantity);
	PG_RETURN_NUMERIC(dec_to_numeric(&value));
}
