/*
 * market.c
 *		Everything needed to price a portfolio: validation and the flat value.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/flat.h"
#include "value/market.h"

const char *const tier_unit_names[] = {"quantity", "value", NULL};
const char *const netting_names[] = {"leg", "larger", "net", NULL};
const char *const threshold_names[] = {"warning", "margin_call", "liquidation", NULL};
const Decimal threshold_defaults[THRESHOLDS] = {{{7}, 0, 1}, {{85}, 0, 2}, {{1}, 0, 0}};

const Market *
market_from_datum(Datum value)
{
	Market	   *market = (Market *) PG_DETOAST_DATUM(value);

	flat_check_version("market", market->version, MARKET_VERSION);
	return market;
}

/* The market at a place where it is stored, kept in a context that outlives the call. */
const Market *
market_fetch(StoredMarket *last, Datum value, MemoryContext context)
{
	struct varatt_external pointer;

	VARATT_EXTERNAL_GET_POINTER(pointer, DatumGetPointer(value));
	if (last->market == NULL || memcmp(&pointer, &last->pointer, sizeof(pointer)) != 0 ||
		last->statement != GetCurrentStatementStartTimestamp() ||
		last->transaction != GetCurrentTransactionStartTimestamp())
	{
		MemoryContext old = MemoryContextSwitchTo(context);

		if (last->market != NULL)
			pfree(last->market);
		last->market = NULL;
		last->market = (Market *) market_from_datum(value);
		last->pointer = pointer;
		last->statement = GetCurrentStatementStartTimestamp();
		last->transaction = GetCurrentTransactionStartTimestamp();
		MemoryContextSwitchTo(old);
	}
	return last->market;
}

/* The market that is an argument of a function that keeps nothing else from row to row. */
const Market *
market_of_call(FunctionCallInfo fcinfo, int number)
{
	Datum		value = PG_GETARG_DATUM(number);

	if (!market_is_stored(value))
		return market_from_datum(value);
	if (fcinfo->flinfo->fn_extra == NULL)
		fcinfo->flinfo->fn_extra = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(StoredMarket));
	return market_fetch(fcinfo->flinfo->fn_extra, value, fcinfo->flinfo->fn_mcxt);
}

static int
known(int number, const char *kind, const Symbol *name)
{
	if (number < 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("%s \"%s\" is not in the market", kind, symbol_text(name)),
				 errhint("%ss(market) lists those that are.", kind)));
	return number;
}

int
market_known_asset(const Market *market, const Symbol *name)
{
	return known(market_find_asset(market, name), "asset", name);
}

int
market_known_contract(const Market *market, const Symbol *name)
{
	return known(market_find_contract(market, name), "contract", name);
}

/* ---------- terms ---------- */

void
market_terms_init(MarketTerms *terms)
{
	symbol_table_init(&terms->assets, CurrentMemoryContext, sizeof(AssetTerms));
	symbol_table_init(&terms->contracts, CurrentMemoryContext, sizeof(ContractTerms));
	memcpy(terms->thresholds, threshold_defaults, sizeof(terms->thresholds));
}

/* Terms of an asset, with the defaults of SPEC 2 where they are new. */
AssetTerms *
market_add_asset(MarketTerms *terms, const Symbol *symbol, bool *found)
{
	AssetTerms *asset = symbol_table_add(&terms->assets, symbol, found);

	if (!*found)
		asset->liability_weight = asset->requirement_weight = DEC_ONE;
	return asset;
}

ContractTerms *
market_add_contract(MarketTerms *terms, const Symbol *symbol, bool *found)
{
	return symbol_table_add(&terms->contracts, symbol, found);
}

/* ---------- validation ---------- */

typedef enum Least
{
	ABOVE_ZERO,
	NOT_NEGATIVE,
	AT_LEAST_ONE
} Least;

/* Makes a number canonical and refuses it below its least value. */
static void
check_number(Decimal *value, Least least, const char *what, const char *kind, const Symbol *symbol)
{
	static const char *const rules[] = {"must be greater than 0", "must not be negative", "must be at least 1"};
	Decimal		one = DEC_ONE;
	int			sign = dec_sign(value);

	dec_normalize(value);
	if (least == ABOVE_ZERO ? sign <= 0 : least == NOT_NEGATIVE ? sign < 0 : dec_cmp(value, &one) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of %s \"%s\" %s: %s", what, kind, symbol_text(symbol), rules[least], dec_text(value))));
	if (!dec_digits_within(value, DEC_INPUT_DIGITS, DEC_INPUT_DIGITS))
		ereport(ERROR,
				(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
				 errmsg("%s of %s \"%s\" has too many digits", what, kind, symbol_text(symbol)),
				 errdetail("At most %d digits are allowed on each side of the decimal point.", DEC_INPUT_DIGITS)));
}

/* A product that the market keeps beside its factors, canonical as they are. */
static inline void
derive(Decimal *r, const Decimal *factor, const Decimal *price)
{
	dec_mul(r, factor, price);
	dec_normalize(r);
}

static void
complete_asset(AssetTerms *asset)
{
	const Symbol *symbol = &asset->symbol;

	check_number(&asset->liability_weight, AT_LEAST_ONE, "liability weight", "asset", symbol);
	check_number(&asset->requirement_weight, ABOVE_ZERO, "requirement weight", "asset", symbol);
	if (asset->tiers != NULL)
		schedule_check_ratios(asset->tiers, psprintf("collateral ratio of asset \"%s\"", symbol_text(symbol)));
	if (asset->liability_maintenance != NULL)
		schedule_check_rising(asset->liability_maintenance,
							  psprintf("liability maintenance rate of asset \"%s\"", symbol_text(symbol)));
	if (!asset->priced)
		return;
	check_number(&asset->price, ABOVE_ZERO, "price", "asset", symbol);
	derive(&asset->liability_price, &asset->liability_weight, &asset->price);
	derive(&asset->requirement_price, &asset->requirement_weight, &asset->price);
}

static void
settle_contract_terms(ContractTerms *contract)
{
	const Symbol *symbol = &contract->symbol;

	if (contract->settle.length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contract \"%s\" has no settlement asset", symbol_text(symbol))));
	check_number(&contract->size, ABOVE_ZERO, "contract size", "contract", symbol);
	check_number(&contract->closing_fee, NOT_NEGATIVE, "closing fee", "contract", symbol);
	if (contract->maintenance != NULL)
	{
		schedule_check_rising(contract->maintenance,
							  psprintf("maintenance rate of contract \"%s\"", symbol_text(symbol)));
		if (!dec_is_zero(&contract->closing_fee))
			contract->requirement = schedule_add_rate(contract->maintenance, &contract->closing_fee);
	}
	if (contract->initial != NULL)
		schedule_check_rising(contract->initial, psprintf("initial rate of contract \"%s\"", symbol_text(symbol)));
	if (!contract->marked)
		return;
	check_number(&contract->mark, ABOVE_ZERO, "mark price", "contract", symbol);
	derive(&contract->unit_notional, &contract->size, &contract->mark);
}

static void
settle_thresholds(Decimal *thresholds)
{
	for (int i = 0; i < THRESHOLDS; i++)
	{
		dec_normalize(&thresholds[i]);
		if (dec_sign(&thresholds[i]) <= 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("threshold of level \"%s\" must be greater than 0: %s",
							threshold_names[i], dec_text(&thresholds[i]))));
		if (!dec_digits_within(&thresholds[i], DEC_INPUT_DIGITS, DEC_INPUT_DIGITS))
			ereport(ERROR,
					(errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
					 errmsg("threshold of level \"%s\" has too many digits", threshold_names[i])));
		if (i > 0 && dec_cmp(&thresholds[i - 1], &thresholds[i]) > 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("threshold of level \"%s\" must not be above that of \"%s\": %s > %s",
							threshold_names[i - 1], threshold_names[i],
							dec_text(&thresholds[i - 1]), dec_text(&thresholds[i]))));
	}
}

/* ---------- building ---------- */

/*
 * Written in two passes of the same code: the first, without a base, only
 * counts.  "at" is where the next piece goes, always aligned.
 */
typedef struct MarketWriter
{
	char	   *base;
	Size		at;
} MarketWriter;

static Size
put_bytes(MarketWriter *writer, const void *bytes, Size size)
{
	Size		offset = writer->at;

	if (writer->base != NULL && bytes != NULL)
		memcpy(writer->base + offset, bytes, size);
	writer->at = MAXALIGN(offset + size);
	return offset;
}

static void
put_decimal(MarketWriter *writer, Decimal *to, const Decimal *value)
{
	if (writer->base != NULL)
		writer->at = dec_flatten(to, value, writer->base, writer->base + writer->at) - writer->base;
	else
		writer->at += dec_flat_extra(value);
}

static void
put_name(MarketWriter *writer, MarketName *to, const Symbol *symbol)
{
	if (symbol->length == 0)
		return;
	to->prefix = symbol->prefix;
	to->length = symbol->length;
	to->offset = put_bytes(writer, symbol->bytes, symbol->length);
}

static uint32
put_schedule(MarketWriter *writer, const Schedule *schedule)
{
	return schedule == NULL ? 0 : put_bytes(writer, schedule, VARSIZE(schedule));
}

static void
put_asset(MarketWriter *writer, MarketAsset *to, const AssetTerms *asset)
{
	put_name(writer, &to->name, &asset->symbol);
	to->tier_unit = asset->tier_unit;
	to->priced = asset->priced;
	to->tiers = put_schedule(writer, asset->tiers);
	to->liability_maintenance = put_schedule(writer, asset->liability_maintenance);
	put_decimal(writer, &to->price, &asset->price);
	put_decimal(writer, &to->liability_weight, &asset->liability_weight);
	put_decimal(writer, &to->requirement_weight, &asset->requirement_weight);
	put_decimal(writer, &to->liability_price, &asset->liability_price);
	put_decimal(writer, &to->requirement_price, &asset->requirement_price);
}

static void
put_contract(MarketWriter *writer, MarketContract *to, const ContractTerms *contract)
{
	put_name(writer, &to->name, &contract->symbol);
	put_name(writer, &to->settle, &contract->settle);
	put_name(writer, &to->base, &contract->base);
	to->netting = contract->netting;
	to->marked = contract->marked;
	to->maintenance = put_schedule(writer, contract->maintenance);
	to->requirement = contract->requirement == NULL ? to->maintenance : put_schedule(writer, contract->requirement);
	to->initial = put_schedule(writer, contract->initial);
	put_decimal(writer, &to->size, &contract->size);
	put_decimal(writer, &to->mark, &contract->mark);
	put_decimal(writer, &to->closing_fee, &contract->closing_fee);
	put_decimal(writer, &to->unit_notional, &contract->unit_notional);
}

/* At most a quarter of the slots is taken, so that a search nearly always ends at its first. */
static uint32
slots_for(uint32 count)
{
	uint32		slots = 4;

	while (slots < 4 * count)
		slots *= 2;
	return slots;
}

static void
fill_slots(Market *market, uint32 slots, uint32 mask, uint32 records, Size record_size, uint32 count)
{
	uint32	   *slot = (uint32 *) ((char *) market + slots);

	for (uint32 i = 0; i < count; i++)
	{
		Symbol		name = market_symbol(market, (MarketName *) ((char *) market + records + i * record_size));
		uint32		at = symbol_hash(&name) & mask;

		while (slot[at] != 0)
			at = (at + 1) & mask;
		slot[at] = i + 1;
	}
}

static Size
put_market(MarketWriter *writer, Market *market, const MarketTerms *terms, void **assets, void **contracts)
{
	MarketAsset scrap_asset;
	MarketContract scrap_contract;

	writer->at = MAXALIGN(sizeof(Market));
	market->version = MARKET_VERSION;
	market->nassets = terms->assets.count;
	market->ncontracts = terms->contracts.count;
	market->asset_mask = slots_for(market->nassets) - 1;
	market->contract_mask = slots_for(market->ncontracts) - 1;
	market->assets = put_bytes(writer, NULL, market->nassets * sizeof(MarketAsset));
	market->contracts = put_bytes(writer, NULL, market->ncontracts * sizeof(MarketContract));
	market->asset_slots = put_bytes(writer, NULL, (market->asset_mask + 1) * sizeof(uint32));
	market->contract_slots = put_bytes(writer, NULL, (market->contract_mask + 1) * sizeof(uint32));
	for (int i = 0; i < THRESHOLDS; i++)
		put_decimal(writer, &market->thresholds[i], &terms->thresholds[i]);
	for (uint32 i = 0; i < market->nassets; i++)
		put_asset(writer, writer->base == NULL ? &scrap_asset :
				  (MarketAsset *) market_assets(market) + i, assets[i]);
	for (uint32 i = 0; i < market->ncontracts; i++)
		put_contract(writer, writer->base == NULL ? &scrap_contract :
					 (MarketContract *) market_contracts(market) + i, contracts[i]);
	return writer->at;
}

/* The flat value of terms whose derived fields are right, as those read from a market are. */
Market *
market_flatten(const MarketTerms *terms)
{
	void	  **assets = symbol_table_sorted(&terms->assets);
	void	  **contracts = symbol_table_sorted(&terms->contracts);
	MarketWriter writer = {NULL, 0};
	Market		counted;
	Market	   *market;
	Size		size = put_market(&writer, &counted, terms, assets, contracts);

	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("market is too large"),
				 errdetail("A market may take %zu bytes at most.", (Size) MaxAllocSize)));

	market = palloc0(size);
	writer.base = (char *) market;
	put_market(&writer, market, terms, assets, contracts);
	SET_VARSIZE(market, size);
	fill_slots(market, market->asset_slots, market->asset_mask, market->assets,
			   sizeof(MarketAsset), market->nassets);
	fill_slots(market, market->contract_slots, market->contract_mask, market->contracts,
			   sizeof(MarketContract), market->ncontracts);
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		MarketContract *contract = (MarketContract *) market_contracts(market) + i;
		Symbol		settle = market_symbol(market, &contract->settle);

		contract->settle_index = market_find_asset(market, &settle);
	}
	return market;
}

Market *
market_build(MarketTerms *terms)
{
	for (int i = 0; i < terms->assets.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		complete_asset(symbol_table_record(&terms->assets, i));
	}
	for (int i = 0; i < terms->contracts.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		settle_contract_terms(symbol_table_record(&terms->contracts, i));
	}
	settle_thresholds(terms->thresholds);
	return market_flatten(terms);
}

/* ---------- changing a market ---------- */

static inline Decimal
stored_number(const Market *market, const Decimal *stored)
{
	Decimal		buffer;

	return *dec_flat(stored, market, &buffer);
}

static void
read_asset_terms(AssetTerms *terms, const Market *market, const MarketAsset *asset)
{
	terms->priced = asset->priced;
	terms->price = stored_number(market, &asset->price);
	terms->tiers = market_schedule(market, asset->tiers);
	terms->tier_unit = asset->tier_unit;
	terms->liability_weight = stored_number(market, &asset->liability_weight);
	terms->requirement_weight = stored_number(market, &asset->requirement_weight);
	terms->liability_maintenance = market_schedule(market, asset->liability_maintenance);
	terms->liability_price = stored_number(market, &asset->liability_price);
	terms->requirement_price = stored_number(market, &asset->requirement_price);
}

/* The thresholds of a market, and no records yet; all that is read points into it. */
void
market_terms_begin(MarketTerms *terms, const Market *market)
{
	market_terms_init(terms);
	for (int i = 0; i < THRESHOLDS; i++)
		terms->thresholds[i] = stored_number(market, &market->thresholds[i]);
}

AssetTerms *
market_terms_read_asset(MarketTerms *terms, const Market *market, int number)
{
	const MarketAsset *asset = &market_assets(market)[number];
	Symbol		symbol = market_symbol(market, &asset->name);
	bool		found;
	AssetTerms *result = market_add_asset(terms, &symbol, &found);

	read_asset_terms(result, market, asset);
	return result;
}

ContractTerms *
market_terms_read_contract(MarketTerms *terms, const Market *market, int number)
{
	const MarketContract *contract = &market_contracts(market)[number];
	Symbol		symbol = market_symbol(market, &contract->name);
	bool		found;
	ContractTerms *result = market_add_contract(terms, &symbol, &found);

	result->settle = market_symbol(market, &contract->settle);
	result->base = market_symbol(market, &contract->base);
	result->size = stored_number(market, &contract->size);
	result->marked = contract->marked;
	result->mark = stored_number(market, &contract->mark);
	result->maintenance = market_schedule(market, contract->maintenance);
	result->initial = market_schedule(market, contract->initial);
	result->netting = contract->netting;
	result->closing_fee = stored_number(market, &contract->closing_fee);
	if (contract->requirement != contract->maintenance)
		result->requirement = market_schedule(market, contract->requirement);
	result->unit_notional = stored_number(market, &contract->unit_notional);
	return result;
}

/*
 * The terms of a market, record by record under the same numbers; they point
 * into it.  Changed, they make another market through market_build().
 */
void
market_terms_read(MarketTerms *terms, const Market *market)
{
	market_terms_begin(terms, market);
	for (uint32 i = 0; i < market->nassets; i++)
	{
		CHECK_FOR_INTERRUPTS();
		market_terms_read_asset(terms, market, i);
	}
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		market_terms_read_contract(terms, market, i);
	}
}

/* A market of one's own, for market_set_price() and market_set_mark(). */
Market *
market_copy(const Market *market)
{
	return memcpy(palloc(VARSIZE(market)), market, VARSIZE(market));
}

/* Numbers can be replaced where they are while none of them, old or new, is a numeric elsewhere in the value. */
static inline bool
all_in_place(const Decimal *const *numbers, int count)
{
	for (int i = 0; i < count; i++)
	{
		if (numbers[i]->scale == DEC_IS_BIG)
			return false;
	}
	return true;
}

static Market *
replace_market(Market *market, const MarketTerms *terms, MemoryContext caller)
{
	MemoryContext own = CurrentMemoryContext;
	Market	   *flat = market_flatten(terms);
	Market	   *result;

	MemoryContextSwitchTo(caller);
	result = market_copy(flat);
	pfree(market);
	MemoryContextDelete(own);
	return result;
}

/*
 * Gives an asset of a market of one's own another price, > 0 or none (NULL), with all that depends
 * on it, where it stands.  False if that is not enough: a number has more
 * digits than there is room for.
 */
bool
market_put_price(Market *market, int number, const Decimal *price)
{
	MarketAsset *asset = (MarketAsset *) &market_assets(market)[number];
	Decimal		canonical = price == NULL ? DEC_ZERO : *price;
	Decimal		liability_price = DEC_ZERO;
	Decimal		requirement_price = DEC_ZERO;
	const Decimal *const numbers[] = {
		&asset->price, &asset->liability_price, &asset->requirement_price,
		&canonical, &liability_price, &requirement_price
	};

	market->stamp = NO_STAMP;
	if (price != NULL)
	{
		Decimal		liability_weight = stored_number(market, &asset->liability_weight);
		Decimal		requirement_weight = stored_number(market, &asset->requirement_weight);

		dec_normalize(&canonical);
		derive(&liability_price, &liability_weight, &canonical);
		derive(&requirement_price, &requirement_weight, &canonical);
	}
	if (unlikely(!all_in_place(numbers, lengthof(numbers))))
		return false;
	asset->priced = price != NULL;
	asset->price = canonical;
	asset->liability_price = liability_price;
	asset->requirement_price = requirement_price;
	return true;
}

/* The same for a contract's mark price. */
bool
market_put_mark(Market *market, int number, const Decimal *mark)
{
	MarketContract *contract = (MarketContract *) &market_contracts(market)[number];
	Decimal		canonical = mark == NULL ? DEC_ZERO : *mark;
	Decimal		unit_notional = DEC_ZERO;
	const Decimal *const numbers[] = {&contract->mark, &contract->unit_notional, &canonical, &unit_notional};

	market->stamp = NO_STAMP;
	if (mark != NULL)
	{
		Decimal		size = stored_number(market, &contract->size);

		dec_normalize(&canonical);
		derive(&unit_notional, &size, &canonical);
	}
	if (unlikely(!all_in_place(numbers, lengthof(numbers))))
		return false;
	contract->marked = mark != NULL;
	contract->mark = canonical;
	contract->unit_notional = unit_notional;
	return true;
}

/*
 * Gives an asset another price, >= 0 and of any number of digits.  Returns the
 * market, which may have moved; assets and contracts keep their numbers, and the
 * value stays canonical.
 */
Market *
market_set_price(Market *market, int number, const Decimal *price)
{
	MarketTerms all;
	MemoryContext caller = CurrentMemoryContext;
	AssetTerms *asset;

	if (likely(market_put_price(market, number, price)))
		return market;
	MemoryContextSwitchTo(AllocSetContextCreate(caller, "margin market", ALLOCSET_DEFAULT_SIZES));
	market_terms_read(&all, market);
	asset = symbol_table_record(&all.assets, number);
	asset->priced = true;
	asset->price = *price;
	dec_normalize(&asset->price);
	derive(&asset->liability_price, &asset->liability_weight, &asset->price);
	derive(&asset->requirement_price, &asset->requirement_weight, &asset->price);
	return replace_market(market, &all, caller);
}

/* The same for a contract's mark price. */
Market *
market_set_mark(Market *market, int number, const Decimal *mark)
{
	MarketTerms all;
	MemoryContext caller = CurrentMemoryContext;
	ContractTerms *contract;

	if (likely(market_put_mark(market, number, mark)))
		return market;
	MemoryContextSwitchTo(AllocSetContextCreate(caller, "margin market", ALLOCSET_DEFAULT_SIZES));
	market_terms_read(&all, market);
	contract = symbol_table_record(&all.contracts, number);
	contract->marked = true;
	contract->mark = *mark;
	dec_normalize(&contract->mark);
	derive(&contract->unit_notional, &contract->size, &contract->mark);
	return replace_market(market, &all, caller);
}
