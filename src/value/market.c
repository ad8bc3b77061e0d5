/*
 * market.c
 *		Everything needed to price a portfolio: validation and the flat value.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/xact.h"
#include "common/hashfn.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "base/flat.h"
#include "value/market.h"
#include "value/market_fields.h"

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
	terms->orders_reduce_equity = REDUCE_NOTHING;
	terms->liability_rule = LIABILITY_SUM;
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

static bool
is_given(const MarketField *field, const void *terms)
{
	return field->given == 0 || *CONST_FIELD_AT(bool, terms, field->given);
}

/* Whatever a field may not be by itself. */
static void
check_field(const MarketField *field, void *terms, const char *kind, const Symbol *symbol)
{
	const Schedule *schedule;

	if (field->kind == FIELD_NUMBER && is_given(field, terms))
		check_number(FIELD_AT(Decimal, terms, field->terms), field->least, field->what, kind, symbol);
	if (field->kind != FIELD_SCHEDULE)
		return;
	schedule = *FIELD_AT(const Schedule *, terms, field->terms);
	if (schedule == NULL)
		return;
	/* collateral ratios never rise, rates of what is required never fall */
	if (field->terms == offsetof(AssetTerms, tiers) || field->terms == offsetof(AssetTerms, initial_tiers))
		schedule_check_ratios(schedule, psprintf("%s of %s \"%s\"", field->what, kind, symbol_text(symbol)));
	else
		schedule_check_rising(schedule, psprintf("%s of %s \"%s\"", field->what, kind, symbol_text(symbol)));
}

/* A product that the market keeps beside its factors, canonical as they are. */
static inline void
derive(Decimal *r, const Decimal *factor, const Decimal *price)
{
	dec_mul(r, factor, price);
	dec_normalize(r);
}

AssetQuote
plain_quote(const Decimal *price)
{
	AssetQuote	quote = {*price, *price, *price};

	return quote;
}

/* The quote of an asset with a price, moved as a whole. */
AssetQuote
quote_times(const Market *market, int number, const Decimal *factor)
{
	const MarketAsset *asset = &market_assets(market)[number];
	AssetQuote	quote;
	Decimal		buffer;

	dec_mul(&quote.price, dec_flat(&asset->price, market, &buffer), factor);
	dec_mul(&quote.low, dec_flat(&asset->low, market, &buffer), factor);
	dec_mul(&quote.high, dec_flat(&asset->high, market, &buffer), factor);
	return quote;
}

/* What follows from the quote and the weights of an asset: all that a change of its price changes. */
void
asset_terms_price(AssetTerms *asset)
{
	AssetQuote *quote = &asset->quote;

	if (!asset->priced)
	{
		asset->has_low = asset->has_high = false;
		quote->price = DEC_ZERO;
	}
	dec_normalize(&quote->price);
	if (!asset->has_low)
		quote->low = quote->price;
	if (!asset->has_high)
		quote->high = quote->price;
	derive(&asset->liability_price, &asset->liability_weight, &quote->high);
	derive(&asset->initial_liability_price, &asset->initial_liability_weight, &quote->high);
	derive(&asset->requirement_price, &asset->requirement_weight, &quote->high);
}

void
contract_terms_mark(ContractTerms *contract)
{
	if (!contract->marked)
		contract->mark = DEC_ZERO;
	dec_normalize(&contract->mark);
	derive(&contract->unit_notional, &contract->size, &contract->mark);
}

static void
check_quote(const AssetTerms *asset)
{
	const AssetQuote *quote = &asset->quote;
	const char *symbol = symbol_text(&asset->symbol);

	if (!asset->priced && (asset->has_low || asset->has_high))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("asset \"%s\" has a %s price, but no price", symbol, asset->has_low ? "low" : "high")));
	if (asset->has_low && dec_cmp(&quote->low, &quote->price) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("low price of asset \"%s\" must not be above its price: %s > %s",
						symbol, dec_text(&quote->low), dec_text(&quote->price))));
	if (asset->has_high && dec_cmp(&quote->high, &quote->price) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("high price of asset \"%s\" must not be below its price: %s < %s",
						symbol, dec_text(&quote->high), dec_text(&quote->price))));
}

/* The terms of the initial measure, where they are not those of the other. */
static void
settle_initial_terms(AssetTerms *asset)
{
	if (!asset->has_initial_liability_weight)
		asset->initial_liability_weight = asset->liability_weight;
	if (asset->initial_tiers == NULL)
		return;
	if (asset->tiers == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("asset \"%s\" has initial tiers, but no tiers", symbol_text(&asset->symbol)),
				 errdetail("An asset without tiers is not accepted as collateral.")));
	if (VARSIZE(asset->initial_tiers) == VARSIZE(asset->tiers) &&
		memcmp(asset->initial_tiers, asset->tiers, VARSIZE(asset->tiers)) == 0)
		asset->initial_tiers = NULL;
}

static void
complete_asset(AssetTerms *asset)
{
	for (int i = 0; i < ASSET_FIELDS; i++)
		check_field(&asset_fields[i], asset, "asset", &asset->symbol);
	check_quote(asset);
	settle_initial_terms(asset);
	asset_terms_price(asset);
}

static void
complete_contract(ContractTerms *contract)
{
	if (contract->settle.length == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("contract \"%s\" has no settlement asset", symbol_text(&contract->symbol))));
	for (int i = 0; i < CONTRACT_FIELDS; i++)
		check_field(&contract_fields[i], contract, "contract", &contract->symbol);
	if (contract->maintenance != NULL && !dec_is_zero(&contract->closing_fee))
		contract->requirement = schedule_add_rate(contract->maintenance, &contract->closing_fee);
	contract_terms_mark(contract);
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
	HTAB	   *placed;			/* of PlacedSchedule; NULL: each schedule has a place of its own */
} MarketWriter;

typedef struct PlacedSchedule
{
	const Schedule *schedule;	/* the key */
	uint32		offset;
} PlacedSchedule;

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
	PlacedSchedule *placed;
	bool		found;

	if (schedule == NULL)
		return 0;
	if (writer->placed == NULL)
		return put_bytes(writer, schedule, VARSIZE(schedule));
	placed = hash_search(writer->placed, &schedule, HASH_ENTER, &found);
	if (!found)
		placed->offset = put_bytes(writer, schedule, VARSIZE(schedule));
	return placed->offset;
}

/* Copies what terms say into the flat record. */
static void
put_field(MarketWriter *writer, const MarketField *field, void *to, const void *terms)
{
	switch (field->kind)
	{
		case FIELD_NAME:
			put_name(writer, FIELD_AT(MarketName, to, field->flat), CONST_FIELD_AT(Symbol, terms, field->terms));
			break;
		case FIELD_NUMBER:
			put_decimal(writer, FIELD_AT(Decimal, to, field->flat), CONST_FIELD_AT(Decimal, terms, field->terms));
			if (field->flat_given != 0)
				*FIELD_AT(bool, to, field->flat_given) = is_given(field, terms);
			break;
		case FIELD_SCHEDULE:
			*FIELD_AT(uint32, to, field->flat) = put_schedule(writer, *CONST_FIELD_AT(Schedule *const, terms, field->terms));
			break;
		case FIELD_OPTION:
		case FIELD_SWITCH:
			*FIELD_AT(uint8, to, field->flat) = *CONST_FIELD_AT(uint8, terms, field->terms);
			break;
	}
}

static void
put_asset(MarketWriter *writer, MarketAsset *to, const AssetTerms *asset)
{
	const AssetQuote *quote = &asset->quote;

	put_name(writer, &to->name, &asset->symbol);
	for (int i = 0; i < ASSET_FIELDS; i++)
		put_field(writer, &asset_fields[i], to, asset);
	put_decimal(writer, &to->liability_price, &asset->liability_price);
	put_decimal(writer, &to->initial_liability_price, &asset->initial_liability_price);
	put_decimal(writer, &to->requirement_price, &asset->requirement_price);
	to->doubtful = dec_cmp(&quote->low, &quote->price) != 0 || dec_cmp(&quote->high, &quote->price) != 0;
	to->two_measures = asset->initial_tiers != NULL || dec_cmp(&asset->initial_liability_weight, &asset->liability_weight) != 0;
}

static void
put_contract(MarketWriter *writer, MarketContract *to, const ContractTerms *contract)
{
	put_name(writer, &to->name, &contract->symbol);
	for (int i = 0; i < CONTRACT_FIELDS; i++)
		put_field(writer, &contract_fields[i], to, contract);
	to->requirement = contract->requirement == NULL ? to->maintenance : put_schedule(writer, contract->requirement);
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

static HTAB *
schedule_table(Size entry_size, HashValueFunc hash, HashCompareFunc match)
{
	HASHCTL		control = {.keysize = sizeof(const Schedule *), .entrysize = entry_size, .hash = hash, .match = match,
		.hcxt = CurrentMemoryContext};

	return hash_create("margin schedules", 256, &control,
					   HASH_ELEM | HASH_CONTEXT | (hash == NULL ? HASH_BLOBS : HASH_FUNCTION | HASH_COMPARE));
}

static Size
put_market(MarketWriter *writer, Market *market, const MarketTerms *terms, void **assets, void **contracts, bool shared)
{
	MarketAsset scrap_asset;
	MarketContract scrap_contract;

	writer->placed = shared ? schedule_table(sizeof(PlacedSchedule), NULL, NULL) : NULL;
	writer->at = MAXALIGN(sizeof(Market));
	market->version = MARKET_VERSION;
	market->nassets = terms->assets.count;
	market->ncontracts = terms->contracts.count;
	market->asset_mask = slots_for(market->nassets) - 1;
	market->contract_mask = slots_for(market->ncontracts) - 1;
	market->orders_reduce_equity = terms->orders_reduce_equity;
	market->liability_rule = terms->liability_rule;
	market->assets = put_bytes(writer, NULL, market->nassets * sizeof(MarketAsset));
	market->contracts = put_bytes(writer, NULL, market->ncontracts * sizeof(MarketContract));
	market->asset_slots = put_bytes(writer, NULL, (market->asset_mask + 1) * sizeof(uint32));
	market->contract_slots = put_bytes(writer, NULL, (market->contract_mask + 1) * sizeof(uint32));
	for (int i = 0; i < THRESHOLDS; i++)
		put_decimal(writer, &market->thresholds[i], &terms->thresholds[i]);
	for (uint32 i = 0; i < market->nassets; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_asset(writer, writer->base == NULL ? &scrap_asset :
				  (MarketAsset *) market_assets(market) + i, assets[i]);
	}
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		put_contract(writer, writer->base == NULL ? &scrap_contract :
					 (MarketContract *) market_contracts(market) + i, contracts[i]);
	}
	if (writer->placed != NULL)
		hash_destroy(writer->placed);
	return writer->at;
}

/*
 * The flat value of terms whose derived fields are right, as those read from a market are.
 * Shared: a schedule that several terms point to has one place, as the canonical form wants it.
 */
Market *
market_flatten(const MarketTerms *terms, bool shared)
{
	void	  **assets = symbol_table_sorted(&terms->assets);
	void	  **contracts = symbol_table_sorted(&terms->contracts);
	MarketWriter writer = {0};
	Market		counted;
	Market	   *market;
	Size		size = put_market(&writer, &counted, terms, assets, contracts, shared);

	if (size > MaxAllocSize)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("market is too large"),
				 errdetail("A market may take %zu bytes at most.", (Size) MaxAllocSize)));

	market = palloc0(size);
	writer.base = (char *) market;
	put_market(&writer, market, terms, assets, contracts, shared);
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

/* Is everything found where it stands, in the order of its name, and settled in what it names? */
static bool PG_USED_FOR_ASSERTS_ONLY
market_is_sound(const Market *market)
{
	for (uint32 i = 0; i < market->nassets; i++)
	{
		Symbol		name = market_symbol(market, &market_assets(market)[i].name);

		if (market_find_asset(market, &name) != (int) i)
			return false;
	}
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		const MarketContract *contract = &market_contracts(market)[i];
		Symbol		name = market_symbol(market, &contract->name);
		Symbol		settle = market_symbol(market, &contract->settle);

		if (market_find_contract(market, &name) != (int) i || market_find_asset(market, &settle) != contract->settle_index)
			return false;
	}
	return true;
}

/* ---------- equal schedules ---------- */

/* The bytes of a schedule, which is canonical, and its length before them. */
static uint32
hash_schedule(const void *key, Size size)
{
	const Schedule *schedule = *(const Schedule *const *) key;

	return hash_bytes((const unsigned char *) schedule, VARSIZE(schedule));
}

static int
match_schedules(const void *a, const void *b, Size size)
{
	const Schedule *x = *(const Schedule *const *) a;
	const Schedule *y = *(const Schedule *const *) b;

	return x == y ? 0 : VARSIZE(x) != VARSIZE(y) ? 1 : memcmp(x, y, VARSIZE(x));
}

/* A table of schedules by what they say, in the current context. */
HTAB *
schedules_create(void)
{
	return schedule_table(sizeof(const Schedule *), hash_schedule, match_schedules);
}

/* Points to the equal one in the table, or to a copy that it gets. */
void
keep_schedule(HTAB *schedules, const Schedule **schedule)
{
	const Schedule **known;
	bool		found;

	if (*schedule == NULL)
		return;
	known = hash_search(schedules, schedule, HASH_ENTER, &found);
	if (!found)
		*known = memcpy(palloc(VARSIZE(*schedule)), *schedule, VARSIZE(*schedule));
	*schedule = *known;
}

static void
share_schedule(HTAB *schedules, const Schedule **schedule)
{
	if (*schedule != NULL)
		*schedule = *(const Schedule **) hash_search(schedules, schedule, HASH_ENTER, NULL);
}

static void
share_fields(HTAB *schedules, const MarketField *fields, int count, void *terms)
{
	for (int i = 0; i < count; i++)
	{
		if (fields[i].kind == FIELD_SCHEDULE)
			share_schedule(schedules, FIELD_AT(const Schedule *, terms, fields[i].terms));
	}
}

/* Makes terms with equal schedules point to the same one: of what a venue lists, most have the tiers of many others. */
static void
share_schedules(MarketTerms *terms)
{
	HTAB	   *schedules = schedules_create();

	for (int i = 0; i < terms->assets.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		share_fields(schedules, asset_fields, ASSET_FIELDS, symbol_table_record(&terms->assets, i));
	}
	for (int i = 0; i < terms->contracts.count; i++)
	{
		ContractTerms *contract = symbol_table_record(&terms->contracts, i);

		CHECK_FOR_INTERRUPTS();
		share_fields(schedules, contract_fields, CONTRACT_FIELDS, contract);
		share_schedule(schedules, &contract->requirement);
	}
	hash_destroy(schedules);
}

Market *
market_build(MarketTerms *terms)
{
	Market	   *market;

	for (int i = 0; i < terms->assets.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		complete_asset(symbol_table_record(&terms->assets, i));
	}
	for (int i = 0; i < terms->contracts.count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		complete_contract(symbol_table_record(&terms->contracts, i));
	}
	settle_thresholds(terms->thresholds);
	share_schedules(terms);
	market = market_flatten(terms, true);
	Assert(market_is_sound(market));
	return market;
}

/* ---------- changing a market ---------- */

static inline Decimal
stored_number(const Market *market, const Decimal *stored)
{
	Decimal		buffer;

	return *dec_flat(stored, market, &buffer);
}

/* Reads a field of a flat record into terms. */
static void
read_field(const MarketField *field, void *terms, const void *record, const Market *market)
{
	switch (field->kind)
	{
		case FIELD_NAME:
			*FIELD_AT(Symbol, terms, field->terms) = market_symbol(market, CONST_FIELD_AT(MarketName, record, field->flat));
			break;
		case FIELD_NUMBER:
			*FIELD_AT(Decimal, terms, field->terms) = stored_number(market, CONST_FIELD_AT(Decimal, record, field->flat));
			if (field->given != 0)
				*FIELD_AT(bool, terms, field->given) = !field_is_standard(field, record, market);
			break;
		case FIELD_SCHEDULE:
			*FIELD_AT(const Schedule *, terms, field->terms) = market_schedule(market, *CONST_FIELD_AT(uint32, record, field->flat));
			break;
		case FIELD_OPTION:
		case FIELD_SWITCH:
			*FIELD_AT(uint8, terms, field->terms) = *CONST_FIELD_AT(uint8, record, field->flat);
			break;
	}
}

/* The thresholds and rules of a market, and no records yet; all that is read points into it. */
void
market_terms_begin(MarketTerms *terms, const Market *market)
{
	market_terms_init(terms);
	for (int i = 0; i < THRESHOLDS; i++)
		terms->thresholds[i] = stored_number(market, &market->thresholds[i]);
	terms->orders_reduce_equity = market->orders_reduce_equity;
	terms->liability_rule = market->liability_rule;
}

AssetTerms *
market_terms_read_asset(MarketTerms *terms, const Market *market, int number)
{
	const MarketAsset *asset = &market_assets(market)[number];
	Symbol		symbol = market_symbol(market, &asset->name);
	bool		found;
	AssetTerms *result = market_add_asset(terms, &symbol, &found);

	for (int i = 0; i < ASSET_FIELDS; i++)
		read_field(&asset_fields[i], result, asset, market);
	result->liability_price = stored_number(market, &asset->liability_price);
	result->initial_liability_price = stored_number(market, &asset->initial_liability_price);
	result->requirement_price = stored_number(market, &asset->requirement_price);
	return result;
}

ContractTerms *
market_terms_read_contract(MarketTerms *terms, const Market *market, int number)
{
	const MarketContract *contract = &market_contracts(market)[number];
	Symbol		symbol = market_symbol(market, &contract->name);
	bool		found;
	ContractTerms *result = market_add_contract(terms, &symbol, &found);

	for (int i = 0; i < CONTRACT_FIELDS; i++)
		read_field(&contract_fields[i], result, contract, market);
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

/* A market of one's own, for the functions below. */
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
	Market	   *flat = market_flatten(terms, true);
	Market	   *result;

	MemoryContextSwitchTo(caller);
	result = market_copy(flat);
	pfree(market);
	MemoryContextDelete(own);
	return result;
}

/* An asset's numbers that depend on its price, as they would be. */
static void
requote(AssetTerms *terms, const MarketAsset *asset, const Market *market, const AssetQuote *quote)
{
	terms->priced = quote != NULL;
	if (quote != NULL)
	{
		terms->quote = *quote;
		terms->has_low = terms->has_high = true;
		dec_normalize(&terms->quote.low);
		dec_normalize(&terms->quote.high);
	}
	terms->liability_weight = stored_number(market, &asset->liability_weight);
	terms->initial_liability_weight = stored_number(market, &asset->initial_liability_weight);
	terms->requirement_weight = stored_number(market, &asset->requirement_weight);
	asset_terms_price(terms);
}

/*
 * Gives an asset of a market of one's own another quote, or none (NULL), with
 * all that depends on it, where it stands.  False if that is not enough: a
 * number has more digits than there is room for.
 */
bool
market_put_quote(Market *market, int number, const AssetQuote *quote)
{
	MarketAsset *asset = (MarketAsset *) &market_assets(market)[number];
	AssetTerms	terms;
	const Decimal *const numbers[] = {
		&asset->price, &asset->low, &asset->high,
		&asset->liability_price, &asset->initial_liability_price, &asset->requirement_price,
		&terms.quote.price, &terms.quote.low, &terms.quote.high,
		&terms.liability_price, &terms.initial_liability_price, &terms.requirement_price
	};

	market->stamp = NO_STAMP;
	requote(&terms, asset, market, quote);
	if (unlikely(!all_in_place(numbers, lengthof(numbers))))
		return false;
	asset->priced = quote != NULL;
	asset->price = terms.quote.price;
	asset->low = terms.quote.low;
	asset->high = terms.quote.high;
	asset->doubtful = dec_cmp(&asset->low, &asset->high) != 0;
	asset->liability_price = terms.liability_price;
	asset->initial_liability_price = terms.initial_liability_price;
	asset->requirement_price = terms.requirement_price;
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

/* Another schedule in the place of one, wherever that counts; false if they do not take the same room. */
bool
market_put_schedule(Market *market, uint32 offset, const Schedule *schedule)
{
	void	   *place = (char *) market + offset;

	market->stamp = NO_STAMP;
	if (VARSIZE(place) != VARSIZE(schedule))
		return false;
	memcpy(place, schedule, VARSIZE(schedule));
	return true;
}

/*
 * Gives an asset another quote, of any number of digits.  Returns the market,
 * which may have moved; assets and contracts keep their numbers, and the
 * value stays canonical.
 */
Market *
market_set_quote(Market *market, int number, const AssetQuote *quote)
{
	MarketTerms all;
	MemoryContext caller = CurrentMemoryContext;
	const MarketAsset *asset = &market_assets(market)[number];

	if (likely(market_put_quote(market, number, quote)))
		return market;
	MemoryContextSwitchTo(AllocSetContextCreate(caller, "margin market", ALLOCSET_DEFAULT_SIZES));
	market_terms_read(&all, market);
	requote(symbol_table_record(&all.assets, number), asset, market, quote);
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
	contract_terms_mark(contract);
	return replace_market(market, &all, caller);
}
