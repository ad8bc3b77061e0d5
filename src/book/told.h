/*
 * told.h
 *		What an error may tell of an account, and whom.
 */
#ifndef MARGIN_TOLD_H
#define MARGIN_TOLD_H

#include "postgres.h"

#include "base/compat.h"
#include "book/book.h"

extern bool may_be_told(const Book *book);
pg_noreturn extern void conceal(const Book *book, bool told);

#endif							/* MARGIN_TOLD_H */
