/*
 * market_news.c
 *		What a session hears of the tables that the market of a venue is read from.
 *
 * Triggers on those tables send an invalidation message, which PostgreSQL
 * delivers to every session when the writer commits, and to the writer's own at
 * its next command and when it rolls back.  It names a view that hardly anybody
 * opens, stale_price for prices and planned_change for everything else: named
 * after a table it would make every session plan its queries again whenever a
 * price moves.
 *
 * When may what one snapshot showed be taken for what another one shows?  If no
 * transaction that wrote lies between them.  Snapshots are ordered by time, and
 * each message counts.  Say that both are at or after the fence, the moment when
 * the last message was taken in: both see whatever was reported until then.  Anybody
 * who became visible since has either said so, which would have moved the
 * fence, or is about to: PostgreSQL makes a transaction visible first, sends its
 * messages next, and releases its locks last.  So the trigger locks the view that
 * its message names, in a mode that does not conflict with itself, and who wants
 * to take one snapshot for another tries for a lock that does.  While somebody
 * holds it, it cannot be known, and the tables are read.
 *
 * What the transaction itself wrote is seen by its next command, and told only
 * by triggers that may fire later.  But a write locks its table until the end of
 * the (sub)transaction, so whether there may be one is known from that.
 *
 * Triggers do not see all: ALTER TABLE may compute new prices, or switch them
 * off.  So any change of one of the tables counts as an alteration, after which
 * nothing that was read before is worth anything, not even to the snapshot that
 * it was read by; and a market is not shared at all where one of them would not
 * tell.  A session that alters a table has locked it against writers, so that lock is
 * probed as well.  The same goes for the functions that read a market, but for the last.
 *
 * Isolation level SERIALIZABLE wants to know who reads what, a standby knows no
 * order of snapshots, and a parallel worker holds none of its leader's locks:
 * there a market serves only the snapshot that it was read by.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "access/relation.h"
#include "access/transam.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "catalog/namespace.h"
#include "catalog/pg_trigger.h"
#include "commands/trigger.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "parser/parse_func.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "storage/procarray.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "book/acting.h"
#include "book/market_news.h"

/* As stored_market() reads them. */
static const struct
{
	const char *name;
	Channel		channel;
}			sources[MARKET_SOURCES] = {
	{"asset", TERMS}, {"asset_change", TERMS}, {"collateral_tier", TERMS}, {"initial_collateral_tier", TERMS}, {"liability_tier", TERMS},
	{"index_price", QUOTES}, {"contract", TERMS}, {"contract_change", TERMS}, {"risk_tier", TERMS}, {"mark_price", QUOTES},
	{"level_threshold", TERMS}, {"venue_rule", TERMS}
};

/* The lock of a writer, and the one that finds writers: weak, so that it costs next to nothing. */
#define WRITER_LOCK ShareLock
#define PROBE_LOCK RowExclusiveLock

/* The first round takes in messages that have been waiting, the second one finds all quiet; more only where tables are being altered. */
#define LEARNING_ROUNDS 4

uint64		functions_changed;	/* how often, of any function */

static MarketNews *subscriptions;	/* of all venues */
static uint32 readers[2];		/* what the functions that read a market are called by the cache of functions */

/* ---------- hearing ---------- */

/*
 * Everything that has been told until now is visible to a snapshot whose xmax is
 * beyond the newest transaction that is over.
 */
static void
heard(MarketNews *news, Channel channel)
{
	TransactionId xmax = XidFromFullTransactionId(MARGIN_LATEST_COMPLETED_XID);

	TransactionIdAdvance(xmax);
	news->fences[channel] = (Fence) {xmax, -1};
	news->messages[channel]++;
}

static void
altered(MarketNews *news)
{
	news->alterations++;
	for (Channel channel = 0; channel < CHANNELS; channel++)
		heard(news, channel);
}

static bool
is_source(const MarketNews *news, Oid relation)
{
	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		if (relation == news->sources[i])
			return true;
	}
	return false;
}

/* Nothing but counting: this runs at any time, also in the middle of reading a market. */
static void
relation_changed(Datum arg, Oid relation)
{
	for (MarketNews *news = subscriptions; news != NULL; news = news->next)
	{
		if (!OidIsValid(relation) || is_source(news, relation))
			altered(news);
		for (Channel channel = 0; channel < CHANNELS; channel++)
		{
			if (relation == news->messengers[channel])
				heard(news, channel);
		}
	}
}

static void
function_changed(Datum arg, int cache, uint32 hash)
{
	functions_changed++;
	if (hash != 0 && hash != readers[0] && hash != readers[1])
		return;
	for (MarketNews *news = subscriptions; news != NULL; news = news->next)
		altered(news);
}

static uint32
function_hash(const char *name)
{
	return GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(internal_function(name)));
}

/* From now on any message is news. */
void
news_subscribe(MarketNews *news, Oid anchor)
{
	static bool listening = false;

	readers[0] = function_hash("stored_market");
	readers[1] = function_hash("market_lasts");
	if (!listening)
	{
		CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
		CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
		listening = true;
	}
	news->anchor = anchor;
	news->alterations = 1;
	news->next = subscriptions;
	subscriptions = news;
}

/* ---------- who tells ---------- */

/* The view that messages of a channel name; venues of before there was one for prices have one for all. */
static Oid
messenger_of(Oid schema, Channel channel)
{
	Oid			messenger = channel == QUOTES ? get_relname_relid("stale_price", schema) : InvalidOid;

	return OidIsValid(messenger) ? messenger : get_relname_relid("planned_change", schema);
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

/* What there is to learn, as it stands now. */
static void
learn(MarketNews *news)
{
	Oid			function = LookupFuncName(list_make2(makeString("margin_internal"), makeString("market_changed")), 0, NULL, false);
	Oid			schema = get_rel_namespace(news->anchor);

	for (Channel channel = 0; channel < CHANNELS; channel++)
	{
		news->messengers[channel] = messenger_of(schema, channel);
		heard(news, channel);
	}
	news->all_told = true;
	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		news->sources[i] = get_relname_relid(sources[i].name, schema);
		news->all_told = always_tells(news->sources[i], function) && news->all_told;
	}
}

/*
 * Learns who will tell of changes, and whether all will; to be done before anything
 * is read.  False if that was altered again each time while it was looked at, as it is for
 * a session that loses all its caches at every look (debug_discard_caches): then
 * nothing is known, and what is read now is good for nobody but whoever reads it.
 */
bool
news_learn(MarketNews *news)
{
	for (int round = 0; round < LEARNING_ROUNDS && news->learned != news->alterations; round++)
	{
		uint64		before = news->alterations;

		learn(news);
		news->learned = before;
	}
	return news->learned == news->alterations;
}

MarketMoment
news_moment(const MarketNews *news)
{
	MarketMoment moment = {.alterations = news->alterations};

	memcpy(moment.messages, news->messages, sizeof(moment.messages));
	return moment;
}

/* ---------- what a snapshot sees ---------- */

/* Whether the transaction has the lock that it takes to write a table, or to empty it. */
static bool
may_have_written(Oid table)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, table);
	return MARGIN_LOCK_HELD(&tag, RowExclusiveLock) || MARGIN_LOCK_HELD(&tag, AccessExclusiveLock);
}

/* Whether the transaction may have written what would be read on a channel. */
static bool
news_written_here(const MarketNews *news, Channel channel)
{
	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return false;
	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		if (sources[i].channel == channel && may_have_written(news->sources[i]))
			return true;
	}
	return false;
}

/* What a query that is not done holds open counts as being written. */
OwnWrites
news_own_writes(const MarketNews *news)
{
	OwnWrites	own = {.log_end = XactLastRecEnd};

	if (!TransactionIdIsValid(GetTopTransactionIdIfAny()))
		return own;
	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		Relation	table = may_have_written(news->sources[i]) ? RelationIdGetRelation(news->sources[i]) : NULL;

		if (table == NULL)
			continue;
		own.some = true;
		if (table->rd_refcnt > 1)
			own.going_on = true;
		if (!RelationNeedsWAL(table))
			own.log_end = InvalidXLogRecPtr;
		RelationClose(table);
	}
	return own;
}

static bool
beyond_fence(const Fence *fence, Snapshot snapshot)
{
	return TransactionIdFollows(snapshot->xmax, fence->xmax) ||
		(snapshot->xmax == fence->xmax && (int) snapshot->xcnt <= fence->running);
}

/*
 * Whether a snapshot sees all that has been told.  One with the very xmax of the
 * fence does if it is no older than one taken now, which certainly does.
 */
bool
news_abreast(MarketNews *news, Channel channel, Snapshot snapshot)
{
	static SnapshotData now = {.snapshot_type = SNAPSHOT_MVCC};
	Fence	   *fence = &news->fences[channel];

	if (!news->all_told || IsolationIsSerializable() || IsParallelWorker() || snapshot->takenDuringRecovery || RecoveryInProgress())
		return false;
	if (fence->running < 0 && snapshot->xmax == fence->xmax)
	{
		(void) GetSnapshotData(&now);
		if (now.xmax == fence->xmax)
			fence->running = now.xcnt;
	}
	return beyond_fence(fence, snapshot);
}

/*
 * Whether somebody who has locked a relation against writers may be visible already.
 * Whoever holds the lock may be: PostgreSQL does not tell of those who have
 * committed and not released it yet (GetLockConflicts() leaves them out).
 */
static bool
locker_may_be_seen(Oid relation)
{
	if (!ConditionalLockRelationOid(relation, PROBE_LOCK))
		return true;
	UnlockRelationOid(relation, PROBE_LOCK);
	return false;
}

/* Of those who write, and of those who alter a table. */
static bool
writer_may_be_seen(const MarketNews *news, Channel channel)
{
	bool		seen = locker_may_be_seen(news->messengers[channel]);

	for (int i = 0; i < MARKET_SOURCES && !seen; i++)
		seen = sources[i].channel == channel && locker_may_be_seen(news->sources[i]);
	return seen;
}

/*
 * Whether a snapshot sees on a channel what was told, all of it, and nothing
 * else.  A view that has been made in the meantime is one that nobody here
 * listens to yet.
 */
bool
news_steady(MarketNews *news, Channel channel, Snapshot snapshot)
{
	uint64		before = news->messages[channel];

	if (messenger_of(get_rel_namespace(news->anchor), channel) != news->messengers[channel])
		altered(news);
	if (news_written_here(news, channel) || !news_abreast(news, channel, snapshot) ||
		writer_may_be_seen(news, channel))
		return false;
	AcceptInvalidationMessages();
	return news->messages[channel] == before;
}

/* ---------- telling ---------- */

static Channel
channel_of(Relation table)
{
	for (int i = 0; i < MARKET_SOURCES; i++)
	{
		if (strcmp(RelationGetRelationName(table), sources[i].name) == 0)
			return sources[i].channel;
	}
	return TERMS;
}

PG_FUNCTION_INFO_V1(margin_market_changed);

/* trigger, by row or by statement, on every table of a venue that its market is made of */
Datum
margin_market_changed(PG_FUNCTION_ARGS)
{
	Relation	table;
	Oid			messenger;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("market_changed() must be called as a trigger")));
	table = ((TriggerData *) fcinfo->context)->tg_relation;
	messenger = messenger_of(RelationGetNamespace(table), channel_of(table));
	if (!OidIsValid(messenger))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("schema \"%s\" has no view planned_change", get_namespace_name(RelationGetNamespace(table))),
				 errdetail("Sessions that keep the market of a venue wait for messages that name it.")));
	LockRelationOid(messenger, WRITER_LOCK);
	CacheInvalidateRelcacheByRelid(messenger);
	return PointerGetDatum(NULL);
}
