/*
 * portfolio.h
 *		Netted holdings of one account (SPEC 1): the flat value and its algebra.
 *
 * Per asset a balance (in the asset, may be negative, never 0); per contract
 * two sides, each with quantity (in contracts, > 0), entry cost (quantity *
 * price, in the settlement asset per unit of size, >= 0) and margin quantity
 * (quantity / leverage, at most 18 decimals, >= 0), and open orders.
 *
 * A value is a sequence of entries in byte order of their symbols, balances
 * first, numbers packed: written by a PortfolioWriter, which is the type's one
 * validator, and read by a PortfolioReader, which checks every bound.
 */
#ifndef MARGIN_PORTFOLIO_H
#define MARGIN_PORTFOLIO_H

#include "base/decimal.h"
#include "base/symbol.h"
#include "value/orders.h"

#define PORTFOLIO_VERSION 1

/* Sums of row inputs may have a few digits more than one of them. */
#define PORTFOLIO_SUM_DIGITS 20

typedef enum PortfolioSide
{
	SIDE_LONG,
	SIDE_SHORT
} PortfolioSide;

/* What a row that cannot be is made of where it is to leave its account unpriced: a balance of an asset that no market knows. */
#define FLAW_PREFIX "unusable row: "

typedef struct Balance
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	Decimal		quantity;
} Balance;

typedef struct PositionSide
{
	Decimal		quantity;
	Decimal		cost;
	Decimal		margin;
} PositionSide;

/* What is held, and what is ordered, in one contract. */
typedef struct Position
{
	Symbol		symbol;
	PositionSide sides[2];
	Orders	   *orders;			/* NULL: none */
} Position;

typedef struct PortfolioReader
{
	const char *at;
	const char *end;
	uint32		balances;		/* left to read */
	uint32		positions;
} PortfolioReader;

typedef struct PortfolioWriter
{
	char	   *data;			/* a varlena in the making */
	Size		size;
	Size		capacity;
	uint32		balances;
	uint32		positions;
} PortfolioWriter;

extern void portfolio_open(PortfolioReader *reader, const struct varlena *value);
extern void portfolio_read_position(PortfolioReader *reader, Position *position);
extern void portfolio_end(const PortfolioReader *reader);
extern pg_noreturn void portfolio_corrupted(void);

extern void portfolio_begin(PortfolioWriter *writer, Size expected);
extern void portfolio_put_balance(PortfolioWriter *writer, Balance *balance);
extern void portfolio_put_position(PortfolioWriter *writer, Position *position);
extern struct varlena *portfolio_finish(PortfolioWriter *writer);

extern bool portfolio_only_reduces(const struct varlena *before, const struct varlena *after);
extern bool portfolio_lowers_balance(const struct varlena *before, const struct varlena *after);

static inline void
portfolio_read_symbol(PortfolioReader *reader, Symbol *symbol)
{
	int			length = reader->at < reader->end ? (uint8) *reader->at++ : 0;

	if (unlikely(length == 0 || reader->end - reader->at < length))
		portfolio_corrupted();
	*symbol = symbol_make(reader->at, length);
	reader->at += length;
}

static inline void
portfolio_read_decimal(PortfolioReader *reader, Decimal *r)
{
	reader->at = dec_unpack(r, reader->at, reader->end);
	if (unlikely(reader->at == NULL))
		portfolio_corrupted();
}

/* The next balance; the caller has seen that one is left. */
static inline void
portfolio_read_balance(PortfolioReader *reader, Balance *balance)
{
	portfolio_read_symbol(reader, &balance->symbol);
	portfolio_read_decimal(reader, &balance->quantity);
	reader->balances--;
}

#endif							/* MARGIN_PORTFOLIO_H */
