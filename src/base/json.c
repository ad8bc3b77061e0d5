/*
 * json.c
 *		Nested JSON objects of numbers and strings, read as events.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/jsonfuncs.h"

#include "base/enums.h"
#include "base/json.h"

#define MOST_DEPTH 5
#define NO_LIST (-1)

typedef struct ReadState
{
	const JsonReader *reader;
	int			depth;			/* objects that are open */
	char	   *keys[MOST_DEPTH];	/* the current key of each */
	int			elements[MOST_DEPTH];	/* and of the list under it that is open, or NO_LIST */
} ReadState;

static inline const char *
current_key(const ReadState *state)
{
	return state->keys[state->depth - 1];
}

static inline int *
current_list(ReadState *state)
{
	return &state->elements[state->depth - 1];
}

static pg_noreturn void
bad_structure(const char *type, const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", type),
			 errdetail("%s", detail)));
}

/* A value as messages show it. */
static char *
shown(const char *token, JsonTokenType kind)
{
	const char *quote = kind == JSON_TOKEN_STRING ? "\"" : "";

	return psprintf("%s%.*s%s", quote, pg_mbcliplen(token, strlen(token), 40), token, quote);
}

/* An object begins inside of another one. */
static void
begin_inner(ReadState *state)
{
	const JsonReader *reader = state->reader;

	if (state->depth >= reader->max_depth)
		bad_structure(reader->type, psprintf(*current_list(state) == NO_LIST ? "The value of \"%s\" must not be an object." :
											 "The array \"%s\" must not hold objects.", current_key(state)));
	if (*current_list(state) == NO_LIST)
		reader->open(reader->arg, state->depth, current_key(state));
	else
	{
		++*current_list(state);
		reader->open_item(reader->arg, state->depth, current_key(state));
	}
}

static json_action_result
object_start(void *arg)
{
	ReadState  *state = arg;

	if (state->depth > 0)
		begin_inner(state);
	state->elements[state->depth++] = NO_LIST;
	JSON_ACTION_DONE;
}

static json_action_result
object_end(void *arg)
{
	ReadState  *state = arg;

	state->depth--;
	if (state->depth > 0)
		state->reader->close(state->reader->arg, state->depth, current_key(state));
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

	if (state->depth == 0)
		bad_structure(state->reader->type, "It must be a JSON object.");
	if (*current_list(state) != NO_LIST)
		bad_structure(state->reader->type, psprintf("The array \"%s\" must not hold arrays.", current_key(state)));
	state->reader->open_list(state->reader->arg, state->depth, current_key(state));
	*current_list(state) = 0;
	JSON_ACTION_DONE;
}

static json_action_result
array_end(void *arg)
{
	ReadState  *state = arg;

	state->reader->list(state->reader->arg, state->depth, current_key(state), *current_list(state));
	*current_list(state) = NO_LIST;
	JSON_ACTION_DONE;
}

static json_action_result
scalar(void *arg, char *token, JsonTokenType kind)
{
	ReadState  *state = arg;

	if (state->depth == 0)
		bad_structure(state->reader->type, "It must be a JSON object.");
	if (*current_list(state) != NO_LIST)
		state->reader->element(state->reader->arg, state->depth, current_key(state), (*current_list(state))++, token, kind);
	else
		state->reader->value(state->reader->arg, state->depth, current_key(state), token, kind);
	JSON_ACTION_DONE;
}

void
json_read(const JsonReader *reader, char *json, int len)
{
	ReadState	state = {.reader = reader};
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

/* That each of these keys was there. */
void
json_check_complete(const char *type, const char *const *names, uint32 seen)
{
	for (int i = 0; names[i] != NULL; i++)
	{
		if ((seen & (1u << i)) == 0)
			bad_structure(type, psprintf("Key \"%s\" is missing.", names[i]));
	}
}

void
json_not_object(const char *type, const char *key)
{
	bad_structure(type, psprintf("The value of \"%s\" must be an object.", key));
}

/* What a value must be and is not. */
void
json_not_a(const char *what, const char *type, const char *key, const char *token, JsonTokenType kind)
{
	bad_structure(type, psprintf("The value of \"%s\" must be %s, not %s.", key, what, shown(token, kind)));
}

/* An element of a list of objects that is none. */
void
json_not_item(const char *type, const char *key, const char *token, JsonTokenType kind)
{
	bad_structure(type, psprintf("The array \"%s\" must hold objects, not %s.", key, shown(token, kind)));
}

void
json_no_list(const char *type, const char *key)
{
	bad_structure(type, psprintf("The value of \"%s\" must not be an array.", key));
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
				 errdetail("The value of \"%s\" must be a number, not %s.", key, shown(token, kind))));
}

const char *
json_string(const char *type, const char *key, const char *token, JsonTokenType kind)
{
	if (kind != JSON_TOKEN_STRING)
		json_not_a("a string", type, key, token, kind);
	return token;
}

/* The number of one of these names. */
int
json_option(const char *type, const char *key, const char *const *names, const char *token, JsonTokenType kind)
{
	int			option = option_from_name(json_string(type, key, token, kind), names);

	if (option < 0)
		bad_structure(type, psprintf("Unknown value of \"%s\": \"%.*s\".", key, pg_mbcliplen(token, strlen(token), 40), token));
	return option;
}
