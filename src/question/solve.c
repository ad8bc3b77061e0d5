/*
 * solve.c
 *		Inverse questions: an account that is valued again and again, and what is asked of it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "question/solve.h"

/* ---------- an account that is valued again and again ---------- */

void
account_bind(Account *account, Datum portfolio, const Market *market, int wanted)
{
	MemoryContext old;

	account->portfolio = portfolio;
	account->market = market;
	account->wanted = wanted;
	MemoryContextReset(account->binding);
	old = MemoryContextSwitchTo(account->binding);
	account->bound = bind_portfolio(&account->v, portfolio, market, wanted);
	if (account->narrow)
		bound_begin_with(account->bound, &account->rest);
	MemoryContextSwitchTo(old);
}

static void
open_contexts(Account *account)
{
	account->binding = AllocSetContextCreate(CurrentMemoryContext, "margin binding", ALLOCSET_DEFAULT_SIZES);
	account->scratch = AllocSetContextCreate(CurrentMemoryContext, "margin valuation", ALLOCSET_DEFAULT_SIZES);
}

Account *
account_open(Datum portfolio, const Market *market, int wanted)
{
	Account    *account = palloc(sizeof(Account));

	if (netting_from_datum(portfolio) == NULL)
		portfolio = PointerGetDatum(PG_DETOAST_DATUM_PACKED(portfolio));
	account->narrow = false;
	open_contexts(account);
	account_bind(account, portfolio, market, wanted);
	return account;
}

/* A market of one's own that has been changed: where it has moved, all that points into it is found anew. */
void
account_market_changed(Account *account, const Market *market)
{
	if (market != account->market)
		account_bind(account, account->portfolio, market, account->wanted);
}

/* Amounts of the valuation last until the next one. */
void
account_value(Account *account)
{
	MemoryContext old;

	CHECK_FOR_INTERRUPTS();
	MemoryContextReset(account->scratch);
	old = MemoryContextSwitchTo(account->scratch);
	value_bound(account->bound, market_assets(account->market), market_contracts(account->market));
	MemoryContextSwitchTo(old);
}

/*
 * Some of its lines, with the assets in which they settle, as a portfolio of their own.
 * What other positions gain in these assets is in the balances, as if it had been paid.
 */
static Datum
part_of_account(const Account *account, bool *assets, const bool *positions)
{
	const Valuation *v = &account->v;
	Netting    *netting = netting_create(CurrentMemoryContext);

	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		Decimal		unpaid;

		if (!positions[i])
			continue;
		*netting_position(netting, &line->position.symbol) = line->position;
		dec_neg(&unpaid, &line->pnl);
		netting_add_balance(netting, &line->booked->symbol, &unpaid);
		assets[line->booked - v->assets] = true;
	}
	for (int i = 0; i < v->nassets; i++)
	{
		if (assets[i])
			netting_add_balance(netting, &v->assets[i].symbol, &v->assets[i].equity);
	}
	return EOHPGetRODatum(&netting->header);
}

/*
 * Goes on with these lines alone, where a question changes nothing else: of all others
 * their sums stay, as long as prices of their assets do.  The account has been
 * valued and lacks nothing; its lines have other places afterwards.
 */
void
account_narrow(Account *account, bool *assets, const bool *positions)
{
	Valuation	whole = account->v;
	Datum		part = part_of_account(account, assets, positions);

	Assert(whole.nmissing == 0);
	/* anew: the part points to what was read before, and the whole to its amounts */
	open_contexts(account);
	account_bind(account, part, account->market, account->wanted);
	account_value(account);
	valuation_rest(&account->rest, &whole, &account->v);
	account->narrow = true;
	bound_begin_with(account->bound, &account->rest);
	account_value(account);
	Assert(dec_cmp(&account->v.equity, &whole.equity) == 0);
	Assert(dec_cmp(&account->v.maintenance_margin, &whole.maintenance_margin) == 0);
}

/* From now on USD is counted in a unit that is so many times as small. */
void
account_scale_rest(Account *account, const Decimal *unit)
{
	valuation_scale_rest(&account->rest, unit);
}

AssetLine *
account_asset_line(const Account *account, int asset)
{
	for (int i = 0; i < account->v.nassets; i++)
	{
		if (account->v.assets[i].asset == asset)
			return &account->v.assets[i];
	}
	return NULL;
}

PositionLine *
account_position_line(const Account *account, int contract)
{
	for (int i = 0; i < account->v.npositions; i++)
	{
		if (account->v.positions[i].contract == contract)
			return &account->v.positions[i];
	}
	return NULL;
}

/* A number of the market the account is valued in. */
Decimal
account_number(const Account *account, const Decimal *stored)
{
	Decimal		buffer;

	return *dec_flat(stored, account->market, &buffer);
}

/* So few do not repay what it costs to find which schedules they share. */
#define FEW_LINES 100

/*
 * A market of our own with what the account needs; its assets and contracts have
 * other numbers there.  With a unit, USD is counted in one that is so many times as small.
 */
Market *
account_own_market(const Account *account, const Decimal *unit)
{
	const Valuation *v = &account->v;
	MarketTerms terms;
	Market	   *result;

	market_terms_begin(&terms, account->market);
	for (int i = 0; i < v->nassets; i++)
	{
		AssetTerms *asset;

		if (v->assets[i].asset < 0)
			continue;
		asset = market_terms_read_asset(&terms, account->market, v->assets[i].asset);
		if (unit != NULL && asset->tiers != NULL && asset->tier_unit == TIERS_IN_VALUE)
			asset->tiers = schedule_scale_bounds(asset->tiers, unit);
	}
	for (int i = 0; i < v->npositions; i++)
		market_terms_read_contract(&terms, account->market, v->positions[i].contract);
	result = market_flatten(&terms, v->nassets + v->npositions > FEW_LINES);
	for (uint32 i = 0; unit != NULL && i < result->nassets; i++)
	{
		AssetQuote	quote;

		if (!market_assets(result)[i].priced)
			continue;
		quote = quote_times(result, i, unit);
		result = market_set_quote(result, i, &quote);
	}
	return result;
}

/* ---------- verdicts ---------- */

/* Maintenance against the equity that is judged, at the threshold; where nothing is required, equity alone. */
bool
is_undercollateralized(const Account *account, Decimal *score)
{
	const Valuation *v = &account->v;
	Decimal		threshold = account_number(account, &account->market->thresholds[THRESHOLD_LIQUIDATION]);

	if (dec_sign(&v->maintenance_margin) > 0)
	{
		dec_mul(score, &threshold, &v->judged_equity);
		dec_sub(score, &v->maintenance_margin, score);
	}
	else
		dec_neg(score, &v->equity);
	return v->level >= LEVEL_LIQUIDATION;
}

bool
is_bankrupt(const Account *account, Decimal *score)
{
	dec_neg(score, &account->v.equity);
	return dec_sign(&account->v.equity) <= 0;
}

bool
does_not_pass(const Account *account, Decimal *score)
{
	Decimal		lacking;

	is_undercollateralized(account, score);
	dec_neg(&lacking, &account->v.available_margin);
	if (dec_cmp(score, &lacking) < 0)
		*score = lacking;
	return !valuation_passes(&account->v);
}

/* ---------- arguments ---------- */

static Symbol
symbol_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	text	   *name = PG_GETARG_TEXT_PP(arg);

	return symbol_checked(VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), what);
}

int
asset_argument(FunctionCallInfo fcinfo, int arg, const Market *market)
{
	Symbol		symbol = symbol_argument(fcinfo, arg, "an asset");

	return market_known_asset(market, &symbol);
}

int
contract_argument(FunctionCallInfo fcinfo, int arg, const Market *market)
{
	Symbol		symbol = symbol_argument(fcinfo, arg, "a contract");

	return market_known_contract(market, &symbol);
}

/* A tick or step: a number above 0. */
Decimal
step_argument(FunctionCallInfo fcinfo, int arg, const char *what)
{
	Decimal		step;

	if (!dec_from_input(&step, PG_GETARG_DATUM(arg)))
		dec_bad_input(PG_GETARG_DATUM(arg), what);
	if (dec_sign(&step) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must be greater than 0: %s", what, dec_text(&step))));
	return step;
}

/* a + n * step */
Datum
steps_datum(const Decimal *a, const Decimal *n, const Decimal *step)
{
	Decimal		amount;

	dec_mul(&amount, n, step);
	dec_add(&amount, a, &amount);
	dec_normalize(&amount);
	return dec_datum(&amount, 0);
}

Datum
zero_datum(void)
{
	const Decimal zero = DEC_ZERO;

	return dec_datum(&zero, 0);
}
