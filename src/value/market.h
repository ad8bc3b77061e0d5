/*
 * market.h
 *		Everything needed to price a portfolio (SPEC 2), as one flat value.
 *
 * Prices are in USD per unit of the asset, marks in the settlement asset per
 * unit of the contract's underlying, sizes in units per contract, weights and
 * rates plain factors.  The value is position independent: records in byte
 * order of their names, found through a hash index inside, schedules embedded
 * as they are, equal ones once.  Nothing needs to be compiled or copied before use.
 *
 * market_build() is the one validator: text, binary and rows all come through.
 */
#ifndef MARGIN_MARKET_H
#define MARGIN_MARKET_H

#include "datatype/timestamp.h"
#include "utils/hsearch.h"

#include "value/schedule.h"
#include "base/symbol.h"

#define MARKET_VERSION 2

typedef enum TierUnit
{
	TIERS_IN_QUANTITY,
	TIERS_IN_VALUE
} TierUnit;

typedef enum NettingMode
{
	NETTING_LEG,
	NETTING_LARGER,
	NETTING_NET
} NettingMode;

/* What the bounds of a contract's tiers are in. */
typedef enum ContractTierUnit
{
	TIERS_IN_NOTIONAL,
	TIERS_IN_CONTRACTS
} ContractTierUnit;

typedef enum Threshold
{
	THRESHOLD_WARNING,
	THRESHOLD_MARGIN_CALL,
	THRESHOLD_LIQUIDATION,
	THRESHOLDS
} Threshold;

/* What of open orders is taken from equity before it is judged: two bits. */
typedef enum OrderReduction
{
	REDUCE_NOTHING = 0,
	REDUCE_LOSS = 1,
	REDUCE_MARGIN = 2,
	REDUCE_BOTH = REDUCE_LOSS | REDUCE_MARGIN
} OrderReduction;

/* How the maintenance of debts and of positions make one. */
typedef enum LiabilityRule
{
	LIABILITY_SUM,
	LIABILITY_LARGER
} LiabilityRule;

extern const char *const tier_unit_names[];
extern const char *const order_reduction_names[];
extern const char *const liability_rule_names[];
extern const char *const threshold_names[];
extern const Decimal threshold_defaults[THRESHOLDS];

/* ---------- the flat value ---------- */

typedef struct MarketName
{
	uint64		prefix;
	uint32		offset;
	uint32		length;			/* 0: none */
} MarketName;

typedef struct MarketAsset
{
	MarketName	name;
	uint8		tier_unit;
	bool		priced;
	bool		doubtful;		/* low or high is not the price */
	bool		two_measures;	/* the initial measure has tiers or a weight of its own */
	uint32		tiers;			/* offsets of schedules, 0: none */
	uint32		initial_tiers;	/* 0: as tiers */
	uint32		liability_maintenance;
	Decimal		price;
	Decimal		low;			/* what is owned counts at this, */
	Decimal		high;			/* what is owed or required at this */
	Decimal		liability_weight;
	Decimal		initial_liability_weight;
	Decimal		requirement_weight;
	Decimal		liability_price;	/* weight * high, when priced */
	Decimal		initial_liability_price;
	Decimal		requirement_price;
} MarketAsset;

typedef struct MarketContract
{
	MarketName	name;
	MarketName	settle;
	MarketName	base;
	int32		settle_index;	/* into the assets, -1: unknown */
	uint8		netting;
	uint8		tier_unit;
	bool		order_maintenance;	/* do open orders require maintenance, too? */
	bool		marked;
	uint32		maintenance;
	uint32		requirement;	/* maintenance and closing fee in one */
	uint32		initial;
	Decimal		size;
	Decimal		mark;
	Decimal		closing_fee;
	Decimal		opening_fee;
	Decimal		unit_notional;	/* size * mark, when marked */
} MarketContract;

/*
 * A stamp is given to a market that many calls will be made with: two with the
 * same one are equal.  Copies keep it; whatever changes a market takes it away.
 * It is no part of the value: comparison, hash, text and binary form leave it out.
 */
typedef struct MarketStamp
{
	uint64		halves[2];		/* 0, 0: none */
} MarketStamp;

#define NO_STAMP ((MarketStamp) {{0, 0}})

typedef struct Market
{
	int32		vl_len_;
	uint8		version;
	MarketStamp stamp;
	uint32		nassets;
	uint32		ncontracts;
	uint32		assets;			/* offsets of arrays */
	uint32		contracts;
	uint32		asset_slots;	/* of 1 + index, 0 is empty */
	uint32		contract_slots;
	uint32		asset_mask;		/* slots - 1 */
	uint32		contract_mask;
	uint8		orders_reduce_equity;	/* OrderReduction */
	uint8		liability_rule;
	Decimal		thresholds[THRESHOLDS];
} Market;

static inline const MarketAsset *
market_assets(const Market *market)
{
	return (const MarketAsset *) ((const char *) market + market->assets);
}

static inline const MarketContract *
market_contracts(const Market *market)
{
	return (const MarketContract *) ((const char *) market + market->contracts);
}

static inline const Schedule *
market_schedule(const Market *market, uint32 offset)
{
	return offset == 0 ? NULL : (const Schedule *) ((const char *) market + offset);
}

static inline Symbol
market_symbol(const Market *market, const MarketName *name)
{
	return (Symbol) {name->prefix, (const char *) market + name->offset, (int) name->length};
}

/* The number of a name among records of that size, or -1. */
static inline int
market_find(const Market *market, const Symbol *name, uint32 slots, uint32 mask, uint32 records, Size record_size)
{
	const uint32 *slot = (const uint32 *) ((const char *) market + slots);

	for (uint32 i = symbol_hash(name) & mask; slot[i] != 0; i = (i + 1) & mask)
	{
		const MarketName *record = (const MarketName *) ((const char *) market + records + (slot[i] - 1) * record_size);
		Symbol		candidate = market_symbol(market, record);

		if (symbol_equal(&candidate, name))
			return (int) slot[i] - 1;
	}
	return -1;
}

static inline int
market_find_asset(const Market *market, const Symbol *name)
{
	return market_find(market, name, market->asset_slots, market->asset_mask, market->assets, sizeof(MarketAsset));
}

static inline int
market_find_contract(const Market *market, const Symbol *name)
{
	return market_find(market, name, market->contract_slots, market->contract_mask, market->contracts,
					   sizeof(MarketContract));
}

/* The same of a name that has to be there, an error where it is not. */
extern int	market_known_asset(const Market *market, const Symbol *name);
extern int	market_known_contract(const Market *market, const Symbol *name);

extern const Market *market_from_datum(Datum value);

/*
 * The last market that a call site had to fetch from where it is stored.  A
 * market that joins a query as a column comes as a pointer to that place, the
 * same for every row: it is fetched once.  Within one statement such a pointer
 * names one value, as the statement's snapshot keeps it from being removed.
 */
typedef struct StoredMarket
{
	struct varatt_external pointer;
	TimestampTz transaction;
	TimestampTz statement;
	Market	   *market;
} StoredMarket;

#define market_is_stored(value) VARATT_IS_EXTERNAL_ONDISK(DatumGetPointer(value))

extern const Market *market_fetch(StoredMarket *last, Datum value, MemoryContext context);
extern const Market *market_of_call(FunctionCallInfo fcinfo, int number);

/* What an asset is priced at, in USD: 0 < low <= price <= high. */
typedef struct AssetQuote
{
	Decimal		price;
	Decimal		low;
	Decimal		high;
} AssetQuote;

extern AssetQuote plain_quote(const Decimal *price);
extern AssetQuote quote_times(const Market *market, int number, const Decimal *factor);

/* A market of one's own, and what may be changed in it: in place if that is enough, or else in a market that may have moved. */
extern Market *market_copy(const Market *market);
extern bool market_put_quote(Market *market, int number, const AssetQuote *quote);
extern bool market_put_mark(Market *market, int number, const Decimal *mark);
extern bool market_put_schedule(Market *market, uint32 offset, const Schedule *schedule);
extern Market *market_set_quote(Market *market, int number, const AssetQuote *quote);
extern Market *market_set_mark(Market *market, int number, const Decimal *mark);

/* ---------- a market under construction ---------- */

typedef struct AssetTerms
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	bool		priced;
	bool		has_low;		/* else the price */
	bool		has_high;
	bool		has_initial_liability_weight;	/* else the liability weight */
	AssetQuote	quote;
	const Schedule *tiers;		/* or NULL */
	const Schedule *initial_tiers;	/* or NULL: as tiers */
	uint8		tier_unit;
	Decimal		liability_weight;
	Decimal		initial_liability_weight;
	Decimal		requirement_weight;
	const Schedule *liability_maintenance;	/* or NULL */
	Decimal		liability_price;	/* these three are computed by market_build() */
	Decimal		initial_liability_price;
	Decimal		requirement_price;
} AssetTerms;

typedef struct ContractTerms
{
	Symbol		symbol;
	Symbol		settle;
	Symbol		base;			/* length 0: none */
	Decimal		size;			/* 0: not given yet */
	bool		marked;
	bool		order_maintenance;
	uint8		netting;
	uint8		tier_unit;
	Decimal		mark;
	const Schedule *maintenance;	/* or NULL */
	const Schedule *initial;	/* or NULL */
	Decimal		closing_fee;
	Decimal		opening_fee;
	const Schedule *requirement;	/* computed by market_build() */
	Decimal		unit_notional;
} ContractTerms;

typedef struct MarketTerms
{
	SymbolTable assets;			/* of AssetTerms */
	SymbolTable contracts;		/* of ContractTerms */
	Decimal		thresholds[THRESHOLDS];
	uint8		orders_reduce_equity;
	uint8		liability_rule;
} MarketTerms;

extern void market_terms_init(MarketTerms *terms);
extern void market_terms_begin(MarketTerms *terms, const Market *market);
extern AssetTerms *market_terms_read_asset(MarketTerms *terms, const Market *market, int number);
extern ContractTerms *market_terms_read_contract(MarketTerms *terms, const Market *market, int number);
extern void market_terms_read(MarketTerms *terms, const Market *market);
extern AssetTerms *market_add_asset(MarketTerms *terms, const Symbol *symbol, bool *found);
extern ContractTerms *market_add_contract(MarketTerms *terms, const Symbol *symbol, bool *found);
extern void asset_terms_price(AssetTerms *asset);
extern void contract_terms_mark(ContractTerms *contract);
extern HTAB *schedules_create(void);
extern void keep_schedule(HTAB *schedules, const Schedule **schedule);
extern Market *market_build(MarketTerms *terms);
extern Market *market_flatten(const MarketTerms *terms, bool shared);

#endif							/* MARGIN_MARKET_H */
