/*
 * market_copy.h
 *		The present market, kept by the session that judges writes in it.
 */
#ifndef MARGIN_MARKET_COPY_H
#define MARGIN_MARKET_COPY_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "market.h"

extern const Market *present_market(Snapshot snapshot, TimestampTz clock);
extern uint64 market_reading(TimestampTz clock);

#endif							/* MARGIN_MARKET_COPY_H */
