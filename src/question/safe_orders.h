/*
 * safe_orders.h
 *		Bounds of what the mark of a contract with open orders can do to it.
 *
 * A part of safe_bound.h, which says what is compiled how often and what is
 * bounded.  Here is one contract with orders that, by the market's rules, levels
 * depend on.  With a factor m of its mark it adds
 *
 *		q(m) = V*P * (req(m) + t * (I(m) - I0(m))) + t * P * loss(m) - pull * m
 *
 * where req is its maintenance, with its orders if they require some, I - I0 its order margin: the
 * initial requirement with orders, less that without; and loss the order
 * loss.  The last two are there only as far as the market takes them from equity.
 *
 * As long as schedules are marginal all of them are convex in m: a leg's notional is a line,
 * for sells with bends where the mark passes their prices (max(p, M)); schedules whose rates
 * never fall are convex and do not fall, so they stay convex when they are applied to it; and so do sums
 * and maxima.  A whole schedule is a line in each of its tiers; it jumps up where a leg
 * reaches the next one.  So the box is taken in stretches; within one, every
 * whole schedule is the line of one tier.  They overlap by what their ends
 * are rounded, so that every m is in one where the lines are the right ones.
 *
 * In a stretch q is then a difference Y - X of two convex functions, and its largest value is wanted:
 * X is I0, and what is wanted the smallest of q, it is all the others, and Y is I0.  Over a
 * part of a stretch, Y is at most its chord and X at least any line that
 * touches it, so that their difference is at most what chord and line make of one
 * of its ends.  A part in which the lines that touch X at both its ends are one has X
 * equal to it, and its bound is met there.  Others are cut where those lines
 * meet: there X has a bend, or is higher than both.
 */

/* A function of the factor of a mark, where it is a line. */
typedef struct MarkLine
{
	Number		slope;
	Number		constant;
} MarkLine;

/* Sums over orders: what moves with the mark, at the present one, and what does not. */
typedef struct OrderSum
{
	Number		notional;
	Number		value;
} OrderSum;

/* One limit price, and the sums over all that are lower. */
typedef struct OrderStep
{
	Number		price;
	OrderSum	all;
	OrderSum	left;			/* but for what closes a position */
	OrderSum	margin;			/* of what is left */
} OrderStep;

typedef struct OrderSteps
{
	int			count;
	OrderStep  *steps;			/* one more than prices: its sums are over all */
} OrderSteps;

/* What a requirement is taken on, as a function of the mark. */
typedef struct BoundLeg
{
	bool		present;
	MarkLine	notional;		/* but for sells */
	MarkLine	leverage;
	const OrderSteps *sells;	/* in it; or NULL */
	Number		maintenance;	/* by contracts: per factor of the mark, as is the next */
	Number		initial;
	Tiers		tiers[2];		/* by notional: of maintenance with its fee, and initial */
	int			tier[2];		/* of whole ones, in the present stretch */
} BoundLeg;

#define MAINTENANCE_TIERS 0
#define INITIAL_TIERS 1

typedef struct BoundOrders
{
	bool		takes_loss;		/* from equity */
	bool		takes_margin;
	bool		maintains;		/* do orders require maintenance? */
	bool		sums;			/* the requirements of legs, or is it the larger? */
	bool		by_contracts;
	bool		has_initial;
	Number		mark;
	Number		closing_fee;	/* by contracts; else the tiers have it */
	Number		opening_fee;
	OrderSteps	sides[2];
	BoundLeg	held[2];
	BoundLeg	ordered[2];
} BoundOrders;

/* ---------- loading ---------- */

static inline void
load_product(Number *r, const Decimal *a, const Decimal *b)
{
	Decimal		product;

	dec_mul(&product, a, b);
	num_load(r, &product, NULL);
}

/* Sums are over the orders before a step. */
static void
load_sum(OrderSum *r, const OrderSum *before, const OrderLevel *level, const Decimal *quantity, const MarketContract *terms,
		 const Market *market)
{
	Decimal		buffer;
	Decimal		value;
	Number		part;

	load_product(&part, dec_flat(&terms->unit_notional, market, &buffer), quantity);
	num_add(&r->notional, &before->notional, &part);
	dec_mul(&value, dec_flat(&terms->size, market, &buffer), quantity);
	load_product(&part, &value, &level->price);
	num_add(&r->value, &before->value, &part);
}

/* What is left of the orders of one side when those that fill first have closed so many contracts. */
static OrderLevel *
orders_left(const OrderList *list, PortfolioSide side, Decimal closes)
{
	OrderLevel *left = palloc(Max(list->count, 1) * sizeof(OrderLevel));

	memcpy(left, list->levels, list->count * sizeof(OrderLevel));
	for (int i = 0; i < list->count; i++)
	{
		OrderLevel *level = &left[side == SIDE_LONG ? list->count - 1 - i : i];

		if (!take_closing(level, &closes))
			level->quantity = level->margin = DEC_ZERO;
	}
	return left;
}

static void
load_steps(OrderSteps *to, const OrderList *list, PortfolioSide side, const Decimal *closes, const MarketContract *terms,
		   const Market *market)
{
	OrderLevel *left = orders_left(list, side, *closes);
	OrderStep  *step = to->steps = palloc((list->count + 1) * sizeof(OrderStep));

	to->count = list->count;
	step->all = step->left = step->margin = (OrderSum) {NUM_ZERO, NUM_ZERO};
	for (int i = 0; i < list->count; i++, step++)
	{
		CHECK_FOR_INTERRUPTS();
		num_load(&step->price, &left[i].price, NULL);
		load_sum(&step[1].all, &step->all, &left[i], &list->levels[i].quantity, terms, market);
		load_sum(&step[1].left, &step->left, &left[i], &left[i].quantity, terms, market);
		load_sum(&step[1].margin, &step->margin, &left[i], &left[i].margin, terms, market);
	}
	pfree(left);
}

/* The requirement of a leg by contracts moves with the mark, whatever tier it is in. */
static void
load_by_contracts(Number *r, const MarketContract *terms, const Market *market, uint32 schedule, const Decimal *contracts)
{
	Decimal		buffer;
	Decimal		amount;

	*r = NUM_ZERO;
	if (schedule == 0)
		return;
	schedule_apply(&amount, market_schedule(market, schedule), contracts);
	load_product(r, &amount, dec_flat(&terms->unit_notional, market, &buffer));
}

/* A leg of what is held; "contracts" are with the orders, if it is to have them. */
static void
load_leg(BoundLeg *to, const Leg *held, const Decimal *contracts, const MarketContract *terms, const Market *market)
{
	to->present = !dec_is_zero(contracts);
	to->sells = NULL;
	to->notional = to->leverage = (MarkLine) {NUM_ZERO, NUM_ZERO};
	if (held->present)
	{
		num_load(&to->notional.slope, &held->notional, NULL);
		num_load(&to->leverage.slope, &held->leverage, NULL);
	}
	if (!to->present)
		return;
	if (terms->tier_unit == TIERS_IN_CONTRACTS)
	{
		load_by_contracts(&to->maintenance, terms, market, terms->maintenance, contracts);
		load_by_contracts(&to->initial, terms, market, terms->initial, contracts);
		return;
	}
	tiers_open(&to->tiers[MAINTENANCE_TIERS], market_schedule(market, terms->requirement));
	if (terms->initial != 0)
		tiers_open(&to->tiers[INITIAL_TIERS], market_schedule(market, terms->initial));
}

/* The orders of a side on its leg: buys at their prices, sells at the mark once it is higher. */
static void
put_orders(BoundLeg *leg, const OrderSteps *orders, PortfolioSide side)
{
	const OrderStep *sum = &orders->steps[orders->count];

	if (side == SIDE_SHORT)
		leg->sells = orders->count > 0 ? orders : NULL;
	else
	{
		leg->notional.constant = sum->left.value;
		leg->leverage.constant = sum->margin.value;
	}
}

static bool
orders_matter(const PositionLine *line, const Market *market)
{
	return line->position.orders != NULL &&
		(line->terms->order_maintenance || market->orders_reduce_equity != REDUCE_NOTHING);
}

/* NULL where there are no orders, or no level depends on them. */
static BoundOrders *
load_orders(const PositionLine *line, const Market *market)
{
	const MarketContract *terms = line->terms;
	LegRequirement held[2];
	LegRequirement ordered[2];
	BoundOrders *to;

	if (likely(!orders_matter(line, market)))
		return NULL;
	to = palloc(sizeof(BoundOrders));
	to->takes_loss = (market->orders_reduce_equity & REDUCE_LOSS) != 0;
	to->takes_margin = (market->orders_reduce_equity & REDUCE_MARGIN) != 0;
	to->maintains = terms->order_maintenance;
	to->sums = terms->netting == NETTING_LEG;
	to->by_contracts = terms->tier_unit == TIERS_IN_CONTRACTS;
	to->has_initial = terms->initial != 0;
	num_load(&to->mark, &terms->mark, market);
	num_load(&to->closing_fee, &terms->closing_fee, market);
	num_load(&to->opening_fee, &terms->opening_fee, market);
	position_legs(held, line, market, false);
	position_legs(ordered, line, market, true);
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		const Leg  *other = &held[1 - i].leg;
		const Decimal none = DEC_ZERO;

		load_steps(&to->sides[i], &line->position.orders->sides[i], i,
				   terms->netting == NETTING_NET && other->present ? &other->contracts : &none, terms, market);
		load_leg(&to->held[i], &held[i].leg, &held[i].leg.contracts, terms, market);
		load_leg(&to->ordered[i], &held[i].leg, &ordered[i].leg.contracts, terms, market);
		put_orders(&to->ordered[i], &to->sides[i], i);
	}
	return to;
}

/* ---------- lines ---------- */

static inline void
line_value(Number *r, const MarkLine *line, const Number *factor)
{
	num_mul(r, &line->slope, factor);
	num_add(r, r, &line->constant);
}

static inline void
add_line(MarkLine *r, const MarkLine *a)
{
	num_add(&r->slope, &r->slope, &a->slope);
	num_add(&r->constant, &r->constant, &a->constant);
}

/* r += a * line */
static inline void
add_line_times(MarkLine *r, const MarkLine *line, const Number *a)
{
	MarkLine	part;

	num_mul(&part.slope, &line->slope, a);
	num_mul(&part.constant, &line->constant, a);
	add_line(r, &part);
}

/* r = max(r, a), at a factor */
static void
raise_line(MarkLine *r, const MarkLine *a, const Number *factor)
{
	Number		was;
	Number		is;

	line_value(&was, r, factor);
	line_value(&is, a, factor);
	if (num_cmp(&was, &is) < 0)
		*r = *a;
}

static inline bool
same_line(const MarkLine *a, const MarkLine *b)
{
	return num_cmp(&a->slope, &b->slope) == 0 && num_cmp(&a->constant, &b->constant) == 0;
}

/* How many orders have a price below that, or at most that. */
static int
orders_below(const OrderSteps *orders, const Number *price, bool inclusive)
{
	int			low = 0;
	int			high = orders->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (num_cmp(&orders->steps[middle].price, price) < inclusive)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Sells: those below the mark at the mark, the others at their prices. */
static void
add_sells(MarkLine *r, const OrderSum *below, const OrderSum *all)
{
	num_add(&r->slope, &r->slope, &below->notional);
	num_add(&r->constant, &r->constant, &all->value);
	num_sub(&r->constant, &r->constant, &below->value);
}

/* The line of a notional while so many sells are below the mark. */
static void
notional_line(MarkLine *r, const BoundLeg *leg, int below)
{
	*r = leg->notional;
	if (leg->sells != NULL)
		add_sells(r, &leg->sells->steps[below].left, &leg->sells->steps[leg->sells->count].left);
}

static inline void
leg_notional(MarkLine *r, const BoundLeg *leg, const Number *mark)
{
	notional_line(r, leg, leg->sells == NULL ? 0 : orders_below(leg->sells, mark, false));
}

static void
leg_leverage(MarkLine *r, const BoundLeg *leg, const Number *mark)
{
	*r = leg->leverage;
	if (leg->sells != NULL)
		add_sells(r, &leg->sells->steps[orders_below(leg->sells, mark, false)].margin, &leg->sells->steps[leg->sells->count].margin);
}

/* A schedule by notional, applied to a leg. */
static void
leg_tiers(MarkLine *r, BoundLeg *leg, int which, const MarkLine *notional, const Number *factor)
{
	Tiers	   *tiers = &leg->tiers[which];
	int			tier = leg->tier[which];
	Number		part;

	if (!tiers_whole(tiers))
	{
		line_value(&part, notional, factor);
		tier = tiers_find(tiers, &part);
	}
	tiers_rate(&part, tiers, tier);
	num_mul(&r->slope, &notional->slope, &part);
	num_mul(&r->constant, &notional->constant, &part);
	tiers_intercept(&part, tiers, tier);
	num_add(&r->constant, &r->constant, &part);
}

/* What a leg requires, as position.c has it; the initial requirement is 0 where it takes nothing from equity. */
static void
leg_requires(MarkLine *maintenance, MarkLine *initial, const BoundOrders *orders, BoundLeg *leg, const Number *factor, const Number *mark)
{
	MarkLine	notional;
	MarkLine	part;

	leg_notional(&notional, leg, mark);
	*maintenance = *initial = (MarkLine) {NUM_ZERO, NUM_ZERO};
	if (orders->by_contracts)
	{
		maintenance->slope = leg->maintenance;
		add_line_times(maintenance, &notional, &orders->closing_fee);
	}
	else
		leg_tiers(maintenance, leg, MAINTENANCE_TIERS, &notional, factor);
	if (!orders->takes_margin)
		return;
	if (orders->by_contracts)
		initial->slope = leg->initial;
	else if (orders->has_initial)
		leg_tiers(initial, leg, INITIAL_TIERS, &notional, factor);
	leg_leverage(&part, leg, mark);
	raise_line(initial, &part, factor);
	add_line_times(initial, &notional, &orders->opening_fee);
	raise_line(initial, maintenance, factor);
}

static inline void
put_lines_together(MarkLine *r, const MarkLine *a, const BoundOrders *orders, const Number *factor)
{
	if (orders->sums)
		add_line(r, a);
	else
		raise_line(r, a, factor);
}

/* Of two legs. */
static void
legs_require(MarkLine *maintenance, MarkLine *initial, const BoundOrders *orders, BoundLeg legs[2], const Number *factor,
			 const Number *mark)
{
	*maintenance = *initial = (MarkLine) {NUM_ZERO, NUM_ZERO};
	for (int i = SIDE_LONG; i <= SIDE_SHORT; i++)
	{
		MarkLine	one;
		MarkLine	other;

		if (!legs[i].present)
			continue;
		leg_requires(&one, &other, orders, &legs[i], factor, mark);
		put_lines_together(maintenance, &one, orders, factor);
		put_lines_together(initial, &other, orders, factor);
	}
}

/* What all orders would lose. */
static void
orders_lose(MarkLine *r, const BoundOrders *orders, const Number *mark)
{
	const OrderSteps *buys = &orders->sides[SIDE_LONG];
	const OrderSteps *sells = &orders->sides[SIDE_SHORT];
	const OrderSum *sold = &sells->steps[orders_below(sells, mark, false)].all;
	const OrderSum *kept = &buys->steps[orders_below(buys, mark, true)].all;
	const OrderSum *bought = &buys->steps[buys->count].all;

	num_sub(&r->slope, &sold->notional, &bought->notional);
	num_add(&r->slope, &r->slope, &kept->notional);
	num_sub(&r->constant, &bought->value, &kept->value);
	num_sub(&r->constant, &r->constant, &sold->value);
}

/* ---------- points ---------- */

/* What there is to be known of q(m): it is Y - X, see above. */
typedef struct OrderPoint
{
	Number		factor;
	MarkLine	x;				/* of X: its line there */
	Number		y;				/* of Y: its value */
} OrderPoint;

typedef struct OrderQuestion
{
	BoundOrders *orders;
	const Box  *box;
	Number		weighted;		/* V*P */
	Number		weighted_share; /* t*V*P */
	Number		share;			/* t*P */
	Number		pull;
} OrderQuestion;

static void
look_at(OrderPoint *to, const OrderQuestion *q, const Number *factor)
{
	BoundOrders *orders = q->orders;
	MarkLine	maintenance;
	MarkLine	initial;
	MarkLine	convex = {NUM_ZERO, NUM_ZERO};
	MarkLine	other = {NUM_ZERO, NUM_ZERO};
	Number		mark;

	num_mul(&mark, &orders->mark, factor);
	num_sub(&convex.slope, &convex.slope, &q->pull);
	if (orders->takes_margin || !orders->maintains)
	{
		legs_require(&maintenance, &initial, orders, orders->held, factor, &mark);
		if (q->box->positions && !orders->maintains)
			add_line_times(&convex, &maintenance, &q->weighted);
		add_line_times(&other, &initial, &q->weighted_share);
	}
	if (orders->takes_margin || orders->maintains)
	{
		legs_require(&maintenance, &initial, orders, orders->ordered, factor, &mark);
		if (q->box->positions && orders->maintains)
			add_line_times(&convex, &maintenance, &q->weighted);
		add_line_times(&convex, &initial, &q->weighted_share);
	}
	if (orders->takes_loss)
	{
		orders_lose(&maintenance, orders, &mark);
		add_line_times(&convex, &maintenance, &q->share);
	}
	to->factor = *factor;
	to->x = q->box->below ? other : convex;
	line_value(&to->y, q->box->below ? &convex : &other, factor);
}

/* ---------- stretches ---------- */

/* r = max(r, Y - X) at a point */
static void
raise_at(Number *r, const OrderPoint *at)
{
	Number		value;

	line_value(&value, &at->x, &at->factor);
	num_sub(&value, &at->y, &value);
	if (num_cmp(&value, r) > 0)
		*r = value;
}

#define MAX_CUTS 24				/* one inside the other */

/*
 * Raises r, which knows what is at both ends, to a bound of Y - X between them.
 *
 * Any factor between them will do to cut at, so it may be rounded.  What the two lines leave open
 * is beside the cut, and where it is no more than r there is nothing to look for.
 */
static void
raise_between(Number *r, const OrderQuestion *q, const OrderPoint *a, const OrderPoint *b, int cuts)
{
	OrderPoint	cut;
	Number		factor;
	Number		value;
	Number		other;

	if (same_line(&a->x, &b->x))
		return;
	num_near_meeting(&factor, &a->x.slope, &a->x.constant, &b->x.slope, &b->x.constant);
	if (num_cmp(&factor, &a->factor) <= 0 || num_cmp(&factor, &b->factor) >= 0)
	{
		/* lines that meet at an end, or beyond where they are rounded: one of them is enough */
		factor = num_cmp(&factor, &b->factor) >= 0 ? b->factor : a->factor;
		cuts = 0;
	}
	look_at(&cut, q, &factor);
	raise_at(r, &cut);
	line_value(&value, &a->x, &factor);
	line_value(&other, &b->x, &factor);
	if (num_cmp(&other, &value) < 0)
		value = other;
	num_sub(&value, &cut.y, &value);
	if (num_cmp(&value, r) <= 0)
		return;
	if (cuts == 0)
	{
		*r = value;
		return;
	}
	raise_between(r, q, a, &cut, cuts - 1);
	raise_between(r, q, &cut, b, cuts - 1);
}

/* Where the notional of a leg reaches a bound: at rise / slope, which lies from before to after. */
typedef struct Reach
{
	Number		rise;
	Number		slope;
	Number		before;
	Number		after;
} Reach;

/* How many sells are below the mark where the notional of their leg reaches a bound: nothing is rounded. */
static int
sells_at_bound(const BoundLeg *leg, const Number *mark, const Number *bound)
{
	int			low = 0;
	int			high = leg->sells == NULL ? 0 : leg->sells->count;

	while (low < high)
	{
		int			middle = (low + high) / 2;
		MarkLine	line;
		Number		reached;
		Number		needed;

		/* slope * price / mark + constant >= bound? */
		notional_line(&line, leg, middle);
		num_mul(&reached, &line.slope, &leg->sells->steps[middle].price);
		num_sub(&needed, bound, &line.constant);
		num_mul(&needed, &needed, mark);
		if (num_cmp(&reached, &needed) >= 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Does it reach the bound in the box?  It has not at the beginning. */
static bool
leg_reaches(Reach *r, const BoundOrders *orders, const BoundLeg *leg, const Number *bound, const Box *box)
{
	MarkLine	line;
	Number		part;

	num_mul(&part, &orders->mark, &box->high);
	leg_notional(&line, leg, &part);
	line_value(&part, &line, &box->high);
	if (num_cmp(bound, &part) > 0)
		return false;
	notional_line(&line, leg, sells_at_bound(leg, &orders->mark, bound));
	if (num_sign(&line.slope) <= 0)
		return false;
	num_sub(&r->rise, bound, &line.constant);
	r->slope = line.slope;
	num_quotient_up(&r->after, &r->rise, &r->slope);
	num_quotient_down(&r->before, &r->rise, &r->slope);
	return true;
}

static bool
reaches_earlier(const Reach *a, const Reach *b)
{
	Number		of_a;
	Number		of_b;

	num_mul(&of_a, &a->rise, &b->slope);
	num_mul(&of_b, &b->rise, &a->slope);
	return num_cmp(&of_a, &of_b) < 0;
}

/* A whole schedule of a leg that is looked at. */
typedef struct Jump
{
	BoundLeg   *leg;
	int			which;
} Jump;

#define MAX_JUMPS 8

static int
list_jumps(Jump *jumps, BoundOrders *orders)
{
	int			n = 0;

	if (orders->by_contracts)
		return 0;
	for (int i = 0; i < 4; i++)
	{
		BoundLeg   *leg = i < 2 ? &orders->held[i] : &orders->ordered[i - 2];
		int			schedules = orders->has_initial && orders->takes_margin ? 2 : 1;

		for (int which = 0; leg->present && which < schedules; which++)
		{
			if (tiers_whole(&leg->tiers[which]))
				jumps[n++] = (Jump) {leg, which};
		}
	}
	return n;
}

/* The tiers at the beginning of the box. */
static void
begin_stretches(const BoundOrders *orders, const Jump *jumps, int njumps, const Box *box)
{
	Number		mark;

	num_mul(&mark, &orders->mark, &box->low);
	for (int i = 0; i < njumps; i++)
	{
		BoundLeg   *leg = jumps[i].leg;
		MarkLine	line;
		Number		notional;

		leg_notional(&line, leg, &mark);
		line_value(&notional, &line, &box->low);
		leg->tier[jumps[i].which] = tiers_find(&leg->tiers[jumps[i].which], &notional);
	}
}

/* The schedule that jumps next, -1 if none does in the box; exactly in their order, so that between two jumps the lines are right. */
static int
next_jump(Reach *at, const BoundOrders *orders, const Jump *jumps, int njumps, const Box *box)
{
	int			next = -1;

	for (int i = 0; i < njumps; i++)
	{
		BoundLeg   *leg = jumps[i].leg;
		Tiers	   *tiers = &leg->tiers[jumps[i].which];
		int			tier = leg->tier[jumps[i].which] + 1;
		Number		bound;
		Reach		reach;

		if (tier >= tiers_count(tiers))
			continue;
		tiers_bound(&bound, tiers, tier);
		if (!leg_reaches(&reach, orders, leg, &bound, box))
			continue;
		if (next < 0 || reaches_earlier(&reach, at))
		{
			next = i;
			*at = reach;
		}
	}
	return next;
}

/*
 * The worst of a contract with orders: q, with P and V*P given.  Is it, so far as that
 * is known, at the end of the mark that is asked for?
 *
 * Of several jumps at one place each has a stretch of its own, with nothing in it.
 */
static bool
worst_ordered(Number *r, BoundOrders *orders, const Box *box, const Number *weighted, const Number *price, const Number *pull, bool at_high)
{
	OrderQuestion q = {.orders = orders, .box = box, .weighted = *weighted, .pull = *pull};
	Jump		jumps[MAX_JUMPS];
	int			njumps = list_jumps(jumps, orders);
	int			next;
	Number		begin = box->low;
	Number		at_end = NUM_ZERO;
	bool		first = true;
	bool		is_at_end;

	num_mul(&q.weighted_share, weighted, &box->threshold);
	num_mul(&q.share, price, &box->threshold);
	begin_stretches(orders, jumps, njumps, box);
	do
	{
		OrderPoint	a;
		OrderPoint	b;
		Reach		reach;

		next = next_jump(&reach, orders, jumps, njumps, box);
		look_at(&a, &q, &begin);
		look_at(&b, &q, next >= 0 ? &reach.after : &box->high);
		if (first)
		{
			line_value(r, &a.x, &a.factor);
			num_sub(r, &a.y, r);
			at_end = *r;
		}
		else
			raise_at(r, &a);
		raise_at(r, &b);
		if (next < 0 && at_high)
		{
			line_value(&at_end, &b.x, &b.factor);
			num_sub(&at_end, &b.y, &at_end);
		}
		raise_between(r, &q, &a, &b, MAX_CUTS);
		first = false;
		if (next >= 0)
		{
			jumps[next].leg->tier[jumps[next].which]++;
			begin = reach.before;
		}
	} while (next >= 0);
	is_at_end = num_cmp(r, &at_end) == 0;
	if (!box->below)
	{
		Number		zero = NUM_ZERO;

		num_sub(r, &zero, r);
	}
	return is_at_end;
}
