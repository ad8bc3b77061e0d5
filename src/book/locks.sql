-- locks: on the accounts of a book

CREATE FUNCTION margin.lock_accounts(book name, accounts text[]) RETURNS void
    LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE AS 'MODULE_PATHNAME', 'margin_lock_accounts';
COMMENT ON FUNCTION margin.lock_accounts(name, text[]) IS
'Locks accounts of a book (keys as text) until the end of the transaction, in the order in which the guard locks them; very many at once lock the whole book. '
'Guarded writers lock rows first and their accounts when they commit: so lock the rows that are to be written (SELECT ... FOR UPDATE) before calling this, and name all accounts in one call; then neither order can deadlock with the other. '
'Only for roles that have the rights of the book''s owner (42501), since it can hold up every writer. Nothing for null; an error for a null account or one that is no key of the book.';
