/*
 * repay.c
 *		Whether a transaction with an old snapshot may rely on what it reads.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

#include "base/compat.h"
#include "book/book.h"

/* What the account holds by a snapshot, as text; empty for nothing. */
static char *
holdings(SPIPlanPtr plan, Datum account, Snapshot snapshot)
{
	char	   *portfolio;

	if (SPI_execute_snapshot(plan, &account, NULL, snapshot, InvalidSnapshot, true, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "cannot read the holdings of an account");
	portfolio = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	Assert(portfolio != NULL);
	return portfolio;
}

static SPIPlanPtr
prepare_holdings(const Book *book)
{
	Oid			type = TEXTOID;
	const char *sql = psprintf("SELECT coalesce((SELECT portfolio::pg_catalog.text FROM %s"
							   " WHERE account_id OPERATOR(pg_catalog.=) %s($1)), '')",
							   book_object(book, "account_portfolio"), book_object(book, "account_key"));
	SPIPlanPtr	plan = SPI_prepare(sql, 1, &type);

	if (plan == NULL)
		elog(ERROR, "cannot prepare \"%s\": %s", sql, SPI_result_code_string(SPI_result));
	return plan;
}

PG_FUNCTION_INFO_V1(margin_holds_otherwise);

/*
 * holds_otherwise(book name, account text): others have committed to the account
 * what this transaction cannot see; reads as the caller.
 */
Datum
margin_holds_otherwise(PG_FUNCTION_ARGS)
{
	SPIPlanPtr	plan;
	Snapshot	latest;
	char	   *seen;
	char	   *there;
	bool		result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "cannot connect to SPI");
	plan = prepare_holdings(book_open(NameStr(*PG_GETARG_NAME(0))));
	seen = holdings(plan, PG_GETARG_DATUM(1), GetActiveSnapshot());
	latest = RegisterSnapshot(GetLatestSnapshot());
	there = holdings(plan, PG_GETARG_DATUM(1), latest);
	UnregisterSnapshot(latest);
	result = strcmp(seen, there) != 0;
	SPI_finish();
	PG_RETURN_BOOL(result);
}
