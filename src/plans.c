/*
 * plans.c
 *		What to do about an account: who pays its debts, what to close.
 *
 * A plan is found on a copy of the portfolio: an entry is booked there, the
 * copy is valued, and where it is not wanted the entry is taken back.  What an
 * account is worth is never computed here.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/expandeddatum.h"
#include "utils/memutils.h"

#include "market.h"
#include "netting.h"
#include "options.h"
#include "rows.h"
#include "valuation.h"
#include "whatif.h"

/* ---------- what both plans share ---------- */

/* The rows of a plan and the labels of their enums. */
typedef struct PlanRows
{
	ReturnSetInfo *result;
	int			level_column;
	int			step;			/* number of the last row */
} PlanRows;

static void
begin_plan(PlanRows *rows, FunctionCallInfo fcinfo, int columns, int level_column)
{
	InitMaterializedSRF(fcinfo, 0);
	rows->result = (ReturnSetInfo *) fcinfo->resultinfo;
	rows->level_column = level_column;
	rows->step = 0;
	if (rows->result->setDesc->natts != columns)
		elog(ERROR, "plan has %d columns instead of %d", rows->result->setDesc->natts, columns);
}

static Datum
enum_datum(const PlanRows *rows, int column, const char *label)
{
	return ObjectIdGetDatum(option_to_enum(TupleDescAttr(rows->result->setDesc, column)->atttypid, label));
}

/* Every row begins with its number and its outcome, and says the level. */
static void
put_plan_row(PlanRows *rows, const char *outcome, Level level, Datum *values, bool *nulls)
{
	values[0] = Int32GetDatum(++rows->step);
	values[1] = enum_datum(rows, 1, outcome);
	values[rows->level_column] = enum_datum(rows, rows->level_column, level_names[level]);
	nulls[0] = nulls[1] = nulls[rows->level_column] = false;
	tuplestore_putvalues(rows->result->setResult, rows->result->setDesc, values, nulls);
}

/* A column that is null unless set. */
static void
set_column(Datum *values, bool *nulls, int column, Datum value)
{
	values[column] = value;
	nulls[column] = false;
}

static void
set_amount(Datum *values, bool *nulls, int column, const Decimal *amount)
{
	set_column(values, nulls, column, dec_datum(amount, 0));
}

static void
value_copy(Valuation *v, Netting *netting, const Market *market, int wanted)
{
	value_portfolio(v, EOHPGetRODatum(&netting->header), market, wanted);
}

/* ---------- cover_plan: rules ---------- */

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

/* ---------- cover_plan: the pool ---------- */

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
	set_amount(values, nulls, column, &product);
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
		set_column(values, nulls, COVER_DEBT_ASSET, symbol_datum(&debt->symbol));
		set_amount(values, nulls, COVER_DEBT_PRICE, &debt->price);
		set_amount(values, nulls, COVER_REMAINING_DEBT, &owed);
		set_amount(values, nulls, COVER_REMAINING_DUE, due);
	}
	if (payer != NULL)
	{
		set_column(values, nulls, COVER_PAYER, symbol_datum(&payer->symbol));
		set_amount(values, nulls, COVER_PAID, paid);
		set_amount(values, nulls, COVER_REPAID, repaid);
		set_amount(values, nulls, COVER_PAYER_PRICE, &payer->price);
		set_amount(values, nulls, COVER_DISCOUNT, &payer->rule.discount);
		set_product(values, nulls, COVER_PAID_VALUE, paid, &payer->price);
		set_product(values, nulls, COVER_REPAID_VALUE, repaid, &debt->price);
	}
	put_plan_row(&cover->rows, outcome, level, values, nulls);
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

/* ---------- cover_plan: the conversions ---------- */

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
	value_copy(&v, cover->netting, cover->market, VALUE_MAINTENANCE | VALUE_LINES);
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

	begin_plan(&cover.rows, fcinfo, COVER_COLUMNS, COVER_LEVEL);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return (Datum) 0;
	symbol_table_init(&rules, CurrentMemoryContext, sizeof(CoverRule));
	if (!PG_ARGISNULL(2))
		read_rules(&rules, PG_GETARG_ARRAYTYPE_P(2));
	if (!PG_ARGISNULL(3))
		cover.order = option_from_enum(PG_GETARG_OID(3), payer_order_names);
	cover.forced = !PG_ARGISNULL(4) && PG_GETARG_BOOL(4);
	cover.market = market_from_datum(PG_GETARG_DATUM(1));
	cover.netting = netting_load(PG_GETARG_VARLENA_PP(0));

	value_copy(&v, cover.netting, cover.market, VALUE_MAINTENANCE | VALUE_LINES);
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

/* ---------- reduction_plan: closing some contracts ---------- */

/* How an account stands. */
typedef struct Standing
{
	Level		level;
	Decimal		maintenance;
	Decimal		equity;
	Decimal		gap;			/* maintenance - liquidation threshold * equity: what closing is to lower */
} Standing;

typedef struct Reduction
{
	PlanRows	rows;
	const Market *market;
	Netting    *netting;
	MemoryContext scratch;		/* of one valuation */
	Decimal		lot;
	Decimal		threshold;
	Valuation	v;				/* with lines, of the copy as it stands */
	Standing	now;
} Reduction;

/* Some of one side, or of both sides against each other. */
typedef struct Closing
{
	const PositionLine *line;
	bool		sides[2];
	Decimal		most;			/* contracts of each side that may be closed */
	Decimal		lots;			/* how many lots are */
	Standing	after;
	Decimal		relief;			/* of maintenance */
} Closing;

/* What a closing brings and costs, in the settlement asset. */
typedef struct Closed
{
	Decimal		quantity;		/* of each side */
	Decimal		notional;		/* these of both */
	Decimal		profit;
	Decimal		fee;
} Closed;

static inline bool
is_undercollateralized(Level level)
{
	return level == LEVEL_LIQUIDATION || level == LEVEL_BANKRUPT;
}

/* The standing of a valued account, in the current context. */
static void
stand(Standing *standing, const Reduction *r, const Valuation *v)
{
	*standing = (Standing) {.level = v->level};
	dec_copy_into(&standing->maintenance, &v->maintenance_margin, CurrentMemoryContext);
	dec_copy_into(&standing->equity, &v->equity, CurrentMemoryContext);
	dec_mul(&standing->gap, &r->threshold, &standing->equity);
	dec_sub(&standing->gap, &standing->maintenance, &standing->gap);
}

/* So many lots, but no more than may be closed. */
static void
closing_quantity(Decimal *quantity, const Reduction *r, const Closing *closing, const Decimal *lots)
{
	dec_mul(quantity, &r->lot, lots);
	if (dec_cmp(quantity, &closing->most) > 0)
		*quantity = closing->most;
}

/* Books a closing at mark, less its fee, on the copy. */
static void
book_closing(Closed *closed, Reduction *r, const Closing *closing, const Decimal *lots)
{
	const MarketContract *terms = closing->line->terms;
	Position   *position = netting_position(r->netting, &closing->line->position.symbol);
	Symbol		settle = market_symbol(r->market, &terms->settle);
	Decimal		unit_buffer;
	Decimal		size_buffer;
	Decimal		fee_buffer;
	Decimal		received;

	*closed = (Closed) {.notional = DEC_ZERO};
	closing_quantity(&closed->quantity, r, closing, lots);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		PositionSide taken;
		Decimal		notional;
		Decimal		profit;

		if (!closing->sides[i])
			continue;
		position_take(&taken, &position->sides[i], i, &closed->quantity);
		dec_mul(&notional, dec_flat(&terms->unit_notional, r->market, &unit_buffer), &taken.quantity);
		side_profit(&profit, i, &notional, dec_flat(&terms->size, r->market, &size_buffer), &taken.cost);
		dec_add(&closed->notional, &closed->notional, &notional);
		dec_add(&closed->profit, &closed->profit, &profit);
	}
	dec_mul(&closed->fee, dec_flat(&terms->closing_fee, r->market, &fee_buffer), &closed->notional);
	dec_sub(&received, &closed->profit, &closed->fee);
	netting_add_balance(r->netting, &settle, &received);
}

/* How the account would stand after closing so many lots; the copy stays as it is. */
static void
try_closing(Standing *after, Reduction *r, const Closing *closing, const Decimal *lots)
{
	MemoryContext caller = MemoryContextSwitchTo(r->scratch);
	const Symbol *contract = &closing->line->position.symbol;
	Symbol		settle = market_symbol(r->market, &closing->line->terms->settle);
	Position	before = *netting_position(r->netting, contract);
	Closed		closed;
	Valuation	v;
	Decimal		back;

	book_closing(&closed, r, closing, lots);
	value_copy(&v, r->netting, r->market, VALUE_MAINTENANCE);
	*netting_position(r->netting, contract) = before;
	dec_sub(&back, &closed.fee, &closed.profit);
	netting_add_balance(r->netting, &settle, &back);
	MemoryContextSwitchTo(caller);
	stand(after, r, &v);
	MemoryContextReset(r->scratch);
}

/* ---------- reduction_plan: searching among numbers of lots ---------- */

/* A question about a number of lots: false below some number, true from there on. */
typedef bool (*LotsTest) (Reduction *r, const Closing *closing, const Decimal *lots, const void *arg);

/* The least number of lots > 0 that passes, known to be "limit" at most (NULL: any). */
static void
least_lots(Decimal *least, Reduction *r, const Closing *closing, LotsTest test, const void *arg, const Decimal *limit)
{
	const Decimal one = DEC_ONE;
	int			count = 0;
	int			capacity = 64;
	Decimal    *powers = palloc(capacity * sizeof(Decimal));
	Decimal		power = DEC_ONE;
	Decimal		low = DEC_ZERO; /* does not pass */

	/* double until it passes, then halve */
	while ((limit == NULL || dec_cmp(&power, limit) < 0) && !test(r, closing, &power, arg))
	{
		CHECK_FOR_INTERRUPTS();
		if (count == capacity)
			powers = repalloc(powers, (capacity *= 2) * sizeof(Decimal));
		low = powers[count++] = power;
		dec_add(&power, &power, &power);
	}
	for (int i = count - 2; i >= 0; i--)
	{
		Decimal		middle;

		dec_add(&middle, &low, &powers[i]);
		if ((limit == NULL || dec_cmp(&middle, limit) < 0) && !test(r, closing, &middle, arg))
			low = middle;
	}
	dec_add(least, &low, &one);
	pfree(powers);
}

/* A notional that is to be closed of a side; or, "beyond", a little more than that. */
typedef struct Distance
{
	Decimal		notional;
	bool		beyond;
} Distance;

/* Do so many lots cover the distance, or all that may be closed? */
static bool
covers_distance(Reduction *r, const Closing *closing, const Decimal *lots, const void *arg)
{
	const Distance *distance = arg;
	Decimal		buffer;
	Decimal		notional;
	int			order;

	dec_mul(&notional, &r->lot, lots);
	if (dec_cmp(&notional, &closing->most) >= 0)
		return true;
	dec_mul(&notional, &notional, dec_flat(&closing->line->terms->unit_notional, r->market, &buffer));
	order = dec_cmp(&notional, &distance->notional);
	return distance->beyond ? order > 0 : order >= 0;
}

/* Does one lot more than these bring the account no nearer? */
static bool
is_near_enough(Reduction *r, const Closing *closing, const Decimal *lots, const void *arg)
{
	const Decimal one = DEC_ONE;
	Standing	here;
	Standing	there;
	Decimal		next;

	dec_add(&next, lots, &one);
	try_closing(&here, r, closing, lots);
	try_closing(&there, r, closing, &next);
	return dec_cmp(&there.gap, &here.gap) >= 0;
}

static bool
recovers(Reduction *r, const Closing *closing, const Decimal *lots, const void *arg)
{
	Standing	after;

	try_closing(&after, r, closing, lots);
	return !is_undercollateralized(after.level);
}

/* ---------- reduction_plan: one step ---------- */

/*
 * How far a notional is above the tier below its own: to its lower bound,
 * where that tier ends; or beyond it, where the rate of a tier applies from
 * its bound on to everything.
 */
static void
distance_to_next_tier(Distance *distance, const Schedule *maintenance, const Decimal *notional)
{
	int			tier = schedule_find_tier(maintenance, notional);
	Decimal		buffer;

	distance->beyond = maintenance->method == TIER_WHOLE;
	dec_sub(&distance->notional, notional, dec_flat(&maintenance->tiers[tier].bound, maintenance, &buffer));
	if (!distance->beyond && tier > 0 && dec_is_zero(&distance->notional))
		dec_sub(&distance->notional, notional, dec_flat(&maintenance->tiers[tier - 1].bound, maintenance, &buffer));
}

/* The most that one step closes of both sides against each other: one tier of either. */
static bool
matched_reach(Closing *closing, Distance *distance, const Schedule *maintenance)
{
	const PositionLine *line = closing->line;
	const PositionSide *sides = line->position.sides;
	int			larger = dec_cmp(&sides[SIDE_LONG].quantity, &sides[SIDE_SHORT].quantity) >= 0 ? SIDE_LONG : SIDE_SHORT;
	Distance	other;

	if (dec_is_zero(&sides[1 - larger].quantity) || line->terms->netting == NETTING_NET)
		return false;
	closing->most = sides[1 - larger].quantity;
	distance_to_next_tier(distance, maintenance, &line->notional[larger]);
	if (line->terms->netting == NETTING_LEG)
	{
		distance_to_next_tier(&other, maintenance, &line->notional[1 - larger]);
		if (dec_cmp(&other.notional, &distance->notional) < 0)
			*distance = other;
	}
	return true;
}

/* The most that one step closes of one side: one tier, and what exceeds the other side where only that counts. */
static bool
side_reach(Closing *closing, Distance *distance, const Schedule *maintenance, PortfolioSide side)
{
	const PositionLine *line = closing->line;
	const PositionSide *sides = line->position.sides;
	Decimal		notional = line->notional[side];

	closing->most = sides[side].quantity;
	if (line->terms->netting != NETTING_LEG)
		dec_sub(&closing->most, &closing->most, &sides[1 - side].quantity);
	if (dec_sign(&closing->most) <= 0)
		return false;
	if (line->terms->netting == NETTING_NET)
		dec_sub(&notional, &notional, &line->notional[1 - side]);
	distance_to_next_tier(distance, maintenance, &notional);
	return true;
}

/*
 * Fits the number of lots of a step that reaches the next tier: where closing
 * that much comes to cost more than it relieves, to the number that brings the
 * account nearest.  False where none brings it nearer.
 *
 * Within a tier requirements fall along a line, and what fees take from equity
 * weighs the more the more of it is gone: the gap falls, then rises.
 */
static bool
fit_lots(Reduction *r, Closing *closing)
{
	const Decimal one = DEC_ONE;
	Decimal		before;

	try_closing(&closing->after, r, closing, &closing->lots);
	dec_sub(&before, &closing->lots, &one);
	if (dec_sign(&before) > 0)
	{
		Standing	less;

		try_closing(&less, r, closing, &before);
		if (dec_cmp(&less.gap, &closing->after.gap) < 0)
		{
			const Decimal none = DEC_ZERO;

			if (is_near_enough(r, closing, &none, NULL))
				return false;
			least_lots(&closing->lots, r, closing, is_near_enough, NULL, &before);
			try_closing(&closing->after, r, closing, &closing->lots);
		}
	}
	return dec_cmp(&closing->after.gap, &r->now.gap) < 0;
}

/* Takes a closing for the best if it helps and relieves more, or as much and comes before. */
static void
consider(Reduction *r, Closing *closing, const Distance *distance, Closing *best)
{
	int			order;

	least_lots(&closing->lots, r, closing, covers_distance, distance, NULL);
	if (!fit_lots(r, closing))
		return;
	dec_sub(&closing->relief, &r->now.maintenance, &closing->after.maintenance);
	order = best->line == NULL ? 1 : dec_cmp(&closing->relief, &best->relief);
	if (order > 0 ||
		(order == 0 && symbol_cmp(&closing->line->position.symbol, &best->line->position.symbol) < 0))
		*best = *closing;
}

/* The next step: matched legs if that helps anywhere, else one side; false where nothing helps. */
static bool
find_step(Reduction *r, Closing *best)
{
	best->line = NULL;
	for (int matched = 1; matched >= 0 && best->line == NULL; matched--)
	{
		for (int i = 0; i < r->v.npositions; i++)
		{
			Closing		closing = {.line = &r->v.positions[i]};
			const Schedule *maintenance = market_schedule(r->market, closing.line->terms->maintenance);
			Distance	distance;

			for (int side = SIDE_LONG; side <= (matched ? SIDE_LONG : SIDE_SHORT); side++)
			{
				closing.sides[SIDE_LONG] = matched || side == SIDE_LONG;
				closing.sides[SIDE_SHORT] = matched || side == SIDE_SHORT;
				if (matched ? matched_reach(&closing, &distance, maintenance) :
					side_reach(&closing, &distance, maintenance, side))
					consider(r, &closing, &distance, best);
			}
		}
	}
	return best->line != NULL;
}

/* ---------- reduction_plan: the whole ---------- */

/* Columns of reduction_plan(), in order. */
enum
{
	REDUCTION_STEP,
	REDUCTION_OUTCOME,
	REDUCTION_CONTRACT,
	REDUCTION_SIDE,
	REDUCTION_QUANTITY,
	REDUCTION_PRICE,
	REDUCTION_NOTIONAL,
	REDUCTION_FEE,
	REDUCTION_REALIZED_PNL,
	REDUCTION_MAINTENANCE_BEFORE,
	REDUCTION_MAINTENANCE_AFTER,
	REDUCTION_EQUITY_BEFORE,
	REDUCTION_EQUITY_AFTER,
	REDUCTION_LEVEL,
	REDUCTION_COLUMNS
};

static const char *const side_names[] = {"long", "short", NULL};

/* One row: a step, or without one what the plan as a whole does. */
static void
put_reduction_row(Reduction *r, const char *outcome, const Closing *closing, const Closed *closed,
				  const Standing *before, const Standing *after)
{
	Datum		values[REDUCTION_COLUMNS];
	bool		nulls[REDUCTION_COLUMNS];
	Decimal		buffer;

	memset(nulls, true, sizeof(nulls));
	if (closing != NULL)
	{
		set_column(values, nulls, REDUCTION_CONTRACT, symbol_datum(&closing->line->position.symbol));
		if (closing->sides[SIDE_LONG] != closing->sides[SIDE_SHORT])
			set_column(values, nulls, REDUCTION_SIDE,
					   enum_datum(&r->rows, REDUCTION_SIDE, side_names[closing->sides[SIDE_SHORT]]));
		set_amount(values, nulls, REDUCTION_QUANTITY, &closed->quantity);
		set_amount(values, nulls, REDUCTION_PRICE, dec_flat(&closing->line->terms->mark, r->market, &buffer));
		set_amount(values, nulls, REDUCTION_NOTIONAL, &closed->notional);
		set_amount(values, nulls, REDUCTION_FEE, &closed->fee);
		set_amount(values, nulls, REDUCTION_REALIZED_PNL, &closed->profit);
	}
	if (before != NULL)
	{
		set_amount(values, nulls, REDUCTION_MAINTENANCE_BEFORE, &before->maintenance);
		set_amount(values, nulls, REDUCTION_MAINTENANCE_AFTER, &after->maintenance);
		set_amount(values, nulls, REDUCTION_EQUITY_BEFORE, &before->equity);
		set_amount(values, nulls, REDUCTION_EQUITY_AFTER, &after->equity);
	}
	put_plan_row(&r->rows, outcome, after == NULL ? LEVEL_UNPRICED : after->level, values, nulls);
}

/* Values the copy as it stands. */
static void
take_stock(Reduction *r)
{
	value_copy(&r->v, r->netting, r->market, VALUE_MAINTENANCE | VALUE_LINES);
	if (r->v.level != LEVEL_UNPRICED)
		stand(&r->now, r, &r->v);
}

/* Carries a step out on the copy, the last one no further than needed. */
static void
take_step(Reduction *r, Closing *closing)
{
	Standing	before = r->now;
	Closed		closed;

	if (!is_undercollateralized(closing->after.level))
		least_lots(&closing->lots, r, closing, recovers, NULL, &closing->lots);
	book_closing(&closed, r, closing, &closing->lots);
	take_stock(r);
	put_reduction_row(r, "reduced", closing, &closed, &before, &r->now);
}

PG_FUNCTION_INFO_V1(margin_reduction_plan);

/* reduction_plan(portfolio, market, lot numeric) */
Datum
margin_reduction_plan(PG_FUNCTION_ARGS)
{
	Reduction	r = {.market = NULL};
	Standing	begun;
	Closing		closing;
	Decimal		buffer;

	begin_plan(&r.rows, fcinfo, REDUCTION_COLUMNS, REDUCTION_LEVEL);
	if (!dec_from_input(&r.lot, PG_GETARG_DATUM(2)))
		dec_bad_input(PG_GETARG_DATUM(2), "lot");
	if (dec_sign(&r.lot) <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("lot must be greater than 0: %s", dec_text(&r.lot))));
	r.market = market_from_datum(PG_GETARG_DATUM(1));
	r.threshold = *dec_flat(&r.market->thresholds[THRESHOLD_LIQUIDATION], r.market, &buffer);
	r.netting = netting_load(PG_GETARG_VARLENA_PP(0));
	r.scratch = AllocSetContextCreate(CurrentMemoryContext, "reduction plan", ALLOCSET_DEFAULT_SIZES);

	take_stock(&r);
	if (r.v.level == LEVEL_UNPRICED)
		put_reduction_row(&r, "unpriced", NULL, NULL, NULL, NULL);
	if (!is_undercollateralized(r.v.level))
		return (Datum) 0;
	begun = r.now;
	while (is_undercollateralized(r.now.level) && find_step(&r, &closing))
		take_step(&r, &closing);
	put_reduction_row(&r, is_undercollateralized(r.now.level) ? "exhausted" : "recovered", NULL, NULL, &begun, &r.now);
	return (Datum) 0;
}
