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

/* Whether the statement itself sets a column, whatever to. */
static bool
is_set(const TriggerData *trigger, const char *name)
{
	int			column = SPI_fnumber(RelationGetDescr(trigger->tg_relation), name);

	return column > 0 && bms_is_member(column - FirstLowInvalidHeapAttributeNumber, trigger->tg_updatedcols);
}

/* The column of a bound that the row has and the statement does not set; 0: there is none. */
static int
left_over(const TriggerData *trigger, const char *name)
{
	TupleDesc	columns = RelationGetDescr(trigger->tg_relation);
	int			column = SPI_fnumber(columns, name);

	return column > 0 && !heap_attisnull(trigger->tg_newtuple, column, columns) && !is_set(trigger, name) ? column : 0;
}

PG_FUNCTION_INFO_V1(margin_unset_bounds);

/* trigger, before each row of an update of index_price: low and high go where the update sets the price without them */
Datum
margin_unset_bounds(PG_FUNCTION_ARGS)
{
	static const char *const bounds[] = {"low", "high"};
	const TriggerData *trigger = (TriggerData *) fcinfo->context;
	HeapTuple	row;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("unset_bounds() must be called as a trigger before each row that is updated")));
	row = trigger->tg_newtuple;
	for (int i = 0; i < (int) lengthof(bounds); i++)
	{
		int			column = left_over(trigger, bounds[i]);
		Datum		value = (Datum) 0;
		bool		isnull = true;

		if (column > 0 && is_set(trigger, "price"))
			row = heap_modify_tuple_by_cols(row, RelationGetDescr(trigger->tg_relation), 1, &column, &value, &isnull);
	}
	return PointerGetDatum(row);
}
