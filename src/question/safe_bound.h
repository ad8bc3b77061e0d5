/*
 * safe_bound.h
 *		Bounds of what prices in a box can do to an account.
 *
 * This text, and safe_orders.h, is compiled twice, with doubles by safe_search.c and with decimals
 * by safe_proof.c, so that what the search finds is what the proof is asked to
 * prove.  Before it stand "Number", its operations num_*(), and "Tiers" with
 * tiers_*().
 *
 * Every index price P and every mark M may move to any factor from "low" = 1 - x
 * to "high" = 1 + x, each by itself.  We bound F = [MM] - t * equity, from
 * above ("below": the goal is that it stays below 0) or from below.
 * No price and no mark occurs in two assets, so F is taken apart by asset, and
 * the sum of the bounds of the parts is as sharp as they are.
 *
 * One asset: its price moves by the factor p, its equity E is what its balance
 * and the contracts settled in it make of it, and it adds
 *
 *		f = p * V * P * (sum of req_c(m_c)) + G(E)
 *		E = B + sum of (d_c * m_c - k_c)
 *
 * where m_c is the factor by which the mark of contract c moves, d_c its notional that is
 * long on balance, k_c its entry cost, and
 *
 *		G(E) = p * (t * W * P * |E| + P * LM(|E|))	where E < 0
 *			 = -t * p * P * R(E)					else, tiers in quantity
 *			 = -t * R(p * P * E)					else, tiers in value
 *
 * G does not rise.  While LM is marginal it is convex: R is concave, rates of LM
 * never fall, and where the two meet, W >= 1 >= R'.  req_c does not fall with the
 * mark.  So what is not long on balance (d_c <= 0) has one worst end of its mark: high for
 * the largest f, low for the smallest.  What is long has no such end: its
 * requirement and its equity pull f in opposite directions.
 *
 * The largest f.  For given m, f is convex in p (a line, or -t times a
 * concave function on top of one), so it is largest at one of the ends of p.  For
 * given p, take any slope s, add s * E to f and take it away again:
 *
 *		f = p*V*P * (sum of req_c(m_c)) - s * E  +  (G(E) + s * E)
 *
 * The first part is a sum of functions of one m_c each, which are largest at an end
 * of a stretch in which req_c is a line; the second is convex in E,
 * so it is largest at the smallest or at the largest E there is (where LM
 * is whole, or where a tier of it begins).  Each taken by itself is a bound for
 * every s.  With the slope of G's chord between the two E it is the best
 * of them, and where the first part then chooses the same end of all marks it is the true one.
 *
 * The smallest f.  G is nowhere below the line of any of its tiers (its debt's and
 * its collateral's), nor below a mean of two of them.  With a line instead of G
 *
 *		f >= p * (V*P * (sum of req_c(m_c)) - s * E + c) + c'
 *
 * is again a sum of functions of one m_c each and, with their smallest values, a
 * line in p: smallest at one of its ends.  As a function of the line, from the
 * one at the largest E on to steeper ones, this bound rises to a maximum
 * and then falls; at the maximum it is the true smallest f, by the duality of
 * convex functions.  Nearly always that is at the first line.
 *
 * With LM whole, G jumps and is not convex.  From the tier of the smallest debt
 * there can be, go on as if LM were marginal from there: with the rates of the further tiers, which
 * do not fall, but without the jumps.  That is convex and never above G, and its lines are taken.
 * With req_c whole, the stretches end where it jumps, and the value before the jump
 * bounds what comes close to it.
 *
 * Tiers by contracts: req_c is a line, m_c times what it is now.
 *
 * Open orders.  Where they are taken from the equity that is judged, what levels are judged by is
 * F = MM - t * (equity - order loss - order margin), so that a contract adds, beside its
 * requirement, p * (t * V * P * margin(m_c) + t * P * loss(m_c)).  Orders change no equity: this is one
 * more function of m_c alone, times p and not negative, so all of the above holds with it in the
 * place of req_c, but that it may fall with the mark.  Such a contract has no end of its mark that is known to be the
 * worst, long or short, and is left open like those that are long; safe_orders.h bounds it.  In the
 * convex case, for the smallest f, order margin is not convex either: then the maximum over
 * lines may stay below the true smallest f, and it is a bound all the same.
 *
 * A price in doubt.  What is owned counts at a low price L, moved by a factor p, what is owed or required at
 * a high one H, moved by a factor h, each by itself, but they do not cross: p * L <= h * H.  Then
 *
 *		f = h * H * (V * (sum of req_c(m_c)) + ...) + G(E)
 *		G(E) = h * (t * W * H * |E| + H * LM(|E|))	where E < 0
 *			 = -t * p * L * R(E), or -t * R(p * L * E)	else
 *
 * f does not fall with h and does not rise with p.  The largest one is at the upper end of h and the
 * lower end of p, where they do not cross; and there G is convex, as p * L <= h * H * W.  The smallest one is at the other two
 * ends if they do not cross there.  If they do, the smallest is where they meet: from any other
 * place one of them can be moved towards the other, and f does not rise.  Both are then one price,
 * from the lower end of the high one to the upper end of the low one, and f is that of an asset without doubt.
 *
 * Of what is required only a part may be asked for, that of positions or that of debts: where the larger
 * of the two counts, F stays below 0 if it does with each, and above if it does with one of them.  req_c
 * or LM is then 0, which changes nothing of the above.
 */

/* What is asked. */
typedef struct Box
{
	bool		below;
	bool		judged;			/* is it the equity that is judged, less what orders take of it? */
	bool		positions;		/* is their maintenance in the sum? */
	bool		debts;			/* and theirs? */
	Number		threshold;
	Number		x;
	Number		low;
	Number		high;
} Box;

#include "question/safe_orders.h"

/* ---------- the account ---------- */

typedef struct BoundPosition
{
	struct BoundPosition *next; /* settled in the same asset */
	bool		rising;			/* long on balance: net > 0 */
	int			nlegs;			/* that its requirement is taken on, at present notionals */
	Number		legs[2];
	Number		net;			/* d */
	Number		cost;			/* k */
	Tiers		requirement;
	bool		by_contracts;	/* then nothing is taken on notionals, */
	Number		required;		/* and this moves with the mark */
	BoundOrders *orders;		/* then all that is required is theirs; or NULL */
} BoundPosition;

typedef struct BoundAsset
{
	BoundPosition *positions;
	bool		settles;
	bool		in_value;		/* tiers are */
	bool		has_tiers;
	bool		has_debt_tiers;
	bool		doubtful;		/* do the two prices move by themselves? */
	Tiers		tiers;
	Tiers		debt_tiers;
	Number		price;			/* of what is owned: the low one */
	Number		high;			/* of what is owed or required */
	Number		liability_weight;	/* these two only if doubtful */
	Number		requirement_weight;
	Number		liability_price;
	Number		requirement_price;
	Number		balance;
	int			line;			/* the best one below G when it was last looked for, or NO_LINE */
} BoundAsset;

#define NO_LINE (-1)

/* An asset whose equity stays and scales with its price, at present prices in USD. */
typedef struct BoundResting
{
	Number		worth;
	Number		debt_maintenance;
} BoundResting;

typedef struct BoundAccount
{
	int			nresting;
	BoundResting *resting;
	int			nassets;		/* the others that have a price */
	BoundAsset *assets;
	BoundPosition *positions;
} BoundAccount;

typedef struct Bound
{
	Number		worst;			/* of F */
	Number		top;			/* the same with all index prices at the upper end */
} Bound;

/* The notionals that the netting takes the requirement on; of one side alone that is always its own. */
static void
load_legs(BoundPosition *to, NettingMode netting, const Number *longs, const Number *shorts)
{
	bool		long_is_larger = num_cmp(longs, shorts) >= 0;

	to->nlegs = 0;
	if (netting == NETTING_LEG)
	{
		if (num_sign(longs) > 0)
			to->legs[to->nlegs++] = *longs;
		if (num_sign(shorts) > 0)
			to->legs[to->nlegs++] = *shorts;
		return;
	}
	to->legs[to->nlegs++] = long_is_larger ? *longs : *shorts;
	if (netting == NETTING_NET)
		num_sub(&to->legs[0], &to->legs[0], long_is_larger ? shorts : longs);
}

static void
load_side(Number *notional, Number *cost, const PositionLine *line, PortfolioSide side)
{
	*notional = *cost = NUM_ZERO;
	if (dec_is_zero(&line->position.sides[side].quantity))
		return;
	num_load(notional, &line->notional[side], NULL);
	num_load(cost, &line->cost[side], NULL);
}

static void
load_position(BoundPosition *to, const PositionLine *line, const Market *market)
{
	Number		longs;
	Number		shorts;
	Number		long_cost;
	Number		short_cost;

	load_side(&longs, &long_cost, line, SIDE_LONG);
	load_side(&shorts, &short_cost, line, SIDE_SHORT);
	num_sub(&to->net, &longs, &shorts);
	num_sub(&to->cost, &long_cost, &short_cost);
	to->rising = num_sign(&to->net) > 0;
	to->orders = load_orders(line, market);
	to->by_contracts = line->terms->tier_unit == TIERS_IN_CONTRACTS;
	if (unlikely(to->by_contracts))
	{
		/* without orders: with some that matter it is not asked for */
		to->nlegs = 0;
		num_load(&to->required, &line->maintenance, NULL);
		return;
	}
	load_legs(to, line->terms->netting, &longs, &shorts);
	tiers_open(&to->requirement, market_schedule(market, line->terms->requirement));
}

static void
load_asset(BoundAsset *to, const AssetLine *line, const Market *market)
{
	const MarketAsset *terms = line->terms;

	to->positions = NULL;
	to->settles = line->settles;
	to->in_value = terms->tier_unit == TIERS_IN_VALUE;
	to->has_tiers = terms->tiers != 0;
	to->has_debt_tiers = terms->liability_maintenance != 0;
	if (to->has_tiers)
		tiers_open(&to->tiers, market_schedule(market, terms->tiers));
	if (to->has_debt_tiers)
		tiers_open(&to->debt_tiers, market_schedule(market, terms->liability_maintenance));
	to->doubtful = terms->doubtful;
	num_load(&to->price, &terms->low, market);
	num_load(&to->high, &terms->high, market);
	if (unlikely(to->doubtful))
	{
		num_load(&to->liability_weight, &terms->liability_weight, market);
		num_load(&to->requirement_weight, &terms->requirement_weight, market);
	}
	num_load(&to->liability_price, &terms->liability_price, market);
	num_load(&to->requirement_price, &terms->requirement_price, market);
	num_load(&to->balance, &line->balance, NULL);
	to->line = NO_LINE;
}

/* Nothing settles in it, and what it counts scales with the price it counts at: all but collateral with tiers in value. */
static inline bool
is_resting(const AssetLine *line)
{
	return !line->settles && (line->terms->tier_unit != TIERS_IN_VALUE || dec_sign(&line->balance) < 0);
}

static void
load_resting(BoundResting *to, const AssetLine *line)
{
	Number		liability;

	num_load(&to->worth, &line->collateral_value, NULL);
	num_load(&liability, &line->liability, NULL);
	num_sub(&to->worth, &to->worth, &liability);
	num_load(&to->debt_maintenance, &line->liability_maintenance, NULL);
}

/* An account that has been valued and lacks nothing; numerics are those of the valuation and the market. */
static void
load_account(BoundAccount *account, const Valuation *v, const Market *market)
{
	BoundAsset **asset_of = palloc(Max(v->nassets, 1) * sizeof(BoundAsset *));

	account->resting = palloc(Max(v->nassets, 1) * sizeof(BoundResting));
	account->assets = palloc(Max(v->nassets, 1) * sizeof(BoundAsset));
	account->positions = palloc(Max(v->npositions, 1) * sizeof(BoundPosition));
	account->nassets = account->nresting = 0;
	for (int i = 0; i < v->nassets; i++)
	{
		/* without a price it is no collateral and holds no debt, and nothing settles in it */
		if (v->assets[i].terms == NULL || !v->assets[i].terms->priced)
			continue;
		if (is_resting(&v->assets[i]))
		{
			load_resting(&account->resting[account->nresting++], &v->assets[i]);
			continue;
		}
		asset_of[i] = &account->assets[account->nassets++];
		load_asset(asset_of[i], &v->assets[i], market);
	}
	for (int i = 0; i < v->npositions; i++)
	{
		BoundPosition *position = &account->positions[i];
		BoundAsset *asset = asset_of[v->positions[i].booked - v->assets];

		CHECK_FOR_INTERRUPTS();
		load_position(position, &v->positions[i], market);
		position->next = asset->positions;
		asset->positions = position;
	}
	pfree(asset_of);
}

static void
take_hints(BoundAccount *account, const SafeHints *hints)
{
	for (int i = 0; hints->known && i < account->nassets; i++)
		account->assets[i].line = hints->lines[i];
}

/* ---------- one contract ---------- */

/* In a stretch of its mark in which the requirement is a line: V*P*req - slope * net, at a factor of the mark. */
static void
value_stretch(Number *r, BoundPosition *position, const int tier[2], const Number *price, const Number *pull,
			  const Number *factor)
{
	Number		part;

	*r = NUM_ZERO;
	for (int i = 0; i < position->nlegs; i++)
	{
		num_mul(&part, &position->legs[i], factor);
		tiers_line(&part, &position->requirement, tier[i], &part);
		num_add(r, r, &part);
	}
	if (unlikely(position->by_contracts))
		num_mul(r, &position->required, factor);
	num_mul(r, r, price);
	num_mul(&part, pull, factor);
	num_sub(r, r, &part);
}

static inline bool
is_worse(const Box *box, const Number *a, const Number *b)
{
	return box->below ? num_cmp(a, b) > 0 : num_cmp(a, b) < 0;
}

/* The stretch that begins at a mark factor ends at the next bound of a leg: its number, or -1 at the end of the box. */
static int
next_stretch(BoundPosition *position, const Box *box, const int tier[2], Number *to)
{
	int			next = -1;

	*to = box->high;
	for (int i = 0; i < position->nlegs; i++)
	{
		Number		bound;
		Number		reach;

		if (tier[i] + 1 >= tiers_count(&position->requirement))
			continue;
		tiers_bound(&bound, &position->requirement, tier[i] + 1);
		num_mul(&reach, &position->legs[i], &box->high);
		if (num_cmp(&bound, &reach) > 0)
			continue;
		num_quotient_up(&reach, &bound, &position->legs[i]);
		if (next < 0 || num_cmp(&reach, to) < 0)
		{
			next = i;
			*to = reach;
		}
	}
	return next;
}

/*
 * The worst V*P*req - slope * net of a contract that is long on balance; is it at
 * the end of the mark where G alone would have it?  "price" is V*P.
 */
static bool
worst_mark(Number *r, BoundPosition *position, const Box *box, const Number *price, const Number *slope)
{
	/* convex, what is largest is at an end, and stretches between do not matter */
	bool		ends = box->below && !position->by_contracts && !tiers_whole(&position->requirement);
	int			tier[2];
	int			next = 0;
	bool		at_end = box->below;
	Number		pull;
	Number		from = box->low;

	num_mul(&pull, slope, &position->net);
	for (int i = 0; i < position->nlegs; i++)
	{
		Number		notional;

		num_mul(&notional, &position->legs[i], &box->low);
		tier[i] = tiers_find(&position->requirement, &notional);
	}
	value_stretch(r, position, tier, price, &pull, &from);
	while (next >= 0)
	{
		Number		to = box->high;
		Number		value;

		next = -1;
		if (!ends)
			next = next_stretch(position, box, tier, &to);
		else
			for (int i = 0; i < position->nlegs; i++)
			{
				num_mul(&value, &position->legs[i], &to);
				tier[i] = tiers_find(&position->requirement, &value);
			}
		value_stretch(&value, position, tier, price, &pull, &to);
		if (is_worse(box, &value, r))
		{
			*r = value;
			at_end = !box->below && next < 0;
		}
		if (next < 0)
			break;
		tier[next]++;
		tiers_bound(&from, &position->requirement, tier[next]);
		num_quotient_down(&from, &from, &position->legs[next]);
		value_stretch(&value, position, tier, price, &pull, &from);
		if (is_worse(box, &value, r))
		{
			*r = value;
			at_end = false;
		}
	}
	return at_end;
}

/* The same of a contract with orders; "price" is P. */
static bool
worst_with_orders(Number *r, BoundPosition *position, const Box *box, const Number *weighted, const Number *price, const Number *slope)
{
	Number		pull;

	num_mul(&pull, slope, &position->net);
	/* what nets to nothing moves no equity: both ends are the same to it */
	return worst_ordered(r, position->orders, box, weighted, price, &pull, position->rising != box->below) || num_sign(&position->net) == 0;
}

/* ---------- one asset ---------- */

/* What an equity adds to F, with the price at a factor of the present one. */
static void
weigh_equity(Number *r, BoundAsset *asset, const Box *box, const Number *equity, const Number *factor)
{
	Number		amount;
	Number		part;

	*r = NUM_ZERO;
	if (num_sign(equity) < 0)
	{
		num_sub(&amount, r, equity);
		num_mul(r, &asset->liability_price, &amount);
		num_mul(r, r, &box->threshold);
		if (box->debts && asset->has_debt_tiers)
		{
			tiers_apply(&part, &asset->debt_tiers, &amount);
			num_mul(&part, &part, &asset->high);
			num_add(r, r, &part);
		}
		if (factor != NULL)
			num_mul(r, r, factor);
		return;
	}
	if (!asset->has_tiers)
		return;
	if (asset->in_value)
	{
		num_mul(&amount, equity, &asset->price);
		if (factor != NULL)
			num_mul(&amount, &amount, factor);
		tiers_apply(&part, &asset->tiers, &amount);
	}
	else
	{
		tiers_apply(&part, &asset->tiers, equity);
		num_mul(&part, &part, &asset->price);
		if (factor != NULL)
			num_mul(&part, &part, factor);
	}
	num_mul(&part, &part, &box->threshold);
	num_sub(r, r, &part);
}

/* What positions bring. */
typedef struct Settled
{
	Number		equity;			/* with the balance, but for what the next two bring */
	Number		net;			/* of those whose worst end is open, long on balance */
	Number		short_net;		/* and short */
	Number		required;		/* by those whose is known */
	int			least_tier;		/* of LM, that of the smallest debt there can be */
} Settled;

/* Has no end of its mark to be the worst for all it does? */
static inline bool
is_open(const BoundPosition *position, const Box *box)
{
	return (position->rising && box->positions) || unlikely(position->orders != NULL && box->judged);
}

/* What a position requires at a factor of its mark, added to r. */
static void
add_requirement(Number *r, BoundPosition *position, const Number *factor)
{
	Number		part;

	for (int i = 0; i < position->nlegs; i++)
	{
		num_mul(&part, &position->legs[i], factor);
		tiers_apply(&part, &position->requirement, &part);
		num_add(r, r, &part);
	}
	if (unlikely(position->by_contracts))
	{
		num_mul(&part, &position->required, factor);
		num_add(r, r, &part);
	}
}

static void
settle(Settled *s, BoundAsset *asset, const Box *box)
{
	s->equity = asset->balance;
	s->net = s->short_net = s->required = NUM_ZERO;
	s->least_tier = 0;
	for (BoundPosition *position = asset->positions; position != NULL; position = position->next)
	{
		const Number *factor = position->rising == box->below ? &box->low : &box->high;
		Number		part;

		CHECK_FOR_INTERRUPTS();
		num_sub(&s->equity, &s->equity, &position->cost);
		if (is_open(position, box))
		{
			Number	   *net = position->rising ? &s->net : &s->short_net;

			num_add(net, net, &position->net);
			continue;
		}
		num_mul(&part, &position->net, factor);
		num_add(&s->equity, &s->equity, &part);
		if (box->positions)
			add_requirement(&s->required, position, factor);
	}
}

/* Adds to "sum" the worst of all contracts whose worst end is open; are all at the end where G alone would have them? */
static bool
add_open(Number *sum, BoundAsset *asset, const Box *box, const Number *weighted, const Number *price, const Number *slope)
{
	bool		at_end = true;

	for (BoundPosition *position = asset->positions; position != NULL; position = position->next)
	{
		Number		worst;

		CHECK_FOR_INTERRUPTS();
		if (!is_open(position, box))
			continue;
		if (unlikely(position->orders != NULL))
			at_end &= worst_with_orders(&worst, position, box, weighted, price, slope);
		else
			at_end &= worst_mark(&worst, position, box, weighted, slope);
		num_add(sum, sum, &worst);
	}
	return at_end;
}

/* Where tiers of LM begin that jump: what G + slope * E is there, if it is more. */
static void
raise_at_jumps(Number *r, BoundAsset *asset, const Box *box, const Number *factor, const Number *slope,
			   const Number *low, const Number *high)
{
	for (int i = 1; i < tiers_count(&asset->debt_tiers); i++)
	{
		Number		equity;
		Number		value;
		Number		part;

		tiers_bound(&part, &asset->debt_tiers, i);
		equity = NUM_ZERO;
		num_sub(&equity, &equity, &part);
		if (num_cmp(&equity, low) < 0 || num_cmp(&equity, high) > 0)
			continue;
		weigh_equity(&value, asset, box, &equity, factor);
		num_mul(&part, slope, &equity);
		num_add(&value, &value, &part);
		if (num_cmp(&value, r) > 0)
			*r = value;
	}
}

/* An equity that positions may make of an asset, and what it adds to F. */
typedef struct EquityEnd
{
	Number		equity;
	Number		weight;
} EquityEnd;

/* With the marks of what is long at one end and the marks of what is short at the other. */
static void
equity_end(EquityEnd *end, BoundAsset *asset, const Box *box, const Settled *s, const Number *mark, const Number *short_mark,
		   const Number *factor)
{
	Number		part;

	num_mul(&end->equity, &s->net, mark);
	num_add(&end->equity, &end->equity, &s->equity);
	if (unlikely(num_sign(&s->short_net) != 0))
	{
		num_mul(&part, &s->short_net, short_mark);
		num_add(&end->equity, &end->equity, &part);
	}
	weigh_equity(&end->weight, asset, box, &end->equity, factor);
}

/* What is required counts at these. */
typedef struct AssetPrices
{
	Number		weighted;		/* V*P */
	Number		high;			/* P */
} AssetPrices;

/* G + slope * E */
static inline void
tilt(Number *r, const EquityEnd *end, const Number *slope)
{
	Number		part;

	num_mul(&part, slope, &end->equity);
	num_add(r, &end->weight, &part);
}

/* The bound of the largest f that a slope gives, less what is known of the requirement; all marks at their lower ends? */
static bool
largest_by_slope(Number *r, BoundAsset *asset, const Box *box, const Settled *s, const AssetPrices *prices, const Number *factor,
				 const EquityEnd *low, const EquityEnd *high, const Number *slope)
{
	Number		part;

	tilt(r, low, slope);
	tilt(&part, high, slope);
	if (num_cmp(r, &part) < 0)
		*r = part;
	if (box->debts && asset->has_debt_tiers && tiers_whole(&asset->debt_tiers))
		raise_at_jumps(r, asset, box, factor, slope, &low->equity, &high->equity);
	num_mul(&part, slope, &s->equity);
	num_sub(r, r, &part);
	return add_open(r, asset, box, &prices->weighted, &prices->high, slope);
}

/*
 * The largest f, with the price at a factor of the present one.
 *
 * Any slope from that of the chord down to where a mark would rather be at its
 * upper end gives the same: two digits of it are tried before all, where digits cost.
 */
static void
largest_at_price(Number *r, BoundAsset *asset, const Box *box, const Number *factor)
{
	Settled		s;
	EquityEnd	low;
	EquityEnd	high;
	AssetPrices prices = {asset->requirement_price, asset->high};
	Number		slope;
	Number		required;

	settle(&s, asset, box);
	if (factor != NULL)
	{
		num_mul(&prices.weighted, &prices.weighted, factor);
		num_mul(&prices.high, &prices.high, factor);
	}
	num_mul(&required, &prices.weighted, &s.required);
	equity_end(&low, asset, box, &s, &box->low, &box->high, factor);
	if (num_sign(&s.net) == 0 && num_sign(&s.short_net) == 0)
	{
		/* orders on what nets to nothing move no equity */
		num_add(r, &low.weight, &required);
		slope = NUM_ZERO;
		add_open(r, asset, box, &prices.weighted, &prices.high, &slope);
		return;
	}
	equity_end(&high, asset, box, &s, &box->high, &box->low, factor);
	num_near_slope(&slope, &low.equity, &low.weight, &high.equity, &high.weight, 2);
	if (!largest_by_slope(r, asset, box, &s, &prices, factor, &low, &high, &slope) && !NUM_SLOPES_PRECISE)
	{
		Number		precise;

		num_near_slope(&slope, &low.equity, &low.weight, &high.equity, &high.weight, 12);
		largest_by_slope(&precise, asset, box, &s, &prices, factor, &low, &high, &slope);
		if (num_cmp(&precise, r) < 0)
			*r = precise;
	}
	num_add(r, r, &required);
}

/* ---------- the smallest of one asset ---------- */

/*
 * Lines below G, from flat to steep: those of the tiers of collateral,
 * the last first, then those of debts.  Between two of them are their means,
 * in steps of LINE_STEPS.
 */
#define LINE_STEPS 100

typedef struct Line
{
	Number		slope;
	Number		scaled;			/* c, which moves with the price */
	Number		fixed;			/* c', which does not */
} Line;

static inline int
collateral_lines(BoundAsset *asset)
{
	return asset->has_tiers ? tiers_count(&asset->tiers) : 1;
}

/* What a tier of LM adds to its rate times the debt; if it is whole, as if it were marginal from "least" on. */
static void
debt_intercept(Number *r, BoundAsset *asset, int tier, int least)
{
	if (!tiers_whole(&asset->debt_tiers))
	{
		tiers_intercept(r, &asset->debt_tiers, tier);
		return;
	}
	*r = NUM_ZERO;
	for (int i = least + 1; i <= tier; i++)
	{
		Number		rate;
		Number		part;

		tiers_rate(&part, &asset->debt_tiers, i - 1);
		tiers_rate(&rate, &asset->debt_tiers, i);
		num_sub(&rate, &rate, &part);
		tiers_bound(&part, &asset->debt_tiers, i);
		num_mul(&part, &part, &rate);
		num_sub(r, r, &part);
	}
}

static void
line_of_tier(Line *line, BoundAsset *asset, const Box *box, int number, int least)
{
	int			debt_tier = number - collateral_lines(asset);
	Number		part;

	line->slope = line->scaled = line->fixed = NUM_ZERO;
	if (debt_tier >= 0)
	{
		num_mul(&line->slope, &asset->liability_price, &box->threshold);
		if (!box->debts || !asset->has_debt_tiers)
			return;
		tiers_rate(&part, &asset->debt_tiers, debt_tier);
		num_mul(&part, &part, &asset->high);
		num_add(&line->slope, &line->slope, &part);
		debt_intercept(&part, asset, debt_tier, least);
		num_mul(&line->scaled, &part, &asset->high);
	}
	else if (asset->has_tiers)
	{
		Number	   *constant = asset->in_value ? &line->fixed : &line->scaled;

		tiers_rate(&part, &asset->tiers, -1 - debt_tier);
		num_mul(&part, &part, &box->threshold);
		num_mul(&line->slope, &part, &asset->price);
		tiers_intercept(&part, &asset->tiers, -1 - debt_tier);
		num_mul(&part, &part, &box->threshold);
		if (!asset->in_value)
			num_mul(&part, &part, &asset->price);
		num_sub(constant, constant, &part);
	}
}

/* r = (1 - part) * r + part * a */
static inline void
mix(Number *r, const Number *a, const Number *part)
{
	Number		step;

	num_sub(&step, a, r);
	num_mul(&step, &step, part);
	num_add(r, r, &step);
}

static void
line_at(Line *line, BoundAsset *asset, const Box *box, int step, int least)
{
	line_of_tier(line, asset, box, step / LINE_STEPS, least);
	if (step % LINE_STEPS != 0)
	{
		Line		next;
		Number		part;

		line_of_tier(&next, asset, box, step / LINE_STEPS + 1, least);
		num_hundredths(&part, step % LINE_STEPS);
		mix(&line->slope, &next.slope, &part);
		mix(&line->scaled, &next.scaled, &part);
		mix(&line->fixed, &next.fixed, &part);
	}
}

/* The factors that a price may move to. */
typedef struct PriceRange
{
	Number		low;
	Number		high;
} PriceRange;

/*
 * The smallest f with a line instead of G; "top" is what it is with the price at
 * its upper end.  Is it that of prices and marks where the line touches G?
 * Then no other line is better.
 */
static bool
smallest_by_line(Bound *r, BoundAsset *asset, const Box *box, const PriceRange *range, const Settled *s, int step)
{
	Line		line;
	Number		value;
	Number		part;
	bool		touches;

	line_at(&line, asset, box, step, s->least_tier);
	num_mul(&value, &asset->requirement_price, &s->required);
	num_add(&value, &value, &line.scaled);
	num_mul(&part, &line.slope, &s->equity);
	num_sub(&value, &value, &part);
	touches = add_open(&value, asset, box, &asset->requirement_price, &asset->high, &line.slope);
	if (num_sign(&value) > 0)
	{
		num_mul(&r->worst, &value, &range->low);
		touches &= !asset->in_value;
	}
	else
		num_mul(&r->worst, &value, &range->high);
	num_add(&r->worst, &r->worst, &line.fixed);
	num_mul(&r->top, &value, &range->high);
	num_add(&r->top, &r->top, &line.fixed);
	return touches;
}

static void
largest_equity(Number *r, const Settled *s, const Box *box)
{
	Number		part;

	num_mul(r, &s->net, &box->high);
	num_add(r, r, &s->equity);
	if (likely(num_sign(&s->short_net) == 0))
		return;
	num_mul(&part, &s->short_net, &box->low);
	num_add(r, r, &part);
}

/* The line at the largest equity, and the last one. */
static int
first_line(Settled *s, BoundAsset *asset, const Box *box, const PriceRange *range, const Number *equity, int *last)
{
	int			lines = collateral_lines(asset);
	bool		debt_tiers = box->debts && asset->has_debt_tiers;
	Number		amount;

	*last = lines + (debt_tiers ? tiers_count(&asset->debt_tiers) - 1 : 0);
	if (num_sign(equity) < 0)
	{
		amount = NUM_ZERO;
		num_sub(&amount, &amount, equity);
		if (debt_tiers)
			s->least_tier = tiers_find(&asset->debt_tiers, &amount);
		return lines + s->least_tier;
	}
	if (!asset->has_tiers)
		return 0;
	amount = *equity;
	if (asset->in_value)
	{
		num_mul(&amount, &amount, &asset->price);
		num_mul(&amount, &amount, &range->high);
	}
	return lines - 1 - tiers_find(&asset->tiers, &amount);
}

/*
 * The best line: the bound rises with their number up to it.  In a box of another size it is
 * nearly always the same, or one beside it, so from the last one the search goes out in steps that grow.
 */
static void
smallest(Bound *r, BoundAsset *asset, const Box *box, const PriceRange *range)
{
	Settled		s;
	Number		equity;
	int			first;
	int			last;
	int			middle;
	int			reach = 0;

	settle(&s, asset, box);
	largest_equity(&equity, &s, box);
	first = first_line(&s, asset, box, range, &equity, &last) * LINE_STEPS;
	last *= LINE_STEPS;
	if (smallest_by_line(r, asset, box, range, &s, first))
		return;
	middle = asset->line == NO_LINE ? (first + last) / 2 : Max(first, Min(asset->line, last - 1));
	while (first < last)
	{
		int			after = middle + 1;
		Bound		next;

		smallest_by_line(r, asset, box, range, &s, middle);
		smallest_by_line(&next, asset, box, range, &s, after);
		/* tiers of the same rate have the same line, which says nothing of what is behind */
		while (num_cmp(&next.worst, &r->worst) == 0 && after < last)
		{
			after = Min((after / LINE_STEPS + 1) * LINE_STEPS + 1, last);
			smallest_by_line(&next, asset, box, range, &s, after);
		}
		if (num_cmp(&next.worst, &r->worst) > 0)
		{
			first = after;
			middle = (first + last) / 2;
			if (asset->line != NO_LINE)
				middle = Min(middle, first + reach);
		}
		else
		{
			last = middle;
			middle = (first + last) / 2;
			if (asset->line != NO_LINE)
				middle = Max(middle, last - 1 - reach);
		}
		reach = 4 * reach + 1;
	}
	asset->line = first;
	smallest_by_line(r, asset, box, range, &s, first);
}

/* ---------- all of it ---------- */

/* Sums of what scales with its price, and of the rest. */
typedef struct BoundSum
{
	Number		scaled;
	Number		size;			/* the same without signs */
	Bound		rest;
} BoundSum;

static inline void
add_scaled(BoundSum *sum, const Number *value)
{
	num_add(&sum->scaled, &sum->scaled, value);
	if (num_sign(value) >= 0)
		num_add(&sum->size, &sum->size, value);
	else
		num_sub(&sum->size, &sum->size, value);
}

static inline void
add_rest(BoundSum *sum, const Bound *value)
{
	num_add(&sum->rest.worst, &sum->rest.worst, &value->worst);
	num_add(&sum->rest.top, &sum->rest.top, &value->top);
}

/* What does not depend on the size of a box. */
static void
bound_resting(BoundSum *sum, const BoundAccount *account, const Box *box)
{
	*sum = (BoundSum) {NUM_ZERO, NUM_ZERO, {NUM_ZERO, NUM_ZERO}};
	for (int i = 0; i < account->nresting; i++)
	{
		const BoundResting *resting = &account->resting[i];
		Number		zero = NUM_ZERO;
		Number		value;

		num_mul(&value, &box->threshold, &resting->worth);
		num_sub(&value, box->debts ? &resting->debt_maintenance : &zero, &value);
		add_scaled(sum, &value);
	}
}

/* Tiers in value of an asset in which nothing settles. */
static void
bound_in_value(BoundSum *sum, BoundAsset *asset, const Box *box)
{
	Bound		rest;

	weigh_equity(&rest.top, asset, box, &asset->balance, &box->high);
	rest.worst = rest.top;
	if (box->below)
		weigh_equity(&rest.worst, asset, box, &asset->balance, &box->low);
	add_rest(sum, &rest);
}

/* An asset whose two prices are at factors of the present ones; W * P and V * P follow. */
static void
move_apart(BoundAsset *to, const BoundAsset *asset, const Number *price, const Number *high)
{
	*to = *asset;
	to->price = *price;
	to->high = *high;
	num_mul(&to->liability_price, &asset->liability_weight, high);
	num_mul(&to->requirement_price, &asset->requirement_weight, high);
}

/* The largest f: one price at its lower end, the other at its upper one. */
static void
largest_in_doubt(Bound *r, BoundAsset *asset, const Box *box)
{
	BoundAsset	apart;
	Number		price;
	Number		high;

	num_mul(&price, &asset->price, &box->low);
	num_mul(&high, &asset->high, &box->high);
	move_apart(&apart, asset, &price, &high);
	largest_at_price(&r->worst, &apart, box, NULL);
	r->top = r->worst;
}

/* The smallest f: the other way round, as far as they do not cross; where they meet, one price for all. */
static void
smallest_in_doubt(Bound *r, BoundAsset *asset, const Box *box)
{
	const Number one = NUM_ONE;
	PriceRange	range = {one, one};
	BoundAsset	apart;
	Number		price;
	Number		high;

	num_mul(&price, &asset->price, &box->high);
	num_mul(&high, &asset->high, &box->low);
	if (num_cmp(&price, &high) <= 0)
		move_apart(&apart, asset, &price, &high);
	else
	{
		move_apart(&apart, asset, &one, &one);
		range = (PriceRange) {high, price};
	}
	smallest(r, &apart, box, &range);
	asset->line = apart.line;
}

static void
bound_settling(BoundSum *sum, BoundAsset *asset, const Box *box)
{
	Number		value;
	Bound		rest;

	if (unlikely(asset->doubtful))
	{
		if (box->below)
			largest_in_doubt(&rest, asset, box);
		else
			smallest_in_doubt(&rest, asset, box);
		add_rest(sum, &rest);
	}
	else if (!box->below)
	{
		const PriceRange range = {box->low, box->high};

		smallest(&rest, asset, box, &range);
		add_rest(sum, &rest);
	}
	else if (asset->in_value)
	{
		largest_at_price(&rest.top, asset, box, &box->high);
		largest_at_price(&rest.worst, asset, box, &box->low);
		if (num_cmp(&rest.worst, &rest.top) < 0)
			rest.worst = rest.top;
		add_rest(sum, &rest);
	}
	else
	{
		largest_at_price(&value, asset, box, NULL);
		add_scaled(sum, &value);
	}
}

/* Bounds F over a box; bound_resting() has given what does not depend on the size of the box. */
static void
bound_account(Bound *r, const BoundAccount *account, const Box *box, const BoundSum *resting)
{
	BoundSum	sum = *resting;
	Number		part;

	for (int i = 0; i < account->nassets; i++)
	{
		BoundAsset *asset = &account->assets[i];

		CHECK_FOR_INTERRUPTS();
		if (asset->settles)
			bound_settling(&sum, asset, box);
		else
			bound_in_value(&sum, asset, box);
	}
	/* each at that end of its price where its sign is the worse */
	num_mul(&part, &box->x, &sum.size);
	if (box->below)
		num_add(&part, &sum.scaled, &part);
	else
		num_sub(&part, &sum.scaled, &part);
	num_add(&r->worst, &sum.rest.worst, &part);
	num_mul(&part, &sum.scaled, &box->high);
	num_add(&r->top, &sum.rest.top, &part);
}
