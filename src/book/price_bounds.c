/*
 * price_bounds.c
 *		Bounds of prices that are set by hand.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/bitmapset.h"
#include "utils/rel.h"

#include "base/compat.h"

/* Numbers of columns; as long as the statement runs. */
typedef struct Columns
{
	int			price;
	int			bounds[2];
} Columns;

static const Columns *
columns_of(FmgrInfo *call, TupleDesc row)
{
	Columns    *columns = call->fn_extra;

	if (likely(columns != NULL))
		return columns;
	columns = MemoryContextAlloc(call->fn_mcxt, sizeof(Columns));
	columns->price = SPI_fnumber(row, "price");
	columns->bounds[0] = SPI_fnumber(row, "low");
	columns->bounds[1] = SPI_fnumber(row, "high");
	call->fn_extra = columns;
	return columns;
}

/* Whether the statement itself sets a column, whatever to. */
static bool
is_set(const TriggerData *trigger, int column)
{
	return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, trigger->tg_updatedcols);
}

PG_FUNCTION_INFO_V1(margin_unset_bounds);

/* trigger, before each row of an update of index_price: low and high go where the update sets the price without them */
Datum
margin_unset_bounds(PG_FUNCTION_ARGS)
{
	const TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	description;
	const Columns *columns;
	HeapTuple	row;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("unset_bounds() must be called as a trigger before each row that is updated")));
	row = trigger->tg_newtuple;
	description = RelationGetDescr(trigger->tg_relation);
	columns = columns_of(fcinfo->flinfo, description);
	for (int i = 0; i < (int) lengthof(columns->bounds); i++)
	{
		int			bound = columns->bounds[i];
		Datum		value = (Datum) 0;
		bool		isnull = true;

		if (bound > 0 && !heap_attisnull(row, bound, description) && is_set(trigger, columns->price) && !is_set(trigger, bound))
			row = heap_modify_tuple_by_cols(row, description, 1, &bound, &value, &isnull);
	}
	return PointerGetDatum(row);
}
