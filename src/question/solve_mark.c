/*
 * solve_mark.c
 *		The mark price of one contract that moves.
 */
#include "postgres.h"

#include "fmgr.h"

#include "question/solve_price.h"

/*
 * The index of the base is P * mark' / mark, which no decimal may hold.  But
 * USD can be counted in another unit: with all prices, and the bounds in USD,
 * multiplied by the present mark, that of the base is P * mark', and all
 * verdicts are the same.  The bounds of a doubtful price are multiplied like the price.
 */
typedef struct MarkMover
{
	Mover		mover;			/* first */
	Market	   *market;			/* our own, once open */
	int			contract;
	int			base;			/* asset whose index moves along, or -1 */
	const Market *present_market;	/* and where its present price is */
	int			present_base;
} MarkMover;

static void
value_at_mark(Mover *mover, const Decimal *mark)
{
	MarkMover  *self = (MarkMover *) mover;

	self->market = market_set_mark(self->market, self->contract, mark);
	account_market_changed(mover->account, self->market);
	if (self->base >= 0)
	{
		AssetQuote	quote = quote_times(self->present_market, self->present_base, mark);

		self->market = market_set_quote(self->market, self->base, &quote);
		account_market_changed(mover->account, self->market);
	}
	account_value(mover->account);
}

/* The asset whose index moves along with a contract's mark, or -1. */
static int
linked_asset(const Account *account, int contract)
{
	const Market *market = account->market;
	const MarketContract *terms = &market_contracts(market)[contract];
	Symbol		base = market_symbol(market, &terms->base);
	int			number = terms->base.length == 0 ? -1 : market_find_asset(market, &base);

	/* a price in the asset itself says nothing of its index */
	if (number < 0 || number == terms->settle_index || !market_assets(market)[number].priced ||
		account_asset_line(account, number) == NULL)
		return -1;
	return number;
}

/* Only what the mark reaches: the contract, and with the index of its base whatever settles in that. */
static void
narrow_to_mark(const MarkMover *self)
{
	Account    *account = self->mover.account;
	const Valuation *v = &account->v;
	bool	   *assets = palloc0(v->nassets * sizeof(bool));
	bool	   *positions = palloc0(v->npositions * sizeof(bool));

	for (int i = 0; i < v->nassets; i++)
		assets[i] = self->base >= 0 && v->assets[i].asset == self->base;
	for (int i = 0; i < v->npositions; i++)
		positions[i] = v->positions[i].contract == self->contract ||
			(self->base >= 0 && v->positions[i].terms->settle_index == self->base);
	account_narrow(account, assets, positions);
	if (self->base >= 0)
		account_scale_rest(account, &self->mover.present);
}

/* In a market of our own the contract has another number, and so has the asset whose index moves along, if any. */
static void
open_mark(Mover *mover)
{
	MarkMover  *self = (MarkMover *) mover;
	Account    *account = mover->account;
	const Market *market = account->market;
	Symbol		symbol = market_symbol(market, &market_contracts(market)[self->contract].name);

	narrow_to_mark(self);
	self->market = account_own_market(account, self->base >= 0 ? &mover->present : NULL);
	self->contract = market_find_contract(self->market, &symbol);
	if (self->base >= 0)
	{
		symbol = market_symbol(market, &market_assets(market)[self->base].name);
		self->present_market = market;
		self->present_base = self->base;
		self->base = market_find_asset(self->market, &symbol);
	}
	account_market_changed(account, self->market);
}

Mover *
move_mark(Account *account, int contract, bool linked)
{
	MarkMover  *self;

	if (account_position_line(account, contract) == NULL)
		return NULL;
	self = palloc0(sizeof(MarkMover));
	self->mover.account = account;
	self->mover.present = account_number(account, &market_contracts(account->market)[contract].mark);
	self->mover.open = open_mark;
	self->mover.value_at = value_at_mark;
	self->contract = contract;
	self->base = linked ? linked_asset(account, contract) : -1;
	return &self->mover;
}
