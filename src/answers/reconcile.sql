-- reconcile: a venue's own figures of an account beside ours
--
-- A reason is not guessed: the account is valued again under each of a few
-- suppositions (the venue's own marks, no fees, no open orders), and the first
-- under which our figure is the venue's is the reason.

CREATE FUNCTION margin_internal.market_with(market margin.market, marks jsonb, without text[]) RETURNS margin.market
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms CONSTANT jsonb := market::text::jsonb;
BEGIN
    IF terms -> 'contracts' IS NULL THEN
        RETURN market;
    END IF;
    RETURN jsonb_set(terms, '{contracts}', (
        SELECT jsonb_object_agg(c.key, (c.value - without) || CASE WHEN marks ? c.key THEN jsonb_build_object('mark', marks -> c.key) ELSE '{}' END)
          FROM jsonb_each(terms -> 'contracts') AS c))::text::margin.market;
END
$$;
COMMENT ON FUNCTION margin_internal.market_with(margin.market, jsonb, text[]) IS 'a market with other marks of some contracts, and without some terms of all: ''{closing_fee}''';

-- An account is valued many times: what it does not touch stays out.
CREATE FUNCTION margin_internal.market_of(market margin.market, contracts text[]) RETURNS margin.market
LANGUAGE plpgsql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
    terms CONSTANT jsonb := market::text::jsonb;
BEGIN
    RETURN (terms || jsonb_build_object('contracts', (SELECT coalesce(jsonb_object_agg(c.key, c.value), '{}') FROM jsonb_each(terms -> 'contracts') AS c WHERE c.key = ANY (contracts))))::text::margin.market;
END
$$;
COMMENT ON FUNCTION margin_internal.market_of(margin.market, text[]) IS 'a market with those of its contracts that are given';

-- What is required of contracts and what they gain is compared in their settlement
-- asset, which is what venues answer; evaluate() counts in USD.
CREATE FUNCTION margin_internal.contract_figures(portfolio margin.portfolio, market margin.market, contracts text[]) RETURNS TABLE (name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT f.name, p.contract, f.value
      FROM margin.positions(portfolio, market) AS p,
           LATERAL (SELECT (market::text::jsonb #>> ARRAY['assets', p.settle, 'price'])::numeric * coalesce((market::text::jsonb #>> ARRAY['assets', p.settle, 'requirement_weight'])::numeric, 1) AS price) AS s,
           LATERAL (VALUES ('long', p.long), ('short', p.short), ('mark_price', p.mark), ('unrealized_pnl', p.pnl),
                           ('maintenance_margin', CASE WHEN s.price = 1 THEN p.maintenance_margin ELSE trim_scale(round(p.maintenance_margin / s.price, 18)) END),
                           ('position_initial_margin', CASE WHEN s.price = 1 THEN p.initial_margin ELSE trim_scale(round(p.initial_margin / s.price, 18)) END),
                           ('liquidation_price', CASE WHEN p.missing IS NULL AND p.contract = ANY (contracts) THEN margin.liquidation_price(portfolio, market, p.contract, 0.00000001) END)) AS f (name, value)
     WHERE p.contract = ANY (contracts) OR f.name IN ('long', 'short');
END;
COMMENT ON FUNCTION margin_internal.contract_figures(margin.portfolio, margin.market, text[]) IS
'our figures of some contracts, and of all what is held of either side: mark, profit and margins in the settlement asset (where its price is not 1, rounded to 18 decimals), the liquidation price to 8 decimals';

CREATE FUNCTION margin_internal.own_figures(portfolio margin.portfolio, market margin.market, contracts text[]) RETURNS TABLE (name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    WITH v AS MATERIALIZED (SELECT e.*, margin.judged_equity(portfolio, market) AS judged_equity FROM margin.evaluate(portfolio, market) AS e)
    SELECT f.name, NULL::text, f.value
      FROM v, LATERAL (VALUES ('equity', v.equity), ('initial_equity', v.initial_equity), ('judged_equity', v.judged_equity), ('net_asset_value', v.net_asset_value),
                              ('collateral_value', v.collateral_value), ('liabilities', v.liabilities), ('haircut', v.haircut), ('unrealized_pnl', v.unrealized_pnl),
                              ('initial_margin', v.initial_margin), ('position_initial_margin', v.initial_margin - v.order_margin), ('order_margin', v.order_margin), ('order_loss', v.order_loss),
                              ('maintenance_margin', v.maintenance_margin), ('available_margin', v.available_margin), ('available_margin_above_0', greatest(v.available_margin, 0)),
                              ('margin_ratio', v.margin_ratio), ('margin_ratio_percent', v.margin_ratio * 100),
                              ('equity_by_maintenance', CASE WHEN v.maintenance_margin > 0::numeric THEN trim_scale(round(v.judged_equity / v.maintenance_margin, 8)) END)) AS f (name, value)
    UNION ALL
    SELECT f.name, c.asset, f.value FROM margin.collateral(portfolio, market) AS c, LATERAL (VALUES ('balance', c.balance), ('asset_equity', c.asset_equity)) AS f (name, value)
    UNION ALL
    SELECT f.name, f.symbol, f.value FROM margin_internal.contract_figures(portfolio, market, contracts) AS f
    UNION ALL
    SELECT o.side::text || '_orders', o.contract, sum(o.quantity) FROM margin.orders(portfolio, market) AS o GROUP BY o.side, o.contract;
END;
COMMENT ON FUNCTION margin_internal.own_figures(margin.portfolio, margin.market, text[]) IS 'our figures of an account, by the names that sources give those of a venue; of contracts those given, holdings of all';

CREATE FUNCTION margin_internal.supposed_figures(portfolio margin.portfolio, market margin.market, marks jsonb, contracts text[])
RETURNS TABLE (n integer, reason text, name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
BEGIN ATOMIC
    SELECT s.n, s.reason, f.name, f.symbol, f.value
      FROM (VALUES (1, 'at the venue''s marks', portfolio, margin_internal.market_with(market, marks, '{}')),
                   (2, 'without the closing fee', portfolio, margin_internal.market_with(market, '{}', '{closing_fee}')),
                   (3, 'without the opening fee', portfolio, margin_internal.market_with(market, '{}', '{opening_fee}')),
                   (4, 'without fees', portfolio, margin_internal.market_with(market, '{}', '{closing_fee,opening_fee}')),
                   (5, 'without open orders', margin.without_orders(portfolio), market),
                   (6, 'at the venue''s marks, without the closing fee', portfolio, margin_internal.market_with(market, marks, '{closing_fee}')),
                   (7, 'at the venue''s marks, without fees', portfolio, margin_internal.market_with(market, marks, '{closing_fee,opening_fee}')),
                   (8, 'at the venue''s marks, without open orders', margin.without_orders(portfolio), margin_internal.market_with(market, marks, '{}'))) AS s (n, reason, portfolio, market),
           LATERAL margin_internal.own_figures(s.portfolio, s.market, contracts) AS f;
END;
COMMENT ON FUNCTION margin_internal.supposed_figures(margin.portfolio, margin.market, jsonb, text[]) IS 'own_figures() under suppositions by which venues differ, in the order in which they are tried';

-- Figures that venues give by the same name as others.
CREATE FUNCTION margin_internal.other_meanings() RETURNS TABLE (name text, other text, reason text)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE ROWS 10
BEGIN ATOMIC
    VALUES ('equity', 'net_asset_value', 'the venue''s is before collateral ratios and weights'),
           ('equity', 'initial_equity', 'the venue''s is by the ratios of the initial measure'),
           ('equity', 'judged_equity', 'the venue''s is less what open orders take of it'),
           ('net_asset_value', 'equity', 'the venue''s is after collateral ratios and weights'),
           ('initial_margin', 'position_initial_margin', 'the venue''s is without what open orders require'),
           ('available_margin', 'available_margin_above_0', 'the venue shows nothing below 0'),
           ('margin_ratio', 'margin_ratio_percent', 'the venue''s is in per cent'),
           ('margin_ratio', 'equity_by_maintenance', 'the venue''s is equity by maintenance margin'),
           ('equity_by_maintenance', 'margin_ratio', 'the venue''s is maintenance margin by equity');
END;
COMMENT ON FUNCTION margin_internal.other_meanings() IS 'what a figure of a venue may be of ours instead, and how to say so';

-- The last decimal that a venue writes may be rounded or cut. A figure of few digits
-- would be anything so.
CREATE FUNCTION margin_internal.is_told(theirs numeric, ours numeric) RETURNS boolean
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN ours = theirs OR scale(theirs) > 0 AND abs(ours - theirs) < power(10::numeric, -scale(theirs)) AND abs(ours - theirs) <= 0.05 * abs(theirs);
COMMENT ON FUNCTION margin_internal.is_told(numeric, numeric) IS 'whether a figure is the one that a venue writes, but for less than 1 in its last decimal and at most 5 %; null for null';

CREATE FUNCTION margin_internal.holding_of(name text) RETURNS text
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN CASE WHEN name = 'balance' THEN 'balance' WHEN name IN ('long', 'short') THEN 'position' WHEN name IN ('buy_orders', 'sell_orders') THEN 'order' END;
COMMENT ON FUNCTION margin_internal.holding_of(text) IS 'of what kind the holdings are that a figure is the quantity of; null for other figures';

CREATE FUNCTION margin_internal.their_figures(rows margin.account_row[]) RETURNS TABLE (name text, symbol text, value numeric)
LANGUAGE sql IMMUTABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    -- figures of both sides of a contract are one of ours; a price of either is that of both
    SELECT f.name, f.symbol, CASE WHEN f.name ~ 'price$' THEN max(f.value) ELSE sum(f.value) END
      FROM (SELECT CASE r.kind WHEN 'figure' THEN r.fields ->> 'name'
                               WHEN 'position' THEN CASE WHEN q.value < 0::numeric THEN 'short' ELSE 'long' END
                               WHEN 'order' THEN CASE WHEN q.value < 0::numeric THEN 'sell_orders' ELSE 'buy_orders' END
                               ELSE r.kind END, r.symbol,
                   CASE WHEN r.kind IN ('position', 'order') THEN abs(q.value) ELSE q.value END
              FROM unnest(rows) AS r (kind, symbol, path, fields),
                   LATERAL (SELECT margin_internal.field_number(r.path, r.fields, CASE r.kind WHEN 'figure' THEN 'value' ELSE 'quantity' END) AS value) AS q
             WHERE r.kind IN ('figure', 'balance', 'position', 'order')) AS f (name, symbol, value)
     GROUP BY f.name, f.symbol;
END;
COMMENT ON FUNCTION margin_internal.their_figures(margin.account_row[]) IS 'figures, balances, and by side positions and quantities of orders that a document holds, one for each symbol';

CREATE FUNCTION margin_internal.reconcile_figures(portfolio margin.portfolio, market margin.market, rows margin.account_row[])
RETURNS TABLE (figure text, symbol text, theirs numeric, ours numeric, difference numeric, reason text)
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    WITH told AS MATERIALIZED (
        SELECT * FROM margin_internal.their_figures(rows)
    ), parts AS MATERIALIZED (
        SELECT coalesce(jsonb_object_agg(t.symbol, t.value) FILTER (WHERE t.name = 'mark_price'), '{}') AS marks,
               coalesce(array_agg(DISTINCT t.symbol) FILTER (WHERE t.name IN ('long', 'short', 'mark_price', 'liquidation_price', 'unrealized_pnl', 'maintenance_margin', 'position_initial_margin')
                                                               AND t.symbol IS NOT NULL), '{}') AS contracts,
               margin.missing(portfolio, market) AS missing
          FROM told AS t
    ), own AS MATERIALIZED (
        SELECT f.* FROM parts AS p, margin_internal.own_figures(portfolio, market, p.contracts) AS f
    ), beside AS MATERIALIZED (
        -- holdings that we have and the document does not, where it holds others of their kind
        SELECT coalesce(t.name, o.name) AS name, coalesce(t.symbol, o.symbol) AS symbol, coalesce(t.value, 0) AS theirs,
               CASE WHEN o.name IS NULL AND t.name IN ('balance', 'asset_equity', 'long', 'short', 'buy_orders', 'sell_orders') THEN 0 ELSE o.value END AS ours
          FROM told AS t
          FULL JOIN own AS o ON o.name = t.name AND o.symbol IS NOT DISTINCT FROM t.symbol
         WHERE t.name IS NOT NULL
            OR o.value <> 0::numeric AND EXISTS (SELECT FROM unnest(rows) AS r (kind, symbol, path, fields) WHERE r.kind = 'complete' AND r.symbol = margin_internal.holding_of(o.name))
    ), derived AS MATERIALIZED (
        SELECT d.name, d.value
          FROM (SELECT max(t.value) FILTER (WHERE t.name = 'equity') AS equity, max(t.value) FILTER (WHERE t.name = 'maintenance_margin') AS maintenance,
                       max(t.value) FILTER (WHERE t.name = 'initial_margin') AS initial
                  FROM told AS t WHERE t.symbol IS NULL) AS v,
               LATERAL (VALUES ('margin_ratio', round(v.maintenance / nullif(v.equity, 0), 18)), ('equity_by_maintenance', round(v.equity / nullif(v.maintenance, 0), 18)),
                               ('available_margin', v.equity - v.initial)) AS d (name, value)
    ), supposed AS MATERIALIZED (
        SELECT s.* FROM parts AS p, margin_internal.supposed_figures(portfolio, market, p.marks, p.contracts) AS s
         WHERE EXISTS (SELECT FROM beside AS b WHERE b.ours <> b.theirs)
    )
    SELECT b.name, b.symbol, b.theirs, b.ours, b.ours - b.theirs,
           CASE WHEN b.ours = b.theirs THEN NULL
                WHEN margin_internal.holding_of(b.name) IS NOT NULL THEN 'the book holds another quantity'
                WHEN b.ours IS NULL AND p.missing IS NOT NULL THEN 'not valued: no price or parameters for ' || array_to_string(p.missing, ', ')
                WHEN b.ours IS NULL THEN 'there is none here'
                WHEN margin_internal.is_told(b.theirs, b.ours) THEN format('the venue gives %s decimals', scale(b.theirs))
                WHEN b.name = 'mark_price' THEN CASE WHEN abs(b.ours - b.theirs) <= 0.05 * abs(b.theirs) THEN 'another mark: prices of another moment' ELSE 'not explained' END
                ELSE coalesce(
                    (SELECT 'equal ' || s.reason FROM supposed AS s
                      WHERE s.name = b.name AND s.symbol IS NOT DISTINCT FROM b.symbol AND margin_internal.is_told(b.theirs, s.value) ORDER BY s.n LIMIT 1),
                    (SELECT m.reason FROM margin_internal.other_meanings() AS m JOIN own AS o ON o.name = m.other AND o.symbol IS NULL
                      WHERE m.name = b.name AND b.symbol IS NULL AND margin_internal.is_told(b.theirs, o.value) LIMIT 1),
                    (SELECT m.reason || ', at its own marks' FROM margin_internal.other_meanings() AS m JOIN supposed AS s ON s.n = 1 AND s.name = m.other AND s.symbol IS NULL
                      WHERE m.name = b.name AND b.symbol IS NULL AND margin_internal.is_told(b.theirs, s.value) LIMIT 1),
                    (SELECT 'follows from the venue''s own other figures' FROM derived AS d WHERE d.name = b.name AND b.symbol IS NULL AND margin_internal.is_told(b.theirs, d.value)),
                    (SELECT 'may be the closing fee, which many venues charge at the bankruptcy price' FROM supposed AS s
                      WHERE s.n = 2 AND b.name = 'maintenance_margin' AND s.name = b.name AND s.symbol IS NOT DISTINCT FROM b.symbol
                        AND s.value < b.ours AND abs(b.ours - b.theirs) < b.ours - s.value),
                    (SELECT 'the book holds other quantities' FROM beside AS h WHERE margin_internal.holding_of(h.name) IS NOT NULL AND h.ours <> h.theirs LIMIT 1),
                    'not explained')
           END
      FROM beside AS b, parts AS p
     ORDER BY CASE WHEN margin_internal.holding_of(b.name) IS NOT NULL THEN 2 WHEN b.symbol IS NULL THEN 1 ELSE 3 END,
              array_position('{equity,net_asset_value,maintenance_margin,initial_margin,available_margin,margin_ratio}'::text[], b.name), b.symbol COLLATE "C", b.name COLLATE "C";
END;
COMMENT ON FUNCTION margin_internal.reconcile_figures(margin.portfolio, margin.market, margin.account_row[]) IS 'reconcile() of a portfolio in a market and the rows that a source says';

CREATE FUNCTION margin.reconcile(book name, source text, account text, document jsonb)
RETURNS TABLE (figure text, symbol text, theirs numeric, ours numeric, difference numeric, reason text)
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    held margin.portfolio;
    rows margin.account_row[];
    market margin.market;
BEGIN
    PERFORM margin_internal.enter_book(book);
    IF account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed', MESSAGE = 'account is null', HINT = 'Give the key of the account as text.';
    END IF;
    SELECT p.portfolio INTO held FROM account_portfolio AS p WHERE p.account_id = (SELECT account_key(account));
    held := coalesce(held, '{}');
    rows := ARRAY(SELECT r FROM margin_internal.read_account(source, document) AS r);
    market := venue_market();
    market := margin_internal.market_of(market, ARRAY(SELECT p.contract FROM margin.positions(held, market) AS p UNION SELECT r.symbol FROM unnest(rows) AS r));
    RETURN QUERY SELECT f.* FROM margin_internal.reconcile_figures(held, market, rows) AS f;
END
$$;
COMMENT ON FUNCTION margin.reconcile(name, text, text, jsonb) IS
'what a trading venue has answered of an account (a source of import_account()) beside what margin makes of the account of a book, by its key as text, in the present market of its venue: figures in USD, of contracts in their settlement asset, quantities in units or contracts, of positions and orders by side; holdings that only the book has too, where the answer lists all of their kind. difference is ours - theirs; reason: null where there is none, else what was found to make them equal, or that the venue writes fewer decimals, or not explained. Writes nothing, on any book. Errors as import_account()';
