/* One layer of the recurrence of optimal intervals: from the best gains at a boundary's edges to those at the next's. */
#ifndef QN_QUANT_LAYERS_H
#define QN_QUANT_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

/** Edges of one boundary. */
typedef struct qn_side {
    int64_t n;
    const uint32_t *pos;  /**< [n] ascending */
    const double *s, *w;  /**< [n] sums of weight * value and of weight before them */
    double *best;         /**< [n] the best sum of gains; -infinity where there is none */
} qn_side;

/** rows->best[e] = max over columns i at or before e (`strict`: before) of columns->best[i] + gain(i, e), in O(n log n). Of
 *  equals the first i. The gain of nothing is 0. */
void qn_layer_before(qn_side *rows, const qn_side *columns, bool strict);
/** rows->best[e] = max over columns t at or after e of gain(e, t) + columns->best[t]. */
void qn_layer_after(qn_side *rows, const qn_side *columns, bool strict);

#endif
