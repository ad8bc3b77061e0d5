/*
 * mutate.h
 *		Texts that are nearly values: grammar-aware generation and mutation.
 */
#ifndef MARGIN_FUZZ_MUTATE_H
#define MARGIN_FUZZ_MUTATE_H

#include <stddef.h>

/* A text of the grammar that begins with "start"; returns its length, at most "room". */
extern size_t fuzz_generate(char start, char *text, size_t room, unsigned int seed);

/* Changes a text in place where its tokens are, now and then by a piece of a new one; returns its length. */
extern size_t fuzz_mutate(char start, char *text, size_t length, size_t room, unsigned int seed);

#endif							/* MARGIN_FUZZ_MUTATE_H */
