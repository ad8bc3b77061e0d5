/*
 * repayment_plan.c
 *		Which assets of an account repay its debts.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/enums.h"
#include "base/rows.h"
#include "question/plans.h"

/* ---------- rules ---------- */

static const char *const funding_order_names[] = {"ratio", "pro_rata", NULL};

typedef enum FundingOrder
{
	FUNDING_BY_RATIO,
	FUNDING_PRO_RATA
} FundingOrder;

typedef struct RepaymentRule
{
	Symbol		symbol;			/* first: a SymbolTable holds these */
	bool		given;
	bool		has_rank;
	int32		rank;
	Decimal		discount;
	bool		has_threshold;
	Decimal		threshold;
	Decimal		target;			/* what a debt above the threshold is repaid down to */
} RepaymentRule;

/* Columns of margin.repayment_rule. */
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
read_threshold(RepaymentRule *rule, const Datum *values, const bool *nulls)
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

/* The rule of an asset; without a given one it is converted at index price and a debt in it is repaid whole. */
static RepaymentRule *
rule_of(SymbolTable *rules, const Symbol *symbol)
{
	bool		found;
	RepaymentRule *rule = symbol_table_add(rules, symbol, &found);

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
		RepaymentRule *rule;

		row_columns(rows[i], isnull[i], RULE_COLUMNS, values, nulls);
		symbol = row_symbol(values[RULE_ASSET], nulls[RULE_ASSET], "an asset");
		rule = rule_of(rules, &symbol);
		if (rule->given)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("asset \"%s\" has more than one repayment rule", symbol_text(&symbol))));
		rule->given = true;
		rule->has_rank = !nulls[RULE_RANK];
		rule->rank = rule->has_rank ? DatumGetInt32(values[RULE_RANK]) : 0;
		row_number(&rule->discount, values[RULE_DISCOUNT], nulls[RULE_DISCOUNT], "conversion discount", &symbol);
		check_share(&rule->discount, "conversion discount", &symbol);
		read_threshold(rule, values, nulls);
	}
}

/* ---------- the pool ---------- */

/* An asset of the account that has a price, as a source of funds and as a debt. */
typedef struct PoolAsset
{
	Symbol		symbol;
	AssetLine  *line;			/* as the account stands */
	RepaymentRule rule;
	Decimal		price;
	Decimal		unit_worth;		/* price * conversion discount; 0 for an asset that repays nothing */
	const Schedule *tiers;		/* or NULL */
	Decimal		debt_value;		/* of a debt: price * equity, < 0 */

	/* as the account stands */
	Decimal		available;		/* max(0, min(balance, equity)), 0 where unit_worth is */
	Decimal		ratio;			/* marginal collateral ratio */

	bool		excluded;		/* from repaying the present debt */
} PoolAsset;

typedef struct Repayment
{
	PlanRows	rows;
	const Market *market;
	BoundPortfolio *bound;
	Valuation	v;				/* of the account as it stands */
	MemoryContext context;		/* of all that is kept */
	MemoryContext scratch;		/* of one conversion */
	FundingOrder order;
	bool		forced;

	/* debts, largest first; the other assets in the order in which they are asked */
	PoolAsset **debts;
	int			ndebts;
	PoolAsset **funding;
	int			nfunding;
	int			next;			/* of the present round */

	/* what is shared pro rata in this round; nothing yet where round_worth is 0 */
	Decimal		round_due;
	Decimal		round_worth;
	Decimal		round_asked;
} Repayment;

/* Columns of repayment_plan(), in order. */
enum
{
	REPAY_STEP,
	REPAY_OUTCOME,
	REPAY_DEBT_ASSET,
	REPAY_FUNDING_ASSET,
	REPAY_PAID,
	REPAY_REPAID,
	REPAY_DEBT_PRICE,
	REPAY_FUNDING_PRICE,
	REPAY_DISCOUNT,
	REPAY_PAID_VALUE,
	REPAY_REPAID_VALUE,
	REPAY_REMAINING_DEBT,
	REPAY_REMAINING_DUE,
	REPAY_LEVEL,
	REPAY_COLUMNS
};

static void
set_product(Datum *values, bool *nulls, int column, const Decimal *a, const Decimal *b)
{
	Decimal		product;

	dec_mul(&product, a, b);
	plan_set_amount(values, nulls, column, &product);
}

/* One row; without a funding asset it states the residue. */
static void
put_repayment_row(Repayment *repayment, const char *outcome, Level level, const PoolAsset *debt,
				  const PoolAsset *funding, const Decimal *paid, const Decimal *repaid, const Decimal *due)
{
	Datum		values[REPAY_COLUMNS];
	bool		nulls[REPAY_COLUMNS];

	memset(nulls, true, sizeof(nulls));
	if (debt != NULL)
	{
		Decimal		owed;

		dec_neg(&owed, &debt->line->equity);
		plan_set(values, nulls, REPAY_DEBT_ASSET, symbol_datum(&debt->symbol));
		plan_set_amount(values, nulls, REPAY_DEBT_PRICE, &debt->price);
		plan_set_amount(values, nulls, REPAY_REMAINING_DEBT, &owed);
		plan_set_amount(values, nulls, REPAY_REMAINING_DUE, due);
	}
	if (funding != NULL)
	{
		plan_set(values, nulls, REPAY_FUNDING_ASSET, symbol_datum(&funding->symbol));
		plan_set_amount(values, nulls, REPAY_PAID, paid);
		plan_set_amount(values, nulls, REPAY_REPAID, repaid);
		plan_set_amount(values, nulls, REPAY_FUNDING_PRICE, &funding->price);
		plan_set_amount(values, nulls, REPAY_DISCOUNT, &funding->rule.discount);
		set_product(values, nulls, REPAY_PAID_VALUE, paid, &funding->price);
		set_product(values, nulls, REPAY_REPAID_VALUE, repaid, &debt->price);
	}
	plan_put_row(&repayment->rows, outcome, level, values, nulls);
}

/* The ratio that the next unit of an equity > 0 counts for. */
static void
marginal_ratio(PoolAsset *asset, const Market *market)
{
	Decimal		buffer;
	Decimal		at;

	tiered_amount(&at, asset->line, market);
	asset->ratio = *dec_flat(&asset->tiers->tiers[schedule_find_tier(asset->tiers, &at)].rate, asset->tiers, &buffer);
}

/* What an asset may give, and at which ratio, once its line has changed. */
static void
refresh_asset(PoolAsset *asset, const Market *market)
{
	const AssetLine *line = asset->line;

	asset->available = asset->ratio = DEC_ZERO;
	if (dec_sign(&line->equity) <= 0)
		return;
	if (asset->tiers != NULL)
		marginal_ratio(asset, market);
	if (dec_sign(&asset->unit_worth) > 0 && dec_sign(&line->balance) > 0)
		asset->available = dec_cmp(&line->balance, &line->equity) < 0 ? line->balance : line->equity;
}

/* Is a asked before b?  By rank, those without one last; else by ratio, highest first, unless pro rata. */
static bool
asked_before(const Repayment *repayment, const PoolAsset *a, const PoolAsset *b)
{
	if (a->rule.has_rank != b->rule.has_rank)
		return a->rule.has_rank;
	if (a->rule.has_rank && a->rule.rank != b->rule.rank)
		return a->rule.rank < b->rule.rank;
	if (!a->rule.has_rank && repayment->order == FUNDING_BY_RATIO)
	{
		int			order = dec_cmp(&a->ratio, &b->ratio);

		if (order != 0)
			return order > 0;
	}
	return symbol_cmp(&a->symbol, &b->symbol) < 0;
}

static int
compare_funding(const void *a, const void *b, void *repayment)
{
	return asked_before(repayment, *(PoolAsset *const *) a, *(PoolAsset *const *) b) ? -1 : 1;
}

/* The largest debt in USD comes first; in byte order among equals. */
static int
compare_debts(const void *a, const void *b)
{
	const PoolAsset *x = *(PoolAsset *const *) a;
	const PoolAsset *y = *(PoolAsset *const *) b;
	int			order = dec_cmp(&x->debt_value, &y->debt_value);

	return order != 0 ? order : symbol_cmp(&x->symbol, &y->symbol);
}

/*
 * The assets of a valued account.  One without a price can neither repay nor
 * be owed; one that is not collateral repays only if a rule names it.
 */
static void
fill_pool(Repayment *repayment, SymbolTable *rules)
{
	Valuation  *v = &repayment->v;

	repayment->debts = palloc(Max(v->nassets, 1) * sizeof(PoolAsset *));
	repayment->funding = palloc(Max(v->nassets, 1) * sizeof(PoolAsset *));
	for (int i = 0; i < v->nassets; i++)
	{
		AssetLine  *line = &v->assets[i];
		const MarketAsset *terms = line->terms;
		PoolAsset  *asset;
		Decimal		buffer;

		if (terms == NULL || !terms->priced)
			continue;
		asset = palloc0(sizeof(PoolAsset));
		asset->symbol = line->symbol;
		asset->line = line;
		asset->rule = *rule_of(rules, &asset->symbol);
		asset->price = *dec_flat(&terms->price, repayment->market, &buffer);
		asset->tiers = market_schedule(repayment->market, terms->tiers);
		if (asset->tiers != NULL || asset->rule.given)
			dec_mul(&asset->unit_worth, &asset->price, &asset->rule.discount);
		refresh_asset(asset, repayment->market);
		if (dec_sign(&line->equity) < 0)
		{
			dec_mul(&asset->debt_value, &asset->price, &line->equity);
			repayment->debts[repayment->ndebts++] = asset;
		}
		else if (dec_sign(&asset->available) > 0)
			repayment->funding[repayment->nfunding++] = asset;
	}
	qsort(repayment->debts, repayment->ndebts, sizeof(PoolAsset *), compare_debts);
	qsort_arg(repayment->funding, repayment->nfunding, sizeof(PoolAsset *), compare_funding, repayment);
}

/* ---------- the conversions ---------- */

/* What is to be repaid of a debt, in units of it; false for none. */
static bool
debt_due(const PoolAsset *asset, Decimal *due)
{
	dec_neg(due, &asset->line->equity);
	if (!asset->rule.has_threshold)
		return true;
	if (dec_cmp(due, &asset->rule.threshold) <= 0)
		return false;
	dec_sub(due, due, &asset->rule.target);
	return dec_sign(due) > 0;
}

static inline bool
can_repay(const PoolAsset *asset)
{
	return !asset->excluded && dec_sign(&asset->available) > 0;
}

/*
 * A round asks each asset once.  Within it only the ratio of one that has been
 * asked changes, and few have been since the last one: these move to their new
 * places.
 */
static void
begin_round(Repayment *repayment)
{
	PoolAsset **funding = repayment->funding;

	for (int i = 1; i < repayment->nfunding; i++)
	{
		PoolAsset  *moved = funding[i];
		int			place;

		for (place = i; place > 0 && asked_before(repayment, moved, funding[place - 1]); place--)
			funding[place] = funding[place - 1];
		funding[place] = moved;
	}
	repayment->next = 0;
	repayment->round_worth = DEC_ZERO;
}

/* Who is asked next in this round, NULL for nobody. */
static PoolAsset *
peek(Repayment *repayment)
{
	while (repayment->next < repayment->nfunding && !can_repay(repayment->funding[repayment->next]))
		repayment->next++;
	return repayment->next < repayment->nfunding ? repayment->funding[repayment->next] : NULL;
}

/*
 * The next asset to ask.  Another round follows while one can repay, which pro
 * rata happens if another was skipped and the rest have more to give.
 */
static PoolAsset *
next_funding(Repayment *repayment)
{
	PoolAsset  *funding = peek(repayment);

	if (funding == NULL)
	{
		begin_round(repayment);
		funding = peek(repayment);
	}
	repayment->next++;
	return funding;
}

/* An amount that is kept from conversion to conversion. */
static void
keep(const Repayment *repayment, Decimal *amount)
{
	Decimal		kept = DEC_ZERO;

	dec_copy_into(&kept, amount, repayment->context);
	*amount = kept;
}

/* Begins to share what is due among the assets from the present one on, by what each could repay in USD. */
static void
share_due(Repayment *repayment, const Decimal *due)
{
	repayment->round_due = *due;
	repayment->round_asked = DEC_ZERO;
	for (int i = repayment->next - 1; i < repayment->nfunding; i++)
	{
		const PoolAsset *funding = repayment->funding[i];

		if (can_repay(funding))
			dec_add_product(&repayment->round_worth, &funding->available, &funding->unit_worth);
	}
	keep(repayment, &repayment->round_worth);
}

/*
 * How much of what is due an asset is asked for: all of it; or pro rata, its
 * part by what each could repay, rounded down at the 18th decimal.  The last
 * one of the round bears what rounding left.
 */
static void
ask(Repayment *repayment, const PoolAsset *funding, const Decimal *due, Decimal *wanted)
{
	*wanted = *due;
	if (repayment->order == FUNDING_BY_RATIO || funding->rule.has_rank)
		return;
	if (dec_is_zero(&repayment->round_worth))
		share_due(repayment, due);
	if (peek(repayment) == NULL)
	{
		dec_sub(wanted, &repayment->round_due, &repayment->round_asked);
		return;
	}
	dec_mul(wanted, &funding->available, &funding->unit_worth);
	dec_mul(wanted, wanted, &repayment->round_due);
	dec_div_floor18(wanted, wanted, &repayment->round_worth);
	dec_add(&repayment->round_asked, &repayment->round_asked, wanted);
	keep(repayment, &repayment->round_asked);
}

/*
 * What an asset gives for "wanted" units of a debt, rounded up at the 18th
 * decimal; or, if it has less, all that it has, for what that repays, rounded
 * down.
 */
static void
price_conversion(const PoolAsset *debt, const PoolAsset *funding, const Decimal *wanted, Decimal *paid, Decimal *repaid)
{
	Decimal		value;

	dec_mul(&value, wanted, &debt->price);
	dec_div_ceil18(paid, &value, &funding->unit_worth);
	*repaid = *wanted;
	if (dec_cmp(paid, &funding->available) <= 0)
		return;
	*paid = funding->available;
	dec_mul(&value, paid, &funding->unit_worth);
	dec_div_floor18(repaid, &value, &debt->price);
	if (dec_cmp(repaid, wanted) > 0)
		*repaid = *wanted;
}

/* Keeps what a conversion has changed: two lines and the totals. */
static void
keep_line(const Repayment *repayment, AssetLine *line)
{
	keep(repayment, &line->balance);
	keep(repayment, &line->equity);
	keep(repayment, &line->net_value);
	keep(repayment, &line->collateral_value);
	keep(repayment, &line->liability);
	keep(repayment, &line->liability_maintenance);
}

static void
keep_totals(Repayment *repayment)
{
	Valuation  *v = &repayment->v;

	keep(repayment, &v->equity);
	keep(repayment, &v->collateral_value);
	keep(repayment, &v->liabilities);
	keep(repayment, &v->initial_margin);
	keep(repayment, &v->maintenance_margin);
	keep(repayment, &v->debt_maintenance);
	keep(repayment, &v->judged_equity);
}

/* Books a conversion: both lines and the totals are as the account would be valued then. */
static void
book_conversion(Repayment *repayment, const PoolAsset *debt, const PoolAsset *funding, const Decimal *paid,
				const Decimal *repaid)
{
	Decimal		balance;

	dec_sub(&balance, &funding->line->balance, paid);
	bound_revalue(repayment->bound, funding->line, &balance);
	dec_add(&balance, &debt->line->balance, repaid);
	bound_revalue(repayment->bound, debt->line, &balance);
}

/* Asks one asset; what remains due is lowered by what it repays. */
static void
convert(Repayment *repayment, PoolAsset *debt, PoolAsset *funding, Decimal *due)
{
	Valuation	before = repayment->v;
	AssetLine	debt_before = *debt->line;
	AssetLine	funding_before = *funding->line;
	Decimal		wanted;
	Decimal		paid;
	Decimal		repaid;

	ask(repayment, funding, due, &wanted);
	if (dec_is_zero(&wanted))
		return;
	price_conversion(debt, funding, &wanted, &paid, &repaid);
	if (dec_is_zero(&repaid))
	{
		/* all that it has is worth less than the smallest repayment */
		funding->excluded = true;
		return;
	}
	book_conversion(repayment, debt, funding, &paid, &repaid);
	if (repayment->v.level > before.level && !repayment->forced)
	{
		Level		level = repayment->v.level;

		repayment->v = before;
		*debt->line = debt_before;
		*funding->line = funding_before;
		funding->excluded = true;
		put_repayment_row(repayment, "skipped", level, debt, funding, &paid, &repaid, due);
		return;
	}
	dec_sub(due, due, &repaid);
	keep(repayment, due);
	keep_totals(repayment);
	keep_line(repayment, debt->line);
	keep_line(repayment, funding->line);
	refresh_asset(funding, repayment->market);
	put_repayment_row(repayment, "converted", repayment->v.level, debt, funding, &paid, &repaid, due);
}

static void
repay_debt(Repayment *repayment, PoolAsset *debt)
{
	PoolAsset  *funding;
	Decimal		due;

	if (!debt_due(debt, &due))
		return;
	for (int i = 0; i < repayment->nfunding; i++)
		repayment->funding[i]->excluded = false;
	begin_round(repayment);
	while (dec_sign(&due) > 0 && (funding = next_funding(repayment)) != NULL)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(repayment->scratch);
		MemoryContextSwitchTo(repayment->scratch);
		convert(repayment, debt, funding, &due);
		MemoryContextSwitchTo(repayment->context);
	}
	if (dec_sign(&due) > 0)
		put_repayment_row(repayment, "unpaid", repayment->v.level, debt, NULL, NULL, NULL, &due);
}

PG_FUNCTION_INFO_V1(margin_repayment_plan);

/*
 * repayment_plan(portfolio, market, rules repayment_rule[], funding_order, forced boolean)
 *
 * A conversion changes two balances, so the account is valued whole once and
 * then only the lines of these two.  It takes place at index prices, and touches
 * no order: bounds of a doubtful price, and what open orders take of equity, have
 * to do with the level alone, which a conversion must not worsen.
 */
Datum
margin_repayment_plan(PG_FUNCTION_ARGS)
{
	Repayment	repayment = {.order = FUNDING_BY_RATIO, .context = CurrentMemoryContext};
	SymbolTable rules;

	plan_begin(&repayment.rows, fcinfo, REPAY_COLUMNS, REPAY_LEVEL);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	symbol_table_init(&rules, CurrentMemoryContext, sizeof(RepaymentRule));
	if (!PG_ARGISNULL(2))
		read_rules(&rules, PG_GETARG_ARRAYTYPE_P(2));
	if (!PG_ARGISNULL(3))
		repayment.order = option_from_enum(PG_GETARG_OID(3), funding_order_names);
	repayment.forced = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	repayment.market = market_of_call(fcinfo, 1);
	repayment.scratch = AllocSetContextCreate(CurrentMemoryContext, "repayment plan", ALLOCSET_DEFAULT_SIZES);

	repayment.bound = bind_portfolio(&repayment.v, PG_GETARG_DATUM(0), repayment.market, VALUE_MAINTENANCE | VALUE_LINES);
	value_bound(repayment.bound, market_assets(repayment.market), market_contracts(repayment.market));
	if (repayment.v.level == LEVEL_UNPRICED)
	{
		put_repayment_row(&repayment, "unpriced", repayment.v.level, NULL, NULL, NULL, NULL, NULL);
		return (Datum) 0;
	}
	fill_pool(&repayment, &rules);
	for (int i = 0; i < repayment.ndebts; i++)
		repay_debt(&repayment, repayment.debts[i]);
	return (Datum) 0;
}
