/* Products with few rows, where reading B once from memory is all the work: B is read where it lies and never packed.
 * Codes whose columns are contiguous go through the dot function of their encoding (kernels/codec/codec.h); what has
 * none is decoded a strip at a time into the first-level cache. */
#ifndef QN_KERNELS_GEMM_GEMV_H
#define QN_KERNELS_GEMM_GEMV_H

#include "kernels/codec/codec.h"
#include "kernels/gemm/gemm_isa.h"

/** Rows of other products, and of those whose B is decoded: so many dot functions cost less than decoding and packing.
 */
enum { QN_GEMV_DOT_ROWS = 24 };
enum { QN_GEMV_ROWS = QN_DOT_ROWS, QN_GEMV_COLUMNS = 128 }; /**< columns of an item of work: a multiple of every NR */

typedef struct qn_gemv {
    const qn_gemm *g; /**< m in 1..QN_GEMV_ROWS (QN_GEMV_DOT_ROWS with rows); b coded or without a packing function,
                         x_stride or k_stride 1 */
    const float *a;   /**< [m][k] */
    qn_dot_rows rows; /**< all of a for b's dot function, where it has one; else x is NULL */
} qn_gemv;

/** qn_pool_fn over groups of QN_GEMV_COLUMNS columns. */
void qn_gemv_scalar(void *v, int64_t begin, int64_t end, int worker);
void qn_gemv_neon(void *v, int64_t begin, int64_t end, int worker);
void qn_gemv_avx2(void *v, int64_t begin, int64_t end, int worker);
void qn_gemv_avx512(void *v, int64_t begin, int64_t end, int worker);

/** Can `g` (one product) run so? */
bool qn_gemv_fits(const qn_gemm *g);
QN_MUST_USE qn_status qn_gemv_run(qn_context *ctx, const qn_gemm *g);

#endif
