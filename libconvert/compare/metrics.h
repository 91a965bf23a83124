/* How far two tensors are apart. */
#ifndef QN_COMPARE_METRICS_H
#define QN_COMPARE_METRICS_H

#include "base/arena.h"

typedef struct qn_metrics {
    int64_t n;            /**< elements compared */
    double max_abs;       /**< max |v - r| */
    double max_rel;       /**< max |v - r| / max|r|: relative to the output's largest magnitude; 0/0 is 0 */
    double rmse;          /**< sqrt(mean (v - r)^2) */
    double sqnr_db;       /**< 10 log10(sum r^2 / sum (v-r)^2); +inf when equal */
    double cosine;        /**< v.r / (|v| |r|); 1 when both are zero */
    double ref_max;       /**< max |r| */
    int64_t first_bad;    /**< first index where v is NaN or infinite and r is not equal to it; -1: none */
    int64_t n_mismatch;   /**< elements outside atol + rtol |r| */
} qn_metrics;

/** Compare v to the reference r: any dtypes, same shape (QN_USAGE names the shapes otherwise). A NaN or infinity that
 *  both have at the same place counts as equal; one that only v has makes max_abs infinite. `mask` (bytes, one an
 *  element; NULL: all) says which elements count. */
QN_MUST_USE qn_status qn_metrics_compute(qn_context *ctx, const qn_tensor *r, const qn_tensor *v, const uint8_t *mask,
                                         double rtol, double atol, qn_metrics *out);

/** Element i of a tensor of any dtype as a number. */
double qn_tensor_element(const qn_tensor *t, int64_t i);

#endif
