/*
 * flat.h
 *		What the flat value types share: binary I/O, comparison, hashing, JSON.
 *
 * A flat value is canonical, so equal values have equal bytes: equality and
 * hashing work on them, and so does the order, which means nothing but is
 * total.  One set of C functions serves the operators of all three types, but
 * that a market begins with bytes which are no part of the value.
 *
 * The binary form is a version byte and the canonical text, as that of jsonb
 * is: one parser, hence one validator, behind every entrance.
 */
#ifndef MARGIN_FLAT_H
#define MARGIN_FLAT_H

#include "base/compat.h"
#include "base/jsonb.h"
#include "utils/builtins.h"

/* The version byte of send and recv; a later release may read several. */
#define FLAT_WIRE_VERSION 1

/*
 * Text is canonical and short: what has its default is left out.  JSON is for
 * programs, and leaves out only what is absent.
 */
typedef enum FlatForm
{
	FORM_TEXT,
	FORM_JSON
} FlatForm;

extern void flat_check_version(const char *type, int version, int known);
extern pg_noreturn void flat_corrupted(const char *type);
extern char *flat_recv_text(StringInfo message, const char *type);
extern bytea *flat_send_text(const char *text);
extern MemoryContext aggregate_context(FunctionCallInfo fcinfo);
extern int	flat_cmp(FunctionCallInfo fcinfo, Size skipped);
extern Datum flat_hash(FunctionCallInfo fcinfo, Size skipped);
extern Datum flat_hash_extended(FunctionCallInfo fcinfo, Size skipped);

/* The functions behind a type's operators, all of one mind about how many bytes they skip. */
#define FLAT_FUNCTION(name, expression) \
	PG_FUNCTION_INFO_V1(name); \
	Datum name(PG_FUNCTION_ARGS) \
	{ \
		return expression; \
	}
#define FLAT_COMPARISONS(type, skipped) \
	FLAT_FUNCTION(margin_##type##_eq, BoolGetDatum(flat_cmp(fcinfo, skipped) == 0)) \
	FLAT_FUNCTION(margin_##type##_ne, BoolGetDatum(flat_cmp(fcinfo, skipped) != 0)) \
	FLAT_FUNCTION(margin_##type##_lt, BoolGetDatum(flat_cmp(fcinfo, skipped) < 0)) \
	FLAT_FUNCTION(margin_##type##_le, BoolGetDatum(flat_cmp(fcinfo, skipped) <= 0)) \
	FLAT_FUNCTION(margin_##type##_gt, BoolGetDatum(flat_cmp(fcinfo, skipped) > 0)) \
	FLAT_FUNCTION(margin_##type##_ge, BoolGetDatum(flat_cmp(fcinfo, skipped) >= 0)) \
	FLAT_FUNCTION(margin_##type##_cmp, Int32GetDatum(flat_cmp(fcinfo, skipped))) \
	FLAT_FUNCTION(margin_##type##_hash, flat_hash(fcinfo, skipped)) \
	FLAT_FUNCTION(margin_##type##_hash_extended, flat_hash_extended(fcinfo, skipped))

/* The functions behind a type's casts to and from JSON. */
#define FLAT_JSON(type, json_of_datum, parse) \
	FLAT_FUNCTION(margin_##type##_to_json, PointerGetDatum(cstring_to_text(json_of_datum(PG_GETARG_DATUM(0))))) \
	FLAT_FUNCTION(margin_##type##_to_jsonb, jsonb_of_text(json_of_datum(PG_GETARG_DATUM(0)))) \
	FLAT_FUNCTION(margin_##type##_from_json, PointerGetDatum(parse(json_text(PG_GETARG_DATUM(0))))) \
	FLAT_FUNCTION(margin_##type##_from_jsonb, PointerGetDatum(parse(jsonb_text(PG_GETARG_DATUM(0)))))

#endif							/* MARGIN_FLAT_H */
