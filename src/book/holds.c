/*
 * holds.c
 *		Whether a portfolio holds one of some assets or contracts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

#include "value/portfolio.h"

/* Symbols in byte order, as those of a portfolio are. */
typedef struct SymbolList
{
	Symbol	   *symbols;
	int			count;
} SymbolList;

typedef struct Wanted
{
	SymbolList	assets;
	SymbolList	contracts;
} Wanted;

static int
compare_symbols(const void *a, const void *b)
{
	return symbol_cmp(a, b);
}

/* The elements of a text array that can be symbols; others are held by nobody. */
static SymbolList
symbols_of(Datum array)
{
	ArrayType  *copy = DatumGetArrayTypePCopy(array);
	Datum	   *elements;
	bool	   *nulls;
	int			count;
	SymbolList	list;

	deconstruct_array(copy, TEXTOID, -1, false, TYPALIGN_INT, &elements, &nulls, &count);
	list.symbols = palloc(Max(count, 1) * sizeof(Symbol));
	list.count = 0;
	for (int i = 0; i < count; i++)
	{
		const struct varlena *text = nulls[i] ? NULL : PG_DETOAST_DATUM_PACKED(elements[i]);

		if (text != NULL && VARSIZE_ANY_EXHDR(text) >= 1 && VARSIZE_ANY_EXHDR(text) <= SYMBOL_MAX_LENGTH)
			list.symbols[list.count++] = symbol_make(VARDATA_ANY(text), (int) VARSIZE_ANY_EXHDR(text));
	}
	qsort(list.symbols, list.count, sizeof(Symbol), compare_symbols);
	return list;
}

/* The arguments, once for a query where they are the same in all its rows. */
static const Wanted *
wanted_of(FunctionCallInfo fcinfo)
{
	FmgrInfo   *function = fcinfo->flinfo;
	bool		fixed = get_fn_expr_arg_stable(function, 1) && get_fn_expr_arg_stable(function, 2);
	MemoryContext caller;
	Wanted	   *wanted;

	if (function->fn_extra != NULL)
		return function->fn_extra;
	caller = MemoryContextSwitchTo(fixed ? function->fn_mcxt : CurrentMemoryContext);
	wanted = palloc(sizeof(Wanted));
	wanted->assets = symbols_of(PG_GETARG_DATUM(1));
	wanted->contracts = symbols_of(PG_GETARG_DATUM(2));
	MemoryContextSwitchTo(caller);
	if (fixed)
		function->fn_extra = wanted;
	return wanted;
}

/* Whether a symbol is in a list; asked in ascending order, from *next on. */
static bool
listed(const SymbolList *list, int *next, const Symbol *symbol)
{
	while (*next < list->count && symbol_cmp(&list->symbols[*next], symbol) < 0)
		(*next)++;
	return *next < list->count && symbol_equal(&list->symbols[*next], symbol);
}

PG_FUNCTION_INFO_V1(margin_holds);

/* holds(portfolio, assets text[], contracts text[]) */
Datum
margin_holds(PG_FUNCTION_ARGS)
{
	const Wanted *wanted = wanted_of(fcinfo);
	PortfolioReader reader;
	int			next = 0;

	portfolio_open(&reader, PG_DETOAST_DATUM_PACKED(PG_GETARG_DATUM(0)));
	while (reader.balances > 0)
	{
		Balance		balance;

		portfolio_read_balance(&reader, &balance);
		if (listed(&wanted->assets, &next, &balance.symbol))
			PG_RETURN_BOOL(true);
	}
	next = 0;
	while (reader.positions > 0)
	{
		Position	position;

		portfolio_read_position(&reader, &position);
		if (listed(&wanted->contracts, &next, &position.symbol))
			PG_RETURN_BOOL(true);
	}
	portfolio_end(&reader);
	PG_RETURN_BOOL(false);
}
