/*
 * solve_jumps.c
 *		What schedules that jump may add between two prices.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "question/solve_bends.h"
#include "question/solve_jumps.h"

/* One application of a schedule that jumps. */
typedef struct Jump
{
	Decimal		rate;			/* that applied */
	Decimal		rises;			/* what it applied to, in what the score adds, in USD, */
	Decimal		falls;			/* and in what it takes away */
} Jump;

struct Jumps
{
	MemoryContext context;		/* of this and all in it */
	int			count;
	int			capacity;
	Jump	   *list;
};

static inline bool
schedule_jumps(const Schedule *schedule)
{
	return schedule != NULL && schedule->method == TIER_WHOLE && schedule->count > 1;
}

/* Is there a schedule in it that jumps? */
bool
account_jumps(const Account *account)
{
	const Valuation *v = &account->v;
	const Market *market = account->market;

	for (int i = 0; i < v->nassets; i++)
	{
		const MarketAsset *terms = v->assets[i].terms;

		if (terms != NULL && schedule_jumps(market_schedule(market, terms->liability_maintenance)))
			return true;
	}
	for (int i = 0; i < v->npositions; i++)
	{
		const MarketContract *terms = v->positions[i].terms;

		if (terms->tier_unit == TIERS_IN_NOTIONAL &&
			(schedule_jumps(market_schedule(market, terms->requirement)) || schedule_jumps(market_schedule(market, terms->initial))))
			return true;
	}
	return false;
}

/* ---------- what has applied ---------- */

/* What a rate applied to counts for so much in what rises, and so much in what falls. */
typedef struct Weights
{
	Decimal		rise;
	Decimal		fall;
} Weights;

static void
note_jump(Jumps *jumps, const Schedule *schedule, const Decimal *amount, const Weights *weights)
{
	Jump	   *jump;
	Decimal		buffer;
	const Decimal *rate;

	/* of one account always the same */
	if (!schedule_jumps(schedule) || (dec_is_zero(&weights->rise) && dec_is_zero(&weights->fall)))
		return;
	if (jumps->count == jumps->capacity)
	{
		jumps->capacity = Max(16, 2 * jumps->capacity);
		jumps->list = jumps->list == NULL ? palloc(jumps->capacity * sizeof(Jump)) : repalloc(jumps->list, jumps->capacity * sizeof(Jump));
	}
	jump = &jumps->list[jumps->count++];
	memset(jump, 0, sizeof(*jump));
	rate = dec_flat(&schedule->tiers[schedule_find_tier(schedule, amount)].rate, schedule, &buffer);
	/* the market may be gone when this is read */
	dec_copy_into(&jump->rate, rate, CurrentMemoryContext);
	dec_mul(&jump->rises, amount, &weights->rise);
	dec_mul(&jump->falls, amount, &weights->fall);
}

/* Both schedules of a contract, for both legs. */
static void
note_legs(Jumps *jumps, const PositionLine *line, const Market *market, bool with_orders, const Weights *maintenance, const Weights *initial)
{
	LegRequirement legs[2];

	position_legs(legs, line, market, with_orders);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const Decimal *notional = &legs[i].leg.notional;

		note_jump(jumps, market_schedule(market, line->terms->requirement), notional, maintenance);
		note_jump(jumps, market_schedule(market, line->terms->requirement), notional, initial);
		note_jump(jumps, market_schedule(market, line->terms->initial), notional, initial);
	}
}

/* Maintenance of what is held, or of that with orders; of what these take both initial requirements that it is the difference of. */
static void
note_position(Jumps *jumps, const PositionLine *line, const Account *account)
{
	const Market *market = account->market;
	bool		ordered = line->position.orders != NULL;
	bool		takes = ordered && (market->orders_reduce_equity & REDUCE_MARGIN) != 0;
	bool		kept = ordered && line->terms->order_maintenance;
	Decimal		threshold = account_number(account, &market->thresholds[THRESHOLD_LIQUIDATION]);
	Decimal		buffer;
	const Decimal *price = dec_flat(&line->settle->requirement_price, market, &buffer);
	Weights		none = {DEC_ZERO, DEC_ZERO};
	Weights		maintains = {*price, DEC_ZERO};
	Weights		opens = none;
	Weights		held = none;

	if (line->terms->tier_unit != TIERS_IN_NOTIONAL)
		return;
	if (takes)
	{
		dec_mul(&opens.rise, price, &threshold);
		dec_mul(&held.fall, price, &threshold);
	}
	note_legs(jumps, line, market, false, kept ? &none : &maintains, &held);
	if (ordered)
		note_legs(jumps, line, market, true, kept ? &maintains : &none, &opens);
}

static void
note_debt(Jumps *jumps, const AssetLine *line, const Market *market)
{
	Decimal		buffer;
	Weights		weights = {DEC_ZERO, DEC_ZERO};
	Decimal		debt = DEC_ZERO;

	if (line->terms == NULL || !line->terms->priced)
		return;
	if (dec_sign(&line->equity) < 0)
		dec_neg(&debt, &line->equity);
	weights.rise = *dec_flat(&line->terms->high, market, &buffer);
	note_jump(jumps, market_schedule(market, line->terms->liability_maintenance), &debt, &weights);
}

/* What has applied in the last valuation, always in the same order. */
Jumps *
note_jumps(const Account *account)
{
	const Valuation *v = &account->v;
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "margin jumps", ALLOCSET_SMALL_SIZES);
	MemoryContext old = MemoryContextSwitchTo(context);
	Jumps	   *jumps = palloc0(sizeof(Jumps));

	jumps->context = context;
	for (int i = 0; i < v->nassets; i++)
		note_debt(jumps, &v->assets[i], account->market);
	for (int i = 0; i < v->npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		note_position(jumps, &v->positions[i], account);
	}
	MemoryContextSwitchTo(old);
	return jumps;
}

void
forget_jumps(Jumps *jumps)
{
	MemoryContextDelete(jumps->context);
}

/* ---------- what they may add ---------- */

/*
 * By how much more what rises would be here at the higher one of the rates here and there, and by how much
 * less what falls at the lower one.
 */
void
add_jumps(Decimal *rise, Decimal *fall, const Jumps *here, const Jumps *there)
{
	Assert(here->count == there->count);
	for (int i = 0; i < here->count; i++)
	{
		const Jump *jump = &here->list[i];
		Decimal		step;

		dec_sub(&step, &there->list[i].rate, &jump->rate);
		if (dec_sign(&step) > 0)
			dec_add_product(rise, &jump->rises, &step);
		else if (dec_sign(&step) < 0)
			dec_add_product(fall, &jump->falls, &step);
	}
}
