-- market: where a shard receives the market

CREATE TABLE published_market (
    id               bigint NOT NULL,
    at               timestamptz NOT NULL,
    valid_until      timestamptz NOT NULL,
    market           margin.market NOT NULL,
    release_ratios   numeric[] NOT NULL,
    pausing_prices   jsonb,
    scenarios        margin.price_move[] NOT NULL,
    repayment_rules  margin.repayment_rule[] NOT NULL,
    received_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    only_row         boolean NOT NULL DEFAULT true,
    CONSTRAINT published_market_pkey PRIMARY KEY (only_row),
    CONSTRAINT published_market_one_row CHECK (only_row)
);
COMMENT ON TABLE published_market IS 'the market that the coordinator of the cluster sent last, in at most one row, by which the shard judges';
COMMENT ON COLUMN published_market.id IS 'which publication of the venue this is';
COMMENT ON COLUMN published_market.at IS 'the instant whose market it is, by the clock of the server that published it';
COMMENT ON COLUMN published_market.valid_until IS 'from then on it is not the market any more, and reading it is an error; infinity: never';
COMMENT ON COLUMN published_market.market IS 'the market';
COMMENT ON COLUMN published_market.release_ratios IS 'release_ratios() of the venue';
COMMENT ON COLUMN published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';
COMMENT ON COLUMN published_market.scenarios IS 'scenarios() of the venue';
COMMENT ON COLUMN published_market.repayment_rules IS 'repayment_rules() of the venue';
COMMENT ON COLUMN published_market.received_at IS 'when it was written here, by the clock of the shard';
COMMENT ON COLUMN published_market.only_row IS 'true';
COMMENT ON CONSTRAINT published_market_pkey ON published_market IS 'one market for all';
COMMENT ON CONSTRAINT published_market_one_row ON published_market IS 'there is one present market';

-- To compress what each tick writes anew costs more than it saves.
ALTER TABLE published_market ALTER market SET STORAGE EXTERNAL;

CREATE FUNCTION note_receipt() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE
AS $$
BEGIN
    NEW.received_at := pg_catalog.clock_timestamp();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION note_receipt() IS 'trigger: when a market was received, by the clock of the shard';

CREATE TRIGGER note_receipt BEFORE INSERT OR UPDATE ON published_market
    FOR EACH ROW EXECUTE FUNCTION note_receipt();
COMMENT ON TRIGGER note_receipt ON published_market IS 'received_at is the shard''s own clock';
