/*
 * safe_move.c
 *		How far prices may move with a level unchanged, and the level that is to be kept now.
 *
 * A kept level falls only as far as release ratios let it (SPEC 3.10).  Written
 * out, with MM the maintenance margin, E the equity, t the threshold of the level
 * itself, t' that of the next one, r its release ratio, and h the smaller of t
 * and r, an account that is priced stays at
 *
 *		healthy			where E >= 0, and MM < t' * E or MM = 0;
 *		warning			where E >= 0, MM > 0, MM < t' * E and MM >= h * E;
 *		margin call		the same;
 *		liquidation		where E >= 0, MM > 0 and MM >= h * E;
 *		bankrupt		where E < 0.
 *
 * MM >= 0 and t' > 0, so MM < t' * E says that E > 0; and with h > 0, E > 0 and
 * MM >= h * E say that MM > 0.  Each line is then one or two sums of
 * safe_goal.h that stay on their side of 0, and what remains is what happens
 * where a sum is 0.
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

StaticAssertDecl(ROOM_DIGITS == SAFE_DIGITS && ROOM_ALL == SAFE_ALL, "rooms are counted as boxes are");

/* ---------- the kept level ---------- */

/* Does a release ratio hold its level? */
static bool
is_held(const Valuation *v, const ReleaseRatios *ratios, Threshold threshold)
{
	Decimal		bound;

	if (!ratios->held[threshold])
		return false;
	dec_mul(&bound, &ratios->ratio[threshold], &v->equity);
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

/* The level is reached or held: maintenance >= h * equity.  Where that is no condition, that there is maintenance. */
static SafeGoal
not_below(const Market *market, Threshold threshold, const ReleaseRatios *ratios)
{
	SafeGoal	goal = {.below = false, .required = true, .tie = TIE_HOLDS};
	Decimal		buffer;

	goal.threshold = *dec_flat(&market->thresholds[threshold], market, &buffer);
	if (ratios->held[threshold] && dec_cmp(&ratios->ratio[threshold], &goal.threshold) < 0)
		goal.threshold = ratios->ratio[threshold];
	if (dec_sign(&goal.threshold) <= 0)
	{
		goal.threshold = DEC_ZERO;
		goal.tie = TIE_FAILS;
	}
	return goal;
}

/* The next level is not reached: maintenance < t' * equity. */
static SafeGoal
not_above(const Market *market, Threshold threshold, SafeTie tie)
{
	SafeGoal	goal = {.below = true, .required = true, .tie = tie};
	Decimal		buffer;

	goal.threshold = *dec_flat(&market->thresholds[threshold], market, &buffer);
	return goal;
}

/* Equity on one side of 0. */
static SafeGoal
solvent(bool is, SafeTie tie)
{
	return (SafeGoal) {.below = is, .required = false, .threshold = DEC_ONE, .tie = tie};
}

#define MAX_GOALS 2

static int
goals_of_level(SafeGoal *goals, Level level, const Market *market, const ReleaseRatios *ratios)
{
	switch (level)
	{
		case LEVEL_HEALTHY:
			goals[0] = not_above(market, THRESHOLD_WARNING, TIE_NOTHING_REQUIRED);
			return 1;
		case LEVEL_WARNING:
			goals[0] = not_above(market, THRESHOLD_MARGIN_CALL, TIE_FAILS);
			goals[1] = not_below(market, THRESHOLD_WARNING, ratios);
			return 2;
		case LEVEL_MARGIN_CALL:
			goals[0] = not_above(market, THRESHOLD_LIQUIDATION, TIE_FAILS);
			goals[1] = not_below(market, THRESHOLD_MARGIN_CALL, ratios);
			return 2;
		case LEVEL_LIQUIDATION:
			goals[0] = solvent(true, TIE_REQUIRED);
			goals[1] = not_below(market, THRESHOLD_LIQUIDATION, ratios);
			return 2;
		default:
			Assert(level == LEVEL_BANKRUPT);
			goals[0] = solvent(false, TIE_FAILS);
			return 1;
	}
}

/* ---------- the room ---------- */

static bool
all_proven(const SafeProof *proof, const SafeGoal *goals, int ngoals, int64 n)
{
	for (int i = 0; i < ngoals; i++)
	{
		if (!safe_proven(proof, &goals[i], n))
			return false;
	}
	return true;
}

/* The first three digits of a number, with zeros behind them. */
static int64
leading_digits(int64 n)
{
	int64		unit = 1;

	while (n / unit >= 1000)
		unit *= 10;
	return n / unit * unit;
}

/*
 * The largest n that is proven, near what the search says: a box inside a
 * proven one is safe as well.  The search may be off in its last digit, so
 * what is next below is tried; and where numbers are beyond doubles it may
 * have gone wrong, so all that is below is halved.
 */
static int64
largest_proven(const SafeProof *proof, const SafeGoal *goals, int ngoals, double found, bool coarse)
{
	int64		high = SAFE_ALL;
	int64		low = 0;

	if (found >= 0 && found < 1)
		high = (int64) floor(found * SAFE_ALL + 0.002);
	if (coarse)
		high = leading_digits(high);
	for (int i = 0; i < 3; i++)
	{
		if (high <= 0)
			return 0;
		if (all_proven(proof, goals, ngoals, high))
			return high;
		high--;
	}
	while (low < high)
	{
		int64		middle = (low + high + 1) / 2;

		if (all_proven(proof, goals, ngoals, middle))
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
	SafeGoal	goals[MAX_GOALS];
	SafeProof  *proof;
	int			ngoals;

	Assert(v->level != LEVEL_UNPRICED);
	if (level == LEVEL_UNPRICED || kept_level(v, level, ratios) != level)
		return 0;
	ngoals = goals_of_level(goals, level, market, ratios);
	proof = safe_proof_open(v, market);
	return largest_proven(proof, goals, ngoals, safe_search(v, market, goals, ngoals, least), least > 0);
}

/* The same as the part of a price, in a double that is not above it. */
double
room_below(int64 room)
{
	double		part = (double) room / ROOM_ALL;

	return fma(part, (double) ROOM_ALL, -(double) room) > 0 ? nextafter(part, 0) : part;
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

void
watch_account(Watched *watched, Datum portfolio, const Market *market, int kept, const ReleaseRatios *ratios, double least)
{
	Valuation	v;

	if (isinf(least))
	{
		value_portfolio(&v, portfolio, market, VALUE_MAINTENANCE);
		*watched = (Watched) {.level = kept_level(&v, kept, ratios)};
		return;
	}
	value_portfolio(&v, portfolio, market, VALUE_MAINTENANCE | VALUE_LINES);
	watched->level = kept_level(&v, kept, ratios);
	watched->mask = symbol_mask(&v, market);
	watched->room = v.level != LEVEL_UNPRICED ? room_of_level(&v, market, watched->level, ratios, least) : 0;
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
	values[1] = Float8GetDatum(room_below(watched.room));
	nulls[1] = watched.level == LEVEL_UNPRICED;
	values[2] = Int64GetDatum((int64) watched.mask);
	return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}
