/* The best choice for each of many tensors under one bound: least cost within a size, or least size within a cost. */
#ifndef QN_QUANT_ASSIGN_H
#define QN_QUANT_ASSIGN_H

#include "base/status.h"

/** What one way of storing a tensor takes and costs; both >= 0 and finite. */
typedef struct qn_choice {
    double bytes, cost;
} qn_choice;

/** Choose one of choices[i * n_choices ...] for each item i: chosen[n_items], and *total (may be NULL) their sums.
 *
 *  Least sum of costs with a sum of bytes <= max_bytes; with max_bytes < 0, least sum of bytes with a sum of costs <= max_cost.
 *  Steps along the lower convex hull of each item's choices, the best exchange rate first (the optimum of the problem in which
 *  choices may be mixed: Everett 1963, Generalized Lagrange multiplier method), then single changes while any helps: the
 *  result is at most one step of one item from the optimum. Equal rates go to the earlier item, so that there is one answer.
 *
 *  False when no choice fits: chosen is then what comes nearest to the bound. *memory: room for it could not be had. */
bool qn_assign(const qn_choice *choices, int32_t n_items, int32_t n_choices, double max_bytes, double max_cost, int32_t *chosen,
               qn_choice *total, bool *memory);

#endif
