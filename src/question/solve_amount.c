/*
 * solve_amount.c
 *		How much of an asset may be withdrawn or borrowed, or has to be deposited.
 */
#include "postgres.h"

#include "fmgr.h"

#include "value/netting.h"
#include "question/solve.h"

static const Decimal one = DEC_ONE;
static const Decimal zero = DEC_ZERO;

typedef struct AmountSearch
{
	Search		search;			/* first */
	Account    *account;
	Decimal		step;
	AssetLine  *asset;
	Decimal		balance;		/* of it at step 0 */
	Decimal		cuts[2];
} AmountSearch;

static bool
ask_withdrawal(Search *search, const Decimal *n, Decimal *score)
{
	AmountSearch *self = (AmountSearch *) search;
	Decimal		amount;

	dec_mul(&amount, n, &self->step);
	dec_sub(&amount, &self->balance, &amount);
	bound_set_balance(self->asset, &amount);
	account_value(self->account);
	return does_not_pass(self->account, score);
}

static bool
ask_deposit(Search *search, const Decimal *n, Decimal *score)
{
	AmountSearch *self = (AmountSearch *) search;
	Decimal		amount;
	bool		hit;

	dec_mul(&amount, n, &self->step);
	dec_add(&amount, &self->balance, &amount);
	bound_set_balance(self->asset, &amount);
	account_value(self->account);
	hit = !does_not_pass(self->account, score);
	dec_neg(score, score);
	return hit;
}

/* Opens an account that has a line for the asset, with a balance of 0 where it holds none. */
static void
open_asset(AmountSearch *search, Datum portfolio, const Market *market, int asset)
{
	search->account = account_open(portfolio, market, VALUE_MARGINS | VALUE_LINES);
	search->asset = account_asset_line(search->account, asset);
	if (search->asset == NULL)
	{
		Netting    *netting = netting_load(PG_DETOAST_DATUM_PACKED(portfolio));
		Symbol		symbol = market_symbol(market, &market_assets(market)[asset].name);

		netting_add_balance(netting, &symbol, &one);
		account_bind(search->account, EOHPGetRODatum(&netting->header), market, VALUE_MARGINS | VALUE_LINES);
		search->asset = account_asset_line(search->account, asset);
		bound_set_balance(search->asset, &zero);
	}
	search->balance = search->asset->balance;
}

/* The last step before the first one that fails; "n" is that one, if any. */
static Datum
step_before(const AmountSearch *search, bool fails, Decimal *n)
{
	if (fails)
		dec_sub(n, n, &one);
	else
		*n = search->search.last;
	return steps_datum(&zero, n, &search->step);
}

/*
 * The most that may leave an account that passes, at most what it has of the
 * asset.  Up to that a withdrawal lowers both equities or leaves them, and
 * touches no requirement and no order: once the account fails it fails from
 * there on.
 */
static Datum
most_of_equity(AmountSearch *search)
{
	Decimal		n;

	if (dec_sign(&search->asset->equity) <= 0)
		return zero_datum();
	dec_div_floor(&search->search.last, &search->asset->equity, &search->step);
	return step_before(search, search_first(&search->search, &n), &n);
}

/*
 * The same where the asset may be owed.  A debt takes weight times price >= price
 * of both equities and requires the more maintenance the larger it is, so that
 * the account goes on failing, and fails in the end.
 */
static Datum
most_with_debt(AmountSearch *search)
{
	Decimal		n;

	if (dec_sign(&search->asset->equity) > 0)
	{
		dec_div_floor(&search->cuts[0], &search->asset->equity, &search->step);
		search->search.cuts = search->cuts;
		search->search.ncuts = 1;
	}
	search->search.open = search->search.certain = search->search.monotone = true;
	return step_before(search, search_first(&search->search, &n), &n);
}

PG_FUNCTION_INFO_V1(margin_max_withdrawal);

/* max_withdrawal(portfolio, market, asset text, with_unrealized boolean, step numeric, debt boolean) */
Datum
margin_max_withdrawal(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_withdrawal};
	Account    *account;

	search.step = step_argument(fcinfo, 4, "step");
	open_asset(&search, PG_GETARG_DATUM(0), market, asset_argument(fcinfo, 2, market));
	account = search.account;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (!PG_GETARG_BOOL(3))
	{
		bound_remove_gains(&account->v);
		search.balance = search.asset->balance;
		account_value(account);
	}
	if (!valuation_passes(&account->v))
		return zero_datum();
	/* what has no price cannot be owed */
	return PG_GETARG_BOOL(5) && search.asset->terms->priced ? most_with_debt(&search) : most_of_equity(&search);
}

PG_FUNCTION_INFO_V1(margin_max_borrow);

/* max_borrow(portfolio, market, asset text, step numeric): what may leave once all of the asset has left */
Datum
margin_max_borrow(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_withdrawal};
	Account    *account;

	search.step = step_argument(fcinfo, 3, "step");
	open_asset(&search, PG_GETARG_DATUM(0), market, asset_argument(fcinfo, 2, market));
	account = search.account;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED || !search.asset->terms->priced)
		PG_RETURN_NULL();
	if (dec_sign(&search.asset->equity) > 0)
	{
		dec_sub(&search.balance, &search.balance, &search.asset->equity);
		bound_set_balance(search.asset, &search.balance);
		account_value(account);
	}
	return valuation_passes(&account->v) ? most_with_debt(&search) : zero_datum();
}

/*
 * The first step from which on a deposit moves equity, by the tiers of one of
 * the two measures, along one line: the asset has no debt, and their last tier
 * is reached.  Returns whether it rises there.
 */
static bool
last_slope(const AmountSearch *search, uint32 schedule, Decimal *n)
{
	const AssetLine *line = search->asset;
	const Account *account = search->account;
	const Schedule *tiers = market_schedule(account->market, schedule);
	const Tier *tier = tiers == NULL ? NULL : &tiers->tiers[tiers->count - 1];
	Decimal		bound = DEC_ZERO;
	Decimal		per_step = search->step;
	Decimal		tiered;
	Decimal		buffer;

	if (tier != NULL)
		bound = *dec_flat(&tier->bound, tiers, &buffer);
	if (line->terms->tier_unit == TIERS_IN_VALUE)
	{
		Decimal		low = account_number(account, &line->terms->low);

		dec_mul(&per_step, &per_step, &low);
	}
	/* rounded up: minus the floor of minus */
	tiered_amount(&tiered, line, account->market);
	dec_sub(n, &tiered, &bound);
	dec_div_floor(n, n, &per_step);
	dec_neg(n, n);
	if (dec_sign(n) < 0)
		*n = DEC_ZERO;
	return tier != NULL && !dec_is_zero(&tier->rate);
}

/*
 * Prepares the search for a deposit that suffices; false where none does.
 *
 * In the last tier of a measure its equity rises for ever or not at all.  Where
 * one of them does not, what it decides is decided at the step from which on it
 * stays: the level by equity, the available margin by initial equity.
 */
static bool
prepare_deposit(AmountSearch *search)
{
	const MarketAsset *terms = search->asset->terms;
	const Valuation *v = &search->account->v;
	Decimal		reached[2];
	bool		rises = last_slope(search, terms->tiers, &reached[0]);
	bool		rises_initially = last_slope(search, terms->initial_tiers != 0 ? terms->initial_tiers : terms->tiers, &reached[1]);
	int			first = dec_cmp(&reached[0], &reached[1]) <= 0 ? 0 : 1;
	Decimal		score;

	search->search.open = search->search.certain = true;
	search->search.cuts = search->cuts;
	if (rises && rises_initially)
	{
		search->cuts[0] = reached[first];
		search->cuts[1] = reached[1 - first];
		search->search.ncuts = dec_cmp(&reached[0], &reached[1]) == 0 ? 1 : 2;
		return true;
	}
	search->search.last = rises ? reached[1] : rises_initially ? reached[0] : reached[1 - first];
	if (ask_deposit(&search->search, &search->search.last, &score))
	{
		search->search.open = false;
		return true;
	}
	search->cuts[0] = search->search.last;
	search->search.ncuts = 1;
	return (rises || v->level < LEVEL_LIQUIDATION) && (rises_initially || dec_sign(&v->available_margin) >= 0);
}

PG_FUNCTION_INFO_V1(margin_min_deposit);

/*
 * min_deposit(portfolio, market, asset text, step numeric)
 *
 * A deposit never lowers either equity, never raises a requirement and touches
 * no order: once the account passes it passes from there on.
 */
Datum
margin_min_deposit(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_deposit, .search.monotone = true};
	Account    *account;
	Decimal		n;

	search.step = step_argument(fcinfo, 3, "step");
	open_asset(&search, PG_GETARG_DATUM(0), market, asset_argument(fcinfo, 2, market));
	account = search.account;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (valuation_passes(&account->v))
		return zero_datum();
	/* without price nothing of it counts, and if it has tiers nothing can be known */
	if (!search.asset->terms->priced)
		PG_RETURN_NULL();
	if (!prepare_deposit(&search) || !search_first(&search.search, &n))
		PG_RETURN_NULL();
	return steps_datum(&zero, &n, &search.step);
}
