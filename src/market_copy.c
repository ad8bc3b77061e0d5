/*
 * market_copy.c
 *		The present market, kept by the session that judges writes in it.
 *
 * Reading the market from its tables costs ten times what looking up one
 * account does.  So it is read once and kept until it may differ: until its
 * first price expires or its next parameters become valid, or until somebody
 * writes a reference table.  Triggers on those tables send an invalidation
 * message, which PostgreSQL delivers to every session when the writer commits,
 * and to the writer's own at its next command, and when it rolls back.
 *
 * The message names the table margin.switch, which hardly anybody opens: named
 * after a price table it would make every session plan its queries again
 * whenever a price moves.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "market_copy.h"

static const Market *copy;
static MemoryContext copy_context;
static Oid	messenger;			/* margin.switch, when the copy was made */
static bool stale;
static TimestampTz made;
static TimestampTz expires;
static uint64 reading;			/* how many there were */

/* Nothing but a flag: this runs at any time, also in the middle of reading the market. */
static void
relation_changed(Datum arg, Oid relation)
{
	if (relation == messenger || !OidIsValid(relation))
		stale = true;
}

static Oid
find_messenger(void)
{
	return get_relname_relid("switch", get_namespace_oid("margin", false));
}

/* Reads the market and the instant until which it holds. */
static void
read_market(Snapshot snapshot, TimestampTz clock)
{
	static SPIPlanPtr plan = NULL;
	Datum		values[1] = {TimestampTzGetDatum(clock)};
	Datum		market;
	bool		isnull;
	MemoryContext old;

	if (plan == NULL)
	{
		Oid			types[1] = {TIMESTAMPTZOID};
		SPIPlanPtr	fresh = SPI_prepare("SELECT margin.stored_market($1, $1), margin.market_expiry($1)", 1, types);

		if (fresh == NULL || SPI_keepplan(fresh) != 0)
			elog(ERROR, "cannot prepare: %s", SPI_result_code_string(SPI_result));
		plan = fresh;
	}
	if (SPI_execute_snapshot(plan, values, NULL, snapshot, InvalidSnapshot, true, false, 0) != SPI_OK_SELECT || SPI_processed != 1)
		elog(ERROR, "cannot read the market");

	market = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
	old = MemoryContextSwitchTo(copy_context);
	copy = market_from_datum(PointerGetDatum(PG_DETOAST_DATUM_COPY(market)));
	MemoryContextSwitchTo(old);
	expires = DatumGetTimestampTz(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull));
	made = clock;
	reading++;
	SPI_freetuptable(SPI_tuptable);
}

static bool
copy_holds(TimestampTz clock)
{
	return copy != NULL && !stale && clock >= made && clock < expires;
}

/* Which reading of the market holds at an instant; 0: it would have to be read again. */
uint64
market_reading(TimestampTz clock)
{
	return copy_holds(clock) ? reading : 0;
}

/*
 * The market as a snapshot sees it, at an instant.  The caller has accepted
 * invalidation messages before it took the snapshot, is connected to SPI and
 * acts for the owner of the reference tables.  Good until the next call.
 */
const Market *
present_market(Snapshot snapshot, TimestampTz clock)
{
	if (likely(copy_holds(clock)))
		return copy;

	if (copy_context == NULL)
	{
		copy_context = AllocSetContextCreate(CacheMemoryContext, "margin market", ALLOCSET_DEFAULT_SIZES);
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	}
	copy = NULL;
	MemoryContextReset(copy_context);
	messenger = find_messenger();
	stale = false;
	read_market(snapshot, clock);
	return copy;
}

PG_FUNCTION_INFO_V1(margin_market_changed);

/* trigger, by row or by statement, on every reference table */
Datum
margin_market_changed(PG_FUNCTION_ARGS)
{
	Oid			relation = find_messenger();

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("market_changed() must be called as a trigger")));
	if (OidIsValid(relation))
		CacheInvalidateRelcacheByRelid(relation);
	return PointerGetDatum(NULL);
}
