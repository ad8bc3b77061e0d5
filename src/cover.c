/*
 * cover.c
 *		Whether a transaction with an old snapshot may rely on what it reads.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "utils/snapmgr.h"

#include "compat.h"

/* What the account holds by a snapshot, as text. */
static char *
holdings(SPIPlanPtr plan, Datum account, Snapshot snapshot)
{
	if (SPI_execute_snapshot(plan, &account, NULL, snapshot, InvalidSnapshot, true, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not read the holdings of an account");
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

PG_FUNCTION_INFO_V1(margin_holds_otherwise);

/* holds_otherwise(account_id bigint): others have committed what this transaction cannot see */
Datum
margin_holds_otherwise(PG_FUNCTION_ARGS)
{
	const char *query = "SELECT coalesce(margin.portfolio(h.symbol, h.quantity, h.entry_price, h.leverage), '{}')::pg_catalog.text"
		" FROM margin.holding AS h WHERE h.account_id OPERATOR(pg_catalog.=) $1";
	Oid			type = INT8OID;
	SPIPlanPtr	plan;
	Snapshot	latest;
	char	   *seen;
	char	   *there;
	bool		result;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	plan = SPI_prepare(query, 1, &type);
	if (plan == NULL)
		elog(ERROR, "could not prepare a query: %s", SPI_result_code_string(SPI_result));
	seen = holdings(plan, PG_GETARG_DATUM(0), GetActiveSnapshot());
	latest = RegisterSnapshot(GetLatestSnapshot());
	there = holdings(plan, PG_GETARG_DATUM(0), latest);
	UnregisterSnapshot(latest);
	result = strcmp(seen, there) != 0;
	SPI_finish();
	PG_RETURN_BOOL(result);
}
