/*
 * market_io.c
 *		Text, JSON and binary form of a market (SPEC 6).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

#include "base/flat.h"
#include "base/json.h"
#include "value/market_fields.h"
#include "base/enums.h"
#include "base/rows.h"

static const char *const section_names[] = {"assets", "contracts", "levels", "rules", NULL};

enum
{
	SECTION_ASSETS,
	SECTION_CONTRACTS,
	SECTION_LEVELS,
	SECTION_RULES
};

/* The canonical text names levels in byte order, the reverse of their rank. */
static const Threshold threshold_order[] = {THRESHOLD_LIQUIDATION, THRESHOLD_MARGIN_CALL, THRESHOLD_WARNING};

/* ---------- input ---------- */

typedef struct MarketInput
{
	MarketTerms terms;
	int			section;
	uint32		seen_sections;
	uint32		seen_keys;		/* of the innermost object */
	void	   *record;			/* AssetTerms or ContractTerms */
	const MarketField *fields;
	const char *keys[Max(ASSET_FIELDS, CONTRACT_FIELDS) + 1];	/* of these */
	const MarketField *scheduled;	/* the field that is an object, of JSON */
	ScheduleInput schedule;			/* which is that */
} MarketInput;

static void
use_fields(MarketInput *input, const MarketField *fields, int count)
{
	if (input->fields == fields)
		return;
	input->fields = fields;
	for (int i = 0; i < count; i++)
		input->keys[i] = fields[i].key;
	input->keys[count] = NULL;
}

static void
input_open_record(MarketInput *input, const char *key)
{
	bool		found = false;
	Symbol		symbol;

	if (input->section == SECTION_RULES)
		json_string("market", key, "an object", JSON_TOKEN_OBJECT_START);
	if (input->section == SECTION_LEVELS)
		json_number(NULL, "market", key, "an object", JSON_TOKEN_OBJECT_START);
	symbol = symbol_checked(key, strlen(key), input->section == SECTION_ASSETS ? "an asset" : "a contract");
	if (input->section == SECTION_ASSETS)
	{
		input->record = market_add_asset(&input->terms, &symbol, &found);
		use_fields(input, asset_fields, ASSET_FIELDS);
	}
	else
	{
		input->record = market_add_contract(&input->terms, &symbol, &found);
		use_fields(input, contract_fields, CONTRACT_FIELDS);
	}
	if (found)
		json_repeated("market", key);
}

static const Schedule *
input_schedule(const char *key, const char *token, JsonTokenType kind)
{
	if (kind != JSON_TOKEN_STRING)
		json_not_a("a schedule, as an object or as text", "market", key, token, kind);
	return schedule_parse(token);
}

static Symbol
input_symbol(const char *key, const char *token, JsonTokenType kind)
{
	const char *name = json_string("market", key, token, kind);

	return symbol_checked(name, strlen(name), "an asset");
}

static bool
input_switch(const char *key, const char *token, JsonTokenType kind)
{
	if (kind != JSON_TOKEN_TRUE && kind != JSON_TOKEN_FALSE)
		json_not_a("true or false", "market", key, token, kind);
	return kind == JSON_TOKEN_TRUE;
}

static void
input_field(void *record, const MarketField *field, const char *token, JsonTokenType kind)
{
	switch (field->kind)
	{
		case FIELD_NAME:
			*FIELD_AT(Symbol, record, field->terms) = input_symbol(field->key, token, kind);
			break;
		case FIELD_NUMBER:
			json_number(FIELD_AT(Decimal, record, field->terms), "market", field->key, token, kind);
			if (field->given != 0)
				*FIELD_AT(bool, record, field->given) = true;
			break;
		case FIELD_SCHEDULE:
			*FIELD_AT(const Schedule *, record, field->terms) = input_schedule(field->key, token, kind);
			break;
		case FIELD_OPTION:
			*FIELD_AT(uint8, record, field->terms) = json_option("market", field->key, field->names, token, kind);
			break;
		case FIELD_SWITCH:
			*FIELD_AT(bool, record, field->terms) = input_switch(field->key, token, kind);
			break;
	}
}

static void
input_rule(MarketTerms *terms, int rule, const char *token, JsonTokenType kind)
{
	if (rule == RULE_LIABILITY)
		terms->liability_rule = json_option("market", rule_keys[rule], liability_rule_names, token, kind);
	else
		terms->orders_reduce_equity = json_option("market", rule_keys[rule], order_reduction_names, token, kind);
}

static const MarketField *
named_field(MarketInput *input, const char *key)
{
	return &input->fields[json_field("market", input->keys, key, &input->seen_keys)];
}

/* A schedule as JSON has it; in text it is a string. */
static void
input_open_schedule(MarketInput *input, const char *key)
{
	const MarketField *field = named_field(input, key);

	if (field->kind != FIELD_SCHEDULE)
		input_field(input->record, field, "an object", JSON_TOKEN_OBJECT_START);
	input->scheduled = field;
	input->schedule = (ScheduleInput) {0};
}

static void
input_open(void *arg, int depth, const char *key)
{
	MarketInput *input = arg;

	if (depth < 3)
		input->seen_keys = 0;
	if (depth == 1)
		input->section = json_field("market", section_names, key, &input->seen_sections);
	else if (depth == 2)
		input_open_record(input, key);
	else if (depth == 3)
		input_open_schedule(input, key);
	else
		schedule_input_value(&input->schedule, "market", key, "an object", JSON_TOKEN_OBJECT_START);
}

static void
input_value(void *arg, int depth, const char *key, const char *token, JsonTokenType kind)
{
	MarketInput *input = arg;

	if (depth == 5)
		schedule_input_tier_value(&input->schedule, "market", key, token, kind);
	else if (depth == 4)
		schedule_input_value(&input->schedule, "market", key, token, kind);
	else if (depth == 3)
		input_field(input->record, named_field(input, key), token, kind);
	else if (depth == 2 && input->section == SECTION_LEVELS)
		json_number(&input->terms.thresholds[json_field("market", threshold_names, key, &input->seen_keys)],
					"market", key, token, kind);
	else if (depth == 2 && input->section == SECTION_RULES)
		input_rule(&input->terms, json_field("market", rule_keys, key, &input->seen_keys), token, kind);
	else
		json_not_object("market", key);
}

/* The only lists are those of tiers. */
static void
input_open_list(void *arg, int depth, const char *key)
{
	MarketInput *input = arg;

	if (depth != 4)
		json_no_list("market", key);
	schedule_input_tiers(&input->schedule, "market", key);
}

static void
input_open_tier(void *arg, int depth, const char *key)
{
	schedule_input_open_tier(&((MarketInput *) arg)->schedule);
}

static void
input_element(void *arg, int depth, const char *key, int number, const char *token, JsonTokenType kind)
{
	json_not_item("market", key, token, kind);
}

static void
input_list(void *arg, int depth, const char *key, int count)
{
}

static void
input_close(void *arg, int depth, const char *key)
{
	MarketInput *input = arg;

	if (depth == 4)
		schedule_input_close_tier(&input->schedule, "market");
	else if (depth == 3)
		*FIELD_AT(const Schedule *, input->record, input->scheduled->terms) = schedule_input_end(&input->schedule, "market");
}

/* Of the text form, and of JSON: they differ in how schedules are written. */
static Market *
market_parse(char *text)
{
	MarketInput input = {0};
	JsonReader	reader = {"market", 5, &input, input_open, input_value, input_open_list, input_open_tier, input_element, input_list, input_close};

	market_terms_init(&input.terms);
	json_read(&reader, text, strlen(text));
	return market_build(&input.terms);
}

/* ---------- output ---------- */

typedef struct MarketOutput
{
	StringInfoData text;
	FlatForm	form;
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

	put_string(out, key, symbol_text(&symbol));
}

static void
put_number(MarketOutput *out, const char *key, const Decimal *stored)
{
	Decimal		buffer;

	put_key(out, key);
	dec_append(&out->text, dec_flat(stored, out->market, &buffer));
}

static void
put_schedule(MarketOutput *out, const char *key, uint32 offset)
{
	StringInfoData text;

	if (out->form == FORM_JSON)
	{
		put_key(out, key);
		schedule_append_json(&out->text, market_schedule(out->market, offset));
		return;
	}
	initStringInfo(&text);
	schedule_append(&text, market_schedule(out->market, offset));
	put_string(out, key, text.data);
	pfree(text.data);
}

/* A field of a flat record, unless it has its default, or for JSON is absent. */
static void
put_field(MarketOutput *out, const MarketField *field, const void *record)
{
	if (out->form == FORM_JSON ? field_is_absent(field, record, out->market) : field_is_standard(field, record, out->market))
		return;
	switch (field->kind)
	{
		case FIELD_NAME:
			put_name(out, field->key, CONST_FIELD_AT(MarketName, record, field->flat));
			break;
		case FIELD_NUMBER:
			put_number(out, field->key, CONST_FIELD_AT(Decimal, record, field->flat));
			break;
		case FIELD_SCHEDULE:
			put_schedule(out, field->key, *CONST_FIELD_AT(uint32, record, field->flat));
			break;
		case FIELD_OPTION:
			put_string(out, field->key, field->names[*CONST_FIELD_AT(uint8, record, field->flat)]);
			break;
		case FIELD_SWITCH:
			put_key(out, field->key);
			appendStringInfoString(&out->text, *CONST_FIELD_AT(bool, record, field->flat) ? "true" : "false");
			break;
	}
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

/* A section of records; text has none where there are none. */
static void
put_records(MarketOutput *out, int section, bool *any, const MarketField *fields, int nfields, const char *records, Size size, uint32 count)
{
	if (count == 0 && out->form == FORM_TEXT)
		return;
	open_section(out, section, any);
	for (uint32 i = 0; i < count; i++)
	{
		const char *record = records + i * size;

		CHECK_FOR_INTERRUPTS();
		open_record(out, i == 0, (const MarketName *) record);
		for (int k = 0; k < nfields; k++)
			put_field(out, &fields[k], record);
		appendStringInfoChar(&out->text, '}');
	}
	appendStringInfoChar(&out->text, '}');
}

static void
put_levels(MarketOutput *out, bool *any)
{
	const Market *market = out->market;

	if (out->form == FORM_TEXT && memcmp(market->thresholds, threshold_defaults, sizeof(threshold_defaults)) == 0)
		return;
	open_section(out, SECTION_LEVELS, any);
	out->separator = "";
	for (int i = 0; i < THRESHOLDS; i++)
	{
		Threshold	threshold = threshold_order[i];

		if (out->form == FORM_JSON || memcmp(&market->thresholds[threshold], &threshold_defaults[threshold], sizeof(Decimal)) != 0)
			put_number(out, threshold_names[threshold], &market->thresholds[threshold]);
	}
	appendStringInfoChar(&out->text, '}');
}

static void
put_rules(MarketOutput *out, bool *any)
{
	const Market *market = out->market;

	if (out->form == FORM_TEXT && market->liability_rule == LIABILITY_SUM && market->orders_reduce_equity == REDUCE_NOTHING)
		return;
	open_section(out, SECTION_RULES, any);
	out->separator = "";
	if (out->form == FORM_JSON || market->liability_rule != LIABILITY_SUM)
		put_string(out, rule_keys[RULE_LIABILITY], liability_rule_names[market->liability_rule]);
	if (out->form == FORM_JSON || market->orders_reduce_equity != REDUCE_NOTHING)
		put_string(out, rule_keys[RULE_ORDERS], order_reduction_names[market->orders_reduce_equity]);
	appendStringInfoChar(&out->text, '}');
}

static char *
market_text(Datum value, FlatForm form)
{
	const Market *market = market_from_datum(value);
	MarketOutput out = {.market = market, .form = form};
	bool		any = false;

	initStringInfo(&out.text);
	appendStringInfoChar(&out.text, '{');
	put_records(&out, SECTION_ASSETS, &any, asset_fields, ASSET_FIELDS,
				(const char *) market_assets(market), sizeof(MarketAsset), market->nassets);
	put_records(&out, SECTION_CONTRACTS, &any, contract_fields, CONTRACT_FIELDS,
				(const char *) market_contracts(market), sizeof(MarketContract), market->ncontracts);
	put_levels(&out, &any);
	put_rules(&out, &any);
	appendStringInfoChar(&out.text, '}');
	return out.text.data;
}

PG_FUNCTION_INFO_V1(margin_market_in);

/*
 * A market that comes as text is mostly a parameter, by which many portfolios
 * are valued, as where a coordinator sends it: so it gets a stamp.
 */
Datum
margin_market_in(PG_FUNCTION_ARGS)
{
	Market	   *market = market_parse(PG_GETARG_CSTRING(0));

	if (!pg_strong_random(&market->stamp, sizeof(MarketStamp)))
		memset(&market->stamp, 0, sizeof(MarketStamp));
	PG_RETURN_POINTER(market);
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
	PG_RETURN_CSTRING(market_text(PG_GETARG_DATUM(0), FORM_TEXT));
}

PG_FUNCTION_INFO_V1(margin_market_send);

Datum
margin_market_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(flat_send_text(market_text(PG_GETARG_DATUM(0), FORM_TEXT)));
}

#define MARKET_JSON(value) market_text(value, FORM_JSON)

FLAT_JSON(market, MARKET_JSON, market_parse)

/* ---------- comparison ---------- */

/* All but the stamp, and the version before it. */
FLAT_COMPARISONS(market, offsetof(Market, nassets) - VARHDRSZ)
