/* Gemm and Linear through the packed product; bias, activation and residual are its epilogue. */
#include "kernels/gemm/fake_quant.h"

static int64_t numel(const qn_tensor *t) {
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        n *= t->dims[i];
    return n;
}

/* ---- Gemm --------------------------------------------------------------------------------------- */

bool qn_gemm_accepts_Gemm(const qn_kernel_args *args) {
    return qn_operand_accepts(args, 0) && qn_operand_accepts(args, 1) && qn_addend_accepts(args, 2) &&
           qn_is_real(args->out[0].dtype) && args->in[0].rank == 2 &&
           args->in[1].rank == 2 && args->out[0].rank == 2 && (!qn_has(args, 2) || args->in[2].rank <= 2);
}

qn_status qn_gemm_Gemm(const qn_kernel_args *args) {
    const qn_node *node = args->node;
    const qn_tensor *a = &args->in[0], *b = &args->in[1], *c = &args->in[2], *y = &args->out[0];
    bool ta = qn_node_int(node, "transA", 0) != 0, tb = qn_node_int(node, "transB", 0) != 0;
    int64_t M = a->dims[ta], K = a->dims[!ta], N = b->dims[!tb];
    if (b->dims[tb] != K)
        return qn_kernel_fail(args, QN_MALFORMED, "%lld columns by %lld rows", (long long)K, (long long)b->dims[tb]);
    qn_gemm g = qn_gemm_make(M, N, K);
    g.arith = qn_gemm_arith_of(args->ctx, args->in[0].dtype, args->in[1].dtype);
    QN_TRY(qn_operand_of_input(args, 0, ta ? 1 : K, ta ? M : 1, ta, 1, !ta, 1, &g.a));
    QN_TRY(qn_operand_of_input(args, 1, tb ? K : 1, tb ? 1 : N, tb ? 0 : 1, 1, tb ? 1 : 0, 1, &g.b));
    g.c.data = y->data;
    g.c.dtype = y->dtype;
    g.c.row_stride = N;
    g.c.alpha = qn_node_float(node, "alpha", 1);
    g.c.beta = qn_node_float(node, "beta", 1);
    if (qn_has(args, 2)) {
        int64_t rows = c->rank == 2 ? c->dims[0] : 1, cols = c->rank >= 1 ? c->dims[c->rank - 1] : 1;
        if ((rows != 1 && rows != M) || (cols != 1 && cols != N))
            return qn_kernel_fail(args, QN_MALFORMED, "input 2 does not broadcast to %lld x %lld", (long long)M,
                                  (long long)N);
        g.c.bias = qn_addend_of(args, 2, rows == 1 ? 0 : cols, cols == 1 ? 0 : 1);
    }
    return qn_gemm_run(args->ctx, &g);
}

/* ---- Linear ---------------------------------------------------------------------------------------- */

bool qn_gemm_accepts_Linear(const qn_kernel_args *args) {
    qn_activation act;
    return qn_operand_accepts(args, 0) && qn_operand_accepts(args, 1) && !qn_encoded(args, 0) &&
           qn_addend_accepts(args, 2) && qn_addend_accepts(args, 3) && qn_is_real(args->out[0].dtype) &&
           args->in[0].rank >= 1 && args->in[1].rank == 2 && qn_activation_of(args->node, &act) &&
           qn_fake_quant_accepts(args);
}

static qn_status set_codes(const qn_kernel_args *args, qn_operand *x) {
    qn_x_quant_mode mode;
    qn_x_quant fixed = {0};
    QN_TRY(qn_x_quant_read(args, &mode, &fixed));
    x->is_fixed = mode == QN_X_QUANT_STATIC;
    x->unit_scale = fixed.scale;
    x->unit_zero = fixed.zero_point;
    return QN_OK;
}

qn_status qn_gemm_Linear(const qn_kernel_args *given) {
    qn_fake_quant view = {.args = *given};
    const qn_kernel_args *args = &view.args;
    const int32_t k_axis = qn_node_int(given->node, "trans_w", 0) != 0;
    const bool integers = qn_operands_are_int8(given, 1 - k_axis, given->in[1].dims[k_axis]);
    if (!integers)
        QN_TRY(qn_fake_quant_view(given, given->in[0].rank - 1, &view));
    const qn_tensor *x = &args->in[0], *w = &args->in[1], *y = &args->out[0];
    bool trans_w = qn_node_int(args->node, "trans_w", 0) != 0;
    int64_t K = w->dims[trans_w], N = w->dims[!trans_w], M = 1;
    if (x->dims[x->rank - 1] != K)
        return qn_kernel_fail(args, QN_MALFORMED, "the last axis of the input is not %lld", (long long)K);
    for (int32_t i = 0; i < x->rank - 1; i++)
        M *= x->dims[i];
    if ((qn_has(args, 2) && numel(&args->in[2]) != N) || (qn_has(args, 3) && numel(&args->in[3]) != M * N))
        return qn_kernel_fail(args, QN_MALFORMED, "a bias or residual that does not fit %lld x %lld", (long long)M,
                              (long long)N);
    qn_gemm g = qn_gemm_make(M, N, K);
    g.arith = integers ? QN_ARITH_INT8 : qn_gemm_arith_of(args->ctx, args->in[0].dtype, args->in[1].dtype);
    QN_TRY(qn_activation_read(args, &g.c.act));
    QN_TRY(qn_operand_of_input(args, 0, K, 1, -1, 1, -1, 1, &g.a));
    g.a.quantise = integers;
    if (integers)
        QN_TRY(set_codes(args, &g.a));
    QN_TRY(
        qn_operand_of_input(args, 1, trans_w ? K : 1, trans_w ? 1 : N, trans_w ? 0 : 1, 1, trans_w ? 1 : 0, 1, &g.b));
    g.c.data = y->data;
    g.c.dtype = y->dtype;
    g.c.row_stride = N;
    g.c.bias = qn_addend_of(args, 2, 0, 1);
    g.c.residual = qn_addend_of(args, 3, N, 1);
    return qn_gemm_run(args->ctx, &g);
}
