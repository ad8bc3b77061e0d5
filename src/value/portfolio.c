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
 * those parts: for each side quantity, cost and margin quantity, and orders,
 * two numbers of levels, of buys and of sells, then price, quantity and margin
 * quantity of each.
 */
#define HEADER_SIZE (sizeof(uint8) + 2 * sizeof(uint32))

#define SMALLEST_ENTRY 3

#define HAS_SIDE(side)		(1 << (side))
#define HAS_MARGIN(side)	(4 << (side))
#define HAS_ORDERS			0x10
#define HAS_ANY				0x1f

/* Three packed numbers. */
#define SMALLEST_LEVEL		6

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
		if (unlikely(dec_sign(&side->quantity) <= 0 || dec_sign(&side->cost) < 0 || dec_sign(&side->margin) < 0))
			portfolio_corrupted();
	}
	else
		side->quantity = side->cost = side->margin = DEC_ZERO;
}

/* What whoever reads orders relies on: signs, and prices that rise. */
static void
check_level(const OrderLevel *levels, uint32 k)
{
	const OrderLevel *level = &levels[k];

	if (dec_sign(&level->price) <= 0 || dec_sign(&level->quantity) <= 0 || dec_sign(&level->margin) < 0 ||
		(k > 0 && dec_cmp(&levels[k - 1].price, &level->price) >= 0))
		portfolio_corrupted();
}

static void
read_orders(PortfolioReader *reader, Orders *orders)
{
	uint32		counts[2];

	if (reader->end - reader->at < (int) sizeof(counts))
		portfolio_corrupted();
	memcpy(counts, reader->at, sizeof(counts));
	reader->at += sizeof(counts);
	/* so these numbers are safe to allocate by */
	if (((uint64) counts[0] + counts[1]) * SMALLEST_LEVEL > (uint64) (reader->end - reader->at))
		portfolio_corrupted();
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		OrderList  *list = &orders->sides[i];

		list->count = list->settled = list->capacity = counts[i];
		list->levels = MemoryContextAllocHuge(CurrentMemoryContext, Max(counts[i], 1) * sizeof(OrderLevel));
		for (uint32 k = 0; k < counts[i]; k++)
		{
			CHECK_FOR_INTERRUPTS();
			portfolio_read_decimal(reader, &list->levels[k].price);
			portfolio_read_decimal(reader, &list->levels[k].quantity);
			portfolio_read_decimal(reader, &list->levels[k].margin);
			check_level(list->levels, k);
		}
	}
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
	if (unlikely((parts & ~HAS_ANY) != 0))
		portfolio_corrupted();
	read_side(reader, &position->sides[SIDE_LONG], parts & HAS_SIDE(SIDE_LONG), parts & HAS_MARGIN(SIDE_LONG));
	read_side(reader, &position->sides[SIDE_SHORT], parts & HAS_SIDE(SIDE_SHORT), parts & HAS_MARGIN(SIDE_SHORT));
	position->orders = NULL;
	if (unlikely(parts & HAS_ORDERS))
	{
		position->orders = orders_create(CurrentMemoryContext);
		read_orders(reader, position->orders);
	}
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

static const char *const order_names[2] = {"buy order", "sell order"};

/* Refuses a level that cannot be; "number" is the one that is wrong. */
static pg_noreturn void
report_level(const Symbol *symbol, const OrderLevel *level, int side, const char *what, const Decimal *number, const char *rule)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s of %s of \"%s\" at %s %s: %s", what, order_names[side], symbol_text(symbol),
					dec_text(&level->price), rule, dec_text(number))));
}

/* A level's numbers checked and canonical; false if nothing is left of it. */
static bool
settle_level(const Symbol *symbol, OrderLevel *level, int side)
{
	settle_amount(&level->price, symbol, "order price", DEC_INPUT_DIGITS, DEC_INPUT_DIGITS);
	settle_amount(&level->quantity, symbol, "order quantity", DEC_INPUT_DIGITS, DEC_INPUT_DIGITS);
	settle_amount(&level->margin, symbol, "order margin quantity", 2 * DEC_INPUT_DIGITS, 18);
	if (dec_sign(&level->price) <= 0)
		report_level(symbol, level, side, "price", &level->price, "must be greater than 0");
	if (dec_sign(&level->quantity) < 0)
		report_level(symbol, level, side, "quantity", &level->quantity, "must not be negative");
	if (dec_sign(&level->margin) < 0)
		report_level(symbol, level, side, "margin quantity", &level->margin, "must not be negative");
	if (!dec_is_zero(&level->quantity))
		return true;
	if (!dec_is_zero(&level->margin))
		report_level(symbol, level, side, "margin quantity", &level->margin, "is left although its quantity is 0");
	return false;
}

/* The same for all orders in a contract; returns how many bytes they take, 0 if there are none. */
static Size
settle_orders(const Symbol *symbol, Orders *orders)
{
	Size		size = 0;

	if (orders == NULL)
		return 0;
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		OrderList  *list = &orders->sides[i];
		int			kept = 0;

		Assert(list->settled == list->count);
		for (int k = 0; k < list->count; k++)
		{
			OrderLevel *level = &list->levels[k];

			CHECK_FOR_INTERRUPTS();
			if (!settle_level(symbol, level, i))
				continue;
			size += dec_packed_size(&level->price) + dec_packed_size(&level->quantity) + dec_packed_size(&level->margin);
			list->levels[kept++] = *level;
		}
		list->count = list->settled = kept;
	}
	return size == 0 ? 0 : size + 2 * sizeof(uint32);
}

static char *
put_orders(char *to, const Orders *orders)
{
	uint32		counts[2] = {orders->sides[SIDE_LONG].count, orders->sides[SIDE_SHORT].count};

	memcpy(to, counts, sizeof(counts));
	to += sizeof(counts);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		for (uint32 k = 0; k < counts[i]; k++)
		{
			const OrderLevel *level = &orders->sides[i].levels[k];

			to = dec_pack(to, &level->price);
			to = dec_pack(to, &level->quantity);
			to = dec_pack(to, &level->margin);
		}
	}
	return to;
}

/* Positions in byte order, behind the balances; one without sides and orders is left out. */
void
portfolio_put_position(PortfolioWriter *writer, Position *position)
{
	Size		orders_size = settle_orders(&position->symbol, position->orders);
	uint8		parts = settle_side(&position->symbol, &position->sides[SIDE_LONG], SIDE_LONG) |
		settle_side(&position->symbol, &position->sides[SIDE_SHORT], SIDE_SHORT) |
		(orders_size > 0 ? HAS_ORDERS : 0);
	Size		size = 2 + position->symbol.length + orders_size;
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
	if (parts & HAS_ORDERS)
		to = put_orders(to, position->orders);
	writer->size = to - writer->data;
	writer->positions++;
}

/* Does "name" follow the one before it, which it takes the place of? */
static inline bool
rises(Symbol *before, const Symbol *name)
{
	bool		result = before->length == 0 || symbol_cmp(before, name) < 0;

	*before = *name;
	return result;
}

/* Is it read again to its end, and in the order of names, each once? */
static bool PG_USED_FOR_ASSERTS_ONLY
portfolio_is_sound(const struct varlena *value)
{
	PortfolioReader reader;
	Symbol		last_balance = {0};
	Symbol		last_position = {0};
	bool		sound = true;

	portfolio_open(&reader, value);
	while (reader.balances > 0)
	{
		Balance		balance;

		portfolio_read_balance(&reader, &balance);
		sound = sound && !dec_is_zero(&balance.quantity) && rises(&last_balance, &balance.symbol);
	}
	while (reader.positions > 0)
	{
		Position	position;

		portfolio_read_position(&reader, &position);
		sound = sound && rises(&last_position, &position.symbol);
	}
	portfolio_end(&reader);
	return sound;
}

struct varlena *
portfolio_finish(PortfolioWriter *writer)
{
	char	   *payload = writer->data + VARHDRSZ;

	SET_VARSIZE(writer->data, writer->size);
	*payload = PORTFOLIO_VERSION;
	memcpy(payload + sizeof(uint8), &writer->balances, sizeof(uint32));
	memcpy(payload + sizeof(uint8) + sizeof(uint32), &writer->positions, sizeof(uint32));
	Assert(portfolio_is_sound((struct varlena *) writer->data));
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
		if (namounts == POSITION_AMOUNTS && order >= 0 && b.position.orders != NULL)
			result.position.orders = orders_combine(result.position.orders, b.position.orders, subtract);
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

PG_FUNCTION_INFO_V1(margin_without_orders);

/* without_orders(portfolio) */
Datum
margin_without_orders(PG_FUNCTION_ARGS)
{
	struct varlena *value = PG_GETARG_VARLENA_PP(0);
	PortfolioReader reader;
	PortfolioWriter writer;
	Entry		entry;

	portfolio_open(&reader, value);
	portfolio_begin(&writer, VARSIZE_ANY(value));
	while (next_entry(&reader, &entry, BALANCE_AMOUNTS))
		put_entry(&writer, &entry, BALANCE_AMOUNTS);
	while (next_entry(&reader, &entry, POSITION_AMOUNTS))
	{
		CHECK_FOR_INTERRUPTS();
		entry.position.orders = NULL;
		put_entry(&writer, &entry, POSITION_AMOUNTS);
	}
	portfolio_end(&reader);
	PG_RETURN_POINTER(portfolio_finish(&writer));
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

/* A balance that only says that a row cannot be used: one more of these makes nothing smaller. */
static inline bool
is_flaw(const Symbol *symbol)
{
	return symbol->length >= (int) strlen(FLAW_PREFIX) && memcmp(symbol->bytes, FLAW_PREFIX, strlen(FLAW_PREFIX)) == 0;
}

static bool
balance_only_rises(const Symbol *symbol, const Balance *before, const Balance *after)
{
	int			change = dec_cmp(&after->quantity, &before->quantity);

	return is_flaw(symbol) ? change <= 0 : change >= 0;
}

/* The orders of one side, none where there are none. */
static const OrderList *
orders_of(const Position *position, int side)
{
	static const OrderList none = {0, 0, 0, NULL};

	return position->orders == NULL ? &none : &position->orders->sides[side];
}

/* Whether no balance fell, no leg grew and no order did, in entries of one kind. */
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
			reduced &= balance_only_rises(order <= 0 ? &before.symbol : &after.symbol, &b->balance, &a->balance);
		else
		{
			for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
				reduced &= leg_only_reduces(i, &b->position.sides[i], &a->position.sides[i]) &&
					orders_only_reduce(orders_of(&b->position, i), orders_of(&a->position, i));
		}
		if (order <= 0)
			has_before = next_entry(rbefore, &before, namounts);
		if (order >= 0)
			has_after = next_entry(rafter, &after, namounts);
	}
	return reduced;
}

/*
 * Whether "after" has no balance below that of "before", no leg of a position
 * and no order above, and none on worse terms.
 */
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

/* Whether some balance of "after" is below that of "before"; one that is not there is 0. */
bool
portfolio_lowers_balance(const struct varlena *before, const struct varlena *after)
{
	PortfolioReader rbefore;
	PortfolioReader rafter;

	portfolio_open(&rbefore, before);
	portfolio_open(&rafter, after);
	return !entries_only_reduce(&rbefore, &rafter, BALANCE_AMOUNTS);
}
