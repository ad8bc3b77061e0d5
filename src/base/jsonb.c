/*
 * jsonb.c
 *		JSON and jsonb to text and back, so that it can be cancelled.
 *
 * A market of 20,000 symbols is 10 MB of text.  jsonb_in() and JsonbToCString() look
 * for no interrupt on the way through it.  Here their work is done piece by piece, and
 * interrupts are looked for in between.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/jsonfuncs.h"

#include "base/compat.h"
#include "base/jsonb.h"

char *
json_text(Datum json)
{
	text	   *value = DatumGetTextPP(json);

	CHECK_FOR_INTERRUPTS();
	return text_to_cstring(value);
}

typedef struct JsonbWriter
{
	JsonbParseState *open;		/* what has begun and not ended */
	JsonbValue *whole;			/* once all has ended */
} JsonbWriter;

static json_action_result
begin_object(void *arg)
{
	pushJsonbValue(&((JsonbWriter *) arg)->open, WJB_BEGIN_OBJECT, NULL);
	JSON_ACTION_DONE;
}

static json_action_result
end_object(void *arg)
{
	JsonbWriter *writer = arg;

	writer->whole = pushJsonbValue(&writer->open, WJB_END_OBJECT, NULL);
	JSON_ACTION_DONE;
}

static json_action_result
begin_array(void *arg)
{
	pushJsonbValue(&((JsonbWriter *) arg)->open, WJB_BEGIN_ARRAY, NULL);
	JSON_ACTION_DONE;
}

static json_action_result
end_array(void *arg)
{
	JsonbWriter *writer = arg;

	writer->whole = pushJsonbValue(&writer->open, WJB_END_ARRAY, NULL);
	JSON_ACTION_DONE;
}

/* Text that ends with a zero; jsonb knows its length. */
static JsonbValue
string_value(char *bytes)
{
	JsonbValue	value = {.type = jbvString};

	value.val.string.val = bytes;
	value.val.string.len = strlen(bytes);
	return value;
}

static json_action_result
put_key(void *arg, char *key, bool isnull pg_attribute_unused())
{
	JsonbValue	value = string_value(key);

	CHECK_FOR_INTERRUPTS();
	pushJsonbValue(&((JsonbWriter *) arg)->open, WJB_KEY, &value);
	JSON_ACTION_DONE;
}

static json_action_result
put_scalar(void *arg, char *token, JsonTokenType kind)
{
	JsonbWriter *writer = arg;
	bool		in_array = writer->open->contVal.type == jbvArray;
	JsonbValue	value = {.type = jbvBool};

	if (kind == JSON_TOKEN_STRING)
		value = string_value(token);
	else if (kind == JSON_TOKEN_NUMBER)
	{
		value.type = jbvNumeric;
		value.val.numeric = DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(token), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
	}
	else if (kind == JSON_TOKEN_NULL)
		value.type = jbvNull;
	else
		value.val.boolean = kind == JSON_TOKEN_TRUE;
	pushJsonbValue(&writer->open, in_array ? WJB_ELEM : WJB_VALUE, &value);
	JSON_ACTION_DONE;
}

/* Of an object that one of our types writes. */
Datum
jsonb_of_text(char *json)
{
	JsonbWriter writer = {0};
	JsonSemAction actions = {0};
	Jsonb	   *result;

	actions.semstate = &writer;
	actions.object_start = begin_object;
	actions.object_end = end_object;
	actions.array_start = begin_array;
	actions.array_end = end_array;
	actions.object_field_start = put_key;
	actions.scalar = put_scalar;
	pg_parse_json_or_ereport(margin_json_lexer(json, strlen(json)), &actions);
	/* looks for no interrupt either, but takes a tenth of the time */
	result = JsonbValueToJsonb(writer.whole);
	CHECK_FOR_INTERRUPTS();
	return JsonbPGetDatum(result);
}

/* Bytes of jsonb that are made text at once. */
#define JSONB_PIECE (64 * 1024)

static void append_jsonb(StringInfo out, JsonbContainer *container, int size);

/* A key or value: a number, string, true, false or null, or what holds more. */
static void
append_jsonb_value(StringInfo out, JsonbValue *value)
{
	Jsonb	   *scalar;

	if (value->type == jbvBinary)
	{
		append_jsonb(out, value->val.binary.data, value->val.binary.len);
		return;
	}
	scalar = JsonbValueToJsonb(value);
	JsonbToCString(out, &scalar->root, VARSIZE(scalar));
	pfree(scalar);
}

/* As JsonbToCString() does it, which is left what is small. */
static void
append_jsonb(StringInfo out, JsonbContainer *container, int size)
{
	JsonbIterator *iterator;
	JsonbIteratorToken token;
	JsonbValue	value;
	bool		first = true;

	CHECK_FOR_INTERRUPTS();
	check_stack_depth();
	if (size <= JSONB_PIECE || JsonContainerIsScalar(container))
	{
		JsonbToCString(out, container, size);
		return;
	}
	iterator = JsonbIteratorInit(container);
	appendStringInfoChar(out, JsonContainerIsObject(container) ? '{' : '[');
	JsonbIteratorNext(&iterator, &value, true);
	while ((token = JsonbIteratorNext(&iterator, &value, true)) == WJB_KEY || token == WJB_VALUE || token == WJB_ELEM)
	{
		if (token == WJB_VALUE)
			appendStringInfoString(out, ": ");
		else if (!first)
			appendStringInfoString(out, ", ");
		first = false;
		append_jsonb_value(out, &value);
	}
	appendStringInfoChar(out, JsonContainerIsObject(container) ? '}' : ']');
}

char *
jsonb_text(Datum jsonb)
{
	Jsonb	   *value = DatumGetJsonbP(jsonb);
	StringInfoData out;

	initStringInfo(&out);
	append_jsonb(&out, &value->root, VARSIZE(value));
	return out.data;
}
