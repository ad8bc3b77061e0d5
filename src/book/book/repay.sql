-- repay: debts of an account repaid with what it holds, against a house account

CREATE TABLE repayment_entry (LIKE account);
-- the house account is named as accounts are, under another name
ALTER TABLE repayment_entry RENAME TO house_account;
ALTER TABLE house_account RENAME account_id TO house_account_id;
CREATE TABLE repayment_entry (
    LIKE account,
    booked_at         timestamptz NOT NULL,
    booked_by         name NOT NULL DEFAULT margin.acting_user(),
    LIKE house_account,
    forced            boolean NOT NULL,
    LIKE margin.repayment INCLUDING COMMENTS,
    CONSTRAINT repayment_entry_pkey PRIMARY KEY (account_id, booked_at, step)
);
DROP TABLE house_account;
ALTER TABLE repayment_entry ALTER house_account_id SET NOT NULL;
COMMENT ON TABLE repayment_entry IS 'journal of repay(): one row per conversion, which moved paid from the account to the house account and repaid back';
COMMENT ON COLUMN repayment_entry.account_id IS 'the account whose debt was repaid';
COMMENT ON COLUMN repayment_entry.booked_at IS 'when repay() had read the account, by the clock; the conversions of one call share it';
COMMENT ON COLUMN repayment_entry.booked_by IS 'who called repay()';
COMMENT ON COLUMN repayment_entry.house_account_id IS 'the account that took the other side';
COMMENT ON COLUMN repayment_entry.forced IS 'whether conversions that worsen the level were allowed';

CREATE TRIGGER repayment_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON repayment_entry
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER repayment_entry_append_only ON repayment_entry IS 'what happened is not rewritten';

CREATE FUNCTION repay(
    account_id account.account_id%TYPE, house_account_id account.account_id%TYPE,
    funding_order margin.funding_order DEFAULT 'ratio', forced boolean DEFAULT false, market margin.market DEFAULT NULL
) RETURNS SETOF margin.repayment
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
BEGIN ATOMIC
    SELECT r.* FROM margin_internal.repay('holding'::regclass, repay.account_id::text, repay.house_account_id::text,
                                          repay.funding_order, repay.forced, repay.market) AS r;
END;
COMMENT ON FUNCTION repay(account.account_id%TYPE, account.account_id%TYPE, margin.funding_order, boolean, margin.market) IS
'carries out margin.repayment_plan() for an account with the rules of the venue, in its present market or a given one, against a house account, journals each conversion in repayment_entry, and returns the plan. Writes nothing for an unpriced account. An error for a null account, for one that is its own house account (22023), for a book over other tables (0A000); 40001 where the account has changed since a snapshot of REPEATABLE READ';
