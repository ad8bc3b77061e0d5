/*
 * safe_move.c
 *		How far prices may move with a level unchanged, and the level that is to be kept now.
 *
 * A kept level falls only as far as release ratios let it (SPEC 3.10).  Written
 * out, with MM the maintenance margin, E the equity, J <= E what is judged of it once open
 * orders have taken theirs, t the threshold of the level itself, t' that of the next one, r
 * its release ratio, and h the smaller of t and r, an account that is priced stays at
 *
 *		healthy			where E >= 0, and MM < t' * J or MM = 0;
 *		warning			where E >= 0, MM > 0, MM < t' * J and MM >= h * J;
 *		margin call		the same;
 *		liquidation		where E >= 0, MM > 0 and MM >= h * J;
 *		bankrupt		where E < 0.
 *
 * MM >= 0 and t' > 0, so MM < t' * J says that J > 0, and E with it; with h > 0, J > 0 and
 * MM >= h * J say that MM > 0; and where J < 0, MM >= h * J says nothing.  Each line is
 * then one to three sums of safe_goal.h that stay on their side of 0, and what remains is
 * what happens where a sum is 0.
 *
 * Where that leaves a choice there are two ways to stay, and the one that goes further
 * counts: healthy for one of its two reasons; and, where only the larger counts
 * of what positions and what debts require, at a level for one of them.
 */
#include "postgres.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"

#include "base/enums.h"
#include "question/safe_goal.h"
#include "question/safe_move.h"

typedef struct Watched
{
	Level		level;			/* to be kept at now */
	int64		room;			/* in which it stays; 0 where unpriced, or less than was asked for */
	uint64		mask;			/* of the symbols that it depends on */
} Watched;

StaticAssertDecl(ROOM_DIGITS == SAFE_DIGITS && ROOM_ALL == SAFE_ALL, "rooms are counted as boxes are");

/* ---------- the kept level ---------- */

/* Does a release ratio hold its level? */
static bool
is_held(const Valuation *v, const ReleaseRatios *ratios, Threshold threshold)
{
	Decimal		bound;

	if (!ratios->held[threshold])
		return false;
	dec_mul(&bound, &ratios->ratio[threshold], &v->judged_equity);
	return dec_cmp(&v->maintenance_margin, &bound) >= 0;
}

/* The level of an account that was kept at a level and has been valued: as margin.held_level(). */
Level
kept_level(const Valuation *v, int kept, const ReleaseRatios *ratios)
{
	if (kept == LEVEL_NONE || kept == LEVEL_UNPRICED || (int) v->level >= kept || v->level >= LEVEL_LIQUIDATION ||
		dec_is_zero(&v->maintenance_margin))
		return v->level;
	for (int level = Min(kept, LEVEL_LIQUIDATION); level > (int) v->level; level--)
	{
		if (is_held(v, ratios, level - LEVEL_WARNING))
			return level;
	}
	return v->level;
}

/* ---------- what has to hold for a level to stay ---------- */

/* Next level not reached, by positions and by debts; reached or held; equity; some maintenance. */
#define MAX_GOALS 4

/* One way to stay at a level: all of it has to hold. */
typedef struct Way
{
	int			ngoals;
	SafeGoal	goals[MAX_GOALS];
} Way;

#define MAX_WAYS 2

/* What decides which ways there are. */
typedef struct Stay
{
	const Valuation *v;
	const Market *market;
	const ReleaseRatios *ratios;
	bool		larger;			/* of what positions and debts require only the larger counts, and there may be both */
	bool		reduced;		/* less than equity is judged */
} Stay;

static bool
may_require_debts(const Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
	{
		if (v->assets[i].terms != NULL && v->assets[i].terms->liability_maintenance != 0)
			return true;
	}
	return false;
}

static bool
has_orders(const Valuation *v)
{
	for (int i = 0; i < v->npositions; i++)
	{
		if (v->positions[i].position.orders != NULL)
			return true;
	}
	return false;
}

static inline void
add_goal(Way *way, const SafeGoal *goal)
{
	Assert(way->ngoals < MAX_GOALS);
	way->goals[way->ngoals++] = *goal;
}

/* The next level is not reached: maintenance < t' * equity; of two kinds of it, each. */
static void
add_not_above(Way *way, const Stay *stay, Threshold threshold, SafeTie tie)
{
	SafeGoal	goal = {.below = true, .required = SAFE_MAINTENANCE, .tie = tie};
	Decimal		buffer;

	goal.threshold = *dec_flat(&stay->market->thresholds[threshold], stay->market, &buffer);
	if (stay->larger)
	{
		goal.required = SAFE_DEBTS;
		add_goal(way, &goal);
		goal.required = SAFE_POSITIONS;
	}
	add_goal(way, &goal);
}

/* Equity on one side of 0. */
static void
add_solvent(Way *way, bool is, SafeTie tie)
{
	const SafeGoal goal = {.below = is, .required = SAFE_NOTHING, .threshold = DEC_ONE, .tie = tie};

	add_goal(way, &goal);
}

/* There is some maintenance, or none. */
static void
add_required(Way *way, bool is)
{
	const SafeGoal goal = {.below = !is, .required = SAFE_MAINTENANCE, .threshold = DEC_ZERO, .tie = is ? TIE_FAILS : TIE_HOLDS};

	add_goal(way, &goal);
}

/* The threshold down to which a level is reached or held; not above 0 where that is no condition. */
static Decimal
lower_threshold(const Stay *stay, Threshold threshold)
{
	Decimal		buffer;
	Decimal		least = *dec_flat(&stay->market->thresholds[threshold], stay->market, &buffer);

	if (stay->ratios->held[threshold] && dec_cmp(&stay->ratios->ratio[threshold], &least) < 0)
		least = stay->ratios->ratio[threshold];
	return least;
}

/* Is that part of the maintenance enough for the level, now? */
static bool
is_enough(const Decimal *maintenance, const Stay *stay, const Decimal *threshold)
{
	Decimal		bound;

	dec_mul(&bound, threshold, &stay->v->judged_equity);
	return dec_cmp(maintenance, &bound) >= 0;
}

/*
 * The level is reached or held: maintenance >= h * equity, by that of positions or by that of
 * debts.  Where that is no condition, that there is maintenance.  Makes two ways of one, at times.
 */
static int
add_not_below(Way ways[MAX_WAYS], const Stay *stay, Threshold threshold)
{
	SafeGoal	goal = {.below = false, .required = SAFE_MAINTENANCE, .threshold = lower_threshold(stay, threshold), .tie = TIE_HOLDS};
	bool		by_positions;

	if (dec_sign(&goal.threshold) <= 0)
	{
		add_required(&ways[0], true);
		return 1;
	}
	if (!stay->larger)
	{
		add_goal(&ways[0], &goal);
		return 1;
	}
	ways[1] = ways[0];
	by_positions = is_enough(&stay->v->position_maintenance, stay, &goal.threshold);
	goal.required = by_positions ? SAFE_POSITIONS : SAFE_DEBTS;
	add_goal(&ways[0], &goal);
	goal.required = SAFE_DEBTS;
	add_goal(&ways[1], &goal);
	return by_positions && is_enough(&stay->v->debt_maintenance, stay, &goal.threshold) ? 2 : 1;
}

/* Healthy by what is required, or because nothing is. */
static int
ways_of_health(Way ways[MAX_WAYS], const Stay *stay)
{
	add_not_above(&ways[0], stay, THRESHOLD_WARNING, TIE_NOTHING_REQUIRED);
	if (!stay->reduced || !dec_is_zero(&stay->v->maintenance_margin))
		return 1;
	add_required(&ways[1], false);
	add_solvent(&ways[1], true, TIE_HOLDS);
	return 2;
}

/* The ways in which an account stays at the level that it is kept at now. */
static int
ways_to_stay(Way ways[MAX_WAYS], Level level, const Stay *stay)
{
	ways[0].ngoals = ways[1].ngoals = 0;
	switch (level)
	{
		case LEVEL_HEALTHY:
			return ways_of_health(ways, stay);
		case LEVEL_WARNING:
			add_not_above(&ways[0], stay, THRESHOLD_MARGIN_CALL, TIE_FAILS);
			return add_not_below(ways, stay, THRESHOLD_WARNING);
		case LEVEL_MARGIN_CALL:
			add_not_above(&ways[0], stay, THRESHOLD_LIQUIDATION, TIE_FAILS);
			return add_not_below(ways, stay, THRESHOLD_MARGIN_CALL);
		case LEVEL_LIQUIDATION:
			add_solvent(&ways[0], true, TIE_REQUIRED);
			if (stay->reduced)
				add_required(&ways[0], true);
			return add_not_below(ways, stay, THRESHOLD_LIQUIDATION);
		default:
			Assert(level == LEVEL_BANKRUPT);
			add_solvent(&ways[0], false, TIE_FAILS);
			return 1;
	}
}

/* ---------- the room ---------- */

static bool
all_proven(const SafeProof *proof, const Way *way, int64 n)
{
	for (int i = 0; i < way->ngoals; i++)
	{
		if (!safe_proven(proof, &way->goals[i], n))
			return false;
	}
	return true;
}

/*
 * The largest n that is proven, near what the search says: a box inside a
 * proven one is safe as well.  The search may be off in its last digit, so
 * what is next below is tried; and where numbers are beyond doubles it may
 * have gone wrong, so all that is below is halved.
 */
static int64
largest_proven(const SafeProof *proof, const Way *way, int64 found, bool coarse)
{
	int64		high = coarse ? leading_digits(found) : found;
	int64		low = 0;

	for (int i = 0; i < 3; i++)
	{
		if (high <= 0)
			return 0;
		if (all_proven(proof, way, high))
			return high;
		high--;
	}
	while (low < high)
	{
		int64		middle = (low + high + 1) / 2;

		if (all_proven(proof, way, middle))
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

/*
 * In units of the 8th decimal; 0 where the account is not kept at that level even now.
 *
 * With a "least" it is 0 below that, too, and else rounded down to three digits:
 * who only wants to know whom to leave alone is answered faster, as numbers of
 * fewer digits are multiplied.
 */
int64
room_of_level(const Valuation *v, const Market *market, Level level, const ReleaseRatios *ratios, double least)
{
	Stay		stay = {.v = v, .market = market, .ratios = ratios};
	Way			ways[MAX_WAYS];
	SafeHints	hints = {.lines = palloc(Max(v->nassets, 1) * sizeof(int))};
	SafeProof  *proof = NULL;
	int			nways;
	int64		room = 0;

	Assert(v->level != LEVEL_UNPRICED);
	if (level == LEVEL_UNPRICED || kept_level(v, level, ratios) != level)
		return 0;
	stay.larger = market->liability_rule == LIABILITY_LARGER && may_require_debts(v);
	stay.reduced = market->orders_reduce_equity != REDUCE_NOTHING && has_orders(v);
	nways = ways_to_stay(ways, level, &stay);
	for (int i = 0; i < nways; i++)
	{
		const Way  *way = &ways[i];
		int64		found = safe_search(v, market, way->goals, way->ngoals, least, &hints);

		if (found <= room)
			continue;
		if (proof == NULL)
			proof = safe_proof_open(v, market, &hints);
		found = largest_proven(proof, way, found, least > 0);
		room = Max(room, found);
	}
	return room;
}

/* The same as the part of a price, in a double that is not above it. */
double
room_below(int64 room)
{
	double		part = (double) room / ROOM_ALL;

	return fma(part, (double) ROOM_ALL, -(double) room) > 0 ? nextafter(part, 0) : part;
}

/* The same in a float, as it is kept of each account. */
static double
room_to_keep(int64 room)
{
	float		part = (float) ((double) room / ROOM_ALL);

	/* this product of 24 bits and 27 is exact */
	return (double) part * ROOM_ALL > (double) room ? nextafterf(part, 0) : part;
}

/* ---------- an account that is watched ---------- */

/* One of 64 bits for each asset held or settled in and each contract held; more symbols than that share them. */
static uint64
symbol_mask(const Valuation *v, const Market *market)
{
	uint64		mask = 0;

	for (int i = 0; i < v->nassets; i++)
	{
		if (v->assets[i].asset >= 0)
			mask |= UINT64CONST(1) << (v->assets[i].asset & 63);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		if (v->positions[i].contract >= 0)
			mask |= UINT64CONST(1) << ((market->nassets + v->positions[i].contract) & 63);
	}
	return mask;
}

/* "kept" is a Level or LEVEL_NONE; numerics of the ratios must last.  "least" infinite: nothing but the level. */
static void
watch_account(Watched *watched, Datum portfolio, const Market *market, int kept, const ReleaseRatios *ratios, double least)
{
	Valuation	v;
	bool		wanted = !isinf(least);

	value_portfolio(&v, portfolio, market, wanted ? VALUE_MAINTENANCE | VALUE_LINES : VALUE_MAINTENANCE);
	watched->level = kept_level(&v, kept, ratios);
	watched->mask = symbol_mask(&v, market);
	watched->room = wanted && v.level != LEVEL_UNPRICED ? room_of_level(&v, market, watched->level, ratios, least) : 0;
}

/* ---------- SQL ---------- */

/* What a call site keeps from row to row; nothing depends on it. */
typedef struct WatchSite
{
	StoredMarket stored;
	Oid			levels[LEVELS]; /* as far as they have been met */
	TupleDesc	result;
} WatchSite;

static WatchSite *
watch_site(FunctionCallInfo fcinfo)
{
	if (unlikely(fcinfo->flinfo->fn_extra == NULL))
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(WatchSite));
	return fcinfo->flinfo->fn_extra;
}

static const Market *
market_argument(FunctionCallInfo fcinfo)
{
	Datum		value = PG_GETARG_DATUM(1);

	if (!market_is_stored(value))
		return market_from_datum(value);
	return market_fetch(&watch_site(fcinfo)->stored, value, fcinfo->flinfo->fn_mcxt);
}

static int
level_argument(FunctionCallInfo fcinfo)
{
	WatchSite  *site = watch_site(fcinfo);
	Oid			value;
	int			level;

	if (PG_ARGISNULL(2))
		return LEVEL_NONE;
	value = PG_GETARG_OID(2);
	for (int i = 0; i < LEVELS; i++)
	{
		if (site->levels[i] == value)
			return i;
	}
	level = option_from_enum(value, level_names);
	site->levels[level] = value;
	return level;
}

static Datum
level_datum(FunctionCallInfo fcinfo, Level level)
{
	WatchSite  *site = watch_site(fcinfo);

	if (unlikely(site->levels[level] == InvalidOid))
	{
		Oid			type;

		if (get_call_result_type(fcinfo, &type, NULL) == TYPEFUNC_COMPOSITE)
			type = TupleDescAttr(site->result, 0)->atttypid;
		site->levels[level] = option_to_enum(type, level_names[level]);
	}
	return ObjectIdGetDatum(site->levels[level]);
}

/* The array of release ratios; null, as null elements, holds nothing. */
static void
ratios_argument(ReleaseRatios *ratios, FunctionCallInfo fcinfo)
{
	ArrayType  *array;
	Datum	   *values;
	bool	   *nulls;
	int			count;

	memset(ratios, 0, sizeof(*ratios));
	if (PG_ARGISNULL(3))
		return;
	array = PG_GETARG_ARRAYTYPE_P(3);
	deconstruct_array(array, NUMERICOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
	if (count != THRESHOLDS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("release ratios must be %d numbers, not %d", THRESHOLDS, count),
				 errhint("Give those of warning, margin_call and liquidation, null for one that holds nothing; or null instead of the array.")));
	for (int i = 0; i < THRESHOLDS; i++)
	{
		ratios->held[i] = !nulls[i];
		if (!nulls[i] && !dec_from_input(&ratios->ratio[i], values[i]))
			dec_bad_input(values[i], "release ratio");
	}
}

PG_FUNCTION_INFO_V1(margin_safe_move);

/* safe_move(portfolio, market, level, release_ratios) */
Datum
margin_safe_move(PG_FUNCTION_ARGS)
{
	const Market *market;
	ReleaseRatios ratios;
	Valuation	v;
	Decimal		room;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1) || PG_ARGISNULL(2))
		PG_RETURN_NULL();
	market = market_argument(fcinfo);
	ratios_argument(&ratios, fcinfo);
	value_portfolio(&v, PG_GETARG_DATUM(0), market, VALUE_MAINTENANCE | VALUE_LINES);
	if (v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	dec_set(&room, room_of_level(&v, market, level_argument(fcinfo), &ratios, 0), ROOM_DIGITS);
	dec_normalize(&room);
	return dec_datum(&room, 0);
}

PG_FUNCTION_INFO_V1(margin_kept_level);

/* kept_level(portfolio, market, kept, release_ratios) */
Datum
margin_kept_level(PG_FUNCTION_ARGS)
{
	const Market *market;
	ReleaseRatios ratios;
	Valuation	v;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	if (PG_ARGISNULL(0))
		return level_datum(fcinfo, LEVEL_HEALTHY);
	market = market_argument(fcinfo);
	ratios_argument(&ratios, fcinfo);
	value_portfolio(&v, PG_GETARG_DATUM(0), market, VALUE_MAINTENANCE);
	return level_datum(fcinfo, kept_level(&v, level_argument(fcinfo), &ratios));
}

/* The row type of watch_account(). */
static TupleDesc
watch_result(FunctionCallInfo fcinfo)
{
	WatchSite  *site = watch_site(fcinfo);

	if (unlikely(site->result == NULL))
	{
		MemoryContext old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);

		if (get_call_result_type(fcinfo, NULL, &site->result) != TYPEFUNC_COMPOSITE)
			elog(ERROR, "return type must be a row type");
		site->result = BlessTupleDesc(site->result);
		MemoryContextSwitchTo(old);
	}
	return site->result;
}

PG_FUNCTION_INFO_V1(margin_watch_account);

/* watch_account(portfolio, market, kept, release_ratios, least) returns (level, room, mask) */
Datum
margin_watch_account(PG_FUNCTION_ARGS)
{
	TupleDesc	desc = watch_result(fcinfo);
	Watched		watched = {.level = LEVEL_HEALTHY, .room = ROOM_ALL};
	ReleaseRatios ratios;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	ratios_argument(&ratios, fcinfo);
	if (!PG_ARGISNULL(0))
		watch_account(&watched, PG_GETARG_DATUM(0), market_argument(fcinfo), level_argument(fcinfo), &ratios,
					  PG_ARGISNULL(4) ? 0 : PG_GETARG_FLOAT8(4));
	values[0] = level_datum(fcinfo, watched.level);
	values[1] = Float8GetDatum(room_to_keep(watched.room));
	nulls[1] = watched.level == LEVEL_UNPRICED;
	values[2] = Int64GetDatum((int64) watched.mask);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
