/* Observers: ranges of histograms whose answer is known, and against searches that try everything. */
#include "tests/test.h"

#include <math.h>
#include <string.h>

#include "base/context.h"
#include "base/random.h"
#include "quant/observe.h"

enum { N = 20000 };

/* The mean square error of all numbers for codes of [lo, hi], as kernels make them. */
static double error_of(const float *x, int n, float lo, float hi) {
    const double scale = ((double)hi - (double)lo) / 255, zero = rint(-(double)lo / scale);
    double sum = 0;
    for (int i = 0; i < n; i++) {
        const double code = fmin(fmax(rint((double)x[i] / scale) + zero, 0), 255), e = (double)x[i] - (code - zero) * scale;
        sum += e * e;
    }
    return sum / n;
}

static const qn_observer g_all[] = {QN_OBSERVE_MINMAX, QN_OBSERVE_PERCENTILE, QN_OBSERVE_ENTROPY, QN_OBSERVE_MSE};

QN_TEST(quant_observe_holds_zero) {
    static const float rows[][3] = {{1, 2, 3}, {-3, -2, -1}, {0, 0, 0}, {-1, 0, 4}, {1e-30f, 1e-30f, 1e-30f}};
    for (int r = 0; r < 5; r++)
        for (int o = 0; o < 4; o++) {
            qn_histogram h = {0};
            float lo = 1, hi = -1;
            qn_observe(g_all[o], 99, &h, &lo, &hi);
            assert_true(lo == 0 && hi == 0);
            qn_histogram_add(&h, rows[r], 3);
            qn_observe(g_all[o], 99, &h, &lo, &hi);
            assert_true(lo <= 0 && hi >= 0 && isfinite(lo) && isfinite(hi));
            assert_true(hi > lo || r == 2);
            if (g_all[o] == QN_OBSERVE_MINMAX)
                assert_true(lo == fminf(rows[r][0], 0) && hi == fmaxf(rows[r][2], 0));
        }
}

/* 1000 numbers 0.5, 1.5 ... 999.5 in bins of 1/2: 1 % is cut, five numbers at each end. */
QN_TEST(quant_observe_percentile) {
    float x[1000], lo, hi;
    qn_histogram h = {0};
    for (int i = 0; i < 1000; i++)
        x[i] = (float)i - 499.5f;
    qn_histogram_add(&h, x, 1000);
    assert_true(h.width == 0.5);
    qn_observe(QN_OBSERVE_PERCENTILE, 99, &h, &lo, &hi);
    assert_true(lo == -494.5f && hi == 495);
    qn_observe(QN_OBSERVE_PERCENTILE, 100, &h, &lo, &hi);
    assert_true(lo == -499.5f && hi == 499.5f);
}

/* Normal numbers with a few far ones: mse and entropy cut those, and mse is within 3 % of the best range that a
 * grid of ranges has (the numbers of a bin are not quite evenly spread). */
QN_TEST(quant_observe_outliers) {
    static float x[N];
    uint64_t seed = 11;
    qn_histogram h = {0};
    float lo, hi;
    for (int i = 0; i < N; i++)
        x[i] = (float)qn_random_normal(&seed) + (i % 5000 == 7 ? 12 : 0);
    qn_histogram_add(&h, x, N);
    double best = (double)INFINITY;
    for (int a = 10; a <= 100; a++)
        for (int b = 10; b <= 100; b++)
            best = fmin(best, error_of(x, N, h.least * (float)a / 100, h.largest * (float)b / 100));
    qn_observe(QN_OBSERVE_MSE, 0, &h, &lo, &hi);
    assert_true(error_of(x, N, lo, hi) <= 1.03 * best);
    qn_observe(QN_OBSERVE_ENTROPY, 0, &h, &lo, &hi);
    assert_true(hi < 8 && hi > 2 && lo < -2);
}

/* What a ReLU leaves: half are 0, which costs nothing whatever the range. */
QN_TEST(quant_observe_one_sided) {
    static float x[N];
    uint64_t seed = 12;
    qn_histogram h = {0};
    float lo, hi;
    for (int i = 0; i < N; i++)
        x[i] = fmaxf((float)qn_random_normal(&seed), 0);
    qn_histogram_add(&h, x, N);
    for (int o = 0; o < 4; o++) {
        qn_observe(g_all[o], 99.9, &h, &lo, &hi);
        assert_true(lo == 0 && hi > 2 && hi <= h.largest);
        assert_true(g_all[o] != QN_OBSERVE_MSE || error_of(x, N, lo, hi) <= error_of(x, N, 0, h.largest));
    }
}

QN_TEST(quant_observe_parse) {
    qn_context *ctx = qn_test_context();
    qn_activation_scheme s;
    ASSERT_OK(ctx, qn_activation_scheme_parse(ctx, "int8", &s));
    assert_false(s.is_static);
    ASSERT_OK(ctx, qn_activation_scheme_parse(ctx, "int8:dynamic", &s));
    assert_false(s.is_static);
    ASSERT_OK(ctx, qn_activation_scheme_parse(ctx, "int8:static", &s));
    assert_true(s.is_static);
    static const struct {
        const char *text;
        qn_observer observer;
    } rows[] = {{"int8:static:minmax", QN_OBSERVE_MINMAX},
                {"int8:static:average", QN_OBSERVE_AVERAGE},
                {"int8:static:entropy", QN_OBSERVE_ENTROPY},
                {"int8:static:mse", QN_OBSERVE_MSE},
                {"int8:static:percentile=99.9", QN_OBSERVE_PERCENTILE}};
    for (int i = 0; i < 5; i++) {
        ASSERT_OK(ctx, qn_activation_scheme_parse(ctx, rows[i].text, &s));
        assert_true(s.is_static && s.observer == rows[i].observer);
    }
    assert_true(s.percentile == 99.9);
    static const char *const bad[][2] = {
        {"int4", "activations 'int4': there is int8, int8:dynamic or int8:static with"},
        {"int8:statics", "activations 'int8:statics': there is int8"},
        {"int8:static:", "'' is no observer"},
        {"int8:static:max", "'max' is no observer; there is"},
        {"int8:static:percentile=", "a percentile is over 50 and at most 100"},
        {"int8:static:percentile=101", "a percentile is over 50"},
        {"int8:static:percentile=9x", "a percentile is over 50"},
        {"int8:static:percentile=nan", "a percentile is over 50"},
    };
    qn_context_destroy(ctx);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ctx = qn_test_context();
        ASSERT_FAILS(ctx, QN_USAGE, bad[i][1], qn_activation_scheme_parse(ctx, bad[i][0], &s));
        qn_context_destroy(ctx);
    }
}
