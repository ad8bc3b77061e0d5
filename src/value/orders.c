/*
 * orders.c
 *		Open orders in one contract: lists by limit price, and their algebra.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "value/orders.h"

#define FIRST_CAPACITY 4

Orders *
orders_create(MemoryContext context)
{
	return MemoryContextAllocZero(context, sizeof(Orders));
}

static void
enlarge(OrderList *list, MemoryContext context)
{
	int			capacity = Max(FIRST_CAPACITY, 2 * list->capacity);

	if ((Size) capacity > MaxAllocSize / sizeof(OrderLevel))
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("portfolio has too many orders")));
	list->levels = list->levels == NULL ?
		MemoryContextAlloc(context, capacity * sizeof(OrderLevel)) :
		repalloc(list->levels, capacity * sizeof(OrderLevel));
	list->capacity = capacity;
}

/* One more level at the end; its numerics live as long as the context. */
void
orders_append(OrderList *list, const OrderLevel *level, MemoryContext context)
{
	OrderLevel *to;

	if (list->count == list->capacity)
		enlarge(list, context);
	to = &list->levels[list->count++];
	/* whatever stands there is not ours to free, which dec_copy_into() does with a number that it takes the place of */
	memset(to, 0, sizeof(*to));
	dec_copy_into(&to->price, &level->price, context);
	dec_copy_into(&to->quantity, &level->quantity, context);
	dec_copy_into(&to->margin, &level->margin, context);
}

static int
compare_prices(const void *a, const void *b)
{
	return dec_cmp(&((const OrderLevel *) a)->price, &((const OrderLevel *) b)->price);
}

/* Puts a list in order of its prices; returns the first price that it has twice, or NULL. */
const Decimal *
orders_sort(OrderList *list)
{
	qsort(list->levels, list->count, sizeof(OrderLevel), compare_prices);
	for (int i = 1; i < list->count; i++)
	{
		if (compare_prices(&list->levels[i - 1], &list->levels[i]) == 0)
			return &list->levels[i].price;
	}
	return NULL;
}

/* Levels of one price become one. */
static void
merge_equals(OrderList *list)
{
	int			kept = 0;

	for (int i = 1; i < list->count; i++)
	{
		OrderLevel *last = &list->levels[kept];
		const OrderLevel *next = &list->levels[i];

		if (compare_prices(last, next) != 0)
		{
			list->levels[++kept] = *next;
			continue;
		}
		dec_add(&last->quantity, &last->quantity, &next->quantity);
		dec_add(&last->margin, &last->margin, &next->margin);
	}
	list->count = kept + 1;
}

static void
settle_list(OrderList *list, MemoryContext context)
{
	if (list->settled == list->count)
		return;
	CHECK_FOR_INTERRUPTS();
	if (orders_sort(list) != NULL)
	{
		/* sums that are numerics have to last as long as the list */
		MemoryContext old = MemoryContextSwitchTo(context);

		merge_equals(list);
		MemoryContextSwitchTo(old);
	}
	list->settled = list->count;
}

/*
 * One more order, whatever its price.  A full list is settled before it grows,
 * so that it takes room for its prices, not for its orders; it grows unless that
 * has emptied half of it, so that each sort is paid for by as many orders.
 */
void
orders_add(OrderList *list, const OrderLevel *level, MemoryContext context)
{
	if (list->count == list->capacity && list->count > 0)
	{
		CHECK_FOR_INTERRUPTS();
		settle_list(list, context);
		if (list->count > list->capacity / 2)
			enlarge(list, context);
	}
	orders_append(list, level, context);
}

void
orders_settle(Orders *orders, MemoryContext context)
{
	for (int i = 0; i < 2; i++)
		settle_list(&orders->sides[i], context);
}

/* Two settled lists in one; what is taken away from nothing stays below 0, for the writer to refuse. */
static void
combine_lists(OrderList *sum, const OrderList *a, const OrderList *b, bool subtract)
{
	int			i = 0;
	int			k = 0;

	while (i < a->count || k < b->count)
	{
		int			order = k == b->count ? -1 : i == a->count ? 1 : compare_prices(&a->levels[i], &b->levels[k]);
		OrderLevel	level = {.price = order <= 0 ? a->levels[i].price : b->levels[k].price};

		if (order <= 0)
			level = a->levels[i++];
		if (order >= 0)
		{
			const OrderLevel *other = &b->levels[k++];

			(subtract ? dec_sub : dec_add) (&level.quantity, &level.quantity, &other->quantity);
			(subtract ? dec_sub : dec_add) (&level.margin, &level.margin, &other->margin);
		}
		orders_append(sum, &level, CurrentMemoryContext);
	}
	sum->settled = sum->count;
}

/* a + b, or a - b; NULL stands for no orders. */
Orders *
orders_combine(const Orders *a, const Orders *b, bool subtract)
{
	static const Orders none = {{{0, 0, 0, NULL}, {0, 0, 0, NULL}}};
	Orders	   *sum = orders_create(CurrentMemoryContext);

	a = a == NULL ? &none : a;
	b = b == NULL ? &none : b;
	for (int i = 0; i < 2; i++)
		combine_lists(&sum->sides[i], &a->sides[i], &b->sides[i], subtract);
	return sum;
}

/* Whether an order is no larger than the one of its price was, nor asks for less margin than that did unless it is smaller. */
static bool
level_only_reduces(const OrderLevel *before, const OrderLevel *after)
{
	int			quantity = dec_cmp(&after->quantity, &before->quantity);

	return quantity < 0 || (quantity == 0 && dec_cmp(&after->margin, &before->margin) >= 0);
}

/* Whether a settled list has no order that is new or larger than before. */
bool
orders_only_reduce(const OrderList *before, const OrderList *after)
{
	int			i = 0;

	for (int k = 0; k < after->count; k++)
	{
		while (i < before->count && compare_prices(&before->levels[i], &after->levels[k]) < 0)
			i++;
		if (i == before->count || compare_prices(&before->levels[i], &after->levels[k]) != 0 ||
			!level_only_reduces(&before->levels[i], &after->levels[k]))
			return false;
	}
	return true;
}
