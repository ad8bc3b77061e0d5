-- An independent valuation in plain SQL over numeric.
--
-- It follows the specification line by line, favours being obviously right over
-- being fast, and uses nothing of the extension.  The property test compares
-- the extension with it.  "Section" below means a section of the specification:
-- 1 holdings and portfolio, 2 market, 3 valuation (3.5 is item 5 of section 3).
--
-- Exactness: numeric adds, subtracts and multiplies exactly up to 16383 digits
-- behind the point, which no product of 1,000-digit inputs reaches here.  The
-- operator "/" is not exact and is never used; see "Division" below.

CREATE SCHEMA reference;

-- ---------------------------------------------------------------------------
-- Section 2: markets.  An absent price, bound of a price, mark, name or weight
-- of the initial measure is NULL; an absent schedule has no row in
-- reference.schedule; an absent level has no row.
-- ---------------------------------------------------------------------------

CREATE TABLE reference.market (
	market_id integer PRIMARY KEY,
	orders_reduce_equity text NOT NULL DEFAULT 'nothing'
		CHECK (orders_reduce_equity IN ('nothing', 'loss', 'margin', 'both')),
	liability_rule text NOT NULL DEFAULT 'sum' CHECK (liability_rule IN ('sum', 'larger'))
);

CREATE TABLE reference.level_threshold (
	market_id integer NOT NULL REFERENCES reference.market,
	level text NOT NULL CHECK (level IN ('warning', 'margin_call', 'liquidation')),
	margin_ratio numeric NOT NULL,
	PRIMARY KEY (market_id, level)
);

CREATE TABLE reference.asset (
	market_id integer NOT NULL REFERENCES reference.market,
	asset text COLLATE "C" NOT NULL,
	price numeric CHECK (price > 0),
	tier_unit text NOT NULL DEFAULT 'quantity' CHECK (tier_unit IN ('quantity', 'value')),
	liability_weight numeric NOT NULL DEFAULT 1 CHECK (liability_weight >= 1),
	requirement_weight numeric NOT NULL DEFAULT 1 CHECK (requirement_weight > 0),
	low numeric CHECK (low > 0 AND low <= price),
	high numeric CHECK (high >= price),
	initial_liability_weight numeric CHECK (initial_liability_weight >= 1),
	PRIMARY KEY (market_id, asset),
	CHECK (price IS NOT NULL OR low IS NULL AND high IS NULL)
);

-- settle has no foreign key: a market may settle in an asset it lacks.
CREATE TABLE reference.contract (
	market_id integer NOT NULL REFERENCES reference.market,
	contract text COLLATE "C" NOT NULL,
	settle text COLLATE "C" NOT NULL,
	base text COLLATE "C",
	contract_size numeric NOT NULL CHECK (contract_size > 0),
	mark numeric CHECK (mark > 0),
	netting text NOT NULL DEFAULT 'leg' CHECK (netting IN ('leg', 'larger', 'net')),
	closing_fee numeric NOT NULL DEFAULT 0 CHECK (closing_fee >= 0),
	opening_fee numeric NOT NULL DEFAULT 0 CHECK (opening_fee >= 0),
	tier_unit text NOT NULL DEFAULT 'notional' CHECK (tier_unit IN ('notional', 'contracts')),
	order_maintenance boolean NOT NULL DEFAULT false,
	PRIMARY KEY (market_id, contract)
);

-- One row per schedule.  Of an asset: collateral is R, initial_collateral RI,
-- liability LM; of a contract: maintenance is T, initial I.
CREATE TABLE reference.schedule (
	market_id integer NOT NULL REFERENCES reference.market,
	kind text NOT NULL CHECK (kind IN ('collateral', 'initial_collateral', 'liability', 'maintenance', 'initial')),
	symbol text COLLATE "C" NOT NULL,
	method text NOT NULL DEFAULT 'marginal' CHECK (method IN ('marginal', 'whole')),
	PRIMARY KEY (market_id, kind, symbol),
	CHECK (kind NOT IN ('collateral', 'initial_collateral') OR method = 'marginal')
);

CREATE TABLE reference.tier (
	market_id integer NOT NULL,
	kind text NOT NULL,
	symbol text COLLATE "C" NOT NULL,
	lower_bound numeric NOT NULL CHECK (lower_bound >= 0),
	rate numeric NOT NULL CHECK (rate >= 0),
	PRIMARY KEY (market_id, kind, symbol, lower_bound),
	FOREIGN KEY (market_id, kind, symbol) REFERENCES reference.schedule
);

-- ---------------------------------------------------------------------------
-- Section 1: holdings.  A case is one account looked at in one market.  Without
-- a kind, what has an entry price is a position, the rest balances.
-- ---------------------------------------------------------------------------

CREATE TABLE reference.account (
	case_id integer PRIMARY KEY,
	market_id integer NOT NULL REFERENCES reference.market,
	story text NOT NULL
);

CREATE TABLE reference.holding (
	holding_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	case_id integer NOT NULL REFERENCES reference.account,
	symbol text COLLATE "C" NOT NULL,
	quantity numeric NOT NULL,
	entry_price numeric CHECK (entry_price >= 0),
	leverage numeric CHECK (leverage > 0),
	kind text CHECK (kind IN ('balance', 'position', 'order')),
	CHECK (entry_price IS NOT NULL OR leverage IS NULL),
	CHECK ((entry_price IS NULL) = (kind = 'balance')),
	CHECK (kind <> 'order' OR entry_price > 0)
);

-- ---------------------------------------------------------------------------
-- Division.  div() is exact: the quotient's whole part, toward zero.
-- ---------------------------------------------------------------------------

-- a / b rounded up at the 18th decimal, for a >= 0 and b > 0.  The whole part
-- is corrected by looking at what it multiplies back to.
CREATE FUNCTION reference.quotient_rounded_up(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN whole * b < a * 1e18 THEN whole + 1 ELSE whole END * 1e-18
	FROM div(a * 1e18, b) AS whole
$$;

-- a / b rounded half away from zero to 8 decimals, for a >= 0 and b > 0.
CREATE FUNCTION reference.quotient_rounded(a numeric, b numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE AS $$
	SELECT CASE WHEN 2 * (a * 1e8 - whole * b) >= b THEN whole + 1 ELSE whole END * 1e-8
	FROM div(a * 1e8, b) AS whole
$$;

-- ---------------------------------------------------------------------------
-- Section 2: what a schedule gives for x >= 0; NULL where there is none.
-- ---------------------------------------------------------------------------

CREATE FUNCTION reference.apply(of_market integer, of_kind text, of_symbol text, x numeric)
RETURNS TABLE (amount numeric)
LANGUAGE sql STABLE AS $$
	SELECT sum(CASE bracket.method
			   -- the rate applies to the part of x inside the tier
			   WHEN 'marginal' THEN
				   bracket.rate * (least(x, bracket.upper_bound) - bracket.lower_bound)
			   -- the rate of the tier that holds x applies to all of x
			   WHEN 'whole' THEN
				   CASE WHEN x < bracket.upper_bound OR bracket.upper_bound IS NULL
						THEN bracket.rate * x ELSE 0 END
			   END)
	FROM (SELECT schedule.method, tier.rate, tier.lower_bound,
				 (SELECT min(next.lower_bound)
				  FROM reference.tier AS next
				  WHERE next.market_id = tier.market_id AND next.kind = tier.kind
					AND next.symbol = tier.symbol
					AND next.lower_bound > tier.lower_bound) AS upper_bound
		  FROM reference.schedule
		  JOIN reference.tier USING (market_id, kind, symbol)
		  WHERE schedule.market_id = of_market AND schedule.kind = of_kind
			AND schedule.symbol = of_symbol
			AND tier.lower_bound <= x) AS bracket
$$;

-- ---------------------------------------------------------------------------
-- Section 1: the netted portfolio.
-- ---------------------------------------------------------------------------

CREATE VIEW reference.balance AS
	SELECT case_id, market_id, symbol AS asset, sum(quantity) AS quantity
	FROM reference.account
	JOIN reference.holding USING (case_id)
	WHERE coalesce(kind, CASE WHEN entry_price IS NULL THEN 'balance' END) = 'balance'
	GROUP BY case_id, market_id, symbol
	HAVING sum(quantity) <> 0;

CREATE VIEW reference.side AS
	SELECT case_id, market_id, symbol AS contract,
		   CASE WHEN quantity > 0 THEN 'long' ELSE 'short' END AS side,
		   sum(abs(quantity)) AS quantity,
		   sum(abs(quantity) * entry_price) AS cost,
		   coalesce(sum(reference.quotient_rounded_up(abs(quantity), leverage)), 0) AS margin_quantity
	FROM reference.account
	JOIN reference.holding USING (case_id)
	WHERE coalesce(kind, CASE WHEN entry_price IS NOT NULL THEN 'position' END) = 'position'
	  AND quantity <> 0
	GROUP BY case_id, market_id, contract, side;

-- Q_p and MQ_p of each contract, side and limit price.
CREATE VIEW reference.open_order AS
	SELECT case_id, market_id, symbol AS contract,
		   CASE WHEN quantity > 0 THEN 'buy' ELSE 'sell' END AS side,
		   entry_price AS price,
		   sum(abs(quantity)) AS quantity,
		   coalesce(sum(reference.quotient_rounded_up(abs(quantity), leverage)), 0) AS margin_quantity
	FROM reference.account
	JOIN reference.holding USING (case_id)
	WHERE kind = 'order' AND quantity <> 0
	GROUP BY case_id, market_id, contract, side, price;

-- One row per contract with a side or an order; the contract's terms are NULL
-- where the market does not know it.
CREATE VIEW reference.exposure AS
	SELECT netted.*,
		   terms.contract IS NOT NULL AS known,
		   terms.settle, terms.contract_size, terms.mark, terms.netting, terms.closing_fee,
		   terms.opening_fee, terms.tier_unit, terms.order_maintenance,
		   settlement.asset IS NOT NULL AS settle_known,
		   settlement.price AS settle_price,
		   coalesce(settlement.high, settlement.price) AS settle_high,
		   settlement.requirement_weight
	FROM (SELECT case_id, market_id, contract,
				 coalesce(sum(quantity) FILTER (WHERE side = 'long'), 0) AS l,
				 coalesce(sum(quantity) FILTER (WHERE side = 'short'), 0) AS s,
				 coalesce(sum(cost) FILTER (WHERE side = 'long'), 0) AS kl,
				 coalesce(sum(cost) FILTER (WHERE side = 'short'), 0) AS ks,
				 coalesce(sum(margin_quantity) FILTER (WHERE side = 'long'), 0) AS ml,
				 coalesce(sum(margin_quantity) FILTER (WHERE side = 'short'), 0) AS ms
		  FROM (SELECT case_id, market_id, contract, side, quantity, cost, margin_quantity
				FROM reference.side
				UNION ALL
				SELECT DISTINCT case_id, market_id, contract, NULL, 0, 0, 0
				FROM reference.open_order) AS part
		  GROUP BY case_id, market_id, contract) AS netted
	LEFT JOIN reference.contract AS terms USING (market_id, contract)
	LEFT JOIN reference.asset AS settlement
		   ON settlement.market_id = netted.market_id AND settlement.asset = terms.settle;

-- ---------------------------------------------------------------------------
-- Section 3, contract by contract.
-- ---------------------------------------------------------------------------

CREATE VIEW reference.notional AS
	SELECT *,
		   contract_size * (mark * (l - s) - (kl - ks)) AS pnl,				-- 3.1
		   contract_size * mark * l AS nl,								-- 3.5
		   contract_size * mark * s AS ns,
		   contract_size * mark * ml AS a_long,								-- 3.7, leverage amounts
		   contract_size * mark * ms AS a_short,
		   contract_size * mark *
		   CASE WHEN l = s THEN 0
				WHEN l > s THEN reference.quotient_rounded_up(ml * (l - s), l)
				ELSE reference.quotient_rounded_up(ms * (s - l), s) END AS a_net
	FROM reference.exposure;

-- 3.11, order by order.  Under "net" what closes a position first is left out:
-- of the buys the highest prices, of the sells the lowest.  "before" is what is
-- left out before this price has its turn.
CREATE VIEW reference.standing AS
	SELECT *,
		   remaining * value_of_one AS remaining_value,
		   CASE WHEN remaining = quantity THEN margin_quantity
				ELSE reference.quotient_rounded_up(margin_quantity * remaining, quantity)
		   END * value_of_one AS remaining_leverage_amount
	FROM (SELECT turn.*,
				 quantity * value_of_one AS value,
				 CASE netting
				 WHEN 'net' THEN quantity - least(quantity, greatest(0, closing - before))
				 ELSE quantity END AS remaining
		  FROM (SELECT case_id, market_id, contract, side, price, open_order.quantity,
					   open_order.margin_quantity, netting, settle_high,
					   contract_size * CASE side WHEN 'buy' THEN price
												 WHEN 'sell' THEN greatest(price, mark) END AS value_of_one,
					   contract_size * greatest(0, CASE side WHEN 'buy' THEN price - mark
															 WHEN 'sell' THEN mark - price END) AS loss_of_one,
					   greatest(0, CASE side WHEN 'buy' THEN s - l ELSE l - s END) AS closing,
					   sum(open_order.quantity) OVER (
						   PARTITION BY case_id, contract, side
						   ORDER BY CASE side WHEN 'buy' THEN - price ELSE price END)
					   - open_order.quantity AS before
				FROM reference.open_order
				JOIN reference.notional USING (case_id, market_id, contract)) AS turn) AS left_over;

CREATE VIEW reference.position AS
	-- computed once, used twice
	WITH notional AS MATERIALIZED (TABLE reference.notional),
	standing AS (
		SELECT case_id, contract,
			   coalesce(sum(remaining_value) FILTER (WHERE side = 'buy'), 0) AS ob,
			   coalesce(sum(remaining) FILTER (WHERE side = 'buy'), 0) AS qb,
			   coalesce(sum(remaining_leverage_amount) FILTER (WHERE side = 'buy'), 0) AS gb,
			   coalesce(sum(remaining_value) FILTER (WHERE side = 'sell'), 0) AS os,
			   coalesce(sum(remaining) FILTER (WHERE side = 'sell'), 0) AS qs,
			   coalesce(sum(remaining_leverage_amount) FILTER (WHERE side = 'sell'), 0) AS gs,
			   sum(quantity * loss_of_one) AS loss
		FROM reference.standing
		GROUP BY case_id, contract
	),
	-- The legs that are margined: notional n, contracts q, leverage amount a,
	-- once for the position alone (3.5, 3.7), once with its orders (3.11).
	leg AS (
		SELECT notional.*, false AS with_orders, n, q, a
		FROM notional
		CROSS JOIN LATERAL (
			SELECT nl, l, a_long WHERE netting IN ('leg', 'larger')
			UNION ALL
			SELECT ns, s, a_short WHERE netting IN ('leg', 'larger')
			UNION ALL
			SELECT abs(nl - ns), abs(l - s), a_net WHERE netting = 'net') AS alone (n, q, a)
		UNION ALL
		SELECT notional.*, true, n, q, a
		FROM notional
		JOIN standing USING (case_id, contract)
		CROSS JOIN LATERAL (
			SELECT nl + ob, l + qb, a_long + gb WHERE netting IN ('leg', 'larger')
			UNION ALL
			SELECT ns + os, s + qs, a_short + gs WHERE netting IN ('leg', 'larger')
			UNION ALL
			SELECT greatest(0, nl - ns) + ob, greatest(0, l - s) + qb, CASE WHEN l > s THEN a_net ELSE 0 END + gb
			WHERE netting = 'net'
			UNION ALL
			SELECT greatest(0, ns - nl) + os, greatest(0, s - l) + qs, CASE WHEN s > l THEN a_net ELSE 0 END + gs
			WHERE netting = 'net') AS filled (n, q, a)
	),
	tiered AS (
		SELECT leg.*,
			   CASE tier_unit WHEN 'notional' THEN t.amount
							  WHEN 'contracts' THEN contract_size * mark * t.amount END AS t,
			   CASE tier_unit WHEN 'notional' THEN coalesce(i.amount, 0)
							  WHEN 'contracts' THEN contract_size * mark * coalesce(i.amount, 0) END AS i
		FROM leg
		CROSS JOIN LATERAL (SELECT CASE tier_unit WHEN 'notional' THEN n WHEN 'contracts' THEN q END) AS measured (x)
		CROSS JOIN LATERAL reference.apply(market_id, 'maintenance', contract, x) AS t
		CROSS JOIN LATERAL reference.apply(market_id, 'initial', contract, x) AS i
	),
	required AS (
		SELECT *,
			   t + closing_fee * n AS req,										-- 3.5
			   greatest(i + opening_fee * n,									-- 3.7
						a + opening_fee * n,
						t + closing_fee * n) AS initial
		FROM tiered
	),
	requirement AS (
		SELECT case_id, contract, with_orders,
			   CASE netting WHEN 'leg' THEN sum(req) ELSE max(req) END AS maintenance,
			   CASE netting WHEN 'leg' THEN sum(initial) ELSE max(initial) END AS initial
		FROM required
		GROUP BY case_id, contract, with_orders, netting
	)
	SELECT case_id, market_id, contract, settle, l AS long, s AS short, mark,
		   nl AS long_notional, ns AS short_notional, pnl,
		   settle_price * pnl AS pnl_usd,								-- 3.4
		   requirement_weight * settle_high *							-- 3.6
		   CASE WHEN order_maintenance AND filled.contract IS NOT NULL THEN filled.maintenance
				ELSE alone.maintenance END AS maintenance_margin,
		   requirement_weight * settle_high * alone.initial AS initial_margin_alone,	-- 3.7
		   requirement_weight * settle_high *							-- 3.11
		   CASE WHEN filled.contract IS NOT NULL THEN filled.initial - alone.initial
				ELSE 0 END AS order_margin,
		   settle_high * coalesce(loss, 0) AS order_loss,
		   filled.contract IS NOT NULL AS has_orders,
		   -- Section 3, "Missing", the part about contracts.
		   ARRAY(SELECT contract
				 WHERE NOT known OR mark IS NULL
					OR NOT EXISTS (SELECT FROM reference.schedule
								   WHERE schedule.market_id = notional.market_id
									 AND schedule.kind = 'maintenance'
									 AND schedule.symbol = notional.contract)
				 UNION
				 SELECT settle
				 WHERE known AND (NOT settle_known OR settle_price IS NULL)) AS missing
	FROM notional
	LEFT JOIN standing USING (case_id, contract)
	LEFT JOIN (SELECT * FROM requirement WHERE NOT with_orders) AS alone USING (case_id, contract)
	LEFT JOIN (SELECT * FROM requirement WHERE with_orders) AS filled USING (case_id, contract);

-- ---------------------------------------------------------------------------
-- Section 3, asset by asset.
-- ---------------------------------------------------------------------------

CREATE VIEW reference.collateral AS
	WITH equity AS (
		-- 3.2; a profit or loss that cannot be computed counts 0
		SELECT case_id, market_id, asset,
			   sum(balance) AS balance, sum(pnl) AS pnl,
			   sum(balance) + sum(pnl) AS e
		FROM (SELECT case_id, market_id, asset, quantity AS balance, 0 AS pnl
			  FROM reference.balance
			  UNION ALL
			  SELECT case_id, market_id, settle, 0, coalesce(pnl, 0)
			  FROM reference.position
			  WHERE settle IS NOT NULL) AS part
		GROUP BY case_id, market_id, asset
	),
	accepted AS (
		SELECT equity.*, terms.asset IS NOT NULL AS known, terms.price, terms.tier_unit,
			   coalesce(terms.low, terms.price) AS low,
			   coalesce(terms.high, terms.price) AS high,
			   terms.liability_weight,
			   coalesce(terms.initial_liability_weight, terms.liability_weight) AS initial_liability_weight,
			   EXISTS (SELECT FROM reference.schedule
					   WHERE schedule.market_id = equity.market_id
						 AND schedule.kind = 'collateral'
						 AND schedule.symbol = equity.asset) AS has_tiers,
			   EXISTS (SELECT FROM reference.schedule
					   WHERE schedule.market_id = equity.market_id
						 AND schedule.kind = 'initial_collateral'
						 AND schedule.symbol = equity.asset) AS has_initial_tiers
		FROM equity
		LEFT JOIN reference.asset AS terms USING (market_id, asset)
	)
	SELECT case_id, market_id, asset, balance, pnl, e AS asset_equity, price,
		   coalesce(price * e, 0) AS net_asset_value,							-- 3.4
		   -- 3.3; no tiers: 0, and none of the schedules below is there
		   CASE WHEN e < 0 OR NOT has_tiers THEN 0
				WHEN tier_unit = 'quantity' THEN low * r_of_quantity.amount
				WHEN tier_unit = 'value' THEN r_of_value.amount END AS collateral_value,
		   CASE WHEN e < 0 THEN - (liability_weight * high * e) ELSE 0 END AS liability,
		   -- the same for the initial measure
		   CASE WHEN e < 0 OR NOT has_tiers THEN 0
				WHEN tier_unit = 'quantity' THEN low * ri_of_quantity.amount
				WHEN tier_unit = 'value' THEN ri_of_value.amount END AS initial_collateral_value,
		   CASE WHEN e < 0 THEN - (initial_liability_weight * high * e) ELSE 0 END AS initial_liability,
		   -- 3.6, its second sum; no schedule: 0
		   CASE WHEN e < 0 THEN high * coalesce(lm.amount, 0) ELSE 0 END AS maintenance_margin,
		   -- Section 3, "Missing", the part about assets.
		   ARRAY(SELECT asset
				 WHERE e <> 0
				   AND (NOT known OR price IS NULL AND (has_tiers OR e < 0))) AS missing
	FROM accepted
	CROSS JOIN LATERAL (SELECT CASE WHEN has_initial_tiers THEN 'initial_collateral'
									ELSE 'collateral' END) AS measure (ri)
	CROSS JOIN LATERAL reference.apply(market_id, 'collateral', asset, e) AS r_of_quantity
	CROSS JOIN LATERAL reference.apply(market_id, 'collateral', asset, low * e) AS r_of_value
	CROSS JOIN LATERAL reference.apply(market_id, ri, asset, e) AS ri_of_quantity
	CROSS JOIN LATERAL reference.apply(market_id, ri, asset, low * e) AS ri_of_value
	CROSS JOIN LATERAL reference.apply(market_id, 'liability', asset, abs(e)) AS lm;

-- ---------------------------------------------------------------------------
-- Sections 3 and 6: the valuation of every case, and whether it passes.
-- ---------------------------------------------------------------------------

CREATE VIEW reference.valuation AS
	-- computed once, used twice
	WITH collateral AS MATERIALIZED (TABLE reference.collateral),
	position AS MATERIALIZED (TABLE reference.position),
	asset_sum AS (
		SELECT case_id,
			   sum(collateral_value) AS collateral_value,
			   sum(liability) AS liabilities,
			   sum(net_asset_value) AS net_asset_value,
			   sum(initial_collateral_value) - sum(initial_liability) AS initial_equity,
			   sum(maintenance_margin) AS liability_maintenance
		FROM collateral
		GROUP BY case_id
	),
	contract_sum AS (
		SELECT case_id,
			   sum(pnl_usd) AS unrealized_pnl,
			   sum(maintenance_margin) AS maintenance,
			   sum(initial_margin_alone + order_margin) AS initial,
			   sum(order_margin) AS order_margin,
			   sum(order_loss) AS order_loss
		FROM position
		GROUP BY case_id
	),
	missing AS (
		SELECT case_id, array_agg(DISTINCT symbol COLLATE "C" ORDER BY symbol COLLATE "C") AS missing
		FROM (SELECT case_id, missing FROM collateral
			  UNION ALL
			  SELECT case_id, missing FROM position) AS part
		CROSS JOIN LATERAL unnest(part.missing) AS symbol
		GROUP BY case_id
	),
	threshold AS (
		SELECT market_id,
			   coalesce(max(margin_ratio) FILTER (WHERE level = 'warning'), 0.7) AS warning,
			   coalesce(max(margin_ratio) FILTER (WHERE level = 'margin_call'), 0.85) AS margin_call,
			   coalesce(max(margin_ratio) FILTER (WHERE level = 'liquidation'), 1) AS liquidation
		FROM reference.market
		LEFT JOIN reference.level_threshold USING (market_id)
		GROUP BY market_id
	),
	-- The sums; a case without assets or without contracts has sums of 0.
	part AS (
		SELECT case_id,
			   coalesce(collateral_value, 0) AS collateral_value,				-- 3.4
			   coalesce(liabilities, 0) AS liabilities,
			   coalesce(net_asset_value, 0) AS net_asset_value,
			   coalesce(unrealized_pnl, 0) AS unrealized_pnl,
			   coalesce(initial_equity, 0) AS initial_equity,
			   coalesce(maintenance, 0) AS maintenance,
			   coalesce(initial, 0) AS initial,
			   coalesce(liability_maintenance, 0) AS liability_maintenance,
			   coalesce(order_margin, 0) AS order_margin,						-- 3.11
			   coalesce(order_loss, 0) AS order_loss,
			   missing, liability_rule, orders_reduce_equity, threshold.*
		FROM reference.account
		JOIN reference.market USING (market_id)
		JOIN threshold USING (market_id)
		LEFT JOIN asset_sum USING (case_id)
		LEFT JOIN contract_sum USING (case_id)
		LEFT JOIN missing USING (case_id)
	),
	total AS (
		SELECT *,
			   collateral_value - liabilities AS equity,						-- 3.4
			   CASE liability_rule												-- 3.6
			   WHEN 'sum' THEN maintenance + liability_maintenance
			   WHEN 'larger' THEN greatest(maintenance, liability_maintenance) END AS maintenance_margin,
			   CASE liability_rule												-- 3.7
			   WHEN 'sum' THEN initial + liability_maintenance
			   WHEN 'larger' THEN greatest(initial, liability_maintenance) END AS initial_margin,
			   collateral_value - liabilities									-- 3.10
			   - CASE orders_reduce_equity
				 WHEN 'nothing' THEN 0
				 WHEN 'loss' THEN order_loss
				 WHEN 'margin' THEN order_margin
				 WHEN 'both' THEN order_loss + order_margin END AS judged_equity
		FROM part
	),
	judged AS (
		SELECT *,
			   CASE WHEN missing IS NOT NULL THEN 'unpriced'					-- 3.10
					WHEN equity < 0 THEN 'bankrupt'
					WHEN maintenance_margin <= 0 THEN 'healthy'
					WHEN maintenance_margin >= liquidation * judged_equity THEN 'liquidation'
					WHEN maintenance_margin >= margin_call * judged_equity THEN 'margin_call'
					WHEN maintenance_margin >= warning * judged_equity THEN 'warning'
					ELSE 'healthy' END AS level
		FROM total
	),
	-- Where anything is missing every amount is NULL.
	amount AS (
		SELECT case_id, level, missing, priced.*
		FROM judged
		LEFT JOIN LATERAL (
			SELECT equity, collateral_value, liabilities, net_asset_value,
				   net_asset_value - equity AS haircut,							-- 3.4
				   unrealized_pnl, initial_margin, maintenance_margin,
				   initial_equity - initial_margin - order_loss AS available_margin,	-- 3.8
				   greatest(0, maintenance_margin - equity) AS shortfall,		-- 3.8
				   CASE WHEN judged_equity > 0									-- 3.9
						THEN reference.quotient_rounded(maintenance_margin, judged_equity)
				   END AS margin_ratio,
				   initial_equity, order_margin, order_loss, judged_equity
			WHERE missing IS NULL) AS priced ON true
	)
	SELECT case_id, equity, collateral_value, liabilities, net_asset_value, haircut,
		   unrealized_pnl, initial_margin, maintenance_margin, available_margin,
		   shortfall, margin_ratio, level, missing,
		   -- 3.10; an account that cannot be valued does not pass
		   coalesce(available_margin >= 0, false)
			   AND level NOT IN ('liquidation', 'bankrupt', 'unpriced') AS passes,
		   initial_equity, order_margin, order_loss, judged_equity
	FROM amount;

-- ---------------------------------------------------------------------------
-- The reference checked by hand: cases below 1000 in market 0, and in markets
-- below 0 those that need a rule of their own.  The rows stay, so that whatever
-- is compared with the reference also meets these examples.
-- ---------------------------------------------------------------------------

INSERT INTO reference.market VALUES (0);

INSERT INTO reference.asset VALUES
	(0, 'USDT', 1, 'quantity', 1, 1),
	(0, 'USDC', 1, 'value', 1, 1),
	(0, 'EXAMPLE', 1, 'quantity', 1, 1),
	(0, 'BTC', 60000, 'value', 1, 1),
	(0, 'LADDER', 1, 'quantity', 1, 1),
	(0, 'COUPON', 1, 'quantity', 1, 1),
	(0, 'EUR', 2, 'quantity', 1.25, 1.5),
	(0, 'JUNK', 3, 'quantity', 1, 1),
	(0, 'SILENT', NULL, 'quantity', 1, 1),
	(0, 'GREY', NULL, 'quantity', 1, 1),
	(0, 'DARK', NULL, 'quantity', 1, 1);

INSERT INTO reference.schedule (market_id, kind, symbol) VALUES
	(0, 'collateral', 'USDT'), (0, 'collateral', 'USDC'), (0, 'collateral', 'EXAMPLE'),
	(0, 'collateral', 'BTC'), (0, 'collateral', 'LADDER'), (0, 'collateral', 'COUPON'),
	(0, 'collateral', 'EUR'), (0, 'collateral', 'GREY'), (0, 'maintenance', 'MARGINAL');

INSERT INTO reference.schedule (market_id, kind, symbol, method) VALUES
	(0, 'liability', 'EUR', 'whole'),
	(0, 'maintenance', 'WHOLE', 'whole'), (0, 'maintenance', 'LARGER', 'whole'),
	(0, 'maintenance', 'NET', 'whole'), (0, 'maintenance', 'IN_EUR', 'whole'),
	(0, 'initial', 'WHOLE', 'whole'), (0, 'initial', 'LARGER', 'whole');

INSERT INTO reference.tier VALUES
	(0, 'collateral', 'USDT', 0, 1), (0, 'collateral', 'USDC', 0, 1),
	(0, 'collateral', 'EXAMPLE', 0, 0.9), (0, 'collateral', 'EXAMPLE', 1, 0.8),
	(0, 'collateral', 'BTC', 0, 0.975), (0, 'collateral', 'BTC', 100000, 0.97),
	(0, 'collateral', 'BTC', 500000, 0.965), (0, 'collateral', 'BTC', 1000000, 0.96),
	(0, 'collateral', 'LADDER', 0, 0.975), (0, 'collateral', 'LADDER', 1, 0.97),
	(0, 'collateral', 'LADDER', 5, 0.965), (0, 'collateral', 'LADDER', 10, 0.96),
	(0, 'collateral', 'LADDER', 50, 0.85), (0, 'collateral', 'LADDER', 100, 0),
	(0, 'collateral', 'COUPON', 0, 0.9801),
	(0, 'collateral', 'EUR', 0, 0.5), (0, 'collateral', 'GREY', 0, 1),
	(0, 'liability', 'EUR', 0, 0.01), (0, 'liability', 'EUR', 100, 0.02),
	(0, 'maintenance', 'MARGINAL', 0, 0.01), (0, 'maintenance', 'MARGINAL', 1000, 0.02),
	(0, 'maintenance', 'WHOLE', 0, 0.01), (0, 'maintenance', 'WHOLE', 1000, 0.02),
	(0, 'maintenance', 'LARGER', 0, 0.01), (0, 'maintenance', 'LARGER', 1000, 0.02),
	(0, 'maintenance', 'NET', 0, 0.01), (0, 'maintenance', 'NET', 1000, 0.02),
	(0, 'maintenance', 'IN_EUR', 0, 0.1),
	(0, 'initial', 'WHOLE', 0, 0.03), (0, 'initial', 'LARGER', 0, 0.03);

INSERT INTO reference.contract VALUES
	(0, 'MARGINAL', 'USDT', NULL, 0.5, 100, 'leg', 0),
	(0, 'WHOLE', 'USDT', NULL, 0.5, 100, 'leg', 0.001),
	(0, 'LARGER', 'USDT', NULL, 0.5, 100, 'larger', 0),
	(0, 'NET', 'USDT', NULL, 0.5, 100, 'net', 0.001),
	(0, 'IN_EUR', 'EUR', NULL, 1, 10, 'leg', 0),
	(0, 'NO_MARK', 'USDT', NULL, 1, NULL, 'leg', 0),
	(0, 'NO_SCHEDULE', 'DARK', NULL, 1, 1, 'leg', 0);

INSERT INTO reference.account
	SELECT case_id, 0, story
	FROM (VALUES
		(1, 'published: tiers 0: 0.90, 1: 0.80 turn 2 into 1.7'),
		(2, 'published: 10 BTC at 60,000 with USD tiers are worth 582,000'),
		(3, 'published: 200 * 0.9801 + 220'),
		(4, 'published BTC ladder, past its cap'),
		(5, 'marginal maintenance, both sides by themselves'),
		(6, 'whole maintenance, fee, initial schedule, leverage'),
		(7, 'larger side'),
		(8, 'net, margin quantity rounded up'),
		(9, 'liability with weight and maintenance'),
		(10, 'contract settled in a weighted asset, loss into the balance'),
		(11, 'missing symbols'),
		(12, 'assets that count nothing'),
		(13, 'nothing left after netting'),
		(14, 'liquidation exactly at ratio 1'),
		(15, 'margin call exactly at 0.85'),
		(16, 'warning exactly at 0.7'),
		(17, 'just above the warning'),
		(18, 'equity 0 with a requirement'),
		(19, 'equity 0 with nothing required'),
		(20, 'margin ratio at half of the last decimal')) AS told (case_id, story);

INSERT INTO reference.holding (case_id, symbol, quantity, entry_price, leverage) VALUES
	(1, 'EXAMPLE', 2, NULL, NULL),
	(2, 'BTC', 10, NULL, NULL),
	(3, 'COUPON', 200, NULL, NULL), (3, 'USDT', 220, NULL, NULL),
	(4, 'LADDER', 120, NULL, NULL),
	-- NL = 50 * 30 = 1500: 10 + 10 = 20; NS = 50 * 20 = 1000: 10; PnL = .5 * (100 * 10 - (2700 - 2200)) = 250
	(5, 'USDT', 1000, NULL, NULL), (5, 'MARGINAL', 30, 90, NULL), (5, 'MARGINAL', -20, 110, NULL),
	-- NL = 1000: .02 + .001: 21, I = 30, margin quantity 20 / 3 up: 6.666666666666666667 * 50 = 333.33333333333333335
	-- NS = 500: .01 + .001: 5.5, I = 15, no leverage
	(6, 'USDT', 1000, NULL, NULL), (6, 'WHOLE', 20, 100, 3), (6, 'WHOLE', -10, 100, NULL),
	-- NL = 500: 5, I = 15; NS = 1500: 30, I = 45, margin quantity 30 / 100 * 50 = 15
	(7, 'USDT', 1000, NULL, NULL), (7, 'LARGER', 10, 100, NULL), (7, 'LARGER', -30, 100, 100),
	-- N = 50 * 20 = 1000: 21; margin quantity of the long side 10 / 2 + 20 = 25, of the net 25 * 20 / 30 = 16.666666666666666667
	(8, 'USDT', 1000, NULL, NULL), (8, 'NET', 10, 100, 2), (8, 'NET', 20, 100, 1), (8, 'NET', -10, 100, 1),
	-- -100 EUR: 1.25 * 2 * 100 = 250; maintenance 2 * .02 * 100 = 4
	(9, 'USDT', 1000, NULL, NULL), (9, 'EUR', -60, NULL, NULL), (9, 'EUR', -40, NULL, NULL),
	-- PnL = 10 * -10 + 130 = 30 EUR - 20 EUR = 10: worth 2 * .5 * 10; maintenance 1.5 * 2 * .1 * 100 = 30
	(10, 'EUR', -20, NULL, NULL), (10, 'IN_EUR', -10, 13, NULL),
	-- DARK only by settling NO_SCHEDULE, with a profit of 0
	(11, 'GREY', 1, NULL, NULL), (11, 'SILENT', -1, NULL, NULL), (11, 'nowhere', 1, NULL, NULL),
	(11, 'Nothing', 1, 1, NULL), (11, 'NO_MARK', -1, 1, NULL), (11, 'NO_SCHEDULE', 1, 1, NULL), (11, 'Zero', 0, 1, NULL),
	(12, 'JUNK', 5, NULL, NULL), (12, 'SILENT', 5, NULL, NULL),
	(13, 'nowhere', 1.5, NULL, NULL), (13, 'nowhere', -1.50, NULL, NULL), (13, 'Nothing', 0, 1, 1),
	-- one NET lot of 2 at its mark: N = 100, requirement .011 * 100 = 1.1
	(14, 'NET', 2, 100, NULL), (14, 'USDT', 1.1, NULL, NULL),
	-- requirement 1.1 * .85 / 1.1
	(15, 'NET', -1.7, 100, NULL), (15, 'USDT', 1.1, NULL, NULL),
	(16, 'NET', -1.4, 100, NULL), (16, 'USDC', 1.1, NULL, NULL),
	(17, 'NET', -1.4, 100, NULL), (17, 'USDC', 1.100000000000000001, NULL, NULL),
	(18, 'NET', 2, 100, NULL),
	(19, 'USDT', 5, NULL, NULL), (19, 'USDC', -5, NULL, NULL),
	-- 1.1 / 563.2 = 1 / 512 = .001953125
	(20, 'NET', 2, 100, NULL), (20, 'USDT', 563.2, NULL, NULL);

CREATE TABLE reference.expected (LIKE reference.valuation);

-- Neither orders nor a price in doubt nor an initial measure of its own.
INSERT INTO reference.expected VALUES
	-- case, equity, collateral, liabilities, nav, haircut, pnl, initial, maintenance, available, shortfall, ratio, level
	(1, 1.7, 1.7, 0, 2, 0.3, 0, 0, 0, 1.7, 0, 0, 'healthy', NULL, true),
	(2, 582000, 582000, 0, 600000, 18000, 0, 0, 0, 582000, 0, 0, 'healthy', NULL, true),
	(3, 416.02, 416.02, 0, 420, 3.98, 0, 0, 0, 416.02, 0, 0, 'healthy', NULL, true),
	(4, 90.58, 90.58, 0, 120, 29.42, 0, 0, 0, 90.58, 0, 0, 'healthy', NULL, true),
	(5, 1250, 1250, 0, 1250, 0, 250, 30, 30, 1220, 0, 0.024, 'healthy', NULL, true),
	(6, 1000, 1000, 0, 1000, 0, 0, 348.33333333333333335, 26.5, 651.66666666666666665, 0, 0.0265, 'healthy', NULL, true),
	(7, 1000, 1000, 0, 1000, 0, 0, 45, 30, 955, 0, 0.03, 'healthy', NULL, true),
	(8, 1000, 1000, 0, 1000, 0, 0, 833.33333333333333335, 21, 166.66666666666666665, 0, 0.021, 'healthy', NULL, true),
	(9, 750, 1000, 250, 800, 50, 0, 4, 4, 746, 0, 0.00533333, 'healthy', NULL, true),
	(10, 10, 10, 0, 20, 10, 60, 30, 30, -20, 20, 3, 'liquidation', NULL, false),
	(11, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'unpriced',
		'{DARK,GREY,NO_MARK,NO_SCHEDULE,Nothing,SILENT,nowhere}', false),
	(12, 0, 0, 0, 15, 15, 0, 0, 0, 0, 0, NULL, 'healthy', NULL, true),
	(13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, 'healthy', NULL, true),
	(14, 1.1, 1.1, 0, 1.1, 0, 0, 1.1, 1.1, 0, 0, 1, 'liquidation', NULL, false),
	(15, 1.1, 1.1, 0, 1.1, 0, 0, 0.935, 0.935, 0.165, 0, 0.85, 'margin_call', NULL, true),
	(16, 1.1, 1.1, 0, 1.1, 0, 0, 0.77, 0.77, 0.33, 0, 0.7, 'warning', NULL, true),
	(17, 1.100000000000000001, 1.100000000000000001, 0, 1.100000000000000001, 0, 0,
		0.77, 0.77, 0.330000000000000001, 0, 0.7, 'healthy', NULL, true),
	(18, 0, 0, 0, 0, 0, 0, 1.1, 1.1, -1.1, 1.1, NULL, 'liquidation', NULL, false),
	(19, 0, 5, 5, 0, 0, 0, 0, 0, 0, 0, NULL, 'healthy', NULL, true),
	(20, 563.2, 563.2, 0, 563.2, 0, 0, 1.1, 1.1, 562.1, 0, 0.00195313, 'healthy', NULL, true);

UPDATE reference.expected
	SET initial_equity = equity, order_margin = 0, order_loss = 0, judged_equity = equity
	WHERE level <> 'unpriced';

-- What open orders, the initial measure, doubtful prices and rules add.

INSERT INTO reference.market VALUES
	(-1, 'loss', 'sum'), (-2, 'margin', 'sum'), (-3, 'both', 'sum'), (-4, 'nothing', 'larger');

INSERT INTO reference.asset VALUES
	(0, 'DOUBT', 10, 'quantity', 1.2, 2, 8, 12.5, 1.5),
	(0, 'DOUBT_USD', 10, 'value', 1, 1, 8, NULL, NULL);

INSERT INTO reference.asset (market_id, asset, price) VALUES
	(-1, 'USDT', 1), (-2, 'USDT', 1), (-3, 'USDT', 1), (-4, 'USDT', 1), (-2, 'FIFTH', 1), (-4, 'BTC', 100);

INSERT INTO reference.contract VALUES
	(0, 'O_LEG', 'USDT', NULL, 2, 10, 'leg', 0.001, 0.002, 'notional', false),
	(0, 'O_LARGER', 'USDT', NULL, 2, 10, 'larger', 0.001, 0.002, 'notional', false),
	(0, 'O_NET', 'USDT', NULL, 2, 10, 'net', 0.001, 0.002, 'notional', false),
	(0, 'KEPT_LEG', 'USDT', NULL, 2, 10, 'leg', 0.001, 0, 'notional', true),
	(0, 'KEPT_LARGER', 'USDT', NULL, 2, 10, 'larger', 0.001, 0, 'notional', true),
	(0, 'KEPT_NET', 'USDT', NULL, 2, 10, 'net', 0, 0, 'notional', true),
	(0, 'CONTRACTS_LEG', 'USDT', NULL, 2, 10, 'leg', 0.001, 0.002, 'contracts', false),
	(0, 'CONTRACTS_NET', 'USDT', NULL, 2, 10, 'net', 0, 0, 'contracts', true),
	(0, 'IN_DOUBT', 'DOUBT', NULL, 1, 2, 'leg', 0, 0.01, 'notional', false);

INSERT INTO reference.contract (market_id, contract, settle, contract_size, mark) VALUES
	(-1, 'TEN', 'USDT', 1, 10), (-2, 'TEN', 'USDT', 1, 10), (-3, 'TEN', 'USDT', 1, 10),
	(-2, 'AT_60', 'FIFTH', 1, 60), (-2, 'AT_100', 'FIFTH', 1, 100),
	(-2, 'AT_145', 'FIFTH', 1, 145), (-2, 'AT_200', 'FIFTH', 1, 200),
	(-4, 'AT_499', 'USDT', 1, 499), (-4, 'AT_500', 'USDT', 1, 500);

CREATE TEMPORARY TABLE schedule_text (market_id integer, kind text, symbol text COLLATE "C", method text, tiers text);

INSERT INTO schedule_text VALUES
	(0, 'collateral', 'DOUBT', 'marginal', '0 0.9, 10 0.5'),
	(0, 'initial_collateral', 'DOUBT', 'marginal', '0 0.5'),
	(0, 'liability', 'DOUBT', 'marginal', '0 0.1'),
	(0, 'collateral', 'DOUBT_USD', 'marginal', '0 1, 80 0.5'),
	(0, 'initial_collateral', 'DOUBT_USD', 'marginal', '0 0.8, 40 0.2'),
	(0, 'maintenance', 'O_LEG', 'whole', '0 0.01'), (0, 'initial', 'O_LEG', 'marginal', '0 0.05, 400 0.1'),
	(0, 'maintenance', 'O_LARGER', 'whole', '0 0.01'), (0, 'initial', 'O_LARGER', 'marginal', '0 0.05, 400 0.1'),
	(0, 'maintenance', 'O_NET', 'whole', '0 0.01'), (0, 'initial', 'O_NET', 'marginal', '0 0.05, 400 0.1'),
	(0, 'maintenance', 'KEPT_LEG', 'marginal', '0 0.01, 300 0.02'),
	(0, 'maintenance', 'KEPT_LARGER', 'marginal', '0 0.01, 300 0.02'),
	(0, 'maintenance', 'KEPT_NET', 'whole', '0 0.01, 150 0.02'),
	(0, 'maintenance', 'CONTRACTS_LEG', 'marginal', '0 0.01, 10 0.05'),
	(0, 'initial', 'CONTRACTS_LEG', 'whole', '0 0.02, 12 0.1'),
	(0, 'maintenance', 'CONTRACTS_NET', 'marginal', '0 0.01, 10 0.05'),
	(0, 'maintenance', 'IN_DOUBT', 'marginal', '0 0.1'),
	(-1, 'collateral', 'USDT', 'marginal', '0 1'), (-1, 'maintenance', 'TEN', 'marginal', '0 0.1'),
	(-2, 'collateral', 'USDT', 'marginal', '0 1'), (-2, 'maintenance', 'TEN', 'marginal', '0 0.1'),
	(-3, 'collateral', 'USDT', 'marginal', '0 1'), (-3, 'maintenance', 'TEN', 'marginal', '0 0.1'),
	(-2, 'collateral', 'FIFTH', 'marginal', '0 0.2'),
	(-2, 'maintenance', 'AT_60', 'marginal', '0 0.01'), (-2, 'initial', 'AT_60', 'marginal', '0 0, 100 0.5'),
	(-2, 'maintenance', 'AT_100', 'marginal', '0 0.01'), (-2, 'initial', 'AT_100', 'marginal', '0 0, 100 0.5'),
	(-2, 'maintenance', 'AT_145', 'marginal', '0 0.01'), (-2, 'initial', 'AT_145', 'marginal', '0 0, 100 0.5'),
	(-2, 'maintenance', 'AT_200', 'marginal', '0 0.01'), (-2, 'initial', 'AT_200', 'marginal', '0 0, 100 0.5'),
	(-4, 'collateral', 'USDT', 'marginal', '0 1, 1000 0'), (-4, 'liability', 'BTC', 'marginal', '0 0.9'),
	(-4, 'maintenance', 'AT_499', 'marginal', '0 0.1'), (-4, 'maintenance', 'AT_500', 'marginal', '0 0.1');

INSERT INTO reference.schedule
	SELECT market_id, kind, symbol, method FROM schedule_text;
INSERT INTO reference.tier
	SELECT market_id, kind, symbol, split_part(tier, ' ', 1)::numeric, split_part(tier, ' ', 2)::numeric
	FROM schedule_text
	CROSS JOIN LATERAL unnest(string_to_array(tiers, ', ')) AS tier;
DROP TABLE schedule_text;

INSERT INTO reference.account VALUES
	(21, 0, 'orders, each side by itself'),
	(22, 0, 'orders, the larger side'),
	(23, 0, 'orders beside a net position, all sells only close'),
	(24, 0, 'sells close a long and flip it'),
	(25, 0, 'buys close a short and flip it'),
	(26, 0, 'buys that exactly close a short'),
	(27, 0, 'net maintenance with orders'),
	(28, 0, 'maintenance with orders, each side by itself and the larger'),
	(29, 0, 'tiers by contracts'),
	(30, 0, 'tiers by contracts, net'),
	(31, 0, 'a doubtful price, owned'),
	(32, 0, 'a doubtful price, owed'),
	(33, 0, 'settled at a doubtful price, opening fee beside leverage'),
	(34, 0, 'nothing but an order'),
	(35, 0, 'orders that miss something'),
	(36, 0, 'equal prices are one'),
	(41, -1, 'equity less the loss of orders'),
	(42, -2, 'equity less the margin of orders'),
	(43, -3, 'equity less both'),
	(44, -3, 'nothing left of equity, nothing required'),
	(45, -3, 'bankrupt by equity'),
	(46, -2, 'safe at 60'),
	(47, -2, 'liquidation at 100'),
	(48, -2, 'liquidation at 145'),
	(49, -2, 'safe at 200'),
	(51, -4, 'the larger of two: positions, exactly at liquidation'),
	(52, -4, 'the larger of two: positions, just below'),
	(53, -4, 'the larger of two: debts, and positions with orders');

INSERT INTO reference.holding (case_id, symbol, quantity, entry_price, leverage, kind) VALUES
	-- values of buys 2 * (4 * 9 + 1 * 12) = 96, of sells 2 * (3 * 11 + 2 * 10) = 106; leverage amounts 2 * 2 * 9 = 36, 2 * (1 * 11 + 2 * 10) = 62
	-- long 200 + 96: I = 14.8, leverage 20 * 2 + 36 = 76, fee .592, maintenance 3.256; short: I = 5.3, leverage 62, fee .212
	-- without orders 200: I = 10, leverage 40, fee .4, maintenance 2.2; loss 2 * (1 * 2 + 2 * 2)
	(21, 'USDT', 1000, NULL, NULL, NULL), (21, 'O_LEG', 10, 10, 5, 'position'),
	(21, 'O_LEG', 4, 9, 2, 'order'), (21, 'O_LEG', 1, 12, NULL, 'order'),
	(21, 'O_LEG', -3, 11, 3, 'order'), (21, 'O_LEG', -2, 8, 1, 'order'),
	-- the same: max(76.592, 62.212), without orders 40.4
	(22, 'USDT', 1000, NULL, NULL, 'balance'), (22, 'O_LARGER', 10, 10, 5, NULL),
	(22, 'O_LARGER', 4, 9, 2, 'order'), (22, 'O_LARGER', 1, 12, NULL, 'order'),
	(22, 'O_LARGER', -3, 11, 3, 'order'), (22, 'O_LARGER', -2, 8, 1, 'order'),
	-- 6 long: 120, margin quantity 2 * 6 / 10 = 1.2: leverage 24, fee .24; sells of 5 leave nothing
	-- up 120 + 96: I = 10.8, leverage 24 + 36 = 60, fee .432
	(23, 'USDT', 1000, NULL, NULL, NULL), (23, 'O_NET', 10, 10, 5, NULL), (23, 'O_NET', -4, 10, 2, NULL),
	(23, 'O_NET', 4, 9, 2, 'order'), (23, 'O_NET', 1, 12, NULL, 'order'),
	(23, 'O_NET', -3, 11, 3, 'order'), (23, 'O_NET', -2, 8, 1, 'order'),
	-- 3 long: 60, leverage 12, fee .12.  Left out: 2 at 8, 1 at 11, so of 12 at 11 remain 11, worth 242, I = 12.1, fee .484;
	-- 12 / 7 up = 1.714285714285714286, * 11 / 12 up = 1.571428571428571429, * 22 = 34.571428571428571438; loss of all: 2 * 2 * 2
	(24, 'USDT', 1000, NULL, NULL, NULL), (24, 'O_NET', 3, 10, 5, NULL),
	(24, 'O_NET', -12, 11, 7, 'order'), (24, 'O_NET', -2, 8, 1, 'order'),
	-- 5 short: 100, I = 5, fee .2.  Left out: 2 at 12, 3 at 9, so remain 1 at 9 and 3 at 7, worth 60, fee .12;
	-- 4 / 3 up = 1.333333333333333334, * 1 / 4 up = .333333333333333334, * 18 + 14 * 3 = 48.000000000000000012; loss 2 * 2 * 2
	(25, 'USDT', 1000, NULL, NULL, NULL), (25, 'O_NET', -5, 10, NULL, NULL),
	(25, 'O_NET', 2, 12, 1, 'order'), (25, 'O_NET', 4, 9, 3, 'order'), (25, 'O_NET', 3, 7, 1, 'order'),
	-- 5 short: leverage 10, fee .2; the orders cost nothing
	(26, 'USDT', 1000, NULL, NULL, NULL), (26, 'O_NET', -5, 10, 10, NULL),
	(26, 'O_NET', 3, 10, 1, 'order'), (26, 'O_NET', 2, 9.5, 1, 'order'),
	-- up 60 + 110: .02 * 170 = 3.4; of 20 sold remain 17 at 10: 340, 6.8, leverage 20 * (5 * 17 / 20) = 85; without orders .6
	-- loss 2 * (5 * 1 + 20 * 1)
	(27, 'USDT', 1000, NULL, NULL, NULL), (27, 'KEPT_NET', 3, 10, NULL, NULL),
	(27, 'KEPT_NET', 5, 11, NULL, 'order'), (27, 'KEPT_NET', -20, 9, 4, 'order'),
	-- long 200 + 240: 3 + 2.8 + .44 = 6.24; short 80: .8 + .08; without orders 2.2; loss 2 * (10 * 2 + 4 * 1), twice
	(28, 'USDT', 1000, NULL, NULL, NULL), (28, 'KEPT_LEG', 10, 10, NULL, NULL), (28, 'KEPT_LARGER', 10, 10, NULL, NULL),
	(28, 'KEPT_LEG', 10, 12, NULL, 'order'), (28, 'KEPT_LEG', -4, 9, NULL, 'order'),
	(28, 'KEPT_LARGER', 10, 12, NULL, 'order'), (28, 'KEPT_LARGER', -4, 9, NULL, 'order'),
	-- long 12 for 160 + 72: I = 20 * 1.2 = 24, fee .464; short 11 for 440: I = 20 * .22 = 4.4, fee .88, T = 20 * .15 = 3, fee .44
	-- without orders 8 for 160: I = 20 * .16 = 3.2, fee .32; T = 20 * .08 = 1.6, fee .16
	(29, 'USDT', 1000, NULL, NULL, NULL), (29, 'CONTRACTS_LEG', 8, 10, NULL, NULL),
	(29, 'CONTRACTS_LEG', 4, 9, NULL, 'order'), (29, 'CONTRACTS_LEG', -11, 20, NULL, 'order'),
	-- up 12: 20 * .2 = 4; down 30 - 12 = 18: 20 * .5 = 10; loss 2 * 30 * 5
	(30, 'USDT', 1000, NULL, NULL, NULL), (30, 'CONTRACTS_NET', 14, 10, NULL, NULL), (30, 'CONTRACTS_NET', -2, 10, NULL, NULL),
	(30, 'CONTRACTS_NET', -30, 5, NULL, 'order'),
	-- 8 * (9 + 2.5) = 92, at first 8 * 7.5 = 60; 120 USD: 80 + 20 = 100, at first 32 + 16 = 48
	(31, 'DOUBT', 15, NULL, NULL, NULL), (31, 'DOUBT_USD', 15, NULL, NULL, NULL),
	-- 1.2 * 12.5 * 4 = 60, at first 1.5 * 50 = 75; maintenance 12.5 * .4
	(32, 'USDT', 1000, NULL, NULL, NULL), (32, 'DOUBT', -4, NULL, NULL, NULL),
	-- PnL 10: 8 * 9, at first 8 * 5; 20: T = 2, fee .2; 35: T = 3.5, leverage 3 * 1.25 = 3.75, fee .35; all times 2 * 12.5; loss 12.5 * 5
	(33, 'IN_DOUBT', 10, 1, NULL, NULL), (33, 'IN_DOUBT', 5, 3, 4, 'order'),
	-- 20 * .333333333333333334, fee .04
	(34, 'USDT', 1, NULL, NULL, NULL), (34, 'O_LEG', 1, 10, 3, 'order'),
	(35, 'USDT', 1, NULL, NULL, NULL), (35, 'Nothing', 1, 1, NULL, 'order'), (35, 'NO_MARK', -1, 1, NULL, 'order'),
	(35, 'NO_SCHEDULE', -1, 1, 1, 'order'), (35, 'Zero', 0, 1, NULL, 'order'),
	-- 20 * .666666666666666668, fee .12
	(36, 'USDT', 1000, NULL, NULL, NULL), (36, 'O_LEG', 1, 10, 3, 'order'), (36, 'O_LEG', 1, 10.0, 3, 'order'), (36, 'O_LEG', 1, 10.00, NULL, 'order'),
	-- 50: 5; 50 + 48: 9.8; loss 4 * 2
	(41, 'USDT', 10, NULL, NULL, NULL), (41, 'TEN', 5, 10, NULL, NULL), (41, 'TEN', 4, 12, NULL, 'order'),
	(42, 'USDT', 10, NULL, NULL, NULL), (42, 'TEN', 5, 10, NULL, NULL), (42, 'TEN', 4, 12, NULL, 'order'),
	(43, 'USDT', 10, NULL, NULL, NULL), (43, 'TEN', 5, 10, NULL, NULL), (43, 'TEN', 4, 12, NULL, 'order'),
	(44, 'USDT', 1, NULL, NULL, NULL), (44, 'TEN', 4, 12, NULL, 'order'),
	(45, 'USDT', -1, NULL, NULL, NULL), (45, 'TEN', 5, 10, NULL, NULL), (45, 'TEN', 4, 12, NULL, 'order'),
	-- .2 * (10 + mark); I of what is above 100 of mark + 60, without orders of mark
	(46, 'FIFTH', 60, NULL, NULL, NULL), (46, 'AT_60', 1, 50, NULL, NULL), (46, 'AT_60', 1, 60, NULL, 'order'),
	(47, 'FIFTH', 60, NULL, NULL, NULL), (47, 'AT_100', 1, 50, NULL, NULL), (47, 'AT_100', 1, 60, NULL, 'order'),
	(48, 'FIFTH', 60, NULL, NULL, NULL), (48, 'AT_145', 1, 50, NULL, NULL), (48, 'AT_145', 1, 60, NULL, 'order'),
	(49, 'FIFTH', 60, NULL, NULL, NULL), (49, 'AT_200', 1, 50, NULL, NULL), (49, 'AT_200', 1, 60, NULL, 'order'),
	-- debts 500 * .9 = 450
	(51, 'USDT', 2000, NULL, NULL, NULL), (51, 'BTC', -5, NULL, NULL, NULL), (51, 'AT_500', 10, 500, NULL, NULL),
	(52, 'USDT', 2000, NULL, NULL, NULL), (52, 'BTC', -5, NULL, NULL, NULL), (52, 'AT_499', 10, 499, NULL, NULL),
	(53, 'USDT', 2000, NULL, NULL, NULL), (53, 'BTC', -5, NULL, NULL, NULL), (53, 'AT_500', 5, 500, NULL, NULL),
	(53, 'AT_500', 10, 500, NULL, 'order');

INSERT INTO reference.expected VALUES
	-- as above, then: passes, initial equity, order margin, order loss, judged equity
	(21, 1000, 1000, 0, 1000, 0, 0, 138.804, 2.2, 849.196, 0, 0.0022, 'healthy', NULL, true, 1000, 98.404, 12, 1000),
	(22, 1000, 1000, 0, 1000, 0, 0, 76.592, 2.2, 911.408, 0, 0.0022, 'healthy', NULL, true, 1000, 36.192, 12, 1000),
	(23, 1000, 1000, 0, 1000, 0, 0, 60.432, 1.32, 927.568, 0, 0.00132, 'healthy', NULL, true, 1000, 36.192, 12, 1000),
	(24, 1000, 1000, 0, 1000, 0, 0, 35.055428571428571438, 0.66, 956.944571428571428562, 0, 0.00066, 'healthy', NULL, true,
		1000, 22.935428571428571438, 8, 1000),
	(25, 1000, 1000, 0, 1000, 0, 0, 48.120000000000000012, 1.1, 943.879999999999999988, 0, 0.0011, 'healthy', NULL, true,
		1000, 42.920000000000000012, 8, 1000),
	(26, 1000, 1000, 0, 1000, 0, 0, 10.2, 1.1, 989.8, 0, 0.0011, 'healthy', NULL, true, 1000, 0, 0, 1000),
	(27, 1000, 1000, 0, 1000, 0, 0, 85, 6.8, 865, 0, 0.0068, 'healthy', NULL, true, 1000, 84.4, 50, 1000),
	(28, 1000, 1000, 0, 1000, 0, 0, 13.36, 13.36, 890.64, 0, 0.01336, 'healthy', NULL, true, 1000, 8.96, 96, 1000),
	(29, 1000, 1000, 0, 1000, 0, 0, 29.744, 1.76, 970.256, 0, 0.00176, 'healthy', NULL, true, 1000, 26.224, 0, 1000),
	(30, 1000, 1000, 0, 1000, 0, 0, 10, 10, 690, 0, 0.01, 'healthy', NULL, true, 1000, 6, 300, 1000),
	(31, 192, 192, 0, 300, 108, 0, 0, 0, 108, 0, 0, 'healthy', NULL, true, 108, 0, 0, 192),
	(32, 940, 1000, 60, 960, 20, 0, 5, 5, 920, 0, 0.00531915, 'healthy', NULL, true, 925, 0, 0, 940),
	(33, 72, 72, 0, 100, 28, 100, 102.5, 50, -125, 0, 0.69444444, 'healthy', NULL, false, 40, 52.5, 62.5, 72),
	(34, 1, 1, 0, 1, 0, 0, 6.70666666666666668, 0, -5.70666666666666668, 0, 0, 'healthy', NULL, false, 1, 6.70666666666666668, 0, 1),
	(35, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'unpriced',
		'{DARK,NO_MARK,NO_SCHEDULE,Nothing}', false, NULL, NULL, NULL, NULL),
	(36, 1000, 1000, 0, 1000, 0, 0, 13.45333333333333336, 0, 986.54666666666666664, 0, 0, 'healthy', NULL, true,
		1000, 13.45333333333333336, 0, 1000),
	(41, 10, 10, 0, 10, 0, 0, 9.8, 5, -7.8, 0, 2.5, 'liquidation', NULL, false, 10, 4.8, 8, 2),
	(42, 10, 10, 0, 10, 0, 0, 9.8, 5, -7.8, 0, 0.96153846, 'margin_call', NULL, false, 10, 4.8, 8, 5.2),
	(43, 10, 10, 0, 10, 0, 0, 9.8, 5, -7.8, 0, NULL, 'liquidation', NULL, false, 10, 4.8, 8, -2.8),
	(44, 1, 1, 0, 1, 0, 0, 4.8, 0, -11.8, 0, NULL, 'healthy', NULL, false, 1, 4.8, 8, -11.8),
	(45, -1, 0, 1, -1, 0, 0, 9.8, 5, -18.8, 6, NULL, 'bankrupt', NULL, false, -1, 4.8, 8, -13.8),
	(46, 14, 14, 0, 70, 56, 10, 10, 0.6, 4, 0, 0.13043478, 'healthy', NULL, true, 14, 9.4, 0, 4.6),
	(47, 22, 22, 0, 110, 88, 50, 30, 1, -8, 0, NULL, 'liquidation', NULL, false, 22, 29, 0, -7),
	(48, 31, 31, 0, 155, 124, 95, 52.5, 1.45, -21.5, 0, 1.45, 'liquidation', NULL, false, 31, 30, 0, 1),
	(49, 42, 42, 0, 210, 168, 150, 80, 2, -38, 0, 0.16666667, 'healthy', NULL, false, 42, 30, 0, 12),
	(51, 500, 1000, 500, 1500, 1000, 0, 500, 500, 0, 0, 1, 'liquidation', NULL, false, 500, 0, 0, 500),
	(52, 500, 1000, 500, 1500, 1000, 0, 499, 499, 1, 0, 0.998, 'margin_call', NULL, true, 500, 0, 0, 500),
	(53, 500, 1000, 500, 1500, 1000, 0, 750, 450, -250, 0, 0.9, 'margin_call', NULL, false, 500, 500, 0, 500);

DO $$
DECLARE
	wrong record;
BEGIN
	FOR wrong IN
		SELECT case_id, row_to_json(expected) AS expected, row_to_json(valuation) AS computed
		FROM reference.expected
		FULL JOIN reference.valuation USING (case_id)
		WHERE expected IS DISTINCT FROM valuation
	LOOP
		RAISE EXCEPTION 'the reference contradicts the example worked by hand for case %', wrong.case_id
			USING DETAIL = format('expected %s, computed %s', wrong.expected, wrong.computed);
	END LOOP;
END
$$;
