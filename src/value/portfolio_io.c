/*
 * portfolio_io.c
 *		Text, JSON and binary form of a portfolio (SPEC 6).
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/json.h"

#include "base/flat.h"
#include "base/json.h"
#include "value/netting.h"

static const char *const section_names[] = {"balances", "orders", "positions", NULL};

enum
{
	SECTION_BALANCES,
	SECTION_ORDERS,
	SECTION_POSITIONS
};

/* Sides of orders, by PortfolioSide. */
static const char *const side_keys[] = {"buy", "sell", NULL};

/* Of an order in JSON; in text it is "price": [quantity, margin quantity]. */
static const char *const order_keys[] = {"price", "quantity", "margin_quantity", NULL};

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

/* The number of that order in the order of its keys. */
static inline Decimal *
order_amount(OrderLevel *order, int i)
{
	return i == 0 ? &order->price : i == 1 ? &order->quantity : &order->margin;
}

/* ---------- input ---------- */

typedef struct PortfolioInput
{
	Netting    *netting;
	int			section;
	uint32		seen_sections;
	SymbolTable contracts[2];	/* named among positions; among orders */
	Position   *position;
	uint32		seen_keys;		/* of its object */
	OrderList  *orders;			/* of one side of it */
	OrderLevel	level;
	bool		in_item;		/* which is an object in a list, of JSON */
	uint32		seen_order_keys;	/* of that */
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

/*
 * The position of a contract that has not been named in this section yet.
 * Another section may have named it.
 */
static Position *
contract_once(PortfolioInput *input, const char *key)
{
	Symbol		symbol = symbol_checked(key, strlen(key), "a contract");
	SymbolTable *seen = &input->contracts[input->section == SECTION_ORDERS];
	bool		found;
	Position   *position;

	symbol_table_add(seen, &symbol, &found);
	if (found)
		json_repeated("portfolio", key);
	position = symbol_table_add(&input->netting->positions, &symbol, &found);
	if (input->section == SECTION_ORDERS)
		position->orders = orders_create(CurrentMemoryContext);
	return position;
}

/* The orders of a side that has not been named in this contract yet. */
static OrderList *
side_of_orders(PortfolioInput *input, const char *key)
{
	return &input->position->orders->sides[json_field("portfolio", side_keys, key, &input->seen_keys)];
}

static void
input_open(void *arg, int depth, const char *key)
{
	PortfolioInput *input = arg;

	if (depth == 1)
		input->section = json_field("portfolio", section_names, key, &input->seen_sections);
	else if (depth == 2 && input->section != SECTION_BALANCES)
	{
		input->position = contract_once(input, key);
		input->seen_keys = 0;
	}
	else if (depth == 3 && input->section == SECTION_ORDERS)
		input->orders = side_of_orders(input, key);
	else
		json_number(NULL, "portfolio", key, "an object", JSON_TOKEN_OBJECT_START);
}

static pg_noreturn void
bad_order(const char *key)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
			 errmsg("invalid input syntax for type %s", "portfolio"),
			 errdetail("The value of \"%s\" is not in place: an order is a price and a list of two numbers, quantity and margin quantity, or an object with these in a list.", key)));
}

static void
input_value(void *arg, int depth, const char *key, const char *token, JsonTokenType kind)
{
	PortfolioInput *input = arg;

	if (depth == 3 && input->section == SECTION_POSITIONS)
	{
		int			i = json_field("portfolio", amount_names, key, &input->seen_keys);

		json_number(position_amount(input->position, i), "portfolio", key, token, kind);
	}
	else if (depth == 2 && input->section == SECTION_BALANCES)
	{
		Balance    *balance = add_once(&input->netting->balances, key, "an asset");

		json_number(&balance->quantity, "portfolio", key, token, kind);
	}
	else if (depth == 4 && input->in_item)
		json_number(order_amount(&input->level, json_field("portfolio", order_keys, key, &input->seen_order_keys)), "portfolio", key, token, kind);
	else if (depth == 4)
		bad_order(key);
	else
		json_not_object("portfolio", key);
}

/* The orders of a side, of JSON; or one order of text, whose key is its price. */
static void
input_open_list(void *arg, int depth, const char *key)
{
	PortfolioInput *input = arg;

	if (depth == 3 && input->section == SECTION_ORDERS)
		input->orders = side_of_orders(input, key);
	else if (depth != 4 || input->in_item)
		json_no_list("portfolio", key);
}

/* An order of JSON. */
static void
input_open_order(void *arg, int depth, const char *key)
{
	PortfolioInput *input = arg;

	Assert(depth == 3 && input->section == SECTION_ORDERS);
	input->in_item = true;
	input->seen_order_keys = 0;
}

/* One number of an order, whose key is its price. */
static void
input_element(void *arg, int depth, const char *key, int number, const char *token, JsonTokenType kind)
{
	PortfolioInput *input = arg;

	if (depth == 3)
		json_not_item("portfolio", key, token, kind);
	if (number > 1)
		bad_order(key);
	json_number(number == 0 ? &input->level.quantity : &input->level.margin, "portfolio", key, token, kind);
}

static void
add_order(PortfolioInput *input)
{
	dec_normalize(&input->level.price);
	orders_append(input->orders, &input->level, CurrentMemoryContext);
}

/* An order of text is complete, or the orders of a side. */
static void
input_list(void *arg, int depth, const char *key, int count)
{
	PortfolioInput *input = arg;

	if (depth == 3)
		return;
	if (count != 2)
		bad_order(key);
	if (!IsValidJsonNumber(key, strlen(key)) || !dec_parse(&input->level.price, key, strlen(key)))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
				 errmsg("invalid input syntax for type %s", "portfolio"),
				 errdetail("The key of an order must be its price, not \"%.*s\".", pg_mbcliplen(key, strlen(key), 40), key)));
	add_order(input);
}

static void
input_close(void *arg, int depth, const char *key)
{
	PortfolioInput *input = arg;

	if (!input->in_item)
		return;
	json_check_complete("portfolio", order_keys, input->seen_order_keys);
	add_order(input);
	input->in_item = false;
}

/* Puts orders in order; a price that is there twice is a repeated key, however it is written. */
static void
settle_prices(const PortfolioInput *input)
{
	for (int i = 0; i < input->netting->positions.count; i++)
	{
		Position   *position = symbol_table_record(&input->netting->positions, i);

		for (int side = SIDE_LONG; position->orders != NULL && side <= SIDE_SHORT; side++)
		{
			OrderList  *list = &position->orders->sides[side];
			const Decimal *repeated = orders_sort(list);

			if (repeated != NULL)
				json_repeated("portfolio", dec_text(repeated));
			list->settled = list->count;
		}
	}
}

/* Of the text form, and of JSON: they differ in how orders are written. */
static struct varlena *
portfolio_parse(char *text)
{
	PortfolioInput input = {0};
	JsonReader	reader = {"portfolio", 4, &input, input_open, input_value, input_open_list, input_open_order, input_element, input_list, input_close};

	input.netting = netting_create(CurrentMemoryContext);
	for (int i = 0; i < (int) lengthof(input.contracts); i++)
		symbol_table_init(&input.contracts[i], CurrentMemoryContext, sizeof(Symbol));
	json_read(&reader, text, strlen(text));
	settle_prices(&input);
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
append_position(StringInfo out, Position *position, FlatForm form)
{
	const char *separator = "{";

	for (int i = 0; amount_names[i] != NULL; i++)
	{
		Decimal    *amount = position_amount(position, i);

		if (form == FORM_TEXT && dec_is_zero(amount))
			continue;
		appendStringInfo(out, "%s\"%s\": ", separator, amount_names[i]);
		dec_append(out, amount);
		separator = ", ";
	}
	appendStringInfoChar(out, '}');
}

static void
append_level(StringInfo out, const OrderLevel *level)
{
	appendStringInfoChar(out, '"');
	dec_append(out, &level->price);
	appendStringInfoString(out, "\": [");
	dec_append(out, &level->quantity);
	appendStringInfoString(out, ", ");
	dec_append(out, &level->margin);
	appendStringInfoChar(out, ']');
}

static void
append_level_json(StringInfo out, OrderLevel *level)
{
	for (int i = 0; order_keys[i] != NULL; i++)
	{
		appendStringInfo(out, "%s\"%s\": ", i == 0 ? "{" : ", ", order_keys[i]);
		dec_append(out, order_amount(level, i));
	}
	appendStringInfoChar(out, '}');
}

/* The orders of both sides: text leaves out a side that has none. */
static void
append_orders(StringInfo out, const Position *position, FlatForm form)
{
	const char *separator = "{";

	for (int side = SIDE_LONG; side <= SIDE_SHORT; side++)
	{
		const OrderList *list = &position->orders->sides[side];

		if (list->count == 0 && form == FORM_TEXT)
			continue;
		appendStringInfo(out, "%s\"%s\": %s", separator, side_keys[side], form == FORM_JSON ? "[" : "{");
		for (int i = 0; i < list->count; i++)
		{
			CHECK_FOR_INTERRUPTS();
			if (i > 0)
				appendStringInfoString(out, ", ");
			if (form == FORM_JSON)
				append_level_json(out, &list->levels[i]);
			else
				append_level(out, &list->levels[i]);
		}
		appendStringInfoChar(out, form == FORM_JSON ? ']' : '}');
		separator = ", ";
	}
	appendStringInfoChar(out, '}');
}

/* Opens a section behind those before it. */
static void
append_section(StringInfo out, int section)
{
	appendStringInfo(out, "%s\"%s\": {", out->len > 1 ? ", " : "", section_names[section]);
}

/* The section of balances; text leaves it out where there are none. */
static void
append_balances(StringInfo out, PortfolioReader *reader, FlatForm form)
{
	if (reader->balances == 0 && form == FORM_TEXT)
		return;
	append_section(out, SECTION_BALANCES);
	for (bool first = true; reader->balances > 0; first = false)
	{
		Balance		balance;

		CHECK_FOR_INTERRUPTS();
		portfolio_read_balance(reader, &balance);
		append_key(out, first, &balance.symbol);
		dec_append(out, &balance.quantity);
	}
	appendStringInfoChar(out, '}');
}

static bool
has_part(const Position *position, int section)
{
	if (section == SECTION_ORDERS)
		return position->orders != NULL;
	return !dec_is_zero(&position->sides[SIDE_LONG].quantity) || !dec_is_zero(&position->sides[SIDE_SHORT].quantity);
}

/* The section of positions, or that of orders; text leaves it out where there are none. */
static void
append_positions(StringInfo out, PortfolioReader reader, int section, FlatForm form)
{
	bool		first = true;
	bool		opened = form == FORM_JSON;

	if (opened)
		append_section(out, section);
	while (reader.positions > 0)
	{
		Position	position;

		CHECK_FOR_INTERRUPTS();
		portfolio_read_position(&reader, &position);
		if (!has_part(&position, section))
			continue;
		if (!opened)
			append_section(out, section);
		opened = true;
		append_key(out, first, &position.symbol);
		if (section == SECTION_ORDERS)
			append_orders(out, &position, form);
		else
			append_position(out, &position, form);
		first = false;
	}
	portfolio_end(&reader);
	if (opened)
		appendStringInfoChar(out, '}');
}

static char *
portfolio_text(const struct varlena *value, FlatForm form)
{
	StringInfoData out;
	PortfolioReader reader;

	portfolio_open(&reader, value);
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	append_balances(&out, &reader, form);
	append_positions(&out, reader, SECTION_ORDERS, form);
	append_positions(&out, reader, SECTION_POSITIONS, form);
	appendStringInfoChar(&out, '}');
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
	PG_RETURN_CSTRING(portfolio_text(PG_GETARG_VARLENA_PP(0), FORM_TEXT));
}

PG_FUNCTION_INFO_V1(margin_portfolio_send);

Datum
margin_portfolio_send(PG_FUNCTION_ARGS)
{
	PG_RETURN_BYTEA_P(flat_send_text(portfolio_text(PG_GETARG_VARLENA_PP(0), FORM_TEXT)));
}

#define PORTFOLIO_JSON(value) portfolio_text(PG_DETOAST_DATUM_PACKED(value), FORM_JSON)

FLAT_JSON(portfolio, PORTFOLIO_JSON, portfolio_parse)
