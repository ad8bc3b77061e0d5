/*
 * portfolio.c
 *		Netted holdings of one account: the flat value and its algebra.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/flat.h"
#include "value/portfolio.h"

/*
 * Behind the varlena header, unaligned: version, number of balances, number of
 * positions.  A balance is a name (one byte of length) and a packed quantity;
 * a position is a name, a byte that says which of the parts below it has, and
 * those parts.
 */
#define HEADER_SIZE (sizeof(uint8) + 2 * sizeof(uint32))

#define SMALLEST_ENTRY 3

#define HAS_SIDE(side)		(1 << (side))
#define HAS_MARGIN(side)	(4 << (side))
#define HAS_ANY				0x0f

/* ---------- reading ---------- */

void
portfolio_corrupted(void)
{
	flat_corrupted("portfolio");
}

void
portfolio_open(PortfolioReader *reader, const struct varlena *value)
{
	reader->at = VARDATA_ANY(value);
	reader->end = reader->at + VARSIZE_ANY_EXHDR(value);
	if (reader->end - reader->at < (int) HEADER_SIZE)
		portfolio_corrupted();
	flat_check_version("portfolio", *(const uint8 *) reader->at, PORTFOLIO_VERSION);
	memcpy(&reader->balances, reader->at + sizeof(uint8), sizeof(uint32));
	memcpy(&reader->positions, reader->at + sizeof(uint8) + sizeof(uint32), sizeof(uint32));
	reader->at += HEADER_SIZE;

	/* no entry is shorter, so these numbers are safe to allocate by */
	if (((uint64) reader->balances + reader->positions) * SMALLEST_ENTRY > (uint64) (reader->end - reader->at))
		portfolio_corrupted();
}

static inline void
read_side(PortfolioReader *reader, PositionSide *side, bool present, bool has_margin)
{
	if (present)
	{
		portfolio_read_decimal(reader, &side->quantity);
		portfolio_read_decimal(reader, &side->cost);
		if (has_margin)
			portfolio_read_decimal(reader, &side->margin);
		else
			side->margin = DEC_ZERO;
	}
	else
		side->quantity = side->cost = side->margin = DEC_ZERO;
}

/* The next position; balances come first. */
void
portfolio_read_position(PortfolioReader *reader, Position *position)
{
	uint8		parts;

	portfolio_read_symbol(reader, &position->symbol);
	if (reader->at >= reader->end)
		portfolio_corrupted();
	parts = (uint8) *reader->at++;
	read_side(reader, &position->sides[SIDE_LONG], parts & HAS_SIDE(SIDE_LONG), parts & HAS_MARGIN(SIDE_LONG));
	read_side(reader, &position->sides[SIDE_SHORT], parts & HAS_SIDE(SIDE_SHORT), parts & HAS_MARGIN(SIDE_SHORT));
	reader->positions--;
}

void
portfolio_end(const PortfolioReader *reader)
{
	if (unlikely(reader->at != reader->end))
		portfolio_corrupted();
}

/* ---------- writing: the one validator ---------- */

void
portfolio_begin(PortfolioWriter *writer, Size expected)
{
	memset(writer, 0, sizeof(*writer));
	writer->capacity = Min(Max(expected, 256), MaxAllocSize);
	writer->data = palloc(writer->capacity);
	writer->size = VARHDRSZ + HEADER_SIZE;
}

/* Room for "size" more bytes. */
static char *
reserve(PortfolioWriter *writer, Size size)
{
	if (unlikely(writer->size + size > writer->capacity))
	{
		if (writer->size + size > MaxAllocSize)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("portfolio is too large"),
					 errdetail("A portfolio may take %zu bytes at most.", (Size) MaxAllocSize)));
		writer->capacity = Min(Max(2 * writer->capacity, writer->size + size), MaxAllocSize);
		writer->data = repalloc(writer->data, writer->capacity);
	}
	return writer->data + writer->size;
}

static char *
put_symbol(char *to, const Symbol *symbol)
{
	*to++ = (char) symbol->length;
	memcpy(to, symbol->bytes, symbol->length);
	return to + symbol->length;
}

static pg_noreturn void
report_digits(const Symbol *symbol, const char *what, int integer, int fraction)
{
	ereport(ERROR,
			(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
			 errmsg("%s of \"%s\" has too many digits", what, symbol_text(symbol)),
			 errdetail("At most %d digits are allowed before the decimal point and %d after it.",
					   integer + PORTFOLIO_SUM_DIGITS, fraction)));
}

/* Makes a number canonical and refuses one that no rows could have summed up to. */
static inline void
settle_amount(Decimal *a, const Symbol *symbol, const char *what, int integer, int fraction)
{
	dec_normalize(a);
	if (unlikely(!dec_digits_within(a, integer + PORTFOLIO_SUM_DIGITS, fraction)))
		report_digits(symbol, what, integer, fraction);
}

/* Balances in byte order of their symbols, each once; one of 0 is left out. */
void
portfolio_put_balance(PortfolioWriter *writer, Balance *balance)
{
	char	   *to;

	Assert(writer->positions == 0);
	settle_amount(&balance->quantity, &balance->symbol, "balance", DEC_INPUT_DIGITS, DEC_INPUT_DIGITS);
	if (dec_is_zero(&balance->quantity))
		return;
	to = reserve(writer, 1 + balance->symbol.length + dec_packed_size(&balance->quantity));
	to = put_symbol(to, &balance->symbol);
	to = dec_pack(to, &balance->quantity);
	writer->size = to - writer->data;
	writer->balances++;
}

static const char *const side_names[2][3] = {
	{"long quantity", "long cost", "long margin quantity"},
	{"short quantity", "short cost", "short margin quantity"}
};

/* What is wrong with a side that settle_side() did not like. */
static pg_noreturn void
report_side(const Symbol *symbol, const PositionSide *side, int index)
{
	const Decimal *amounts[3] = {&side->quantity, &side->cost, &side->margin};

	for (int i = 0; i < 3; i++)
	{
		if (dec_sign(amounts[i]) < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s of \"%s\" must not be negative: %s",
							side_names[index][i], symbol_text(symbol), dec_text(amounts[i]))));
	}
	for (int i = 1; i < 3; i++)
	{
		if (!dec_is_zero(amounts[i]))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s of \"%s\" is %s although its quantity is 0",
							side_names[index][i], symbol_text(symbol), dec_text(amounts[i]))));
	}
	pg_unreachable();
}

/* A side's numbers checked and canonical; returns its bits of the parts byte. */
static inline uint8
settle_side(const Symbol *symbol, PositionSide *side, int index)
{
	bool		empty = dec_is_zero(&side->quantity);

	if (empty && dec_is_zero(&side->cost) && dec_is_zero(&side->margin))
		return 0;
	settle_amount(&side->quantity, symbol, side_names[index][0], DEC_INPUT_DIGITS, DEC_INPUT_DIGITS);
	settle_amount(&side->cost, symbol, side_names[index][1], 2 * DEC_INPUT_DIGITS, 2 * DEC_INPUT_DIGITS);
	settle_amount(&side->margin, symbol, side_names[index][2], 2 * DEC_INPUT_DIGITS, 18);
	if (unlikely(empty || dec_sign(&side->quantity) < 0 || dec_sign(&side->cost) < 0 || dec_sign(&side->margin) < 0))
		report_side(symbol, side, index);
	return HAS_SIDE(index) | (dec_is_zero(&side->margin) ? 0 : HAS_MARGIN(index));
}

/* Positions in byte order, behind the balances; one without sides is left out. */
void
portfolio_put_position(PortfolioWriter *writer, Position *position)
{
	uint8		parts = settle_side(&position->symbol, &position->sides[SIDE_LONG], SIDE_LONG) |
		settle_side(&position->symbol, &position->sides[SIDE_SHORT], SIDE_SHORT);
	Size		size = 2 + position->symbol.length;
	char	   *to;

	if (parts == 0)
		return;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
		size += dec_packed_size(&position->sides[i].quantity) + dec_packed_size(&position->sides[i].cost) +
			dec_packed_size(&position->sides[i].margin);
	to = reserve(writer, size);
	to = put_symbol(to, &position->symbol);
	*to++ = (char) parts;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		if ((parts & HAS_SIDE(i)) == 0)
			continue;
		to = dec_pack(to, &position->sides[i].quantity);
		to = dec_pack(to, &position->sides[i].cost);
		if (parts & HAS_MARGIN(i))
			to = dec_pack(to, &position->sides[i].margin);
	}
	writer->size = to - writer->data;
	writer->positions++;
}

struct varlena *
portfolio_finish(PortfolioWriter *writer)
{
	char	   *payload = writer->data + VARHDRSZ;

	SET_VARSIZE(writer->data, writer->size);
	*payload = PORTFOLIO_VERSION;
	memcpy(payload + sizeof(uint8), &writer->balances, sizeof(uint32));
	memcpy(payload + sizeof(uint8) + sizeof(uint32), &writer->positions, sizeof(uint32));
	return (struct varlena *) writer->data;
}

/* ---------- algebra: both operands are sorted, so this is a merge ---------- */

/* A balance or a position: a name and one or six amounts behind it. */
typedef union Entry
{
	Symbol		symbol;
	Balance		balance;
	Position	position;
} Entry;

#define ENTRY_AMOUNTS(entry) ((Decimal *) ((char *) (entry) + sizeof(Symbol)))
#define BALANCE_AMOUNTS 1
#define POSITION_AMOUNTS 6

/* The next entry of this kind, if any is left. */
static bool
next_entry(PortfolioReader *reader, Entry *entry, int namounts)
{
	if (namounts == BALANCE_AMOUNTS)
	{
		if (reader->balances == 0)
			return false;
		portfolio_read_balance(reader, &entry->balance);
	}
	else
	{
		if (reader->positions == 0)
			return false;
		portfolio_read_position(reader, &entry->position);
	}
	return true;
}

static void
put_entry(PortfolioWriter *writer, Entry *entry, int namounts)
{
	if (namounts == BALANCE_AMOUNTS)
		portfolio_put_balance(writer, &entry->balance);
	else
		portfolio_put_position(writer, &entry->position);
}

static void
merge_entries(PortfolioWriter *writer, PortfolioReader *ra, PortfolioReader *rb, int namounts, bool subtract)
{
	Entry		a;
	Entry		b;
	bool		has_a = next_entry(ra, &a, namounts);
	bool		has_b = next_entry(rb, &b, namounts);

	while (has_a || has_b)
	{
		int			order = !has_b ? -1 : !has_a ? 1 : symbol_cmp(&a.symbol, &b.symbol);
		Entry		result;

		CHECK_FOR_INTERRUPTS();
		if (order <= 0)
			result = a;
		else
		{
			memset(&result, 0, sizeof(result));
			result.symbol = b.symbol;
		}
		for (int i = 0; order >= 0 && i < namounts; i++)
		{
			Decimal    *r = &ENTRY_AMOUNTS(&result)[i];

			if (subtract)
				dec_sub(r, r, &ENTRY_AMOUNTS(&b)[i]);
			else
				dec_add(r, r, &ENTRY_AMOUNTS(&b)[i]);
		}
		put_entry(writer, &result, namounts);
		if (order <= 0)
			has_a = next_entry(ra, &a, namounts);
		if (order >= 0)
			has_b = next_entry(rb, &b, namounts);
	}
}

static Datum
merge(FunctionCallInfo fcinfo, bool subtract)
{
	struct varlena *a = PG_GETARG_VARLENA_PP(0);
	struct varlena *b = PG_GETARG_VARLENA_PP(1);
	PortfolioReader ra;
	PortfolioReader rb;
	PortfolioWriter writer;

	portfolio_open(&ra, a);
	portfolio_open(&rb, b);
	portfolio_begin(&writer, (Size) VARSIZE_ANY(a) + VARSIZE_ANY(b));
	merge_entries(&writer, &ra, &rb, BALANCE_AMOUNTS, subtract);
	merge_entries(&writer, &ra, &rb, POSITION_AMOUNTS, subtract);
	portfolio_end(&ra);
	portfolio_end(&rb);
	PG_RETURN_POINTER(portfolio_finish(&writer));
}

PG_FUNCTION_INFO_V1(margin_portfolio_add);

/* portfolio + portfolio; also what rollup() does with each row */
Datum
margin_portfolio_add(PG_FUNCTION_ARGS)
{
	return merge(fcinfo, false);
}

PG_FUNCTION_INFO_V1(margin_portfolio_subtract);

/* portfolio - portfolio: taking away more than is held fails in the writer */
Datum
margin_portfolio_subtract(PG_FUNCTION_ARGS)
{
	return merge(fcinfo, true);
}

/* ---------- comparison ---------- */

/*
 * Whether a leg is no larger and was not entered on terms that are worse now.
 * Closing some of what it was netted from may leave any average price; but it
 * cannot raise what a long has cost.
 */
static bool
leg_only_reduces(PortfolioSide side, const PositionSide *before, const PositionSide *after)
{
	int			quantity = dec_cmp(&after->quantity, &before->quantity);
	int			cost = dec_cmp(&after->cost, &before->cost);

	if (quantity > 0 || (side == SIDE_LONG && cost > 0))
		return false;
	return quantity < 0 || ((side == SIDE_LONG || cost >= 0) && dec_cmp(&after->margin, &before->margin) >= 0);
}

/* Whether no balance fell and no leg grew, in entries of one kind. */
static bool
entries_only_reduce(PortfolioReader *rbefore, PortfolioReader *rafter, int namounts)
{
	Entry		before;
	Entry		after;
	bool		has_before = next_entry(rbefore, &before, namounts);
	bool		has_after = next_entry(rafter, &after, namounts);
	bool		reduced = true;

	while (has_before || has_after)
	{
		int			order = !has_after ? -1 : !has_before ? 1 : symbol_cmp(&before.symbol, &after.symbol);
		Entry		none = {0};
		Entry	   *b = order <= 0 ? &before : &none;
		Entry	   *a = order >= 0 ? &after : &none;

		CHECK_FOR_INTERRUPTS();
		if (namounts == BALANCE_AMOUNTS)
			reduced &= dec_cmp(&a->balance.quantity, &b->balance.quantity) >= 0;
		else
		{
			for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
				reduced &= leg_only_reduces(i, &b->position.sides[i], &a->position.sides[i]);
		}
		if (order <= 0)
			has_before = next_entry(rbefore, &before, namounts);
		if (order >= 0)
			has_after = next_entry(rafter, &after, namounts);
	}
	return reduced;
}

/* Whether "after" has no balance below that of "before", no leg of a position above, and none entered on worse terms. */
bool
portfolio_only_reduces(const struct varlena *before, const struct varlena *after)
{
	PortfolioReader rbefore;
	PortfolioReader rafter;
	bool		reduced;

	portfolio_open(&rbefore, before);
	portfolio_open(&rafter, after);
	reduced = entries_only_reduce(&rbefore, &rafter, BALANCE_AMOUNTS);
	return entries_only_reduce(&rbefore, &rafter, POSITION_AMOUNTS) && reduced;
}
