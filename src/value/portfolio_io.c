/*
 * portfolio_io.c
 *		Text and binary form of a portfolio (SPEC 6).
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "base/flat.h"
#include "base/json.h"
#include "value/netting.h"

static const char *const section_names[] = {"balances", "positions", NULL};

enum
{
	SECTION_BALANCES,
	SECTION_POSITIONS
};

static const char *const amount_names[] = {
	"long", "long_cost", "long_margin", "short", "short_cost", "short_margin", NULL
};

/* The amount of that position in the order of the names above. */
static inline Decimal *
position_amount(Position *position, int i)
{
	PositionSide *side = &position->sides[i / 3];

	return i % 3 == 0 ? &side->quantity : i % 3 == 1 ? &side->cost : &side->margin;
}

/* ---------- input ---------- */

typedef struct PortfolioInput
{
	Netting    *netting;
	int			section;
	uint32		seen_sections;
	Position   *position;
	uint32		seen_amounts;
} PortfolioInput;

/* A new record of a table by name; a second one of that name is an error. */
static void *
add_once(SymbolTable *table, const char *key, const char *what)
{
	Symbol		symbol = symbol_checked(key, strlen(key), what);
	bool		found;
	void	   *record = symbol_table_add(table, &symbol, &found);

	if (found)
		json_repeated("portfolio", key);
	return record;
}

static void
input_open(void *arg, int depth, const char *key)
{
	PortfolioInput *input = arg;

	if (depth == 1)
		input->section = json_field("portfolio", section_names, key, &input->seen_sections);
	else if (input->section == SECTION_POSITIONS)
	{
		input->position = add_once(&input->netting->positions, key, "a contract");
		input->seen_amounts = 0;
	}
	else
		json_number(NULL, "portfolio", key, "an object", JSON_TOKEN_OBJECT_START);
}

static void
input_value(void *arg, int depth, const char *key, const char *token, JsonTokenType kind)
{
	PortfolioInput *input = arg;

	if (depth == 3)
	{
		int			i = json_field("portfolio", amount_names, key, &input->seen_amounts);

		json_number(position_amount(input->position, i), "portfolio", key, token, kind);
	}
	else if (depth == 2 && input->section == SECTION_BALANCES)
	{
		Balance    *balance = add_once(&input->netting->balances, key, "an asset");

		json_number(&balance->quantity, "portfolio", key, token, kind);
	}
	else
		json_not_object("portfolio", key);
}

static struct varlena *
portfolio_parse(char *text)
{
	PortfolioInput input = {0};
	JsonReader	reader = {"portfolio", 3, &input, input_open, input_value};

	input.netting = netting_create(CurrentMemoryContext);
	json_read(&reader, text, strlen(text));
	return netting_flatten(input.netting);
}

/* ---------- output ---------- */

static void
append_key(StringInfo out, bool first, const Symbol *symbol)
{
	if (!first)
		appendStringInfoString(out, ", ");
	escape_json(out, symbol_text(symbol));
	appendStringInfoString(out, ": ");
}

static void
append_position(StringInfo out, Position *position)
{
	const char *separator = "{";

	for (int i = 0; amount_names[i] != NULL; i++)
	{
		Decimal    *amount = position_amount(position, i);

		if (dec_is_zero(amount))
			continue;
		appendStringInfo(out, "%s\"%s\": ", separator, amount_names[i]);
		dec_append(out, amount);
		separator = ", ";
	}
	appendStringInfoChar(out, '}');
}

static char *
portfolio_text(const struct varlena *value)
{
	StringInfoData out;
	PortfolioReader reader;

	portfolio_open(&reader, value);
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	if (reader.balances > 0)
	{
		appendStringInfoString(&out, "\"balances\": {");
		for (bool first = true; reader.balances > 0; first = false)
		{
			Balance		balance;

			CHECK_FOR_INTERRUPTS();
			portfolio_read_balance(&reader, &balance);
			append_key(&out, first, &balance.symbol);
			dec_append(&out, &balance.quantity);
		}
		appendStringInfoString(&out, reader.positions > 0 ? "}, " : "}");
	}
	if (reader.positions > 0)
	{
		appendStringInfoString(&out, "\"positions\": {");
		for (bool first = true; reader.positions > 0; first = false)
		{
			Position	position;

			CHECK_FOR_INTERRUPTS();
			portfolio_read_position(&reader, &position);
			append_key(&out, first, &position.symbol);
			append_position(&out, &position);
		}
		appendStringInfoChar(&out, '}');
	}
	appendStringInfoChar(&out, '}');
	portfolio_end(&reader);
	return out.data;
}

/* ---------- SQL ---------- */

PG_FUNCTION_INFO_V1(margin_portfolio_in);

Datum
margin_portfolio_in(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(portfolio_parse(PG_GETARG_CSTRING(0)));
}

PG_FUNCTION_INFO_V1(margin_portfolio_recv);

Datum
margin_portfolio_recv(PG_FUNCTION_ARGS)
{
	PG_RETURN_POINTER(portfolio_parse(flat_recv_text((StringInfo) PG_GETARG_POINTER(0), "portfolio")));
}

PG_FUNCTION_INFO_V1(margin_portfolio_out);

Datum
margin_portfolio_out(PG_FUNCTION_ARGS)
{
	PG_RETURN_CSTRING(portfolio_text(PG_GETARG_VARLENA_PP(0)));
}

PG_FUNCTION_INFO_V1(margin_portfolio_send);

Datum
margin_portfolio_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(flat_send_text(portfolio_text(PG_GETARG_VARLENA_PP(0))));
}
