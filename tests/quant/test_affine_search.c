/* Scales of least squared error against all scales of a fine grid, with all zero points. */
#include "tests/test.h"

#include <math.h>

#include "kernels/eval.h"
#include "quant/encode.h"

enum { N = 24, GROUPS = 40 };

static uint32_t g_seed;
static float uniform(void) {
    g_seed = g_seed * 1664525u + 1013904223u;
    return (float)((double)(g_seed >> 8) / 8388608.0 - 1.0);
}
static float normal(void) {
    float sum = 0;
    for (int i = 0; i < 12; i++)
        sum += uniform() / 2;
    return sum;
}

/* sum w (x - s q)^2 with the best codes of min .. max less zero. */
static double error_of(const float *x, const float *w, double scale, int min, int max, int zero) {
    double sum = 0;
    for (int i = 0; i < N; i++) {
        double q = scale != 0 ? nearbyint((double)x[i] / scale) : 0;
        q = q < min - zero ? min - zero : q > max - zero ? max - zero : q;
        const double d = (double)x[i] - q * scale;
        sum += (w ? (double)w[i] : 1.0) * d * d;
    }
    return sum;
}

static double best_error(const float *x, const float *w, const qn_code_type *type, bool symmetric) {
    enum { STEPS = 6000 };
    double best = INFINITY;
    float top = 0;
    for (int i = 0; i < N; i++)
        top = fmaxf(top, fabsf(x[i]));
    for (int k = symmetric ? -STEPS : 1; k <= STEPS; k++) /* up to twice what the narrowest type needs */
        for (int zero = symmetric ? 0 : type->min; zero <= (symmetric ? 0 : type->max); zero++)
            best = fmin(best, error_of(x, w, (double)top * 2 / (1 << (type->bits - 1)) * k / STEPS, type->min, type->max, zero));
    return best;
}

/* Rows of N in one block each: the ratio of all errors to the least possible, and of the plain way's. */
static void ratios(qn_dtype code, bool symmetric, bool weighted, int kind, double *searched, double *plain) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    const qn_code_type *type = qn_code_type_of(code);
    float x[GROUPS * N], w[N], got[GROUPS * N];
    double sum[2] = {0}, least = 0;
    g_seed = (uint32_t)kind + 7;
    for (int i = 0; i < GROUPS * N; i++)
        x[i] = kind == 0 ? normal() : kind == 1 ? normal() * (i % 11 == 0 ? 6.0f : 1.0f) : fabsf(normal()) + 1.0f;
    for (int i = 0; i < N; i++)
        w[i] = 0.05f + (float)(i * 7 % 5);
    const qn_encode_how how[2] = {{.scheme = {.range = QN_RANGE_MSE}, .importance = weighted ? w : NULL, .importance_axis = 1},
                                  {.scheme = {.range = QN_RANGE_MINMAX}}};
    for (int k = 0; k < 2; k++) {
        qn_const c = {.dtype = QN_F32, .rank = 2, .dims = {GROUPS, N}, .encoding = QN_ENC_AFFINE, .code_dtype = code, .symmetric = symmetric,
                      .scale_dtype = QN_F32, .axis = 1, .block = N, .lut_axis = -1, .how = &how[k], .name = "w"};
        ASSERT_OK(ctx, qn_encode(ctx, arena, &c, x, c.part));
        ASSERT_OK(ctx, qn_const_decode(ctx, &c, 0, GROUPS * N, got));
        for (int i = 0; i < GROUPS * N; i++) {
            const double d = (double)x[i] - (double)got[i];
            sum[k] += (weighted ? (double)w[i % N] : 1.0) * d * d;
        }
    }
    for (int g = 0; g < GROUPS; g++)
        least += best_error(x + g * N, weighted ? w : NULL, type, symmetric);
    *searched = sum[0] / least;
    *plain = sum[1] / least;
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* The search tries a scale every few per cent and then goes downhill: of 24 numbers one or two may be left with the worse of two
 * nearly equal codes. A step of the grid that it is measured against is under a thousandth of a step of the codes. */
QN_TEST(quant_affine_search_is_near_the_best) {
    static const struct {
        qn_dtype code;
        bool symmetric;
        double bound;
    } cases[] = {{QN_I2, true, 1.002}, {QN_I3, true, 1.005}, {QN_I4, true, 1.01}, {QN_I2, false, 1.01}, {QN_U3, false, 1.01}, {QN_U4, false, 1.04}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int kind = 0; kind < 3; kind++)
            for (int weighted = 0; weighted < 2; weighted++) {
                double searched, plain;
                ratios(cases[i].code, cases[i].symmetric, weighted != 0, kind, &searched, &plain);
                assert_true(searched >= 1 - 1e-4); /* the grid's own steps */
                assert_true(searched <= cases[i].bound);
                assert_true(searched <= plain * (1 + 1e-5));
            }
}

/* ---- the same bytes everywhere ---------------------------------------------------------------------------- */

enum { ROWS = 40, COLUMNS = 150, ALL = ROWS * COLUMNS };

static qn_const matrix(qn_dtype code, bool symmetric, qn_dtype scale, int32_t axis, int64_t block, const qn_encode_how *how) {
    const qn_code_type *type = qn_code_type_of(scale);
    const bool levels = type && type->is_integer;
    return (qn_const){.dtype = QN_F32, .rank = 2, .dims = {ROWS, COLUMNS}, .encoding = QN_ENC_AFFINE, .code_dtype = code,
                      .symmetric = symmetric, .scale_dtype = scale, .super_dtype = levels ? QN_F16 : QN_NONE, .super_block = levels ? 8 : 0,
                      .axis = axis, .block = block, .lut_axis = -1, .how = how, .name = "w"};
}

static void same_parts(const qn_const *a, const qn_const *b) {
    for (int part = 0; part < QN_MAX_PARTS; part++) {
        assert_int_equal(a->part[part].n, b->part[part].n);
        assert_true(a->part[part].n == 0 || memcmp(a->part[part].data, b->part[part].data, a->part[part].n) == 0);
    }
}

QN_TEST(quant_affine_search_has_the_same_bytes_everywhere) {
    static const qn_dtype codes[] = {QN_I4, QN_U3, QN_I8, QN_F8E4M3, QN_F4E2M1}, scales[] = {QN_F16, QN_U6, QN_F8E8M0};
    static const char *const isas[] = {"scalar", "avx2", "avx512"};
    qn_context *ctx[3];
    float x[ALL], w[COLUMNS];
    for (int i = 0; i < 3; i++) {
        const qn_context_options options = {.threads = 1 + i, .isa = isas[i]};
        assert_int_equal(qn_context_create(&options, &ctx[i]), QN_OK); /* what a machine lacks becomes the best that it has */
    }
    g_seed = 3;
    for (int i = 0; i < ALL; i++)
        x[i] = normal() * (i % 37 == 0 ? 5.0f : 1.0f);
    for (int i = 0; i < COLUMNS; i++)
        w[i] = fabsf(normal()) + 0.01f;
    const qn_encode_how how = {.scheme = {.range = QN_RANGE_MSE}, .importance = w, .importance_axis = 1};
    for (size_t k = 0; k < sizeof codes / sizeof *codes; k++)
        for (size_t s = 0; s < sizeof scales / sizeof *scales; s++)
            for (int axis = -1; axis < 2; axis++) { /* one group is dealt out to the lanes */
                qn_arena *arena = qn_arena_create();
                qn_const c[3];
                for (int i = 0; i < 3; i++) {
                    c[i] = matrix(codes[k], codes[k] != QN_U3, scales[s], axis, axis < 0 ? 0 : 16, &how);
                    ASSERT_OK(ctx[i], qn_encode(ctx[i], arena, &c[i], x, c[i].part));
                    same_parts(&c[0], &c[i]);
                }
                qn_arena_destroy(arena);
            }
    for (int i = 0; i < 3; i++)
        qn_context_destroy(ctx[i]);
}

/* ---- percentile and two levels ------------------------------------------------------------------------------- */

/* numpy.percentile([0, 1, .. 9, 100], 90) is 9 and of 95: 54.5. */
QN_TEST(quant_affine_search_percentile) {
    static const struct {
        double percentile;
        float limit;
    } cases[] = {{90, 9}, {95, 54.5f}, {100, 100}};
    qn_context *ctx = qn_test_context();
    float x[11] = {3, -1, 9, 0, 100, 5, -4, 7, -2, 6, 8};
    for (int i = 0; i < 3; i++) {
        qn_arena *arena = qn_arena_create();
        const qn_encode_how how = {.scheme = {.range = QN_RANGE_PERCENTILE, .percentile = cases[i].percentile}};
        qn_const c = {.dtype = QN_F32, .rank = 1, .dims = {11}, .encoding = QN_ENC_AFFINE, .code_dtype = QN_I8, .symmetric = true,
                      .scale_dtype = QN_F32, .axis = -1, .lut_axis = -1, .how = &how, .name = "w"};
        ASSERT_OK(ctx, qn_encode(ctx, arena, &c, x, c.part));
        assert_true(fabsf(qn_const_scale(&c, 0) - cases[i].limit / 127) <= 1e-6f * cases[i].limit);
        qn_arena_destroy(arena);
    }
    qn_context_destroy(ctx);
}

static double stored_error(qn_context *ctx, const qn_const *c, const float *x, const float *w) {
    static float got[ALL];
    double sum = 0;
    ASSERT_OK(ctx, qn_const_decode(ctx, c, 0, ALL, got));
    for (int i = 0; i < ALL; i++) {
        const double d = (double)x[i] - (double)got[i];
        sum += (w ? (double)w[i % COLUMNS] : 1.0) * d * d;
    }
    return sum;
}

/* Scale codes of 6 bits cost a relative error of up to 1 / 126 of the largest scale of a super block; of scales that are all
 * within a factor of two, 2 % of scale, which changes the error of 4 bit codes by (2 % of up to 8 steps)^2 = 0.026 of step^2, a third of the
 * 1 / 12 of rounding, where a number is at the end of its range; on average a tenth of that. The search with two levels is that near to the one
 * with float32. */
QN_TEST(quant_affine_search_two_levels) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[ALL];
    g_seed = 12;
    for (int i = 0; i < ALL; i++)
        x[i] = normal();
    const qn_encode_how mse = {.scheme = {.range = QN_RANGE_MSE}}, plain = {.scheme = {.range = QN_RANGE_MINMAX}};
    for (int symmetric = 0; symmetric < 2; symmetric++) {
        const qn_dtype code = symmetric ? QN_I4 : QN_U4, scale = symmetric ? QN_I6 : QN_U6;
        qn_const c[3] = {matrix(code, symmetric, QN_F32, 1, 30, &mse), matrix(code, symmetric, scale, 1, 30, &mse),
                         matrix(code, symmetric, scale, 1, 30, &plain)};
        double error[3];
        for (int k = 0; k < 3; k++) {
            ASSERT_OK(ctx, qn_encode(ctx, arena, &c[k], x, c[k].part));
            error[k] = stored_error(ctx, &c[k], x, NULL);
        }
        assert_true(error[1] < error[0] * 1.06);
        assert_true(error[1] < error[2] * 0.95); /* and what the search gains is not lost */
        assert_int_equal(c[1].part[QN_PART_SCALES].n, (ROWS * 5 * 6 + 7) / 8);
        assert_int_equal(c[1].part[QN_PART_SUPER_SCALES].n, ROWS * 5 / 8 * 2);
    }
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}

/* Importance moves error to where it counts less. */
QN_TEST(quant_affine_search_importance) {
    qn_context *ctx = qn_test_context();
    qn_arena *arena = qn_arena_create();
    float x[ALL], w[COLUMNS];
    g_seed = 5;
    for (int i = 0; i < ALL; i++)
        x[i] = normal();
    for (int i = 0; i < COLUMNS; i++)
        w[i] = i % 10 == 0 ? 50.0f : 1.0f;
    const qn_encode_how with = {.scheme = {.range = QN_RANGE_MSE}, .importance = w, .importance_axis = 1},
                        without = {.scheme = {.range = QN_RANGE_MSE}, .importance_axis = 1};
    qn_const a = matrix(QN_I3, true, QN_F16, 1, 50, &with), b = matrix(QN_I3, true, QN_F16, 1, 50, &without);
    ASSERT_OK(ctx, qn_encode(ctx, arena, &a, x, a.part));
    ASSERT_OK(ctx, qn_encode(ctx, arena, &b, x, b.part));
    assert_true(stored_error(ctx, &a, x, w) < stored_error(ctx, &b, x, w) * 0.8);
    assert_true(stored_error(ctx, &a, x, NULL) > stored_error(ctx, &b, x, NULL));
    w[7] = -1;
    ASSERT_FAILS(ctx, QN_USAGE, "tensor 'w': importance 7 is no positive number", qn_encode(ctx, arena, &a, x, a.part));
    qn_arena_destroy(arena);
    qn_context_destroy(ctx);
}
