/*
 * netting.c
 *		Portfolios under construction, and the aggregate portfolio().
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "base/enums.h"
#include "base/flat.h"
#include "value/netting.h"

/* ---------- an expanded object ---------- */

/* Flattens at the first question; the answer is kept until the netting changes. */
static Size
netting_flat_size(ExpandedObjectHeader *header)
{
	Netting    *netting = (Netting *) header;

	if (netting->flat == NULL)
	{
		MemoryContext old = MemoryContextSwitchTo(header->eoh_context);

		netting->flat = netting_flatten(netting);
		MemoryContextSwitchTo(old);
	}
	return VARSIZE(netting->flat);
}

static void
netting_flatten_into(ExpandedObjectHeader *header, void *result, Size size)
{
	memcpy(result, ((Netting *) header)->flat, size);
}

static const ExpandedObjectMethods netting_methods = {netting_flat_size, netting_flatten_into};

Netting *
netting_create(MemoryContext context)
{
	Netting    *netting = MemoryContextAlloc(context, sizeof(Netting));

	EOH_init_header(&netting->header, &netting_methods, context);
	symbol_table_init(&netting->balances, context, sizeof(Balance));
	symbol_table_init(&netting->positions, context, sizeof(Position));
	netting->flat = NULL;
	return netting;
}

/* The netting that a portfolio datum points to, or NULL where it is flat. */
const Netting *
netting_from_datum(Datum portfolio)
{
	ExpandedObjectHeader *header;

	if (!VARATT_IS_EXTERNAL_EXPANDED(DatumGetPointer(portfolio)))
		return NULL;
	header = DatumGetEOHP(portfolio);
	return header->eoh_methods == &netting_methods ? (Netting *) header : NULL;
}

/*
 * A read-only datum of the netting.  The pointer is a copy: the executor
 * copies, hence flattens, a result that does not lie in its own context.
 */
static Datum
netting_datum(Netting *netting)
{
	return PointerGetDatum(memcpy(palloc(EXPANDED_POINTER_SIZE), netting->header.eoh_ro_ptr, EXPANDED_POINTER_SIZE));
}

/* ---------- netting ---------- */

/* Before each change: a flat form made earlier no longer holds. */
static inline void
netting_changes(Netting *netting)
{
	if (unlikely(netting->flat != NULL))
	{
		pfree(netting->flat);
		netting->flat = NULL;
	}
}

/* sum += amount, where a numeric that the sum needs lives as long as it. */
static inline void
add_to_sum(Netting *netting, Decimal *sum, const Decimal *amount)
{
	Decimal		result;

	dec_add(&result, sum, amount);
	if (likely((result.scale | sum->scale) >= 0))
		*sum = result;
	else
		dec_copy_into(sum, &result, netting->header.eoh_context);
}

/* The position in a contract, made where there is none yet, for a change. */
Position *
netting_position(Netting *netting, const Symbol *contract)
{
	bool		found;

	netting_changes(netting);
	return symbol_table_add(&netting->positions, contract, &found);
}

void
netting_add_balance(Netting *netting, const Symbol *asset, const Decimal *quantity)
{
	bool		found;
	Balance    *balance = symbol_table_add(&netting->balances, asset, &found);

	netting_changes(netting);
	add_to_sum(netting, &balance->quantity, quantity);
}

void
netting_add_position(Netting *netting, const Position *position)
{
	Position   *sum = netting_position(netting, &position->symbol);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		add_to_sum(netting, &sum->sides[i].quantity, &position->sides[i].quantity);
		add_to_sum(netting, &sum->sides[i].cost, &position->sides[i].cost);
		add_to_sum(netting, &sum->sides[i].margin, &position->sides[i].margin);
	}
}

/* One lot (SPEC 1): adds |quantity|, its cost, and its margin quantity to its side. */
void
netting_add_lot(Netting *netting, const Symbol *contract, const Decimal *quantity, const Decimal *price,
				const Decimal *leverage)
{
	Position   *position = netting_position(netting, contract);
	PositionSide *side = &position->sides[dec_sign(quantity) < 0 ? SIDE_SHORT : SIDE_LONG];
	Decimal		size;
	Decimal		amount;

	dec_abs(&size, quantity);
	add_to_sum(netting, &side->quantity, &size);
	dec_mul(&amount, &size, price);
	add_to_sum(netting, &side->cost, &amount);
	if (leverage != NULL)
	{
		dec_div_ceil18(&amount, &size, leverage);
		add_to_sum(netting, &side->margin, &amount);
	}
}

/* A copy of a portfolio to be changed, in the current context. */
Netting *
netting_load(const struct varlena *portfolio)
{
	Netting    *netting = netting_create(CurrentMemoryContext);
	PortfolioReader reader;

	portfolio_open(&reader, portfolio);
	while (reader.balances > 0)
	{
		Balance		balance;

		CHECK_FOR_INTERRUPTS();
		portfolio_read_balance(&reader, &balance);
		netting_add_balance(netting, &balance.symbol, &balance.quantity);
	}
	while (reader.positions > 0)
	{
		Position	position;

		CHECK_FOR_INTERRUPTS();
		portfolio_read_position(&reader, &position);
		netting_add_position(netting, &position);
	}
	portfolio_end(&reader);
	return netting;
}

/* The portfolio in canonical form; the netting stays as it is. */
struct varlena *
netting_flatten(const Netting *netting)
{
	void	  **balances = symbol_table_sorted(&netting->balances);
	void	  **positions = symbol_table_sorted(&netting->positions);
	PortfolioWriter writer;

	portfolio_begin(&writer, (Size) 32 * netting->balances.count + (Size) 64 * netting->positions.count);
	for (int i = 0; i < netting->balances.count; i++)
	{
		Balance		balance = *(Balance *) balances[i];

		CHECK_FOR_INTERRUPTS();
		portfolio_put_balance(&writer, &balance);
	}
	for (int i = 0; i < netting->positions.count; i++)
	{
		Position	position = *(Position *) positions[i];

		CHECK_FOR_INTERRUPTS();
		portfolio_put_position(&writer, &position);
	}
	pfree(balances);
	pfree(positions);
	return portfolio_finish(&writer);
}

/* ---------- numbers from outside ---------- */

/* One number of a holding; "what" and the symbol name it where it is refused. */
void
holding_number(Decimal *r, Datum value, const char *what, const Symbol *symbol)
{
	if (unlikely(!dec_from_input(r, value)))
		dec_bad_input(value, psprintf("%s of \"%s\"", what, symbol_text(symbol)));
}

void
holding_price(Decimal *r, Datum value, const char *what, const Symbol *symbol)
{
	holding_number(r, value, what, symbol);
	if (unlikely(dec_sign(r) < 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of \"%s\" must not be negative: %s", what, symbol_text(symbol), dec_text(r))));
}

void
holding_leverage(Decimal *r, Datum value, const Symbol *symbol)
{
	holding_number(r, value, "leverage", symbol);
	if (unlikely(dec_sign(r) <= 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("leverage of \"%s\" must be greater than 0: %s", symbol_text(symbol), dec_text(r))));
}

/* ---------- SQL: the aggregate ---------- */

/* The labels of holding_kind, then what a holding without a kind is. */
static const char *const kind_names[] = {"balance", "position", "order", NULL};

typedef enum HoldingKind
{
	HOLDING_BALANCE,
	HOLDING_POSITION,
	HOLDING_ORDER,
	HOLDING_KINDS,
	HOLDING_BY_PRICE = HOLDING_KINDS	/* a position where it has an entry price, else a balance */
} HoldingKind;

/*
 * The kind of a holding, where the form with six arguments is called.  The OIDs
 * of labels that have been met are kept for the query, so that a row costs a
 * comparison or two.
 */
static inline HoldingKind
holding_kind(FunctionCallInfo fcinfo)
{
	Oid		   *met = fcinfo->flinfo->fn_extra;
	Oid			label;
	int			kind;

	if (PG_NARGS() < 6 || PG_ARGISNULL(5))
		return HOLDING_BY_PRICE;
	label = PG_GETARG_OID(5);
	if (unlikely(met == NULL))
		met = fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, HOLDING_KINDS * sizeof(Oid));
	for (kind = 0; kind < HOLDING_KINDS; kind++)
	{
		if (met[kind] == label)
			return kind;
	}
	kind = option_from_enum(label, kind_names);
	met[kind] = label;
	return kind;
}

static pg_noreturn void
leverage_of_balance(Datum value, const Symbol *symbol)
{
	Decimal		leverage;

	holding_number(&leverage, value, "leverage", symbol);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("balance of \"%s\" must not have a leverage: %s", symbol_text(symbol), dec_text(&leverage)),
			 errhint("A holding without entry price is a balance, one with an entry price a lot.")));
}

/* Refuses a holding whose entry price, or lack of one, does not fit its kind, and orders. */
static pg_noreturn void
refuse_kind(HoldingKind kind, FunctionCallInfo fcinfo, const Symbol *symbol)
{
	Decimal		price;

	if (kind == HOLDING_ORDER)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("open order in contract \"%s\": orders are not valued yet", symbol_text(symbol))));
	if (kind == HOLDING_POSITION)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("position in contract \"%s\" has no entry price", symbol_text(symbol))));
	holding_number(&price, PG_GETARG_DATUM(3), "entry price", symbol);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("balance of \"%s\" must not have an entry price: %s", symbol_text(symbol), dec_text(&price))));
}

PG_FUNCTION_INFO_V1(margin_portfolio_accum);

/*
 * portfolio_accum(internal, symbol text, quantity numeric [, entry_price numeric,
 * leverage numeric [, kind holding_kind]]): nets one holding.  Reads nothing
 * but its arguments.
 */
Datum
margin_portfolio_accum(PG_FUNCTION_ARGS)
{
	HoldingKind kind = holding_kind(fcinfo);
	bool		has_price = PG_NARGS() > 3 && !PG_ARGISNULL(3);
	bool		has_leverage = PG_NARGS() > 4 && !PG_ARGISNULL(4);
	bool		is_lot = kind == HOLDING_BY_PRICE ? has_price : kind != HOLDING_BALANCE;
	Netting    *netting;
	text	   *name;
	Symbol		symbol;
	Decimal		quantity;
	Decimal		price;
	Decimal		leverage;

	if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s of a holding must not be null", PG_ARGISNULL(1) ? "symbol" : "quantity")));
	if (!PG_ARGISNULL(0))
		netting = (Netting *) PG_GETARG_POINTER(0);
	else
		netting = netting_create(aggregate_context(fcinfo));

	name = PG_GETARG_TEXT_PP(1);
	symbol = symbol_checked(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), is_lot ? "a contract" : "an asset");
	if (unlikely(is_lot != has_price || kind == HOLDING_ORDER))
		refuse_kind(kind, fcinfo, &symbol);
	holding_number(&quantity, PG_GETARG_DATUM(2), "quantity", &symbol);
	if (is_lot)
		holding_price(&price, PG_GETARG_DATUM(3), "entry price", &symbol);
	if (unlikely(has_leverage && !is_lot))
		leverage_of_balance(PG_GETARG_DATUM(4), &symbol);
	if (has_leverage)
		holding_leverage(&leverage, PG_GETARG_DATUM(4), &symbol);

	if (dec_is_zero(&quantity))
		PG_RETURN_POINTER(netting);
	if (is_lot)
		netting_add_lot(netting, &symbol, &quantity, &price, has_leverage ? &leverage : NULL);
	else
		netting_add_balance(netting, &symbol, &quantity);
	PG_RETURN_POINTER(netting);
}

PG_FUNCTION_INFO_V1(margin_portfolio_combine);

Datum
margin_portfolio_combine(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	Netting    *a = PG_ARGISNULL(0) ? NULL : (Netting *) PG_GETARG_POINTER(0);
	Netting    *b = PG_ARGISNULL(1) ? NULL : (Netting *) PG_GETARG_POINTER(1);

	if (b != NULL)
	{
		if (a == NULL)
			a = netting_create(context);
		for (int i = 0; i < b->balances.count; i++)
		{
			Balance    *balance = symbol_table_record(&b->balances, i);

			netting_add_balance(a, &balance->symbol, &balance->quantity);
		}
		for (int i = 0; i < b->positions.count; i++)
			netting_add_position(a, symbol_table_record(&b->positions, i));
	}
	if (a == NULL)
		PG_RETURN_NULL();
	PG_RETURN_POINTER(a);
}

PG_FUNCTION_INFO_V1(margin_portfolio_serialize);

/* The state travels as the portfolio it stands for. */
Datum
margin_portfolio_serialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(netting_flatten((Netting *) PG_GETARG_POINTER(0)));
}

PG_FUNCTION_INFO_V1(margin_portfolio_deserialize);

Datum
margin_portfolio_deserialize(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(netting_load(PG_GETARG_VARLENA_PP(0)));
}

PG_FUNCTION_INFO_V1(margin_portfolio_final);

/* Hands out the state itself, read only. */
Datum
margin_portfolio_final(PG_FUNCTION_ARGS)
{
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_DATUM(netting_datum((Netting *) PG_GETARG_POINTER(0)));
}
