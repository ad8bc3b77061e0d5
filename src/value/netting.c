/*
 * netting.c
 *		Portfolios under construction, and the aggregate portfolio().
 */
#include "postgres.h"

#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

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
	netting->identity = 0;
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

/* A number that no other netting has in this session, nor this one after a change; 0 for a portfolio that is flat. */
uint64
netting_identity(Datum portfolio)
{
	static uint64 given = 0;
	Netting    *netting = (Netting *) netting_from_datum(portfolio);

	if (netting == NULL)
		return 0;
	if (netting->identity == 0)
		netting->identity = ++given;
	return netting->identity;
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
	netting->identity = 0;
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

static Orders *
orders_of(const Netting *netting, Position *position)
{
	if (position->orders == NULL)
		position->orders = orders_create(netting->header.eoh_context);
	return position->orders;
}

static void
add_orders(Netting *netting, Position *position, const Orders *added)
{
	Orders	   *orders = orders_of(netting, position);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		for (int k = 0; k < added->sides[i].count; k++)
			orders_add(&orders->sides[i], &added->sides[i].levels[k], netting->header.eoh_context);
	}
}

static void
netting_add_position(Netting *netting, const Position *position)
{
	Position   *sum = netting_position(netting, &position->symbol);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		add_to_sum(netting, &sum->sides[i].quantity, &position->sides[i].quantity);
		add_to_sum(netting, &sum->sides[i].cost, &position->sides[i].cost);
		add_to_sum(netting, &sum->sides[i].margin, &position->sides[i].margin);
	}
	if (position->orders != NULL)
		add_orders(netting, sum, position->orders);
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

/* An open order: what is left to fill, at its limit price. */
void
netting_add_order(Netting *netting, const Symbol *contract, const Decimal *quantity, const Decimal *price,
				  const Decimal *leverage)
{
	Orders	   *orders = orders_of(netting, netting_position(netting, contract));
	OrderLevel	level = {.price = *price};

	dec_abs(&level.quantity, quantity);
	if (leverage != NULL)
		dec_div_ceil18(&level.margin, &level.quantity, leverage);
	orders_add(&orders->sides[dec_sign(quantity) < 0 ? SIDE_SHORT : SIDE_LONG], &level, netting->header.eoh_context);
}

/* The position of that number, its orders by price: which says the same as before. */
const Position *
netting_settled(const Netting *netting, int number)
{
	const Position *position = symbol_table_record(&netting->positions, number);

	if (unlikely(position->orders != NULL))
		orders_settle(position->orders, netting->header.eoh_context);
	return position;
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

	for (int i = 0; i < netting->positions.count; i++)
		netting_settled(netting, i);
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

/* ---------- SQL: holdings ---------- */

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

/* Arguments symbol, quantity [, entry price, leverage [, kind]] from "first" on, and what they say. */
typedef struct Holding
{
	FunctionCallInfo fcinfo;
	int			first;
	HoldingKind kind;
	bool		is_lot;
	bool		has_price;
	bool		has_leverage;
	Symbol		symbol;
	Decimal		quantity;
	Decimal		price;			/* of a lot */
	Decimal		leverage;		/* of a lot that has one */
} Holding;

typedef enum HoldingField
{
	FIELD_SYMBOL,
	FIELD_QUANTITY,
	FIELD_PRICE,
	FIELD_LEVERAGE,
	FIELD_KIND
} HoldingField;

static inline bool
field_is_given(const Holding *h, HoldingField field)
{
	return h->first + (int) field < h->fcinfo->nargs && !h->fcinfo->args[h->first + field].isnull;
}

static inline Datum
field_value(const Holding *h, HoldingField field)
{
	return h->fcinfo->args[h->first + field].value;
}

/*
 * The kind of a holding, where the form with a kind is called.  The OIDs
 * of labels that have been met are kept for the query, so that a row costs a
 * comparison or two.
 */
static inline HoldingKind
holding_kind(const Holding *h)
{
	FmgrInfo   *function = h->fcinfo->flinfo;
	Oid		   *met = function->fn_extra;
	Oid			label;
	int			kind;

	if (!field_is_given(h, FIELD_KIND))
		return HOLDING_BY_PRICE;
	label = DatumGetObjectId(field_value(h, FIELD_KIND));
	if (unlikely(met == NULL))
		met = function->fn_extra = MemoryContextAllocZero(function->fn_mcxt, HOLDING_KINDS * sizeof(Oid));
	for (kind = 0; kind < HOLDING_KINDS; kind++)
	{
		if (met[kind] == label)
			return kind;
	}
	kind = option_from_enum(label, kind_names);
	met[kind] = label;
	return kind;
}

/* Reads a holding, whatever is in it; false if portfolio() has to refuse it. */
static inline bool
read_holding(Holding *h, FunctionCallInfo fcinfo, int first)
{
	text	   *name;

	h->fcinfo = fcinfo;
	h->first = first;
	h->kind = holding_kind(h);
	h->has_price = field_is_given(h, FIELD_PRICE);
	h->has_leverage = field_is_given(h, FIELD_LEVERAGE);
	h->is_lot = h->kind == HOLDING_BY_PRICE ? h->has_price : h->kind != HOLDING_BALANCE;
	if (unlikely(!field_is_given(h, FIELD_SYMBOL) || !field_is_given(h, FIELD_QUANTITY)))
		return false;
	name = DatumGetTextPP(field_value(h, FIELD_SYMBOL));
	if (unlikely(VARSIZE_ANY_EXHDR(name) < 1 || VARSIZE_ANY_EXHDR(name) > SYMBOL_MAX_LENGTH))
		return false;
	h->symbol = symbol_make(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	if (unlikely(h->is_lot != h->has_price))
		return false;
	if (unlikely(!dec_from_input(&h->quantity, field_value(h, FIELD_QUANTITY))))
		return false;
	if (!h->is_lot)
		return !h->has_leverage;
	if (unlikely(!dec_from_input(&h->price, field_value(h, FIELD_PRICE)) || dec_sign(&h->price) < (h->kind == HOLDING_ORDER)))
		return false;
	return !h->has_leverage ||
		likely(dec_from_input(&h->leverage, field_value(h, FIELD_LEVERAGE)) && dec_sign(&h->leverage) > 0);
}

static char *
field_text(const Holding *h, HoldingField field)
{
	char	   *digits = DatumGetCString(DirectFunctionCall1(numeric_out, field_value(h, field)));

	return strlen(digits) <= 60 ? digits : psprintf("%.60s...", digits);
}

/* Why a number cannot be, with the symbol; NULL if it can. */
static char *
number_flaw(const Holding *h, HoldingField field, const char *what)
{
	Decimal		value;
	char	   *digits;

	if (dec_from_input(&value, field_value(h, field)))
		return NULL;
	digits = field_text(h, field);
	return strchr("-0123456789", digits[0]) != NULL && strchr(digits, 'I') == NULL ?
		psprintf("%s of \"%s\" has too many digits", what, symbol_text(&h->symbol)) :
		psprintf("%s of \"%s\" is %s", what, symbol_text(&h->symbol), digits);
}

/* In words, why a holding that was read in vain cannot be; the checks are those of read_holding(). */
static pg_noinline char *
holding_flaw(Holding *h)
{
	char	   *flaw;
	text	   *name;
	const char *label;

	if (!field_is_given(h, FIELD_SYMBOL))
		return !field_is_given(h, FIELD_QUANTITY) ? pstrdup("symbol and quantity are null") :
			psprintf("symbol of a quantity of %s is null", field_text(h, FIELD_QUANTITY));
	name = DatumGetTextPP(field_value(h, FIELD_SYMBOL));
	if (VARSIZE_ANY_EXHDR(name) < 1)
		return pstrdup("symbol is empty");
	if (VARSIZE_ANY_EXHDR(name) > SYMBOL_MAX_LENGTH)
		return psprintf("symbol is too long: \"%.*s...\"", pg_mbcliplen(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), 40), VARDATA_ANY(name));
	h->symbol = symbol_make(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name));
	label = symbol_text(&h->symbol);
	if (!field_is_given(h, FIELD_QUANTITY))
		return psprintf("quantity of \"%s\" is null", label);
	if (h->is_lot && !h->has_price)
		return h->kind == HOLDING_ORDER ? psprintf("order in \"%s\" has no price", label) :
			psprintf("position in \"%s\" has no entry price", label);
	if (!h->is_lot && h->has_price)
		return psprintf("balance of \"%s\" has an entry price", label);
	if ((flaw = number_flaw(h, FIELD_QUANTITY, "quantity")) != NULL)
		return flaw;
	if (!h->is_lot)
		return psprintf("balance of \"%s\" has a leverage", label);
	if ((flaw = number_flaw(h, FIELD_PRICE, h->kind == HOLDING_ORDER ? "price of order" : "entry price")) != NULL)
		return flaw;
	if (h->kind == HOLDING_ORDER && dec_sign(&h->price) <= 0)
		return psprintf("price of order in \"%s\" is not above 0: %s", label, field_text(h, FIELD_PRICE));
	if (dec_sign(&h->price) < 0)
		return psprintf("entry price of \"%s\" is negative: %s", label, field_text(h, FIELD_PRICE));
	if ((flaw = number_flaw(h, FIELD_LEVERAGE, "leverage")) != NULL)
		return flaw;
	return psprintf("leverage of \"%s\" is not above 0: %s", label, field_text(h, FIELD_LEVERAGE));
}

PG_FUNCTION_INFO_V1(margin_holding_flaw);

/* holding_flaw(symbol text, quantity numeric, entry_price numeric, leverage numeric, kind holding_kind) */
Datum
margin_holding_flaw(PG_FUNCTION_ARGS)
{
	Holding		holding;

	if (likely(read_holding(&holding, fcinfo, 0)))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(holding_flaw(&holding)));
}

PG_FUNCTION_INFO_V1(margin_flawed_symbol);

/* flawed_symbol(symbol, ...): the flaw as the symbol of an asset, the symbol itself where there is none */
Datum
margin_flawed_symbol(PG_FUNCTION_ARGS)
{
	Holding		holding;
	char	   *reason;

	if (likely(read_holding(&holding, fcinfo, 0)))
		PG_RETURN_DATUM(PG_GETARG_DATUM(0));
	reason = psprintf(FLAW_PREFIX "%s", holding_flaw(&holding));
	PG_RETURN_TEXT_P(cstring_to_text_with_len(reason, pg_mbcliplen(reason, strlen(reason), SYMBOL_MAX_LENGTH)));
}

/* ---------- SQL: the aggregate ---------- */

static pg_noreturn void
leverage_of_balance(const Holding *h)
{
	Decimal		leverage;

	holding_number(&leverage, field_value(h, FIELD_LEVERAGE), "leverage", &h->symbol);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("balance of \"%s\" must not have a leverage: %s", symbol_text(&h->symbol), dec_text(&leverage)),
			 errhint("A holding without entry price is a balance, one with an entry price a lot.")));
}

/* Refuses a holding whose price, or lack of one, does not fit its kind. */
static pg_noreturn void
refuse_kind(const Holding *h)
{
	Decimal		price;

	if (h->kind == HOLDING_ORDER)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("order in contract \"%s\" has no price", symbol_text(&h->symbol))));
	if (h->kind == HOLDING_POSITION)
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("position in contract \"%s\" has no entry price", symbol_text(&h->symbol))));
	holding_number(&price, field_value(h, FIELD_PRICE), "entry price", &h->symbol);
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("balance of \"%s\" must not have an entry price: %s", symbol_text(&h->symbol), dec_text(&price))));
}

static void
refuse_order_price(const Holding *h)
{
	Decimal		price;

	holding_number(&price, field_value(h, FIELD_PRICE), "price of order", &h->symbol);
	if (dec_sign(&price) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("price of order in contract \"%s\" must be greater than 0: %s", symbol_text(&h->symbol), dec_text(&price))));
}

/* Books call the form with a kind. */
static bool
is_of_book(const Holding *h)
{
	return h->fcinfo->nargs > h->first + (int) FIELD_KIND;
}

static pg_noreturn void
refuse_null(const Holding *h)
{
	bool		has_symbol = field_is_given(h, FIELD_SYMBOL);
	bool		of_book = is_of_book(h);

	ereport(ERROR,
			(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
			 errmsg("%s of a holding must not be null", has_symbol ? "quantity" : "symbol"),
			 of_book && has_symbol ? errdetail("The symbol is \"%s\".", text_to_cstring(DatumGetTextPP(field_value(h, FIELD_SYMBOL)))) :
			 of_book && field_is_given(h, FIELD_QUANTITY) ? errdetail("The quantity is %s.", field_text(h, FIELD_QUANTITY)) : 0));
}

/* The aggregate knows neither the account nor the book. */
static void
name_the_view(void *holding)
{
	if (is_of_book(holding))
		errhint("The view flawed_holding of the book names the account.");
}

/* Refuses a holding that was read in vain, in the order of read_holding(). */
static pg_noinline pg_noreturn void
refuse_holding(Holding *h)
{
	ErrorContextCallback hint = {.previous = error_context_stack, .callback = name_the_view, .arg = h};
	text	   *name;

	error_context_stack = &hint;
	if (!field_is_given(h, FIELD_SYMBOL) || !field_is_given(h, FIELD_QUANTITY))
		refuse_null(h);
	name = DatumGetTextPP(field_value(h, FIELD_SYMBOL));
	h->symbol = symbol_checked(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), h->is_lot ? "a contract" : "an asset");
	if (h->is_lot != h->has_price)
		refuse_kind(h);
	holding_number(&h->quantity, field_value(h, FIELD_QUANTITY), "quantity", &h->symbol);
	if (!h->is_lot)
		leverage_of_balance(h);
	if (h->kind == HOLDING_ORDER)
		refuse_order_price(h);
	holding_price(&h->price, field_value(h, FIELD_PRICE), "entry price", &h->symbol);
	holding_leverage(&h->leverage, field_value(h, FIELD_LEVERAGE), &h->symbol);
	elog(ERROR, "%s", holding_flaw(h));
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
	Holding		holding;
	Netting    *netting;

	if (unlikely(!read_holding(&holding, fcinfo, 1)))
		refuse_holding(&holding);
	if (!PG_ARGISNULL(0))
		netting = (Netting *) PG_GETARG_POINTER(0);
	else
		netting = netting_create(aggregate_context(fcinfo));

	if (dec_is_zero(&holding.quantity))
		PG_RETURN_POINTER(netting);
	if (unlikely(holding.kind == HOLDING_ORDER))
		netting_add_order(netting, &holding.symbol, &holding.quantity, &holding.price, holding.has_leverage ? &holding.leverage : NULL);
	else if (holding.is_lot)
		netting_add_lot(netting, &holding.symbol, &holding.quantity, &holding.price, holding.has_leverage ? &holding.leverage : NULL);
	else
		netting_add_balance(netting, &holding.symbol, &holding.quantity);
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
			netting_add_position(a, netting_settled(b, i));
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
