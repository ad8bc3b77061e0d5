/*
 * anchor.c
 *		The book that a trigger of the guard is bound to.
 *
 * Such a trigger has the clause WHEN ('desk.holding'::regclass IS NOT NULL),
 * which is always true.  Its constant is the OID of a book's view: it follows
 * when the view's schema is renamed, is dumped as a name, and makes the trigger
 * depend on the view.  The clause is parsed once per trigger and session.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/memutils.h"

#include "base/compat.h"
#include "book/anchor.h"

typedef struct Anchor
{
	Oid			trigger;		/* first: a hash table finds anchors by it */
	Oid			table;			/* that has the trigger */
	Oid			holding;		/* InvalidOid: to be looked up */
} Anchor;

static HTAB *anchors;

/* A trigger may be replaced under its OID; its table is told of it. */
static void
relation_changed(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS scan;
	Anchor	   *anchor;

	hash_seq_init(&scan, anchors);
	while ((anchor = hash_seq_search(&scan)) != NULL)
	{
		if (anchor->table == relation || !OidIsValid(relation))
			anchor->holding = InvalidOid;
	}
}

static void
make_anchors(void)
{
	HASHCTL		control = {.keysize = sizeof(Oid), .entrysize = sizeof(Anchor), .hcxt = TopMemoryContext};

	anchors = hash_create("margin anchors", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
}

/* Finds the one constant of type regclass, which has to be there. */
static bool
find_constant(Node *node, void *context)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const))
	{
		const Const *constant = (const Const *) node;

		if (constant->consttype != REGCLASSOID || constant->constisnull)
			return false;
		*(Oid *) context = DatumGetObjectId(constant->constvalue);
		return true;
	}
	return expression_tree_walker(node, find_constant, context);
}

static Oid
parse_clause(const char *clause)
{
	Oid			holding = InvalidOid;

	if (clause != NULL)
		(void) find_constant(stringToNode(clause), &holding);
	return holding;
}

/* The view that a trigger is bound to, InvalidOid if to none. */
static Oid
holding_of_trigger(Relation table, const Trigger *trigger)
{
	Anchor	   *anchor;
	Oid			holding;
	bool		found;

	if (unlikely(anchors == NULL))
		make_anchors();
	anchor = hash_search(anchors, &trigger->tgoid, HASH_FIND, NULL);
	if (likely(anchor != NULL && OidIsValid(anchor->holding)))
	{
		Assert(anchor->table == RelationGetRelid(table));
		return anchor->holding;
	}
	holding = parse_clause(trigger->tgqual);
	if (OidIsValid(holding))
	{
		anchor = hash_search(anchors, &trigger->tgoid, HASH_ENTER, &found);
		anchor->table = RelationGetRelid(table);
		anchor->holding = holding;
	}
	return holding;
}

/* An error for a trigger that somebody made otherwise, or whose view is no book's any more. */
Book *
book_of_trigger(Relation table, const Trigger *trigger)
{
	Oid			holding = holding_of_trigger(table, trigger);
	Book	   *book = OidIsValid(holding) ? book_of_holding(holding) : NULL;

	if (book == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of table \"%s\" belongs to no book", trigger->tgname, RelationGetRelationName(table)),
				 errdetail("Its WHEN clause has to name the view holding of a book."),
				 errhint("margin.guard_table() puts the guard's triggers on a table.")));
	return book;
}
