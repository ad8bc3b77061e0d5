/*
 * market_copy.c
 *		The present market of a book, kept by the session that judges writes in it.
 *
 * Reading the market from a venue's tables costs ten times what looking up one
 * account does.  So it is read once per book, with the rights of the book's
 * owner, and kept until it may differ: until its first price expires or its
 * next parameters become valid, or until somebody writes a table of the venue.
 * Triggers on those tables send an invalidation message, which PostgreSQL
 * delivers to every session when the writer commits, and to the writer's own at
 * its next command, and when it rolls back.
 *
 * The message names the venue's view planned_change, which hardly anybody opens:
 * named after a price table it would make every session plan its queries again
 * whenever a price moves.  Which venue that is, the book's bridge says together
 * with the market.
 *
 * Triggers do not see all: ALTER TABLE may compute new prices, or switch them
 * off.  So any change of one of those tables makes a copy stale, too, and a
 * market is not kept at all where one of them would not tell.  The bridge may be replaced, and rights on it granted and
 * revoked: any change of a function makes all copies stale.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "parser/parse_func.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "book/acting.h"
#include "book/market_copy.h"

/* As stored_market() reads them. */
static const char *const source_names[MARKET_SOURCES] = {
	"asset", "asset_change", "collateral_tier", "liability_tier", "index_price",
	"contract", "contract_change", "risk_tier", "mark_price", "level_threshold"
};

static MarketCopy *copies;		/* of all books */
static uint64 readings;			/* how many there were */

static bool
concerns(const MarketCopy *copy, Oid relation)
{
	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		if (relation == copy->sources[i])
			return true;
	}
	return relation == copy->messenger;
}

/*
 * Nothing but a flag: this runs at any time, also in the middle of reading a
 * market, when it is not known yet whose messages concern it.
 */
static void
relation_changed(Datum arg, Oid relation)
{
	for (MarketCopy *copy = copies; copy != NULL; copy = copy->next)
	{
		if (!OidIsValid(relation) || !OidIsValid(copy->messenger) || concerns(copy, relation))
			copy->stale = true;
	}
}

static void
function_changed(Datum arg, int cache, uint32 hash)
{
	for (MarketCopy *copy = copies; copy != NULL; copy = copy->next)
		copy->stale = true;
}

static MarketCopy *
make_copy(void)
{
	MarketCopy *copy = MemoryContextAllocZero(CacheMemoryContext, sizeof(MarketCopy));

	copy->context = AllocSetContextCreate(CacheMemoryContext, "margin market", ALLOCSET_DEFAULT_SIZES);
	if (copies == NULL)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
	}
	copy->next = copies;
	copies = copy;
	return copy;
}

static void
forget(MarketCopy *copy)
{
	copy->market = NULL;
	copy->messenger = InvalidOid;
	MemoryContextReset(copy->context);
}

/*
 * To be called for every book before the snapshot is taken that markets are
 * read by: from now on any message is news.
 */
void
market_expect(Book *book)
{
	if (book->copy == NULL)
		book->copy = make_copy();
	if (book->copy->market == NULL || book->copy->stale)
	{
		forget(book->copy);
		book->copy->stale = false;
	}
}

static bool
copy_holds(const MarketCopy *copy, TimestampTz clock)
{
	return copy->market != NULL && !copy->stale && clock >= copy->made && clock < copy->expires;
}

/* Which reading of a book's market holds at an instant; 0: it would have to be read again. */
uint64
market_reading(const Book *book, TimestampTz clock)
{
	return book->copy != NULL && copy_holds(book->copy, clock) ? book->copy->reading : 0;
}

/* The casts hold whoever wrote the bridge to the types that are read here. */
static SPIPlanPtr
prepare_reading(const Book *book)
{
	Oid			type = TIMESTAMPTZOID;
	const char *sql = psprintf("SELECT market::margin.market, expires::pg_catalog.timestamptz, messenger::pg_catalog.regclass FROM %s($1)",
							   book_object(book, "venue_market_until"));
	SPIPlanPtr	plan = SPI_prepare(sql, 1, &type);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* A column of the only row; none may be null. */
static Datum
column_of_market(const Book *book, int number)
{
	bool		isnull = true;
	Datum		value = 0;

	if (SPI_processed == 1)
		value = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, &isnull);
	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the venue of book \"%s\" gave no market", NameStr(book->name)),
				 errdetail("Its function venue_market_until() has to return one row without nulls.")));
	return value;
}

#define TOLD_OF (TRIGGER_TYPE_INSERT | TRIGGER_TYPE_UPDATE | TRIGGER_TYPE_DELETE | TRIGGER_TYPE_TRUNCATE)

/* Whether triggers tell of any change of what a table holds, in every session: also where session_replication_role is replica. */
static bool
always_tells(Oid relation, Oid function)
{
	Relation	table = OidIsValid(relation) ? try_relation_open(relation, AccessShareLock) : NULL;
	int			told = 0;

	if (table == NULL)
		return false;
	/* rows of tables that inherit from it are not its own */
	for (int i = 0; table->trigdesc != NULL && !table->rd_rel->relhassubclass && i < table->trigdesc->numtriggers; i++)
	{
		const Trigger *trigger = &table->trigdesc->triggers[i];

		if (trigger->tgfoid == function && trigger->tgenabled == TRIGGER_FIRES_ALWAYS &&
			trigger->tgqual == NULL && trigger->tgnattr == 0)
			told |= trigger->tgtype & TOLD_OF;
	}
	relation_close(table, AccessShareLock);
	return told == TOLD_OF;
}

/*
 * Learns who will tell of changes, and whether all will.  The messenger last:
 * until it is known every message counts.
 */
static bool
learn_sources(MarketCopy *copy, Oid messenger)
{
	Oid			function = LookupFuncName(list_make2(makeString("margin_internal"), makeString("market_changed")), 0, NULL, false);
	Oid			schema = get_rel_namespace(messenger);
	bool		all = true;

	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		copy->sources[i] = get_relname_relid(source_names[i], schema);
		all = always_tells(copy->sources[i], function) && all;
	}
	copy->messenger = messenger;
	return all;
}

/* Reads the market and the instant until which it holds. */
static void
read_market(Book *book, Snapshot snapshot, TimestampTz clock)
{
	MarketCopy *copy = book->copy;
	Datum		values[1] = {TimestampTzGetDatum(clock)};
	MemoryContext caller = CurrentMemoryContext;
	Datum		market;

	if (book->market == NULL)
		book->market = prepare_reading(book);
	if (SPI_execute_snapshot(book->market, values, NULL, snapshot, InvalidSnapshot, true, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the market of book \"%s\"", NameStr(book->name));

	copy->expires = DatumGetTimestampTz(column_of_market(book, 2));
	copy->made = clock;
	if (!learn_sources(copy, DatumGetObjectId(column_of_market(book, 3))))
		copy->expires = clock;
	copy->reading = ++readings;
	market = column_of_market(book, 1);
	MemoryContextSwitchTo(copy->context);
	copy->market = market_from_datum(PointerGetDatum(PG_DETOAST_DATUM_COPY(market)));
	MemoryContextSwitchTo(caller);
	SPI_freetuptable(SPI_tuptable);
}

/*
 * A book's market as a snapshot sees it, at an instant.  The caller is connected
 * to SPI and has called market_expect() and accepted invalidation messages
 * before it took the snapshot.  Good until the book's market is expected or read
 * again, even if it becomes stale.
 */
const MarketCopy *
present_market(Book *book, Snapshot snapshot, TimestampTz clock)
{
	Assert(book->copy != NULL);
	if (unlikely(!copy_holds(book->copy, clock)))
	{
		Identity	mine = act_for(book_owner(book), RESTRICTED);

		/* stale already: then it still is afterwards, for the message may have come after the snapshot */
		forget(book->copy);
		read_market(book, snapshot, clock);
		act_as_before(mine);
	}
	Assert(book->copy->market != NULL && book->copy->reading > 0);
	return book->copy;
}

PG_FUNCTION_INFO_V1(margin_market_changed);

/* trigger, by row or by statement, on every table of a venue that its market is made of */
Datum
margin_market_changed(PG_FUNCTION_ARGS)
{
	Oid			schema;
	Oid			messenger;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("market_changed() must be called as a trigger")));
	schema = RelationGetNamespace(((TriggerData *) fcinfo->context)->tg_relation);
	messenger = get_relname_relid("planned_change", schema);
	if (!OidIsValid(messenger))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("schema \"%s\" has no view planned_change", get_namespace_name(schema)),
				 errdetail("Sessions that keep the market of a venue wait for messages that name it.")));
	CacheInvalidateRelcacheByRelid(messenger);
	return PointerGetDatum(NULL);
}
