/*
 * solve_order.c
 *		How many contracts may be ordered: executed at once, or resting as an open order.
 *
 * Both answers are the last step before the first at which the account does
 * not pass, so that every smaller order leaves one that passes, too.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "value/netting.h"
#include "base/enums.h"
#include "question/solve_bends.h"
#include "question/trade.h"

static const Decimal one = DEC_ONE;
static const Decimal zero = DEC_ZERO;

typedef struct OrderSearch
{
	Search		search;			/* first */
	Account    *account;
	int			number;			/* of the contract in the market */
	const MarketContract *contract;
	PositionLine *position;
	PortfolioSide side;			/* that it opens */
	Decimal		price;
	Decimal		worse;			/* of price and mark */
	bool		has_leverage;
	Decimal		leverage;
	Decimal		step;
	Decimal		base;			/* contracts at step 0 */

	/* an execution: what there is before it */
	AssetLine  *settle;
	Decimal		balance;
	PositionSide sides[2];

	/* an order: its level, and what stands there without it */
	OrderLevel *level;
	OrderLevel	standing;
} OrderSearch;

static Decimal
size_at(const OrderSearch *self, const Decimal *n)
{
	Decimal		size;

	dec_mul(&size, n, &self->step);
	dec_add(&size, &self->base, &size);
	return size;
}

/* Adds the margin quantity of so many contracts. */
static void
add_margin(const OrderSearch *self, Decimal *margin, const Decimal *size)
{
	Decimal		quantity;

	if (!self->has_leverage)
		return;
	dec_div_ceil18(&quantity, size, &self->leverage);
	dec_add(margin, margin, &quantity);
}

/* ---------- arguments ---------- */

static bool
is_given(FunctionCallInfo fcinfo)
{
	for (int i = 0; i < PG_NARGS(); i++)
	{
		if (i != 5 && PG_ARGISNULL(i))
			return false;
	}
	return true;
}

/* (portfolio, market, contract text, side, price, leverage, step numeric), the side by its labels; null only the leverage */
static Symbol
read_order(OrderSearch *self, FunctionCallInfo fcinfo, const Market *market, const char *const *labels)
{
	Symbol		symbol;

	self->number = contract_argument(fcinfo, 2, market);
	self->contract = &market_contracts(market)[self->number];
	symbol = market_symbol(market, &self->contract->name);
	self->side = option_from_enum(PG_GETARG_OID(3), labels);
	holding_price(&self->price, PG_GETARG_DATUM(4), "price", &symbol);
	self->has_leverage = !PG_ARGISNULL(5);
	if (self->has_leverage)
		holding_leverage(&self->leverage, PG_GETARG_DATUM(5), &symbol);
	self->step = step_argument(fcinfo, 6, "step");
	return symbol;
}

/* Values the account as the netting has it; false if it or the contract is unpriced. */
static bool
open_order(OrderSearch *self, const Netting *netting, const Market *market)
{
	Account    *account = account_open(EOHPGetRODatum(&netting->header), market, VALUE_MARGINS | VALUE_LINES);

	self->account = account;
	self->position = account_position_line(account, self->number);
	account_value(account);
	return account->v.level != LEVEL_UNPRICED;
}

/* Is the price worse than the mark? */
static bool
is_worse(const OrderSearch *self)
{
	Decimal		mark = account_number(self->account, &self->contract->mark);
	int			order = dec_cmp(&self->price, &mark);

	return self->side == SIDE_LONG ? order > 0 : order < 0;
}

/* Does a schedule take anything of a large enough amount?  Rates never fall. */
static bool
takes_anything(const Market *market, uint32 offset)
{
	const Schedule *schedule = market_schedule(market, offset);

	return schedule != NULL && !dec_is_zero(&schedule->tiers[schedule->count - 1].rate);
}

/* Whether contracts without end cost anything: what they lose, or what they require. */
static bool
is_bounded(const OrderSearch *self)
{
	const Market *market = self->account->market;
	const MarketContract *contract = self->contract;

	return self->has_leverage || is_worse(self) || !dec_is_zero(&contract->opening_fee) ||
		takes_anything(market, contract->requirement) || takes_anything(market, contract->initial);
}

/* ---------- an execution ---------- */

/*
 * What a trade of so many contracts leaves: it closes the opposite side, at
 * the order's price, then opens at the worse of price and mark.
 */
static void
hold_traded(OrderSearch *self, const Decimal *size)
{
	const Account *account = self->account;
	PositionSide opposite = self->sides[1 - self->side];
	PositionSide own = self->sides[self->side];
	Decimal		balance = self->balance;
	Decimal		open = *size;

	if (!dec_is_zero(&opposite.quantity) && !dec_is_zero(&open))
	{
		Decimal		unit = account_number(account, &self->contract->size);
		Decimal		profit;

		position_close(&profit, &opposite, 1 - self->side, &open, &unit, &self->price, &open);
		dec_add(&balance, &balance, &profit);
	}
	if (!dec_is_zero(&open))
	{
		dec_add(&own.quantity, &own.quantity, &open);
		dec_add_product(&own.cost, &open, &self->worse);
		add_margin(self, &own.margin, &open);
	}
	bound_set_balance(self->settle, &balance);
	bound_set_side(account->bound, self->position, self->side, &own);
	bound_set_side(account->bound, self->position, 1 - self->side, &opposite);
}

static bool
ask_execution(Search *search, const Decimal *n, Decimal *score)
{
	OrderSearch *self = (OrderSearch *) search;
	Decimal		size = size_at(self, n);

	hold_traded(self, &size);
	account_value(self->account);
	return does_not_pass(self->account, score);
}

/* ---------- where an execution bends ---------- */

/*
 * Where the account could pass again behind a step at which it does not, the
 * search is for the first step that fails, among pieces on which that cannot be.
 *
 * The conditions that make it fail are that what is required exceeds what there is: initial
 * margin and initial equity, maintenance margin and its multiple of equity, 0
 * and equity.  In the equity of the settlement asset, which a trade moves along
 * a line, both equities are concave: ratios never rise, and a debt takes at least its
 * price.  Requirements are convex in legs that move along lines, as is the
 * larger of two, but for what jumps, or bends the other way: tiers of whole
 * schedules; orders that a net position closes, each when its turn comes; and the requirement
 * without orders, where the difference of the two is taken from equity.
 * Between the steps where one of these happens, which are the cuts of the search, what lacks is
 * convex, and positive from where it becomes so.  (Margin quantities are rounded up at the 18th
 * decimal: lines are lines up to that.)
 */

/* The last step not behind a size, among those that there are. */
static void
cut_at_size(DecimalList *cuts, const OrderSearch *self, const Decimal *size)
{
	Decimal		n;

	dec_sub(&n, size, &self->base);
	dec_div_floor(&n, &n, &self->step);
	if (dec_sign(&n) >= 0 && dec_cmp(&n, &self->search.last) <= 0)
		decimal_list_add(cuts, &n);
}

/* Sizes at which a net position turns, and at which it has used up one more of the orders that would close it. */
static void
cut_at_turns(DecimalList *cuts, const OrderSearch *self)
{
	const Orders *orders = self->position->position.orders;
	Decimal		turn;

	dec_sub(&turn, &self->sides[1 - self->side].quantity, &self->sides[self->side].quantity);
	cut_at_size(cuts, self, &turn);
	for (int i = SIDE_LONG; orders != NULL && i <= SIDE_SHORT; i++)
	{
		const OrderList *list = &orders->sides[i];
		Decimal		closes = DEC_ZERO;

		for (int k = 0; k < list->count; k++)
		{
			Decimal		size;

			CHECK_FOR_INTERRUPTS();
			/* buys fill from the highest price, sells from the lowest */
			dec_add(&closes, &closes, &list->levels[i == SIDE_LONG ? list->count - 1 - k : k].quantity);
			(i == (int) self->side ? dec_sub : dec_add) (&size, &turn, &closes);
			cut_at_size(cuts, self, &size);
		}
	}
}

/* What the schedules apply to less their bounds: legs as they are and with orders, and the debt in the settlement asset. */
static void
differ_tiers(const OrderSearch *self, DecimalList *differences)
{
	const Market *market = self->account->market;
	const MarketContract *contract = self->contract;
	Decimal		debt;

	for (int with_orders = 0; with_orders <= 1; with_orders++)
	{
		LegRequirement legs[2];

		position_legs(legs, self->position, market, with_orders);
		for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
		{
			const Decimal *amount = contract->tier_unit == TIERS_IN_CONTRACTS ? &legs[i].leg.contracts : &legs[i].leg.notional;

			differ_from_bounds(differences, market_schedule(market, contract->maintenance), amount);
			differ_from_bounds(differences, market_schedule(market, contract->initial), amount);
		}
	}
	dec_neg(&debt, &self->settle->equity);
	differ_from_bounds(differences, market_schedule(market, self->settle->terms->liability_maintenance), &debt);
}

/* Tiers, and between these what decides the requirement without orders. */
static void
differ_execution(Search *search, int round, const Decimal *n, DecimalList *differences)
{
	OrderSearch *self = (OrderSearch *) search;
	Decimal		size = size_at(self, n);
	LegRequirement legs[2];

	hold_traded(self, &size);
	account_value(self->account);
	if (round == 0)
	{
		differ_tiers(self, differences);
		return;
	}
	position_legs(legs, self->position, self->account->market, false);
	differ_opening(differences, legs, self->contract, self->account->market);
}

/* Is something taken from equity that a larger position may lessen? */
static bool
orders_take_margin(const OrderSearch *self)
{
	return self->position->position.orders != NULL && (self->account->market->orders_reduce_equity & REDUCE_MARGIN) != 0;
}

/* The first step up to the last one that fails, whatever comes behind it. */
static bool
first_failure(OrderSearch *self, Decimal *n)
{
	DecimalList cuts = {0};

	/* where nothing is held nothing may be required */
	decimal_list_add(&cuts, &zero);
	decimal_list_add(&cuts, &self->search.last);
	if (self->contract->netting == NETTING_NET)
		cut_at_turns(&cuts, self);
	decimal_list_sort(&cuts);
	self->search.open = false;
	self->search.cuts = cuts.numbers;
	self->search.ncuts = cuts.count;
	self->search.differ = differ_execution;
	self->search.rounds = orders_take_margin(self) ? 2 : 1;
	return search_first(&self->search, n);
}

/* ---------- max_order ---------- */

/*
 * Closing at the mark, or better, lowers no equity and raises no requirement:
 * except where two sides, or a side and orders, offset each other, and what is left behind may be more than there was.
 */
static bool
closing_may_hurt(const OrderSearch *self)
{
	return is_worse(self) || self->contract->netting == NETTING_NET || orders_take_margin(self);
}

/* Of an account that passes: the first part of a closing that does not leave it so; false if all do. */
static bool
closing_fails(OrderSearch *self, const Decimal *closed, Decimal *n)
{
	Decimal		score;

	self->base = DEC_ZERO;
	dec_div_floor(&self->search.last, closed, &self->step);
	if (first_failure(self, n))
		return true;
	hold_traded(self, closed);
	account_value(self->account);
	dec_add(n, &self->search.last, &one);
	return does_not_pass(self->account, &score);
}

/*
 * Beyond what closes the opposite side size raises notional, contracts and margin
 * quantity of one leg, hence what is required, and lowers equity by its loss at
 * mark, if it has one.  With netting "net" it may leave less to the orders of the
 * other side, which is no reason to fail.  So once the account fails it fails
 * from there on; except that a larger position may leave less to be taken from
 * equity for orders.  It fails in the end unless size costs nothing at all.
 */
static void
opening_fails(OrderSearch *self, const Decimal *closed, Decimal *n)
{
	self->base = *closed;
	self->search.open = self->search.certain = true;
	self->search.ncuts = self->search.rounds = 0;
	search_first(&self->search, n);
	if (!orders_take_margin(self))
		return;
	self->search.last = *n;
	first_failure(self, n);
}

/* For a search of many steps, which leave all else as it is. */
static void
narrow_to_position(OrderSearch *self)
{
	const Valuation *v = &self->account->v;
	bool	   *assets = palloc0(v->nassets * sizeof(bool));
	bool	   *positions = palloc0(v->npositions * sizeof(bool));

	positions[self->position - v->positions] = true;
	account_narrow(self->account, assets, positions);
	self->position = account_position_line(self->account, self->number);
}

PG_FUNCTION_INFO_V1(margin_max_order);

/* max_order(portfolio, market, contract text, side side, price, leverage, step numeric) */
Datum
margin_max_order(PG_FUNCTION_ARGS)
{
	static const char *const labels[] = {"long", "short", NULL};
	OrderSearch self = {.search.ask = ask_execution};
	const Market *market;
	Netting    *netting;
	Symbol		symbol;
	Decimal		closed;
	Decimal		n;

	if (!is_given(fcinfo))
		PG_RETURN_NULL();
	market = market_of_call(fcinfo, 1);
	symbol = read_order(&self, fcinfo, market, labels);
	netting = netting_load(PG_GETARG_VARLENA_PP(0));
	/* so that there is a line for it */
	(void) netting_position(netting, &symbol);
	if (!open_order(&self, netting, market))
		PG_RETURN_NULL();
	if (closing_may_hurt(&self))
		narrow_to_position(&self);
	self.worse = is_worse(&self) ? self.price : account_number(self.account, &self.contract->mark);
	self.settle = self.position->booked;
	self.balance = self.settle->balance;
	memcpy(self.sides, self.position->position.sides, sizeof(self.sides));
	closed = self.sides[1 - self.side].quantity;

	if (valuation_passes(&self.account->v) && !dec_is_zero(&closed) && closing_may_hurt(&self) &&
		closing_fails(&self, &closed, &n))
	{
		dec_sub(&n, &n, &one);
		return steps_datum(&zero, &n, &self.step);
	}
	hold_traded(&self, &closed);
	account_value(self.account);
	if (!valuation_passes(&self.account->v))
		return steps_datum(&closed, &zero, &self.step);
	if (!is_bounded(&self))
		PG_RETURN_NULL();
	opening_fails(&self, &closed, &n);
	dec_sub(&n, &n, &one);
	return steps_datum(&closed, &n, &self.step);
}

/* ---------- max_open_order ---------- */

static bool
ask_resting(Search *search, const Decimal *n, Decimal *score)
{
	OrderSearch *self = (OrderSearch *) search;
	Decimal		size = size_at(self, n);

	dec_add(&self->level->quantity, &self->standing.quantity, &size);
	self->level->margin = self->standing.margin;
	add_margin(self, &self->level->margin, &size);
	account_value(self->account);
	return does_not_pass(self->account, score);
}

/* The level of the order's price, which is there, and what was there before one contract was ordered. */
static void
find_level(OrderSearch *self)
{
	OrderList  *list = &self->position->position.orders->sides[self->side];
	Decimal		margin = DEC_ZERO;

	self->level = list->levels;
	while (dec_cmp(&self->level->price, &self->price) != 0)
		self->level++;
	Assert(self->level < list->levels + list->count);
	add_margin(self, &margin, &one);
	dec_sub(&self->standing.quantity, &self->level->quantity, &one);
	dec_sub(&self->standing.margin, &self->level->margin, &margin);
}

PG_FUNCTION_INFO_V1(margin_max_open_order);

/*
 * max_open_order(portfolio, market, contract text, side order_side, price, leverage, step numeric)
 *
 * A larger order is a smaller one with another beside it.  An order changes no
 * equity and nothing that is held.  It adds its loss, and to the leg of its
 * side contracts, value and leverage amount, none of which it lowers: with
 * netting "net" it may take the place of one that closed, but then that one
 * opens.  (Of sorted prices all but the first so many contracts are counted:
 * one more at any price leaves one more to count, at a price that was there or
 * its own.  What remains of its own level has a part of the level's margin quantity
 * that grows with it.)  Schedules never fall, whole ones jump up; order
 * margin grows as the requirement without orders stays.  So once the account
 * fails it fails from there on, and every smaller order passes.
 */
Datum
margin_max_open_order(PG_FUNCTION_ARGS)
{
	static const char *const labels[] = {"buy", "sell", NULL};
	OrderSearch self = {.search = {.ask = ask_resting, .open = true, .certain = true}};
	const Market *market;
	Netting    *netting;
	Symbol		symbol;
	Decimal		contract = DEC_ONE;
	Decimal		score;
	Decimal		n;

	if (!is_given(fcinfo))
		PG_RETURN_NULL();
	market = market_of_call(fcinfo, 1);
	symbol = read_order(&self, fcinfo, market, labels);
	if (dec_is_zero(&self.price))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("price of order in contract \"%s\" must be greater than 0: %s", symbol_text(&symbol), dec_text(&self.price))));
	netting = netting_load(PG_GETARG_VARLENA_PP(0));
	/* one contract makes the order's level */
	if (self.side == SIDE_SHORT)
		dec_neg(&contract, &contract);
	netting_add_order(netting, &symbol, &contract, &self.price, self.has_leverage ? &self.leverage : NULL);
	if (!open_order(&self, netting, market))
		PG_RETURN_NULL();
	find_level(&self);
	if (ask_resting(&self.search, &zero, &score))
		return zero_datum();
	if (!is_bounded(&self))
		PG_RETURN_NULL();
	search_first(&self.search, &n);
	dec_sub(&n, &n, &one);
	return steps_datum(&zero, &n, &self.step);
}
