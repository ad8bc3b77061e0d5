/*
 * jsonb.h
 *		JSON and jsonb to text and back, so that it can be cancelled.
 */
#ifndef MARGIN_JSONB_H
#define MARGIN_JSONB_H

extern char *json_text(Datum json);
extern char *jsonb_text(Datum jsonb);
extern Datum jsonb_of_text(char *json);

#endif							/* MARGIN_JSONB_H */
