/*
 * position.h
 *		What a position and the open orders in one contract bring and require (SPEC 3.1, 3.5, 3.7, 3.11).
 *
 * Amounts are in the settlement asset and exact.  Netting is written once, as
 * two legs and how their requirements make one.
 */
#ifndef MARGIN_POSITION_H
#define MARGIN_POSITION_H

#include "value/market.h"
#include "value/portfolio.h"

struct AssetLine;

/* One contract with a position or an order. */
typedef struct PositionLine
{
	Position	position;		/* first: its symbol is */
	int			contract;		/* its number in the market, -1: unknown */
	struct AssetLine *booked;	/* line of its settlement asset; NULL: unknown contract */
	const MarketContract *terms;	/* NULL: the market does not know it */
	const MarketAsset *settle;	/* NULL: nor its settlement asset */
	bool		missing;		/* unknown, without mark or without maintenance */
	bool		settle_missing; /* settlement asset unknown or without price */
	Decimal		cost[2];		/* by PortfolioSide, of sides with quantity: size * entry cost */
	Decimal		notional[2];	/* these need a mark */
	Decimal		pnl;
	Decimal		order_loss;		/* what the orders would lose if they filled now */
	Decimal		maintenance;	/* these the maintenance schedule too */
	Decimal		initial;		/* with orders */
	Decimal		order_margin;	/* what of it is for them */
} PositionLine;

/* What a requirement is taken on. */
typedef struct Leg
{
	bool		present;		/* else there is nothing in it */
	Decimal		notional;
	Decimal		contracts;
	Decimal		leverage;		/* what the chosen leverages ask for */
} Leg;

/* What an initial requirement is: the largest of these, of equals the first. */
typedef enum InitialReason
{
	INITIAL_BY_MAINTENANCE,
	INITIAL_BY_RATE,
	INITIAL_BY_LEVERAGE
} InitialReason;

#define INITIAL_REASONS 3

/* What one leg requires. */
typedef struct LegRequirement
{
	Leg			leg;			/* netting "net": what the other side leaves of the larger one */
	Decimal		maintenance;
	Decimal		initial;
	InitialReason reason;
	bool		maintains;		/* does its maintenance count, or does the netting leave it out? */
	bool		opens;			/* and its initial requirement? */
} LegRequirement;

/* Profit of one side: what it is worth at a price, less what it cost, all in the settlement asset. */
static inline void
side_gain(Decimal *r, PortfolioSide side, const Decimal *notional, const Decimal *cost)
{
	if (side == SIDE_LONG)
		dec_sub(r, notional, cost);
	else
		dec_sub(r, cost, notional);
}

/* The same from its entry cost (SPEC 3.1). */
static inline void
side_profit(Decimal *r, PortfolioSide side, const Decimal *notional, const Decimal *size, const Decimal *entry_cost)
{
	Decimal		cost;

	dec_mul(&cost, size, entry_cost);
	side_gain(r, side, notional, &cost);
}

static inline PortfolioSide
larger_side(const PositionSide *sides)
{
	return dec_cmp(&sides[SIDE_LONG].quantity, &sides[SIDE_SHORT].quantity) >= 0 ? SIDE_LONG : SIDE_SHORT;
}

extern void require_position(PositionLine *line, const Market *market, bool margins);
extern void position_legs(LegRequirement legs[2], const PositionLine *line, const Market *market, bool with_orders);
extern void opening_amounts(Decimal amounts[INITIAL_REASONS], const LegRequirement *leg, const MarketContract *contract, const Market *market);

/* Of order.c: the legs once the orders of each one's side have filled, and what that loses. */
extern void ordered_legs(Leg legs[2], const Leg held[2], const PositionLine *line, const Market *market);
extern bool take_closing(OrderLevel *level, Decimal *closes);
extern void order_value(Decimal *r, const OrderLevel *level, PortfolioSide side, const MarketContract *contract, const Market *market);
extern void order_loss(Decimal *r, const OrderLevel *level, PortfolioSide side, const MarketContract *contract, const Market *market);
extern void orders_loss(Decimal *r, const Orders *orders, const MarketContract *contract, const Market *market);

/* Notionals, profit (SPEC 3.1, 3.5) and the loss of orders: m*M*(L - S) - m*(KL - KS), most positions having one side. */
static inline void
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

#endif							/* MARGIN_POSITION_H */
