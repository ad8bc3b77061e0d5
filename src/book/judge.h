/*
 * judge.h
 *		Judging the accounts that the transaction touched.
 */
#ifndef MARGIN_JUDGE_H
#define MARGIN_JUDGE_H

#include "book/book.h"
#include "book/touched.h"

extern void check_question(const Book *book);
extern void ask_for_markets(const AccountList *accounts);
extern void judge_pending(void);

#endif							/* MARGIN_JUDGE_H */
