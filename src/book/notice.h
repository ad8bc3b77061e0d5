/*
 * notice.h
 *		One notification per transaction.
 */
#ifndef MARGIN_NOTICE_H
#define MARGIN_NOTICE_H

#include "postgres.h"

#include "access/xact.h"

extern void notice_at_transaction_end(XactEvent event);

#endif							/* MARGIN_NOTICE_H */
