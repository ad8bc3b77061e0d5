/*
 * market_fields.c
 *		The parameters of assets and contracts, one line each.
 */
#include "postgres.h"

#include "value/market_fields.h"

const char *const tier_unit_names[] = {"quantity", "value", NULL};
static const char *const contract_tier_unit_names[] = {"notional", "contracts", NULL};
static const char *const netting_names[] = {"leg", "larger", "net", NULL};
const char *const order_reduction_names[] = {"nothing", "loss", "margin", "both", NULL};
const char *const liability_rule_names[] = {"sum", "larger", NULL};
const char *const rule_keys[] = {"liability_rule", "orders_reduce_equity", NULL};

static const Decimal zero = {{0}, 0, 0};
static const Decimal one = {{1}, 0, 0};

#define TERMS(member) offsetof(AssetTerms, member)
#define FLAT(member) offsetof(MarketAsset, member)

/* In byte order of their keys, as the canonical text has them. */
const MarketField asset_fields[ASSET_FIELDS] = {
	{.key = "high", .what = "high price", .column = 8, .kind = FIELD_NUMBER, .terms = TERMS(quote.high), .flat = FLAT(high),
	.least = ABOVE_ZERO, .flat_standard = FLAT(price), .given = TERMS(has_high)},
	{.key = "initial_liability_weight", .what = "initial liability weight", .column = 10, .kind = FIELD_NUMBER, .terms = TERMS(initial_liability_weight), .flat = FLAT(initial_liability_weight),
	.least = AT_LEAST_ONE, .flat_standard = FLAT(liability_weight), .given = TERMS(has_initial_liability_weight)},
	{.key = "initial_tiers", .what = "initial collateral ratio", .column = 9, .kind = FIELD_SCHEDULE, .terms = TERMS(initial_tiers), .flat = FLAT(initial_tiers)},
	{.key = "liability_maintenance", .what = "liability maintenance rate", .column = 6, .kind = FIELD_SCHEDULE, .terms = TERMS(liability_maintenance), .flat = FLAT(liability_maintenance)},
	{.key = "liability_weight", .what = "liability weight", .column = 4, .kind = FIELD_NUMBER, .terms = TERMS(liability_weight), .flat = FLAT(liability_weight),
	.least = AT_LEAST_ONE, .standard = &one},
	{.key = "low", .what = "low price", .column = 7, .kind = FIELD_NUMBER, .terms = TERMS(quote.low), .flat = FLAT(low),
	.least = ABOVE_ZERO, .flat_standard = FLAT(price), .given = TERMS(has_low)},
	{.key = "price", .what = "price", .column = 1, .kind = FIELD_NUMBER, .terms = TERMS(quote.price), .flat = FLAT(price),
	.least = ABOVE_ZERO, .given = TERMS(priced), .flat_given = FLAT(priced)},
	{.key = "requirement_weight", .what = "requirement weight", .column = 5, .kind = FIELD_NUMBER, .terms = TERMS(requirement_weight), .flat = FLAT(requirement_weight),
	.least = ABOVE_ZERO, .standard = &one},
	{.key = "tier_unit", .what = "tier unit", .column = 3, .kind = FIELD_OPTION, .terms = TERMS(tier_unit), .flat = FLAT(tier_unit),
	.names = tier_unit_names},
	{.key = "tiers", .what = "collateral ratio", .column = 2, .kind = FIELD_SCHEDULE, .terms = TERMS(tiers), .flat = FLAT(tiers)},
};

#undef TERMS
#undef FLAT
#define TERMS(member) offsetof(ContractTerms, member)
#define FLAT(member) offsetof(MarketContract, member)

const MarketField contract_fields[CONTRACT_FIELDS] = {
	{.key = "base", .what = "a base asset", .column = 2, .kind = FIELD_NAME, .terms = TERMS(base), .flat = FLAT(base)},
	{.key = "closing_fee", .what = "closing fee", .column = 8, .kind = FIELD_NUMBER, .terms = TERMS(closing_fee), .flat = FLAT(closing_fee),
	.least = NOT_NEGATIVE, .standard = &zero},
	{.key = "contract_size", .what = "contract size", .column = 3, .kind = FIELD_NUMBER, .terms = TERMS(size), .flat = FLAT(size),
	.least = ABOVE_ZERO},
	{.key = "initial", .what = "initial rate", .column = 6, .kind = FIELD_SCHEDULE, .terms = TERMS(initial), .flat = FLAT(initial)},
	{.key = "maintenance", .what = "maintenance rate", .column = 5, .kind = FIELD_SCHEDULE, .terms = TERMS(maintenance), .flat = FLAT(maintenance)},
	{.key = "mark", .what = "mark price", .column = 4, .kind = FIELD_NUMBER, .terms = TERMS(mark), .flat = FLAT(mark),
	.least = ABOVE_ZERO, .given = TERMS(marked), .flat_given = FLAT(marked)},
	{.key = "netting", .what = "netting", .column = 7, .kind = FIELD_OPTION, .terms = TERMS(netting), .flat = FLAT(netting),
	.names = netting_names},
	{.key = "opening_fee", .what = "opening fee", .column = 9, .kind = FIELD_NUMBER, .terms = TERMS(opening_fee), .flat = FLAT(opening_fee),
	.least = NOT_NEGATIVE, .standard = &zero},
	{.key = "order_maintenance", .what = "order maintenance", .column = 11, .kind = FIELD_SWITCH, .terms = TERMS(order_maintenance), .flat = FLAT(order_maintenance)},
	{.key = "settle", .what = "a settlement asset", .column = 1, .kind = FIELD_NAME, .terms = TERMS(settle), .flat = FLAT(settle)},
	{.key = "tier_unit", .what = "tier unit", .column = 10, .kind = FIELD_OPTION, .terms = TERMS(tier_unit), .flat = FLAT(tier_unit),
	.names = contract_tier_unit_names},
};

/* Whether a field of a flat record says what it would say if it were left out. */
bool
field_is_standard(const MarketField *field, const void *flat_record, const Market *market)
{
	Decimal		buffer;
	Decimal		other_buffer;
	const Decimal *number;

	switch (field->kind)
	{
		case FIELD_NAME:
			return CONST_FIELD_AT(MarketName, flat_record, field->flat)->length == 0;
		case FIELD_SCHEDULE:
			return *CONST_FIELD_AT(uint32, flat_record, field->flat) == 0;
		case FIELD_OPTION:
			return *CONST_FIELD_AT(uint8, flat_record, field->flat) == 0;
		case FIELD_SWITCH:
			return !*CONST_FIELD_AT(bool, flat_record, field->flat);
		case FIELD_NUMBER:
			break;
	}
	if (field->flat_given != 0)
		return !*CONST_FIELD_AT(bool, flat_record, field->flat_given);
	number = dec_flat(CONST_FIELD_AT(Decimal, flat_record, field->flat), market, &buffer);
	if (field->standard != NULL)
		return dec_cmp(number, field->standard) == 0;
	return field->flat_standard != 0 &&
		dec_cmp(number, dec_flat(CONST_FIELD_AT(Decimal, flat_record, field->flat_standard), market, &other_buffer)) == 0;
}

/* Whether a field is absent, or has the default that another number is. */
bool
field_is_absent(const MarketField *field, const void *flat_record, const Market *market)
{
	bool		says_something = field->kind == FIELD_OPTION || field->kind == FIELD_SWITCH || field->standard != NULL;

	return !says_something && field_is_standard(field, flat_record, market);
}
