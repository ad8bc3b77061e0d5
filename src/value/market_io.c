/*
 * market_io.c
 *		Text, binary and relational form of a market (SPEC 6).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/flat.h"
#include "base/json.h"
#include "value/market.h"
#include "base/enums.h"
#include "base/rows.h"

static const char *const section_names[] = {"assets", "contracts", "levels", NULL};

enum
{
	SECTION_ASSETS,
	SECTION_CONTRACTS,
	SECTION_LEVELS
};

/* Keys in byte order, as the canonical text has them. */
static const char *const asset_keys[] = {
	"liability_maintenance", "liability_weight", "price", "requirement_weight", "tier_unit", "tiers", NULL
};

enum
{
	ASSET_LIABILITY_MAINTENANCE,
	ASSET_LIABILITY_WEIGHT,
	ASSET_PRICE,
	ASSET_REQUIREMENT_WEIGHT,
	ASSET_TIER_UNIT,
	ASSET_TIERS
};

static const char *const contract_keys[] = {
	"base", "closing_fee", "contract_size", "initial", "maintenance", "mark", "netting", "settle", NULL
};

enum
{
	CONTRACT_BASE,
	CONTRACT_CLOSING_FEE,
	CONTRACT_SIZE,
	CONTRACT_INITIAL,
	CONTRACT_MAINTENANCE,
	CONTRACT_MARK,
	CONTRACT_NETTING,
	CONTRACT_SETTLE
};

/* The canonical text names levels in byte order, the reverse of their rank. */
static const Threshold threshold_order[] = {THRESHOLD_LIQUIDATION, THRESHOLD_MARGIN_CALL, THRESHOLD_WARNING};

/* ---------- text input ---------- */

typedef struct MarketInput
{
	MarketTerms terms;
	int			section;
	uint32		seen_sections;
	uint32		seen_keys;		/* of the innermost object */
	AssetTerms *asset;
	ContractTerms *contract;
} MarketInput;

static void
input_open(void *arg, int depth, const char *key)
{
	MarketInput *input = arg;
	bool		found = false;
	Symbol		symbol;

	input->seen_keys = 0;
	if (depth == 1)
	{
		input->section = json_field("market", section_names, key, &input->seen_sections);
		return;
	}
	if (input->section == SECTION_LEVELS)
		json_number(NULL, "market", key, "an object", JSON_TOKEN_OBJECT_START);
	symbol = symbol_checked(key, strlen(key), input->section == SECTION_ASSETS ? "an asset" : "a contract");
	if (input->section == SECTION_ASSETS)
		input->asset = market_add_asset(&input->terms, &symbol, &found);
	else
		input->contract = market_add_contract(&input->terms, &symbol, &found);
	if (found)
		json_repeated("market", key);
}

static int
input_option(const char *key, const char *const *names, const char *token, JsonTokenType kind)
{
	int			option = option_from_name(json_string("market", key, token, kind), names);

	if (option < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "market"),
				 errdetail("Unknown value of \"%s\": \"%s\".", key, token)));
	return option;
}

static const Schedule *
input_schedule(const char *key, const char *token, JsonTokenType kind)
{
	return schedule_parse(json_string("market", key, token, kind));
}

static Symbol
input_symbol(const char *key, const char *token, JsonTokenType kind)
{
	const char *name = json_string("market", key, token, kind);

	return symbol_checked(name, strlen(name), "an asset");
}

static void
input_asset(AssetTerms *asset, int field, const char *key, const char *token, JsonTokenType kind)
{
	switch (field)
	{
		case ASSET_TIER_UNIT:
			asset->tier_unit = input_option(key, tier_unit_names, token, kind);
			break;
		case ASSET_LIABILITY_MAINTENANCE:
			asset->liability_maintenance = input_schedule(key, token, kind);
			break;
		case ASSET_LIABILITY_WEIGHT:
			json_number(&asset->liability_weight, "market", key, token, kind);
			break;
		case ASSET_PRICE:
			json_number(&asset->price, "market", key, token, kind);
			asset->priced = true;
			break;
		case ASSET_REQUIREMENT_WEIGHT:
			json_number(&asset->requirement_weight, "market", key, token, kind);
			break;
		case ASSET_TIERS:
			asset->tiers = input_schedule(key, token, kind);
			break;
	}
}

static void
input_contract(ContractTerms *contract, int field, const char *key, const char *token, JsonTokenType kind)
{
	switch (field)
	{
		case CONTRACT_BASE:
			contract->base = input_symbol(key, token, kind);
			break;
		case CONTRACT_CLOSING_FEE:
			json_number(&contract->closing_fee, "market", key, token, kind);
			break;
		case CONTRACT_INITIAL:
			contract->initial = input_schedule(key, token, kind);
			break;
		case CONTRACT_MAINTENANCE:
			contract->maintenance = input_schedule(key, token, kind);
			break;
		case CONTRACT_MARK:
			json_number(&contract->mark, "market", key, token, kind);
			contract->marked = true;
			break;
		case CONTRACT_NETTING:
			contract->netting = input_option(key, netting_names, token, kind);
			break;
		case CONTRACT_SETTLE:
			contract->settle = input_symbol(key, token, kind);
			break;
		case CONTRACT_SIZE:
			json_number(&contract->size, "market", key, token, kind);
			break;
	}
}

static void
input_value(void *arg, int depth, const char *key, const char *token, JsonTokenType kind)
{
	MarketInput *input = arg;

	if (depth == 3 && input->section == SECTION_ASSETS)
		input_asset(input->asset, json_field("market", asset_keys, key, &input->seen_keys), key, token, kind);
	else if (depth == 3)
		input_contract(input->contract, json_field("market", contract_keys, key, &input->seen_keys),
					   key, token, kind);
	else if (depth == 2 && input->section == SECTION_LEVELS)
		json_number(&input->terms.thresholds[json_field("market", threshold_names, key, &input->seen_keys)],
					"market", key, token, kind);
	else
		json_not_object("market", key);
}

static Market *
market_parse(char *text)
{
	MarketInput input = {0};
	JsonReader	reader = {"market", 3, &input, input_open, input_value};

	market_terms_init(&input.terms);
	json_read(&reader, text, strlen(text));
	return market_build(&input.terms);
}

/* ---------- text output ---------- */

typedef struct MarketOutput
{
	StringInfoData text;
	const Market *market;
	const char *separator;		/* before the next key */
} MarketOutput;

static void
put_key(MarketOutput *out, const char *key)
{
	appendStringInfo(&out->text, "%s\"%s\": ", out->separator, key);
	out->separator = ", ";
}

static void
put_string(MarketOutput *out, const char *key, const char *value)
{
	put_key(out, key);
	escape_json(&out->text, value);
}

static void
put_name(MarketOutput *out, const char *key, const MarketName *name)
{
	Symbol		symbol = market_symbol(out->market, name);

	if (name->length > 0)
		put_string(out, key, symbol_text(&symbol));
}

static void
put_number(MarketOutput *out, const char *key, const Decimal *stored)
{
	Decimal		buffer;

	put_key(out, key);
	dec_append(&out->text, dec_flat(stored, out->market, &buffer));
}

/* A number that is left out where it has its default. */
static void
put_unless(MarketOutput *out, const char *key, const Decimal *stored, const Decimal *standard)
{
	if (memcmp(stored, standard, sizeof(Decimal)) != 0)
		put_number(out, key, stored);
}

static void
put_schedule(MarketOutput *out, const char *key, uint32 offset)
{
	StringInfoData text;

	if (offset == 0)
		return;
	initStringInfo(&text);
	schedule_append(&text, market_schedule(out->market, offset));
	put_string(out, key, text.data);
}

static void
put_asset(MarketOutput *out, const MarketAsset *asset)
{
	const Decimal one = DEC_ONE;

	put_schedule(out, asset_keys[ASSET_LIABILITY_MAINTENANCE], asset->liability_maintenance);
	put_unless(out, asset_keys[ASSET_LIABILITY_WEIGHT], &asset->liability_weight, &one);
	if (asset->priced)
		put_number(out, asset_keys[ASSET_PRICE], &asset->price);
	put_unless(out, asset_keys[ASSET_REQUIREMENT_WEIGHT], &asset->requirement_weight, &one);
	if (asset->tier_unit != TIERS_IN_QUANTITY)
		put_string(out, asset_keys[ASSET_TIER_UNIT], tier_unit_names[asset->tier_unit]);
	put_schedule(out, asset_keys[ASSET_TIERS], asset->tiers);
}

static void
put_contract(MarketOutput *out, const MarketContract *contract)
{
	const Decimal zero = DEC_ZERO;

	put_name(out, contract_keys[CONTRACT_BASE], &contract->base);
	put_unless(out, contract_keys[CONTRACT_CLOSING_FEE], &contract->closing_fee, &zero);
	put_number(out, contract_keys[CONTRACT_SIZE], &contract->size);
	put_schedule(out, contract_keys[CONTRACT_INITIAL], contract->initial);
	put_schedule(out, contract_keys[CONTRACT_MAINTENANCE], contract->maintenance);
	if (contract->marked)
		put_number(out, contract_keys[CONTRACT_MARK], &contract->mark);
	if (contract->netting != NETTING_LEG)
		put_string(out, contract_keys[CONTRACT_NETTING], netting_names[contract->netting]);
	put_name(out, contract_keys[CONTRACT_SETTLE], &contract->settle);
}

/* The start of a record: its name in quotes and an open brace. */
static void
open_record(MarketOutput *out, bool first, const MarketName *name)
{
	Symbol		symbol = market_symbol(out->market, name);

	if (!first)
		appendStringInfoString(&out->text, ", ");
	escape_json(&out->text, symbol_text(&symbol));
	appendStringInfoString(&out->text, ": {");
	out->separator = "";
}

static void
open_section(MarketOutput *out, int section, bool *any)
{
	appendStringInfo(&out->text, "%s\"%s\": {", *any ? ", " : "", section_names[section]);
	*any = true;
}

static char *
market_text(const Market *market)
{
	MarketOutput out = {.market = market};
	bool		any = false;

	initStringInfo(&out.text);
	appendStringInfoChar(&out.text, '{');
	if (market->nassets > 0)
	{
		open_section(&out, SECTION_ASSETS, &any);
		for (uint32 i = 0; i < market->nassets; i++)
		{
			open_record(&out, i == 0, &market_assets(market)[i].name);
			put_asset(&out, &market_assets(market)[i]);
			appendStringInfoChar(&out.text, '}');
		}
		appendStringInfoChar(&out.text, '}');
	}
	if (market->ncontracts > 0)
	{
		open_section(&out, SECTION_CONTRACTS, &any);
		for (uint32 i = 0; i < market->ncontracts; i++)
		{
			open_record(&out, i == 0, &market_contracts(market)[i].name);
			put_contract(&out, &market_contracts(market)[i]);
			appendStringInfoChar(&out.text, '}');
		}
		appendStringInfoChar(&out.text, '}');
	}
	if (memcmp(market->thresholds, threshold_defaults, sizeof(threshold_defaults)) != 0)
	{
		open_section(&out, SECTION_LEVELS, &any);
		out.separator = "";
		for (int i = 0; i < THRESHOLDS; i++)
			put_unless(&out, threshold_names[threshold_order[i]],
					   &market->thresholds[threshold_order[i]], &threshold_defaults[threshold_order[i]]);
		appendStringInfoChar(&out.text, '}');
	}
	appendStringInfoChar(&out.text, '}');
	return out.text.data;
}

PG_FUNCTION_INFO_V1(margin_market_in);

Datum
margin_market_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(market_parse(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(margin_market_recv);

Datum
margin_market_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(market_parse(flat_recv_text((StringInfo) PG_GETARG_POINTER(0), "market")));
}

PG_FUNCTION_INFO_V1(margin_market_out);

Datum
margin_market_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(market_text(market_from_datum(PG_GETARG_DATUM(0))));
}

PG_FUNCTION_INFO_V1(margin_market_send);

Datum
margin_market_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(flat_send_text(market_text(market_from_datum(PG_GETARG_DATUM(0)))));
}

/* ---------- rows in: market(asset_terms[], contract_terms[], thresholds) ---------- */

#define ASSET_COLUMNS 7			/* of asset_terms */
#define CONTRACT_COLUMNS 9		/* of contract_terms */

static int
array_rows(FunctionCallInfo fcinfo, int arg, Datum **rows, bool **nulls)
{
	return PG_ARGISNULL(arg) ? 0 : rows_of_array(PG_GETARG_ARRAYTYPE_P(arg), rows, nulls);
}

static const Schedule *
schedule_from_row(Datum value, bool isnull)
{
	return isnull ? NULL : schedule_from_datum(value);
}

static pg_noreturn void
repeated_row(const char *what, const Symbol *symbol)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s \"%s\" is given more than once", what, symbol_text(symbol))));
}

static void
asset_from_row(MarketTerms *terms, Datum row, bool row_is_null)
{
	Datum		values[ASSET_COLUMNS] = {0};
	bool		nulls[ASSET_COLUMNS];
	Symbol		symbol;
	AssetTerms *asset;
	bool		found;

	row_columns(row, row_is_null, ASSET_COLUMNS, values, nulls);
	symbol = row_symbol(values[0], nulls[0], "an asset");
	asset = market_add_asset(terms, &symbol, &found);
	if (found)
		repeated_row("asset", &symbol);
	asset->priced = row_number(&asset->price, values[1], nulls[1], "price", &symbol);
	asset->tiers = schedule_from_row(values[2], nulls[2]);
	if (!nulls[3])
		asset->tier_unit = option_from_enum(DatumGetObjectId(values[3]), tier_unit_names);
	row_number(&asset->liability_weight, values[4], nulls[4], "liability weight", &symbol);
	row_number(&asset->requirement_weight, values[5], nulls[5], "requirement weight", &symbol);
	asset->liability_maintenance = schedule_from_row(values[6], nulls[6]);
}

static void
contract_from_row(MarketTerms *terms, Datum row, bool row_is_null)
{
	Datum		values[CONTRACT_COLUMNS] = {0};
	bool		nulls[CONTRACT_COLUMNS];
	Symbol		symbol;
	ContractTerms *contract;
	bool		found;

	row_columns(row, row_is_null, CONTRACT_COLUMNS, values, nulls);
	symbol = row_symbol(values[0], nulls[0], "a contract");
	contract = market_add_contract(terms, &symbol, &found);
	if (found)
		repeated_row("contract", &symbol);
	contract->settle = row_symbol(values[1], nulls[1], "a settlement asset");
	if (!nulls[2])
		contract->base = row_symbol(values[2], false, "a base asset");
	row_number(&contract->size, values[3], nulls[3], "contract size", &symbol);
	contract->marked = row_number(&contract->mark, values[4], nulls[4], "mark price", &symbol);
	contract->maintenance = schedule_from_row(values[5], nulls[5]);
	contract->initial = schedule_from_row(values[6], nulls[6]);
	if (!nulls[7])
		contract->netting = option_from_enum(DatumGetObjectId(values[7]), netting_names);
	row_number(&contract->closing_fee, values[8], nulls[8], "closing fee", &symbol);
}

PG_FUNCTION_INFO_V1(margin_market_from_rows);

/* market(asset_terms[], contract_terms[], warning, margin_call, liquidation numeric); any may be null */
Datum
margin_market_from_rows(PG_FUNCTION_ARGS)
{
	MarketTerms terms;
	Datum	   *rows;
	bool	   *nulls;
	int			count;

	market_terms_init(&terms);
	count = array_rows(fcinfo, 0, &rows, &nulls);
	for (int i = 0; i < count; i++)
		asset_from_row(&terms, rows[i], nulls[i]);
	count = array_rows(fcinfo, 1, &rows, &nulls);
	for (int i = 0; i < count; i++)
		contract_from_row(&terms, rows[i], nulls[i]);
	for (int i = 0; i < THRESHOLDS; i++)
	{
		if (!PG_ARGISNULL(2 + i) && !dec_from_input(&terms.thresholds[i], PG_GETARG_DATUM(2 + i)))
			dec_bad_input(PG_GETARG_DATUM(2 + i), psprintf("threshold of level \"%s\"", threshold_names[i]));
	}
	PG_RETURN_POINTER(market_build(&terms));
}

/* ---------- rows out: assets(market), contracts(market), thresholds(market) ---------- */

static Datum
name_datum(const Market *market, const MarketName *name, bool *isnull)
{
	*isnull = name->length == 0;
	if (*isnull)
		return (Datum) 0;
	return PointerGetDatum(cstring_to_text_with_len((const char *) market + name->offset, name->length));
}

static Datum
number_datum(const Market *market, const Decimal *stored)
{
	Decimal		buffer;

	return NumericGetDatum(dec_to_numeric(dec_flat(stored, market, &buffer)));
}

static Datum
schedule_datum(const Market *market, uint32 offset, bool *isnull)
{
	*isnull = offset == 0;
	return PointerGetDatum(market_schedule(market, offset));
}

PG_FUNCTION_INFO_V1(margin_market_assets);

Datum
margin_market_assets(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 i = 0; i < market->nassets; i++)
	{
		const MarketAsset *asset = &market_assets(market)[i];
		Datum		values[ASSET_COLUMNS];
		bool		nulls[ASSET_COLUMNS] = {0};

		values[0] = name_datum(market, &asset->name, &nulls[0]);
		nulls[1] = !asset->priced;
		values[1] = number_datum(market, &asset->price);
		values[2] = schedule_datum(market, asset->tiers, &nulls[2]);
		values[3] = ObjectIdGetDatum(option_to_enum(TupleDescAttr(result->setDesc, 3)->atttypid,
													tier_unit_names[asset->tier_unit]));
		values[4] = number_datum(market, &asset->liability_weight);
		values[5] = number_datum(market, &asset->requirement_weight);
		values[6] = schedule_datum(market, asset->liability_maintenance, &nulls[6]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(margin_market_contracts);

Datum
margin_market_contracts(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 i = 0; i < market->ncontracts; i++)
	{
		const MarketContract *contract = &market_contracts(market)[i];
		Datum		values[CONTRACT_COLUMNS];
		bool		nulls[CONTRACT_COLUMNS] = {0};

		values[0] = name_datum(market, &contract->name, &nulls[0]);
		values[1] = name_datum(market, &contract->settle, &nulls[1]);
		values[2] = name_datum(market, &contract->base, &nulls[2]);
		values[3] = number_datum(market, &contract->size);
		nulls[4] = !contract->marked;
		values[4] = number_datum(market, &contract->mark);
		values[5] = schedule_datum(market, contract->maintenance, &nulls[5]);
		values[6] = schedule_datum(market, contract->initial, &nulls[6]);
		values[7] = ObjectIdGetDatum(option_to_enum(TupleDescAttr(result->setDesc, 7)->atttypid,
													netting_names[contract->netting]));
		values[8] = number_datum(market, &contract->closing_fee);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(margin_market_thresholds);

/* thresholds(market): (level, margin_ratio) */
Datum
margin_market_thresholds(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < THRESHOLDS; i++)
	{
		Datum		values[2];
		bool		nulls[2] = {0};

		values[0] = ObjectIdGetDatum(option_to_enum(TupleDescAttr(result->setDesc, 0)->atttypid, threshold_names[i]));
		values[1] = number_datum(market, &market->thresholds[i]);
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	return (Datum) 0;
}

/* ---------- comparison ---------- */

/* All but the stamp, and the version before it. */
FLAT_COMPARISONS(market, offsetof(Market, nassets) - VARHDRSZ)
