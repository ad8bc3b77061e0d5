/*
 * market_source.c
 *		The published market that a book reads instead of a venue's.
 *
 * It stands in one row of any table, view or foreign table, which the book's
 * view market_source shows.  Nobody tells of its changes, so every statement
 * looks at the row; but a market is large and hardly ever another one, so what
 * it looks at is which one it is: the id, and the instants from and until which it
 * is valid.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "book/acting.h"
#include "book/market_source.h"

/* Columns of what is read of it: the last one when it is another row. */
enum
{
	ROW_ID,
	ROW_AT,
	ROW_VALID_UNTIL,
	ROW_MARKET,
	ROW_COLUMNS
};

/* ---------- asking ---------- */

static Oid
owner_of(Oid relation)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "relation with OID %u does not exist", relation);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static char *
book_of(Oid anchor)
{
	return get_namespace_name(get_rel_namespace(anchor));
}

static SPIPlanPtr
prepare_reading(const char *schema, bool whole)
{
	/* the casts hold whoever wrote the view to the types */
	const char *sql = psprintf("SELECT id::pg_catalog.int8, at::pg_catalog.timestamptz, valid_until::pg_catalog.timestamptz%s FROM %s",
							   whole ? ", market::margin.market" : "", quote_qualified_identifier(schema, MARKET_SOURCE));
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* Plans are made by name, so for another one again. */
static SPIPlanPtr
plan_of(RowReader *reader, Oid anchor, bool whole)
{
	const char *schema = book_of(anchor);

	if (strcmp(NameStr(reader->schema), schema) != 0)
	{
		for (int i = 0; i < (int) lengthof(reader->plans); i++)
		{
			if (reader->plans[i] != NULL)
				SPI_freeplan(reader->plans[i]);
			reader->plans[i] = NULL;
		}
		namestrcpy(&reader->schema, schema);
	}
	if (reader->plans[whole] == NULL)
		reader->plans[whole] = prepare_reading(schema, whole);
	return reader->plans[whole];
}

/* The row that was found, in memory of that context; all null if there is none. */
static void
take_row(Datum *values, bool *nulls, int columns, Oid anchor, MemoryContext context)
{
	memset(nulls, true, ROW_COLUMNS * sizeof(bool));
	if (SPI_processed > 1)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg("more than one market is published for book \"%s\"", book_of(anchor)),
				 errdetail("Its view %s has to show one row.", MARKET_SOURCE)));
	for (int i = 0; i < columns && SPI_processed > 0; i++)
		values[i] = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, i + 1, &nulls[i]);
	if (!nulls[ROW_MARKET])
	{
		MemoryContext caller = MemoryContextSwitchTo(context);

		values[ROW_MARKET] = PointerGetDatum(PG_DETOAST_DATUM_COPY(values[ROW_MARKET]));
		MemoryContextSwitchTo(caller);
	}
}

/* What the snapshot shows of the row; with the rights of the book's owner, who chose where it stands. */
static void
ask_for_row(Datum *values, bool *nulls, RowReader *reader, Oid anchor, Snapshot snapshot, bool whole)
{
	MemoryContext caller = CurrentMemoryContext;
	Identity	mine = act_for(owner_of(anchor), RESTRICTED);
	int			settings = pin_settings();

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	PushActiveSnapshot(snapshot);
	if (SPI_execute_plan(plan_of(reader, anchor, whole), NULL, NULL, true, 2) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the published market of book \"%s\"", book_of(anchor));
	take_row(values, nulls, whole ? ROW_COLUMNS : ROW_MARKET, anchor, caller);
	PopActiveSnapshot();
	SPI_finish();
	unpin_settings(settings);
	act_as_before(mine);
}

static PublishedRow
row_from(const Datum *values)
{
	return (PublishedRow) {
		.id = DatumGetInt64(values[ROW_ID]),
		.at = DatumGetTimestampTz(values[ROW_AT]),
		.valid_until = DatumGetTimestampTz(values[ROW_VALID_UNTIL])
	};
}

/* ---------- the row ---------- */

/* Whether a snapshot still shows that row. */
bool
same_row_is_published(RowReader *reader, const PublishedRow *row, Oid anchor, Snapshot snapshot)
{
	Datum		values[ROW_COLUMNS];
	bool		nulls[ROW_COLUMNS];
	PublishedRow present;

	ask_for_row(values, nulls, reader, anchor, snapshot, false);
	if (nulls[ROW_ID] || nulls[ROW_AT] || nulls[ROW_VALID_UNTIL])
		return false;
	present = row_from(values);
	return present.id == row->id && present.at == row->at && present.valid_until == row->valid_until;
}

static void
check_complete(const bool *nulls, Oid anchor)
{
	static const char *const names[ROW_COLUMNS] = {"id", "at", "valid_until", "market"};
	int			missing = 0;

	for (int i = 0; i < ROW_COLUMNS; i++)
		missing += nulls[i];
	for (int i = 0; i < ROW_COLUMNS && missing > 0; i++)
	{
		if (nulls[i])
			ereport(ERROR,
					(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
					 errmsg("no market is published for book \"%s\"", book_of(anchor)),
					 missing == ROW_COLUMNS ? errdetail("Its view %s shows no row.", MARKET_SOURCE)
					 : errdetail("Column \"%s\" of its view %s is null.", names[i], MARKET_SOURCE),
					 errhint("margin.publish_market() publishes one where its venue is.")));
	}
}

/* Reads the market, into memory of that context. */
void
read_published_market(RowReader *reader, MarketReading *reading, PublishedRow *row, Oid anchor, Snapshot snapshot, MemoryContext context)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "margin published market", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	Datum		values[ROW_COLUMNS];
	bool		nulls[ROW_COLUMNS];

	ask_for_row(values, nulls, reader, anchor, snapshot, true);
	check_complete(nulls, anchor);
	*row = row_from(values);
	keep_market(reading, market_from_datum(values[ROW_MARKET]), row->valid_until, context);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

void
check_still_valid(const PublishedRow *row, Oid anchor, TimestampTz clock)
{
	if (likely(clock < row->valid_until || TIMESTAMP_IS_NOEND(row->valid_until)))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("the published market of book \"%s\" has expired", book_of(anchor)),
			 errdetail("It is market " INT64_FORMAT " of %s, and was valid until %s.", row->id,
					   pstrdup(timestamptz_to_str(row->at)), pstrdup(timestamptz_to_str(row->valid_until))),
			 errhint("Publish it again where its venue is, by margin.publish_market() or by setting prices there; a copy of it has to arrive here.")));
}
