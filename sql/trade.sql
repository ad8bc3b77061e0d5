-- trade: what an account would hold after a deposit, a withdrawal, a trade
SET search_path = public, margin;

\set market '''{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "contract_size": 0.1, "mark": 100, "maintenance": "{0: 0.01}"}, "D": {"settle": "GONE", "contract_size": 1}}}''::market'

-- a holding is what the aggregate makes of its row
SELECT portfolio_of('USDT', 10), portfolio_of('USDT', -10.50), portfolio_of('USDT', 0), portfolio_of('C', 3, 100), portfolio_of('C', -3, 100, 7);
SELECT portfolio_of('USDT', 10) + portfolio_of('USDT', -4) + portfolio_of('C', 3, 100, 2) + portfolio_of('C', -1, 90) AS together;
SELECT portfolio_of('C', 2, 0) AS free_lot, portfolio_of('C', 0, 10, 2) AS no_lot;
SELECT portfolio_of(NULL, 1);
SELECT portfolio_of('USDT', NULL);
SELECT portfolio_of('USDT', 'NaN');
SELECT portfolio_of('USDT', 1, NULL, 2);
SELECT portfolio_of('C', 1, -1);
SELECT portfolio_of('C', 1, 1, 0);
SELECT portfolio_of('', 1);

-- from nothing: a lot, and one of either side
SELECT trade('{}', :market, 'C', 10, 100), trade('{}', :market, 'C', -10, 100, 3);
-- more of the same side
SELECT trade(portfolio_of('C', 10, 100, 5), :market, 'C', 5, 130, 2);
-- a part is closed at the average entry, 110: .1 * 5 * (130 - 110) = 10; .1 * 5 * (110 - 130) = -10
SELECT trade(portfolio_of('C', 5, 100, 5) + portfolio_of('C', 5, 120), :market, 'C', -5, 130) AS long,
       trade(portfolio_of('C', -5, 100, 5) + portfolio_of('C', -5, 120), :market, 'C', 5, 130) AS short;
-- all of it: nothing is left of the position
SELECT trade(portfolio_of('C', 3, 100, 7), :market, 'C', -3, 90), trade(portfolio_of('C', -3, 100, 7), :market, 'C', 3, 100);
-- more than all of it: the rest is opened
SELECT trade(portfolio_of('C', 3, 100, 7), :market, 'C', -5, 90, 3);
-- a hedged account: the opposite side alone is closed
SELECT trade(portfolio_of('C', 3, 100) + portfolio_of('C', -4, 110), :market, 'C', 2, 105) AS bought,
       trade(portfolio_of('C', 3, 100) + portfolio_of('C', -4, 110), :market, 'C', -2, 105) AS sold;
-- other holdings stay, the settlement balance takes profit and loss
SELECT trade(portfolio_of('USDT', 1) + portfolio_of('BTC', 2) + portfolio_of('C', 3, 100) + portfolio_of('D', 1, 1), :market, 'C', -3, 90);
SELECT trade(portfolio_of('USDT', 3) + portfolio_of('C', 3, 100), :market, 'C', -3, 90) AS balance_used_up;
-- nothing traded
SELECT trade(portfolio_of('C', 3, 100), :market, 'C', 0, 90, 2) = portfolio_of('C', 3, 100) AS unchanged;

-- Thirds.  The cost 10 of 3 contracts: 3.333333333333333334 goes with one of a
-- long side, 3.333333333333333333 with one of a short side, so that neither
-- realizes a digit too much; the margin quantity that stays is rounded up.
SELECT trade(portfolio, :market, 'C', -1, 10) FROM (VALUES ('{"positions": {"C": {"long": 3, "long_cost": 10, "long_margin": 1}}}'::portfolio)) AS v (portfolio);
SELECT trade(portfolio, :market, 'C', 1, 10) FROM (VALUES ('{"positions": {"C": {"short": 3, "short_cost": 10, "short_margin": 1}}}'::portfolio)) AS v (portfolio);
-- a cost below the last decimal that is rounded to goes whole with the first part, or stays
SELECT trade('{"positions": {"C": {"long": 3, "long_cost": 1e-20}}}', :market, 'C', -1, 10) AS long,
       trade('{"positions": {"C": {"short": 3, "short_cost": 1e-20}}}', :market, 'C', 1, 10) AS short;
-- Costs of more than 18 decimals: what goes is rounded all the same, up to
-- 3.333333333333333334 and down to 3.333333333333333333, so that the profit is
-- at most the exact one; what stays keeps the further decimals.
SELECT trade('{"positions": {"C": {"long": 3, "long_cost": 10.0000000000000000005}}}', :market, 'C', -1, 10) AS long,
       trade('{"positions": {"C": {"short": 3, "short_cost": 10.0000000000000000005}}}', :market, 'C', 1, 10) AS short;
SELECT count(*) AS profit_created
  FROM generate_series(1, 200) AS i,
       LATERAL (SELECT 10 + i * 0.00000000000000000013 AS cost, 7 + i * 0.00000000000000000000017 AS held, 0.1 * (i % 7 + 1) AS part) AS c,
       LATERAL (SELECT trade(format('{"positions": {"C": {"long": %s, "long_cost": %s}}}', held, cost)::portfolio, :market, 'C', -part, 10)::text::jsonb AS long,
                       trade(format('{"positions": {"C": {"short": %s, "short_cost": %s}}}', held, cost)::portfolio, :market, 'C', part, 10)::text::jsonb AS short) AS t
 WHERE (0.1 * 10 * part - (long #>> '{balances,USDT}')::numeric) * 10 * held < cost * part
    OR ((short #>> '{balances,USDT}')::numeric + 0.1 * 10 * part) * 10 * held > cost * part
    OR (0.1 * 10 * part - (long #>> '{balances,USDT}')::numeric) * 10 + (long #>> '{positions,C,long_cost}')::numeric <> cost
    OR ((short #>> '{balances,USDT}')::numeric + 0.1 * 10 * part) * 10 + (short #>> '{positions,C,short_cost}')::numeric <> cost;
-- closed in parts: what is realized in all is what closing it at once realizes
SELECT trade(trade(trade(p, :market, 'C', -1, 10), :market, 'C', -1, 10), :market, 'C', -1, 10) = trade(p, :market, 'C', -3, 10) AS same
  FROM (VALUES ('{"positions": {"C": {"long": 3, "long_cost": 10, "long_margin": 1}}}'::portfolio)) AS v (p);

-- traded at mark the account is worth what it was
SELECT before, evaluate(trade(p, :market, 'C', quantity, 100), :market) AS after
  FROM (VALUES (portfolio_of('USDT', 100) + portfolio_of('C', 3, 97) + portfolio_of('C', -7, 101.3))) AS v (p),
       LATERAL evaluate(p, :market) AS before, (VALUES (-2), (2), (-5), (10)) AS t (quantity);

-- open orders: written by their kind; a trade leaves them as they are, also where nothing else is left of the contract
SELECT portfolio_of('C', 3, 100, 7, 'order'), portfolio_of('C', -3, 100, NULL, 'order'), portfolio_of('C', 3, 100, 7, 'position'), portfolio_of('C', 3, NULL, NULL, 'balance');
SELECT portfolio_of('C', 3, NULL, NULL, 'order');
SELECT portfolio_of('C', 3, 0, NULL, 'order');
SELECT trade(portfolio_of('C', 3, 100) + portfolio_of('C', 2, 90, 4, 'order') + portfolio_of('C', -5, 110, NULL, 'order'), :market, 'C', -3, 90);
SELECT trade(portfolio_of('C', 2, 90, 4, 'order'), :market, 'C', 1, 90, 4);

-- neither mark nor price of the settlement asset is needed
SELECT trade(portfolio_of('D', 2, 5), :market, 'D', -2, 7);

-- null for null, but for the leverage
SELECT trade(NULL, :market, 'C', 1, 1) IS NULL AND trade('{}', NULL, 'C', 1, 1) IS NULL AND trade('{}', :market, NULL, 1, 1) IS NULL
   AND trade('{}', :market, 'C', NULL, 1) IS NULL AND trade('{}', :market, 'C', 1, NULL) IS NULL AS all_null;
-- refused
SELECT trade('{}', :market, 'c', 1, 1);
SELECT trade('{}', :market, '', 1, 1);
SELECT trade('{}', :market, 'C', 'infinity', 1);
SELECT trade('{}', :market, 'C', 1, 'NaN');
SELECT trade('{}', :market, 'C', 1, -1);
SELECT trade('{}', :market, 'C', 1, 1, 0);
SELECT trade('{}', :market, 'C', 0, 1, -2);
SELECT trade('{"positions": {"C": {"long": 1, "long_cost": 1}}}', :market, 'C', -1, ('1e-' || 1000)::numeric);
RESET search_path;
