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
-- Section 2: markets.  An absent price, mark or name is NULL; an absent
-- schedule has no row in reference.schedule; an absent level has no row.
-- ---------------------------------------------------------------------------

CREATE TABLE reference.market (
	market_id integer PRIMARY KEY
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
	PRIMARY KEY (market_id, asset)
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
	PRIMARY KEY (market_id, contract)
);

-- One row per schedule.  collateral: R, liability: LM, maintenance: T, initial: I.
CREATE TABLE reference.schedule (
	market_id integer NOT NULL REFERENCES reference.market,
	kind text NOT NULL CHECK (kind IN ('collateral', 'liability', 'maintenance', 'initial')),
	symbol text COLLATE "C" NOT NULL,
	method text NOT NULL DEFAULT 'marginal' CHECK (method IN ('marginal', 'whole')),
	PRIMARY KEY (market_id, kind, symbol),
	CHECK (kind <> 'collateral' OR method = 'marginal')
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
-- Section 1: holdings.  A case is one account looked at in one market.
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
	CHECK (entry_price IS NOT NULL OR leverage IS NULL)
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
	WHERE entry_price IS NULL
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
	WHERE entry_price IS NOT NULL AND quantity <> 0
	GROUP BY case_id, market_id, contract, side;

-- One row per contract with a side; the contract's terms are NULL where the
-- market does not know it.
CREATE VIEW reference.exposure AS
	SELECT netted.*,
		   terms.contract IS NOT NULL AS known,
		   terms.settle, terms.contract_size, terms.mark, terms.netting, terms.closing_fee,
		   settlement.asset IS NOT NULL AS settle_known,
		   settlement.price AS settle_price, settlement.requirement_weight
	FROM (SELECT case_id, market_id, contract,
				 coalesce(sum(quantity) FILTER (WHERE side = 'long'), 0) AS l,
				 coalesce(sum(quantity) FILTER (WHERE side = 'short'), 0) AS s,
				 coalesce(sum(cost) FILTER (WHERE side = 'long'), 0) AS kl,
				 coalesce(sum(cost) FILTER (WHERE side = 'short'), 0) AS ks,
				 coalesce(sum(margin_quantity) FILTER (WHERE side = 'long'), 0) AS ml,
				 coalesce(sum(margin_quantity) FILTER (WHERE side = 'short'), 0) AS ms
		  FROM reference.side
		  GROUP BY case_id, market_id, contract) AS netted
	LEFT JOIN reference.contract AS terms USING (market_id, contract)
	LEFT JOIN reference.asset AS settlement
		   ON settlement.market_id = netted.market_id AND settlement.asset = terms.settle;

-- ---------------------------------------------------------------------------
-- Section 3, contract by contract.
-- ---------------------------------------------------------------------------

CREATE VIEW reference.position AS
	WITH notional AS (
		SELECT *,
			   contract_size * (mark * (l - s) - (kl - ks)) AS pnl,				-- 3.1
			   contract_size * mark * l AS nl,								-- 3.5
			   contract_size * mark * s AS ns
		FROM reference.exposure
	),
	-- The notionals that are margined, each with its margin quantity: both
	-- sides by themselves, or what is left of them (3.5, 3.7).
	margined AS (
		SELECT notional.*, leg.*
		FROM notional
		CROSS JOIN LATERAL (
			SELECT nl AS n, ml AS m WHERE netting IN ('leg', 'larger')
			UNION ALL
			SELECT ns, ms WHERE netting IN ('leg', 'larger')
			UNION ALL
			SELECT abs(nl - ns),
				   CASE WHEN l = s THEN 0
						WHEN l > s THEN reference.quotient_rounded_up(ml * (l - s), l)
						ELSE reference.quotient_rounded_up(ms * (s - l), s) END
			WHERE netting = 'net'
		) AS leg
	),
	required AS (
		SELECT case_id, contract, netting, n,
			   t.amount + closing_fee * n AS req,								-- 3.5
			   greatest(coalesce(i.amount, 0),									-- 3.7
						contract_size * mark * m,
						t.amount + closing_fee * n) AS initial
		FROM margined
		CROSS JOIN LATERAL reference.apply(market_id, 'maintenance', contract, n) AS t
		CROSS JOIN LATERAL reference.apply(market_id, 'initial', contract, n) AS i
	),
	requirement AS (
		SELECT case_id, contract,
			   CASE netting
			   WHEN 'leg' THEN sum(req)
			   WHEN 'larger' THEN (array_agg(req ORDER BY n DESC))[1]
			   WHEN 'net' THEN sum(req) END AS maintenance,
			   CASE netting
			   WHEN 'leg' THEN sum(initial)
			   WHEN 'larger' THEN max(initial)
			   WHEN 'net' THEN sum(initial) END AS initial
		FROM required
		GROUP BY case_id, contract, netting
	)
	SELECT case_id, market_id, contract, settle, l AS long, s AS short, mark,
		   nl AS long_notional, ns AS short_notional, pnl,
		   settle_price * pnl AS pnl_usd,								-- 3.4
		   requirement_weight * settle_price * maintenance AS maintenance_margin,	-- 3.6
		   requirement_weight * settle_price * initial AS initial_margin,		-- 3.7
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
	LEFT JOIN requirement USING (case_id, contract);

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
			   terms.liability_weight,
			   EXISTS (SELECT FROM reference.schedule
					   WHERE schedule.market_id = equity.market_id
						 AND schedule.kind = 'collateral'
						 AND schedule.symbol = equity.asset) AS has_tiers
		FROM equity
		LEFT JOIN reference.asset AS terms USING (market_id, asset)
	)
	SELECT case_id, market_id, asset, balance, pnl, e AS asset_equity, price,
		   coalesce(price * e, 0) AS net_asset_value,							-- 3.4
		   -- 3.3; no tiers: 0, and neither of the two schedules below is there
		   CASE WHEN e < 0 OR NOT has_tiers THEN 0
				WHEN tier_unit = 'quantity' THEN price * r_of_quantity.amount
				WHEN tier_unit = 'value' THEN r_of_value.amount END AS collateral_value,
		   CASE WHEN e < 0 THEN - (liability_weight * price * e) ELSE 0 END AS liability,
		   -- 3.6, its second sum; no schedule: 0
		   CASE WHEN e < 0 THEN price * coalesce(lm.amount, 0) ELSE 0 END AS maintenance_margin,
		   -- Section 3, "Missing", the part about assets.
		   ARRAY(SELECT asset
				 WHERE e <> 0
				   AND (NOT known OR price IS NULL AND (has_tiers OR e < 0))) AS missing
	FROM accepted
	CROSS JOIN LATERAL reference.apply(market_id, 'collateral', asset, e) AS r_of_quantity
	CROSS JOIN LATERAL reference.apply(market_id, 'collateral', asset, price * e) AS r_of_value
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
			   sum(maintenance_margin) AS liability_maintenance
		FROM collateral
		GROUP BY case_id
	),
	contract_sum AS (
		SELECT case_id,
			   sum(pnl_usd) AS unrealized_pnl,
			   sum(maintenance_margin) AS maintenance,
			   sum(initial_margin) AS initial
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
	total AS (
		SELECT case_id,
			   coalesce(collateral_value, 0) AS collateral_value,				-- 3.4
			   coalesce(liabilities, 0) AS liabilities,
			   coalesce(collateral_value, 0) - coalesce(liabilities, 0) AS equity,
			   coalesce(net_asset_value, 0) AS net_asset_value,
			   coalesce(unrealized_pnl, 0) AS unrealized_pnl,
			   coalesce(maintenance, 0) + coalesce(liability_maintenance, 0)
				   AS maintenance_margin,										-- 3.6
			   coalesce(initial, 0) + coalesce(liability_maintenance, 0)
				   AS initial_margin,											-- 3.7
			   missing, threshold.*
		FROM reference.account
		JOIN threshold USING (market_id)
		LEFT JOIN asset_sum USING (case_id)
		LEFT JOIN contract_sum USING (case_id)
		LEFT JOIN missing USING (case_id)
	),
	judged AS (
		SELECT *,
			   CASE WHEN missing IS NOT NULL THEN 'unpriced'					-- 3.10
					WHEN equity < 0 THEN 'bankrupt'
					WHEN maintenance_margin <= 0 THEN 'healthy'
					WHEN maintenance_margin >= liquidation * equity THEN 'liquidation'
					WHEN maintenance_margin >= margin_call * equity THEN 'margin_call'
					WHEN maintenance_margin >= warning * equity THEN 'warning'
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
				   equity - initial_margin AS available_margin,					-- 3.8
				   greatest(0, maintenance_margin - equity) AS shortfall,		-- 3.8
				   CASE WHEN equity > 0											-- 3.9
						THEN reference.quotient_rounded(maintenance_margin, equity)
				   END AS margin_ratio
			WHERE missing IS NULL) AS priced ON true
	)
	SELECT case_id, equity, collateral_value, liabilities, net_asset_value, haircut,
		   unrealized_pnl, initial_margin, maintenance_margin, available_margin,
		   shortfall, margin_ratio, level, missing,
		   -- 3.10; an account that cannot be valued does not pass
		   coalesce(available_margin >= 0, false)
			   AND level NOT IN ('liquidation', 'bankrupt', 'unpriced') AS passes
	FROM amount;

-- ---------------------------------------------------------------------------
-- The reference checked by hand: market 0, cases 1 to 20.  The rows stay, so
-- that whatever is compared with the reference also meets these examples.
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
