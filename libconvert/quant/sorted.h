/* Numbers sorted, equal ones merged. */
#ifndef QN_QUANT_SORTED_H
#define QN_QUANT_SORTED_H

#include <stdbool.h>
#include <stdint.h>

#include "quant/slab.h"

/** Different values, ascending, and what each weighs. */
typedef struct qn_sorted {
    int64_t m;
    float *x;       /**< [m] */
    double *weight; /**< [m] > 0; NULL: all 1 */
} qn_sorted;

/** Sort values[n], sum the weights of equal ones (in their order) and drop those of weight 0. -0 becomes 0. weights NULL: each
 *  counts 1. Many values that float16 has exactly are counted by their bits, others sorted by digits; both give the same.
 *  `out` lives in the slab. False when out of memory. */
bool qn_sort_merge(qn_slab *slab, const float *values, const float *weights, int64_t n, qn_sorted *out);

#endif
