/*
 * safe_move.h
 *		How far prices may move with a level unchanged, and the level that is to be kept now.
 */
#ifndef MARGIN_SAFE_MOVE_H
#define MARGIN_SAFE_MOVE_H

#include "value/valuation.h"

/* Release ratios of warning, margin call and liquidation; one that is not held holds nothing. */
typedef struct ReleaseRatios
{
	bool		held[THRESHOLDS];
	Decimal		ratio[THRESHOLDS];
} ReleaseRatios;

/* An account that was never judged. */
#define LEVEL_NONE (-1)

/* A part of each price, in units of the 8th decimal: how far it may move. */
#define ROOM_DIGITS 8
#define ROOM_ALL INT64CONST(100000000)

/*
 * "kept" is a Level or LEVEL_NONE.  Both need a valuation with VALUE_MAINTENANCE; the room VALUE_LINES too, and
 * an account that is priced.
 */
extern Level kept_level(const Valuation *v, int kept, const ReleaseRatios *ratios);
extern int64 room_of_level(const Valuation *v, const Market *market, Level level, const ReleaseRatios *ratios, double least);

extern double room_below(int64 room);

#endif							/* MARGIN_SAFE_MOVE_H */
