-- PostgreSQL database dump

-- Dumped from database version 15.20 (Debian 15.20-0+deb12u1)
-- Dumped by pg_dump version 15.20 (Debian 15.20-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

CREATE SCHEMA desk;

ALTER SCHEMA desk OWNER TO keeper;

CREATE SCHEMA house;

ALTER SCHEMA house OWNER TO keeper;

CREATE SCHEMA lone;

ALTER SCHEMA lone OWNER TO keeper;

CREATE EXTENSION IF NOT EXISTS margin WITH SCHEMA public;

COMMENT ON EXTENSION margin IS 'margin accounts: collateral, tiered haircuts, margin requirements, exact valuation';

CREATE SCHEMA shard;

ALTER SCHEMA shard OWNER TO keeper;

CREATE SCHEMA uuids;

ALTER SCHEMA uuids OWNER TO keeper;

CREATE DOMAIN desk.ratios AS margin.schedule
	CONSTRAINT ratios_check CHECK ((margin.apply(VALUE, (1)::numeric) <= (1)::numeric));

ALTER DOMAIN desk.ratios OWNER TO keeper;

SET default_tablespace = '';

SET default_table_access_method = heap;

CREATE TABLE desk.stored (
    id integer NOT NULL,
    p margin.portfolio,
    m margin.market,
    s margin.schedule,
    r desk.ratios,
    v margin.valuation,
    a margin.asset_terms[],
    c margin.contract_terms[],
    level margin.level,
    method margin.tier_method,
    tier_unit margin.tier_unit,
    netting margin.netting,
    side margin.side,
    equity numeric GENERATED ALWAYS AS (margin.equity(p, m)) STORED,
    CONSTRAINT stored_check CHECK ((margin.level(p, m) <= 'unpriced'::margin.level))
);

ALTER TABLE desk.stored OWNER TO keeper;

CREATE FUNCTION desk.revalued() RETURNS TABLE(id integer, v margin.valuation)
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT stored.id,
     margin.evaluate(stored.p, stored.m) AS evaluate
    FROM desk.stored;
END;

ALTER FUNCTION desk.revalued() OWNER TO keeper;

CREATE TABLE house.balance (
    account_id bigint NOT NULL,
    asset text NOT NULL,
    quantity numeric NOT NULL,
    note text DEFAULT 'none'::text,
    opened timestamp with time zone,
    CONSTRAINT balance_asset_length CHECK (((octet_length(asset) >= 1) AND (octet_length(asset) <= 255))),
    CONSTRAINT balance_quantity_finite CHECK (margin.is_amount(quantity))
);

ALTER TABLE house.balance OWNER TO keeper;

COMMENT ON TABLE house.balance IS 'wallet balances of accounts';

COMMENT ON COLUMN house.balance.account_id IS 'the account';

COMMENT ON COLUMN house.balance.asset IS 'symbol of the asset; one that the venue lacks makes the account unpriced';

COMMENT ON COLUMN house.balance.quantity IS 'in units of the asset; negative is a debt';

COMMENT ON CONSTRAINT balance_asset_length ON house.balance IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT balance_quantity_finite ON house.balance IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TABLE house.open_order (
    account_id bigint NOT NULL,
    order_id text NOT NULL,
    contract text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    leverage numeric,
    CONSTRAINT open_order_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT open_order_leverage_positive CHECK ((margin.is_amount(leverage) AND (leverage > (0)::numeric))),
    CONSTRAINT open_order_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT open_order_quantity_finite CHECK (margin.is_amount(quantity))
);

ALTER TABLE house.open_order OWNER TO keeper;

COMMENT ON TABLE house.open_order IS 'open orders of accounts: all that may still fill is taken as filled where that requires more margin; reduce-only orders are not entered';

COMMENT ON COLUMN house.open_order.account_id IS 'the account';

COMMENT ON COLUMN house.open_order.order_id IS 'tells the orders of an account apart';

COMMENT ON COLUMN house.open_order.contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';

COMMENT ON COLUMN house.open_order.quantity IS 'what is left to fill, in contracts; above 0 buys, below 0 sells';

COMMENT ON COLUMN house.open_order.price IS 'limit price, settlement asset per unit of the underlying; above 0';

COMMENT ON COLUMN house.open_order.leverage IS 'leverage chosen for what it opens; above 0; NULL: none chosen';

COMMENT ON CONSTRAINT open_order_contract_length ON house.open_order IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT open_order_leverage_positive ON house.open_order IS 'leverage is a divisor, so above 0';

COMMENT ON CONSTRAINT open_order_price_positive ON house.open_order IS 'a limit price is above 0';

COMMENT ON CONSTRAINT open_order_quantity_finite ON house.open_order IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TABLE house."position" (
    account_id bigint NOT NULL,
    contract text NOT NULL,
    side text DEFAULT 'long'::text NOT NULL,
    quantity numeric NOT NULL,
    entry_price numeric NOT NULL,
    leverage numeric,
    CONSTRAINT position_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT position_entry_price_range CHECK ((margin.is_amount(entry_price) AND (entry_price >= (0)::numeric))),
    CONSTRAINT position_leverage_positive CHECK ((margin.is_amount(leverage) AND (leverage > (0)::numeric))),
    CONSTRAINT position_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT position_side_of_quantity CHECK ((side =
CASE
    WHEN (quantity < (0)::numeric) THEN 'short'::text
    ELSE 'long'::text
END))
);

ALTER TABLE house."position" OWNER TO keeper;

COMMENT ON TABLE house."position" IS 'open positions of accounts: at most one long and one short in a contract';

COMMENT ON COLUMN house."position".account_id IS 'the account';

COMMENT ON COLUMN house."position".contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';

COMMENT ON COLUMN house."position".side IS 'short where quantity is below 0, else long; set by itself, rows are entered without it';

COMMENT ON COLUMN house."position".quantity IS 'in contracts; above 0 is long, below 0 short';

COMMENT ON COLUMN house."position".entry_price IS 'average entry price, settlement asset per unit of the underlying';

COMMENT ON COLUMN house."position".leverage IS 'leverage chosen, sets the initial margin; above 0; NULL: none chosen';

COMMENT ON CONSTRAINT position_contract_length ON house."position" IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT position_entry_price_range ON house."position" IS 'an entry price is never negative';

COMMENT ON CONSTRAINT position_leverage_positive ON house."position" IS 'leverage is a divisor, so above 0';

COMMENT ON CONSTRAINT position_quantity_finite ON house."position" IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

COMMENT ON CONSTRAINT position_side_of_quantity ON house."position" IS 'the side is the sign of the quantity';

CREATE FUNCTION house.about() RETURNS margin.about
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ROW('1.0'::text, 'house'::regnamespace, 'house.balance'::regclass, 'house."position"'::regclass, 'house.open_order'::regclass)::margin.about;

ALTER FUNCTION house.about() OWNER TO keeper;

COMMENT ON FUNCTION house.about() IS 'release, venue, and where the rows come from';

CREATE FUNCTION house.account_key(account text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN account;
END
$$;

ALTER FUNCTION house.account_key(account text) OWNER TO keeper;

COMMENT ON FUNCTION house.account_key(account text) IS 'the account whose key has this text; an error for a text that is no key; null for null';

CREATE TABLE house.asset_change (
    asset text NOT NULL,
    tier_unit text DEFAULT 'quantity'::text NOT NULL,
    liability_weight numeric DEFAULT 1 NOT NULL,
    requirement_weight numeric DEFAULT 1 NOT NULL,
    max_age interval,
    source text,
    initial_liability_weight numeric,
    valid_from timestamp with time zone NOT NULL,
    CONSTRAINT asset_asset_length CHECK (((octet_length(asset) >= 1) AND (octet_length(asset) <= 255))),
    CONSTRAINT asset_change_valid_from_finite CHECK (isfinite(valid_from)),
    CONSTRAINT asset_initial_liability_weight_range CHECK ((margin.is_amount(initial_liability_weight) AND (initial_liability_weight >= (1)::numeric))),
    CONSTRAINT asset_liability_weight_range CHECK ((margin.is_amount(liability_weight) AND (liability_weight >= (1)::numeric))),
    CONSTRAINT asset_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT asset_requirement_weight_positive CHECK ((margin.is_amount(requirement_weight) AND (requirement_weight > (0)::numeric))),
    CONSTRAINT asset_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['quantity'::text, 'value'::text])))
);

ALTER TABLE house.asset_change OWNER TO keeper;

COMMENT ON TABLE house.asset_change IS 'terms of assets from an instant on, all of them; until the first such instant those in asset hold';

COMMENT ON COLUMN house.asset_change.asset IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN house.asset_change.tier_unit IS 'what the bounds of its collateral tiers measure: quantity (units of the asset) or value (USD)';

COMMENT ON COLUMN house.asset_change.liability_weight IS 'multiplies the value of a negative equity in this asset; at least 1';

COMMENT ON COLUMN house.asset_change.requirement_weight IS 'multiplies margin requirements settled in this asset; above 0';

COMMENT ON COLUMN house.asset_change.max_age IS 'an index price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN house.asset_change.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN house.asset_change.initial_liability_weight IS 'the same as liability_weight for the initial measure, by which orders and withdrawals are judged; at least 1; NULL: liability_weight';

COMMENT ON COLUMN house.asset_change.valid_from IS 'the latest terms not after the instant of a market apply';

COMMENT ON CONSTRAINT asset_asset_length ON house.asset_change IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT asset_change_valid_from_finite ON house.asset_change IS 'the terms without a beginning are those in asset';

COMMENT ON CONSTRAINT asset_initial_liability_weight_range ON house.asset_change IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_liability_weight_range ON house.asset_change IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_max_age_positive ON house.asset_change IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT asset_requirement_weight_positive ON house.asset_change IS 'a weight of 0 would waive every requirement';

COMMENT ON CONSTRAINT asset_tier_unit_known ON house.asset_change IS 'quantity or value';

CREATE TABLE house.collateral_tier (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    ratio numeric NOT NULL,
    CONSTRAINT collateral_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT collateral_tier_ratio_range CHECK ((margin.is_amount(ratio) AND ((ratio >= (0)::numeric) AND (ratio <= (1)::numeric))))
);

ALTER TABLE house.collateral_tier OWNER TO keeper;

COMMENT ON TABLE house.collateral_tier IS 'collateral ratio schedules: rows that share asset and valid_from form one; an asset without is not accepted as collateral';

COMMENT ON COLUMN house.collateral_tier.asset IS 'the asset held';

COMMENT ON COLUMN house.collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies';

COMMENT ON COLUMN house.collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.tier_unit says; it ends where the next begins';

COMMENT ON COLUMN house.collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';

COMMENT ON CONSTRAINT collateral_tier_lower_bound_range ON house.collateral_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT collateral_tier_ratio_range ON house.collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE house.contract_change (
    contract text NOT NULL,
    settle text NOT NULL,
    base text,
    contract_size numeric NOT NULL,
    netting text DEFAULT 'leg'::text NOT NULL,
    closing_fee numeric DEFAULT 0 NOT NULL,
    maintenance_method text DEFAULT 'marginal'::text NOT NULL,
    initial_method text DEFAULT 'whole'::text NOT NULL,
    max_age interval,
    source text,
    opening_fee numeric DEFAULT 0 NOT NULL,
    tier_unit text DEFAULT 'notional'::text NOT NULL,
    order_maintenance boolean DEFAULT false NOT NULL,
    payoff text DEFAULT 'linear'::text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    CONSTRAINT contract_change_valid_from_finite CHECK (isfinite(valid_from)),
    CONSTRAINT contract_closing_fee_range CHECK ((margin.is_amount(closing_fee) AND (closing_fee >= (0)::numeric))),
    CONSTRAINT contract_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT contract_contract_size_positive CHECK ((margin.is_amount(contract_size) AND (contract_size > (0)::numeric))),
    CONSTRAINT contract_initial_method_known CHECK ((initial_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_maintenance_method_known CHECK ((maintenance_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT contract_netting_known CHECK ((netting = ANY (ARRAY['leg'::text, 'larger'::text, 'net'::text]))),
    CONSTRAINT contract_opening_fee_range CHECK ((margin.is_amount(opening_fee) AND (opening_fee >= (0)::numeric))),
    CONSTRAINT contract_payoff_linear CHECK ((payoff = 'linear'::text)),
    CONSTRAINT contract_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['notional'::text, 'contracts'::text])))
);

ALTER TABLE house.contract_change OWNER TO keeper;

COMMENT ON TABLE house.contract_change IS 'terms of contracts from an instant on, all of them; until the first such instant those in contract hold';

COMMENT ON COLUMN house.contract_change.contract IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN house.contract_change.settle IS 'settlement asset: mark price, notional, profit and margin of the contract are counted in it';

COMMENT ON COLUMN house.contract_change.base IS 'underlying asset, for linked price shocks; never enters a valuation; may be absent';

COMMENT ON COLUMN house.contract_change.contract_size IS 'units of the underlying in one contract; above 0';

COMMENT ON COLUMN house.contract_change.netting IS 'what margin is taken on: leg (each side by itself), larger (the larger side), net (the difference)';

COMMENT ON COLUMN house.contract_change.closing_fee IS 'rate added to maintenance on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN house.contract_change.maintenance_method IS 'how its maintenance rates apply: marginal (each to the part inside its tier) or whole (the tier reached, to all)';

COMMENT ON COLUMN house.contract_change.initial_method IS 'how its initial rates apply: marginal or whole';

COMMENT ON COLUMN house.contract_change.max_age IS 'a mark price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN house.contract_change.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN house.contract_change.opening_fee IS 'rate added to the initial requirement on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN house.contract_change.tier_unit IS 'what the bounds of its risk tiers measure: notional (of a leg, in the settlement asset) or contracts';

COMMENT ON COLUMN house.contract_change.order_maintenance IS 'whether open orders require maintenance, too';

COMMENT ON COLUMN house.contract_change.payoff IS 'linear: profit is size * (mark - entry price) in the settlement asset. Nothing else is valued, so nothing else can be entered: an inverse or quanto contract would be given a wrong profit';

COMMENT ON COLUMN house.contract_change.valid_from IS 'the latest terms not after the instant of a market apply';

COMMENT ON CONSTRAINT contract_change_valid_from_finite ON house.contract_change IS 'the terms without a beginning are those in contract';

COMMENT ON CONSTRAINT contract_closing_fee_range ON house.contract_change IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_contract_length ON house.contract_change IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT contract_contract_size_positive ON house.contract_change IS 'a contract of size 0 would be worth nothing';

COMMENT ON CONSTRAINT contract_initial_method_known ON house.contract_change IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_maintenance_method_known ON house.contract_change IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_max_age_positive ON house.contract_change IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT contract_netting_known ON house.contract_change IS 'leg, larger or net';

COMMENT ON CONSTRAINT contract_opening_fee_range ON house.contract_change IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_payoff_linear ON house.contract_change IS 'only linear contracts are valued; the trigger payoff says what to do with others';

COMMENT ON CONSTRAINT contract_tier_unit_known ON house.contract_change IS 'notional or contracts';

CREATE TABLE house.initial_collateral_tier (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    ratio numeric NOT NULL,
    CONSTRAINT initial_collateral_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT initial_collateral_tier_ratio_range CHECK ((margin.is_amount(ratio) AND ((ratio >= (0)::numeric) AND (ratio <= (1)::numeric))))
);

ALTER TABLE house.initial_collateral_tier OWNER TO keeper;

COMMENT ON TABLE house.initial_collateral_tier IS 'collateral ratio schedules of the initial measure, by which orders and withdrawals are judged; an asset without them is judged by its collateral_tier alone';

COMMENT ON COLUMN house.initial_collateral_tier.asset IS 'the asset held; it has a collateral_tier too';

COMMENT ON COLUMN house.initial_collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies, while the asset has one in collateral_tier';

COMMENT ON COLUMN house.initial_collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.tier_unit says; it ends where the next begins';

COMMENT ON COLUMN house.initial_collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';

COMMENT ON CONSTRAINT initial_collateral_tier_lower_bound_range ON house.initial_collateral_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT initial_collateral_tier_ratio_range ON house.initial_collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE house.liability_tier (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    maintenance_rate numeric NOT NULL,
    CONSTRAINT liability_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT liability_tier_maintenance_rate_range CHECK ((margin.is_amount(maintenance_rate) AND (maintenance_rate >= (0)::numeric)))
);

ALTER TABLE house.liability_tier OWNER TO keeper;

COMMENT ON TABLE house.liability_tier IS 'maintenance schedules of debts: rows that share asset and valid_from form one; a debt in an asset without needs no maintenance';

COMMENT ON COLUMN house.liability_tier.asset IS 'the asset owed';

COMMENT ON COLUMN house.liability_tier.valid_from IS 'the latest schedule not after the instant of a market applies';

COMMENT ON COLUMN house.liability_tier.lower_bound IS 'where the tier begins, in units of the asset owed; it ends where the next begins';

COMMENT ON COLUMN house.liability_tier.maintenance_rate IS 'maintenance margin per unit owed inside the tier; never falls from tier to tier';

COMMENT ON CONSTRAINT liability_tier_lower_bound_range ON house.liability_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT liability_tier_maintenance_rate_range ON house.liability_tier IS 'a requirement is never negative';

CREATE TABLE house.risk_tier (
    contract text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    maintenance_rate numeric NOT NULL,
    initial_rate numeric,
    CONSTRAINT risk_tier_initial_rate_range CHECK ((margin.is_amount(initial_rate) AND (initial_rate >= (0)::numeric))),
    CONSTRAINT risk_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT risk_tier_maintenance_rate_range CHECK ((margin.is_amount(maintenance_rate) AND (maintenance_rate >= (0)::numeric)))
);

ALTER TABLE house.risk_tier OWNER TO keeper;

COMMENT ON TABLE house.risk_tier IS 'margin rate schedules: rows that share contract and valid_from form one; positions in a contract without are unpriced';

COMMENT ON COLUMN house.risk_tier.contract IS 'the contract';

COMMENT ON COLUMN house.risk_tier.valid_from IS 'the latest schedule not after the instant of a market applies';

COMMENT ON COLUMN house.risk_tier.lower_bound IS 'where the tier begins: notional of a leg, in the settlement asset, or contracts, as contract.tier_unit says; it ends where the next begins';

COMMENT ON COLUMN house.risk_tier.maintenance_rate IS 'maintenance margin per unit of notional; never falls from tier to tier';

COMMENT ON COLUMN house.risk_tier.initial_rate IS 'initial margin per unit of notional, in all tiers of a schedule or in none; never falls from tier to tier';

COMMENT ON CONSTRAINT risk_tier_initial_rate_range ON house.risk_tier IS 'a requirement is never negative';

COMMENT ON CONSTRAINT risk_tier_lower_bound_range ON house.risk_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT risk_tier_maintenance_rate_range ON house.risk_tier IS 'a requirement is never negative';

CREATE VIEW house.planned_change WITH (security_invoker='true') AS
 SELECT asset_change.valid_from,
    'asset'::text AS parameter,
    asset_change.asset AS symbol
   FROM house.asset_change
  WHERE (asset_change.valid_from > now())
UNION ALL
 SELECT contract_change.valid_from,
    'contract'::text AS parameter,
    contract_change.contract AS symbol
   FROM house.contract_change
  WHERE (contract_change.valid_from > now())
UNION ALL
 SELECT DISTINCT collateral_tier.valid_from,
    'collateral_tier'::text AS parameter,
    collateral_tier.asset AS symbol
   FROM house.collateral_tier
  WHERE (collateral_tier.valid_from > now())
UNION ALL
 SELECT DISTINCT initial_collateral_tier.valid_from,
    'initial_collateral_tier'::text AS parameter,
    initial_collateral_tier.asset AS symbol
   FROM house.initial_collateral_tier
  WHERE (initial_collateral_tier.valid_from > now())
UNION ALL
 SELECT DISTINCT liability_tier.valid_from,
    'liability_tier'::text AS parameter,
    liability_tier.asset AS symbol
   FROM house.liability_tier
  WHERE (liability_tier.valid_from > now())
UNION ALL
 SELECT DISTINCT risk_tier.valid_from,
    'risk_tier'::text AS parameter,
    risk_tier.contract AS symbol
   FROM house.risk_tier
  WHERE (risk_tier.valid_from > now());

ALTER TABLE house.planned_change OWNER TO keeper;

COMMENT ON VIEW house.planned_change IS 'parameters entered ahead that have not taken effect yet; what they will do to the accounts of a book is in its report_impact(valid_from)';

COMMENT ON COLUMN house.planned_change.valid_from IS 'when they will';

COMMENT ON COLUMN house.planned_change.parameter IS 'what changes: terms of an asset or contract, or a tier schedule by the name of its table';

COMMENT ON COLUMN house.planned_change.symbol IS 'the asset or contract';

CREATE FUNCTION house.market() RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.kept_market(NULL::house.planned_change, now());

ALTER FUNCTION house.market() OWNER TO keeper;

COMMENT ON FUNCTION house.market() IS 'the present market of the venue: parameters and prices as they stand at now(), prices older than their max_age left out';

CREATE FUNCTION house.venue_market() RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.market();

ALTER FUNCTION house.venue_market() OWNER TO keeper;

COMMENT ON FUNCTION house.venue_market() IS 'the present market of the venue';

CREATE VIEW house.holding WITH (security_invoker='true') AS
 SELECT balance.account_id,
    balance.asset AS symbol,
    balance.quantity,
    NULL::numeric AS entry_price,
    NULL::numeric AS leverage,
    'balance'::margin.holding_kind AS kind
   FROM house.balance
UNION ALL
 SELECT "position".account_id,
    "position".contract AS symbol,
    "position".quantity,
    "position".entry_price,
    "position".leverage,
    'position'::margin.holding_kind AS kind
   FROM house."position"
UNION ALL
 SELECT open_order.account_id,
    open_order.contract AS symbol,
    open_order.quantity,
    open_order.price AS entry_price,
    open_order.leverage,
    'order'::margin.holding_kind AS kind
   FROM house.open_order;

ALTER TABLE house.holding OWNER TO keeper;

COMMENT ON VIEW house.holding IS 'balances, positions and open orders as holdings, the rows that account_portfolio nets';

COMMENT ON COLUMN house.holding.account_id IS 'the account';

COMMENT ON COLUMN house.holding.symbol IS 'symbol of the asset of a balance, or of the contract of a position or order';

COMMENT ON COLUMN house.holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short or sells';

COMMENT ON COLUMN house.holding.entry_price IS 'of a position, or the limit price of an order, settlement asset per unit of the underlying; null for a balance';

COMMENT ON COLUMN house.holding.leverage IS 'chosen for a position or order; null: none, or a balance';

COMMENT ON COLUMN house.holding.kind IS 'balance, position or order';

CREATE VIEW house.account_portfolio WITH (security_invoker='true') AS
 SELECT h.account_id,
    margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage, h.kind) AS portfolio
   FROM ( SELECT holding.account_id,
            holding.symbol,
            holding.quantity,
            holding.entry_price,
            holding.leverage,
            holding.kind
           FROM house.holding
          ORDER BY holding.account_id) h
  GROUP BY h.account_id;

ALTER TABLE house.account_portfolio OWNER TO keeper;

COMMENT ON VIEW house.account_portfolio IS 'what each account holds, netted; rows without an account form one with a null key, so that no holding is lost';

COMMENT ON COLUMN house.account_portfolio.account_id IS 'the account';

COMMENT ON COLUMN house.account_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW house.account_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (house.account_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, house.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE house.account_margin OWNER TO keeper;

COMMENT ON VIEW house.account_margin IS 'the valuation of every account that holds something, in the present market; others have no row';

COMMENT ON COLUMN house.account_margin.account_id IS 'the account';

COMMENT ON COLUMN house.account_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.account_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN house.account_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN house.account_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN house.account_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN house.account_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN house.account_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN house.account_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN house.account_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN house.account_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN house.account_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN house.account_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN house.account_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN house.account_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN house.account_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN house.account_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION house.account_margin(account_id bigint) RETURNS SETOF house.account_margin
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss
    FROM house.account_margin a
   WHERE (a.account_id = account_margin.account_id)
  OFFSET 0;
END;

ALTER FUNCTION house.account_margin(account_id bigint) OWNER TO keeper;

COMMENT ON FUNCTION house.account_margin(account_id bigint) IS 'the row of one account in the view account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';

CREATE FUNCTION house.account_margin(account_id bigint, market margin.market) RETURNS SETOF house.account_margin
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT p.account_id,
     (valued.v).equity AS equity,
     (valued.v).collateral_value AS collateral_value,
     (valued.v).liabilities AS liabilities,
     (valued.v).net_asset_value AS net_asset_value,
     (valued.v).haircut AS haircut,
     (valued.v).unrealized_pnl AS unrealized_pnl,
     (valued.v).initial_margin AS initial_margin,
     (valued.v).maintenance_margin AS maintenance_margin,
     (valued.v).available_margin AS available_margin,
     (valued.v).shortfall AS shortfall,
     (valued.v).margin_ratio AS margin_ratio,
     (valued.v).level AS level,
     (valued.v).missing AS missing,
     (valued.v).initial_equity AS initial_equity,
     (valued.v).order_margin AS order_margin,
     (valued.v).order_loss AS order_loss
    FROM (house.account_portfolio p
      CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, account_margin.market) AS v
          OFFSET 0) valued)
   WHERE (p.account_id = account_margin.account_id)
  OFFSET 0;
END;

ALTER FUNCTION house.account_margin(account_id bigint, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION house.account_margin(account_id bigint, market margin.market) IS 'the same in a given market; amounts, level and missing are null where the market is';

CREATE TABLE house.snapshot (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
)
PARTITION BY RANGE (taken_at);

ALTER TABLE house.snapshot OWNER TO keeper;

COMMENT ON TABLE house.snapshot IS 'snapshots of the book: one row each, partitioned by UTC day; margin.prepare_snapshots() makes the partitions';

COMMENT ON COLUMN house.snapshot.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot.market_id IS 'the id under which that market is published; null: it is not';

CREATE FUNCTION house.snapshot_at(as_of timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT s.taken_at
            FROM house.snapshot s
           WHERE (s.taken_at <= snapshot_at.as_of)
           ORDER BY s.taken_at DESC
          LIMIT 1), margin_internal.no_snapshot(as_of, ( SELECT min(s.taken_at) AS min
            FROM house.snapshot s))) AS "coalesce";
END;

ALTER FUNCTION house.snapshot_at(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.snapshot_at(as_of timestamp with time zone) IS 'the latest snapshot at or before an instant; an error if there is none; null for null';

CREATE TABLE house.account_level (
    account_id bigint NOT NULL,
    level margin.level NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    epoch bigint DEFAULT '-2'::integer NOT NULL,
    room double precision DEFAULT 0 NOT NULL,
    mask bigint DEFAULT 0 NOT NULL,
    portfolio margin.portfolio,
    paused margin.level
)
WITH (fillfactor='90');

ALTER TABLE house.account_level OWNER TO keeper;

COMMENT ON TABLE house.account_level IS 'the level each account is at, by the last refresh; an account without a row was never judged';

COMMENT ON COLUMN house.account_level.account_id IS 'the account';

COMMENT ON COLUMN house.account_level.level IS 'judged, or held by a release ratio; healthy also once nothing is held any more';

COMMENT ON COLUMN house.account_level.since IS 'start of the transaction that brought it there; of the first judgement, where that was healthy';

COMMENT ON COLUMN house.account_level.epoch IS 'level_epoch by whose prices the level is proven; -1: none, judged at every refresh; -2: written since; -3: entered as healthy, but not judged yet';

COMMENT ON COLUMN house.account_level.room IS 'how far prices may move from those of the epoch, in proportion, with the level unchanged';

COMMENT ON COLUMN house.account_level.mask IS 'symbols that the account depends on, by number modulo 64, as of level_epoch.prices';

COMMENT ON COLUMN house.account_level.portfolio IS 'what the account holds, open orders too, as of the last commit, while levels are kept (enable_levels()); null: nothing';

COMMENT ON COLUMN house.account_level.paused IS 'the worse level at which it would be, by the last refresh, but for a price held by the venue (held_prices_pause_levels); null: none';

CREATE TABLE house.account_snapshot (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
)
PARTITION BY RANGE (taken_at);

ALTER TABLE house.account_snapshot OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot IS 'the accounts of snapshots as they are stored, partitioned by UTC day; account_margin_at() and portfolios() read every form of snapshot';

COMMENT ON COLUMN house.account_snapshot.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE VIEW house.reported_portfolio WITH (security_invoker='true') AS
 SELECT l.account_id,
    l.portfolio
   FROM house.account_level l
  WHERE ((l.portfolio IS NOT NULL) AND ( SELECT margin_internal.levels_are_kept('house.account_level'::regclass) AS levels_are_kept))
UNION ALL
 SELECT p.account_id,
    p.portfolio
   FROM house.account_portfolio p
  WHERE (NOT ( SELECT margin_internal.levels_are_kept('house.account_level'::regclass) AS levels_are_kept));

ALTER TABLE house.reported_portfolio OWNER TO keeper;

COMMENT ON VIEW house.reported_portfolio IS 'what each account holds: kept_portfolio where it is kept, else account_portfolio; for what reads a whole book';

COMMENT ON COLUMN house.reported_portfolio.account_id IS 'the account';

COMMENT ON COLUMN house.reported_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE FUNCTION house.portfolios(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT portfolio margin.portfolio) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT p.account_id,
     p.portfolio
    FROM house.reported_portfolio p
   WHERE (portfolios.as_of IS NULL)
 UNION ALL
  SELECT a.account_id,
     a.portfolio
    FROM house.account_snapshot a
   WHERE ((portfolios.as_of IS NOT NULL) AND ( SELECT (s.form <> 'changes'::margin.snapshot_form)
            FROM house.snapshot s
           WHERE (s.taken_at = ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at))) AND (a.taken_at = ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at)))
 UNION ALL
  SELECT latest.account_id,
     latest.portfolio
    FROM ( SELECT DISTINCT ON (a.account_id) a.account_id,
             a.portfolio
            FROM (house.snapshot s
              JOIN house.account_snapshot a ON ((a.taken_at = s.taken_at)))
           WHERE ((s.base = ( SELECT t.base
                    FROM house.snapshot t
                   WHERE (t.taken_at = ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (s.taken_at >= ( SELECT t.base
                    FROM house.snapshot t
                   WHERE (t.taken_at = ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (s.taken_at <= ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at)) AND (a.taken_at >= ( SELECT t.base
                    FROM house.snapshot t
                   WHERE (t.taken_at = ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (a.taken_at <= ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at)))
           ORDER BY a.account_id, a.taken_at DESC) latest
   WHERE ((portfolios.as_of IS NOT NULL) AND ( SELECT (s.form = 'changes'::margin.snapshot_form)
            FROM house.snapshot s
           WHERE (s.taken_at = ( SELECT house.snapshot_at(portfolios.as_of) AS snapshot_at))) AND (latest.portfolio IS NOT NULL));
END;

ALTER FUNCTION house.portfolios(as_of timestamp with time zone, OUT account_id bigint, OUT portfolio margin.portfolio) OWNER TO keeper;

COMMENT ON FUNCTION house.portfolios(as_of timestamp with time zone, OUT account_id bigint, OUT portfolio margin.portfolio) IS 'what every account held, in the latest snapshot at or before as_of; an error if there is none; null: what it holds now';

CREATE FUNCTION house.revalue(as_of timestamp with time zone, market margin.market) RETURNS SETOF house.account_margin
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     (a.v).equity AS equity,
     (a.v).collateral_value AS collateral_value,
     (a.v).liabilities AS liabilities,
     (a.v).net_asset_value AS net_asset_value,
     (a.v).haircut AS haircut,
     (a.v).unrealized_pnl AS unrealized_pnl,
     (a.v).initial_margin AS initial_margin,
     (a.v).maintenance_margin AS maintenance_margin,
     (a.v).available_margin AS available_margin,
     (a.v).shortfall AS shortfall,
     (a.v).margin_ratio AS margin_ratio,
     (a.v).level AS level,
     (a.v).missing AS missing,
     (a.v).initial_equity AS initial_equity,
     (a.v).order_margin AS order_margin,
     (a.v).order_loss AS order_loss
    FROM ( SELECT p.account_id,
             margin.evaluate(p.portfolio, ( SELECT revalue.market AS market)) AS v
            FROM house.portfolios(revalue.as_of) p(account_id, portfolio)
          OFFSET 0) a;
END;

ALTER FUNCTION house.revalue(as_of timestamp with time zone, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION house.revalue(as_of timestamp with time zone, market margin.market) IS 'the accounts of the latest snapshot at or before as_of, null: as they are now, valued in a market of choice: that of a venue, or snapshot_market(...) for a past one; an error if there is no snapshot; amounts, level and missing are null where the market is';

CREATE FUNCTION house.snapshot_market(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (as_of IS NULL) THEN house.venue_market()
             ELSE ( SELECT (ARRAY[s.market])[1] AS "array"
                FROM house.snapshot s
               WHERE (s.taken_at = ( SELECT house.snapshot_at(snapshot_market.as_of) AS snapshot_at)))
         END AS "array";
END;

ALTER FUNCTION house.snapshot_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.snapshot_market(as_of timestamp with time zone) IS 'the market of the latest snapshot at or before as_of, prices and parameters as they were then; an error if there is none; null: the present one. Unlike market(as_of) of a venue, which puts the parameters of another time beside present prices';

CREATE VIEW house.reported_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (house.reported_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, house.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE house.reported_margin OWNER TO keeper;

COMMENT ON VIEW house.reported_margin IS 'the valuation of every account of reported_portfolio in the present market, for what reads a whole book';

COMMENT ON COLUMN house.reported_margin.account_id IS 'the account';

COMMENT ON COLUMN house.reported_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.reported_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN house.reported_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN house.reported_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN house.reported_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN house.reported_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN house.reported_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN house.reported_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN house.reported_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN house.reported_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN house.reported_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN house.reported_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN house.reported_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN house.reported_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN house.reported_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN house.reported_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION house.account_margin_at(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     now() AS now
    FROM house.reported_margin a
   WHERE (account_margin_at.as_of IS NULL)
 UNION ALL
  SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     a.taken_at
    FROM house.account_snapshot a
   WHERE ((account_margin_at.as_of IS NOT NULL) AND ( SELECT (s.form = 'full'::margin.snapshot_form)
            FROM house.snapshot s
           WHERE (s.taken_at = ( SELECT house.snapshot_at(account_margin_at.as_of) AS snapshot_at))) AND (a.taken_at = ( SELECT house.snapshot_at(account_margin_at.as_of) AS snapshot_at)))
 UNION ALL
  SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     ( SELECT house.snapshot_at(account_margin_at.as_of) AS snapshot_at) AS snapshot_at
    FROM house.revalue(account_margin_at.as_of, ( SELECT house.snapshot_market(account_margin_at.as_of) AS snapshot_market)) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss)
   WHERE ((account_margin_at.as_of IS NOT NULL) AND ( SELECT (s.form <> 'full'::margin.snapshot_form)
            FROM house.snapshot s
           WHERE (s.taken_at = ( SELECT house.snapshot_at(account_margin_at.as_of) AS snapshot_at))));
END;

ALTER FUNCTION house.account_margin_at(as_of timestamp with time zone, OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.account_margin_at(as_of timestamp with time zone, OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) IS 'account_margin as of an instant: the valuations of the latest snapshot at or before it, and when it was taken; an error if there is none; null: now. Exactly what was computed then: stored, or computed again from the stored portfolio and market where the snapshot stores no valuations';

CREATE FUNCTION house.check_priced_symbol() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF NEW.kind = 'asset' THEN
        PERFORM FROM asset AS a WHERE a.asset = NEW.symbol FOR KEY SHARE;
    ELSE
        PERFORM FROM contract AS c WHERE c.contract = NEW.symbol FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'symbol',
            MESSAGE = format('%s "%s" does not exist', NEW.kind, NEW.symbol),
            HINT = format('A row of %s is about an asset or a contract of this venue, as kind says.', TG_TABLE_NAME);
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION house.check_priced_symbol() OWNER TO keeper;

COMMENT ON FUNCTION house.check_priced_symbol() IS 'trigger: the asset or contract that a row is about exists, and stays until the transaction ends';

CREATE FUNCTION house.check_thresholds() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    ratios numeric[];
    releases numeric[];
    what text := 'level thresholds';
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    SELECT array_agg(k.margin_ratio ORDER BY k.level), array_agg(coalesce(t.release_ratio, k.margin_ratio) ORDER BY k.level)
      INTO ratios, releases
      FROM margin.thresholds('{}') AS d
      LEFT JOIN level_threshold AS t ON t.level = d.level::text,
           LATERAL (SELECT d.level, coalesce(t.margin_ratio, d.margin_ratio) AS margin_ratio) AS k;
    BEGIN
        PERFORM margin.market(NULL, NULL, ratios[1], ratios[2], ratios[3]);
        what := 'release ratios';
        PERFORM margin.market(NULL, NULL, releases[1], releases[2], releases[3]);
    EXCEPTION WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = format('%s: %s', what, CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not in order' END),
            HINT = 'They rise or stay from warning to margin_call to liquidation. Without a row a level begins at 0.7, 0.85 or 1; without a release ratio it is left at its threshold.';
    END;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.check_thresholds() OWNER TO keeper;

COMMENT ON FUNCTION house.check_thresholds() IS 'trigger: warning <= margin_call <= liquidation, with the defaults for those without a row; their release ratios likewise';

CREATE FUNCTION house.check_tiers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    edited record;
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR edited IN
        SELECT DISTINCT coalesce(r.tier ->> 'asset', r.tier ->> 'contract') AS symbol, (r.tier ->> 'valid_from')::timestamptz AS valid_from
          FROM (SELECT to_jsonb(OLD) WHERE TG_OP <> 'INSERT' UNION SELECT to_jsonb(NEW) WHERE TG_OP <> 'DELETE') AS r (tier)
         ORDER BY symbol, valid_from
    LOOP
        IF TG_TABLE_NAME = 'risk_tier' THEN
            UPDATE contract AS c SET source = c.source WHERE c.contract = edited.symbol AND c.xmin <> pg_current_xact_id()::xid;
        ELSE
            UPDATE asset AS a SET source = a.source WHERE a.asset = edited.symbol AND a.xmin <> pg_current_xact_id()::xid;
        END IF;
        BEGIN
            -- A market of nothing else: what a schedule may be, its type knows.
            CASE TG_TABLE_NAME
                WHEN 'collateral_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, t.tiers, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, ratio) AS tiers FROM collateral_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t;
                WHEN 'initial_collateral_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, r.tiers, NULL, NULL, NULL, NULL, NULL, NULL, t.tiers, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, ratio) AS tiers FROM initial_collateral_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t
                       LEFT JOIN (SELECT margin.schedule(c.lower_bound, c.ratio) AS tiers FROM collateral_tier AS c
                                   WHERE c.asset = edited.symbol AND c.valid_from <= edited.valid_from
                                   GROUP BY c.valid_from ORDER BY c.valid_from DESC LIMIT 1) AS r ON true;
                WHEN 'liability_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, NULL, NULL, NULL, NULL, t.tiers, NULL, NULL, NULL, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, maintenance_rate) AS tiers FROM liability_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t;
                ELSE
                    PERFORM margin.market(NULL, array_agg(ROW(edited.symbol, edited.symbol, NULL, 1, NULL, t.maintenance, t.initial, NULL, NULL, NULL, NULL, NULL)::margin.contract_terms))
                       FROM (SELECT margin.schedule(r.lower_bound, r.maintenance_rate) AS maintenance,
                                    margin.schedule(r.lower_bound, r.initial_rate) FILTER (WHERE r.initial_rate IS NOT NULL OR r.some) AS initial
                               FROM (SELECT *, bool_or(initial_rate IS NOT NULL) OVER () AS some FROM risk_tier
                                      WHERE contract = edited.symbol AND valid_from = edited.valid_from) AS r) AS t;
            END CASE;
        EXCEPTION WHEN invalid_parameter_value OR null_value_not_allowed OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
            RAISE EXCEPTION USING
                ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
                MESSAGE = format('%s of "%s", valid from %s: %s', replace(TG_TABLE_NAME, '_', ' ') || 's', edited.symbol, edited.valid_from,
                                 CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not as the rows of a schedule have to be' END),
                HINT = 'The tiers of a schedule begin at 0; collateral ratios never rise, margin rates never fall; initial rates are in all tiers or in none.';
        END;
        PERFORM margin_internal.tell_lost_cap(TG_RELID, edited.symbol, edited.valid_from);
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.check_tiers() OWNER TO keeper;

COMMENT ON FUNCTION house.check_tiers() IS 'trigger of the tables of tiers: a whole schedule begins at 0, collateral ratios never rise, margin rates never fall, initial rates are in all tiers or in none';

CREATE FUNCTION house.explain(account_id bigint) RETURNS SETOF margin.explanation
    LANGUAGE sql STABLE STRICT ROWS 50 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT e.field,
     e.kind,
     e.symbol,
     e.side,
     e.item,
     e.lower_bound,
     e.upper_bound,
     e.amount,
     e.unit,
     e.rate,
     e.weight,
     e.price,
     e.value
    FROM house.account_portfolio p,
     LATERAL margin.explain(p.portfolio, ( SELECT house.venue_market() AS venue_market)) e(field, kind, symbol, side, item, lower_bound, upper_bound, amount, unit, rate, weight, price, value)
   WHERE (p.account_id = explain.account_id);
END;

ALTER FUNCTION house.explain(account_id bigint) OWNER TO keeper;

COMMENT ON FUNCTION house.explain(account_id bigint) IS 'margin.explain(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION house.explain_text(account_id bigint) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT ROWS 20 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT e.e
    FROM house.account_portfolio p,
     LATERAL margin.explain_text(p.portfolio, ( SELECT house.venue_market() AS venue_market)) e(e)
   WHERE (p.account_id = explain_text.account_id);
END;

ALTER FUNCTION house.explain_text(account_id bigint) OWNER TO keeper;

COMMENT ON FUNCTION house.explain_text(account_id bigint) IS 'margin.explain_text(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION house.follow_symbol() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    was CONSTANT text := to_jsonb(OLD) ->> TG_ARGV[0];
    "is" CONSTANT text := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF "is" IS NULL THEN
        DELETE FROM price_check AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM reference_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM held_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    ELSE
        UPDATE price_check AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE reference_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE held_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.follow_symbol() OWNER TO keeper;

COMMENT ON FUNCTION house.follow_symbol() IS 'trigger: checks, opinions and held prices of an asset or contract go with it, and are renamed with it; the argument is its kind and key column';

CREATE FUNCTION house.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) RETURNS TABLE(kind text, symbol text, why text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT h.kind,
     h.symbol,
     h.why
    FROM margin_internal.hold_prices(NULL::house.planned_change, hold_prices.assets, hold_prices.prices, hold_prices.lows, hold_prices.highs, hold_prices.contracts, hold_prices.marks, hold_prices.at, hold_prices.force) h(kind, symbol, why);
END;

ALTER FUNCTION house.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) OWNER TO keeper;

COMMENT ON FUNCTION house.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) IS 'for margin.set_prices(), once there are price checks: enters the prices of an offer that fail theirs into held_price, and returns which and why. Whoever sets prices needs EXECUTE';

CREATE TABLE house.asset (
    asset text NOT NULL,
    tier_unit text DEFAULT 'quantity'::text NOT NULL,
    liability_weight numeric DEFAULT 1 NOT NULL,
    requirement_weight numeric DEFAULT 1 NOT NULL,
    max_age interval,
    source text,
    initial_liability_weight numeric,
    listed boolean DEFAULT true NOT NULL,
    CONSTRAINT asset_asset_length CHECK (((octet_length(asset) >= 1) AND (octet_length(asset) <= 255))),
    CONSTRAINT asset_initial_liability_weight_range CHECK ((margin.is_amount(initial_liability_weight) AND (initial_liability_weight >= (1)::numeric))),
    CONSTRAINT asset_liability_weight_range CHECK ((margin.is_amount(liability_weight) AND (liability_weight >= (1)::numeric))),
    CONSTRAINT asset_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT asset_requirement_weight_positive CHECK ((margin.is_amount(requirement_weight) AND (requirement_weight > (0)::numeric))),
    CONSTRAINT asset_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['quantity'::text, 'value'::text])))
);

ALTER TABLE house.asset OWNER TO keeper;

COMMENT ON TABLE house.asset IS 'assets: what can be held as a balance, serve as collateral, or settle contracts';

COMMENT ON COLUMN house.asset.asset IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN house.asset.tier_unit IS 'what the bounds of its collateral tiers measure: quantity (units of the asset) or value (USD)';

COMMENT ON COLUMN house.asset.liability_weight IS 'multiplies the value of a negative equity in this asset; at least 1';

COMMENT ON COLUMN house.asset.requirement_weight IS 'multiplies margin requirements settled in this asset; above 0';

COMMENT ON COLUMN house.asset.max_age IS 'an index price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN house.asset.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN house.asset.initial_liability_weight IS 'the same as liability_weight for the initial measure, by which orders and withdrawals are judged; at least 1; NULL: liability_weight';

COMMENT ON CONSTRAINT asset_asset_length ON house.asset IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT asset_initial_liability_weight_range ON house.asset IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_liability_weight_range ON house.asset IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_max_age_positive ON house.asset IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT asset_requirement_weight_positive ON house.asset IS 'a weight of 0 would waive every requirement';

COMMENT ON CONSTRAINT asset_tier_unit_known ON house.asset IS 'quantity or value';

CREATE TABLE house.interest_rate (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    hourly_rate numeric NOT NULL,
    free_amount numeric DEFAULT 0 NOT NULL,
    method text DEFAULT 'excess'::text NOT NULL,
    CONSTRAINT interest_rate_free_amount_range CHECK ((margin.is_amount(free_amount) AND (free_amount >= (0)::numeric))),
    CONSTRAINT interest_rate_hourly_rate_range CHECK ((margin.is_amount(hourly_rate) AND (hourly_rate >= (0)::numeric))),
    CONSTRAINT interest_rate_method_known CHECK ((method = ANY (ARRAY['excess'::text, 'whole'::text])))
);

ALTER TABLE house.interest_rate OWNER TO keeper;

COMMENT ON TABLE house.interest_rate IS 'interest on debts, charged by margin.accrue_interest(); an asset without a row costs nothing';

COMMENT ON COLUMN house.interest_rate.asset IS 'the asset owed';

COMMENT ON COLUMN house.interest_rate.valid_from IS 'of an hour the latest rate counts that is valid from its instant or earlier; a rate of 0 ends a charge';

COMMENT ON COLUMN house.interest_rate.hourly_rate IS 'interest per unit charged and hour; 0.00001 is 0.001 %';

COMMENT ON COLUMN house.interest_rate.free_amount IS 'a debt of up to this costs nothing, in units of the asset';

COMMENT ON COLUMN house.interest_rate.method IS 'of a debt above free_amount is charged: excess, what is above it; whole, all of it';

COMMENT ON CONSTRAINT interest_rate_free_amount_range ON house.interest_rate IS 'a debt is an amount above 0';

COMMENT ON CONSTRAINT interest_rate_hourly_rate_range ON house.interest_rate IS 'a debtor is not paid for the debt';

COMMENT ON CONSTRAINT interest_rate_method_known ON house.interest_rate IS 'excess or whole';

CREATE FUNCTION house.interest_rates(since timestamp with time zone, until timestamp with time zone) RETURNS margin.interest_rate[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT ARRAY( SELECT ROW(r.asset, r.valid_from, r.hourly_rate, r.free_amount, r.method)::margin.interest_rate AS "row"
            FROM ((house.asset a
              LEFT JOIN LATERAL ( SELECT f.valid_from
                    FROM house.interest_rate f
                   WHERE ((f.asset = a.asset) AND (f.valid_from <= interest_rates.since))
                   ORDER BY f.valid_from DESC
                  LIMIT 1) present ON (true))
              JOIN house.interest_rate r ON (((r.asset = a.asset) AND (r.valid_from >= COALESCE(present.valid_from, '-infinity'::timestamp with time zone)) AND (r.valid_from <= interest_rates.until))))
           ORDER BY r.asset, r.valid_from) AS "array";
END;

ALTER FUNCTION house.interest_rates(since timestamp with time zone, until timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.interest_rates(since timestamp with time zone, until timestamp with time zone) IS 'the rows of interest_rate that count at some time between two instants, both included; an empty array where there are none';

CREATE FUNCTION house.level_totals(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF margin.level_total
    LANGUAGE sql STABLE ROWS 6 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT l.level,
     COALESCE(t.accounts, (0)::bigint) AS "coalesce",
         CASE
             WHEN (t.accounts > 0) THEN t.equity
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.collateral_value
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.liabilities
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.net_asset_value
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.haircut
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.unrealized_pnl
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.initial_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.maintenance_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.shortfall
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN ((l.level = 'bankrupt'::margin.level) AND (t.accounts > 0)) THEN (- t.equity)
             WHEN ((l.level = 'unpriced'::margin.level) AND (t.accounts > 0)) THEN NULL::numeric
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.initial_equity
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.order_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.order_loss
             ELSE (0)::numeric
         END AS "case"
    FROM (unnest(enum_range(NULL::margin.level)) l(level)
      LEFT JOIN ( SELECT a.level,
             count(*) AS accounts,
             sum(a.equity) AS equity,
             sum(a.collateral_value) AS collateral_value,
             sum(a.liabilities) AS liabilities,
             sum(a.net_asset_value) AS net_asset_value,
             sum(a.haircut) AS haircut,
             sum(a.unrealized_pnl) AS unrealized_pnl,
             sum(a.initial_margin) AS initial_margin,
             sum(a.maintenance_margin) AS maintenance_margin,
             sum(a.shortfall) AS shortfall,
             sum(a.initial_equity) AS initial_equity,
             sum(a.order_margin) AS order_margin,
             sum(a.order_loss) AS order_loss
            FROM house.account_margin_at(level_totals.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
           GROUP BY a.level) t ON ((t.level = l.level)))
   ORDER BY l.level;
END;

ALTER FUNCTION house.level_totals(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.level_totals(as_of timestamp with time zone) IS 'accounts by level and their totals, summed over account_margin_at(as_of); a row for each level';

CREATE FUNCTION house.lock_thresholds() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- There is no parent row: writers take turns.
    PERFORM margin_internal.enter_own(TG_RELID);
    LOCK TABLE level_threshold IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.lock_thresholds() OWNER TO keeper;

COMMENT ON FUNCTION house.lock_thresholds() IS 'trigger: one transaction at a time edits the thresholds';

CREATE FUNCTION house.market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN margin_internal.stored_market(NULL::house.planned_change, as_of, now());

ALTER FUNCTION house.market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.market(as_of timestamp with time zone) IS 'the parameters valid at as_of with the present prices, those older than their max_age (judged at now()) left out; null for null';

CREATE FUNCTION house.market_id() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.market_id(house.market());

ALTER FUNCTION house.market_id() OWNER TO keeper;

COMMENT ON FUNCTION house.market_id() IS 'the id under which market() is published; null: it is not, or something has changed since; for whoever may execute market()';

CREATE FUNCTION house.past_market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN margin_internal.past_market(NULL::house.planned_change, as_of);

ALTER FUNCTION house.past_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.past_market(as_of timestamp with time zone) IS 'the parameters valid at as_of with the prices that stood then, from the price histories, those that were older than their max_age left out; before the histories begin there are no prices. A parameter edited in place counts as it is now; null for null';

CREATE TABLE house.held_price (
    kind text NOT NULL,
    symbol text NOT NULL,
    price numeric NOT NULL,
    low numeric,
    high numeric,
    why text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    forced boolean DEFAULT false NOT NULL,
    offered_by name DEFAULT margin.acting_user() NOT NULL,
    offered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    held_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    offers bigint DEFAULT 1 NOT NULL
);

ALTER TABLE house.held_price OWNER TO keeper;

COMMENT ON TABLE house.held_price IS 'prices offered that failed their price_check, the latest of each symbol, until margin.confirm_price() applies or margin.drop_price() drops it, or one that is not older is applied; the price before stays in force meanwhile';

COMMENT ON COLUMN house.held_price.kind IS 'asset (an index price) or contract (a mark price)';

COMMENT ON COLUMN house.held_price.symbol IS 'the asset or contract';

COMMENT ON COLUMN house.held_price.price IS 'the price offered';

COMMENT ON COLUMN house.held_price.low IS 'offered with it; null: none';

COMMENT ON COLUMN house.held_price.high IS 'offered with it; null: none';

COMMENT ON COLUMN house.held_price.why IS 'which checks it fails, in words';

COMMENT ON COLUMN house.held_price.observed_at IS 'when it was observed; updated_at of the price if it is confirmed';

COMMENT ON COLUMN house.held_price.forced IS 'whether it was offered as a correction that may replace a later one';

COMMENT ON COLUMN house.held_price.offered_by IS 'the role that offered it';

COMMENT ON COLUMN house.held_price.offered_at IS 'when it was offered';

COMMENT ON COLUMN house.held_price.held_since IS 'when the first of the offers was held that came without one between them that passed';

COMMENT ON COLUMN house.held_price.offers IS 'how many offers these were';

CREATE TABLE house.venue_rule (
    rule text NOT NULL,
    value text NOT NULL,
    CONSTRAINT venue_rule_held_prices_pause_levels_known CHECK (((rule <> 'held_prices_pause_levels'::text) OR (value = ANY (ARRAY['true'::text, 'false'::text])))),
    CONSTRAINT venue_rule_liability_rule_known CHECK (((rule <> 'liability_rule'::text) OR (value = ANY (ARRAY['sum'::text, 'larger'::text])))),
    CONSTRAINT venue_rule_orders_reduce_equity_known CHECK (((rule <> 'orders_reduce_equity'::text) OR (value = ANY (ARRAY['nothing'::text, 'loss'::text, 'margin'::text, 'both'::text])))),
    CONSTRAINT venue_rule_publish_for_range CHECK (
CASE rule
    WHEN 'publish_for'::text THEN ((value)::interval > '00:00:00'::interval)
    ELSE true
END),
    CONSTRAINT venue_rule_rule_known CHECK ((rule = ANY (ARRAY['orders_reduce_equity'::text, 'liability_rule'::text, 'held_prices_pause_levels'::text, 'publish_for'::text])))
);

ALTER TABLE house.venue_rule OWNER TO keeper;

COMMENT ON TABLE house.venue_rule IS 'rules of the venue; one without a row has its default: orders_reduce_equity nothing, liability_rule sum, held_prices_pause_levels false, publish_for no limit';

COMMENT ON COLUMN house.venue_rule.rule IS 'orders_reduce_equity, liability_rule, held_prices_pause_levels or publish_for';

COMMENT ON COLUMN house.venue_rule.value IS 'of orders_reduce_equity: which amounts of open orders are subtracted from equity before levels are judged (nothing, loss, margin, both); of liability_rule: whether the maintenance of debts is added to that of positions (sum) or the larger of both counts (larger); of held_prices_pause_levels: whether levels stay as good as they are while a price that matters to them is held (true, false); of publish_for: how long a published market is valid at most, an interval above 0: 10 seconds';

COMMENT ON CONSTRAINT venue_rule_held_prices_pause_levels_known ON house.venue_rule IS 'true or false';

COMMENT ON CONSTRAINT venue_rule_liability_rule_known ON house.venue_rule IS 'sum or larger';

COMMENT ON CONSTRAINT venue_rule_orders_reduce_equity_known ON house.venue_rule IS 'nothing, loss, margin or both';

COMMENT ON CONSTRAINT venue_rule_publish_for_range ON house.venue_rule IS 'what is not valid for any time cannot be published';

COMMENT ON CONSTRAINT venue_rule_rule_known ON house.venue_rule IS 'an unknown rule would have no effect, and look as if it had';

CREATE FUNCTION house.pausing_prices() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT jsonb_build_object('assets', COALESCE(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE (h.kind = 'asset'::text)), '{}'::jsonb), 'contracts', COALESCE(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE (h.kind = 'contract'::text)), '{}'::jsonb)) AS jsonb_build_object
    FROM house.held_price h
   WHERE (EXISTS ( SELECT
            FROM house.venue_rule r
           WHERE ((r.rule = 'held_prices_pause_levels'::text) AND (r.value = 'true'::text))))
  HAVING (count(*) > 0);
END;

ALTER FUNCTION house.pausing_prices() OWNER TO keeper;

COMMENT ON FUNCTION house.pausing_prices() IS 'the prices held while held_prices_pause_levels is true, for refreshes of levels: {"assets": {"BTC": 30000}, "contracts": {}}; null: none';

CREATE FUNCTION house.planned_change() RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT min(planned_change.valid_from) AS min
    FROM house.planned_change;
END;

ALTER FUNCTION house.planned_change() OWNER TO keeper;

COMMENT ON FUNCTION house.planned_change() IS 'when the next of planned_change takes effect; null: nothing is planned';

CREATE FUNCTION house.present_market(clock timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.kept_market(NULL::house.planned_change, clock);

ALTER FUNCTION house.present_market(clock timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.present_market(clock timestamp with time zone) IS 'market() by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';

CREATE FUNCTION house.publish_market() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT margin_internal.publish_market(NULL::house.planned_change) AS publish_market;
END;

ALTER FUNCTION house.publish_market() OWNER TO keeper;

COMMENT ON FUNCTION house.publish_market() IS 'for margin.publish_market(): writes the present market into published_market and returns its id. Whoever publishes needs EXECUTE';

CREATE FUNCTION house.publish_pending() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

ALTER FUNCTION house.publish_pending() OWNER TO keeper;

COMMENT ON FUNCTION house.publish_pending() IS 'trigger: publishes the market, unless that was done meanwhile';

CREATE FUNCTION house.record_held_price() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    held record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR held IN
        SELECT CASE WHEN TG_OP = 'INSERT' THEN 'held'
                    WHEN (p.price, p.low, p.high, p.updated_at) IS NOT DISTINCT FROM (h.price, h.low, h.high, h.observed_at) THEN 'applied'
                    -- a correction may be older than the price that stood when it was offered
                    WHEN p.updated_at >= CASE WHEN h.forced THEN h.offered_at ELSE h.observed_at END THEN 'replaced'
                    ELSE 'dropped' END AS event, h.*
          FROM (SELECT NEW.* WHERE TG_OP = 'INSERT' UNION ALL SELECT OLD.* WHERE TG_OP = 'DELETE' UNION ALL SELECT t.* FROM held_price AS t WHERE TG_OP = 'TRUNCATE') AS h
          LEFT JOIN (SELECT 'asset' AS kind, i.asset AS symbol, i.price, i.low, i.high, i.updated_at FROM index_price AS i
                     UNION ALL
                     SELECT 'contract', m.contract, m.price, NULL, NULL, m.updated_at FROM mark_price AS m) AS p ON p.kind = h.kind AND p.symbol = h.symbol
    LOOP
        INSERT INTO held_price_event (event, kind, symbol, price, low, high, why, observed_at, offered_by, offers)
        VALUES (held.event, held.kind, held.symbol, held.price, held.low, held.high, held.why, held.observed_at, held.offered_by, held.offers);
        -- anybody may listen: prices, and how far they may go, are for those who may read the table
        PERFORM pg_notify('margin_price', format('{"venue": %s, "event": "%s", "kind": "%s", "symbol": %s}', to_json(TG_TABLE_SCHEMA::text),
                                                 held.event, held.kind, to_json(held.symbol)));
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.record_held_price() OWNER TO keeper;

COMMENT ON FUNCTION house.record_held_price() IS 'trigger: journals in held_price_event that a price is held, and what became of it, and sends that to channel margin_price';

CREATE FUNCTION house.record_parameter_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO'
    SET "IntervalStyle" TO 'postgres'
    SET extra_float_digits TO '1'
    SET bytea_output TO 'hex'
    SET lc_monetary TO 'C'
    AS $_$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('INSERT INTO parameter_event (parameter, symbol, before)
                        SELECT $1, to_jsonb(t) ->> $2, to_jsonb(t) FROM %I AS t', TG_TABLE_NAME)
          USING TG_TABLE_NAME, TG_ARGV[0];
    ELSIF TG_OP <> 'UPDATE' OR OLD IS DISTINCT FROM NEW THEN
        INSERT INTO parameter_event (parameter, symbol, before, after)
        SELECT TG_TABLE_NAME, coalesce(edit.after, edit.before) ->> TG_ARGV[0], edit.before, edit.after
          FROM (SELECT CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END AS before,
                       CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END AS after) AS edit;
    END IF;
    RETURN NULL;
END
$_$;

ALTER FUNCTION house.record_parameter_event() OWNER TO keeper;

COMMENT ON FUNCTION house.record_parameter_event() IS 'trigger: journals an edit of a parameter table; its argument is the column that holds the symbol';

CREATE FUNCTION house.record_prices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $_$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    CASE TG_TABLE_NAME || ' ' || TG_OP
        WHEN 'index_price INSERT' THEN
            INSERT INTO index_price_history (asset, price, updated_at, forced, low, high)
            SELECT n.asset, n.price, n.updated_at, false, n.low, n.high FROM applied AS n;
        WHEN 'index_price UPDATE' THEN
            -- a symbol that was renamed goes on under its new name
            INSERT INTO index_price_history (asset, price, updated_at, forced, low, high)
            SELECT n.asset, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false), n.low, n.high
              FROM applied AS n LEFT JOIN replaced AS o ON o.asset = n.asset
             WHERE (n.price, n.updated_at, n.low, n.high) IS DISTINCT FROM (o.price, o.updated_at, o.low, o.high);
        WHEN 'index_price DELETE' THEN
            INSERT INTO index_price_history (asset, updated_at, forced) SELECT o.asset, o.updated_at, false FROM replaced AS o;
        WHEN 'index_price TRUNCATE' THEN
            INSERT INTO index_price_history (asset, updated_at, forced) SELECT o.asset, o.updated_at, false FROM index_price AS o;
        WHEN 'mark_price INSERT' THEN
            INSERT INTO mark_price_history (contract, price, updated_at, forced)
            SELECT n.contract, n.price, n.updated_at, false FROM applied AS n;
        WHEN 'mark_price UPDATE' THEN
            INSERT INTO mark_price_history (contract, price, updated_at, forced)
            SELECT n.contract, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false)
              FROM applied AS n LEFT JOIN replaced AS o ON o.contract = n.contract
             WHERE (n.price, n.updated_at) IS DISTINCT FROM (o.price, o.updated_at);
        WHEN 'mark_price DELETE' THEN
            INSERT INTO mark_price_history (contract, updated_at, forced) SELECT o.contract, o.updated_at, false FROM replaced AS o;
        WHEN 'mark_price TRUNCATE' THEN
            INSERT INTO mark_price_history (contract, updated_at, forced) SELECT o.contract, o.updated_at, false FROM mark_price AS o;
    END CASE;
    -- no price is held against one that was observed later
    IF TG_OP IN ('INSERT', 'UPDATE') AND margin_internal.may_have_rows('held_price'::regclass) THEN
        EXECUTE format('DELETE FROM held_price AS h USING applied AS n WHERE h.kind = %1$L AND h.symbol = n.%1$I AND h.observed_at <= n.updated_at', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$_$;

ALTER FUNCTION house.record_prices() OWNER TO keeper;

COMMENT ON FUNCTION house.record_prices() IS 'trigger: appends the prices applied, and that a price was deleted, to their history, and ends the holding of prices that they are not older than; the argument is the kind, and key column, of the table';

CREATE FUNCTION house.record_publication() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO published_market_history (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules)
    VALUES (NEW.id, NEW.at, NEW.valid_until, NEW.market, NEW.release_ratios, NEW.pausing_prices, NEW.scenarios, NEW.repayment_rules)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.record_publication() OWNER TO keeper;

COMMENT ON FUNCTION house.record_publication() IS 'trigger: appends what is published to its history';

CREATE TABLE house.level_threshold (
    level text NOT NULL,
    margin_ratio numeric NOT NULL,
    release_ratio numeric,
    CONSTRAINT level_threshold_level_known CHECK ((level = ANY (ARRAY['warning'::text, 'margin_call'::text, 'liquidation'::text]))),
    CONSTRAINT level_threshold_margin_ratio_positive CHECK ((margin.is_amount(margin_ratio) AND (margin_ratio > (0)::numeric))),
    CONSTRAINT level_threshold_release_ratio_range CHECK ((margin.is_amount(release_ratio) AND (release_ratio > (0)::numeric) AND (release_ratio <= margin_ratio)))
);

ALTER TABLE house.level_threshold OWNER TO keeper;

COMMENT ON TABLE house.level_threshold IS 'margin ratios at which the levels begin; for a level without a row: warning 0.7, margin_call 0.85, liquidation 1';

COMMENT ON COLUMN house.level_threshold.level IS 'warning, margin_call or liquidation; the other levels have no threshold';

COMMENT ON COLUMN house.level_threshold.margin_ratio IS 'the level begins where maintenance margin reaches this many times the equity; above 0';

COMMENT ON COLUMN house.level_threshold.release_ratio IS 'an account kept at the level leaves it when maintenance margin falls below this many times the equity; null: as soon as margin_ratio is no longer reached; valuation does not ask for it';

COMMENT ON CONSTRAINT level_threshold_level_known ON house.level_threshold IS 'only these levels have a threshold';

COMMENT ON CONSTRAINT level_threshold_margin_ratio_positive ON house.level_threshold IS 'a threshold is above 0';

COMMENT ON CONSTRAINT level_threshold_release_ratio_range ON house.level_threshold IS 'a level is left where it begins or below';

CREATE FUNCTION house.release_ratios() RETURNS numeric[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT array_agg(t.release_ratio ORDER BY l.n) AS array_agg
    FROM (unnest(ARRAY['warning'::text, 'margin_call'::text, 'liquidation'::text]) WITH ORDINALITY l(level, n)
      LEFT JOIN house.level_threshold t ON ((t.level = l.level)));
END;

ALTER FUNCTION house.release_ratios() OWNER TO keeper;

COMMENT ON FUNCTION house.release_ratios() IS 'release ratios of warning, margin_call and liquidation, in this order; null: a level is left as soon as its margin ratio is no longer reached';

CREATE FUNCTION house.repay(account_id bigint, house_account_id bigint, funding_order margin.funding_order DEFAULT 'ratio'::margin.funding_order, forced boolean DEFAULT false, market margin.market DEFAULT NULL::margin.market) RETURNS SETOF margin.repayment
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT r.step,
     r.outcome,
     r.debt_asset,
     r.funding_asset,
     r.paid,
     r.repaid,
     r.debt_price,
     r.funding_price,
     r.conversion_discount,
     r.paid_value,
     r.repaid_value,
     r.remaining_debt,
     r.remaining_due,
     r.level
    FROM margin_internal.repay('house.holding'::regclass, (repay.account_id)::text, (repay.house_account_id)::text, repay.funding_order, repay.forced, repay.market) r(step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level);
END;

ALTER FUNCTION house.repay(account_id bigint, house_account_id bigint, funding_order margin.funding_order, forced boolean, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION house.repay(account_id bigint, house_account_id bigint, funding_order margin.funding_order, forced boolean, market margin.market) IS 'carries out margin.repayment_plan() for an account with the rules of the venue, in its present market or a given one, against a house account, journals each conversion in repayment_entry, and returns the plan. Writes nothing for an unpriced account. An error for a null account, for one that is its own house account (22023), for a book over other tables (0A000); 40001 where the account has changed since a snapshot of REPEATABLE READ';

CREATE TABLE house.repayment_rule (
    asset text NOT NULL,
    rank integer,
    conversion_discount numeric DEFAULT 1 NOT NULL,
    threshold numeric,
    repayment_ratio numeric DEFAULT 1 NOT NULL,
    CONSTRAINT repayment_rule_conversion_discount_range CHECK ((margin.is_amount(conversion_discount) AND ((conversion_discount >= (0)::numeric) AND (conversion_discount <= (1)::numeric)))),
    CONSTRAINT repayment_rule_repayment_ratio_range CHECK ((margin.is_amount(repayment_ratio) AND ((repayment_ratio >= (0)::numeric) AND (repayment_ratio <= (1)::numeric)))),
    CONSTRAINT repayment_rule_threshold_range CHECK ((margin.is_amount(threshold) AND (threshold >= (0)::numeric)))
);

ALTER TABLE house.repayment_rule OWNER TO keeper;

COMMENT ON TABLE house.repayment_rule IS 'how an asset pays the debts of its account, and how a debt in it is repaid; without a row it pays at index price, after those with a rank, if it is collateral at all, and a debt in it is repaid whole';

COMMENT ON COLUMN house.repayment_rule.asset IS 'the asset, as funding asset and as debt';

COMMENT ON COLUMN house.repayment_rule.rank IS 'the lowest pays first; NULL: after those that have one, in the order that repayment_plan() is asked for';

COMMENT ON COLUMN house.repayment_rule.conversion_discount IS 'part of its index price at which it is converted, 0 to 1; 0: it never pays';

COMMENT ON COLUMN house.repayment_rule.threshold IS 'a debt is due only where it is above this, in units of the asset; NULL: always, and whole';

COMMENT ON COLUMN house.repayment_rule.repayment_ratio IS 'a debt above its threshold is repaid down to threshold * (1 - this); 1: whole; means nothing without a threshold';

COMMENT ON CONSTRAINT repayment_rule_conversion_discount_range ON house.repayment_rule IS 'a conversion never brings more than the index price';

COMMENT ON CONSTRAINT repayment_rule_repayment_ratio_range ON house.repayment_rule IS 'none of the threshold, all of it, or something between';

COMMENT ON CONSTRAINT repayment_rule_threshold_range ON house.repayment_rule IS 'a debt is an amount above 0';

CREATE FUNCTION house.repayment_rules() RETURNS margin.repayment_rule[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT ARRAY( SELECT ROW(r.asset, r.rank, r.conversion_discount, r.threshold, r.repayment_ratio)::margin.repayment_rule AS "row"
            FROM house.repayment_rule r
           ORDER BY r.asset) AS "array";
END;

ALTER FUNCTION house.repayment_rules() OWNER TO keeper;

COMMENT ON FUNCTION house.repayment_rules() IS 'all rows of repayment_rule, as margin.repayment_plan() takes them; an empty array where there are none';

CREATE FUNCTION house.report_concentration(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT held.asset,
     held.accounts,
     held.unvalued,
     held.asset_equity,
     terms.price,
     held.net_asset_value,
     held.collateral_value,
     round((held.collateral_value / NULLIF(sum(held.collateral_value) OVER (), (0)::numeric)), 8) AS round,
     held.largest,
     (held.net_asset_value - held.collateral_value),
     ((held.net_asset_value * COALESCE(margin_internal.first_rate(terms.tiers), (0)::numeric)) - held.collateral_value)
    FROM (( SELECT c.asset,
             count(*) AS accounts,
             count(*) FILTER (WHERE (c.collateral_value IS NULL)) AS unvalued,
             sum(c.asset_equity) AS asset_equity,
             sum(c.net_asset_value) FILTER (WHERE (c.collateral_value IS NOT NULL)) AS net_asset_value,
             sum(c.collateral_value) AS collateral_value,
             max(c.collateral_value) AS largest
            FROM house.portfolios(report_concentration.as_of) p(account_id, portfolio),
             LATERAL margin.collateral(p.portfolio, ( SELECT house.snapshot_market(report_concentration.as_of) AS snapshot_market)) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing)
           WHERE ((c.asset_equity > (0)::numeric) IS NOT FALSE)
           GROUP BY c.asset) held
      LEFT JOIN margin.assets(( SELECT house.snapshot_market(report_concentration.as_of) AS snapshot_market)) terms(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((terms.asset = held.asset)))
   ORDER BY held.collateral_value DESC NULLS LAST, (held.asset COLLATE "C");
END;

ALTER FUNCTION house.report_concentration(as_of timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_concentration(as_of timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) IS 'the collateral asset by asset, the largest first: its share of all collateral, rounded to 8 decimals, how many accounts hold it and what ratios take away, in all and beyond the first tier: of the latest snapshot at or before as_of; an error if there is none; null: now. Accounts whose amount of it is not known are counted, and left out of the sums';

CREATE FUNCTION house.report_exposed_assets(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 3, OUT asset text, OUT exposure numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 3 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH held AS MATERIALIZED (
          SELECT margin.rollup(p.portfolio) AS portfolio
            FROM house.portfolios(report_exposed_assets.as_of) p(account_id, portfolio)
         ), part AS (
          SELECT c.asset,
             abs(c.net_asset_value) AS usd,
             false AS traded
            FROM held,
             LATERAL margin.collateral(held.portfolio, ( SELECT house.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing)
         UNION ALL
          SELECT terms_1.base,
             (GREATEST(c.long_notional, c.short_notional) * settle.price),
             ((c.long > (0)::numeric) OR (c.short > (0)::numeric))
            FROM held,
             ((LATERAL margin.positions(held.portfolio, ( SELECT house.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing)
              JOIN margin.contracts(( SELECT house.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) terms_1(contract, settle, base, contract_size, mark, maintenance, initial, netting, closing_fee, opening_fee, tier_unit, order_maintenance) ON ((terms_1.contract = c.contract)))
              JOIN margin.assets(( SELECT house.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) settle(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((settle.asset = c.settle)))
         )
  SELECT part.asset,
     sum(part.usd) AS sum
    FROM (part
      JOIN margin.assets(( SELECT house.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) terms(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((terms.asset = part.asset)))
   WHERE (terms.price IS NOT NULL)
   GROUP BY part.asset
  HAVING ((sum(part.usd) > (0)::numeric) AND (bool_or(part.traded) OR bool_and((COALESCE(margin_internal.first_rate(terms.tiers), (0)::numeric) < (1)::numeric))))
   ORDER BY (sum(part.usd)) DESC, (part.asset COLLATE "C")
  LIMIT report_exposed_assets.top;
END;

ALTER FUNCTION house.report_exposed_assets(as_of timestamp with time zone, top bigint, OUT asset text, OUT exposure numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_exposed_assets(as_of timestamp with time zone, top bigint, OUT asset text, OUT exposure numeric) IS 'the assets whose price matters most to all accounts together, so many (null: all), the largest first: their net quantity of it, and the larger side of every contract on it, USD. Assets without price are left out, and those whose first collateral ratio is 1 unless positions are on them: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION house.report_exposure(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 50 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT c.contract,
     c.settle,
     count(*) FILTER (WHERE ((c.long > (0)::numeric) OR (c.short > (0)::numeric))) AS count,
     c.mark,
     sum(c.long) AS sum,
     sum(c.short) AS sum,
     (sum(c.long) - sum(c.short)),
     GREATEST(sum(c.long), sum(c.short)) AS "greatest",
     sum(c.long_notional) AS sum,
     sum(c.short_notional) AS sum,
     sum(c.pnl_usd) AS sum,
     sum(c.maintenance_margin) AS sum,
     sum(c.initial_margin) AS sum,
     sum(c.order_margin) AS sum
    FROM house.portfolios(report_exposure.as_of) p(account_id, portfolio),
     LATERAL margin.positions(p.portfolio, ( SELECT house.snapshot_market(report_exposure.as_of) AS snapshot_market)) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing)
   GROUP BY c.contract, c.settle, c.mark
   ORDER BY (sum(c.maintenance_margin)) DESC NULLS LAST, (c.contract COLLATE "C");
END;

ALTER FUNCTION house.report_exposure(as_of timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_exposure(as_of timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) IS 'the positions of all accounts contract by contract, those that are only ordered too, the one that requires most first: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts that lack a price or parameter are null';

CREATE FUNCTION house.report_history(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, last bigint DEFAULT 288, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 288 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.taken_at,
     t.accounts,
     t.undercollateralized,
     t.unpriced,
     t.equity,
     t.maintenance_margin,
     t.shortfall,
     t.loss
    FROM ( SELECT k.taken_at,
             k.levels
            FROM house.snapshot k
           WHERE ((report_history.as_of IS NULL) OR (k.taken_at <= report_history.as_of))
           ORDER BY k.taken_at DESC
          LIMIT report_history.last) s,
     LATERAL ( SELECT (sum(l.accounts))::bigint AS accounts,
             (sum(l.accounts) FILTER (WHERE (l.level = ANY (ARRAY['liquidation'::margin.level, 'bankrupt'::margin.level]))))::bigint AS undercollateralized,
             (sum(l.accounts) FILTER (WHERE (l.level = 'unpriced'::margin.level)))::bigint AS unpriced,
             sum(l.equity) AS equity,
             sum(l.maintenance_margin) AS maintenance_margin,
             sum(l.shortfall) AS shortfall,
             sum(l.loss) AS loss
            FROM unnest(s.levels) l(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)) t
   ORDER BY s.taken_at;
END;

ALTER FUNCTION house.report_history(as_of timestamp with time zone, last bigint, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_history(as_of timestamp with time zone, last bigint, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) IS 'totals of the last snapshots at or before as_of (null: of all), so many (null: all; 288 are a day of one every five minutes), the oldest first; amounts in USD, without those of unpriced accounts, which are not known; no row where there is no snapshot';

CREATE FUNCTION house.venue_market_at(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.market(as_of);

ALTER FUNCTION house.venue_market_at(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.venue_market_at(as_of timestamp with time zone) IS 'the parameters of another instant with the present prices of the venue';

CREATE FUNCTION house.venue_planned_change() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.planned_change();

ALTER FUNCTION house.venue_planned_change() OWNER TO keeper;

COMMENT ON FUNCTION house.venue_planned_change() IS 'when the next planned change of the venue''s parameters takes effect';

CREATE FUNCTION house.report_impact(at timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT p.account_id,
     i.level_before,
     i.level_after,
     i.equity_before,
     i.equity_after,
     i.equity_change,
     i.maintenance_margin_before,
     i.maintenance_margin_after,
     i.maintenance_margin_change,
     i.available_margin_before,
     i.available_margin_after,
     i.available_margin_change,
     i.missing_after
    FROM house.reported_portfolio p,
     LATERAL margin.impact(p.portfolio, ( SELECT house.venue_market() AS venue_market), ( SELECT house.venue_market_at(COALESCE(report_impact.at, house.venue_planned_change())) AS venue_market_at)) i(equity_before, equity_after, equity_change, collateral_value_before, collateral_value_after, collateral_value_change, liabilities_before, liabilities_after, liabilities_change, net_asset_value_before, net_asset_value_after, net_asset_value_change, initial_margin_before, initial_margin_after, initial_margin_change, maintenance_margin_before, maintenance_margin_after, maintenance_margin_change, available_margin_before, available_margin_after, available_margin_change, shortfall_before, shortfall_after, shortfall_change, margin_ratio_before, margin_ratio_after, margin_ratio_change, level_before, level_after, missing_before, missing_after)
   WHERE ((i.level_before IS DISTINCT FROM i.level_after) OR (i.equity_before IS DISTINCT FROM i.equity_after) OR (i.maintenance_margin_before IS DISTINCT FROM i.maintenance_margin_after) OR (i.available_margin_before IS DISTINCT FROM i.available_margin_after) OR (i.missing_before IS DISTINCT FROM i.missing_after))
   ORDER BY i.level_after DESC, i.available_margin_change, p.account_id;
END;

ALTER FUNCTION house.report_impact(at timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) OWNER TO keeper;

COMMENT ON FUNCTION house.report_impact(at timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) IS 'the accounts that the parameters valid at an instant (null: when the next planned change takes effect) would value differently, at present holdings and prices, the most concerning first: level, and amounts in USD, before and after; no row where nothing is planned';

CREATE FUNCTION house.scenarios() RETURNS margin.price_move[]
    LANGUAGE sql STABLE
    BEGIN ATOMIC
 SELECT ARRAY['(down,BTC,,-0.5,)'::margin.price_move] AS "array";
END;

ALTER FUNCTION house.scenarios() OWNER TO keeper;

COMMENT ON FUNCTION house.scenarios() IS 'all rows of scenario, as margin.stress() takes them; an empty array where there are none';

CREATE FUNCTION house.venue_scenarios() RETURNS margin.price_move[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.scenarios();

ALTER FUNCTION house.venue_scenarios() OWNER TO keeper;

COMMENT ON FUNCTION house.venue_scenarios() IS 'the scenarios of the venue';

CREATE FUNCTION house.report_stress(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, scenarios margin.price_move[] DEFAULT NULL::margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.scenario,
     count(*) AS count,
     count(*) FILTER (WHERE (s.level = 'warning'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'margin_call'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'liquidation'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'bankrupt'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'unpriced'::margin.level)) AS count,
     sum(s.equity) AS sum,
     sum(s.maintenance_margin) AS sum,
     sum(s.loss) AS sum
    FROM house.portfolios(report_stress.as_of) p(account_id, portfolio),
     LATERAL margin.stress(p.portfolio, ( SELECT house.snapshot_market(report_stress.as_of) AS snapshot_market), ( SELECT COALESCE(report_stress.scenarios, house.venue_scenarios()) AS "coalesce")) s(scenario, equity, maintenance_margin, level, loss, missing)
   GROUP BY s.scenario
   ORDER BY (sum(s.loss)) DESC NULLS LAST, (sum(s.equity)), (s.scenario COLLATE "C");
END;

ALTER FUNCTION house.report_stress(as_of timestamp with time zone, scenarios margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_stress(as_of timestamp with time zone, scenarios margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first: how many at which level, and their totals in USD without the unpriced: of the latest snapshot at or before as_of; an error if there is none, or if a scenario names what its market lacks; null: now';

CREATE FUNCTION house.report_known_stress(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH lacking AS MATERIALIZED (
          SELECT DISTINCT s.scenario
            FROM unnest(( SELECT house.venue_scenarios() AS venue_scenarios)) s(scenario, asset, contract, relative, price)
           WHERE (((s.asset IS NOT NULL) AND (NOT (EXISTS ( SELECT
                    FROM margin.assets(( SELECT house.snapshot_market(report_known_stress.as_of) AS snapshot_market)) a(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight)
                   WHERE (a.asset = s.asset))))) OR ((s.contract IS NOT NULL) AND (NOT (EXISTS ( SELECT
                    FROM margin.contracts(( SELECT house.snapshot_market(report_known_stress.as_of) AS snapshot_market)) c(contract, settle, base, contract_size, mark, maintenance, initial, netting, closing_fee, opening_fee, tier_unit, order_maintenance)
                   WHERE (c.contract = s.contract))))))
         )
  SELECT report_stress.scenario,
     report_stress.accounts,
     report_stress.warning,
     report_stress.margin_call,
     report_stress.liquidation,
     report_stress.bankrupt,
     report_stress.unpriced,
     report_stress.equity,
     report_stress.maintenance_margin,
     report_stress.loss
    FROM house.report_stress(report_known_stress.as_of, ARRAY( SELECT s.*::margin.price_move AS s
            FROM unnest(( SELECT house.venue_scenarios() AS venue_scenarios)) s(scenario, asset, contract, relative, price)
           WHERE (NOT (s.scenario IN ( SELECT l.scenario
                    FROM lacking l))))) report_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss)
 UNION ALL
  SELECT l.scenario,
     NULL::bigint AS accounts,
     NULL::bigint AS warning,
     NULL::bigint AS margin_call,
     NULL::bigint AS liquidation,
     NULL::bigint AS bankrupt,
     NULL::bigint AS unpriced,
     NULL::numeric AS equity,
     NULL::numeric AS maintenance_margin,
     NULL::numeric AS loss
    FROM lacking l;
END;

ALTER FUNCTION house.report_known_stress(as_of timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_known_stress(as_of timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others';

CREATE FUNCTION house.report_levels(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF margin.level_total
    LANGUAGE sql STABLE ROWS 6 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT level_totals.level,
     level_totals.accounts,
     level_totals.equity,
     level_totals.collateral_value,
     level_totals.liabilities,
     level_totals.net_asset_value,
     level_totals.haircut,
     level_totals.unrealized_pnl,
     level_totals.initial_margin,
     level_totals.maintenance_margin,
     level_totals.shortfall,
     level_totals.loss,
     level_totals.initial_equity,
     level_totals.order_margin,
     level_totals.order_loss
    FROM house.level_totals() level_totals(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)
   WHERE (report_levels.as_of IS NULL)
 UNION ALL
  SELECT l.level,
     l.accounts,
     l.equity,
     l.collateral_value,
     l.liabilities,
     l.net_asset_value,
     l.haircut,
     l.unrealized_pnl,
     l.initial_margin,
     l.maintenance_margin,
     l.shortfall,
     l.loss,
     l.initial_equity,
     l.order_margin,
     l.order_loss
    FROM house.snapshot s,
     LATERAL unnest(s.levels) l(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)
   WHERE (s.taken_at = ( SELECT house.snapshot_at(report_levels.as_of) AS snapshot_at));
END;

ALTER FUNCTION house.report_levels(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.report_levels(as_of timestamp with time zone) IS 'how many accounts are at each level, and their totals in USD: of the latest snapshot at or before as_of, as stored with it; an error if there is none; null: now';

CREATE FUNCTION house.report_liquidations(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, assets text[] DEFAULT NULL::text[], moves numeric[] DEFAULT '{-0.5,-0.4,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.4,0.5}'::numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 33 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH moved AS MATERIALIZED (
          SELECT a.asset,
             m.move,
             row_number() OVER (ORDER BY a.n, m.n) AS n
            FROM unnest(COALESCE(report_liquidations.assets, ARRAY( SELECT e.asset
                    FROM house.report_exposed_assets(report_liquidations.as_of) e(asset, exposure)))) WITH ORDINALITY a(asset, n),
             unnest(report_liquidations.moves) WITH ORDINALITY m(move, n)
         ), map AS (
          SELECT margin_internal.liquidation_map(p.portfolio, ( SELECT house.snapshot_market(report_liquidations.as_of) AS snapshot_market), ( SELECT array_agg(ROW(NULL::text, v_1.asset, NULL::text, v_1.move, NULL::numeric)::margin.price_move ORDER BY v_1.n) AS array_agg
                    FROM moved v_1)) AS points
            FROM house.portfolios(report_liquidations.as_of) p(account_id, portfolio)
           WHERE (EXISTS ( SELECT
                    FROM moved))
         )
  SELECT v.asset,
     c.move,
     c.price,
     c.accounts,
     c.undercollateralized,
     c.bankrupt,
     c.unpriced,
     c.notional,
     c.notional_usd,
     c.long_usd,
     c.shortfall,
     c.loss
    FROM map,
     (LATERAL unnest(map.points) WITH ORDINALITY c(move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss, n)
      JOIN moved v ON ((v.n = c.n)))
   ORDER BY v.n;
END;

ALTER FUNCTION house.report_liquidations(as_of timestamp with time zone, assets text[], moves numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_liquidations(as_of timestamp with time zone, assets text[], moves numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) IS 'margin.liquidation_map() of several assets in one pass, null: the three of report_exposed_assets(): what relative moves of the price of each, marks linked, would make of all accounts, nothing where there are none; amounts in USD, exact: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION house.report_losses(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 20, OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     (- a.equity),
     round((a.equity / sum(a.equity) OVER ()), 8) AS round,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value
    FROM house.account_margin_at(report_losses.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.level = 'bankrupt'::margin.level)
   ORDER BY a.equity, a.account_id
  LIMIT report_losses.top;
END;

ALTER FUNCTION house.report_losses(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_losses(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) IS 'the accounts whose liabilities exceed their collateral by most, so many (null: all), and their share of the loss of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now. net_asset_value says what of the loss ratios and weights make';

CREATE FUNCTION house.report_movers(earlier timestamp with time zone, later timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT moved.account_id,
     (moved.first).level AS level,
     (moved.second).level AS level,
     (moved.third).level AS level,
     (moved.fourth).level AS level,
     (moved.first).equity AS equity,
     ((moved.second).equity - (moved.first).equity),
     ((moved.third).equity - (moved.second).equity),
     ((moved.fourth).equity - (moved.third).equity),
     (moved.fourth).equity AS equity,
     (moved.first).maintenance_margin AS maintenance_margin,
     ((moved.second).maintenance_margin - (moved.first).maintenance_margin),
     ((moved.third).maintenance_margin - (moved.second).maintenance_margin),
     ((moved.fourth).maintenance_margin - (moved.third).maintenance_margin),
     (moved.fourth).maintenance_margin AS maintenance_margin
    FROM ( SELECT changed.account_id,
             changed.first,
             changed.fourth,
             margin.evaluate(changed.held, ( SELECT house.snapshot_market(report_movers.earlier) AS snapshot_market)) AS second,
             margin.evaluate(changed.held, ( SELECT margin.with_prices(house.snapshot_market(report_movers.earlier), house.snapshot_market(report_movers.later)) AS with_prices)) AS third
            FROM ( SELECT account_id,
                     COALESCE(l.portfolio, '{}'::margin.portfolio) AS held,
                     margin.evaluate(COALESCE(e.portfolio, '{}'::margin.portfolio), ( SELECT house.snapshot_market(report_movers.earlier) AS snapshot_market)) AS first,
                     margin.evaluate(COALESCE(l.portfolio, '{}'::margin.portfolio), ( SELECT house.snapshot_market(report_movers.later) AS snapshot_market)) AS fourth
                    FROM (house.portfolios(report_movers.earlier) e(account_id, portfolio)
                      FULL JOIN house.portfolios(report_movers.later) l(account_id, portfolio) USING (account_id))
                  OFFSET 0) changed
           WHERE ((changed.first).level <> (changed.fourth).level)
          OFFSET 0) moved
   ORDER BY (moved.fourth).level DESC, ((moved.fourth).equity - (moved.fourth).maintenance_margin), moved.account_id;
END;

ALTER FUNCTION house.report_movers(earlier timestamp with time zone, later timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_movers(earlier timestamp with time zone, later timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) IS 'the accounts that changed level between two instants, each the latest snapshot at or before it (an error if there is none), null: now; and how much of the change of equity and of maintenance margin in USD holdings, then prices, then parameters made: the earlier book in the earlier market, the later book in the earlier market, in the earlier parameters at the later prices, in the later market. before and the three parts add up to after exactly. An account that was not there held nothing; parts are null next to a step at which the account is unpriced';

CREATE FUNCTION house.report_shortfalls(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 20, OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.level,
     a.shortfall,
     round((a.shortfall / sum(a.shortfall) OVER ()), 8) AS round,
     a.equity,
     a.maintenance_margin,
     a.margin_ratio
    FROM house.account_margin_at(report_shortfalls.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.shortfall > (0)::numeric)
   ORDER BY a.shortfall DESC, a.account_id
  LIMIT report_shortfalls.top;
END;

ALTER FUNCTION house.report_shortfalls(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) OWNER TO keeper;

COMMENT ON FUNCTION house.report_shortfalls(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) IS 'the accounts that lack most to their maintenance margin, so many (null: all), and their share of the shortfall of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION house.report_unpriced(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT missing text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.missing
    FROM house.account_margin_at(report_unpriced.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.level = 'unpriced'::margin.level)
   ORDER BY a.account_id;
END;

ALTER FUNCTION house.report_unpriced(as_of timestamp with time zone, OUT account_id bigint, OUT missing text[]) OWNER TO keeper;

COMMENT ON FUNCTION house.report_unpriced(as_of timestamp with time zone, OUT account_id bigint, OUT missing text[]) IS 'the accounts that could not be valued and the symbols that they lack: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION house.report_worst(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 5, OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 5 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT worst.account_id,
     worst.level,
     worst.equity,
     worst.maintenance_margin,
     ( SELECT string_agg(e.line, '
'::text ORDER BY e.n) AS string_agg
            FROM margin.explain_text(held.portfolio, ( SELECT house.snapshot_market(report_worst.as_of) AS snapshot_market)) WITH ORDINALITY e(line, n)) AS string_agg
    FROM (( SELECT a.account_id,
             a.level,
             a.equity,
             a.maintenance_margin
            FROM house.account_margin_at(report_worst.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
           WHERE ((a.level >= 'warning'::margin.level) AND (a.level <= 'bankrupt'::margin.level))
           ORDER BY (a.equity - a.maintenance_margin), a.account_id
          LIMIT report_worst.top) worst
      JOIN house.portfolios(report_worst.as_of) held(account_id, portfolio) ON ((held.account_id = worst.account_id)))
   ORDER BY (worst.equity - worst.maintenance_margin), worst.account_id;
END;

ALTER FUNCTION house.report_worst(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) OWNER TO keeper;

COMMENT ON FUNCTION house.report_worst(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) IS 'the accounts at warning or above whose equity is least against their maintenance margin (USD), so many (null: all), each explained in the sentences of explain_text(), a line each: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION house.request_publication() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO pending_publication (transaction) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

ALTER FUNCTION house.request_publication() OWNER TO keeper;

COMMENT ON FUNCTION house.request_publication() IS 'trigger: the transaction publishes the market before it commits';

CREATE FUNCTION house.see() RETURNS trigger
    LANGUAGE plpgsql
    AS $$ BEGIN INSERT INTO house.seen VALUES (TG_TABLE_NAME, 1); RETURN NULL; END $$;

ALTER FUNCTION house.see() OWNER TO keeper;

CREATE FUNCTION house.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 10 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, YMD'
    BEGIN ATOMIC
 SELECT (p.bound[1])::date AS bound,
     (max(i.inhrelid) FILTER (WHERE (i.inhparent = ('house.snapshot'::regclass)::oid)))::regclass AS max,
     (max(i.inhrelid) FILTER (WHERE (i.inhparent = ('house.account_snapshot'::regclass)::oid)))::regclass AS max,
     (sum(pg_total_relation_size((i.inhrelid)::regclass)))::bigint AS sum
    FROM (pg_inherits i
      JOIN pg_class c ON ((c.oid = i.inhrelid))),
     LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM [(]''(.+)''[)] TO [(]''(.+)''[)]$'::text) p(bound)
   WHERE ((i.inhparent = ANY (ARRAY[('house.snapshot'::regclass)::oid, ('house.account_snapshot'::regclass)::oid])) AND (((p.bound[2])::timestamp with time zone - (p.bound[1])::timestamp with time zone) = '1 day'::interval))
   GROUP BY (p.bound[1])::date
   ORDER BY (p.bound[1])::date;
END;

ALTER FUNCTION house.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) OWNER TO keeper;

COMMENT ON FUNCTION house.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) IS 'the UTC days that there are partitions for: the partition of each table and the bytes of both with their indexes';

CREATE FUNCTION house.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) RETURNS margin.interest_rate[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.interest_rates(since, until);

ALTER FUNCTION house.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) IS 'the interest rates of the venue that count between two instants';

CREATE FUNCTION house.venue_past_market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.past_market(as_of);

ALTER FUNCTION house.venue_past_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.venue_past_market(as_of timestamp with time zone) IS 'the market of the venue at a past instant';

CREATE FUNCTION house.venue_pausing_prices() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.pausing_prices();

ALTER FUNCTION house.venue_pausing_prices() OWNER TO keeper;

COMMENT ON FUNCTION house.venue_pausing_prices() IS 'the prices held that keep levels of the venue from getting worse; null: none';

CREATE FUNCTION house.venue_present_market(clock timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.present_market(clock);

ALTER FUNCTION house.venue_present_market(clock timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION house.venue_present_market(clock timestamp with time zone) IS 'the same by another clock; the guard judges by it';

CREATE FUNCTION house.venue_release_ratios() RETURNS numeric[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.release_ratios();

ALTER FUNCTION house.venue_release_ratios() OWNER TO keeper;

COMMENT ON FUNCTION house.venue_release_ratios() IS 'release ratios of warning, margin_call and liquidation of the venue';

CREATE FUNCTION house.venue_repayment_rules() RETURNS margin.repayment_rule[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN house.repayment_rules();

ALTER FUNCTION house.venue_repayment_rules() OWNER TO keeper;

COMMENT ON FUNCTION house.venue_repayment_rules() IS 'the repayment rules of the venue';

CREATE FUNCTION house.warn_of_later_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    overridden record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR overridden IN EXECUTE format(
        'SELECT e.symbol, c.since
           FROM (SELECT n.%1$I AS symbol, max(%3$s) AS edited FROM replaced AS o JOIN applied AS n USING (%4$s) WHERE %5$s GROUP BY 1) AS e,
                LATERAL (SELECT max(valid_from) AS since FROM %2$I AS c WHERE c.%1$I = e.symbol AND c.valid_from <= now()) AS c
          WHERE c.since > e.edited
          ORDER BY e.symbol COLLATE "C"',
        TG_ARGV[0], TG_ARGV[1], CASE TG_ARGV[1] WHEN TG_TABLE_NAME THEN 'n.valid_from' ELSE 'timestamptz ''-infinity''' END, TG_ARGV[2],
        -- an asset that follows its renaming is no edit: its old name is gone
        (SELECT string_agg(format(CASE WHEN term IN ('settle', 'base')
                                       THEN 'o.%1$I IS DISTINCT FROM n.%1$I AND (o.%1$I IS NULL OR EXISTS (SELECT FROM asset AS a WHERE a.asset = o.%1$I))'
                                       ELSE 'o.%1$I IS DISTINCT FROM n.%1$I' END, term), ' OR ')
           FROM unnest(TG_ARGV[3:]) AS term))
    LOOP
        RAISE WARNING USING
            MESSAGE = format('the terms of "%s" that were edited in %s do not hold now', overridden.symbol, TG_TABLE_NAME),
            DETAIL = format('What holds now is in %s, valid from %s.', TG_ARGV[1], overridden.since),
            HINT = format('To change what holds now, edit that in %s.', TG_ARGV[1]);
    END LOOP;
    RETURN NULL;
END
$_$;

ALTER FUNCTION house.warn_of_later_change() OWNER TO keeper;

COMMENT ON FUNCTION house.warn_of_later_change() IS 'trigger: a warning where terms are edited that a later change has replaced already';

CREATE FUNCTION lone.about() RETURNS margin.about
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ROW('1.0'::text, 'lone'::regnamespace, NULL::regclass, NULL::regclass, NULL::regclass)::margin.about;

ALTER FUNCTION lone.about() OWNER TO keeper;

COMMENT ON FUNCTION lone.about() IS 'release, venue, and where the rows come from';

CREATE FUNCTION lone.check_priced_symbol() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF NEW.kind = 'asset' THEN
        PERFORM FROM asset AS a WHERE a.asset = NEW.symbol FOR KEY SHARE;
    ELSE
        PERFORM FROM contract AS c WHERE c.contract = NEW.symbol FOR KEY SHARE;
    END IF;
    IF NOT FOUND THEN
        RAISE EXCEPTION USING
            ERRCODE = 'foreign_key_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, COLUMN = 'symbol',
            MESSAGE = format('%s "%s" does not exist', NEW.kind, NEW.symbol),
            HINT = format('A row of %s is about an asset or a contract of this venue, as kind says.', TG_TABLE_NAME);
    END IF;
    RETURN NEW;
END
$$;

ALTER FUNCTION lone.check_priced_symbol() OWNER TO keeper;

COMMENT ON FUNCTION lone.check_priced_symbol() IS 'trigger: the asset or contract that a row is about exists, and stays until the transaction ends';

CREATE FUNCTION lone.check_thresholds() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    ratios numeric[];
    releases numeric[];
    what text := 'level thresholds';
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    SELECT array_agg(k.margin_ratio ORDER BY k.level), array_agg(coalesce(t.release_ratio, k.margin_ratio) ORDER BY k.level)
      INTO ratios, releases
      FROM margin.thresholds('{}') AS d
      LEFT JOIN level_threshold AS t ON t.level = d.level::text,
           LATERAL (SELECT d.level, coalesce(t.margin_ratio, d.margin_ratio) AS margin_ratio) AS k;
    BEGIN
        PERFORM margin.market(NULL, NULL, ratios[1], ratios[2], ratios[3]);
        what := 'release ratios';
        PERFORM margin.market(NULL, NULL, releases[1], releases[2], releases[3]);
    EXCEPTION WHEN invalid_parameter_value THEN
        GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
        RAISE EXCEPTION USING
            ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
            MESSAGE = format('%s: %s', what, CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not in order' END),
            HINT = 'They rise or stay from warning to margin_call to liquidation. Without a row a level begins at 0.7, 0.85 or 1; without a release ratio it is left at its threshold.';
    END;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.check_thresholds() OWNER TO keeper;

COMMENT ON FUNCTION lone.check_thresholds() IS 'trigger: warning <= margin_call <= liquidation, with the defaults for those without a row; their release ratios likewise';

CREATE FUNCTION lone.check_tiers() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    edited record;
    flaw text;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR edited IN
        SELECT DISTINCT coalesce(r.tier ->> 'asset', r.tier ->> 'contract') AS symbol, (r.tier ->> 'valid_from')::timestamptz AS valid_from
          FROM (SELECT to_jsonb(OLD) WHERE TG_OP <> 'INSERT' UNION SELECT to_jsonb(NEW) WHERE TG_OP <> 'DELETE') AS r (tier)
         ORDER BY symbol, valid_from
    LOOP
        IF TG_TABLE_NAME = 'risk_tier' THEN
            UPDATE contract AS c SET source = c.source WHERE c.contract = edited.symbol AND c.xmin <> pg_current_xact_id()::xid;
        ELSE
            UPDATE asset AS a SET source = a.source WHERE a.asset = edited.symbol AND a.xmin <> pg_current_xact_id()::xid;
        END IF;
        BEGIN
            -- A market of nothing else: what a schedule may be, its type knows.
            CASE TG_TABLE_NAME
                WHEN 'collateral_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, t.tiers, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, ratio) AS tiers FROM collateral_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t;
                WHEN 'initial_collateral_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, r.tiers, NULL, NULL, NULL, NULL, NULL, NULL, t.tiers, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, ratio) AS tiers FROM initial_collateral_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t
                       LEFT JOIN (SELECT margin.schedule(c.lower_bound, c.ratio) AS tiers FROM collateral_tier AS c
                                   WHERE c.asset = edited.symbol AND c.valid_from <= edited.valid_from
                                   GROUP BY c.valid_from ORDER BY c.valid_from DESC LIMIT 1) AS r ON true;
                WHEN 'liability_tier' THEN
                    PERFORM margin.market(array_agg(ROW(edited.symbol, NULL, NULL, NULL, NULL, NULL, t.tiers, NULL, NULL, NULL, NULL)::margin.asset_terms), NULL)
                       FROM (SELECT margin.schedule(lower_bound, maintenance_rate) AS tiers FROM liability_tier
                              WHERE asset = edited.symbol AND valid_from = edited.valid_from) AS t;
                ELSE
                    PERFORM margin.market(NULL, array_agg(ROW(edited.symbol, edited.symbol, NULL, 1, NULL, t.maintenance, t.initial, NULL, NULL, NULL, NULL, NULL)::margin.contract_terms))
                       FROM (SELECT margin.schedule(r.lower_bound, r.maintenance_rate) AS maintenance,
                                    margin.schedule(r.lower_bound, r.initial_rate) FILTER (WHERE r.initial_rate IS NOT NULL OR r.some) AS initial
                               FROM (SELECT *, bool_or(initial_rate IS NOT NULL) OVER () AS some FROM risk_tier
                                      WHERE contract = edited.symbol AND valid_from = edited.valid_from) AS r) AS t;
            END CASE;
        EXCEPTION WHEN invalid_parameter_value OR null_value_not_allowed OR program_limit_exceeded THEN
            GET STACKED DIAGNOSTICS flaw = MESSAGE_TEXT;
            RAISE EXCEPTION USING
                ERRCODE = 'check_violation', SCHEMA = TG_TABLE_SCHEMA, TABLE = TG_TABLE_NAME, CONSTRAINT = TG_NAME,
                MESSAGE = format('%s of "%s", valid from %s: %s', replace(TG_TABLE_NAME, '_', ' ') || 's', edited.symbol, edited.valid_from,
                                 CASE WHEN margin_internal.may_be_told(TG_RELID) THEN flaw ELSE 'not as the rows of a schedule have to be' END),
                HINT = 'The tiers of a schedule begin at 0; collateral ratios never rise, margin rates never fall; initial rates are in all tiers or in none.';
        END;
        PERFORM margin_internal.tell_lost_cap(TG_RELID, edited.symbol, edited.valid_from);
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.check_tiers() OWNER TO keeper;

COMMENT ON FUNCTION lone.check_tiers() IS 'trigger of the tables of tiers: a whole schedule begins at 0, collateral ratios never rise, margin rates never fall, initial rates are in all tiers or in none';

CREATE FUNCTION lone.follow_symbol() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    was CONSTANT text := to_jsonb(OLD) ->> TG_ARGV[0];
    "is" CONSTANT text := CASE TG_OP WHEN 'UPDATE' THEN to_jsonb(NEW) ->> TG_ARGV[0] END;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF "is" IS NULL THEN
        DELETE FROM price_check AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM reference_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        DELETE FROM held_price AS t WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    ELSE
        UPDATE price_check AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE reference_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
        UPDATE held_price AS t SET symbol = "is" WHERE t.kind = TG_ARGV[0] AND t.symbol = was;
    END IF;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.follow_symbol() OWNER TO keeper;

COMMENT ON FUNCTION lone.follow_symbol() IS 'trigger: checks, opinions and held prices of an asset or contract go with it, and are renamed with it; the argument is its kind and key column';

CREATE TABLE lone.asset_change (
    asset text NOT NULL,
    tier_unit text DEFAULT 'quantity'::text NOT NULL,
    liability_weight numeric DEFAULT 1 NOT NULL,
    requirement_weight numeric DEFAULT 1 NOT NULL,
    max_age interval,
    source text,
    initial_liability_weight numeric,
    valid_from timestamp with time zone NOT NULL,
    CONSTRAINT asset_asset_length CHECK (((octet_length(asset) >= 1) AND (octet_length(asset) <= 255))),
    CONSTRAINT asset_change_valid_from_finite CHECK (isfinite(valid_from)),
    CONSTRAINT asset_initial_liability_weight_range CHECK ((margin.is_amount(initial_liability_weight) AND (initial_liability_weight >= (1)::numeric))),
    CONSTRAINT asset_liability_weight_range CHECK ((margin.is_amount(liability_weight) AND (liability_weight >= (1)::numeric))),
    CONSTRAINT asset_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT asset_requirement_weight_positive CHECK ((margin.is_amount(requirement_weight) AND (requirement_weight > (0)::numeric))),
    CONSTRAINT asset_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['quantity'::text, 'value'::text])))
);

ALTER TABLE lone.asset_change OWNER TO keeper;

COMMENT ON TABLE lone.asset_change IS 'terms of assets from an instant on, all of them; until the first such instant those in asset hold';

COMMENT ON COLUMN lone.asset_change.asset IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN lone.asset_change.tier_unit IS 'what the bounds of its collateral tiers measure: quantity (units of the asset) or value (USD)';

COMMENT ON COLUMN lone.asset_change.liability_weight IS 'multiplies the value of a negative equity in this asset; at least 1';

COMMENT ON COLUMN lone.asset_change.requirement_weight IS 'multiplies margin requirements settled in this asset; above 0';

COMMENT ON COLUMN lone.asset_change.max_age IS 'an index price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN lone.asset_change.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN lone.asset_change.initial_liability_weight IS 'the same as liability_weight for the initial measure, by which orders and withdrawals are judged; at least 1; NULL: liability_weight';

COMMENT ON COLUMN lone.asset_change.valid_from IS 'the latest terms not after the instant of a market apply';

COMMENT ON CONSTRAINT asset_asset_length ON lone.asset_change IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT asset_change_valid_from_finite ON lone.asset_change IS 'the terms without a beginning are those in asset';

COMMENT ON CONSTRAINT asset_initial_liability_weight_range ON lone.asset_change IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_liability_weight_range ON lone.asset_change IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_max_age_positive ON lone.asset_change IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT asset_requirement_weight_positive ON lone.asset_change IS 'a weight of 0 would waive every requirement';

COMMENT ON CONSTRAINT asset_tier_unit_known ON lone.asset_change IS 'quantity or value';

CREATE TABLE lone.collateral_tier (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    ratio numeric NOT NULL,
    CONSTRAINT collateral_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT collateral_tier_ratio_range CHECK ((margin.is_amount(ratio) AND ((ratio >= (0)::numeric) AND (ratio <= (1)::numeric))))
);

ALTER TABLE lone.collateral_tier OWNER TO keeper;

COMMENT ON TABLE lone.collateral_tier IS 'collateral ratio schedules: rows that share asset and valid_from form one; an asset without is not accepted as collateral';

COMMENT ON COLUMN lone.collateral_tier.asset IS 'the asset held';

COMMENT ON COLUMN lone.collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies';

COMMENT ON COLUMN lone.collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.tier_unit says; it ends where the next begins';

COMMENT ON COLUMN lone.collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';

COMMENT ON CONSTRAINT collateral_tier_lower_bound_range ON lone.collateral_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT collateral_tier_ratio_range ON lone.collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE lone.contract_change (
    contract text NOT NULL,
    settle text NOT NULL,
    base text,
    contract_size numeric NOT NULL,
    netting text DEFAULT 'leg'::text NOT NULL,
    closing_fee numeric DEFAULT 0 NOT NULL,
    maintenance_method text DEFAULT 'marginal'::text NOT NULL,
    initial_method text DEFAULT 'whole'::text NOT NULL,
    max_age interval,
    source text,
    opening_fee numeric DEFAULT 0 NOT NULL,
    tier_unit text DEFAULT 'notional'::text NOT NULL,
    order_maintenance boolean DEFAULT false NOT NULL,
    payoff text DEFAULT 'linear'::text NOT NULL,
    valid_from timestamp with time zone NOT NULL,
    CONSTRAINT contract_change_valid_from_finite CHECK (isfinite(valid_from)),
    CONSTRAINT contract_closing_fee_range CHECK ((margin.is_amount(closing_fee) AND (closing_fee >= (0)::numeric))),
    CONSTRAINT contract_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT contract_contract_size_positive CHECK ((margin.is_amount(contract_size) AND (contract_size > (0)::numeric))),
    CONSTRAINT contract_initial_method_known CHECK ((initial_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_maintenance_method_known CHECK ((maintenance_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT contract_netting_known CHECK ((netting = ANY (ARRAY['leg'::text, 'larger'::text, 'net'::text]))),
    CONSTRAINT contract_opening_fee_range CHECK ((margin.is_amount(opening_fee) AND (opening_fee >= (0)::numeric))),
    CONSTRAINT contract_payoff_linear CHECK ((payoff = 'linear'::text)),
    CONSTRAINT contract_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['notional'::text, 'contracts'::text])))
);

ALTER TABLE lone.contract_change OWNER TO keeper;

COMMENT ON TABLE lone.contract_change IS 'terms of contracts from an instant on, all of them; until the first such instant those in contract hold';

COMMENT ON COLUMN lone.contract_change.contract IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN lone.contract_change.settle IS 'settlement asset: mark price, notional, profit and margin of the contract are counted in it';

COMMENT ON COLUMN lone.contract_change.base IS 'underlying asset, for linked price shocks; never enters a valuation; may be absent';

COMMENT ON COLUMN lone.contract_change.contract_size IS 'units of the underlying in one contract; above 0';

COMMENT ON COLUMN lone.contract_change.netting IS 'what margin is taken on: leg (each side by itself), larger (the larger side), net (the difference)';

COMMENT ON COLUMN lone.contract_change.closing_fee IS 'rate added to maintenance on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN lone.contract_change.maintenance_method IS 'how its maintenance rates apply: marginal (each to the part inside its tier) or whole (the tier reached, to all)';

COMMENT ON COLUMN lone.contract_change.initial_method IS 'how its initial rates apply: marginal or whole';

COMMENT ON COLUMN lone.contract_change.max_age IS 'a mark price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN lone.contract_change.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN lone.contract_change.opening_fee IS 'rate added to the initial requirement on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN lone.contract_change.tier_unit IS 'what the bounds of its risk tiers measure: notional (of a leg, in the settlement asset) or contracts';

COMMENT ON COLUMN lone.contract_change.order_maintenance IS 'whether open orders require maintenance, too';

COMMENT ON COLUMN lone.contract_change.payoff IS 'linear: profit is size * (mark - entry price) in the settlement asset. Nothing else is valued, so nothing else can be entered: an inverse or quanto contract would be given a wrong profit';

COMMENT ON COLUMN lone.contract_change.valid_from IS 'the latest terms not after the instant of a market apply';

COMMENT ON CONSTRAINT contract_change_valid_from_finite ON lone.contract_change IS 'the terms without a beginning are those in contract';

COMMENT ON CONSTRAINT contract_closing_fee_range ON lone.contract_change IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_contract_length ON lone.contract_change IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT contract_contract_size_positive ON lone.contract_change IS 'a contract of size 0 would be worth nothing';

COMMENT ON CONSTRAINT contract_initial_method_known ON lone.contract_change IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_maintenance_method_known ON lone.contract_change IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_max_age_positive ON lone.contract_change IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT contract_netting_known ON lone.contract_change IS 'leg, larger or net';

COMMENT ON CONSTRAINT contract_opening_fee_range ON lone.contract_change IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_payoff_linear ON lone.contract_change IS 'only linear contracts are valued; the trigger payoff says what to do with others';

COMMENT ON CONSTRAINT contract_tier_unit_known ON lone.contract_change IS 'notional or contracts';

CREATE TABLE lone.initial_collateral_tier (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    ratio numeric NOT NULL,
    CONSTRAINT initial_collateral_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT initial_collateral_tier_ratio_range CHECK ((margin.is_amount(ratio) AND ((ratio >= (0)::numeric) AND (ratio <= (1)::numeric))))
);

ALTER TABLE lone.initial_collateral_tier OWNER TO keeper;

COMMENT ON TABLE lone.initial_collateral_tier IS 'collateral ratio schedules of the initial measure, by which orders and withdrawals are judged; an asset without them is judged by its collateral_tier alone';

COMMENT ON COLUMN lone.initial_collateral_tier.asset IS 'the asset held; it has a collateral_tier too';

COMMENT ON COLUMN lone.initial_collateral_tier.valid_from IS 'the latest schedule not after the instant of a market applies, while the asset has one in collateral_tier';

COMMENT ON COLUMN lone.initial_collateral_tier.lower_bound IS 'where the tier begins, in units of the asset or in USD as asset.tier_unit says; it ends where the next begins';

COMMENT ON COLUMN lone.initial_collateral_tier.ratio IS 'share of the value inside the tier that counts, 0 to 1; never rises from tier to tier';

COMMENT ON CONSTRAINT initial_collateral_tier_lower_bound_range ON lone.initial_collateral_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT initial_collateral_tier_ratio_range ON lone.initial_collateral_tier IS 'collateral counts for none of its value, all of it, or something between';

CREATE TABLE lone.liability_tier (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    maintenance_rate numeric NOT NULL,
    CONSTRAINT liability_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT liability_tier_maintenance_rate_range CHECK ((margin.is_amount(maintenance_rate) AND (maintenance_rate >= (0)::numeric)))
);

ALTER TABLE lone.liability_tier OWNER TO keeper;

COMMENT ON TABLE lone.liability_tier IS 'maintenance schedules of debts: rows that share asset and valid_from form one; a debt in an asset without needs no maintenance';

COMMENT ON COLUMN lone.liability_tier.asset IS 'the asset owed';

COMMENT ON COLUMN lone.liability_tier.valid_from IS 'the latest schedule not after the instant of a market applies';

COMMENT ON COLUMN lone.liability_tier.lower_bound IS 'where the tier begins, in units of the asset owed; it ends where the next begins';

COMMENT ON COLUMN lone.liability_tier.maintenance_rate IS 'maintenance margin per unit owed inside the tier; never falls from tier to tier';

COMMENT ON CONSTRAINT liability_tier_lower_bound_range ON lone.liability_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT liability_tier_maintenance_rate_range ON lone.liability_tier IS 'a requirement is never negative';

CREATE TABLE lone.risk_tier (
    contract text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    lower_bound numeric NOT NULL,
    maintenance_rate numeric NOT NULL,
    initial_rate numeric,
    CONSTRAINT risk_tier_initial_rate_range CHECK ((margin.is_amount(initial_rate) AND (initial_rate >= (0)::numeric))),
    CONSTRAINT risk_tier_lower_bound_range CHECK ((margin.is_amount(lower_bound) AND (lower_bound >= (0)::numeric))),
    CONSTRAINT risk_tier_maintenance_rate_range CHECK ((margin.is_amount(maintenance_rate) AND (maintenance_rate >= (0)::numeric)))
);

ALTER TABLE lone.risk_tier OWNER TO keeper;

COMMENT ON TABLE lone.risk_tier IS 'margin rate schedules: rows that share contract and valid_from form one; positions in a contract without are unpriced';

COMMENT ON COLUMN lone.risk_tier.contract IS 'the contract';

COMMENT ON COLUMN lone.risk_tier.valid_from IS 'the latest schedule not after the instant of a market applies';

COMMENT ON COLUMN lone.risk_tier.lower_bound IS 'where the tier begins: notional of a leg, in the settlement asset, or contracts, as contract.tier_unit says; it ends where the next begins';

COMMENT ON COLUMN lone.risk_tier.maintenance_rate IS 'maintenance margin per unit of notional; never falls from tier to tier';

COMMENT ON COLUMN lone.risk_tier.initial_rate IS 'initial margin per unit of notional, in all tiers of a schedule or in none; never falls from tier to tier';

COMMENT ON CONSTRAINT risk_tier_initial_rate_range ON lone.risk_tier IS 'a requirement is never negative';

COMMENT ON CONSTRAINT risk_tier_lower_bound_range ON lone.risk_tier IS 'a tier begins at 0 or above';

COMMENT ON CONSTRAINT risk_tier_maintenance_rate_range ON lone.risk_tier IS 'a requirement is never negative';

CREATE VIEW lone.planned_change WITH (security_invoker='true') AS
 SELECT asset_change.valid_from,
    'asset'::text AS parameter,
    asset_change.asset AS symbol
   FROM lone.asset_change
  WHERE (asset_change.valid_from > now())
UNION ALL
 SELECT contract_change.valid_from,
    'contract'::text AS parameter,
    contract_change.contract AS symbol
   FROM lone.contract_change
  WHERE (contract_change.valid_from > now())
UNION ALL
 SELECT DISTINCT collateral_tier.valid_from,
    'collateral_tier'::text AS parameter,
    collateral_tier.asset AS symbol
   FROM lone.collateral_tier
  WHERE (collateral_tier.valid_from > now())
UNION ALL
 SELECT DISTINCT initial_collateral_tier.valid_from,
    'initial_collateral_tier'::text AS parameter,
    initial_collateral_tier.asset AS symbol
   FROM lone.initial_collateral_tier
  WHERE (initial_collateral_tier.valid_from > now())
UNION ALL
 SELECT DISTINCT liability_tier.valid_from,
    'liability_tier'::text AS parameter,
    liability_tier.asset AS symbol
   FROM lone.liability_tier
  WHERE (liability_tier.valid_from > now())
UNION ALL
 SELECT DISTINCT risk_tier.valid_from,
    'risk_tier'::text AS parameter,
    risk_tier.contract AS symbol
   FROM lone.risk_tier
  WHERE (risk_tier.valid_from > now());

ALTER TABLE lone.planned_change OWNER TO keeper;

COMMENT ON VIEW lone.planned_change IS 'parameters entered ahead that have not taken effect yet; what they will do to the accounts of a book is in its report_impact(valid_from)';

COMMENT ON COLUMN lone.planned_change.valid_from IS 'when they will';

COMMENT ON COLUMN lone.planned_change.parameter IS 'what changes: terms of an asset or contract, or a tier schedule by the name of its table';

COMMENT ON COLUMN lone.planned_change.symbol IS 'the asset or contract';

CREATE FUNCTION lone.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) RETURNS TABLE(kind text, symbol text, why text)
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT h.kind,
     h.symbol,
     h.why
    FROM margin_internal.hold_prices(NULL::lone.planned_change, hold_prices.assets, hold_prices.prices, hold_prices.lows, hold_prices.highs, hold_prices.contracts, hold_prices.marks, hold_prices.at, hold_prices.force) h(kind, symbol, why);
END;

ALTER FUNCTION lone.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) OWNER TO keeper;

COMMENT ON FUNCTION lone.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) IS 'for margin.set_prices(), once there are price checks: enters the prices of an offer that fail theirs into held_price, and returns which and why. Whoever sets prices needs EXECUTE';

CREATE TABLE lone.asset (
    asset text NOT NULL,
    tier_unit text DEFAULT 'quantity'::text NOT NULL,
    liability_weight numeric DEFAULT 1 NOT NULL,
    requirement_weight numeric DEFAULT 1 NOT NULL,
    max_age interval,
    source text,
    initial_liability_weight numeric,
    CONSTRAINT asset_asset_length CHECK (((octet_length(asset) >= 1) AND (octet_length(asset) <= 255))),
    CONSTRAINT asset_initial_liability_weight_range CHECK ((margin.is_amount(initial_liability_weight) AND (initial_liability_weight >= (1)::numeric))),
    CONSTRAINT asset_liability_weight_range CHECK ((margin.is_amount(liability_weight) AND (liability_weight >= (1)::numeric))),
    CONSTRAINT asset_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT asset_requirement_weight_positive CHECK ((margin.is_amount(requirement_weight) AND (requirement_weight > (0)::numeric))),
    CONSTRAINT asset_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['quantity'::text, 'value'::text])))
);

ALTER TABLE lone.asset OWNER TO keeper;

COMMENT ON TABLE lone.asset IS 'assets: what can be held as a balance, serve as collateral, or settle contracts';

COMMENT ON COLUMN lone.asset.asset IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN lone.asset.tier_unit IS 'what the bounds of its collateral tiers measure: quantity (units of the asset) or value (USD)';

COMMENT ON COLUMN lone.asset.liability_weight IS 'multiplies the value of a negative equity in this asset; at least 1';

COMMENT ON COLUMN lone.asset.requirement_weight IS 'multiplies margin requirements settled in this asset; above 0';

COMMENT ON COLUMN lone.asset.max_age IS 'an index price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN lone.asset.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN lone.asset.initial_liability_weight IS 'the same as liability_weight for the initial measure, by which orders and withdrawals are judged; at least 1; NULL: liability_weight';

COMMENT ON CONSTRAINT asset_asset_length ON lone.asset IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT asset_initial_liability_weight_range ON lone.asset IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_liability_weight_range ON lone.asset IS 'a debt is never weighted down';

COMMENT ON CONSTRAINT asset_max_age_positive ON lone.asset IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT asset_requirement_weight_positive ON lone.asset IS 'a weight of 0 would waive every requirement';

COMMENT ON CONSTRAINT asset_tier_unit_known ON lone.asset IS 'quantity or value';

CREATE TABLE lone.interest_rate (
    asset text NOT NULL,
    valid_from timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    hourly_rate numeric NOT NULL,
    free_amount numeric DEFAULT 0 NOT NULL,
    method text DEFAULT 'excess'::text NOT NULL,
    CONSTRAINT interest_rate_free_amount_range CHECK ((margin.is_amount(free_amount) AND (free_amount >= (0)::numeric))),
    CONSTRAINT interest_rate_hourly_rate_range CHECK ((margin.is_amount(hourly_rate) AND (hourly_rate >= (0)::numeric))),
    CONSTRAINT interest_rate_method_known CHECK ((method = ANY (ARRAY['excess'::text, 'whole'::text])))
);

ALTER TABLE lone.interest_rate OWNER TO keeper;

COMMENT ON TABLE lone.interest_rate IS 'interest on debts, charged by margin.accrue_interest(); an asset without a row costs nothing';

COMMENT ON COLUMN lone.interest_rate.asset IS 'the asset owed';

COMMENT ON COLUMN lone.interest_rate.valid_from IS 'of an hour the latest rate counts that is valid from its instant or earlier; a rate of 0 ends a charge';

COMMENT ON COLUMN lone.interest_rate.hourly_rate IS 'interest per unit charged and hour; 0.00001 is 0.001 %';

COMMENT ON COLUMN lone.interest_rate.free_amount IS 'a debt of up to this costs nothing, in units of the asset';

COMMENT ON COLUMN lone.interest_rate.method IS 'of a debt above free_amount is charged: excess, what is above it; whole, all of it';

COMMENT ON CONSTRAINT interest_rate_free_amount_range ON lone.interest_rate IS 'a debt is an amount above 0';

COMMENT ON CONSTRAINT interest_rate_hourly_rate_range ON lone.interest_rate IS 'a debtor is not paid for the debt';

COMMENT ON CONSTRAINT interest_rate_method_known ON lone.interest_rate IS 'excess or whole';

CREATE FUNCTION lone.interest_rates(since timestamp with time zone, until timestamp with time zone) RETURNS margin.interest_rate[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT ARRAY( SELECT ROW(r.asset, r.valid_from, r.hourly_rate, r.free_amount, r.method)::margin.interest_rate AS "row"
            FROM ((lone.asset a
              LEFT JOIN LATERAL ( SELECT f.valid_from
                    FROM lone.interest_rate f
                   WHERE ((f.asset = a.asset) AND (f.valid_from <= interest_rates.since))
                   ORDER BY f.valid_from DESC
                  LIMIT 1) present ON (true))
              JOIN lone.interest_rate r ON (((r.asset = a.asset) AND (r.valid_from >= COALESCE(present.valid_from, '-infinity'::timestamp with time zone)) AND (r.valid_from <= interest_rates.until))))
           ORDER BY r.asset, r.valid_from) AS "array";
END;

ALTER FUNCTION lone.interest_rates(since timestamp with time zone, until timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION lone.interest_rates(since timestamp with time zone, until timestamp with time zone) IS 'the rows of interest_rate that count at some time between two instants, both included; an empty array where there are none';

CREATE FUNCTION lone.lock_thresholds() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    -- There is no parent row: writers take turns.
    PERFORM margin_internal.enter_own(TG_RELID);
    LOCK TABLE level_threshold IN SHARE ROW EXCLUSIVE MODE;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.lock_thresholds() OWNER TO keeper;

COMMENT ON FUNCTION lone.lock_thresholds() IS 'trigger: one transaction at a time edits the thresholds';

CREATE FUNCTION lone.market() RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.kept_market(NULL::lone.planned_change, now());

ALTER FUNCTION lone.market() OWNER TO keeper;

COMMENT ON FUNCTION lone.market() IS 'the present market of the venue: parameters and prices as they stand at now(), prices older than their max_age left out';

CREATE FUNCTION lone.market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN margin_internal.stored_market(NULL::lone.planned_change, as_of, now());

ALTER FUNCTION lone.market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION lone.market(as_of timestamp with time zone) IS 'the parameters valid at as_of with the present prices, those older than their max_age (judged at now()) left out; null for null';

CREATE FUNCTION lone.market_id() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.market_id(lone.market());

ALTER FUNCTION lone.market_id() OWNER TO keeper;

COMMENT ON FUNCTION lone.market_id() IS 'the id under which market() is published; null: it is not, or something has changed since; for whoever may execute market()';

CREATE FUNCTION lone.past_market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    RETURN margin_internal.past_market(NULL::lone.planned_change, as_of);

ALTER FUNCTION lone.past_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION lone.past_market(as_of timestamp with time zone) IS 'the parameters valid at as_of with the prices that stood then, from the price histories, those that were older than their max_age left out; before the histories begin there are no prices. A parameter edited in place counts as it is now; null for null';

CREATE TABLE lone.held_price (
    kind text NOT NULL,
    symbol text NOT NULL,
    price numeric NOT NULL,
    low numeric,
    high numeric,
    why text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    forced boolean DEFAULT false NOT NULL,
    offered_by name DEFAULT margin.acting_user() NOT NULL,
    offered_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    held_since timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    offers bigint DEFAULT 1 NOT NULL
);

ALTER TABLE lone.held_price OWNER TO keeper;

COMMENT ON TABLE lone.held_price IS 'prices offered that failed their price_check, the latest of each symbol, until margin.confirm_price() applies or margin.drop_price() drops it, or one that is not older is applied; the price before stays in force meanwhile';

COMMENT ON COLUMN lone.held_price.kind IS 'asset (an index price) or contract (a mark price)';

COMMENT ON COLUMN lone.held_price.symbol IS 'the asset or contract';

COMMENT ON COLUMN lone.held_price.price IS 'the price offered';

COMMENT ON COLUMN lone.held_price.low IS 'offered with it; null: none';

COMMENT ON COLUMN lone.held_price.high IS 'offered with it; null: none';

COMMENT ON COLUMN lone.held_price.why IS 'which checks it fails, in words';

COMMENT ON COLUMN lone.held_price.observed_at IS 'when it was observed; updated_at of the price if it is confirmed';

COMMENT ON COLUMN lone.held_price.forced IS 'whether it was offered as a correction that may replace a later one';

COMMENT ON COLUMN lone.held_price.offered_by IS 'the role that offered it';

COMMENT ON COLUMN lone.held_price.offered_at IS 'when it was offered';

COMMENT ON COLUMN lone.held_price.held_since IS 'when the first of the offers was held that came without one between them that passed';

COMMENT ON COLUMN lone.held_price.offers IS 'how many offers these were';

CREATE TABLE lone.venue_rule (
    rule text NOT NULL,
    value text NOT NULL,
    CONSTRAINT venue_rule_held_prices_pause_levels_known CHECK (((rule <> 'held_prices_pause_levels'::text) OR (value = ANY (ARRAY['true'::text, 'false'::text])))),
    CONSTRAINT venue_rule_liability_rule_known CHECK (((rule <> 'liability_rule'::text) OR (value = ANY (ARRAY['sum'::text, 'larger'::text])))),
    CONSTRAINT venue_rule_orders_reduce_equity_known CHECK (((rule <> 'orders_reduce_equity'::text) OR (value = ANY (ARRAY['nothing'::text, 'loss'::text, 'margin'::text, 'both'::text])))),
    CONSTRAINT venue_rule_publish_for_range CHECK (
CASE rule
    WHEN 'publish_for'::text THEN ((value)::interval > '00:00:00'::interval)
    ELSE true
END),
    CONSTRAINT venue_rule_rule_known CHECK ((rule = ANY (ARRAY['orders_reduce_equity'::text, 'liability_rule'::text, 'held_prices_pause_levels'::text, 'publish_for'::text])))
);

ALTER TABLE lone.venue_rule OWNER TO keeper;

COMMENT ON TABLE lone.venue_rule IS 'rules of the venue; one without a row has its default: orders_reduce_equity nothing, liability_rule sum, held_prices_pause_levels false, publish_for no limit';

COMMENT ON COLUMN lone.venue_rule.rule IS 'orders_reduce_equity, liability_rule, held_prices_pause_levels or publish_for';

COMMENT ON COLUMN lone.venue_rule.value IS 'of orders_reduce_equity: which amounts of open orders are subtracted from equity before levels are judged (nothing, loss, margin, both); of liability_rule: whether the maintenance of debts is added to that of positions (sum) or the larger of both counts (larger); of held_prices_pause_levels: whether levels stay as good as they are while a price that matters to them is held (true, false); of publish_for: how long a published market is valid at most, an interval above 0: 10 seconds';

COMMENT ON CONSTRAINT venue_rule_held_prices_pause_levels_known ON lone.venue_rule IS 'true or false';

COMMENT ON CONSTRAINT venue_rule_liability_rule_known ON lone.venue_rule IS 'sum or larger';

COMMENT ON CONSTRAINT venue_rule_orders_reduce_equity_known ON lone.venue_rule IS 'nothing, loss, margin or both';

COMMENT ON CONSTRAINT venue_rule_publish_for_range ON lone.venue_rule IS 'what is not valid for any time cannot be published';

COMMENT ON CONSTRAINT venue_rule_rule_known ON lone.venue_rule IS 'an unknown rule would have no effect, and look as if it had';

CREATE FUNCTION lone.pausing_prices() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT jsonb_build_object('assets', COALESCE(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE (h.kind = 'asset'::text)), '{}'::jsonb), 'contracts', COALESCE(jsonb_object_agg(h.symbol, h.price) FILTER (WHERE (h.kind = 'contract'::text)), '{}'::jsonb)) AS jsonb_build_object
    FROM lone.held_price h
   WHERE (EXISTS ( SELECT
            FROM lone.venue_rule r
           WHERE ((r.rule = 'held_prices_pause_levels'::text) AND (r.value = 'true'::text))))
  HAVING (count(*) > 0);
END;

ALTER FUNCTION lone.pausing_prices() OWNER TO keeper;

COMMENT ON FUNCTION lone.pausing_prices() IS 'the prices held while held_prices_pause_levels is true, for refreshes of levels: {"assets": {"BTC": 30000}, "contracts": {}}; null: none';

CREATE FUNCTION lone.planned_change() RETURNS timestamp with time zone
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT min(planned_change.valid_from) AS min
    FROM lone.planned_change;
END;

ALTER FUNCTION lone.planned_change() OWNER TO keeper;

COMMENT ON FUNCTION lone.planned_change() IS 'when the next of planned_change takes effect; null: nothing is planned';

CREATE FUNCTION lone.present_market(clock timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.kept_market(NULL::lone.planned_change, clock);

ALTER FUNCTION lone.present_market(clock timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION lone.present_market(clock timestamp with time zone) IS 'market() by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';

CREATE FUNCTION lone.publish_market() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT margin_internal.publish_market(NULL::lone.planned_change) AS publish_market;
END;

ALTER FUNCTION lone.publish_market() OWNER TO keeper;

COMMENT ON FUNCTION lone.publish_market() IS 'for margin.publish_market(): writes the present market into published_market and returns its id. Whoever publishes needs EXECUTE';

CREATE FUNCTION lone.publish_pending() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
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

ALTER FUNCTION lone.publish_pending() OWNER TO keeper;

COMMENT ON FUNCTION lone.publish_pending() IS 'trigger: publishes the market, unless that was done meanwhile';

CREATE FUNCTION lone.record_held_price() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    held record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR held IN
        SELECT CASE WHEN TG_OP = 'INSERT' THEN 'held'
                    WHEN (p.price, p.low, p.high, p.updated_at) IS NOT DISTINCT FROM (h.price, h.low, h.high, h.observed_at) THEN 'applied'
                    -- a correction may be older than the price that stood when it was offered
                    WHEN p.updated_at >= CASE WHEN h.forced THEN h.offered_at ELSE h.observed_at END THEN 'replaced'
                    ELSE 'dropped' END AS event, h.*
          FROM (SELECT NEW.* WHERE TG_OP = 'INSERT' UNION ALL SELECT OLD.* WHERE TG_OP = 'DELETE' UNION ALL SELECT t.* FROM held_price AS t WHERE TG_OP = 'TRUNCATE') AS h
          LEFT JOIN (SELECT 'asset' AS kind, i.asset AS symbol, i.price, i.low, i.high, i.updated_at FROM index_price AS i
                     UNION ALL
                     SELECT 'contract', m.contract, m.price, NULL, NULL, m.updated_at FROM mark_price AS m) AS p ON p.kind = h.kind AND p.symbol = h.symbol
    LOOP
        INSERT INTO held_price_event (event, kind, symbol, price, low, high, why, observed_at, offered_by, offers)
        VALUES (held.event, held.kind, held.symbol, held.price, held.low, held.high, held.why, held.observed_at, held.offered_by, held.offers);
        -- anybody may listen: prices, and how far they may go, are for those who may read the table
        PERFORM pg_notify('margin_price', format('{"venue": %s, "event": "%s", "kind": "%s", "symbol": %s}', to_json(TG_TABLE_SCHEMA::text),
                                                 held.event, held.kind, to_json(held.symbol)));
    END LOOP;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.record_held_price() OWNER TO keeper;

COMMENT ON FUNCTION lone.record_held_price() IS 'trigger: journals in held_price_event that a price is held, and what became of it, and sends that to channel margin_price';

CREATE FUNCTION lone.record_parameter_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO'
    SET "IntervalStyle" TO 'postgres'
    SET extra_float_digits TO '1'
    SET bytea_output TO 'hex'
    SET lc_monetary TO 'C'
    AS $_$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    IF TG_OP = 'TRUNCATE' THEN
        EXECUTE format('INSERT INTO parameter_event (parameter, symbol, before)
                        SELECT $1, to_jsonb(t) ->> $2, to_jsonb(t) FROM %I AS t', TG_TABLE_NAME)
          USING TG_TABLE_NAME, TG_ARGV[0];
    ELSIF TG_OP <> 'UPDATE' OR OLD IS DISTINCT FROM NEW THEN
        INSERT INTO parameter_event (parameter, symbol, before, after)
        SELECT TG_TABLE_NAME, coalesce(edit.after, edit.before) ->> TG_ARGV[0], edit.before, edit.after
          FROM (SELECT CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END AS before,
                       CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END AS after) AS edit;
    END IF;
    RETURN NULL;
END
$_$;

ALTER FUNCTION lone.record_parameter_event() OWNER TO keeper;

COMMENT ON FUNCTION lone.record_parameter_event() IS 'trigger: journals an edit of a parameter table; its argument is the column that holds the symbol';

CREATE FUNCTION lone.record_prices() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET enable_nestloop TO 'off'
    AS $_$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    CASE TG_TABLE_NAME || ' ' || TG_OP
        WHEN 'index_price INSERT' THEN
            INSERT INTO index_price_history (asset, price, updated_at, forced, low, high)
            SELECT n.asset, n.price, n.updated_at, false, n.low, n.high FROM applied AS n;
        WHEN 'index_price UPDATE' THEN
            -- a symbol that was renamed goes on under its new name
            INSERT INTO index_price_history (asset, price, updated_at, forced, low, high)
            SELECT n.asset, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false), n.low, n.high
              FROM applied AS n LEFT JOIN replaced AS o ON o.asset = n.asset
             WHERE (n.price, n.updated_at, n.low, n.high) IS DISTINCT FROM (o.price, o.updated_at, o.low, o.high);
        WHEN 'index_price DELETE' THEN
            INSERT INTO index_price_history (asset, updated_at, forced) SELECT o.asset, o.updated_at, false FROM replaced AS o;
        WHEN 'index_price TRUNCATE' THEN
            INSERT INTO index_price_history (asset, updated_at, forced) SELECT o.asset, o.updated_at, false FROM index_price AS o;
        WHEN 'mark_price INSERT' THEN
            INSERT INTO mark_price_history (contract, price, updated_at, forced)
            SELECT n.contract, n.price, n.updated_at, false FROM applied AS n;
        WHEN 'mark_price UPDATE' THEN
            INSERT INTO mark_price_history (contract, price, updated_at, forced)
            SELECT n.contract, n.price, n.updated_at, coalesce(n.updated_at < o.updated_at, false)
              FROM applied AS n LEFT JOIN replaced AS o ON o.contract = n.contract
             WHERE (n.price, n.updated_at) IS DISTINCT FROM (o.price, o.updated_at);
        WHEN 'mark_price DELETE' THEN
            INSERT INTO mark_price_history (contract, updated_at, forced) SELECT o.contract, o.updated_at, false FROM replaced AS o;
        WHEN 'mark_price TRUNCATE' THEN
            INSERT INTO mark_price_history (contract, updated_at, forced) SELECT o.contract, o.updated_at, false FROM mark_price AS o;
    END CASE;
    -- no price is held against one that was observed later
    IF TG_OP IN ('INSERT', 'UPDATE') AND margin_internal.may_have_rows('held_price'::regclass) THEN
        EXECUTE format('DELETE FROM held_price AS h USING applied AS n WHERE h.kind = %1$L AND h.symbol = n.%1$I AND h.observed_at <= n.updated_at', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$_$;

ALTER FUNCTION lone.record_prices() OWNER TO keeper;

COMMENT ON FUNCTION lone.record_prices() IS 'trigger: appends the prices applied, and that a price was deleted, to their history, and ends the holding of prices that they are not older than; the argument is the kind, and key column, of the table';

CREATE FUNCTION lone.record_publication() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO published_market_history (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules)
    VALUES (NEW.id, NEW.at, NEW.valid_until, NEW.market, NEW.release_ratios, NEW.pausing_prices, NEW.scenarios, NEW.repayment_rules)
        ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.record_publication() OWNER TO keeper;

COMMENT ON FUNCTION lone.record_publication() IS 'trigger: appends what is published to its history';

CREATE TABLE lone.level_threshold (
    level text NOT NULL,
    margin_ratio numeric NOT NULL,
    release_ratio numeric,
    CONSTRAINT level_threshold_level_known CHECK ((level = ANY (ARRAY['warning'::text, 'margin_call'::text, 'liquidation'::text]))),
    CONSTRAINT level_threshold_margin_ratio_positive CHECK ((margin.is_amount(margin_ratio) AND (margin_ratio > (0)::numeric))),
    CONSTRAINT level_threshold_release_ratio_range CHECK ((margin.is_amount(release_ratio) AND (release_ratio > (0)::numeric) AND (release_ratio <= margin_ratio)))
);

ALTER TABLE lone.level_threshold OWNER TO keeper;

COMMENT ON TABLE lone.level_threshold IS 'margin ratios at which the levels begin; for a level without a row: warning 0.7, margin_call 0.85, liquidation 1';

COMMENT ON COLUMN lone.level_threshold.level IS 'warning, margin_call or liquidation; the other levels have no threshold';

COMMENT ON COLUMN lone.level_threshold.margin_ratio IS 'the level begins where maintenance margin reaches this many times the equity; above 0';

COMMENT ON COLUMN lone.level_threshold.release_ratio IS 'an account kept at the level leaves it when maintenance margin falls below this many times the equity; null: as soon as margin_ratio is no longer reached; valuation does not ask for it';

COMMENT ON CONSTRAINT level_threshold_level_known ON lone.level_threshold IS 'only these levels have a threshold';

COMMENT ON CONSTRAINT level_threshold_margin_ratio_positive ON lone.level_threshold IS 'a threshold is above 0';

COMMENT ON CONSTRAINT level_threshold_release_ratio_range ON lone.level_threshold IS 'a level is left where it begins or below';

CREATE FUNCTION lone.release_ratios() RETURNS numeric[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT array_agg(t.release_ratio ORDER BY l.n) AS array_agg
    FROM (unnest(ARRAY['warning'::text, 'margin_call'::text, 'liquidation'::text]) WITH ORDINALITY l(level, n)
      LEFT JOIN lone.level_threshold t ON ((t.level = l.level)));
END;

ALTER FUNCTION lone.release_ratios() OWNER TO keeper;

COMMENT ON FUNCTION lone.release_ratios() IS 'release ratios of warning, margin_call and liquidation, in this order; null: a level is left as soon as its margin ratio is no longer reached';

CREATE TABLE lone.repayment_rule (
    asset text NOT NULL,
    rank integer,
    conversion_discount numeric DEFAULT 1 NOT NULL,
    threshold numeric,
    repayment_ratio numeric DEFAULT 1 NOT NULL,
    CONSTRAINT repayment_rule_conversion_discount_range CHECK ((margin.is_amount(conversion_discount) AND ((conversion_discount >= (0)::numeric) AND (conversion_discount <= (1)::numeric)))),
    CONSTRAINT repayment_rule_repayment_ratio_range CHECK ((margin.is_amount(repayment_ratio) AND ((repayment_ratio >= (0)::numeric) AND (repayment_ratio <= (1)::numeric)))),
    CONSTRAINT repayment_rule_threshold_range CHECK ((margin.is_amount(threshold) AND (threshold >= (0)::numeric)))
);

ALTER TABLE lone.repayment_rule OWNER TO keeper;

COMMENT ON TABLE lone.repayment_rule IS 'how an asset pays the debts of its account, and how a debt in it is repaid; without a row it pays at index price, after those with a rank, if it is collateral at all, and a debt in it is repaid whole';

COMMENT ON COLUMN lone.repayment_rule.asset IS 'the asset, as funding asset and as debt';

COMMENT ON COLUMN lone.repayment_rule.rank IS 'the lowest pays first; NULL: after those that have one, in the order that repayment_plan() is asked for';

COMMENT ON COLUMN lone.repayment_rule.conversion_discount IS 'part of its index price at which it is converted, 0 to 1; 0: it never pays';

COMMENT ON COLUMN lone.repayment_rule.threshold IS 'a debt is due only where it is above this, in units of the asset; NULL: always, and whole';

COMMENT ON COLUMN lone.repayment_rule.repayment_ratio IS 'a debt above its threshold is repaid down to threshold * (1 - this); 1: whole; means nothing without a threshold';

COMMENT ON CONSTRAINT repayment_rule_conversion_discount_range ON lone.repayment_rule IS 'a conversion never brings more than the index price';

COMMENT ON CONSTRAINT repayment_rule_repayment_ratio_range ON lone.repayment_rule IS 'none of the threshold, all of it, or something between';

COMMENT ON CONSTRAINT repayment_rule_threshold_range ON lone.repayment_rule IS 'a debt is an amount above 0';

CREATE FUNCTION lone.repayment_rules() RETURNS margin.repayment_rule[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT ARRAY( SELECT ROW(r.asset, r.rank, r.conversion_discount, r.threshold, r.repayment_ratio)::margin.repayment_rule AS "row"
            FROM lone.repayment_rule r
           ORDER BY r.asset) AS "array";
END;

ALTER FUNCTION lone.repayment_rules() OWNER TO keeper;

COMMENT ON FUNCTION lone.repayment_rules() IS 'all rows of repayment_rule, as margin.repayment_plan() takes them; an empty array where there are none';

CREATE FUNCTION lone.request_publication() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    INSERT INTO pending_publication (transaction) VALUES (pg_current_xact_id()) ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

ALTER FUNCTION lone.request_publication() OWNER TO keeper;

COMMENT ON FUNCTION lone.request_publication() IS 'trigger: the transaction publishes the market before it commits';

CREATE TABLE lone.scenario (
    id bigint NOT NULL,
    scenario text NOT NULL,
    asset text,
    contract text,
    relative numeric,
    price numeric,
    CONSTRAINT scenario_all_relative CHECK (((price IS NULL) OR (asset IS NOT NULL) OR (contract IS NOT NULL))),
    CONSTRAINT scenario_one_move CHECK (((relative IS NULL) <> (price IS NULL))),
    CONSTRAINT scenario_one_target CHECK (((asset IS NULL) OR (contract IS NULL))),
    CONSTRAINT scenario_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT scenario_relative_range CHECK ((margin.is_amount(relative) AND (relative > ('-1'::integer)::numeric))),
    CONSTRAINT scenario_scenario_length CHECK (((octet_length(scenario) >= 1) AND (octet_length(scenario) <= 255)))
);

ALTER TABLE lone.scenario OWNER TO keeper;

COMMENT ON TABLE lone.scenario IS 'price scenarios for shock() and stress(): rows that share a name are one scenario, one row per move';

COMMENT ON COLUMN lone.scenario.id IS 'tells rows apart; means nothing else';

COMMENT ON COLUMN lone.scenario.scenario IS 'name of the scenario, 1 to 255 bytes';

COMMENT ON COLUMN lone.scenario.asset IS 'asset whose index price moves; where contract is NULL too, all assets that have no row of their own';

COMMENT ON COLUMN lone.scenario.contract IS 'contract whose mark price moves, instead of following the prices of its assets';

COMMENT ON COLUMN lone.scenario.relative IS 'change in proportion to the present price, above -1: -0.2 is a fall of 20 %; 0 holds a price where all others move';

COMMENT ON COLUMN lone.scenario.price IS 'the new price itself, above 0, instead: USD per unit of the asset, or settlement asset per unit of the underlying';

COMMENT ON CONSTRAINT scenario_all_relative ON lone.scenario IS 'one price cannot be that of all assets';

COMMENT ON CONSTRAINT scenario_one_move ON lone.scenario IS 'a move is relative or a price';

COMMENT ON CONSTRAINT scenario_one_target ON lone.scenario IS 'assets and contracts are separate namespaces; a row moves one of either';

COMMENT ON CONSTRAINT scenario_price_positive ON lone.scenario IS 'a price stays above 0';

COMMENT ON CONSTRAINT scenario_relative_range ON lone.scenario IS 'a price stays above 0';

COMMENT ON CONSTRAINT scenario_scenario_length ON lone.scenario IS 'a name has 1 to 255 bytes';

CREATE FUNCTION lone.scenarios() RETURNS margin.price_move[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT ARRAY( SELECT ROW(s.scenario, s.asset, s.contract, s.relative, s.price)::margin.price_move AS "row"
            FROM lone.scenario s
           ORDER BY s.scenario, s.asset, s.contract) AS "array";
END;

ALTER FUNCTION lone.scenarios() OWNER TO keeper;

COMMENT ON FUNCTION lone.scenarios() IS 'all rows of scenario, as margin.stress() takes them; an empty array where there are none';

CREATE FUNCTION lone.warn_of_later_change() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
DECLARE
    overridden record;
BEGIN
    PERFORM margin_internal.enter_own(TG_RELID);
    FOR overridden IN EXECUTE format(
        'SELECT e.symbol, c.since
           FROM (SELECT n.%1$I AS symbol, max(%3$s) AS edited FROM replaced AS o JOIN applied AS n USING (%4$s) WHERE %5$s GROUP BY 1) AS e,
                LATERAL (SELECT max(valid_from) AS since FROM %2$I AS c WHERE c.%1$I = e.symbol AND c.valid_from <= now()) AS c
          WHERE c.since > e.edited
          ORDER BY e.symbol COLLATE "C"',
        TG_ARGV[0], TG_ARGV[1], CASE TG_ARGV[1] WHEN TG_TABLE_NAME THEN 'n.valid_from' ELSE 'timestamptz ''-infinity''' END, TG_ARGV[2],
        -- an asset that follows its renaming is no edit: its old name is gone
        (SELECT string_agg(format(CASE WHEN term IN ('settle', 'base')
                                       THEN 'o.%1$I IS DISTINCT FROM n.%1$I AND (o.%1$I IS NULL OR EXISTS (SELECT FROM asset AS a WHERE a.asset = o.%1$I))'
                                       ELSE 'o.%1$I IS DISTINCT FROM n.%1$I' END, term), ' OR ')
           FROM unnest(TG_ARGV[3:]) AS term))
    LOOP
        RAISE WARNING USING
            MESSAGE = format('the terms of "%s" that were edited in %s do not hold now', overridden.symbol, TG_TABLE_NAME),
            DETAIL = format('What holds now is in %s, valid from %s.', TG_ARGV[1], overridden.since),
            HINT = format('To change what holds now, edit that in %s.', TG_ARGV[1]);
    END LOOP;
    RETURN NULL;
END
$_$;

ALTER FUNCTION lone.warn_of_later_change() OWNER TO keeper;

COMMENT ON FUNCTION lone.warn_of_later_change() IS 'trigger: a warning where terms are edited that a later change has replaced already';

CREATE TABLE shard.balance (
    account_id bigint NOT NULL,
    asset text NOT NULL,
    quantity numeric NOT NULL,
    CONSTRAINT balance_asset_length CHECK (((octet_length(asset) >= 1) AND (octet_length(asset) <= 255))),
    CONSTRAINT balance_quantity_finite CHECK (margin.is_amount(quantity))
);

ALTER TABLE shard.balance OWNER TO keeper;

COMMENT ON TABLE shard.balance IS 'wallet balances of accounts';

COMMENT ON COLUMN shard.balance.account_id IS 'the account';

COMMENT ON COLUMN shard.balance.asset IS 'symbol of the asset; one that the venue lacks makes the account unpriced';

COMMENT ON COLUMN shard.balance.quantity IS 'in units of the asset; negative is a debt';

COMMENT ON CONSTRAINT balance_asset_length ON shard.balance IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT balance_quantity_finite ON shard.balance IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TABLE shard.open_order (
    account_id bigint NOT NULL,
    order_id text NOT NULL,
    contract text NOT NULL,
    quantity numeric NOT NULL,
    price numeric NOT NULL,
    leverage numeric,
    CONSTRAINT open_order_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT open_order_leverage_positive CHECK ((margin.is_amount(leverage) AND (leverage > (0)::numeric))),
    CONSTRAINT open_order_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT open_order_quantity_finite CHECK (margin.is_amount(quantity))
);

ALTER TABLE shard.open_order OWNER TO keeper;

COMMENT ON TABLE shard.open_order IS 'open orders of accounts: all that may still fill is taken as filled where that requires more margin; reduce-only orders are not entered';

COMMENT ON COLUMN shard.open_order.account_id IS 'the account';

COMMENT ON COLUMN shard.open_order.order_id IS 'tells the orders of an account apart';

COMMENT ON COLUMN shard.open_order.contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';

COMMENT ON COLUMN shard.open_order.quantity IS 'what is left to fill, in contracts; above 0 buys, below 0 sells';

COMMENT ON COLUMN shard.open_order.price IS 'limit price, settlement asset per unit of the underlying; above 0';

COMMENT ON COLUMN shard.open_order.leverage IS 'leverage chosen for what it opens; above 0; NULL: none chosen';

COMMENT ON CONSTRAINT open_order_contract_length ON shard.open_order IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT open_order_leverage_positive ON shard.open_order IS 'leverage is a divisor, so above 0';

COMMENT ON CONSTRAINT open_order_price_positive ON shard.open_order IS 'a limit price is above 0';

COMMENT ON CONSTRAINT open_order_quantity_finite ON shard.open_order IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TABLE shard."position" (
    account_id bigint NOT NULL,
    contract text NOT NULL,
    side text DEFAULT 'long'::text NOT NULL,
    quantity numeric NOT NULL,
    entry_price numeric NOT NULL,
    leverage numeric,
    CONSTRAINT position_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT position_entry_price_range CHECK ((margin.is_amount(entry_price) AND (entry_price >= (0)::numeric))),
    CONSTRAINT position_leverage_positive CHECK ((margin.is_amount(leverage) AND (leverage > (0)::numeric))),
    CONSTRAINT position_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT position_side_of_quantity CHECK ((side =
CASE
    WHEN (quantity < (0)::numeric) THEN 'short'::text
    ELSE 'long'::text
END))
);

ALTER TABLE shard."position" OWNER TO keeper;

COMMENT ON TABLE shard."position" IS 'open positions of accounts: at most one long and one short in a contract';

COMMENT ON COLUMN shard."position".account_id IS 'the account';

COMMENT ON COLUMN shard."position".contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';

COMMENT ON COLUMN shard."position".side IS 'short where quantity is below 0, else long; set by itself, rows are entered without it';

COMMENT ON COLUMN shard."position".quantity IS 'in contracts; above 0 is long, below 0 short';

COMMENT ON COLUMN shard."position".entry_price IS 'average entry price, settlement asset per unit of the underlying';

COMMENT ON COLUMN shard."position".leverage IS 'leverage chosen, sets the initial margin; above 0; NULL: none chosen';

COMMENT ON CONSTRAINT position_contract_length ON shard."position" IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT position_entry_price_range ON shard."position" IS 'an entry price is never negative';

COMMENT ON CONSTRAINT position_leverage_positive ON shard."position" IS 'leverage is a divisor, so above 0';

COMMENT ON CONSTRAINT position_quantity_finite ON shard."position" IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

COMMENT ON CONSTRAINT position_side_of_quantity ON shard."position" IS 'the side is the sign of the quantity';

CREATE FUNCTION shard.about() RETURNS margin.about
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ROW('1.0'::text, NULL::regnamespace, 'shard.balance'::regclass, 'shard."position"'::regclass, 'shard.open_order'::regclass)::margin.about;

ALTER FUNCTION shard.about() OWNER TO keeper;

COMMENT ON FUNCTION shard.about() IS 'release, venue, and where the rows come from';

CREATE FUNCTION shard.account_key(account text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN account;
END
$$;

ALTER FUNCTION shard.account_key(account text) OWNER TO keeper;

COMMENT ON FUNCTION shard.account_key(account text) IS 'the account whose key has this text; an error for a text that is no key; null for null';

CREATE TABLE shard.published_market (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[] NOT NULL,
    pausing_prices jsonb,
    scenarios margin.price_move[] NOT NULL,
    repayment_rules margin.repayment_rule[] NOT NULL,
    received_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT published_market_one_row CHECK (only_row)
);
ALTER TABLE ONLY shard.published_market ALTER COLUMN market SET STORAGE EXTERNAL;

ALTER TABLE shard.published_market OWNER TO keeper;

COMMENT ON TABLE shard.published_market IS 'the market that the coordinator of the cluster sent last, in at most one row, by which the shard judges';

COMMENT ON COLUMN shard.published_market.id IS 'which publication of the venue this is';

COMMENT ON COLUMN shard.published_market.at IS 'the instant whose market it is, by the clock of the server that published it';

COMMENT ON COLUMN shard.published_market.valid_until IS 'from then on it is not the market any more, and reading it is an error; infinity: never';

COMMENT ON COLUMN shard.published_market.market IS 'the market';

COMMENT ON COLUMN shard.published_market.release_ratios IS 'release_ratios() of the venue';

COMMENT ON COLUMN shard.published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';

COMMENT ON COLUMN shard.published_market.scenarios IS 'scenarios() of the venue';

COMMENT ON COLUMN shard.published_market.repayment_rules IS 'repayment_rules() of the venue';

COMMENT ON COLUMN shard.published_market.received_at IS 'when it was written here, by the clock of the shard';

COMMENT ON COLUMN shard.published_market.only_row IS 'true';

COMMENT ON CONSTRAINT published_market_one_row ON shard.published_market IS 'there is one present market';

CREATE VIEW shard.market_source WITH (security_invoker='true') AS
 SELECT s.id,
    s.at,
    s.valid_until,
    s.market,
    s.release_ratios,
    s.pausing_prices,
    s.scenarios,
    s.repayment_rules
   FROM shard.published_market s;

ALTER TABLE shard.market_source OWNER TO keeper;

COMMENT ON VIEW shard.market_source IS 'the published market that the book reads, in one row; for its owner';

COMMENT ON COLUMN shard.market_source.id IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.at IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.valid_until IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.market IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.release_ratios IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.pausing_prices IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.scenarios IS 'as in published_market of the venue; null where that does not come along';

COMMENT ON COLUMN shard.market_source.repayment_rules IS 'as in published_market of the venue; null where that does not come along';

CREATE FUNCTION shard.market() RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.kept_market(NULL::shard.market_source, now());

ALTER FUNCTION shard.market() OWNER TO keeper;

COMMENT ON FUNCTION shard.market() IS 'the published market that the book reads; an error (55000) if there is none, or none that is valid at now()';

CREATE FUNCTION shard.venue_market() RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.market();

ALTER FUNCTION shard.venue_market() OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_market() IS 'the present market of the venue';

CREATE VIEW shard.holding WITH (security_invoker='true') AS
 SELECT balance.account_id,
    balance.asset AS symbol,
    balance.quantity,
    NULL::numeric AS entry_price,
    NULL::numeric AS leverage,
    'balance'::margin.holding_kind AS kind
   FROM shard.balance
UNION ALL
 SELECT "position".account_id,
    "position".contract AS symbol,
    "position".quantity,
    "position".entry_price,
    "position".leverage,
    'position'::margin.holding_kind AS kind
   FROM shard."position"
UNION ALL
 SELECT open_order.account_id,
    open_order.contract AS symbol,
    open_order.quantity,
    open_order.price AS entry_price,
    open_order.leverage,
    'order'::margin.holding_kind AS kind
   FROM shard.open_order;

ALTER TABLE shard.holding OWNER TO keeper;

COMMENT ON VIEW shard.holding IS 'balances, positions and open orders as holdings, the rows that account_portfolio nets';

COMMENT ON COLUMN shard.holding.account_id IS 'the account';

COMMENT ON COLUMN shard.holding.symbol IS 'symbol of the asset of a balance, or of the contract of a position or order';

COMMENT ON COLUMN shard.holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short or sells';

COMMENT ON COLUMN shard.holding.entry_price IS 'of a position, or the limit price of an order, settlement asset per unit of the underlying; null for a balance';

COMMENT ON COLUMN shard.holding.leverage IS 'chosen for a position or order; null: none, or a balance';

COMMENT ON COLUMN shard.holding.kind IS 'balance, position or order';

CREATE VIEW shard.account_portfolio WITH (security_invoker='true') AS
 SELECT h.account_id,
    margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage, h.kind) AS portfolio
   FROM ( SELECT holding.account_id,
            holding.symbol,
            holding.quantity,
            holding.entry_price,
            holding.leverage,
            holding.kind
           FROM shard.holding
          ORDER BY holding.account_id) h
  GROUP BY h.account_id;

ALTER TABLE shard.account_portfolio OWNER TO keeper;

COMMENT ON VIEW shard.account_portfolio IS 'what each account holds, netted; rows without an account form one with a null key, so that no holding is lost';

COMMENT ON COLUMN shard.account_portfolio.account_id IS 'the account';

COMMENT ON COLUMN shard.account_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW shard.account_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (shard.account_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, shard.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE shard.account_margin OWNER TO keeper;

COMMENT ON VIEW shard.account_margin IS 'the valuation of every account that holds something, in the present market; others have no row';

COMMENT ON COLUMN shard.account_margin.account_id IS 'the account';

COMMENT ON COLUMN shard.account_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.account_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN shard.account_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN shard.account_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN shard.account_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN shard.account_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN shard.account_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN shard.account_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN shard.account_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN shard.account_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN shard.account_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN shard.account_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN shard.account_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN shard.account_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN shard.account_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN shard.account_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION shard.account_margin(account_id bigint) RETURNS SETOF shard.account_margin
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss
    FROM shard.account_margin a
   WHERE (a.account_id = account_margin.account_id)
  OFFSET 0;
END;

ALTER FUNCTION shard.account_margin(account_id bigint) OWNER TO keeper;

COMMENT ON FUNCTION shard.account_margin(account_id bigint) IS 'the row of one account in the view account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';

CREATE FUNCTION shard.account_margin(account_id bigint, market margin.market) RETURNS SETOF shard.account_margin
    LANGUAGE sql STABLE ROWS 1 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT p.account_id,
     (valued.v).equity AS equity,
     (valued.v).collateral_value AS collateral_value,
     (valued.v).liabilities AS liabilities,
     (valued.v).net_asset_value AS net_asset_value,
     (valued.v).haircut AS haircut,
     (valued.v).unrealized_pnl AS unrealized_pnl,
     (valued.v).initial_margin AS initial_margin,
     (valued.v).maintenance_margin AS maintenance_margin,
     (valued.v).available_margin AS available_margin,
     (valued.v).shortfall AS shortfall,
     (valued.v).margin_ratio AS margin_ratio,
     (valued.v).level AS level,
     (valued.v).missing AS missing,
     (valued.v).initial_equity AS initial_equity,
     (valued.v).order_margin AS order_margin,
     (valued.v).order_loss AS order_loss
    FROM (shard.account_portfolio p
      CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, account_margin.market) AS v
          OFFSET 0) valued)
   WHERE (p.account_id = account_margin.account_id)
  OFFSET 0;
END;

ALTER FUNCTION shard.account_margin(account_id bigint, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION shard.account_margin(account_id bigint, market margin.market) IS 'the same in a given market; amounts, level and missing are null where the market is';

CREATE TABLE shard.snapshot (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
)
PARTITION BY RANGE (taken_at);

ALTER TABLE shard.snapshot OWNER TO keeper;

COMMENT ON TABLE shard.snapshot IS 'snapshots of the book: one row each, partitioned by UTC day; margin.prepare_snapshots() makes the partitions';

COMMENT ON COLUMN shard.snapshot.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN shard.snapshot.form IS 'what was stored of the accounts';

COMMENT ON COLUMN shard.snapshot.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN shard.snapshot.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN shard.snapshot.accounts IS 'how many accounts there were';

COMMENT ON COLUMN shard.snapshot.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN shard.snapshot.market_id IS 'the id under which that market is published; null: it is not';

CREATE FUNCTION shard.snapshot_at(as_of timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE STRICT PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT s.taken_at
            FROM shard.snapshot s
           WHERE (s.taken_at <= snapshot_at.as_of)
           ORDER BY s.taken_at DESC
          LIMIT 1), margin_internal.no_snapshot(as_of, ( SELECT min(s.taken_at) AS min
            FROM shard.snapshot s))) AS "coalesce";
END;

ALTER FUNCTION shard.snapshot_at(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.snapshot_at(as_of timestamp with time zone) IS 'the latest snapshot at or before an instant; an error if there is none; null for null';

CREATE TABLE shard.account_level (
    account_id bigint NOT NULL,
    level margin.level NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    epoch bigint DEFAULT '-2'::integer NOT NULL,
    room double precision DEFAULT 0 NOT NULL,
    mask bigint DEFAULT 0 NOT NULL,
    portfolio margin.portfolio,
    paused margin.level
)
WITH (fillfactor='90');

ALTER TABLE shard.account_level OWNER TO keeper;

COMMENT ON TABLE shard.account_level IS 'the level each account is at, by the last refresh; an account without a row was never judged';

COMMENT ON COLUMN shard.account_level.account_id IS 'the account';

COMMENT ON COLUMN shard.account_level.level IS 'judged, or held by a release ratio; healthy also once nothing is held any more';

COMMENT ON COLUMN shard.account_level.since IS 'start of the transaction that brought it there; of the first judgement, where that was healthy';

COMMENT ON COLUMN shard.account_level.epoch IS 'level_epoch by whose prices the level is proven; -1: none, judged at every refresh; -2: written since; -3: entered as healthy, but not judged yet';

COMMENT ON COLUMN shard.account_level.room IS 'how far prices may move from those of the epoch, in proportion, with the level unchanged';

COMMENT ON COLUMN shard.account_level.mask IS 'symbols that the account depends on, by number modulo 64, as of level_epoch.prices';

COMMENT ON COLUMN shard.account_level.portfolio IS 'what the account holds, open orders too, as of the last commit, while levels are kept (enable_levels()); null: nothing';

COMMENT ON COLUMN shard.account_level.paused IS 'the worse level at which it would be, by the last refresh, but for a price held by the venue (held_prices_pause_levels); null: none';

CREATE TABLE shard.account_snapshot (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
)
PARTITION BY RANGE (taken_at);

ALTER TABLE shard.account_snapshot OWNER TO keeper;

COMMENT ON TABLE shard.account_snapshot IS 'the accounts of snapshots as they are stored, partitioned by UTC day; account_margin_at() and portfolios() read every form of snapshot';

COMMENT ON COLUMN shard.account_snapshot.taken_at IS 'the snapshot';

COMMENT ON COLUMN shard.account_snapshot.account_id IS 'the account';

COMMENT ON COLUMN shard.account_snapshot.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN shard.account_snapshot.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN shard.account_snapshot.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN shard.account_snapshot.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN shard.account_snapshot.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN shard.account_snapshot.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN shard.account_snapshot.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE VIEW shard.reported_portfolio WITH (security_invoker='true') AS
 SELECT l.account_id,
    l.portfolio
   FROM shard.account_level l
  WHERE ((l.portfolio IS NOT NULL) AND ( SELECT margin_internal.levels_are_kept('shard.account_level'::regclass) AS levels_are_kept))
UNION ALL
 SELECT p.account_id,
    p.portfolio
   FROM shard.account_portfolio p
  WHERE (NOT ( SELECT margin_internal.levels_are_kept('shard.account_level'::regclass) AS levels_are_kept));

ALTER TABLE shard.reported_portfolio OWNER TO keeper;

COMMENT ON VIEW shard.reported_portfolio IS 'what each account holds: kept_portfolio where it is kept, else account_portfolio; for what reads a whole book';

COMMENT ON COLUMN shard.reported_portfolio.account_id IS 'the account';

COMMENT ON COLUMN shard.reported_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE FUNCTION shard.portfolios(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT portfolio margin.portfolio) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT p.account_id,
     p.portfolio
    FROM shard.reported_portfolio p
   WHERE (portfolios.as_of IS NULL)
 UNION ALL
  SELECT a.account_id,
     a.portfolio
    FROM shard.account_snapshot a
   WHERE ((portfolios.as_of IS NOT NULL) AND ( SELECT (s.form <> 'changes'::margin.snapshot_form)
            FROM shard.snapshot s
           WHERE (s.taken_at = ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at))) AND (a.taken_at = ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at)))
 UNION ALL
  SELECT latest.account_id,
     latest.portfolio
    FROM ( SELECT DISTINCT ON (a.account_id) a.account_id,
             a.portfolio
            FROM (shard.snapshot s
              JOIN shard.account_snapshot a ON ((a.taken_at = s.taken_at)))
           WHERE ((s.base = ( SELECT t.base
                    FROM shard.snapshot t
                   WHERE (t.taken_at = ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (s.taken_at >= ( SELECT t.base
                    FROM shard.snapshot t
                   WHERE (t.taken_at = ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (s.taken_at <= ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at)) AND (a.taken_at >= ( SELECT t.base
                    FROM shard.snapshot t
                   WHERE (t.taken_at = ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (a.taken_at <= ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at)))
           ORDER BY a.account_id, a.taken_at DESC) latest
   WHERE ((portfolios.as_of IS NOT NULL) AND ( SELECT (s.form = 'changes'::margin.snapshot_form)
            FROM shard.snapshot s
           WHERE (s.taken_at = ( SELECT shard.snapshot_at(portfolios.as_of) AS snapshot_at))) AND (latest.portfolio IS NOT NULL));
END;

ALTER FUNCTION shard.portfolios(as_of timestamp with time zone, OUT account_id bigint, OUT portfolio margin.portfolio) OWNER TO keeper;

COMMENT ON FUNCTION shard.portfolios(as_of timestamp with time zone, OUT account_id bigint, OUT portfolio margin.portfolio) IS 'what every account held, in the latest snapshot at or before as_of; an error if there is none; null: what it holds now';

CREATE FUNCTION shard.revalue(as_of timestamp with time zone, market margin.market) RETURNS SETOF shard.account_margin
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     (a.v).equity AS equity,
     (a.v).collateral_value AS collateral_value,
     (a.v).liabilities AS liabilities,
     (a.v).net_asset_value AS net_asset_value,
     (a.v).haircut AS haircut,
     (a.v).unrealized_pnl AS unrealized_pnl,
     (a.v).initial_margin AS initial_margin,
     (a.v).maintenance_margin AS maintenance_margin,
     (a.v).available_margin AS available_margin,
     (a.v).shortfall AS shortfall,
     (a.v).margin_ratio AS margin_ratio,
     (a.v).level AS level,
     (a.v).missing AS missing,
     (a.v).initial_equity AS initial_equity,
     (a.v).order_margin AS order_margin,
     (a.v).order_loss AS order_loss
    FROM ( SELECT p.account_id,
             margin.evaluate(p.portfolio, ( SELECT revalue.market AS market)) AS v
            FROM shard.portfolios(revalue.as_of) p(account_id, portfolio)
          OFFSET 0) a;
END;

ALTER FUNCTION shard.revalue(as_of timestamp with time zone, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION shard.revalue(as_of timestamp with time zone, market margin.market) IS 'the accounts of the latest snapshot at or before as_of, null: as they are now, valued in a market of choice: that of a venue, or snapshot_market(...) for a past one; an error if there is no snapshot; amounts, level and missing are null where the market is';

CREATE FUNCTION shard.snapshot_market(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (as_of IS NULL) THEN shard.venue_market()
             ELSE ( SELECT (ARRAY[s.market])[1] AS "array"
                FROM shard.snapshot s
               WHERE (s.taken_at = ( SELECT shard.snapshot_at(snapshot_market.as_of) AS snapshot_at)))
         END AS "array";
END;

ALTER FUNCTION shard.snapshot_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.snapshot_market(as_of timestamp with time zone) IS 'the market of the latest snapshot at or before as_of, prices and parameters as they were then; an error if there is none; null: the present one. Unlike market(as_of) of a venue, which puts the parameters of another time beside present prices';

CREATE VIEW shard.reported_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (shard.reported_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, shard.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE shard.reported_margin OWNER TO keeper;

COMMENT ON VIEW shard.reported_margin IS 'the valuation of every account of reported_portfolio in the present market, for what reads a whole book';

COMMENT ON COLUMN shard.reported_margin.account_id IS 'the account';

COMMENT ON COLUMN shard.reported_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.reported_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN shard.reported_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN shard.reported_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN shard.reported_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN shard.reported_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN shard.reported_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN shard.reported_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN shard.reported_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN shard.reported_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN shard.reported_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN shard.reported_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN shard.reported_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN shard.reported_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN shard.reported_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN shard.reported_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION shard.account_margin_at(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) RETURNS SETOF record
    LANGUAGE sql STABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     now() AS now
    FROM shard.reported_margin a
   WHERE (account_margin_at.as_of IS NULL)
 UNION ALL
  SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     a.taken_at
    FROM shard.account_snapshot a
   WHERE ((account_margin_at.as_of IS NOT NULL) AND ( SELECT (s.form = 'full'::margin.snapshot_form)
            FROM shard.snapshot s
           WHERE (s.taken_at = ( SELECT shard.snapshot_at(account_margin_at.as_of) AS snapshot_at))) AND (a.taken_at = ( SELECT shard.snapshot_at(account_margin_at.as_of) AS snapshot_at)))
 UNION ALL
  SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     ( SELECT shard.snapshot_at(account_margin_at.as_of) AS snapshot_at) AS snapshot_at
    FROM shard.revalue(account_margin_at.as_of, ( SELECT shard.snapshot_market(account_margin_at.as_of) AS snapshot_market)) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss)
   WHERE ((account_margin_at.as_of IS NOT NULL) AND ( SELECT (s.form <> 'full'::margin.snapshot_form)
            FROM shard.snapshot s
           WHERE (s.taken_at = ( SELECT shard.snapshot_at(account_margin_at.as_of) AS snapshot_at))));
END;

ALTER FUNCTION shard.account_margin_at(as_of timestamp with time zone, OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.account_margin_at(as_of timestamp with time zone, OUT account_id bigint, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) IS 'account_margin as of an instant: the valuations of the latest snapshot at or before it, and when it was taken; an error if there is none; null: now. Exactly what was computed then: stored, or computed again from the stored portfolio and market where the snapshot stores no valuations';

CREATE FUNCTION shard.explain(account_id bigint) RETURNS SETOF margin.explanation
    LANGUAGE sql STABLE STRICT ROWS 50 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT e.field,
     e.kind,
     e.symbol,
     e.side,
     e.item,
     e.lower_bound,
     e.upper_bound,
     e.amount,
     e.unit,
     e.rate,
     e.weight,
     e.price,
     e.value
    FROM shard.account_portfolio p,
     LATERAL margin.explain(p.portfolio, ( SELECT shard.venue_market() AS venue_market)) e(field, kind, symbol, side, item, lower_bound, upper_bound, amount, unit, rate, weight, price, value)
   WHERE (p.account_id = explain.account_id);
END;

ALTER FUNCTION shard.explain(account_id bigint) OWNER TO keeper;

COMMENT ON FUNCTION shard.explain(account_id bigint) IS 'margin.explain(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION shard.explain_text(account_id bigint) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT ROWS 20 PARALLEL SAFE
    BEGIN ATOMIC
 SELECT e.e
    FROM shard.account_portfolio p,
     LATERAL margin.explain_text(p.portfolio, ( SELECT shard.venue_market() AS venue_market)) e(e)
   WHERE (p.account_id = explain_text.account_id);
END;

ALTER FUNCTION shard.explain_text(account_id bigint) OWNER TO keeper;

COMMENT ON FUNCTION shard.explain_text(account_id bigint) IS 'margin.explain_text(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION shard.hold_market() RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT margin_internal.hold_market('shard.published_market'::regclass) AS hold_market;
END;

ALTER FUNCTION shard.hold_market() OWNER TO keeper;

COMMENT ON FUNCTION shard.hold_market() IS 'no other market comes until the transaction ends, so that what it judged stays judged; for roles that may judge across shards';

CREATE FUNCTION shard.interest_rates(since timestamp with time zone, until timestamp with time zone) RETURNS margin.interest_rate[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.not_published(NULL::margin.interest_rate[], 'interest rates'::text);

ALTER FUNCTION shard.interest_rates(since timestamp with time zone, until timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.interest_rates(since timestamp with time zone, until timestamp with time zone) IS 'an error (0A000): interest rates are not published';

CREATE FUNCTION shard.level_totals(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF margin.level_total
    LANGUAGE sql STABLE ROWS 6 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT l.level,
     COALESCE(t.accounts, (0)::bigint) AS "coalesce",
         CASE
             WHEN (t.accounts > 0) THEN t.equity
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.collateral_value
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.liabilities
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.net_asset_value
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.haircut
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.unrealized_pnl
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.initial_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.maintenance_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.shortfall
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN ((l.level = 'bankrupt'::margin.level) AND (t.accounts > 0)) THEN (- t.equity)
             WHEN ((l.level = 'unpriced'::margin.level) AND (t.accounts > 0)) THEN NULL::numeric
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.initial_equity
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.order_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.order_loss
             ELSE (0)::numeric
         END AS "case"
    FROM (unnest(enum_range(NULL::margin.level)) l(level)
      LEFT JOIN ( SELECT a.level,
             count(*) AS accounts,
             sum(a.equity) AS equity,
             sum(a.collateral_value) AS collateral_value,
             sum(a.liabilities) AS liabilities,
             sum(a.net_asset_value) AS net_asset_value,
             sum(a.haircut) AS haircut,
             sum(a.unrealized_pnl) AS unrealized_pnl,
             sum(a.initial_margin) AS initial_margin,
             sum(a.maintenance_margin) AS maintenance_margin,
             sum(a.shortfall) AS shortfall,
             sum(a.initial_equity) AS initial_equity,
             sum(a.order_margin) AS order_margin,
             sum(a.order_loss) AS order_loss
            FROM shard.account_margin_at(level_totals.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
           GROUP BY a.level) t ON ((t.level = l.level)))
   ORDER BY l.level;
END;

ALTER FUNCTION shard.level_totals(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.level_totals(as_of timestamp with time zone) IS 'accounts by level and their totals, summed over account_margin_at(as_of); a row for each level';

CREATE FUNCTION shard.market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.not_published(NULL::margin.market, 'parameters of other times'::text);

ALTER FUNCTION shard.market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.market(as_of timestamp with time zone) IS 'an error (0A000): parameters of other times are not published';

CREATE FUNCTION shard.market_id() RETURNS bigint
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.market_id(shard.market());

ALTER FUNCTION shard.market_id() OWNER TO keeper;

COMMENT ON FUNCTION shard.market_id() IS 'the id of market(); for roles that may execute that';

CREATE FUNCTION shard.note_receipt() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    NEW.received_at := pg_catalog.clock_timestamp();
    RETURN NEW;
END
$$;

ALTER FUNCTION shard.note_receipt() OWNER TO keeper;

COMMENT ON FUNCTION shard.note_receipt() IS 'trigger: when a market was received, by the clock of the shard';

CREATE FUNCTION shard.past_market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.not_published(NULL::margin.market, 'markets of other times'::text);

ALTER FUNCTION shard.past_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.past_market(as_of timestamp with time zone) IS 'an error (0A000): markets of other times are not published';

CREATE FUNCTION shard.pausing_prices() RETURNS jsonb
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.pausing_prices
    FROM shard.market_source s;
END;

ALTER FUNCTION shard.pausing_prices() OWNER TO keeper;

COMMENT ON FUNCTION shard.pausing_prices() IS 'the prices held that keep levels from getting worse, as they are published; null: none';

CREATE FUNCTION shard.planned_change() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.not_published(NULL::timestamp with time zone, 'planned changes'::text);

ALTER FUNCTION shard.planned_change() OWNER TO keeper;

COMMENT ON FUNCTION shard.planned_change() IS 'an error (0A000): planned changes are not published';

CREATE FUNCTION shard.present_market(clock timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN margin_internal.kept_market(NULL::shard.market_source, clock);

ALTER FUNCTION shard.present_market(clock timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.present_market(clock timestamp with time zone) IS 'market(), valid by another clock, as a guard needs it that judges at the end of a long transaction; for roles that may execute market(); null for null';

CREATE FUNCTION shard.release_ratios() RETURNS numeric[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT s.release_ratios
            FROM shard.market_source s), margin_internal.not_published(NULL::numeric[], 'release ratios'::text)) AS "coalesce";
END;

ALTER FUNCTION shard.release_ratios() OWNER TO keeper;

COMMENT ON FUNCTION shard.release_ratios() IS 'release ratios of warning, margin_call and liquidation of the venue, in this order; an error (0A000) where they are not published';

CREATE FUNCTION shard.repay(account_id bigint, house_account_id bigint, funding_order margin.funding_order DEFAULT 'ratio'::margin.funding_order, forced boolean DEFAULT false, market margin.market DEFAULT NULL::margin.market) RETURNS SETOF margin.repayment
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT r.step,
     r.outcome,
     r.debt_asset,
     r.funding_asset,
     r.paid,
     r.repaid,
     r.debt_price,
     r.funding_price,
     r.conversion_discount,
     r.paid_value,
     r.repaid_value,
     r.remaining_debt,
     r.remaining_due,
     r.level
    FROM margin_internal.repay('shard.holding'::regclass, (repay.account_id)::text, (repay.house_account_id)::text, repay.funding_order, repay.forced, repay.market) r(step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level);
END;

ALTER FUNCTION shard.repay(account_id bigint, house_account_id bigint, funding_order margin.funding_order, forced boolean, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION shard.repay(account_id bigint, house_account_id bigint, funding_order margin.funding_order, forced boolean, market margin.market) IS 'carries out margin.repayment_plan() for an account with the rules of the venue, in its present market or a given one, against a house account, journals each conversion in repayment_entry, and returns the plan. Writes nothing for an unpriced account. An error for a null account, for one that is its own house account (22023), for a book over other tables (0A000); 40001 where the account has changed since a snapshot of REPEATABLE READ';

CREATE FUNCTION shard.repayment_rules() RETURNS margin.repayment_rule[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT s.repayment_rules
            FROM shard.market_source s), margin_internal.not_published(NULL::margin.repayment_rule[], 'repayment rules'::text)) AS "coalesce";
END;

ALTER FUNCTION shard.repayment_rules() OWNER TO keeper;

COMMENT ON FUNCTION shard.repayment_rules() IS 'all rows of repayment_rule of the venue, as margin.repayment_plan() takes them; an error (0A000) where they are not published';

CREATE FUNCTION shard.report_concentration(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT held.asset,
     held.accounts,
     held.unvalued,
     held.asset_equity,
     terms.price,
     held.net_asset_value,
     held.collateral_value,
     round((held.collateral_value / NULLIF(sum(held.collateral_value) OVER (), (0)::numeric)), 8) AS round,
     held.largest,
     (held.net_asset_value - held.collateral_value),
     ((held.net_asset_value * COALESCE(margin_internal.first_rate(terms.tiers), (0)::numeric)) - held.collateral_value)
    FROM (( SELECT c.asset,
             count(*) AS accounts,
             count(*) FILTER (WHERE (c.collateral_value IS NULL)) AS unvalued,
             sum(c.asset_equity) AS asset_equity,
             sum(c.net_asset_value) FILTER (WHERE (c.collateral_value IS NOT NULL)) AS net_asset_value,
             sum(c.collateral_value) AS collateral_value,
             max(c.collateral_value) AS largest
            FROM shard.portfolios(report_concentration.as_of) p(account_id, portfolio),
             LATERAL margin.collateral(p.portfolio, ( SELECT shard.snapshot_market(report_concentration.as_of) AS snapshot_market)) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing)
           WHERE ((c.asset_equity > (0)::numeric) IS NOT FALSE)
           GROUP BY c.asset) held
      LEFT JOIN margin.assets(( SELECT shard.snapshot_market(report_concentration.as_of) AS snapshot_market)) terms(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((terms.asset = held.asset)))
   ORDER BY held.collateral_value DESC NULLS LAST, (held.asset COLLATE "C");
END;

ALTER FUNCTION shard.report_concentration(as_of timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_concentration(as_of timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) IS 'the collateral asset by asset, the largest first: its share of all collateral, rounded to 8 decimals, how many accounts hold it and what ratios take away, in all and beyond the first tier: of the latest snapshot at or before as_of; an error if there is none; null: now. Accounts whose amount of it is not known are counted, and left out of the sums';

CREATE FUNCTION shard.report_exposed_assets(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 3, OUT asset text, OUT exposure numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 3 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH held AS MATERIALIZED (
          SELECT margin.rollup(p.portfolio) AS portfolio
            FROM shard.portfolios(report_exposed_assets.as_of) p(account_id, portfolio)
         ), part AS (
          SELECT c.asset,
             abs(c.net_asset_value) AS usd,
             false AS traded
            FROM held,
             LATERAL margin.collateral(held.portfolio, ( SELECT shard.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing)
         UNION ALL
          SELECT terms_1.base,
             (GREATEST(c.long_notional, c.short_notional) * settle.price),
             ((c.long > (0)::numeric) OR (c.short > (0)::numeric))
            FROM held,
             ((LATERAL margin.positions(held.portfolio, ( SELECT shard.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing)
              JOIN margin.contracts(( SELECT shard.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) terms_1(contract, settle, base, contract_size, mark, maintenance, initial, netting, closing_fee, opening_fee, tier_unit, order_maintenance) ON ((terms_1.contract = c.contract)))
              JOIN margin.assets(( SELECT shard.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) settle(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((settle.asset = c.settle)))
         )
  SELECT part.asset,
     sum(part.usd) AS sum
    FROM (part
      JOIN margin.assets(( SELECT shard.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) terms(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((terms.asset = part.asset)))
   WHERE (terms.price IS NOT NULL)
   GROUP BY part.asset
  HAVING ((sum(part.usd) > (0)::numeric) AND (bool_or(part.traded) OR bool_and((COALESCE(margin_internal.first_rate(terms.tiers), (0)::numeric) < (1)::numeric))))
   ORDER BY (sum(part.usd)) DESC, (part.asset COLLATE "C")
  LIMIT report_exposed_assets.top;
END;

ALTER FUNCTION shard.report_exposed_assets(as_of timestamp with time zone, top bigint, OUT asset text, OUT exposure numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_exposed_assets(as_of timestamp with time zone, top bigint, OUT asset text, OUT exposure numeric) IS 'the assets whose price matters most to all accounts together, so many (null: all), the largest first: their net quantity of it, and the larger side of every contract on it, USD. Assets without price are left out, and those whose first collateral ratio is 1 unless positions are on them: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION shard.report_exposure(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 50 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT c.contract,
     c.settle,
     count(*) FILTER (WHERE ((c.long > (0)::numeric) OR (c.short > (0)::numeric))) AS count,
     c.mark,
     sum(c.long) AS sum,
     sum(c.short) AS sum,
     (sum(c.long) - sum(c.short)),
     GREATEST(sum(c.long), sum(c.short)) AS "greatest",
     sum(c.long_notional) AS sum,
     sum(c.short_notional) AS sum,
     sum(c.pnl_usd) AS sum,
     sum(c.maintenance_margin) AS sum,
     sum(c.initial_margin) AS sum,
     sum(c.order_margin) AS sum
    FROM shard.portfolios(report_exposure.as_of) p(account_id, portfolio),
     LATERAL margin.positions(p.portfolio, ( SELECT shard.snapshot_market(report_exposure.as_of) AS snapshot_market)) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing)
   GROUP BY c.contract, c.settle, c.mark
   ORDER BY (sum(c.maintenance_margin)) DESC NULLS LAST, (c.contract COLLATE "C");
END;

ALTER FUNCTION shard.report_exposure(as_of timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_exposure(as_of timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) IS 'the positions of all accounts contract by contract, those that are only ordered too, the one that requires most first: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts that lack a price or parameter are null';

CREATE FUNCTION shard.report_history(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, last bigint DEFAULT 288, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 288 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.taken_at,
     t.accounts,
     t.undercollateralized,
     t.unpriced,
     t.equity,
     t.maintenance_margin,
     t.shortfall,
     t.loss
    FROM ( SELECT k.taken_at,
             k.levels
            FROM shard.snapshot k
           WHERE ((report_history.as_of IS NULL) OR (k.taken_at <= report_history.as_of))
           ORDER BY k.taken_at DESC
          LIMIT report_history.last) s,
     LATERAL ( SELECT (sum(l.accounts))::bigint AS accounts,
             (sum(l.accounts) FILTER (WHERE (l.level = ANY (ARRAY['liquidation'::margin.level, 'bankrupt'::margin.level]))))::bigint AS undercollateralized,
             (sum(l.accounts) FILTER (WHERE (l.level = 'unpriced'::margin.level)))::bigint AS unpriced,
             sum(l.equity) AS equity,
             sum(l.maintenance_margin) AS maintenance_margin,
             sum(l.shortfall) AS shortfall,
             sum(l.loss) AS loss
            FROM unnest(s.levels) l(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)) t
   ORDER BY s.taken_at;
END;

ALTER FUNCTION shard.report_history(as_of timestamp with time zone, last bigint, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_history(as_of timestamp with time zone, last bigint, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) IS 'totals of the last snapshots at or before as_of (null: of all), so many (null: all; 288 are a day of one every five minutes), the oldest first; amounts in USD, without those of unpriced accounts, which are not known; no row where there is no snapshot';

CREATE FUNCTION shard.venue_market_at(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.market(as_of);

ALTER FUNCTION shard.venue_market_at(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_market_at(as_of timestamp with time zone) IS 'the parameters of another instant with the present prices of the venue';

CREATE FUNCTION shard.venue_planned_change() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.planned_change();

ALTER FUNCTION shard.venue_planned_change() OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_planned_change() IS 'when the next planned change of the venue''s parameters takes effect';

CREATE FUNCTION shard.report_impact(at timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT p.account_id,
     i.level_before,
     i.level_after,
     i.equity_before,
     i.equity_after,
     i.equity_change,
     i.maintenance_margin_before,
     i.maintenance_margin_after,
     i.maintenance_margin_change,
     i.available_margin_before,
     i.available_margin_after,
     i.available_margin_change,
     i.missing_after
    FROM shard.reported_portfolio p,
     LATERAL margin.impact(p.portfolio, ( SELECT shard.venue_market() AS venue_market), ( SELECT shard.venue_market_at(COALESCE(report_impact.at, shard.venue_planned_change())) AS venue_market_at)) i(equity_before, equity_after, equity_change, collateral_value_before, collateral_value_after, collateral_value_change, liabilities_before, liabilities_after, liabilities_change, net_asset_value_before, net_asset_value_after, net_asset_value_change, initial_margin_before, initial_margin_after, initial_margin_change, maintenance_margin_before, maintenance_margin_after, maintenance_margin_change, available_margin_before, available_margin_after, available_margin_change, shortfall_before, shortfall_after, shortfall_change, margin_ratio_before, margin_ratio_after, margin_ratio_change, level_before, level_after, missing_before, missing_after)
   WHERE ((i.level_before IS DISTINCT FROM i.level_after) OR (i.equity_before IS DISTINCT FROM i.equity_after) OR (i.maintenance_margin_before IS DISTINCT FROM i.maintenance_margin_after) OR (i.available_margin_before IS DISTINCT FROM i.available_margin_after) OR (i.missing_before IS DISTINCT FROM i.missing_after))
   ORDER BY i.level_after DESC, i.available_margin_change, p.account_id;
END;

ALTER FUNCTION shard.report_impact(at timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_impact(at timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) IS 'the accounts that the parameters valid at an instant (null: when the next planned change takes effect) would value differently, at present holdings and prices, the most concerning first: level, and amounts in USD, before and after; no row where nothing is planned';

CREATE FUNCTION shard.scenarios() RETURNS margin.price_move[]
    LANGUAGE sql STABLE SECURITY DEFINER PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT s.scenarios
            FROM shard.market_source s), margin_internal.not_published(NULL::margin.price_move[], 'scenarios'::text)) AS "coalesce";
END;

ALTER FUNCTION shard.scenarios() OWNER TO keeper;

COMMENT ON FUNCTION shard.scenarios() IS 'all rows of scenario of the venue, as margin.stress() takes them; an error (0A000) where they are not published';

CREATE FUNCTION shard.venue_scenarios() RETURNS margin.price_move[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.scenarios();

ALTER FUNCTION shard.venue_scenarios() OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_scenarios() IS 'the scenarios of the venue';

CREATE FUNCTION shard.report_stress(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, scenarios margin.price_move[] DEFAULT NULL::margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.scenario,
     count(*) AS count,
     count(*) FILTER (WHERE (s.level = 'warning'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'margin_call'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'liquidation'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'bankrupt'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'unpriced'::margin.level)) AS count,
     sum(s.equity) AS sum,
     sum(s.maintenance_margin) AS sum,
     sum(s.loss) AS sum
    FROM shard.portfolios(report_stress.as_of) p(account_id, portfolio),
     LATERAL margin.stress(p.portfolio, ( SELECT shard.snapshot_market(report_stress.as_of) AS snapshot_market), ( SELECT COALESCE(report_stress.scenarios, shard.venue_scenarios()) AS "coalesce")) s(scenario, equity, maintenance_margin, level, loss, missing)
   GROUP BY s.scenario
   ORDER BY (sum(s.loss)) DESC NULLS LAST, (sum(s.equity)), (s.scenario COLLATE "C");
END;

ALTER FUNCTION shard.report_stress(as_of timestamp with time zone, scenarios margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_stress(as_of timestamp with time zone, scenarios margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first: how many at which level, and their totals in USD without the unpriced: of the latest snapshot at or before as_of; an error if there is none, or if a scenario names what its market lacks; null: now';

CREATE FUNCTION shard.report_known_stress(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH lacking AS MATERIALIZED (
          SELECT DISTINCT s.scenario
            FROM unnest(( SELECT shard.venue_scenarios() AS venue_scenarios)) s(scenario, asset, contract, relative, price)
           WHERE (((s.asset IS NOT NULL) AND (NOT (EXISTS ( SELECT
                    FROM margin.assets(( SELECT shard.snapshot_market(report_known_stress.as_of) AS snapshot_market)) a(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight)
                   WHERE (a.asset = s.asset))))) OR ((s.contract IS NOT NULL) AND (NOT (EXISTS ( SELECT
                    FROM margin.contracts(( SELECT shard.snapshot_market(report_known_stress.as_of) AS snapshot_market)) c(contract, settle, base, contract_size, mark, maintenance, initial, netting, closing_fee, opening_fee, tier_unit, order_maintenance)
                   WHERE (c.contract = s.contract))))))
         )
  SELECT report_stress.scenario,
     report_stress.accounts,
     report_stress.warning,
     report_stress.margin_call,
     report_stress.liquidation,
     report_stress.bankrupt,
     report_stress.unpriced,
     report_stress.equity,
     report_stress.maintenance_margin,
     report_stress.loss
    FROM shard.report_stress(report_known_stress.as_of, ARRAY( SELECT s.*::margin.price_move AS s
            FROM unnest(( SELECT shard.venue_scenarios() AS venue_scenarios)) s(scenario, asset, contract, relative, price)
           WHERE (NOT (s.scenario IN ( SELECT l.scenario
                    FROM lacking l))))) report_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss)
 UNION ALL
  SELECT l.scenario,
     NULL::bigint AS accounts,
     NULL::bigint AS warning,
     NULL::bigint AS margin_call,
     NULL::bigint AS liquidation,
     NULL::bigint AS bankrupt,
     NULL::bigint AS unpriced,
     NULL::numeric AS equity,
     NULL::numeric AS maintenance_margin,
     NULL::numeric AS loss
    FROM lacking l;
END;

ALTER FUNCTION shard.report_known_stress(as_of timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_known_stress(as_of timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others';

CREATE FUNCTION shard.report_levels(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF margin.level_total
    LANGUAGE sql STABLE ROWS 6 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT level_totals.level,
     level_totals.accounts,
     level_totals.equity,
     level_totals.collateral_value,
     level_totals.liabilities,
     level_totals.net_asset_value,
     level_totals.haircut,
     level_totals.unrealized_pnl,
     level_totals.initial_margin,
     level_totals.maintenance_margin,
     level_totals.shortfall,
     level_totals.loss,
     level_totals.initial_equity,
     level_totals.order_margin,
     level_totals.order_loss
    FROM shard.level_totals() level_totals(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)
   WHERE (report_levels.as_of IS NULL)
 UNION ALL
  SELECT l.level,
     l.accounts,
     l.equity,
     l.collateral_value,
     l.liabilities,
     l.net_asset_value,
     l.haircut,
     l.unrealized_pnl,
     l.initial_margin,
     l.maintenance_margin,
     l.shortfall,
     l.loss,
     l.initial_equity,
     l.order_margin,
     l.order_loss
    FROM shard.snapshot s,
     LATERAL unnest(s.levels) l(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)
   WHERE (s.taken_at = ( SELECT shard.snapshot_at(report_levels.as_of) AS snapshot_at));
END;

ALTER FUNCTION shard.report_levels(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_levels(as_of timestamp with time zone) IS 'how many accounts are at each level, and their totals in USD: of the latest snapshot at or before as_of, as stored with it; an error if there is none; null: now';

CREATE FUNCTION shard.report_liquidations(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, assets text[] DEFAULT NULL::text[], moves numeric[] DEFAULT '{-0.5,-0.4,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.4,0.5}'::numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 33 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH moved AS MATERIALIZED (
          SELECT a.asset,
             m.move,
             row_number() OVER (ORDER BY a.n, m.n) AS n
            FROM unnest(COALESCE(report_liquidations.assets, ARRAY( SELECT e.asset
                    FROM shard.report_exposed_assets(report_liquidations.as_of) e(asset, exposure)))) WITH ORDINALITY a(asset, n),
             unnest(report_liquidations.moves) WITH ORDINALITY m(move, n)
         ), map AS (
          SELECT margin_internal.liquidation_map(p.portfolio, ( SELECT shard.snapshot_market(report_liquidations.as_of) AS snapshot_market), ( SELECT array_agg(ROW(NULL::text, v_1.asset, NULL::text, v_1.move, NULL::numeric)::margin.price_move ORDER BY v_1.n) AS array_agg
                    FROM moved v_1)) AS points
            FROM shard.portfolios(report_liquidations.as_of) p(account_id, portfolio)
           WHERE (EXISTS ( SELECT
                    FROM moved))
         )
  SELECT v.asset,
     c.move,
     c.price,
     c.accounts,
     c.undercollateralized,
     c.bankrupt,
     c.unpriced,
     c.notional,
     c.notional_usd,
     c.long_usd,
     c.shortfall,
     c.loss
    FROM map,
     (LATERAL unnest(map.points) WITH ORDINALITY c(move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss, n)
      JOIN moved v ON ((v.n = c.n)))
   ORDER BY v.n;
END;

ALTER FUNCTION shard.report_liquidations(as_of timestamp with time zone, assets text[], moves numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_liquidations(as_of timestamp with time zone, assets text[], moves numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) IS 'margin.liquidation_map() of several assets in one pass, null: the three of report_exposed_assets(): what relative moves of the price of each, marks linked, would make of all accounts, nothing where there are none; amounts in USD, exact: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION shard.report_losses(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 20, OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     (- a.equity),
     round((a.equity / sum(a.equity) OVER ()), 8) AS round,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value
    FROM shard.account_margin_at(report_losses.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.level = 'bankrupt'::margin.level)
   ORDER BY a.equity, a.account_id
  LIMIT report_losses.top;
END;

ALTER FUNCTION shard.report_losses(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_losses(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) IS 'the accounts whose liabilities exceed their collateral by most, so many (null: all), and their share of the loss of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now. net_asset_value says what of the loss ratios and weights make';

CREATE FUNCTION shard.report_movers(earlier timestamp with time zone, later timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT moved.account_id,
     (moved.first).level AS level,
     (moved.second).level AS level,
     (moved.third).level AS level,
     (moved.fourth).level AS level,
     (moved.first).equity AS equity,
     ((moved.second).equity - (moved.first).equity),
     ((moved.third).equity - (moved.second).equity),
     ((moved.fourth).equity - (moved.third).equity),
     (moved.fourth).equity AS equity,
     (moved.first).maintenance_margin AS maintenance_margin,
     ((moved.second).maintenance_margin - (moved.first).maintenance_margin),
     ((moved.third).maintenance_margin - (moved.second).maintenance_margin),
     ((moved.fourth).maintenance_margin - (moved.third).maintenance_margin),
     (moved.fourth).maintenance_margin AS maintenance_margin
    FROM ( SELECT changed.account_id,
             changed.first,
             changed.fourth,
             margin.evaluate(changed.held, ( SELECT shard.snapshot_market(report_movers.earlier) AS snapshot_market)) AS second,
             margin.evaluate(changed.held, ( SELECT margin.with_prices(shard.snapshot_market(report_movers.earlier), shard.snapshot_market(report_movers.later)) AS with_prices)) AS third
            FROM ( SELECT account_id,
                     COALESCE(l.portfolio, '{}'::margin.portfolio) AS held,
                     margin.evaluate(COALESCE(e.portfolio, '{}'::margin.portfolio), ( SELECT shard.snapshot_market(report_movers.earlier) AS snapshot_market)) AS first,
                     margin.evaluate(COALESCE(l.portfolio, '{}'::margin.portfolio), ( SELECT shard.snapshot_market(report_movers.later) AS snapshot_market)) AS fourth
                    FROM (shard.portfolios(report_movers.earlier) e(account_id, portfolio)
                      FULL JOIN shard.portfolios(report_movers.later) l(account_id, portfolio) USING (account_id))
                  OFFSET 0) changed
           WHERE ((changed.first).level <> (changed.fourth).level)
          OFFSET 0) moved
   ORDER BY (moved.fourth).level DESC, ((moved.fourth).equity - (moved.fourth).maintenance_margin), moved.account_id;
END;

ALTER FUNCTION shard.report_movers(earlier timestamp with time zone, later timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_movers(earlier timestamp with time zone, later timestamp with time zone, OUT account_id bigint, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) IS 'the accounts that changed level between two instants, each the latest snapshot at or before it (an error if there is none), null: now; and how much of the change of equity and of maintenance margin in USD holdings, then prices, then parameters made: the earlier book in the earlier market, the later book in the earlier market, in the earlier parameters at the later prices, in the later market. before and the three parts add up to after exactly. An account that was not there held nothing; parts are null next to a step at which the account is unpriced';

CREATE FUNCTION shard.report_shortfalls(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 20, OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.level,
     a.shortfall,
     round((a.shortfall / sum(a.shortfall) OVER ()), 8) AS round,
     a.equity,
     a.maintenance_margin,
     a.margin_ratio
    FROM shard.account_margin_at(report_shortfalls.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.shortfall > (0)::numeric)
   ORDER BY a.shortfall DESC, a.account_id
  LIMIT report_shortfalls.top;
END;

ALTER FUNCTION shard.report_shortfalls(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_shortfalls(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) IS 'the accounts that lack most to their maintenance margin, so many (null: all), and their share of the shortfall of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION shard.report_unpriced(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id bigint, OUT missing text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.missing
    FROM shard.account_margin_at(report_unpriced.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.level = 'unpriced'::margin.level)
   ORDER BY a.account_id;
END;

ALTER FUNCTION shard.report_unpriced(as_of timestamp with time zone, OUT account_id bigint, OUT missing text[]) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_unpriced(as_of timestamp with time zone, OUT account_id bigint, OUT missing text[]) IS 'the accounts that could not be valued and the symbols that they lack: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION shard.report_worst(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 5, OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 5 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT worst.account_id,
     worst.level,
     worst.equity,
     worst.maintenance_margin,
     ( SELECT string_agg(e.line, '
'::text ORDER BY e.n) AS string_agg
            FROM margin.explain_text(held.portfolio, ( SELECT shard.snapshot_market(report_worst.as_of) AS snapshot_market)) WITH ORDINALITY e(line, n)) AS string_agg
    FROM (( SELECT a.account_id,
             a.level,
             a.equity,
             a.maintenance_margin
            FROM shard.account_margin_at(report_worst.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
           WHERE ((a.level >= 'warning'::margin.level) AND (a.level <= 'bankrupt'::margin.level))
           ORDER BY (a.equity - a.maintenance_margin), a.account_id
          LIMIT report_worst.top) worst
      JOIN shard.portfolios(report_worst.as_of) held(account_id, portfolio) ON ((held.account_id = worst.account_id)))
   ORDER BY (worst.equity - worst.maintenance_margin), worst.account_id;
END;

ALTER FUNCTION shard.report_worst(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) OWNER TO keeper;

COMMENT ON FUNCTION shard.report_worst(as_of timestamp with time zone, top bigint, OUT account_id bigint, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) IS 'the accounts at warning or above whose equity is least against their maintenance margin (USD), so many (null: all), each explained in the sentences of explain_text(), a line each: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION shard.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 10 PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, YMD'
    BEGIN ATOMIC
 SELECT (p.bound[1])::date AS bound,
     (max(i.inhrelid) FILTER (WHERE (i.inhparent = ('shard.snapshot'::regclass)::oid)))::regclass AS max,
     (max(i.inhrelid) FILTER (WHERE (i.inhparent = ('shard.account_snapshot'::regclass)::oid)))::regclass AS max,
     (sum(pg_total_relation_size((i.inhrelid)::regclass)))::bigint AS sum
    FROM (pg_inherits i
      JOIN pg_class c ON ((c.oid = i.inhrelid))),
     LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM [(]''(.+)''[)] TO [(]''(.+)''[)]$'::text) p(bound)
   WHERE ((i.inhparent = ANY (ARRAY[('shard.snapshot'::regclass)::oid, ('shard.account_snapshot'::regclass)::oid])) AND (((p.bound[2])::timestamp with time zone - (p.bound[1])::timestamp with time zone) = '1 day'::interval))
   GROUP BY (p.bound[1])::date
   ORDER BY (p.bound[1])::date;
END;

ALTER FUNCTION shard.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) OWNER TO keeper;

COMMENT ON FUNCTION shard.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) IS 'the UTC days that there are partitions for: the partition of each table and the bytes of both with their indexes';

CREATE FUNCTION shard.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) RETURNS margin.interest_rate[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.interest_rates(since, until);

ALTER FUNCTION shard.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) IS 'the interest rates of the venue that count between two instants';

CREATE FUNCTION shard.venue_past_market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.past_market(as_of);

ALTER FUNCTION shard.venue_past_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_past_market(as_of timestamp with time zone) IS 'the market of the venue at a past instant';

CREATE FUNCTION shard.venue_pausing_prices() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.pausing_prices();

ALTER FUNCTION shard.venue_pausing_prices() OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_pausing_prices() IS 'the prices held that keep levels of the venue from getting worse; null: none';

CREATE FUNCTION shard.venue_present_market(clock timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.present_market(clock);

ALTER FUNCTION shard.venue_present_market(clock timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_present_market(clock timestamp with time zone) IS 'the same by another clock; the guard judges by it';

CREATE FUNCTION shard.venue_release_ratios() RETURNS numeric[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.release_ratios();

ALTER FUNCTION shard.venue_release_ratios() OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_release_ratios() IS 'release ratios of warning, margin_call and liquidation of the venue';

CREATE FUNCTION shard.venue_repayment_rules() RETURNS margin.repayment_rule[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN shard.repayment_rules();

ALTER FUNCTION shard.venue_repayment_rules() OWNER TO keeper;

COMMENT ON FUNCTION shard.venue_repayment_rules() IS 'the repayment rules of the venue';

CREATE TABLE uuids.wallet (
    owner uuid,
    coin text,
    amount numeric
)
PARTITION BY HASH (owner);

ALTER TABLE uuids.wallet OWNER TO keeper;

CREATE FUNCTION uuids.about() RETURNS margin.about
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ROW('1.0'::text, 'lone'::regnamespace, 'uuids.wallet'::regclass, NULL::regclass, NULL::regclass)::margin.about;

ALTER FUNCTION uuids.about() OWNER TO keeper;

COMMENT ON FUNCTION uuids.about() IS 'release, venue, and where the rows come from';

CREATE FUNCTION uuids.account_key(account text) RETURNS uuid
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN account;
END
$$;

ALTER FUNCTION uuids.account_key(account text) OWNER TO keeper;

COMMENT ON FUNCTION uuids.account_key(account text) IS 'the account whose key has this text; an error for a text that is no key; null for null';

CREATE FUNCTION uuids.coin(text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $_$SELECT pg_catalog.upper($1)$_$;

ALTER FUNCTION uuids.coin(text) OWNER TO keeper;

CREATE FUNCTION uuids.venue_market() RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.market();

ALTER FUNCTION uuids.venue_market() OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_market() IS 'the present market of the venue';

CREATE VIEW uuids.holding WITH (security_invoker='true') AS
 SELECT wallet.owner AS account_id,
    margin_internal.flawed_symbol(uuids.coin(wallet.coin), wallet.amount, NULL::numeric, NULL::numeric, 'balance'::margin.holding_kind) AS symbol,
        CASE
            WHEN (margin_internal.holding_flaw(uuids.coin(wallet.coin), wallet.amount, NULL::numeric, NULL::numeric, 'balance'::margin.holding_kind) IS NULL) THEN wallet.amount
            ELSE (1)::numeric
        END AS quantity,
        CASE
            WHEN (margin_internal.holding_flaw(uuids.coin(wallet.coin), wallet.amount, NULL::numeric, NULL::numeric, 'balance'::margin.holding_kind) IS NULL) THEN NULL::numeric
            ELSE NULL::numeric
        END AS entry_price,
        CASE
            WHEN (margin_internal.holding_flaw(uuids.coin(wallet.coin), wallet.amount, NULL::numeric, NULL::numeric, 'balance'::margin.holding_kind) IS NULL) THEN NULL::numeric
            ELSE NULL::numeric
        END AS leverage,
        CASE
            WHEN (margin_internal.holding_flaw(uuids.coin(wallet.coin), wallet.amount, NULL::numeric, NULL::numeric, 'balance'::margin.holding_kind) IS NULL) THEN 'balance'::margin.holding_kind
            ELSE 'balance'::margin.holding_kind
        END AS kind
   FROM uuids.wallet;

ALTER TABLE uuids.holding OWNER TO keeper;

COMMENT ON VIEW uuids.holding IS 'balances, positions and open orders as holdings, the rows that account_portfolio nets';

COMMENT ON COLUMN uuids.holding.account_id IS 'the account';

COMMENT ON COLUMN uuids.holding.symbol IS 'symbol of the asset of a balance, or of the contract of a position or order';

COMMENT ON COLUMN uuids.holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short or sells';

COMMENT ON COLUMN uuids.holding.entry_price IS 'of a position, or the limit price of an order, settlement asset per unit of the underlying; null for a balance';

COMMENT ON COLUMN uuids.holding.leverage IS 'chosen for a position or order; null: none, or a balance';

COMMENT ON COLUMN uuids.holding.kind IS 'balance, position or order';

CREATE VIEW uuids.account_portfolio WITH (security_invoker='true') AS
 SELECT h.account_id,
    margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage, h.kind) AS portfolio
   FROM ( SELECT holding.account_id,
            holding.symbol,
            holding.quantity,
            holding.entry_price,
            holding.leverage,
            holding.kind
           FROM uuids.holding
          ORDER BY holding.account_id) h
  GROUP BY h.account_id;

ALTER TABLE uuids.account_portfolio OWNER TO keeper;

COMMENT ON VIEW uuids.account_portfolio IS 'what each account holds, netted; rows without an account form one with a null key, so that no holding is lost';

COMMENT ON COLUMN uuids.account_portfolio.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW uuids.account_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (uuids.account_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, uuids.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE uuids.account_margin OWNER TO keeper;

COMMENT ON VIEW uuids.account_margin IS 'the valuation of every account that holds something, in the present market; others have no row';

COMMENT ON COLUMN uuids.account_margin.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.account_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN uuids.account_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN uuids.account_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN uuids.account_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN uuids.account_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN uuids.account_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN uuids.account_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN uuids.account_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN uuids.account_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN uuids.account_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN uuids.account_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN uuids.account_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN uuids.account_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN uuids.account_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN uuids.account_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION uuids.account_margin(account_id uuid) RETURNS SETOF uuids.account_margin
    LANGUAGE sql STABLE ROWS 1
    BEGIN ATOMIC
 SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss
    FROM uuids.account_margin a
   WHERE (a.account_id = account_margin.account_id)
  OFFSET 0;
END;

ALTER FUNCTION uuids.account_margin(account_id uuid) OWNER TO keeper;

COMMENT ON FUNCTION uuids.account_margin(account_id uuid) IS 'the row of one account in the view account_margin, none if it holds nothing; touches the rows of that account only, also in a lateral join';

CREATE FUNCTION uuids.account_margin(account_id uuid, market margin.market) RETURNS SETOF uuids.account_margin
    LANGUAGE sql STABLE ROWS 1
    BEGIN ATOMIC
 SELECT p.account_id,
     (valued.v).equity AS equity,
     (valued.v).collateral_value AS collateral_value,
     (valued.v).liabilities AS liabilities,
     (valued.v).net_asset_value AS net_asset_value,
     (valued.v).haircut AS haircut,
     (valued.v).unrealized_pnl AS unrealized_pnl,
     (valued.v).initial_margin AS initial_margin,
     (valued.v).maintenance_margin AS maintenance_margin,
     (valued.v).available_margin AS available_margin,
     (valued.v).shortfall AS shortfall,
     (valued.v).margin_ratio AS margin_ratio,
     (valued.v).level AS level,
     (valued.v).missing AS missing,
     (valued.v).initial_equity AS initial_equity,
     (valued.v).order_margin AS order_margin,
     (valued.v).order_loss AS order_loss
    FROM (uuids.account_portfolio p
      CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, account_margin.market) AS v
          OFFSET 0) valued)
   WHERE (p.account_id = account_margin.account_id)
  OFFSET 0;
END;

ALTER FUNCTION uuids.account_margin(account_id uuid, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION uuids.account_margin(account_id uuid, market margin.market) IS 'the same in a given market; amounts, level and missing are null where the market is';

CREATE TABLE uuids.snapshot (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
)
PARTITION BY RANGE (taken_at);

ALTER TABLE uuids.snapshot OWNER TO keeper;

COMMENT ON TABLE uuids.snapshot IS 'snapshots of the book: one row each, partitioned by UTC day; margin.prepare_snapshots() makes the partitions';

COMMENT ON COLUMN uuids.snapshot.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN uuids.snapshot.form IS 'what was stored of the accounts';

COMMENT ON COLUMN uuids.snapshot.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN uuids.snapshot.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN uuids.snapshot.accounts IS 'how many accounts there were';

COMMENT ON COLUMN uuids.snapshot.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN uuids.snapshot.market_id IS 'the id under which that market is published; null: it is not';

CREATE FUNCTION uuids.snapshot_at(as_of timestamp with time zone) RETURNS timestamp with time zone
    LANGUAGE sql STABLE STRICT
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT COALESCE(( SELECT s.taken_at
            FROM uuids.snapshot s
           WHERE (s.taken_at <= snapshot_at.as_of)
           ORDER BY s.taken_at DESC
          LIMIT 1), margin_internal.no_snapshot(as_of, ( SELECT min(s.taken_at) AS min
            FROM uuids.snapshot s))) AS "coalesce";
END;

ALTER FUNCTION uuids.snapshot_at(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.snapshot_at(as_of timestamp with time zone) IS 'the latest snapshot at or before an instant; an error if there is none; null for null';

CREATE TABLE uuids.account_level (
    account_id uuid NOT NULL,
    level margin.level NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    epoch bigint DEFAULT '-2'::integer NOT NULL,
    room double precision DEFAULT 0 NOT NULL,
    mask bigint DEFAULT 0 NOT NULL,
    portfolio margin.portfolio,
    paused margin.level
)
WITH (fillfactor='90');

ALTER TABLE uuids.account_level OWNER TO keeper;

COMMENT ON TABLE uuids.account_level IS 'the level each account is at, by the last refresh; an account without a row was never judged';

COMMENT ON COLUMN uuids.account_level.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_level.level IS 'judged, or held by a release ratio; healthy also once nothing is held any more';

COMMENT ON COLUMN uuids.account_level.since IS 'start of the transaction that brought it there; of the first judgement, where that was healthy';

COMMENT ON COLUMN uuids.account_level.epoch IS 'level_epoch by whose prices the level is proven; -1: none, judged at every refresh; -2: written since; -3: entered as healthy, but not judged yet';

COMMENT ON COLUMN uuids.account_level.room IS 'how far prices may move from those of the epoch, in proportion, with the level unchanged';

COMMENT ON COLUMN uuids.account_level.mask IS 'symbols that the account depends on, by number modulo 64, as of level_epoch.prices';

COMMENT ON COLUMN uuids.account_level.portfolio IS 'what the account holds, open orders too, as of the last commit, while levels are kept (enable_levels()); null: nothing';

COMMENT ON COLUMN uuids.account_level.paused IS 'the worse level at which it would be, by the last refresh, but for a price held by the venue (held_prices_pause_levels); null: none';

CREATE TABLE uuids.account_snapshot (
    taken_at timestamp with time zone NOT NULL,
    account_id uuid NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
)
PARTITION BY RANGE (taken_at);

ALTER TABLE uuids.account_snapshot OWNER TO keeper;

COMMENT ON TABLE uuids.account_snapshot IS 'the accounts of snapshots as they are stored, partitioned by UTC day; account_margin_at() and portfolios() read every form of snapshot';

COMMENT ON COLUMN uuids.account_snapshot.taken_at IS 'the snapshot';

COMMENT ON COLUMN uuids.account_snapshot.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_snapshot.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN uuids.account_snapshot.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN uuids.account_snapshot.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN uuids.account_snapshot.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN uuids.account_snapshot.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN uuids.account_snapshot.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN uuids.account_snapshot.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE VIEW uuids.reported_portfolio WITH (security_invoker='true') AS
 SELECT l.account_id,
    l.portfolio
   FROM uuids.account_level l
  WHERE ((l.portfolio IS NOT NULL) AND ( SELECT margin_internal.levels_are_kept('uuids.account_level'::regclass) AS levels_are_kept))
UNION ALL
 SELECT p.account_id,
    p.portfolio
   FROM uuids.account_portfolio p
  WHERE (NOT ( SELECT margin_internal.levels_are_kept('uuids.account_level'::regclass) AS levels_are_kept));

ALTER TABLE uuids.reported_portfolio OWNER TO keeper;

COMMENT ON VIEW uuids.reported_portfolio IS 'what each account holds: kept_portfolio where it is kept, else account_portfolio; for what reads a whole book';

COMMENT ON COLUMN uuids.reported_portfolio.account_id IS 'the account';

COMMENT ON COLUMN uuids.reported_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE FUNCTION uuids.portfolios(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id uuid, OUT portfolio margin.portfolio) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT p.account_id,
     p.portfolio
    FROM uuids.reported_portfolio p
   WHERE (portfolios.as_of IS NULL)
 UNION ALL
  SELECT a.account_id,
     a.portfolio
    FROM uuids.account_snapshot a
   WHERE ((portfolios.as_of IS NOT NULL) AND ( SELECT (s.form <> 'changes'::margin.snapshot_form)
            FROM uuids.snapshot s
           WHERE (s.taken_at = ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at))) AND (a.taken_at = ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at)))
 UNION ALL
  SELECT latest.account_id,
     latest.portfolio
    FROM ( SELECT DISTINCT ON (a.account_id) a.account_id,
             a.portfolio
            FROM (uuids.snapshot s
              JOIN uuids.account_snapshot a ON ((a.taken_at = s.taken_at)))
           WHERE ((s.base = ( SELECT t.base
                    FROM uuids.snapshot t
                   WHERE (t.taken_at = ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (s.taken_at >= ( SELECT t.base
                    FROM uuids.snapshot t
                   WHERE (t.taken_at = ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (s.taken_at <= ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at)) AND (a.taken_at >= ( SELECT t.base
                    FROM uuids.snapshot t
                   WHERE (t.taken_at = ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at)))) AND (a.taken_at <= ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at)))
           ORDER BY a.account_id, a.taken_at DESC) latest
   WHERE ((portfolios.as_of IS NOT NULL) AND ( SELECT (s.form = 'changes'::margin.snapshot_form)
            FROM uuids.snapshot s
           WHERE (s.taken_at = ( SELECT uuids.snapshot_at(portfolios.as_of) AS snapshot_at))) AND (latest.portfolio IS NOT NULL));
END;

ALTER FUNCTION uuids.portfolios(as_of timestamp with time zone, OUT account_id uuid, OUT portfolio margin.portfolio) OWNER TO keeper;

COMMENT ON FUNCTION uuids.portfolios(as_of timestamp with time zone, OUT account_id uuid, OUT portfolio margin.portfolio) IS 'what every account held, in the latest snapshot at or before as_of; an error if there is none; null: what it holds now';

CREATE FUNCTION uuids.revalue(as_of timestamp with time zone, market margin.market) RETURNS SETOF uuids.account_margin
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     (a.v).equity AS equity,
     (a.v).collateral_value AS collateral_value,
     (a.v).liabilities AS liabilities,
     (a.v).net_asset_value AS net_asset_value,
     (a.v).haircut AS haircut,
     (a.v).unrealized_pnl AS unrealized_pnl,
     (a.v).initial_margin AS initial_margin,
     (a.v).maintenance_margin AS maintenance_margin,
     (a.v).available_margin AS available_margin,
     (a.v).shortfall AS shortfall,
     (a.v).margin_ratio AS margin_ratio,
     (a.v).level AS level,
     (a.v).missing AS missing,
     (a.v).initial_equity AS initial_equity,
     (a.v).order_margin AS order_margin,
     (a.v).order_loss AS order_loss
    FROM ( SELECT p.account_id,
             margin.evaluate(p.portfolio, ( SELECT revalue.market AS market)) AS v
            FROM uuids.portfolios(revalue.as_of) p(account_id, portfolio)
          OFFSET 0) a;
END;

ALTER FUNCTION uuids.revalue(as_of timestamp with time zone, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION uuids.revalue(as_of timestamp with time zone, market margin.market) IS 'the accounts of the latest snapshot at or before as_of, null: as they are now, valued in a market of choice: that of a venue, or snapshot_market(...) for a past one; an error if there is no snapshot; amounts, level and missing are null where the market is';

CREATE FUNCTION uuids.snapshot_market(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT
         CASE
             WHEN (as_of IS NULL) THEN uuids.venue_market()
             ELSE ( SELECT (ARRAY[s.market])[1] AS "array"
                FROM uuids.snapshot s
               WHERE (s.taken_at = ( SELECT uuids.snapshot_at(snapshot_market.as_of) AS snapshot_at)))
         END AS "array";
END;

ALTER FUNCTION uuids.snapshot_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.snapshot_market(as_of timestamp with time zone) IS 'the market of the latest snapshot at or before as_of, prices and parameters as they were then; an error if there is none; null: the present one. Unlike market(as_of) of a venue, which puts the parameters of another time beside present prices';

CREATE VIEW uuids.reported_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (uuids.reported_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, uuids.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE uuids.reported_margin OWNER TO keeper;

COMMENT ON VIEW uuids.reported_margin IS 'the valuation of every account of reported_portfolio in the present market, for what reads a whole book';

COMMENT ON COLUMN uuids.reported_margin.account_id IS 'the account';

COMMENT ON COLUMN uuids.reported_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.reported_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN uuids.reported_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN uuids.reported_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN uuids.reported_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN uuids.reported_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN uuids.reported_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN uuids.reported_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN uuids.reported_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN uuids.reported_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN uuids.reported_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN uuids.reported_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN uuids.reported_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN uuids.reported_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN uuids.reported_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN uuids.reported_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE FUNCTION uuids.account_margin_at(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id uuid, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) RETURNS SETOF record
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     now() AS now
    FROM uuids.reported_margin a
   WHERE (account_margin_at.as_of IS NULL)
 UNION ALL
  SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     a.taken_at
    FROM uuids.account_snapshot a
   WHERE ((account_margin_at.as_of IS NOT NULL) AND ( SELECT (s.form = 'full'::margin.snapshot_form)
            FROM uuids.snapshot s
           WHERE (s.taken_at = ( SELECT uuids.snapshot_at(account_margin_at.as_of) AS snapshot_at))) AND (a.taken_at = ( SELECT uuids.snapshot_at(account_margin_at.as_of) AS snapshot_at)))
 UNION ALL
  SELECT a.account_id,
     a.equity,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value,
     a.haircut,
     a.unrealized_pnl,
     a.initial_margin,
     a.maintenance_margin,
     a.available_margin,
     a.shortfall,
     a.margin_ratio,
     a.level,
     a.missing,
     a.initial_equity,
     a.order_margin,
     a.order_loss,
     ( SELECT uuids.snapshot_at(account_margin_at.as_of) AS snapshot_at) AS snapshot_at
    FROM uuids.revalue(account_margin_at.as_of, ( SELECT uuids.snapshot_market(account_margin_at.as_of) AS snapshot_market)) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss)
   WHERE ((account_margin_at.as_of IS NOT NULL) AND ( SELECT (s.form <> 'full'::margin.snapshot_form)
            FROM uuids.snapshot s
           WHERE (s.taken_at = ( SELECT uuids.snapshot_at(account_margin_at.as_of) AS snapshot_at))));
END;

ALTER FUNCTION uuids.account_margin_at(as_of timestamp with time zone, OUT account_id uuid, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.account_margin_at(as_of timestamp with time zone, OUT account_id uuid, OUT equity numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric, OUT haircut numeric, OUT unrealized_pnl numeric, OUT initial_margin numeric, OUT maintenance_margin numeric, OUT available_margin numeric, OUT shortfall numeric, OUT margin_ratio numeric, OUT level margin.level, OUT missing text[], OUT initial_equity numeric, OUT order_margin numeric, OUT order_loss numeric, OUT taken_at timestamp with time zone) IS 'account_margin as of an instant: the valuations of the latest snapshot at or before it, and when it was taken; an error if there is none; null: now. Exactly what was computed then: stored, or computed again from the stored portfolio and market where the snapshot stores no valuations';

CREATE FUNCTION uuids.explain(account_id uuid) RETURNS SETOF margin.explanation
    LANGUAGE sql STABLE STRICT ROWS 50
    BEGIN ATOMIC
 SELECT e.field,
     e.kind,
     e.symbol,
     e.side,
     e.item,
     e.lower_bound,
     e.upper_bound,
     e.amount,
     e.unit,
     e.rate,
     e.weight,
     e.price,
     e.value
    FROM uuids.account_portfolio p,
     LATERAL margin.explain(p.portfolio, ( SELECT uuids.venue_market() AS venue_market)) e(field, kind, symbol, side, item, lower_bound, upper_bound, amount, unit, rate, weight, price, value)
   WHERE (p.account_id = explain.account_id);
END;

ALTER FUNCTION uuids.explain(account_id uuid) OWNER TO keeper;

COMMENT ON FUNCTION uuids.explain(account_id uuid) IS 'margin.explain(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION uuids.explain_text(account_id uuid) RETURNS SETOF text
    LANGUAGE sql STABLE STRICT ROWS 20
    BEGIN ATOMIC
 SELECT e.e
    FROM uuids.account_portfolio p,
     LATERAL margin.explain_text(p.portfolio, ( SELECT uuids.venue_market() AS venue_market)) e(e)
   WHERE (p.account_id = explain_text.account_id);
END;

ALTER FUNCTION uuids.explain_text(account_id uuid) OWNER TO keeper;

COMMENT ON FUNCTION uuids.explain_text(account_id uuid) IS 'margin.explain_text(portfolio, market) for one account in the present market; no row for an account that holds nothing, or null';

CREATE FUNCTION uuids.level_totals(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF margin.level_total
    LANGUAGE sql STABLE ROWS 6
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT l.level,
     COALESCE(t.accounts, (0)::bigint) AS "coalesce",
         CASE
             WHEN (t.accounts > 0) THEN t.equity
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.collateral_value
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.liabilities
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.net_asset_value
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.haircut
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.unrealized_pnl
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.initial_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.maintenance_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.shortfall
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN ((l.level = 'bankrupt'::margin.level) AND (t.accounts > 0)) THEN (- t.equity)
             WHEN ((l.level = 'unpriced'::margin.level) AND (t.accounts > 0)) THEN NULL::numeric
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.initial_equity
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.order_margin
             ELSE (0)::numeric
         END AS "case",
         CASE
             WHEN (t.accounts > 0) THEN t.order_loss
             ELSE (0)::numeric
         END AS "case"
    FROM (unnest(enum_range(NULL::margin.level)) l(level)
      LEFT JOIN ( SELECT a.level,
             count(*) AS accounts,
             sum(a.equity) AS equity,
             sum(a.collateral_value) AS collateral_value,
             sum(a.liabilities) AS liabilities,
             sum(a.net_asset_value) AS net_asset_value,
             sum(a.haircut) AS haircut,
             sum(a.unrealized_pnl) AS unrealized_pnl,
             sum(a.initial_margin) AS initial_margin,
             sum(a.maintenance_margin) AS maintenance_margin,
             sum(a.shortfall) AS shortfall,
             sum(a.initial_equity) AS initial_equity,
             sum(a.order_margin) AS order_margin,
             sum(a.order_loss) AS order_loss
            FROM uuids.account_margin_at(level_totals.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
           GROUP BY a.level) t ON ((t.level = l.level)))
   ORDER BY l.level;
END;

ALTER FUNCTION uuids.level_totals(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.level_totals(as_of timestamp with time zone) IS 'accounts by level and their totals, summed over account_margin_at(as_of); a row for each level';

CREATE FUNCTION uuids.repay(account_id uuid, house_account_id uuid, funding_order margin.funding_order DEFAULT 'ratio'::margin.funding_order, forced boolean DEFAULT false, market margin.market DEFAULT NULL::margin.market) RETURNS SETOF margin.repayment
    LANGUAGE sql
    BEGIN ATOMIC
 SELECT r.step,
     r.outcome,
     r.debt_asset,
     r.funding_asset,
     r.paid,
     r.repaid,
     r.debt_price,
     r.funding_price,
     r.conversion_discount,
     r.paid_value,
     r.repaid_value,
     r.remaining_debt,
     r.remaining_due,
     r.level
    FROM margin_internal.repay('uuids.holding'::regclass, (repay.account_id)::text, (repay.house_account_id)::text, repay.funding_order, repay.forced, repay.market) r(step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level);
END;

ALTER FUNCTION uuids.repay(account_id uuid, house_account_id uuid, funding_order margin.funding_order, forced boolean, market margin.market) OWNER TO keeper;

COMMENT ON FUNCTION uuids.repay(account_id uuid, house_account_id uuid, funding_order margin.funding_order, forced boolean, market margin.market) IS 'carries out margin.repayment_plan() for an account with the rules of the venue, in its present market or a given one, against a house account, journals each conversion in repayment_entry, and returns the plan. Writes nothing for an unpriced account. An error for a null account, for one that is its own house account (22023), for a book over other tables (0A000); 40001 where the account has changed since a snapshot of REPEATABLE READ';

CREATE FUNCTION uuids.report_concentration(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT held.asset,
     held.accounts,
     held.unvalued,
     held.asset_equity,
     terms.price,
     held.net_asset_value,
     held.collateral_value,
     round((held.collateral_value / NULLIF(sum(held.collateral_value) OVER (), (0)::numeric)), 8) AS round,
     held.largest,
     (held.net_asset_value - held.collateral_value),
     ((held.net_asset_value * COALESCE(margin_internal.first_rate(terms.tiers), (0)::numeric)) - held.collateral_value)
    FROM (( SELECT c.asset,
             count(*) AS accounts,
             count(*) FILTER (WHERE (c.collateral_value IS NULL)) AS unvalued,
             sum(c.asset_equity) AS asset_equity,
             sum(c.net_asset_value) FILTER (WHERE (c.collateral_value IS NOT NULL)) AS net_asset_value,
             sum(c.collateral_value) AS collateral_value,
             max(c.collateral_value) AS largest
            FROM uuids.portfolios(report_concentration.as_of) p(account_id, portfolio),
             LATERAL margin.collateral(p.portfolio, ( SELECT uuids.snapshot_market(report_concentration.as_of) AS snapshot_market)) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing)
           WHERE ((c.asset_equity > (0)::numeric) IS NOT FALSE)
           GROUP BY c.asset) held
      LEFT JOIN margin.assets(( SELECT uuids.snapshot_market(report_concentration.as_of) AS snapshot_market)) terms(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((terms.asset = held.asset)))
   ORDER BY held.collateral_value DESC NULLS LAST, (held.asset COLLATE "C");
END;

ALTER FUNCTION uuids.report_concentration(as_of timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_concentration(as_of timestamp with time zone, OUT asset text, OUT accounts bigint, OUT unvalued bigint, OUT asset_equity numeric, OUT price numeric, OUT net_asset_value numeric, OUT collateral_value numeric, OUT share numeric, OUT largest numeric, OUT haircut numeric, OUT lost_to_tiers numeric) IS 'the collateral asset by asset, the largest first: its share of all collateral, rounded to 8 decimals, how many accounts hold it and what ratios take away, in all and beyond the first tier: of the latest snapshot at or before as_of; an error if there is none; null: now. Accounts whose amount of it is not known are counted, and left out of the sums';

CREATE FUNCTION uuids.report_exposed_assets(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 3, OUT asset text, OUT exposure numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 3
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH held AS MATERIALIZED (
          SELECT margin.rollup(p.portfolio) AS portfolio
            FROM uuids.portfolios(report_exposed_assets.as_of) p(account_id, portfolio)
         ), part AS (
          SELECT c.asset,
             abs(c.net_asset_value) AS usd,
             false AS traded
            FROM held,
             LATERAL margin.collateral(held.portfolio, ( SELECT uuids.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing)
         UNION ALL
          SELECT terms_1.base,
             (GREATEST(c.long_notional, c.short_notional) * settle.price),
             ((c.long > (0)::numeric) OR (c.short > (0)::numeric))
            FROM held,
             ((LATERAL margin.positions(held.portfolio, ( SELECT uuids.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing)
              JOIN margin.contracts(( SELECT uuids.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) terms_1(contract, settle, base, contract_size, mark, maintenance, initial, netting, closing_fee, opening_fee, tier_unit, order_maintenance) ON ((terms_1.contract = c.contract)))
              JOIN margin.assets(( SELECT uuids.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) settle(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((settle.asset = c.settle)))
         )
  SELECT part.asset,
     sum(part.usd) AS sum
    FROM (part
      JOIN margin.assets(( SELECT uuids.snapshot_market(report_exposed_assets.as_of) AS snapshot_market)) terms(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight) ON ((terms.asset = part.asset)))
   WHERE (terms.price IS NOT NULL)
   GROUP BY part.asset
  HAVING ((sum(part.usd) > (0)::numeric) AND (bool_or(part.traded) OR bool_and((COALESCE(margin_internal.first_rate(terms.tiers), (0)::numeric) < (1)::numeric))))
   ORDER BY (sum(part.usd)) DESC, (part.asset COLLATE "C")
  LIMIT report_exposed_assets.top;
END;

ALTER FUNCTION uuids.report_exposed_assets(as_of timestamp with time zone, top bigint, OUT asset text, OUT exposure numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_exposed_assets(as_of timestamp with time zone, top bigint, OUT asset text, OUT exposure numeric) IS 'the assets whose price matters most to all accounts together, so many (null: all), the largest first: their net quantity of it, and the larger side of every contract on it, USD. Assets without price are left out, and those whose first collateral ratio is 1 unless positions are on them: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION uuids.report_exposure(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 50
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT c.contract,
     c.settle,
     count(*) FILTER (WHERE ((c.long > (0)::numeric) OR (c.short > (0)::numeric))) AS count,
     c.mark,
     sum(c.long) AS sum,
     sum(c.short) AS sum,
     (sum(c.long) - sum(c.short)),
     GREATEST(sum(c.long), sum(c.short)) AS "greatest",
     sum(c.long_notional) AS sum,
     sum(c.short_notional) AS sum,
     sum(c.pnl_usd) AS sum,
     sum(c.maintenance_margin) AS sum,
     sum(c.initial_margin) AS sum,
     sum(c.order_margin) AS sum
    FROM uuids.portfolios(report_exposure.as_of) p(account_id, portfolio),
     LATERAL margin.positions(p.portfolio, ( SELECT uuids.snapshot_market(report_exposure.as_of) AS snapshot_market)) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing)
   GROUP BY c.contract, c.settle, c.mark
   ORDER BY (sum(c.maintenance_margin)) DESC NULLS LAST, (c.contract COLLATE "C");
END;

ALTER FUNCTION uuids.report_exposure(as_of timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_exposure(as_of timestamp with time zone, OUT contract text, OUT settle text, OUT accounts bigint, OUT mark numeric, OUT long numeric, OUT short numeric, OUT net numeric, OUT open_interest numeric, OUT long_notional numeric, OUT short_notional numeric, OUT pnl_usd numeric, OUT maintenance_margin numeric, OUT initial_margin numeric, OUT order_margin numeric) IS 'the positions of all accounts contract by contract, those that are only ordered too, the one that requires most first: of the latest snapshot at or before as_of; an error if there is none; null: now. Amounts that lack a price or parameter are null';

CREATE FUNCTION uuids.report_history(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, last bigint DEFAULT 288, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 288
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.taken_at,
     t.accounts,
     t.undercollateralized,
     t.unpriced,
     t.equity,
     t.maintenance_margin,
     t.shortfall,
     t.loss
    FROM ( SELECT k.taken_at,
             k.levels
            FROM uuids.snapshot k
           WHERE ((report_history.as_of IS NULL) OR (k.taken_at <= report_history.as_of))
           ORDER BY k.taken_at DESC
          LIMIT report_history.last) s,
     LATERAL ( SELECT (sum(l.accounts))::bigint AS accounts,
             (sum(l.accounts) FILTER (WHERE (l.level = ANY (ARRAY['liquidation'::margin.level, 'bankrupt'::margin.level]))))::bigint AS undercollateralized,
             (sum(l.accounts) FILTER (WHERE (l.level = 'unpriced'::margin.level)))::bigint AS unpriced,
             sum(l.equity) AS equity,
             sum(l.maintenance_margin) AS maintenance_margin,
             sum(l.shortfall) AS shortfall,
             sum(l.loss) AS loss
            FROM unnest(s.levels) l(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)) t
   ORDER BY s.taken_at;
END;

ALTER FUNCTION uuids.report_history(as_of timestamp with time zone, last bigint, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_history(as_of timestamp with time zone, last bigint, OUT taken_at timestamp with time zone, OUT accounts bigint, OUT undercollateralized bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT shortfall numeric, OUT loss numeric) IS 'totals of the last snapshots at or before as_of (null: of all), so many (null: all; 288 are a day of one every five minutes), the oldest first; amounts in USD, without those of unpriced accounts, which are not known; no row where there is no snapshot';

CREATE FUNCTION uuids.venue_market_at(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.market(as_of);

ALTER FUNCTION uuids.venue_market_at(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_market_at(as_of timestamp with time zone) IS 'the parameters of another instant with the present prices of the venue';

CREATE FUNCTION uuids.venue_planned_change() RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.planned_change();

ALTER FUNCTION uuids.venue_planned_change() OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_planned_change() IS 'when the next planned change of the venue''s parameters takes effect';

CREATE FUNCTION uuids.report_impact(at timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id uuid, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT p.account_id,
     i.level_before,
     i.level_after,
     i.equity_before,
     i.equity_after,
     i.equity_change,
     i.maintenance_margin_before,
     i.maintenance_margin_after,
     i.maintenance_margin_change,
     i.available_margin_before,
     i.available_margin_after,
     i.available_margin_change,
     i.missing_after
    FROM uuids.reported_portfolio p,
     LATERAL margin.impact(p.portfolio, ( SELECT uuids.venue_market() AS venue_market), ( SELECT uuids.venue_market_at(COALESCE(report_impact.at, uuids.venue_planned_change())) AS venue_market_at)) i(equity_before, equity_after, equity_change, collateral_value_before, collateral_value_after, collateral_value_change, liabilities_before, liabilities_after, liabilities_change, net_asset_value_before, net_asset_value_after, net_asset_value_change, initial_margin_before, initial_margin_after, initial_margin_change, maintenance_margin_before, maintenance_margin_after, maintenance_margin_change, available_margin_before, available_margin_after, available_margin_change, shortfall_before, shortfall_after, shortfall_change, margin_ratio_before, margin_ratio_after, margin_ratio_change, level_before, level_after, missing_before, missing_after)
   WHERE ((i.level_before IS DISTINCT FROM i.level_after) OR (i.equity_before IS DISTINCT FROM i.equity_after) OR (i.maintenance_margin_before IS DISTINCT FROM i.maintenance_margin_after) OR (i.available_margin_before IS DISTINCT FROM i.available_margin_after) OR (i.missing_before IS DISTINCT FROM i.missing_after))
   ORDER BY i.level_after DESC, i.available_margin_change, p.account_id;
END;

ALTER FUNCTION uuids.report_impact(at timestamp with time zone, OUT account_id uuid, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_impact(at timestamp with time zone, OUT account_id uuid, OUT level_before margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_after numeric, OUT equity_change numeric, OUT maintenance_margin_before numeric, OUT maintenance_margin_after numeric, OUT maintenance_margin_change numeric, OUT available_margin_before numeric, OUT available_margin_after numeric, OUT available_margin_change numeric, OUT missing_after text[]) IS 'the accounts that the parameters valid at an instant (null: when the next planned change takes effect) would value differently, at present holdings and prices, the most concerning first: level, and amounts in USD, before and after; no row where nothing is planned';

CREATE FUNCTION uuids.venue_scenarios() RETURNS margin.price_move[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.scenarios();

ALTER FUNCTION uuids.venue_scenarios() OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_scenarios() IS 'the scenarios of the venue';

CREATE FUNCTION uuids.report_stress(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, scenarios margin.price_move[] DEFAULT NULL::margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT s.scenario,
     count(*) AS count,
     count(*) FILTER (WHERE (s.level = 'warning'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'margin_call'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'liquidation'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'bankrupt'::margin.level)) AS count,
     count(*) FILTER (WHERE (s.level = 'unpriced'::margin.level)) AS count,
     sum(s.equity) AS sum,
     sum(s.maintenance_margin) AS sum,
     sum(s.loss) AS sum
    FROM uuids.portfolios(report_stress.as_of) p(account_id, portfolio),
     LATERAL margin.stress(p.portfolio, ( SELECT uuids.snapshot_market(report_stress.as_of) AS snapshot_market), ( SELECT COALESCE(report_stress.scenarios, uuids.venue_scenarios()) AS "coalesce")) s(scenario, equity, maintenance_margin, level, loss, missing)
   GROUP BY s.scenario
   ORDER BY (sum(s.loss)) DESC NULLS LAST, (sum(s.equity)), (s.scenario COLLATE "C");
END;

ALTER FUNCTION uuids.report_stress(as_of timestamp with time zone, scenarios margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_stress(as_of timestamp with time zone, scenarios margin.price_move[], OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) IS 'what scenarios, null: those of the venue, would make of all accounts, the one that loses most first: how many at which level, and their totals in USD without the unpriced: of the latest snapshot at or before as_of; an error if there is none, or if a scenario names what its market lacks; null: now';

CREATE FUNCTION uuids.report_known_stress(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH lacking AS MATERIALIZED (
          SELECT DISTINCT s.scenario
            FROM unnest(( SELECT uuids.venue_scenarios() AS venue_scenarios)) s(scenario, asset, contract, relative, price)
           WHERE (((s.asset IS NOT NULL) AND (NOT (EXISTS ( SELECT
                    FROM margin.assets(( SELECT uuids.snapshot_market(report_known_stress.as_of) AS snapshot_market)) a(asset, price, tiers, tier_unit, liability_weight, requirement_weight, liability_maintenance, low, high, initial_tiers, initial_liability_weight)
                   WHERE (a.asset = s.asset))))) OR ((s.contract IS NOT NULL) AND (NOT (EXISTS ( SELECT
                    FROM margin.contracts(( SELECT uuids.snapshot_market(report_known_stress.as_of) AS snapshot_market)) c(contract, settle, base, contract_size, mark, maintenance, initial, netting, closing_fee, opening_fee, tier_unit, order_maintenance)
                   WHERE (c.contract = s.contract))))))
         )
  SELECT report_stress.scenario,
     report_stress.accounts,
     report_stress.warning,
     report_stress.margin_call,
     report_stress.liquidation,
     report_stress.bankrupt,
     report_stress.unpriced,
     report_stress.equity,
     report_stress.maintenance_margin,
     report_stress.loss
    FROM uuids.report_stress(report_known_stress.as_of, ARRAY( SELECT s.*::margin.price_move AS s
            FROM unnest(( SELECT uuids.venue_scenarios() AS venue_scenarios)) s(scenario, asset, contract, relative, price)
           WHERE (NOT (s.scenario IN ( SELECT l.scenario
                    FROM lacking l))))) report_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss)
 UNION ALL
  SELECT l.scenario,
     NULL::bigint AS accounts,
     NULL::bigint AS warning,
     NULL::bigint AS margin_call,
     NULL::bigint AS liquidation,
     NULL::bigint AS bankrupt,
     NULL::bigint AS unpriced,
     NULL::numeric AS equity,
     NULL::numeric AS maintenance_margin,
     NULL::numeric AS loss
    FROM lacking l;
END;

ALTER FUNCTION uuids.report_known_stress(as_of timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_known_stress(as_of timestamp with time zone, OUT scenario text, OUT accounts bigint, OUT warning bigint, OUT margin_call bigint, OUT liquidation bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT equity numeric, OUT maintenance_margin numeric, OUT loss numeric) IS 'report_stress(as_of) of the scenarios whose assets and contracts its market has; a row of nulls for each of the others';

CREATE FUNCTION uuids.report_levels(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone) RETURNS SETOF margin.level_total
    LANGUAGE sql STABLE ROWS 6
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT level_totals.level,
     level_totals.accounts,
     level_totals.equity,
     level_totals.collateral_value,
     level_totals.liabilities,
     level_totals.net_asset_value,
     level_totals.haircut,
     level_totals.unrealized_pnl,
     level_totals.initial_margin,
     level_totals.maintenance_margin,
     level_totals.shortfall,
     level_totals.loss,
     level_totals.initial_equity,
     level_totals.order_margin,
     level_totals.order_loss
    FROM uuids.level_totals() level_totals(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)
   WHERE (report_levels.as_of IS NULL)
 UNION ALL
  SELECT l.level,
     l.accounts,
     l.equity,
     l.collateral_value,
     l.liabilities,
     l.net_asset_value,
     l.haircut,
     l.unrealized_pnl,
     l.initial_margin,
     l.maintenance_margin,
     l.shortfall,
     l.loss,
     l.initial_equity,
     l.order_margin,
     l.order_loss
    FROM uuids.snapshot s,
     LATERAL unnest(s.levels) l(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss)
   WHERE (s.taken_at = ( SELECT uuids.snapshot_at(report_levels.as_of) AS snapshot_at));
END;

ALTER FUNCTION uuids.report_levels(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_levels(as_of timestamp with time zone) IS 'how many accounts are at each level, and their totals in USD: of the latest snapshot at or before as_of, as stored with it; an error if there is none; null: now';

CREATE FUNCTION uuids.report_liquidations(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, assets text[] DEFAULT NULL::text[], moves numeric[] DEFAULT '{-0.5,-0.4,-0.3,-0.2,-0.1,0,0.1,0.2,0.3,0.4,0.5}'::numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 33
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 WITH moved AS MATERIALIZED (
          SELECT a.asset,
             m.move,
             row_number() OVER (ORDER BY a.n, m.n) AS n
            FROM unnest(COALESCE(report_liquidations.assets, ARRAY( SELECT e.asset
                    FROM uuids.report_exposed_assets(report_liquidations.as_of) e(asset, exposure)))) WITH ORDINALITY a(asset, n),
             unnest(report_liquidations.moves) WITH ORDINALITY m(move, n)
         ), map AS (
          SELECT margin_internal.liquidation_map(p.portfolio, ( SELECT uuids.snapshot_market(report_liquidations.as_of) AS snapshot_market), ( SELECT array_agg(ROW(NULL::text, v_1.asset, NULL::text, v_1.move, NULL::numeric)::margin.price_move ORDER BY v_1.n) AS array_agg
                    FROM moved v_1)) AS points
            FROM uuids.portfolios(report_liquidations.as_of) p(account_id, portfolio)
           WHERE (EXISTS ( SELECT
                    FROM moved))
         )
  SELECT v.asset,
     c.move,
     c.price,
     c.accounts,
     c.undercollateralized,
     c.bankrupt,
     c.unpriced,
     c.notional,
     c.notional_usd,
     c.long_usd,
     c.shortfall,
     c.loss
    FROM map,
     (LATERAL unnest(map.points) WITH ORDINALITY c(move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss, n)
      JOIN moved v ON ((v.n = c.n)))
   ORDER BY v.n;
END;

ALTER FUNCTION uuids.report_liquidations(as_of timestamp with time zone, assets text[], moves numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_liquidations(as_of timestamp with time zone, assets text[], moves numeric[], OUT asset text, OUT move numeric, OUT price numeric, OUT accounts bigint, OUT undercollateralized bigint, OUT bankrupt bigint, OUT unpriced bigint, OUT notional jsonb, OUT notional_usd numeric, OUT long_usd numeric, OUT shortfall numeric, OUT loss numeric) IS 'margin.liquidation_map() of several assets in one pass, null: the three of report_exposed_assets(): what relative moves of the price of each, marks linked, would make of all accounts, nothing where there are none; amounts in USD, exact: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION uuids.report_losses(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 20, OUT account_id uuid, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     (- a.equity),
     round((a.equity / sum(a.equity) OVER ()), 8) AS round,
     a.collateral_value,
     a.liabilities,
     a.net_asset_value
    FROM uuids.account_margin_at(report_losses.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.level = 'bankrupt'::margin.level)
   ORDER BY a.equity, a.account_id
  LIMIT report_losses.top;
END;

ALTER FUNCTION uuids.report_losses(as_of timestamp with time zone, top bigint, OUT account_id uuid, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_losses(as_of timestamp with time zone, top bigint, OUT account_id uuid, OUT loss numeric, OUT share numeric, OUT collateral_value numeric, OUT liabilities numeric, OUT net_asset_value numeric) IS 'the accounts whose liabilities exceed their collateral by most, so many (null: all), and their share of the loss of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now. net_asset_value says what of the loss ratios and weights make';

CREATE FUNCTION uuids.report_movers(earlier timestamp with time zone, later timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id uuid, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT moved.account_id,
     (moved.first).level AS level,
     (moved.second).level AS level,
     (moved.third).level AS level,
     (moved.fourth).level AS level,
     (moved.first).equity AS equity,
     ((moved.second).equity - (moved.first).equity),
     ((moved.third).equity - (moved.second).equity),
     ((moved.fourth).equity - (moved.third).equity),
     (moved.fourth).equity AS equity,
     (moved.first).maintenance_margin AS maintenance_margin,
     ((moved.second).maintenance_margin - (moved.first).maintenance_margin),
     ((moved.third).maintenance_margin - (moved.second).maintenance_margin),
     ((moved.fourth).maintenance_margin - (moved.third).maintenance_margin),
     (moved.fourth).maintenance_margin AS maintenance_margin
    FROM ( SELECT changed.account_id,
             changed.first,
             changed.fourth,
             margin.evaluate(changed.held, ( SELECT uuids.snapshot_market(report_movers.earlier) AS snapshot_market)) AS second,
             margin.evaluate(changed.held, ( SELECT margin.with_prices(uuids.snapshot_market(report_movers.earlier), uuids.snapshot_market(report_movers.later)) AS with_prices)) AS third
            FROM ( SELECT account_id,
                     COALESCE(l.portfolio, '{}'::margin.portfolio) AS held,
                     margin.evaluate(COALESCE(e.portfolio, '{}'::margin.portfolio), ( SELECT uuids.snapshot_market(report_movers.earlier) AS snapshot_market)) AS first,
                     margin.evaluate(COALESCE(l.portfolio, '{}'::margin.portfolio), ( SELECT uuids.snapshot_market(report_movers.later) AS snapshot_market)) AS fourth
                    FROM (uuids.portfolios(report_movers.earlier) e(account_id, portfolio)
                      FULL JOIN uuids.portfolios(report_movers.later) l(account_id, portfolio) USING (account_id))
                  OFFSET 0) changed
           WHERE ((changed.first).level <> (changed.fourth).level)
          OFFSET 0) moved
   ORDER BY (moved.fourth).level DESC, ((moved.fourth).equity - (moved.fourth).maintenance_margin), moved.account_id;
END;

ALTER FUNCTION uuids.report_movers(earlier timestamp with time zone, later timestamp with time zone, OUT account_id uuid, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_movers(earlier timestamp with time zone, later timestamp with time zone, OUT account_id uuid, OUT level_before margin.level, OUT level_by_holdings margin.level, OUT level_by_prices margin.level, OUT level_after margin.level, OUT equity_before numeric, OUT equity_by_holdings numeric, OUT equity_by_prices numeric, OUT equity_by_parameters numeric, OUT equity_after numeric, OUT margin_before numeric, OUT margin_by_holdings numeric, OUT margin_by_prices numeric, OUT margin_by_parameters numeric, OUT margin_after numeric) IS 'the accounts that changed level between two instants, each the latest snapshot at or before it (an error if there is none), null: now; and how much of the change of equity and of maintenance margin in USD holdings, then prices, then parameters made: the earlier book in the earlier market, the later book in the earlier market, in the earlier parameters at the later prices, in the later market. before and the three parts add up to after exactly. An account that was not there held nothing; parts are null next to a step at which the account is unpriced';

CREATE FUNCTION uuids.report_shortfalls(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 20, OUT account_id uuid, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 20
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.level,
     a.shortfall,
     round((a.shortfall / sum(a.shortfall) OVER ()), 8) AS round,
     a.equity,
     a.maintenance_margin,
     a.margin_ratio
    FROM uuids.account_margin_at(report_shortfalls.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.shortfall > (0)::numeric)
   ORDER BY a.shortfall DESC, a.account_id
  LIMIT report_shortfalls.top;
END;

ALTER FUNCTION uuids.report_shortfalls(as_of timestamp with time zone, top bigint, OUT account_id uuid, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_shortfalls(as_of timestamp with time zone, top bigint, OUT account_id uuid, OUT level margin.level, OUT shortfall numeric, OUT share numeric, OUT equity numeric, OUT maintenance_margin numeric, OUT margin_ratio numeric) IS 'the accounts that lack most to their maintenance margin, so many (null: all), and their share of the shortfall of all accounts, rounded to 8 decimals: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION uuids.report_unpriced(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, OUT account_id uuid, OUT missing text[]) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 100
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT a.account_id,
     a.missing
    FROM uuids.account_margin_at(report_unpriced.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
   WHERE (a.level = 'unpriced'::margin.level)
   ORDER BY a.account_id;
END;

ALTER FUNCTION uuids.report_unpriced(as_of timestamp with time zone, OUT account_id uuid, OUT missing text[]) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_unpriced(as_of timestamp with time zone, OUT account_id uuid, OUT missing text[]) IS 'the accounts that could not be valued and the symbols that they lack: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION uuids.report_worst(as_of timestamp with time zone DEFAULT NULL::timestamp with time zone, top bigint DEFAULT 5, OUT account_id uuid, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 5
    SET search_path TO 'pg_catalog', 'pg_temp'
    BEGIN ATOMIC
 SELECT worst.account_id,
     worst.level,
     worst.equity,
     worst.maintenance_margin,
     ( SELECT string_agg(e.line, '
'::text ORDER BY e.n) AS string_agg
            FROM margin.explain_text(held.portfolio, ( SELECT uuids.snapshot_market(report_worst.as_of) AS snapshot_market)) WITH ORDINALITY e(line, n)) AS string_agg
    FROM (( SELECT a.account_id,
             a.level,
             a.equity,
             a.maintenance_margin
            FROM uuids.account_margin_at(report_worst.as_of) a(account_id, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss, taken_at)
           WHERE ((a.level >= 'warning'::margin.level) AND (a.level <= 'bankrupt'::margin.level))
           ORDER BY (a.equity - a.maintenance_margin), a.account_id
          LIMIT report_worst.top) worst
      JOIN uuids.portfolios(report_worst.as_of) held(account_id, portfolio) ON ((held.account_id = worst.account_id)))
   ORDER BY (worst.equity - worst.maintenance_margin), worst.account_id;
END;

ALTER FUNCTION uuids.report_worst(as_of timestamp with time zone, top bigint, OUT account_id uuid, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) OWNER TO keeper;

COMMENT ON FUNCTION uuids.report_worst(as_of timestamp with time zone, top bigint, OUT account_id uuid, OUT level margin.level, OUT equity numeric, OUT maintenance_margin numeric, OUT explanation text) IS 'the accounts at warning or above whose equity is least against their maintenance margin (USD), so many (null: all), each explained in the sentences of explain_text(), a line each: of the latest snapshot at or before as_of; an error if there is none; null: now';

CREATE FUNCTION uuids.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) RETURNS SETOF record
    LANGUAGE sql STABLE ROWS 10
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET "TimeZone" TO 'UTC'
    SET "DateStyle" TO 'ISO, YMD'
    BEGIN ATOMIC
 SELECT (p.bound[1])::date AS bound,
     (max(i.inhrelid) FILTER (WHERE (i.inhparent = ('uuids.snapshot'::regclass)::oid)))::regclass AS max,
     (max(i.inhrelid) FILTER (WHERE (i.inhparent = ('uuids.account_snapshot'::regclass)::oid)))::regclass AS max,
     (sum(pg_total_relation_size((i.inhrelid)::regclass)))::bigint AS sum
    FROM (pg_inherits i
      JOIN pg_class c ON ((c.oid = i.inhrelid))),
     LATERAL regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES FROM [(]''(.+)''[)] TO [(]''(.+)''[)]$'::text) p(bound)
   WHERE ((i.inhparent = ANY (ARRAY[('uuids.snapshot'::regclass)::oid, ('uuids.account_snapshot'::regclass)::oid])) AND (((p.bound[2])::timestamp with time zone - (p.bound[1])::timestamp with time zone) = '1 day'::interval))
   GROUP BY (p.bound[1])::date
   ORDER BY (p.bound[1])::date;
END;

ALTER FUNCTION uuids.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) OWNER TO keeper;

COMMENT ON FUNCTION uuids.snapshot_days(OUT day date, OUT snapshot regclass, OUT account_snapshot regclass, OUT bytes bigint) IS 'the UTC days that there are partitions for: the partition of each table and the bytes of both with their indexes';

CREATE FUNCTION uuids.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) RETURNS margin.interest_rate[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.interest_rates(since, until);

ALTER FUNCTION uuids.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_interest_rates(since timestamp with time zone, until timestamp with time zone) IS 'the interest rates of the venue that count between two instants';

CREATE FUNCTION uuids.venue_past_market(as_of timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.past_market(as_of);

ALTER FUNCTION uuids.venue_past_market(as_of timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_past_market(as_of timestamp with time zone) IS 'the market of the venue at a past instant';

CREATE FUNCTION uuids.venue_pausing_prices() RETURNS jsonb
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.pausing_prices();

ALTER FUNCTION uuids.venue_pausing_prices() OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_pausing_prices() IS 'the prices held that keep levels of the venue from getting worse; null: none';

CREATE FUNCTION uuids.venue_present_market(clock timestamp with time zone) RETURNS margin.market
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.present_market(clock);

ALTER FUNCTION uuids.venue_present_market(clock timestamp with time zone) OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_present_market(clock timestamp with time zone) IS 'the same by another clock; the guard judges by it';

CREATE FUNCTION uuids.venue_release_ratios() RETURNS numeric[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.release_ratios();

ALTER FUNCTION uuids.venue_release_ratios() OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_release_ratios() IS 'release ratios of warning, margin_call and liquidation of the venue';

CREATE FUNCTION uuids.venue_repayment_rules() RETURNS margin.repayment_rule[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN lone.repayment_rules();

ALTER FUNCTION uuids.venue_repayment_rules() OWNER TO keeper;

COMMENT ON FUNCTION uuids.venue_repayment_rules() IS 'the repayment rules of the venue';

CREATE VIEW desk.calls AS
 SELECT k.account_id,
    margin.explain_text(k.portfolio, house.market()) AS line
   FROM house.account_portfolio k;

ALTER TABLE desk.calls OWNER TO keeper;

CREATE VIEW house.account_collateral WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.asset,
    c.balance,
    c.pnl,
    c.asset_equity,
    c.price,
    c.net_asset_value,
    c.collateral_value,
    c.liability,
    c.haircut,
    c.maintenance_margin,
    c.missing
   FROM house.account_portfolio p,
    LATERAL margin.collateral(p.portfolio, house.venue_market()) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing);

ALTER TABLE house.account_collateral OWNER TO keeper;

COMMENT ON VIEW house.account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';

COMMENT ON COLUMN house.account_collateral.account_id IS 'the account';

COMMENT ON COLUMN house.account_collateral.asset IS 'an asset with a balance, or that positions settle in';

COMMENT ON COLUMN house.account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';

COMMENT ON COLUMN house.account_collateral.pnl IS 'profit and loss of the positions settled in it, units of the asset';

COMMENT ON COLUMN house.account_collateral.asset_equity IS 'balance + pnl, units of the asset';

COMMENT ON COLUMN house.account_collateral.price IS 'index price, USD per unit; null: none';

COMMENT ON COLUMN house.account_collateral.net_asset_value IS 'asset_equity at index price, USD';

COMMENT ON COLUMN house.account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';

COMMENT ON COLUMN house.account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';

COMMENT ON COLUMN house.account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';

COMMENT ON COLUMN house.account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';

COMMENT ON COLUMN house.account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW desk.explained WITH (security_invoker='true') AS
 SELECT a.account_id,
    a.equity,
    a.collateral_value,
    a.liabilities,
    a.net_asset_value,
    a.haircut,
    a.unrealized_pnl,
    a.initial_margin,
    a.maintenance_margin,
    a.available_margin,
    a.shortfall,
    a.margin_ratio,
    a.level,
    a.missing,
    a.initial_equity,
    a.order_margin,
    a.order_loss,
    c.asset,
    c.haircut AS haircut_of_asset
   FROM (house.account_margin a
     JOIN house.account_collateral c USING (account_id));

ALTER TABLE desk.explained OWNER TO keeper;

CREATE MATERIALIZED VIEW desk.taken AS
 SELECT account_margin.account_id,
    account_margin.level,
    account_margin.equity
   FROM house.account_margin
  WITH NO DATA;

ALTER TABLE desk.taken OWNER TO keeper;

CREATE VIEW desk.watch AS
 SELECT account_margin.account_id,
    account_margin.level,
    account_margin.shortfall
   FROM house.account_margin
  WHERE (account_margin.level <> 'healthy'::margin.level);

ALTER TABLE desk.watch OWNER TO keeper;

CREATE VIEW house.account WITH (security_invoker='true') AS
 SELECT DISTINCT holding.account_id
   FROM house.holding;

ALTER TABLE house.account OWNER TO keeper;

COMMENT ON VIEW house.account IS 'the accounts that hold something';

COMMENT ON COLUMN house.account.account_id IS 'the account';

CREATE VIEW house.account_order WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.contract,
    c.side,
    c.price,
    c.quantity,
    c.margin_quantity,
    c.value,
    c.order_loss
   FROM house.account_portfolio p,
    LATERAL margin.orders(p.portfolio, house.venue_market()) c(contract, side, price, quantity, margin_quantity, value, order_loss);

ALTER TABLE house.account_order OWNER TO keeper;

COMMENT ON VIEW house.account_order IS 'the open orders of every account by contract, side and limit price, and what they are worth; the order_loss of an account adds up to that of account_margin, what they require is in account_position';

COMMENT ON COLUMN house.account_order.account_id IS 'the account';

COMMENT ON COLUMN house.account_order.contract IS 'the contract';

COMMENT ON COLUMN house.account_order.side IS 'buy or sell';

COMMENT ON COLUMN house.account_order.price IS 'limit price, settlement asset per unit of the underlying';

COMMENT ON COLUMN house.account_order.quantity IS 'what is left to fill at that price, contracts, > 0';

COMMENT ON COLUMN house.account_order.margin_quantity IS 'sum of quantity / leverage of the orders that chose one, contracts';

COMMENT ON COLUMN house.account_order.value IS 'at the limit price, a sell at the mark if that is higher, settlement asset; null: a price is missing';

COMMENT ON COLUMN house.account_order.order_loss IS 'what it would lose by filling now, USD, >= 0; null: a price is missing';

CREATE VIEW house.account_position WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.contract,
    c.settle,
    c.long,
    c.short,
    c.mark,
    c.long_notional,
    c.short_notional,
    c.pnl,
    c.pnl_usd,
    c.maintenance_margin,
    c.initial_margin,
    c.order_margin,
    c.missing
   FROM house.account_portfolio p,
    LATERAL margin.positions(p.portfolio, house.venue_market()) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing);

ALTER TABLE house.account_position OWNER TO keeper;

COMMENT ON VIEW house.account_position IS 'the valuation of every account contract by contract';

COMMENT ON COLUMN house.account_position.account_id IS 'the account';

COMMENT ON COLUMN house.account_position.contract IS 'a contract with a position or an open order';

COMMENT ON COLUMN house.account_position.settle IS 'asset in which it settles';

COMMENT ON COLUMN house.account_position.long IS 'contracts held long, >= 0';

COMMENT ON COLUMN house.account_position.short IS 'contracts held short, >= 0';

COMMENT ON COLUMN house.account_position.mark IS 'mark price, settlement asset per unit of the underlying; null: none';

COMMENT ON COLUMN house.account_position.long_notional IS 'of the long side at mark, settlement asset';

COMMENT ON COLUMN house.account_position.short_notional IS 'of the short side at mark, settlement asset';

COMMENT ON COLUMN house.account_position.pnl IS 'profit and loss of both sides at mark, settlement asset';

COMMENT ON COLUMN house.account_position.pnl_usd IS 'pnl at the index price of the settlement asset, USD';

COMMENT ON COLUMN house.account_position.maintenance_margin IS 'what the position requires to be kept, USD';

COMMENT ON COLUMN house.account_position.initial_margin IS 'what the position requires to be opened, USD, without its orders';

COMMENT ON COLUMN house.account_position.order_margin IS 'what open orders require on top of it, USD, >= 0';

COMMENT ON COLUMN house.account_position.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE TABLE house.account_snapshot_20261130 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261130 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261130 IS 'partition of account_snapshot for 2026-11-30 UTC';

COMMENT ON COLUMN house.account_snapshot_20261130.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261130.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261130.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261130.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261130.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261130.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261130.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261130.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261130.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261201 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261201 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261201 IS 'partition of account_snapshot for 2026-12-01 UTC';

COMMENT ON COLUMN house.account_snapshot_20261201.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261201.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261201.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261201.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261201.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261201.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261201.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261201.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261201.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261202 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261202 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261202 IS 'partition of account_snapshot for 2026-12-02 UTC';

COMMENT ON COLUMN house.account_snapshot_20261202.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261202.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261202.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261202.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261202.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261202.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261202.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261202.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261202.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261203 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261203 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261203 IS 'partition of account_snapshot for 2026-12-03 UTC';

COMMENT ON COLUMN house.account_snapshot_20261203.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261203.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261203.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261203.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261203.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261203.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261203.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261203.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261203.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261204 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261204 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261204 IS 'partition of account_snapshot for 2026-12-04 UTC';

COMMENT ON COLUMN house.account_snapshot_20261204.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261204.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261204.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261204.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261204.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261204.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261204.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261204.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261204.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261205 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261205 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261205 IS 'partition of account_snapshot for 2026-12-05 UTC';

COMMENT ON COLUMN house.account_snapshot_20261205.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261205.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261205.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261205.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261205.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261205.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261205.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261205.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261205.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261206 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261206 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261206 IS 'partition of account_snapshot for 2026-12-06 UTC';

COMMENT ON COLUMN house.account_snapshot_20261206.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261206.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261206.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261206.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261206.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261206.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261206.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261206.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261206.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE TABLE house.account_snapshot_20261207 (
    taken_at timestamp with time zone NOT NULL,
    account_id bigint NOT NULL,
    portfolio margin.portfolio,
    equity numeric,
    collateral_value numeric,
    liabilities numeric,
    net_asset_value numeric,
    haircut numeric,
    unrealized_pnl numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    shortfall numeric,
    margin_ratio numeric,
    level margin.level,
    missing text[],
    initial_equity numeric,
    order_margin numeric,
    order_loss numeric
);

ALTER TABLE house.account_snapshot_20261207 OWNER TO keeper;

COMMENT ON TABLE house.account_snapshot_20261207 IS 'partition of account_snapshot for 2026-12-07 UTC';

COMMENT ON COLUMN house.account_snapshot_20261207.taken_at IS 'the snapshot';

COMMENT ON COLUMN house.account_snapshot_20261207.account_id IS 'the account';

COMMENT ON COLUMN house.account_snapshot_20261207.portfolio IS 'what it held; null in a snapshot of form changes: nothing any more';

COMMENT ON COLUMN house.account_snapshot_20261207.equity IS 'collateral_value - liabilities, USD; null where unpriced, and where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261207.collateral_value IS 'positive asset equities at their collateral ratios, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.liabilities IS 'negative asset equities at their liability weights, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.net_asset_value IS 'asset equities at index price, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.haircut IS 'net_asset_value - equity, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.unrealized_pnl IS 'profit and loss of the positions, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.initial_margin IS 'what the positions and debts required to be opened, with open orders, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.maintenance_margin IS 'what the positions and debts required to be kept, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.available_margin IS 'initial_equity - initial_margin - order_loss, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.shortfall IS 'what equity lacked to maintenance_margin, USD, >= 0; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.margin_ratio IS 'maintenance_margin / judged equity, rounded to 8 decimals; null as equity is, and unless that is above 0';

COMMENT ON COLUMN house.account_snapshot_20261207.level IS 'the level; null where the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261207.missing IS 'symbols that lacked a price or parameter, in byte order; null: none, or the form stores no valuations';

COMMENT ON COLUMN house.account_snapshot_20261207.initial_equity IS 'equity by the initial measure, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.order_margin IS 'the part of initial_margin that open orders required, USD; null as equity is';

COMMENT ON COLUMN house.account_snapshot_20261207.order_loss IS 'what open orders would have lost by filling, USD; null as equity is';

CREATE VIEW house.account_stress WITH (security_invoker='true') AS
 SELECT p.account_id,
    s.scenario,
    s.equity,
    s.maintenance_margin,
    s.level,
    s.loss,
    s.missing
   FROM house.account_portfolio p,
    LATERAL margin.stress(p.portfolio, ( SELECT house.venue_market() AS venue_market), ( SELECT house.venue_scenarios() AS venue_scenarios)) s(scenario, equity, maintenance_margin, level, loss, missing);

ALTER TABLE house.account_stress OWNER TO keeper;

COMMENT ON VIEW house.account_stress IS 'every account in every scenario of the venue, from the present market, marks linked';

COMMENT ON COLUMN house.account_stress.account_id IS 'the account';

COMMENT ON COLUMN house.account_stress.scenario IS 'name of the scenario';

COMMENT ON COLUMN house.account_stress.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.account_stress.maintenance_margin IS 'what positions and debts require to be kept, USD';

COMMENT ON COLUMN house.account_stress.level IS 'of the account in this scenario';

COMMENT ON COLUMN house.account_stress.loss IS 'what a negative equity leaves beyond the collateral, USD, >= 0';

COMMENT ON COLUMN house.account_stress.missing IS 'symbols that lack a price or parameter; null where nothing does';

CREATE TABLE house.accrual_event (
    account_id bigint NOT NULL,
    kind text NOT NULL,
    symbol text NOT NULL,
    accrued_at timestamp with time zone NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL,
    house boolean DEFAULT false NOT NULL,
    balance numeric,
    quantity numeric,
    contract_size numeric,
    mark numeric,
    rate numeric NOT NULL,
    free_amount numeric,
    method text,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    CONSTRAINT accrual_event_amount_finite CHECK (margin.is_amount(amount)),
    CONSTRAINT accrual_event_kind_known CHECK ((kind = ANY (ARRAY['interest'::text, 'funding'::text])))
);

ALTER TABLE house.accrual_event OWNER TO keeper;

COMMENT ON TABLE house.accrual_event IS 'journal of interest and funding: one row per account, symbol and instant, and one of the house account; amounts that share kind, symbol and instant sum to 0';

COMMENT ON COLUMN house.accrual_event.account_id IS 'the account';

COMMENT ON COLUMN house.accrual_event.kind IS 'interest or funding';

COMMENT ON COLUMN house.accrual_event.symbol IS 'the asset owed, or the contract held';

COMMENT ON COLUMN house.accrual_event.accrued_at IS 'the hour of the interest, or the instant of the funding';

COMMENT ON COLUMN house.accrual_event.asset IS 'in which it was booked: the asset owed, or the settlement asset of the contract';

COMMENT ON COLUMN house.accrual_event.amount IS 'what the balance changed by, in units of the asset: below 0 paid, above 0 received; what is computed is rounded down at the 18th decimal, at the expense of the payer and of the receiver';

COMMENT ON COLUMN house.accrual_event.house IS 'whether this is the other side: minus the sum of the others';

COMMENT ON COLUMN house.accrual_event.balance IS 'of interest: the balance that was owed, below 0, with the interest of the hours before; else null';

COMMENT ON COLUMN house.accrual_event.quantity IS 'of funding: contracts held, long less short; else null';

COMMENT ON COLUMN house.accrual_event.contract_size IS 'of funding: units of the underlying in one contract; else null';

COMMENT ON COLUMN house.accrual_event.mark IS 'of funding: mark price of the instant; else null';

COMMENT ON COLUMN house.accrual_event.rate IS 'the hourly rate, or the funding rate';

COMMENT ON COLUMN house.accrual_event.free_amount IS 'of interest: what was free of it; else null';

COMMENT ON COLUMN house.accrual_event.method IS 'of interest: excess or whole, as in interest_rate of the venue; else null';

COMMENT ON COLUMN house.accrual_event.booked_at IS 'when it was booked, by the clock';

COMMENT ON COLUMN house.accrual_event.booked_by IS 'who called accrue_interest() or settle_funding()';

COMMENT ON CONSTRAINT accrual_event_amount_finite ON house.accrual_event IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

COMMENT ON CONSTRAINT accrual_event_kind_known ON house.accrual_event IS 'interest or funding';

CREATE TABLE house.accrual_house (
    kind text NOT NULL,
    account_id bigint NOT NULL,
    CONSTRAINT accrual_house_kind_known CHECK ((kind = ANY (ARRAY['interest'::text, 'funding'::text])))
);

ALTER TABLE house.accrual_house OWNER TO keeper;

COMMENT ON TABLE house.accrual_house IS 'the accounts that take the other side: interest is paid to them, and what funding leaves over; without a row nothing of the kind is booked';

COMMENT ON COLUMN house.accrual_house.kind IS 'interest or funding';

COMMENT ON COLUMN house.accrual_house.account_id IS 'the house account; it owes no interest itself, and takes what remains of all others'' funding';

COMMENT ON CONSTRAINT accrual_house_kind_known ON house.accrual_house IS 'interest or funding';

CREATE TABLE house.admitted_owner (
    owner name NOT NULL
);

ALTER TABLE house.admitted_owner OWNER TO keeper;

COMMENT ON TABLE house.admitted_owner IS 'roles whose books margin.set_prices(..., refresh => true) refreshes, beside those that have the rights of the venue''s owner; code in their books then runs as whoever sets prices';

COMMENT ON COLUMN house.admitted_owner.owner IS 'the owner of a book';

CREATE TABLE house.book_rule (
    rule text NOT NULL,
    value text NOT NULL,
    CONSTRAINT book_rule_rule_known CHECK ((rule = 'unrealized_gains_carry'::text)),
    CONSTRAINT book_rule_unrealized_gains_carry_known CHECK (((rule <> 'unrealized_gains_carry'::text) OR (value = ANY (ARRAY['true'::text, 'false'::text]))))
);

ALTER TABLE house.book_rule OWNER TO keeper;

COMMENT ON TABLE house.book_rule IS 'rules of the book; one without a row has its default: unrealized_gains_carry true';

COMMENT ON COLUMN house.book_rule.rule IS 'unrealized_gains_carry';

COMMENT ON COLUMN house.book_rule.value IS 'true or false. unrealized_gains_carry: with false the guard judges a transaction that lowers a balance as if the net unrealized profit in each settlement asset were not there, as margin.max_withdrawal(..., with_unrealized => false) does, so that no profit on paper is paid out';

COMMENT ON CONSTRAINT book_rule_rule_known ON house.book_rule IS 'an unknown rule would have no effect, and look as if it had';

COMMENT ON CONSTRAINT book_rule_unrealized_gains_carry_known ON house.book_rule IS 'true or false';

CREATE TABLE house.contract (
    contract text NOT NULL,
    settle text NOT NULL,
    base text,
    contract_size numeric NOT NULL,
    netting text DEFAULT 'leg'::text NOT NULL,
    closing_fee numeric DEFAULT 0 NOT NULL,
    maintenance_method text DEFAULT 'marginal'::text NOT NULL,
    initial_method text DEFAULT 'whole'::text NOT NULL,
    max_age interval,
    source text,
    opening_fee numeric DEFAULT 0 NOT NULL,
    tier_unit text DEFAULT 'notional'::text NOT NULL,
    order_maintenance boolean DEFAULT false NOT NULL,
    payoff text DEFAULT 'linear'::text NOT NULL,
    CONSTRAINT contract_closing_fee_range CHECK ((margin.is_amount(closing_fee) AND (closing_fee >= (0)::numeric))),
    CONSTRAINT contract_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT contract_contract_size_positive CHECK ((margin.is_amount(contract_size) AND (contract_size > (0)::numeric))),
    CONSTRAINT contract_initial_method_known CHECK ((initial_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_maintenance_method_known CHECK ((maintenance_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT contract_netting_known CHECK ((netting = ANY (ARRAY['leg'::text, 'larger'::text, 'net'::text]))),
    CONSTRAINT contract_opening_fee_range CHECK ((margin.is_amount(opening_fee) AND (opening_fee >= (0)::numeric))),
    CONSTRAINT contract_payoff_linear CHECK ((payoff = 'linear'::text)),
    CONSTRAINT contract_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['notional'::text, 'contracts'::text])))
);

ALTER TABLE house.contract OWNER TO keeper;

COMMENT ON TABLE house.contract IS 'contracts: what positions can be held in';

COMMENT ON COLUMN house.contract.contract IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN house.contract.settle IS 'settlement asset: mark price, notional, profit and margin of the contract are counted in it';

COMMENT ON COLUMN house.contract.base IS 'underlying asset, for linked price shocks; never enters a valuation; may be absent';

COMMENT ON COLUMN house.contract.contract_size IS 'units of the underlying in one contract; above 0';

COMMENT ON COLUMN house.contract.netting IS 'what margin is taken on: leg (each side by itself), larger (the larger side), net (the difference)';

COMMENT ON COLUMN house.contract.closing_fee IS 'rate added to maintenance on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN house.contract.maintenance_method IS 'how its maintenance rates apply: marginal (each to the part inside its tier) or whole (the tier reached, to all)';

COMMENT ON COLUMN house.contract.initial_method IS 'how its initial rates apply: marginal or whole';

COMMENT ON COLUMN house.contract.max_age IS 'a mark price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN house.contract.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN house.contract.opening_fee IS 'rate added to the initial requirement on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN house.contract.tier_unit IS 'what the bounds of its risk tiers measure: notional (of a leg, in the settlement asset) or contracts';

COMMENT ON COLUMN house.contract.order_maintenance IS 'whether open orders require maintenance, too';

COMMENT ON COLUMN house.contract.payoff IS 'linear: profit is size * (mark - entry price) in the settlement asset. Nothing else is valued, so nothing else can be entered: an inverse or quanto contract would be given a wrong profit';

COMMENT ON CONSTRAINT contract_closing_fee_range ON house.contract IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_contract_length ON house.contract IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT contract_contract_size_positive ON house.contract IS 'a contract of size 0 would be worth nothing';

COMMENT ON CONSTRAINT contract_initial_method_known ON house.contract IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_maintenance_method_known ON house.contract IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_max_age_positive ON house.contract IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT contract_netting_known ON house.contract IS 'leg, larger or net';

COMMENT ON CONSTRAINT contract_opening_fee_range ON house.contract IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_payoff_linear ON house.contract IS 'only linear contracts are valued; the trigger payoff says what to do with others';

COMMENT ON CONSTRAINT contract_tier_unit_known ON house.contract IS 'notional or contracts';

CREATE VIEW house.flawed_holding WITH (security_invoker='true') AS
 SELECT f.account_id,
    f.kind,
    f.symbol,
    f.quantity,
    f.entry_price,
    f.leverage,
    f.flaw
   FROM ( SELECT h.account_id,
            h.symbol,
            h.quantity,
            h.entry_price,
            h.leverage,
            h.kind,
            margin_internal.holding_flaw(h.symbol, h.quantity, h.entry_price, h.leverage, h.kind) AS flaw
           FROM ( SELECT balance.account_id,
                    balance.asset AS symbol,
                    balance.quantity,
                    NULL::numeric AS entry_price,
                    NULL::numeric AS leverage,
                    'balance'::margin.holding_kind AS kind
                   FROM house.balance
                UNION ALL
                 SELECT "position".account_id,
                    "position".contract AS symbol,
                    "position".quantity,
                    "position".entry_price,
                    "position".leverage,
                    'position'::margin.holding_kind AS kind
                   FROM house."position"
                UNION ALL
                 SELECT open_order.account_id,
                    open_order.contract AS symbol,
                    open_order.quantity,
                    open_order.price AS entry_price,
                    open_order.leverage,
                    'order'::margin.holding_kind AS kind
                   FROM house.open_order) h) f
  WHERE (f.flaw IS NOT NULL);

ALTER TABLE house.flawed_holding OWNER TO keeper;

COMMENT ON VIEW house.flawed_holding IS 'rows that cannot be valued, such as a quantity of NaN: an error when their accounts are read, or with flawed_rows => ''unpriced'' of create_book() what makes those accounts unpriced';

COMMENT ON COLUMN house.flawed_holding.account_id IS 'the account';

COMMENT ON COLUMN house.flawed_holding.kind IS 'balance, position or order';

COMMENT ON COLUMN house.flawed_holding.symbol IS 'as it is in the row, as are quantity, entry_price and leverage';

COMMENT ON COLUMN house.flawed_holding.quantity IS 'as it is in the row';

COMMENT ON COLUMN house.flawed_holding.entry_price IS 'as it is in the row';

COMMENT ON COLUMN house.flawed_holding.leverage IS 'as it is in the row';

COMMENT ON COLUMN house.flawed_holding.flaw IS 'why it cannot be valued';

CREATE TABLE house.funding_settlement (
    contract text NOT NULL,
    settled_at timestamp with time zone NOT NULL,
    rate numeric NOT NULL,
    mark numeric NOT NULL,
    contract_size numeric NOT NULL,
    settle text NOT NULL,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL
);

ALTER TABLE house.funding_settlement OWNER TO keeper;

COMMENT ON TABLE house.funding_settlement IS 'the instants at which the funding of a contract was settled, even if nobody held it';

COMMENT ON COLUMN house.funding_settlement.contract IS 'the contract';

COMMENT ON COLUMN house.funding_settlement.settled_at IS 'the instant, as given to settle_funding()';

COMMENT ON COLUMN house.funding_settlement.rate IS 'longs pay this part of their notional to shorts; below 0 the other way round';

COMMENT ON COLUMN house.funding_settlement.mark IS 'mark price of that instant, in the settlement asset';

COMMENT ON COLUMN house.funding_settlement.contract_size IS 'units of the underlying in one contract';

COMMENT ON COLUMN house.funding_settlement.settle IS 'settlement asset, in which it was paid';

COMMENT ON COLUMN house.funding_settlement.booked_at IS 'when it was booked, by the clock: with the positions of that moment';

COMMENT ON COLUMN house.funding_settlement.booked_by IS 'who called settle_funding()';

CREATE TABLE house.guard_exception (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    judged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    level margin.level NOT NULL,
    equity numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    available_margin_before numeric,
    missing text[],
    initial_equity numeric,
    order_loss numeric,
    market_id bigint
);

ALTER TABLE house.guard_exception OWNER TO keeper;

COMMENT ON TABLE house.guard_exception IS 'booked facts that the guard let through while margin.guard was record and would have refused otherwise; rows are only added';

COMMENT ON COLUMN house.guard_exception.id IS 'numbers the rows, roughly in order of time';

COMMENT ON COLUMN house.guard_exception.account_id IS 'the account';

COMMENT ON COLUMN house.guard_exception.judged_at IS 'when the account was judged: at commit';

COMMENT ON COLUMN house.guard_exception.recorded_by IS 'the role that acted';

COMMENT ON COLUMN house.guard_exception.level IS 'the level at which the account was left';

COMMENT ON COLUMN house.guard_exception.equity IS 'equity that was left, USD; this, the next three, initial_equity and order_loss are null for an unpriced account. Where paper gains do not carry (book_rule), all are without them';

COMMENT ON COLUMN house.guard_exception.initial_margin IS 'initial margin that was required, with open orders, USD';

COMMENT ON COLUMN house.guard_exception.maintenance_margin IS 'maintenance margin that was required, USD';

COMMENT ON COLUMN house.guard_exception.available_margin IS 'initial_equity - initial_margin - order_loss that was left, USD';

COMMENT ON COLUMN house.guard_exception.available_margin_before IS 'the same as the transaction found it, USD; null: it found the account unpriced';

COMMENT ON COLUMN house.guard_exception.missing IS 'symbols for which an unpriced account lacked a price or a parameter';

COMMENT ON COLUMN house.guard_exception.initial_equity IS 'equity by the initial measure that was left, USD';

COMMENT ON COLUMN house.guard_exception.order_loss IS 'what open orders would have lost by filling, USD';

COMMENT ON COLUMN house.guard_exception.market_id IS 'the published market by which it was judged; null: that is not published';

ALTER TABLE house.guard_exception ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME house.guard_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.held_price_event (
    id bigint NOT NULL,
    event text NOT NULL,
    kind text NOT NULL,
    symbol text NOT NULL,
    price numeric NOT NULL,
    low numeric,
    high numeric,
    why text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    offered_by name NOT NULL,
    offers bigint NOT NULL,
    acted_by name DEFAULT margin.acting_user() NOT NULL,
    acted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE house.held_price_event OWNER TO keeper;

COMMENT ON TABLE house.held_price_event IS 'journal of prices held and of what became of them; written by triggers, by nobody else';

COMMENT ON COLUMN house.held_price_event.id IS 'in the order of the events';

COMMENT ON COLUMN house.held_price_event.event IS 'held; then applied (confirmed), dropped, or replaced (one that is not older was applied)';

COMMENT ON COLUMN house.held_price_event.kind IS 'asset or contract';

COMMENT ON COLUMN house.held_price_event.symbol IS 'the asset or contract';

COMMENT ON COLUMN house.held_price_event.price IS 'the price held: of held the first offer, of the others the last';

COMMENT ON COLUMN house.held_price_event.low IS 'offered with it; null: none';

COMMENT ON COLUMN house.held_price_event.high IS 'offered with it; null: none';

COMMENT ON COLUMN house.held_price_event.why IS 'which checks it failed';

COMMENT ON COLUMN house.held_price_event.observed_at IS 'when it was observed';

COMMENT ON COLUMN house.held_price_event.offered_by IS 'the role that offered it';

COMMENT ON COLUMN house.held_price_event.offers IS 'how many offers had been held by then';

COMMENT ON COLUMN house.held_price_event.acted_by IS 'the role that acted: whose offer was held, who confirmed or dropped it, whose price replaced it';

COMMENT ON COLUMN house.held_price_event.acted_at IS 'when';

ALTER TABLE house.held_price_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.held_price_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.index_price (
    asset text NOT NULL,
    price numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    low numeric,
    high numeric,
    CONSTRAINT index_price_high_range CHECK (((high IS NULL) OR (margin.is_amount(high) AND (high >= price)))),
    CONSTRAINT index_price_low_range CHECK (((low IS NULL) OR (margin.is_amount(low) AND (low > (0)::numeric) AND (low <= price)))),
    CONSTRAINT index_price_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT index_price_updated_at_finite CHECK (isfinite(updated_at))
);

ALTER TABLE house.index_price OWNER TO keeper;

COMMENT ON TABLE house.index_price IS 'present index prices of assets';

COMMENT ON COLUMN house.index_price.asset IS 'the asset priced';

COMMENT ON COLUMN house.index_price.price IS 'USD per unit of the asset; above 0';

COMMENT ON COLUMN house.index_price.updated_at IS 'when the price was observed; asset.max_age counts from here';

COMMENT ON COLUMN house.index_price.low IS 'where the price is in doubt: USD per unit at which what is owned counts; above 0, at most price; NULL: price. A price set without it removes it';

COMMENT ON COLUMN house.index_price.high IS 'where the price is in doubt: USD per unit at which what is owed or required counts; at least price; NULL: price. A price set without it removes it';

COMMENT ON CONSTRAINT index_price_high_range ON house.index_price IS 'the price lies between its bounds';

COMMENT ON CONSTRAINT index_price_low_range ON house.index_price IS 'the price lies between its bounds';

COMMENT ON CONSTRAINT index_price_price_positive ON house.index_price IS 'no price is a missing row, not 0';

COMMENT ON CONSTRAINT index_price_updated_at_finite ON house.index_price IS 'an infinite time has no age';

CREATE TABLE house.index_price_history (
    id bigint NOT NULL,
    asset text NOT NULL,
    price numeric,
    updated_at timestamp with time zone NOT NULL,
    forced boolean NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    low numeric,
    high numeric
);

ALTER TABLE house.index_price_history OWNER TO keeper;

COMMENT ON TABLE house.index_price_history IS 'every index price that was applied or deleted, as far back as price_retention keeps them';

COMMENT ON COLUMN house.index_price_history.id IS 'in the order in which they were applied';

COMMENT ON COLUMN house.index_price_history.asset IS 'the asset priced';

COMMENT ON COLUMN house.index_price_history.price IS 'USD per unit of the asset; null: the price was deleted';

COMMENT ON COLUMN house.index_price_history.updated_at IS 'when the price was observed';

COMMENT ON COLUMN house.index_price_history.forced IS 'whether it replaced a price observed later: a correction';

COMMENT ON COLUMN house.index_price_history.recorded_by IS 'the role that applied it';

COMMENT ON COLUMN house.index_price_history.recorded_at IS 'when it was applied';

COMMENT ON COLUMN house.index_price_history.low IS 'its lower bound; null: none';

COMMENT ON COLUMN house.index_price_history.high IS 'its upper bound; null: none';

ALTER TABLE house.index_price_history ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.index_price_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.interest_hour (
    accrued_at timestamp with time zone NOT NULL,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    CONSTRAINT interest_hour_full CHECK ((isfinite(accrued_at) AND ((EXTRACT(epoch FROM accrued_at) % (3600)::numeric) = (0)::numeric)))
);

ALTER TABLE house.interest_hour OWNER TO keeper;

COMMENT ON TABLE house.interest_hour IS 'the hours for which interest has been charged, even if nobody owed any; accrue_interest() goes on after the last one';

COMMENT ON COLUMN house.interest_hour.accrued_at IS 'the full hour, of UTC';

COMMENT ON COLUMN house.interest_hour.booked_at IS 'when it was charged, by the clock; later for one that was caught up';

COMMENT ON COLUMN house.interest_hour.booked_by IS 'who called accrue_interest()';

COMMENT ON CONSTRAINT interest_hour_full ON house.interest_hour IS 'a full hour of UTC';

CREATE VIEW house.kept_portfolio WITH (security_invoker='true') AS
 SELECT account_level.account_id,
    account_level.portfolio
   FROM house.account_level
  WHERE ((account_level.portfolio IS NOT NULL) AND ( SELECT margin_internal.require_kept('house.account_level'::regclass) AS require_kept));

ALTER TABLE house.kept_portfolio OWNER TO keeper;

COMMENT ON VIEW house.kept_portfolio IS 'what each account holds as of the last commit, as kept with the levels; an error (55000) where they are not kept';

COMMENT ON COLUMN house.kept_portfolio.account_id IS 'the account';

COMMENT ON COLUMN house.kept_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW house.kept_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (house.kept_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, house.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE house.kept_margin OWNER TO keeper;

COMMENT ON VIEW house.kept_margin IS 'account_margin as of the last commit, three to five times as fast: by kept_portfolio, in the present market; level is the judged one, account_level has the kept one';

COMMENT ON COLUMN house.kept_margin.account_id IS 'the account';

COMMENT ON COLUMN house.kept_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.kept_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN house.kept_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN house.kept_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN house.kept_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN house.kept_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN house.kept_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN house.kept_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN house.kept_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN house.kept_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN house.kept_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN house.kept_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN house.kept_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN house.kept_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN house.kept_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN house.kept_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE TABLE house.level_basis (
    basis bigint NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[],
    sources text
);

ALTER TABLE house.level_basis OWNER TO keeper;

COMMENT ON TABLE house.level_basis IS 'the terms by which accounts were judged that are anchored to an epoch; kept by refresh_levels()';

COMMENT ON COLUMN house.level_basis.basis IS 'rises; the last one is in use';

COMMENT ON COLUMN house.level_basis.market IS 'a market of these terms, whatever its prices';

COMMENT ON COLUMN house.level_basis.release_ratios IS 'of warning, margin_call and liquidation';

COMMENT ON COLUMN house.level_basis.sources IS 'the tables that the book read and their triggers, as of level_sources(); null: writes may have been missed';

CREATE TABLE house.level_epoch (
    epoch bigint NOT NULL,
    basis bigint NOT NULL,
    prices double precision[] NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    accounts bigint NOT NULL
);

ALTER TABLE house.level_epoch OWNER TO keeper;

COMMENT ON TABLE house.level_epoch IS 'prices by which accounts were judged that are anchored to them; kept by refresh_levels()';

COMMENT ON COLUMN house.level_epoch.epoch IS 'rises; account_level.epoch refers to it';

COMMENT ON COLUMN house.level_epoch.basis IS 'the terms they were judged by';

COMMENT ON COLUMN house.level_epoch.prices IS 'by number: assets in byte order, then contracts; NaN: none. Rounded, to find the accounts to judge';

COMMENT ON COLUMN house.level_epoch.made_at IS 'start of the transaction of the refresh';

COMMENT ON COLUMN house.level_epoch.accounts IS 'that were anchored to it at first';

CREATE TABLE house.level_event (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    from_level margin.level NOT NULL,
    to_level margin.level NOT NULL,
    equity numeric,
    maintenance_margin numeric,
    prices jsonb NOT NULL,
    cause text NOT NULL,
    changed_by name DEFAULT margin.acting_user() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    paused margin.level,
    held jsonb,
    market_id bigint,
    CONSTRAINT level_event_changes CHECK (((from_level <> to_level) OR (paused IS NOT NULL)))
);

ALTER TABLE house.level_event OWNER TO keeper;

COMMENT ON TABLE house.level_event IS 'journal of level changes, append-only; the rows of an account, by id, lead from healthy to where it is';

COMMENT ON COLUMN house.level_event.id IS 'rises; within an account in the order of the changes';

COMMENT ON COLUMN house.level_event.account_id IS 'the account';

COMMENT ON COLUMN house.level_event.from_level IS 'the level left; healthy for an account never judged before';

COMMENT ON COLUMN house.level_event.to_level IS 'the level reached';

COMMENT ON COLUMN house.level_event.equity IS 'that decided, USD: equity less what open orders take of it by the venue''s rule orders_reduce_equity (judged_equity); null: unpriced';

COMMENT ON COLUMN house.level_event.maintenance_margin IS 'that decided, USD; null: unpriced';

COMMENT ON COLUMN house.level_event.prices IS 'that decided, for what the account holds, as of margin.prices()';

COMMENT ON COLUMN house.level_event.cause IS 'why the account was judged, in the words of the caller';

COMMENT ON COLUMN house.level_event.changed_by IS 'the role that acted';

COMMENT ON COLUMN house.level_event.changed_at IS 'start of the transaction';

COMMENT ON COLUMN house.level_event.txid IS 'the transaction';

COMMENT ON COLUMN house.level_event.paused IS 'the worse level at which it would be, and stays where it is because of a price held; null: the level changed';

COMMENT ON COLUMN house.level_event.held IS 'the prices held that matter to it, where paused: {"assets": {"BTC": 30000}, "contracts": {}}';

COMMENT ON COLUMN house.level_event.market_id IS 'the published market by which it was judged; null: that is not published';

COMMENT ON CONSTRAINT level_event_changes ON house.level_event IS 'no change is no event, unless there would have been one';

ALTER TABLE house.level_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME house.level_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.mark_price (
    contract text NOT NULL,
    price numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT mark_price_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT mark_price_updated_at_finite CHECK (isfinite(updated_at))
);

ALTER TABLE house.mark_price OWNER TO keeper;

COMMENT ON TABLE house.mark_price IS 'present mark prices of contracts';

COMMENT ON COLUMN house.mark_price.contract IS 'the contract priced';

COMMENT ON COLUMN house.mark_price.price IS 'settlement asset per unit of the underlying; above 0';

COMMENT ON COLUMN house.mark_price.updated_at IS 'when the price was observed; contract.max_age counts from here';

COMMENT ON CONSTRAINT mark_price_price_positive ON house.mark_price IS 'no price is a missing row, not 0';

COMMENT ON CONSTRAINT mark_price_updated_at_finite ON house.mark_price IS 'an infinite time has no age';

CREATE TABLE house.mark_price_history (
    id bigint NOT NULL,
    contract text NOT NULL,
    price numeric,
    updated_at timestamp with time zone NOT NULL,
    forced boolean NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE house.mark_price_history OWNER TO keeper;

COMMENT ON TABLE house.mark_price_history IS 'every mark price that was applied or deleted, as far back as price_retention keeps them';

COMMENT ON COLUMN house.mark_price_history.id IS 'in the order in which they were applied';

COMMENT ON COLUMN house.mark_price_history.contract IS 'the contract priced';

COMMENT ON COLUMN house.mark_price_history.price IS 'settlement asset per unit of the underlying; null: the price was deleted';

COMMENT ON COLUMN house.mark_price_history.updated_at IS 'when the price was observed';

COMMENT ON COLUMN house.mark_price_history.forced IS 'whether it replaced a price observed later: a correction';

COMMENT ON COLUMN house.mark_price_history.recorded_by IS 'the role that applied it';

COMMENT ON COLUMN house.mark_price_history.recorded_at IS 'when it was applied';

ALTER TABLE house.mark_price_history ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.mark_price_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.parameter_event (
    id bigint NOT NULL,
    parameter name NOT NULL,
    symbol text NOT NULL,
    before jsonb,
    after jsonb,
    changed_by name DEFAULT margin.acting_user() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

ALTER TABLE house.parameter_event OWNER TO keeper;

COMMENT ON TABLE house.parameter_event IS 'journal of every edit of a parameter table, row by row; written by triggers only';

COMMENT ON COLUMN house.parameter_event.id IS 'in the order of the edits';

COMMENT ON COLUMN house.parameter_event.parameter IS 'the table edited';

COMMENT ON COLUMN house.parameter_event.symbol IS 'asset, contract, level, rule or scenario that the row is about';

COMMENT ON COLUMN house.parameter_event.before IS 'the row as it was; null: there was none';

COMMENT ON COLUMN house.parameter_event.after IS 'the row as it is since; null: there is none';

COMMENT ON COLUMN house.parameter_event.changed_by IS 'the role that acted';

COMMENT ON COLUMN house.parameter_event.changed_at IS 'beginning of the transaction that edited';

COMMENT ON COLUMN house.parameter_event.txid IS 'that transaction';

ALTER TABLE house.parameter_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.parameter_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.pending_publication (
    transaction xid8 NOT NULL
);

ALTER TABLE house.pending_publication OWNER TO keeper;

COMMENT ON TABLE house.pending_publication IS 'transactions that will publish the market before they commit; each sees only its own, and takes it away when it publishes';

COMMENT ON COLUMN house.pending_publication.transaction IS 'the transaction that wrote something that the market is made of';

CREATE TABLE house.price_check (
    kind text NOT NULL,
    symbol text NOT NULL,
    floor numeric,
    ceiling numeric,
    max_jump numeric,
    jump_window interval,
    max_deviation numeric,
    reference_age interval,
    CONSTRAINT price_check_ceiling_range CHECK ((margin.is_amount(ceiling) AND (ceiling > (0)::numeric) AND ((floor IS NULL) OR (ceiling >= floor)))),
    CONSTRAINT price_check_floor_positive CHECK ((margin.is_amount(floor) AND (floor > (0)::numeric))),
    CONSTRAINT price_check_jump_window_range CHECK (((jump_window IS NULL) OR ((jump_window > '00:00:00'::interval) AND (max_jump IS NOT NULL)))),
    CONSTRAINT price_check_kind_known CHECK ((kind = ANY (ARRAY['asset'::text, 'contract'::text]))),
    CONSTRAINT price_check_max_deviation_range CHECK ((margin.is_amount(max_deviation) AND (max_deviation >= (0)::numeric))),
    CONSTRAINT price_check_max_jump_positive CHECK ((margin.is_amount(max_jump) AND (max_jump > (0)::numeric))),
    CONSTRAINT price_check_reference_age_range CHECK (((reference_age IS NULL) OR ((reference_age > '00:00:00'::interval) AND (max_deviation IS NOT NULL))))
);

ALTER TABLE house.price_check OWNER TO keeper;

COMMENT ON TABLE house.price_check IS 'what margin.set_prices() believes of an asset or contract; offers that fail are held. Without a row, and where a column is NULL, anything is believed';

COMMENT ON COLUMN house.price_check.kind IS 'asset (its index price) or contract (its mark price)';

COMMENT ON COLUMN house.price_check.symbol IS 'the asset or contract';

COMMENT ON COLUMN house.price_check.floor IS 'neither the price nor its low is below this; in the unit of the price, above 0';

COMMENT ON COLUMN house.price_check.ceiling IS 'neither the price nor its high is above this; in the unit of the price, above 0';

COMMENT ON COLUMN house.price_check.max_jump IS 'how far the price and its bounds may be from the price before, as a fraction of that: 0.1 is 10 % up or down';

COMMENT ON COLUMN house.price_check.jump_window IS 'max_jump holds against every price observed within this time before the offer, and against none that is older; NULL: against the price before, however old, and no other';

COMMENT ON COLUMN house.price_check.max_deviation IS 'a second opinion: how far the price may be from a reference_price, as a fraction of that; one that agrees is enough, with none the offer is held';

COMMENT ON COLUMN house.price_check.reference_age IS 'a reference price observed longer ago than this before the offer is no opinion; NULL: they do not expire';

COMMENT ON CONSTRAINT price_check_ceiling_range ON house.price_check IS 'something lies between floor and ceiling';

COMMENT ON CONSTRAINT price_check_floor_positive ON house.price_check IS 'no price is 0 or below anyway';

COMMENT ON CONSTRAINT price_check_jump_window_range ON house.price_check IS 'a time above 0, of a jump';

COMMENT ON CONSTRAINT price_check_kind_known ON house.price_check IS 'asset or contract';

COMMENT ON CONSTRAINT price_check_max_deviation_range ON house.price_check IS 'a deviation of 0 is the same price';

COMMENT ON CONSTRAINT price_check_max_jump_positive ON house.price_check IS 'a price that may not move at all is never set again';

COMMENT ON CONSTRAINT price_check_reference_age_range ON house.price_check IS 'a time above 0, of an opinion';

CREATE TABLE house.price_retention (
    keep interval NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT price_retention_keep_range CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT price_retention_one_row CHECK (only_row)
);

ALTER TABLE house.price_retention OWNER TO keeper;

COMMENT ON TABLE house.price_retention IS 'how long price histories go back, in at most one row; none: for ever';

COMMENT ON COLUMN house.price_retention.keep IS 'margin.prune_price_history() deletes what is not needed to tell the prices of any instant since then';

COMMENT ON COLUMN house.price_retention.only_row IS 'true';

COMMENT ON CONSTRAINT price_retention_keep_range ON house.price_retention IS 'what is yet to come is not pruned';

COMMENT ON CONSTRAINT price_retention_one_row ON house.price_retention IS 'one setting for all';

CREATE TABLE house.published_market (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[] NOT NULL,
    pausing_prices jsonb,
    scenarios margin.price_move[] NOT NULL,
    repayment_rules margin.repayment_rule[] NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT published_market_one_row CHECK (only_row)
);
ALTER TABLE ONLY house.published_market ALTER COLUMN market SET STORAGE EXTERNAL;

ALTER TABLE house.published_market OWNER TO keeper;

COMMENT ON TABLE house.published_market IS 'the market as it was published last, in at most one row, and what else a book needs of its venue; margin.publish_market() writes it';

COMMENT ON COLUMN house.published_market.id IS 'which publication this is; ids only grow, with gaps where one was rolled back';

COMMENT ON COLUMN house.published_market.at IS 'the instant whose market it is, by the clock of the server that published it';

COMMENT ON COLUMN house.published_market.valid_until IS 'from then on it is not the market any more: by the clock alone market() returns another one (a price is older than its max_age, an announced change takes effect), or the rule publish_for ends it; infinity: neither';

COMMENT ON COLUMN house.published_market.market IS 'market() at that instant';

COMMENT ON COLUMN house.published_market.release_ratios IS 'release_ratios() of the venue';

COMMENT ON COLUMN house.published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';

COMMENT ON COLUMN house.published_market.scenarios IS 'scenarios() of the venue';

COMMENT ON COLUMN house.published_market.repayment_rules IS 'repayment_rules() of the venue';

COMMENT ON COLUMN house.published_market.only_row IS 'true';

COMMENT ON CONSTRAINT published_market_one_row ON house.published_market IS 'there is one present market';

CREATE TABLE house.published_market_history (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[] NOT NULL,
    pausing_prices jsonb,
    scenarios margin.price_move[] NOT NULL,
    repayment_rules margin.repayment_rule[] NOT NULL
);

ALTER TABLE house.published_market_history OWNER TO keeper;

COMMENT ON TABLE house.published_market_history IS 'every market that was published while margin.enable_publishing(history => true) held, as far back as price_retention keeps them';

COMMENT ON COLUMN house.published_market_history.id IS 'as in published_market';

COMMENT ON COLUMN house.published_market_history.at IS 'as in published_market';

COMMENT ON COLUMN house.published_market_history.valid_until IS 'as it was when it was published; the next one may have come before';

COMMENT ON COLUMN house.published_market_history.market IS 'as in published_market';

COMMENT ON COLUMN house.published_market_history.release_ratios IS 'as in published_market';

COMMENT ON COLUMN house.published_market_history.pausing_prices IS 'as in published_market';

COMMENT ON COLUMN house.published_market_history.scenarios IS 'as in published_market';

COMMENT ON COLUMN house.published_market_history.repayment_rules IS 'as in published_market';

ALTER TABLE house.published_market ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.published_market_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.reference_price (
    kind text NOT NULL,
    symbol text NOT NULL,
    source text NOT NULL,
    price numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT reference_price_kind_known CHECK ((kind = ANY (ARRAY['asset'::text, 'contract'::text]))),
    CONSTRAINT reference_price_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT reference_price_updated_at_finite CHECK (isfinite(updated_at))
);

ALTER TABLE house.reference_price OWNER TO keeper;

COMMENT ON TABLE house.reference_price IS 'what other sources say of prices, for price_check.max_deviation; nothing is valued by them. Other feeds write here';

COMMENT ON COLUMN house.reference_price.kind IS 'asset (its index price) or contract (its mark price)';

COMMENT ON COLUMN house.reference_price.symbol IS 'the asset or contract';

COMMENT ON COLUMN house.reference_price.source IS 'who says so';

COMMENT ON COLUMN house.reference_price.price IS 'in the unit of the price; above 0';

COMMENT ON COLUMN house.reference_price.updated_at IS 'when it was observed; price_check.reference_age counts from here';

COMMENT ON CONSTRAINT reference_price_kind_known ON house.reference_price IS 'asset or contract';

COMMENT ON CONSTRAINT reference_price_price_positive ON house.reference_price IS 'no opinion is a missing row, not 0';

COMMENT ON CONSTRAINT reference_price_updated_at_finite ON house.reference_price IS 'an infinite time has no age';

CREATE TABLE house.repayment_entry (
    account_id bigint NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    house_account_id bigint NOT NULL,
    forced boolean NOT NULL,
    step integer NOT NULL,
    outcome margin.repayment_outcome,
    debt_asset text,
    funding_asset text,
    paid numeric,
    repaid numeric,
    debt_price numeric,
    funding_price numeric,
    conversion_discount numeric,
    paid_value numeric,
    repaid_value numeric,
    remaining_debt numeric,
    remaining_due numeric,
    level margin.level
);

ALTER TABLE house.repayment_entry OWNER TO keeper;

COMMENT ON TABLE house.repayment_entry IS 'journal of repay(): one row per conversion, which moved paid from the account to the house account and repaid back';

COMMENT ON COLUMN house.repayment_entry.account_id IS 'the account whose debt was repaid';

COMMENT ON COLUMN house.repayment_entry.booked_at IS 'when repay() had read the account, by the clock; the conversions of one call share it';

COMMENT ON COLUMN house.repayment_entry.booked_by IS 'who called repay()';

COMMENT ON COLUMN house.repayment_entry.house_account_id IS 'the account that took the other side';

COMMENT ON COLUMN house.repayment_entry.forced IS 'whether conversions that worsen the level were allowed';

COMMENT ON COLUMN house.repayment_entry.step IS 'number of the row, from 1';

COMMENT ON COLUMN house.repayment_entry.outcome IS 'converted, skipped (it would worsen the level), unpaid (what remains due of a debt) or unpriced';

COMMENT ON COLUMN house.repayment_entry.debt_asset IS 'asset of negative equity';

COMMENT ON COLUMN house.repayment_entry.funding_asset IS 'asset that is converted into it';

COMMENT ON COLUMN house.repayment_entry.paid IS 'units of the funding asset given, rounded up at the 18th decimal; all there is, exactly, if that is not enough';

COMMENT ON COLUMN house.repayment_entry.repaid IS 'units of the debt repaid: what is due, exactly; or what all of the funding asset brings, rounded down at the 18th decimal';

COMMENT ON COLUMN house.repayment_entry.debt_price IS 'index price of the debt, USD per unit, whatever its bounds low and high';

COMMENT ON COLUMN house.repayment_entry.funding_price IS 'index price of the funding asset, USD per unit, whatever its bounds low and high';

COMMENT ON COLUMN house.repayment_entry.conversion_discount IS 'part of its index price at which the funding asset is converted';

COMMENT ON COLUMN house.repayment_entry.paid_value IS 'paid * funding_price, USD';

COMMENT ON COLUMN house.repayment_entry.repaid_value IS 'repaid * debt_price, USD';

COMMENT ON COLUMN house.repayment_entry.remaining_debt IS 'what the account owes after the row, units of the debt, >= 0';

COMMENT ON COLUMN house.repayment_entry.remaining_due IS 'what of that is still due, units of the debt, >= 0';

COMMENT ON COLUMN house.repayment_entry.level IS 'of the account after the row; of a skipped conversion the level it would have had';

CREATE VIEW house.report_concentration WITH (security_invoker='true') AS
 SELECT report_concentration.asset,
    report_concentration.accounts,
    report_concentration.unvalued,
    report_concentration.asset_equity,
    report_concentration.price,
    report_concentration.net_asset_value,
    report_concentration.collateral_value,
    report_concentration.share,
    report_concentration.largest,
    report_concentration.haircut,
    report_concentration.lost_to_tiers
   FROM house.report_concentration() report_concentration(asset, accounts, unvalued, asset_equity, price, net_asset_value, collateral_value, share, largest, haircut, lost_to_tiers);

ALTER TABLE house.report_concentration OWNER TO keeper;

COMMENT ON VIEW house.report_concentration IS 'the collateral of all accounts, asset by asset, now';

COMMENT ON COLUMN house.report_concentration.asset IS 'an asset that accounts have a positive equity in';

COMMENT ON COLUMN house.report_concentration.accounts IS 'how many accounts';

COMMENT ON COLUMN house.report_concentration.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';

COMMENT ON COLUMN house.report_concentration.asset_equity IS 'sum of what they have of it, units of the asset; also of those unvalued, where known';

COMMENT ON COLUMN house.report_concentration.price IS 'index price, USD per unit; null: none';

COMMENT ON COLUMN house.report_concentration.net_asset_value IS 'at index price, USD';

COMMENT ON COLUMN house.report_concentration.collateral_value IS 'at its collateral ratios, USD';

COMMENT ON COLUMN house.report_concentration.share IS 'of the collateral value of all assets, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN house.report_concentration.largest IS 'collateral value of the account that has most, USD';

COMMENT ON COLUMN house.report_concentration.haircut IS 'net_asset_value - collateral_value, USD';

COMMENT ON COLUMN house.report_concentration.lost_to_tiers IS 'the part of the haircut that is due to tiers above the first: what would count more if the first ratio held for any amount, USD';

CREATE VIEW house.report_exposure WITH (security_invoker='true') AS
 SELECT report_exposure.contract,
    report_exposure.settle,
    report_exposure.accounts,
    report_exposure.mark,
    report_exposure.long,
    report_exposure.short,
    report_exposure.net,
    report_exposure.open_interest,
    report_exposure.long_notional,
    report_exposure.short_notional,
    report_exposure.pnl_usd,
    report_exposure.maintenance_margin,
    report_exposure.initial_margin,
    report_exposure.order_margin
   FROM house.report_exposure() report_exposure(contract, settle, accounts, mark, long, short, net, open_interest, long_notional, short_notional, pnl_usd, maintenance_margin, initial_margin, order_margin);

ALTER TABLE house.report_exposure OWNER TO keeper;

COMMENT ON VIEW house.report_exposure IS 'the positions of all accounts, contract by contract, now';

COMMENT ON COLUMN house.report_exposure.contract IS 'the contract';

COMMENT ON COLUMN house.report_exposure.settle IS 'asset in which it settles; null where the contract is unknown';

COMMENT ON COLUMN house.report_exposure.accounts IS 'how many accounts have a position in it';

COMMENT ON COLUMN house.report_exposure.mark IS 'settlement asset per unit of the underlying; null: none';

COMMENT ON COLUMN house.report_exposure.long IS 'contracts held long, of all accounts';

COMMENT ON COLUMN house.report_exposure.short IS 'contracts held short, of all accounts, >= 0';

COMMENT ON COLUMN house.report_exposure.net IS 'long - short, contracts';

COMMENT ON COLUMN house.report_exposure.open_interest IS 'the larger of long and short, contracts; where every counterparty is in the book, both are the same';

COMMENT ON COLUMN house.report_exposure.long_notional IS 'of the long side at mark, settlement asset';

COMMENT ON COLUMN house.report_exposure.short_notional IS 'of the short side at mark, settlement asset';

COMMENT ON COLUMN house.report_exposure.pnl_usd IS 'profit and loss at mark and index price of the settlement asset, USD';

COMMENT ON COLUMN house.report_exposure.maintenance_margin IS 'what the positions require to be kept, USD';

COMMENT ON COLUMN house.report_exposure.initial_margin IS 'what the positions require to be opened, USD, without orders';

COMMENT ON COLUMN house.report_exposure.order_margin IS 'what open orders require on top of that, USD';

CREATE VIEW house.report_impact WITH (security_invoker='true') AS
 SELECT report_impact.account_id,
    report_impact.level_before,
    report_impact.level_after,
    report_impact.equity_before,
    report_impact.equity_after,
    report_impact.equity_change,
    report_impact.maintenance_margin_before,
    report_impact.maintenance_margin_after,
    report_impact.maintenance_margin_change,
    report_impact.available_margin_before,
    report_impact.available_margin_after,
    report_impact.available_margin_change,
    report_impact.missing_after
   FROM house.report_impact() report_impact(account_id, level_before, level_after, equity_before, equity_after, equity_change, maintenance_margin_before, maintenance_margin_after, maintenance_margin_change, available_margin_before, available_margin_after, available_margin_change, missing_after);

ALTER TABLE house.report_impact OWNER TO keeper;

COMMENT ON VIEW house.report_impact IS 'what the next planned change of parameters will do to accounts, at present holdings and prices';

COMMENT ON COLUMN house.report_impact.account_id IS 'the account';

COMMENT ON COLUMN house.report_impact.level_before IS 'its level now';

COMMENT ON COLUMN house.report_impact.level_after IS 'its level with the parameters then';

COMMENT ON COLUMN house.report_impact.equity_before IS 'USD, now';

COMMENT ON COLUMN house.report_impact.equity_after IS 'USD, with the parameters then';

COMMENT ON COLUMN house.report_impact.equity_change IS 'the difference, USD';

COMMENT ON COLUMN house.report_impact.maintenance_margin_before IS 'USD, now';

COMMENT ON COLUMN house.report_impact.maintenance_margin_after IS 'USD, with the parameters then';

COMMENT ON COLUMN house.report_impact.maintenance_margin_change IS 'the difference, USD';

COMMENT ON COLUMN house.report_impact.available_margin_before IS 'USD, now';

COMMENT ON COLUMN house.report_impact.available_margin_after IS 'USD, with the parameters then';

COMMENT ON COLUMN house.report_impact.available_margin_change IS 'the difference, USD';

COMMENT ON COLUMN house.report_impact.missing_after IS 'symbols that will lack a parameter';

CREATE VIEW house.report_levels WITH (security_invoker='true') AS
 SELECT report_levels.level,
    report_levels.accounts,
    report_levels.equity,
    report_levels.collateral_value,
    report_levels.liabilities,
    report_levels.net_asset_value,
    report_levels.haircut,
    report_levels.unrealized_pnl,
    report_levels.initial_margin,
    report_levels.maintenance_margin,
    report_levels.shortfall,
    report_levels.loss,
    report_levels.initial_equity,
    report_levels.order_margin,
    report_levels.order_loss
   FROM house.report_levels() report_levels(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss);

ALTER TABLE house.report_levels OWNER TO keeper;

COMMENT ON VIEW house.report_levels IS 'how many accounts are at each level now, and their totals; amounts are null where there are accounts whose amounts are not known';

COMMENT ON COLUMN house.report_levels.level IS 'the level';

COMMENT ON COLUMN house.report_levels.accounts IS 'how many accounts are at it';

COMMENT ON COLUMN house.report_levels.equity IS 'sum of equity, USD';

COMMENT ON COLUMN house.report_levels.collateral_value IS 'sum of collateral_value, USD';

COMMENT ON COLUMN house.report_levels.liabilities IS 'sum of liabilities, USD';

COMMENT ON COLUMN house.report_levels.net_asset_value IS 'sum of net_asset_value, USD';

COMMENT ON COLUMN house.report_levels.haircut IS 'sum of haircut, USD';

COMMENT ON COLUMN house.report_levels.unrealized_pnl IS 'sum of unrealized_pnl, USD';

COMMENT ON COLUMN house.report_levels.initial_margin IS 'sum of initial_margin, USD';

COMMENT ON COLUMN house.report_levels.maintenance_margin IS 'sum of maintenance_margin, USD';

COMMENT ON COLUMN house.report_levels.shortfall IS 'sum of shortfall, USD';

COMMENT ON COLUMN house.report_levels.loss IS 'what the liabilities of the bankrupt exceed their collateral by, USD, >= 0';

COMMENT ON COLUMN house.report_levels.initial_equity IS 'sum of initial_equity, USD';

COMMENT ON COLUMN house.report_levels.order_margin IS 'sum of order_margin, USD: the part of initial_margin that is for open orders';

COMMENT ON COLUMN house.report_levels.order_loss IS 'sum of order_loss, USD';

CREATE VIEW house.report_liquidations WITH (security_invoker='true') AS
 SELECT report_liquidations.asset,
    report_liquidations.move,
    report_liquidations.price,
    report_liquidations.accounts,
    report_liquidations.undercollateralized,
    report_liquidations.bankrupt,
    report_liquidations.unpriced,
    report_liquidations.notional,
    report_liquidations.notional_usd,
    report_liquidations.long_usd,
    report_liquidations.shortfall,
    report_liquidations.loss
   FROM house.report_liquidations() report_liquidations(asset, move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss);

ALTER TABLE house.report_liquidations OWNER TO keeper;

COMMENT ON VIEW house.report_liquidations IS 'what moves of the prices that matter most would make of all accounts now';

COMMENT ON COLUMN house.report_liquidations.asset IS 'the asset whose price moves';

COMMENT ON COLUMN house.report_liquidations.move IS 'change in proportion to its present price: -0.2 is a fall of 20 %';

COMMENT ON COLUMN house.report_liquidations.price IS 'its index price then, USD';

COMMENT ON COLUMN house.report_liquidations.accounts IS 'how many accounts';

COMMENT ON COLUMN house.report_liquidations.undercollateralized IS 'how many of them would be at liquidation or bankrupt';

COMMENT ON COLUMN house.report_liquidations.bankrupt IS 'how many of these bankrupt';

COMMENT ON COLUMN house.report_liquidations.unpriced IS 'how many cannot be valued, and so are in none of the sums';

COMMENT ON COLUMN house.report_liquidations.notional IS 'positions of the undercollateralized by contract, both sides together, USD';

COMMENT ON COLUMN house.report_liquidations.notional_usd IS 'sum of notional over all contracts, USD';

COMMENT ON COLUMN house.report_liquidations.long_usd IS 'the part of notional_usd that is long';

COMMENT ON COLUMN house.report_liquidations.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';

COMMENT ON COLUMN house.report_liquidations.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE VIEW house.report_losses WITH (security_invoker='true') AS
 SELECT report_losses.account_id,
    report_losses.loss,
    report_losses.share,
    report_losses.collateral_value,
    report_losses.liabilities,
    report_losses.net_asset_value
   FROM house.report_losses() report_losses(account_id, loss, share, collateral_value, liabilities, net_asset_value);

ALTER TABLE house.report_losses OWNER TO keeper;

COMMENT ON VIEW house.report_losses IS 'the 20 accounts whose liabilities exceed their collateral by most now';

COMMENT ON COLUMN house.report_losses.account_id IS 'the account';

COMMENT ON COLUMN house.report_losses.loss IS 'liabilities - collateral_value, USD';

COMMENT ON COLUMN house.report_losses.share IS 'of the loss of all accounts, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN house.report_losses.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN house.report_losses.liabilities IS 'negative asset equities at their liability weights, USD';

COMMENT ON COLUMN house.report_losses.net_asset_value IS 'asset equities at index price; where it is not below 0, assets that do not count would cover the loss';

CREATE VIEW house.report_movers WITH (security_invoker='true') AS
 SELECT report_movers.account_id,
    report_movers.level_before,
    report_movers.level_by_holdings,
    report_movers.level_by_prices,
    report_movers.level_after,
    report_movers.equity_before,
    report_movers.equity_by_holdings,
    report_movers.equity_by_prices,
    report_movers.equity_by_parameters,
    report_movers.equity_after,
    report_movers.margin_before,
    report_movers.margin_by_holdings,
    report_movers.margin_by_prices,
    report_movers.margin_by_parameters,
    report_movers.margin_after
   FROM house.report_movers(now()) report_movers(account_id, level_before, level_by_holdings, level_by_prices, level_after, equity_before, equity_by_holdings, equity_by_prices, equity_by_parameters, equity_after, margin_before, margin_by_holdings, margin_by_prices, margin_by_parameters, margin_after);

ALTER TABLE house.report_movers OWNER TO keeper;

COMMENT ON VIEW house.report_movers IS 'the accounts that changed level since the latest snapshot, and what moved them; an error if there is no snapshot';

COMMENT ON COLUMN house.report_movers.account_id IS 'the account';

COMMENT ON COLUMN house.report_movers.level_before IS 'its level at the earlier time';

COMMENT ON COLUMN house.report_movers.level_by_holdings IS 'what the later holdings would have made of it';

COMMENT ON COLUMN house.report_movers.level_by_prices IS 'what the later holdings at the later prices would have made of it';

COMMENT ON COLUMN house.report_movers.level_after IS 'its level at the later time';

COMMENT ON COLUMN house.report_movers.equity_before IS 'USD, at the earlier time';

COMMENT ON COLUMN house.report_movers.equity_by_holdings IS 'what changed holdings added, USD';

COMMENT ON COLUMN house.report_movers.equity_by_prices IS 'what changed prices then added, USD';

COMMENT ON COLUMN house.report_movers.equity_by_parameters IS 'what changed parameters then added, USD';

COMMENT ON COLUMN house.report_movers.equity_after IS 'USD, at the later time';

COMMENT ON COLUMN house.report_movers.margin_before IS 'maintenance margin in USD, at the earlier time';

COMMENT ON COLUMN house.report_movers.margin_by_holdings IS 'what changed holdings added, USD';

COMMENT ON COLUMN house.report_movers.margin_by_prices IS 'what changed prices then added, USD';

COMMENT ON COLUMN house.report_movers.margin_by_parameters IS 'what changed parameters then added, USD';

COMMENT ON COLUMN house.report_movers.margin_after IS 'maintenance margin in USD, at the later time';

CREATE TABLE house.report_run (
    id bigint NOT NULL,
    started_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    status margin.run_status DEFAULT 'running'::margin.run_status NOT NULL,
    step text,
    level_changes integer,
    taken_at timestamp with time zone,
    days_dropped integer,
    prices_pruned bigint,
    sqlstate text,
    error text,
    run_by name DEFAULT CURRENT_USER NOT NULL,
    pid integer DEFAULT pg_backend_pid() NOT NULL
);

ALTER TABLE house.report_run OWNER TO keeper;

COMMENT ON TABLE house.report_run IS 'every call of margin.run_reports() for this book, written as it goes; rows may be deleted when they are no longer of use';

COMMENT ON COLUMN house.report_run.id IS 'in the order of the calls';

COMMENT ON COLUMN house.report_run.started_at IS 'when it was called';

COMMENT ON COLUMN house.report_run.finished_at IS 'when it ended; null: it has not, or its session was killed and nobody has run reports since';

COMMENT ON COLUMN house.report_run.status IS 'running, done, failed, or skipped because the one before was still running';

COMMENT ON COLUMN house.report_run.step IS 'the step it is at, or failed in: partitions, levels, snapshot, retention';

COMMENT ON COLUMN house.report_run.level_changes IS 'how many accounts changed level';

COMMENT ON COLUMN house.report_run.taken_at IS 'the snapshot it took';

COMMENT ON COLUMN house.report_run.days_dropped IS 'how many UTC days of snapshots were too old';

COMMENT ON COLUMN house.report_run.prices_pruned IS 'how many rows of price history were too old; null: not its business, as the venue belongs to another role';

COMMENT ON COLUMN house.report_run.sqlstate IS 'of the error it failed with';

COMMENT ON COLUMN house.report_run.error IS 'the error it failed with';

COMMENT ON COLUMN house.report_run.run_by IS 'the role that called it';

COMMENT ON COLUMN house.report_run.pid IS 'the process it runs in; margin.progress tells how far that is';

ALTER TABLE house.report_run ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.report_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

COMMENT ON SEQUENCE house.report_run_id_seq IS 'numbers of report_run';

CREATE VIEW house.report_shortfalls WITH (security_invoker='true') AS
 SELECT report_shortfalls.account_id,
    report_shortfalls.level,
    report_shortfalls.shortfall,
    report_shortfalls.share,
    report_shortfalls.equity,
    report_shortfalls.maintenance_margin,
    report_shortfalls.margin_ratio
   FROM house.report_shortfalls() report_shortfalls(account_id, level, shortfall, share, equity, maintenance_margin, margin_ratio);

ALTER TABLE house.report_shortfalls OWNER TO keeper;

COMMENT ON VIEW house.report_shortfalls IS 'the 20 accounts that lack most to their maintenance margin now';

COMMENT ON COLUMN house.report_shortfalls.account_id IS 'the account';

COMMENT ON COLUMN house.report_shortfalls.level IS 'its level';

COMMENT ON COLUMN house.report_shortfalls.shortfall IS 'maintenance_margin - equity, USD';

COMMENT ON COLUMN house.report_shortfalls.share IS 'of the shortfall of all accounts, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN house.report_shortfalls.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.report_shortfalls.maintenance_margin IS 'what its positions and debts require to be kept, USD';

COMMENT ON COLUMN house.report_shortfalls.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';

CREATE VIEW house.report_stress WITH (security_invoker='true') AS
 SELECT report_stress.scenario,
    report_stress.accounts,
    report_stress.warning,
    report_stress.margin_call,
    report_stress.liquidation,
    report_stress.bankrupt,
    report_stress.unpriced,
    report_stress.equity,
    report_stress.maintenance_margin,
    report_stress.loss
   FROM house.report_stress() report_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss);

ALTER TABLE house.report_stress OWNER TO keeper;

COMMENT ON VIEW house.report_stress IS 'what the scenarios of the venue would make of all accounts now';

COMMENT ON COLUMN house.report_stress.scenario IS 'name of the scenario';

COMMENT ON COLUMN house.report_stress.accounts IS 'how many accounts';

COMMENT ON COLUMN house.report_stress.warning IS 'how many of them would be at warning';

COMMENT ON COLUMN house.report_stress.margin_call IS 'how many at margin_call';

COMMENT ON COLUMN house.report_stress.liquidation IS 'how many at liquidation';

COMMENT ON COLUMN house.report_stress.bankrupt IS 'how many bankrupt';

COMMENT ON COLUMN house.report_stress.unpriced IS 'how many unpriced, and so in none of the totals';

COMMENT ON COLUMN house.report_stress.equity IS 'sum of equity, USD';

COMMENT ON COLUMN house.report_stress.maintenance_margin IS 'sum of what positions and debts require to be kept, USD';

COMMENT ON COLUMN house.report_stress.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE VIEW house.report_unpriced WITH (security_invoker='true') AS
 SELECT report_unpriced.account_id,
    report_unpriced.missing
   FROM house.report_unpriced() report_unpriced(account_id, missing);

ALTER TABLE house.report_unpriced OWNER TO keeper;

COMMENT ON VIEW house.report_unpriced IS 'the accounts that cannot be valued now, and what they lack';

COMMENT ON COLUMN house.report_unpriced.account_id IS 'the account';

COMMENT ON COLUMN house.report_unpriced.missing IS 'symbols that lack a price or parameter, in byte order';

CREATE TABLE house.scenario (
    id bigint NOT NULL,
    scenario text NOT NULL,
    asset text,
    contract text,
    relative numeric,
    price numeric,
    CONSTRAINT scenario_all_relative CHECK (((price IS NULL) OR (asset IS NOT NULL) OR (contract IS NOT NULL))),
    CONSTRAINT scenario_one_move CHECK (((relative IS NULL) <> (price IS NULL))),
    CONSTRAINT scenario_one_target CHECK (((asset IS NULL) OR (contract IS NULL))),
    CONSTRAINT scenario_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT scenario_relative_range CHECK ((margin.is_amount(relative) AND (relative > ('-1'::integer)::numeric))),
    CONSTRAINT scenario_scenario_length CHECK (((octet_length(scenario) >= 1) AND (octet_length(scenario) <= 255)))
);

ALTER TABLE house.scenario OWNER TO keeper;

COMMENT ON TABLE house.scenario IS 'price scenarios for shock() and stress(): rows that share a name are one scenario, one row per move';

COMMENT ON COLUMN house.scenario.id IS 'tells rows apart; means nothing else';

COMMENT ON COLUMN house.scenario.scenario IS 'name of the scenario, 1 to 255 bytes';

COMMENT ON COLUMN house.scenario.asset IS 'asset whose index price moves; where contract is NULL too, all assets that have no row of their own';

COMMENT ON COLUMN house.scenario.contract IS 'contract whose mark price moves, instead of following the prices of its assets';

COMMENT ON COLUMN house.scenario.relative IS 'change in proportion to the present price, above -1: -0.2 is a fall of 20 %; 0 holds a price where all others move';

COMMENT ON COLUMN house.scenario.price IS 'the new price itself, above 0, instead: USD per unit of the asset, or settlement asset per unit of the underlying';

COMMENT ON CONSTRAINT scenario_all_relative ON house.scenario IS 'one price cannot be that of all assets';

COMMENT ON CONSTRAINT scenario_one_move ON house.scenario IS 'a move is relative or a price';

COMMENT ON CONSTRAINT scenario_one_target ON house.scenario IS 'assets and contracts are separate namespaces; a row moves one of either';

COMMENT ON CONSTRAINT scenario_price_positive ON house.scenario IS 'a price stays above 0';

COMMENT ON CONSTRAINT scenario_relative_range ON house.scenario IS 'a price stays above 0';

COMMENT ON CONSTRAINT scenario_scenario_length ON house.scenario IS 'a name has 1 to 255 bytes';

ALTER TABLE house.scenario ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME house.scenario_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE house.seen (
    what text,
    n bigint
);

ALTER TABLE house.seen OWNER TO keeper;

CREATE TABLE house.snapshot_20261130 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261130 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261130 IS 'partition of snapshot for 2026-11-30 UTC';

COMMENT ON COLUMN house.snapshot_20261130.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261130.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261130.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261130.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261130.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261130.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261130.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261201 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261201 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261201 IS 'partition of snapshot for 2026-12-01 UTC';

COMMENT ON COLUMN house.snapshot_20261201.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261201.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261201.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261201.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261201.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261201.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261201.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261202 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261202 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261202 IS 'partition of snapshot for 2026-12-02 UTC';

COMMENT ON COLUMN house.snapshot_20261202.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261202.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261202.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261202.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261202.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261202.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261202.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261203 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261203 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261203 IS 'partition of snapshot for 2026-12-03 UTC';

COMMENT ON COLUMN house.snapshot_20261203.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261203.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261203.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261203.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261203.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261203.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261203.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261204 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261204 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261204 IS 'partition of snapshot for 2026-12-04 UTC';

COMMENT ON COLUMN house.snapshot_20261204.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261204.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261204.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261204.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261204.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261204.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261204.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261205 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261205 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261205 IS 'partition of snapshot for 2026-12-05 UTC';

COMMENT ON COLUMN house.snapshot_20261205.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261205.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261205.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261205.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261205.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261205.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261205.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261206 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261206 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261206 IS 'partition of snapshot for 2026-12-06 UTC';

COMMENT ON COLUMN house.snapshot_20261206.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261206.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261206.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261206.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261206.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261206.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261206.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_20261207 (
    taken_at timestamp with time zone NOT NULL,
    form margin.snapshot_form NOT NULL,
    base timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    accounts bigint NOT NULL,
    levels margin.level_total[] NOT NULL,
    market_id bigint
);

ALTER TABLE house.snapshot_20261207 OWNER TO keeper;

COMMENT ON TABLE house.snapshot_20261207 IS 'partition of snapshot for 2026-12-07 UTC';

COMMENT ON COLUMN house.snapshot_20261207.taken_at IS 'when it was taken, and its name';

COMMENT ON COLUMN house.snapshot_20261207.form IS 'what was stored of the accounts';

COMMENT ON COLUMN house.snapshot_20261207.base IS 'of form changes: the snapshot of the same UTC day that its changes go back to, through those between that have the same base; else taken_at';

COMMENT ON COLUMN house.snapshot_20261207.market IS 'the market the accounts were valued in';

COMMENT ON COLUMN house.snapshot_20261207.accounts IS 'how many accounts there were';

COMMENT ON COLUMN house.snapshot_20261207.levels IS 'the accounts by level and their totals, one element for each level in order';

COMMENT ON COLUMN house.snapshot_20261207.market_id IS 'the id under which that market is published; null: it is not';

CREATE TABLE house.snapshot_retention (
    keep interval NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT snapshot_retention_keep_range CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT snapshot_retention_one_row CHECK (only_row)
);

ALTER TABLE house.snapshot_retention OWNER TO keeper;

COMMENT ON TABLE house.snapshot_retention IS 'how long snapshots are kept, in at most one row; none: for ever';

COMMENT ON COLUMN house.snapshot_retention.keep IS 'days that ended longer ago are dropped by margin.prune_snapshots()';

COMMENT ON COLUMN house.snapshot_retention.only_row IS 'true';

COMMENT ON CONSTRAINT snapshot_retention_keep_range ON house.snapshot_retention IS 'what is yet to come is not pruned';

COMMENT ON CONSTRAINT snapshot_retention_one_row ON house.snapshot_retention IS 'one setting for all';

CREATE VIEW house.stale_price WITH (security_invoker='true') AS
 SELECT 'asset'::text AS kind,
    t.asset AS symbol,
    p.updated_at,
    t.max_age
   FROM (( SELECT a.asset,
                CASE
                    WHEN (ch.asset IS NULL) THEN a.max_age
                    ELSE ch.max_age
                END AS max_age
           FROM (house.asset a
             LEFT JOIN LATERAL ( SELECT c.asset,
                    c.max_age
                   FROM house.asset_change c
                  WHERE ((c.asset = a.asset) AND (c.valid_from <= now()))
                  ORDER BY c.valid_from DESC
                 LIMIT 1) ch ON (true))) t
     JOIN house.index_price p ON ((p.asset = t.asset)))
  WHERE ((now() - p.updated_at) > t.max_age)
UNION ALL
 SELECT 'contract'::text AS kind,
    t.contract AS symbol,
    p.updated_at,
    t.max_age
   FROM (( SELECT a.contract,
                CASE
                    WHEN (ch.contract IS NULL) THEN a.max_age
                    ELSE ch.max_age
                END AS max_age
           FROM (house.contract a
             LEFT JOIN LATERAL ( SELECT c.contract,
                    c.max_age
                   FROM house.contract_change c
                  WHERE ((c.contract = a.contract) AND (c.valid_from <= now()))
                  ORDER BY c.valid_from DESC
                 LIMIT 1) ch ON (true))) t
     JOIN house.mark_price p ON ((p.contract = t.contract)))
  WHERE ((now() - p.updated_at) > t.max_age);

ALTER TABLE house.stale_price OWNER TO keeper;

COMMENT ON VIEW house.stale_price IS 'prices that do not count, because they are older than their max_age now; what has no price at all is not among them';

COMMENT ON COLUMN house.stale_price.kind IS 'asset (an index price) or contract (a mark price)';

COMMENT ON COLUMN house.stale_price.symbol IS 'the asset or contract';

COMMENT ON COLUMN house.stale_price.updated_at IS 'when it was observed';

COMMENT ON COLUMN house.stale_price.max_age IS 'as the parameters valid now have it';

CREATE VIEW house.undercollateralized WITH (security_invoker='true') AS
 SELECT account_margin.account_id,
    account_margin.equity,
    account_margin.collateral_value,
    account_margin.liabilities,
    account_margin.net_asset_value,
    account_margin.haircut,
    account_margin.unrealized_pnl,
    account_margin.initial_margin,
    account_margin.maintenance_margin,
    account_margin.available_margin,
    account_margin.shortfall,
    account_margin.margin_ratio,
    account_margin.level,
    account_margin.missing,
    account_margin.initial_equity,
    account_margin.order_margin,
    account_margin.order_loss
   FROM house.account_margin
  WHERE (account_margin.level = ANY (ARRAY['liquidation'::margin.level, 'bankrupt'::margin.level]));

ALTER TABLE house.undercollateralized OWNER TO keeper;

COMMENT ON VIEW house.undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in the view unpriced';

COMMENT ON COLUMN house.undercollateralized.account_id IS 'the account';

COMMENT ON COLUMN house.undercollateralized.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.undercollateralized.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN house.undercollateralized.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN house.undercollateralized.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN house.undercollateralized.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN house.undercollateralized.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN house.undercollateralized.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN house.undercollateralized.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN house.undercollateralized.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN house.undercollateralized.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN house.undercollateralized.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN house.undercollateralized.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN house.undercollateralized.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN house.undercollateralized.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN house.undercollateralized.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN house.undercollateralized.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE VIEW house.unpriced WITH (security_invoker='true') AS
 SELECT account_margin.account_id,
    account_margin.equity,
    account_margin.collateral_value,
    account_margin.liabilities,
    account_margin.net_asset_value,
    account_margin.haircut,
    account_margin.unrealized_pnl,
    account_margin.initial_margin,
    account_margin.maintenance_margin,
    account_margin.available_margin,
    account_margin.shortfall,
    account_margin.margin_ratio,
    account_margin.level,
    account_margin.missing,
    account_margin.initial_equity,
    account_margin.order_margin,
    account_margin.order_loss
   FROM house.account_margin
  WHERE ((account_margin.level = 'unpriced'::margin.level) AND (account_margin.account_id < 1000));

ALTER TABLE house.unpriced OWNER TO keeper;

COMMENT ON VIEW house.unpriced IS 'accounts that cannot be valued, and what they lack';

COMMENT ON COLUMN house.unpriced.account_id IS 'the account';

COMMENT ON COLUMN house.unpriced.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN house.unpriced.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN house.unpriced.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN house.unpriced.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN house.unpriced.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN house.unpriced.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN house.unpriced.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN house.unpriced.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN house.unpriced.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN house.unpriced.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN house.unpriced.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN house.unpriced.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN house.unpriced.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN house.unpriced.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN house.unpriced.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN house.unpriced.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE TABLE lone.admitted_owner (
    owner name NOT NULL
);

ALTER TABLE lone.admitted_owner OWNER TO keeper;

COMMENT ON TABLE lone.admitted_owner IS 'roles whose books margin.set_prices(..., refresh => true) refreshes, beside those that have the rights of the venue''s owner; code in their books then runs as whoever sets prices';

COMMENT ON COLUMN lone.admitted_owner.owner IS 'the owner of a book';

CREATE TABLE lone.contract (
    contract text NOT NULL,
    settle text NOT NULL,
    base text,
    contract_size numeric NOT NULL,
    netting text DEFAULT 'leg'::text NOT NULL,
    closing_fee numeric DEFAULT 0 NOT NULL,
    maintenance_method text DEFAULT 'marginal'::text NOT NULL,
    initial_method text DEFAULT 'whole'::text NOT NULL,
    max_age interval,
    source text,
    opening_fee numeric DEFAULT 0 NOT NULL,
    tier_unit text DEFAULT 'notional'::text NOT NULL,
    order_maintenance boolean DEFAULT false NOT NULL,
    payoff text DEFAULT 'linear'::text NOT NULL,
    CONSTRAINT contract_closing_fee_range CHECK ((margin.is_amount(closing_fee) AND (closing_fee >= (0)::numeric))),
    CONSTRAINT contract_contract_length CHECK (((octet_length(contract) >= 1) AND (octet_length(contract) <= 255))),
    CONSTRAINT contract_contract_size_positive CHECK ((margin.is_amount(contract_size) AND (contract_size > (0)::numeric))),
    CONSTRAINT contract_initial_method_known CHECK ((initial_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_maintenance_method_known CHECK ((maintenance_method = ANY (ARRAY['marginal'::text, 'whole'::text]))),
    CONSTRAINT contract_max_age_positive CHECK ((max_age > '00:00:00'::interval)),
    CONSTRAINT contract_netting_known CHECK ((netting = ANY (ARRAY['leg'::text, 'larger'::text, 'net'::text]))),
    CONSTRAINT contract_opening_fee_range CHECK ((margin.is_amount(opening_fee) AND (opening_fee >= (0)::numeric))),
    CONSTRAINT contract_payoff_linear CHECK ((payoff = 'linear'::text)),
    CONSTRAINT contract_tier_unit_known CHECK ((tier_unit = ANY (ARRAY['notional'::text, 'contracts'::text])))
);

ALTER TABLE lone.contract OWNER TO keeper;

COMMENT ON TABLE lone.contract IS 'contracts: what positions can be held in';

COMMENT ON COLUMN lone.contract.contract IS 'symbol, 1 to 255 bytes; assets and contracts are separate namespaces';

COMMENT ON COLUMN lone.contract.settle IS 'settlement asset: mark price, notional, profit and margin of the contract are counted in it';

COMMENT ON COLUMN lone.contract.base IS 'underlying asset, for linked price shocks; never enters a valuation; may be absent';

COMMENT ON COLUMN lone.contract.contract_size IS 'units of the underlying in one contract; above 0';

COMMENT ON COLUMN lone.contract.netting IS 'what margin is taken on: leg (each side by itself), larger (the larger side), net (the difference)';

COMMENT ON COLUMN lone.contract.closing_fee IS 'rate added to maintenance on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN lone.contract.maintenance_method IS 'how its maintenance rates apply: marginal (each to the part inside its tier) or whole (the tier reached, to all)';

COMMENT ON COLUMN lone.contract.initial_method IS 'how its initial rates apply: marginal or whole';

COMMENT ON COLUMN lone.contract.max_age IS 'a mark price older than this counts as absent; NULL: prices do not expire';

COMMENT ON COLUMN lone.contract.source IS 'where these parameters come from, in words';

COMMENT ON COLUMN lone.contract.opening_fee IS 'rate added to the initial requirement on the same notional; 0.0005 is 0.05 %';

COMMENT ON COLUMN lone.contract.tier_unit IS 'what the bounds of its risk tiers measure: notional (of a leg, in the settlement asset) or contracts';

COMMENT ON COLUMN lone.contract.order_maintenance IS 'whether open orders require maintenance, too';

COMMENT ON COLUMN lone.contract.payoff IS 'linear: profit is size * (mark - entry price) in the settlement asset. Nothing else is valued, so nothing else can be entered: an inverse or quanto contract would be given a wrong profit';

COMMENT ON CONSTRAINT contract_closing_fee_range ON lone.contract IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_contract_length ON lone.contract IS 'a symbol has 1 to 255 bytes';

COMMENT ON CONSTRAINT contract_contract_size_positive ON lone.contract IS 'a contract of size 0 would be worth nothing';

COMMENT ON CONSTRAINT contract_initial_method_known ON lone.contract IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_maintenance_method_known ON lone.contract IS 'marginal or whole';

COMMENT ON CONSTRAINT contract_max_age_positive ON lone.contract IS 'a price would be stale when it is written';

COMMENT ON CONSTRAINT contract_netting_known ON lone.contract IS 'leg, larger or net';

COMMENT ON CONSTRAINT contract_opening_fee_range ON lone.contract IS 'a requirement is never negative';

COMMENT ON CONSTRAINT contract_payoff_linear ON lone.contract IS 'only linear contracts are valued; the trigger payoff says what to do with others';

COMMENT ON CONSTRAINT contract_tier_unit_known ON lone.contract IS 'notional or contracts';

CREATE TABLE lone.held_price_event (
    id bigint NOT NULL,
    event text NOT NULL,
    kind text NOT NULL,
    symbol text NOT NULL,
    price numeric NOT NULL,
    low numeric,
    high numeric,
    why text NOT NULL,
    observed_at timestamp with time zone NOT NULL,
    offered_by name NOT NULL,
    offers bigint NOT NULL,
    acted_by name DEFAULT margin.acting_user() NOT NULL,
    acted_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE lone.held_price_event OWNER TO keeper;

COMMENT ON TABLE lone.held_price_event IS 'journal of prices held and of what became of them; written by triggers, by nobody else';

COMMENT ON COLUMN lone.held_price_event.id IS 'in the order of the events';

COMMENT ON COLUMN lone.held_price_event.event IS 'held; then applied (confirmed), dropped, or replaced (one that is not older was applied)';

COMMENT ON COLUMN lone.held_price_event.kind IS 'asset or contract';

COMMENT ON COLUMN lone.held_price_event.symbol IS 'the asset or contract';

COMMENT ON COLUMN lone.held_price_event.price IS 'the price held: of held the first offer, of the others the last';

COMMENT ON COLUMN lone.held_price_event.low IS 'offered with it; null: none';

COMMENT ON COLUMN lone.held_price_event.high IS 'offered with it; null: none';

COMMENT ON COLUMN lone.held_price_event.why IS 'which checks it failed';

COMMENT ON COLUMN lone.held_price_event.observed_at IS 'when it was observed';

COMMENT ON COLUMN lone.held_price_event.offered_by IS 'the role that offered it';

COMMENT ON COLUMN lone.held_price_event.offers IS 'how many offers had been held by then';

COMMENT ON COLUMN lone.held_price_event.acted_by IS 'the role that acted: whose offer was held, who confirmed or dropped it, whose price replaced it';

COMMENT ON COLUMN lone.held_price_event.acted_at IS 'when';

ALTER TABLE lone.held_price_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lone.held_price_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lone.index_price (
    asset text NOT NULL,
    price numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    low numeric,
    high numeric,
    CONSTRAINT index_price_high_range CHECK (((high IS NULL) OR (margin.is_amount(high) AND (high >= price)))),
    CONSTRAINT index_price_low_range CHECK (((low IS NULL) OR (margin.is_amount(low) AND (low > (0)::numeric) AND (low <= price)))),
    CONSTRAINT index_price_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT index_price_updated_at_finite CHECK (isfinite(updated_at))
);

ALTER TABLE lone.index_price OWNER TO keeper;

COMMENT ON TABLE lone.index_price IS 'present index prices of assets';

COMMENT ON COLUMN lone.index_price.asset IS 'the asset priced';

COMMENT ON COLUMN lone.index_price.price IS 'USD per unit of the asset; above 0';

COMMENT ON COLUMN lone.index_price.updated_at IS 'when the price was observed; asset.max_age counts from here';

COMMENT ON COLUMN lone.index_price.low IS 'where the price is in doubt: USD per unit at which what is owned counts; above 0, at most price; NULL: price. A price set without it removes it';

COMMENT ON COLUMN lone.index_price.high IS 'where the price is in doubt: USD per unit at which what is owed or required counts; at least price; NULL: price. A price set without it removes it';

COMMENT ON CONSTRAINT index_price_high_range ON lone.index_price IS 'the price lies between its bounds';

COMMENT ON CONSTRAINT index_price_low_range ON lone.index_price IS 'the price lies between its bounds';

COMMENT ON CONSTRAINT index_price_price_positive ON lone.index_price IS 'no price is a missing row, not 0';

COMMENT ON CONSTRAINT index_price_updated_at_finite ON lone.index_price IS 'an infinite time has no age';

CREATE TABLE lone.index_price_history (
    id bigint NOT NULL,
    asset text NOT NULL,
    price numeric,
    updated_at timestamp with time zone NOT NULL,
    forced boolean NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    low numeric,
    high numeric
);

ALTER TABLE lone.index_price_history OWNER TO keeper;

COMMENT ON TABLE lone.index_price_history IS 'every index price that was applied or deleted, as far back as price_retention keeps them';

COMMENT ON COLUMN lone.index_price_history.id IS 'in the order in which they were applied';

COMMENT ON COLUMN lone.index_price_history.asset IS 'the asset priced';

COMMENT ON COLUMN lone.index_price_history.price IS 'USD per unit of the asset; null: the price was deleted';

COMMENT ON COLUMN lone.index_price_history.updated_at IS 'when the price was observed';

COMMENT ON COLUMN lone.index_price_history.forced IS 'whether it replaced a price observed later: a correction';

COMMENT ON COLUMN lone.index_price_history.recorded_by IS 'the role that applied it';

COMMENT ON COLUMN lone.index_price_history.recorded_at IS 'when it was applied';

COMMENT ON COLUMN lone.index_price_history.low IS 'its lower bound; null: none';

COMMENT ON COLUMN lone.index_price_history.high IS 'its upper bound; null: none';

ALTER TABLE lone.index_price_history ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lone.index_price_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lone.mark_price (
    contract text NOT NULL,
    price numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT mark_price_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT mark_price_updated_at_finite CHECK (isfinite(updated_at))
);

ALTER TABLE lone.mark_price OWNER TO keeper;

COMMENT ON TABLE lone.mark_price IS 'present mark prices of contracts';

COMMENT ON COLUMN lone.mark_price.contract IS 'the contract priced';

COMMENT ON COLUMN lone.mark_price.price IS 'settlement asset per unit of the underlying; above 0';

COMMENT ON COLUMN lone.mark_price.updated_at IS 'when the price was observed; contract.max_age counts from here';

COMMENT ON CONSTRAINT mark_price_price_positive ON lone.mark_price IS 'no price is a missing row, not 0';

COMMENT ON CONSTRAINT mark_price_updated_at_finite ON lone.mark_price IS 'an infinite time has no age';

CREATE TABLE lone.mark_price_history (
    id bigint NOT NULL,
    contract text NOT NULL,
    price numeric,
    updated_at timestamp with time zone NOT NULL,
    forced boolean NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    recorded_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE lone.mark_price_history OWNER TO keeper;

COMMENT ON TABLE lone.mark_price_history IS 'every mark price that was applied or deleted, as far back as price_retention keeps them';

COMMENT ON COLUMN lone.mark_price_history.id IS 'in the order in which they were applied';

COMMENT ON COLUMN lone.mark_price_history.contract IS 'the contract priced';

COMMENT ON COLUMN lone.mark_price_history.price IS 'settlement asset per unit of the underlying; null: the price was deleted';

COMMENT ON COLUMN lone.mark_price_history.updated_at IS 'when the price was observed';

COMMENT ON COLUMN lone.mark_price_history.forced IS 'whether it replaced a price observed later: a correction';

COMMENT ON COLUMN lone.mark_price_history.recorded_by IS 'the role that applied it';

COMMENT ON COLUMN lone.mark_price_history.recorded_at IS 'when it was applied';

ALTER TABLE lone.mark_price_history ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lone.mark_price_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lone.parameter_event (
    id bigint NOT NULL,
    parameter name NOT NULL,
    symbol text NOT NULL,
    before jsonb,
    after jsonb,
    changed_by name DEFAULT margin.acting_user() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL
);

ALTER TABLE lone.parameter_event OWNER TO keeper;

COMMENT ON TABLE lone.parameter_event IS 'journal of every edit of a parameter table, row by row; written by triggers only';

COMMENT ON COLUMN lone.parameter_event.id IS 'in the order of the edits';

COMMENT ON COLUMN lone.parameter_event.parameter IS 'the table edited';

COMMENT ON COLUMN lone.parameter_event.symbol IS 'asset, contract, level, rule or scenario that the row is about';

COMMENT ON COLUMN lone.parameter_event.before IS 'the row as it was; null: there was none';

COMMENT ON COLUMN lone.parameter_event.after IS 'the row as it is since; null: there is none';

COMMENT ON COLUMN lone.parameter_event.changed_by IS 'the role that acted';

COMMENT ON COLUMN lone.parameter_event.changed_at IS 'beginning of the transaction that edited';

COMMENT ON COLUMN lone.parameter_event.txid IS 'that transaction';

ALTER TABLE lone.parameter_event ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lone.parameter_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lone.pending_publication (
    transaction xid8 NOT NULL
);

ALTER TABLE lone.pending_publication OWNER TO keeper;

COMMENT ON TABLE lone.pending_publication IS 'transactions that will publish the market before they commit; each sees only its own, and takes it away when it publishes';

COMMENT ON COLUMN lone.pending_publication.transaction IS 'the transaction that wrote something that the market is made of';

CREATE TABLE lone.price_check (
    kind text NOT NULL,
    symbol text NOT NULL,
    floor numeric,
    ceiling numeric,
    max_jump numeric,
    jump_window interval,
    max_deviation numeric,
    reference_age interval,
    CONSTRAINT price_check_ceiling_range CHECK ((margin.is_amount(ceiling) AND (ceiling > (0)::numeric) AND ((floor IS NULL) OR (ceiling >= floor)))),
    CONSTRAINT price_check_floor_positive CHECK ((margin.is_amount(floor) AND (floor > (0)::numeric))),
    CONSTRAINT price_check_jump_window_range CHECK (((jump_window IS NULL) OR ((jump_window > '00:00:00'::interval) AND (max_jump IS NOT NULL)))),
    CONSTRAINT price_check_kind_known CHECK ((kind = ANY (ARRAY['asset'::text, 'contract'::text]))),
    CONSTRAINT price_check_max_deviation_range CHECK ((margin.is_amount(max_deviation) AND (max_deviation >= (0)::numeric))),
    CONSTRAINT price_check_max_jump_positive CHECK ((margin.is_amount(max_jump) AND (max_jump > (0)::numeric))),
    CONSTRAINT price_check_reference_age_range CHECK (((reference_age IS NULL) OR ((reference_age > '00:00:00'::interval) AND (max_deviation IS NOT NULL))))
);

ALTER TABLE lone.price_check OWNER TO keeper;

COMMENT ON TABLE lone.price_check IS 'what margin.set_prices() believes of an asset or contract; offers that fail are held. Without a row, and where a column is NULL, anything is believed';

COMMENT ON COLUMN lone.price_check.kind IS 'asset (its index price) or contract (its mark price)';

COMMENT ON COLUMN lone.price_check.symbol IS 'the asset or contract';

COMMENT ON COLUMN lone.price_check.floor IS 'neither the price nor its low is below this; in the unit of the price, above 0';

COMMENT ON COLUMN lone.price_check.ceiling IS 'neither the price nor its high is above this; in the unit of the price, above 0';

COMMENT ON COLUMN lone.price_check.max_jump IS 'how far the price and its bounds may be from the price before, as a fraction of that: 0.1 is 10 % up or down';

COMMENT ON COLUMN lone.price_check.jump_window IS 'max_jump holds against every price observed within this time before the offer, and against none that is older; NULL: against the price before, however old, and no other';

COMMENT ON COLUMN lone.price_check.max_deviation IS 'a second opinion: how far the price may be from a reference_price, as a fraction of that; one that agrees is enough, with none the offer is held';

COMMENT ON COLUMN lone.price_check.reference_age IS 'a reference price observed longer ago than this before the offer is no opinion; NULL: they do not expire';

COMMENT ON CONSTRAINT price_check_ceiling_range ON lone.price_check IS 'something lies between floor and ceiling';

COMMENT ON CONSTRAINT price_check_floor_positive ON lone.price_check IS 'no price is 0 or below anyway';

COMMENT ON CONSTRAINT price_check_jump_window_range ON lone.price_check IS 'a time above 0, of a jump';

COMMENT ON CONSTRAINT price_check_kind_known ON lone.price_check IS 'asset or contract';

COMMENT ON CONSTRAINT price_check_max_deviation_range ON lone.price_check IS 'a deviation of 0 is the same price';

COMMENT ON CONSTRAINT price_check_max_jump_positive ON lone.price_check IS 'a price that may not move at all is never set again';

COMMENT ON CONSTRAINT price_check_reference_age_range ON lone.price_check IS 'a time above 0, of an opinion';

CREATE TABLE lone.price_retention (
    keep interval NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT price_retention_keep_range CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT price_retention_one_row CHECK (only_row)
);

ALTER TABLE lone.price_retention OWNER TO keeper;

COMMENT ON TABLE lone.price_retention IS 'how long price histories go back, in at most one row; none: for ever';

COMMENT ON COLUMN lone.price_retention.keep IS 'margin.prune_price_history() deletes what is not needed to tell the prices of any instant since then';

COMMENT ON COLUMN lone.price_retention.only_row IS 'true';

COMMENT ON CONSTRAINT price_retention_keep_range ON lone.price_retention IS 'what is yet to come is not pruned';

COMMENT ON CONSTRAINT price_retention_one_row ON lone.price_retention IS 'one setting for all';

CREATE TABLE lone.published_market (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[] NOT NULL,
    pausing_prices jsonb,
    scenarios margin.price_move[] NOT NULL,
    repayment_rules margin.repayment_rule[] NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT published_market_one_row CHECK (only_row)
);
ALTER TABLE ONLY lone.published_market ALTER COLUMN market SET STORAGE EXTERNAL;

ALTER TABLE lone.published_market OWNER TO keeper;

COMMENT ON TABLE lone.published_market IS 'the market as it was published last, in at most one row, and what else a book needs of its venue; margin.publish_market() writes it';

COMMENT ON COLUMN lone.published_market.id IS 'which publication this is; ids only grow, with gaps where one was rolled back';

COMMENT ON COLUMN lone.published_market.at IS 'the instant whose market it is, by the clock of the server that published it';

COMMENT ON COLUMN lone.published_market.valid_until IS 'from then on it is not the market any more: by the clock alone market() returns another one (a price is older than its max_age, an announced change takes effect), or the rule publish_for ends it; infinity: neither';

COMMENT ON COLUMN lone.published_market.market IS 'market() at that instant';

COMMENT ON COLUMN lone.published_market.release_ratios IS 'release_ratios() of the venue';

COMMENT ON COLUMN lone.published_market.pausing_prices IS 'pausing_prices() of the venue; null: none';

COMMENT ON COLUMN lone.published_market.scenarios IS 'scenarios() of the venue';

COMMENT ON COLUMN lone.published_market.repayment_rules IS 'repayment_rules() of the venue';

COMMENT ON COLUMN lone.published_market.only_row IS 'true';

COMMENT ON CONSTRAINT published_market_one_row ON lone.published_market IS 'there is one present market';

CREATE TABLE lone.published_market_history (
    id bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    valid_until timestamp with time zone NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[] NOT NULL,
    pausing_prices jsonb,
    scenarios margin.price_move[] NOT NULL,
    repayment_rules margin.repayment_rule[] NOT NULL
);

ALTER TABLE lone.published_market_history OWNER TO keeper;

COMMENT ON TABLE lone.published_market_history IS 'every market that was published while margin.enable_publishing(history => true) held, as far back as price_retention keeps them';

COMMENT ON COLUMN lone.published_market_history.id IS 'as in published_market';

COMMENT ON COLUMN lone.published_market_history.at IS 'as in published_market';

COMMENT ON COLUMN lone.published_market_history.valid_until IS 'as it was when it was published; the next one may have come before';

COMMENT ON COLUMN lone.published_market_history.market IS 'as in published_market';

COMMENT ON COLUMN lone.published_market_history.release_ratios IS 'as in published_market';

COMMENT ON COLUMN lone.published_market_history.pausing_prices IS 'as in published_market';

COMMENT ON COLUMN lone.published_market_history.scenarios IS 'as in published_market';

COMMENT ON COLUMN lone.published_market_history.repayment_rules IS 'as in published_market';

ALTER TABLE lone.published_market ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lone.published_market_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE lone.reference_price (
    kind text NOT NULL,
    symbol text NOT NULL,
    source text NOT NULL,
    price numeric NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT reference_price_kind_known CHECK ((kind = ANY (ARRAY['asset'::text, 'contract'::text]))),
    CONSTRAINT reference_price_price_positive CHECK ((margin.is_amount(price) AND (price > (0)::numeric))),
    CONSTRAINT reference_price_updated_at_finite CHECK (isfinite(updated_at))
);

ALTER TABLE lone.reference_price OWNER TO keeper;

COMMENT ON TABLE lone.reference_price IS 'what other sources say of prices, for price_check.max_deviation; nothing is valued by them. Other feeds write here';

COMMENT ON COLUMN lone.reference_price.kind IS 'asset (its index price) or contract (its mark price)';

COMMENT ON COLUMN lone.reference_price.symbol IS 'the asset or contract';

COMMENT ON COLUMN lone.reference_price.source IS 'who says so';

COMMENT ON COLUMN lone.reference_price.price IS 'in the unit of the price; above 0';

COMMENT ON COLUMN lone.reference_price.updated_at IS 'when it was observed; price_check.reference_age counts from here';

COMMENT ON CONSTRAINT reference_price_kind_known ON lone.reference_price IS 'asset or contract';

COMMENT ON CONSTRAINT reference_price_price_positive ON lone.reference_price IS 'no opinion is a missing row, not 0';

COMMENT ON CONSTRAINT reference_price_updated_at_finite ON lone.reference_price IS 'an infinite time has no age';

ALTER TABLE lone.scenario ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME lone.scenario_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW lone.stale_price WITH (security_invoker='true') AS
 SELECT 'asset'::text AS kind,
    t.asset AS symbol,
    p.updated_at,
    t.max_age
   FROM (( SELECT a.asset,
                CASE
                    WHEN (ch.asset IS NULL) THEN a.max_age
                    ELSE ch.max_age
                END AS max_age
           FROM (lone.asset a
             LEFT JOIN LATERAL ( SELECT c.asset,
                    c.max_age
                   FROM lone.asset_change c
                  WHERE ((c.asset = a.asset) AND (c.valid_from <= now()))
                  ORDER BY c.valid_from DESC
                 LIMIT 1) ch ON (true))) t
     JOIN lone.index_price p ON ((p.asset = t.asset)))
  WHERE ((now() - p.updated_at) > t.max_age)
UNION ALL
 SELECT 'contract'::text AS kind,
    t.contract AS symbol,
    p.updated_at,
    t.max_age
   FROM (( SELECT a.contract,
                CASE
                    WHEN (ch.contract IS NULL) THEN a.max_age
                    ELSE ch.max_age
                END AS max_age
           FROM (lone.contract a
             LEFT JOIN LATERAL ( SELECT c.contract,
                    c.max_age
                   FROM lone.contract_change c
                  WHERE ((c.contract = a.contract) AND (c.valid_from <= now()))
                  ORDER BY c.valid_from DESC
                 LIMIT 1) ch ON (true))) t
     JOIN lone.mark_price p ON ((p.contract = t.contract)))
  WHERE ((now() - p.updated_at) > t.max_age);

ALTER TABLE lone.stale_price OWNER TO keeper;

COMMENT ON VIEW lone.stale_price IS 'prices that do not count, because they are older than their max_age now; what has no price at all is not among them';

COMMENT ON COLUMN lone.stale_price.kind IS 'asset (an index price) or contract (a mark price)';

COMMENT ON COLUMN lone.stale_price.symbol IS 'the asset or contract';

COMMENT ON COLUMN lone.stale_price.updated_at IS 'when it was observed';

COMMENT ON COLUMN lone.stale_price.max_age IS 'as the parameters valid now have it';

CREATE VIEW shard.account WITH (security_invoker='true') AS
 SELECT DISTINCT holding.account_id
   FROM shard.holding;

ALTER TABLE shard.account OWNER TO keeper;

COMMENT ON VIEW shard.account IS 'the accounts that hold something';

COMMENT ON COLUMN shard.account.account_id IS 'the account';

CREATE VIEW shard.account_collateral WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.asset,
    c.balance,
    c.pnl,
    c.asset_equity,
    c.price,
    c.net_asset_value,
    c.collateral_value,
    c.liability,
    c.haircut,
    c.maintenance_margin,
    c.missing
   FROM shard.account_portfolio p,
    LATERAL margin.collateral(p.portfolio, shard.venue_market()) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing);

ALTER TABLE shard.account_collateral OWNER TO keeper;

COMMENT ON VIEW shard.account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';

COMMENT ON COLUMN shard.account_collateral.account_id IS 'the account';

COMMENT ON COLUMN shard.account_collateral.asset IS 'an asset with a balance, or that positions settle in';

COMMENT ON COLUMN shard.account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';

COMMENT ON COLUMN shard.account_collateral.pnl IS 'profit and loss of the positions settled in it, units of the asset';

COMMENT ON COLUMN shard.account_collateral.asset_equity IS 'balance + pnl, units of the asset';

COMMENT ON COLUMN shard.account_collateral.price IS 'index price, USD per unit; null: none';

COMMENT ON COLUMN shard.account_collateral.net_asset_value IS 'asset_equity at index price, USD';

COMMENT ON COLUMN shard.account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';

COMMENT ON COLUMN shard.account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';

COMMENT ON COLUMN shard.account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';

COMMENT ON COLUMN shard.account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';

COMMENT ON COLUMN shard.account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW shard.account_order WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.contract,
    c.side,
    c.price,
    c.quantity,
    c.margin_quantity,
    c.value,
    c.order_loss
   FROM shard.account_portfolio p,
    LATERAL margin.orders(p.portfolio, shard.venue_market()) c(contract, side, price, quantity, margin_quantity, value, order_loss);

ALTER TABLE shard.account_order OWNER TO keeper;

COMMENT ON VIEW shard.account_order IS 'the open orders of every account by contract, side and limit price, and what they are worth; the order_loss of an account adds up to that of account_margin, what they require is in account_position';

COMMENT ON COLUMN shard.account_order.account_id IS 'the account';

COMMENT ON COLUMN shard.account_order.contract IS 'the contract';

COMMENT ON COLUMN shard.account_order.side IS 'buy or sell';

COMMENT ON COLUMN shard.account_order.price IS 'limit price, settlement asset per unit of the underlying';

COMMENT ON COLUMN shard.account_order.quantity IS 'what is left to fill at that price, contracts, > 0';

COMMENT ON COLUMN shard.account_order.margin_quantity IS 'sum of quantity / leverage of the orders that chose one, contracts';

COMMENT ON COLUMN shard.account_order.value IS 'at the limit price, a sell at the mark if that is higher, settlement asset; null: a price is missing';

COMMENT ON COLUMN shard.account_order.order_loss IS 'what it would lose by filling now, USD, >= 0; null: a price is missing';

CREATE VIEW shard.account_position WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.contract,
    c.settle,
    c.long,
    c.short,
    c.mark,
    c.long_notional,
    c.short_notional,
    c.pnl,
    c.pnl_usd,
    c.maintenance_margin,
    c.initial_margin,
    c.order_margin,
    c.missing
   FROM shard.account_portfolio p,
    LATERAL margin.positions(p.portfolio, shard.venue_market()) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing);

ALTER TABLE shard.account_position OWNER TO keeper;

COMMENT ON VIEW shard.account_position IS 'the valuation of every account contract by contract';

COMMENT ON COLUMN shard.account_position.account_id IS 'the account';

COMMENT ON COLUMN shard.account_position.contract IS 'a contract with a position or an open order';

COMMENT ON COLUMN shard.account_position.settle IS 'asset in which it settles';

COMMENT ON COLUMN shard.account_position.long IS 'contracts held long, >= 0';

COMMENT ON COLUMN shard.account_position.short IS 'contracts held short, >= 0';

COMMENT ON COLUMN shard.account_position.mark IS 'mark price, settlement asset per unit of the underlying; null: none';

COMMENT ON COLUMN shard.account_position.long_notional IS 'of the long side at mark, settlement asset';

COMMENT ON COLUMN shard.account_position.short_notional IS 'of the short side at mark, settlement asset';

COMMENT ON COLUMN shard.account_position.pnl IS 'profit and loss of both sides at mark, settlement asset';

COMMENT ON COLUMN shard.account_position.pnl_usd IS 'pnl at the index price of the settlement asset, USD';

COMMENT ON COLUMN shard.account_position.maintenance_margin IS 'what the position requires to be kept, USD';

COMMENT ON COLUMN shard.account_position.initial_margin IS 'what the position requires to be opened, USD, without its orders';

COMMENT ON COLUMN shard.account_position.order_margin IS 'what open orders require on top of it, USD, >= 0';

COMMENT ON COLUMN shard.account_position.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW shard.account_stress WITH (security_invoker='true') AS
 SELECT p.account_id,
    s.scenario,
    s.equity,
    s.maintenance_margin,
    s.level,
    s.loss,
    s.missing
   FROM shard.account_portfolio p,
    LATERAL margin.stress(p.portfolio, ( SELECT shard.venue_market() AS venue_market), ( SELECT shard.venue_scenarios() AS venue_scenarios)) s(scenario, equity, maintenance_margin, level, loss, missing);

ALTER TABLE shard.account_stress OWNER TO keeper;

COMMENT ON VIEW shard.account_stress IS 'every account in every scenario of the venue, from the present market, marks linked';

COMMENT ON COLUMN shard.account_stress.account_id IS 'the account';

COMMENT ON COLUMN shard.account_stress.scenario IS 'name of the scenario';

COMMENT ON COLUMN shard.account_stress.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.account_stress.maintenance_margin IS 'what positions and debts require to be kept, USD';

COMMENT ON COLUMN shard.account_stress.level IS 'of the account in this scenario';

COMMENT ON COLUMN shard.account_stress.loss IS 'what a negative equity leaves beyond the collateral, USD, >= 0';

COMMENT ON COLUMN shard.account_stress.missing IS 'symbols that lack a price or parameter; null where nothing does';

CREATE TABLE shard.accrual_event (
    account_id bigint NOT NULL,
    kind text NOT NULL,
    symbol text NOT NULL,
    accrued_at timestamp with time zone NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL,
    house boolean DEFAULT false NOT NULL,
    balance numeric,
    quantity numeric,
    contract_size numeric,
    mark numeric,
    rate numeric NOT NULL,
    free_amount numeric,
    method text,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    CONSTRAINT accrual_event_amount_finite CHECK (margin.is_amount(amount)),
    CONSTRAINT accrual_event_kind_known CHECK ((kind = ANY (ARRAY['interest'::text, 'funding'::text])))
);

ALTER TABLE shard.accrual_event OWNER TO keeper;

COMMENT ON TABLE shard.accrual_event IS 'journal of interest and funding: one row per account, symbol and instant, and one of the house account; amounts that share kind, symbol and instant sum to 0';

COMMENT ON COLUMN shard.accrual_event.account_id IS 'the account';

COMMENT ON COLUMN shard.accrual_event.kind IS 'interest or funding';

COMMENT ON COLUMN shard.accrual_event.symbol IS 'the asset owed, or the contract held';

COMMENT ON COLUMN shard.accrual_event.accrued_at IS 'the hour of the interest, or the instant of the funding';

COMMENT ON COLUMN shard.accrual_event.asset IS 'in which it was booked: the asset owed, or the settlement asset of the contract';

COMMENT ON COLUMN shard.accrual_event.amount IS 'what the balance changed by, in units of the asset: below 0 paid, above 0 received; what is computed is rounded down at the 18th decimal, at the expense of the payer and of the receiver';

COMMENT ON COLUMN shard.accrual_event.house IS 'whether this is the other side: minus the sum of the others';

COMMENT ON COLUMN shard.accrual_event.balance IS 'of interest: the balance that was owed, below 0, with the interest of the hours before; else null';

COMMENT ON COLUMN shard.accrual_event.quantity IS 'of funding: contracts held, long less short; else null';

COMMENT ON COLUMN shard.accrual_event.contract_size IS 'of funding: units of the underlying in one contract; else null';

COMMENT ON COLUMN shard.accrual_event.mark IS 'of funding: mark price of the instant; else null';

COMMENT ON COLUMN shard.accrual_event.rate IS 'the hourly rate, or the funding rate';

COMMENT ON COLUMN shard.accrual_event.free_amount IS 'of interest: what was free of it; else null';

COMMENT ON COLUMN shard.accrual_event.method IS 'of interest: excess or whole, as in interest_rate of the venue; else null';

COMMENT ON COLUMN shard.accrual_event.booked_at IS 'when it was booked, by the clock';

COMMENT ON COLUMN shard.accrual_event.booked_by IS 'who called accrue_interest() or settle_funding()';

COMMENT ON CONSTRAINT accrual_event_amount_finite ON shard.accrual_event IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

COMMENT ON CONSTRAINT accrual_event_kind_known ON shard.accrual_event IS 'interest or funding';

CREATE TABLE shard.accrual_house (
    kind text NOT NULL,
    account_id bigint NOT NULL,
    CONSTRAINT accrual_house_kind_known CHECK ((kind = ANY (ARRAY['interest'::text, 'funding'::text])))
);

ALTER TABLE shard.accrual_house OWNER TO keeper;

COMMENT ON TABLE shard.accrual_house IS 'the accounts that take the other side: interest is paid to them, and what funding leaves over; without a row nothing of the kind is booked';

COMMENT ON COLUMN shard.accrual_house.kind IS 'interest or funding';

COMMENT ON COLUMN shard.accrual_house.account_id IS 'the house account; it owes no interest itself, and takes what remains of all others'' funding';

COMMENT ON CONSTRAINT accrual_house_kind_known ON shard.accrual_house IS 'interest or funding';

CREATE TABLE shard.book_rule (
    rule text NOT NULL,
    value text NOT NULL,
    CONSTRAINT book_rule_rule_known CHECK ((rule = 'unrealized_gains_carry'::text)),
    CONSTRAINT book_rule_unrealized_gains_carry_known CHECK (((rule <> 'unrealized_gains_carry'::text) OR (value = ANY (ARRAY['true'::text, 'false'::text]))))
);

ALTER TABLE shard.book_rule OWNER TO keeper;

COMMENT ON TABLE shard.book_rule IS 'rules of the book; one without a row has its default: unrealized_gains_carry true';

COMMENT ON COLUMN shard.book_rule.rule IS 'unrealized_gains_carry';

COMMENT ON COLUMN shard.book_rule.value IS 'true or false. unrealized_gains_carry: with false the guard judges a transaction that lowers a balance as if the net unrealized profit in each settlement asset were not there, as margin.max_withdrawal(..., with_unrealized => false) does, so that no profit on paper is paid out';

COMMENT ON CONSTRAINT book_rule_rule_known ON shard.book_rule IS 'an unknown rule would have no effect, and look as if it had';

COMMENT ON CONSTRAINT book_rule_unrealized_gains_carry_known ON shard.book_rule IS 'true or false';

CREATE VIEW shard.flawed_holding WITH (security_invoker='true') AS
 SELECT f.account_id,
    f.kind,
    f.symbol,
    f.quantity,
    f.entry_price,
    f.leverage,
    f.flaw
   FROM ( SELECT h.account_id,
            h.symbol,
            h.quantity,
            h.entry_price,
            h.leverage,
            h.kind,
            margin_internal.holding_flaw(h.symbol, h.quantity, h.entry_price, h.leverage, h.kind) AS flaw
           FROM ( SELECT balance.account_id,
                    balance.asset AS symbol,
                    balance.quantity,
                    NULL::numeric AS entry_price,
                    NULL::numeric AS leverage,
                    'balance'::margin.holding_kind AS kind
                   FROM shard.balance
                UNION ALL
                 SELECT "position".account_id,
                    "position".contract AS symbol,
                    "position".quantity,
                    "position".entry_price,
                    "position".leverage,
                    'position'::margin.holding_kind AS kind
                   FROM shard."position"
                UNION ALL
                 SELECT open_order.account_id,
                    open_order.contract AS symbol,
                    open_order.quantity,
                    open_order.price AS entry_price,
                    open_order.leverage,
                    'order'::margin.holding_kind AS kind
                   FROM shard.open_order) h) f
  WHERE (f.flaw IS NOT NULL);

ALTER TABLE shard.flawed_holding OWNER TO keeper;

COMMENT ON VIEW shard.flawed_holding IS 'rows that cannot be valued, such as a quantity of NaN: an error when their accounts are read, or with flawed_rows => ''unpriced'' of create_book() what makes those accounts unpriced';

COMMENT ON COLUMN shard.flawed_holding.account_id IS 'the account';

COMMENT ON COLUMN shard.flawed_holding.kind IS 'balance, position or order';

COMMENT ON COLUMN shard.flawed_holding.symbol IS 'as it is in the row, as are quantity, entry_price and leverage';

COMMENT ON COLUMN shard.flawed_holding.quantity IS 'as it is in the row';

COMMENT ON COLUMN shard.flawed_holding.entry_price IS 'as it is in the row';

COMMENT ON COLUMN shard.flawed_holding.leverage IS 'as it is in the row';

COMMENT ON COLUMN shard.flawed_holding.flaw IS 'why it cannot be valued';

CREATE TABLE shard.funding_settlement (
    contract text NOT NULL,
    settled_at timestamp with time zone NOT NULL,
    rate numeric NOT NULL,
    mark numeric NOT NULL,
    contract_size numeric NOT NULL,
    settle text NOT NULL,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL
);

ALTER TABLE shard.funding_settlement OWNER TO keeper;

COMMENT ON TABLE shard.funding_settlement IS 'the instants at which the funding of a contract was settled, even if nobody held it';

COMMENT ON COLUMN shard.funding_settlement.contract IS 'the contract';

COMMENT ON COLUMN shard.funding_settlement.settled_at IS 'the instant, as given to settle_funding()';

COMMENT ON COLUMN shard.funding_settlement.rate IS 'longs pay this part of their notional to shorts; below 0 the other way round';

COMMENT ON COLUMN shard.funding_settlement.mark IS 'mark price of that instant, in the settlement asset';

COMMENT ON COLUMN shard.funding_settlement.contract_size IS 'units of the underlying in one contract';

COMMENT ON COLUMN shard.funding_settlement.settle IS 'settlement asset, in which it was paid';

COMMENT ON COLUMN shard.funding_settlement.booked_at IS 'when it was booked, by the clock: with the positions of that moment';

COMMENT ON COLUMN shard.funding_settlement.booked_by IS 'who called settle_funding()';

CREATE TABLE shard.guard_exception (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    judged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    level margin.level NOT NULL,
    equity numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    available_margin_before numeric,
    missing text[],
    initial_equity numeric,
    order_loss numeric,
    market_id bigint
);

ALTER TABLE shard.guard_exception OWNER TO keeper;

COMMENT ON TABLE shard.guard_exception IS 'booked facts that the guard let through while margin.guard was record and would have refused otherwise; rows are only added';

COMMENT ON COLUMN shard.guard_exception.id IS 'numbers the rows, roughly in order of time';

COMMENT ON COLUMN shard.guard_exception.account_id IS 'the account';

COMMENT ON COLUMN shard.guard_exception.judged_at IS 'when the account was judged: at commit';

COMMENT ON COLUMN shard.guard_exception.recorded_by IS 'the role that acted';

COMMENT ON COLUMN shard.guard_exception.level IS 'the level at which the account was left';

COMMENT ON COLUMN shard.guard_exception.equity IS 'equity that was left, USD; this, the next three, initial_equity and order_loss are null for an unpriced account. Where paper gains do not carry (book_rule), all are without them';

COMMENT ON COLUMN shard.guard_exception.initial_margin IS 'initial margin that was required, with open orders, USD';

COMMENT ON COLUMN shard.guard_exception.maintenance_margin IS 'maintenance margin that was required, USD';

COMMENT ON COLUMN shard.guard_exception.available_margin IS 'initial_equity - initial_margin - order_loss that was left, USD';

COMMENT ON COLUMN shard.guard_exception.available_margin_before IS 'the same as the transaction found it, USD; null: it found the account unpriced';

COMMENT ON COLUMN shard.guard_exception.missing IS 'symbols for which an unpriced account lacked a price or a parameter';

COMMENT ON COLUMN shard.guard_exception.initial_equity IS 'equity by the initial measure that was left, USD';

COMMENT ON COLUMN shard.guard_exception.order_loss IS 'what open orders would have lost by filling, USD';

COMMENT ON COLUMN shard.guard_exception.market_id IS 'the published market by which it was judged; null: that is not published';

ALTER TABLE shard.guard_exception ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shard.guard_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE shard.interest_hour (
    accrued_at timestamp with time zone NOT NULL,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    CONSTRAINT interest_hour_full CHECK ((isfinite(accrued_at) AND ((EXTRACT(epoch FROM accrued_at) % (3600)::numeric) = (0)::numeric)))
);

ALTER TABLE shard.interest_hour OWNER TO keeper;

COMMENT ON TABLE shard.interest_hour IS 'the hours for which interest has been charged, even if nobody owed any; accrue_interest() goes on after the last one';

COMMENT ON COLUMN shard.interest_hour.accrued_at IS 'the full hour, of UTC';

COMMENT ON COLUMN shard.interest_hour.booked_at IS 'when it was charged, by the clock; later for one that was caught up';

COMMENT ON COLUMN shard.interest_hour.booked_by IS 'who called accrue_interest()';

COMMENT ON CONSTRAINT interest_hour_full ON shard.interest_hour IS 'a full hour of UTC';

CREATE VIEW shard.kept_portfolio WITH (security_invoker='true') AS
 SELECT account_level.account_id,
    account_level.portfolio
   FROM shard.account_level
  WHERE ((account_level.portfolio IS NOT NULL) AND ( SELECT margin_internal.require_kept('shard.account_level'::regclass) AS require_kept));

ALTER TABLE shard.kept_portfolio OWNER TO keeper;

COMMENT ON VIEW shard.kept_portfolio IS 'what each account holds as of the last commit, as kept with the levels; an error (55000) where they are not kept';

COMMENT ON COLUMN shard.kept_portfolio.account_id IS 'the account';

COMMENT ON COLUMN shard.kept_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW shard.kept_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (shard.kept_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, shard.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE shard.kept_margin OWNER TO keeper;

COMMENT ON VIEW shard.kept_margin IS 'account_margin as of the last commit, three to five times as fast: by kept_portfolio, in the present market; level is the judged one, account_level has the kept one';

COMMENT ON COLUMN shard.kept_margin.account_id IS 'the account';

COMMENT ON COLUMN shard.kept_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.kept_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN shard.kept_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN shard.kept_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN shard.kept_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN shard.kept_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN shard.kept_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN shard.kept_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN shard.kept_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN shard.kept_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN shard.kept_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN shard.kept_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN shard.kept_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN shard.kept_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN shard.kept_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN shard.kept_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE TABLE shard.level_basis (
    basis bigint NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[],
    sources text
);

ALTER TABLE shard.level_basis OWNER TO keeper;

COMMENT ON TABLE shard.level_basis IS 'the terms by which accounts were judged that are anchored to an epoch; kept by refresh_levels()';

COMMENT ON COLUMN shard.level_basis.basis IS 'rises; the last one is in use';

COMMENT ON COLUMN shard.level_basis.market IS 'a market of these terms, whatever its prices';

COMMENT ON COLUMN shard.level_basis.release_ratios IS 'of warning, margin_call and liquidation';

COMMENT ON COLUMN shard.level_basis.sources IS 'the tables that the book read and their triggers, as of level_sources(); null: writes may have been missed';

CREATE TABLE shard.level_epoch (
    epoch bigint NOT NULL,
    basis bigint NOT NULL,
    prices double precision[] NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    accounts bigint NOT NULL
);

ALTER TABLE shard.level_epoch OWNER TO keeper;

COMMENT ON TABLE shard.level_epoch IS 'prices by which accounts were judged that are anchored to them; kept by refresh_levels()';

COMMENT ON COLUMN shard.level_epoch.epoch IS 'rises; account_level.epoch refers to it';

COMMENT ON COLUMN shard.level_epoch.basis IS 'the terms they were judged by';

COMMENT ON COLUMN shard.level_epoch.prices IS 'by number: assets in byte order, then contracts; NaN: none. Rounded, to find the accounts to judge';

COMMENT ON COLUMN shard.level_epoch.made_at IS 'start of the transaction of the refresh';

COMMENT ON COLUMN shard.level_epoch.accounts IS 'that were anchored to it at first';

CREATE TABLE shard.level_event (
    id bigint NOT NULL,
    account_id bigint NOT NULL,
    from_level margin.level NOT NULL,
    to_level margin.level NOT NULL,
    equity numeric,
    maintenance_margin numeric,
    prices jsonb NOT NULL,
    cause text NOT NULL,
    changed_by name DEFAULT margin.acting_user() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    paused margin.level,
    held jsonb,
    market_id bigint,
    CONSTRAINT level_event_changes CHECK (((from_level <> to_level) OR (paused IS NOT NULL)))
);

ALTER TABLE shard.level_event OWNER TO keeper;

COMMENT ON TABLE shard.level_event IS 'journal of level changes, append-only; the rows of an account, by id, lead from healthy to where it is';

COMMENT ON COLUMN shard.level_event.id IS 'rises; within an account in the order of the changes';

COMMENT ON COLUMN shard.level_event.account_id IS 'the account';

COMMENT ON COLUMN shard.level_event.from_level IS 'the level left; healthy for an account never judged before';

COMMENT ON COLUMN shard.level_event.to_level IS 'the level reached';

COMMENT ON COLUMN shard.level_event.equity IS 'that decided, USD: equity less what open orders take of it by the venue''s rule orders_reduce_equity (judged_equity); null: unpriced';

COMMENT ON COLUMN shard.level_event.maintenance_margin IS 'that decided, USD; null: unpriced';

COMMENT ON COLUMN shard.level_event.prices IS 'that decided, for what the account holds, as of margin.prices()';

COMMENT ON COLUMN shard.level_event.cause IS 'why the account was judged, in the words of the caller';

COMMENT ON COLUMN shard.level_event.changed_by IS 'the role that acted';

COMMENT ON COLUMN shard.level_event.changed_at IS 'start of the transaction';

COMMENT ON COLUMN shard.level_event.txid IS 'the transaction';

COMMENT ON COLUMN shard.level_event.paused IS 'the worse level at which it would be, and stays where it is because of a price held; null: the level changed';

COMMENT ON COLUMN shard.level_event.held IS 'the prices held that matter to it, where paused: {"assets": {"BTC": 30000}, "contracts": {}}';

COMMENT ON COLUMN shard.level_event.market_id IS 'the published market by which it was judged; null: that is not published';

COMMENT ON CONSTRAINT level_event_changes ON shard.level_event IS 'no change is no event, unless there would have been one';

ALTER TABLE shard.level_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME shard.level_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE VIEW shard.ordered_holding WITH (security_invoker='true') AS
 SELECT holding.account_id,
    holding.symbol,
    holding.quantity,
    holding.entry_price,
    holding.leverage,
    holding.kind
   FROM shard.holding
  ORDER BY holding.account_id;

ALTER TABLE shard.ordered_holding OWNER TO keeper;

COMMENT ON VIEW shard.ordered_holding IS 'the rows of holding, account by account; the coordinator values accounts by them';

COMMENT ON COLUMN shard.ordered_holding.account_id IS 'as in holding';

COMMENT ON COLUMN shard.ordered_holding.symbol IS 'as in holding';

COMMENT ON COLUMN shard.ordered_holding.quantity IS 'as in holding';

COMMENT ON COLUMN shard.ordered_holding.entry_price IS 'as in holding';

COMMENT ON COLUMN shard.ordered_holding.leverage IS 'as in holding';

COMMENT ON COLUMN shard.ordered_holding.kind IS 'as in holding';

CREATE TABLE shard.repayment_entry (
    account_id bigint NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    house_account_id bigint NOT NULL,
    forced boolean NOT NULL,
    step integer NOT NULL,
    outcome margin.repayment_outcome,
    debt_asset text,
    funding_asset text,
    paid numeric,
    repaid numeric,
    debt_price numeric,
    funding_price numeric,
    conversion_discount numeric,
    paid_value numeric,
    repaid_value numeric,
    remaining_debt numeric,
    remaining_due numeric,
    level margin.level
);

ALTER TABLE shard.repayment_entry OWNER TO keeper;

COMMENT ON TABLE shard.repayment_entry IS 'journal of repay(): one row per conversion, which moved paid from the account to the house account and repaid back';

COMMENT ON COLUMN shard.repayment_entry.account_id IS 'the account whose debt was repaid';

COMMENT ON COLUMN shard.repayment_entry.booked_at IS 'when repay() had read the account, by the clock; the conversions of one call share it';

COMMENT ON COLUMN shard.repayment_entry.booked_by IS 'who called repay()';

COMMENT ON COLUMN shard.repayment_entry.house_account_id IS 'the account that took the other side';

COMMENT ON COLUMN shard.repayment_entry.forced IS 'whether conversions that worsen the level were allowed';

COMMENT ON COLUMN shard.repayment_entry.step IS 'number of the row, from 1';

COMMENT ON COLUMN shard.repayment_entry.outcome IS 'converted, skipped (it would worsen the level), unpaid (what remains due of a debt) or unpriced';

COMMENT ON COLUMN shard.repayment_entry.debt_asset IS 'asset of negative equity';

COMMENT ON COLUMN shard.repayment_entry.funding_asset IS 'asset that is converted into it';

COMMENT ON COLUMN shard.repayment_entry.paid IS 'units of the funding asset given, rounded up at the 18th decimal; all there is, exactly, if that is not enough';

COMMENT ON COLUMN shard.repayment_entry.repaid IS 'units of the debt repaid: what is due, exactly; or what all of the funding asset brings, rounded down at the 18th decimal';

COMMENT ON COLUMN shard.repayment_entry.debt_price IS 'index price of the debt, USD per unit, whatever its bounds low and high';

COMMENT ON COLUMN shard.repayment_entry.funding_price IS 'index price of the funding asset, USD per unit, whatever its bounds low and high';

COMMENT ON COLUMN shard.repayment_entry.conversion_discount IS 'part of its index price at which the funding asset is converted';

COMMENT ON COLUMN shard.repayment_entry.paid_value IS 'paid * funding_price, USD';

COMMENT ON COLUMN shard.repayment_entry.repaid_value IS 'repaid * debt_price, USD';

COMMENT ON COLUMN shard.repayment_entry.remaining_debt IS 'what the account owes after the row, units of the debt, >= 0';

COMMENT ON COLUMN shard.repayment_entry.remaining_due IS 'what of that is still due, units of the debt, >= 0';

COMMENT ON COLUMN shard.repayment_entry.level IS 'of the account after the row; of a skipped conversion the level it would have had';

CREATE VIEW shard.report_concentration WITH (security_invoker='true') AS
 SELECT report_concentration.asset,
    report_concentration.accounts,
    report_concentration.unvalued,
    report_concentration.asset_equity,
    report_concentration.price,
    report_concentration.net_asset_value,
    report_concentration.collateral_value,
    report_concentration.share,
    report_concentration.largest,
    report_concentration.haircut,
    report_concentration.lost_to_tiers
   FROM shard.report_concentration() report_concentration(asset, accounts, unvalued, asset_equity, price, net_asset_value, collateral_value, share, largest, haircut, lost_to_tiers);

ALTER TABLE shard.report_concentration OWNER TO keeper;

COMMENT ON VIEW shard.report_concentration IS 'the collateral of all accounts, asset by asset, now';

COMMENT ON COLUMN shard.report_concentration.asset IS 'an asset that accounts have a positive equity in';

COMMENT ON COLUMN shard.report_concentration.accounts IS 'how many accounts';

COMMENT ON COLUMN shard.report_concentration.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';

COMMENT ON COLUMN shard.report_concentration.asset_equity IS 'sum of what they have of it, units of the asset; also of those unvalued, where known';

COMMENT ON COLUMN shard.report_concentration.price IS 'index price, USD per unit; null: none';

COMMENT ON COLUMN shard.report_concentration.net_asset_value IS 'at index price, USD';

COMMENT ON COLUMN shard.report_concentration.collateral_value IS 'at its collateral ratios, USD';

COMMENT ON COLUMN shard.report_concentration.share IS 'of the collateral value of all assets, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN shard.report_concentration.largest IS 'collateral value of the account that has most, USD';

COMMENT ON COLUMN shard.report_concentration.haircut IS 'net_asset_value - collateral_value, USD';

COMMENT ON COLUMN shard.report_concentration.lost_to_tiers IS 'the part of the haircut that is due to tiers above the first: what would count more if the first ratio held for any amount, USD';

CREATE VIEW shard.report_exposure WITH (security_invoker='true') AS
 SELECT report_exposure.contract,
    report_exposure.settle,
    report_exposure.accounts,
    report_exposure.mark,
    report_exposure.long,
    report_exposure.short,
    report_exposure.net,
    report_exposure.open_interest,
    report_exposure.long_notional,
    report_exposure.short_notional,
    report_exposure.pnl_usd,
    report_exposure.maintenance_margin,
    report_exposure.initial_margin,
    report_exposure.order_margin
   FROM shard.report_exposure() report_exposure(contract, settle, accounts, mark, long, short, net, open_interest, long_notional, short_notional, pnl_usd, maintenance_margin, initial_margin, order_margin);

ALTER TABLE shard.report_exposure OWNER TO keeper;

COMMENT ON VIEW shard.report_exposure IS 'the positions of all accounts, contract by contract, now';

COMMENT ON COLUMN shard.report_exposure.contract IS 'the contract';

COMMENT ON COLUMN shard.report_exposure.settle IS 'asset in which it settles; null where the contract is unknown';

COMMENT ON COLUMN shard.report_exposure.accounts IS 'how many accounts have a position in it';

COMMENT ON COLUMN shard.report_exposure.mark IS 'settlement asset per unit of the underlying; null: none';

COMMENT ON COLUMN shard.report_exposure.long IS 'contracts held long, of all accounts';

COMMENT ON COLUMN shard.report_exposure.short IS 'contracts held short, of all accounts, >= 0';

COMMENT ON COLUMN shard.report_exposure.net IS 'long - short, contracts';

COMMENT ON COLUMN shard.report_exposure.open_interest IS 'the larger of long and short, contracts; where every counterparty is in the book, both are the same';

COMMENT ON COLUMN shard.report_exposure.long_notional IS 'of the long side at mark, settlement asset';

COMMENT ON COLUMN shard.report_exposure.short_notional IS 'of the short side at mark, settlement asset';

COMMENT ON COLUMN shard.report_exposure.pnl_usd IS 'profit and loss at mark and index price of the settlement asset, USD';

COMMENT ON COLUMN shard.report_exposure.maintenance_margin IS 'what the positions require to be kept, USD';

COMMENT ON COLUMN shard.report_exposure.initial_margin IS 'what the positions require to be opened, USD, without orders';

COMMENT ON COLUMN shard.report_exposure.order_margin IS 'what open orders require on top of that, USD';

CREATE VIEW shard.report_impact WITH (security_invoker='true') AS
 SELECT report_impact.account_id,
    report_impact.level_before,
    report_impact.level_after,
    report_impact.equity_before,
    report_impact.equity_after,
    report_impact.equity_change,
    report_impact.maintenance_margin_before,
    report_impact.maintenance_margin_after,
    report_impact.maintenance_margin_change,
    report_impact.available_margin_before,
    report_impact.available_margin_after,
    report_impact.available_margin_change,
    report_impact.missing_after
   FROM shard.report_impact() report_impact(account_id, level_before, level_after, equity_before, equity_after, equity_change, maintenance_margin_before, maintenance_margin_after, maintenance_margin_change, available_margin_before, available_margin_after, available_margin_change, missing_after);

ALTER TABLE shard.report_impact OWNER TO keeper;

COMMENT ON VIEW shard.report_impact IS 'what the next planned change of parameters will do to accounts, at present holdings and prices';

COMMENT ON COLUMN shard.report_impact.account_id IS 'the account';

COMMENT ON COLUMN shard.report_impact.level_before IS 'its level now';

COMMENT ON COLUMN shard.report_impact.level_after IS 'its level with the parameters then';

COMMENT ON COLUMN shard.report_impact.equity_before IS 'USD, now';

COMMENT ON COLUMN shard.report_impact.equity_after IS 'USD, with the parameters then';

COMMENT ON COLUMN shard.report_impact.equity_change IS 'the difference, USD';

COMMENT ON COLUMN shard.report_impact.maintenance_margin_before IS 'USD, now';

COMMENT ON COLUMN shard.report_impact.maintenance_margin_after IS 'USD, with the parameters then';

COMMENT ON COLUMN shard.report_impact.maintenance_margin_change IS 'the difference, USD';

COMMENT ON COLUMN shard.report_impact.available_margin_before IS 'USD, now';

COMMENT ON COLUMN shard.report_impact.available_margin_after IS 'USD, with the parameters then';

COMMENT ON COLUMN shard.report_impact.available_margin_change IS 'the difference, USD';

COMMENT ON COLUMN shard.report_impact.missing_after IS 'symbols that will lack a parameter';

CREATE VIEW shard.report_levels WITH (security_invoker='true') AS
 SELECT report_levels.level,
    report_levels.accounts,
    report_levels.equity,
    report_levels.collateral_value,
    report_levels.liabilities,
    report_levels.net_asset_value,
    report_levels.haircut,
    report_levels.unrealized_pnl,
    report_levels.initial_margin,
    report_levels.maintenance_margin,
    report_levels.shortfall,
    report_levels.loss,
    report_levels.initial_equity,
    report_levels.order_margin,
    report_levels.order_loss
   FROM shard.report_levels() report_levels(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss);

ALTER TABLE shard.report_levels OWNER TO keeper;

COMMENT ON VIEW shard.report_levels IS 'how many accounts are at each level now, and their totals; amounts are null where there are accounts whose amounts are not known';

COMMENT ON COLUMN shard.report_levels.level IS 'the level';

COMMENT ON COLUMN shard.report_levels.accounts IS 'how many accounts are at it';

COMMENT ON COLUMN shard.report_levels.equity IS 'sum of equity, USD';

COMMENT ON COLUMN shard.report_levels.collateral_value IS 'sum of collateral_value, USD';

COMMENT ON COLUMN shard.report_levels.liabilities IS 'sum of liabilities, USD';

COMMENT ON COLUMN shard.report_levels.net_asset_value IS 'sum of net_asset_value, USD';

COMMENT ON COLUMN shard.report_levels.haircut IS 'sum of haircut, USD';

COMMENT ON COLUMN shard.report_levels.unrealized_pnl IS 'sum of unrealized_pnl, USD';

COMMENT ON COLUMN shard.report_levels.initial_margin IS 'sum of initial_margin, USD';

COMMENT ON COLUMN shard.report_levels.maintenance_margin IS 'sum of maintenance_margin, USD';

COMMENT ON COLUMN shard.report_levels.shortfall IS 'sum of shortfall, USD';

COMMENT ON COLUMN shard.report_levels.loss IS 'what the liabilities of the bankrupt exceed their collateral by, USD, >= 0';

COMMENT ON COLUMN shard.report_levels.initial_equity IS 'sum of initial_equity, USD';

COMMENT ON COLUMN shard.report_levels.order_margin IS 'sum of order_margin, USD: the part of initial_margin that is for open orders';

COMMENT ON COLUMN shard.report_levels.order_loss IS 'sum of order_loss, USD';

CREATE VIEW shard.report_liquidations WITH (security_invoker='true') AS
 SELECT report_liquidations.asset,
    report_liquidations.move,
    report_liquidations.price,
    report_liquidations.accounts,
    report_liquidations.undercollateralized,
    report_liquidations.bankrupt,
    report_liquidations.unpriced,
    report_liquidations.notional,
    report_liquidations.notional_usd,
    report_liquidations.long_usd,
    report_liquidations.shortfall,
    report_liquidations.loss
   FROM shard.report_liquidations() report_liquidations(asset, move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss);

ALTER TABLE shard.report_liquidations OWNER TO keeper;

COMMENT ON VIEW shard.report_liquidations IS 'what moves of the prices that matter most would make of all accounts now';

COMMENT ON COLUMN shard.report_liquidations.asset IS 'the asset whose price moves';

COMMENT ON COLUMN shard.report_liquidations.move IS 'change in proportion to its present price: -0.2 is a fall of 20 %';

COMMENT ON COLUMN shard.report_liquidations.price IS 'its index price then, USD';

COMMENT ON COLUMN shard.report_liquidations.accounts IS 'how many accounts';

COMMENT ON COLUMN shard.report_liquidations.undercollateralized IS 'how many of them would be at liquidation or bankrupt';

COMMENT ON COLUMN shard.report_liquidations.bankrupt IS 'how many of these bankrupt';

COMMENT ON COLUMN shard.report_liquidations.unpriced IS 'how many cannot be valued, and so are in none of the sums';

COMMENT ON COLUMN shard.report_liquidations.notional IS 'positions of the undercollateralized by contract, both sides together, USD';

COMMENT ON COLUMN shard.report_liquidations.notional_usd IS 'sum of notional over all contracts, USD';

COMMENT ON COLUMN shard.report_liquidations.long_usd IS 'the part of notional_usd that is long';

COMMENT ON COLUMN shard.report_liquidations.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';

COMMENT ON COLUMN shard.report_liquidations.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE VIEW shard.report_losses WITH (security_invoker='true') AS
 SELECT report_losses.account_id,
    report_losses.loss,
    report_losses.share,
    report_losses.collateral_value,
    report_losses.liabilities,
    report_losses.net_asset_value
   FROM shard.report_losses() report_losses(account_id, loss, share, collateral_value, liabilities, net_asset_value);

ALTER TABLE shard.report_losses OWNER TO keeper;

COMMENT ON VIEW shard.report_losses IS 'the 20 accounts whose liabilities exceed their collateral by most now';

COMMENT ON COLUMN shard.report_losses.account_id IS 'the account';

COMMENT ON COLUMN shard.report_losses.loss IS 'liabilities - collateral_value, USD';

COMMENT ON COLUMN shard.report_losses.share IS 'of the loss of all accounts, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN shard.report_losses.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN shard.report_losses.liabilities IS 'negative asset equities at their liability weights, USD';

COMMENT ON COLUMN shard.report_losses.net_asset_value IS 'asset equities at index price; where it is not below 0, assets that do not count would cover the loss';

CREATE VIEW shard.report_movers WITH (security_invoker='true') AS
 SELECT report_movers.account_id,
    report_movers.level_before,
    report_movers.level_by_holdings,
    report_movers.level_by_prices,
    report_movers.level_after,
    report_movers.equity_before,
    report_movers.equity_by_holdings,
    report_movers.equity_by_prices,
    report_movers.equity_by_parameters,
    report_movers.equity_after,
    report_movers.margin_before,
    report_movers.margin_by_holdings,
    report_movers.margin_by_prices,
    report_movers.margin_by_parameters,
    report_movers.margin_after
   FROM shard.report_movers(now()) report_movers(account_id, level_before, level_by_holdings, level_by_prices, level_after, equity_before, equity_by_holdings, equity_by_prices, equity_by_parameters, equity_after, margin_before, margin_by_holdings, margin_by_prices, margin_by_parameters, margin_after);

ALTER TABLE shard.report_movers OWNER TO keeper;

COMMENT ON VIEW shard.report_movers IS 'the accounts that changed level since the latest snapshot, and what moved them; an error if there is no snapshot';

COMMENT ON COLUMN shard.report_movers.account_id IS 'the account';

COMMENT ON COLUMN shard.report_movers.level_before IS 'its level at the earlier time';

COMMENT ON COLUMN shard.report_movers.level_by_holdings IS 'what the later holdings would have made of it';

COMMENT ON COLUMN shard.report_movers.level_by_prices IS 'what the later holdings at the later prices would have made of it';

COMMENT ON COLUMN shard.report_movers.level_after IS 'its level at the later time';

COMMENT ON COLUMN shard.report_movers.equity_before IS 'USD, at the earlier time';

COMMENT ON COLUMN shard.report_movers.equity_by_holdings IS 'what changed holdings added, USD';

COMMENT ON COLUMN shard.report_movers.equity_by_prices IS 'what changed prices then added, USD';

COMMENT ON COLUMN shard.report_movers.equity_by_parameters IS 'what changed parameters then added, USD';

COMMENT ON COLUMN shard.report_movers.equity_after IS 'USD, at the later time';

COMMENT ON COLUMN shard.report_movers.margin_before IS 'maintenance margin in USD, at the earlier time';

COMMENT ON COLUMN shard.report_movers.margin_by_holdings IS 'what changed holdings added, USD';

COMMENT ON COLUMN shard.report_movers.margin_by_prices IS 'what changed prices then added, USD';

COMMENT ON COLUMN shard.report_movers.margin_by_parameters IS 'what changed parameters then added, USD';

COMMENT ON COLUMN shard.report_movers.margin_after IS 'maintenance margin in USD, at the later time';

CREATE TABLE shard.report_run (
    id bigint NOT NULL,
    started_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    status margin.run_status DEFAULT 'running'::margin.run_status NOT NULL,
    step text,
    level_changes integer,
    taken_at timestamp with time zone,
    days_dropped integer,
    prices_pruned bigint,
    sqlstate text,
    error text,
    run_by name DEFAULT CURRENT_USER NOT NULL,
    pid integer DEFAULT pg_backend_pid() NOT NULL
);

ALTER TABLE shard.report_run OWNER TO keeper;

COMMENT ON TABLE shard.report_run IS 'every call of margin.run_reports() for this book, written as it goes; rows may be deleted when they are no longer of use';

COMMENT ON COLUMN shard.report_run.id IS 'in the order of the calls';

COMMENT ON COLUMN shard.report_run.started_at IS 'when it was called';

COMMENT ON COLUMN shard.report_run.finished_at IS 'when it ended; null: it has not, or its session was killed and nobody has run reports since';

COMMENT ON COLUMN shard.report_run.status IS 'running, done, failed, or skipped because the one before was still running';

COMMENT ON COLUMN shard.report_run.step IS 'the step it is at, or failed in: partitions, levels, snapshot, retention';

COMMENT ON COLUMN shard.report_run.level_changes IS 'how many accounts changed level';

COMMENT ON COLUMN shard.report_run.taken_at IS 'the snapshot it took';

COMMENT ON COLUMN shard.report_run.days_dropped IS 'how many UTC days of snapshots were too old';

COMMENT ON COLUMN shard.report_run.prices_pruned IS 'how many rows of price history were too old; null: not its business, as the venue belongs to another role';

COMMENT ON COLUMN shard.report_run.sqlstate IS 'of the error it failed with';

COMMENT ON COLUMN shard.report_run.error IS 'the error it failed with';

COMMENT ON COLUMN shard.report_run.run_by IS 'the role that called it';

COMMENT ON COLUMN shard.report_run.pid IS 'the process it runs in; margin.progress tells how far that is';

ALTER TABLE shard.report_run ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME shard.report_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

COMMENT ON SEQUENCE shard.report_run_id_seq IS 'numbers of report_run';

CREATE VIEW shard.report_shortfalls WITH (security_invoker='true') AS
 SELECT report_shortfalls.account_id,
    report_shortfalls.level,
    report_shortfalls.shortfall,
    report_shortfalls.share,
    report_shortfalls.equity,
    report_shortfalls.maintenance_margin,
    report_shortfalls.margin_ratio
   FROM shard.report_shortfalls() report_shortfalls(account_id, level, shortfall, share, equity, maintenance_margin, margin_ratio);

ALTER TABLE shard.report_shortfalls OWNER TO keeper;

COMMENT ON VIEW shard.report_shortfalls IS 'the 20 accounts that lack most to their maintenance margin now';

COMMENT ON COLUMN shard.report_shortfalls.account_id IS 'the account';

COMMENT ON COLUMN shard.report_shortfalls.level IS 'its level';

COMMENT ON COLUMN shard.report_shortfalls.shortfall IS 'maintenance_margin - equity, USD';

COMMENT ON COLUMN shard.report_shortfalls.share IS 'of the shortfall of all accounts, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN shard.report_shortfalls.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.report_shortfalls.maintenance_margin IS 'what its positions and debts require to be kept, USD';

COMMENT ON COLUMN shard.report_shortfalls.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';

CREATE VIEW shard.report_stress WITH (security_invoker='true') AS
 SELECT report_stress.scenario,
    report_stress.accounts,
    report_stress.warning,
    report_stress.margin_call,
    report_stress.liquidation,
    report_stress.bankrupt,
    report_stress.unpriced,
    report_stress.equity,
    report_stress.maintenance_margin,
    report_stress.loss
   FROM shard.report_stress() report_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss);

ALTER TABLE shard.report_stress OWNER TO keeper;

COMMENT ON VIEW shard.report_stress IS 'what the scenarios of the venue would make of all accounts now';

COMMENT ON COLUMN shard.report_stress.scenario IS 'name of the scenario';

COMMENT ON COLUMN shard.report_stress.accounts IS 'how many accounts';

COMMENT ON COLUMN shard.report_stress.warning IS 'how many of them would be at warning';

COMMENT ON COLUMN shard.report_stress.margin_call IS 'how many at margin_call';

COMMENT ON COLUMN shard.report_stress.liquidation IS 'how many at liquidation';

COMMENT ON COLUMN shard.report_stress.bankrupt IS 'how many bankrupt';

COMMENT ON COLUMN shard.report_stress.unpriced IS 'how many unpriced, and so in none of the totals';

COMMENT ON COLUMN shard.report_stress.equity IS 'sum of equity, USD';

COMMENT ON COLUMN shard.report_stress.maintenance_margin IS 'sum of what positions and debts require to be kept, USD';

COMMENT ON COLUMN shard.report_stress.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE VIEW shard.report_unpriced WITH (security_invoker='true') AS
 SELECT report_unpriced.account_id,
    report_unpriced.missing
   FROM shard.report_unpriced() report_unpriced(account_id, missing);

ALTER TABLE shard.report_unpriced OWNER TO keeper;

COMMENT ON VIEW shard.report_unpriced IS 'the accounts that cannot be valued now, and what they lack';

COMMENT ON COLUMN shard.report_unpriced.account_id IS 'the account';

COMMENT ON COLUMN shard.report_unpriced.missing IS 'symbols that lack a price or parameter, in byte order';

CREATE VIEW shard.shard_house WITH (security_invoker='true') AS
 SELECT margin.rollup(reported_portfolio.portfolio) AS portfolio
   FROM shard.reported_portfolio;

ALTER TABLE shard.shard_house OWNER TO keeper;

COMMENT ON VIEW shard.shard_house IS 'everything that the accounts of the shard hold, as one portfolio';

COMMENT ON COLUMN shard.shard_house.portfolio IS 'the roll-up of all accounts';

CREATE TABLE shard.shard_key (
    account_id bigint NOT NULL
)
PARTITION BY HASH (account_id);

ALTER TABLE shard.shard_key OWNER TO keeper;

COMMENT ON TABLE shard.shard_key IS 'always empty: by how it would be divided, the tables of accounts know which accounts are of this shard, satisfies_hash_partition(''shard_key''::regclass, modulus, remainder, account_id)';

COMMENT ON COLUMN shard.shard_key.account_id IS 'an account';

CREATE VIEW shard.shard_request WITH (security_invoker='true') AS
 SELECT NULL::text AS command,
    NULL::jsonb AS argument,
    NULL::jsonb AS result
  WHERE false;

ALTER TABLE shard.shard_request OWNER TO keeper;

COMMENT ON VIEW shard.shard_request IS 'always empty: a command that is inserted is carried out with the rights of the role that inserts it, and RETURNING result gives the answer. The coordinator does this through a foreign table';

COMMENT ON COLUMN shard.shard_request.command IS 'keep_part, create_next, close, hold_market, judge, refresh_levels, refresh_kept, prepare_snapshots, take_snapshot, drop_snapshots';

COMMENT ON COLUMN shard.shard_request.argument IS 'an object of arguments; null: none';

COMMENT ON COLUMN shard.shard_request.result IS 'what the function returned';

CREATE VIEW shard.shard_status WITH (security_invoker='true') AS
 SELECT m.id AS market_id,
    m.at AS market_at,
    m.valid_until,
    m.received_at,
    clock_timestamp() AS clock,
    ( SELECT count(*) AS count
           FROM shard.reported_portfolio) AS accounts,
    ( SELECT jsonb_object_agg(l.level, l.accounts) AS jsonb_object_agg
           FROM ( SELECT account_level.level,
                    count(*) AS accounts
                   FROM shard.account_level
                  GROUP BY account_level.level) l) AS levels,
    GREATEST(( SELECT max(e.made_at) AS max
           FROM shard.level_epoch e), ( SELECT max(v.changed_at) AS max
           FROM shard.level_event v)) AS refreshed_at
   FROM (( SELECT) one
     LEFT JOIN shard.published_market m ON (true));

ALTER TABLE shard.shard_status OWNER TO keeper;

COMMENT ON VIEW shard.shard_status IS 'the shard in one row, for margin.cluster_status() of the coordinator';

COMMENT ON COLUMN shard.shard_status.market_id IS 'the market it has; null: none yet';

COMMENT ON COLUMN shard.shard_status.market_at IS 'the instant whose market that is';

COMMENT ON COLUMN shard.shard_status.valid_until IS 'until when it is valid';

COMMENT ON COLUMN shard.shard_status.received_at IS 'when it came, by the clock of the shard';

COMMENT ON COLUMN shard.shard_status.clock IS 'the clock of the shard';

COMMENT ON COLUMN shard.shard_status.accounts IS 'accounts that hold something';

COMMENT ON COLUMN shard.shard_status.levels IS 'accounts by kept level; null: none are kept';

COMMENT ON COLUMN shard.shard_status.refreshed_at IS 'when a refresh or a write last judged or changed levels; null: never';

CREATE VIEW shard.shard_stress WITH (security_invoker='true') AS
 SELECT report_known_stress.scenario,
    report_known_stress.accounts,
    report_known_stress.warning,
    report_known_stress.margin_call,
    report_known_stress.liquidation,
    report_known_stress.bankrupt,
    report_known_stress.unpriced,
    report_known_stress.equity,
    report_known_stress.maintenance_margin,
    report_known_stress.loss
   FROM shard.report_known_stress() report_known_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss);

ALTER TABLE shard.shard_stress OWNER TO keeper;

COMMENT ON VIEW shard.shard_stress IS 'the scenarios of the venue over the accounts of the shard; a row of nulls for one that names what the market lacks';

COMMENT ON COLUMN shard.shard_stress.scenario IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.accounts IS 'as in report_stress; null: the scenario names what the market lacks';

COMMENT ON COLUMN shard.shard_stress.warning IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.margin_call IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.liquidation IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.bankrupt IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.unpriced IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.equity IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.maintenance_margin IS 'as in report_stress';

COMMENT ON COLUMN shard.shard_stress.loss IS 'as in report_stress';

CREATE TABLE shard.snapshot_retention (
    keep interval NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT snapshot_retention_keep_range CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT snapshot_retention_one_row CHECK (only_row)
);

ALTER TABLE shard.snapshot_retention OWNER TO keeper;

COMMENT ON TABLE shard.snapshot_retention IS 'how long snapshots are kept, in at most one row; none: for ever';

COMMENT ON COLUMN shard.snapshot_retention.keep IS 'days that ended longer ago are dropped by margin.prune_snapshots()';

COMMENT ON COLUMN shard.snapshot_retention.only_row IS 'true';

COMMENT ON CONSTRAINT snapshot_retention_keep_range ON shard.snapshot_retention IS 'what is yet to come is not pruned';

COMMENT ON CONSTRAINT snapshot_retention_one_row ON shard.snapshot_retention IS 'one setting for all';

CREATE VIEW shard.undercollateralized WITH (security_invoker='true') AS
 SELECT account_margin.account_id,
    account_margin.equity,
    account_margin.collateral_value,
    account_margin.liabilities,
    account_margin.net_asset_value,
    account_margin.haircut,
    account_margin.unrealized_pnl,
    account_margin.initial_margin,
    account_margin.maintenance_margin,
    account_margin.available_margin,
    account_margin.shortfall,
    account_margin.margin_ratio,
    account_margin.level,
    account_margin.missing,
    account_margin.initial_equity,
    account_margin.order_margin,
    account_margin.order_loss
   FROM shard.account_margin
  WHERE (account_margin.level = ANY (ARRAY['liquidation'::margin.level, 'bankrupt'::margin.level]));

ALTER TABLE shard.undercollateralized OWNER TO keeper;

COMMENT ON VIEW shard.undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in the view unpriced';

COMMENT ON COLUMN shard.undercollateralized.account_id IS 'the account';

COMMENT ON COLUMN shard.undercollateralized.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.undercollateralized.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN shard.undercollateralized.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN shard.undercollateralized.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN shard.undercollateralized.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN shard.undercollateralized.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN shard.undercollateralized.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN shard.undercollateralized.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN shard.undercollateralized.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN shard.undercollateralized.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN shard.undercollateralized.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN shard.undercollateralized.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN shard.undercollateralized.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN shard.undercollateralized.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN shard.undercollateralized.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN shard.undercollateralized.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE VIEW shard.unpriced WITH (security_invoker='true') AS
 SELECT account_margin.account_id,
    account_margin.equity,
    account_margin.collateral_value,
    account_margin.liabilities,
    account_margin.net_asset_value,
    account_margin.haircut,
    account_margin.unrealized_pnl,
    account_margin.initial_margin,
    account_margin.maintenance_margin,
    account_margin.available_margin,
    account_margin.shortfall,
    account_margin.margin_ratio,
    account_margin.level,
    account_margin.missing,
    account_margin.initial_equity,
    account_margin.order_margin,
    account_margin.order_loss
   FROM shard.account_margin
  WHERE (account_margin.level = 'unpriced'::margin.level);

ALTER TABLE shard.unpriced OWNER TO keeper;

COMMENT ON VIEW shard.unpriced IS 'accounts that cannot be valued, and what they lack';

COMMENT ON COLUMN shard.unpriced.account_id IS 'the account';

COMMENT ON COLUMN shard.unpriced.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN shard.unpriced.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN shard.unpriced.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN shard.unpriced.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN shard.unpriced.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN shard.unpriced.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN shard.unpriced.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN shard.unpriced.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN shard.unpriced.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN shard.unpriced.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN shard.unpriced.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN shard.unpriced.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN shard.unpriced.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN shard.unpriced.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN shard.unpriced.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN shard.unpriced.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE VIEW uuids.account WITH (security_invoker='true') AS
 SELECT DISTINCT holding.account_id
   FROM uuids.holding;

ALTER TABLE uuids.account OWNER TO keeper;

COMMENT ON VIEW uuids.account IS 'the accounts that hold something';

COMMENT ON COLUMN uuids.account.account_id IS 'the account';

CREATE VIEW uuids.account_collateral WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.asset,
    c.balance,
    c.pnl,
    c.asset_equity,
    c.price,
    c.net_asset_value,
    c.collateral_value,
    c.liability,
    c.haircut,
    c.maintenance_margin,
    c.missing
   FROM uuids.account_portfolio p,
    LATERAL margin.collateral(p.portfolio, uuids.venue_market()) c(asset, balance, pnl, asset_equity, price, net_asset_value, collateral_value, liability, haircut, maintenance_margin, missing);

ALTER TABLE uuids.account_collateral OWNER TO keeper;

COMMENT ON VIEW uuids.account_collateral IS 'the valuation of every account asset by asset; the rows of an account add up to its account_margin';

COMMENT ON COLUMN uuids.account_collateral.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_collateral.asset IS 'an asset with a balance, or that positions settle in';

COMMENT ON COLUMN uuids.account_collateral.balance IS 'wallet balance, units of the asset; negative is a debt';

COMMENT ON COLUMN uuids.account_collateral.pnl IS 'profit and loss of the positions settled in it, units of the asset';

COMMENT ON COLUMN uuids.account_collateral.asset_equity IS 'balance + pnl, units of the asset';

COMMENT ON COLUMN uuids.account_collateral.price IS 'index price, USD per unit; null: none';

COMMENT ON COLUMN uuids.account_collateral.net_asset_value IS 'asset_equity at index price, USD';

COMMENT ON COLUMN uuids.account_collateral.collateral_value IS 'what a positive asset_equity counts for after its ratios, USD';

COMMENT ON COLUMN uuids.account_collateral.liability IS 'what a negative asset_equity weighs, USD, >= 0';

COMMENT ON COLUMN uuids.account_collateral.haircut IS 'net_asset_value - (collateral_value - liability), USD';

COMMENT ON COLUMN uuids.account_collateral.maintenance_margin IS 'that a negative asset_equity requires, USD; it is part of the initial margin too';

COMMENT ON COLUMN uuids.account_collateral.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW uuids.account_order WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.contract,
    c.side,
    c.price,
    c.quantity,
    c.margin_quantity,
    c.value,
    c.order_loss
   FROM uuids.account_portfolio p,
    LATERAL margin.orders(p.portfolio, uuids.venue_market()) c(contract, side, price, quantity, margin_quantity, value, order_loss);

ALTER TABLE uuids.account_order OWNER TO keeper;

COMMENT ON VIEW uuids.account_order IS 'the open orders of every account by contract, side and limit price, and what they are worth; the order_loss of an account adds up to that of account_margin, what they require is in account_position';

COMMENT ON COLUMN uuids.account_order.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_order.contract IS 'the contract';

COMMENT ON COLUMN uuids.account_order.side IS 'buy or sell';

COMMENT ON COLUMN uuids.account_order.price IS 'limit price, settlement asset per unit of the underlying';

COMMENT ON COLUMN uuids.account_order.quantity IS 'what is left to fill at that price, contracts, > 0';

COMMENT ON COLUMN uuids.account_order.margin_quantity IS 'sum of quantity / leverage of the orders that chose one, contracts';

COMMENT ON COLUMN uuids.account_order.value IS 'at the limit price, a sell at the mark if that is higher, settlement asset; null: a price is missing';

COMMENT ON COLUMN uuids.account_order.order_loss IS 'what it would lose by filling now, USD, >= 0; null: a price is missing';

CREATE VIEW uuids.account_position WITH (security_invoker='true') AS
 SELECT p.account_id,
    c.contract,
    c.settle,
    c.long,
    c.short,
    c.mark,
    c.long_notional,
    c.short_notional,
    c.pnl,
    c.pnl_usd,
    c.maintenance_margin,
    c.initial_margin,
    c.order_margin,
    c.missing
   FROM uuids.account_portfolio p,
    LATERAL margin.positions(p.portfolio, uuids.venue_market()) c(contract, settle, long, short, mark, long_notional, short_notional, pnl, pnl_usd, maintenance_margin, initial_margin, order_margin, missing);

ALTER TABLE uuids.account_position OWNER TO keeper;

COMMENT ON VIEW uuids.account_position IS 'the valuation of every account contract by contract';

COMMENT ON COLUMN uuids.account_position.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_position.contract IS 'a contract with a position or an open order';

COMMENT ON COLUMN uuids.account_position.settle IS 'asset in which it settles';

COMMENT ON COLUMN uuids.account_position.long IS 'contracts held long, >= 0';

COMMENT ON COLUMN uuids.account_position.short IS 'contracts held short, >= 0';

COMMENT ON COLUMN uuids.account_position.mark IS 'mark price, settlement asset per unit of the underlying; null: none';

COMMENT ON COLUMN uuids.account_position.long_notional IS 'of the long side at mark, settlement asset';

COMMENT ON COLUMN uuids.account_position.short_notional IS 'of the short side at mark, settlement asset';

COMMENT ON COLUMN uuids.account_position.pnl IS 'profit and loss of both sides at mark, settlement asset';

COMMENT ON COLUMN uuids.account_position.pnl_usd IS 'pnl at the index price of the settlement asset, USD';

COMMENT ON COLUMN uuids.account_position.maintenance_margin IS 'what the position requires to be kept, USD';

COMMENT ON COLUMN uuids.account_position.initial_margin IS 'what the position requires to be opened, USD, without its orders';

COMMENT ON COLUMN uuids.account_position.order_margin IS 'what open orders require on top of it, USD, >= 0';

COMMENT ON COLUMN uuids.account_position.missing IS 'what lacks a price or parameter; null where nothing does';

CREATE VIEW uuids.account_stress WITH (security_invoker='true') AS
 SELECT p.account_id,
    s.scenario,
    s.equity,
    s.maintenance_margin,
    s.level,
    s.loss,
    s.missing
   FROM uuids.account_portfolio p,
    LATERAL margin.stress(p.portfolio, ( SELECT uuids.venue_market() AS venue_market), ( SELECT uuids.venue_scenarios() AS venue_scenarios)) s(scenario, equity, maintenance_margin, level, loss, missing);

ALTER TABLE uuids.account_stress OWNER TO keeper;

COMMENT ON VIEW uuids.account_stress IS 'every account in every scenario of the venue, from the present market, marks linked';

COMMENT ON COLUMN uuids.account_stress.account_id IS 'the account';

COMMENT ON COLUMN uuids.account_stress.scenario IS 'name of the scenario';

COMMENT ON COLUMN uuids.account_stress.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.account_stress.maintenance_margin IS 'what positions and debts require to be kept, USD';

COMMENT ON COLUMN uuids.account_stress.level IS 'of the account in this scenario';

COMMENT ON COLUMN uuids.account_stress.loss IS 'what a negative equity leaves beyond the collateral, USD, >= 0';

COMMENT ON COLUMN uuids.account_stress.missing IS 'symbols that lack a price or parameter; null where nothing does';

CREATE TABLE uuids.accrual_event (
    account_id uuid NOT NULL,
    kind text NOT NULL,
    symbol text NOT NULL,
    accrued_at timestamp with time zone NOT NULL,
    asset text NOT NULL,
    amount numeric NOT NULL,
    house boolean DEFAULT false NOT NULL,
    balance numeric,
    quantity numeric,
    contract_size numeric,
    mark numeric,
    rate numeric NOT NULL,
    free_amount numeric,
    method text,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    CONSTRAINT accrual_event_amount_finite CHECK (margin.is_amount(amount)),
    CONSTRAINT accrual_event_kind_known CHECK ((kind = ANY (ARRAY['interest'::text, 'funding'::text])))
);

ALTER TABLE uuids.accrual_event OWNER TO keeper;

COMMENT ON TABLE uuids.accrual_event IS 'journal of interest and funding: one row per account, symbol and instant, and one of the house account; amounts that share kind, symbol and instant sum to 0';

COMMENT ON COLUMN uuids.accrual_event.account_id IS 'the account';

COMMENT ON COLUMN uuids.accrual_event.kind IS 'interest or funding';

COMMENT ON COLUMN uuids.accrual_event.symbol IS 'the asset owed, or the contract held';

COMMENT ON COLUMN uuids.accrual_event.accrued_at IS 'the hour of the interest, or the instant of the funding';

COMMENT ON COLUMN uuids.accrual_event.asset IS 'in which it was booked: the asset owed, or the settlement asset of the contract';

COMMENT ON COLUMN uuids.accrual_event.amount IS 'what the balance changed by, in units of the asset: below 0 paid, above 0 received; what is computed is rounded down at the 18th decimal, at the expense of the payer and of the receiver';

COMMENT ON COLUMN uuids.accrual_event.house IS 'whether this is the other side: minus the sum of the others';

COMMENT ON COLUMN uuids.accrual_event.balance IS 'of interest: the balance that was owed, below 0, with the interest of the hours before; else null';

COMMENT ON COLUMN uuids.accrual_event.quantity IS 'of funding: contracts held, long less short; else null';

COMMENT ON COLUMN uuids.accrual_event.contract_size IS 'of funding: units of the underlying in one contract; else null';

COMMENT ON COLUMN uuids.accrual_event.mark IS 'of funding: mark price of the instant; else null';

COMMENT ON COLUMN uuids.accrual_event.rate IS 'the hourly rate, or the funding rate';

COMMENT ON COLUMN uuids.accrual_event.free_amount IS 'of interest: what was free of it; else null';

COMMENT ON COLUMN uuids.accrual_event.method IS 'of interest: excess or whole, as in interest_rate of the venue; else null';

COMMENT ON COLUMN uuids.accrual_event.booked_at IS 'when it was booked, by the clock';

COMMENT ON COLUMN uuids.accrual_event.booked_by IS 'who called accrue_interest() or settle_funding()';

COMMENT ON CONSTRAINT accrual_event_amount_finite ON uuids.accrual_event IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

COMMENT ON CONSTRAINT accrual_event_kind_known ON uuids.accrual_event IS 'interest or funding';

CREATE TABLE uuids.accrual_house (
    kind text NOT NULL,
    account_id uuid NOT NULL,
    CONSTRAINT accrual_house_kind_known CHECK ((kind = ANY (ARRAY['interest'::text, 'funding'::text])))
);

ALTER TABLE uuids.accrual_house OWNER TO keeper;

COMMENT ON TABLE uuids.accrual_house IS 'the accounts that take the other side: interest is paid to them, and what funding leaves over; without a row nothing of the kind is booked';

COMMENT ON COLUMN uuids.accrual_house.kind IS 'interest or funding';

COMMENT ON COLUMN uuids.accrual_house.account_id IS 'the house account; it owes no interest itself, and takes what remains of all others'' funding';

COMMENT ON CONSTRAINT accrual_house_kind_known ON uuids.accrual_house IS 'interest or funding';

CREATE TABLE uuids.book_rule (
    rule text NOT NULL,
    value text NOT NULL,
    CONSTRAINT book_rule_rule_known CHECK ((rule = 'unrealized_gains_carry'::text)),
    CONSTRAINT book_rule_unrealized_gains_carry_known CHECK (((rule <> 'unrealized_gains_carry'::text) OR (value = ANY (ARRAY['true'::text, 'false'::text]))))
);

ALTER TABLE uuids.book_rule OWNER TO keeper;

COMMENT ON TABLE uuids.book_rule IS 'rules of the book; one without a row has its default: unrealized_gains_carry true';

COMMENT ON COLUMN uuids.book_rule.rule IS 'unrealized_gains_carry';

COMMENT ON COLUMN uuids.book_rule.value IS 'true or false. unrealized_gains_carry: with false the guard judges a transaction that lowers a balance as if the net unrealized profit in each settlement asset were not there, as margin.max_withdrawal(..., with_unrealized => false) does, so that no profit on paper is paid out';

COMMENT ON CONSTRAINT book_rule_rule_known ON uuids.book_rule IS 'an unknown rule would have no effect, and look as if it had';

COMMENT ON CONSTRAINT book_rule_unrealized_gains_carry_known ON uuids.book_rule IS 'true or false';

CREATE VIEW uuids.flawed_holding WITH (security_invoker='true') AS
 SELECT f.account_id,
    f.kind,
    f.symbol,
    f.quantity,
    f.entry_price,
    f.leverage,
    f.flaw
   FROM ( SELECT h.account_id,
            h.symbol,
            h.quantity,
            h.entry_price,
            h.leverage,
            h.kind,
            margin_internal.holding_flaw(h.symbol, h.quantity, h.entry_price, h.leverage, h.kind) AS flaw
           FROM ( SELECT wallet.owner AS account_id,
                    uuids.coin(wallet.coin) AS symbol,
                    wallet.amount AS quantity,
                    NULL::numeric AS entry_price,
                    NULL::numeric AS leverage,
                    'balance'::margin.holding_kind AS kind
                   FROM uuids.wallet) h) f
  WHERE (f.flaw IS NOT NULL);

ALTER TABLE uuids.flawed_holding OWNER TO keeper;

COMMENT ON VIEW uuids.flawed_holding IS 'rows that cannot be valued, such as a quantity of NaN: an error when their accounts are read, or with flawed_rows => ''unpriced'' of create_book() what makes those accounts unpriced';

COMMENT ON COLUMN uuids.flawed_holding.account_id IS 'the account';

COMMENT ON COLUMN uuids.flawed_holding.kind IS 'balance, position or order';

COMMENT ON COLUMN uuids.flawed_holding.symbol IS 'as it is in the row, as are quantity, entry_price and leverage';

COMMENT ON COLUMN uuids.flawed_holding.quantity IS 'as it is in the row';

COMMENT ON COLUMN uuids.flawed_holding.entry_price IS 'as it is in the row';

COMMENT ON COLUMN uuids.flawed_holding.leverage IS 'as it is in the row';

COMMENT ON COLUMN uuids.flawed_holding.flaw IS 'why it cannot be valued';

CREATE TABLE uuids.funding_settlement (
    contract text NOT NULL,
    settled_at timestamp with time zone NOT NULL,
    rate numeric NOT NULL,
    mark numeric NOT NULL,
    contract_size numeric NOT NULL,
    settle text NOT NULL,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL
);

ALTER TABLE uuids.funding_settlement OWNER TO keeper;

COMMENT ON TABLE uuids.funding_settlement IS 'the instants at which the funding of a contract was settled, even if nobody held it';

COMMENT ON COLUMN uuids.funding_settlement.contract IS 'the contract';

COMMENT ON COLUMN uuids.funding_settlement.settled_at IS 'the instant, as given to settle_funding()';

COMMENT ON COLUMN uuids.funding_settlement.rate IS 'longs pay this part of their notional to shorts; below 0 the other way round';

COMMENT ON COLUMN uuids.funding_settlement.mark IS 'mark price of that instant, in the settlement asset';

COMMENT ON COLUMN uuids.funding_settlement.contract_size IS 'units of the underlying in one contract';

COMMENT ON COLUMN uuids.funding_settlement.settle IS 'settlement asset, in which it was paid';

COMMENT ON COLUMN uuids.funding_settlement.booked_at IS 'when it was booked, by the clock: with the positions of that moment';

COMMENT ON COLUMN uuids.funding_settlement.booked_by IS 'who called settle_funding()';

CREATE TABLE uuids.guard_exception (
    id bigint NOT NULL,
    account_id uuid NOT NULL,
    judged_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    recorded_by name DEFAULT margin.acting_user() NOT NULL,
    level margin.level NOT NULL,
    equity numeric,
    initial_margin numeric,
    maintenance_margin numeric,
    available_margin numeric,
    available_margin_before numeric,
    missing text[],
    initial_equity numeric,
    order_loss numeric,
    market_id bigint
);

ALTER TABLE uuids.guard_exception OWNER TO keeper;

COMMENT ON TABLE uuids.guard_exception IS 'booked facts that the guard let through while margin.guard was record and would have refused otherwise; rows are only added';

COMMENT ON COLUMN uuids.guard_exception.id IS 'numbers the rows, roughly in order of time';

COMMENT ON COLUMN uuids.guard_exception.account_id IS 'the account';

COMMENT ON COLUMN uuids.guard_exception.judged_at IS 'when the account was judged: at commit';

COMMENT ON COLUMN uuids.guard_exception.recorded_by IS 'the role that acted';

COMMENT ON COLUMN uuids.guard_exception.level IS 'the level at which the account was left';

COMMENT ON COLUMN uuids.guard_exception.equity IS 'equity that was left, USD; this, the next three, initial_equity and order_loss are null for an unpriced account. Where paper gains do not carry (book_rule), all are without them';

COMMENT ON COLUMN uuids.guard_exception.initial_margin IS 'initial margin that was required, with open orders, USD';

COMMENT ON COLUMN uuids.guard_exception.maintenance_margin IS 'maintenance margin that was required, USD';

COMMENT ON COLUMN uuids.guard_exception.available_margin IS 'initial_equity - initial_margin - order_loss that was left, USD';

COMMENT ON COLUMN uuids.guard_exception.available_margin_before IS 'the same as the transaction found it, USD; null: it found the account unpriced';

COMMENT ON COLUMN uuids.guard_exception.missing IS 'symbols for which an unpriced account lacked a price or a parameter';

COMMENT ON COLUMN uuids.guard_exception.initial_equity IS 'equity by the initial measure that was left, USD';

COMMENT ON COLUMN uuids.guard_exception.order_loss IS 'what open orders would have lost by filling, USD';

COMMENT ON COLUMN uuids.guard_exception.market_id IS 'the published market by which it was judged; null: that is not published';

ALTER TABLE uuids.guard_exception ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME uuids.guard_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE uuids.interest_hour (
    accrued_at timestamp with time zone NOT NULL,
    booked_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    CONSTRAINT interest_hour_full CHECK ((isfinite(accrued_at) AND ((EXTRACT(epoch FROM accrued_at) % (3600)::numeric) = (0)::numeric)))
);

ALTER TABLE uuids.interest_hour OWNER TO keeper;

COMMENT ON TABLE uuids.interest_hour IS 'the hours for which interest has been charged, even if nobody owed any; accrue_interest() goes on after the last one';

COMMENT ON COLUMN uuids.interest_hour.accrued_at IS 'the full hour, of UTC';

COMMENT ON COLUMN uuids.interest_hour.booked_at IS 'when it was charged, by the clock; later for one that was caught up';

COMMENT ON COLUMN uuids.interest_hour.booked_by IS 'who called accrue_interest()';

COMMENT ON CONSTRAINT interest_hour_full ON uuids.interest_hour IS 'a full hour of UTC';

CREATE VIEW uuids.kept_portfolio WITH (security_invoker='true') AS
 SELECT account_level.account_id,
    account_level.portfolio
   FROM uuids.account_level
  WHERE ((account_level.portfolio IS NOT NULL) AND ( SELECT margin_internal.require_kept('uuids.account_level'::regclass) AS require_kept));

ALTER TABLE uuids.kept_portfolio OWNER TO keeper;

COMMENT ON VIEW uuids.kept_portfolio IS 'what each account holds as of the last commit, as kept with the levels; an error (55000) where they are not kept';

COMMENT ON COLUMN uuids.kept_portfolio.account_id IS 'the account';

COMMENT ON COLUMN uuids.kept_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';

CREATE VIEW uuids.kept_margin WITH (security_invoker='true') AS
 SELECT p.account_id,
    (valued.v).equity AS equity,
    (valued.v).collateral_value AS collateral_value,
    (valued.v).liabilities AS liabilities,
    (valued.v).net_asset_value AS net_asset_value,
    (valued.v).haircut AS haircut,
    (valued.v).unrealized_pnl AS unrealized_pnl,
    (valued.v).initial_margin AS initial_margin,
    (valued.v).maintenance_margin AS maintenance_margin,
    (valued.v).available_margin AS available_margin,
    (valued.v).shortfall AS shortfall,
    (valued.v).margin_ratio AS margin_ratio,
    (valued.v).level AS level,
    (valued.v).missing AS missing,
    (valued.v).initial_equity AS initial_equity,
    (valued.v).order_margin AS order_margin,
    (valued.v).order_loss AS order_loss
   FROM (uuids.kept_portfolio p
     CROSS JOIN LATERAL ( SELECT margin.evaluate(p.portfolio, uuids.venue_market()) AS v
         OFFSET 0) valued);

ALTER TABLE uuids.kept_margin OWNER TO keeper;

COMMENT ON VIEW uuids.kept_margin IS 'account_margin as of the last commit, three to five times as fast: by kept_portfolio, in the present market; level is the judged one, account_level has the kept one';

COMMENT ON COLUMN uuids.kept_margin.account_id IS 'the account';

COMMENT ON COLUMN uuids.kept_margin.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.kept_margin.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN uuids.kept_margin.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN uuids.kept_margin.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN uuids.kept_margin.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN uuids.kept_margin.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN uuids.kept_margin.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN uuids.kept_margin.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN uuids.kept_margin.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN uuids.kept_margin.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN uuids.kept_margin.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN uuids.kept_margin.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN uuids.kept_margin.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN uuids.kept_margin.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN uuids.kept_margin.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN uuids.kept_margin.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE TABLE uuids.level_basis (
    basis bigint NOT NULL,
    market margin.market NOT NULL,
    release_ratios numeric[],
    sources text
);

ALTER TABLE uuids.level_basis OWNER TO keeper;

COMMENT ON TABLE uuids.level_basis IS 'the terms by which accounts were judged that are anchored to an epoch; kept by refresh_levels()';

COMMENT ON COLUMN uuids.level_basis.basis IS 'rises; the last one is in use';

COMMENT ON COLUMN uuids.level_basis.market IS 'a market of these terms, whatever its prices';

COMMENT ON COLUMN uuids.level_basis.release_ratios IS 'of warning, margin_call and liquidation';

COMMENT ON COLUMN uuids.level_basis.sources IS 'the tables that the book read and their triggers, as of level_sources(); null: writes may have been missed';

CREATE TABLE uuids.level_epoch (
    epoch bigint NOT NULL,
    basis bigint NOT NULL,
    prices double precision[] NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    accounts bigint NOT NULL
);

ALTER TABLE uuids.level_epoch OWNER TO keeper;

COMMENT ON TABLE uuids.level_epoch IS 'prices by which accounts were judged that are anchored to them; kept by refresh_levels()';

COMMENT ON COLUMN uuids.level_epoch.epoch IS 'rises; account_level.epoch refers to it';

COMMENT ON COLUMN uuids.level_epoch.basis IS 'the terms they were judged by';

COMMENT ON COLUMN uuids.level_epoch.prices IS 'by number: assets in byte order, then contracts; NaN: none. Rounded, to find the accounts to judge';

COMMENT ON COLUMN uuids.level_epoch.made_at IS 'start of the transaction of the refresh';

COMMENT ON COLUMN uuids.level_epoch.accounts IS 'that were anchored to it at first';

CREATE TABLE uuids.level_event (
    id bigint NOT NULL,
    account_id uuid NOT NULL,
    from_level margin.level NOT NULL,
    to_level margin.level NOT NULL,
    equity numeric,
    maintenance_margin numeric,
    prices jsonb NOT NULL,
    cause text NOT NULL,
    changed_by name DEFAULT margin.acting_user() NOT NULL,
    changed_at timestamp with time zone DEFAULT now() NOT NULL,
    txid xid8 DEFAULT pg_current_xact_id() NOT NULL,
    paused margin.level,
    held jsonb,
    market_id bigint,
    CONSTRAINT level_event_changes CHECK (((from_level <> to_level) OR (paused IS NOT NULL)))
);

ALTER TABLE uuids.level_event OWNER TO keeper;

COMMENT ON TABLE uuids.level_event IS 'journal of level changes, append-only; the rows of an account, by id, lead from healthy to where it is';

COMMENT ON COLUMN uuids.level_event.id IS 'rises; within an account in the order of the changes';

COMMENT ON COLUMN uuids.level_event.account_id IS 'the account';

COMMENT ON COLUMN uuids.level_event.from_level IS 'the level left; healthy for an account never judged before';

COMMENT ON COLUMN uuids.level_event.to_level IS 'the level reached';

COMMENT ON COLUMN uuids.level_event.equity IS 'that decided, USD: equity less what open orders take of it by the venue''s rule orders_reduce_equity (judged_equity); null: unpriced';

COMMENT ON COLUMN uuids.level_event.maintenance_margin IS 'that decided, USD; null: unpriced';

COMMENT ON COLUMN uuids.level_event.prices IS 'that decided, for what the account holds, as of margin.prices()';

COMMENT ON COLUMN uuids.level_event.cause IS 'why the account was judged, in the words of the caller';

COMMENT ON COLUMN uuids.level_event.changed_by IS 'the role that acted';

COMMENT ON COLUMN uuids.level_event.changed_at IS 'start of the transaction';

COMMENT ON COLUMN uuids.level_event.txid IS 'the transaction';

COMMENT ON COLUMN uuids.level_event.paused IS 'the worse level at which it would be, and stays where it is because of a price held; null: the level changed';

COMMENT ON COLUMN uuids.level_event.held IS 'the prices held that matter to it, where paused: {"assets": {"BTC": 30000}, "contracts": {}}';

COMMENT ON COLUMN uuids.level_event.market_id IS 'the published market by which it was judged; null: that is not published';

COMMENT ON CONSTRAINT level_event_changes ON uuids.level_event IS 'no change is no event, unless there would have been one';

ALTER TABLE uuids.level_event ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME uuids.level_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE uuids.repayment_entry (
    account_id uuid NOT NULL,
    booked_at timestamp with time zone NOT NULL,
    booked_by name DEFAULT margin.acting_user() NOT NULL,
    house_account_id uuid NOT NULL,
    forced boolean NOT NULL,
    step integer NOT NULL,
    outcome margin.repayment_outcome,
    debt_asset text,
    funding_asset text,
    paid numeric,
    repaid numeric,
    debt_price numeric,
    funding_price numeric,
    conversion_discount numeric,
    paid_value numeric,
    repaid_value numeric,
    remaining_debt numeric,
    remaining_due numeric,
    level margin.level
);

ALTER TABLE uuids.repayment_entry OWNER TO keeper;

COMMENT ON TABLE uuids.repayment_entry IS 'journal of repay(): one row per conversion, which moved paid from the account to the house account and repaid back';

COMMENT ON COLUMN uuids.repayment_entry.account_id IS 'the account whose debt was repaid';

COMMENT ON COLUMN uuids.repayment_entry.booked_at IS 'when repay() had read the account, by the clock; the conversions of one call share it';

COMMENT ON COLUMN uuids.repayment_entry.booked_by IS 'who called repay()';

COMMENT ON COLUMN uuids.repayment_entry.house_account_id IS 'the account that took the other side';

COMMENT ON COLUMN uuids.repayment_entry.forced IS 'whether conversions that worsen the level were allowed';

COMMENT ON COLUMN uuids.repayment_entry.step IS 'number of the row, from 1';

COMMENT ON COLUMN uuids.repayment_entry.outcome IS 'converted, skipped (it would worsen the level), unpaid (what remains due of a debt) or unpriced';

COMMENT ON COLUMN uuids.repayment_entry.debt_asset IS 'asset of negative equity';

COMMENT ON COLUMN uuids.repayment_entry.funding_asset IS 'asset that is converted into it';

COMMENT ON COLUMN uuids.repayment_entry.paid IS 'units of the funding asset given, rounded up at the 18th decimal; all there is, exactly, if that is not enough';

COMMENT ON COLUMN uuids.repayment_entry.repaid IS 'units of the debt repaid: what is due, exactly; or what all of the funding asset brings, rounded down at the 18th decimal';

COMMENT ON COLUMN uuids.repayment_entry.debt_price IS 'index price of the debt, USD per unit, whatever its bounds low and high';

COMMENT ON COLUMN uuids.repayment_entry.funding_price IS 'index price of the funding asset, USD per unit, whatever its bounds low and high';

COMMENT ON COLUMN uuids.repayment_entry.conversion_discount IS 'part of its index price at which the funding asset is converted';

COMMENT ON COLUMN uuids.repayment_entry.paid_value IS 'paid * funding_price, USD';

COMMENT ON COLUMN uuids.repayment_entry.repaid_value IS 'repaid * debt_price, USD';

COMMENT ON COLUMN uuids.repayment_entry.remaining_debt IS 'what the account owes after the row, units of the debt, >= 0';

COMMENT ON COLUMN uuids.repayment_entry.remaining_due IS 'what of that is still due, units of the debt, >= 0';

COMMENT ON COLUMN uuids.repayment_entry.level IS 'of the account after the row; of a skipped conversion the level it would have had';

CREATE VIEW uuids.report_concentration WITH (security_invoker='true') AS
 SELECT report_concentration.asset,
    report_concentration.accounts,
    report_concentration.unvalued,
    report_concentration.asset_equity,
    report_concentration.price,
    report_concentration.net_asset_value,
    report_concentration.collateral_value,
    report_concentration.share,
    report_concentration.largest,
    report_concentration.haircut,
    report_concentration.lost_to_tiers
   FROM uuids.report_concentration() report_concentration(asset, accounts, unvalued, asset_equity, price, net_asset_value, collateral_value, share, largest, haircut, lost_to_tiers);

ALTER TABLE uuids.report_concentration OWNER TO keeper;

COMMENT ON VIEW uuids.report_concentration IS 'the collateral of all accounts, asset by asset, now';

COMMENT ON COLUMN uuids.report_concentration.asset IS 'an asset that accounts have a positive equity in';

COMMENT ON COLUMN uuids.report_concentration.accounts IS 'how many accounts';

COMMENT ON COLUMN uuids.report_concentration.unvalued IS 'how many of them are not in the sums, as something lacks a price or parameter';

COMMENT ON COLUMN uuids.report_concentration.asset_equity IS 'sum of what they have of it, units of the asset; also of those unvalued, where known';

COMMENT ON COLUMN uuids.report_concentration.price IS 'index price, USD per unit; null: none';

COMMENT ON COLUMN uuids.report_concentration.net_asset_value IS 'at index price, USD';

COMMENT ON COLUMN uuids.report_concentration.collateral_value IS 'at its collateral ratios, USD';

COMMENT ON COLUMN uuids.report_concentration.share IS 'of the collateral value of all assets, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN uuids.report_concentration.largest IS 'collateral value of the account that has most, USD';

COMMENT ON COLUMN uuids.report_concentration.haircut IS 'net_asset_value - collateral_value, USD';

COMMENT ON COLUMN uuids.report_concentration.lost_to_tiers IS 'the part of the haircut that is due to tiers above the first: what would count more if the first ratio held for any amount, USD';

CREATE VIEW uuids.report_exposure WITH (security_invoker='true') AS
 SELECT report_exposure.contract,
    report_exposure.settle,
    report_exposure.accounts,
    report_exposure.mark,
    report_exposure.long,
    report_exposure.short,
    report_exposure.net,
    report_exposure.open_interest,
    report_exposure.long_notional,
    report_exposure.short_notional,
    report_exposure.pnl_usd,
    report_exposure.maintenance_margin,
    report_exposure.initial_margin,
    report_exposure.order_margin
   FROM uuids.report_exposure() report_exposure(contract, settle, accounts, mark, long, short, net, open_interest, long_notional, short_notional, pnl_usd, maintenance_margin, initial_margin, order_margin);

ALTER TABLE uuids.report_exposure OWNER TO keeper;

COMMENT ON VIEW uuids.report_exposure IS 'the positions of all accounts, contract by contract, now';

COMMENT ON COLUMN uuids.report_exposure.contract IS 'the contract';

COMMENT ON COLUMN uuids.report_exposure.settle IS 'asset in which it settles; null where the contract is unknown';

COMMENT ON COLUMN uuids.report_exposure.accounts IS 'how many accounts have a position in it';

COMMENT ON COLUMN uuids.report_exposure.mark IS 'settlement asset per unit of the underlying; null: none';

COMMENT ON COLUMN uuids.report_exposure.long IS 'contracts held long, of all accounts';

COMMENT ON COLUMN uuids.report_exposure.short IS 'contracts held short, of all accounts, >= 0';

COMMENT ON COLUMN uuids.report_exposure.net IS 'long - short, contracts';

COMMENT ON COLUMN uuids.report_exposure.open_interest IS 'the larger of long and short, contracts; where every counterparty is in the book, both are the same';

COMMENT ON COLUMN uuids.report_exposure.long_notional IS 'of the long side at mark, settlement asset';

COMMENT ON COLUMN uuids.report_exposure.short_notional IS 'of the short side at mark, settlement asset';

COMMENT ON COLUMN uuids.report_exposure.pnl_usd IS 'profit and loss at mark and index price of the settlement asset, USD';

COMMENT ON COLUMN uuids.report_exposure.maintenance_margin IS 'what the positions require to be kept, USD';

COMMENT ON COLUMN uuids.report_exposure.initial_margin IS 'what the positions require to be opened, USD, without orders';

COMMENT ON COLUMN uuids.report_exposure.order_margin IS 'what open orders require on top of that, USD';

CREATE VIEW uuids.report_impact WITH (security_invoker='true') AS
 SELECT report_impact.account_id,
    report_impact.level_before,
    report_impact.level_after,
    report_impact.equity_before,
    report_impact.equity_after,
    report_impact.equity_change,
    report_impact.maintenance_margin_before,
    report_impact.maintenance_margin_after,
    report_impact.maintenance_margin_change,
    report_impact.available_margin_before,
    report_impact.available_margin_after,
    report_impact.available_margin_change,
    report_impact.missing_after
   FROM uuids.report_impact() report_impact(account_id, level_before, level_after, equity_before, equity_after, equity_change, maintenance_margin_before, maintenance_margin_after, maintenance_margin_change, available_margin_before, available_margin_after, available_margin_change, missing_after);

ALTER TABLE uuids.report_impact OWNER TO keeper;

COMMENT ON VIEW uuids.report_impact IS 'what the next planned change of parameters will do to accounts, at present holdings and prices';

COMMENT ON COLUMN uuids.report_impact.account_id IS 'the account';

COMMENT ON COLUMN uuids.report_impact.level_before IS 'its level now';

COMMENT ON COLUMN uuids.report_impact.level_after IS 'its level with the parameters then';

COMMENT ON COLUMN uuids.report_impact.equity_before IS 'USD, now';

COMMENT ON COLUMN uuids.report_impact.equity_after IS 'USD, with the parameters then';

COMMENT ON COLUMN uuids.report_impact.equity_change IS 'the difference, USD';

COMMENT ON COLUMN uuids.report_impact.maintenance_margin_before IS 'USD, now';

COMMENT ON COLUMN uuids.report_impact.maintenance_margin_after IS 'USD, with the parameters then';

COMMENT ON COLUMN uuids.report_impact.maintenance_margin_change IS 'the difference, USD';

COMMENT ON COLUMN uuids.report_impact.available_margin_before IS 'USD, now';

COMMENT ON COLUMN uuids.report_impact.available_margin_after IS 'USD, with the parameters then';

COMMENT ON COLUMN uuids.report_impact.available_margin_change IS 'the difference, USD';

COMMENT ON COLUMN uuids.report_impact.missing_after IS 'symbols that will lack a parameter';

CREATE VIEW uuids.report_levels WITH (security_invoker='true') AS
 SELECT report_levels.level,
    report_levels.accounts,
    report_levels.equity,
    report_levels.collateral_value,
    report_levels.liabilities,
    report_levels.net_asset_value,
    report_levels.haircut,
    report_levels.unrealized_pnl,
    report_levels.initial_margin,
    report_levels.maintenance_margin,
    report_levels.shortfall,
    report_levels.loss,
    report_levels.initial_equity,
    report_levels.order_margin,
    report_levels.order_loss
   FROM uuids.report_levels() report_levels(level, accounts, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, shortfall, loss, initial_equity, order_margin, order_loss);

ALTER TABLE uuids.report_levels OWNER TO keeper;

COMMENT ON VIEW uuids.report_levels IS 'how many accounts are at each level now, and their totals; amounts are null where there are accounts whose amounts are not known';

COMMENT ON COLUMN uuids.report_levels.level IS 'the level';

COMMENT ON COLUMN uuids.report_levels.accounts IS 'how many accounts are at it';

COMMENT ON COLUMN uuids.report_levels.equity IS 'sum of equity, USD';

COMMENT ON COLUMN uuids.report_levels.collateral_value IS 'sum of collateral_value, USD';

COMMENT ON COLUMN uuids.report_levels.liabilities IS 'sum of liabilities, USD';

COMMENT ON COLUMN uuids.report_levels.net_asset_value IS 'sum of net_asset_value, USD';

COMMENT ON COLUMN uuids.report_levels.haircut IS 'sum of haircut, USD';

COMMENT ON COLUMN uuids.report_levels.unrealized_pnl IS 'sum of unrealized_pnl, USD';

COMMENT ON COLUMN uuids.report_levels.initial_margin IS 'sum of initial_margin, USD';

COMMENT ON COLUMN uuids.report_levels.maintenance_margin IS 'sum of maintenance_margin, USD';

COMMENT ON COLUMN uuids.report_levels.shortfall IS 'sum of shortfall, USD';

COMMENT ON COLUMN uuids.report_levels.loss IS 'what the liabilities of the bankrupt exceed their collateral by, USD, >= 0';

COMMENT ON COLUMN uuids.report_levels.initial_equity IS 'sum of initial_equity, USD';

COMMENT ON COLUMN uuids.report_levels.order_margin IS 'sum of order_margin, USD: the part of initial_margin that is for open orders';

COMMENT ON COLUMN uuids.report_levels.order_loss IS 'sum of order_loss, USD';

CREATE VIEW uuids.report_liquidations WITH (security_invoker='true') AS
 SELECT report_liquidations.asset,
    report_liquidations.move,
    report_liquidations.price,
    report_liquidations.accounts,
    report_liquidations.undercollateralized,
    report_liquidations.bankrupt,
    report_liquidations.unpriced,
    report_liquidations.notional,
    report_liquidations.notional_usd,
    report_liquidations.long_usd,
    report_liquidations.shortfall,
    report_liquidations.loss
   FROM uuids.report_liquidations() report_liquidations(asset, move, price, accounts, undercollateralized, bankrupt, unpriced, notional, notional_usd, long_usd, shortfall, loss);

ALTER TABLE uuids.report_liquidations OWNER TO keeper;

COMMENT ON VIEW uuids.report_liquidations IS 'what moves of the prices that matter most would make of all accounts now';

COMMENT ON COLUMN uuids.report_liquidations.asset IS 'the asset whose price moves';

COMMENT ON COLUMN uuids.report_liquidations.move IS 'change in proportion to its present price: -0.2 is a fall of 20 %';

COMMENT ON COLUMN uuids.report_liquidations.price IS 'its index price then, USD';

COMMENT ON COLUMN uuids.report_liquidations.accounts IS 'how many accounts';

COMMENT ON COLUMN uuids.report_liquidations.undercollateralized IS 'how many of them would be at liquidation or bankrupt';

COMMENT ON COLUMN uuids.report_liquidations.bankrupt IS 'how many of these bankrupt';

COMMENT ON COLUMN uuids.report_liquidations.unpriced IS 'how many cannot be valued, and so are in none of the sums';

COMMENT ON COLUMN uuids.report_liquidations.notional IS 'positions of the undercollateralized by contract, both sides together, USD';

COMMENT ON COLUMN uuids.report_liquidations.notional_usd IS 'sum of notional over all contracts, USD';

COMMENT ON COLUMN uuids.report_liquidations.long_usd IS 'the part of notional_usd that is long';

COMMENT ON COLUMN uuids.report_liquidations.shortfall IS 'sum of what equities lack to maintenance margins, over all accounts, USD, >= 0';

COMMENT ON COLUMN uuids.report_liquidations.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE VIEW uuids.report_losses WITH (security_invoker='true') AS
 SELECT report_losses.account_id,
    report_losses.loss,
    report_losses.share,
    report_losses.collateral_value,
    report_losses.liabilities,
    report_losses.net_asset_value
   FROM uuids.report_losses() report_losses(account_id, loss, share, collateral_value, liabilities, net_asset_value);

ALTER TABLE uuids.report_losses OWNER TO keeper;

COMMENT ON VIEW uuids.report_losses IS 'the 20 accounts whose liabilities exceed their collateral by most now';

COMMENT ON COLUMN uuids.report_losses.account_id IS 'the account';

COMMENT ON COLUMN uuids.report_losses.loss IS 'liabilities - collateral_value, USD';

COMMENT ON COLUMN uuids.report_losses.share IS 'of the loss of all accounts, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN uuids.report_losses.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN uuids.report_losses.liabilities IS 'negative asset equities at their liability weights, USD';

COMMENT ON COLUMN uuids.report_losses.net_asset_value IS 'asset equities at index price; where it is not below 0, assets that do not count would cover the loss';

CREATE VIEW uuids.report_movers WITH (security_invoker='true') AS
 SELECT report_movers.account_id,
    report_movers.level_before,
    report_movers.level_by_holdings,
    report_movers.level_by_prices,
    report_movers.level_after,
    report_movers.equity_before,
    report_movers.equity_by_holdings,
    report_movers.equity_by_prices,
    report_movers.equity_by_parameters,
    report_movers.equity_after,
    report_movers.margin_before,
    report_movers.margin_by_holdings,
    report_movers.margin_by_prices,
    report_movers.margin_by_parameters,
    report_movers.margin_after
   FROM uuids.report_movers(now()) report_movers(account_id, level_before, level_by_holdings, level_by_prices, level_after, equity_before, equity_by_holdings, equity_by_prices, equity_by_parameters, equity_after, margin_before, margin_by_holdings, margin_by_prices, margin_by_parameters, margin_after);

ALTER TABLE uuids.report_movers OWNER TO keeper;

COMMENT ON VIEW uuids.report_movers IS 'the accounts that changed level since the latest snapshot, and what moved them; an error if there is no snapshot';

COMMENT ON COLUMN uuids.report_movers.account_id IS 'the account';

COMMENT ON COLUMN uuids.report_movers.level_before IS 'its level at the earlier time';

COMMENT ON COLUMN uuids.report_movers.level_by_holdings IS 'what the later holdings would have made of it';

COMMENT ON COLUMN uuids.report_movers.level_by_prices IS 'what the later holdings at the later prices would have made of it';

COMMENT ON COLUMN uuids.report_movers.level_after IS 'its level at the later time';

COMMENT ON COLUMN uuids.report_movers.equity_before IS 'USD, at the earlier time';

COMMENT ON COLUMN uuids.report_movers.equity_by_holdings IS 'what changed holdings added, USD';

COMMENT ON COLUMN uuids.report_movers.equity_by_prices IS 'what changed prices then added, USD';

COMMENT ON COLUMN uuids.report_movers.equity_by_parameters IS 'what changed parameters then added, USD';

COMMENT ON COLUMN uuids.report_movers.equity_after IS 'USD, at the later time';

COMMENT ON COLUMN uuids.report_movers.margin_before IS 'maintenance margin in USD, at the earlier time';

COMMENT ON COLUMN uuids.report_movers.margin_by_holdings IS 'what changed holdings added, USD';

COMMENT ON COLUMN uuids.report_movers.margin_by_prices IS 'what changed prices then added, USD';

COMMENT ON COLUMN uuids.report_movers.margin_by_parameters IS 'what changed parameters then added, USD';

COMMENT ON COLUMN uuids.report_movers.margin_after IS 'maintenance margin in USD, at the later time';

CREATE TABLE uuids.report_run (
    id bigint NOT NULL,
    started_at timestamp with time zone DEFAULT statement_timestamp() NOT NULL,
    finished_at timestamp with time zone,
    status margin.run_status DEFAULT 'running'::margin.run_status NOT NULL,
    step text,
    level_changes integer,
    taken_at timestamp with time zone,
    days_dropped integer,
    prices_pruned bigint,
    sqlstate text,
    error text,
    run_by name DEFAULT CURRENT_USER NOT NULL,
    pid integer DEFAULT pg_backend_pid() NOT NULL
);

ALTER TABLE uuids.report_run OWNER TO keeper;

COMMENT ON TABLE uuids.report_run IS 'every call of margin.run_reports() for this book, written as it goes; rows may be deleted when they are no longer of use';

COMMENT ON COLUMN uuids.report_run.id IS 'in the order of the calls';

COMMENT ON COLUMN uuids.report_run.started_at IS 'when it was called';

COMMENT ON COLUMN uuids.report_run.finished_at IS 'when it ended; null: it has not, or its session was killed and nobody has run reports since';

COMMENT ON COLUMN uuids.report_run.status IS 'running, done, failed, or skipped because the one before was still running';

COMMENT ON COLUMN uuids.report_run.step IS 'the step it is at, or failed in: partitions, levels, snapshot, retention';

COMMENT ON COLUMN uuids.report_run.level_changes IS 'how many accounts changed level';

COMMENT ON COLUMN uuids.report_run.taken_at IS 'the snapshot it took';

COMMENT ON COLUMN uuids.report_run.days_dropped IS 'how many UTC days of snapshots were too old';

COMMENT ON COLUMN uuids.report_run.prices_pruned IS 'how many rows of price history were too old; null: not its business, as the venue belongs to another role';

COMMENT ON COLUMN uuids.report_run.sqlstate IS 'of the error it failed with';

COMMENT ON COLUMN uuids.report_run.error IS 'the error it failed with';

COMMENT ON COLUMN uuids.report_run.run_by IS 'the role that called it';

COMMENT ON COLUMN uuids.report_run.pid IS 'the process it runs in; margin.progress tells how far that is';

ALTER TABLE uuids.report_run ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (
    SEQUENCE NAME uuids.report_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

COMMENT ON SEQUENCE uuids.report_run_id_seq IS 'numbers of report_run';

CREATE VIEW uuids.report_shortfalls WITH (security_invoker='true') AS
 SELECT report_shortfalls.account_id,
    report_shortfalls.level,
    report_shortfalls.shortfall,
    report_shortfalls.share,
    report_shortfalls.equity,
    report_shortfalls.maintenance_margin,
    report_shortfalls.margin_ratio
   FROM uuids.report_shortfalls() report_shortfalls(account_id, level, shortfall, share, equity, maintenance_margin, margin_ratio);

ALTER TABLE uuids.report_shortfalls OWNER TO keeper;

COMMENT ON VIEW uuids.report_shortfalls IS 'the 20 accounts that lack most to their maintenance margin now';

COMMENT ON COLUMN uuids.report_shortfalls.account_id IS 'the account';

COMMENT ON COLUMN uuids.report_shortfalls.level IS 'its level';

COMMENT ON COLUMN uuids.report_shortfalls.shortfall IS 'maintenance_margin - equity, USD';

COMMENT ON COLUMN uuids.report_shortfalls.share IS 'of the shortfall of all accounts, 0 to 1, rounded to 8 decimals';

COMMENT ON COLUMN uuids.report_shortfalls.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.report_shortfalls.maintenance_margin IS 'what its positions and debts require to be kept, USD';

COMMENT ON COLUMN uuids.report_shortfalls.margin_ratio IS 'maintenance_margin / judged equity; null unless that is above 0';

CREATE VIEW uuids.report_stress WITH (security_invoker='true') AS
 SELECT report_stress.scenario,
    report_stress.accounts,
    report_stress.warning,
    report_stress.margin_call,
    report_stress.liquidation,
    report_stress.bankrupt,
    report_stress.unpriced,
    report_stress.equity,
    report_stress.maintenance_margin,
    report_stress.loss
   FROM uuids.report_stress() report_stress(scenario, accounts, warning, margin_call, liquidation, bankrupt, unpriced, equity, maintenance_margin, loss);

ALTER TABLE uuids.report_stress OWNER TO keeper;

COMMENT ON VIEW uuids.report_stress IS 'what the scenarios of the venue would make of all accounts now';

COMMENT ON COLUMN uuids.report_stress.scenario IS 'name of the scenario';

COMMENT ON COLUMN uuids.report_stress.accounts IS 'how many accounts';

COMMENT ON COLUMN uuids.report_stress.warning IS 'how many of them would be at warning';

COMMENT ON COLUMN uuids.report_stress.margin_call IS 'how many at margin_call';

COMMENT ON COLUMN uuids.report_stress.liquidation IS 'how many at liquidation';

COMMENT ON COLUMN uuids.report_stress.bankrupt IS 'how many bankrupt';

COMMENT ON COLUMN uuids.report_stress.unpriced IS 'how many unpriced, and so in none of the totals';

COMMENT ON COLUMN uuids.report_stress.equity IS 'sum of equity, USD';

COMMENT ON COLUMN uuids.report_stress.maintenance_margin IS 'sum of what positions and debts require to be kept, USD';

COMMENT ON COLUMN uuids.report_stress.loss IS 'sum of what negative equities leave beyond the collateral, USD, >= 0';

CREATE VIEW uuids.report_unpriced WITH (security_invoker='true') AS
 SELECT report_unpriced.account_id,
    report_unpriced.missing
   FROM uuids.report_unpriced() report_unpriced(account_id, missing);

ALTER TABLE uuids.report_unpriced OWNER TO keeper;

COMMENT ON VIEW uuids.report_unpriced IS 'the accounts that cannot be valued now, and what they lack';

COMMENT ON COLUMN uuids.report_unpriced.account_id IS 'the account';

COMMENT ON COLUMN uuids.report_unpriced.missing IS 'symbols that lack a price or parameter, in byte order';

CREATE TABLE uuids.snapshot_retention (
    keep interval NOT NULL,
    only_row boolean DEFAULT true NOT NULL,
    CONSTRAINT snapshot_retention_keep_range CHECK ((keep >= '00:00:00'::interval)),
    CONSTRAINT snapshot_retention_one_row CHECK (only_row)
);

ALTER TABLE uuids.snapshot_retention OWNER TO keeper;

COMMENT ON TABLE uuids.snapshot_retention IS 'how long snapshots are kept, in at most one row; none: for ever';

COMMENT ON COLUMN uuids.snapshot_retention.keep IS 'days that ended longer ago are dropped by margin.prune_snapshots()';

COMMENT ON COLUMN uuids.snapshot_retention.only_row IS 'true';

COMMENT ON CONSTRAINT snapshot_retention_keep_range ON uuids.snapshot_retention IS 'what is yet to come is not pruned';

COMMENT ON CONSTRAINT snapshot_retention_one_row ON uuids.snapshot_retention IS 'one setting for all';

CREATE VIEW uuids.undercollateralized WITH (security_invoker='true') AS
 SELECT account_margin.account_id,
    account_margin.equity,
    account_margin.collateral_value,
    account_margin.liabilities,
    account_margin.net_asset_value,
    account_margin.haircut,
    account_margin.unrealized_pnl,
    account_margin.initial_margin,
    account_margin.maintenance_margin,
    account_margin.available_margin,
    account_margin.shortfall,
    account_margin.margin_ratio,
    account_margin.level,
    account_margin.missing,
    account_margin.initial_equity,
    account_margin.order_margin,
    account_margin.order_loss
   FROM uuids.account_margin
  WHERE (account_margin.level = ANY (ARRAY['liquidation'::margin.level, 'bankrupt'::margin.level]));

ALTER TABLE uuids.undercollateralized OWNER TO keeper;

COMMENT ON VIEW uuids.undercollateralized IS 'accounts at liquidation or bankrupt; an unpriced account may belong here too and is in the view unpriced';

COMMENT ON COLUMN uuids.undercollateralized.account_id IS 'the account';

COMMENT ON COLUMN uuids.undercollateralized.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.undercollateralized.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN uuids.undercollateralized.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN uuids.undercollateralized.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN uuids.undercollateralized.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN uuids.undercollateralized.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN uuids.undercollateralized.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN uuids.undercollateralized.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN uuids.undercollateralized.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN uuids.undercollateralized.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN uuids.undercollateralized.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN uuids.undercollateralized.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN uuids.undercollateralized.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN uuids.undercollateralized.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN uuids.undercollateralized.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN uuids.undercollateralized.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE VIEW uuids.unpriced WITH (security_invoker='true') AS
 SELECT account_margin.account_id,
    account_margin.equity,
    account_margin.collateral_value,
    account_margin.liabilities,
    account_margin.net_asset_value,
    account_margin.haircut,
    account_margin.unrealized_pnl,
    account_margin.initial_margin,
    account_margin.maintenance_margin,
    account_margin.available_margin,
    account_margin.shortfall,
    account_margin.margin_ratio,
    account_margin.level,
    account_margin.missing,
    account_margin.initial_equity,
    account_margin.order_margin,
    account_margin.order_loss
   FROM uuids.account_margin
  WHERE (account_margin.level = 'unpriced'::margin.level);

ALTER TABLE uuids.unpriced OWNER TO keeper;

COMMENT ON VIEW uuids.unpriced IS 'accounts that cannot be valued, and what they lack';

COMMENT ON COLUMN uuids.unpriced.account_id IS 'the account';

COMMENT ON COLUMN uuids.unpriced.equity IS 'collateral_value - liabilities, USD';

COMMENT ON COLUMN uuids.unpriced.collateral_value IS 'positive asset equities at their collateral ratios, USD';

COMMENT ON COLUMN uuids.unpriced.liabilities IS 'negative asset equities at their liability weights, USD, >= 0';

COMMENT ON COLUMN uuids.unpriced.net_asset_value IS 'asset equities at index price, without ratios and weights, USD';

COMMENT ON COLUMN uuids.unpriced.haircut IS 'net_asset_value - equity, USD';

COMMENT ON COLUMN uuids.unpriced.unrealized_pnl IS 'profit and loss of all positions at mark, at the index price of their settlement asset, USD';

COMMENT ON COLUMN uuids.unpriced.initial_margin IS 'what is required to open the positions, orders and debts, USD';

COMMENT ON COLUMN uuids.unpriced.maintenance_margin IS 'what is required to keep them, USD';

COMMENT ON COLUMN uuids.unpriced.available_margin IS 'initial_equity - initial_margin - order_loss, USD; may be negative';

COMMENT ON COLUMN uuids.unpriced.shortfall IS 'max(0, maintenance_margin - equity), USD; null: unpriced, so order by shortfall DESC NULLS LAST';

COMMENT ON COLUMN uuids.unpriced.margin_ratio IS 'maintenance_margin / judged_equity, which is equity unless the market''s orders_reduce_equity takes something of it, rounded half away from zero to 8 decimals; null unless that is > 0';

COMMENT ON COLUMN uuids.unpriced.level IS 'decided on the exact amounts, not on the rounded ratio; unpriced sorts above liquidation and bankrupt';

COMMENT ON COLUMN uuids.unpriced.missing IS 'symbols that lack a price or parameter, in byte order; null if none does';

COMMENT ON COLUMN uuids.unpriced.initial_equity IS 'equity by the initial tiers and weights, by which orders and withdrawals are judged, USD';

COMMENT ON COLUMN uuids.unpriced.order_margin IS 'the part of initial_margin that open orders require, USD, >= 0';

COMMENT ON COLUMN uuids.unpriced.order_loss IS 'what open orders would lose if they filled at their prices now: buys above the mark, sells below it, USD, >= 0';

CREATE TABLE uuids.wallet_0 (
    owner uuid,
    coin text,
    amount numeric
);

ALTER TABLE uuids.wallet_0 OWNER TO keeper;

CREATE TABLE uuids.wallet_1 (
    owner uuid,
    coin text,
    amount numeric
);

ALTER TABLE uuids.wallet_1 OWNER TO keeper;

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261130 FOR VALUES FROM ('2026-11-30 00:00:00+00') TO ('2026-12-01 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261204 FOR VALUES FROM ('2026-12-04 00:00:00+00') TO ('2026-12-05 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261205 FOR VALUES FROM ('2026-12-05 00:00:00+00') TO ('2026-12-06 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261206 FOR VALUES FROM ('2026-12-06 00:00:00+00') TO ('2026-12-07 00:00:00+00');

ALTER TABLE ONLY house.account_snapshot ATTACH PARTITION house.account_snapshot_20261207 FOR VALUES FROM ('2026-12-07 00:00:00+00') TO ('2026-12-08 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261130 FOR VALUES FROM ('2026-11-30 00:00:00+00') TO ('2026-12-01 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261201 FOR VALUES FROM ('2026-12-01 00:00:00+00') TO ('2026-12-02 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261202 FOR VALUES FROM ('2026-12-02 00:00:00+00') TO ('2026-12-03 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261203 FOR VALUES FROM ('2026-12-03 00:00:00+00') TO ('2026-12-04 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261204 FOR VALUES FROM ('2026-12-04 00:00:00+00') TO ('2026-12-05 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261205 FOR VALUES FROM ('2026-12-05 00:00:00+00') TO ('2026-12-06 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261206 FOR VALUES FROM ('2026-12-06 00:00:00+00') TO ('2026-12-07 00:00:00+00');

ALTER TABLE ONLY house.snapshot ATTACH PARTITION house.snapshot_20261207 FOR VALUES FROM ('2026-12-07 00:00:00+00') TO ('2026-12-08 00:00:00+00');

ALTER TABLE ONLY uuids.wallet ATTACH PARTITION uuids.wallet_0 FOR VALUES WITH (modulus 2, remainder 0);

ALTER TABLE ONLY uuids.wallet ATTACH PARTITION uuids.wallet_1 FOR VALUES WITH (modulus 2, remainder 1);

COPY desk.stored (id, p, m, s, r, v, a, c, level, method, tier_unit, netting, side) FROM stdin;
1	{"balances": {"USDT": 1000007.712}}	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	whole {0: 0.004, 50000: 0.005}	{0: 0.9, 1: 0.8}	(1000007.712,1000007.712,0,1000007.712,0,0,0,0,1000007.712,0,0.00000000,healthy,,1000007.712,0,0)	{"(BTC,61000.5,\\"{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}\\",quantity,1,1,\\"{0: 0.1}\\",,,,)","(ETH,3000.123456789012345678,\\"{0: 0.9, 1000000: 0.8}\\",value,1.1,1.5,,2999.5,3000.5,\\"{0: 0.8, 1000000: 0.7}\\",)","(OLD,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDC,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDT,1,\\"{0: 1}\\",quantity,1.2,1,\\"{0: 0.02, 1000: 0.04}\\",,,,)","(\\"o'dd\\\\\\\\N\té数\\",1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,\\"{0: 0.3333333333333333333333333333333333}\\",quantity,1,1,,,,,)"}	{"(BTC_USDT,USDT,BTC,0.001,59999.5,\\"{0: 0.005, 1000000: 0.01}\\",\\"whole {0: 0.01, 1000000: 0.02}\\",leg,0,0,notional,f)","(ETH_USDT,USDT,ETH,0.01,3001.5,\\"whole {0: 0.005, 5000: 0.01}\\",,net,0.0005,0.001,contracts,t)"}	margin_call	whole	value	larger	short
2	{"balances": {"BTC": 0.1, "USDT": 9998.798}, "orders": {"BTC_USDT": {"buy": {"59000.5": [10, 0.5]}, "sell": {"61000": [5.5, 0]}}}, "positions": {"BTC_USDT": {"long": 300, "long_cost": 18150150, "short": 100, "short_cost": 5900000, "short_margin": 5}}}	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	whole {0: 0.004, 50000: 0.005}	{0: 0.9, 1: 0.8}	(15696.09675,15696.09675,0,15848.598,152.50125,-250.25,485.89605,119.999,15210.2007,0,0.00764802,healthy,,15696.09675,5.90005,0)	{"(BTC,61000.5,\\"{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}\\",quantity,1,1,\\"{0: 0.1}\\",,,,)","(ETH,3000.123456789012345678,\\"{0: 0.9, 1000000: 0.8}\\",value,1.1,1.5,,2999.5,3000.5,\\"{0: 0.8, 1000000: 0.7}\\",)","(OLD,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDC,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDT,1,\\"{0: 1}\\",quantity,1.2,1,\\"{0: 0.02, 1000: 0.04}\\",,,,)","(\\"o'dd\\\\\\\\N\té数\\",1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,\\"{0: 0.3333333333333333333333333333333333}\\",quantity,1,1,,,,,)"}	{"(BTC_USDT,USDT,BTC,0.001,59999.5,\\"{0: 0.005, 1000000: 0.01}\\",\\"whole {0: 0.01, 1000000: 0.02}\\",leg,0,0,notional,f)","(ETH_USDT,USDT,ETH,0.01,3001.5,\\"whole {0: 0.005, 5000: 0.01}\\",,net,0.0005,0.001,contracts,t)"}	margin_call	whole	value	larger	short
3	{"balances": {"BTC": 2, "USDT": -20000.2}, "positions": {"ETH_USDT": {"long": 50, "long_margin": 16.666666666666666667}}}	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	whole {0: 0.004, 50000: 0.005}	{0: 0.9, 1: 0.8}	(96446.6325,118645.9725,22199.34,103501.55,7054.9175,1500.75,1221.728750000000000010005,728.232125,95224.903749999999999989995,0,0.00755062,healthy,,96446.6325,0,0)	{"(BTC,61000.5,\\"{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}\\",quantity,1,1,\\"{0: 0.1}\\",,,,)","(ETH,3000.123456789012345678,\\"{0: 0.9, 1000000: 0.8}\\",value,1.1,1.5,,2999.5,3000.5,\\"{0: 0.8, 1000000: 0.7}\\",)","(OLD,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDC,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDT,1,\\"{0: 1}\\",quantity,1.2,1,\\"{0: 0.02, 1000: 0.04}\\",,,,)","(\\"o'dd\\\\\\\\N\té数\\",1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,\\"{0: 0.3333333333333333333333333333333333}\\",quantity,1,1,,,,,)"}	{"(BTC_USDT,USDT,BTC,0.001,59999.5,\\"{0: 0.005, 1000000: 0.01}\\",\\"whole {0: 0.01, 1000000: 0.02}\\",leg,0,0,notional,f)","(ETH_USDT,USDT,ETH,0.01,3001.5,\\"whole {0: 0.005, 5000: 0.01}\\",,net,0.0005,0.001,contracts,t)"}	margin_call	whole	value	larger	short
4	{"balances": {"OLD": 1}}	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	whole {0: 0.004, 50000: 0.005}	{0: 0.9, 1: 0.8}	(,,,,,,,,,,,unpriced,{OLD},,,)	{"(BTC,61000.5,\\"{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}\\",quantity,1,1,\\"{0: 0.1}\\",,,,)","(ETH,3000.123456789012345678,\\"{0: 0.9, 1000000: 0.8}\\",value,1.1,1.5,,2999.5,3000.5,\\"{0: 0.8, 1000000: 0.7}\\",)","(OLD,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDC,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDT,1,\\"{0: 1}\\",quantity,1.2,1,\\"{0: 0.02, 1000: 0.04}\\",,,,)","(\\"o'dd\\\\\\\\N\té数\\",1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,\\"{0: 0.3333333333333333333333333333333333}\\",quantity,1,1,,,,,)"}	{"(BTC_USDT,USDT,BTC,0.001,59999.5,\\"{0: 0.005, 1000000: 0.01}\\",\\"whole {0: 0.01, 1000000: 0.02}\\",leg,0,0,notional,f)","(ETH_USDT,USDT,ETH,0.01,3001.5,\\"whole {0: 0.005, 5000: 0.01}\\",,net,0.0005,0.001,contracts,t)"}	margin_call	whole	value	larger	short
5	{"balances": {"nowhere": 1}}	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	whole {0: 0.004, 50000: 0.005}	{0: 0.9, 1: 0.8}	(,,,,,,,,,,,unpriced,{nowhere},,,)	{"(BTC,61000.5,\\"{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}\\",quantity,1,1,\\"{0: 0.1}\\",,,,)","(ETH,3000.123456789012345678,\\"{0: 0.9, 1000000: 0.8}\\",value,1.1,1.5,,2999.5,3000.5,\\"{0: 0.8, 1000000: 0.7}\\",)","(OLD,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDC,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDT,1,\\"{0: 1}\\",quantity,1.2,1,\\"{0: 0.02, 1000: 0.04}\\",,,,)","(\\"o'dd\\\\\\\\N\té数\\",1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,\\"{0: 0.3333333333333333333333333333333333}\\",quantity,1,1,,,,,)"}	{"(BTC_USDT,USDT,BTC,0.001,59999.5,\\"{0: 0.005, 1000000: 0.01}\\",\\"whole {0: 0.01, 1000000: 0.02}\\",leg,0,0,notional,f)","(ETH_USDT,USDT,ETH,0.01,3001.5,\\"whole {0: 0.005, 5000: 0.01}\\",,net,0.0005,0.001,contracts,t)"}	margin_call	whole	value	larger	short
6	{"balances": {"o'dd\\\\N\\té数": 0.000000001}}	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	whole {0: 0.004, 50000: 0.005}	{0: 0.9, 1: 0.8}	(333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000,333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000,0,1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,666666666666666666666666666666666700000000000000000000000000000000000000000000000000000000,0,0,0,333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000,0,0.00000000,healthy,,333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000,0,0)	{"(BTC,61000.5,\\"{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}\\",quantity,1,1,\\"{0: 0.1}\\",,,,)","(ETH,3000.123456789012345678,\\"{0: 0.9, 1000000: 0.8}\\",value,1.1,1.5,,2999.5,3000.5,\\"{0: 0.8, 1000000: 0.7}\\",)","(OLD,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDC,,\\"{0: 1}\\",quantity,1,1,,,,,)","(USDT,1,\\"{0: 1}\\",quantity,1.2,1,\\"{0: 0.02, 1000: 0.04}\\",,,,)","(\\"o'dd\\\\\\\\N\té数\\",1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000,\\"{0: 0.3333333333333333333333333333333333}\\",quantity,1,1,,,,,)"}	{"(BTC_USDT,USDT,BTC,0.001,59999.5,\\"{0: 0.005, 1000000: 0.01}\\",\\"whole {0: 0.01, 1000000: 0.02}\\",leg,0,0,notional,f)","(ETH_USDT,USDT,ETH,0.01,3001.5,\\"whole {0: 0.005, 5000: 0.01}\\",,net,0.0005,0.001,contracts,t)"}	margin_call	whole	value	larger	short
\.

COPY house.account_level (account_id, level, since, epoch, room, mask, portfolio, paused) FROM stdin;
5	healthy	2026-11-30 18:35:26.669029+00	0	1	32	{"balances": {"o'dd\\\\N\\té数": 0.000000001}}	\N
7	healthy	2026-11-30 18:35:26.669029+00	0	1	0	{}	\N
9	healthy	2026-11-30 18:35:26.669029+00	0	1	0	{}	\N
11	healthy	2026-11-30 18:35:26.669029+00	0	0.999	145	{"balances": {"BTC": 1}, "orders": {"ETH_USDT": {"buy": {"3000.25": [3, 0]}}}}	\N
3	unpriced	2026-11-30 18:35:26.669029+00	-1	0	4	{"balances": {"OLD": 1}}	\N
4	unpriced	2026-11-30 18:35:26.669029+00	-1	0	0	{"balances": {"nowhere": 1}}	\N
6	liquidation	2026-11-30 18:35:26.669029+00	1	0.00155	80	{"balances": {"USDT": 93.99}, "positions": {"BTC_USDT": {"long": 1000, "long_cost": 60000000}}}	\N
10	healthy	2026-11-30 18:35:26.669029+00	1	0.16899999999999998	18	{"balances": {"ETH": 20, "USDT": -30000.3}}	\N
2	healthy	2026-11-30 18:35:26.669029+00	1	0.6479999999999999	145	{"balances": {"BTC": 2, "USDT": -20000.2}, "positions": {"ETH_USDT": {"long": 50, "long_margin": 16.666666666666666667}}}	\N
1	healthy	2026-11-30 18:35:26.669029+00	1	0.843	81	{"balances": {"BTC": 0.1, "USDT": 9998.798}, "orders": {"BTC_USDT": {"buy": {"59000.5": [10, 0.5]}, "sell": {"61000": [5.5, 0]}}}, "positions": {"BTC_USDT": {"long": 300, "long_cost": 18150150, "short": 100, "short_cost": 5900000, "short_margin": 5}}}	\N
-900	healthy	2026-11-30 18:35:26.669029+00	1	1	16	{"balances": {"USDT": 1000007.712}}	\N
\.

COPY house.account_snapshot_20261130 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
2026-11-30 18:35:26.859801+00	-900	{"balances": {"USDT": 1000000}}	1000000	1000000	0	1000000	0	0	0	0	1000000	0	0.00000000	healthy	\N	1000000	0	0
2026-11-30 18:35:26.859801+00	1	{"balances": {"BTC": 0.1, "USDT": 10000}, "orders": {"BTC_USDT": {"buy": {"59000.5": [10, 0.5]}, "sell": {"61000": [5.5, 0]}}}, "positions": {"BTC_USDT": {"long": 300, "long_cost": 18150150, "short": 100, "short_cost": 5900000, "short_margin": 5}}}	15619.85	15619.85	0	15769.85	150	-230.15	486.70005	120.2	15133.14995	0	0.00769824	healthy	\N	15619.85	5.90005	0
2026-11-30 18:35:26.859801+00	2	{"balances": {"BTC": 2, "USDT": -20000}, "positions": {"ETH_USDT": {"long": 50, "long_margin": 16.666666666666666667}}}	94500.9	116700	22199.1	101500.75	6999.85	1500.75	1221.720750000000000010005	728.224125	93279.179249999999999989995	0	0.00770600	healthy	\N	94500.9	0	0
2026-11-30 18:35:26.859801+00	5	{"balances": {"o'dd\\\\N\\té数": 0.000000001}}	333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000	333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000	0	1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000	666666666666666666666666666666666700000000000000000000000000000000000000000000000000000000	0	0	0	333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000	0	0.00000000	healthy	\N	333333333333333333333333333333333300000000000000000000000000000000000000000000000000000000	0	0
2026-11-30 18:35:26.859801+00	7	{}	0	0	0	0	0	0	0	0	0	0	\N	healthy	\N	0	0	0
2026-11-30 18:35:26.859801+00	9	{}	0	0	0	0	0	0	0	0	0	0	\N	healthy	\N	0	0	0
2026-11-30 18:35:26.859801+00	10	{"balances": {"ETH": 20, "USDT": -30000}}	17991	53991	36000	30002.46913578024691356	12011.46913578024691356	0	1180	1180	10812	0	0.06558835	healthy	\N	11992	0	0
2026-11-30 18:35:26.859801+00	11	{"balances": {"BTC": 1}, "orders": {"ETH_USDT": {"buy": {"3000.25": [3, 0]}}}}	58500	58500	0	60000	1500	0	0.49522875	0.49522875	58499.50477125	0	0.00000847	healthy	\N	58500	0.49522875	0
2026-11-30 18:35:26.859801+00	3	{"balances": {"OLD": 1}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	unpriced	{OLD}	\N	\N	\N
2026-11-30 18:35:26.859801+00	4	{"balances": {"nowhere": 1}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	unpriced	{nowhere}	\N	\N	\N
2026-11-30 18:35:26.859801+00	6	{"balances": {"USDT": 100}, "positions": {"BTC_USDT": {"long": 1000, "long_cost": 60000000}}}	200	200	0	200	0	100	601	300.5	-401	100.5	1.50250000	liquidation	\N	200	0	0
2026-11-30 18:35:27.196778+00	-900	{"balances": {"USDT": 1000007.712}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
2026-11-30 18:35:27.196778+00	1	{"balances": {"BTC": 0.1, "USDT": 9998.798}, "orders": {"BTC_USDT": {"buy": {"59000.5": [10, 0.5]}, "sell": {"61000": [5.5, 0]}}}, "positions": {"BTC_USDT": {"long": 300, "long_cost": 18150150, "short": 100, "short_cost": 5900000, "short_margin": 5}}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
2026-11-30 18:35:27.196778+00	2	{"balances": {"BTC": 2, "USDT": -20000.2}, "positions": {"ETH_USDT": {"long": 50, "long_margin": 16.666666666666666667}}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
2026-11-30 18:35:27.196778+00	6	{"balances": {"USDT": 93.99}, "positions": {"BTC_USDT": {"long": 1000, "long_cost": 60000000}}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
2026-11-30 18:35:27.196778+00	10	{"balances": {"ETH": 20, "USDT": -30000.3}}	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N	\N
\.

COPY house.account_snapshot_20261201 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.account_snapshot_20261202 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.account_snapshot_20261203 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.account_snapshot_20261204 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.account_snapshot_20261205 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.account_snapshot_20261206 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.account_snapshot_20261207 (taken_at, account_id, portfolio, equity, collateral_value, liabilities, net_asset_value, haircut, unrealized_pnl, initial_margin, maintenance_margin, available_margin, shortfall, margin_ratio, level, missing, initial_equity, order_margin, order_loss) FROM stdin;
\.

COPY house.accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, balance, quantity, contract_size, mark, rate, free_amount, method, booked_at, booked_by) FROM stdin;
2	interest	USDT	2020-01-01 00:00:00+00	USDT	-0.2	f	-20000	\N	\N	\N	0.0000100	0	whole	2026-11-30 18:35:26.963113+00	keeper
10	interest	USDT	2020-01-01 00:00:00+00	USDT	-0.3	f	-30000	\N	\N	\N	0.0000100	0	whole	2026-11-30 18:35:26.972742+00	keeper
-900	interest	USDT	2020-01-01 00:00:00+00	USDT	0.5	t	\N	\N	\N	\N	0.0000100	0	whole	2026-11-30 18:35:26.972851+00	keeper
1	funding	BTC_USDT	2026-11-30 18:35:26.932451+00	USDT	-1.202	f	\N	200	0.001	60100	0.0001	\N	\N	2026-11-30 18:35:26.991128+00	keeper
6	funding	BTC_USDT	2026-11-30 18:35:26.932451+00	USDT	-6.01	f	\N	1000	0.001	60100	0.0001	\N	\N	2026-11-30 18:35:26.991183+00	keeper
-900	funding	BTC_USDT	2026-11-30 18:35:26.932451+00	USDT	7.212	t	\N	\N	0.001	60100	0.0001	\N	\N	2026-11-30 18:35:26.991199+00	keeper
\.

COPY house.accrual_house (kind, account_id) FROM stdin;
interest	-900
funding	-900
\.

COPY house.admitted_owner (owner) FROM stdin;
\.

COPY house.asset (asset, tier_unit, liability_weight, requirement_weight, max_age, source, initial_liability_weight, listed) FROM stdin;
USDC	quantity	1	1	\N	collateral ratios: published by the venue	\N	t
OLD	quantity	1	1	00:01:00	a price that has expired	\N	t
o'dd\\N\té数	quantity	1	1	\N	\\N	\N	t
ETH	value	1.10	1.5	\N		\N	t
USDT	quantity	1.250	1	\N	ours:\ttabs, "quotes", back\\slashes and\nlines	1.30	t
BTC	quantity	1	1	\N	collateral ratios: published by the venue	\N	t
\.

COPY house.asset_change (asset, tier_unit, liability_weight, requirement_weight, max_age, source, initial_liability_weight, valid_from) FROM stdin;
BTC	quantity	1.250	1	\N	\N	\N	2990-01-01 00:00:00+00
USDT	quantity	1.20	1	\N	\N	\N	2001-02-03 04:05:06.789012+00
\.

COPY house.balance (account_id, asset, quantity, note, opened) FROM stdin;
2	BTC	2	none	\N
3	OLD	1	none	\N
4	nowhere	1	none	\N
5	o'dd\\N\té数	0.000000001	none	\N
7	USDT	0	none	\N
10	ETH	20	none	\N
11	BTC	1	none	\N
2	USDT	-20000.2	none	\N
10	USDT	-30000.3	none	\N
6	USDT	93.99	none	\N
-900	USDT	1000007.712	none	\N
1	USDT	9998.798	first	\N
1	BTC	0.1	first	\N
\.

COPY house.book_rule (rule, value) FROM stdin;
unrealized_gains_carry	false
\.

COPY house.collateral_tier (asset, valid_from, lower_bound, ratio) FROM stdin;
BTC	-infinity	0	0.975
BTC	-infinity	1	0.97
BTC	-infinity	5	0.965
BTC	-infinity	10	0.96
BTC	-infinity	50	0.85
BTC	-infinity	100	0
USDT	-infinity	0	1
USDC	-infinity	0	1
ETH	-infinity	0	0.90
ETH	-infinity	1000000	0.800
ETH	2990-01-01 00:00:00+00	0	0.1
OLD	-infinity	0	1
o'dd\\N\té数	-infinity	0	0.3333333333333333333333333333333333
\.

COPY house.contract (contract, settle, base, contract_size, netting, closing_fee, maintenance_method, initial_method, max_age, source, opening_fee, tier_unit, order_maintenance, payoff) FROM stdin;
ETH_USDT	USDT	ETH	0.0100	net	0.0005	whole	marginal	\N	\N	0.0010	contracts	t	linear
BTC_USDT	USDT	BTC	0.001	leg	0	marginal	whole	\N	\N	0	notional	f	linear
\.

COPY house.contract_change (contract, settle, base, contract_size, netting, closing_fee, maintenance_method, initial_method, max_age, source, opening_fee, tier_unit, order_maintenance, payoff, valid_from) FROM stdin;
ETH_USDT	ETH	\N	1	leg	0	marginal	whole	\N	\N	0	notional	f	linear	2990-01-01 00:00:00+00
\.

COPY house.funding_settlement (contract, settled_at, rate, mark, contract_size, settle, booked_at, booked_by) FROM stdin;
BTC_USDT	2026-11-30 18:35:26.932451+00	0.0001	60100	0.001	USDT	2026-11-30 18:35:26.988888+00	keeper
\.

COPY house.guard_exception (id, account_id, judged_at, recorded_by, level, equity, initial_margin, maintenance_margin, available_margin, available_margin_before, missing, initial_equity, order_loss, market_id) FROM stdin;
\.

COPY house.held_price (kind, symbol, price, low, high, why, observed_at, forced, offered_by, offered_at, held_since, offers) FROM stdin;
asset	BTC	900.0	850	\N	low 850 is below the floor of 1000.0; low 850 is more than 0.10 below 60100.50 within 00:01:00	2026-11-30 18:35:27.157421+00	f	keeper	2026-11-30 18:35:27.158923+00	2026-11-30 18:35:27.158923+00	1
\.

COPY house.held_price_event (id, event, kind, symbol, price, low, high, why, observed_at, offered_by, offers, acted_by, acted_at) FROM stdin;
1	held	asset	BTC	900.0	850	\N	low 850 is below the floor of 1000.0; low 850 is more than 0.10 below 60100.50 within 00:01:00	2026-11-30 18:35:27.157421+00	keeper	1	keeper	2026-11-30 18:35:27.189844+00
\.

COPY house.index_price (asset, price, updated_at, low, high) FROM stdin;
USDT	1.000	2020-01-01 00:00:00+00	\N	\N
OLD	5	2020-01-01 00:00:00+00	\N	\N
ETH	3000.123456789012345678	2020-01-01 00:00:00+00	2999.5	3000.50
o'dd\\N\té数	1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000	2020-01-01 00:00:00+00	\N	\N
BTC	61000.5	2026-11-30 18:35:27.010111+00	\N	\N
\.

COPY house.index_price_history (id, asset, price, updated_at, forced, recorded_by, recorded_at, low, high) FROM stdin;
1	USDT	1.000	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.598192+00	\N	\N
2	BTC	60000	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.598832+00	\N	\N
3	OLD	5	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.598839+00	\N	\N
4	ETH	3000.123456789012345678	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.598842+00	2999.5	3000.50
5	o'dd\\N\té数	1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.598846+00	\N	\N
6	BTC	60100.50	2026-11-30 18:35:27.010111+00	f	keeper	2026-11-30 18:35:27.070719+00	\N	\N
7	BTC	61000.5	2026-11-30 18:35:27.010111+00	f	keeper	2026-11-30 18:35:28.0385+00	\N	\N
\.

COPY house.initial_collateral_tier (asset, valid_from, lower_bound, ratio) FROM stdin;
ETH	-infinity	0	0.80
ETH	-infinity	1000000	0.700
\.

COPY house.interest_hour (accrued_at, booked_at, booked_by) FROM stdin;
2020-01-01 00:00:00+00	2026-11-30 18:35:26.947358+00	keeper
\.

COPY house.interest_rate (asset, valid_from, hourly_rate, free_amount, method) FROM stdin;
USDT	-infinity	0.0000100	0	whole
\.

COPY house.level_basis (basis, market, release_ratios, sources) FROM stdin;
1	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 60000, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 60100, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	{0.450,NULL,NULL}	af9785b3b5a270b7d4d6ef3d7f3bf76e683177a6a7377f095c6a31a2aea1b35e
\.

COPY house.level_epoch (epoch, basis, prices, made_at, accounts) FROM stdin;
0	1	{60000,2999.5,NaN,NaN,1,1e+99,60100,3001.5,-2,3000.5}	2026-11-30 18:35:26.669029+00	14
1	1	{60100.5,2999.5,NaN,NaN,1,1e+99,59999.5,3001.5,-2,3000.5}	2026-11-30 18:35:27.008104+00	5
\.

COPY house.level_event (id, account_id, from_level, to_level, equity, maintenance_margin, prices, cause, changed_by, changed_at, txid, paused, held, market_id) FROM stdin;
1	3	healthy	unpriced	\N	\N	{"assets": {"OLD": null}, "contracts": {}}	refresh	keeper	2026-11-30 18:35:26.669029+00	756	\N	\N	\N
2	4	healthy	unpriced	\N	\N	{"assets": {"nowhere": null}, "contracts": {}}	refresh	keeper	2026-11-30 18:35:26.669029+00	756	\N	\N	\N
3	6	healthy	liquidation	200	300.5	{"assets": {"USDT": 1}, "contracts": {"BTC_USDT": 60100}}	refresh	keeper	2026-11-30 18:35:26.669029+00	756	\N	\N	\N
\.

COPY house.level_threshold (level, margin_ratio, release_ratio) FROM stdin;
liquidation	1.10	\N
warning	0.5	0.450
\.

COPY house.liability_tier (asset, valid_from, lower_bound, maintenance_rate) FROM stdin;
USDT	-infinity	1000	0.04
USDT	-infinity	0	0.02
BTC	-infinity	0	0.1
\.

COPY house.mark_price (contract, price, updated_at) FROM stdin;
ETH_USDT	3001.5	2020-01-01 00:00:00+00
BTC_USDT	59999.50	2026-11-30 18:35:27.010111+00
\.

COPY house.mark_price_history (id, contract, price, updated_at, forced, recorded_by, recorded_at) FROM stdin;
1	ETH_USDT	3001.5	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.606179+00
2	BTC_USDT	60100.0	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:26.606833+00
3	BTC_USDT	59999.50	2026-11-30 18:35:27.010111+00	f	keeper	2026-11-30 18:35:27.078896+00
\.

COPY house.open_order (account_id, order_id, contract, quantity, price, leverage) FROM stdin;
1	a	BTC_USDT	10	59000.50	20
1	o'dd\\N\té数	BTC_USDT	-5.5	61000	\N
11	a	ETH_USDT	3	3000.2500	\N
\.

COPY house.parameter_event (id, parameter, symbol, before, after, changed_by, changed_at, txid) FROM stdin;
1	asset	USDC	\N	{"asset": "USDC", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.46593+00	730
2	asset	BTC	\N	{"asset": "BTC", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.46593+00	730
3	asset	USDT	\N	{"asset": "USDT", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.46593+00	730
4	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.975, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.46593+00	730
5	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.97, "valid_from": "-infinity", "lower_bound": 1}	keeper	2026-11-30 18:35:26.46593+00	730
6	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.965, "valid_from": "-infinity", "lower_bound": 5}	keeper	2026-11-30 18:35:26.46593+00	730
7	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.96, "valid_from": "-infinity", "lower_bound": 10}	keeper	2026-11-30 18:35:26.46593+00	730
8	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.85, "valid_from": "-infinity", "lower_bound": 50}	keeper	2026-11-30 18:35:26.46593+00	730
9	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0, "valid_from": "-infinity", "lower_bound": 100}	keeper	2026-11-30 18:35:26.46593+00	730
10	collateral_tier	USDT	\N	{"asset": "USDT", "ratio": 1, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.46593+00	730
11	collateral_tier	USDC	\N	{"asset": "USDC", "ratio": 1, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.46593+00	730
12	asset	USDT	{"asset": "USDT", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	{"asset": "USDT", "source": "ours:\\ttabs, \\"quotes\\", back\\\\slashes and\\nlines", "max_age": null, "tier_unit": "quantity", "liability_weight": 1.250, "requirement_weight": 1, "initial_liability_weight": 1.30}	keeper	2026-11-30 18:35:26.516474+00	731
13	asset	ETH	\N	{"asset": "ETH", "source": "", "max_age": null, "tier_unit": "value", "liability_weight": 1.10, "requirement_weight": 1.5, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.520177+00	732
14	asset	o'dd\\N\té数	\N	{"asset": "o'dd\\\\N\\té数", "source": "\\\\N", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.520177+00	732
15	asset	OLD	\N	{"asset": "OLD", "source": "a price that has expired", "max_age": "00:01:00", "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.520177+00	732
16	asset_change	BTC	\N	{"asset": "BTC", "source": null, "max_age": null, "tier_unit": "quantity", "valid_from": "2990-01-01T00:00:00+00:00", "liability_weight": 1.250, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.521113+00	733
17	asset_change	USDT	\N	{"asset": "USDT", "source": null, "max_age": null, "tier_unit": "quantity", "valid_from": "2001-02-03T04:05:06.789012+00:00", "liability_weight": 1.20, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:26.521113+00	733
18	collateral_tier	ETH	\N	{"asset": "ETH", "ratio": 0.90, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.528509+00	734
19	collateral_tier	ETH	\N	{"asset": "ETH", "ratio": 0.800, "valid_from": "-infinity", "lower_bound": 1000000}	keeper	2026-11-30 18:35:26.528509+00	734
20	collateral_tier	ETH	\N	{"asset": "ETH", "ratio": 0.1, "valid_from": "2990-01-01T00:00:00+00:00", "lower_bound": 0}	keeper	2026-11-30 18:35:26.528509+00	734
21	collateral_tier	OLD	\N	{"asset": "OLD", "ratio": 1, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.528509+00	734
22	collateral_tier	o'dd\\N\té数	\N	{"asset": "o'dd\\\\N\\té数", "ratio": 0.3333333333333333333333333333333333, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.528509+00	734
23	initial_collateral_tier	ETH	\N	{"asset": "ETH", "ratio": 0.80, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:26.544366+00	735
24	initial_collateral_tier	ETH	\N	{"asset": "ETH", "ratio": 0.700, "valid_from": "-infinity", "lower_bound": 1000000}	keeper	2026-11-30 18:35:26.544366+00	735
25	liability_tier	USDT	\N	{"asset": "USDT", "valid_from": "-infinity", "lower_bound": 1000, "maintenance_rate": 0.04}	keeper	2026-11-30 18:35:26.55482+00	736
26	liability_tier	USDT	\N	{"asset": "USDT", "valid_from": "-infinity", "lower_bound": 0, "maintenance_rate": 0.02}	keeper	2026-11-30 18:35:26.55482+00	736
27	liability_tier	BTC	\N	{"asset": "BTC", "valid_from": "-infinity", "lower_bound": 0, "maintenance_rate": 0.1}	keeper	2026-11-30 18:35:26.55482+00	736
28	contract	ETH_USDT	\N	{"base": "ETH", "payoff": "linear", "settle": "USDT", "source": null, "max_age": null, "netting": "net", "contract": "ETH_USDT", "tier_unit": "notional", "closing_fee": 0.0005, "opening_fee": 0, "contract_size": 0.0100, "initial_method": "marginal", "order_maintenance": false, "maintenance_method": "whole"}	keeper	2026-11-30 18:35:26.568197+00	737
29	contract	BTC_USDT	\N	{"base": "BTC", "payoff": "linear", "settle": "USDT", "source": null, "max_age": null, "netting": "leg", "contract": "BTC_USDT", "tier_unit": "notional", "closing_fee": 0, "opening_fee": 0, "contract_size": 0.001, "initial_method": "whole", "order_maintenance": false, "maintenance_method": "marginal"}	keeper	2026-11-30 18:35:26.568197+00	737
30	contract	ETH_USDT	{"base": "ETH", "payoff": "linear", "settle": "USDT", "source": null, "max_age": null, "netting": "net", "contract": "ETH_USDT", "tier_unit": "notional", "closing_fee": 0.0005, "opening_fee": 0, "contract_size": 0.0100, "initial_method": "marginal", "order_maintenance": false, "maintenance_method": "whole"}	{"base": "ETH", "payoff": "linear", "settle": "USDT", "source": null, "max_age": null, "netting": "net", "contract": "ETH_USDT", "tier_unit": "contracts", "closing_fee": 0.0005, "opening_fee": 0.0010, "contract_size": 0.0100, "initial_method": "marginal", "order_maintenance": true, "maintenance_method": "whole"}	keeper	2026-11-30 18:35:26.576147+00	738
31	contract_change	ETH_USDT	\N	{"base": null, "payoff": "linear", "settle": "ETH", "source": null, "max_age": null, "netting": "leg", "contract": "ETH_USDT", "tier_unit": "notional", "valid_from": "2990-01-01T00:00:00+00:00", "closing_fee": 0, "opening_fee": 0, "contract_size": 1, "initial_method": "whole", "order_maintenance": false, "maintenance_method": "marginal"}	keeper	2026-11-30 18:35:26.579149+00	739
32	risk_tier	ETH_USDT	\N	{"contract": "ETH_USDT", "valid_from": "-infinity", "lower_bound": 0, "initial_rate": null, "maintenance_rate": 0.005}	keeper	2026-11-30 18:35:26.584099+00	740
33	risk_tier	ETH_USDT	\N	{"contract": "ETH_USDT", "valid_from": "-infinity", "lower_bound": 5000, "initial_rate": null, "maintenance_rate": 0.0100}	keeper	2026-11-30 18:35:26.584099+00	740
34	risk_tier	BTC_USDT	\N	{"contract": "BTC_USDT", "valid_from": "-infinity", "lower_bound": 1000000, "initial_rate": 0.02, "maintenance_rate": 0.01}	keeper	2026-11-30 18:35:26.584099+00	740
35	risk_tier	BTC_USDT	\N	{"contract": "BTC_USDT", "valid_from": "-infinity", "lower_bound": 0, "initial_rate": 0.01, "maintenance_rate": 0.005}	keeper	2026-11-30 18:35:26.584099+00	740
36	level_threshold	liquidation	\N	{"level": "liquidation", "margin_ratio": 1.10, "release_ratio": null}	keeper	2026-11-30 18:35:26.612179+00	743
37	level_threshold	warning	\N	{"level": "warning", "margin_ratio": 0.5, "release_ratio": 0.450}	keeper	2026-11-30 18:35:26.612179+00	743
38	venue_rule	orders_reduce_equity	\N	{"rule": "orders_reduce_equity", "value": "margin"}	keeper	2026-11-30 18:35:26.620093+00	744
39	venue_rule	held_prices_pause_levels	\N	{"rule": "held_prices_pause_levels", "value": "false"}	keeper	2026-11-30 18:35:26.620093+00	744
40	price_check	BTC	\N	{"kind": "asset", "floor": 1000.0, "symbol": "BTC", "ceiling": null, "max_jump": 0.10, "jump_window": "00:01:00", "max_deviation": null, "reference_age": null}	keeper	2026-11-30 18:35:26.622725+00	745
41	scenario	down	\N	{"id": 1, "asset": "BTC", "price": null, "contract": null, "relative": -0.250, "scenario": "down"}	keeper	2026-11-30 18:35:26.636124+00	748
42	scenario	down	\N	{"id": 2, "asset": "USDT", "price": 0.90, "contract": null, "relative": null, "scenario": "down"}	keeper	2026-11-30 18:35:26.636124+00	748
43	scenario	down	\N	{"id": 3, "asset": null, "price": null, "contract": "ETH_USDT", "relative": 0, "scenario": "down"}	keeper	2026-11-30 18:35:26.636124+00	748
44	scenario	still	\N	{"id": 4, "asset": null, "price": null, "contract": null, "relative": 0.000, "scenario": "still"}	keeper	2026-11-30 18:35:26.636124+00	748
45	repayment_rule	ETH	\N	{"rank": -1, "asset": "ETH", "threshold": null, "repayment_ratio": 1, "conversion_discount": 0.90}	keeper	2026-11-30 18:35:26.639311+00	749
46	repayment_rule	USDT	\N	{"rank": null, "asset": "USDT", "threshold": 10, "repayment_ratio": 0.10, "conversion_discount": 1}	keeper	2026-11-30 18:35:26.639311+00	749
47	interest_rate	USDT	\N	{"asset": "USDT", "method": "whole", "valid_from": "-infinity", "free_amount": 0, "hourly_rate": 0.0000100}	keeper	2026-11-30 18:35:26.641362+00	750
\.

COPY house.pending_publication (transaction) FROM stdin;
\.

COPY house."position" (account_id, contract, side, quantity, entry_price, leverage) FROM stdin;
1	BTC_USDT	short	-100	59000	20
1	BTC_USDT	long	300	60500.5	\N
2	ETH_USDT	long	50	0	3
6	BTC_USDT	long	1000	60000	\N
9	BTC_USDT	long	0	1	\N
\.

COPY house.price_check (kind, symbol, floor, ceiling, max_jump, jump_window, max_deviation, reference_age) FROM stdin;
asset	BTC	1000.0	\N	0.10	00:01:00	\N	\N
\.

COPY house.price_retention (keep, only_row) FROM stdin;
1 year 2 mons 3 days	t
\.

COPY house.published_market (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules, only_row) FROM stdin;
2	2026-11-30 18:35:28.040152+00	2990-01-01 00:00:00+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	{0.450,NULL,NULL}	\N	{"(down,BTC,,-0.250,)","(down,USDT,,,0.90)","(down,,ETH_USDT,0,)","(still,,,0.000,)"}	{"(ETH,-1,0.90,,1)","(USDT,,1,10,0.10)"}	t
\.

COPY house.published_market_history (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules) FROM stdin;
1	2026-11-30 18:35:28.010058+00	2990-01-01 00:00:00+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 60100.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	{0.450,NULL,NULL}	\N	{"(down,BTC,,-0.250,)","(down,USDT,,,0.90)","(down,,ETH_USDT,0,)","(still,,,0.000,)"}	{"(ETH,-1,0.90,,1)","(USDT,,1,10,0.10)"}
2	2026-11-30 18:35:28.040152+00	2990-01-01 00:00:00+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	{0.450,NULL,NULL}	\N	{"(down,BTC,,-0.250,)","(down,USDT,,,0.90)","(down,,ETH_USDT,0,)","(still,,,0.000,)"}	{"(ETH,-1,0.90,,1)","(USDT,,1,10,0.10)"}
\.

COPY house.reference_price (kind, symbol, source, price, updated_at) FROM stdin;
asset	BTC	another	60001.0	2020-01-01 00:00:00+00
\.

COPY house.repayment_entry (account_id, booked_at, booked_by, house_account_id, forced, step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level) FROM stdin;
\.

COPY house.repayment_rule (asset, rank, conversion_discount, threshold, repayment_ratio) FROM stdin;
ETH	-1	0.90	\N	1
USDT	\N	1	10	0.10
\.

COPY house.report_run (id, started_at, finished_at, status, step, level_changes, taken_at, days_dropped, prices_pruned, sqlstate, error, run_by, pid) FROM stdin;
1	2026-11-30 18:35:27.287539+00	2026-11-30 18:35:28.001758+00	done	\N	0	2026-11-30 18:35:27.686925+00	0	0	\N	\N	keeper	25976
\.

COPY house.risk_tier (contract, valid_from, lower_bound, maintenance_rate, initial_rate) FROM stdin;
ETH_USDT	-infinity	0	0.005	\N
ETH_USDT	-infinity	5000	0.0100	\N
BTC_USDT	-infinity	1000000	0.01	0.02
BTC_USDT	-infinity	0	0.005	0.01
\.

COPY house.scenario (id, scenario, asset, contract, relative, price) FROM stdin;
1	down	BTC	\N	-0.250	\N
2	down	USDT	\N	\N	0.90
3	down	\N	ETH_USDT	0	\N
4	still	\N	\N	0.000	\N
\.

COPY house.seen (what, n) FROM stdin;
\.

COPY house.snapshot_20261130 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
2026-11-30 18:35:26.859801+00	full	2026-11-30 18:35:26.859801+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 60000, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 60100, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	11	{"(healthy,8,333333333333333333333333333333333300000000000000000000000000000000000000000000000001186611.75,333333333333333333333333333333333300000000000000000000000000000000000000000000000001244810.85,58199.1,1000000000000000000000000000000000000000000000000000000000000000000000000000000000001207273.06913578024691356,666666666666666666666666666666666700000000000000000000000000000000000000000000000000020661.31913578024691356,1270.60,2888.916028750000000010005,2028.91935375,0,0,333333333333333333333333333333333300000000000000000000000000000000000000000000000001180612.75,6.39527875,0)","(warning,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(margin_call,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(liquidation,1,200,200,0,200,0,100,601,300.5,100.5,0,200,0,0)","(bankrupt,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(unpriced,2,,,,,,,,,,,,,)"}	\N
2026-11-30 18:35:27.196778+00	changes	2026-11-30 18:35:26.859801+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 60100.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	11	{"(healthy,8,333333333333333333333333333333333300000000000000000000000000000000000000000000000001186900.81875,333333333333333333333333333333333300000000000000000000000000000000000000000000000001245100.51875,58199.70,1000000000000000000000000000000000000000000000000000000000000000000000000000000000001207570.52913578024691356,666666666666666666666666666666666700000000000000000000000000000000000000000000000000020669.71038578024691356,1250.50,2888.132028750000000010005,2028.73835375,0,0,333333333333333333333333333333333300000000000000000000000000000000000000000000000001180901.81875,6.39527875,0)","(warning,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(margin_call,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(liquidation,1,93.49,93.49,0,93.49,0,-0.5,599.995,299.9975,206.5075,0,93.49,0,0)","(bankrupt,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(unpriced,2,,,,,,,,,,,,,)"}	\N
2026-11-30 18:35:27.686925+00	changes	2026-11-30 18:35:26.859801+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 60100.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	11	{"(healthy,8,333333333333333333333333333333333300000000000000000000000000000000000000000000000001186900.81875,333333333333333333333333333333333300000000000000000000000000000000000000000000000001245100.51875,58199.70,1000000000000000000000000000000000000000000000000000000000000000000000000000000000001207570.52913578024691356,666666666666666666666666666666666700000000000000000000000000000000000000000000000000020669.71038578024691356,1250.50,2888.132028750000000010005,2028.73835375,0,0,333333333333333333333333333333333300000000000000000000000000000000000000000000000001180901.81875,6.39527875,0)","(warning,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(margin_call,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(liquidation,1,93.49,93.49,0,93.49,0,-0.5,599.995,299.9975,206.5075,0,93.49,0,0)","(bankrupt,0,0,0,0,0,0,0,0,0,0,0,0,0,0)","(unpriced,2,,,,,,,,,,,,,)"}	\N
\.

COPY house.snapshot_20261201 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_20261202 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_20261203 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_20261204 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_20261205 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_20261206 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_20261207 (taken_at, form, base, market, accounts, levels, market_id) FROM stdin;
\.

COPY house.snapshot_retention (keep, only_row) FROM stdin;
\.

COPY house.venue_rule (rule, value) FROM stdin;
orders_reduce_equity	margin
held_prices_pause_levels	false
\.

COPY lone.admitted_owner (owner) FROM stdin;
\.

COPY lone.asset (asset, tier_unit, liability_weight, requirement_weight, max_age, source, initial_liability_weight) FROM stdin;
USDC	quantity	1	1	\N	collateral ratios: published by the venue	\N
BTC	quantity	1	1	\N	collateral ratios: published by the venue	\N
USDT	quantity	1	1	\N	collateral ratios: published by the venue	\N
\.

COPY lone.asset_change (asset, tier_unit, liability_weight, requirement_weight, max_age, source, initial_liability_weight, valid_from) FROM stdin;
\.

COPY lone.collateral_tier (asset, valid_from, lower_bound, ratio) FROM stdin;
BTC	-infinity	0	0.975
BTC	-infinity	1	0.97
BTC	-infinity	5	0.965
BTC	-infinity	10	0.96
BTC	-infinity	50	0.85
BTC	-infinity	100	0
USDT	-infinity	0	1
USDC	-infinity	0	1
\.

COPY lone.contract (contract, settle, base, contract_size, netting, closing_fee, maintenance_method, initial_method, max_age, source, opening_fee, tier_unit, order_maintenance, payoff) FROM stdin;
\.

COPY lone.contract_change (contract, settle, base, contract_size, netting, closing_fee, maintenance_method, initial_method, max_age, source, opening_fee, tier_unit, order_maintenance, payoff, valid_from) FROM stdin;
\.

COPY lone.held_price (kind, symbol, price, low, high, why, observed_at, forced, offered_by, offered_at, held_since, offers) FROM stdin;
\.

COPY lone.held_price_event (id, event, kind, symbol, price, low, high, why, observed_at, offered_by, offers, acted_by, acted_at) FROM stdin;
\.

COPY lone.index_price (asset, price, updated_at, low, high) FROM stdin;
USDT	1	2020-01-01 00:00:00+00	\N	\N
\.

COPY lone.index_price_history (id, asset, price, updated_at, forced, recorded_by, recorded_at, low, high) FROM stdin;
1	USDT	1	2020-01-01 00:00:00+00	f	keeper	2026-11-30 18:35:28.736508+00	\N	\N
\.

COPY lone.initial_collateral_tier (asset, valid_from, lower_bound, ratio) FROM stdin;
\.

COPY lone.interest_rate (asset, valid_from, hourly_rate, free_amount, method) FROM stdin;
\.

COPY lone.level_threshold (level, margin_ratio, release_ratio) FROM stdin;
\.

COPY lone.liability_tier (asset, valid_from, lower_bound, maintenance_rate) FROM stdin;
\.

COPY lone.mark_price (contract, price, updated_at) FROM stdin;
\.

COPY lone.mark_price_history (id, contract, price, updated_at, forced, recorded_by, recorded_at) FROM stdin;
\.

COPY lone.parameter_event (id, parameter, symbol, before, after, changed_by, changed_at, txid) FROM stdin;
1	asset	USDC	\N	{"asset": "USDC", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:28.698+00	779
2	asset	BTC	\N	{"asset": "BTC", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:28.698+00	779
3	asset	USDT	\N	{"asset": "USDT", "source": "collateral ratios: published by the venue", "max_age": null, "tier_unit": "quantity", "liability_weight": 1, "requirement_weight": 1, "initial_liability_weight": null}	keeper	2026-11-30 18:35:28.698+00	779
4	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.975, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:28.698+00	779
5	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.97, "valid_from": "-infinity", "lower_bound": 1}	keeper	2026-11-30 18:35:28.698+00	779
6	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.965, "valid_from": "-infinity", "lower_bound": 5}	keeper	2026-11-30 18:35:28.698+00	779
7	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.96, "valid_from": "-infinity", "lower_bound": 10}	keeper	2026-11-30 18:35:28.698+00	779
8	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0.85, "valid_from": "-infinity", "lower_bound": 50}	keeper	2026-11-30 18:35:28.698+00	779
9	collateral_tier	BTC	\N	{"asset": "BTC", "ratio": 0, "valid_from": "-infinity", "lower_bound": 100}	keeper	2026-11-30 18:35:28.698+00	779
10	collateral_tier	USDT	\N	{"asset": "USDT", "ratio": 1, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:28.698+00	779
11	collateral_tier	USDC	\N	{"asset": "USDC", "ratio": 1, "valid_from": "-infinity", "lower_bound": 0}	keeper	2026-11-30 18:35:28.698+00	779
\.

COPY lone.pending_publication (transaction) FROM stdin;
\.

COPY lone.price_check (kind, symbol, floor, ceiling, max_jump, jump_window, max_deviation, reference_age) FROM stdin;
\.

COPY lone.price_retention (keep, only_row) FROM stdin;
\.

COPY lone.published_market (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules, only_row) FROM stdin;
\.

COPY lone.published_market_history (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules) FROM stdin;
\.

COPY lone.reference_price (kind, symbol, source, price, updated_at) FROM stdin;
\.

COPY lone.repayment_rule (asset, rank, conversion_discount, threshold, repayment_ratio) FROM stdin;
\.

COPY lone.risk_tier (contract, valid_from, lower_bound, maintenance_rate, initial_rate) FROM stdin;
\.

COPY lone.scenario (id, scenario, asset, contract, relative, price) FROM stdin;
\.

COPY lone.venue_rule (rule, value) FROM stdin;
\.

COPY shard.account_level (account_id, level, since, epoch, room, mask, portfolio, paused) FROM stdin;
1	healthy	2026-11-30 18:35:30.052393+00	0	0.963	18	{"balances": {"ETH": 2.5, "USDT": -100}}	\N
2	unpriced	2026-11-30 18:35:30.052393+00	-1	0	4	{"balances": {"OLD": 1}}	\N
\.

COPY shard.accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, balance, quantity, contract_size, mark, rate, free_amount, method, booked_at, booked_by) FROM stdin;
\.

COPY shard.accrual_house (kind, account_id) FROM stdin;
\.

COPY shard.balance (account_id, asset, quantity) FROM stdin;
1	ETH	2.50
1	USDT	-100
2	OLD	1
\.

COPY shard.book_rule (rule, value) FROM stdin;
\.

COPY shard.funding_settlement (contract, settled_at, rate, mark, contract_size, settle, booked_at, booked_by) FROM stdin;
\.

COPY shard.guard_exception (id, account_id, judged_at, recorded_by, level, equity, initial_margin, maintenance_margin, available_margin, available_margin_before, missing, initial_equity, order_loss, market_id) FROM stdin;
\.

COPY shard.interest_hour (accrued_at, booked_at, booked_by) FROM stdin;
\.

COPY shard.level_basis (basis, market, release_ratios, sources) FROM stdin;
1	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	{0.450,NULL,NULL}	66b3c3f31f68648b8b228f3d7c7b2da7bfc3fc2f4f1dc64c9eeb1a80ff285c75
\.

COPY shard.level_epoch (epoch, basis, prices, made_at, accounts) FROM stdin;
0	1	{61000.5,2999.5,NaN,NaN,1,1e+99,59999.5,3001.5,-2,3000.5}	2026-11-30 18:35:30.076178+00	2
\.

COPY shard.level_event (id, account_id, from_level, to_level, equity, maintenance_margin, prices, cause, changed_by, changed_at, txid, paused, held, market_id) FROM stdin;
1	2	healthy	unpriced	\N	\N	{"assets": {"OLD": null}, "contracts": {}}	write	keeper	2026-11-30 18:35:30.052393+00	796	\N	\N	2
\.

COPY shard.open_order (account_id, order_id, contract, quantity, price, leverage) FROM stdin;
\.

COPY shard."position" (account_id, contract, side, quantity, entry_price, leverage) FROM stdin;
\.

COPY shard.published_market (id, at, valid_until, market, release_ratios, pausing_prices, scenarios, repayment_rules, received_at, only_row) FROM stdin;
2	2026-11-30 18:35:28.040152+00	2990-01-01 00:00:00+00	{"assets": {"BTC": {"liability_maintenance": "{0: 0.1}", "price": 61000.5, "tiers": "{0: 0.975, 1: 0.97, 5: 0.965, 10: 0.96, 50: 0.85, 100: 0}"}, "ETH": {"high": 3000.5, "initial_tiers": "{0: 0.8, 1000000: 0.7}", "liability_weight": 1.1, "low": 2999.5, "price": 3000.123456789012345678, "requirement_weight": 1.5, "tier_unit": "value", "tiers": "{0: 0.9, 1000000: 0.8}"}, "OLD": {"tiers": "{0: 1}"}, "USDC": {"tiers": "{0: 1}"}, "USDT": {"liability_maintenance": "{0: 0.02, 1000: 0.04}", "liability_weight": 1.2, "price": 1, "tiers": "{0: 1}"}, "o'dd\\\\N\\té数": {"price": 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000, "tiers": "{0: 0.3333333333333333333333333333333333}"}}, "contracts": {"BTC_USDT": {"base": "BTC", "contract_size": 0.001, "initial": "whole {0: 0.01, 1000000: 0.02}", "maintenance": "{0: 0.005, 1000000: 0.01}", "mark": 59999.5, "settle": "USDT"}, "ETH_USDT": {"base": "ETH", "closing_fee": 0.0005, "contract_size": 0.01, "maintenance": "whole {0: 0.005, 5000: 0.01}", "mark": 3001.5, "netting": "net", "opening_fee": 0.001, "order_maintenance": true, "settle": "USDT", "tier_unit": "contracts"}}, "levels": {"liquidation": 1.1, "warning": 0.5}, "rules": {"orders_reduce_equity": "margin"}}	{0.450,NULL,NULL}	\N	{"(down,BTC,,-0.250,)","(down,USDT,,,0.90)","(down,,ETH_USDT,0,)","(still,,,0.000,)"}	{"(ETH,-1,0.90,,1)","(USDT,,1,10,0.10)"}	2026-11-30 18:35:30.027199+00	t
\.

COPY shard.repayment_entry (account_id, booked_at, booked_by, house_account_id, forced, step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level) FROM stdin;
\.

COPY shard.report_run (id, started_at, finished_at, status, step, level_changes, taken_at, days_dropped, prices_pruned, sqlstate, error, run_by, pid) FROM stdin;
\.

COPY shard.snapshot_retention (keep, only_row) FROM stdin;
\.

COPY uuids.account_level (account_id, level, since, epoch, room, mask, portfolio, paused) FROM stdin;
00000000-0000-0000-0000-000000000003	healthy	2026-11-30 18:35:29.318353+00	-2	1	0	\N	\N
00000000-0000-0000-0000-000000000004	healthy	2026-11-30 18:35:29.318353+00	-2	1	4	\N	\N
00000000-0000-0000-0000-000000000005	healthy	2026-11-30 18:35:29.318353+00	-2	1	4	\N	\N
00000000-0000-0000-0000-000000000006	healthy	2026-11-30 18:35:29.318353+00	-2	1	4	\N	\N
00000000-0000-0000-0000-000000000007	healthy	2026-11-30 18:35:29.318353+00	-2	1	4	\N	\N
00000000-0000-0000-0000-000000000008	healthy	2026-11-30 18:35:29.318353+00	-2	1	4	\N	\N
00000000-0000-0000-0000-000000000001	bankrupt	2026-11-30 18:35:29.318353+00	-2	0	4	{"balances": {"USDT": -2}}	\N
00000000-0000-0000-0000-000000000002	bankrupt	2026-11-30 18:35:29.318353+00	-2	0	4	{"balances": {"USDT": -1}}	\N
00000000-0000-0000-0000-000000000009	unpriced	2026-11-30 18:35:29.318353+00	-2	0	0	{"balances": {"unusable row: quantity of \\"USDT\\" is null": 1}}	\N
00000000-0000-0000-0000-000000000010	unpriced	2026-11-30 18:35:29.318353+00	-2	0	0	{"balances": {"unusable row: quantity of \\"USDT\\" is NaN": 1}}	\N
\.

COPY uuids.accrual_event (account_id, kind, symbol, accrued_at, asset, amount, house, balance, quantity, contract_size, mark, rate, free_amount, method, booked_at, booked_by) FROM stdin;
\.

COPY uuids.accrual_house (kind, account_id) FROM stdin;
\.

COPY uuids.book_rule (rule, value) FROM stdin;
\.

COPY uuids.funding_settlement (contract, settled_at, rate, mark, contract_size, settle, booked_at, booked_by) FROM stdin;
\.

COPY uuids.guard_exception (id, account_id, judged_at, recorded_by, level, equity, initial_margin, maintenance_margin, available_margin, available_margin_before, missing, initial_equity, order_loss, market_id) FROM stdin;
\.

COPY uuids.interest_hour (accrued_at, booked_at, booked_by) FROM stdin;
\.

COPY uuids.level_basis (basis, market, release_ratios, sources) FROM stdin;
\.

COPY uuids.level_epoch (epoch, basis, prices, made_at, accounts) FROM stdin;
\.

COPY uuids.level_event (id, account_id, from_level, to_level, equity, maintenance_margin, prices, cause, changed_by, changed_at, txid, paused, held, market_id) FROM stdin;
1	00000000-0000-0000-0000-000000000001	healthy	bankrupt	-2	0	{"assets": {"USDT": 1}, "contracts": {}}	refresh	keeper	2026-11-30 18:35:29.318353+00	790	\N	\N	\N
2	00000000-0000-0000-0000-000000000002	healthy	bankrupt	-1	0	{"assets": {"USDT": 1}, "contracts": {}}	refresh	keeper	2026-11-30 18:35:29.318353+00	790	\N	\N	\N
3	00000000-0000-0000-0000-000000000009	healthy	unpriced	\N	\N	{"assets": {"unusable row: quantity of \\"USDT\\" is null": null}, "contracts": {}}	refresh	keeper	2026-11-30 18:35:29.318353+00	790	\N	\N	\N
4	00000000-0000-0000-0000-000000000010	healthy	unpriced	\N	\N	{"assets": {"unusable row: quantity of \\"USDT\\" is NaN": null}, "contracts": {}}	refresh	keeper	2026-11-30 18:35:29.318353+00	790	\N	\N	\N
\.

COPY uuids.repayment_entry (account_id, booked_at, booked_by, house_account_id, forced, step, outcome, debt_asset, funding_asset, paid, repaid, debt_price, funding_price, conversion_discount, paid_value, repaid_value, remaining_debt, remaining_due, level) FROM stdin;
\.

COPY uuids.report_run (id, started_at, finished_at, status, step, level_changes, taken_at, days_dropped, prices_pruned, sqlstate, error, run_by, pid) FROM stdin;
\.

COPY uuids.snapshot_retention (keep, only_row) FROM stdin;
\.

COPY uuids.wallet_0 (owner, coin, amount) FROM stdin;
00000000-0000-0000-0000-000000000002	usdt	-1
00000000-0000-0000-0000-000000000005	usdt	2
00000000-0000-0000-0000-000000000010	usdt	NaN
\.

COPY uuids.wallet_1 (owner, coin, amount) FROM stdin;
00000000-0000-0000-0000-000000000001	usdt	-2
00000000-0000-0000-0000-000000000003	usdt	0
00000000-0000-0000-0000-000000000004	usdt	1
00000000-0000-0000-0000-000000000006	usdt	3
00000000-0000-0000-0000-000000000007	usdt	4
00000000-0000-0000-0000-000000000008	usdt	5
00000000-0000-0000-0000-000000000009	usdt	\N
\.

SELECT pg_catalog.setval('house.guard_exception_id_seq', 1, false);

SELECT pg_catalog.setval('house.held_price_event_id_seq', 1, true);

SELECT pg_catalog.setval('house.index_price_history_id_seq', 7, true);

SELECT pg_catalog.setval('house.level_event_id_seq', 3, true);

SELECT pg_catalog.setval('house.mark_price_history_id_seq', 3, true);

SELECT pg_catalog.setval('house.parameter_event_id_seq', 47, true);

SELECT pg_catalog.setval('house.published_market_id_seq', 2, true);

SELECT pg_catalog.setval('house.report_run_id_seq', 1, true);

SELECT pg_catalog.setval('house.scenario_id_seq', 4, true);

SELECT pg_catalog.setval('lone.held_price_event_id_seq', 1, false);

SELECT pg_catalog.setval('lone.index_price_history_id_seq', 1, true);

SELECT pg_catalog.setval('lone.mark_price_history_id_seq', 1, false);

SELECT pg_catalog.setval('lone.parameter_event_id_seq', 11, true);

SELECT pg_catalog.setval('lone.published_market_id_seq', 1, false);

SELECT pg_catalog.setval('lone.scenario_id_seq', 1, false);

SELECT pg_catalog.setval('shard.guard_exception_id_seq', 1, false);

SELECT pg_catalog.setval('shard.level_event_id_seq', 1, true);

SELECT pg_catalog.setval('shard.report_run_id_seq', 1, false);

SELECT pg_catalog.setval('uuids.guard_exception_id_seq', 1, false);

SELECT pg_catalog.setval('uuids.level_event_id_seq', 4, true);

SELECT pg_catalog.setval('uuids.report_run_id_seq', 1, false);

ALTER TABLE ONLY desk.stored
    ADD CONSTRAINT stored_p_key UNIQUE (p);

ALTER TABLE ONLY desk.stored
    ADD CONSTRAINT stored_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.account_level
    ADD CONSTRAINT account_level_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY house.account_snapshot
    ADD CONSTRAINT account_snapshot_pkey PRIMARY KEY (taken_at, account_id);

COMMENT ON CONSTRAINT account_snapshot_pkey ON house.account_snapshot IS 'a snapshot has an account once';

ALTER TABLE ONLY house.account_snapshot_20261130
    ADD CONSTRAINT account_snapshot_20261130_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261201
    ADD CONSTRAINT account_snapshot_20261201_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261202
    ADD CONSTRAINT account_snapshot_20261202_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261203
    ADD CONSTRAINT account_snapshot_20261203_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261204
    ADD CONSTRAINT account_snapshot_20261204_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261205
    ADD CONSTRAINT account_snapshot_20261205_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261206
    ADD CONSTRAINT account_snapshot_20261206_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.account_snapshot_20261207
    ADD CONSTRAINT account_snapshot_20261207_pkey PRIMARY KEY (taken_at, account_id);

ALTER TABLE ONLY house.accrual_event
    ADD CONSTRAINT accrual_event_pkey PRIMARY KEY (kind, accrued_at, symbol, account_id);

ALTER TABLE ONLY house.accrual_house
    ADD CONSTRAINT accrual_house_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY house.admitted_owner
    ADD CONSTRAINT admitted_owner_pkey PRIMARY KEY (owner);

ALTER TABLE ONLY house.asset_change
    ADD CONSTRAINT asset_change_pkey PRIMARY KEY (asset, valid_from);

ALTER TABLE ONLY house.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (asset);

ALTER TABLE ONLY house.balance
    ADD CONSTRAINT balance_pkey PRIMARY KEY (account_id, asset);

ALTER TABLE ONLY house.book_rule
    ADD CONSTRAINT book_rule_pkey PRIMARY KEY (rule);

ALTER TABLE ONLY house.collateral_tier
    ADD CONSTRAINT collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound);

ALTER TABLE ONLY house.contract_change
    ADD CONSTRAINT contract_change_pkey PRIMARY KEY (contract, valid_from);

ALTER TABLE ONLY house.contract
    ADD CONSTRAINT contract_pkey PRIMARY KEY (contract);

ALTER TABLE ONLY house.funding_settlement
    ADD CONSTRAINT funding_settlement_pkey PRIMARY KEY (contract, settled_at);

ALTER TABLE ONLY house.guard_exception
    ADD CONSTRAINT guard_exception_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.held_price_event
    ADD CONSTRAINT held_price_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.held_price
    ADD CONSTRAINT held_price_pkey PRIMARY KEY (kind, symbol);

ALTER TABLE ONLY house.index_price_history
    ADD CONSTRAINT index_price_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.index_price
    ADD CONSTRAINT index_price_pkey PRIMARY KEY (asset);

ALTER TABLE ONLY house.initial_collateral_tier
    ADD CONSTRAINT initial_collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound);

ALTER TABLE ONLY house.interest_hour
    ADD CONSTRAINT interest_hour_pkey PRIMARY KEY (accrued_at);

ALTER TABLE ONLY house.interest_rate
    ADD CONSTRAINT interest_rate_pkey PRIMARY KEY (asset, valid_from);

ALTER TABLE ONLY house.level_basis
    ADD CONSTRAINT level_basis_pkey PRIMARY KEY (basis);

ALTER TABLE ONLY house.level_epoch
    ADD CONSTRAINT level_epoch_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY house.level_event
    ADD CONSTRAINT level_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.level_threshold
    ADD CONSTRAINT level_threshold_pkey PRIMARY KEY (level);

ALTER TABLE ONLY house.liability_tier
    ADD CONSTRAINT liability_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound);

ALTER TABLE ONLY house.mark_price_history
    ADD CONSTRAINT mark_price_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.mark_price
    ADD CONSTRAINT mark_price_pkey PRIMARY KEY (contract);

ALTER TABLE ONLY house.open_order
    ADD CONSTRAINT open_order_pkey PRIMARY KEY (account_id, order_id);

ALTER TABLE ONLY house.parameter_event
    ADD CONSTRAINT parameter_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.pending_publication
    ADD CONSTRAINT pending_publication_pkey PRIMARY KEY (transaction);

ALTER TABLE ONLY house."position"
    ADD CONSTRAINT position_pkey PRIMARY KEY (account_id, contract, side);

ALTER TABLE ONLY house.price_check
    ADD CONSTRAINT price_check_pkey PRIMARY KEY (kind, symbol);

ALTER TABLE ONLY house.price_retention
    ADD CONSTRAINT price_retention_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY house.published_market_history
    ADD CONSTRAINT published_market_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.published_market
    ADD CONSTRAINT published_market_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY house.reference_price
    ADD CONSTRAINT reference_price_pkey PRIMARY KEY (kind, symbol, source);

ALTER TABLE ONLY house.repayment_entry
    ADD CONSTRAINT repayment_entry_pkey PRIMARY KEY (account_id, booked_at, step);

ALTER TABLE ONLY house.repayment_rule
    ADD CONSTRAINT repayment_rule_pkey PRIMARY KEY (asset);

ALTER TABLE ONLY house.report_run
    ADD CONSTRAINT report_run_pkey PRIMARY KEY (id);

COMMENT ON CONSTRAINT report_run_pkey ON house.report_run IS 'a call has one number';

ALTER TABLE ONLY house.risk_tier
    ADD CONSTRAINT risk_tier_pkey PRIMARY KEY (contract, valid_from, lower_bound);

ALTER TABLE ONLY house.scenario
    ADD CONSTRAINT scenario_key UNIQUE NULLS NOT DISTINCT (scenario, asset, contract);

COMMENT ON CONSTRAINT scenario_key ON house.scenario IS 'a scenario moves each price once';

ALTER TABLE ONLY house.scenario
    ADD CONSTRAINT scenario_pkey PRIMARY KEY (id);

ALTER TABLE ONLY house.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (taken_at);

COMMENT ON CONSTRAINT snapshot_pkey ON house.snapshot IS 'a snapshot is identified by its time';

ALTER TABLE ONLY house.snapshot_20261130
    ADD CONSTRAINT snapshot_20261130_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261201
    ADD CONSTRAINT snapshot_20261201_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261202
    ADD CONSTRAINT snapshot_20261202_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261203
    ADD CONSTRAINT snapshot_20261203_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261204
    ADD CONSTRAINT snapshot_20261204_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261205
    ADD CONSTRAINT snapshot_20261205_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261206
    ADD CONSTRAINT snapshot_20261206_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_20261207
    ADD CONSTRAINT snapshot_20261207_pkey PRIMARY KEY (taken_at);

ALTER TABLE ONLY house.snapshot_retention
    ADD CONSTRAINT snapshot_retention_pkey PRIMARY KEY (only_row);

COMMENT ON CONSTRAINT snapshot_retention_pkey ON house.snapshot_retention IS 'one setting for all';

ALTER TABLE ONLY house.venue_rule
    ADD CONSTRAINT venue_rule_pkey PRIMARY KEY (rule);

ALTER TABLE ONLY lone.admitted_owner
    ADD CONSTRAINT admitted_owner_pkey PRIMARY KEY (owner);

ALTER TABLE ONLY lone.asset_change
    ADD CONSTRAINT asset_change_pkey PRIMARY KEY (asset, valid_from);

ALTER TABLE ONLY lone.asset
    ADD CONSTRAINT asset_pkey PRIMARY KEY (asset);

ALTER TABLE ONLY lone.collateral_tier
    ADD CONSTRAINT collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound);

ALTER TABLE ONLY lone.contract_change
    ADD CONSTRAINT contract_change_pkey PRIMARY KEY (contract, valid_from);

ALTER TABLE ONLY lone.contract
    ADD CONSTRAINT contract_pkey PRIMARY KEY (contract);

ALTER TABLE ONLY lone.held_price_event
    ADD CONSTRAINT held_price_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY lone.held_price
    ADD CONSTRAINT held_price_pkey PRIMARY KEY (kind, symbol);

ALTER TABLE ONLY lone.index_price_history
    ADD CONSTRAINT index_price_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY lone.index_price
    ADD CONSTRAINT index_price_pkey PRIMARY KEY (asset);

ALTER TABLE ONLY lone.initial_collateral_tier
    ADD CONSTRAINT initial_collateral_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound);

ALTER TABLE ONLY lone.interest_rate
    ADD CONSTRAINT interest_rate_pkey PRIMARY KEY (asset, valid_from);

ALTER TABLE ONLY lone.level_threshold
    ADD CONSTRAINT level_threshold_pkey PRIMARY KEY (level);

ALTER TABLE ONLY lone.liability_tier
    ADD CONSTRAINT liability_tier_pkey PRIMARY KEY (asset, valid_from, lower_bound);

ALTER TABLE ONLY lone.mark_price_history
    ADD CONSTRAINT mark_price_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY lone.mark_price
    ADD CONSTRAINT mark_price_pkey PRIMARY KEY (contract);

ALTER TABLE ONLY lone.parameter_event
    ADD CONSTRAINT parameter_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY lone.pending_publication
    ADD CONSTRAINT pending_publication_pkey PRIMARY KEY (transaction);

ALTER TABLE ONLY lone.price_check
    ADD CONSTRAINT price_check_pkey PRIMARY KEY (kind, symbol);

ALTER TABLE ONLY lone.price_retention
    ADD CONSTRAINT price_retention_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY lone.published_market_history
    ADD CONSTRAINT published_market_history_pkey PRIMARY KEY (id);

ALTER TABLE ONLY lone.published_market
    ADD CONSTRAINT published_market_pkey PRIMARY KEY (only_row);

ALTER TABLE ONLY lone.reference_price
    ADD CONSTRAINT reference_price_pkey PRIMARY KEY (kind, symbol, source);

ALTER TABLE ONLY lone.repayment_rule
    ADD CONSTRAINT repayment_rule_pkey PRIMARY KEY (asset);

ALTER TABLE ONLY lone.risk_tier
    ADD CONSTRAINT risk_tier_pkey PRIMARY KEY (contract, valid_from, lower_bound);

ALTER TABLE ONLY lone.scenario
    ADD CONSTRAINT scenario_key UNIQUE NULLS NOT DISTINCT (scenario, asset, contract);

COMMENT ON CONSTRAINT scenario_key ON lone.scenario IS 'a scenario moves each price once';

ALTER TABLE ONLY lone.scenario
    ADD CONSTRAINT scenario_pkey PRIMARY KEY (id);

ALTER TABLE ONLY lone.venue_rule
    ADD CONSTRAINT venue_rule_pkey PRIMARY KEY (rule);

ALTER TABLE ONLY shard.account_level
    ADD CONSTRAINT account_level_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY shard.account_snapshot
    ADD CONSTRAINT account_snapshot_pkey PRIMARY KEY (taken_at, account_id);

COMMENT ON CONSTRAINT account_snapshot_pkey ON shard.account_snapshot IS 'a snapshot has an account once';

ALTER TABLE ONLY shard.accrual_event
    ADD CONSTRAINT accrual_event_pkey PRIMARY KEY (kind, accrued_at, symbol, account_id);

ALTER TABLE ONLY shard.accrual_house
    ADD CONSTRAINT accrual_house_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY shard.balance
    ADD CONSTRAINT balance_pkey PRIMARY KEY (account_id, asset);

ALTER TABLE ONLY shard.book_rule
    ADD CONSTRAINT book_rule_pkey PRIMARY KEY (rule);

ALTER TABLE ONLY shard.funding_settlement
    ADD CONSTRAINT funding_settlement_pkey PRIMARY KEY (contract, settled_at);

ALTER TABLE ONLY shard.guard_exception
    ADD CONSTRAINT guard_exception_pkey PRIMARY KEY (id);

ALTER TABLE ONLY shard.interest_hour
    ADD CONSTRAINT interest_hour_pkey PRIMARY KEY (accrued_at);

ALTER TABLE ONLY shard.level_basis
    ADD CONSTRAINT level_basis_pkey PRIMARY KEY (basis);

ALTER TABLE ONLY shard.level_epoch
    ADD CONSTRAINT level_epoch_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY shard.level_event
    ADD CONSTRAINT level_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY shard.open_order
    ADD CONSTRAINT open_order_pkey PRIMARY KEY (account_id, order_id);

ALTER TABLE ONLY shard."position"
    ADD CONSTRAINT position_pkey PRIMARY KEY (account_id, contract, side);

ALTER TABLE ONLY shard.published_market
    ADD CONSTRAINT published_market_pkey PRIMARY KEY (only_row);

COMMENT ON CONSTRAINT published_market_pkey ON shard.published_market IS 'one market for all';

ALTER TABLE ONLY shard.repayment_entry
    ADD CONSTRAINT repayment_entry_pkey PRIMARY KEY (account_id, booked_at, step);

ALTER TABLE ONLY shard.report_run
    ADD CONSTRAINT report_run_pkey PRIMARY KEY (id);

COMMENT ON CONSTRAINT report_run_pkey ON shard.report_run IS 'a call has one number';

ALTER TABLE ONLY shard.shard_key
    ADD CONSTRAINT shard_key_pkey PRIMARY KEY (account_id);

COMMENT ON CONSTRAINT shard_key_pkey ON shard.shard_key IS 'an account is on one shard';

ALTER TABLE ONLY shard.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (taken_at);

COMMENT ON CONSTRAINT snapshot_pkey ON shard.snapshot IS 'a snapshot is identified by its time';

ALTER TABLE ONLY shard.snapshot_retention
    ADD CONSTRAINT snapshot_retention_pkey PRIMARY KEY (only_row);

COMMENT ON CONSTRAINT snapshot_retention_pkey ON shard.snapshot_retention IS 'one setting for all';

ALTER TABLE ONLY uuids.account_level
    ADD CONSTRAINT account_level_pkey PRIMARY KEY (account_id);

ALTER TABLE ONLY uuids.account_snapshot
    ADD CONSTRAINT account_snapshot_pkey PRIMARY KEY (taken_at, account_id);

COMMENT ON CONSTRAINT account_snapshot_pkey ON uuids.account_snapshot IS 'a snapshot has an account once';

ALTER TABLE ONLY uuids.accrual_event
    ADD CONSTRAINT accrual_event_pkey PRIMARY KEY (kind, accrued_at, symbol, account_id);

ALTER TABLE ONLY uuids.accrual_house
    ADD CONSTRAINT accrual_house_pkey PRIMARY KEY (kind);

ALTER TABLE ONLY uuids.book_rule
    ADD CONSTRAINT book_rule_pkey PRIMARY KEY (rule);

ALTER TABLE ONLY uuids.funding_settlement
    ADD CONSTRAINT funding_settlement_pkey PRIMARY KEY (contract, settled_at);

ALTER TABLE ONLY uuids.guard_exception
    ADD CONSTRAINT guard_exception_pkey PRIMARY KEY (id);

ALTER TABLE ONLY uuids.interest_hour
    ADD CONSTRAINT interest_hour_pkey PRIMARY KEY (accrued_at);

ALTER TABLE ONLY uuids.level_basis
    ADD CONSTRAINT level_basis_pkey PRIMARY KEY (basis);

ALTER TABLE ONLY uuids.level_epoch
    ADD CONSTRAINT level_epoch_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY uuids.level_event
    ADD CONSTRAINT level_event_pkey PRIMARY KEY (id);

ALTER TABLE ONLY uuids.repayment_entry
    ADD CONSTRAINT repayment_entry_pkey PRIMARY KEY (account_id, booked_at, step);

ALTER TABLE ONLY uuids.report_run
    ADD CONSTRAINT report_run_pkey PRIMARY KEY (id);

COMMENT ON CONSTRAINT report_run_pkey ON uuids.report_run IS 'a call has one number';

ALTER TABLE ONLY uuids.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (taken_at);

COMMENT ON CONSTRAINT snapshot_pkey ON uuids.snapshot IS 'a snapshot is identified by its time';

ALTER TABLE ONLY uuids.snapshot_retention
    ADD CONSTRAINT snapshot_retention_pkey PRIMARY KEY (only_row);

COMMENT ON CONSTRAINT snapshot_retention_pkey ON uuids.snapshot_retention IS 'one setting for all';

CREATE INDEX stored_level_idx ON desk.stored USING btree (margin.level(p, m));

CREATE INDEX stored_m_idx ON desk.stored USING hash (m);

CREATE INDEX account_level_epoch_idx ON house.account_level USING btree (epoch, room) INCLUDE (mask);

COMMENT ON INDEX house.account_level_epoch_idx IS 'finds the accounts whose level prices that have moved so far may have changed';

CREATE INDEX accrual_event_account_id_idx ON house.accrual_event USING btree (account_id, accrued_at);

COMMENT ON INDEX house.accrual_event_account_id_idx IS 'what one account was charged, in order of time';

CREATE INDEX balance_by_asset ON house.balance USING btree (asset) WHERE (quantity < (0)::numeric);

CREATE INDEX guard_exception_account_id_idx ON house.guard_exception USING btree (account_id, judged_at);

COMMENT ON INDEX house.guard_exception_account_id_idx IS 'the exceptions of one account in order of time';

CREATE INDEX held_price_event_symbol ON house.held_price_event USING btree (kind, symbol, acted_at);

COMMENT ON INDEX house.held_price_event_symbol IS 'the history of one symbol';

CREATE INDEX index_price_history_idx ON house.index_price_history USING btree (asset, recorded_at);

COMMENT ON INDEX house.index_price_history_idx IS 'the price of an asset at a time';

CREATE INDEX level_event_account_id_idx ON house.level_event USING btree (account_id, id);

COMMENT ON INDEX house.level_event_account_id_idx IS 'the history of one account';

CREATE INDEX level_event_changed_at_idx ON house.level_event USING btree (changed_at);

COMMENT ON INDEX house.level_event_changed_at_idx IS 'the changes of a time, and of a transaction';

CREATE INDEX mark_price_history_idx ON house.mark_price_history USING btree (contract, recorded_at);

COMMENT ON INDEX house.mark_price_history_idx IS 'the price of a contract at a time';

CREATE INDEX parameter_event_symbol ON house.parameter_event USING btree (symbol, changed_at);

COMMENT ON INDEX house.parameter_event_symbol IS 'the history of one symbol';

CREATE INDEX held_price_event_symbol ON lone.held_price_event USING btree (kind, symbol, acted_at);

COMMENT ON INDEX lone.held_price_event_symbol IS 'the history of one symbol';

CREATE INDEX index_price_history_idx ON lone.index_price_history USING btree (asset, recorded_at);

COMMENT ON INDEX lone.index_price_history_idx IS 'the price of an asset at a time';

CREATE INDEX mark_price_history_idx ON lone.mark_price_history USING btree (contract, recorded_at);

COMMENT ON INDEX lone.mark_price_history_idx IS 'the price of a contract at a time';

CREATE INDEX parameter_event_symbol ON lone.parameter_event USING btree (symbol, changed_at);

COMMENT ON INDEX lone.parameter_event_symbol IS 'the history of one symbol';

CREATE INDEX account_level_epoch_idx ON shard.account_level USING btree (epoch, room) INCLUDE (mask);

COMMENT ON INDEX shard.account_level_epoch_idx IS 'finds the accounts whose level prices that have moved so far may have changed';

CREATE INDEX accrual_event_account_id_idx ON shard.accrual_event USING btree (account_id, accrued_at);

COMMENT ON INDEX shard.accrual_event_account_id_idx IS 'what one account was charged, in order of time';

CREATE INDEX guard_exception_account_id_idx ON shard.guard_exception USING btree (account_id, judged_at);

COMMENT ON INDEX shard.guard_exception_account_id_idx IS 'the exceptions of one account in order of time';

CREATE INDEX level_event_account_id_idx ON shard.level_event USING btree (account_id, id);

COMMENT ON INDEX shard.level_event_account_id_idx IS 'the history of one account';

CREATE INDEX level_event_changed_at_idx ON shard.level_event USING btree (changed_at);

COMMENT ON INDEX shard.level_event_changed_at_idx IS 'the changes of a time, and of a transaction';

CREATE INDEX account_level_epoch_idx ON uuids.account_level USING btree (epoch, room) INCLUDE (mask);

COMMENT ON INDEX uuids.account_level_epoch_idx IS 'finds the accounts whose level prices that have moved so far may have changed';

CREATE INDEX accrual_event_account_id_idx ON uuids.accrual_event USING btree (account_id, accrued_at);

COMMENT ON INDEX uuids.accrual_event_account_id_idx IS 'what one account was charged, in order of time';

CREATE INDEX guard_exception_account_id_idx ON uuids.guard_exception USING btree (account_id, judged_at);

COMMENT ON INDEX uuids.guard_exception_account_id_idx IS 'the exceptions of one account in order of time';

CREATE INDEX level_event_account_id_idx ON uuids.level_event USING btree (account_id, id);

COMMENT ON INDEX uuids.level_event_account_id_idx IS 'the history of one account';

CREATE INDEX level_event_changed_at_idx ON uuids.level_event USING btree (changed_at);

COMMENT ON INDEX uuids.level_event_changed_at_idx IS 'the changes of a time, and of a transaction';

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261130_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261201_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261202_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261203_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261204_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261205_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261206_pkey;

ALTER INDEX house.account_snapshot_pkey ATTACH PARTITION house.account_snapshot_20261207_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261130_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261201_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261202_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261203_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261204_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261205_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261206_pkey;

ALTER INDEX house.snapshot_pkey ATTACH PARTITION house.snapshot_20261207_pkey;

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.accrual_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.accrual_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.funding_settlement FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.funding_settlement IS 'an instant that is forgotten would be settled again';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.held_price_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.held_price_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE UPDATE ON house.index_price_history FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.index_price_history IS 'what was applied is not rewritten, only pruned';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.interest_hour FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.interest_hour IS 'an hour that is forgotten would be charged again';

CREATE TRIGGER append_only BEFORE UPDATE ON house.mark_price_history FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.mark_price_history IS 'what was applied is not rewritten, only pruned';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.parameter_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.parameter_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE UPDATE ON house.published_market_history FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON house.published_market_history IS 'what was published is not rewritten, only pruned';

CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON house.price_check FOR EACH ROW WHEN (((new.kind = ANY (ARRAY['asset'::text, 'contract'::text])) AND (new.symbol IS NOT NULL))) EXECUTE FUNCTION house.check_priced_symbol();

COMMENT ON TRIGGER check_symbol ON house.price_check IS 'a check of a symbol that is not there would check nothing';

CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON house.reference_price FOR EACH ROW WHEN (((new.kind = ANY (ARRAY['asset'::text, 'contract'::text])) AND (new.symbol IS NOT NULL))) EXECUTE FUNCTION house.check_priced_symbol();

COMMENT ON TRIGGER check_symbol ON house.reference_price IS 'an opinion on a symbol that is not there would be none';

CREATE CONSTRAINT TRIGGER collateral_tier_shape AFTER INSERT OR DELETE OR UPDATE ON house.collateral_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');

COMMENT ON TRIGGER collateral_tier_shape ON house.collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise';

CREATE TRIGGER follow_delete AFTER DELETE ON house.asset FOR EACH ROW EXECUTE FUNCTION house.follow_symbol('asset');

COMMENT ON TRIGGER follow_delete ON house.asset IS 'its price check, reference prices and held price go with it';

CREATE TRIGGER follow_delete AFTER DELETE ON house.contract FOR EACH ROW EXECUTE FUNCTION house.follow_symbol('contract');

COMMENT ON TRIGGER follow_delete ON house.contract IS 'its price check, reference prices and held price go with it';

CREATE TRIGGER follow_rename AFTER UPDATE OF asset ON house.asset FOR EACH ROW WHEN ((old.asset <> new.asset)) EXECUTE FUNCTION house.follow_symbol('asset');

COMMENT ON TRIGGER follow_rename ON house.asset IS 'its price check, reference prices and held price are renamed with it';

CREATE TRIGGER follow_rename AFTER UPDATE OF contract ON house.contract FOR EACH ROW WHEN ((old.contract <> new.contract)) EXECUTE FUNCTION house.follow_symbol('contract');

COMMENT ON TRIGGER follow_rename ON house.contract IS 'its price check, reference prices and held price are renamed with it';

CREATE TRIGGER forget_levels AFTER DELETE OR TRUNCATE ON house.account_level FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.forget_levels();

COMMENT ON TRIGGER forget_levels ON house.account_level IS 'a refresh finds again the accounts that have no level any more';

CREATE TRIGGER guard_exception_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.guard_exception FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER guard_exception_append_only ON house.guard_exception IS 'what happened is not rewritten';

CREATE CONSTRAINT TRIGGER initial_collateral_tier_shape AFTER INSERT OR DELETE OR UPDATE ON house.initial_collateral_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');

COMMENT ON TRIGGER initial_collateral_tier_shape ON house.initial_collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise, and the asset has collateral tiers by then';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.asset FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON house.asset IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.asset_change FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON house.asset_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.collateral_tier FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

ALTER TABLE house.collateral_tier DISABLE TRIGGER journal;

COMMENT ON TRIGGER journal ON house.collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.contract FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('contract');

COMMENT ON TRIGGER journal ON house.contract IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.contract_change FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('contract');

COMMENT ON TRIGGER journal ON house.contract_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.initial_collateral_tier FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON house.initial_collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.interest_rate FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON house.interest_rate IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.level_threshold FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('level');

COMMENT ON TRIGGER journal ON house.level_threshold IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.liability_tier FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON house.liability_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.price_check FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('symbol');

COMMENT ON TRIGGER journal ON house.price_check IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.repayment_rule FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON house.repayment_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.risk_tier FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('contract');

COMMENT ON TRIGGER journal ON house.risk_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.scenario FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('scenario');

COMMENT ON TRIGGER journal ON house.scenario IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON house.venue_rule FOR EACH ROW EXECUTE FUNCTION house.record_parameter_event('rule');

COMMENT ON TRIGGER journal ON house.venue_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.asset FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.asset IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.asset_change FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.asset_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.contract FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('contract');

COMMENT ON TRIGGER journal_truncate ON house.contract IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.contract_change FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('contract');

COMMENT ON TRIGGER journal_truncate ON house.contract_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.initial_collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.initial_collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.interest_rate FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.interest_rate IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('level');

COMMENT ON TRIGGER journal_truncate ON house.level_threshold IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.liability_tier FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.liability_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.price_check FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('symbol');

COMMENT ON TRIGGER journal_truncate ON house.price_check IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.repayment_rule FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON house.repayment_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.risk_tier FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('contract');

COMMENT ON TRIGGER journal_truncate ON house.risk_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.scenario FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('scenario');

COMMENT ON TRIGGER journal_truncate ON house.scenario IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON house.venue_rule FOR EACH STATEMENT EXECUTE FUNCTION house.record_parameter_event('rule');

COMMENT ON TRIGGER journal_truncate ON house.venue_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER later_change AFTER UPDATE ON house.asset REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('asset', 'asset_change', 'asset', 'tier_unit', 'liability_weight', 'requirement_weight', 'max_age', 'initial_liability_weight');

COMMENT ON TRIGGER later_change ON house.asset IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.asset_change REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('asset', 'asset_change', 'asset, valid_from', 'tier_unit', 'liability_weight', 'requirement_weight', 'max_age', 'initial_liability_weight');

COMMENT ON TRIGGER later_change ON house.asset_change IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.collateral_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('asset', 'collateral_tier', 'asset, valid_from, lower_bound', 'ratio');

COMMENT ON TRIGGER later_change ON house.collateral_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.contract REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('contract', 'contract_change', 'contract', 'settle', 'base', 'contract_size', 'netting', 'closing_fee', 'maintenance_method', 'initial_method', 'max_age', 'opening_fee', 'tier_unit', 'order_maintenance');

COMMENT ON TRIGGER later_change ON house.contract IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.contract_change REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('contract', 'contract_change', 'contract, valid_from', 'settle', 'base', 'contract_size', 'netting', 'closing_fee', 'maintenance_method', 'initial_method', 'max_age', 'opening_fee', 'tier_unit', 'order_maintenance');

COMMENT ON TRIGGER later_change ON house.contract_change IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.initial_collateral_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('asset', 'initial_collateral_tier', 'asset, valid_from, lower_bound', 'ratio');

COMMENT ON TRIGGER later_change ON house.initial_collateral_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.liability_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('asset', 'liability_tier', 'asset, valid_from, lower_bound', 'maintenance_rate');

COMMENT ON TRIGGER later_change ON house.liability_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON house.risk_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.warn_of_later_change('contract', 'risk_tier', 'contract, valid_from, lower_bound', 'maintenance_rate', 'initial_rate');

COMMENT ON TRIGGER later_change ON house.risk_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER level_event_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER level_event_append_only ON house.level_event IS 'what happened is not rewritten';

CREATE TRIGGER level_event_notify AFTER INSERT ON house.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels();

COMMENT ON TRIGGER level_event_notify ON house.level_event IS 'one NOTIFY margin_level when the transaction commits';

CREATE TRIGGER level_threshold_lock BEFORE INSERT OR DELETE OR UPDATE ON house.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION house.lock_thresholds();

COMMENT ON TRIGGER level_threshold_lock ON house.level_threshold IS 'one transaction at a time edits the thresholds';

CREATE CONSTRAINT TRIGGER level_threshold_shape AFTER INSERT OR DELETE OR UPDATE ON house.level_threshold DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION house.check_thresholds();

COMMENT ON TRIGGER level_threshold_shape ON house.level_threshold IS 'warning <= margin_call <= liquidation, with the defaults for those without a row';

CREATE CONSTRAINT TRIGGER liability_tier_shape AFTER INSERT OR DELETE OR UPDATE ON house.liability_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');

COMMENT ON TRIGGER liability_tier_shape ON house.liability_tier IS 'the rates of a whole schedule begin at 0 and never fall';

CREATE TRIGGER margin_children BEFORE INSERT OR DELETE OR UPDATE ON house.balance FOR EACH STATEMENT WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_children();

COMMENT ON TRIGGER margin_children ON house.balance IS 'rows of tables that inherit would bypass the guard';

CREATE TRIGGER margin_children BEFORE INSERT OR DELETE OR UPDATE ON house.open_order FOR EACH STATEMENT WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_children();

COMMENT ON TRIGGER margin_children ON house.open_order IS 'rows of tables that inherit would bypass the guard';

CREATE TRIGGER margin_children BEFORE INSERT OR DELETE OR UPDATE ON house."position" FOR EACH STATEMENT WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_children();

COMMENT ON TRIGGER margin_children ON house."position" IS 'rows of tables that inherit would bypass the guard';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON house.balance FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'guard');

COMMENT ON TRIGGER margin_guard ON house.balance IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON house.open_order FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'guard');

COMMENT ON TRIGGER margin_guard ON house.open_order IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON house."position" FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'guard');

COMMENT ON TRIGGER margin_guard ON house."position" IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON house.balance FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'levels');

COMMENT ON TRIGGER margin_levels ON house.balance IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON house.open_order FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'levels');

COMMENT ON TRIGGER margin_levels ON house.open_order IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON house."position" FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'levels');

COMMENT ON TRIGGER margin_levels ON house."position" IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON house.balance FOR EACH STATEMENT WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

COMMENT ON TRIGGER margin_truncate ON house.balance IS 'TRUNCATE would bypass the guard';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON house.open_order FOR EACH STATEMENT WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

COMMENT ON TRIGGER margin_truncate ON house.open_order IS 'TRUNCATE would bypass the guard';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON house."position" FOR EACH STATEMENT WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

COMMENT ON TRIGGER margin_truncate ON house."position" IS 'TRUNCATE would bypass the guard';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON house.balance DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON house.balance IS 'judges the accounts that the transaction touched';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON house.open_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON house.open_order IS 'judges the accounts that the transaction touched';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON house."position" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('house.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON house."position" IS 'judges the accounts that the transaction touched';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.asset FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.asset ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.asset IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.asset_change FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.asset_change ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.asset_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.collateral_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.collateral_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.contract FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.contract ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.contract IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.contract_change FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.contract_change ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.contract_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.index_price FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.index_price ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.index_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.initial_collateral_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.initial_collateral_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.initial_collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.level_threshold FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.level_threshold ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.level_threshold IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.liability_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.liability_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.liability_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.mark_price FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.mark_price ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.mark_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.risk_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.risk_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.risk_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON house.venue_rule FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.venue_rule ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON house.venue_rule IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.asset FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.asset ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.asset IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.asset_change FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.asset_change ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.asset_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.collateral_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.contract FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.contract ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.contract IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.contract_change FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.contract_change ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.contract_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.index_price FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.index_price ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.index_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.initial_collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.initial_collateral_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.initial_collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.level_threshold ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.level_threshold IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.liability_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.liability_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.liability_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.mark_price FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.mark_price ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.mark_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.risk_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.risk_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.risk_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON house.venue_rule FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE house.venue_rule ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON house.venue_rule IS 'sessions that keep the market read it again';

CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON house.contract FOR EACH ROW WHEN ((new.payoff <> 'linear'::text)) EXECUTE FUNCTION margin_internal.refuse_payoff();

COMMENT ON TRIGGER payoff ON house.contract IS 'an inverse contract must not pass silently for a linear one';

CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON house.contract_change FOR EACH ROW WHEN ((new.payoff <> 'linear'::text)) EXECUTE FUNCTION margin_internal.refuse_payoff();

COMMENT ON TRIGGER payoff ON house.contract_change IS 'an inverse contract must not pass silently for a linear one';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.asset FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.asset DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.asset IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.asset_change FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.asset_change DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.asset_change IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.collateral_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.collateral_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.contract FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.contract DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.contract IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.contract_change FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.contract_change DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.contract_change IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.held_price FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

COMMENT ON TRIGGER publish ON house.held_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.index_price FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

COMMENT ON TRIGGER publish ON house.index_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.initial_collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.initial_collateral_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.initial_collateral_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.level_threshold DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.level_threshold IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.liability_tier FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.liability_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.liability_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.mark_price FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

COMMENT ON TRIGGER publish ON house.mark_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.repayment_rule FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.repayment_rule DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.repayment_rule IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.risk_tier FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.risk_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.risk_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.scenario FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.scenario DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.scenario IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.venue_rule FOR EACH STATEMENT EXECUTE FUNCTION house.request_publication();

ALTER TABLE house.venue_rule DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON house.venue_rule IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE CONSTRAINT TRIGGER publish_market AFTER INSERT ON house.pending_publication DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION house.publish_pending();

COMMENT ON TRIGGER publish_market ON house.pending_publication IS 'the market is published once, at the end of the transaction or by SET CONSTRAINTS ... IMMEDIATE';

CREATE TRIGGER record AFTER INSERT OR UPDATE ON house.published_market FOR EACH ROW EXECUTE FUNCTION house.record_publication();

COMMENT ON TRIGGER record ON house.published_market IS 'what is published is appended to the history; off unless margin.enable_publishing(history => true)';

CREATE TRIGGER record_delete AFTER DELETE ON house.index_price REFERENCING OLD TABLE AS replaced FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('asset');

COMMENT ON TRIGGER record_delete ON house.index_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_delete AFTER DELETE ON house.mark_price REFERENCING OLD TABLE AS replaced FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('contract');

COMMENT ON TRIGGER record_delete ON house.mark_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_held AFTER INSERT OR DELETE ON house.held_price FOR EACH ROW EXECUTE FUNCTION house.record_held_price();

COMMENT ON TRIGGER record_held ON house.held_price IS 'what is held, and what becomes of it, is journaled, with a NOTIFY margin_price';

CREATE TRIGGER record_insert AFTER INSERT ON house.index_price REFERENCING NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('asset');

COMMENT ON TRIGGER record_insert ON house.index_price IS 'each price applied is appended to the history';

CREATE TRIGGER record_insert AFTER INSERT ON house.mark_price REFERENCING NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('contract');

COMMENT ON TRIGGER record_insert ON house.mark_price IS 'each price applied is appended to the history';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON house.held_price FOR EACH STATEMENT EXECUTE FUNCTION house.record_held_price();

COMMENT ON TRIGGER record_truncate ON house.held_price IS 'what becomes of prices held is journaled, with a NOTIFY margin_price';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON house.index_price FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('asset');

COMMENT ON TRIGGER record_truncate ON house.index_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON house.mark_price FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('contract');

COMMENT ON TRIGGER record_truncate ON house.mark_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_update AFTER UPDATE ON house.index_price REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('asset');

COMMENT ON TRIGGER record_update ON house.index_price IS 'each price applied is appended to the history';

CREATE TRIGGER record_update AFTER UPDATE ON house.mark_price REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION house.record_prices('contract');

COMMENT ON TRIGGER record_update ON house.mark_price IS 'each price applied is appended to the history';

CREATE TRIGGER repayment_entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON house.repayment_entry FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER repayment_entry_append_only ON house.repayment_entry IS 'what happened is not rewritten';

CREATE CONSTRAINT TRIGGER risk_tier_shape AFTER INSERT OR DELETE OR UPDATE ON house.risk_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('contract');

COMMENT ON TRIGGER risk_tier_shape ON house.risk_tier IS 'the rates of a whole schedule begin at 0 and never fall; initial rates are in all tiers or in none';

CREATE TRIGGER set_side BEFORE INSERT OR UPDATE ON house."position" FOR EACH ROW WHEN (((new.side = 'short'::text) IS DISTINCT FROM (new.quantity < (0)::numeric))) EXECUTE FUNCTION margin_internal.set_side();

COMMENT ON TRIGGER set_side ON house."position" IS 'the side follows the sign of the quantity';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261130 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261130 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261201 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261201 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261202 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261202 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261203 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261203 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261204 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261204 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261205 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261205 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261206 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261206 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.account_snapshot_20261207 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.account_snapshot_20261207 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261130 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261130 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261201 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261201 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261202 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261202 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261203 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261203 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261204 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261204 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261205 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261205 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261206 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261206 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON house.snapshot_20261207 FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON house.snapshot_20261207 IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER unset_bounds BEFORE UPDATE ON house.index_price FOR EACH ROW EXECUTE FUNCTION margin_internal.unset_bounds();

COMMENT ON TRIGGER unset_bounds ON house.index_price IS 'an UPDATE that sets the price and not its bounds removes these';

CREATE TRIGGER zz_see AFTER INSERT OR UPDATE ON house.balance FOR EACH ROW EXECUTE FUNCTION house.see();

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON lone.held_price_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON lone.held_price_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE UPDATE ON lone.index_price_history FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON lone.index_price_history IS 'what was applied is not rewritten, only pruned';

CREATE TRIGGER append_only BEFORE UPDATE ON lone.mark_price_history FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON lone.mark_price_history IS 'what was applied is not rewritten, only pruned';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON lone.parameter_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON lone.parameter_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE UPDATE ON lone.published_market_history FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON lone.published_market_history IS 'what was published is not rewritten, only pruned';

CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON lone.price_check FOR EACH ROW WHEN (((new.kind = ANY (ARRAY['asset'::text, 'contract'::text])) AND (new.symbol IS NOT NULL))) EXECUTE FUNCTION lone.check_priced_symbol();

COMMENT ON TRIGGER check_symbol ON lone.price_check IS 'a check of a symbol that is not there would check nothing';

CREATE TRIGGER check_symbol BEFORE INSERT OR UPDATE OF kind, symbol ON lone.reference_price FOR EACH ROW WHEN (((new.kind = ANY (ARRAY['asset'::text, 'contract'::text])) AND (new.symbol IS NOT NULL))) EXECUTE FUNCTION lone.check_priced_symbol();

COMMENT ON TRIGGER check_symbol ON lone.reference_price IS 'an opinion on a symbol that is not there would be none';

CREATE CONSTRAINT TRIGGER collateral_tier_shape AFTER INSERT OR DELETE OR UPDATE ON lone.collateral_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');

COMMENT ON TRIGGER collateral_tier_shape ON lone.collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise';

CREATE TRIGGER follow_delete AFTER DELETE ON lone.asset FOR EACH ROW EXECUTE FUNCTION lone.follow_symbol('asset');

COMMENT ON TRIGGER follow_delete ON lone.asset IS 'its price check, reference prices and held price go with it';

CREATE TRIGGER follow_delete AFTER DELETE ON lone.contract FOR EACH ROW EXECUTE FUNCTION lone.follow_symbol('contract');

COMMENT ON TRIGGER follow_delete ON lone.contract IS 'its price check, reference prices and held price go with it';

CREATE TRIGGER follow_rename AFTER UPDATE OF asset ON lone.asset FOR EACH ROW WHEN ((old.asset <> new.asset)) EXECUTE FUNCTION lone.follow_symbol('asset');

COMMENT ON TRIGGER follow_rename ON lone.asset IS 'its price check, reference prices and held price are renamed with it';

CREATE TRIGGER follow_rename AFTER UPDATE OF contract ON lone.contract FOR EACH ROW WHEN ((old.contract <> new.contract)) EXECUTE FUNCTION lone.follow_symbol('contract');

COMMENT ON TRIGGER follow_rename ON lone.contract IS 'its price check, reference prices and held price are renamed with it';

CREATE CONSTRAINT TRIGGER initial_collateral_tier_shape AFTER INSERT OR DELETE OR UPDATE ON lone.initial_collateral_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');

COMMENT ON TRIGGER initial_collateral_tier_shape ON lone.initial_collateral_tier IS 'the ratios of a whole schedule begin at 0 and never rise, and the asset has collateral tiers by then';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.asset FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.asset IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.asset_change FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.asset_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.collateral_tier FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.contract FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('contract');

COMMENT ON TRIGGER journal ON lone.contract IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.contract_change FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('contract');

COMMENT ON TRIGGER journal ON lone.contract_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.initial_collateral_tier FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.initial_collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.interest_rate FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.interest_rate IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.level_threshold FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('level');

COMMENT ON TRIGGER journal ON lone.level_threshold IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.liability_tier FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.liability_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.price_check FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('symbol');

COMMENT ON TRIGGER journal ON lone.price_check IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.repayment_rule FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal ON lone.repayment_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.risk_tier FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('contract');

COMMENT ON TRIGGER journal ON lone.risk_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.scenario FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('scenario');

COMMENT ON TRIGGER journal ON lone.scenario IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal AFTER INSERT OR DELETE OR UPDATE ON lone.venue_rule FOR EACH ROW EXECUTE FUNCTION lone.record_parameter_event('rule');

COMMENT ON TRIGGER journal ON lone.venue_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.asset FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.asset IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.asset_change FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.asset_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.contract FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('contract');

COMMENT ON TRIGGER journal_truncate ON lone.contract IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.contract_change FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('contract');

COMMENT ON TRIGGER journal_truncate ON lone.contract_change IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.initial_collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.initial_collateral_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.interest_rate FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.interest_rate IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('level');

COMMENT ON TRIGGER journal_truncate ON lone.level_threshold IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.liability_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.liability_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.price_check FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('symbol');

COMMENT ON TRIGGER journal_truncate ON lone.price_check IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.repayment_rule FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('asset');

COMMENT ON TRIGGER journal_truncate ON lone.repayment_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.risk_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('contract');

COMMENT ON TRIGGER journal_truncate ON lone.risk_tier IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.scenario FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('scenario');

COMMENT ON TRIGGER journal_truncate ON lone.scenario IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER journal_truncate BEFORE TRUNCATE ON lone.venue_rule FOR EACH STATEMENT EXECUTE FUNCTION lone.record_parameter_event('rule');

COMMENT ON TRIGGER journal_truncate ON lone.venue_rule IS 'every edit leaves a row in parameter_event';

CREATE TRIGGER later_change AFTER UPDATE ON lone.asset REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('asset', 'asset_change', 'asset', 'tier_unit', 'liability_weight', 'requirement_weight', 'max_age', 'initial_liability_weight');

COMMENT ON TRIGGER later_change ON lone.asset IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.asset_change REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('asset', 'asset_change', 'asset, valid_from', 'tier_unit', 'liability_weight', 'requirement_weight', 'max_age', 'initial_liability_weight');

COMMENT ON TRIGGER later_change ON lone.asset_change IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.collateral_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('asset', 'collateral_tier', 'asset, valid_from, lower_bound', 'ratio');

COMMENT ON TRIGGER later_change ON lone.collateral_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.contract REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('contract', 'contract_change', 'contract', 'settle', 'base', 'contract_size', 'netting', 'closing_fee', 'maintenance_method', 'initial_method', 'max_age', 'opening_fee', 'tier_unit', 'order_maintenance');

COMMENT ON TRIGGER later_change ON lone.contract IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.contract_change REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('contract', 'contract_change', 'contract, valid_from', 'settle', 'base', 'contract_size', 'netting', 'closing_fee', 'maintenance_method', 'initial_method', 'max_age', 'opening_fee', 'tier_unit', 'order_maintenance');

COMMENT ON TRIGGER later_change ON lone.contract_change IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.initial_collateral_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('asset', 'initial_collateral_tier', 'asset, valid_from, lower_bound', 'ratio');

COMMENT ON TRIGGER later_change ON lone.initial_collateral_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.liability_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('asset', 'liability_tier', 'asset, valid_from, lower_bound', 'maintenance_rate');

COMMENT ON TRIGGER later_change ON lone.liability_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER later_change AFTER UPDATE ON lone.risk_tier REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.warn_of_later_change('contract', 'risk_tier', 'contract, valid_from, lower_bound', 'maintenance_rate', 'initial_rate');

COMMENT ON TRIGGER later_change ON lone.risk_tier IS 'a warning where what is edited does not hold now';

CREATE TRIGGER level_threshold_lock BEFORE INSERT OR DELETE OR UPDATE ON lone.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION lone.lock_thresholds();

COMMENT ON TRIGGER level_threshold_lock ON lone.level_threshold IS 'one transaction at a time edits the thresholds';

CREATE CONSTRAINT TRIGGER level_threshold_shape AFTER INSERT OR DELETE OR UPDATE ON lone.level_threshold DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lone.check_thresholds();

COMMENT ON TRIGGER level_threshold_shape ON lone.level_threshold IS 'warning <= margin_call <= liquidation, with the defaults for those without a row';

CREATE CONSTRAINT TRIGGER liability_tier_shape AFTER INSERT OR DELETE OR UPDATE ON lone.liability_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('asset');

COMMENT ON TRIGGER liability_tier_shape ON lone.liability_tier IS 'the rates of a whole schedule begin at 0 and never fall';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.asset FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.asset ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.asset IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.asset_change FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.asset_change ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.asset_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.collateral_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.collateral_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.contract FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.contract ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.contract IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.contract_change FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.contract_change ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.contract_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.index_price FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.index_price ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.index_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.initial_collateral_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.initial_collateral_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.initial_collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.level_threshold FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.level_threshold ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.level_threshold IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.liability_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.liability_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.liability_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.mark_price FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.mark_price ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.mark_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.risk_tier FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.risk_tier ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.risk_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_changed AFTER INSERT OR DELETE OR UPDATE ON lone.venue_rule FOR EACH ROW EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.venue_rule ENABLE ALWAYS TRIGGER market_changed;

COMMENT ON TRIGGER market_changed ON lone.venue_rule IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.asset FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.asset ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.asset IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.asset_change FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.asset_change ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.asset_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.collateral_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.contract FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.contract ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.contract IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.contract_change FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.contract_change ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.contract_change IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.index_price FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.index_price ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.index_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.initial_collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.initial_collateral_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.initial_collateral_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.level_threshold ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.level_threshold IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.liability_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.liability_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.liability_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.mark_price FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.mark_price ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.mark_price IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.risk_tier FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.risk_tier ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.risk_tier IS 'sessions that keep the market read it again';

CREATE TRIGGER market_truncated AFTER TRUNCATE ON lone.venue_rule FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.market_changed();

ALTER TABLE lone.venue_rule ENABLE ALWAYS TRIGGER market_truncated;

COMMENT ON TRIGGER market_truncated ON lone.venue_rule IS 'sessions that keep the market read it again';

CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON lone.contract FOR EACH ROW WHEN ((new.payoff <> 'linear'::text)) EXECUTE FUNCTION margin_internal.refuse_payoff();

COMMENT ON TRIGGER payoff ON lone.contract IS 'an inverse contract must not pass silently for a linear one';

CREATE TRIGGER payoff BEFORE INSERT OR UPDATE ON lone.contract_change FOR EACH ROW WHEN ((new.payoff <> 'linear'::text)) EXECUTE FUNCTION margin_internal.refuse_payoff();

COMMENT ON TRIGGER payoff ON lone.contract_change IS 'an inverse contract must not pass silently for a linear one';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.asset FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.asset DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.asset IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.asset_change FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.asset_change DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.asset_change IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.collateral_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.collateral_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.contract FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.contract DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.contract IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.contract_change FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.contract_change DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.contract_change IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.held_price FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.held_price DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.held_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.index_price FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.index_price DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.index_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.initial_collateral_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.initial_collateral_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.initial_collateral_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.level_threshold FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.level_threshold DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.level_threshold IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.liability_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.liability_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.liability_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.mark_price FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.mark_price DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.mark_price IS 'writing prices publishes the market; off unless margin.enable_publishing()';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.repayment_rule FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.repayment_rule DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.repayment_rule IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.risk_tier FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.risk_tier DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.risk_tier IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.scenario FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.scenario DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.scenario IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE TRIGGER publish AFTER INSERT OR DELETE OR UPDATE OR TRUNCATE ON lone.venue_rule FOR EACH STATEMENT EXECUTE FUNCTION lone.request_publication();

ALTER TABLE lone.venue_rule DISABLE TRIGGER publish;

COMMENT ON TRIGGER publish ON lone.venue_rule IS 'editing parameters publishes the market; off unless margin.enable_publishing(edits => true)';

CREATE CONSTRAINT TRIGGER publish_market AFTER INSERT ON lone.pending_publication DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION lone.publish_pending();

COMMENT ON TRIGGER publish_market ON lone.pending_publication IS 'the market is published once, at the end of the transaction or by SET CONSTRAINTS ... IMMEDIATE';

CREATE TRIGGER record AFTER INSERT OR UPDATE ON lone.published_market FOR EACH ROW EXECUTE FUNCTION lone.record_publication();

ALTER TABLE lone.published_market DISABLE TRIGGER record;

COMMENT ON TRIGGER record ON lone.published_market IS 'what is published is appended to the history; off unless margin.enable_publishing(history => true)';

CREATE TRIGGER record_delete AFTER DELETE ON lone.index_price REFERENCING OLD TABLE AS replaced FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('asset');

COMMENT ON TRIGGER record_delete ON lone.index_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_delete AFTER DELETE ON lone.mark_price REFERENCING OLD TABLE AS replaced FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('contract');

COMMENT ON TRIGGER record_delete ON lone.mark_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_held AFTER INSERT OR DELETE ON lone.held_price FOR EACH ROW EXECUTE FUNCTION lone.record_held_price();

COMMENT ON TRIGGER record_held ON lone.held_price IS 'what is held, and what becomes of it, is journaled, with a NOTIFY margin_price';

CREATE TRIGGER record_insert AFTER INSERT ON lone.index_price REFERENCING NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('asset');

COMMENT ON TRIGGER record_insert ON lone.index_price IS 'each price applied is appended to the history';

CREATE TRIGGER record_insert AFTER INSERT ON lone.mark_price REFERENCING NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('contract');

COMMENT ON TRIGGER record_insert ON lone.mark_price IS 'each price applied is appended to the history';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON lone.held_price FOR EACH STATEMENT EXECUTE FUNCTION lone.record_held_price();

COMMENT ON TRIGGER record_truncate ON lone.held_price IS 'what becomes of prices held is journaled, with a NOTIFY margin_price';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON lone.index_price FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('asset');

COMMENT ON TRIGGER record_truncate ON lone.index_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_truncate BEFORE TRUNCATE ON lone.mark_price FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('contract');

COMMENT ON TRIGGER record_truncate ON lone.mark_price IS 'that there is no price any more is appended to the history';

CREATE TRIGGER record_update AFTER UPDATE ON lone.index_price REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('asset');

COMMENT ON TRIGGER record_update ON lone.index_price IS 'each price applied is appended to the history';

CREATE TRIGGER record_update AFTER UPDATE ON lone.mark_price REFERENCING OLD TABLE AS replaced NEW TABLE AS applied FOR EACH STATEMENT EXECUTE FUNCTION lone.record_prices('contract');

COMMENT ON TRIGGER record_update ON lone.mark_price IS 'each price applied is appended to the history';

CREATE CONSTRAINT TRIGGER risk_tier_shape AFTER INSERT OR DELETE OR UPDATE ON lone.risk_tier DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION margin_internal.check_schedule('contract');

COMMENT ON TRIGGER risk_tier_shape ON lone.risk_tier IS 'the rates of a whole schedule begin at 0 and never fall; initial rates are in all tiers or in none';

CREATE TRIGGER unset_bounds BEFORE UPDATE ON lone.index_price FOR EACH ROW EXECUTE FUNCTION margin_internal.unset_bounds();

COMMENT ON TRIGGER unset_bounds ON lone.index_price IS 'an UPDATE that sets the price and not its bounds removes these';

CREATE TRIGGER answer INSTEAD OF INSERT ON shard.shard_request FOR EACH ROW EXECUTE FUNCTION margin_internal.answer_request();

COMMENT ON TRIGGER answer ON shard.shard_request IS 'carries the command out';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shard.accrual_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON shard.accrual_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shard.funding_settlement FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON shard.funding_settlement IS 'an instant that is forgotten would be settled again';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shard.interest_hour FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON shard.interest_hour IS 'an hour that is forgotten would be charged again';

CREATE TRIGGER forget_levels AFTER DELETE OR TRUNCATE ON shard.account_level FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.forget_levels();

COMMENT ON TRIGGER forget_levels ON shard.account_level IS 'a refresh finds again the accounts that have no level any more';

CREATE TRIGGER guard_exception_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shard.guard_exception FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER guard_exception_append_only ON shard.guard_exception IS 'what happened is not rewritten';

CREATE TRIGGER level_event_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shard.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER level_event_append_only ON shard.level_event IS 'what happened is not rewritten';

CREATE TRIGGER level_event_notify AFTER INSERT ON shard.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels();

COMMENT ON TRIGGER level_event_notify ON shard.level_event IS 'one NOTIFY margin_level when the transaction commits';

CREATE TRIGGER margin_children BEFORE INSERT OR DELETE OR UPDATE ON shard.balance FOR EACH STATEMENT WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_children();

COMMENT ON TRIGGER margin_children ON shard.balance IS 'rows of tables that inherit would bypass the guard';

CREATE TRIGGER margin_children BEFORE INSERT OR DELETE OR UPDATE ON shard.open_order FOR EACH STATEMENT WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_children();

COMMENT ON TRIGGER margin_children ON shard.open_order IS 'rows of tables that inherit would bypass the guard';

CREATE TRIGGER margin_children BEFORE INSERT OR DELETE OR UPDATE ON shard."position" FOR EACH STATEMENT WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_children();

COMMENT ON TRIGGER margin_children ON shard."position" IS 'rows of tables that inherit would bypass the guard';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON shard.balance FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'guard');

ALTER TABLE shard.balance DISABLE TRIGGER margin_guard;

COMMENT ON TRIGGER margin_guard ON shard.balance IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON shard.open_order FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'guard');

ALTER TABLE shard.open_order DISABLE TRIGGER margin_guard;

COMMENT ON TRIGGER margin_guard ON shard.open_order IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON shard."position" FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'guard');

ALTER TABLE shard."position" DISABLE TRIGGER margin_guard;

COMMENT ON TRIGGER margin_guard ON shard."position" IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON shard.balance FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'levels');

COMMENT ON TRIGGER margin_levels ON shard.balance IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON shard.open_order FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'levels');

COMMENT ON TRIGGER margin_levels ON shard.open_order IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON shard."position" FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('account_id', 'levels');

COMMENT ON TRIGGER margin_levels ON shard."position" IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON shard.balance FOR EACH STATEMENT WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

ALTER TABLE shard.balance DISABLE TRIGGER margin_truncate;

COMMENT ON TRIGGER margin_truncate ON shard.balance IS 'TRUNCATE would bypass the guard';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON shard.open_order FOR EACH STATEMENT WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

ALTER TABLE shard.open_order DISABLE TRIGGER margin_truncate;

COMMENT ON TRIGGER margin_truncate ON shard.open_order IS 'TRUNCATE would bypass the guard';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON shard."position" FOR EACH STATEMENT WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

ALTER TABLE shard."position" DISABLE TRIGGER margin_truncate;

COMMENT ON TRIGGER margin_truncate ON shard."position" IS 'TRUNCATE would bypass the guard';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON shard.balance DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON shard.balance IS 'judges the accounts that the transaction touched';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON shard.open_order DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON shard.open_order IS 'judges the accounts that the transaction touched';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON shard."position" DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('shard.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON shard."position" IS 'judges the accounts that the transaction touched';

CREATE TRIGGER note_receipt BEFORE INSERT OR UPDATE ON shard.published_market FOR EACH ROW EXECUTE FUNCTION shard.note_receipt();

COMMENT ON TRIGGER note_receipt ON shard.published_market IS 'received_at is the shard''s own clock';

CREATE TRIGGER repayment_entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON shard.repayment_entry FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER repayment_entry_append_only ON shard.repayment_entry IS 'what happened is not rewritten';

CREATE TRIGGER set_side BEFORE INSERT OR UPDATE ON shard."position" FOR EACH ROW WHEN (((new.side = 'short'::text) IS DISTINCT FROM (new.quantity < (0)::numeric))) EXECUTE FUNCTION margin_internal.set_side();

COMMENT ON TRIGGER set_side ON shard."position" IS 'the side follows the sign of the quantity';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON shard.account_snapshot FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON shard.account_snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON shard.snapshot FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON shard.snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON uuids.accrual_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON uuids.accrual_event IS 'what happened is not rewritten';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON uuids.funding_settlement FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON uuids.funding_settlement IS 'an instant that is forgotten would be settled again';

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON uuids.interest_hour FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER append_only ON uuids.interest_hour IS 'an hour that is forgotten would be charged again';

CREATE TRIGGER forget_levels AFTER DELETE OR TRUNCATE ON uuids.account_level FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.forget_levels();

COMMENT ON TRIGGER forget_levels ON uuids.account_level IS 'a refresh finds again the accounts that have no level any more';

CREATE TRIGGER guard_exception_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON uuids.guard_exception FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER guard_exception_append_only ON uuids.guard_exception IS 'what happened is not rewritten';

CREATE TRIGGER level_event_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON uuids.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER level_event_append_only ON uuids.level_event IS 'what happened is not rewritten';

CREATE TRIGGER level_event_notify AFTER INSERT ON uuids.level_event FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.notify_levels();

COMMENT ON TRIGGER level_event_notify ON uuids.level_event IS 'one NOTIFY margin_level when the transaction commits';

CREATE TRIGGER margin_guard AFTER INSERT OR DELETE OR UPDATE ON uuids.wallet FOR EACH ROW WHEN (('uuids.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('owner', 'guard');

COMMENT ON TRIGGER margin_guard ON uuids.wallet IS 'notes the accounts that the guard is to judge';

CREATE TRIGGER margin_levels AFTER INSERT OR DELETE OR UPDATE ON uuids.wallet FOR EACH ROW WHEN (('uuids.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.collect_account('owner', 'levels');

COMMENT ON TRIGGER margin_levels ON uuids.wallet IS 'notes the accounts whose levels are to be refreshed';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON uuids.wallet FOR EACH STATEMENT WHEN (('uuids.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

COMMENT ON TRIGGER margin_truncate ON uuids.wallet IS 'TRUNCATE would bypass the guard';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON uuids.wallet_0 FOR EACH STATEMENT WHEN (('uuids.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

COMMENT ON TRIGGER margin_truncate ON uuids.wallet_0 IS 'TRUNCATE would bypass the guard';

CREATE TRIGGER margin_truncate BEFORE TRUNCATE ON uuids.wallet_1 FOR EACH STATEMENT WHEN (('uuids.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.refuse_truncate();

COMMENT ON TRIGGER margin_truncate ON uuids.wallet_1 IS 'TRUNCATE would bypass the guard';

CREATE CONSTRAINT TRIGGER margin_verdict AFTER INSERT OR DELETE OR UPDATE ON uuids.wallet DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (('uuids.holding'::regclass IS NOT NULL)) EXECUTE FUNCTION margin_internal.check_accounts();

COMMENT ON TRIGGER margin_verdict ON uuids.wallet IS 'judges the accounts that the transaction touched';

CREATE TRIGGER repayment_entry_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON uuids.repayment_entry FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.append_only();

COMMENT ON TRIGGER repayment_entry_append_only ON uuids.repayment_entry IS 'what happened is not rewritten';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON uuids.account_snapshot FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON uuids.account_snapshot IS 'for the owner alone, whatever is granted to others';

CREATE TRIGGER snapshot_immutable BEFORE INSERT OR DELETE OR UPDATE OR TRUNCATE ON uuids.snapshot FOR EACH STATEMENT EXECUTE FUNCTION margin_internal.snapshot_immutable();

COMMENT ON TRIGGER snapshot_immutable ON uuids.snapshot IS 'for the owner alone, whatever is granted to others';

ALTER TABLE ONLY house.asset_change
    ADD CONSTRAINT asset_change_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT asset_change_asset_fkey ON house.asset_change IS 'the asset exists; its changes go with it';

ALTER TABLE ONLY house.collateral_tier
    ADD CONSTRAINT collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT collateral_tier_asset_fkey ON house.collateral_tier IS 'the asset exists; its tiers go with it';

ALTER TABLE ONLY house.contract
    ADD CONSTRAINT contract_base_fkey FOREIGN KEY (base) REFERENCES house.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_base_fkey ON house.contract IS 'the underlying asset exists, and stays as long as the contract';

ALTER TABLE ONLY house.contract_change
    ADD CONSTRAINT contract_change_base_fkey FOREIGN KEY (base) REFERENCES house.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_change_base_fkey ON house.contract_change IS 'the underlying asset exists, and stays as long as the change';

ALTER TABLE ONLY house.contract_change
    ADD CONSTRAINT contract_change_contract_fkey FOREIGN KEY (contract) REFERENCES house.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT contract_change_contract_fkey ON house.contract_change IS 'the contract exists; its changes go with it';

ALTER TABLE ONLY house.contract_change
    ADD CONSTRAINT contract_change_settle_fkey FOREIGN KEY (settle) REFERENCES house.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_change_settle_fkey ON house.contract_change IS 'the settlement asset exists, and stays as long as the change';

ALTER TABLE ONLY house.contract
    ADD CONSTRAINT contract_settle_fkey FOREIGN KEY (settle) REFERENCES house.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_settle_fkey ON house.contract IS 'the settlement asset exists, and stays as long as the contract';

ALTER TABLE ONLY house.index_price
    ADD CONSTRAINT index_price_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT index_price_asset_fkey ON house.index_price IS 'the asset exists; its price goes with it';

ALTER TABLE ONLY house.initial_collateral_tier
    ADD CONSTRAINT initial_collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT initial_collateral_tier_asset_fkey ON house.initial_collateral_tier IS 'the asset exists; its tiers go with it';

ALTER TABLE ONLY house.interest_rate
    ADD CONSTRAINT interest_rate_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT interest_rate_asset_fkey ON house.interest_rate IS 'the asset exists; its rates go with it';

ALTER TABLE ONLY house.level_epoch
    ADD CONSTRAINT level_epoch_basis_fkey FOREIGN KEY (basis) REFERENCES house.level_basis(basis);

COMMENT ON CONSTRAINT level_epoch_basis_fkey ON house.level_epoch IS 'prices are numbered as in its market';

ALTER TABLE ONLY house.liability_tier
    ADD CONSTRAINT liability_tier_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT liability_tier_asset_fkey ON house.liability_tier IS 'the asset exists; its tiers go with it';

ALTER TABLE ONLY house.mark_price
    ADD CONSTRAINT mark_price_contract_fkey FOREIGN KEY (contract) REFERENCES house.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT mark_price_contract_fkey ON house.mark_price IS 'the contract exists; its price goes with it';

ALTER TABLE ONLY house.repayment_rule
    ADD CONSTRAINT repayment_rule_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT repayment_rule_asset_fkey ON house.repayment_rule IS 'the asset exists; its rule goes with it';

ALTER TABLE ONLY house.risk_tier
    ADD CONSTRAINT risk_tier_contract_fkey FOREIGN KEY (contract) REFERENCES house.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT risk_tier_contract_fkey ON house.risk_tier IS 'the contract exists; its tiers go with it';

ALTER TABLE ONLY house.scenario
    ADD CONSTRAINT scenario_asset_fkey FOREIGN KEY (asset) REFERENCES house.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT scenario_asset_fkey ON house.scenario IS 'the asset exists; its moves go with it';

ALTER TABLE ONLY house.scenario
    ADD CONSTRAINT scenario_contract_fkey FOREIGN KEY (contract) REFERENCES house.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT scenario_contract_fkey ON house.scenario IS 'the contract exists; its moves go with it';

ALTER TABLE ONLY lone.asset_change
    ADD CONSTRAINT asset_change_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT asset_change_asset_fkey ON lone.asset_change IS 'the asset exists; its changes go with it';

ALTER TABLE ONLY lone.collateral_tier
    ADD CONSTRAINT collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT collateral_tier_asset_fkey ON lone.collateral_tier IS 'the asset exists; its tiers go with it';

ALTER TABLE ONLY lone.contract
    ADD CONSTRAINT contract_base_fkey FOREIGN KEY (base) REFERENCES lone.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_base_fkey ON lone.contract IS 'the underlying asset exists, and stays as long as the contract';

ALTER TABLE ONLY lone.contract_change
    ADD CONSTRAINT contract_change_base_fkey FOREIGN KEY (base) REFERENCES lone.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_change_base_fkey ON lone.contract_change IS 'the underlying asset exists, and stays as long as the change';

ALTER TABLE ONLY lone.contract_change
    ADD CONSTRAINT contract_change_contract_fkey FOREIGN KEY (contract) REFERENCES lone.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT contract_change_contract_fkey ON lone.contract_change IS 'the contract exists; its changes go with it';

ALTER TABLE ONLY lone.contract_change
    ADD CONSTRAINT contract_change_settle_fkey FOREIGN KEY (settle) REFERENCES lone.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_change_settle_fkey ON lone.contract_change IS 'the settlement asset exists, and stays as long as the change';

ALTER TABLE ONLY lone.contract
    ADD CONSTRAINT contract_settle_fkey FOREIGN KEY (settle) REFERENCES lone.asset(asset) ON UPDATE CASCADE;

COMMENT ON CONSTRAINT contract_settle_fkey ON lone.contract IS 'the settlement asset exists, and stays as long as the contract';

ALTER TABLE ONLY lone.index_price
    ADD CONSTRAINT index_price_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT index_price_asset_fkey ON lone.index_price IS 'the asset exists; its price goes with it';

ALTER TABLE ONLY lone.initial_collateral_tier
    ADD CONSTRAINT initial_collateral_tier_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT initial_collateral_tier_asset_fkey ON lone.initial_collateral_tier IS 'the asset exists; its tiers go with it';

ALTER TABLE ONLY lone.interest_rate
    ADD CONSTRAINT interest_rate_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT interest_rate_asset_fkey ON lone.interest_rate IS 'the asset exists; its rates go with it';

ALTER TABLE ONLY lone.liability_tier
    ADD CONSTRAINT liability_tier_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT liability_tier_asset_fkey ON lone.liability_tier IS 'the asset exists; its tiers go with it';

ALTER TABLE ONLY lone.mark_price
    ADD CONSTRAINT mark_price_contract_fkey FOREIGN KEY (contract) REFERENCES lone.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT mark_price_contract_fkey ON lone.mark_price IS 'the contract exists; its price goes with it';

ALTER TABLE ONLY lone.repayment_rule
    ADD CONSTRAINT repayment_rule_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT repayment_rule_asset_fkey ON lone.repayment_rule IS 'the asset exists; its rule goes with it';

ALTER TABLE ONLY lone.risk_tier
    ADD CONSTRAINT risk_tier_contract_fkey FOREIGN KEY (contract) REFERENCES lone.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT risk_tier_contract_fkey ON lone.risk_tier IS 'the contract exists; its tiers go with it';

ALTER TABLE ONLY lone.scenario
    ADD CONSTRAINT scenario_asset_fkey FOREIGN KEY (asset) REFERENCES lone.asset(asset) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT scenario_asset_fkey ON lone.scenario IS 'the asset exists; its moves go with it';

ALTER TABLE ONLY lone.scenario
    ADD CONSTRAINT scenario_contract_fkey FOREIGN KEY (contract) REFERENCES lone.contract(contract) ON UPDATE CASCADE ON DELETE CASCADE;

COMMENT ON CONSTRAINT scenario_contract_fkey ON lone.scenario IS 'the contract exists; its moves go with it';

ALTER TABLE ONLY shard.level_epoch
    ADD CONSTRAINT level_epoch_basis_fkey FOREIGN KEY (basis) REFERENCES shard.level_basis(basis);

COMMENT ON CONSTRAINT level_epoch_basis_fkey ON shard.level_epoch IS 'prices are numbered as in its market';

ALTER TABLE ONLY uuids.level_epoch
    ADD CONSTRAINT level_epoch_basis_fkey FOREIGN KEY (basis) REFERENCES uuids.level_basis(basis);

COMMENT ON CONSTRAINT level_epoch_basis_fkey ON uuids.level_epoch IS 'prices are numbered as in its market';

ALTER TABLE house.balance ENABLE ROW LEVEL SECURITY;

CREATE POLICY own_rows ON house.balance TO writer USING ((account_id = 1));

GRANT USAGE ON SCHEMA house TO writer;

GRANT SELECT,INSERT ON TABLE house.collateral_tier TO writer;

REVOKE ALL ON FUNCTION house.market() FROM PUBLIC;
GRANT ALL ON FUNCTION house.market() TO writer;

GRANT SELECT ON TABLE house.account_margin TO writer;

REVOKE ALL ON FUNCTION house.check_priced_symbol() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.check_thresholds() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.check_tiers() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.follow_symbol() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION house.interest_rates(since timestamp with time zone, until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION house.lock_thresholds() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.market(as_of timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION house.past_market(as_of timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION house.pausing_prices() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.planned_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.publish_market() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.publish_pending() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.record_held_price() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.record_parameter_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.record_prices() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.record_publication() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.release_ratios() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.repayment_rules() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.scenarios() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.request_publication() FROM PUBLIC;

REVOKE ALL ON FUNCTION house.warn_of_later_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.check_priced_symbol() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.check_thresholds() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.check_tiers() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.follow_symbol() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.hold_prices(assets text[], prices numeric[], lows numeric[], highs numeric[], contracts text[], marks numeric[], at timestamp with time zone, force boolean) FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.interest_rates(since timestamp with time zone, until timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.lock_thresholds() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.market() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.market(as_of timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.past_market(as_of timestamp with time zone) FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.pausing_prices() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.planned_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.publish_market() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.publish_pending() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.record_held_price() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.record_parameter_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.record_prices() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.record_publication() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.release_ratios() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.repayment_rules() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.request_publication() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.scenarios() FROM PUBLIC;

REVOKE ALL ON FUNCTION lone.warn_of_later_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION shard.market() FROM PUBLIC;

REVOKE ALL ON FUNCTION shard.hold_market() FROM PUBLIC;

REVOKE ALL ON FUNCTION shard.pausing_prices() FROM PUBLIC;

REVOKE ALL ON FUNCTION shard.release_ratios() FROM PUBLIC;

REVOKE ALL ON FUNCTION shard.repayment_rules() FROM PUBLIC;

REVOKE ALL ON FUNCTION shard.scenarios() FROM PUBLIC;

REFRESH MATERIALIZED VIEW desk.taken;

-- PostgreSQL database dump complete

