/*
 * rows.c
 *		Arrays of composites as rows of columns, and symbols as data.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/typcache.h"

#include "rows.h"

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

Datum
symbol_datum(const Symbol *symbol)
{
	return PointerGetDatum(cstring_to_text_with_len(symbol->bytes, symbol->length));
}

Datum
symbol_array(const Symbol *symbols, int count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = symbol_datum(&symbols[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}
