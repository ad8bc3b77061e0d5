-- published market: the present market as one row, which other databases may read
--
-- margin.enable_publishing() switches the triggers on.  A statement that writes
-- something of which the market is made asks for a publication, and the
-- transaction publishes once, at its end: what is locked last is locked for the
-- shortest time.

CREATE TABLE published_market (
    id               bigint NOT NULL,
    at               timestamptz NOT NULL,
    valid_until      timestamptz NOT NULL,
    market           margin.market NOT NULL,
    release_ratios   numeric[] NOT NULL,
    pausing_prices   jsonb,
    scenarios        margin.price_move[] NOT NULL,
    repayment_rules  margin.repayment_rule[] NOT NULL,
    only_row         boolean NOT NULL DEFAULT true,
    CONSTRAINT published_market_pkey PRIMARY KEY (only_row),
    CONSTRAINT published_market_one_row CHECK (only_row)
);
COMMENT ON TABLE published_market IS 'the market as it was published last, in at most one row, and what else a book needs of its venue; margin.publish_market() writes it';
COMMENT ON COLUMN published_market.id IS 'which publication this is; ids only grow';
COMMENT ON COLUMN published_market.at IS 'the instant whose market it is, by the clock of the server that published it';
COMMENT ON COLUMN published_market.valid_until IS
'from then on it is not the market any more: by the clock alone market() returns another one (a price is older than its max_age, an announced change takes effect), or the rule publish_for ends it; infinity: neither';
COMMENT ON COLUMN published_market.market IS 'market() at that instant';
COMMENT ON COLUMN published_market.release_ratios IS 'release_ratios() of the venue';
COMMENT ON COLUMN published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';
COMMENT ON COLUMN published_market.scenarios IS 'scenarios() of the venue';
COMMENT ON COLUMN published_market.repayment_rules IS 'repayment_rules() of the venue';
COMMENT ON COLUMN published_market.only_row IS 'true';
COMMENT ON CONSTRAINT published_market_one_row ON published_market IS 'there is one present market';

CREATE TABLE published_market_history (
    id               bigint NOT NULL,
    at               timestamptz NOT NULL,
    valid_until      timestamptz NOT NULL,
    market           margin.market NOT NULL,
    release_ratios   numeric[] NOT NULL,
    pausing_prices   jsonb,
    scenarios        margin.price_move[] NOT NULL,
    repayment_rules  margin.repayment_rule[] NOT NULL,
    CONSTRAINT published_market_history_pkey PRIMARY KEY (id)
);
COMMENT ON TABLE published_market_history IS 'every market that was published while margin.enable_publishing(history => true) held, as far back as price_retention keeps them';
COMMENT ON COLUMN published_market_history.id IS 'as in published_market';
COMMENT ON COLUMN published_market_history.at IS 'as in published_market';
COMMENT ON COLUMN published_market_history.valid_until IS 'as it was when it was published; the next one may have come before';
COMMENT ON COLUMN published_market_history.market IS 'as in published_market';
COMMENT ON COLUMN published_market_history.release_ratios IS 'as in published_market';
COMMENT ON COLUMN published_market_history.pausing_prices IS 'as in published_market';
COMMENT ON COLUMN published_market_history.scenarios IS 'as in published_market';
COMMENT ON COLUMN published_market_history.repayment_rules IS 'as in published_market';

CREATE TRIGGER append_only BEFORE UPDATE ON published_market_history
    FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();
COMMENT ON TRIGGER append_only ON published_market_history IS 'what was published is not rewritten, only pruned';

CREATE TABLE pending_publication (
    transaction  xid8 NOT NULL,
    CONSTRAINT pending_publication_pkey PRIMARY KEY (transaction)
);
COMMENT ON TABLE pending_publication IS 'transactions that will publish the market before they commit; each sees only its own, and takes it away when it publishes';
COMMENT ON COLUMN pending_publication.transaction IS 'the transaction that wrote something of which the market is made';

CREATE FUNCTION publish_market() RETURNS bigint
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT margin_internal.publish_market(NULL::planned_change);
END;
REVOKE ALL ON FUNCTION publish_market() FROM PUBLIC;
COMMENT ON FUNCTION publish_market() IS 'for margin.publish_market(): writes the present market into published_market and returns its id. Whoever publishes needs EXECUTE';

CREATE FUNCTION market_id() RETURNS bigint
LANGUAGE sql STABLE CALLED ON NULL INPUT PARALLEL SAFE
RETURN margin_internal.market_id(market());
COMMENT ON FUNCTION market_id() IS 'the id under which market() is published; null: it is not, or something has changed since; for whoever may execute market()';

CREATE FUNCTION request_publication() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO pending_publication (transaction) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION request_publication() FROM PUBLIC;
COMMENT ON FUNCTION request_publication() IS 'trigger: the transaction publishes the market before it commits';

CREATE FUNCTION publish_pending() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    -- unless it has been published since
    IF EXISTS (SELECT FROM pending_publication AS p WHERE p.transaction = NEW.transaction) THEN
        PERFORM publish_market();
    END IF;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION publish_pending() FROM PUBLIC;
COMMENT ON FUNCTION publish_pending() IS 'trigger: publishes the market, unless that was done meanwhile';

CREATE CONSTRAINT TRIGGER publish_market AFTER INSERT ON pending_publication
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION publish_pending();
COMMENT ON TRIGGER publish_market ON pending_publication IS 'the market is published once, at the end of the transaction or by SET CONSTRAINTS ... IMMEDIATE';

CREATE FUNCTION record_publication() RETURNS trigger
LANGUAGE plpgsql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO published_market_history (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules)
    VALUES (NEW.id, NEW.at, NEW.valid_until, NEW.market, NEW.release_ratios, NEW.pausing_prices, NEW.scenarios, NEW.repayment_rules)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION record_publication() FROM PUBLIC;
COMMENT ON FUNCTION record_publication() IS 'trigger: appends what is published to its history';

CREATE TRIGGER record AFTER INSERT OR UPDATE ON published_market
    FOR EACH ROW EXECUTE FUNCTION record_publication();
COMMENT ON TRIGGER record ON published_market IS 'what is published is appended to the history; off unless margin.enable_publishing(history => true)';
ALTER TABLE published_market DISABLE TRIGGER record;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON index_price
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON index_price IS 'whoever writes prices publishes the market; off unless margin.enable_publishing()';
ALTER TABLE index_price DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON mark_price
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON mark_price IS 'whoever writes prices publishes the market; off unless margin.enable_publishing()';
ALTER TABLE mark_price DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON held_price
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON held_price IS 'whoever writes prices publishes the market; off unless margin.enable_publishing()';
ALTER TABLE held_price DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON asset
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON asset IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE asset DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON asset_change
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON asset_change IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE asset_change DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON collateral_tier IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE collateral_tier DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON initial_collateral_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON initial_collateral_tier IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE initial_collateral_tier DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON liability_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON liability_tier IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE liability_tier DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contract
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON contract IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE contract DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON contract_change
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON contract_change IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE contract_change DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON risk_tier
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON risk_tier IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE risk_tier DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON level_threshold
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON level_threshold IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE level_threshold DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON venue_rule
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON venue_rule IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE venue_rule DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON scenario
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON scenario IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE scenario DISABLE TRIGGER publish;

CREATE TRIGGER publish AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON repayment_rule
    FOR EACH STATEMENT EXECUTE FUNCTION request_publication();
COMMENT ON TRIGGER publish ON repayment_rule IS 'whoever edits parameters publishes the market; off unless margin.enable_publishing(edits => true)';
ALTER TABLE repayment_rule DISABLE TRIGGER publish;
