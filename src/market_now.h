/*
 * market_now.h
 *		The present market, kept by the session that judges writes in it.
 */
#ifndef MARGIN_MARKET_NOW_H
#define MARGIN_MARKET_NOW_H

#include "datatype/timestamp.h"
#include "utils/snapshot.h"

#include "market.h"

extern const Market *market_now(Snapshot snapshot, TimestampTz clock);

#endif							/* MARGIN_MARKET_NOW_H */
