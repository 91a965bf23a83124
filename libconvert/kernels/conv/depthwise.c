#include "base/checked.h"
#include "base/pool.h"
#include "kernels/conv/conv.h"
#include "kernels/gemm/gemm_isa.h"

/* Floats that a worker may take for its padded rows: they stay in the second-level cache. */
enum { BAND_FLOATS = 48 << 10, PIECE_WORK = 64 << 10, SLACK = 16 };

/* Sizes are attributes under 2^31, so these products of two fit in 64 bits. */
static int64_t row_floats(const qn_conv *c, int64_t *phase_floats) {
    int64_t span = (c->w.out - 1) * c->w.stride + (c->w.kernel - 1) * c->w.dilation + 1;
    int64_t needed = c->w.in + c->w.pad_begin > span ? c->w.in + c->w.pad_begin : span;
    *phase_floats = needed / c->w.stride + 1 + SLACK; /* the last vector's loads run over */
    int64_t n;
    return qn_mul_i64(*phase_floats, c->w.stride, &n) ? n : INT64_MAX;
}

static int64_t band_rows(const qn_conv *c, int64_t outs) {
    return (outs - 1) * c->h.stride + (c->h.kernel - 1) * c->h.dilation + 1;
}

/* A row of the band, and the rows under one output row, must be of a sensible size. */
bool qn_depthwise_fits(const qn_kernel_args *args, const qn_conv *c) {
    (void)args;
    int64_t phase, floats, row = row_floats(c, &phase);
    return c->c == 1 && c->groups > 1 && c->h.out > 0 && c->w.out > 0 && c->taps > 0 &&
           qn_mul_i64(row, band_rows(c, 1), &floats) && floats <= 64 * BAND_FLOATS;
}

qn_status qn_depthwise_run(const qn_kernel_args *args, const qn_conv *c) {
    const int64_t M = c->groups * c->m;
    qn_operand w;
    QN_TRY(qn_operand_of_input(args, 1, c->taps, 1, -1, 1, -1, 1, &w));
    qn_depthwise d = {.conv = c, .x = args->in[0], .y = args->out[0]};
    QN_TRY(qn_activation_read(args, &d.act));
    d.bias = qn_addend_of(args, 2, 1, 0);
    d.residual = qn_addend_of(args, 3, c->out_plane, 1);
    d.row_floats = row_floats(c, &d.phase_floats);
    d.band = 1;
    /* rows of work enough for a piece, as far as the band allows */
    while (d.band < c->h.out && d.band * c->w.out * c->taps < PIECE_WORK &&
           band_rows(c, d.band + 1) * d.row_floats <= BAND_FLOATS)
        d.band++;
    d.bands = (c->h.out + d.band - 1) / d.band;
    d.worker_floats = band_rows(c, d.band) * d.row_floats + SLACK;
    int64_t threads = qn_pool_threads(args->ctx), n_weights, n_rows, n;
    size_t bytes;
    if (!qn_mul_i64(M, c->taps, &n_weights) || !qn_mul_i64(threads, d.worker_floats, &n_rows) ||
        !qn_add_i64(n_weights, n_rows, &n) || !qn_mul_size((size_t)n, sizeof(float), &bytes))
        return qn_fail_memory(args->ctx, SIZE_MAX, "a depthwise convolution");
    float *scratch = qn_scratch_take(args->ctx, bytes);
    if (!scratch)
        return qn_fail_memory(args->ctx, bytes, "a depthwise convolution");
    const qn_gemm_isa *isa = qn_gemm_isa_of(args->ctx);
    d.rows = scratch;
    float *weights = scratch + n_rows;
    for (int64_t m = 0; m < M; m++) /* one row of w at a time: a panel of width 1 */
        isa->pack(&w, m, 1, 0, c->taps, 1, weights + m * c->taps);
    d.w = weights;
    qn_pool_fn fn = qn_depthwise_scalar;
#if defined(__x86_64__)
    if (isa == &qn_gemm_isa_avx512)
        fn = qn_depthwise_avx512;
    else if (isa == &qn_gemm_isa_avx2)
        fn = qn_depthwise_avx2;
#endif
    int64_t work = d.band * c->w.out * c->taps + 1;
    qn_parallel_for(args->ctx, c->images * M * d.bands, PIECE_WORK / work + 1, fn, &d);
    qn_scratch_give(args->ctx, scratch);
    return QN_OK;
}
