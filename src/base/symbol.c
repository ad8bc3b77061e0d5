/*
 * symbol.c
 *		Names of assets and contracts, and the table by name.
 */
#include "postgres.h"

#include <limits.h>

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/symbol.h"

#define FIRST_RECORDS	8
#define FIRST_NAMES		96
#define LINEAR_SEARCH	16

void
symbol_bad_length(const char *bytes, int length, const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 length < 1 ? errmsg("name of %s must not be empty", what) :
			 errmsg("name of %s is too long: \"%.*s...\"", what, pg_mbcliplen(bytes, length, 40), bytes),
			 errdetail("A name has 1 to %d bytes.", SYMBOL_MAX_LENGTH)));
}

char *
symbol_text(const Symbol *s)
{
	return pnstrdup(s->bytes, s->length);
}

Datum
symbol_datum(const Symbol *s)
{
	return PointerGetDatum(cstring_to_text_with_len(s->bytes, s->length));
}

Datum
symbol_array(const Symbol *symbols, int count)
{
	Datum	   *elements = palloc(Max(count, 1) * sizeof(Datum));

	for (int i = 0; i < count; i++)
		elements[i] = symbol_datum(&symbols[i]);
	return PointerGetDatum(construct_array(elements, count, TEXTOID, -1, false, TYPALIGN_INT));
}

void
symbol_table_init(SymbolTable *table, MemoryContext context, Size record_size)
{
	memset(table, 0, sizeof(*table));
	table->context = context;
	table->record_size = record_size;
	table->ascending = true;
}

static void
hash_insert(SymbolTable *table, int i)
{
	const Symbol *name = symbol_table_record(table, i);
	uint32		slot = symbol_hash(name) & (table->nslots - 1);

	while (table->slots[slot] != 0)
		slot = (slot + 1) & (table->nslots - 1);
	table->slots[slot] = i + 1;
}

/* At most half full, so that a search ends soon. */
static void
hash_rebuild(SymbolTable *table)
{
	int			nslots = 2 * LINEAR_SEARCH;

	while (nslots < 2 * table->capacity)
		nslots *= 2;
	if (table->slots != NULL)
		pfree(table->slots);
	table->slots = MemoryContextAllocExtended(table->context, nslots * sizeof(uint32),
											  MCXT_ALLOC_ZERO | MCXT_ALLOC_HUGE);
	table->nslots = nslots;
	for (int i = 0; i < table->count; i++)
		hash_insert(table, i);
}

static void *
find(const SymbolTable *table, const Symbol *name)
{
	if (table->nslots > 0)
	{
		uint32		slot = symbol_hash(name) & (table->nslots - 1);

		for (; table->slots[slot] != 0; slot = (slot + 1) & (table->nslots - 1))
		{
			Symbol	   *record = symbol_table_record(table, table->slots[slot] - 1);

			if (symbol_equal(record, name))
				return record;
		}
		return NULL;
	}
	for (int i = table->count - 1; i >= 0; i--)
	{
		Symbol	   *record = symbol_table_record(table, i);

		if (symbol_equal(record, name))
			return record;
	}
	return NULL;
}

static void
grow(SymbolTable *table)
{
	Size		size;

	if (table->capacity > INT_MAX / 4)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("too many different symbols")));
	table->capacity = Max(FIRST_RECORDS, 2 * table->capacity);
	size = table->capacity * table->record_size;
	if (table->records == NULL)
		table->records = MemoryContextAllocHuge(table->context, size);
	else
		table->records = repalloc_huge(table->records, size);
	if (table->capacity > LINEAR_SEARCH)
		hash_rebuild(table);
}

static const char *
keep_name(SymbolTable *table, const Symbol *name)
{
	char	   *kept;

	if (table->names_left < name->length)
	{
		table->names_left = Max(FIRST_NAMES, name->length);
		table->names = MemoryContextAlloc(table->context, table->names_left);
	}
	kept = table->names;
	memcpy(kept, name->bytes, name->length);
	table->names += name->length;
	table->names_left -= name->length;
	return kept;
}

/*
 * The record of that name; a new one is zero but for its name, which is
 * copied.  Records move when the table grows.
 */
void *
symbol_table_add(SymbolTable *table, const Symbol *name, bool *found)
{
	Symbol	   *record;

	if (table->count > 0)
	{
		Symbol	   *last = symbol_table_record(table, table->count - 1);
		int			order = symbol_cmp(name, last);

		*found = true;
		if (order == 0)
			return last;
		if (!table->ascending || order < 0)
		{
			record = find(table, name);
			if (record != NULL)
				return record;
			table->ascending = table->ascending && order > 0;
		}
	}

	*found = false;
	if (table->count == table->capacity)
		grow(table);
	record = symbol_table_record(table, table->count);
	memset(record, 0, table->record_size);
	*record = *name;
	record->bytes = keep_name(table, name);
	table->count++;
	if (table->nslots > 0)
		hash_insert(table, table->count - 1);
	return record;
}

static int
compare_records(const void *a, const void *b)
{
	return symbol_cmp(*(Symbol *const *) a, *(Symbol *const *) b);
}

/* The records in byte order of their names; the table stays as it is. */
void **
symbol_table_sorted(const SymbolTable *table)
{
	void	  **sorted = MemoryContextAllocHuge(CurrentMemoryContext, Max(table->count, 1) * sizeof(void *));

	for (int i = 0; i < table->count; i++)
		sorted[i] = symbol_table_record(table, i);
	if (!table->ascending)
		qsort(sorted, table->count, sizeof(void *), compare_records);
	return sorted;
}
