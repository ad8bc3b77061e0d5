/*
 * anchor.h
 *		The book that a trigger of the guard is bound to.
 */
#ifndef MARGIN_ANCHOR_H
#define MARGIN_ANCHOR_H

#include "postgres.h"

#include "utils/rel.h"
#include "utils/reltrigger.h"

#include "book/book.h"

extern Book *book_of_trigger(Relation table, const Trigger *trigger);
extern void check_trigger_column(Relation table, const Trigger *trigger, const Book *book, const char *column);

#endif							/* MARGIN_ANCHOR_H */
