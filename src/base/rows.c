/*
 * rows.c
 *		Arrays of composites as rows of columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/typcache.h"

#include "base/rows.h"

int
rows_of_array(ArrayType *array, Datum **rows, bool **nulls)
{
	int			count;

	deconstruct_array(array, ARR_ELEMTYPE(array), -1, false, TYPALIGN_DOUBLE, rows, nulls, &count);
	return count;
}

/* One row apart; the caller has room for "natts" columns, which are all null where the row is. */
void
row_columns(Datum row, bool isnull, int natts, Datum *values, bool *nulls)
{
	HeapTupleHeader header;
	TupleDesc	tupdesc;
	HeapTupleData tuple;

	if (isnull)
	{
		memset(nulls, true, natts * sizeof(bool));
		return;
	}
	header = DatumGetHeapTupleHeader(row);
	tupdesc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(header), HeapTupleHeaderGetTypMod(header));
	if (tupdesc->natts != natts)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("row has %d columns instead of %d", tupdesc->natts, natts)));
	tuple.t_len = HeapTupleHeaderGetDatumLength(header);
	ItemPointerSetInvalid(&tuple.t_self);
	tuple.t_tableOid = InvalidOid;
	tuple.t_data = header;
	heap_deform_tuple(&tuple, tupdesc, values, nulls);
	ReleaseTupleDesc(tupdesc);
}

Symbol
row_symbol(Datum value, bool isnull, const char *what)
{
	text	   *name;

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("name of %s must not be null", what)));
	name = DatumGetTextPP(value);
	return symbol_checked(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), what);
}

/* A number of a row, named in errors; the Decimal keeps its default where it is null. */
bool
row_number(Decimal *r, Datum value, bool isnull, const char *what, const Symbol *symbol)
{
	if (!isnull && !dec_from_input(r, value))
		dec_bad_input(value, psprintf("%s of \"%s\"", what, symbol_text(symbol)));
	return !isnull;
}
