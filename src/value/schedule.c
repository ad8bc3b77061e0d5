/*
 * schedule.c
 *		Tier schedules: type, validation, apply.
 */
#include "postgres.h"

#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "parser/scansup.h"

#include "base/flat.h"
#include "base/enums.h"
#include "value/schedule.h"

#define LINEAR_TIERS 16

const char *const tier_method_names[] = {"marginal", "whole", NULL};

/* ---------- building ---------- */

/* The list's numbers move to "context"; more tiers than a schedule may have are an error at once. */
void
tier_list_add(TierList *list, const Decimal *bound, const Decimal *rate, MemoryContext context)
{
	if (list->count >= SCHEDULE_MAX_TIERS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("schedule has too many tiers"),
				 errdetail("At most %d are allowed.", SCHEDULE_MAX_TIERS)));
	if (list->count == list->capacity)
	{
		Size		size;

		list->capacity = Max(8, 2 * list->capacity);
		size = list->capacity * sizeof(*list->tiers);
		list->tiers = list->tiers == NULL ? MemoryContextAlloc(context, size) : repalloc(list->tiers, size);
	}
	memset(&list->tiers[list->count], 0, sizeof(*list->tiers));
	dec_copy_into(&list->tiers[list->count].bound, bound, context);
	dec_copy_into(&list->tiers[list->count].rate, rate, context);
	list->count++;
}

static void
check_tiers(const TierList *list)
{
	Decimal		zero = DEC_ZERO;

	if (list->count == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schedule must have at least one tier")));
	if (dec_cmp(&list->tiers[0].bound, &zero) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("first lower bound of a schedule must be 0, not %s", dec_text(&list->tiers[0].bound))));
	for (int i = 0; i < list->count; i++)
	{
		const Decimal *bound = &list->tiers[i].bound;
		const Decimal *rate = &list->tiers[i].rate;

		if (dec_sign(rate) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("rate of a tier must not be negative: %s", dec_text(rate)),
					 errdetail("The tier's lower bound is %s.", dec_text(bound))));
		if (i > 0 && dec_cmp(&list->tiers[i - 1].bound, bound) >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("lower bounds of a schedule must rise: %s follows %s",
							dec_text(bound), dec_text(&list->tiers[i - 1].bound))));
		if (!dec_digits_within(bound, DEC_INPUT_DIGITS, DEC_INPUT_DIGITS) ||
			!dec_digits_within(rate, DEC_INPUT_DIGITS, DEC_INPUT_DIGITS))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("tier has a bound or rate with too many digits"),
					 errdetail("At most %d digits are allowed on each side of the decimal point.",
							   DEC_INPUT_DIGITS)));
	}
}

/*
 * What S loses or gains against rate * x in each tier.  Continuity at a bound
 * gives intercept' = intercept + (rate - rate') * bound.
 */
static Decimal *
intercepts(const TierList *list)
{
	Decimal    *result = palloc0(list->count * sizeof(Decimal));

	if (list->method == TIER_WHOLE)
		return result;
	for (int i = 1; i < list->count; i++)
	{
		Decimal		step;

		dec_sub(&step, &list->tiers[i - 1].rate, &list->tiers[i].rate);
		dec_mul(&step, &step, &list->tiers[i].bound);
		dec_add(&result[i], &result[i - 1], &step);
		dec_normalize(&result[i]);
	}
	return result;
}

static Schedule *
flatten_tiers(const TierList *list)
{
	Size		size = offsetof(Schedule, tiers) + list->count * sizeof(Tier);
	Decimal    *intercept = intercepts(list);
	Schedule   *result;
	char	   *extra;

	for (int i = 0; i < list->count; i++)
		size += dec_flat_extra(&list->tiers[i].bound) + dec_flat_extra(&list->tiers[i].rate) +
			dec_flat_extra(&intercept[i]);

	result = palloc0(size);
	SET_VARSIZE(result, size);
	result->version = SCHEDULE_VERSION;
	result->method = list->method;
	result->count = list->count;
	extra = (char *) &result->tiers[list->count];
	for (int i = 0; i < list->count; i++)
	{
		extra = dec_flatten(&result->tiers[i].bound, &list->tiers[i].bound, (char *) result, extra);
		extra = dec_flatten(&result->tiers[i].rate, &list->tiers[i].rate, (char *) result, extra);
		extra = dec_flatten(&result->tiers[i].intercept, &intercept[i], (char *) result, extra);
	}
	return result;
}

/* The one validator: every schedule from outside comes through here. */
Schedule *
schedule_build(const TierList *list)
{
	check_tiers(list);
	return flatten_tiers(list);
}

/* The schedule whose every rate is higher by "rate" >= 0: S(x) + rate * x.  Its rates may have more digits than an input. */
Schedule *
schedule_add_rate(const Schedule *schedule, const Decimal *rate)
{
	TierList	list = {schedule->method, 0, 0, NULL};

	for (int i = 0; i < schedule->count; i++)
	{
		Decimal		buffer;
		Decimal		sum;

		dec_add(&sum, dec_flat(&schedule->tiers[i].rate, schedule, &buffer), rate);
		dec_normalize(&sum);
		tier_list_add(&list, dec_flat(&schedule->tiers[i].bound, schedule, &buffer), &sum, CurrentMemoryContext);
	}
	return flatten_tiers(&list);
}

/* The schedule of the same rates whose bounds are "factor" > 0 times as high; they may have more digits than an input. */
Schedule *
schedule_scale_bounds(const Schedule *schedule, const Decimal *factor)
{
	TierList	list = {schedule->method, 0, 0, NULL};

	for (int i = 0; i < schedule->count; i++)
	{
		Decimal		buffer;
		Decimal		bound;

		dec_mul(&bound, dec_flat(&schedule->tiers[i].bound, schedule, &buffer), factor);
		dec_normalize(&bound);
		tier_list_add(&list, &bound, dec_flat(&schedule->tiers[i].rate, schedule, &buffer), CurrentMemoryContext);
	}
	return flatten_tiers(&list);
}

/* A stored value, detoasted and of a version we know. */
Schedule *
schedule_from_datum(Datum value)
{
	Schedule   *schedule = (Schedule *) PG_DETOAST_DATUM(value);

	flat_check_version("schedule", schedule->version, SCHEDULE_VERSION);
	return schedule;
}

/* ---------- apply ---------- */

/* The tier that holds x >= 0, lower bound inclusive. */
static inline int
tier_of(const Schedule *schedule, const Decimal *x)
{
	const Tier *tiers = schedule->tiers;
	Decimal		buffer;
	int			low = 0;
	int			high = schedule->count;

	/* halving while there are many, then from below, where most amounts lie and the processor guesses right */
	while (high - low > LINEAR_TIERS)
	{
		int			middle = (low + high) / 2;

		if (dec_cmp(dec_flat(&tiers[middle].bound, schedule, &buffer), x) <= 0)
			low = middle;
		else
			high = middle;
	}
	while (low + 1 < high && dec_cmp(dec_flat(&tiers[low + 1].bound, schedule, &buffer), x) <= 0)
		low++;
	return low;
}

int
schedule_find_tier(const Schedule *schedule, const Decimal *x)
{
	return tier_of(schedule, x);
}

/* S(x) for x >= 0 (SPEC 2). */
void
schedule_apply(Decimal *r, const Schedule *schedule, const Decimal *x)
{
	const Tier *tier = &schedule->tiers[tier_of(schedule, x)];
	Decimal		buffer;

	dec_mul(r, dec_flat(&tier->rate, schedule, &buffer), x);
	if (!dec_is_zero(&tier->intercept))
		dec_add(r, r, dec_flat(&tier->intercept, schedule, &buffer));
}

/*
 * S(x) taken apart: what of x >= 0 has the rate of a tier, false if nothing
 * has.  Over all tiers the amounts sum to x and the products with the rates to
 * S(x); 0 is in the first tier.
 */
bool
schedule_slice(ScheduleSlice *slice, const Schedule *schedule, const Decimal *x, int number)
{
	const Tier *tier = &schedule->tiers[number];
	int			holder = tier_of(schedule, x);
	Decimal		buffer;

	slice->lower = *dec_flat(&tier->bound, schedule, &buffer);
	slice->rate = *dec_flat(&tier->rate, schedule, &buffer);
	slice->open_ended = number + 1 == schedule->count;
	if (!slice->open_ended)
		slice->upper = *dec_flat(&tier[1].bound, schedule, &buffer);
	if (schedule->method == TIER_WHOLE)
	{
		slice->amount = *x;
		return number == holder;
	}
	dec_sub(&slice->amount, number < holder ? &slice->upper : x, &slice->lower);
	return number < holder || (number == holder && (number == 0 || !dec_is_zero(&slice->amount)));
}

/* ---------- shape rules ---------- */

/* Collateral ratios: marginal, in [0, 1], never rising. */
void
schedule_check_ratios(const Schedule *schedule, const char *what)
{
	const Decimal one = DEC_ONE;
	Decimal		buffer;
	Decimal		before_buffer;

	if (schedule->method != TIER_MARGINAL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a marginal schedule", what)));
	for (int i = 0; i < schedule->count; i++)
	{
		const Decimal *ratio = dec_flat(&schedule->tiers[i].rate, schedule, &buffer);

		if (dec_cmp(ratio, &one) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must not be above 1: %s", what, dec_text(ratio))));
		if (i > 0)
		{
			const Decimal *before = dec_flat(&schedule->tiers[i - 1].rate, schedule, &before_buffer);

			if (dec_cmp(before, ratio) < 0)
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						 errmsg("%s must never rise: %s follows %s", what, dec_text(ratio), dec_text(before))));
		}
	}
}

/* Maintenance and initial rates never fall. */
void
schedule_check_rising(const Schedule *schedule, const char *what)
{
	Decimal		buffer;
	Decimal		before_buffer;

	for (int i = 1; i < schedule->count; i++)
	{
		const Decimal *rate = dec_flat(&schedule->tiers[i].rate, schedule, &buffer);
		const Decimal *before = dec_flat(&schedule->tiers[i - 1].rate, schedule, &before_buffer);

		if (dec_cmp(before, rate) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s must never fall: %s follows %s", what, dec_text(rate), dec_text(before))));
	}
}

/* ---------- text ---------- */

static pg_noreturn void
bad_schedule(const char *text, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s: \"%.*s\"", "schedule",
					pg_mbcliplen(text, strlen(text), 80), text),
			 errdetail("%s", detail),
			 errhint("Write {0: 0.975, 1: 0.97}, or whole {0: 0.004, 50000: 0.005}.")));
}

static const char *
skip_space(const char *s)
{
	while (scanner_isspace(*s))
		s++;
	return s;
}

/* Reads a number and what must follow it, space allowed around both. */
static const char *
parse_number(Decimal *r, const char *text, const char *s, const char *followers)
{
	const char *start = skip_space(s);
	const char *end = start + strcspn(start, " \t\r\n\f:,}");

	if (!dec_parse(r, start, end - start))
		bad_schedule(text, psprintf("\"%.*s\" is not a number, or has too many digits.",
									pg_mbcliplen(start, end - start, 40), start));
	end = skip_space(end);
	if (*end == '\0' || strchr(followers, *end) == NULL)
		bad_schedule(text, psprintf("Expected one of \"%s\" after %s.", followers, dec_text(r)));
	return end;
}

Schedule *
schedule_parse(const char *text)
{
	TierList	list = {0};
	const char *s = skip_space(text);

	for (int method = 0; tier_method_names[method] != NULL; method++)
	{
		int			len = strlen(tier_method_names[method]);

		if (strncmp(s, tier_method_names[method], len) == 0)
		{
			list.method = method;
			s = skip_space(s + len);
			break;
		}
	}
	if (*s != '{')
		bad_schedule(text, "Expected \"{\".");
	do
	{
		Decimal		bound;
		Decimal		rate;

		s = parse_number(&bound, text, s + 1, ":");
		s = parse_number(&rate, text, s + 1, ",}");
		tier_list_add(&list, &bound, &rate, CurrentMemoryContext);
	} while (*s == ',');
	if (*skip_space(s + 1) != '\0')
		bad_schedule(text, "Something follows the closing \"}\".");
	return schedule_build(&list);
}

void
schedule_append(StringInfo out, const Schedule *schedule)
{
	Decimal		buffer;

	if (schedule->method != TIER_MARGINAL)
		appendStringInfo(out, "%s ", tier_method_names[schedule->method]);
	for (int i = 0; i < schedule->count; i++)
	{
		appendStringInfoString(out, i == 0 ? "{" : ", ");
		dec_append(out, dec_flat(&schedule->tiers[i].bound, schedule, &buffer));
		appendStringInfoString(out, ": ");
		dec_append(out, dec_flat(&schedule->tiers[i].rate, schedule, &buffer));
	}
	appendStringInfoChar(out, '}');
}

/* ---------- SQL: the type ---------- */

PG_FUNCTION_INFO_V1(margin_schedule_in);

Datum
margin_schedule_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(schedule_parse(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(margin_schedule_recv);

Datum
margin_schedule_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(schedule_parse(flat_recv_text((StringInfo) PG_GETARG_POINTER(0), "schedule")));
}

static char *
schedule_text(Datum value)
{
	StringInfoData out;

	initStringInfo(&out);
	schedule_append(&out, schedule_from_datum(value));
	return out.data;
}

PG_FUNCTION_INFO_V1(margin_schedule_out);

Datum
margin_schedule_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(schedule_text(PG_GETARG_DATUM(0)));
}

PG_FUNCTION_INFO_V1(margin_schedule_send);

Datum
margin_schedule_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(flat_send_text(schedule_text(PG_GETARG_DATUM(0))));
}

/* ---------- SQL: apply(schedule, numeric) ---------- */

PG_FUNCTION_INFO_V1(margin_schedule_apply);

Datum
margin_schedule_apply(PG_FUNCTION_ARGS)
{
	Schedule   *schedule = schedule_from_datum(PG_GETARG_DATUM(0));
	Decimal		x;
	Decimal		r;

	if (!dec_from_input(&x, PG_GETARG_DATUM(1)))
		dec_bad_input(PG_GETARG_DATUM(1), "amount");
	if (dec_sign(&x) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a schedule cannot be applied to a negative amount: %s", dec_text(&x))));
	schedule_apply(&r, schedule, &x);
	PG_RETURN_NUMERIC(dec_to_numeric(&r));
}

/* ---------- SQL: the aggregate ---------- */

static TierList *
new_tier_list(MemoryContext context, TierMethod method)
{
	TierList   *list = MemoryContextAllocZero(context, sizeof(TierList));

	list->method = method;
	return list;
}

static void
check_same_method(TierMethod a, TierMethod b)
{
	if (a != b)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("tiers of one schedule must have one method"),
				 errdetail("Both \"%s\" and \"%s\" were given.", tier_method_names[a], tier_method_names[b])));
}

PG_FUNCTION_INFO_V1(margin_schedule_tiers);

/* tiers(schedule): (lower_bound, rate), in order */
Datum
margin_schedule_tiers(PG_FUNCTION_ARGS)
{
	const Schedule *schedule = schedule_from_datum(PG_GETARG_DATUM(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < schedule->count; i++)
	{
		const Tier *tier = &schedule->tiers[i];
		Decimal		bound_buffer;
		Decimal		rate_buffer;
		Datum		values[] = {
			dec_datum(dec_flat(&tier->bound, schedule, &bound_buffer), 0),
			dec_datum(dec_flat(&tier->rate, schedule, &rate_buffer), 0)
		};
		bool		nulls[] = {false, false};

		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(margin_schedule_accum);

/* schedule_accum(internal, lower_bound numeric, rate numeric [, method tier_method]) */
Datum
margin_schedule_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	TierList   *list = PG_ARGISNULL(0) ? NULL : (TierList *) PG_GETARG_POINTER(0);
	TierMethod	method = TIER_MARGINAL;
	Decimal		bound;
	Decimal		rate;

	for (int i = 1; i < PG_NARGS(); i++)
	{
		if (PG_ARGISNULL(i))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("%s of a tier must not be null",
							i == 1 ? "lower bound" : i == 2 ? "rate" : "method")));
	}
	if (PG_NARGS() > 3)
		method = option_from_enum(PG_GETARG_OID(3), tier_method_names);
	if (!dec_from_input(&bound, PG_GETARG_DATUM(1)))
		dec_bad_input(PG_GETARG_DATUM(1), "lower bound of a tier");
	if (!dec_from_input(&rate, PG_GETARG_DATUM(2)))
		dec_bad_input(PG_GETARG_DATUM(2), "rate of a tier");
	if (list == NULL)
		list = new_tier_list(context, method);
	check_same_method(list->method, method);
	tier_list_add(list, &bound, &rate, context);
	PG_RETURN_POINTER(list);
}

PG_FUNCTION_INFO_V1(margin_schedule_combine);

Datum
margin_schedule_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	TierList   *a = PG_ARGISNULL(0) ? NULL : (TierList *) PG_GETARG_POINTER(0);
	TierList   *b = PG_ARGISNULL(1) ? NULL : (TierList *) PG_GETARG_POINTER(1);

	if (b != NULL)
	{
		if (a == NULL)
			a = new_tier_list(context, b->method);
		check_same_method(a->method, b->method);
		for (int i = 0; i < b->count; i++)
			tier_list_add(a, &b->tiers[i].bound, &b->tiers[i].rate, context);
	}
	if (a == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(a);
}

PG_FUNCTION_INFO_V1(margin_schedule_serialize);

Datum
margin_schedule_serialize(PG_FUNCTION_ARGS)
{
	TierList   *list = (TierList *) PG_GETARG_POINTER(0);
	Size		size = VARHDRSZ + 1;
	bytea	   *result;
	char	   *to;

	for (int i = 0; i < list->count; i++)
		size += dec_packed_size(&list->tiers[i].bound) + dec_packed_size(&list->tiers[i].rate);
	result = palloc(size);
	SET_VARSIZE(result, size);
	to = VARDATA(result);
	*to++ = (char) list->method;
	for (int i = 0; i < list->count; i++)
	{
		to = dec_pack(to, &list->tiers[i].bound);
		to = dec_pack(to, &list->tiers[i].rate);
	}
	PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(margin_schedule_deserialize);

Datum
margin_schedule_deserialize(PG_FUNCTION_ARGS)
{
	bytea	   *bytes = PG_GETARG_BYTEA_PP(0);
	const char *from = VARDATA_ANY(bytes);
	const char *end = from + VARSIZE_ANY_EXHDR(bytes);
	TierList   *list;

	if (from == end || (uint8) *from > TIER_WHOLE)
		flat_corrupted("schedule");
	list = new_tier_list(CurrentMemoryContext, (uint8) *from++);
	while (from < end)
	{
		Decimal		bound;
		Decimal		rate;

		from = dec_unpack(&bound, from, end);
		if (from != NULL)
			from = dec_unpack(&rate, from, end);
		if (from == NULL)
			flat_corrupted("schedule");
		tier_list_add(list, &bound, &rate, CurrentMemoryContext);
	}
	/* who has seen no row has no state to send */
	if (list->count == 0)
		flat_corrupted("schedule");
	PG_RETURN_POINTER(list);
}

/* An index read backwards brings the last tier first, and qsort() is quick about the right order only. */
static void
reverse_if_falling(TierList *list)
{
	if (dec_cmp(&list->tiers[0].bound, &list->tiers[list->count - 1].bound) <= 0)
		return;
	for (int i = 0, j = list->count - 1; i < j; i++, j--)
	{
		TierPair	swap = list->tiers[i];

		list->tiers[i] = list->tiers[j];
		list->tiers[j] = swap;
	}
}

static int
compare_tiers(const void *a, const void *b)
{
	/* the bound is a tier's first field */
	return dec_cmp(a, b);
}

PG_FUNCTION_INFO_V1(margin_schedule_final);

/* Rows come in any order: sorts a copy, the state stays as it is. */
Datum
margin_schedule_final(PG_FUNCTION_ARGS)
{
	TierList   *list = PG_ARGISNULL(0) ? NULL : (TierList *) PG_GETARG_POINTER(0);
	TierList	sorted;

	if (list == NULL)
		PG_RETURN_NULL();
	sorted = *list;
	sorted.tiers = palloc(list->count * sizeof(*list->tiers));
	memcpy(sorted.tiers, list->tiers, list->count * sizeof(*list->tiers));
	reverse_if_falling(&sorted);
	qsort(sorted.tiers, sorted.count, sizeof(*sorted.tiers), compare_tiers);
	PG_RETURN_POINTER(schedule_build(&sorted));
}
