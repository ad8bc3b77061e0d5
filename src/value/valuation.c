/*
 * valuation.c
 *		The valuation of one portfolio in one market (SPEC 3).
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"

#include "value/valuation.h"

const char *const level_names[] = {
	"healthy", "warning", "margin_call", "liquidation", "bankrupt", "unpriced", NULL
};

/*
 * What value_portfolio() works on.  Records are those of the market, or those
 * of a shock of it: the same, in the same order, but for their prices.
 */
typedef struct BoundPortfolio
{
	Valuation  *v;
	const Market *market;
	const MarketAsset *assets;
	const MarketContract *contracts;
	bool		worth;			/* wanted? */
	bool		maintenance;
	bool		margins;
	bool		lines;
	bool		bind_only;		/* positions are valued later */
	const Valuation *rest;		/* sums of what is valued elsewhere, which totals begin with; or NULL */
	MemoryContext context;		/* of what outlives one shock */
	int		   *line_of;		/* by number of the market's asset: 1 + line, 0 none yet */
	SymbolTable unknown;		/* of UnknownLine: assets that the market lacks */
	int			missing_capacity;
} Work;

typedef struct UnknownLine
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	int			line;			/* 1 + line, 0 none yet */
} UnknownLine;

/* ---------- what is missing ---------- */

static void
note_missing(Work *work, Symbol symbol)
{
	Valuation  *v = work->v;

	if (v->nmissing == work->missing_capacity)
	{
		work->missing_capacity = Max(8, 2 * work->missing_capacity);
		v->missing = v->missing == NULL ?
			MemoryContextAlloc(work->context, work->missing_capacity * sizeof(Symbol)) :
			repalloc(v->missing, work->missing_capacity * sizeof(Symbol));
	}
	v->missing[v->nmissing++] = symbol;
}

static int
compare_symbols(const void *a, const void *b)
{
	return symbol_cmp(a, b);
}

static void
sort_missing(Valuation *v)
{
	int			kept = 0;

	qsort(v->missing, v->nmissing, sizeof(Symbol), compare_symbols);
	for (int i = 0; i < v->nmissing; i++)
	{
		if (kept == 0 || !symbol_equal(&v->missing[kept - 1], &v->missing[i]))
			v->missing[kept++] = v->missing[i];
	}
	v->nmissing = kept;
}

/* ---------- positions ---------- */

/* Nothing valued yet: one sign of an equity leaves alone what the other sets. */
static inline void
clear_valued(AssetLine *line)
{
	line->net_value = line->collateral_value = line->liability = line->liability_maintenance = line->initial_difference = DEC_ZERO;
}

/* Nothing settled yet. */
static inline void
clear_settled(AssetLine *line)
{
	line->pnl_unknown = false;
	line->pnl = DEC_ZERO;
	line->maintenance = DEC_ZERO;
	line->initial = DEC_ZERO;
	line->order_margin = DEC_ZERO;
	line->order_loss = DEC_ZERO;
}

/* Where the line of an asset that the market does not know is noted. */
static int *
unknown_line(Work *work, const Symbol *symbol)
{
	UnknownLine *entry;
	bool		found;

	if (work->unknown.record_size == 0)
		symbol_table_init(&work->unknown, CurrentMemoryContext, sizeof(UnknownLine));
	entry = symbol_table_add(&work->unknown, symbol, &found);
	return &entry->line;
}

/* The line of an asset, by its number in the market (-1: unknown); made where there is none yet. */
static AssetLine *
asset_line(Work *work, int asset, const Symbol *symbol)
{
	Valuation  *v = work->v;
	int		   *number = asset >= 0 ? &work->line_of[asset] : unknown_line(work, symbol);
	AssetLine  *line;

	if (*number != 0)
		return &v->assets[*number - 1];
	line = &v->assets[v->nassets++];
	*number = v->nassets;
	line->symbol = *symbol;
	line->asset = asset;
	line->terms = asset < 0 ? NULL : &work->assets[asset];
	line->missing = false;
	line->settles = false;
	line->pnl_unknown = false;
	line->counted = false;
	line->ordered = false;
	line->balance = DEC_ZERO;
	if (work->lines)
	{
		line->pnl = DEC_ZERO;
		clear_valued(line);
	}
	return line;
}

/* The entry cost of a side that has a quantity, in the settlement asset. */
static inline void
weigh_cost(const Work *work, PositionLine *line, PortfolioSide side)
{
	Decimal		buffer;

	if (!dec_is_zero(&line->position.sides[side].quantity))
		dec_mul(&line->cost[side], dec_flat(&work->contracts[line->contract].size, work->market, &buffer),
				&line->position.sides[side].cost);
}

/* Binds what does not depend on the mark: contract, cost, and the line of the asset in which it settles. */
static void
bind_position(Work *work, PositionLine *line)
{
	const MarketContract *contract;
	Symbol		symbol;

	line->contract = market_find_contract(work->market, &line->position.symbol);
	line->booked = NULL;
	if (line->contract < 0)
		return;
	contract = &work->contracts[line->contract];
	weigh_cost(work, line, SIDE_LONG);
	weigh_cost(work, line, SIDE_SHORT);
	symbol = market_symbol(work->market, &contract->settle);
	line->booked = asset_line(work, contract->settle_index, &symbol);
	if (!line->booked->settles)
	{
		line->booked->settles = true;
		clear_settled(line->booked);
	}
	line->booked->ordered |= line->position.orders != NULL;
}

/* What a position requires, and what of it is for its orders. */
static void
require(const Work *work, PositionLine *line, AssetLine *settle)
{
	bool		ordered = line->position.orders != NULL;
	bool		judged = ordered && (work->market->orders_reduce_equity & REDUCE_MARGIN) != 0;

	require_position(line, work->market, work->margins || judged);
	dec_add(&settle->maintenance, &settle->maintenance, &line->maintenance);
	dec_add(&settle->initial, &settle->initial, &line->initial);
	if (unlikely(ordered))
		dec_add(&settle->order_margin, &settle->order_margin, &line->order_margin);
}

/* Values a position as far as the market allows and books it on its settlement asset. */
static void
value_position(Work *work, PositionLine *line)
{
	const MarketContract *contract;
	AssetLine  *settle = line->booked;

	line->terms = contract = line->contract < 0 ? NULL : &work->contracts[line->contract];
	line->settle = NULL;
	line->settle_missing = false;
	line->missing = contract == NULL || !contract->marked || contract->maintenance == 0;
	if (line->missing)
		note_missing(work, line->position.symbol);
	if (contract == NULL)
		return;

	line->settle = settle->terms;
	line->settle_missing = line->settle == NULL || !line->settle->priced;
	if (line->settle_missing)
		note_missing(work, settle->symbol);

	if (contract->marked)
	{
		mark_position(line, work->market);
		dec_add(&settle->pnl, &settle->pnl, &line->pnl);
		if (unlikely(line->position.orders != NULL))
			dec_add(&settle->order_loss, &settle->order_loss, &line->order_loss);
	}
	else
		settle->pnl_unknown = true;
	if (!line->missing && work->maintenance)
		require(work, line, settle);
}

/* ---------- assets ---------- */

/* Collateral value of an equity >= 0 at the price that it counts at (SPEC 3.3). */
void
value_collateral(Decimal *r, const Schedule *tiers, TierUnit tier_unit, const Decimal *price, const Decimal *equity)
{
	if (tier_unit == TIERS_IN_VALUE)
	{
		dec_mul(r, price, equity);
		schedule_apply(r, tiers, r);
	}
	else
	{
		schedule_apply(r, tiers, equity);
		dec_mul(r, r, price);
	}
}

/* What the tiers of an asset with a price are applied to: an equity >= 0, or its value at the low price. */
void
tiered_amount(Decimal *r, const AssetLine *line, const Market *market)
{
	Decimal		buffer;

	if (line->terms->tier_unit == TIERS_IN_VALUE)
		dec_mul(r, &line->equity, dec_flat(&line->terms->low, market, &buffer));
	else
		*r = line->equity;
}

/* Of a debt of an asset whose initial measure weighs it otherwise. */
static void
differ_debt(Work *work, AssetLine *line, const Decimal *debt)
{
	Decimal		buffer;
	Decimal		liability;

	dec_mul(&liability, dec_flat(&line->terms->initial_liability_price, work->market, &buffer), debt);
	dec_sub(&line->initial_difference, &line->liability, &liability);
	dec_add(&work->v->initial_difference, &work->v->initial_difference, &line->initial_difference);
}

/* A negative equity: a liability, and maintenance of its own (SPEC 3.3, 3.6). */
static void
value_debt(Work *work, AssetLine *line)
{
	Valuation  *v = work->v;
	const Market *market = work->market;
	const MarketAsset *terms = line->terms;
	Decimal		buffer;
	Decimal		debt;

	dec_neg(&debt, &line->equity);
	dec_mul(&line->liability, dec_flat(&terms->liability_price, market, &buffer), &debt);
	dec_add(&v->liabilities, &v->liabilities, &line->liability);
	if (terms->two_measures && work->margins)
		differ_debt(work, line, &debt);
	if (terms->liability_maintenance == 0 || !work->maintenance)
		return;
	schedule_apply(&line->liability_maintenance, market_schedule(market, terms->liability_maintenance), &debt);
	dec_mul(&line->liability_maintenance, &line->liability_maintenance, dec_flat(&terms->high, market, &buffer));
	dec_add(&v->debt_maintenance, &v->debt_maintenance, &line->liability_maintenance);
}

/* What is owned, at its ratios (SPEC 3.3); those of the initial measure may be others. */
static void
value_owned(Work *work, AssetLine *line)
{
	Valuation  *v = work->v;
	const Market *market = work->market;
	const MarketAsset *terms = line->terms;
	Decimal		buffer;
	const Decimal *low = dec_flat(&terms->low, market, &buffer);

	if (line->counted)
		dec_mul(&line->collateral_value, &line->counts, low);
	else
		value_collateral(&line->collateral_value, market_schedule(market, terms->tiers), terms->tier_unit, low, &line->equity);
	dec_add(&v->collateral_value, &v->collateral_value, &line->collateral_value);
	if (likely(terms->initial_tiers == 0) || !work->margins)
		return;
	value_collateral(&line->initial_difference, market_schedule(market, terms->initial_tiers), terms->tier_unit, low, &line->equity);
	dec_sub(&line->initial_difference, &line->initial_difference, &line->collateral_value);
	dec_add(&v->initial_difference, &v->initial_difference, &line->initial_difference);
}

/* What orders settled in an asset with a price require and would lose, in USD. */
static void
add_ordered(Work *work, const AssetLine *line)
{
	Valuation  *v = work->v;
	const Market *market = work->market;
	Decimal		buffer;

	dec_add_product(&v->order_margin, dec_flat(&line->terms->requirement_price, market, &buffer), &line->order_margin);
	dec_add_product(&v->order_loss, dec_flat(&line->terms->high, market, &buffer), &line->order_loss);
}

/* What positions settled in an asset with a price bring and require, in USD. */
static void
add_settled(Work *work, const AssetLine *line)
{
	Valuation  *v = work->v;
	const Market *market = work->market;
	Decimal		buffer;

	if (work->worth)
		dec_add_product(&v->unrealized_pnl, dec_flat(&line->terms->price, market, &buffer), &line->pnl);
	if (work->maintenance)
	{
		const Decimal *price = dec_flat(&line->terms->requirement_price, market, &buffer);

		dec_add_product(&v->position_maintenance, price, &line->maintenance);
		dec_add_product(&v->position_initial, price, &line->initial);
		if (unlikely(line->ordered))
			add_ordered(work, line);
	}
}

/* Values an equity other than 0 of an asset with a price, and adds it to the totals. */
static void
value_equity(Work *work, AssetLine *line, int sign)
{
	Valuation  *v = work->v;

	if (work->worth)
	{
		Decimal		buffer;

		dec_mul(&line->net_value, dec_flat(&line->terms->price, work->market, &buffer), &line->equity);
		dec_add(&v->net_asset_value, &v->net_asset_value, &line->net_value);
	}
	if (sign < 0)
		value_debt(work, line);
	else if (line->terms->tiers != 0)
		value_owned(work, line);
}

static inline int
sum_equity(AssetLine *line)
{
	if (line->settles)
		dec_add(&line->equity, &line->balance, &line->pnl);
	else
		line->equity = line->balance;
	return dec_sign(&line->equity);
}

/* Values an asset as far as the market allows and adds it to the totals. */
static void
value_asset(Work *work, AssetLine *line)
{
	const MarketAsset *terms = line->terms;
	int			sign = sum_equity(line);

	line->missing = sign != 0 && (terms == NULL || (!terms->priced && (terms->tiers != 0 || sign < 0)));
	if (line->missing)
		note_missing(work, line->symbol);
	if (terms == NULL || !terms->priced)
		return;

	if (line->settles)
		add_settled(work, line);
	if (sign != 0)
		value_equity(work, line, sign);
}

/* ---------- totals ---------- */

/* A requirement of positions and one of debts, by the rule of the market. */
static inline void
apply_liability_rule(Decimal *r, const Decimal *positions, const Decimal *debts, const Market *market)
{
	if (likely(market->liability_rule == LIABILITY_SUM))
		dec_add(r, positions, debts);
	else
		*r = dec_cmp(positions, debts) >= 0 ? *positions : *debts;
}

/* Equity less what open orders take of it before it is judged (SPEC 2, 3.10). */
static inline void
take_orders(Valuation *v, const Market *market)
{
	v->judged_equity = v->equity;
	if (likely(market->orders_reduce_equity == REDUCE_NOTHING))
		return;
	if (market->orders_reduce_equity & REDUCE_LOSS)
		dec_sub(&v->judged_equity, &v->judged_equity, &v->order_loss);
	if (market->orders_reduce_equity & REDUCE_MARGIN)
		dec_sub(&v->judged_equity, &v->judged_equity, &v->order_margin);
}

/* The level, decided without the quotient (SPEC 3.10). */
static Level
judge(const Valuation *v, const Market *market)
{
	if (dec_sign(&v->equity) < 0)
		return LEVEL_BANKRUPT;
	if (dec_sign(&v->maintenance_margin) <= 0)
		return LEVEL_HEALTHY;
	/* thresholds never fall, so that below one nothing above it is reached */
	for (int i = THRESHOLD_WARNING; i < THRESHOLDS; i++)
	{
		Decimal		buffer;
		Decimal		bound;

		dec_mul(&bound, dec_flat(&market->thresholds[i], market, &buffer), &v->judged_equity);
		if (dec_cmp(&v->maintenance_margin, &bound) < 0)
			return LEVEL_HEALTHY + i;
	}
	return LEVEL_LIQUIDATION;
}

/* What follows from the initial requirement, and quotients. */
static void
value_margins(Valuation *v)
{
	dec_add(&v->initial_equity, &v->equity, &v->initial_difference);
	dec_sub(&v->available_margin, &v->initial_equity, &v->initial_margin);
	dec_sub(&v->available_margin, &v->available_margin, &v->order_loss);
	v->shortfall = DEC_ZERO;
	if (dec_cmp(&v->maintenance_margin, &v->equity) > 0)
		dec_sub(&v->shortfall, &v->maintenance_margin, &v->equity);
	v->has_ratio = dec_sign(&v->judged_equity) > 0;
	if (v->has_ratio)
		dec_div_round8(&v->margin_ratio, &v->maintenance_margin, &v->judged_equity);
}

/* ---------- the whole ---------- */

/* What the lines add up to; what is concluded from it is not among these, nor what ignores ratios. */
static const Size sums[] = {
	offsetof(Valuation, collateral_value), offsetof(Valuation, liabilities),
	offsetof(Valuation, position_maintenance), offsetof(Valuation, position_initial), offsetof(Valuation, debt_maintenance),
	offsetof(Valuation, initial_difference), offsetof(Valuation, order_margin), offsetof(Valuation, order_loss)
};

static inline Decimal *
sum_of(const Valuation *v, int number)
{
	return (Decimal *) ((char *) v + sums[number]);
}

/* Totals of nothing. */
static void
clear_totals(Valuation *v)
{
	v->level = LEVEL_HEALTHY;
	v->has_ratio = false;
	v->nmissing = 0;
	v->collateral_value = DEC_ZERO;
	v->liabilities = DEC_ZERO;
	v->net_asset_value = DEC_ZERO;
	v->unrealized_pnl = DEC_ZERO;
	v->position_maintenance = DEC_ZERO;
	v->position_initial = DEC_ZERO;
	v->debt_maintenance = DEC_ZERO;
	v->initial_difference = DEC_ZERO;
	v->order_margin = DEC_ZERO;
	v->order_loss = DEC_ZERO;
}

static void
begin_valuation(Work *work, Size nbalances, Size npositions)
{
	Valuation  *v = work->v;
	Size		nlines = nbalances + npositions + 1;	/* one per balance or settlement asset at most */

	clear_totals(v);
	v->nassets = v->npositions = 0;
	v->missing = NULL;
	v->positions = NULL;
	v->assets = MemoryContextAllocHuge(CurrentMemoryContext, nlines * sizeof(AssetLine));
	if (work->lines || work->bind_only)
		v->positions = MemoryContextAllocHuge(CurrentMemoryContext, (npositions + 1) * sizeof(PositionLine));
	work->line_of = palloc0(Max(work->market->nassets, 1) * sizeof(int));
}

static inline void
add_balance(Work *work, const Balance *balance)
{
	asset_line(work, market_find_asset(work->market, &balance->symbol), &balance->symbol)->balance = balance->quantity;
}

/* Where the next position goes: a line that is kept, or "scrap". */
static inline PositionLine *
next_position(Work *work, PositionLine *scrap)
{
	return work->v->positions == NULL ? scrap : &work->v->positions[work->v->npositions++];
}

/* A position that has been read. */
static inline void
add_position(Work *work, PositionLine *line)
{
	bind_position(work, line);
	if (!work->bind_only)
		value_position(work, line);
}

static void
add_flat(Work *work, const struct varlena *portfolio)
{
	PortfolioReader reader;
	PositionLine scrap;

	portfolio_open(&reader, portfolio);
	begin_valuation(work, reader.balances, reader.positions);
	while (reader.balances > 0)
	{
		Balance		balance;

		CHECK_FOR_INTERRUPTS();
		portfolio_read_balance(&reader, &balance);
		add_balance(work, &balance);
	}
	while (reader.positions > 0)
	{
		PositionLine *line = next_position(work, &scrap);

		CHECK_FOR_INTERRUPTS();
		portfolio_read_position(&reader, &line->position);
		add_position(work, line);
	}
	portfolio_end(&reader);
}

static void
add_netting(Work *work, const Netting *netting)
{
	PositionLine scrap;

	begin_valuation(work, netting->balances.count, netting->positions.count);
	for (int i = 0; i < netting->balances.count; i++)
	{
		const Balance *balance = symbol_table_record(&netting->balances, i);

		if (!dec_is_zero(&balance->quantity))
			add_balance(work, balance);
	}
	for (int i = 0; i < netting->positions.count; i++)
	{
		PositionLine *line = next_position(work, &scrap);

		CHECK_FOR_INTERRUPTS();
		line->position = *netting_settled(netting, i);
		add_position(work, line);
	}
}

/* Reads a portfolio, be it flat or the state of its aggregate. */
static void
add_portfolio(Work *work, Valuation *v, Datum portfolio, const Market *market, int wanted)
{
	const Netting *netting = netting_from_datum(portfolio);

	work->v = v;
	work->market = market;
	work->assets = market_assets(market);
	work->contracts = market_contracts(market);
	work->worth = (wanted & VALUE_WORTH) != 0;
	work->maintenance = (wanted & (VALUE_MAINTENANCE | VALUE_MARGINS)) != 0;
	work->margins = (wanted & VALUE_MARGINS) != 0;
	work->lines = (wanted & VALUE_LINES) != 0;
	work->context = CurrentMemoryContext;
	if (netting != NULL)
		add_netting(work, netting);
	else
		add_flat(work, PG_DETOAST_DATUM_PACKED(portfolio));
}

/* Signs that follow from SPEC 3, whatever the account and the market: ratios are at most 1, weights at least. */
static bool PG_USED_FOR_ASSERTS_ONLY
valuation_is_sound(const Valuation *v, bool worth, bool maintenance)
{
	if (dec_sign(&v->collateral_value) < 0 || dec_sign(&v->liabilities) < 0)
		return false;
	if (worth && dec_sign(&v->haircut) < 0)
		return false;
	return !maintenance ||
		(dec_sign(&v->maintenance_margin) >= 0 && dec_sign(&v->initial_margin) >= 0 &&
		 dec_sign(&v->order_margin) >= 0 && dec_sign(&v->order_loss) >= 0 &&
		 dec_cmp(&v->judged_equity, &v->equity) <= 0 && (v->level == LEVEL_BANKRUPT) == (dec_sign(&v->equity) < 0));
}

/* What follows from the sums. */
static void
conclude(Work *work)
{
	Valuation  *v = work->v;

	dec_sub(&v->equity, &v->collateral_value, &v->liabilities);
	if (work->worth)
		dec_sub(&v->haircut, &v->net_asset_value, &v->equity);
	if (work->maintenance)
	{
		apply_liability_rule(&v->maintenance_margin, &v->position_maintenance, &v->debt_maintenance, work->market);
		apply_liability_rule(&v->initial_margin, &v->position_initial, &v->debt_maintenance, work->market);
		take_orders(v, work->market);
		v->level = judge(v, work->market);
	}
	if (work->margins)
		value_margins(v);
	Assert(valuation_is_sound(v, work->worth, work->maintenance));
}

/* Values the assets, once all positions are booked on them, and adds up. */
static void
add_up(Work *work)
{
	Valuation  *v = work->v;

	for (int i = 0; i < v->nassets; i++)
	{
		CHECK_FOR_INTERRUPTS();
		value_asset(work, &v->assets[i]);
	}
	if (v->nmissing > 0)
	{
		sort_missing(v);
		v->level = LEVEL_UNPRICED;
		return;
	}
	conclude(work);
}

void
value_portfolio(Valuation *v, Datum portfolio, const Market *market, int wanted)
{
	Work		work = {0};

	add_portfolio(&work, v, portfolio, market, wanted);
	add_up(&work);
}

/* What of a collateral counts does not depend on prices where they neither change its equity nor scale its tiers. */
static void
count_collateral(AssetLine *line, const Market *market)
{
	const MarketAsset *terms = line->terms;

	line->counted = !line->settles && terms != NULL && terms->tiers != 0 && terms->tier_unit == TIERS_IN_QUANTITY &&
		dec_sign(&line->balance) > 0;
	if (line->counted)
		schedule_apply(&line->counts, market_schedule(market, terms->tiers), &line->balance);
}

/* Reads a portfolio for value_bound(). */
BoundPortfolio *
bind_portfolio(Valuation *v, Datum portfolio, const Market *market, int wanted)
{
	Work	   *work = palloc0(sizeof(Work));

	work->bind_only = true;
	add_portfolio(work, v, portfolio, market, wanted);
	for (int i = 0; i < v->nassets; i++)
		count_collateral(&v->assets[i], market);
	return work;
}

/* Values a bound portfolio in a shock of its market; amounts go to the current context. */
void
value_bound(BoundPortfolio *work, const MarketAsset *assets, const MarketContract *contracts)
{
	Valuation  *v = work->v;

	work->assets = assets;
	work->contracts = contracts;
	clear_totals(v);
	for (int i = 0; work->rest != NULL && i < (int) lengthof(sums); i++)
		*sum_of(v, i) = *sum_of(work->rest, i);
	for (int i = 0; i < v->nassets; i++)
	{
		AssetLine  *line = &v->assets[i];

		if (line->asset >= 0)
			line->terms = &assets[line->asset];
		if (line->settles)
			clear_settled(line);
		if (work->lines)
			clear_valued(line);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		CHECK_FOR_INTERRUPTS();
		value_position(work, &v->positions[i]);
	}
	add_up(work);
}

/* Takes an asset with a price off the totals, as it was valued last; its line stays. */
static void
take_off_asset(Work *work, const AssetLine *line)
{
	Valuation  *v = work->v;
	const Decimal *price;
	Decimal		buffer;
	Decimal		part;

	dec_sub(&v->collateral_value, &v->collateral_value, &line->collateral_value);
	dec_sub(&v->liabilities, &v->liabilities, &line->liability);
	dec_sub(&v->debt_maintenance, &v->debt_maintenance, &line->liability_maintenance);
	if (!line->settles)
		return;
	price = dec_flat(&line->terms->requirement_price, work->market, &buffer);
	dec_mul(&part, price, &line->maintenance);
	dec_sub(&v->position_maintenance, &v->position_maintenance, &part);
	dec_mul(&part, price, &line->initial);
	dec_sub(&v->position_initial, &v->position_initial, &part);
	if (likely(!line->ordered))
		return;
	dec_mul(&part, price, &line->order_margin);
	dec_sub(&v->order_margin, &v->order_margin, &part);
	dec_mul(&part, dec_flat(&line->terms->high, work->market, &buffer), &line->order_loss);
	dec_sub(&v->order_loss, &v->order_loss, &part);
}

/* Takes a position off the line of the asset in which it settles. */
static void
take_off_position(const PositionLine *line)
{
	AssetLine  *settle = line->booked;

	dec_sub(&settle->pnl, &settle->pnl, &line->pnl);
	dec_sub(&settle->maintenance, &settle->maintenance, &line->maintenance);
	dec_sub(&settle->initial, &settle->initial, &line->initial);
	if (likely(line->position.orders == NULL))
		return;
	dec_sub(&settle->order_margin, &settle->order_margin, &line->order_margin);
	dec_sub(&settle->order_loss, &settle->order_loss, &line->order_loss);
}

/*
 * The same as value_bound(), of a shock that moves prices of these lines alone:
 * assets whose price moves or in which a position settles whose mark does, and such
 * positions.  The portfolio has been valued with VALUE_MAINTENANCE | VALUE_LINES and
 * lacks nothing.  Sums are exact, so that what is taken off and added again leaves
 * no trace.
 */
void
value_bound_part(BoundPortfolio *work, const MarketAsset *assets, const MarketContract *contracts,
				 const int *lines, int nlines, const int *positions, int npositions)
{
	Valuation  *v = work->v;

	Assert(work->lines && !work->margins && !work->worth && v->nmissing == 0);
	for (int i = 0; i < nlines; i++)
		take_off_asset(work, &v->assets[lines[i]]);
	for (int i = 0; i < npositions; i++)
		take_off_position(&v->positions[positions[i]]);
	work->assets = assets;
	work->contracts = contracts;
	for (int i = 0; i < nlines; i++)
	{
		v->assets[lines[i]].terms = &assets[v->assets[lines[i]].asset];
		clear_valued(&v->assets[lines[i]]);
	}
	for (int i = 0; i < npositions; i++)
		value_position(work, &v->positions[positions[i]]);
	for (int i = 0; i < nlines; i++)
		value_asset(work, &v->assets[lines[i]]);
	conclude(work);
}

/*
 * The same for one position with a known settlement asset, whatever is to be held or ordered in it and owned
 * of that asset instead.  Its numerics must last as long as they stay there.
 */
void
bound_replace(BoundPortfolio *work, PositionLine *line, const Position *position, const Decimal *balance)
{
	AssetLine  *settle = line->booked;

	Assert(work->lines && !work->margins && !work->worth && work->v->nmissing == 0);
	take_off_asset(work, settle);
	take_off_position(line);
	clear_valued(settle);
	bound_set_balance(settle, balance);
	line->position = *position;
	weigh_cost(work, line, SIDE_LONG);
	weigh_cost(work, line, SIDE_SHORT);
	value_position(work, line);
	value_asset(work, settle);
	conclude(work);
}

/* From the next valuation on, sums begin with these. */
void
bound_begin_with(BoundPortfolio *work, const Valuation *rest)
{
	Assert(!work->worth);
	work->rest = rest;
}

/* The sums of a valuation that those of a part of it lack, in the current context. */
void
valuation_rest(Valuation *rest, const Valuation *whole, const Valuation *part)
{
	clear_totals(rest);
	for (int i = 0; i < (int) lengthof(sums); i++)
	{
		Decimal		difference;

		dec_sub(&difference, sum_of(whole, i), sum_of(part, i));
		dec_copy_into(sum_of(rest, i), &difference, CurrentMemoryContext);
	}
}

/* The same sums, of amounts in a unit that is so many times as small. */
void
valuation_scale_rest(Valuation *rest, const Decimal *unit)
{
	for (int i = 0; i < (int) lengthof(sums); i++)
		dec_mul(sum_of(rest, i), sum_of(rest, i), unit);
}

/* What a bound portfolio is to hold instead of what was read. */
void
bound_set_balance(AssetLine *line, const Decimal *balance)
{
	line->balance = *balance;
	line->counted = false;
}

/*
 * The same for an asset with a price, of a portfolio that has been valued with
 * VALUE_LINES and lacks nothing: line and totals are what value_bound() would
 * make of the whole.  Sums are exact, so that what is taken off and added
 * again leaves no trace.
 */
void
bound_revalue(BoundPortfolio *work, AssetLine *line, const Decimal *balance)
{
	Valuation  *v = work->v;
	int			sign;

	Assert(work->lines && v->nmissing == 0 && line->terms->priced);
	dec_sub(&v->collateral_value, &v->collateral_value, &line->collateral_value);
	dec_sub(&v->liabilities, &v->liabilities, &line->liability);
	dec_sub(&v->debt_maintenance, &v->debt_maintenance, &line->liability_maintenance);
	dec_sub(&v->initial_difference, &v->initial_difference, &line->initial_difference);
	if (work->worth)
		dec_sub(&v->net_asset_value, &v->net_asset_value, &line->net_value);
	clear_valued(line);
	bound_set_balance(line, balance);
	sign = sum_equity(line);
	if (sign != 0)
		value_equity(work, line, sign);
	conclude(work);
}

void
bound_set_side(const BoundPortfolio *work, PositionLine *line, PortfolioSide side, const PositionSide *held)
{
	line->position.sides[side] = *held;
	weigh_cost(work, line, side);
}

/* The net profit in a settlement asset, where there is one, is a gain on paper; a net loss is not left out with it. */
static inline bool
gains(const AssetLine *line)
{
	return line->settles && dec_sign(&line->pnl) > 0;
}

bool
has_unrealized_gains(const Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
	{
		if (gains(&v->assets[i]))
			return true;
	}
	return false;
}

/* Takes gains on paper off the balances of a bound portfolio that has been valued. */
void
bound_remove_gains(Valuation *v)
{
	for (int i = 0; i < v->nassets; i++)
	{
		AssetLine  *line = &v->assets[i];
		Decimal		rest;

		if (!gains(line))
			continue;
		dec_sub(&rest, &line->balance, &line->pnl);
		bound_set_balance(line, &rest);
	}
}

void
value_without_gains(Valuation *v, Datum portfolio, const Market *market)
{
	BoundPortfolio *bound = bind_portfolio(v, portfolio, market, VALUE_MARGINS);

	value_bound(bound, market_assets(market), market_contracts(market));
	bound_remove_gains(v);
	value_bound(bound, market_assets(market), market_contracts(market));
}

/* Puts the lines into byte order; invalidates PositionLine.booked. */
void
sort_lines(Valuation *v)
{
	qsort(v->assets, v->nassets, sizeof(AssetLine), compare_symbols);
	qsort(v->positions, v->npositions, sizeof(PositionLine), compare_symbols);
	for (int i = 0; i < v->npositions; i++)
		v->positions[i].booked = NULL;
}

/* available_margin >= 0 and not undercollateralized; an unpriced account does not pass. */
bool
valuation_passes(const Valuation *v)
{
	return v->level < LEVEL_LIQUIDATION && dec_sign(&v->available_margin) >= 0;
}
