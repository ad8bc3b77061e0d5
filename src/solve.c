/*
 * solve.c
 *		Inverse questions.
 */
#include "postgres.h"
