-- accounts: the keys of a book, and what each account holds
--
-- The views holding and flawed_holding stand before this script; account_id has the type of
-- the account keys.  Everything else takes the type from the view account.

COMMENT ON VIEW holding IS 'balances, positions and open orders as holdings, the rows that account_portfolio nets';
COMMENT ON COLUMN holding.account_id IS 'the account';
COMMENT ON COLUMN holding.symbol IS 'symbol of the asset of a balance, or of the contract of a position or order';
COMMENT ON COLUMN holding.quantity IS 'units of the asset, negative is a debt; or contracts, negative is short or sells';
COMMENT ON COLUMN holding.entry_price IS 'of a position, or the limit price of an order, settlement asset per unit of the underlying; null for a balance';
COMMENT ON COLUMN holding.leverage IS 'chosen for a position or order; null: none, or a balance';
COMMENT ON COLUMN holding.kind IS 'balance, position or order';
COMMENT ON VIEW flawed_holding IS 'rows that cannot be valued, such as a quantity of NaN: an error when their accounts are read, or with flawed_rows => ''unpriced'' of create_book() what makes those accounts unpriced';
COMMENT ON COLUMN flawed_holding.account_id IS 'the account';
COMMENT ON COLUMN flawed_holding.kind IS 'balance, position or order';
COMMENT ON COLUMN flawed_holding.symbol IS 'as it is in the row, as are quantity, entry_price and leverage';
COMMENT ON COLUMN flawed_holding.quantity IS 'as it is in the row';
COMMENT ON COLUMN flawed_holding.entry_price IS 'as it is in the row';
COMMENT ON COLUMN flawed_holding.leverage IS 'as it is in the row';
COMMENT ON COLUMN flawed_holding.flaw IS 'why it cannot be valued';

CREATE VIEW account WITH (security_invoker = true) AS
SELECT DISTINCT account_id FROM holding;
COMMENT ON VIEW account IS 'the accounts that hold something';
COMMENT ON COLUMN account.account_id IS 'the account';

CREATE FUNCTION account_key(account text) RETURNS account.account_id%TYPE
LANGUAGE plpgsql STABLE CALLED ON NULL INPUT PARALLEL SAFE
AS $$
BEGIN
    RETURN account;
END
$$;
COMMENT ON FUNCTION account_key(text) IS 'the account whose key has this text; an error for a text that is no key; null for null';

-- The subquery in key order lets the planner merge the sources by indexes on
-- the account and group what arrives sorted; it does not stand in the way of
-- "account_id = ...", which reaches all of them.
CREATE VIEW account_portfolio WITH (security_invoker = true) AS
SELECT account_id, margin.portfolio(symbol, quantity, entry_price, leverage, kind) AS portfolio
  FROM (SELECT * FROM holding ORDER BY account_id) AS h
 GROUP BY account_id;
COMMENT ON VIEW account_portfolio IS 'what each account holds, netted; rows without an account form one with a null key, so that no holding is lost';
COMMENT ON COLUMN account_portfolio.account_id IS 'the account';
COMMENT ON COLUMN account_portfolio.portfolio IS 'its balances, positions and orders, netted (specification, section 1)';
