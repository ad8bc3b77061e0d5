/*
 * notice.c
 *		One notification per transaction.
 */
#include "postgres.h"
