/* The packed product in bfloat16 and in int8 against sums in double, on every instruction set that has them.
 *
 * Bounds. BF16: products of two bfloat16 are exact in float32; each of the k additions rounds once, u = 2^-24, so the
 * sum is within (k + 2) u sum|a b| of the true one. INT8: sums are exact; the conversion of the sum to float32, the
 * product of the scales and the one with it round once each, so the result is within 3 u of itself (4 u with the bias).
 */
#include "base/context.h"
#include "base/half.h"
#include "kernels/gemm/gemm.h"
#include "kernels/ref/x_quant.h"
#include "tests/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t g_seed;
static float next_value(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (float)((int32_t)(g_seed >> 8) - (1 << 23)) * 0x1p-23f;
}

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

/* ---- bfloat16 ------------------------------------------------------------------------------------------------ */

static double bf16_at(const qn_operand *o, int64_t x, int64_t k) {
    int64_t i = x * o->x_stride + k * o->k_stride;
    if (o->dtype == QN_BF16)
        return (double)qn_bf16_to_f32(((const uint16_t *)o->data)[i]);
    return ((const int8_t *)o->data)[i] * 0.25; /* codes with a scale that keeps them exact */
}

static void check_bf16(const qn_gemm *g) {
    for (int64_t i = 0; i < g->m; i++)
        for (int64_t j = 0; j < g->n; j++) {
            double sum = 0, size = 0;
            for (int64_t k = 0; k < g->k; k++) {
                double t = bf16_at(&g->a, i, k) * bf16_at(&g->b, j, k);
                sum += t;
                size += fabs(t);
            }
            double got = (double)((const float *)g->c.data)[i * g->n + j];
            double bound = ((double)g->k + 2) * 0x1p-24 * size;
            if (!(fabs(got - sum) <= bound))
                fail_msg("%lld x %lld x %lld, element %lld, %lld: %.9g, wanted %.9g within %.3g", (long long)g->m,
                         (long long)g->n, (long long)g->k, (long long)i, (long long)j, got, sum, bound);
        }
}

static void *narrow_numbers(qn_dtype dtype, int64_t n) {
    void *p = malloc((size_t)n * 2 + 64);
    assert_non_null(p);
    for (int64_t i = 0; i < n; i++) {
        float v = next_value();
        if (dtype == QN_BF16)
            ((uint16_t *)p)[i] = qn_f32_to_bf16(v);
        else
            ((int8_t *)p)[i] = (int8_t)(v * 100);
    }
    return p;
}

static void try_bf16(qn_context *ctx, int64_t m, int64_t n, int64_t k, bool ta, bool tb, qn_dtype b) {
    static const float quarter = 0.25f;
    uint16_t *x = narrow_numbers(QN_BF16, m * k);
    void *w = narrow_numbers(b, n * k);
    float *c = malloc((size_t)(m * n + 1) * sizeof *c);
    assert_non_null(c);
    c[m * n] = 77;
    qn_gemm g = qn_gemm_make(m, n, k);
    g.arith = QN_ARITH_BF16;
    g.a = (qn_operand){.data = x, .dtype = QN_BF16, .x_stride = ta ? 1 : k, .k_stride = ta ? m : 1, .scale_run = 1};
    g.b = (qn_operand){.data = w, .dtype = b, .x_stride = tb ? k : 1, .k_stride = tb ? 1 : n, .scale_run = 1};
    if (b == QN_I8) {
        g.b.scales = &quarter;
        g.b.scale_dtype = QN_F32;
    }
    g.c.data = c;
    g.c.dtype = QN_F32;
    g.c.row_stride = n;
    ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
    check_bf16(&g);
    assert_true(c[m * n] == 77);
    free(x);
    free(w);
    free(c);
}

QN_TEST(kernels_gemm_narrow_bf16) {
    static const int64_t ms[] = {5, 6, 14, 17, 24, 25, 43, 150}, ns[] = {2, 7, 16, 31, 33, 70, 200},
                         ks[] = {0, 1, 2, 3, 31, 32, 33, 65, 1025};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(g_isas[isa], 2, QN_ARITH_BF16);
        if (!ctx)
            continue;
        for (size_t a = 0; a < sizeof ms / sizeof ms[0]; a++)
            for (size_t b = 0; b < sizeof ns / sizeof ns[0]; b++)
                for (size_t c = 0; c < sizeof ks / sizeof ks[0]; c++)
                    for (int t = 0; t < 4 && ms[a] * ns[b] * ks[c] < 4000000; t++)
                        try_bf16(ctx, ms[a], ns[b], ks[c], t & 1, t >> 1, (a + b + c) % 3 ? QN_BF16 : QN_I8);
        qn_context_destroy(ctx);
    }
}

/* ---- int8 ------------------------------------------------------------------------------------------------------ */

typedef struct int8_case {
    int64_t m, n, k;
    float *x;      /* [m, k] */
    int8_t *codes; /* [n, k] or [k, n] */
    float *scales; /* [n] */
    bool k_inside; /* codes are [n, k] */
    float *c;
} int8_case;

static int8_case make_int8(int64_t m, int64_t n, int64_t k, bool k_inside) {
    int8_case t = {m,
                   n,
                   k,
                   malloc((size_t)(m * k + 1) * 4),
                   malloc((size_t)(n * k + 1)),
                   malloc((size_t)n * 4),
                   k_inside,
                   malloc((size_t)(m * n + 1) * 4)};
    assert_true(t.x && t.codes && t.scales && t.c);
    for (int64_t i = 0; i < m * k; i++)
        t.x[i] = next_value() * (float)(1 + i / (k + 1) % 3) + 0.2f;
    for (int64_t i = 0; i < n * k; i++)
        t.codes[i] = (int8_t)(i % 5 == 0 ? 127 : i % 7 == 0 ? -127 : (int)(next_value() * 127));
    for (int64_t i = 0; i < n; i++)
        t.scales[i] = 0.01f + 0.001f * (float)(i % 13);
    t.c[m * n] = 77;
    return t;
}

static void drop_int8(int8_case *t) {
    free(t->x);
    free(t->codes);
    free(t->scales);
    free(t->c);
}

static qn_gemm product_of(const int8_case *t) {
    qn_gemm g = qn_gemm_make(t->m, t->n, t->k);
    g.arith = QN_ARITH_INT8;
    g.a =
        (qn_operand){.data = t->x, .dtype = QN_F32, .x_stride = t->k, .k_stride = 1, .scale_run = 1, .quantise = true};
    g.b = (qn_operand){.data = t->codes,
                       .dtype = QN_I8,
                       .x_stride = t->k_inside ? t->k : 1,
                       .k_stride = t->k_inside ? 1 : t->n,
                       .scales = t->scales,
                       .scale_dtype = QN_F32,
                       .scale_axis = QN_SCALE_X,
                       .scale_run = 1};
    g.c.data = t->c;
    g.c.dtype = QN_F32;
    g.c.row_stride = t->n;
    return g;
}

/* The number that (x - quantised row by its range) stands for, in double. */
static double quantised(const int8_case *t, int64_t i, int64_t k, qn_x_quant r) {
    double q = rint((double)(t->x[i * t->k + k] * r.inverse)) + r.zero_point;
    return (q < 0 ? 0 : q > 255 ? 255 : q) - r.zero_point;
}

/* By the range of each row, or by `fixed`. */
static void check_rows(const int8_case *t, const qn_x_quant *fixed) {
    for (int64_t i = 0; i < t->m; i++) {
        float lo = 0, hi = 0;
        for (int64_t k = 0; k < t->k; k++) {
            lo = fminf(lo, t->x[i * t->k + k]);
            hi = fmaxf(hi, t->x[i * t->k + k]);
        }
        qn_x_quant r = fixed ? *fixed : qn_x_quant_make(lo, hi, true);
        for (int64_t j = 0; j < t->n; j++) {
            double sum = 0;
            for (int64_t k = 0; k < t->k; k++)
                sum += quantised(t, i, k, r) * t->codes[t->k_inside ? j * t->k + k : k * t->n + j];
            double want = sum * (double)r.scale * (double)t->scales[j], got = (double)t->c[i * t->n + j];
            if (!(fabs(got - want) <= 4 * 0x1p-24 * fabs(want)))
                fail_msg("%lld x %lld x %lld, element %lld, %lld: %.9g, wanted %.9g", (long long)t->m, (long long)t->n,
                         (long long)t->k, (long long)i, (long long)j, got, want);
        }
    }
}

static void check_int8(const int8_case *t) { check_rows(t, NULL); }

QN_TEST(kernels_gemm_narrow_int8) {
    static const int64_t ms[] = {1, 3, 5, 14, 17, 24, 25, 150}, ns[] = {1, 7, 16, 31, 33, 70, 200},
                         ks[] = {0, 1, 3, 4, 5, 31, 64, 67, 600, 4100};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(g_isas[isa], 2, QN_ARITH_INT8);
        if (!ctx)
            continue;
        for (size_t a = 0; a < sizeof ms / sizeof ms[0]; a++)
            for (size_t b = 0; b < sizeof ns / sizeof ns[0]; b++)
                for (size_t c = 0; c < sizeof ks / sizeof ks[0]; c++)
                    for (int t = 0; t < 2 && ms[a] * ns[b] * ks[c] < 4000000; t++) {
                        int8_case it = make_int8(ms[a], ns[b], ks[c], t);
                        qn_gemm g = product_of(&it);
                        ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
                        check_int8(&it);
                        assert_true(it.c[it.m * it.n] == 77);
                        drop_int8(&it);
                    }
        qn_context_destroy(ctx);
    }
}

/* All rows by one scale and zero point: what lies outside is clamped, however far, and NaN has the code 0. */
QN_TEST(kernels_gemm_narrow_int8_fixed) {
    static const int64_t ms[] = {1, 3, 17, 150};
    const qn_x_quant fixed = {0.003f, 1.0f / 0.003f, 120, true};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(g_isas[isa], 2, QN_ARITH_INT8);
        if (!ctx)
            continue;
        for (int c = 0; c < 8; c++) {
            int8_case it = make_int8(ms[c / 2], 35, 67, c % 2);
            qn_gemm g = product_of(&it);
            it.x[1] = 3e38f, it.x[5] = -3e38f, it.x[9] = INFINITY, it.x[11] = NAN;
            g.a.is_fixed = true;
            g.a.unit_scale = fixed.scale;
            g.a.unit_zero = fixed.zero_point;
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            it.x[11] = -3e38f; /* the same code */
            check_rows(&it, &fixed);
            drop_int8(&it);
        }
        qn_context_destroy(ctx);
    }
}

/* Sums of the largest products and the deepest sums: nothing saturates or wraps. */
QN_TEST(kernels_gemm_narrow_int8_extremes) {
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(g_isas[isa], 1, QN_ARITH_INT8);
        if (!ctx)
            continue;
        for (int sign = 0; sign < 2; sign++) {
            int8_case it = make_int8(2, 3, QN_GEMM_INT8_DEPTH, true);
            for (int64_t i = 0; i < it.m * it.k; i++)
                it.x[i] = sign ? -1.0f : 1.0f;
            for (int64_t i = 0; i < it.n * it.k; i++)
                it.codes[i] = (int8_t)(i < it.k ? 127 : -127);
            qn_gemm g = product_of(&it);
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            check_int8(&it);
            drop_int8(&it);
        }
        qn_context_destroy(ctx);
    }
}

/* A row with a number that is not finite is NaN, the others are not touched by it. */
QN_TEST(kernels_gemm_narrow_int8_not_finite) {
    static const float odd[] = {NAN, INFINITY, -INFINITY};
    for (int isa = 0; isa < N_ISAS; isa++) {
        qn_context *ctx = context_of(g_isas[isa], 1, QN_ARITH_INT8);
        if (!ctx)
            continue;
        for (int kind = 0; kind < 3; kind++) {
            int8_case it = make_int8(9, 20, 37, false), clean = it;
            it.x[4 * 37 + 11] = odd[kind];
            qn_gemm g = product_of(&it);
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            for (int64_t j = 0; j < 9 * 20; j++)
                assert_true(isnan(it.c[j]) == (j / 20 == 4));
            it.x[4 * 37 + 11] = 0.5f;
            ASSERT_OK(ctx, qn_gemm_run(ctx, &g));
            check_int8(&clean);
            drop_int8(&it);
        }
        qn_context_destroy(ctx);
    }
}
