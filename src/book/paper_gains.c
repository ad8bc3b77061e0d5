/*
 * paper_gains.c
 *		Profit that is not realized, and accounts valued without it.
 *
 * The net profit in each settlement asset, where there is one, is left out, and
 * a net loss is not: what max_withdrawal() does where unrealized gains do not
 * count (solve_amount.c), so that the guard and that answer agree.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "book/paper_gains.h"

static inline bool
gains(const AssetLine *line)
{
	return line->settles && dec_sign(&line->pnl) > 0;
}

/* Whether anything would be left out of a portfolio that has been valued. */
bool
has_paper_gains(const Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
	{
		if (gains(&v->assets[i]))
			return true;
	}
	return false;
}

void
value_without_gains(Valuation *v, const struct varlena *portfolio, const Market *market)
{
	BoundPortfolio *bound = bind_portfolio(v, PointerGetDatum(portfolio), market, VALUE_MARGINS);

	value_bound(bound, market_assets(market), market_contracts(market));
	for (int i = 0; i < v->nassets; i++)
	{
		AssetLine  *line = &v->assets[i];
		Decimal		rest;

		if (!gains(line))
			continue;
		dec_sub(&rest, &line->balance, &line->pnl);
		bound_set_balance(line, &rest);
	}
	value_bound(bound, market_assets(market), market_contracts(market));
}

/* ---------- balances ---------- */

static bool
next_balance(PortfolioReader *reader, Balance *balance)
{
	if (reader->balances == 0)
		return false;
	portfolio_read_balance(reader, balance);
	return true;
}

/* Whether some balance is lower than it was; one that is not there is 0. */
bool
lowers_balance(const struct varlena *before, const struct varlena *after)
{
	PortfolioReader was;
	PortfolioReader is;
	Balance		b;
	Balance		a;
	bool		has_before;
	bool		has_after;

	portfolio_open(&was, before);
	portfolio_open(&is, after);
	has_before = next_balance(&was, &b);
	has_after = next_balance(&is, &a);
	while (has_before || has_after)
	{
		int			order = !has_after ? -1 : !has_before ? 1 : symbol_cmp(&b.symbol, &a.symbol);

		CHECK_FOR_INTERRUPTS();
		if (order < 0 ? dec_sign(&b.quantity) > 0 :
			order > 0 ? dec_sign(&a.quantity) < 0 :
			dec_cmp(&a.quantity, &b.quantity) < 0)
			return true;
		if (order <= 0)
			has_before = next_balance(&was, &b);
		if (order >= 0)
			has_after = next_balance(&is, &a);
	}
	return false;
}
