-- levels: the level that each account is kept at, and the journal of changes

-- The room below the fillfactor is for rows that are written again and again.
-- Whom a tick may concern is told by the index alone, where VACUUM has been since
-- a page was written: near many accounts' edges only symbols have moved that they
-- do not hold.
CREATE TABLE account_level (
    LIKE account,
    level      margin.level NOT NULL,
    since      timestamptz NOT NULL DEFAULT now(),
    epoch      integer NOT NULL DEFAULT -2,
    room       real NOT NULL DEFAULT 0,
    mask       bigint NOT NULL DEFAULT 0,
    portfolio  margin.portfolio,
    paused     margin.level,
    CONSTRAINT account_level_pkey PRIMARY KEY (account_id)
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.02);
CREATE INDEX account_level_epoch_idx ON account_level (epoch, room) INCLUDE (mask, account_id);
COMMENT ON INDEX account_level_epoch_idx IS 'finds the accounts whose level prices that have moved so far may have changed';
COMMENT ON TABLE account_level IS 'the level each account is at, by the last refresh; an account without a row was never judged';
COMMENT ON COLUMN account_level.account_id IS 'the account';
COMMENT ON COLUMN account_level.level IS 'judged, or held by a release ratio; healthy also once nothing is held any more';
COMMENT ON COLUMN account_level.since IS 'start of the transaction that brought it there; of the first judgement, where that was healthy';
COMMENT ON COLUMN account_level.epoch IS 'level_epoch by whose prices the level is proven; -1: none, judged at every refresh; -2: written since; -3: entered as healthy, but not judged yet';
COMMENT ON COLUMN account_level.room IS 'how far prices may move from those of the epoch, in proportion, with the level unchanged';
COMMENT ON COLUMN account_level.mask IS 'symbols that the account depends on, by number modulo 64, as of level_epoch.prices';
COMMENT ON COLUMN account_level.paused IS 'the worse level at which it would be, by the last refresh, but for a price held by the venue (held_prices_pause_levels); null: none';
COMMENT ON COLUMN account_level.portfolio IS 'what the account holds, open orders too, as of the last commit, while levels are kept (enable_levels()); null: nothing';

CREATE TABLE level_basis (
    basis           bigint,
    market          margin.market NOT NULL,
    release_ratios  numeric[],
    sources         text,
    CONSTRAINT level_basis_pkey PRIMARY KEY (basis)
);
COMMENT ON TABLE level_basis IS 'the terms by which accounts were judged that are anchored to an epoch; kept by refresh_levels()';
COMMENT ON COLUMN level_basis.basis IS 'rises; the last one is in use';
COMMENT ON COLUMN level_basis.market IS 'a market of these terms, whatever its prices';
COMMENT ON COLUMN level_basis.release_ratios IS 'of warning, margin_call and liquidation';
COMMENT ON COLUMN level_basis.sources IS 'the tables that the book read and their triggers, as of level_sources(); null: writes may have been missed';

CREATE TABLE level_epoch (
    epoch     integer,
    basis     bigint NOT NULL,
    prices    double precision[] NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now(),
    accounts  bigint NOT NULL,
    CONSTRAINT level_epoch_pkey PRIMARY KEY (epoch),
    CONSTRAINT level_epoch_basis_fkey FOREIGN KEY (basis) REFERENCES level_basis
);
COMMENT ON TABLE level_epoch IS 'prices by which accounts were judged that are anchored to them; kept by refresh_levels()';
COMMENT ON COLUMN level_epoch.epoch IS 'rises; account_level.epoch refers to it';
COMMENT ON COLUMN level_epoch.basis IS 'the terms they were judged by';
COMMENT ON COLUMN level_epoch.prices IS 'by number: assets in byte order, then contracts; NaN: none. Rounded, to find the accounts to judge';
COMMENT ON COLUMN level_epoch.made_at IS 'start of the transaction of the refresh';
COMMENT ON COLUMN level_epoch.accounts IS 'that were anchored to it at first';
COMMENT ON CONSTRAINT level_epoch_basis_fkey ON level_epoch IS 'prices are numbered as in its market';

CREATE TABLE level_event (
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    LIKE account,
    from_level          margin.level NOT NULL,
    to_level            margin.level NOT NULL,
    equity              numeric,
    maintenance_margin  numeric,
    prices              jsonb NOT NULL,
    cause               text NOT NULL,
    changed_by          name NOT NULL DEFAULT margin.acting_user(),
    changed_at          timestamptz NOT NULL DEFAULT now(),
    txid                xid8 NOT NULL DEFAULT pg_current_xact_id(),
    paused              margin.level,
    held                jsonb,
    market_id           bigint,
    CONSTRAINT level_event_pkey PRIMARY KEY (id),
    CONSTRAINT level_event_changes CHECK (from_level <> to_level OR paused IS NOT NULL)
);
ALTER TABLE level_event ALTER account_id SET NOT NULL;
CREATE INDEX level_event_account_id_idx ON level_event (account_id, id);
CREATE INDEX level_event_changed_at_idx ON level_event (changed_at);
COMMENT ON TABLE level_event IS 'journal of level changes, append-only; the rows of an account, by id, lead from healthy to where it is';
COMMENT ON COLUMN level_event.id IS 'rises; within an account in the order of the changes';
COMMENT ON COLUMN level_event.account_id IS 'the account';
COMMENT ON COLUMN level_event.from_level IS 'the level left; healthy for an account never judged before';
COMMENT ON COLUMN level_event.to_level IS 'the level reached';
COMMENT ON COLUMN level_event.equity IS 'that decided, USD: equity less what open orders take of it by the venue''s rule orders_reduce_equity (judged_equity); null: unpriced';
COMMENT ON COLUMN level_event.maintenance_margin IS 'that decided, USD; null: unpriced';
COMMENT ON COLUMN level_event.prices IS 'that decided, for what the account holds, as of margin.prices()';
COMMENT ON COLUMN level_event.cause IS 'why the account was judged, in the words of the caller';
COMMENT ON COLUMN level_event.changed_by IS 'the role that acted';
COMMENT ON COLUMN level_event.changed_at IS 'start of the transaction';
COMMENT ON COLUMN level_event.txid IS 'the transaction';
COMMENT ON COLUMN level_event.market_id IS 'the published market by which it was judged; null: that is not published';
COMMENT ON COLUMN level_event.paused IS 'the worse level at which it would be, and stays where it is because of a price held; null: the level changed';
COMMENT ON COLUMN level_event.held IS 'the prices held that matter to it, where paused: {"assets": {"BTC": 30000}, "contracts": {}}';
COMMENT ON CONSTRAINT level_event_changes ON level_event IS 'no change is no event, unless there would have been one';
COMMENT ON INDEX level_event_account_id_idx IS 'the history of one account';
COMMENT ON INDEX level_event_changed_at_idx IS 'the changes of a time, and of a transaction';

CREATE TRIGGER level_event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON level_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER level_event_append_only ON level_event IS 'what happened is not rewritten';

CREATE TRIGGER level_event_notify AFTER INSERT ON level_event
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels();
COMMENT ON TRIGGER level_event_notify ON level_event IS 'one NOTIFY margin_level when the transaction commits';

CREATE TRIGGER forget_levels AFTER DELETE OR TRUNCATE ON account_level
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.forget_levels();
COMMENT ON TRIGGER forget_levels ON account_level IS 'a refresh finds again the accounts that have no level any more';
