/*
 * market_copy.c
 *		The present market of each venue, kept by the session.
 *
 * Reading a market from a venue's tables costs a thousand times what valuing
 * one account does.  So what was read is kept, one copy for each venue that the
 * functions market() of all statements and the guards of all books share, and
 * handed out as it stands in memory.  When it may be handed out:
 *
 * - to a snapshot that is equal to the one that it was read by, in the same
 *   transaction, and at the same command if that wrote what is read;
 * - to any other that sees nothing else, as market_news.c can tell;
 * - never when the tables have been altered since, nor for a clock at which
 *   other parameters are valid or other prices have expired.
 *
 * A snapshot that is older than what has been heard of (of a transaction at
 * REPEATABLE READ, of a cursor), or that sees what the transaction itself wrote,
 * gets a copy beside that, until the transaction ends.
 *
 * Copies are counted: each call site holds the one that it returned last until
 * it returns another or is gone, so what it returned stays where it is.  One
 * that nobody holds gives its memory to the next.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xlog.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "tcop/dest.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

#include "base/compat.h"
#include "book/acting.h"
#include "book/market_copy.h"
#include "book/market_news.h"
#include "book/market_read.h"
#include "book/market_source.h"

/* What tells snapshots of one transaction apart: others are ordered by time. */
typedef struct SnapshotKey
{
	LocalTransactionId transaction;
	TransactionId xmin;
	TransactionId xmax;
	uint32		running;
	int32		running_subtransactions;
	CommandId	command;
	TimestampTz statement;		/* of a published market, which may stand elsewhere; else 0 */
} SnapshotKey;

typedef struct MarketCopy
{
	MarketReading read;
	uint64		number;			/* which reading this is, of all in the session */
	int			holders;
	struct KeptVenue *venue;
	MarketMoment moment;		/* what had been heard when it was read */
	SnapshotKey key;			/* a snapshot that shows it */
	bool		shared;			/* whether others may, too */
	OwnWrites	own;			/* it may show what the transaction wrote itself */
	uint64		undone;			/* how many subtransactions had been rolled back then */
	PublishedRow row;			/* of a published market */
	XLogRecPtr	log_end;		/* likewise: how far the session had written when that was looked at */
} MarketCopy;

/* Never freed: call sites point to it. */
typedef struct KeptVenue
{
	MarketNews	news;
	bool		published;		/* its market is a row that sends no news */
	RowReader	reader;			/* of that row */
	MarketCopy *latest;			/* as it may be shared */
	MarketCopy *aside;			/* for a snapshot that sees something else */
	MarketCopy *spare;			/* nobody's, for its memory */
	struct KeptVenue *next;
} KeptVenue;

/* Which published market a stamp stands for, of those last read or asked about. */
#define KNOWN_IDS 16

static struct
{
	MarketStamp stamp;
	int64		id;
}			known_ids[KNOWN_IDS];
static int	next_known;

/* Memory beyond that is given back: a session may know many venues, and a server has many sessions. */
#define SPARE_ROOM (1024 * 1024)

static KeptVenue *venues;
static MemoryContext context;	/* of venues and copies */
static uint64 readings;
static uint64 undone;			/* subtransactions, ever */

/* ---------- holding ---------- */

static void
release(MarketCopy *copy)
{
	KeptVenue  *venue;

	if (copy == NULL || --copy->holders > 0)
		return;
	Assert(copy->holders == 0);
	venue = copy->venue;
	if (venue->spare == NULL && copy->read.room <= SPARE_ROOM)
		venue->spare = copy;
	else
	{
		free_reading(&copy->read);
		pfree(copy);
	}
}

static void
put(MarketCopy **place, MarketCopy *copy)
{
	MarketCopy *before = *place;

	if (copy != NULL)
		copy->holders++;
	*place = copy;
	release(before);
}

/* A place that holds a copy until its memory context is reset. */
typedef struct Holder
{
	MarketCopy *copy;
	MemoryContextCallback callback;
} Holder;

static void
let_go(void *holder)
{
	put(&((Holder *) holder)->copy, NULL);
}

static void
init_holder(Holder *holder, MemoryContext where)
{
	holder->copy = NULL;
	holder->callback.func = let_go;
	holder->callback.arg = holder;
	MemoryContextRegisterResetCallback(where, &holder->callback);
}

static Holder *
make_holder(MemoryContext where)
{
	Holder	   *holder = MemoryContextAlloc(where, sizeof(Holder));

	init_holder(holder, where);
	return holder;
}

/* ---------- which copy ---------- */

/* A venue as a row type and the catalogs say; InvalidOid for its anchor if it is none. */
typedef struct VenueParts
{
	Oid			anchor;
	Oid			market;			/* its function market() */
	bool		published;		/* it is a book over a published market */
} VenueParts;

static KeptVenue *
venue_of(const VenueParts *parts)
{
	Oid			anchor = parts->anchor;
	KeptVenue  *venue;

	for (venue = venues; venue != NULL; venue = venue->next)
	{
		if (venue->news.anchor == anchor)
			return venue;
	}
	if (context == NULL)
		context = AllocSetContextCreate(CacheMemoryContext, "margin markets", ALLOCSET_DEFAULT_SIZES);
	venue = MemoryContextAllocZero(context, sizeof(KeptVenue));
	news_subscribe(&venue->news, anchor);
	venue->published = parts->published;
	venue->next = venues;
	venues = venue;
	return venue;
}

/* On a standby nobody writes, so the transaction makes no difference. */
static SnapshotKey
key_of(Snapshot snapshot)
{
	return (SnapshotKey) {
		.transaction = snapshot->takenDuringRecovery ? InvalidLocalTransactionId : MARGIN_MY_LXID,
		.xmin = snapshot->xmin,
		.xmax = snapshot->xmax,
		.running = snapshot->xcnt,
		.running_subtransactions = snapshot->subxcnt,
		.command = snapshot->curcid
	};
}

/* Of a published market: a row elsewhere may become another one between statements that see the same here. */
static SnapshotKey
key_for(const KeptVenue *venue, Snapshot snapshot)
{
	SnapshotKey key = key_of(snapshot);

	if (venue != NULL && venue->published)
	{
		key.transaction = MARGIN_MY_LXID;
		key.statement = GetCurrentStatementStartTimestamp();
	}
	return key;
}

/* Whether snapshots see the same of what other transactions did. */
static bool
see_the_same(const SnapshotKey *a, const SnapshotKey *b)
{
	return a->transaction == b->transaction && a->xmin == b->xmin && a->xmax == b->xmax && a->running == b->running &&
		a->running_subtransactions == b->running_subtransactions && a->statement == b->statement;
}

static bool
keys_equal(const SnapshotKey *a, const SnapshotKey *b)
{
	return see_the_same(a, b) && a->command == b->command;
}

/* Whether a copy shows what the snapshot does that it was last found right for. */
static bool
still_true(const MarketCopy *copy)
{
	const OwnWrites *own = &copy->own;

	if (copy->moment.alterations != copy->venue->news.alterations)
		return false;
	if (likely(!own->some))
		return true;
	return copy->undone == undone && (!own->going_on || (own->log_end == XactLastRecEnd && own->log_end != InvalidXLogRecPtr));
}

/* Commands of one transaction differ by what it wrote itself. */
static bool
holds_for_equal(const MarketCopy *copy, const SnapshotKey *key, TimestampTz clock)
{
	return copy != NULL && still_true(copy) && see_the_same(&copy->key, key) && period_holds(&copy->read.whole, clock) &&
		(copy->key.command == key->command || (!copy->own.some && !news_own_writes(&copy->venue->news).some));
}

/* Whether nothing was written on a channel between a copy and a snapshot. */
static bool
unchanged(const MarketCopy *copy, Channel channel, Snapshot snapshot)
{
	MarketNews *news = &copy->venue->news;

	return copy->moment.messages[channel] == news->messages[channel] &&
		news_steady(news, channel, snapshot) &&
		copy->moment.messages[channel] == news->messages[channel] &&
		copy->moment.alterations == news->alterations;
}

static bool
holds_for_any(const MarketCopy *copy, Snapshot snapshot, TimestampTz clock)
{
	return copy != NULL && still_true(copy) && period_holds(&copy->read.whole, clock) &&
		unchanged(copy, TERMS, snapshot) && unchanged(copy, QUOTES, snapshot);
}

/* Whether the row is the one that was last looked at, which the session itself may have written since. */
static bool
seen_already(const MarketCopy *copy, const SnapshotKey *key)
{
	return keys_equal(&copy->key, key) && (!TransactionIdIsValid(GetTopTransactionIdIfAny()) || copy->log_end == XactLastRecEnd);
}

static MarketCopy *
find_published(KeptVenue *venue, Snapshot snapshot)
{
	MarketCopy *copy = venue->latest;
	SnapshotKey key = key_for(venue, snapshot);

	if (copy == NULL || !still_true(copy))
		return NULL;
	if (!seen_already(copy, &key))
	{
		if (!same_row_is_published(&venue->reader, &copy->row, venue->news.anchor, snapshot))
			return NULL;
		copy->key = key;
		copy->log_end = XactLastRecEnd;
	}
	return copy;
}

static MarketCopy *
find_copy(KeptVenue *venue, Snapshot snapshot, TimestampTz clock)
{
	SnapshotKey key = key_of(snapshot);

	if (venue->published)
		return find_published(venue, snapshot);
	if (holds_for_equal(venue->latest, &key, clock))
		return venue->latest;
	if (holds_for_equal(venue->aside, &key, clock))
		return venue->aside;
	if (!holds_for_any(venue->latest, snapshot, clock))
		return NULL;
	/* for what else asks in this statement */
	venue->latest->key = key;
	return venue->latest;
}

/* ---------- reading ---------- */

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

static MarketCopy *
new_copy(KeptVenue *venue)
{
	MarketCopy *copy = venue->spare;

	venue->spare = NULL;
	if (copy == NULL)
		copy = MemoryContextAllocZero(context, sizeof(MarketCopy));
	copy->venue = venue;
	Assert(copy->holders == 0);
	return copy;
}

static void
read_all(MarketCopy *copy, Snapshot snapshot, TimestampTz clock)
{
	Oid			anchor = copy->venue->news.anchor;
	MemoryContext scratch = AllocSetContextCreate(CurrentMemoryContext, "margin market", ALLOCSET_DEFAULT_SIZES);
	MemoryContext caller = MemoryContextSwitchTo(scratch);
	Identity	mine = act_for(owner_of(anchor), RESTRICTED);

	PushActiveSnapshot(snapshot);
	read_whole_market(&copy->read, anchor, clock, context);
	PopActiveSnapshot();
	act_as_before(mine);
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(scratch);
}

/*
 * Reads the market as a snapshot sees it, only its prices if the terms at hand
 * are right.  What has been heard is noted before: what comes while the tables
 * are read makes the copy old at once, and where nothing could be learned it is old already.
 */
static void
read_copy(MarketCopy *copy, Snapshot snapshot, TimestampTz clock)
{
	KeptVenue  *venue = copy->venue;
	MarketCopy *latest = venue->latest;
	bool		learned = news_learn(&venue->news);

	copy->moment = news_moment(&venue->news);
	if (unlikely(!learned))
		copy->moment.alterations = NO_ALTERATIONS;
	copy->key = key_of(snapshot);
	copy->own = news_own_writes(&venue->news);
	copy->undone = undone;
	copy->shared = learned && !copy->own.some && news_abreast(&venue->news, TERMS, snapshot) && news_abreast(&venue->news, QUOTES, snapshot);
	copy->number = ++readings;
	if (latest == NULL || !still_true(latest) || !period_holds(&latest->read.terms, clock) || !unchanged(latest, TERMS, snapshot) ||
		!read_quotes(&copy->read, &latest->read, venue->news.anchor, snapshot, clock, context))
		read_all(copy, snapshot, clock);
}

/* A published market; the row is looked at by every snapshot, so whoever it was read for, it serves all. */
static void
read_published(MarketCopy *copy, Snapshot snapshot)
{
	KeptVenue  *venue = copy->venue;

	copy->moment = news_moment(&venue->news);
	copy->key = key_for(venue, snapshot);
	copy->own.some = false;
	copy->shared = true;
	copy->number = ++readings;
	read_published_market(&venue->reader, &copy->read, &copy->row, venue->news.anchor, snapshot, context);
	copy->log_end = XactLastRecEnd;
}

static bool
same_stamp(const MarketStamp *a, const MarketStamp *b)
{
	return a->halves[0] == b->halves[0] && a->halves[1] == b->halves[1] && (a->halves[0] | a->halves[1]) != 0;
}

static void
note_id(const MarketStamp *stamp, int64 id)
{
	known_ids[next_known].stamp = *stamp;
	known_ids[next_known].id = id;
	next_known = (next_known + 1) % KNOWN_IDS;
}

static MarketCopy *
read_anew(KeptVenue *venue, Snapshot snapshot, TimestampTz clock)
{
	/* an error must not lose it */
	Holder	   *holder = make_holder(CurrentMemoryContext);
	MarketCopy *copy = new_copy(venue);

	put(&holder->copy, copy);
	if (venue->published)
		read_published(copy, snapshot);
	else
		read_copy(copy, snapshot, clock);
	if (!pg_strong_random(&copy->read.market->stamp, sizeof(MarketStamp)))
		copy->read.market->stamp = NO_STAMP;
	if (venue->published)
		note_id(&copy->read.market->stamp, copy->row.id);
	put(copy->shared ? &venue->latest : &venue->aside, copy);
	put(&holder->copy, NULL);
	return copy;
}

static MarketCopy *
current_copy(KeptVenue *venue, Snapshot snapshot, TimestampTz clock)
{
	MarketCopy *copy = find_copy(venue, snapshot, clock);

	if (unlikely(copy == NULL))
		copy = read_anew(venue, snapshot, clock);
	if (venue->published)
		check_still_valid(&copy->row, venue->news.anchor, clock);
	return copy;
}

/* ---------- whose venue, and who may ask ---------- */

/* The function market() of a schema, if a role owns it. */
static Oid
market_function(Oid schema, Oid owner)
{
	HeapTuple	tuple = SearchSysCache3(PROCNAMEARGSNSP, CStringGetDatum("market"), PointerGetDatum(buildoidvector(NULL, 0)),
										ObjectIdGetDatum(schema));
	Oid			function = InvalidOid;

	if (!HeapTupleIsValid(tuple))
		return InvalidOid;
	if (((Form_pg_proc) GETSTRUCT(tuple))->proowner == owner)
		function = ((Form_pg_proc) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return function;
}

/* Of a book over a published market the other one. */
static bool
is_anchor(const char *name)
{
	return strcmp(name, "planned_change") == 0 || strcmp(name, MARKET_SOURCE) == 0;
}

/* The row type of a view planned_change beside a function market() of the same owner: whoever made both may be acted for. */
static VenueParts
parts_of_venue(Oid row_type)
{
	Oid			relation = OidIsValid(row_type) ? get_typ_typrelid(row_type) : InvalidOid;
	HeapTuple	tuple = OidIsValid(relation) ? SearchSysCache1(RELOID, ObjectIdGetDatum(relation)) : NULL;
	VenueParts	parts = {InvalidOid, InvalidOid, false};

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class view = (Form_pg_class) GETSTRUCT(tuple);

		if (view->relkind == RELKIND_VIEW && is_anchor(NameStr(view->relname)))
			parts = (VenueParts) {relation, market_function(view->relnamespace, view->relowner), strcmp(NameStr(view->relname), MARKET_SOURCE) == 0};
		ReleaseSysCache(tuple);
	}
	if (!OidIsValid(parts.market))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not the row type of a venue's view planned_change",
						OidIsValid(row_type) ? format_type_be(row_type) : "the argument")));
	return parts;
}

/* As PostgreSQL says it of a call of market(). */
static void
check_rights(const VenueParts *parts, Oid role)
{
	AclResult	result = MARGIN_FUNCTION_ACLCHECK(parts->market, role);

	if (result != ACLCHECK_OK)
		aclcheck_error(result, OBJECT_FUNCTION, get_func_name(parts->market));
}

/* ---------- market() ---------- */

/* What a call site returned last, and to whom. */
typedef struct Site
{
	Holder		holder;
	SnapshotKey key;
	Oid			user;
	TimestampTz clock;
} Site;

static Site *
site_of(FunctionCallInfo fcinfo)
{
	if (unlikely(fcinfo->flinfo->fn_extra == NULL))
	{
		Site	   *site = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Site));

		init_holder(&site->holder, fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = site;
	}
	return fcinfo->flinfo->fn_extra;
}

static bool
site_holds(const Site *site, const SnapshotKey *key, TimestampTz clock)
{
	return site->holder.copy != NULL && keys_equal(&site->key, key) && site->user == GetUserId() &&
		site->clock == clock && still_true(site->holder.copy);
}

PG_FUNCTION_INFO_V1(margin_kept_market);

/*
 * kept_market(venue anyelement, clock timestamptz) returns market: of the venue
 * whose view planned_change has the row type of the first argument
 */
Datum
margin_kept_market(PG_FUNCTION_ARGS)
{
	Site	   *site = site_of(fcinfo);
	Snapshot	snapshot;
	SnapshotKey key;
	TimestampTz clock;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (unlikely(!ActiveSnapshotSet()))
		elog(ERROR, "the market was asked for outside of a statement");
	snapshot = GetActiveSnapshot();
	key = key_for(site->holder.copy == NULL ? NULL : site->holder.copy->venue, snapshot);
	clock = PG_GETARG_TIMESTAMPTZ(1);
	if (unlikely(!site_holds(site, &key, clock)))
	{
		VenueParts	parts = parts_of_venue(get_fn_expr_argtype(fcinfo->flinfo, 0));

		check_rights(&parts, GetUserId());
		put(&site->holder.copy, current_copy(venue_of(&parts), snapshot, clock));
		site->key = key_for(site->holder.copy->venue, snapshot);
		site->user = GetUserId();
		site->clock = clock;
	}
	PG_RETURN_POINTER(site->holder.copy->read.market);
}

PG_FUNCTION_INFO_V1(margin_market_until);

/*
 * market_until(venue anyelement, clock timestamptz) returns timestamptz: until
 * when kept_market() of the same arguments holds if nobody writes
 */
Datum
margin_market_until(PG_FUNCTION_ARGS)
{
	VenueParts	parts;
	MarketCopy *copy;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (unlikely(!ActiveSnapshotSet()))
		elog(ERROR, "the market was asked for outside of a statement");
	parts = parts_of_venue(get_fn_expr_argtype(fcinfo->flinfo, 0));
	check_rights(&parts, GetUserId());
	copy = current_copy(venue_of(&parts), GetActiveSnapshot(), PG_GETARG_TIMESTAMPTZ(1));
	if (!copy->read.timed)
		PG_RETURN_NULL();
	PG_RETURN_TIMESTAMPTZ(copy->read.whole.until);
}

/* ---------- which published market it is ---------- */

/* The copy with a stamp, among those that are read from the tables of a venue. */
static const MarketCopy *
stamped_copy(const MarketStamp *stamp)
{
	for (KeptVenue *venue = venues; venue != NULL; venue = venue->next)
	{
		if (venue->published)
			continue;
		if (venue->latest != NULL && same_stamp(&venue->latest->read.market->stamp, stamp))
			return venue->latest;
		if (venue->aside != NULL && same_stamp(&venue->aside->read.market->stamp, stamp))
			return venue->aside;
	}
	return NULL;
}

/* The id under which a venue publishes that very market, as the active snapshot shows it. */
static bool
ask_for_id(const Market *market, const MarketCopy *copy, int64 *id)
{
	Oid			anchor = copy->venue->news.anchor;
	VenueParts	parts = parts_of_venue(get_rel_type_id(anchor));
	Argument	argument = {get_func_rettype(parts.market), PointerGetDatum(market), false};
	Identity	mine = act_for(owner_of(anchor), RESTRICTED);
	NullableDatum answer = ask_home("published_id", anchor, &argument, 1);

	act_as_before(mine);
	if (answer.isnull)
		return false;
	*id = DatumGetInt64(answer.value);
	/* one that is rolled back will be another market's */
	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		note_id(&market->stamp, *id);
	return true;
}

/* By its stamp: so a market that this session has not read itself has no id. */
bool
published_id(const Market *market, int64 *id)
{
	const MarketCopy *copy;

	for (int i = 0; i < KNOWN_IDS; i++)
	{
		if (same_stamp(&known_ids[i].stamp, &market->stamp))
		{
			*id = known_ids[i].id;
			return true;
		}
	}
	copy = stamped_copy(&market->stamp);
	return copy != NULL && ask_for_id(market, copy, id);
}

PG_FUNCTION_INFO_V1(margin_market_id);

/* market_id(market) returns bigint */
Datum
margin_market_id(PG_FUNCTION_ARGS)
{
	int64		id;

	if (!published_id(market_from_datum(PG_GETARG_DATUM(0)), &id))
		PG_RETURN_NULL();
	PG_RETURN_INT64(id);
}

/* ---------- the market of a book ---------- */

/*
 * Which venue judges a book its bridge says, a function that its owner may
 * replace: it is asked once, and again when any function has changed.  What it
 * returns need not be the market of a venue; then it is asked every time.  SPI
 * would copy it; this receiver takes it from where it is.
 */
typedef struct BridgeReceiver
{
	DestReceiver pub;
	MemoryContext context;
	PresentMarket present;
	Holder	   *holder;
} BridgeReceiver;

/* The copy whose market that is, NULL if it is none. */
static MarketCopy *
copy_at(const void *market)
{
	for (KeptVenue *venue = venues; venue != NULL; venue = venue->next)
	{
		if (venue->latest != NULL && venue->latest->read.market == market)
			return venue->latest;
		if (venue->aside != NULL && venue->aside->read.market == market)
			return venue->aside;
	}
	return NULL;
}

static bool
receive_market(TupleTableSlot *row, DestReceiver *self)
{
	BridgeReceiver *receiver = (BridgeReceiver *) self;
	bool		isnull;
	Datum		value = slot_getattr(row, 1, &isnull);
	MarketCopy *copy = isnull ? NULL : copy_at(DatumGetPointer(value));

	if (copy != NULL)
	{
		put(&receiver->holder->copy, copy);
		receiver->present = (PresentMarket) {copy->read.market, copy->number};
	}
	else if (!isnull)
	{
		MemoryContext caller = MemoryContextSwitchTo(receiver->context);

		receiver->present = (PresentMarket) {market_from_datum(PointerGetDatum(PG_DETOAST_DATUM_COPY(value))), 0};
		MemoryContextSwitchTo(caller);
	}
	return true;
}

static void
receive_nothing(DestReceiver *self, int operation, TupleDesc columns)
{
}

static void
receive_no_more(DestReceiver *self)
{
}

/* The cast holds whoever wrote the bridge to the type that is read here. */
static SPIPlanPtr
prepare_reading(const Book *book)
{
	Oid			type = TIMESTAMPTZOID;
	const char *sql = psprintf("SELECT %s($1)::margin.market", book_object(book, "venue_present_market"));
	SPIPlanPtr	plan = SPI_prepare(sql, 1, &type);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

/* The caller is connected to SPI. */
static PresentMarket
ask_bridge(Book *book, Snapshot snapshot, TimestampTz clock, MemoryContext where)
{
	Datum		value = TimestampTzGetDatum(clock);
	BridgeReceiver receiver = {
		.pub = {receive_market, receive_nothing, receive_no_more, receive_no_more, DestTuplestore},
		.context = where,
		.holder = make_holder(where)
	};
	ParamListInfo parameters = makeParamList(1);
	SPIExecuteOptions options = {.params = parameters, .read_only = true, .dest = &receiver.pub};

	if (book->market == NULL)
		book->market = prepare_reading(book);
	parameters->params[0] = (ParamExternData) {value, false, PARAM_FLAG_CONST, TIMESTAMPTZOID};
	PushActiveSnapshot(snapshot);
	if (SPI_execute_plan_extended(book->market, &options) != SPI_OK_SELECT)
		elog(ERROR, "cannot read the market of book \"%s\"", NameStr(book->name));
	PopActiveSnapshot();
	if (receiver.present.market == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("the venue of book \"%s\" gave no market", NameStr(book->name)),
				 errdetail("Its function venue_present_market() has to return one.")));
	book->bridge_asked = functions_changed;
	book->venue_type = receiver.holder->copy == NULL ? InvalidOid : get_rel_type_id(receiver.holder->copy->venue->news.anchor);
	return receiver.present;
}

/*
 * A book's market as a snapshot sees it, at an instant.  The caller is connected
 * to SPI.
 */
PresentMarket
present_market(Book *book, Snapshot snapshot, TimestampTz clock, MemoryContext where)
{
	Identity	mine = act_for(book_owner(book), RESTRICTED);
	PresentMarket present;

	if (unlikely(!OidIsValid(book->venue_type) || book->bridge_asked != functions_changed))
		present = ask_bridge(book, snapshot, clock, where);
	else
	{
		VenueParts	parts = parts_of_venue(book->venue_type);
		Holder	   *holder = make_holder(where);

		check_rights(&parts, GetUserId());
		put(&holder->copy, current_copy(venue_of(&parts), snapshot, clock));
		present = (PresentMarket) {holder->copy->read.market, holder->copy->number};
	}
	act_as_before(mine);
	return present;
}

/* Whether a book is known to read its market from the tables of a venue in this database. */
bool
market_is_of_venue(const Book *book)
{
	return OidIsValid(book->venue_type) && book->bridge_asked == functions_changed && !parts_of_venue(book->venue_type).published;
}

/* Which reading of a book's market holds for a snapshot, at an instant; 0: it would have to be read again. */
uint64
market_reading(const Book *book, Snapshot snapshot, TimestampTz clock)
{
	VenueParts	parts;
	MarketCopy *copy;

	if (!OidIsValid(book->venue_type) || book->bridge_asked != functions_changed)
		return 0;
	parts = parts_of_venue(book->venue_type);
	copy = find_copy(venue_of(&parts), snapshot, clock);
	return copy == NULL || !period_holds(&copy->read.whole, clock) ? 0 : copy->number;
}

/* ---------- the end of transactions ---------- */

/* What only this transaction may have seen goes with it; on a standby others see it, too. */
void
market_copy_at_transaction_end(XactEvent event)
{
	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	for (KeptVenue *venue = venues; venue != NULL; venue = venue->next)
	{
		if (venue->aside != NULL && venue->aside->key.transaction != InvalidLocalTransactionId)
			put(&venue->aside, NULL);
	}
}

void
market_copy_at_subtransaction_end(SubXactEvent event)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		undone++;
}
