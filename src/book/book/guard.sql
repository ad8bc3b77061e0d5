-- guard: what it let through

CREATE TABLE guard_exception (
    id                       bigint GENERATED ALWAYS AS IDENTITY,
    LIKE account,
    judged_at                timestamptz NOT NULL DEFAULT clock_timestamp(),
    recorded_by              name NOT NULL DEFAULT margin.acting_user(),
    level                    margin.level NOT NULL,
    equity                   numeric,
    initial_margin           numeric,
    maintenance_margin       numeric,
    available_margin         numeric,
    available_margin_before  numeric,
    missing                  text[],
    initial_equity           numeric,
    order_loss               numeric,
    market_id                bigint,
    CONSTRAINT guard_exception_pkey PRIMARY KEY (id)
);
ALTER TABLE guard_exception ALTER account_id SET NOT NULL;
CREATE INDEX guard_exception_account_id_idx ON guard_exception (account_id, judged_at);
COMMENT ON INDEX guard_exception_account_id_idx IS 'the exceptions of one account in order of time';
COMMENT ON TABLE guard_exception IS 'booked facts that the guard let through while margin.guard was record and would have refused otherwise; rows are only added';
COMMENT ON COLUMN guard_exception.id IS 'numbers the rows, roughly in order of time';
COMMENT ON COLUMN guard_exception.account_id IS 'the account';
COMMENT ON COLUMN guard_exception.judged_at IS 'when the account was judged: at commit';
COMMENT ON COLUMN guard_exception.recorded_by IS 'the role that acted';
COMMENT ON COLUMN guard_exception.level IS 'the level at which the account was left';
COMMENT ON COLUMN guard_exception.equity IS 'equity that was left, USD; this, the next three, initial_equity and order_loss are null for an unpriced account. Where paper gains do not carry (book_rule), all are without them';
COMMENT ON COLUMN guard_exception.initial_margin IS 'initial margin that was required, with open orders, USD';
COMMENT ON COLUMN guard_exception.maintenance_margin IS 'maintenance margin that was required, USD';
COMMENT ON COLUMN guard_exception.available_margin IS 'initial_equity - initial_margin - order_loss that was left, USD';
COMMENT ON COLUMN guard_exception.available_margin_before IS 'the same as the transaction found it, USD; null: it found the account unpriced';
COMMENT ON COLUMN guard_exception.missing IS 'symbols for which an unpriced account lacked a price or a parameter';
COMMENT ON COLUMN guard_exception.initial_equity IS 'equity by the initial measure that was left, USD';
COMMENT ON COLUMN guard_exception.order_loss IS 'what open orders would have lost by filling, USD';
COMMENT ON COLUMN guard_exception.market_id IS 'the published market by which it was judged; null: that is not published';

CREATE TRIGGER guard_exception_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON guard_exception
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER guard_exception_append_only ON guard_exception IS 'what happened is not rewritten';
