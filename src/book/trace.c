/*
 * trace.c
 *		Whether a book's view passes the account of a row on as it is.
 *
 * The guard judges the accounts that are named by the rows written.  So where
 * the view holding reads a guarded table, its account_id has to be the account
 * column itself: with lower(account), or the column of a table joined to it, the
 * rows would be counted for accounts that nobody judges.
 *
 * Queries are followed as they are stored: through views, subqueries, branches
 * of UNION, joins and groupings.  What is hidden in a function is not seen.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/parsenodes.h"
#include "nodes/primnodes.h"
#include "parser/parsetree.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"

#include "base/compat.h"
#include "book/trace.h"

typedef struct Trace
{
	const Book *book;
	Relation	table;
	List	   *ancestors;		/* the tables it is a partition of */
	const char *column;
	List	   *views;			/* that were looked into */
} Trace;

static pg_noreturn void
not_passed_on(const Trace *trace, const char *reason)
{
	ereport(ERROR,
			(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
			 errmsg("the view \"%s.holding\" does not pass column \"%s\" of table \"%s\" on unchanged as account_id",
					NameStr(trace->book->name), trace->column, RelationGetRelationName(trace->table)),
			 errdetail_internal("%s", reason),
			 errhint("Wherever the view reads the table, account_id has to be that column itself, cast at most to a type that holds the same value.")));
}

/* ---------- where the table is read ---------- */

/* A query, and the view that it defines: rules of views name their view among what they read. */
typedef struct Places
{
	Trace	   *trace;
	Oid			view;
	int			count;
} Places;

static int	places_in(Trace *trace, Query *query, Oid view);

static bool
is_the_table(const Trace *trace, const RangeTblEntry *entry)
{
	return entry->relid == RelationGetRelid(trace->table) ||
		(entry->inh && list_member_oid(trace->ancestors, entry->relid));
}

static int
places_in_view(Trace *trace, Oid oid)
{
	Relation	view = relation_open(oid, AccessShareLock);
	int			count = places_in(trace, get_view_query(view), oid);

	trace->views = list_append_unique_oid(trace->views, oid);
	relation_close(view, AccessShareLock);
	return count;
}

static int
places_of(Trace *trace, const RangeTblEntry *entry, Oid view)
{
	if (entry->rtekind == RTE_SUBQUERY)
		return places_in(trace, entry->subquery, view);
	if (entry->rtekind != RTE_RELATION || entry->relid == view)
		return 0;
	if (is_the_table(trace, entry))
		return 1;
	return get_rel_relkind(entry->relid) == RELKIND_VIEW ? places_in_view(trace, entry->relid) : 0;
}

static bool
count_places(Node *node, void *context)
{
	Places	   *places = (Places *) context;

	if (node == NULL)
		return false;
	if (IsA(node, RangeTblEntry))
	{
		const RangeTblEntry *entry = (const RangeTblEntry *) node;

		/* the walker goes into subqueries by itself */
		if (entry->rtekind != RTE_SUBQUERY)
			places->count += places_of(places->trace, entry, places->view);
		return false;
	}
	if (IsA(node, Query))
		return query_tree_walker((Query *) node, count_places, places, QTW_EXAMINE_RTES_BEFORE);
	return expression_tree_walker(node, count_places, places);
}

/* In how many places a query reads the table, those in subqueries and views counted. */
static int
places_in(Trace *trace, Query *query, Oid view)
{
	Places		places = {trace, view, 0};

	/* views may read each other in a circle, as long as nobody asks them */
	check_stack_depth();
	(void) count_places((Node *) query, &places);
	return places.count;
}

/* ---------- what the account is there ---------- */

/* What an expression is when what changes no key is taken off it. */
static Node *
bare(Node *node)
{
	for (;;)
	{
		if (IsA(node, RelabelType))
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceToDomain))
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else if (IsA(node, CollateExpr))
			node = (Node *) ((CollateExpr *) node)->arg;
		else if (IsA(node, FuncExpr) &&
				 (((FuncExpr *) node)->funcid == F_INT4_INT2 || ((FuncExpr *) node)->funcid == F_INT8_INT2 ||
				  ((FuncExpr *) node)->funcid == F_INT8_INT4))
			node = linitial(((FuncExpr *) node)->args);
		else
			return node;
	}
}

/* The column that an output of a query is; NULL if it is computed. */
const Var *
trace_column(const Query *query, AttrNumber number)
{
	Node	   *node = (Node *) get_tle_by_resno(query->targetList, number)->expr;

	for (;;)
	{
		const Var  *var = (const Var *) (node = bare(node));
		const List *aliases;

		if (!IsA(node, Var) || var->varlevelsup > 0 || var->varattno <= 0)
			return NULL;
		aliases = margin_column_aliases(rt_fetch(var->varno, query->rtable));
		if (aliases == NIL)
			return var;
		node = list_nth(aliases, var->varattno - 1);
	}
}

static void trace_query(Trace *trace, Query *query, Oid view, AttrNumber number);

static void
trace_view(Trace *trace, Oid oid, AttrNumber number)
{
	Relation	view = relation_open(oid, AccessShareLock);

	trace_query(trace, get_view_query(view), oid, number);
	relation_close(view, AccessShareLock);
}

/* An output that is a column of what a query reads. */
static void
trace_entry(Trace *trace, const RangeTblEntry *entry, Oid view, AttrNumber number)
{
	if (entry->rtekind == RTE_SUBQUERY)
		trace_query(trace, entry->subquery, view, number);
	else if (!is_the_table(trace, entry))
		trace_view(trace, entry->relid, number);
	/* a partition may have its columns in another order */
	else if (strcmp(get_attname(entry->relid, number, false), trace->column) != 0)
		not_passed_on(trace, psprintf("It passes on column \"%s\".", get_attname(entry->relid, number, false)));
}

/* The branches of a UNION or the like; in how many places they read the table. */
static int
trace_branches(Trace *trace, Query *query, Node *node, Oid view, AttrNumber number)
{
	if (IsA(node, SetOperationStmt))
		return trace_branches(trace, query, ((SetOperationStmt *) node)->larg, view, number) +
			trace_branches(trace, query, ((SetOperationStmt *) node)->rarg, view, number);
	else
	{
		const RangeTblEntry *entry = rt_fetch(castNode(RangeTblRef, node)->rtindex, query->rtable);

		trace_query(trace, entry->subquery, view, number);
		return places_of(trace, entry, view);
	}
}

static void
trace_query(Trace *trace, Query *query, Oid view, AttrNumber number)
{
	int			places = places_in(trace, query, view);
	int			followed;

	if (places == 0)
		return;
	if (query->setOperations != NULL)
		followed = trace_branches(trace, query, query->setOperations, view, number);
	else
	{
		const Var  *column = trace_column(query, number);
		const RangeTblEntry *entry;

		if (column == NULL)
			not_passed_on(trace, "Where the view reads the table, account_id is computed.");
		entry = rt_fetch(column->varno, query->rtable);
		followed = places_of(trace, entry, view);
		if (followed > 0)
			trace_entry(trace, entry, view, column->varattno);
	}
	if (followed < places)
		not_passed_on(trace, "The view reads the table in a place that account_id does not come from: in a join, a subquery or a WITH clause.");
}

/*
 * An error unless the rows of a table that a book's view shows are those of
 * the accounts in that column; false if it does not show any.  Returns the views
 * that this depends on.
 */
bool
trace_account(const Book *book, Relation table, const char *column, List **views)
{
	Trace		trace = {.book = book, .table = table, .column = column};
	bool		reads;

	if (table->rd_rel->relispartition)
		trace.ancestors = get_partition_ancestors(RelationGetRelid(table));
	reads = places_in_view(&trace, book->holding) > 0;
	trace_view(&trace, book->holding, get_attnum(book->holding, "account_id"));
	*views = trace.views;
	return reads;
}
