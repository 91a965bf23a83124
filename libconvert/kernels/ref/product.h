/* One row of a matrix product, the loop that MatMul, Gemm, Linear and attention share. */
#ifndef QN_KERNELS_REF_PRODUCT_H
#define QN_KERNELS_REF_PRODUCT_H

#include "kernels/ref/real.h"

/** A matrix read through strides, so that a transpose is an exchange of two numbers. */
typedef struct qn_ref_steps {
    int64_t row, col;
} qn_ref_steps;

/** The steps of a C-order matrix with `cols` columns, or of one with `rows` columns read transposed. */
static inline qn_ref_steps qn_ref_matrix(int64_t rows, int64_t cols, bool transposed) {
    return transposed ? (qn_ref_steps){1, rows} : (qn_ref_steps){cols, 1};
}

/** y[j] = sum over k < K of a[k a_step] b[k][j], for j < N; k ascends in every sum. */
void qn_ref_product_row(const double *a, int64_t a_step, const double *b, qn_ref_steps steps, int64_t K, int64_t N,
                        double *y);
/** The same modulo 2^64: exact for every integer dtype, wrapping as its arithmetic does. */
void qn_ref_product_row_int(const uint64_t *a, int64_t a_step, const uint64_t *b, qn_ref_steps steps, int64_t K,
                            int64_t N, uint64_t *y);

/** Input i (an integer dtype) modulo 2^64, in scratch; NULL when absent. */
QN_MUST_USE qn_status qn_ref_ints(const qn_kernel_args *args, int32_t i, const uint64_t **out);
/** Elements [first, first + n) of `out` = v[0..n) modulo the width of the dtype. */
void qn_ref_put_ints(qn_tensor *out, int64_t first, const uint64_t *v, int64_t n);
/** v as the number that `dtype` reads in its low bits. */
double qn_ref_int_value(qn_dtype dtype, uint64_t v);

#endif
