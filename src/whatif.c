/*
 * whatif.c
 *		Questions of the form "what if".
 */
#include "postgres.h"
