/* The packed product against sums in double, on every instruction set of the machine.
 *
 * Bound: a float32 sum of k products differs from the true one by at most (k + 2) u sum|a b| with u = 2^-24 (each
 * product and each addition rounds once); storing as float16 or bfloat16 adds half a unit of that format. */
#include "base/context.h"
#include "base/half.h"
#include "kernels/gemm/gemm.h"
#include "kernels/scalar.h"
#include "tests/test.h"

#include <stdlib.h>

static const char *const g_isas[] = {"scalar", "avx2", "avx512", "neon"};
enum { N_ISAS = 4 };

/* A context of that instruction set, or NULL when the machine lacks it. */
static qn_context *context_of(int isa, int threads) {
    static const unsigned bits[N_ISAS] = {0, QN_ISA_AVX2, QN_ISA_AVX512, QN_ISA_NEON};
    qn_context_options options = {.threads = threads, .isa = g_isas[isa]};
    qn_context *ctx = NULL;
    assert_int_equal(qn_context_create(&options, &ctx), QN_OK);
    if ((qn_context_isa(ctx) & bits[isa]) == bits[isa])
        return ctx;
    qn_context_destroy(ctx);
    return NULL;
}

static uint32_t g_seed;
static float next_value(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (float)((int32_t)(g_seed >> 8) - (1 << 23)) * 0x1p-23f;
}

/* n numbers stored as dtype. */
static void *numbers(qn_dtype dtype, int64_t n) {
    void *p = malloc((size_t)n * 4 + 64);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++) {
        float v = next_value();
        switch (dtype) {
        case QN_F16: ((uint16_t *)p)[i] = qn_f32_to_f16(v); break;
        case QN_BF16: ((uint16_t *)p)[i] = qn_f32_to_bf16(v); break;
        case QN_I8: ((int8_t *)p)[i] = (int8_t)(v * 127); break;
        case QN_U8: ((uint8_t *)p)[i] = (uint8_t)(v * 127 + 127); break;
        default: ((float *)p)[i] = v; break;
        }
    }
    return p;
}

static double stored(qn_dtype dtype, const void *p, int64_t i) {
    switch (dtype) {
    case QN_F16: return (double)qn_f16_to_f32(((const uint16_t *)p)[i]);
    case QN_BF16: return (double)qn_bf16_to_f32(((const uint16_t *)p)[i]);
    case QN_I8: return ((const int8_t *)p)[i];
    case QN_U8: return ((const uint8_t *)p)[i];
    default: return (double)((const float *)p)[i];
    }
}

static double operand_at(const qn_operand *o, int64_t x, int64_t k) {
    double v = stored(o->dtype, o->data, x * o->x_stride + k * o->k_stride);
    if (!o->scales)
        return v;
    int64_t i = o->scale_axis == QN_SCALE_X ? x / o->scale_run : o->scale_axis == QN_SCALE_DEPTH ? k / o->scale_run : 0;
    if (o->zero_points)
        v -= stored(o->dtype, o->zero_points, i);
    return (double)(float)(v * stored(o->scale_dtype, o->scales, i)); /* a decoded weight is a float32 */
}

static double activated(const qn_activation *act, double x) {
    qn_activation_f64(act, &x, 1);
    return x;
}

static double addend_at(const qn_addend *a, int64_t i, int64_t j) {
    return a->data ? stored(a->dtype, a->data, i * a->row_stride + j * a->col_stride) : 0;
}

/* Element (i, j) of C is within the bound. */
static void check_at(const qn_gemm *g, int64_t i, int64_t j) {
    const double u = 0x1p-24;
    double sum = 0, size = 0;
    for (int64_t k = 0; k < g->k; k++) {
        double t = operand_at(&g->a, i, k) * operand_at(&g->b, j, k);
        sum += t;
        size += fabs(t);
    }
    double bias = (double)g->c.beta * addend_at(&g->c.bias, i, j), residual = addend_at(&g->c.residual, i, j);
    double x = (double)g->c.alpha * sum + bias;
    double before = ((double)g->k + 2) * u * fabs((double)g->c.alpha) * size + 3 * u * (fabs(x) + fabs(bias));
    double want = activated(&g->c.act, x) + residual;
    /* no activation is steeper than 1.13 (GELU); their own errors are under 8 u of the argument's or result's size */
    double bound = 1.2 * before + (g->c.act.kind == QN_ACT_NONE ? 0 : 8 * u * (1 + fabs(x))) +
                   2 * u * (fabs(want) + fabs(residual));
    double rounding = g->c.dtype == QN_F16 ? 0x1p-11 : g->c.dtype == QN_BF16 ? 0x1p-8 : 0;
    bound += rounding * (fabs(want) + bound) + (g->c.dtype == QN_F16 ? 0x1p-25 : 0);
    double got = stored(g->c.dtype, g->c.data, i * g->c.row_stride + j);
    if (!(fabs(got - want) <= bound))
        fail_msg("%lld x %lld x %lld, element %lld, %lld: %.9g, wanted %.9g within %.3g", (long long)g->m,
                 (long long)g->n, (long long)g->k, (long long)i, (long long)j, got, want, bound);
}

static void check_all(const qn_gemm *g) {
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++)
            check_at(g, i, j);
}

static void check_some(const qn_gemm *g, int n) {
    for (int t = 0; t < n; t++) {
        int64_t i = (int64_t)(fabs((double)next_value()) * 0.999 * (double)g->m);
        int64_t j = (int64_t)(fabs((double)next_value()) * 0.999 * (double)g->n);
        check_at(g, i, j);
    }
    check_at(g, g->m - 1, g->n - 1);
}

/* A product over fresh numbers; C is one larger than needed, to see that nothing is written beyond. */
static qn_gemm make(int64_t m, int64_t n, int64_t k, bool ta, bool tb, qn_dtype a, qn_dtype b, qn_dtype c) {
    qn_gemm g = qn_gemm_make(m, n, k);
    g.a = (qn_operand){
        .data = numbers(a, m * k), .dtype = a, .x_stride = ta ? 1 : k, .k_stride = ta ? m : 1, .scale_run = 1};
    g.b = (qn_operand){
        .data = numbers(b, n * k), .dtype = b, .x_stride = tb ? k : 1, .k_stride = tb ? 1 : n, .scale_run = 1};
    g.c.data = numbers(c, m * n + 1);
    g.c.dtype = c;
    g.c.row_stride = n;
    return g;
}

static void drop(qn_gemm *g) {
    free((void *)(uintptr_t)g->a.data);
    free((void *)(uintptr_t)g->b.data);
    free(g->c.data);
}

QN_TEST(kernels_gemm_ragged_shapes) {
    static const int64_t ms[] = {0, 1, 3, 6, 13, 14, 15, 29, 47}, ns[] = {0, 1, 7, 16, 17, 32, 33, 70},
                         ks[] = {0, 1, 2, 15, 16, 19, 65};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 1);
        if (!ctx)
            continue;
        for (size_t a = 0; a < sizeof ms / sizeof ms[0]; a++)
            for (size_t b = 0; b < sizeof ns / sizeof ns[0]; b++)
                for (size_t c = 0; c < sizeof ks / sizeof ks[0]; c++)
                    for (int t = 0; t < 4; t++) {
                        qn_gemm g = make(ms[a], ns[b], ks[c], t & 1, t >> 1, QN_F32, QN_F32, QN_F32);
                        float guard = ((float *)g.c.data)[ms[a] * ns[b]];
                        ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                        check_all(&g);
                        assert_true(((float *)g.c.data)[ms[a] * ns[b]] == guard);
                        drop(&g);
                    }
        qn_context_destroy(ctx);
    }
}

QN_TEST(kernels_gemm_storage_dtypes) {
    static const qn_dtype kinds[] = {QN_F32, QN_F16, QN_BF16};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 2);
        if (!ctx)
            continue;
        for (int a = 0; a < 3; a++)
            for (int b = 0; b < 3; b++)
                for (int c = 0; c < 3; c++)
                    for (int t = 0; t < 4; t++) {
                        qn_gemm g = make(17, 37, 41, t & 1, t >> 1, kinds[a], kinds[b], kinds[c]);
                        ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                        check_all(&g);
                        drop(&g);
                    }
        qn_context_destroy(ctx);
    }
}

/* Up to four rows, or one column, are not packed. */
QN_TEST(kernels_gemm_few_rows) {
    static const qn_dtype kinds[] = {QN_F32, QN_F16, QN_BF16};
    static const int64_t ns[] = {1, 5, 16, 47, 129, 300}, ks[] = {0, 1, 15, 16, 70, 1000};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 2);
        if (!ctx)
            continue;
        for (int64_t m = 1; m <= 5; m++)
            for (size_t n = 0; n < sizeof ns / sizeof ns[0]; n++)
                for (size_t k = 0; k < sizeof ks / sizeof ks[0]; k++)
                    for (int t = 0; t < 8; t++) {
                        bool column = t >> 2;
                        qn_gemm g = make(column ? ns[n] : m, column ? 1 : ns[n], ks[k], t & 1, (t >> 1) & 1,
                                         kinds[(m + t) % 3], kinds[(int64_t)(n + k) % 3], kinds[(int64_t)n % 3]);
                        void *bias = numbers(QN_F16, 400), *residual = numbers(QN_BF16, 2000);
                        g.c.act.kind = QN_ACT_RELU;
                        g.c.bias = (qn_addend){bias, QN_F16, column, !column};
                        g.c.residual = (qn_addend){residual, QN_BF16, g.n, 1};
                        ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                        check_all(&g);
                        free(bias);
                        free(residual);
                        drop(&g);
                    }
        qn_context_destroy(ctx);
    }
}

QN_TEST(kernels_gemm_strides) {
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 2);
        if (!ctx)
            continue;
        qn_gemm g = make(40, 66, 30, false, false, QN_F32, QN_F32, QN_F32);
        g.m = 20, g.n = 21, g.k = 15; /* every second row and column */
        g.a.x_stride = 60, g.a.k_stride = 2;
        g.b.k_stride = 132, g.b.x_stride = 3;
        g.c.row_stride = 66;
        ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
        check_all(&g);
        drop(&g);
        qn_context_destroy(ctx);
    }
}

QN_TEST(kernels_gemm_codes_with_scales) {
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 1);
        if (!ctx)
            continue;
        for (int kind = 0; kind < 2; kind++)
            for (int axis = 0; axis < 3; axis++)
                for (int t = 0; t < 4; t++)
                    for (int half = 0; half < 2; half++)
                        for (int side = 0; side < 3; side++) { /* of b, of a, of b under two rows */
                            qn_dtype code = kind ? QN_U8 : QN_I8, scale = half ? QN_F16 : QN_F32;
                            qn_gemm g = make(side == 2 ? 2
                                             : side    ? 35
                                                       : 9,
                                             side == 1 ? 9 : 35, 23, t & 1, t >> 1, side == 1 ? code : QN_F32,
                                             side == 1 ? QN_F32 : code, QN_F32);
                            qn_operand *o = side == 1 ? &g.a : &g.b;
                            o->scales = numbers(scale, 40);
                            o->scale_dtype = scale;
                            o->zero_points = kind ? numbers(code, 40) : NULL;
                            o->scale_axis = (qn_scale_axis)axis;
                            o->scale_run = 1 + half;
                            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                            check_all(&g);
                            free((void *)(uintptr_t)o->scales);
                            free((void *)(uintptr_t)o->zero_points);
                            drop(&g);
                        }
        qn_context_destroy(ctx);
    }
}

QN_TEST(kernels_gemm_epilogue) {
    static const qn_dtype kinds[] = {QN_F32, QN_F16, QN_BF16};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 2);
        if (!ctx)
            continue;
        void *bias[3], *residual[3];
        for (int d = 0; d < 3; d++) {
            bias[d] = numbers(kinds[d], 19 * 45);
            residual[d] = numbers(kinds[d], 19 * 45);
        }
        for (int act = 0; act < QN_ACT_COUNT; act++)
            for (int add = 0; add < 5; add++)
                for (int d = 0; d < 3; d++) {
                    qn_gemm g = make(19, 45, 24, false, true, QN_F32, QN_F32, kinds[d]);
                    g.c.act = (qn_activation){(qn_activation_kind)act, -0.5f, 0.75f, 0.3f, 0.4f};
                    g.c.alpha = add == 3 ? 1.75f : 1.0f;
                    g.c.beta = add == 3 ? -0.5f : 1.0f;
                    if (add > 0)
                        g.c.bias = (qn_addend){bias[d], kinds[d],
                                               add == 1 || add == 4 ? 1
                                               : add == 3           ? 45
                                                                    : 0,
                                               add == 2 || add == 3};
                    if (add > 2)
                        g.c.residual = (qn_addend){residual[d], kinds[d], 45, 1};
                    ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                    check_all(&g);
                    drop(&g);
                }
        for (int d = 0; d < 3; d++) {
            free(bias[d]);
            free(residual[d]);
        }
        qn_context_destroy(ctx);
    }
}

QN_TEST(kernels_gemm_nan_and_infinity_pass_through) {
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 1);
        if (!ctx)
            continue;
        for (int act = 0; act < QN_ACT_COUNT; act++) {
            qn_gemm g = make(3, 5, 4, false, false, QN_F32, QN_F32, QN_F32);
            float *a = (float *)(uintptr_t)g.a.data;
            a[0] = NAN;
            for (int i = 0; i < 20; i++)
                ((float *)(uintptr_t)g.b.data)[i] = 1;
            a[4] = INFINITY;
            g.c.act = (qn_activation){(qn_activation_kind)act, -INFINITY, INFINITY, 0.2f, 0.5f};
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            const float *c = g.c.data;
            for (int j = 0; j < 5; j++) {
                assert_true(isnan(c[j]));
                assert_true((double)c[5 + j] == activated(&g.c.act, INFINITY));
            }
            drop(&g);
        }
        qn_context_destroy(ctx);
    }
}

/* Deep, wide and tall ones: blocks of depth, chunks of the shared operand. */
QN_TEST(kernels_gemm_blocks) {
    static const struct {
        int64_t m, n, k;
    } shapes[] = {{150, 90, 1300}, {90, 150, 1300}, {2100, 2200, 1100}, {2200, 2100, 1100},
                  {3, 5000, 2000}, {5000, 3, 2000}, {1, 1, 5000}};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(isa, 2);
        if (!ctx)
            continue;
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            if (isa == 0 && shapes[s].m > 2000 && shapes[s].n > 2000)
                continue; /* the driver is the same one; seconds without vectors */
            qn_gemm g = make(shapes[s].m, shapes[s].n, shapes[s].k, s & 1, (s >> 1) & 1, QN_F32, QN_F32, QN_F32);
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            check_some(&g, 300);
            drop(&g);
        }
        qn_context_destroy(ctx);
    }
}

static void next_pair(qn_gemm *one, int64_t batch, const void *arg) {
    const int64_t *steps = arg;
    one->a.data = (const float *)one->a.data + batch * steps[0];
    one->b.data = (const float *)one->b.data + batch % 2 * steps[1];
    one->c.data = (float *)one->c.data + batch * steps[2];
}

QN_TEST(kernels_gemm_batches) {
    for (int64_t size = 9; size < 200; size += 150)
        for (int isa = 0; isa < N_ISAS; isa++) {
            qn_context *ctx = context_of(isa, 3);
            if (!ctx)
                continue;
            const int64_t m = size, n = size + 3, k = size - 2, steps[3] = {m * k, k * n, m * n};
            qn_gemm g = qn_gemm_make(m, n, k);
            g.a = (qn_operand){.data = numbers(QN_F32, 7 * m * k), .dtype = QN_F32, .x_stride = k, .k_stride = 1};
            g.b = (qn_operand){.data = numbers(QN_F32, 2 * k * n), .dtype = QN_F32, .x_stride = 1, .k_stride = n};
            g.c.data = numbers(QN_F32, 7 * m * n);
            g.c.dtype = QN_F32;
            g.c.row_stride = n;
            g.n_batch = 7;
            g.at = next_pair;
            g.at_arg = steps;
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            for (int64_t b = 0; b < 7; b++) {
                qn_gemm one = g;
                next_pair(&one, b, steps);
                check_some(&one, 200);
            }
            drop(&g);
            qn_context_destroy(ctx);
        }
}

QN_TEST(kernels_gemm_same_bits_for_any_thread_count) {
    static const struct { int64_t m, n, k; } shapes[] = {{61, 300, 1100}, {300, 61, 77}, {5, 900, 64}, {130, 131, 600}};
    for (int isa = 0; isa < N_ISAS; isa++)
        for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
            const int64_t m = shapes[s].m, n = shapes[s].n;
            qn_gemm g = make(m, n, shapes[s].k, false, s & 1, QN_F32, QN_F32, QN_F32);
            g.c.act.kind = QN_ACT_GELU;
            void *first = NULL;
            for (int threads = 1; threads <= 3; threads++) {
                qn_context *ctx = context_of(isa, threads);
                if (!ctx)
                    break;
                memset(g.c.data, 0, (size_t)(m * n) * 4);
                ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                if (!first) {
                    first = malloc((size_t)(m * n) * 4);
                    assert_non_null(first);
                    memcpy(first, g.c.data, (size_t)(m * n) * 4);
                }
                assert_memory_equal(first, g.c.data, (size_t)(m * n) * 4);
                qn_context_destroy(ctx);
            }
            free(first);
            drop(&g);
        }
}
