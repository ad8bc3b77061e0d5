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
#include "value/position.h"

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
	bool		ordered;		/* some order settles in it */

	/* in units of the asset */
	Decimal		balance;
	Decimal		counts;			/* of it as collateral */
	Decimal		equity;
	Decimal		pnl;			/* of the positions settled in it, as are the next two */
	Decimal		maintenance;
	Decimal		initial;		/* with orders */
	Decimal		order_margin;	/* what of it is for them; of an asset that is ordered, as is the next */
	Decimal		order_loss;

	/* in USD; 0 without a price */
	Decimal		net_value;
	Decimal		collateral_value;
	Decimal		liability;
	Decimal		liability_maintenance;
	Decimal		initial_difference; /* what the initial measure adds to its value */
} AssetLine;

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
	Decimal		initial_equity;
	Decimal		order_margin;
	Decimal		order_loss;
	Decimal		judged_equity;	/* equity, less what orders take of it before it is judged */

	/* what the margins are made of, by the market's liability rule */
	Decimal		position_maintenance;
	Decimal		position_initial;
	Decimal		debt_maintenance;
	Decimal		initial_difference; /* initial_equity - equity */

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

extern void value_portfolio(Valuation *v, Datum portfolio, const Market *market, int wanted);

/*
 * The same for many shocks of one market: read once, valued often.  A shock has
 * the market's records but for their prices, and numerics at offsets from the
 * market, as it has.
 */
typedef struct BoundPortfolio BoundPortfolio;

extern BoundPortfolio *bind_portfolio(Valuation *v, Datum portfolio, const Market *market, int wanted);
extern void value_bound(BoundPortfolio *bound, const MarketAsset *assets, const MarketContract *contracts);
extern void value_bound_part(BoundPortfolio *bound, const MarketAsset *assets, const MarketContract *contracts,
							 const int *lines, int nlines, const int *positions, int npositions);

/* A part of a portfolio, valued with sums that the rest of it brings. */
extern void bound_begin_with(BoundPortfolio *bound, const Valuation *rest);
extern void valuation_rest(Valuation *rest, const Valuation *whole, const Valuation *part);
extern void valuation_scale_rest(Valuation *rest, const Decimal *unit);

/* Between two valuations, its lines may be given other holdings; numerics must last as long as they stay there. */
extern void bound_set_balance(AssetLine *line, const Decimal *balance);
extern void bound_remove_gains(Valuation *v);
extern void bound_revalue(BoundPortfolio *bound, AssetLine *line, const Decimal *balance);
extern void bound_replace(BoundPortfolio *bound, PositionLine *line, const Position *position, const Decimal *balance);
extern void bound_set_side(const BoundPortfolio *bound, PositionLine *line, PortfolioSide side, const PositionSide *held);

extern bool valuation_passes(const Valuation *v);
extern bool has_unrealized_gains(const Valuation *v);
extern void value_without_gains(Valuation *v, Datum portfolio, const Market *market);
extern void sort_lines(Valuation *v);
extern void value_collateral(Decimal *r, const Schedule *tiers, TierUnit tier_unit, const Decimal *price, const Decimal *equity);
extern void tiered_amount(Decimal *r, const AssetLine *line, const Market *market);

#endif							/* MARGIN_VALUATION_H */
