/*
 * enums.h
 *		SQL enums as C enumerations, by their labels.
 *
 * A list of names ends with NULL and has the order of its C enumeration.
 */
#ifndef MARGIN_ENUMS_H
#define MARGIN_ENUMS_H

#include "postgres.h"

extern int	option_from_enum(Oid value, const char *const *names);
extern int	option_from_name(const char *name, const char *const *names);
extern Oid	option_to_enum(Oid type, const char *name);

#endif							/* MARGIN_ENUMS_H */
