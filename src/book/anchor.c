/*
 * anchor.c
 *		The book that a trigger of the guard is bound to.
 *
 * Such a trigger has the clause WHEN ('desk.holding'::regclass IS NOT NULL),
 * which is always true.  Its constant is the OID of a book's view: it follows
 * when the view's schema is renamed, is dumped as a name, and makes the trigger
 * depend on the view.  The clause is parsed once per trigger and session, and
 * the view is traced once: until it, or another view that it reads, is replaced.
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
#include "book/trace.h"

typedef struct Anchor
{
	Oid			trigger;		/* first: a hash table finds anchors by it */
	Oid			table;			/* that has the trigger */
	Oid			holding;		/* InvalidOid: to be looked up */
	bool		traced;			/* the view passes the account column on */
	List	   *views;			/* that this depends on */
} Anchor;

static HTAB *anchors;
static uint64 changes;			/* of relations, that the session was told of */

/* A trigger may be replaced under its OID; its table is told of it. */
static void
relation_changed(Datum arg, Oid relation)
{
	HASH_SEQ_STATUS scan;
	Anchor	   *anchor;

	changes++;
	hash_seq_init(&scan, anchors);
	while ((anchor = hash_seq_search(&scan)) != NULL)
	{
		if (anchor->table == relation || !OidIsValid(relation))
			anchor->holding = InvalidOid;
		else if (list_member_oid(anchor->views, relation))
			anchor->traced = false;
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

/* The anchor of a trigger, NULL if it has none. */
static Anchor *
anchor_of(Relation table, const Trigger *trigger)
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
		return anchor;
	}
	holding = parse_clause(trigger->tgqual);
	if (!OidIsValid(holding))
		return NULL;
	anchor = hash_search(anchors, &trigger->tgoid, HASH_ENTER, &found);
	if (!found)
		anchor->views = NIL;
	anchor->table = RelationGetRelid(table);
	anchor->holding = holding;
	anchor->traced = false;
	return anchor;
}

/* Traces the account column; valid unless something changed meanwhile. */
static void
trace_anchor(Anchor *anchor, const Book *book, Relation table, const char *column)
{
	uint64		before = changes;
	List	   *views;
	MemoryContext caller;

	(void) trace_account(book, table, column, &views);
	caller = MemoryContextSwitchTo(TopMemoryContext);
	list_free(anchor->views);
	anchor->views = NIL;
	anchor->views = list_copy(views);
	MemoryContextSwitchTo(caller);
	anchor->traced = before == changes;
}

/* An error unless the book of a trigger shows the rows of its table as those of the accounts in a column. */
void
check_trigger_column(Relation table, const Trigger *trigger, const Book *book, const char *column)
{
	Anchor	   *anchor = anchor_of(table, trigger);

	if (unlikely(!anchor->traced))
		trace_anchor(anchor, book, table, column);
}

/* An error for a trigger that somebody made otherwise, or whose view is no book's any more. */
Book *
book_of_trigger(Relation table, const Trigger *trigger)
{
	Anchor	   *anchor = anchor_of(table, trigger);
	Book	   *book = anchor != NULL ? book_of_holding(anchor->holding) : NULL;

	if (book == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("trigger \"%s\" of table \"%s\" belongs to no book", trigger->tgname, RelationGetRelationName(table)),
				 errdetail("Its WHEN clause has to name the view holding of a book."),
				 errhint("margin.guard_table() puts the guard's triggers on a table.")));
	return book;
}
