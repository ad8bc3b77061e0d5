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
#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/rows.h"
#include "book/acting.h"
#include "book/market_source.h"

/* Columns of what published_row() returns. */
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

/* What the snapshot shows of the row; with the rights of the book's owner, who chose where it stands. */
static void
ask_for_row(Datum *values, bool *nulls, Oid anchor, Snapshot snapshot, bool whole)
{
	Identity	mine = act_for(owner_of(anchor), RESTRICTED);
	Argument	extent = {BOOLOID, BoolGetDatum(whole), false};
	NullableDatum row;

	PushActiveSnapshot(snapshot);
	row = ask_home("published_row", anchor, &extent, 1);
	row_columns(row.value, row.isnull, ROW_COLUMNS, values, nulls);
	PopActiveSnapshot();
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

static char *
book_of(Oid anchor)
{
	return get_namespace_name(get_rel_namespace(anchor));
}

/* ---------- the row ---------- */

/* Whether a snapshot still shows that row. */
bool
same_row_is_published(const PublishedRow *row, Oid anchor, Snapshot snapshot)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "margin published market", ALLOCSET_SMALL_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	Datum		values[ROW_COLUMNS];
	bool		nulls[ROW_COLUMNS];
	bool		same = false;

	ask_for_row(values, nulls, anchor, snapshot, false);
	if (!nulls[ROW_ID] && !nulls[ROW_AT] && !nulls[ROW_VALID_UNTIL])
	{
		PublishedRow present = row_from(values);

		same = present.id == row->id && present.at == row->at && present.valid_until == row->valid_until;
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
	return same;
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
read_published_market(MarketReading *reading, PublishedRow *row, Oid anchor, Snapshot snapshot, MemoryContext context)
{
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "margin published market", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	Datum		values[ROW_COLUMNS];
	bool		nulls[ROW_COLUMNS];

	ask_for_row(values, nulls, anchor, snapshot, true);
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
			 errmsg("the published market of book \"%s\" is valid no longer", book_of(anchor)),
			 errdetail("It is market " INT64_FORMAT " of %s, and was valid until %s.", row->id,
					   pstrdup(timestamptz_to_str(row->at)), pstrdup(timestamptz_to_str(row->valid_until))),
			 errhint("It has to be published again where its venue is, by margin.publish_market() or by whoever sets prices there; a copy of it has to arrive here.")));
}
