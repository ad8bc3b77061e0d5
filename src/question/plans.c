/*
 * plans.c
 *		What to do about an account: what plans share.
 */
#include "postgres.h"

#include "funcapi.h"

#include "base/enums.h"
#include "question/plans.h"

void
plan_begin(PlanRows *rows, FunctionCallInfo fcinfo, int columns, int level_column)
{
	InitMaterializedSRF(fcinfo, 0);
	rows->result = (ReturnSetInfo *) fcinfo->resultinfo;
	rows->level_column = level_column;
	rows->step = 0;
	if (rows->result->setDesc->natts != columns)
		elog(ERROR, "plan has %d columns instead of %d", rows->result->setDesc->natts, columns);
}

Datum
plan_enum(const PlanRows *rows, int column, const char *label)
{
	return ObjectIdGetDatum(option_to_enum(TupleDescAttr(rows->result->setDesc, column)->atttypid, label));
}

/* Every row begins with its number and its outcome, and says the level. */
void
plan_put_row(PlanRows *rows, const char *outcome, Level level, Datum *values, bool *nulls)
{
	values[0] = Int32GetDatum(++rows->step);
	values[1] = plan_enum(rows, 1, outcome);
	values[rows->level_column] = plan_enum(rows, rows->level_column, level_names[level]);
	nulls[0] = nulls[1] = nulls[rows->level_column] = false;
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
}

/* A column that is null unless set. */
void
plan_set(Datum *values, bool *nulls, int column, Datum value)
{
	values[column] = value;
	nulls[column] = false;
}

void
plan_set_amount(Datum *values, bool *nulls, int column, const Decimal *amount)
{
	plan_set(values, nulls, column, dec_datum(amount, 0));
}
