-- views: every account of margin.balance and margin.position in the market of
-- margin.market().  They see what their reader may see.
--
-- The subquery in key order lets the planner merge both tables by their
-- primary keys and group what arrives sorted; it does not stand in the way of
-- "account_id = ...", which reaches both keys.

CREATE VIEW margin.holding WITH (security_invoker = true) AS
SELECT account_id, asset AS symbol, quantity, NULL::numeric AS entry_price, NULL::numeric AS leverage
  FROM margin.balance
UNION ALL
SELECT account_id, contract, quantity, entry_price, leverage
  FROM margin.position;
ALTER VIEW margin.holding OWNER TO @extowner@;
COMMENT ON VIEW margin.holding IS 'balances and positions as holdings, the rows that portfolio() takes';
COMMENT ON COLUMN margin.holding.account_id IS 'the account';
COMMENT ON COLUMN margin.holding.symbol IS 'symbol of the asset, or of the contract where there is an entry price';
COMMENT ON COLUMN margin.holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short';
COMMENT ON COLUMN margin.holding.entry_price IS 'of a position, settlement asset per unit of the underlying; null: a balance';
COMMENT ON COLUMN margin.holding.leverage IS 'chosen for a position; null: none, or a balance';

CREATE VIEW margin.account_margin WITH (security_invoker = true) AS
SELECT account_id,
       (v).equity, (v).collateral_value, (v).liabilities, (v).net_asset_value, (v).haircut, (v).unrealized_pnl,
       (v).initial_margin, (v).maintenance_margin, (v).available_margin, (v).shortfall, (v).margin_ratio,
       (v).level, (v).missing
  FROM (SELECT account_id,
               margin.evaluate(margin.portfolio(symbol, quantity, entry_price, leverage),
                               (SELECT margin.market())) AS v
          FROM (SELECT * FROM margin.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account;
ALTER VIEW margin.account_margin OWNER TO @extowner@;
COMMENT ON VIEW margin.account_margin IS 'the valuation of every account in the present market';

CREATE VIEW margin.undercollateralized WITH (security_invoker = true) AS
SELECT * FROM margin.account_margin WHERE level IN ('liquidation', 'bankrupt');
ALTER VIEW margin.undercollateralized OWNER TO @extowner@;
COMMENT ON VIEW margin.undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in margin.unpriced';

CREATE VIEW margin.unpriced WITH (security_invoker = true) AS
SELECT * FROM margin.account_margin WHERE level = 'unpriced';
ALTER VIEW margin.unpriced OWNER TO @extowner@;
COMMENT ON VIEW margin.unpriced IS 'accounts that cannot be valued, and what they lack';

-- Their columns are the fields of a valuation.
DO $do$
DECLARE
    field record;
BEGIN
    FOR field IN
        SELECT v.relname AS view, c.attname AS name, pg_catalog.col_description(f.attrelid, f.attnum) AS meaning
          FROM pg_catalog.pg_class AS v
          JOIN pg_catalog.pg_attribute AS c ON c.attrelid = v.oid
          LEFT JOIN pg_catalog.pg_attribute AS f ON f.attrelid = 'margin.valuation'::pg_catalog.regclass AND f.attname = c.attname
         WHERE v.oid IN ('margin.account_margin'::pg_catalog.regclass, 'margin.undercollateralized'::pg_catalog.regclass,
                         'margin.unpriced'::pg_catalog.regclass)
           AND c.attnum > 0
    LOOP
        EXECUTE pg_catalog.format('COMMENT ON COLUMN margin.%I.%I IS %L', field.view, field.name,
                                  coalesce(field.meaning, 'the account'));
    END LOOP;
END
$do$;

CREATE VIEW margin.account_collateral WITH (security_invoker = true) AS
SELECT account_id, c.*
  FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p
          FROM (SELECT * FROM margin.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account,
       LATERAL margin.collateral(p, (SELECT margin.market())) AS c;
ALTER VIEW margin.account_collateral OWNER TO @extowner@;
COMMENT ON VIEW margin.account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';
COMMENT ON COLUMN margin.account_collateral.account_id IS 'the account';
COMMENT ON COLUMN margin.account_collateral.asset IS 'an asset with a balance, or that positions settle in';
COMMENT ON COLUMN margin.account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';
COMMENT ON COLUMN margin.account_collateral.profit_and_loss IS 'of the positions settled in it, units of the asset';
COMMENT ON COLUMN margin.account_collateral.asset_equity IS 'balance + profit_and_loss, units of the asset';
COMMENT ON COLUMN margin.account_collateral.price IS 'index price, USD per unit; null: none';
COMMENT ON COLUMN margin.account_collateral.net_asset_value IS 'asset_equity at index price, USD';
COMMENT ON COLUMN margin.account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';
COMMENT ON COLUMN margin.account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';
COMMENT ON COLUMN margin.account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';
COMMENT ON COLUMN margin.account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';
COMMENT ON COLUMN margin.account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW margin.account_position WITH (security_invoker = true) AS
SELECT account_id, c.*
  FROM (SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage) AS p
          FROM (SELECT * FROM margin.holding ORDER BY account_id) AS h
         GROUP BY account_id) AS account,
       LATERAL margin.positions(p, (SELECT margin.market())) AS c;
ALTER VIEW margin.account_position OWNER TO @extowner@;
COMMENT ON VIEW margin.account_position IS 'the valuation of every account contract by contract';
COMMENT ON COLUMN margin.account_position.account_id IS 'the account';
COMMENT ON COLUMN margin.account_position.contract IS 'a contract held on either side';
COMMENT ON COLUMN margin.account_position.settle_asset IS 'asset in which it settles';
COMMENT ON COLUMN margin.account_position.long IS 'contracts held long, >= 0';
COMMENT ON COLUMN margin.account_position.short IS 'contracts held short, >= 0';
COMMENT ON COLUMN margin.account_position.mark_price IS 'settlement asset per unit of the underlying; null: none';
COMMENT ON COLUMN margin.account_position.long_notional IS 'of the long side at mark, settlement asset';
COMMENT ON COLUMN margin.account_position.short_notional IS 'of the short side at mark, settlement asset';
COMMENT ON COLUMN margin.account_position.profit_and_loss IS 'of both sides at mark, settlement asset';
COMMENT ON COLUMN margin.account_position.unrealized_pnl IS 'profit_and_loss at the index price of the settlement asset, USD';
COMMENT ON COLUMN margin.account_position.maintenance_margin IS 'what the position requires to be kept, USD';
COMMENT ON COLUMN margin.account_position.initial_margin IS 'what the position requires to be opened, USD';
COMMENT ON COLUMN margin.account_position.missing IS 'what lacks a price or parameter; null where nothing does';

-- A join to a list of accounts does not reach into the grouping of a view;
-- this function does: FROM list, LATERAL margin.account_margin(list.account_id).
-- OFFSET 0 keeps it a query of its own, run for one account at a time, when it
-- is inlined.
CREATE FUNCTION margin.account_margin(account_id bigint) RETURNS SETOF margin.account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT a.* FROM margin.account_margin AS a WHERE a.account_id = account_margin.account_id OFFSET 0;
END;
COMMENT ON FUNCTION margin.account_margin(bigint) IS 'the row of one account in margin.account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';

CREATE FUNCTION margin.account_margin(account_id bigint, market margin.market) RETURNS SETOF margin.account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 1
BEGIN ATOMIC
    SELECT a.account_id,
           (a.v).equity, (a.v).collateral_value, (a.v).liabilities, (a.v).net_asset_value, (a.v).haircut,
           (a.v).unrealized_pnl, (a.v).initial_margin, (a.v).maintenance_margin, (a.v).available_margin,
           (a.v).shortfall, (a.v).margin_ratio, (a.v).level, (a.v).missing
      FROM (SELECT h.account_id,
                   margin.evaluate(margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage),
                                   account_margin.market) AS v
              FROM margin.holding AS h
             WHERE h.account_id = account_margin.account_id
             GROUP BY h.account_id) AS a
    OFFSET 0;
END;
COMMENT ON FUNCTION margin.account_margin(bigint, margin.market) IS 'the same in a given market, which spares reading the reference tables; amounts, level and missing are null where the market is';
