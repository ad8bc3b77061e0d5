/*
 * trace.h
 *		Whether a book's view passes the account of a row on as it is.
 */
#ifndef MARGIN_TRACE_H
#define MARGIN_TRACE_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "nodes/pg_list.h"
#include "nodes/primnodes.h"
#include "utils/rel.h"

#include "book/book.h"

extern const Var *trace_column(const Query *query, AttrNumber number);
extern bool trace_account(const Book *book, Relation table, const char *column, List **views);

#endif							/* MARGIN_TRACE_H */
