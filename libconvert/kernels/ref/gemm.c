/* Gemm (ONNX operator page Gemm) and Linear (docs/ops.md).
 *
 * Gemm: a [M, K] and b [K, N] after transA and transB, c broadcast to [M, N]:
 *   y = alpha a b + beta c
 *   Integers wrap while alpha and beta are 1; with other factors the sum is taken in double and cut towards zero.
 * Linear: x [..., K], w [K, N] (trans_w: stored [N, K]), bias [N], residual [..., N]:
 *   y = activation(x w + bias) + residual
 *   x_quant: each row of x is quantised first (kernels/ref/x_quant.h).
 */
#include "kernels/activation.h"
#include "kernels/ref/product.h"
#include "kernels/ref/x_quant.h"

static qn_status gemm_real(const qn_kernel_args *args, qn_ref_steps a, qn_ref_steps b, int64_t K, const int64_t *c,
                           double alpha, double beta) {
    qn_tensor *y = &args->out[0];
    const double *A, *B, *C;
    double *row;
    QN_TRY(qn_ref_reals(args, 0, &A));
    QN_TRY(qn_ref_reals(args, 1, &B));
    QN_TRY(qn_ref_reals(args, 2, &C));
    int64_t M = y->dims[0], N = y->dims[1];
    QN_TRY(qn_ref_scratch(args, N, &row));
    for (int64_t i = 0; i < M; i++) {
        qn_ref_product_row(A + i * a.row, a.col, B, b, K, N, row);
        for (int64_t j = 0; j < N; j++)
            row[j] = alpha * row[j] + (C ? beta * C[i * c[0] + j * c[1]] : 0);
        qn_ref_put_n(y, i * N, row, N);
    }
    return QN_OK;
}

static qn_status gemm_int(const qn_kernel_args *args, qn_ref_steps a, qn_ref_steps b, int64_t K, const int64_t *c,
                          double alpha, double beta) {
    qn_tensor *y = &args->out[0];
    const uint64_t *A, *B, *C;
    uint64_t *row;
    QN_TRY(qn_ref_ints(args, 0, &A));
    QN_TRY(qn_ref_ints(args, 1, &B));
    QN_TRY(qn_ref_ints(args, 2, &C));
    int64_t M = y->dims[0], N = y->dims[1];
    QN_NEW_ARRAY(args->ctx, args->scratch, row, N);
    bool exact = alpha == 1 && (!C || beta == 1);
    for (int64_t i = 0; i < M; i++) {
        qn_ref_product_row_int(A + i * a.row, a.col, B, b, K, N, row);
        for (int64_t j = 0; j < N; j++) {
            uint64_t add = C ? C[i * c[0] + j * c[1]] : 0;
            if (exact)
                row[j] += add;
            else
                qn_ref_put(y, i * N + j, alpha * qn_ref_int_value(y->dtype, row[j]) +
                                             (C ? beta * qn_ref_int_value(y->dtype, add) : 0));
        }
        if (exact)
            qn_ref_put_ints(y, i * N, row, N);
    }
    return QN_OK;
}

qn_status qn_ref_Gemm(const qn_kernel_args *args) {
    const qn_tensor *a = &args->in[0], *b = &args->in[1];
    bool ta = qn_node_int(args->node, "transA", 0) != 0, tb = qn_node_int(args->node, "transB", 0) != 0;
    QN_TRY(qn_ref_need_rank(args, 0, 2));
    QN_TRY(qn_ref_need_rank(args, 1, 2));
    int64_t M = a->dims[ta], K = a->dims[!ta], N = b->dims[!tb], c[2] = {0, 0};
    if (b->dims[tb] != K)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld columns by %lld rows", (long long)K, (long long)b->dims[tb]);
    if (qn_ref_has(args, 2) && !qn_ref_spread(&args->in[2], 2, args->out[0].dims, c))
        return qn_kernel_fail(args, QN_MALFORMED, "input 2 does not broadcast to %lld x %lld", (long long)M,
                              (long long)N);
    if (qn_ref_numel(&args->out[0]) == 0)
        return QN_OK;
    return (qn_dtype_is_float(a->dtype) ? gemm_real : gemm_int)(
        args, qn_ref_matrix(M, K, ta), qn_ref_matrix(K, N, tb), K, c, (double)qn_node_float(args->node, "alpha", 1),
        (double)qn_node_float(args->node, "beta", 1));
}

qn_status qn_ref_Linear(const qn_kernel_args *args) {
    const qn_tensor *x = &args->in[0], *w = &args->in[1];
    qn_tensor *y = &args->out[0];
    bool trans_w = qn_node_int(args->node, "trans_w", 0) != 0;
    QN_TRY(qn_ref_need_rank(args, 1, 2));
    int64_t K = w->dims[trans_w], N = w->dims[!trans_w];
    if (x->rank < 1 || x->dims[x->rank - 1] != K)
        return qn_kernel_fail(args, QN_MALFORMED, "the last axis of the input is not %lld", (long long)K);
    QN_TRY(qn_ref_need_numel(args, 2, N));
    QN_TRY(qn_ref_need_numel(args, 3, qn_ref_numel(y)));
    int64_t n_elems = qn_ref_numel(y);
    if (n_elems == 0)
        return QN_OK;
    qn_activation act;
    const double *X, *W, *bias, *residual;
    double *row;
    QN_TRY(qn_activation_read(args, &act));
    QN_TRY(qn_ref_reals(args, 0, &X));
    QN_TRY(qn_ref_x_quant(args, K, &X));
    QN_TRY(qn_ref_reals(args, 1, &W));
    QN_TRY(qn_ref_reals(args, 2, &bias));
    QN_TRY(qn_ref_reals(args, 3, &residual));
    QN_TRY(qn_ref_scratch(args, N, &row));
    qn_ref_steps steps = qn_ref_matrix(K, N, trans_w);
    for (int64_t at = 0; at < n_elems; at += N, X += K) {
        qn_ref_product_row(X, 1, W, steps, K, N, row);
        for (int64_t j = 0; bias && j < N; j++)
            row[j] += bias[j];
        qn_activation_f64(&act, row, N);
        for (int64_t j = 0; residual && j < N; j++)
            row[j] += residual[at + j];
        qn_ref_put_n(y, at, row, N);
    }
    return QN_OK;
}
