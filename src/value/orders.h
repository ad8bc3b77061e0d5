/*
 * orders.h
 *		Open orders in one contract (SPEC 1): what is left to fill, by side and limit price.
 *
 * A list grows at its end; settled, it has each price once, in rising order.
 * Reading a portfolio gives settled lists.
 */
#ifndef MARGIN_ORDERS_H
#define MARGIN_ORDERS_H

#include "base/decimal.h"

typedef struct OrderLevel
{
	Decimal		price;			/* limit, in the settlement asset per unit of size, > 0 */
	Decimal		quantity;		/* contracts left to fill, > 0 */
	Decimal		margin;			/* quantity / leverage, at most 18 decimals, >= 0 */
} OrderLevel;

typedef struct OrderList
{
	int			count;
	int			settled;		/* that many of them have been put in order */
	int			capacity;
	OrderLevel *levels;
} OrderList;

/* Buys, which open or enlarge a long, and sells: by PortfolioSide. */
typedef struct Orders
{
	OrderList	sides[2];
} Orders;

extern Orders *orders_create(MemoryContext context);
extern void orders_append(OrderList *list, const OrderLevel *level, MemoryContext context);
extern void orders_add(OrderList *list, const OrderLevel *level, MemoryContext context);
extern const Decimal *orders_sort(OrderList *list);
extern void orders_settle(Orders *orders, MemoryContext context);
extern Orders *orders_combine(const Orders *a, const Orders *b, bool subtract);
extern bool orders_only_reduce(const OrderList *before, const OrderList *after);

#endif							/* MARGIN_ORDERS_H */
