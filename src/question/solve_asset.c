/*
 * solve_asset.c
 *		The price of an asset that moves, and the marks of contracts with it.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "question/solve_price.h"

/*
 * The asset's index goes from P to p, and marks go with it as those of a shock do that
 * are linked: to mark * p / P where it is the base, to mark / (p / P) where
 * it is what the contract settles in, and nowhere where it is both.
 *
 * Neither quotient need be a decimal.  But what an amount is counted in is free:
 * a valuation stays the same when an asset is counted in units that are u times
 * as small, that is, balances, entry costs and bounds in it are multiplied by u, and
 * USD likewise.  So all are counted in units P times as small.  Then
 *
 * - a contract on the asset has the mark * p, every other one the mark * P;
 * - the index of the asset is p, those of all others stay.
 *
 * Where a contract settled in the asset has another base, which is what makes its mark
 * fall as the asset rises, the asset alone is counted in units p times as
 * small instead.  Of its units as many are worth as much as before at the
 * price P: it is the bounds that move, in proportion to p.
 *
 * In these units equities and notionals are linear in p, as the mover promises.  Limit prices are in
 * the asset that the contract settles in, as marks are.
 *
 * The bounds of a doubtful price move with it, to low * p / P and high * p / P.  Where the asset is counted
 * by its moving price they stay.  Else USD is counted in units P times as small once more,
 * which multiplies all prices, and bounds in USD, by P.
 */
typedef struct AssetMover
{
	Mover		mover;			/* first */
	int			asset;
	bool		inverse;		/* is the asset counted by its moving price? */
	bool		doubtful;		/* is USD counted in units P times as small once more? */

	/* by line of the account's valuation: what they are in the market of the present prices */
	const Market *market;
	int		   *assets;			/* numbers */
	int		   *contracts;
	bool	   *follows;		/* does the contract's mark go with the price? */

	Market	   *moved;			/* our own, once open */
	MemoryContext memory;		/* of it, where it is built for each price */
} AssetMover;

/* The asset that a contract is on, or -1. */
static int
base_asset(const Market *market, const MarketContract *contract)
{
	Symbol		base = market_symbol(market, &contract->base);

	return contract->base.length == 0 ? -1 : market_find_asset(market, &base);
}

static inline const MarketContract *
contract_of_line(const AssetMover *self, int line)
{
	return &market_contracts(self->market)[self->contracts[line]];
}

/* What amounts in an asset are multiplied by. */
static inline const Decimal *
units_of(const AssetMover *self, int asset, const Decimal *price)
{
	return self->inverse && asset == self->asset ? price : &self->mover.present;
}

/* ---------- the market in our units ---------- */

/*
 * Schedules with their bounds in our units.  Many contracts share one, which is scaled once for
 * each factor, and has one place in the market then.
 */
typedef struct ScaledSchedule
{
	struct
	{
		const Schedule *schedule;
		const Decimal *factor;	/* where it stands: there are few */
	}			key;			/* first */
	const Schedule *scaled;
} ScaledSchedule;

static HTAB *
scaled_schedules(void)
{
	HASHCTL		control = {.keysize = sizeof(((ScaledSchedule *) NULL)->key), .entrysize = sizeof(ScaledSchedule), .hcxt = CurrentMemoryContext};

	return hash_create("margin scaled schedules", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
scale_bounds(HTAB *known, const Schedule **schedule, const Decimal *factor)
{
	ScaledSchedule wanted = {.key = {*schedule, factor}};
	ScaledSchedule *entry;
	bool		found;

	if (*schedule == NULL)
		return;
	entry = hash_search(known, &wanted.key, HASH_ENTER, &found);
	if (!found)
		entry->scaled = schedule_scale_bounds(*schedule, factor);
	*schedule = entry->scaled;
}

/* What amounts in USD are multiplied by. */
static Decimal
units_of_usd(const AssetMover *self)
{
	Decimal		units = self->mover.present;

	if (self->doubtful)
		dec_mul(&units, &units, &self->mover.present);
	return units;
}

static void
add_asset(const AssetMover *self, MarketTerms *terms, HTAB *scaled, int number, const Decimal *price, const Decimal *usd)
{
	AssetTerms *asset = market_terms_read_asset(terms, self->market, number);
	const Decimal *units = units_of(self, number, price);

	if (self->doubtful && asset->priced)
	{
		asset->quote = quote_times(self->market, number, &self->mover.present);
		asset_terms_price(asset);
	}
	asset->initial_tiers = NULL;	/* not wanted */
	scale_bounds(scaled, &asset->tiers, asset->tier_unit == TIERS_IN_VALUE ? usd : units);
	scale_bounds(scaled, &asset->liability_maintenance, units);
}

static void
add_contract(const AssetMover *self, MarketTerms *terms, HTAB *scaled, int line, const Decimal *price)
{
	ContractTerms *contract = market_terms_read_contract(terms, self->market, self->contracts[line]);
	const Decimal *units = units_of(self, contract_of_line(self, line)->settle_index, price);

	if ((self->market->orders_reduce_equity & REDUCE_MARGIN) == 0)
		contract->initial = NULL;	/* not wanted */
	if (contract->tier_unit == TIERS_IN_NOTIONAL)
	{
		scale_bounds(scaled, &contract->maintenance, units);
		scale_bounds(scaled, &contract->requirement, units);
		scale_bounds(scaled, &contract->initial, units);
	}
	dec_mul(&contract->mark, &contract->mark, self->follows[line] ? price : &self->mover.present);
	contract_terms_mark(contract);
}

/* What the account needs, all but the price of the asset itself. */
static Market *
build_market(const AssetMover *self, const Decimal *price)
{
	const Valuation *v = &self->mover.account->v;
	Decimal		usd = units_of_usd(self);
	HTAB	   *scaled = scaled_schedules();
	MarketTerms terms;
	Market	   *result;

	market_terms_begin(&terms, self->market);
	for (int i = 0; i < v->nassets; i++)
		add_asset(self, &terms, scaled, self->assets[i], price, &usd);
	for (int i = 0; i < v->npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_contract(self, &terms, scaled, i, price);
	}
	result = market_flatten(&terms, true);
	hash_destroy(scaled);
	return result;
}

/* ---------- the portfolio in our units ---------- */

/* Those that were read may be somebody else's. */
static Orders *
scaled_orders(const Orders *orders, const Decimal *units)
{
	Orders	   *scaled = orders_create(CurrentMemoryContext);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		for (int k = 0; k < orders->sides[i].count; k++)
		{
			OrderLevel	level = orders->sides[i].levels[k];

			CHECK_FOR_INTERRUPTS();
			dec_mul(&level.price, &level.price, units);
			orders_append(&scaled->sides[i], &level, CurrentMemoryContext);
		}
	}
	return scaled;
}

static void
scale_position(const AssetMover *self, int line, const Decimal *price)
{
	Account    *account = self->mover.account;
	PositionLine *position = &account->v.positions[line];
	const Decimal *units = units_of(self, contract_of_line(self, line)->settle_index, price);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		PositionSide side = position->position.sides[i];

		dec_mul(&side.cost, &side.cost, units);
		bound_set_side(account->bound, position, i, &side);
	}
	if (position->position.orders != NULL)
		position->position.orders = scaled_orders(position->position.orders, units);
}

/* Reads the portfolio anew, for the market of our own at a price. */
static void
bind_moved(const AssetMover *self, const Decimal *price)
{
	Account    *account = self->mover.account;
	Valuation  *v = &account->v;
	MemoryContext old;

	account_bind(account, account->portfolio, self->moved, account->wanted);
	old = MemoryContextSwitchTo(account->binding);
	for (int i = 0; i < v->nassets; i++)
	{
		Decimal		balance;

		dec_mul(&balance, &v->assets[i].balance, units_of(self, self->assets[i], price));
		bound_set_balance(&v->assets[i], &balance);
	}
	for (int i = 0; i < v->npositions; i++)
		scale_position(self, i, price);
	MemoryContextSwitchTo(old);
}

/* ---------- moving ---------- */

/* Where only prices change, they are changed in place. */
static void
set_prices(AssetMover *self, const Decimal *price)
{
	const Valuation *v = &self->mover.account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		AssetQuote	quote;

		if (self->assets[i] != self->asset)
			continue;
		quote = self->doubtful ? quote_times(self->market, self->asset, price) : plain_quote(price);
		self->moved = market_set_quote(self->moved, v->assets[i].asset, &quote);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		Decimal		buffer;
		Decimal		mark;

		if (!self->follows[i])
			continue;
		dec_mul(&mark, dec_flat(&contract_of_line(self, i)->mark, self->market, &buffer), price);
		self->moved = market_set_mark(self->moved, v->positions[i].contract, &mark);
	}
	if (self->moved != self->mover.account->market)
		bind_moved(self, price);
}

/* Where bounds change, all is built anew. */
static void
build_prices(AssetMover *self, const Decimal *price)
{
	MemoryContext old;

	MemoryContextReset(self->memory);
	old = MemoryContextSwitchTo(self->memory);
	self->moved = build_market(self, price);
	MemoryContextSwitchTo(old);
	bind_moved(self, price);
}

static void
value_at_price(Mover *mover, const Decimal *price)
{
	AssetMover *self = (AssetMover *) mover;

	if (self->inverse)
		build_prices(self, price);
	else
		set_prices(self, price);
	account_value(mover->account);
}

/* Notes what the lines are and what becomes of the contracts; does the price reach any? */
static bool
note_lines(AssetMover *self)
{
	const Valuation *v = &self->mover.account->v;
	bool		reached = false;

	self->assets = palloc(Max(v->nassets, 1) * sizeof(int));
	self->contracts = palloc(Max(v->npositions, 1) * sizeof(int));
	self->follows = palloc(Max(v->npositions, 1) * sizeof(bool));
	for (int i = 0; i < v->nassets; i++)
	{
		self->assets[i] = v->assets[i].asset;
		reached |= self->assets[i] == self->asset;
	}
	for (int i = 0; i < v->npositions; i++)
	{
		const MarketContract *contract = v->positions[i].terms;
		bool		on_asset = base_asset(self->market, contract) == self->asset;

		self->contracts[i] = v->positions[i].contract;
		self->follows[i] = on_asset;
		self->inverse |= contract->settle_index == self->asset && !on_asset;
		reached |= on_asset;
	}
	/* a price in the asset itself says nothing of its index: it stays, which counted by the price is to go with it */
	for (int i = 0; i < v->npositions; i++)
	{
		if (v->positions[i].terms->settle_index == self->asset)
			self->follows[i] &= self->inverse;
	}
	self->doubtful = market_assets(self->market)[self->asset].doubtful && !self->inverse;
	return reached;
}

/* Only what the price reaches: the asset, whatever settles in it, and contracts whose mark goes with it. */
static void
narrow_to_asset(AssetMover *self)
{
	Account    *account = self->mover.account;
	const Valuation *v = &account->v;
	bool	   *assets = palloc0(Max(v->nassets, 1) * sizeof(bool));
	bool	   *positions = palloc0(Max(v->npositions, 1) * sizeof(bool));
	Decimal		usd = units_of_usd(self);

	for (int i = 0; i < v->nassets; i++)
		assets[i] = self->assets[i] == self->asset;
	for (int i = 0; i < v->npositions; i++)
		positions[i] = self->follows[i] || v->positions[i].terms->settle_index == self->asset;
	account_narrow(account, assets, positions);
	account_scale_rest(account, &usd);
	note_lines(self);
}

static void
open_asset(Mover *mover)
{
	AssetMover *self = (AssetMover *) mover;

	narrow_to_asset(self);
	if (self->inverse)
	{
		self->memory = AllocSetContextCreate(CurrentMemoryContext, "margin moved market", ALLOCSET_DEFAULT_SIZES);
		return;
	}
	self->moved = build_market(self, &mover->present);
	bind_moved(self, &mover->present);
}

Mover *
move_asset(Account *account, int asset)
{
	const MarketAsset *terms = &market_assets(account->market)[asset];
	AssetMover *self;

	if (!terms->priced)
		return NULL;
	self = palloc0(sizeof(AssetMover));
	self->mover.account = account;
	self->mover.present = account_number(account, &terms->price);
	self->mover.open = open_asset;
	self->mover.value_at = value_at_price;
	self->asset = asset;
	self->market = account->market;
	return note_lines(self) ? &self->mover : NULL;
}
