-- surface: what a coordinator reads and asks of a shard, besides the tables and
-- views that every book has

CREATE TABLE shard_key (
    LIKE account,
    CONSTRAINT shard_key_pkey PRIMARY KEY (account_id)
) PARTITION BY HASH (account_id);
COMMENT ON TABLE shard_key IS 'always empty: by how it would be divided, the tables of accounts know which accounts are of this shard, satisfies_hash_partition(''shard_key''::regclass, modulus, remainder, account_id)';
COMMENT ON COLUMN shard_key.account_id IS 'an account';
COMMENT ON CONSTRAINT shard_key_pkey ON shard_key IS 'an account is on one shard';

-- In key order as account_portfolio reads them, so that what the coordinator groups
-- by account is merged here and never hashed.
CREATE VIEW ordered_holding WITH (security_invoker = true) AS
SELECT account_id, symbol, quantity, entry_price, leverage, kind FROM holding ORDER BY account_id;
COMMENT ON VIEW ordered_holding IS 'the rows of holding, account by account; the coordinator values accounts by them';
COMMENT ON COLUMN ordered_holding.account_id IS 'as in holding';
COMMENT ON COLUMN ordered_holding.symbol IS 'as in holding';
COMMENT ON COLUMN ordered_holding.quantity IS 'as in holding';
COMMENT ON COLUMN ordered_holding.entry_price IS 'as in holding';
COMMENT ON COLUMN ordered_holding.leverage IS 'as in holding';
COMMENT ON COLUMN ordered_holding.kind IS 'as in holding';

CREATE VIEW shard_house WITH (security_invoker = true) AS
SELECT margin.rollup(portfolio) AS portfolio FROM reported_portfolio;
COMMENT ON VIEW shard_house IS 'everything that the accounts of the shard hold, as one portfolio';
COMMENT ON COLUMN shard_house.portfolio IS 'the roll-up of all accounts';

CREATE VIEW shard_stress WITH (security_invoker = true) AS
SELECT scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss
  FROM report_known_stress();
COMMENT ON VIEW shard_stress IS 'the scenarios of the venue over the accounts of the shard; a row of nulls for one that names what the market lacks';
COMMENT ON COLUMN shard_stress.scenario IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.accounts IS 'as in report_stress; null: the scenario names what the market lacks';
COMMENT ON COLUMN shard_stress.warning IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.margin_call IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.liquidation IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.bankrupt IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.unpriced IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.equity IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.maintenance_margin IS 'as in report_stress';
COMMENT ON COLUMN shard_stress.loss IS 'as in report_stress';

CREATE VIEW shard_status WITH (security_invoker = true) AS
SELECT m.id AS market_id, m.at AS market_at, m.valid_until, m.received_at, clock_timestamp() AS clock,
       (SELECT count(*) FROM reported_portfolio) AS accounts,
       (SELECT jsonb_object_agg(l.level, l.accounts) FROM (SELECT level, count(*) AS accounts FROM account_level GROUP BY level) AS l) AS levels,
       greatest((SELECT max(e.made_at) FROM level_epoch AS e), (SELECT max(v.changed_at) FROM level_event AS v)) AS refreshed_at
  FROM (SELECT) AS one LEFT JOIN published_market AS m ON true;
COMMENT ON VIEW shard_status IS 'the shard in one row, for margin.cluster_status() of the coordinator';
COMMENT ON COLUMN shard_status.market_id IS 'the market it has; null: none yet';
COMMENT ON COLUMN shard_status.market_at IS 'the instant whose market that is';
COMMENT ON COLUMN shard_status.valid_until IS 'until when it is valid';
COMMENT ON COLUMN shard_status.received_at IS 'when it came, by the clock of the shard';
COMMENT ON COLUMN shard_status.clock IS 'the clock of the shard';
COMMENT ON COLUMN shard_status.accounts IS 'accounts that hold something';
COMMENT ON COLUMN shard_status.levels IS 'accounts by kept level; null: none are kept';
COMMENT ON COLUMN shard_status.refreshed_at IS 'when a refresh or a write last judged or changed levels; null: never';

CREATE VIEW shard_request WITH (security_invoker = true) AS
SELECT NULL::text AS command, NULL::jsonb AS argument, NULL::jsonb AS result WHERE false;
COMMENT ON VIEW shard_request IS 'always empty: a command that is inserted is carried out with the rights of the role that inserts it, and RETURNING result gives the answer. The coordinator does this through a foreign table';
COMMENT ON COLUMN shard_request.command IS 'keep_part, create_next, close, hold_market, judge, refresh_levels, refresh_kept, prepare_snapshots, take_snapshot, drop_snapshots';
COMMENT ON COLUMN shard_request.argument IS 'an object of arguments; null: none';
COMMENT ON COLUMN shard_request.result IS 'what the function returned';

-- The lock conflicts with whoever writes another market and with nobody else.
CREATE FUNCTION hold_market() RETURNS void
LANGUAGE sql VOLATILE CALLED ON NULL INPUT PARALLEL UNSAFE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT margin_internal.hold_market('published_market'::regclass);
END;
REVOKE ALL ON FUNCTION hold_market() FROM PUBLIC;
COMMENT ON FUNCTION hold_market() IS 'no other market comes until the transaction ends, so that what it judged stays judged; for roles that may judge across shards';

CREATE TRIGGER answer INSTEAD OF INSERT ON shard_request
    FOR EACH ROW EXECUTE FUNCTION margin_internal.answer_request();
COMMENT ON TRIGGER answer ON shard_request IS 'carries the command out';
