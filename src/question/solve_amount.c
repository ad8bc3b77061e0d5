/*
 * solve_amount.c
 *		How much may be withdrawn, has to be deposited, or may be ordered.
 */
#include "postgres.h"

#include "fmgr.h"

#include "value/netting.h"
#include "base/enums.h"
#include "question/solve.h"
#include "question/trade.h"

static const Decimal one = DEC_ONE;
static const Decimal zero = DEC_ZERO;

typedef struct AmountSearch
{
	Search		search;			/* first */
	Account    *account;
	Decimal		step;

	/* of a balance */
	AssetLine  *asset;
	Decimal		balance;		/* at step 0 */

	/* of a side, which opens at "price" */
	PositionLine *position;
	PortfolioSide side;
	PositionSide held;			/* at step 0 */
	Decimal		price;
	bool		has_leverage;
	Decimal		leverage;
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

static bool
ask_order(Search *search, const Decimal *n, Decimal *score)
{
	AmountSearch *self = (AmountSearch *) search;
	PositionSide side = self->held;
	Decimal		size;

	dec_mul(&size, n, &self->step);
	dec_add(&side.quantity, &side.quantity, &size);
	dec_add_product(&side.cost, &size, &self->price);
	if (self->has_leverage)
	{
		dec_div_ceil18(&size, &size, &self->leverage);
		dec_add(&side.margin, &side.margin, &size);
	}
	bound_set_side(self->account->bound, self->position, self->side, &side);
	account_value(self->account);
	return does_not_pass(self->account, score);
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

/* What may not be withdrawn where unrealized gains do not count: the net profit in each settlement asset. */
static void
remove_gains(Account *account)
{
	for (int i = 0; i < account->v.nassets; i++)
	{
		AssetLine  *line = &account->v.assets[i];
		Decimal		rest;

		if (!line->settles || dec_sign(&line->pnl) <= 0)
			continue;
		dec_sub(&rest, &line->balance, &line->pnl);
		bound_set_balance(line, &rest);
	}
}

PG_FUNCTION_INFO_V1(margin_max_withdrawal);

/*
 * max_withdrawal(portfolio, market, asset text, with_unrealized boolean, step numeric)
 *
 * Up to the asset's equity a withdrawal lowers equity or leaves it, and
 * touches no requirement: once the account fails it fails from there on.
 */
Datum
margin_max_withdrawal(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_withdrawal};
	Account    *account;
	Decimal		n;

	search.step = step_argument(fcinfo, 4, "step");
	open_asset(&search, PG_GETARG_DATUM(0), market, asset_argument(fcinfo, 2, market));
	account = search.account;
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (!PG_GETARG_BOOL(3))
	{
		remove_gains(account);
		search.balance = search.asset->balance;
		account_value(account);
	}
	if (!valuation_passes(&account->v) || dec_sign(&search.asset->equity) <= 0)
		return zero_datum();
	dec_div_floor(&search.search.last, &search.asset->equity, &search.step);
	if (search_first(&search.search, &n))
		dec_sub(&n, &n, &one);
	else
		n = search.search.last;
	return steps_datum(&zero, &n, &search.step);
}

/*
 * The first step from which on a deposit moves equity along one line: the
 * asset has no debt, and its last tier is reached.  Returns whether it rises there.
 */
static bool
last_slope(const AmountSearch *search, Decimal *n)
{
	const AssetLine *line = search->asset;
	const Account *account = search->account;
	const Schedule *tiers = market_schedule(account->market, line->terms->tiers);
	const Tier *tier = tiers == NULL ? NULL : &tiers->tiers[tiers->count - 1];
	Decimal		bound = DEC_ZERO;
	Decimal		per_step = search->step;
	Decimal		tiered;
	Decimal		buffer;
	bool		by_value = line->terms->tier_unit == TIERS_IN_VALUE;

	if (tier != NULL)
		bound = *dec_flat(&tier->bound, tiers, &buffer);
	if (by_value)
	{
		Decimal		price = account_number(account, &line->terms->low);

		dec_mul(&per_step, &per_step, &price);
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

PG_FUNCTION_INFO_V1(margin_min_deposit);

/*
 * min_deposit(portfolio, market, asset text, step numeric)
 *
 * A deposit never lowers equity and never raises a requirement: once the
 * account passes it passes from there on.  In the asset's last tier equity
 * rises for ever or not at all.
 */
Datum
margin_min_deposit(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	AmountSearch search = {.search.ask = ask_deposit};
	Account    *account;
	Decimal		n;
	bool		rises;

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
	rises = last_slope(&search, &search.search.last);
	search.search.open = search.search.certain = rises;
	search.search.monotone = true;
	search.search.cuts = &search.search.last;
	search.search.ncuts = rises ? 1 : 0;
	if (!search_first(&search.search, &n))
		PG_RETURN_NULL();
	return steps_datum(&zero, &n, &search.step);
}

/* Does a schedule take anything of a large enough amount?  Rates never fall. */
static bool
takes_anything(const Market *market, uint32 offset)
{
	const Schedule *schedule = market_schedule(market, offset);

	return schedule != NULL && !dec_is_zero(&schedule->tiers[schedule->count - 1].rate);
}

static const char *const side_labels[] = {"long", "short", NULL};

PG_FUNCTION_INFO_V1(margin_max_order);

/*
 * max_order(portfolio, market, contract text, side side, price, leverage, step numeric)
 *
 * Beyond what closes the opposite side, size raises notional and margin
 * quantity, hence requirements, and lowers equity by its loss at mark, if it
 * has one: once the account fails it fails from there on.  It fails in the end
 * unless size costs nothing at all.
 */
Datum
margin_max_order(PG_FUNCTION_ARGS)
{
	AmountSearch search = {.search.ask = ask_order, .search.open = true, .search.certain = true};
	const Market *market;
	const MarketContract *contract;
	PortfolioSide side;
	Netting    *netting;
	Position   *position;
	Symbol		symbol;
	Decimal		score;
	Decimal		price;
	Decimal		mark;
	Decimal		closed;
	Decimal		rest;
	Decimal		n = DEC_ZERO;
	bool		bounded;
	int			number;

	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (i != 5 && PG_ARGISNULL(i))
			PG_RETURN_NULL();
	}
	market = market_of_call(fcinfo, 1);
	number = contract_argument(fcinfo, 2, market);
	contract = &market_contracts(market)[number];
	symbol = market_symbol(market, &contract->name);
	side = option_from_enum(PG_GETARG_OID(3), side_labels);
	holding_price(&price, PG_GETARG_DATUM(4), "price", &symbol);
	search.has_leverage = !PG_ARGISNULL(5);
	if (search.has_leverage)
		holding_leverage(&search.leverage, PG_GETARG_DATUM(5), &symbol);
	search.step = step_argument(fcinfo, 6, "step");

	netting = netting_load(PG_GETARG_VARLENA_PP(0));
	position = netting_position(netting, &symbol);
	closed = position->sides[1 - side].quantity;
	if (!dec_is_zero(&closed))
		close_side(netting, market, contract, &position->sides[1 - side], 1 - side, &closed, &price, &rest);
	search.account = account_open(EOHPGetRODatum(&netting->header), market, VALUE_MARGINS | VALUE_LINES);
	search.position = account_position_line(search.account, number);
	search.side = side;
	search.held = search.position->position.sides[side];

	account_value(search.account);
	if (search.account->v.level == LEVEL_UNPRICED)
		PG_RETURN_NULL();
	if (does_not_pass(search.account, &score))
		return steps_datum(&closed, &n, &search.step);
	mark = account_number(search.account, &contract->mark);
	bounded = side == SIDE_LONG ? dec_cmp(&price, &mark) > 0 : dec_cmp(&price, &mark) < 0;
	search.price = bounded ? price : mark;
	bounded = bounded || search.has_leverage || takes_anything(market, contract->requirement) ||
		takes_anything(market, contract->initial);
	if (!bounded)
		PG_RETURN_NULL();
	search_first(&search.search, &n);
	dec_sub(&n, &n, &one);
	return steps_datum(&closed, &n, &search.step);
}
