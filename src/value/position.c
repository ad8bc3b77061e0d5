/*
 * position.c
 *		What one contract requires: netting, maintenance and initial requirement (SPEC 3.5, 3.7).
 */
#include "postgres.h"

#include "value/position.h"

/* Notionals, profit (SPEC 3.1, 3.5) and the loss of orders: m*M*(L - S) - m*(KL - KS), most positions having one side. */
void
mark_position(PositionLine *line, const Market *market)
{
	Decimal		buffer;
	const Decimal *unit = dec_flat(&line->terms->unit_notional, market, &buffer);

	line->pnl = DEC_ZERO;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const PositionSide *side = &line->position.sides[i];
		Decimal		pnl;

		if (dec_is_zero(&side->quantity))
		{
			line->notional[i] = DEC_ZERO;
			continue;
		}
		dec_mul(&line->notional[i], unit, &side->quantity);
		side_gain(&pnl, i, &line->notional[i], &line->cost[i]);
		if (i == SIDE_LONG)
			line->pnl = pnl;
		else
			dec_add(&line->pnl, &line->pnl, &pnl);
	}
	if (unlikely(line->position.orders != NULL))
		orders_loss(&line->order_loss, line->position.orders, line->terms, market);
}

/* ---------- legs ---------- */

/* Margin quantity of the difference of two sides: MX * |L - S| / X, rounded up at the 18th decimal (SPEC 3.7). */
static void
net_margin(Decimal *r, const PositionSide *sides, PortfolioSide larger, const Decimal *difference)
{
	dec_mul(r, difference, &sides[larger].margin);
	dec_div_ceil18(r, r, &sides[larger].quantity);
}

/* What is left of the larger side. */
static void
net_leg(Leg *leg, const PositionLine *line, PortfolioSide larger, Decimal *margin)
{
	const PositionSide *sides = line->position.sides;

	dec_sub(&leg->notional, &line->notional[larger], &line->notional[1 - larger]);
	dec_sub(&leg->contracts, &sides[larger].quantity, &sides[1 - larger].quantity);
	leg->present = !dec_is_zero(&leg->contracts);
	if (leg->present && !dec_is_zero(margin))
		net_margin(margin, sides, larger, &leg->contracts);
}

/* What is held, as legs; their leverage amounts only if they are asked for. */
static void
held_legs(Leg legs[2], const PositionLine *line, const Market *market, bool margins)
{
	const PositionSide *sides = line->position.sides;
	bool		nets = line->terms->netting == NETTING_NET;
	PortfolioSide larger = nets ? larger_side(sides) : SIDE_LONG;

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Leg		   *leg = &legs[i];
		Decimal		margin = sides[i].margin;
		Decimal		buffer;

		leg->present = !dec_is_zero(&sides[i].quantity) && (!nets || i == (int) larger);
		if (!leg->present)
			continue;
		if (nets && !dec_is_zero(&sides[1 - i].quantity))
			net_leg(leg, line, larger, &margin);
		else
		{
			leg->notional = line->notional[i];
			leg->contracts = sides[i].quantity;
		}
		if (margins && !dec_is_zero(&margin))
			dec_mul(&leg->leverage, dec_flat(&line->terms->unit_notional, market, &buffer), &margin);
		else
			leg->leverage = DEC_ZERO;
	}
}

/* ---------- requirements ---------- */

/* r = max(r, a); did it rise? */
static inline bool
raise_to(Decimal *r, const Decimal *a)
{
	bool		rises = dec_cmp(r, a) < 0;

	if (rises)
		*r = *a;
	return rises;
}

/* A schedule by contracts, at the mark: m * M * T(q) (SPEC 2) */
static void
apply_by_contracts(Decimal *r, const MarketContract *contract, const Market *market, uint32 schedule, const Decimal *contracts)
{
	Decimal		buffer;

	schedule_apply(r, market_schedule(market, schedule), contracts);
	dec_mul(r, r, dec_flat(&contract->unit_notional, market, &buffer));
}

static inline void
add_fee(Decimal *r, const Decimal *fee, const Market *market, const Decimal *notional)
{
	Decimal		buffer;

	if (!dec_is_zero(fee))
		dec_add_product(r, dec_flat(fee, market, &buffer), notional);
}

/* req(N) = T(N) + f * N (SPEC 3.5) */
static inline void
leg_maintenance(Decimal *r, const MarketContract *contract, const Market *market, const Leg *leg)
{
	if (likely(contract->tier_unit == TIERS_IN_NOTIONAL))
	{
		schedule_apply(r, market_schedule(market, contract->requirement), &leg->notional);
		return;
	}
	apply_by_contracts(r, contract, market, contract->maintenance, &leg->contracts);
	add_fee(r, &contract->closing_fee, market, &leg->notional);
}

/* max(req(N), I(N) + g * N, A + g * N), and which of them it is (SPEC 3.7) */
static InitialReason
leg_initial(Decimal *r, const MarketContract *contract, const Market *market, const Leg *leg, const Decimal *required)
{
	InitialReason reason = INITIAL_BY_RATE;
	Decimal		opened = DEC_ZERO;

	if (contract->initial != 0 && contract->tier_unit == TIERS_IN_NOTIONAL)
		schedule_apply(&opened, market_schedule(market, contract->initial), &leg->notional);
	else if (contract->initial != 0)
		apply_by_contracts(&opened, contract, market, contract->initial, &leg->contracts);
	if (!dec_is_zero(&leg->leverage) && raise_to(&opened, &leg->leverage))
		reason = INITIAL_BY_LEVERAGE;
	add_fee(&opened, &contract->opening_fee, market, &leg->notional);
	*r = *required;
	return raise_to(r, &opened) ? reason : INITIAL_BY_MAINTENANCE;
}

/* Requirements of two legs make one: the sum, or the larger. */
static inline void
put_together(Decimal *r, const Decimal *other, const MarketContract *contract)
{
	if (contract->netting == NETTING_LEG)
		dec_add(r, r, other);
	else
		raise_to(r, other);
}

static void
require_legs(Decimal *maintenance, Decimal *initial, const Leg legs[2], const MarketContract *contract, const Market *market, bool margins)
{
	bool		first = true;

	*maintenance = *initial = DEC_ZERO;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Decimal		required;
		Decimal		opened = DEC_ZERO;

		if (!legs[i].present)
			continue;
		leg_maintenance(&required, contract, market, &legs[i]);
		if (margins)
			leg_initial(&opened, contract, market, &legs[i], &required);
		if (first)
		{
			*maintenance = required;
			*initial = opened;
		}
		else
		{
			put_together(maintenance, &required, contract);
			put_together(initial, &opened, contract);
		}
		first = false;
	}
}

/* Both requirements of a position with a mark and a maintenance schedule, with what its orders add. */
void
require_position(PositionLine *line, const Market *market, bool margins)
{
	Leg			held[2];
	Leg			ordered[2];
	Decimal		maintenance;
	Decimal		initial;

	held_legs(held, line, market, margins);
	require_legs(&line->maintenance, &line->initial, held, line->terms, market, margins);
	if (likely(line->position.orders == NULL))
		return;
	ordered_legs(ordered, held, line, market);
	require_legs(&maintenance, &initial, ordered, line->terms, market, margins);
	if (line->terms->order_maintenance)
		line->maintenance = maintenance;
	dec_sub(&line->order_margin, &initial, &line->initial);
	line->initial = initial;
	Assert(dec_sign(&line->order_margin) >= 0);
}

/* ---------- the legs by themselves ---------- */

/* Of two legs of which the larger requirement counts: which it is, of equals the larger side. */
static void
leave_smaller(LegRequirement legs[2], PortfolioSide larger)
{
	int			m = dec_cmp(&legs[SIDE_LONG].maintenance, &legs[SIDE_SHORT].maintenance);
	int			i = dec_cmp(&legs[SIDE_LONG].initial, &legs[SIDE_SHORT].initial);

	legs[SIDE_LONG].maintains = m > 0 || (m == 0 && larger == SIDE_LONG);
	legs[SIDE_SHORT].maintains = !legs[SIDE_LONG].maintains;
	legs[SIDE_LONG].opens = i > 0 || (i == 0 && larger == SIDE_LONG);
	legs[SIDE_SHORT].opens = !legs[SIDE_LONG].opens;
}

/*
 * What the two legs of a position that lacks nothing require, and which of
 * them count; with orders: once those of a leg have filled.
 */
void
position_legs(LegRequirement legs[2], const PositionLine *line, const Market *market, bool with_orders)
{
	const MarketContract *contract = line->terms;
	PortfolioSide larger = larger_side(line->position.sides);
	Leg			held[2];
	Leg			ordered[2];

	held_legs(held, line, market, true);
	with_orders &= line->position.orders != NULL;
	if (with_orders)
		ordered_legs(ordered, held, line, market);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		LegRequirement *leg = &legs[i];

		leg->leg = with_orders ? ordered[i] : held[i];
		leg->maintenance = leg->initial = DEC_ZERO;
		leg->reason = INITIAL_BY_MAINTENANCE;
		/* of sides that net to nothing the nothing counts */
		leg->maintains = leg->opens = leg->leg.present ||
			(contract->netting == NETTING_NET && i == (int) larger && !dec_is_zero(&line->position.sides[i].quantity));
		if (!leg->leg.present)
		{
			leg->leg.notional = leg->leg.contracts = leg->leg.leverage = DEC_ZERO;
			continue;
		}
		leg_maintenance(&leg->maintenance, contract, market, &leg->leg);
		leg->reason = leg_initial(&leg->initial, contract, market, &leg->leg, &leg->maintenance);
	}
	if (contract->netting == NETTING_LARGER || (with_orders && contract->netting == NETTING_NET))
		leave_smaller(legs, larger);
}
