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

/* A schedule whose bounds go with the price. */
typedef struct MovedSchedule
{
	uint32		offset;			/* in our own market; first */
	const Schedule *schedule;	/* at the present prices, with bounds in units of the asset */
} MovedSchedule;

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
	MemoryContext memory;		/* of it */
	bool		elsewhere;		/* has it been replaced since it was bound? */
	int			nschedules;		/* of it whose bounds go with the price */
	MovedSchedule *schedules;
	Decimal    *balances;		/* by line, as they were read */
	Position   *held;
	MemoryContext amounts;		/* of what they are at a price */
	MemoryContext scratch;
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

/* What amounts are multiplied by; only the price ever changes. */
typedef enum Factor
{
	FACTOR_USD,
	FACTOR_PRESENT,
	FACTOR_PRICE
} Factor;

/* That of amounts in an asset. */
static inline Factor
factor_of(const AssetMover *self, int asset)
{
	return self->inverse && asset == self->asset ? FACTOR_PRICE : FACTOR_PRESENT;
}

static inline const Decimal *
units_of(const AssetMover *self, int asset, const Decimal *price)
{
	return factor_of(self, asset) == FACTOR_PRICE ? price : &self->mover.present;
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
		uintptr_t	factor;		/* a Factor, as wide as a pointer: nothing is between */
	}			key;			/* first */
	const Schedule *scaled;
} ScaledSchedule;

/* Those known already, and what the factors are. */
typedef struct Scaling
{
	HTAB	   *known;			/* of ScaledSchedule */
	const Decimal *factors[FACTOR_PRICE + 1];
} Scaling;

static HTAB *
scaled_schedules(void)
{
	HASHCTL		control = {.keysize = sizeof(((ScaledSchedule *) NULL)->key), .entrysize = sizeof(ScaledSchedule), .hcxt = CurrentMemoryContext};

	return hash_create("margin scaled schedules", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static void
scale_bounds(const Scaling *scaling, const Schedule **schedule, Factor factor)
{
	ScaledSchedule wanted = {.key = {*schedule, factor}};
	ScaledSchedule *entry;
	bool		found;

	if (*schedule == NULL)
		return;
	entry = hash_search(scaling->known, &wanted.key, HASH_ENTER, &found);
	if (!found)
		entry->scaled = schedule_scale_bounds(*schedule, scaling->factors[factor]);
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
add_asset(const AssetMover *self, MarketTerms *terms, const Scaling *scaling, int number)
{
	AssetTerms *asset = market_terms_read_asset(terms, self->market, number);
	Factor		units = factor_of(self, number);

	if (self->doubtful && asset->priced)
	{
		asset->quote = quote_times(self->market, number, &self->mover.present);
		asset_terms_price(asset);
	}
	asset->initial_tiers = NULL;	/* not wanted */
	scale_bounds(scaling, &asset->tiers, asset->tier_unit == TIERS_IN_VALUE ? FACTOR_USD : units);
	scale_bounds(scaling, &asset->liability_maintenance, units);
}

static void
add_contract(const AssetMover *self, MarketTerms *terms, const Scaling *scaling, int line)
{
	ContractTerms *contract = market_terms_read_contract(terms, self->market, self->contracts[line]);
	Factor		units = factor_of(self, contract_of_line(self, line)->settle_index);

	if ((self->market->orders_reduce_equity & REDUCE_MARGIN) == 0)
		contract->initial = NULL;	/* not wanted */
	if (contract->tier_unit == TIERS_IN_NOTIONAL)
	{
		scale_bounds(scaling, &contract->maintenance, units);
		scale_bounds(scaling, &contract->requirement, units);
		scale_bounds(scaling, &contract->initial, units);
	}
	dec_mul(&contract->mark, &contract->mark, scaling->factors[self->follows[line] ? FACTOR_PRICE : FACTOR_PRESENT]);
	contract_terms_mark(contract);
}

/* What the account needs, all but the price of the asset itself. */
static Market *
build_market(const AssetMover *self, const Decimal *price)
{
	const Valuation *v = &self->mover.account->v;
	Decimal		usd = units_of_usd(self);
	Scaling		scaling = {scaled_schedules(), {&usd, &self->mover.present, price}};
	MarketTerms terms;
	Market	   *result;

	market_terms_begin(&terms, self->market);
	for (int i = 0; i < v->nassets; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_asset(self, &terms, &scaling, self->assets[i]);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		add_contract(self, &terms, &scaling, i);
	}
	result = market_flatten(&terms, true);
	hash_destroy(scaling.known);
	return result;
}

/* Notes a schedule of our own market, by its place there: many lines share one. */
static void
note_schedule(HTAB *noted, uint32 offset, const Market *market, uint32 original)
{
	MovedSchedule *entry;

	if (offset == 0)
		return;
	Assert(original != 0);
	entry = hash_search(noted, &offset, HASH_ENTER, NULL);
	entry->schedule = market_schedule(market, original);
}

static void
note_asset_schedules(const AssetMover *self, HTAB *noted, int line)
{
	const MarketAsset *moved = &market_assets(self->moved)[self->mover.account->v.assets[line].asset];
	const MarketAsset *original = &market_assets(self->market)[self->assets[line]];

	if (factor_of(self, self->assets[line]) != FACTOR_PRICE)
		return;
	if (original->tier_unit != TIERS_IN_VALUE)
		note_schedule(noted, moved->tiers, self->market, original->tiers);
	note_schedule(noted, moved->liability_maintenance, self->market, original->liability_maintenance);
}

static void
note_contract_schedules(const AssetMover *self, HTAB *noted, int line)
{
	const MarketContract *moved = &market_contracts(self->moved)[self->mover.account->v.positions[line].contract];
	const MarketContract *original = contract_of_line(self, line);

	if (factor_of(self, original->settle_index) != FACTOR_PRICE || original->tier_unit != TIERS_IN_NOTIONAL)
		return;
	note_schedule(noted, moved->maintenance, self->market, original->maintenance);
	note_schedule(noted, moved->requirement, self->market, original->requirement);
	note_schedule(noted, moved->initial, self->market, original->initial);
}

/* Notes which schedules of our own market have bounds in units of the asset that is counted by its price. */
static void
note_schedules(AssetMover *self)
{
	const Valuation *v = &self->mover.account->v;
	HASHCTL		control = {.keysize = sizeof(uint32), .entrysize = sizeof(MovedSchedule), .hcxt = CurrentMemoryContext};
	HTAB	   *noted = hash_create("margin moved schedules", 64, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	HASH_SEQ_STATUS status;
	MovedSchedule *entry;

	for (int i = 0; i < v->nassets; i++)
		note_asset_schedules(self, noted, i);
	for (int i = 0; i < v->npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		note_contract_schedules(self, noted, i);
	}
	if (self->schedules != NULL)
		pfree(self->schedules);
	self->schedules = palloc(Max(hash_get_num_entries(noted), 1) * sizeof(MovedSchedule));
	self->nschedules = 0;
	hash_seq_init(&status, noted);
	while ((entry = hash_seq_search(&status)) != NULL)
		self->schedules[self->nschedules++] = *entry;
	hash_destroy(noted);
}

/* Gives these bounds as they are at a price, if our market has room for them where they stand. */
static bool
scale_in_place(const AssetMover *self, const Decimal *price)
{
	MemoryContext old = MemoryContextSwitchTo(self->scratch);
	bool		fits = true;

	for (int i = 0; fits && i < self->nschedules; i++)
	{
		const MovedSchedule *entry = &self->schedules[i];

		CHECK_FOR_INTERRUPTS();
		Assert(market_schedule(self->moved, entry->offset)->count == entry->schedule->count);
		fits = market_put_schedule(self->moved, entry->offset, schedule_scale_bounds(entry->schedule, price));
		MemoryContextReset(self->scratch);
	}
	MemoryContextSwitchTo(old);
	return fits;
}

/* ---------- the portfolio in our units ---------- */

/* Orders of our own to scale: those that were read may be somebody else's. */
static Orders *
copy_orders(const Orders *orders, MemoryContext context)
{
	Orders	   *copy = orders_create(context);

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		for (int k = 0; k < orders->sides[i].count; k++)
			orders_append(&copy->sides[i], &orders->sides[i].levels[k], context);
	}
	return copy;
}

static void
scale_orders(const Orders *to, const Orders *from, const Decimal *units)
{
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		for (int k = 0; k < from->sides[i].count; k++)
		{
			CHECK_FOR_INTERRUPTS();
			dec_mul(&to->sides[i].levels[k].price, &from->sides[i].levels[k].price, units);
		}
	}
}

static void
scale_position(const AssetMover *self, int number, const Decimal *units)
{
	const Account *account = self->mover.account;
	PositionLine *line = &account->v.positions[number];
	const Position *held = &self->held[number];

	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		PositionSide side = held->sides[i];

		if (dec_is_zero(&side.quantity))
			continue;
		dec_mul(&side.cost, &side.cost, units);
		bound_set_side(account->bound, line, i, &side);
	}
	if (held->orders != NULL)
		scale_orders(line->position.orders, held->orders, units);
}

/* What was read, in our units at a price. */
static void
scale_holdings(const AssetMover *self, const Decimal *price)
{
	const Valuation *v = &self->mover.account->v;
	MemoryContext old;

	MemoryContextReset(self->amounts);
	old = MemoryContextSwitchTo(self->amounts);
	for (int i = 0; i < v->nassets; i++)
	{
		Decimal		balance;

		dec_mul(&balance, &self->balances[i], units_of(self, self->assets[i], price));
		bound_set_balance(&v->assets[i], &balance);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		scale_position(self, i, units_of(self, contract_of_line(self, i)->settle_index, price));
	}
	MemoryContextSwitchTo(old);
}

/* Reads the portfolio anew, for a market of our own that has moved. */
static void
bind_moved(AssetMover *self)
{
	Account    *account = self->mover.account;
	const Valuation *v = &account->v;

	self->elsewhere = false;
	account_bind(account, account->portfolio, self->moved, account->wanted);
	for (int i = 0; i < v->nassets; i++)
		self->balances[i] = v->assets[i].balance;
	for (int i = 0; i < v->npositions; i++)
	{
		Position   *position = &v->positions[i].position;

		self->held[i] = *position;
		if (position->orders != NULL)
			position->orders = copy_orders(position->orders, account->binding);
	}
	if (self->inverse)
		note_schedules(self);
}

/* ---------- moving ---------- */

/* Builds our own market anew, and reads the portfolio for it. */
static void
build_moved(AssetMover *self, const Decimal *price)
{
	MemoryContext old;

	MemoryContextReset(self->memory);
	old = MemoryContextSwitchTo(self->memory);
	self->moved = build_market(self, price);
	MemoryContextSwitchTo(old);
	bind_moved(self);
}

/* One that is replaced twice may stand where it stood. */
static void
note_moved(AssetMover *self, Market *market)
{
	self->elsewhere |= market != self->moved;
	self->moved = market;
}

static void
set_quote(AssetMover *self, const Decimal *price)
{
	const Valuation *v = &self->mover.account->v;

	for (int i = 0; i < v->nassets; i++)
	{
		AssetQuote	quote;

		if (self->assets[i] != self->asset)
			continue;
		quote = self->doubtful ? quote_times(self->market, self->asset, price) : plain_quote(price);
		note_moved(self, market_set_quote(self->moved, v->assets[i].asset, &quote));
	}
}

static void
set_marks(AssetMover *self, const Decimal *price)
{
	const Valuation *v = &self->mover.account->v;

	for (int i = 0; i < v->npositions; i++)
	{
		Decimal		buffer;
		Decimal		mark;

		if (!self->follows[i])
			continue;
		dec_mul(&mark, dec_flat(&contract_of_line(self, i)->mark, self->market, &buffer), price);
		note_moved(self, market_set_mark(self->moved, v->positions[i].contract, &mark));
	}
}

/* All is changed where it stands, as long as there is room. */
static void
value_at_price(Mover *mover, const Decimal *price)
{
	AssetMover *self = (AssetMover *) mover;
	bool		scaled = !self->inverse;	/* are the holdings what they are to be? */
	MemoryContext old;

	if (self->inverse && !scale_in_place(self, price))
		build_moved(self, price);
	old = MemoryContextSwitchTo(self->memory);
	if (!self->inverse)
		set_quote(self, price);
	set_marks(self, price);
	MemoryContextSwitchTo(old);
	if (self->elsewhere)
	{
		bind_moved(self);
		scaled = false;
	}
	if (!scaled)
		scale_holdings(self, price);
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
	self->balances = palloc(Max(v->nassets, 1) * sizeof(Decimal));
	self->held = palloc(Max(v->npositions, 1) * sizeof(Position));
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
	self->memory = AllocSetContextCreate(CurrentMemoryContext, "margin moved market", ALLOCSET_DEFAULT_SIZES);
	self->amounts = AllocSetContextCreate(CurrentMemoryContext, "margin moved holdings", ALLOCSET_DEFAULT_SIZES);
	self->scratch = AllocSetContextCreate(CurrentMemoryContext, "margin scaled bounds", ALLOCSET_DEFAULT_SIZES);
	build_moved(self, &mover->present);
	scale_holdings(self, &mover->present);
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
