-- facts: what the accounts of a book hold
--
-- Balances, positions and orders refer to their symbols by name only: a booked
-- fact is never refused because its asset or contract is unknown; it makes its
-- account unpriced.  The columns have PostgreSQL's own types, so that they
-- outlive DROP EXTENSION.  account_key gives the key its type and is dropped
-- when these tables are there.

CREATE TABLE balance (
    LIKE account_key,
    asset     text NOT NULL,
    quantity  numeric NOT NULL,
    CONSTRAINT balance_pkey PRIMARY KEY (account_id, asset),
    CONSTRAINT balance_asset_length CHECK (octet_length(asset) BETWEEN 1 AND 255),
    CONSTRAINT balance_quantity_finite CHECK (margin.is_amount(quantity))
);
COMMENT ON TABLE balance IS 'wallet balances of accounts';
COMMENT ON COLUMN balance.account_id IS 'the account';
COMMENT ON COLUMN balance.asset IS 'symbol of the asset; one that the venue lacks makes the account unpriced';
COMMENT ON COLUMN balance.quantity IS 'in units of the asset; negative is a debt';
COMMENT ON CONSTRAINT balance_asset_length ON balance IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT balance_quantity_finite ON balance IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';

CREATE TABLE position (
    LIKE account_key,
    contract     text NOT NULL,
    side         text NOT NULL DEFAULT 'long',
    quantity     numeric NOT NULL,
    entry_price  numeric NOT NULL,
    leverage     numeric,
    CONSTRAINT position_pkey PRIMARY KEY (account_id, contract, side),
    CONSTRAINT position_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT position_side_of_quantity CHECK (side = CASE WHEN quantity < 0 THEN 'short' ELSE 'long' END),
    CONSTRAINT position_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT position_entry_price_range CHECK (margin.is_amount(entry_price) AND entry_price >= 0),
    CONSTRAINT position_leverage_positive CHECK (margin.is_amount(leverage) AND leverage > 0)
);
COMMENT ON TABLE position IS 'open positions of accounts: at most one long and one short in a contract';
COMMENT ON COLUMN position.account_id IS 'the account';
COMMENT ON COLUMN position.contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';
COMMENT ON COLUMN position.side IS 'short where quantity is below 0, else long; set by itself, rows are entered without it';
COMMENT ON COLUMN position.quantity IS 'in contracts; above 0 is long, below 0 short';
COMMENT ON COLUMN position.entry_price IS 'average entry price, settlement asset per unit of the underlying';
COMMENT ON COLUMN position.leverage IS 'leverage chosen, sets the initial margin; above 0; NULL: none chosen';
COMMENT ON CONSTRAINT position_contract_length ON position IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT position_side_of_quantity ON position IS 'the side is the sign of the quantity';
COMMENT ON CONSTRAINT position_quantity_finite ON position IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';
COMMENT ON CONSTRAINT position_entry_price_range ON position IS 'an entry price is never negative';
COMMENT ON CONSTRAINT position_leverage_positive ON position IS 'leverage is a divisor, so above 0';

-- The side is part of the key.  A generated column would do it, but UPDATE and
-- DELETE of a table with such a key stop a subscription on PostgreSQL 15.
CREATE TRIGGER set_side BEFORE INSERT OR UPDATE ON position
    FOR EACH ROW WHEN ((NEW.side = 'short') IS DISTINCT FROM (NEW.quantity < 0))
    EXECUTE FUNCTION margin_internal.set_side();
COMMENT ON TRIGGER set_side ON position IS 'the side follows the sign of the quantity';

CREATE TABLE open_order (
    LIKE account_key,
    order_id  text NOT NULL,
    contract  text NOT NULL,
    quantity  numeric NOT NULL,
    price     numeric NOT NULL,
    leverage  numeric,
    CONSTRAINT open_order_pkey PRIMARY KEY (account_id, order_id),
    CONSTRAINT open_order_contract_length CHECK (octet_length(contract) BETWEEN 1 AND 255),
    CONSTRAINT open_order_quantity_finite CHECK (margin.is_amount(quantity)),
    CONSTRAINT open_order_price_positive CHECK (margin.is_amount(price) AND price > 0),
    CONSTRAINT open_order_leverage_positive CHECK (margin.is_amount(leverage) AND leverage > 0)
);
COMMENT ON TABLE open_order IS 'open orders of accounts: all that may still fill is taken as filled where that requires more margin; reduce-only orders are not entered';
COMMENT ON COLUMN open_order.account_id IS 'the account';
COMMENT ON COLUMN open_order.order_id IS 'tells the orders of an account apart';
COMMENT ON COLUMN open_order.contract IS 'symbol of the contract; one that the venue lacks makes the account unpriced';
COMMENT ON COLUMN open_order.quantity IS 'what is left to fill, in contracts; above 0 buys, below 0 sells';
COMMENT ON COLUMN open_order.price IS 'limit price, settlement asset per unit of the underlying; above 0';
COMMENT ON COLUMN open_order.leverage IS 'leverage chosen for what it opens; above 0; NULL: none chosen';
COMMENT ON CONSTRAINT open_order_contract_length ON open_order IS 'a symbol has 1 to 255 bytes';
COMMENT ON CONSTRAINT open_order_quantity_finite ON open_order IS 'neither NaN nor infinite, at most 1,000 digits on each side of the point';
COMMENT ON CONSTRAINT open_order_price_positive ON open_order IS 'a limit price is above 0';
COMMENT ON CONSTRAINT open_order_leverage_positive ON open_order IS 'leverage is a divisor, so above 0';
