/*
 * json.c
 *		Nested JSON objects of numbers and strings, read as events.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/jsonfuncs.h"

#include "base/json.h"

#define MOST_DEPTH 4

typedef struct ReadState
{
	const JsonReader *reader;
	int			depth;			/* objects that are open */
	char	   *keys[MOST_DEPTH];	/* the current key of each */
	int			elements;		/* of the list that is open, -1: none */
} ReadState;

static pg_noreturn void
bad_structure(const JsonReader *reader, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", reader->type),
			 errdetail("%s", detail)));
}

static json_action_result
object_start(void *arg)
{
	ReadState  *state = arg;

	if (state->elements >= 0)
		bad_structure(state->reader, psprintf("The list of \"%s\" must hold numbers.", state->keys[state->depth - 1]));
	if (state->depth >= state->reader->max_depth)
		bad_structure(state->reader, psprintf("Objects may be nested %d deep at most.", state->reader->max_depth));
	if (state->depth > 0)
		state->reader->open(state->reader->arg, state->depth, state->keys[state->depth - 1]);
	state->depth++;
	JSON_ACTION_DONE;
}

static json_action_result
object_end(void *arg)
{
	((ReadState *) arg)->depth--;
	JSON_ACTION_DONE;
}

static json_action_result
field_start(void *arg, char *key, bool isnull pg_attribute_unused())
{
	ReadState  *state = arg;

	CHECK_FOR_INTERRUPTS();
	state->keys[state->depth - 1] = key;
	JSON_ACTION_DONE;
}

static json_action_result
array_start(void *arg)
{
	ReadState  *state = arg;

	if (state->reader->element == NULL || state->depth == 0 || state->elements >= 0)
		bad_structure(state->reader, "Arrays are not part of it.");
	state->elements = 0;
	JSON_ACTION_DONE;
}

static json_action_result
array_end(void *arg)
{
	ReadState  *state = arg;

	state->reader->list(state->reader->arg, state->depth, state->keys[state->depth - 1], state->elements);
	state->elements = -1;
	JSON_ACTION_DONE;
}

static json_action_result
scalar(void *arg, char *token, JsonTokenType kind)
{
	ReadState  *state = arg;

	if (state->depth == 0)
		bad_structure(state->reader, "It must be a JSON object.");
	if (state->elements >= 0)
		state->reader->element(state->reader->arg, state->depth, state->keys[state->depth - 1], state->elements++, token, kind);
	else
		state->reader->value(state->reader->arg, state->depth, state->keys[state->depth - 1], token, kind);
	JSON_ACTION_DONE;
}

void
json_read(const JsonReader *reader, char *json, int len)
{
	ReadState	state = {reader, 0, {0}, -1};
	JsonSemAction actions = {0};

	Assert(reader->max_depth <= MOST_DEPTH);
	actions.semstate = &state;
	actions.object_start = object_start;
	actions.object_end = object_end;
	actions.object_field_start = field_start;
	actions.array_start = array_start;
	actions.array_end = array_end;
	actions.scalar = scalar;
	pg_parse_json_or_ereport(margin_json_lexer(json, len), &actions);
}

/* What a key of texts from before 1.0 is called now, if the list has it. */
static const char *
new_name(const char *const *names, const char *key)
{
	static const char *const renamed[][2] = {{"basis", "tier_unit"}, {"size", "contract_size"}};

	for (int i = 0; i < (int) lengthof(renamed); i++)
	{
		if (strcmp(key, renamed[i][0]) != 0)
			continue;
		for (; *names != NULL; names++)
		{
			if (strcmp(*names, renamed[i][1]) == 0)
				return *names;
		}
	}
	return NULL;
}

/* The position of a key in a NULL-terminated list; unknown and repeated ones are errors. */
int
json_field(const char *type, const char *const *names, const char *key, uint32 *seen)
{
	const char *renamed;

	for (int i = 0; names[i] != NULL; i++)
	{
		if (strcmp(names[i], key) != 0)
			continue;
		if (*seen & (1u << i))
			json_repeated(type, key);
		*seen |= 1u << i;
		return i;
	}
	renamed = new_name(names, key);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", type),
			 errdetail("Key \"%s\" is unknown here.", key),
			 renamed != NULL ? errhint("It is called \"%s\".", renamed) : 0));
}

void
json_repeated(const char *type, const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", type),
			 errdetail("Key \"%s\" is repeated.", key)));
}

void
json_not_object(const char *type, const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", type),
			 errdetail("The value of \"%s\" must be an object.", key)));
}

void
json_number(Decimal *r, const char *type, const char *key, const char *token, JsonTokenType kind)
{
	if (kind != JSON_TOKEN_NUMBER || !dec_parse(r, token, strlen(token)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", type),
				 kind == JSON_TOKEN_NUMBER ?
				 errdetail("The number of \"%s\" has too many digits.", key) :
				 errdetail("The value of \"%s\" must be a number, not %.*s.", key, pg_mbcliplen(token, strlen(token), 40), token)));
}

const char *
json_string(const char *type, const char *key, const char *token, JsonTokenType kind)
{
	if (kind != JSON_TOKEN_STRING)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", type),
				 errdetail("The value of \"%s\" must be a string, not %.*s.", key, pg_mbcliplen(token, strlen(token), 40), token)));
	return token;
}
