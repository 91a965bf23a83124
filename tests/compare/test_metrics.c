#include "tests/test.h"

#include "compare/metrics.h"

#include <math.h>

static qn_tensor vec(float *data, int64_t n) {
    return (qn_tensor){QN_F32, 1, {n}, data, (size_t)n * sizeof *data};
}

static qn_metrics measure(qn_tensor r, qn_tensor v, const uint8_t *mask) {
    qn_context *ctx = qn_test_context();
    qn_metrics m;
    ASSERT_OK(ctx, qn_metrics_compute(ctx, &r, &v, mask, 0.1, 0.5, &m));
    qn_context_destroy(ctx);
    return m;
}

QN_TEST(compare_metrics_by_hand) {
    float r[4] = {3, 0, -4, 0}, v[4] = {3, 1, -4, -1};
    qn_metrics m = measure(vec(r, 4), vec(v, 4), NULL);
    assert_true(m.n == 4 && m.max_abs == 1 && m.ref_max == 4);
    assert_true(m.max_rel == 0.25);
    assert_true(fabs(m.rmse - sqrt(0.5)) < 1e-15);
    assert_true(fabs(m.sqnr_db - 10 * log10(25.0 / 2)) < 1e-12);
    assert_true(fabs(m.cosine - 25 / (5 * sqrt(27.0))) < 1e-15);
    assert_int_equal(m.n_mismatch, 2);
    assert_int_equal(m.first_bad, -1);
}

QN_TEST(compare_metrics_equal_and_zero) {
    float r[3] = {0, 0, 0}, v[3] = {0, 0, 0}, w[3] = {0, 2, 0};
    qn_metrics same = measure(vec(r, 3), vec(v, 3), NULL);
    assert_true(same.cosine == 1 && isinf(same.sqnr_db) && same.max_rel == 0);
    qn_metrics off = measure(vec(r, 3), vec(w, 3), NULL);
    assert_true(off.cosine == 0 && off.max_abs == 2 && isinf(off.max_rel));
    qn_metrics none = measure(vec(r, 0), vec(v, 0), NULL);
    assert_true(none.n == 0 && none.cosine == 1 && none.rmse == 0);
}

QN_TEST(compare_metrics_non_finite) {
    float r[3] = {1, NAN, INFINITY}, same[3] = {1, NAN, INFINITY}, bad[3] = {1, 2, INFINITY};
    qn_metrics m = measure(vec(r, 3), vec(same, 3), NULL);
    assert_true(m.max_abs == 0 && m.cosine == 1);
    m = measure(vec(r, 3), vec(bad, 3), NULL);
    assert_true(isinf(m.max_abs) && m.cosine == 0 && m.first_bad == 1 && m.n_mismatch == 1);
    float finite[3] = {1, 2, 3}, overflow[3] = {1, INFINITY, 3};
    m = measure(vec(finite, 3), vec(overflow, 3), NULL);
    assert_true(isinf(m.max_abs) && m.sqnr_db < 0 && m.first_bad == 1);
}

QN_TEST(compare_metrics_mask) {
    float r[3] = {1, 2, 3}, v[3] = {1, 9, 3};
    uint8_t mask[3] = {1, 0, 1};
    qn_metrics m = measure(vec(r, 3), vec(v, 3), mask);
    assert_true(m.n == 2 && m.max_abs == 0);
}

QN_TEST(compare_metrics_dtypes_and_shapes) {
    qn_context *ctx = qn_test_context();
    int64_t i[2] = {1, -5};
    float f[2] = {1, -4};
    qn_tensor a = {QN_I64, 1, {2}, i, sizeof i}, b = vec(f, 2), c = {QN_F32, 2, {2, 1}, f, sizeof f};
    qn_metrics m;
    ASSERT_OK(ctx, qn_metrics_compute(ctx, &a, &b, NULL, 0, 0, &m));
    assert_true(m.max_abs == 1 && m.ref_max == 5);
    ASSERT_FAILS(ctx, QN_USAGE, "shapes differ: [2] and [2,1]", qn_metrics_compute(ctx, &b, &c, NULL, 0, 0, &m));
    qn_context_destroy(ctx);
}
