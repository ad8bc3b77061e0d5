/*
 * market_rows.c
 *		A market from rows, and back into rows (SPEC 6).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "base/enums.h"
#include "base/flat.h"
#include "base/rows.h"
#include "value/market_fields.h"

/* ---------- rows in ---------- */

/* Rows that are assets, or contracts. */
typedef struct RowKind
{
	const char *what;			/* in messages */
	const char *one;
	const MarketField *fields;
	int			nfields;
} RowKind;

static const RowKind asset_rows = {"asset", "an asset", asset_fields, ASSET_FIELDS};
static const RowKind contract_rows = {"contract", "a contract", contract_fields, CONTRACT_FIELDS};

/* What a column says, if it is not null. */
static void
field_from_row(void *record, const MarketField *field, Datum value, const Symbol *symbol)
{
	switch (field->kind)
	{
		case FIELD_NAME:
			*FIELD_AT(Symbol, record, field->terms) = row_symbol(value, false, field->what);
			break;
		case FIELD_NUMBER:
			row_number(FIELD_AT(Decimal, record, field->terms), value, false, field->what, symbol);
			if (field->given != 0)
				*FIELD_AT(bool, record, field->given) = true;
			break;
		case FIELD_SCHEDULE:
			*FIELD_AT(const Schedule *, record, field->terms) = schedule_from_datum(value);
			break;
		case FIELD_OPTION:
			*FIELD_AT(uint8, record, field->terms) = option_from_enum(DatumGetObjectId(value), field->names);
			break;
		case FIELD_SWITCH:
			*FIELD_AT(bool, record, field->terms) = DatumGetBool(value);
			break;
	}
}

static void *
add_record(MarketTerms *terms, const RowKind *kind, const Symbol *symbol)
{
	bool		found;
	void	   *record = kind == &asset_rows ? (void *) market_add_asset(terms, symbol, &found) :
		(void *) market_add_contract(terms, symbol, &found);

	if (found)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s \"%s\" is given more than once", kind->what, symbol_text(symbol))));
	return record;
}

/* The record that a row gives; what it points to is the row's. */
static void *
record_from_row(MarketTerms *terms, const RowKind *kind, Datum row, bool row_is_null)
{
	Datum		values[Max(ASSET_COLUMNS, CONTRACT_COLUMNS)] = {0};
	bool		nulls[Max(ASSET_COLUMNS, CONTRACT_COLUMNS)];
	Symbol		symbol;
	void	   *record;

	row_columns(row, row_is_null, 1 + kind->nfields, values, nulls);
	symbol = row_symbol(values[0], nulls[0], kind->one);
	record = add_record(terms, kind, &symbol);
	for (int i = 0; i < kind->nfields; i++)
	{
		const MarketField *field = &kind->fields[i];

		if (!nulls[field->column])
			field_from_row(record, field, values[field->column], &symbol);
	}
	return record;
}

/* Thresholds and rules: that many arguments, each of which may be null. */
static void
settings_from_arguments(MarketTerms *terms, FunctionCallInfo fcinfo, int first)
{
	int			orders = first + THRESHOLDS;
	int			liability = orders + 1;

	for (int i = 0; i < THRESHOLDS; i++)
	{
		if (!PG_ARGISNULL(first + i) && !dec_from_input(&terms->thresholds[i], PG_GETARG_DATUM(first + i)))
			dec_bad_input(PG_GETARG_DATUM(first + i), psprintf("threshold of level \"%s\"", threshold_names[i]));
	}
	if (!PG_ARGISNULL(orders))
		terms->orders_reduce_equity = option_from_enum(PG_GETARG_OID(orders), order_reduction_names);
	if (!PG_ARGISNULL(liability))
		terms->liability_rule = option_from_enum(PG_GETARG_OID(liability), liability_rule_names);
}

/* ---------- market(asset_terms[], contract_terms[], thresholds, rules) ---------- */

static void
records_from_array(MarketTerms *terms, const RowKind *kind, FunctionCallInfo fcinfo, int arg)
{
	Datum	   *rows;
	bool	   *nulls;
	int			count = PG_ARGISNULL(arg) ? 0 : rows_of_array(PG_GETARG_ARRAYTYPE_P(arg), &rows, &nulls);

	for (int i = 0; i < count; i++)
	{
		CHECK_FOR_INTERRUPTS();
		record_from_row(terms, kind, rows[i], nulls[i]);
	}
}

PG_FUNCTION_INFO_V1(margin_market_from_rows);

/* market(asset_terms[], contract_terms[], warning, margin_call, liquidation numeric, orders_reduce_equity, liability_rule); any may be null */
Datum
margin_market_from_rows(PG_FUNCTION_ARGS)
{
	MarketTerms terms;

	market_terms_init(&terms);
	records_from_array(&terms, &asset_rows, fcinfo, 0);
	records_from_array(&terms, &contract_rows, fcinfo, 1);
	settings_from_arguments(&terms, fcinfo, 2);
	PG_RETURN_POINTER(market_build(&terms));
}

/* ---------- the aggregate: rows that are an asset, a contract, or thresholds and rules ---------- */

/* Not an array of all rows: it would hold the schedules of every contract, of which most are equal. */
typedef struct MarketRows
{
	MarketTerms terms;
	HTAB	   *schedules;		/* each once */
} MarketRows;

static void
keep_number(Decimal *number)
{
	Decimal		copy = DEC_ZERO;

	dec_copy_into(&copy, number, CurrentMemoryContext);
	*number = copy;
}

/* Copies what of a record may go with the row that it came in. */
static void
keep_record(MarketRows *state, const RowKind *kind, void *record)
{
	for (int i = 0; i < kind->nfields; i++)
	{
		const MarketField *field = &kind->fields[i];
		Symbol	   *name;

		switch (field->kind)
		{
			case FIELD_NAME:
				name = FIELD_AT(Symbol, record, field->terms);
				if (name->length > 0)
					name->bytes = pnstrdup(name->bytes, name->length);
				break;
			case FIELD_NUMBER:
				keep_number(FIELD_AT(Decimal, record, field->terms));
				break;
			case FIELD_SCHEDULE:
				keep_schedule(state->schedules, FIELD_AT(const Schedule *, record, field->terms));
				break;
			case FIELD_OPTION:
			case FIELD_SWITCH:
				break;
		}
	}
}

static MarketRows *
market_rows_create(void)
{
	MarketRows *state = palloc(sizeof(MarketRows));

	market_terms_init(&state->terms);
	state->schedules = schedules_create();
	return state;
}

/* Reads thresholds and rules, in the context of a row, and keeps them in that of the state. */
static void
keep_settings(MarketRows *state, FunctionCallInfo fcinfo, int first, MemoryContext context)
{
	MemoryContext row;

	settings_from_arguments(&state->terms, fcinfo, first);
	row = MemoryContextSwitchTo(context);
	for (int i = 0; i < THRESHOLDS; i++)
		keep_number(&state->terms.thresholds[i]);
	MemoryContextSwitchTo(row);
}

PG_FUNCTION_INFO_V1(margin_market_accum);

/* market_accum(state, asset_terms, contract_terms, thresholds, rules): an asset, or a contract, or neither: then the rest */
Datum
margin_market_accum(PG_FUNCTION_ARGS)
{
	MemoryContext context = aggregate_context(fcinfo);
	MemoryContext row = MemoryContextSwitchTo(context);
	MarketRows *state = PG_ARGISNULL(0) ? market_rows_create() : (MarketRows *) PG_GETARG_POINTER(0);
	int			given = PG_ARGISNULL(1) ? 2 : 1;
	const RowKind *kind = given == 1 ? &asset_rows : &contract_rows;
	void	   *record;

	MemoryContextSwitchTo(row);
	if (given == 1 && !PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a row of a market is an asset or a contract, not both")));
	if (PG_ARGISNULL(given))
	{
		keep_settings(state, fcinfo, 3, context);
		PG_RETURN_POINTER(state);
	}
	record = record_from_row(&state->terms, kind, PG_GETARG_DATUM(given), false);
	MemoryContextSwitchTo(context);
	keep_record(state, kind, record);
	MemoryContextSwitchTo(row);
	PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(margin_market_final);

/* market_final(state): it is used up */
Datum
margin_market_final(PG_FUNCTION_ARGS)
{
	aggregate_context(fcinfo);
	if (PG_ARGISNULL(0))
		PG_RETURN_NULL();
	PG_RETURN_POINTER(market_build(&((MarketRows *) PG_GETARG_POINTER(0))->terms));
}

/* ---------- rows out: assets(market), contracts(market), thresholds(market), rules(market) ---------- */

static Datum
name_datum(const Market *market, const MarketName *name)
{
	return PointerGetDatum(cstring_to_text_with_len((const char *) market + name->offset, name->length));
}

static Datum
number_datum(const Market *market, const Decimal *stored)
{
	Decimal		buffer;

	return NumericGetDatum(dec_to_numeric(dec_flat(stored, market, &buffer)));
}

static Datum
field_datum(const MarketField *field, const void *record, const Market *market, Oid type)
{
	switch (field->kind)
	{
		case FIELD_NAME:
			return name_datum(market, CONST_FIELD_AT(MarketName, record, field->flat));
		case FIELD_NUMBER:
			return number_datum(market, CONST_FIELD_AT(Decimal, record, field->flat));
		case FIELD_SCHEDULE:
			return PointerGetDatum(market_schedule(market, *CONST_FIELD_AT(uint32, record, field->flat)));
		case FIELD_OPTION:
			return ObjectIdGetDatum(option_to_enum(type, field->names[*CONST_FIELD_AT(uint8, record, field->flat)]));
		case FIELD_SWITCH:
			return BoolGetDatum(*CONST_FIELD_AT(bool, record, field->flat));
	}
	pg_unreachable();
}

/* One record as a row: its name, then its fields. */
static void
put_row(ReturnSetInfo *result, const MarketField *fields, int nfields, const void *record, const Market *market)
{
	Datum		values[Max(ASSET_COLUMNS, CONTRACT_COLUMNS)] = {0};
	bool		nulls[Max(ASSET_COLUMNS, CONTRACT_COLUMNS)] = {0};

	CHECK_FOR_INTERRUPTS();
	values[0] = name_datum(market, record);
	for (int i = 0; i < nfields; i++)
	{
		int			column = fields[i].column;

		nulls[column] = field_is_absent(&fields[i], record, market);
		if (!nulls[column])
			values[column] = field_datum(&fields[i], record, market, TupleDescAttr(result->setDesc, column)->atttypid);
	}
	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(margin_market_assets);

Datum
margin_market_assets(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 i = 0; i < market->nassets; i++)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, asset_fields, ASSET_FIELDS, &market_assets(market)[i], market);
	return (Datum) 0;
}

PG_FUNCTION_INFO_V1(margin_market_contracts);

Datum
margin_market_contracts(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));

	InitMaterializedSRF(fcinfo, 0);
	for (uint32 i = 0; i < market->ncontracts; i++)
		put_row((ReturnSetInfo *) fcinfo->resultinfo, contract_fields, CONTRACT_FIELDS, &market_contracts(market)[i], market);
	return (Datum) 0;
}

static void
put_rule_row(ReturnSetInfo *result, const char *rule, const char *value)
{
	Datum		values[2] = {CStringGetTextDatum(rule), CStringGetTextDatum(value)};
	bool		nulls[2] = {false, false};

	tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(margin_market_rules);

/* rules(market): (rule, value) */
Datum
margin_market_rules(PG_FUNCTION_ARGS)
{
	const Market *market = market_from_datum(PG_GETARG_DATUM(0));
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

	InitMaterializedSRF(fcinfo, 0);
	put_rule_row(result, rule_keys[RULE_LIABILITY], liability_rule_names[market->liability_rule]);
	put_rule_row(result, rule_keys[RULE_ORDERS], order_reduction_names[market->orders_reduce_equity]);
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
