/*
 * paper_gains.h
 *		Profit that is not realized, and accounts valued without it.
 */
#ifndef MARGIN_PAPER_GAINS_H
#define MARGIN_PAPER_GAINS_H

#include "value/valuation.h"

extern bool has_paper_gains(const Valuation *v);
extern void value_without_gains(Valuation *v, const struct varlena *portfolio, const Market *market);
extern bool lowers_balance(const struct varlena *before, const struct varlena *after);

#endif							/* MARGIN_PAPER_GAINS_H */
