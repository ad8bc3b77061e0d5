/*
 * guard.h
 *		Writes that would break an account.
 */
#ifndef MARGIN_GUARD_H
#define MARGIN_GUARD_H

#include "postgres.h"

#include "access/xact.h"

extern void guard_at_transaction_end(XactEvent event);

#endif							/* MARGIN_GUARD_H */
