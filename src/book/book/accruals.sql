-- accruals: interest and funding, against a house account

CREATE TABLE accrual_house (
    kind  text NOT NULL,
    LIKE account,
    CONSTRAINT accrual_house_pkey PRIMARY KEY (kind),
    CONSTRAINT accrual_house_kind_known CHECK (kind IN ('interest', 'funding'))
);
ALTER TABLE accrual_house ALTER account_id SET NOT NULL;
COMMENT ON TABLE accrual_house IS 'the accounts that take the other side: interest is paid to them, and what funding leaves over; without a row nothing of the kind is booked';
COMMENT ON COLUMN accrual_house.kind IS 'interest or funding';
COMMENT ON COLUMN accrual_house.account_id IS 'the house account; it owes no interest itself, and takes what remains of all others'' funding';
COMMENT ON CONSTRAINT accrual_house_kind_known ON accrual_house IS 'interest or funding';

CREATE TABLE interest_hour (
    accrued_at  timestamptz NOT NULL,
    booked_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by   name NOT NULL DEFAULT margin.acting_user(),
    CONSTRAINT interest_hour_pkey PRIMARY KEY (accrued_at),
    CONSTRAINT interest_hour_full CHECK (isfinite(accrued_at) AND extract(epoch FROM accrued_at) % 3600 = 0)
);
COMMENT ON TABLE interest_hour IS 'the hours for which interest has been charged, even if nobody owed any; accrue_interest() goes on after the last one';
COMMENT ON COLUMN interest_hour.accrued_at IS 'the full hour, of UTC';
COMMENT ON COLUMN interest_hour.booked_at IS 'when it was charged, by the clock; later for one that was caught up';
COMMENT ON COLUMN interest_hour.booked_by IS 'who called accrue_interest()';
COMMENT ON CONSTRAINT interest_hour_full ON interest_hour IS 'a full hour of UTC';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON interest_hour
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON interest_hour IS 'an hour that is forgotten would be charged again';

CREATE TABLE funding_settlement (
    contract       text NOT NULL,
    settled_at     timestamptz NOT NULL,
    rate           numeric NOT NULL,
    mark           numeric NOT NULL,
    contract_size  numeric NOT NULL,
    settle         text NOT NULL,
    booked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by      name NOT NULL DEFAULT margin.acting_user(),
    CONSTRAINT funding_settlement_pkey PRIMARY KEY (contract, settled_at)
);
COMMENT ON TABLE funding_settlement IS 'the instants at which the funding of a contract was settled, even if nobody held it';
COMMENT ON COLUMN funding_settlement.contract IS 'the contract';
COMMENT ON COLUMN funding_settlement.settled_at IS 'the instant, as given to settle_funding()';
COMMENT ON COLUMN funding_settlement.rate IS 'longs pay this part of their notional to shorts; below 0 the other way round';
COMMENT ON COLUMN funding_settlement.mark IS 'mark price of that instant, in the settlement asset';
COMMENT ON COLUMN funding_settlement.contract_size IS 'units of the underlying in one contract';
COMMENT ON COLUMN funding_settlement.settle IS 'settlement asset, in which it was paid';
COMMENT ON COLUMN funding_settlement.booked_at IS 'when it was booked, by the clock: with the positions of that moment';
COMMENT ON COLUMN funding_settlement.booked_by IS 'who called settle_funding()';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON funding_settlement
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON funding_settlement IS 'an instant that is forgotten would be settled again';

CREATE TABLE accrual_event (
    LIKE account,
    kind           text NOT NULL,
    symbol         text NOT NULL,
    accrued_at     timestamptz NOT NULL,
    asset          text NOT NULL,
    amount         numeric NOT NULL,
    house          boolean NOT NULL DEFAULT false,
    balance        numeric,
    quantity       numeric,
    contract_size  numeric,
    mark           numeric,
    rate           numeric NOT NULL,
    free_amount    numeric,
    method         text,
    booked_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    booked_by      name NOT NULL DEFAULT margin.acting_user(),
    CONSTRAINT accrual_event_pkey PRIMARY KEY (kind, accrued_at, symbol, account_id),
    CONSTRAINT accrual_event_kind_known CHECK (kind IN ('interest', 'funding')),
    CONSTRAINT accrual_event_amount_finite CHECK (margin.is_amount(amount))
);
CREATE INDEX accrual_event_account_id_idx ON accrual_event (account_id, accrued_at);
COMMENT ON INDEX accrual_event_account_id_idx IS 'what one account was charged, in order of time';
COMMENT ON TABLE accrual_event IS 'journal of interest and funding: one row per account, symbol and instant, and one of the house account; amounts that share kind, symbol and instant sum to 0';
COMMENT ON COLUMN accrual_event.account_id IS 'the account';
COMMENT ON COLUMN accrual_event.kind IS 'interest or funding';
COMMENT ON COLUMN accrual_event.symbol IS 'the asset owed, or the contract held';
COMMENT ON COLUMN accrual_event.accrued_at IS 'the hour of the interest, or the instant of the funding';
COMMENT ON COLUMN accrual_event.asset IS 'in which it was booked: the asset owed, or the settlement asset of the contract';
COMMENT ON COLUMN accrual_event.amount IS 'what the balance changed by, in units of the asset: below 0 paid, above 0 received; what is computed is rounded down at the 18th decimal, at the expense of the payer and of the receiver';
COMMENT ON COLUMN accrual_event.house IS 'whether this is the other side: minus the sum of the others';
COMMENT ON COLUMN accrual_event.balance IS 'of interest: the balance that was owed, below 0, with the interest of the hours before; else null';
COMMENT ON COLUMN accrual_event.quantity IS 'of funding: contracts held, long less short; else null';
COMMENT ON COLUMN accrual_event.contract_size IS 'of funding: units of the underlying in one contract; else null';
COMMENT ON COLUMN accrual_event.mark IS 'of funding: mark price of the instant; else null';
COMMENT ON COLUMN accrual_event.rate IS 'the hourly rate, or the funding rate';
COMMENT ON COLUMN accrual_event.free_amount IS 'of interest: what was free of it; else null';
COMMENT ON COLUMN accrual_event.method IS 'of interest: excess or whole, as in interest_rate of the venue; else null';
COMMENT ON COLUMN accrual_event.booked_at IS 'when it was booked, by the clock';
COMMENT ON COLUMN accrual_event.booked_by IS 'who called accrue_interest() or settle_funding()';
COMMENT ON CONSTRAINT accrual_event_kind_known ON accrual_event IS 'interest or funding';
COMMENT ON CONSTRAINT accrual_event_amount_finite ON accrual_event IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON accrual_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON accrual_event IS 'what happened is not rewritten';
