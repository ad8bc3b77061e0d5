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
is_set(const TriggerData *trigger, int column)
{
	return bms_is_member(column - FirstLowInvalidHeapAttributeNumber, trigger->tg_updatedcols);
}

PG_FUNCTION_INFO_V1(margin_unset_bounds);

/* trigger, before an update of rows that have a column low and a column high */
Datum
margin_unset_bounds(PG_FUNCTION_ARGS)
{
	static const char *const names[] = {"low", "high"};
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	TupleDesc	columns;
	int			unset[lengthof(names)];
	Datum		values[lengthof(names)] = {0};
	bool		nulls[lengthof(names)] = {true, true};
	int			count = 0;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_BEFORE(trigger->tg_event) || !TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
		!TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("unset_bounds() must be called as a trigger before each row that is updated")));
	columns = RelationGetDescr(trigger->tg_relation);
	for (int i = 0; i < (int) lengthof(names); i++)
	{
		int			column = SPI_fnumber(columns, names[i]);

		if (column > 0 && !is_set(trigger, column))
			unset[count++] = column;
	}
	if (count == 0)
		return PointerGetDatum(trigger->tg_newtuple);
	return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_newtuple, columns, count, unset, values, nulls));
}
