/*
 * decimal.h
 *		Exact decimals: a 128-bit mantissa and a scale, PostgreSQL's numeric beneath.
 *
 * A Decimal is mantissa * 10^-scale.  Where a value or a result does not fit
 * (-2^126 <= mantissa < 2^126, scale <= 60) it holds a finite numeric instead, and
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

#include "base/compat.h"

#define DEC_MANTISSA_BITS	126
#define DEC_MAX_SCALE		60
#define DEC_MAX_POWER		37	/* the last power of ten that fits a mantissa */
#define DEC_MAX_NARROW_POWER 18 /* and the last that fits 64 bits */
#define DEC_IS_BIG			(-1)	/* scale of a Decimal that holds a numeric */

/* The most digits a row input may carry on each side of the point. */
#define DEC_INPUT_DIGITS	1000

/*
 * The mantissa is kept in halves: compilers move a whole one through vector
 * registers, and a vector load right behind two stores of halves stalls.
 */
typedef struct Decimal
{
	union
	{
		uint64		low;		/* scale >= 0 */
		Numeric		big;		/* scale == DEC_IS_BIG */
		uint64		offset;		/* the same, inside a flat value */
	};
	int64		high;
	int64		scale;
} Decimal;

extern const int64 dec_power10_narrow[DEC_MAX_NARROW_POWER + 1];

/* All bytes of zero are 0: memory that is cleared holds zeros. */
#define DEC_ZERO ((Decimal) {{0}, 0, 0})
#define DEC_ONE ((Decimal) {{1}, 0, 0})

/* Conversions */
extern bool dec_from_input(Decimal *r, Datum value);
extern pg_noreturn void dec_bad_input(Datum value, const char *what);
extern Numeric dec_to_numeric(const Decimal *a);
extern Datum dec_datum(const Decimal *a, int dscale);
extern bool dec_parse(Decimal *r, const char *text, int len);
extern void dec_append(StringInfo out, const Decimal *a);
extern char *dec_text(const Decimal *a);
extern void dec_strip_zeros(Decimal *a);
extern bool dec_big_digits_within(const Decimal *a, int integer, int fraction);
extern void dec_copy_into(Decimal *dst, const Decimal *src, MemoryContext context);
extern void dec_add_to(Decimal *sum, const Decimal *amount, MemoryContext context);

/* The packed form: canonical, unaligned, for values on disk and on the wire */
extern Size dec_packed_size(const Decimal *a);
extern char *dec_pack(char *to, const Decimal *a);
extern const char *dec_unpack_big(Decimal *r, const char *from, const char *end);

/* Flat values: canonical Decimals with numerics at offsets from a base */
extern Size dec_flat_extra(const Decimal *a);
extern char *dec_flatten(Decimal *to, const Decimal *a, char *base, char *extra);

/* Divisions: each states its rounding */
extern void dec_div_floor(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_div_ceil18(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_div_round18(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_div_floor18(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_div_round8(Decimal *r, const Decimal *a, const Decimal *b);

/*
 * What the inline operations below fall back on: first 128-bit arithmetic
 * where it fits, then numeric.
 */
extern void dec_add_wide(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_sub_wide(Decimal *r, const Decimal *a, const Decimal *b);
extern void dec_mul_wide(Decimal *r, const Decimal *a, const Decimal *b);
extern int	dec_cmp_wide(const Decimal *a, const Decimal *b);
extern int	dec_sign_big(const Decimal *a);
extern void dec_neg_big(Decimal *r, const Decimal *a);

/*
 * Built with DECIMAL_FORCE_NUMERIC every sum, product, quotient and
 * comparison goes through numeric: the tests run both ways and must agree.
 */
#ifdef DECIMAL_FORCE_NUMERIC
#define dec_both_fast(a, b) false
#else
#define dec_both_fast(a, b) likely(((a)->scale | (b)->scale) >= 0)
#endif

static inline bool
dec_mantissa_fits(int128 m)
{
	/* one addition and a sign test on the upper half */
	return (int64) ((uint64) (m >> 64) + ((uint64) 1 << (DEC_MANTISSA_BITS - 64))) >= 0;
}

static inline int128
dec_mantissa(const Decimal *a)
{
	return (int128) (((uint128) (uint64) a->high << 64) | a->low);
}

static inline void
dec_set(Decimal *r, int128 mantissa, int64 scale)
{
	r->low = (uint64) mantissa;
	r->high = (int64) (mantissa >> 64);
	r->scale = scale;
}

static inline void
dec_set_big(Decimal *r, Numeric big)
{
	r->big = big;
	r->high = 0;
	r->scale = DEC_IS_BIG;
}

/* Does the mantissa fit 64 bits? */
static inline bool
dec_is_narrow(const Decimal *a)
{
	return likely(a->high == (int64) a->low >> 63);
}

/*
 * Two mantissas at their common scale, where the one to be scaled up fits 64
 * bits, as most do: then the result surely fits, and needs no check.
 */
static inline bool
dec_align_narrow(const Decimal *a, const Decimal *b, int128 *ma, int128 *mb)
{
	int64		power = a->scale - b->scale;

	*ma = dec_mantissa(a);
	*mb = dec_mantissa(b);
	if (power > 0)
	{
		if (unlikely(power > DEC_MAX_NARROW_POWER) || !dec_is_narrow(b))
			return false;
		*mb = (int128) (int64) b->low * dec_power10_narrow[power];
	}
	else if (power < 0)
	{
		if (unlikely(power < -DEC_MAX_NARROW_POWER) || !dec_is_narrow(a))
			return false;
		*ma = (int128) (int64) a->low * dec_power10_narrow[-power];
	}
	return true;
}

static inline void
dec_add(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && dec_align_narrow(a, b, &ma, &mb) && likely(dec_mantissa_fits(ma + mb)))
		dec_set(r, ma + mb, Max(a->scale, b->scale));
	else
		dec_add_wide(r, a, b);
}

static inline void
dec_sub(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && dec_align_narrow(a, b, &ma, &mb) && likely(dec_mantissa_fits(ma - mb)))
		dec_set(r, ma - mb, Max(a->scale, b->scale));
	else
		dec_sub_wide(r, a, b);
}

/*
 * Two factors of 64 bits give a mantissa that fits, but for -2^63 * -2^63;
 * every product of ours has a factor that is never negative.
 */
static inline void
dec_mul(Decimal *r, const Decimal *a, const Decimal *b)
{
	if (dec_both_fast(a, b) && dec_is_narrow(a) && dec_is_narrow(b) &&
		likely(a->scale + b->scale <= DEC_MAX_SCALE))
		dec_set(r, (int128) (int64) a->low * (int64) b->low, a->scale + b->scale);
	else
		dec_mul_wide(r, a, b);
}

static inline int
dec_sign(const Decimal *a)
{
	if (likely(a->scale >= 0))
		return a->high < 0 ? -1 : (a->high | a->low) != 0;
	return dec_sign_big(a);
}

static inline bool
dec_is_zero(const Decimal *a)
{
	return (a->high | a->low) == 0 && a->scale >= 0;
}

static inline int
dec_cmp(const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && dec_align_narrow(a, b, &ma, &mb))
		return (ma > mb) - (ma < mb);
	return dec_cmp_wide(a, b);
}

static inline void
dec_neg(Decimal *r, const Decimal *a)
{
	if (likely(a->scale >= 0 && dec_mantissa_fits(-dec_mantissa(a))))
		dec_set(r, -dec_mantissa(a), a->scale);
	else
		dec_neg_big(r, a);
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

/* Drops what the mantissa carries of trailing zeros: the canonical form. */
static inline void
dec_normalize(Decimal *a)
{
	/* a multiple of 10 is even, which one bit tells of half of the others */
	if (a->scale <= 0 || (a->low & 1) != 0 || (dec_is_narrow(a) && (int64) a->low % 10 != 0))
		return;
	dec_strip_zeros(a);
}

/*
 * True if at most "integer" digits precede and "fraction" digits follow the
 * point.  The Decimal must be canonical, and "integer" no less than a mantissa may have.
 */
static inline bool
dec_digits_within(const Decimal *a, int integer, int fraction)
{
	if (likely(a->scale >= 0))
		return a->scale <= fraction;
	return dec_big_digits_within(a, integer, fraction);
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
	dec_set_big(buffer, (Numeric) ((const char *) base + stored->offset));
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
