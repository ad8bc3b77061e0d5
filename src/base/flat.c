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
