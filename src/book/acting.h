/*
 * acting.h
 *		Acting for an owner: his rights, settings that bend nothing, statements that write.
 */
#ifndef MARGIN_ACTING_H
#define MARGIN_ACTING_H

#include "postgres.h"

#include "miscadmin.h"

#include "base/decimal.h"

/* Who acts, and under which restrictions. */
typedef struct Identity
{
	Oid			user;
	int			context;
} Identity;

/* Nothing but the answer is to remain of whatever code is in what is read, or fires where is written. */
#define RESTRICTED (SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS)

extern Identity act_for(Oid owner, int restrictions);
extern void act_as_before(Identity mine);
extern int	pin_settings(void);
extern void unpin_settings(int nest_level);

/* An argument of a statement. */
typedef struct Argument
{
	Oid			type;
	Datum		value;
	bool		isnull;
} Argument;

extern Argument text_argument(const char *value);
extern Argument amount_argument(const Decimal *value, bool known);
extern Argument list_argument(char **values, int count);
extern Oid	internal_function(const char *name);
extern void execute_as(Oid owner, const char *sql, const Argument *arguments, int count);

#endif							/* MARGIN_ACTING_H */
