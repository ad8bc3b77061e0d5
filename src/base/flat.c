/*
 * flat.c
 *		What the flat value types share: binary I/O, comparison, hashing, JSON.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/jsonfuncs.h"

#include "base/flat.h"

/* A stored value is written by one release and read by later ones. */
void
flat_check_version(const char *type, int version, int known)
{
	if (unlikely(version != known))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored %s has version %d, which this release does not know", type, version),
				 errhint("It was written by another release of margin, or is corrupted.")));
}

void
flat_corrupted(const char *type)
{
	ereport(ERROR,
			(errcode(ERRCODE_DATA_CORRUPTED),
			 errmsg("invalid bytes in a value of type %s", type)));
}

char *
flat_recv_text(StringInfo message, const char *type)
{
	int			version;
	int			nbytes;

	if (message->cursor >= message->len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("binary %s is empty", type)));
	version = pq_getmsgbyte(message);
	if (version != FLAT_WIRE_VERSION)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("unsupported version %d of binary %s", version, type)));
	CHECK_FOR_INTERRUPTS();
	return pq_getmsgtext(message, message->len - message->cursor, &nbytes);
}

bytea *
flat_send_text(const char *text)
{
	StringInfoData out;

	pq_begintypsend(&out);
	pq_sendbyte(&out, FLAT_WIRE_VERSION);
	pq_sendtext(&out, text, strlen(text));
	return pq_endtypsend(&out);
}

MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
	MemoryContext context;

	if (!AggCheckCallContext(fcinfo, &context))
		elog(ERROR, "function called outside of an aggregate");
	return context;
}

int
flat_cmp(FunctionCallInfo fcinfo, Size skipped)
{
	struct varlena *a = PG_GETARG_VARLENA_PP(0);
	struct varlena *b = PG_GETARG_VARLENA_PP(1);
	Size		size_a = VARSIZE_ANY_EXHDR(a) - skipped;
	Size		size_b = VARSIZE_ANY_EXHDR(b) - skipped;
	int			result = memcmp(VARDATA_ANY(a) + skipped, VARDATA_ANY(b) + skipped, Min(size_a, size_b));

	if (result == 0)
		result = (size_a > size_b) - (size_a < size_b);

	/* an index calls this very often */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

Datum
flat_hash(FunctionCallInfo fcinfo, Size skipped)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);

	return hash_any((unsigned char *) VARDATA_ANY(value) + skipped, VARSIZE_ANY_EXHDR(value) - skipped);
}

Datum
flat_hash_extended(FunctionCallInfo fcinfo, Size skipped)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);

	return hash_any_extended((unsigned char *) VARDATA_ANY(value) + skipped, VARSIZE_ANY_EXHDR(value) - skipped, PG_GETARG_INT64(1));
}

FLAT_COMPARISONS(flat, 0)

/* ---------- JSON ---------- */

/*
 * Text of a market of 20,000 symbols is 10 MB, over which the server's own
 * functions for text to jsonb and back do not look whether they are to end.
 * These do the same piece by piece and look in between.
 */

char *
flat_json_text(Datum json)
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
flat_jsonb(char *json)
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
	result = JsonbValueToJsonb(writer.whole);	/* looks at nothing, but takes a tenth of all this */
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

/* As JsonbToCString() does, but that by itself only for what is small. */
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
flat_jsonb_text(Datum jsonb)
{
	Jsonb	   *value = DatumGetJsonbP(jsonb);
	StringInfoData out;

	initStringInfo(&out);
	append_jsonb(&out, &value->root, VARSIZE(value));
	return out.data;
}
