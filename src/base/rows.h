/*
 * rows.h
 *		Arrays of composites as rows of columns.
 */
#ifndef MARGIN_ROWS_H
#define MARGIN_ROWS_H

#include "postgres.h"

#include "utils/array.h"

#include "base/decimal.h"
#include "base/symbol.h"

extern int	rows_of_array(ArrayType *array, Datum **rows, bool **nulls);
extern void row_columns(Datum row, bool isnull, int natts, Datum *values, bool *nulls);
extern Symbol row_symbol(Datum value, bool isnull, const char *what);
extern bool row_number(Decimal *r, Datum value, bool isnull, const char *what, const Symbol *symbol);

#endif							/* MARGIN_ROWS_H */
