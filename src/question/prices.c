/*
 * prices.c
 *		The prices that value a portfolio, as JSON.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/jsonb.h"

#include "value/valuation.h"

static void
put_name(JsonbParseState **state, const char *name, int length)
{
	JsonbValue	key = {.type = jbvString, .val.string = {.len = length, .val = unconstify(char *, name)}};

	(void) pushJsonbValue(state, WJB_KEY, &key);
}

/* A price under its symbol, null where there is none. */
static void
put_price(JsonbParseState **state, const Symbol *symbol, const Decimal *price, const Market *market)
{
	JsonbValue	value = {.type = jbvNull};
	Decimal		buffer;

	if (price != NULL)
	{
		value.type = jbvNumeric;
		value.val.numeric = dec_to_numeric(dec_flat(price, market, &buffer));
	}
	put_name(state, symbol->bytes, symbol->length);
	(void) pushJsonbValue(state, WJB_VALUE, &value);
}

static void
begin_object(JsonbParseState **state, const char *key)
{
	put_name(state, key, strlen(key));
	(void) pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
}

static bool
is_doubtful(const MarketAsset *terms)
{
	return terms != NULL && terms->priced && terms->doubtful;
}

/* One bound of the prices that are in doubt, if there are any. */
static void
put_bounds(JsonbParseState **state, const char *key, const Valuation *v, Size bound, const Market *market)
{
	bool		any = false;

	for (int i = 0; i < v->nassets; i++)
		any |= is_doubtful(v->assets[i].terms);
	if (!any)
		return;
	begin_object(state, key);
	for (int i = 0; i < v->nassets; i++)
	{
		const MarketAsset *terms = v->assets[i].terms;

		if (is_doubtful(terms))
			put_price(state, &v->assets[i].symbol, (const Decimal *) ((const char *) terms + bound), market);
	}
	(void) pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

PG_FUNCTION_INFO_V1(margin_prices);

/* prices(portfolio, market) */
Datum
margin_prices(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	JsonbParseState *state = NULL;
	Valuation	v;

	value_portfolio(&v, PG_GETARG_DATUM(0), market, VALUE_LINES);
	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	begin_object(&state, "assets");
	for (int i = 0; i < v.nassets; i++)
	{
		const MarketAsset *terms = v.assets[i].terms;

		put_price(&state, &v.assets[i].symbol, terms != NULL && terms->priced ? &terms->price : NULL, market);
	}
	(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	begin_object(&state, "contracts");
	for (int i = 0; i < v.npositions; i++)
	{
		const MarketContract *terms = v.positions[i].terms;

		put_price(&state, &v.positions[i].position.symbol, terms != NULL && terms->marked ? &terms->mark : NULL, market);
	}
	(void) pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	put_bounds(&state, "low", &v, offsetof(MarketAsset, low), market);
	put_bounds(&state, "high", &v, offsetof(MarketAsset, high), market);
	PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}
