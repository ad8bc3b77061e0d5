-- whatif: what an account would hold after a deposit, a withdrawal, a trade
SET search_path = public, margin;

\set market '''{"assets": {"USDT": {"price": 1, "tiers": "{0: 1}"}}, "contracts": {"C": {"settle": "USDT", "size": 0.1, "mark": 100, "maintenance": "{0: 0.01}"}, "D": {"settle": "GONE", "size": 1}}}''::market'

-- a holding is what the aggregate makes of its row
SELECT holding('USDT', 10), holding('USDT', -10.50), holding('USDT', 0), holding('C', 3, 100), holding('C', -3, 100, 7);
SELECT holding('USDT', 10) + holding('USDT', -4) + holding('C', 3, 100, 2) + holding('C', -1, 90) AS together;
SELECT holding('C', 2, 0) AS free_lot, holding('C', 0, 10, 2) AS no_lot;
SELECT holding(NULL, 1);
SELECT holding('USDT', NULL);
SELECT holding('USDT', 'NaN');
SELECT holding('USDT', 1, NULL, 2);
SELECT holding('C', 1, -1);
SELECT holding('C', 1, 1, 0);
SELECT holding('', 1);

-- from nothing: a lot, and one of either side
SELECT trade('{}', :market, 'C', 10, 100), trade('{}', :market, 'C', -10, 100, 3);
-- more of the same side
SELECT trade(holding('C', 10, 100, 5), :market, 'C', 5, 130, 2);
-- a part is closed at the average entry, 110: .1 * 5 * (130 - 110) = 10; .1 * 5 * (110 - 130) = -10
SELECT trade(holding('C', 5, 100, 5) + holding('C', 5, 120), :market, 'C', -5, 130) AS long,
       trade(holding('C', -5, 100, 5) + holding('C', -5, 120), :market, 'C', 5, 130) AS short;
-- all of it: nothing is left of the position
SELECT trade(holding('C', 3, 100, 7), :market, 'C', -3, 90), trade(holding('C', -3, 100, 7), :market, 'C', 3, 100);
-- more than all of it: the rest is opened
SELECT trade(holding('C', 3, 100, 7), :market, 'C', -5, 90, 3);
-- a hedged account: the opposite side alone is closed
SELECT trade(holding('C', 3, 100) + holding('C', -4, 110), :market, 'C', 2, 105) AS bought,
       trade(holding('C', 3, 100) + holding('C', -4, 110), :market, 'C', -2, 105) AS sold;
-- other holdings stay, the settlement balance takes profit and loss
SELECT trade(holding('USDT', 1) + holding('BTC', 2) + holding('C', 3, 100) + holding('D', 1, 1), :market, 'C', -3, 90);
SELECT trade(holding('USDT', 3) + holding('C', 3, 100), :market, 'C', -3, 90) AS balance_used_up;
-- nothing traded
SELECT trade(holding('C', 3, 100), :market, 'C', 0, 90, 2) = holding('C', 3, 100) AS unchanged;

-- Thirds.  The cost 10 of 3 contracts: 3.333333333333333334 goes with one of a
-- long side, 3.333333333333333333 with one of a short side, so that neither
-- realizes a digit too much; the margin quantity that stays is rounded up.
SELECT trade(portfolio, :market, 'C', -1, 10) FROM (VALUES ('{"positions": {"C": {"long": 3, "long_cost": 10, "long_margin": 1}}}'::portfolio)) AS v (portfolio);
SELECT trade(portfolio, :market, 'C', 1, 10) FROM (VALUES ('{"positions": {"C": {"short": 3, "short_cost": 10, "short_margin": 1}}}'::portfolio)) AS v (portfolio);
-- a cost below the last decimal that is rounded to goes whole with the first part, or stays
SELECT trade('{"positions": {"C": {"long": 3, "long_cost": 1e-20}}}', :market, 'C', -1, 10) AS long,
       trade('{"positions": {"C": {"short": 3, "short_cost": 1e-20}}}', :market, 'C', 1, 10) AS short;
-- closed in parts: what is realized in all is what closing it at once realizes
SELECT trade(trade(trade(p, :market, 'C', -1, 10), :market, 'C', -1, 10), :market, 'C', -1, 10) = trade(p, :market, 'C', -3, 10) AS same
  FROM (VALUES ('{"positions": {"C": {"long": 3, "long_cost": 10, "long_margin": 1}}}'::portfolio)) AS v (p);

-- traded at mark the account is worth what it was
SELECT before, evaluate(trade(p, :market, 'C', quantity, 100), :market) AS after
  FROM (VALUES (holding('USDT', 100) + holding('C', 3, 97) + holding('C', -7, 101.3))) AS v (p),
       LATERAL evaluate(p, :market) AS before, (VALUES (-2), (2), (-5), (10)) AS t (quantity);

-- neither mark nor price of the settlement asset is needed
SELECT trade(holding('D', 2, 5), :market, 'D', -2, 7);

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
