/*
 * symbol.h
 *		Names of assets and contracts: order, equality, and a small table by name.
 *
 * A symbol is 1 to 255 bytes, compared byte by byte (no collation).  Its first
 * eight bytes are kept as one number whose order is theirs, which decides
 * nearly every comparison.
 */
#ifndef MARGIN_SYMBOL_H
#define MARGIN_SYMBOL_H

#include "postgres.h"

#include "common/hashfn.h"
#include "port/pg_bswap.h"

#include "base/compat.h"

#define SYMBOL_MAX_LENGTH 255

typedef struct Symbol
{
	uint64		prefix;
	const char *bytes;
	int			length;
} Symbol;

/*
 * The first eight bytes as a number in their order, zeros behind a shorter
 * name.  Loads of fixed size that may overlap: a memcpy() of so few bytes
 * costs more than all else that is done with a symbol.
 */
static inline uint64
symbol_prefix(const char *bytes, int length)
{
	uint64		prefix = 0;

#ifdef WORDS_BIGENDIAN
	memcpy(&prefix, bytes, Min(length, 8));
	return prefix;
#else
	if (length >= 8)
		memcpy(&prefix, bytes, 8);
	else if (length >= 4)
	{
		uint32		first;
		uint32		last;

		memcpy(&first, bytes, 4);
		memcpy(&last, bytes + length - 4, 4);
		prefix = first | (uint64) last << (8 * (length - 4));
	}
	else
		prefix = (uint64) (uint8) bytes[0] | (uint64) (uint8) bytes[length / 2] << (8 * (length / 2)) |
			(uint64) (uint8) bytes[length - 1] << (8 * (length - 1));
	return pg_bswap64(prefix);
#endif
}

/* A symbol of at least one byte. */
static inline Symbol
symbol_make(const char *bytes, int length)
{
	Symbol		s;

	s.prefix = symbol_prefix(bytes, length);
	s.bytes = bytes;
	s.length = length;
	return s;
}

static inline bool
symbol_equal(const Symbol *a, const Symbol *b)
{
	return a->prefix == b->prefix && a->length == b->length &&
		(a->length <= 8 || memcmp(a->bytes + 8, b->bytes + 8, a->length - 8) == 0);
}

static inline int
symbol_cmp(const Symbol *a, const Symbol *b)
{
	int			shorter = Min(a->length, b->length);

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	if (shorter > 8)
	{
		int			c = memcmp(a->bytes + 8, b->bytes + 8, shorter - 8);

		if (c != 0)
			return c;
	}
	return a->length - b->length;
}

/*
 * Stored inside market values: changing it changes their format.
 * Multiplication moves bits only upwards, and short names use the upper bytes,
 * so fold first.
 */
static inline uint32
symbol_hash(const Symbol *s)
{
	uint64		h = s->prefix ^ (uint64) s->length;

	if (s->length > 8)
		h += (uint64) hash_bytes((const unsigned char *) s->bytes + 8, s->length - 8) << 8;
	h ^= h >> 32;
	h *= UINT64CONST(0x9E3779B97F4A7C15);
	return (uint32) (h ^ h >> 32);
}

extern pg_noreturn void symbol_bad_length(const char *bytes, int length, const char *what);

/* A symbol from outside; "what" says what it names. */
static inline Symbol
symbol_checked(const char *bytes, int length, const char *what)
{
	if (unlikely(length < 1 || length > SYMBOL_MAX_LENGTH))
		symbol_bad_length(bytes, length, what);
	return symbol_make(bytes, length);
}

extern char *symbol_text(const Symbol *s);
extern Datum symbol_datum(const Symbol *s);
extern Datum symbol_array(const Symbol *symbols, int count);

/*
 * A growing array of records that each begin with a Symbol, found by name.
 * Names that arrive in ascending order, as they do from an index, cost one
 * comparison each; a few in any order are searched in line; more are hashed.
 */
typedef struct SymbolTable
{
	MemoryContext context;
	Size		record_size;
	int			count;
	int			capacity;
	bool		ascending;
	char	   *records;
	char	   *names;			/* room for names, in chunks */
	int			names_left;
	int			nslots;			/* power of two, or 0: no hash yet */
	uint32	   *slots;			/* 1 + record number, 0 is empty */
} SymbolTable;

extern void symbol_table_init(SymbolTable *table, MemoryContext context, Size record_size);
extern void *symbol_table_add(SymbolTable *table, const Symbol *name, bool *found);
extern void **symbol_table_sorted(const SymbolTable *table);

static inline void *
symbol_table_record(const SymbolTable *table, int i)
{
	return table->records + i * table->record_size;
}

#endif							/* MARGIN_SYMBOL_H */
