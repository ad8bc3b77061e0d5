/*
 * shock.c
 *		x
 */
#include "postgres.h"
