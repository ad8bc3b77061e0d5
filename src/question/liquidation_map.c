/*
 * liquidation_map.c
 *		What moves of prices would make of all accounts together.
 *
 * The state of the aggregate holds the market in all moves, laid out at the first
 * row, and the sums of each move.  A portfolio is bound once and valued at the present
 * prices and in each move that reaches it: one that changes no price of what it
 * is made of leaves its valuation as it is.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "fmgr.h"
#include "funcapi.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

#include "base/flat.h"
#include "base/jsonb.h"
#include "base/rows.h"
#include "question/loss_sums.h"
#include "question/shocks.h"

/* What a move makes of the accounts; amounts in USD. */
typedef struct MapSums
{
	int64		undercollateralized;
	int64		bankrupt;
	int64		unpriced;
	LossSums	usd;
	Decimal    *contracts;		/* by number in the market: both sides together; 0: none */
} MapSums;

typedef struct MapMove
{
	Scenario	scenario;		/* of one move */
	bool	   *assets;			/* by number in the market: does its price change? */
	bool	   *contracts;
	MapSums		sums;
} MapMove;

typedef struct LiquidationMap
{
	MemoryContext context;
	MemoryContext scratch;		/* of one account, or of one scenario while moves are laid out */
	Shocks		shocks;
	MapMove    *moves;			/* as many */
	ArrayType  *rows;			/* what they were read from */
	int64		accounts;
} LiquidationMap;

/* ---------- moves ---------- */

static void
require_price(bool present, const PriceMove *move)
{
	if (!present)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("%s \"%s\" has no price", move->contract ? "contract" : "asset", symbol_text(&move->symbol)),
				 errdetail("There is nothing to move.")));
}

/* A row of the argument; what it moves has a price that it moves by a part. */
static void
read_map_move(MapMove *move, const Market *market, Datum row, bool isnull)
{
	const PriceMove *only;

	scenario_add_row(&move->scenario, row, isnull);
	only = &move->scenario.moves[0];
	if (only->symbol.length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a move of the map must name an asset or a contract")));
	if (only->absolute)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a move of the map must be relative")));
	if (only->contract)
		require_price(market_contracts(market)[market_known_contract(market, &only->symbol)].marked, only);
	else
		require_price(market_assets(market)[market_known_asset(market, &only->symbol)].priced, only);
}

static bool
same_number(const Decimal *a, const Decimal *b, const void *base)
{
	Decimal		buffer_a;
	Decimal		buffer_b;

	return dec_cmp(dec_flat(a, base, &buffer_a), dec_flat(b, base, &buffer_b)) == 0;
}

/* Notes which prices a move changes. */
static void
note_changes(LiquidationMap *map, int number)
{
	const Market *market = shocks_market(&map->shocks);
	const MarketAsset *assets = shocks_assets(&map->shocks, number);
	const MarketContract *contracts = shocks_contracts(&map->shocks, number);
	MapMove    *move = &map->moves[number];

	move->assets = palloc0(Max(market->nassets, 1) * sizeof(bool));
	move->contracts = palloc0(Max(market->ncontracts, 1) * sizeof(bool));
	for (uint32 i = 0; i < market->nassets; i++)
		move->assets[i] = assets[i].priced && !same_number(&assets[i].price, &market_assets(market)[i].price, market);
	for (uint32 i = 0; i < market->ncontracts; i++)
		move->contracts[i] = contracts[i].marked &&
			!same_number(&contracts[i].mark, &market_contracts(market)[i].mark, market);
}

static LiquidationMap *
create_map(MemoryContext context, const Market *market, ArrayType *rows)
{
	MemoryContext old = MemoryContextSwitchTo(context);
	LiquidationMap *map = palloc0(sizeof(LiquidationMap));
	Scenario  **scenarios;
	Datum	   *row;
	bool	   *isnull;
	int			count;

	map->context = context;
	map->rows = memcpy(palloc(VARSIZE(rows)), rows, VARSIZE(rows));	/* names stay there */
	count = rows_of_array(map->rows, &row, &isnull);
	map->scratch = AllocSetContextCreate(context, "margin liquidation map", ALLOCSET_DEFAULT_SIZES);
	map->moves = palloc0(Max(count, 1) * sizeof(MapMove));
	scenarios = palloc(Max(count, 1) * sizeof(Scenario *));
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		read_map_move(&map->moves[i], market, row[i], isnull[i]);
		scenarios[i] = &map->moves[i].scenario;
	}
	shocks_build(&map->shocks, market, scenarios, count, true, map->scratch);
	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		map->moves[i].sums.contracts = palloc0(Max(market->ncontracts, 1) * sizeof(Decimal));
		note_changes(map, i);
	}
	MemoryContextSwitchTo(old);
	return map;
}

/* ---------- accounts ---------- */

static void
add_account(const LiquidationMap *map, MapSums *sums, const Valuation *v)
{
	if (v->level == LEVEL_UNPRICED)
	{
		sums->unpriced++;
		return;
	}
	sums->undercollateralized += v->level >= LEVEL_LIQUIDATION;
	sums->bankrupt += v->level == LEVEL_BANKRUPT;
	loss_sums_add(&sums->usd, sums->contracts, v, shocks_market(&map->shocks), map->context);
}

/* Does a move change a price of what the account is made of? */
static bool
reaches(const MapMove *move, const Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
	{
		if (v->assets[i].asset >= 0 && move->assets[v->assets[i].asset])
			return true;
	}
	for (int i = 0; i < v->npositions; i++)
	{
		if (v->positions[i].contract >= 0 && move->contracts[v->positions[i].contract])
			return true;
	}
	return false;
}

/* One account in all moves; those that do not reach it share the valuation at the present prices. */
static void
map_portfolio(LiquidationMap *map, Datum portfolio)
{
	const Market *market = shocks_market(&map->shocks);
	Valuation	v;
	BoundPortfolio *bound = bind_portfolio(&v, portfolio, market, VALUE_MAINTENANCE);
	bool	   *reached = palloc(Max(map->shocks.count, 1) * sizeof(bool));

	map->accounts++;
	value_bound(bound, market_assets(market), market_contracts(market));
	for (int i = 0; i < map->shocks.count; i++)
	{
		reached[i] = v.level != LEVEL_UNPRICED && reaches(&map->moves[i], &v);
		if (!reached[i])
			add_account(map, &map->moves[i].sums, &v);
	}
	for (int i = 0; i < map->shocks.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (!reached[i])
			continue;
		value_bound(bound, shocks_assets(&map->shocks, i), shocks_contracts(&map->shocks, i));
		add_account(map, &map->moves[i].sums, &v);
	}
}

/* ---------- the aggregate ---------- */

PG_FUNCTION_INFO_V1(margin_liquidation_map_accum);

/* (state, portfolio, market, moves price_move[]); a null portfolio is no account */
Datum
margin_liquidation_map_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	LiquidationMap *map = PG_ARGISNULL(0) ? NULL : (LiquidationMap *) PG_GETARG_POINTER(0);
	MemoryContext old;

	if (map == NULL)
	{
		if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
			ereport(ERROR,
					(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
					 errmsg("market and moves must not be null")));
		map = create_map(context, market_of_call(fcinfo, 2), PG_GETARG_ARRAYTYPE_P(3));
	}
	if (!PG_ARGISNULL(1))
	{
		old = MemoryContextSwitchTo(map->scratch);
		map_portfolio(map, PG_GETARG_DATUM(1));
		MemoryContextSwitchTo(old);
		MemoryContextReset(map->scratch);
	}
	PG_RETURN_POINTER(map);
}

static void
combine_sums(const LiquidationMap *map, MapSums *to, const MapSums *from)
{
	to->undercollateralized += from->undercollateralized;
	to->bankrupt += from->bankrupt;
	to->unpriced += from->unpriced;
	dec_add_to(&to->usd.shortfall, &from->usd.shortfall, map->context);
	dec_add_to(&to->usd.loss, &from->usd.loss, map->context);
	for (int side = SIDE_LONG; side <= SIDE_SHORT; side++)
		dec_add_to(&to->usd.notional[side], &from->usd.notional[side], map->context);
	for (uint32 i = 0; i < shocks_market(&map->shocks)->ncontracts; i++)
		dec_add_to(&to->contracts[i], &from->contracts[i], map->context);
}

PG_FUNCTION_INFO_V1(margin_liquidation_map_combine);

/* Both states are of the same market and moves, and live in the aggregate's context. */
Datum
margin_liquidation_map_combine(PG_FUNCTION_ARGS)
{
	LiquidationMap *to = PG_ARGISNULL(0) ? NULL : (LiquidationMap *) PG_GETARG_POINTER(0);
	const LiquidationMap *from = PG_ARGISNULL(1) ? NULL : (LiquidationMap *) PG_GETARG_POINTER(1);

	aggregate_context(fcinfo);
	if (to == NULL || from == NULL)
	{
		if (to == NULL && from == NULL)
			PG_RETURN_NULL();
		PG_RETURN_POINTER(to == NULL ? from : to);
	}
	to->accounts += from->accounts;
	for (int i = 0; i < to->shocks.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		combine_sums(to, &to->moves[i].sums, &from->moves[i].sums);
	}
	PG_RETURN_POINTER(to);
}

/* Both directions of what goes from a worker to its leader: the sums of a move. */
static void
send_sums(StringInfo out, const LiquidationMap *map, const MapSums *sums)
{
	pq_sendint64(out, sums->undercollateralized);
	pq_sendint64(out, sums->bankrupt);
	pq_sendint64(out, sums->unpriced);
	pq_sendstring(out, dec_text(&sums->usd.shortfall));
	pq_sendstring(out, dec_text(&sums->usd.loss));
	pq_sendstring(out, dec_text(&sums->usd.notional[SIDE_LONG]));
	pq_sendstring(out, dec_text(&sums->usd.notional[SIDE_SHORT]));
	for (uint32 i = 0; i < shocks_market(&map->shocks)->ncontracts; i++)
		pq_sendstring(out, dec_text(&sums->contracts[i]));
}

static void
receive_sum(StringInfo in, const LiquidationMap *map, Decimal *sum)
{
	const char *text = pq_getmsgstring(in);
	Decimal		value;

	if (!dec_parse(&value, text, strlen(text)))
		elog(ERROR, "state of liquidation_map() is corrupted");
	dec_copy_into(sum, &value, map->context);
}

static void
receive_sums(StringInfo in, const LiquidationMap *map, MapSums *sums)
{
	sums->undercollateralized = pq_getmsgint64(in);
	sums->bankrupt = pq_getmsgint64(in);
	sums->unpriced = pq_getmsgint64(in);
	receive_sum(in, map, &sums->usd.shortfall);
	receive_sum(in, map, &sums->usd.loss);
	receive_sum(in, map, &sums->usd.notional[SIDE_LONG]);
	receive_sum(in, map, &sums->usd.notional[SIDE_SHORT]);
	for (uint32 i = 0; i < shocks_market(&map->shocks)->ncontracts; i++)
		receive_sum(in, map, &sums->contracts[i]);
}

PG_FUNCTION_INFO_V1(margin_liquidation_map_serialize);

Datum
margin_liquidation_map_serialize(PG_FUNCTION_ARGS)
{
	const LiquidationMap *map = (LiquidationMap *) PG_GETARG_POINTER(0);
	const Market *market = shocks_market(&map->shocks);
	StringInfoData out;

	aggregate_context(fcinfo);
	pq_begintypsend(&out);
	pq_sendint32(&out, VARSIZE(market));
	pq_sendbytes(&out, (const char *) market, VARSIZE(market));
	pq_sendint32(&out, VARSIZE(map->rows));
	pq_sendbytes(&out, (const char *) map->rows, VARSIZE(map->rows));
	pq_sendint64(&out, map->accounts);
	for (int i = 0; i < map->shocks.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		send_sums(&out, map, &map->moves[i].sums);
	}
	PG_RETURN_BYTEA_P(pq_endtypsend(&out));
}

/* A value that was sent by its bytes, aligned. */
static void *
receive_value(StringInfo in)
{
	int			size = pq_getmsgint(in, 4);

	return memcpy(palloc(size), pq_getmsgbytes(in, size), size);
}

PG_FUNCTION_INFO_V1(margin_liquidation_map_deserialize);

Datum
margin_liquidation_map_deserialize(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	bytea	   *state = PG_GETARG_BYTEA_PP(0);
	StringInfoData in;
	const Market *market;
	LiquidationMap *map;

	initStringInfo(&in);
	appendBinaryStringInfo(&in, VARDATA_ANY(state), VARSIZE_ANY_EXHDR(state));
	market = receive_value(&in);
	map = create_map(context, market, receive_value(&in));
	map->accounts = pq_getmsgint64(&in);
	for (int i = 0; i < map->shocks.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		receive_sums(&in, map, &map->moves[i].sums);
	}
	PG_RETURN_POINTER(map);
}

/* Columns of margin.liquidation_point, in order. */
enum
{
	POINT_MOVE,
	POINT_PRICE,
	POINT_ACCOUNTS,
	POINT_UNDERCOLLATERALIZED,
	POINT_BANKRUPT,
	POINT_UNPRICED,
	POINT_NOTIONAL,
	POINT_NOTIONAL_USD,
	POINT_LONG_USD,
	POINT_SHORTFALL,
	POINT_LOSS,
	POINT_COLUMNS
};

/* {"contract": notional in USD, ...}, as jsonb */
static Datum
contracts_datum(const LiquidationMap *map, const MapSums *sums)
{
	const Market *market = shocks_market(&map->shocks);
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '{');
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		Symbol		name = market_symbol(market, &market_contracts(market)[i].name);

		if (dec_is_zero(&sums->contracts[i]))
			continue;
		if (json.len > 1)
			appendStringInfoString(&json, ", ");
		escape_json(&json, symbol_text(&name));
		appendStringInfoString(&json, ": ");
		dec_append(&json, &sums->contracts[i]);
	}
	appendStringInfoChar(&json, '}');
	return jsonb_of_text(json.data);
}

static Datum
point_datum(const LiquidationMap *map, int number, TupleDesc tupdesc)
{
	const Market *market = shocks_market(&map->shocks);
	const MapMove *move = &map->moves[number];
	const PriceMove *only = &move->scenario.moves[0];
	const MapSums *sums = &move->sums;
	const Decimal one = DEC_ONE;
	const Decimal *price = only->contract ?
		&shocks_contracts(&map->shocks, number)[market_known_contract(market, &only->symbol)].mark :
		&shocks_assets(&map->shocks, number)[market_known_asset(market, &only->symbol)].price;
	Datum		values[POINT_COLUMNS];
	bool		nulls[POINT_COLUMNS] = {0};
	Decimal		amount;
	Decimal		buffer;

	dec_sub(&amount, &only->value, &one);
	dec_normalize(&amount);
	values[POINT_MOVE] = dec_datum(&amount, 0);
	values[POINT_PRICE] = dec_datum(dec_flat(price, market, &buffer), 0);
	values[POINT_ACCOUNTS] = Int64GetDatum(map->accounts);
	values[POINT_UNDERCOLLATERALIZED] = Int64GetDatum(sums->undercollateralized);
	values[POINT_BANKRUPT] = Int64GetDatum(sums->bankrupt);
	values[POINT_UNPRICED] = Int64GetDatum(sums->unpriced);
	values[POINT_NOTIONAL] = contracts_datum(map, sums);
	dec_add(&amount, &sums->usd.notional[SIDE_LONG], &sums->usd.notional[SIDE_SHORT]);
	dec_normalize(&amount);
	values[POINT_NOTIONAL_USD] = dec_datum(&amount, 0);
	values[POINT_LONG_USD] = dec_datum(&sums->usd.notional[SIDE_LONG], 0);
	values[POINT_SHORTFALL] = dec_datum(&sums->usd.shortfall, 0);
	values[POINT_LOSS] = dec_datum(&sums->usd.loss, 0);
	return HeapTupleGetDatum(heap_form_tuple(tupdesc, values, nulls));
}

PG_FUNCTION_INFO_V1(margin_liquidation_map_final);

/* An array of margin.liquidation_point, one for each move, in their order. */
Datum
margin_liquidation_map_final(PG_FUNCTION_ARGS)
{
	const LiquidationMap *map = PG_ARGISNULL(0) ? NULL : (LiquidationMap *) PG_GETARG_POINTER(0);
	Oid			type = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
	TupleDesc	tupdesc;
	Datum	   *points;

	aggregate_context(fcinfo);
	if (map == NULL)
		PG_RETURN_NULL();
	tupdesc = lookup_rowtype_tupdesc(type, -1);
	if (tupdesc->natts != POINT_COLUMNS)
		elog(ERROR, "margin.liquidation_point has %d columns instead of %d", tupdesc->natts, POINT_COLUMNS);
	points = palloc(Max(map->shocks.count, 1) * sizeof(Datum));
	for (int i = 0; i < map->shocks.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		points[i] = point_datum(map, i, tupdesc);
	}
	ReleaseTupleDesc(tupdesc);
	PG_RETURN_ARRAYTYPE_P(construct_array(points, map->shocks.count, type, -1, false, TYPALIGN_DOUBLE));
}
