/*
 * flat.h
 *		What the flat value types share: binary I/O, comparison, hashing.
 *
 * A flat value is canonical, so equal values have equal bytes: equality and
 * hashing work on them, and so does the order, which means nothing but is
 * total.  One set of C functions serves the operators of all three types.
 *
 * The binary form is a version byte and the canonical text, as that of jsonb
 * is: one parser, hence one validator, behind every entrance.
 */
#ifndef MARGIN_FLAT_H
#define MARGIN_FLAT_H

#include "base/compat.h"

/* The version byte of send and recv; a later release may read several. */
#define FLAT_WIRE_VERSION 1

extern void flat_check_version(const char *type, int version, int known);
extern pg_noreturn void flat_corrupted(const char *type);
extern char *flat_recv_text(StringInfo message, const char *type);
extern bytea *flat_send_text(const char *text);
extern MemoryContext aggregate_context(FunctionCallInfo fcinfo);

#endif							/* MARGIN_FLAT_H */
