/*
 * solve_bends.c
 *		Where what decides about an account bends while a price moves.
 *
 * Equity and maintenance bend where the equity of an asset changes its sign, and where an amount meets a
 * bound of the schedule that applies to it.  Open orders that count, and the rule
 * for debts, add
 *
 * - every limit price: an order is worth, and would lose, something else on its two sides;
 * - the bounds of what a leg would be with the orders filled, which is linear between those prices;
 * - where two amounts are equal and only the larger counts: the two legs, and what the rate, the
 *   leverage and the maintenance ask for, each linear between such bounds;
 * - where what positions and what debts require are equal, if only the larger of these counts.
 *
 * A search wants the last of all these prices: the last two are a round each, each linear
 * behind the last price of those before.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "question/solve_bends.h"

/* ---------- orders that count ---------- */

static inline bool
takes_margin(const Market *market)
{
	return (market->orders_reduce_equity & REDUCE_MARGIN) != 0;
}

/* Do the legs with the orders filled decide anything? */
static inline bool
legs_count(const PositionLine *line, const Market *market)
{
	return line->position.orders != NULL && (line->terms->order_maintenance || takes_margin(market));
}

static inline bool
losses_count(const PositionLine *line, const Market *market)
{
	return line->position.orders != NULL && (market->orders_reduce_equity & REDUCE_LOSS) != 0;
}

/*
 * Need the prices at which the account is safe not be an interval?  What orders require, a difference of two
 * convex functions, may rise and fall; and what they take of the equity is
 * of no matter where nothing is required.
 */
bool
orders_fold(const Account *account)
{
	const Valuation *v = &account->v;

	for (int i = 0; i < v->npositions; i++)
	{
		if (v->positions[i].position.orders != NULL)
			return account->market->orders_reduce_equity != REDUCE_NOTHING;
	}
	return false;
}

/* ---------- measures ---------- */

int
measure_bounds(const Measure *measure)
{
	if (measure->schedule != NULL)
		return measure->schedule->count;
	return measure->orders != NULL ? measure->orders->count : 1;
}

Decimal
measure_bound(const Measure *measure, int number)
{
	Decimal		buffer;

	if (measure->schedule != NULL)
		return *dec_flat(&measure->schedule->tiers[number].bound, measure->schedule, &buffer);
	return measure->orders != NULL ? measure->orders->levels[number].price : DEC_ZERO;
}

static inline void
put_measure(Measure **to, const Schedule *schedule, const OrderList *orders, const Decimal *amount)
{
	Measure    *measure = (*to)++;
	Decimal		last;

	measure->schedule = schedule;
	measure->orders = orders;
	measure->amount = measure->last = DEC_ZERO;
	dec_copy_into(&measure->amount, amount, CurrentMemoryContext);
	if (schedule == NULL && orders == NULL)
		return;
	last = measure_bound(measure, measure_bounds(measure) - 1);
	dec_copy_into(&measure->last, &last, CurrentMemoryContext);
}

#define ASSET_MEASURES 3
#define POSITION_MEASURES 6
#define ORDERED_MEASURES 4

static void
measure_asset(Measure **to, const AssetLine *line, const Market *market)
{
	Decimal		debt;
	Decimal		tiered;

	tiered_amount(&tiered, line, market);
	dec_neg(&debt, &line->equity);
	put_measure(to, NULL, NULL, &line->equity);
	put_measure(to, market_schedule(market, line->terms->tiers), NULL, &tiered);
	put_measure(to, market_schedule(market, line->terms->liability_maintenance), NULL, &debt);
}

/* What is held, where a schedule by notional applies. */
static void
measure_held(Measure **to, const PositionLine *line, const Market *market, const Schedule *schedule)
{
	Decimal		net;

	if (schedule == NULL || line->terms->tier_unit != TIERS_IN_NOTIONAL)
		return;
	if (line->terms->netting == NETTING_NET)
	{
		dec_sub(&net, &line->notional[SIDE_LONG], &line->notional[SIDE_SHORT]);
		dec_abs(&net, &net);
		put_measure(to, schedule, NULL, &net);
		return;
	}
	put_measure(to, schedule, NULL, &line->notional[SIDE_LONG]);
	put_measure(to, schedule, NULL, &line->notional[SIDE_SHORT]);
}

/* The mark, at each limit price: a buy changes there what it would lose, a sell what it is worth, too. */
static void
measure_orders(Measure **to, const PositionLine *line, const Market *market)
{
	bool		loses = losses_count(line, market);
	bool		counts = loses || legs_count(line, market);
	Decimal		buffer;
	const Decimal *mark = dec_flat(&line->terms->mark, market, &buffer);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const OrderList *list = &line->position.orders->sides[i];

		if (list->count > 0 && (i == SIDE_LONG ? loses : counts))
			put_measure(to, NULL, list, mark);
	}
}

/* The measures of the last valuation, always in the same order. */
Measure *
list_measures(const Account *account, int *count)
{
	const Valuation *v = &account->v;
	const Market *market = account->market;
	Measure    *measures = palloc((v->nassets * ASSET_MEASURES + v->npositions * POSITION_MEASURES) * sizeof(Measure));
	Measure    *to = measures;

	for (int i = 0; i < v->nassets; i++)
	{
		if (v->assets[i].terms != NULL)
			measure_asset(&to, &v->assets[i], market);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];

		measure_held(&to, line, market, market_schedule(market, line->terms->requirement));
		if (line->position.orders == NULL)
			continue;
		if (takes_margin(market))
			measure_held(&to, line, market, market_schedule(market, line->terms->initial));
		measure_orders(&to, line, market);
	}
	*count = to - measures;
	return measures;
}

/* Legs with the orders filled, at the bounds of the schedules by notional: linear behind all limit prices, in the same order. */
Measure *
list_ordered_measures(const Account *account, int *count)
{
	const Valuation *v = &account->v;
	const Market *market = account->market;
	Measure    *measures = palloc(Max(v->npositions, 1) * ORDERED_MEASURES * sizeof(Measure));
	Measure    *to = measures;

	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		LegRequirement legs[2];

		CHECK_FOR_INTERRUPTS();
		if (!legs_count(line, market) || line->terms->tier_unit != TIERS_IN_NOTIONAL)
			continue;
		position_legs(legs, line, market, true);
		for (int k = SIDE_LONG; k <= SIDE_SHORT; k++)
		{
			const Schedule *initial = market_schedule(market, line->terms->initial);

			put_measure(&to, market_schedule(market, line->terms->requirement), NULL, &legs[k].leg.notional);
			if (takes_margin(market) && initial != NULL)
				put_measure(&to, initial, NULL, &legs[k].leg.notional);
		}
	}
	*count = to - measures;
	Assert(*count <= v->npositions * ORDERED_MEASURES);
	return measures;
}

/* ---------- rounds ---------- */

/* An amount less the bounds of a schedule, if there is one. */
void
differ_from_bounds(DecimalList *differences, const Schedule *schedule, const Decimal *amount)
{
	for (int i = 0; schedule != NULL && i < schedule->count; i++)
	{
		Decimal		buffer;
		Decimal		difference;

		dec_sub(&difference, amount, dec_flat(&schedule->tiers[i].bound, schedule, &buffer));
		decimal_list_add(differences, &difference);
	}
}

/* Each two of some amounts. */
static void
differ_pairs(DecimalList *differences, const Decimal *amounts, int count)
{
	for (int i = 0; i < count; i++)
	{
		for (int k = i + 1; k < count; k++)
		{
			Decimal		difference;

			dec_sub(&difference, &amounts[i], &amounts[k]);
			decimal_list_add(differences, &difference);
		}
	}
}

/* All amounts; legs require the largest of them to open: of each by itself, or of both. */
void
differ_opening(DecimalList *differences, const LegRequirement legs[2], const MarketContract *contract, const Market *market)
{
	Decimal		amounts[2 * INITIAL_REASONS];

	opening_amounts(amounts, &legs[SIDE_LONG], contract, market);
	opening_amounts(amounts + INITIAL_REASONS, &legs[SIDE_SHORT], contract, market);
	if (contract->netting == NETTING_LEG)
	{
		differ_pairs(differences, amounts, INITIAL_REASONS);
		differ_pairs(differences, amounts + INITIAL_REASONS, INITIAL_REASONS);
	}
	else
		differ_pairs(differences, amounts, 2 * INITIAL_REASONS);
}

/*
 * Amounts whose largest counts.  Of what is held without orders it is always the same
 * leg that requires more maintenance, as both are in proportion to the mark.
 */
static void
differ_amounts(const Account *account, DecimalList *differences)
{
	const Valuation *v = &account->v;
	const Market *market = account->market;

	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		LegRequirement legs[2];

		CHECK_FOR_INTERRUPTS();
		if (!legs_count(line, market))
			continue;
		position_legs(legs, line, market, true);
		if (takes_margin(market))
		{
			differ_opening(differences, legs, line->terms, market);
			position_legs(legs, line, market, false);
			differ_opening(differences, legs, line->terms, market);
		}
		else if (line->terms->netting != NETTING_LEG)
		{
			Decimal		difference;

			dec_sub(&difference, &legs[SIDE_LONG].maintenance, &legs[SIDE_SHORT].maintenance);
			decimal_list_add(differences, &difference);
		}
	}
}

/* What positions and what debts require. */
static void
differ_sums(const Account *account, DecimalList *differences)
{
	Decimal		difference;

	dec_sub(&difference, &account->v.position_maintenance, &account->v.debt_maintenance);
	decimal_list_add(differences, &difference);
}

/* The rounds that an account needs, each where the ones before have made its differences linear. */
BendRounds
bend_rounds(const Account *account)
{
	const Valuation *v = &account->v;
	BendRounds	rounds = {0};

	for (int i = 0; i < v->npositions && rounds.count == 0; i++)
	{
		if (!legs_count(&v->positions[i], account->market))
			continue;
		rounds.list[rounds.count++] = differ_amounts;
	}
	if (account->market->liability_rule == LIABILITY_LARGER)
		rounds.list[rounds.count++] = differ_sums;
	return rounds;
}
