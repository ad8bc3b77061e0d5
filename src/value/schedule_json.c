/*
 * schedule_json.c
 *		Schedules as JSON: {"method": "marginal", "tiers": [{"lower_bound": 0, "rate": 0.975}, ...]}.
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/flat.h"
#include "base/json.h"
#include "value/schedule.h"

static const char *const keys[] = {"method", "tiers", NULL};
static const char *const tier_keys[] = {"lower_bound", "rate", NULL};

enum
{
	KEY_METHOD,
	KEY_TIERS
};

/* ---------- input, as part of whatever is read ---------- */

void
schedule_input_value(ScheduleInput *input, const char *type, const char *key, const char *token, JsonTokenType kind)
{
	if (json_field(type, keys, key, &input->seen_keys) == KEY_TIERS)
		json_not_a("an array", type, key, token, kind);
	input->list.method = json_option(type, key, tier_method_names, token, kind);
}

void
schedule_input_tiers(ScheduleInput *input, const char *type, const char *key)
{
	if (json_field(type, keys, key, &input->seen_keys) != KEY_TIERS)
		json_string(type, key, "an array", JSON_TOKEN_ARRAY_START);
}

void
schedule_input_open_tier(ScheduleInput *input)
{
	input->seen_tier_keys = 0;
}

void
schedule_input_tier_value(ScheduleInput *input, const char *type, const char *key, const char *token, JsonTokenType kind)
{
	bool		is_rate = json_field(type, tier_keys, key, &input->seen_tier_keys) == 1;

	json_number(is_rate ? &input->tier.rate : &input->tier.bound, type, key, token, kind);
}

void
schedule_input_close_tier(ScheduleInput *input, const char *type)
{
	json_check_complete(type, tier_keys, input->seen_tier_keys);
	tier_list_add(&input->list, &input->tier.bound, &input->tier.rate, CurrentMemoryContext);
}

Schedule *
schedule_input_end(ScheduleInput *input, const char *type)
{
	json_check_complete(type, &keys[KEY_TIERS], input->seen_keys >> KEY_TIERS);
	return schedule_build(&input->list);
}

/* ---------- input by itself ---------- */

static void
read_value(void *arg, int depth, const char *key, const char *token, JsonTokenType kind)
{
	if (depth == 1)
		schedule_input_value(arg, "schedule", key, token, kind);
	else
		schedule_input_tier_value(arg, "schedule", key, token, kind);
}

/* Nowhere an object stands but in the list of tiers. */
static void
read_open(void *arg, int depth, const char *key)
{
	read_value(arg, depth, key, "an object", JSON_TOKEN_OBJECT_START);
}

static void
read_open_list(void *arg, int depth, const char *key)
{
	if (depth == 1)
		schedule_input_tiers(arg, "schedule", key);
	else
		read_value(arg, depth, key, "an array", JSON_TOKEN_ARRAY_START);
}

static void
read_open_item(void *arg, int depth, const char *key)
{
	schedule_input_open_tier(arg);
}

static void
read_element(void *arg, int depth, const char *key, int number, const char *token, JsonTokenType kind)
{
	json_not_item("schedule", key, token, kind);
}

static void
read_list(void *arg, int depth, const char *key, int count)
{
}

static void
read_close(void *arg, int depth, const char *key)
{
	schedule_input_close_tier(arg, "schedule");
}

static Schedule *
schedule_from_json(char *text)
{
	ScheduleInput input = {0};
	JsonReader	reader = {"schedule", 2, &input, read_open, read_value, read_open_list, read_open_item, read_element, read_list, read_close};

	json_read(&reader, text, strlen(text));
	return schedule_input_end(&input, "schedule");
}

/* ---------- output ---------- */

void
schedule_append_json(StringInfo out, const Schedule *schedule)
{
	Decimal		buffer;

	appendStringInfo(out, "{\"%s\": \"%s\", \"%s\": [", keys[KEY_METHOD], tier_method_names[schedule->method], keys[KEY_TIERS]);
	for (int i = 0; i < schedule->count; i++)
	{
		appendStringInfo(out, "%s{\"%s\": ", i == 0 ? "" : ", ", tier_keys[0]);
		dec_append(out, dec_flat(&schedule->tiers[i].bound, schedule, &buffer));
		appendStringInfo(out, ", \"%s\": ", tier_keys[1]);
		dec_append(out, dec_flat(&schedule->tiers[i].rate, schedule, &buffer));
		appendStringInfoChar(out, '}');
	}
	appendStringInfoString(out, "]}");
}

static char *
schedule_json(Datum value)
{
	StringInfoData out;

	initStringInfo(&out);
	schedule_append_json(&out, schedule_from_datum(value));
	return out.data;
}

/* ---------- SQL ---------- */

FLAT_JSON(schedule, schedule_json, schedule_from_json)
