/*
 * order.c
 *		What open orders in one contract require and would lose (SPEC 3.11).
 *
 * All buys, all sells, or both, are taken as filled in full, whichever the
 * netting makes worst.  With netting "net" an order first closes what is held
 * on the other side: of those the orders that fill first are left out, buys
 * from the highest price, sells from the lowest.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "value/position.h"

/* What an order is taken to fill at: a sell at the mark if that is higher. */
static const Decimal *
fill_price(const OrderLevel *level, PortfolioSide side, const Decimal *mark)
{
	return side == SIDE_SHORT && dec_cmp(mark, &level->price) > 0 ? mark : &level->price;
}

/* Value of an order: size * quantity * price at which it is taken to fill. */
void
order_value(Decimal *r, const OrderLevel *level, PortfolioSide side, const MarketContract *contract, const Market *market)
{
	Decimal		mark_buffer;
	Decimal		size_buffer;

	dec_mul(r, fill_price(level, side, dec_flat(&contract->mark, market, &mark_buffer)), &level->quantity);
	dec_mul(r, r, dec_flat(&contract->size, market, &size_buffer));
}

/* What an order would lose at once if it filled at its price: a buy above the mark, a sell below it. */
void
order_loss(Decimal *r, const OrderLevel *level, PortfolioSide side, const MarketContract *contract, const Market *market)
{
	Decimal		buffer;
	const Decimal *mark = dec_flat(&contract->mark, market, &buffer);

	if (side == SIDE_LONG)
		dec_sub(r, &level->price, mark);
	else
		dec_sub(r, mark, &level->price);
	if (dec_sign(r) <= 0)
	{
		*r = DEC_ZERO;
		return;
	}
	dec_mul(r, r, &level->quantity);
	dec_mul(r, r, dec_flat(&contract->size, market, &buffer));
}

void
orders_loss(Decimal *r, const Orders *orders, const MarketContract *contract, const Market *market)
{
	*r = DEC_ZERO;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		for (int k = 0; k < orders->sides[i].count; k++)
		{
			Decimal		loss;

			CHECK_FOR_INTERRUPTS();
			order_loss(&loss, &orders->sides[i].levels[k], i, contract, market);
			dec_add(r, r, &loss);
		}
	}
}

/* Takes from an order what closes of the "closes" contracts that are still to close; false if nothing remains. */
bool
take_closing(OrderLevel *level, Decimal *closes)
{
	Decimal		rest;

	if (dec_is_zero(closes))
		return true;
	dec_sub(&rest, &level->quantity, closes);
	if (dec_sign(&rest) <= 0)
	{
		dec_sub(closes, closes, &level->quantity);
		return false;
	}
	*closes = DEC_ZERO;
	dec_mul(&level->margin, &level->margin, &rest);
	dec_div_ceil18(&level->margin, &level->margin, &level->quantity);
	level->quantity = rest;
	return true;
}

/* Adds the orders of one side to a leg, but for the "closes" contracts that fill first. */
static void
add_orders(Leg *leg, const OrderList *list, PortfolioSide side, Decimal closes, const MarketContract *contract, const Market *market)
{
	Decimal		mark_buffer;
	Decimal		size_buffer;
	const Decimal *mark = dec_flat(&contract->mark, market, &mark_buffer);
	const Decimal *size = dec_flat(&contract->size, market, &size_buffer);
	Decimal		value = DEC_ZERO;
	Decimal		leverage = DEC_ZERO;

	for (int i = 0; i < list->count; i++)
	{
		OrderLevel	level = list->levels[side == SIDE_LONG ? list->count - 1 - i : i];
		const Decimal *price;

		CHECK_FOR_INTERRUPTS();
		if (!take_closing(&level, &closes))
			continue;
		price = fill_price(&level, side, mark);
		dec_add_product(&value, price, &level.quantity);
		dec_add_product(&leverage, price, &level.margin);
		dec_add(&leg->contracts, &leg->contracts, &level.quantity);
	}
	dec_add_product(&leg->notional, size, &value);
	dec_add_product(&leg->leverage, size, &leverage);
	leg->present = !dec_is_zero(&leg->contracts);
}

/* The legs of what is held, as the orders in the contract would make them. */
void
ordered_legs(Leg legs[2], const Leg held[2], const PositionLine *line, const Market *market)
{
	static const Leg empty = {false, {{0}, 0, 0}, {{0}, 0, 0}, {{0}, 0, 0}};
	bool		nets = line->terms->netting == NETTING_NET;

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const Leg  *other = &held[1 - i];

		legs[i] = held[i].present ? held[i] : empty;
		add_orders(&legs[i], &line->position.orders->sides[i], i, nets && other->present ? other->contracts : DEC_ZERO,
				   line->terms, market);
	}
}
