/*
 * source_column.c
 *		A column of one's own table, or an expression over it, made fit for the
 *		definition of a view.
 *
 * What a caller writes is never pasted into a command.  The server's parser
 * reads it as one expression, the server's rules for generated columns (no
 * subqueries, aggregates, window or set-returning functions, no system
 * columns) and a few of our own judge it, and what goes on is the text that
 * the server prints for the tree it understood.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/typcache.h"

#include "base/compat.h"

/* What an error is about. */
typedef struct Given
{
	const char *parameter;
	const char *expression;
	const char *relation;
} Given;

/*
 * The parser's positions are positions in the expression, not in the command
 * that called us.
 */
static void
name_given(void *arg)
{
	const Given *given = arg;
	int			position = geterrposition();

	if (position > 0)
	{
		errposition(0);
		internalerrposition(position);
		internalerrquery(given->expression);
	}
	errcontext("%s => \"%s\", over %s", given->parameter, given->expression, given->relation);
}

static Relation
open_source(Oid oid)
{
	Relation	relation = try_relation_open(oid, AccessShareLock);

	if (relation == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("relation with OID %u does not exist", oid)));
	switch (relation->rd_rel->relkind)
	{
		case RELKIND_RELATION:
		case RELKIND_PARTITIONED_TABLE:
		case RELKIND_VIEW:
		case RELKIND_MATVIEW:
		case RELKIND_FOREIGN_TABLE:
			return relation;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_WRONG_OBJECT_TYPE),
					 errmsg("\"%s\" is not a table or view", RelationGetRelationName(relation))));
	}
}

/* "*" or "table.*", which stands for several. */
static bool
is_star(Node *node)
{
	return IsA(node, ColumnRef) && IsA(llast(((ColumnRef *) node)->fields), A_Star);
}

/*
 * The name of a column as it is, or else one expression and nothing more.  The
 * parser of PL/pgSQL's expressions reads what may follow SELECT: all of that
 * but one nameless item has to be absent.
 */
static Node *
parse_given(Relation source, char *text)
{
	SelectStmt *statement;
	SelectStmt *bare;

	if (get_attnum(RelationGetRelid(source), text) > 0)
	{
		ColumnRef  *column = makeNode(ColumnRef);

		column->fields = list_make1(makeString(text));
		column->location = -1;
		return (Node *) column;
	}

	statement = castNode(SelectStmt, linitial_node(RawStmt, raw_parser(text, RAW_PARSE_PLPGSQL_EXPR))->stmt);
	bare = makeNode(SelectStmt);
	bare->targetList = statement->targetList;
	if (list_length(bare->targetList) == 1 && equal(bare, statement))
	{
		ResTarget  *target = linitial_node(ResTarget, bare->targetList);

		if (target->name == NULL && !is_star(target->val))
			return target->val;
	}
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("\"%s\" is not a single expression", text)));
}

/*
 * An account key as the type whose order indexes have: the base type of a
 * domain, text for varchar.
 */
static Node *
as_key(ParseState *pstate, Node *node)
{
	Oid			given = exprType(node) == UNKNOWNOID ? TEXTOID : getBaseType(exprType(node));
	TypeCacheEntry *entry = lookup_type_cache(given, TYPECACHE_BTREE_OPFAMILY | TYPECACHE_LT_OPR);
	Oid			key = IsPolymorphicType(entry->btree_opintype) ? given : entry->btree_opintype;

	if (!OidIsValid(entry->lt_opr))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("type %s cannot be an account key: it has no order", format_type_be(given)),
				 errhint("Cast it to a type with a default B-tree operator class.")));
	return coerce_to_target_type(pstate, node, exprType(node), key, -1,
								 COERCION_IMPLICIT, COERCE_EXPLICIT_CAST, -1);
}

static Node *
as_type(ParseState *pstate, Node *node, Oid type)
{
	Node	   *coerced = coerce_to_target_type(pstate, node, exprType(node), type, -1,
												COERCION_IMPLICIT, COERCE_EXPLICIT_CAST, -1);

	if (coerced == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("\"%s\" is of type %s, not %s", pstate->p_sourcetext,
						format_type_be(exprType(node)), format_type_be(type)),
				 errhint("Cast it to %s if that loses nothing.", format_type_be(type))));
	return coerced;
}

static bool
has_domain_check(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, CoerceToDomain) && DomainHasConstraints(((CoerceToDomain *) node)->resulttype))
		return true;
	return expression_tree_walker(node, has_domain_check, context);
}

/*
 * A view is read again and again, by whoever may: the same row has to give the
 * same answer, and nothing else may happen.
 */
static void
check_effects(Node *node, const char *text)
{
	if (contain_volatile_functions(node))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" calls a volatile function", text)));
	if (has_domain_check(node, NULL))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_OBJECT_DEFINITION),
				 errmsg("\"%s\" casts to a domain that has constraints", text),
				 errhint("Cast it to the base type of the domain.")));
}

static Node *
understand(Relation source, char *text, Oid type)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *columns;
	Node	   *node;

	pstate->p_sourcetext = text;
	columns = addRangeTableEntryForRelation(pstate, source, AccessShareLock, NULL, false, true);
	addNSItemToQuery(pstate, columns, false, true, true);
	node = transformExpr(pstate, parse_given(source, text), EXPR_KIND_GENERATED_COLUMN);
	node = OidIsValid(type) ? as_type(pstate, node, type) : as_key(pstate, node);
	assign_expr_collations(pstate, node);
	check_effects(node, text);
	free_parsestate(pstate);
	return node;
}

static bool
runs_in_workers(Node *node)
{
	Query	   *query = makeNode(Query);

	query->targetList = list_make1(makeTargetEntry((Expr *) node, 1, NULL, false));
	return max_parallel_hazard(query) == PROPARALLEL_SAFE;
}

static char *
argument(FunctionCallInfo fcinfo, int number, const char *parameter)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("%s must not be null", parameter)));
	return text_to_cstring(PG_GETARG_TEXT_PP(number));
}

/*
 * source_column(source regclass, parameter text, expression text, type
 * regtype, search_path text): names in the expression are looked up in that
 * search path, the definition is written for the present one.
 */
PG_FUNCTION_INFO_V1(margin_source_column);
Datum
margin_source_column(PG_FUNCTION_ARGS)
{
	char	   *parameter = argument(fcinfo, 1, "parameter");
	char	   *expression = argument(fcinfo, 2, parameter);
	char	   *search_path = argument(fcinfo, 4, "search_path");
	Oid			type = PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3);
	Relation	source;
	Given		given = {parameter, expression, NULL};
	ErrorContextCallback callback = {error_context_stack, name_given, &given};
	int			settings;
	Node	   *node;
	TupleDesc	result;
	Datum		values[3];
	bool		nulls[3] = {false, false, false};

	if (PG_ARGISNULL(0))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("source must not be null")));
	source = open_source(PG_GETARG_OID(0));
	if (get_call_result_type(fcinfo, NULL, &result) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "return type must be a row type");

	given.relation = RelationGetRelationName(source);
	settings = NewGUCNestLevel();
	(void) set_config_option("search_path", search_path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	error_context_stack = &callback;
	node = understand(source, expression, type);
	error_context_stack = callback.previous;
	AtEOXact_GUC(true, settings);

	values[0] = CStringGetTextDatum(deparse_expression(node,
													   deparse_context_for(given.relation, RelationGetRelid(source)),
													   false, false));
	values[1] = ObjectIdGetDatum(exprType(node));
	values[2] = BoolGetDatum(runs_in_workers(node));
	relation_close(source, NoLock);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(result), values, nulls)));
}
