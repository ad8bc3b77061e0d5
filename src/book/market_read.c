/*
 * market_read.c
 *		Reading the market of a venue from its tables: all of it, or its prices alone.
 *
 * All of it is read by stored_market(), in SQL.  Its terms change daily and its
 * prices by the second, so what a price needs is kept beside them: how long it
 * lasts.  Then prices are read by looking at their two tables, and put into a
 * copy of the market.  What comes out is what stored_market() would have
 * returned, byte for byte.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/int.h"
#include "executor/spi.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#include "base/compat.h"
#include "book/acting.h"
#include "book/market_read.h"

/* ---------- the functions in SQL ---------- */

#define MOST_ARGUMENTS 3

static Const *
constant_of(const Argument *argument)
{
	int16		length;
	bool		by_value;

	get_typlenbyval(argument->type, &length, &by_value);
	return makeConst(argument->type, -1, InvalidOid, length, argument->value, argument->isnull, by_value);
}

/*
 * Calls a function of margin_internal that finds its venue, or book, by the row
 * type of its first argument, so by no name that could change.
 */
NullableDatum
ask_home(const char *name, Oid anchor, const Argument *arguments, int count)
{
	LOCAL_FCINFO(fcinfo, MOST_ARGUMENTS);
	FmgrInfo	function;
	Oid			oid = internal_function(name);
	List	   *list = list_make1(makeNullConst(get_rel_type_id(anchor), -1, InvalidOid));
	Datum		result;

	Assert(count < MOST_ARGUMENTS);
	for (int i = 0; i < count; i++)
		list = lappend(list, constant_of(&arguments[i]));
	fmgr_info(oid, &function);
	fmgr_info_set_expr((Node *) makeFuncExpr(oid, get_func_rettype(oid), list, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL), &function);
	InitFunctionCallInfoData(*fcinfo, &function, 1 + count, InvalidOid, NULL, NULL);
	fcinfo->args[0] = (NullableDatum) {(Datum) 0, true};
	for (int i = 0; i < count; i++)
		fcinfo->args[1 + i] = (NullableDatum) {arguments[i].value, arguments[i].isnull};
	result = FunctionCallInvoke(fcinfo);
	return (NullableDatum) {result, fcinfo->isnull};
}

static Datum
ask_venue(const char *name, Oid anchor, int nclocks, TimestampTz clock)
{
	Argument	instant = {TIMESTAMPTZOID, TimestampTzGetDatum(clock), false};
	Argument	clocks[] = {instant, instant};
	NullableDatum result = ask_home(name, anchor, clocks, nclocks);

	if (result.isnull)
		elog(ERROR, "function %s() returned null", name);
	return result.value;
}

/* Columns of what market_lasts() returns. */
enum
{
	LASTS_SINCE,
	LASTS_UNTIL,
	LASTS_ASSETS,
	LASTS_ASSET_AGES,
	LASTS_CONTRACTS,
	LASTS_CONTRACT_AGES,
	LASTS_COLUMNS
};

/* Ages are compared as intervals are: a month has 30 days, a day 24 hours. */
static int64
age_from_interval(const Interval *interval)
{
	int128		age = interval->time + ((int128) interval->month * DAYS_PER_MONTH + interval->day) * USECS_PER_DAY;

	return age >= PG_INT64_MAX ? LASTS_FOR_EVER : age <= -PG_INT64_MAX ? -PG_INT64_MAX : (int64) age;
}

static void
note_ages(MarketReading *reading, bool contracts, Datum names, Datum ages)
{
	Datum	   *name;
	Datum	   *age;
	int			count;

	deconstruct_array(DatumGetArrayTypeP(names), TEXTOID, -1, false, TYPALIGN_INT, &name, NULL, &count);
	deconstruct_array(DatumGetArrayTypeP(ages), INTERVALOID, sizeof(Interval), false, TYPALIGN_DOUBLE, &age, NULL, &count);
	for (int i = 0; i < count; i++)
	{
		text	   *bytes = DatumGetTextPP(name[i]);
		Symbol		symbol = symbol_checked(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), "an asset or contract");
		int			number = contracts ? market_find_contract(reading->market, &symbol) : market_find_asset(reading->market, &symbol);

		if (number >= 0)
			reading->ages[(contracts ? reading->market->nassets : 0) + number] = age_from_interval(DatumGetIntervalP(age[i]));
	}
}

static void
note_lasting(MarketReading *reading, Datum lasting)
{
	HeapTupleHeader row = DatumGetHeapTupleHeader(lasting);
	TupleDesc	columns = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
	HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
	Datum		values[LASTS_COLUMNS];
	bool		nulls[LASTS_COLUMNS];

	if (columns->natts != LASTS_COLUMNS)
		elog(ERROR, "function market_lasts() returned %d columns instead of %d", columns->natts, LASTS_COLUMNS);
	heap_deform_tuple(&tuple, columns, values, nulls);
	ReleaseTupleDesc(columns);
	reading->terms = (Period) {DatumGetTimestampTz(values[LASTS_SINCE]), DatumGetTimestampTz(values[LASTS_UNTIL])};
	note_ages(reading, false, values[LASTS_ASSETS], values[LASTS_ASSET_AGES]);
	note_ages(reading, true, values[LASTS_CONTRACTS], values[LASTS_CONTRACT_AGES]);
}

/* ---------- memory ---------- */

/* The memory for a market of that size; a fresh one of half a megabyte would cost more than reading its prices. */
static void
make_room(MarketReading *reading, Size size, int nages, MemoryContext context)
{
	if (reading->room < size)
	{
		free_reading(reading);
		reading->market = MemoryContextAllocHuge(context, size);
		reading->room = size;
	}
	if (reading->nages < nages || reading->ages == NULL)
	{
		if (reading->ages != NULL)
			pfree(reading->ages);
		reading->nages = 0;
		reading->ages = MemoryContextAllocHuge(context, Max(nages, 1) * sizeof(int64));
	}
	reading->nages = nages;
}

void
free_reading(MarketReading *reading)
{
	if (reading->market != NULL)
		pfree(reading->market);
	if (reading->ages != NULL)
		pfree(reading->ages);
	memset(reading, 0, sizeof(*reading));
}

/* A market that was not read from tables: its prices are not known apart. */
void
keep_market(MarketReading *reading, const Market *market, TimestampTz until, MemoryContext context)
{
	make_room(reading, VARSIZE(market), 0, context);
	memcpy(reading->market, market, VARSIZE(market));
	reading->terms = (Period) {PG_INT64_MIN, until};
	reading->whole = reading->terms;
	reading->timed = true;
}

/* ---------- prices ---------- */

/* One of the two tables of prices, while it is looked at. */
typedef struct QuoteTable
{
	MarketReading *reading;
	TimestampTz clock;
	bool		putting;		/* or only asking how long the prices last */
	bool		contracts;
	int			first;			/* of its ages */
	bool	   *quoted;			/* by record */
	AttrNumber	name;
	AttrNumber	price;
	AttrNumber	updated_at;
	AttrNumber	low;			/* of assets */
	AttrNumber	high;
} QuoteTable;

static AttrNumber
column_of(TupleDesc columns, const char *name, Oid type)
{
	int			number = SPI_fnumber(columns, name);

	return number > 0 && TupleDescAttr(columns, number - 1)->atttypid == type ? number : InvalidAttrNumber;
}

/* A table as the venue's script makes it; rows of tables that inherit from it would be missed. */
static bool
find_columns(QuoteTable *quotes, Relation table)
{
	TupleDesc	columns = RelationGetDescr(table);

	quotes->name = column_of(columns, quotes->contracts ? "contract" : "asset", TEXTOID);
	quotes->price = column_of(columns, "price", NUMERICOID);
	quotes->updated_at = column_of(columns, "updated_at", TIMESTAMPTZOID);
	if (!quotes->contracts)
	{
		quotes->low = column_of(columns, "low", NUMERICOID);
		quotes->high = column_of(columns, "high", NUMERICOID);
	}
	return table->rd_rel->relkind == RELKIND_RELATION && !table->rd_rel->relhassubclass && quotes->name > 0 && quotes->price > 0 && quotes->updated_at > 0 &&
		(quotes->contracts || (quotes->low > 0 && quotes->high > 0));
}

/* Whether a price that was observed then still counts; the market holds until that changes. */
static bool
still_counts(QuoteTable *quotes, int64 age, TimestampTz updated_at)
{
	Period	   *whole = &quotes->reading->whole;
	TimestampTz end;

	if (age == LASTS_FOR_EVER || pg_add_s64_overflow(updated_at, age, &end) || end == PG_INT64_MAX)
		return true;
	end++;
	if (quotes->clock < end)
		whole->until = Min(whole->until, end);
	else
		whole->since = Max(whole->since, end);
	return quotes->clock < end;
}

/* Of an asset; a mark has no bounds. */
static bool
put_price(const QuoteTable *quotes, int number, const AssetQuote *quote)
{
	Market	   *market = quotes->reading->market;

	if (quotes->contracts)
		return market_put_mark(market, number, quote == NULL ? NULL : &quote->price);
	return market_put_quote(market, number, quote);
}

static bool
read_amount(Decimal *amount, Datum value)
{
	return dec_from_input(amount, value) && dec_sign(amount) > 0;
}

/* A bound of a price, which it is itself where there is none. */
static bool
read_bound(Decimal *bound, TupleTableSlot *row, AttrNumber column, const Decimal *price)
{
	bool		isnull;
	Datum		value = slot_getattr(row, column, &isnull);

	if (likely(isnull))
	{
		*bound = *price;
		return true;
	}
	return read_amount(bound, value);
}

/* False for what is no quote: stored_market() says what is wrong with it. */
static bool
read_quote(AssetQuote *quote, const QuoteTable *quotes, TupleTableSlot *row, Datum price)
{
	if (!read_amount(&quote->price, price))
		return false;
	return quotes->contracts ||
		(read_bound(&quote->low, row, quotes->low, &quote->price) && dec_cmp(&quote->low, &quote->price) <= 0 &&
		 read_bound(&quote->high, row, quotes->high, &quote->price) && dec_cmp(&quote->high, &quote->price) >= 0);
}

/* Looks at one row, and puts its price into the market; false if that takes more. */
static bool
see_quote(QuoteTable *quotes, TupleTableSlot *row)
{
	const Market *market = quotes->reading->market;
	bool		nulls[3];
	Datum		name = slot_getattr(row, quotes->name, &nulls[0]);
	Datum		price = slot_getattr(row, quotes->price, &nulls[1]);
	TimestampTz updated_at = DatumGetTimestampTz(slot_getattr(row, quotes->updated_at, &nulls[2]));
	text	   *bytes;
	Symbol		symbol;
	AssetQuote	quote;
	int			number;

	if (nulls[0] || nulls[1] || nulls[2] || TIMESTAMP_NOT_FINITE(updated_at))
		return false;
	bytes = DatumGetTextPP(name);
	symbol = symbol_checked(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), "an asset or contract");
	number = quotes->contracts ? market_find_contract(market, &symbol) : market_find_asset(market, &symbol);
	if (number < 0)
		return true;			/* as a join would leave it out */
	if (quotes->quoted[number])
		return false;
	if (!still_counts(quotes, quotes->reading->ages[quotes->first + number], updated_at))
		return true;
	quotes->quoted[number] = true;
	return !quotes->putting || (read_quote(&quote, quotes, row, price) && put_price(quotes, number, &quote));
}

static bool
see_all_quotes(QuoteTable *quotes, Relation table, Snapshot snapshot)
{
	TableScanDesc scan = table_beginscan(table, snapshot, 0, NULL);
	TupleTableSlot *row = table_slot_create(table, NULL);
	bool		fits = true;

	while (fits && table_scan_getnextslot(scan, ForwardScanDirection, row))
	{
		CHECK_FOR_INTERRUPTS();
		fits = see_quote(quotes, row);
	}
	ExecDropSingleTupleTableSlot(row);
	table_endscan(scan);
	return fits;
}

/* What has no price, or no longer one. */
static bool
clear_others(const QuoteTable *quotes, int count)
{
	bool		fits = true;

	for (int i = 0; i < count && fits; i++)
	{
		if (!quotes->quoted[i])
			fits = put_price(quotes, i, NULL);
	}
	return fits;
}

static bool
see_quote_table(MarketReading *reading, bool putting, bool contracts, Oid schema, Snapshot snapshot, TimestampTz clock)
{
	int			count = contracts ? reading->market->ncontracts : reading->market->nassets;
	QuoteTable	quotes = {
		.reading = reading,
		.clock = clock,
		.putting = putting,
		.contracts = contracts,
		.first = contracts ? reading->market->nassets : 0,
		.quoted = palloc0(Max(count, 1) * sizeof(bool))
	};
	Relation	table = try_table_open(get_relname_relid(contracts ? "mark_price" : "index_price", schema), AccessShareLock);
	bool		fits;

	if (table == NULL)
		return false;
	fits = find_columns(&quotes, table) && see_all_quotes(&quotes, table, snapshot) && (!putting || clear_others(&quotes, count));
	table_close(table, AccessShareLock);
	pfree(quotes.quoted);
	return fits;
}

/* Both tables; until when the market holds follows from that and its terms. */
static bool
see_quotes(MarketReading *reading, bool putting, Oid anchor, Snapshot snapshot, TimestampTz clock)
{
	Oid			schema = get_rel_namespace(anchor);

	reading->whole = reading->terms;
	return see_quote_table(reading, putting, false, schema, snapshot, clock) &&
		see_quote_table(reading, putting, true, schema, snapshot, clock);
}

/*
 * A market of known terms with the prices that a snapshot sees.  False if one
 * does not fit in where it stood, or is none: then all has to be read, and that
 * says what is wrong.
 */
bool
read_quotes(MarketReading *reading, const MarketReading *terms, Oid anchor, Snapshot snapshot, TimestampTz clock, MemoryContext context)
{
	Assert(period_holds(&terms->terms, clock));
	make_room(reading, VARSIZE(terms->market), terms->nages, context);
	memcpy(reading->market, terms->market, VARSIZE(terms->market));
	memcpy(reading->ages, terms->ages, terms->nages * sizeof(int64));
	reading->terms = terms->terms;
	reading->timed = true;
	return see_quotes(reading, true, anchor, snapshot, clock);
}

/*
 * All of a market, as the active snapshot sees it, with the rights of the
 * venue's owner, who acts.
 */
void
read_whole_market(MarketReading *reading, Oid anchor, TimestampTz clock, MemoryContext context)
{
	int			settings = pin_settings();
	const Market *market = market_from_datum(ask_venue("stored_market", anchor, 2, clock));
	int			nages = market->nassets + market->ncontracts;

	make_room(reading, VARSIZE(market), nages, context);
	memcpy(reading->market, market, VARSIZE(market));
	for (int i = 0; i < nages; i++)
		reading->ages[i] = LASTS_FOR_EVER;
	note_lasting(reading, ask_venue("market_lasts", anchor, 1, clock));
	unpin_settings(settings);
	reading->timed = see_quotes(reading, false, anchor, GetActiveSnapshot(), clock);
	if (!reading->timed)
		reading->whole = (Period) {clock, clock == PG_INT64_MAX ? clock : clock + 1};
}
