-- explain: an account of the book explained

CREATE FUNCTION explain(account_id account.account_id%TYPE) RETURNS SETOF margin.explanation
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 50
BEGIN ATOMIC
    SELECT e.*
      FROM account_portfolio AS p, LATERAL margin.explain(p.portfolio, (SELECT venue_market())) AS e
     WHERE p.account_id = explain.account_id;
END;
COMMENT ON FUNCTION explain(account.account_id%TYPE) IS 'margin.explain(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION explain_text(account_id account.account_id%TYPE) RETURNS SETOF text
LANGUAGE sql STABLE STRICT PARALLEL SAFE ROWS 20
BEGIN ATOMIC
    SELECT e.*
      FROM account_portfolio AS p, LATERAL margin.explain_text(p.portfolio, (SELECT venue_market())) AS e
     WHERE p.account_id = explain_text.account_id;
END;
COMMENT ON FUNCTION explain_text(account.account_id%TYPE) IS 'margin.explain_text(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';
