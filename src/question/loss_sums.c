/*
 * loss_sums.c
 *		What accounts lack, lose and hold where prices have moved, added up.
 */
#include "postgres.h"

#include "question/loss_sums.h"

/* The positions of an undercollateralized account, in USD: at the price of the asset that they are booked in. */
static void
add_notionals(LossSums *sums, Decimal *contracts, const Valuation *v, const Market *market, MemoryContext context)
{
	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		Decimal		buffer;
		const Decimal *price = dec_flat(&line->booked->terms->price, market, &buffer);

		for (int side = SIDE_LONG; side <= SIDE_SHORT; side++)
		{
			Decimal		notional;

			if (dec_is_zero(&line->notional[side]))
				continue;
			dec_mul(&notional, &line->notional[side], price);
			dec_add_to(&sums->notional[side], &notional, context);
			if (contracts != NULL)
				dec_add_to(&contracts[line->contract], &notional, context);
		}
	}
}

void
loss_sums_add(LossSums *sums, Decimal *contracts, const Valuation *v, const Market *market, MemoryContext context)
{
	Decimal		lacking;

	Assert(v->level != LEVEL_UNPRICED);
	dec_sub(&lacking, &v->maintenance_margin, &v->equity);
	if (dec_sign(&lacking) > 0)
		dec_add_to(&sums->shortfall, &lacking, context);
	if (v->level < LEVEL_LIQUIDATION)
		return;
	add_notionals(sums, contracts, v, market, context);
	if (v->level == LEVEL_BANKRUPT)
	{
		dec_neg(&lacking, &v->equity);
		dec_add_to(&sums->loss, &lacking, context);
	}
}
