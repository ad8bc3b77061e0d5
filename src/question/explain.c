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
	MemoryContext scratch;		/* of one row */
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
	MemoryContext caller = MemoryContextSwitchTo(explanation->scratch);
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
	MemoryContextSwitchTo(caller);
	MemoryContextReset(explanation->scratch);
}

/* One row per tier that a part of the amount lies in. */
static void
put_slices(const Explanation *explanation, Row row, const Schedule *schedule, const Decimal *amount)
{
	int			last = schedule_find_tier(schedule, amount);

	for (int i = schedule->method == TIER_WHOLE ? last : 0; i <= last; i++)
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

/* What is owned, at the ratios of a schedule. */
static void
put_ratios(const Explanation *explanation, Row row, const AssetLine *line, uint32 schedule)
{
	const Market *market = explanation->market;
	Decimal		price_buffer;
	Decimal		tiered;

	tiered_amount(&tiered, line, market);
	if (line->terms->tier_unit == TIERS_IN_VALUE)
		row.unit = usd();
	else if (line->terms->priced)
		row.price = dec_flat(&line->terms->low, market, &price_buffer);
	put_slices(explanation, row, market_schedule(market, schedule), &tiered);
}

static void
explain_collateral(const Explanation *explanation, const AssetLine *line)
{
	const MarketAsset *terms = line->terms;
	Row			row = asset_row(line, "collateral_value");
	Decimal		price_buffer;

	if (dec_sign(&line->equity) < 0)
		return;
	if (terms->tiers != 0)
	{
		row.item = "collateral ratio";
		put_ratios(explanation, row, line, terms->tiers);
		return;
	}
	if (terms->priced)
		row.price = dec_flat(&terms->low, explanation->market, &price_buffer);
	row.item = "not collateral";
	row.amount = &line->equity;
	row.rate = &zero;
	put_row(explanation, &row);
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

/* An amount in USD that other fields have taken apart. */
static void
put_usd(const Explanation *explanation, Row row, const char *item, const Decimal *amount)
{
	if (dec_is_zero(amount))
		return;
	row.unit = usd();
	row.item = item;
	row.amount = amount;
	put_row(explanation, &row);
}

/* What a debt takes of initial equity. */
static void
put_initial_debt(const Explanation *explanation, Row row, const AssetLine *line)
{
	const Market *market = explanation->market;
	Decimal		weight_buffer;
	Decimal		price_buffer;

	row.item = "debt";
	row.amount = &line->equity;
	row.weight = dec_flat(&line->terms->initial_liability_weight, market, &weight_buffer);
	row.price = dec_flat(&line->terms->high, market, &price_buffer);
	put_row(explanation, &row);
}

/* Taken apart only where the initial measure has ratios of its own. */
static void
explain_initial_equity(const Explanation *explanation, const AssetLine *line)
{
	Row			row = asset_row(line, "initial_equity");

	if (dec_sign(&line->equity) < 0)
		put_initial_debt(explanation, row, line);
	else if (line->terms->initial_tiers == 0)
		put_usd(explanation, row, "as collateral", &line->collateral_value);
	else
	{
		row.item = "initial ratio";
		put_ratios(explanation, row, line, line->terms->initial_tiers);
	}
}

/* What there is before orders take their part of it. */
static void
explain_judged_asset(const Explanation *explanation, const AssetLine *line)
{
	Row			row = asset_row(line, "judged_equity");
	Decimal		owed;

	dec_neg(&owed, &line->liability);
	put_usd(explanation, row, "as collateral", &line->collateral_value);
	put_usd(explanation, row, "as liability", &owed);
}

/* What a debt adds to maintenance and initial margin alike; of the rule "larger" it may be outweighed. */
static void
explain_debt_margin(const Explanation *explanation, const AssetLine *line, const char *field, bool counts)
{
	const Market *market = explanation->market;
	Row			row = asset_row(line, field);
	Decimal		price_buffer;
	Decimal		debt;

	if (dec_sign(&line->equity) >= 0 || line->terms->liability_maintenance == 0)
		return;
	dec_neg(&debt, &line->equity);
	row.price = dec_flat(&line->terms->high, market, &price_buffer);
	if (counts)
	{
		row.item = "debt";
		put_slices(explanation, row, market_schedule(market, line->terms->liability_maintenance), &debt);
		return;
	}
	row.item = "outweighed";
	row.amount = &debt;
	row.rate = &zero;
	put_row(explanation, &row);
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

/* What a contract requires is in its settlement asset. */
static Row
requirement_row(const Explanation *explanation, const PositionLine *line, int side, const char *field,
				Decimal *weight_buffer, Decimal *price_buffer)
{
	Row			row = position_row(explanation, line, side, field);

	row.weight = dec_flat(&line->settle->requirement_weight, explanation->market, weight_buffer);
	row.price = dec_flat(&line->settle->high, explanation->market, price_buffer);
	return row;
}

/* T(N), or by contracts m * M * T(q): then the price is that of a contract. */
static void
put_tiers(const Explanation *explanation, Row row, const MarketContract *contract, uint32 schedule, const Leg *leg)
{
	const Market *market = explanation->market;
	Decimal		buffer;
	Decimal		price;

	if (contract->tier_unit == TIERS_IN_NOTIONAL)
	{
		put_slices(explanation, row, market_schedule(market, schedule), &leg->notional);
		return;
	}
	dec_mul(&price, row.price, dec_flat(&contract->unit_notional, market, &buffer));
	row.price = &price;
	row.unit = symbol_make("contracts", 9);
	put_slices(explanation, row, market_schedule(market, schedule), &leg->contracts);
}

static void
put_fee(const Explanation *explanation, Row row, const char *item, const Decimal *fee, const Leg *leg)
{
	Decimal		buffer;

	if (dec_is_zero(fee))
		return;
	row.item = item;
	row.amount = &leg->notional;
	row.rate = dec_flat(fee, explanation->market, &buffer);
	put_row(explanation, &row);
}

/* T(N) + f * N */
static void
put_maintenance(const Explanation *explanation, Row row, const MarketContract *contract, const Leg *leg)
{
	row.item = "maintenance rate";
	put_tiers(explanation, row, contract, contract->maintenance, leg);
	put_fee(explanation, row, "closing fee", &contract->closing_fee, leg);
}

/* Whichever of the three is the largest. */
static void
put_initial(const Explanation *explanation, Row row, const MarketContract *contract, const LegRequirement *leg)
{
	switch (leg->reason)
	{
		case INITIAL_BY_MAINTENANCE:
			put_maintenance(explanation, row, contract, &leg->leg);
			return;
		case INITIAL_BY_RATE:
			row.item = "initial rate";
			if (contract->initial != 0)
				put_tiers(explanation, row, contract, contract->initial, &leg->leg);
			break;
		case INITIAL_BY_LEVERAGE:
			row.item = "leverage";
			row.amount = &leg->leg.leverage;
			put_row(explanation, &row);
			break;
	}
	put_fee(explanation, row, "opening fee", &contract->opening_fee, &leg->leg);
}

/* A leg that does not count, and why. */
static void
put_uncounted(const Explanation *explanation, Row row, const char *item, const PositionLine *line, const LegRequirement *leg)
{
	row.item = item;
	row.amount = leg->leg.present ? &leg->leg.notional : &line->notional[row.side];
	row.rate = &zero;
	put_row(explanation, &row);
}

/* With orders where these require it; "counts": the liability rule takes what positions require. */
static void
explain_requirement(const Explanation *explanation, const PositionLine *line, bool initial, bool counts)
{
	LegRequirement legs[2];
	Decimal		weight_buffer;
	Decimal		price_buffer;

	position_legs(legs, line, explanation->market, initial || line->terms->order_maintenance);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const LegRequirement *leg = &legs[i];
		Row			row = requirement_row(explanation, line, i, initial ? "initial_margin" : "maintenance_margin",
										  &weight_buffer, &price_buffer);

		if (!leg->leg.present && dec_is_zero(&line->position.sides[i].quantity))
			continue;
		if (initial ? !leg->opens : !leg->maintains)
			put_uncounted(explanation, row, "netted out", line, leg);
		else if (!counts)
			put_uncounted(explanation, row, "outweighed", line, leg);
		else if (initial)
			put_initial(explanation, row, line->terms, leg);
		else
			put_maintenance(explanation, row, line->terms, &leg->leg);
	}
}

/* ---------- orders ---------- */

/* What the legs require once the orders of a side have filled, less what they require as they are. */
static void
explain_order_margin(const Explanation *explanation, const PositionLine *line)
{
	LegRequirement held[2];
	LegRequirement ordered[2];
	Decimal		weight_buffer;
	Decimal		price_buffer;

	if (line->position.orders == NULL)
		return;
	position_legs(held, line, explanation->market, false);
	position_legs(ordered, line, explanation->market, true);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Row			row = requirement_row(explanation, line, i, "order_margin", &weight_buffer, &price_buffer);
		Decimal		less;

		/* by itself a leg without orders is what it was */
		if (line->terms->netting == NETTING_LEG && line->position.orders->sides[i].count == 0)
			continue;
		if (ordered[i].leg.present && !ordered[i].opens)
			put_uncounted(explanation, row, "netted out", line, &ordered[i]);
		else if (ordered[i].leg.present)
		{
			row.item = "with orders";
			row.amount = &ordered[i].initial;
			put_row(explanation, &row);
		}
		if (!held[i].leg.present || !held[i].opens)
			continue;
		dec_neg(&less, &held[i].initial);
		row.item = "without orders";
		row.amount = &less;
		put_row(explanation, &row);
	}
}

static void
explain_order_loss(const Explanation *explanation, const PositionLine *line)
{
	const Market *market = explanation->market;
	const Orders *orders = line->position.orders;

	for (int i = SIDE_LONG; orders != NULL && i <= SIDE_SHORT; i++)
	{
		Row			row = position_row(explanation, line, i, "order_loss");
		Decimal		buffer;
		Decimal		lost = DEC_ZERO;

		if (orders->sides[i].count == 0)
			continue;
		for (int k = 0; k < orders->sides[i].count; k++)
		{
			Decimal		loss;

			order_loss(&loss, &orders->sides[i].levels[k], i, line->terms, market);
			dec_add(&lost, &lost, &loss);
		}
		row.item = "order loss";
		row.amount = &lost;
		row.price = dec_flat(&line->settle->high, market, &buffer);
		put_row(explanation, &row);
	}
}

/* What the orders in a contract take of equity before it is judged. */
static void
explain_judged_contract(const Explanation *explanation, const PositionLine *line)
{
	int			reduction = explanation->market->orders_reduce_equity;
	Decimal		weight_buffer;
	Decimal		price_buffer;
	Row			row = requirement_row(explanation, line, NO_SIDE, "judged_equity", &weight_buffer, &price_buffer);
	Decimal		taken;

	if (line->position.orders == NULL)
		return;
	row.amount = &taken;
	if (reduction & REDUCE_MARGIN)
	{
		dec_neg(&taken, &line->order_margin);
		row.item = "order margin";
		put_row(explanation, &row);
	}
	if (reduction & REDUCE_LOSS)
	{
		dec_neg(&taken, &line->order_loss);
		row.item = "order loss";
		row.weight = NULL;
		put_row(explanation, &row);
	}
}

/* Only where orders take something of equity, which else is judged as it is. */
static void
explain_judged_equity(const Explanation *explanation, const Valuation *v)
{
	bool		ordered = false;

	for (int i = 0; i < v->npositions; i++)
		ordered |= v->positions[i].position.orders != NULL;
	if (!ordered || explanation->market->orders_reduce_equity == REDUCE_NOTHING)
		return;
	for (int i = 0; i < v->nassets; i++)
		explain_judged_asset(explanation, &v->assets[i]);
	for (int i = 0; i < v->npositions; i++)
		explain_judged_contract(explanation, &v->positions[i]);
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

/* Contracts of a side, held and ordered. */
static void
affected_contracts(Decimal *r, const Position *position, PortfolioSide side)
{
	*r = position->sides[side].quantity;
	for (int k = 0; position->orders != NULL && k < position->orders->sides[side].count; k++)
		dec_add(r, r, &position->orders->sides[side].levels[k].quantity);
}

static void
explain_missing_contract(const Explanation *explanation, const PositionLine *line)
{
	const MarketContract *terms = line->terms;

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Decimal		affected;
		Row			row = {.field = "missing", .kind = "contract", .symbol = line->position.symbol, .side = i,
			.unit = symbol_make("contracts", 9), .amount = &affected};

		affected_contracts(&affected, &line->position, i);

		if (!line->missing || dec_is_zero(&affected))
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

/* The rows of maintenance or initial margin; by the liability rule "larger" one of its two parts is outweighed. */
static void
explain_margin(const Explanation *explanation, const Valuation *v, bool initial)
{
	const Decimal *positions = initial ? &v->position_initial : &v->position_maintenance;
	bool		larger = explanation->market->liability_rule == LIABILITY_LARGER;
	bool		outweigh = dec_cmp(positions, &v->debt_maintenance) >= 0;

	for (int i = 0; i < v->npositions; i++)
		explain_requirement(explanation, &v->positions[i], initial, !larger || outweigh);
	for (int i = 0; i < v->nassets; i++)
		explain_debt_margin(explanation, &v->assets[i], initial ? "initial_margin" : "maintenance_margin", !larger || !outweigh);
}

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
	for (int i = 0; i < v->nassets; i++)
		explain_initial_equity(explanation, &v->assets[i]);
	explain_judged_equity(explanation, v);
	for (int i = 0; i < v->npositions; i++)
		explain_profit(explanation, &v->positions[i]);
	explain_margin(explanation, v, false);
	explain_margin(explanation, v, true);
	for (int i = 0; i < v->npositions; i++)
		explain_order_margin(explanation, &v->positions[i]);
	for (int i = 0; i < v->npositions; i++)
		explain_order_loss(explanation, &v->positions[i]);
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
	explanation.scratch = AllocSetContextCreate(CurrentMemoryContext, "margin explanation", ALLOCSET_DEFAULT_SIZES);
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
