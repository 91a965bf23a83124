/* Codes that make up for each other: rounding that knows what a matrix is multiplied by.
 *
 * A weight w[r, k] meets inputs x of K channels; over calibration inputs its product changes by
 *
 *     sum over x of ((w_r - q_r) . x)^2 = d_r H d_r^T      d = w - q, H = sum x x^T
 *
 * for each row r by itself. GPTQ (Frantar et al. 2022, arXiv 2210.17323) rounds column after column, each time moving what is not
 * rounded yet to where it makes up best for the errors so far. It is the same as (Chee et al. 2023, arXiv 2307.13304, theorem 6)
 *
 *     H = R R^T, R upper triangular, M[i, k] = R[i, k] / R[k, k]:      q_k = round(w_k + sum over i < k of d_i M[i, k])
 *
 * which needs one Cholesky factor (of H with rows and columns reversed) and no inverse. The sums over columns before a block of
 * columns are one matrix product.
 *
 * H is damped: DAMPENING of its mean diagonal is added to the diagonal, ten times as much for as long as no factor exists. Inputs that
 * are 0 in all calibration inputs are so rounded to nearest: calibration does not prove that they are always 0. */
#ifndef QN_QUANT_GPTQ_H
#define QN_QUANT_GPTQ_H

#include "quant/grid.h"

/** A matrix and its inputs. Element (r, k) is element (r / inner * k_size + k) * inner + r % inner of the tensor. */
typedef struct qn_gptq {
    qn_context *ctx;
    qn_arena *arena;      /**< of scratch memory */
    const qn_const *c;
    const float *x;       /**< [numel] */
    int64_t rows, k_size, inner;
    const int32_t *order; /**< [k_size]: the column that is rounded first, and so on */
    float *h;             /**< [k_size, k_size]: H, damped */
    float *d;             /**< [rows, k_size]: errors, in the order of the tensor */
    uint8_t *codes;       /**< [numel] */
    qn_grid grid;
} qn_gptq;

static inline int64_t qn_gptq_element(const qn_gptq *g, int64_t row, int64_t k) {
    return (row / g->inner * g->k_size + k) * g->inner + row % g->inner;
}

/** The parts of c (c->how->importance_axis: the axis of K; qn_grid_fault is NULL) for its elements x[numel], finite, and
 *  gram[K, K] = H: in `arena`. Scales and tables are those of qn_encode with the diagonal of H as importance; blocks along K get new
 *  ranges when they are reached, from where their weights have been moved to, unless act_order says that columns go by falling
 *  H[k, k]. A row that plain rounding serves better (its numbers may not reach far enough) gets that. Then codes and scales of blocks are refined (qn_gptq_refine, `sweeps` times over all). *error (may be NULL): tr(d H d^T) / tr(w H w^T), H undamped
 *  apart from rounding. The same bits on any thread count. */
QN_MUST_USE qn_status qn_gptq_encode(qn_context *ctx, qn_arena *arena, const qn_const *c, const float *x, const float *gram,
                                     int sweeps, qn_bytes part[QN_MAX_PARTS], double *error);
/** What a few sweeps leave to gain is within noise. */
enum { QN_GPTQ_SWEEPS = 2 };

/** Lower tr(d H d^T) by turns: each block of columns of a row, all else given, is rounded again as above under a few scales and the scale
 *  of least squares, and takes what is best. */
QN_MUST_USE qn_status qn_gptq_refine(qn_gptq *g, int sweeps);

/** out[rows, n] = a[rows, n] h[n, n] */
QN_MUST_USE qn_status qn_gptq_product(qn_context *ctx, int64_t rows, int64_t n, const float *a, const float *h, float *out);
/** m[n, n] = M as above of the damped symmetric a[n, n] (in float64, spoiled; work[64 n]); false: not positive definite. */
bool qn_gptq_feedback(qn_context *ctx, int64_t n, double *a, double *work, float *m);

#endif
