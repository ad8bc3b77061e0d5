/*
 * harness.c
 *		What the fuzzer feeds, inside of a server.
 *
 * The parsers live on the server: its numerics, its JSON, its errors and memory.
 * So the fuzzer goes where they are, rather than they to imitations of these: a
 * module for throwaway servers, which calls the entrances of the installed margin
 * by their exported names, thousands of times a second, in one statement.
 *
 *		fuzz_input(entrance text, input bytea)		one input; says what became of it
 *		fuzz_run(entrance text, arguments text[])	libFuzzer, which ends the process
 *
 * The second is there when this is built with FUZZ_LIBFUZZER, for a margin built
 * with coverage (SANITIZE=fuzzer), whose counters libFuzzer reads.
 *
 * An input is either refused with an SQLSTATE that an entrance may refuse with,
 * or taken for a value that reads and writes as itself.  Anything else aborts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "nodes/execnodes.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#endif

#include "mutate.h"

PG_MODULE_MAGIC;

#define WIRE_VERSION 1

typedef struct Type
{
	const char *name;
	PGFunction	in;
	PGFunction	out;
	PGFunction	receive;
	PGFunction	send;
	PGFunction	equal;
	/* only of types that have them */
	PGFunction	add;
	PGFunction	subtract;
	PGFunction	serialize;
	PGFunction	deserialize;
	PGFunction	final;
} Type;

typedef struct Entrance
{
	const char *name;
	const char *type;
	char		grammar;		/* the rule of mutate.c, 0: bytes */
	void		(*try) (const struct Entrance *entrance, bytea *input);
} Entrance;

static Type type;				/* of the entrance under test */
static MemoryContext context;	/* of one input */

/* ---------- margin by its exported names ---------- */

static PGFunction
margin_function(const char *type_name, const char *function)
{
	return (PGFunction) load_external_function("$libdir/margin", psprintf("margin_%s_%s", type_name, function), false, NULL);
}

static void
load_type(const char *name)
{
	type.name = name;
	type.in = margin_function(name, "in");
	type.out = margin_function(name, "out");
	type.receive = margin_function(name, "recv");
	type.send = margin_function(name, "send");
	type.equal = margin_function(strcmp(name, "market") == 0 ? name : "flat", "eq");
	type.add = margin_function(name, "add");
	type.subtract = margin_function(name, "subtract");
	type.serialize = margin_function(name, "serialize");
	type.deserialize = margin_function(name, "deserialize");
	type.final = margin_function(name, "final");
}

/* ---------- what must hold ---------- */

static void
broken(const char *what, const char *text)
{
	elog(LOG, "%s: %s: %s", type.name, what, text);
	abort();
}

static char *
text_of(Datum value)
{
	return DatumGetCString(DirectFunctionCall1(type.out, value));
}

/* A value reads and writes as itself, in text and in bytes. */
static void
check_value(Datum value)
{
	char	   *text = text_of(value);
	Datum		again = DirectFunctionCall1(type.in, CStringGetDatum(pstrdup(text)));
	bytea	   *sent = DatumGetByteaPP(DirectFunctionCall1(type.send, value));

	if (!DatumGetBool(DirectFunctionCall2(type.equal, value, again)))
		broken("its text is another value", text);
	if (strcmp(text, text_of(again)) != 0)
		broken("its text is not canonical", text);
	if (VARSIZE_ANY_EXHDR(sent) != strlen(text) + 1 || VARDATA_ANY(sent)[0] != WIRE_VERSION ||
		memcmp(VARDATA_ANY(sent) + 1, text, strlen(text)) != 0)
		broken("its binary form is not its text", text);
}

/* Text at the binary entrance, which checks the encoding and goes on as the other one does. */
static Datum
receive(const bytea *input)
{
	StringInfoData message;

	initStringInfo(&message);
	appendStringInfoChar(&message, WIRE_VERSION);
	appendBinaryStringInfo(&message, VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input));
	return DirectFunctionCall1(type.receive, PointerGetDatum(&message));
}

static void
try_text(const Entrance *entrance, bytea *input)
{
	check_value(receive(input));
}

/* What is added can be taken away again. */
static void
try_portfolio(const Entrance *entrance, bytea *input)
{
	Datum		value = receive(input);
	Datum		twice;

	check_value(value);
	twice = DirectFunctionCall2(type.add, value, value);
	check_value(twice);
	if (!DatumGetBool(DirectFunctionCall2(type.equal, value, DirectFunctionCall2(type.subtract, twice, value))))
		broken("p + p - p is not p", text_of(value));
}

/* An aggregate's function, called as if by an executor. */
static Datum
call_aggregate(PGFunction function, Datum argument)
{
	LOCAL_FCINFO(fcinfo, 1);
	WindowAggState *caller = makeNode(WindowAggState);

	caller->curaggcontext = CurrentMemoryContext;
	InitFunctionCallInfoData(*fcinfo, NULL, 1, InvalidOid, (Node *) caller, NULL);
	fcinfo->args[0].value = argument;
	fcinfo->args[0].isnull = false;
	return function(fcinfo);
}

/*
 * The state that one process of a parallel query hands to another, and for a
 * portfolio also the stored form.  Nobody else writes it, so it need not be
 * canonical; but bytes that were damaged on a disk must not crash a server.
 */
static void
try_state(const Entrance *entrance, bytea *input)
{
	Datum		state = call_aggregate(type.deserialize, PointerGetDatum(input));
	Datum		sent = call_aggregate(type.serialize, state);

	call_aggregate(type.deserialize, sent);
	DirectFunctionCall1(type.in, CStringGetDatum(text_of(call_aggregate(type.final, state))));
}

static const Entrance entrances[] = {
	{"schedule", "schedule", 'S', try_text},
	{"portfolio", "portfolio", 'P', try_portfolio},
	{"orders", "portfolio", 'F', try_portfolio},
	{"market", "market", 'M', try_text},
	{"schedule_state", "schedule", 0, try_state},
	{"portfolio_state", "portfolio", 0, try_state}
};

/* Data exceptions and limits; of bytes that a process of ours should have sent also that they are corrupted. */
static bool
may_refuse(const Entrance *entrance, int sqlstate)
{
	int			class = ERRCODE_TO_CATEGORY(sqlstate);

	return class == ERRCODE_DATA_EXCEPTION || class == ERRCODE_PROGRAM_LIMIT_EXCEEDED ||
		(entrance->grammar == 0 && sqlstate == ERRCODE_DATA_CORRUPTED);
}

/* The SQLSTATE that an input was refused with, or 0. */
static int
try_input(const Entrance *entrance, const void *bytes, size_t length)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	int			sqlstate = 0;
	bytea	   *input = palloc(VARHDRSZ + length);

	SET_VARSIZE(input, VARHDRSZ + length);
	memcpy(VARDATA(input), bytes, length);
	PG_TRY();
	{
		entrance->try(entrance, input);
	}
	PG_CATCH();
	{
		ErrorData  *error;

		MemoryContextSwitchTo(context);
		error = CopyErrorData();
		FlushErrorState();
		sqlstate = error->sqlerrcode;
		if (!may_refuse(entrance, sqlstate))
			broken(psprintf("refused with SQLSTATE %s", unpack_sql_state(sqlstate)), error->message);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
	MemoryContextReset(context);
	return sqlstate;
}

static const Entrance *
find_entrance(const char *name)
{
	for (int i = 0; i < (int) lengthof(entrances); i++)
	{
		if (strcmp(entrances[i].name, name) != 0)
			continue;
		load_type(entrances[i].type);
		if (context == NULL)
			context = AllocSetContextCreate(TopMemoryContext, "fuzz input", ALLOCSET_DEFAULT_SIZES);
		return &entrances[i];
	}
	elog(ERROR, "no entrance is called \"%s\"", name);
}

PG_FUNCTION_INFO_V1(fuzz_input);

/* fuzz_input(entrance text, input bytea): 'taken', or the SQLSTATE it was refused with */
Datum
fuzz_input(PG_FUNCTION_ARGS)
{
	const Entrance *entrance = find_entrance(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	bytea	   *input = PG_GETARG_BYTEA_PP(1);
	int			sqlstate = try_input(entrance, VARDATA_ANY(input), VARSIZE_ANY_EXHDR(input));

	PG_RETURN_TEXT_P(cstring_to_text(sqlstate == 0 ? "taken" : unpack_sql_state(sqlstate)));
}

PG_FUNCTION_INFO_V1(fuzz_mutated);

/* fuzz_mutated(entrance text, input bytea, seed int): another input, made from that one */
Datum
fuzz_mutated(PG_FUNCTION_ARGS)
{
	const Entrance *entrance = find_entrance(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	bytea	   *input = PG_GETARG_BYTEA_PP(1);
	size_t		length = VARSIZE_ANY_EXHDR(input);
	size_t		room = length + 4096;
	bytea	   *result = palloc(VARHDRSZ + room);

	memcpy(VARDATA(result), VARDATA_ANY(input), length);
	if (entrance->grammar != 0)
		length = fuzz_mutate(entrance->grammar, VARDATA(result), length, room, PG_GETARG_INT32(2));
	else if (length > 0)
		VARDATA(result)[murmurhash32(PG_GETARG_INT32(2)) % length] ^= 1 << (PG_GETARG_INT32(2) & 7);
	SET_VARSIZE(result, VARHDRSZ + length);
	PG_RETURN_BYTEA_P(result);
}

/* ---------- libFuzzer ---------- */

#ifdef FUZZ_LIBFUZZER

extern int	LLVMFuzzerRunDriver(int *argc, char ***argv, int (*target) (const uint8 *bytes, size_t length));
extern size_t LLVMFuzzerMutate(uint8 *bytes, size_t length, size_t room);
extern size_t LLVMFuzzerCustomMutator(uint8 *bytes, size_t length, size_t room, unsigned int seed);

static const Entrance *target;

/* libFuzzer's own mutations too: they follow what comparisons in the parsers ask for. */
size_t
LLVMFuzzerCustomMutator(uint8 *bytes, size_t length, size_t room, unsigned int seed)
{
	if (target->grammar == 0 || seed % 4 == 0)
		return LLVMFuzzerMutate(bytes, length, room);
	return fuzz_mutate(target->grammar, (char *) bytes, length, room, seed);
}

static int
run_target(const uint8 *bytes, size_t length)
{
	try_input(target, bytes, length);
	return 0;
}

PG_FUNCTION_INFO_V1(fuzz_run);

/* fuzz_run(entrance text, arguments text[]): ends the process, as libFuzzer does */
Datum
fuzz_run(PG_FUNCTION_ARGS)
{
	Datum	   *elements;
	int			count;
	char	  **arguments;

	target = find_entrance(text_to_cstring(PG_GETARG_TEXT_PP(0)));
	deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
	arguments = palloc0((count + 2) * sizeof(char *));
	arguments[0] = "fuzz";
	for (int i = 0; i < count; i++)
		arguments[i + 1] = TextDatumGetCString(elements[i]);
	count++;
	LLVMFuzzerRunDriver(&count, &arguments, run_target);
	PG_RETURN_VOID();
}

#endif							/* FUZZ_LIBFUZZER */
