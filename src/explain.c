/*
 * explain.c
 *		An account explained.
 */
#include "postgres.h"
