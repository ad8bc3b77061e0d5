/*
 * position.c
 *		What one contract requires: netting, maintenance and initial requirement (SPEC 3.5, 3.7).
 */
#include "postgres.h"

#include "value/position.h"

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

/* What is held on one side, as a leg, unless netting leaves nothing of it; its leverage amount only if it is asked for. */
static inline bool
held_leg(Leg *leg, const PositionLine *line, const Market *market, PortfolioSide side, PortfolioSide larger, bool margins)
{
	const PositionSide *sides = line->position.sides;
	bool		nets = line->terms->netting == NETTING_NET;
	Decimal		margin = sides[side].margin;
	Decimal		buffer;

	leg->present = !dec_is_zero(&sides[side].quantity) && (!nets || side == larger);
	if (!leg->present)
		return false;
	if (nets && !dec_is_zero(&sides[1 - side].quantity))
		net_leg(leg, line, side, &margin);
	else
	{
		leg->notional = line->notional[side];
		leg->contracts = sides[side].quantity;
	}
	if (margins && !dec_is_zero(&margin))
		dec_mul(&leg->leverage, dec_flat(&line->terms->unit_notional, market, &buffer), &margin);
	else
		leg->leverage = DEC_ZERO;
	return leg->present;
}

/* The side that netting "net" leaves something of. */
static inline PortfolioSide
netted_side(const PositionLine *line)
{
	return line->terms->netting == NETTING_NET ? larger_side(line->position.sides) : SIDE_LONG;
}

static void
held_legs(Leg legs[2], const PositionLine *line, const Market *market)
{
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
		held_leg(&legs[i], line, market, i, netted_side(line), true);
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

/* I(N) */
static inline void
leg_rate(Decimal *r, const MarketContract *contract, const Market *market, const Leg *leg)
{
	if (contract->initial == 0)
		*r = DEC_ZERO;
	else if (contract->tier_unit == TIERS_IN_NOTIONAL)
		schedule_apply(r, market_schedule(market, contract->initial), &leg->notional);
	else
		apply_by_contracts(r, contract, market, contract->initial, &leg->contracts);
}

/* max(req(N), I(N) + g * N, A + g * N), and which of them it is (SPEC 3.7) */
static InitialReason
leg_initial(Decimal *r, const MarketContract *contract, const Market *market, const Leg *leg, const Decimal *required)
{
	InitialReason reason = INITIAL_BY_RATE;
	Decimal		opened;

	leg_rate(&opened, contract, market, leg);
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

/* Adds what a leg requires to what the one before it does, if there was one. */
static inline void
require_leg(Decimal *maintenance, Decimal *initial, const Leg *leg, const MarketContract *contract, const Market *market, bool margins,
			bool first)
{
	Decimal		required;
	Decimal		opened;

	leg_maintenance(first ? maintenance : &required, contract, market, leg);
	if (margins)
		leg_initial(first ? initial : &opened, contract, market, leg, first ? maintenance : &required);
	if (first)
		return;
	put_together(maintenance, &required, contract);
	if (margins)
		put_together(initial, &opened, contract);
}

/* What orders add to both requirements; to the initial one only with "margins". */
static pg_noinline void
require_orders(PositionLine *line, const Market *market, bool margins)
{
	const MarketContract *contract = line->terms;
	Leg			held[2];
	Leg			ordered[2];
	Decimal		maintenance = DEC_ZERO;
	Decimal		initial = DEC_ZERO;
	bool		first = true;

	held_legs(held, line, market);
	ordered_legs(ordered, held, line, market);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		if (!ordered[i].present)
			continue;
		require_leg(&maintenance, &initial, &ordered[i], contract, market, true, first);
		first = false;
	}
	if (contract->order_maintenance)
		line->maintenance = maintenance;
	if (!margins)
		return;
	dec_sub(&line->order_margin, &initial, &line->initial);
	line->initial = initial;
	/* cancelling never hurts */
	Assert(dec_sign(&line->order_margin) >= 0);
}

/*
 * Both requirements of a position with a mark and a maintenance schedule, with
 * what its orders add; the initial requirement only with "margins".
 */
void
require_position(PositionLine *line, const Market *market, bool margins)
{
	PortfolioSide larger = netted_side(line);
	bool		first = true;

	line->maintenance = line->initial = DEC_ZERO;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		Leg			leg;

		if (!held_leg(&leg, line, market, i, larger, margins))
			continue;
		require_leg(&line->maintenance, &line->initial, &leg, line->terms, market, margins, first);
		first = false;
	}
	if (likely(line->position.orders == NULL))
		return;
	line->order_margin = DEC_ZERO;
	if (margins || line->terms->order_maintenance)
		require_orders(line, market, margins);
}

/* ---------- the legs by themselves ---------- */

/* Only the larger requirement of two legs counts; if they are equal, that of the larger side. */
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

	held_legs(held, line, market);
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

/* The amounts, by InitialReason; a leg requires the largest of them to open. */
void
opening_amounts(Decimal amounts[INITIAL_REASONS], const LegRequirement *leg, const MarketContract *contract, const Market *market)
{
	amounts[INITIAL_BY_MAINTENANCE] = leg->maintenance;
	amounts[INITIAL_BY_RATE] = amounts[INITIAL_BY_LEVERAGE] = DEC_ZERO;
	if (!leg->leg.present)
		return;
	leg_rate(&amounts[INITIAL_BY_RATE], contract, market, &leg->leg);
	amounts[INITIAL_BY_LEVERAGE] = leg->leg.leverage;
	add_fee(&amounts[INITIAL_BY_RATE], &contract->opening_fee, market, &leg->leg.notional);
	add_fee(&amounts[INITIAL_BY_LEVERAGE], &contract->opening_fee, market, &leg->leg.notional);
	Assert(dec_cmp(&amounts[leg->reason], &leg->initial) == 0);
}
