/*
 * cover_plan.c
 *		Which assets of an account pay its debts.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/memutils.h"

#include "options.h"
#include "plans.h"
#include "rows.h"

/* ---------- rules ---------- */

static const char *const payer_order_names[] = {"ratio", "pro_rata", NULL};

typedef enum PayerOrder
{
	PAYERS_BY_RATIO,
	PAYERS_PRO_RATA
} PayerOrder;

typedef struct CoverRule
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	bool		given;
	bool		has_rank;
	int32		rank;
	Decimal		discount;
	bool		has_threshold;
	Decimal		threshold;
	Decimal		target;			/* what a debt above the threshold is repaid down to */
} CoverRule;

/* Columns of margin.cover_rule. */
enum
{
	RULE_ASSET,
	RULE_RANK,
	RULE_DISCOUNT,
	RULE_THRESHOLD,
	RULE_REPAYMENT_RATIO,
	RULE_COLUMNS
};

static void
check_share(const Decimal *share, const char *what, const Symbol *symbol)
{
	const Decimal one = DEC_ONE;

	if (dec_sign(share) < 0 || dec_cmp(share, &one) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s of \"%s\" must be between 0 and 1: %s", what, symbol_text(symbol), dec_text(share))));
}

static void
read_threshold(CoverRule *rule, const Datum *values, const bool *nulls)
{
	const Decimal one = DEC_ONE;
	Decimal		ratio = DEC_ONE;

	rule->has_threshold = row_number(&rule->threshold, values[RULE_THRESHOLD], nulls[RULE_THRESHOLD],
									 "threshold", &rule->symbol);
	row_number(&ratio, values[RULE_REPAYMENT_RATIO], nulls[RULE_REPAYMENT_RATIO], "repayment ratio", &rule->symbol);
	check_share(&ratio, "repayment ratio", &rule->symbol);
	if (!rule->has_threshold)
		return;
	if (dec_sign(&rule->threshold) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("threshold of \"%s\" must not be negative: %s",
						symbol_text(&rule->symbol), dec_text(&rule->threshold))));
	dec_sub(&rule->target, &one, &ratio);
	dec_mul(&rule->target, &rule->threshold, &rule->target);
}

/* The rule of an asset; without a given one it pays at index price and a debt in it is repaid whole. */
static CoverRule *
rule_of(SymbolTable *rules, const Symbol *symbol)
{
	bool		found;
	CoverRule  *rule = symbol_table_add(rules, symbol, &found);

	if (!found)
		rule->discount = DEC_ONE;
	return rule;
}

static void
read_rules(SymbolTable *rules, ArrayType *array)
{
	Datum	   *rows;
	bool	   *isnull;
	int			count = rows_of_array(array, &rows, &isnull);

	for (int i = 0; i < count; i++)
	{
		Datum		values[RULE_COLUMNS];
		bool		nulls[RULE_COLUMNS];
		Symbol		symbol;
		CoverRule  *rule;

		row_columns(rows[i], isnull[i], RULE_COLUMNS, values, nulls);
		symbol = row_symbol(values[RULE_ASSET], nulls[RULE_ASSET], "an asset");
		rule = rule_of(rules, &symbol);
		if (rule->given)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("asset \"%s\" has more than one cover rule", symbol_text(&symbol))));
		rule->given = true;
		rule->has_rank = !nulls[RULE_RANK];
		rule->rank = rule->has_rank ? DatumGetInt32(values[RULE_RANK]) : 0;
		row_number(&rule->discount, values[RULE_DISCOUNT], nulls[RULE_DISCOUNT], "conversion discount", &symbol);
		check_share(&rule->discount, "conversion discount", &symbol);
		read_threshold(rule, values, nulls);
	}
}

/* ---------- the pool ---------- */

/* An asset of the account, as payer and as debt. */
typedef struct PoolAsset
{
	Symbol		symbol;
	CoverRule	rule;
	Decimal		price;
	Decimal		unit_worth;		/* price * conversion discount */
	const Schedule *tiers;		/* or NULL */
	Basis		basis;
	bool		settled;		/* as a debt */

	/* as the account stands */
	Decimal		equity;
	Decimal		available;		/* max(0, min(balance, equity)), 0 for an asset that is no payer */
	Decimal		ratio;			/* marginal collateral ratio */

	/* as a payer of the present debt */
	bool		asked;			/* in this round */
	bool		excluded;
} PoolAsset;

typedef struct Cover
{
	PlanRows	rows;
	const Market *market;
	Netting    *netting;
	MemoryContext scratch;		/* of one valuation */
	Level		level;
	PayerOrder	order;
	bool		forced;
	int			count;
	PoolAsset  *pool;

	/* what is shared pro rata in this round; nothing yet where round_worth is 0 */
	Decimal		round_due;
	Decimal		round_worth;
	Decimal		round_asked;
} Cover;

/* Columns of cover_plan(), in order. */
enum
{
	COVER_STEP,
	COVER_OUTCOME,
	COVER_DEBT_ASSET,
	COVER_PAYER,
	COVER_PAID,
	COVER_REPAID,
	COVER_DEBT_PRICE,
	COVER_PAYER_PRICE,
	COVER_DISCOUNT,
	COVER_PAID_VALUE,
	COVER_REPAID_VALUE,
	COVER_REMAINING_DEBT,
	COVER_REMAINING_DUE,
	COVER_LEVEL,
	COVER_COLUMNS
};

static void
set_product(Datum *values, bool *nulls, int column, const Decimal *a, const Decimal *b)
{
	Decimal		product;

	dec_mul(&product, a, b);
	plan_set_amount(values, nulls, column, &product);
}

/* One row; without a payer it states the residue. */
static void
put_cover_row(Cover *cover, const char *outcome, Level level, const PoolAsset *debt, const PoolAsset *payer,
			  const Decimal *paid, const Decimal *repaid, const Decimal *due)
{
	Datum		values[COVER_COLUMNS];
	bool		nulls[COVER_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	if (debt != NULL)
	{
		Decimal		owed;

		dec_neg(&owed, &debt->equity);
		plan_set(values, nulls, COVER_DEBT_ASSET, symbol_datum(&debt->symbol));
		plan_set_amount(values, nulls, COVER_DEBT_PRICE, &debt->price);
		plan_set_amount(values, nulls, COVER_REMAINING_DEBT, &owed);
		plan_set_amount(values, nulls, COVER_REMAINING_DUE, due);
	}
	if (payer != NULL)
	{
		plan_set(values, nulls, COVER_PAYER, symbol_datum(&payer->symbol));
		plan_set_amount(values, nulls, COVER_PAID, paid);
		plan_set_amount(values, nulls, COVER_REPAID, repaid);
		plan_set_amount(values, nulls, COVER_PAYER_PRICE, &payer->price);
		plan_set_amount(values, nulls, COVER_DISCOUNT, &payer->rule.discount);
		set_product(values, nulls, COVER_PAID_VALUE, paid, &payer->price);
		set_product(values, nulls, COVER_REPAID_VALUE, repaid, &debt->price);
	}
	plan_put_row(&cover->rows, outcome, level, values, nulls);
}

/* The ratio that the next unit of an equity > 0 counts for. */
static void
marginal_ratio(PoolAsset *asset)
{
	Decimal		buffer;
	Decimal		at = asset->equity;

	if (asset->basis == BASIS_VALUE)
		dec_mul(&at, &asset->price, &asset->equity);
	asset->ratio = *dec_flat(&asset->tiers->tiers[schedule_find_tier(asset->tiers, &at)].rate, asset->tiers, &buffer);
}

/*
 * What an asset owes or may give, from its line in a valuation (NULL: nothing
 * is left of it).  Copied, as a line may share numerics with the balances
 * behind it, and those go when they change.
 */
static void
refresh_asset(PoolAsset *asset, const AssetLine *line)
{
	asset->equity = asset->available = asset->ratio = DEC_ZERO;
	if (line == NULL)
		return;
	dec_copy_into(&asset->equity, &line->equity, CurrentMemoryContext);
	if (dec_sign(&line->equity) <= 0)
		return;
	if (asset->tiers != NULL)
		marginal_ratio(asset);
	if (dec_sign(&asset->unit_worth) > 0 && dec_sign(&line->balance) > 0)
		dec_copy_into(&asset->available, dec_cmp(&line->balance, &line->equity) < 0 ? &line->balance : &line->equity,
					  CurrentMemoryContext);
}

static const AssetLine *
find_line(const Valuation *v, const Symbol *symbol)
{
	for (int i = 0; i < v->nassets; i++)
	{
		if (symbol_equal(&v->assets[i].symbol, symbol))
			return &v->assets[i];
	}
	return NULL;
}

static void
refresh_pool(Cover *cover, const Valuation *v)
{
	cover->level = v->level;
	for (int i = 0; i < cover->count; i++)
		refresh_asset(&cover->pool[i], find_line(v, &cover->pool[i].symbol));
}

/*
 * The assets of a valued account.  Who has no price can neither pay nor owe;
 * who is no collateral is not of the pool, and pays only where a rule names it.
 */
static void
fill_pool(Cover *cover, const Valuation *v, SymbolTable *rules)
{
	cover->pool = palloc0(Max(v->nassets, 1) * sizeof(PoolAsset));
	cover->count = 0;
	for (int i = 0; i < v->nassets; i++)
	{
		const MarketAsset *terms = v->assets[i].terms;
		PoolAsset  *asset = &cover->pool[cover->count];
		Decimal		buffer;

		if (terms == NULL || !terms->priced)
			continue;
		asset->symbol = v->assets[i].symbol;
		asset->rule = *rule_of(rules, &asset->symbol);
		asset->price = *dec_flat(&terms->price, cover->market, &buffer);
		asset->tiers = market_schedule(cover->market, terms->tiers);
		asset->basis = terms->basis;
		if (asset->tiers != NULL || asset->rule.given)
			dec_mul(&asset->unit_worth, &asset->price, &asset->rule.discount);
		cover->count++;
	}
	refresh_pool(cover, v);
}

/* ---------- the conversions ---------- */

/* What is to be repaid of a debt, in units of it; false for none. */
static bool
debt_due(const PoolAsset *asset, Decimal *due)
{
	if (dec_sign(&asset->equity) >= 0)
		return false;
	dec_neg(due, &asset->equity);
	if (!asset->rule.has_threshold)
		return true;
	if (dec_cmp(due, &asset->rule.threshold) <= 0)
		return false;
	dec_sub(due, due, &asset->rule.target);
	return dec_sign(due) > 0;
}

/* The largest debt in USD that has not had its turn; in byte order among equals. */
static PoolAsset *
next_debt(Cover *cover)
{
	PoolAsset  *best = NULL;
	Decimal		best_value;

	for (int i = 0; i < cover->count; i++)
	{
		PoolAsset  *asset = &cover->pool[i];
		Decimal		value;
		int			order;

		if (asset->settled || dec_sign(&asset->equity) >= 0)
			continue;
		dec_mul(&value, &asset->price, &asset->equity);
		order = best == NULL ? -1 : dec_cmp(&value, &best_value);
		if (order < 0 || (order == 0 && symbol_cmp(&asset->symbol, &best->symbol) < 0))
		{
			best = asset;
			best_value = value;
		}
	}
	return best;
}

static inline bool
can_pay(const PoolAsset *asset)
{
	return !asset->asked && !asset->excluded && dec_sign(&asset->available) > 0;
}

/* Does a come before b?  By rank where set, those without behind; else by ratio, highest first, unless pro rata. */
static bool
pays_before(const Cover *cover, const PoolAsset *a, const PoolAsset *b)
{
	if (a->rule.has_rank != b->rule.has_rank)
		return a->rule.has_rank;
	if (a->rule.has_rank && a->rule.rank != b->rule.rank)
		return a->rule.rank < b->rule.rank;
	if (!a->rule.has_rank && cover->order == PAYERS_BY_RATIO)
	{
		int			order = dec_cmp(&a->ratio, &b->ratio);

		if (order != 0)
			return order > 0;
	}
	return symbol_cmp(&a->symbol, &b->symbol) < 0;
}

/* A round asks everyone once. */
static void
begin_round(Cover *cover)
{
	for (int i = 0; i < cover->count; i++)
		cover->pool[i].asked = false;
	cover->round_worth = DEC_ZERO;
}

static PoolAsset *
next_of_round(Cover *cover)
{
	PoolAsset  *best = NULL;

	for (int i = 0; i < cover->count; i++)
	{
		if (can_pay(&cover->pool[i]) && (best == NULL || pays_before(cover, &cover->pool[i], best)))
			best = &cover->pool[i];
	}
	return best;
}

/*
 * The next payer.  Another round follows while somebody can pay, which pro
 * rata happens where one was left out and the others have more to give.
 */
static PoolAsset *
next_payer(Cover *cover)
{
	PoolAsset  *payer = next_of_round(cover);

	if (payer != NULL)
		return payer;
	begin_round(cover);
	return next_of_round(cover);
}

/* What a payer could repay, in USD, is its weight in a round. */
static void
add_worth(Decimal *worth, const PoolAsset *payer)
{
	dec_add_product(worth, &payer->available, &payer->unit_worth);
}

/*
 * How much of what is due a payer is asked for: all of it; or pro rata, its
 * part by what each could repay, rounded down at the 18th decimal.  The last
 * one of the round bears what rounding left.
 */
static void
ask(Cover *cover, const PoolAsset *payer, const Decimal *due, Decimal *wanted)
{
	Decimal		own = DEC_ZERO;
	bool		last = true;

	*wanted = *due;
	if (cover->order == PAYERS_BY_RATIO || payer->rule.has_rank)
		return;
	add_worth(&own, payer);
	for (int i = 0; i < cover->count; i++)
	{
		if (&cover->pool[i] != payer && can_pay(&cover->pool[i]))
			last = false;
	}
	if (dec_is_zero(&cover->round_worth))
	{
		cover->round_due = *due;
		cover->round_asked = DEC_ZERO;
		for (int i = 0; i < cover->count; i++)
		{
			if (can_pay(&cover->pool[i]))
				add_worth(&cover->round_worth, &cover->pool[i]);
		}
	}
	if (last)
	{
		dec_sub(wanted, &cover->round_due, &cover->round_asked);
		return;
	}
	dec_mul(wanted, &cover->round_due, &own);
	dec_div_floor18(wanted, wanted, &cover->round_worth);
	dec_add(&cover->round_asked, &cover->round_asked, wanted);
}

/*
 * What a payer gives for "wanted" units of a debt, rounded up at the 18th
 * decimal; or, where it has less, all that it has, for what that repays,
 * rounded down.
 */
static void
price_conversion(const PoolAsset *debt, const PoolAsset *payer, const Decimal *wanted, Decimal *paid, Decimal *repaid)
{
	Decimal		value;

	dec_mul(&value, wanted, &debt->price);
	dec_div_ceil18(paid, &value, &payer->unit_worth);
	*repaid = *wanted;
	if (dec_cmp(paid, &payer->available) <= 0)
		return;
	*paid = payer->available;
	dec_mul(&value, paid, &payer->unit_worth);
	dec_div_floor18(repaid, &value, &debt->price);
	if (dec_cmp(repaid, wanted) > 0)
		*repaid = *wanted;
}

/* Books a conversion on the copy, or takes it back. */
static void
book_conversion(Cover *cover, const PoolAsset *debt, const PoolAsset *payer, const Decimal *paid, const Decimal *repaid,
				bool back)
{
	Decimal		taken;
	Decimal		given = *repaid;

	dec_neg(&taken, paid);
	if (back)
	{
		taken = *paid;
		dec_neg(&given, repaid);
	}
	netting_add_balance(cover->netting, &payer->symbol, &taken);
	netting_add_balance(cover->netting, &debt->symbol, &given);
}

/* Asks one payer; what remains due is lowered by what it repays. */
static void
convert(Cover *cover, PoolAsset *debt, PoolAsset *payer, Decimal *due)
{
	Decimal		wanted;
	Decimal		paid;
	Decimal		repaid;
	Valuation	v;
	MemoryContext old;

	MemoryContextReset(cover->scratch);
	ask(cover, payer, due, &wanted);
	payer->asked = true;
	if (dec_is_zero(&wanted))
		return;
	price_conversion(debt, payer, &wanted, &paid, &repaid);
	if (dec_is_zero(&repaid))
	{
		/* all that it has is worth less than the smallest repayment */
		payer->excluded = true;
		return;
	}
	book_conversion(cover, debt, payer, &paid, &repaid, false);
	old = MemoryContextSwitchTo(cover->scratch);
	plan_value(&v, cover->netting, cover->market, VALUE_MAINTENANCE | VALUE_LINES);
	MemoryContextSwitchTo(old);
	if (v.level > cover->level && !cover->forced)
	{
		book_conversion(cover, debt, payer, &paid, &repaid, true);
		payer->excluded = true;
		put_cover_row(cover, "left_out", v.level, debt, payer, &paid, &repaid, due);
		return;
	}
	dec_sub(due, due, &repaid);
	refresh_pool(cover, &v);
	put_cover_row(cover, "converted", v.level, debt, payer, &paid, &repaid, due);
}

static void
cover_debt(Cover *cover, PoolAsset *debt)
{
	PoolAsset  *payer;
	Decimal		due;

	if (!debt_due(debt, &due))
		return;
	for (int i = 0; i < cover->count; i++)
		cover->pool[i].excluded = false;
	begin_round(cover);
	while (dec_sign(&due) > 0 && (payer = next_payer(cover)) != NULL)
		convert(cover, debt, payer, &due);
	if (dec_sign(&due) > 0)
		put_cover_row(cover, "uncovered", cover->level, debt, NULL, NULL, NULL, &due);
}

PG_FUNCTION_INFO_V1(margin_cover_plan);

/* cover_plan(portfolio, market, rules cover_rule[], payer_order, forced boolean) */
Datum
margin_cover_plan(PG_FUNCTION_ARGS)
{
	Cover		cover = {.order = PAYERS_BY_RATIO};
	SymbolTable rules;
	Valuation	v;
	PoolAsset  *debt;

	plan_begin(&cover.rows, fcinfo, COVER_COLUMNS, COVER_LEVEL);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	symbol_table_init(&rules, CurrentMemoryContext, sizeof(CoverRule));
	if (!PG_ARGISNULL(2))
		read_rules(&rules, PG_GETARG_ARRAYTYPE_P(2));
	if (!PG_ARGISNULL(3))
		cover.order = option_from_enum(PG_GETARG_OID(3), payer_order_names);
	cover.forced = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	cover.market = market_of_call(fcinfo, 1);
	cover.scratch = AllocSetContextCreate(CurrentMemoryContext, "cover plan", ALLOCSET_DEFAULT_SIZES);
	cover.netting = netting_load(PG_GETARG_VARLENA_PP(0));

	plan_value(&v, cover.netting, cover.market, VALUE_MAINTENANCE | VALUE_LINES);
	if (v.level == LEVEL_UNPRICED)
	{
		put_cover_row(&cover, "unpriced", v.level, NULL, NULL, NULL, NULL, NULL);
		return (Datum) 0;
	}
	fill_pool(&cover, &v, &rules);
	while ((debt = next_debt(&cover)) != NULL)
	{
		debt->settled = true;
		cover_debt(&cover, debt);
	}
	return (Datum) 0;
}
