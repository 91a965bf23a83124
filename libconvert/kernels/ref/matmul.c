/* MatMul (ONNX operator page MatMul: NumPy's matmul) and BatchMatMul (docs/ops.md).
 *
 * a [batch a, M, K], b [batch b, K, N], batches broadcast against each other:
 *   y[batch, i, j] = alpha * sum over k of a[batch, i, k] b[batch, k, j]
 * A 1-D a counts as [1, K] and a 1-D b as [K, 1]; the axis of size 1 is then left out of y. trans_a and trans_b say
 * that the last two axes of an operand are stored the other way round. Integers wrap.
 */
#include "kernels/ref/product.h"

/* An operand as batches of matrices. */
typedef struct operand {
    qn_tensor batch;              /* its batch axes as a shape */
    int64_t rows, cols, size;     /* of op(matrix) */
    qn_ref_steps steps;
    int64_t strides[QN_MAX_RANK]; /* over the batch axes of y, in matrices */
} operand;

static operand read_operand(const qn_tensor *t, bool second, bool transposed) {
    operand o = {.batch = *t};
    int64_t last = t->dims[t->rank - 1];
    if (t->rank == 1) {
        o.batch.rank = 0;
        o.rows = second ? last : 1;
        o.cols = second ? 1 : last;
        transposed = false;
    } else {
        int64_t before = t->dims[t->rank - 2];
        o.batch.rank = t->rank - 2;
        o.rows = transposed ? last : before;
        o.cols = transposed ? before : last;
    }
    o.size = o.rows * o.cols;
    o.steps = qn_ref_matrix(o.rows, o.cols, transposed);
    return o;
}

static qn_status matmul(const qn_kernel_args *args, bool trans_a, bool trans_b, double alpha) {
    const qn_tensor *ta = &args->in[0], *tb = &args->in[1];
    qn_tensor *y = &args->out[0];
    if (ta->rank < 1 || tb->rank < 1)
        return qn_kernel_fail(args, QN_MALFORMED, "a scalar operand");
    if (ta->dtype != tb->dtype)
        return qn_kernel_fail(args, QN_MALFORMED, "operands of %s and %s", qn_dtype_name(ta->dtype),
                              qn_dtype_name(tb->dtype));
    operand a = read_operand(ta, false, trans_a), b = read_operand(tb, true, trans_b);
    int64_t M = a.rows, K = a.cols, N = b.cols;
    if (b.rows != K)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld columns by %lld rows", (long long)K, (long long)b.rows);
    int32_t n_batch = y->rank - (ta->rank > 1) - (tb->rank > 1);
    if (n_batch < 0 || !qn_ref_spread(&a.batch, n_batch, y->dims, a.strides) ||
        !qn_ref_spread(&b.batch, n_batch, y->dims, b.strides))
        return qn_kernel_fail(args, QN_MALFORMED, "batch axes that do not broadcast");
    int64_t n_elems = qn_ref_numel(y);
    if (n_elems == 0)
        return QN_OK;

    bool real = qn_dtype_is_float(ta->dtype);
    const double *A = NULL, *B = NULL;
    const uint64_t *IA = NULL, *IB = NULL;
    double *row = NULL;
    uint64_t *irow = NULL;
    if (real) {
        QN_TRY(qn_ref_reals(args, 0, &A));
        QN_TRY(qn_ref_reals(args, 1, &B));
        QN_TRY(qn_ref_scratch(args, N, &row));
    } else {
        QN_TRY(qn_ref_ints(args, 0, &IA));
        QN_TRY(qn_ref_ints(args, 1, &IB));
        QN_NEW_ARRAY(args->ctx, args->scratch, irow, N);
    }
    int64_t index[QN_MAX_RANK] = {0}, at = 0;
    for (; at < n_elems; qn_ref_next(index, n_batch, y->dims)) {
        int64_t a0 = qn_ref_dot(index, a.strides, n_batch) * a.size;
        int64_t b0 = qn_ref_dot(index, b.strides, n_batch) * b.size;
        for (int64_t i = 0; i < M; i++, at += N) {
            if (real) {
                qn_ref_product_row(A + a0 + i * a.steps.row, a.steps.col, B + b0, b.steps, K, N, row);
                for (int64_t j = 0; j < N; j++)
                    row[j] *= alpha;
                qn_ref_put_n(y, at, row, N);
            } else {
                qn_ref_product_row_int(IA + a0 + i * a.steps.row, a.steps.col, IB + b0, b.steps, K, N, irow);
                qn_ref_put_ints(y, at, irow, N);
            }
        }
    }
    return QN_OK;
}

qn_status qn_ref_MatMul(const qn_kernel_args *args) { return matmul(args, false, false, 1); }

qn_status qn_ref_BatchMatMul(const qn_kernel_args *args) {
    const qn_node *node = args->node;
    if (!qn_dtype_is_float(args->in[0].dtype))
        return qn_kernel_fail(args, QN_UNSUPPORTED, "operands of %s", qn_dtype_name(args->in[0].dtype));
    return matmul(args, qn_node_int(node, "trans_a", 0) != 0, qn_node_int(node, "trans_b", 0) != 0,
                  (double)qn_node_float(node, "alpha", 1));
}
