/*
 * booked_columns.c
 *		Where a book's balances are booked.
 *
 * A book over other tables names their columns in its views and nowhere else.  The
 * view flawed_holding reads each source once, in a part of its own, with the columns
 * as create_book() was given them, whatever the book does with flawed rows.  So
 * there it can be seen which column of the source of balances is the account, the
 * asset and the quantity, and whether any of them is computed, which cannot be
 * written.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/primnodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "book/trace.h"

enum
{
	PART_ACCOUNT,
	PART_SYMBOL,
	PART_QUANTITY,
	PART_KIND,
	PARTS
};

static const char *const part_names[PARTS] = {"account_id", "symbol", "quantity", "kind"};

/* What is looked for, and what was found. */
typedef struct Search
{
	Oid			source;
	AttrNumber	columns[PART_KIND];	/* 0: computed */
	int			places;
} Search;

static bool
is_balance(const Query *query, AttrNumber kind)
{
	const Const *label = (const Const *) get_tle_by_resno(query->targetList, kind)->expr;
	Oid			output;
	bool		varlena;

	if (!IsA(label, Const) || label->constisnull)
		return false;
	getTypeOutputInfo(label->consttype, &output, &varlena);
	return strcmp(OidOutputFunctionCall(output, label->constvalue), "balance") == 0;
}

/* A part that reads the source of balances. */
static void
note_place(Search *search, const Query *query, const AttrNumber *parts)
{
	search->places++;
	for (int i = 0; i < PART_KIND; i++)
	{
		const Var  *column = trace_column(query, parts[i]);

		search->columns[i] = column != NULL && rt_fetch(column->varno, query->rtable)->relid == search->source ? column->varattno : 0;
	}
}

/* The one subquery that a query reads from; NULL if it reads anything else. */
static const RangeTblEntry *
only_subquery(const Query *query)
{
	const RangeTblEntry *entry;

	if (list_length(query->jointree->fromlist) != 1 || !IsA(linitial(query->jointree->fromlist), RangeTblRef))
		return NULL;
	entry = rt_fetch(linitial_node(RangeTblRef, query->jointree->fromlist)->rtindex, query->rtable);
	return entry->rtekind == RTE_SUBQUERY ? entry : NULL;
}

static void search_query(Search *search, const Query *query, const AttrNumber *parts);

static void
search_branches(Search *search, const Query *query, const Node *node, const AttrNumber *parts)
{
	if (IsA(node, SetOperationStmt))
	{
		search_branches(search, query, ((const SetOperationStmt *) node)->larg, parts);
		search_branches(search, query, ((const SetOperationStmt *) node)->rarg, parts);
	}
	else
		search_query(search, rt_fetch(castNode(RangeTblRef, (Node *) node)->rtindex, query->rtable)->subquery, parts);
}

/* Follows the parts of a holding down to where the source is read. */
static void
search_query(Search *search, const Query *query, const AttrNumber *parts)
{
	const RangeTblEntry *subquery = query->setOperations == NULL ? only_subquery(query) : NULL;
	AttrNumber	inner[PARTS];

	check_stack_depth();
	if (query->setOperations != NULL)
		search_branches(search, query, query->setOperations, parts);
	else if (subquery != NULL)
	{
		for (int i = 0; i < PARTS; i++)
		{
			const Var  *column = trace_column(query, parts[i]);

			if (column == NULL)
				return;
			inner[i] = column->varattno;
		}
		search_query(search, subquery->subquery, inner);
	}
	else if (is_balance(query, parts[PART_KIND]))
		note_place(search, query, parts);
}

PG_FUNCTION_INFO_V1(margin_balance_columns);

/* balance_columns(flawed_holding regclass, source regclass): account, asset and quantity as columns of the source */
Datum
margin_balance_columns(PG_FUNCTION_ARGS)
{
	Oid			oid = PG_GETARG_OID(0);
	Search		search = {.source = PG_GETARG_OID(1)};
	Relation	view = relation_open(oid, AccessShareLock);
	AttrNumber	parts[PARTS];
	TupleDesc	result;
	NameData	names[PART_KIND];
	Datum		values[PART_KIND];
	bool		nulls[PART_KIND];

	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE || result->natts != PART_KIND)
		elog(ERROR, "balance_columns() returns %d columns", PART_KIND);
	for (int i = 0; i < PARTS; i++)
	{
		parts[i] = get_attnum(oid, part_names[i]);
		if (view->rd_rel->relkind != RELKIND_VIEW || parts[i] == InvalidAttrNumber)
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is no view flawed_holding of a book", RelationGetRelationName(view))));
	}
	search_query(&search, get_view_query(view), parts);
	for (int i = 0; i < PART_KIND; i++)
	{
		nulls[i] = search.places != 1 || search.columns[i] <= 0;
		if (!nulls[i])
			namestrcpy(&names[i], get_attname(search.source, search.columns[i], false));
		values[i] = NameGetDatum(&names[i]);
	}
	relation_close(view, AccessShareLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(result, values, nulls)));
}
