/*
 * mutate.c
 *		Texts that are nearly values: grammar-aware generation and mutation.
 *
 * Bytes changed at random rarely come past a parser's first lines.  So texts are
 * made by a grammar, and changed token by token: a number, a name, a word or a
 * piece between brackets is left out, repeated, moved, or replaced by another
 * one.  Nothing here knows the server.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "mutate.h"

#define MOST_ALTERNATIVES 16
#define MOST_TOKENS 512
#define MOST_DEPTH 9
#define PIECE 2048

/*
 * A capital letter stands for one of its alternatives; beyond some depth for
 * the first.  Numbers: ~ any, + rising within the text so far, - falling from 1
 * to 0, ^ rising a little.  $ is a name.  Everything else is itself.
 */
static const struct
{
	char		name;
	const char *alternatives[MOST_ALTERNATIVES];
}			grammar[] = {
	/* schedules: collateral ratios fall, rates rise, and either may be wrong */
	{'S', {"{0: -R}", "{0: ^Q}", "whole {0: ^Q}", "marginal {0: -R}", "{T}", " whole{T} "}},
	{'R', {"", ", +: -R", ", +: -R", ", +: 0"}},
	{'Q', {"", ", +: ^Q", ", +: ^Q"}},
	{'T', {"~: ~", "~:~,T", "+: ~, T"}},

	{'P', {"{}", "{\"balances\": {B}}", "{\"positions\": {L}}", "{\"balances\": {B}, \"positions\": {L}}",
	"{\"balances\": {B}, \"orders\": {O}, \"positions\": {L}}"}},
	{'B', {"\"$\": ~", "\"$\": ~, B", "\"$\": ~, B"}},
	{'L', {"\"$\": {K}", "\"$\": {K}, L"}},
	{'K', {"\"long\": ~", "\"short\": ~, \"short_cost\": ~", "\"long\": ~, \"long_cost\": ~, \"long_margin\": ~",
	"\"long\": ~, \"long_cost\": ~, \"short\": ~, \"short_cost\": ~, \"short_margin\": ~"}},

	{'F', {"{\"orders\": {O}}", "{\"orders\": {O}, \"positions\": {L}}", "{\"orders\": {\"$\": {\"buy\": {V}, \"sell\": {V}}}}"}},
	{'O', {"\"$\": {H}", "\"$\": {H}, O"}},
	{'H', {"\"buy\": {V}", "\"sell\": {V}", "\"buy\": {V}, \"sell\": {V}"}},
	{'V', {"\"+\": [~, ~]", "\"+\": [~, 0], V", "\"~\": [~, ~], V"}},

	{'M', {"{}", "{\"assets\": {A}}", "{\"contracts\": {C}}", "{\"assets\": {A}, \"contracts\": {C}}",
	"{\"assets\": {A}, \"contracts\": {C}, \"levels\": {Y}}", "{\"assets\": {A}, \"rules\": {U}}", "{\"levels\": {Y}, \"rules\": {U}}"}},
	{'A', {"\"$\": {X}", "\"$\": {X}, A", "\"$\": {\"price\": ~, \"tiers\": \"S\"}, A"}},
	{'X', {"\"price\": ~", "\"price\": ~, \"tiers\": \"S\"", "\"tiers\": \"S\", \"initial_tiers\": \"S\"", "\"liability_maintenance\": \"S\"",
	"\"price\": 2, \"low\": 1, \"high\": 3", "\"price\": ~, \"low\": ~, \"high\": ~", "\"liability_weight\": 1.~, \"initial_liability_weight\": ~",
	"\"requirement_weight\": ~", "\"tier_unit\": \"value\", X", "\"tier_unit\": \"quantity\", X"}},
	{'C', {"\"$\": {\"settle\": \"$\", \"contract_size\": ~Z}", "\"$\": {\"settle\": \"$\", \"contract_size\": ~Z}, C"}},
	{'Z', {"", ", \"base\": \"$\"Z", ", \"mark\": ~Z", ", \"maintenance\": \"S\"Z", ", \"initial\": \"S\"Z", ", \"closing_fee\": ~Z",
	", \"opening_fee\": ~Z", ", \"netting\": \"leg\"Z", ", \"netting\": \"larger\"Z", ", \"netting\": \"net\"Z", ", \"order_maintenance\": true",
	", \"tier_unit\": \"contracts\"Z", ", \"order_maintenance\": false"}},
	{'Y', {"\"warning\": 0.5", "\"warning\": ~, \"margin_call\": ~, \"liquidation\": ~", "\"margin_call\": 0.9, \"liquidation\": 7"}},
	{'U', {"\"liability_rule\": \"larger\"", "\"orders_reduce_equity\": \"both\"", "\"liability_rule\": \"sum\", \"orders_reduce_equity\": \"loss\""}},
};

/* Numbers at the edges of what is admitted and of what 64 and 128 bits hold. */
static const char *const numbers[] = {
	"0", "1", "-1", "0.1", "0.975", "1.5", "10", "60000", "1e3", "1E-8", "-0", "0.0", "00", "01", "+1", ".5", "5.", "1e0", "1e999", "1e1000", "1e-1000",
	"1e-1001", "1e6000", "1e-16383", "9223372036854775807", "-9223372036854775808", "9223372036854775808", "85070591730234615865843651857942052864",
	"-85070591730234615865843651857942052864", "85070591730234615865843651857942052863", "170141183460469231731687303715884105728", "0.000000000000000001",
	"999999999999999999.999999999999999999", "0.0000000000000000000000000000000000000000000000000000000000001", "10000", "9999.9999", "123456789012345678901234567890",
	"NaN", "Infinity", "1e", "--1", "0x1", "1_0", "null", "true", "\"1\"", "[1, 2]", "{}"
};

/* Names of several lengths and scripts, and such as need escapes; the first are the commonest, so that names meet. */
static const char *const names[] = {
	"A", "B", "BTC", "USDT", "BTC_USDT", "", "a", "AAAAAAAA", "AAAAAAAAA", "AAAAAAAAB", "\xc3\xa9", "\xe6\x95\xb0", "\xf0\x9f\x98\x80", "\\u0041",
	"\\u00e9", "\\ud83d\\ude00", "\\n", "\\\"", "\\\\", "\\u0000", "\\ud800", "x y", "?", "\xc3", "\xed\xa0\x80",
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
};

static const char *const words[] = {
	"balances", "positions", "orders", "buy", "sell", "long", "long_cost", "long_margin", "short", "short_cost", "short_margin", "assets", "contracts",
	"levels", "rules", "price", "tiers", "tier_unit", "quantity", "value", "notional", "low", "high", "initial_tiers", "initial", "maintenance", "basis",
	"size", "contract_size", "settle", "base", "mark", "netting", "leg", "larger", "net", "closing_fee", "opening_fee", "order_maintenance", "liability_rule",
	"sum", "orders_reduce_equity", "nothing", "loss", "margin", "both", "warning", "margin_call", "liquidation", "liability_weight",
	"initial_liability_weight", "requirement_weight", "liability_maintenance", "whole", "marginal"
};

typedef struct Maker
{
	unsigned long long state;	/* of the random numbers */
	char	   *text;
	size_t		length;
	size_t		room;
	double		rising;			/* the last of the numbers that rise */
	double		ratio;			/* and of those that fall */
} Maker;

#define CHOICE(maker, list) ((list)[choose((maker), sizeof(list) / sizeof((list)[0]))])

static unsigned int
choose(Maker *maker, unsigned int below)
{
	maker->state = maker->state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned int) (maker->state >> 33) % below;
}

static void
put(Maker *maker, const char *bytes, size_t length)
{
	if (length > maker->room - maker->length)
		length = maker->room - maker->length;
	memcpy(maker->text + maker->length, bytes, length);
	maker->length += length;
}

static void
put_text(Maker *maker, const char *text)
{
	put(maker, text, strlen(text));
}

static void
put_double(Maker *maker, double value)
{
	char		text[32];

	snprintf(text, sizeof(text), "%.12g", value);
	put_text(maker, text);
}

/* Mostly everyday amounts; some of any number of digits; some from the list. */
static void
put_number(Maker *maker)
{
	unsigned int kind = choose(maker, 8);

	if (kind < 4)
		put_double(maker, (double) choose(maker, kind < 2 ? 100 : 1000000) / (kind % 2 == 0 ? 1 : 1000));
	else if (kind < 6)
		put_text(maker, CHOICE(maker, numbers));
	else
	{
		int			digits = 1 + choose(maker, choose(maker, 16) == 0 ? 1100 : 45);
		int			point = choose(maker, digits + 1);

		for (int i = 0; i < digits; i++)
		{
			char		digit = '0' + choose(maker, 10);

			if (i > 0 && i == point)
				put(maker, ".", 1);
			if (i == 0 && digit == '0')
				digit = '7';
			put(maker, &digit, 1);
		}
	}
}

static void
put_terminal(Maker *maker, char symbol)
{
	switch (symbol)
	{
		case '~':
			put_number(maker);
			break;
		case '+':
			maker->rising += choose(maker, 3) == 0 ? 0.25 : choose(maker, 1000);
			put_double(maker, maker->rising);
			break;
		case '-':
			maker->ratio = maker->ratio * choose(maker, 100) / 100;
			put_double(maker, maker->ratio);
			break;
		case '^':
			maker->ratio = maker->ratio >= 1 ? 0.001 : maker->ratio + 0.001 * choose(maker, 10);
			put_double(maker, maker->ratio);
			break;
		case '$':
			put_text(maker, choose(maker, 2) == 0 ? names[choose(maker, 5)] : CHOICE(maker, names));
			break;
		default:
			put(maker, &symbol, 1);
	}
}

static const char *
alternative(Maker *maker, char name, int depth)
{
	for (size_t i = 0; i < sizeof(grammar) / sizeof(grammar[0]); i++)
	{
		int			count = 0;

		if (grammar[i].name != name)
			continue;
		while (count < MOST_ALTERNATIVES && grammar[i].alternatives[count] != NULL)
			count++;
		return grammar[i].alternatives[depth > MOST_DEPTH ? 0 : choose(maker, count)];
	}
	return "";
}

/* Capitals inside of quotes are rules, too: schedules are strings of a market. */
static void
expand(Maker *maker, char name, int depth)
{
	const char *s = alternative(maker, name, depth);

	if (name == 'S')
	{
		maker->rising = 0;
		maker->ratio = 1;
	}
	for (; *s != '\0' && maker->length < maker->room; s++)
	{
		if (*s >= 'A' && *s <= 'Z')
			expand(maker, *s, depth + 1);
		else
			put_terminal(maker, *s);
	}
}

static Maker
new_maker(char *text, size_t room, unsigned int seed)
{
	Maker		maker = {seed * 2862933555777941757ULL + 3037000493ULL, text, 0, room, 0, 1};

	choose(&maker, 2);
	return maker;
}

size_t
fuzz_generate(char start, char *text, size_t room, unsigned int seed)
{
	Maker		maker = new_maker(text, room, seed);

	expand(&maker, start, 0);
	return maker.length;
}

/* ---------- mutation ---------- */

typedef struct Token
{
	size_t		start;
	size_t		end;
} Token;

static bool
is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '+' || c == '_';
}

/* Quoted strings are a token each, also when their quotes are missing; inside of one, see below. */
static int
tokenize(const char *text, size_t length, bool strings, Token *tokens)
{
	int			count = 0;

	for (size_t i = 0; i < length && count < MOST_TOKENS;)
	{
		size_t		start = i;

		if (text[i] == '"' && strings)
		{
			for (i++; i < length && text[i] != '"'; i++)
				if (text[i] == '\\')
					i++;
			i = i < length ? i + 1 : length;
		}
		else if (is_word(text[i]))
			while (i < length && is_word(text[i]))
				i++;
		else
			i++;
		if (text[start] != ' ')
			tokens[count++] = (Token) {start, i};
	}
	return count;
}

/* The end of the piece that begins with a token: what its bracket holds, or it alone. */
static size_t
piece_end(const char *text, const Token *tokens, int count, int from)
{
	int			depth = 0;

	for (int i = from; i < count; i++)
	{
		char		c = text[tokens[i].start];

		if (c == '{' || c == '[')
			depth++;
		else if (c == '}' || c == ']')
			depth--;
		if (depth <= 0)
			return tokens[i].end;
	}
	return tokens[from].end;
}

/* Takes the bytes from "start" to "end" away and puts others there, as far as there is room. */
static size_t
replace(char *text, size_t length, size_t room, size_t start, size_t end, const char *with, size_t size)
{
	size_t		rest = length - end;

	if (start + size + rest > room)
		return length;
	memmove(text + start + size, text + end, rest);
	memcpy(text + start, with, size);
	return start + size + rest;
}

/* Something to put in the place of a token: its like, or a piece of a new text. */
static size_t
substitute(Maker *maker, char start, char first, char *piece)
{
	Maker		made = new_maker(piece, PIECE, choose(maker, 1u << 30));

	switch (choose(maker, 5))
	{
		case 0:
			put_number(&made);
			break;
		case 1:
			put(&made, "\"", 1);
			put_text(&made, CHOICE(&made, words));
			put(&made, "\"", 1);
			break;
		case 2:
			put(&made, "\"", 1);
			put_terminal(&made, '$');
			put(&made, "\"", 1);
			break;
		case 3:
			expand(&made, first == '{' ? start : grammar[choose(&made, sizeof(grammar) / sizeof(grammar[0]))].name, MOST_DEPTH - 3);
			break;
		default:
			put(&made, &"{}[]:,\"\\ "[choose(&made, 9)], 1);
	}
	return made.length;
}

static size_t
mutate_token(Maker *maker, char start, char *text, size_t length, size_t room)
{
	static Token tokens[MOST_TOKENS];
	static char piece[PIECE];
	int			count = tokenize(text, length, choose(maker, 4) != 0, tokens);
	const Token *token;
	const Token *other;
	size_t		end;
	size_t		size;

	if (count == 0)
		return fuzz_generate(start, text, room, choose(maker, 1u << 30));
	token = &tokens[choose(maker, count)];
	other = &tokens[choose(maker, count)];
	end = choose(maker, 2) == 0 ? token->end : piece_end(text, tokens, count, token - tokens);
	switch (choose(maker, 6))
	{
		case 0:					/* left out */
			return replace(text, length, room, token->start, end, "", 0);
		case 1:					/* written again elsewhere, */
		case 2:					/* or in the place of something else */
			size = end - token->start;
			if (size > PIECE)
				return length;
			memcpy(piece, text + token->start, size);
			return replace(text, length, room, other->start, choose(maker, 2) == 0 ? other->start : other->end, piece, size);
		default:				/* replaced */
			size = substitute(maker, start, text[token->start], piece);
			return replace(text, length, room, token->start, end, piece, size);
	}
}

size_t
fuzz_mutate(char start, char *text, size_t length, size_t room, unsigned int seed)
{
	Maker		maker = new_maker(text, room, seed);

	if (length == 0 || choose(&maker, 10) == 0)
		return fuzz_generate(start, text, room, choose(&maker, 1u << 30));
	for (int changes = 1 + choose(&maker, 3); changes > 0; changes--)
		length = mutate_token(&maker, start, text, length, room);
	return length;
}
