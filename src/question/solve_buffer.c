/*
 * solve_buffer.c
 *		How far all prices may move.
 */
#include "postgres.h"

#include "fmgr.h"

#include "question/solve.h"

static const Decimal one = DEC_ONE;

/*
 * The account is safe in a box of prices, each within x of where it is, if in
 * each of them maintenance < t * judged equity, or maintenance is 0 and equity not
 * negative.  Both sums are taken apart by asset: what asset a, at price P,
 * adds to maintenance - t * judged equity is
 *
 *		f_a(P) = P * V * req_a + P * LM(|E_a|) - t * value_a(P, E_a) + t * P * (loss_a + V * margin_a)
 *
 * with the requirements of what settles in a, and what its orders take of equity.  Facts bound it from above.
 *
 * 1. In each mark, the first three are largest where E_a is smallest and the notionals are
 *    largest: value_a does not fall with E_a, LM does not rise with it, and
 *    rates never fall.  E_a is smallest with the mark at 1 - x for what is
 *    long on balance, at 1 + x for what is short; notionals, those of legs with their orders filled too, are
 *    largest with all of them at 1 + x.  For a long position these are two different marks, which
 *    is where the bound is not sharp.
 * 2. What the orders in a contract would lose is convex in its mark, hence largest at one end.  What they
 *    require is the difference of two requirements that do not fall as the mark rises: at most the one
 *    with them at 1 + x, less the one without them at 1 - x, which is not sharp either.
 * 3. With these, f_a is convex in P: a line where E_a < 0 or the tier unit is
 *    quantity, and else minus t times a concave R(P * E_a) on top of it.  So it is
 *    largest at one end of [P * (1 - x), P * (1 + x)].  A doubtful price is two, each of which moves by itself,
 *    within x of where it is: f_a is largest with the low one at 1 - x and the high one at 1 + x.
 *
 * No price occurs in two assets, so the sum of these largest values bounds the
 * whole; where it is negative, the account is safe in the box, and where it is
 * 0, if maintenance is 0 with all prices at 1 + x.  Then orders do not matter.  Where only the larger of what
 * positions and debts require counts, both have to be below t * judged equity: there are two such sums.
 * A larger box has larger ends, so the x that are proven safe are all those up to the one we look for.
 *
 * With x = 1 the lower ends are 0, where all f_a are 0, but no prices.  If the
 * sum of the largest values is 0 no f_a is positive at its upper end, and
 * between the ends, being convex, each is at most a part above 0 of that: their
 * sum is negative if one of them is.
 *
 * One market serves both parts of 1: with all marks at 1 + x, what is
 * long on balance has gained instead of lost x * (NL - NS), so twice that is
 * taken from the balance of its settlement asset.
 */
#define MAX_SUMS 2

/* What the orders settled in an asset take of equity at most, in units of the asset. */
typedef struct OrdersTake
{
	Decimal		loss;
	Decimal		margin;
} OrdersTake;

/* What an asset adds to each sum. */
typedef struct Burden
{
	Decimal		sums[MAX_SUMS];
} Burden;

typedef struct BufferSearch
{
	Search		search;			/* first */
	Account    *account;
	const Market *market;		/* with the present prices */
	Market	   *moved;			/* our own */
	bool		orders;			/* do they take anything? */
	int			nsums;
	Decimal    *balances;		/* by line: the present ones */
	Decimal    *longs;			/* twice the notional that is long on balance */
} BufferSearch;

/* A box of prices, and what is found of it. */
typedef struct Box
{
	Decimal		x;
	Decimal		up;				/* 1 + x */
	Decimal		down;			/* 1 - x */
	bool		required;		/* is anything? */
	OrdersTake *take;			/* by line, as are the burdens, at the upper ends of prices and at the lower ones */
	Burden	   *upper;
	Burden	   *lower;
} Box;

#define BUFFER_DIGITS 8

/* Puts the prices in the market of our own to "factor" times the present ones; doubtful ones to their worst. */
static void
move_prices(BufferSearch *search, const Box *box, const Decimal *factor)
{
	const Valuation *v = &search->account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		int			asset = v->assets[i].asset;
		AssetQuote	quote;

		if (asset < 0 || !market_assets(search->market)[asset].priced)
			continue;
		quote = quote_times(search->market, asset, factor);
		if (market_assets(search->market)[asset].doubtful)
		{
			quote.low = quote_times(search->market, asset, &box->down).low;
			quote.high = quote_times(search->market, asset, &box->up).high;
		}
		search->moved = market_set_quote(search->moved, asset, &quote);
	}
	account_market_changed(search->account, search->moved);
}

/* Puts the marks to "factor" times the present ones. */
static void
move_marks(BufferSearch *search, const Decimal *factor)
{
	const Valuation *v = &search->account->v;

	for (int i = 0; i < v->npositions; i++)
	{
		int			contract = v->positions[i].contract;
		Decimal		buffer;
		Decimal		mark;

		dec_mul(&mark, dec_flat(&market_contracts(search->market)[contract].mark, search->market, &buffer), factor);
		search->moved = market_set_mark(search->moved, contract, &mark);
	}
	account_market_changed(search->account, search->moved);
}

/* Values with all gains of what is long on balance turned into losses. */
static void
value_losses(BufferSearch *search, const Decimal *x)
{
	Valuation  *v = &search->account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		Decimal		loss;

		if (dec_is_zero(&search->longs[i]))
			continue;
		dec_mul(&loss, x, &search->longs[i]);
		dec_sub(&loss, &search->balances[i], &loss);
		bound_set_balance(&v->assets[i], &loss);
	}
	account_value(search->account);
}

/* Adds what orders take of equity, of positions valued at one end of their marks; first at the lower one. */
static void
add_orders_take(const BufferSearch *search, OrdersTake *take, Decimal *losses, bool upper)
{
	const Valuation *v = &search->account->v;

	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		OrdersTake *to = &take[line->booked - v->assets];
		Decimal		held;

		if (line->position.orders == NULL)
			continue;
		if (!upper)
		{
			losses[i] = DEC_ZERO;
			dec_copy_into(&losses[i], &line->order_loss, CurrentMemoryContext);
			dec_sub(&held, &line->initial, &line->order_margin);
			dec_sub(&to->margin, &to->margin, &held);
			continue;
		}
		dec_add(&to->margin, &to->margin, &line->initial);
		dec_add(&to->loss, &to->loss, dec_cmp(&losses[i], &line->order_loss) > 0 ? &losses[i] : &line->order_loss);
	}
}

/* What orders take of equity in a box; leaves marks at their upper ends. */
static void
take_orders(BufferSearch *search, Box *box)
{
	const Valuation *v = &search->account->v;
	Decimal    *losses;

	if (search->orders)
	{
		losses = palloc(Max(v->npositions, 1) * sizeof(Decimal));
		move_marks(search, &box->down);
		account_value(search->account);
		add_orders_take(search, box->take, losses, false);
		move_marks(search, &box->up);
		account_value(search->account);
		add_orders_take(search, box->take, losses, true);
		pfree(losses);
	}
	else
		move_marks(search, &box->up);
}

/* t times what orders take of equity in an asset, in USD. */
static void
orders_burden(const BufferSearch *search, const AssetLine *line, const OrdersTake *take, Decimal *r)
{
	const Account *account = search->account;
	int			reduction = account->market->orders_reduce_equity;
	Decimal		price = account_number(account, &line->terms->requirement_price);
	Decimal		high = account_number(account, &line->terms->high);

	*r = DEC_ZERO;
	if (reduction & REDUCE_LOSS)
		dec_add_product(r, &high, &take->loss);
	if (reduction & REDUCE_MARGIN)
		dec_add_product(r, &price, &take->margin);
}

/* What an asset adds to each of maintenance - t * judged equity. */
static Burden
asset_burden(const BufferSearch *search, const Box *box, int number)
{
	const Account *account = search->account;
	const AssetLine *line = &account->v.assets[number];
	Decimal		threshold = account_number(account, &account->market->thresholds[THRESHOLD_LIQUIDATION]);
	Burden		burden;
	Decimal		r;
	Decimal		taken;

	dec_sub(&r, &line->liability, &line->collateral_value);
	if (search->orders && box->required && line->ordered)
	{
		orders_burden(search, line, &box->take[number], &taken);
		dec_add(&r, &r, &taken);
	}
	dec_mul(&r, &r, &threshold);
	burden.sums[0] = r;
	dec_add(&burden.sums[search->nsums - 1], &r, &line->liability_maintenance);
	if (line->settles)
	{
		Decimal		price = account_number(account, &line->terms->requirement_price);

		dec_add_product(&burden.sums[0], &price, &line->maintenance);
	}
	return burden;
}

/* The burdens with prices at one end of the box. */
static void
burdens_at(const BufferSearch *search, const Box *box, Burden *burdens)
{
	for (int i = 0; i < search->account->v.nassets; i++)
		burdens[i] = asset_burden(search, box, i);
}

/* Values the account at both ends of the prices. */
static void
value_box(BufferSearch *search, Box *box)
{
	take_orders(search, box);
	move_prices(search, box, &box->up);
	value_losses(search, &box->x);
	box->required = dec_sign(&search->account->v.maintenance_margin) > 0;
	burdens_at(search, box, box->upper);
	move_prices(search, box, &box->down);
	value_losses(search, &box->x);
	burdens_at(search, box, box->lower);
}

/* Is one of the sums not proven to be safe?  "score" is how large it can be. */
static bool
sum_is_unsafe(const BufferSearch *search, const Box *box, int sum, Decimal *score)
{
	Decimal		upper = DEC_ZERO;

	*score = DEC_ZERO;
	for (int i = 0; i < search->account->v.nassets; i++)
	{
		const Decimal *a = &box->upper[i].sums[sum];
		const Decimal *b = &box->lower[i].sums[sum];

		dec_add(&upper, &upper, a);
		dec_add(score, score, dec_cmp(b, a) > 0 ? b : a);
	}
	if (dec_sign(score) != 0 || !box->required)
		return dec_sign(score) > 0;
	return dec_sign(&box->down) > 0 || dec_sign(&upper) >= 0;
}

/* Is a box of that many units of the last digit not proven safe? */
static bool
ask_buffer(Search *search, const Decimal *n, Decimal *score)
{
	BufferSearch *self = (BufferSearch *) search;
	int			nassets = Max(self->account->v.nassets, 1);
	Box			box = {
		.take = palloc0(nassets * sizeof(OrdersTake)),
		.upper = palloc(nassets * sizeof(Burden)),
		.lower = palloc(nassets * sizeof(Burden))
	};
	Decimal		unit;
	bool		unsafe = false;

	dec_set(&unit, 1, BUFFER_DIGITS);
	dec_mul(&box.x, n, &unit);
	dec_add(&box.up, &one, &box.x);
	dec_sub(&box.down, &one, &box.x);
	value_box(self, &box);
	for (int i = 0; i < self->nsums; i++)
	{
		Decimal		sum;

		unsafe |= sum_is_unsafe(self, &box, i, &sum);
		if (i == 0 || dec_cmp(&sum, score) > 0)
			*score = sum;
	}
	pfree(box.take);
	pfree(box.upper);
	pfree(box.lower);
	return unsafe;
}

/* Notes balances, what is long on balance, and whether orders take anything, of an account that has been valued. */
static void
note_present(BufferSearch *search)
{
	const Valuation *v = &search->account->v;

	search->balances = palloc(Max(v->nassets, 1) * sizeof(Decimal));
	search->longs = palloc0(Max(v->nassets, 1) * sizeof(Decimal));
	for (int i = 0; i < v->nassets; i++)
	{
		search->balances[i] = DEC_ZERO;
		dec_copy_into(&search->balances[i], &v->assets[i].balance, CurrentMemoryContext);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		const PositionLine *line = &v->positions[i];
		Decimal    *sum = &search->longs[line->booked - v->assets];
		Decimal		net;

		search->orders |= line->position.orders != NULL &&
			search->account->market->orders_reduce_equity != REDUCE_NOTHING;
		dec_sub(&net, &line->notional[SIDE_LONG], &line->notional[SIDE_SHORT]);
		if (dec_sign(&net) <= 0)
			continue;
		dec_add(&net, &net, &net);
		dec_add(sum, sum, &net);
	}
}

PG_FUNCTION_INFO_V1(margin_buffer);

/* buffer(portfolio, market) */
Datum
margin_buffer(PG_FUNCTION_ARGS)
{
	const Market *market = market_of_call(fcinfo, 1);
	const Decimal zero = DEC_ZERO;
	BufferSearch search = {.search.ask = ask_buffer};
	Account    *account;
	Decimal		unit;
	Decimal		n;
	Decimal		score;

	search.account = account = account_open(PG_GETARG_DATUM(0), market, VALUE_MAINTENANCE | VALUE_LINES);
	account_value(account);
	if (account->v.level == LEVEL_UNPRICED || is_undercollateralized(account, &score))
		PG_RETURN_NULL();
	note_present(&search);
	search.nsums = market->liability_rule == LIABILITY_LARGER ? 2 : 1;
	search.market = account_own_market(account, NULL);
	search.moved = market_copy(search.market);
	account_market_changed(account, search.moved);
	dec_set(&search.search.last, dec_power10_narrow[BUFFER_DIGITS], 0);
	if (search_first(&search.search, &n))
		dec_sub(&n, &n, &one);
	else
		n = search.search.last;
	dec_set(&unit, 1, BUFFER_DIGITS);
	return steps_datum(&zero, &n, &unit);
}
