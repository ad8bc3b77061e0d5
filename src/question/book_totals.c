/*
 * book_totals.c
 *		All accounts by level, margin ratio, asset and contract, added up.
 *
 * Each account is valued once.  Sums by asset and by contract are kept by their
 * number in the market; of what the market does not know, by name.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/enums.h"
#include "base/flat.h"
#include "value/valuation.h"

/* Margin ratios: nothing required; ten steps up to 1; 1 and above; required of an equity not above 0. */
#define RATIO_STEPS 10
#define RATIO_COUNTS (RATIO_STEPS + 3)

#define MAX_HOLDERS 100

typedef struct LevelSums
{
	int64		accounts;
	Decimal		equity;
	Decimal		maintenance_margin;
	Decimal		shortfall;
} LevelSums;

typedef struct Holder
{
	char	   *account;
	bool		valued;
	Decimal		quantity;
	Decimal		value;			/* what of it counts, USD; 0 unless valued */
} Holder;

typedef struct AssetSums
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	int64		accounts;
	int64		unvalued;
	bool		known;			/* is asset_equity known of any? */
	Decimal		asset_equity;
	Decimal		owed;			/* of accounts that are not counted above, units */
	Decimal		net_value;
	Decimal		collateral_value;
	int			nholders;
	Holder	   *holders;		/* the largest first */
} AssetSums;

typedef struct ContractSums
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	bool		present;		/* has it occurred? */
	int64		accounts;
	Decimal		sides[2];
	Decimal		pnl;			/* in the settlement asset, as are the next two */
	Decimal		maintenance;
	Decimal		order_margin;
} ContractSums;

typedef struct BookTotals
{
	MemoryContext context;
	MemoryContext scratch;		/* of one account */
	const Market *market;
	int			holders;		/* so many of each asset */
	LevelSums	levels[LEVELS];
	int64		ratios[RATIO_COUNTS];
	AssetSums  *assets;			/* by number in the market */
	ContractSums *contracts;
	SymbolTable other_assets;	/* of AssetSums: those that the market does not know */
	SymbolTable other_contracts;
} BookTotals;

static void
add_to(const BookTotals *totals, Decimal *sum, const Decimal *amount)
{
	if (!dec_is_zero(amount))
		dec_add_to(sum, amount, totals->context);
}

/* ---------- one account ---------- */

static int
ratio_step(const Valuation *v)
{
	if (dec_sign(&v->maintenance_margin) <= 0)
		return 0;
	if (!v->has_ratio)
		return RATIO_COUNTS - 1;
	for (int i = 1; i <= RATIO_STEPS; i++)
	{
		Decimal		bound;

		dec_set(&bound, i, 1);
		if (dec_cmp(&v->margin_ratio, &bound) < 0)
			return i;
	}
	return RATIO_STEPS + 1;
}

static void
add_level(BookTotals *totals, const Valuation *v)
{
	LevelSums  *sums = &totals->levels[v->level];

	sums->accounts++;
	if (v->level == LEVEL_UNPRICED)
		return;
	add_to(totals, &sums->equity, &v->equity);
	add_to(totals, &sums->maintenance_margin, &v->maintenance_margin);
	add_to(totals, &sums->shortfall, &v->shortfall);
	totals->ratios[ratio_step(v)]++;
}

static bool
is_larger(const Decimal *quantity, const char *account, const Holder *than)
{
	int			c = dec_cmp(quantity, &than->quantity);

	return c > 0 || (c == 0 && strcmp(account, than->account) < 0);
}

/* Puts an account among the largest holders of an asset, if it belongs there. */
static void
add_holder(BookTotals *totals, AssetSums *sums, const AssetLine *line, const char *account, bool valued)
{
	MemoryContext old;
	int			place = sums->nholders;
	Holder	   *holder;

	while (place > 0 && is_larger(&line->equity, account, &sums->holders[place - 1]))
		place--;
	if (place == totals->holders)
		return;
	old = MemoryContextSwitchTo(totals->context);
	if (sums->holders == NULL)
		sums->holders = palloc(totals->holders * sizeof(Holder));
	if (sums->nholders < totals->holders)
		sums->nholders++;
	else
		pfree(sums->holders[sums->nholders - 1].account);
	memmove(&sums->holders[place + 1], &sums->holders[place], (sums->nholders - 1 - place) * sizeof(Holder));
	holder = &sums->holders[place];
	holder->account = pstrdup(account);
	holder->valued = valued;
	holder->quantity = holder->value = DEC_ZERO;
	add_to(totals, &holder->quantity, &line->equity);
	if (valued)
		add_to(totals, &holder->value, &line->collateral_value);
	MemoryContextSwitchTo(old);
}

static void *
sums_of_other(BookTotals *totals, SymbolTable *table, const Symbol *symbol)
{
	MemoryContext old = MemoryContextSwitchTo(totals->context);
	bool		found;
	Symbol	   *sums = symbol_table_add(table, symbol, &found);

	if (!found)
		*sums = symbol_make(memcpy(palloc(symbol->length), symbol->bytes, symbol->length), symbol->length);
	MemoryContextSwitchTo(old);
	return sums;
}

/* What an account has of an asset, or owes; what is not known may be something. */
static void
add_asset(BookTotals *totals, const AssetLine *line, const char *account)
{
	bool		valued = !line->pnl_unknown && !line->missing;
	int			sign = line->pnl_unknown ? 1 : dec_sign(&line->equity);
	AssetSums  *sums;

	if (sign == 0)
		return;
	sums = line->asset >= 0 ? &totals->assets[line->asset] : sums_of_other(totals, &totals->other_assets, &line->symbol);
	if (sign < 0)
	{
		Decimal		debt;

		dec_neg(&debt, &line->equity);
		add_to(totals, &sums->owed, &debt);
		return;
	}
	sums->accounts++;
	if (!line->pnl_unknown)
	{
		sums->known = true;
		add_to(totals, &sums->asset_equity, &line->equity);
		add_holder(totals, sums, line, account, valued);
	}
	if (!valued)
	{
		sums->unvalued++;
		return;
	}
	add_to(totals, &sums->net_value, &line->net_value);
	add_to(totals, &sums->collateral_value, &line->collateral_value);
}

static void
add_contract(BookTotals *totals, const PositionLine *line)
{
	const PositionSide *sides = line->position.sides;
	ContractSums *sums = line->contract >= 0 ? &totals->contracts[line->contract] :
		sums_of_other(totals, &totals->other_contracts, &line->position.symbol);

	sums->present = true;
	sums->accounts += !dec_is_zero(&sides[SIDE_LONG].quantity) || !dec_is_zero(&sides[SIDE_SHORT].quantity);
	add_to(totals, &sums->sides[SIDE_LONG], &sides[SIDE_LONG].quantity);
	add_to(totals, &sums->sides[SIDE_SHORT], &sides[SIDE_SHORT].quantity);
	if (line->terms == NULL || !line->terms->marked)
		return;
	add_to(totals, &sums->pnl, &line->pnl);
	if (line->missing)
		return;
	add_to(totals, &sums->maintenance, &line->maintenance);
	if (line->position.orders != NULL)
		add_to(totals, &sums->order_margin, &line->order_margin);
}

static void
total_portfolio(BookTotals *totals, const char *account, Datum portfolio)
{
	Valuation	v;

	value_portfolio(&v, portfolio, totals->market, VALUE_ALL | VALUE_LINES);
	add_level(totals, &v);
	for (int i = 0; i < v.nassets; i++)
		add_asset(totals, &v.assets[i], account);
	for (int i = 0; i < v.npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_contract(totals, &v.positions[i]);
	}
}

/* ---------- the aggregate ---------- */

static BookTotals *
create_totals(MemoryContext context, const Market *market, int holders)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	BookTotals *totals = palloc0(sizeof(BookTotals));

	if (holders < 0 || holders > MAX_HOLDERS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("holders of an asset must be 0 to %d, not %d", MAX_HOLDERS, holders)));
	totals->context = context;
	totals->scratch = AllocSetContextCreate(context, "margin book totals", ALLOCSET_DEFAULT_SIZES);
	totals->market = memcpy(palloc(VARSIZE(market)), market, VARSIZE(market));
	totals->holders = holders;
	totals->assets = palloc0(Max(market->nassets, 1) * sizeof(AssetSums));
	totals->contracts = palloc0(Max(market->ncontracts, 1) * sizeof(ContractSums));
	for (uint32 i = 0; i < market->nassets; i++)
		totals->assets[i].symbol = market_symbol(totals->market, &market_assets(totals->market)[i].name);
	for (uint32 i = 0; i < market->ncontracts; i++)
		totals->contracts[i].symbol = market_symbol(totals->market, &market_contracts(totals->market)[i].name);
	symbol_table_init(&totals->other_assets, context, sizeof(AssetSums));
	symbol_table_init(&totals->other_contracts, context, sizeof(ContractSums));
	MemoryContextSwitchTo(old);
	return totals;
}

PG_FUNCTION_INFO_V1(margin_book_totals_accum);

/* (state, account, portfolio, market, holders); a null portfolio is no account, a null account has no name */
Datum
margin_book_totals_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	BookTotals *totals = PG_ARGISNULL(0) ? NULL : (BookTotals *) PG_GETARG_POINTER(0);
	MemoryContext old;

	if (totals == NULL)
	{
		if (PG_ARGISNULL(3) || PG_ARGISNULL(4))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("market and number of holders must not be null")));
		totals = create_totals(context, market_of_call(fcinfo, 3), PG_GETARG_INT32(4));
	}
	if (!PG_ARGISNULL(2))
	{
		old = MemoryContextSwitchTo(totals->scratch);
		total_portfolio(totals, PG_ARGISNULL(1) ? "" : text_to_cstring(PG_GETARG_TEXT_PP(1)), PG_GETARG_DATUM(2));
		MemoryContextSwitchTo(old);
		MemoryContextReset(totals->scratch);
	}
	PG_RETURN_POINTER(totals);
}

/* ---------- the result ---------- */

/* Rows that are being made into an array of a composite type. */
typedef struct RowArray
{
	Oid			type;
	TupleDesc	tupdesc;
	int			count;
	Datum	   *rows;
} RowArray;

static void
begin_array(RowArray *array, Oid type, int columns, Size most)
{
	array->type = get_element_type(type);
	array->tupdesc = lookup_rowtype_tupdesc_copy(array->type, -1);
	if (array->tupdesc->natts != columns)
		elog(ERROR, "%s has %d columns instead of %d", format_type_be(array->type), array->tupdesc->natts, columns);
	array->count = 0;
	array->rows = palloc((most + 1) * sizeof(Datum));
}

static void
add_row(RowArray *array, Datum *values, bool *nulls)
{
	CHECK_FOR_INTERRUPTS();
	array->rows[array->count++] = HeapTupleGetDatum(heap_form_tuple(array->tupdesc, values, nulls));
}

static Datum
end_array(const RowArray *array)
{
	return PointerGetDatum(construct_array(array->rows, array->count, array->type, -1, false, TYPALIGN_DOUBLE));
}

static Datum
counts_datum(const int64 *counts, int n)
{
	Datum	   *elements = palloc(n * sizeof(Datum));

	for (int i = 0; i < n; i++)
		elements[i] = Int64GetDatum(counts[i]);
	return PointerGetDatum(construct_array(elements, n, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

/* Columns of margin_internal.level_sum, in order. */
enum
{
	LEVEL_SUM_LEVEL,
	LEVEL_SUM_ACCOUNTS,
	LEVEL_SUM_EQUITY,
	LEVEL_SUM_MAINTENANCE_MARGIN,
	LEVEL_SUM_SHORTFALL,
	LEVEL_SUM_LOSS,
	LEVEL_SUM_COLUMNS
};

static Datum
levels_datum(const BookTotals *totals, Oid type)
{
	RowArray	array;

	begin_array(&array, type, LEVEL_SUM_COLUMNS, LEVELS);
	for (int i = 0; i < LEVELS; i++)
	{
		const LevelSums *sums = &totals->levels[i];
		Datum		values[LEVEL_SUM_COLUMNS];
		bool		nulls[LEVEL_SUM_COLUMNS] = {0};
		Decimal		loss = DEC_ZERO;

		if (i == LEVEL_BANKRUPT)
			dec_neg(&loss, &sums->equity);
		values[LEVEL_SUM_LEVEL] = ObjectIdGetDatum(option_to_enum(TupleDescAttr(array.tupdesc, LEVEL_SUM_LEVEL)->atttypid, level_names[i]));
		values[LEVEL_SUM_ACCOUNTS] = Int64GetDatum(sums->accounts);
		values[LEVEL_SUM_EQUITY] = dec_datum(&sums->equity, 0);
		values[LEVEL_SUM_MAINTENANCE_MARGIN] = dec_datum(&sums->maintenance_margin, 0);
		values[LEVEL_SUM_SHORTFALL] = dec_datum(&sums->shortfall, 0);
		values[LEVEL_SUM_LOSS] = dec_datum(&loss, 0);
		for (int k = LEVEL_SUM_EQUITY; k < LEVEL_SUM_COLUMNS; k++)
			nulls[k] = i == LEVEL_UNPRICED && sums->accounts > 0;
		add_row(&array, values, nulls);
	}
	return end_array(&array);
}

/* Columns of margin_internal.asset_sum, in order. */
enum
{
	ASSET_SUM_ASSET,
	ASSET_SUM_ACCOUNTS,
	ASSET_SUM_UNVALUED,
	ASSET_SUM_ASSET_EQUITY,
	ASSET_SUM_OWED,
	ASSET_SUM_NET_ASSET_VALUE,
	ASSET_SUM_COLLATERAL_VALUE,
	ASSET_SUM_HOLDERS,
	ASSET_SUM_HOLDINGS,
	ASSET_SUM_HOLDER_VALUES,
	ASSET_SUM_COLUMNS
};

/* The three arrays of the holders. */
static void
put_holders(Datum *values, const AssetSums *sums)
{
	Datum	   *accounts = palloc((sums->nholders + 1) * sizeof(Datum));
	Datum	   *quantities = palloc((sums->nholders + 1) * sizeof(Datum));
	Datum	   *amounts = palloc0((sums->nholders + 1) * sizeof(Datum));
	bool	   *unknown = palloc((sums->nholders + 1) * sizeof(bool));
	int			lower = 1;

	for (int i = 0; i < sums->nholders; i++)
	{
		const Holder *holder = &sums->holders[i];

		accounts[i] = CStringGetTextDatum(holder->account);
		quantities[i] = dec_datum(&holder->quantity, 0);
		unknown[i] = !holder->valued;
		if (holder->valued)
			amounts[i] = dec_datum(&holder->value, 0);
	}
	values[ASSET_SUM_HOLDERS] = PointerGetDatum(construct_array(accounts, sums->nholders, TEXTOID, -1, false, TYPALIGN_INT));
	values[ASSET_SUM_HOLDINGS] = PointerGetDatum(construct_array(quantities, sums->nholders, NUMERICOID, -1, false, TYPALIGN_INT));
	values[ASSET_SUM_HOLDER_VALUES] = PointerGetDatum(construct_md_array(amounts, unknown, sums->nholders > 0, (int *) &sums->nholders, &lower,
																		 NUMERICOID, -1, false, TYPALIGN_INT));
}

static void
add_asset_row(RowArray *array, const AssetSums *sums)
{
	bool		valued = sums->accounts > sums->unvalued;
	Datum		values[ASSET_SUM_COLUMNS] = {0};
	bool		nulls[ASSET_SUM_COLUMNS] = {0};

	if (sums->accounts == 0 && dec_is_zero(&sums->owed))
		return;
	values[ASSET_SUM_OWED] = dec_datum(&sums->owed, 0);
	values[ASSET_SUM_ASSET] = symbol_datum(&sums->symbol);
	values[ASSET_SUM_ACCOUNTS] = Int64GetDatum(sums->accounts);
	values[ASSET_SUM_UNVALUED] = Int64GetDatum(sums->unvalued);
	nulls[ASSET_SUM_ASSET_EQUITY] = !sums->known;
	nulls[ASSET_SUM_NET_ASSET_VALUE] = nulls[ASSET_SUM_COLLATERAL_VALUE] = !valued;
	if (sums->known)
		values[ASSET_SUM_ASSET_EQUITY] = dec_datum(&sums->asset_equity, 0);
	if (valued)
	{
		values[ASSET_SUM_NET_ASSET_VALUE] = dec_datum(&sums->net_value, 0);
		values[ASSET_SUM_COLLATERAL_VALUE] = dec_datum(&sums->collateral_value, 0);
	}
	put_holders(values, sums);
	add_row(array, values, nulls);
}

static Datum
assets_datum(const BookTotals *totals, Oid type)
{
	RowArray	array;

	begin_array(&array, type, ASSET_SUM_COLUMNS, totals->market->nassets + totals->other_assets.count);
	for (uint32 i = 0; i < totals->market->nassets; i++)
		add_asset_row(&array, &totals->assets[i]);
	for (int i = 0; i < totals->other_assets.count; i++)
		add_asset_row(&array, symbol_table_record(&totals->other_assets, i));
	return end_array(&array);
}

/* Columns of margin_internal.contract_sum, in order. */
enum
{
	CONTRACT_SUM_CONTRACT,
	CONTRACT_SUM_SETTLE,
	CONTRACT_SUM_MARK,
	CONTRACT_SUM_ACCOUNTS,
	CONTRACT_SUM_LONG,
	CONTRACT_SUM_SHORT,
	CONTRACT_SUM_PNL_USD,
	CONTRACT_SUM_MAINTENANCE_MARGIN,
	CONTRACT_SUM_ORDER_MARGIN,
	CONTRACT_SUM_COLUMNS
};

static Datum
in_usd(const Decimal *settled, const Decimal *stored_price, const Market *market)
{
	Decimal		buffer;
	Decimal		usd;

	dec_mul(&usd, settled, dec_flat(stored_price, market, &buffer));
	dec_normalize(&usd);
	return dec_datum(&usd, 0);
}

/* What depends on the terms of the contract, and stays null where those lack something. */
static void
put_known_contract(Datum *values, bool *nulls, const ContractSums *sums, const MarketContract *terms, const Market *market)
{
	const MarketAsset *settle = terms->settle_index >= 0 && market_assets(market)[terms->settle_index].priced ?
		&market_assets(market)[terms->settle_index] : NULL;
	Symbol		name = market_symbol(market, &terms->settle);
	Decimal		buffer;

	values[CONTRACT_SUM_SETTLE] = symbol_datum(&name);
	nulls[CONTRACT_SUM_SETTLE] = false;
	if (!terms->marked)
		return;
	values[CONTRACT_SUM_MARK] = dec_datum(dec_flat(&terms->mark, market, &buffer), 0);
	nulls[CONTRACT_SUM_MARK] = false;
	if (settle == NULL)
		return;
	values[CONTRACT_SUM_PNL_USD] = in_usd(&sums->pnl, &settle->price, market);
	nulls[CONTRACT_SUM_PNL_USD] = false;
	if (terms->maintenance == 0)
		return;
	values[CONTRACT_SUM_MAINTENANCE_MARGIN] = in_usd(&sums->maintenance, &settle->requirement_price, market);
	values[CONTRACT_SUM_ORDER_MARGIN] = in_usd(&sums->order_margin, &settle->requirement_price, market);
	nulls[CONTRACT_SUM_MAINTENANCE_MARGIN] = nulls[CONTRACT_SUM_ORDER_MARGIN] = false;
}

static void
add_contract_row(RowArray *array, const ContractSums *sums, const MarketContract *terms, const Market *market)
{
	Datum		values[CONTRACT_SUM_COLUMNS] = {0};
	bool		nulls[CONTRACT_SUM_COLUMNS];

	if (!sums->present)
		return;
	for (int i = 0; i < CONTRACT_SUM_COLUMNS; i++)
		nulls[i] = i == CONTRACT_SUM_SETTLE || i == CONTRACT_SUM_MARK || i >= CONTRACT_SUM_PNL_USD;
	values[CONTRACT_SUM_CONTRACT] = symbol_datum(&sums->symbol);
	values[CONTRACT_SUM_ACCOUNTS] = Int64GetDatum(sums->accounts);
	values[CONTRACT_SUM_LONG] = dec_datum(&sums->sides[SIDE_LONG], 0);
	values[CONTRACT_SUM_SHORT] = dec_datum(&sums->sides[SIDE_SHORT], 0);
	if (terms != NULL)
		put_known_contract(values, nulls, sums, terms, market);
	add_row(array, values, nulls);
}

static Datum
contracts_datum(const BookTotals *totals, Oid type)
{
	const Market *market = totals->market;
	RowArray	array;

	begin_array(&array, type, CONTRACT_SUM_COLUMNS, market->ncontracts + totals->other_contracts.count);
	for (uint32 i = 0; i < market->ncontracts; i++)
		add_contract_row(&array, &totals->contracts[i], &market_contracts(market)[i], market);
	for (int i = 0; i < totals->other_contracts.count; i++)
		add_contract_row(&array, symbol_table_record(&totals->other_contracts, i), NULL, market);
	return end_array(&array);
}

/* Columns of margin_internal.book_totals, in order. */
enum
{
	BOOK_LEVELS,
	BOOK_RATIOS,
	BOOK_ASSETS,
	BOOK_CONTRACTS,
	BOOK_COLUMNS
};

PG_FUNCTION_INFO_V1(margin_book_totals_final);

/* One margin_internal.book_totals. */
Datum
margin_book_totals_final(PG_FUNCTION_ARGS)
{
	const BookTotals *totals = PG_ARGISNULL(0) ? NULL : (BookTotals *) PG_GETARG_POINTER(0);
	TupleDesc	tupdesc;
	Datum		values[BOOK_COLUMNS];
	bool		nulls[BOOK_COLUMNS] = {0};

	aggregate_context(fcinfo);
	if (totals == NULL)
		PG_RETURN_NULL();
	tupdesc = lookup_rowtype_tupdesc_copy(get_fn_expr_rettype(fcinfo->flinfo), -1);
	if (tupdesc->natts != BOOK_COLUMNS)
		elog(ERROR, "margin_internal.book_totals has %d columns instead of %d", tupdesc->natts, BOOK_COLUMNS);
	values[BOOK_LEVELS] = levels_datum(totals, TupleDescAttr(tupdesc, BOOK_LEVELS)->atttypid);
	values[BOOK_RATIOS] = counts_datum(totals->ratios, RATIO_COUNTS);
	values[BOOK_ASSETS] = assets_datum(totals, TupleDescAttr(tupdesc, BOOK_ASSETS)->atttypid);
	values[BOOK_CONTRACTS] = contracts_datum(totals, TupleDescAttr(tupdesc, BOOK_CONTRACTS)->atttypid);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls)));
}
