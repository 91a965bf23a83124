/* Symmetric int8 against the formula, element by element. */
#include "tests/test.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "quant/quant.h"

enum { MAX = 4096 };

static uint64_t g_seed;
static float noise(void) {
    g_seed = g_seed * 6364136223846793005u + 1442695040888963407u;
    return (float)((double)(g_seed >> 11) / 4503599627370496.0 - 1.0);
}

/* The formula, one element at a time: rint is round-half-even, the division is float32's. */
static void brute(qn_groups g, const float *x, int64_t n, int8_t *codes, float *scales) {
    for (int64_t k = 0; k < g.n_groups; k++) {
        float max = 0;
        for (int64_t e = 0; e < n; e++)
            if ((e / g.inner) % g.n_groups == k && fabsf(x[e]) > max)
                max = fabsf(x[e]);
        scales[k] = max / 127.0f;
        for (int64_t e = 0; e < n; e++)
            if ((e / g.inner) % g.n_groups == k) {
                double q = scales[k] > 0 ? rint((double)(x[e] / scales[k])) : 0;
                codes[e] = (int8_t)(q > 127 ? 127 : q < -127 ? -127 : q);
            }
    }
}

QN_TEST(quant_int8_brute_force) {
    static const struct {
        int64_t outer, groups, inner;
    } shapes[] = {{1, 1, 1}, {1, 1, 777}, {1, 8, 27}, {5, 7, 1}, {3, 4, 5}, {64, 64, 1}, {1, 64, 64}, {2, 1, 9}, {1, 300, 1}};
    float x[MAX], want_scales[MAX], scales[MAX];
    int8_t want[MAX], codes[MAX];
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        qn_groups g = {.n_groups = shapes[i].groups, .inner = shapes[i].inner};
        int64_t n = shapes[i].outer * g.n_groups * g.inner, bad;
        g_seed = i;
        for (int64_t e = 0; e < n; e++) /* halves among them: ties go to even */
            x[e] = e % 3 == 0 ? rintf(noise() * 254.0f) / 2 : noise() * 100.0f;
        brute(g, x, n, want, want_scales);
        assert_true(qn_int8_quantise(g, x, n, codes, scales, &bad));
        assert_memory_equal(codes, want, (size_t)n);
        assert_memory_equal(scales, want_scales, (size_t)g.n_groups * sizeof *scales);

        /* the same in pieces of any size */
        for (int64_t piece = 1; piece <= 11; piece += 5) {
            memset(scales, 0, sizeof scales);
            memset(codes, 99, sizeof codes);
            for (int64_t at = 0; at < n; at += piece)
                assert_true(qn_int8_absmax(g, at, x + at, n - at < piece ? n - at : piece, scales, &bad));
            qn_int8_scales(scales, g.n_groups, scales);
            for (int64_t at = 0; at < n; at += piece)
                qn_int8_encode(g, at, x + at, n - at < piece ? n - at : piece, scales, codes + at);
            assert_memory_equal(codes, want, (size_t)n);
            assert_memory_equal(scales, want_scales, (size_t)g.n_groups * sizeof *scales);
        }
    }
}

/* |x - code * scale| <= scale / 2: rounding to the nearest code, plus an ulp of x for the two float32 operations. */
QN_TEST(quant_int8_error_bound) {
    float x[MAX], scale;
    int8_t codes[MAX];
    int64_t bad;
    g_seed = 7;
    for (int64_t e = 0; e < MAX; e++)
        x[e] = noise() * noise() * 3.0f;
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 1, .inner = 1}, x, MAX, codes, &scale, &bad));
    for (int64_t e = 0; e < MAX; e++)
        assert_true(fabsf(x[e] - (float)codes[e] * scale) <= scale / 2 + fabsf(x[e]) * FLT_EPSILON);
}

QN_TEST(quant_int8_ties_and_ends) {
    const float x[] = {127, -127, 0.5f, 1.5f, 2.5f, -0.5f, -1.5f, -2.5f, 126.5f};
    const int8_t want[] = {127, -127, 0, 2, 2, 0, -2, -2, 126};
    int8_t codes[9];
    float scale;
    int64_t bad;
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 1, .inner = 1}, x, 9, codes, &scale, &bad));
    assert_true(scale == 1.0f);
    assert_memory_equal(codes, want, 9);
}

QN_TEST(quant_int8_degenerate) {
    int8_t codes[6];
    float scales[3];
    int64_t bad;
    /* all zeros, -0 among them: scale 0, codes 0 */
    const float zeros[6] = {0, -0.0f, 0, 0, 0, 0};
    memset(codes, 5, sizeof codes);
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 3, .inner = 2}, zeros, 6, codes, scales, &bad));
    for (int i = 0; i < 6; i++)
        assert_int_equal(codes[i], 0);
    assert_true(scales[0] == 0 && scales[1] == 0 && scales[2] == 0);
    /* constant: +-127, exact up to the scale's rounding */
    const float same[6] = {-0.3f, -0.3f, 0.3f, 0.3f, 1e-30f, 1e-30f};
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 3, .inner = 2}, same, 6, codes, scales, &bad));
    assert_int_equal(codes[0], -127);
    assert_int_equal(codes[3], 127);
    assert_int_equal(codes[5], 127);
    /* so small that the scale is 0: codes 0, not a division by it */
    const float tiny[2] = {1e-45f, -1e-45f};
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 1, .inner = 1}, tiny, 2, codes, scales, &bad));
    assert_true(scales[0] == 0 && codes[0] == 0 && codes[1] == 0);
    /* a subnormal scale stays within the codes */
    const float small[2] = {1e-43f, -1e-43f};
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 1, .inner = 1}, small, 2, codes, scales, &bad));
    assert_true(codes[0] >= 0 && codes[0] == -codes[1]);
    /* the largest floats */
    const float large[2] = {FLT_MAX, -FLT_MAX};
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 1, .inner = 1}, large, 2, codes, scales, &bad));
    assert_int_equal(codes[0], 127);
    assert_int_equal(codes[1], -127);
    /* nothing at all */
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 3, .inner = 0}, zeros, 0, codes, scales, &bad));
    assert_true(qn_int8_quantise((qn_groups){.n_groups = 0, .inner = 4}, zeros, 0, codes, scales, &bad));
}

QN_TEST(quant_int8_not_finite) {
    const float bads[3] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        float x[12] = {0}, scales[4];
        int8_t codes[12];
        int64_t bad = -1;
        x[7] = bads[i];
        x[9] = NAN;
        assert_false(qn_int8_quantise((qn_groups){.n_groups = 4, .inner = 1}, x, 12, codes, scales, &bad));
        assert_int_equal(bad, 7);
        bad = -1;
        assert_false(qn_int8_quantise((qn_groups){.n_groups = 4, .inner = 3}, x, 12, codes, scales, &bad));
        assert_int_equal(bad, 7);
        bad = -1;
        memset(scales, 0, sizeof scales);
        assert_false(qn_int8_absmax((qn_groups){.n_groups = 4, .inner = 1}, 6, x + 6, 6, scales, &bad));
        assert_int_equal(bad, 7);
    }
}

QN_TEST(quant_int8_groups_of_a_constant) {
    qn_const c = {.dtype = QN_F32, .rank = 3, .dims = {2, 3, 5}, .axis = -1};
    qn_groups g = qn_const_groups(&c);
    assert_int_equal(g.n_groups, 1);
    const int64_t inner[3] = {15, 5, 1};
    for (int32_t a = 0; a < 3; a++) {
        c.axis = a;
        g = qn_const_groups(&c);
        assert_int_equal(g.n_groups, c.dims[a]);
        assert_int_equal(g.inner, inner[a]);
    }
}
