/*
 * decimal.h
 *		Exact decimals: a 128-bit mantissa and a scale, PostgreSQL's numeric beneath.
 *
 * A Decimal is mantissa * 10^-scale.  Where a value or a result does not fit
 * (|mantissa| <= 2^126, scale <= 60) it holds a finite numeric instead, and
 * the operation is done by numeric's own functions, so that every result is
 * exact either way: nothing here rounds unless its name says so.
 *
 * Numerics that a Decimal points to live in the memory context that was
 * current when it was made; dec_copy_into() moves one that must live longer.
 *
 * Canonical form (dec_normalize): the smallest scale that holds the value,
 * and the mantissa wherever it fits.  Equal values then have equal fields.
 *
 * This room owns what is known about the stored form of numeric; the
 * "decimal" regression test compares it with the server's own input and
 * output on thousands of values.
 */
#ifndef MARGIN_DECIMAL_H
#define MARGIN_DECIMAL_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "utils/numeric.h"

#include "compat.h"

#define DEC_MAX_MANTISSA	((int128) 1 << 126)
#define DEC_MAX_SCALE		60
#define DEC_MAX_POWER		38	/* the last power of ten in dec_power10[] */
#define DEC_IS_BIG			(-1)	/* scale of a Decimal that holds a numeric */

/* The most digits a row input may carry on each side of the point. */
#define DEC_INPUT_DIGITS	1000

typedef struct Decimal
{
	union
	{
		int128		mantissa;	/* scale >= 0 */
		Numeric		big;		/* scale == DEC_IS_BIG */
		uint64		offset;		/* the same, inside a flat value */
	};
	int32		scale;
	int32		unused;			/* zero: flat values are compared by bytes */
} Decimal;

extern const int128 dec_power10[DEC_MAX_POWER + 1];
extern const int128 dec_power10_limit[DEC_MAX_POWER + 1];

#define DEC_ZERO ((Decimal) {{0}, 0, 0})
#define DEC_ONE ((Decimal) {{1}, 0, 0})

/* Conversions */
extern bool dec_from_input(Decimal *r, Datum value);
extern pg_noreturn void dec_bad_input(Datum value, const char *what);
extern Numeric dec_to_numeric(const Decimal *a);
extern Numeric dec_to_numeric_scale(const Decimal *a, int dscale);
extern bool dec_parse(Decimal *r, const char *text, int len);
extern void dec_append(StringInfo out, const Decimal *a);
extern char *dec_text(const Decimal *a);
extern void dec_normalize(Decimal *a);
extern bool dec_digits_within(const Decimal *a, int integer, int fraction);
extern void dec_copy_into(Decimal *dst, const Decimal *src, MemoryContext context);

/* The packed form: canonical, unaligned, for values on disk and on the wire */
extern Size dec_packed_size(const Decimal *a);
extern char *dec_pack(char *to, const Decimal *a);
extern const char *dec_unpack_big(Decimal *r, const char *from, const char *end);

/* Flat values: canonical Decimals with numerics at offsets from a base */
extern Size dec_flat_extra(const Decimal *a);
extern char *dec_flatten(Decimal *to, const Decimal *a, char *base, char *extra);

/* Divisions: each states its rounding */
extern void dec_div_ceil18(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_div_round8(Decimal *r, const Decimal *a, const Decimal *b);

/* What the inline operations below fall back on */
extern void dec_add_slow(Decimal *r, const Decimal *a, const Decimal *b, bool subtract);
extern void dec_mul_slow(Decimal *r, const Decimal *a, const Decimal *b);
extern int	dec_cmp_slow(const Decimal *a, const Decimal *b);
extern int	dec_sign_slow(const Decimal *a);
extern void dec_neg_slow(Decimal *r, const Decimal *a);

/*
 * Built with DECIMAL_FORCE_NUMERIC every sum, product and comparison goes
 * through numeric: the tests run both ways and must agree.
 */
#ifdef DECIMAL_FORCE_NUMERIC
#define dec_fast(a)			false
#define dec_both_fast(a, b) false
#else
#define dec_fast(a)			likely((a)->scale >= 0)
#define dec_both_fast(a, b) likely(((a)->scale | (b)->scale) >= 0)
#endif

static inline bool
dec_mantissa_fits(int128 m)
{
	return m <= DEC_MAX_MANTISSA && m >= -DEC_MAX_MANTISSA;
}

static inline void
dec_set(Decimal *r, int128 mantissa, int scale)
{
	r->mantissa = mantissa;
	r->scale = scale;
	r->unused = 0;
}

/* Bits of |m|, rounded up so that |m| <= 2^bits. */
static inline int
dec_mantissa_bits(int128 m)
{
	uint128		magnitude = (uint128) (m ^ (m >> 127));
	uint64		high = (uint64) (magnitude >> 64);
	uint64		low = (uint64) magnitude;

	if (high != 0)
		return 128 - __builtin_clzll(high);
	return low == 0 ? 0 : 64 - __builtin_clzll(low);
}

/* m * 10^power, or false where that does not fit. */
static inline bool
dec_rescale(int128 *m, int power)
{
	if (power == 0 || *m == 0)
		return true;
	if (power > DEC_MAX_POWER || *m > dec_power10_limit[power] || *m < -dec_power10_limit[power])
		return false;
	*m *= dec_power10[power];
	return true;
}

/*
 * The product of two mantissas where it surely fits.  A 64-bit test first: it
 * is nearly always true, and the builtin for 128-bit overflow would need a
 * runtime function that clang does not bring along.
 */
static inline bool
dec_mul_mantissa(int128 *r, int128 a, int128 b)
{
	if (likely(a == (int64) a && b == (int64) b))
	{
		*r = (int128) (int64) a * (int64) b;
		return true;
	}
	if (dec_mantissa_bits(a) + dec_mantissa_bits(b) > 126)
		return false;
	*r = a * b;
	return true;
}

static inline void
dec_mul(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		m;

	if (dec_both_fast(a, b) && a->scale + b->scale <= DEC_MAX_SCALE &&
		dec_mul_mantissa(&m, a->mantissa, b->mantissa))
		dec_set(r, m, a->scale + b->scale);
	else
		dec_mul_slow(r, a, b);
}

/* Two mantissas at their common scale, or false where one would not fit. */
static inline bool
dec_align(const Decimal *a, const Decimal *b, int128 *ma, int128 *mb)
{
	*ma = a->mantissa;
	*mb = b->mantissa;
	if (a->scale < b->scale)
		return dec_rescale(ma, b->scale - a->scale);
	return dec_rescale(mb, a->scale - b->scale);
}

static inline void
dec_add(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && dec_align(a, b, &ma, &mb) && dec_mantissa_fits(ma + mb))
		dec_set(r, ma + mb, Max(a->scale, b->scale));
	else
		dec_add_slow(r, a, b, false);
}

static inline void
dec_sub(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && dec_align(a, b, &ma, &mb) && dec_mantissa_fits(ma - mb))
		dec_set(r, ma - mb, Max(a->scale, b->scale));
	else
		dec_add_slow(r, a, b, true);
}

static inline int
dec_sign(const Decimal *a)
{
	if (likely(a->scale >= 0))
		return (a->mantissa > 0) - (a->mantissa < 0);
	return dec_sign_slow(a);
}

static inline bool
dec_is_zero(const Decimal *a)
{
	return a->scale >= 0 && a->mantissa == 0;
}

static inline int
dec_cmp(const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && dec_align(a, b, &ma, &mb))
		return (ma > mb) - (ma < mb);
	return dec_cmp_slow(a, b);
}

static inline void
dec_neg(Decimal *r, const Decimal *a)
{
	if (likely(a->scale >= 0))
		dec_set(r, -a->mantissa, a->scale);
	else
		dec_neg_slow(r, a);
}

static inline void
dec_abs(Decimal *r, const Decimal *a)
{
	if (dec_sign(a) < 0)
		dec_neg(r, a);
	else
		*r = *a;
}

/* r += a * b, the shape of most of valuation. */
static inline void
dec_add_product(Decimal *r, const Decimal *a, const Decimal *b)
{
	Decimal		product;

	dec_mul(&product, a, b);
	dec_add(r, r, &product);
}

/*
 * A Decimal inside a flat value at "base", ready for use; "buffer" is needed
 * only where it holds a numeric.
 */
static inline const Decimal *
dec_flat(const Decimal *stored, const void *base, Decimal *buffer)
{
	if (likely(stored->scale >= 0))
		return stored;
	buffer->big = (Numeric) ((const char *) base + stored->offset);
	buffer->scale = DEC_IS_BIG;
	buffer->unused = 0;
	return buffer;
}

/*
 * Packed form, first byte: the scale and, in bit 6, whether the mantissa takes
 * 16 bytes instead of 8 (native byte order, as in every stored value); or
 * DEC_PACKED_BIG before a numeric.
 */
#define DEC_PACKED_WIDE 0x40
#define DEC_PACKED_BIG	0xff

/* Reads one packed Decimal and returns what follows it, NULL if it is not well formed. */
static inline const char *
dec_unpack(Decimal *r, const char *from, const char *end)
{
	uint8		head;

	if (unlikely(end - from < 1 + (int) sizeof(int64)))
		return dec_unpack_big(r, from, end);
	head = (uint8) *from++;
	if (likely(head <= DEC_MAX_SCALE))
	{
		int64		narrow;

		memcpy(&narrow, from, sizeof(narrow));
		dec_set(r, narrow, head);
		return from + sizeof(narrow);
	}
	return dec_unpack_big(r, from - 1, end);
}

#endif							/* MARGIN_DECIMAL_H */
