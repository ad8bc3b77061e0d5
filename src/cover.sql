-- cover: a cover plan carried out

CREATE TABLE margin.cover_entry (
    account_id        bigint NOT NULL,
    booked_at         timestamptz NOT NULL,
    booked_by         name NOT NULL DEFAULT margin.acting_user(),
    house_account_id  bigint NOT NULL,
    forced            boolean NOT NULL,
    LIKE margin.cover_conversion INCLUDING COMMENTS,
    CONSTRAINT cover_entry_pkey PRIMARY KEY (account_id, booked_at, step)
);
ALTER TABLE margin.cover_entry OWNER TO @extowner@;
SELECT pg_catalog.pg_extension_config_dump('margin.cover_entry', '');
COMMENT ON TABLE margin.cover_entry IS 'journal of cover(): one row per conversion, which moved paid from the account to the house account and repaid back';
COMMENT ON COLUMN margin.cover_entry.account_id IS 'the account whose debt was repaid';
COMMENT ON COLUMN margin.cover_entry.booked_at IS 'when cover() had read the account, by the clock; the conversions of one call share it';
COMMENT ON COLUMN margin.cover_entry.booked_by IS 'who called cover()';
COMMENT ON COLUMN margin.cover_entry.house_account_id IS 'the account that took the other side';
COMMENT ON COLUMN margin.cover_entry.forced IS 'whether conversions that worsen the level were allowed';

CREATE TRIGGER cover_entry_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON margin.cover_entry
    FOR EACH STATEMENT EXECUTE FUNCTION margin.journal_append_only();
COMMENT ON TRIGGER cover_entry_append_only ON margin.cover_entry IS 'what happened is not rewritten';

CREATE FUNCTION margin.holds_otherwise(account_id bigint) RETURNS boolean
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_holds_otherwise';
COMMENT ON FUNCTION margin.holds_otherwise(bigint) IS
'whether an account of margin.balance and margin.position by now holds anything else than the snapshot of this transaction shows: others may have committed rows that it cannot see; null for null';

-- The rows of the account are locked before they are read.  A writer who was
-- there before is waited for and seen; one who comes later waits; at
-- REPEATABLE READ and above, where the former could not be seen, this fails to
-- serialize, also where he added a row.  Rows that others are only about to
-- add belong to transactions that might as well have begun afterwards.  Rows
-- of the house account are changed in key order, without being read before.
--
-- The guard, where it is on, takes its locks when the transaction commits, as
-- for any other writer.  Taking them here, ahead of rows that other writers
-- hold until they commit, would make deadlocks.
CREATE FUNCTION margin.cover(
    account_id bigint, house_account_id bigint,
    payer_order margin.payer_order DEFAULT 'ratio', forced boolean DEFAULT false, market margin.market DEFAULT NULL
) RETURNS SETOF margin.cover_conversion
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
SET search_path = pg_catalog, pg_temp
AS $$
#variable_conflict use_column
DECLARE
    booked_at timestamptz;
    plan margin.cover_conversion[];
BEGIN
    IF cover.account_id IS NULL OR cover.house_account_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'null_value_not_allowed',
            MESSAGE = CASE WHEN cover.account_id IS NULL THEN 'account_id must not be null'
                           ELSE 'house_account_id must not be null' END;
    END IF;
    IF cover.account_id = cover.house_account_id THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('account %s cannot be its own house account', cover.account_id);
    END IF;

    PERFORM FROM margin.balance AS b WHERE b.account_id = cover.account_id ORDER BY b.asset COLLATE "C" FOR UPDATE;
    PERFORM FROM margin.position AS p WHERE p.account_id = cover.account_id ORDER BY p.contract COLLATE "C", p.side FOR UPDATE;

    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
       AND margin.holds_otherwise(cover.account_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
            MESSAGE = format('could not serialize access to account %s due to concurrent update', cover.account_id);
    END IF;

    plan := ARRAY(
        SELECT c
          FROM margin.cover_plan(
                   (SELECT margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage)
                      FROM margin.holding AS h WHERE h.account_id = cover.account_id),
                   coalesce(cover.market, margin.market()),
                   ARRAY(SELECT r FROM margin.cover_rule AS r),
                   cover.payer_order, cover.forced) AS c
         ORDER BY c.step);
    booked_at := clock_timestamp();

    INSERT INTO margin.balance AS b (account_id, asset, quantity)
    SELECT e.account_id, e.asset, sum(e.quantity)
      FROM unnest(plan) AS c,
           LATERAL (VALUES (cover.account_id, c.payer, -c.paid), (cover.account_id, c.debt_asset, c.repaid),
                           (cover.house_account_id, c.payer, c.paid), (cover.house_account_id, c.debt_asset, -c.repaid))
                       AS e (account_id, asset, quantity)
     WHERE c.outcome = 'converted'
     GROUP BY e.account_id, e.asset
     ORDER BY e.account_id = cover.house_account_id, e.asset COLLATE "C"
    ON CONFLICT (account_id, asset) DO UPDATE SET quantity = b.quantity + excluded.quantity;

    INSERT INTO margin.cover_entry (account_id, booked_at, house_account_id, forced, step, outcome, debt_asset, payer, paid, repaid,
                                    debt_price, payer_price, conversion_discount, paid_value, repaid_value,
                                    remaining_debt, remaining_due, level)
    SELECT cover.account_id, booked_at, cover.house_account_id, coalesce(cover.forced, false), c.*
      FROM unnest(plan) AS c
     WHERE c.outcome = 'converted';

    RETURN QUERY SELECT c.* FROM unnest(plan) AS c ORDER BY c.step;
END
$$;
COMMENT ON FUNCTION margin.cover(bigint, bigint, margin.payer_order, boolean, margin.market) IS
'carries out cover_plan() for an account of margin.balance and margin.position with the rules in margin.cover_rule, in the present market or a given one: each conversion moves paid from the account to the house account and repaid back, so that every asset sums to what it did, and is journaled in margin.cover_entry. Returns the plan; writes nothing where nothing is converted, of an unpriced account neither (its one row says so). Locks the rows of the account and reads them under the lock; at REPEATABLE READ and above fails with 40001 if they have changed. payer_order and forced as in cover_plan(); the caller needs SELECT, INSERT and UPDATE on margin.balance, SELECT and UPDATE on margin.position, INSERT on margin.cover_entry, SELECT on what market() reads and on margin.cover_rule. The guard, where it is on, judges both accounts as it does any write, and may refuse a conversion that costs the account margin or the house account any; run it with margin.guard = record, as other booked facts. An error for a null account, or one that is its own house account (22023)';
