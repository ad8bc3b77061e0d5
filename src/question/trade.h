/*
 * trade.h
 *		Executions booked on a portfolio.
 */
#ifndef MARGIN_TRADE_H
#define MARGIN_TRADE_H

#include "value/market.h"
#include "value/netting.h"

extern void position_take(PositionSide *taken, PositionSide *side, PortfolioSide index, const Decimal *quantity);
extern void position_close(Decimal *profit, PositionSide *side, PortfolioSide index, const Decimal *quantity,
						   const Decimal *size, const Decimal *price, Decimal *rest);

#endif							/* MARGIN_TRADE_H */
