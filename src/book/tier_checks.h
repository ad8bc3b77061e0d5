/*
 * tier_checks.h
 *		Whole schedules judged once for all rows that were written.
 */
#ifndef MARGIN_TIER_CHECKS_H
#define MARGIN_TIER_CHECKS_H

#include "postgres.h"

#include "access/xact.h"

extern void tier_checks_at_transaction_end(XactEvent event);
extern void tier_checks_at_subtransaction_end(SubXactEvent event);

#endif							/* MARGIN_TIER_CHECKS_H */
