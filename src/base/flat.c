/*
 * flat.c
 *		What the flat value types share: binary I/O, comparison, hashing.
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"

#include "base/flat.h"

/* A stored value is written by one release and read by later ones. */
void
flat_check_version(const char *type, int version, int known)
{
	if (unlikely(version != known))
		ereport(ERROR,
				(errcode(ERRCODE_DATA_CORRUPTED),
				 errmsg("stored %s has version %d, which this release does not know", type, version),
				 errhint("It was written by a later release of margin, or is corrupted.")));
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

static int
flat_cmp(FunctionCallInfo fcinfo)
{
	struct varlena *a = PG_GETARG_VARLENA_PP(0);
	struct varlena *b = PG_GETARG_VARLENA_PP(1);
	int			size_a = VARSIZE_ANY_EXHDR(a);
	int			size_b = VARSIZE_ANY_EXHDR(b);
	int			result = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(size_a, size_b));

	if (result == 0)
		result = (size_a > size_b) - (size_a < size_b);

	/* an index calls this very often */
	PG_FREE_IF_COPY(a, 0);
	PG_FREE_IF_COPY(b, 1);
	return result;
}

#define FLAT_COMPARISON(name, operator) \
	PG_FUNCTION_INFO_V1(margin_flat_##name); \
	Datum margin_flat_##name(PG_FUNCTION_ARGS) \
	{ \
		PG_RETURN_BOOL(flat_cmp(fcinfo) operator 0); \
	}

FLAT_COMPARISON(eq, ==)
FLAT_COMPARISON(ne, !=)
FLAT_COMPARISON(lt, <)
FLAT_COMPARISON(le, <=)
FLAT_COMPARISON(gt, >)
FLAT_COMPARISON(ge, >=)

PG_FUNCTION_INFO_V1(margin_flat_cmp);

Datum
margin_flat_cmp(PG_FUNCTION_ARGS)
{
	PG_RETURN_INT32(flat_cmp(fcinfo));
}

PG_FUNCTION_INFO_V1(margin_flat_hash);

Datum
margin_flat_hash(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);

	return hash_any((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

PG_FUNCTION_INFO_V1(margin_flat_hash_extended);

Datum
margin_flat_hash_extended(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);

	return hash_any_extended((unsigned char *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), PG_GETARG_INT64(1));
}
