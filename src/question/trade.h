/*
 * trade.h
 *		Executions booked on a portfolio.
 */
#ifndef MARGIN_TRADE_H
#define MARGIN_TRADE_H

#include "value/market.h"
#include "value/netting.h"

extern void position_take(PositionSide *taken, PositionSide *side, PortfolioSide index, const Decimal *quantity);
extern void close_side(Netting *netting, const Market *market, const MarketContract *contract, PositionSide *side,
					   PortfolioSide index, const Decimal *quantity, const Decimal *price, Decimal *rest);

#endif							/* MARGIN_TRADE_H */
