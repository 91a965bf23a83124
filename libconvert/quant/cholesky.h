/* Cholesky factors of symmetric matrices in float64. */
#ifndef QN_QUANT_CHOLESKY_H
#define QN_QUANT_CHOLESKY_H

#include "base/context.h"

/** a[n, n], row-major, its lower triangle (the upper one is not read): replaced by L with A = L L^T. False, with a[] spoiled, when
 *  A is not positive definite to the precision of float64. work[64 * n]. The same bits on any thread count. */
bool qn_cholesky(qn_context *ctx, int64_t n, double *a, double *work);

#endif
