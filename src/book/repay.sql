-- repay: a repayment plan carried out, on a book's own tables

CREATE FUNCTION margin_internal.holds_otherwise(book name, account text) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_holds_otherwise';
COMMENT ON FUNCTION margin_internal.holds_otherwise(name, text) IS
'Whether an account of a book by now holds anything else than the snapshot of this transaction shows: others may have committed rows that it cannot see. Null for null.';

-- The rows of the account are locked before they are read.  This waits for a
-- writer who was there before and sees what that one wrote; a later writer waits
-- for this.  At REPEATABLE READ and above, where the former's rows could not be
-- seen, it fails to serialize, added rows included.  Rows that others are only about to
-- add belong to transactions that might as well have begun afterwards.  Rows
-- of the house account are changed in key order, without being read before.
--
-- The guard, where it is on, takes its locks when the transaction commits, as
-- for any other writer.  Taking them here, ahead of rows that other writers
-- hold until they commit, would make deadlocks.
CREATE FUNCTION margin_internal.repay(
    holding regclass, account text, house_account text, funding_order margin.funding_order, forced boolean, market margin.market
) RETURNS SETOF margin.repayment
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    booked_at timestamptz;
    plan margin.repayment[];
BEGIN
    PERFORM margin_internal.enter(repay.holding);
    PERFORM margin_internal.check_own_tables(current_schema(), 'book repayments in', 'margin.repayment_plan() says what to book.');
    PERFORM margin_internal.refuse_distributed(current_schema(), 'nothing can be booked here');
    IF account IS NULL OR house_account IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = CASE WHEN account IS NULL THEN 'account_id must not be null' ELSE 'house_account_id must not be null' END;
    END IF;
    IF account_key(account) = account_key(house_account) THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('account %s cannot be its own house account', account);
    END IF;

    PERFORM FROM balance AS b WHERE b.account_id = (SELECT account_key(account)) ORDER BY b.asset COLLATE "C" FOR UPDATE;
    PERFORM FROM position AS p WHERE p.account_id = (SELECT account_key(account)) ORDER BY p.contract COLLATE "C", p.side COLLATE "C" FOR UPDATE;
    PERFORM FROM open_order AS o WHERE o.account_id = (SELECT account_key(account)) ORDER BY o.order_id COLLATE "C" FOR UPDATE;

    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       AND margin_internal.holds_otherwise(current_schema(), account) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
            MESSAGE = format('could not serialize access to account %s due to concurrent update', account);
    END IF;

    plan := ARRAY(
        SELECT c
          FROM margin.repayment_plan(
                   (SELECT p.portfolio FROM account_portfolio AS p WHERE p.account_id = (SELECT account_key(account))),
                   coalesce(repay.market, venue_market()), venue_repayment_rules(), repay.funding_order, repay.forced) AS c
         ORDER BY c.step);
    booked_at := clock_timestamp();

    INSERT INTO balance AS b (account_id, asset, quantity)
    SELECT account_key(e.account), e.asset, sum(e.quantity)
      FROM unnest(plan) AS c,
           LATERAL (VALUES (repay.account, c.funding_asset, -c.paid), (repay.account, c.debt_asset, c.repaid),
                           (repay.house_account, c.funding_asset, c.paid), (repay.house_account, c.debt_asset, -c.repaid))
                       AS e (account, asset, quantity)
     WHERE c.outcome = 'converted'
     GROUP BY e.account, e.asset
     ORDER BY e.account = repay.house_account, e.asset COLLATE "C"
    ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity;

    INSERT INTO repayment_entry (account_id, booked_at, house_account_id, forced, step, outcome, debt_asset, funding_asset, paid, repaid,
                                 debt_price, funding_price, conversion_discount, paid_value, repaid_value,
                                 remaining_debt, remaining_due, level)
    SELECT account_key(repay.account), booked_at, account_key(repay.house_account), coalesce(repay.forced, false), c.*
      FROM unnest(plan) AS c
     WHERE c.outcome = 'converted';

    RETURN QUERY SELECT c.* FROM unnest(plan) AS c ORDER BY c.step;
END
$$;
COMMENT ON FUNCTION margin_internal.repay(regclass, text, text, margin.funding_order, boolean, margin.market) IS
'What the function repay() of a book does; the book is that of its view holding, accounts are given as text. An error (0A000) for a book over other tables.';
