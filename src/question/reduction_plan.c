/*
 * reduction_plan.c
 *		What to close of an undercollateralized account.
 *
 * Open orders go first, all of them: without them nothing is required for
 * orders nor taken from equity for them, so that the rest of the plan has to do
 * with positions alone.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "question/reduction.h"

/* ---------- rows ---------- */

/* Columns of reduction_plan(), in order. */
enum
{
	REDUCTION_STEP,
	REDUCTION_OUTCOME,
	REDUCTION_CONTRACT,
	REDUCTION_SIDE,
	REDUCTION_QUANTITY,
	REDUCTION_PRICE,
	REDUCTION_NOTIONAL,
	REDUCTION_FEE,
	REDUCTION_REALIZED_PNL,
	REDUCTION_MAINTENANCE_BEFORE,
	REDUCTION_MAINTENANCE_AFTER,
	REDUCTION_EQUITY_BEFORE,
	REDUCTION_EQUITY_AFTER,
	REDUCTION_LEVEL,
	REDUCTION_JUDGED_BEFORE,
	REDUCTION_JUDGED_AFTER,
	REDUCTION_GAIN,
	REDUCTION_COLUMNS
};

static const char *const side_names[] = {"long", "short", NULL};

/* How the account stands before a step, or the plan, and after it. */
static void
set_standings(Datum *values, bool *nulls, const Standing *before, const Standing *after)
{
	Decimal		gain;

	plan_set_amount(values, nulls, REDUCTION_MAINTENANCE_BEFORE, &before->maintenance);
	plan_set_amount(values, nulls, REDUCTION_MAINTENANCE_AFTER, &after->maintenance);
	plan_set_amount(values, nulls, REDUCTION_EQUITY_BEFORE, &before->equity);
	plan_set_amount(values, nulls, REDUCTION_EQUITY_AFTER, &after->equity);
	plan_set_amount(values, nulls, REDUCTION_JUDGED_BEFORE, &before->judged);
	plan_set_amount(values, nulls, REDUCTION_JUDGED_AFTER, &after->judged);
	dec_sub(&gain, &before->gap, &after->gap);
	plan_set_amount(values, nulls, REDUCTION_GAIN, &gain);
}

/* One row without a closing: what the plan as a whole does, or nothing of an account that is unpriced. */
static void
put_summary(Reduction *r, const char *outcome, const Standing *before, const Standing *after)
{
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	if (before != NULL)
		set_standings(values, nulls, before, after);
	plan_put_row(&r->rows, outcome, after == NULL ? LEVEL_UNPRICED : after->level, values, nulls);
}

static void
put_reduced(Reduction *r, const Closing *closing, const Closed *closed, const Standing *before)
{
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];
	Decimal		buffer;

	memset(nulls, true, sizeof(nulls));
	plan_set(values, nulls, REDUCTION_CONTRACT, symbol_datum(&closing->line->position.symbol));
	if (closing->sides[SIDE_LONG] != closing->sides[SIDE_SHORT])
		plan_set(values, nulls, REDUCTION_SIDE,
				 plan_enum(&r->rows, REDUCTION_SIDE, side_names[closing->sides[SIDE_SHORT]]));
	plan_set_amount(values, nulls, REDUCTION_QUANTITY, &closed->quantity);
	plan_set_amount(values, nulls, REDUCTION_PRICE, dec_flat(&closing->line->terms->mark, r->market, &buffer));
	plan_set_amount(values, nulls, REDUCTION_NOTIONAL, &closed->notional);
	plan_set_amount(values, nulls, REDUCTION_FEE, &closed->fee);
	plan_set_amount(values, nulls, REDUCTION_REALIZED_PNL, &closed->profit);
	set_standings(values, nulls, before, &r->now);
	plan_put_row(&r->rows, "reduced", r->now.level, values, nulls);
}

/* An amount that lasts. */
static void
keep(const Reduction *r, Decimal *amount)
{
	Decimal		kept = DEC_ZERO;

	dec_copy_into(&kept, amount, r->context);
	*amount = kept;
}

/* Keeps what a change of one position has changed: itself, the asset in which it settles, and the totals. */
static void
keep_changed(Reduction *r, PositionLine *line)
{
	Valuation  *v = &r->v;
	AssetLine  *settle = line->booked;
	Decimal    *changed[] = {
		&line->notional[SIDE_LONG], &line->notional[SIDE_SHORT], &line->pnl, &line->maintenance, &line->initial,
		&settle->balance, &settle->equity, &settle->pnl, &settle->maintenance, &settle->initial, &settle->order_margin,
		&settle->order_loss, &settle->collateral_value, &settle->liability, &settle->liability_maintenance,
		&v->equity, &v->collateral_value, &v->liabilities, &v->initial_margin, &v->maintenance_margin,
		&v->position_maintenance, &v->position_initial, &v->debt_maintenance, &v->order_margin, &v->order_loss,
		&v->judged_equity
	};

	for (int i = 0; i < (int) lengthof(changed); i++)
		keep(r, changed[i]);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		PositionSide *side = &line->position.sides[i];

		if (dec_is_zero(&side->quantity))
			continue;
		keep(r, &side->quantity);
		keep(r, &side->cost);
		keep(r, &side->margin);
		keep(r, &line->cost[i]);
	}
}

/* How the account stands now. */
static void
take_stock(Reduction *r)
{
	MemoryContext caller;

	r->stock = 1 - r->stock;
	MemoryContextReset(r->stocks[r->stock]);
	caller = MemoryContextSwitchTo(r->stocks[r->stock]);
	reduction_stand(&r->now, r, &r->v);
	MemoryContextSwitchTo(caller);
}

/* Carries a step out, the last one no further than needed. */
static void
take_step(Reduction *r, Closing *closing)
{
	MemoryContext caller = MemoryContextSwitchTo(r->trial);
	Standing	before = r->now;
	Decimal		equity = closing->line->booked->equity;
	Closed		closed;

	closing_shorten(r, closing);
	closing_book(&closed, r, closing);
	keep_changed(r, closing->line);
	take_stock(r);
	put_reduced(r, closing, &closed, &before);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(r->trial);
	reduction_update(r, closing->line, &equity);
}

/* ---------- cancelling ---------- */

/* Contracts and value of the orders in a contract; the value in its settlement asset. */
static void
sum_orders(Decimal *contracts, Decimal *value, const Reduction *r, const PositionLine *line)
{
	*contracts = *value = DEC_ZERO;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const OrderList *list = &line->position.orders->sides[i];

		for (int k = 0; k < list->count; k++)
		{
			Decimal		one;

			order_value(&one, &list->levels[k], i, line->terms, r->market);
			dec_add(contracts, contracts, &list->levels[k].quantity);
			dec_add(value, value, &one);
		}
	}
}

/* Cancels all orders in a contract. */
static void
cancel(Reduction *r, PositionLine *line)
{
	MemoryContext caller = MemoryContextSwitchTo(r->trial);
	Standing	before = r->now;
	Position	position = line->position;
	Decimal		balance = line->booked->balance;
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];
	Decimal		contracts;
	Decimal		value;

	memset(nulls, true, sizeof(nulls));
	sum_orders(&contracts, &value, r, line);
	plan_set(values, nulls, REDUCTION_CONTRACT, symbol_datum(&line->position.symbol));
	plan_set_amount(values, nulls, REDUCTION_QUANTITY, &contracts);
	plan_set_amount(values, nulls, REDUCTION_NOTIONAL, &value);
	position.orders = NULL;
	bound_replace(r->bound, line, &position, &balance);
	keep_changed(r, line);
	take_stock(r);
	set_standings(values, nulls, &before, &r->now);
	plan_put_row(&r->rows, "cancelled", r->now.level, values, nulls);
	MemoryContextSwitchTo(caller);
	MemoryContextReset(r->trial);
}

static int
compare_lines(const void *a, const void *b)
{
	return symbol_cmp(&(*(PositionLine *const *) a)->position.symbol, &(*(PositionLine *const *) b)->position.symbol);
}

/* Cancels all orders, by contract in byte order. */
static void
cancel_all(Reduction *r)
{
	PositionLine **ordered = palloc(Max(1, r->v.npositions) * sizeof(PositionLine *));
	int			count = 0;

	for (int i = 0; i < r->v.npositions; i++)
	{
		if (r->v.positions[i].position.orders != NULL)
			ordered[count++] = &r->v.positions[i];
	}
	qsort(ordered, count, sizeof(PositionLine *), compare_lines);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		cancel(r, ordered[i]);
	}
	pfree(ordered);
}

/* ---------- the whole ---------- */

PG_FUNCTION_INFO_V1(margin_reduction_plan);

/* reduction_plan(portfolio, market, lot numeric) */
Datum
margin_reduction_plan(PG_FUNCTION_ARGS)
{
	Reduction	r = {.context = CurrentMemoryContext};
	Standing	begun;
	Closing		closing;
	Decimal		buffer;

	plan_begin(&r.rows, fcinfo, REDUCTION_COLUMNS, REDUCTION_LEVEL);
	if (!dec_from_input(&r.lot, PG_GETARG_DATUM(2)))
		dec_bad_input(PG_GETARG_DATUM(2), "lot");
	if (dec_sign(&r.lot) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lot must be greater than 0: %s", dec_text(&r.lot))));
	r.market = market_of_call(fcinfo, 1);
	r.threshold = *dec_flat(&r.market->thresholds[THRESHOLD_LIQUIDATION], r.market, &buffer);
	r.scratch = AllocSetContextCreate(CurrentMemoryContext, "reduction plan", ALLOCSET_DEFAULT_SIZES);
	r.trial = AllocSetContextCreate(CurrentMemoryContext, "reduction plan, a closing", ALLOCSET_DEFAULT_SIZES);
	for (int i = 0; i < (int) lengthof(r.stocks); i++)
		r.stocks[i] = AllocSetContextCreate(CurrentMemoryContext, "reduction plan, as it stands", ALLOCSET_DEFAULT_SIZES);

	r.bound = bind_portfolio(&r.v, PG_GETARG_DATUM(0), r.market, VALUE_MAINTENANCE | VALUE_LINES);
	value_bound(r.bound, market_assets(r.market), market_contracts(r.market));
	if (r.v.level == LEVEL_UNPRICED)
		put_summary(&r, "unpriced", NULL, NULL);
	if (!is_undercollateralized(r.v.level))
		return (Datum) 0;
	take_stock(&r);
	reduction_stand(&begun, &r, &r.v);
	cancel_all(&r);
	reduction_open(&r);
	while (is_undercollateralized(r.now.level) && reduction_find(&r, &closing))
		take_step(&r, &closing);
	put_summary(&r, is_undercollateralized(r.now.level) ? "exhausted" : "recovered", &begun, &r.now);
	return (Datum) 0;
}
