/*
 * decimal.c
 *		Exact decimals: conversions, and the road over numeric.
 */
#include "postgres.h"

#include <ctype.h>
#include <limits.h>

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"

#include "base/decimal.h"

/*
 * The stored form of numeric, as numeric.c describes it: a 16-bit header (two
 * of them in the long form), then base-10000 digits, most significant first;
 * the first digit counts 10000^weight.
 */
#define NBASE_DIGITS	4
#define NBASE			10000
#define STORED_SPECIAL_MASK		0xC000
#define STORED_SPECIAL			0xC000
#define STORED_SHORT			0x8000
#define STORED_SHORT_NEGATIVE	0x2000
#define STORED_SHORT_DSCALE_SHIFT	7
#define STORED_SHORT_WEIGHT_SIGN	0x0040
#define STORED_SHORT_WEIGHT_MASK	0x003F
#define STORED_LONG_NEGATIVE	0x4000

/* 36 digits always fit into a mantissa; 38 may, and they may lie in 11 groups. */
#define SAFE_GROUPS		9
#define MOST_GROUPS		11

/* numeric_mul() would round beyond this many digits after the point. */
#define NUMERIC_MAX_FRACTION	16383

typedef struct StoredNumeric
{
	bool		finite;
	bool		negative;
	int			weight;
	int			ngroups;
	const char *groups;			/* int16 each, not aligned */
} StoredNumeric;

#define P9 INT64CONST(1000000000)
#define P18 INT64CONST(1000000000000000000)
#define TEN_POWERS(p) \
	(p), (p) * 10, (p) * 100, (p) * 1000, (p) * 10000, (p) * 100000, (p) * 1000000, (p) * 10000000, (p) * 100000000

const int64 dec_power10_narrow[DEC_MAX_NARROW_POWER + 1] = {TEN_POWERS(INT64CONST(1)), TEN_POWERS(P9), P18};

static const int128 dec_power10[DEC_MAX_POWER + 1] = {
	TEN_POWERS((int128) 1), TEN_POWERS((int128) P9), TEN_POWERS((int128) P18), TEN_POWERS((int128) P18 * P9),
	(int128) P18 * P18, (int128) P18 * P18 * 10
};

/* 2^126 */
#define LIMIT ((uint128) 1 << DEC_MANTISSA_BITS)
#define LIMITS(p) \
	LIMIT / (p), LIMIT / (p) / 10, LIMIT / (p) / 100, LIMIT / (p) / 1000, LIMIT / (p) / 10000, LIMIT / (p) / 100000, \
	LIMIT / (p) / 1000000, LIMIT / (p) / 10000000, LIMIT / (p) / 100000000

static const uint128 power10_limit[DEC_MAX_POWER + 1] = {
	LIMITS((uint128) 1), LIMITS((uint128) P9), LIMITS((uint128) P18), LIMITS((uint128) P18 * P9),
	LIMIT / ((uint128) P18 * P18), LIMIT / ((uint128) P18 * P18 * 10)
};

/* Does m * 10^power fit?  10^power does not divide 2^126, so the bound is never met. */
static inline bool
magnitude_scales(uint128 m, int64 power)
{
	return power <= DEC_MAX_POWER && m <= power10_limit[power];
}

/* m * 10^power, or false where that does not fit. */
static bool
rescale(int128 *m, int64 power)
{
	if (power == 0 || *m == 0)
		return true;
	if (power > DEC_MAX_POWER || !magnitude_scales(*m < 0 ? -(uint128) *m : (uint128) *m, power))
		return false;
	*m *= dec_power10[power];
	return true;
}

static inline int
stored_group(const StoredNumeric *n, int i)
{
	int16		group;

	memcpy(&group, n->groups + i * sizeof(int16), sizeof(int16));
	return group;
}

static inline void
stored_open(StoredNumeric *n, const struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	int			size = VARSIZE_ANY_EXHDR(value);
	uint16		head;

	memcpy(&head, data, sizeof(head));
	n->finite = (head & STORED_SPECIAL_MASK) != STORED_SPECIAL;
	if (head & STORED_SHORT)
	{
		n->negative = (head & STORED_SHORT_NEGATIVE) != 0;
		n->weight = head & STORED_SHORT_WEIGHT_MASK;
		if (head & STORED_SHORT_WEIGHT_SIGN)
			n->weight |= ~STORED_SHORT_WEIGHT_MASK;
		n->groups = data + sizeof(uint16);
	}
	else
	{
		int16		weight;

		memcpy(&weight, data + sizeof(uint16), sizeof(weight));
		n->negative = (head & STORED_LONG_NEGATIVE) != 0;
		n->weight = weight;
		n->groups = data + 2 * sizeof(uint16);
	}
	n->ngroups = (size - (n->groups - data)) / (int) sizeof(int16);
}

/* Zeros at the end of a base-10000 digit that is not 0. */
static inline int
group_trailing_zeros(int group)
{
	if (likely(group % 10 != 0))
		return 0;
	if (group % 100 != 0)
		return 1;
	return group % 1000 != 0 ? 2 : 3;
}

static int
stored_fraction_digits(const StoredNumeric *n)
{
	int			groups = n->ngroups;

	while (groups > 0 && stored_group(n, groups - 1) == 0)
		groups--;
	if (groups - 1 <= n->weight)
		return 0;
	return (groups - 1 - n->weight) * NBASE_DIGITS - group_trailing_zeros(stored_group(n, groups - 1));
}

static int
stored_integer_digits(const StoredNumeric *n)
{
	int			first;

	if (n->ngroups == 0 || n->weight < 0)
		return 0;
	first = stored_group(n, 0);
	return n->weight * NBASE_DIGITS + (first >= 1000 ? 4 : first >= 100 ? 3 : first >= 10 ? 2 : 1);
}

/*
 * The mantissa and scale of a stored numeric, or false where they do not fit.
 * The last group gives up its zeros, so the result is canonical.
 */
static inline bool
stored_to_mantissa(Decimal *r, const StoredNumeric *n)
{
	int			groups = n->ngroups;
	int			fraction = groups - 1 - n->weight;	/* groups after the point */
	int			padding = Max(-fraction, 0);	/* groups of zeros before it */
	int			zeros = 0;
	int			power = NBASE_DIGITS;
	int			last;
	uint64		low = 0;
	uint128		m;
	int			i;

	if (groups == 0)
	{
		dec_set(r, 0, 0);
		return true;
	}
	if (unlikely(groups + padding > MOST_GROUPS || fraction * NBASE_DIGITS > DEC_MAX_SCALE))
		return false;

	/* four groups fit into 64 bits: no 128-bit work for common values */
	for (i = 0; i < groups - 1 && i < 4; i++)
		low = low * NBASE + stored_group(n, i);
	m = low;
	for (; i < groups - 1; i++)
	{
		if (unlikely(i >= SAFE_GROUPS && !magnitude_scales(m + 1, NBASE_DIGITS)))
			return false;
		m = m * NBASE + stored_group(n, i);
	}

	last = stored_group(n, groups - 1);
	if (fraction > 0)
	{
		zeros = group_trailing_zeros(last);
		power -= zeros;
		last /= (int) dec_power10_narrow[zeros];
	}
	if (likely(groups + padding <= SAFE_GROUPS))
	{
		m = m * (uint64) dec_power10_narrow[power] + last;
		if (padding > 0)
			m *= dec_power10[padding * NBASE_DIGITS];
	}
	else
	{
		if (!magnitude_scales(m, power))
			return false;
		m = m * (uint64) dec_power10_narrow[power] + last;
		if (!magnitude_scales(m, padding * NBASE_DIGITS))
			return false;
		m *= dec_power10[padding * NBASE_DIGITS];
		/* the range of a mantissa is that of a signed 127-bit number */
		if (m > LIMIT || (m == LIMIT && !n->negative))
			return false;
	}
	dec_set(r, n->negative ? -(int128) m : (int128) m, fraction > 0 ? fraction * NBASE_DIGITS - zeros : 0);
	return true;
}

/* A finite numeric as a canonical Decimal. */
static void
dec_set_numeric(Decimal *r, Numeric value)
{
	StoredNumeric n;

	stored_open(&n, (struct varlena *) value);
	if (stored_to_mantissa(r, &n))
		return;
	dec_set_big(r, DatumGetNumeric(DirectFunctionCall1(numeric_trim_scale, NumericGetDatum(value))));
}

/*
 * The commonest numerics: the short form, at most 16 digits, the last of them
 * not above the ones.  False for all others.
 */
static inline bool
read_common_numeric(Decimal *r, const struct varlena *value)
{
	const char *data = VARDATA_ANY(value);
	int			groups = (VARSIZE_ANY_EXHDR(value) - (int) sizeof(uint16)) / (int) sizeof(int16);
	uint16		head;
	int			fraction;
	int			zeros = 0;
	int64		m = 0;
	int16		group;

	memcpy(&head, data, sizeof(head));
	if ((head & STORED_SPECIAL_MASK) != STORED_SHORT || groups < 1 || groups > 4)
		return false;
	/* the weight is a signed number of seven bits */
	fraction = groups - 1 - (((head & (STORED_SHORT_WEIGHT_SIGN | STORED_SHORT_WEIGHT_MASK)) ^ STORED_SHORT_WEIGHT_SIGN) -
							 STORED_SHORT_WEIGHT_SIGN);
	if (fraction < 0 || fraction * NBASE_DIGITS > DEC_MAX_SCALE)
		return false;

	data += sizeof(uint16);
	for (int i = 0; i < groups - 1; i++, data += sizeof(int16))
	{
		memcpy(&group, data, sizeof(group));
		m = m * NBASE + group;
	}
	memcpy(&group, data, sizeof(group));
	if (fraction > 0)
		zeros = group_trailing_zeros(group);
	m = m * dec_power10_narrow[NBASE_DIGITS - zeros];
	m += zeros == 0 ? group : group / (int) dec_power10_narrow[zeros];
	if (head & STORED_SHORT_NEGATIVE)
		m = -m;
	r->low = (uint64) m;
	r->high = m >> 63;
	r->scale = fraction * NBASE_DIGITS - zeros;
	return true;
}

/* A finite numeric datum of any size, or false. */
static bool
read_numeric(Decimal *r, Datum value)
{
	StoredNumeric n;

	stored_open(&n, PG_DETOAST_DATUM_PACKED(value));
	if (unlikely(!n.finite))
		return false;
	if (unlikely(!stored_to_mantissa(r, &n)))
		dec_set_numeric(r, DatumGetNumeric(value));
	return true;
}

/*
 * A row input: false where it is not finite or has more digits than the
 * specification admits, which dec_bad_input() then reports.
 */
bool
dec_from_input(Decimal *r, Datum value)
{
	struct varlena *stored = (struct varlena *) DatumGetPointer(value);

	/* a pointer to a value stored elsewhere looks like a short header too */
	if (!VARATT_IS_EXTERNAL(stored) && !VARATT_IS_COMPRESSED(stored) && likely(read_common_numeric(r, stored)))
		return true;
	return read_numeric(r, value) &&
		(likely(r->scale != DEC_IS_BIG) || dec_digits_within(r, DEC_INPUT_DIGITS, DEC_INPUT_DIGITS));
}

/* Why a value is no input; "what" names it. */
void
dec_bad_input(Datum value, const char *what)
{
	Decimal		ignored;

	if (!read_numeric(&ignored, value))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be a finite number", what),
				 errdetail("The value is %s.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, value)))));
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s has too many digits", what),
			 errdetail("At most %d digits are allowed on each side of the decimal point.",
					   DEC_INPUT_DIGITS)));
}

bool
dec_big_digits_within(const Decimal *a, int integer, int fraction)
{
	StoredNumeric n;

	stored_open(&n, (struct varlena *) dec_to_numeric(a));
	return stored_integer_digits(&n) <= integer && stored_fraction_digits(&n) <= fraction;
}

/* Strips up to "scale" zeros from a mantissa of 64 bits, large steps first. */
static int64
strip_narrow(int64 m, int64 *scale)
{
	static const struct
	{
		int			digits;
		int64		power;
	}			steps[] = {{8, 100000000}, {4, 10000}, {2, 100}, {1, 10}};

	for (int i = 0; i < (int) lengthof(steps); i++)
	{
		while (*scale >= steps[i].digits && m % steps[i].power == 0)
		{
			m /= steps[i].power;
			*scale -= steps[i].digits;
		}
	}
	return m;
}

/* dec_normalize() of a Decimal that has a trailing zero or a wide mantissa. */
void
dec_strip_zeros(Decimal *a)
{
	int128		m = dec_mantissa(a);
	int64		scale = a->scale;

	if (m == 0)
		scale = 0;
	while (scale >= 8 && m != (int64) m && (m & 0xff) == 0 && m % 100000000 == 0)
	{
		m /= 100000000;
		scale -= 8;
	}
	while (scale > 0 && m != (int64) m && (m & 1) == 0 && m % 10 == 0)
	{
		m /= 10;
		scale--;
	}
	if (scale > 0 && m == (int64) m)
		m = strip_narrow((int64) m, &scale);
	dec_set(a, m, scale);
}

#define MOST_OUTPUT_GROUPS 13	/* three chunks of four groups, and a part of one */

/* The last 16 digits of a number, as four groups. */
static inline void
chunk_to_groups(uint64 chunk, int16 *groups)
{
	uint32		upper = chunk / 100000000;
	uint32		lower = chunk % 100000000;

	groups[0] = upper / NBASE;
	groups[1] = upper % NBASE;
	groups[2] = lower / NBASE;
	groups[3] = lower % NBASE;
}

/* The base-10000 digits of m > 0, most significant first; returns how many. */
static int
mantissa_to_groups(uint128 m, int16 *groups)
{
	const uint64 unit = UINT64CONST(10000000000000000);
	uint64		chunks[3];
	uint64		top;
	int			nchunks = 0;
	int			leading;
	int			at;

	while (m >> 64 != 0 || (uint64) m >= unit)
	{
		uint128		rest = m / unit;

		chunks[nchunks++] = (uint64) m - (uint64) rest * unit;
		m = rest;
	}
	top = (uint64) m;
	leading = top < 10000 ? 1 : top < 100000000 ? 2 : top < UINT64CONST(1000000000000) ? 3 : 4;
	for (int i = leading - 1; i >= 0; i--)
	{
		groups[i] = top % NBASE;
		top /= NBASE;
	}
	for (at = leading; nchunks > 0; at += 4)
		chunk_to_groups(chunks[--nchunks], groups + at);
	return at;
}

/*
 * The stored numeric of a mantissa, showing "dscale" digits after the point,
 * or more if it has more.  The groups are written where they stay.
 */
static Numeric
mantissa_to_numeric(int128 mantissa, int scale, int dscale)
{
	uint128		m = mantissa < 0 ? -(uint128) mantissa : (uint128) mantissa;
	int			partial = scale % NBASE_DIGITS;
	int			fraction = (scale + NBASE_DIGITS - 1) / NBASE_DIGITS;
	int			remainder = -1;
	int			ngroups = 0;
	int			weight = 0;
	char	   *result = palloc(VARHDRSZ + sizeof(uint16) + (m == 0 ? 0 : MOST_OUTPUT_GROUPS * sizeof(int16)));
	int16	   *groups = (int16 *) (result + VARHDRSZ + sizeof(uint16));
	uint16		head;

	/* the last group holds "partial" digits only: fill it up to four */
	if (partial > 0)
	{
		uint64		unit = dec_power10_narrow[partial];
		uint64		filler = dec_power10_narrow[NBASE_DIGITS - partial];

		if (likely(m >> (DEC_MANTISSA_BITS - 10) == 0))
			m *= filler;
		else
		{
			uint128		rest = m / unit;

			remainder = (int) ((uint64) (m - rest * unit) * filler);
			m = rest;
		}
	}
	if (m != 0)
		ngroups = mantissa_to_groups(m, groups);
	if (remainder >= 0)
		groups[ngroups++] = remainder;
	if (ngroups > 0)
		weight = ngroups - fraction - 1;
	while (ngroups > 0 && groups[ngroups - 1] == 0)
		ngroups--;
	if (ngroups - 1 > weight)
		dscale = Max(dscale, (ngroups - 1 - weight) * NBASE_DIGITS - group_trailing_zeros(groups[ngroups - 1]));

	SET_VARSIZE(result, VARHDRSZ + sizeof(uint16) + ngroups * sizeof(int16));
	head = STORED_SHORT | (mantissa < 0 ? STORED_SHORT_NEGATIVE : 0) |
		(dscale << STORED_SHORT_DSCALE_SHIFT) |
		(weight < 0 ? STORED_SHORT_WEIGHT_SIGN : 0) | (weight & STORED_SHORT_WEIGHT_MASK);
	memcpy(result + VARHDRSZ, &head, sizeof(head));
	return (Numeric) result;
}

/* As a numeric without trailing zeros. */
Numeric
dec_to_numeric(const Decimal *a)
{
	if (likely(a->scale >= 0))
		return mantissa_to_numeric(dec_mantissa(a), a->scale, 0);
	return a->big;
}

/* As a numeric that shows "dscale" digits after the point, or more if it has more. */
static Numeric
dec_to_numeric_scale(const Decimal *a, int dscale)
{
	if (likely(a->scale >= 0))
		return mantissa_to_numeric(dec_mantissa(a), a->scale, dscale);
	if (dec_big_digits_within(a, INT_MAX, dscale))
		return DatumGetNumeric(DirectFunctionCall2(numeric_round, NumericGetDatum(a->big), Int32GetDatum(dscale)));
	return a->big;
}

/*
 * The same as a datum of its own in the current context: a numeric that a
 * Decimal points to may live in another one, and for less long.
 */
Datum
dec_datum(const Decimal *a, int dscale)
{
	Datum		value = NumericGetDatum(dec_to_numeric_scale(a, dscale));

	return a->scale == DEC_IS_BIG ? datumCopy(value, false, -1) : value;
}

/*
 * A decimal number in text: sign, digits with at most one point, exponent.
 * False where it is none, or longer than any valid amount could be, so that
 * numeric_in() never sees 1e100000 or a megabyte of digits.
 */
bool
dec_parse(Decimal *r, const char *text, int len)
{
	const int	longest = 6 * DEC_INPUT_DIGITS;
	int			i = 0;
	int			digits = 0;
	char	   *copy;

	if (len > longest)
		return false;
	if (i < len && (text[i] == '+' || text[i] == '-'))
		i++;
	for (; i < len && isdigit((unsigned char) text[i]); i++)
		digits++;
	if (i < len && text[i] == '.')
		for (i++; i < len && isdigit((unsigned char) text[i]); i++)
			digits++;
	if (digits == 0)
		return false;
	if (i < len && (text[i] == 'e' || text[i] == 'E'))
	{
		int			exponent = 0;
		int			start;

		i++;
		if (i < len && (text[i] == '+' || text[i] == '-'))
			i++;
		for (start = i; i < len && isdigit((unsigned char) text[i]); i++)
			if (exponent <= longest)
				exponent = exponent * 10 + (text[i] - '0');
		if (i == start || exponent > longest)
			return false;
	}
	if (i != len)
		return false;

	copy = pnstrdup(text, len);
	dec_set_numeric(r, DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(copy),
														   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1))));
	pfree(copy);
	return true;
}

char *
dec_text(const Decimal *a)
{
	return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(dec_to_numeric(a))));
}

void
dec_append(StringInfo out, const Decimal *a)
{
	appendStringInfoString(out, dec_text(a));
}

void
dec_copy_into(Decimal *dst, const Decimal *src, MemoryContext context)
{
	Numeric		old = dst->scale == DEC_IS_BIG ? dst->big : NULL;

	if (src->scale == DEC_IS_BIG)
	{
		Size		size = VARSIZE(src->big);
		Numeric		copy = MemoryContextAlloc(context, size);

		memcpy(copy, src->big, size);
		*dst = *src;
		dst->big = copy;
	}
	else
		*dst = *src;
	if (old != NULL)
		pfree(old);
}

/* Adds to a sum that lives in a context, and keeps it canonical: many amounts leave no more digits than it has. */
void
dec_add_to(Decimal *sum, const Decimal *amount, MemoryContext context)
{
	Decimal		total;

	dec_add(&total, sum, amount);
	dec_normalize(&total);
	dec_copy_into(sum, &total, context);
}

/* ---------- the road over numeric ---------- */

typedef Datum (*NumericFunction) (PG_FUNCTION_ARGS);

static Numeric
numeric_op(NumericFunction f, Numeric a, Numeric b)
{
	return DatumGetNumeric(DirectFunctionCall2(f, NumericGetDatum(a), NumericGetDatum(b)));
}

/* Bits of |m|, rounded up so that |m| <= 2^bits. */
static int
mantissa_bits(int128 m)
{
	uint128		magnitude = (uint128) (m ^ (m >> 127));
	uint64		high = (uint64) (magnitude >> 64);
	uint64		low = (uint64) magnitude;

	if (high != 0)
		return 128 - __builtin_clzll(high);
	return low == 0 ? 0 : 64 - __builtin_clzll(low);
}

static bool
align(const Decimal *a, const Decimal *b, int128 *ma, int128 *mb)
{
	*ma = dec_mantissa(a);
	*mb = dec_mantissa(b);
	if (a->scale < b->scale)
		return rescale(ma, b->scale - a->scale);
	return rescale(mb, a->scale - b->scale);
}

void
dec_add_wide(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && align(a, b, &ma, &mb) && dec_mantissa_fits(ma + mb))
		dec_set(r, ma + mb, Max(a->scale, b->scale));
	else
		dec_set_numeric(r, numeric_op(numeric_add, dec_to_numeric(a), dec_to_numeric(b)));
}

void
dec_sub_wide(Decimal *r, const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && align(a, b, &ma, &mb) && dec_mantissa_fits(ma - mb))
		dec_set(r, ma - mb, Max(a->scale, b->scale));
	else
		dec_set_numeric(r, numeric_op(numeric_sub, dec_to_numeric(a), dec_to_numeric(b)));
}

static void
mul_numeric(Decimal *r, Numeric a, Numeric b)
{
	StoredNumeric sa;
	StoredNumeric sb;

	/* cannot happen within the limits on inputs; if it did, it would round */
	stored_open(&sa, (struct varlena *) a);
	stored_open(&sb, (struct varlena *) b);
	if (stored_fraction_digits(&sa) + stored_fraction_digits(&sb) > NUMERIC_MAX_FRACTION)
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("product has more than %d digits after the decimal point", NUMERIC_MAX_FRACTION)));
	dec_set_numeric(r, numeric_op(numeric_mul, a, b));
}

/*
 * The product is known to fit by the bits of its factors: the builtin for
 * 128-bit overflow would need a function that clang's users do not have.
 */
void
dec_mul_wide(Decimal *r, const Decimal *a, const Decimal *b)
{
	if (dec_both_fast(a, b) && a->scale + b->scale <= DEC_MAX_SCALE &&
		mantissa_bits(dec_mantissa(a)) + mantissa_bits(dec_mantissa(b)) < DEC_MANTISSA_BITS)
		dec_set(r, dec_mantissa(a) * dec_mantissa(b), a->scale + b->scale);
	else
		mul_numeric(r, dec_to_numeric(a), dec_to_numeric(b));
}

int
dec_cmp_wide(const Decimal *a, const Decimal *b)
{
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && align(a, b, &ma, &mb))
		return (ma > mb) - (ma < mb);
	return DatumGetInt32(DirectFunctionCall2(numeric_cmp,
											 NumericGetDatum(dec_to_numeric(a)),
											 NumericGetDatum(dec_to_numeric(b))));
}

int
dec_sign_big(const Decimal *a)
{
	StoredNumeric n;

	stored_open(&n, (struct varlena *) a->big);
	return n.ngroups == 0 ? 0 : n.negative ? -1 : 1;
}

void
dec_neg_big(Decimal *r, const Decimal *a)
{
	dec_set_numeric(r, DatumGetNumeric(DirectFunctionCall1(numeric_uminus, NumericGetDatum(dec_to_numeric(a)))));
}

/* ---------- divisions ---------- */

/* a / b rounded down to a whole number, towards minus infinity; b > 0. */
void
dec_div_floor(Decimal *r, const Decimal *a, const Decimal *b)
{
	const Decimal one = DEC_ONE;
	Decimal		quotient;
	Decimal		product;
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && align(a, b, &ma, &mb))
	{
		dec_set(r, ma / mb - (ma % mb < 0), 0);
		return;
	}
	dec_set_numeric(&quotient, numeric_op(numeric_div_trunc, dec_to_numeric(a), dec_to_numeric(b)));
	dec_mul(&product, &quotient, b);
	if (dec_cmp(&product, a) > 0)
		dec_sub(r, &quotient, &one);
	else
		*r = quotient;
}

/* floor(a * 10^digits / b) and whether something remains, over numeric; a >= 0, b > 0. */
static Numeric
numeric_divide(const Decimal *a, const Decimal *b, int digits, Numeric *remainder)
{
	Decimal		power;
	Numeric		scaled;
	Numeric		quotient;

	dec_set(&power, dec_power10[digits], 0);
	scaled = numeric_op(numeric_mul, dec_to_numeric(a), dec_to_numeric(&power));
	quotient = numeric_op(numeric_div_trunc, scaled, dec_to_numeric(b));
	*remainder = numeric_op(numeric_sub, scaled, numeric_op(numeric_mul, quotient, dec_to_numeric(b)));
	return quotient;
}

/* The whole number "quotient" (+ 1 unit) * 10^-digits. */
static void
set_quotient(Decimal *r, Numeric quotient, bool plus_one, int digits)
{
	Decimal		q;
	Decimal		unit;

	dec_set_numeric(&q, quotient);
	dec_set(&unit, 1, digits);
	dec_mul(r, &q, &unit);
	if (plus_one)
		dec_add(r, r, &unit);
}

/* a / b rounded up at the 18th decimal; a >= 0, b > 0 (SPEC 1, margin quantity). */
void
dec_div_ceil18(Decimal *r, const Decimal *a, const Decimal *b)
{
	Numeric		remainder;
	Numeric		quotient;

	/* leverages that divide 10,000 leave no remainder: 64 bits are enough */
	if (dec_both_fast(a, b) && a->high == 0 && b->high == 0 && a->low <= PG_INT64_MAX / 10000 &&
		a->scale - b->scale >= 0 && a->scale - b->scale <= 14 && a->low * 10000 % b->low == 0)
	{
		dec_set(r, a->low * 10000 / b->low, a->scale - b->scale + 4);
		return;
	}
	if (dec_both_fast(a, b))
	{
		int64		power = 18 + b->scale - a->scale;
		int128		n = dec_mantissa(a);
		int128		d = dec_mantissa(b);

		if (power >= 0 ? rescale(&n, power) : rescale(&d, -power))
		{
			int128		q = n / d;

			if (q * d != n)
				q++;
			dec_set(r, q, 18);
			return;
		}
	}
	quotient = numeric_divide(a, b, 18, &remainder);
	set_quotient(r, quotient, !DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(remainder),
																 NumericGetDatum(int64_to_numeric(0)))), 18);
}

/* a / b rounded half away from zero, over numeric; a >= 0, b > 0. */
static void
round_quotient(Decimal *r, const Decimal *a, const Decimal *b, int digits)
{
	Numeric		remainder;
	Numeric		quotient = numeric_divide(a, b, digits, &remainder);

	remainder = numeric_op(numeric_add, remainder, remainder);
	set_quotient(r, quotient, DatumGetBool(DirectFunctionCall2(numeric_ge, NumericGetDatum(remainder),
															   NumericGetDatum(dec_to_numeric(b)))), digits);
}

/* a / b rounded half away from zero at the 18th decimal; a >= 0, b > 0 (linked mark prices). */
void
dec_div_round18(Decimal *r, const Decimal *a, const Decimal *b)
{
	if (dec_both_fast(a, b))
	{
		int64		power = 18 + b->scale - a->scale;
		int128		n = dec_mantissa(a);
		int128		d = dec_mantissa(b);

		if (power >= 0 ? rescale(&n, power) : rescale(&d, -power))
		{
			int128		rest = n % d;

			dec_set(r, n / d + (rest >= d - rest), 18);
			return;
		}
	}
	round_quotient(r, a, b, 18);
}

/* a / b rounded down at the 18th decimal; a >= 0, b > 0 (repayments). */
void
dec_div_floor18(Decimal *r, const Decimal *a, const Decimal *b)
{
	Decimal		quotient;
	Decimal		product;
	Decimal		unit;

	dec_div_ceil18(&quotient, a, b);
	dec_mul(&product, &quotient, b);
	if (dec_cmp(&product, a) > 0)
	{
		dec_set(&unit, 1, 18);
		dec_sub(&quotient, &quotient, &unit);
	}
	*r = quotient;
}

/* a / b rounded half away from zero at the 8th decimal; a >= 0, b > 0 (SPEC 3.9, margin ratio). */
void
dec_div_round8(Decimal *r, const Decimal *a, const Decimal *b)
{
	const double reach = 4503599627370496.0 / 16;	/* 2^48: an estimate below is off by one at most */
	int128		ma,
				mb;

	if (dec_both_fast(a, b) && align(a, b, &ma, &mb))
	{
		double		estimate = (double) ma / (double) mb * 1e8;

		/*
		 * Estimate the quotient in floating point, then correct it exactly:
		 * the remainder is small, so computed modulo 2^128 it is right even
		 * where the products it is the difference of are not.
		 */
		if (estimate >= 0 && estimate < reach)
		{
			uint64		q = (uint64) estimate;
			int128		rest = (int128) ((uint128) ma * 100000000 - (uint128) q * (uint128) mb);

			if (mb < ((int128) 1 << (DEC_MANTISSA_BITS - 2)))
			{
				while (rest < 0)
				{
					rest += mb;
					q--;
				}
				while (rest >= mb)
				{
					rest -= mb;
					q++;
				}
				dec_set(r, (int128) q + (2 * rest >= mb), 8);
				return;
			}
		}
	}
	round_quotient(r, a, b, 8);
}

/* ---------- packed and flat forms ---------- */

Size
dec_packed_size(const Decimal *a)
{
	if (a->scale == DEC_IS_BIG)
		return 1 + sizeof(uint16) + VARSIZE(a->big) - VARHDRSZ;
	return 1 + (dec_is_narrow(a) ? sizeof(int64) : sizeof(int128));
}

/* Writes a canonical Decimal and returns where the next byte goes. */
char *
dec_pack(char *to, const Decimal *a)
{
	Assert(a->scale == DEC_IS_BIG || dec_mantissa_fits(dec_mantissa(a)));
	if (a->scale == DEC_IS_BIG)
	{
		uint16		size = (uint16) (VARSIZE(a->big) - VARHDRSZ);

		*to++ = (char) DEC_PACKED_BIG;
		memcpy(to, &size, sizeof(size));
		memcpy(to + sizeof(size), VARDATA(a->big), size);
		return to + sizeof(size) + size;
	}
	if (dec_is_narrow(a))
	{
		*to++ = (char) a->scale;
		memcpy(to, &a->low, sizeof(int64));
		return to + sizeof(int64);
	}
	*to++ = (char) (a->scale | DEC_PACKED_WIDE);
	memcpy(to, &a->low, sizeof(int64));
	memcpy(to + sizeof(int64), &a->high, sizeof(int64));
	return to + 2 * sizeof(int64);
}

/* Whether bytes are a number as numeric_trim_scale() leaves it, and as all functions of numeric trust it to be; 0 is never so large. */
static bool
stored_is_sound(const struct varlena *value)
{
	StoredNumeric n;

	stored_open(&n, value);
	if (!n.finite || n.ngroups < 1 || stored_group(&n, 0) == 0 || stored_group(&n, n.ngroups - 1) == 0)
		return false;
	for (int i = 0; i < n.ngroups; i++)
	{
		if (stored_group(&n, i) < 0 || stored_group(&n, i) >= NBASE)
			return false;
	}
	return true;
}

/* dec_unpack() for all but the common case. */
const char *
dec_unpack_big(Decimal *r, const char *from, const char *end)
{
	uint8		head;
	uint16		size;

	if (from >= end)
		return NULL;
	head = (uint8) *from++;
	if (head != DEC_PACKED_BIG)
	{
		if ((head & DEC_PACKED_WIDE) == 0 || (head & ~DEC_PACKED_WIDE) > DEC_MAX_SCALE ||
			end - from < 2 * (int) sizeof(int64))
			return NULL;
		memcpy(&r->low, from, sizeof(int64));
		memcpy(&r->high, from + sizeof(int64), sizeof(int64));
		r->scale = head & ~DEC_PACKED_WIDE;
		return dec_mantissa_fits(dec_mantissa(r)) ? from + 2 * sizeof(int64) : NULL;
	}

	if (end - from < (int) sizeof(size))
		return NULL;
	memcpy(&size, from, sizeof(size));
	from += sizeof(size);
	if (size < 2 * sizeof(uint16) || end - from < size)
		return NULL;
	dec_set_big(r, palloc(VARHDRSZ + size));
	SET_VARSIZE(r->big, VARHDRSZ + size);
	memcpy(VARDATA(r->big), from, size);
	return stored_is_sound((struct varlena *) r->big) ? from + size : NULL;
}

/* Bytes that a Decimal of a flat value takes beside its field. */
Size
dec_flat_extra(const Decimal *a)
{
	return a->scale == DEC_IS_BIG ? MAXALIGN(VARSIZE(a->big)) : 0;
}

/* Stores a canonical Decimal in a flat value at "base"; its numeric, if any, goes to "extra", whose end is returned. */
char *
dec_flatten(Decimal *to, const Decimal *a, char *base, char *extra)
{
	Assert(MAXALIGN(extra - base) == (Size) (extra - base));
	Assert(a->scale == DEC_IS_BIG || dec_mantissa_fits(dec_mantissa(a)));
	if (a->scale != DEC_IS_BIG)
	{
		*to = *a;
		return extra;
	}
	memcpy(extra, a->big, VARSIZE(a->big));
	to->offset = extra - base;
	to->high = 0;
	to->scale = DEC_IS_BIG;
	return extra + MAXALIGN(VARSIZE(a->big));
}

/* ---------- SQL ---------- */

PG_FUNCTION_INFO_V1(margin_is_amount);

/* is_amount(numeric): finite, and within the digits a row input may carry. */
Datum
margin_is_amount(PG_FUNCTION_ARGS)
{
	struct varlena *stored = PG_GETARG_VARLENA_PP(0);
	StoredNumeric n;

	stored_open(&n, stored);
	PG_RETURN_BOOL(n.finite &&
				   stored_integer_digits(&n) <= DEC_INPUT_DIGITS &&
				   stored_fraction_digits(&n) <= DEC_INPUT_DIGITS);
}
