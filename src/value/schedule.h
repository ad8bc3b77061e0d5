/*
 * schedule.h
 *		Tier schedules: an ordered list of (lower_bound, rate) (SPEC 2).
 *
 * Both methods are one piecewise linear function: in the tier that holds x,
 * S(x) = rate * x + intercept, where the intercept of a whole tier is 0 and
 * that of a marginal one makes S continuous.  The value is flat and position
 * independent; a market holds schedules as they are.
 *
 * Bounds are in the unit of what the schedule is applied to, rates are plain
 * factors (0.975 is 97.5 %).  A built schedule has at least one tier, a first
 * bound of 0, strictly rising bounds and rates >= 0, all within the digits of
 * an input; what a rate may be beyond that depends on its use.
 */
#ifndef MARGIN_SCHEDULE_H
#define MARGIN_SCHEDULE_H

#include "base/decimal.h"
#include "base/json.h"

#define SCHEDULE_VERSION 1
#define SCHEDULE_MAX_TIERS 1000

typedef enum TierMethod
{
	TIER_MARGINAL,
	TIER_WHOLE
} TierMethod;

extern const char *const tier_method_names[];

typedef struct Tier
{
	Decimal		bound;
	Decimal		rate;
	Decimal		intercept;
} Tier;

typedef struct Schedule
{
	int32		vl_len_;
	uint8		version;
	uint8		method;
	uint16		count;
	Tier		tiers[FLEXIBLE_ARRAY_MEMBER];
	/* numerics that fit no mantissa follow */
} Schedule;

extern Schedule *schedule_add_rate(const Schedule *schedule, const Decimal *rate);
extern Schedule *schedule_scale_bounds(const Schedule *schedule, const Decimal *factor);
extern Schedule *schedule_parse(const char *text);
extern void schedule_append(StringInfo out, const Schedule *schedule);
extern Schedule *schedule_from_datum(Datum value);

/* A schedule under construction. */
typedef struct TierPair
{
	Decimal		bound;			/* first: tiers are sorted by it */
	Decimal		rate;
} TierPair;

typedef struct TierList
{
	TierMethod	method;
	int			count;
	int			capacity;
	TierPair   *tiers;
} TierList;

extern void tier_list_add(TierList *list, const Decimal *bound, const Decimal *rate, MemoryContext context);
extern Schedule *schedule_build(const TierList *list);

/* A schedule under construction from JSON, by whoever reads the JSON: "type" is what it reads. */
typedef struct ScheduleInput
{
	TierList	list;
	uint32		seen_keys;
	uint32		seen_tier_keys;
	TierPair	tier;
} ScheduleInput;

extern void schedule_input_value(ScheduleInput *input, const char *type, const char *key, const char *token, JsonTokenType kind);
extern void schedule_input_tiers(ScheduleInput *input, const char *type, const char *key);
extern void schedule_input_open_tier(ScheduleInput *input);
extern void schedule_input_tier_value(ScheduleInput *input, const char *type, const char *key, const char *token, JsonTokenType kind);
extern void schedule_input_close_tier(ScheduleInput *input, const char *type);
extern Schedule *schedule_input_end(ScheduleInput *input, const char *type);
extern void schedule_append_json(StringInfo out, const Schedule *schedule);

/* A part of an amount, and the tier that it lies in. */
typedef struct ScheduleSlice
{
	Decimal		lower;
	Decimal		upper;			/* unless it is open-ended */
	bool		open_ended;
	Decimal		rate;
	Decimal		amount;
} ScheduleSlice;

extern int	schedule_find_tier(const Schedule *schedule, const Decimal *x);
extern void schedule_apply(Decimal *r, const Schedule *schedule, const Decimal *x);
extern bool schedule_slice(ScheduleSlice *slice, const Schedule *schedule, const Decimal *x, int number);

/* Shape rules of a use; "what" names the schedule in the error. */
extern void schedule_check_ratios(const Schedule *schedule, const char *what);
extern void schedule_check_rising(const Schedule *schedule, const char *what);

#endif							/* MARGIN_SCHEDULE_H */
