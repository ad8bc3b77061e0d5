-- book: locks on the accounts of a book

CREATE FUNCTION margin.lock_accounts(book name, accounts text[]) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_lock_accounts';
REVOKE ALL ON FUNCTION margin.lock_accounts(name, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION margin.lock_accounts(name, text[]) TO @extowner@ WITH GRANT OPTION;
COMMENT ON FUNCTION margin.lock_accounts(name, text[]) IS
'locks accounts of a book until the end of the transaction, in the order that the guard locks them. Guarded writers lock rows first and their accounts when they commit: lock the rows that are to be written (SELECT ... FOR UPDATE) before calling this, all accounts in one call, and neither order can deadlock with the other. Very many accounts at once lock the whole book; nothing for null, an error for a null account or one that is no key of the book. Whoever may call it can hold up writers: PUBLIC may not, the owner of the extension grants it';
