/*
 * json.h
 *		Nested JSON objects of numbers and strings, read as events.
 *
 * PostgreSQL's own parser does the work; unlike jsonb it shows repeated keys
 * and never turns a number into a double.  The reader adds what our types
 * share: objects, to a fixed depth, lists of numbers or of objects where a type
 * has them, and messages that name the type.
 */
#ifndef MARGIN_JSON_H
#define MARGIN_JSON_H

#include "base/compat.h"
#include "base/decimal.h"

typedef struct JsonReader
{
	const char *type;			/* for messages */
	int			max_depth;		/* objects within objects */
	void	   *arg;

	/* An object begins inside another one, under this key; depth 1 is the outermost such. */
	void		(*open) (void *arg, int depth, const char *key);
	/* A number, string, true, false or null under this key, at the depth of its object. */
	void		(*value) (void *arg, int depth, const char *key, const char *token, JsonTokenType kind);
	/* A list begins under this key. */
	void		(*open_list) (void *arg, int depth, const char *key);
	/* An object begins in it. */
	void		(*open_item) (void *arg, int depth, const char *key);
	/* A number, string, true, false or null in it, by its number from 0. */
	void		(*element) (void *arg, int depth, const char *key, int number, const char *token, JsonTokenType kind);
	/* It has ended. */
	void		(*list) (void *arg, int depth, const char *key, int count);
	/* An object has ended that stood under this key, or in its list. */
	void		(*close) (void *arg, int depth, const char *key);
} JsonReader;

extern void json_read(const JsonReader *reader, char *json, int len);
extern int	json_field(const char *type, const char *const *names, const char *key, uint32 *seen);
extern void json_number(Decimal *r, const char *type, const char *key, const char *token, JsonTokenType kind);
extern int	json_option(const char *type, const char *key, const char *const *names, const char *token, JsonTokenType kind);
extern const char *json_string(const char *type, const char *key, const char *token, JsonTokenType kind);
extern pg_noreturn void json_repeated(const char *type, const char *key);
extern void json_check_complete(const char *type, const char *const *names, uint32 seen);
extern pg_noreturn void json_not_object(const char *type, const char *key);
extern pg_noreturn void json_not_a(const char *what, const char *type, const char *key, const char *token, JsonTokenType kind);
extern pg_noreturn void json_not_item(const char *type, const char *key, const char *token, JsonTokenType kind);
extern pg_noreturn void json_no_list(const char *type, const char *key);

#endif							/* MARGIN_JSON_H */
