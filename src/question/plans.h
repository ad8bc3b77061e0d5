/*
 * plans.h
 *		What to do about an account: what plans share.
 *
 * A plan is found on a bound portfolio: an entry is booked there, the lines that it
 * changes are valued again, and if the entry is not wanted they and the totals are
 * put back.  A plan never computes itself what an account is worth.
 */
#ifndef MARGIN_PLANS_H
#define MARGIN_PLANS_H

#include "fmgr.h"
#include "nodes/execnodes.h"

#include "value/valuation.h"

/* The rows of a plan under construction. */
typedef struct PlanRows
{
	ReturnSetInfo *result;
	int			level_column;
	int			step;			/* number of the last row */
} PlanRows;

extern void plan_begin(PlanRows *rows, FunctionCallInfo fcinfo, int columns, int level_column);
extern Datum plan_enum(const PlanRows *rows, int column, const char *label);
extern void plan_set(Datum *values, bool *nulls, int column, Datum value);
extern void plan_set_amount(Datum *values, bool *nulls, int column, const Decimal *amount);
extern void plan_put_row(PlanRows *rows, const char *outcome, Level level, Datum *values, bool *nulls);

#endif							/* MARGIN_PLANS_H */
