/*
 * stress.c
 *		Portfolios in many markets.
 */
#include "postgres.h"
