/*
 * whatif.h
 *		Executions booked on a portfolio.
 */
#ifndef MARGIN_WHATIF_H
#define MARGIN_WHATIF_H

#include "portfolio.h"

extern void position_take(PositionSide *taken, PositionSide *side, PortfolioSide index, const Decimal *quantity);

#endif							/* MARGIN_WHATIF_H */
