/*
 * guard_mode.h
 *		Whether the guard refuses or records, and where that may be set.
 */
#ifndef MARGIN_GUARD_MODE_H
#define MARGIN_GUARD_MODE_H

#include "postgres.h"

typedef enum GuardMode
{
	GUARD_ENFORCE,
	GUARD_RECORD
} GuardMode;

/* The setting margin.guard, whoever set it. */
extern int	guard_mode;

/* The setting margin.guard_sessions: it counts wherever it was set. */
extern bool guard_sessions;

extern GuardMode guard_mode_in_force(void);

#endif							/* MARGIN_GUARD_MODE_H */
