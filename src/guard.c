/*
 * guard.c
 *		Writes that would break an account.
 */
#include "postgres.h"
