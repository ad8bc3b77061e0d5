-- What to do about an account: repayment_plan() and reduction_plan().
-- The numbers are worked out in the comments.

SET search_path = margin, public;

-- ---------------------------------------------------------------------------
-- Repayment plan
-- ---------------------------------------------------------------------------

-- USDT and USDC count whole; BTC at 0.9, above 1 at 0.8; ETH at 0.95 up to 10,000 USD and at 0.6 above;
-- MEME is no collateral; DUST is worth next to nothing
CREATE TEMP TABLE m AS SELECT $${
  "assets": {
    "USDT": {"price": 1, "tiers": "{0: 1}"},
    "USDC": {"price": 1, "tiers": "{0: 1}"},
    "COIN": {"price": 2, "tiers": "{0: 1}"},
    "BTC":  {"price": 60000, "tiers": "{0: 0.9, 1: 0.8}"},
    "ETH":  {"price": 3000, "tiers": "{0: 0.95, 10000: 0.6}", "tier_unit": "value"},
    "MEME": {"price": 0.5},
    "LOST": {},
    "DUST": {"price": 0.00000000000000000001, "tiers": "{0: 1}"}
  },
  "contracts": {
    "BTC_USDT": {"settle": "USDT", "contract_size": 0.001, "mark": 60000, "maintenance": "{0: 0.005}"},
    "ETH_ETH":  {"settle": "ETH", "contract_size": 1, "mark": 1, "maintenance": "{0: 0}"},
    "X_USDC":   {"settle": "USDC", "contract_size": 1, "mark": 1, "maintenance": "{0: 0.6}"}
  }}$$::margin.market AS m;

-- the published rule: a debt of 1,000 USDT in a coin of discount 90 % takes 1,000 / 0.9 = 1,111.11 worth of it,
-- here 555.55... coins at 2; rounded up at the 18th decimal
SELECT c.* FROM m, repayment_plan('{"balances": {"USDT": -1000, "COIN": 1000}}', m, '{"(COIN,,0.9,,)"}') AS c;

-- all that the coin has is not enough: 300 * 2 * 0.9 = 540 repaid, 460 left
SELECT step, outcome, funding_asset, paid, repaid, remaining_debt, remaining_due, level
  FROM m, repayment_plan('{"balances": {"USDT": -1000, "COIN": 300}}', m, '{"(COIN,,0.9,,)"}');
-- 0.1 * 0.7 / 3000 = 0.0000233333... repaid, rounded down
SELECT step, outcome, funding_asset, paid, repaid, remaining_due
  FROM m, repayment_plan('{"balances": {"ETH": -1, "COIN": 0.05}}', m, '{"(COIN,,0.7,,)"}');

-- the largest debt in USD first: ETH 6,000, then USDC and USDT 5,000 each in byte order
SELECT step, outcome, debt_asset, funding_asset, paid, repaid, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -5000, "USDC": -5000, "ETH": -2, "BTC": 0.25}}', m);

-- by marginal ratio: USDC 1; BTC 0.9 below 1, so before ETH, whose 90,000 USD stand at 0.6
SELECT step, funding_asset, paid, repaid FROM m, repayment_plan('{"balances": {"USDT": -80000, "USDC": 100, "BTC": 0.9, "ETH": 30}}', m);
-- 1 BTC stands in the tier that begins there: 0.8; 3 ETH at 0.95 come first
SELECT step, funding_asset, paid, repaid FROM m, repayment_plan('{"balances": {"USDT": -10000, "BTC": 1, "ETH": 3}}', m);
-- by rank, equal ranks in byte order, then those without
SELECT step, funding_asset, paid, repaid
  FROM m, repayment_plan('{"balances": {"USDT": -99000, "USDC": 100, "BTC": 0.5, "ETH": 2, "COIN": 1000}}', m,
                     '{"(ETH,1,,,)", "(COIN,1,,,)", "(BTC,-2,,,)"}');

-- pro rata: 1 over three equal assets; the last one bears the remainder of the division
SELECT step, funding_asset, paid, repaid, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -1, "USDC": 30, "COIN": 15, "BTC": 0.0005}}', m, NULL, 'pro_rata');
-- in proportion to what each can repay: USDC 300, COIN 200 * 2 * 0.25 = 100, so each gives a quarter of what it has
SELECT step, funding_asset, paid, repaid
  FROM m, repayment_plan('{"balances": {"USDT": -100, "USDC": 300, "COIN": 200}}', m, '{"(COIN,,0.25,,)"}', 'pro_rata');
-- those with a rank pay first, the others share the rest: 60 over 100 and 100 * 2
SELECT step, funding_asset, paid, repaid
  FROM m, repayment_plan('{"balances": {"USDT": -100, "USDC": 100, "COIN": 100, "BTC": 0.00066666}}', m, '{"(BTC,7,,,)"}', 'pro_rata');

-- unrealized gains cannot pay: 100 of the 1,000 USDC equity is balance
SELECT step, outcome, funding_asset, paid, repaid, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -500, "USDC": 100}, "positions": {"X_USDC": {"long": 1000, "long_cost": 100}}}', m);
-- a balance of 100 with a loss of 60 gives 40; with a loss of 160 it is a debt itself
SELECT step, outcome, debt_asset, funding_asset, paid, repaid, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -500, "USDC": 100}, "positions": {"X_USDC": {"long": 1000, "long_cost": 1060}}}', m);
SELECT step, outcome, debt_asset, funding_asset, paid, repaid, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -50, "USDC": 100}, "positions": {"X_USDC": {"long": 1000, "long_cost": 1160}}}', m);
-- a loss is a debt also where there is no balance, and a balance below 0 that gains lift above 0 is none
SELECT step, outcome, debt_asset, funding_asset, paid, repaid, remaining_debt
  FROM m, repayment_plan('{"balances": {"COIN": 100}, "positions": {"X_USDC": {"long": 10, "long_cost": 60}}}', m);
SELECT count(*) FROM m, repayment_plan('{"balances": {"COIN": 100, "USDC": -50}, "positions": {"X_USDC": {"long": 100, "long_cost": 10}}}', m);

-- a threshold: strictly above it, down to 1000 * (1 - 0.2)
SELECT step, outcome, paid, repaid, remaining_debt, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -1000, "COIN": 1000}}', m, '{"(USDT,,,1000,0.2)"}');
SELECT step, outcome, paid, repaid, remaining_debt, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -1000.01, "COIN": 1000}}', m, '{"(USDT,,,1000,0.2)"}');
-- without a ratio it is repaid whole; with a ratio of 0 down to the threshold; the residue is what is due, not the debt
SELECT step, outcome, paid, repaid, remaining_debt, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -1500, "COIN": 1000}}', m, '{"(USDT,,,1000,)"}');
SELECT step, outcome, paid, repaid, remaining_debt, remaining_due
  FROM m, repayment_plan('{"balances": {"USDT": -1500, "COIN": 200}}', m, '{"(USDT,,,1000,0)"}');

-- skipped: COIN at half its price would lower equity from 900 to 800, and 600 / 800 is a warning
SELECT step, outcome, funding_asset, paid, repaid, remaining_debt, remaining_due, level
  FROM m, repayment_plan('{"balances": {"USDT": -100, "COIN": 500}, "positions": {"X_USDC": {"long": 1000, "long_cost": 1000}}}', m,
                     '{"(COIN,,0.5,,)"}');
SELECT step, outcome, funding_asset, paid, repaid, remaining_debt, remaining_due, level
  FROM m, repayment_plan('{"balances": {"USDT": -100, "COIN": 500}, "positions": {"X_USDC": {"long": 1000, "long_cost": 1000}}}', m,
                     '{"(COIN,,0.5,,)"}', forced => true);
-- another asset takes over, whether it stands behind or, pro rata, before: USDC pays 1000 / 1380, and what USDT
-- would have paid, since losing half of that, 27.5, makes 1152 / 1632.5 a warning
SELECT step, outcome, funding_asset, paid, repaid, remaining_due, level
  FROM m, repayment_plan('{"balances": {"USDT": -100, "COIN": 450, "USDC": 100}, "positions": {"X_USDC": {"long": 1000, "long_cost": 1000}}}', m,
                     '{"(COIN,1,0.5,,)"}');
SELECT step, outcome, funding_asset, paid, repaid, remaining_due, level
  FROM m, repayment_plan('{"balances": {"USDC": 1000, "COIN": -50, "USDT": 760}, "positions": {"X_USDC": {"long": 1920, "long_cost": 1920}}}', m,
                     '{"(USDT,,0.5,,)"}', 'pro_rata');

-- an asset that is not collateral pays only if a rule names it; a discount of 0 means never
SELECT step, outcome, funding_asset, paid, repaid FROM m, repayment_plan('{"balances": {"USDT": -100, "MEME": 500}}', m);
SELECT step, outcome, funding_asset, paid, repaid FROM m, repayment_plan('{"balances": {"USDT": -100, "MEME": 500}}', m, '{"(MEME,,,,)"}');
SELECT step, outcome, funding_asset, paid, repaid FROM m, repayment_plan('{"balances": {"USDT": -100, "COIN": 500}}', m, '{"(COIN,,0,,)"}');
-- all of it is worth less than the smallest repayment
SELECT step, outcome, funding_asset, paid, repaid, remaining_due FROM m, repayment_plan('{"balances": {"BTC": -1, "DUST": 1}}', m);

-- nothing due, nothing held, nothing known
SELECT count(*) FROM m, repayment_plan('{"balances": {"USDT": 100}}', m);
SELECT count(*) FROM m, repayment_plan('{}', m);
SELECT count(*) FROM m, repayment_plan(NULL, m);
SELECT count(*) FROM repayment_plan('{"balances": {"USDT": -100}}', NULL);
SELECT * FROM m, repayment_plan('{"balances": {"USDT": -100, "COIN": 500, "NONE": 1}}', m) AS c WHERE m IS NOT NULL \gset plan_
SELECT :'plan_step' AS step, :'plan_outcome' AS outcome, :'plan_level' AS level;
SELECT outcome FROM m, repayment_plan('{"balances": {"LOST": -1, "COIN": 500}}', m);
-- an asset that counts for nothing and has no price cannot pay
SELECT outcome, funding_asset FROM m, repayment_plan('{"balances": {"LOST": 1, "USDT": -500}}', m, '{"(LOST,,,,)"}');
-- nulls mean the defaults
SELECT step, outcome, funding_asset, paid FROM m, repayment_plan('{"balances": {"USDT": -100, "COIN": 500}}', m, NULL, NULL, NULL);

-- refused
SELECT FROM m, repayment_plan('{}', m, '{"(COIN,,0.9,,)", "(COIN,,0.8,,)"}');
SELECT FROM m, repayment_plan('{}', m, '{"(,,0.9,,)"}');
SELECT FROM m, repayment_plan('{}', m, '{NULL}');
SELECT FROM m, repayment_plan('{}', m, '{"(COIN,,1.1,,)"}');
SELECT FROM m, repayment_plan('{}', m, '{"(COIN,,-0.1,,)"}');
SELECT FROM m, repayment_plan('{}', m, '{"(COIN,,NaN,,)"}');
SELECT FROM m, repayment_plan('{}', m, '{"(COIN,,,-1,)"}');
SELECT FROM m, repayment_plan('{}', m, '{"(COIN,,,1,2)"}');

-- over many accounts in one query; carried out, the plan leaves what it says
WITH account (id, p) AS (
    VALUES (1, portfolio '{"balances": {"USDT": -1000, "COIN": 300, "ETH": 0.2}}'),
           (2, '{"balances": {"USDT": -1000, "BTC": 1}}'),
           (3, '{"balances": {"USDT": 5}}')
), step AS (
    SELECT id, c.* FROM m, account, LATERAL repayment_plan(p, m) AS c
), after AS (
    SELECT id, p + (SELECT portfolio(asset, quantity) FROM step, LATERAL (VALUES (funding_asset, -paid), (debt_asset, repaid)) AS e (asset, quantity)
                     WHERE step.id = account.id AND outcome = 'converted') AS p
      FROM account WHERE id IN (SELECT id FROM step)
)
SELECT id, after.p, liabilities(after.p, m) AS owed,
       (SELECT sum(remaining_due * debt_price) FROM step WHERE step.id = after.id AND outcome = 'unpaid') AS unpaid
  FROM after, m ORDER BY id;

-- many assets and debts, in either order: each row's level is that of the account after it
WITH RECURSIVE many (m) AS (
    SELECT market(array_agg(ROW('A' || i, 1 + i % 7 + i * 0.01, '{0: 0.9, 40: 0.5}', CASE WHEN i % 5 = 0 THEN 'value' END,
                                1 + (i % 3) * 0.1, NULL, CASE WHEN i % 4 = 0 THEN '{0: 0.1, 5: 0.3}' END, NULL, NULL, NULL, NULL)::asset_terms), NULL)
      FROM generate_series(1, 60) AS i
), rule (rules) AS (
    SELECT array_agg(ROW('A' || i, nullif(i % 4, 0), 1 - (i % 3) * 0.2, NULL, NULL)::repayment_rule) FROM generate_series(1, 60, 2) AS i
), account (n, o, p) AS (
    SELECT n, o, (SELECT portfolio('A' || i, CASE WHEN i % 3 = 0 THEN -20 ELSE 3 + n END + i * 0.001) FROM generate_series(1, 60) AS i)
      FROM generate_series(6, 10, 4) AS n, (VALUES ('ratio'::funding_order), ('pro_rata')) AS o (o)
), step AS MATERIALIZED (
    SELECT n, o, s.* FROM many, rule, account, LATERAL repayment_plan(p, m, rules, o) AS s
), carried (n, o, step, outcome, level, p) AS (
    SELECT n, o, 0, NULL::repayment_outcome, NULL::level, p FROM account
    UNION ALL
    SELECT c.n, c.o, s.step, s.outcome, s.level,
           c.p + CASE WHEN s.outcome = 'converted' THEN portfolio_of(s.funding_asset, -s.paid) + portfolio_of(s.debt_asset, s.repaid) ELSE '{}' END
      FROM carried AS c JOIN step AS s ON s.n = c.n AND s.o = c.o AND s.step = c.step + 1
)
SELECT o, count(*) FILTER (WHERE outcome = 'converted') AS converted, count(*) FILTER (WHERE outcome = 'skipped') AS skipped,
       count(*) FILTER (WHERE outcome = 'unpaid') AS unpaid, count(DISTINCT c.level) AS levels,
       count(*) FILTER (WHERE outcome <> 'skipped' AND c.level <> level(p, m)) AS wrong
  FROM carried AS c, many GROUP BY o ORDER BY o;

-- ---------------------------------------------------------------------------
-- Reduction plan
-- ---------------------------------------------------------------------------

-- A contract of size 0.001 at 60,000: a notional of 60 each
CREATE TEMP TABLE r AS SELECT $${
  "assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}, "BTC": {"price": 60000, "tiers": "{0: 0.9}"}, "X": {"price": 2, "tiers": "{0: 1}"},
             "HEAVY": {"price": 1, "tiers": "{0: 1}", "liability_weight": 30}},
  "contracts": {
    "A": {"settle": "USDT", "contract_size": 0.001, "mark": 60000, "maintenance": "{0: 0.005, 30000: 0.01, 60000: 0.02}", "closing_fee": 0.0005},
    "B": {"settle": "USDT", "contract_size": 0.001, "mark": 60000, "maintenance": "{0: 0.005, 30000: 0.01, 60000: 0.02}", "closing_fee": 0.0005},
    "L": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "{0: 0.1}", "netting": "larger"},
    "N": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "{0: 0.1}", "netting": "net"},
    "W": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.1, 1000: 0.2, 2000: 0.5}"},
    "H": {"settle": "HEAVY", "contract_size": 1, "mark": 10, "maintenance": "{0: 0.02}", "closing_fee": 0.001}
  }}$$::margin.market AS m;

-- Maintenance of 1,500: 90,000 notional, 150 + 300 + 600 + 45 = 1,095; equity 1,000.
-- A notional x less lowers it by 0.0205 x and equity by 0.0005 x: 1095 - 1000 = 0.02 x, so more than 4,750, 79.1666... contracts
SELECT s.* FROM r, reduction_plan('{"balances": {"USDT": 1000}, "positions": {"A": {"long": 1500, "long_cost": 90000000}}}', m) AS s;
-- in whole contracts
SELECT step, outcome, quantity, maintenance_after, equity_after, level
  FROM r, reduction_plan('{"balances": {"USDT": 1000}, "positions": {"A": {"long": 1500, "long_cost": 90000000}}}', m, 1);
-- Equity 400: the tier above 60,000 goes whole (500 contracts: 615 and 15 less), after that 480 against 385; x > 95 / 0.01 = 9,500
SELECT step, outcome, quantity, notional, fee, maintenance_before, maintenance_after, equity_before, equity_after, level
  FROM r, reduction_plan('{"balances": {"USDT": 400}, "positions": {"A": {"long": 1500, "long_cost": 90000000}}}', m);
-- A short that gained: it was opened at 61,000, 1.5 BTC of it gained 1,500, 500 of which are in the wallet as debt
SELECT step, outcome, side, quantity, realized_pnl, fee, equity_before, equity_after, level
  FROM r, reduction_plan('{"balances": {"USDT": -500}, "positions": {"A": {"short": 1500, "short_cost": 91500000}}}', m);
-- an average entry that does not divide: 350 / 30 a piece, so 10 cost 116.66..., rounded against the profit;
-- 30 is due of 300, and equity is 75 - 50
SELECT step, outcome, quantity, realized_pnl, equity_before, equity_after
  FROM r, reduction_plan('{"balances": {"USDT": 75}, "positions": {"W": {"long": 30, "long_cost": 350}}}', m, 10);

-- Matched legs first: 600 against 600 of A (36,000 each side, so its upper tier first: 6,000 is 100 contracts),
-- although B alone would relieve more
SELECT step, outcome, contract, side, quantity, notional, fee, maintenance_after, equity_after, level
  FROM r, reduction_plan('{"balances": {"USDT": 1000}, "positions": {"A": {"long": 600, "long_cost": 36000000, "short": 600, "short_cost": 36000000},
                                                                   "B": {"long": 1500, "long_cost": 90000000}}}', m);
-- sides that offset each other need nothing, so matching them does not help: the excess goes
SELECT step, outcome, contract, side, quantity, maintenance_after, level
  FROM r, reduction_plan('{"balances": {"USDT": 50}, "positions": {"N": {"long": 100, "long_cost": 1000, "short": 40, "short_cost": 400}}}', m, 1);
-- where the larger side counts, matching lowers it
SELECT step, outcome, contract, side, quantity, maintenance_after, level
  FROM r, reduction_plan('{"balances": {"USDT": 50}, "positions": {"L": {"long": 100, "long_cost": 1000, "short": 40, "short_cost": 400}}}', m, 1);
SELECT step, outcome, contract, side, quantity, maintenance_after, level
  FROM r, reduction_plan('{"balances": {"USDT": 65}, "positions": {"L": {"long": 100, "long_cost": 1000, "short": 10, "short_cost": 100}}}', m, 1);

-- the largest relief first: the tiers above 60,000, 30,000 * 0.0205 = 615; those above 30,000, 315; the rest, 165;
-- equal ones in byte order; the last one no more than needed, 165 - 0.0055 x < 25 - 0.0005 x
SELECT step, outcome, contract, side, quantity, maintenance_before - maintenance_after AS relief
  FROM r, reduction_plan('{"balances": {"USDT": 100}, "positions": {"A": {"long": 1500, "long_cost": 90000000}, "B": {"short": 1500, "short_cost": 90000000}}}', m);

-- a whole schedule: 250 contracts are 2,500 at 0.5, 1,250; 200 would still be, 199 need 398
SELECT step, outcome, quantity, maintenance_before, maintenance_after
  FROM r, reduction_plan('{"balances": {"USDT": 190}, "positions": {"W": {"long": 250, "long_cost": 2500}}}', m, 1);

-- more than a lot divides: all of it goes
SELECT step, outcome, quantity, maintenance_after, level
  FROM r, reduction_plan('{"balances": {"USDT": -1}, "positions": {"W": {"long": 2.75, "long_cost": 27.5}}}', m, 2);
-- A fee of 0.001 costs 30 times that once the asset is owed, more than the 0.021 that it relieves: 5 of balance pay
-- for closing 5,000, the rest stays
SELECT step, outcome, quantity, fee, maintenance_before, maintenance_after, equity_after, level
  FROM r, reduction_plan('{"balances": {"HEAVY": 5}, "positions": {"H": {"long": 800, "long_cost": 8000}}}', m, 1);
-- a debt that no closing repays
SELECT step, outcome, quantity, maintenance_before, maintenance_after, equity_before, equity_after, level
  FROM r, reduction_plan('{"balances": {"USDT": -100}, "positions": {"W": {"long": 10, "long_cost": 100}}}', m);
SELECT step, outcome, maintenance_before, maintenance_after, equity_before, equity_after, level
  FROM r, reduction_plan('{"balances": {"USDT": -100}}', m);

-- Orders are cancelled first, by contract, all of them. 99 of W need 99, 10 of O 10; with its order O keeps 30 (its leg of 300 at 0.1), and 20 of equity are the
-- order's: 129 against 110. Without it 109 against 130
CREATE TEMP TABLE o AS SELECT $${"rules": {"orders_reduce_equity": "margin"},
  "assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}},
  "contracts": {"O": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "{0: 0.1}", "order_maintenance": true},
                "W": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.1, 1000: 0.2}"},
                "Q": {"settle": "USDT", "contract_size": 1, "mark": 10, "maintenance": "whole {0: 0.1, 70: 0.2}", "tier_unit": "contracts"}}}$$::margin.market AS m;
SELECT s.* FROM o, reduction_plan('{"balances": {"USDT": 130}, "positions": {"O": {"long": 10, "long_cost": 100}, "W": {"long": 99, "long_cost": 990}}, "orders": {"O": {"buy": {"10": [20, 0]}}}}', m, 1) AS s;
-- whatever it gains, be it nothing; not of who is not undercollateralized
SELECT step, outcome, contract, quantity, notional, maintenance_after, equity_after, judged_equity_after, gain, level
  FROM o, reduction_plan('{"balances": {"USDT": 90}, "positions": {"W": {"long": 99, "long_cost": 990}}, "orders": {"W": {"sell": {"10": [20, 0], "9": [1, 0]}, "buy": {"1": [5, 0]}}, "O": {"buy": {"10": [2, 0]}}}}', m, 1);
SELECT step, outcome, contract, quantity, judged_equity_after, gain
  FROM o, reduction_plan('{"balances": {"USDT": 90}, "positions": {"W": {"long": 99, "long_cost": 990}}, "orders": {"W": {"buy": {"1": [5, 0]}}}}', jsonb_set(m::text::jsonb, '{rules,orders_reduce_equity}', '"loss"')::text::market, 1);
SELECT count(*) FROM o, reduction_plan('{"balances": {"USDT": 9000}, "orders": {"W": {"sell": {"10": [80, 0]}}}}', m, 1);
-- tiers by contracts: 80 require 160; below 70, in lots of 1, 69
SELECT step, outcome, contract, quantity, maintenance_after, gain, level
  FROM o, reduction_plan('{"balances": {"USDT": 75}, "positions": {"Q": {"long": 80, "long_cost": 800}}}', m, 1);
-- a debt is repaid with orders standing, at index prices; a conversion that would worsen the level, by the equity that is judged, is skipped
SELECT ordered, outcome, debt_price, funding_price, paid, repaid, level
  FROM (VALUES (10), (72)) AS v (ordered),
       LATERAL repayment_plan(portfolio_of('USDT', -100) + portfolio_of('COIN', 100) + portfolio_of('C', ordered, 10, NULL, 'order'),
       '{"rules": {"orders_reduce_equity": "both"}, "assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}, "COIN": {"price": 2, "low": 1.9, "high": 2.5, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 0.1, "mark": 10, "maintenance": "{0: 0.5}", "order_maintenance": true}}}',
       '{"(COIN,,0.9,,)"}');

-- nothing to do, nothing held, nothing known
SELECT count(*) FROM r, reduction_plan('{"balances": {"USDT": 10000}, "positions": {"W": {"long": 10, "long_cost": 100}}}', m);
SELECT count(*) FROM r, reduction_plan('{}', m);
SELECT count(*) FROM r, reduction_plan(NULL, m);
SELECT step, outcome, level, maintenance_before FROM r, reduction_plan('{"balances": {"NONE": 1}, "positions": {"W": {"long": 10, "long_cost": 100}}}', m);
SELECT step, outcome, level FROM r, reduction_plan('{"positions": {"NONE": {"long": 10, "long_cost": 100}}}', m);
SELECT FROM r, reduction_plan('{}', m, 0);
SELECT FROM r, reduction_plan('{}', m, -1);
SELECT FROM r, reduction_plan('{}', m, 'NaN');

-- over many accounts in one query; traded as it says, less fees, each stands where the plan says
WITH RECURSIVE account (id, p) AS (
    VALUES (1, portfolio '{"balances": {"USDT": 400}, "positions": {"A": {"long": 1500, "long_cost": 90000001}}}'),
           (2, '{"balances": {"USDT": 400, "BTC": 0.01}, "positions": {"A": {"long": 700, "long_cost": 42000000, "short": 600, "short_cost": 36000000}, "B": {"short": 1500, "short_cost": 90000007}}}'),
           (3, '{"balances": {"USDT": 1000}}')
), step AS (
    SELECT id, s.* FROM r, account, LATERAL reduction_plan(p, m) AS s
), carried AS (
    SELECT id, 0 AS step, p FROM account
    UNION ALL
    SELECT c.id, s.step,
           CASE WHEN s.side IS NULL
                THEN trade(trade(c.p, m, s.contract, -s.quantity, s.price), m, s.contract, s.quantity, s.price)
                ELSE trade(c.p, m, s.contract, CASE s.side WHEN 'long' THEN -s.quantity ELSE s.quantity END, s.price) END
           - portfolio_of('USDT', s.fee)
      FROM r, carried AS c JOIN step AS s ON s.id = c.id AND s.step = c.step + 1 AND s.outcome = 'reduced'
)
SELECT id, s.step, s.outcome, s.contract, s.side, s.quantity, s.level,
       maintenance_margin(c.p, m) = s.maintenance_after AND equity(c.p, m) = s.equity_after AND level(c.p, m) = s.level AS as_claimed
  FROM r, step AS s LEFT JOIN carried AS c USING (id, step) ORDER BY id, s.step;
