/*
 * plans.c
 *		What to do about an account.
 */
#include "postgres.h"
