/* Convolutions in bfloat16 and int8 arithmetic against sums in double, over ragged geometries, on every instruction set
 * that has them and with 1, 2 and 3 threads, which give the same bits.
 *
 * Bounds, u = 2^-24. BF16: products are exact in float32, each of the K additions and that of the bias rounds once:
 * (K + 1) u of the sum of magnitudes, to first order; the second is below one more. INT8: sums are exact; their
 * conversion to float32, the product of the scales and the one with it, and the additions of bias and residual round
 * once each: 5 u of the magnitudes. */
#include "base/context.h"
#include "base/half.h"
#include "kernels/conv/conv.h"
#include "kernels/gemm/fake_quant.h"
#include "tests/kernels/run_node.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct geometry {
    int64_t images, groups, c, m; /* channels of a group */
    int64_t in[2], kernel[2], stride[2], dilation[2], pads[4];
    bool fixed; /* int8: the codes of all images are g_fixed's */
} geometry;

static const qn_x_quant g_fixed = {0.01f, 1.0f / 0.01f, 90, true}; /* -0.9 .. 1.65: some numbers are clamped */

typedef struct trial {
    const geometry *g;
    bool int8;
    qn_dtype x_dtype;
    bool coded; /* the weight, as int8; else bfloat16 */
    qn_arena *arena;
    int64_t out[2], n_x, n_w, n_y;
    qn_attr attrs[7];
    qn_node node;
    qn_const w;
    const qn_const *consts[4];
    qn_tensor in[4], y;
    double *numbers, *weights; /* what is multiplied: for int8 the codes less their zero point, and codes */
    double *scales;            /* [images][groups * m]: of the sums */
    double *want, *bound;
} trial;

static void *room(trial *t, int64_t n, size_t size) {
    void *p = qn_arena_array(t->arena, (size_t)n + 1, size);
    assert_non_null(p);
    return p;
}

static uint32_t g_seed;
static float next_value(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (float)((int32_t)(g_seed >> 8) - (1 << 23)) * 0x1p-23f;
}

static qn_tensor tensor_of(qn_dtype dtype, int64_t a, int64_t b, int64_t c, int64_t d, void *data) {
    return (qn_tensor){.dtype = dtype, .rank = 4, .dims = {a, b, c, d}, .data = data};
}

/* ---- the inputs ------------------------------------------------------------------------------------------- */

static void make_x(trial *t) {
    const geometry *g = t->g;
    const int64_t C = g->groups * g->c, n_image = C * g->in[0] * g->in[1];
    void *x = room(t, t->n_x, 4);
    for (int64_t i = 0; i < t->n_x; i++) {
        const float v = next_value() * (i < n_image ? 1.0f : 3.0f) + 0.25f;
        if (t->x_dtype == QN_F32)
            ((float *)x)[i] = v;
        else
            ((uint16_t *)x)[i] = t->x_dtype == QN_BF16 ? qn_f32_to_bf16(v) : qn_f32_to_f16(v);
    }
    t->in[0] = tensor_of(t->x_dtype, g->images, C, g->in[0], g->in[1], x);
    t->numbers = room(t, t->n_x, sizeof(double));
    for (int64_t i = 0; i < t->n_x; i++)
        t->numbers[i] = element(&t->in[0], i);
}

/* Each image by its codes; returns nothing but t->numbers and the scales. */
static void quantise_x(trial *t) {
    const int64_t n_image = t->n_x / t->g->images, M = t->g->groups * t->g->m;
    for (int64_t image = 0; image < t->g->images; image++) {
        double *x = t->numbers + image * n_image;
        float lo = 0, hi = 0;
        for (int64_t i = 0; i < n_image; i++) {
            lo = fminf(lo, (float)x[i]);
            hi = fmaxf(hi, (float)x[i]);
        }
        const qn_x_quant q = t->g->fixed ? g_fixed : qn_x_quant_make(lo, hi, true);
        for (int64_t i = 0; i < n_image; i++)
            x[i] = fmin(fmax((double)rintf((float)x[i] * q.inverse) + q.zero_point, 0), 255) - q.zero_point;
        for (int64_t m = 0; m < M; m++)
            t->scales[image * M + m] *= (double)q.scale;
    }
}

static void make_w(trial *t) {
    const geometry *g = t->g;
    const int64_t M = g->groups * g->m;
    int8_t *codes = room(t, t->n_w, 1);
    uint16_t *dense = room(t, t->n_w, 2);
    float *scales = room(t, M, sizeof *scales);
    t->weights = room(t, t->n_w, sizeof(double));
    t->scales = room(t, g->images * M, sizeof(double));
    for (int64_t i = 0; i < M; i++)
        scales[i] = t->int8 ? 0.01f + 0.001f * (float)(i % 13) : 0.25f; /* bfloat16 has the numbers of the latter */
    for (int64_t i = 0; i < g->images * M; i++)
        t->scales[i] = t->int8 ? (double)scales[i % M] : 1;
    for (int64_t i = 0; i < t->n_w; i++) {
        codes[i] = (int8_t)(i % 5 == 0 ? 127 : i % 7 == 0 ? -127 : (int)(next_value() * 127));
        dense[i] = qn_f32_to_bf16(next_value());
        t->weights[i] = t->int8 ? codes[i] : t->coded ? codes[i] * 0.25 : (double)qn_bf16_to_f32(dense[i]);
    }
    t->in[1] = tensor_of(t->int8 ? QN_F32 : QN_BF16, M, g->c, g->kernel[0], g->kernel[1], dense);
    t->w = (qn_const){.dtype = t->in[1].dtype,
                      .rank = 4,
                      .encoding = QN_ENC_AFFINE,
                      .code_dtype = QN_I8,
                      .scale_dtype = QN_F32,
                      .symmetric = true};
    memcpy(t->w.dims, t->in[1].dims, sizeof t->w.dims);
    t->w.part[QN_PART_CODES] = (qn_bytes){codes, (size_t)t->n_w};
    t->w.part[QN_PART_SCALES] = (qn_bytes){scales, (size_t)M * sizeof *scales};
    if (t->coded)
        t->in[1].data = NULL;
}

static void make_addends(trial *t) {
    const int64_t M = t->g->groups * t->g->m;
    float *bias = room(t, M, sizeof *bias), *residual = room(t, t->n_y, sizeof *residual);
    for (int64_t i = 0; i < M; i++)
        bias[i] = next_value();
    for (int64_t i = 0; i < t->n_y; i++)
        residual[i] = next_value();
    t->in[2] = (qn_tensor){.dtype = QN_F32, .rank = 1, .dims = {M}, .data = bias};
    t->in[3] = t->y;
    t->in[3].data = residual;
}

/* What points into the trial itself. */
static void make_node(trial *t) {
    const geometry *g = t->g;
    t->consts[1] = t->coded ? &t->w : NULL;
    t->attrs[0] = (qn_attr){.name = "pads", .kind = QN_ATTR_INTS, .n = 4, .as.ints = g->pads};
    t->attrs[1] = (qn_attr){.name = "strides", .kind = QN_ATTR_INTS, .n = 2, .as.ints = g->stride};
    t->attrs[2] = (qn_attr){.name = "dilations", .kind = QN_ATTR_INTS, .n = 2, .as.ints = g->dilation};
    t->attrs[3] = (qn_attr){.name = "group", .kind = QN_ATTR_INT, .n = 1, .as.i = g->groups};
    t->attrs[4] = (qn_attr){.name = "x_quant", .kind = QN_ATTR_STRING, .n = 1, .as.s = g->fixed ? "static_uint8" : "dynamic_uint8"};
    t->attrs[5] = (qn_attr){.name = "x_scale", .kind = QN_ATTR_FLOAT, .n = 1, .as.f = g_fixed.scale};
    t->attrs[6] = (qn_attr){.name = "x_zero", .kind = QN_ATTR_INT, .n = 1, .as.i = g_fixed.zero_point};
    t->node = (qn_node){.op = QN_OP_Conv, .attrs = t->attrs, .n_attrs = !t->int8 ? 4 : g->fixed ? 7 : 5};
}

/* ---- what is wanted ------------------------------------------------------------------------------------------ */

static void sum_at(const trial *t, int64_t image, int64_t m, int64_t oh, int64_t ow, double *sum, double *size) {
    const geometry *g = t->g;
    const int64_t group = m / g->m;
    *sum = *size = 0;
    for (int64_t c = 0; c < g->c; c++)
        for (int64_t i = 0; i < g->kernel[0]; i++)
            for (int64_t j = 0; j < g->kernel[1]; j++) {
                const int64_t h = oh * g->stride[0] - g->pads[0] + i * g->dilation[0];
                const int64_t w = ow * g->stride[1] - g->pads[1] + j * g->dilation[1];
                if (h < 0 || h >= g->in[0] || w < 0 || w >= g->in[1])
                    continue;
                const double x = t->numbers[(((image * g->groups + group) * g->c + c) * g->in[0] + h) * g->in[1] + w];
                const double v = x * t->weights[((m * g->c + c) * g->kernel[0] + i) * g->kernel[1] + j];
                *sum += v;
                *size += fabs(v);
            }
}

static void find_wanted(trial *t) {
    const geometry *g = t->g;
    const int64_t M = g->groups * g->m;
    const double k = (double)(g->c * g->kernel[0] * g->kernel[1]);
    t->want = room(t, t->n_y, sizeof(double));
    t->bound = room(t, t->n_y, sizeof(double));
    for (int64_t i = 0; i < t->n_y; i++) {
        const int64_t ow = i % t->out[1], oh = i / t->out[1] % t->out[0], m = i / t->out[1] / t->out[0] % M;
        const int64_t image = i / t->out[1] / t->out[0] / M;
        double sum, size;
        sum_at(t, image, m, oh, ow, &sum, &size);
        const double scale = t->scales[image * M + m], bias = element(&t->in[2], m), residual = element(&t->in[3], i);
        t->want[i] = sum * scale + bias + residual;
        t->bound[i] = t->int8 ? 5 * 0x1p-24 * (fabs(sum * scale) + fabs(bias) + fabs(residual))
                              : (k + 3) * 0x1p-24 * (size + fabs(bias) + fabs(residual));
    }
}

static trial trial_begin(const geometry *g, bool int8, qn_dtype x_dtype, bool coded) {
    trial t = {.g = g, .int8 = int8, .x_dtype = x_dtype, .coded = coded, .arena = qn_arena_create()};
    assert_non_null(t.arena);
    for (int a = 0; a < 2; a++)
        t.out[a] =
            (g->in[a] + g->pads[a] + g->pads[a + 2] - (g->kernel[a] - 1) * g->dilation[a] - 1) / g->stride[a] + 1;
    t.n_x = g->images * g->groups * g->c * g->in[0] * g->in[1];
    t.n_w = g->groups * g->m * g->c * g->kernel[0] * g->kernel[1];
    t.n_y = g->images * g->groups * g->m * t.out[0] * t.out[1];
    t.y = tensor_of(QN_F32, g->images, g->groups * g->m, t.out[0], t.out[1], NULL);
    t.y.n_bytes = (size_t)t.n_y * 4;
    make_x(&t);
    make_w(&t);
    if (int8)
        quantise_x(&t);
    make_addends(&t);
    return t;
}

/* ---- running ---------------------------------------------------------------------------------------------- */

/* A context of an instruction set of the table that can do it so, or NULL. */
static qn_context *context_of(const char *isa, int threads, qn_arith arith) {
    qn_context_options options = {.threads = threads, .isa = isa};
    qn_context *ctx = NULL;
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    if (qn_gemm_has(ctx, arith))
        return ctx;
    qn_context_destroy(ctx);
    return NULL;
}

static const char *const g_isas[] = {"avx2", "avx512", "avx512vnni", "avx512bf16"};
enum { N_ISAS = sizeof g_isas / sizeof g_isas[0] };

/* y by the int8 or bfloat16 strategy; false when the machine has it not. */
static bool run_trial(trial *t, const char *isa, int threads, float *y) {
    qn_context *ctx = context_of(isa, threads, t->int8 ? QN_ARITH_INT8 : QN_ARITH_BF16);
    if (!ctx)
        return false;
    qn_arena *scratch = qn_arena_create();
    assert_non_null(scratch);
    make_node(t);
    t->y.data = y;
    qn_kernel_args args = {.ctx = ctx,
                           .node = &t->node,
                           .n_in = 4,
                           .n_out = 1,
                           .in = t->in,
                           .in_const = t->consts,
                           .out = &t->y,
                           .scratch = scratch};
    qn_conv c;
    y[t->n_y] = 77;
    ASSERT_OK(ctx, qn_conv_read(&args, false, &c));
    ASSERT_OK(ctx, (t->int8 ? qn_conv_int8_run : qn_conv_bf16_run)(&args, &c));
    assert_true(y[t->n_y] == 77);
    qn_arena_destroy(scratch);
    qn_context_destroy(ctx);
    return true;
}

static void check_trial(const geometry *g, bool int8, qn_dtype x_dtype, bool coded) {
    trial t = trial_begin(g, int8, x_dtype, coded);
    find_wanted(&t);
    float *y = room(&t, t.n_y, sizeof *y), *other = room(&t, t.n_y, sizeof *other);
    for (int isa = 0; isa < N_ISAS; isa++) {
        if (!run_trial(&t, g_isas[isa], 1, y))
            continue;
        for (int64_t i = 0; i < t.n_y; i++)
            if (!(fabs((double)y[i] - t.want[i]) <= t.bound[i]))
                fail_msg("%s: %lld to %lld channels in %lld groups, %lld x %lld taps, element %lld: %.9g, wanted %.9g "
                         "within %.3g",
                         g_isas[isa], (long long)g->c, (long long)g->m, (long long)g->groups, (long long)g->kernel[0],
                         (long long)g->kernel[1], (long long)i, (double)y[i], t.want[i], t.bound[i]);
        for (int threads = 2; threads <= 3; threads++) {
            run_trial(&t, g_isas[isa], threads, other);
            if (memcmp(y, other, (size_t)t.n_y * sizeof *y) != 0)
                fail_msg("%s: other bits with %d threads", g_isas[isa], threads);
        }
    }
    qn_arena_destroy(t.arena);
}

/* ---- the grid ---------------------------------------------------------------------------------------------- */

static void check_grid(bool int8) {
    static const int64_t channels[] = {1, 3, 4, 5, 16, 33}, taps[] = {1, 3, 5}, ms[] = {1, 5, 15, 33, 8};
    static const qn_dtype dtypes[] = {QN_F32, QN_F16, QN_BF16};
    int64_t i = 0;
    for (int c = 0; c < 6; c++)
        for (int k = 0; k < 3; k++)
            for (int64_t stride = 1; stride <= 2; stride++)
                for (int shape = 0; shape < 3; shape++, i++) {
                    const int64_t tall = shape == 1 ? 1 : taps[k]; /* the second is one row of taps */
                    const geometry g = {.images = 1 + i % 2,
                                        .groups = 1 + i % 3 / 2,
                                        .c = channels[c],
                                        .m = ms[i % 5],
                                        .in = {shape == 2 ? 1 : 7, shape == 0 ? 12 : 41},
                                        .kernel = {tall, taps[k]},
                                        .stride = {stride, 3 - stride},
                                        .dilation = {1 + i % 2, 1 + i / 2 % 2},
                                        /* enough for every output to have a window */
                                        .pads = {shape == 2 ? 4 : i % 3, i % 2, shape == 2 ? 4 : 2, i % 4 + 1},
                                        .fixed = i % 4 == 1};
                    check_trial(&g, int8, int8 ? dtypes[i % 3] : QN_BF16, int8 || i % 4 == 3);
                }
}

/* Cut into several bands: of rows, of columns of one row, of a pointwise image; and windows that never meet the image.
 */
static const geometry g_large[] = {
    {1, 1, 35, 3, {250, 241}, {3, 3}, {1, 1}, {1, 1}, {1, 0, 2, 1}, false},
    {1, 1, 33, 2, {251, 262}, {3, 1}, {2, 3}, {3, 1}, {3, 0, 3, 0}, false},
    {1, 1, 9, 2, {1, 450001}, {1, 5}, {1, 2}, {1, 3}, {0, 5, 0, 2}, false},
    {2, 1, 33, 2, {301, 300}, {1, 1}, {1, 1}, {1, 1}, {0, 0, 0, 0}, false},
    {1, 1, 5, 4, {2, 2}, {1, 1}, {1, 1}, {1, 1}, {3, 4, 2, 3}, false},
    {1, 2, 70, 40, {5, 6}, {3, 9}, {1, 1}, {1, 1}, {1, 4, 1, 4}, false},
};

QN_TEST(kernels_conv_bf16) { check_grid(false); }
QN_TEST(kernels_conv_int8) { check_grid(true); }
QN_TEST(kernels_conv_narrow_bands) {
    for (size_t i = 0; i < sizeof g_large / sizeof g_large[0]; i++) {
        check_trial(&g_large[i], false, QN_BF16, false);
        check_trial(&g_large[i], true, QN_F32, true);
    }
}

/* ---- which, and the edges ------------------------------------------------------------------------------------ */

/* An image with a number that is not finite is NaN, the other is not touched by it. */
QN_TEST(kernels_conv_int8_not_finite) {
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    static const geometry g = {2, 1, 5, 6, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, false};
    for (int isa = 0; isa < N_ISAS; isa++)
        for (int kind = 0; kind < 3; kind++) {
            trial t = trial_begin(&g, true, QN_F32, true);
            float *y = room(&t, t.n_y, sizeof *y);
            ((float *)t.in[0].data)[17] = odd[kind];
            if (run_trial(&t, g_isas[isa], 2, y))
                for (int64_t i = 0; i < t.n_y; i++)
                    assert_true(isnan(y[i]) == (i < t.n_y / 2));
            qn_arena_destroy(t.arena);
        }
}

/* What fills a unit up is 0: an infinity of the last channel meets no other weight, so nothing becomes NaN. */
QN_TEST(kernels_conv_bf16_infinity) {
    static const geometry g = {1, 1, 3, 6, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, false};
    trial t = trial_begin(&g, false, QN_BF16, false);
    float *y = room(&t, t.n_y, sizeof *y);
    ((uint16_t *)t.in[0].data)[2 * 7 * 9 + 4 * 9 + 4] = qn_f32_to_bf16(INFINITY);
    if (run_trial(&t, "avx512bf16", 1, y))
        for (int64_t i = 0; i < t.n_y; i++) {
            const int64_t h = i / 9 % 7, w = i % 9;
            assert_true((isinf(y[i]) != 0) == (h >= 3 && h <= 5 && w >= 3 && w <= 5));
            assert_true(!isnan(y[i]));
        }
    qn_arena_destroy(t.arena);
}

/* Int8 arithmetic is for symmetric int8 codes with scales by output channel or by tensor. */
QN_TEST(kernels_conv_int8_fits) {
    static const geometry g = {1, 1, 5, 6, {7, 9}, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}, false};
    trial t = trial_begin(&g, true, QN_F32, true);
    qn_context *ctx = context_of("avx2", 1, QN_ARITH_INT8);
    make_node(&t);
    qn_kernel_args args = {.ctx = ctx, .node = &t.node, .n_in = 4, .n_out = 1, .in = t.in, .in_const = t.consts};
    args.out = &t.y;
    qn_conv c;
    if (ctx) {
        ASSERT_OK(ctx, qn_conv_read(&args, false, &c));
        assert_true(qn_conv_int8_fits(&args, &c));
        t.w.axis = -1;
        assert_true(qn_conv_int8_fits(&args, &c));
        t.w.axis = 1;
        assert_false(qn_conv_int8_fits(&args, &c));
        t.w.axis = 0;
        t.w.symmetric = false;
        assert_false(qn_conv_int8_fits(&args, &c));
        t.w.symmetric = true;
        t.w.code_dtype = QN_I4;
        assert_false(qn_conv_int8_fits(&args, &c));
        t.w.code_dtype = QN_I8;
        t.node.n_attrs = 4; /* without x_quant */
        assert_false(qn_conv_int8_fits(&args, &c));
        qn_context_destroy(ctx);
    }
    qn_arena_destroy(t.arena);
}
