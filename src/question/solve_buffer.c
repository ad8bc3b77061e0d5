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
 * each of them maintenance < t * equity, or maintenance is 0 and equity not
 * negative.  Both sums are taken apart by asset: what asset a, at price P,
 * adds to maintenance - t * equity is
 *
 *		f_a(P) = P * V * req_a + P * LM(|E_a|) - t * value_a(P, E_a)
 *
 * with the requirements of what settles in a.  Two facts bound it from above.
 *
 * 1. In each mark, f_a is largest where E_a is smallest and the notionals are
 *    largest: value_a does not fall with E_a, LM does not rise with it, and
 *    rates never fall.  E_a is smallest with the mark at 1 - x for what is
 *    long on balance, at 1 + x for what is short; notionals are largest with all of
 *    them at 1 + x.  For a long position these are two different marks, which
 *    is where the bound is not sharp.
 * 2. With these, f_a is convex in P: a line where E_a < 0 or the tier unit is
 *    quantity, and else minus t times a concave R(P * E_a) on top of it.  So it is
 *    largest at one end of [P * (1 - x), P * (1 + x)].
 *
 * No price occurs in two assets, so the sum of these largest values bounds the
 * whole; where it is negative, the account is safe in the box, and where it is
 * 0, if maintenance is 0 with all prices at 1 + x.  A larger box has larger
 * ends, so the x that are proven safe are all those up to the one we look for.
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
typedef struct BufferSearch
{
	Search		search;			/* first */
	Account    *account;
	const Market *market;		/* with the present prices */
	Market	   *moved;			/* our own */
	Decimal    *balances;		/* by line: the present ones */
	Decimal    *longs;			/* twice the notional that is long on balance */
} BufferSearch;

#define BUFFER_DIGITS 8

/* Puts the prices in the market of our own to "factor" times the present ones. */
static void
move_prices(BufferSearch *search, const Decimal *factor)
{
	const Valuation *v = &search->account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		int			asset = v->assets[i].asset;
		AssetQuote	quote;

		if (asset < 0 || !market_assets(search->market)[asset].priced)
			continue;
		quote = quote_times(search->market, asset, factor);
		search->moved = market_set_quote(search->moved, asset, &quote);
	}
	account_market_changed(search->account, search->moved);
}

/* The same with the marks. */
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

/* What an asset adds to maintenance - t * equity. */
static void
asset_burden(const BufferSearch *search, const AssetLine *line, Decimal *r)
{
	const Account *account = search->account;
	Decimal		threshold = account_number(account, &account->market->thresholds[THRESHOLD_LIQUIDATION]);

	dec_sub(r, &line->liability, &line->collateral_value);
	dec_mul(r, r, &threshold);
	dec_add(r, r, &line->liability_maintenance);
	if (line->settles)
	{
		Decimal		price = account_number(account, &line->terms->requirement_price);

		dec_add_product(r, &price, &line->maintenance);
	}
}

/* Is a box of that many units of the last digit not proven safe? */
static bool
ask_buffer(Search *search, const Decimal *n, Decimal *score)
{
	BufferSearch *self = (BufferSearch *) search;
	const Valuation *v = &self->account->v;
	Decimal    *burdens = palloc(Max(v->nassets, 1) * sizeof(Decimal));
	Decimal		unit;
	Decimal		x;
	Decimal		up;
	Decimal		down;
	Decimal		sum = DEC_ZERO;
	bool		required;

	dec_set(&unit, 1, BUFFER_DIGITS);
	dec_mul(&x, n, &unit);
	dec_add(&up, &one, &x);
	dec_sub(&down, &one, &x);

	move_marks(self, &up);
	move_prices(self, &up);
	value_losses(self, &x);
	required = dec_sign(&v->maintenance_margin) > 0;
	for (int i = 0; i < v->nassets; i++)
	{
		asset_burden(self, &v->assets[i], &burdens[i]);
		dec_add(&sum, &sum, &burdens[i]);
	}

	move_prices(self, &down);
	value_losses(self, &x);
	*score = DEC_ZERO;
	for (int i = 0; i < v->nassets; i++)
	{
		Decimal		burden;

		asset_burden(self, &v->assets[i], &burden);
		dec_add(score, score, dec_cmp(&burden, &burdens[i]) > 0 ? &burden : &burdens[i]);
	}
	pfree(burdens);
	if (dec_sign(score) != 0 || !required)
		return dec_sign(score) > 0;
	return dec_sign(&down) > 0 || dec_sign(&sum) >= 0;
}

/* Notes balances and what is long on balance, of an account that has been valued. */
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
