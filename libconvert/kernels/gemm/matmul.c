/* MatMul and BatchMatMul through the packed product: alpha · op(a) · op(b), batches broadcast without copies. */
#include "kernels/gemm/gemm.h"

typedef struct batches {
    int32_t n; /* batch axes of y */
    int64_t dims[QN_MAX_RANK];
    int64_t a[QN_MAX_RANK], b[QN_MAX_RANK]; /* elements for a step along each; 0 where repeated */
    int64_t matrix;                         /* elements of a product */
} batches;

static bool accepts(const qn_kernel_args *args) {
    return qn_operand_accepts(args, 0) && qn_operand_accepts(args, 1) && (!qn_encoded(args, 0) || args->in[0].rank == 2) &&
           qn_is_real(args->out[0].dtype) && args->in[0].rank >= 1 && args->in[1].rank >= 1;
}
bool qn_gemm_accepts_MatMul(const qn_kernel_args *args) { return accepts(args); }
bool qn_gemm_accepts_BatchMatMul(const qn_kernel_args *args) { return accepts(args); }

static void move(qn_gemm *one, int64_t batch, const void *arg) {
    const batches *s = arg;
    int64_t a = 0, b = 0, rest = batch;
    for (int32_t i = s->n - 1; i >= 0; i--) {
        int64_t at = rest % s->dims[i];
        rest /= s->dims[i];
        a += at * s->a[i];
        b += at * s->b[i];
    }
    qn_operand_advance(&one->a, a, 0);
    qn_operand_advance(&one->b, b, 0);
    one->c.data = (char *)one->c.data + batch * s->matrix * (int64_t)qn_dtype_bytes(one->c.dtype);
}

/* Steps over y's batch axes for an operand of t->rank - 2 batch axes, aligned at the last; false on a clash. */
static bool batch_steps(const qn_tensor *t, const batches *s, int64_t matrix, int64_t *steps) {
    int32_t own = t->rank > 2 ? t->rank - 2 : 0;
    int64_t step = matrix;
    for (int32_t i = 0; i < s->n; i++)
        steps[i] = 0;
    for (int32_t i = 0; i < own; i++) {
        int32_t from = own - 1 - i, to = s->n - 1 - i;
        if (to < 0 || (t->dims[from] != 1 && t->dims[from] != s->dims[to]))
            return false;
        steps[to] = t->dims[from] == 1 ? 0 : step;
        step *= t->dims[from];
    }
    return true;
}

static qn_status product(const qn_kernel_args *args, bool trans_a, bool trans_b, float alpha) {
    const qn_tensor *a = &args->in[0], *b = &args->in[1], *y = &args->out[0];
    trans_a = trans_a && a->rank > 1;
    trans_b = trans_b && b->rank > 1;
    int64_t a_last = a->dims[a->rank - 1], a_before = a->rank > 1 ? a->dims[a->rank - 2] : 1;
    int64_t M = trans_a ? a_last : a_before, K = trans_a ? a_before : a_last;
    int64_t b_rows = b->rank > 1 ? b->dims[b->rank - 2] : b->dims[0], b_cols = b->rank > 1 ? b->dims[b->rank - 1] : 1;
    int64_t N = trans_b ? b_rows : b_cols;
    if ((trans_b ? b_cols : b_rows) != K)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld columns by %lld rows", (long long)K,
                              (long long)(trans_b ? b_cols : b_rows));
    batches s = {.n = y->rank - (a->rank > 1) - (b->rank > 1), .matrix = M * N};
    int64_t n_batch = 1;
    for (int32_t i = 0; i < s.n; i++)
        n_batch *= s.dims[i] = y->dims[i];
    if (s.n < 0 || !batch_steps(a, &s, M * K, s.a) || !batch_steps(b, &s, K * N, s.b))
        return qn_kernel_fail(args, QN_MALFORMED, "batch axes that do not broadcast");

    qn_gemm g = qn_gemm_make(M, N, K);
    g.arith = qn_gemm_arith_of(args->ctx, a->dtype, b->dtype);
    int32_t rows_axis = b->rank > 1 ? b->rank - 2 : 0, cols_axis = b->rank > 1 ? b->rank - 1 : -1;
    QN_TRY(qn_operand_of_input(args, 0, trans_a ? 1 : K, trans_a ? M : 1, trans_a, 1, !trans_a, 1, &g.a));
    QN_TRY(qn_operand_of_input(args, 1, trans_b ? K : 1, trans_b ? 1 : N, trans_b ? rows_axis : cols_axis, 1,
                               trans_b ? cols_axis : rows_axis, 1, &g.b));
    g.c.data = y->data;
    g.c.dtype = y->dtype;
    g.c.row_stride = N;
    g.c.alpha = alpha;
    /* one b for every batch, and a's batches one after the other: more rows of one product */
    bool one_b = !trans_a && n_batch > 0;
    int64_t step = M * K;
    for (int32_t i = s.n - 1; i >= 0; i--) {
        one_b = one_b && (s.dims[i] == 1 || (s.b[i] == 0 && s.a[i] == step));
        step *= s.dims[i];
    }
    if (one_b) {
        g.m = M * n_batch;
    } else {
        g.n_batch = n_batch;
        g.at = move;
        g.at_arg = &s;
    }
    return qn_gemm_run(args->ctx, &g);
}

qn_status qn_gemm_MatMul(const qn_kernel_args *args) { return product(args, false, false, 1); }

qn_status qn_gemm_BatchMatMul(const qn_kernel_args *args) {
    return product(args, qn_node_int(args->node, "trans_a", 0) != 0, qn_node_int(args->node, "trans_b", 0) != 0,
                   qn_node_float(args->node, "alpha", 1));
}
