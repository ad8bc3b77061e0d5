/*
 * explain.c
 *		An account explained: every amount of its valuation taken apart.
 *
 * A row is a product, amount * rate * weight * price, of a field of the
 * valuation; the rows of a field sum to it exactly.  What is computed here is
 * only these products: notionals, slices, and what counts come from the rooms
 * that value with them.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "value/market.h"
#include "base/enums.h"
#include "value/valuation.h"

/* Columns of the composite type explanation, in order. */
enum
{
	ROW_FIELD,
	ROW_KIND,
	ROW_SYMBOL,
	ROW_SIDE,
	ROW_ITEM,
	ROW_LOWER_BOUND,
	ROW_UPPER_BOUND,
	ROW_AMOUNT,
	ROW_UNIT,
	ROW_RATE,
	ROW_WEIGHT,
	ROW_PRICE,
	ROW_VALUE,
	ROW_COLUMNS
};

#define NO_SIDE (-1)

static const char *const side_names[] = {"long", "short", NULL};

typedef struct Explanation
{
	ReturnSetInfo *result;
	const Market *market;
	Oid			sides[2];
} Explanation;

/* A row in the making; what is NULL does not apply. */
typedef struct Row
{
	const char *field;
	const char *kind;
	Symbol		symbol;
	int			side;
	const char *item;
	const ScheduleSlice *tier;
	const Decimal *amount;
	Symbol		unit;			/* length 0: none */
	const Decimal *rate;		/* where NULL, 1, as are the next two */
	const Decimal *weight;
	const Decimal *price;
	bool		valued;
} Row;

static const Decimal zero = DEC_ZERO;

static inline Symbol
usd(void)
{
	return symbol_make("USD", 3);
}

static void
put_number(Datum *value, bool *isnull, const Decimal *a)
{
	*isnull = a == NULL;
	if (a != NULL)
		*value = dec_datum(a, 0);
}

static void
put_text(Datum *value, bool *isnull, const char *text)
{
	*isnull = text == NULL;
	if (text != NULL)
		*value = CStringGetTextDatum(text);
}

static void
put_row(const Explanation *explanation, const Row *row)
{
	ReturnSetInfo *result = explanation->result;
	Datum		values[ROW_COLUMNS] = {0};
	bool		nulls[ROW_COLUMNS] = {0};
	const Decimal *factors[] = {row->rate, row->weight, row->price};
	Decimal		value;

	CHECK_FOR_INTERRUPTS();
	put_text(&values[ROW_FIELD], &nulls[ROW_FIELD], row->field);
	put_text(&values[ROW_KIND], &nulls[ROW_KIND], row->kind);
	values[ROW_SYMBOL] = symbol_datum(&row->symbol);
	nulls[ROW_SIDE] = row->side == NO_SIDE;
	if (row->side != NO_SIDE)
		values[ROW_SIDE] = ObjectIdGetDatum(explanation->sides[row->side]);
	put_text(&values[ROW_ITEM], &nulls[ROW_ITEM], row->item);
	put_number(&values[ROW_LOWER_BOUND], &nulls[ROW_LOWER_BOUND], row->tier == NULL ? NULL : &row->tier->lower);
	put_number(&values[ROW_UPPER_BOUND], &nulls[ROW_UPPER_BOUND],
			   row->tier == NULL || row->tier->open_ended ? NULL : &row->tier->upper);
	put_number(&values[ROW_AMOUNT], &nulls[ROW_AMOUNT], row->amount);
	nulls[ROW_UNIT] = row->unit.length == 0;
	if (row->unit.length > 0)
		values[ROW_UNIT] = symbol_datum(&row->unit);
	put_number(&values[ROW_RATE], &nulls[ROW_RATE], row->rate);
	put_number(&values[ROW_WEIGHT], &nulls[ROW_WEIGHT], row->weight);
	put_number(&values[ROW_PRICE], &nulls[ROW_PRICE], row->price);
	nulls[ROW_VALUE] = !row->valued;
	if (row->valued)
	{
		value = *row->amount;
		for (int i = 0; i < (int) lengthof(factors); i++)
		{
			if (factors[i] != NULL)
				dec_mul(&value, &value, factors[i]);
		}
		values[ROW_VALUE] = dec_datum(&value, 0);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* One row per tier that a part of the amount lies in. */
static void
put_slices(const Explanation *explanation, Row row, const Schedule *schedule, const Decimal *amount)
{
	for (int i = 0; i < schedule->count; i++)
	{
		ScheduleSlice slice;

		if (!schedule_slice(&slice, schedule, amount, i))
			continue;
		row.tier = &slice;
		row.amount = &slice.amount;
		row.rate = &slice.rate;
		put_row(explanation, &row);
	}
}

/* ---------- assets ---------- */

static Row
asset_row(const AssetLine *line, const char *field)
{
	return (Row) {.field = field, .kind = "asset", .symbol = line->symbol, .side = NO_SIDE,
		.unit = line->symbol, .valued = true};
}

/* Balance and settled profit at index price; an asset without price has no net value. */
static void
explain_net_value(const Explanation *explanation, const AssetLine *line)
{
	Row			row = asset_row(line, "net_asset_value");
	Decimal		price_buffer;

	if (!line->terms->priced)
		return;
	row.price = dec_flat(&line->terms->price, explanation->market, &price_buffer);
	if (!dec_is_zero(&line->balance))
	{
		row.item = "balance";
		row.amount = &line->balance;
		put_row(explanation, &row);
	}
	if (line->settles)
	{
		row.item = "profit and loss";
		row.amount = &line->pnl;
		put_row(explanation, &row);
	}
}

static void
explain_collateral(const Explanation *explanation, const AssetLine *line)
{
	const Market *market = explanation->market;
	const MarketAsset *terms = line->terms;
	Row			row = asset_row(line, "collateral_value");
	Decimal		price_buffer;
	Decimal		tiered;

	if (dec_sign(&line->equity) < 0)
		return;
	if (terms->priced)
		row.price = dec_flat(&terms->low, market, &price_buffer);
	if (terms->tiers == 0)
	{
		row.item = "not collateral";
		row.amount = &line->equity;
		row.rate = &zero;
		put_row(explanation, &row);
		return;
	}
	row.item = "collateral ratio";
	if (terms->tier_unit == TIERS_IN_VALUE)
	{
		row.unit = usd();
		row.price = NULL;
		tiered_amount(&tiered, line, market);
		put_slices(explanation, row, market_schedule(market, terms->tiers), &tiered);
	}
	else
		put_slices(explanation, row, market_schedule(market, terms->tiers), &line->equity);
}

static void
explain_debt(const Explanation *explanation, const AssetLine *line)
{
	const Market *market = explanation->market;
	Row			row = asset_row(line, "liabilities");
	Decimal		weight_buffer;
	Decimal		price_buffer;
	Decimal		debt;

	if (dec_sign(&line->equity) >= 0)
		return;
	dec_neg(&debt, &line->equity);
	row.item = "debt";
	row.amount = &debt;
	row.weight = dec_flat(&line->terms->liability_weight, market, &weight_buffer);
	row.price = dec_flat(&line->terms->high, market, &price_buffer);
	put_row(explanation, &row);
}

/* What a debt adds to maintenance and initial margin alike. */
static void
explain_debt_margin(const Explanation *explanation, const AssetLine *line, const char *field)
{
	const Market *market = explanation->market;
	Row			row = asset_row(line, field);
	Decimal		price_buffer;
	Decimal		debt;

	if (dec_sign(&line->equity) >= 0 || line->terms->liability_maintenance == 0)
		return;
	dec_neg(&debt, &line->equity);
	row.item = "debt";
	row.price = dec_flat(&line->terms->high, market, &price_buffer);
	put_slices(explanation, row, market_schedule(market, line->terms->liability_maintenance), &debt);
}

/* ---------- positions ---------- */

static Row
position_row(const Explanation *explanation, const PositionLine *line, int side, const char *field)
{
	return (Row) {.field = field, .kind = "contract", .symbol = line->position.symbol, .side = side,
		.unit = market_symbol(explanation->market, &line->terms->settle), .valued = true};
}

static void
explain_profit(const Explanation *explanation, const PositionLine *line)
{
	const Market *market = explanation->market;
	Decimal		size_buffer;
	Decimal		price_buffer;

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const PositionSide *side = &line->position.sides[i];
		Row			row = position_row(explanation, line, i, "unrealized_pnl");
		Decimal		profit;

		if (dec_is_zero(&side->quantity))
			continue;
		side_profit(&profit, i, &line->notional[i], dec_flat(&line->terms->size, market, &size_buffer), &side->cost);
		row.item = "profit and loss";
		row.amount = &profit;
		row.price = dec_flat(&line->settle->price, market, &price_buffer);
		put_row(explanation, &row);
	}
}

/* T(N) + f * N */
static void
put_maintenance(const Explanation *explanation, Row row, const MarketContract *contract, const Decimal *notional)
{
	const Market *market = explanation->market;
	Decimal		buffer;

	row.item = "maintenance rate";
	put_slices(explanation, row, market_schedule(market, contract->maintenance), notional);
	if (dec_is_zero(&contract->closing_fee))
		return;
	row.item = "closing fee";
	row.amount = notional;
	row.rate = dec_flat(&contract->closing_fee, market, &buffer);
	put_row(explanation, &row);
}

static void
put_initial(const Explanation *explanation, Row row, const MarketContract *contract, const LegRequirement *leg)
{
	switch (leg->reason)
	{
		case INITIAL_BY_MAINTENANCE:
			put_maintenance(explanation, row, contract, &leg->leg.notional);
			break;
		case INITIAL_BY_RATE:
			row.item = "initial rate";
			put_slices(explanation, row, market_schedule(explanation->market, contract->initial), &leg->leg.notional);
			break;
		case INITIAL_BY_LEVERAGE:
			row.item = "leverage";
			row.amount = &leg->initial;
			put_row(explanation, &row);
			break;
	}
}

static void
explain_requirement(const Explanation *explanation, const PositionLine *line, bool initial)
{
	const Market *market = explanation->market;
	LegRequirement legs[2];
	Decimal		weight_buffer;
	Decimal		price_buffer;

	position_legs(legs, line, market, false);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Row			row = position_row(explanation, line, i, initial ? "initial_margin" : "maintenance_margin");

		if (dec_is_zero(&line->position.sides[i].quantity))
			continue;
		row.weight = dec_flat(&line->settle->requirement_weight, market, &weight_buffer);
		row.price = dec_flat(&line->settle->high, market, &price_buffer);
		if (initial ? !legs[i].opens : !legs[i].maintains)
		{
			row.item = "netted out";
			row.amount = &line->notional[i];
			row.rate = &zero;
			put_row(explanation, &row);
		}
		else if (initial)
			put_initial(explanation, row, line->terms, &legs[i]);
		else
			put_maintenance(explanation, row, line->terms, &legs[i].leg.notional);
	}
}

/* ---------- what is missing ---------- */

static void
explain_missing_asset(const Explanation *explanation, const AssetLine *line)
{
	const MarketAsset *terms = line->terms;
	Row			row = asset_row(line, "missing");

	if (!line->missing && (!line->settles || (terms != NULL && terms->priced)))
		return;
	row.item = terms == NULL ? "unknown asset" : "no index price";
	row.valued = false;
	if (!line->pnl_unknown)
		row.amount = &line->equity;
	put_row(explanation, &row);
}

static void
explain_missing_contract(const Explanation *explanation, const PositionLine *line)
{
	const MarketContract *terms = line->terms;

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Row			row = {.field = "missing", .kind = "contract", .symbol = line->position.symbol, .side = i,
			.unit = symbol_make("contracts", 9), .amount = &line->position.sides[i].quantity};

		if (!line->missing || dec_is_zero(row.amount))
			continue;
		row.item = terms == NULL ? "unknown contract" : "no mark price";
		if (terms == NULL || !terms->marked)
			put_row(explanation, &row);
		row.item = "no maintenance rates";
		if (terms != NULL && terms->maintenance == 0)
			put_row(explanation, &row);
	}
}

/* ---------- the whole ---------- */

/* Field by field, each in byte order of the symbols. */
static void
explain_valuation(const Explanation *explanation, const Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
		explain_net_value(explanation, &v->assets[i]);
	for (int i = 0; i < v->nassets; i++)
		explain_collateral(explanation, &v->assets[i]);
	for (int i = 0; i < v->nassets; i++)
		explain_debt(explanation, &v->assets[i]);
	for (int i = 0; i < v->npositions; i++)
		explain_profit(explanation, &v->positions[i]);
	for (int i = 0; i < v->npositions; i++)
		explain_requirement(explanation, &v->positions[i], false);
	for (int i = 0; i < v->nassets; i++)
		explain_debt_margin(explanation, &v->assets[i], "maintenance_margin");
	for (int i = 0; i < v->npositions; i++)
		explain_requirement(explanation, &v->positions[i], true);
	for (int i = 0; i < v->nassets; i++)
		explain_debt_margin(explanation, &v->assets[i], "initial_margin");
}

/* Of an unpriced account only what it lacks, since a partial sum could be mistaken for the valuation. */
static void
explain_missing(const Explanation *explanation, const Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
		explain_missing_asset(explanation, &v->assets[i]);
	for (int i = 0; i < v->npositions; i++)
		explain_missing_contract(explanation, &v->positions[i]);
}

PG_FUNCTION_INFO_V1(margin_explain);

/* explain(portfolio, market) returns setof explanation */
Datum
margin_explain(PG_FUNCTION_ARGS)
{
	Explanation explanation = {.market = market_of_call(fcinfo, 1)};
	Oid			side;
	Valuation	v;

	InitMaterializedSRF(fcinfo, 0);
	explanation.result = (ReturnSetInfo *) fcinfo->resultinfo;
	if (explanation.result->setDesc->natts != ROW_COLUMNS)
		elog(ERROR, "type explanation has %d columns instead of %d", explanation.result->setDesc->natts, ROW_COLUMNS);
	side = TupleDescAttr(explanation.result->setDesc, ROW_SIDE)->atttypid;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
		explanation.sides[i] = option_to_enum(side, side_names[i]);

	value_portfolio(&v, PG_GETARG_DATUM(0), explanation.market, VALUE_ALL | VALUE_LINES);
	sort_lines(&v);
	if (v.level == LEVEL_UNPRICED)
		explain_missing(&explanation, &v);
	else
		explain_valuation(&explanation, &v);
	return (Datum) 0;
}
