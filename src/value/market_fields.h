/*
 * market_fields.h
 *		The parameters of assets and contracts, one line each.
 *
 * These tables drive the text, JSON, the rows, the validation and the flat form of a
 * market: a new parameter is a member of the records in market.h and a line here.
 */
#ifndef MARGIN_MARKET_FIELDS_H
#define MARGIN_MARKET_FIELDS_H

#include "value/market.h"

typedef enum FieldKind
{
	FIELD_NAME,					/* of an asset */
	FIELD_NUMBER,
	FIELD_SCHEDULE,
	FIELD_OPTION,				/* one of "names", by default the first */
	FIELD_SWITCH				/* true or false, by default false */
} FieldKind;

typedef enum Least
{
	ABOVE_ZERO,
	NOT_NEGATIVE,
	AT_LEAST_ONE
} Least;

/* Offsets of 0 stand for none: there the records have their symbols. */
typedef struct MarketField
{
	const char *key;			/* of the text */
	const char *what;			/* in messages */
	int			column;			/* of asset_terms or contract_terms */
	FieldKind	kind;
	Size		terms;			/* where it is in AssetTerms or ContractTerms */
	Size		flat;			/* and in MarketAsset or MarketContract */

	/* of numbers */
	Least		least;
	const Decimal *standard;	/* its default, if it has one */
	Size		flat_standard;	/* or the other number of the flat record that is its default */
	Size		given;			/* where the terms say whether it is there */
	Size		flat_given;		/* and the flat record, if it may be absent */

	const char *const *names;	/* of options */
} MarketField;

#define ASSET_FIELDS 10
#define CONTRACT_FIELDS 11

extern const MarketField asset_fields[ASSET_FIELDS];
extern const MarketField contract_fields[CONTRACT_FIELDS];

/* Columns of the composite types: the symbol, then the fields. */
#define ASSET_COLUMNS (1 + ASSET_FIELDS)
#define CONTRACT_COLUMNS (1 + CONTRACT_FIELDS)

#define FIELD_AT(type, record, offset) ((type *) ((char *) (record) + (offset)))
#define CONST_FIELD_AT(type, record, offset) ((const type *) ((const char *) (record) + (offset)))

extern bool field_is_standard(const MarketField *field, const void *flat_record, const Market *market);
extern bool field_is_absent(const MarketField *field, const void *flat_record, const Market *market);

/* The rules of a market, in byte order, as the canonical text has them. */
enum
{
	RULE_LIABILITY,
	RULE_ORDERS
};

extern const char *const rule_keys[];

#endif							/* MARGIN_MARKET_FIELDS_H */
