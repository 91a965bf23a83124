#include "kernels/conv/conv.h"

#include "base/context.h"
#include "kernels/gemm/fake_quant.h"
#include "kernels/gemm/gemm_isa.h"

/* ---- geometry --------------------------------------------------------------------------------------- */

static int64_t numel(const qn_tensor *t) {
    int64_t n = 1;
    for (int32_t i = 0; i < t->rank; i++)
        n *= t->dims[i];
    return n;
}

qn_status qn_conv_read(const qn_kernel_args *args, bool transposed, qn_conv *c) {
    const qn_tensor *x = &args->in[0], *w = &args->in[1], *y = &args->out[0];
    qn_spatial window;
    if (w->rank != x->rank)
        return qn_kernel_fail(args, QN_MALFORMED, "a weight of %d dimensions for an input of %d", w->rank, x->rank);
    QN_TRY((transposed ? qn_spatial_read_transposed : qn_spatial_read)(args, w->dims + 2, &window));
    *c = (qn_conv){.h = {.in = 1, .out = 1, .kernel = 1, .stride = 1, .dilation = 1}};
    if (window.n == 2)
        c->h = window.axis[0];
    c->w = window.axis[window.n - 1];
    c->images = x->dims[0];
    c->groups = qn_node_int(args->node, "group", 1);
    int64_t C = x->dims[1], M = y->dims[1], per_c = w->dims[1], per_m = w->dims[0];
    if (c->groups < 1 || C % c->groups != 0 || M % c->groups != 0 ||
        (transposed ? per_m != C || per_c != M / c->groups : per_m != M || per_c != C / c->groups))
        return qn_kernel_fail(args, QN_MALFORMED,
                              "%lld to %lld channels in %lld groups and a weight of %lld x %lld channels", (long long)C,
                              (long long)M, (long long)c->groups, (long long)per_m, (long long)per_c);
    c->c = C / c->groups;
    c->m = M / c->groups;
    c->in_plane = c->h.in * c->w.in;
    c->out_plane = c->h.out * c->w.out;
    c->taps = c->h.kernel * c->w.kernel;
    if ((qn_has(args, 2) && numel(&args->in[2]) != M) || (qn_has(args, 3) && numel(&args->in[3]) != numel(y)))
        return qn_kernel_fail(args, QN_MALFORMED, "a bias or residual that does not fit the output");
    return QN_OK;
}

qn_pack_fn qn_conv_pack_of(const qn_context *ctx) { return QN_ISA_PICK(ctx, qn_conv_pack); }

/* ---- Conv ------------------------------------------------------------------------------------------------ */

bool qn_conv_accepts_Conv(const qn_kernel_args *args) {
    qn_activation act;
    return qn_operand_accepts(args, 0) && qn_operand_accepts(args, 1) && !qn_encoded(args, 0) &&
           qn_addend_accepts(args, 2) && qn_addend_accepts(args, 3) && qn_is_real(args->out[0].dtype) &&
           (args->in[0].rank == 3 || args->in[0].rank == 4) && qn_activation_of(args->node, &act) &&
           qn_fake_quant_accepts(args);
}

bool qn_conv_pointwise(const qn_conv *c) {
    return c->taps == 1 && c->w.stride == 1 && c->h.stride == 1 && c->w.pad_begin == 0 && c->w.pad_end == 0 &&
           c->h.pad_begin == 0 && c->h.pad_end == 0;
}

qn_status qn_conv_out_read(const qn_kernel_args *args, const qn_conv *c, qn_gemm_out *out) {
    *out = (qn_gemm_out){.data = args->out[0].data,
                         .dtype = args->out[0].dtype,
                         .row_stride = c->out_plane,
                         .alpha = 1,
                         .beta = 1,
                         .bias = qn_addend_of(args, 2, 1, 0),
                         .residual = qn_addend_of(args, 3, c->out_plane, 1)};
    return qn_activation_read(args, &out->act);
}

qn_gemm_out qn_conv_out_at(const qn_gemm_out *out, const qn_conv *c, int64_t batch) {
    qn_gemm_out y = *out;
    const int64_t first = batch * c->m * c->out_plane;
    y.data = (char *)y.data + first * (int64_t)qn_dtype_bytes(y.dtype);
    y.bias.data = qn_elem(y.bias.data, y.bias.dtype, batch % c->groups * c->m);
    y.residual.data = qn_elem(y.residual.data, y.residual.dtype, first);
    return y;
}

/* ---- gemm: any convolution ------------------------------------------------------------------------- */

static void move(qn_gemm *one, int64_t batch, const void *arg) {
    const qn_conv *c = arg;
    int64_t group = batch % c->groups;
    qn_operand_advance(&one->a, group * c->m * one->k, group * c->m);
    one->b.data = qn_elem(one->b.data, one->b.dtype, batch * c->c * c->in_plane);
    one->c = qn_conv_out_at(&one->c, c, batch);
}

static bool always(const qn_kernel_args *args, const qn_conv *c) {
    (void)args, (void)c;
    return true;
}

static qn_status run_gemm(const qn_kernel_args *args, const qn_conv *c) {
    int64_t K = c->c * c->taps;
    qn_gemm g = qn_gemm_make(c->m, c->out_plane, K);
    g.arith = qn_gemm_arith_of(args->ctx, args->in[0].dtype, args->in[1].dtype);
    QN_TRY(qn_operand_of_input(args, 1, K, 1, 0, 1, 1, c->taps, &g.a));
    g.b = (qn_operand){
        .data = args->in[0].data, .dtype = args->in[0].dtype, .x_stride = 1, .k_stride = c->in_plane, .scale_run = 1};
    if (!qn_conv_pointwise(c)) {
        g.b.pack = qn_conv_pack_of(args->ctx);
        g.b.pack_arg = c;
    }
    QN_TRY(qn_conv_out_read(args, c, &g.c));
    g.n_batch = c->images * c->groups;
    g.at = move;
    g.at_arg = c;
    return qn_gemm_run(args->ctx, &g);
}

/* bfloat16 arithmetic doubles the rate of multiplication; packing pays with enough rows. */
static bool narrow_pointwise(const qn_kernel_args *args, const qn_conv *c) {
    return qn_conv_pointwise(c) && (c->m >= 64 || (c->m >= 32 && c->c >= 64)) &&
           qn_gemm_arith_of(args->ctx, args->in[0].dtype, args->in[1].dtype) == QN_ARITH_BF16;
}

/* ---- Conv ------------------------------------------------------------------------------------------------ */

/* The first that fits runs. */
static const struct strategy {
    bool (*fits)(const qn_kernel_args *args, const qn_conv *c);
    qn_status (*run)(const qn_kernel_args *args, const qn_conv *c);
} g_strategies[] = {
    {narrow_pointwise, run_gemm},
    {qn_conv_bf16_fits, qn_conv_bf16_run},
    {qn_conv_winograd_fits, qn_conv_winograd_run},
    {qn_conv_direct_fits, qn_conv_direct_run},
    {always, run_gemm},
};

qn_status qn_conv_Conv(const qn_kernel_args *given) {
    qn_conv c;
    qn_fake_quant view;
    const qn_kernel_args *args = &view.args;
    QN_TRY(qn_conv_read(given, false, &c));
    if (numel(&given->out[0]) == 0)
        return QN_OK;
    if (qn_conv_int8_fits(given, &c))
        return qn_conv_int8_run(given, &c);
    QN_TRY(qn_fake_quant_view(given, 1, &view));
    const struct strategy *s = g_strategies;
    while (!s->fits(args, &c))
        s++;
    return s->run(args, &c);
}
