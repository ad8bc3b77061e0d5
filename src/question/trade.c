/*
 * trade.c
 *		Executions booked on a portfolio, as a venue books them.
 */
#include "postgres.h"

#include "fmgr.h"

#include "value/market.h"
#include "value/netting.h"
#include "value/valuation.h"
#include "question/trade.h"

/* part / whole of an amount >= 0, rounded up at the 18th decimal, at most all of it */
static void
share_up(Decimal *r, const Decimal *amount, const Decimal *part, const Decimal *whole)
{
	dec_mul(r, amount, part);
	dec_div_ceil18(r, r, whole);
	if (dec_cmp(r, amount) > 0)
		*r = *amount;
}

/* The same rounded down */
static void
share_down(Decimal *r, const Decimal *amount, const Decimal *part, const Decimal *whole)
{
	dec_mul(r, amount, part);
	dec_div_floor18(r, r, whole);
}

/*
 * Moves "quantity" > 0 of a side, at most all there is, from it to "taken",
 * with its share of entry cost and margin quantity.
 *
 * All of a side takes all that belongs to it.  Of a part, the cost that goes
 * is rounded at the 18th decimal against the profit that closing it realizes,
 * up for a long side and down for a short one, so that no profit is created;
 * of the margin quantity what stays is rounded up, as everywhere.  Nothing is
 * lost: the two parts sum to the side.
 */
void
position_take(PositionSide *taken, PositionSide *side, PortfolioSide index, const Decimal *quantity)
{
	PositionSide rest;

	if (dec_cmp(quantity, &side->quantity) >= 0)
	{
		*taken = *side;
		side->quantity = side->cost = side->margin = DEC_ZERO;
		return;
	}
	taken->quantity = *quantity;
	dec_sub(&rest.quantity, &side->quantity, quantity);
	if (index == SIDE_LONG)
		share_up(&taken->cost, &side->cost, quantity, &side->quantity);
	else
		share_down(&taken->cost, &side->cost, quantity, &side->quantity);
	dec_sub(&rest.cost, &side->cost, &taken->cost);
	share_up(&rest.margin, &side->margin, &rest.quantity, &side->quantity);
	dec_sub(&taken->margin, &side->margin, &rest.margin);
	*side = rest;
}

/* Closes up to "quantity" > 0 of a side at a price: what that brings, in the settlement asset; the rest is returned. */
void
position_close(Decimal *profit, PositionSide *side, PortfolioSide index, const Decimal *quantity, const Decimal *size,
			   const Decimal *price, Decimal *rest)
{
	PositionSide taken;
	Decimal		notional;

	position_take(&taken, side, index, quantity);
	dec_sub(rest, quantity, &taken.quantity);
	dec_mul(&notional, size, price);
	dec_mul(&notional, &notional, &taken.quantity);
	side_profit(profit, index, &notional, size, &taken.cost);
}

/* The same of a portfolio, booked on the balance of the settlement asset. */
static void
close_side(Netting *netting, const Market *market, const MarketContract *contract, PositionSide *side,
		   PortfolioSide index, const Decimal *quantity, const Decimal *price, Decimal *rest)
{
	Symbol		settle = market_symbol(market, &contract->settle);
	Decimal		buffer;
	Decimal		profit;

	position_close(&profit, side, index, quantity, dec_flat(&contract->size, market, &buffer), price, rest);
	netting_add_balance(netting, &settle, &profit);
}

PG_FUNCTION_INFO_V1(margin_trade);

/* trade(portfolio, market, contract text, quantity, price, leverage numeric): null for null, but leverage may be null */
Datum
margin_trade(PG_FUNCTION_ARGS)
{
	bool		has_leverage = !PG_ARGISNULL(5);
	text	   *name;
	Symbol		symbol;
	const Market *market;
	const MarketContract *contract;
	PortfolioSide opposite;
	PositionSide *side;
	Netting    *netting;
	Decimal		quantity;
	Decimal		price;
	Decimal		leverage;
	Decimal		open;

	for (int i = 0; i < 5; i++)
	{
		if (PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	market = market_of_call(fcinfo, 1);
	name = PG_GETARG_TEXT_PP(2);
	symbol = symbol_checked(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), "a contract");
	contract = &market_contracts(market)[market_known_contract(market, &symbol)];
	holding_number(&quantity, PG_GETARG_DATUM(3), "quantity", &symbol);
	holding_price(&price, PG_GETARG_DATUM(4), "price", &symbol);
	if (has_leverage)
		holding_leverage(&leverage, PG_GETARG_DATUM(5), &symbol);
	if (dec_is_zero(&quantity))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));

	netting = netting_load(PG_GETARG_VARLENA_PP(0));
	opposite = dec_sign(&quantity) > 0 ? SIDE_SHORT : SIDE_LONG;
	side = &netting_position(netting, &symbol)->sides[opposite];
	dec_abs(&open, &quantity);
	if (!dec_is_zero(&side->quantity))
		close_side(netting, market, contract, side, opposite, &open, &price, &open);
	if (!dec_is_zero(&open))
	{
		if (opposite == SIDE_LONG)
			dec_neg(&open, &open);
		netting_add_lot(netting, &symbol, &open, &price, has_leverage ? &leverage : NULL);
	}
	PG_RETURN_POINTER(netting_flatten(netting));
}
