/*
 * solve.h
 *		Inverse questions: at which price, how much more, how much less.
 *
 * Every answer is the first step, a whole number, at which valuation.c decides
 * differently about the account.  No rule of valuation is repeated: what is known of it is where it
 * bends (the bounds of the schedules that apply) and in which direction it
 * can turn, and both are argued where they are used.
 */
#ifndef MARGIN_SOLVE_H
#define MARGIN_SOLVE_H

#include "question/search.h"
#include "value/market.h"
#include "value/valuation.h"

/* ---------- an account that is valued again and again ---------- */

typedef struct Account
{
	Datum		portfolio;		/* flat in memory, or a netting */
	const Market *market;
	int			wanted;
	Valuation	v;
	BoundPortfolio *bound;
	bool		narrow;			/* is this a part of it, and "rest" the sums of all else, in USD? */
	Valuation	rest;
	MemoryContext binding;		/* of what the portfolio is read into */
	MemoryContext scratch;		/* of one valuation's large amounts */
} Account;

extern Account *account_open(Datum portfolio, const Market *market, int wanted);
extern void	account_bind(Account *account, Datum portfolio, const Market *market, int wanted);
extern void	account_market_changed(Account *account, const Market *market);
extern void	account_value(Account *account);
extern void account_narrow(Account *account, bool *assets, const bool *positions);
extern void account_scale_rest(Account *account, const Decimal *unit);
extern AssetLine *account_asset_line(const Account *account, int asset);
extern PositionLine *account_position_line(const Account *account, int contract);
extern Decimal account_number(const Account *account, const Decimal *stored);
extern Market *account_own_market(const Account *account, const Decimal *unit);

/* ---------- verdicts ---------- */

/*
 * Each says whether the last valuation turned out that way, and how far it is
 * from that: a score that is negative where it did not, or 0, and does not fall
 * on the way to where it does.  Only the verdict decides, the score is
 * where to look next.
 */
extern bool	is_undercollateralized(const Account *account, Decimal *score);
extern bool	is_bankrupt(const Account *account, Decimal *score);
extern bool	does_not_pass(const Account *account, Decimal *score);

/* ---------- arguments and results ---------- */

extern int	asset_argument(FunctionCallInfo fcinfo, int arg, const Market *market);
extern int	contract_argument(FunctionCallInfo fcinfo, int arg, const Market *market);
extern Decimal step_argument(FunctionCallInfo fcinfo, int arg, const char *what);
extern Datum steps_datum(const Decimal *a, const Decimal *n, const Decimal *step);
extern Datum zero_datum(void);

#endif							/* MARGIN_SOLVE_H */
