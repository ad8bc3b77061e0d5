/*
 * enums.c
 *		SQL enums as C enumerations, by their labels.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_enum.h"
#include "utils/syscache.h"

#include "base/enums.h"

/* The position of a name in the list, or -1. */
int
option_from_name(const char *name, const char *const *names)
{
	for (int i = 0; names[i] != NULL; i++)
	{
		if (strcmp(names[i], name) == 0)
			return i;
	}
	return -1;
}

int
option_from_enum(Oid value, const char *const *names)
{
	HeapTuple	tuple = SearchSysCache1(ENUMOID, ObjectIdGetDatum(value));
	int			option = -1;

	if (HeapTupleIsValid(tuple))
	{
		option = option_from_name(NameStr(((Form_pg_enum) GETSTRUCT(tuple))->enumlabel), names);
		ReleaseSysCache(tuple);
	}
	if (option < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown enum value with OID %u", value)));
	return option;
}

Oid
option_to_enum(Oid type, const char *name)
{
	HeapTuple	tuple = SearchSysCache2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(name));
	Oid			value;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "enum type %u has no label \"%s\"", type, name);
	value = ((Form_pg_enum) GETSTRUCT(tuple))->oid;
	ReleaseSysCache(tuple);
	return value;
}
