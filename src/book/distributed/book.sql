-- book: what is another in a book over tables that Citus distributes
--
-- Citus has to see the query that reads a distributed table before the server
-- plans it, whole and without parameters of a function that is not PL/pgSQL.
-- So the market comes along as the row of a reference table, which a shard
-- reads in the statement that values its accounts; and what has parameters, or
-- joins what stands on the coordinator alone, asks by functions of the
-- extension.  Whatever begins with the line of an object of a book takes its
-- place, and its comments; the rest is made before that.

CREATE VIEW current_market WITH (security_invoker = true) AS
SELECT margin_internal.valid_market(array_agg(s.market), max(s.id), max(s.valid_until)) AS market FROM market_source AS s;
COMMENT ON VIEW current_market IS 'the published market that the book reads, in one row, for queries that run on shards: (SELECT market FROM current_market); an error (55000) if there is none, or none that is valid at now()';
COMMENT ON COLUMN current_market.market IS 'the market';

CREATE VIEW account_margin WITH (security_invoker = true) AS
SELECT p.account_id,
       v.equity, v.collateral_value, v.liabilities, v.net_asset_value, v.haircut, v.unrealized_pnl,
       v.initial_margin, v.maintenance_margin, v.available_margin, v.shortfall, v.margin_ratio,
       v.level, v.missing, v.initial_equity, v.order_margin, v.order_loss
  FROM account_portfolio AS p,
       LATERAL margin.evaluate(p.portfolio, (SELECT m.market FROM current_market AS m)) AS v;

CREATE VIEW account_collateral WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.collateral(p.portfolio, (SELECT m.market FROM current_market AS m)) AS c;

CREATE VIEW account_position WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.positions(p.portfolio, (SELECT m.market FROM current_market AS m)) AS c;

CREATE VIEW account_order WITH (security_invoker = true) AS
SELECT p.account_id, c.*
  FROM account_portfolio AS p,
       LATERAL margin.orders(p.portfolio, (SELECT m.market FROM current_market AS m)) AS c;

CREATE VIEW account_stress WITH (security_invoker = true) AS
SELECT p.account_id, s.*
  FROM account_portfolio AS p,
       LATERAL margin.stress(p.portfolio, (SELECT m.market FROM current_market AS m),
                             (SELECT margin_internal.given_scenarios(m.scenarios) FROM market_source AS m)) AS s;

CREATE FUNCTION account_margin(account_id account.account_id%TYPE) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1
BEGIN ATOMIC
    SELECT a.* FROM margin_internal.distributed_rows(NULL::account_margin, account_margin.account_id::text) AS a OFFSET 0;
END;

CREATE FUNCTION account_margin(account_id account.account_id%TYPE, market margin.market) RETURNS SETOF account_margin
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL UNSAFE ROWS 1
BEGIN ATOMIC
    SELECT p.account_id,
           v.equity, v.collateral_value, v.liabilities, v.net_asset_value, v.haircut, v.unrealized_pnl,
           v.initial_margin, v.maintenance_margin, v.available_margin, v.shortfall, v.margin_ratio,
           v.level, v.missing, v.initial_equity, v.order_margin, v.order_loss
      FROM margin_internal.distributed_rows(NULL::account_portfolio, account_margin.account_id::text) AS p,
           LATERAL margin.evaluate(p.portfolio, account_margin.market) AS v
    OFFSET 0;
END;

CREATE FUNCTION explain(account_id account.account_id%TYPE) RETURNS SETOF margin.explanation
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 50
BEGIN ATOMIC
    SELECT e.*
      FROM margin_internal.distributed_rows(NULL::account_portfolio, explain.account_id::text) AS p,
           LATERAL margin.explain(p.portfolio, (SELECT venue_market())) AS e;
END;

CREATE FUNCTION explain_text(account_id account.account_id%TYPE) RETURNS SETOF text
LANGUAGE sql STABLE STRICT PARALLEL UNSAFE ROWS 20
BEGIN ATOMIC
    SELECT e.*
      FROM margin_internal.distributed_rows(NULL::account_portfolio, explain_text.account_id::text) AS p,
           LATERAL margin.explain_text(p.portfolio, (SELECT venue_market())) AS e;
END;

CREATE VIEW reported_portfolio WITH (security_invoker = true) AS
SELECT p.account_id, p.portfolio FROM margin_internal.distributed_rows(NULL::account_portfolio) AS p;

CREATE VIEW reported_margin WITH (security_invoker = true) AS
SELECT a.* FROM margin_internal.distributed_rows(NULL::account_margin) AS a;
