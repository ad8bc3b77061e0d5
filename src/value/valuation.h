/*
 * valuation.h
 *		The valuation of one portfolio in one market (SPEC 3).
 *
 * A pure function of its two arguments.  Amounts are exact; only margin_ratio
 * is a rounded quotient.  Where anything needed is missing the level is
 * unpriced and no total is computed; the lines still hold what could be.
 */
#ifndef MARGIN_VALUATION_H
#define MARGIN_VALUATION_H

#include "value/market.h"
#include "value/netting.h"
#include "value/portfolio.h"

typedef enum Level
{
	LEVEL_HEALTHY,
	LEVEL_WARNING,
	LEVEL_MARGIN_CALL,
	LEVEL_LIQUIDATION,
	LEVEL_BANKRUPT,
	LEVEL_UNPRICED,
	LEVELS
} Level;

extern const char *const level_names[];

/* One asset with a balance, or in which a position settles. */
typedef struct AssetLine
{
	Symbol		symbol;			/* first: lines are sorted by it */
	int			asset;			/* its number in the market, -1: unknown */
	const MarketAsset *terms;	/* NULL: the market does not know it */
	bool		missing;		/* lacks what its equity needs */
	bool		settles;		/* some position settles in it */
	bool		pnl_unknown;	/* and has no mark */
	bool		counted;		/* is "counts" known beforehand? */

	/* in units of the asset */
	Decimal		balance;
	Decimal		counts;			/* of it as collateral */
	Decimal		equity;
	Decimal		pnl;			/* of the positions settled in it, as are the next two */
	Decimal		maintenance;
	Decimal		initial;

	/* in USD; 0 without a price */
	Decimal		net_value;
	Decimal		collateral_value;
	Decimal		liability;
	Decimal		liability_maintenance;
} AssetLine;

/* One contract with a position; amounts in its settlement asset. */
typedef struct PositionLine
{
	Position	position;		/* first: its symbol is */
	int			contract;		/* its number in the market, -1: unknown */
	AssetLine  *booked;			/* line of its settlement asset; NULL: unknown contract */
	const MarketContract *terms;	/* NULL: the market does not know it */
	const MarketAsset *settle;	/* NULL: nor its settlement asset */
	bool		missing;		/* unknown, without mark or without maintenance */
	bool		settle_missing; /* settlement asset unknown or without price */
	Decimal		cost[2];		/* by PortfolioSide, of sides with quantity: size * entry cost */
	Decimal		notional[2];	/* these need a mark */
	Decimal		pnl;
	Decimal		maintenance;	/* these the maintenance schedule too */
	Decimal		initial;
} PositionLine;

/* What an initial requirement is: the largest of these, of equals the first. */
typedef enum InitialReason
{
	INITIAL_BY_MAINTENANCE,
	INITIAL_BY_RATE,
	INITIAL_BY_LEVERAGE
} InitialReason;

/* What one side of a position requires, amounts in the settlement asset (SPEC 3.5, 3.7). */
typedef struct SideRequirement
{
	Decimal		notional;		/* netting "net": what the other side leaves of the larger one */
	Decimal		maintenance;
	Decimal		initial;
	InitialReason reason;
	bool		maintains;		/* does its maintenance count, or does the netting leave it out? */
	bool		opens;			/* and its initial requirement? */
} SideRequirement;

typedef struct Valuation
{
	Level		level;
	bool		has_ratio;
	/* in USD */
	Decimal		equity;
	Decimal		collateral_value;
	Decimal		liabilities;
	Decimal		net_asset_value;
	Decimal		haircut;
	Decimal		unrealized_pnl;
	Decimal		initial_margin;
	Decimal		maintenance_margin;
	Decimal		available_margin;
	Decimal		shortfall;
	Decimal		margin_ratio;

	int			nmissing;		/* in byte order, each once */
	Symbol	   *missing;

	/* lines, in no order */
	int			nassets;
	AssetLine  *assets;
	int			npositions;
	PositionLine *positions;
} Valuation;

/* What is wanted beyond level unpriced or not, equity and its two parts. */
#define VALUE_WORTH		0x01	/* what ignores ratios: net asset value, haircut, unrealized PnL */
#define VALUE_MARGINS	0x02	/* requirements, and all that follows from them */
#define VALUE_MAINTENANCE 0x08	/* of these only the maintenance margin, and the level */
#define VALUE_ALL		0x03
#define VALUE_LINES		0x04	/* the lines of assets and positions, complete */

/* Profit of one side: what it is worth at a price, less what it cost, all in the settlement asset. */
static inline void
side_gain(Decimal *r, PortfolioSide side, const Decimal *notional, const Decimal *cost)
{
	if (side == SIDE_LONG)
		dec_sub(r, notional, cost);
	else
		dec_sub(r, cost, notional);
}

/* The same from its entry cost (SPEC 3.1). */
static inline void
side_profit(Decimal *r, PortfolioSide side, const Decimal *notional, const Decimal *size, const Decimal *entry_cost)
{
	Decimal		cost;

	dec_mul(&cost, size, entry_cost);
	side_gain(r, side, notional, &cost);
}

extern void value_portfolio(Valuation *v, Datum portfolio, const Market *market, int wanted);

/*
 * The same for many shocks of one market: read once, valued often.  A shock has
 * the market's records but for their prices, and numerics at offsets from the
 * market, as it has.
 */
typedef struct BoundPortfolio BoundPortfolio;

extern BoundPortfolio *bind_portfolio(Valuation *v, Datum portfolio, const Market *market, int wanted);
extern void value_bound(BoundPortfolio *bound, const MarketAsset *assets, const MarketContract *contracts);

/* Between two valuations, its lines may be given other holdings; numerics must last as long as they stay there. */
extern void bound_set_balance(AssetLine *line, const Decimal *balance);
extern void bound_revalue(BoundPortfolio *bound, AssetLine *line, const Decimal *balance);
extern void bound_set_side(const BoundPortfolio *bound, PositionLine *line, PortfolioSide side, const PositionSide *held);

extern bool valuation_passes(const Valuation *v);
extern void sort_lines(Valuation *v);
extern void require_sides(SideRequirement legs[2], const PositionLine *line, const Market *market);
extern void value_collateral(Decimal *r, const Schedule *tiers, TierUnit tier_unit, const Decimal *price, const Decimal *equity,
							 const Decimal *net_value);

#endif							/* MARGIN_VALUATION_H */
