/*
 * shock.c
 *		A market with some of its prices moved.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/rows.h"
#include "question/shock.h"

/* ---------- rows of margin.price_move ---------- */

enum
{
	MOVE_NAME,
	MOVE_ASSET,
	MOVE_CONTRACT,
	MOVE_RELATIVE,
	MOVE_PRICE,
	MOVE_COLUMNS
};

/* What a move moves, for messages. */
static const char *
move_target(const PriceMove *move)
{
	if (move->symbol.length == 0)
		return "all assets";
	return psprintf("%s \"%s\"", move->contract ? "contract" : "asset", symbol_text(&move->symbol));
}

static void
read_number(Decimal *r, Datum value, const char *what, const PriceMove *move)
{
	if (!dec_from_input(r, value))
		dec_bad_input(value, psprintf("%s of %s", what, move_target(move)));
}

static void
read_move(PriceMove *move, const Datum *values, const bool *nulls)
{
	Decimal		one = DEC_ONE;

	memset(move, 0, sizeof(*move));
	if (!nulls[MOVE_ASSET])
		move->symbol = row_symbol(values[MOVE_ASSET], false, "an asset");
	if (!nulls[MOVE_CONTRACT])
	{
		if (move->symbol.length > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("one move names both an asset and a contract"),
					 errhint("Write a row for each.")));
		move->contract = true;
		move->symbol = row_symbol(values[MOVE_CONTRACT], false, "a contract");
	}
	if (nulls[MOVE_RELATIVE] == nulls[MOVE_PRICE])
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("move of %s must have either a relative change or a price", move_target(move))));

	move->absolute = nulls[MOVE_RELATIVE];
	if (move->absolute)
	{
		read_number(&move->value, values[MOVE_PRICE], "price", move);
		if (move->symbol.length == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("move of all assets must be relative")));
		if (dec_sign(&move->value) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("price of %s must be greater than 0: %s", move_target(move), dec_text(&move->value))));
		return;
	}
	read_number(&move->value, values[MOVE_RELATIVE], "relative change", move);
	dec_add(&move->value, &move->value, &one);
	if (dec_sign(&move->value) <= 0)
	{
		dec_sub(&move->value, &move->value, &one);
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("relative change of %s must be greater than -1: %s", move_target(move), dec_text(&move->value)),
				 errdetail("-1 is a fall of 100 %%; a price stays above 0.")));
	}
}

/* Adds the move of a row to its scenario. */
static void
add_move(Scenario *scenario, const Datum *values, const bool *nulls)
{
	if (scenario->count == scenario->capacity)
	{
		scenario->capacity = Max(4, 2 * scenario->capacity);
		scenario->moves = scenario->moves == NULL ? palloc(scenario->capacity * sizeof(PriceMove)) :
			repalloc(scenario->moves, scenario->capacity * sizeof(PriceMove));
	}
	read_move(&scenario->moves[scenario->count], values, nulls);
	scenario->count++;
}

/* Adds a row to a scenario, whatever name the row gives. */
void
scenario_add_row(Scenario *scenario, Datum row, bool isnull)
{
	Datum		values[MOVE_COLUMNS];
	bool		nulls[MOVE_COLUMNS];

	row_columns(row, isnull, MOVE_COLUMNS, values, nulls);
	add_move(scenario, values, nulls);
}

/* Scenarios by name, whose rows may be mixed. */
void
scenarios_read(SymbolTable *scenarios, ArrayType *array)
{
	Datum	   *rows;
	bool	   *row_nulls;
	int			count = rows_of_array(array, &rows, &row_nulls);

	symbol_table_init(scenarios, CurrentMemoryContext, sizeof(Scenario));
	for (int i = 0; i < count; i++)
	{
		Datum		values[MOVE_COLUMNS];
		bool		nulls[MOVE_COLUMNS];
		Symbol		name;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		row_columns(rows[i], row_nulls[i], MOVE_COLUMNS, values, nulls);
		name = row_symbol(values[MOVE_NAME], nulls[MOVE_NAME], "a scenario");
		add_move(symbol_table_add(scenarios, &name, &found), values, nulls);
	}
}

/* ---------- moving ---------- */

/* Moves by what they move, NULL where there is none. */
typedef struct MoveIndex
{
	const PriceMove *all;
	const PriceMove **assets;	/* by number in the market */
	const PriceMove **contracts;
} MoveIndex;

static void
index_moves(MoveIndex *index, const Scenario *scenario, const Market *market)
{
	index->all = NULL;
	index->assets = palloc0(Max(market->nassets, 1) * sizeof(PriceMove *));
	index->contracts = palloc0(Max(market->ncontracts, 1) * sizeof(PriceMove *));
	for (int i = 0; i < scenario->count; i++)
	{
		const PriceMove *move = &scenario->moves[i];
		const PriceMove **place = &index->all;

		if (move->symbol.length > 0)
		{
			int			number = move->contract ? market_known_contract(market, &move->symbol) :
				market_known_asset(market, &move->symbol);

			place = move->contract ? &index->contracts[number] : &index->assets[number];
		}
		if (*place != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("%s moved more than once", psprintf(move->symbol.length > 0 ? "%s is" : "%s are",
																 move_target(move)))));
		*place = move;
	}
	for (uint32 i = 0; i < market->nassets; i++)
	{
		if (index->assets[i] == NULL)
			index->assets[i] = index->all;
	}
}

/*
 * A price that is there is moved; one that is not can only be given, and is not in doubt then.
 * The bounds of a doubtful price move with it.  False where the quote stays.
 */
static bool
moved_quote(AssetQuote *quote, const MoveIndex *index, const Market *market, int number)
{
	const PriceMove *move = index->assets[number];

	if (move == NULL || (!move->absolute && !market_assets(market)[number].priced))
		return false;
	*quote = move->absolute ? plain_quote(&move->value) : quote_times(market, number, &move->value);
	return true;
}

/* How an asset's price changes, as two numbers of that proportion; false where it does not. */
static bool
price_change(Decimal *before, Decimal *after, const MoveIndex *index, const Market *market, int number)
{
	const PriceMove *move = number < 0 ? index->all : index->assets[number];
	Decimal		buffer;

	*before = *after = DEC_ONE;
	if (move == NULL)
		return false;
	if (move->absolute)
	{
		const MarketAsset *asset = &market_assets(market)[number];

		if (!asset->priced)
			return false;
		*before = *dec_flat(&asset->price, market, &buffer);
	}
	*after = move->value;
	return dec_cmp(before, after) != 0;
}

/* Takes a mark along with the prices of its contract's underlying and settlement asset; false where it stays. */
static bool
link_mark(Decimal *mark, const MoveIndex *index, const Market *market, const MarketContract *contract)
{
	Symbol		base_name = market_symbol(market, &contract->base);
	Symbol		name = market_symbol(market, &contract->name);
	int			base = contract->base.length == 0 ? -1 : market_find_asset(market, &base_name);
	Decimal		buffer;
	Decimal		before,
				after,
				settle_before,
				settle_after;
	bool		base_moved = price_change(&before, &after, index, market, base);
	bool		settle_moved = price_change(&settle_before, &settle_after, index, market, contract->settle_index);

	if (!base_moved && !settle_moved)
		return false;
	dec_mul(&after, &after, &settle_before);
	dec_mul(&before, &before, &settle_after);
	dec_mul(&after, &after, dec_flat(&contract->mark, market, &buffer));
	dec_div_round18(mark, &after, &before);
	if (dec_is_zero(mark))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("linked mark price of contract \"%s\" would be 0", symbol_text(&name)),
				 errdetail("It is rounded at the 18th decimal."),
				 errhint("Give the contract a move of its own.")));
	return true;
}

/* The mark of a contract once it has moved; false where it stays. */
static bool
moved_mark(Decimal *mark, const MoveIndex *index, const Market *market, int number, bool linked)
{
	const MarketContract *contract = &market_contracts(market)[number];
	const PriceMove *move = index->contracts[number];
	Decimal		buffer;

	if (move == NULL)
		return linked && contract->marked && link_mark(mark, index, market, contract);
	if (move->absolute)
		*mark = move->value;
	else if (contract->marked)
		dec_mul(mark, dec_flat(&contract->mark, market, &buffer), &move->value);
	return move->absolute || contract->marked;
}

/* Moves prices where they stand in a copy of the market; false if some have too many digits for that. */
static bool
move_in_place(Market *result, const MoveIndex *index, const Market *market, bool linked)
{
	for (uint32 i = 0; i < market->nassets; i++)
	{
		AssetQuote	quote;

		CHECK_FOR_INTERRUPTS();
		if (moved_quote(&quote, index, market, i) && !market_put_quote(result, i, &quote))
			return false;
	}
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		Decimal		mark;

		CHECK_FOR_INTERRUPTS();
		if (moved_mark(&mark, index, market, i, linked) && !market_put_mark(result, i, &mark))
			return false;
	}
	return true;
}

/* The same market built anew. */
static Market *
build_moved(const MoveIndex *index, const Market *market, bool linked)
{
	MarketTerms terms;

	market_terms_read(&terms, market);
	for (uint32 i = 0; i < market->nassets; i++)
	{
		AssetTerms *asset = symbol_table_record(&terms.assets, i);

		CHECK_FOR_INTERRUPTS();
		if (!moved_quote(&asset->quote, index, market, i))
			continue;
		asset->priced = true;
		if (index->assets[i]->absolute)
			asset->has_low = asset->has_high = false;
	}
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		ContractTerms *contract = symbol_table_record(&terms.contracts, i);

		CHECK_FOR_INTERRUPTS();
		contract->marked |= moved_mark(&contract->mark, index, market, i, linked);
	}
	return market_build(&terms);
}

static void
scenario_context(void *arg)
{
	const Scenario *scenario = arg;

	if (scenario->name.length > 0)
		errcontext("scenario \"%s\"", symbol_text(&scenario->name));
}

/* Moves the prices of a copy of the market, whatever they are in it; or where it has no room for them, those of a market built anew. */
static Market *
move_market(Market *copy, const Market *market, const Scenario *scenario, bool linked)
{
	ErrorContextCallback context = {error_context_stack, scenario_context, (void *) scenario};
	MoveIndex	index;

	error_context_stack = &context;
	index_moves(&index, scenario, market);
	copy->stamp = NO_STAMP;
	if (!move_in_place(copy, &index, market, linked))
		copy = build_moved(&index, market, linked);
	error_context_stack = context.previous;
	return copy;
}

/* The market in a scenario: the same records under the same numbers, but for their prices. */
static Market *
shock_market(const Market *market, const Scenario *scenario, bool linked)
{
	Market	   *copy = market_copy(market);
	Market	   *result = move_market(copy, market, scenario, linked);

	if (result != copy)
		pfree(copy);
	return result;
}

/*
 * The same in a copy that was used for other scenarios: of two markets only records
 * differ then, and only these are copied.  Another market where the copy has no room for the prices.
 */
Market *
shock_copy(Market *copy, const Market *market, const Scenario *scenario, bool linked)
{
	Assert(VARSIZE(copy) == VARSIZE(market));
	memcpy((MarketAsset *) market_assets(copy), market_assets(market), market->nassets * sizeof(MarketAsset));
	memcpy((MarketContract *) market_contracts(copy), market_contracts(market), market->ncontracts * sizeof(MarketContract));
	return move_market(copy, market, scenario, linked);
}

/* ---------- SQL ---------- */

PG_FUNCTION_INFO_V1(margin_shock);

/* shock(market, moves scenario[], linked boolean) */
Datum
margin_shock(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));
	Scenario	scenario = {0};
	Datum	   *rows;
	bool	   *row_nulls;
	int			count = rows_of_array(PG_GETARG_ARRAYTYPE_P(1), &rows, &row_nulls);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		scenario_add_row(&scenario, rows[i], row_nulls[i]);
	}
	PG_RETURN_POINTER(shock_market(market, &scenario, PG_GETARG_BOOL(2)));
}
